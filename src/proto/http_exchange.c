/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A request with its response: what both versions of HTTP collect in the same struct, in the order of the requests, and how
 * it becomes a message. It parses no stream.
 */
#include "proto/http_private.h"

#include <stdio.h>
#include <stdlib.h>

/* so many requests may wait for their responses, whatever max_bytes is */
#define HTTP_MIN_WAITING 16
#define HTTP_MAX_WAITING 1024

uint32_t http_max_waiting(const struct proto_conn *c)
{
	uint64_t n = c->max_bytes / HTTP_EXCHANGE_COST;

	return n < HTTP_MIN_WAITING   ? HTTP_MIN_WAITING
	       : n > HTTP_MAX_WAITING ? HTTP_MAX_WAITING
				      : (uint32_t)n;
}

/* NULL: out of memory */
struct http_exchange *http_exchange_new(struct http_queue *q, const struct proto_at *at,
					enum proto_direction d, const char *version)
{
	struct http_exchange *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;
	x->at = *at;
	x->direction = d;
	snprintf(x->version, sizeof(x->version), "%s", version);
	x->status = x->grpc_status = -1;
	fifo_push(q, x);
	return x;
}

static void http_exchange_free(struct http_queue *q, struct http_exchange *x)
{
	struct http_exchange **at = &q->first, *before = NULL;

	while (*at != x) {
		before = *at;
		at = &before->next;
	}
	*at = x->next;
	if (q->last == x)
		q->last = before;
	q->n--;
	proto_text_free(&x->method);
	proto_text_free(&x->path);
	proto_text_free(&x->host);
	proto_text_free(&x->content_type);
	proto_text_free(&x->user_agent);
	proto_text_free(&x->grpc_message);
	proto_text_free(&x->head);
	free(x);
}

void http_exchange_say(struct http_queue *q, struct proto_conn *c, struct http_exchange *x)
{
	struct proto_msg_http f = {
		.version = str_from(x->version),
		.method = proto_text_str(&x->method),
		.path = proto_text_str(&x->path),
		.host = proto_text_str(&x->host),
		.status = x->status,
		.request_bytes = x->request_bytes,
		.response_bytes = x->response_bytes,
		.content_type = proto_text_str(&x->content_type),
		.user_agent = proto_text_str(&x->user_agent),
		.grpc_status = x->grpc_status,
		.grpc_message = proto_text_str(&x->grpc_message),
		.stream = x->stream,
		/* of a request that began before the attach only the end was seen */
		.duration = x->head.total && x->response_done ? proto_span(x->at.nsecs, x->last)
							      : -1,
		.latency = x->head.total ? proto_span(x->at.nsecs, x->first) : -1,
		.note = str_from(x->note),
	};
	struct proto_message m = { .kind = PROTO_KIND_http,
				   .direction = x->direction,
				   .at = x->at,
				   .lost = x->lost,
				   .fields = &f,
				   .data = (const uint8_t *)proto_text_str(&x->head).p,
				   .n_data = x->head.n,
				   .data_total = x->head.total };

	if (!x->head.total)
		f.method = f.path = HTTP_UNKNOWN;
	if (!x->first)
		f.latency = -1;
	proto_emit(c, &m);
	http_exchange_free(q, x);
}

void http_queue_say_all(struct http_queue *q, struct proto_conn *c)
{
	while (q->first) {
		struct http_exchange *x = q->first;
		const char *missing = !x->response_seen   ? "no response"
				      : !x->response_done ? "response cut short"
							  : "request cut short";

		if (!x->note[0])
			snprintf(x->note, sizeof(x->note), "%s", missing);
		http_exchange_say(q, c, x);
	}
}

size_t http_queue_cost(const struct http_queue *q)
{
	size_t n = 0;

	for (const struct http_exchange *x = q->first; x; x = x->next)
		n += sizeof(*x) + x->head.room + x->path.room + x->host.room + x->user_agent.room +
		     x->content_type.room;
	return n;
}

void http_exchange_header(struct http_exchange *x, bool is_request, struct str name,
			  struct str value)
{
	uint64_t n;

	if (is_request) {
		if (str_eq_nocase(name, STR("host")) || str_is(name, ":authority"))
			proto_text_set(&x->host, value, HTTP_MAX_FIELD);
		else if (str_eq_nocase(name, STR("user-agent")))
			proto_text_set(&x->user_agent, value, HTTP_MAX_FIELD);
		else if (str_eq_nocase(name, STR("expect")))
			x->expects_continue = str_eq_nocase(value, STR("100-continue"));
		return;
	}
	if (str_eq_nocase(name, STR("content-type")))
		proto_text_set(&x->content_type, value, HTTP_MAX_FIELD);
	else if (str_eq_nocase(name, STR("grpc-message")))
		proto_text_set(&x->grpc_message, value, HTTP_MAX_FIELD);
	else if (str_eq_nocase(name, STR("grpc-status")) && proto_decimal(value, &n) &&
		 n <= INT32_MAX)
		x->grpc_status = (int64_t)n;
}
