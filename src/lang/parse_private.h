/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the parser share; nobody else includes this. See parse.h.
 *
 * Tokens come from the lexer one at a time, with C defines already replaced, and are looked at any number ahead
 * (parser_peek) before they are taken. Between clauses no token is looked at: attach points are no tokens, they
 * are read from the text at lex.pos.
 *
 * Faults: the first one in a statement is reported and sets .panic; until the parser has found its feet again
 * (parser_sync_statement, or the '{' of a block) no more are, because most would only follow from it. Every function
 * that yields a node yields one after a fault too, so that trees never have holes.
 */
#ifndef SONDE_LANG_PARSE_PRIVATE_H
#define SONDE_LANG_PARSE_PRIVATE_H

#include "lang/lex.h"
#include "lang/parse.h"

struct parser {
	const struct parse_opts *o;
	struct arena *arena;
	struct diag_list *diags;
	struct lexer lex;
	VEC(struct token) ahead; /* tokens looked at and not yet taken are ahead.v[head..n) */
	size_t head;
	uint32_t ahead_from; /* where the first of them begins in the text */
	struct span last;    /* the token taken last: nodes end there */
	unsigned depth;
	bool panic;
	bool comment_reported; /* the comment without end, once */
	bool swallowed;        /* a string without end took text with it: a '}' may be in there */
	bool line_lost;        /* ... and the statement has not been left yet */
	bool in_predicate;     /* a '/' before '{' ends the expression */
	struct script *script;
};

/* ---- parse.c: tokens, faults ---- */
const struct token *parser_peek(struct parser *p,
				size_t n); /* 0 is the next one; good until the next call */
struct token parser_take(struct parser *p);
bool parser_at(struct parser *p, enum token_kind kind);
bool parser_at_word(struct parser *p, const char *word);
bool parser_accept(struct parser *p, enum token_kind kind);
/* take a token of that kind; else "expected ')' <where>, found 'x'" (where may be "") */
bool parser_expect(struct parser *p, enum token_kind kind, const char *where);
/* a fault at a place; NULL in panic, else to be given a hint */
struct diag *parser_error(struct parser *p, enum diag_code code, struct span at, const char *fmt,
			  ...) __attribute__((format(printf, 4, 5)));
/* "expected <what>, found 'x'" at the next token (or that token's own fault) */
struct diag *parser_error_expected(struct parser *p, const char *what);
/* behind the next ';' at this level of braces, or before its '}' */
void parser_sync_statement(struct parser *p);
/* behind the '}' that closes the next block, or before what begins a line at the level of clauses */
void parser_sync_clause(struct parser *p);
/* false and a diagnostic when nested too deep; else parser_leave must follow */
bool parser_enter(struct parser *p);
void parser_leave(struct parser *p);
struct node *parser_node(struct parser *p, enum node_kind kind,
			 struct span start);       /* from start to the last token */
struct node *parser_placeholder(struct parser *p); /* for what could not be parsed: the literal 0 */

/* ---- parse_expr.c ---- */
struct node *parse_expr(struct parser *p);
struct node *parse_unary(struct parser *p);
/* one more link of a chain; false and a diagnostic when there are too many */
bool parser_chain_grows(struct parser *p, unsigned *count);

/* ---- parse_primary.c ---- */
struct node *parse_primary(struct parser *p);
void parser_expect_bare_end(struct parser *p);
bool node_is_variable_or_map(const struct node *n);

/* ---- parse_type.c ---- */
struct type_expr *parse_type(struct parser *p);
/* behind '(': is this (type) with something castable behind it? Takes nothing. */
bool parser_at_cast(struct parser *p);
/* a type or an expression in sizeof, offsetof, typeinfo, typeof: sets one of the two */
void parse_type_or_expr(struct parser *p, struct type_expr **type, struct node **expr);

/* ---- parse_stmt.c ---- */
/* '{' statements '}'; wants_value: a last expression without ';' is the value, else it is a statement */
struct node *parse_block(struct parser *p, bool wants_value);

/* ---- parse_decl.c ---- */
bool parser_at_c_text(struct parser *p);
struct span parser_cut_c_text(struct parser *p);
void parse_config(struct parser *p, struct config_item ***tail);
void parse_import(struct parser *p, struct import_decl ***tail);
void parse_macro(struct parser *p, struct macro_def ***tail);
void parse_fn(struct parser *p, struct fn_def ***tail);
void parse_map_decl(struct parser *p, struct map_decl ***tail);

/* ---- parse_probe.c ---- */
void parse_clause(struct parser *p, struct clause ***tail);
/* one attach point at lex.pos; NULL after a diagnostic */
struct attach_point *parse_attach_point(struct parser *p);

#endif
