/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Capturing a value with what it points to: a plan made at compile time (types/view.h makes it from a type), followed by
 * the probe's program (ir/build_capture.c), decoded when printed (output). Both engines run the same plan; the same is done
 * in C by capture_run, which tests compare with.
 *
 * A plan is a graph. A *node* is an array of elements of one size; an *edge* of a node says how to come from one of its
 * elements to another array of elements: where the address stands, how many elements there are, and on which condition it
 * is followed. Lists and trees are cycles. What is captured is a sequence of *segments*, each of them the elements of
 * one array, in the order in which they are found: breadth first. The first is the value itself.
 *
 *	struct stored_capture   n_bytes, flags
 *	segment:  struct stored_segment, its bytes, padding to 8
 *	segment:  ...
 *
 * How it is carried out, exactly (the comparison of both engines with capture_run rests on it). For each segment in
 * order, each of its elements, each edge of its node - one step, CAPTURE_MAX_STEPS of them in all, then CAPTURED_CUT and
 * the end:
 *
 *  1. A condition that is not met, or a pointer that is 0 after its mask: nothing.
 *  2. address = (pointer & ptr_mask) + ptr_add. count by its kind; a count of 0, and a difference below 0: nothing.
 *  3. n = min(count, max). With less room in max_bytes than a head and n elements, n shrinks to what fits and CAPTURED_CUT
 *     is set; when not even one fits there is no segment, and work goes on with the next edge.
 *  4. before: address -= n * size of an element, n being what is captured: the elements next to the address.
 *  5. n elements are read in one piece. When that fails the segment has n_elems and n_bytes 0 and count as it was, and
 *     CAPTURED_FAULT is set.
 *
 * Text (CAPTURE_COUNT_TEXT) is read as bpf_probe_read_user_str does: at most n = min(max, room) bytes, the last a NUL; n_elems
 * is what it returned, NUL included, and count the same, or n_elems + 1 when the n bytes were all used (then it counts
 * as cut). An empty text is a segment of one byte.
 */
#ifndef SONDE_TYPES_CAPTURE_H
#define SONDE_TYPES_CAPTURE_H

#include "base/str.h"

struct look;

enum {
	CAPTURE_MAX_BYTES = 4096,  /* segments with their heads */
	CAPTURE_MAX_ELEMENTS = 64, /* of one array; text has its own limit: CAPTURE_MAX_TEXT */
	CAPTURE_MAX_TEXT = 1024,   /* bytes of one string */
	CAPTURE_MAX_NODES = 64,
	CAPTURE_MAX_EDGES = 96,
	CAPTURE_MAX_STEPS = 512, /* (element, edge) pairs that are looked at */
	CAPTURE_MAX_DEPTH = 4,   /* of pointers, when a plan is made */
	CAPTURE_N_CONDS = 2,
	CAPTURE_ROOT = UINT32_MAX, /* origin and edge of the first segment */
};

struct stored_capture {
	uint32_t n_bytes; /* of the segments */
	uint32_t flags;   /* CAPTURED_* */
};

enum captured_flags {
	CAPTURED_CUT = 1, /* no room or no steps left: something is missing */
	CAPTURED_FAULT =
		2, /* an address could not be read: that segment has n_elems 0 and count not 0 */
};

struct stored_segment {
	uint32_t origin; /* which element it was reached from: its offset from the first segment's head */
	uint32_t edge;    /* by which edge */
	uint32_t n_elems; /* captured */
	uint32_t n_bytes; /* captured: n_elems * the node's element size */
	uint64_t count;   /* how many there are; more than n_elems: cut */
};

/* all offsets are from the start of the element */
struct capture_cond { /* met when (v - lo) <= span, v the unsigned number of size bytes masked by mask; inverted by invert */
	uint32_t offset;
	uint8_t size; /* 0: always met */
	bool invert;
	uint64_t mask, lo, span;
};

enum capture_count {
	CAPTURE_COUNT_CONST, /* count_add */
	CAPTURE_COUNT_FIELD, /* ((the count_size bytes at count_offset) >> count_shift) + count_add, masked by count_mask first */
	CAPTURE_COUNT_DIFF, /* (the pointer at count_offset - the address) / the element size of the edge's node + count_add */
	CAPTURE_COUNT_POWER, /* 1 << the field as FIELD reads it (count_add included); 0 when that is over 31 */
	CAPTURE_COUNT_TEXT, /* bytes up to and with the NUL (C strings): at most CAPTURE_MAX_TEXT */
};

struct capture_edge {
	uint32_t node; /* what it leads to */
	uint32_t ptr_offset;
	uint64_t ptr_mask; /* and-ed; 0 means all bits */
	int64_t ptr_add;   /* added to the address */
	bool before; /* the elements end at the address (hash tables that grow downwards): step 4 above */
	uint8_t count_kind; /* enum capture_count */
	uint8_t count_size, count_shift;
	uint32_t count_offset;
	uint64_t count_mask; /* 0 means all bits */
	int64_t count_add;
	uint32_t max; /* elements captured at most */
	struct capture_cond cond[CAPTURE_N_CONDS];
};

struct capture_node {
	uint32_t size; /* bytes of an element, >= 1 */
	uint32_t first_edge, n_edges;
};

struct capture {
	const struct capture_node *nodes; /* [0]: the value itself */
	uint32_t n_nodes;
	const struct capture_edge *edges;
	uint32_t n_edges;
	uint32_t root_elems;             /* elements of the first segment: 1 */
	uint32_t max_bytes;              /* of the stored form, head included; a multiple of 8 */
	const struct look *const *looks; /* of an element of each node: how it is printed (look.h) */
};

/*
 * The plan carried out in C, as the generated program does it: the oracle of tests. root: nodes[0].size bytes; out:
 * c->max_bytes. read gives false when the memory cannot be read. Returns the bytes used.
 */
uint32_t capture_run(const struct capture *c, const void *root,
		     bool (*read)(void *arg, uint64_t addr, void *buf, uint32_t n), void *arg,
		     void *out);
/* the segment reached by edge from the element at this origin; NULL: none was captured */
const struct stored_segment *capture_find(const struct stored_capture *s, uint32_t origin,
					  uint32_t edge);
/* offset of an element of a segment from the first segment's head, as origin counts */
static inline uint32_t capture_origin(const struct stored_capture *s,
				      const struct stored_segment *seg, uint32_t index,
				      uint32_t elem_size)
{
	return (uint32_t)((const char *)(seg + 1) - (const char *)(s + 1)) + index * elem_size;
}

#endif
