/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parser's machinery: tokens ahead, faults and getting on after them, limits; and the order of the parts of a
 * script. The productions are in the parse_*.c beside this file.
 */
#include "lang/parse_private.h"

#include "lang/cpp.h"

static void parser_init(struct parser *p, const struct parse_opts *opts, uint16_t file)
{
	*p = (struct parser){ .o = opts, .arena = opts->arena, .diags = opts->diags };
	lexer_init(&p->lex, opts->arena, opts->sources, file);
	p->lex.comments = opts->comments;
	p->last.file = file;
}

static void parser_free(struct parser *p)
{
	vec_free(&p->ahead);
}

/* ---- tokens ---- */

/* a member name is not a use of a define, even when it is spelled the same */
static bool follows_dot(const struct parser *p, uint32_t start)
{
	struct str before = str_sub(p->lex.text, 0, start);

	while (before.n && lex_is_space(before.p[before.n - 1]))
		before.n--;
	return str_ends(before, STR("->")) ||
	       (str_ends(before, STR(".")) && !str_ends(before, STR("..")));
}

/* the arguments of a function-like define, from the text; false when no '(' follows */
static bool fetch_arguments(struct parser *p, struct cpp_tokens *args)
{
	uint32_t pos = p->lex.pos;
	struct token t = lex_next(&p->lex);
	unsigned depth = 0;

	if (t.kind != TOKEN_LPAREN) {
		p->lex.pos = pos;
		return false;
	}
	for (;;) {
		vec_push(args, t);
		if (t.kind == TOKEN_LPAREN)
			depth++;
		if (t.kind == TOKEN_END || (t.kind == TOKEN_RPAREN && --depth == 0))
			return true;
		t = lex_next(&p->lex);
	}
}

/* one more token at the end of .ahead, or all those that a define stands for (which may be none) */
static void fetch(struct parser *p)
{
	uint32_t from = p->lex.pos;
	struct token t = lex_next(&p->lex);
	struct cpp_tokens args = { 0 };
	const struct cpp_define *def = NULL;

	if (p->head == p->ahead.n) {
		p->head = p->ahead.n = 0;
		p->ahead_from = from;
	}
	if (t.kind == TOKEN_NAME && p->o->cpp)
		def = cpp_find_define(p->o->cpp, t.name);
	if (!def || follows_dot(p, t.at.start)) {
		vec_push(&p->ahead, t);
		return;
	}
	if (def->is_function && !fetch_arguments(p, &args)) {
		vec_push(&p->ahead, t);
		return;
	}
	t.at.end = p->lex.pos > t.at.end ? p->lex.pos : t.at.end;
	{
		struct cpp_tokens out = { 0 };

		cpp_expand(p->o->cpp, def, &t, &args, &out);
		for (size_t i = 0; i < out.n; i++)
			vec_push(&p->ahead, out.v[i]);
		vec_free(&out);
	}
	vec_free(&args);
}

const struct token *parser_peek(struct parser *p, size_t n)
{
	while (p->ahead.n - p->head <= n)
		fetch(p);
	return &p->ahead.v[p->head + n];
}

struct token parser_take(struct parser *p)
{
	struct token t = *parser_peek(p, 0);

	if (t.kind == TOKEN_END)
		return t; /* never taken: whoever looks again sees it again */
	if (t.error.n && !p->panic)
		token_report(&t, p->diags);
	if (t.kind == TOKEN_STRING && t.error.n && t.error_code == D_LEX_UNTERMINATED) {
		/* it swallowed the rest of its line: what would be missed now, it holds */
		p->panic = true;
		p->swallowed = p->line_lost = true;
	}
	p->head++;
	if (p->head < p->ahead.n)
		p->ahead_from = p->ahead.v[p->head].at.start;
	p->last = t.at;
	return t;
}

/* forget the tokens looked at: lex.pos is where the text goes on */
static void parser_rewind(struct parser *p)
{
	if (p->head < p->ahead.n)
		p->lex.pos = p->ahead_from;
	p->head = p->ahead.n = 0;
}

bool parser_at(struct parser *p, enum token_kind kind)
{
	return parser_peek(p, 0)->kind == kind;
}

bool parser_at_word(struct parser *p, const char *word)
{
	return token_is(parser_peek(p, 0), word);
}

bool parser_accept(struct parser *p, enum token_kind kind)
{
	if (!parser_at(p, kind))
		return false;
	parser_take(p);
	return true;
}

bool parser_expect(struct parser *p, enum token_kind kind, const char *where)
{
	if (parser_accept(p, kind))
		return true;
	if (!p->panic) {
		struct str what = arena_printf(p->arena, "%s%s%s", token_kind_words(kind),
					       *where ? " " : "", where);

		parser_error_expected(p, what.p);
	}
	return false;
}

/* ---- faults ---- */

struct diag *parser_error(struct parser *p, enum diag_code code, struct span at, const char *fmt,
			  ...)
{
	struct str msg;
	va_list ap;

	if (p->panic)
		return NULL;
	p->panic = true;
	va_start(ap, fmt);
	msg = arena_vprintf(p->arena, fmt, ap);
	va_end(ap);
	return diag_error(p->diags, code, at, "%.*s", STR_ARG(msg));
}

struct diag *parser_error_expected(struct parser *p, const char *what)
{
	struct token t = *parser_peek(p, 0);
	struct str found;

	if (p->panic)
		return NULL;
	/* a character that is in no token: that is the fault, not what was expected instead of it */
	if (t.error.n && (t.kind == TOKEN_BAD || t.kind == TOKEN_END)) {
		p->panic = true;
		if (t.kind == TOKEN_BAD || !p->comment_reported)
			token_report(&t, p->diags);
		p->comment_reported |= t.kind == TOKEN_END;
		return NULL;
	}
	found = token_describe(p->arena, &t);
	return parser_error(p, D_PARSE_UNEXPECTED, t.at, "expected %s, found %.*s", what,
			    STR_ARG(found));
}

void parser_sync_statement(struct parser *p)
{
	unsigned depth = 0;

	p->panic = true; /* tokens that are passed over are not reported */
	for (;;) {
		enum token_kind kind = parser_peek(p, 0)->kind;

		if (kind == TOKEN_END || (kind == TOKEN_RBRACE && depth == 0))
			break;
		/* the ';' went with a string: the next line is a new statement */
		if (p->line_lost && parser_peek(p, 0)->at_line_start)
			break;
		parser_take(p);
		if (kind == TOKEN_LBRACE)
			depth++;
		else if (kind == TOKEN_RBRACE && --depth == 0 && !parser_at(p, TOKEN_RPAREN) &&
			 !parser_at_word(p, "else"))
			break; /* a whole block was passed: most likely the end of the statement */
		else if (kind == TOKEN_SEMICOLON && depth == 0)
			break;
	}
	p->panic = p->line_lost = false;
}

void parser_sync_clause(struct parser *p)
{
	unsigned depth = 0;

	p->panic = true;
	for (;;) {
		enum token_kind kind = parser_peek(p, 0)->kind;

		if (kind == TOKEN_END)
			break;
		parser_take(p);
		if (kind == TOKEN_LBRACE)
			depth++;
		else if (kind == TOKEN_RBRACE && (depth == 0 || --depth == 0))
			break;
	}
	p->panic = false;
	parser_rewind(p);
}

/* ---- limits, nodes ---- */

bool parser_enter(struct parser *p)
{
	if (p->depth >= PARSE_MAX_DEPTH) {
		parser_error(p, D_PARSE_TOO_DEEP, parser_peek(p, 0)->at,
			     "expressions and blocks are nested too deep");
		return false;
	}
	p->depth++;
	return true;
}

void parser_leave(struct parser *p)
{
	p->depth--;
}

struct node *parser_node(struct parser *p, enum node_kind kind, struct span start)
{
	return node_new(p->arena, kind, span_join(start, p->last));
}

struct node *parser_placeholder(struct parser *p)
{
	return node_new(p->arena, NODE_INT, parser_peek(p, 0)->at);
}

/* ---- the whole script ---- */

/* the word at lex.pos, behind layout; empty when there is none */
static struct str root_word(struct parser *p)
{
	uint32_t end = p->lex.pos;

	while (end < p->lex.text.n && lex_is_name_char(p->lex.text.p[end]))
		end++;
	return str_sub(p->lex.text, p->lex.pos, end);
}

static void skip_layout(struct parser *p)
{
	bool line_start = false;

	lex_skip_layout(&p->lex, &line_start);
}

static void skip_shebang(struct parser *p)
{
	if (str_starts(str_sub(p->lex.text, p->lex.pos, p->lex.text.n), STR("#!"))) {
		ptrdiff_t end = str_find_char(p->lex.text, '\n', p->lex.pos);

		p->lex.pos = end < 0 ? (uint32_t)p->lex.text.n : (uint32_t)end + 1;
	}
}

/* C text at the top: cut out, given to the preprocessor */
static void parse_preamble(struct parser *p)
{
	struct script *s = p->script;

	s->preamble_at = (struct span){ p->lex.pos, p->lex.pos, p->lex.file, 0 };
	if (!parser_at_c_text(p))
		return;
	s->preamble_at = parser_cut_c_text(p);
	s->preamble = span_text(p->o->sources, s->preamble_at);
	if (p->o->cpp)
		cpp_feed(p->o->cpp, s->preamble_at);
}

struct root_tails {
	struct clause **clauses;
	struct macro_def **macros;
	struct fn_def **fns;
	struct map_decl **maps;
	struct config_item **config;
	struct import_decl **imports;
};

/*
 * item: config | import | clause | macro | fn | map declaration
 * A config block or an import behind the first of the others is a fault, and parsed all the same.
 */
static void parse_root_item(struct parser *p, struct root_tails *t, bool *main_part)
{
	struct str word = root_word(p);
	struct span at = { p->lex.pos, p->lex.pos + (uint32_t)word.n, p->lex.file, 0 };

	if (str_starts(str_sub(p->lex.text, p->lex.pos, p->lex.text.n), STR("}"))) {
		at.end++;
		parser_error(p, D_PARSE_UNEXPECTED, at, "'}' without '{'");
		p->lex.pos++;
	} else if (parser_at_c_text(p)) {
		at = parser_cut_c_text(p);
		parser_error(p, D_PARSE_ORDER, at,
			     "C definitions must stand at the top of the script, before config, "
			     "probes and functions");
	} else if (str_is(word, "config")) {
		if (*main_part)
			parser_error(p, D_PARSE_ORDER, at,
				     "config must appear before probes, macros and functions");
		else if (p->script->has_config)
			parser_error(p, D_PARSE_DUPLICATE, at,
				     "there may be only one config block");
		p->panic = false;
		parse_config(p, &t->config);
	} else if (str_is(word, "import")) {
		if (*main_part)
			parser_error(p, D_PARSE_ORDER, at,
				     "imports must appear before probes, macros and functions");
		p->panic = false;
		parse_import(p, &t->imports);
	} else {
		*main_part = true;
		if (str_is(word, "macro"))
			parse_macro(p, &t->macros);
		else if (str_is(word, "fn"))
			parse_fn(p, &t->fns);
		else if (str_is(word, "let"))
			parse_map_decl(p, &t->maps);
		else
			parse_clause(p, &t->clauses);
	}
	parser_rewind(p);
	p->panic = false;
}

/* script: shebang? C-text? item* */
struct script *script_parse(const struct parse_opts *opts, uint16_t file)
{
	struct script *s = arena_new(opts->arena, struct script);
	struct root_tails tails = { &s->clauses, &s->macros, &s->fns,
				    &s->maps,    &s->config, &s->imports };
	bool main_part = false;
	struct parser p;

	parser_init(&p, opts, file);
	p.script = s;
	skip_layout(&p);
	skip_shebang(&p);
	skip_layout(&p);
	parse_preamble(&p);
	for (;;) {
		uint32_t from;

		skip_layout(&p);
		from = p.lex.pos;
		if (from >= p.lex.text.n)
			break;
		parse_root_item(&p, &tails, &main_part);
		if (p.lex.pos == from) {
			/* nothing fits here: one stray character, so that the loop ends */
			diag_error(p.diags, D_PARSE_UNEXPECTED,
				   (struct span){ from, from + 1, file, 0 },
				   "expected a probe, found '%c'", p.lex.text.p[from]);
			p.lex.pos++;
		}
	}
	if (p.lex.open_comment && !p.comment_reported)
		diag_error(p.diags, D_LEX_UNTERMINATED,
			   (struct span){ p.lex.open_comment - 1, p.lex.open_comment + 1, file, 0 },
			   "comment without closing '*/'");
	parser_free(&p);
	return s;
}

struct node *expr_parse(const struct parse_opts *opts, uint16_t file)
{
	uint32_t before = opts->diags->n_errors;
	struct parser p;
	struct node *n;

	parser_init(&p, opts, file);
	n = parse_expr(&p);
	if (!parser_at(&p, TOKEN_END))
		parser_error_expected(&p, "nothing more behind the expression");
	parser_free(&p);
	return opts->diags->n_errors > before ? NULL : n;
}

struct attach_point *attach_points_parse(const struct parse_opts *opts, uint16_t file)
{
	uint32_t before = opts->diags->n_errors;
	struct attach_point *first = NULL, **tail = &first;
	struct parser p;

	parser_init(&p, opts, file);
	for (;;) {
		struct attach_point *ap;

		skip_layout(&p);
		ap = parse_attach_point(&p);
		if (!ap)
			break;
		*tail = ap;
		tail = &ap->next;
		skip_layout(&p);
		if (p.lex.pos >= p.lex.text.n || p.lex.text.p[p.lex.pos] != ',')
			break;
		p.lex.pos++;
	}
	if (opts->diags->n_errors == before && p.lex.pos < p.lex.text.n)
		parser_error_expected(&p, "',' or the end of the attach points");
	parser_free(&p);
	return opts->diags->n_errors > before ? NULL : first;
}
