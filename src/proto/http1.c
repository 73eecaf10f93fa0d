/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HTTP/1 (RFC 9112): a state machine for each direction that goes line by line through heads and counts its way through
 * bodies. Which direction asks is seen from the first lines. Requests wait in a queue; a response belongs to the oldest
 * request that has none.
 *
 * After a gap a direction waits for a call that begins like a message. Until no request waits any more it is unsure which
 * response belongs to which request: what is said in that time is marked as lost.
 */
#include "proto/http1_private.h"

#include <stdio.h>

static void side_reset(struct http1_side *s)
{
	s->where = HTTP1_START;
	s->x = NULL;
	proto_text_clear(&s->line);
}

static void side_lose(struct http1_side *s)
{
	side_reset(s);
	s->is_in_sync = false;
}

/* nobody points at it any more; what is left of its bodies is counted for nobody */
static void say(struct http1 *h, struct proto_conn *c, struct http_exchange *x)
{
	for (int d = 0; d < 2; d++)
		if (h->side[d].x == x)
			h->side[d].x = NULL;
	http_exchange_say(&h->queue, c, x);
}

/* the newest request keeps waiting, those before it are given up: their responses are among what is missing */
static void settle(struct http1 *h, struct proto_conn *c)
{
	while (h->queue.first != h->queue.last) {
		h->queue.first->lost = true;
		say(h, c, h->queue.first);
	}
}

static void finish(struct http1 *h, struct proto_conn *c, struct http_exchange *x)
{
	x->lost |= h->is_unsure;
	say(h, c, x);
	if (h->queue.n == 0)
		h->is_unsure = false;
}

/* the rest of this direction's message is not to be had */
static void lose_message(struct http1 *h, struct proto_conn *c, struct http1_side *s)
{
	struct http_exchange *x = s->x;

	side_lose(s);
	h->is_unsure = h->queue.n > 0;
	if (!x)
		return;
	x->lost = true;
	if (s->is_request)
		x->request_done = true;
	else
		x->response_done = true;
	if (x->request_done && x->response_done)
		finish(h, c, x);
}

/* the message of this direction is over */
static void end_message(struct http1 *h, struct proto_conn *c, struct http1_side *s)
{
	struct http_exchange *x = s->x;

	side_reset(s);
	if (!x || s->is_interim)
		return;
	if (s->is_request) {
		x->request_done = true;
	} else {
		x->response_done = true;
		x->last = s->last;
	}
	if (x->request_done && x->response_done)
		finish(h, c, x);
}

static bool begin_request(struct http1 *h, struct proto_conn *c, struct http1_side *s,
			  enum proto_direction d, const struct http1_request *r, struct str line)
{
	struct http_exchange *x;

	if (h->is_unsure)
		settle(h, c);
	if (h->queue.n >= http_max_waiting(c)) {
		/* nobody answers: the oldest is said as it is, and later it is not known which answer belongs to whom */
		h->queue.first->lost = true;
		say(h, c, h->queue.first);
		h->is_unsure = true;
	}
	x = http_exchange_new(&h->queue, &s->at, d, r->version.p[7] == '0' ? "1.0" : "1.1");
	if (!x)
		return false;
	x->lost = h->is_unsure;
	proto_text_set(&x->method, r->method, HTTP_MAX_FIELD);
	proto_text_set(&x->path, r->target, HTTP_MAX_FIELD);
	proto_text_add_str(&x->head, line, HTTP_MAX_HEAD);
	proto_text_add(&x->head, "\n", 1, HTTP_MAX_HEAD);
	x->is_head = str_is(r->method, "HEAD");
	x->is_connect = str_is(r->method, "CONNECT");
	s->x = x;
	http_set_role(c, d);
	return true;
}

static bool begin_response(struct http1 *h, struct proto_conn *c, struct http1_side *s,
			   enum proto_direction d, int status, struct str line)
{
	struct http_exchange *x;

	if (h->is_unsure)
		settle(h, c);
	for (x = h->queue.first; x && x->response_seen; x = x->next)
		;
	s->is_interim = status < 200 && status != 101;
	if (s->is_interim)
		return true;
	if (!x) {
		/* its request was before the attach, or is lost */
		x = http_exchange_new(&h->queue, &s->at, d == PROTO_IN ? PROTO_OUT : PROTO_IN,
				      line.p[7] == '0' ? "1.0" : "1.1");
		if (!x)
			return false;
		x->lost = true;
		x->request_done = true;
		http_set_role(c, x->direction);
	}
	x->response_seen = true;
	x->status = status;
	x->first = s->at.nsecs;
	s->x = x;
	return true;
}

static enum http1_next take_start(struct http1 *h, struct proto_conn *c, enum proto_direction d,
				  struct str line)
{
	struct http1_side *s = &h->side[d];
	struct http1_request r;
	int status;

	if (line.n == 0) /* RFC 9112, 2.2: an empty line before a request is passed over */
		return HTTP1_GO_ON;
	s->has_length = s->is_chunked = s->is_coded = s->is_interim = false;
	s->left = 0;
	proto_text_clear(&s->upgrade);
	if (http1_parse_request(line, &r)) {
		s->is_request = true;
		if (r.is_preface)
			return HTTP1_TO_HTTP2;
		s->is_in_sync = begin_request(h, c, s, d, &r, line);
	} else {
		status = http1_parse_status(line);
		s->is_request = false;
		s->is_in_sync = status >= 0 && begin_response(h, c, s, d, status, line);
	}
	if (!s->is_in_sync)
		h->is_unsure |= h->queue.n > 0;
	s->where = s->is_in_sync ? HTTP1_FIELDS : HTTP1_START;
	return HTTP1_GO_ON;
}

static void take_field(struct http1_side *s, struct str line)
{
	struct str value = line, name = str_trim(str_split(&value, ':'));
	struct http_exchange *x = s->x;

	value = str_trim(value);
	if (str_eq_nocase(name, STR("content-length"))) {
		s->has_length = proto_decimal(value, &s->left);
		s->left = s->has_length ? s->left : 0;
	} else if (str_eq_nocase(name, STR("transfer-encoding"))) {
		struct str last = value;

		while (str_find_char(last, ',', 0) >= 0)
			str_split(&last, ',');
		s->is_coded = true;
		s->is_chunked = str_eq_nocase(str_trim(last), STR("chunked"));
	} else if (str_eq_nocase(name, STR("upgrade"))) {
		proto_text_set(&s->upgrade, value, sizeof(x->note));
	}
	if (!x)
		return;
	http_exchange_header(x, s->is_request, name, value);
	if (s->is_request) {
		proto_text_add_str(&x->head, line, HTTP_MAX_HEAD);
		proto_text_add(&x->head, "\n", 1, HTTP_MAX_HEAD);
	}
}

/* 101: what comes is another protocol */
static enum http1_next switch_protocol(struct http1 *h, struct proto_conn *c, struct http1_side *s)
{
	struct http_exchange *x = s->x;
	struct str to = proto_text_str(&s->upgrade);
	bool is_http2 = str_eq_nocase(to, STR("h2c"));

	if (!x)
		return HTTP1_TO_OTHER;
	if (to.n)
		snprintf(x->note, sizeof(x->note), "upgrade: %.*s", (int)(to.n < 48 ? to.n : 48),
			 to.p);
	x->request_done = true;
	if (is_http2) {
		/* the request is answered over HTTP/2, as its stream 1 */
		x->response_seen = false;
		x->status = -1;
		x->first = 0;
		x->stream = 1;
		snprintf(x->version, sizeof(x->version), "2");
		return HTTP1_TO_HTTP2;
	}
	end_message(h, c, s);
	return HTTP1_TO_OTHER;
}

/* the empty line: how long is the body? RFC 9112, 6.3 */
static enum http1_next end_head(struct http1 *h, struct proto_conn *c, struct http1_side *s)
{
	struct http_exchange *x = s->x;

	if (s->is_interim) {
		end_message(h, c, s);
		return HTTP1_GO_ON;
	}
	if (!s->is_request && x && x->status == 101)
		return switch_protocol(h, c, s);
	if (!s->is_request && x && x->is_connect && x->status / 100 == 2) {
		snprintf(x->note, sizeof(x->note), "tunnel");
		x->request_done = true;
		end_message(h, c, s);
		return HTTP1_TO_OTHER;
	}
	if (!s->is_request && x && (x->is_head || x->status == 204 || x->status == 304))
		end_message(h, c, s);
	else if (s->is_chunked)
		s->where = HTTP1_CHUNK_SIZE;
	else if (s->is_coded || (!s->is_request && !s->has_length))
		s->where = HTTP1_UNTIL_CLOSE;
	else if (s->left)
		s->where = HTTP1_BODY;
	else
		end_message(h, c, s);
	return HTTP1_GO_ON;
}

static bool take_chunk_size(struct http1_side *s, struct str line)
{
	struct str digits = str_trim(str_split(&line, ';'));

	s->left = 0;
	for (size_t i = 0; i < digits.n; i++) {
		unsigned v = str_digit_value(digits.p[i]);

		if (v > 15 || s->left >> 58)
			return false;
		s->left = s->left << 4 | v;
	}
	s->where = s->left ? HTTP1_CHUNK : HTTP1_TRAILERS;
	return digits.n > 0;
}

static enum http1_next take_line(struct http1 *h, struct proto_conn *c, enum proto_direction d,
				 struct str line)
{
	struct http1_side *s = &h->side[d];

	switch (s->where) {
	case HTTP1_START: return take_start(h, c, d, line);
	case HTTP1_FIELDS:
		if (line.n == 0)
			return end_head(h, c, s);
		take_field(s, line);
		return HTTP1_GO_ON;
	case HTTP1_CHUNK_SIZE:
		if (take_chunk_size(s, line))
			return HTTP1_GO_ON;
		break;
	case HTTP1_CHUNK_END:
		s->where = HTTP1_CHUNK_SIZE;
		if (line.n == 0)
			return HTTP1_GO_ON;
		break;
	default: /* HTTP1_TRAILERS */
		if (line.n == 0)
			end_message(h, c, s);
		else
			take_field(s, line);
		return HTTP1_GO_ON;
	}
	/* no chunks, whatever it is: the message has no end that could be seen */
	lose_message(h, c, s);
	return HTTP1_GO_ON;
}

/* bytes of a body, or bytes of it that are missing */
static uint64_t take_body(struct http1 *h, struct proto_conn *c, struct http1_side *s, uint64_t n)
{
	if (s->where != HTTP1_UNTIL_CLOSE && n > s->left)
		n = s->left;
	if (s->x && s->is_request)
		s->x->request_bytes += n;
	else if (s->x)
		s->x->response_bytes += n;
	if (s->where == HTTP1_UNTIL_CLOSE)
		return n;
	s->left -= n;
	if (s->left == 0 && s->where == HTTP1_CHUNK)
		s->where = HTTP1_CHUNK_END;
	else if (s->left == 0)
		end_message(h, c, s);
	return n;
}

static bool is_in_body(const struct http1_side *s)
{
	return s->where == HTTP1_BODY || s->where == HTTP1_CHUNK || s->where == HTTP1_UNTIL_CLOSE;
}

/*
 * A client that asked whether it may send the body ("Expect: 100-continue") and was refused sends none, and goes on with the
 * next request.
 */
static bool has_spared_body(const struct http1_side *s, const uint8_t *bytes, size_t n)
{
	return s->is_request && s->where == HTTP1_BODY && s->x && s->x->expects_continue &&
	       s->x->request_bytes == 0 && s->x->response_done &&
	       http1_recognise(bytes, n) == PROTO_YES;
}

enum http1_next http1_feed(struct http1 *h, struct proto_conn *c, const struct proto_piece *p,
			   const uint8_t *bytes, size_t n, size_t *used)
{
	struct http1_side *s = &h->side[p->direction];
	const uint8_t *at = bytes, *end = bytes + n;
	enum http1_next next = HTTP1_GO_ON;
	struct str line;

	if (!s->is_in_sync) {
		if (p->call_offset != 0 || bytes != p->bytes ||
		    http1_recognise(bytes, n) == PROTO_NO) {
			*used = n;
			return HTTP1_GO_ON;
		}
		s->is_in_sync = true;
		side_reset(s);
	}
	s->last = p->at.nsecs;
	if (has_spared_body(s, bytes, n))
		end_message(h, c, s);
	while (at < end && s->is_in_sync && next == HTTP1_GO_ON) {
		if (is_in_body(s)) {
			at += take_body(h, c, s, (uint64_t)(end - at));
			continue;
		}
		if (s->where == HTTP1_START && s->line.total == 0)
			s->at = p->at;
		if (!proto_line_take(&s->line, &at, end, HTTP_MAX_LINE, &line))
			break;
		next = take_line(h, c, p->direction, line);
		proto_text_clear(&s->line);
	}
	*used = next == HTTP1_GO_ON ? n : (size_t)(at - bytes);
	return next;
}

void http1_skip(struct http1 *h, struct proto_conn *c, const struct proto_piece *p)
{
	struct http1_side *s = &h->side[p->direction];

	if (!s->is_in_sync || !is_in_body(s) || (s->where != HTTP1_UNTIL_CLOSE && p->n > s->left)) {
		http1_gap(h, c, p->direction, p->n);
		return;
	}
	s->last = p->at.nsecs;
	take_body(h, c, s, p->n);
}

void http1_gap(struct http1 *h, struct proto_conn *c, enum proto_direction d, uint64_t lost)
{
	struct http1_side *s = &h->side[d];

	if (!s->is_in_sync) {
		h->is_unsure |= h->queue.n > 0;
		return;
	}
	/* missing bytes of a body are counted like seen ones, if no more are missing than it has: nothing of the message is lost */
	if (lost != PROTO_LOST_UNKNOWN && is_in_body(s) &&
	    (s->where == HTTP1_UNTIL_CLOSE || lost <= s->left)) {
		take_body(h, c, s, lost);
		return;
	}
	lose_message(h, c, s);
}

/* a response, where no request waits for one */
bool http1_is_early(const struct http1 *h, const struct proto_piece *p)
{
	const struct http1_side *s = &h->side[p->direction];
	const struct http_exchange *x;

	if (s->is_in_sync && (s->where != HTTP1_START || s->line.total))
		return false;
	for (x = h->queue.first; x && x->response_seen; x = x->next)
		;
	return !x && !p->call_offset && p->n >= 7 && !memcmp(p->bytes, "HTTP/1.", 7);
}

void http1_end(struct http1 *h, struct proto_conn *c)
{
	for (int d = 0; d < 2; d++) {
		struct http1_side *s = &h->side[d];

		/* the end of the connection is the end of such a body */
		if (s->is_in_sync && s->where == HTTP1_UNTIL_CLOSE && s->x) {
			s->x->request_done |= !s->is_request;
			end_message(h, c, s);
		}
		proto_text_free(&s->line);
		proto_text_free(&s->upgrade);
	}
	http_queue_say_all(&h->queue, c);
}
