/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A bounded reader over foreign bytes (little endian). A read past the end sets .bad, returns 0 and moves
 * nothing; check .bad once at the end of a group of reads.
 */
#ifndef SONDE_BASE_BYTES_H
#define SONDE_BASE_BYTES_H

#include "base/str.h"

struct bytes {
	const uint8_t *p;
	size_t n;   /* whole length */
	size_t pos; /* next byte to read, <= n */
	bool bad;
};

static inline struct bytes bytes_make(const void *p, size_t n)
{
	return (struct bytes){ p, n, 0, false };
}

static inline size_t bytes_left(const struct bytes *b)
{
	return b->n - b->pos;
}

static inline const uint8_t *bytes_take(struct bytes *b, size_t n)
{
	const uint8_t *p = b->p + b->pos;

	if (b->bad || n > bytes_left(b)) {
		b->bad = true;
		return NULL;
	}
	b->pos += n;
	return p;
}

/* unsigned integer of 1, 2, 4 or 8 bytes */
static inline uint64_t bytes_uint(struct bytes *b, size_t size)
{
	const uint8_t *p = bytes_take(b, size);
	uint64_t v = 0;

	if (p)
		memcpy(&v, p, size <= 8 ? size : 8);
	return v;
}

static inline uint8_t bytes_u8(struct bytes *b)
{
	return (uint8_t)bytes_uint(b, 1);
}
static inline uint16_t bytes_u16(struct bytes *b)
{
	return (uint16_t)bytes_uint(b, 2);
}
static inline uint32_t bytes_u32(struct bytes *b)
{
	return (uint32_t)bytes_uint(b, 4);
}
static inline uint64_t bytes_u64(struct bytes *b)
{
	return bytes_uint(b, 8);
}

/* unsigned LEB128 (DWARF 5, 7.6); bits above the 64th are dropped */
static inline uint64_t bytes_uleb(struct bytes *b)
{
	uint64_t v = 0;

	for (unsigned shift = 0;; shift += 7) {
		uint8_t byte = bytes_u8(b);

		if (shift < 64)
			v |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80) || b->bad)
			return v;
	}
}

/* signed LEB128: the last byte's second bit is the sign of all that is not written */
static inline int64_t bytes_sleb(struct bytes *b)
{
	uint64_t v = 0;

	for (unsigned shift = 0;; shift += 7) {
		uint8_t byte = bytes_u8(b);

		if (shift < 64)
			v |= (uint64_t)(byte & 0x7f) << shift;
		if (byte & 0x80 && !b->bad)
			continue;
		if (byte & 0x40 && shift + 7 < 64)
			v |= ~0ULL << (shift + 7);
		return (int64_t)v;
	}
}

/* a NUL-terminated string, without the NUL; bad when there is no NUL before the end */
static inline struct str bytes_cstr(struct bytes *b)
{
	const uint8_t *start = b->p + b->pos;
	const uint8_t *nul = b->bad || !bytes_left(b) ? NULL : memchr(start, 0, bytes_left(b));

	if (!nul) {
		b->bad = true;
		return STR_NULL;
	}
	b->pos += (size_t)(nul - start) + 1;
	return str_make((const char *)start, (size_t)(nul - start));
}

static inline void bytes_seek(struct bytes *b, size_t pos)
{
	if (pos > b->n)
		b->bad = true;
	else
		b->pos = pos;
}

static inline void bytes_align(struct bytes *b, size_t to)
{
	bytes_seek(b, (b->pos + to - 1) / to * to);
}

#endif
