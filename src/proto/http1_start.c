/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The first line of an HTTP/1 message: do bytes look like one, and what does it say. Used where a connection begins, after
 * gaps and for every message; strict, since a wrong guess here would invent a request.
 */
#include "proto/http1_private.h"

static const struct str methods[] = {
#define HTTP_METHOD(name) STR_INIT(name),
#include "proto/http_methods.def"
};

#define N_METHODS (sizeof(methods) / sizeof(methods[0]))

/* so many bytes of a target may come before it is believed without its end */
#define ENOUGH_OF_TARGET 256
#define MAX_METHOD 32

/* is `whole` what s begins with, or s a part of it that may go on? */
static enum proto_match begins(struct str s, struct str whole)
{
	size_t n = s.n < whole.n ? s.n : whole.n;

	if (memcmp(s.p, whole.p, n) != 0)
		return PROTO_NO;
	return s.n >= whole.n ? PROTO_YES : PROTO_MAYBE;
}

/* capitals, as all methods are written */
static bool is_method_like(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((s.p[i] < 'A' || s.p[i] > 'Z') && s.p[i] != '-' && s.p[i] != '_')
			return false;
	return s.n > 0 && s.n <= MAX_METHOD;
}

static bool is_version(struct str s)
{
	return str_is(s, "HTTP/1.1") || str_is(s, "HTTP/1.0");
}

/* METHOD SP target SP HTTP/1.x; the preface of HTTP/2 passes as the request that it was made to look like */
bool http1_parse_request(struct str line, struct http1_request *out)
{
	struct str rest = line;
	ptrdiff_t sp;
	size_t i;

	out->method = str_split(&rest, ' ');
	for (i = 0; i < N_METHODS && !str_eq(out->method, methods[i]); i++)
		;
	/* others are allowed, too: in such a line they can be nothing else */
	if (i == N_METHODS &&
	    (!is_method_like(out->method) || !rest.n || (rest.p[0] != '/' && rest.p[0] != '*')))
		return false;
	for (sp = (ptrdiff_t)rest.n - 1; sp >= 0 && rest.p[sp] != ' '; sp--)
		;
	if (sp <= 0)
		return false;
	out->target = str_sub(rest, 0, (size_t)sp);
	out->version = str_sub(rest, (size_t)sp + 1, rest.n);
	out->is_preface = str_is(line, "PRI * HTTP/2.0");
	return out->is_preface || is_version(out->version);
}

/* HTTP/1.x SP three digits [SP reason]; -1: it is none */
int http1_parse_status(struct str line)
{
	int status = 0;

	if (line.n < 12 || !is_version(str_sub(line, 0, 8)) || line.p[8] != ' ' ||
	    (line.n > 12 && line.p[12] != ' '))
		return -1;
	for (size_t i = 9; i < 12; i++) {
		if (line.p[i] < '0' || line.p[i] > '9')
			return -1;
		status = status * 10 + (line.p[i] - '0');
	}
	return status >= 100 ? status : -1;
}

static enum proto_match recognise_request(struct str s, ptrdiff_t newline)
{
	struct http1_request r;
	enum proto_match best = PROTO_NO;
	ptrdiff_t sp = str_find_char(s, ' ', 0);

	if (newline >= 0) {
		struct str line = str_sub(s, 0, (size_t)newline);

		if (line.n && line.p[line.n - 1] == '\r')
			line.n--;
		return http1_parse_request(line, &r) ? PROTO_YES : PROTO_NO;
	}
	for (size_t i = 0; i < N_METHODS; i++) {
		enum proto_match m = begins(s, methods[i]);

		if (m == PROTO_YES && s.n > methods[i].n && sp != (ptrdiff_t)methods[i].n)
			m = PROTO_NO;
		if (m != PROTO_NO)
			best = PROTO_MAYBE;
	}
	if (is_method_like(str_sub(s, 0, sp < 0 ? s.n : (size_t)sp)) &&
	    (sp < 0 || (size_t)sp + 1 == s.n || s.p[sp + 1] == '/' || s.p[sp + 1] == '*'))
		best = PROTO_MAYBE;
	/* the end of the line is far: a path, an absolute address, an authority that is long enough is one */
	if (best == PROTO_MAYBE && s.n >= ENOUGH_OF_TARGET && sp > 0 &&
	    (s.p[sp + 1] == '/' || str_starts(str_sub(s, (size_t)sp + 1, s.n), STR("http"))))
		best = PROTO_YES;
	if (s.n >= HTTP_MAX_LINE && best == PROTO_MAYBE)
		best = PROTO_NO;
	return best;
}

enum proto_match http1_recognise(const uint8_t *bytes, size_t n)
{
	struct str s = str_make((const char *)bytes, n);
	ptrdiff_t newline = str_find_char(s, '\n', 0);
	enum proto_match m;

	if (n == 0)
		return PROTO_MAYBE;
	m = begins(s, STR("HTTP/1."));
	if (m == PROTO_YES && n >= 12)
		m = http1_parse_status(str_sub(s, 0, 12)) < 0 ? PROTO_NO : PROTO_YES;
	else if (m == PROTO_YES)
		m = PROTO_MAYBE;
	if (m == PROTO_NO)
		m = recognise_request(s, newline);
	return m;
}
