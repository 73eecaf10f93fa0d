/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * May the calling convention be used for a function of C, C++ or Rust, and what does it say? See dwarf_var.c. What speaks
 * against it: a mark of the compiler (DW_CC_nocall), a clone's symbol (.constprop, .isra), a parameter whose known register is
 * another one than the convention's, a list of parameters that is not whole, and, with LLVM, parameters that are not used:
 * its callers may leave them out or pass anything.
 */
#include "objfile/dwarf_var_private.h"

#include "objfile/abi.h"
#include "objfile/dwarf_type.h"
#include "objfile/symtab.h"

enum { CLANG_MARKS_NOCALL = 16, RUSTC_MARKS_NOCALL = 70 };
enum { MAX_DEPTH = 32, MAX_PADDED = 256 };

/* flags of all symbols at the function's entry */
static unsigned symbol_flags_at(struct debuginfo *d, uint64_t addr)
{
	struct symtab *t = objfile_symtab(d->file);
	uint32_t first, n = t ? symtab_starting_at(t, addr, &first) : 0;
	unsigned flags = 0;

	for (uint32_t i = 0; i < n; i++)
		flags |= t->v[symtab_sorted(t, first + i)].flags;
	return flags;
}

static bool is_llvm_code(const struct dwarf_fn_facts *f)
{
	return f->is_optimized && (f->producer == PRODUCER_CLANG || f->producer == PRODUCER_RUSTC);
}

/* LLVM changes signatures of functions that nobody else can call: pointers become what they point to, without a mark */
static bool may_change_params(const struct dwarf_fn_facts *f)
{
	return !f->is_external && is_llvm_code(f);
}

/* ... and drops results; newer versions mark that (DW_CC_nocall) */
static bool may_drop_result(const struct dwarf_fn_facts *f)
{
	return may_change_params(f) &&
	       f->producer_major <
		       (f->producer == PRODUCER_CLANG ? CLANG_MARKS_NOCALL : RUSTC_MARKS_NOCALL);
}

/* the registers of a value by debug information and by convention are different ones */
static bool contradicts(const struct location *l, const struct location *abi)
{
	for (uint32_t i = 0; i < l->n_pieces; i++)
		for (uint32_t k = 0; k < abi->n_pieces; k++) {
			const struct loc_piece *x = &l->pieces[i], *y = &abi->pieces[k];

			if (x->offset != y->offset)
				continue;
			if (x->kind == LOC_REG && y->kind == LOC_REG &&
			    (x->reg != y->reg || x->reg_shift))
				return true;
			if ((x->kind == LOC_REG && y->kind != LOC_REG) ||
			    (x->kind == LOC_FLOAT_REG &&
			     (y->kind != LOC_FLOAT_REG || x->reg != y->reg)))
				return true;
			if (x->kind == LOC_MEM && y->kind == LOC_REG)
				return true;
			if (x->kind == LOC_MEM && y->kind == LOC_MEM && x->n_ops == 1 &&
			    y->n_ops == 1 && x->ops[0].op == LOC_OP_REG &&
			    x->ops[0].reg != y->ops[0].reg)
				return true;
		}
	return false;
}

/*
 * How many parameters a C++ name says that there are; -1: it does not say. "..." is none. clang leaves out those that travel by
 * address and are not used.
 */
static int params_in_name(struct str name)
{
	ptrdiff_t end = -1;
	int depth = 0, n = 0;
	size_t i = name.n;

	while (i > 0 && name.p[i - 1] != ')')
		i--;
	if (i == 0)
		return -1;
	end = (ptrdiff_t)i - 1;
	for (; i > 0; i--) {
		char c = name.p[i - 1];

		if (c == ')' || c == ']' || c == '}' ||
		    (c == '>' && !(i > 1 && name.p[i - 2] == '-')))
			depth++;
		else if (c == '(' || c == '[' || c == '{' || c == '<')
			depth--;
		if (c == ',' && depth == 1)
			n++;
		if (depth == 0)
			break;
	}
	if (i == 0)
		return -1;
	name = str_trim(str_sub(name, i, (size_t)end));
	if (!name.n || str_is(name, "void") || str_is(name, "..."))
		return 0;
	return n + 1 - str_ends(name, STR("..."));
}

/* parameters in order, for the convention; false: the list is not what the function takes */
static bool list_params(struct var_question *q, struct abi_value *values, uint32_t *index,
			uint32_t *n)
{
	int n_named = params_in_name(q->func->name), n_written = 0;

	*n = 0;
	for (uint32_t i = 0; i < q->n; i++) {
		const struct di_var *v = &q->vars[i];

		if (v->role != DI_PARAM)
			continue;
		if (v->is_artificial && str_is(v->name, "__in_chrg"))
			continue; /* only in the abstract constructor */
		if (v->is_artificial && str_is(v->name, "__vtt_parm"))
			return false;
		n_written += !v->is_artificial;
		values[*n].type = v->type;
		index[(*n)++] = i;
	}
	return q->facts.lang != LANG_CXX || n_named < 0 || n_named == n_written;
}

static bool is_trusted(const struct var_question *q, const struct abi_value *values,
		       const uint32_t *index, uint32_t n)
{
	bool strict = may_change_params(&q->facts);

	for (uint32_t i = 0; i < n; i++) {
		const struct dwarf_raw_var *r = &q->raw[index[i]];

		/* a parameter that is gone, or known: others may have moved up */
		if (strict && (!(r->flags & VAR_HAS_ATTR) || (r->flags & VAR_IS_CONST)))
			return false;
		/* a part of it that is gone is no parameter any more, either */
		if (strict && (r->flags & VAR_IS_COVERED) && r->loc.n_pieces &&
		    location_is_partial(&r->loc, q->vars[index[i]].type->size))
			return false;
		if ((r->flags & VAR_IS_COVERED) && !(r->flags & (VAR_ON_FRAME | VAR_IS_CONST)) &&
		    values[i].loc.n_pieces && contradicts(&r->loc, &values[i].loc))
			return false;
	}
	return true;
}

static bool is_changed(const struct var_question *q)
{
	return q->facts.is_nocall ||
	       symbol_flags_at(q->d, q->facts.entry) &
		       (SYMBOL_CLONE_CONST | SYMBOL_CLONE_ISRA | SYMBOL_CLONE_PART);
}

/*
 * A Rust function without a mangled name may be extern "C", or #[no_mangle] with Rust's own convention: debug information does
 * not say which. Where one of them contradicts it, it is the other; else what both say is true.
 */
static bool is_of_two(const struct var_question *q)
{
	return q->facts.lang == LANG_RUST && !q->facts.is_mangled;
}

static bool assign(struct var_question *q, enum type_lang lang, struct abi_value *values,
		   const uint32_t *index, uint32_t n)
{
	struct abi_value ret = { .type = dwarf_types_get(q->types, q->facts.result_type) };

	abi_assign(lang, values, n, &ret, q->arena);
	return is_trusted(q, values, index, n);
}

static bool assign_both(struct var_question *q, struct abi_value *values, const uint32_t *index,
			uint32_t n)
{
	struct abi_value *other = arena_array(q->arena, struct abi_value, n);
	bool is_rust, is_c;

	memcpy(other, values, n * sizeof(*other));
	is_rust = assign(q, LANG_RUST, values, index, n);
	is_c = assign(q, LANG_C, other, index, n);
	for (uint32_t i = 0; i < n; i++) {
		if (is_c && !is_rust)
			values[i] = other[i];
		else if (is_c && !location_equal(&values[i].loc, &other[i].loc))
			values[i].loc = (struct location){ 0 };
	}
	return is_rust || is_c;
}

void var_apply_abi(struct var_question *q)
{
	struct abi_value *values = arena_array(q->arena, struct abi_value, q->n);
	uint32_t *index = arena_array(q->arena, uint32_t, q->n), n;

	if (is_changed(q) || !list_params(q, values, index, &n))
		return;
	if (is_of_two(q) ? !assign_both(q, values, index, n)
			 : !assign(q, q->facts.lang, values, index, n))
		return;
	for (uint32_t i = 0; i < n; i++) {
		struct di_var *v = &q->vars[index[i]];
		uint64_t nearest = v->loc.nearest;

		if (q->raw[index[i]].flags & VAR_IS_CONST)
			continue;
		/* LLVM's callers pass anything for what they see the function not use */
		if (is_llvm_code(&q->facts) && !(q->raw[index[i]].flags & VAR_HAS_ATTR)) {
			v->loc.why =
				STR("the function does not use it, so callers may pass anything");
			continue;
		}
		if (!location_is_partial(&v->loc, v->type->size) && v->loc.n_pieces)
			continue;
		if (!values[i].loc.n_pieces)
			continue;
		v->loc = values[i].loc;
		v->loc.nearest = nearest;
		v->is_by_abi = true;
	}
}

/* ---- results ---- */

/* a result in memory is where the first register pointed to at entry, by either convention */
static void check_other_result(struct var_question *q, struct di_var *v)
{
	struct abi_value c = { .type = v->type };
	bool is_memory;

	abi_assign(LANG_C, NULL, 0, &c, q->arena);
	is_memory = v->loc.n_pieces == 1 && c.loc.n_pieces == 1 &&
		    v->loc.pieces[0].kind == LOC_MEM && c.loc.pieces[0].kind == LOC_MEM;
	if (!is_memory && !location_equal(&v->loc, &c.loc))
		v->loc = (struct location){ .why = STR(
						    "its name does not say whether the function is "
						    "extern \"C\"") };
}

void var_add_result(struct var_question *q)
{
	const struct type *type = dwarf_types_get(q->types, q->facts.result_type);
	struct di_var *v = &q->vars[q->n];
	struct abi_value ret = { .type = type };

	if (type->kind == TYPE_VOID)
		return;
	type_complete(type);
	*v = (struct di_var){ .name = STR("retval"), .type = type, .role = DI_RESULT };
	q->n++;
	if (q->facts.is_nocall) {
		v->loc.why = STR("the function was given a calling convention of its own");
	} else if (symbol_flags_at(q->d, q->facts.entry) & (SYMBOL_CLONE_ISRA | SYMBOL_CLONE_PART)) {
		v->loc.why = STR("the compiler changed what the function takes and returns");
	} else if (may_drop_result(&q->facts)) {
		v->loc.why = STR(
			"the compiler may have dropped the result of a function that only this file calls");
	} else {
		abi_assign(q->facts.lang, NULL, 0, &ret, q->arena);
		v->loc = ret.loc;
		v->is_by_abi = true;
		if (is_of_two(q))
			check_other_result(q, v);
	}
}

/* ---- padding ---- */

static void mark_bytes(const struct type *t, uint64_t at, uint8_t *used, uint32_t size,
		       unsigned depth)
{
	type_complete(t);
	if (t->kind == TYPE_STRUCT && depth < MAX_DEPTH && (t->n_fields || t->n_variants)) {
		for (uint32_t i = 0; i < t->n_fields; i++)
			mark_bytes(t->fields[i].type, at + t->fields[i].offset, used, size,
				   depth + 1);
		for (uint32_t i = 0; i < t->n_variants; i++)
			if (t->variants[i].type)
				mark_bytes(t->variants[i].type, at, used, size, depth + 1);
		if (t->discr.type)
			mark_bytes(t->discr.type, at + t->discr.offset, used, size, depth + 1);
		return;
	}
	if (t->kind == TYPE_ARRAY && t->elem->kind == TYPE_STRUCT && depth < MAX_DEPTH) {
		for (uint32_t i = 0; i < t->count && at + (uint64_t)i * t->elem->size < size; i++)
			mark_bytes(t->elem, at + (uint64_t)i * t->elem->size, used, size,
				   depth + 1);
		return;
	}
	for (uint64_t i = at; i < at + t->size && i < size; i++)
		used[i] = 1;
}

/* bytes of no field are no loss: those between the pieces become zeroes */
void var_fill_padding(struct arena *a, const struct type *t, struct location *l)
{
	struct loc_piece pieces[LOC_MAX_PIECES];
	uint8_t *used;
	uint32_t n = 0, at = 0;

	if (t->kind != TYPE_STRUCT || t->size > MAX_PADDED || l->n_pieces < 1 ||
	    (l->n_pieces == 1 && l->pieces[0].size >= t->size))
		return;
	used = arena_alloc(a, t->size + 1);
	mark_bytes(t, 0, used, t->size, 0);
	for (uint32_t i = 0; i <= l->n_pieces; i++) {
		uint32_t end = i < l->n_pieces ? l->pieces[i].offset : t->size;

		while (at < end) {
			uint32_t from = at, is_used = used[at];

			while (at < end && used[at] == is_used)
				at++;
			if (is_used)
				continue;
			if (n == LOC_MAX_PIECES)
				return;
			pieces[n++] = (struct loc_piece){ .offset = from,
							  .size = at - from,
							  .kind = LOC_CONST,
							  .data = arena_alloc(a, at - from) };
		}
		if (i == l->n_pieces)
			break;
		if (n == LOC_MAX_PIECES)
			return;
		at = l->pieces[i].offset + l->pieces[i].size;
		pieces[n++] = l->pieces[i];
	}
	l->pieces = memcpy(arena_array(a, struct loc_piece, n), pieces, n * sizeof(*pieces));
	l->n_pieces = n;
}
