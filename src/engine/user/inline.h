/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls of helpers that are not calls: what is constant at a place, and the element of an array whose index is constant. The patterns are
 * those that sonde's own compiler writes; what is not recognised is called as ever.
 */
#ifndef SONDE_ENGINE_USER_INLINE_H
#define SONDE_ENGINE_USER_INLINE_H

#include "engine/user/jit.h"
#include "engine/user/trampoline.h"

/* the result is in R0: how many instructions from p->i on it stands for, 0: none */
uint32_t inline_helper(const struct trampoline_env *env, const struct trampoline_prog *prog,
		       const struct jit_place *p, struct x86 *x);

#endif
