/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Syntax trees as text, two ways: the tree itself for -d ast (print_dump.c), and the script again, laid out in one
 * canonical way, for --fmt (print_format.c). Neither changes the tree. print_expr.c serves both, and messages.
 */
#ifndef SONDE_LANG_PRINT_H
#define SONDE_LANG_PRINT_H

#include "lang/ast.h"

struct lex_comments;

/* one line for each node, children indented below; types behind ' :: ' where sema has set them */
void ast_dump(const struct script *s, struct strbuf *out);
void ast_dump_node(const struct node *n, int depth, struct strbuf *out);
/* a type as written: "struct task_struct *", "int8[4]", "typeof($x)" */
void type_expr_print(const struct type_expr *t, struct sources *sources, struct strbuf *out);
/* an expression on one line, as in a script */
void node_print(const struct node *n, struct sources *sources, struct strbuf *out);
/*
 * The whole script. It must have been parsed without cpp (defines not replaced) and with the given comments
 * collected; comments is sorted here. Formatting its own output again gives the same text.
 */
void script_format(const struct script *s, struct sources *sources, uint16_t file,
		   struct lex_comments *comments, struct strbuf *out);
/* parses source number file and formats it: all of --fmt. False when it has faults (then they are in diags) */
bool source_format(struct arena *arena, struct sources *sources, struct diag_list *diags,
		   uint16_t file, struct strbuf *out);

#endif
