/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Expressions: the operators before, between and behind the primaries of parse_primary.c. Each function has its
 * production above it; precedence is that of C, except that assignments are statements. A chain of operators is built in
 * a loop but makes a deep tree: PARSE_MAX_CHAIN bounds it, so that the passes behind may recurse.
 */
#include "lang/parse_private.h"

struct binary_op {
	uint8_t op;    /* enum op */
	uint8_t level; /* 1 binds weakest; 0: no binary operator */
};

static const struct binary_op binary_ops[TOKEN_N_KINDS] = {
	[TOKEN_OR_OR] = { OP_LOR, 1 },
	[TOKEN_AND_AND] = { OP_LAND, 2 },
	[TOKEN_OR] = { OP_OR, 3 },
	[TOKEN_XOR] = { OP_XOR, 4 },
	[TOKEN_AND] = { OP_AND, 5 },
	[TOKEN_EQUAL_EQUAL] = { OP_EQ, 6 },
	[TOKEN_NOT_EQUAL] = { OP_NE, 6 },
	[TOKEN_LESS] = { OP_LT, 7 },
	[TOKEN_LESS_EQUAL] = { OP_LE, 7 },
	[TOKEN_GREATER] = { OP_GT, 7 },
	[TOKEN_GREATER_EQUAL] = { OP_GE, 7 },
	[TOKEN_SHL] = { OP_SHL, 8 },
	[TOKEN_SHR] = { OP_SHR, 8 },
	[TOKEN_PLUS] = { OP_ADD, 9 },
	[TOKEN_MINUS] = { OP_SUB, 9 },
	[TOKEN_STAR] = { OP_MUL, 10 },
	[TOKEN_SLASH] = { OP_DIV, 10 },
	[TOKEN_PERCENT] = { OP_MOD, 10 },
};

bool node_is_variable_or_map(const struct node *n)
{
	return n->kind == NODE_VAR || n->kind == NODE_MAP;
}

bool parser_chain_grows(struct parser *p, unsigned *count)
{
	if (++*count <= PARSE_MAX_CHAIN)
		return true;
	parser_error(p, D_PARSE_TOO_DEEP, parser_peek(p, 0)->at,
		     "expression is too long: at most %d operators in a row", PARSE_MAX_CHAIN);
	return false;
}

static struct node *binary_node(struct parser *p, uint8_t op, struct node *a, struct node *b)
{
	struct node *n = node_new(p->arena, NODE_BINARY, span_join(a->at, b->at));

	n->op = op;
	n->binary.a = a;
	n->binary.b = b;
	return n;
}

/* the binary operator at the next token; level 0 when there is none (a '/' before '{' ends a predicate) */
static struct binary_op peek_binary(struct parser *p)
{
	enum token_kind kind = parser_peek(p, 0)->kind;

	if (kind == TOKEN_SLASH && p->in_predicate && parser_peek(p, 1)->kind == TOKEN_LBRACE)
		return (struct binary_op){ 0 };
	return binary_ops[kind];
}

/* binary(level): unary (OP binary(level of OP + 1))*   for operators of at least that level */
static struct node *parse_binary(struct parser *p, uint8_t level)
{
	struct node *left = parse_unary(p);
	unsigned count = 0;

	for (;;) {
		struct binary_op op = peek_binary(p);

		if (op.level == 0 || op.level < level || p->panic || !parser_chain_grows(p, &count))
			return left;
		parser_take(p);
		left = binary_node(p, op.op, left, parse_binary(p, op.level + 1));
	}
}

/* expr: binary ('?' expr? ':' expr)? */
struct node *parse_expr(struct parser *p)
{
	struct node *cond, *n;

	if (!parser_enter(p))
		return parser_placeholder(p);
	cond = parse_binary(p, 1);
	if (parser_at(p, TOKEN_QUESTION) && !p->panic) {
		struct node *then = NULL, *other;

		parser_take(p);
		if (!parser_at(p, TOKEN_COLON))
			then = parse_expr(p);
		parser_expect(p, TOKEN_COLON, "of '?:'");
		other = parse_expr(p);
		n = node_new(p->arena, NODE_TERNARY, span_join(cond->at, other->at));
		n->cond.cond = cond;
		n->cond.then = then;
		n->cond.other = other;
		cond = n;
	}
	parser_leave(p);
	return cond;
}

static struct node *unary_node(struct parser *p, enum op op, struct span start, struct node *a)
{
	struct node *n = node_new(p->arena, NODE_UNARY, span_join(start, a->at));

	n->op = (uint8_t)op;
	n->unary.a = a;
	return n;
}

/* postfix: primary ('.' NAME | '.' INT | '->' NAME | '[' expr ']' | '++' | '--')* */
static struct node *parse_postfix(struct parser *p, struct node *n)
{
	unsigned count = 0;

	while (!p->panic) {
		struct span start = n->at;
		struct node *outer;
		enum token_kind kind = parser_peek(p, 0)->kind;

		if (kind == TOKEN_DOT || kind == TOKEN_ARROW) {
			parser_take(p);
			if (kind == TOKEN_DOT && parser_at(p, TOKEN_INT)) {
				struct token index = parser_take(p);

				outer = parser_node(p, NODE_TUPLE_FIELD, start);
				outer->field.index = index.integer > UINT32_MAX
							     ? UINT32_MAX
							     : (uint32_t)index.integer;
			} else if (parser_at(p, TOKEN_NAME)) {
				struct token name = parser_take(p);

				outer = parser_node(p, NODE_FIELD, start);
				outer->field.name = name.name;
				if (kind == TOKEN_ARROW)
					outer->flags |= NODE_F_ARROW;
			} else {
				parser_error_expected(
					p, kind == TOKEN_DOT
						   ? "the name or number of a field behind '.'"
						   : "the name of a field behind '->'");
				break;
			}
			outer->field.a = n;
		} else if (kind == TOKEN_LBRACKET) {
			struct node *index;

			parser_take(p);
			index = parse_expr(p);
			parser_expect(p, TOKEN_RBRACKET, "to close the index");
			outer = parser_node(p, NODE_INDEX, start);
			outer->index.a = n;
			outer->index.i = index;
		} else if (kind == TOKEN_PLUS_PLUS || kind == TOKEN_MINUS_MINUS) {
			struct token op = parser_take(p);

			if (!node_is_variable_or_map(n))
				parser_error(p, D_PARSE_BAD_TARGET, op.at,
					     "'%.*s' works on variables and maps only",
					     STR_ARG(op.text));
			outer = unary_node(p, kind == TOKEN_PLUS_PLUS ? OP_POST_INC : OP_POST_DEC,
					   start, n);
			outer->at = span_join(start, p->last);
		} else {
			break;
		}
		n = outer;
		if (!parser_chain_grows(p, &count))
			break;
	}
	return n;
}

static enum op prefix_op(enum token_kind kind)
{
	switch (kind) {
	case TOKEN_MINUS: return OP_NEG;
	case TOKEN_NOT: return OP_NOT;
	case TOKEN_TILDE: return OP_INV;
	case TOKEN_STAR: return OP_DEREF;
	case TOKEN_AND: return OP_ADDR;
	case TOKEN_PLUS_PLUS: return OP_PRE_INC;
	case TOKEN_MINUS_MINUS: return OP_PRE_DEC;
	default: return OP_NONE;
	}
}

/* unary: ('-' | '!' | '~' | '*' | '&' | '++' | '--') unary | postfix */
struct node *parse_unary(struct parser *p)
{
	struct span start = parser_peek(p, 0)->at;
	enum op op = prefix_op(parser_peek(p, 0)->kind);
	struct node *n;

	if (!parser_enter(p))
		return parser_placeholder(p);
	if (op == OP_NONE) {
		n = parse_postfix(p, parse_primary(p));
	} else {
		parser_take(p);
		n = parse_unary(p);
		if ((op == OP_PRE_INC || op == OP_PRE_DEC) && !node_is_variable_or_map(n))
			parser_error(p, D_PARSE_BAD_TARGET, n->at,
				     "'%s' works on variables and maps only",
				     op == OP_PRE_INC ? "++" : "--");
		if (op == OP_ADDR &&
		    (!node_is_variable_or_map(n) || (n->kind == NODE_MAP && n->map.key)))
			parser_error(
				p, D_PARSE_BAD_TARGET, n->at,
				"the address of ('&') exists for variables and whole maps only");
		n = unary_node(p, op, start, n);
	}
	parser_leave(p);
	return n;
}
