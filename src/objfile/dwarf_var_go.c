/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Go's variables at a place: by the calling convention at entries and returns (go_vars.h), since Go's debug information leaves out
 * what is not used any more; elsewhere by the debug information. Runs in the tracer.
 */
#include "objfile/dwarf_var_private.h"

#include "arch/x86_64/decode.h"
#include "objfile/go_entry.h"
#include "objfile/go_vars.h"

enum { CHECK_BYTES = 128 };

/* the function's first instruction, or the one behind its stack check */
static bool is_go_entry(const struct var_question *q)
{
	uint64_t entry = q->facts.entry, place;
	uint8_t bytes[CHECK_BYTES];
	size_t n = sizeof(bytes);
	CODE_AUTO code = { 0 };

	if (!entry || q->pc == entry)
		return entry != 0;
	if (q->pc < entry || q->pc - entry >= CHECK_BYTES)
		return false;
	while (n && !objfile_read_vaddr(q->d->file, entry, bytes, n))
		n /= 2;
	code_decode(bytes, n, entry, &code);
	return go_entry_place(&code, entry, &place) && place == q->pc;
}

static bool is_dictionary(struct str name)
{
	return str_is(name, ".dict") || str_is(name, ".param0");
}

/* results are there at a return, parameters before */
static void drop(struct var_question *q, bool at_return)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < q->n; i++) {
		bool is_result = q->vars[i].role == DI_RESULT;

		if (at_return ? !is_result && location_is_absent(&q->vars[i].loc) : is_result)
			continue;
		q->vars[kept++] = q->vars[i];
	}
	q->n = kept;
}

/* Go 1.26 describes a result that a deferred function changes twice; no two parameters or results have one name */
void var_go_drop_twins(struct var_question *q)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < q->n; i++) {
		const struct di_var *v = &q->vars[i];
		bool is_known = false;

		for (uint32_t k = 0; v->role != DI_LOCAL && k < kept; k++)
			is_known |= q->vars[k].role == v->role && q->vars[k].type == v->type &&
				    str_eq(q->vars[k].name, v->name);
		if (!is_known)
			q->vars[kept++] = *v;
	}
	q->n = kept;
}

void var_go(struct var_question *q, bool is_inlined, bool at_return)
{
	var_go_drop_twins(q);
	for (uint32_t i = 0; i < q->n; i++) {
		if (is_dictionary(q->vars[i].name))
			q->vars[i].is_artificial = true;
		if (q->vars[i].role == DI_RESULT)
			q->vars[i].loc = (struct location){ .why = STR("its place is not known") };
	}
	if (!is_inlined && (at_return || is_go_entry(q)))
		go_vars_place(q->d->file, q->facts.entry, at_return, q->vars, q->n, q->arena);
	drop(q, at_return);
}
