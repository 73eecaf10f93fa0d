/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The filters of a process, and what they say to our calls; see filters.h. */
#include "engine/user/process/filters.h"

#include "base/cleanup.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#ifndef PTRACE_SECCOMP_GET_FILTER
#define PTRACE_SECCOMP_GET_FILTER 0x420c
#endif
#ifndef PR_GET_TID_ADDRESS
#define PR_GET_TID_ADDRESS 40
#endif

enum { MOST_FILTERS = 64, ARGS = 6, ALL_KNOWN = (1 << ARGS) - 1 };

/* ---- which calls programs make: rt/read.c, thread.c, helpers.c. And GROW: what notices returns, rt/calls_grow.c ---- */

enum {
	READ = 1,
	WRITE = 2,
	TID = 4,
	NAME = 8,
	IDS = 16,
	CLOCK = 32,
	KILL = 64,
	TGKILL = 128,
	GROW = 256
};

static const struct {
	int32_t helper;
	unsigned calls;
} of_helpers[] = {
	{ BPF_FUNC_probe_read_user, READ },
	{ BPF_FUNC_probe_read_user_str, READ },
	{ BPF_FUNC_get_stackid, READ },
	{ BPF_FUNC_get_stack, READ },
	{ BPF_FUNC_trace_printk, READ | TID | NAME },
	{ BPF_FUNC_trace_vprintk, READ | TID | NAME },
	{ BPF_FUNC_copy_from_user, READ },
	{ BPF_FUNC_probe_write_user, WRITE },
	{ BPF_FUNC_get_current_pid_tgid, READ | TID },
	{ BPF_FUNC_get_ns_current_pid_tgid, READ | TID },
	{ BPF_FUNC_get_current_uid_gid, IDS },
	{ BPF_FUNC_get_current_comm, NAME },
	{ BPF_FUNC_send_signal, KILL },
	{ BPF_FUNC_send_signal_thread, READ | TID | TGKILL },
	{ BPF_FUNC_ktime_get_ns, CLOCK },
	{ BPF_FUNC_ktime_get_boot_ns, CLOCK },
	{ BPF_FUNC_ktime_get_tai_ns, CLOCK },
	/* of the program's own stack, which can lie on two pages */
	{ BPF_FUNC_probe_read_kernel, READ },
	{ BPF_FUNC_probe_read_kernel_str, READ },
};

static const struct {
	unsigned of;
	const char *name;
	struct filters_call call;
} calls[] = {
	{ READ, "process_vm_readv", { SYS_process_vm_readv, 0x34, { 0, 0, 1, 0, 1, 0 } } },
	{ WRITE, "process_vm_writev", { SYS_process_vm_writev, 0x34, { 0, 0, 1, 0, 1, 0 } } },
	{ TID, "gettid", { SYS_gettid, ALL_KNOWN, { 0 } } },
	{ TID, "prctl", { SYS_prctl, 0x3d, { PR_GET_TID_ADDRESS } } },
	{ NAME, "prctl", { SYS_prctl, 0x3d, { PR_GET_NAME } } },
	{ IDS, "getuid", { SYS_getuid, ALL_KNOWN, { 0 } } },
	{ IDS, "getgid", { SYS_getgid, ALL_KNOWN, { 0 } } },
	{ CLOCK, "clock_gettime", { SYS_clock_gettime, 0x3c, { 0 } } },
	{ KILL, "kill", { SYS_kill, 0x3c, { 0 } } },
	{ TGKILL, "tgkill", { SYS_tgkill, 0x38, { 0 } } },
	{ GROW,
	  "mmap",
	  { SYS_mmap,
	    0x3d,
	    { 0, 0, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
	      (uint64_t)-1 } } },
	{ GROW, "munmap", { SYS_munmap, 0x3c, { 0 } } },
};

static unsigned of_helper(int32_t helper)
{
	for (size_t i = 0; i < sizeof(of_helpers) / sizeof(of_helpers[0]); i++)
		if (of_helpers[i].helper == helper)
			return of_helpers[i].calls;
	return 0;
}

static bool runs_there(const struct image_prog *p)
{
	enum probe_kind k = p->shape->kind;

	return k == PROBE_UPROBE || k == PROBE_URETPROBE || k == PROBE_USDT;
}

static unsigned calls_of(const struct image *im)
{
	unsigned ret = 0;

	for (uint32_t i = 0; i < im->n_progs; i++) {
		if (im->progs[i]->shape->kind == PROBE_URETPROBE)
			ret |= GROW;
		for (uint32_t k = 0; runs_there(im->progs[i]) && k < im->progs[i]->n_insns; k++) {
			const struct bpf_insn *in = &im->progs[i]->insns[k];

			if (in->code == (BPF_JMP | BPF_CALL) && !in->src_reg)
				ret |= of_helper(in->imm);
		}
	}
	return ret;
}

/* ---- a filter: a program of the old BPF over struct seccomp_data, which has no loops ---- */

struct machine {
	uint32_t a, x, m[BPF_MEMWORDS];
	const struct filters_call *call;
	bool is_unknown; /* it has looked at something that we do not know */
};

static uint32_t load(struct machine *s, uint32_t at)
{
	const uint32_t args = offsetof(struct seccomp_data, args);

	if (at == offsetof(struct seccomp_data, nr))
		return s->call->nr;
	if (at == offsetof(struct seccomp_data, arch))
		return AUDIT_ARCH_X86_64;
	if (at >= args && at < args + ARGS * 8 && at % 4 == 0 &&
	    s->call->known & 1u << (at - args) / 8)
		return (uint32_t)(s->call->args[(at - args) / 8] >> (at % 8 * 8));
	s->is_unknown = true;
	return 0;
}

static void alu(struct machine *s, const struct sock_filter *f)
{
	uint32_t v = BPF_SRC(f->code) == BPF_X ? s->x : f->k;

	switch (BPF_OP(f->code)) {
	case BPF_ADD: s->a += v; break;
	case BPF_SUB: s->a -= v; break;
	case BPF_MUL: s->a *= v; break;
	case BPF_DIV: s->a = v ? s->a / v : 0; break;
	case BPF_AND: s->a &= v; break;
	case BPF_OR: s->a |= v; break;
	case BPF_XOR: s->a ^= v; break;
	case BPF_LSH: s->a = v < 32 ? s->a << v : 0; break;
	case BPF_RSH: s->a = v < 32 ? s->a >> v : 0; break;
	case BPF_NEG: s->a = -s->a; break;
	default: s->is_unknown = true;
	}
}

static bool is_taken(const struct machine *s, const struct sock_filter *f)
{
	uint32_t v = BPF_SRC(f->code) == BPF_X ? s->x : f->k;

	switch (BPF_OP(f->code)) {
	case BPF_JEQ: return s->a == v;
	case BPF_JGT: return s->a > v;
	case BPF_JGE: return s->a >= v;
	default: return (s->a & v) != 0; /* BPF_JSET */
	}
}

static uint32_t value(struct machine *s, const struct sock_filter *f)
{
	switch (BPF_MODE(f->code)) {
	case BPF_ABS: return load(s, f->k);
	case BPF_IMM: return f->k;
	case BPF_LEN: return sizeof(struct seccomp_data);
	case BPF_MEM: return f->k < BPF_MEMWORDS ? s->m[f->k] : 0;
	default: s->is_unknown = true; return 0;
	}
}

static bool is_allowed(uint32_t verdict)
{
	uint32_t action = verdict & SECCOMP_RET_ACTION_FULL;

	return action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_LOG;
}

bool filters_allow(const struct sock_filter *v, size_t n, const struct filters_call *call)
{
	struct machine s = { .call = call };

	for (size_t i = 0; i < n && !s.is_unknown; i++) {
		const struct sock_filter *f = &v[i];

		switch (BPF_CLASS(f->code)) {
		case BPF_LD: s.a = value(&s, f); break;
		case BPF_LDX: s.x = value(&s, f); break;
		case BPF_ST:
		case BPF_STX:
			if (f->k < BPF_MEMWORDS)
				s.m[f->k] = BPF_CLASS(f->code) == BPF_ST ? s.a : s.x;
			break;
		case BPF_ALU: alu(&s, f); break;
		case BPF_MISC:
			if (BPF_MISCOP(f->code) == BPF_TAX)
				s.x = s.a;
			else
				s.a = s.x;
			break;
		case BPF_RET:
			return !s.is_unknown && is_allowed(BPF_RVAL(f->code) == BPF_A ? s.a : f->k);
		default: /* BPF_JMP */
			i += BPF_OP(f->code) == BPF_JA ? f->k : is_taken(&s, f) ? f->jt : f->jf;
		}
	}
	return false;
}

/* ---- a process ---- */

static unsigned long status_number(pid_t tid, const char *key)
{
	char value[32];

	return proc_status(tid, key, value, sizeof(value)) ? strtoul(value, NULL, 10) : 0;
}

/* the first call that the thread's filters do not allow; NULL: they allow all. *why: they cannot be had */
static const char *forbidden(pid_t tid, unsigned wanted, const char **why)
{
	FREE_AUTO struct sock_filter *v = base_alloc(BPF_MAXINSNS * sizeof(*v));

	for (long i = 0; i < MOST_FILTERS; i++) {
		long n = ptrace(PTRACE_SECCOMP_GET_FILTER, tid, i, v);

		if (n < 0 && errno == ENOENT && i)
			return NULL;
		if (n < 0 || n > BPF_MAXINSNS) {
			*why = n < 0 ? strerror(errno) : "too long";
			break;
		}
		for (size_t k = 0; k < sizeof(calls) / sizeof(calls[0]); k++)
			if (wanted & calls[k].of && !filters_allow(v, (size_t)n, &calls[k].call))
				return calls[k].name;
	}
	for (size_t k = 0; k < sizeof(calls) / sizeof(calls[0]); k++)
		if (wanted & calls[k].of)
			return calls[k].name;
	return NULL;
}

struct err *filters_check(const struct remote *r, const struct image *im)
{
	unsigned wanted = calls_of(im) & ~(unsigned)GROW;

	vec_each(t, &r->threads) {
		const char *call, *why = NULL;

		if (!wanted || !t->tid || !status_number(t->tid, "Seccomp"))
			continue;
		call = forbidden(t->tid, wanted, &why);
		if (!call)
			continue;
		return err_hint(
			err_new(0,
				"process %d has a seccomp filter that %s %s(), which programs of "
				"the script call in it",
				(int)r->pid, why ? "may forbid" : "forbids", call),
			"to read memory, for tid, comm, uid and the like: without those a "
			"script can run there; or --engine kernel");
	}
	return NULL;
}

bool filters_allow_growth(const struct remote *r)
{
	const char *why = NULL;

	vec_each(t, &r->threads)
		if (t->tid && status_number(t->tid, "Seccomp") && forbidden(t->tid, GROW, &why))
			return false;
	return true;
}

uint64_t filters_sum(pid_t pid, const struct image *im, unsigned most)
{
	struct pid_list threads;
	uint64_t sum = 0;

	if (!calls_of(im))
		return 0;
	err_free(proc_threads(pid, most, &threads));
	/* the second line is there from Linux 5.10 on */
	vec_each(tid, &threads)
		sum += (status_number(*tid, "Seccomp") << 32) +
		       status_number(*tid, "Seccomp_filters");
	vec_free(&threads);
	return sum;
}
