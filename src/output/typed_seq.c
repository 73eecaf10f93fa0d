/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text and sequences of captured values, and the brackets of all that holds elements: see typed_private.h. A length is what the
 * program's own bytes say; elements are printed as far as they were captured, and "..." stands for the rest.
 */
#include "output/typed_private.h"

#include "output/json.h"

#include <inttypes.h>

/* ---- brackets ---- */

struct brackets {
	const char *open, *next, *close;
};

static const struct brackets *brackets_of(const struct typed *t, enum typed_brackets kind)
{
	static const struct brackets rust[] = {
		{ "[", ", ", "]" }, { "{", ", ", "}" }, { "{", ", ", "}" }, { "(", ", ", ")" }
	};
	static const struct brackets go[] = {
		{ "[", " ", "]" }, { "[", " ", "]" }, { "map[", " ", "]" }, { "{", " ", "}" }
	};
	static const struct brackets c[] = {
		{ "[", ",", "]" }, { "{", ",", "}" }, { "{", ",", "}" }, { "(", ",", ")" }
	};
	static const struct brackets json[] = {
		{ "[", ",", "]" }, { "[", ",", "]" }, { "{", ", ", "}" }, { "[", ",", "]" }
	};

	if (t->form == VALUE_JSON)
		return &json[kind];
	return t->lang == LANG_RUST ? &rust[kind] : t->lang == LANG_GO ? &go[kind] : &c[kind];
}

struct typed_list typed_open(struct typed *t, enum typed_brackets kind)
{
	const struct brackets *b = brackets_of(t, kind);

	t->is_top = false;
	strbuf_puts(t->out, b->open);
	return (struct typed_list){ .t = t, .next = b->next, .close = b->close };
}

void typed_next(struct typed_list *l)
{
	if (l->n++)
		strbuf_puts(l->t->out, l->next);
}

void typed_close(struct typed_list *l)
{
	strbuf_puts(l->t->out, l->close);
}

/* names of JSON's objects are strings, whatever the key is */
static void put_json_key(struct typed *t, const struct look *l, struct typed_at at)
{
	STRBUF_AUTO text = { 0 };
	struct typed inner = *t;

	inner.form = VALUE_TEXT;
	inner.is_plain = true;
	inner.is_top = true;
	inner.out = &text;
	typed_put(&inner, l, at);
	t->n_puts = inner.n_puts;
	json_put_string(t->out, strbuf_str(&text));
}

void typed_pair(struct typed_list *list, const struct look *key, struct typed_at key_at,
		const struct look *val, struct typed_at val_at)
{
	struct typed *t = list->t;

	typed_next(list);
	if (t->form == VALUE_JSON)
		put_json_key(t, key, key_at);
	else
		typed_put(t, key, key_at);
	strbuf_puts(t->out, t->form == VALUE_JSON || t->lang == LANG_RUST ? ": " : ":");
	typed_put(t, val, val_at);
}

/* ---- text ---- */

static void put_text(struct typed *t, const struct look *l, struct typed_at at)
{
	struct typed_segment s = typed_follow(t, l, 0, at);
	uint64_t n, addr = 0, got;

	if (!typed_number(&l->num[0], at, &n)) {
		typed_cut(t);
		return;
	}
	typed_number(&l->num[1], at, &addr);
	if (!n) {
		typed_text(t, STR(""), false);
	} else if (s.state != SEGMENT_THERE) {
		typed_absent(t, &s, addr);
	} else {
		got = s.n_elems < n ? s.n_elems : n;
		typed_text(t, str_make(s.bytes, (size_t)got), got < n);
	}
}

static void put_sso(struct typed *t, const struct look *l, struct typed_at at)
{
	uint64_t is_long, n;
	const char *p;

	if (!typed_number(&l->num[2], at, &is_long) || !typed_number(&l->num[3], at, &n)) {
		typed_cut(t);
	} else if (is_long) {
		put_text(t, l, at);
	} else {
		p = typed_bytes(at, l->short_offset, (uint32_t)n);
		if (p)
			typed_text(t, str_make(p, (size_t)n), false);
		else
			typed_cut(t);
	}
}

/* ---- sequences ---- */

static void put_elements(struct typed *t, const struct look *l, struct typed_at at)
{
	struct typed_segment s = typed_follow(t, l, 0, at);
	struct typed_list list;
	uint64_t n, addr = 0;

	if (!typed_number(&l->num[0], at, &n)) {
		typed_cut(t);
		return;
	}
	typed_number(&l->num[1], at, &addr);
	list = typed_open(t, BRACKETS_SEQ);
	for (uint64_t i = 0; i < n; i++) {
		typed_next(&list);
		if (s.state != SEGMENT_THERE || i >= s.n_elems || i >= CAPTURE_MAX_ELEMENTS) {
			typed_absent(t, &s, addr);
			break;
		}
		typed_put(t, l->links[0].target, typed_elem(&s, (uint32_t)i));
	}
	typed_close(&list);
}

/* elements from head on, from the buffer's start again behind its end */
static void put_ring(struct typed *t, const struct look *l, struct typed_at at)
{
	struct typed_segment s = typed_follow(t, l, 0, at);
	struct typed_list list;
	uint64_t n, addr = 0, head, cap;

	if (!typed_number(&l->num[0], at, &n) || !typed_number(&l->num[2], at, &head) ||
	    !typed_number(&l->num[3], at, &cap)) {
		typed_cut(t);
		return;
	}
	typed_number(&l->num[1], at, &addr);
	list = typed_open(t, BRACKETS_SEQ);
	for (uint64_t i = 0; i < n; i++) {
		uint64_t k = cap && s.size ? (head % cap + i) % cap : 0;

		typed_next(&list);
		if (s.state != SEGMENT_THERE || k >= s.n_elems || i >= CAPTURE_MAX_ELEMENTS) {
			typed_absent(t, &s, addr);
			break;
		}
		typed_put(t, l->links[0].target, typed_elem(&s, (uint32_t)k));
	}
	typed_close(&list);
}

/* the element at a place in the blocks; false: not captured */
static bool put_in_block(struct typed *t, const struct look *l, const struct typed_segment *blocks,
			 uint64_t block, uint32_t index)
{
	const struct look *pointer = l->links[0].target;
	struct typed_segment s;

	if (blocks->state != SEGMENT_THERE || block >= blocks->n_elems)
		return false;
	s = typed_follow(t, pointer, 0, typed_elem(blocks, (uint32_t)block));
	if (s.state != SEGMENT_THERE || index >= s.n_elems)
		return false;
	typed_put(t, pointer->links[0].target, typed_elem(&s, index));
	return true;
}

static void put_deque(struct typed *t, const struct look *l, struct typed_at at)
{
	struct typed_segment blocks = typed_follow(t, l, 0, at);
	struct typed_list list;
	uint64_t first, last, between, n;

	if (!l->count || !typed_number(&l->num[1], at, &first) ||
	    !typed_number(&l->num[2], at, &last) || !typed_number(&l->num[3], at, &between)) {
		typed_cut(t);
		return;
	}
	n = between * l->count + last - first;
	list = typed_open(t, BRACKETS_SEQ);
	for (uint64_t i = 0; i < n && first < l->count; i++) {
		uint64_t k = first + i;

		typed_next(&list);
		if (i >= CAPTURE_MAX_ELEMENTS ||
		    !put_in_block(t, l, &blocks, k / l->count, (uint32_t)(k % l->count))) {
			typed_cut(t);
			break;
		}
	}
	typed_close(&list);
}

static void put_bools(struct typed *t, const struct look *l, struct typed_at at)
{
	struct typed_segment s = typed_follow(t, l, 0, at);
	struct typed_list list;
	uint64_t n, more, addr = 0;

	if (!typed_number(&l->num[0], at, &n)) {
		typed_cut(t);
		return;
	}
	if (typed_number(&l->num[2], at, &more))
		n = n * 64 + more;
	typed_number(&l->num[1], at, &addr);
	list = typed_open(t, BRACKETS_SEQ);
	for (uint64_t i = 0; i < n; i++) {
		uint64_t word;

		typed_next(&list);
		if (s.state != SEGMENT_THERE || i / 64 >= s.n_elems || i >= CAPTURE_MAX_ELEMENTS) {
			typed_absent(t, &s, addr);
			break;
		}
		memcpy(&word, typed_elem(&s, (uint32_t)(i / 64)).elem, sizeof(word));
		strbuf_puts(t->out, word >> (i % 64) & 1 ? "true" : "false");
	}
	typed_close(&list);
}

void typed_put_sequence(struct typed *t, const struct look *l, struct typed_at at)
{
	struct typed_list list;
	uint64_t n;

	switch (l->kind) {
	case LOOK_TEXT: put_text(t, l, at); break;
	case LOOK_SSO: put_sso(t, l, at); break;
	case LOOK_RING: put_ring(t, l, at); break;
	case LOOK_DEQUE: put_deque(t, l, at); break;
	case LOOK_BOOLS: put_bools(t, l, at); break;
	case LOOK_OPAQUE:
		list = typed_open(t, BRACKETS_SEQ);
		if (!typed_number(&l->num[0], at, &n) || n)
			typed_cut(t);
		typed_close(&list);
		break;
	default: put_elements(t, l, at);
	}
}
