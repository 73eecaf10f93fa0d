/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One question for variables while it is answered in the tracer: dwarf_var.c, dwarf_var_abi.c, dwarf_var_go.c. Not for other folders. */
#ifndef SONDE_OBJFILE_DWARF_VAR_PRIVATE_H
#define SONDE_OBJFILE_DWARF_VAR_PRIVATE_H

#include "objfile/dwarf_var.h"

struct dwarf_types;

struct var_question {
	struct debuginfo *d;
	struct dwarf_types *types;
	struct arena *arena;
	const struct di_func *func;
	uint64_t pc;
	struct dwarf_fn_facts facts;
	struct dwarf_raw_var *raw; /* as the debug information has them */
	struct di_var *vars;       /* what is answered; room for one more */
	uint32_t n;
};

/* dwarf_var_abi.c: places of parameters at the entry, where the debug information has none; the result at RET */
void var_apply_abi(struct var_question *q);
void var_add_result(struct var_question *q);
/* bytes of a struct that belong to no member are not missing */
void var_fill_padding(struct arena *a, const struct type *t, struct location *l);
/* Go: arguments at the entry or behind the stack check, results at RET, by Go's own convention */
void var_go(struct var_question *q, bool is_inlined, bool at_return);
/* what Go's debug information says twice is said once */
void var_go_drop_twins(struct var_question *q);

#endif
