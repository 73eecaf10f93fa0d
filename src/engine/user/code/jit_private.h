/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the JIT's files share: jit.c (functions, jumps, calls), jit_alu.c, jit_mem.c. Nobody else includes this. */
#ifndef SONDE_ENGINE_USER_JIT_PRIVATE_H
#define SONDE_ENGINE_USER_JIT_PRIVATE_H

#include "ebpf/insn.h"
#include "engine/user/code/jit.h"

struct jit {
	struct x86 *x;
	const struct jit_env *env;
	const struct bpf_insn *insns;
	uint32_t n;
	uint32_t *labels;  /* of each instruction; labels[n] is the program's end */
	uint32_t *entries; /* where a function begins: its label, in front of what saves registers */
	uint32_t *own,
		*need; /* stack: of a function that begins here; with all that it calls, 0: not known yet */
	bool *is_func;      /* does a function begin here? */
	bool *is_entered;   /* does a branch lead here? */
	uint32_t stack;     /* bytes of the present function */
	uint32_t end_label; /* of the present function */
};

/* both false: no such instruction */
bool jit_alu(struct jit *j, const struct bpf_insn *in);
bool jit_memory(struct jit *j, const struct bpf_insn *in);

#endif
