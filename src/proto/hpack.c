/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HPACK (RFC 7541) over nghttp2's inflater, for connections whose beginning may not have been seen.
 *
 * The dynamic table numbers its entries from the newest on. So after an attach in the middle (an empty table here, a filled
 * one there) references to what was added since are right, and those beyond our table are to what we never saw: they are
 * found before the inflater sees them and reported as unknown. An entry whose name is such a reference is added under the name
 * "?", so that the numbers stay in step; later references to it are unknown, too. Tables of different size do no harm: the
 * newest entries are the same, and an entry that is too large empties both what it would have followed and what we keep
 * behind it is never referred to again.
 */
#include "proto/http_private.h"

#include <nghttp2/nghttp2.h>
#include <stdlib.h>

/* RFC 7541, 6.1 to 6.3: kinds of fields by their first bits */
#define INDEXED 0x80
#define LITERAL_ADDED 0x40
#define SIZE_UPDATE 0x20

/* a larger table than this is kept as one of this size */
#define MAX_TABLE 65536

struct hpack {
	nghttp2_hd_inflater *inflater;
};

struct hpack *hpack_new(void)
{
	struct hpack *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	if (nghttp2_hd_inflate_new(&h->inflater) != 0) {
		free(h);
		return NULL;
	}
	nghttp2_hd_inflate_change_table_size(h->inflater, MAX_TABLE);
	return h;
}

void hpack_free(struct hpack *h)
{
	if (h)
		nghttp2_hd_inflate_del(h->inflater);
	free(h);
}

/* a number with a prefix of so many bits (5.1); false: it does not end, or is absurd */
static bool take_number(const uint8_t **p, const uint8_t *end, unsigned bits, uint64_t *out)
{
	uint64_t most = (1u << bits) - 1, v;

	if (*p == end)
		return false;
	v = *(*p)++ & most;
	for (unsigned shift = 0; v >= most && shift < 28; shift += 7) {
		uint8_t byte;

		if (*p == end)
			return false;
		byte = *(*p)++;
		v += (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*out = v;
			return true;
		}
	}
	*out = v;
	return v < most;
}

static bool skip_string(const uint8_t **p, const uint8_t *end)
{
	uint64_t n;

	if (!take_number(p, end, 7, &n) || n > (uint64_t)(end - *p))
		return false;
	*p += n;
	return true;
}

/* bytes of whole fields into the inflater; what it emits goes to cb */
static bool inflate(struct hpack *h, const uint8_t *p, size_t n, bool is_final, hpack_field_cb cb,
		    void *arg)
{
	for (;;) {
		nghttp2_nv nv;
		int flags = 0;
		ssize_t used = nghttp2_hd_inflate_hd2(h->inflater, &nv, &flags, p, n, is_final);

		if (used < 0)
			return false;
		p += used;
		n -= (size_t)used;
		if (flags & NGHTTP2_HD_INFLATE_EMIT) {
			struct str name = str_make((const char *)nv.name, nv.namelen);

			cb(arg, !str_is(name, "?"), name,
			   str_make((const char *)nv.value, nv.valuelen));
		}
		if (flags & NGHTTP2_HD_INFLATE_FINAL) {
			nghttp2_hd_inflate_end_headers(h->inflater);
			return true;
		}
		if (n == 0 && !(flags & NGHTTP2_HD_INFLATE_EMIT))
			return !is_final;
	}
}

/* a field that refers to an entry which this table does not have */
static bool take_unknown(struct hpack *h, const uint8_t *from, const uint8_t *value,
			 const uint8_t *end, hpack_field_cb cb, void *arg)
{
	static const uint8_t name[] = { LITERAL_ADDED, 1, '?' };

	if (!(*from & INDEXED) && *from & LITERAL_ADDED)
		return inflate(h, name, sizeof(name), false, cb, arg) &&
		       inflate(h, value, (size_t)(end - value), false, cb, arg);
	cb(arg, false, STR(""), STR(""));
	return true;
}

static bool take_size(struct hpack *h, const uint8_t *from, const uint8_t *end, uint64_t size,
		      hpack_field_cb cb, void *arg)
{
	/* 65536 - 31 as 7 bits at a time */
	static const uint8_t largest[] = { SIZE_UPDATE | 31, 0xe1, 0xff, 0x03 };

	if (size > MAX_TABLE)
		return inflate(h, largest, sizeof(largest), false, cb, arg);
	return inflate(h, from, (size_t)(end - from), false, cb, arg);
}

bool hpack_decode(struct hpack *h, const uint8_t *block, size_t n, hpack_field_cb cb, void *arg)
{
	const uint8_t *p = block, *end = block + n;

	while (p < end) {
		const uint8_t *from = p, *value;
		uint64_t index;
		bool is_size = (*p & 0xe0) == SIZE_UPDATE;
		unsigned bits = *p & INDEXED ? 7 : *p & LITERAL_ADDED ? 6 : is_size ? 5 : 4;
		bool is_right;

		if (!take_number(&p, end, bits, &index))
			return false;
		if (is_size) {
			if (!take_size(h, from, p, index, cb, arg))
				return false;
			continue;
		}
		if (!(*from & INDEXED) && index == 0 && !skip_string(&p, end))
			return false;
		value = p;
		if (!(*from & INDEXED) && !skip_string(&p, end))
			return false;
		/* the static table has 61 entries, they are counted among the inflater's */
		if (index > nghttp2_hd_inflate_get_num_table_entries(h->inflater))
			is_right = take_unknown(h, from, value, p, cb, arg);
		else
			is_right = inflate(h, from, (size_t)(p - from), false, cb, arg);
		if (!is_right)
			return false;
	}
	return inflate(h, end, 0, true, cb, arg);
}
