/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Children of processes, by the parent that /proc/PID/stat names; see descend.h. */
#include "session/descend.h"

#include "base/cleanup.h"
#include "base/vec.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct family {
	pid_t pid, parent;
};

/* 0: it is gone */
static pid_t parent_of(pid_t pid)
{
	char path[32], text[512], *paren;
	FD_AUTO fd = -1;
	int parent = 0;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return 0;
	text[n] = 0;
	paren = strrchr(text, ')'); /* the name before may have any characters */
	if (!paren || sscanf(paren + 1, " %*c %d", &parent) != 1)
		return 0;
	return parent;
}

static bool has(const struct pid_list *pids, pid_t pid)
{
	vec_each(p, pids)
		if (*p == pid)
			return true;
	return false;
}

void descend_add(struct pid_list *pids)
{
	struct pid_list all = { 0 };
	VEC(struct family) families = { 0 };
	size_t before;

	err_free(proc_all(&all));
	vec_each(p, &all)
		vec_push(&families, ((struct family){ .pid = *p, .parent = parent_of(*p) }));
	/* the list is in the order of numbers, which is not that of generations */
	do {
		before = pids->n;
		vec_each(f, &families)
			if (f->parent && has(pids, f->parent) && !has(pids, f->pid))
				vec_push(pids, f->pid);
	} while (pids->n > before);
	vec_free(&families);
	vec_free(&all);
}
