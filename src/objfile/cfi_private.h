/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the readers of call frame information share: rows as they are read, functions in any order. */
#ifndef SONDE_OBJFILE_CFI_PRIVATE_H
#define SONDE_OBJFILE_CFI_PRIVATE_H

#include "base/hashmap.h"
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
/* go_cfi.c: rows of Go's own code from its table of functions; false: the file has none */
bool cfi_add_go(struct objfile *f, struct cfi_raw *raw);

/* ---- the reader of sections (cfi.c) and the machine that runs entries (cfi_run.c) ---- */

enum { REG_BP = 6, REG_SP = 7, REG_RA = 16, STATES_MAX = 16 };

/* DW_EH_PE_*: how a pointer is written */
enum {
	PE_ABSOLUTE = 0,
	PE_PCREL = 0x10,
	PE_RELATIVE_MASK = 0x70,
	PE_INDIRECT = 0x80,
	PE_OMIT = 0xff
};

enum cfi_saved { SAVED_SAME, SAVED_AT_CFA, SAVED_AT_REG, SAVED_UNDEFINED, SAVED_ODD };

struct cfi_place { /* of a register's value in the caller */
	enum cfi_saved how;
	uint32_t reg; /* AT_REG: in memory at reg + offset */
	int64_t offset;
};

enum cfa_form { CFA_REG, CFA_DEREF, CFA_DEREF_8, CFA_PLT, CFA_ODD };

struct cfi_state {
	enum cfa_form form;
	uint32_t reg;
	int64_t offset;
	struct cfi_place bp, ra;
};

struct cfi_cie {
	uint64_t at;
	uint64_t code_align;
	int64_t data_align;
	uint8_t encoding; /* of addresses in the FDEs */
	bool has_augmentation, is_signal, is_bad;
	struct cfi_state initial;
};

struct cfi_reader {
	struct bytes b;
	uint64_t addr; /* of the section */
	bool is_debug;
	struct hashmap cies; /* by offset */
	struct arena arena;
	struct cfi_raw raw;
	uint32_t n_bad;
};

/* false: an operation that is not known, or bytes that end too early. Rows go to r->raw when has_rows is set */
bool cfi_run(struct cfi_reader *r, const struct cfi_cie *c, struct cfi_state *state, uint64_t pc,
	     bool has_rows, struct bytes program);
uint64_t cfi_read_value(struct bytes *b, uint8_t encoding);
uint64_t cfi_read_pointer(const struct cfi_reader *r, struct bytes *b, uint8_t encoding);
struct bytes cfi_take_block(struct bytes *b);

#endif
