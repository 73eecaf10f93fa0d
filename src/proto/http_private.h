/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the http decoder share. http.c finds out which version a connection speaks and owns the state; http1.c and
 * http2.c parse; both fill exchanges (http_exchange.c), which become messages when request and response are complete.
 *
 * Everything is freed by http_end(); nothing is kept of bodies but their length.
 */
#ifndef SONDE_PROTO_HTTP_PRIVATE_H
#define SONDE_PROTO_HTTP_PRIVATE_H

#include "proto/fifo.h"
#include "proto/proto.h"
#include "proto/text.h"

/* bytes that are kept of a line, of the head of a request (args.data), of a field that messages show */
#define HTTP_MAX_LINE 16384
#define HTTP_MAX_HEAD 16384
#define HTTP_MAX_FIELD 2048
/* what a request that waits for its response may hold, for the bound on their number */
#define HTTP_EXCHANGE_COST (HTTP_MAX_HEAD + 4 * HTTP_MAX_FIELD)

/* what a script sees of a request that was sent before the attach, or of a field that HPACK refers back to */
#define HTTP_UNKNOWN STR("<unknown>")

/* a request and its response, or the part of them that was seen */
struct http_exchange {
	struct http_exchange *next;
	struct proto_at at;             /* of the first byte */
	enum proto_direction direction; /* of the request */
	uint32_t stream;                /* of HTTP/2 */
	char version[4];
	struct proto_text method, path, host, content_type, user_agent, grpc_message;
	struct proto_text head; /* of the request, as lines */
	char note[64];
	int64_t status, grpc_status;
	uint64_t request_bytes, response_bytes;
	uint64_t first, last; /* ns: of the first and the last byte of the response; 0: not seen */
	bool lost;
	bool request_done, response_seen, response_done;
	bool is_head, is_connect, expects_continue;
};

/* exchanges in the order of their requests */
struct http_queue {
	FIFO(struct http_exchange);
};

struct http_exchange *http_exchange_new(struct http_queue *q, const struct proto_at *at,
					enum proto_direction d, const char *version);
/* it becomes a message, and is freed */
void http_exchange_say(struct http_queue *q, struct proto_conn *c, struct http_exchange *x);
/* all of them at the end of the connection, each with a note that says what is missing */
void http_queue_say_all(struct http_queue *q, struct proto_conn *c);
size_t http_queue_cost(const struct http_queue *q);
/* a field of a request's or a response's head; name in small letters (HTTP/2) or any (HTTP/1) */
void http_exchange_header(struct http_exchange *x, bool is_request, struct str name,
			  struct str value);
/* how many exchanges may wait on this connection */
uint32_t http_max_waiting(const struct proto_conn *c);
/* the request was seen to go in this direction */
static inline void http_set_role(struct proto_conn *c, enum proto_direction of_requests)
{
	c->role = of_requests == PROTO_OUT ? PROTO_CLIENT : PROTO_SERVER;
}

/* ---- HTTP/1 ---- */

enum http1_where {
	HTTP1_START, /* before or in a start line */
	HTTP1_FIELDS,
	HTTP1_BODY, /* so many bytes are left */
	HTTP1_CHUNK_SIZE,
	HTTP1_CHUNK,
	HTTP1_CHUNK_END,
	HTTP1_TRAILERS,
	HTTP1_UNTIL_CLOSE
};

struct http1_side {
	enum http1_where where;
	bool is_in_sync; /* otherwise the next call that begins like a message is waited for */
	bool is_request, is_interim;
	bool has_length, is_chunked,
		is_coded; /* of the message: Content-Length, the transfer codings */
	uint64_t left;    /* of the body, of the chunk */
	struct proto_text line;
	struct proto_at at; /* of the first byte of the start line */
	uint64_t last;      /* ns of the newest byte */
	struct http_exchange *x;
	struct proto_text upgrade; /* what the response switches to */
};

struct http1 {
	struct http1_side side[2];
	struct http_queue queue;
	bool is_unsure; /* after a gap, until nothing waits: which response belongs to which request */
};

enum http1_next {
	HTTP1_GO_ON,
	HTTP1_TO_HTTP2, /* what follows the bytes that were taken is HTTP/2: the preface, an upgrade */
	HTTP1_TO_OTHER /* is a tunnel or a protocol that is not looked into */
};

enum proto_match http1_recognise(const uint8_t *bytes, size_t n);
/* *used: how many bytes were taken */
enum http1_next http1_feed(struct http1 *h, struct proto_conn *c, const struct proto_piece *p,
			   const uint8_t *bytes, size_t n, size_t *used);
/* bytes that are not to be seen */
void http1_skip(struct http1 *h, struct proto_conn *c, const struct proto_piece *p);
void http1_gap(struct http1 *h, struct proto_conn *c, enum proto_direction d, uint64_t lost);
void http1_end(struct http1 *h, struct proto_conn *c);
bool http1_is_early(const struct http1 *h, const struct proto_piece *p);

/* ---- HTTP/2 ---- */

struct hpack;

struct http2_side {
	bool is_in_sync;
	uint8_t head[9]; /* of a frame, being put together */
	uint32_t n_head;
	uint32_t left;     /* of the frame's payload */
	uint8_t prefix[6]; /* of it: padding, priority, promised stream, error code */
	uint32_t n_prefix, want_prefix;
	uint32_t padding;
	uint8_t type, flags;
	uint32_t stream;
	uint32_t skip;      /* rest of the preface */
	struct proto_at at; /* of the frame */
	/* a block of header fields, over HEADERS, PUSH_PROMISE and their CONTINUATIONs */
	bool is_in_block, is_block_end_stream;
	uint32_t block_stream,
		block_promise; /* PUSH_PROMISE: the stream that will answer; else 0 */
	struct proto_at block_at;
	struct proto_text block;
	struct hpack *hpack;
};

struct http2 {
	struct http2_side side[2];
	struct http_queue queue;
	bool is_from_start; /* the preface was seen: what came before a stream's first frame is nothing */
	uint32_t newest_stream; /* of the client's */
};

/* do these bytes look like frames? strict: nothing says yet that this connection speaks HTTP/2 */
bool http2_looks(const uint8_t *bytes, size_t n, bool is_strict);
/* the client's preface was seen up to "PRI * HTTP/2.0\r\n" in this direction, or an upgrade (preface still to come) */
void http2_begin(struct http2 *h, enum proto_direction client, uint32_t skip);
void http2_feed(struct http2 *h, struct proto_conn *c, const struct proto_piece *p,
		const uint8_t *bytes, size_t n);
void http2_skip(struct http2 *h, struct proto_conn *c, const struct proto_piece *p);
void http2_gap(struct http2 *h, struct proto_conn *c, enum proto_direction d, uint64_t lost);
void http2_end(struct http2 *h, struct proto_conn *c);
bool http2_is_early(const struct http2 *h, const struct proto_conn *c, const struct proto_piece *p);

/* ---- HPACK (RFC 7541), one direction ---- */

/* is_known false: name, or name and value, stand in a part of the table that was filled before the attach (or a gap) */
typedef void (*hpack_field_cb)(void *arg, bool is_known, struct str name, struct str value);
struct hpack *hpack_new(void);
void hpack_free(struct hpack *h);
/* a whole block; false: it is none, and the table is not to be trusted from now on: the caller takes a new one */
bool hpack_decode(struct hpack *h, const uint8_t *block, size_t n, hpack_field_cb cb, void *arg);

#endif
