/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text that a decoder keeps of foreign bytes: it grows on the heap up to a bound that the caller names, and counts what is not
 * kept. A zeroed one is empty; its owner calls proto_text_free.
 */
#ifndef SONDE_PROTO_TEXT_H
#define SONDE_PROTO_TEXT_H

#include "base/str.h"

struct proto_text {
	char *p;
	size_t n, room;
	uint64_t total; /* bytes that were added, kept or not */
};

void proto_text_free(struct proto_text *t);
static inline void proto_text_clear(struct proto_text *t)
{
	t->n = 0;
	t->total = 0;
}
/* at most `most` bytes are kept in all */
void proto_text_add(struct proto_text *t, const void *p, size_t n, size_t most);
static inline void proto_text_add_str(struct proto_text *t, struct str s, size_t most)
{
	proto_text_add(t, s.p, s.n, most);
}
static inline void proto_text_set(struct proto_text *t, struct str s, size_t most)
{
	proto_text_clear(t);
	proto_text_add(t, s.p, s.n, most);
}
static inline struct str proto_text_str(const struct proto_text *t)
{
	return str_make(t->p ? t->p : "", t->n);
}
/*
 * The next line of [*p, end), without its CR LF or LF; *p then stands behind it. False: it is not complete, what there is of it
 * was added to t. A line that was put together lies in t: the caller clears t when it is done with the line. Of a line longer
 * than most the first bytes are given.
 */
bool proto_line_take(struct proto_text *t, const uint8_t **p, const uint8_t *end, size_t most,
		     struct str *line);
/*
 * Bytes of a message of known length that is needed whole: collects until t has `want` bytes, true then. Takes no more of
 * [*p, end) than that.
 */
bool proto_text_fill(struct proto_text *t, const uint8_t **p, const uint8_t *end, uint64_t want,
		     size_t most);

/* big-endian numbers at p */
static inline uint32_t proto_be16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}
static inline uint32_t proto_be24(const uint8_t *p)
{
	return (uint32_t)p[0] << 16 | proto_be16(p + 1);
}
static inline uint32_t proto_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | proto_be24(p + 1);
}

/* digits only, the whole of s; false: it is no such number, or does not fit in 63 bits */
bool proto_decimal(struct str s, uint64_t *out);

/* from one point of time to another; -1 where one is not known or the clock says the impossible */
static inline int64_t proto_span(uint64_t from, uint64_t to)
{
	return from && to >= from ? (int64_t)(to - from) : -1;
}

#endif
