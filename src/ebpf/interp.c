/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The interpreter: one function per class of instruction over a frame of registers. Semantics: the kernel's
 * Documentation/bpf/standardization/instruction-set.rst, cpu v3. Registers that a call clobbers and fresh stack hold
 * poison, so that code which relies on them gives results that differ.
 */
#include "ebpf/interp.h"
#include "ebpf/insn.h"

#include <inttypes.h>

#define POISON 0xdeadbeefcafef00dull
#define STACK_POISON 0xa5
/* what ld_imm64 of a function gives: no address that any region has */
#define FUNC_TAG 0x7f00000000000000ull

struct frame {
	uint64_t r[EBPF_N_REGS];
	uint32_t pc;
};

static uint32_t stack_size(const struct ebpf_interp *it)
{
	return it->stack_bytes ? it->stack_bytes : EBPF_STACK_LIMIT;
}

static bool is_inside(uint64_t addr, uint64_t size, uint64_t base, uint64_t length)
{
	return addr >= base && addr - base <= length && size <= length - (addr - base);
}

static ERR_MUST struct err *check_access(const struct ebpf_interp *it, uint32_t pc, uint64_t addr,
					 unsigned size, bool is_write)
{
	for (uint32_t d = 0; d < it->depth; d++) {
		if (!is_inside(addr, size, (uint64_t)(uintptr_t)it->frame[d], stack_size(it)))
			continue;
		/* as the verifier: on the stack only aligned */
		if ((addr - (uint64_t)(uintptr_t)it->frame[d]) % size)
			return err_new(0, "interpreter: misaligned stack access at %u", pc);
		return NULL;
	}
	for (uint32_t i = 0; i < it->n_regions; i++)
		if (is_inside(addr, size, (uint64_t)(uintptr_t)it->regions[i].base,
			      it->regions[i].size) &&
		    (it->regions[i].is_writable || !is_write))
			return NULL;
	return err_new(0, "interpreter: bad %s of %u bytes at instruction %u, address 0x%" PRIx64,
		       is_write ? "write" : "read", size, pc, addr);
}

static uint64_t load(uint64_t addr, unsigned size)
{
	uint64_t v = 0;

	memcpy(&v, (void *)(uintptr_t)addr, size);
	return v;
}

static void store(uint64_t addr, unsigned size, uint64_t v)
{
	memcpy((void *)(uintptr_t)addr, &v, size);
}

static uint64_t swap_bytes(uint64_t v, int bits)
{
	switch (bits) {
	case 16: return __builtin_bswap16((uint16_t)v);
	case 32: return __builtin_bswap32((uint32_t)v);
	default: return __builtin_bswap64(v);
	}
}

static uint64_t keep_bits(uint64_t v, int bits)
{
	return bits == 64 ? v : v & ((1ull << bits) - 1);
}

static uint64_t alu64(uint8_t op, uint64_t a, uint64_t b)
{
	switch (op) {
	case BPF_ADD: return a + b;
	case BPF_SUB: return a - b;
	case BPF_MUL: return a * b;
	case BPF_DIV: return b ? a / b : 0;
	case BPF_MOD: return b ? a % b : a;
	case BPF_OR: return a | b;
	case BPF_AND: return a & b;
	case BPF_XOR: return a ^ b;
	case BPF_LSH: return a << (b & 63);
	case BPF_RSH: return a >> (b & 63);
	case BPF_ARSH: return (uint64_t)((int64_t)a >> (b & 63));
	case BPF_NEG: return 0 - a;
	default: return b; /* BPF_MOV */
	}
}

static uint64_t alu32(uint8_t op, uint32_t a, uint32_t b)
{
	switch (op) {
	case BPF_LSH: return (uint32_t)(a << (b & 31));
	case BPF_RSH: return a >> (b & 31);
	case BPF_ARSH: return (uint32_t)((int32_t)a >> (b & 31));
	case BPF_NEG: return (uint32_t)(0 - a);
	default: return (uint32_t)alu64(op, a, b);
	}
}

static void step_alu(struct frame *f, const struct bpf_insn *in)
{
	uint8_t op = in->code & 0xf0;
	uint64_t b = in->code & BPF_X ? f->r[in->src_reg] : (uint64_t)(int64_t)in->imm;
	uint64_t *d = &f->r[in->dst_reg];

	if (op == BPF_END) /* on little endian: "to le" cuts, "to be" swaps */
		*d = in->code & BPF_X ? swap_bytes(*d, in->imm) : keep_bits(*d, in->imm);
	else if (ebpf_class(in) == BPF_ALU64)
		*d = alu64(op, *d, b);
	else
		*d = alu32(op, (uint32_t)*d, (uint32_t)b);
}

static bool is_taken(const struct frame *f, const struct bpf_insn *in)
{
	return ebpf_jumps(in->code, f->r[in->dst_reg],
			  in->code & BPF_X ? f->r[in->src_reg] : (uint64_t)(int64_t)in->imm);
}

static ERR_MUST struct err *step_atomic(struct ebpf_interp *it, struct frame *f,
					const struct bpf_insn *in)
{
	unsigned size = ebpf_size_bytes(in->code);
	uint64_t addr = f->r[in->dst_reg] + (uint64_t)(int64_t)in->off, old, b = f->r[in->src_reg];

	TRY(check_access(it, f->pc, addr, size, true));
	old = load(addr, size);
	if (in->imm == BPF_CMPXCHG) {
		if (old == keep_bits(f->r[R0], 8 * (int)size))
			store(addr, size, b);
		f->r[R0] = old;
	} else if (in->imm == BPF_XCHG) {
		store(addr, size, b);
		f->r[in->src_reg] = old;
	} else {
		store(addr, size, alu64(in->imm & 0xf0, old, b));
		if (in->imm & BPF_FETCH)
			f->r[in->src_reg] = old;
	}
	return NULL;
}

static ERR_MUST struct err *step_memory(struct ebpf_interp *it, struct frame *f,
					const struct bpf_insn *in)
{
	unsigned size = ebpf_size_bytes(in->code);
	uint8_t class = ebpf_class(in);
	uint64_t addr = f->r[class == BPF_LDX ? in->src_reg : in->dst_reg] +
			(uint64_t)(int64_t)in->off;

	if (class == BPF_STX && (in->code & 0xe0) == BPF_ATOMIC)
		return step_atomic(it, f, in);
	TRY(check_access(it, f->pc, addr, size, class != BPF_LDX));
	if (class == BPF_LDX)
		f->r[in->dst_reg] = load(addr, size);
	else
		store(addr, size,
		      class == BPF_STX ? f->r[in->src_reg] : (uint64_t)(int64_t)in->imm);
	return NULL;
}

static ERR_MUST struct err *run_frame(struct ebpf_interp *it, uint32_t pc, const uint64_t arg[5],
				      uint64_t *ret);

static ERR_MUST struct err *step_call(struct ebpf_interp *it, struct frame *f,
				      const struct bpf_insn *in)
{
	uint64_t ret = 0;

	if (in->src_reg == BPF_PSEUDO_CALL)
		TRY(run_frame(it, f->pc + 1 + (uint32_t)in->imm, &f->r[R1], &ret));
	else if (in->imm < 0 || (uint32_t)in->imm >= it->n_helpers || !it->helpers[in->imm])
		return err_new(0, "interpreter: no helper %d", in->imm);
	else
		TRY(it->helpers[in->imm](it, &f->r[R1], &ret));
	f->r[R0] = ret;
	for (unsigned r = R1; r <= R5; r++)
		f->r[r] = POISON + r;
	return NULL;
}

static void step_wide(struct frame *f, const struct bpf_insn *in)
{
	if (in->src_reg == BPF_PSEUDO_FUNC)
		f->r[in->dst_reg] = FUNC_TAG | (f->pc + 1 + (uint32_t)in->imm);
	else
		f->r[in->dst_reg] = (uint32_t)in[0].imm | (uint64_t)(uint32_t)in[1].imm << 32;
	f->pc++;
}

/* one function until its exit */
static ERR_MUST struct err *run_loop(struct ebpf_interp *it, struct frame *f)
{
	for (;; f->pc++) {
		const struct bpf_insn *in;

		if (f->pc >= it->n_insns)
			return err_new(0, "interpreter: ran off the program");
		if (it->steps++ > (it->max_steps ? it->max_steps : 1000000))
			return err_new(0, "interpreter: too many steps");
		in = &it->insns[f->pc];
		switch (ebpf_class(in)) {
		case BPF_ALU:
		case BPF_ALU64: step_alu(f, in); break;
		case BPF_LD: step_wide(f, in); break;
		case BPF_LDX:
		case BPF_ST:
		case BPF_STX: TRY(step_memory(it, f, in)); break;
		default:
			if (in->code == (BPF_JMP | BPF_EXIT))
				return NULL;
			if (in->code == (BPF_JMP | BPF_CALL))
				TRY(step_call(it, f, in));
			else if (is_taken(f, in))
				f->pc += (uint32_t)(int32_t)in->off;
		}
	}
}

static struct err *run_frame(struct ebpf_interp *it, uint32_t pc, const uint64_t arg[5],
			     uint64_t *ret)
{
	struct frame f = { .pc = pc };
	uint8_t *stack;
	struct err *e;

	if (it->depth == sizeof(it->frame) / sizeof(it->frame[0]))
		return err_new(0, "interpreter: too many frames");
	stack = base_alloc(stack_size(it));
	memset(stack, STACK_POISON, stack_size(it));
	it->frame[it->depth++] = stack;
	for (unsigned r = R0; r < R10; r++)
		f.r[r] = POISON + r;
	memcpy(&f.r[R1], arg, 5 * sizeof(*arg));
	f.r[R10] = (uint64_t)(uintptr_t)stack + stack_size(it);
	e = run_loop(it, &f);
	*ret = f.r[R0];
	it->depth--;
	free(stack);
	return e;
}

struct err *ebpf_interp_run(struct ebpf_interp *it, uint64_t ctx, uint64_t *ret)
{
	uint64_t arg[5] = { ctx, POISON, POISON, POISON, POISON };

	it->steps = 0;
	it->depth = 0;
	return run_frame(it, 0, arg, ret);
}
