/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HTTP/2 (RFC 9113), frames: cut out of the bytes of each direction, payloads of DATA counted, blocks of header fields put
 * together and handed to http2_stream.c. Nothing but header blocks is buffered.
 *
 * A direction that is not in sync (attached in the middle, a gap) begins again with a call that looks like frames.
 */
#include "proto/http2_private.h"

/* a block of header fields longer than this is not decoded */
#define MAX_BLOCK 65536
/* RFC 9113, 4.2: what a peer may send unless it was told otherwise; of a frame that is not yet known to be one */
#define LIKELY_FRAME 16384
#define HEAD_BYTES 9

struct frame_rule {
	uint8_t flags;           /* that exist */
	bool on_stream, on_conn; /* may the stream be a number, 0? */
	uint32_t least, most;    /* bytes of payload */
};

static const struct frame_rule rules[HTTP2_N_FRAMES] = {
	[HTTP2_DATA] = { HTTP2_END_STREAM | HTTP2_PADDED, true, false, 0, LIKELY_FRAME },
	[HTTP2_HEADERS] = { HTTP2_END_STREAM | HTTP2_END_HEADERS | HTTP2_PADDED | HTTP2_PRIORITIZED,
			    true, false, 1, LIKELY_FRAME },
	[HTTP2_PRIORITY] = { 0, true, false, 5, 5 },
	[HTTP2_RST_STREAM] = { 0, true, false, 4, 4 },
	[HTTP2_SETTINGS] = { HTTP2_ACK, false, true, 0, 600 },
	[HTTP2_PUSH_PROMISE] = { HTTP2_END_HEADERS | HTTP2_PADDED, true, false, 5, LIKELY_FRAME },
	[HTTP2_PING] = { HTTP2_ACK, false, true, 8, 8 },
	[HTTP2_GOAWAY] = { 0, false, true, 8, LIKELY_FRAME },
	[HTTP2_WINDOW_UPDATE] = { 0, true, true, 4, 4 },
	[HTTP2_CONTINUATION] = { HTTP2_END_HEADERS, true, false, 0, LIKELY_FRAME },
};

static bool looks_like_head(const uint8_t *p)
{
	uint32_t length = proto_be24(p), stream = proto_be32(p + 5);
	const struct frame_rule *r;

	if (p[3] >= HTTP2_N_FRAMES)
		return false;
	r = &rules[p[3]];
	return length >= r->least && length <= r->most && !(p[4] & ~r->flags) &&
	       (stream ? r->on_stream && stream < 1u << 31 : r->on_conn) &&
	       (p[3] != HTTP2_SETTINGS || length % 6 == 0);
}

bool http2_looks(const uint8_t *bytes, size_t n, bool is_strict)
{
	size_t at = 0, n_heads = 0;

	while (n - at >= HEAD_BYTES) {
		size_t length = HEAD_BYTES + (size_t)proto_be24(bytes + at);

		if (!looks_like_head(bytes + at))
			return false;
		n_heads++;
		if (length > n - at)
			break;
		at += length;
	}
	/* a single frame is proof only if its payload has a form of its own */
	if (is_strict && n_heads == 1 &&
	    (bytes[3] == HTTP2_DATA || bytes[3] == HTTP2_CONTINUATION || bytes[3] == HTTP2_HEADERS))
		return at == n && bytes[3] == HTTP2_HEADERS;
	return n_heads > 0;
}

void http2_begin(struct http2 *h, enum proto_direction client, uint32_t skip)
{
	h->is_from_start = true;
	h->side[0].is_in_sync = h->side[1].is_in_sync = true;
	h->side[client].skip = skip;
}

static void lose(struct http2 *h, struct http2_side *s)
{
	s->is_in_sync = false;
	s->is_in_block = false;
	s->n_head = s->left = s->skip = 0;
	proto_text_clear(&s->block);
	/* what was added to the table in the bytes that are missing is not known */
	hpack_free(s->hpack);
	s->hpack = NULL;
	h->is_from_start = false;
	for (struct http_exchange *x = h->queue.first; x; x = x->next)
		x->lost = true;
}

static bool is_padded(const struct http2_side *s)
{
	return s->flags & HTTP2_PADDED &&
	       (s->type == HTTP2_DATA || s->type == HTTP2_HEADERS || s->type == HTTP2_PUSH_PROMISE);
}

/* the nine bytes are together: RFC 9113, 4.1. False: this is no frame */
static bool begin_frame(struct http2_side *s)
{
	uint32_t fixed = 0;

	s->left = proto_be24(s->head);
	s->type = s->head[3];
	s->flags = s->head[4];
	s->stream = proto_be32(s->head + 5) & 0x7fffffff;
	s->padding = s->n_prefix = s->want_prefix = 0;
	if (s->type < HTTP2_N_FRAMES) {
		const struct frame_rule *r = &rules[s->type];

		if (s->left < r->least || (r->most < LIKELY_FRAME && s->left > r->most) ||
		    (s->stream ? !r->on_stream : !r->on_conn))
			return false;
	}
	/* between the parts of a block nothing else may come */
	if (s->is_in_block != (s->type == HTTP2_CONTINUATION) ||
	    (s->is_in_block && s->stream != s->block_stream))
		return false;
	if (s->type == HTTP2_HEADERS && s->flags & HTTP2_PRIORITIZED)
		fixed = 5;
	else if (s->type == HTTP2_PUSH_PROMISE || s->type == HTTP2_RST_STREAM)
		fixed = 4;
	s->want_prefix = fixed + is_padded(s);
	if (s->type != HTTP2_CONTINUATION)
		s->block_promise = 0;
	return s->want_prefix <= s->left;
}

/* what stands before the frame's own bytes is together */
static bool take_prefix(struct http2 *h, struct proto_conn *c, struct http2_side *s)
{
	const uint8_t *p = s->prefix;

	if (is_padded(s))
		s->padding = *p++;
	if (s->type == HTTP2_PUSH_PROMISE)
		s->block_promise = proto_be32(p) & 0x7fffffff;
	else if (s->type == HTTP2_RST_STREAM)
		http2_reset(h, c, s, proto_be32(p));
	return s->padding <= s->left;
}

static void begin_payload(struct http2_side *s)
{
	if (s->type != HTTP2_HEADERS && s->type != HTTP2_PUSH_PROMISE)
		return;
	s->is_in_block = true;
	s->is_block_end_stream = s->type == HTTP2_HEADERS && s->flags & HTTP2_END_STREAM;
	s->block_stream = s->stream;
	s->block_at = s->at;
	proto_text_clear(&s->block);
}

/* the frame is over */
static void end_frame(struct http2 *h, struct proto_conn *c, const struct proto_piece *p)
{
	struct http2_side *s = &h->side[p->direction];

	s->n_head = 0;
	if (s->type == HTTP2_DATA && s->flags & HTTP2_END_STREAM)
		http2_end_direction(h, c, p->direction, http2_find(h, s->stream), p->at.nsecs);
	if (!s->is_in_block || !(s->flags & HTTP2_END_HEADERS))
		return;
	http2_take_block(h, c, p);
	s->is_in_block = false;
	proto_text_clear(&s->block);
}

/* bytes of the payload; more than `padding` are left */
static void take_payload(struct http2 *h, const struct proto_piece *p, const uint8_t *bytes,
			 size_t n)
{
	struct http2_side *s = &h->side[p->direction];
	struct http_exchange *x;

	if (s->is_in_block) {
		proto_text_add(&s->block, bytes, n, MAX_BLOCK);
		return;
	}
	x = s->type == HTTP2_DATA ? http2_find(h, s->stream) : NULL;
	if (x && x->direction == p->direction)
		x->request_bytes += n;
	else if (x)
		x->response_bytes += n;
}

/* a part of a frame; how many bytes were used. 0: this is none */
static size_t take(struct http2 *h, struct proto_conn *c, const struct proto_piece *p,
		   const uint8_t *bytes, size_t n)
{
	struct http2_side *s = &h->side[p->direction];
	size_t used;

	if (s->n_head < HEAD_BYTES) {
		if (s->n_head == 0)
			s->at = p->at;
		used = HEAD_BYTES - s->n_head < n ? HEAD_BYTES - s->n_head : n;
		memcpy(s->head + s->n_head, bytes, used);
		s->n_head += (uint32_t)used;
		if (s->n_head < HEAD_BYTES)
			return used;
		if (!begin_frame(s))
			return 0;
		if (!s->want_prefix)
			begin_payload(s);
	} else if (s->n_prefix < s->want_prefix) {
		used = s->want_prefix - s->n_prefix < n ? s->want_prefix - s->n_prefix : n;
		memcpy(s->prefix + s->n_prefix, bytes, used);
		s->n_prefix += (uint32_t)used;
		s->left -= (uint32_t)used;
		if (s->n_prefix == s->want_prefix) {
			if (!take_prefix(h, c, s))
				return 0;
			begin_payload(s);
		}
	} else if (s->left > s->padding) {
		used = s->left - s->padding < n ? s->left - s->padding : n;
		take_payload(h, p, bytes, used);
		s->left -= (uint32_t)used;
	} else {
		used = s->left < n ? s->left : n;
		s->left -= (uint32_t)used;
	}
	if (s->left == 0 && s->n_prefix == s->want_prefix)
		end_frame(h, c, p);
	return used;
}

void http2_feed(struct http2 *h, struct proto_conn *c, const struct proto_piece *p,
		const uint8_t *bytes, size_t n)
{
	static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
	struct http2_side *s = &h->side[p->direction];

	if (!s->is_in_sync) {
		bool is_begun = n >= sizeof(preface) - 1 &&
				!memcmp(bytes, preface, sizeof(preface) - 1);

		if (p->call_offset != 0 || bytes != p->bytes ||
		    (!is_begun && !http2_looks(bytes, n, false)))
			return;
		s->is_in_sync = true;
		/* with TLS the server may speak first: its settings were the beginning of the other direction */
		if (is_begun) {
			h->is_from_start = true;
			s->skip = sizeof(preface) - 1;
			http_set_role(c, p->direction);
		}
	}
	for (; n && s->skip; bytes++, n--, s->skip--) {
		if ((char)*bytes != preface[sizeof(preface) - 1 - s->skip]) {
			lose(h, s);
			return;
		}
	}
	while (n) {
		size_t used = take(h, c, p, bytes, n);

		if (!used) {
			lose(h, s);
			return;
		}
		bytes += used;
		n -= used;
	}
}

void http2_gap(struct http2 *h, struct proto_conn *c, enum proto_direction d, uint64_t lost)
{
	struct http2_side *s = &h->side[d];
	struct http_exchange *x = http2_find(h, s->stream);

	if (!s->is_in_sync)
		return;
	/* in the middle of a DATA frame that is longer than what is missing: it is counted */
	if (lost != PROTO_LOST_UNKNOWN && s->n_head == HEAD_BYTES && s->type == HTTP2_DATA &&
	    s->n_prefix == s->want_prefix && s->left > s->padding && lost < s->left - s->padding) {
		s->left -= (uint32_t)lost;
		if (x)
			*(x->direction == d ? &x->request_bytes : &x->response_bytes) += lost;
		return;
	}
	lose(h, s);
}

/* of a body only the length matters: any bytes do */
void http2_skip(struct http2 *h, struct proto_conn *c, const struct proto_piece *p)
{
	static const uint8_t zeros[4096];
	struct http2_side *s = &h->side[p->direction];

	if (!s->is_in_sync || s->n_head != HEAD_BYTES || s->type != HTTP2_DATA ||
	    s->n_prefix != s->want_prefix || s->left < s->padding || p->n > s->left - s->padding) {
		http2_gap(h, c, p->direction, p->n);
		return;
	}
	for (size_t left = p->n, n; left; left -= n) {
		n = left < sizeof(zeros) ? left : sizeof(zeros);
		http2_feed(h, c, p, zeros, n);
	}
}

/* is there, among the frames that begin in this piece, the beginning of a response on a stream that was never opened? */
bool http2_is_early(const struct http2 *h, const struct proto_conn *c, const struct proto_piece *p)
{
	const struct http2_side *s = &h->side[p->direction];
	uint8_t head[HEAD_BYTES];
	uint32_t have = s->n_head;
	size_t at = 0;

	if (c->role != PROTO_CLIENT || !s->is_in_sync)
		return false;
	if (have == HEAD_BYTES) {
		at = s->left;
		have = 0;
	}
	memcpy(head, s->head, have);
	while (at < p->n && p->n - at >= HEAD_BYTES - have) {
		memcpy(head + have, p->bytes + at, HEAD_BYTES - have);
		if (head[3] == HTTP2_HEADERS) {
			uint32_t stream = proto_be32(head + 5) & 0x7fffffff;

			if (stream & 1 && stream > h->newest_stream)
				return true;
		}
		at += HEAD_BYTES - have + (size_t)proto_be24(head);
		have = 0;
	}
	return false;
}

void http2_end(struct http2 *h, struct proto_conn *c)
{
	for (int d = 0; d < 2; d++) {
		proto_text_free(&h->side[d].block);
		hpack_free(h->side[d].hpack);
	}
	http_queue_say_all(&h->queue, c);
}
