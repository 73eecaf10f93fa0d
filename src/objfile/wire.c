/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers and strings in a buffer; see wire.h. */
#include "objfile/wire.h"

void wire_out_free(struct wire_out *w)
{
	strbuf_free(&w->b);
}

static void put(struct wire_out *w, const void *p, size_t n)
{
	size_t limit = w->limit ? w->limit : WIRE_LIMIT;

	if (w->is_too_big || n > limit - w->b.n) {
		w->is_too_big = true;
		return;
	}
	strbuf_add(&w->b, p, n);
}

void wire_put_u8(struct wire_out *w, uint8_t v)
{
	put(w, &v, sizeof(v));
}

void wire_put_u32(struct wire_out *w, uint32_t v)
{
	put(w, &v, sizeof(v));
}

void wire_put_u64(struct wire_out *w, uint64_t v)
{
	put(w, &v, sizeof(v));
}

void wire_put_str(struct wire_out *w, struct str s)
{
	if (s.n > UINT32_MAX) {
		w->is_too_big = true;
		return;
	}
	wire_put_u32(w, (uint32_t)s.n);
	if (s.n)
		put(w, s.p, s.n);
}

void wire_put_raw(struct wire_out *w, struct str s)
{
	if (s.n)
		put(w, s.p, s.n);
}

size_t wire_put_later(struct wire_out *w)
{
	size_t place = w->b.n;

	wire_put_u32(w, 0);
	return place;
}

void wire_set_u32(struct wire_out *w, size_t place, uint32_t v)
{
	if (!w->is_too_big)
		memcpy(w->b.p + place, &v, sizeof(v));
}

struct wire_in wire_in_make(const void *p, size_t n)
{
	return (struct wire_in){ bytes_make(p, n) };
}

uint8_t wire_get_u8(struct wire_in *w)
{
	return bytes_u8(&w->b);
}

uint32_t wire_get_u32(struct wire_in *w)
{
	return bytes_u32(&w->b);
}

uint64_t wire_get_u64(struct wire_in *w)
{
	return bytes_u64(&w->b);
}

struct str wire_get_str(struct wire_in *w)
{
	uint32_t n = bytes_u32(&w->b);
	const uint8_t *p = bytes_take(&w->b, n);

	return p ? str_make((const char *)p, n) : STR_NULL;
}

struct str wire_get_str_copy(struct wire_in *w, struct arena *a)
{
	return arena_str(a, wire_get_str(w));
}

uint32_t wire_get_count(struct wire_in *w, size_t min_size)
{
	uint32_t n = bytes_u32(&w->b);

	if (w->b.bad || n > bytes_left(&w->b) / (min_size ? min_size : 1)) {
		w->b.bad = true;
		return 0;
	}
	return n;
}
