/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Probe specifications of the front ends: those of bcc's tools,
 *
 *   [p|r|t|u]:[library|category]:function[+offset][(signature)]     library:function     function
 *
 * and sonde's own (uprobe:FILE:NAME, as `sonde list` prints them), as an attach point of the language. Views point into
 * the text or the arena.
 */
#ifndef SONDE_TOOLS_SPEC_H
#define SONDE_TOOLS_SPEC_H

#include "base/err.h"
#include "base/vec.h"
#include "tools/args.h"

enum spec_kind {
	SPEC_ENTRY,
	SPEC_RETURN,
	SPEC_USDT,
	SPEC_TRACEPOINT,
	SPEC_OTHER, /* of sonde's own: profile, watchpoint, ... */
};

struct spec_param {
	struct str type, name;
};

struct tool_spec {
	enum spec_kind kind;
	bool is_own;     /* in sonde's words: arguments count from arg0 */
	bool is_user;    /* a function of a program, not of the kernel */
	struct str text; /* as written */
	struct str target, provider, name, offset;
	bool is_syscall; /* sys_read: the call's tracepoints; arguments by syscall_arg(), retval is args.ret */
	bool has_glob;                 /* may stand for several probes */
	VEC(struct spec_param) params; /* of the signature */
	struct str attach;             /* the attach point */
	struct str shown;              /* for a column FUNC */
};

/* the specification at the beginning of *text, which becomes what follows it. a: for arena and -p */
struct err *spec_parse(struct tool_args *a, struct str *text, struct tool_spec *ret) ERR_MUST;
/* for tools that take a whole word; what stands behind it is an error */
struct err *spec_parse_all(struct tool_args *a, struct str text, struct tool_spec *ret) ERR_MUST;
void spec_free(struct tool_spec *s);
/* the same function's other probe, SPEC_ENTRY or SPEC_RETURN */
struct str spec_attach_as(struct tool_args *a, const struct tool_spec *s, enum spec_kind kind);
/* quoted where an attach point needs it */
struct str spec_quote(struct arena *a, struct str part);

#endif
