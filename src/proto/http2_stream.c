/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HTTP/2, streams: what blocks of header fields say becomes requests and responses. A block with :status is a response, one
 * with :method a request; when HPACK hides both, the side that asks is known from before, or it is the one that opens streams.
 */
#include "proto/http2_private.h"

#include <stdio.h>

/* fields of a block, until it is known what the block is */
struct block {
	struct proto_text method, path, authority, status, lines;
	struct http_exchange fields; /* content type and the like: texts only */
	uint32_t n_unknown;
	bool has_method, has_status;
};

struct http_exchange *http2_find(const struct http2 *h, uint32_t stream)
{
	struct http_exchange *x;

	for (x = h->queue.first; x && x->stream != stream; x = x->next)
		;
	return x;
}

static void say(struct http2 *h, struct proto_conn *c, struct http_exchange *x)
{
	http_exchange_say(&h->queue, c, x);
}

void http2_end_direction(struct http2 *h, struct proto_conn *c, enum proto_direction d,
			 struct http_exchange *x, uint64_t nsecs)
{
	if (!x)
		return;
	if (x->direction == d) {
		x->request_done = true;
	} else {
		x->response_done = true;
		x->last = nsecs;
	}
	if (x->request_done && x->response_done)
		say(h, c, x);
}

void http2_reset(struct http2 *h, struct proto_conn *c, struct http2_side *s, uint32_t code)
{
	/* RFC 9113, 7 */
	static const char *const names[] = { "NO_ERROR",
					     "PROTOCOL_ERROR",
					     "INTERNAL_ERROR",
					     "FLOW_CONTROL_ERROR",
					     "SETTINGS_TIMEOUT",
					     "STREAM_CLOSED",
					     "FRAME_SIZE_ERROR",
					     "REFUSED_STREAM",
					     "CANCEL",
					     "COMPRESSION_ERROR",
					     "CONNECT_ERROR",
					     "ENHANCE_YOUR_CALM",
					     "INADEQUATE_SECURITY",
					     "HTTP_1_1_REQUIRED" };
	struct http_exchange *x = http2_find(h, s->stream);

	if (!x)
		return;
	/* a server that has answered all may tell the client to stop sending: that is no failure */
	if (!(x->response_done && code == 0)) {
		if (code < sizeof(names) / sizeof(names[0]))
			snprintf(x->note, sizeof(x->note), "reset: %s", names[code]);
		else
			snprintf(x->note, sizeof(x->note), "reset: %#x", code);
	}
	say(h, c, x);
}

static void take_field(void *arg, bool is_known, struct str name, struct str value)
{
	struct block *b = arg;

	if (!is_known) {
		b->n_unknown++;
		if (name.n) /* the name is unknown, the value stands there */
			name = HTTP_UNKNOWN;
		else
			name = value = HTTP_UNKNOWN;
	} else if (str_is(name, ":method")) {
		b->has_method = true;
		proto_text_set(&b->method, value, HTTP_MAX_FIELD);
	} else if (str_is(name, ":path")) {
		proto_text_set(&b->path, value, HTTP_MAX_FIELD);
	} else if (str_is(name, ":authority")) {
		proto_text_set(&b->authority, value, HTTP_MAX_FIELD);
	} else if (str_is(name, ":status")) {
		b->has_status = true;
		proto_text_set(&b->status, value, HTTP_MAX_FIELD);
	} else {
		http_exchange_header(&b->fields, true, name, value);
		http_exchange_header(&b->fields, false, name, value);
	}
	proto_text_add_str(&b->lines, name, HTTP_MAX_HEAD);
	proto_text_add(&b->lines, ": ", 2, HTTP_MAX_HEAD);
	proto_text_add_str(&b->lines, value, HTTP_MAX_HEAD);
	proto_text_add(&b->lines, "\n", 1, HTTP_MAX_HEAD);
}

static void block_free(struct block *b)
{
	proto_text_free(&b->method);
	proto_text_free(&b->path);
	proto_text_free(&b->authority);
	proto_text_free(&b->status);
	proto_text_free(&b->lines);
	proto_text_free(&b->fields.host);
	proto_text_free(&b->fields.content_type);
	proto_text_free(&b->fields.user_agent);
	proto_text_free(&b->fields.grpc_message);
}

/* what stands in b moves to the exchange, where there is something */
static void move(struct proto_text *to, struct proto_text *from)
{
	if (from->total) {
		proto_text_free(to);
		*to = *from;
		memset(from, 0, sizeof(*from));
	}
}

static void or_unknown(struct proto_text *t, const struct block *b)
{
	if (t->total == 0 && b->n_unknown)
		proto_text_add_str(t, HTTP_UNKNOWN, HTTP_MAX_FIELD);
}

static void take_request(struct http2 *h, struct proto_conn *c, enum proto_direction asking,
			 uint32_t stream, struct block *b)
{
	struct http2_side *s = &h->side[asking];
	struct http_exchange *x;

	if (s->block_promise)
		s = &h->side[asking == PROTO_IN ? PROTO_OUT : PROTO_IN];
	if (h->queue.n >= http_max_waiting(c)) {
		h->queue.first->lost = true;
		say(h, c, h->queue.first);
	}
	x = http_exchange_new(&h->queue, &s->block_at, asking, "2");
	if (!x)
		return;
	x->stream = stream;
	x->lost = !b->has_method || (b->path.total == 0 && b->n_unknown);
	move(&x->method, &b->method);
	move(&x->path, &b->path);
	move(&x->host, b->authority.total ? &b->authority : &b->fields.host);
	move(&x->user_agent, &b->fields.user_agent);
	move(&x->head, &b->lines);
	or_unknown(&x->method, b);
	or_unknown(&x->path, b);
	or_unknown(&x->host, b);
	if (stream > h->newest_stream)
		h->newest_stream = stream;
}

static void take_response(struct http2 *h, struct proto_conn *c, struct http_exchange *x,
			  const struct proto_piece *p, struct block *b)
{
	struct http2_side *s = &h->side[p->direction];
	uint64_t status = 0;
	bool has_status = proto_decimal(proto_text_str(&b->status), &status) && status < 1000;

	if (!x && (h->is_from_start || !has_status))
		return; /* the rest of a stream that is over, or trailers of one that was never seen */
	if (has_status && status < 200)
		return; /* on the way */
	if (!x) {
		x = http_exchange_new(&h->queue, &s->block_at,
				      p->direction == PROTO_IN ? PROTO_OUT : PROTO_IN, "2");
		if (!x)
			return;
		x->stream = s->block_stream;
		x->lost = true;
		x->request_done = true;
	}
	if (!x->response_seen) {
		x->response_seen = true;
		x->first = s->block_at.nsecs;
		x->status = has_status ? (int64_t)status : -1;
		x->lost |= !has_status;
	}
	move(&x->content_type, &b->fields.content_type);
	move(&x->grpc_message, &b->fields.grpc_message);
	if (b->fields.grpc_status >= 0)
		x->grpc_status = b->fields.grpc_status;
	if (s->is_block_end_stream)
		http2_end_direction(h, c, p->direction, x, p->at.nsecs);
}

static void take_headers(struct http2 *h, struct proto_conn *c, const struct proto_piece *p,
			 struct block *b)
{
	enum proto_direction d = p->direction, other = d == PROTO_IN ? PROTO_OUT : PROTO_IN;
	struct http2_side *s = &h->side[d];
	struct http_exchange *x = http2_find(h, s->block_stream);
	bool is_request;

	if (s->block_promise) {
		/* the server announces what it will send unasked: as if the other side had asked for it */
		if (!http2_find(h, s->block_promise)) {
			take_request(h, c, other, s->block_promise, b);
			http2_end_direction(h, c, other, http2_find(h, s->block_promise), 0);
		}
		return;
	}
	if (b->has_status || b->has_method)
		is_request = !b->has_status;
	else if (x)
		is_request = x->direction == d;
	else if (c->role != PROTO_ROLE_UNKNOWN)
		is_request = (c->role == PROTO_CLIENT) == (d == PROTO_OUT);
	else
		is_request = b->n_unknown && s->block_stream > h->newest_stream;
	if (!is_request) {
		if (b->has_status && c->role == PROTO_ROLE_UNKNOWN)
			http_set_role(c, other);
		take_response(h, c, x, p, b);
		return;
	}
	if (b->has_method)
		http_set_role(c, d);
	if (!x && (b->has_method || b->n_unknown) && s->block_stream > h->newest_stream)
		take_request(h, c, d, s->block_stream, b);
	if (s->is_block_end_stream)
		http2_end_direction(h, c, d, http2_find(h, s->block_stream), p->at.nsecs);
}

void http2_take_block(struct http2 *h, struct proto_conn *c, const struct proto_piece *p)
{
	struct http2_side *s = &h->side[p->direction];
	struct block b = { .fields = { .grpc_status = -1 } };

	if (!s->hpack)
		s->hpack = hpack_new();
	if (!s->hpack)
		return;
	/* one that was too long to keep, or is none, leaves a table that must not be trusted */
	if (s->block.total > s->block.n ||
	    !hpack_decode(s->hpack, (const uint8_t *)proto_text_str(&s->block).p, s->block.n,
			  take_field, &b)) {
		hpack_free(s->hpack);
		s->hpack = NULL;
		b.n_unknown++;
	}
	take_headers(h, c, p, &b);
	block_free(&b);
}
