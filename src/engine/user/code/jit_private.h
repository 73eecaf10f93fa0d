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
	uint32_t start;     /* its first instruction */
	/* env->fence: functions that can be open at a time; labels */
	uint32_t n_frames;
	uint32_t fence_access, fence_call, fence_spent, fence_over, fence_table;
};

/* both false: no such instruction */
bool jit_alu(struct jit *j, const struct bpf_insn *in);
bool jit_memory(struct jit *j, const struct bpf_insn *in);

/* ---- jit_fence.c, where env->fence is ---- */

/* bytes of stack that the program takes, frames of all its functions included */
uint32_t jit_fence_bytes(const struct jit *j);
void jit_fence_labels(struct jit *j);
/* R10 is that register and *disp, which is added to; or its value in dst */
enum x86_reg jit_fence_base(struct jit *j, enum x86_reg scratch, int32_t *disp);
void jit_fence_frame(struct jit *j, enum x86_reg dst);
/* of a function; end: the instruction behind it */
void jit_fence_begin(struct jit *j, uint32_t end);
void jit_fence_end(struct jit *j);
/* in front of a load, store or atomic; of a branch; of a helper, and behind it */
void jit_fence_access(struct jit *j, const struct bpf_insn *in, uint32_t i);
void jit_fence_branch(struct jit *j, uint32_t i, uint32_t to);
void jit_fence_helper(struct jit *j, const struct bpf_insn *in, uint32_t i);
void jit_fence_helper_done(struct jit *j, const struct bpf_insn *in);
/* may env->replace stand for it? */
bool jit_fence_inlines(const struct bpf_insn *in);
/* behind all functions */
void jit_fence_finish(struct jit *j);

#endif
