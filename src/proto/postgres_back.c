/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PostgreSQL, what servers answer: in the order of what was asked. A simple query is over with ReadyForQuery, an Execute with
 * CommandComplete, an error or a suspended portal; after an error all up to the client's Sync is passed over by the server.
 */
#include "proto/postgres_private.h"

#include <stdio.h>

uint32_t postgres_back_keep(char type)
{
	return type == 'E' || type == 'C' ? POSTGRES_MAX_OTHER : 0;
}

/* "SELECT 5", "INSERT 0 3": the last number is the rows */
static void take_tag(struct postgres_item *it, struct str tag)
{
	struct str rest = tag, last = tag;
	uint64_t rows;

	while (rest.n)
		last = str_split(&rest, ' ');
	if (!proto_decimal(last, &rows) || rows > INT32_MAX * 1000LL * 1000)
		rows = it->n_data;
	it->rows = (it->rows < 0 ? 0 : it->rows) + (int64_t)rows;
	it->n_data = 0;
	if (it->tag.n)
		proto_text_add(&it->tag, "; ", 2, POSTGRES_MAX_OTHER);
	proto_text_add_str(&it->tag, tag, POSTGRES_MAX_OTHER);
}

/* fields: a letter and a text each, until a NUL */
static void take_error(struct postgres_item *it, const uint8_t *p, const uint8_t *end)
{
	while (p < end && *p) {
		char field = (char)*p++;
		const uint8_t *nul = p < end ? memchr(p, 0, (size_t)(end - p)) : NULL;
		struct str s = str_make((const char *)p, (size_t)((nul ? nul : end) - p));

		if (field == 'M')
			proto_text_set(&it->error, s, POSTGRES_MAX_OTHER);
		else if (field == 'C')
			snprintf(it->code, sizeof(it->code), "%.*s", (int)(s.n < 7 ? s.n : 7), s.p);
		p = nul ? nul + 1 : end;
	}
	it->is_failed = true;
	if (!it->error.n)
		proto_text_set(&it->error, STR("error"), POSTGRES_MAX_OTHER);
}

static void finish(struct postgres_state *st, struct proto_conn *c, struct postgres_side *s)
{
	postgres_say(st, c, st->first, s->bytes);
	postgres_drop_first(st);
	s->bytes = 0;
}

/* ReadyForQuery: everything up to the Sync, or the simple query, is over */
static void take_ready(struct postgres_state *st, struct proto_conn *c, struct postgres_side *s)
{
	bool is_over = false;

	st->has_started = true;
	s->bytes = st->is_starting ? 0 : s->bytes;
	is_over = st->is_starting;
	st->is_starting = false;
	while (st->first && !is_over) {
		struct postgres_item *it = st->first;

		is_over = it->kind == 'Q' || it->kind == 'S' || it->kind == 'F';
		/* what was not executed is not said: after an error, and where nothing was asked of it */
		if (it->kind == 'Q')
			postgres_say(st, c, it, s->bytes);
		postgres_drop_first(st);
	}
	s->bytes = 0;
	if (!st->first)
		st->is_unsure = false;
}

static void take_failure(struct postgres_state *st, struct proto_conn *c, struct postgres_side *s,
			 uint64_t nsecs)
{
	const uint8_t *p = (const uint8_t *)proto_text_str(&s->payload).p;
	struct postgres_item *it = st->first;

	if (!it || it->kind == 'S') {
		/* of the connection: it was refused, or ended by the administrator */
		struct postgres_item alone = { .kind = 'Q', .at = s->at, .rows = -1, .last = nsecs };

		if (st->is_unsure || (!st->has_started && !st->user.n))
			return;
		take_error(&alone, p, p + s->payload.n);
		postgres_say(st, c, &alone, s->bytes);
		proto_text_free(&alone.error);
		s->bytes = 0;
		return;
	}
	take_error(it, p, p + s->payload.n);
	it->last = nsecs;
	if (it->kind == 'Q' || it->kind == 'F')
		return;
	finish(st, c, s);
	while (st->first && st->first->kind != 'S')
		postgres_drop_first(st);
	st->is_skipping = !st->first;
}

void postgres_back(struct postgres_state *st, struct proto_conn *c, enum proto_direction d,
		   uint64_t nsecs)
{
	struct postgres_side *s = &st->side[d];
	struct postgres_item *it = st->first;
	char kind = it ? it->kind : 0;
	struct str tag = proto_text_str(&s->payload);

	if (tag.n && !tag.p[tag.n - 1])
		tag.n--;
	switch (s->type) {
	case 'D':
		if (it)
			it->n_data++;
		break;
	case 'C':
		if (kind == 'Q' || kind == 'E') {
			take_tag(it, tag);
			it->last = nsecs;
		}
		if (kind == 'E')
			finish(st, c, s);
		break;
	case 'I': /* an empty query */
	case 's': /* the portal has more rows */
		if (kind != 'Q' && kind != 'E')
			break;
		it->rows = (it->rows < 0 ? 0 : it->rows) + (int64_t)it->n_data;
		it->last = nsecs;
		if (kind == 'E')
			finish(st, c, s);
		break;
	case '1':
	case '2':
		if (kind == (s->type == '1' ? 'P' : 'B'))
			postgres_drop_first(st);
		break;
	case 'E': take_failure(st, c, s, nsecs); break;
	case 'Z': take_ready(st, c, s); break;
	case 'W': /* both directions become a stream of changes */ c->is_ignored = true; break;
	default: break;
	}
}
