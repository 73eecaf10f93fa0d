/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of front ends. A row needs a head of the same name in tools/. */
#include "tools/front.h"

static const struct tool_front fronts[] = {
	{ NULL, NULL, NULL },
};

const struct tool_front *tool_front_find(const char *name)
{
	for (const struct tool_front *f = fronts; f->name; f++)
		if (!strcmp(f->name, name))
			return f;
	return NULL;
}
