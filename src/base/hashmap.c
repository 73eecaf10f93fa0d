/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Open addressing with linear probing over an insertion-ordered entry array; see hashmap.h. */
#include "base/hashmap.h"

#include "base/vec.h"

void hashmap_free(struct hashmap *m)
{
	free(m->entries);
	free(m->slots);
	*m = (struct hashmap){ 0 };
}

/* slot of key, or the empty slot where it would go */
static size_t find_slot(const struct hashmap *m, struct str key, uint64_t hash)
{
	size_t i = hash & (m->n_slots - 1);

	for (; m->slots[i]; i = (i + 1) & (m->n_slots - 1)) {
		const struct hashmap_entry *e = &m->entries[m->slots[i] - 1];

		if (e->hash == hash && str_eq(e->key, key))
			return i;
	}
	return i;
}

static void rehash(struct hashmap *m, size_t n_slots)
{
	free(m->slots);
	m->slots = base_alloc(n_slots * sizeof(*m->slots));
	m->n_slots = n_slots;
	for (size_t i = 0; i < m->n; i++) {
		size_t s = m->entries[i].hash & (n_slots - 1);

		while (m->slots[s])
			s = (s + 1) & (n_slots - 1);
		m->slots[s] = (uint32_t)i + 1;
	}
}

void *hashmap_get(const struct hashmap *m, struct str key)
{
	size_t s;

	if (!m->n_slots)
		return NULL;
	s = find_slot(m, key, str_hash(key));
	return m->slots[s] ? m->entries[m->slots[s] - 1].value : NULL;
}

void *hashmap_put(struct hashmap *m, struct str key, void *value)
{
	uint64_t hash = str_hash(key);
	size_t s;

	if ((m->n + 1) * 4 > m->n_slots * 3)
		rehash(m, m->n_slots ? m->n_slots * 2 : 16);
	s = find_slot(m, key, hash);
	if (m->slots[s]) {
		struct hashmap_entry *e = &m->entries[m->slots[s] - 1];
		void *old = e->value;

		e->value = value;
		return old;
	}
	vec_grow((void **)&m->entries, &m->cap, m->n + 1, sizeof(*m->entries));
	m->entries[m->n++] = (struct hashmap_entry){ key, value, hash };
	m->slots[s] = (uint32_t)m->n;
	return NULL;
}

void *hashmap_remove(struct hashmap *m, struct str key)
{
	size_t s;
	void *old;

	if (!m->n_slots)
		return NULL;
	s = find_slot(m, key, str_hash(key));
	if (!m->slots[s])
		return NULL;
	old = m->entries[m->slots[s] - 1].value;
	m->entries[m->slots[s] - 1].value = NULL;
	return old;
}
