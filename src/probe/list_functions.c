/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Functions of programs and libraries in a listing: each as it can be asked for, also those that exist only inlined into
 * others. With -v what is known of one (describe.c) stands below.
 */
#include "probe/list_private.h"

#include "base/cleanup.h"
#include "base/hashmap.h"
#include "objfile/demangle.h"
#include "objfile/go_pclntab.h"
#include "objfile/names.h"
#include "probe/describe.h"
#include "probe/places.h"
#include "probe/symbols.h"
#include "probe/targets.h"

#include <stdlib.h>

/* an entry of a function's own code, and the function */
struct own_entry {
	uint64_t addr;
	uint32_t index; /* of function_list.functions */
};

struct function_list {
	struct listing *l;
	struct places places;
	struct arena *arena;
	VEC(struct di_func) functions;
	VEC(struct own_entry) entries; /* sorted by address */
	bool *is_printed;              /* by index of functions */
	struct hashmap lines;          /* that were printed: overloads of C look alike */
};

static bool keep_function(void *arg, const struct di_func *fn)
{
	struct function_list *f = arg;

	if (fn->n_instances == 0)
		return true;
	vec_push(&f->functions, *fn);
	for (uint32_t i = 0; i < fn->n_instances; i++)
		if (!fn->instances[i].is_inlined && fn->instances[i].n_entries)
			vec_push(&f->entries, ((struct own_entry){ fn->instances[i].entries[0],
								   (uint32_t)f->functions.n - 1 }));
	return true;
}

static int compare_entries(const void *a, const void *b)
{
	const struct own_entry *x = a, *y = b;

	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

static const struct own_entry *find_entry(const struct function_list *f, uint64_t addr)
{
	struct own_entry key = { .addr = addr };

	if (f->entries.n == 0)
		return NULL;
	return bsearch(&key, f->entries.v, f->entries.n, sizeof(key), compare_entries);
}

/* false: printed before */
static bool is_new_line(struct function_list *f, struct str name)
{
	static int mark;

	if (hashmap_get(&f->lines, name))
		return false;
	hashmap_put(&f->lines, arena_str(f->arena, name), &mark);
	return true;
}

/* "init@other.c" when there are several of the name, and the file is known */
static struct str with_file(struct function_list *f, const struct symbol *s, struct str name)
{
	struct symtab *t = objfile_symtab(f->l->file->f);
	const struct symbol *first = symtab_find(t, symbol_name(s));
	struct str file = symtab_source_file(t, s);
	bool is_many = false;

	for (const struct symbol *x = first; x && !is_many; x = symtab_find_next(t, x))
		is_many = x->addr != s->addr && symbol_is_func(x);
	if (!is_many || !file.n || s->bind != SYMBOL_LOCAL)
		return name;
	return arena_printf(f->arena, "%.*s@%.*s", STR_ARG(name), STR_ARG(file));
}

/* a function that is nowhere but in others; fn may be NULL: nothing is known */
static void put_remark(const struct di_func *fn, struct strbuf *out)
{
	uint32_t n_inlined = 0;

	for (uint32_t i = 0; fn && i < fn->n_instances; i++) {
		if (!fn->instances[i].is_inlined)
			return;
		n_inlined += fn->instances[i].n_entries > 0;
	}
	if (n_inlined)
		list_remark(out, "inlined only, at %u place%s", n_inlined,
			    n_inlined > 1 ? "s" : "");
}

static bool print_line(struct function_list *f, struct str name, bool is_cxx, struct strbuf *remark)
{
	struct listing *l = f->l;
	STRBUF_AUTO quoted = { 0 }, path = { 0 };

	list_remark_file(l, remark);
	symbol_print_quoted(name, STR_NULL, &quoted);
	list_put_path(l, &path);
	return list_line(l, "%s:%s:%s%s%.*s", provider_names[l->kind].name, strbuf_cstr(&path),
			 is_cxx && quoted.n && quoted.p[0] == '"' ? "cpp:" : "",
			 strbuf_cstr(&quoted), STR_ARG(strbuf_str(remark)));
}

static bool list_symbol(void *arg, const struct symbol *s, struct str shown)
{
	struct function_list *f = arg;
	struct listing *l = f->l;
	const struct own_entry *known = find_entry(f, s->addr);
	const struct di_func *fn = known ? &f->functions.v[known->index] : NULL;
	struct str raw = symbol_name(s),
		   name = place_best_name(s, with_file(f, s, symbol_spelled(l->c, s)), fn);
	struct place place = {
		.addr = s->addr, .entry = s->addr, .sym = s, .func = name, .raw = raw
	};

	STRBUF_AUTO remark = { 0 };

	(void)shown;
	if (known)
		f->is_printed[known->index] = true;
	/* what a compiler made beside a method: nobody can write its name but as a symbol */
	if (str_find(name, STR(" thunk to ")) >= 0)
		place.func = name = raw;
	if (!is_new_line(f, name))
		return true;
	if (!print_line(f, name, demangle_kind(raw) == MANGLING_CXX, &remark))
		return false;
	if (!l->o->verbose)
		return true;
	if (demangle_kind(raw) != MANGLING_NONE)
		strbuf_printf(&l->out, "    %.*s\n", STR_ARG(raw));
	if (!known)
		place_fill_info(&f->places, &place);
	describe_function(l, &f->places, fn ? fn : place.fn, &place);
	return true;
}

/* what has no symbol, or no code of its own */
static bool list_function(struct function_list *f, const struct di_func *fn)
{
	struct listing *l = f->l;
	STRBUF_AUTO remark = { 0 };

	if (!is_new_line(f, fn->name))
		return true;
	if (l->o->with_remarks)
		put_remark(fn, &remark);
	if (!print_line(f, fn->name, fn->lang == LANG_CXX, &remark))
		return false;
	if (l->o->verbose) {
		if (fn->linkage.n && !str_eq(fn->linkage, fn->name))
			strbuf_printf(&l->out, "    %.*s\n", STR_ARG(fn->linkage));
		describe_function(l, &f->places, fn, NULL);
	}
	return true;
}

static void list_go_inlined(void *arg, const struct go_inlined *in)
{
	struct function_list *f = arg;

	STRBUF_AUTO remark = { 0 };

	if (f->l->o->with_remarks)
		list_remark(&remark, "inlined only");
	if (is_new_line(f, in->name))
		print_line(f, in->name, false, &remark);
}

void list_functions(struct listing *l, struct str pattern, struct str file, bool only_demangled)
{
	struct arena arena;
	struct function_list f = { .l = l, .arena = &arena };
	struct symbol_query q = { .c = l->c,
				  .f = l->file->f,
				  .name = pattern,
				  .file = file,
				  .only_demangled = only_demangled,
				  .with_aliases = true,
				  .visit = list_symbol,
				  .arg = &f };
	uint64_t before = l->o->n_listed;
	struct err *e = NULL;

	arena_init(&arena);
	places_init(&f.places, l->c, l->file->f, l->file->path);
	if (places_info(&f.places))
		e = debuginfo_functions(f.places.info, pattern, file, &arena, keep_function, &f);
	if (f.entries.n)
		qsort(f.entries.v, f.entries.n, sizeof(*f.entries.v), compare_entries);
	f.is_printed = base_alloc(f.functions.n + 1);
	/* which file a function is from, debug information knows best */
	if (file.n == 0 || f.functions.n == 0)
		symbols_each(&q);
	for (uint32_t i = 0; i < f.functions.n && !l->is_stopped; i++)
		if (!f.is_printed[i])
			list_function(&f, &f.functions.v[i]);
	/* only when there is nothing else of that name: app::v2::f for app::f */
	if (l->o->n_listed == before && str_find(pattern, STR("::")) >= 0 &&
	    !name_is_wild(pattern)) {
		q.skips_inline = q.only_demangled = true;
		symbols_each(&q);
	}
	if (!f.places.info && !l->is_stopped)
		go_inlined_find(l->file->f, pattern, list_go_inlined, &f);
	if (e || f.places.trouble.n) {
		STRBUF_AUTO text = { 0 };

		if (e)
			err_format(e, &text);
		else
			strbuf_add_str(&text, f.places.trouble);
		if (l->o->warn)
			l->o->warn(l->o->arg, strbuf_cstr(&text));
		err_free(e);
	}
	free(f.is_printed);
	vec_free(&f.functions);
	vec_free(&f.entries);
	hashmap_free(&f.lines);
	places_free(&f.places);
	arena_free(&arena);
}

void list_line_places(struct listing *l, const struct pattern *p)
{
	const char *provider = provider_names[l->kind].name;
	struct places places;
	uint64_t line, column = 0;
	uint32_t nearest;

	if (p->n < 2 || !str_to_u64(p->parts[1], &line) || line > UINT32_MAX ||
	    (p->n > 2 && (!str_to_u64(p->parts[2], &column) || column > UINT32_MAX)))
		return;
	places_init(&places, l->c, l->file->f, l->file->path);
	places_by_line(&places, l->source_file, (uint32_t)line, (uint32_t)column, &nearest);
	if (places.v.n && column)
		list_line(l, "%s:%.*s@%.*s:%llu:%llu", provider, STR_ARG(l->file->path),
			  STR_ARG(l->source_file), (unsigned long long)line,
			  (unsigned long long)column);
	else if (places.v.n)
		list_line(l, "%s:%.*s@%.*s:%llu", provider, STR_ARG(l->file->path),
			  STR_ARG(l->source_file), (unsigned long long)line);
	for (size_t i = 0; i < places.v.n && l->o->verbose; i++)
		describe_line_place(l, &places, &places.v.v[i]);
	places_free(&places);
}
