/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a probe on the entry of a Go function has to stand. Most Go functions begin by comparing the stack pointer with the
 * goroutine's limit; when the stack is too small, it is grown (moved) and the function begins anew. A probe at the first
 * instruction would count such calls twice. Behind the check each call passes once, and all argument registers are
 * still as the caller set them.
 */
#ifndef SONDE_OBJFILE_GO_ENTRY_H
#define SONDE_OBJFILE_GO_ENTRY_H

#include "arch/x86_64/decode.h"

/* false: the function has no stack check (or not one that is known): its entry is the place, *ret = entry */
bool go_entry_place(const struct code *c, uint64_t entry, uint64_t *ret);

#endif
