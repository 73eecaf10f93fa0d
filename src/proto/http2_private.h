/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the two files of HTTP/2 share: numbers of RFC 9113, and what frames do to streams. */
#ifndef SONDE_PROTO_HTTP2_PRIVATE_H
#define SONDE_PROTO_HTTP2_PRIVATE_H

#include "proto/http_private.h"

enum http2_frame {
	HTTP2_DATA,
	HTTP2_HEADERS,
	HTTP2_PRIORITY,
	HTTP2_RST_STREAM,
	HTTP2_SETTINGS,
	HTTP2_PUSH_PROMISE,
	HTTP2_PING,
	HTTP2_GOAWAY,
	HTTP2_WINDOW_UPDATE,
	HTTP2_CONTINUATION,
	HTTP2_N_FRAMES
};

#define HTTP2_END_STREAM 0x01
#define HTTP2_ACK 0x01
#define HTTP2_END_HEADERS 0x04
#define HTTP2_PADDED 0x08
#define HTTP2_PRIORITIZED 0x20

/* NULL: there is none, or it is over */
struct http_exchange *http2_find(const struct http2 *h, uint32_t stream);
/* this direction of the stream has ended, at that time; x may be NULL */
void http2_end_direction(struct http2 *h, struct proto_conn *c, enum proto_direction d,
			 struct http_exchange *x, uint64_t nsecs);
/* a block is complete: what it says of a stream; p: the piece with its last byte */
void http2_take_block(struct http2 *h, struct proto_conn *c, const struct proto_piece *p);
/* RST_STREAM for the frame's stream */
void http2_reset(struct http2 *h, struct proto_conn *c, struct http2_side *s, uint32_t code);

#endif
