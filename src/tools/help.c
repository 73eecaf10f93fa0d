/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See help.h. The text of a section is printed as it stands in the head, because its author has laid it out. */
#include "tools/help.h"

static const struct {
	char letter;
	const char *name, *value, *what;
} common[] = {
#define TOOL_COMMON(id, letter, name, value, what) { letter, name, value, what },
#include "tools/common.def"
#undef TOOL_COMMON
};

static void put_section(FILE *to, const char *title, struct str text)
{
	if (text.n)
		fprintf(to, "\n%s:\n%.*s\n", title, STR_ARG(text));
}

static void put_common(const struct tool_manual *m, FILE *to)
{
	fputs("\nOPTIONS OF EVERY TOOL:\n", to);
	for (size_t i = 0; i < sizeof(common) / sizeof(*common); i++) {
		const struct tool_option *own = manual_find_letter(m, common[i].letter);
		char left[64];

		if (manual_find_name(m, str_from(common[i].name)))
			continue; /* the tool says it in its own words */
		if (common[i].letter && !own)
			snprintf(left, sizeof(left), "-%c, --%s %s", common[i].letter,
				 common[i].name, common[i].value ? common[i].value : "");
		else
			snprintf(left, sizeof(left), "--%s %s", common[i].name,
				 common[i].value ? common[i].value : "");
		fprintf(to, "  %-23s %s\n", left, common[i].what);
	}
	if (m->is_unsafe)
		fprintf(to, "  %-23s %s\n", "--unsafe", "needed: this tool acts on what it traces");
}

void tool_help_print(const struct tool_manual *m, FILE *to)
{
	fprintf(to, "%.*s - %.*s\n\nUSAGE: %.*s\n", STR_ARG(m->name), STR_ARG(m->summary),
		STR_ARG(m->usage));
	put_section(to, "OPTIONS", m->options_text);
	put_common(m, to);
	put_section(to, "EXAMPLE", m->example);
	put_section(to, "NOTES", m->notes);
}
