/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Jumps further than eBPF's 16-bit offsets: see islands.c. */
#ifndef SONDE_EBPF_ISLANDS_H
#define SONDE_EBPF_ISLANDS_H

#include "ebpf/insn.h"

/* what a jump reaches, less room for the islands themselves */
#define EBPF_JUMP_REACH 28000

/* make every jump of more than reach instructions one over several hops; changes nothing in smaller functions */
void ebpf_add_islands(struct ebpf_code *code, uint32_t reach, struct arena *arena);

#endif
