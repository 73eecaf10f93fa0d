/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Go's maps and interfaces as fmt prints them: keys sorted; an interface as the value inside, which is known only by its type
 * word. A value whose type is not known here is never guessed at: type and address are printed.
 */
#include "output/typed_private.h"

#include "base/vec.h"
#include "output/number.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
	GO_MAX_ENTRIES = 1024, /* of a map: what a capture holds is less */
	GO_EMPTY = 0x80,       /* in a slot's control byte */
	GO_MIN_TOP_HASH = 5,
};

/* reflect.Kind */
enum go_kind {
	GO_BOOL = 1,
	GO_INT = 2,
	GO_INT8,
	GO_INT16,
	GO_INT32,
	GO_INT64,
	GO_UINT,
	GO_UINT8,
	GO_UINT16,
	GO_UINT32,
	GO_UINT64,
	GO_UINTPTR,
	GO_FLOAT32,
	GO_FLOAT64,
	GO_STRING = 24,
};

struct entry {
	const struct look *key, *val;
	struct typed_at at;
	struct strbuf text; /* of the key: what is not a number is sorted by it */
	uint64_t number;
	bool is_number, is_signed;
};

struct entries {
	VEC(struct entry) v;
	struct typed *t;
	bool has_gap;
};

/* ---- maps ---- */

static void add_entry(struct entries *e, const struct look *key, const struct look *val,
		      struct typed_at at)
{
	struct entry n = { .key = key, .val = val, .at = at };
	struct typed inner = *e->t;
	const struct type *type = key->type;
	const char *p;

	if (e->v.n == GO_MAX_ENTRIES) {
		e->has_gap = true;
		return;
	}
	p = key->kind == LOOK_LEAF && type ? typed_bytes(at, key->offset, type->size) : NULL;
	if (p && type_is_scalar(type)) {
		n.number = value_load(type, p);
		n.is_number = true;
		n.is_signed = type->is_signed;
	} else {
		inner.form = VALUE_TEXT;
		inner.is_plain = true;
		inner.out = &n.text;
		typed_put(&inner, key, at);
		e->t->n_puts = inner.n_puts;
	}
	vec_push(&e->v, n);
}

static int compare_entries(const void *pa, const void *pb)
{
	const struct entry *a = pa, *b = pb;

	if (!a->is_number || !b->is_number)
		return str_cmp(strbuf_str(&a->text), strbuf_str(&b->text));
	if (a->is_signed)
		return (int64_t)a->number < (int64_t)b->number
			       ? -1
			       : (int64_t)a->number > (int64_t)b->number;
	return a->number < b->number ? -1 : a->number > b->number;
}

/* 8 slots, a byte for each that says whether it is used */
static void add_slots(struct entries *e, const struct look *l, struct typed_at at, bool is_bucket)
{
	if (l->kind != LOOK_GO_BUCKET && l->kind != LOOK_GO_GROUP) {
		e->has_gap = true;
		return;
	}
	for (uint32_t i = 0; 2 * i + 1 < l->n_parts; i++) {
		const char *tag = typed_bytes(at, l->short_offset + i, 1);

		if (!tag)
			e->has_gap = true;
		else if (is_bucket ? (uint8_t)*tag >= GO_MIN_TOP_HASH : !(*tag & GO_EMPTY))
			add_entry(e, &l->parts[2 * i], &l->parts[2 * i + 1], at);
	}
}

/* all elements that a link led to; returns whether none is missing */
static struct typed_segment all(struct entries *e, const struct look *l, uint32_t link,
				struct typed_at at)
{
	struct typed_segment s = typed_follow(e->t, l, link, at);

	if (s.state != SEGMENT_THERE || s.n_elems < s.count)
		e->has_gap = true;
	if (s.state != SEGMENT_THERE || !s.size)
		s.n_elems = 0;
	return s;
}

static void add_buckets(struct entries *e, const struct look *l, struct typed_at at)
{
	struct typed_segment s = all(e, l, 0, at);
	uint64_t next;

	for (uint32_t i = 0; i < s.n_elems; i++) {
		const struct look *bucket = l->links[0].target;
		struct typed_at elem = typed_elem(&s, i);

		add_slots(e, bucket, elem, true);
		while (typed_number(&bucket->num[0], elem, &next) && next) {
			struct typed_segment more = typed_follow(e->t, bucket, 0, elem);

			if (more.state != SEGMENT_THERE || !more.size) {
				e->has_gap = true;
				break;
			}
			elem = typed_elem(&more, 0);
			add_slots(e, bucket, elem, true);
		}
	}
}

static void add_table(struct entries *e, const struct look *pointer, struct typed_at at)
{
	struct typed_segment table = all(e, pointer, 0, at);
	const struct look *l = pointer->n_links ? pointer->links[0].target : NULL;
	struct typed_segment groups;

	if (!table.n_elems || !l || l->kind != LOOK_GO_TABLE) {
		e->has_gap = true;
		return;
	}
	groups = all(e, l, 0, typed_elem(&table, 0));
	for (uint32_t i = 0; i < groups.n_elems; i++)
		add_slots(e, l->links[0].target, typed_elem(&groups, i), false);
}

static void add_groups(struct entries *e, const struct look *l, struct typed_at at)
{
	uint64_t n_tables, last = 0, addr;
	struct typed_segment s;

	if (!typed_number(&l->num[1], at, &n_tables)) {
		e->has_gap = true;
		return;
	}
	s = all(e, l, n_tables != 0, at);
	for (uint32_t i = 0; i < s.n_elems; i++) {
		struct typed_at elem = typed_elem(&s, i);

		if (!n_tables) {
			add_slots(e, l->links[0].target, elem, false);
			continue;
		}
		/* a table may stand in the directory several times, one after the other */
		memcpy(&addr, elem.elem, sizeof(addr));
		if (addr != last)
			add_table(e, l->links[1].target, elem);
		last = addr;
	}
}

static void put_entries(struct entries *e, uint64_t n)
{
	struct typed_list list;

	if (e->v.n > 1)
		qsort(e->v.v, e->v.n, sizeof(*e->v.v), compare_entries);
	list = typed_open(e->t, BRACKETS_MAP);
	vec_each(x, &e->v) {
		typed_pair(&list, x->key, x->at, x->val, x->at);
		strbuf_free(&x->text);
	}
	/* more than the map says there are: it was written to meanwhile, or grows */
	if (e->v.n < n || (e->has_gap && e->v.n != n)) {
		typed_next(&list);
		if (e->t->form == VALUE_JSON)
			strbuf_puts(e->t->out, "\"...\": ");
		typed_cut(e->t);
	}
	typed_close(&list);
	vec_free(&e->v);
}

void typed_put_go_map(struct typed *t, const struct look *l, struct typed_at at)
{
	struct typed_segment s = typed_follow(t, l, 0, at);
	struct entries e = { .t = t };
	const struct look *header;
	uint64_t addr, n, old = 0;

	if (!typed_number(&l->num[1], at, &addr)) {
		typed_cut(t);
		return;
	}
	if (addr && (s.state != SEGMENT_THERE || !s.size)) {
		typed_absent(t, &s, addr);
		return;
	}
	if (!addr) {
		put_entries(&e, 0);
		return;
	}
	header = l->links[0].target;
	at = typed_elem(&s, 0);
	if (!typed_number(&header->num[0], at, &n)) {
		typed_cut(t);
		return;
	}
	if (n && header->kind == LOOK_GO_GROUPS)
		add_groups(&e, header, at);
	else if (n && header->kind == LOOK_GO_BUCKETS)
		add_buckets(&e, header, at);
	/* while it grows, some entries still stand in the old buckets */
	if (header->kind == LOOK_GO_BUCKETS && typed_number(&header->num[1], at, &old) && old)
		e.has_gap = true;
	put_entries(&e, n);
}

/* ---- interfaces ---- */

static void put_place(struct typed *t, struct str name, uint64_t type, uint64_t data)
{
	STRBUF_AUTO text = { 0 };

	if (name.n)
		strbuf_printf(&text, "<%.*s at 0x%" PRIx64 ">", STR_ARG(name), data);
	else
		strbuf_printf(&text, "<type 0x%" PRIx64 " at 0x%" PRIx64 ">", type, data);
	if (t->form == VALUE_JSON)
		typed_text(t, strbuf_str(&text), false);
	else
		strbuf_add_str(t->out, strbuf_str(&text));
}

/* errors whose first field is their text */
static bool is_text_error(struct str name)
{
	static const char *const names[] = { "*errors.errorString", "*fmt.wrapError",
					     "*fmt.wrapErrors" };

	return STR_IS_ONE_OF(name, names);
}

/* numbers and strings, which the data word leads to; false: something else */
static bool put_plain(struct typed *t, uint8_t kind, const struct look *l, struct typed_at at)
{
	const char *p = typed_bytes(at, 0, 8);
	static const uint8_t sizes[] = {
		[GO_BOOL] = 1,    [GO_INT] = 8,    [GO_INT8] = 1,   [GO_INT16] = 2,
		[GO_INT32] = 4,   [GO_INT64] = 8,  [GO_UINT] = 8,   [GO_UINT8] = 1,
		[GO_UINT16] = 2,  [GO_UINT32] = 4, [GO_UINT64] = 8, [GO_UINTPTR] = 8,
		[GO_FLOAT32] = 4, [GO_FLOAT64] = 8
	};

	if (!p)
		return false;
	if (kind == GO_STRING)
		typed_put(t, l, at);
	else if (kind == GO_FLOAT32 || kind == GO_FLOAT64)
		number_put_float(t->form, LANG_GO, sizes[kind], p, t->out);
	else if (kind == GO_BOOL)
		strbuf_puts(t->out, *p ? "true" : "false");
	else if (kind >= GO_INT && kind <= GO_UINTPTR)
		value_put(t->env, t->form, type_int(sizes[kind], kind <= GO_INT64), p, t->out);
	else
		return false;
	return true;
}

/* of the types that have no package; the others' kinds are not in their names */
static uint8_t kind_by_name(struct str name)
{
	static const char *const names[] = {
		[GO_BOOL] = "bool",       [GO_INT] = "int",         [GO_INT8] = "int8",
		[GO_INT16] = "int16",     [GO_INT32] = "int32",     [GO_INT64] = "int64",
		[GO_UINT] = "uint",       [GO_UINT8] = "uint8",     [GO_UINT16] = "uint16",
		[GO_UINT32] = "uint32",   [GO_UINT64] = "uint64",   [GO_UINTPTR] = "uintptr",
		[GO_FLOAT32] = "float32", [GO_FLOAT64] = "float64", [GO_STRING] = "string"
	};

	for (uint8_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i] && str_is(name, names[i]))
			return i;
	return 0;
}

static bool kind_is_plain(uint8_t kind)
{
	return (kind >= GO_BOOL && kind <= GO_FLOAT64) || kind == GO_STRING;
}

static void put_named(struct typed *t, struct str name, uint8_t kind, const struct look *l,
		      struct typed_at at)
{
	STRBUF_AUTO text = { 0 };
	struct typed inner = *t;

	inner.form = VALUE_TEXT;
	inner.out = &text;
	strbuf_printf(&text, "%.*s(", STR_ARG(name));
	put_plain(&inner, kind, l, at);
	t->n_puts = inner.n_puts;
	strbuf_putc(&text, ')');
	if (t->form == VALUE_JSON)
		typed_text(t, strbuf_str(&text), false);
	else
		strbuf_add_str(t->out, strbuf_str(&text));
}

void typed_put_go_face(struct typed *t, const struct look *l, struct typed_at at)
{
	struct typed_segment itab = typed_follow(t, l, 0, at), data = typed_follow(t, l, 1, at);
	bool is_empty = l->count == 1, has_data;
	uint64_t type, addr;
	STRBUF_AUTO name = { 0 };
	uint8_t kind = 0;

	if (!typed_number(&l->num[0], at, &type) || !typed_number(&l->num[1], at, &addr)) {
		typed_cut(t);
		return;
	}
	if (!type) {
		strbuf_puts(t->out, t->form == VALUE_JSON ? "null" : "<nil>");
		return;
	}
	/* the type stands in the second word of the itab */
	if (!is_empty) {
		if (itab.state != SEGMENT_THERE || itab.size < 16) {
			typed_absent(t, &itab, type);
			return;
		}
		memcpy(&type, itab.bytes + 8, sizeof(type));
	}
	if (!t->env->go_type || !t->env->go_type(t->env->dynamic_arg, type, &name, &kind)) {
		put_place(t, STR_NULL, type, addr);
		return;
	}
	if (!kind)
		kind = kind_by_name(strbuf_str(&name));
	has_data = data.state == SEGMENT_THERE && data.size >= 16;
	/* a named number or string may have a method that fmt would call: syscall.Errno(2), not 2 */
	if (has_data && str_find_char(strbuf_str(&name), '.', 0) >= 0 && kind_is_plain(kind)) {
		put_named(t, strbuf_str(&name), kind, l->links[1].target, typed_elem(&data, 0));
		return;
	}
	if (has_data && put_plain(t, kind, l->links[1].target, typed_elem(&data, 0)))
		return;
	/* fmt calls Error() only where it may, else it prints pointers as such */
	if (t->is_hidden && name.n && name.p[0] == '*')
		strbuf_printf(t->out, t->form == VALUE_JSON ? "\"0x%" PRIx64 "\"" : "0x%" PRIx64,
			      addr);
	else if (has_data && is_text_error(strbuf_str(&name)))
		typed_put(t, l->links[1].target, typed_elem(&data, 0));
	else
		put_place(t, strbuf_str(&name), type, addr);
}
