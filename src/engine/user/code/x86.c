/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Encoding x86-64 instructions; see x86.h. Every form goes through put_rr or put_rm, which know REX, ModRM and SIB. */
#include "engine/user/code/x86.h"

#include <stdlib.h>

enum { REX = 0x40, REX_W = 8, REX_R = 4, REX_X = 2, REX_B = 1, TWO_BYTE = 0x100, PREFIX_16 = 0x66 };

void x86_free(struct x86 *x)
{
	strbuf_free(&x->code);
	vec_free(&x->labels);
	vec_free(&x->fixups);
}

static void put(struct x86 *x, unsigned byte)
{
	strbuf_putc(&x->code, (char)byte);
}

static void put32(struct x86 *x, uint32_t v)
{
	strbuf_add(&x->code, (const char *)&v, 4);
}

static void wrote(struct x86 *x, unsigned reg)
{
	x->written |= 1u << reg;
}

void x86_bytes(struct x86 *x, const void *bytes, uint32_t n)
{
	strbuf_add(&x->code, bytes, n);
}

/* ---- REX, opcode, ModRM ---- */

/* opcode | TWO_BYTE: behind 0f. is_byte: registers spl, bpl, sil, dil need a REX */
static void put_opcode(struct x86 *x, bool is_wide, unsigned opcode, unsigned reg, unsigned rm,
		       bool is_byte)
{
	unsigned rex = (is_wide ? REX_W : 0) | (reg & 8 ? REX_R : 0) | (rm & 8 ? REX_B : 0);

	if (rex || (is_byte && reg >= 4))
		put(x, REX | rex);
	if (opcode & TWO_BYTE)
		put(x, 0x0f);
	put(x, opcode & 0xff);
}

static void put_rr(struct x86 *x, bool is_wide, unsigned opcode, unsigned reg, unsigned rm)
{
	put_opcode(x, is_wide, opcode, reg, rm, false);
	put(x, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

static void put_rm_sized(struct x86 *x, bool is_wide, unsigned opcode, unsigned reg, unsigned base,
			 int32_t disp, bool is_byte)
{
	bool has_none = disp == 0 && (base & 7) != X_RBP;
	bool is_short = disp == (int8_t)disp;

	put_opcode(x, is_wide, opcode, reg, base, is_byte);
	put(x, (has_none ? 0 : is_short ? 0x40 : 0x80) | (reg & 7) << 3 | (base & 7));
	if ((base & 7) == X_RSP) /* rsp, r12: only by SIB */
		put(x, 0x24);
	if (has_none)
		return;
	if (is_short)
		put(x, (uint8_t)disp);
	else
		put32(x, (uint32_t)disp);
}

static void put_rm(struct x86 *x, bool is_wide, unsigned opcode, unsigned reg, unsigned base,
		   int32_t disp)
{
	put_rm_sized(x, is_wide, opcode, reg, base, disp, false);
}

/* ---- labels ---- */

uint32_t x86_label(struct x86 *x)
{
	vec_push(&x->labels, UINT32_MAX);
	return (uint32_t)x->labels.n - 1;
}

void x86_place(struct x86 *x, uint32_t label)
{
	x->labels.v[label] = x86_here(x);
}

static void put_fixup(struct x86 *x, uint32_t label)
{
	vec_push(&x->fixups, ((struct x86_fixup){ .at = x86_here(x), .label = label }));
	put32(x, 0);
}

void x86_jump(struct x86 *x, enum x86_cc cc, uint32_t label)
{
	if (cc == X_ALWAYS) {
		put(x, 0xe9);
	} else {
		put(x, 0x0f);
		put(x, 0x80 | cc);
	}
	put_fixup(x, label);
}

void x86_call(struct x86 *x, uint32_t label)
{
	put(x, 0xe8);
	put_fixup(x, label);
}

void x86_lea_label(struct x86 *x, enum x86_reg reg, uint32_t label)
{
	put(x, REX | REX_W | (reg & 8 ? REX_R : 0));
	put(x, 0x8d);
	put(x, (reg & 7) << 3 | 5);
	put_fixup(x, label);
	wrote(x, reg);
}

void x86_link(struct x86 *x)
{
	vec_each(f, &x->fixups) {
		uint32_t rel = x->labels.v[f->label] - (f->at + 4);

		memcpy(x->code.p + f->at, &rel, 4);
	}
	x->fixups.n = x->labels.n = 0;
}

static bool put_far(struct x86 *x, unsigned opcode, uint64_t address)
{
	int64_t rel = (int64_t)(address - (x->base + x86_here(x) + 5));

	put(x, opcode);
	put32(x, (uint32_t)rel);
	return rel == (int32_t)rel;
}

bool x86_jump_to(struct x86 *x, uint64_t address)
{
	return put_far(x, 0xe9, address);
}

bool x86_call_to(struct x86 *x, uint64_t address)
{
	return put_far(x, 0xe8, address);
}

/* ---- registers ---- */

void x86_mov(struct x86 *x, bool is_wide, enum x86_reg dst, enum x86_reg src)
{
	put_rr(x, is_wide, 0x89, src, dst);
	wrote(x, dst);
}

void x86_mov_imm(struct x86 *x, enum x86_reg dst, uint64_t imm)
{
	wrote(x, dst);
	if (imm == 0) {
		x86_alu(x, false, X_XOR, dst, dst);
	} else if (imm <= UINT32_MAX) {
		put_opcode(x, false, 0xb8 | (dst & 7), 0, dst, false);
		put32(x, (uint32_t)imm);
	} else if ((int64_t)imm == (int32_t)imm) {
		put_rr(x, true, 0xc7, 0, dst);
		put32(x, (uint32_t)imm);
	} else {
		put_opcode(x, true, 0xb8 | (dst & 7), 0, dst, false);
		strbuf_add(&x->code, (const char *)&imm, 8);
	}
}

void x86_alu(struct x86 *x, bool is_wide, enum x86_alu op, enum x86_reg dst, enum x86_reg src)
{
	put_rr(x, is_wide, op << 3 | 1, src, dst);
	if (op != X_CMP)
		wrote(x, dst);
}

void x86_alu_imm(struct x86 *x, bool is_wide, enum x86_alu op, enum x86_reg dst, int32_t imm)
{
	bool is_short = imm == (int8_t)imm;

	put_rr(x, is_wide, is_short ? 0x83 : 0x81, op, dst);
	if (is_short)
		put(x, (uint8_t)imm);
	else
		put32(x, (uint32_t)imm);
	if (op != X_CMP)
		wrote(x, dst);
}

void x86_test(struct x86 *x, bool is_wide, enum x86_reg a, enum x86_reg b)
{
	put_rr(x, is_wide, 0x85, b, a);
}

void x86_test_imm(struct x86 *x, bool is_wide, enum x86_reg a, int32_t imm)
{
	put_rr(x, is_wide, 0xf7, 0, a);
	put32(x, (uint32_t)imm);
}

void x86_shift_imm(struct x86 *x, bool is_wide, enum x86_shift op, enum x86_reg dst, unsigned n)
{
	put_rr(x, is_wide, 0xc1, op, dst);
	put(x, n);
	wrote(x, dst);
}

void x86_shift_cl(struct x86 *x, bool is_wide, enum x86_shift op, enum x86_reg dst)
{
	put_rr(x, is_wide, 0xd3, op, dst);
	wrote(x, dst);
}

void x86_unary(struct x86 *x, bool is_wide, enum x86_unary op, enum x86_reg reg)
{
	put_rr(x, is_wide, 0xf7, op, reg);
	if (op == X_NOT || op == X_NEG) {
		wrote(x, reg);
	} else {
		wrote(x, X_RAX);
		wrote(x, X_RDX);
	}
}

void x86_imul(struct x86 *x, bool is_wide, enum x86_reg dst, enum x86_reg src)
{
	put_rr(x, is_wide, TWO_BYTE | 0xaf, dst, src);
	wrote(x, dst);
}

void x86_imul_imm(struct x86 *x, bool is_wide, enum x86_reg dst, enum x86_reg src, int32_t imm)
{
	put_rr(x, is_wide, 0x69, dst, src);
	put32(x, (uint32_t)imm);
	wrote(x, dst);
}

void x86_alu_mem(struct x86 *x, bool is_wide, enum x86_alu op, enum x86_reg dst, enum x86_reg base,
		 int32_t disp)
{
	put_rm(x, is_wide, op << 3 | 3, dst, base, disp);
	if (op != X_CMP)
		wrote(x, dst);
}

void x86_cmp_mem_imm(struct x86 *x, bool is_wide, enum x86_reg base, int32_t disp, int32_t imm)
{
	put_rm(x, is_wide, imm == (int8_t)imm ? 0x83 : 0x81, X_CMP, base, disp);
	if (imm == (int8_t)imm)
		put(x, (uint8_t)imm);
	else
		put32(x, (uint32_t)imm);
}

void x86_bsr(struct x86 *x, bool is_wide, enum x86_reg dst, enum x86_reg src)
{
	put_rr(x, is_wide, TWO_BYTE | 0xbd, dst, src);
	wrote(x, dst);
}

void x86_bswap(struct x86 *x, bool is_wide, enum x86_reg reg)
{
	put_opcode(x, is_wide, TWO_BYTE | 0xc8 | (reg & 7), 0, reg, false);
	wrote(x, reg);
}

void x86_sign_extend(struct x86 *x, bool is_wide, enum x86_reg dst, enum x86_reg src,
		     unsigned from_bytes)
{
	wrote(x, dst);
	if (from_bytes == 4) {
		put_rr(x, is_wide, 0x63, dst, src);
		return;
	}
	/* a byte register: sil and dil need a REX, which stands for src here */
	if (from_bytes == 1 && !is_wide && dst < 8 && src >= 4 && src < 8)
		put(x, REX);
	put_rr(x, is_wide, TWO_BYTE | (from_bytes == 1 ? 0xbe : 0xbf), dst, src);
}

void x86_zero_extend16(struct x86 *x, enum x86_reg dst, enum x86_reg src)
{
	put_rr(x, false, TWO_BYTE | 0xb7, dst, src);
	wrote(x, dst);
}

void x86_rol16_8(struct x86 *x, enum x86_reg reg)
{
	put(x, PREFIX_16);
	put_rr(x, false, 0xc1, 0, reg);
	put(x, 8);
	wrote(x, reg);
}

void x86_lea(struct x86 *x, enum x86_reg dst, enum x86_reg base, int32_t disp)
{
	put_rm(x, true, 0x8d, dst, base, disp);
	wrote(x, dst);
}

void x86_push(struct x86 *x, enum x86_reg reg)
{
	put_opcode(x, false, 0x50 | (reg & 7), 0, reg, false);
}

void x86_pop(struct x86 *x, enum x86_reg reg)
{
	put_opcode(x, false, 0x58 | (reg & 7), 0, reg, false);
}

void x86_ret(struct x86 *x)
{
	put(x, 0xc3);
}

/* ---- memory ---- */

void x86_load(struct x86 *x, unsigned size, enum x86_reg dst, enum x86_reg base, int32_t disp)
{
	switch (size) {
	case 1: put_rm(x, false, TWO_BYTE | 0xb6, dst, base, disp); break;
	case 2: put_rm(x, false, TWO_BYTE | 0xb7, dst, base, disp); break;
	default: put_rm(x, size == 8, 0x8b, dst, base, disp); break;
	}
	wrote(x, dst);
}

void x86_load_signed(struct x86 *x, unsigned size, enum x86_reg dst, enum x86_reg base,
		     int32_t disp)
{
	switch (size) {
	case 1: put_rm(x, true, TWO_BYTE | 0xbe, dst, base, disp); break;
	case 2: put_rm(x, true, TWO_BYTE | 0xbf, dst, base, disp); break;
	default: put_rm(x, true, 0x63, dst, base, disp); break;
	}
	wrote(x, dst);
}

void x86_store(struct x86 *x, unsigned size, enum x86_reg base, int32_t disp, enum x86_reg src)
{
	if (size == 2)
		put(x, PREFIX_16);
	put_rm_sized(x, size == 8, size == 1 ? 0x88 : 0x89, src, base, disp, size == 1);
}

void x86_store_imm(struct x86 *x, unsigned size, enum x86_reg base, int32_t disp, int32_t imm)
{
	if (size == 2)
		put(x, PREFIX_16);
	put_rm(x, size == 8, size == 1 ? 0xc6 : 0xc7, 0, base, disp);
	strbuf_add(&x->code, (const char *)&imm, size == 8 ? 4 : size);
}

void x86_lock_alu(struct x86 *x, bool is_wide, enum x86_alu op, enum x86_reg base, int32_t disp,
		  enum x86_reg src)
{
	put(x, 0xf0);
	put_rm(x, is_wide, op << 3 | 1, src, base, disp);
}

void x86_lock_xadd(struct x86 *x, bool is_wide, enum x86_reg base, int32_t disp, enum x86_reg reg)
{
	put(x, 0xf0);
	put_rm(x, is_wide, TWO_BYTE | 0xc1, reg, base, disp);
	wrote(x, reg);
}

void x86_xadd(struct x86 *x, bool is_wide, enum x86_reg base, int32_t disp, enum x86_reg reg)
{
	put_rm(x, is_wide, TWO_BYTE | 0xc1, reg, base, disp);
	wrote(x, reg);
}

void x86_xchg_mem(struct x86 *x, bool is_wide, enum x86_reg base, int32_t disp, enum x86_reg reg)
{
	put_rm(x, is_wide, 0x87, reg, base, disp);
	wrote(x, reg);
}

void x86_lock_cmpxchg(struct x86 *x, bool is_wide, enum x86_reg base, int32_t disp,
		      enum x86_reg src)
{
	put(x, 0xf0);
	put_rm(x, is_wide, TWO_BYTE | 0xb1, src, base, disp);
	wrote(x, X_RAX);
}

bool x86_lock_inc_at(struct x86 *x, uint64_t address)
{
	static const uint8_t inc[] = { 0xf0, 0x48, 0xff, 0x05 };
	int64_t rel;

	x86_bytes(x, inc, sizeof(inc));
	rel = (int64_t)(address - (x->base + x86_here(x) + 4));
	put32(x, (uint32_t)rel);
	return rel == (int32_t)rel;
}
