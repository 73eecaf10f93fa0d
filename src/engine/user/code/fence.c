/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The look at an unverified program before it becomes code; see fence.h. No value is followed: what needs that is checked when it runs
 * (jit_fence.c). What is let through here the JIT can still refuse: opcodes are its matter.
 */
#include "engine/user/code/fence.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "ebpf/insn.h"
#include "engine/user/rt/fence.h"

struct look {
	const struct bpf_insn *insns;
	uint32_t n;
	bool *is_second; /* of an instruction of two slots */
	bool *is_func;
	uint32_t *func;  /* of each instruction: where its function begins */
	uint32_t *depth; /* of a function that begins here: how many can be open from it on */
};

bool fence_knows(int32_t helper)
{
	switch (helper) {
	case BPF_FUNC_map_lookup_elem:
	case BPF_FUNC_map_lookup_percpu_elem:
	case BPF_FUNC_map_delete_elem:
	case BPF_FUNC_map_update_elem:
	case BPF_FUNC_probe_read:
	case BPF_FUNC_probe_read_str:
	case BPF_FUNC_probe_read_user:
	case BPF_FUNC_probe_read_kernel:
	case BPF_FUNC_probe_read_user_str:
	case BPF_FUNC_probe_read_kernel_str:
	case BPF_FUNC_copy_from_user:
	case BPF_FUNC_get_current_comm:
	case BPF_FUNC_get_ns_current_pid_tgid:
	case BPF_FUNC_strncmp:
	case BPF_FUNC_trace_printk:
	case BPF_FUNC_trace_vprintk:
	case BPF_FUNC_ringbuf_output:
	case BPF_FUNC_ringbuf_query:
	case BPF_FUNC_ringbuf_reserve:
	case BPF_FUNC_ringbuf_submit:
	case BPF_FUNC_ringbuf_discard:
	case BPF_FUNC_perf_event_output:
	case BPF_FUNC_get_stackid:
	case BPF_FUNC_get_stack:
	case BPF_FUNC_ktime_get_ns:
	case BPF_FUNC_ktime_get_boot_ns:
	case BPF_FUNC_ktime_get_tai_ns:
	case BPF_FUNC_get_prandom_u32:
	case BPF_FUNC_get_smp_processor_id:
	case BPF_FUNC_get_numa_node_id:
	case BPF_FUNC_get_current_pid_tgid:
	case BPF_FUNC_get_current_uid_gid:
	case BPF_FUNC_get_current_cgroup_id:
	case BPF_FUNC_get_attach_cookie:
	case BPF_FUNC_get_func_ip: return true;
	default: return false;
	}
}

static struct err *wrong(uint32_t i, const char *what)
{
	return err_new(0, "instruction %u %s", i, what);
}

static bool is_jump(const struct bpf_insn *in)
{
	uint8_t class = ebpf_class(in), op = in->code & 0xf0;

	return (class == BPF_JMP || class == BPF_JMP32) && op != BPF_CALL && op != BPF_EXIT;
}

static bool is_own_call(const struct bpf_insn *in)
{
	return in->code == (BPF_JMP | BPF_CALL) && in->src_reg == BPF_PSEUDO_CALL;
}

static int64_t target_of(const struct bpf_insn *in, uint32_t i)
{
	bool is_short = is_jump(in) && in->code != (BPF_JMP32 | BPF_JA);

	return (int64_t)i + 1 + (is_short ? in->off : in->imm);
}

/* ---- each for itself ---- */

static ERR_MUST struct err *check_memory(const struct bpf_insn *in, uint32_t i)
{
	uint8_t class = ebpf_class(in);
	unsigned base = class == BPF_LDX ? in->src_reg : in->dst_reg;
	int size = (int)ebpf_size_bytes(in->code);

	if (class != BPF_LDX && class != BPF_ST && class != BPF_STX)
		return NULL;
	if (base == R10 && (in->off < -RT_FENCE_FRAME || in->off + size > 0))
		return wrong(i, "leads out of the function's stack");
	return NULL;
}

static ERR_MUST struct err *check_one(struct look *l, uint32_t i)
{
	const struct bpf_insn *in = &l->insns[i];

	if (in->dst_reg > R10 || in->src_reg > R10)
		return wrong(i, "names a register that there is not");
	if (ebpf_is_wide(in)) {
		if (i + 1 == l->n || in[1].code || in[1].dst_reg || in[1].src_reg || in[1].off)
			return wrong(i, "has no second half");
		l->is_second[i + 1] = true;
		if (in->src_reg == BPF_PSEUDO_FUNC)
			return wrong(i, "hands a function over, which only verified programs may");
		return NULL;
	}
	if (in->code == (BPF_JMP | BPF_CALL) && !is_own_call(in)) {
		if (in->src_reg)
			return wrong(i, "calls a function inside of the kernel (kfunc)");
		if (!fence_knows(in->imm))
			return err_new(
				0,
				"instruction %u calls helper %d, which only verified programs may",
				i, (int)in->imm);
	}
	if (is_own_call(in)) {
		int64_t to = target_of(in, i);

		if (to <= 0 || to >= l->n)
			return wrong(i, "calls what is no function of the program");
		l->is_func[to] = true;
	}
	return check_memory(in, i);
}

/* ---- functions ---- */

static ERR_MUST struct err *check_flow(struct look *l)
{
	uint32_t start = 0;

	for (uint32_t i = 0; i < l->n; i++) {
		start = l->is_func[i] ? i : start;
		l->func[i] = start;
		if (l->is_func[i] && l->is_second[i])
			return wrong(i, "is half of one, and called");
	}
	for (uint32_t i = 0; i < l->n; i++) {
		const struct bpf_insn *in = &l->insns[i];
		bool is_last = i + 1 == l->n || l->is_func[i + 1];
		int64_t to = target_of(in, i);

		if (l->is_second[i] ? is_last : false)
			return wrong(i, "is the function's last, and goes on");
		if (l->is_second[i])
			continue;
		if (is_jump(in) &&
		    (to < 0 || to >= l->n || l->is_second[to] || l->func[to] != l->func[i]))
			return wrong(i, "jumps to where its function has no instruction");
		if (is_last && in->code != (BPF_JMP | BPF_EXIT) && in->code != (BPF_JMP | BPF_JA) &&
		    in->code != (BPF_JMP32 | BPF_JA))
			return wrong(i, "is the function's last, and goes on");
	}
	return NULL;
}

/* round by round: each makes the chains that are known longer by one call */
static ERR_MUST struct err *measure(struct look *l)
{
	bool is_changed = true;

	for (uint32_t i = 0; i < l->n; i++)
		l->depth[i] = 1;
	for (unsigned round = 0; is_changed; round++) {
		if (round > RT_FENCE_FRAMES)
			return err_new(0, "its functions call one another without an end");
		is_changed = false;
		for (uint32_t i = 0; i < l->n; i++) {
			const struct bpf_insn *in = &l->insns[i];
			uint32_t *own = &l->depth[l->func[i]], d;

			if (l->is_second[i] || !is_own_call(in))
				continue;
			d = 1 + l->depth[target_of(in, i)];
			is_changed |= d > *own;
			*own = d > *own ? d : *own;
		}
	}
	if (l->depth[0] > RT_FENCE_FRAMES)
		return err_new(0, "%u of its functions call one another, %d may", l->depth[0],
			       RT_FENCE_FRAMES);
	return NULL;
}

struct err *fence_check(const struct bpf_insn *insns, uint32_t n, uint32_t *frames)
{
	FREE_AUTO bool *is_second = base_alloc(n + (size_t)1);
	FREE_AUTO bool *is_func = base_alloc(n + (size_t)1);
	FREE_AUTO uint32_t *func = base_alloc((n + (size_t)1) * sizeof(*func));
	FREE_AUTO uint32_t *depth = base_alloc((n + (size_t)1) * sizeof(*depth));
	struct look l = { insns, n, is_second, is_func, func, depth };

	if (!n || n > FENCE_MOST_INSNS)
		return err_new(0, "it has %u instructions, %d may run unverified", n,
			       FENCE_MOST_INSNS);
	is_func[0] = true;
	for (uint32_t i = 0; i < n; i++) {
		TRY(check_one(&l, i));
		i += ebpf_is_wide(&insns[i]);
	}
	TRY(check_flow(&l));
	TRY(measure(&l));
	if (frames)
		*frames = depth[0];
	return NULL;
}
