/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one spelling and what fits it; see names.h. A name is brought into a compact form (a key) by one pass that copies
 * tokens and replaces what is spelled in several ways; keys are then compared with a walk that may leave out type arguments.
 */
#include "objfile/names.h"

#include <string.h>

enum { NAME_LIMIT = 65536 }; /* longer names are compared as they are */

static bool is_ident(char c)
{
	return c == '_' || c == '$' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || (unsigned char)c >= 0x80;
}

static bool starts_at(struct str s, size_t i, const char *text)
{
	size_t n = strlen(text);

	return i <= s.n && s.n - i >= n && !memcmp(s.p + i, text, n);
}

/* ---- brackets ---- */

/*
 * "operator<<" and the like: how many characters of punctuation follow the word that ends at i. Else they would be
 * taken for brackets.
 */
static size_t operator_len(struct str s, size_t i)
{
	static const char *const ops[] = { "()", "[]", "<=>", "<<=", ">>=", "->*", "<<",
					   ">>", "<=", ">=",  "->",  "<",   ">" };

	if (i < 8 || !starts_at(s, i - 8, "operator") || (i > 8 && is_ident(s.p[i - 9])))
		return 0;
	for (size_t k = 0; k < sizeof(ops) / sizeof(ops[0]); k++)
		if (starts_at(s, i, ops[k]))
			return strlen(ops[k]);
	return 0;
}

/* index behind the bracket that closes the one at i; s.n when none does */
static size_t skip_group(struct str s, size_t i)
{
	size_t depth = 0;

	for (; i < s.n; i++) {
		size_t op = i && s.p[i - 1] == 'r' ? operator_len(s, i) : 0;

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

/* replacements of one token at *i; false: copy the character */
static bool copy_special(struct str s, size_t *i, struct strbuf *out)
{
	bool at_start = *i == 0 || (!is_ident(s.p[*i - 1]) && s.p[*i - 1] != ':');

	for (size_t k = 0; at_start && k < sizeof(inline_namespaces) / sizeof(char *); k++)
		if (starts_at(s, *i, inline_namespaces[k])) {
			strbuf_puts(out, "std::");
			*i += strlen(inline_namespaces[k]);
			return true;
		}
	if (starts_at(s, *i, "[abi:") || starts_at(s, *i, "[clone ")) {
		while (out->n && out->p[out->n - 1] == ' ')
			out->n--;
		*i = skip_group(s, *i);
		return true;
	}
	/* Go: shapes are named by their type, with a number in versions before 1.20 */
	if (starts_at(s, *i, "go.shape.")) {
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
	if (starts_at(s, *i, "::<") && *i && !starts_at(s, *i, "::<impl ")) {
		*i += 2;
		return true;
	}
	return false;
}

/* one pass: blanks, and what copy_special knows; is_key: blanks only where two words would grow together */
static void copy_tokens(struct str s, bool is_key, struct strbuf *out)
{
	for (size_t i = 0; i < s.n;) {
		char c = s.p[i], last = out->n ? out->p[out->n - 1] : ' ';

		if (copy_special(s, &i, out))
			continue;
		i++;
		if (c == ' ') {
			char next = i < s.n ? s.p[i] : ' ';
			bool joins = ((is_ident(last) || last == '>') && is_ident(next)) ||
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
		size_t at = i + 1;
		bool is_done = false;

		if (s.p[i] == ',') {
			while (at < s.n && s.p[at] == ' ')
				at++;
			for (size_t k = 0; k < sizeof(default_args) / sizeof(char *); k++)
				if (starts_at(s, at, default_args[k])) {
					i = skip_group(s, at + strlen(default_args[k]) - 1);
					is_done = true;
					break;
				}
		}
		if (!is_done)
			strbuf_putc(out, s.p[i++]);
	}
}

static void fold_aliases(struct str s, struct strbuf *out)
{
	for (size_t i = 0; i < s.n;) {
		bool is_done = false;

		for (size_t k = 0; k < sizeof(aliases) / sizeof(aliases[0]) && !is_done; k++)
			if (starts_at(s, i, aliases[k].text)) {
				strbuf_puts(out, aliases[k].spelled);
				i += strlen(aliases[k].text);
				is_done = true;
			}
		if (!is_done)
			strbuf_putc(out, s.p[i++]);
	}
}

/* " for " outside of brackets, or -1 */
static ptrdiff_t find_word(struct str s, const char *word)
{
	for (size_t i = 0; i < s.n; i++) {
		if (starts_at(s, i, word))
			return (ptrdiff_t)i;
		if (s.p[i] == '<' || s.p[i] == '(' || s.p[i] == '[' || s.p[i] == '{')
			i = skip_group(s, i) - 1;
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
		end = skip_group(s, 0);
		inner = str_sub(s, 1, end - 1);
		if (end > 2 && starts_at(s, end, "::") && find_word(inner, " as ") < 0) {
			strbuf_add_str(out, inner);
			strbuf_add_str(out, str_sub(s, end, s.n));
			return;
		}
	}
	if (at < 0 || (at > 0 && s.p[at - 1] != ':')) {
		strbuf_add_str(out, s);
		return;
	}
	end = skip_group(s, (size_t)at);
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

static void spell(struct str name, bool is_key, struct strbuf *out)
{
	struct strbuf a = { 0 }, b = { 0 };

	if (name.n > NAME_LIMIT) {
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
	spell(name, false, out);
}

/* ---- parts of a key ---- */

/*
 * Where the parameters begin: at the last bracket outside of all others that is neither a part of the path
 * ("(anonymousnamespace)::", Go's "(*P).") nor an operator's name. s.n without parameters.
 */
static size_t params_at(struct str s)
{
	size_t found = s.n;

	for (size_t i = 0; i < s.n; i++) {
		size_t op = operator_len(s, i), end;

		if (op) {
			i += op - 1;
			continue;
		}
		if (s.p[i] != '(' && s.p[i] != '<' && s.p[i] != '[' && s.p[i] != '{')
			continue;
		end = skip_group(s, i);
		if (s.p[i] == '(' && i && s.p[i - 1] != ':' && s.p[i - 1] != '.' &&
		    !starts_at(s, end, "::") && found == s.n)
			found = i;
		i = end - 1;
	}
	return found;
}

/* a return type in front ("int twice<int>"): where the name itself begins */
static size_t name_at(struct str s, size_t end)
{
	size_t from = 0;

	for (size_t i = 0; i < end; i++) {
		size_t op = operator_len(s, i);

		if (op)
			i += op - 1;
		else if (s.p[i] == '(' || s.p[i] == '<' || s.p[i] == '[' || s.p[i] == '{')
			i = skip_group(s, i) - 1;
		else if (s.p[i] == ' ' && !starts_at(s, i, " <") &&
			 !starts_at(s, i - (i >= 8 ? 8 : i), "operator"))
			from = i + 1;
		/* in a key the blank is gone behind a type that ends in * or &: "char*f<int>()" */
		else if (i && is_ident(s.p[i]) && (s.p[i - 1] == '*' || s.p[i - 1] == '&') &&
			 !(i >= 9 && operator_len(s, i - 1)))
			from = i;
	}
	return from;
}

/* "conststd::string&" does not occur: a blank stays between words. West const goes east: "std::string const&" */
static void east_const(struct str params, struct strbuf *out)
{
	for (size_t i = 0; i < params.n;) {
		bool at_start = i == 0 || params.p[i - 1] == '(' || params.p[i - 1] == ',' ||
				params.p[i - 1] == '<';
		size_t end;

		if (!at_start || !starts_at(params, i, "const ")) {
			strbuf_putc(out, params.p[i++]);
			continue;
		}
		i += 6;
		for (end = i; end < params.n; end++) {
			char c = params.p[end];

			if (c == '<')
				end = skip_group(params, end) - 1;
			else if (c == '*' || c == '&' || c == ',' || c == ')' || c == '>')
				break;
		}
		strbuf_add_str(out, str_sub(params, i, end));
		strbuf_puts(out, " const");
		i = end;
	}
}

/* ---- comparing ---- */

static bool is_type_args(struct str s, size_t i)
{
	/* '<' behind a word; at the start of a part it is <T as Trait>. Go: '[' behind a word */
	return i < s.n && i > 0 && (s.p[i] == '<' || s.p[i] == '[') &&
	       (is_ident(s.p[i - 1]) || s.p[i - 1] == '}' || s.p[i - 1] == ' ') &&
	       !operator_len(s, i);
}

/* the same path, where the pattern may leave out type arguments and numbers of closures */
static bool same_path(struct str p, struct str c)
{
	size_t i = 0, j = 0;

	for (;;) {
		if (starts_at(c, j, " <") && (i >= p.n || p.p[i] != ' ')) /* operator< <int> */
			j++;
		if (is_type_args(c, j)) {
			bool is_any = starts_at(p, i, "[...]");

			if (i >= p.n || (p.p[i] != '<' && p.p[i] != '[') || is_any) {
				j = skip_group(c, j);
				i += is_any ? 5 : 0;
				continue;
			}
		}
		/* a function's own parameters in the middle: "f(int)::local" may be asked for as f::local */
		if (j < c.n && c.p[j] == '(' && j && is_ident(c.p[j - 1]) &&
		    (i >= p.n || p.p[i] != '(')) {
			j = skip_group(c, j);
			continue;
		}
		if (j < c.n && c.p[j] == '#' && i < p.n && p.p[i] == '}')
			while (j < c.n && c.p[j] != '}')
				j++;
		if (i >= p.n || j >= c.n)
			return i >= p.n && j >= c.n;
		if (p.p[i] != c.p[j])
			return false;
		i++;
		j++;
	}
}

static void strip_type_args(struct str s, struct strbuf *out)
{
	for (size_t i = 0; i < s.n;) {
		size_t op = operator_len(s, i);

		if (op) {
			strbuf_add_str(out, str_sub(s, i, i + op));
			i += op;
		} else if (is_type_args(s, i)) {
			i = skip_group(s, i);
		} else {
			strbuf_putc(out, s.p[i++]);
		}
	}
}

static bool fits_wild(const struct name_pattern *p, struct str key, struct str path)
{
	struct strbuf bare = { 0 };
	bool fits = str_glob(p->key, key) || (!p->has_params && str_glob(p->key, path));

	if (!fits && !p->has_params) {
		strip_type_args(path, &bare);
		fits = str_glob(p->key, strbuf_str(&bare));
		strbuf_free(&bare);
	}
	return fits;
}

static bool same_params(struct str p, struct str c)
{
	struct strbuf east = { 0 };
	bool is_same;

	east_const(c, &east);
	is_same = str_eq(p, strbuf_str(&east));
	strbuf_free(&east);
	return is_same;
}

bool name_pattern_fits(const struct name_pattern *p, struct str name)
{
	struct strbuf buf = { 0 };
	struct str key, path;
	size_t params, from;
	bool fits;

	if (p->word.n && str_find(name, p->word) < 0)
		return false;
	spell(name, true, &buf);
	key = strbuf_str(&buf);
	params = params_at(key);
	path = str_sub(key, 0, params);
	if (p->is_wild) {
		from = name_at(key, params);
		fits = fits_wild(p, str_sub(key, from, key.n), str_sub(path, from, path.n)) ||
		       str_glob(p->key, key);
	} else {
		/* return types: the pattern may have one, too */
		fits = !p->has_params || same_params(str_sub(p->key, p->path.n, p->key.n),
						     str_sub(key, params, key.n));
		if (fits && !same_path(p->path, path)) {
			from = name_at(key, params);
			fits = from > 0 && same_path(p->path, str_sub(path, from, path.n));
		}
	}
	strbuf_free(&buf);
	return fits;
}

/* ---- patterns ---- */

bool name_is_wild(struct str s)
{
	size_t params = params_at(s);

	for (size_t i = 0; i < s.n; i++) {
		char last = i ? s.p[i - 1] : 0;

		if (s.p[i] != '*')
			continue;
		/* Go's receivers: .(*P). */
		if (last == '(' && i >= 2 && s.p[i - 2] == '.' && i + 1 < s.n &&
		    is_ident(s.p[i + 1]))
			continue;
		/* pointers among the parameters, and in Rust's <*const T as ...> */
		if (i > params && (is_ident(last) || last == '*' || last == '>'))
			continue;
		if (starts_at(s, i, "*const ") || starts_at(s, i, "*mut "))
			continue;
		/* operator* */
		if (i >= 8 && starts_at(s, i - 8, "operator"))
			continue;
		return true;
	}
	return false;
}

/* names that manglings abbreviate or leave out */
static bool is_abbreviated(struct str s)
{
	static const char *const names[] = {
		"std",      "string",   "allocator", "basic_string", "istream", "ostream",
		"iostream", "operator", "impl",      "for",          "as",      "dyn",
		"const",    "mut",      "anonymous", "namespace",    "str",     "closure",
		"bool",     "char",     "int",       "unsigned",     "long",    "string_view",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (str_is(s, names[i]))
			return true;
	return false;
}

/* the longest identifier of the path outside of all brackets; none when an operator is meant */
static struct str sure_word(struct str path)
{
	struct str best = STR_NULL;

	for (size_t i = 0; i < path.n;) {
		size_t from = i;

		if (path.p[i] == '<' || path.p[i] == '(' || path.p[i] == '[' || path.p[i] == '{') {
			i = skip_group(path, i);
			continue;
		}
		while (i < path.n && is_ident(path.p[i]))
			i++;
		if (str_is(str_sub(path, from, i), "operator"))
			return STR_NULL;
		if (i - from > best.n && !is_abbreviated(str_sub(path, from, i)))
			best = str_sub(path, from, i);
		if (i == from)
			i++;
	}
	return best;
}

void name_pattern_init(struct name_pattern *p, struct str written, struct arena *a)
{
	struct strbuf key = { 0 }, folded = { 0 };
	size_t params;

	*p = (struct name_pattern){ .is_wild = name_is_wild(written) };
	spell(written, true, &key);
	params = params_at(strbuf_str(&key));
	strbuf_add_str(&folded, str_sub(strbuf_str(&key), 0, params));
	east_const(str_sub(strbuf_str(&key), params, key.n), &folded);
	p->has_params = params < key.n;
	p->key = arena_str(a, strbuf_str(&folded));
	p->path = str_sub(p->key, 0, params);
	p->word = sure_word(p->path);
	strbuf_free(&key);
	strbuf_free(&folded);
}

struct str name_last_part(struct str name)
{
	size_t end = params_at(name), from = 0;

	for (size_t i = 0; i < end; i++) {
		size_t op = operator_len(name, i);

		if (op) {
			i += op - 1;
		} else if (is_type_args(name, i) && skip_group(name, i) >= end) {
			end = i;
		} else if (name.p[i] == '<' || name.p[i] == '(' || name.p[i] == '[' ||
			   name.p[i] == '{') {
			i = skip_group(name, i) - 1;
		} else if (name.p[i] == ':' || name.p[i] == '.' || name.p[i] == ' ') {
			from = i + 1;
		}
	}
	return str_sub(name, from, end);
}
