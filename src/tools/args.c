/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Options by hand instead of getopt: the set comes from a manual at run time, letters of a tool go before common ones, and
 * what is wrong is said with the tool's own list. Options and other words may be mixed; "--" ends the options.
 */
#include "tools/args.h"

#include "base/cleanup.h"

enum common_id {
#define TOOL_COMMON(id, letter, name, value, what) COMMON_##id,
#include "tools/common.def"
#undef TOOL_COMMON
	N_COMMON
};

static const struct common {
	char letter;
	const char *name, *value;
} common[] = {
#define TOOL_COMMON(id, letter, name, value, what) { letter, name, value },
#include "tools/common.def"
#undef TOOL_COMMON
	{ 0, "unsafe", NULL }, /* index N_COMMON: only of tools whose manual says so */
};

struct parser {
	struct tool_args *a;
	int argc, next;
	char **argv;
};

/* an option that the manual repeats although every tool has it: the framework's meaning holds */
static bool is_common_name(struct str name)
{
	for (unsigned i = 0; i <= N_COMMON; i++)
		if (str_is(name, common[i].name))
			return true;
	return false;
}

static const struct tool_option *own_option(const struct tool_manual *m, char letter,
					    struct str name)
{
	const struct tool_option *o = letter ? manual_find_letter(m, letter)
					     : manual_find_name(m, name);

	return o && is_common_name(o->name) ? NULL : o;
}

static int common_option(const struct tool_manual *m, char letter, struct str name)
{
	const struct tool_option *own = letter ? manual_find_letter(m, letter) : NULL;

	if (own) { /* a letter of the tool's choice for an option of all */
		letter = 0;
		name = own->name;
	}
	for (unsigned i = 0; i <= N_COMMON; i++) {
		if (i == N_COMMON && !m->is_unsafe)
			return -1;
		if (letter ? common[i].letter == letter : str_is(name, common[i].name))
			return (int)i;
	}
	return -1;
}

/* "-x, --failed, -n, --name NAME" */
static void put_options(const struct tool_manual *m, struct strbuf *out)
{
	vec_each(o, &m->options) {
		strbuf_puts(out, out->n ? ", " : "");
		if (o->letter)
			strbuf_printf(out, "-%c", o->letter);
		if (o->name.n > 1)
			strbuf_printf(out, "%s--%.*s", o->letter ? ", " : "", STR_ARG(o->name));
		if (o->value.n)
			strbuf_printf(out, " %.*s", STR_ARG(o->value));
	}
}

static struct err *unknown(const struct tool_manual *m, struct str shown)
{
	STRBUF_AUTO own = { 0 };

	put_options(m, &own);
	return err_hint(err_new(0, "%.*s has no option '%.*s'", STR_ARG(m->name), STR_ARG(shown)),
			"it takes %s%sand those of every tool; see sonde %.*s --help",
			strbuf_cstr(&own), own.n ? ", " : "", STR_ARG(m->name));
}

static struct err *apply(struct tool_args *a, unsigned id, struct str value)
{
	struct session_opts *s = &a->session;
	const char *text = arena_str(&a->arena, value).p;

	switch (id) {
	case COMMON_PID: return session_opts_add_pids(s, text);
	case COMMON_CMD:
		/* a shell's children are what is meant; what others do is not */
		s->command = text;
		s->follow = true;
		return NULL;
	case COMMON_FOLLOW: s->follow = true; return NULL;
	case COMMON_CGROUP: return session_opts_set_cgroup(s, text);
	case COMMON_CONTAINER: return session_opts_set_container(s, text);
	case COMMON_DURATION: return session_opts_set_duration(s, text);
	case COMMON_MAX_EVENTS: return session_opts_set_max_events(s, text);
	case COMMON_JSON: s->format = OUTPUT_JSON; return NULL;
	case COMMON_FORMAT: return session_opts_set_format(s, text);
	case COMMON_OUTPUT: s->output_path = text; return NULL;
	case COMMON_ROTATE: return session_opts_set_rotation(s, text);
	case COMMON_FOLDED: s->pictures.is_folded = true; return NULL;
	case COMMON_SVG: s->pictures.svg = text; return NULL;
	case COMMON_SPEEDSCOPE: s->pictures.speedscope = text; return NULL;
	case COMMON_COMPILE: s->is_compile_only = true; return NULL;
	case COMMON_SCRIPT: a->is_script = true; return NULL;
	case COMMON_ENGINE: return session_opts_set_engine(s, text);
	case COMMON_BUDGET: return session_opts_set_budget(s, text);
	case COMMON_VERBOSE: a->verbose++; return NULL;
	case COMMON_WARNINGS: s->warn_level++; return NULL;
	case COMMON_DEBUGINFO: vec_push(&s->debuginfo, str_from(text)); return NULL;
	case COMMON_DRY_RUN: s->is_dry_run = true; return NULL;
	case COMMON_HELP: a->is_help = true; return NULL;
	default: s->is_unsafe = true; return NULL; /* --unsafe */
	}
}

/* has: the value stood in the same word */
static struct err *take_value(struct parser *p, struct str shown, bool wants, bool has,
			      struct str *value)
{
	if (!wants && has)
		return err_new(0, "option '%.*s' takes no value", STR_ARG(shown));
	if (!wants || has)
		return NULL;
	if (p->next >= p->argc)
		return err_hint(err_new(0, "option '%.*s' needs a value", STR_ARG(shown)),
				"see sonde %.*s --help", STR_ARG(p->a->manual->name));
	*value = str_from(p->argv[p->next++]);
	return NULL;
}

static struct err *take_option(struct parser *p, struct str shown, char letter, struct str name,
			       bool has_value, struct str value)
{
	const struct tool_option *own = own_option(p->a->manual, letter, name);
	int id;

	if (own) {
		TRY(take_value(p, shown, own->value.n, has_value, &value));
		vec_push(&p->a->given, ((struct tool_given){ own, value, p->a->rest.n }));
		return NULL;
	}
	id = common_option(p->a->manual, letter, name);
	if (id < 0)
		return unknown(p->a->manual, shown);
	TRY(take_value(p, shown, common[id].value, has_value, &value));
	return apply(p->a, (unsigned)id, value);
}

static ERR_MUST struct err *take_long(struct parser *p, struct str word)
{
	struct str rest = str_sub(word, 2, word.n), name = str_split(&rest, '=');
	bool has_value = 2 + name.n < word.n;

	return take_option(p, str_sub(word, 0, 2 + name.n), 0, name, has_value, rest);
}

/* "-xn5": flags up to one that takes a value */
static ERR_MUST struct err *take_letters(struct parser *p, struct str word)
{
	for (size_t i = 1; i < word.n; i++) {
		char letter = word.p[i], shown[3] = { '-', letter, 0 };
		const struct tool_option *own = own_option(p->a->manual, letter, STR_NULL);
		int id = own ? -1 : common_option(p->a->manual, letter, STR_NULL);
		bool wants = own ? own->value.n : id >= 0 && common[id].value;
		bool has_value = wants && i + 1 < word.n;
		struct str rest = has_value ? str_sub(word, i + 1, word.n) : STR_NULL;

		TRY(take_option(p, str_from(shown), letter, STR_NULL, has_value, rest));
		if (wants)
			break;
	}
	return NULL;
}

struct err *tool_args_parse(const struct tool_manual *m, int argc, char **argv,
			    struct tool_args *ret)
{
	struct parser p = { ret, argc, 0, argv };
	bool is_rest = false;

	*ret = (struct tool_args){ .manual = m };
	arena_init(&ret->arena);
	while (p.next < argc) {
		struct str word = str_from(argv[p.next++]);

		if (is_rest || word.n < 2 || word.p[0] != '-')
			vec_push(&ret->rest, word);
		else if (str_is(word, "--"))
			is_rest = true;
		else if (word.p[1] == '-')
			TRY(take_long(&p, word));
		else
			TRY(take_letters(&p, word));
	}
	/* of a command's processes the user engine traces the first */
	if (ret->session.engine == ENGINE_USER && ret->session.command)
		ret->session.follow = false;
	if (ret->session.follow && !ret->session.pids.n && !ret->session.command && !ret->is_help)
		return err_hint(err_new(0, "--follow needs a process to start from"),
				"add -p PID or -c COMMAND");
	if (ret->session.rotate_bytes && !ret->session.output_path)
		return err_hint(err_new(0, "--rotate needs a file"), "add -o FILE");
	return NULL;
}

void tool_args_free(struct tool_args *a)
{
	session_opts_free(&a->session);
	vec_free(&a->given);
	vec_free(&a->rest);
	arena_free(&a->arena);
}

static const struct tool_given *find_given(const struct tool_args *a, const char *name)
{
	for (size_t i = a->given.n; i-- > 0;)
		if (str_is(a->given.v[i].option->name, name))
			return &a->given.v[i];
	return NULL;
}

bool tool_args_has(const struct tool_args *a, const char *name)
{
	return find_given(a, name);
}

struct str tool_args_value(const struct tool_args *a, const char *name)
{
	const struct tool_given *g = find_given(a, name);

	return g ? g->value : STR_NULL;
}

struct err *tool_args_number(const struct tool_args *a, const char *name, int64_t *ret)
{
	const struct tool_given *g = find_given(a, name);

	if (!g || str_to_i64(g->value, ret))
		return NULL;
	return err_hint(err_new(0, "'%.*s' is no number", STR_ARG(g->value)), "--%s takes one",
			name);
}
