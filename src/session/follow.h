/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * --follow: the set of traced processes. It begins with those that are named and their descendants, and is kept from then on by
 * programs in the kernel (ir/build_follow.c); here it is read.
 */
#ifndef SONDE_SESSION_FOLLOW_H
#define SONDE_SESSION_FOLLOW_H

#include "engine/engine.h"

/* the set: a bitmap of IMAGE_FOLLOWED_PIDS bits, all 0 when there is none; to be freed */
uint64_t *follow_read(const struct image *im, const struct engine_ops *ops, struct engine *e);

#endif
