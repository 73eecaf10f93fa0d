/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What print_expr.c and print_format.c share; nobody else includes this. */
#ifndef SONDE_LANG_PRINT_PRIVATE_H
#define SONDE_LANG_PRINT_PRIVATE_H

#include "lang/lex.h"
#include "lang/print.h"

struct format {
	struct sources *sources;
	struct str text; /* of the file */
	struct strbuf *out;
	int depth;
	struct span *comments;
	size_t n_comments, next_comment;
	uint32_t last; /* source position behind what was printed last */
	bool fresh;    /* nothing in this block yet: no empty line before what comes */
};

/* ---- print_expr.c ---- */
void print_type(struct format *f, const struct type_expr *t);
void print_node(struct format *f, const struct node *n);
void print_string(struct format *f, struct str s);
const char *print_op(uint8_t op);

/* ---- print_format.c ---- */
void print_block(struct format *f, const struct node *n);

#endif
