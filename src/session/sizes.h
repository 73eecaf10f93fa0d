/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sizes that follow from the machine. */
#ifndef SONDE_SESSION_SIZES_H
#define SONDE_SESSION_SIZES_H

#include "image/image.h"

#include <stdint.h>

/* bytes of the event ring: a power of two; pages 0: by the memory of the machine */
uint64_t sizes_ring_bytes(int64_t pages);
/* the same for a script: one that sends no data (counts only, exit) needs no large ring, whose pages all are resident */
uint64_t sizes_ring_for(const struct image *im, uint64_t ring_bytes);
/* one that takes whole calls, which may pass megabytes before anything is read from it: 8 MiB if that is 1/64 of the memory or less */
uint64_t sizes_ring_for_streams(uint64_t ring_bytes);
uint32_t sizes_possible_cpus(void);

#endif
