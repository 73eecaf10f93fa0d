/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The longer checks of features.c: a walk through the kernel's own BTF, and a probe on ourselves.
 * The first kernels with uprobe_multi (6.6 to 6.9, without later fixes) take the pid of a link for
 * one thread; there -p would miss the others, so the engine asks here and otherwise uses perf
 * events, which follow the process.
 */
#include "engine/kernel/features_private.h"

#include "base/bytes.h"
#include "base/cleanup.h"
#include "engine/kernel/features.h"
#include "engine/kernel/sys.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <pthread.h>

uint32_t features_btf_tail(unsigned kind, unsigned vlen)
{
	switch (kind) {
	case 1:  /* int */
	case 14: /* var */
	case 17: /* decl tag */ return 4;
	case 3: /* array */ return 12;
	case 4:  /* struct */
	case 5:  /* union */
	case 15: /* data section */
	case 19: /* enum64 */ return 12 * vlen;
	case 6: /* enum */
	case 13: /* prototype */ return 8 * vlen;
	default: return 0;
	}
}

static uint32_t btf_find(struct bytes btf, const char *name, unsigned kind)
{
	uint32_t header, type_off, type_len, str_off, str_len;
	struct bytes types;
	size_t n = strlen(name) + 1;

	bytes_take(&btf, 4); /* magic, version, flags */
	header = bytes_u32(&btf);
	type_off = bytes_u32(&btf);
	type_len = bytes_u32(&btf);
	str_off = bytes_u32(&btf);
	str_len = bytes_u32(&btf);
	if (btf.bad || (uint64_t)header + type_off + type_len > btf.n ||
	    (uint64_t)header + str_off + str_len > btf.n)
		return 0;
	types = bytes_make(btf.p + header + type_off, type_len);
	for (uint32_t id = 1; bytes_left(&types) && !types.bad; id++) {
		uint32_t at = bytes_u32(&types), info = bytes_u32(&types);

		bytes_u32(&types);
		if ((info >> 24 & 31) == kind && (uint64_t)at + n <= str_len &&
		    memcmp(btf.p + header + str_off + at, name, n) == 0)
			return id;
		bytes_take(&types, features_btf_tail(info >> 24 & 31, info & 0xffff));
	}
	return 0;
}

uint32_t features_btf_id(const char *name, unsigned kind)
{
	/* some megabytes, read once and kept: whoever asks asks several times, and then ends */
	static struct strbuf btf;

	if (!btf.n && !sys_read_file("/sys/kernel/btf/vmlinux", &btf))
		return 0;
	return btf_find(bytes_make(btf.p, btf.n), name, kind);
}

/* ---- a probe on ourselves ---- */

/* what the thread of the check calls; the barrier keeps it from being folded away */
__attribute__((noinline)) static void probed_function(void)
{
	__asm__ volatile("" ::: "memory");
}

static void *call_probed_function(void *unused)
{
	probed_function();
	return NULL;
}

/* offset of an address of ours in our own executable */
static bool own_file_offset(uintptr_t address, uint64_t *offset)
{
	FILE_AUTO maps = fopen("/proc/self/maps", "re");
	char line[512];

	while (maps && fgets(line, sizeof(line), maps)) {
		unsigned long start, end, from;

		if (sscanf(line, "%lx-%lx %*s %lx", &start, &end, &from) == 3 && address >= start &&
		    address < end) {
			*offset = address - start + from;
			return true;
		}
	}
	return false;
}

/* a program that adds 1 to element 0 of the array map */
static int load_counter(int map)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ST | BPF_MEM | BPF_W, .dst_reg = 10, .off = -4 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 2, .src_reg = 10 },
		{ .code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = 2, .imm = -4 },
		{ .code = BPF_LD | BPF_IMM | BPF_DW,
		  .dst_reg = 1,
		  .src_reg = BPF_PSEUDO_MAP_FD,
		  .imm = map },
		{ 0 },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_map_lookup_elem },
		{ .code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = 0, .off = 2 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 1, .imm = 1 },
		{ .code = BPF_STX | BPF_ATOMIC | BPF_DW, .dst_reg = 0, .src_reg = 1, .imm = BPF_ADD },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = SYS_BPF_TRACE_UPROBE_MULTI);

	return bpf_prog_load(BPF_PROG_TYPE_KPROBE, NULL, "GPL", insns,
			     sizeof(insns) / sizeof(*insns), &opts);
}

bool features_try_uprobe_multi_process(void)
{
	FD_AUTO map = bpf_map_create(BPF_MAP_TYPE_ARRAY, NULL, 4, 8, 1, NULL);
	FD_AUTO prog = map >= 0 ? load_counter(map) : -1;
	uint64_t offset, hits = 0;
	struct sys_uprobe_multi multi = {
		.path = "/proc/self/exe", .offsets = &offset, .n = 1, .pid = getpid()
	};
	uint32_t key = 0;
	pthread_t thread;

	if (prog < 0 || !own_file_offset((uintptr_t)probed_function, &offset))
		return false;
	FD_AUTO link = sys_link_uprobe_multi(prog, &multi);
	if (link < 0 || pthread_create(&thread, NULL, call_probed_function, NULL) != 0)
		return false;
	pthread_join(thread, NULL);
	return bpf_map_lookup_elem(map, &key, &hits) == 0 && hits == 1;
}

/*
 * A leaf function that keeps its argument below rsp over a 5-byte nop. Kernel 6.18 replaces the nop by a call after the
 * first hit (optimized uprobes), and the call writes its return address there.
 */
__asm__(".text\n.p2align 4\n.type features_red_zone,@function\nfeatures_red_zone:\n"
	"mov %rdi,-8(%rsp)\nfeatures_nop5: .byte 0x0f,0x1f,0x44,0,0\nmov -8(%rsp),%rax\nret\n"
	".size features_red_zone, .-features_red_zone\n");
long features_red_zone(long value);
extern const char features_nop5[];

/* one that begins with it: nothing is below rsp there. All arguments in registers come to the result */
__asm__(".text\n.p2align 4\n.type features_entry_nop5,@function\nfeatures_entry_nop5:\n"
	".byte 0x0f,0x1f,0x44,0,0\nlea (%rdi,%rsi,2),%rax\nlea (%rax,%rdx,4),%rax\nlea (%rax,%rcx,8),%rax\n"
	"add %r8,%rax\nadd %r9,%rax\nret\n"
	".size features_entry_nop5, .-features_entry_nop5\n");
long features_entry_nop5(long a, long b, long c, long d, long e, long f);

/* for this process alone; probe and event end with the descriptor */
static int probe_self(uint64_t offset)
{
	struct perf_event_attr attr = { .size = sizeof(attr),
					.uprobe_path = (uintptr_t) "/proc/self/exe",
					.probe_offset = offset };
	STRBUF_AUTO text = { 0 };
	uint64_t type;

	if (!sys_read_file("/sys/bus/event_source/devices/uprobe/type", &text) ||
	    !str_to_u64(str_trim(strbuf_str(&text)), &type))
		return -1;
	attr.type = (uint32_t)type;
	return sys_perf_event_open(&attr, 0, -1);
}

bool features_try_nop5(void)
{
	uint64_t offset;
	FD_AUTO fd = own_file_offset((uintptr_t)features_nop5, &offset) ? probe_self(offset) : -1;

	if (fd < 0) /* not known */
		return false;
	for (long i = 1; i < 8; i++)
		if (features_red_zone(i) != i)
			return false;
	return true;
}

bool features_try_nop5_call(void)
{
	enum { CALL = 0xe8 };
	const volatile uint8_t *code = (const volatile uint8_t *)(uintptr_t)features_entry_nop5;
	uint64_t offset;
	FD_AUTO fd = own_file_offset((uintptr_t)features_entry_nop5, &offset) ? probe_self(offset)
									      : -1;
	bool is_called = false;

	if (fd < 0)
		return false;
	for (long i = 1; i < 16; i++) {
		if (features_entry_nop5(i, 3, 5, 7, 11, 13) != i + 6 + 20 + 56 + 11 + 13)
			return false;
		is_called |= *code == CALL;
	}
	return is_called;
}
