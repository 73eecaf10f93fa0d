/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Types of a program that has no debug information but a .BTF section (pahole -J, or a merged one): named types for casts,
 * and parameters and results of functions by their prototypes. BTF says nothing of where values lie, so the calling
 * convention does, at the entry and the return of functions that other files can call. Asked after DWARF.
 */
#ifndef SONDE_PROBE_FILE_BTF_H
#define SONDE_PROBE_FILE_BTF_H

#include "probe/places.h"

/* the file's BTF, read once; NULL when it has none, or none that is sound. Belongs to the context */
struct btfsrc *file_btf(struct probe_ctx *c, struct objfile *f);
/*
 * What can be read where control stands at pc: parameters when that is the function's entry, at_return: the result. Lists
 * of n, in the context's arena; n is 0 when the file's BTF does not know the function.
 */
void file_btf_vars(struct probe_ctx *c, struct btfsrc *types, const struct place *place,
		   uint64_t pc, bool at_return, const struct probe_var **vars,
		   const struct location **locs, uint32_t *n);
/* frees what was made last; gives the rest */
struct file_btf *file_btf_pop(struct file_btf *list);
/* frees what file_btf made; by probe_ctx_free */
void file_btf_free(struct file_btf *list);

#endif
