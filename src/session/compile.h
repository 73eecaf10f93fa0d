/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The compiler put together: text to image. A compilation owns everything that is made on the way (one arena) and is
 * freed as a whole after the run, because the image, types and sources are read until the last line is printed.
 */
#ifndef SONDE_SESSION_COMPILE_H
#define SONDE_SESSION_COMPILE_H

#include "ir/build.h"
#include "lang/cdecl.h"
#include "lang/cpp.h"
#include "objfile/proc.h"
#include "objfile/symbolize.h"
#include "probe/match.h"
#include "sema/sema.h"
#include "session/session.h"

#include <regex.h>

/* the shapes that one call of the checker for an attach point has had so far, in generations too (generation.c) */
struct matched {
	struct probe_shape **v;
	uint32_t n;
};

struct generation;
struct perf_rings;

struct compilation {
	const struct session_opts *opts;
	enum session_engine engine; /* that it is compiled for: kernel or user */
	/* attach points that are for the user engine, where the others are the kernel's */
	VEC(struct span) in_process;
	bool has_warned; /* it was compiled before: warnings were shown then */
	/*
	 * What a later generation of the script is made with: types, sources, and what was matched, are those of the first.
	 * Itself, for that one.
	 */
	struct compilation *main;
	struct arena arena;
	struct sources sources;
	struct diag_list diags;
	struct type_table types;
	struct btfsrc *btf;
	struct type_chain chain;
	struct cpp *cpp;
	struct type_source *script_types; /* of the C text at the top */
	struct probe_ctx probes;
	struct pid_list roots;         /* --cgroup: processes in whose roots files are looked up */
	struct symbolizer *symbolizer; /* shared with the output */
	struct script *script;
	uint16_t script_file; /* its number among the sources */
	bool is_match_in_process; /* the attach point whose places are looked for is for the user engine */
	/* config placement and return_probe, for what the kernel engine runs */
	enum probe_placement kernel_placement;
	enum return_choice kernel_return;
	enum {
		WALKS_UNKNOWN,
		WALKS_NEVER,
		WALKS_STACKS
	} walks;                     /* of the main one: does the script name ustack? */
	bool waits;                  /* for files that processes map later */
	struct perf_rings *mappings; /* then: what was mapped since before the first look at what is */
	VEC(struct matched) matched;    /* by the order of calls, which is that of the script */
	uint32_t n_calls;               /* of this compilation, so far */
	struct generation *generations; /* that are loaded, of the first */
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
/* the script's tree, with what it imports; faults are in diags */
void compile_read(struct compilation *c);
/* the same, for a run that begins. False: diagnostics have been printed */
bool compile_parse(struct compilation *c);
/* all the way; false: diagnostics or an error have been printed */
bool compile_image(struct compilation *c);
void compile_make_cpp(struct compilation *c);
/* the options of the checker and the code generator, which a later generation has, too */
void compile_check_opts(struct compilation *c, const struct sema_world *world,
			struct sema_opts *so);
void compile_build_opts(struct compilation *c, const struct sema_world *world,
			struct ir_build_opts *bo);
/* is this attach point for the user engine? */
bool compile_is_in_process(const struct compilation *c, struct span at);
/* --probe-filter, where there is one */
void compile_filter_unit(struct compilation *c);
/* "ERROR: text" with the hint, on stderr */
void report_error(const struct compilation *c, const struct err *e);

/* world.c: what the checker asks about the system */
void world_init(struct sema_world *w, struct compilation *c);

#endif
