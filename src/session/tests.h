/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * --test and --bench: run the test or bench probes of a script one after the other and report. All
 * arguments are borrowed; results live in the compilation's arena.
 */
#ifndef SONDE_SESSION_TESTS_H
#define SONDE_SESSION_TESTS_H

#include "session/compile.h"

/* *status: 1 when a test failed */
struct err *tests_run(struct compilation *c, const struct engine_ops *ops, struct engine *e,
		      struct output *out, bool is_bench, int *status) ERR_MUST;

#endif
