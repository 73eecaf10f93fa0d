/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The code that goes into traced processes beside the programs themselves: eBPF's helpers (rt/helpers.c), as bytes that can lie
 * at any address.
 */
#ifndef SONDE_ENGINE_USER_BLOB_H
#define SONDE_ENGINE_USER_BLOB_H

#include <stddef.h>
#include <stdint.h>

size_t blob_bytes(void);
/* a copy for a process whose struct rt_area and struct rt_private lie at those addresses (of the process) */
void blob_copy(void *to, uint64_t area, uint64_t private);
/* offset of the function for a helper by its number; -1: there is none */
int64_t blob_helper(int32_t helper);
/* bytes of stack that a helper needs at most, its return address included; while it calls a function back: JIT_STACK_OF_* */
enum {
	BLOB_STACK = 256,
	BLOB_STACK_OF_EACH = 384,
	BLOB_STACK_OF_LINE = 512,
	BLOB_STACK_OF_WALK = 1536
};
uint32_t blob_stack(int32_t helper);
/* offsets of what trampolines call: rt/calls.h */
uint64_t blob_call_open(void);
uint64_t blob_call_close(void);

struct jit_fence;
/* what of the fence lies in the helpers' code, which is at an address: the functions of rt/fence.h */
void blob_fence(struct jit_fence *f, uint64_t blob);

#endif
