/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Values of integer literals. The lexer gives the whole run of letters, digits and '_' that begins with a digit;
 * here it is taken apart: prefix, digits, exponent, suffix. Nothing is rounded: what does not fit 64 bits is an error.
 */
#include "lang/lex.h"

struct suffix {
	const char *text;
	uint64_t max;    /* largest value before the factor; C's types bound it as in C headers */
	uint64_t factor; /* durations count nanoseconds */
};

static const struct suffix suffixes[] = {
	{ "", UINT64_MAX, 1 },
	{ "u", UINT32_MAX, 1 },
	{ "ul", UINT64_MAX, 1 },
	{ "ull", UINT64_MAX, 1 },
	{ "l", INT64_MAX, 1 },
	{ "ll", INT64_MAX, 1 },
	{ "lu", UINT64_MAX, 1 },
	{ "llu", UINT64_MAX, 1 },
	{ "ns", UINT64_MAX, 1 },
	{ "us", UINT64_MAX, 1000 },
	{ "ms", UINT64_MAX, 1000000 },
	{ "s", UINT64_MAX, 1000000000 },
	{ "m", UINT64_MAX, 60ULL * 1000000000 },
	{ "h", UINT64_MAX, 3600ULL * 1000000000 },
	{ "d", UINT64_MAX, 86400ULL * 1000000000 },
};

struct number {
	struct arena *a;
	struct str text;
	size_t pos;
	struct str *why;
};

static bool too_large(struct number *n)
{
	*n->why = arena_printf(n->a,
			       "number '%.*s' is too large: the largest is 18446744073709551615",
			       n->text.n > 60 ? 60 : (int)n->text.n, n->text.p);
	return false;
}

/* digits of the base with '_' between them */
static bool scan_digits(struct number *n, unsigned base, uint64_t *value)
{
	size_t start = n->pos;
	bool overflow = false;

	*value = 0;
	for (; n->pos < n->text.n; n->pos++) {
		char c = n->text.p[n->pos];
		unsigned d = str_digit_value(c);

		if (c == '_')
			continue;
		if (d >= base)
			break;
		overflow |= __builtin_mul_overflow(*value, (uint64_t)base, value);
		overflow |= __builtin_add_overflow(*value, (uint64_t)d, value);
	}
	if (n->pos == start || n->text.p[start] == '_') {
		*n->why = arena_printf(n->a, "digits expected in number '%.*s'", STR_ARG(n->text));
		return false;
	}
	if (n->text.p[n->pos - 1] == '_') {
		*n->why = arena_printf(n->a, "number '%.*s' ends its digits with '_'",
				       STR_ARG(n->text));
		return false;
	}
	return overflow ? too_large(n) : true;
}

static bool scan_exponent(struct number *n, uint64_t *value)
{
	uint64_t exponent;

	n->pos++; /* the e */
	if (!scan_digits(n, 10, &exponent))
		return false;
	if (*value == 0 || *value > 9) {
		*n->why = arena_printf(n->a, "the part before 'e' of number '%.*s' must be 1 to 9",
				       STR_ARG(n->text));
		return false;
	}
	for (; exponent; exponent--)
		if (__builtin_mul_overflow(*value, (uint64_t)10, value))
			return too_large(n);
	return true;
}

static bool apply_suffix(struct number *n, bool is_c, uint64_t *value)
{
	struct str rest = str_sub(n->text, n->pos, n->text.n);
	char low[4] = { 0 };

	if (rest.n <= 3) {
		for (size_t i = 0; i < rest.n; i++) {
			char c = rest.p[i];

			/* only the letters of C's suffixes may be capitals */
			low[i] = c == 'U' || c == 'L' ? (char)(c | 0x20) : c;
		}
		for (size_t i = 0; i < sizeof(suffixes) / sizeof(*suffixes); i++) {
			const struct suffix *s = &suffixes[i];

			if (strcmp(low, s->text))
				continue;
			if (*value > s->max / s->factor)
				return is_c && s->factor == 1 ? true : too_large(n);
			*value *= s->factor;
			return true;
		}
	}
	*n->why = arena_printf(n->a, "number '%.*s' has the unknown suffix '%.*s'",
			       n->text.n > 60 ? 60 : (int)n->text.n, n->text.p,
			       rest.n > 40 ? 40 : (int)rest.n, rest.p);
	return false;
}

bool lex_integer(struct arena *a, struct str text, bool is_c, uint64_t *value, struct str *why)
{
	struct number n = { a, text, 0, why };
	bool prefixed = text.n > 1 && text.p[0] == '0';

	*value = 0;
	if (prefixed && (text.p[1] == 'x' || text.p[1] == 'X')) {
		n.pos = 2;
		if (!scan_digits(&n, 16, value))
			return false;
	} else if (prefixed && lex_is_digit(text.p[1])) {
		if (!scan_digits(
			    &n, 8,
			    value)) /* the 0 in front counts as a digit, so that 08 is told below */
			return false;
		if (n.pos < text.n && lex_is_digit(text.p[n.pos])) {
			*why = arena_printf(
				a, "'%c' is no octal digit (a leading 0 makes '%.*s' octal)",
				text.p[n.pos], text.n > 60 ? 60 : (int)text.n, text.p);
			return false;
		}
	} else {
		if (!scan_digits(&n, 10, value))
			return false;
		if (n.pos < text.n && (text.p[n.pos] == 'e' || text.p[n.pos] == 'E') &&
		    !scan_exponent(&n, value))
			return false;
	}
	return apply_suffix(&n, is_c, value);
}
