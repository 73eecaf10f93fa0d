/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Maps without locks; see map.h, and map_private.h for what is in a slot. What programs call for each hit is here: looking up, updating,
 * deleting. What is rarer is in map_slots.c and map_walk.c.
 */
#include "engine/user/rt/map_private.h"

enum { LINE = 64 };

/* ---- layout ---- */

static uint64_t slot_bytes(const struct rt_map_plan *p)
{
	return p->kind != RT_HASH ? padded(p->value_size)
				  : 8 + padded(p->key_size) + padded(p->value_size);
}

static uint32_t n_slots(const struct rt_map_plan *p)
{
	uint32_t n = 8;

	if (p->kind != RT_HASH)
		return p->max_entries;
	/* half full at most: then a search looks at two or three slots */
	while (n < 2 * (uint64_t)p->max_entries && n < 1u << 31)
		n *= 2;
	return n;
}

static uint64_t table_bytes(const struct rt_map_plan *p)
{
	uint64_t n = sizeof(struct table_head) + slot_bytes(p) * n_slots(p);

	return (n + LINE - 1) / LINE * LINE;
}

uint64_t rt_map_bytes(const struct rt_map_plan *p)
{
	return table_bytes(p) * p->n_tables + (uint64_t)p->n_own * sizeof(struct rt_own);
}

void rt_map_init(struct rt_map *m, const struct rt_map_plan *p, void *tables)
{
	*m = (struct rt_map){
		.kind = p->kind,
		.key_size = p->key_size,
		.value_size = p->value_size,
		.max_entries = p->max_entries,
		.n_slots = n_slots(p),
		.n_tables = p->n_tables,
		.stride = (uint32_t)slot_bytes(p),
		.value_at = p->kind != RT_HASH ? 0 : (uint32_t)(8 + padded(p->key_size)),
		.table_bytes = table_bytes(p),
		.tables = (int64_t)((uintptr_t)tables - (uintptr_t)m),
		.n_own = p->n_own,
		.is_dense = p->is_dense,
	};
}

/* ---- hash tables ---- */

/* a new slot with key and value, which may be NULL for zeroes. NULL: no room */
static char *insert(struct rt_map *m, const struct wanted *w, const void *value, uint32_t table)
{
	char *slot = rt_slot_claim(m, w->hash, table);

	if (!slot)
		return NULL;
	if (m->key_size == 8)
		__atomic_store_n((uint64_t *)(slot + 8), w->word, __ATOMIC_RELAXED);
	else
		copy(slot + 8, w->key, m->key_size);
	if (value)
		copy(slot + m->value_at, value, m->value_size);
	else
		fill_zero(slot + m->value_at, m->value_size);
	store_state(slot, (w->hash << STATE_BITS) | READY);
	return slot;
}

/* ---- what is offered ---- */

static bool array_index(const struct rt_map *m, const void *key, uint32_t *i)
{
	__builtin_memcpy(i, key, sizeof(*i));
	return *i < m->max_entries;
}

static void *array_at(struct rt_map *m, const void *key, uint32_t table)
{
	uint32_t i;
	int64_t to;

	if (table >= m->n_tables || !array_index(m, key, &i))
		return NULL;
	if (m->kind == RT_ARRAY)
		return slot_of(m, table, i);
	to = __atomic_load_n((int64_t *)slot_of(m, table, i), __ATOMIC_ACQUIRE);
	return to ? (char *)m + to : NULL;
}

void *rt_map_lookup_in(struct rt_map *m, const void *key, uint32_t table)
{
	struct rt_own *own;
	struct wanted w;
	char *slot;

	if (m->kind != RT_HASH)
		return array_at(m, key, table);
	if (table >= m->n_tables)
		return NULL;
	own = rt_own_find(m, key);
	if (own)
		return rt_own_value(own);
	w = want(m, key);
	slot = find(m, &w, table);
	return slot ? slot + m->value_at : NULL;
}

static bool is_anywhere(struct rt_map *m, const struct wanted *w)
{
	for (uint32_t t = 0; t < m->n_tables; t++)
		if (find(m, w, t))
			return true;
	return false;
}

/* its value in the table, where it may have to be put first; NULL: no table has it */
static void *find_value(struct rt_map *m, const struct wanted *w, uint32_t table)
{
	char *slot = find(m, w, table);

	if (!slot && m->n_tables > 1 && is_anywhere(m, w))
		slot = insert(m, w, NULL, table);
	return slot ? slot + m->value_at : NULL;
}

void *rt_map_lookup(struct rt_map *m, const void *key, uint32_t table)
{
	struct wanted w;

	if (m->kind != RT_HASH || m->n_own)
		return rt_map_lookup_in(m, key, table);
	if (table >= m->n_tables)
		return NULL;
	w = want(m, key);
	return find_value(m, &w, table);
}

int rt_map_update(struct rt_map *m, const void *key, const void *value, uint32_t flags,
		  uint32_t table)
{
	struct wanted w = { .key = key };
	char *at;

	if (flags > RT_EXIST || table >= m->n_tables || m->kind == RT_MAPS)
		return RT_EINVAL;
	if (m->kind == RT_ARRAY) {
		at = array_at(m, key, table);
		if (!at || flags == RT_NOEXIST)
			return at ? RT_EEXIST : RT_E2BIG;
	} else {
		struct rt_own *own;

		w = want(m, key);
		own = flags == RT_EXIST ? rt_own_find(m, key) : rt_own_claim(m, &w);
		if (own)
			return rt_own_update(own, value, flags);
		at = find_value(m, &w, table);
	}
	if (at && flags == RT_NOEXIST)
		return RT_EEXIST;
	if (at) {
		copy(at, value, m->value_size);
		return 0;
	}
	if (flags == RT_EXIST)
		return RT_ENOENT;
	return insert(m, &w, value, table) ? 0 : RT_E2BIG;
}

void rt_map_copy(struct rt_map *to, const struct rt_map *from)
{
	*to = *from;
	to->tables += (int64_t)((uintptr_t)from - (uintptr_t)to);
}

bool rt_map_set_map(struct rt_map *m, uint32_t index, int64_t to)
{
	if (m->kind != RT_MAPS || index >= m->max_entries)
		return false;
	__atomic_store_n((int64_t *)slot_of(m, 0, index), to, __ATOMIC_RELEASE);
	return true;
}

bool rt_map_delete_in(struct rt_map *m, const struct wanted *w, uint32_t table)
{
	uint64_t ready = (w->hash << STATE_BITS) | READY, reach = reach_of(m, table);
	uint32_t mask = m->n_slots - 1;
	bool is_deleted = false;

	for (uint64_t d = 0; d <= reach; d++) {
		char *slot = slot_of(m, table, ((uint32_t)w->hash + (uint32_t)d) & mask);
		uint64_t state = load_state(slot);

		if (!state)
			break;
		if (state == ready && is_key(m, slot, w) && rt_slot_kill(m, slot, ready, table))
			is_deleted = true;
	}
	return is_deleted;
}

int rt_map_delete(struct rt_map *m, const void *key)
{
	int result = RT_ENOENT;
	struct rt_own *own;
	struct wanted w;

	if (m->kind != RT_HASH)
		return RT_EINVAL;
	own = rt_own_find(m, key);
	if (own)
		return rt_own_delete(own);
	w = want(m, key);
	for (uint32_t t = 0; t < m->n_tables; t++)
		if (rt_map_delete_in(m, &w, t))
			result = 0;
	return result;
}
