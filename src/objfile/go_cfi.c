/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Go's own code in the tables of cfi.h: frame sizes from the table of functions, which stripped binaries have, too, instead of
 * .debug_frame, which they have not.
 *
 * rbp: the compiler saves it right below the return address in each frame that has a size (and so does the assembler),
 * except where a frame is just being made or was given up. Frames of Go code are found by their sizes, so rbp counts only
 * where C code is reached again. Functions that change stacks get no rows: there frame pointers are what leads on.
 */
#include "objfile/cfi_private.h"

#include "objfile/go_pclntab.h"

enum { WORD = 8, BP_BELOW_RETURN = 2 /* words below the CFA */ };

struct rows {
	struct cfi_raw *raw;
	bool is_asm;
	uint32_t n;
};

static void add_row(void *arg, uint64_t start, uint64_t end, int32_t delta)
{
	struct rows *r = arg;
	bool has_frame = delta >= WORD && !r->is_asm;
	uint32_t rule;

	(void)end;
	if (delta < 0 || delta > INT32_MAX / 256 - WORD)
		rule = cfi_rule(CFI_STOP, 0, CFI_STOP_ODD);
	else
		rule = cfi_rule(CFI_SP, has_frame ? BP_BELOW_RETURN : CFI_BP_SAME, delta + WORD);
	vec_push(&r->raw->rows, ((struct cfi_raw_row){ start, rule }));
	r->n++;
}

bool cfi_add_go(struct objfile *f, struct cfi_raw *raw)
{
	struct go_pclntab *t = objfile_go_pclntab(f);
	struct go_func fn;

	if (!t)
		return false;
	for (uint32_t i = 0; i < go_pclntab_count(t); i++) {
		struct rows r = { .raw = raw };
		uint32_t first = (uint32_t)raw->rows.n;

		if (!go_pclntab_func(t, i, &fn) || fn.is_switch)
			continue;
		r.is_asm = fn.is_asm;
		if (str_is(fn.name, "runtime.sigreturn__sigaction") ||
		    str_is(fn.name, "runtime.sigreturn")) { /* where signal handlers return to */
			vec_push(&raw->rows,
				 ((struct cfi_raw_row){ fn.addr, cfi_rule(CFI_SIGNAL, 0, 160) }));
			vec_push(&raw->funcs,
				 ((struct cfi_func){ fn.addr, fn.addr + fn.size, first, 1 }));
			continue;
		}
		if (fn.is_top) {
			vec_push(&raw->rows,
				 ((struct cfi_raw_row){ fn.addr,
							cfi_rule(CFI_STOP, 0, CFI_STOP_END) }));
			r.n = 1;
		} else {
			go_pcsp_each(t, &fn, add_row, &r);
		}
		if (r.n)
			vec_push(&raw->funcs,
				 ((struct cfi_func){ fn.addr, fn.addr + fn.size, first, r.n }));
	}
	return true;
}
