/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the front end and its guardian say to each other, as bytes; see guardian_private.h. */
#include "engine/user/guardian/guardian_private.h"

#include "base/bytes.h"
#include "base/socket.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { MESSAGE_MAX = 64 << 20 };

/* ---- messages ---- */

bool guardian_send(int socket, enum guardian_kind kind, struct str text)
{
	const uint32_t head[2] = { kind, (uint32_t)text.n };

	return text.n <= MESSAGE_MAX && socket_send_all(socket, head, sizeof(head)) &&
	       socket_send_all(socket, text.p, text.n);
}

bool guardian_receive(int socket, struct guardian_message *ret)
{
	uint32_t head[2];

	strbuf_clear(&ret->text);
	if (!socket_receive_all(socket, head, sizeof(head)) || head[1] > MESSAGE_MAX)
		return false;
	ret->kind = head[0];
	strbuf_fill(&ret->text, 0, head[1]);
	return socket_receive_all(socket, ret->text.p, head[1]);
}

/* ---- errors ---- */

static void put_word(struct strbuf *out, uint32_t word)
{
	strbuf_add(out, &word, sizeof(word));
}

static void put_text(struct strbuf *out, struct str text)
{
	put_word(out, (uint32_t)text.n);
	strbuf_add(out, text.p, text.n);
}

static void put_err(struct strbuf *out, const struct err *e)
{
	uint32_t n = 0;

	for (const struct err *i = e; i; i = i->cause)
		n++;
	put_word(out, n);
	for (; e; e = e->cause) {
		put_word(out, (uint32_t)e->code);
		put_text(out, str_from(e->msg));
		put_word(out, e->hint != NULL);
		put_text(out, str_from(e->hint));
	}
}

static struct str take_text(struct bytes *b)
{
	uint32_t n = bytes_u32(b);
	const uint8_t *p = bytes_take(b, n);

	return p ? str_make((const char *)p, n) : STR_NULL;
}

static struct err *take_err(struct bytes *b)
{
	struct err *first = NULL, **last = &first;

	for (uint32_t n = bytes_u32(b); n && !b->bad; n--) {
		int code = (int)bytes_u32(b);
		struct str message = take_text(b);
		bool has_hint = bytes_u32(b);
		struct str hint = take_text(b);

		*last = err_new(code, "%.*s", STR_ARG(message));
		if (has_hint)
			err_hint(*last, "%.*s", STR_ARG(hint));
		last = &(*last)->cause;
	}
	return first;
}

/* ---- reports ---- */

bool guardian_send_report(int socket, const struct err *e, const struct guardian_report *report)
{
	struct strbuf text = { 0 };
	bool is_sent;

	put_word(&text, report->n_attached);
	put_word(&text, report->n_failed);
	put_word(&text, report->has_foreign);
	strbuf_add(&text, &report->released_at, sizeof(report->released_at));
	put_err(&text, e);
	put_text(&text, str_make(report->text.p, report->text.n));
	is_sent = guardian_send(socket, MESSAGE_REPORT, strbuf_str(&text));
	strbuf_free(&text);
	return is_sent;
}

bool guardian_parse_report(const struct guardian_message *m, struct guardian_report *report,
			   struct err **e)
{
	struct bytes b = bytes_make(m->text.p, m->text.n);
	struct str text;

	report->n_attached = bytes_u32(&b);
	report->n_failed = bytes_u32(&b);
	report->has_foreign = bytes_u32(&b);
	report->released_at = bytes_u64(&b);
	*e = take_err(&b);
	text = take_text(&b);
	strbuf_clear(&report->text);
	strbuf_add(&report->text, text.p, text.n);
	if (!b.bad)
		return true;
	err_free(*e);
	*e = NULL;
	return false;
}

void guardian_send_gone(int socket, struct err *e)
{
	struct strbuf text = { 0 };

	put_err(&text, e);
	guardian_send(socket, MESSAGE_GONE, strbuf_str(&text));
	strbuf_free(&text);
	err_free(e);
}

struct err *guardian_parse_gone(const struct guardian_message *m)
{
	struct bytes b = bytes_make(m->text.p, m->text.n);

	return take_err(&b);
}
