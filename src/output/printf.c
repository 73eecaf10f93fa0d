/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * printf with C's meaning of flags, width, precision and length. Integers go through the C library; everything else is
 * made as text first and then cut and padded here, so that %s takes any type.
 */
#include "output/printf.h"

#include "output/aggregate.h"
#include "output/gfp.h"

struct render {
	const struct value_env *env;
	const struct event_field *fields;
	uint32_t n_fields, next;
	const char *payload;
	struct strbuf *out;
};

struct argument {
	const struct type *type; /* NULL: there is none */
	const void *data;
};

static struct argument take(struct render *r)
{
	const struct event_field *f;

	if (r->next >= r->n_fields)
		return (struct argument){ 0 };
	f = &r->fields[r->next++];
	return (struct argument){ f->type, r->payload + f->offset };
}

/* any type that counts as a number; see format_conv_accepts */
static uint64_t argument_number(const struct argument *a)
{
	if (!a->type)
		return 0;
	if (type_is_aggregation(a->type))
		return aggregate_merge(a->type, a->data, 1).value;
	return value_load(a->type, a->data);
}

/* the value of a '*', within reason, because it comes from the traced program */
static int take_star(struct render *r)
{
	struct argument a = take(r);
	int64_t v = (int64_t)argument_number(&a);

	if (v > FORMAT_MAX_WIDTH)
		return FORMAT_MAX_WIDTH;
	return v < -FORMAT_MAX_WIDTH ? -FORMAT_MAX_WIDTH : (int)v;
}

static void put_padded(struct strbuf *out, const struct format_spec *s, struct str text)
{
	size_t width = (size_t)s->width;
	size_t pad = width > text.n ? width - text.n : 0;

	if (!s->left)
		strbuf_fill(out, ' ', pad);
	strbuf_add_str(out, text);
	if (s->left)
		strbuf_fill(out, ' ', pad);
}

static void put_integer(struct strbuf *out, const struct format_spec *s, uint64_t value)
{
	static const char letters[] = {
		[FORMAT_D] = 'd', [FORMAT_U] = 'u', [FORMAT_O] = 'o', [FORMAT_X] = 'x', [FORMAT_X_UPPER] = 'X'
	};
	bool is_signed = s->conv == FORMAT_D;
	char format[24];
	size_t n = 0;

	/* flags that mean nothing for unsigned conversions are left out: C calls them undefined */
	format[n++] = '%';
	if (s->left)
		format[n++] = '-';
	if (s->plus && is_signed)
		format[n++] = '+';
	if (s->space && is_signed)
		format[n++] = ' ';
	if (s->alternate && !is_signed && s->conv != FORMAT_U)
		format[n++] = '#';
	if (s->zero)
		format[n++] = '0';
	memcpy(format + n, "*.*ll", 5);
	format[n + 5] = letters[s->conv];
	format[n + 6] = '\0';
	if (is_signed)
		strbuf_printf(out, format, s->width, s->precision,
			      (long long)format_to_signed(s, value));
	else
		strbuf_printf(out, format, s->width, s->precision,
			      (unsigned long long)format_to_unsigned(s, value));
}

/* with width and precision, which need the text as a whole */
static void put_text(struct render *r, const struct format_spec *s, const struct argument *a)
{
	STRBUF_AUTO text = { 0 };
	struct str t;
	uint64_t v;

	if (s->conv == FORMAT_S && !s->width && s->precision < 0) {
		value_put(r->env, VALUE_TEXT, a->type, a->data, r->out);
		return;
	}
	switch (s->conv) {
	case FORMAT_C: strbuf_putc(&text, (char)argument_number(a)); break;
	case FORMAT_P: value_put_address(argument_number(a), &text); break;
	case FORMAT_GR:
		v = argument_number(a);
		gfp_put(v, &text);
		break;
	case FORMAT_R: value_put_buffer(r->env, a->type, a->data, BUFFER_ASCII, &text); break;
	case FORMAT_RX:
		value_put_buffer(r->env, a->type, a->data, BUFFER_HEX_ESCAPED, &text);
		break;
	case FORMAT_RH: value_put_buffer(r->env, a->type, a->data, BUFFER_HEX_SPACED, &text); break;
	case FORMAT_RD: value_put_buffer(r->env, a->type, a->data, BUFFER_DUMP, &text); break;
	case FORMAT_RZ: value_put_words(r->env, a->type, a->data, &text); break;
	default: value_put(r->env, VALUE_TEXT, a->type, a->data, &text);
	}
	t = strbuf_str(&text);
	if (s->precision >= 0 && s->conv == FORMAT_S)
		t = str_sub(t, 0, (size_t)s->precision);
	put_padded(r->out, s, t);
}

static void put_spec(struct render *r, const struct format_spec *spec)
{
	struct format_spec s = *spec;
	struct argument a;

	if (s.width_from_arg)
		s.width = take_star(r);
	if (s.prec_from_arg)
		s.precision = take_star(r);
	if (s.width < 0) {
		s.left = true;
		s.width = -s.width;
	}
	a = take(r);
	if (!a.type || !format_conv_accepts(s.conv, a.type)) {
		strbuf_puts(r->out, "<missing>");
		return;
	}
	switch (s.conv) {
	case FORMAT_D:
	case FORMAT_U:
	case FORMAT_O:
	case FORMAT_X:
	case FORMAT_X_UPPER: put_integer(r->out, &s, argument_number(&a)); break;
	default: put_text(r, &s, &a);
	}
}

void printf_render(const struct value_env *env, const struct format *f,
		   const struct event_field *fields, uint32_t n_fields, const char *payload,
		   struct strbuf *out)
{
	struct render r = { env, fields, n_fields, 0, payload, out };

	for (uint32_t i = 0; i < f->n_specs; i++) {
		strbuf_add_str(out, f->specs[i].literal);
		put_spec(&r, &f->specs[i]);
	}
	strbuf_add_str(out, f->tail);
}
