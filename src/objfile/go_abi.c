/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Assignment of Go's arguments and results; see go_abi.h. A value goes to registers when all of its leaves fit into those
 * that are left, else as a whole to the stack; results begin anew with all registers, on the stack behind the
 * arguments. A probe that reads them stands before the frame is made, so stack slots begin at rsp + 8.
 */
#include "objfile/go_abi.h"

#include "arch/x86_64/regs.h"

#include <stdlib.h>
#include <string.h>

enum { KIND_COMPLEX64 = 15, KIND_COMPLEX128 = 16, KIND_FUNC = 19 }; /* reflect.Kind */
enum { WORD = 8, MAX_NESTING = 64 };

static const char *const int_regs[GO_N_INT_REGS] = { "ax", "bx", "cx",  "di", "si",
						     "r8", "r9", "r10", "r11" };

int go_abi_reg_offset(unsigned n)
{
	return n < GO_N_INT_REGS ? arch_reg_find_script(str_from(int_regs[n]))->offset : -1;
}

/* --- what a type is to the convention --------------------------------------------------------------------------- */

enum leaf { LEAF_NONE, LEAF_WORD, LEAF_FLOAT, LEAF_COMPLEX };

static enum leaf leaf_of(const struct type *t)
{
	if (!t)
		return LEAF_WORD;
	if (t->go_kind == KIND_COMPLEX64 || t->go_kind == KIND_COMPLEX128)
		return LEAF_COMPLEX;
	if (t->go_kind == KIND_FUNC)
		return LEAF_WORD;
	switch (t->kind) {
	case TYPE_FLOAT: return LEAF_FLOAT;
	case TYPE_BOOL:
	case TYPE_INT:
	case TYPE_ENUM:
	case TYPE_POINTER:
	case TYPE_FUNCTION: return LEAF_WORD;
	default: return LEAF_NONE;
	}
}

static uint32_t size_of(const struct type *t)
{
	if (!t || t->kind == TYPE_FUNCTION || t->kind == TYPE_POINTER || t->go_kind == KIND_FUNC)
		return WORD;
	if (t->go_kind == KIND_COMPLEX64)
		return 8;
	if (t->go_kind == KIND_COMPLEX128)
		return 16;
	return t->size;
}

/* alignment in Go's memory, which is not always that of the stored form; 0: the layout is not known */
static uint32_t align_of(const struct type *t, int depth)
{
	uint32_t most = 1, end = 0;

	switch (leaf_of(t)) {
	case LEAF_WORD:
	case LEAF_FLOAT: return size_of(t) && size_of(t) <= WORD ? size_of(t) : 0;
	case LEAF_COMPLEX: return size_of(t) / 2;
	default: break;
	}
	if (depth > MAX_NESTING)
		return 0;
	if (t->kind == TYPE_ARRAY)
		return align_of(t->elem, depth + 1);
	if (t->kind != TYPE_STRUCT || t->is_union || !type_complete(t))
		return 0;
	for (uint32_t i = 0; i < t->n_fields; i++) {
		uint32_t one = align_of(t->fields[i].type, depth + 1);

		/* more room than alignment asks for: there is a member that is not in the list */
		if (!one || t->fields[i].offset < end || t->fields[i].offset - end >= one)
			return 0;
		end = t->fields[i].offset + size_of(t->fields[i].type);
		if (one > most)
			most = one;
	}
	/* a last member without size gets a byte, so that its address is inside */
	return t->size >= end && t->size - end <= most ? most : 0;
}

/* --- registers -------------------------------------------------------------------------------------------------- */

struct assign {
	struct arena *a;
	unsigned n_int, n_float;     /* taken */
	unsigned max_int, max_float; /* there are */
	struct loc_piece *pieces;    /* of the value at hand */
	uint32_t n_pieces;
	uint64_t stack, spill; /* bytes so far */
};

static void add_piece(struct assign *s, enum loc_kind kind, uint32_t offset, uint32_t size,
		      uint16_t reg)
{
	/* what does not fit stays uncovered: not known */
	if (s->n_pieces < LOC_MAX_PIECES)
		s->pieces[s->n_pieces++] = (struct loc_piece){
			.offset = offset, .size = size, .kind = kind, .reg = reg
		};
}

static bool take_float(struct assign *s, uint32_t offset, uint32_t size)
{
	if (s->n_float >= s->max_float)
		return false;
	add_piece(s, LOC_FLOAT_REG, offset, size, (uint16_t)s->n_float++);
	return true;
}

/* every leaf of t, which lies at offset of the value, to a register of its own; false: they do not all fit */
static bool take_regs(struct assign *s, const struct type *t, uint32_t offset)
{
	uint32_t size = size_of(t);

	switch (leaf_of(t)) {
	case LEAF_WORD:
		if (s->n_int >= s->max_int)
			return false;
		add_piece(s, LOC_REG, offset, size, (uint16_t)go_abi_reg_offset(s->n_int++));
		return true;
	case LEAF_FLOAT: return take_float(s, offset, size);
	case LEAF_COMPLEX:
		return take_float(s, offset, size / 2) &&
		       take_float(s, offset + size / 2, size / 2);
	default: break;
	}
	if (t->kind == TYPE_ARRAY) {
		if (t->count == 0)
			return true;
		return t->count == 1 && take_regs(s, t->elem, offset);
	}
	for (uint32_t i = 0; i < t->n_fields; i++)
		if (!take_regs(s, t->fields[i].type, offset + t->fields[i].offset))
			return false;
	return true;
}

/* --- the list --------------------------------------------------------------------------------------------------- */

static uint64_t round_up(uint64_t n, uint32_t to)
{
	return (n + to - 1) / to * to;
}

static uint64_t take_slot(uint64_t *used, const struct type *t, uint32_t align)
{
	uint64_t at = round_up(*used, align);

	*used = at + size_of(t);
	return at;
}

static void place_on_stack(struct assign *s, struct go_abi_value *v, uint32_t align)
{
	uint64_t at = take_slot(&s->stack, v->type, align);
	struct loc_op *ops = arena_array(s->a, struct loc_op, 2);
	struct loc_piece *p = arena_new(s->a, struct loc_piece);

	ops[0] = (struct loc_op){ .op = LOC_OP_REG, .reg = (uint16_t)arch_sp_offset() };
	ops[1] = (struct loc_op){ .op = LOC_OP_ADD_CONST, .value = (int64_t)(WORD + at) };
	*p = (struct loc_piece){ .size = size_of(v->type), .kind = LOC_MEM, .ops = ops, .n_ops = 2 };
	v->loc = (struct location){ .pieces = p, .n_pieces = 1 };
}

static int compare_offset(const void *a, const void *b)
{
	const struct loc_piece *x = a, *y = b;

	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* bytes between the leaves are padding: they have no value that could be missing */
static void fill_padding(struct assign *s, uint32_t size)
{
	uint32_t n = s->n_pieces, at = 0;

	if (n == LOC_MAX_PIECES) /* leaves may have been left out */
		return;
	for (uint32_t i = 0; i <= n; i++) {
		uint32_t next = i < n ? s->pieces[i].offset : size;

		if (next > at && s->n_pieces < LOC_MAX_PIECES)
			s->pieces[s->n_pieces++] = (struct loc_piece){
				.offset = at,
				.size = next - at,
				.kind = LOC_CONST,
				.data = arena_alloc(s->a, next - at),
			};
		at = i < n ? next + s->pieces[i].size : size;
	}
	qsort(s->pieces, s->n_pieces, sizeof(*s->pieces), compare_offset);
}

static bool place(struct assign *s, struct go_abi_value *v)
{
	uint32_t align = align_of(v->type, 0);
	unsigned n_int = s->n_int, n_float = s->n_float;

	if (!align)
		return false;
	s->pieces = arena_array(s->a, struct loc_piece, LOC_MAX_PIECES);
	s->n_pieces = 0;
	if (size_of(v->type) && take_regs(s, v->type, 0)) {
		qsort(s->pieces, s->n_pieces, sizeof(*s->pieces), compare_offset);
		fill_padding(s, size_of(v->type));
		v->loc = (struct location){ .pieces = s->pieces, .n_pieces = s->n_pieces };
		if (!v->is_result)
			take_slot(&s->spill, v->type, align);
		return true;
	}
	s->n_int = n_int;
	s->n_float = n_float;
	place_on_stack(s, v, align);
	return true;
}

bool go_abi_assign(struct go_abi_value *v, uint32_t n, bool in_regs, struct arena *a,
		   uint64_t *frame_bytes)
{
	struct assign s = { .a = a,
			    .max_int = in_regs ? GO_N_INT_REGS : 0,
			    .max_float = in_regs ? GO_N_FLOAT_REGS : 0 };
	bool is_known = true;

	for (uint32_t i = 0; i < n && is_known; i++)
		is_known = v[i].is_result || place(&s, &v[i]);
	s.stack = round_up(s.stack, WORD);
	s.n_int = s.n_float = 0;
	for (uint32_t i = 0; i < n && is_known; i++)
		is_known = !v[i].is_result || place(&s, &v[i]);
	*frame_bytes = round_up(s.stack, WORD) + round_up(s.spill, WORD);
	for (uint32_t i = 0; i < n && !is_known; i++)
		v[i].loc = (struct location){ .why = STR("the layout of a type in the "
							 "function's signature is not known") };
	return is_known;
}

/* --- generic functions ------------------------------------------------------------------------------------------ */

/* behind the ']' that belongs to the '[' at s.p[at] */
static size_t close_bracket(struct str s, size_t at)
{
	int depth = 0;

	for (; at < s.n; at++) {
		depth += s.p[at] == '[' ? 1 : s.p[at] == ']' ? -1 : 0;
		if (depth == 0)
			return at + 1;
	}
	return s.n;
}

/* "func1", "gowrap2", "deferwrap1", "func1.2", "M-fm": written or made inside of a function, not a method */
static bool is_inner(struct str s)
{
	static const struct str words[] = { STR_INIT("func"), STR_INIT("gowrap"),
					    STR_INIT("deferwrap") };

	if (memchr(s.p, '.', s.n) || memchr(s.p, '-', s.n))
		return true;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (str_starts(s, words[i]) && s.n > words[i].n &&
		    str_digit_value(s.p[words[i].n]) < 10)
			return true;
	return false;
}

int go_abi_dict_index(struct str name, unsigned minor)
{
	ptrdiff_t shape = str_find(name, STR("[go.shape."));
	struct str rest;

	if (shape < 0)
		shape = str_find(name, STR("[...]"));
	if (shape < 0)
		return -1;
	rest = str_sub(name, close_bracket(name, (size_t)shape), name.n);
	if (!rest.n)
		return 0;
	if (rest.p[0] == ')')
		rest = str_sub(rest, 1, rest.n);
	if (rest.n < 2 || rest.p[0] != '.' || is_inner(str_sub(rest, 1, rest.n)))
		return -1;
	/* Go 1.18 and 1.19 put it before the receiver */
	return minor >= 20 ? 1 : 0;
}
