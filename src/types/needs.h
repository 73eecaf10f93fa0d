/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a clause may read of the state of the traced thread, known before it is typed: sema finds it by the names that the
 * clause uses (needs.c), placement asks it. What is not known to be harmless counts as a need.
 */
#ifndef SONDE_TYPES_NEEDS_H
#define SONDE_TYPES_NEEDS_H

#include <stdbool.h>
#include <stdint.h>

struct probe_needs {
	bool is_known;   /* false: nothing was found out; anything may be read */
	uint8_t args;    /* bit n: argN, N < 6 */
	bool stack_args; /* argN, N >= 6 */
	bool typed_args, locals; /* args, args.NAME; locals.NAME: what their locations say */
	bool memory;             /* user memory, through pointers */
	bool user_stack; /* ustack: the unwinder begins with the registers as they are at the place */
	bool events; /* something is shown for each hit: then the one that ends in a crash matters, too */
	bool result;             /* retval */
	bool frame;              /* call_frame: each point has to know where its frame begins */
	bool anything;           /* registers by name, the user stack, ... */
};

#endif
