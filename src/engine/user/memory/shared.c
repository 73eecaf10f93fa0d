/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The memory file of a run: its layout and the tracer's view of it; see shared.h. */
#include "engine/user/memory/shared_private.h"

#include "base/arena.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8u
#endif

#define TABLES_ROOM (64ull << 20)
/* for maps of generations; in our own pages: their descriptions, and copies of constants */
#define MAPS_ROOM (256ull << 20)
#define OWN_ROOM (16ull << 20)
/* ---- all of it ---- */

static ERR_MUST struct err *make_file(struct shared *s)
{
	/* older kernels do not know the flag that newer ones warn without */
	s->fd = memfd_create("sonde", MFD_CLOEXEC | MFD_NOEXEC_SEAL | MFD_ALLOW_SEALING);
	if (s->fd < 0)
		s->fd = memfd_create("sonde", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	/* sealed: who has it mapped could make it shorter, and our next look at it would be a SIGBUS */
	if (s->fd < 0 || ftruncate(s->fd, (off_t)s->bytes) ||
	    fcntl(s->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		return err_hint(
			err_new(errno, "make a memory file of %llu bytes",
				(unsigned long long)s->bytes),
			"the limits of this shell: of files (ulimit -f), of open ones (ulimit -n)");
	return NULL;
}

/* [ no access ][ our own pages ][ the file ][ no access ] */
static ERR_MUST struct err *map_file(struct shared *s)
{
	const int rw = PROT_READ | PROT_WRITE;
	char *at = mmap(NULL, s->own_bytes + s->bytes + 2 * PAGE, PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED)
		return err_new(errno, "map a memory file of %llu bytes",
			       (unsigned long long)s->bytes);
	s->own = (struct rt_area *)(void *)(at + PAGE);
	s->view = (char *)s->own + s->own_bytes;
	if (mprotect(s->own, s->own_bytes, rw) ||
	    mmap(s->view, s->bytes, rw, MAP_SHARED | MAP_FIXED, s->fd, 0) == MAP_FAILED)
		return err_new(errno, "map a memory file of %llu bytes",
			       (unsigned long long)s->bytes);
	return NULL;
}

struct err *shared_make(const struct image *im, uint64_t ring_bytes, bool grows, struct shared *ret)
{
	struct shared s = { .fd = -1, .n_cpus = (uint32_t)get_nprocs_conf(), .n_maps = im->n_maps };
	uint64_t own = round_up(sizeof(struct rt_area), LINE), end = sizeof(struct rt_area);
	struct rt_area *area;
	struct err *err;

	*ret = s;
	s.maps = base_alloc((im->n_maps + 1) * sizeof(*s.maps));
	for (uint32_t i = 0; i < s.n_maps; i++) {
		shared_place_map(&s, im, i, &end);
		own += shared_own_bytes(&s, im->maps[i], i);
	}
	s.rings = round_up(end, PAGE);
	s.ring_bytes = ring_bytes;
	s.ring_stride = round_up(sizeof(struct rt_ring) + ring_bytes, PAGE);
	s.bytes = s.rings + s.ring_stride * s.n_cpus;
	s.own_bytes = s.own_room_end = round_up(own + (grows ? OWN_ROOM : 0), PAGE);
	s.tables = s.tables_end = s.bytes;
	/* room only, here and below: what is not used is no memory */
	if (im->unwind_tables_map != IMAGE_NONE)
		s.bytes = s.tables_end += TABLES_ROOM;
	s.room = s.bytes;
	if (grows)
		s.bytes += MAPS_ROOM;
	s.room_end = s.bytes;
	err = make_file(&s);
	if (!err)
		err = map_file(&s);
	if (err) {
		shared_free(&s);
		return err;
	}
	s.own_room = round_up(sizeof(struct rt_area), LINE);
	for (uint32_t i = 0; i < s.n_maps; i++)
		shared_init_map(&s, im->maps[i], i, &s.own_room);
	area = shared_area(&s);
	area->n_cpus = s.n_cpus;
	area->bytes = s.bytes;
	area->rings = s.rings;
	area->ring_stride = s.ring_stride;
	area->ring_size = ring_bytes;
	for (uint32_t i = 0; i < s.n_cpus; i++)
		rt_ring_init(shared_ring(&s, i));
	*s.own = *area;
	s.own->rings += s.own_bytes;
	s.own->bytes += s.own_bytes;
	shared_clock_start(&s);
	*ret = s;
	return NULL;
}

struct err *shared_set_table(struct shared *s, uint32_t map, uint32_t index, const uint64_t *words,
			     uint32_t n)
{
	const struct rt_map_plan plan = { RT_ARRAY, 4, 8, n, 1, 0 };
	uint64_t values = round_up(s->tables + sizeof(struct rt_map), LINE);
	struct rt_map *own = shared_map(s, map), outer, inner;
	char *at = (char *)s->view + s->tables;
	uint32_t first = 0;

	if (!own || own->kind != RT_MAPS ||
	    (words && (!n || values + rt_map_bytes(&plan) > s->tables_end)))
		return err_new(ENOSPC, "keep a table of %u words", n);
	/* written by descriptions of ours, which nobody changes meanwhile */
	if (words) {
		rt_map_init(&inner, &plan, (char *)s->view + values);
		memcpy(rt_map_lookup_in(&inner, &first, 0), words, n * sizeof(*words));
		rt_map_init((struct rt_map *)(void *)at, &plan, (char *)s->view + values);
		s->tables = round_up(values + rt_map_bytes(&plan), LINE);
	}
	rt_map_copy(&outer, own);
	outer.max_entries = s->maps[map].shape.max_entries;
	return rt_map_set_map(&outer, index, words ? at - ((char *)s->view + s->maps[map].at) : 0)
		       ? NULL
		       : err_new(EINVAL, "keep a table at %u", index);
}

void shared_free(struct shared *s)
{
	if (s->own)
		munmap((char *)s->own - PAGE, s->own_bytes + s->bytes + 2 * PAGE);
	/*
	 * Processes that were probed keep it mapped, since one of their threads may stand where it reads it: what it held is given
	 * back all the same, and reads as zeroes
	 */
	if (s->fd >= 0) {
		(void)fallocate(s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
				(off_t)s->bytes);
		close(s->fd);
	}
	free(s->maps);
	*s = (struct shared){ .fd = -1 };
}

struct rt_area *shared_area(const struct shared *s)
{
	return s->view;
}

struct rt_map *shared_map(const struct shared *s, uint32_t map)
{
	return s->maps[map].own;
}

void *shared_values(const struct shared *s, uint32_t map)
{
	return (char *)s->view + s->maps[map].values;
}

struct rt_ring *shared_ring(const struct shared *s, uint32_t cpu)
{
	return (struct rt_ring *)(void *)((char *)s->view + s->rings + s->ring_stride * cpu);
}

/* address: where the file is; 0: for the tracer */
static void relocate(const struct shared *s, const struct image_prog *p, uint64_t address,
		     struct bpf_insn *out)
{
	memcpy(out, p->insns, p->n_insns * sizeof(*out));
	for (uint32_t i = 0; i < p->n_relocs; i++) {
		const struct image_reloc *r = &p->relocs[i];
		const struct shared_map *m = &s->maps[r->index];
		struct bpf_insn *in = &out[r->insn];
		/* the ring is no map here: any address will do */
		uint64_t at = address ? address + m->at : (uintptr_t)m->own;

		if (r->kind == RELOC_MAP_VALUE)
			at = (address ? address + m->values : (uintptr_t)m->own_values) +
			     (uint32_t)in[1].imm;
		in[0].src_reg = in[1].src_reg = 0;
		in[0].imm = (int32_t)(uint32_t)at;
		in[1].imm = (int32_t)(uint32_t)(at >> 32);
	}
}

void shared_relocate(const struct shared *s, const struct image_prog *p, uint64_t address,
		     struct bpf_insn *out)
{
	relocate(s, p, address, out);
}

void shared_relocate_own(const struct shared *s, const struct image_prog *p, struct bpf_insn *out)
{
	relocate(s, p, 0, out);
}
