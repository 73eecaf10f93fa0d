/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One direction of a connection put in order again. Records of one call stand in the ring one behind the other, but those of
 * calls on different processors may overtake each other: each says at which byte of the direction it begins, and what comes too
 * early is kept until the bytes before it are there, or are known to be missing: the record says, too, how many bytes the
 * kernel's side could not send. Pure: no clock, no I/O; memory is bounded by JOIN_HELD_BYTES.
 */
#ifndef SONDE_STREAM_JOIN_H
#define SONDE_STREAM_JOIN_H

#include "proto/proto.h"

enum {
	JOIN_HELD_BYTES = 1 << 20,
	JOIN_PATIENCE_NS =
		200000000, /* a program that was interrupted between counting and sending goes on long before */
};

struct join_record {
	uint64_t pos;  /* of its first byte in this direction */
	uint64_t lost; /* bytes of this direction that could not be sent, up to when it was sent */
	struct proto_piece piece; /* bytes NULL: so many that nobody can see */
};

struct join {
	bool is_begun;
	uint64_t pos;           /* of the next byte */
	uint64_t lost;          /* of record.lost, what is explained */
	struct join_held *held; /* by position */
	size_t held_bytes;
	uint64_t held_since;
};

struct join_sink {
	void (*feed)(void *arg, const struct proto_piece *p);
	void (*gap)(void *arg, enum proto_direction d, uint64_t lost);
	void *arg;
};

void join_add(struct join *j, const struct join_record *r, uint64_t now,
	      const struct join_sink *sink);
/* what was waited for too long is taken for lost; at_end: without waiting */
void join_age(struct join *j, uint64_t now, bool at_end, const struct join_sink *sink);
/* the direction ends behind so many bytes: what has not come of them is lost */
void join_finish(struct join *j, enum proto_direction d, uint64_t pos,
		 const struct join_sink *sink);
/* forget what is held, and the position: the next record is a new beginning */
void join_reset(struct join *j);

#endif
