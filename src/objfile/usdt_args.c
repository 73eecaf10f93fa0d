/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Operands of USDT probes on x86-64; see usdt.h. Each is `SIZE@OPERAND`: SIZE in bytes, negative for signed, with an
 * 'f' behind it for floating point; OPERAND as the assembler (AT&T syntax) would print it:
 *
 *   $CONST   %REG   [EXPR](%BASE[,%INDEX[,SCALE]])   [EXPR](,%INDEX,SCALE)   EXPR(%rip)   EXPR
 *
 * where EXPR is a sum of numbers and at most one symbol. What cannot be read from a kernel program stays in the list
 * as a refusal with its reason, so that the other operands keep their numbers.
 */
#include "objfile/usdt.h"

#include "arch/x86_64/regs.h"
#include "base/vec.h"
#include "objfile/symtab.h"

#include <ctype.h>

static void refuse(struct usdt_operand *op, const char *why)
{
	op->kind = USDT_ARG_UNSUPPORTED;
	op->refusal = why;
}

/* --- expressions ------------------------------------------------------------------------------------------------ */

struct expr {
	uint64_t number;
	struct str symbol; /* empty: none */
};

/* [+-]term{(+|-)term}; false when it is not one, or holds two symbols or a subtracted one */
static bool parse_expr(struct str s, struct expr *e)
{
	*e = (struct expr){ 0 };
	s = str_trim(s);
	while (s.n) {
		bool minus = s.p[0] == '-';
		size_t end;
		uint64_t v;
		struct str term;

		if (s.p[0] == '+' || s.p[0] == '-')
			s = str_sub(s, 1, s.n);
		for (end = 0; end < s.n && s.p[end] != '+' && s.p[end] != '-'; end++)
			;
		term = str_trim(str_sub(s, 0, end));
		s = str_sub(s, end, s.n);
		if (term.n == 0)
			return false;
		if (isdigit((unsigned char)term.p[0])) {
			if (!str_to_u64(term, &v))
				return false;
			e->number += minus ? -v : v;
		} else if (minus || e->symbol.n) {
			return false;
		} else {
			e->symbol = term;
		}
	}
	return true;
}

/* the symbol's address in the file; NULL or why not */
static const char *find_symbol(struct objfile *file, struct str name, uint64_t *addr)
{
	const struct symbol *s;
	struct symtab *t;

	if (memchr(name.p, '@', name.n))
		return "it needs a relocation (@GOT, @TPOFF) that is resolved at run time";
	if (!file)
		return "it names a symbol";
	t = objfile_symtab(file);
	s = symtab_find(t, name);
	if (!s)
		return "the symbol it names is not in the file's symbol tables";
	*addr = s->addr;
	while ((s = symtab_find_next(t, s)))
		if (s->addr != *addr)
			return "several symbols have the name that it names";
	return NULL;
}

/* --- operands ---------------------------------------------------------------------------------------------------- */

static void parse_const(struct objfile *file, struct str s, struct usdt_operand *op)
{
	struct expr e;
	uint64_t addr = 0;
	const char *why;

	if (s.n == 0 || !parse_expr(s, &e)) {
		refuse(op, "its constant cannot be read");
		return;
	}
	op->kind = USDT_ARG_CONST;
	if (e.symbol.n) {
		/* an address as an immediate: only where the program lies at a fixed address */
		why = file && file->kind == OBJFILE_EXEC
			      ? find_symbol(file, e.symbol, &addr)
			      : "its constant is an address that is known at run time only";
		if (why) {
			refuse(op, why);
			return;
		}
	}
	op->value = (int64_t)(e.number + addr);
}

static void parse_reg(struct str s, struct usdt_operand *op)
{
	const struct arch_reg *r = arch_reg_find(s);

	if (s.n > 3 && s.p[2] == ':') {
		refuse(op, "it is thread-local or in another segment");
		return;
	}
	if (!r && arch_reg_is_float(s)) {
		op->kind = USDT_ARG_FLOAT;
		op->refusal = "it is in a vector register, which kernel programs cannot read";
		return;
	}
	if (!r) {
		refuse(op, "its register is unknown");
		return;
	}
	op->kind = USDT_ARG_REG;
	op->reg_offset = r->offset;
	op->reg_shift = r->shift;
	if (op->size > r->size)
		op->size = r->size;
}

/* the inside of the parentheses: base, index, scale; true when it says %rip */
static const char *parse_base_index(struct str s, struct usdt_operand *op, bool *rip)
{
	struct str base, index, scale;
	const struct arch_reg *r;
	bool has_scale;

	base = str_trim(str_split(&s, ','));
	index = str_trim(str_split(&s, ','));
	scale = str_trim(s);
	has_scale = scale.n != 0;
	op->scale = 1;
	if (base.n) {
		r = base.p[0] == '%' ? arch_reg_find(str_sub(base, 1, base.n)) : NULL;
		if (!r || r->size != 8)
			return "its base register is unknown or not a 64-bit one";
		*rip = str_is(base, "%rip");
		op->has_base = !*rip;
		op->reg_offset = *rip ? 0 : r->offset;
	}
	if (index.n) {
		r = index.p[0] == '%' ? arch_reg_find(str_sub(index, 1, index.n)) : NULL;
		if (!r || r->size != 8 || *rip || str_is(index, "%rip"))
			return "its index register is unknown or not a 64-bit one";
		op->has_index = true;
		op->index_offset = r->offset;
	}
	if (has_scale) {
		if (!index.n || scale.n != 1 || !strchr("1248", scale.p[0]))
			return "its scale is not 1, 2, 4 or 8";
		op->scale = (uint8_t)(scale.p[0] - '0');
	}
	return base.n || index.n ? NULL : "it has neither base nor index";
}

static void parse_mem(struct objfile *file, struct str s, struct usdt_operand *op)
{
	ptrdiff_t open = str_find_char(s, '(', 0);
	bool rip = false;
	const char *why = NULL;
	uint64_t addr = 0;
	struct expr e;

	op->kind = USDT_ARG_MEM;
	op->scale = 1;
	if (open >= 0) {
		if (s.p[s.n - 1] != ')')
			why = "its parentheses do not match";
		else
			why = parse_base_index(str_sub(s, (size_t)open + 1, s.n - 1), op, &rip);
		s = str_sub(s, 0, (size_t)open);
	} else if (s.n == 0) {
		why = "it is empty";
	}
	if (!why && !parse_expr(s, &e))
		why = "its displacement cannot be read";
	if (!why && e.symbol.n) {
		/* without a fixed address only rip-relative code can name a symbol, and then without registers */
		if (op->has_base && (!file || file->kind != OBJFILE_EXEC))
			why = "it adds a register to a symbol";
		else
			why = find_symbol(file, e.symbol, &addr);
		op->is_file_addr = true;
	} else if (!why && rip) {
		why = "it is a bare offset from the instruction pointer";
	}
	if (why) {
		refuse(op, why);
		return;
	}
	op->value = (int64_t)(e.number + addr);
}

/* "-4", "8f" before the '@'; false when it is none of that */
static bool parse_size(struct str s, struct usdt_operand *op, bool *is_float)
{
	uint64_t size;

	*is_float = s.n && s.p[s.n - 1] == 'f';
	if (*is_float)
		s.n--;
	if (s.n && s.p[0] == '-') {
		op->is_signed = true;
		s = str_sub(s, 1, s.n);
	}
	if (s.n == 0 || !isdigit((unsigned char)s.p[0]) || !str_to_u64(s, &size))
		return false;
	op->size = size == 1 || size == 2 || size == 4 || size == 8 ? (uint8_t)size : 0;
	return true;
}

struct usdt_operand usdt_parse_operand(struct objfile *file, struct str text)
{
	struct usdt_operand op = { .text = text, .size = 8, .scale = 1 };
	ptrdiff_t at = str_find_char(text, '@', 0);
	struct str s = str_trim(text);
	bool is_float = false;

	/* notes of the first version have no size: the register's own, else a word */
	if (at >= 0 && parse_size(str_trim(str_sub(text, 0, (size_t)at)), &op, &is_float))
		s = str_trim(str_sub(text, (size_t)at + 1, text.n));
	if (is_float && op.size != 4 && op.size != 8) {
		op.kind = USDT_ARG_FLOAT;
		op.refusal = "it is a floating point number of another size than 4 or 8 bytes";
	} else if (op.size == 0) {
		refuse(&op, "its size is not 1, 2, 4 or 8 bytes");
	} else if (s.n && s.p[0] == '$') {
		parse_const(file, str_sub(s, 1, s.n), &op);
	} else if (s.n && s.p[0] == '%') {
		parse_reg(str_sub(s, 1, s.n), &op);
	} else {
		parse_mem(file, s, &op);
	}
	op.is_float = is_float && (op.kind == USDT_ARG_REG || op.kind == USDT_ARG_MEM);
	return op;
}

/* the next operand of *s: up to a blank that is not inside parentheses */
static struct str next_operand(struct str *s)
{
	struct str op;
	size_t end;
	int depth = 0;

	*s = str_trim(*s);
	for (end = 0; end < s->n && (depth > 0 || !isspace((unsigned char)s->p[end])); end++) {
		if (s->p[end] == '(')
			depth++;
		else if (s->p[end] == ')' && depth)
			depth--;
	}
	op = str_sub(*s, 0, end);
	*s = str_sub(*s, end, s->n);
	return op;
}

uint32_t usdt_parse_args(struct objfile *file, struct str args, struct arena *a,
			 struct usdt_operand **ret)
{
	struct str rest = args;
	uint32_t n = 0;

	while (n < USDT_MAX_ARGS && next_operand(&rest).n)
		n++;
	*ret = arena_array(a, struct usdt_operand, n ? n : 1);
	rest = args;
	for (uint32_t i = 0; i < n; i++)
		(*ret)[i] = usdt_parse_operand(file, next_operand(&rest));
	return n;
}

bool usdt_operands_equal(const struct usdt_operand *a, uint64_t pc_a, const struct usdt_operand *b,
			 uint64_t pc_b, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++, a++, b++) {
		uint64_t value_a = (uint64_t)a->value - (a->is_file_addr ? pc_a : 0);
		uint64_t value_b = (uint64_t)b->value - (b->is_file_addr ? pc_b : 0);

		if (a->kind != b->kind || a->size != b->size || a->is_signed != b->is_signed || a->is_float != b->is_float ||
		    a->has_base != b->has_base || a->has_index != b->has_index ||
		    a->reg_shift != b->reg_shift || a->reg_offset != b->reg_offset ||
		    a->index_offset != b->index_offset || a->scale != b->scale ||
		    a->is_file_addr != b->is_file_addr || value_a != value_b)
			return false;
	}
	return true;
}
