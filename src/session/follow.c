/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The set of processes that --follow traces; see follow.h. */
#include "session/follow.h"

uint64_t *follow_read(const struct image *im, const struct engine_ops *ops, struct engine *e)
{
	uint64_t *words = base_alloc(IMAGE_FOLLOWED_PIDS / 8);
	const uint32_t key = 0;

	for (uint32_t m = 0; m < im->n_maps; m++)
		if (str_is(im->maps[m]->name, IMAGE_FOLLOWED))
			err_free(ops->map_lookup(e, m, &key, words));
	return words;
}
