/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which registers of the traced program an eBPF program looks at: the words of its context (struct pt_regs) that it can read. A trampoline
 * shows those and no others. Pure.
 */
#ifndef SONDE_ENGINE_USER_CONTEXT_USE_H
#define SONDE_ENGINE_USER_CONTEXT_USE_H

#include <linux/bpf.h>
#include <stdint.h>

enum { CONTEXT_WORDS = 21, CONTEXT_ALL = (1 << CONTEXT_WORDS) - 1 };

/* bit k: the word at byte 8 * k may be read. All of them where the context's address is kept in memory, computed with, or given away */
uint32_t context_use(const struct bpf_insn *insns, uint32_t n);

#endif
