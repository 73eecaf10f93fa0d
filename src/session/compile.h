/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The compiler put together: text to image. A compilation owns everything that is made on the way (one arena) and is
 * freed as a whole after the run, because the image, types and sources are read until the last line is printed.
 */
#ifndef SONDE_SESSION_COMPILE_H
#define SONDE_SESSION_COMPILE_H

#include "ir/ir.h"
#include "lang/cdecl.h"
#include "lang/cpp.h"
#include "objfile/symbolize.h"
#include "probe/match.h"
#include "sema/sema.h"
#include "session/session.h"

#include <regex.h>

struct compilation {
	const struct session_opts *opts;
	struct arena arena;
	struct sources sources;
	struct diag_list diags;
	struct type_table types;
	struct btfsrc *btf;
	struct type_chain chain;
	struct cpp *cpp;
	struct type_source *script_types; /* of the C text at the top */
	struct probe_ctx probes;
	struct symbolizer *symbolizer; /* shared with the output */
	struct script *script;
	struct unit *unit;
	struct ir_module *module;
	struct image *image;
	uint64_t ring_bytes;
	pid_t child; /* of -c, 0: none */
	bool is_colour;
	regex_t filter; /* --probe-filter, when has_filter */
	bool has_filter;
};

void compilation_init(struct compilation *c, const struct session_opts *o);
void compilation_free(struct compilation *c);
/* parse only: script is set. False: diagnostics have been printed */
bool compile_parse(struct compilation *c);
/* all the way; false: diagnostics or an error have been printed */
bool compile_image(struct compilation *c);
/* print the collected diagnostics on stderr; true when there are errors */
bool compile_report(struct compilation *c);
/* "ERROR: text" with the hint, on stderr */
void report_error(const struct compilation *c, const struct err *e);

/* world.c: what the checker asks about the system */
void world_init(struct sema_world *w, struct compilation *c);

#endif
