/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The set of processes that --follow traces; see follow.h. */
#include "session/follow.h"

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

void follow_add_descendants(struct pid_list *pids)
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

uint64_t *follow_read(const struct image *im, const struct engine_ops *ops, struct engine *e)
{
	uint64_t *words = base_alloc(IMAGE_FOLLOWED_PIDS / 8);
	const uint32_t key = 0;

	for (uint32_t m = 0; m < im->n_maps; m++)
		if (str_is(im->maps[m]->name, IMAGE_FOLLOWED))
			err_free(ops->map_lookup(e, m, &key, words));
	return words;
}
