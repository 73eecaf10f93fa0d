/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of inlining share: inline.c (the choice), inline_clock.c, inline_map.c, inline_thread.c. Nobody else includes this. */
#ifndef SONDE_ENGINE_USER_INLINE_PRIVATE_H
#define SONDE_ENGINE_USER_INLINE_PRIVATE_H

#include "engine/user/trampoline/inline.h"

/* the map whose address an instruction loads, and that address; NULL: it is none that is known */
const struct rt_map *inline_map(const struct trampoline_env *env, const struct bpf_insn *in,
				uint64_t *at);
/* rax = the processor's number, the last table's for those beyond, times the bytes of a table */
void inline_table_offset(struct x86 *x, const struct rt_map *m);
/* get_current_pid_tgid; false: there is no such helper */
bool inline_thread(const struct inline_at *at, struct x86 *x);
/* a clock's helper: 1, or 0 where it cannot be here */
uint32_t inline_clock(const struct inline_at *at, struct x86 *x, int32_t helper);
/* floor(log2()) as hist() has it: how many instructions it stands for, 0: these are others */
uint32_t inline_log2(const struct jit_place *p, struct x86 *x);
/* how many instructions it stands for, 0: it is not for this place */
uint32_t inline_map_call(const struct inline_at *at, const struct jit_place *p, struct x86 *x);

#endif
