/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From names and source lines to places in the code, by symbols and debug information; see places.h. */
#include "probe/places_private.h"

#include "objfile/go_pclntab.h"
#include "objfile/names.h"
#include "probe/symbols.h"

struct by_name {
	struct places *p;
	const struct place_query *q;
	bool is_wild;
};

static bool add_symbol(void *arg, const struct symbol *s, struct str shown)
{
	struct by_name *b = arg;
	struct place *place;
	uint32_t before = (uint32_t)b->p->v.n;

	(void)shown;
	if (s->type == SYMBOL_IFUNC) {
		places_add_ifunc(b->p, s);
		return true;
	}
	place = places_add_code(b->p, s->addr, s, symbol_spelled(b->p->c, s));
	if (b->p->v.n > before)
		places_find_aliases(b->p, place);
	return true;
}

static bool add_function(void *arg, const struct di_func *found)
{
	struct by_name *b = arg;
	struct di_func *fn = arena_new(b->p->c->arena, struct di_func);

	*fn = *found;
	b->p->n_declared += fn->n_instances == 0;
	for (uint32_t i = 0; i < fn->n_instances; i++) {
		const struct di_instance *inst = &fn->instances[i];

		if (!inst->is_inlined)
			places_add_own(b->p, fn, inst);
		else if (!b->q->no_inlined)
			places_add_inlined(b->p, fn, inst);
	}
	return true;
}

/* a stripped Go binary still knows what was inlined where */
static void add_go_inlined(void *arg, const struct go_inlined *in)
{
	struct by_name *b = arg;
	struct places *p = b->p;
	struct arena *a = p->c->arena;
	struct place place = { .addr = in->addr, .entry = in->addr, .is_approximate = in->is_split };

	if (!places_is_instruction(p, in->addr, in->addr))
		return;
	place.sym = symtab_at(objfile_symtab(p->f), in->addr);
	place.func = arena_str(a, in->name);
	place.inlined_into = arena_printf(a, "%.*s at %.*s:%u", STR_ARG(in->caller),
					  STR_ARG(places_last_component(in->call_file)),
					  in->call_line);
	places_push(p, place);
}

static bool is_all_wild(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != '*')
			return false;
	return true;
}

static void find_by_name(struct places *p, const struct place_query *q)
{
	struct by_name b = { .p = p, .q = q, .is_wild = name_is_wild(q->name) };
	struct symbol_query sq = { .c = p->c,
				   .f = p->f,
				   .name = q->name,
				   .file = q->file,
				   .only_demangled = q->only_demangled,
				   .visit = add_symbol,
				   .arg = &b };
	struct err *e;

	/* which file a function is from, debug information knows best */
	if (q->file.n && places_info(p)) {
		e = debuginfo_functions(p->info, q->name, q->file, p->c->arena, add_function, &b);
		if (e)
			places_note_trouble(p, e);
		if (p->v.n)
			return;
	}
	symbols_each(&sq);
	if (q->file.n || is_all_wild(q->name))
		return;
	if (!places_info(p) && !q->no_inlined)
		go_inlined_find(p->f, q->name, add_go_inlined, &b);
	if (!places_info(p))
		return;
	e = debuginfo_functions(p->info, q->name, STR_NULL, p->c->arena, add_function, &b);
	if (e)
		places_note_trouble(p, e);
}

enum { MAX_RESPELLED = 16 };

struct respelled {
	struct probe_ctx *c;
	struct str names[MAX_RESPELLED];
	uint32_t n;
};

static bool note_name(void *arg, const struct symbol *s, struct str shown)
{
	struct respelled *r = arg;
	struct str name = symbol_spelled(r->c, s);

	(void)shown;
	for (uint32_t i = 0; i < r->n; i++)
		if (str_eq(r->names[i], name))
			return true;
	r->names[r->n++] = name;
	return r->n < MAX_RESPELLED;
}

void places_by_name(struct places *p, const struct place_query *q)
{
	struct respelled r = { .c = p->c };
	struct symbol_query sq = { .c = p->c,
				   .f = p->f,
				   .name = q->name,
				   .file = q->file,
				   .only_demangled = true,
				   .skips_inline = true,
				   .visit = note_name,
				   .arg = &r };

	find_by_name(p, q);
	if (p->v.n || str_find(q->name, STR("::")) < 0 || name_is_wild(q->name))
		return;
	/* only when there is nothing else of that name: app::v2::f for app::f */
	symbols_each(&sq);
	for (uint32_t i = 0; i < r.n; i++) {
		struct place_query again = *q;

		again.name = r.names[i];
		find_by_name(p, &again);
	}
}

/* the innermost copy that an address of the function at the place is in */
struct at_address {
	uint64_t addr, size; /* of the smallest found */
	struct place *place;
	struct arena *a;
};

static bool find_copy(void *arg, const struct di_func *fn)
{
	struct at_address *at = arg;

	for (uint32_t i = 0; i < fn->n_instances; i++)
		for (uint32_t k = 0; fn->instances[i].is_inlined && k < fn->instances[i].n_ranges;
		     k++) {
			const struct di_instance *inst = &fn->instances[i];
			uint64_t size = inst->ranges[inst->n_ranges - 1].end -
					inst->ranges[0].start;
			struct di_func *copy;

			if (at->addr < inst->ranges[k].start || at->addr >= inst->ranges[k].end ||
			    (at->place->fn && size >= at->size))
				continue;
			copy = arena_new(at->a, struct di_func);
			*copy = *fn;
			at->size = size;
			at->place->fn = copy;
			at->place->inst = inst;
		}
	return true;
}

/* code of a line may be that of a function which is inlined there: its variables are meant, and its name */
static void fill_inlined(struct places *p, struct place *place)
{
	struct at_address at = { .addr = place->addr, .place = place, .a = p->c->arena };
	const struct di_frame *frames;
	struct err *e;
	uint32_t n;

	e = debuginfo_frames(p->info, place->addr, p->c->arena, &frames, &n);
	if (!e && n > 1 && frames[0].is_inlined)
		e = debuginfo_functions(p->info, frames[0].func, STR_NULL, p->c->arena, find_copy,
					&at);
	if (e)
		places_note_trouble(p, e);
	if (!place->fn)
		return;
	place->func = place->fn->name;
	place->inlined_into = places_inlined_into(p, place->inst);
	place->raw = STR_NULL;
}

void places_by_line(struct places *p, struct str file, uint32_t line, uint32_t column,
		    uint32_t *nearest)
{
	struct symtab *t = objfile_symtab(p->f);
	const struct di_line *rows;
	struct err *e;
	uint32_t n;

	*nearest = 0;
	if (!places_info(p))
		return;
	e = debuginfo_lines(p->info, file, line, column, p->c->arena, &rows, &n, nearest);
	if (e) {
		places_note_trouble(p, e);
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		const struct symbol *s = symtab_at(t, rows[i].addr);
		struct place place = { .addr = rows[i].addr, .entry = rows[i].addr, .sym = s };

		if (places_have(p, place.addr, NULL) ||
		    !places_is_instruction(p, s ? s->addr : place.addr, place.addr))
			continue;
		if (s) {
			place.entry = s->addr;
			place.func = symbol_spelled(p->c, s);
			place.raw = symbol_name(s);
		}
		fill_inlined(p, &place);
		places_push(p, place);
	}
}

void place_fill_info(struct places *p, struct place *place)
{
	struct di_func *fn;
	struct err *e;
	bool found = false;

	if (place->fn || !places_info(p))
		return;
	fn = arena_new(p->c->arena, struct di_func);
	e = debuginfo_function_at(p->info, place->addr, p->c->arena, fn, &found);
	if (e) {
		places_note_trouble(p, e);
		return;
	}
	for (uint32_t i = 0; found && i < fn->n_instances && !place->inst; i++)
		for (uint32_t k = 0; k < fn->instances[i].n_ranges; k++)
			if (!fn->instances[i].is_inlined &&
			    place->addr >= fn->instances[i].ranges[k].start &&
			    place->addr < fn->instances[i].ranges[k].end)
				place->inst = &fn->instances[i];
	if (place->inst)
		place->fn = fn;
}
