/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The code of one function while its ways out are looked for; shared by return_body.c, return_depth.c and return_code.c alone. */
#ifndef SONDE_PROBE_RETURN_PRIVATE_H
#define SONDE_PROBE_RETURN_PRIVATE_H

#include "probe/returns.h"

enum { DEPTH_UNKNOWN = INT32_MIN };

/* a range of the function's code */
struct piece {
	uint64_t start, end;
	uint8_t *bytes;
	struct code code;
	int32_t *depth; /* before each instruction */
};

struct body {
	struct objfile *f;
	VEC(struct piece) pieces;
	bool trusts_calls; /* that they return; not at first, where something else leads to what follows them */
	int32_t frame_depth; /* where rbp points once the function has set it */
	const char *undecided;
};

/* ---- return_body.c ---- */

void body_add_piece(struct body *b, uint64_t start, uint64_t end);
/* the parts that the compiler moved away, found by the jumps to them */
void body_add_parts(struct body *b);
struct piece *body_piece_at(struct body *b, uint64_t addr);
void body_free(struct body *b);

/* ---- return_depth.c ---- */

/* fills pieces[].depth */
void body_find_depths(struct body *b);

#endif
