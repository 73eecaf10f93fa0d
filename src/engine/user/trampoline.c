/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Trampolines; see trampoline.h. */
#include "engine/user/trampoline.h"

#include "arch/x86_64/regs.h"
#include "engine/user/blob.h"

enum { RED_ZONE = 128, FRAME = 128 + ARCH_PT_REGS_SIZE + 8, SP_AT = 152 };

/* struct pt_regs begins with these */
static const enum x86_reg order[] = { X_R15, X_R14, X_R13, X_R12, X_RBP, X_RBX, X_R11, X_R10,
				      X_R9,  X_R8,  X_RAX, X_RCX, X_RDX, X_RSI, X_RDI };

struct job {
	const struct trampoline_site *site;
	const struct trampoline_env *env;
	struct err *err;
};

static bool call_helper(void *arg, struct x86 *x, int32_t helper)
{
	const struct job *j = arg;
	int64_t at = blob_helper(helper);

	return at >= 0 && x86_call_to(x, j->env->blob + (uint64_t)at);
}

static void put_programs(void *arg, struct x86 *x)
{
	struct job *j = arg;
	struct jit_env env = { .call_helper = call_helper, .arg = j };

	x86_lea(x, X_RSP, X_RSP, -FRAME);
	for (unsigned i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		x86_store(x, 8, X_RSP, (int32_t)(8 * i), order[i]);
	x86_lea(x, X_RAX, X_RSP, FRAME);
	x86_store(x, 8, X_RSP, SP_AT, X_RAX);
	/* the JIT leaves r12 alone */
	x86_mov(x, true, X_R12, X_RSP);
	x86_alu_imm(x, true, X_AND, X_RSP, -16);
	for (uint32_t i = 0; i < j->site->n_progs && !j->err; i++) {
		x86_mov(x, true, X_RDI, X_R12);
		j->err = jit_compile(j->site->progs[i].insns, j->site->progs[i].n_insns, &env, x);
	}
	x86_mov(x, true, X_RSP, X_R12);
	for (unsigned i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		x86_load(x, 8, order[i], X_RSP, (int32_t)(8 * i));
	x86_lea(x, X_RSP, X_RSP, FRAME);
}

struct err *trampoline_emit(struct x86 *x, struct patch *p, const struct code *c,
			    const uint8_t *bytes, const struct trampoline_site *s,
			    const struct trampoline_env *env)
{
	struct job j = { .site = s, .env = env };

	if (s->kind != TRAMPOLINE_ENTRY)
		return err_new(0, "only entries of functions can be probed by now");
	TRY(patch_emit(x, p, c, bytes, put_programs, &j));
	return j.err;
}
