/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The maps of an object when it ends: key and value by their BTF types, by key. A value of a per-CPU map is the list of its
 * parts, since nothing says whether they are to be added. Elements of arrays that are all zero are left out. Of the
 * object's global variables (.bss, .data) each stands by its name.
 */
#include "object/object_private.h"

#include "output/json.h"

#include <errno.h>
#include <string.h>

enum { ELEMENTS_MAX = 10000, BYTES_MAX = 64 };

static void put_hex(const uint8_t *p, uint32_t n, bool is_json, struct strbuf *out)
{
	if (is_json)
		strbuf_putc(out, '"');
	for (uint32_t i = 0; i < n; i++)
		strbuf_printf(out, i ? " %02x" : "%02x", p[i]);
	if (is_json)
		strbuf_putc(out, '"');
}

void object_put_value(struct object *o, const struct type *t, const void *data, uint32_t n,
		      bool is_key, struct strbuf *out)
{
	enum value_form form = o->opts.is_json ? VALUE_JSON : VALUE_TEXT;
	uint32_t rest = t && t->size <= n ? n - t->size : 0;

	if (!t || t->size > n) {
		put_hex(data, n, o->opts.is_json, out);
		return;
	}
	/* an array of char that stands by itself is text here, too */
	if (type_is_char_array(t)) {
		value_put_string(&o->env, form, str_make(data, strnlen(data, t->count)), out);
	} else if (is_key) {
		value_put_key(&o->env, form, t, data, out);
	} else {
		value_put(&o->env, form, t, data, out);
	}
	if (!rest)
		return;
	strbuf_puts(out, o->opts.is_json ? ", \"rest\": " : " + ");
	put_hex((const uint8_t *)data + t->size, rest, o->opts.is_json, out);
}

/* ---- elements ---- */

struct element {
	void *key, *value;
	uint32_t n; /* parts of the value */
};

struct table {
	struct object *o;
	struct bpf_map *map;
	const struct type *key, *value;
	uint32_t key_size, value_size, n_cpus, stride;
	VEC(struct element) elements;
	uint64_t n_left_out;
	struct arena arena;
};

bool object_map_is_per_cpu(enum bpf_map_type t)
{
	return t == BPF_MAP_TYPE_PERCPU_HASH || t == BPF_MAP_TYPE_PERCPU_ARRAY ||
	       t == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

static bool is_array(enum bpf_map_type t)
{
	return t == BPF_MAP_TYPE_ARRAY || t == BPF_MAP_TYPE_PERCPU_ARRAY;
}

/* maps whose elements are values, but for those of libbpf itself (usdt.bpf.h) */
static bool is_printed(const struct bpf_map *m)
{
	enum bpf_map_type t = bpf_map__type(m);

	if (str_starts(str_from(bpf_map__name(m)), STR("__bpf_usdt_")))
		return false;
	return object_map_is_per_cpu(t) || is_array(t) || t == BPF_MAP_TYPE_HASH ||
	       t == BPF_MAP_TYPE_LRU_HASH;
}

static bool is_zero(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

static int element_order(const void *a, const void *b, void *arg)
{
	const struct table *t = arg;
	const struct element *x = a, *y = b;

	if (t->key)
		return value_compare(t->key, x->key, y->key);
	return memcmp(x->key, y->key, t->key_size);
}

static void add_element(struct table *t, struct element e)
{
	if (is_array(bpf_map__type(t->map)) && is_zero(e.value, (size_t)t->stride * e.n))
		return;
	if (t->elements.n >= ELEMENTS_MAX)
		t->n_left_out++;
	else
		vec_push(&t->elements, e);
}

/* the second half of a processor's rows is mostly empty: elements that two threads made at one moment (mapio.c) */
static bool offer_element(void *arg, const void *key, const void *value, uint32_t n_cpus)
{
	struct table *t = arg;
	struct element e = { arena_alloc(&t->arena, t->key_size), NULL, n_cpus };
	size_t half = (size_t)t->stride * (n_cpus / 2);

	if (n_cpus > 1 && is_zero((const uint8_t *)value + half, half))
		e.n = n_cpus / 2;
	e.value = arena_alloc(&t->arena, (size_t)t->stride * e.n);
	memcpy(e.key, key, t->key_size);
	memcpy(e.value, value, (size_t)t->stride * e.n);
	add_element(t, e);
	return true;
}

static ERR_MUST struct err *read_elements(struct table *t)
{
	int fd = bpf_map__fd(t->map);
	size_t bytes = (size_t)t->stride * t->n_cpus;
	void *last = NULL;

	if (t->o->user)
		return object_user_each(t->o, t->map, offer_element, t);
	for (;;) {
		struct element e = { arena_alloc(&t->arena, t->key_size),
				     arena_alloc(&t->arena, bytes), t->n_cpus };

		if (bpf_map_get_next_key(fd, last, e.key))
			return errno == ENOENT
				       ? NULL
				       : err_new(errno, "read the map '%s'", bpf_map__name(t->map));
		last = e.key;
		/* one that went in between is no error */
		if (bpf_map_lookup_elem(fd, e.key, e.value))
			continue;
		add_element(t, e);
	}
}

/* values of which nothing says what they are: a beginning */
static void put_part(const struct table *t, const void *data, struct strbuf *out)
{
	bool is_long = !t->value && t->value_size > BYTES_MAX;

	object_put_value(t->o, t->value, data, is_long ? BYTES_MAX : t->value_size, false, out);
	if (is_long && !t->o->opts.is_json)
		strbuf_printf(out, "... (%u bytes)", t->value_size);
}

static void put_parts(const struct table *t, const struct element *e, struct strbuf *out)
{
	if (t->n_cpus == 1) {
		put_part(t, e->value, out);
		return;
	}
	strbuf_putc(out, '[');
	for (uint32_t i = 0; i < e->n; i++) {
		strbuf_puts(out, i ? ", " : "");
		put_part(t, (const char *)e->value + (size_t)i * t->stride, out);
	}
	strbuf_putc(out, ']');
}

static void put_text(const struct table *t, struct strbuf *out)
{
	vec_each(e, &t->elements) {
		strbuf_printf(out, "%s[", bpf_map__name(t->map));
		object_put_value(t->o, t->key, e->key, t->key_size, true, out);
		strbuf_puts(out, "]: ");
		put_parts(t, e, out);
		strbuf_putc(out, '\n');
	}
}

/* names of members are strings, whatever the key is */
static void put_json_key(const struct table *t, const struct element *e, struct strbuf *out)
{
	STRBUF_AUTO key = { 0 };

	object_put_value(t->o, t->key, e->key, t->key_size, true, &key);
	if (key.n && key.p[0] == '"')
		strbuf_add_str(out, strbuf_str(&key));
	else
		json_put_string(out, strbuf_str(&key));
}

static void put_json(const struct table *t, struct strbuf *out)
{
	strbuf_puts(out, "{\"type\": \"map\", \"data\": {");
	json_put_string(out, str_from(bpf_map__name(t->map)));
	strbuf_puts(out, ": {");
	vec_each(e, &t->elements) {
		strbuf_puts(out, e == t->elements.v ? "" : ", ");
		put_json_key(t, e, out);
		strbuf_puts(out, ": ");
		put_parts(t, e, out);
	}
	strbuf_puts(out, "}}}\n");
}

static ERR_MUST struct err *put_map(struct object *o, struct bpf_map *m)
{
	enum bpf_map_type type = bpf_map__type(m);
	struct table t = { .o = o,
			   .map = m,
			   .key = object_type(o, bpf_map__btf_key_type_id(m)),
			   .value = object_type(o, bpf_map__btf_value_type_id(m)),
			   .key_size = bpf_map__key_size(m),
			   .value_size = bpf_map__value_size(m),
			   .n_cpus = object_map_is_per_cpu(type)
					     ? (uint32_t)libbpf_num_possible_cpus()
					     : 1 };
	STRBUF_AUTO text = { 0 };
	struct err *err;

	/* what nobody has verified may describe more than there is */
	if (t.key && t.key->size > t.key_size)
		t.key = NULL;
	t.stride = t.n_cpus > 1 || object_map_is_per_cpu(type) ? (t.value_size + 7) & ~7u
							       : t.value_size;
	arena_init(&t.arena);
	err = read_elements(&t);
	if (!err && t.elements.n) {
		qsort_r(t.elements.v, t.elements.n, sizeof(*t.elements.v), element_order, &t);
		if (o->opts.is_json)
			put_json(&t, &text);
		else
			put_text(&t, &text);
		o->opts.write(o->opts.arg, strbuf_str(&text));
	}
	if (t.n_left_out)
		object_remark(o, "%llu more elements of the map '%s' are not shown",
			      (unsigned long long)t.n_left_out, bpf_map__name(m));
	vec_free(&t.elements);
	arena_free(&t.arena);
	return err;
}

/* ---- global variables ---- */

static void put_variable(struct object *o, const char *name, const struct type *t, const char *data,
			 uint32_t n)
{
	STRBUF_AUTO text = { 0 };

	if (o->opts.is_json) {
		strbuf_puts(&text, "{\"type\": \"variable\", \"data\": {");
		json_put_string(&text, str_from(name));
		strbuf_puts(&text, ": ");
	} else {
		strbuf_printf(&text, "%s: ", name);
	}
	object_put_value(o, t, data, n, false, &text);
	strbuf_puts(&text, o->opts.is_json ? "}}\n" : "\n");
	o->opts.write(o->opts.arg, strbuf_str(&text));
}

struct copy {
	char *to;
	uint32_t n;
};

static bool copy_value(void *arg, const void *key, const void *value, uint32_t n_cpus)
{
	struct copy *c = arg;

	memcpy(c->to, value, c->n);
	return false;
}

static ERR_MUST struct err *read_section(struct object *o, struct bpf_map *m, char *data,
					 uint32_t size)
{
	struct copy c = { data, size };
	uint32_t zero = 0;

	if (o->user)
		return object_user_each(o, m, copy_value, &c);
	if (bpf_map_lookup_elem(bpf_map__fd(m), &zero, data))
		return err_new(errno, "read the variables '%s'", bpf_map__name(m));
	return NULL;
}

static ERR_MUST struct err *put_globals(struct object *o, struct bpf_map *m)
{
	const struct btf *btf = bpf_object__btf(o->bpf);
	const struct btf_type *section;
	uint32_t size = bpf_map__value_size(m);
	FREE_AUTO char *data = base_alloc(size + 1);

	if (!btf || !o->btf)
		return NULL;
	section = btf__type_by_id(btf, bpf_map__btf_value_type_id(m));
	if (!section || !btf_is_datasec(section))
		return NULL;
	TRY(read_section(o, m, data, size));
	for (uint32_t i = 0; i < btf_vlen(section); i++) {
		const struct btf_var_secinfo *v = &btf_var_secinfos(section)[i];
		const struct btf_type *var = btf__type_by_id(btf, v->type);

		if (!var || !btf_is_var(var) || v->offset > size || v->size > size - v->offset)
			continue;
		put_variable(o, btf__name_by_offset(btf, var->name_off), object_type(o, var->type),
			     data + v->offset, v->size);
	}
	return NULL;
}

static bool has_suffix(const struct bpf_map *m, const char *suffix)
{
	return str_ends(str_from(bpf_map__name(m)), str_from(suffix));
}

struct err *object_put_maps(struct object *o)
{
	struct bpf_map *m;

	bpf_object__for_each_map(m, o->bpf)
	{
		if (object_map_fd(o, m) < 0)
			continue;
		if (bpf_map__is_internal(m)) {
			if (has_suffix(m, ".bss") || has_suffix(m, ".data"))
				TRY(put_globals(o, m));
		} else if (bpf_map__type(m) == BPF_MAP_TYPE_STACK_TRACE) {
			TRY(object_put_stacks(o, m));
		} else if (is_printed(m)) {
			TRY(put_map(o, m));
		}
	}
	return NULL;
}
