/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rust's own convention (rustc's layout and fn_abi, as measured with 1.95 and written down in docs): a type is a scalar, a pair
 * of scalars, or an aggregate. Scalars and the two halves of a pair travel as if they were parameters of their own, in the order of
 * their addresses; aggregates of up to a word as that word, larger ones by address, and as a result in memory whose address came in
 * rdi and is *not* given back. Layouts come from the debug information, so reordered fields and niches are what they are.
 *
 * One thing the debug information does not tell: #[repr(C)]. A struct of a single float is a float without it and a
 * word with it; what differs by that is left absent.
 */
#include "objfile/abi.h"

#include "arch/x86_64/regs.h"

#include <string.h>

enum { MAX_DEPTH = 32 };

enum shape { SHAPE_ZST, SHAPE_SCALAR, SHAPE_PAIR, SHAPE_AGGREGATE, SHAPE_UNKNOWN };
enum prim { PRIM_INT, PRIM_FLOAT };

struct scalar {
	uint32_t offset, size;
	enum prim prim;
};

struct layout {
	enum shape shape;
	struct scalar s[2]; /* SCALAR: one; PAIR: ascending */
	bool is_doubtful;   /* would be another one with repr(C) */
};

static struct layout layout_of(const struct type *t, uint32_t at, unsigned depth);

static struct layout of_shape(enum shape shape)
{
	return (struct layout){ .shape = shape };
}

static struct layout scalar(uint32_t at, uint32_t size, enum prim prim)
{
	return (struct layout){ .shape = SHAPE_SCALAR, .s = { { at, size, prim } } };
}

/* two scalars make a pair when nothing else is there and they lie as a pair would */
static struct layout pair(struct scalar a, struct scalar b, uint32_t at, uint32_t size)
{
	struct layout l = { .shape = SHAPE_PAIR };
	uint32_t align;

	if (b.offset < a.offset) {
		struct scalar x = a;

		a = b;
		b = x;
	}
	align = a.size > b.size ? a.size : b.size;
	if (a.offset != at || a.size > 16 || b.size > 16 || !a.size || !b.size ||
	    b.offset - at != (a.size + b.size - 1) / b.size * b.size ||
	    size != (b.offset - at + b.size + align - 1) / align * align)
		return of_shape(SHAPE_AGGREGATE);
	l.s[0] = a;
	l.s[1] = b;
	return l;
}

static bool is_library(struct str name)
{
	static const char *const prefixes[] = { "core::", "alloc::", "std::", "&", "(", "*" };

	for (unsigned i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (str_starts(name, str_from(prefixes[i])))
			return true;
	return false;
}

/* fields one behind the other, in any order */
static struct layout of_fields(const struct type *t, uint32_t at, unsigned depth)
{
	struct layout found[2], l;
	uint32_t n = 0, whole = 0;

	for (uint32_t i = 0; i < t->n_fields; i++) {
		const struct type_field *f = &t->fields[i];

		l = layout_of(f->type, at + f->offset, depth + 1);
		if (l.shape == SHAPE_UNKNOWN)
			return l;
		if (l.shape == SHAPE_ZST)
			continue;
		if (n == 2)
			return of_shape(SHAPE_AGGREGATE);
		whole = f->type->size;
		found[n++] = l;
	}
	if (n == 0)
		return of_shape(t->size ? SHAPE_AGGREGATE : SHAPE_ZST);
	if (n == 1) {
		if (whole != t->size)
			return of_shape(SHAPE_AGGREGATE);
		l = found[0];
		if (!is_library(t->name) && l.shape == SHAPE_SCALAR && l.s[0].prim == PRIM_FLOAT)
			l.is_doubtful = true;
		return l;
	}
	if (found[0].shape != SHAPE_SCALAR || found[1].shape != SHAPE_SCALAR)
		return of_shape(SHAPE_AGGREGATE);
	l = pair(found[0].s[0], found[1].s[0], at, t->size);
	l.is_doubtful = found[0].is_doubtful || found[1].is_doubtful;
	return l;
}

static bool same_scalar(struct scalar a, struct scalar b)
{
	return a.offset == b.offset && a.size == b.size && a.prim == b.prim;
}

static bool same_layout(const struct layout *a, const struct layout *b)
{
	if (a->shape != b->shape)
		return false;
	if (a->shape == SHAPE_SCALAR || a->shape == SHAPE_PAIR)
		return same_scalar(a->s[0], b->s[0]) &&
		       (a->shape == SHAPE_SCALAR || same_scalar(a->s[1], b->s[1]));
	return true;
}

/* all members of a union that have bytes are alike */
static struct layout of_union(const struct type *t, uint32_t at, unsigned depth)
{
	struct layout first = of_shape(SHAPE_ZST), l;

	for (uint32_t i = 0; i < t->n_fields; i++) {
		l = layout_of(t->fields[i].type, at + t->fields[i].offset, depth + 1);
		if (l.shape == SHAPE_UNKNOWN)
			return l;
		if (l.shape == SHAPE_ZST)
			continue;
		if (first.shape == SHAPE_ZST)
			first = l;
		else if (!same_layout(&first, &l))
			return of_shape(SHAPE_AGGREGATE);
		if (t->fields[i].type->size != t->size)
			return of_shape(SHAPE_AGGREGATE);
	}
	return first;
}

/*
 * The fields of an alternative, whose struct is as large as the enum: its scalars, at most two; more: false. Alternatives without bytes
 * have none.
 */
static bool variant_scalars(const struct type *v, uint32_t at, unsigned depth, struct scalar *out,
			    uint32_t *n, bool *unknown)
{
	*n = 0;
	if (!v || !type_complete(v))
		return true;
	for (uint32_t i = 0; i < v->n_fields; i++) {
		struct layout l = layout_of(v->fields[i].type, at + v->fields[i].offset, depth + 1);
		uint32_t count = l.shape == SHAPE_PAIR ? 2 : 1;

		if (l.shape == SHAPE_ZST)
			continue;
		*unknown |= l.shape == SHAPE_UNKNOWN || l.is_doubtful;
		if ((l.shape != SHAPE_SCALAR && l.shape != SHAPE_PAIR) || *n + count > 2)
			return false;
		memcpy(out + *n, l.s, count * sizeof(*out));
		*n += count;
	}
	return true;
}

static bool overlaps(struct scalar a, struct scalar b)
{
	return a.offset < b.offset + b.size && b.offset < a.offset + a.size;
}

static struct layout of_enum(const struct type *t, uint32_t at, unsigned depth)
{
	struct scalar tag = { at + t->discr.offset, 0, PRIM_INT }, found[2] = { 0 }, mine[2];
	uint32_t n_found = 0, n_full = 0, n;
	bool is_niche = false, unknown = false, is_alike = true;
	struct layout l;

	if (!t->discr.type)
		return t->n_variants == 1 && t->variants[0].type
			       ? layout_of(t->variants[0].type, at, depth + 1)
			       : of_shape(t->size ? SHAPE_UNKNOWN : SHAPE_ZST);
	tag.size = t->discr.type->size;
	for (uint32_t i = 0; i < t->n_variants; i++) {
		bool few = variant_scalars(t->variants[i].type, at, depth, mine, &n, &unknown);

		if (few && n == 0)
			continue;
		n_full++;
		for (uint32_t k = 0; k < n; k++)
			is_niche |= overlaps(mine[k], tag);
		if (!few || (n_full > 1 && (n != n_found || !same_scalar(mine[0], found[0]))))
			is_alike = false;
		if (n_full == 1) {
			n_found = n;
			memcpy(found, mine, sizeof(found));
		}
	}
	if (unknown)
		return of_shape(SHAPE_UNKNOWN);
	if (n_full == 0)
		return tag.offset == at && tag.size == t->size ? scalar(at, tag.size, PRIM_INT)
							       : of_shape(SHAPE_AGGREGATE);
	if (!is_alike)
		return of_shape(SHAPE_AGGREGATE);
	if (is_niche) {
		/* the one alternative with bytes lends a value of its own to the others */
		if (n_full > 1)
			return of_shape(SHAPE_AGGREGATE);
		if (n_found == 2)
			return pair(found[0], found[1], at, t->size);
		l = scalar(found[0].offset, found[0].size, found[0].prim);
		return found[0].offset == at && found[0].size == t->size
			       ? l
			       : of_shape(SHAPE_AGGREGATE);
	}
	return n_found == 1 ? pair(tag, found[0], at, t->size) : of_shape(SHAPE_AGGREGATE);
}

static struct layout layout_of(const struct type *t, uint32_t at, unsigned depth)
{
	if (depth > MAX_DEPTH)
		return of_shape(SHAPE_UNKNOWN);
	switch (t->kind) {
	case TYPE_BOOL:
	case TYPE_INT:
	case TYPE_ENUM:
	case TYPE_POINTER:
	case TYPE_WIDE_INT: return scalar(at, t->size, PRIM_INT);
	case TYPE_FLOAT: return scalar(at, t->size, PRIM_FLOAT);
	case TYPE_ARRAY: return of_shape(t->size ? SHAPE_AGGREGATE : SHAPE_ZST);
	case TYPE_VOID: return of_shape(SHAPE_ZST);
	case TYPE_STRUCT: break;
	default: return of_shape(SHAPE_UNKNOWN);
	}
	if (!type_complete(t) || t->abi == TYPE_ABI_UNKNOWN)
		return of_shape(SHAPE_UNKNOWN);
	if (t->size == 0)
		return of_shape(SHAPE_ZST);
	if (t->n_variants)
		return of_enum(t, at, depth);
	return t->is_union ? of_union(t, at, depth) : of_fields(t, at, depth);
}

/* ---- places ---- */

static void add_scalar(struct abi_state *s, const struct scalar *x, struct loc_piece *pieces,
		       uint32_t *n)
{
	if (x->prim == PRIM_FLOAT) {
		pieces[(*n)++] = s->n_float < ABI_N_FLOAT_ARGS
					 ? abi_piece_float(s->n_float++, x->offset, x->size)
					 : abi_piece_stack(s, x->offset, x->size, 8);
	} else if (x->size <= 8) {
		pieces[(*n)++] = s->n_int < ABI_N_INT_ARGS
					 ? abi_piece_reg(s->n_int++, x->offset, x->size)
					 : abi_piece_stack(s, x->offset, x->size, 8);
	} else if (s->n_int + 2 <= ABI_N_INT_ARGS) {
		for (unsigned i = 0; i < 2; i++)
			pieces[(*n)++] = abi_piece_reg(s->n_int++, x->offset + i * 8, 8);
	} else {
		pieces[(*n)++] = abi_piece_stack(s, x->offset, x->size, 16);
	}
}

static bool is_known(struct abi_state *s, struct abi_value *v, struct layout *l)
{
	*l = layout_of(v->type, 0, 0);
	if (l->shape == SHAPE_UNKNOWN)
		abi_give_up(s, v, "its type is not known well enough");
	else if (l->is_doubtful)
		abi_give_up(s, v, "it is a float or a word, depending on repr(C)");
	else
		return true;
	return false;
}

void abi_rust_param(struct abi_state *s, struct abi_value *v)
{
	struct loc_piece pieces[4];
	struct scalar word = { 0, v->type->size, PRIM_INT };
	struct layout l;
	uint32_t n = 0;

	if (!is_known(s, v, &l))
		return;
	switch (l.shape) {
	case SHAPE_SCALAR: add_scalar(s, &l.s[0], pieces, &n); break;
	case SHAPE_PAIR:
		add_scalar(s, &l.s[0], pieces, &n);
		add_scalar(s, &l.s[1], pieces, &n);
		break;
	case SHAPE_AGGREGATE:
		if (v->type->size <= 8) {
			add_scalar(s, &word, pieces, &n);
		} else if (s->n_int < ABI_N_INT_ARGS) {
			pieces[n++] = abi_piece_memory(s->arena, arch_arg_offset(s->n_int++), false,
						       0, v->type->size);
		} else {
			struct loc_op *ops = arena_array(s->arena, struct loc_op, 3);

			ops[0] = (struct loc_op){ .op = LOC_OP_REG,
						  .reg = (uint16_t)arch_sp_offset() };
			ops[1] = (struct loc_op){ .op = LOC_OP_ADD_CONST,
						  .value = (int64_t)s->stack + 8 };
			ops[2] = (struct loc_op){ .op = LOC_OP_DEREF, .size = 8 };
			s->stack += 8;
			pieces[n++] = (struct loc_piece){
				.size = v->type->size, .kind = LOC_MEM, .ops = ops, .n_ops = 3
			};
		}
		break;
	default: v->loc = (struct location){ .why = STR("it has no bytes") }; return;
	}
	abi_set(s, v, pieces, n);
}

void abi_rust_result(struct abi_state *s, struct abi_value *v)
{
	struct loc_piece pieces[4];
	unsigned ints = 0, floats = 0;
	struct layout l;
	uint32_t n = 0;

	if (!is_known(s, v, &l))
		return;
	if (l.shape == SHAPE_AGGREGATE && v->type->size > 8) {
		s->n_int++;
		pieces[n++] = abi_piece_memory(s->arena, arch_arg_offset(0), true, 0,
					       v->type->size);
		abi_set(s, v, pieces, n);
		return;
	}
	if (l.shape == SHAPE_AGGREGATE)
		l = scalar(0, v->type->size, PRIM_INT);
	for (unsigned i = 0; i < 2 && l.s[i].size && l.shape != SHAPE_ZST; i++) {
		const struct scalar *x = &l.s[i];

		if (x->prim == PRIM_FLOAT) {
			pieces[n++] = abi_piece_float(floats++, x->offset, x->size);
		} else if (x->size <= 8) {
			pieces[n++] = abi_piece_result(ints++, x->offset, x->size);
		} else {
			pieces[n++] = abi_piece_result(ints++, x->offset, 8);
			pieces[n++] = abi_piece_result(ints++, x->offset + 8, 8);
		}
	}
	if (ints > 2) {
		abi_give_up(s, v, "it is returned in more registers than are read");
		return;
	}
	abi_set(s, v, pieces, n);
	if (!n)
		v->loc.why = STR("it has no bytes");
}
