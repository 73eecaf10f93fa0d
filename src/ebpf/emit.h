/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IR of one function, with the places that an allocator chose, to eBPF instructions with symbolic targets. ops.def is
 * the specification. Only instructions that kernel 6.1 knows (cpu v3). The function and the allocation are only read;
 * *code stays the caller's, who frees it; nothing else outlives a call.
 */
#ifndef SONDE_EBPF_EMIT_H
#define SONDE_EBPF_EMIT_H

#include "base/err.h"
#include "ebpf/alloc.h"
#include "ebpf/insn.h"

/* most 8-, 4-, 2- or 1-byte accesses that one ZERO or COPY is unrolled into */
#define EBPF_MAX_UNROLL 1024

/* *code is appended to; on an error *at is the place in the script */
struct err *ebpf_emit(const struct ir_func *f, const struct ebpf_alloc *al, struct ebpf_code *code,
		      struct span *at) ERR_MUST;

#endif
