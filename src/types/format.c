/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parser of printf formats and the rules which type goes under which conversion; see format.h. Rendering is
 * output's; nothing here prints.
 */
#include "types/format.h"

#include "base/strbuf.h"
#include "base/vec.h"

struct parse {
	struct arena *a;
	struct str text;
	struct format_error *err;
	VEC(struct format_spec) specs;
	struct strbuf literal; /* text since the last specification */
};

static bool fail(struct parse *p, uint32_t at, uint32_t n, const char *msg)
{
	*p->err = (struct format_error){ .at = at, .n = n, .arg = UINT32_MAX, .msg = str_from(msg) };
	return false;
}

static char peek(const struct parse *p, size_t pos)
{
	return pos < p->text.n ? p->text.p[pos] : '\0';
}

/* digits or '*' at *pos; false when the number is out of all reason */
static bool parse_number(struct parse *p, size_t *pos, int *value, bool *from_arg)
{
	size_t from = *pos;
	long n = 0;

	if (peek(p, *pos) == '*') {
		++*pos;
		*from_arg = true;
		return true;
	}
	for (char c = peek(p, *pos); c >= '0' && c <= '9'; c = peek(p, ++*pos)) {
		n = n * 10 + (c - '0');
		if (n > FORMAT_MAX_WIDTH)
			return fail(p, (uint32_t)from, (uint32_t)(*pos - from + 1),
				    "width or precision of the format is too large (at most 4096)");
	}
	if (*pos > from)
		*value = (int)n;
	return true;
}

static void parse_flags(const struct parse *p, size_t *pos, struct format_spec *s)
{
	for (;; ++*pos) {
		switch (peek(p, *pos)) {
		case '-': s->left = true; break;
		case '+': s->plus = true; break;
		case ' ': s->space = true; break;
		case '#': s->alternate = true; break;
		case '0': s->zero = true; break;
		default: return;
		}
	}
}

static enum format_length parse_length(const struct parse *p, size_t *pos)
{
	size_t from = *pos;
	struct str m;

	while (*pos < p->text.n && strchr("hlLjzt", peek(p, *pos)))
		++*pos;
	m = str_make(p->text.p + from, *pos - from);
	if (str_is(m, "hh"))
		return FORMAT_LEN_HH;
	if (str_is(m, "h"))
		return FORMAT_LEN_H;
	if (str_is(m, "ll") || (m.n == 1 && m.p[0] != 'h'))
		return FORMAT_LEN_64;
	return FORMAT_LEN_NONE; /* none, or a mixture that means nothing */
}

/* the two-letter conversions stand in front of the one-letter ones that begin them */
static const struct conv_name {
	const char *text;
	enum format_conv conv;
} conv_names[] = {
	{ "gr", FORMAT_GR },         { "rx", FORMAT_RX },         { "rh", FORMAT_RH },
	{ "rd", FORMAT_RD },
	{ "rz", FORMAT_RZ },         { "r", FORMAT_R },           { "d", FORMAT_D },
	{ "i", FORMAT_D },           { "u", FORMAT_U },           { "o", FORMAT_O },
	{ "x", FORMAT_X },           { "X", FORMAT_X_UPPER },     { "c", FORMAT_C },
	{ "s", FORMAT_S },           { "p", FORMAT_P },           { "e", FORMAT_UNSUPPORTED },
	{ "E", FORMAT_UNSUPPORTED }, { "f", FORMAT_UNSUPPORTED }, { "F", FORMAT_UNSUPPORTED },
	{ "g", FORMAT_UNSUPPORTED }, { "G", FORMAT_UNSUPPORTED }, { "a", FORMAT_UNSUPPORTED },
	{ "A", FORMAT_UNSUPPORTED }, { "n", FORMAT_UNSUPPORTED },
};

static bool parse_conv(const struct parse *p, size_t *pos, struct format_spec *s)
{
	struct str rest = str_sub(p->text, *pos, p->text.n);

	for (size_t i = 0; i < sizeof(conv_names) / sizeof(conv_names[0]); i++) {
		struct str name = str_from(conv_names[i].text);

		if (!str_starts(rest, name))
			continue;
		s->conv = conv_names[i].conv;
		s->conv_text = str_make(rest.p, name.n);
		*pos += name.n;
		return true;
	}
	return false;
}

/*
 * A specification at the '%' at *pos; *pos moves behind it. When there is none the '%' alone becomes text, so that
 * "100%" and "%y" print as they are.
 */
static bool parse_spec(struct parse *p, size_t *pos)
{
	struct format_spec s = { .at = (uint32_t)*pos, .precision = -1 };
	size_t q = *pos + 1;

	parse_flags(p, &q, &s);
	if (!parse_number(p, &q, &s.width, &s.width_from_arg))
		return false;
	if (peek(p, q) == '.') {
		q++;
		s.precision = 0;
		if (!parse_number(p, &q, &s.precision, &s.prec_from_arg))
			return false;
	}
	s.length = parse_length(p, &q);
	if (peek(p, q) == '%') {
		strbuf_putc(&p->literal, '%');
		*pos = q + 1;
		return true;
	}
	if (!parse_conv(p, &q, &s)) {
		strbuf_putc(&p->literal, '%');
		++*pos;
		return true;
	}
	s.n = (uint32_t)q - s.at;
	s.literal = arena_str(p->a, strbuf_str(&p->literal));
	strbuf_clear(&p->literal);
	vec_push(&p->specs, s);
	*pos = q;
	return true;
}

static bool parse_all(struct parse *p)
{
	size_t pos = 0;

	while (pos < p->text.n) {
		if (p->text.p[pos] == '%') {
			if (!parse_spec(p, &pos))
				return false;
			continue;
		}
		strbuf_putc(&p->literal, p->text.p[pos++]);
	}
	return true;
}

bool format_parse(struct arena *a, struct str text, struct format *out, struct format_error *err)
{
	struct parse p = { .a = a, .text = text, .err = err };
	bool ok;

	*out = (struct format){ 0 };
	ok = parse_all(&p);
	if (ok) {
		out->n_specs = (uint32_t)p.specs.n;
		out->specs = arena_array(a, struct format_spec, p.specs.n);
		out->tail = arena_str(a, strbuf_str(&p.literal));
		for (uint32_t i = 0; i < out->n_specs; i++) {
			out->specs[i] = p.specs.v[i];
			out->n_args += 1u + p.specs.v[i].width_from_arg +
				       p.specs.v[i].prec_from_arg;
		}
	}
	vec_free(&p.specs);
	strbuf_free(&p.literal);
	return ok;
}

bool format_conv_accepts(enum format_conv conv, const struct type *t)
{
	switch (t->kind) {
	case TYPE_NONE:
	case TYPE_VOID:
	case TYPE_FUNCTION: return false;
	case TYPE_BUFFER:
	case TYPE_BLOB:
		return conv == FORMAT_S || conv == FORMAT_R || conv == FORMAT_RX ||
		       conv == FORMAT_RH || conv == FORMAT_RD || conv == FORMAT_RZ;
	case TYPE_BOOL:
	case TYPE_INT:
	case TYPE_ENUM:
	case TYPE_POINTER:
	case TYPE_COUNT:
	case TYPE_SUM:
	case TYPE_MIN:
	case TYPE_MAX:
	case TYPE_AVG:
		return conv != FORMAT_R && conv != FORMAT_RX && conv != FORMAT_RH && conv != FORMAT_RD &&
		       conv != FORMAT_RZ && conv != FORMAT_UNSUPPORTED;
	default: return conv == FORMAT_S;
	}
}

static bool fail_arg(const struct format_spec *s, uint32_t arg, struct str msg,
		     struct format_error *err)
{
	*err = (struct format_error){ .at = s->at, .n = s->n, .arg = arg, .msg = msg };
	return false;
}

static bool check_star(struct arena *a, const struct format_spec *s, const struct type *t,
		       uint32_t arg, struct format_error *err)
{
	struct str spelled;

	if (t->kind == TYPE_INT || t->kind == TYPE_ENUM)
		return true;
	spelled = type_spelling(a, t);
	return fail_arg(s, arg,
			arena_printf(a, "'*' in the format needs an integer argument, not '%.*s'",
				     STR_ARG(spelled)),
			err);
}

static bool check_value(struct arena *a, const struct format_spec *s, const struct type *t,
			uint32_t arg, struct format_error *err)
{
	struct str spelled;

	if (t->kind == TYPE_NONE || t->kind == TYPE_VOID)
		return fail_arg(s, arg,
				arena_printf(a, "unable to print none type for specifier: %.*s",
					     STR_ARG(s->conv_text)),
				err);
	if (format_conv_accepts(s->conv, t))
		return true;
	spelled = type_spelling(a, t);
	return fail_arg(s, arg,
			arena_printf(a, "unsupported format specifier for type '%.*s': %.*s",
				     STR_ARG(spelled), STR_ARG(s->conv_text)),
			err);
}

bool format_check(struct arena *a, const struct format *f, const struct type *const *types,
		  uint32_t n_types, struct format_error *err)
{
	uint32_t arg = 0;

	if (n_types != f->n_args) {
		*err = (struct format_error){
			.arg = UINT32_MAX,
			.msg = arena_printf(
				a, "%s arguments for format string (%u supplied, %u expected)",
				n_types < f->n_args ? "not enough" : "too many", n_types, f->n_args),
		};
		return false;
	}
	for (uint32_t i = 0; i < f->n_specs; i++) {
		const struct format_spec *s = &f->specs[i];

		if (s->conv == FORMAT_UNSUPPORTED)
			return fail_arg(s, arg,
					arena_printf(a, "unsupported format specifier: %.*s",
						     STR_ARG(s->conv_text)),
					err);
		if (!types)
			continue;
		for (int stars = s->width_from_arg + s->prec_from_arg; stars > 0; stars--, arg++)
			if (!check_star(a, s, types[arg], arg, err))
				return false;
		if (!check_value(a, s, types[arg], arg, err))
			return false;
		arg++;
	}
	return true;
}

int64_t format_to_signed(const struct format_spec *s, uint64_t value)
{
	switch (s->length) {
	case FORMAT_LEN_HH: return (int8_t)value;
	case FORMAT_LEN_H: return (int16_t)value;
	case FORMAT_LEN_64: return (int64_t)value;
	default: return (int32_t)value;
	}
}

uint64_t format_to_unsigned(const struct format_spec *s, uint64_t value)
{
	switch (s->length) {
	case FORMAT_LEN_HH: return (uint8_t)value;
	case FORMAT_LEN_H: return (uint16_t)value;
	case FORMAT_LEN_64: return value;
	default: return (uint32_t)value;
	}
}
