/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The list of places: what is added once, under which name, and what else is there; see places.h. */
#include "probe/places_private.h"

#include "arch/x86_64/decode.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "objfile/demangle.h"
#include "probe/symbols.h"

#include <stdlib.h>

enum { MAX_ALIASES = 4, MAX_CODE = 1 << 22 };

void places_init(struct places *p, struct probe_ctx *c, struct objfile *f, struct str path)
{
	*p = (struct places){ .c = c, .f = f, .path = path };
}

void places_free(struct places *p)
{
	vec_free(&p->v);
	free(p->slots);
	p->slots = NULL;
}

void places_note_trouble(struct places *p, struct err *e)
{
	STRBUF_AUTO b = { 0 };

	err_format(e, &b);
	err_free(e);
	if (!p->trouble.n)
		p->trouble = arena_str(p->c->arena, strbuf_str(&b));
}

struct debuginfo *places_info(struct places *p)
{
	struct err *e;

	if (p->is_info_asked)
		return p->info;
	p->is_info_asked = true;
	e = objfile_debuginfo(p->f, &p->info);
	if (e) {
		places_note_trouble(p, e);
		p->info = NULL;
	}
	return p->info;
}

/* ---- adding ---- */

static void index_place(struct places *p, uint32_t i)
{
	size_t h = (size_t)(p->v.v[i].addr * 0x9e3779b97f4a7c15u >> 24) & (p->n_slots - 1);

	while (p->slots[h])
		h = (h + 1) & (p->n_slots - 1);
	p->slots[h] = i + 1;
}

struct place *places_push(struct places *p, struct place place)
{
	vec_push(&p->v, place);
	if (p->v.n * 2 > p->n_slots) {
		free(p->slots);
		p->n_slots = p->n_slots ? p->n_slots * 2 : 64;
		p->slots = base_alloc(p->n_slots * sizeof(*p->slots));
		for (uint32_t i = 0; i + 1 < p->v.n; i++)
			index_place(p, i);
	}
	index_place(p, (uint32_t)p->v.n - 1);
	return &vec_last(&p->v);
}

struct place *places_have(struct places *p, uint64_t addr, const struct di_instance *inst)
{
	size_t h = (size_t)(addr * 0x9e3779b97f4a7c15u >> 24) & (p->n_slots - 1);

	for (; p->n_slots && p->slots[h]; h = (h + 1) & (p->n_slots - 1)) {
		struct place *x = &p->v.v[p->slots[h] - 1];

		if (x->addr != addr || (inst != NULL) != (x->inlined_into.n > 0))
			continue;
		/* one instance may be described twice, by two units */
		if (!inst || (x->inst && x->inst->id == inst->id))
			return x;
	}
	return NULL;
}

static uint32_t count_names(struct str list)
{
	uint32_t n = list.n > 0;

	for (size_t i = 0; i + 1 < list.n; i++)
		n += list.p[i] == ',' && list.p[i + 1] == ' ';
	return n;
}

static bool has_name(struct str list, struct str name)
{
	while (list.n) {
		ptrdiff_t comma = str_find(list, STR(", "));
		struct str one = comma < 0 ? list : str_sub(list, 0, (size_t)comma);

		if (str_eq(one, name))
			return true;
		list = comma < 0 ? STR_NULL : str_sub(list, (size_t)comma + 2, list.n);
	}
	return false;
}

static void add_alias(struct places *p, struct place *place, struct str name)
{
	if (str_eq(place->func, name) || has_name(place->also, name) ||
	    count_names(place->also) >= MAX_ALIASES)
		return;
	place->also = place->also.n ? arena_printf(p->c->arena, "%.*s, %.*s", STR_ARG(place->also),
						   STR_ARG(name))
				    : name;
}

void places_find_aliases(struct places *p, struct place *place)
{
	struct symtab *t = objfile_symtab(p->f);
	uint32_t first, n = symtab_starting_at(t, place->addr, &first);

	for (uint32_t i = 0; i < n; i++) {
		const struct symbol *s = &t->v[symtab_sorted(t, first + i)];

		if (s->type == SYMBOL_FUNC && s != place->sym && !(s->flags & SYMBOL_NOT_ENTRY))
			add_alias(p, place, symbol_spelled(p->c, s));
	}
}

struct place *places_add_code(struct places *p, uint64_t addr, const struct symbol *s,
			      struct str func)
{
	struct place *known = places_have(p, addr, NULL);
	struct place place = { .addr = addr, .entry = addr, .sym = s, .func = func };

	if (known)
		return known;
	if (s)
		place.raw = symbol_name(s);
	return places_push(p, place);
}

void places_add_ifunc(struct places *p, const struct symbol *s)
{
	struct symtab *t = objfile_symtab(p->f);
	struct ifunc_targets targets;
	struct str name = symbol_spelled(p->c, s);

	ifunc_resolve(p->c, p->f, s, &targets);
	for (uint32_t i = 0; i < targets.n; i++) {
		const struct symbol *impl = symtab_at(t, targets.addr[i]);
		struct place *place;

		if (impl && impl->addr != targets.addr[i])
			impl = NULL;
		place = places_add_code(p, targets.addr[i], impl,
					impl ? symbol_spelled(p->c, impl) : name);
		if (targets.pid)
			place->why = arena_printf(p->c->arena,
						  "what the IFUNC '%.*s' stands for in process %d",
						  STR_ARG(name), (int)targets.pid)
					     .p;
		else
			place->why =
				arena_printf(
					p->c->arena,
					"one of %u functions that the IFUNC '%.*s' can stand for",
					targets.n, STR_ARG(name))
					.p;
	}
}

/* ---- debug information ---- */

bool places_is_instruction(struct places *p, uint64_t from, uint64_t addr)
{
	const struct symbol *s = symtab_at(objfile_symtab(p->f), addr);
	CODE_AUTO code = { 0 };
	uint8_t *bytes;
	size_t n;
	bool is_good;

	if (s && symbol_is_func(s) && s->addr <= addr)
		from = s->addr;
	if (!objfile_is_exec_vaddr(p->f, addr) || from > addr || addr - from > MAX_CODE)
		return false;
	n = addr - from + 16;
	bytes = base_alloc(n);
	while (n && !objfile_read_vaddr(p->f, from, bytes, n))
		n--;
	code_decode(bytes, n, from, &code);
	is_good = code_is_boundary(&code, addr) == CODE_BOUNDARY_YES;
	free(bytes);
	return is_good;
}

struct str places_last_component(struct str path)
{
	for (size_t i = path.n; i-- > 0;)
		if (path.p[i] == '/')
			return str_sub(path, i + 1, path.n);
	return path;
}

struct str places_inlined_into(struct places *p, const struct di_instance *inst)
{
	if (!inst->call_file.n)
		return inst->caller;
	return arena_printf(p->c->arena, "%.*s at %.*s:%u", STR_ARG(inst->caller),
			    STR_ARG(places_last_component(inst->call_file)), inst->call_line);
}

void places_add_inlined(struct places *p, const struct di_func *fn, const struct di_instance *inst)
{
	struct symtab *t = objfile_symtab(p->f);
	struct str into = places_inlined_into(p, inst);

	for (uint32_t i = 0; i < inst->n_entries; i++) {
		struct place place = { .addr = inst->entries[i],
				       .entry = inst->entries[0],
				       .func = fn->name,
				       .fn = fn,
				       .inst = inst,
				       .inlined_into = into,
				       .is_approximate = inst->is_approximate };

		if (places_have(p, place.addr, inst))
			continue;
		if (!places_is_instruction(p, inst->outer_entry, place.addr)) {
			log_verbose(
				"'%.*s': no instruction begins at 0x%llx, where '%.*s' should be inlined",
				STR_ARG(p->path), (unsigned long long)place.addr,
				STR_ARG(fn->name));
			continue;
		}
		place.sym = symtab_at(t, place.addr);
		places_push(p, place);
	}
}

struct str place_best_name(const struct symbol *s, struct str spelled, const struct di_func *fn)
{
	/* Rust's older mangling leaves out type arguments and the numbers of closures */
	if (s && fn && fn->lang == LANG_RUST && fn->name.n &&
	    demangle_kind(symbol_name(s)) == MANGLING_RUST &&
	    str_starts(symbol_name(s), STR("_ZN")))
		return fn->name;
	return spelled;
}

void places_add_own(struct places *p, const struct di_func *fn, const struct di_instance *inst)
{
	struct symtab *t = objfile_symtab(p->f);
	uint64_t addr = inst->n_entries ? inst->entries[0] : 0;
	const struct symbol *s = symtab_at(t, addr);
	struct place *place;
	bool is_new;

	if (!inst->n_entries || !objfile_is_exec_vaddr(p->f, addr))
		return;
	if (s && (s->addr != addr || !symbol_is_func(s)))
		s = NULL;
	if (s && s->type == SYMBOL_IFUNC) {
		places_add_ifunc(p, s);
		return;
	}
	/* what debug information calls cold or a part is no entry */
	if (s && s->flags & SYMBOL_NOT_ENTRY)
		return;
	is_new = !places_have(p, addr, NULL);
	place = places_add_code(p, addr, s, s ? symbol_spelled(p->c, s) : fn->name);
	place->fn = fn;
	place->inst = inst;
	place->func = place_best_name(s, place->func, fn);
	if (is_new)
		places_find_aliases(p, place);
}
