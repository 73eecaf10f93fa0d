/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of patches in a process; see patches.h. */
#include "engine/user/patches.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

size_t patches_bytes(uint32_t capacity)
{
	return sizeof(struct patches_head) + capacity * sizeof(struct patches_entry);
}

static struct err *cannot_write(const struct remote *r)
{
	return err_new(errno, "note patches in process %d", (int)r->pid);
}

struct err *patches_begin(const struct remote *r, const struct remote_area *a, uint32_t capacity)
{
	const struct patches_head head = { .magic = PATCHES_MAGIC,
					   .capacity = capacity,
					   .code_bytes = a->code_bytes,
					   .private_bytes = a->private_bytes,
					   .guardian = getpid(),
					   .guardian_start = proc_start_time(getpid()) };

	if (patches_bytes(capacity) > a->code_bytes)
		return err_new(ENOSPC, "an area of %zu bytes for %u patches", a->code_bytes,
			       capacity);
	return remote_write(r, a->code, &head, sizeof(head)) ? NULL : cannot_write(r);
}

static uint32_t find(const struct patches_entry *v, uint32_t n, uint64_t site)
{
	uint32_t i = 0;

	while (i < n && v[i].site != site)
		i++;
	return i;
}

struct err *patches_note(const struct remote *r, const struct remote_area *a, const struct patch *v,
			 size_t n)
{
	uint64_t entries = a->code + sizeof(struct patches_head);
	FREE_AUTO struct patches_entry *all = NULL;
	struct patches_head head;

	if (!remote_read(r, a->code, &head, sizeof(head)) || head.magic != PATCHES_MAGIC ||
	    head.n > head.capacity || patches_bytes(head.capacity) > a->code_bytes)
		return err_new(EINVAL, "there is no table of patches in process %d", (int)r->pid);
	all = base_alloc(patches_bytes(head.capacity));
	if (!remote_read(r, entries, all, head.n * sizeof(*all)))
		return err_new(errno, "read the table of patches in process %d", (int)r->pid);
	for (size_t i = 0; i < n; i++) {
		uint32_t k = find(all, head.n, v[i].site);

		if (k == head.capacity)
			return err_new(ENOSPC, "no room for a patch more than %u", head.capacity);
		head.n += k == head.n;
		all[k] = (struct patches_entry){ .site = v[i].site,
						 .trampoline = v[i].trampoline,
						 .len = v[i].len };
		memcpy(all[k].old, v[i].old, sizeof(all[k].old));
	}
	/* entries first: whoever reads the number finds them all */
	if (!remote_write(r, entries, all, head.n * sizeof(*all)) ||
	    !remote_write(r, a->code, &head, sizeof(head)))
		return cannot_write(r);
	return NULL;
}

bool patches_parse(const void *bytes, size_t n_bytes, uint64_t at, uint64_t data,
		   struct patches_head *ret)
{
	if (n_bytes < sizeof(*ret))
		return false;
	memcpy(ret, bytes, sizeof(*ret));
	return ret->magic == PATCHES_MAGIC && ret->n <= ret->capacity &&
	       ret->capacity <= (n_bytes - sizeof(*ret)) / sizeof(struct patches_entry) &&
	       ret->code_bytes <= data - at && ret->private_bytes == data - at - ret->code_bytes;
}

bool patches_entry_at(const void *bytes, size_t n_bytes, uint32_t k, struct patches_entry *ret)
{
	size_t at = sizeof(struct patches_head) + (size_t)k * sizeof(*ret);

	if (n_bytes < at + sizeof(*ret))
		return false;
	memcpy(ret, (const char *)bytes + at, sizeof(*ret));
	return ret->len >= PATCH_JUMP && ret->len <= PATCH_LONGEST;
}
