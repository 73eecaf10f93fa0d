/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The JIT's frame: functions and their stacks, jumps, calls; see jit.h. */
#include "engine/user/code/jit_private.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "engine/user/code/fence.h"

#include <stdlib.h>

enum {
	MOST_DEPTH = 64,
	ENDLESS_STACK = 1 << 16,
	/* what a look of the fence takes, its return addresses and kept registers included */
	STACK_OF_FENCE = 384,
	ALL_SAVED = 1u << R6 | 1u << R7 | 1u << R8 | 1u << R9,
};

enum x86_reg jit_reg(unsigned ebpf_reg)
{
	static const uint8_t regs[] = { X_RAX, X_RDI, X_RSI, X_RDX, X_RCX,
					X_R8,  X_RBX, X_R13, X_R14, X_R15 };

	return (enum x86_reg)regs[ebpf_reg];
}

/* ---- functions ---- */

static bool is_branch(const struct bpf_insn *in)
{
	uint8_t class = ebpf_class(in), op = in->code & 0xf0;

	return (class == BPF_JMP || class == BPF_JMP32) && op != BPF_CALL && op != BPF_EXIT;
}

/* where a branch goes, or a function that an instruction names; n when it is none, or leads outside */
static uint32_t target_of(const struct jit *j, uint32_t i)
{
	const struct bpf_insn *in = &j->insns[i];
	bool is_far = in->code == (BPF_JMP32 | BPF_JA);
	int64_t to = (int64_t)i + 1 + (is_branch(in) && !is_far ? in->off : in->imm);

	return to >= 0 && to < j->n ? (uint32_t)to : j->n;
}

static bool names_function(const struct bpf_insn *in)
{
	return (in->code == (BPF_JMP | BPF_CALL) && in->src_reg == BPF_PSEUDO_CALL) ||
	       (ebpf_is_wide(in) && in->src_reg == BPF_PSEUDO_FUNC);
}

static struct err *find_functions(struct jit *j)
{
	j->is_func[0] = true;
	j->entries[0] = x86_label(j->x);
	for (uint32_t i = 0; i < j->n; i++) {
		const struct bpf_insn *in = &j->insns[i];

		if (ebpf_is_wide(in) && i + 1 == j->n)
			return err_new(0, "the program ends within an instruction");
		if ((names_function(in) || is_branch(in)) && target_of(j, i) == j->n)
			return err_new(0, "instruction %u leads out of the program", i);
		if (is_branch(in))
			j->is_entered[target_of(j, i)] = true;
		if (names_function(in) && !j->is_func[target_of(j, i)]) {
			j->is_func[target_of(j, i)] = true;
			j->entries[target_of(j, i)] = x86_label(j->x);
		}
		i += ebpf_is_wide(in);
	}
	return NULL;
}

static uint32_t function_end(const struct jit *j, uint32_t start)
{
	uint32_t end = start + 1;

	while (end < j->n && !j->is_func[end])
		end++;
	return end;
}

/* how far below R10 an instruction may lead; next: the one behind it, or NULL */
static int32_t reach_of(const struct bpf_insn *in, const struct bpf_insn *next)
{
	uint8_t class = ebpf_class(in);
	bool is_store = class == BPF_ST || class == BPF_STX;
	bool is_copy = in->code == (BPF_ALU64 | BPF_MOV | BPF_X);

	if (class == BPF_STX &&
	    in->src_reg == R10) /* the address is kept: it can come back anywhere */
		return -EBPF_STACK_LIMIT;
	if ((is_store && in->dst_reg == R10) || (class == BPF_LDX && in->src_reg == R10))
		return in->off;
	if (class != BPF_ALU64 || !(in->code & BPF_X) || in->src_reg != R10)
		return 0;
	/* as code generators write addresses on the stack: a copy, then moved by a constant */
	if (is_copy && next && next->code == (BPF_ALU64 | BPF_ADD | BPF_K) &&
	    next->dst_reg == in->dst_reg)
		return next->imm;
	return -EBPF_STACK_LIMIT;
}

static bool names_stack(const struct bpf_insn *in)
{
	uint8_t class = ebpf_class(in);

	return in->dst_reg == R10 || (in->src_reg == R10 && class != BPF_LD && class != BPF_ST);
}

/* bytes of its stack that a function uses */
static uint32_t stack_of(const struct jit *j, uint32_t start, uint32_t end)
{
	int32_t lowest = 0;

	if (j->env->fence)
		return start ? 0 : jit_fence_bytes(j);
	for (uint32_t i = start; i < end; i++) {
		const struct bpf_insn *in = &j->insns[i];
		int32_t reach = reach_of(in, i + 1 < end ? in + 1 : NULL);

		if (j->env->is_foreign && names_stack(in))
			reach = -EBPF_STACK_LIMIT;
		lowest = reach < lowest ? reach : lowest;
		i += ebpf_is_wide(in);
	}
	return (uint32_t)-lowest;
}

/* R6 to R9 as bits, where a function writes them */
static unsigned saved_of(const struct jit *j, uint32_t start, uint32_t end)
{
	unsigned saved = 0;

	for (uint32_t i = start; i < end; i++) {
		const struct bpf_insn *in = &j->insns[i];

		/* atomics with a result write their source; more than needed does no harm */
		saved |= 1u << in->dst_reg | 1u << in->src_reg;
		i += ebpf_is_wide(in);
	}
	return saved & (1u << R6 | 1u << R7 | 1u << R8 | 1u << R9);
}

/* the helper that gets a function's address is the next one that is called */
static uint32_t callback_stack(const struct jit *j, uint32_t i)
{
	for (; i < j->n; i++) {
		const struct bpf_insn *in = &j->insns[i];

		if (in->code == (BPF_JMP | BPF_CALL) && !in->src_reg)
			return in->imm == BPF_FUNC_loop ? JIT_STACK_OF_LOOP : JIT_STACK_OF_EACH;
		i += ebpf_is_wide(in);
	}
	return JIT_STACK_OF_EACH;
}

/* the longest chain of functions that call each other. Programs that the verifier takes know no recursion: here it has no end either */
static uint32_t stack_needed(struct jit *j, uint32_t start, unsigned depth)
{
	uint32_t most = 0, end = function_end(j, start);

	if (j->need[start])
		return j->need[start];
	if (depth > MOST_DEPTH)
		return ENDLESS_STACK;
	for (uint32_t i = start; i < end; i++) {
		const struct bpf_insn *in = &j->insns[i];
		uint32_t n;

		if (names_function(in)) {
			n = stack_needed(j, target_of(j, i), depth + 1);
			n += ebpf_is_wide(in) ? callback_stack(j, i) : 0;
			most = n > most ? n : most;
		}
		i += ebpf_is_wide(in);
	}
	j->need[start] = j->own[start] + most;
	return j->need[start];
}

static void push_saved(struct jit *j, unsigned saved)
{
	for (unsigned r = R6; r <= R9; r++)
		if (saved & 1u << r)
			x86_push(j->x, jit_reg(r));
}

static void pop_saved(struct jit *j, unsigned saved)
{
	for (unsigned r = R9; r >= R6; r--)
		if (saved & 1u << r)
			x86_pop(j->x, jit_reg(r));
}

/* ---- jumps and calls ---- */

static bool put_compare(struct jit *j, const struct bpf_insn *in, bool is_test)
{
	bool is_wide = ebpf_class(in) == BPF_JMP;
	enum x86_reg a;

	if (in->dst_reg > R9 || (in->code & BPF_X && in->src_reg > R9))
		return false;
	a = jit_reg(in->dst_reg);
	if (in->code & BPF_X && is_test)
		x86_test(j->x, is_wide, a, jit_reg(in->src_reg));
	else if (in->code & BPF_X)
		x86_alu(j->x, is_wide, X_CMP, a, jit_reg(in->src_reg));
	else if (is_test)
		x86_test_imm(j->x, is_wide, a, in->imm);
	else if (in->imm)
		x86_alu_imm(j->x, is_wide, X_CMP, a, in->imm);
	else
		x86_test(j->x, is_wide, a, a);
	return true;
}

static bool jit_branch(struct jit *j, uint32_t i)
{
	static const uint8_t conditions[16] = {
		[BPF_JEQ >> 4] = X_E,   [BPF_JNE >> 4] = X_NE,  [BPF_JGT >> 4] = X_A,
		[BPF_JGE >> 4] = X_AE,  [BPF_JLT >> 4] = X_B,   [BPF_JLE >> 4] = X_BE,
		[BPF_JSGT >> 4] = X_G,  [BPF_JSGE >> 4] = X_GE, [BPF_JSLT >> 4] = X_L,
		[BPF_JSLE >> 4] = X_LE, [BPF_JSET >> 4] = X_NE,
	};
	const struct bpf_insn *in = &j->insns[i];
	uint8_t op = in->code & 0xf0;
	uint32_t to = j->labels[target_of(j, i)];

	if (j->env->fence)
		jit_fence_branch(j, i, target_of(j, i));
	if (op == BPF_JA) {
		x86_jump(j->x, X_ALWAYS, to);
		return true;
	}
	if (!conditions[op >> 4] || !put_compare(j, in, op == BPF_JSET))
		return false;
	x86_jump(j->x, (enum x86_cc)conditions[op >> 4], to);
	return true;
}

static bool jit_call(struct jit *j, uint32_t i)
{
	const struct bpf_insn *in = &j->insns[i];

	if (in->src_reg == BPF_PSEUDO_CALL)
		x86_call(j->x, j->entries[target_of(j, i)]);
	else if (in->src_reg || !j->env->call_helper(j->env->arg, j->x, in->imm))
		return false;
	else if (j->env->fence)
		jit_fence_helper_done(j, in);
	j->x->written |= 1u << X_RAX | 1u << X_RCX | 1u << X_RDX | 1u << X_RSI | 1u << X_RDI |
			 1u << X_R8 | 1u << X_R9 | 1u << X_R10 | 1u << X_R11;
	return true;
}

static bool jit_wide(struct jit *j, uint32_t i)
{
	const struct bpf_insn *in = &j->insns[i];

	if (!ebpf_is_wide(in) || in->dst_reg > R9)
		return false;
	if (in->src_reg == BPF_PSEUDO_FUNC)
		x86_lea_label(j->x, jit_reg(in->dst_reg), j->entries[target_of(j, i)]);
	else if (!in->src_reg) /* maps have been given their addresses */
		x86_mov_imm(j->x, jit_reg(in->dst_reg),
			    (uint32_t)in[0].imm | (uint64_t)(uint32_t)in[1].imm << 32);
	return !in->src_reg || in->src_reg == BPF_PSEUDO_FUNC;
}

static bool jit_insn(struct jit *j, uint32_t i, bool is_last)
{
	const struct bpf_insn *in = &j->insns[i];

	switch (ebpf_class(in)) {
	case BPF_ALU:
	case BPF_ALU64: return jit_alu(j, in);
	case BPF_LD: return jit_wide(j, i);
	case BPF_LDX:
	case BPF_ST:
	case BPF_STX:
		if (j->env->fence)
			jit_fence_access(j, in, i);
		return jit_memory(j, in);
	default: break;
	}
	if (in->code == (BPF_JMP | BPF_CALL))
		return jit_call(j, i);
	if (in->code != (BPF_JMP | BPF_EXIT))
		return jit_branch(j, i);
	if (!is_last)
		x86_jump(j->x, X_ALWAYS, j->end_label);
	return true;
}

/* ---- a function ---- */

static bool is_helper(const struct bpf_insn *in)
{
	return in->code == (BPF_JMP | BPF_CALL) && !in->src_reg;
}

static uint32_t replace(struct jit *j, uint32_t start, uint32_t i, uint32_t end)
{
	struct jit_place p = {
		.insns = j->insns,
		.i = i,
		.room = 1,
		.end = end,
		.is_entered = i == start || j->is_entered[i],
		.below = (int32_t)j->stack,
		.is_piece = start == 0 && !j->env->is_function,
	};

	if (!j->env->replace || (j->env->fence && !jit_fence_inlines(&j->insns[i])))
		return 0;
	while (i + p.room < end && !j->is_entered[i + p.room])
		p.room++;
	return j->env->replace(j->env->arg, j->x, &p);
}

static struct err *compile_function(struct jit *j, uint32_t start)
{
	bool is_piece = start == 0 && !j->env->is_function;
	uint32_t end = function_end(j, start), replaced;
	unsigned saved = is_piece ? 0 : saved_of(j, start, end);
	/* who ends a program does not come back through its functions */
	bool is_fenced_c = j->env->fence && !start && !is_piece;
	/* what lies on the stack above ours, modulo 16, at calls a multiple of 16 */
	uint32_t above;

	saved = is_fenced_c ? ALL_SAVED : saved;
	above = is_piece ? 0 : 8 + 8 * (uint32_t)__builtin_popcount(saved) + 8 * is_fenced_c;
	x86_place(j->x, j->entries[start]);
	push_saved(j, saved);
	if (is_fenced_c)
		x86_push(j->x, X_R12);
	j->start = start;
	j->stack = stack_of(j, start, end);
	j->stack += -(j->stack + above) & 15;
	/* as if each function called the next one */
	j->own[start] = j->stack + above + 8 + (j->env->fence && !start ? STACK_OF_FENCE : 0);
	j->end_label = x86_label(j->x);
	if (j->stack)
		x86_lea(j->x, X_RSP, X_RSP, -(int32_t)j->stack);
	if (j->env->fence)
		jit_fence_begin(j, end);
	for (uint32_t i = start; i < end; i++) {
		const struct bpf_insn *in = &j->insns[i];

		x86_place(j->x, j->labels[i]);
		if (j->env->fence && is_helper(in))
			jit_fence_helper(j, in, i);
		replaced = replace(j, start, i, end);
		if (replaced) {
			i += replaced - 1;
			continue;
		}
		if (!jit_insn(j, i, i + 1 == end))
			return err_new(0, "instruction %u (code 0x%02x, imm %d) cannot be compiled",
				       i, in->code, in->imm);
		i += ebpf_is_wide(in);
	}
	x86_place(j->x, j->end_label);
	if (j->env->fence)
		jit_fence_end(j);
	if (j->stack)
		x86_lea(j->x, X_RSP, X_RSP, (int32_t)j->stack);
	if (is_fenced_c)
		x86_pop(j->x, X_R12);
	pop_saved(j, saved);
	if (!is_piece)
		x86_ret(j->x);
	return NULL;
}

struct err *jit_compile(const struct bpf_insn *insns, uint32_t n, const struct jit_env *env,
			struct x86 *x)
{
	FREE_AUTO uint32_t *labels = base_alloc((n + (size_t)1) * sizeof(*labels));
	FREE_AUTO uint32_t *entries = base_alloc((n + (size_t)1) * sizeof(*entries));
	FREE_AUTO uint32_t *own = base_alloc((n + (size_t)1) * sizeof(*own));
	FREE_AUTO uint32_t *need = base_alloc((n + (size_t)1) * sizeof(*need));
	FREE_AUTO bool *is_func = base_alloc(n + (size_t)1);
	FREE_AUTO bool *is_entered = base_alloc(n + (size_t)1);
	struct jit j = { .x = x,
			 .env = env,
			 .insns = insns,
			 .n = n,
			 .labels = labels,
			 .entries = entries,
			 .own = own,
			 .need = need,
			 .is_func = is_func,
			 .is_entered = is_entered };
	uint32_t out = x86_label(x);

	if (!n)
		return err_new(0, "an empty program");
	if (env->fence)
		TRY(fence_check(insns, n, &j.n_frames));
	if (env->fence)
		jit_fence_labels(&j);
	for (uint32_t i = 0; i < n; i++)
		labels[i] = x86_label(x);
	TRY(find_functions(&j));
	TRY(compile_function(&j, 0));
	/* the trampoline goes on behind all of them */
	if (!env->is_function && (env->fence || function_end(&j, 0) < n))
		x86_jump(x, X_ALWAYS, out);
	for (uint32_t i = function_end(&j, 0); i < n; i = function_end(&j, i))
		TRY(compile_function(&j, i));
	if (env->fence)
		jit_fence_finish(&j);
	if (env->stack)
		*env->stack += stack_needed(&j, 0, 0);
	x86_place(x, out);
	return NULL;
}
