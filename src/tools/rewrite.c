/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See rewrite.h. Works on words, not on a tree: brackets and quotes are honoured, everything that is not recognised passes
 * unchanged, and what is wrong with the result is said by the compiler, about the script that --script shows.
 */
#include "tools/rewrite.h"

#include <ctype.h>
#include <stdio.h>

static bool is_word_char(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

static size_t word_length(struct str s, size_t from)
{
	size_t n = from;

	while (n < s.n && is_word_char(s.p[n]))
		n++;
	return n - from;
}

/* index behind a text that begins at i */
static size_t skip_quote(struct str s, size_t i)
{
	char quote = s.p[i++];

	while (i < s.n && s.p[i] != quote)
		i += s.p[i] == '\\' ? 2 : 1;
	return i < s.n ? i + 1 : s.n;
}

struct str rewrite_split(struct str *text, char c)
{
	struct str all = *text;
	int depth = 0;
	size_t i = 0;

	while (i < all.n) {
		if (all.p[i] == '"' || all.p[i] == '\'') {
			i = skip_quote(all, i);
			continue;
		}
		depth += all.p[i] == '(' || all.p[i] == '[' || all.p[i] == '{';
		depth -= all.p[i] == ')' || all.p[i] == ']' || all.p[i] == '}';
		if (all.p[i] == c && depth <= 0)
			break;
		i++;
	}
	*text = str_sub(all, i < all.n ? i + 1 : i, all.n);
	return str_trim(str_sub(all, 0, i));
}

/* "(...)" at i: its inside; *end behind it. Empty and *end = i when there is none */
static struct str bracketed(struct str s, size_t i, size_t *end)
{
	*end = i;
	if (i >= s.n || s.p[i] != '(')
		return STR_NULL;
	for (size_t k = i + 1, depth = 1; k < s.n; k++) {
		if (s.p[k] == '"' || s.p[k] == '\'') {
			k = skip_quote(s, k) - 1;
			continue;
		}
		depth += s.p[k] == '(';
		depth -= s.p[k] == ')';
		if (!depth) {
			*end = k + 1;
			return str_trim(str_sub(s, i + 1, k));
		}
	}
	return STR_NULL;
}

struct str rewrite_bracketed(struct str *text)
{
	size_t end;
	struct str inside = bracketed(*text, 0, &end);

	*text = str_sub(*text, end, text->n);
	return inside;
}

/* number of argN, or -1 */
static int arg_number(struct str word)
{
	uint64_t n;

	if (!str_starts(word, STR("arg")) || word.n < 4 || word.n > 5 ||
	    !str_to_u64(str_sub(word, 3, word.n), &n))
		return -1;
	return (int)n;
}

/* $word: what bcc's tools call so */
static bool put_special(const struct rewrite *w, struct str name, struct str argument,
			struct strbuf *out)
{
	static const struct {
		const char *name, *is;
	} words[] = {
		{ "uid", "uid" },       { "gid", "gid" },      { "pid", "tid" },
		{ "tgid", "pid" },      { "PID", "pid" },      { "TID", "tid" },
		{ "COMM", "comm" },     { "cpu", "cpu" },      { "ts", "nsecs" },
		{ "comm", "comm" },     { "task", "curtask" }, { "retval", "retval" },
		{ "cgroup", "cgroup" },
	};

	if (w->special && w->special(w->arg, name, argument, out))
		return true;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (str_is(name, words[i].name)) {
			strbuf_puts(out, w->spec->is_syscall && str_is(name, "retval")
						 ? "args.ret"
						 : words[i].is);
			return true;
		}
	return false;
}

/* STRCMP("text", e) */
static void put_strcmp(const struct rewrite *w, struct str inside, struct strbuf *out)
{
	struct str literal = rewrite_split(&inside, ',');

	strbuf_putc(out, '(');
	rewrite_text(w, str_trim(inside), out);
	strbuf_printf(out, " == %.*s)", STR_ARG(literal));
}

static bool put_param(const struct rewrite *w, struct str word, struct strbuf *out)
{
	for (size_t i = 0; i < w->spec->params.n; i++) {
		const struct spec_param *p = &w->spec->params.v[i];

		if (!str_eq(p->name, word))
			continue;
		if (w->spec->is_syscall)
			strbuf_printf(out, "((%.*s)uptr(syscall_arg(%zu)))", STR_ARG(p->type), i);
		else
			strbuf_printf(out, "((%.*s)arg%zu)", STR_ARG(p->type), i);
		return true;
	}
	return false;
}

/* in expressions of argdist the fields of a tracepoint stand alone */
static bool is_field(struct str word, struct str expr, size_t behind)
{
	static const char *const others[] = { "args",   "pid",      "tid",   "uid",    "gid",
					      "comm",   "cpu",      "nsecs", "probe",  "kstack",
					      "ustack", "curtask",  "true",  "false",  "int",
					      "long",   "unsigned", "char",  "struct", "cgroup",
					      "rand",   "elapsed" };

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (str_is(word, others[i]))
			return false;
	return behind >= expr.n || expr.p[behind] != '(';
}

static void note_field(struct strbuf *list, struct str name)
{
	struct str rest = strbuf_str(list);

	while (rest.n)
		if (str_eq(str_split(&rest, ' '), name))
			return;
	strbuf_printf(list, "%.*s ", STR_ARG(name));
}

/* "args.NAME" or "args->NAME" at i: its name, *end behind it; empty: something else stands there */
static struct str field_at(struct str expr, size_t i, size_t *end)
{
	size_t from = i + 4, n;

	if (!str_starts(str_sub(expr, i, expr.n), STR("args")))
		return STR_NULL;
	if (str_starts(str_sub(expr, from, expr.n), STR("->")))
		from += 2;
	else if (str_starts(str_sub(expr, from, expr.n), STR(".")))
		from++;
	else
		return STR_NULL;
	n = word_length(expr, from);
	*end = from + n;
	return str_sub(expr, from, from + n);
}

static void put_late(struct rewrite_late *late, struct str name, struct strbuf *out)
{
	note_field(&late->fields, name);
	strbuf_printf(out, "@late%u_%.*s[tid]", late->number, STR_ARG(name));
}

static void put_field(const struct rewrite *w, struct str name, struct strbuf *out)
{
	if (w->late)
		put_late(w->late, name, out);
	else
		strbuf_printf(out, "args.%.*s", STR_ARG(name));
}

/* a word that is no member's name; *i is behind it */
static void put_word(const struct rewrite *w, struct str expr, struct str word, size_t *i,
		     struct strbuf *out)
{
	bool is_at_user = str_starts(str_sub(expr, *i, expr.n), STR("@user"));
	int n = w->spec->is_own ? -1 : arg_number(word);
	size_t end;

	if (is_at_user) {
		strbuf_puts(out, "uptr(");
		*i += 5;
	}
	if (n > 0 && w->spec->is_syscall)
		strbuf_printf(out, "syscall_arg(%d)", n - 1);
	else if (n > 0)
		strbuf_printf(out, "arg%d", n - 1);
	else if (str_is(word, "retval") && w->spec->is_syscall)
		strbuf_puts(out, "args.ret");
	else if (str_is(word, "STRCMP") && *i < expr.n && expr.p[*i] == '(')
		put_strcmp(w, bracketed(expr, *i, &end), out), *i = end;
	else if (str_is(word, "NULL"))
		strbuf_putc(out, '0');
	else if (w->bare_fields && w->spec->kind == SPEC_TRACEPOINT && is_field(word, expr, *i))
		put_field(w, word, out);
	else if (!put_param(w, word, out))
		strbuf_add_str(out, word);
	if (is_at_user)
		strbuf_putc(out, ')');
}

static size_t put_dollar(const struct rewrite *w, struct str expr, size_t i, struct strbuf *out)
{
	size_t n = word_length(expr, i + 1), end;
	struct str name = str_sub(expr, i + 1, i + 1 + n), inside;

	inside = bracketed(expr, i + 1 + n, &end);
	if (put_special(w, name, inside, out))
		return inside.n ? end : i + 1 + n;
	strbuf_printf(out, "$%.*s", STR_ARG(name));
	return i + 1 + n;
}

void rewrite_expr(const struct rewrite *w, struct str expr, struct strbuf *out)
{
	size_t i = 0, end;

	while (i < expr.n) {
		bool is_member = i && (expr.p[i - 1] == '.' ||
				       (i > 1 && expr.p[i - 1] == '>' && expr.p[i - 2] == '-'));
		size_t next = i + 1;

		if (expr.p[i] == '"' || expr.p[i] == '\'') {
			next = skip_quote(expr, i);
			strbuf_add_str(out, str_sub(expr, i, next));
		} else if (expr.p[i] == '$' && word_length(expr, i + 1)) {
			next = put_dollar(w, expr, i, out);
		} else if (is_word_char(expr.p[i])) {
			struct str word = str_sub(expr, i, i + word_length(expr, i));

			struct str late = w->late && !is_member ? field_at(expr, i, &end)
								: STR_NULL;

			next = i + word.n;
			if (late.n)
				put_late(w->late, late, out), next = end;
			else if (is_member || isdigit((unsigned char)word.p[0]))
				strbuf_add_str(out, word);
			else
				put_word(w, expr, word, &next, out);
		} else {
			strbuf_putc(out, expr.p[i]);
		}
		i = next;
	}
}

/* ---- text ---- */

static bool is_hotspot(const struct tool_spec *s, const char *provider)
{
	ptrdiff_t at;

	if (s->provider.n)
		return str_is(s->provider, provider);
	/* of an own name the provider stands in front of the probe's */
	at = str_find_char(s->name, ':', 0);
	if (s->is_own && at >= 0)
		return str_is(str_sub(s->name, 0, (size_t)at), provider);
	return str_ends(s->target, STR("libjvm.so"));
}

/* the argument that holds the length of the text at argument n, or -1 */
static int length_argument(const struct tool_spec *s, int n)
{
	static const struct {
		const char *provider, *probe;
		int text, length;
	} texts[] = {
#define USDT_TEXT(provider, probe, text, length) { provider, probe, text, length },
#include "tools/usdt_texts.def"
#undef USDT_TEXT
	};

	for (size_t i = 0; s->kind == SPEC_USDT && i < sizeof(texts) / sizeof(*texts); i++)
		if (texts[i].text == n && str_glob(str_from(texts[i].probe), s->shown) &&
		    is_hotspot(s, texts[i].provider))
			return texts[i].length;
	return -1;
}

/* what a system call is handed, and "arg2@user", lies in the program, wherever the probe is: its argument from 0, or -1 */
static int user_argument(const struct rewrite *w, struct str expr)
{
	bool is_at_user = str_ends(expr, STR("@user"));
	int n = arg_number(is_at_user ? str_sub(expr, 0, expr.n - 5) : expr);

	if (w->spec->is_own || (!is_at_user && !w->spec->is_syscall))
		return -1;
	for (size_t i = 0; i < w->spec->params.n; i++)
		if (str_eq(w->spec->params.v[i].name, expr))
			n = (int)i + 1;
	return n > 0 ? n - 1 : -1;
}

static void put_user_text(const struct rewrite *w, int n, struct strbuf *out)
{
	char arg[32];

	snprintf(arg, sizeof(arg), w->spec->is_syscall ? "syscall_arg(%d)" : "arg%d", n);
	strbuf_printf(out, "str(uptr(%s))", arg);
	if (w->late)
		note_field(&w->late->texts, str_from(arg));
}

void rewrite_text(const struct rewrite *w, struct str expr, struct strbuf *out)
{
	int user = user_argument(w, expr);
	int n = arg_number(expr), length;

	if (user >= 0) {
		put_user_text(w, user, out);
		return;
	}
	if (n >= 0 && !w->spec->is_own)
		n--;
	length = n >= 0 ? length_argument(w->spec, n) : -1;
	if (length >= 0) {
		strbuf_printf(out, "str(arg%d, arg%d)", n, length);
		return;
	}
	if (w->late) {
		size_t end = 0;
		struct str field = field_at(expr, 0, &end);

		if (!field.n && w->bare_fields && word_length(expr, 0) == expr.n &&
		    is_field(expr, expr, expr.n)) {
			field = expr;
			end = expr.n;
		}
		if (field.n && end == expr.n) {
			note_field(&w->late->texts, field);
			strbuf_puts(out, "str(uptr(");
			put_late(w->late, field, out);
			strbuf_puts(out, "))");
			return;
		}
	}
	strbuf_puts(out, "text(");
	rewrite_expr(w, expr, out);
	strbuf_putc(out, ')');
}

/* ---- formats ---- */

struct action {
	const struct rewrite *w;
	struct str exprs;
	struct strbuf *format, *args;
};

static ERR_MUST struct err *take_expr(struct action *a, struct str *ret)
{
	*ret = rewrite_split(&a->exprs, ',');
	if (ret->n)
		return NULL;
	return err_hint(err_new(0, "the format of %.*s wants more values than follow it",
				STR_ARG(a->w->spec->text)),
			"each %% takes one expression: \"%%s %%d\", arg1, arg2");
}

static void put_call(struct action *a, const char *call, struct str expr)
{
	strbuf_printf(a->args, ", %s(", call);
	rewrite_expr(a->w, expr, a->args);
	strbuf_putc(a->args, ')');
}

/* one conversion, from behind its '%'; returns its length */
static ERR_MUST struct err *put_conversion(struct action *a, struct str f, size_t *length)
{
	struct str expr, count = STR_NULL;
	size_t n = 0, star = 0;

	while (n < f.n && strchr("-+ #0123456789.*hlLjzt", f.p[n])) {
		if (f.p[n] == '*')
			star = n + 1;
		n++;
	}
	*length = n < f.n ? n + 1 : n;
	if (n >= f.n)
		return err_new(0, "the format of %.*s ends within a conversion",
			       STR_ARG(a->w->spec->text));
	if (star)
		TRY(take_expr(a, &count));
	TRY(take_expr(a, &expr));
	strbuf_putc(a->format, '%');
	if (star && f.p[n] == 's') {
		/* "%.*s": the length says how much is read, not only how much is shown */
		strbuf_add_str(a->format,
			       str_sub(f, 0, star - 1 - (star > 1 && f.p[star - 2] == '.')));
		strbuf_puts(a->format, "s");
		strbuf_puts(a->args, ", str(");
		rewrite_expr(a->w, expr, a->args);
		strbuf_puts(a->args, ", ");
		rewrite_expr(a->w, count, a->args);
		strbuf_putc(a->args, ')');
		return NULL;
	}
	strbuf_add_str(a->format, str_sub(f, 0, n));
	if (star) {
		strbuf_puts(a->args, ", ");
		rewrite_expr(a->w, count, a->args);
	}
	strbuf_putc(a->format, strchr("KUS", f.p[n]) ? 's' : f.p[n]);
	if (f.p[n] == 'K' || f.p[n] == 'U') {
		put_call(a, f.p[n] == 'K' ? "ksym" : "usym", expr);
	} else if (f.p[n] == 's') {
		strbuf_puts(a->args, ", ");
		rewrite_text(a->w, expr, a->args);
	} else {
		strbuf_puts(a->args, ", ");
		rewrite_expr(a->w, expr, a->args);
	}
	return NULL;
}

struct err *rewrite_action(const struct rewrite *w, struct str action, struct strbuf *format,
			   struct strbuf *args)
{
	struct action a = { w, STR_NULL, format, args };
	struct str all = str_trim(action), f;
	size_t end;

	if (!all.n)
		return NULL;
	if (all.p[0] != '"')
		return err_hint(
			err_new(0, "cannot understand '%.*s' behind the probe", STR_ARG(all)),
			"a filter stands in parentheses, a format in double quotes: 'PROBE (FILTER) \"FORMAT\", VALUES'");
	end = skip_quote(all, 0);
	f = str_sub(all, 1, end - 1);
	a.exprs = str_trim(str_sub(all, end, all.n));
	/* the comma behind the format may be left out */
	if (a.exprs.n && a.exprs.p[0] == ',')
		a.exprs = str_trim(str_sub(a.exprs, 1, a.exprs.n));
	for (size_t i = 0; i < f.n; i++) {
		size_t n;

		if (f.p[i] != '%' || (i + 1 < f.n && f.p[i + 1] == '%')) {
			strbuf_putc(format, f.p[i]);
			if (f.p[i] == '%')
				strbuf_putc(format, f.p[++i]);
			continue;
		}
		TRY(put_conversion(&a, str_sub(f, i + 1, f.n), &n));
		i += n;
	}
	a.exprs = str_trim(a.exprs);
	if (a.exprs.n)
		return err_hint(err_new(0, "the format of %.*s does not use '%.*s'",
					STR_ARG(w->spec->text), STR_ARG(a.exprs)),
				"each %% takes one expression");
	return NULL;
}
