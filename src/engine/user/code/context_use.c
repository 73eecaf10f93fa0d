/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Following the context's address through a program; see context_use.h. For each instruction: which registers may hold it, as bits,
 * until nothing changes any more. Functions that are called are followed as if they were jumped to.
 */
#include "engine/user/code/context_use.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "ebpf/insn.h"

enum {
	ARGUMENTS = 1 << R1 | 1 << R2 | 1 << R3 | 1 << R4 | 1 << R5,
	CLOBBERED = 1 << R0 | ARGUMENTS,
	VISITED = 1 << EBPF_N_REGS, /* beside the registers' bits */
	/* of struct pt_regs */
	WORD_BP = 4,
	WORD_IP = 16,
	WORD_SP = 19,
};

struct tracing {
	const struct bpf_insn *insns;
	uint32_t n;
	uint16_t *held; /* of each instruction, before it */
	uint32_t words;
	bool is_changed;
};

static void flow(struct tracing *t, int64_t to, unsigned held)
{
	unsigned now;

	if (to < 0 || to >= t->n) {
		t->words = CONTEXT_ALL; /* not our business to say so */
		return;
	}
	now = t->held[to] | held | VISITED;
	t->is_changed |= now != t->held[to];
	t->held[to] = (uint16_t)now;
}

static void read_word(struct tracing *t, const struct bpf_insn *in)
{
	/* what reaches over two words reads both */
	int first = in->off >> 3, last = (in->off + (int)ebpf_size_bytes(in->code) - 1) >> 3;

	if (first < 0 || last >= CONTEXT_WORDS)
		t->words = CONTEXT_ALL;
	else
		t->words |= 1u << first | 1u << last;
}

/* helpers that read nothing through their arguments: what is left in R1 to R5 when they are called does not matter */
static bool takes_nothing(int32_t helper)
{
	switch (helper) {
	case BPF_FUNC_get_attach_cookie: /* the context, of which it is a constant */
	case BPF_FUNC_get_func_ip:
	case BPF_FUNC_ktime_get_ns:
	case BPF_FUNC_ktime_get_boot_ns:
	case BPF_FUNC_ktime_get_tai_ns:
	case BPF_FUNC_get_prandom_u32:
	case BPF_FUNC_get_smp_processor_id:
	case BPF_FUNC_get_numa_node_id:
	case BPF_FUNC_get_current_pid_tgid:
	case BPF_FUNC_get_current_uid_gid:
	case BPF_FUNC_get_current_cgroup_id:
	case BPF_FUNC_jiffies64: return true;
	default: return false;
	}
}

/* helpers that are given the context itself: words that they read. None is left for another argument */
static uint32_t words_of(int32_t helper)
{
	switch (helper) {
	case BPF_FUNC_perf_event_output: return 0;
	case BPF_FUNC_get_stackid:
	case BPF_FUNC_get_stack: return 1u << WORD_IP | 1u << WORD_SP | 1u << WORD_BP;
	default: return CONTEXT_ALL;
	}
}

static unsigned after_call(struct tracing *t, uint32_t i, unsigned held)
{
	const struct bpf_insn *in = &t->insns[i];

	if (in->src_reg == BPF_PSEUDO_CALL)
		flow(t, (int64_t)i + 1 + in->imm, held & ARGUMENTS);
	else if ((held & ARGUMENTS) == 1u << R1 && !in->src_reg && !takes_nothing(in->imm))
		t->words |= words_of(in->imm);
	else if (held & ARGUMENTS && (in->src_reg || !takes_nothing(in->imm)))
		t->words = CONTEXT_ALL;
	return held & ~(unsigned)CLOBBERED;
}

/* moves and arithmetic: what is in dst afterwards */
static unsigned after_alu(struct tracing *t, const struct bpf_insn *in, unsigned held)
{
	unsigned dst = 1u << in->dst_reg, src = 1u << in->src_reg;
	bool is_move = (in->code & 0xf0) == BPF_MOV, has_src = in->code & BPF_X;

	if (is_move && has_src && held & src)
		return held | dst;
	if (is_move)
		return held & ~dst;
	if (held & dst || (has_src && held & src && (in->code & 0xf0) != BPF_END))
		t->words = CONTEXT_ALL;
	return held;
}

static unsigned after_store(struct tracing *t, const struct bpf_insn *in, unsigned held)
{
	if (ebpf_class(in) == BPF_STX && held & 1u << in->src_reg)
		t->words = CONTEXT_ALL;
	if (ebpf_class(in) != BPF_STX || (in->code & 0xe0) != BPF_ATOMIC)
		return held;
	/* results of atomics are numbers that were in memory */
	if (in->imm == BPF_CMPXCHG)
		return held & ~(1u << R0);
	return in->imm & BPF_FETCH ? held & ~(1u << in->src_reg) : held;
}

static void step(struct tracing *t, uint32_t i)
{
	const struct bpf_insn *in = &t->insns[i];
	unsigned held = t->held[i] & (VISITED - 1);
	uint8_t class = ebpf_class(in), op = in->code & 0xf0;

	switch (class) {
	case BPF_ALU:
	case BPF_ALU64: flow(t, (int64_t)i + 1, after_alu(t, in, held)); return;
	case BPF_LDX:
		if (held & 1u << in->src_reg)
			read_word(t, in);
		flow(t, (int64_t)i + 1, held & ~(1u << in->dst_reg));
		return;
	case BPF_ST:
	case BPF_STX: flow(t, (int64_t)i + 1, after_store(t, in, held)); return;
	case BPF_LD:
		flow(t, (int64_t)i + 1 + ebpf_is_wide(in), held & ~(1u << in->dst_reg));
		return;
	default: break;
	}
	if (op == BPF_EXIT)
		return;
	if (op == BPF_CALL) {
		flow(t, (int64_t)i + 1, after_call(t, i, held));
		return;
	}
	if (op != BPF_JA)
		flow(t, (int64_t)i + 1, held);
	flow(t, (int64_t)i + 1 + (class == BPF_JMP32 && op == BPF_JA ? in->imm : in->off), held);
}

uint32_t context_use(const struct bpf_insn *insns, uint32_t n)
{
	FREE_AUTO uint16_t *held = base_alloc((n + (size_t)1) * sizeof(*held));
	struct tracing t = { .insns = insns, .n = n, .held = held };

	flow(&t, 0, 1u << R1);
	while (t.is_changed && t.words != CONTEXT_ALL) {
		t.is_changed = false;
		for (uint32_t i = 0; i < n; i++)
			if (held[i])
				step(&t, i);
	}
	return t.words;
}
