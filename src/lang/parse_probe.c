/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Clauses: attach points, predicate, action. Attach points are not made of tokens (paths, wildcards, offsets), so
 * they are read byte by byte from lex.pos; from the predicate on tokens are looked at again. What the parts of an
 * attach point mean is not known here: probe/spec.c.
 */
#include "lang/parse_private.h"

/*
 * The end of the attach point at lex.pos: before white space, '{' or ',' outside quotes; a '/' ends it only while no
 * ':' has been seen ("begin/1/{"): behind one it is part of a path.
 */
static uint32_t find_attach_point_end(const struct parser *p, bool *open_quote)
{
	struct str text = p->lex.text;
	uint32_t i = p->lex.pos;
	bool colon = false, quote = false;

	for (; i < text.n; i++) {
		char c = text.p[i];

		if (quote) {
			if (c == '\\' && i + 1 < text.n)
				i++;
			else if (c == '"')
				quote = false;
			else if (c == '\n')
				break;
			continue;
		}
		if (lex_is_space(c) || c == '{' || c == ',' ||
		    (c == '/' && !colon && i > p->lex.pos))
			break;
		colon |= c == ':';
		quote = c == '"';
	}
	*open_quote = quote;
	return i;
}

struct ap_cutter {
	struct parser *p;
	struct attach_point *ap;
	struct strbuf text; /* the whole, parameters replaced */
	struct strbuf part; /* the part being put together */
	bool quote;
};

static bool ap_end_part(struct ap_cutter *c)
{
	struct attach_point *ap = c->ap;

	if (ap->n_parts == sizeof(ap->parts) / sizeof(*ap->parts)) {
		struct diag *d = parser_error(c->p, D_PARSE_ATTACH_POINT, ap->at,
					      "attach point has too many parts");

		if (d)
			diag_hint(c->p->diags, d, "put a part that holds ':' in double quotes");
		return false;
	}
	ap->parts[ap->n_parts++] = arena_str(c->p->arena, strbuf_str(&c->part));
	strbuf_clear(&c->part);
	return true;
}

/* text as it stands between two '$': quotes, escapes in them, ':' */
static bool ap_add_text(struct ap_cutter *c, struct str s)
{
	strbuf_add_str(&c->text, s);
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"') {
			c->quote = !c->quote;
		} else if (c->quote && s.p[i] == '\\' && i + 1 < s.n) {
			strbuf_putc(&c->part, s.p[++i]);
		} else if (!c->quote && s.p[i] == ':') {
			if (!ap_end_part(c))
				return false;
		} else {
			strbuf_putc(&c->part, s.p[i]);
		}
	}
	return true;
}

static bool is_option_char(char c)
{
	return lex_is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       c == '-';
}

/*
 * $NAME or $NAME=DEFAULT, the default up to the next ':': what --NAME=VALUE says. In parentheses where more text follows:
 * $(prefix=)malloc. *i moves behind it
 */
static bool ap_add_option(struct ap_cutter *c, struct str raw, size_t *i)
{
	const struct parse_opts *o = c->p->o;
	struct point_option *known = arena_new(c->p->arena, struct point_option);
	bool is_enclosed = raw.p[*i + 1] == '(', is_given = false;
	size_t start = *i + 1 + is_enclosed, end = start, from;
	struct str value;
	struct diag *d;

	while (end < raw.n && is_option_char(raw.p[end]))
		end++;
	known->name = str_sub(raw, start, end);
	if (c->p->script) {
		known->next = c->p->script->point_options;
		c->p->script->point_options = known;
	}
	from = end;
	if (end < raw.n && raw.p[end] == '=') {
		is_given = true;
		for (from = ++end; end < raw.n && raw.p[end] != (is_enclosed ? ')' : ':');)
			end++;
	}
	*i = end + (is_enclosed && end < raw.n && raw.p[end] == ')');
	value = str_sub(raw, from, end);
	for (uint32_t k = 0; k < o->n_named; k++) {
		struct str rest = o->named[k];

		if (str_eq(str_split(&rest, '='), known->name)) {
			value = rest;
			is_given = true;
		}
	}
	if (is_given)
		return ap_add_text(c, value);
	d = parser_error(c->p, D_PARSE_POSITIONAL, c->ap->at,
			 "the parameter --%.*s was not given, and the attach point has no default "
			 "for it",
			 STR_ARG(known->name));
	if (d)
		diag_hint(c->p->diags, d,
			  "pass it behind the script: -- --%.*s=VALUE. A default is written "
			  "$NAME=VALUE; a '$' that belongs to a name stands in double quotes",
			  STR_ARG(known->name));
	return false;
}

/* the parameter whose '$' is at raw.p[i]; *i moves behind its number */
static bool ap_add_parameter(struct ap_cutter *c, struct str raw, size_t *i)
{
	size_t start = *i + 1, end = start;
	uint64_t number;

	if (start < raw.n &&
	    (raw.p[start] == '(' || (is_option_char(raw.p[start]) && !lex_is_digit(raw.p[start]))))
		return ap_add_option(c, raw, i);
	while (end < raw.n && lex_is_digit(raw.p[end]))
		end++;
	if (end == start || raw.p[start] == '0' || !str_to_u64(str_sub(raw, start, end), &number)) {
		struct diag *d = parser_error(
			c->p, D_PARSE_POSITIONAL, c->ap->at,
			"'$' in an attach point must begin a parameter: $1, $2, ..., $NAME or $NAME=DEFAULT");

		if (d)
			diag_hint(c->p->diags, d,
				  "put the part in double quotes if the '$' belongs to a name");
		return false;
	}
	*i = end;
	/* a parameter that was not given is empty; '$' in its text has no meaning */
	if (number > c->p->o->n_positional)
		return true;
	return ap_add_text(c, c->p->o->positional[number - 1]);
}

static bool ap_cut(struct ap_cutter *c, struct str raw)
{
	size_t from = 0, i = 0;

	while (i < raw.n) {
		bool quote = c->quote;

		/* text up to the next '$' outside quotes */
		for (from = i; i < raw.n && (quote || raw.p[i] != '$'); i++) {
			if (quote && raw.p[i] == '\\' && i + 1 < raw.n)
				i++;
			else if (raw.p[i] == '"')
				quote = !quote;
		}
		if (!ap_add_text(c, str_sub(raw, from, i)))
			return false;
		if (i < raw.n && !ap_add_parameter(c, raw, &i))
			return false;
	}
	return ap_end_part(c);
}

/* "name=" before the provider */
static void ap_take_name(struct attach_point *ap)
{
	ptrdiff_t eq = str_find_char(ap->parts[0], '=', 0);

	if (eq > 0 && (size_t)eq + 1 < ap->parts[0].n) {
		ap->name = str_sub(ap->parts[0], 0, (size_t)eq);
		ap->parts[0] = str_sub(ap->parts[0], (size_t)eq + 1, ap->parts[0].n);
	}
}

/* attach point: (NAME '=')? part (':' part)*    a part is any text, in quotes if it holds spaces, ',' '{' or ':' */
struct attach_point *parse_attach_point(struct parser *p)
{
	struct attach_point *ap = arena_new(p->arena, struct attach_point);
	struct ap_cutter c = { .p = p, .ap = ap };
	bool open_quote, ok;
	uint32_t end = find_attach_point_end(p, &open_quote);
	struct str raw = str_sub(p->lex.text, p->lex.pos, end);

	ap->at = (struct span){ p->lex.pos, end, p->lex.file, 0 };
	if (raw.n == 0) {
		parser_error_expected(p, "a probe");
		return NULL;
	}
	p->lex.pos = end;
	p->last = ap->at;
	if (open_quote) {
		parser_error(p, D_LEX_UNTERMINATED, ap->at,
			     "attach point without closing '\"' on its line");
		return NULL;
	}
	ok = ap_cut(&c, raw);
	if (ok && ap->parts[0].n == 0) {
		parser_error(p, D_PARSE_ATTACH_POINT, ap->at, "attach point without a probe type");
		ok = false;
	}
	ap->text = arena_str(p->arena, strbuf_str(&c.text));
	strbuf_free(&c.text);
	strbuf_free(&c.part);
	if (ok)
		ap_take_name(ap);
	return ok ? ap : NULL;
}

static char next_char(struct parser *p)
{
	bool line_start = false;

	lex_skip_layout(&p->lex, &line_start);
	return p->lex.pos < p->lex.text.n ? p->lex.text.p[p->lex.pos] : 0;
}

/* points: attach-point (',' attach-point)* ','? */
static bool parse_attach_points(struct parser *p, struct clause *c)
{
	struct attach_point **tail = &c->points;
	bool ok = true;

	for (;;) {
		struct attach_point *ap = parse_attach_point(p);
		struct attach_point *made = ap;

		if (!ap) {
			ok = false;
			if (p->last.end != p->lex.pos)
				break;    /* nothing was read */
			p->panic = false; /* the next attach point may have a fault of its own */
		} else {
			c->at = c->points ? span_join(c->at, made->at) : made->at;
			*tail = ap;
			tail = &ap->next;
		}
		if (next_char(p) != ',')
			break;
		p->lex.pos++;
		if (next_char(p) == '{' || next_char(p) == '/')
			break; /* a comma too many */
	}
	return ok;
}

/* clause: points ('/' expr '/')? block */
void parse_clause(struct parser *p, struct clause ***tail)
{
	struct clause *c = arena_new(p->arena, struct clause);
	bool ok;

	c->at = (struct span){ p->lex.pos, p->lex.pos, p->lex.file, 0 };
	ok = parse_attach_points(p, c);
	if (!p->panic && parser_at(p, TOKEN_SLASH)) {
		parser_take(p);
		p->in_predicate = true;
		c->predicate = parse_expr(p);
		p->in_predicate = false;
		parser_expect(p, TOKEN_SLASH, "to close the predicate");
	}
	p->in_predicate = false;
	if (!parser_at(p, TOKEN_LBRACE)) {
		p->panic |= !ok; /* has been told what is wrong */
		parser_error_expected(
			p, c->predicate ? "'{'" : "'{' or a predicate (/.../) behind the probes");
		parser_sync_clause(p);
		return;
	}
	c->body = parse_block(p, false);
	if (p->panic) {
		parser_sync_clause(p);
		return;
	}
	if (!ok)
		return;
	**tail = c;
	*tail = &c->next;
}
