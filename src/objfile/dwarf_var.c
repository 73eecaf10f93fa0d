/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Variables at a place: what the debug information says (the worker's answer, dwarf_var_read.c), and where the calling
 * convention is to be used instead (dwarf_var_abi.c; docs/internals/variables.md). Runs in the tracer.
 *
 * C, C++, Rust at an entry: the debug information first. Where it has nothing, or only the place on the frame that the
 * prologue will store the parameter to, the convention says where it is: provided that nothing hints at a changed signature
 * (DW_CC_nocall, .constprop, .isra, and parameters whose registers are known and are not those of the convention).
 * Go at an entry: the convention first (dwarf_var_go.c). Results: always by the convention, if it holds.
 */
#include "objfile/dwarf_var.h"

#include "objfile/dwarf_loc.h"
#include "objfile/dwarf_type.h"
#include "objfile/dwarf_var_private.h"

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
			var_add_result(&q);
		else if (!count_results(&q))
			add_unknown_result(&q);
	} else if (!is_inlined && is_entry(&q, pc)) {
		var_apply_abi(&q);
	}
	for (uint32_t k = 0; k < q.n; k++) {
		struct di_var *v = &q.vars[k];

		var_fill_padding(a, v->type, &v->loc);
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
	if (q.facts.lang == LANG_GO)
		var_go_drop_twins(&q);
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
