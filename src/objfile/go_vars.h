/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Places of a Go function's parameters and results by Go's calling convention (go_abi.h), as debuginfo_vars offers them.
 * Go's DWARF has no place for what is not used any more, and none for results; the convention always holds.
 */
#ifndef SONDE_OBJFILE_GO_VARS_H
#define SONDE_OBJFILE_GO_VARS_H

#include "objfile/debuginfo.h"

/*
 * entry: of the function. vars: all parameters and results in the order of their DIEs; others (locals) are left alone.
 * at_return: results get their places at RET, else parameters theirs at the entry. What the convention cannot tell
 * (assembly, a list that is not whole) keeps the place that it has, which may be none.
 */
void go_vars_place(struct objfile *f, uint64_t entry, bool at_return, struct di_var *vars,
		   uint32_t n, struct arena *a);

#endif
