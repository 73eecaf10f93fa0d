/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See late_text.h. Words in, words out; which texts and fields are asked for was noted by rewrite.c. */
#include "tools/late_text.h"

bool late_text_is_possible(const struct tool_spec *s)
{
	if (s->is_syscall)
		return s->kind == SPEC_ENTRY && !s->has_glob;
	return s->kind == SPEC_TRACEPOINT && !s->has_glob && str_is(s->target, "syscalls") &&
	       str_starts(s->name, STR("sys_enter_"));
}

static void put_tests(const struct tool_spec *s, struct late_text *l)
{
	struct str texts = strbuf_str(&l->words.texts);
	const char *joint = "";

	strbuf_puts(&l->before, "\tif (");
	while (texts.n) {
		struct str f = str_split(&texts, ' ');

		if (s->is_syscall)
			strbuf_printf(&l->before, "%s(%.*s != 0 && str(uptr(%.*s)) == \"\")", joint,
				      STR_ARG(f), STR_ARG(f));
		else
			strbuf_printf(&l->before, "%s(args.%.*s != 0 && str(args.%.*s) == \"\")",
				      joint, STR_ARG(f), STR_ARG(f));
		joint = " || ";
	}
	strbuf_puts(&l->before, ") {\n");
}

/* what is kept has a map for each field; the arguments of sys_NAME can be read at its end, too, and only the call is noted */
static void put_map(struct late_text *l, const char *name, const char *value)
{
	if (!l->waits.n)
		strbuf_printf(&l->waits, " && has_key(@late%s, tid)", name);
	strbuf_printf(&l->before, "\t\t@late%s[tid] = %s;\n", name, value);
	strbuf_printf(&l->behind, "\tdelete(@late%s, tid);\n", name);
}

bool late_text_make(struct tool_args *a, const struct tool_spec *s, struct late_text *l)
{
	struct str fields = strbuf_str(&l->words.fields);
	unsigned number = l->words.number;

	if (!l->words.texts.n)
		return false;
	put_tests(s, l);
	if (s->is_syscall)
		put_map(l, arena_printf(&a->arena, "%u", number).p, "1");
	while (fields.n) {
		struct str f = str_split(&fields, ' ');

		put_map(l, arena_printf(&a->arena, "%u_%.*s", number, STR_ARG(f)).p,
			arena_printf(&a->arena, "(uint64)args.%.*s", STR_ARG(f)).p);
	}
	strbuf_puts(&l->before, "\t\treturn;\n\t}\n");
	if (s->is_syscall)
		strbuf_add_str(&l->attach, spec_attach_as(a, s, SPEC_RETURN));
	else
		strbuf_printf(&l->attach, "tracepoint:syscalls:sys_exit_%.*s",
			      STR_ARG(str_sub(s->name, strlen("sys_enter_"), s->name.n)));
	return true;
}

void late_text_free(struct late_text *l)
{
	strbuf_free(&l->words.fields);
	strbuf_free(&l->words.texts);
	strbuf_free(&l->before);
	strbuf_free(&l->attach);
	strbuf_free(&l->waits);
	strbuf_free(&l->behind);
}
