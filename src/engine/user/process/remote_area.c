/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory of ours in another process: code pages that it can execute but not write (we write through /proc/PID/mem), private pages that it
 * can write, the first of which a fork's child finds empty, and pages of a memory file of the tracer, shared by all traced processes.
 */
#include "engine/user/process/remote_private.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

#define PAGE 4096ull
#define LOWEST 0x10000ull
#define HIGHEST 0x7ffffffff000ull
/* heaps grow upwards, stacks downwards: into these we do not go */
#define HEAP_ROOM (1ull << 30)
#define STACK_ROOM (512ull << 20)
#define GUARD (1ull << 20)

enum { MAPS_NEEDED = 8 }; /* by one area at most */

/* ---- where ---- */

/* the free addresses between two mappings, less what they need to grow */
static void hole_between(const struct proc_map *before, const struct proc_map *after,
			 uint64_t *from, uint64_t *to)
{
	*from = before ? before->end : LOWEST;
	*to = after && after->start < HIGHEST ? after->start : HIGHEST;
	if (before && str_is(before->path, "[heap]"))
		*from += HEAP_ROOM;
	if (after && str_starts(after->path, STR("[stack")))
		*to = *to > STACK_ROOM ? *to - STACK_ROOM : 0;
}

/*
 * As low as it may be, also below the text: what stays of an area after its end (trim in area.c) is its beginning, so the next one finds the
 * room behind that
 */
uint64_t remote_find_hole(const struct proc_maps *maps, uint64_t low, uint64_t high, size_t size)
{
	uint64_t best = 0, best_far = UINT64_MAX;

	for (uint32_t i = 0; i <= maps->n; i++) {
		uint64_t from, to, gap, at, far;
		bool is_ours;

		hole_between(i ? &maps->v[i - 1] : NULL, i < maps->n ? &maps->v[i] : NULL, &from,
			     &to);
		if (from >= to || to - from < size + 2 * PAGE)
			continue;
		/* some room on both sides, where there is enough: mappings of the program grow there */
		is_ours = i && str_is(maps->v[i - 1].path, "/memfd:sonde");
		gap = to - from > size + 2 * GUARD && !is_ours ? GUARD : PAGE;
		at = from + gap;
		if (to <= low && high > REMOTE_REACH && at <= high - REMOTE_REACH)
			at = high - REMOTE_REACH + 1;
		at = (at + PAGE - 1) & ~(PAGE - 1);
		if (at + size > to - PAGE)
			continue;
		far = at < low ? high - at : at + size - low;
		if (far < REMOTE_REACH && far < best_far) {
			best = at;
			best_far = far;
		}
	}
	return best;
}

/* ---- making it ---- */

struct err *remote_call_checked(struct remote *r, const char *what, long nr, const uint64_t arg[6],
				int64_t *result)
{
	TRY(remote_call(r, nr, arg, result));
	if (*result < 0)
		return err_new((int)-*result, "%s in process %d", what, (int)r->pid);
	return NULL;
}

/* the kernel says ENOMEM of both, and only one of them can be set for the process alone */
static const char *what_is_short(const struct remote *r)
{
	FILE_AUTO f = fopen("/proc/sys/vm/max_map_count", "re");
	struct proc_maps maps;
	bool is_full = false;
	unsigned most = 0;

	if (f && fscanf(f, "%u", &most) == 1) {
		struct err *e = proc_maps_read(r->pid, &maps);

		if (!e) {
			is_full = maps.n + MAPS_NEEDED >= most;
			proc_maps_free(&maps);
		}
		err_free(e);
	}
	return is_full ? "it has nearly as many mappings as a process may have: sysctl vm.max_map_count"
		       : "the process's own limit: of its address space (ulimit -v), or of "
			 "memory that it locks (ulimit -l)";
}

/* pages at their place; file: a descriptor of the process, or -1 */
static struct err *map_pages(struct remote *r, const char *what, uint64_t at, size_t bytes,
			     int prot, int64_t file)
{
	const int kind = file < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
	const uint64_t arg[6] = {
		at, bytes, (uint64_t)prot, (uint64_t)(kind | MAP_FIXED_NOREPLACE), (uint64_t)file, 0
	};
	struct err *e;
	int64_t got;

	e = remote_call_checked(r, what, SYS_mmap, arg, &got);
	if (e && (err_code(e) == ENOMEM || err_code(e) == EAGAIN))
		err_hint(e, "%s", what_is_short(r));
	if (e)
		return e;
	return (uint64_t)got == at ? NULL : err_new(EEXIST, "%s at their place", what);
}

/* after an error: what was mapped till then, and nothing else. Threads that run may have mapped what we did not get */
static ERR_MUST struct err *give_back(struct remote *r, uint64_t at, size_t bytes, struct err *e)
{
	const uint64_t arg[6] = { at, bytes };
	int64_t ignored;

	err_free(remote_call(r, SYS_munmap, arg, &ignored));
	return e;
}

static struct err *map_private(struct remote *r, const struct remote_area *a)
{
	const uint64_t wipe[6] = { a->private, PAGE, MADV_WIPEONFORK };
	int64_t got;
	struct err *e;

	TRY(map_pages(r, "map private pages", a->private, a->private_bytes, PROT_READ | PROT_WRITE,
		      -1));
	e = remote_call_checked(r, "mark a page to be wiped in forks", SYS_madvise, wipe, &got);
	return e ? give_back(r, a->private, a->private_bytes, e) : NULL;
}

/* a->private is there, as memory for what system calls are given and give back */
static struct err *map_data(struct remote *r, const struct remote_area *a, int memory_fd)
{
	uint64_t close_it[6] = { 0 };
	int64_t got, ignored;
	struct err *e;

	TRY(remote_pass_fd(r, a->private, memory_fd, &got));
	e = map_pages(r, "map shared memory", a->data, a->data_bytes, PROT_READ | PROT_WRITE, got);
	close_it[0] = (uint64_t)got;
	err_free(remote_call(r, SYS_close, close_it, &ignored));
	return e;
}

static size_t in_pages(size_t bytes)
{
	return (bytes + PAGE - 1) & ~(PAGE - 1);
}

struct err *remote_area_make(struct remote *r, uint64_t low, uint64_t high,
			     const struct remote_area_sizes *sizes, int memory_fd,
			     struct remote_area *ret)
{
	struct remote_area a = { .code_bytes = in_pages(sizes->code),
				 .private_bytes = in_pages(sizes->private ? sizes->private : 1),
				 .data_bytes = in_pages(sizes->data) };
	size_t all = a.code_bytes + a.private_bytes + a.data_bytes;
	struct proc_maps maps;
	struct err *e;

	*ret = (struct remote_area){ 0 };
	TRY(proc_maps_read(r->leader, &maps));
	a.code = remote_find_hole(&maps, low, high, all);
	proc_maps_free(&maps);
	if (!a.code)
		return err_new(ENOMEM,
			       "process %d has no room for %zu bytes within 2 GB of the code",
			       (int)r->pid, all);
	a.private = a.code + a.code_bytes;
	a.data = a.private + a.private_bytes;
	TRY(map_pages(r, "map pages for code", a.code, a.code_bytes, PROT_READ | PROT_EXEC, -1));
	e = map_private(r, &a);
	if (e)
		return give_back(r, a.code, a.code_bytes, e);
	e = map_data(r, &a, memory_fd);
	if (e)
		return give_back(r, a.code, a.code_bytes + a.private_bytes, e);
	*ret = a;
	return NULL;
}

struct err *remote_area_unmap(struct remote *r, struct remote_area *a)
{
	const uint64_t arg[6] = { a->code, a->code_bytes + a->private_bytes + a->data_bytes };
	int64_t got;

	TRY(remote_call_checked(r, "take memory out", SYS_munmap, arg, &got));
	a->code = a->private = a->data = 0;
	return NULL;
}
