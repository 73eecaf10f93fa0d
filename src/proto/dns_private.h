/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the two files of the dns decoder share: a message of RFC 1035 read (dns_message.c), and how messages come (dns.c). */
#ifndef SONDE_PROTO_DNS_PRIVATE_H
#define SONDE_PROTO_DNS_PRIVATE_H

#include "base/strbuf.h"
#include "proto/proto.h"
#include "proto/text.h"

#define DNS_HEAD 12

struct dns_message {
	uint16_t id, type;
	bool is_answer;
	uint8_t rcode;
	uint32_t n_answers;
	struct strbuf name, answers; /* the caller frees them: dns_message_free */
};

/* the first question and the answers; is_strict: there must be nothing that real resolvers never send */
bool dns_parse(const uint8_t *bytes, size_t n, struct dns_message *out);
void dns_message_free(struct dns_message *m);
/* "A", "AAAA"; or a number */
void dns_put_type(struct strbuf *b, uint16_t type);
void dns_put_rcode(struct strbuf *b, uint8_t rcode);
/* do these bytes begin like a message? */
enum proto_match dns_looks(const uint8_t *bytes, size_t n);

#endif
