/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Improves the instruction list of one function before layout, in four passes: jumps (threading, to the next
 * instruction, around another jump), what cannot be reached, values that are already where they are wanted (reloads,
 * constants), and writes to registers that nothing reads. Each is linear; together they undo what the emitter does not
 * look ahead for. Removed items are marked ITEM_DEAD, none moves.
 *
 * It must not weaken what the verifier can prove: a compare is never removed unless both its ways lead to the same
 * place.
 */
#include "ebpf/peephole.h"

static bool is_wide_item(const struct ebpf_item *it)
{
	return it->kind == ITEM_IMM64 || it->kind == ITEM_MAP || it->kind == ITEM_MAP_VALUE ||
	       it->kind == ITEM_FUNC;
}

static bool is_always_jump(const struct ebpf_item *it)
{
	return it->kind == ITEM_JUMP && it->in.code == (BPF_JMP | BPF_JA);
}

static bool is_exit(const struct ebpf_item *it)
{
	return it->kind == ITEM_INSN && it->in.code == (BPF_JMP | BPF_EXIT);
}

static bool is_call(const struct ebpf_item *it)
{
	return it->kind == ITEM_CALL_FN ||
	       (it->kind == ITEM_INSN && it->in.code == (BPF_JMP | BPF_CALL));
}

/* ---- jumps ---- */

/* index of the item of each label */
static uint32_t *find_labels(const struct ebpf_code *code, struct arena *arena)
{
	uint32_t *at = arena_array(arena, uint32_t, code->n_labels + 1);

	for (uint32_t i = 0; i < code->items.n; i++)
		if (code->items.v[i].kind == ITEM_LABEL)
			at[code->items.v[i].target] = i;
	return at;
}

/* the next item that is an instruction, from i on; items.n at the end */
static uint32_t next_insn(const struct ebpf_code *code, uint32_t i)
{
	while (i < code->items.n &&
	       (code->items.v[i].kind == ITEM_LABEL || code->items.v[i].kind == ITEM_DEAD))
		i++;
	return i;
}

/* follow jumps to jumps; the bound is for the empty endless loop */
static uint32_t thread_target(const struct ebpf_code *code, const uint32_t *label_at,
			      uint32_t label)
{
	for (unsigned hops = 0; hops < 8; hops++) {
		uint32_t to = next_insn(code, label_at[label]);

		if (to == code->items.n || !is_always_jump(&code->items.v[to]))
			break;
		label = code->items.v[to].target;
	}
	return label;
}

/* the opposite test, or 0: JSET has none */
static uint8_t opposite(uint8_t op)
{
	switch (op) {
	case BPF_JEQ: return BPF_JNE;
	case BPF_JNE: return BPF_JEQ;
	case BPF_JGT: return BPF_JLE;
	case BPF_JLE: return BPF_JGT;
	case BPF_JLT: return BPF_JGE;
	case BPF_JGE: return BPF_JLT;
	case BPF_JSGT: return BPF_JSLE;
	case BPF_JSLE: return BPF_JSGT;
	case BPF_JSLT: return BPF_JSGE;
	case BPF_JSGE: return BPF_JSLT;
	default: return 0;
	}
}

static bool leads_to_next(const struct ebpf_code *code, const uint32_t *label_at, uint32_t i)
{
	return next_insn(code, label_at[code->items.v[i].target]) == next_insn(code, i + 1) &&
	       label_at[code->items.v[i].target] > i;
}

static void improve_jumps(struct ebpf_code *code, const uint32_t *label_at)
{
	for (uint32_t i = 0; i < code->items.n; i++) {
		struct ebpf_item *it = &code->items.v[i], *over;
		uint8_t inverse;
		uint32_t n;

		if (it->kind != ITEM_JUMP)
			continue;
		it->target = thread_target(code, label_at, it->target);
		if (leads_to_next(code, label_at, i)) {
			it->kind = ITEM_DEAD;
			continue;
		}
		if (is_always_jump(it))
			continue;
		/* `if (c) goto a; goto b; a:` -> `if (!c) goto b; a:` */
		n = i + 1;
		over = n < code->items.n ? &code->items.v[n] : NULL;
		inverse = opposite(it->in.code & 0xf0);
		if (over && is_always_jump(over) && inverse && label_at[it->target] > n &&
		    next_insn(code, label_at[it->target]) == next_insn(code, n + 1)) {
			it->in.code = (uint8_t)((it->in.code & 0x0f) | inverse);
			it->target = thread_target(code, label_at, over->target);
			over->kind = ITEM_DEAD;
		}
	}
}

void ebpf_remove_unreachable(struct ebpf_code *code, struct arena *arena)
{
	uint32_t *label_at = find_labels(code, arena), n_work = 0;
	bool *seen = arena_array(arena, bool, code->items.n + 1);
	uint32_t *work = arena_array(arena, uint32_t, code->n_labels + 2);

	work[n_work++] = 0;
	while (n_work) {
		for (uint32_t i = work[--n_work]; i < code->items.n && !seen[i]; i++) {
			const struct ebpf_item *it = &code->items.v[i];

			seen[i] = true;
			/* marking the label at once keeps it from being queued twice */
			if (it->kind == ITEM_JUMP && !seen[label_at[it->target]]) {
				seen[label_at[it->target]] = true;
				work[n_work++] = label_at[it->target] + 1;
			}
			if (is_always_jump(it) || is_exit(it))
				break;
		}
	}
	for (uint32_t i = 0; i < code->items.n; i++)
		if (!seen[i] && code->items.v[i].kind != ITEM_LABEL)
			code->items.v[i].kind = ITEM_DEAD;
}

/* ---- values that are already there ---- */

enum known_kind { KNOWN_NOTHING, KNOWN_STACK, KNOWN_CONST };

struct known {
	uint8_t kind;
	int16_t off;  /* STACK: equal to the 8 bytes at R10 + off */
	uint8_t item; /* CONST: enum ebpf_item_kind, ITEM_INSN for a 32-bit move */
	int32_t map_off;
	int64_t imm;
};

static bool known_equal(const struct known *a, const struct known *b)
{
	if (a->kind != b->kind || a->kind == KNOWN_NOTHING)
		return false;
	if (a->kind == KNOWN_STACK)
		return a->off == b->off;
	return a->item == b->item && a->imm == b->imm && a->map_off == b->map_off;
}

/* a store of size bytes to R10 + off, or to anywhere: what was known of that stack is over */
static void forget_stack(struct known k[EBPF_N_REGS], bool anywhere, int off, int size)
{
	for (unsigned r = 0; r < R10; r++)
		if (k[r].kind == KNOWN_STACK &&
		    (anywhere || (off < k[r].off + 8 && k[r].off < off + size)))
			k[r].kind = KNOWN_NOTHING;
}

/* the value that the item puts into in.dst_reg, as far as we follow it */
static struct known value_of(const struct ebpf_item *it, const struct known k[EBPF_N_REGS])
{
	const struct bpf_insn *in = &it->in;

	if (is_wide_item(it))
		return (struct known){ KNOWN_CONST, 0, it->kind,
				       it->kind == ITEM_MAP_VALUE ? it->map_off : 0, it->imm };
	if (in->code == (BPF_ALU64 | BPF_MOV | BPF_K))
		return (struct known){ KNOWN_CONST, 0, ITEM_INSN, 0, in->imm };
	if (in->code == (BPF_ALU64 | BPF_MOV | BPF_X) && in->src_reg < R10)
		return k[in->src_reg];
	if (in->code == (BPF_LDX | BPF_MEM | BPF_DW) && in->src_reg == R10)
		return (struct known){ KNOWN_STACK, in->off, 0, 0, 0 };
	return (struct known){ 0 };
}

/* make `dst = value` a move from a register that has it, or nothing at all */
static void reuse_value(struct ebpf_item *it, const struct known *value,
			const struct known k[EBPF_N_REGS])
{
	unsigned dst = it->in.dst_reg;

	if (known_equal(&k[dst], value)) {
		it->kind = ITEM_DEAD;
		return;
	}
	/* for a short constant a move is no better; pointers to functions stay with their one instruction */
	if (value->kind == KNOWN_CONST && (value->item == ITEM_INSN || value->item == ITEM_FUNC))
		return;
	for (unsigned r = 0; r < R10; r++)
		if (known_equal(&k[r], value)) {
			it->kind = ITEM_INSN;
			it->in = ebpf_alu_reg(BPF_MOV, dst, r);
			return;
		}
}

static void track_store(struct ebpf_item *it, struct known k[EBPF_N_REGS])
{
	const struct bpf_insn *in = &it->in;
	bool is_stack = in->dst_reg == R10;
	bool is_spill = is_stack && in->code == (BPF_STX | BPF_MEM | BPF_DW) && in->src_reg < R10;

	if (is_spill && k[in->src_reg].kind == KNOWN_STACK && k[in->src_reg].off == in->off) {
		it->kind = ITEM_DEAD; /* the same bytes are there */
		return;
	}
	forget_stack(k, !is_stack, in->off, (int)ebpf_size_bytes(in->code));
	/* a constant is better known as such: what is in memory need not be loaded then */
	if (is_spill && k[in->src_reg].kind != KNOWN_CONST)
		k[in->src_reg] = (struct known){ KNOWN_STACK, in->off, 0, 0, 0 };
	if ((in->code & 0xe0) == BPF_ATOMIC && ebpf_class(in) == BPF_STX && (in->imm & BPF_FETCH))
		k[in->imm == BPF_CMPXCHG ? R0 : in->src_reg].kind = KNOWN_NOTHING;
}

static void reuse_values(struct ebpf_code *code)
{
	struct known k[EBPF_N_REGS] = { 0 };

	for (uint32_t i = 0; i < code->items.n; i++) {
		struct ebpf_item *it = &code->items.v[i];
		uint8_t class = ebpf_class(&it->in);

		if (it->kind == ITEM_DEAD)
			continue;
		if (it->kind == ITEM_LABEL) {
			memset(k, 0, sizeof(k));
		} else if (is_call(it)) {
			memset(k, 0, sizeof(k[0]) * (R5 + 1));
			forget_stack(k, true, 0, 0);
		} else if (class == BPF_ST || class == BPF_STX) {
			track_store(it, k);
		} else if (class != BPF_JMP && class != BPF_JMP32) {
			struct known value = value_of(it, k);

			if (value.kind != KNOWN_NOTHING)
				reuse_value(it, &value, k);
			k[it->in.dst_reg] = value;
		}
	}
}

/* ---- writes that nothing reads ---- */

struct effect {
	uint16_t reads, writes; /* bit per register */
	bool is_pure;           /* may go when nothing reads what it writes */
};

static struct effect effect_of(const struct ebpf_item *it)
{
	const struct bpf_insn *in = &it->in;
	uint16_t dst = (uint16_t)(1u << in->dst_reg), src = (uint16_t)(1u << in->src_reg);
	bool has_src = in->code & BPF_X;
	uint8_t op = in->code & 0xf0;

	if (is_wide_item(it))
		return (struct effect){ 0, dst, true };
	if (is_call(it))
		return (struct effect){ (uint16_t)(((1u << it->n_args) - 1) << R1), 0x3f, false };
	switch (ebpf_class(in)) {
	case BPF_ALU:
	case BPF_ALU64:
		/* BPF_END uses the source bit for the byte order */
		if (op == BPF_NEG || op == BPF_END)
			has_src = false;
		return (struct effect){ (uint16_t)((op == BPF_MOV ? 0 : dst) | (has_src ? src : 0)),
					dst, true };
	case BPF_LDX: return (struct effect){ src, dst, true };
	case BPF_ST: return (struct effect){ dst, 0, false };
	case BPF_STX:
		if ((in->code & 0xe0) != BPF_ATOMIC || !(in->imm & BPF_FETCH))
			return (struct effect){ dst | src, 0, false };
		if (in->imm == BPF_CMPXCHG)
			return (struct effect){ dst | src | 1, 1, false };
		return (struct effect){ dst | src, src, false };
	default: /* jumps */
		if (op == BPF_EXIT)
			return (struct effect){ 1, 0, false };
		if (op == BPF_JA)
			return (struct effect){ 0, 0, false };
		return (struct effect){ (uint16_t)(dst | (has_src ? src : 0)), 0, false };
	}
}

/* one pass backwards; live_at holds the registers live at each label and grows until nothing changes */
static bool live_pass(struct ebpf_code *code, uint16_t *live_at, bool remove)
{
	uint16_t live = 0;
	bool changed = false;

	for (uint32_t i = (uint32_t)code->items.n; i-- > 0;) {
		struct ebpf_item *it = &code->items.v[i];
		struct effect ef;

		if (it->kind == ITEM_DEAD)
			continue;
		if (it->kind == ITEM_LABEL) {
			changed |= live_at[it->target] != live;
			live_at[it->target] = live;
			continue;
		}
		ef = effect_of(it);
		if (is_always_jump(it) || is_exit(it))
			live = 0;
		if (it->kind == ITEM_JUMP)
			live |= live_at[it->target];
		if (remove && ef.is_pure && !(ef.writes & live)) {
			it->kind = ITEM_DEAD;
			continue;
		}
		live = (uint16_t)((live & ~ef.writes) | ef.reads);
	}
	return changed;
}

static void remove_dead_writes(struct ebpf_code *code, struct arena *arena)
{
	uint16_t *live_at = arena_array(arena, uint16_t, code->n_labels + 1);

	while (live_pass(code, live_at, false))
		;
	live_pass(code, live_at, true);
}

void ebpf_peephole(struct ebpf_code *code, struct arena *arena)
{
	uint32_t *label_at = find_labels(code, arena);

	improve_jumps(code, label_at);
	ebpf_remove_unreachable(code, arena);
	reuse_values(code);
	remove_dead_writes(code, arena);
	/* instructions that went may have left jumps over nothing, and those in turn tests of registers that nothing needs */
	improve_jumps(code, label_at);
	ebpf_remove_unreachable(code, arena);
	remove_dead_writes(code, arena);
}
