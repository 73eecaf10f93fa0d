/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an image asks for that no process has; see user_refusal.h. The first thing that is found is told: one is enough. */
#include "engine/user/user_refusal.h"

#include "base/strbuf.h"
#include "engine/user/code/blob.h"
#include "engine/user/code/fence.h"

#include <stdio.h>

/* functions of the kernel by what they are in a script */
static const struct {
	int32_t helper;
	const char *what;
} kernel_only[] = {
	{ BPF_FUNC_trace_printk, "debugf() writes to the kernel's trace_pipe" },
	{ BPF_FUNC_trace_vprintk, "debugf() writes to the kernel's trace_pipe" },
	{ BPF_FUNC_get_stackid, "its stacks are walked by the kernel" },
	{ BPF_FUNC_get_stack,
	  "its stacks are walked by the kernel (kstack; ustack by frame pointers)" },
	{ BPF_FUNC_get_current_task,
	  "it reads the kernel's own record of the task (curtask, sockets, ...)" },
	{ BPF_FUNC_get_current_task_btf,
	  "it reads the kernel's own record of the task (ustack, syscall_arg())" },
	{ BPF_FUNC_task_pt_regs, "it reads the registers at the last system call (syscall_arg())" },
	{ BPF_FUNC_get_current_ancestor_cgroup_id,
	  "only the kernel knows the groups above its cgroup (--cgroup, cgroup_ancestor())" },
	{ BPF_FUNC_current_task_under_cgroup, "only the kernel knows the groups above its cgroup" },
	{ BPF_FUNC_override_return, "override() replaces a result of the kernel" },
	{ BPF_FUNC_skb_output, "packets are the kernel's" },
	{ BPF_FUNC_get_socket_cookie, "sockets are the kernel's" },
	{ BPF_FUNC_d_path, "only the kernel knows the path of an open file (path())" },
	{ BPF_FUNC_jiffies64, "only the kernel knows jiffies" },
	{ BPF_FUNC_perf_event_read, "it reads counters of the kernel" },
	{ BPF_FUNC_perf_event_read_value, "it reads counters of the kernel" },
	{ BPF_FUNC_tail_call, "tail calls of programs are the kernel's" },
	{ BPF_FUNC_spin_lock, "locks in maps could stop the process for ever" },
	{ BPF_FUNC_timer_init, "timers are the kernel's" },
	{ 0xbad2310,
	  "it asks for types or variables of the kernel" }, /* libbpf's, instead of an answer */
};

/* inline: what the code that runs programs knows of itself */
static bool is_inline(int32_t helper)
{
	return helper == BPF_FUNC_get_attach_cookie || helper == BPF_FUNC_get_func_ip;
}

static struct err *refuse(const struct image_prog *p, const char *what)
{
	struct str name = p->shape->n_points ? p->shape->points[0].name : p->name;
	struct err *e = err_new(0, "'%.*s' cannot run in the process: %s", STR_ARG(name), what);

	return err_hint(e, "--engine kernel can; --engine auto divides the script between the two");
}

static struct err *refuse_helper(const struct image_prog *p, int32_t helper)
{
	char text[64];

	for (size_t i = 0; i < sizeof(kernel_only) / sizeof(kernel_only[0]); i++)
		if (kernel_only[i].helper == helper)
			return refuse(p, kernel_only[i].what);
	snprintf(text, sizeof(text), "it calls the kernel's function %d", (int)helper);
	return refuse(p, text);
}

static const char *why_not_kind(enum probe_kind k)
{
	switch (k) {
	case PROBE_UPROBE:
	case PROBE_URETPROBE:
	case PROBE_USDT:
	case PROBE_BEGIN:
	case PROBE_END:
	case PROBE_SELF:
	case PROBE_TEST:
	case PROBE_BENCH:
	case PROBE_INTERVAL: return NULL;
	case PROBE_MESSAGE: return "streams of connections are read by the kernel engine";
	case PROBE_WATCHPOINT: return "watchpoints are the kernel's";
	default: return "its events are the kernel's";
	}
}

/* what programs of others are given and scripts are not: these name by it what is the kernel's */
static bool is_foreign_only(int32_t helper)
{
	return helper == BPF_FUNC_trace_printk || helper == BPF_FUNC_trace_vprintk ||
	       helper == BPF_FUNC_get_stackid || helper == BPF_FUNC_get_stack;
}

static const char *why_not_map(const struct image *im, const struct image_map *m)
{
	switch (m->bpf_type) {
	case BPF_MAP_TYPE_ARRAY:
	case BPF_MAP_TYPE_PERCPU_ARRAY:
	case BPF_MAP_TYPE_HASH:
	case BPF_MAP_TYPE_PERCPU_HASH:
	case BPF_MAP_TYPE_RINGBUF: return NULL;
	/* full ones forget in the kernel, here they refuse: the same for a note of which processes there are */
	case BPF_MAP_TYPE_LRU_HASH:
		return m->role == MAP_PRIVATE || im->is_foreign
			       ? NULL
			       : "has elements that make way for new ones";
	case BPF_MAP_TYPE_LRU_PERCPU_HASH:
		return im->is_foreign ? NULL : "has elements that make way for new ones";
	case BPF_MAP_TYPE_ARRAY_OF_MAPS:
		return m->role == MAP_UNWIND_TABLES ? NULL
						    : "is of a type that only the kernel has";
	case BPF_MAP_TYPE_STACK_TRACE:
		return im->is_foreign ? NULL : "is of a type that only the kernel has";
	default: return "is of a type that only the kernel has";
	}
}

static struct err *refuse_map(const struct image_prog *p, const struct image *im)
{
	for (uint32_t i = 0; i < p->n_relocs; i++) {
		const struct image_map *m;
		const char *why;
		char text[192];

		if (p->relocs[i].index >= im->n_maps)
			return refuse(p, "it names a map that is not there");
		m = im->maps[p->relocs[i].index];
		why = why_not_map(im, m);
		if (!why)
			continue;
		snprintf(text, sizeof(text), "its map '%.*s' %s", STR_ARG(m->name), why);
		return refuse(p, text);
	}
	return NULL;
}

/* what the kernel asks of a map before it makes it; by these sizes the fence and the helpers reckon */
static const char *why_not_shape(const struct image_map *m)
{
	enum { MOST_KEY = 512, MOST_ENTRIES = 1 << 26 };
	const uint64_t most = 1ull << 30;
	bool is_hash = m->bpf_type != BPF_MAP_TYPE_ARRAY &&
		       m->bpf_type != BPF_MAP_TYPE_PERCPU_ARRAY &&
		       m->bpf_type != BPF_MAP_TYPE_STACK_TRACE;

	if (is_hash ? !m->key_size || m->key_size > MOST_KEY : m->key_size != sizeof(uint32_t))
		return "has keys of a size that its type cannot have";
	if (!m->value_size || !m->max_entries)
		return "has no room for values";
	if (m->max_entries > MOST_ENTRIES ||
	    (uint64_t)m->max_entries * ((uint64_t)m->key_size + m->value_size) > most)
		return "is too large";
	return NULL;
}

static struct err *refuse_shapes(const struct image *im)
{
	for (uint32_t i = 0; i < im->n_maps; i++) {
		const struct image_map *m = im->maps[i];
		const char *why = m->role == MAP_SCRIPT && !why_not_map(im, m) ? why_not_shape(m)
									       : NULL;

		if (why)
			return err_new(0, "its map '%.*s' %s", STR_ARG(m->name), why);
	}
	return im->n_maps > FENCE_MOST_MAPS
		       ? err_new(0, "its object has more than %d maps", FENCE_MOST_MAPS)
		       : NULL;
}

/* what the kernel would have to verify */
static struct err *refuse_unverified(const struct image *im, const struct image_prog *p)
{
	struct err *e = fence_check(p->insns, p->n_insns, NULL);
	STRBUF_AUTO text = { 0 };

	if (!e)
		e = refuse_shapes(im);
	if (!e)
		return NULL;
	err_format(e, &text);
	err_free(e);
	return err_hint(
		err_new(0, "'%.*s' cannot run unverified: %s", STR_ARG(p->name), strbuf_cstr(&text)),
		"run as root, or with CAP_BPF and CAP_PERFMON, so that the kernel verifies it");
}

struct err *user_refusal_of(const struct image *im, const struct image_prog *p)
{
	const char *why = why_not_kind(p->shape->kind);

	if (why)
		return refuse(p, why);
	for (uint32_t k = 0; k < p->n_insns; k++) {
		const struct bpf_insn *in = &p->insns[k];

		if (in->code == (BPF_LD | BPF_IMM | BPF_DW)) {
			k++;
			continue;
		}
		if (in->code != (BPF_JMP | BPF_CALL) || in->src_reg == BPF_PSEUDO_CALL)
			continue;
		if (in->src_reg)
			return refuse(p, "it calls a function inside of the kernel (kfunc)");
		if ((blob_helper(in->imm) < 0 && !is_inline(in->imm)) ||
		    (is_foreign_only(in->imm) && !im->is_foreign))
			return refuse_helper(p, in->imm);
	}
	if (im->fence_map != IMAGE_NONE)
		TRY(refuse_unverified(im, p));
	if (p->reads_kernel)
		return refuse(p, "it reads memory that may be the kernel's");
	return refuse_map(p, im);
}

struct err *user_refusal(const struct image *im)
{
	for (uint32_t i = 0; i < im->n_progs; i++)
		if (image_runs(im, im->progs[i]))
			TRY(user_refusal_of(im, im->progs[i]));
	return NULL;
}
