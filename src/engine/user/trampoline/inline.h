/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls of helpers that are not calls: what is constant at a place, and the element of an array whose index is constant. The patterns are
 * those that sonde's own compiler writes; what is not recognised is called as ever.
 */
#ifndef SONDE_ENGINE_USER_INLINE_H
#define SONDE_ENGINE_USER_INLINE_H

#include "engine/user/code/jit.h"
#include "engine/user/trampoline/trampoline.h"

struct inline_at {
	const struct trampoline_env *env;
	const struct trampoline_prog *prog;
	bool (*call)(void *arg, struct x86 *x,
		     int32_t helper); /* as jit_env.call_helper, for what is not the usual */
	void *arg;
	bool is_on_ours; /* rsp is on a stack of ours */
	int32_t slot_at; /* from rsp to the return address of the function, which can be read; -1: that is not known */
	int32_t tid_at; /* from rsp to a word for the answer of get_current_pid_tgid, 0 at first; -1: there is none */
	bool *has_tid; /* tid_at: code that finds it out stands in front of this already */
};

/* the result is in R0: how many instructions from p->i on it stands for, 0: none */
uint32_t inline_helper(const struct inline_at *at, const struct jit_place *p, struct x86 *x);
/* how often a program calls a helper */
uint32_t inline_count(const struct bpf_insn *insns, uint32_t n, int32_t helper);

#endif
