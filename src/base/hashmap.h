/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hash map from strings to pointers, insertion order kept for iteration. Keys are borrowed: the caller keeps
 * them alive (usually in an arena). The owner calls hashmap_free; values are never freed by the map.
 */
#ifndef SONDE_BASE_HASHMAP_H
#define SONDE_BASE_HASHMAP_H

#include "base/str.h"

struct hashmap_entry {
	struct str key;
	void *value; /* NULL after hashmap_remove: skip it */
	uint64_t hash;
};

struct hashmap {
	struct hashmap_entry *entries; /* in insertion order */
	size_t n;                      /* entries, removed ones included */
	size_t cap;
	uint32_t *slots; /* open addressing: index + 1 into entries, 0 = empty */
	size_t n_slots;  /* a power of two */
};

void hashmap_free(struct hashmap *m);
void *hashmap_get(const struct hashmap *m, struct str key); /* NULL when absent */
/* value must not be NULL; replaces; returns the old value or NULL */
void *hashmap_put(struct hashmap *m, struct str key, void *value);
void *hashmap_remove(struct hashmap *m, struct str key); /* the old value or NULL */
/* keys that are not strings: the bytes of an integer; the caller keeps *id alive */
static inline struct str hashmap_key_u64(const uint64_t *id)
{
	return str_make((const char *)id, sizeof(*id));
}

#endif
