/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The symbolizer of objfile as the table that output prints by. A struct symbols borrows both; it
 * must outlive the table made from it.
 */
#ifndef SONDE_SESSION_SYMBOLS_H
#define SONDE_SESSION_SYMBOLS_H

#include "objfile/symbolize.h"
#include "output/symbols.h"
#include "session/gotypes.h"
#include "session/procwatch.h"
#include "session/unwind.h"

/* lines.c: source lines by address, remembered. Owns nothing but its memory */
struct source_lines;
struct source_lines *source_lines_new(void);
void source_lines_free(struct source_lines *l);
const struct output_line *source_lines_at(struct source_lines *l, struct objfile *f, uint64_t vaddr,
					  size_t *n);

struct symbols {
	struct symbolizer *symbolizer;
	struct procwatch *watch;    /* NULL: none */
	struct unwinder *unwinder;  /* NULL: none */
	struct source_lines *lines; /* NULL: not wanted (config show_debug_info) */
	struct go_types *go_types;  /* NULL: no probe is in Go code */
	bool is_fresh; /* the watch was asked since the last event; the session clears it at each */
};

/* s is read at each call: the watch may come later */
void symbols_init(struct output_symbols *out, struct symbols *s);

#endif
