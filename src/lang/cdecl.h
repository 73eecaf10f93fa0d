/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The types of the C text at the top of a script, as a source of types: struct, union and enum definitions, typedefs,
 * with the layout that C gives them on x86-64 (System V ABI, bit-fields included). What the text names and does not
 * define is looked for in the next source (the kernel's BTF). Everything else of C in it (prototypes, inline
 * functions, variables) is passed over. Constants of the Linux user interface are known whatever the text says
 * (constants.h); they have no type (*type is NULL).
 */
#ifndef SONDE_LANG_CDECL_H
#define SONDE_LANG_CDECL_H

#include "diag/diag.h"
#include "types/type.h"

struct cpp;

struct cdecl_opts {
	struct type_table *table; /* types live in its arena */
	struct diag_list *diags;
	struct type_source *next; /* asked for names the text does not define; may be NULL */
};

/* the caller frees it; the types stay valid as long as the table's arena, but must be complete by then */
struct type_source *cdecl_new(const struct cdecl_opts *opts);
void cdecl_free(struct type_source *src);
/* reads what cpp has put out since the last call; a definition must not be spread over two calls */
void cdecl_parse(struct type_source *src, const struct cpp *cpp);

#endif
