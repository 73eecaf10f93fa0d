/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who descends from whom; see family.h. */
#include "objfile/family.h"

#include "base/vec.h"

struct family {
	pid_t pid, parent;
};

static bool has(const struct pid_list *pids, pid_t pid)
{
	vec_each(p, pids)
		if (*p == pid)
			return true;
	return false;
}

void family_add_descendants(struct pid_list *pids)
{
	struct pid_list all = { 0 };
	VEC(struct family) families = { 0 };
	size_t before;

	if (!pids->n)
		return;
	err_free(proc_all(&all));
	vec_each(p, &all)
		vec_push(&families, ((struct family){ .pid = *p, .parent = proc_parent(*p) }));
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
