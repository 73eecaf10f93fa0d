/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JSON strings and numbers; see json.h. The shape of objects is known where they are made, not here. */
#include "output/json.h"

#include <inttypes.h>

/* Unicode 15, table 3-7: no overlong forms, no surrogates, nothing above U+10FFFF */
size_t utf8_length(const uint8_t *p, size_t n)
{
	size_t len;
	uint8_t low = 0x80, high = 0xbf; /* limits of the second byte */

	if (n == 0)
		return 0;
	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	len = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	if (n < len || p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

static void put_escaped(struct strbuf *out, uint8_t c)
{
	switch (c) {
	case '"': strbuf_puts(out, "\\\""); break;
	case '\\': strbuf_puts(out, "\\\\"); break;
	case '\n': strbuf_puts(out, "\\n"); break;
	case '\r': strbuf_puts(out, "\\r"); break;
	case '\t': strbuf_puts(out, "\\t"); break;
	default:
		if (c < 0x20)
			strbuf_printf(out, "\\u%04x", c);
		else
			strbuf_putc(out, (char)c);
	}
}

void json_put_string(struct strbuf *out, struct str s)
{
	const uint8_t *p = (const uint8_t *)s.p;

	strbuf_putc(out, '"');
	for (size_t i = 0; i < s.n;) {
		size_t len = utf8_length(p + i, s.n - i);

		if (len == 1)
			put_escaped(out, p[i]);
		else if (len)
			strbuf_add(out, p + i, len);
		else
			strbuf_printf(out, "\\\\x%02x", p[i]);
		i += len ? len : 1;
	}
	strbuf_putc(out, '"');
}

/* whether a double holds v exactly: at most 53 significant bits */
static bool is_exact(uint64_t v)
{
	return v == 0 || v >> __builtin_ctzll(v) < 1ull << 53;
}

void json_put_u64(struct strbuf *out, uint64_t v)
{
	strbuf_printf(out, is_exact(v) ? "%" PRIu64 : "\"%" PRIu64 "\"", v);
}

void json_put_i64(struct strbuf *out, int64_t v)
{
	uint64_t magnitude = v < 0 ? -(uint64_t)v : (uint64_t)v;

	strbuf_printf(out, is_exact(magnitude) ? "%" PRId64 : "\"%" PRId64 "\"", v);
}
