/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What traced processes and the tracer share, in one memory file that the tracer makes and keeps: struct rt_area, the tables of the
 * image's maps, and the rings of events. Every process maps the same file, wherever it has room, so programs are made for each place.
 * When a process ends, everything it counted is still here.
 *
 * A process can write anything there at any time. So what the tracer goes by (where things are and how large) is kept in pages of its own,
 * in front of its view of the file: a struct rt_area, a struct rt_map for each map, and constants. They are laid out so that programs
 * that run in the tracer find all of it by that struct rt_area, as those in a process do by the one in the file.
 */
#ifndef SONDE_ENGINE_USER_SHARED_H
#define SONDE_ENGINE_USER_SHARED_H

#include "base/err.h"
#include "engine/user/rt/area.h"
#include "image/image.h"

struct shared_map {
	uint64_t at;     /* offset of its struct rt_map; 0: the image has it for the kernel only */
	uint64_t values; /* offset of its first value: arrays */
	struct rt_map shape; /* as it was written into the file */
	struct rt_map *own;  /* of the tracer: the same tables, seen from there */
	char *own_values;    /* arrays: in our view; constants: a copy of ours */
};

struct shared {
	int fd;
	void *view;
	uint64_t bytes;
	struct rt_area *own; /* in front of the view */
	uint64_t own_bytes;
	uint64_t rings, ring_stride, ring_bytes;
	uint32_t n_cpus;
	uint64_t tables,
		tables_end; /* offsets: where the next table for unwinding goes, and the end of the room for them */
	struct shared_map *maps; /* of the image, in its order */
	uint32_t n_maps;
	uint64_t seen_tsc, seen_ns, next_look_ns; /* shared_clock.c: both clocks at its last look */
	uint64_t before_tsc, before_ns;           /* and at the look before that */
	/* offsets, from the file's beginning and from own: where maps of later generations go, and the end of the room for them */
	uint64_t room, room_end, own_room, own_room_end;
};

/* ring_bytes: of each processor's ring, a power of two; grows: shared_grow will be called. An error leaves nothing behind */
struct err *shared_make(const struct image *im, uint64_t ring_bytes, bool grows,
			struct shared *ret) ERR_MUST;
/*
 * The image has new maps, or some of another type than they had. What is there stays where it is, and no process writes into what is
 * given out here before it has programs that do. *before, with its own list of maps, brings back what was; one of shared_shrink
 * and shared_settle follows. Unused room is no memory
 */
struct err *shared_grow(struct shared *s, const struct image *im, struct shared *before) ERR_MUST;
void shared_shrink(struct shared *s, struct shared *before);
void shared_settle(struct shared *before);
void shared_free(struct shared *s);

/* a table of words becomes an element of MAP_UNWIND_TABLES; words NULL: the element goes, its room stays taken */
struct err *shared_set_table(struct shared *s, uint32_t map, uint32_t index, const uint64_t *words,
			     uint32_t n) ERR_MUST;

/* often: several times a second the programs' clock is compared with the kernel's, and corrected */
void shared_clock_round(struct shared *s);
/* CLOCK_MONOTONIC at a time stamp */
uint64_t shared_clock_at(const struct rt_clock *c, uint64_t tsc);
/*
 * A line through this moment, for what happened a moment ago: it is the kernel's clock more closely than the programs' line is. Where the kernel
 * does not go by the time stamp counter it is flat
 */
struct rt_clock shared_clock_now(const struct shared *s);

/* the processes' one: to switch them off, and to read what they count */
struct rt_area *shared_area(const struct shared *s);
struct rt_map *shared_map(const struct shared *s, uint32_t map);   /* our own; NULL: not served */
void *shared_values(const struct shared *s, uint32_t map);         /* of an array: the first one */
struct rt_ring *shared_ring(const struct shared *s, uint32_t cpu); /* its data: ring_bytes */

/* the program's instructions (p->n_insns of them go to out) for a process that has the file at an address */
void shared_relocate(const struct shared *s, const struct image_prog *p, uint64_t address,
		     struct bpf_insn *out);
/* the same for the tracer */
void shared_relocate_own(const struct shared *s, const struct image_prog *p, struct bpf_insn *out);

#endif
