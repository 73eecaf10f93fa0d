/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What count, stackcount, latency and slower have in common: patterns of functions, events and USDT probes, an interval,
 * and how a hit is called in the results.
 */
#ifndef SONDE_TOOLS_PATTERN_H
#define SONDE_TOOLS_PATTERN_H

#include "tools/spec.h"

struct patterns {
	VEC(struct tool_spec) specs;
	bool is_many; /* a hit has to say which function it is */
	bool is_user; /* all are functions of programs */
	bool has_kinds; /* functions and others, or files by pattern: only the full name tells them apart */
};

/* the tool's words; -r, if the tool has it: they are regular expressions behind the colon */
struct err *patterns_parse(struct tool_args *a, struct patterns *ret) ERR_MUST;
void patterns_free(struct patterns *p);
/* func, probe, or a literal */
void patterns_put_name(const struct patterns *p, struct strbuf *out);
/* all attach points, as entries or returns */
void patterns_put_points(struct tool_args *a, const struct patterns *p, enum spec_kind kind,
			 struct strbuf *out);
/* latency and slower measure calls: what has no return is an error */
struct err *patterns_check_calls(const struct tool_args *a, const struct patterns *p) ERR_MUST;

/* the option interval in milliseconds, 0: not given */
struct err *front_get_interval(const struct tool_args *a, uint64_t *ms) ERR_MUST;
/* "interval:..." that runs print, a statement, and clears the maps */
void front_put_interval(const struct tool_args *a, uint64_t ms, const char *print,
			const char *clear, struct strbuf *out);

#endif
