/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Variables between the worker, which reads their DIEs and locations (dwarf_var_read.c), and the tracer, which decides what
 * to believe (dwarf_var.c). Not for other folders.
 */
#ifndef SONDE_OBJFILE_DWARF_VAR_H
#define SONDE_OBJFILE_DWARF_VAR_H

#include "objfile/dwarf_private.h"

enum dwarf_producer { PRODUCER_OTHER, PRODUCER_GCC, PRODUCER_CLANG, PRODUCER_RUSTC, PRODUCER_GO };

/* what a function's DIE says that decides whether the calling convention holds */
struct dwarf_fn_facts {
	enum type_lang lang;
	enum dwarf_producer producer;
	uint32_t producer_major;
	bool is_nocall, is_external, is_optimized;
	bool is_mangled;      /* it has a linkage name of its own */
	uint64_t entry;       /* of the function with code of its own; 0: not known */
	uint64_t body;        /* where its parameters have been stored; 0: not known */
	uint64_t result_type; /* id, 0: none */
};

enum dwarf_var_flags {
	VAR_HAS_ATTR = 1,   /* a location or a constant, somewhere */
	VAR_IS_LIST = 2,    /* the location depends on the address */
	VAR_IS_COVERED = 4, /* it has one at the address */
	VAR_ON_FRAME = 8,   /* memory of the function's own frame */
	VAR_IS_CONST = 16,
	VAR_ARTIFICIAL = 32,
};

struct dwarf_raw_var {
	struct str name;
	uint64_t type; /* id */
	enum di_role role;
	uint32_t flags, line;
	struct location loc;
};

#endif
