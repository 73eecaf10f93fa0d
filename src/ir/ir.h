/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Linear three-address IR over virtual registers. Not SSA: a vreg may be defined many times. Built by ir/build_*,
 * checked by ir/check, simplified by ir/opt, turned into eBPF by src/ebpf. Everything lives in the compile arena.
 *
 * A vreg holds 64 bits: an integer (narrow ones are kept extended according to their type), or a pointer. Aggregates
 * never stand in vregs: they are in stack slots, scratch map values or ring records, addressed by a vreg + offset.
 */
#ifndef SONDE_IR_IR_H
#define SONDE_IR_IR_H

#include "diag/diag.h"
#include "image/image.h"

enum ir_op {
#define IR_OP(name, text, form) IR_##name,
#include "ir/ops.def"
#undef IR_OP
	IR_N_OPS
};

/* clang-format off */
enum ir_cc { CC_EQ, CC_NE, CC_LT, CC_LE, CC_GT, CC_GE, CC_SLT, CC_SLE, CC_SGT, CC_SGE, CC_TEST /* a & b */ };
/* clang-format on */
enum ir_atomic { ATOMIC_ADD, ATOMIC_AND, ATOMIC_OR, ATOMIC_XOR, ATOMIC_XCHG, ATOMIC_CMPXCHG };

enum {
	IRF_IMM = 1 << 0,      /* b is imm */
	IRF_SIGNED = 1 << 1,   /* LOAD sign extends */
	IRF_UNLIKELY = 1 << 2, /* BR: placed out of line when possible */
};

/* number of a virtual register of its function; 0 is none */
#define IR_NO_VREG 0u

struct ir_insn {
	uint8_t op;   /* enum ir_op */
	uint8_t size; /* 1, 2, 4, 8 where the operation says .size */
	uint8_t cc;   /* enum ir_cc or enum ir_atomic */
	uint8_t flags;
	uint8_t n_args;
	uint32_t dst;
	union {
		struct {
			uint32_t a, b, c;
		};
		uint32_t src[5]; /* a is src[0], ... */
	};
	int32_t off, off2;
	uint32_t target; /* label number */
	int64_t imm;
	struct span at; /* what in the script this comes from */
};

/* a piece of stack; its address is taken with IR_SLOT */
struct ir_slot {
	uint32_t size;
	uint32_t align; /* 1, 2, 4, 8 */
};

enum ir_func_kind {
	IR_FUNC_PROGRAM,  /* entry: one context parameter, IR_CTX */
	IR_FUNC_SUBPROG,  /* called by IR_CALL_FN: n_params scalars */
	IR_FUNC_LOOP,     /* callback of bpf_loop: (index, context pointer) -> 0 go on, 1 stop */
	IR_FUNC_FOR_EACH, /* callback of bpf_for_each_map_elem: (map, key, value, context pointer) */
};

struct ir_func {
	struct str name; /* a C identifier, unique in the module */
	enum ir_func_kind kind;
	uint32_t n_params;
	struct ir_insn *insn;
	uint32_t n, cap;
	uint32_t n_vregs;  /* vregs are 1 .. n_vregs */
	uint32_t n_labels; /* labels are 0 .. n_labels - 1 */
	struct ir_slot *slots;
	uint32_t n_slots, cap_slots;
};

/* one program of the image: its entry function and the meta data that the image needs */
struct ir_prog {
	uint32_t func;            /* index of the entry function */
	struct image_prog *image; /* name, kind, shape: filled by the builder; code by src/ebpf */
};

struct ir_module {
	struct arena *arena;
	struct ir_func **funcs;
	uint32_t n_funcs, cap_funcs;
	struct ir_prog *progs;
	uint32_t n_progs;
	struct image *image; /* maps, events, faults, strings are filled while building */
};

const char *ir_op_name(enum ir_op op);
/* text of all functions, for -d ir */
void ir_print(const struct ir_module *m, struct strbuf *out);
/*
 * Definitions before uses on every path, labels defined once, operands present, sizes legal, slots in range.
 * NULL when all is well; the error names function and instruction (a fault of the compiler, not of the script).
 */
struct err *ir_check(const struct ir_module *m);
/* copy and constant propagation, dead code, branch folding; keeps meaning, never fails */
void ir_optimize(struct ir_module *m);

#endif
