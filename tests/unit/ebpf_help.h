/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests of the back half: IR made by hand, an evaluator of IR that shares nothing with the code generator, and ways
 * to run the compiled program: in the interpreter, and in the kernel as a BPF_PROG_TYPE_SYSCALL program whose context is
 * plain memory that it may read and write. bpf(2) is called as it is; the real loader is the engine's.
 */
#ifndef SONDE_TESTS_UNIT_EBPF_HELP_H
#define SONDE_TESTS_UNIT_EBPF_HELP_H

#include "base/err.h"
#include "ebpf/codegen.h"
#include "ebpf/interp.h"
#include "ir/ops.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- making IR ---- */

struct mk {
	struct arena arena;
	struct ir_module m;
};

static inline void mk_init(struct mk *k)
{
	memset(k, 0, sizeof(*k));
	arena_init(&k->arena);
	k->m.arena = &k->arena;
	k->m.image = image_new(&k->arena);
	k->m.funcs = arena_array(&k->arena, struct ir_func *, 64);
	k->m.progs = arena_array(&k->arena, struct ir_prog, 16);
}

static inline struct ir_func *mk_func(struct mk *k, enum ir_func_kind kind, const char *name,
				      uint32_t n_params)
{
	struct ir_func *f = arena_new(&k->arena, struct ir_func);

	f->name = arena_str(&k->arena, str_from(name));
	f->kind = kind;
	f->n_params = n_params;
	f->slots = arena_array(&k->arena, struct ir_slot, 8192);
	if (kind == IR_FUNC_PROGRAM) {
		struct image_prog *p = arena_new(&k->arena, struct image_prog);

		p->name = f->name;
		p->prog_type = BPF_PROG_TYPE_SYSCALL;
		p->flags = BPF_F_SLEEPABLE;
		p->at = SPAN_NONE;
		k->m.progs[k->m.n_progs++] = (struct ir_prog){ k->m.n_funcs, p };
	}
	k->m.funcs[k->m.n_funcs++] = f;
	return f;
}

static inline uint32_t mk_vreg(struct ir_func *f)
{
	return ++f->n_vregs;
}

static inline uint32_t mk_label(struct ir_func *f)
{
	return f->n_labels++;
}

static inline uint32_t mk_slot(struct ir_func *f, uint32_t size, uint32_t align)
{
	f->slots[f->n_slots] = (struct ir_slot){ size, align };
	return f->n_slots++;
}

/* append; the instruction array is on the heap for simplicity and freed by mk_free */
static inline struct ir_insn *mk_add(struct ir_func *f, struct ir_insn in)
{
	size_t cap = f->cap;

	vec_grow((void **)&f->insn, &cap, f->n + 1, sizeof(in));
	f->cap = (uint32_t)cap;
	in.at = SPAN_NONE;
	f->insn[f->n++] = in;
	return &f->insn[f->n - 1];
}

#define MK(f, ...) mk_add((f), (struct ir_insn){ __VA_ARGS__ })

static inline void mk_free(struct mk *k)
{
	for (uint32_t i = 0; i < k->m.n_funcs; i++)
		free(k->m.funcs[i]->insn);
	arena_free(&k->arena);
}

/* ---- evaluating IR ---- */

static inline bool eval_cc(unsigned cc, uint64_t a, uint64_t b)
{
	int64_t sa = (int64_t)a, sb = (int64_t)b;

	switch (cc) {
	case CC_EQ: return a == b;
	case CC_NE: return a != b;
	case CC_LT: return a < b;
	case CC_LE: return a <= b;
	case CC_GT: return a > b;
	case CC_GE: return a >= b;
	case CC_SLT: return sa < sb;
	case CC_SLE: return sa <= sb;
	case CC_SGT: return sa > sb;
	case CC_SGE: return sa >= sb;
	default: return a & b;
	}
}

static inline uint64_t eval_low(uint64_t v, unsigned size)
{
	return size == 8 ? v : v & ((1ull << (8 * size)) - 1);
}

static inline uint64_t eval_sext(uint64_t v, unsigned size)
{
	return (uint64_t)((int64_t)(v << (64 - 8 * size)) >> (64 - 8 * size));
}

static inline uint64_t eval_arith(unsigned op, uint64_t a, uint64_t b)
{
	switch (op) {
	case IR_ADD: return a + b;
	case IR_SUB: return a - b;
	case IR_MUL: return a * b;
	case IR_DIV: return b ? a / b : 0;
	case IR_MOD: return b ? a % b : a;
	case IR_SDIV:
		return b == 0 ? 0 : b == UINT64_MAX ? 0 - a : (uint64_t)((int64_t)a / (int64_t)b);
	case IR_SMOD: return b == 0 ? a : b == UINT64_MAX ? 0 : (uint64_t)((int64_t)a % (int64_t)b);
	case IR_AND: return a & b;
	case IR_OR: return a | b;
	case IR_XOR: return a ^ b;
	case IR_SHL: return a << (b & 63);
	case IR_SHR: return a >> (b & 63);
	default: return (uint64_t)((int64_t)a >> (b & 63));
	}
}

static inline uint64_t eval_load(uint64_t at, unsigned size)
{
	uint64_t v = 0;

	memcpy(&v, (void *)(uintptr_t)at, size);
	return v;
}

static inline uint64_t eval_atomic(const struct ir_insn *in, uint64_t at, uint64_t b, uint64_t c)
{
	uint64_t old = eval_load(at, in->size), v = old;

	switch (in->cc) {
	case ATOMIC_ADD: v = old + b; break;
	case ATOMIC_AND: v = old & b; break;
	case ATOMIC_OR: v = old | b; break;
	case ATOMIC_XOR: v = old ^ b; break;
	case ATOMIC_XCHG: v = b; break;
	case ATOMIC_CMPXCHG: v = old == eval_low(c, in->size) ? b : old; break;
	}
	memcpy((void *)(uintptr_t)at, &v, in->size);
	return old;
}

/* runs without any check: the IR passed ir_check and touches its own memory only. Helpers give 0. */
static inline uint64_t eval_func(const struct ir_module *m, const struct ir_func *f,
				 const uint64_t *param)
{
	uint64_t *v = base_alloc((f->n_vregs + 1) * sizeof(*v)), ret = 0;
	uint8_t **slot = base_alloc((f->n_slots + 1) * sizeof(*slot));
	uint32_t *label = base_alloc((f->n_labels + 1) * sizeof(*label));

	for (uint32_t s = 0; s < f->n_slots; s++)
		slot[s] = base_alloc(f->slots[s].size);
	for (uint32_t i = 0; i < f->n; i++)
		if (f->insn[i].op == IR_LABEL)
			label[f->insn[i].target] = i;
	for (uint32_t i = 0; i < f->n; i++) {
		const struct ir_insn *in = &f->insn[i];
		uint64_t a = ir_arity(in) > 0 ? v[in->a] : 0, args[5] = { 0 };
		uint64_t b = (in->flags & IRF_IMM) ? (uint64_t)in->imm
			     : ir_arity(in) > 1    ? v[in->b]
						   : 0;
		uint64_t at = a + (uint64_t)(int64_t)in->off;

		switch (in->op) {
		case IR_NOP:
		case IR_LABEL: break;
		case IR_IMM: v[in->dst] = (uint64_t)in->imm; break;
		case IR_MOV: v[in->dst] = a; break;
		case IR_NEG: v[in->dst] = 0 - a; break;
		case IR_BSWAP:
			v[in->dst] = in->size == 2   ? __builtin_bswap16((uint16_t)a)
				     : in->size == 4 ? __builtin_bswap32((uint32_t)a)
						     : __builtin_bswap64(a);
			break;
		case IR_ZEXT: v[in->dst] = eval_low(a, in->size); break;
		case IR_SEXT: v[in->dst] = eval_sext(a, in->size); break;
		case IR_SET: v[in->dst] = eval_cc(in->cc, a, b); break;
		case IR_JMP: i = label[in->target]; break;
		case IR_BR:
			if (eval_cc(in->cc, a, b))
				i = label[in->target];
			break;
		case IR_LOAD:
			v[in->dst] = eval_load(at, in->size);
			if (in->flags & IRF_SIGNED)
				v[in->dst] = eval_sext(v[in->dst], in->size);
			break;
		case IR_STORE: memcpy((void *)(uintptr_t)at, &b, in->size); break;
		case IR_ZERO: memset((void *)(uintptr_t)at, 0, (size_t)in->imm); break;
		case IR_COPY:
			memcpy((void *)(uintptr_t)at,
			       (void *)(uintptr_t)(v[in->b] + (uint64_t)(int64_t)in->off2),
			       (size_t)in->imm);
			break;
		case IR_ATOMIC:
			args[0] = eval_atomic(in, at, v[in->b],
					      in->cc == ATOMIC_CMPXCHG ? v[in->c] : 0);
			v[in->dst] = args[0];
			break;
		case IR_SLOT: v[in->dst] = (uint64_t)(uintptr_t)slot[in->imm]; break;
		case IR_CTX: v[in->dst] = param[0]; break;
		case IR_PARAM: v[in->dst] = param[in->imm]; break;
		case IR_CALL: v[in->dst] = 0; break;
		case IR_CALL_FN:
			for (unsigned k = 0; k < in->n_args; k++)
				args[k] = v[in->src[k]];
			v[in->dst] = eval_func(m, m->funcs[in->imm], args);
			break;
		case IR_BOUND: v[in->dst] = a > (uint64_t)in->imm ? (uint64_t)in->imm : a; break;
		case IR_RET:
			ret = a;
			i = f->n;
			break;
		default: v[in->dst] = eval_arith(in->op, a, b); break;
		}
		v[0] = 0;
	}
	for (uint32_t s = 0; s < f->n_slots; s++)
		free(slot[s]);
	free(slot);
	free(label);
	free(v);
	return ret;
}

/* ---- the kernel ---- */

static inline long kernel_bpf(int cmd, union bpf_attr *attr)
{
	return syscall(__NR_bpf, cmd, attr, sizeof(*attr));
}

/* may this process load programs? Tests that need it are skipped otherwise */
static inline bool kernel_is_usable(void)
{
	return geteuid() == 0;
}

static char kernel_log[1 << 20];

static inline int kernel_load_btf(const struct image *im)
{
	union bpf_attr attr = { 0 };

	attr.btf = (uint64_t)(uintptr_t)im->btf;
	attr.btf_size = im->btf_size;
	attr.btf_log_buf = (uint64_t)(uintptr_t)kernel_log;
	attr.btf_log_size = sizeof(kernel_log);
	attr.btf_log_level = 1;
	return (int)kernel_bpf(BPF_BTF_LOAD, &attr);
}

/* a program's fd or -1 with kernel_log filled; insns have their maps filled in; btf_fd -1: without function info */
static inline int kernel_load(const struct image_prog *p, const struct bpf_insn *insns, int btf_fd)
{
	union bpf_attr attr = { 0 };
	int fd;

	attr.prog_type = p->prog_type;
	attr.insns = (uint64_t)(uintptr_t)insns;
	attr.insn_cnt = p->n_insns;
	attr.license = (uint64_t)(uintptr_t) "GPL";
	attr.prog_flags = p->flags;
	if (btf_fd >= 0) {
		attr.prog_btf_fd = (uint32_t)btf_fd;
		attr.func_info = (uint64_t)(uintptr_t)p->funcs;
		attr.func_info_cnt = p->n_funcs;
		attr.func_info_rec_size = sizeof(*p->funcs);
	}
	kernel_log[0] = 0;
	fd = (int)kernel_bpf(BPF_PROG_LOAD, &attr);
	if (fd < 0) {
		int code = errno;

		attr.log_buf = (uint64_t)(uintptr_t)kernel_log;
		attr.log_size = sizeof(kernel_log);
		attr.log_level = 1;
		fd = (int)kernel_bpf(BPF_PROG_LOAD, &attr);
		if (fd < 0)
			errno = code;
	}
	return fd;
}

/* run once with size bytes of ctx, which are changed in place; -1 on failure */
static inline int kernel_run(int fd, void *ctx, uint32_t size, uint32_t *ret)
{
	union bpf_attr attr = { 0 };
	long r;

	attr.test.prog_fd = (uint32_t)fd;
	attr.test.ctx_in = (uint64_t)(uintptr_t)ctx;
	attr.test.ctx_size_in = size;
	r = kernel_bpf(BPF_PROG_TEST_RUN, &attr);
	*ret = attr.test.retval;
	return (int)r;
}

/* the end of the verifier's log as TAP comments */
static inline void kernel_print_log(void)
{
	size_t n = strlen(kernel_log), from = n > 3000 ? n - 3000 : 0;

	tap_print_text("verifier", kernel_log + from, n - from);
}

#endif
