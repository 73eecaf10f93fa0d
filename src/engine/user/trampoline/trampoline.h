/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a jump that stands in a traced process's code to the programs of an image, and back: the code around compiled programs. It shows them
 * the registers as the kernel would (struct pt_regs, at R1), keeps those that they write, and calls functions whose returns are wanted
 * through itself. What it must not do: write a register, a flag or a byte of the stack that the traced program can still see.
 *
 * Only general registers are kept, because nothing that runs here touches others. The stack: what the programs need and at most
 * trampoline_stack() bytes in all, below the place's rsp (TRAMPOLINE_INSIDE: below the 128 bytes under it); or none of the program's,
 * but one of ours (is_on_ours).
 */
#ifndef SONDE_ENGINE_USER_TRAMPOLINE_H
#define SONDE_ENGINE_USER_TRAMPOLINE_H

#include "engine/user/patch/patch.h"
#include "engine/user/rt/area.h"
#include "engine/user/rt/calls.h"

#include <linux/bpf.h>

struct trampoline_prog {
	const struct bpf_insn *insns; /* with the addresses of maps, as the process has them */
	uint32_t n_insns;
	uint64_t cookie;
	uint64_t func_ip; /* the place as it is named: entry, or address inside; returns: the function's entry */
	uint32_t stack_from; /* RT_FROM_*: where its walks of the stack begin */
	uint64_t hits; /* the map in which it counts its hits for --budget, without a lock; 0: it does not */
	uint64_t report; /* nobody has verified it: address of its struct rt_fence_report. 0: it is verified */
};

enum trampoline_kind {
	TRAMPOLINE_ENTRY, /* first instruction of a function, or behind its endbr64: flags and what is below rsp are dead. RETs, too, if proven */
	TRAMPOLINE_INSIDE, /* anywhere else: flags and 128 bytes below rsp are kept */
	TRAMPOLINE_GO,     /* anywhere in Go code, which has nothing below rsp: flags are kept */
	TRAMPOLINE_CALL,   /* entry of a function that is called through: its return is noticed */
};

struct trampoline_site {
	enum trampoline_kind kind;
	const struct trampoline_prog *progs; /* at the place, in this order */
	uint32_t n_progs;
	const struct trampoline_prog *returns; /* TRAMPOLINE_CALL */
	uint32_t n_returns;
	bool is_on_ours; /* nothing is pushed on the program's stack. Not with TRAMPOLINE_CALL */
	uint32_t free; /* is_on_ours: registers that are free at the place, as masks: code_free_at */
	bool has_slot; /* rsp points to the return address, whatever the kind: it can be read there */
};

struct trampoline_map {
	uint64_t at;               /* of its struct rt_map in the process */
	const struct rt_map *view; /* our view of that; what is constant in it is compiled in */
	uint32_t ways;             /* enum rt_fence_way: what unverified programs may do with it */
};

/* addresses of the process; all of them within reach of the code */
struct trampoline_env {
	uint64_t blob;     /* the helpers' code: blob_copy */
	uint64_t area;     /* struct rt_area */
	uint64_t private;  /* struct rt_private */
	uint64_t calls;    /* struct rt_calls; 0: there is none, and TRAMPOLINE_CALL an error */
	uint64_t stacks;   /* the first struct rt_stack, as in struct rt_private */
	uint32_t n_stacks; /* a power of two, or 0 */
	const struct trampoline_map *maps;
	uint32_t n_maps;
	bool is_foreign; /* programs of others: jit.h */
};

/*
 * The trampoline of a patch, at the end of x; other arguments as patch_emit's. Jumps are linked when it returns. After an error x is as
 * before. Calls for which there is no room in the table are let through and counted in rt_area.n_missed_calls.
 */
struct err *trampoline_emit(struct x86 *x, struct patch *p, const struct code *c,
			    const uint8_t *bytes, const struct trampoline_site *s,
			    const struct trampoline_env *env) ERR_MUST;

/* bytes of stack that a trampoline uses at most, those of helpers included. In an open call nothing stays */
uint32_t trampoline_stack(const struct patch *p);

#endif
