/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of cdecl share; nobody else includes this. See cdecl.h. */
#ifndef SONDE_LANG_CDECL_PRIVATE_H
#define SONDE_LANG_CDECL_PRIVATE_H

#include "base/vec.h"
#include "lang/cdecl.h"
#include "lang/lex.h"

struct c_constant {
	int64_t value;
	const struct type *type; /* the enum */
};

struct cdecl {
	struct type_source base;
	struct cdecl_opts o;
	struct arena *arena;
	struct hashmap tags;      /* "s" "u" "e" + name -> struct type */
	struct hashmap typedefs;  /* name -> struct type */
	struct hashmap constants; /* name -> struct c_constant */
	size_t n_read;            /* tokens of the preprocessor that have been read */
};

/* what __attribute__ said about a type or a member */
struct c_attributes {
	bool packed;
	uint32_t aligned; /* 0: not said */
};

/* ---- the parser: cdecl_parse.c (types, declarators), cdecl_struct.c (bodies) ---- */

struct c_parser {
	struct cdecl *d;
	const struct token *t;
	size_t n, i;
	unsigned depth;
	bool failed;     /* a fault has been reported in this declaration */
	struct span end; /* for messages about text that ends too early */
};

const struct token *c_peek(struct c_parser *p); /* kind TOKEN_END behind the last one */
bool c_accept(struct c_parser *p, enum token_kind kind);
bool c_accept_word(struct c_parser *p, const char *word);
bool c_expect(struct c_parser *p, enum token_kind kind, const char *where);
void c_error(struct c_parser *p, enum diag_code code, struct span at, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* behind the ';' of this declaration or member, blocks passed over; stops before a '}' that is not its own */
void c_sync(struct c_parser *p);
/* from '(' behind its ')' (or '{', '[') */
void c_skip_balanced(struct c_parser *p);
/* attributes at this place, none being none */
void c_parse_attributes(struct c_parser *p, struct c_attributes *a);
/* specifiers of a declaration; never NULL. *defines: a struct, union or enum with a body */
const struct type *c_parse_specifiers(struct c_parser *p, struct c_attributes *a, bool *defines);
/* pointers, name, arrays, parameters around the base type; name.n is 0 when there is none */
const struct type *c_parse_declarator(struct c_parser *p, const struct type *base,
				      struct str *name);
bool c_parse_constant(struct c_parser *p, int64_t *value, const char *what);
/* behind the keyword and the tag */
const struct type *c_parse_struct(struct c_parser *p, bool is_union, bool *defines);
const struct type *c_parse_enum(struct c_parser *p, bool *defines);

/* ---- layout: cdecl_layout.c ---- */

struct c_layout {
	bool is_union;
	struct c_attributes attributes;
	uint64_t bits;  /* where the next member may begin */
	uint64_t size;  /* union: bits of the largest */
	uint32_t align; /* bytes */
};

/* place one member: f->type is set; width -1: no bit-field, 0: ends the unit. False when it cannot be laid out */
bool c_layout_add(struct c_layout *l, struct type_field *f, int width,
		  const struct c_attributes *a);
void c_layout_finish(struct c_layout *l, struct type *t);

#endif
