/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See heading.h. Which event is a heading is the caller's business; here are words and values only. */
#include "output/heading.h"

#include "output/json.h"
#include "output/printf.h"

/* "LAT(us)" is the field lat_us */
static void add_name(struct heading *h, struct str word)
{
	size_t start = h->text.n;

	for (size_t i = 0; i < word.n; i++) {
		char c = word.p[i];

		if (c >= 'A' && c <= 'Z')
			strbuf_putc(&h->text, (char)(c | 0x20));
		else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
			strbuf_putc(&h->text, c);
		else if (h->text.n > start && h->text.p[h->text.n - 1] != '_')
			strbuf_putc(&h->text, '_');
	}
	while (h->text.n > start && h->text.p[h->text.n - 1] == '_')
		h->text.n--;
	/* the buffer may move as it grows: pointers are set at the end */
	h->names[h->n++] = str_make(NULL, h->text.n - start);
}

void heading_set(struct heading *h, struct str text)
{
	struct str rest = text, line;
	const char *p;

	line = str_trim(str_split(&rest, '\n'));
	if (str_find_char(line, ' ', 0) < 0 || str_trim(rest).n)
		return;
	strbuf_clear(&h->text);
	h->n = 0;
	while (line.n) {
		struct str word = str_split(&line, ' ');

		if (!word.n)
			continue;
		if (h->n == HEADING_MAX) {
			h->n = 0;
			return;
		}
		add_name(h, word);
	}
	p = h->text.p;
	for (uint32_t i = 0; i < h->n; i++) {
		h->names[i].p = p;
		p += h->names[i].n;
	}
}

void heading_free(struct heading *h)
{
	strbuf_free(&h->text);
}

static bool is_number(enum format_conv conv)
{
	return conv == FORMAT_D || conv == FORMAT_U || conv == FORMAT_X || conv == FORMAT_X_UPPER ||
	       conv == FORMAT_O;
}

static void put_words(const struct value_env *env, const struct event_field *f, const char *payload,
		      struct strbuf *out)
{
	STRBUF_AUTO text = { 0 };

	value_put_words(env, f->type, payload + f->offset, &text);
	json_put_string(out, strbuf_str(&text));
}

/* an enumerator that the line shows by its name */
static void put_name(const struct value_env *env, const struct event_field *f, const char *payload,
		     struct strbuf *out)
{
	STRBUF_AUTO name = { 0 };

	value_put(env, VALUE_TEXT, f->type, payload + f->offset, &name);
	json_put_string(out, strbuf_str(&name));
}

static void put_value(const struct value_env *env, const struct format_spec *s,
		      const struct event_field *f, const char *payload, struct strbuf *out)
{
	bool is_plain = f->type->kind == TYPE_INT || f->type->kind == TYPE_BOOL;

	if (is_number(s->conv) && is_plain && s->conv == FORMAT_D)
		json_put_i64(out, format_to_signed(s, value_load(f->type, payload + f->offset)));
	else if (is_number(s->conv) && is_plain)
		json_put_u64(out, format_to_unsigned(s, value_load(f->type, payload + f->offset)));
	else if (s->conv == FORMAT_RZ)
		put_words(env, f, payload, out);
	else if (s->conv == FORMAT_S && f->type->kind == TYPE_ENUM)
		put_name(env, f, payload, out);
	else
		value_put(env, VALUE_JSON, f->type, payload + f->offset, out);
}

/* "%d.%03d": one number in two parts */
static bool is_fraction(const struct format *f, uint32_t i)
{
	const struct format_spec *s = &f->specs[i];

	return i && str_is(s->literal, ".") && s->zero && s->width && is_number(s->conv) &&
	       is_number(f->specs[i - 1].conv);
}

static uint32_t count_columns(const struct format *f)
{
	uint32_t n = f->n_specs;

	for (uint32_t i = 0; i < f->n_specs; i++)
		n -= is_fraction(f, i);
	return n;
}

static bool has_message(const struct heading *h)
{
	return h->n && str_is(h->names[h->n - 1], "message");
}

/* index of the specification with which column n begins; n_specs: there is none */
static uint32_t column_start(const struct format *f, uint32_t n)
{
	uint32_t i = 0;

	for (; i < f->n_specs; i++)
		if (!is_fraction(f, i) && !n--)
			return i;
	return i;
}

static void render_message(const struct heading *h, const struct value_env *env,
			   const struct format *f, const struct event_layout *l,
			   const char *payload, struct strbuf *out)
{
	uint32_t from = column_start(f, h->n - 1);
	struct format rest = { f->specs + from, f->n_specs - from, f->tail, f->n_args - from };

	printf_render(env, &rest, l->fields + from, l->n_fields - from, payload, out);
}

bool heading_message_has(const struct heading *h, const struct value_env *env,
			 const struct format *f, const struct event_layout *l, const char *payload,
			 struct str text)
{
	STRBUF_AUTO message = { 0 };

	if (has_message(h) && l->n_fields >= column_start(f, h->n - 1))
		render_message(h, env, f, l, payload, &message);
	else
		printf_render(env, f, l->fields, l->n_fields, payload, &message);
	return str_find(strbuf_str(&message), text) >= 0;
}

static void put_message(const struct heading *h, const struct value_env *env,
			const struct format *f, const struct event_layout *l, const char *payload,
			struct strbuf *out)
{
	STRBUF_AUTO message = { 0 };
	struct str text;

	render_message(h, env, f, l, payload, &message);
	strbuf_puts(out, ", \"message\": ");
	/* the blank behind the last column and the end of the line are the table's */
	text = strbuf_str(&message);
	text = str_sub(text, text.n && text.p[0] == ' ',
		       text.n - (text.n && text.p[text.n - 1] == '\n'));
	json_put_string(out, text);
}

void heading_put_fields(const struct heading *h, const struct value_env *env,
			const struct format *f, const struct event_layout *l, const char *payload,
			struct strbuf *out)
{
	bool is_open = has_message(h);
	uint32_t column = 0, n = h->n - is_open, last = column_start(f, n);

	/* a '*' takes a value that is no column */
	if (!h->n || l->n_fields < last || count_columns(f) < n)
		return;
	if (!is_open && (l->n_fields != f->n_specs || count_columns(f) != n))
		return;
	strbuf_puts(out, ", \"fields\": {");
	for (uint32_t i = 0; i < last; i++) {
		const struct event_field *field = &l->fields[i];

		if (is_fraction(f, i)) {
			strbuf_printf(out, ".%0*llu", f->specs[i].width,
				      (unsigned long long)value_load(field->type,
								     payload + field->offset));
			continue;
		}
		strbuf_puts(out, column ? ", " : "");
		json_put_string(out, h->names[column++]);
		strbuf_puts(out, ": ");
		put_value(env, &f->specs[i], field, payload, out);
	}
	if (is_open)
		put_message(h, env, f, l, payload, out);
	strbuf_putc(out, '}');
}
