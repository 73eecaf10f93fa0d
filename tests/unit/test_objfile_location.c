/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DWARF expressions as locations, and where calling conventions put values. What compilers make of it all: tests/matrix. */
#include "base/strbuf.h"
#include "objfile/abi.h"
#include "objfile/dwarf_loc.h"
#include "tap.h"
#include "types/type.h"

#include <dwarf.h>

static struct arena arena;
static struct type_table types;

static const char *reg_name(unsigned offset)
{
	static const char *const names[] = { "r15", "r14",  "r13", "r12", "rbp",   "rbx", "r11",
					     "r10", "r9",   "r8",  "rax", "rcx",   "rdx", "rsi",
					     "rdi", "orig", "rip", "cs",  "flags", "rsp" };

	return offset / 8 < sizeof(names) / sizeof(names[0]) ? names[offset / 8] : "?";
}

static void write_ops(const struct loc_piece *p, struct strbuf *b)
{
	for (uint32_t i = 0; i < p->n_ops; i++) {
		const struct loc_op *o = &p->ops[i];

		switch (o->op) {
		case LOC_OP_CONST: strbuf_printf(b, " %lld", (long long)o->value); break;
		case LOC_OP_REG: strbuf_printf(b, " %s", reg_name(o->reg)); break;
		case LOC_OP_ENTRY_REG: strbuf_printf(b, " %s@entry", reg_name(o->reg)); break;
		case LOC_OP_ADD_CONST: strbuf_printf(b, " %+lld", (long long)o->value); break;
		case LOC_OP_FILE_ADDR: strbuf_printf(b, " file:%llx", (long long)o->value); break;
		case LOC_OP_DEREF: strbuf_printf(b, " *%u", o->size); break;
		default: strbuf_printf(b, " op%u.%u", o->op, o->size); break;
		}
	}
}

/* "0+4 reg rdi; 8+8 mem rsp +8", or "absent: why" */
static const char *text_of(const struct location *l)
{
	static struct strbuf b;

	strbuf_clear(&b);
	for (uint32_t i = 0; i < l->n_pieces; i++) {
		const struct loc_piece *p = &l->pieces[i];

		strbuf_printf(&b, "%s%u+%u ", i ? "; " : "", p->offset, p->size);
		switch (p->kind) {
		case LOC_REG:
			strbuf_printf(&b, "reg %s", reg_name(p->reg));
			if (p->reg_shift)
				strbuf_printf(&b, ">>%u", p->reg_shift);
			break;
		case LOC_FLOAT_REG: strbuf_printf(&b, "xmm%u", p->reg); break;
		case LOC_MEM: strbuf_puts(&b, "mem"); break;
		case LOC_VALUE: strbuf_puts(&b, "value"); break;
		case LOC_CONST:
			strbuf_puts(&b, "const ");
			for (uint32_t k = 0; k < p->size; k++)
				strbuf_printf(&b, "%02x", p->data[k]);
			break;
		default: strbuf_puts(&b, "absent"); break;
		}
		write_ops(p, &b);
	}
	if (!l->n_pieces)
		strbuf_printf(&b, "absent: %.*s", STR_ARG(l->why));
	return strbuf_cstr(&b);
}

#define OPS(...) \
	(const Dwarf_Op[]){ __VA_ARGS__ }, sizeof((Dwarf_Op[]){ __VA_ARGS__ }) / sizeof(Dwarf_Op)

static const char *expression(uint32_t size, const Dwarf_Op *ops, size_t n)
{
	struct dwarf_loc_ctx ctx = { .arena = &arena, .pc = 0x1010, .entry = 0x1000 };
	struct dwarf_loc l = { 0 };

	dwarf_loc_of_expr(&ctx, NULL, ops, n, size, &l);
	return text_of(&l.loc);
}

#define same(got, want) CHECK_STR(got, want)

TEST(registers)
{
	same(expression(4, OPS({ .atom = DW_OP_reg5 })), "0+4 reg rdi");
	same(expression(16, OPS({ .atom = DW_OP_reg0 })), "0+8 reg rax");
	same(expression(8, OPS({ .atom = DW_OP_regx, .number = 17 })), "0+8 xmm0");
	same(expression(8, OPS({ .atom = DW_OP_regx, .number = 33 })),
	     "absent: it is in a register that programs cannot read");
}

TEST(memory)
{
	same(expression(4, OPS({ .atom = DW_OP_breg7, .number = 12 })), "0+4 mem rsp +12");
	same(expression(4, OPS({ .atom = DW_OP_breg5, .number = 0 }, { .atom = DW_OP_deref },
			       { .atom = DW_OP_plus_uconst, .number = 8 })),
	     "0+4 mem rdi *8 +8");
	same(expression(4, OPS({ .atom = DW_OP_addr, .number = 0x4010 },
			       { .atom = DW_OP_plus_uconst, .number = 2 })),
	     "0+4 mem file:4012");
	same(expression(4, OPS({ .atom = DW_OP_fbreg, .number = 4 })),
	     "absent: its frame is not known there");
	/* only at the entry is the canonical frame address known without call frame information */
	same(expression(4, OPS({ .atom = DW_OP_call_frame_cfa })),
	     "absent: there is no call frame information there");
}

TEST(values)
{
	same(expression(4, OPS({ .atom = DW_OP_lit7 }, { .atom = DW_OP_stack_value })),
	     "0+4 const 07000000");
	same(expression(4, OPS({ .atom = DW_OP_const1s, .number = (Dwarf_Word)-2 },
			       { .atom = DW_OP_lit3 }, { .atom = DW_OP_mul },
			       { .atom = DW_OP_stack_value })),
	     "0+4 const faffffff");
	same(expression(8, OPS({ .atom = DW_OP_breg3, .number = 1 }, { .atom = DW_OP_lit4 },
			       { .atom = DW_OP_plus }, { .atom = DW_OP_stack_value })),
	     "0+8 value rbx +5");
	same(expression(4, OPS({ .atom = DW_OP_breg3, .number = 0 }, { .atom = DW_OP_stack_value })),
	     "0+4 reg rbx");
	/* 5 / 0, and what signed division of the smallest number by -1 would do */
	same(expression(4, OPS({ .atom = DW_OP_lit5 }, { .atom = DW_OP_lit0 },
			       { .atom = DW_OP_div }, { .atom = DW_OP_stack_value })),
	     "0+4 const 00000000");
}

TEST(pieces)
{
	same(expression(16, OPS({ .atom = DW_OP_reg5 }, { .atom = DW_OP_piece, .number = 8 },
				{ .atom = DW_OP_reg4 }, { .atom = DW_OP_piece, .number = 8 })),
	     "0+8 reg rdi; 8+8 reg rsi");
	/* the pointer of a string is lost, its length is known */
	same(expression(16,
			OPS({ .atom = DW_OP_piece, .number = 8 }, { .atom = DW_OP_lit6 },
			    { .atom = DW_OP_stack_value }, { .atom = DW_OP_piece, .number = 8 })),
	     "8+8 const 0600000000000000");
	same(expression(4, OPS({ .atom = DW_OP_reg1 },
			       { .atom = DW_OP_bit_piece, .number = 16, .number2 = 16 },
			       { .atom = DW_OP_reg2 },
			       { .atom = DW_OP_bit_piece, .number = 16, .number2 = 0 })),
	     "0+2 reg rdx>>16; 2+2 reg rcx");
	same(expression(4, OPS({ .atom = DW_OP_reg1 },
			       { .atom = DW_OP_bit_piece, .number = 3, .number2 = 0 })),
	     "absent: its location has pieces that are not whole bytes");
	/* the last piece is longer than the value */
	same(expression(3, OPS({ .atom = DW_OP_reg1 }, { .atom = DW_OP_piece, .number = ~0ULL })),
	     "0+3 reg rdx");
}

TEST(hostile)
{
	Dwarf_Op many[300];

	same(expression(4, OPS({ .atom = DW_OP_plus })), "absent: its location is malformed");
	same(expression(4, OPS({ .atom = DW_OP_lit1 }, { .atom = DW_OP_pick, .number = 200 })),
	     "absent: its location is malformed");
	same(expression(4, OPS({ .atom = DW_OP_lit1 }, { .atom = DW_OP_bra })),
	     "absent: its location depends on a condition");
	same(expression(4, OPS({ .atom = 0xe7 })),
	     "absent: its location uses an operator that is not understood");
	same(expression(4, OPS({ .atom = DW_OP_entry_value })),
	     "absent: its location is malformed");
	for (unsigned i = 0; i < 300; i++)
		many[i] = (Dwarf_Op){ .atom = DW_OP_breg1 };
	same(expression(4, many, 300), "absent: its location is too long");
	same(expression(4, many, 17), "absent: its location needs too much stack");
}

/* ---- conventions ---- */

static const struct type *structure(const char *name, enum type_lang lang, uint32_t size,
				    uint32_t n, const struct type_field *fields)
{
	struct type *t = type_new_struct(&types, str_from(name), false);

	t->size = size;
	t->lang = lang;
	t->fields = memcpy(arena_array(&arena, struct type_field, n), fields, n * sizeof(*fields));
	t->n_fields = n;
	t->is_complete = true;
	return t;
}

static struct abi_value values[16], result;

static void assign(enum type_lang lang, const struct type *ret, uint32_t n)
{
	result.type = ret;
	abi_assign(lang, values, n, &result, &arena);
}

TEST(sysv)
{
	const struct type *i4 = type_int(4, true), *i8 = type_int(8, true);
	const struct type *mixed = structure(
		"mixed", LANG_C, 16, 2,
		(struct type_field[]){ { .type = i4 }, { .type = type_float(8), .offset = 8 } });
	const struct type *big = structure("big", LANG_C, 24, 3,
					   (struct type_field[]){ { .type = i8 },
								  { .type = i8, .offset = 8 },
								  { .type = i8, .offset = 16 } });
	const struct type *packed = structure("packed", LANG_C, 5, 2,
					      (struct type_field[]){ { .type = type_int(1, false) },
								     { .type = i4, .offset = 1 } });
	struct type *traced = (struct type *)structure("traced", LANG_CXX, 8, 1,
						       (struct type_field[]){ { .type = i8 } });

	for (unsigned i = 0; i < 8; i++)
		values[i].type = i4;
	values[1].type = mixed;
	assign(LANG_C, mixed, 8);
	same(text_of(&values[0].loc), "0+4 reg rdi");
	same(text_of(&values[1].loc), "0+8 reg rsi; 8+8 xmm0");
	same(text_of(&values[5].loc), "0+4 reg r9");
	same(text_of(&values[6].loc), "0+4 mem rsp +8");
	same(text_of(&values[7].loc), "0+4 mem rsp +16");
	same(text_of(&result.loc), "0+8 reg rax; 8+8 xmm0");

	values[0].type = big;
	values[1].type = packed;
	values[2].type = type_float(16);
	values[3].type = i8;
	assign(LANG_C, big, 4);
	same(text_of(&values[0].loc), "0+24 mem rsp +8");
	same(text_of(&values[1].loc), "0+5 mem rsp +32");
	same(text_of(&values[2].loc), "0+16 mem rsp +40");
	same(text_of(&values[3].loc), "0+8 reg rsi");
	same(text_of(&result.loc), "0+24 mem rax");

	traced->abi = TYPE_ABI_REFERENCE;
	values[0].type = traced;
	assign(LANG_CXX, type_float(16), 1);
	same(text_of(&values[0].loc), "0+8 mem rdi");
	same(text_of(&result.loc), "absent: it is in an x87 register");
	traced->abi = TYPE_ABI_UNKNOWN;
	values[1].type = i4;
	assign(LANG_CXX, type_void(), 2);
	same(text_of(&values[1].loc), "absent: its type is not known well enough");
}

TEST(sysv_all_or_nothing)
{
	const struct type *i8 = type_int(8, true);
	const struct type *two =
		structure("two", LANG_C, 16, 2,
			  (struct type_field[]){ { .type = i8 }, { .type = i8, .offset = 8 } });

	for (unsigned i = 0; i < 7; i++)
		values[i].type = i8;
	values[5].type = two;
	assign(LANG_C, type_void(), 7);
	same(text_of(&values[5].loc), "0+16 mem rsp +8");
	same(text_of(&values[6].loc), "0+8 reg r9");
	/* Rust's pairs are two parameters */
	assign(LANG_RUST, type_void(), 7);
	same(text_of(&values[5].loc), "0+8 reg r9; 8+8 mem rsp +8");
	same(text_of(&values[6].loc), "0+8 mem rsp +16");
}

TEST(rust)
{
	const struct type *u4 = type_int(4, false), *u8 = type_int(8, false);
	/* reordered: b lies first */
	const struct type *p2 =
		structure("app::P2", LANG_RUST, 16, 2,
			  (struct type_field[]){ { .type = u4, .offset = 8 }, { .type = u8 } });
	const struct type *three = structure("app::Three", LANG_RUST, 12, 3,
					     (struct type_field[]){ { .type = u4 },
								    { .type = u4, .offset = 4 },
								    { .type = u4, .offset = 8 } });
	const struct type *meters = structure("app::Meters", LANG_RUST, 4, 1,
					      (struct type_field[]){ { .type = type_float(4) } });
	const struct type *some = structure("core::option::Option<u32>::Some", LANG_RUST, 8, 1,
					    (struct type_field[]){ { .type = u4, .offset = 4 } });
	struct type *option = (struct type *)structure("core::option::Option<u32>", LANG_RUST, 8, 0,
						       (struct type_field[]){ { .offset = 0 } });
	const struct type_variant variants[] = {
		{ .name = STR("None"), .has_value = true },
		{ .name = STR("Some"), .has_value = true, .value = 1, .type = some }
	};

	option->variants = variants;
	option->n_variants = 2;
	option->discr = (struct type_field){ .type = u4 };
	values[0].type = p2;
	values[1].type = option;
	values[2].type = three;
	values[3].type = type_wide_int(false);
	assign(LANG_RUST, p2, 4);
	same(text_of(&values[0].loc), "0+8 reg rdi; 8+4 reg rsi");
	same(text_of(&values[1].loc), "0+4 reg rdx; 4+4 reg rcx");
	same(text_of(&values[2].loc), "0+12 mem r8");
	same(text_of(&values[3].loc), "0+16 mem rsp +8");
	same(text_of(&result.loc), "0+8 reg rax; 8+4 reg rdx");
	/* rdi is the result's address, which does not come back in rax */
	assign(LANG_RUST, three, 1);
	same(text_of(&values[0].loc), "0+8 reg rsi; 8+4 reg rdx");
	same(text_of(&result.loc), "0+12 mem rdi@entry");
	/* a float or, with repr(C), a word */
	values[0].type = meters;
	assign(LANG_RUST, type_void(), 1);
	same(text_of(&values[0].loc), "absent: it is a float or a word, depending on repr(C)");
}

__attribute__((constructor)) static void set_up(void)
{
	arena_init(&arena);
	type_table_init(&types, &arena);
}
