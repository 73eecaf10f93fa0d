/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loads, stores, block operations and atomics for the emitter. R0 and R1 are free here; in COPY and cmpxchg (heavy, see
 * alloc.h) R2 and R3 too.
 *
 * The verifier wants every access to the stack aligned to its size, and those to a context likewise; map values and ring
 * records may be accessed anywhere. So block operations use the widest unit that the offset allows, counted from what the
 * base is known to be: slots and spills start at multiples of 8, and so does what a pointer of unknown making points to.
 */
#include "ebpf/emit_private.h"

struct operand {
	unsigned reg;
	int32_t off;
};

/*
 * The base of an access that reaches span bytes from off. A slot is addressed through R10 without a register of its own;
 * an offset that does not fit the 16 bits of an instruction is added in scratch.
 */
static struct operand get_base(struct emitter *e, uint32_t vreg, int32_t off, int32_t span,
			       unsigned scratch)
{
	const struct ebpf_place *p = &e->al->places[vreg];
	struct operand o = { 0, off };

	if (p->kind == PLACE_REMAT && e->f->insn[p->def].op == IR_SLOT) {
		o.reg = R10;
		o.off += e->al->slot_off[e->f->insn[p->def].imm];
	} else {
		o.reg = emit_use(e, vreg, scratch);
	}
	if (!ebpf_fits_s16(o.off) || !ebpf_fits_s16((int64_t)o.off + span)) {
		emit_move_reg(e, scratch, o.reg);
		emit_insn(e, ebpf_alu_imm(BPF_ADD, scratch, o.off));
		o = (struct operand){ scratch, 0 };
	}
	return o;
}

void emit_mem_load(struct emitter *e, const struct ir_insn *in)
{
	struct operand m = get_base(e, in->a, in->off, in->size, R0);
	unsigned d = emit_def(e, in->dst, R0);
	int32_t shift = 64 - 8 * in->size;

	emit_insn(e, ebpf_load(in->size, d, m.reg, m.off));
	if ((in->flags & IRF_SIGNED) && shift) {
		emit_insn(e, ebpf_alu_imm(BPF_LSH, d, shift));
		emit_insn(e, ebpf_alu_imm(BPF_ARSH, d, shift));
	}
	emit_def_done(e, in->dst, d);
}

void emit_mem_store(struct emitter *e, const struct ir_insn *in)
{
	struct operand m = get_base(e, in->a, in->off, in->size, R0);

	/* a constant in a vreg is stored from a register: kernels before 6.8 forget its value when stored as immediate */
	if (in->flags & IRF_IMM)
		emit_insn(e, ebpf_store_imm(in->size, m.reg, m.off, (int32_t)in->imm));
	else
		emit_insn(e, ebpf_store(in->size, m.reg, m.off, emit_use(e, in->b, R1)));
}

/* ---- block operations ---- */

/* how far vreg is, at least, from a multiple of 8, following additions of constants back to where it comes from */
static int64_t known_distance(const struct emitter *e, uint32_t vreg)
{
	int64_t distance = 0;

	/* the bound is for chains that turn in a loop through single definitions */
	for (unsigned steps = 0; steps < 16; steps++) {
		const struct ir_insn *def;

		if (vreg > e->f->n_vregs || !e->single_def[vreg])
			break;
		def = &e->f->insn[e->single_def[vreg] - 1];
		if (def->op == IR_ADD && (def->flags & IRF_IMM))
			distance += def->imm;
		else if (def->op == IR_SUB && (def->flags & IRF_IMM))
			distance -= def->imm;
		else if (def->op == IR_MAP_VALUE)
			return distance + def->off;
		else if (def->op != IR_MOV)
			break;
		vreg = def->a;
	}
	return distance;
}

static unsigned unit_at(uint64_t at, int64_t left)
{
	unsigned unit = 8;

	while (unit > 1 && (at % unit || unit > left))
		unit /= 2;
	return unit;
}

static ERR_MUST struct err *check_unroll(const struct ir_insn *in, uint64_t misaligned,
					 const char *what)
{
	int64_t units = 0;

	for (int64_t done = 0; done < in->imm && units <= EBPF_MAX_UNROLL; units++)
		done += unit_at(misaligned + (uint64_t)done, in->imm - done);
	if (units > EBPF_MAX_UNROLL)
		return err_new(0, "%s of %lld bytes takes more than %u instructions", what,
			       (long long)in->imm, EBPF_MAX_UNROLL);
	return NULL;
}

struct err *emit_mem_zero(struct emitter *e, const struct ir_insn *in)
{
	/* only the low bits count, so that a negative distance needs no care */
	uint64_t at = (uint64_t)(known_distance(e, in->a) + in->off) & 7;
	struct operand m;

	TRY(check_unroll(in, at, "clearing"));
	m = get_base(e, in->a, in->off, (int32_t)in->imm, R0);
	for (int64_t done = 0; done < in->imm;) {
		unsigned unit = unit_at(at + (uint64_t)done, in->imm - done);

		emit_insn(e, ebpf_store_imm(unit, m.reg, m.off + (int32_t)done, 0));
		done += unit;
	}
	return NULL;
}

struct err *emit_mem_copy(struct emitter *e, const struct ir_insn *in)
{
	uint64_t to = (uint64_t)(known_distance(e, in->a) + in->off) & 7;
	uint64_t from = (uint64_t)(known_distance(e, in->b) + in->off2) & 7;
	struct operand a, b;

	TRY(check_unroll(in, to | from, "copy"));
	a = get_base(e, in->a, in->off, (int32_t)in->imm, R1);
	b = get_base(e, in->b, in->off2, (int32_t)in->imm, R2);
	for (int64_t done = 0; done < in->imm;) {
		unsigned unit = unit_at((to + (uint64_t)done) | (from + (uint64_t)done),
					in->imm - done);

		emit_insn(e, ebpf_load(unit, R0, b.reg, b.off + (int32_t)done));
		emit_insn(e, ebpf_store(unit, a.reg, a.off + (int32_t)done, R0));
		done += unit;
	}
	return NULL;
}

/* ---- atomics ---- */

static struct bpf_insn atomic_insn(const struct ir_insn *in, struct operand m, unsigned src,
				   int32_t op)
{
	return ebpf_insn(BPF_STX | BPF_ATOMIC | ebpf_size_bits(in->size), m.reg, src, m.off, op);
}

void emit_mem_atomic(struct emitter *e, const struct ir_insn *in)
{
	static const int32_t codes[] = {
		[ATOMIC_ADD] = BPF_ADD, [ATOMIC_AND] = BPF_AND,   [ATOMIC_OR] = BPF_OR,
		[ATOMIC_XOR] = BPF_XOR, [ATOMIC_XCHG] = BPF_XCHG, [ATOMIC_CMPXCHG] = BPF_CMPXCHG,
	};
	/* without a reader of the old value the cheaper form does; xchg and cmpxchg have only the fetching one */
	bool is_read = in->dst && e->al->places[in->dst].kind != PLACE_NONE;
	struct operand m;
	unsigned src;

	if (in->cc == ATOMIC_CMPXCHG) {
		m = get_base(e, in->a, in->off, in->size, R1);
		src = emit_use(e, in->b, R2);
		emit_use_in(e, in->c, R0);
		emit_insn(e, atomic_insn(in, m, src, BPF_CMPXCHG));
		if (is_read)
			emit_def_done(e, in->dst, R0);
		return;
	}
	m = get_base(e, in->a, in->off, in->size, R0);
	if (!is_read && in->cc != ATOMIC_XCHG) {
		emit_insn(e, atomic_insn(in, m, emit_use(e, in->b, R1), codes[in->cc]));
		return;
	}
	emit_use_in(e, in->b, R1); /* a copy: the old value comes back in it */
	emit_insn(e, atomic_insn(in, m, R1, codes[in->cc] | BPF_FETCH));
	if (is_read)
		emit_def_done(e, in->dst, R1);
}
