/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The limits of eBPF that can be told from the code, before the kernel is asked: combined stack (which 6.18 no longer
 * checks for callbacks, and then overruns), depth of calls, size, pending branches. All is borrowed for the call;
 * what it needs itself is freed before it returns.
 */
#ifndef SONDE_EBPF_LINT_H
#define SONDE_EBPF_LINT_H

#include "ebpf/layout.h"

#define EBPF_MAX_INSNS \
	1000000 /* BPF_COMPLEXITY_LIMIT_INSNS: a program, and what the verifier walks */
#define EBPF_MAX_BRANCHES 8192 /* BPF_COMPLEXITY_LIMIT_JMP_SEQ: pending on one path */
#define EBPF_MAX_CALL_FRAMES 8 /* MAX_CALL_FRAMES */

/*
 * funcs: by IR function, made for all that entry reaches. stack_limit 0: the kernel's. Sets p->stack_bytes. The error
 * belongs to p->at.
 */
struct err *ebpf_lint(const struct ir_module *m, const struct ebpf_func *funcs, uint32_t entry,
		      uint32_t stack_limit, struct image_prog *p) ERR_MUST;

#endif
