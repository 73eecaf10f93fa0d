/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Directives of the preprocessor: which text is kept, which names are defined, which files are read. Replacing is in
 * cpp_expand.c, the arithmetic of #if in cpp_cond.c. Lines of the same directive may go on behind a backslash; the
 * lexer hides that.
 */
#include "lang/cpp_private.h"

#include "base/cleanup.h"

#include <sys/stat.h>

#define MAX_INCLUDE_DEPTH 50
#define MAX_HEADER_SIZE (16u << 20)
#define MAX_GROWTH (1u << 20) /* tokens that defines may add to the text between two directives */

/* one file or span being read */
struct reader {
	struct lexer lex;
	struct token pending; /* the first token behind the directive that was read */
	bool has_pending;
	bool first;
	struct span at; /* the whole */
};

struct line {
	VEC(struct token) t;
	struct span at;
};

static struct token reader_next(struct reader *r)
{
	struct token t;

	if (r->has_pending) {
		r->has_pending = false;
		return r->pending;
	}
	t = lex_next(&r->lex);
	if (r->first)
		t.at_line_start = true;
	r->first = false;
	return t;
}

/* the rest of the line of a '#', which has been read */
static void reader_line(struct reader *r, struct span hash, struct line *l)
{
	l->at = hash;
	for (;;) {
		struct token t = reader_next(r);

		if (t.kind == TOKEN_END || t.at_line_start) {
			r->pending = t;
			r->has_pending = true;
			return;
		}
		vec_push(&l->t, t);
		l->at = span_join(l->at, t.at);
	}
}

static void read_source(struct cpp *c, struct span text);

/* ---- #define ---- */

static bool same_body(const struct cpp_define *a, const struct cpp_define *b)
{
	if (a->is_function != b->is_function || a->n_body != b->n_body ||
	    a->n_params != b->n_params)
		return false;
	for (uint32_t i = 0; i < a->n_body; i++)
		if (!str_eq(a->body[i].text, b->body[i].text))
			return false;
	return true;
}

/* '(' names ')' from token *i on; false after a diagnostic */
static bool read_params(struct cpp *c, const struct line *l, size_t *i, struct cpp_define *d)
{
	VEC(struct str) params = { 0 };
	bool ok = false;

	for ((*i)++; *i < l->t.n; (*i)++) {
		const struct token *t = &l->t.v[*i];

		if (t->kind == TOKEN_RPAREN) {
			ok = true;
			(*i)++;
			break;
		}
		if (t->kind == TOKEN_ELLIPSIS) {
			d->is_variadic = true;
			vec_push(&params, STR("__VA_ARGS__"));
		} else if (t->kind == TOKEN_NAME && !d->is_variadic) {
			vec_push(&params, t->name);
			/* "args..." names the rest */
			if (*i + 1 < l->t.n && l->t.v[*i + 1].kind == TOKEN_ELLIPSIS) {
				d->is_variadic = true;
				(*i)++;
			}
		} else if (t->kind != TOKEN_COMMA) {
			break;
		}
	}
	d->params = arena_array(c->o.arena, struct str, params.n + 1);
	if (params.n)
		memcpy(d->params, params.v, params.n * sizeof(*params.v));
	d->n_params = (uint32_t)params.n;
	vec_free(&params);
	if (!ok)
		diag_error(c->o.diags, D_CPP_DIRECTIVE, l->at,
			   "#define %.*s: parameters are names between ',' and end in ')'",
			   STR_ARG(d->name));
	return ok;
}

static void directive_define(struct cpp *c, const struct line *l)
{
	struct cpp_define *d, *old;
	struct token *body;
	size_t i = 2;

	if (l->t.n < 2 || l->t.v[1].kind != TOKEN_NAME) {
		diag_error(c->o.diags, D_CPP_DIRECTIVE, l->at, "#define needs a name");
		return;
	}
	d = arena_new(c->o.arena, struct cpp_define);
	d->name = l->t.v[1].name;
	d->at = l->t.v[1].at;
	if (l->t.n > 2 && l->t.v[2].kind == TOKEN_LPAREN && !l->t.v[2].space_before) {
		d->is_function = true;
		if (!read_params(c, l, &i, d))
			return;
	}
	d->n_body = (uint32_t)(l->t.n - i);
	body = arena_array(c->o.arena, struct token, d->n_body + 1);
	if (d->n_body)
		memcpy(body, l->t.v + i, d->n_body * sizeof(*body));
	d->body = body;
	old = hashmap_put(&c->defines, d->name, d);
	if (old && !same_body(old, d))
		diag_warning(c->o.diags, D_CPP_DIRECTIVE, d->at,
			     "'%.*s' is defined again with another text", STR_ARG(d->name));
}

const struct cpp_define *cpp_find_define(const struct cpp *c, struct str name)
{
	return hashmap_get(&c->defines, name);
}

/* ---- conditions ---- */

static bool is_active(const struct cpp *c)
{
	return c->conditions.n == 0 || vec_last(&c->conditions).active;
}

static bool line_is_defined(const struct cpp *c, const struct line *l)
{
	return l->t.n > 1 && l->t.v[1].kind == TOKEN_NAME && cpp_find_define(c, l->t.v[1].name);
}

static void open_condition(struct cpp *c, const struct line *l, struct str word)
{
	struct cpp_condition cond = { .at = l->at, .outer = is_active(c) };

	if (cond.outer) {
		if (str_is(word, "if"))
			cond.active = cpp_evaluate(c, l->t.v + 1, l->t.n - 1, l->at);
		else if (l->t.n < 2)
			diag_error(c->o.diags, D_CPP_DIRECTIVE, l->at, "#%.*s needs a name",
				   STR_ARG(word));
		else
			cond.active = line_is_defined(c, l) == str_is(word, "ifdef");
	}
	cond.was_taken = cond.active;
	vec_push(&c->conditions, cond);
}

/* #else, #elif, #elifdef, #elifndef, #endif */
static void change_condition(struct cpp *c, const struct line *l, struct str word, size_t base)
{
	struct cpp_condition *cond;

	if (c->conditions.n <= base) {
		diag_error(c->o.diags, D_CPP_DIRECTIVE, l->at, "#%.*s without #if", STR_ARG(word));
		return;
	}
	cond = &vec_last(&c->conditions);
	if (str_is(word, "endif")) {
		c->conditions.n--;
		return;
	}
	if (cond->saw_else)
		diag_error(c->o.diags, D_CPP_DIRECTIVE, l->at, "#%.*s behind #else", STR_ARG(word));
	if (str_is(word, "else"))
		cond->saw_else = true;
	cond->active = false;
	if (!cond->outer || cond->was_taken)
		return;
	if (str_is(word, "else"))
		cond->active = true;
	else if (str_is(word, "elif"))
		cond->active = cpp_evaluate(c, l->t.v + 1, l->t.n - 1, l->at);
	else
		cond->active = line_is_defined(c, l) == str_is(word, "elifdef");
	cond->was_taken = cond->active;
}

/* ---- #include ---- */

/* headers whose types come from BTF and whose constants come from our table */
static bool is_system_header(struct str path)
{
	static const char *const folders[] = {
		"linux/",     "uapi/",      "net/",   "sys/",    "asm/",         "asm-generic/",
		"bits/",      "scsi/",      "sound/", "rdma/",   "drm/",         "trace/",
		"crypto/",    "media/",     "acpi/",  "arpa/",   "netinet/",     "xen/",
		"kvm/",       "generated/", "vdso/",  "misc/",   "clocksource/", "video/",
		"pcmcia/",    "soc/",       "bpf/",   "target/", "keys/",        "mtd/",
		"netpacket/", "rpc/",       "gnu/",   "nvme/",   "virt/"
	};
	static const char *const files[] = {
		"stdint.h",   "stddef.h",  "stdbool.h",  "stdio.h",   "stdlib.h",   "string.h",
		"errno.h",    "limits.h",  "signal.h",   "unistd.h",  "fcntl.h",    "time.h",
		"poll.h",     "netdb.h",   "dirent.h",   "stdarg.h",  "inttypes.h", "sched.h",
		"pthread.h",  "ctype.h",   "assert.h",   "float.h",   "math.h",     "endian.h",
		"byteswap.h", "elf.h",     "ucontext.h", "utmp.h",    "pwd.h",      "grp.h",
		"vmlinux.h",  "syscall.h", "strings.h",  "ifaddrs.h", "mqueue.h",   "semaphore.h"
	};

	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
		if (str_starts(path, str_from(folders[i])))
			return true;
	return STR_IS_ONE_OF(path, files);
}

static bool read_file(struct arena *arena, struct str path, struct str *text)
{
	char *name FREE_AUTO = base_strndup(path);
	FILE_AUTO f = fopen(name, "re");
	struct stat st;
	char *p;

	if (!f || fstat(fileno(f), &st) || !S_ISREG(st.st_mode) || st.st_size > MAX_HEADER_SIZE)
		return false;
	p = arena_alloc(arena, (size_t)st.st_size + 1);
	*text = str_make(p, fread(p, 1, (size_t)st.st_size, f));
	return true;
}

/* dir/name, read; the text is a new source then */
static bool try_include(struct cpp *c, struct str dir, struct str name, bool *already)
{
	struct str path = dir.n ? arena_printf(c->o.arena, "%.*s/%.*s", STR_ARG(dir), STR_ARG(name))
				: name;
	struct str text;
	uint16_t file;

	vec_each(once, &c->once) {
		if (str_eq(*once, path)) {
			*already = true;
			return true;
		}
	}
	if (!(c->o.read_file ? c->o.read_file(c->o.read_arg, c->o.arena, path, &text)
			     : read_file(c->o.arena, path, &text)))
		return false;
	file = sources_add(c->o.sources, path, text);
	c->include_depth++;
	read_source(c, (struct span){ 0, (uint32_t)text.n, file, 0 });
	c->include_depth--;
	return true;
}

static struct str dir_name(struct str path)
{
	for (size_t i = path.n; i > 0; i--)
		if (path.p[i - 1] == '/')
			return str_sub(path, 0, i - 1);
	return STR_NULL;
}

static void include_path(struct cpp *c, struct str path, bool quoted, struct span at)
{
	bool already = false;
	struct diag *d;

	if (c->include_depth >= MAX_INCLUDE_DEPTH) {
		diag_error(c->o.diags, D_CPP_INCLUDE, at,
			   "headers include each other %d levels deep", MAX_INCLUDE_DEPTH);
		return;
	}
	if (path.n && path.p[0] == '/') {
		if (try_include(c, STR_NULL, path, &already))
			return;
	} else {
		if (quoted && at.file < c->o.sources->files.n) {
			struct str dir = dir_name(c->o.sources->files.v[at.file].name);

			if (dir.n && try_include(c, dir, path, &already))
				return;
			if (try_include(c, STR_NULL, path, &already))
				return;
		}
		for (uint32_t i = 0; i < c->o.n_include_dirs; i++)
			if (try_include(c, c->o.include_dirs[i], path, &already))
				return;
		if (is_system_header(path))
			return;
	}
	d = diag_error(c->o.diags, D_CPP_INCLUDE, at, "header '%.*s' not found", STR_ARG(path));
	diag_hint(c->o.diags, d,
		  "give its folder with -I; headers of the kernel and of libc need no file");
}

static void directive_include(struct cpp *c, const struct line *l, const struct reader *r)
{
	const struct token *first = l->t.n > 1 ? &l->t.v[1] : NULL, *last = &vec_last(&l->t);

	if (first && first->kind == TOKEN_STRING) {
		/* the raw text: a backslash in a path is no escape */
		include_path(c, str_sub(first->text, 1, first->text.n - 1), true, l->at);
	} else if (first && first->kind == TOKEN_LESS && last->kind == TOKEN_GREATER &&
		   first->at.file == r->lex.file) {
		include_path(c, str_sub(r->lex.text, first->at.end, last->at.start), false, l->at);
	} else {
		diag_error(c->o.diags, D_CPP_INCLUDE, l->at, "#include needs \"file\" or <file>");
	}
}

void cpp_include(struct cpp *c, struct str path, struct span at)
{
	include_path(c, path, true, at);
}

/* ---- directives ---- */

static struct str line_rest(const struct line *l, const struct reader *r)
{
	return l->t.n > 1 ? str_sub(r->lex.text, l->t.v[1].at.start, l->at.end) : STR_NULL;
}

static void run_directive(struct cpp *c, struct reader *r, const struct line *l, size_t base)
{
	struct str word = l->t.n ? l->t.v[0].text : STR_NULL;

	if (l->t.n == 0)
		return; /* '#' alone */
	if (str_is(word, "if") || str_is(word, "ifdef") || str_is(word, "ifndef")) {
		open_condition(c, l, word);
	} else if (str_is(word, "else") || str_is(word, "elif") || str_is(word, "elifdef") ||
		   str_is(word, "elifndef") || str_is(word, "endif")) {
		change_condition(c, l, word, base);
	} else if (!is_active(c)) {
		return;
	} else if (str_is(word, "define")) {
		directive_define(c, l);
	} else if (str_is(word, "undef")) {
		if (l->t.n > 1 && l->t.v[1].kind == TOKEN_NAME)
			hashmap_remove(&c->defines, l->t.v[1].name);
		else
			diag_error(c->o.diags, D_CPP_DIRECTIVE, l->at, "#undef needs a name");
	} else if (str_is(word, "include") || str_is(word, "include_next") ||
		   str_is(word, "import")) {
		directive_include(c, l, r);
	} else if (str_is(word, "error")) {
		diag_error(c->o.diags, D_CPP_USER_ERROR, l->at, "#error %.*s",
			   STR_ARG(line_rest(l, r)));
	} else if (str_is(word, "warning")) {
		diag_warning(c->o.diags, D_CPP_USER_ERROR, l->at, "#warning %.*s",
			     STR_ARG(line_rest(l, r)));
	} else if (str_is(word, "pragma")) {
		if (l->t.n > 1 && str_is(l->t.v[1].text, "once") &&
		    r->at.file < c->o.sources->files.n)
			vec_push(&c->once, c->o.sources->files.v[r->at.file].name);
	} else if (!str_is(word, "line") && !str_is(word, "ident")) {
		diag_error(c->o.diags, D_CPP_DIRECTIVE, l->at, "unknown directive '#%.*s'",
			   STR_ARG(word));
	}
}

/* text between two directives, replaced and kept */
static void expand_run(struct cpp *c, struct cpp_tokens *run)
{
	c->budget = run->n + MAX_GROWTH;
	cpp_expand_tokens(c, run->v, run->n, NULL, &c->out);
	if (c->overflow)
		diag_error(c->o.diags, D_CPP_EXPANSION, run->v[0].at,
			   "the defines used from here on grow too large");
	c->overflow = false;
	run->n = 0;
}

static void read_source(struct cpp *c, struct span text)
{
	struct reader r = { .first = true, .at = text };
	size_t base = c->conditions.n;
	struct cpp_tokens run = { 0 };

	lexer_init(&r.lex, c->o.arena, c->o.sources, text.file);
	r.lex.text = str_sub(r.lex.text, 0, text.end);
	r.lex.pos = text.start;
	r.lex.is_c = true;
	for (;;) {
		struct token t = reader_next(&r);

		/* ordinary text is replaced up to the next directive at once: a call may go over several lines */
		if (t.kind == TOKEN_END || (t.kind == TOKEN_HASH && t.at_line_start)) {
			expand_run(c, &run);
		}
		if (t.kind == TOKEN_END) {
			token_report(&t, c->o.diags);
			break;
		}
		if (t.kind == TOKEN_HASH && t.at_line_start) {
			struct line l = { 0 };

			reader_line(&r, t.at, &l);
			run_directive(c, &r, &l, base);
			vec_free(&l.t);
		} else if (is_active(c)) {
			vec_push(&run, t);
		}
	}
	vec_free(&run);
	while (c->conditions.n > base) {
		diag_error(c->o.diags, D_CPP_DIRECTIVE, vec_last(&c->conditions).at,
			   "#if without #endif");
		c->conditions.n--;
	}
}

void cpp_feed(struct cpp *c, struct span text)
{
	read_source(c, text);
}

void cpp_define(struct cpp *c, struct str name, struct str text)
{
	struct str line = arena_printf(c->o.arena, "#define %.*s %.*s\n", STR_ARG(name),
				       STR_ARG(text));
	uint16_t file = sources_add(c->o.sources, STR("<command line>"), line);

	read_source(c, (struct span){ 0, (uint32_t)line.n, file, 0 });
}

const struct cpp_tokens *cpp_output(const struct cpp *c)
{
	return &c->out;
}

struct cpp *cpp_new(const struct cpp_opts *opts)
{
	struct cpp *c = base_alloc(sizeof(*c));
	struct str text;
	uint16_t file;

	c->o = *opts;
	text = arena_printf(
		opts->arena,
		"#define KERNEL_VERSION(a, b, c) (((a) << 16) + ((b) << 8) + ((c) > 255 ? 255 : (c)))\n"
		"#define __linux__ 1\n#define __LP64__ 1\n#define __x86_64__ 1\n#define __bpf__ 1\n%s%s",
		opts->have_btf ? "#define BPFTRACE_HAVE_BTF 1\n" : "",
		opts->kernel_version ? arena_printf(opts->arena, "#define LINUX_VERSION_CODE %u\n",
						    opts->kernel_version)
					       .p
				     : "");
	file = sources_add(opts->sources, STR("<built-in>"), text);
	opts->sources->files.v[file].is_internal = true;
	read_source(c, (struct span){ 0, (uint32_t)text.n, file, 0 });
	return c;
}

void cpp_free(struct cpp *c)
{
	if (!c)
		return;
	hashmap_free(&c->defines);
	free(c->out.v);
	vec_free(&c->conditions);
	vec_free(&c->once);
	vec_free(&c->active);
	free(c);
}
