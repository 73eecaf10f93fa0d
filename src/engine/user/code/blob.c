/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The code for traced processes, and where its functions are; see blob.h. The bytes are made by rt/blob.py. */
#include "engine/user/code/blob.h"

#include "engine/user/code/jit.h"
#include "engine/user/rt/area.h"
#include "rt_blob.h"

#include <linux/bpf.h>
#include <string.h>

size_t blob_bytes(void)
{
	return sizeof(rt_blob);
}

void blob_copy(void *to, uint64_t area, uint64_t private)
{
	uint32_t has_rdpid = x86_has_rdpid();

	memcpy(to, rt_blob, sizeof(rt_blob));
	memcpy((char *)to + BLOB_area_at, &area, sizeof(area));
	memcpy((char *)to + BLOB_private_at, &private, sizeof(private));
	memcpy((char *)to + BLOB_has_rdpid, &has_rdpid, sizeof(has_rdpid));
}

int64_t blob_helper(int32_t helper)
{
	switch (helper) {
#define X(name, number) \
	case number: return BLOB_##name;
		RT_HELPERS(X)
#undef X
	/* of either space: here there is but one */
	case BPF_FUNC_probe_read: return BLOB_probe_read_user;
	case BPF_FUNC_probe_read_str: return BLOB_probe_read_user_str;
	default: return -1;
	}
}

uint64_t blob_call_open(void)
{
	return BLOB_call_open;
}

uint64_t blob_call_close(void)
{
	return BLOB_call_close;
}

void blob_fence(struct jit_fence *f, uint64_t blob)
{
	f->access = blob + BLOB_fence_access;
	f->call = blob + BLOB_fence_call;
	f->spent = blob + BLOB_fence_spent;
	f->reserved = blob + BLOB_fence_reserved;
	f->leave = blob + BLOB_fence_leave;
}

uint32_t blob_stack(int32_t helper)
{
	switch (helper) {
	case BPF_FUNC_for_each_map_elem: return BLOB_STACK_OF_EACH;
	case BPF_FUNC_trace_printk:
	case BPF_FUNC_trace_vprintk: return BLOB_STACK_OF_LINE;
	case BPF_FUNC_get_stackid:
	case BPF_FUNC_get_stack: return BLOB_STACK_OF_WALK;
	default: return BLOB_STACK;
	}
}
