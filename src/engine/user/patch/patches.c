/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of patches in a process; see patches.h. */
#include "engine/user/patch/patches.h"

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
					   .layout = PATCHES_LAYOUT,
					   .guardian = getpid(),
					   .guardian_start = proc_start_time(getpid()) };

	if (patches_bytes(capacity) > a->code_bytes)
		return err_new(ENOSPC, "an area of %zu bytes for %u patches", a->code_bytes,
			       capacity);
	return remote_write(r, a->code, &head, sizeof(head)) ? NULL : cannot_write(r);
}

void patches_leave(const struct remote *r, const struct remote_area *a)
{
	const uint32_t left = PATCHES_LAYOUT | PATCHES_LEFT;

	(void)remote_write(r, a->code + offsetof(struct patches_head, layout), &left, sizeof(left));
}

/* ---- changing it ---- */

struct table {
	struct patches_head head;
	struct patches_entry *v; /* room for all there can be */
};

static ERR_MUST struct err *read_table(const struct remote *r, const struct remote_area *a,
				       struct table *ret)
{
	*ret = (struct table){ 0 };
	if (!remote_read(r, a->code, &ret->head, sizeof(ret->head)) ||
	    ret->head.magic != PATCHES_MAGIC || ret->head.n > ret->head.capacity ||
	    patches_bytes(ret->head.capacity) > a->code_bytes)
		return err_new(EINVAL, "there is no table of patches in process %d", (int)r->pid);
	ret->v = base_alloc(patches_bytes(ret->head.capacity));
	if (remote_read(r, a->code + sizeof(ret->head), ret->v, ret->head.n * sizeof(*ret->v)))
		return NULL;
	free(ret->v);
	return err_new(errno, "read the table of patches in process %d", (int)r->pid);
}

/* the table goes. Entries first: whoever reads the number finds them all */
static ERR_MUST struct err *write_table(const struct remote *r, const struct remote_area *a,
					struct table *t)
{
	bool is_written = remote_write(r, a->code + sizeof(t->head), t->v,
				       t->head.n * sizeof(*t->v)) &&
			  remote_write(r, a->code, &t->head, sizeof(t->head));

	free(t->v);
	return is_written ? NULL : cannot_write(r);
}

/* replaces that of the same place, or one that is settled, among the first n_before; false: there is no room */
static bool put(struct table *t, uint32_t n_before, const struct patches_entry *e)
{
	uint32_t k = 0, settled = t->head.n;

	for (; k < n_before && (t->v[k].site != e->site || !t->v[k].len != !e->len); k++)
		settled = !t->v[k].site && settled == t->head.n ? k : settled;
	k = k == n_before ? settled : k;
	if (k == t->head.capacity)
		return false;
	t->head.n += k == t->head.n;
	t->v[k] = *e;
	return true;
}

static ERR_MUST struct err *refuse(struct table *t)
{
	free(t->v);
	return err_new(ENOSPC, "no room for a patch more than %u", t->head.capacity);
}

struct err *patches_note(const struct remote *r, const struct remote_area *a, const struct patch *v,
			 size_t n)
{
	uint32_t n_before;
	struct table t;

	TRY(read_table(r, a, &t));
	n_before = t.head.n;
	for (size_t i = 0; i < n; i++) {
		struct patches_entry e = { .site = v[i].site,
					   .trampoline = v[i].trampoline,
					   .len = v[i].len };

		memcpy(e.old, v[i].old, sizeof(e.old));
		if (!put(&t, n_before, &e))
			return refuse(&t);
	}
	return write_table(r, a, &t);
}

struct err *patches_note_semaphores(const struct remote *r, const struct remote_area *a,
				    const uint64_t *v, size_t n)
{
	uint32_t n_before;
	struct table t;

	TRY(read_table(r, a, &t));
	n_before = t.head.n;
	for (size_t i = 0; i < n; i++)
		if (!put(&t, n_before, &(struct patches_entry){ .site = v[i] }))
			return refuse(&t);
	return write_table(r, a, &t);
}

struct err *patches_settle_semaphores(const struct remote *r, const struct remote_area *a,
				      const uint64_t *v, size_t n)
{
	struct table t;

	TRY(read_table(r, a, &t));
	for (size_t i = 0; i < n; i++)
		for (uint32_t k = 0; k < t.head.n; k++)
			if (!t.v[k].len && t.v[k].site == v[i])
				t.v[k].site = 0;
	return write_table(r, a, &t);
}

/* ---- reading it ---- */

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

bool patches_entry_at(const void *bytes, size_t n_bytes, uint32_t k, struct patches_entry *ret,
		      size_t *at)
{
	*at = sizeof(struct patches_head) + (size_t)k * sizeof(*ret);
	if (n_bytes < *at + sizeof(*ret))
		return false;
	memcpy(ret, (const char *)bytes + *at, sizeof(*ret));
	return ret->site && (!ret->len || (ret->len >= PATCH_JUMP && ret->len <= PATCH_LONGEST));
}
