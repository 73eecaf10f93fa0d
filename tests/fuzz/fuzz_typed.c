/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzer of typed values. Debug information may say anything about a type, and captured bytes come from the traced process.
 * Types are made whose names and members are those that the rows of views.def look for, wired together as the input says;
 * then planned, captured from memory that the input holds, and the input's own bytes are decoded as if they had been
 * captured. JSON must be UTF-8 whatever comes.
 */
#include "output/json.h"
#include "output/value.h"
#include "types/view_private.h"

#include <stdlib.h>

enum { N_TYPES = 10, MAX_SIZE = 512, MAX_OUTPUT = 1 << 22 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct view_row rows[] = {
#define VIEW(language, name, what, ...) \
	{ .lang = language, .pattern = name, .kind = what, ##__VA_ARGS__ },
#include "types/views.def"
#undef VIEW
};

struct input {
	const uint8_t *p;
	size_t n, at;
};

static uint8_t byte(struct input *in)
{
	return in->at < in->n ? in->p[in->at++] : 0;
}

static uint32_t number(struct input *in, uint32_t below)
{
	return (uint32_t)(byte(in) << 8 | byte(in)) % below;
}

struct maker {
	struct input *in;
	struct type_table *tt;
	struct type *types[N_TYPES];
};

static const struct type *some_type(struct maker *m, unsigned depth)
{
	const struct type *t = m->types[number(m->in, N_TYPES)];

	switch (byte(m->in) % 9) {
	case 0: return type_int(1u << number(m->in, 4), byte(m->in) & 1);
	case 1: return type_float(4u << number(m->in, 3));
	case 2: return type_pointer_named(m->tt, t, SPACE_NONE, t->lang, STR("&x"));
	case 3: return type_pointer_named(m->tt, t, SPACE_NONE, t->lang, STR("map[k]v"));
	case 4:
		return depth ? type_int(8, false)
			     : type_array(m->tt, some_type(m, depth + 1), number(m->in, 70));
	case 5: return type_pointer(m->tt, t, SPACE_NONE);
	case 6: return type_wide_int(false);
	default: return t;
	}
}

static struct type *new_struct(struct maker *m, struct str name, enum type_lang lang)
{
	struct type *t = type_new_struct(m->tt, name, false);

	t->lang = lang;
	t->size = number(m->in, MAX_SIZE);
	t->align = 8;
	t->is_complete = true;
	t->fields = arena_array(m->tt->arena, struct type_field, 16);
	return t;
}

static struct type_field *find_field(struct type *t, struct str name)
{
	for (uint32_t i = 0; i < t->n_fields; i++)
		if (str_eq(t->fields[i].name, name))
			return &t->fields[i];
	if (t->n_fields == 16)
		return NULL;
	t->fields[t->n_fields].name = name;
	return &t->fields[t->n_fields++];
}

/* members so that a path exists; what is at its end is anything */
static void add_path(struct maker *m, struct type *t, const char *path)
{
	struct str rest = str_from(path);

	if (!path || path[0] == '%')
		return;
	rest = str_sub(rest, 0,
		       str_find_char(rest, '%', 0) < 0 ? rest.n
						       : (size_t)str_find_char(rest, '%', 0));
	while (rest.n) {
		struct type_field *f = find_field(t, str_split(&rest, '.'));

		if (!f)
			return;
		if (!rest.n || (f->type && f->type->kind != TYPE_STRUCT)) {
			f->type = some_type(m, 0);
			f->offset = number(m->in, MAX_SIZE);
			return;
		}
		if (!f->type) {
			f->type = new_struct(m, STR("x"), t->lang);
			f->offset = number(m->in, 16);
		}
		t = (struct type *)f->type;
	}
}

static void add_variants(struct maker *m, struct type *t)
{
	struct type_variant *v = arena_array(m->tt->arena, struct type_variant, 4);

	t->n_variants = number(m->in, 5);
	t->variants = v;
	if (byte(m->in) & 1)
		t->discr = (struct type_field){ .type = type_int(1u << number(m->in, 4), false),
						.offset = number(m->in, MAX_SIZE) };
	for (uint32_t i = 0; i < t->n_variants; i++)
		v[i] = (struct type_variant){ .name = STR("Some"),
					      .has_value = byte(m->in) & 1,
					      .value = number(m->in, 8),
					      .type = byte(m->in) & 1
							      ? m->types[number(m->in, N_TYPES)]
							      : NULL };
}

static void make_type(struct maker *m, struct type *t)
{
	const struct view_row *r = &rows[number(m->in, sizeof(rows) / sizeof(rows[0]))];
	struct type_param *params = arena_array(m->tt->arena, struct type_param, 5);

	t->lang = r->lang;
	t->name = str_from(r->pattern);
	t->go_kind = r->go_kind;
	t->size = number(m->in, MAX_SIZE);
	add_path(m, t, r->ptr);
	add_path(m, t, r->len);
	add_path(m, t, r->end);
	add_path(m, t, r->cap);
	add_path(m, t, r->flag);
	add_path(m, t, r->inner);
	add_path(m, t, r->elem);
	add_path(m, t, r->head);
	add_path(m, t, r->tail);
	/* nodes and headers of the libraries' own */
	for (uint32_t i = byte(m->in) % 4; i > 0; i--) {
		static const char *const names[] = {
			"len",     "keys",   "vals",        "dirPtr",
			"dirLen",  "used",   "groups.data", "groups.lengthMask",
			"ctrl",    "slots",  "key",         "elem",
			"count",   "B",      "buckets",     "oldbuckets",
			"tophash", "values", "overflow",    "",
			"_vptr.x"
		};

		add_path(m, t, names[number(m->in, sizeof(names) / sizeof(names[0]))]);
	}
	if (byte(m->in) % 4 == 0)
		add_variants(m, t);
	t->n_params = number(m->in, 6);
	t->params = params;
	for (uint32_t i = 0; i < t->n_params; i++)
		params[i].type = some_type(m, 0);
}

/* the input again and again; now and then an address cannot be read */
static bool read_input(void *arg, uint64_t addr, void *buf, uint32_t n)
{
	struct input *in = arg;

	if (addr % 7 == 0 || !in->n)
		return false;
	for (uint32_t i = 0; i < n; i++)
		((uint8_t *)buf)[i] = in->p[(addr + i) % in->n];
	return true;
}

static bool dynamic_name(void *arg, uint64_t addr, struct strbuf *name, uint8_t *kind)
{
	(void)arg;
	strbuf_puts(name, addr & 1 ? "*errors.errorString" : "main.T");
	*kind = (uint8_t)(addr >> 1) & 31;
	return addr & 64;
}

static void print(const struct type *t, const void *stored)
{
	struct value_env env = { .go_type = dynamic_name };
	STRBUF_AUTO text = { 0 };
	bool is_cut;

	value_put(&env, VALUE_TEXT, t, stored, &text);
	if (text.n > MAX_OUTPUT)
		__builtin_trap();
	strbuf_clear(&text);
	value_put(&env, VALUE_JSON, t, stored, &text);
	for (size_t i = 0; i < text.n;) {
		size_t n = utf8_length((const uint8_t *)text.p + i, text.n - i);

		if (!n)
			__builtin_trap();
		i += n;
	}
	if (t->kind == TYPE_CAPTURE)
		value_typed_text(t, stored, &text, &is_cut);
}

static void try_type(struct type_table *tt, const struct type *t, struct input *in)
{
	const struct type *c = view_capture(tt, t);
	struct view_path path;
	uint8_t *root, *stored;

	for (int attr = VIEW_LEN; attr <= VIEW_STATE; attr++)
		view_path(tt, t, (enum view_attr)attr, &path, NULL);
	if (!c)
		return;
	if (c->capture->max_bytes > CAPTURE_MAX_BYTES || c->capture->max_bytes % 8)
		__builtin_trap();
	root = calloc(1, c->capture->nodes[0].size + 8);
	/* exactly as large as promised, so that a sanitizer sees what goes beyond */
	stored = malloc(c->size);
	read_input(in, 1, root, c->capture->nodes[0].size);
	if (capture_run(c->capture, root, read_input, in, stored) > c->size)
		__builtin_trap();
	print(c, stored);
	/* and bytes that nobody captured, behind the right head */
	for (uint32_t i = 32; i < c->size; i++)
		stored[i] = byte(in);
	print(c, stored);
	for (uint32_t i = 0; i < c->size; i++)
		stored[i] = byte(in);
	print(c, stored);
	free(root);
	free(stored);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size, 0 };
	struct arena a;
	struct type_table tt;
	struct maker m = { .in = &in, .tt = &tt };

	arena_init(&a);
	type_table_init(&tt, &a);
	for (unsigned i = 0; i < N_TYPES; i++)
		m.types[i] = new_struct(&m, STR("x"), LANG_RUST);
	for (unsigned i = 0; i < N_TYPES; i++)
		make_type(&m, m.types[i]);
	try_type(&tt, m.types[0], &in);
	try_type(&tt, type_array(&tt, m.types[1], 3), &in);
	try_type(&tt, type_pointer_named(&tt, m.types[2], SPACE_NONE, LANG_GO, STR("map[a]b")),
		 &in);
	type_table_free(&tt);
	arena_free(&a);
	return 0;
}
