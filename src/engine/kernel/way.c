/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a hit of a user probe costs besides its program: the trap and the way back. It is measured when it is first asked for, by
 * a probe with an empty program on functions of our own: at an instruction that the kernel emulates, at one that it steps, and at a
 * return. A place of which nothing is known counts as stepped, which is the most that it can cost.
 */
#include "engine/kernel/kernel.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "objfile/proc.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <sys/ioctl.h>

enum { CALLS = 200 };

__asm__(".text\n"
	".p2align 4\n.type kernel_way_pushes,@function\nkernel_way_pushes: push %rbx; pop %rbx; ret\n"
	".size kernel_way_pushes, .-kernel_way_pushes\n"
	".p2align 4\n.type kernel_way_moves,@function\nkernel_way_moves: mov %rdi,%rax; nop; ret\n"
	".size kernel_way_moves, .-kernel_way_moves\n");
void kernel_way_pushes(void);
void kernel_way_moves(void);

/* where in /proc/self/exe an address of ours lies */
static bool file_offset(uint64_t address, uint64_t *ret)
{
	struct proc_maps maps;
	const struct proc_map *m;
	struct err *err = proc_maps_read(getpid(), &maps);

	if (err) {
		err_free(err);
		return false;
	}
	m = proc_maps_find(&maps, address);
	if (m)
		*ret = address - m->start + m->offset;
	proc_maps_free(&maps);
	return m != NULL;
}

/* the descriptor that holds the probe; *perf: another one, or -1 */
static int attach(uint64_t offset, bool is_return, int *perf)
{
	static const struct bpf_insn empty[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	bool is_multi = features_has(FEATURE_UPROBE_MULTI);
	LIBBPF_OPTS(bpf_prog_load_opts, opts,
		    .expected_attach_type = is_multi ? SYS_BPF_TRACE_UPROBE_MULTI : 0);
	FD_AUTO prog = bpf_prog_load(BPF_PROG_TYPE_KPROBE, "way", "GPL", empty,
				     sizeof(empty) / sizeof(*empty), &opts);
	struct sys_uprobe_multi multi = { .path = "/proc/self/exe",
					  .offsets = &offset,
					  .n = 1,
					  .is_return = is_return,
					  .pid = getpid() };
	int64_t type = sys_read_number("/sys/bus/event_source/devices/uprobe/type");
	struct perf_event_attr attr = { .config = is_return,
					.type = (uint32_t)type,
					.uprobe_path = (uintptr_t)multi.path,
					.probe_offset = offset };

	*perf = -1;
	if (prog < 0)
		return -1;
	if (is_multi)
		return sys_link_uprobe_multi(prog, &multi);
	*perf = type < 0 ? -1 : sys_perf_event_open(&attr, getpid(), -1);
	if (*perf >= 0 && (ioctl(*perf, PERF_EVENT_IOC_SET_BPF, prog) < 0 ||
			   ioctl(*perf, PERF_EVENT_IOC_ENABLE, 0) < 0)) {
		close(*perf);
		*perf = -1;
	}
	return *perf;
}

static uint64_t measure(void (*f)(void), bool is_return)
{
	uint64_t offset, ns;
	int fd, perf;

	if (!file_offset((uint64_t)(uintptr_t)f, &offset))
		return 0;
	fd = attach(offset, is_return, &perf);
	if (fd < 0)
		return 0;
	ns = clock_time_calls(f, CALLS) / CALLS;
	close(fd);
	return ns;
}

void engine_kernel_ways(struct engine_ways *ret)
{
	*ret = (struct engine_ways){ .emulated = measure(kernel_way_pushes, false),
				     .stepped = measure(kernel_way_moves, false),
				     .returned = measure(kernel_way_pushes, true) };
	log_verbose(
		"a hit without its program: %llu ns where the kernel emulates the instruction, %llu ns "
		"where it steps, %llu ns at a return",
		(unsigned long long)ret->emulated, (unsigned long long)ret->stepped,
		(unsigned long long)ret->returned);
	/* in a newer kernel all of them may be alike, in none the step is less */
	if (ret->stepped < ret->emulated)
		ret->stepped = ret->emulated;
}

uint64_t kernel_way_ns(struct engine *e, uint32_t prog)
{
	const struct probe_shape *s = e->image->progs[prog]->shape;
	uint64_t step;
	bool is_cheap = true;

	if (!e->ways.stepped)
		engine_kernel_ways(&e->ways);
	/* the places of USDT are nops */
	for (uint32_t i = 0; s->kind != PROBE_USDT && i < s->n_points; i++)
		is_cheap &= s->points[i].is_cheap;
	step = is_cheap ? 0 : e->ways.stepped - e->ways.emulated;
	return step + (probe_is_kernel_return(s) ? e->ways.returned : e->ways.emulated);
}
