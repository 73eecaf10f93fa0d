/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Questions to the debug-information worker and its answers as bytes: both run on one machine, so numbers go as they are (little
 * endian), strings as a length and bytes. Both directions are bounded: a writer stops at a limit, a reader never leaves its buffer and
 * never believes a count that its bytes could not hold. Either side may be faulty or taken over.
 *
 * A wire_out owns its buffer (wire_out_free); what a wire_in gives out are views of the buffer that it reads.
 */
#ifndef SONDE_OBJFILE_WIRE_H
#define SONDE_OBJFILE_WIRE_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/strbuf.h"

struct wire_out {
	struct strbuf b;
	size_t limit;    /* 0: WIRE_LIMIT */
	bool is_too_big; /* something did not fit: what is there must not be sent */
};

struct wire_in {
	struct bytes b; /* .bad once something was missing: check it at the end */
};

#define WIRE_LIMIT (512u << 20)

void wire_out_free(struct wire_out *w);
void wire_put_u8(struct wire_out *w, uint8_t v);
void wire_put_u32(struct wire_out *w, uint32_t v);
void wire_put_u64(struct wire_out *w, uint64_t v);
void wire_put_str(struct wire_out *w, struct str s);
void wire_put_raw(struct wire_out *w, struct str s); /* without a length */
/* room for a u32 that is known later: its place, for wire_set_u32 */
size_t wire_put_later(struct wire_out *w);
void wire_set_u32(struct wire_out *w, size_t place, uint32_t v);

struct wire_in wire_in_make(const void *p, size_t n);
uint8_t wire_get_u8(struct wire_in *w);
uint32_t wire_get_u32(struct wire_in *w);
uint64_t wire_get_u64(struct wire_in *w);
struct str wire_get_str(struct wire_in *w); /* a view */
struct str wire_get_str_copy(struct wire_in *w, struct arena *a);
/* a count of items that take at least min_size bytes each; 0 and .bad when that many cannot follow */
uint32_t wire_get_count(struct wire_in *w, size_t min_size);

static inline void wire_out_cleanup(struct wire_out *w)
{
	wire_out_free(w);
}
#define WIRE_OUT_AUTO __attribute__((cleanup(wire_out_cleanup))) struct wire_out

#endif
