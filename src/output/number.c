/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Floats, wide integers and characters as text; see number.h. Shortest digits are found by trying: the first precision whose
 * text reads back as the same number. printf rounds correctly, so among texts of that length it is the nearest.
 */
#include "output/number.h"

#include "output/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_DIGITS = 24 };

/* a number as digits d.ddd times ten to the exponent */
struct digits {
	char d[MAX_DIGITS + 1];
	int n, exponent;
	bool is_negative;
};

static bool reads_back(const char *text, long double v, uint32_t size)
{
	if (size == 4)
		return strtof(text, NULL) == (float)v;
	return size == 8 ? strtod(text, NULL) == (double)v : strtold(text, NULL) == v;
}

static void find_digits(long double v, uint32_t size, struct digits *out)
{
	char text[64];
	const char *e;

	for (int precision = 0; precision < 21; precision++) {
		snprintf(text, sizeof(text), "%.*Le", precision, v);
		if (reads_back(text, v, size))
			break;
	}
	*out = (struct digits){ .is_negative = text[0] == '-' };
	e = strchr(text, 'e');
	out->exponent = e ? atoi(e + 1) : 0;
	for (const char *p = text; p < (e ? e : text) && out->n < MAX_DIGITS; p++)
		if (*p >= '0' && *p <= '9')
			out->d[out->n++] = *p;
	/* 1e2 may be found as 1.00e2 by no precision, but zeros at the end say nothing anyway */
	while (out->n > 1 && out->d[out->n - 1] == '0')
		out->n--;
}

static void put_scientific(const struct digits *n, const char *exponent_form, struct strbuf *out)
{
	strbuf_putc(out, n->d[0]);
	if (n->n > 1) {
		strbuf_putc(out, '.');
		strbuf_add(out, n->d + 1, (size_t)n->n - 1);
	}
	if (exponent_form)
		strbuf_printf(out, "e%c%02d", n->exponent < 0 ? '-' : '+', abs(n->exponent));
	else
		strbuf_printf(out, "e%d", n->exponent);
}

static void put_decimal(const struct digits *n, bool with_point, struct strbuf *out)
{
	int i = 0;

	if (n->exponent < 0) {
		strbuf_puts(out, "0.");
		strbuf_fill(out, '0', (size_t)(-n->exponent - 1));
		strbuf_add(out, n->d, (size_t)n->n);
		return;
	}
	for (; i <= n->exponent; i++)
		strbuf_putc(out, i < n->n ? n->d[i] : '0');
	if (i < n->n) {
		strbuf_putc(out, '.');
		strbuf_add(out, n->d + i, (size_t)(n->n - i));
	} else if (with_point) {
		strbuf_puts(out, ".0");
	}
}

/* what the language calls it */
static void put_not_finite(enum value_form form, enum type_lang lang, long double v,
			   struct strbuf *out)
{
	const char *text = "NaN";

	if (isnan(v))
		text = lang == LANG_RUST || lang == LANG_GO || form == VALUE_JSON ? "NaN" : "nan";
	else if (lang == LANG_GO)
		text = v < 0 ? "-Inf" : "+Inf";
	else
		text = v < 0 ? "-inf" : "inf";
	strbuf_printf(out, form == VALUE_JSON ? "\"%s\"" : "%s", text);
}

void number_put_float(enum value_form form, enum type_lang lang, uint32_t size, const void *data,
		      struct strbuf *out)
{
	long double v = 0;
	double d;
	float f;
	struct digits n;
	bool is_rust = lang == LANG_RUST;

	if (size == 4) {
		memcpy(&f, data, sizeof(f));
		v = f;
	} else if (size == 8) {
		memcpy(&d, data, sizeof(d));
		v = d;
	} else {
		memcpy(&v, data, 10);
	}
	if (!isfinite(v)) {
		put_not_finite(form, lang, v, out);
		return;
	}
	find_digits(v, size, &n);
	if (n.is_negative)
		strbuf_putc(out, '-');
	/* where each language goes over to exponents: Go from 1e+06, Rust from 1e16, C like %.17g */
	if (v != 0 && (n.exponent < -4 || n.exponent >= (lang == LANG_GO ? 6 : is_rust ? 16 : 17)))
		put_scientific(&n, is_rust ? NULL : "00", out);
	else
		put_decimal(&n, is_rust && form != VALUE_JSON, out);
}

void number_put_wide(enum value_form form, bool is_signed, const void *data, struct strbuf *out)
{
	unsigned __int128 v;
	char text[48];
	size_t at = sizeof(text);
	bool is_negative;

	memcpy(&v, data, sizeof(v));
	is_negative = is_signed && (v >> 127);
	if (is_negative)
		v = -v;
	do {
		text[--at] = (char)('0' + (int)(v % 10));
		v /= 10;
	} while (v);
	if (is_negative)
		text[--at] = '-';
	if (form == VALUE_JSON)
		json_put_string(out, str_make(text + at, sizeof(text) - at));
	else
		strbuf_add(out, text + at, sizeof(text) - at);
}

/* UTF-8 of a code point; what is none becomes U+FFFD */
static void number_put_utf8(uint32_t c, struct strbuf *out)
{
	if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		c = 0xfffd;
	if (c < 0x80) {
		strbuf_putc(out, (char)c);
	} else if (c < 0x800) {
		strbuf_putc(out, (char)(0xc0 | c >> 6));
		strbuf_putc(out, (char)(0x80 | (c & 0x3f)));
	} else if (c < 0x10000) {
		strbuf_putc(out, (char)(0xe0 | c >> 12));
		strbuf_putc(out, (char)(0x80 | (c >> 6 & 0x3f)));
		strbuf_putc(out, (char)(0x80 | (c & 0x3f)));
	} else {
		strbuf_putc(out, (char)(0xf0 | c >> 18));
		strbuf_putc(out, (char)(0x80 | (c >> 12 & 0x3f)));
		strbuf_putc(out, (char)(0x80 | (c >> 6 & 0x3f)));
		strbuf_putc(out, (char)(0x80 | (c & 0x3f)));
	}
}

bool number_is_unprintable(uint32_t c)
{
	/* controls, separators, formats, combining marks, surrogates, private use: the common blocks of each */
	static const struct {
		uint32_t from, to;
	} ranges[] = {
		{ 0, 0x1f },          { 0x7f, 0xa0 },
		{ 0xad, 0xad },       { 0x300, 0x36f },
		{ 0x483, 0x489 },     { 0x591, 0x5bd },
		{ 0x610, 0x61a },     { 0x64b, 0x65f },
		{ 0x20d0, 0x20f0 },   { 0x302a, 0x302f },
		{ 0x3099, 0x309a },   { 0xfe00, 0xfe0f },
		{ 0xfe20, 0xfe2f },   { 0xe0100, 0xe01ef },
		{ 0x600, 0x605 },     { 0x61c, 0x61c },
		{ 0x1680, 0x1680 },   { 0x180e, 0x180e },
		{ 0x2000, 0x200f },   { 0x2028, 0x202f },
		{ 0x205f, 0x206f },   { 0x3000, 0x3000 },
		{ 0xd800, 0xf8ff },   { 0xfeff, 0xfeff },
		{ 0xfff0, 0xfffb },   { 0xfffe, 0xffff },
		{ 0xe0000, 0xe00ff }, { 0xe01f0, UINT32_MAX },
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (c >= ranges[i].from && c <= ranges[i].to)
			return true;
	return false;
}

void number_put_char(enum value_form form, uint32_t c, struct strbuf *out)
{
	STRBUF_AUTO text = { 0 };

	if (form == VALUE_JSON) {
		number_put_utf8(c, &text);
		json_put_string(out, strbuf_str(&text));
		return;
	}
	strbuf_putc(out, '\'');
	switch (c) {
	case 0: strbuf_puts(out, "\\0"); break;
	case '\t': strbuf_puts(out, "\\t"); break;
	case '\n': strbuf_puts(out, "\\n"); break;
	case '\r': strbuf_puts(out, "\\r"); break;
	case '\'': strbuf_puts(out, "\\'"); break;
	case '\\': strbuf_puts(out, "\\\\"); break;
	default:
		if (c != ' ' && number_is_unprintable(c))
			strbuf_printf(out, "\\u{%" PRIx32 "}", c);
		else
			number_put_utf8(c, out);
	}
	strbuf_putc(out, '\'');
}
