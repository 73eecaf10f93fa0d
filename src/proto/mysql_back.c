/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MySQL and MariaDB, what servers answer: OK, an error, or a result set: count of columns, definitions, rows, an end. Whether an
 * EOF stands behind the definitions depends on what both sides agreed on at the beginning, but shows by itself: EOF has 5
 * bytes, the OK that takes its place at the end has 7 or more. The first packet of an answer has the sequence number 1.
 */
#include "proto/mysql_private.h"

#include <stdio.h>

#define STATUS_MORE_RESULTS 8
#define STATUS_CURSOR 0x40

static uint32_t le16(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8;
}

static void finish(struct mysql_state *st, struct proto_conn *c, struct mysql_side *s,
		   uint64_t nsecs)
{
	mysql_say(st, c, st->first, s->bytes, nsecs);
	mysql_drop_first(st);
	s->bytes = 0;
	st->where = MYSQL_FIRST;
	st->is_answering = false;
	if (!st->first)
		st->is_unsure = false;
}

static void add_rows(struct mysql_item *it, uint64_t n)
{
	it->rows = (it->rows < 0 ? 0 : it->rows) + (int64_t)(n <= INT32_MAX ? n : 0);
}

/* OK behind its first byte: rows, last id, status; and EOF: warnings, status. True: another result follows */
static bool take_ok(struct mysql_item *it, const uint8_t *p, const uint8_t *end, bool is_eof,
		    bool counts)
{
	uint64_t rows = 0, id;

	if (is_eof)
		return end - p >= 4 && le16(p + 2) & STATUS_MORE_RESULTS;
	if (!mysql_take_number(&p, end, &rows) || !mysql_take_number(&p, end, &id))
		return false;
	if (counts)
		add_rows(it, rows);
	return end - p >= 2 && le16(p) & STATUS_MORE_RESULTS;
}

static void take_error(struct mysql_item *it, const uint8_t *p, const uint8_t *end)
{
	it->error_code = end - p >= 2 ? (int64_t)le16(p) : -1;
	p += end - p >= 2 ? 2 : end - p;
	if (end - p >= 6 && *p == '#')
		p += 6;
	proto_text_set(&it->error, str_make((const char *)p, (size_t)(end - p)), MYSQL_MAX_ANSWER);
}

/* statement id, columns, parameters */
static void take_prepared(struct mysql_state *st, struct proto_conn *c, struct mysql_side *s,
			  const uint8_t *p, const uint8_t *end, uint64_t nsecs)
{
	struct mysql_item *it = st->first;

	if (end - p >= 4) {
		st->newest_id = le16(p) | le16(p + 2) << 16;
		mysql_statement_add(st, st->newest_id, proto_text_str(&it->query),
				    c->max_bytes / 2);
	}
	/* definitions follow: they have later sequence numbers, and are passed over as no beginning of an answer */
	finish(st, c, s, nsecs);
}

static void take_row(struct mysql_state *st, struct proto_conn *c, struct mysql_side *s,
		     const uint8_t *p, const uint8_t *end, uint64_t nsecs)
{
	struct mysql_item *it = st->first;

	if (*p != 0xfe || s->payload.total >= MYSQL_BIG_PACKET) {
		add_rows(it, it->command != 0x04);
		return;
	}
	st->where = MYSQL_FIRST;
	if (!take_ok(it, p + 1, end, s->payload.total <= 5, false))
		finish(st, c, s, nsecs);
}

static void take_first(struct mysql_state *st, struct proto_conn *c, struct mysql_side *s,
		       const uint8_t *p, const uint8_t *end, uint64_t nsecs)
{
	struct mysql_item *it = st->first;
	bool is_eof = *p == 0xfe && s->payload.total <= 5;
	uint64_t n;

	if (it->command == 0x09) { /* Statistics: a text */
		finish(st, c, s, nsecs);
	} else if (it->command == 0x1c || it->command == 0x04) { /* rows, or definitions, at once */
		st->where = MYSQL_ROWS;
		take_row(st, c, s, p, end, nsecs);
	} else if (*p == 0 && it->command == 0x16) {
		take_prepared(st, c, s, p + 1, end, nsecs);
	} else if (*p == 0 || is_eof) {
		if (!take_ok(it, p + 1, end, is_eof,
			     it->command == 0x03 || it->command == 0x17 || it->command == 0xfa))
			finish(st, c, s, nsecs);
	} else if (*p == 0xfb || it->command == 0x11) {
		/* the server asks for a file; or for more to log in as another user. Both end with OK or an error */
	} else if (mysql_take_number(&p, end, &n)) {
		add_rows(it, 0);
		/* MariaDB may say that the definitions are those of the time before, and leave them out */
		st->n_columns = p < end && *p == 0 ? 0 : n;
		st->where = st->n_columns ? MYSQL_COLUMNS : MYSQL_DEFINED;
	}
}

/* what comes before the client may send commands */
static void take_login_answer(struct mysql_state *st, struct proto_conn *c, struct mysql_side *s,
			      const uint8_t *p, const uint8_t *end, uint64_t nsecs)
{
	struct mysql_item *it = st->first;

	if (!it || it->command != MYSQL_CONNECT || (*p != 0 && *p != 0xff))
		return;
	st->phase = MYSQL_COMMANDS;
	if (*p == 0xff)
		take_error(it, p + 1, end);
	else if (st->is_compressed)
		proto_text_set(&it->error,
			       STR("compressed: the commands of this connection are not decoded"),
			       MYSQL_MAX_ANSWER);
	finish(st, c, s, nsecs);
	c->is_ignored |= st->is_compressed;
}

/* version 10, name of the version, thread, salt, flags */
static void take_greeting(struct mysql_state *st, const uint8_t *p, const uint8_t *end)
{
	const uint8_t *nul = memchr(p, 0, (size_t)(end - p));

	st->server_flags = 0;
	if (nul && end - nul >= 21)
		st->server_flags = le16(nul + 14) | le16(nul + 19) << 16;
}

void mysql_back(struct mysql_state *st, struct proto_conn *c, enum proto_direction d,
		uint64_t nsecs)
{
	struct mysql_side *s = &st->side[d];
	const uint8_t *p = (const uint8_t *)proto_text_str(&s->payload).p;
	const uint8_t *end = p + s->payload.n;

	if (p == end)
		return;
	if (st->phase == MYSQL_GREETING) {
		take_greeting(st, p, end);
		s->bytes = 0;
		return;
	}
	if (st->phase == MYSQL_LOGIN) {
		take_login_answer(st, c, s, p, end, nsecs);
		return;
	}
	/* nobody asked; or what is left of an answer that is over: definitions of a prepared statement */
	if (!st->first || (!st->is_answering && s->sequence != 1)) {
		s->bytes = 0;
		return;
	}
	st->is_answering = true;
	if (*p == 0xff && s->payload.total >= 3) {
		if (le16(p + 1) == 0xffff) /* MariaDB tells how far it is */
			return;
		take_error(st->first, p + 1, end);
		finish(st, c, s, nsecs);
		return;
	}
	switch (st->where) {
	case MYSQL_FIRST: take_first(st, c, s, p, end, nsecs); break;
	case MYSQL_COLUMNS:
		if (--st->n_columns == 0)
			st->where = MYSQL_DEFINED;
		break;
	case MYSQL_DEFINED:
		st->where = MYSQL_ROWS;
		if (*p == 0xfe && s->payload.total <= 5) {
			/* a cursor: the rows are fetched by commands of their own */
			if (end - p >= 5 && le16(p + 3) & STATUS_CURSOR)
				finish(st, c, s, nsecs);
			break;
		}
		/* fall through */
	default: take_row(st, c, s, p, end, nsecs);
	}
}
