/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where probes attach, as data. A clause's attach points are matched (probe/match.h) into *shapes*: groups of points
 * for which one program serves, because the types and places of what can be read there are the same. Engines read
 * shapes and points, sema reads what a shape offers to the script. Lives in the compile arena.
 */
#ifndef SONDE_PROBE_POINT_H
#define SONDE_PROBE_POINT_H

#include "base/str.h"
#include "diag/diag.h"
#include "types/location.h"
#include "types/type.h"
#include "types/usdt_operand.h"

enum probe_kind {
#define PROVIDER(kind, name, alias, ...) PROBE_##kind,
#include "probe/providers.def"
#undef PROVIDER
	PROBE_N_KINDS
};

/* how the return of a function is noticed */
enum return_way {
	RETURN_KERNEL, /* uretprobe: the kernel replaces the return address */
	RETURN_SITES, /* probes on the function's RET instructions (and what else leaves it); see docs/internals/returns.md */
};

/*
 * RETURN_SITES: what a point is to the function that the probe is of. A function that ends in a jump to another one returns
 * at that one's RET: the jump notes it (TAIL), the RET tests for the note (TAIL_RET).
 */
enum exit_kind {
	EXIT_RET,      /* its own RET: it returns */
	EXIT_TAIL_RET, /* RET of a function that it goes on in: it returns if the note is there */
	EXIT_JUMP, /* a tail jump that nothing can follow stands for the return: only for programs that do not read the result */
	EXIT_TAIL, /* in shape.tails: a tail jump that is followed */
};

/* what a shape's points have in common about a value that can be read there by name */
enum probe_var_role {
	PVAR_PARAM,  /* args.NAME */
	PVAR_LOCAL,  /* locals.NAME */
	PVAR_RESULT, /* retval (name empty), or one of several results: retval.NAME, retval.0 */
};

struct probe_var {
	struct str name;
	const struct type *type;
	enum probe_var_role role;
	bool is_artificial; /* this, dictionaries of generics: not part of `args` as a whole */
	uint32_t line;      /* of its declaration, 0: not known */
};

enum args_form {
	ARGS_NONE, /* no arguments: begin, interval, profile, ... */
	ARGS_REGS, /* argN by the C calling convention from pt_regs; args a record when types are known */
	ARGS_USDT,       /* argN by usdt operands */
	ARGS_TRACEPOINT, /* args: record whose fields are at their offsets in the context */
	ARGS_U64_ARRAY, /* argN = ((u64 *)ctx)[N]; args: record of typed words (rawtracepoint, fentry, fexit) */
	ARGS_ITER, /* ctx: pointer to a bpf_iter__* struct */
	ARGS_MESSAGE, /* args: a record in MAP_MESSAGE */
};

struct probe_point {
	struct str name; /* full name as `probe` gives it: "uprobe:/usr/bin/redis-server:call" */
	struct str path; /* object file, or empty */
	struct str symbol; /* function, event, ... as `func` gives it (C++ and Rust names demangled) */
	uint64_t address;        /* in the file's own address space (vaddr); watchpoint: address */
	uint64_t file_offset;    /* uprobe, usdt: where to attach */
	uint64_t ref_ctr_offset; /* usdt semaphore, 0: none */
	uint64_t func_offset;    /* offset within symbol */
	uint32_t tracepoint_id;
	uint32_t perf_type;
	uint64_t perf_config;
	uint64_t period;          /* count, or ns for timers; 0: use frequency */
	uint64_t frequency;       /* Hz */
	uint32_t bp_len, bp_type; /* watchpoint */
	uint32_t btf_id;          /* fentry, iter: id of the function in vmlinux or module BTF */
	uint32_t btf_fd_module;   /* 0: vmlinux */
	int32_t pid;              /* -1: any process */
	bool is_repeat; /* not counted in "Attached N probes": another place of an earlier point's probe, or our own */
	uint32_t cookie; /* row of the site table: index within the shape */
	/* ---- uprobes: the place and the function ---- */
	uint64_t entry_address; /* of the function or inlined instance that the probe is of; address: where it stands */
	uint32_t place_delta; /* address - the logical address: placement moved the probe by so much */
	int32_t sp_delta; /* rsp at the place is what it was at the logical address + this (placement) */
	const struct location *
		locs; /* by shape.vars: where each lies at this point's address; NULL when there are no vars */
	/* of the place, for -v: "placed +4 past endbr64, at push: emulated", or why it costs more; NULL: nothing to say */
	const char *why;
	bool is_cheap; /* the kernel is known to emulate the instruction there */
	struct str inlined_into; /* inlined instance: "main at args.rs:15", else empty */
	uint32_t function; /* returns: which function of the shape, numbered from 0; entries[function] is its entry */
	/* shapes with entries: where the frame begins (CFA: rsp before the call) is rsp, or rbp, + offset at this point */
	int32_t frame_offset;
	bool frame_by_bp;
	uint8_t exit; /* returns by sites: enum exit_kind */
	uint8_t exit_condition; /* 0: always; else 1 + the condition code of the conditional jump that stands there */
	bool is_approximate; /* more entries than calls are possible (docs/internals/debuginfo.md) */
};

struct probe_shape {
	enum probe_kind kind;
	struct span at; /* the attach point as written */
	enum args_form args_form;
	const struct type *args;   /* record of typed arguments, or NULL */
	const struct type *retval; /* typed result, or NULL: uint64 */
	const struct type *ctx;    /* type of the context struct for `ctx`, or NULL */
	uint32_t n_argn;           /* how many argN exist (USDT: operands, rawtracepoint: args) */
	struct usdt_operand *operands; /* ARGS_USDT: n_argn */
	bool is_return;
	enum return_way return_way; /* is_return */
	const char *return_why;     /* for -v: why this way */
	/*
	 * Returns: places for programs of our own, attached when something needs them. entries: of the functions, in the order
	 * of points[].function, where registers are kept for the return; tails: jumps to functions that are followed.
	 */
	const struct probe_shape *entries, *tails;
	bool is_go;          /* goid can be read, results are paired by goroutine */
	bool is_g_sure;      /* r14 is the goroutine at all points (else it is checked by its stack) */
	int32_t goid_offset; /* of goid in runtime.g; -1: not known for this version of Go */
	enum type_lang lang;
	struct type_source *
		types; /* named types of the probed file (its DWARF), asked before the kernel's; or NULL */
	const struct probe_var
		*vars; /* params in order, locals, results; points[].locs has a location for each */
	uint32_t n_vars;
	bool is_user; /* pointers of unknown space are user pointers */
	bool needs_sites; /* more than one point and the program reads `probe` or `func`: filled by ir */
	bool is_loaded; /* its program is there already: in a later generation it is for the checker's eyes only */
	struct probe_point *points;
	uint32_t n_points;
	struct probe_shape *next; /* shapes of one clause */
};

/* is the kernel to notice the return? Probes on ret instructions are ordinary ones */
static inline bool probe_is_kernel_return(const struct probe_shape *s)
{
	return s->is_return && s->return_way == RETURN_KERNEL;
}

#endif
