/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the readers of call frame information share: rows as they are read, functions in any order. */
#ifndef SONDE_OBJFILE_CFI_PRIVATE_H
#define SONDE_OBJFILE_CFI_PRIVATE_H

#include "base/vec.h"
#include "objfile/cfi.h"

struct cfi_raw_row {
	uint64_t pc;
	uint32_t rule;
};

struct cfi_func { /* one FDE */
	uint64_t start, end;
	uint32_t first, n; /* rows */
};

struct cfi_raw {
	VEC(struct cfi_raw_row) rows;
	VEC(struct cfi_func) funcs;
};

/* sorts, joins and indexes; gaps between functions become CFI_NONE. NULL ret without an error: no function at all */
struct err *cfi_table_make(struct cfi_raw *raw, struct cfi_table **ret) ERR_MUST;
static inline void cfi_raw_free(struct cfi_raw *raw)
{
	vec_free(&raw->rows);
	vec_free(&raw->funcs);
}
/* Go's own code: what its sections leave out (cfi_go.c) */
void cfi_fix_go(struct objfile *f, struct cfi_raw *raw);

/* go_cfi.c: rows of Go's own code from its table of functions; false: the file has none */
bool cfi_add_go(struct objfile *f, struct cfi_raw *raw);

#endif
