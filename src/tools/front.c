/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of front ends. A row needs a head of the same name in tools/. */
#include "tools/front_private.h"

/* clang-format off */
static const struct tool_front fronts[] = {
	{ "argdist", front_argdist, NULL },
	{ "count", front_count, NULL },
	{ "flow", front_flow, NULL },
	{ "latency", front_latency, NULL },
	{ "list", NULL, front_list },
	{ "run", NULL, front_run },
	{ "slower", front_slower, NULL },
	{ "stackcount", front_stackcount, NULL },
	{ "stat", front_stat, NULL },
	{ "trace", front_trace, NULL },
	{ NULL, NULL, NULL },
};
/* clang-format on */

const struct tool_front *tool_front_find(const char *name)
{
	for (const struct tool_front *f = fronts; f->name; f++)
		if (!strcmp(f->name, name))
			return f;
	return NULL;
}

void front_put_string(struct str text, struct strbuf *out)
{
	strbuf_putc(out, '"');
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];

		if (c == '"' || c == '\\')
			strbuf_printf(out, "\\%c", c);
		else if (c < 0x20)
			strbuf_printf(out, "\\x%02x", c);
		else
			strbuf_putc(out, (char)c);
	}
	strbuf_putc(out, '"');
}

void front_put_clause_head(struct str attach, struct strbuf *condition, struct strbuf *out)
{
	const char *text = condition->n ? strbuf_cstr(condition) + 4 : NULL;

	strbuf_printf(out, "\n%.*s", STR_ARG(attach));
	if (text && !strchr(text, '/'))
		strbuf_printf(out, "\n/%s/", text);
	strbuf_puts(out, "\n{\n");
	/* a slash would end a predicate */
	if (text && strchr(text, '/'))
		strbuf_printf(out, "\tif (!(%s)) { return; }\n", text);
}
