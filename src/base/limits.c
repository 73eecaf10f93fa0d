/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The limit on open files; see limits.h. A limit that cannot be changed stays: what needs more says so itself. */
#include "base/limits.h"

#include <stdbool.h>
#include <sys/resource.h>

static struct rlimit before;
static bool is_raised;

void limits_raise_files(void)
{
	struct rlimit new;

	if (is_raised || getrlimit(RLIMIT_NOFILE, &before) || before.rlim_cur == before.rlim_max)
		return;
	new = (struct rlimit){ .rlim_cur = before.rlim_max, .rlim_max = before.rlim_max };
	is_raised = !setrlimit(RLIMIT_NOFILE, &new);
}

void limits_restore_files(void)
{
	if (is_raised)
		setrlimit(RLIMIT_NOFILE, &before);
}
