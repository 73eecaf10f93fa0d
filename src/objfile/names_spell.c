/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one spelling of names; see names.h. A name is brought into it by passes that copy tokens and replace what is
 * spelled in several ways; blanks that mean nothing are left out for comparing.
 */
#include "objfile/names_private.h"

enum { NAME_LIMIT = 65536 }; /* longer names are taken as they are */

/* ---- brackets ---- */

size_t name_operator_len(struct str s, size_t i)
{
	static const char *const ops[] = { "()", "[]", "<=>", "<<=", ">>=", "->*", "<<",
					   ">>", "<=", ">=",  "->",  "<",   ">" };

	if (i < 8 || !name_starts_at(s, i - 8, "operator") || (i > 8 && name_is_ident(s.p[i - 9])))
		return 0;
	for (size_t k = 0; k < sizeof(ops) / sizeof(ops[0]); k++)
		if (name_starts_at(s, i, ops[k]))
			return strlen(ops[k]);
	return 0;
}

size_t name_skip_group(struct str s, size_t i)
{
	size_t depth = 0;

	for (; i < s.n; i++) {
		size_t op = i && s.p[i - 1] == 'r' ? name_operator_len(s, i) : 0;

		if (op) {
			i += op - 1;
			continue;
		}
		switch (s.p[i]) {
		case '<':
		case '(':
		case '[':
		case '{': depth++; break;
		case '>':
			if (i && s.p[i - 1] == '-') /* fn() -> u8 */
				break;
			/* fall through */
		case ')':
		case ']':
		case '}':
			if (--depth == 0)
				return i + 1;
			break;
		default: break;
		}
	}
	return s.n;
}

/* ---- the compact key ---- */

/* library namespaces that programmers do not write */
static const char *const inline_namespaces[] = { "std::__cxx11::", "std::__1::", "std::__ndk1::",
						 "std::__2::", "std::_V2::" };
/* template arguments that are there by default: left out when they are not the first */
static const char *const default_args[] = { "std::allocator<", "std::char_traits<",
					    "std::less<",      "std::default_delete<",
					    "std::hash<",      "std::equal_to<" };
static const struct {
	const char *text, *spelled;
} aliases[] = {
	{ "std::basic_string<char>", "std::string" },
	{ "std::basic_string_view<char>", "std::string_view" },
	{ "std::basic_string<wchar_t>", "std::wstring" },
	{ "std::basic_ostream<char>", "std::ostream" },
	{ "std::basic_istream<char>", "std::istream" },
	{ "{{closure}}", "{closure}" },
};

enum { IS_IDENT = 1, IS_TOKEN = 2, IS_COMMA = 4, IS_ALIAS = 8 };

/* which characters end a run that can be copied as it is */
static const uint8_t classes[256] = {
	['a' ... 'f'] = IS_IDENT,
	['h' ... 'r'] = IS_IDENT,
	['t' ... 'z'] = IS_IDENT,
	['A' ... 'Z'] = IS_IDENT,
	['0' ... '9'] = IS_IDENT,
	['_'] = IS_IDENT,
	['$'] = IS_IDENT,
	[0x80 ... 0xff] = IS_IDENT,
	['g'] = IS_IDENT | IS_TOKEN,
	['s'] = IS_IDENT | IS_TOKEN | IS_ALIAS,
	[' '] = IS_TOKEN,
	['['] = IS_TOKEN,
	['%'] = IS_TOKEN,
	[':'] = IS_TOKEN,
	[','] = IS_COMMA,
	['{'] = IS_ALIAS,
};

/* where the next character of this class stands, from i on; those in the middle of words are none */
static size_t plain_run(struct str s, size_t i, unsigned stop)
{
	const uint8_t *p = (const uint8_t *)s.p;

	for (; i < s.n; i++)
		if (classes[p[i]] & stop &&
		    !(i && classes[p[i]] & IS_IDENT && classes[p[i - 1]] & IS_IDENT))
			break;
	return i;
}

/* replacements of one token at *i; false: copy the character */
static bool copy_special(struct str s, size_t *i, struct strbuf *out)
{
	bool at_start = *i == 0 || (!name_is_ident(s.p[*i - 1]) && s.p[*i - 1] != ':');

	if (!(classes[(uint8_t)s.p[*i]] & IS_TOKEN))
		return false;

	at_start = at_start && name_starts_at(s, *i, "std::_");
	for (size_t k = 0; at_start && k < sizeof(inline_namespaces) / sizeof(char *); k++)
		if (name_starts_at(s, *i, inline_namespaces[k])) {
			strbuf_puts(out, "std::");
			*i += strlen(inline_namespaces[k]);
			return true;
		}
	if (name_starts_at(s, *i, "[abi:") || name_starts_at(s, *i, "[clone ")) {
		while (out->n && out->p[out->n - 1] == ' ')
			out->n--;
		*i = name_skip_group(s, *i);
		return true;
	}
	/* Go: shapes are named by their type, with a number in versions before 1.20 */
	if (name_starts_at(s, *i, "go.shape.")) {
		*i += 9;
		while (*i < s.n && s.p[*i] != ']' && s.p[*i] != ',') {
			if (s.p[*i] == '_' && *i + 2 <= s.n && s.p[*i + 1] >= '0' &&
			    s.p[*i + 1] <= '9' &&
			    (*i + 2 == s.n || s.p[*i + 2] == ']' || s.p[*i + 2] == ',')) {
				*i += 2;
				break;
			}
			strbuf_putc(out, s.p[(*i)++]);
		}
		return true;
	}
	if (s.p[*i] == '%' && *i + 3 <= s.n && str_digit_value(s.p[*i + 1]) < 16 &&
	    str_digit_value(s.p[*i + 2]) < 16 && memchr(s.p, '.', s.n)) {
		strbuf_putc(out, (char)(str_digit_value(s.p[*i + 1]) * 16 +
					str_digit_value(s.p[*i + 2])));
		*i += 3;
		return true;
	}
	/* Rust's turbofish; not the "::<impl ...>" that legacy names have in the middle */
	if (name_starts_at(s, *i, "::<") && *i && !name_starts_at(s, *i, "::<impl ")) {
		*i += 2;
		return true;
	}
	return false;
}

/* one pass: blanks, and what copy_special knows; is_key: blanks only where two words would grow together */
static void copy_tokens(struct str s, bool is_key, struct strbuf *out)
{
	for (size_t i = 0; i < s.n;) {
		size_t run = plain_run(s, i, IS_TOKEN);
		char c, last;

		strbuf_add(out, s.p + i, run - i);
		i = run;
		if (i == s.n)
			break;
		c = s.p[i];
		last = out->n ? out->p[out->n - 1] : ' ';
		if (copy_special(s, &i, out))
			continue;
		i++;
		if (c == ' ') {
			char next = i < s.n ? s.p[i] : ' ';
			bool joins = ((name_is_ident(last) || last == '>') && name_is_ident(next)) ||
				     (last == '<' && next == '<'); /* operator< <int> */

			/* "> >" of old C++ */
			if (last == ' ' || (is_key ? !joins : last == '>' && next == '>'))
				continue;
		}
		strbuf_putc(out, c);
	}
}

/* type arguments that are there by default, and then aliases; works on what copy_tokens made */
static void fold_defaults(struct str s, struct strbuf *out)
{
	for (size_t i = 0; i < s.n;) {
		size_t at = plain_run(s, i, IS_COMMA) + 1;
		bool is_done = false;

		strbuf_add(out, s.p + i, at - 1 - i);
		i = at - 1;
		if (i == s.n)
			break;
		while (at < s.n && s.p[at] == ' ')
			at++;
		for (size_t k = 0;
		     name_starts_at(s, at, "std::") && k < sizeof(default_args) / sizeof(char *);
		     k++)
			if (name_starts_at(s, at, default_args[k])) {
				i = name_skip_group(s, at + strlen(default_args[k]) - 1);
				is_done = true;
				break;
			}
		if (!is_done)
			strbuf_putc(out, s.p[i++]);
	}
}

static void fold_aliases(struct str s, struct strbuf *out)
{
	for (size_t i = 0; i < s.n;) {
		size_t run = plain_run(s, i, IS_ALIAS);
		bool is_done = false,
		     may_be = name_starts_at(s, run, "std::basic_") || name_starts_at(s, run, "{{");

		strbuf_add(out, s.p + i, run - i);
		i = run;
		for (size_t k = 0;
		     may_be && k < sizeof(aliases) / sizeof(aliases[0]) && i < s.n && !is_done; k++)
			if (name_starts_at(s, i, aliases[k].text)) {
				strbuf_puts(out, aliases[k].spelled);
				i += strlen(aliases[k].text);
				is_done = true;
			}
		if (!is_done && i < s.n)
			strbuf_putc(out, s.p[i++]);
	}
}

/* " for " outside of brackets, or -1 */
static ptrdiff_t find_word(struct str s, const char *word)
{
	for (size_t i = 0; i < s.n; i++) {
		if (name_starts_at(s, i, word))
			return (ptrdiff_t)i;
		if (s.p[i] == '<' || s.p[i] == '(' || s.p[i] == '[' || s.p[i] == '{')
			i = name_skip_group(s, i) - 1;
	}
	return -1;
}

/*
 * Rust's implementations: "m::<impl Trait for T>::f" and "m::<impl T>::f" of legacy names, "<T>::f" of v0, are
 * <T as Trait>::f and T::f.
 */
static void fold_impl(struct str s, struct strbuf *out)
{
	ptrdiff_t at = str_find(s, STR("<impl "));
	struct str inner;
	ptrdiff_t is_for;
	size_t end;

	if (at < 0 && s.n && s.p[0] == '<') {
		end = name_skip_group(s, 0);
		inner = str_sub(s, 1, end - 1);
		if (end > 2 && name_starts_at(s, end, "::") && find_word(inner, " as ") < 0) {
			strbuf_add_str(out, inner);
			strbuf_add_str(out, str_sub(s, end, s.n));
			return;
		}
	}
	if (at < 0 || (at > 0 && s.p[at - 1] != ':')) {
		strbuf_add_str(out, s);
		return;
	}
	end = name_skip_group(s, (size_t)at);
	inner = str_sub(s, (size_t)at + 6, end - 1);
	is_for = find_word(inner, " for ");
	if (is_for >= 0)
		strbuf_printf(out, "<%.*s as %.*s>",
			      STR_ARG(str_sub(inner, (size_t)is_for + 5, inner.n)),
			      STR_ARG(str_sub(inner, 0, (size_t)is_for)));
	else
		strbuf_add_str(out, inner);
	strbuf_add_str(out, str_sub(s, end, s.n));
}

/* nothing in it is spelled in several ways: most names of C, Go, and much of Rust. One look at each character. */
static bool is_spelled(struct str s, bool is_key)
{
	if (s.n && s.p[0] == '<')
		return false;
	for (size_t i = 0; i < s.n; i++)
		switch (s.p[i]) {
		case '[':
		case '%': return false;
		case ' ':
			if (is_key || i == 0 || i + 1 == s.n || s.p[i + 1] == ' ' ||
			    s.p[i - 1] == '>')
				return false;
			break;
		case '{':
			if (i + 1 < s.n && s.p[i + 1] == '{')
				return false;
			break;
		case ':':
			if (name_starts_at(s, i, "::<"))
				return false;
			break;
		case 's':
			if (name_starts_at(s, i, "std::"))
				return false;
			break;
		case 'g':
			if (name_starts_at(s, i, "go.shape."))
				return false;
			break;
		default: break;
		}
	return true;
}

void name_spell(struct str name, bool is_key, struct strbuf *out)
{
	struct strbuf a = { 0 }, b = { 0 };

	if (name.n > NAME_LIMIT || is_spelled(name, is_key)) {
		strbuf_add_str(out, name);
		return;
	}
	fold_impl(name, &a);
	copy_tokens(strbuf_str(&a), is_key, &b);
	/* only C++'s library needs the rest; most names have nothing of it */
	if (str_find(strbuf_str(&b), STR("std::")) >= 0 ||
	    str_find(strbuf_str(&b), STR("{{")) >= 0) {
		strbuf_clear(&a);
		fold_defaults(strbuf_str(&b), &a);
		fold_aliases(strbuf_str(&a), out);
	} else {
		strbuf_add_str(out, strbuf_str(&b));
	}
	strbuf_free(&a);
	strbuf_free(&b);
}

void names_spell(struct str name, struct strbuf *out)
{
	name_spell(name, false, out);
}
