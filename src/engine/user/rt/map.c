/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Maps without locks; see map.h. A hash table is open addressing with linear probing. A slot:
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
 * No more than max_entries keys may be in a table. Counting each that comes and goes would make one cache line everybody's, so a slot that is
 * deleted keeps its *credit* for the next key that is put there. Whoever needs another slot takes one from the table, or,
 * when there is none left, from DEAD slots, which are FREED then. It looks at RECLAIM of them at most: it is the traced program that waits.
 * So a large table can refuse a key while one in a few hundred of its credits is still lying somewhere.
 */
#include "engine/user/rt/map.h"

enum {
	BUSY = 1,
	READY = 2,
	DEAD = 3,
	FREED = 4,
	STATE_BITS = 3,
	LINE = 64,
	RECLAIM = 1024,
	MOST_TRIES = 1 << 16
};

struct table_head {      /* in front of each table's slots, on a line of its own */
	uint64_t n_used; /* credits: slots that are BUSY, READY or DEAD */
	uint64_t reach;  /* no key was ever put further from its home */
	uint32_t has_dead;
	uint32_t reclaimed; /* where the next search for DEAD slots begins */
	uint64_t padding[5];
};

/* ---- small things that libc would have ---- */

static void copy(void *to, const void *from, uint32_t n)
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

static void fill_zero(void *to, uint64_t n)
{
	uint8_t *t = to;

	for (uint64_t i = 0; i < n; i++)
		t[i] = 0;
}

static bool is_equal(const void *a, const void *b, uint32_t n)
{
	const uint8_t *x = a, *y = b;

	for (uint32_t i = 0; i < n; i++)
		if (x[i] != y[i])
			return false;
	return true;
}

static uint64_t padded(uint64_t n)
{
	return (n + 7) & ~7ull;
}

static uint64_t hash_of(const void *key, uint32_t n)
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
static uint64_t word_of(const void *key)
{
	uint32_t low, high;

	__builtin_memcpy(&low, key, 4);
	__builtin_memcpy(&high, (const char *)key + 4, 4);
	__asm__("" : "+r"(low)); /* or the compiler makes one load of them */
	return low | (uint64_t)high << 32;
}

static struct wanted want(const struct rt_map *m, const void *key)
{
	struct wanted w = { .key = key };

	if (m->key_size == 8) {
		w.word = word_of(key);
		w.hash = (w.word ^ 0x9e3779b97f4a7c15ull) * 0xff51afd7ed558ccdull;
		w.hash ^= w.hash >> 32;
	} else {
		w.hash = hash_of(key, m->key_size);
	}
	return w;
}

static bool is_key(const struct rt_map *m, const char *slot, const struct wanted *w)
{
	if (m->key_size == 8)
		return *(const uint64_t *)(slot + 8) == w->word;
	return is_equal(slot + 8, w->key, m->key_size);
}

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
	return table_bytes(p) * p->n_tables;
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
	};
}

static struct table_head *head_of(struct rt_map *m, uint32_t table)
{
	return (struct table_head *)((char *)m + m->tables + m->table_bytes * table);
}

static char *slot_of(struct rt_map *m, uint32_t table, uint32_t i)
{
	return (char *)(head_of(m, table) + 1) + (uint64_t)m->stride * i;
}

static uint64_t load_state(const char *slot)
{
	return __atomic_load_n((const uint64_t *)slot, __ATOMIC_ACQUIRE);
}

static void store_state(char *slot, uint64_t state)
{
	__atomic_store_n((uint64_t *)slot, state, __ATOMIC_RELEASE);
}

static uint32_t kind_of(uint64_t state)
{
	return state & ((1 << STATE_BITS) - 1);
}

/* ---- hash tables ---- */

/* once around at most, whatever stands there */
static uint64_t reach_of(struct rt_map *m, uint32_t table)
{
	uint64_t reach = __atomic_load_n(&head_of(m, table)->reach, __ATOMIC_ACQUIRE);

	return reach < m->n_slots ? reach : m->n_slots - 1;
}

/* the slot of a key that is nearest to its home, or NULL */
static char *find(struct rt_map *m, const struct wanted *w, uint32_t table)
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

/* searches go so far from now on */
static void extend_reach(struct table_head *head, uint64_t distance)
{
	uint64_t reach = __atomic_load_n(&head->reach, __ATOMIC_RELAXED);
	uint32_t tries = 0;

	/* who comes first extends it, too: there are as many tries as slots, unless somebody writes there to hinder us */
	while (reach < distance && tries++ < MOST_TRIES &&
	       !__atomic_compare_exchange_n(&head->reach, &reach, distance, true, __ATOMIC_ACQ_REL,
					    __ATOMIC_RELAXED))
		;
}

static bool change_state(char *slot, uint64_t from, uint64_t to)
{
	return __atomic_compare_exchange_n((uint64_t *)slot, &from, to, false, __ATOMIC_ACQ_REL,
					   __ATOMIC_RELAXED);
}

/* credits of slots that are DEAD: one is the caller's, the others go back to the table */
static bool reclaim_some(struct rt_map *m, uint32_t table, uint32_t n)
{
	struct table_head *head = head_of(m, table);
	uint32_t from = __atomic_fetch_add(&head->reclaimed, n, __ATOMIC_RELAXED);
	uint32_t mask = m->n_slots - 1;
	bool has_one = false;

	for (uint32_t i = 0; i < n; i++) {
		char *slot = slot_of(m, table, (from + i) & mask);

		if (load_state(slot) != DEAD || !change_state(slot, DEAD, FREED))
			continue;
		if (has_one)
			__atomic_sub_fetch(&head->n_used, 1, __ATOMIC_RELAXED);
		has_one = true;
	}
	return has_one;
}

/*
 * has_dead saves full tables the search. It is cleared only when all slots were looked at in vain, and a slot may have died
 * since: so they are looked at again behind that, while those that die from then on say so themselves.
 */
static bool reclaim(struct rt_map *m, uint32_t table)
{
	uint32_t n = m->n_slots < RECLAIM ? m->n_slots : RECLAIM;
	struct table_head *head = head_of(m, table);

	if (!__atomic_load_n(&head->has_dead, __ATOMIC_RELAXED))
		return false;
	if (reclaim_some(m, table, n))
		return true;
	if (n < m->n_slots)
		return false;
	__atomic_store_n(&head->has_dead, 0, __ATOMIC_SEQ_CST);
	if (!reclaim_some(m, table, n))
		return false;
	__atomic_store_n(&head->has_dead, 1, __ATOMIC_SEQ_CST);
	return true;
}

static bool take_credit(struct rt_map *m, uint32_t table)
{
	struct table_head *head = head_of(m, table);

	/* twice: somebody else may have found them all, and given them back since */
	for (unsigned tries = 0; tries < 2; tries++) {
		if (__atomic_load_n(&head->n_used, __ATOMIC_RELAXED) < m->max_entries) {
			if (__atomic_add_fetch(&head->n_used, 1, __ATOMIC_RELAXED) <= m->max_entries)
				return true;
			__atomic_sub_fetch(&head->n_used, 1, __ATOMIC_RELAXED);
		}
		if (reclaim(m, table))
			return true;
	}
	return false;
}

/* a slot that is ours to fill; NULL: there is none */
static char *claim(struct rt_map *m, uint64_t hash, uint32_t table)
{
	uint64_t busy = (hash << STATE_BITS) | BUSY;
	struct table_head *head = head_of(m, table);
	uint32_t mask = m->n_slots - 1;
	bool has_credit = false;

	for (uint32_t d = 0; d <= mask; d++) {
		char *slot = slot_of(m, table, ((uint32_t)hash + d) & mask);
		uint64_t state = load_state(slot);

		if (state && state != DEAD && state != FREED)
			continue;
		if (state != DEAD && !has_credit) {
			has_credit = take_credit(m, table);
			if (!has_credit)
				break;
		}
		if (!change_state(slot, state, busy))
			continue;
		if (state == DEAD && has_credit) /* it had its own */
			__atomic_sub_fetch(&head->n_used, 1, __ATOMIC_RELAXED);
		extend_reach(head, d);
		return slot;
	}
	if (has_credit)
		__atomic_sub_fetch(&head->n_used, 1, __ATOMIC_RELAXED);
	__atomic_add_fetch(&m->n_refused, 1, __ATOMIC_RELAXED);
	return NULL;
}

/* a new slot with key and value, which may be NULL for zeroes. NULL: no room */
static char *insert(struct rt_map *m, const struct wanted *w, const void *value, uint32_t table)
{
	char *slot = claim(m, w->hash, table);

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
	struct wanted w;
	char *slot;

	if (m->kind != RT_HASH)
		return array_at(m, key, table);
	if (table >= m->n_tables)
		return NULL;
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

	if (m->kind != RT_HASH)
		return array_at(m, key, table);
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
		w = want(m, key);
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

/* of two that delete at the same moment one does. The slot keeps its credit */
static bool kill(struct rt_map *m, char *slot, uint64_t state, uint32_t table)
{
	struct table_head *head = head_of(m, table);

	if (!change_state(slot, state, DEAD))
		return false;
	if (!__atomic_load_n(&head->has_dead, __ATOMIC_RELAXED))
		__atomic_store_n(&head->has_dead, 1, __ATOMIC_RELAXED);
	return true;
}

/* all elements of a key. Those that are put behind us meanwhile are newer than this deletion */
static bool delete_in(struct rt_map *m, const struct wanted *w, uint32_t table)
{
	uint64_t ready = (w->hash << STATE_BITS) | READY, reach = reach_of(m, table);
	uint32_t mask = m->n_slots - 1;
	bool is_deleted = false;

	for (uint64_t d = 0; d <= reach; d++) {
		char *slot = slot_of(m, table, ((uint32_t)w->hash + (uint32_t)d) & mask);
		uint64_t state = load_state(slot);

		if (!state)
			break;
		if (state == ready && is_key(m, slot, w) && kill(m, slot, ready, table))
			is_deleted = true;
	}
	return is_deleted;
}

int rt_map_delete(struct rt_map *m, const void *key)
{
	int result = RT_ENOENT;
	struct wanted w;

	if (m->kind != RT_HASH)
		return RT_EINVAL;
	w = want(m, key);
	for (uint32_t t = 0; t < m->n_tables; t++)
		if (delete_in(m, &w, t))
			result = 0;
	return result;
}

bool rt_map_next(struct rt_map *m, uint32_t table, uint32_t *at, struct rt_element *ret)
{
	while (m->kind != RT_MAPS && *at < m->n_slots) {
		char *slot = slot_of(m, table, *at);
		struct wanted w;
		uint64_t state;

		ret->index = (*at)++;
		ret->is_first = true;
		if (m->kind == RT_ARRAY) {
			ret->key = &ret->index;
			ret->value = slot;
			return true;
		}
		state = load_state(slot);
		if (kind_of(state) != READY)
			continue;
		ret->key = slot + 8;
		ret->value = slot + m->value_at;
		ret->state = state;
		w = want(m, ret->key);
		/* another key was put there meanwhile */
		if (state != ((w.hash << STATE_BITS) | READY))
			continue;
		ret->is_first = find(m, &w, table) == slot;
		return true;
	}
	return false;
}

bool rt_map_is_same(const struct rt_map *m, const struct rt_element *e)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return m->kind != RT_HASH || load_state((const char *)e->key - 8) == e->state;
}

void rt_map_clear(struct rt_map *m)
{
	for (uint32_t t = 0; t < m->n_tables; t++)
		for (uint32_t i = 0; i < m->n_slots; i++) {
			char *slot = slot_of(m, t, i);

			if (m->kind == RT_ARRAY)
				fill_zero(slot, m->value_size);
			else if (m->kind == RT_HASH && kind_of(load_state(slot)) == READY)
				kill(m, slot, load_state(slot), t);
		}
}

void rt_map_zero(struct rt_map *m)
{
	for (uint32_t t = 0; t < m->n_tables; t++) {
		struct rt_element e;
		uint32_t at = 0;

		while (rt_map_next(m, t, &at, &e))
			fill_zero(e.value, m->value_size);
	}
}
