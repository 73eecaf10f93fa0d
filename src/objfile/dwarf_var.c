/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Variables at a place: what the debug information says (the worker's answer, dwarf_var_read.c), and where the calling
 * convention is to be used instead (languages.md 1.4 and 2). Runs in the tracer.
 *
 * C, C++, Rust at an entry: the debug information first. Where it has nothing, or only the place on the frame that the
 * prologue will store the parameter to, the convention says where it is: provided that nothing hints at a changed signature
 * (DW_CC_nocall, .constprop, .isra, and parameters whose registers are known and are not those of the convention).
 * Go at an entry: the convention first (dwarf_var_go.c). Results: always by the convention, if it holds.
 */
#include "objfile/dwarf_var.h"

#include "objfile/abi.h"
#include "objfile/dwarf_loc.h"
#include "objfile/dwarf_type.h"
#include "objfile/dwarf_var_private.h"
#include "objfile/symtab.h"

enum { CLANG_MARKS_NOCALL = 16, RUSTC_MARKS_NOCALL = 70 };
enum { MAX_DEPTH = 32, MAX_PADDED = 256 };

/* ---- the worker's answer ---- */

static void get_facts(struct wire_in *in, struct dwarf_fn_facts *facts)
{
	uint8_t flags;

	facts->lang = (enum type_lang)wire_get_u8(in);
	facts->producer = (enum dwarf_producer)wire_get_u8(in);
	facts->producer_major = wire_get_u32(in);
	flags = wire_get_u8(in);
	facts->is_nocall = flags & 1;
	facts->is_external = flags & 2;
	facts->is_optimized = flags & 4;
	facts->is_mangled = flags & 8;
	facts->entry = wire_get_u64(in);
	facts->body = wire_get_u64(in);
	facts->result_type = wire_get_u64(in);
	if (facts->lang > LANG_GO)
		in->b.bad = true;
}

static void get_var(struct wire_in *in, struct arena *a, struct dwarf_raw_var *v)
{
	v->name = wire_get_str_copy(in, a);
	v->type = wire_get_u64(in);
	v->role = (enum di_role)wire_get_u8(in);
	v->flags = wire_get_u32(in);
	v->line = wire_get_u32(in);
	dwarf_loc_get(in, a, &v->loc);
	if (v->role > DI_RESULT)
		in->b.bad = true;
}

static struct err *get_answer(struct var_question *q, struct wire_in *in)
{
	q->facts = (struct dwarf_fn_facts){ 0 };
	get_facts(in, &q->facts);
	q->n = wire_get_count(in, 37);
	q->raw = arena_array(q->arena, struct dwarf_raw_var, q->n);
	/* one more for the result */
	q->vars = arena_array(q->arena, struct di_var, q->n + 1);
	for (uint32_t i = 0; i < q->n && !in->b.bad; i++)
		get_var(in, q->arena, &q->raw[i]);
	TRY(debuginfo_check(q->d, in));
	for (uint32_t i = 0; i < q->n; i++) {
		const struct dwarf_raw_var *r = &q->raw[i];

		q->vars[i] = (struct di_var){ .name = r->name,
					      .type = dwarf_types_get(q->types, r->type),
					      .role = r->role,
					      .is_artificial = r->flags & VAR_ARTIFICIAL,
					      .line = r->line,
					      .loc = r->loc };
		/* rustc does not describe calls; but only optimized code has places that depend on the address, or none */
		if (q->facts.producer == PRODUCER_RUSTC &&
		    (r->flags & VAR_IS_LIST || (r->role == DI_PARAM && !(r->flags & VAR_HAS_ATTR))))
			q->facts.is_optimized = true;
	}
	return NULL;
}

/* ---- does the convention hold? ---- */

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

static void apply_abi(struct var_question *q)
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

static void add_result(struct var_question *q)
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

static uint32_t count_results(const struct var_question *q)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < q->n; i++)
		n += q->vars[i].role == DI_RESULT;
	return n;
}

/* of an inlined copy, when no variable of the caller holds it */
static void add_unknown_result(struct var_question *q)
{
	const struct type *type = dwarf_types_get(q->types, q->facts.result_type);

	if (type->kind == TYPE_VOID)
		return;
	q->vars[q->n++] = (struct di_var){
		.name = STR("retval"),
		.type = type,
		.role = DI_RESULT,
		.loc.why = STR("no variable of the caller holds the result of this inlined call")
	};
}

/* parameters and locals that are gone are not offered at a return */
static void drop_absent(struct var_question *q)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < q->n; i++) {
		if (location_is_absent(&q->vars[i].loc) && q->vars[i].role != DI_RESULT)
			continue;
		q->raw[kept] = q->raw[i];
		q->vars[kept++] = q->vars[i];
	}
	q->n = kept;
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
static void fill_padding(struct arena *a, const struct type *t, struct location *l)
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

/* ---- questions ---- */

/* pc is where the function's arguments are as its caller left them */
static bool is_entry(const struct var_question *q, uint64_t pc)
{
	static const uint8_t endbr64[] = { 0xf3, 0x0f, 0x1e, 0xfa };
	uint64_t entry = q->facts.entry;
	uint8_t code[4];

	if (!entry || pc == entry)
		return entry != 0;
	return pc == entry + 4 && objfile_read_vaddr(q->d->file, entry, code, sizeof(code)) &&
	       memcmp(code, endbr64, sizeof(code)) == 0;
}

static struct err *ask(struct var_question *q, enum dwarf_request r, const struct wire_out *out)
{
	struct wire_in in;

	TRY(debuginfo_ask(q->d, r, out, &in));
	/* types are questions of their own: the answer is copied first */
	in = wire_in_make(arena_str(q->arena, str_make((const char *)in.b.p, in.b.n)).p, in.b.n);
	return get_answer(q, &in);
}

struct err *debuginfo_vars(struct debuginfo *d, const struct di_func *f,
			   const struct di_instance *i, uint64_t pc, bool at_return,
			   struct type_table *tt, struct arena *a, const struct di_var **vars,
			   uint32_t *n)
{
	struct var_question q = {
		.d = d, .types = debuginfo_dwarf_types(d, tt), .arena = a, .pc = pc, .func = f
	};
	bool is_inlined = i && i->is_inlined;
	WIRE_OUT_AUTO out = { 0 };

	*vars = NULL;
	*n = 0;
	wire_put_u64(&out, i ? i->id : f->id);
	wire_put_u64(&out, i ? i->outer_entry : 0);
	wire_put_u64(&out, pc);
	wire_put_u8(&out, at_return);
	TRY(ask(&q, DWARF_VARS, &out));
	for (uint32_t k = 0; k < q.n; k++)
		type_complete(q.vars[k].type);
	if (q.facts.lang == LANG_GO) {
		var_go(&q, is_inlined, at_return);
	} else if (at_return) {
		drop_absent(&q);
		if (!is_inlined)
			add_result(&q);
		else if (!count_results(&q))
			add_unknown_result(&q);
	} else if (!is_inlined && is_entry(&q, pc)) {
		apply_abi(&q);
	}
	for (uint32_t k = 0; k < q.n; k++) {
		struct di_var *v = &q.vars[k];

		fill_padding(a, v->type, &v->loc);
		if (v->role == DI_RESULT && q.facts.lang != LANG_GO)
			v->name = STR("retval");
	}
	*vars = q.vars;
	*n = q.n;
	return NULL;
}

struct err *debuginfo_signature(struct debuginfo *d, const struct di_func *f, struct type_table *tt,
				struct arena *a, const struct di_var **vars, uint32_t *n)
{
	struct var_question q = {
		.d = d, .types = debuginfo_dwarf_types(d, tt), .arena = a, .func = f
	};
	WIRE_OUT_AUTO out = { 0 };
	const struct type *type;

	*vars = NULL;
	*n = 0;
	wire_put_u64(&out, f->id);
	TRY(ask(&q, DWARF_SIGNATURE, &out));
	type = dwarf_types_get(q.types, q.facts.result_type);
	if (type->kind != TYPE_VOID && q.facts.lang != LANG_GO)
		q.vars[q.n++] =
			(struct di_var){ .name = STR("retval"), .type = type, .role = DI_RESULT };
	for (uint32_t k = 0; k < q.n; k++)
		q.vars[k].loc = (struct location){ 0 };
	*vars = q.vars;
	*n = q.n;
	return NULL;
}

struct err *debuginfo_inline_exits(struct debuginfo *d, const struct di_func *f,
				   const struct di_instance *i, struct arena *a,
				   const uint64_t **exits, uint32_t *n)
{
	WIRE_OUT_AUTO out = { 0 };
	struct wire_in in;
	uint64_t *v;
	uint32_t count;

	(void)f;
	*exits = NULL;
	*n = 0;
	wire_put_u64(&out, i->id);
	wire_put_u64(&out, i->outer_entry);
	wire_put_u32(&out, i->n_entries);
	for (uint32_t k = 0; k < i->n_entries; k++)
		wire_put_u64(&out, i->entries[k]);
	TRY(debuginfo_ask(d, DWARF_INLINE_EXITS, &out, &in));
	count = wire_get_count(&in, 8);
	v = arena_array(a, uint64_t, count);
	for (uint32_t k = 0; k < count; k++)
		v[k] = wire_get_u64(&in);
	TRY(debuginfo_check(d, &in));
	*exits = v;
	*n = count;
	return NULL;
}
