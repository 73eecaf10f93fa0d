/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Maps: access, keys, values, declarations. */
#include "sema/sema_private.h"

void map_value_joins(struct sema *s, struct map_state *m, const struct type *t,
		     const struct node *by)
{
	const struct type *joined;

	if (s->is_checking || is_unknown(t))
		return;
	if (!m->m.first_value)
		m->m.first_value = by;
	joined = m->next_value ? type_join(s, m->next_value, t) : t;
	if (joined)
		m->next_value = joined;
}

/* the key as its parts are written in messages: a tuple keeps its parentheses */
static void report_key(struct sema *s, struct map_state *m, struct node *access,
		       const struct type *t)
{
	sema_error(
		s, D_SEMA_MAP_KEY_TYPE, access->at,
		"Argument mismatch for %.*s: trying to access with arguments: '%s' when map expects arguments: '%s'",
		STR_ARG(m->m.name), spelled(s, type_plain(s, t)), spelled(s, m->m.key_type));
}

/* what may not be a key; true when reported */
static bool report_key_kind(struct sema *s, struct node *key, const struct type *t)
{
	struct diag *d;

	if (!type_is_aggregation(t) && t->kind != TYPE_VOID && t->kind != TYPE_BLOB)
		return false;
	d = sema_error(s, D_SEMA_AGGREGATION_USE, key->at,
		       "Value '%s' cannot be used as a map key.", spelled(s, t));
	if (type_is_castable_aggregation(t))
		sema_hint(
			s, d,
			"Add a cast to integer if you want the value of the aggregate, e.g. `@x = (int64)@y;`.");
	return true;
}

const struct type *infer_key(struct sema *s, struct map_state *m, struct node *access,
			     struct node **key)
{
	const struct type *t = infer(s, key, 0), *joined;

	if (is_unknown(t) || report_key_kind(s, *key, t))
		return type_poison();
	if (!s->is_checking) {
		joined = m->next_key ? type_join(s, m->next_key, t) : t;
		if (joined)
			m->next_key = joined;
		if (!m->m.first_key)
			m->m.first_key = *key;
		return t;
	}
	/*
	 * the first access decides when two do not fit: then this one is to blame, or is too small
	 * to be told from it
	 */
	if (!type_join(s, m->m.key_type, t) || !is_coercible(s, t, m->m.key_type)) {
		report_key(s, m, access, t);
		return type_poison();
	}
	warn_sign(s, access->at, t, m->m.key_type);
	if (!coerce(s, key, m->m.key_type))
		report_key(s, m, access, t);
	return m->m.key_type;
}

const struct type *infer_map(struct sema *s, struct node **slot, unsigned want)
{
	struct node *n = *slot;
	struct map_state *m = (struct map_state *)n->map.ref;
	const struct type *t;

	if (!m)
		return type_poison();
	if (n->map.key)
		infer_key(s, m, n, &n->map.key);
	t = type_plain(s, map_value(m));
	if (s->is_locking && !m->locked_value) {
		m->locked_value = t;
		m->locked_key = type_plain(s, map_key(m));
	}
	if (is_unknown(t) && s->is_checking) {
		/* a map without values that was reported for its assignments is silent */
		if (!m->is_assigned)
			sema_error(s, D_SEMA_UNDEFINED_MAP, n->at, "Undefined map: %.*s",
				   STR_ARG(m->m.name));
		return type_poison();
	}
	/* struct, array: the value lies in the map's memory */
	n->space = SPACE_BPF;
	return t;
}

/* ---- maps as a whole ---- */

static bool is_percpu_value(const struct type *t)
{
	return type_is_aggregation(t);
}

static const char *const kind_names[] = {
	[MAP_KIND_HASH] = "hash",
	[MAP_KIND_LRUHASH] = "lruhash",
	[MAP_KIND_PERCPUHASH] = "percpuhash",
	[MAP_KIND_PERCPULRUHASH] = "percpulruhash",
};

static void check_declaration(struct sema *s, struct map_state *m)
{
	const struct map_decl *d = m->decl;
	bool is_percpu = !is_unknown(m->m.value_type) && is_percpu_value(m->m.value_type);
	bool is_declared_percpu;
	int kind = -1;

	for (unsigned i = 0; i < sizeof(kind_names) / sizeof(*kind_names); i++) {
		if (str_is(d->kind, kind_names[i]))
			kind = (int)i;
	}
	if (kind < 0) {
		struct diag *e = sema_error(s, D_SEMA_MAP_DECLARATION, d->at,
					    "Invalid bpf map type: %.*s", STR_ARG(d->kind));

		sema_hint(s, e, "Valid map types: percpulruhash, percpuhash, lruhash, hash");
		return;
	}
	is_declared_percpu = kind == MAP_KIND_PERCPUHASH || kind == MAP_KIND_PERCPULRUHASH;
	if (is_percpu != is_declared_percpu && !is_unknown(m->m.value_type))
		sema_error(
			s, D_SEMA_MAP_DECLARATION, d->at,
			"Incompatible map types. Type from declaration: %s. Type from value/key type: %s",
			kind_names[kind], is_percpu ? "percpuhash" : "hash");
	if (d->max_entries < 1 || d->max_entries > UINT32_MAX)
		sema_error(s, D_SEMA_MAP_DECLARATION, d->at,
			   "%.*s: the number of entries must be between 1 and %u", STR_ARG(d->name),
			   UINT32_MAX);
	if (m->is_scalar && d->max_entries != 1)
		sema_error(s, D_SEMA_MAP_DECLARATION, d->at,
			   "Max entries can only be 1 for scalar maps: %.*s", STR_ARG(d->name));
	m->m.kind = (enum map_kind)kind;
	m->m.max_entries = (uint32_t)d->max_entries;
	m->m.is_declared = true;
}

void check_maps(struct sema *s)
{
	struct unit *u = s->unit;
	uint32_t n = 0;

	for (const struct map_decl *d = s->script->maps; d; d = d->next) {
		struct map_state *m = hashmap_get(&s->maps, d->name);

		if (!m) {
			sema_warning(s, D_SEMA_UNUSED_MAP, d->at, "Unused map: %.*s",
				     STR_ARG(d->name));
			continue;
		}
		m->decl = d;
	}
	for (uint32_t i = 0; i < u->n_maps; i++) {
		struct map_state *m = (struct map_state *)u->maps[i];

		m->m.kind = !is_unknown(m->m.value_type) && is_percpu_value(m->m.value_type)
				    ? MAP_KIND_PERCPUHASH
				    : MAP_KIND_HASH;
		m->m.max_entries = m->is_scalar ? 1 : (uint32_t)u->config.max_map_keys;
		if (m->is_scalar || is_unknown(m->m.key_type))
			m->m.key_type = NULL;
		if (m->decl)
			check_declaration(s, m);
		/* only measured by sizeof and the like: it does not exist */
		if (is_unknown(m->m.value_type)) {
			if (m->is_assigned && !s->diags->n_errors)
				sema_error(s, D_SEMA_NO_TYPE, m->m.at,
					   "Could not resolve the type of %.*s",
					   STR_ARG(m->m.name));
			continue;
		}
		m->m.index = n;
		u->maps[n++] = &m->m;
	}
	u->n_maps = n;
}
