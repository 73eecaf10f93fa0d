/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From types as written to types: names of the language, then names of C from the script's own
 * definitions and the kernel's, then pointers and dimensions. A typeof() inside takes the type that
 * inference has found so far for its expression, so the same type expression may be resolved again
 * in every round.
 */
#include "sema/sema_private.h"
#include "lang/ctypes.h"

struct named_type {
	const char *name;
	enum type_kind kind;
	uint8_t size;
	bool is_signed;
};

static const struct named_type named_types[] = {
	{ "bool", TYPE_BOOL },
	{ "int8", TYPE_INT, 1, true },
	{ "int16", TYPE_INT, 2, true },
	{ "int32", TYPE_INT, 4, true },
	{ "int64", TYPE_INT, 8, true },
	{ "uint8", TYPE_INT, 1, false },
	{ "uint16", TYPE_INT, 2, false },
	{ "uint32", TYPE_INT, 4, false },
	{ "uint64", TYPE_INT, 8, false },
	{ "void", TYPE_VOID },
	{ "ksym_t", TYPE_KSYM },
	{ "usym_t", TYPE_USYM },
	{ "inet", TYPE_INET },
	{ "macaddr_t", TYPE_MACADDR },
	{ "mac_address", TYPE_MACADDR },
	{ "timestamp", TYPE_TIMESTAMP },
	{ "cgroup_path_t", TYPE_CGROUP_PATH },
	{ "username_t", TYPE_USERNAME },
	{ "username", TYPE_USERNAME },
	{ "count_t", TYPE_COUNT },
	{ "sum_t", TYPE_SUM, 8, true },
	{ "usum_t", TYPE_SUM, 8, false },
	{ "avg_t", TYPE_AVG, 8, true },
	{ "uavg_t", TYPE_AVG, 8, false },
	{ "min_t", TYPE_MIN, 8, true },
	{ "umin_t", TYPE_MIN, 8, false },
	{ "max_t", TYPE_MAX, 8, true },
	{ "umax_t", TYPE_MAX, 8, false },
	{ "stats_t", TYPE_STATS, 8, true },
	{ "ustats_t", TYPE_STATS, 8, false },
	{ "hist_t", TYPE_HIST, 8, true },
	{ "lhist_t", TYPE_LHIST, 8, true },
	{ "tseries_t", TYPE_TSERIES, 8, true },
};

static const struct type *make_named(struct sema *s, const struct named_type *n)
{
	switch (n->kind) {
	case TYPE_INT: return type_int(n->size, n->is_signed);
	case TYPE_SUM:
	case TYPE_AVG:
	case TYPE_MIN:
	case TYPE_MAX:
	case TYPE_STATS:
	case TYPE_HIST:
	case TYPE_LHIST:
	case TYPE_TSERIES: return type_aggregate(s->tt, n->kind, n->is_signed, NULL);
	default: return type_simple(n->kind);
	}
}

/* the script's own definition comes first, then the one of the probed file: two programs may lay out one name differently */
static const struct type *find_in_target(struct sema *s, char keyword, struct str name)
{
	struct type_source *own = s->opts->script_source, *target = s->shape->types;
	const struct type *t = own ? own->ops->find(own, keyword, name) : NULL;

	return t ? t : target->ops->find(target, keyword, name);
}

const struct type *find_named_type(struct sema *s, char keyword, struct str name)
{
	struct type_source *src = s->opts->source;
	const struct ctype_base *base;
	const struct type *t;

	for (size_t i = 0; keyword == 0 && i < sizeof(named_types) / sizeof(*named_types); i++) {
		if (str_is(name, named_types[i].name))
			return make_named(s, &named_types[i]);
	}
	if (s->shape && s->shape->types) {
		t = find_in_target(s, keyword ? keyword : 't', name);
		if (t)
			return t;
	}
	if (keyword)
		return src ? src->ops->find(src, keyword, name) : NULL;
	t = src ? src->ops->find(src, 't', name) : NULL;
	if (t)
		return t;
	/* names of C that need no kernel to be known */
	base = ctype_find_base(name);
	if (!base)
		return NULL;
	return base->is_void   ? type_void()
	       : base->is_bool ? type_bool()
			       : type_int(base->size, base->is_signed);
}

static const struct type *unknown_type(struct sema *s, const struct type_expr *t)
{
	const char *keyword = t->keyword == 's' ? "struct " : t->keyword == 'u' ? "union " : "";

	if (t->keyword == 'e')
		sema_error(s, D_SEMA_UNKNOWN_TYPE, t->at, "Unknown enum: %.*s", STR_ARG(t->name));
	else
		sema_error(s, D_SEMA_UNKNOWN_TYPE, t->at, "Cannot resolve unknown type \"%s%.*s\"",
			   keyword, STR_ARG(t->name));
	return NULL;
}

/* [N] behind the name of a type that has a size of its own */
static bool takes_size(struct str name)
{
	return str_is(name, "string") || str_is(name, "buffer") || str_is(name, "inet");
}

static const struct type *sized_type(struct sema *s, const struct type_expr *t, bool *is_unsized)
{
	int64_t n = t->n_dims ? t->dims[0] : -1;

	if (str_is(t->name, "inet"))
		return type_simple(TYPE_INET);
	if (n > INT32_MAX) {
		sema_error(s, D_SEMA_BAD_TYPE, t->at, "A %.*s of %lld bytes is too large",
			   STR_ARG(t->name), (long long)n);
		return NULL;
	}
	/* the callers of a function are compiled against its signature: no value can say the size */
	if (n < 0 && s->in_signature)
		n = s->unit->config.max_strlen + str_is(t->name, "string");
	if (n < 0)
		*is_unsized = true;
	if (str_is(t->name, "buffer"))
		return type_buffer(s->tt, n < 0 ? 0 : (uint32_t)n);
	return type_string(s->tt, n < 1 ? 1 : (uint32_t)n);
}

static const struct type *base_type(struct sema *s, struct type_expr *t, bool *is_unsized)
{
	const struct type *elems[64];
	const struct type *r;
	uint32_t n = 0;

	switch (t->form) {
	case TE_TYPEOF:
		/* a type that a macro's argument stands for */
		if (!t->expr)
			return t->elems ? type_expr_resolve(s, t->elems, is_unsized) : NULL;
		s->in_type++;
		r = type_plain(s, infer(s, &t->expr, WANT_PLACE | WANT_MAP | WANT_AGGREGATION));
		s->in_type--;
		/* a map as a whole stands for its key */
		if (t->expr->kind == NODE_MAP && !t->expr->map.key && t->expr->map.ref) {
			struct map_state *m = (struct map_state *)t->expr->map.ref;

			if (m->is_keyed)
				r = type_plain(s, map_key(m));
		}
		return is_unknown(r) ? NULL : r;
	case TE_TUPLE:
		for (struct type_expr *e = t->elems; e; e = e->next) {
			bool ignored = false;

			if (n == 64 || !(elems[n] = type_expr_resolve(s, e, &ignored)))
				return NULL;
			n++;
		}
		return type_tuple(s->tt, elems, NULL, n);
	default:
		if (!t->keyword && takes_size(t->name))
			return sized_type(s, t, is_unsized);
		if (!t->keyword && (str_is(t->name, "kstack_t") || str_is(t->name, "ustack_t")))
			return type_stack(s->tt, t->name.p[0] == 'k' ? TYPE_KSTACK : TYPE_USTACK,
					  s->unit->config.stack_mode, 127);
		r = find_named_type(s, t->keyword, t->name);
		return r ? r : unknown_type(s, t);
	}
}

const struct type *type_expr_resolve(struct sema *s, struct type_expr *t, bool *is_unsized)
{
	const struct type *r;
	bool has_size = t->form == TE_NAME && !t->keyword && takes_size(t->name);
	uint64_t total;

	if (t->resolved && t->form != TE_TYPEOF)
		return t->resolved;
	for (uint8_t i = 0; i < t->n_dims; i++) {
		if (!t->dim_exprs[i])
			continue;
		if (!const_int(t->dim_exprs[i], &t->dims[i]) || t->dims[i] < 0) {
			sema_error(s, D_SEMA_BAD_TYPE, t->at,
				   "The size of a type must be a literal that is not negative");
			return NULL;
		}
	}
	r = base_type(s, t, is_unsized);
	if (!r)
		return NULL;
	for (uint8_t i = 0; i < t->n_pointers; i++)
		r = type_pointer(s->tt, r, SPACE_NONE);
	total = r->size;
	for (int i = t->n_dims - 1; i >= (has_size && !t->n_pointers ? 1 : 0); i--) {
		total *= t->dims[i] < 0 ? 1 : (uint64_t)t->dims[i];
		if (total > INT32_MAX) {
			sema_error(s, D_SEMA_BAD_TYPE, t->at, "This type is too large");
			return NULL;
		}
		if (t->dims[i] < 0)
			*is_unsized = true;
		r = type_array(s->tt, r, t->dims[i] < 0 ? 0 : (uint32_t)t->dims[i]);
	}
	for (uint8_t i = 0; i < t->n_outer_pointers; i++)
		r = type_pointer(s->tt, r, SPACE_NONE);
	if (!*is_unsized && t->form == TE_NAME)
		t->resolved = r;
	return r;
}
