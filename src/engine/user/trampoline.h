/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The code that a patched place jumps to: saves what the programs change, runs them, goes on with what was displaced (patch.h). */
#ifndef SONDE_ENGINE_USER_TRAMPOLINE_H
#define SONDE_ENGINE_USER_TRAMPOLINE_H

#include "engine/user/jit.h"
#include "engine/user/patch.h"

struct trampoline_prog {
	const struct bpf_insn *insns; /* addresses of maps are filled in: those of the process */
	uint32_t n_insns;
	uint64_t cookie, func_ip;
};

enum trampoline_kind {
	TRAMPOLINE_ENTRY, /* first instruction of a function, or behind its endbr64: flags are dead, nothing below rsp is live */
	TRAMPOLINE_INSIDE, /* anywhere else: flags and 128 bytes below rsp are kept */
	TRAMPOLINE_CALL,   /* entry of a function whose return is noticed, too */
};

struct trampoline_site {
	enum trampoline_kind kind;
	const struct trampoline_prog *progs; /* at the place */
	uint32_t n_progs;
	const struct trampoline_prog *returns; /* TRAMPOLINE_CALL: when it returns */
	uint32_t n_returns;
};

struct trampoline_map;

/* addresses in the process, all within reach of 32 bits */
struct trampoline_env {
	uint64_t blob;    /* of the helpers' code */
	uint64_t area;    /* struct rt_area */
	uint64_t private; /* struct rt_private */
	uint64_t calls;   /* struct rt_calls; 0: none */
	const struct trampoline_map *maps;
	uint32_t n_maps;
};

struct err *trampoline_emit(struct x86 *x, struct patch *p, const struct code *c,
			    const uint8_t *bytes, const struct trampoline_site *s,
			    const struct trampoline_env *env) ERR_MUST;

enum { RT_CALLS_BYTES = 4096 };

#endif
