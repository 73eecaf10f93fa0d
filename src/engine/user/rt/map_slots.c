/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Slots of a hash table that are taken and given up; what a slot is: map_private.h. Called for a key that comes or goes, never for
 * one that is there.
 *
 * No more than max_entries keys may be in a table. Counting each that comes and goes would make one cache line everybody's, so a slot that is
 * deleted keeps its *credit* for the next key that is put there. Whoever needs another slot takes one from the table, or,
 * when there is none left, from DEAD slots, which are FREED then. It looks at RECLAIM of them at most: it is the traced program that waits.
 * So a large table can refuse a key while one in a few hundred of its credits is still lying somewhere.
 */
#include "engine/user/rt/map_private.h"

enum { RECLAIM = 1024, MOST_TRIES = 1 << 16 };

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

char *rt_slot_claim(struct rt_map *m, uint64_t hash, uint32_t table)
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

bool rt_slot_kill(struct rt_map *m, char *slot, uint64_t state, uint32_t table)
{
	struct table_head *head = head_of(m, table);

	if (!change_state(slot, state, DEAD))
		return false;
	if (!__atomic_load_n(&head->has_dead, __ATOMIC_RELAXED))
		__atomic_store_n(&head->has_dead, 1, __ATOMIC_RELAXED);
	return true;
}
