/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is asked of a program that nobody has verified before its code is made: that its instructions are ones we know, that jumps stay in
 * their function and functions end, that calls end somewhere, and that it calls helpers which the fence knows (rt/fence.h). What it
 * does with memory is looked at when it runs.
 */
#ifndef SONDE_ENGINE_USER_FENCE_H
#define SONDE_ENGINE_USER_FENCE_H

#include "base/err.h"

#include <linux/bpf.h>
#include <stdint.h>

enum { FENCE_MOST_INSNS = 1 << 16, FENCE_MOST_MAPS = 64 };

/* with or without the addresses of its maps; *frames: how many of its functions can be open at a time (may be NULL) */
struct err *fence_check(const struct bpf_insn *insns, uint32_t n, uint32_t *frames) ERR_MUST;
/* a helper that the fence knows */
bool fence_knows(int32_t helper);

#endif
