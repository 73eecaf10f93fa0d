/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Maps in memory that a traced process and the tracer share: arrays, hash maps, both of them per processor or not. Programs inside of the
 * process and the tracer use the same code on the same bytes; addresses differ, so everything in there is an offset.
 *
 * Nothing here waits for anybody: a thread can be stopped, interrupted by a signal handler that hits a probe, or killed at any
 * instruction. What that costs: two threads that insert one key at the same moment can each make an element of it. Programs then use the
 * first one, readers add up both where values are sums, and nothing that was counted is lost. Values larger than a word can be
 * half of one update and half of another (aggregations update word by word, atomically).
 *
 * Freestanding: this folder is compiled twice, for the tracer and for the process, where there is no libc; it includes nothing of ours.
 */
#ifndef SONDE_ENGINE_USER_RT_MAP_H
#define SONDE_ENGINE_USER_RT_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* RT_MAPS: an array of maps; its values are bytes from it to them, 0: none. Only the tracer changes it */
enum rt_kind { RT_ARRAY, RT_HASH, RT_MAPS };

struct rt_map {
	uint32_t kind; /* enum rt_kind */
	uint32_t key_size, value_size;
	uint32_t max_entries; /* of one table */
	uint32_t n_slots;     /* of one table; hash: a power of two, twice max_entries at least */
	uint32_t n_tables;    /* one for each processor, or 1 */
	uint32_t stride;      /* bytes from one slot to the next */
	uint32_t value_at;    /* bytes from a slot to its value */
	uint64_t table_bytes;
	int64_t tables; /* bytes from this struct to the first table */
	uint32_t n_own; /* slots behind the tables, each of one key for ever; 0, or a power of two */
	uint32_t is_dense; /* keys of 8 bytes are small numbers, one after the other: each is its own hash */
	uint64_t n_refused; /* updates for which there was no room */
};

/* what is asked for: as in bpf(2) */
struct rt_map_plan {
	enum rt_kind kind;
	uint32_t key_size, value_size, max_entries;
	uint32_t n_tables;
	uint32_t n_own; /* see struct rt_own: hash maps of one table, keys of 8 or 16 bytes, values of 8 */
	bool is_dense; /* keys of 8 bytes */
};

/*
 * A slot for a key that one thread uses, as @start[tid] is, or a call by its thread and frame. Such maps have slots in front of their hash
 * table. A slot is found by the key's numbers, and given to the first key that comes, for ever; other keys that lead to it live in the
 * hash table. So what is done with a key is a plain load or store of its thread's: nothing is claimed and nothing locked, neither when it
 * comes nor when it goes. Keys in slots do not count for max_entries.
 *
 * Whoever else writes there (the tracer: clear, zero, delete) stores single words, too.
 */
struct rt_own {
	uint64_t state; /* enum rt_own_state; in front of the key, as in a slot of the hash table */
	uint64_t key[2]; /* written once: key[0] is the last, and not 0. key[1] is 0 where keys have 8 bytes */
	uint64_t value;
	uint64_t padding[4]; /* a line: other threads' slots are on others */
};
enum rt_own_state { RT_OWN_FREE, RT_OWN_CLAIMED, RT_OWN_ABSENT, RT_OWN_PRESENT };

/* of tables, for code that looks into them without a call (inline_map.c); rt/map.c says what they are */
enum { RT_TABLE_HEAD = 64, RT_TABLE_REACH = 1, RT_STATE_BITS = 3, RT_STATE_READY = 2 };
#define RT_HASH_START 0x9e3779b97f4a7c15ull
#define RT_HASH_FACTOR 0xff51afd7ed558ccdull

/* which slot: words of the key to a number, of which the low bits count. The trampolines have the same in code (inline_map.c) */
static inline uint32_t rt_own_hash(const uint32_t key[4], uint32_t key_size)
{
	return key_size == 8 ? key[0] + key[1] : key[0] + (key[0] >> 4) + key[2] + key[3];
}

/* flags of rt_map_update, numbered as BPF_ANY, BPF_NOEXIST, BPF_EXIST */
enum { RT_ANY, RT_NOEXIST, RT_EXIST };
/* what it returns besides 0: negative numbers of errno.h */
enum { RT_ENOENT = -2, RT_E2BIG = -7, RT_EEXIST = -17, RT_EINVAL = -22 };

/* bytes of all tables: a multiple of 64 */
uint64_t rt_map_bytes(const struct rt_map_plan *p);
/* memory is zeroed; tables is where they will be, at an address that is a multiple of 64 */
void rt_map_init(struct rt_map *m, const struct rt_map_plan *p, void *tables);

/*
 * The value of a key in the table of a processor, or NULL. Hash maps per processor: a key that another processor's table has is
 * there for all; its value here is zero.
 */
void *rt_map_lookup(struct rt_map *m, const void *key, uint32_t table);
/* the same, but only what is in that table: for reading what other processors have */
void *rt_map_lookup_in(struct rt_map *m, const void *key, uint32_t table);
int rt_map_update(struct rt_map *m, const void *key, const void *value, uint32_t flags,
		  uint32_t table);
/* another description of the same tables: for somebody who does not trust the one that is shared */
void rt_map_copy(struct rt_map *to, const struct rt_map *from);
/* RT_MAPS: its element at an index, by its distance from where programs have this map; 0: none. False: there is no such index */
bool rt_map_set_map(struct rt_map *m, uint32_t index, int64_t to);
/* from all tables */
int rt_map_delete(struct rt_map *m, const void *key);

/*
 * The next element of one table, for readers: *at begins at 0. False at the end. Arrays: every element, key is its index and stands in
 * *index. What is being inserted at the moment is not there yet. is_first: no other element of that key comes before it; those that are not
 * count only where values are sums.
 */
struct rt_element {
	const void *key;
	void *value;
	uint32_t index;
	bool is_first;
	uint64_t state; /* of the slot when it was found */
};
bool rt_map_next(struct rt_map *m, uint32_t table, uint32_t *at, struct rt_element *ret);
/* key and value that were copied meanwhile were this element's: its slot has not been given to another key */
bool rt_map_is_same(const struct rt_map *m, const struct rt_element *e);
void rt_map_clear(struct rt_map *m); /* removes every key; arrays: zero */
void rt_map_zero(struct rt_map *m);  /* keeps keys */

#endif
