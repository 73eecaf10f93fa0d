/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See handover.h. */
#include "engine/user/guardian/handover.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

/* addresses: memory is what is used of it */
#define ROOM (256ull << 20)
enum { ALIGN = 16 };

struct err *handover_make(struct handover *h)
{
	void *p = mmap(NULL, ROOM, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	*h = (struct handover){ 0 };
	if (p == MAP_FAILED)
		return err_hint(err_new(errno, "map memory for what comes later"),
				"the limit of this shell: of address space (ulimit -v)");
	*h = (struct handover){ .base = p, .size = ROOM };
	return NULL;
}

void handover_free(struct handover *h)
{
	if (h->base)
		munmap(h->base, h->size);
	*h = (struct handover){ 0 };
}

void *handover_take(struct handover *h, size_t n)
{
	char *p = h->base + h->used;

	n = (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	if (!h->base || n > h->size - h->used)
		return NULL;
	h->used += n;
	memset(p, 0, n);
	return p;
}

void *handover_copy(struct handover *h, const void *p, size_t n)
{
	void *to = handover_take(h, n);

	if (to && n)
		memcpy(to, p, n);
	return to;
}

struct str handover_str(struct handover *h, struct str s)
{
	char *to = handover_take(h, s.n + 1);

	if (!to)
		return STR_NULL;
	if (s.n)
		memcpy(to, s.p, s.n);
	return str_make(to, s.n);
}

bool handover_has(const struct handover *h, const void *p, size_t n)
{
	uintptr_t at = (uintptr_t)p, base = (uintptr_t)h->base;

	return h->base && at >= base && at - base <= h->size && n <= h->size - (at - base);
}
