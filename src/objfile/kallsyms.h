/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's symbols from /proc/kallsyms: one read of the file, 24 bytes per symbol beside its text. Made at the
 * first kernel address that is asked for. The caller frees it; names live as long as it does.
 */
#ifndef SONDE_OBJFILE_KALLSYMS_H
#define SONDE_OBJFILE_KALLSYMS_H

#include "base/err.h"
#include "base/strbuf.h"

struct kernel_symbol {
	uint64_t addr;
	uint32_t name; /* offset into text */
	uint16_t name_len;
	uint16_t module_len; /* the module's name begins 2 bytes behind the name: "\t[" */
	char type;           /* as nm: t T w W code, d D b B r R data, a A absolute */
};

struct kallsyms {
	struct strbuf text;
	struct kernel_symbol *v; /* by address */
	size_t n, cap;
	uint64_t end; /* of the kernel proper (_end): beyond it only modules have names; 0 unknown */
};

struct err *kallsyms_load(struct kallsyms **ret) ERR_MUST;
/* takes the text over; for tests too. Fails when every address is hidden. */
struct err *kallsyms_parse(struct strbuf *text, struct kallsyms **ret) ERR_MUST;
void kallsyms_free(struct kallsyms *k);

static inline struct str kallsyms_name(const struct kallsyms *k, const struct kernel_symbol *s)
{
	return str_make(k->text.p + s->name, s->name_len);
}

static inline struct str kallsyms_module(const struct kallsyms *k, const struct kernel_symbol *s)
{
	return s->module_len ? str_make(k->text.p + s->name + s->name_len + 2, s->module_len)
			     : STR("");
}

static inline bool kernel_symbol_is_func(const struct kernel_symbol *s)
{
	return s->type == 't' || s->type == 'T' || s->type == 'w' || s->type == 'W';
}

/* the symbol at or before addr that it belongs to; NULL: not a kernel address with a name */
const struct kernel_symbol *kallsyms_at(const struct kallsyms *k, uint64_t addr);
/* module: empty: any, the kernel proper first */
const struct kernel_symbol *kallsyms_find(const struct kallsyms *k, struct str name,
					  struct str module);

#endif
