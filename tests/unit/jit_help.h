/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For tests: compiles a program to x86-64 and runs it in this process, as a C function. */
#ifndef SONDE_TESTS_UNIT_JIT_HELP_H
#define SONDE_TESTS_UNIT_JIT_HELP_H

#include "engine/user/code/jit.h"

#include <sys/mman.h>

enum { JIT_HELP_BYTES = 1 << 20 };

struct jit_help {
	void *code; /* mapped, readable and executable */
};

/* the clock stands still: results must not depend on it */
static inline bool jit_help_call(void *arg, struct x86 *x, int32_t helper)
{
	if (helper != BPF_FUNC_ktime_get_ns)
		return false;
	x86_mov_imm(x, X_RAX, 0);
	return true;
}

static inline struct err *jit_help_run(const struct bpf_insn *insns, uint32_t n, void *ctx,
				       uint64_t *ret)
{
	struct jit_env env = { .call_helper = jit_help_call, .is_function = true };
	struct x86 x = { .base = 0 };
	void *code = mmap(NULL, JIT_HELP_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
	uint64_t (*run)(void *ctx);
	struct err *e;

	x.base = (uint64_t)(uintptr_t)code;
	e = jit_compile(insns, n, &env, &x);
	if (!e && x.code.n <= JIT_HELP_BYTES) {
		x86_link(&x);
		memcpy(code, x.code.p, x.code.n);
		mprotect(code, JIT_HELP_BYTES, PROT_READ | PROT_EXEC);
		memcpy(&run, &code, sizeof(run));
		*ret = run(ctx);
	}
	x86_free(&x);
	munmap(code, JIT_HELP_BYTES);
	return e;
}

#endif
