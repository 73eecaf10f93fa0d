/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parser of scripts: text in, struct script out, every fault in the diagnostic list. Recursive descent, one
 * function for each production, written in parse_probe.c (script, clauses, attach points), parse_decl.c (config,
 * imports, macros, functions, map declarations), parse_stmt.c and parse_expr.c. After a fault the parser skips to
 * the next ';' or '}' and goes on, so that one run shows all of them; a script with errors in the list must not be
 * compiled, but its tree is whole enough to be walked.
 *
 * The C text at the top of the script (#lines, struct, union, enum) goes through the preprocessor (cpp.h), whose
 * object-like and function-like defines are then replaced in the script as well.
 */
#ifndef SONDE_LANG_PARSE_H
#define SONDE_LANG_PARSE_H

#include "lang/ast.h"

struct cpp;          /* cpp.h */
struct lex_comments; /* lex.h */

struct parse_opts {
	struct arena *arena;     /* tree, strings */
	struct sources *sources; /* outlives the tree */
	struct diag_list *diags;
	const struct str *
		positional; /* $1... inside attach points; in expressions they stay NODE_POSITIONAL */
	uint32_t n_positional;
	const struct str *named; /* "name=value", "name": $name inside attach points */
	uint32_t n_named;
	/*
	 * Takes the C text of the script and gives the defines; one cpp serves the script and its imports. NULL: C text
	 * is cut out (script.preamble) and nothing is replaced.
	 */
	struct cpp *cpp;
	struct lex_comments
		*comments; /* lex.h: collects the comments for the formatter; may be NULL */
	bool is_library; /* an imported file or our standard library: may hold only declarations, macros are internal */
};

/* Parses source number file of opts->sources. Never NULL. */
struct script *script_parse(const struct parse_opts *opts, uint16_t file);
/*
 * One expression ("$1 + 1"), for a C #define or a test. NULL and a diagnostic when the text is not exactly one.
 */
struct node *expr_parse(const struct parse_opts *opts, uint16_t file);
/* attach points alone, as on the command line (-l 'uprobe:...'): a chain, NULL after a diagnostic */
struct attach_point *attach_points_parse(const struct parse_opts *opts, uint16_t file);

/* Deepest nesting of expressions and blocks; longest chain of operators in one expression. */
#define PARSE_MAX_DEPTH 200
#define PARSE_MAX_CHAIN 1000

#endif
