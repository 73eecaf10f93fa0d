/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Slots of one key each, for keys that one thread uses (struct rt_own in map.h). Programs in processes have most of this in code
 * (inline_map.c); here is what comes first for a key, what comes seldom, and what the tracer does. The proof that nothing here needs a lock is in
 * docs/internals/user-trampolines.md.
 */
#include "engine/user/rt/map_private.h"

static struct rt_own *own_at(struct rt_map *m, uint32_t i)
{
	return (struct rt_own *)((char *)m + m->tables + m->table_bytes * m->n_tables) + i;
}

static uint64_t own_state(const struct rt_own *own)
{
	return __atomic_load_n(&own->state, __ATOMIC_ACQUIRE);
}

static void own_set(struct rt_own *own, enum rt_own_state state)
{
	__atomic_store_n(&own->state, state, __ATOMIC_RELEASE);
}

/* where the key's slot is, whoever has it; words: the key */
static struct rt_own *own_of(struct rt_map *m, const void *key, uint64_t words[2])
{
	uint32_t k[4] = { 0 };

	__builtin_memcpy(k, key, 4);
	__builtin_memcpy(k + 1, (const char *)key + 4, 4);
	if (m->key_size == 16) {
		__builtin_memcpy(k + 2, (const char *)key + 8, 4);
		__builtin_memcpy(k + 3, (const char *)key + 12, 4);
	}
	words[0] = k[0] | (uint64_t)k[1] << 32;
	words[1] = k[2] | (uint64_t)k[3] << 32;
	return own_at(m, rt_own_hash(k, m->key_size) & (m->n_own - 1));
}

static bool own_is(const struct rt_own *own, const uint64_t words[2])
{
	return words[0] && __atomic_load_n(&own->key[0], __ATOMIC_ACQUIRE) == words[0] &&
	       own->key[1] == words[1];
}

struct rt_own *rt_own_find(struct rt_map *m, const void *key)
{
	uint64_t words[2];
	struct rt_own *own;

	if (!m->n_own)
		return NULL;
	own = own_of(m, key, words);
	return own_is(own, words) ? own : NULL;
}

/*
 * A signal handler that came between, on the same thread, has put the key into the hash table: from there it goes as soon as
 * everybody can see whose slot this is.
 */
struct rt_own *rt_own_claim(struct rt_map *m, const struct wanted *w)
{
	uint64_t words[2], free = RT_OWN_FREE;
	struct rt_own *own;

	if (!m->n_own)
		return NULL;
	own = own_of(m, w->key, words);
	if (own_is(own, words))
		return own;
	if (!words[0] || own_state(own) != RT_OWN_FREE || find(m, w, 0) ||
	    !__atomic_compare_exchange_n(&own->state, &free, RT_OWN_CLAIMED, false,
					 __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		return NULL;
	own->key[1] = words[1];
	__atomic_store_n(&own->key[0], words[0], __ATOMIC_RELEASE);
	rt_map_delete_in(m, w, 0);
	own_set(own, RT_OWN_ABSENT);
	return own;
}

void *rt_own_value(struct rt_own *own)
{
	return own_state(own) == RT_OWN_PRESENT ? &own->value : NULL;
}

int rt_own_update(struct rt_own *own, const void *value, uint32_t flags)
{
	bool is_there = own_state(own) == RT_OWN_PRESENT;

	if (flags != RT_ANY && is_there == (flags == RT_NOEXIST))
		return is_there ? RT_EEXIST : RT_ENOENT;
	copy(&own->value, value, sizeof(own->value));
	own_set(own, RT_OWN_PRESENT);
	return 0;
}

int rt_own_delete(struct rt_own *own)
{
	if (own_state(own) != RT_OWN_PRESENT)
		return RT_ENOENT;
	own_set(own, RT_OWN_ABSENT);
	return 0;
}

void rt_own_clear(struct rt_map *m)
{
	for (uint32_t i = 0; i < m->n_own; i++)
		rt_own_delete(own_at(m, i));
}

bool rt_own_next(struct rt_map *m, uint32_t *at, struct rt_element *ret)
{
	for (; *at - m->n_slots < m->n_own; (*at)++) {
		struct rt_own *own = own_at(m, *at - m->n_slots);

		if (own_state(own) != RT_OWN_PRESENT)
			continue;
		*ret = (struct rt_element){ .key = own->key,
					    .value = &own->value,
					    .index = (*at)++,
					    .is_first = true,
					    .state = RT_OWN_PRESENT };
		return true;
	}
	return false;
}
