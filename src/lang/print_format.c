/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A script laid out again, for --fmt: tabs for indentation, one statement on a line, one space around binary
 * operators, braces where they belong. Literals and attach points keep their spelling, one empty line between
 * statements is kept, and so is every comment: those inside a statement move in front of it, those behind one on its
 * line stay there.
 */
#include "lang/print.h"

#include "lang/lex.h"
#include "lang/parse.h"

struct format {
	struct sources *sources;
	struct str text; /* of the file */
	struct strbuf *out;
	int depth;
	struct span *comments;
	size_t n_comments, next_comment;
	uint32_t last;   /* source position behind what was printed last */
	bool fresh;      /* nothing in this block yet: no empty line before what comes */
};

static const char *const op_texts[] = {
	[OP_NONE] = "",	 [OP_ADD] = "+",  [OP_SUB] = "-",  [OP_MUL] = "*",    [OP_DIV] = "/",	  [OP_MOD] = "%",
	[OP_AND] = "&",	 [OP_OR] = "|",	  [OP_XOR] = "^",  [OP_SHL] = "<<",   [OP_SHR] = ">>",	  [OP_LAND] = "&&",
	[OP_LOR] = "||", [OP_EQ] = "==",  [OP_NE] = "!=",  [OP_LT] = "<",     [OP_LE] = "<=",	  [OP_GT] = ">",
	[OP_GE] = ">=",	 [OP_NEG] = "-",  [OP_NOT] = "!",  [OP_INV] = "~",    [OP_DEREF] = "*",	  [OP_ADDR] = "&",
	[OP_PRE_INC] = "++", [OP_PRE_DEC] = "--", [OP_POST_INC] = "++", [OP_POST_DEC] = "--",
};

static void format_node(struct format *f, const struct node *n);
static void format_block(struct format *f, const struct node *n);

/* ---- types ---- */

static void format_type(struct format *f, const struct type_expr *t)
{
	struct strbuf *out = f->out;

	if (t->form == TE_TYPEOF) {
		strbuf_puts(out, "typeof(");
		format_node(f, t->expr);
		strbuf_putc(out, ')');
	} else if (t->form == TE_TUPLE) {
		strbuf_putc(out, '(');
		for (const struct type_expr *e = t->elems; e; e = e->next) {
			format_type(f, e);
			if (e->next)
				strbuf_puts(out, ", ");
		}
		strbuf_putc(out, ')');
	} else {
		if (t->keyword)
			strbuf_puts(out, t->keyword == 's' ? "struct " : t->keyword == 'u' ? "union " : "enum ");
		strbuf_add_str(out, t->name);
	}
	if (t->n_pointers)
		strbuf_putc(out, ' ');
	strbuf_fill(out, '*', t->n_pointers);
	for (uint8_t i = 0; i < t->n_dims; i++) {
		strbuf_putc(out, '[');
		if (t->dim_exprs[i])
			format_node(f, t->dim_exprs[i]);
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

	format_type(&f, t);
}

/* ---- expressions ---- */

static void format_list(struct format *f, const struct node *items)
{
	for (const struct node *n = items; n; n = n->next) {
		format_node(f, n);
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

static void format_string(struct format *f, struct str s)
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
			strbuf_printf(out, n->flags & NODE_F_UINT64 ? "%llu" : "%lld", (long long)n->integer);
		break;
	case NODE_STRING:
		if (!format_source_text(f, n))
			format_string(f, n->string);
		break;
	case NODE_BOOL:
		strbuf_puts(out, n->integer ? "true" : "false");
		break;
	case NODE_POSITIONAL:
		if (n->integer)
			strbuf_printf(out, "$%lld", (long long)n->integer);
		else
			strbuf_puts(out, "$#");
		break;
	case NODE_VAR:
		strbuf_printf(out, "$%.*s", STR_ARG(n->var.name));
		break;
	default: /* NODE_IDENT */
		strbuf_add_str(out, n->ident.name);
		break;
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
		format_node(f, key);
	strbuf_putc(f->out, ']');
}

static void format_unary(struct format *f, const struct node *n)
{
	bool post = n->op == OP_POST_INC || n->op == OP_POST_DEC;
	const struct node *a = n->unary.a;

	if (post) {
		format_node(f, a);
		strbuf_puts(f->out, op_texts[n->op]);
		return;
	}
	strbuf_puts(f->out, op_texts[n->op]);
	/* "- -x" must not become "--x" */
	if (a->kind == NODE_UNARY && !(a->flags & NODE_F_PAREN) && op_texts[a->op][0] == op_texts[n->op][0] &&
	    a->op != OP_POST_INC && a->op != OP_POST_DEC && (n->op == OP_NEG || n->op == OP_ADDR))
		strbuf_putc(f->out, ' ');
	format_node(f, a);
}

static void format_ternary(struct format *f, const struct node *n)
{
	format_node(f, n->cond.cond);
	if (n->cond.then) {
		strbuf_puts(f->out, " ? ");
		format_node(f, n->cond.then);
		strbuf_puts(f->out, " : ");
	} else {
		strbuf_puts(f->out, " ?: ");
	}
	format_node(f, n->cond.other);
}

static void format_sizeof(struct format *f, const struct node *n)
{
	strbuf_puts(f->out, n->kind == NODE_SIZEOF ? "sizeof(" : n->kind == NODE_TYPEINFO ? "typeinfo(" : "offsetof(");
	if (n->kind == NODE_OFFSETOF) {
		if (n->offsetof_.type)
			format_type(f, n->offsetof_.type);
		else
			format_node(f, n->offsetof_.expr);
		for (uint32_t i = 0; i < n->offsetof_.n_path; i++)
			strbuf_printf(f->out, "%s%.*s", i ? "." : ", ", STR_ARG(n->offsetof_.path[i]));
	} else if (n->sizeof_.type) {
		format_type(f, n->sizeof_.type);
	} else {
		format_node(f, n->sizeof_.expr);
	}
	strbuf_putc(f->out, ')');
}

static void format_if(struct format *f, const struct node *n)
{
	strbuf_puts(f->out, "if (");
	format_node(f, n->cond.cond);
	strbuf_puts(f->out, ") ");
	format_block(f, n->cond.then);
	if (!n->cond.other)
		return;
	strbuf_puts(f->out, " else ");
	if (n->cond.other->kind == NODE_IF)
		format_if(f, n->cond.other);
	else
		format_block(f, n->cond.other);
}

static void format_inner(struct format *f, const struct node *n)
{
	struct strbuf *out = f->out;

	switch (n->kind) {
	case NODE_MAP:
		format_map(f, n);
		break;
	case NODE_CALL:
		strbuf_add_str(out, n->call.name);
		strbuf_putc(out, '(');
		format_list(f, n->call.args);
		strbuf_putc(out, ')');
		break;
	case NODE_UNARY:
		format_unary(f, n);
		break;
	case NODE_BINARY:
		format_node(f, n->binary.a);
		strbuf_printf(out, " %s ", op_texts[n->op]);
		format_node(f, n->binary.b);
		break;
	case NODE_TERNARY:
		format_ternary(f, n);
		break;
	case NODE_FIELD:
		format_node(f, n->field.a);
		strbuf_printf(out, "%s%.*s", n->flags & NODE_F_ARROW ? "->" : ".", STR_ARG(n->field.name));
		break;
	case NODE_TUPLE_FIELD:
		format_node(f, n->field.a);
		strbuf_printf(out, ".%u", n->field.index);
		break;
	case NODE_INDEX:
		format_node(f, n->index.a);
		strbuf_putc(out, '[');
		format_node(f, n->index.i);
		strbuf_putc(out, ']');
		break;
	case NODE_CAST:
		if (n->cast.to) {
			strbuf_putc(out, '(');
			format_type(f, n->cast.to);
			strbuf_putc(out, ')');
		}
		format_node(f, n->cast.a);
		break;
	case NODE_SIZEOF:
	case NODE_TYPEINFO:
	case NODE_OFFSETOF:
		format_sizeof(f, n);
		break;
	case NODE_TYPE_VALUE:
		strbuf_puts(out, n->type_value->form == TE_TYPEOF ? "" : "typeof(");
		format_type(f, n->type_value);
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
		format_node(f, n->named.value);
		break;
	case NODE_COMPTIME:
		strbuf_puts(out, "comptime ");
		format_node(f, n->unary.a);
		break;
	case NODE_IF:
		format_if(f, n);
		break;
	case NODE_BLOCK:
		format_block(f, n);
		break;
	default:
		format_leaf(f, n);
		break;
	}
}

static void format_node(struct format *f, const struct node *n)
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

	format_node(&f, n);
}

/* ---- lines and comments ---- */

static void indent(struct format *f)
{
	strbuf_fill(f->out, '\t', (size_t)f->depth);
}

/* is there an empty line (or, for lines == 1, any end of line) in the source between two places? */
static bool source_breaks(const struct format *f, uint32_t from, uint32_t to, int lines)
{
	for (uint32_t i = from; i < to && i < f->text.n; i++)
		if (f->text.p[i] == '\n' && --lines == 0)
			return true;
	return false;
}

/* the empty line that the source has before `at`, at most one, none at the begin of a block */
static void keep_empty_line(struct format *f, uint32_t at)
{
	if (!f->fresh && source_breaks(f, f->last, at, 2))
		strbuf_putc(f->out, '\n');
	f->fresh = false;
}

/* all comments before `before`; the output stands at the begin of a line */
static void flush_comments(struct format *f, uint32_t before)
{
	while (f->next_comment < f->n_comments && f->comments[f->next_comment].start < before) {
		struct span c = f->comments[f->next_comment++];
		struct str text = str_trim(span_text(f->sources, c));

		if (c.start >= f->last && !f->fresh && f->out->n && !source_breaks(f, f->last, c.start, 1)) {
			/* on the line of what was printed last: back to it */
			f->out->n--;
			strbuf_putc(f->out, ' ');
		} else {
			if (c.start >= f->last)
				keep_empty_line(f, c.start);
			indent(f);
		}
		strbuf_add_str(f->out, text);
		strbuf_putc(f->out, '\n');
		f->fresh = false;
		if (c.end > f->last)
			f->last = c.end;
	}
}

/* ---- statements ---- */

static void format_loop_head(struct format *f, const struct node *n)
{
	if (n->kind == NODE_WHILE || n->kind == NODE_UNROLL) {
		strbuf_puts(f->out, n->kind == NODE_WHILE ? "while (" : "unroll (");
		format_node(f, n->loop.cond);
	} else {
		strbuf_puts(f->out, "for (");
		format_node(f, n->for_.var);
		strbuf_puts(f->out, " : ");
		if (n->kind == NODE_FOR_MAP) {
			format_node(f, n->for_.map);
		} else {
			format_node(f, n->for_.from);
			strbuf_puts(f->out, "..");
			format_node(f, n->for_.to);
		}
	}
	strbuf_puts(f->out, ") ");
}

static void format_let(struct format *f, const struct node *n)
{
	strbuf_puts(f->out, "let ");
	format_node(f, n->let.var);
	if (n->let.type) {
		strbuf_puts(f->out, " : ");
		format_type(f, n->let.type);
	}
	if (n->let.value) {
		strbuf_puts(f->out, " = ");
		format_node(f, n->let.value);
	}
}

/* without indentation and end of line; true when a ';' belongs behind it */
static bool format_statement(struct format *f, const struct node *n)
{
	switch (n->kind) {
	case NODE_EXPR:
		if (n->flags & NODE_F_DISCARD)
			strbuf_puts(f->out, "_ = ");
		format_node(f, n->unary.a);
		return (n->flags & NODE_F_DISCARD) || (n->unary.a->flags & NODE_F_PAREN) ||
		       (n->unary.a->kind != NODE_IF && n->unary.a->kind != NODE_BLOCK);
	case NODE_ASSIGN:
		format_node(f, n->assign.target);
		strbuf_printf(f->out, " %s= ", op_texts[n->op]);
		format_node(f, n->assign.value);
		return true;
	case NODE_LET:
		format_let(f, n);
		return true;
	case NODE_WHILE:
	case NODE_UNROLL:
		format_loop_head(f, n);
		format_block(f, n->loop.body);
		return false;
	case NODE_FOR_MAP:
	case NODE_FOR_RANGE:
		format_loop_head(f, n);
		format_block(f, n->for_.body);
		return false;
	case NODE_BREAK:
	case NODE_CONTINUE:
		strbuf_puts(f->out, n->kind == NODE_BREAK ? "break" : "continue");
		return true;
	case NODE_RETURN:
		strbuf_puts(f->out, n->unary.a ? "return " : "return");
		if (n->unary.a)
			format_node(f, n->unary.a);
		return true;
	case NODE_IMPORT:
		strbuf_puts(f->out, "import ");
		format_string(f, n->string);
		return true;
	default:
		format_node(f, n);
		return true;
	}
}

struct first_block {
	uint32_t at;
};

static bool find_first_block(void *arg, struct node *n)
{
	struct first_block *b = arg;

	if (n->kind == NODE_BLOCK && n->at.start < b->at)
		b->at = n->at.start;
	return n->kind != NODE_BLOCK;
}

/* comments in front of a statement, and those inside it up to its first block */
static void format_line_start(struct format *f, const struct node *n)
{
	struct first_block b = { n->at.end };

	node_walk((struct node *)n, find_first_block, &b);
	flush_comments(f, n->at.start);
	keep_empty_line(f, n->at.start);
	if (f->last < n->at.start)
		f->last = n->at.start;
	f->fresh = true; /* no empty lines between the comments that move out of the statement */
	flush_comments(f, b.at);
	f->fresh = false;
	indent(f);
}

static void format_line(struct format *f, const struct node *n, bool is_value)
{
	bool semicolon;

	format_line_start(f, n);
	if (is_value) {
		format_node(f, n);
		semicolon = false;
	} else {
		semicolon = format_statement(f, n);
	}
	strbuf_puts(f->out, semicolon ? ";\n" : "\n");
	f->last = n->at.end;
}

static void format_block(struct format *f, const struct node *n)
{
	bool has_comment = f->next_comment < f->n_comments && f->comments[f->next_comment].start < n->at.end;

	if (!n->block.stmts && !n->block.value && !has_comment) {
		strbuf_puts(f->out, "{}");
		f->last = n->at.end;
		return;
	}
	strbuf_puts(f->out, "{\n");
	f->depth++;
	f->fresh = true;
	if (f->last < n->at.start + 1)
		f->last = n->at.start + 1;
	for (const struct node *s = n->block.stmts; s; s = s->next)
		format_line(f, s, false);
	if (n->block.value)
		format_line(f, n->block.value, true);
	if (f->sources)
		flush_comments(f, n->at.end);
	f->depth--;
	f->fresh = false;
	indent(f);
	strbuf_putc(f->out, '}');
	f->last = n->at.end;
}

/* ---- the parts of a script, in the order of the source ---- */

/* every root item, so that they can be printed in the order they were written */
struct item {
	uint32_t at, end;
	enum { ITEM_IMPORT, ITEM_CONFIG, ITEM_MAP, ITEM_MACRO, ITEM_FN, ITEM_CLAUSE } kind;
	const void *p;
};

static int compare_items(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	return x->at < y->at ? -1 : x->at > y->at;
}

static int compare_spans(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static void format_config(struct format *f, const struct script *s)
{
	strbuf_puts(f->out, "config = {\n");
	f->depth++;
	f->fresh = true;
	for (const struct config_item *c = s->config; c; c = c->next) {
		flush_comments(f, c->at.start);
		keep_empty_line(f, c->at.start);
		flush_comments(f, c->at.end);
		indent(f);
		strbuf_printf(f->out, "%.*s = ", STR_ARG(c->key));
		strbuf_add_str(f->out, span_text(f->sources, c->value_at));
		strbuf_puts(f->out, ";\n");
		f->last = c->at.end;
	}
	flush_comments(f, s->config_at.end);
	f->depth--;
	strbuf_putc(f->out, '}');
}

static void format_macro(struct format *f, const struct macro_def *m)
{
	strbuf_printf(f->out, "macro %.*s(", STR_ARG(m->name));
	for (uint32_t i = 0; i < m->n_params; i++)
		strbuf_printf(f->out, "%s%s%.*s", i ? ", " : "", m->params[i].kind == MACRO_VAR ? "$" : "",
			      STR_ARG(m->params[i].name));
	strbuf_puts(f->out, ") ");
	format_block(f, m->body);
}

static void format_fn(struct format *f, const struct fn_def *fn)
{
	strbuf_printf(f->out, "fn %.*s(", STR_ARG(fn->name));
	for (uint32_t i = 0; i < fn->n_params; i++) {
		strbuf_printf(f->out, "%s$%.*s : ", i ? ", " : "", STR_ARG(fn->params[i].name));
		format_type(f, fn->params[i].type);
	}
	strbuf_putc(f->out, ')');
	if (fn->result) {
		strbuf_puts(f->out, " : ");
		format_type(f, fn->result);
	}
	strbuf_putc(f->out, ' ');
	format_block(f, fn->body);
}

static void format_clause(struct format *f, const struct clause *c)
{
	for (const struct attach_point *ap = c->points; ap; ap = ap->next) {
		strbuf_add_str(f->out, span_text(f->sources, ap->at));
		strbuf_puts(f->out, ap->next ? ",\n" : "");
	}
	if (c->predicate) {
		strbuf_puts(f->out, "\n/");
		format_node(f, c->predicate);
		strbuf_puts(f->out, "/\n");
	} else {
		strbuf_putc(f->out, ' ');
	}
	format_block(f, c->body);
}

static void format_item(struct format *f, const struct script *s, const struct item *item)
{
	switch (item->kind) {
	case ITEM_CONFIG:
		format_config(f, s);
		break;
	case ITEM_IMPORT:
		strbuf_puts(f->out, "import ");
		format_string(f, ((const struct import_decl *)item->p)->path);
		strbuf_putc(f->out, ';');
		break;
	case ITEM_MAP: {
		const struct map_decl *m = item->p;

		strbuf_printf(f->out, "let %.*s = %.*s(%lld);", STR_ARG(m->name), STR_ARG(m->kind),
			      (long long)m->max_entries);
		break;
	}
	case ITEM_MACRO:
		format_macro(f, item->p);
		break;
	case ITEM_FN:
		format_fn(f, item->p);
		break;
	case ITEM_CLAUSE:
		format_clause(f, item->p);
		break;
	}
}

/* where the block of an item begins: comments before it move in front of the item */
static uint32_t item_head_end(const struct script *s, const struct item *item)
{
	switch (item->kind) {
	case ITEM_CONFIG:
		return s->config ? item->at : s->config_at.end;
	case ITEM_MACRO:
		return ((const struct macro_def *)item->p)->body->at.start;
	case ITEM_FN:
		return ((const struct fn_def *)item->p)->body->at.start;
	case ITEM_CLAUSE:
		return ((const struct clause *)item->p)->body->at.start;
	default:
		return item->end;
	}
}

static void format_preamble(struct format *f, const struct script *s)
{
	struct str text = str_trim(s->preamble);

	/* comments inside it are part of its text */
	flush_comments(f, s->preamble_at.start);
	if (text.n == 0)
		return;
	keep_empty_line(f, s->preamble_at.start);
	while (f->next_comment < f->n_comments && f->comments[f->next_comment].start < s->preamble_at.end)
		f->next_comment++;
	strbuf_add_str(f->out, text);
	strbuf_putc(f->out, '\n');
	f->last = s->preamble_at.end;
	while (f->last > 0 && f->text.p[f->last - 1] == '\n')
		f->last--; /* the end of its last line counts for the empty line behind it */
}

static void add_item(struct item **items, size_t *n, size_t *cap, struct item item)
{
	vec_grow((void **)items, cap, *n + 1, sizeof(**items));
	(*items)[(*n)++] = item;
}

void script_format(const struct script *s, struct sources *sources, uint16_t file, struct lex_comments *comments,
		   struct strbuf *out)
{
	struct format f = { .sources = sources, .out = out, .fresh = true };
	struct item *items = NULL;
	size_t n = 0, cap = 0, kept = 0;

	f.text = sources->files.v[file].text;
	if (comments->n)
		qsort(comments->v, comments->n, sizeof(*comments->v), compare_spans);
	for (size_t i = 0; i < comments->n; i++)
		if (kept == 0 || comments->v[i].start != comments->v[kept - 1].start)
			comments->v[kept++] = comments->v[i];
	f.comments = comments->v;
	f.n_comments = comments->n = kept;

	if (s->has_config)
		add_item(&items, &n, &cap, (struct item){ s->config_at.start, s->config_at.end, ITEM_CONFIG, NULL });
	for (const struct import_decl *d = s->imports; d; d = d->next)
		add_item(&items, &n, &cap, (struct item){ d->at.start, d->at.end, ITEM_IMPORT, d });
	for (const struct map_decl *m = s->maps; m; m = m->next)
		add_item(&items, &n, &cap, (struct item){ m->at.start, m->at.end, ITEM_MAP, m });
	for (const struct macro_def *m = s->macros; m; m = m->next)
		add_item(&items, &n, &cap, (struct item){ m->at.start, m->body->at.end, ITEM_MACRO, m });
	for (const struct fn_def *fn = s->fns; fn; fn = fn->next)
		add_item(&items, &n, &cap, (struct item){ fn->at.start, fn->body->at.end, ITEM_FN, fn });
	for (const struct clause *c = s->clauses; c; c = c->next)
		add_item(&items, &n, &cap, (struct item){ c->at.start, c->body->at.end, ITEM_CLAUSE, c });
	if (n)
		qsort(items, n, sizeof(*items), compare_items);

	if (str_starts(f.text, STR("#!"))) {
		ptrdiff_t end = str_find_char(f.text, '\n', 0);

		f.last = end < 0 ? (uint32_t)f.text.n : (uint32_t)end;
		strbuf_add_str(out, str_sub(f.text, 0, f.last));
		strbuf_putc(out, '\n');
		f.fresh = false;
	}
	format_preamble(&f, s);
	for (size_t i = 0; i < n; i++) {
		flush_comments(&f, items[i].at);
		keep_empty_line(&f, items[i].at);
		if (f.last < items[i].at)
			f.last = items[i].at;
		f.fresh = true;
		flush_comments(&f, item_head_end(s, &items[i]));
		format_item(&f, s, &items[i]);
		strbuf_putc(out, '\n');
		f.last = items[i].end;
		f.fresh = false;
	}
	flush_comments(&f, UINT32_MAX);
	free(items);
}

bool source_format(struct arena *arena, struct sources *sources, struct diag_list *diags, uint16_t file,
		   struct strbuf *out)
{
	struct lex_comments comments = { 0 };
	struct parse_opts opts = { .arena = arena, .sources = sources, .diags = diags, .comments = &comments };
	uint32_t before = diags->n_errors;
	struct script *s = script_parse(&opts, file);
	bool ok = diags->n_errors == before;

	if (ok)
		script_format(s, sources, file, &comments, out);
	free(comments.v);
	return ok;
}
