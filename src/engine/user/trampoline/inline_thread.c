/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which thread hits, as code: what rt_thread_id (rt/thread.c) does when it has seen the thread on this page of its stack before. All else is
 * the helper's, which is called then. Called by inline.c.
 */
#include "engine/user/trampoline/inline_private.h"

#include <linux/bpf.h>
#include <stddef.h>

enum {
	THREADS = offsetof(struct rt_private, threads),
	BASE_TID = offsetof(struct rt_thread, base_tid),
	PAGE_TID = offsetof(struct rt_thread, page_tid),
	/* the helper sees the stack pointer so far below: two calls and a register. Where it is on another page, the helper is called */
	HELPER_BELOW = 24,
};
_Static_assert(sizeof(struct rt_thread) == 1 << 4, "shifted");

/* rcx = fs's base, rdx = page, rdi = what is private to the process, r11 = the entry for both, from there */
static bool put_entry(const struct trampoline_env *env, struct x86 *x)
{
	x86_fs_base(x, X_RCX);
	x86_lea(x, X_RDX, X_RSP, -HELPER_BELOW);
	x86_shift_imm(x, true, X_SHR, X_RDX, RT_PAGE_BITS);
	x86_mov(x, true, X_R11, X_RCX);
	x86_shift_imm(x, true, X_SHR, X_R11, RT_PAGE_BITS);
	x86_alu(x, false, X_ADD, X_R11, X_RDX);
	x86_imul_imm(x, false, X_R11, X_R11, (int32_t)RT_THREAD_FACTOR);
	x86_shift_imm(x, false, X_SHR, X_R11, 32 - RT_TIDS_BITS);
	x86_shift_imm(x, false, X_SHL, X_R11, 4);
	if (!x86_lea_at(x, X_RDI, env->private))
		return false;
	x86_alu(x, true, X_ADD, X_R11, X_RDI);
	return true;
}

/*
 * eax = the tid, if the entry is this thread's. Each word of it is a sum: base << 16, or page << 22, and the tid, which is below 1 << 22. So what
 * is left of the first when this thread's base is taken away is a tid only if the bases are the same (multiples of 64); the second must
 * be this page and that tid, and the kernel's word, which is not looked at before, must hold it.
 */
static void put_compare(struct x86 *x, uint32_t unknown)
{
	x86_load(x, 8, X_RAX, X_R11, THREADS + BASE_TID);
	x86_mov(x, true, X_RSI, X_RCX);
	x86_shift_imm(x, true, X_SHL, X_RSI, RT_TID_BITS - RT_THREAD_ALIGN_BITS);
	x86_alu(x, true, X_SUB, X_RAX, X_RSI);
	x86_alu_imm(x, true, X_CMP, X_RAX, (1 << RT_TID_BITS) - 1);
	x86_jump(x, X_A, unknown);
	x86_shift_imm(x, true, X_SHL, X_RDX, RT_TID_BITS);
	x86_alu(x, true, X_ADD, X_RDX, X_RAX);
	x86_alu_mem(x, true, X_CMP, X_RDX, X_R11, THREADS + PAGE_TID);
	x86_jump(x, X_NE, unknown);
	x86_load(x, 4, X_RSI, X_RDI, offsetof(struct rt_private, thread_offset));
	x86_alu(x, true, X_ADD, X_RCX, X_RSI);
	x86_load(x, 4, X_RCX, X_RCX, 0);
	x86_alu(x, true, X_CMP, X_RCX, X_RAX);
	x86_jump(x, X_NE, unknown);
}

bool inline_thread(const struct inline_at *at, struct x86 *x)
{
	uint32_t unknown = x86_label(x), done = x86_label(x), is_other = x86_label(x);

	if (at->is_on_ours || !x86_has_fs_base())
		return at->call(at->arg, x, BPF_FUNC_get_current_pid_tgid);
	if (!put_entry(at->env, x))
		return false;
	put_compare(x, unknown);
	/* the first thread has the process's number, which the tracer may know as another one */
	x86_load(x, 4, X_RDX, X_RDI, offsetof(struct rt_private, pid));
	x86_alu_mem(x, false, X_CMP, X_RAX, X_RDI, offsetof(struct rt_private, own_pid));
	x86_jump(x, X_NE, is_other);
	x86_mov(x, false, X_RAX, X_RDX);
	x86_place(x, is_other);
	x86_shift_imm(x, true, X_SHL, X_RDX, 32);
	x86_alu(x, true, X_OR, X_RAX, X_RDX);
	x86_jump(x, X_ALWAYS, done);
	x86_place(x, unknown);
	if (!at->call(at->arg, x, BPF_FUNC_get_current_pid_tgid))
		return false;
	x86_place(x, done);
	x->written |= 1u << X_RAX | 1u << X_RCX | 1u << X_RDX | 1u << X_RSI | 1u << X_RDI |
		      1u << X_R8 | 1u << X_R9 | 1u << X_R10 | 1u << X_R11;
	return true;
}
