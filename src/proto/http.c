/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "http": which version a connection speaks, by its first bytes, the preface of HTTP/2 or an upgrade; then that one's parser.
 * A connection that is seen from its middle on is looked at anew with each call until bytes fit.
 */
#include "proto/decoders.h"
#include "proto/http_private.h"

enum http_mode { HTTP_MODE_UNKNOWN, HTTP_MODE_1, HTTP_MODE_2 };

struct http_state {
	enum http_mode mode;
	struct http1 h1;
	struct http2 h2;
};

static enum proto_match http_recognise(enum proto_direction d, const uint8_t *bytes, size_t n)
{
	enum proto_match m = http1_recognise(bytes, n);

	if (m == PROTO_NO && http2_looks(bytes, n, true))
		m = PROTO_YES;
	return m;
}

/* HTTP/1's parser took the bytes up to where HTTP/2 begins */
static void begin_http2(struct http_state *st, struct proto_conn *c, enum proto_direction d)
{
	/* the side that sent the preface is the client, the side that sent 101 the server */
	bool is_request = st->h1.side[d].is_request;
	enum proto_direction client = is_request ? d : d == PROTO_IN ? PROTO_OUT : PROTO_IN;

	if (!is_request) {
		st->h2.queue = st->h1.queue;
		st->h2.newest_stream = 1;
		memset(&st->h1.queue, 0, sizeof(st->h1.queue));
	}
	http1_end(&st->h1, c);
	memset(&st->h1, 0, sizeof(st->h1));
	st->mode = HTTP_MODE_2;
	/* after the line of the preface: CR LF SM CR LF CR LF; after an upgrade all 24 bytes */
	http2_begin(&st->h2, client, is_request ? 8 : 24);
	http_set_role(c, client);
}

static void http_feed(void *state, struct proto_conn *c, const struct proto_piece *p)
{
	struct http_state *st = state;
	const uint8_t *bytes = p->bytes;
	size_t n = p->n, used;

	if (st->mode == HTTP_MODE_UNKNOWN && p->call_offset == 0) {
		if (http1_recognise(bytes, n) != PROTO_NO)
			st->mode = HTTP_MODE_1;
		else if (http2_looks(bytes, n, true))
			st->mode = HTTP_MODE_2;
	}
	while (n && st->mode == HTTP_MODE_1) {
		enum http1_next next = http1_feed(&st->h1, c, p, bytes, n, &used);

		bytes += used;
		n -= used;
		if (next == HTTP1_TO_HTTP2) {
			begin_http2(st, c, p->direction);
		} else if (next == HTTP1_TO_OTHER) {
			c->is_ignored = true;
			return;
		}
	}
	if (n && st->mode == HTTP_MODE_2)
		http2_feed(&st->h2, c, p, bytes, n);
}

static bool http_is_early(const void *state, const struct proto_conn *c,
			  const struct proto_piece *p)
{
	const struct http_state *st = state;

	return st->mode == HTTP_MODE_2 ? http2_is_early(&st->h2, c, p) : http1_is_early(&st->h1, p);
}

static void http_gap(void *state, struct proto_conn *c, enum proto_direction d, uint64_t lost)
{
	struct http_state *st = state;

	if (st->mode == HTTP_MODE_1)
		http1_gap(&st->h1, c, d, lost);
	else if (st->mode == HTTP_MODE_2)
		http2_gap(&st->h2, c, d, lost);
}

/* a body that is sent by sendfile */
static void http_skip(void *state, struct proto_conn *c, const struct proto_piece *p)
{
	struct http_state *st = state;

	if (st->mode == HTTP_MODE_1)
		http1_skip(&st->h1, c, p);
	else if (st->mode == HTTP_MODE_2)
		http2_skip(&st->h2, c, p);
}

static void http_end(void *state, struct proto_conn *c)
{
	struct http_state *st = state;

	http1_end(&st->h1, c);
	http2_end(&st->h2, c);
}

static size_t http_memory(const void *state)
{
	const struct http_state *st = state;

	return http_queue_cost(&st->h1.queue) + http_queue_cost(&st->h2.queue) +
	       st->h2.side[0].block.room + st->h2.side[1].block.room;
}

const struct proto_ops proto_http = {
	.name = "http",
	.state_size = sizeof(struct http_state),
	.recognise = http_recognise,
	.feed = http_feed,
	.gap = http_gap,
	.skip = http_skip,
	.is_early = http_is_early,
	.end = http_end,
	.memory = http_memory,
};
