/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether an address of our code stands anywhere in a process, all of whose threads are stopped: in a register, on a stack, in a stack that the program
 * has copied to its heap. What has no such word cannot come back to that code. Looked at is all memory that the process can have written; pages that
 * it never touched are told by the kernel's page map and left out, and so is the free part of each stack, below the red zone.
 *
 * It takes as long as reading the memory does, with the program standing, so there is a limit: a large process is not known.
 */
#include "engine/user/process/remote_private.h"

#include "base/cleanup.h"

#include <fcntl.h>
#include <stdio.h>

enum { PAGE = 4096, CHUNK_PAGES = 32, MAP_PAGES = 512, RED_ZONE = 128 };
#define MOST_READ (16ull << 20)
#define MOST_MAPPED (1ull << 30)
#define IS_POPULATED (3ull << 62) /* present, or swapped out */

struct search {
	const struct remote *r;
	const struct remote_area *a;
	const struct remote_range *ours;
	size_t n_ours;
	remote_word_fn *counts;
	void *arg;
	int page_map;
	uint64_t n_read, n_mapped;
	enum remote_found result;
	uint64_t words[CHUNK_PAGES * PAGE / 8];
};

static bool is_wanted(const struct search *s, uint64_t at, uint64_t word)
{
	return word - s->a->code < s->a->code_bytes && s->counts(s->arg, at, word);
}

/* [from, to): nothing of it may be missing */
static void look_at(struct search *s, uint64_t from, uint64_t to)
{
	s->n_read += to - from;
	if (s->n_read > MOST_READ)
		s->result = REMOTE_FOUND_UNKNOWN;
	while (from < to && !s->result) {
		size_t n = to - from < sizeof(s->words) ? to - from : sizeof(s->words);

		if (!remote_read(s->r, from, s->words, n))
			s->result = REMOTE_FOUND_UNKNOWN;
		for (size_t i = 0; i < n / 8 && !s->result; i++)
			if (is_wanted(s, from + 8 * i, s->words[i]))
				s->result = REMOTE_FOUND_ONE;
		from += n;
	}
}

/* the pages of private memory that there are; from need not begin one */
static void look_at_populated(struct search *s, uint64_t from, uint64_t to)
{
	s->n_mapped += to - from;
	if (s->n_mapped > MOST_MAPPED)
		s->result = REMOTE_FOUND_UNKNOWN;
	while (from < to && !s->result) {
		uint64_t first = from / PAGE, n = (to - first * PAGE) / PAGE, entries[MAP_PAGES];

		n = n < MAP_PAGES ? n : MAP_PAGES;
		if (pread(s->page_map, entries, n * 8, (off_t)first * 8) != (ssize_t)(n * 8)) {
			s->result = REMOTE_FOUND_UNKNOWN;
			return;
		}
		for (uint64_t i = 0; i < n && !s->result; i++) {
			uint64_t page = (first + i) * PAGE;

			if (entries[i] & IS_POPULATED)
				look_at(s, page > from ? page : from, page + PAGE);
		}
		from = (first + n) * PAGE;
	}
}

/* the same without what is ours, which may be a part of a mapping */
static void look_beside_ours(struct search *s, uint64_t from, uint64_t to)
{
	while (from < to && !s->result) {
		uint64_t end = to, next = to;

		for (size_t i = 0; i < s->n_ours; i++)
			if (s->ours[i].end > from && s->ours[i].start < end) {
				end = s->ours[i].start > from ? s->ours[i].start : from;
				next = s->ours[i].end;
			}
		look_at_populated(s, from, end);
		from = next;
	}
}

/* where what is in use of a mapping begins: of a stack, at its thread's red zone. Stacks have a guard below them, and one thread */
static uint64_t used_from(const struct search *s, const struct proc_maps *maps, uint32_t k)
{
	const struct proc_map *m = &maps->v[k], *before = k ? &maps->v[k - 1] : NULL;
	bool has_guard = before && before->end == m->start && !before->read && !before->write;
	uint64_t sp = 0;
	unsigned n = 0;

	vec_each(t, &s->r->threads)
		if (t->tid && t->regs.rsp - m->start < m->end - m->start) {
			sp = t->regs.rsp;
			n++;
		}
	if (n != 1 || !(has_guard || str_is(m->path, "[stack]")) || sp - m->start < RED_ZONE)
		return m->start;
	return (sp - RED_ZONE) & ~7ull;
}

static bool is_in_area(const struct search *s, const struct proc_map *m)
{
	return m->start >= s->a->code && m->end <= s->a->data + s->a->data_bytes;
}

static void look_at_mapping(struct search *s, const struct proc_maps *maps, uint32_t k)
{
	const struct proc_map *m = &maps->v[k];
	bool is_special = m->path.n && m->path.p[0] == '[' && !str_is(m->path, "[heap]") &&
			  !str_starts(m->path, STR("[stack")) && !str_starts(m->path, STR("[anon"));

	if (is_in_area(s, m) || is_special || (m->ino && !m->write))
		return;
	/* a file that is written to may be shared: then its pages are there whether this process has touched them or not */
	if (m->ino)
		look_at(s, m->start, m->end);
	else
		look_beside_ours(s, used_from(s, maps, k), m->end);
}

static void look_at_registers(struct search *s)
{
	vec_each(t, &s->r->threads) {
		const uint64_t *words = (const uint64_t *)&t->regs;

		for (size_t i = 0; t->tid && i < sizeof(t->regs) / 8 && !s->result; i++)
			if (is_wanted(s, 0, words[i]))
				s->result = REMOTE_FOUND_ONE;
	}
}

enum remote_found remote_search(const struct remote *r, const struct remote_area *a,
				const struct remote_range *ours, size_t n, remote_word_fn *counts,
				void *arg)
{
	FREE_AUTO struct search *s = base_alloc(sizeof(*s));
	struct proc_maps maps;
	struct err *e;
	char path[40];

	*s = (struct search){
		.r = r, .a = a, .ours = ours, .n_ours = n, .counts = counts, .arg = arg
	};
	e = proc_maps_read(r->leader, &maps);
	err_free(e);
	if (e)
		return REMOTE_FOUND_UNKNOWN;
	snprintf(path, sizeof(path), "/proc/%d/pagemap", (int)r->leader);
	s->page_map = open(path, O_RDONLY | O_CLOEXEC);
	if (s->page_map < 0)
		s->result = REMOTE_FOUND_UNKNOWN;
	look_at_registers(s);
	for (uint32_t k = 0; k < maps.n && !s->result; k++)
		look_at_mapping(s, &maps, k);
	if (s->page_map >= 0)
		close(s->page_map);
	proc_maps_free(&maps);
	return s->result;
}
