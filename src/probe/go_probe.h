/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Attach points in Go code: where a probe on a function stands (behind its stack check), what argN is there, whether goid
 * can be read. provider_uprobe.c asks for each symbol; functions of other languages in the same file (cgo) are left alone.
 */
#ifndef SONDE_PROBE_GO_PROBE_H
#define SONDE_PROBE_GO_PROBE_H

#include "objfile/go_buildinfo.h"
#include "objfile/symtab.h"
#include "probe/match_private.h"

/* how a function takes its arguments */
enum go_form {
	GO_FORM_NONE,    /* not Go code */
	GO_FORM_REGS,    /* ABIInternal: words in registers; r14 is the goroutine */
	GO_FORM_STACK,   /* ABI0: on the stack; Go before 1.17, and assembly */
	GO_FORM_UNKNOWN, /* assembly of a stripped file: either */
	GO_N_FORMS
};

struct go_site {
	enum go_form form;
	uint64_t entry; /* of the function */
	uint64_t addr;  /* where the probe stands */
};

/* of entry + offset in the function s; at offset 0 the place behind the stack check */
void go_site_find(struct objfile *f, const struct symbol *s, uint64_t offset, struct go_site *ret);
/*
 * The index of the match's shape for such sites, made when there is none. shapes: the match's, all 0 at first; index 0 is never
 * one of them.
 */
size_t go_site_shape(struct match *m, struct objfile *f, const struct go_site *site,
		     size_t shapes[GO_N_FORMS]);

/* a point at the entry of a Go function goes behind the stack check, where each call passes once */
void go_point_move(struct objfile *f, struct probe_point *p);

#endif
