/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of functions that every Go binary carries for its own stack traces, stripped or not: names, places, lines,
 * frame sizes and what was inlined where (runtime/symtab.go of the Go distribution; header of Go 1.16, 1.18, 1.20,
 * and 1.26, which leaves the start of the text out of it). Addresses are the file's own (vaddr). The bytes are hostile:
 * whatever points outside of the table gives "not known", never a fault and never an endless walk.
 */
#ifndef SONDE_OBJFILE_GO_PCLNTAB_H
#define SONDE_OBJFILE_GO_PCLNTAB_H

#include "objfile/elf.h"

struct go_pclntab; /* belongs to the objfile */

struct go_func {
	struct str name; /* as pclntab spells it: "main.(*P).Set", "main.add[...]", "main.main.func1" */
	uint64_t addr;
	uint64_t size;  /* of its instructions, padding not included */
	uint32_t index; /* in the table's order, which is that of addresses */
	uint32_t args_bytes; /* stack slots of arguments and results, and where register arguments are spilled */
	uint32_t start_line; /* of the "func" keyword; 0: not known (before Go 1.20) */
	bool is_wrapper;     /* made by the compiler: method wrappers, ABI0 <-> ABIInternal twins */
	bool is_asm;         /* written in assembly (Go 1.18 on) */
	bool is_top;         /* outermost frame of its stack: runtime.goexit and the like */
	bool is_switch; /* changes to another stack: its callers are not found by the frame's size */
};

/* one frame of an address: the innermost inlined function first, the function itself last */
struct go_frame {
	struct str name;
	struct str file;
	uint32_t line; /* where this frame stands: for callers the line of the call */
};

/* one inlined copy of a function */
struct go_inlined {
	struct str name;
	uint64_t addr; /* lowest address of its code */
	uint64_t end;  /* behind its highest */
	bool is_split; /* code of others lies between: control may enter elsewhere than at addr */
	uint32_t func; /* index of the function that holds it */
	struct str caller; /* that it was written in: a function, maybe inlined itself */
	struct str call_file;
	uint32_t call_line;
	uint32_t start_line; /* of the "func" keyword; 0: not known */
};

/* NULL when the file has none that can be read */
struct go_pclntab *objfile_go_pclntab(struct objfile *f);

uint32_t go_pclntab_count(const struct go_pclntab *t);
/* false when entry i is malformed */
bool go_pclntab_func(const struct go_pclntab *t, uint32_t i, struct go_func *ret);
/* the function that holds pc */
bool go_pclntab_at(const struct go_pclntab *t, uint64_t pc, struct go_func *ret);
bool go_line_at(const struct go_pclntab *t, uint64_t pc, struct str *file, uint32_t *line);
/*
 * Bytes between the stack pointer at pc and the place of the return address: the CFA is rsp + *delta + 8. False when
 * the table does not know.
 */
bool go_pcsp_at(const struct go_pclntab *t, uint64_t pc, int32_t *delta);
/* rows of go_pcsp_at for a whole function, in order: calls visit(arg, start, end, delta) */
bool go_pcsp_each(const struct go_pclntab *t, const struct go_func *fn,
		  void (*visit)(void *arg, uint64_t start, uint64_t end, int32_t delta), void *arg);
/* up to max frames of pc; returns their number, 0 when pc is in no function */
uint32_t go_frames_at(const struct go_pclntab *t, uint64_t pc, struct go_frame *out, uint32_t max);
/* every inlined copy in function i */
void go_inlined_each(const struct go_pclntab *t, uint32_t i,
		     void (*visit)(void *arg, const struct go_inlined *in), void *arg);
/* those whose name fits (names.h), in the whole file; nothing when the file has no table */
void go_inlined_find(struct objfile *f, struct str pattern,
		     void (*visit)(void *arg, const struct go_inlined *in), void *arg);

#endif
