/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * RESP2 and RESP3, one direction: bytes into tokens, over any cuts. Nesting is counted, strings are passed through in pieces.
 * The tokens' text is borrowed until the next call; the owner calls resp_free.
 */
#ifndef SONDE_PROTO_RESP_H
#define SONDE_PROTO_RESP_H

#include "proto/text.h"

#define RESP_MAX_DEPTH 32

struct resp {
	struct proto_text line;
	bool is_line_used; /* its token is over */
	bool is_in_bulk;
	char bulk_type;
	uint64_t left; /* of a bulk string, its CR LF among them */
	uint32_t depth;
	uint64_t items[RESP_MAX_DEPTH]; /* that are missing of each open aggregate */
	uint32_t attributes;            /* bit of a depth: it is one, and no value by itself */
};

enum resp_kind {
	RESP_MORE,   /* the bytes are used up */
	RESP_SCALAR, /* text is all of it */
	RESP_NULL,
	RESP_OPEN, /* an aggregate of n items; with n = 0 it is closed, too */
	RESP_PART, /* a piece of a bulk string */
	RESP_BULK, /* the end of one */
	RESP_BAD   /* no RESP; inline commands are the caller's matter */
};

struct resp_token {
	enum resp_kind kind;
	char type; /* + - : $ * ... */
	struct str text;
	uint64_t n;     /* OPEN: items; PART, BULK: length of the whole */
	bool is_at_top; /* the value begins at the top: it is no item of another */
	bool is_value;  /* the top-level value is complete */
};

void resp_free(struct resp *r);
void resp_reset(struct resp *r);
void resp_next(struct resp *r, const uint8_t **p, const uint8_t *end, struct resp_token *out);
/* so many bytes are missing: true if they are all of the string that is open, and are counted as such */
bool resp_skip(struct resp *r, uint64_t lost);

#endif
