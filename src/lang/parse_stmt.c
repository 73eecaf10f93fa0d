/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Statements and blocks, and the one place where the parser finds its feet again after a fault inside a block.
 * Expressions that stand as statements lose their value here: the last expression of a block whose value nobody
 * takes becomes a statement like the others.
 */
#include "lang/parse_private.h"

/* nodes may be shared by nobody yet, so the block is changed in place */
static void block_drop_value(struct parser *p, struct node *n)
{
	struct node **tail;
	struct node *value;

	if (n->kind == NODE_IF) {
		for (; n && n->kind == NODE_IF; n = n->cond.other)
			block_drop_value(p, n->cond.then);
		if (!n)
			return;
	}
	if (n->kind != NODE_BLOCK || !n->block.value)
		return;
	value = n->block.value;
	n->block.value = NULL;
	block_drop_value(p, value);
	for (tail = &n->block.stmts; *tail; tail = &(*tail)->next)
		;
	*tail = node_new(p->arena, NODE_EXPR, value->at);
	(*tail)->unary.a = value;
}

static struct node *expr_statement(struct parser *p, struct node *e)
{
	struct node *n = node_new(p->arena, NODE_EXPR, e->at);

	n->unary.a = e;
	block_drop_value(p, e);
	return n;
}

/* end: ';' | before '}' */
static void parse_statement_end(struct parser *p)
{
	const struct token *t = parser_peek(p, 0);

	/* in panic the ';' is what the search for firm ground stops at; the end of the text is told by the block */
	if (p->panic || t->kind == TOKEN_RBRACE || t->kind == TOKEN_END ||
	    parser_accept(p, TOKEN_SEMICOLON))
		return;
	if (t->at_line_start &&
	    (t->kind == TOKEN_NAME || t->kind == TOKEN_VAR || t->kind == TOKEN_MAP)) {
		/* a forgotten ';' at the end of a line: the next statement is whole */
		parser_error_expected(p, "';'");
		p->panic = false;
		return;
	}
	parser_error_expected(p, "';'");
}

/* let: "let" VAR (':' type)? ('=' expr)? end */
static struct node *parse_let(struct parser *p)
{
	struct span start = parser_take(p).at;
	struct token name = *parser_peek(p, 0);
	struct node *n = node_new(p->arena, NODE_LET, start);

	n->let.var = node_new(p->arena, NODE_VAR, name.at);
	n->let.var->var.name = name.kind == TOKEN_VAR ? name.name : STR("?");
	if (!parser_expect(p, TOKEN_VAR, "behind 'let'"))
		return n;
	if (parser_accept(p, TOKEN_COLON))
		n->let.type = parse_type(p);
	if (parser_accept(p, TOKEN_ASSIGN))
		n->let.value = parse_expr(p);
	n->at = span_join(start, p->last);
	parse_statement_end(p);
	return n;
}

/* loop: ("while" | "unroll") ('(' expr ')' | unary) block */
static struct node *parse_loop(struct parser *p, enum node_kind kind)
{
	struct span start = parser_take(p).at;
	struct node *n = node_new(p->arena, kind, start);

	if (parser_accept(p, TOKEN_LPAREN)) {
		n->loop.cond = parse_expr(p);
		parser_expect(p, TOKEN_RPAREN,
			      kind == NODE_WHILE ? "to close the condition" : "to close the count");
	} else if (parser_at(p, TOKEN_LBRACE)) {
		parser_error_expected(p, kind == NODE_WHILE ? "a condition" : "a count");
		n->loop.cond = parser_placeholder(p);
	} else {
		n->loop.cond = parse_unary(p);
		parser_expect_bare_end(p);
	}
	n->loop.body = parse_block(p, false);
	n->at = span_join(start, p->last);
	return n;
}

/* for: "for" '('? VAR ':' (unary '..' unary | MAP) ')'? block */
static struct node *parse_for(struct parser *p)
{
	struct span start = parser_take(p).at;
	bool paren = parser_accept(p, TOKEN_LPAREN);
	struct token name = *parser_peek(p, 0);
	struct node *n = node_new(p->arena, NODE_FOR_RANGE, start);
	struct node *first;

	n->for_.var = node_new(p->arena, NODE_VAR, name.at);
	n->for_.var->var.name = name.kind == TOKEN_VAR ? name.name : STR("?");
	parser_expect(p, TOKEN_VAR, "as the variable of the loop");
	parser_expect(p, TOKEN_COLON, "behind the variable of the loop");
	first = parse_unary(p);
	if (parser_accept(p, TOKEN_DOTDOT)) {
		n->for_.from = first;
		n->for_.to = parse_unary(p);
	} else {
		n->kind = NODE_FOR_MAP;
		n->for_.map = first;
		if (first->kind != NODE_MAP || first->map.key) {
			if (first->kind == NODE_MAP || parser_at(p, TOKEN_LBRACE) ||
			    parser_at(p, TOKEN_RPAREN))
				parser_error(p, D_PARSE_UNEXPECTED, first->at,
					     "expected a map (@m) or a range (0..10) to loop over");
			else
				parser_error_expected(p, "'..' and the end of the range");
			n->for_.map = node_new(p->arena, NODE_MAP, first->at);
			n->for_.map->map.name = STR("@");
		}
	}
	if (paren)
		parser_expect(p, TOKEN_RPAREN, "behind what is looped over");
	n->for_.body = parse_block(p, false);
	n->at = span_join(start, p->last);
	return n;
}

static struct node *parse_jump(struct parser *p, enum node_kind kind)
{
	struct node *n = node_new(p->arena, kind, parser_take(p).at);

	if (kind == NODE_RETURN && !parser_at(p, TOKEN_SEMICOLON) && !parser_at(p, TOKEN_RBRACE)) {
		n->unary.a = parse_expr(p);
		n->at = span_join(n->at, p->last);
	}
	parse_statement_end(p);
	return n;
}

/* import: "import" STRING ';' */
static struct node *parse_import_statement(struct parser *p)
{
	struct node *n = node_new(p->arena, NODE_IMPORT, parser_take(p).at);

	if (parser_at(p, TOKEN_STRING))
		n->string = parser_take(p).string;
	else
		parser_error_expected(p, "a string with the file to import");
	n->at = span_join(n->at, p->last);
	parse_statement_end(p);
	return n;
}

static bool assign_op(enum token_kind kind, uint8_t *op)
{
	static const uint8_t ops[TOKEN_N_KINDS] = {
		[TOKEN_PLUS_ASSIGN] = OP_ADD,    [TOKEN_MINUS_ASSIGN] = OP_SUB,
		[TOKEN_STAR_ASSIGN] = OP_MUL,    [TOKEN_SLASH_ASSIGN] = OP_DIV,
		[TOKEN_PERCENT_ASSIGN] = OP_MOD, [TOKEN_AND_ASSIGN] = OP_AND,
		[TOKEN_OR_ASSIGN] = OP_OR,       [TOKEN_XOR_ASSIGN] = OP_XOR,
		[TOKEN_SHL_ASSIGN] = OP_SHL,     [TOKEN_SHR_ASSIGN] = OP_SHR,
	};

	*op = ops[kind];
	return kind == TOKEN_ASSIGN || *op != OP_NONE;
}

/* a target that cannot be assigned to: what is wrong with it */
static void report_bad_target(struct parser *p, const struct node *target)
{
	struct span at = span_join(target->at, p->last);

	if (target->kind == NODE_FIELD || target->kind == NODE_TUPLE_FIELD)
		parser_error(
			p, D_PARSE_BAD_TARGET, at,
			"Tuples and records are immutable once created. Consider creating a new value and "
			"assigning it instead.");
	else if (target->kind == NODE_TUPLE || target->kind == NODE_RECORD)
		parser_error(p, D_PARSE_BAD_TARGET, at,
			     "a tuple cannot be assigned to; assign to variables one by one");
	else
		parser_error(p, D_PARSE_BAD_TARGET, at,
			     "cannot assign to this: only variables ($x) and maps (@m) change");
}

/* simple: expr end | target ('=' | '+=' | ...) expr end    an if or a block needs no end */
static struct node *parse_simple(struct parser *p, bool wants_value, struct node **value)
{
	struct node *e = parse_expr(p), *n;
	bool is_braced = e->kind == NODE_IF || e->kind == NODE_BLOCK;
	uint8_t op;

	if (!p->panic && assign_op(parser_peek(p, 0)->kind, &op)) {
		parser_take(p);
		n = node_new(p->arena, NODE_ASSIGN, e->at);
		n->op = op;
		n->assign.target = e;
		n->assign.value = parse_expr(p);
		n->at = span_join(e->at, n->assign.value->at);
		if (!node_is_variable_or_map(e)) {
			report_bad_target(p, e);
			return expr_statement(p, parser_placeholder(p));
		}
		parse_statement_end(p);
		return n;
	}
	if (parser_at(p, TOKEN_RBRACE) && wants_value && !p->panic) {
		*value = e;
		return NULL;
	}
	if (is_braced && !(e->flags & NODE_F_PAREN))
		parser_accept(p, TOKEN_SEMICOLON);
	else
		parse_statement_end(p);
	return expr_statement(p, e);
}

/*
 * statement: let | loop | for | "break" end | "continue" end | "return" expr? end | import | '_' '=' expr end | simple
 * NULL when it was ';' alone, or the value of the block (then in *value).
 */
static struct node *parse_statement(struct parser *p, bool wants_value, struct node **value)
{
	const struct token *t = parser_peek(p, 0);

	if (t->kind == TOKEN_SEMICOLON) {
		parser_take(p);
		return NULL;
	}
	if (t->kind != TOKEN_NAME)
		return parse_simple(p, wants_value, value);
	if (token_is(t, "let"))
		return parse_let(p);
	if (token_is(t, "while"))
		return parse_loop(p, NODE_WHILE);
	if (token_is(t, "unroll"))
		return parse_loop(p, NODE_UNROLL);
	if (token_is(t, "for"))
		return parse_for(p);
	if (token_is(t, "break"))
		return parse_jump(p, NODE_BREAK);
	if (token_is(t, "continue"))
		return parse_jump(p, NODE_CONTINUE);
	if (token_is(t, "return"))
		return parse_jump(p, NODE_RETURN);
	if (token_is(t, "import"))
		return parse_import_statement(p);
	if (token_is(t, "_") && parser_peek(p, 1)->kind == TOKEN_ASSIGN) {
		struct span start = parser_take(p).at;
		struct node *n;

		parser_take(p);
		n = node_new(p->arena, NODE_EXPR, start);
		n->flags |= NODE_F_DISCARD;
		n->unary.a = parse_expr(p);
		n->at = span_join(start, p->last);
		parse_statement_end(p);
		return n;
	}
	return parse_simple(p, wants_value, value);
}

/* block: '{' statement* expr? '}' */
struct node *parse_block(struct parser *p, bool wants_value)
{
	struct span open = parser_peek(p, 0)->at;
	struct node *n = node_new(p->arena, NODE_BLOCK, open), **tail = &n->block.stmts;

	if (!parser_at(p, TOKEN_LBRACE)) {
		parser_error_expected(p, "'{'");
		return n;
	}
	if (!parser_enter(p))
		return n;
	parser_take(p);
	p->panic = false; /* a block is firm ground again, whatever was wrong before it */
	while (!parser_at(p, TOKEN_RBRACE) && !parser_at(p, TOKEN_END)) {
		struct node *stmt = parse_statement(p, wants_value, &n->block.value);

		if (stmt) {
			*tail = stmt;
			tail = &stmt->next;
		}
		if (p->panic)
			parser_sync_statement(p);
	}
	if (!parser_accept(p, TOKEN_RBRACE) && !p->swallowed) {
		struct diag *d = parser_error_expected(p, "'}' to close the block");
		struct line_col lc = span_locate(p->o->sources, open);

		if (d)
			diag_hint(p->diags, d, "the block was opened at line %u, column %u",
				  lc.line, lc.col);
	}
	n->at = span_join(open, p->last);
	parser_leave(p);
	return n;
}
