/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PostgreSQL, what clients say: queries, and the three steps of the extended protocol: Parse gives a text a name, Bind makes a
 * portal of it with parameters, Execute runs the portal. https://www.postgresql.org/docs/current/protocol-message-formats.html
 * Passwords are never kept.
 */
#include "proto/postgres_private.h"

#include <stdio.h>

uint32_t postgres_front_keep(char type)
{
	switch (type) {
	case 'Q':
	case 'P':
	case 'B': return POSTGRES_MAX_QUERY;
	case 'E':
	case 'C': return POSTGRES_MAX_OTHER;
	default: return 0;
	}
}

/* NUL-terminated text; what was cut ends with the bytes that are there */
static struct str take_text(const uint8_t **p, const uint8_t *end)
{
	const uint8_t *from = *p, *nul = *p < end ? memchr(*p, 0, (size_t)(end - *p)) : NULL;

	*p = nul ? nul + 1 : end;
	return str_make((const char *)from, (size_t)((nul ? nul : end) - from));
}

static bool take_u16(const uint8_t **p, const uint8_t *end, uint32_t *out)
{
	if (end - *p < 2)
		return false;
	*out = proto_be16(*p);
	*p += 2;
	return true;
}

static void put(struct proto_text *t, struct str s)
{
	proto_text_add_str(t, s, POSTGRES_MAX_PARAMETERS);
}

static void put_value(struct proto_text *t, const uint8_t *p, uint64_t n, bool is_binary)
{
	char hex[3];

	if (t->n >= POSTGRES_MAX_PARAMETERS) {
		t->total += n;
		return;
	}
	put(t, is_binary ? STR("\\x") : STR("'"));
	for (uint64_t i = 0; i < n && t->n < POSTGRES_MAX_PARAMETERS; i++) {
		snprintf(hex, sizeof(hex), "%02x", p[i]);
		if (is_binary)
			put(t, str_make(hex, 2));
		else if (p[i] == '\'')
			put(t, STR("''"));
		else
			put(t, str_make((const char *)p + i, 1));
	}
	if (!is_binary)
		put(t, STR("'"));
}

/* formats, then lengths and values: "$1 = 'a', $2 = NULL" */
static void take_parameters(struct proto_text *t, const uint8_t *p, const uint8_t *end)
{
	const uint8_t *formats;
	uint32_t n_formats, n;
	char name[24];

	if (!take_u16(&p, end, &n_formats) || (size_t)(end - p) < 2 * (size_t)n_formats)
		return;
	formats = p;
	p += 2 * n_formats;
	if (!take_u16(&p, end, &n))
		return;
	for (uint32_t i = 0; i < n && end - p >= 4; i++) {
		uint32_t length = proto_be32(p), have;
		bool is_binary = n_formats && proto_be16(formats + 2 * (n_formats == 1  ? 0
									: i < n_formats ? i
											: 0)) == 1;

		p += 4;
		snprintf(name, sizeof(name), "%s$%u = ", i ? ", " : "", i + 1);
		put(t, str_from(name));
		if (length == UINT32_MAX) {
			put(t, STR("NULL"));
			continue;
		}
		have = length < (uint64_t)(end - p) ? length : (uint32_t)(end - p);
		put_value(t, p, have, is_binary);
		if (have < length)
			put(t, STR("..."));
		p += have;
	}
}

static void add_cost(struct postgres_state *st, struct postgres_item *it)
{
	it->cost = it->query ? it->query->text.room : 0;
	st->bytes += it->cost;
}

static void begin_batch(struct postgres_state *st, const struct postgres_side *s)
{
	if (!st->has_batch)
		st->batch_at = s->at;
	st->has_batch = true;
}

static void take_parse(struct postgres_state *st, struct proto_conn *c,
		       const struct postgres_side *s, const uint8_t *p, const uint8_t *end)
{
	struct str name = take_text(&p, end), text = take_text(&p, end);
	struct postgres_named *named;
	struct postgres_item *it;
	struct postgres_query *q;

	begin_batch(st, s);
	if (st->is_skipping)
		return;
	q = postgres_query_new(text);
	named = postgres_put(&st->statements, name);
	if (named) {
		named->query = postgres_query_get(q);
		named->cost = q ? q->text.room : 0;
		st->statements.bytes += named->cost;
		postgres_bound(&st->statements, named, c->max_bytes / 2);
	}
	it = postgres_item_new(st, 'P', &s->at);
	if (it) {
		it->query = postgres_query_get(q);
		add_cost(st, it);
		proto_text_set(&it->statement, name, POSTGRES_MAX_OTHER);
	}
	postgres_query_put(q);
}

static void take_bind(struct postgres_state *st, struct proto_conn *c,
		      const struct postgres_side *s, const uint8_t *p, const uint8_t *end)
{
	struct str name = take_text(&p, end), statement = take_text(&p, end);
	struct postgres_named *from = postgres_find(&st->statements, statement), *portal;
	struct postgres_item *it;

	begin_batch(st, s);
	if (st->is_skipping)
		return;
	portal = postgres_put(&st->portals, name);
	if (!portal)
		return;
	portal->query = from ? postgres_query_get(from->query) : NULL;
	proto_text_set(&portal->statement, statement, POSTGRES_MAX_OTHER);
	take_parameters(&portal->parameters, p, end);
	portal->cost = portal->parameters.room;
	st->portals.bytes += portal->cost;
	postgres_bound(&st->portals, portal, c->max_bytes / 2);
	it = postgres_item_new(st, 'B', &s->at);
	if (it) {
		it->query = postgres_query_get(portal->query);
		proto_text_set(&it->statement, statement, POSTGRES_MAX_OTHER);
		proto_text_set(&it->parameters, proto_text_str(&portal->parameters),
			       POSTGRES_MAX_PARAMETERS);
	}
}

static void take_execute(struct postgres_state *st, struct postgres_side *s, const uint8_t *p,
			 const uint8_t *end)
{
	struct postgres_named *portal = postgres_find(&st->portals, take_text(&p, end));
	struct postgres_item *it;

	begin_batch(st, s);
	st->has_batch = false;
	it = st->is_skipping ? NULL : postgres_item_new(st, 'E', &st->batch_at);
	if (!it)
		return;
	it->request_bytes = s->bytes;
	s->bytes = 0;
	if (!portal)
		return;
	it->query = postgres_query_get(portal->query);
	proto_text_set(&it->statement, proto_text_str(&portal->statement), POSTGRES_MAX_OTHER);
	proto_text_set(&it->parameters, proto_text_str(&portal->parameters),
		       POSTGRES_MAX_PARAMETERS);
}

void postgres_front(struct postgres_state *st, struct proto_conn *c, enum proto_direction d)
{
	struct postgres_side *s = &st->side[d];
	const uint8_t *p = (const uint8_t *)proto_text_str(&s->payload).p;
	const uint8_t *end = p + s->payload.n;
	struct postgres_item *it;

	if (st->bytes > c->max_bytes / 2)
		st->is_unsure = true;
	if (st->is_unsure && strchr("QPBEF", s->type))
		postgres_flush(st, c, true);
	switch (s->type) {
	case 'Q':
	case 'F':
		it = postgres_item_new(st, s->type, &s->at);
		if (it && s->type == 'Q')
			it->query = postgres_query_new(take_text(&p, end));
		if (it) {
			it->request_bytes = s->bytes;
			add_cost(st, it);
		}
		s->bytes = 0;
		break;
	case 'P': take_parse(st, c, s, p, end); break;
	case 'B': take_bind(st, c, s, p, end); break;
	case 'E': take_execute(st, s, p, end); break;
	case 'C': /* Close, of a statement or a portal */
		if (p < end && !st->is_skipping) {
			struct postgres_names *t = *p == 'S' ? &st->statements : &st->portals;

			p++;
			postgres_forget(t, take_text(&p, end));
		}
		break;
	case 'S':
		postgres_item_new(st, 'S', &s->at);
		st->is_skipping = st->has_batch = false;
		s->bytes = 0;
		break;
	case 'p':
	case 'd':
	case 'c':
	case 'f': /* passwords and copied data are no part of a query */ s->bytes = 0; break;
	default: break;
	}
}

/* the messages without a type: 4 bytes of length were read, the payload begins with a number */
void postgres_startup(struct postgres_state *st, struct proto_conn *c, enum proto_direction d)
{
	struct postgres_side *s = &st->side[d];
	const uint8_t *p = (const uint8_t *)proto_text_str(&s->payload).p;
	const uint8_t *end = p + s->payload.n;
	uint32_t code = s->payload.n >= 4 ? proto_be32(p) : 0;

	if (code == 80877103 || code == 80877104) { /* SSLRequest, GSSENCRequest */
		st->side[!d].is_raw_byte = true;
		st->side[!d].is_in_sync = true;
		return;
	}
	if (code >> 16 != 3) { /* CancelRequest, or a version of long ago */
		c->is_ignored = true;
		return;
	}
	s->is_startup = false;
	st->is_starting = true;
	s->bytes = 0;
	st->side[!d].is_in_sync = true;
	st->side[!d].is_raw_byte = false;
	for (p += 4; p < end && *p;) {
		struct str name = take_text(&p, end), value = take_text(&p, end);

		if (str_is(name, "user"))
			proto_text_set(&st->user, value, POSTGRES_MAX_OTHER);
		else if (str_is(name, "database"))
			proto_text_set(&st->database, value, POSTGRES_MAX_OTHER);
		else if (str_is(name, "replication") && !str_is(value, "false"))
			c->is_ignored = true;
	}
	if (!st->database.n)
		proto_text_set(&st->database, proto_text_str(&st->user), POSTGRES_MAX_OTHER);
}
