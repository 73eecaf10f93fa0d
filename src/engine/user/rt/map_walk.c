/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Maps as a whole, for readers: element by element, and emptying them. Others write there meanwhile: what is copied is an element's only
 * if rt_map_is_same says so afterwards.
 */
#include "engine/user/rt/map_private.h"

bool rt_map_next(struct rt_map *m, uint32_t table, uint32_t *at, struct rt_element *ret)
{
	/* nothing was ever put into this table: it is not looked through, nor does its memory come into being by that */
	if (m->n_own && *at == 0 && !__atomic_load_n(&head_of(m, table)->n_used, __ATOMIC_RELAXED))
		*at = m->n_slots;
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
		ret->is_first = find(m, &w, table) == slot && !rt_own_find(m, ret->key);
		return true;
	}
	return m->kind == RT_HASH && rt_own_next(m, at, ret);
}

bool rt_map_is_same(const struct rt_map *m, const struct rt_element *e)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return m->kind != RT_HASH || load_state((const char *)e->key - 8) == e->state;
}

void rt_map_clear(struct rt_map *m)
{
	rt_own_clear(m);
	for (uint32_t t = 0; t < m->n_tables; t++)
		for (uint32_t i = 0; i < m->n_slots; i++) {
			char *slot = slot_of(m, t, i);

			if (m->kind == RT_ARRAY)
				fill_zero(slot, m->value_size);
			else if (m->kind == RT_HASH && kind_of(load_state(slot)) == READY)
				rt_slot_kill(m, slot, load_state(slot), t);
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
