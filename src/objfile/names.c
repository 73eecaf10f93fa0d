/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which names fit a pattern; see names.h. Both are brought into the compact spelling, and compared by a walk that may leave
 * out parameters, return types and type arguments.
 */
#include "objfile/names_private.h"

/* ---- parts of a key ---- */

/*
 * Where the parameters begin: at the last bracket outside of all others that is neither a part of the path
 * ("(anonymousnamespace)::", Go's "(*P).") nor an operator's name. s.n without parameters.
 */
static size_t params_at(struct str s)
{
	size_t found = s.n;

	for (size_t i = 0; i < s.n; i++) {
		size_t op = name_operator_len(s, i), end;

		if (op) {
			i += op - 1;
			continue;
		}
		if (s.p[i] != '(' && s.p[i] != '<' && s.p[i] != '[' && s.p[i] != '{')
			continue;
		end = name_skip_group(s, i);
		if (s.p[i] == '(' && i && s.p[i - 1] != ':' && s.p[i - 1] != '.' &&
		    !name_starts_at(s, end, "::") && found == s.n)
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
		size_t op = name_operator_len(s, i);

		if (op)
			i += op - 1;
		else if (s.p[i] == '(' || s.p[i] == '<' || s.p[i] == '[' || s.p[i] == '{')
			i = name_skip_group(s, i) - 1;
		else if (s.p[i] == ' ' && !name_starts_at(s, i, " <") &&
			 !name_starts_at(s, i - (i >= 8 ? 8 : i), "operator"))
			from = i + 1;
		/* in a key the blank is gone behind a type that ends in * or &: "char*f<int>()" */
		else if (i && name_is_ident(s.p[i]) && (s.p[i - 1] == '*' || s.p[i - 1] == '&') &&
			 !(i >= 9 && name_operator_len(s, i - 1)))
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

		if (!at_start || !name_starts_at(params, i, "const ")) {
			strbuf_putc(out, params.p[i++]);
			continue;
		}
		i += 6;
		for (end = i; end < params.n; end++) {
			char c = params.p[end];

			if (c == '<')
				end = name_skip_group(params, end) - 1;
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
	       (name_is_ident(s.p[i - 1]) || s.p[i - 1] == '}' || s.p[i - 1] == ' ') &&
	       !name_operator_len(s, i);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "v2::", "__v1::", "lts_20230802::" at j: a namespace that libraries make inline to tell versions apart: its length, or 0 */
static size_t inline_namespace_len(struct str c, size_t j)
{
	size_t end = j, word = j;
	bool looks;

	while (end < c.n && name_is_ident(c.p[end]))
		end++;
	if (!name_starts_at(c, end, "::") || (j && c.p[j - 1] != ':'))
		return 0;
	while (word < end && c.p[word] == '_')
		word++;
	looks = word >= j + 2 ||
		((c.p[word] == 'v' || c.p[word] == 'V') && is_digit(c.p[word + 1])) ||
		(name_starts_at(c, word, "lts_") && is_digit(c.p[word + 4])) ||
		(name_starts_at(c, word, "cxx") && is_digit(c.p[word + 3]));
	return looks ? end + 2 - j : 0;
}

/* the same path, where the pattern may leave out type arguments and numbers of closures */
static bool same_path(struct str p, struct str c, bool skips_inline)
{
	size_t i = 0, j = 0;

	for (;;) {
		size_t skip = skips_inline ? inline_namespace_len(c, j) : 0;

		if (skip && (skip > p.n - i || memcmp(p.p + i, c.p + j, skip)))
			j += skip;
		if (name_starts_at(c, j, " <") && (i >= p.n || p.p[i] != ' ')) /* operator< <int> */
			j++;
		if (is_type_args(c, j)) {
			bool is_any = name_starts_at(p, i, "[...]");

			if (i >= p.n || (p.p[i] != '<' && p.p[i] != '[') || is_any) {
				j = name_skip_group(c, j);
				i += is_any ? 5 : 0;
				continue;
			}
		}
		/* a function's own parameters in the middle: "f(int)::local" may be asked for as f::local */
		if (j < c.n && c.p[j] == '(' && j && name_is_ident(c.p[j - 1]) &&
		    (i >= p.n || p.p[i] != '(')) {
			j = name_skip_group(c, j);
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
		size_t op = name_operator_len(s, i);

		if (op) {
			strbuf_add_str(out, str_sub(s, i, i + op));
			i += op;
		} else if (is_type_args(s, i)) {
			i = name_skip_group(s, i);
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

/* what compilers make around a function, and name after it: it calls the function, which then is hit itself */
static bool is_helper(struct str key)
{
	static const char *const prefixes[] = {
		"non-virtual thunk to ",  "virtual thunk to ",         "covariant return thunk to ",
		"TLS init function for ", "TLS wrapper function for ", "guard variable for ",
	};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (name_starts_at(key, 0, prefixes[i]))
			return true;
	return false;
}

bool name_pattern_fits(const struct name_pattern *p, struct str name)
{
	struct strbuf buf = { 0 };
	struct str key, path;
	size_t params, from;
	bool fits;

	if (p->word.n && str_find(name, p->word) < 0)
		return false;
	name_spell(name, true, &buf);
	key = strbuf_str(&buf);
	params = params_at(key);
	path = str_sub(key, 0, params);
	if (is_helper(key)) {
		fits = p->is_wild ? str_glob(p->key, key) : str_eq(p->key, key);
	} else if (p->is_wild) {
		from = name_at(key, params);
		fits = fits_wild(p, str_sub(key, from, key.n), str_sub(path, from, path.n)) ||
		       str_glob(p->key, key);
	} else {
		/* return types: the pattern may have one, too */
		fits = !p->has_params || same_params(str_sub(p->key, p->path.n, p->key.n),
						     str_sub(key, params, key.n));
		if (fits && !same_path(p->path, path, p->skips_inline)) {
			from = name_at(key, params);
			fits = from > 0 &&
			       same_path(p->path, str_sub(path, from, path.n), p->skips_inline);
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
		    name_is_ident(s.p[i + 1]))
			continue;
		/* pointers among the parameters, and in Rust's <*const T as ...> */
		if (i > params && (name_is_ident(last) || last == '*' || last == '>'))
			continue;
		if (name_starts_at(s, i, "*const ") || name_starts_at(s, i, "*mut "))
			continue;
		/* operator* */
		if (i >= 8 && name_starts_at(s, i - 8, "operator"))
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
		"lambda",   "unnamed",  "type",      "thunk",        "virtual", "non",
		"to",       "return",   "covariant", "function",     "init",    "wrapper",
		"TLS",      "guard",    "variable",  "shim",         "vtable",
	};

	return STR_IS_ONE_OF(s, names);
}

/* the longest identifier of the path outside of all brackets; none when an operator is meant */
static struct str sure_word(struct str path)
{
	struct str best = STR_NULL;

	for (size_t i = 0; i < path.n;) {
		size_t from = i;

		if (path.p[i] == '<' || path.p[i] == '(' || path.p[i] == '[' || path.p[i] == '{') {
			i = name_skip_group(path, i);
			continue;
		}
		while (i < path.n && name_is_ident(path.p[i]))
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
	name_spell(written, true, &key);
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
		size_t op = name_operator_len(name, i);

		if (op) {
			i += op - 1;
		} else if (is_type_args(name, i) && name_skip_group(name, i) >= end) {
			end = i;
		} else if (name.p[i] == '<' || name.p[i] == '(' || name.p[i] == '[' ||
			   name.p[i] == '{') {
			i = name_skip_group(name, i) - 1;
		} else if (name.p[i] == ':' || name.p[i] == '.' || name.p[i] == ' ') {
			from = i + 1;
		}
	}
	return str_sub(name, from, end);
}
