/* SPDX-License-Identifier: GPL-2.0-or-later */
/* BTF inside of the probed file as a source of types; see file_btf.h. */
#include "probe/file_btf.h"

#include "base/cleanup.h"
#include "objfile/abi.h"

#include <stdlib.h>

struct file_btf {
	const struct objfile *f;
	struct btfsrc *types; /* NULL: it has none */
	struct file_btf *next;
};

static struct btfsrc *read_btf(struct probe_ctx *c, struct objfile *f)
{
	const struct objfile_section *s = objfile_find_section(f, STR(".BTF"));
	struct bytes bytes;
	struct btfsrc *types;

	if (!s)
		return NULL;
	ERR_AUTO e = objfile_section_bytes(f, s, &bytes);
	if (e)
		return NULL;
	types = btfsrc_new_bytes(c->types, f->path, bytes.p, bytes.n);
	if (btfsrc_open(types))
		return types;
	btfsrc_free(types);
	return NULL;
}

struct btfsrc *file_btf(struct probe_ctx *c, struct objfile *f)
{
	struct file_btf *known;

	for (known = c->file_btf; known; known = known->next)
		if (known->f == f)
			return known->types;
	known = base_alloc(sizeof(*known));
	*known = (struct file_btf){ .f = f, .types = read_btf(c, f), .next = c->file_btf };
	c->file_btf = known;
	return known->types;
}

struct file_btf *file_btf_pop(struct file_btf *list)
{
	struct file_btf *rest = list->next;

	btfsrc_free(list->types);
	free(list);
	return rest;
}

void file_btf_free(struct file_btf *list)
{
	while (list)
		list = file_btf_pop(list);
}

/* ---- variables ---- */

/* why the convention does not hold at the place; NULL: it does */
static const char *doubt(const struct place *place, uint64_t pc, bool at_return)
{
	if (place->sym->bind == SYMBOL_LOCAL || place->sym->flags & SYMBOL_CLONE_ENTRY)
		return "the compiler may have changed how a function that only its own file calls takes its arguments";
	if (!at_return && pc != place->sym->addr)
		return "without debug information arguments are known at the function's entry only";
	return NULL;
}

static void add_var(struct probe_var *v, struct location *l, struct str name,
		    enum probe_var_role role, const struct abi_value *value, const char *why)
{
	*v = (struct probe_var){ .name = name, .type = value->type, .role = role };
	*l = why ? (struct location){ .why = str_from(why) } : value->loc;
}

void file_btf_vars(struct probe_ctx *c, struct btfsrc *types, const struct place *place,
		   uint64_t pc, bool at_return, const struct probe_var **vars,
		   const struct location **locs, uint32_t *n)
{
	uint32_t id = place->sym && !place->inst
			      ? btfsrc_find_id(types, BTFSRC_FUNC, symbol_base_name(place->sym))
			      : 0;
	const struct type *fn = id ? btfsrc_function(types, id) : NULL;
	struct abi_value *params, result;
	struct probe_var *v;
	struct location *l;
	const char *why;

	*n = 0;
	if (!fn)
		return;
	why = doubt(place, pc, at_return);
	params = arena_array(c->arena, struct abi_value, fn->n_fields);
	v = arena_array(c->arena, struct probe_var, fn->n_fields + 1);
	l = arena_array(c->arena, struct location, fn->n_fields + 1);
	for (uint32_t i = 0; i < fn->n_fields; i++) {
		params[i].type = fn->fields[i].type;
		type_complete(params[i].type);
	}
	result.type = fn->elem;
	type_complete(result.type);
	abi_assign(LANG_C, params, fn->n_fields, &result, c->arena);
	for (uint32_t i = 0; i < fn->n_fields && !at_return; i++)
		add_var(&v[i], &l[i], fn->fields[i].name, PVAR_PARAM, &params[i], why);
	if (!at_return)
		*n = fn->n_fields;
	else if (fn->elem->kind != TYPE_VOID)
		add_var(&v[(*n)++], &l[0], STR("retval"), PVAR_RESULT, &result, why);
	*vars = v;
	*locs = l;
}
