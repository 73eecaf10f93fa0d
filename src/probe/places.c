/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From names and source lines to places in the code; see places.h. */
#include "probe/places.h"

#include "arch/x86_64/decode.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "objfile/demangle.h"
#include "objfile/go_pclntab.h"
#include "objfile/names.h"
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

static void note_trouble(struct places *p, struct err *e)
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
		note_trouble(p, e);
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

static struct place *push_place(struct places *p, struct place place)
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

/* inst: NULL: the function that has its own code there; else that inlined copy */
static struct place *find_place(struct places *p, uint64_t addr, const struct di_instance *inst)
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

/* the other functions that were folded into one, or that are the same by intent */
static void find_aliases(struct places *p, struct place *place)
{
	struct symtab *t = objfile_symtab(p->f);
	uint32_t first, n = symtab_starting_at(t, place->addr, &first);

	for (uint32_t i = 0; i < n; i++) {
		const struct symbol *s = &t->v[symtab_sorted(t, first + i)];

		if (s->type == SYMBOL_FUNC && s != place->sym && !(s->flags & SYMBOL_NOT_ENTRY))
			add_alias(p, place, symbol_spelled(p->c, s));
	}
}

static struct place *add_code(struct places *p, uint64_t addr, const struct symbol *s,
			      struct str func)
{
	struct place *known = find_place(p, addr, NULL);
	struct place place = { .addr = addr, .entry = addr, .sym = s, .func = func };

	if (known)
		return known;
	if (s)
		place.raw = symbol_name(s);
	return push_place(p, place);
}

static void add_ifunc(struct places *p, const struct symbol *s)
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
		place = add_code(p, targets.addr[i], impl,
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
		add_ifunc(b->p, s);
		return true;
	}
	place = add_code(b->p, s->addr, s, symbol_spelled(b->p->c, s));
	if (b->p->v.n > before)
		find_aliases(b->p, place);
	return true;
}

/* ---- debug information ---- */

/*
 * A breakpoint in the middle of an instruction destroys the program, so addresses from debug information, which may be
 * that of another build, are believed only when an instruction begins there.
 */
static bool is_instruction(struct places *p, uint64_t from, uint64_t addr)
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

static struct str last_component(struct str path)
{
	for (size_t i = path.n; i-- > 0;)
		if (path.p[i] == '/')
			return str_sub(path, i + 1, path.n);
	return path;
}

static struct str inlined_into(struct places *p, const struct di_instance *inst)
{
	if (!inst->call_file.n)
		return inst->caller;
	return arena_printf(p->c->arena, "%.*s at %.*s:%u", STR_ARG(inst->caller),
			    STR_ARG(last_component(inst->call_file)), inst->call_line);
}

static void add_inlined(struct places *p, const struct di_func *fn, const struct di_instance *inst)
{
	struct symtab *t = objfile_symtab(p->f);
	struct str into = inlined_into(p, inst);

	for (uint32_t i = 0; i < inst->n_entries; i++) {
		struct place place = { .addr = inst->entries[i],
				       .entry = inst->entries[0],
				       .func = fn->name,
				       .fn = fn,
				       .inst = inst,
				       .inlined_into = into,
				       .is_approximate = inst->is_approximate };

		if (find_place(p, place.addr, inst))
			continue;
		if (!is_instruction(p, inst->outer_entry, place.addr)) {
			log_verbose(
				"'%.*s': no instruction begins at 0x%llx, where '%.*s' should be inlined",
				STR_ARG(p->path), (unsigned long long)place.addr,
				STR_ARG(fn->name));
			continue;
		}
		place.sym = symtab_at(t, place.addr);
		push_place(p, place);
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

static void add_own(struct places *p, const struct di_func *fn, const struct di_instance *inst)
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
		add_ifunc(p, s);
		return;
	}
	/* what debug information calls cold or a part is no entry */
	if (s && s->flags & SYMBOL_NOT_ENTRY)
		return;
	is_new = !find_place(p, addr, NULL);
	place = add_code(p, addr, s, s ? symbol_spelled(p->c, s) : fn->name);
	place->fn = fn;
	place->inst = inst;
	place->func = place_best_name(s, place->func, fn);
	if (is_new)
		find_aliases(p, place);
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
			add_own(b->p, fn, inst);
		else if (!b->q->no_inlined)
			add_inlined(b->p, fn, inst);
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

	if (!is_instruction(p, in->addr, in->addr))
		return;
	place.sym = symtab_at(objfile_symtab(p->f), in->addr);
	place.func = arena_str(a, in->name);
	place.inlined_into = arena_printf(a, "%.*s at %.*s:%u", STR_ARG(in->caller),
					  STR_ARG(last_component(in->call_file)), in->call_line);
	push_place(p, place);
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
			note_trouble(p, e);
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
		note_trouble(p, e);
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
		note_trouble(p, e);
	if (!place->fn)
		return;
	place->func = place->fn->name;
	place->inlined_into = inlined_into(p, place->inst);
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
		note_trouble(p, e);
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		const struct symbol *s = symtab_at(t, rows[i].addr);
		struct place place = { .addr = rows[i].addr, .entry = rows[i].addr, .sym = s };

		if (find_place(p, place.addr, NULL) ||
		    !is_instruction(p, s ? s->addr : place.addr, place.addr))
			continue;
		if (s) {
			place.entry = s->addr;
			place.func = symbol_spelled(p->c, s);
			place.raw = symbol_name(s);
		}
		fill_inlined(p, &place);
		push_place(p, place);
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
		note_trouble(p, e);
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
