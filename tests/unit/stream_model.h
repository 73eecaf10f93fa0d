/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A direction of a connection whose bytes are known by their positions, sent in records that may be late, lost or doubled; and
 * a sink that checks what the joiner makes of it: each byte that it feeds is the one that stands there. Input decides what
 * happens, so a fuzzer and a test with random numbers share it.
 */
#ifndef SONDE_TESTS_UNIT_STREAM_MODEL_H
#define SONDE_TESTS_UNIT_STREAM_MODEL_H

#include "stream/join.h"

#include <stdlib.h>

enum { MODEL_LATE = 8, MODEL_PIECE = 300 };

struct model {
	struct join join;
	uint64_t pos, lost; /* of the sender */
	uint64_t fed, gaps; /* of the receiver: bytes */
	uint64_t at;        /* where the receiver stands */
	bool is_wrong;
	struct join_record late[MODEL_LATE]; /* counted, not arrived yet */
	uint32_t n_late;
};

static inline uint8_t model_byte(uint64_t pos)
{
	return (uint8_t)((pos * 0x9e3779b97f4a7c15ull) >> 56);
}

static inline void model_feed(void *arg, const struct proto_piece *p)
{
	struct model *m = arg;

	for (size_t i = 0; p->bytes && i < p->n; i++)
		m->is_wrong |= p->bytes[i] != model_byte(m->at + i);
	m->is_wrong |= !p->n || p->call_offset + p->n > p->call_total;
	m->at += p->n;
	m->fed += p->n;
}

static inline void model_gap(void *arg, enum proto_direction d, uint64_t lost)
{
	struct model *m = arg;

	m->is_wrong |= !lost || lost == PROTO_LOST_UNKNOWN || d != PROTO_IN;
	m->at += lost;
	m->gaps += lost;
}

static inline void model_arrive(struct model *m, const struct join_record *r, uint64_t now)
{
	struct join_sink sink = { model_feed, model_gap, m };
	uint8_t bytes[MODEL_PIECE];
	struct join_record copy = *r;

	if (!m->join.is_begun)
		m->at = r->pos - r->piece.call_offset;
	for (size_t i = 0; i < r->piece.n; i++)
		bytes[i] = model_byte(r->pos + i);
	if (r->piece.bytes)
		copy.piece.bytes = bytes;
	join_add(&m->join, &copy, now, &sink);
	m->is_wrong |= m->at != m->join.pos || m->join.held_bytes > JOIN_HELD_BYTES + 4096;
}

/* one byte of input is one event */
static inline void model_step(struct model *m, uint8_t what, uint8_t size, uint64_t now)
{
	struct join_sink sink = { model_feed, model_gap, m };
	struct join_record r = { .pos = m->pos,
				 .lost = m->lost,
				 .piece = { .direction = PROTO_IN,
					    .bytes = what & 16 && !(what & 8) ? NULL
									      : (const uint8_t *)"",
					    .n = 1 + (size_t)size,
					    .call_total = 1 + (uint64_t)size } };

	switch (what % 8) {
	case 0: /* lost, and said so */
		m->pos += r.piece.n;
		m->lost += r.piece.n;
		break;
	case 1: /* overtaken by those that follow */
		if (m->n_late == MODEL_LATE)
			break;
		m->late[m->n_late++] = r;
		m->pos += r.piece.n;
		break;
	case 2: /* one of those arrives */
		if (!m->n_late)
			break;
		m->n_late--;
		model_arrive(m, &m->late[m->n_late], now);
		break;
	case 3:
		join_age(&m->join, now + JOIN_PATIENCE_NS * (what & 32 ? 2ull : 0), false, &sink);
		break;
	case 4: /* lost without a word */
		if (what & 64)
			m->pos += r.piece.n;
		break;
	default: model_arrive(m, &r, now); m->pos += r.piece.n;
	}
	if (m->join.is_begun)
		m->is_wrong |= m->at != m->join.pos;
}

static inline void model_end(struct model *m)
{
	struct join_sink sink = { model_feed, model_gap, m };

	if (m->join.is_begun) {
		join_finish(&m->join, PROTO_IN, m->pos, &sink);
		m->is_wrong |= m->at != m->pos || m->join.held;
	}
	join_reset(&m->join);
}

#endif
