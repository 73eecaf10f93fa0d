/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An attach point taken apart: which provider, and its parts by meaning instead of by position. Nothing is looked up
 * here (files, symbols, events): that is match.h's. All strings are views into the attach point or live in the arena.
 */
#ifndef SONDE_PROBE_SPEC_H
#define SONDE_PROBE_SPEC_H

#include "lang/ast.h"
#include "probe/point.h"

struct probe_spec {
	enum probe_kind kind;
	const struct attach_point *ap;
	/*
	 * uprobe, uretprobe, usdt: the object file (empty: that of -p); tracepoint: the subsystem; rawtracepoint, kprobe,
	 * fentry...: the module (empty: any); timers: the unit ("us" for a bare duration); software, hardware: the event;
	 * iter: its name; self: the trigger ("signal"); test, bench: the name
	 */
	struct str target;
	struct str ns; /* usdt: the provider inside the file, "*" for any; uprobe: language ("cpp") or empty */
	struct str func;  /* symbol, event, signal; iter: pin path or empty; watchpoint: the mode */
	bool has_address; /* uprobe:BIN:0x10, kprobe:0x..., watchpoint */
	bool has_offset;  /* symbol+offset, 0 included */
	uint64_t address, offset;
	uint64_t count; /* timers: how many units; software, hardware: events, 0: default; watchpoint: length */
	struct str decl_file;   /* uprobe, "f@file.c": where one of several functions of the name was written */
	struct str source_file; /* uprobe:BIN@FILE:LINE[:COL] */
	uint64_t line, column;
};

struct provider_name {
	const char *name, *alias, *old;
	bool is_user;
};
extern const struct provider_name provider_names[PROBE_N_KINDS];

/* name or alias, any case; PROBE_N_KINDS when there is none */
enum probe_kind provider_find(struct str name);

/*
 * Takes an attach point apart as a probe of one kind (the first part is not looked at again: it may have been a
 * wildcard). has_pid: the object file may be left out. False when something is wrong: it was reported.
 */
bool probe_spec_parse(const struct attach_point *ap, enum probe_kind kind, bool has_pid,
		      struct arena *arena, struct diag_list *diags, struct probe_spec *out);

/*
 * uprobe:BIN:crate::f without quotes: "::" cuts a name into parts with empty ones between, which are put together again. parts:
 * the n behind the provider; how many there are then
 */
uint32_t probe_join_name(struct str *parts, uint32_t n, struct arena *arena);

/*
 * A number as probes take it: decimal, 0x, 1_000, 1e6. On failure *why is "invalid integer" or "invalid trailing bytes",
 * as the messages say it.
 */
bool probe_number(struct str s, uint64_t *out, const char **why);
/* "10", "1s", "100ms": nanoseconds; same failures */
bool probe_duration(struct str s, uint64_t *ns, const char **why);

#endif
