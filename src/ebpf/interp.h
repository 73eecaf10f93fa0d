/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A plain interpreter of eBPF, the oracle of tests: every access is checked against the memory it was given, what is
 * undefined is poisoned. Addresses are those of this process. Slow, and never used to run probes.
 */
#ifndef SONDE_EBPF_INTERP_H
#define SONDE_EBPF_INTERP_H

#include "base/err.h"
#include "image/image.h"

struct ebpf_region {
	void *base;
	uint64_t size;
	bool is_writable;
};

struct ebpf_interp;
/* a helper; *ret becomes R0 */
typedef struct err *ebpf_helper_fn(struct ebpf_interp *it, const uint64_t arg[5], uint64_t *ret);

struct ebpf_interp {
	const struct bpf_insn *insns;
	uint32_t n_insns;
	const struct ebpf_region *regions; /* what may be accessed besides the stack */
	uint32_t n_regions;
	ebpf_helper_fn *const *helpers; /* by number, NULL where there is none */
	uint32_t n_helpers;
	void *opaque;         /* for helpers */
	uint32_t stack_bytes; /* of a frame; 0: 512 */
	uint64_t max_steps;   /* 0: a million */
	/* private */
	uint64_t steps;
	uint32_t depth;
	uint8_t *frame[8];
};

/* run from the first instruction with R1 = ctx; *ret is R0 at the exit */
struct err *ebpf_interp_run(struct ebpf_interp *it, uint64_t ctx, uint64_t *ret) ERR_MUST;

#endif
