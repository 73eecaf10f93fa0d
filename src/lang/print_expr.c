/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Types and expressions as text, for the formatter and for messages. Parentheses stand where they were written (the
 * parser notes them), so that precedence is never decided here.
 */
#include "lang/print_private.h"

static const char *const op_texts[] = {
	[OP_NONE] = "",      [OP_ADD] = "+",      [OP_SUB] = "-",       [OP_MUL] = "*",
	[OP_DIV] = "/",      [OP_MOD] = "%",      [OP_AND] = "&",       [OP_OR] = "|",
	[OP_XOR] = "^",      [OP_SHL] = "<<",     [OP_SHR] = ">>",      [OP_LAND] = "&&",
	[OP_LOR] = "||",     [OP_EQ] = "==",      [OP_NE] = "!=",       [OP_LT] = "<",
	[OP_LE] = "<=",      [OP_GT] = ">",       [OP_GE] = ">=",       [OP_NEG] = "-",
	[OP_NOT] = "!",      [OP_INV] = "~",      [OP_DEREF] = "*",     [OP_ADDR] = "&",
	[OP_PRE_INC] = "++", [OP_PRE_DEC] = "--", [OP_POST_INC] = "++", [OP_POST_DEC] = "--",
};

const char *print_op(uint8_t op)
{
	return op < sizeof(op_texts) / sizeof(*op_texts) ? op_texts[op] : "?";
}

/* ---- types ---- */

void print_type(struct format *f, const struct type_expr *t)
{
	struct strbuf *out = f->out;

	if (t->form == TE_TYPEOF) {
		strbuf_puts(out, "typeof(");
		print_node(f, t->expr);
		strbuf_putc(out, ')');
	} else if (t->form == TE_TUPLE) {
		strbuf_putc(out, '(');
		for (const struct type_expr *e = t->elems; e; e = e->next) {
			print_type(f, e);
			if (e->next)
				strbuf_puts(out, ", ");
		}
		strbuf_putc(out, ')');
	} else {
		if (t->keyword)
			strbuf_puts(out, t->keyword == 's'   ? "struct "
					 : t->keyword == 'u' ? "union "
							     : "enum ");
		strbuf_add_str(out, t->name);
	}
	if (t->n_pointers)
		strbuf_putc(out, ' ');
	strbuf_fill(out, '*', t->n_pointers);
	for (uint8_t i = 0; i < t->n_dims; i++) {
		strbuf_putc(out, '[');
		if (t->dim_exprs[i])
			print_node(f, t->dim_exprs[i]);
		else if (t->dims[i] >= 0)
			strbuf_printf(out, "%lld", (long long)t->dims[i]);
		strbuf_putc(out, ']');
	}
	if (t->n_outer_pointers)
		strbuf_putc(out, ' ');
	strbuf_fill(out, '*', t->n_outer_pointers);
}

void type_expr_print(const struct type_expr *t, struct sources *sources, struct strbuf *out)
{
	struct format f = { .sources = sources, .out = out };

	print_type(&f, t);
}

/* ---- expressions ---- */

static void format_list(struct format *f, const struct node *items)
{
	for (const struct node *n = items; n; n = n->next) {
		print_node(f, n);
		if (n->next)
			strbuf_puts(f->out, ", ");
	}
}

/* literals as they were written, where the source is at hand */
static bool format_source_text(struct format *f, const struct node *n)
{
	struct str text;

	if (!f->sources)
		return false;
	text = span_text(f->sources, n->at);
	if (text.n == 0 || memchr(text.p, '\n', text.n))
		return false;
	strbuf_add_str(f->out, text);
	return true;
}

void print_string(struct format *f, struct str s)
{
	strbuf_putc(f->out, '"');
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c == '\n')
			strbuf_puts(f->out, "\\n");
		else if (c == '"' || c == '\\')
			strbuf_printf(f->out, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			strbuf_printf(f->out, "\\x%02x", c);
		else
			strbuf_putc(f->out, (char)c);
	}
	strbuf_putc(f->out, '"');
}

static void format_leaf(struct format *f, const struct node *n)
{
	struct strbuf *out = f->out;

	switch (n->kind) {
	case NODE_INT:
		if (!format_source_text(f, n))
			strbuf_printf(out, n->flags & NODE_F_UINT64 ? "%llu" : "%lld",
				      (long long)n->integer);
		break;
	case NODE_STRING:
		if (!format_source_text(f, n))
			print_string(f, n->string);
		break;
	case NODE_BOOL: strbuf_puts(out, n->integer ? "true" : "false"); break;
	case NODE_POSITIONAL:
		if (n->integer)
			strbuf_printf(out, "$%lld", (long long)n->integer);
		else
			strbuf_puts(out, "$#");
		break;
	case NODE_VAR: strbuf_printf(out, "$%.*s", STR_ARG(n->var.name)); break;
	default: /* NODE_IDENT */ strbuf_add_str(out, n->ident.name); break;
	}
}

static void format_map(struct format *f, const struct node *n)
{
	const struct node *key = n->map.key;

	strbuf_add_str(f->out, n->map.name);
	if (!key)
		return;
	strbuf_putc(f->out, '[');
	/* the tuple of several keys has the place of the map itself, a tuple written as the key does not */
	if (key->kind == NODE_TUPLE && key->at.start == n->at.start)
		format_list(f, key->list.items);
	else
		print_node(f, key);
	strbuf_putc(f->out, ']');
}

static void format_unary(struct format *f, const struct node *n)
{
	bool post = n->op == OP_POST_INC || n->op == OP_POST_DEC;
	const struct node *a = n->unary.a;

	if (post) {
		print_node(f, a);
		strbuf_puts(f->out, op_texts[n->op]);
		return;
	}
	strbuf_puts(f->out, op_texts[n->op]);
	/* "- -x" must not become "--x" */
	if (a->kind == NODE_UNARY && !(a->flags & NODE_F_PAREN) &&
	    op_texts[a->op][0] == op_texts[n->op][0] && a->op != OP_POST_INC &&
	    a->op != OP_POST_DEC && (n->op == OP_NEG || n->op == OP_ADDR))
		strbuf_putc(f->out, ' ');
	print_node(f, a);
}

static void format_ternary(struct format *f, const struct node *n)
{
	print_node(f, n->cond.cond);
	if (n->cond.then) {
		strbuf_puts(f->out, " ? ");
		print_node(f, n->cond.then);
		strbuf_puts(f->out, " : ");
	} else {
		strbuf_puts(f->out, " ?: ");
	}
	print_node(f, n->cond.other);
}

static void format_sizeof(struct format *f, const struct node *n)
{
	strbuf_puts(f->out, n->kind == NODE_SIZEOF     ? "sizeof("
			    : n->kind == NODE_TYPEINFO ? "typeinfo("
						       : "offsetof(");
	if (n->kind == NODE_OFFSETOF) {
		if (n->offsetof_.type)
			print_type(f, n->offsetof_.type);
		else
			print_node(f, n->offsetof_.expr);
		for (uint32_t i = 0; i < n->offsetof_.n_path; i++)
			strbuf_printf(f->out, "%s%.*s", i ? "." : ", ",
				      STR_ARG(n->offsetof_.path[i]));
	} else if (n->sizeof_.type) {
		print_type(f, n->sizeof_.type);
	} else {
		print_node(f, n->sizeof_.expr);
	}
	strbuf_putc(f->out, ')');
}

static void format_if(struct format *f, const struct node *n)
{
	strbuf_puts(f->out, "if (");
	print_node(f, n->cond.cond);
	strbuf_puts(f->out, ") ");
	print_block(f, n->cond.then);
	if (!n->cond.other)
		return;
	strbuf_puts(f->out, " else ");
	if (n->cond.other->kind == NODE_IF)
		format_if(f, n->cond.other);
	else
		print_block(f, n->cond.other);
}

static void format_inner(struct format *f, const struct node *n)
{
	struct strbuf *out = f->out;

	switch (n->kind) {
	case NODE_MAP: format_map(f, n); break;
	case NODE_CALL:
		strbuf_add_str(out, n->call.name);
		strbuf_putc(out, '(');
		format_list(f, n->call.args);
		strbuf_putc(out, ')');
		break;
	case NODE_UNARY: format_unary(f, n); break;
	case NODE_BINARY:
		print_node(f, n->binary.a);
		strbuf_printf(out, " %s ", op_texts[n->op]);
		print_node(f, n->binary.b);
		break;
	case NODE_TERNARY: format_ternary(f, n); break;
	case NODE_FIELD:
		print_node(f, n->field.a);
		strbuf_printf(out, "%s%.*s", n->flags & NODE_F_ARROW ? "->" : ".",
			      STR_ARG(n->field.name));
		break;
	case NODE_TUPLE_FIELD:
		print_node(f, n->field.a);
		strbuf_printf(out, ".%u", n->field.index);
		break;
	case NODE_INDEX:
		print_node(f, n->index.a);
		strbuf_putc(out, '[');
		print_node(f, n->index.i);
		strbuf_putc(out, ']');
		break;
	case NODE_CAST:
		if (n->cast.to) {
			strbuf_putc(out, '(');
			print_type(f, n->cast.to);
			strbuf_putc(out, ')');
		}
		print_node(f, n->cast.a);
		break;
	case NODE_SIZEOF:
	case NODE_TYPEINFO:
	case NODE_OFFSETOF: format_sizeof(f, n); break;
	case NODE_TYPE_VALUE:
		strbuf_puts(out, n->type_value->form == TE_TYPEOF ? "" : "typeof(");
		print_type(f, n->type_value);
		strbuf_puts(out, n->type_value->form == TE_TYPEOF ? "" : ")");
		break;
	case NODE_TUPLE:
	case NODE_RECORD:
		strbuf_putc(out, '(');
		format_list(f, n->list.items);
		strbuf_puts(out, n->kind == NODE_TUPLE && n->list.n == 1 ? ",)" : ")");
		break;
	case NODE_NAMED:
		strbuf_printf(out, "%.*s=", STR_ARG(n->named.name));
		print_node(f, n->named.value);
		break;
	case NODE_COMPTIME:
		strbuf_puts(out, "comptime ");
		print_node(f, n->unary.a);
		break;
	case NODE_IF: format_if(f, n); break;
	case NODE_BLOCK: print_block(f, n); break;
	default: format_leaf(f, n); break;
	}
}

void print_node(struct format *f, const struct node *n)
{
	if (n->flags & NODE_F_PAREN)
		strbuf_putc(f->out, '(');
	format_inner(f, n);
	if (n->flags & NODE_F_PAREN)
		strbuf_putc(f->out, ')');
}

void node_print(const struct node *n, struct sources *sources, struct strbuf *out)
{
	struct format f = { .sources = sources, .out = out };

	print_node(&f, n);
}
