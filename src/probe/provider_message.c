/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * message:KIND: what decoders make of the bytes that stream() sends. Nothing is attached: the consumer runs these programs, once
 * for each message, when it has written the message into a map (src/stream). What a message has in it is in
 * proto/messages.def; every kind is a shape of its own.
 */
#include "probe/match_private.h"

enum { MAX_FIELDS = 64 };

/* clang-format off */
enum field_type { F_U64, F_I64, F_BOOL, F_DURATION, F_STRING };
struct field { const char *kind, *name; enum field_type type; uint32_t size; };

static const struct field fields[] = {
#define MESSAGE_BEGIN(kind, summary)
#define FIELD(kind, name, type, size, summary) { #kind, #name, F_##type, size },
#define MESSAGE_END(kind)
#include "proto/messages.def"
};

static const char *const kinds[] = {
#define MESSAGE_BEGIN(kind, summary) #kind,
#define FIELD(kind, name, type, size, summary)
#define MESSAGE_END(kind)
#include "proto/messages.def"
	NULL,
};
/* clang-format on */

const char *message_kind_name(uint32_t i)
{
	return i < sizeof(kinds) / sizeof(*kinds) ? kinds[i] : NULL;
}

struct args {
	struct type_table *tt;
	const struct type *types[MAX_FIELDS];
	struct str names[MAX_FIELDS];
	uint32_t n;
};

static void add(struct args *a, const char *name, const struct type *t)
{
	if (a->n == MAX_FIELDS)
		return;
	a->types[a->n] = t;
	a->names[a->n++] = str_from(name);
}

static const struct type *type_of(struct type_table *tt, const struct field *f)
{
	switch (f->type) {
	case F_U64: return type_int(8, false);
	case F_I64:
	case F_DURATION: return type_int(8, true);
	case F_BOOL: return type_bool();
	default: return type_string(tt, f->size);
	}
}

/* the names are those that src/stream fills in */
static const struct type *args_of(struct type_table *tt, const char *kind)
{
	struct args a = { .tt = tt };

	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		if (!strcmp(fields[i].kind, kind))
			add(&a, fields[i].name, type_of(tt, &fields[i]));
	add(&a, "local", type_simple(TYPE_INET));
	add(&a, "local_port", type_int(2, false));
	add(&a, "remote", type_simple(TYPE_INET));
	add(&a, "remote_port", type_int(2, false));
	add(&a, "fd", type_int(4, true));
	add(&a, "conn", type_int(8, false));
	add(&a, "role", type_string(tt, 8));
	add(&a, "direction", type_string(tt, 8));
	add(&a, "tls", type_bool());
	add(&a, "lost", type_bool());
	add(&a, "data", type_simple(TYPE_BLOB));
	return type_tuple(tt, a.types, a.names, a.n);
}

void match_message(struct match *m)
{
	struct nearest near;
	struct str hint;

	nearest_init(&near, m->spec->target);
	for (uint32_t i = 0; kinds[i]; i++) {
		struct probe_shape *shape;
		struct probe_point *p;
		size_t n;

		nearest_offer(&near, str_from(kinds[i]));
		if (!str_glob(m->spec->target, str_from(kinds[i])))
			continue;
		n = match_add_shape(m, ARGS_MESSAGE);
		shape = m->shapes.v[n].shape;
		shape->args = args_of(m->c->types, kinds[i]);
		p = match_add_point(m, n);
		p->symbol = str_from(kinds[i]);
		p->name = arena_printf(m->c->arena, "message:%s", kinds[i]);
	}
	if (match_n_points(m))
		return;
	hint = nearest_hint(&near, m->diags->arena);
	match_none(m, hint.n ? hint.p : "sonde -l 'message:*' lists them");
}
