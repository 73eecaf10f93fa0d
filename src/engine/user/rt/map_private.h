/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a slot of a map is, for map.c, map_slots.c and map_walk.c. A hash table is open addressing with linear probing. A slot:
 *
 *	u64	state: 0 never used; else bits of the key's hash, and in the low bits BUSY, READY or DEAD
 *	key	padded to 8 bytes
 *	value	padded to 8 bytes
 *
 * A slot goes from empty or DEAD to BUSY by compare-and-exchange, to READY when key and value are written, to DEAD when it is
 * deleted. Nobody waits for a BUSY slot: its owner may be the very thread that a signal handler interrupted, or killed. Two
 * threads that insert the same key may so fill two slots. Neither is taken back, since others may be adding to it already: lookups
 * find the one nearer to the key's home, deletion takes all of them.
 *
 * DEAD slots are used again, but not made empty: a search would go through all of them. So each table knows how far from its
 * home any key was ever put, and searches end there.
 *
 * Keys that one thread uses have slots of their own behind the tables: struct rt_own, map_own.c.
 */
#ifndef SONDE_ENGINE_USER_RT_MAP_PRIVATE_H
#define SONDE_ENGINE_USER_RT_MAP_PRIVATE_H

#include "engine/user/rt/map.h"

enum { BUSY = 1, READY = RT_STATE_READY, DEAD = 3, FREED = 4, STATE_BITS = RT_STATE_BITS };

struct table_head {      /* in front of each table's slots, on a line of its own */
	uint64_t n_used; /* credits: slots that are BUSY, READY or DEAD */
	uint64_t reach;  /* no key was ever put further from its home */
	uint32_t has_dead;
	uint32_t reclaimed; /* where the next search for DEAD slots begins */
	uint64_t padding[5];
};
_Static_assert(sizeof(struct table_head) == RT_TABLE_HEAD, "known elsewhere");

/* ---- small things that libc would have ---- */

static inline void copy(void *to, const void *from, uint32_t n)
{
	const uint8_t *f = from;
	uint8_t *t = to;

	/* a word at once where it is one: others read it at any time */
	if (n == 8) {
		uint64_t word;

		__builtin_memcpy(&word, from, 8);
		__atomic_store_n((uint64_t *)to, word, __ATOMIC_RELAXED);
		return;
	}
	for (uint32_t i = 0; i < n; i++)
		t[i] = f[i];
}

static inline void fill_zero(void *to, uint64_t n)
{
	uint8_t *t = to;

	for (uint64_t i = 0; i < n; i++)
		t[i] = 0;
}

static inline bool is_equal(const void *a, const void *b, uint32_t n)
{
	const uint8_t *x = a, *y = b;

	for (uint32_t i = 0; i < n; i++)
		if (x[i] != y[i])
			return false;
	return true;
}

static inline uint64_t padded(uint64_t n)
{
	return (n + 7) & ~7ull;
}

static inline uint64_t hash_of(const void *key, uint32_t n)
{
	const uint8_t *k = key;
	uint64_t h = 0x9e3779b97f4a7c15ull ^ n;

	for (; n >= 8; n -= 8, k += 8) {
		uint64_t word;

		__builtin_memcpy(&word, k, 8);
		h = (h ^ word) * 0xff51afd7ed558ccdull;
		h ^= h >> 32;
	}
	for (; n; n--, k++)
		h = (h ^ *k) * 0x100000001b3ull;
	h ^= h >> 29;
	h *= 0xc4ceb9fe1a85ec53ull;
	return h ^ h >> 32;
}

/* a key that is looked for. Most are one word: it is read once */
struct wanted {
	const void *key;
	uint64_t hash;
	uint64_t word; /* keys of 8 bytes */
};

/*
 * Programs often write 8 zeroes and then 4 bytes over the lower half. One load of 8 bytes would have to wait until both stores have
 * reached the cache, two of 4 are answered by the stores themselves.
 */
static inline uint64_t word_of(const void *key)
{
	uint32_t low, high;

	__builtin_memcpy(&low, key, 4);
	__builtin_memcpy(&high, (const char *)key + 4, 4);
	__asm__("" : "+r"(low)); /* or the compiler makes one load of them */
	return low | (uint64_t)high << 32;
}

static inline struct wanted want(const struct rt_map *m, const void *key)
{
	struct wanted w = { .key = key };

	if (m->key_size == 8) {
		w.word = word_of(key);
		w.hash = w.word;
		if (!m->is_dense) {
			w.hash = (w.word ^ RT_HASH_START) * RT_HASH_FACTOR;
			w.hash ^= w.hash >> 32;
		}
	} else {
		w.hash = hash_of(key, m->key_size);
	}
	return w;
}

static inline bool is_key(const struct rt_map *m, const char *slot, const struct wanted *w)
{
	if (m->key_size == 8)
		return *(const uint64_t *)(slot + 8) == w->word;
	return is_equal(slot + 8, w->key, m->key_size);
}

/* ---- where slots are ---- */

static inline struct table_head *head_of(struct rt_map *m, uint32_t table)
{
	return (struct table_head *)((char *)m + m->tables + m->table_bytes * table);
}

static inline char *slot_of(struct rt_map *m, uint32_t table, uint32_t i)
{
	return (char *)(head_of(m, table) + 1) + (uint64_t)m->stride * i;
}

static inline uint64_t load_state(const char *slot)
{
	return __atomic_load_n((const uint64_t *)slot, __ATOMIC_ACQUIRE);
}

static inline void store_state(char *slot, uint64_t state)
{
	__atomic_store_n((uint64_t *)slot, state, __ATOMIC_RELEASE);
}

static inline uint32_t kind_of(uint64_t state)
{
	return state & ((1 << STATE_BITS) - 1);
}

static inline bool change_state(char *slot, uint64_t from, uint64_t to)
{
	return __atomic_compare_exchange_n((uint64_t *)slot, &from, to, false, __ATOMIC_ACQ_REL,
					   __ATOMIC_RELAXED);
}

/* once around at most, whatever stands there */
static inline uint64_t reach_of(struct rt_map *m, uint32_t table)
{
	uint64_t reach = __atomic_load_n(&head_of(m, table)->reach, __ATOMIC_ACQUIRE);

	return reach < m->n_slots ? reach : m->n_slots - 1;
}

/* the slot of a key that is nearest to its home, or NULL */
static inline char *find(struct rt_map *m, const struct wanted *w, uint32_t table)
{
	uint64_t ready = (w->hash << STATE_BITS) | READY;
	uint32_t mask = m->n_slots - 1;
	uint64_t reach = reach_of(m, table);

	for (uint64_t d = 0; d <= reach; d++) {
		char *slot = slot_of(m, table, ((uint32_t)w->hash + (uint32_t)d) & mask);
		uint64_t state = load_state(slot);

		if (!state)
			return NULL;
		if (state == ready && is_key(m, slot, w))
			return slot;
	}
	return NULL;
}

/* ---- map_slots.c ---- */

/* a slot that is the caller's to fill; NULL: there is none, which is counted */
char *rt_slot_claim(struct rt_map *m, uint64_t hash, uint32_t table);
/* of two that delete at the same moment one does. The slot keeps its credit */
bool rt_slot_kill(struct rt_map *m, char *slot, uint64_t state, uint32_t table);

/* ---- map.c ---- */

/* all elements of a key in a table. Those that are put there behind us meanwhile are newer than this deletion */
bool rt_map_delete_in(struct rt_map *m, const struct wanted *w, uint32_t table);

/* ---- map_own.c ---- */

/* the slot that is this key's; NULL: it has none */
struct rt_own *rt_own_find(struct rt_map *m, const void *key);
/* the same, and if nobody has that slot yet it is this key's from now on; NULL: it lives in the hash table */
struct rt_own *rt_own_claim(struct rt_map *m, const struct wanted *w);
void *rt_own_value(struct rt_own *own); /* NULL: the key is not there */
int rt_own_update(struct rt_own *own, const void *value, uint32_t flags);
int rt_own_delete(struct rt_own *own);
void rt_own_clear(struct rt_map *m);
/* the next one that holds something; *at counts on from the slots of the hash table */
bool rt_own_next(struct rt_map *m, uint32_t *at, struct rt_element *ret);

#endif
