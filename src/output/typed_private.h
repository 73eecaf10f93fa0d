/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files typed*.c share: one walk over looks (types/look.h), and the bytes that a look is applied to. */
#ifndef SONDE_OUTPUT_TYPED_PRIVATE_H
#define SONDE_OUTPUT_TYPED_PRIVATE_H

#include "output/value.h"
#include "types/look.h"

struct typed {
	const struct value_env *env;
	enum value_form form;
	enum type_lang lang;
	struct strbuf *out;
	const struct stored_capture *s; /* aligned; NULL: bytes alone, nothing was captured */
	const struct capture *plan;
	unsigned depth, n_puts;
	bool is_top;   /* text stands by itself, not inside of something: no quotes in C, C++, Go */
	bool is_plain; /* no quotes in any language: keys of JSON objects, str() */
	bool is_hidden; /* Go: behind a field that fmt may not call methods on */
};

/* an element of a segment; looks' offsets count from here */
struct typed_at {
	const char *elem; /* NULL: it has no bytes */
	uint32_t size;
	uint32_t origin; /* as segments name it */
	uint32_t shift;  /* added to offsets: elements of arrays in place */
};

/* what a link led to */
struct typed_segment {
	enum { SEGMENT_THERE, SEGMENT_MISSING, SEGMENT_FAULT } state;
	const char *bytes;
	uint32_t n_elems, size;
	uint64_t count;
	uint32_t origin; /* of its first element */
};

struct typed_list {
	struct typed *t;
	const char *next;
	const char *close;
	uint32_t n;
};

void typed_put(struct typed *t, const struct look *l, struct typed_at at);
/* false: absent, or outside of the element */
bool typed_number(const struct look_num *n, struct typed_at at, uint64_t *v);
const char *typed_bytes(struct typed_at at, uint32_t offset, uint32_t n);
struct typed_segment typed_follow(const struct typed *t, const struct look *l, uint32_t link,
				  struct typed_at at);
struct typed_at typed_elem(const struct typed_segment *s, uint32_t i);
void typed_cut(struct typed *t); /* "..." */
/* what stands for elements that are not there: faults by their address */
void typed_absent(struct typed *t, const struct typed_segment *s, uint64_t addr);
void typed_word(struct typed *t, struct str s); /* as it is; JSON: a string */
/* text in the language's quotes, or plain; what was cut does not look whole */
void typed_text(struct typed *t, struct str s, bool is_cut);

/* brackets of sequences (typed_seq.c) */
enum typed_brackets { BRACKETS_SEQ, BRACKETS_SET, BRACKETS_MAP, BRACKETS_TUPLE };
struct typed_list typed_open(struct typed *t, enum typed_brackets kind);
void typed_next(struct typed_list *l);
void typed_close(struct typed_list *l);
void typed_pair(struct typed_list *list, const struct look *key, struct typed_at key_at,
		const struct look *val, struct typed_at val_at);
void typed_put_sequence(struct typed *t, const struct look *l, struct typed_at at);
/* made of parts (typed_struct.c) */
void typed_put_struct(struct typed *t, const struct look *l, struct typed_at at);
void typed_put_variants(struct typed *t, const struct look *l, struct typed_at at);
void typed_put_bare(struct typed *t, const struct look *l, struct typed_at at);
void typed_put_wrap(struct typed *t, const struct look *l, struct typed_at at);
void typed_put_optional(struct typed *t, const struct look *l, struct typed_at at);
void typed_put_alternative(struct typed *t, const struct look *l, struct typed_at at);
void typed_put_range(struct typed *t, const struct look *l, struct typed_at at);
void typed_put_array(struct typed *t, const struct look *l, struct typed_at at);
/* maps, lists and trees (typed_map.c) */
void typed_put_swiss(struct typed *t, const struct look *l, struct typed_at at);
void typed_put_nodes(struct typed *t, const struct look *l, struct typed_at at);
void typed_put_btree(struct typed *t, const struct look *l, struct typed_at at);
/* typed_go.c */
void typed_put_go_map(struct typed *t, const struct look *l, struct typed_at at);
void typed_put_go_face(struct typed *t, const struct look *l, struct typed_at at);

#endif
