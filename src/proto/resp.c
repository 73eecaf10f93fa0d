/* SPDX-License-Identifier: GPL-2.0-or-later */
/* RESP as tokens: see resp.h. https://redis.io/docs/latest/develop/reference/protocol-spec/ */
#include "proto/resp.h"

/* of a line: a simple string or an error; what is longer is cut */
#define MAX_LINE 1024
/* numbers beyond it are no lengths */
#define MAX_COUNT (1ULL << 40)

void resp_free(struct resp *r)
{
	proto_text_free(&r->line);
	memset(r, 0, sizeof(*r));
}

void resp_reset(struct resp *r)
{
	struct proto_text line = r->line;

	proto_text_clear(&line);
	memset(r, 0, sizeof(*r));
	r->line = line;
}

/* a value is complete: is the one at the top? */
static bool close_value(struct resp *r)
{
	while (r->depth) {
		if (--r->items[r->depth - 1])
			return false;
		r->depth--;
		if (r->attributes >> r->depth & 1) {
			/* what stands before a value is not the value */
			r->attributes &= ~(1u << r->depth);
			return false;
		}
	}
	return true;
}

static void open_aggregate(struct resp *r, char type, struct str text, struct resp_token *out)
{
	uint64_t n, each = type == '%' || type == '|' ? 2 : 1;

	if (str_is(text, "-1") && type == '*') {
		out->kind = RESP_NULL;
		out->is_value = close_value(r);
		return;
	}
	if (!proto_decimal(text, &n) || n > MAX_COUNT || r->depth == RESP_MAX_DEPTH) {
		out->kind = RESP_BAD;
		return;
	}
	out->kind = RESP_OPEN;
	out->n = n * each;
	if (out->n) {
		if (type == '|')
			r->attributes |= 1u << r->depth;
		r->items[r->depth++] = out->n;
	} else if (type != '|') {
		out->is_value = close_value(r);
	}
}

static void open_bulk(struct resp *r, char type, struct str text, struct resp_token *out)
{
	uint64_t n;

	if (str_is(text, "-1") && type == '$') {
		out->kind = RESP_NULL;
		out->is_value = close_value(r);
		return;
	}
	if (!proto_decimal(text, &n) || n > MAX_COUNT) {
		out->kind = RESP_BAD;
		return;
	}
	out->kind = RESP_PART;
	out->n = n;
	out->text = STR("");
	r->is_in_bulk = true;
	r->bulk_type = type;
	r->left = n + 2;
}

static void take_line(struct resp *r, struct str line, struct resp_token *out)
{
	out->type = line.n ? line.p[0] : 0;
	out->text = str_sub(line, 1, line.n);
	out->is_at_top = r->depth == 0;
	switch (out->type) {
	case '+':
	case '-':
	case ':':
	case ',':
	case '#':
	case '(':
		out->kind = RESP_SCALAR;
		out->is_value = close_value(r);
		return;
	case '_':
		out->kind = RESP_NULL;
		out->is_value = close_value(r);
		return;
	case '*':
	case '%':
	case '~':
	case '>':
	case '|': open_aggregate(r, out->type, out->text, out); return;
	case '$':
	case '!':
	case '=': open_bulk(r, out->type, out->text, out); return;
	default: out->kind = RESP_BAD; out->text = line;
	}
}

static void take_bulk(struct resp *r, const uint8_t **p, const uint8_t *end, struct resp_token *out)
{
	size_t n = (size_t)(end - *p);

	out->type = r->bulk_type;
	out->is_at_top = r->depth == 0;
	if (r->left > 2) {
		n = n < r->left - 2 ? n : (size_t)(r->left - 2);
		out->kind = RESP_PART;
		out->text = str_make((const char *)*p, n);
		*p += n;
		r->left -= n;
		return;
	}
	out->kind = RESP_MORE;
	for (; r->left && *p < end; r->left--, (*p)++) {
		if (**p != "\n\r"[r->left - 1]) {
			out->kind = RESP_BAD;
			return;
		}
	}
	if (r->left)
		return;
	r->is_in_bulk = false;
	out->kind = RESP_BULK;
	out->is_value = close_value(r);
}

void resp_next(struct resp *r, const uint8_t **p, const uint8_t *end, struct resp_token *out)
{
	struct str line;

	memset(out, 0, sizeof(*out));
	if (r->is_line_used)
		proto_text_clear(&r->line);
	r->is_line_used = false;
	if (*p == end) {
		out->kind = RESP_MORE;
	} else if (r->is_in_bulk) {
		take_bulk(r, p, end, out);
	} else if (!proto_line_take(&r->line, p, end, MAX_LINE, &line)) {
		out->kind = RESP_MORE;
	} else {
		r->is_line_used = true;
		take_line(r, line, out);
	}
}

bool resp_skip(struct resp *r, uint64_t lost)
{
	if (!r->is_in_bulk || r->left < 2 || lost > r->left - 2)
		return false;
	r->left -= lost;
	return true;
}
