/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What stands beside the clauses of a script: the C text at its top (cut out here, understood in cpp.c and cdecl.c),
 * the config block, imports, macros, functions and map declarations. On entry lex.pos is at the first word and no
 * token has been looked at.
 */
#include "lang/parse_private.h"

/* ---- C text ---- */

static struct str rest_of(const struct parser *p, uint32_t pos)
{
	return str_sub(p->lex.text, pos, p->lex.text.n);
}

static bool word_at(const struct parser *p, uint32_t pos, const char *word)
{
	struct str rest = rest_of(p, pos);
	size_t n = strlen(word);

	return str_starts(rest, str_from(word)) && (rest.n == n || !lex_is_name_char(rest.p[n]));
}

/*
 * "struct x {" and not the attach point "struct:x {": from the keyword to the '{' stand only names and balanced
 * parentheses (attributes). A typedef is one at its keyword.
 */
static bool at_c_definition(struct parser *p)
{
	struct lexer l = p->lex;
	struct token t;
	unsigned depth = 0;

	if (word_at(p, l.pos, "typedef"))
		return true;
	if (!word_at(p, l.pos, "struct") && !word_at(p, l.pos, "union") &&
	    !word_at(p, l.pos, "enum"))
		return false;
	l.is_c = true;
	for (lex_next(&l);;) {
		t = lex_next(&l);
		if (t.kind == TOKEN_LPAREN)
			depth++;
		else if (t.kind == TOKEN_RPAREN && depth)
			depth--;
		else if (depth == 0 && (t.kind == TOKEN_LBRACE || t.kind == TOKEN_SEMICOLON))
			return true;
		else if (t.kind == TOKEN_END || (depth == 0 && t.kind != TOKEN_NAME))
			return false;
	}
}

bool parser_at_c_text(struct parser *p)
{
	struct str rest = rest_of(p, p->lex.pos);

	if (str_starts(rest, STR("#")))
		return !str_starts(rest, STR("#!"));
	return at_c_definition(p);
}

/* behind the line at pos, lines that end in a backslash included */
static uint32_t skip_line(const struct parser *p, uint32_t pos)
{
	struct str text = p->lex.text;

	while (pos < text.n && text.p[pos] != '\n') {
		if (text.p[pos] == '\\' && pos + 1 < text.n)
			pos++;
		pos++;
	}
	return pos < text.n ? pos + 1 : (uint32_t)text.n;
}

/* behind a definition: past the '}' of its outermost block, attributes and declarators up to a ';' that may lack */
static uint32_t skip_definition(struct parser *p)
{
	struct lexer l = p->lex;
	bool is_typedef = word_at(p, l.pos, "typedef");
	unsigned braces = 0, parens = 0;
	uint32_t end = l.pos;

	l.is_c = true;
	for (;;) {
		struct token t = lex_next(&l);

		if (t.kind == TOKEN_END)
			return (uint32_t)l.text.n;
		if (t.kind == TOKEN_LBRACE)
			braces++;
		else if (t.kind == TOKEN_RBRACE && braces)
			braces--;
		else if (t.kind == TOKEN_SEMICOLON && braces == 0)
			return t.at.end;
		end = t.at.end;
		if (t.kind == TOKEN_RBRACE && braces == 0 && !is_typedef)
			break;
	}
	/* attributes, or a ';': anything else belongs to the script */
	for (;;) {
		struct token t = lex_next(&l);

		if (t.kind == TOKEN_SEMICOLON && parens == 0)
			return t.at.end;
		if (t.kind == TOKEN_LPAREN)
			parens++;
		else if (t.kind == TOKEN_RPAREN && parens) {
			if (--parens == 0)
				end = t.at.end;
		} else if (t.kind == TOKEN_END || (parens == 0 && !token_is(&t, "__attribute__") &&
						   !token_is(&t, "__packed")))
			return end;
		else if (parens == 0)
			end = t.at.end;
	}
}

/* all C text from lex.pos on; inside #if ... #endif whole lines are taken whatever they hold */
struct span parser_cut_c_text(struct parser *p)
{
	struct span at = { p->lex.pos, p->lex.pos, p->lex.file, 0 };
	unsigned conditions = 0;

	while (p->lex.pos < p->lex.text.n) {
		bool line_start = false;

		if (str_starts(rest_of(p, p->lex.pos), STR("#"))) {
			struct lexer l = p->lex;
			struct token t = lex_next(&l);

			t = lex_next(&l);
			if (token_is(&t, "if") || token_is(&t, "ifdef") || token_is(&t, "ifndef"))
				conditions++;
			else if (token_is(&t, "endif") && conditions)
				conditions--;
			at.end = p->lex.pos = skip_line(p, p->lex.pos);
		} else if (at_c_definition(p)) {
			at.end = p->lex.pos = skip_definition(p);
		} else if (conditions) {
			at.end = p->lex.pos = skip_line(p, p->lex.pos);
		} else {
			break;
		}
		lex_skip_layout(&p->lex, &line_start);
	}
	p->lex.open_comment = 0; /* noticed again by whoever reads on from at.end */
	p->lex.pos = at.end;
	return at;
}

/* ---- config, imports ---- */

/* value: INT | STRING | "true" | "false" | NAME */
static void parse_config_value(struct parser *p, struct config_item *item)
{
	struct token t = *parser_peek(p, 0);

	item->value_at = t.at;
	if (t.kind == TOKEN_INT) {
		item->kind = CONFIG_INT;
		item->integer = (int64_t)t.integer;
		item->text = t.text;
	} else if (t.kind == TOKEN_STRING) {
		item->kind = CONFIG_STRING;
		item->text = t.string;
	} else if (token_is(&t, "true") || token_is(&t, "false")) {
		item->kind = CONFIG_BOOL;
		item->integer = token_is(&t, "true");
		item->text = t.text;
	} else if (t.kind == TOKEN_NAME) {
		item->kind = CONFIG_IDENT;
		item->text = t.name;
	} else {
		parser_error_expected(p, "a value: a number, a string, true, false or a name");
		return;
	}
	parser_take(p);
}

/* config: "config" '=' '{' (NAME '=' value (';' NAME '=' value)* ';'?)? '}' */
void parse_config(struct parser *p, struct config_item ***tail)
{
	struct span start = parser_take(p).at;

	p->script->has_config = true;
	parser_expect(p, TOKEN_ASSIGN, "behind 'config'");
	parser_expect(p, TOKEN_LBRACE, "to begin the config block");
	while (!p->panic && !parser_at(p, TOKEN_RBRACE)) {
		struct config_item *item;
		struct token key = *parser_peek(p, 0);

		if (key.kind != TOKEN_NAME) {
			parser_error_expected(p, "the name of a config variable");
		} else {
			parser_take(p);
			item = arena_new(p->arena, struct config_item);
			item->key = key.name;
			parser_expect(p, TOKEN_ASSIGN, "behind the name of a config variable");
			parse_config_value(p, item);
			item->at = span_join(key.at, p->last);
			if (!p->panic) {
				**tail = item;
				*tail = &item->next;
			}
			if (!parser_at(p, TOKEN_RBRACE))
				parser_expect(p, TOKEN_SEMICOLON, "between config variables");
		}
		if (p->panic && !parser_at(p, TOKEN_END))
			parser_sync_statement(p);
	}
	parser_expect(p, TOKEN_RBRACE, "to close the config block");
	if (p->panic)
		parser_sync_clause(p);
	p->script->config_at = span_join(start, p->last);
}

/* import: "import" STRING ';' */
void parse_import(struct parser *p, struct import_decl ***tail)
{
	struct import_decl *d = arena_new(p->arena, struct import_decl);
	struct token path;

	d->at = parser_take(p).at;
	path = *parser_peek(p, 0);
	if (!parser_expect(p, TOKEN_STRING, "with the file to import")) {
		parser_sync_statement(p);
		return;
	}
	d->path = path.string;
	d->at = span_join(d->at, p->last);
	**tail = d;
	*tail = &d->next;
	if (!parser_expect(p, TOKEN_SEMICOLON, "behind the import"))
		p->panic = false;
}

/* ---- macros, functions, maps ---- */

/* parameter: VAR | MAP | NAME */
static bool parse_macro_param(struct parser *p, struct macro_param *param)
{
	struct token t = *parser_peek(p, 0);

	param->at = t.at;
	param->name = t.name;
	switch (t.kind) {
	case TOKEN_VAR: param->kind = MACRO_VAR; break;
	case TOKEN_MAP: param->kind = MACRO_MAP; break;
	case TOKEN_NAME: param->kind = MACRO_EXPR; break;
	default: parser_error_expected(p, "a parameter: $variable, @map or a name"); return false;
	}
	parser_take(p);
	return true;
}

/* macro: "macro" NAME ('(' (parameter (',' parameter)*)? ')')? block */
void parse_macro(struct parser *p, struct macro_def ***tail)
{
	struct macro_def *m = arena_new(p->arena, struct macro_def);
	VEC(struct macro_param) params = { 0 };
	struct token name;

	m->at = parser_take(p).at;
	m->is_internal = p->o->is_library;
	name = *parser_peek(p, 0);
	parser_expect(p, TOKEN_NAME, "for the macro");
	m->name = name.text;
	if (!p->panic && parser_accept(p, TOKEN_LPAREN)) {
		while (!parser_at(p, TOKEN_RPAREN) && !p->panic) {
			struct macro_param param;

			if (!parse_macro_param(p, &param))
				break;
			for (size_t i = 0; i < params.n; i++)
				if (params.v[i].kind == param.kind &&
				    str_eq(params.v[i].name, param.name))
					parser_error(p, D_PARSE_DUPLICATE, param.at,
						     "the macro has a parameter '%s%.*s' already",
						     param.kind == MACRO_VAR ? "$" : "",
						     STR_ARG(param.name));
			vec_push(&params, param);
			if (!parser_accept(p, TOKEN_COMMA))
				break;
		}
		parser_expect(p, TOKEN_RPAREN, "to close the parameters");
	}
	m->at = span_join(m->at, p->last);
	m->params = arena_array(p->arena, struct macro_param, params.n + 1);
	if (params.n)
		memcpy(m->params, params.v, params.n * sizeof(*params.v));
	m->n_params = (uint32_t)params.n;
	vec_free(&params);
	if (p->panic && !parser_at(p, TOKEN_LBRACE)) {
		parser_sync_clause(p);
		return;
	}
	m->body = parse_block(p, true);
	if (p->panic) {
		parser_sync_clause(p);
		return;
	}
	**tail = m;
	*tail = &m->next;
}

/* parameter: VAR ':' type */
static void parse_fn_params(struct parser *p, struct fn_def *f)
{
	VEC(struct fn_param) params = { 0 };

	while (!parser_at(p, TOKEN_RPAREN) && !p->panic) {
		struct fn_param param = { 0 };
		struct token name = *parser_peek(p, 0);

		if (!parser_expect(p, TOKEN_VAR, "as a parameter"))
			break;
		param.name = name.name;
		if (parser_expect(p, TOKEN_COLON, "and a type behind the parameter"))
			param.type = parse_type(p);
		param.at = span_join(name.at, p->last);
		for (size_t i = 0; i < params.n; i++)
			if (str_eq(params.v[i].name, param.name))
				parser_error(p, D_PARSE_DUPLICATE, param.at,
					     "the function has a parameter '$%.*s' already",
					     STR_ARG(param.name));
		if (param.type)
			vec_push(&params, param);
		if (!parser_accept(p, TOKEN_COMMA))
			break;
	}
	f->params = arena_array(p->arena, struct fn_param, params.n + 1);
	if (params.n)
		memcpy(f->params, params.v, params.n * sizeof(*params.v));
	f->n_params = (uint32_t)params.n;
	vec_free(&params);
}

/* fn: "fn" NAME '(' (VAR ':' type (',' VAR ':' type)*)? ')' (':' type)? block */
void parse_fn(struct parser *p, struct fn_def ***tail)
{
	struct fn_def *f = arena_new(p->arena, struct fn_def);
	struct token name;

	f->at = parser_take(p).at;
	name = *parser_peek(p, 0);
	parser_expect(p, TOKEN_NAME, "for the function");
	f->name = name.text;
	f->at = span_join(f->at, p->last);
	parser_expect(p, TOKEN_LPAREN, "to begin the parameters");
	if (!p->panic)
		parse_fn_params(p, f);
	parser_expect(p, TOKEN_RPAREN, "to close the parameters");
	if (parser_accept(p, TOKEN_COLON))
		f->result = parse_type(p);
	if (p->panic && !parser_at(p, TOKEN_LBRACE)) {
		parser_sync_clause(p);
		return;
	}
	f->body = parse_block(p, false);
	if (p->panic) {
		parser_sync_clause(p);
		return;
	}
	**tail = f;
	*tail = &f->next;
}

/* map declaration: "let" MAP '=' NAME '(' INT ')' ';'? */
void parse_map_decl(struct parser *p, struct map_decl ***tail)
{
	struct map_decl *m = arena_new(p->arena, struct map_decl);
	struct token t;

	m->at = parser_take(p).at;
	t = *parser_peek(p, 0);
	if (t.kind == TOKEN_VAR)
		parser_error(p, D_PARSE_UNEXPECTED, t.at,
			     "outside of probes 'let' declares maps only: let @a = hash(100);");
	parser_expect(p, TOKEN_MAP, "to declare");
	m->name = t.name;
	parser_expect(p, TOKEN_ASSIGN, "behind the map");
	t = *parser_peek(p, 0);
	parser_expect(p, TOKEN_NAME, "of a kind of map (hash, lruhash, percpuhash, percpulruhash)");
	m->kind = t.text;
	parser_expect(p, TOKEN_LPAREN, "behind the kind of map");
	t = *parser_peek(p, 0);
	if (parser_at(p, TOKEN_INT))
		parser_take(p);
	else
		parser_error_expected(p, "the number of entries");
	if (!p->panic && (t.integer == 0 || t.integer > UINT32_MAX))
		parser_error(p, D_PARSE_UNEXPECTED, t.at,
			     "the number of entries must be from 1 to %u", UINT32_MAX);
	m->max_entries = (int64_t)t.integer;
	parser_expect(p, TOKEN_RPAREN, "behind the number of entries");
	m->at = span_join(m->at, p->last);
	if (p->panic) {
		parser_sync_statement(p);
		return;
	}
	parser_accept(p, TOKEN_SEMICOLON);
	**tail = m;
	*tail = &m->next;
}
