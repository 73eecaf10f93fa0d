/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which images run in a process and which sentence the others get: a small image of each kind, made by hand. */
#include "engine/user/memory/private.h"
#include "engine/user/user_refusal.h"
#include "ebpf/asm.h"

#include "base/cleanup.h"
#include "tap.h"
#include "err_help.h"

#include <string.h>
#include <unistd.h>

struct made {
	struct arena arena;
	struct image *im;
	struct image_prog prog;
	struct image_prog *progs[1];
	struct probe_shape shape;
	struct probe_point point;
};

static void make(struct made *m, enum probe_kind kind, const char *text)
{
	memset(m, 0, sizeof(*m));
	arena_init(&m->arena);
	m->im = image_new(&m->arena);
	m->point.name = STR("uprobe:/bin/x:f");
	m->shape = (struct probe_shape){ .kind = kind, .points = &m->point, .n_points = 1 };
	m->prog = (struct image_prog){ .name = STR("uprobe_0"), .shape = &m->shape };
	m->progs[0] = &m->prog;
	m->im->progs = m->progs;
	m->im->n_progs = 1;
	check_err(ebpf_assemble(str_from(text), &m->arena, &m->prog.insns, &m->prog.n_insns),
		  "program");
}

/* expect: a piece of the sentence; NULL: it runs */
static void check_err_says(struct err *e, const char *expect, const char *what)
{
	STRBUF_AUTO text = { 0 };

	if (e)
		err_format(e, &text);
	if (!CHECK(expect ? e && strstr(strbuf_cstr(&text), expect) : !e))
		printf("# %s: %s\n", what, e ? strbuf_cstr(&text) : "is not refused");
	CHECK(!e || err_get_hint(e));
	err_free(e);
}

static void check(struct made *m, const char *expect, const char *what)
{
	check_err_says(user_refusal(m->im), expect, what);
	arena_free(&m->arena);
}

TEST(kinds_of_probes)
{
	static const struct {
		enum probe_kind kind;
		const char *expect;
	} table[] = {
		{ PROBE_UPROBE, NULL },
		{ PROBE_URETPROBE, NULL },
		{ PROBE_USDT, NULL },
		{ PROBE_BEGIN, NULL },
		{ PROBE_END, NULL },
		{ PROBE_SELF, NULL },
		{ PROBE_INTERVAL, NULL },
		{ PROBE_KPROBE, "events are the kernel's" },
		{ PROBE_KRETPROBE, "events are the kernel's" },
		{ PROBE_TRACEPOINT, "events are the kernel's" },
		{ PROBE_RAWTRACEPOINT, "events are the kernel's" },
		{ PROBE_PROFILE, "events are the kernel's" },
		{ PROBE_SOFTWARE, "events are the kernel's" },
		{ PROBE_HARDWARE, "events are the kernel's" },
		{ PROBE_FENTRY, "events are the kernel's" },
		{ PROBE_FEXIT, "events are the kernel's" },
		{ PROBE_ITER, "events are the kernel's" },
		{ PROBE_WATCHPOINT, "watchpoints" },
		{ PROBE_MESSAGE, "streams" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct made m;

		make(&m, table[i].kind, "r0 = 0\nexit\n");
		check(&m, table[i].expect, "a kind of probe");
	}
}

TEST(functions)
{
	static const struct {
		const char *text;
		const char *expect;
	} table[] = {
		{ "call bpf_x#1\nexit\n", NULL },   /* map_lookup_elem */
		{ "call bpf_x#14\nexit\n", NULL },  /* tid */
		{ "call bpf_x#16\nexit\n", NULL },  /* comm */
		{ "call bpf_x#112\nexit\n", NULL }, /* reads */
		{ "call bpf_x#181\nexit\n", NULL }, /* loops */
		{ "call bpf_x#174\nexit\n", NULL }, /* the cookie, inline */
		{ "call bpf_x#67\nexit\n", "kstack" },
		{ "call bpf_x#35\nexit\n", "curtask" },
		{ "call bpf_x#158\nexit\n", "record of the task" },
		{ "call bpf_x#123\nexit\n", "--cgroup" },
		{ "call bpf_x#118\nexit\n", "jiffies" },
		{ "call bpf_x#147\nexit\n", "path()" },
		{ "call bpf_x#6\nexit\n", "debugf()" },
		{ "call bpf_x#58\nexit\n", "override()" },
		{ "call bpf_x#9999\nexit\n", "kernel's function 9999" },
		/* a number that looks like a call stands in the second half of a wide instruction */
		{ "r1 = 0x2300000085\nr0 = 0\nexit\n", NULL },
		/* a function of the program itself */
		{ "call f\nexit\nf:\nr0 = 0\nexit\n", NULL },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct made m;

		make(&m, PROBE_UPROBE, table[i].text);
		check(&m, table[i].expect, table[i].text);
	}
}

TEST(names_the_place)
{
	struct made m;

	make(&m, PROBE_UPROBE, "call bpf_x#67\nexit\n");
	check(&m, "'uprobe:/bin/x:f' cannot run in the process", "kstack");
}

TEST(kernel_memory)
{
	struct made m;

	make(&m, PROBE_INTERVAL, "call bpf_x#113\nexit\n");
	m.prog.reads_kernel = true;
	check(&m, "memory that may be the kernel's", "a read");
	/* copies of its own memory are made by the same function */
	make(&m, PROBE_UPROBE, "call bpf_x#113\nexit\n");
	check(&m, NULL, "a copy");
}

TEST(functions_of_the_kernel)
{
	struct made m;

	make(&m, PROBE_UPROBE, "call bpf_x#1\nexit\n");
	m.prog.insns[0].src_reg = BPF_PSEUDO_KFUNC_CALL;
	check(&m, "kfunc", "a kfunc");
}

TEST(maps)
{
	static const struct {
		uint32_t type;
		enum image_map_role role;
		const char *expect;
	} table[] = {
		{ BPF_MAP_TYPE_ARRAY, MAP_SCRIPT, NULL },
		{ BPF_MAP_TYPE_PERCPU_ARRAY, MAP_SCRATCH, NULL },
		{ BPF_MAP_TYPE_HASH, MAP_SCRIPT, NULL },
		{ BPF_MAP_TYPE_PERCPU_HASH, MAP_SCRIPT, NULL },
		{ BPF_MAP_TYPE_RINGBUF, MAP_RING, NULL },
		{ BPF_MAP_TYPE_LRU_HASH, MAP_PRIVATE, NULL },
		{ BPF_MAP_TYPE_LRU_HASH, MAP_SCRIPT, "'@m' has elements that make way" },
		{ BPF_MAP_TYPE_ARRAY_OF_MAPS, MAP_UNWIND_TABLES, NULL },
		{ BPF_MAP_TYPE_ARRAY_OF_MAPS, MAP_SCRIPT, "only the kernel has" },
		{ BPF_MAP_TYPE_PERF_EVENT_ARRAY, MAP_PACKETS, "only the kernel has" },
		{ BPF_MAP_TYPE_STACK_TRACE, MAP_SCRIPT, "only the kernel has" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct image_reloc reloc = { .insn = 0, .kind = RELOC_MAP };
		struct made m;

		make(&m, PROBE_UPROBE, "r1 = 0x1\nr0 = 0\nexit\n");
		reloc.index = image_add_map(m.im, (struct image_map){ .name = STR("@m"),
								      .role = table[i].role,
								      .bpf_type = table[i].type });
		m.prog.relocs = &reloc;
		m.prog.n_relocs = 1;
		check(&m, table[i].expect, "a map");
	}
}

/* ---- what depends on the process ---- */

TEST(of_one_process)
{
	struct rt_private p;
	struct made m;

	private_describe(getpid(), NULL, &p);
	CHECK(p.is_mine && p.pid == (uint32_t)getpid() && p.own_pid == (uint32_t)getpid() &&
	      !p.has_other_pids && !p.has_other_users && p.seed);
	CHECK_INT(p.uid_gid, (uint64_t)getgid() << 32 | getuid());
	make(&m, PROBE_UPROBE, "call bpf_x#14\nexit\n");
	check_err_says(private_refusal(&p, m.im), NULL, "this process");
	p.has_other_pids = 1;
	check_err_says(private_refusal(&p, m.im), "other numbers", "tid elsewhere");
	arena_free(&m.arena);
	make(&m, PROBE_UPROBE, "call bpf_x#80\nexit\n");
	check_err_says(private_refusal(&p, m.im), p.cgroup_id ? NULL : "cgroup", "cgroup");
	p.cgroup_id = 0;
	check_err_says(private_refusal(&p, m.im), "cgroup", "an unknown cgroup");
	arena_free(&m.arena);
}

/* its own code is vouched for, nothing that can be written is */
static const char constant[] = "a constant of this program";

static bool is_sure(const struct rt_private *p, const void *at)
{
	for (unsigned i = 0; i < RT_SURE_RANGES; i++)
		if ((uintptr_t)at >= p->sure[i].start && (uintptr_t)at < p->sure[i].end)
			return true;
	return false;
}

TEST(what_is_vouched_for)
{
	static int variable = 1;
	struct proc_maps maps;
	struct rt_private p;
	bool is_any = false;

	if (!check_err(proc_maps_read(getpid(), &maps), "maps"))
		return;
	private_describe(getpid(), &maps, &p);
	for (unsigned i = 0; i < RT_SURE_RANGES; i++)
		is_any = is_any || p.sure[i].end;
	/* on a file system that needs somebody else nothing is */
	CHECK(!is_any || (is_sure(&p, constant) && is_sure(&p, (const void *)(uintptr_t)make)));
	CHECK(!is_sure(&p, &variable) && !is_sure(&p, &maps) && !is_sure(&p, maps.v) &&
	      !is_sure(&p, (const void *)(uintptr_t)getpid));
	proc_maps_free(&maps);
}

/* sizes that the kernel would refuse, and others that nobody has looked at may bring */
TEST(shapes_of_unverified_maps)
{
	static const struct {
		struct image_map map;
		const char *why;
	} table[] = {
		{ { .bpf_type = BPF_MAP_TYPE_ARRAY,
		    .key_size = 1,
		    .value_size = 8,
		    .max_entries = 1 },
		  "has keys of a size" },
		{ { .bpf_type = BPF_MAP_TYPE_HASH, .key_size = 0, .value_size = 8, .max_entries = 1 },
		  "has keys of a size" },
		{ { .bpf_type = BPF_MAP_TYPE_HASH, .key_size = 8, .value_size = 0, .max_entries = 1 },
		  "has no room" },
		{ { .bpf_type = BPF_MAP_TYPE_ARRAY,
		    .key_size = 4,
		    .value_size = 8,
		    .max_entries = 0 },
		  "has no room" },
		{ { .bpf_type = BPF_MAP_TYPE_ARRAY,
		    .key_size = 4,
		    .value_size = UINT32_MAX,
		    .max_entries = UINT32_MAX },
		  "is too large" },
		{ { .bpf_type = BPF_MAP_TYPE_ARRAY,
		    .key_size = 4,
		    .value_size = 8,
		    .max_entries = 9 },
		  NULL },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct image_map m = table[i].map;
		struct made made;

		make(&made, PROBE_UPROBE, "r0 = 0\nexit\n");
		m.name = STR("m");
		made.im->is_foreign = true;
		made.im->fence_map = image_add_map(made.im, m);
		check(&made, table[i].why, m.name.p);
	}
}
