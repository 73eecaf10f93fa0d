/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See spec.h. Only words are looked at here; whether there is such a probe is found out when the script is compiled, and
 * said there. The two questions that the words leave open are asked: is a word without a slash a program or a library, and is a
 * function without a library one of the kernel.
 */
#include "tools/spec.h"

#include "base/cleanup.h"
#include "objfile/kallsyms.h"

#include <ctype.h>

/* ---- where the specification ends ---- */

static bool is_name_char(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* index behind the bracket that closes the one at i, or 0 */
static size_t skip_brackets(struct str s, size_t i)
{
	char open = s.p[i], close = open == '(' ? ')' : open == '<' ? '>' : ']';
	unsigned depth = 0;

	for (; i < s.n; i++) {
		depth += s.p[i] == open;
		depth -= s.p[i] == close;
		if (!depth)
			return i + 1;
	}
	return 0;
}

/*
 * A parenthesis behind a name begins a signature, unless it is part of the name: Go's main.(*T).f, or the parameters of a C++
 * function, whose name has a ::.
 */
static bool is_part_of_name(struct str s, size_t i)
{
	/* the colons of "r::f" are no name's */
	size_t from = s.n > 1 && s.p[1] == ':' && strchr("prtu", s.p[0]) ? 2 : s.p[0] == ':';

	return (i && s.p[i - 1] == '.') || str_find(str_sub(s, from, i), STR("::")) >= 0;
}

static size_t end_of_spec(struct str s, bool is_own)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		size_t end;

		if (c == '"') {
			ptrdiff_t quote = str_find_char(s, '"', i + 1);

			/* a format that touches the name ends it */
			if (quote < 0 || (i && s.p[i - 1] != ':' && s.p[i - 1] != '@'))
				return i;
			i = (size_t)quote;
		} else if (c == ' ' || c == '\t') {
			return i;
		} else if (c == '<' && i && (s.p[i - 1] == ':' || is_name_char(s.p[i - 1]))) {
			end = skip_brackets(s, i);
			i = end ? end - 1 : i;
		} else if (c == '(') {
			end = skip_brackets(s, i);
			if (!end || (!is_own && !is_part_of_name(s, i)))
				return i;
			i = end - 1;
		}
	}
	return s.n;
}

/* a line of sonde list as a whole: what stands behind "  # " is for people */
static struct str without_remark(struct str s)
{
	ptrdiff_t at = str_find(s, STR("  # "));

	return at < 0 ? s : str_trim(str_sub(s, 0, (size_t)at));
}

/* ---- the parts ---- */

static bool is_plain(struct str s, const char *more)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_name_char(s.p[i]) && !strchr(more, s.p[i]))
			return false;
	return true;
}

struct str spec_quote(struct arena *a, struct str part)
{
	if (part.n && (part.p[0] == '"' || is_plain(part, "*./+-")))
		return part;
	return arena_printf(a, "\"%.*s\"", STR_ARG(part));
}

static struct str unquoted(struct str s)
{
	if (s.n > 1 && s.p[0] == '"' && s.p[s.n - 1] == '"')
		return str_sub(s, 1, s.n - 1);
	return s;
}

/* up to the next ':' that is not in quotes */
static struct str take_part(struct str *s)
{
	struct str whole = *s, part;
	size_t n = 0;

	while (n < whole.n && whole.p[n] != ':') {
		if (whole.p[n] == '"') {
			ptrdiff_t end = str_find_char(whole, '"', n + 1);

			n = end < 0 ? whole.n - 1 : (size_t)end;
		}
		n++;
	}
	part = str_sub(whole, 0, n);
	*s = str_sub(whole, n < whole.n ? n + 1 : n, whole.n);
	return part;
}

/* a program in PATH; else a word is a library's name, with or without lib */
static struct str find_target(struct tool_args *a, struct str word)
{
	struct str dirs = str_from(getenv("PATH"));

	if (!word.n || str_find_char(word, '/', 0) >= 0 || str_has_glob(word) ||
	    str_starts(word, STR("lib")) || str_find(word, STR(".so")) >= 0)
		return word;
	while (dirs.n) {
		struct str dir = str_split(&dirs, ':');

		if (!access(arena_printf(&a->arena, "%.*s/%.*s", STR_ARG(dir), STR_ARG(word)).p,
			    X_OK))
			return word;
	}
	return arena_printf(&a->arena, "lib%.*s", STR_ARG(word));
}

/* a function without a library: the kernel's if it has one of that name; its list may be hidden or absent */
static bool is_kernel_function(struct str name)
{
	struct kallsyms *k;
	struct err *err;
	bool found;

	if (str_has_glob(name)) /* vfs_*: as in bcc */
		return true;
	err = kallsyms_load(&k);
	if (err) {
		err_free(err);
		return false;
	}
	found = kallsyms_find(k, name, STR(""));
	kallsyms_free(k);
	return found;
}

static void cut_offset(struct tool_spec *s)
{
	for (size_t i = s->name.n; i > 1; i--) {
		uint64_t value;

		if (s->name.p[i - 1] != '+')
			continue;
		if (str_to_u64(str_sub(s->name, i, s->name.n), &value)) {
			s->offset = str_sub(s->name, i, s->name.n);
			s->name = str_sub(s->name, 0, i - 1);
		}
		return;
	}
}

static ERR_MUST struct err *parse_signature(struct tool_spec *s, struct str text)
{
	while (text.n) {
		struct str one = str_trim(str_split(&text, ','));
		size_t n = one.n;

		while (n && is_name_char(one.p[n - 1]))
			n--;
		if (!one.n || str_is(one, "void"))
			continue;
		if (n == one.n || !n)
			return err_hint(
				err_new(0, "cannot understand '%.*s' in the signature of %.*s",
					STR_ARG(one), STR_ARG(s->text)),
				"a signature names types and arguments: (int fd, char *buf)");
		vec_push(&s->params, ((struct spec_param){ str_trim(str_sub(one, 0, n)),
							   str_sub(one, n, one.n) }));
	}
	return NULL;
}

/* ---- sonde's own words ---- */

static const struct own {
	const char *word;
	enum spec_kind kind;
	bool is_user;
} own_words[] = {
	{ "uprobe", SPEC_ENTRY, true },
	{ "uretprobe", SPEC_RETURN, true },
	{ "ur", SPEC_RETURN, true },
	{ "usdt", SPEC_USDT, true },
	{ "U", SPEC_USDT, true },
	{ "tracepoint", SPEC_TRACEPOINT, false },
	{ "kprobe", SPEC_ENTRY, false },
	{ "k", SPEC_ENTRY, false },
	{ "kretprobe", SPEC_RETURN, false },
	{ "kr", SPEC_RETURN, false },
	{ "fentry", SPEC_ENTRY, false },
	{ "kfunc", SPEC_ENTRY, false },
	{ "f", SPEC_ENTRY, false },
	{ "fexit", SPEC_RETURN, false },
	{ "kretfunc", SPEC_RETURN, false },
	{ "fr", SPEC_RETURN, false },
	{ "rawtracepoint", SPEC_TRACEPOINT, false },
	{ "rt", SPEC_TRACEPOINT, false },
	{ "profile", SPEC_OTHER, false },
	{ "interval", SPEC_OTHER, false },
	{ "software", SPEC_OTHER, false },
	{ "hardware", SPEC_OTHER, false },
	{ "watchpoint", SPEC_OTHER, false },
};

static const struct own *find_own(struct str word)
{
	for (size_t i = 0; i < sizeof(own_words) / sizeof(*own_words); i++)
		if (str_is(word, own_words[i].word))
			return &own_words[i];
	return NULL;
}

static void parse_own(struct tool_args *a, const struct own *own, struct str rest,
		      struct tool_spec *s)
{
	s->is_own = true;
	s->kind = own->kind;
	s->is_user = own->is_user;
	s->attach = s->text;
	s->target = unquoted(take_part(&rest));
	s->name = unquoted(rest.n ? rest : s->target);
	s->shown = s->name;
	if (own->kind == SPEC_USDT || own->kind == SPEC_TRACEPOINT)
		while (rest.n)
			s->shown = take_part(&rest);
	/* a pasted line has its patterns in it, and those of paths do not count as several functions */
	s->has_glob = str_has_glob(s->name) || str_has_glob(s->target);
}

/* ---- bcc's words ---- */

static void make_attach(struct tool_args *a, struct tool_spec *s)
{
	struct arena *m = &a->arena;
	struct str target = spec_quote(m, s->target), name = spec_quote(m, s->name);

	switch (s->kind) {
	case SPEC_TRACEPOINT:
		s->attach = arena_printf(m, "tracepoint:%.*s:%.*s", STR_ARG(target), STR_ARG(name));
		break;
	case SPEC_USDT:
		s->attach = arena_printf(m, "usdt:%.*s:%.*s%s%.*s", STR_ARG(target),
					 STR_ARG(s->provider), s->provider.n ? ":" : "",
					 STR_ARG(name));
		break;
	default: s->attach = spec_attach_as(a, s, s->kind);
	}
}

/* the call of a function that bcc's tools name so: sys_read, SyS_read, __x64_sys_read */
static struct str syscall_of(struct str name)
{
	static const char *const prefixes[] = { "sys_", "SyS_", "__x64_sys_", "__se_sys_" };

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++)
		if (str_starts(name, str_from(prefixes[i])))
			return str_sub(name, strlen(prefixes[i]), name.n);
	return STR_NULL;
}

struct str spec_attach_as(struct tool_args *a, const struct tool_spec *s, enum spec_kind kind)
{
	struct arena *m = &a->arena;
	const char *plus = s->offset.n ? "+" : "";
	struct str rest = s->text;

	if (s->is_syscall)
		return arena_printf(m, "tracepoint:syscalls:sys_%s_%.*s",
				    kind == SPEC_RETURN ? "exit" : "enter",
				    STR_ARG(syscall_of(s->name)));

	if (s->is_own && s->kind != kind) {
		struct str word = take_part(&rest);
		bool is_ret = kind == SPEC_RETURN,
		     is_f = word.p[0] == 'f' || str_ends(word, STR("func"));

		return arena_printf(m, "%s:%.*s",
				    s->is_user ? (is_ret ? "uretprobe" : "uprobe")
				    : is_f     ? (is_ret ? "fexit" : "fentry")
					       : (is_ret ? "kretprobe" : "kprobe"),
				    STR_ARG(rest));
	}
	if (s->is_own)
		return s->attach;
	if (!s->is_user)
		return arena_printf(m, "%s:%.*s%s%.*s",
				    kind == SPEC_RETURN ? "kretprobe" : "kprobe",
				    STR_ARG(spec_quote(m, s->name)), plus, STR_ARG(s->offset));
	return arena_printf(m, "%s:%.*s:%.*s%s%.*s", kind == SPEC_RETURN ? "uretprobe" : "uprobe",
			    STR_ARG(spec_quote(m, s->target)), STR_ARG(spec_quote(m, s->name)),
			    plus, STR_ARG(s->offset));
}

/* "lib:rest", ":rest" (empty), "rest" (null); a C++ or Rust name without a library has its :: behind a word */
static struct str take_target(struct str *rest)
{
	struct str all = *rest, part = take_part(&all);

	if (part.n == rest->n || (part.n && all.n && all.p[0] == ':')) {
		return STR_NULL;
	}
	*rest = all;
	return unquoted(part);
}

static void parse_bcc(struct tool_args *a, struct str rest, struct tool_spec *s)
{
	struct str after = rest, first = take_part(&after);

	s->kind = SPEC_ENTRY;
	if (first.n < 2 && after.n && first.n != rest.n) {
		switch (first.n ? first.p[0] : 'p') {
		case 'r': s->kind = SPEC_RETURN; break;
		case 't': s->kind = SPEC_TRACEPOINT; break;
		case 'u': s->kind = SPEC_USDT; break;
		default: break;
		}
		/* one letter that is no type is a library: c:malloc */
		if (!first.n || strchr("prtu", first.p[0]))
			rest = after;
	}
	s->target = take_target(&rest);
	if (s->kind == SPEC_USDT) {
		struct str name = rest, provider = take_part(&name);

		if (name.n) {
			s->provider = provider;
			rest = name;
		}
	}
	s->name = unquoted(rest);
	s->shown = s->name;
}

/*
 * No library: "f" is, with -p or -c, what the process maps. Otherwise, and written "p::f", it is the kernel's if the kernel has
 * one, else anybody's.
 */
static void choose_target(struct tool_args *a, struct tool_spec *s)
{
	bool is_process = (a->session.pids.n || a->session.command) && !s->target.p;

	s->target = STR("*");
	s->is_user = is_process || s->kind == SPEC_USDT || !is_kernel_function(s->name);
}

static ERR_MUST struct err *settle_bcc(struct tool_args *a, struct tool_spec *s)
{
	if (!s->name.n || (s->kind == SPEC_TRACEPOINT && !s->target.n))
		return err_hint(
			err_new(0, "cannot understand the probe '%.*s'", STR_ARG(s->text)),
			"write library:function, r:library:function, u:library:probe, t:category:event, or a "
			"line of sonde list");
	s->has_glob = str_has_glob(s->name) || str_has_glob(s->target);
	if (s->kind == SPEC_TRACEPOINT) {
		make_attach(a, s);
		return NULL;
	}
	if (s->kind != SPEC_USDT)
		cut_offset(s);
	s->is_user = true;
	/* system calls have tracepoints on every kernel, and their wrappers' arguments are no arguments */
	s->is_syscall = !s->target.n && !s->offset.n && s->kind != SPEC_USDT &&
			syscall_of(s->name).n;
	if (s->is_syscall) {
		s->is_user = false;
	} else if (!s->target.n) {
		choose_target(a, s);
	} else {
		s->target = find_target(a, s->target);
	}
	make_attach(a, s);
	return NULL;
}

struct err *spec_parse(struct tool_args *a, struct str *text, struct tool_spec *ret)
{
	struct tool_spec *s = ret;
	struct str all = str_trim(*text), rest, word;
	const struct own *own;
	size_t end;

	*s = (struct tool_spec){ 0 };
	all = without_remark(all);
	rest = all;
	word = take_part(&rest);
	own = rest.n ? find_own(word) : NULL;
	end = end_of_spec(all, own);
	s->text = str_sub(all, 0, end);
	*text = str_sub(all, end, all.n);
	if (own) {
		parse_own(a, own, str_sub(s->text, word.n + 1, s->text.n), s);
		return NULL;
	}
	parse_bcc(a, s->text, s);
	if (text->n && text->p[0] == '(') {
		size_t close = skip_brackets(*text, 0);

		TRY(parse_signature(s, str_sub(*text, 1, close - 1)));
		*text = str_sub(*text, close, text->n);
	}
	return settle_bcc(a, s);
}

struct err *spec_parse_all(struct tool_args *a, struct str text, struct tool_spec *ret)
{
	TRY(spec_parse(a, &text, ret));
	text = str_trim(text);
	if (!text.n)
		return NULL;
	spec_free(ret);
	return err_new(0, "nothing may stand behind the probe '%.*s': %.*s", STR_ARG(ret->text),
		       STR_ARG(text));
}

void spec_free(struct tool_spec *s)
{
	vec_free(&s->params);
}
