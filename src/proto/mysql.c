/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "mysql": the protocol of MySQL and MariaDB: packets of three bytes of length, a sequence number and a payload; those of the
 * greatest length go on in the next. What clients and servers say is in mysql_front.c and mysql_back.c; here are the cutting,
 * the recognition, and what both share. A connection that is compressed is said to be, and left alone; so is TLS.
 */
#include "proto/mysql_private.h"
#include "proto/decoders.h"

#include <stdlib.h>

/* first bytes that may be kept until they are known */
#define MAX_PRELUDE 128

/* ---- names ---- */

const char *mysql_command_name(uint8_t command)
{
	static const struct {
		uint8_t number;
		const char *name;
	} rows[] = {
#define MYSQL_COMMAND(number, name) { number, name },
#include "proto/mysql_commands.def"
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].number == command)
			return rows[i].name;
	return NULL;
}

/* ---- prepared statements ---- */

struct mysql_statement *mysql_statement_find(struct mysql_state *st, uint32_t id)
{
	struct mysql_statement *s = st->statements;

	while (s && s->id != id)
		s = s->next;
	return s;
}

static void statement_free(struct mysql_state *st, struct mysql_statement **at)
{
	struct mysql_statement *s = *at;

	*at = s->next;
	st->n_statements--;
	st->statement_bytes -= s->text.room;
	proto_text_free(&s->text);
	free(s);
}

void mysql_statement_forget(struct mysql_state *st, uint32_t id)
{
	struct mysql_statement **at = &st->statements;

	while (*at && (*at)->id != id)
		at = &(*at)->next;
	if (*at)
		statement_free(st, at);
}

void mysql_statement_add(struct mysql_state *st, uint32_t id, struct str text, uint64_t most)
{
	struct mysql_statement *s, **at;

	mysql_statement_forget(st, id);
	s = calloc(1, sizeof(*s));
	if (!s)
		return;
	s->id = id;
	proto_text_set(&s->text, text, MYSQL_MAX_QUERY);
	s->next = st->statements;
	st->statements = s;
	st->n_statements++;
	st->statement_bytes += s->text.room;
	/* the oldest go: executed once more, they are said to be unknown */
	while (st->n_statements > 1 &&
	       (st->n_statements > MYSQL_MAX_STATEMENTS || st->statement_bytes > most)) {
		for (at = &st->statements; (*at)->next; at = &(*at)->next)
			;
		statement_free(st, at);
	}
}

/* ---- what waits for an answer ---- */

struct mysql_item *mysql_item_new(struct mysql_state *st, struct proto_conn *c, uint8_t command,
				  const struct proto_at *at)
{
	struct mysql_item *it;

	if (st->n >= MYSQL_MAX_ITEMS || st->bytes > c->max_bytes / 2) {
		mysql_flush(st, c, true);
		st->is_unsure = true;
	}
	it = calloc(1, sizeof(*it));
	if (!it)
		return NULL;
	it->command = command;
	it->at = *at;
	it->rows = -1;
	it->lost = st->is_unsure;
	fifo_push(st, it);
	return it;
}

void mysql_drop_first(struct mysql_state *st)
{
	struct mysql_item *it = st->first;

	fifo_pop(st);
	st->bytes -= it->query.room <= st->bytes ? it->query.room : st->bytes;
	proto_text_free(&it->query);
	proto_text_free(&it->error);
	free(it);
}

void mysql_say(struct mysql_state *st, struct proto_conn *c, struct mysql_item *it,
	       uint64_t response_bytes, uint64_t nsecs)
{
	struct proto_msg_mysql f = { .command = str_from(mysql_command_name(it->command)),
				     .query = proto_text_str(&it->query),
				     .rows = it->rows,
				     .error_code = it->error_code,
				     .error = proto_text_str(&it->error),
				     .user = proto_text_str(&st->user),
				     .database = proto_text_str(&st->database),
				     .request_bytes = it->request_bytes,
				     .response_bytes = response_bytes,
				     .duration = nsecs ? proto_span(it->at.nsecs, nsecs) : -1 };
	struct proto_message m = { .kind = PROTO_KIND_mysql,
				   .direction = c->role == PROTO_CLIENT ? PROTO_OUT : PROTO_IN,
				   .at = it->at,
				   .lost = it->lost,
				   .fields = &f,
				   .data = (const uint8_t *)f.query.p,
				   .n_data = f.query.n,
				   .data_total = it->query.total };

	proto_emit(c, &m);
	if (it->command == 0x02 && !it->error.n && nsecs)
		proto_text_set(&st->database, f.query, MYSQL_MAX_ANSWER);
}

void mysql_flush(struct mysql_state *st, struct proto_conn *c, bool lost)
{
	while (st->first) {
		st->first->lost |= lost;
		mysql_say(st, c, st->first, 0, 0);
		mysql_drop_first(st);
	}
	st->where = MYSQL_FIRST;
	st->is_answering = false;
}

/* ---- recognition ---- */

static uint32_t le24(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16;
}

/* version 10, then the name of the version */
static enum proto_match looks_greeting(const uint8_t *p, size_t n)
{
	size_t i;

	if ((n > 3 && p[3] != 0) || (n > 4 && p[4] != 10))
		return PROTO_NO;
	if (n < 5)
		return PROTO_MAYBE;
	if (le24(p) < 40 || le24(p) > 1024 || (n > 5 && (p[5] < '3' || p[5] > '9')))
		return PROTO_NO;
	for (i = 5; i < n && i < 100 && p[i]; i++)
		if (p[i] < ' ' || p[i] > '~')
			return PROTO_NO;
	return i < n && !p[i] && i > 7 ? PROTO_YES : i == n ? PROTO_MAYBE : PROTO_NO;
}

static enum proto_match looks_command(const uint8_t *p, size_t n)
{
	uint32_t length;

	if (n > 3 && p[3] != 0)
		return PROTO_NO;
	if (n < 5)
		return PROTO_MAYBE;
	length = le24(p);
	if (length == 0 || !mysql_command_name(p[4]) || p[4] == MYSQL_CONNECT || n - 4 > length)
		return PROTO_NO;
	switch (p[4]) {
	case 0x03:
	case 0x16:
		if (n < 6)
			return length > 1 ? PROTO_MAYBE : PROTO_NO;
		if (p[5] == 0 && length > 3) /* attributes */
			return n < 7 ? PROTO_MAYBE : p[6] == 1 ? PROTO_YES : PROTO_NO;
		return p[5] >= ' ' || strchr("\t\r\n", p[5]) ? PROTO_YES : PROTO_NO;
	case 0x17:
		if (n < 14)
			return length >= 10 ? PROTO_MAYBE : PROTO_NO;
		return proto_be32(p + 10) == 0x01000000 ? PROTO_YES : PROTO_NO;
	case 0x0e:
	case 0x09:
	case 0x1f: return length == 1 ? PROTO_YES : PROTO_NO;
	case 0x1c: return length == 9 ? PROTO_YES : PROTO_NO;
	default: return PROTO_NO;
	}
}

static enum proto_match mysql_recognise(enum proto_direction d, const uint8_t *bytes, size_t n)
{
	enum proto_match greeting, command;

	if (n == 0)
		return PROTO_MAYBE;
	greeting = looks_greeting(bytes, n);
	command = looks_command(bytes, n);
	return greeting > command ? greeting : command;
}

/* ---- cutting ---- */

static bool is_front(const struct proto_conn *c, enum proto_direction d)
{
	return (c->role == PROTO_CLIENT) == (d == PROTO_OUT);
}

/* may this direction be read from here? p: what was kept of it and what is new */
static enum proto_match find_sync(struct mysql_state *st, struct proto_conn *c,
				  enum proto_direction d, const uint8_t *p, size_t n)
{
	enum proto_match greeting, command;

	/* every command begins with 0, every answer with 1 */
	if (c->role != PROTO_ROLE_UNKNOWN)
		return n >= 4 && p[3] == (is_front(c, d) ? 0 : 1) ? PROTO_YES : PROTO_NO;
	greeting = looks_greeting(p, n);
	command = looks_command(p, n);
	if (greeting == PROTO_YES) {
		c->role = d == PROTO_OUT ? PROTO_SERVER : PROTO_CLIENT;
		st->phase = MYSQL_GREETING;
		st->side[!d].is_in_sync = true;
	} else if (command == PROTO_YES) {
		c->role = d == PROTO_OUT ? PROTO_CLIENT : PROTO_SERVER;
	}
	return greeting > command ? greeting : command;
}

static void side_lose(struct mysql_state *st, enum proto_direction d)
{
	struct mysql_side *s = &st->side[d];

	s->is_in_sync = s->is_continued = false;
	s->n_head = s->left = 0;
	s->bytes = 0;
	proto_text_clear(&s->payload);
	for (struct mysql_item *it = st->first; it; it = it->next)
		it->lost = true;
	st->is_unsure = st->n > 0;
	st->where = MYSQL_FIRST;
	st->is_answering = false;
}

static void end_packet(struct mysql_state *st, struct proto_conn *c, const struct proto_piece *p)
{
	struct mysql_side *s = &st->side[p->direction];

	s->n_head = 0;
	s->is_continued = le24(s->head) == MYSQL_BIG_PACKET;
	if (s->is_continued)
		return;
	if (is_front(c, p->direction)) {
		mysql_front(st, c, p->direction);
		s->bytes = 0;
	} else {
		mysql_back(st, c, p->direction, p->at.nsecs);
	}
	proto_text_clear(&s->payload);
}

static void take_bytes(struct mysql_state *st, struct proto_conn *c, const struct proto_piece *p,
		       const uint8_t *at, const uint8_t *end)
{
	struct mysql_side *s = &st->side[p->direction];
	size_t keep = is_front(c, p->direction) ? MYSQL_MAX_QUERY : MYSQL_MAX_ANSWER, n;

	while (at < end && !c->is_ignored && s->is_in_sync) {
		if (s->n_head < 4) {
			if (s->n_head == 0 && !s->is_continued)
				s->at = p->at;
			s->head[s->n_head++] = *at++;
			s->bytes++;
			if (s->n_head < 4)
				continue;
			s->left = le24(s->head);
			if (!s->is_continued)
				s->sequence = s->head[3];
		}
		n = s->left < (size_t)(end - at) ? s->left : (size_t)(end - at);
		proto_text_add(&s->payload, at, n, keep);
		at += n;
		s->left -= (uint32_t)n;
		s->bytes += n;
		if (s->left == 0)
			end_packet(st, c, p);
	}
}

/* the head of a packet often comes by a call of its own: what is too short to be known is kept, and read when it is known */
static bool begin(struct mysql_state *st, struct proto_conn *c, const struct proto_piece *p)
{
	struct mysql_side *s = &st->side[p->direction];
	struct proto_text *kept = &s->prelude;
	enum proto_match m;

	if (p->call_offset != 0 && !kept->n)
		return false;
	if (kept->n) {
		size_t n = kept->n;

		proto_text_add(kept, p->bytes, p->n, MAX_PRELUDE);
		m = find_sync(st, c, p->direction, (const uint8_t *)kept->p, kept->n);
		if (m == PROTO_YES) {
			s->is_in_sync = true;
			take_bytes(st, c, p, (const uint8_t *)kept->p,
				   (const uint8_t *)kept->p + n);
		}
	} else {
		m = find_sync(st, c, p->direction, p->bytes, p->n);
		if (m == PROTO_MAYBE && p->n < MAX_PRELUDE)
			proto_text_add(kept, p->bytes, p->n, MAX_PRELUDE);
	}
	if (m != PROTO_MAYBE)
		proto_text_clear(kept);
	s->is_in_sync = m == PROTO_YES;
	return s->is_in_sync;
}

static void mysql_feed(void *state, struct proto_conn *c, const struct proto_piece *p)
{
	struct mysql_state *st = state;

	if (!st->side[p->direction].is_in_sync && !begin(st, c, p))
		return;
	take_bytes(st, c, p, p->bytes, p->bytes + p->n);
}

static void mysql_gap(void *state, struct proto_conn *c, enum proto_direction d, uint64_t lost)
{
	struct mysql_state *st = state;
	struct mysql_side *s = &st->side[d];

	if (!s->is_in_sync) {
		st->is_unsure |= st->n > 0;
		return;
	}
	/* in the middle of a row: only its end matters */
	if (lost != PROTO_LOST_UNKNOWN && s->n_head == 4 && !is_front(c, d) &&
	    st->where == MYSQL_ROWS && s->payload.total && lost < s->left) {
		s->left -= (uint32_t)lost;
		s->bytes += lost;
		s->payload.total += lost;
		return;
	}
	side_lose(st, d);
}

static size_t mysql_memory(const void *state)
{
	const struct mysql_state *st = state;

	return st->bytes + st->statement_bytes + st->n * sizeof(struct mysql_item) +
	       st->side[0].payload.room + st->side[1].payload.room;
}

static void mysql_end(void *state, struct proto_conn *c)
{
	struct mysql_state *st = state;

	mysql_flush(st, c, false);
	while (st->statements)
		statement_free(st, &st->statements);
	proto_text_free(&st->side[0].payload);
	proto_text_free(&st->side[1].payload);
	proto_text_free(&st->side[0].prelude);
	proto_text_free(&st->side[1].prelude);
	proto_text_free(&st->user);
	proto_text_free(&st->database);
}

const struct proto_ops proto_mysql = {
	.name = "mysql",
	.state_size = sizeof(struct mysql_state),
	.recognise = mysql_recognise,
	.feed = mysql_feed,
	.gap = mysql_gap,
	.end = mysql_end,
	.memory = mysql_memory,
};
