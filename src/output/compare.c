/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The order of values by type (value_compare of value.h): what sorting of maps rests on. */
#include "output/value.h"

static int compare_u64(uint64_t a, uint64_t b, bool is_signed)
{
	if (is_signed)
		return (int64_t)a < (int64_t)b ? -1 : (int64_t)a > (int64_t)b;
	return a < b ? -1 : a > b;
}

static int compare_fields(const struct type *t, const char *a, const char *b)
{
	int c = 0;

	if (!type_complete(t) || t->is_union)
		return memcmp(a, b, t->size);
	for (uint32_t i = 0; c == 0 && i < t->n_fields; i++) {
		const struct type_field *f = &t->fields[i];

		if (f->bit_size) /* neighbours share the storage unit: the bytes decide */
			c = memcmp(a + f->offset, b + f->offset, f->type->size);
		else
			c = value_compare(f->type, a + f->offset, b + f->offset);
	}
	return c;
}

static int compare_arrays(const struct type *t, const char *a, const char *b)
{
	int c = 0;

	for (uint32_t i = 0; c == 0 && i < t->count; i++)
		c = value_compare(t->elem, a + (size_t)i * t->elem->size,
				  b + (size_t)i * t->elem->size);
	return c;
}

int value_compare(const struct type *t, const void *a, const void *b)
{
	uint64_t x = 0, y = 0;

	switch (t->kind) {
	case TYPE_BOOL:
	case TYPE_INT:
	case TYPE_ENUM:
	case TYPE_POINTER:
	case TYPE_KSYM: return compare_u64(value_load(t, a), value_load(t, b), t->is_signed);
	case TYPE_USYM:
	case TYPE_TYPENAME:
	case TYPE_CGROUP_PATH:
		memcpy(&x, a, sizeof(x));
		memcpy(&y, b, sizeof(y));
		return x != y ? compare_u64(x, y, false) : memcmp(a, b, t->size);
	case TYPE_TIMESTAMP:
		memcpy(&x, (const char *)a + offsetof(struct stored_timestamp, ns), sizeof(x));
		memcpy(&y, (const char *)b + offsetof(struct stored_timestamp, ns), sizeof(y));
		return x != y ? compare_u64(x, y, false) : memcmp(a, b, t->size);
	case TYPE_USERNAME: {
		uint32_t u, v;

		memcpy(&u, a, sizeof(u));
		memcpy(&v, b, sizeof(v));
		return compare_u64(u, v, false);
	}
	case TYPE_STRUCT:
	case TYPE_TUPLE:
	case TYPE_RECORD: return compare_fields(t, a, b);
	case TYPE_ARRAY: return compare_arrays(t, a, b);
	default: return t->size ? memcmp(a, b, t->size) : 0;
	}
}
