/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The emitter's frame: walks the IR, brings operands into registers, makes calls and the entry of a function. Arithmetic
 * is in emit_alu.c, memory in emit_mem.c. It takes places as given (alloc.h) and does not improve on its output: that is
 * the peephole's.
 *
 * The verifier keeps what it knows of a value (bounds, kind of pointer) through an 8-byte store to the stack and the load
 * back, so spilling costs no proof; but it must have been known before the store (see IR_BOUND).
 */
#include "ebpf/emit_private.h"
#include "ir/ops.h"

#include <inttypes.h>

/* ---- appending ---- */

static struct ebpf_item *add_item(struct emitter *e, enum ebpf_item_kind kind, struct bpf_insn in)
{
	struct ebpf_item item = { .in = in, .kind = kind, .target = EBPF_NO_LABEL, .ir = e->i };

	vec_push(&e->code->items, item);
	return &vec_last(&e->code->items);
}

void emit_insn(struct emitter *e, struct bpf_insn in)
{
	add_item(e, ITEM_INSN, in);
}

static struct ebpf_item *add_wide(struct emitter *e, enum ebpf_item_kind kind, unsigned reg,
				  int64_t imm)
{
	struct ebpf_item *item = add_item(e, kind,
					  ebpf_insn(BPF_LD | BPF_IMM | BPF_DW, reg, 0, 0, 0));

	item->imm = imm;
	return item;
}

void emit_imm(struct emitter *e, unsigned reg, int64_t imm)
{
	if (ebpf_fits_s32(imm))
		emit_insn(e, ebpf_alu_imm(BPF_MOV, reg, (int32_t)imm));
	else
		add_wide(e, ITEM_IMM64, reg, imm);
}

void emit_move_reg(struct emitter *e, unsigned dst, unsigned src)
{
	if (dst != src)
		emit_insn(e, ebpf_alu_reg(BPF_MOV, dst, src));
}

uint32_t emit_new_label(struct emitter *e)
{
	return e->code->n_labels++;
}

void emit_label(struct emitter *e, uint32_t label)
{
	add_item(e, ITEM_LABEL, (struct bpf_insn){ 0 })->target = label;
}

void emit_jump(struct emitter *e, uint32_t label)
{
	add_item(e, ITEM_JUMP, ebpf_insn(BPF_JMP | BPF_JA, 0, 0, 0, 0))->target = label;
}

void emit_jump_reg(struct emitter *e, uint8_t op, unsigned a, unsigned b, uint32_t label)
{
	add_item(e, ITEM_JUMP, ebpf_insn(BPF_JMP | op | BPF_X, a, b, 0, 0))->target = label;
}

void emit_jump_imm(struct emitter *e, uint8_t op, unsigned a, int32_t imm, uint32_t label)
{
	add_item(e, ITEM_JUMP, ebpf_insn(BPF_JMP | op | BPF_K, a, 0, 0, imm))->target = label;
}

/* ---- operands ---- */

static const struct ebpf_place *place_of(const struct emitter *e, uint32_t vreg)
{
	return &e->al->places[vreg];
}

/* the value of IMM, SLOT, MAP, MAP_VALUE or FUNC into a register */
static void make_constant(struct emitter *e, const struct ir_insn *def, unsigned reg)
{
	switch (def->op) {
	case IR_IMM: emit_imm(e, reg, def->imm); break;
	case IR_SLOT:
		emit_insn(e, ebpf_alu_reg(BPF_MOV, reg, R10));
		emit_insn(e, ebpf_alu_imm(BPF_ADD, reg, e->al->slot_off[def->imm]));
		break;
	case IR_MAP: add_wide(e, ITEM_MAP, reg, def->imm); break;
	case IR_MAP_VALUE: add_wide(e, ITEM_MAP_VALUE, reg, def->imm)->map_off = def->off; break;
	case IR_FUNC: add_wide(e, ITEM_FUNC, reg, def->imm); break;
	}
}

void emit_use_in(struct emitter *e, uint32_t vreg, unsigned reg)
{
	const struct ebpf_place *p = place_of(e, vreg);

	switch (p->kind) {
	case PLACE_REG: emit_move_reg(e, reg, p->reg); break;
	case PLACE_STACK: emit_insn(e, ebpf_load(8, reg, R10, p->off)); break;
	case PLACE_REMAT: make_constant(e, &e->f->insn[p->def], reg); break;
	}
}

unsigned emit_use(struct emitter *e, uint32_t vreg, unsigned scratch)
{
	const struct ebpf_place *p = place_of(e, vreg);

	if (p->kind == PLACE_REG)
		return p->reg;
	emit_use_in(e, vreg, scratch);
	return scratch;
}

unsigned emit_def(struct emitter *e, uint32_t vreg, unsigned scratch)
{
	const struct ebpf_place *p = place_of(e, vreg);

	return p->kind == PLACE_REG ? p->reg : scratch;
}

void emit_def_done(struct emitter *e, uint32_t vreg, unsigned reg)
{
	const struct ebpf_place *p = place_of(e, vreg);

	if (p->kind == PLACE_REG)
		emit_move_reg(e, p->reg, reg);
	else if (p->kind == PLACE_STACK)
		emit_insn(e, ebpf_store(8, R10, p->off, reg));
}

bool emit_is_const(const struct emitter *e, uint32_t vreg, int32_t *value)
{
	const struct ebpf_place *p = place_of(e, vreg);
	const struct ir_insn *def;

	if (p->kind != PLACE_REMAT)
		return false;
	def = &e->f->insn[p->def];
	if (def->op != IR_IMM || !ebpf_fits_s32(def->imm))
		return false;
	*value = (int32_t)def->imm;
	return true;
}

/* ---- calls, entry, leaving ---- */

/*
 * Moves between registers that happen at once: dst[k] = src[k]. A move whose target no other one still reads can go
 * first; when there is none, all that is left are cycles, and R0 (never a source or target here) opens one.
 */
static void move_parallel(struct emitter *e, unsigned n, uint8_t dst[], uint8_t src[])
{
	while (n) {
		unsigned k, j;

		for (k = 0; k < n; k++) {
			for (j = 0; j < n; j++)
				if (j != k && src[j] == dst[k])
					break;
			if (j == n)
				break;
		}
		if (k == n) {
			emit_move_reg(e, R0, src[0]);
			for (j = 1; j < n; j++)
				if (src[j] == src[0])
					src[j] = R0;
			src[0] = R0;
			continue;
		}
		emit_move_reg(e, dst[k], src[k]);
		n--;
		dst[k] = dst[n];
		src[k] = src[n];
	}
}

static void emit_call(struct emitter *e, const struct ir_insn *in)
{
	uint8_t dst[5], src[5];
	struct ebpf_item *item;
	unsigned n = 0;

	for (unsigned k = 0; k < in->n_args; k++) {
		if (place_of(e, in->src[k])->kind != PLACE_REG)
			continue;
		dst[n] = (uint8_t)(R1 + k);
		src[n++] = place_of(e, in->src[k])->reg;
	}
	move_parallel(e, n, dst, src);
	/* what is loaded or made cannot be in the way of the moves any more */
	for (unsigned k = 0; k < in->n_args; k++)
		if (place_of(e, in->src[k])->kind != PLACE_REG)
			emit_use_in(e, in->src[k], R1 + k);
	if (in->op == IR_CALL)
		item = add_item(e, ITEM_INSN,
				ebpf_insn(BPF_JMP | BPF_CALL, 0, 0, 0, (int32_t)in->imm));
	else
		item = add_item(e, ITEM_CALL_FN,
				ebpf_insn(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, 0));
	item->imm = in->imm;
	item->n_args = in->n_args;
	if (in->dst)
		emit_def_done(e, in->dst, R0);
}

/* what comes in R1 to R5 goes to its places */
static void emit_entry(struct emitter *e)
{
	uint8_t dst[EBPF_N_ENTRY], src[EBPF_N_ENTRY];
	unsigned n = 0;

	for (unsigned k = 0; k < EBPF_N_ENTRY; k++) {
		const struct ebpf_place *p = place_of(e, ebpf_entry_vreg(e->f, k));

		if (p->kind == PLACE_STACK)
			emit_insn(e, ebpf_store(8, R10, p->off, R1 + k));
		if (p->kind != PLACE_REG)
			continue;
		dst[n] = p->reg;
		src[n++] = (uint8_t)(R1 + k);
	}
	move_parallel(e, n, dst, src);
}

static void emit_move(struct emitter *e, uint32_t dst, uint32_t src)
{
	const struct ebpf_place *to = place_of(e, dst), *from = place_of(e, src);

	if (to->kind == PLACE_NONE)
		return;
	if (to->kind == PLACE_STACK && from->kind == PLACE_STACK && to->off == from->off)
		return;
	if (to->kind == PLACE_REG)
		emit_use_in(e, src, to->reg);
	else if (to->kind == PLACE_STACK)
		emit_def_done(e, dst, emit_use(e, src, R0));
}

static void emit_constant(struct emitter *e, const struct ir_insn *in)
{
	const struct ebpf_place *p = place_of(e, in->dst);

	if (p->kind == PLACE_REG)
		make_constant(e, in, p->reg);
	if (p->kind != PLACE_STACK)
		return; /* made where it is used */
	make_constant(e, in, R0);
	emit_def_done(e, in->dst, R0);
}

static void emit_return(struct emitter *e, const struct ir_insn *in)
{
	if (in->a)
		emit_use_in(e, in->a, R0);
	else
		emit_imm(e, R0, 0);
	emit_insn(e, ebpf_insn(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));
}

/* a result that nothing reads needs no code */
static bool is_unused(const struct emitter *e, const struct ir_insn *in)
{
	return ir_is_pure(in) && place_of(e, in->dst)->kind == PLACE_NONE;
}

static ERR_MUST struct err *emit_one(struct emitter *e, const struct ir_insn *in)
{
	if (is_unused(e, in))
		return NULL;
	switch (in->op) {
	case IR_NOP: break;
	case IR_LABEL: emit_label(e, in->target); break;
	case IR_IMM:
	case IR_SLOT:
	case IR_MAP:
	case IR_MAP_VALUE:
	case IR_FUNC: emit_constant(e, in); break;
	case IR_MOV: emit_move(e, in->dst, in->a); break;
	case IR_CTX: emit_move(e, in->dst, ebpf_entry_vreg(e->f, 0)); break;
	case IR_PARAM: emit_move(e, in->dst, ebpf_entry_vreg(e->f, (unsigned)in->imm)); break;
	case IR_ADD:
	case IR_SUB:
	case IR_MUL:
	case IR_DIV:
	case IR_MOD:
	case IR_AND:
	case IR_OR:
	case IR_XOR:
	case IR_SHL:
	case IR_SHR:
	case IR_SAR: emit_alu(e, in); break;
	case IR_SDIV:
	case IR_SMOD: emit_alu_divide_signed(e, in); break;
	case IR_NEG:
	case IR_BSWAP:
	case IR_ZEXT:
	case IR_SEXT: emit_alu_unary(e, in); break;
	case IR_SET: emit_alu_set(e, in); break;
	case IR_JMP: emit_jump(e, in->target); break;
	case IR_BR: emit_alu_branch(e, in); break;
	case IR_LOAD: emit_mem_load(e, in); break;
	case IR_STORE: emit_mem_store(e, in); break;
	case IR_ZERO: return emit_mem_zero(e, in);
	case IR_COPY: return emit_mem_copy(e, in);
	case IR_ATOMIC: emit_mem_atomic(e, in); break;
	case IR_CALL:
	case IR_CALL_FN: emit_call(e, in); break;
	case IR_BOUND: emit_alu_bound(e, in); break;
	case IR_RET: emit_return(e, in); break;
	default: return err_new(0, "IR operation '%s' cannot be emitted", ir_op_name(in->op));
	}
	return NULL;
}

static void find_single_defs(struct emitter *e, bool *is_multi)
{
	for (uint32_t i = 0; i < e->f->n; i++) {
		uint32_t def = ir_def(&e->f->insn[i]);

		if (!def)
			continue;
		if (e->single_def[def])
			is_multi[def] = true;
		e->single_def[def] = i + 1;
	}
	for (uint32_t v = 1; v <= e->f->n_vregs; v++)
		if (is_multi[v])
			e->single_def[v] = 0;
}

struct err *ebpf_emit(const struct ir_func *f, const struct ebpf_alloc *al, struct ebpf_code *code,
		      struct span *at)
{
	struct arena arena;
	struct emitter e = { .f = f, .al = al, .code = code };
	struct err *err = NULL;

	arena_init(&arena);
	e.single_def = arena_array(&arena, uint32_t, f->n_vregs + 1);
	find_single_defs(&e, arena_array(&arena, bool, f->n_vregs + 1));
	code->n_labels = f->n_labels;
	vec_reserve(&code->items, f->n + f->n / 2 + 16);
	emit_entry(&e);
	for (e.i = 0; e.i < f->n && !err; e.i++) {
		err = emit_one(&e, &f->insn[e.i]);
		if (err)
			*at = f->insn[e.i].at;
	}
	arena_free(&arena);
	return err;
}
