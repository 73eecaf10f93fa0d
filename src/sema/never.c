/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Clauses that can never run: their predicate is false by the options of this call, as in /getopt("lang", "java") == "c"/. They
 * are found before their attach points are matched, so that nothing is looked for, attached or paid for that would do
 * nothing. Only literals, getopt(), $# and the logic between them are looked at; everything else may be true.
 */
#include "sema/sema_private.h"

struct known {
	enum { NOT_KNOWN, NUMBER, TEXT } kind;
	int64_t number;
	struct str text;
};

static struct known number(int64_t n)
{
	return (struct known){ .kind = NUMBER, .number = n };
}

static struct known known_of(const struct sema *s, const struct node *n);

static struct known option(const struct sema *s, const struct node *call)
{
	const struct node *name = call->call.args, *fallback = name ? name->next : NULL;
	struct known k = { .kind = NOT_KNOWN };
	struct str value;
	bool has_value;

	if (!name || name->kind != NODE_STRING)
		return k;
	if (!option_find(s, name->string, &value, &has_value))
		return fallback ? known_of(s, fallback) : number(0);
	if (!fallback || fallback->kind == NODE_BOOL)
		return !has_value || str_eq_nocase(value, STR("true")) || str_is(value, "1")
			       ? number(1)
			       : number(0);
	if (fallback->kind == NODE_STRING)
		return (struct known){ .kind = TEXT, .text = value };
	if (fallback->kind == NODE_INT && str_to_i64(value, &k.number))
		k.kind = NUMBER;
	return k;
}

static struct known compare(struct known a, struct known b, enum op op)
{
	bool is_equal;

	if (a.kind != b.kind || a.kind == NOT_KNOWN)
		return (struct known){ .kind = NOT_KNOWN };
	is_equal = a.kind == TEXT ? str_eq(a.text, b.text) : a.number == b.number;
	if (op == OP_EQ || op == OP_NE)
		return number(is_equal == (op == OP_EQ));
	if (a.kind == TEXT)
		return (struct known){ .kind = NOT_KNOWN };
	switch (op) {
	case OP_LT: return number(a.number < b.number);
	case OP_LE: return number(a.number <= b.number);
	case OP_GT: return number(a.number > b.number);
	default: return number(a.number >= b.number);
	}
}

/* decided is the value of one side that settles the whole: false of &&, true of || */
static struct known logic(struct known a, struct known b, bool decided)
{
	if ((a.kind == NUMBER && !a.number == !decided) ||
	    (b.kind == NUMBER && !b.number == !decided))
		return number(decided);
	return a.kind == NUMBER && b.kind == NUMBER ? number(!decided)
						    : (struct known){ .kind = NOT_KNOWN };
}

static struct known known_of(const struct sema *s, const struct node *n)
{
	struct known a;

	switch (n->kind) {
	case NODE_INT:
	case NODE_BOOL: return number(n->integer);
	case NODE_STRING: return (struct known){ .kind = TEXT, .text = n->string };
	case NODE_POSITIONAL: /* $#; the text of a word may be meant as a number or not */
		return n->integer ? (struct known){ .kind = NOT_KNOWN }
				  : number(s->opts->n_positional);
	case NODE_CALL:
		return str_is(n->call.name, "getopt") ? option(s, n)
						      : (struct known){ .kind = NOT_KNOWN };
	case NODE_UNARY:
		a = known_of(s, n->unary.a);
		return n->op == OP_NOT && a.kind == NUMBER ? number(!a.number)
							   : (struct known){ .kind = NOT_KNOWN };
	case NODE_BINARY:
		if (n->op == OP_LAND || n->op == OP_LOR)
			return logic(known_of(s, n->binary.a), known_of(s, n->binary.b),
				     n->op == OP_LOR);
		if (n->op >= OP_EQ && n->op <= OP_GE)
			return compare(known_of(s, n->binary.a), known_of(s, n->binary.b),
				       (enum op)n->op);
		return (struct known){ .kind = NOT_KNOWN };
	default: return (struct known){ .kind = NOT_KNOWN };
	}
}

bool clause_never_runs(const struct sema *s, const struct clause *c)
{
	struct known k = { .kind = NOT_KNOWN };

	if (c->predicate)
		k = known_of(s, c->predicate);
	return k.kind == NUMBER && !k.number;
}
