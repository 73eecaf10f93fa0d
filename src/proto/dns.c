/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "dns": questions with their answers. Over UDP each call is a message; over TCP two bytes of length stand before each; which of
 * both a connection is shows by the first message. Question and answer belong together by number, name and type. One socket may
 * have many questions under way; those that are never answered are said when the socket is closed, or when too many wait.
 */
#include "proto/dns_private.h"
#include "proto/decoders.h"

#include <stdlib.h>

#define MAX_MESSAGE 65535
#define MAX_WAITING 256

enum dns_mode {
	DNS_UNKNOWN,
	DNS_CALLS, /* a call is a message */
	DNS_STREAM /* lengths stand before messages */
};

struct dns_waiting {
	struct dns_waiting *next;
	struct proto_at at;
	enum proto_direction direction;
	struct dns_message m;
};

struct dns_side {
	struct proto_text bytes; /* of a message that is not complete */
	struct proto_at at;
	bool is_lost; /* the message, or what stands before it */
};

struct dns_state {
	enum dns_mode mode;
	struct dns_side side[2];
	struct dns_waiting *first, **end; /* the oldest first */
	uint32_t n;
};

static void say(struct proto_conn *c, const struct dns_waiting *q, const struct dns_message *answer,
		const struct proto_at *at, const uint8_t *bytes, size_t n, bool lost)
{
	const struct dns_message *of = q ? &q->m : answer;
	STRBUF_AUTO type = { 0 };
	STRBUF_AUTO rcode = { 0 };
	struct proto_msg_dns f = {
		.name = strbuf_str(&of->name), .n_answers = -1, .query_id = of->id, .duration = -1
	};
	struct proto_message m = { .kind = PROTO_KIND_dns,
				   .at = q ? q->at : *at,
				   .lost = lost,
				   .fields = &f,
				   .data = bytes,
				   .n_data = n,
				   .data_total = n };

	m.direction = c->role == PROTO_CLIENT ? PROTO_OUT : PROTO_IN;
	dns_put_type(&type, of->type);
	f.type = strbuf_str(&type);
	if (answer) {
		dns_put_rcode(&rcode, answer->rcode);
		f.rcode = strbuf_str(&rcode);
		f.answers = strbuf_str(&answer->answers);
		f.n_answers = answer->n_answers;
		if (q)
			f.duration = proto_span(q->at.nsecs, at->nsecs);
	}
	proto_emit(c, &m);
}

static void drop(struct dns_state *st, struct dns_waiting **at)
{
	struct dns_waiting *q = *at;

	*at = q->next;
	if (st->end == &q->next)
		st->end = at;
	st->n--;
	dns_message_free(&q->m);
	free(q);
}

static bool is_same(const struct dns_message *a, const struct dns_message *b)
{
	return a->id == b->id && a->type == b->type &&
	       str_eq_nocase(strbuf_str(&a->name), strbuf_str(&b->name));
}

static struct dns_waiting **find(struct dns_state *st, const struct dns_message *m)
{
	struct dns_waiting **at = &st->first;

	while (*at && !is_same(&(*at)->m, m))
		at = &(*at)->next;
	return at;
}

/* takes m's texts */
static void take_question(struct dns_state *st, struct proto_conn *c, const struct proto_at *at,
			  enum proto_direction d, struct dns_message *m)
{
	struct dns_waiting *q;

	/* asked again: the time counts from the first */
	if (*find(st, m)) {
		dns_message_free(m);
		return;
	}
	if (st->n >= MAX_WAITING) {
		say(c, st->first, NULL, NULL, NULL, 0, false);
		drop(st, &st->first);
	}
	q = calloc(1, sizeof(*q));
	if (!q) {
		dns_message_free(m);
		return;
	}
	q->at = *at;
	q->direction = d;
	q->m = *m;
	*(st->end ? st->end : &st->first) = q;
	st->end = &q->next;
	st->n++;
}

static bool take_message(struct dns_state *st, struct proto_conn *c, enum proto_direction d,
			 const struct proto_at *at, const uint8_t *bytes, size_t n)
{
	struct dns_waiting **q;
	struct dns_message m;

	if (!dns_parse(bytes, n, &m))
		return false;
	if (!m.is_answer) {
		c->role = d == PROTO_OUT ? PROTO_CLIENT : PROTO_SERVER;
		take_question(st, c, at, d, &m);
		return true;
	}
	q = find(st, &m);
	if (c->role == PROTO_ROLE_UNKNOWN)
		c->role = d == PROTO_IN ? PROTO_CLIENT : PROTO_SERVER;
	if (*q && (*q)->direction == d) { /* both of them went the same way: not an answer to that */
		dns_message_free(&m);
		return true;
	}
	/* without a question: that was asked before the attach */
	say(c, *q, &m, at, bytes, n, !*q || st->side[d].is_lost);
	st->side[d].is_lost = false;
	if (*q)
		drop(st, q);
	dns_message_free(&m);
	return true;
}

/* is it lengths and messages? A datagram is at least a head; the length often comes by a call of its own */
static bool looks_stream(const uint8_t *bytes, size_t n, uint64_t call_total)
{
	return call_total < DNS_HEAD ||
	       (n > 2 && proto_be16(bytes) >= DNS_HEAD + 5 && proto_be16(bytes) >= n - 2 &&
		dns_looks(bytes + 2, n - 2) != PROTO_NO);
}

static void feed_call(struct dns_state *st, struct proto_conn *c, const struct proto_piece *p)
{
	struct dns_side *s = &st->side[p->direction];

	if (p->call_offset == 0)
		proto_text_clear(&s->bytes);
	if (p->call_offset == 0 && p->n >= p->call_total) {
		take_message(st, c, p->direction, &p->at, p->bytes, p->n);
		return;
	}
	if (p->call_offset != s->bytes.total) /* its beginning is missing */
		return;
	proto_text_add(&s->bytes, p->bytes, p->n, MAX_MESSAGE);
	if (s->bytes.total >= p->call_total)
		take_message(st, c, p->direction, &p->at, (const uint8_t *)s->bytes.p, s->bytes.n);
}

static void feed_stream(struct dns_state *st, struct proto_conn *c, const struct proto_piece *p)
{
	struct dns_side *s = &st->side[p->direction];
	const uint8_t *at = p->bytes, *end = p->bytes + p->n;

	while (at < end) {
		const uint8_t *kept;

		if (s->bytes.total == 0)
			s->at = p->at;
		if (!proto_text_fill(&s->bytes, &at, end, 2, MAX_MESSAGE + 2))
			return;
		kept = (const uint8_t *)s->bytes.p;
		if (s->bytes.n < 2) /* out of memory */
			return;
		if (!proto_text_fill(&s->bytes, &at, end, 2 + proto_be16(kept), MAX_MESSAGE + 2))
			return;
		kept = (const uint8_t *)s->bytes.p;
		if (!take_message(st, c, p->direction, &s->at, kept + 2, s->bytes.n - 2)) {
			st->mode = DNS_UNKNOWN;
			s->is_lost = true;
			proto_text_clear(&s->bytes);
			return;
		}
		proto_text_clear(&s->bytes);
	}
}

static void dns_feed(void *state, struct proto_conn *c, const struct proto_piece *p)
{
	struct dns_state *st = state;

	if (st->mode == DNS_UNKNOWN) {
		if (p->call_offset != 0)
			return;
		if (looks_stream(p->bytes, p->n, p->call_total))
			st->mode = DNS_STREAM;
		else if (dns_looks(p->bytes, p->n) != PROTO_NO)
			st->mode = DNS_CALLS;
		else
			return;
	}
	if (st->mode == DNS_CALLS)
		feed_call(st, c, p);
	else
		feed_stream(st, c, p);
}

static void dns_gap(void *state, struct proto_conn *c, enum proto_direction d, uint64_t lost)
{
	struct dns_state *st = state;

	proto_text_clear(&st->side[d].bytes);
	st->side[d].is_lost = true;
	if (st->mode == DNS_STREAM)
		st->mode = DNS_UNKNOWN;
}

static size_t dns_memory(const void *state)
{
	const struct dns_state *st = state;

	return st->n * (sizeof(struct dns_waiting) + 64) + st->side[0].bytes.room +
	       st->side[1].bytes.room;
}

static void dns_end(void *state, struct proto_conn *c)
{
	struct dns_state *st = state;

	while (st->first) {
		say(c, st->first, NULL, NULL, NULL, 0, false);
		drop(st, &st->first);
	}
	proto_text_free(&st->side[0].bytes);
	proto_text_free(&st->side[1].bytes);
}

static enum proto_match dns_recognise(enum proto_direction d, const uint8_t *bytes, size_t n)
{
	enum proto_match m = dns_looks(bytes, n);

	if (m != PROTO_YES && n > 2 && proto_be16(bytes) >= DNS_HEAD + 5 &&
	    proto_be16(bytes) >= n - 2)
		m = dns_looks(bytes + 2, n - 2) > m ? dns_looks(bytes + 2, n - 2) : m;
	return m;
}

const struct proto_ops proto_dns = {
	.name = "dns",
	.state_size = sizeof(struct dns_state),
	.recognise = dns_recognise,
	.feed = dns_feed,
	.gap = dns_gap,
	.end = dns_end,
	.memory = dns_memory,
};
