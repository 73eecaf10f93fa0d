/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Primary expressions: literals, names, calls, maps, what begins with a parenthesis (records, casts, tuples), and the
 * expressions that begin with a word (if, sizeof, ...). Each function has its production above it.
 */
#include "lang/parse_private.h"

/* list: expr (',' expr)*    up to a closing token; typeof(...) may stand for an expression where types are passed */
static struct node *parse_arguments(struct parser *p, uint32_t *n_items, enum token_kind close,
				    bool types)
{
	struct node *first = NULL, **tail = &first;

	*n_items = 0;
	do {
		if (types && parser_at_word(p, "typeof")) {
			struct span start = parser_peek(p, 0)->at;
			struct type_expr *type = parse_type(p);

			*tail = parser_node(p, NODE_TYPE_VALUE, start);
			(*tail)->type_value = type;
		} else {
			*tail = parse_expr(p);
		}
		tail = &(*tail)->next;
		(*n_items)++;
	} while (!p->panic && parser_accept(p, TOKEN_COMMA) &&
		 !(close == TOKEN_RBRACKET && parser_at(p, close)));
	return first;
}

/* call: NAME '!'? '(' (argument (',' argument)*)? ')' */
static struct node *parse_call(struct parser *p, struct token name)
{
	struct node *args = NULL, *n;
	uint32_t n_args = 0;

	parser_expect(p, TOKEN_LPAREN, "");
	if (!parser_at(p, TOKEN_RPAREN))
		args = parse_arguments(p, &n_args, TOKEN_RPAREN, true);
	parser_expect(p, TOKEN_RPAREN, "or ',' in the arguments of a call");
	n = parser_node(p, NODE_CALL, name.at);
	n->call.name = name.name;
	n->call.args = args;
	n->call.n_args = n_args;
	return n;
}

/* map: MAP ('[' expr (',' expr)* ']')? */
static struct node *parse_map(struct parser *p)
{
	struct token name = parser_take(p);
	struct node *n, *key = NULL;

	if (parser_accept(p, TOKEN_LBRACKET)) {
		uint32_t n_keys;

		key = parse_arguments(p, &n_keys, TOKEN_RBRACKET, false);
		parser_expect(p, TOKEN_RBRACKET, "to close the key of the map");
		if (n_keys > 1) {
			struct node *tuple = parser_node(p, NODE_TUPLE, name.at);

			tuple->list.items = key;
			tuple->list.n = n_keys;
			key = tuple;
		}
	}
	n = parser_node(p, NODE_MAP, name.at);
	n->map.name = name.name;
	n->map.key = key;
	return n;
}

/* record: '(' NAME '=' expr (',' NAME '=' expr)* ')' */
static struct node *parse_record(struct parser *p, struct span start)
{
	struct node *first = NULL, **tail = &first, *n;
	uint32_t count = 0;

	do {
		struct token name = *parser_peek(p, 0);
		struct node *value, *item;

		if (name.kind != TOKEN_NAME) {
			parser_error_expected(p, "the name of a field");
			break;
		}
		parser_take(p);
		parser_expect(p, TOKEN_ASSIGN, "behind the name of a field");
		value = parse_expr(p);
		item = parser_node(p, NODE_NAMED, name.at);
		item->named.name = name.name;
		item->named.value = value;
		for (const struct node *other = first; other; other = other->next) {
			if (str_eq(other->named.name, name.name)) {
				parser_error(p, D_PARSE_DUPLICATE, item->at,
					     "the record has a field '%.*s' already",
					     STR_ARG(name.name));
				break;
			}
		}
		*tail = item;
		tail = &item->next;
		count++;
	} while (!p->panic && parser_accept(p, TOKEN_COMMA));
	parser_expect(p, TOKEN_RPAREN, "to close the record");
	n = parser_node(p, NODE_RECORD, start);
	n->list.items = first;
	n->list.n = count;
	return n;
}

/* cast: '(' type ')' unary */
static struct node *parse_cast(struct parser *p, struct span start)
{
	struct type_expr *to = parse_type(p);
	struct node *a, *n;

	parser_expect(p, TOKEN_RPAREN, "to close the type of a cast");
	a = parse_unary(p);
	n = node_new(p->arena, NODE_CAST, span_join(start, a->at));
	n->cast.to = to;
	n->cast.a = a;
	return n;
}

static struct node *tuple_node(struct parser *p, struct span start, struct node *items,
			       uint32_t count)
{
	struct node *n = parser_node(p, NODE_TUPLE, start);

	n->list.items = items;
	n->list.n = count;
	return n;
}

/* paren: '(' ')' | record | cast | '(' expr ')' | '(' expr ',' (expr (',' expr)* ','?)? ')' */
static struct node *parse_paren(struct parser *p)
{
	struct span start = parser_take(p).at;
	struct node *first, **tail;
	bool in_predicate = p->in_predicate;
	uint32_t count = 1;

	if (parser_accept(p, TOKEN_RPAREN))
		return tuple_node(p, start, NULL, 0);
	if (parser_at(p, TOKEN_NAME) && parser_peek(p, 1)->kind == TOKEN_ASSIGN)
		return parse_record(p, start);
	if (parser_at_cast(p))
		return parse_cast(p, start);
	p->in_predicate = false; /* inside parentheses a '/' is a division */
	first = parse_expr(p);
	tail = &first->next;
	if (!parser_at(p, TOKEN_COMMA)) {
		parser_expect(p, TOKEN_RPAREN, "or an operator");
		p->in_predicate = in_predicate;
		first->flags |= NODE_F_PAREN;
		return first;
	}
	while (!p->panic && parser_accept(p, TOKEN_COMMA) && !parser_at(p, TOKEN_RPAREN)) {
		*tail = parse_expr(p);
		tail = &(*tail)->next;
		count++;
	}
	parser_expect(p, TOKEN_RPAREN, "to close the tuple");
	p->in_predicate = in_predicate;
	return tuple_node(p, start, first, count);
}

/* sizeof: ("sizeof" | "typeinfo") '(' (type | expr) ')' */
static struct node *parse_sizeof(struct parser *p, enum node_kind kind)
{
	struct token word = parser_take(p);
	struct type_expr *type = NULL;
	struct node *expr = NULL, *n;

	if (parser_expect(p, TOKEN_LPAREN,
			  kind == NODE_SIZEOF ? "behind sizeof" : "behind typeinfo"))
		parse_type_or_expr(p, &type, &expr);
	else
		expr = parser_placeholder(p);
	parser_expect(p, TOKEN_RPAREN, "behind the type or expression");
	n = parser_node(p, kind, word.at);
	n->sizeof_.type = type;
	n->sizeof_.expr = expr;
	return n;
}

/* offsetof: "offsetof" '(' (type | expr) ',' NAME ('.' NAME)* ')' */
static struct node *parse_offsetof(struct parser *p)
{
	struct span start = parser_take(p).at;
	struct type_expr *type = NULL;
	struct node *expr = NULL, *n;
	VEC(struct str) path = { 0 };

	if (parser_expect(p, TOKEN_LPAREN, "behind offsetof"))
		parse_type_or_expr(p, &type, &expr);
	else
		expr = parser_placeholder(p);
	parser_expect(p, TOKEN_COMMA, "between the type and the field");
	do {
		if (!parser_at(p, TOKEN_NAME)) {
			parser_error_expected(p, "the name of a field");
			break;
		}
		vec_push(&path, parser_take(p).name);
	} while (parser_accept(p, TOKEN_DOT));
	parser_expect(p, TOKEN_RPAREN, "behind the field");
	n = parser_node(p, NODE_OFFSETOF, start);
	n->offsetof_.type = type;
	n->offsetof_.expr = expr;
	n->offsetof_.path = arena_array(p->arena, struct str, path.n + 1);
	if (path.n)
		memcpy(n->offsetof_.path, path.v, path.n * sizeof(*path.v));
	n->offsetof_.n_path = (uint32_t)path.n;
	vec_free(&path);
	return n;
}

/* behind a condition without parentheses: only a unary expression may stand there */
void parser_expect_bare_end(struct parser *p)
{
	struct diag *d;

	if (parser_at(p, TOKEN_LBRACE))
		return;
	d = parser_error_expected(p, "'{'");
	if (d)
		diag_hint(p->diags, d, "put a condition with operators in parentheses");
}

/* if: "if" ('(' expr ')' | unary) block ("else" (if | block))? */
static struct node *parse_if(struct parser *p)
{
	struct node *first = NULL, **slot = &first;
	unsigned count = 0;

	for (;;) {
		struct span start = parser_take(p).at;
		struct node *n = node_new(p->arena, NODE_IF, start);
		bool in_predicate = p->in_predicate;

		p->in_predicate = false;
		*slot = n;
		if (parser_accept(p, TOKEN_LPAREN)) {
			n->cond.cond = parse_expr(p);
			parser_expect(p, TOKEN_RPAREN, "to close the condition");
		} else if (parser_at(p, TOKEN_LBRACE)) {
			parser_error_expected(p, "a condition");
			n->cond.cond = parser_placeholder(p);
		} else {
			n->cond.cond = parse_unary(p);
			parser_expect_bare_end(p);
		}
		n->cond.then = parse_block(p, true);
		p->in_predicate = in_predicate;
		slot = &n->cond.other;
		if (!parser_at_word(p, "else") || p->panic)
			break;
		parser_take(p);
		if (!parser_at_word(p, "if")) {
			if (parser_at(p, TOKEN_LBRACE)) {
				n->cond.other = parse_block(p, true);
			} else {
				struct diag *d = parser_error_expected(p,
								       "'{' or 'if' behind 'else'");

				if (d)
					diag_hint(p->diags, d, "the branches of an if need braces");
			}
			break;
		}
		if (!parser_chain_grows(p, &count))
			break;
	}
	/* each link of the chain ends where the whole does */
	for (struct node *n = first; n && n->kind == NODE_IF; n = n->cond.other)
		n->at = span_join(n->at, p->last);
	return first;
}

/* name: "true" | "false" | call | NAME, and the expressions that begin with a word */
static struct node *parse_name(struct parser *p)
{
	struct token t = *parser_peek(p, 0);
	struct node *n;

	if (token_is(&t, "if"))
		return parse_if(p);
	if (token_is(&t, "sizeof"))
		return parse_sizeof(p, NODE_SIZEOF);
	if (token_is(&t, "typeinfo"))
		return parse_sizeof(p, NODE_TYPEINFO);
	if (token_is(&t, "offsetof"))
		return parse_offsetof(p);
	parser_take(p);
	if (token_is(&t, "comptime")) {
		struct node *a = parse_unary(p);

		n = node_new(p->arena, NODE_COMPTIME, span_join(t.at, a->at));
		n->unary.a = a;
		return n;
	}
	if (token_is(&t, "true") || token_is(&t, "false")) {
		n = parser_node(p, NODE_BOOL, t.at);
		n->integer = token_is(&t, "true");
		return n;
	}
	/* the documentation also calls macros as name!() */
	if (parser_at(p, TOKEN_NOT) && parser_peek(p, 1)->kind == TOKEN_LPAREN)
		parser_take(p);
	if (parser_at(p, TOKEN_LPAREN))
		return parse_call(p, t);
	n = parser_node(p, NODE_IDENT, t.at);
	n->ident.name = t.name;
	return n;
}

/* primary: INT | STRING | VAR | POSITIONAL | '$#' | map | name | paren | block */
struct node *parse_primary(struct parser *p)
{
	struct token t = *parser_peek(p, 0);
	struct node *n;

	switch (t.kind) {
	case TOKEN_INT:
		parser_take(p);
		n = parser_node(p, NODE_INT, t.at);
		n->integer = (int64_t)t.integer;
		n->flags |= NODE_F_LITERAL | (n->integer < 0 ? NODE_F_UINT64 : 0);
		return n;
	case TOKEN_STRING: {
		STRBUF_AUTO joined = { 0 };

		parser_take(p);
		n = parser_node(p, NODE_STRING, t.at);
		n->string = t.string;
		/* strings next to each other are one, as in C: defines are put together that way */
		if (!parser_at(p, TOKEN_STRING))
			return n;
		strbuf_add_str(&joined, t.string);
		while (parser_at(p, TOKEN_STRING))
			strbuf_add_str(&joined, parser_take(p).string);
		n->string = arena_str(p->arena, strbuf_str(&joined));
		n->at = span_join(n->at, p->last);
		return n;
	}
	case TOKEN_VAR:
		parser_take(p);
		n = parser_node(p, NODE_VAR, t.at);
		n->var.name = t.name;
		return n;
	case TOKEN_POSITIONAL:
	case TOKEN_PARAM_COUNT:
		parser_take(p);
		n = parser_node(p, NODE_POSITIONAL, t.at);
		n->integer = t.kind == TOKEN_POSITIONAL ? (int64_t)t.integer : 0;
		return n;
	case TOKEN_MAP: return parse_map(p);
	case TOKEN_NAME: return parse_name(p);
	case TOKEN_LPAREN: return parse_paren(p);
	case TOKEN_LBRACE: return parse_block(p, true);
	default: parser_error_expected(p, "an expression"); return parser_placeholder(p);
	}
}
