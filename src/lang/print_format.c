/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A script laid out again, for --fmt: tabs for indentation, one statement on a line, one space around binary
 * operators, braces where they belong. Literals and attach points keep their spelling, one empty line between
 * statements is kept, and so is every comment: those inside a statement move in front of it, those behind one on its
 * line stay there.
 */
#include "lang/print_private.h"

#include "lang/parse.h"

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

		if (c.start >= f->last && !f->fresh && f->out->n &&
		    !source_breaks(f, f->last, c.start, 1)) {
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
		print_node(f, n->loop.cond);
	} else {
		strbuf_puts(f->out, "for (");
		print_node(f, n->for_.var);
		strbuf_puts(f->out, " : ");
		if (n->kind == NODE_FOR_MAP) {
			print_node(f, n->for_.map);
		} else {
			print_node(f, n->for_.from);
			strbuf_puts(f->out, "..");
			print_node(f, n->for_.to);
		}
	}
	strbuf_puts(f->out, ") ");
}

static void format_let(struct format *f, const struct node *n)
{
	strbuf_puts(f->out, "let ");
	print_node(f, n->let.var);
	if (n->let.type) {
		strbuf_puts(f->out, " : ");
		print_type(f, n->let.type);
	}
	if (n->let.value) {
		strbuf_puts(f->out, " = ");
		print_node(f, n->let.value);
	}
}

/* without indentation and end of line; true when a ';' belongs behind it */
static bool format_statement(struct format *f, const struct node *n)
{
	switch (n->kind) {
	case NODE_EXPR:
		if (n->flags & NODE_F_DISCARD)
			strbuf_puts(f->out, "_ = ");
		print_node(f, n->unary.a);
		return (n->flags & NODE_F_DISCARD) || (n->unary.a->flags & NODE_F_PAREN) ||
		       (n->unary.a->kind != NODE_IF && n->unary.a->kind != NODE_BLOCK);
	case NODE_ASSIGN:
		print_node(f, n->assign.target);
		strbuf_printf(f->out, " %s= ", print_op(n->op));
		print_node(f, n->assign.value);
		return true;
	case NODE_LET: format_let(f, n); return true;
	case NODE_WHILE:
	case NODE_UNROLL:
		format_loop_head(f, n);
		print_block(f, n->loop.body);
		return false;
	case NODE_FOR_MAP:
	case NODE_FOR_RANGE:
		format_loop_head(f, n);
		print_block(f, n->for_.body);
		return false;
	case NODE_BREAK:
	case NODE_CONTINUE:
		strbuf_puts(f->out, n->kind == NODE_BREAK ? "break" : "continue");
		return true;
	case NODE_RETURN:
		strbuf_puts(f->out, n->unary.a ? "return " : "return");
		if (n->unary.a)
			print_node(f, n->unary.a);
		return true;
	case NODE_IMPORT:
		strbuf_puts(f->out, "import ");
		print_string(f, n->string);
		return true;
	default: print_node(f, n); return true;
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
		print_node(f, n);
		semicolon = false;
	} else {
		semicolon = format_statement(f, n);
	}
	strbuf_puts(f->out, semicolon ? ";\n" : "\n");
	f->last = n->at.end;
}

void print_block(struct format *f, const struct node *n)
{
	bool has_comment = f->next_comment < f->n_comments &&
			   f->comments[f->next_comment].start < n->at.end;

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
		strbuf_printf(f->out, "%s%s%.*s", i ? ", " : "",
			      m->params[i].kind == MACRO_VAR ? "$" : "",
			      STR_ARG(m->params[i].name));
	strbuf_puts(f->out, ") ");
	print_block(f, m->body);
}

static void format_fn(struct format *f, const struct fn_def *fn)
{
	strbuf_printf(f->out, "fn %.*s(", STR_ARG(fn->name));
	for (uint32_t i = 0; i < fn->n_params; i++) {
		strbuf_printf(f->out, "%s$%.*s : ", i ? ", " : "", STR_ARG(fn->params[i].name));
		print_type(f, fn->params[i].type);
	}
	strbuf_putc(f->out, ')');
	if (fn->result) {
		strbuf_puts(f->out, " : ");
		print_type(f, fn->result);
	}
	strbuf_putc(f->out, ' ');
	print_block(f, fn->body);
}

static void format_clause(struct format *f, const struct clause *c)
{
	for (const struct attach_point *ap = c->points; ap; ap = ap->next) {
		strbuf_add_str(f->out, span_text(f->sources, ap->at));
		strbuf_puts(f->out, ap->next ? ",\n" : "");
	}
	if (c->predicate) {
		strbuf_puts(f->out, "\n/");
		print_node(f, c->predicate);
		strbuf_puts(f->out, "/\n");
	} else {
		strbuf_putc(f->out, ' ');
	}
	print_block(f, c->body);
}

static void format_item(struct format *f, const struct script *s, const struct item *item)
{
	switch (item->kind) {
	case ITEM_CONFIG: format_config(f, s); break;
	case ITEM_IMPORT:
		strbuf_puts(f->out, "import ");
		print_string(f, ((const struct import_decl *)item->p)->path);
		strbuf_putc(f->out, ';');
		break;
	case ITEM_MAP: {
		const struct map_decl *m = item->p;

		strbuf_printf(f->out, "let %.*s = %.*s(%lld);", STR_ARG(m->name), STR_ARG(m->kind),
			      (long long)m->max_entries);
		break;
	}
	case ITEM_MACRO: format_macro(f, item->p); break;
	case ITEM_FN: format_fn(f, item->p); break;
	case ITEM_CLAUSE: format_clause(f, item->p); break;
	}
}

/* where the block of an item begins: comments before it move in front of the item */
static uint32_t item_head_end(const struct script *s, const struct item *item)
{
	switch (item->kind) {
	case ITEM_CONFIG: return s->config ? item->at : s->config_at.end;
	case ITEM_MACRO: return ((const struct macro_def *)item->p)->body->at.start;
	case ITEM_FN: return ((const struct fn_def *)item->p)->body->at.start;
	case ITEM_CLAUSE: return ((const struct clause *)item->p)->body->at.start;
	default: return item->end;
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
	while (f->next_comment < f->n_comments &&
	       f->comments[f->next_comment].start < s->preamble_at.end)
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

void script_format(const struct script *s, struct sources *sources, uint16_t file,
		   struct lex_comments *comments, struct strbuf *out)
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
		add_item(&items, &n, &cap,
			 (struct item){ s->config_at.start, s->config_at.end, ITEM_CONFIG, NULL });
	for (const struct import_decl *d = s->imports; d; d = d->next)
		add_item(&items, &n, &cap, (struct item){ d->at.start, d->at.end, ITEM_IMPORT, d });
	for (const struct map_decl *m = s->maps; m; m = m->next)
		add_item(&items, &n, &cap, (struct item){ m->at.start, m->at.end, ITEM_MAP, m });
	for (const struct macro_def *m = s->macros; m; m = m->next)
		add_item(&items, &n, &cap,
			 (struct item){ m->at.start, m->body->at.end, ITEM_MACRO, m });
	for (const struct fn_def *fn = s->fns; fn; fn = fn->next)
		add_item(&items, &n, &cap,
			 (struct item){ fn->at.start, fn->body->at.end, ITEM_FN, fn });
	for (const struct clause *c = s->clauses; c; c = c->next)
		add_item(&items, &n, &cap,
			 (struct item){ c->at.start, c->body->at.end, ITEM_CLAUSE, c });
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

bool source_format(struct arena *arena, struct sources *sources, struct diag_list *diags,
		   uint16_t file, struct strbuf *out)
{
	struct lex_comments comments = { 0 };
	struct parse_opts opts = {
		.arena = arena, .sources = sources, .diags = diags, .comments = &comments
	};
	uint32_t before = diags->n_errors;
	struct script *s = script_parse(&opts, file);
	bool ok = diags->n_errors == before;

	if (ok)
		script_format(s, sources, file, &comments, out);
	free(comments.v);
	return ok;
}
