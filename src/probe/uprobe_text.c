/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What users see of the points of a uprobe: names, -v's lines, warnings. */
#include "probe/uprobe_private.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "probe/symbols.h"

struct str uprobe_probe_name(struct uprobe_match *u, const struct place *place, uint64_t offset)
{
	struct match *m = u->m;
	const struct probe_spec *spec = m->spec;
	const char *provider = provider_names[spec->kind].name;
	struct str path = u->file->path;
	STRBUF_AUTO b = { 0 };

	strbuf_printf(&b, "%s:%.*s", provider, STR_ARG(path));
	if (spec->source_file.n) {
		strbuf_printf(&b, "@%.*s:%llu", STR_ARG(spec->source_file),
			      (unsigned long long)spec->line);
		if (spec->column)
			strbuf_printf(&b, ":%llu", (unsigned long long)spec->column);
	} else if (spec->has_address) {
		strbuf_printf(&b, ":%llu", (unsigned long long)place->addr);
	} else if (u->is_wild) {
		struct str name = m->c->raw_names && place->raw.n ? place->raw : place->func;

		strbuf_putc(&b, ':');
		symbol_print_quoted(name, place->also, &b);
	} else {
		STRBUF_AUTO name = { 0 };

		strbuf_add_str(&name, spec->func);
		if (spec->decl_file.n)
			strbuf_printf(&name, "@%.*s", STR_ARG(spec->decl_file));
		strbuf_printf(&b, ":%.*s%s", STR_ARG(spec->ns), spec->ns.n ? ":" : "");
		symbol_print_quoted(strbuf_str(&name), STR_NULL, &b);
	}
	if (offset)
		strbuf_printf(&b, "+%llu", (unsigned long long)offset);
	return arena_str(m->c->arena, strbuf_str(&b));
}

struct str uprobe_func_name(struct uprobe_match *u, const struct place *place)
{
	struct str name = u->m->c->raw_names && place->raw.n ? place->raw : place->func;
	STRBUF_AUTO b = { 0 };

	if (!u->is_wild || !place->also.n)
		return name;
	strbuf_printf(&b, "%.*s, %.*s", STR_ARG(name), STR_ARG(place->also));
	return arena_str(u->m->c->arena, strbuf_str(&b));
}

void uprobe_say_place(struct uprobe_match *u, const struct probe_point *p,
		      const struct place *place)
{
	if (log_level < 1)
		return;
	if (place->inlined_into.n)
		log_verbose("%.*s: at 0x%llx, inlined into %.*s%s", STR_ARG(p->name),
			    (unsigned long long)p->address, STR_ARG(place->inlined_into),
			    place->is_approximate ? " (more hits than calls are possible)" : "");
	else if (place->why)
		log_verbose("%.*s: %s", STR_ARG(p->name), place->why);
	if (place->also.n && !u->is_wild)
		log_verbose("%.*s: the same code is %.*s: calls by any of these names are seen",
			    STR_ARG(p->name), STR_ARG(place->also));
}

void uprobe_say_endless(const struct uprobe_match *u)
{
	if (u->n_endless)
		diag_warning(u->m->diags, D_PROBE_PLACE, u->m->spec->ap->at,
			     "Of %u inlined copies the end is not known ('%.*s' in %.*s for one): "
			     "their returns are not seen.",
			     u->n_endless, STR_ARG(u->endless.func),
			     STR_ARG(u->endless.inlined_into));
}

void uprobe_say_left_out(struct match *m, uint32_t n)
{
	struct diag *d = diag_warning(m->diags, D_PROBE_PLACE, m->spec->ap->at,
				      "%u inlined cop%s left out: arg0, arg1, ... are not there", n,
				      n == 1 ? "y is" : "ies are");

	diag_hint(m->diags, d, "use args.NAME");
}

void uprobe_say_changed(struct uprobe_match *u, const struct place *first, uint32_t n)
{
	struct match *m = u->m;
	STRBUF_AUTO others = { 0 };
	struct diag *d;

	if (n > 1)
		strbuf_printf(&others, " (and of %u more)", n - 1);
	d = diag_warning(m->diags, D_PROBE_PLACE, m->spec->ap->at,
			 "The compiler changed the arguments of '%.*s'%s: arg0, arg1, ... are not "
			 "those of the source.",
			 STR_ARG(first->raw.n ? first->raw : first->func), strbuf_cstr(&others));
	diag_hint(m->diags, d, "use args.NAME, with debug information");
}

/* C's f() may be given arguments, and main() is */
static bool may_be_given_any(const struct di_func *f)
{
	return f->lang == LANG_C || str_is(f->name, "main");
}

void uprobe_say_without_parameters(struct uprobe_match *u, struct place *place)
{
	struct match *m = u->m;
	const struct di_var *vars;
	struct err *e;
	uint32_t n;
	bool has = false;

	if (!places_info(&u->places))
		return;
	place_fill_info(&u->places, place);
	if (!place->fn || may_be_given_any(place->fn))
		return;
	e = debuginfo_signature(u->places.info, place->fn, m->c->types, m->c->arena, &vars, &n);
	if (e) {
		err_free(e); /* then nobody knows */
		return;
	}
	for (uint32_t i = 0; i < n; i++)
		has |= vars[i].role != DI_LOCAL;
	/* a large result is written to where the caller says, by the first register */
	if (!has)
		diag_warning(m->diags, D_PROBE_PLACE, m->spec->ap->at,
			     "'%.*s' has no parameters: arg0, arg1, ... are what registers "
			     "happen to hold.",
			     STR_ARG(place->fn->name));
}
