/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the files of this folder: connections (conns.c), their bytes (stream.c), messages (message.c). */
#ifndef SONDE_STREAM_PRIVATE_H
#define SONDE_STREAM_PRIVATE_H

#include "proto/fifo.h"
#include "proto/proto.h"
#include "stream/join.h"
#include "stream/stream.h"

enum {
	STREAM_BUCKETS = 4096,
	STREAM_CONNS = 16384, /* at a time; the one that was quiet the longest goes for a new one */
	STREAM_CONN_BYTES = 64 << 20, /* that a decoder may keep for one */
	STREAM_ALL_BYTES = 256 << 20, /* for all */
	STREAM_PREFIX = 4096,         /* bytes kept while a protocol is looked for */
	STREAM_TRIES =
		8, /* calls of each direction that fit no decoder, then the connection is left alone */
	STREAM_MAX_TRIES =
		4096, /* of one direction, when the other is silent: the rest of a long body, or nothing for us */
};

/* a piece that waits: until it is known what it is, or for what it answers */
struct stream_kept {
	struct stream_kept *next;
	struct proto_piece piece;
	uint8_t bytes[];
};

struct stream_conn {
	struct stream *s;
	struct stream_conn *chain;         /* of its bucket */
	struct stream_conn *older, *newer; /* by last use */
	struct image_stream_key key;
	struct proto_conn conn;
	const struct proto_ops *wanted; /* NULL: any */
	const struct proto_ops *ops;    /* NULL: not recognised yet */
	void *state;
	size_t memory; /* of the decoder, as last asked */
	struct stream_kept *kept;
	size_t kept_bytes;
	FIFO(struct stream_kept) early; /* received, and waiting for what it answers */
	size_t early_bytes;
	uint64_t early_since;
	uint32_t n_tries[2]; /* by direction */
	uint64_t epoch, blind, socket;
	struct join join[2];
	struct stored_inet local, remote;
	uint16_t local_port, remote_port;
	bool is_lossy, is_dying, is_done;
};

/* how an argument of a message is filled in */
struct stream_arg {
	uint32_t offset, size; /* in MAP_MESSAGE */
	enum {
		ARG_NOTHING, /* a name that nothing fills in stays zero */
		ARG_FIELD,
		ARG_LOCAL,
		ARG_LOCAL_PORT,
		ARG_REMOTE,
		ARG_REMOTE_PORT,
		ARG_FD,
		ARG_CONN,
		ARG_ROLE,
		ARG_DIRECTION,
		ARG_TLS,
		ARG_LOST,
		ARG_DATA
	} what;
	const struct proto_field *field;
};

/* clauses on messages of one kind */
struct stream_kind {
	uint32_t *progs, n_progs;
	struct stream_arg *args;
	uint32_t n_args, size; /* of struct image_message and the arguments */
};

struct stream {
	struct stream_opts o;
	struct stream_stats stats;
	struct stream_conn *buckets[STREAM_BUCKETS];
	struct stream_conn *oldest, *newest;
	uint32_t n_conns;
	size_t memory;
	uint64_t blind;   /* of the globals, as last seen */
	uint64_t checked; /* when processes were last looked at */
	struct stream_kind kinds[PROTO_N_KINDS];
	uint64_t offset[3]; /* of each clock, to CLOCK_BOOTTIME: nsecs - offset */
	/* the message at hand */
	uint64_t message_id;
	struct str data;
	uint64_t data_total;
	struct err *err; /* the first; reported when the decoder has returned */
};

/* ---- conns.c ---- */

struct stream_conn *stream_conn_find(struct stream *s, const struct image_stream_key *key);
/* a new one; may throw out the oldest */
struct stream_conn *stream_conn_new(struct stream *s, const struct image_stream_key *key);
void stream_conn_touch(struct stream *s, struct stream_conn *c);
/* by direction, how many bytes there were in all: what has not come is lost */
void stream_conn_finish(struct stream_conn *c, const uint64_t pos[2]);
/* nothing waits in the ring any more: what the kernel counted and we have not seen is lost; then as stream_conn_end */
void stream_conn_end_now(struct stream *s, struct stream_conn *c);
/* the decoder says what it still has to say; c is gone */
void stream_conn_end(struct stream *s, struct stream_conn *c);
/* asks the decoder how much it keeps; the oldest connections go while all together keep too much, but not this one */
void stream_conn_account(struct stream *s, struct stream_conn *c);
/* an unknown number of bytes is missing, in both directions */
void stream_conn_torn(struct stream_conn *c);
void stream_conn_flush(struct stream_conn *c, uint64_t now, bool at_end);

/* ---- decode.c ---- */

void stream_decode_feed(void *conn, const struct proto_piece *p);
void stream_decode_gap(void *conn, enum proto_direction d, uint64_t lost);
void stream_decode_end(struct stream_conn *c);
/* to the decoder, whatever waits */
void stream_decode_now(struct stream_conn *c, const struct proto_piece *p);

/* ---- early.c ---- */

/* does this piece have to wait? Then a copy is kept */
bool stream_early_keep(struct stream_conn *c, const struct proto_piece *p);
/* something was sent: what waited for that goes on */
void stream_early_go_on(struct stream_conn *c);
/* what waited too long goes on as it is */
void stream_early_age(struct stream_conn *c, uint64_t now);
/* nothing waits any more */
void stream_early_flush(struct stream_conn *c);

/* ---- message.c ---- */

void stream_messages_init(struct stream *s);
void stream_messages_free(struct stream *s);
void stream_message_emit(void *stream, struct proto_conn *c, const struct proto_message *m);

#endif
