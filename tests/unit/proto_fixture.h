/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Conversations for tests and fuzzers of src/proto: pieces of both directions go into a decoder, whole or cut, and the messages
 * that come out are written as lines of text, every field that says something. One piece is one call of the traced process,
 * and a microsecond later than the one before it.
 */
#ifndef SONDE_TESTS_PROTO_FIXTURE_H
#define SONDE_TESTS_PROTO_FIXTURE_H

#include "base/arena.h"
#include "base/strbuf.h"
#include "proto/proto.h"

#include <inttypes.h>
#include <stdlib.h>

struct talk {
	const struct proto_ops *ops;
	struct proto_conn conn;
	void *state;
	struct strbuf out;
	uint64_t nsecs;
	bool with_times; /* durations in the lines */
	uint64_t n_messages;
};

static inline void talk_put_string(struct strbuf *out, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c < ' ' || c > '~')
			strbuf_printf(out, "\\x%02x", c);
		else
			strbuf_putc(out, (char)c);
	}
}

static inline void talk_put_field(struct talk *t, const struct proto_field *f, const void *fields)
{
	const void *at = (const char *)fields + f->offset;
	struct str s;
	int64_t i;

	switch (f->type) {
	case PROTO_STRING:
		memcpy(&s, at, sizeof(s));
		if (!s.n)
			return;
		strbuf_printf(&t->out, " %s=", f->name);
		talk_put_string(&t->out, s);
		return;
	case PROTO_BOOL:
		if (*(const bool *)at)
			strbuf_printf(&t->out, " %s", f->name);
		return;
	case PROTO_DURATION:
		memcpy(&i, at, sizeof(i));
		if (t->with_times)
			strbuf_printf(&t->out, " %s=%" PRId64, f->name, i);
		return;
	default:
		memcpy(&i, at, sizeof(i));
		if (i != (f->type == PROTO_I64 ? -1 : 0))
			strbuf_printf(&t->out, " %s=%" PRId64, f->name, i);
	}
}

static inline void talk_emit(void *arg, struct proto_conn *c, const struct proto_message *m)
{
	struct talk *t = arg;
	const struct proto_kind_info *k = &proto_kinds[m->kind];

	t->n_messages++;
	strbuf_printf(&t->out, "%s %s%s", k->name, m->direction == PROTO_OUT ? "out" : "in",
		      m->lost ? " lost" : "");
	for (uint32_t i = 0; i < k->n_fields; i++)
		talk_put_field(t, &k->fields[i], m->fields);
	strbuf_putc(&t->out, '\n');
}

static inline void talk_begin(struct talk *t, const struct proto_ops *ops)
{
	memset(t, 0, sizeof(*t));
	t->ops = ops;
	t->state = base_alloc(ops->state_size);
	t->conn = (struct proto_conn){ .fd = 3, .max_bytes = 1 << 20, .emit = talk_emit, .arg = t };
	t->nsecs = 1000000;
}

/* a piece of a call */
static inline void talk_part(struct talk *t, enum proto_direction d, const void *p, size_t n,
			     uint64_t offset, uint64_t total)
{
	/* of its own length exactly, so that reading over its end is noticed */
	uint8_t *copy = malloc(n);
	struct proto_piece piece = { .direction = d,
				     .bytes = copy,
				     .n = n,
				     .call_offset = offset,
				     .call_total = total,
				     .at = { .nsecs = t->nsecs, .pid = 7, .tid = 7 } };

	if (n && copy && !t->conn.is_ignored) {
		memcpy(copy, p, n);
		/* the consumer asks before; what the answer is matters to it alone */
		if (t->ops->is_early)
			(void)t->ops->is_early(t->state, &t->conn, &piece);
		t->ops->feed(t->state, &t->conn, &piece);
	}
	free(copy);
}

/* a call, whole */
static inline void talk_bytes(struct talk *t, enum proto_direction d, const void *p, size_t n)
{
	talk_part(t, d, p, n, 0, n);
	t->nsecs += 1000;
}

static inline void talk_out(struct talk *t, const char *s)
{
	talk_bytes(t, PROTO_OUT, s, strlen(s));
}

static inline void talk_in(struct talk *t, const char *s)
{
	talk_bytes(t, PROTO_IN, s, strlen(s));
}

static inline void talk_gap(struct talk *t, enum proto_direction d, uint64_t lost)
{
	t->ops->gap(t->state, &t->conn, d, lost);
}

/* the connection is over; what was said is in t->out */
static inline const char *talk_end(struct talk *t)
{
	t->ops->end(t->state, &t->conn);
	free(t->state);
	t->state = NULL;
	return strbuf_cstr(&t->out);
}

static inline void talk_free(struct talk *t)
{
	strbuf_free(&t->out);
}

/* ---- a recorded conversation: bytes of calls, to be replayed whole or cut ---- */

struct talk_call {
	enum proto_direction direction;
	const void *p;
	size_t n;
};

/*
 * The whole conversation; cut: 0 as it is, otherwise a seed: calls come in pieces of random length, and with as_calls some of
 * the pieces are calls of their own. The first line has the roles, one after the other as they were taken, and behind each call. The caller frees the text.
 */
static inline char *talk_replay_as(const struct proto_ops *ops, const struct talk_call *calls,
				   size_t n, unsigned cut, bool as_calls)
{
	struct strbuf roles = { 0 };
	struct talk t;
	unsigned random = cut;
	enum proto_role role = PROTO_ROLE_UNKNOWN;
	char *text;

	talk_begin(&t, ops);
	for (size_t i = 0; i < n; i++) {
		const uint8_t *p = calls[i].p;
		size_t at = 0, from = 0;

		while (at < calls[i].n) {
			size_t part = calls[i].n - at, most;

			random = random * 1103515245 + 12345;
			most = (random >> 20) % 7 ? (random >> 16) % 9 : (random >> 16) % 300;
			if (cut && part > most + 1)
				part = most + 1;
			talk_part(&t, calls[i].direction, p + at, part, at - from,
				  calls[i].n - from);
			at += part;
			if (t.conn.role != role)
				strbuf_printf(&roles, " %d", t.conn.role);
			role = t.conn.role;
			if (as_calls && random >> 30 & 1)
				from = at;
		}
		/* one that was taken and given up within a part is not among them: what is left of it is */
		strbuf_printf(&roles, "/%d", t.conn.role);
		t.nsecs += 1000;
	}
	talk_end(&t);
	strbuf_printf(&roles, "\n%s", strbuf_cstr(&t.out));
	text = base_strdup(strbuf_cstr(&roles));
	strbuf_free(&roles);
	talk_free(&t);
	return text;
}

static inline char *talk_replay(const struct proto_ops *ops, const struct talk_call *calls,
				size_t n, unsigned cut)
{
	return talk_replay_as(ops, calls, n, cut, true);
}

static inline char *talk_replay_parts(const struct proto_ops *ops, const struct talk_call *calls,
				      size_t n, unsigned cut)
{
	return talk_replay_as(ops, calls, n, cut, false);
}

#endif
