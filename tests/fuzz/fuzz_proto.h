/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzers of the protocol decoders, one for each: the input is a conversation of records, each two bytes (direction; gap or
 * bytes; how many) and the bytes. It is fed whole, and once more with its calls in random pieces. Messages must stay in
 * proportion to the bytes, their strings within what they say, and a conversation without gaps of which nothing was lost must
 * say the same in pieces as in one.
 */
#ifndef SONDE_FUZZ_PROTO_H
#define SONDE_FUZZ_PROTO_H

#include "../unit/proto_fixture.h"
#include "proto/decoders.h"

#include <stdio.h>

#define FUZZ_MAX_CALLS 64

struct fuzz_talk {
	struct talk_call calls[FUZZ_MAX_CALLS];
	size_t n;
	bool has_gaps;
};

static inline void fuzz_read(struct fuzz_talk *f, const uint8_t *data, size_t size)
{
	memset(f, 0, sizeof(*f));
	while (size >= 2 && f->n < FUZZ_MAX_CALLS) {
		size_t n = (size_t)(data[0] & 0x0f) << 8 | data[1];
		struct talk_call *c = &f->calls[f->n++];

		c->direction = data[0] >> 7 ? PROTO_OUT : PROTO_IN;
		if ((data[0] & 0x70) == 0x70) { /* a gap: p is NULL, n how much */
			c->n = n;
			f->has_gaps = true;
			data += 2;
			size -= 2;
			continue;
		}
		data += 2;
		size -= 2;
		c->p = data;
		c->n = n < size ? n : size;
		data += c->n;
		size -= c->n;
	}
}

static inline void fuzz_gaps(const struct proto_ops *ops, const struct fuzz_talk *f)
{
	struct talk t;
	uint64_t bytes = 0;

	talk_begin(&t, ops);
	t.conn.max_bytes = 4096;
	for (size_t i = 0; i < f->n; i++) {
		const struct talk_call *c = &f->calls[i];

		bytes += c->n + 1;
		if (c->p)
			talk_bytes(&t, c->direction, c->p, c->n);
		else
			talk_gap(&t, c->direction, c->n ? c->n : PROTO_LOST_UNKNOWN);
		strbuf_clear(&t.out);
	}
	talk_end(&t);
	if (t.n_messages > bytes)
		__builtin_trap();
	talk_free(&t);
}

/* one call in each direction at most, which are the protocol's for certain, also when they come byte by byte */
static inline bool fuzz_is_clear(const struct proto_ops *ops, const struct fuzz_talk *f)
{
	if (f->n > 2 || (f->n == 2 && f->calls[0].direction == f->calls[1].direction))
		return false;
	for (size_t i = 0; i < f->n; i++) {
		const struct talk_call *c = &f->calls[i];

		if (c->n == 0 || ops->recognise(c->direction, c->p, c->n) != PROTO_YES ||
		    ops->recognise(c->direction, c->p, 1) == PROTO_NO)
			return false;
	}
	return true;
}

static inline int fuzz_decoder(const struct proto_ops *ops, const uint8_t *data, size_t size)
{
	struct fuzz_talk f;
	char *whole, *parts;

	fuzz_read(&f, data, size);
	fuzz_gaps(ops, &f);
	if (f.has_gaps)
		return 0;
	whole = talk_replay(ops, f.calls, f.n, 0);
	parts = talk_replay_parts(ops, f.calls, f.n, (unsigned)size + 1);
	/* garbage may look like a question as a whole and like an answer in its parts, for a while */
	if (fuzz_is_clear(ops, &f) && strcspn(whole, "\n") == strcspn(parts, "\n") &&
	    strncmp(whole, parts, strcspn(whole, "\n")) == 0 &&
	    !strstr(whole, " lost ") && strcmp(whole, parts) != 0) {
		fprintf(stderr, "whole:\n%s\nin pieces:\n%s\n", whole, parts);
		__builtin_trap();
	}
	free(whole);
	free(parts);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_DECODER(name)                                                 \
	int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)       \
	{                                                                  \
		return size ? fuzz_decoder(&proto_##name, data, size) : 0; \
	}

#endif
