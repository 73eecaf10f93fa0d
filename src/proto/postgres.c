/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "postgres": the protocol of PostgreSQL, version 3: messages are a letter, a length and a payload; of those that matter the
 * payload is kept up to a bound, others (rows, copied data) are counted. What clients send and what servers answer is in
 * postgres_front.c and postgres_back.c; here are the cutting, and what both share.
 */
#include "proto/postgres_private.h"
#include "proto/decoders.h"

#include <stdlib.h>

/* of a payload that is not yet known to be one; rows and copies may be as long as a field can be */
#define LIKELY_LENGTH (1u << 26)

/* ---- texts, names ---- */

struct postgres_query *postgres_query_new(struct str text)
{
	struct postgres_query *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->refs = 1;
	proto_text_set(&q->text, text, POSTGRES_MAX_QUERY);
	return q;
}

struct postgres_query *postgres_query_get(struct postgres_query *q)
{
	if (q)
		q->refs++;
	return q;
}

void postgres_query_put(struct postgres_query *q)
{
	if (!q || --q->refs)
		return;
	proto_text_free(&q->text);
	free(q);
}

static struct postgres_named **bucket(struct postgres_names *t, struct str name)
{
	return &t->buckets[str_hash(name) % POSTGRES_BUCKETS];
}

struct postgres_named *postgres_find(struct postgres_names *t, struct str name)
{
	struct postgres_named *n = *bucket(t, name);

	while (n && !str_eq(proto_text_str(&n->name), name))
		n = n->next;
	return n;
}

static void named_free(struct postgres_names *t, struct postgres_named **at)
{
	struct postgres_named *n = *at;

	*at = n->next;
	t->n--;
	t->bytes -= n->cost;
	proto_text_free(&n->name);
	proto_text_free(&n->parameters);
	proto_text_free(&n->statement);
	postgres_query_put(n->query);
	free(n);
}

void postgres_forget(struct postgres_names *t, struct str name)
{
	struct postgres_named **at = bucket(t, name);

	while (*at && !str_eq(proto_text_str(&(*at)->name), name))
		at = &(*at)->next;
	if (*at)
		named_free(t, at);
}

void postgres_bound(struct postgres_names *t, const struct postgres_named *but, uint64_t most)
{
	if (t->bytes <= most)
		return;
	for (int i = 0; i < POSTGRES_BUCKETS; i++) {
		struct postgres_named **at = &t->buckets[i];

		while (*at)
			if (*at == but)
				at = &(*at)->next;
			else
				named_free(t, at);
	}
}

struct postgres_named *postgres_put(struct postgres_names *t, struct str name)
{
	struct postgres_named **at = bucket(t, name), *n;

	postgres_forget(t, name);
	/* no client needs so many: those of one bucket go, their texts will not be known */
	while (t->n >= POSTGRES_MAX_STATEMENTS && *at)
		named_free(t, at);
	if (t->n >= POSTGRES_MAX_STATEMENTS)
		return NULL;
	n = calloc(1, sizeof(*n));
	if (!n)
		return NULL;
	proto_text_set(&n->name, name, POSTGRES_MAX_OTHER);
	n->next = *at;
	*at = n;
	t->n++;
	return n;
}

/* ---- what waits for an answer ---- */

struct postgres_item *postgres_item_new(struct postgres_state *st, char kind,
					const struct proto_at *at)
{
	struct postgres_item *it;

	/* nobody answers: it is not known any more what an answer would be for */
	if (st->n >= POSTGRES_MAX_ITEMS) {
		st->is_unsure = true;
		return NULL;
	}
	it = calloc(1, sizeof(*it));
	if (!it)
		return NULL;
	it->kind = kind;
	it->at = *at;
	it->rows = -1;
	it->lost = st->is_unsure;
	fifo_push(st, it);
	return it;
}

void postgres_drop_first(struct postgres_state *st)
{
	struct postgres_item *it = st->first;

	fifo_pop(st);
	st->bytes -= it->cost;
	postgres_query_put(it->query);
	proto_text_free(&it->statement);
	proto_text_free(&it->parameters);
	proto_text_free(&it->tag);
	proto_text_free(&it->error);
	free(it);
}

void postgres_say(struct postgres_state *st, struct proto_conn *c, struct postgres_item *it,
		  uint64_t response_bytes)
{
	bool is_known = it->query || it->is_failed;
	struct proto_msg_postgres f = { .query = it->query  ? proto_text_str(&it->query->text)
						 : is_known ? STR("")
							    : STR("<unknown>"),
					.statement = proto_text_str(&it->statement),
					.tag = proto_text_str(&it->tag),
					.parameters = proto_text_str(&it->parameters),
					.rows = it->rows,
					.error = proto_text_str(&it->error),
					.code = str_from(it->code),
					.user = proto_text_str(&st->user),
					.database = proto_text_str(&st->database),
					.request_bytes = it->request_bytes,
					.response_bytes = response_bytes,
					.duration = it->last ? proto_span(it->at.nsecs, it->last)
							     : -1 };
	struct proto_message m = { .kind = PROTO_KIND_postgres,
				   .direction = c->role == PROTO_CLIENT ? PROTO_OUT : PROTO_IN,
				   .at = it->at,
				   .lost = it->lost,
				   .fields = &f,
				   .data = (const uint8_t *)f.query.p,
				   .n_data = f.query.n,
				   .data_total = it->query ? it->query->text.total : f.query.n };

	proto_emit(c, &m);
}

void postgres_flush(struct postgres_state *st, struct proto_conn *c, bool lost)
{
	while (st->first) {
		struct postgres_item *it = st->first;

		it->lost |= lost;
		if (it->kind == 'Q' || it->kind == 'E')
			postgres_say(st, c, it, 0);
		postgres_drop_first(st);
	}
}

/* ---- cutting ---- */

static bool is_front(const struct proto_conn *c, enum proto_direction d)
{
	return (c->role == PROTO_CLIENT) == (d == PROTO_OUT);
}

static enum proto_match looks_startup(const uint8_t *p, size_t n)
{
	if (p[0] != 0 || (n > 1 && p[1] != 0))
		return PROTO_NO;
	if (n < 8)
		return PROTO_MAYBE;
	switch (proto_be32(p + 4)) {
	case 80877102: return proto_be32(p) == 16 ? PROTO_YES : PROTO_NO;
	case 80877103:
	case 80877104: return proto_be32(p) == 8 ? PROTO_YES : PROTO_NO;
	default:
		return proto_be16(p + 4) == 3 && proto_be16(p + 6) < 16 && proto_be32(p) > 8
			       ? PROTO_YES
			       : PROTO_NO;
	}
}

/* whole messages of these types, the last one may go on behind the end */
static enum proto_match looks_like(const char *types, const uint8_t *p, size_t n, bool is_strict)
{
	size_t at = 0, n_whole = 0;

	while (n - at >= 5) {
		uint32_t length = proto_be32(p + at + 1);

		if (!p[at] || !strchr(types, p[at]) || length < 4 || length > LIKELY_LENGTH)
			return PROTO_NO;
		/* a query is text */
		if (p[at] == 'Q' && (length == 4 || (at + 6 < n && p[at + 5] < ' ' &&
						     !strchr("\t\r\n", p[at + 5]))))
			return PROTO_NO;
		if (p[at] == 'Z' && (length != 5 || (at + 6 <= n && !strchr("ITE", p[at + 5]))))
			return PROTO_NO;
		if (length > n - at - 1)
			return n_whole || !is_strict ? PROTO_YES : PROTO_MAYBE;
		at += length + 1;
		n_whole++;
	}
	if (at < n && (!p[at] || !strchr(types, p[at])))
		return PROTO_NO;
	return n_whole && at == n ? PROTO_YES : n_whole ? PROTO_YES : PROTO_MAYBE;
}

#define FRONT_TYPES "QPBEDCSHFXfcdp"
#define BACK_TYPES "RSKZTDCEN123nstIGHWcdAVv"

static enum proto_match postgres_recognise(enum proto_direction d, const uint8_t *bytes, size_t n)
{
	enum proto_match m;

	if (n == 0)
		return PROTO_MAYBE;
	m = looks_startup(bytes, n);
	if (m == PROTO_NO && strchr("QPB", bytes[0]))
		m = looks_like(FRONT_TYPES, bytes, n, true);
	if (m == PROTO_NO && strchr("RTZ1", bytes[0]))
		m = looks_like(BACK_TYPES, bytes, n, true);
	return m;
}

/* the consumer has asked postgres_recognise() before: a piece of a few bytes may be what it saw more of */
static bool find_sync(struct postgres_state *st, struct proto_conn *c, enum proto_direction d,
		      const uint8_t *p, size_t n)
{
	enum proto_role asking = d == PROTO_OUT ? PROTO_CLIENT : PROTO_SERVER;
	enum proto_role answering = d == PROTO_OUT ? PROTO_SERVER : PROTO_CLIENT;
	struct postgres_side *s = &st->side[d];

	if (c->role == PROTO_ROLE_UNKNOWN) {
		if (looks_startup(p, n) != PROTO_NO) {
			s->is_startup = true;
			c->role = asking;
		} else if (strchr("QPB", *p) && looks_like(FRONT_TYPES, p, n, false) != PROTO_NO) {
			c->role = asking;
		} else if (strchr("RTZ1", *p) && looks_like(BACK_TYPES, p, n, false) != PROTO_NO) {
			c->role = answering;
		} else {
			return false;
		}
		return true;
	}
	return looks_like(is_front(c, d) ? FRONT_TYPES : BACK_TYPES, p, n, false) != PROTO_NO;
}

static void side_lose(struct postgres_state *st, enum proto_direction d)
{
	struct postgres_side *s = &st->side[d];

	s->is_in_sync = s->is_raw_byte = s->is_startup = false;
	s->n_head = s->left = 0;
	proto_text_clear(&s->payload);
	for (struct postgres_item *it = st->first; it; it = it->next)
		it->lost = true;
	st->is_unsure = st->n > 0;
	st->has_batch = st->is_skipping = false;
}

/* the head of a message is together; false: it is none */
static bool begin_message(struct postgres_state *st, const struct proto_conn *c,
			  enum proto_direction d)
{
	struct postgres_side *s = &st->side[d];
	bool front = is_front(c, d);
	uint32_t length = proto_be32(s->head + !s->is_startup);

	s->type = s->is_startup ? 0 : (char)s->head[0];
	s->keep = s->is_startup ? POSTGRES_MAX_OTHER
		  : front       ? postgres_front_keep(s->type)
				: postgres_back_keep(s->type);
	if (length < 4 || length > INT32_MAX)
		return false;
	if (s->is_startup ? length < 8 || length > 10000
			  : !strchr(front ? FRONT_TYPES : BACK_TYPES, s->type))
		return false;
	s->left = length - 4;
	return true;
}

static void end_message(struct postgres_state *st, struct proto_conn *c,
			const struct proto_piece *p)
{
	struct postgres_side *s = &st->side[p->direction];

	if (s->is_startup)
		postgres_startup(st, c, p->direction);
	else if (is_front(c, p->direction))
		postgres_front(st, c, p->direction);
	else
		postgres_back(st, c, p->direction, p->at.nsecs);
	s->n_head = 0;
	proto_text_clear(&s->payload);
}

/* the one byte that answers SSLRequest; false: what follows is enciphered */
static bool take_raw_byte(struct postgres_state *st, struct proto_conn *c, enum proto_direction d,
			  uint8_t byte)
{
	st->side[d].is_raw_byte = false;
	if (byte == 'N')
		return true;
	c->is_ignored = true;
	return false;
}

static void postgres_feed(void *state, struct proto_conn *c, const struct proto_piece *p)
{
	struct postgres_state *st = state;
	struct postgres_side *s = &st->side[p->direction];
	const uint8_t *at = p->bytes, *end = p->bytes + p->n;

	if (!s->is_in_sync) {
		if (p->call_offset != 0 || !find_sync(st, c, p->direction, at, p->n))
			return;
		s->is_in_sync = true;
		s->bytes = 0;
	}
	while (at < end && !c->is_ignored) {
		uint32_t want = s->is_startup ? 4 : 5;
		size_t n;

		if (s->is_raw_byte) {
			if (!take_raw_byte(st, c, p->direction, *at++))
				return;
			continue;
		}
		if (s->n_head < want) {
			if (s->n_head == 0)
				s->at = p->at;
			s->head[s->n_head++] = *at++;
			s->bytes++;
			if (s->n_head < want)
				continue;
			if (!begin_message(st, c, p->direction)) {
				side_lose(st, p->direction);
				return;
			}
		}
		n = s->left < (size_t)(end - at) ? s->left : (size_t)(end - at);
		if (s->keep)
			proto_text_add(&s->payload, at, n, s->keep);
		at += n;
		s->left -= (uint32_t)n;
		s->bytes += n;
		if (s->left == 0)
			end_message(st, c, p);
	}
}

static void postgres_gap(void *state, struct proto_conn *c, enum proto_direction d, uint64_t lost)
{
	struct postgres_state *st = state;
	struct postgres_side *s = &st->side[d];

	if (!s->is_in_sync) {
		st->is_unsure |= st->n > 0;
		return;
	}
	/* in the middle of a message of which only the length matters */
	if (lost != PROTO_LOST_UNKNOWN && s->n_head == 5 && !s->keep && lost < s->left) {
		s->left -= (uint32_t)lost;
		s->bytes += lost;
		return;
	}
	side_lose(st, d);
}

static void postgres_end(void *state, struct proto_conn *c)
{
	struct postgres_state *st = state;

	postgres_flush(st, c, false);
	for (int i = 0; i < POSTGRES_BUCKETS; i++) {
		while (st->statements.buckets[i])
			named_free(&st->statements, &st->statements.buckets[i]);
		while (st->portals.buckets[i])
			named_free(&st->portals, &st->portals.buckets[i]);
	}
	proto_text_free(&st->side[0].payload);
	proto_text_free(&st->side[1].payload);
	proto_text_free(&st->user);
	proto_text_free(&st->database);
}

static size_t postgres_memory(const void *state)
{
	const struct postgres_state *st = state;

	return (st->statements.n + st->portals.n) * sizeof(struct postgres_named) +
	       st->statements.bytes + st->portals.bytes + st->bytes +
	       st->n * sizeof(struct postgres_item) + st->side[0].payload.room +
	       st->side[1].payload.room;
}

const struct proto_ops proto_postgres = {
	.name = "postgres",
	.state_size = sizeof(struct postgres_state),
	.recognise = postgres_recognise,
	.feed = postgres_feed,
	.gap = postgres_gap,
	.end = postgres_end,
	.memory = postgres_memory,
};
