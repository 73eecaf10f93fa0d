/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Listings: -l and -lv. Lines are produced one after the other and handed on in pieces; nothing is collected, so
 * 100,000 functions need no more memory than ten.
 *
 *   -l                          every probe of the kernel; with processes also their uprobes and USDT probes
 *   -l 'PATTERN[,PATTERN...]'   provider:target:name with wildcards in any part, aliases too ('t:sched:*', '*ware:*')
 *   -lv PATTERN                 each probe followed by its arguments, "    type name" a line
 *   -lv 'struct x,enum y'       definitions from BTF: "vmlinux: struct x {...};" (without -v: names only)
 *   -l -e PROG, -l FILE         the probes that a program's attach points stand for
 * The context is borrowed for the call, pieces of text given to write are gone when it returns.
 */
#ifndef SONDE_PROBE_LIST_H
#define SONDE_PROBE_LIST_H

#include "probe/match.h"

struct probe_list_opts {
	bool verbose; /* arguments, definitions */
	/* takes text (whole lines); returns false to stop (a closed pipe) */
	bool (*write)(void *arg, struct str text);
	/* takes a remark for stderr, e.g. that the kernel cannot attach what is listed; may be NULL */
	void (*warn)(void *arg, const char *text);
	void *arg;
	/*
	 * Functions of the kernel are listed also where it has no kprobes or fentry, when a pattern asks for them (with a
	 * remark); this lists them in a search over all probe types too, as bpftrace does.
	 */
	bool with_lacking;
	/*
	 * A remark behind each line that has one, "  # inlined only, at 3 places": what the operands of a USDT probe are, whether
	 * a function has code of its own.
	 */
	bool with_remarks;
	uint64_t n_listed; /* out: probes and types */
};

/*
 * Lists what pattern fits; an empty pattern is everything. Errors name a target that cannot be read. Nothing found is
 * no error: look at n_listed.
 */
struct err *probe_list(struct probe_ctx *c, struct str pattern, struct probe_list_opts *o);
/* the probes of attach points chained by next (one clause of a program) */
struct err *probe_list_points(struct probe_ctx *c, const struct attach_point *points,
			      struct probe_list_opts *o);
/* does this pattern name types ("struct x"), not probes? */
bool probe_list_is_type(struct str pattern);

#endif
