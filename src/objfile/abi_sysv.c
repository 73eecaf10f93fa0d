/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System V x86-64 (psABI 1.0, 3.2.3) by types: each word of a value of up to two words has a class that says in which kind of
 * register it travels; everything else is in memory. C++ objects that are not trivially copyable travel by address
 * (Itanium C++ ABI, 3.1.2). See abi.h.
 */
#include "objfile/abi.h"

#include "arch/x86_64/regs.h"

enum class { CLASS_NONE, CLASS_INTEGER, CLASS_SSE, CLASS_X87, CLASS_MEMORY };
enum { MAX_DEPTH = 32, MAX_ELEMENTS = 16 };

struct classes {
	enum class word[2];
	bool is_x87; /* one long double: passed in memory, returned in st(0) */
	bool is_aligned_16;
	const char *unknown;
};

static void merge(struct classes *c, uint64_t word, enum class with)
{
	enum class *w = &c->word[word > 1 ? 1 : word];

	if (*w == with || with == CLASS_NONE)
		return;
	if (*w == CLASS_NONE)
		*w = with;
	else if (*w == CLASS_MEMORY || with == CLASS_MEMORY)
		*w = CLASS_MEMORY;
	else if (*w == CLASS_INTEGER || with == CLASS_INTEGER)
		*w = CLASS_INTEGER;
	else
		*w = *w == CLASS_X87 || with == CLASS_X87 ? CLASS_MEMORY : CLASS_SSE;
}

static void classify(const struct type *t, uint64_t at, struct classes *c, unsigned depth);

static void classify_struct(const struct type *t, uint64_t at, struct classes *c, unsigned depth)
{
	if (t->abi == TYPE_ABI_UNKNOWN || !type_complete(t) || depth == MAX_DEPTH) {
		c->unknown = "its type is not known well enough";
		return;
	}
	if (t->abi == TYPE_ABI_VECTOR) {
		merge(c, at / 8, CLASS_SSE);
		c->is_aligned_16 |= t->size >= 16;
		return;
	}
	for (uint32_t i = 0; i < t->n_fields; i++) {
		const struct type_field *f = &t->fields[i];
		uint64_t first = (at + f->offset) * 8 + f->bit_offset;

		if (!f->bit_size) {
			classify(f->type, at + f->offset, c, depth + 1);
			continue;
		}
		merge(c, first / 64, CLASS_INTEGER);
		merge(c, (first + f->bit_size - 1) / 64, CLASS_INTEGER);
	}
}

static void classify(const struct type *t, uint64_t at, struct classes *c, unsigned depth)
{
	enum class of = CLASS_INTEGER;

	switch (t->kind) {
	case TYPE_STRUCT: classify_struct(t, at, c, depth); return;
	case TYPE_ARRAY:
		for (uint32_t i = 0; i < t->count && i < MAX_ELEMENTS && depth < MAX_DEPTH; i++)
			classify(t->elem, at + (uint64_t)i * t->elem->size, c, depth + 1);
		return;
	case TYPE_FLOAT: of = t->size == 16 ? CLASS_X87 : CLASS_SSE; break;
	case TYPE_BOOL:
	case TYPE_INT:
	case TYPE_ENUM:
	case TYPE_POINTER:
	case TYPE_WIDE_INT: break;
	default: c->unknown = "its type is not known"; return;
	}
	/* a packed member: the whole travels in memory */
	if (t->size && at % t->size)
		of = CLASS_MEMORY;
	merge(c, at / 8, of);
	if (t->size == 16) {
		merge(c, at / 8 + 1, of);
		c->is_aligned_16 = true;
		c->is_x87 |= of == CLASS_X87;
	}
}

/* false: not known; MEMORY in word[0]: as a whole in memory */
static bool classify_value(const struct type *t, struct classes *c)
{
	*c = (struct classes){ 0 };
	if (t->size > 16 && t->kind == TYPE_STRUCT && t->abi != TYPE_ABI_VECTOR) {
		/* only to know the alignment and whether it is known at all */
		classify(t, 0, c, 0);
		c->word[0] = CLASS_MEMORY;
	} else if (t->size > 16) {
		c->unknown = "it is in a wide vector register";
	} else {
		classify(t, 0, c, 0);
	}
	if (c->word[0] == CLASS_MEMORY || c->word[1] == CLASS_MEMORY)
		c->word[0] = CLASS_MEMORY;
	return !c->unknown;
}

static uint32_t word_size(const struct type *t, uint32_t word)
{
	uint32_t left = t->size - word * 8;

	return left < 8 ? left : 8;
}

static bool is_by_reference(const struct type *t)
{
	return t->kind == TYPE_STRUCT && type_complete(t) && t->abi == TYPE_ABI_REFERENCE;
}

/* an address of size bytes as the next integer argument */
static struct loc_piece param_address(struct abi_state *s, uint32_t size)
{
	struct loc_piece p;

	if (s->n_int < ABI_N_INT_ARGS)
		return abi_piece_memory(s->arena, arch_arg_offset(s->n_int++), false, 0, size);
	p = abi_piece_memory(s->arena, arch_sp_offset(), false, (int64_t)s->stack + 8, size);
	s->stack += 8;
	/* the stack holds the address */
	struct loc_op *ops = arena_array(s->arena, struct loc_op, 3);

	ops[0] = p.ops[0];
	ops[1] = (struct loc_op){ .op = LOC_OP_ADD_CONST, .value = p.ops[1].value };
	ops[2] = (struct loc_op){ .op = LOC_OP_DEREF, .size = 8 };
	p.ops = ops;
	p.n_ops = 3;
	return p;
}

void abi_sysv_param(struct abi_state *s, struct abi_value *v)
{
	const struct type *t = v->type;
	struct loc_piece pieces[2];
	unsigned ints = 0, floats = 0;
	struct classes c;
	uint32_t n = 0;

	if (is_by_reference(t)) {
		pieces[0] = param_address(s, t->size);
		abi_set(s, v, pieces, 1);
		return;
	}
	if (!classify_value(t, &c)) {
		abi_give_up(s, v, c.unknown);
		return;
	}
	if (t->size == 0 || (c.word[0] == CLASS_NONE && c.word[1] == CLASS_NONE)) {
		v->loc = (struct location){ .why = STR("it has no bytes") };
		return;
	}
	for (unsigned i = 0; i < 2; i++) {
		ints += c.word[i] == CLASS_INTEGER;
		floats += c.word[i] == CLASS_SSE;
	}
	/* all of it in registers, or none */
	if (c.word[0] == CLASS_MEMORY || c.is_x87 || s->n_int + ints > ABI_N_INT_ARGS ||
	    s->n_float + floats > ABI_N_FLOAT_ARGS) {
		pieces[0] = abi_piece_stack(s, 0, t->size, c.is_aligned_16 ? 16 : 8);
		abi_set(s, v, pieces, 1);
		return;
	}
	if (t->abi == TYPE_ABI_VECTOR) {
		pieces[0] = abi_piece_float(s->n_float++, 0, t->size);
		abi_set(s, v, pieces, 1);
		return;
	}
	for (unsigned i = 0; i < 2 && i * 8 < t->size; i++) {
		if (c.word[i] == CLASS_INTEGER)
			pieces[n++] = abi_piece_reg(s->n_int++, i * 8, word_size(t, i));
		else if (c.word[i] == CLASS_SSE)
			pieces[n++] = abi_piece_float(s->n_float++, i * 8, word_size(t, i));
	}
	abi_set(s, v, pieces, n);
}

void abi_sysv_result(struct abi_state *s, struct abi_value *v)
{
	const struct type *t = v->type;
	unsigned ints = 0, floats = 0;
	struct loc_piece pieces[2];
	struct classes c;
	uint32_t n = 0;

	if (!is_by_reference(t) && !classify_value(t, &c)) {
		abi_give_up(s, v, c.unknown);
		return;
	}
	if (is_by_reference(t) || c.word[0] == CLASS_MEMORY) {
		/* the caller's address came in the first register and goes back in rax */
		s->n_int++;
		pieces[0] = abi_piece_memory(s->arena, arch_retval_offset(), false, 0, t->size);
		abi_set(s, v, pieces, 1);
		return;
	}
	if (c.is_x87) {
		v->loc = (struct location){ .why = STR("it is in an x87 register") };
		return;
	}
	if (t->abi == TYPE_ABI_VECTOR) {
		pieces[0] = abi_piece_float(0, 0, t->size);
		abi_set(s, v, pieces, 1);
		return;
	}
	for (unsigned i = 0; i < 2 && i * 8 < t->size; i++) {
		if (c.word[i] == CLASS_INTEGER)
			pieces[n++] = abi_piece_result(ints++, i * 8, word_size(t, i));
		else if (c.word[i] == CLASS_SSE)
			pieces[n++] = abi_piece_float(floats++, i * 8, word_size(t, i));
	}
	abi_set(s, v, pieces, n);
}
