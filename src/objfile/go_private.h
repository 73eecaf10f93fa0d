/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the readers of Go's own tables (go_*.c) share; not for others. All of it hangs on one struct go_info of the
 * objfile, each part made at the first question for it.
 */
#ifndef SONDE_OBJFILE_GO_PRIVATE_H
#define SONDE_OBJFILE_GO_PRIVATE_H

#include "objfile/elf_private.h"
#include "objfile/go_buildinfo.h"
#include "objfile/go_pclntab.h"
#include "objfile/go_runtime.h"

struct go_info {
	struct arena arena;
	bool is_go;
	bool has_build, has_tab, has_module, has_facts, has_allgs; /* looked for, found or not */
	struct go_buildinfo build;
	struct go_pclntab *tab; /* NULL: none that can be read */
	struct go_module module;
	struct go_runtime_facts facts;
	uint64_t allgs;
};

/* made at the first call */
struct go_info *go_info_of(struct objfile *f);

/*
 * The word at a file address as the program sees it before it runs: relative relocations (PIE) are applied to it. False
 * when the file does not hold it.
 */
bool go_read_word(struct objfile *f, uint64_t vaddr, uint64_t *ret);
/*
 * Finds runtime.firstmoduledata, which begins with the addresses of the table of functions and of the names in it, and
 * fills g->module.
 */
void go_module_find(struct objfile *f, struct go_info *g, uint64_t tab_addr, uint64_t names_addr);
/* _func.funcID of wrappers in this version of the runtime; 0: not known */
uint8_t go_wrapper_id(unsigned minor);
/* the first place from after on whose word will be value: a pointer in data or a relative relocation's target */
bool go_find_word(struct objfile *f, uint64_t value, uint64_t after, uint64_t *ret);

#endif
