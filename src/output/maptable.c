/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See maptable.h. What a cell says is value.c's business, the order of rows that of mapdump.c. */
#include "output/maptable.h"

static uint32_t n_parts(const struct type *key)
{
	if (!key)
		return 0;
	return key->kind == TYPE_TUPLE || key->kind == TYPE_RECORD ? key->n_fields : 1;
}

static bool has_lines(const struct type *t)
{
	switch (t->kind) {
	case TYPE_KSTACK:
	case TYPE_USTACK:
	case TYPE_HIST:
	case TYPE_LHIST:
	case TYPE_TSERIES: return true;
	default: return false;
	}
}

bool maptable_fits(struct str headings, const struct type *key, const struct type *value)
{
	uint32_t n = 0;

	while (headings.n)
		n += str_split(&headings, ' ').n > 0;
	if (!n || n > MAPTABLE_COLUMNS || has_lines(value))
		return false;
	/* one heading for a key of several parts: they share its column */
	if (n != n_parts(key) + (value->kind == TYPE_STATS ? 3 : 1) && (n != 2 || !n_parts(key)))
		return false;
	if (n_parts(key) < 2)
		return !key || !has_lines(key);
	for (uint32_t i = 0; i < key->n_fields; i++)
		if (has_lines(key->fields[i].type))
			return false;
	return true;
}

void maptable_end_cell(struct maptable *t, bool is_right)
{
	t->is_right[t->ends.n % t->n_columns] = is_right;
	vec_push(&t->ends, (uint32_t)t->text.n);
}

void maptable_begin(struct maptable *t, struct str headings)
{
	struct str rest = headings;

	while (rest.n)
		t->n_columns += str_split(&rest, ' ').n > 0;
	while (headings.n) {
		struct str word = str_split(&headings, ' ');

		if (!word.n)
			continue;
		strbuf_add_str(&t->text, word);
		maptable_end_cell(t, false);
	}
}

static bool is_number(const struct type *t)
{
	return t->kind == TYPE_INT;
}

void maptable_add_key(struct maptable *t, const struct value_env *env, const struct type *key,
		      const void *data)
{
	uint32_t n = n_parts(key);

	if (!n)
		return;
	if ((n == 1 && key->kind != TYPE_TUPLE && key->kind != TYPE_RECORD) ||
	    (n > 1 && t->n_columns == 2)) {
		value_put_key(env, VALUE_TEXT, key, data, &t->text);
		maptable_end_cell(t, is_number(key));
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		const struct type_field *f = &key->fields[i];

		value_put(env, VALUE_TEXT, f->type, (const char *)data + f->offset, &t->text);
		maptable_end_cell(t, is_number(f->type));
	}
}

static struct str cell(const struct maptable *t, size_t i)
{
	uint32_t start = i ? t->ends.v[i - 1] : 0;

	return str_make(t->text.p + start, t->ends.v[i] - start);
}

void maptable_put(const struct maptable *t, struct strbuf *out)
{
	size_t width[MAPTABLE_COLUMNS] = { 0 };

	for (size_t i = 0; i < t->ends.n; i++)
		if (cell(t, i).n > width[i % t->n_columns])
			width[i % t->n_columns] = cell(t, i).n;
	for (size_t i = 0; i < t->ends.n; i++) {
		struct str text = cell(t, i);
		uint32_t column = (uint32_t)(i % t->n_columns);
		bool is_last = column + 1 == t->n_columns;

		if (t->is_right[column])
			strbuf_fill(out, ' ', width[column] - text.n);
		strbuf_add_str(out, text);
		if (!t->is_right[column] && !is_last)
			strbuf_fill(out, ' ', width[column] - text.n);
		strbuf_putc(out, is_last ? '\n' : ' ');
	}
}

void maptable_free(struct maptable *t)
{
	strbuf_free(&t->text);
	vec_free(&t->ends);
}
