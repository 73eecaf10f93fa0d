/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What shared.c (the file) and shared_maps.c (the maps in it) have in common; nobody else includes this. */
#ifndef SONDE_ENGINE_USER_SHARED_PRIVATE_H
#define SONDE_ENGINE_USER_SHARED_PRIVATE_H

#include "engine/user/memory/shared.h"

#define PAGE 4096ull
#define LINE 64ull

static inline uint64_t round_up(uint64_t n, uint64_t to)
{
	return (n + to - 1) / to * to;
}

/* gives map i its offsets, from *end on; an image's that processes cannot use get none */
void shared_place_map(struct shared *s, const struct image *im, uint32_t i, uint64_t *end);
/* bytes of our own pages for it: its description, and constants */
uint64_t shared_own_bytes(const struct shared *s, const struct image_map *m, uint32_t i);
/* writes it, in the file and at *own in our own pages, which is moved on */
void shared_init_map(struct shared *s, const struct image_map *m, uint32_t i, uint64_t *own);

/* shared_clock.c */
void shared_clock_start(struct shared *s);

#endif
