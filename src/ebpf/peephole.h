/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Clean-up of one emitted function: see peephole.c. */
#ifndef SONDE_EBPF_PEEPHOLE_H
#define SONDE_EBPF_PEEPHOLE_H

#include "ebpf/insn.h"

/* what the verifier insists on: no instruction that cannot be reached */
void ebpf_remove_unreachable(struct ebpf_code *code, struct arena *arena);
/* everything, that included */
void ebpf_peephole(struct ebpf_code *code, struct arena *arena);

#endif
