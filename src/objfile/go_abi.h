/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where Go puts arguments and results (ABIInternal of amd64, and ABI0: abi-internal.md and cmd/compile/internal/abi of
 * the Go distribution). Go never rewrites signatures, so this holds for every function that Go compiled, where its DWARF
 * names no place too. Only the list of parameters must be whole; go_abi_assign's frame size tells (see there).
 */
#ifndef SONDE_OBJFILE_GO_ABI_H
#define SONDE_OBJFILE_GO_ABI_H

#include "base/arena.h"
#include "types/location.h"
#include "types/type.h"

enum { GO_N_INT_REGS = 9, GO_N_FLOAT_REGS = 15 };

struct go_abi_value {
	const struct type *
		type; /* NULL: a word that the source does not name (dictionary of a generic function) */
	bool is_result;
	struct location loc; /* set: at the entry (after the stack check); of results: at RET */
};

/*
 * Receiver, parameters, results in the order of the declaration. in_regs: ABIInternal, else ABI0. *frame_bytes is what
 * Go records of the function as its args (struct go_func.args_bytes): when that differs, a parameter is missing in the
 * list (Go before 1.22 leaves blank ones out of its DWARF) and the places of the parameters are not to be used. False: the
 * layout of a type is not known; nothing is assigned.
 */
bool go_abi_assign(struct go_abi_value *v, uint32_t n, bool in_regs, struct arena *a,
		   uint64_t *frame_bytes);
/*
 * Index in the list at which a generic function takes its dictionary: 0, 1 (methods: behind the receiver), or -1 when it
 * takes none. name: as the table of functions has it, with shapes ("main.(*G[go.shape.int]).M") or, before Go 1.21, dots
 * in their place ("main.(*G[...]).M"); wrappers take none. minor: of the Go version.
 */
int go_abi_dict_index(struct str name, unsigned minor);
/* n-th word in registers (0..8): offset in struct pt_regs; -1 beyond */
int go_abi_reg_offset(unsigned n);

#endif
