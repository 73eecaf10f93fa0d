/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the readers of Go's table of functions share (go_pclntab.c: functions; go_pcvalue.c: tables by address). */
#ifndef SONDE_OBJFILE_GO_PCLNTAB_PRIVATE_H
#define SONDE_OBJFILE_GO_PCLNTAB_PRIVATE_H

#include "objfile/go_private.h"

enum go_tab_version { GO_TAB_1_16, GO_TAB_1_18, GO_TAB_1_20 };
enum { GO_ROWS_MAX = 1 << 28 /* about a second; large programs have a hundredth of it */ };
enum { GO_HEADER_TEXT = 24 /* offset of the word "start of the text" in the header */ };

struct go_pclntab {
	struct objfile *file; /* owns us */
	enum go_tab_version version;
	uint8_t min_lc;     /* what the pc steps of the tables count in */
	uint8_t wrapper_id; /* _func.funcID of wrappers; 0: not known */
	uint8_t entry_size; /* of functab */
	uint64_t addr;
	uint64_t header_text; /* as the file has it */
	uint64_t text;        /* what functab's addresses count from */
	uint64_t gofunc;      /* what funcdata counts from; 0: not known */
	uint64_t names_offset, names_size;
	struct bytes trees; /* the section that gofunc is in */
	uint64_t trees_addr;
	uint32_t n_funcs;
	uint64_t *rows_left; /* of pc tables, while whole files are read: a hostile file lets all share a long one */
	struct bytes names, cus, files, pcs, funcs; /* each to the end of the table */
};

/* a _func record */
struct go_record {
	uint64_t entry, end;
	int32_t name;
	uint32_t args, pcsp, pcfile, pcln, n_pcdata, cu, start_line;
	uint8_t id, flags;             /* internal/abi.FuncID, FuncFlag */
	struct bytes pcdata, funcdata; /* arrays of u32 */
};

enum { GO_FLAG_TOP = 1, GO_FLAG_SWITCH = 2, GO_FLAG_ASM = 4 };

bool go_tab_record(const struct go_pclntab *t, uint32_t i, struct go_record *r);
bool go_tab_find(const struct go_pclntab *t, uint64_t pc, uint32_t *ret);
struct str go_tab_name(const struct go_pclntab *t, int32_t offset);
/* where the pc table at this offset ends; 0: there is none */
uint64_t go_pcvalue_end(const struct go_pclntab *t, const struct go_record *r, uint32_t table);

#endif
