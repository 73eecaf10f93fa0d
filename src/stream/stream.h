/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The consumer's side of stream(): records of bytes are joined by connection and direction, decoders (src/proto) make messages
 * of them, and each message runs the script's clauses on it, synchronously, so that what they print comes in the order of
 * the messages. The bytes of the message at hand are what args.data shows.
 *
 * Borrows image, engine and whoever takes the events; freed before them.
 */
#ifndef SONDE_STREAM_STREAM_H
#define SONDE_STREAM_STREAM_H

#include "engine/engine.h"

struct stream;

struct stream_opts {
	const struct image *image;
	const struct engine_ops *ops;
	struct engine *engine;
	engine_event_fn *on_event; /* takes what clauses on messages send */
	void *on_event_arg;
};

/* what came of it all */
struct stream_stats {
	uint64_t n_messages, n_connections;
	uint64_t n_lost_bytes; /* known to be missing */
	uint64_t n_gaps;       /* places where bytes are missing, how many or not being known */
	uint64_t n_lossy;      /* connections with such places */
	uint64_t n_evicted;    /* connections that were given up for want of memory */
};

/* NULL: the image has no stream(). All of the following take NULL */
struct stream *stream_new(const struct stream_opts *o);
void stream_free(struct stream *s);
/* a record of kind EVENT_STREAM; errors are those of running clauses */
struct err *stream_event(struct stream *s, const struct event_layout *l, const void *payload,
			 uint32_t size) ERR_MUST;
/* now and then: what was waited for too long, processes that have ended */
struct err *stream_round(struct stream *s) ERR_MUST;
/* all connections end here: what decoders still have becomes messages */
struct err *stream_finish(struct stream *s) ERR_MUST;
const struct stream_stats *stream_get_stats(const struct stream *s);
/* for value_env: bytes of the message at hand */
bool stream_blob(void *arg, uint64_t id, struct str *bytes, uint64_t *total);

#endif
