/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From an IR module to the programs of an image: the last step of the compiler. What it fills lives in the image's arena.
 */
#ifndef SONDE_EBPF_CODEGEN_H
#define SONDE_EBPF_CODEGEN_H

#include "base/err.h"
#include "ir/ir.h"

enum ebpf_allocator { EBPF_ALLOC_LINEAR, EBPF_ALLOC_SLOTS };

struct ebpf_opts {
	enum ebpf_allocator allocator;
	bool no_peephole;
	uint32_t stack_limit; /* 0: the kernel's 512; tests that only interpret may have more */
	uint32_t jump_reach;  /* 0: eBPF's; tests make far jumps of near ones */
	struct span at;       /* set on an error: the place in the script, or SPAN_NONE */
};

/*
 * Code, relocations, function table and lines of every program of m, in im->progs (which m->progs[].image are put into, in
 * their order), and im->btf. m must have passed ir_check. An error is about a limit of eBPF that the script exceeds.
 */
struct err *ebpf_compile(const struct ir_module *m, struct image *im,
			 struct ebpf_opts *opts) ERR_MUST;

#endif
