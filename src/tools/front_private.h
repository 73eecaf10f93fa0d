/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For the front ends: what they share, and their functions for the table in front.c. */
#ifndef SONDE_TOOLS_FRONT_PRIVATE_H
#define SONDE_TOOLS_FRONT_PRIVATE_H

#include "tools/front.h"

/* a literal of the language */
void front_put_string(struct str text, struct strbuf *out);
struct err *front_list(struct tool_args *a, int *status) ERR_MUST;
/* the attach point, the condition " && a && b" and the opening brace */
void front_put_clause_head(struct str attach, struct strbuf *condition, struct strbuf *out);

struct err *front_argdist(struct tool_args *a, struct strbuf *out) ERR_MUST;
struct err *front_count(struct tool_args *a, struct strbuf *out) ERR_MUST;
struct err *front_flow(struct tool_args *a, struct strbuf *out) ERR_MUST;
struct err *front_latency(struct tool_args *a, struct strbuf *out) ERR_MUST;
struct err *front_slower(struct tool_args *a, struct strbuf *out) ERR_MUST;
struct err *front_stackcount(struct tool_args *a, struct strbuf *out) ERR_MUST;
struct err *front_stat(struct tool_args *a, struct strbuf *out) ERR_MUST;
struct err *front_run(struct tool_args *a, int *status) ERR_MUST;
struct err *front_trace(struct tool_args *a, struct strbuf *out) ERR_MUST;

#endif
