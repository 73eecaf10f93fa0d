/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A message of the domain name system (RFC 1035, 4): head, question, answers. Names may refer back to earlier ones; the number of
 * such jumps is bounded. Nothing is kept here.
 */
#include "proto/dns_private.h"

#include <arpa/inet.h>

#define MAX_JUMPS 64
#define MAX_ANSWERS 64 /* that are shown; all are counted */

static const char *type_name(uint16_t type)
{
	switch (type) {
#define DNS_TYPE(number, name) \
	case number:           \
		return name;
#define DNS_RCODE(number, name)
#include "proto/dns_types.def"
	default: return NULL;
	}
}

void dns_put_type(struct strbuf *b, uint16_t type)
{
	const char *name = type_name(type);

	if (name)
		strbuf_puts(b, name);
	else
		strbuf_printf(b, "TYPE%u", type);
}

void dns_put_rcode(struct strbuf *b, uint8_t rcode)
{
	switch (rcode) {
#define DNS_TYPE(number, name)
#define DNS_RCODE(number, name)       \
	case number:                  \
		strbuf_puts(b, name); \
		return;
#include "proto/dns_types.def"
	default: strbuf_printf(b, "RCODE%u", rcode);
	}
}

static void put_label(struct strbuf *out, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] == '.' || p[i] == '\\')
			strbuf_printf(out, "\\%c", p[i]);
		else if (p[i] <= ' ' || p[i] >= 0x7f)
			strbuf_printf(out, "\\%03u", p[i]);
		else
			strbuf_putc(out, (char)p[i]);
	}
}

/* a name at *at, which then stands behind it; out may be NULL */
static bool take_name(const uint8_t *bytes, size_t n, size_t *at, struct strbuf *out)
{
	size_t pos = *at, start = out ? out->n : 0, length = 0;
	unsigned jumps = 0;

	for (;;) {
		uint8_t size;

		if (pos >= n)
			return false;
		size = bytes[pos++];
		if (size >= 0xc0) {
			if (pos >= n || ++jumps > MAX_JUMPS)
				return false;
			if (jumps == 1)
				*at = pos + 1;
			pos = (size_t)(size & 0x3f) << 8 | bytes[pos];
			continue;
		}
		if (size > 63 || size > n - pos)
			return false;
		if (size == 0)
			break;
		length += size + 1u;
		if (length > 255)
			return false;
		if (out && out->n > start)
			strbuf_putc(out, '.');
		if (out)
			put_label(out, bytes + pos, size);
		pos += size;
	}
	if (jumps == 0)
		*at = pos;
	if (out && out->n == start)
		strbuf_putc(out, '.');
	return true;
}

/* what a record says: addresses and names as such, of others the type */
static void put_data(struct strbuf *out, const uint8_t *bytes, size_t n, uint16_t type, size_t at,
		     size_t size)
{
	char text[INET6_ADDRSTRLEN];
	size_t from = out->n;

	if (from)
		strbuf_putc(out, ' ');
	if ((type == 1 && size == 4) || (type == 28 && size == 16)) {
		inet_ntop(type == 1 ? AF_INET : AF_INET6, bytes + at, text, sizeof(text));
		strbuf_puts(out, text);
		return;
	}
	if (type == 15 && size > 2)
		at += 2;
	else if (type == 33 && size > 6)
		at += 6;
	if (type == 2 || type == 5 || type == 12 || type == 15 || type == 33 || type == 39) {
		if (take_name(bytes, n, &at, out))
			return;
		out->n = from ? from + 1 : 0;
	}
	dns_put_type(out, type);
}

static bool take_answers(const uint8_t *bytes, size_t n, size_t at, struct dns_message *m)
{
	for (uint32_t i = 0; i < m->n_answers; i++) {
		uint16_t type, size;

		if (!take_name(bytes, n, &at, NULL) || n - at < 10)
			return false;
		type = (uint16_t)proto_be16(bytes + at);
		size = (uint16_t)proto_be16(bytes + at + 8);
		at += 10;
		if (size > n - at)
			return false;
		if (i < MAX_ANSWERS)
			put_data(&m->answers, bytes, n, type, at, size);
		at += size;
	}
	return true;
}

void dns_message_free(struct dns_message *m)
{
	strbuf_free(&m->name);
	strbuf_free(&m->answers);
}

/* plain queries with one question: opcode 0, the reserved bit 0, few records */
static bool is_head(const uint8_t *p)
{
	return !(p[2] & 0x78) && !(p[3] & 0x40) && proto_be16(p + 4) == 1 &&
	       (p[2] & 0x80 || (proto_be16(p + 6) == 0 && !(p[3] & 0x0f)));
}

bool dns_parse(const uint8_t *bytes, size_t n, struct dns_message *out)
{
	size_t at = DNS_HEAD;

	memset(out, 0, sizeof(*out));
	if (n < DNS_HEAD || !is_head(bytes))
		return false;
	out->id = (uint16_t)proto_be16(bytes);
	out->is_answer = bytes[2] & 0x80;
	out->rcode = bytes[3] & 0x0f;
	out->n_answers = proto_be16(bytes + 6);
	if (!take_name(bytes, n, &at, &out->name) || n - at < 4 ||
	    (proto_be16(bytes + at + 2) & 0x7fff) > 255) {
		dns_message_free(out);
		return false;
	}
	out->type = (uint16_t)proto_be16(bytes + at);
	/* an answer that was cut (TC) has what there is */
	if (!take_answers(bytes, n, at + 4, out) && !(bytes[2] & 2)) {
		dns_message_free(out);
		return false;
	}
	return true;
}

enum proto_match dns_looks(const uint8_t *bytes, size_t n)
{
	size_t at = DNS_HEAD;

	if (n < DNS_HEAD)
		return PROTO_MAYBE;
	if (!is_head(bytes) || proto_be16(bytes + 6) > 256 || proto_be16(bytes + 8) > 64 ||
	    proto_be16(bytes + 10) > 64)
		return PROTO_NO;
	if (n == DNS_HEAD)
		return PROTO_MAYBE;
	if (!take_name(bytes, n, &at, NULL))
		return n < DNS_HEAD + 255 && bytes[DNS_HEAD] <= 63 ? PROTO_MAYBE : PROTO_NO;
	if (n - at < 4)
		return PROTO_MAYBE;
	/* class: Internet, chaos, any; mDNS's first bit */
	return type_name((uint16_t)proto_be16(bytes + at)) && (bytes[at + 2] & 0x7f) == 0 &&
			       bytes[at + 3] != 0
		       ? PROTO_YES
		       : PROTO_NO;
}
