/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the members of a struct stand, by the System V ABI for x86-64 as gcc and clang apply it:
 *
 *   - a member begins at a multiple of its alignment; packed makes that 1, aligned(n) at least n;
 *   - a bit-field of width w and type T goes on at the next free bit, unless it would then cross a border of T's size:
 *     then it begins at that border. In packed structs it always goes on;
 *   - ':0' ends the unit: the next member begins at T's border; unnamed bit-fields do not align the struct;
 *   - the size is rounded up to the strictest alignment.
 */
#include "lang/cdecl_private.h"

#define MAX_STRUCT_BITS ((uint64_t)1 << 34) /* 2 GiB: sizes are 32 bits */

static uint64_t round_up(uint64_t n, uint64_t to)
{
	return (n + to - 1) / to * to;
}

/* as btf_build.c does it: the unit at a multiple of its size, or at the byte of the first bit when it is crossed */
static void place_bits(struct type_field *f, uint64_t bit, uint32_t width)
{
	uint64_t unit = (uint64_t)f->type->size * 8;
	uint64_t start = bit / unit * unit;

	if (bit - start + width > unit)
		start = bit / 8 * 8;
	f->offset = (uint32_t)(start / 8);
	f->bit_offset = (uint8_t)(bit - start);
	f->bit_size = (uint8_t)width;
}

static void grow_align(struct c_layout *l, uint32_t align)
{
	if (align > l->align)
		l->align = align;
}

static bool add_bits(struct c_layout *l, struct type_field *f, int width, bool packed)
{
	uint64_t unit = (uint64_t)f->type->size * 8;
	uint64_t bit = l->is_union ? 0 : l->bits;

	if (width == 0) {
		if (!l->is_union)
			l->bits = round_up(l->bits, unit);
		return true;
	}
	if (!packed && bit / unit != (bit + (uint64_t)width - 1) / unit)
		bit = round_up(bit, unit);
	place_bits(f, bit, (uint32_t)width);
	/* what is read are at most 64 bits from a byte border */
	if (f->bit_offset + (unsigned)width > 64)
		return false;
	if (f->name.n && !packed)
		grow_align(l, f->type->align);
	l->bits = bit + (uint64_t)width;
	if (l->bits > l->size)
		l->size = l->bits;
	return true;
}

bool c_layout_add(struct c_layout *l, struct type_field *f, int width, const struct c_attributes *a)
{
	bool packed = l->attributes.packed || a->packed;
	uint32_t align = packed || f->type->align == 0 ? 1 : f->type->align;
	uint64_t bit;

	if (width >= 0)
		return add_bits(l, f, width, packed);
	if (a->aligned > align)
		align = a->aligned;
	bit = l->is_union ? 0 : round_up(l->bits, (uint64_t)align * 8);
	f->offset = (uint32_t)(bit / 8);
	grow_align(l, align);
	l->bits = bit + (uint64_t)f->type->size * 8;
	if (l->bits > l->size)
		l->size = l->bits;
	return l->size < MAX_STRUCT_BITS;
}

void c_layout_finish(struct c_layout *l, struct type *t)
{
	if (l->align == 0)
		l->align = 1;
	grow_align(l, l->attributes.aligned);
	t->align = l->align;
	t->size = (uint32_t)(round_up(l->size, (uint64_t)l->align * 8) / 8);
	t->is_complete = true;
}
