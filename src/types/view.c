/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finding the row of views.def that fits a type, and the places that its paths name. A view is found once for each type and kept
 * in the type table's own hash map, under keys that no type has.
 *
 * Types come from a traced program's debug information and may be absurd: walks are bounded in depth and number.
 */
#include "types/view_private.h"

enum {
	MAX_DRILL = 8,         /* wrappers around a pointer */
	MAX_NAME = 64,         /* of one member in a path */
	VIEW_KEY = 0x76696577, /* where a type's key has its kind */
};

static const struct view_row rows[] = {
#define VIEW(language, name, what, ...) \
	{ .lang = language, .pattern = name, .kind = what, ##__VA_ARGS__ },
#include "types/views.def"
#undef VIEW
};

/* references to one element: every language's row for pointers */
static const struct view_row reference_row = { .kind = LOOK_REF, .pattern = "" };

/* ---- names ---- */

/* C++ names without inline namespaces, so that a row fits every build of a library */
static void plain_name(struct str name, struct strbuf *out)
{
	static const struct str inline_namespaces[] = { STR_INIT("__cxx11::"), STR_INIT("__1::"),
							STR_INIT("__ndk1::"),
							STR_INIT("__debug::") };

	for (size_t i = 0; i < name.n;) {
		struct str rest = str_sub(name, i, name.n);
		size_t skip = 0;

		for (size_t k = 0; i && name.p[i - 1] == ':' && k < 4; k++)
			if (str_starts(rest, inline_namespaces[k]))
				skip = inline_namespaces[k].n;
		if (!skip)
			strbuf_putc(out, name.p[i++]);
		i += skip;
	}
}

bool view_is_reference(const struct type *t)
{
	if (t->kind != TYPE_POINTER || !t->elem || !t->name.n)
		return false;
	if (t->elem->kind == TYPE_FUNCTION || t->elem->kind == TYPE_VOID)
		return false;
	if (t->lang == LANG_RUST)
		return t->name.p[0] == '&' || str_starts(t->name, STR("alloc::boxed::Box<"));
	return t->lang == LANG_CXX && t->name.p[t->name.n - 1] == '&';
}

/* ---- paths ---- */

static bool find_variant(const struct type *t, struct str name, const struct type **out)
{
	for (uint32_t i = 0; i < t->n_variants; i++) {
		if (!str_eq(t->variants[i].name, name) || !t->variants[i].type)
			continue;
		*out = t->variants[i].type;
		return true;
	}
	return false;
}

/* type parameters behind a path: "%3%0" */
static bool walk_params(struct str path, struct view_place *at)
{
	while (path.n) {
		uint32_t i = (uint32_t)(path.p[1] - '0');

		if (!at->type || at->type->kind != TYPE_STRUCT || !type_complete(at->type) ||
		    i >= at->type->n_params)
			return false;
		at->type = at->type->params[i].type;
		path = str_sub(path, 2, path.n);
	}
	return at->type != NULL;
}

bool view_walk(const struct type *t, const char *path, struct view_place *out)
{
	struct str rest = str_from(path), params = STR_NULL;
	ptrdiff_t percent = str_find_char(rest, '%', 0);
	struct view_place at = { t, 0 };

	if (percent >= 0) {
		params = str_sub(rest, (size_t)percent, rest.n);
		rest = str_sub(rest, 0, (size_t)percent);
	}
	while (rest.n) {
		struct str name = str_split(&rest, '.');
		struct type_field f;

		if (!at.type || at.type->kind != TYPE_STRUCT || !type_complete(at.type))
			return false;
		if (find_variant(at.type, name, &at.type))
			continue;
		if (!type_find_field(at.type, name, &f) || !f.type)
			return false;
		at = (struct view_place){ f.type, at.offset + f.offset };
	}
	if (!walk_params(params, &at))
		return false;
	*out = at;
	return true;
}

static bool drill(struct view_place *place, bool want_pointer, unsigned depth);

static bool drill_fields(const struct type *t, uint32_t offset, struct view_place *out,
			 bool want_pointer, unsigned depth)
{
	if (!type_complete(t))
		return false;
	for (uint32_t i = 0; i < t->n_fields; i++) {
		struct view_place inner = { t->fields[i].type, offset + t->fields[i].offset };

		if (inner.type && drill(&inner, want_pointer, depth + 1)) {
			*out = inner;
			return true;
		}
	}
	return false;
}

static bool drill(struct view_place *place, bool want_pointer, unsigned depth)
{
	const struct type *t = place->type;

	if (!want_pointer && type_is_integer(t))
		return true;
	if (t->kind == TYPE_POINTER)
		return want_pointer;
	if (t->kind != TYPE_STRUCT || depth > MAX_DRILL || !type_complete(t))
		return false;
	if (drill_fields(t, place->offset, place, want_pointer, depth))
		return true;
	/* Option<NonNull<T>> */
	for (uint32_t i = 0; i < t->n_variants; i++)
		if (t->variants[i].type &&
		    drill_fields(t->variants[i].type, place->offset, place, want_pointer, depth))
			return true;
	return false;
}

bool view_drill(struct view_place *place, bool want_pointer)
{
	return drill(place, want_pointer, 0);
}

uint32_t view_align(const struct type *t)
{
	while (t->kind == TYPE_ARRAY)
		t = t->elem;
	type_complete(t); /* a struct's is known with its members */
	return t->align ? t->align : 1;
}

/* ---- rows ---- */

/*
 * "path!": a struct of which the program has only the declaration (clang leaves the inside of std::string to the library's
 * debug information), and whose first word is known to be the pointer to the text
 */
static bool resolve_declared(const struct type *t, struct str path, struct view_place *out)
{
	static struct type text = { .kind = TYPE_POINTER, .size = 8, .align = 8 };
	char name[64];

	if (path.n > sizeof(name))
		return false;
	memcpy(name, path.p, path.n - 1);
	name[path.n - 1] = 0;
	if (!view_walk(t, name, out) || out->type->kind != TYPE_STRUCT || type_complete(out->type))
		return false;
	text.elem = type_int(1, true);
	out->type = &text;
	return true;
}

static bool resolve(const struct type *t, const char *path, struct view_place *out, int drilled)
{
	if (!path)
		return true;
	if (str_ends(str_from(path), STR("!")))
		return resolve_declared(t, str_from(path), out);
	return view_walk(t, path, out) && (drilled < 0 || view_drill(out, drilled == 1));
}

/* what is a number in one kind is a pointer or a place in another */
static bool fill(struct view *v, const struct type *t)
{
	const struct view_row *r = v->row;
	bool is_deque = r->kind == LOOK_DEQUE;
	struct view_place elem = { 0 };

	if (!resolve(t, r->ptr, &v->ptr, r->kind == LOOK_GO_FACE ? -1 : 1) ||
	    !resolve(t, r->len, &v->len, 0) || !resolve(t, r->end, &v->end, 1) ||
	    !resolve(t, r->cap, &v->cap, r->end != NULL) || !resolve(t, r->flag, &v->flag, 0))
		return false;
	/* in the pointee, in the nodes, in the alternatives: those are looked up where they are used */
	if (r->kind != LOOK_REF && r->kind != LOOK_CHAIN && !resolve(t, r->inner, &v->inner, -1))
		return false;
	if (r->kind == LOOK_ALTERNATIVES)
		return true;
	if (!resolve(t, r->head, &v->head, is_deque ? -1 : 0))
		return false;
	if (r->elem) {
		if (!view_walk(t, r->elem, &elem))
			return false;
		v->elem = elem.type;
	} else if (v->ptr.type && v->ptr.type->kind == TYPE_POINTER) {
		v->elem = v->ptr.type->elem;
	}
	return true;
}

static bool fits(const struct view_row *r, const struct type *t, struct str name)
{
	if (r->lang != t->lang)
		return false;
	if (r->go_kind && t->go_kind)
		return r->go_kind == t->go_kind;
	return str_glob(str_from(r->pattern), name);
}

static bool is_complete_enough(const struct type *t)
{
	return t->kind == TYPE_STRUCT && type_complete(t);
}

static struct view *find(struct type_table *tt, const struct type *t)
{
	STRBUF_AUTO name = { 0 };
	struct view *v = arena_new(tt->arena, struct view);

	plain_name(t->name, &name);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct view_row *r = &rows[i];

		if (!fits(r, t, strbuf_str(&name)))
			continue;
		*v = (struct view){ .row = r, .type = t };
		/* a Go map is a pointer; its header is looked at when planned */
		if (r->kind == LOOK_GO_MAP ? t->kind == TYPE_POINTER
					   : is_complete_enough(t) && fill(v, t))
			return v;
	}
	return NULL;
}

const struct view *view_of(struct type_table *tt, const struct type *t)
{
	static const struct view none;
	const uint64_t key[2] = { VIEW_KEY, (uintptr_t)t };
	struct str k = str_make((const char *)key, sizeof(key));
	const struct view *v;
	struct view *made;

	if ((t->kind != TYPE_STRUCT && t->kind != TYPE_POINTER) || t->lang <= LANG_C)
		return NULL;
	v = hashmap_get(&tt->interned, k);
	if (v)
		return v == &none ? NULL : v;
	if (view_is_reference(t)) {
		made = arena_new(tt->arena, struct view);
		*made = (struct view){
			.row = &reference_row, .type = t, .ptr = { t, 0 }, .elem = t->elem
		};
	} else {
		made = find(tt, t);
	}
	v = made ? made : &none;
	hashmap_put(&tt->interned, arena_str(tt->arena, k), (void *)v);
	return made;
}
