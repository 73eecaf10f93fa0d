/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory of ours in another process: code pages that it can execute but not write (we write through /proc/PID/mem), and data pages
 * of a memory file that it shares with us. The file is made in the process and opened from here, which works whatever
 * it sees of the file system; its descriptor there is closed at once.
 */
#include "engine/user/remote_private.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

#define PAGE 4096ull
#define LOWEST 0x10000ull
#define HIGHEST 0x7ffffffff000ull
/* jumps of 32 bits reach 2 GB; what is displaced may name things some way beyond the text */
#define REACH ((1ull << 31) - (64ull << 20))
/* heaps grow upwards, stacks downwards: into these we do not go */
#define HEAP_ROOM (1ull << 30)
#define STACK_ROOM (512ull << 20)
#define GUARD (1ull << 20)

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

uint64_t remote_find_hole(const struct proc_maps *maps, uint64_t low, uint64_t high, size_t size)
{
	uint64_t best = 0, best_far = UINT64_MAX;

	for (uint32_t i = 0; i <= maps->n; i++) {
		uint64_t from, to, gap, at, far;

		hole_between(i ? &maps->v[i - 1] : NULL, i < maps->n ? &maps->v[i] : NULL, &from,
			     &to);
		if (from >= to || to - from < size + 2 * PAGE)
			continue;
		/* some room on both sides, where there is enough: mappings of the program grow there */
		gap = to - from > size + 2 * GUARD ? GUARD : PAGE;
		at = to <= low ? (to - gap - size) & ~(PAGE - 1)
			       : (from + gap + PAGE - 1) & ~(PAGE - 1);
		if (at < from || at + size > to)
			continue;
		far = at < low ? high - at : at + size - low;
		if (far < REACH && far < best_far) {
			best = at;
			best_far = far;
		}
	}
	return best;
}

/* ---- making it ---- */

static struct err *call(struct remote *r, const char *what, long nr, const uint64_t arg[6],
			int64_t *result)
{
	TRY(remote_call(r, nr, arg, result));
	if (*result < 0)
		return err_new((int)-*result, "%s in process %d", what, (int)r->pid);
	return NULL;
}

static struct err *map_code(struct remote *r, const struct remote_area *a)
{
	const uint64_t arg[6] = { a->code,
				  a->code_bytes,
				  PROT_READ | PROT_EXEC,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
				  (uint64_t)-1,
				  0 };
	int64_t got;

	TRY(call(r, "map pages for code", SYS_mmap, arg, &got));
	return (uint64_t)got == a->code ? NULL
					: err_new(EEXIST, "map pages for code at their place");
}

/* the file is open in the process as fd: mapped there and here */
static struct err *map_data(struct remote *r, struct remote_area *a, uint64_t fd)
{
	const uint64_t size[6] = { fd, a->data_bytes };
	const uint64_t map[6] = { a->data,
				  a->data_bytes,
				  PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_FIXED_NOREPLACE,
				  fd,
				  0 };
	FD_AUTO ours = -1;
	char path[64];
	int64_t got;

	TRY(call(r, "make room in a memory file", SYS_ftruncate, size, &got));
	TRY(call(r, "map shared memory", SYS_mmap, map, &got));
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)r->leader, (int)fd);
	ours = open(path, O_RDWR | O_CLOEXEC);
	if (ours < 0)
		return err_new(errno, "open the memory file of process %d", (int)r->pid);
	a->view = mmap(NULL, a->data_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, ours, 0);
	if (a->view == MAP_FAILED) {
		a->view = NULL;
		return err_new(errno, "map the memory file of process %d", (int)r->pid);
	}
	return NULL;
}

static struct err *make_data(struct remote *r, struct remote_area *a)
{
	static const char name[] = "sonde";
	/* the name lies in the code pages, which are empty still: no stack of the program is touched */
	const uint64_t arg[6] = { a->code, MFD_CLOEXEC };
	uint64_t fd[6] = { 0 };
	int64_t got, ignored;
	struct err *e;

	if (!remote_write(r, a->code, name, sizeof(name)))
		return err_new(errno, "write to the code pages of process %d", (int)r->pid);
	TRY(call(r, "make a memory file", SYS_memfd_create, arg, &got));
	fd[0] = (uint64_t)got;
	e = map_data(r, a, (uint64_t)got);
	err_free(remote_call(r, SYS_close, fd, &ignored));
	return e;
}

struct err *remote_area_make(struct remote *r, uint64_t low, uint64_t high, size_t code_bytes,
			     size_t data_bytes, struct remote_area *ret)
{
	struct remote_area a = { .code_bytes = (code_bytes + PAGE - 1) & ~(PAGE - 1),
				 .data_bytes = (data_bytes + PAGE - 1) & ~(PAGE - 1) };
	struct proc_maps maps;
	struct err *e;

	*ret = (struct remote_area){ 0 };
	TRY(proc_maps_read(r->leader, &maps));
	a.code = remote_find_hole(&maps, low, high, a.code_bytes + a.data_bytes);
	proc_maps_free(&maps);
	if (!a.code)
		return err_new(ENOMEM,
			       "process %d has no room for %zu bytes within 2 GB of the code",
			       (int)r->pid, a.code_bytes + a.data_bytes);
	a.data = a.code + a.code_bytes;
	TRY(map_code(r, &a));
	e = make_data(r, &a);
	if (e) {
		err_free(remote_area_unmap(r, &a));
		remote_area_free(&a);
		return e;
	}
	*ret = a;
	return NULL;
}

struct err *remote_area_unmap(struct remote *r, struct remote_area *a)
{
	const uint64_t arg[6] = { a->code, a->code_bytes + a->data_bytes };
	int64_t got;

	TRY(call(r, "take memory out", SYS_munmap, arg, &got));
	a->code = a->data = 0;
	return NULL;
}

void remote_area_free(struct remote_area *a)
{
	if (a->view)
		munmap(a->view, a->data_bytes);
	a->view = NULL;
}
