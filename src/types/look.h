/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a captured value is read back: the contract between the planner (plan.c, which knows types and libraries) and the
 * printer (output/typed.c, which knows neither). A *look* says what stands at an offset of an element of a capture's
 * node: a number, a struct, some text whose bytes an edge led to. Looks of one element are a tree; links lead from it
 * to the look of the elements that an edge captured, so the whole may have cycles (lists).
 *
 * Nothing in a look was promised by the traced program: offsets are checked against the element when read.
 */
#ifndef SONDE_TYPES_LOOK_H
#define SONDE_TYPES_LOOK_H

#include "types/capture.h"
#include "types/type.h"

/* number: an entry of look.num; link: an entry of look.links */
enum look_kind {
	LOOK_LEAF,     /* printed by its type alone */
	LOOK_BITS,     /* bit-field: num[0], printed by type */
	LOOK_FIELDS,   /* struct: parts with names */
	LOOK_TUPLE,    /* parts without names */
	LOOK_VARIANTS, /* Rust enum: parts in the order of type->variants; num[0] the discriminant */
	LOOK_BARE,     /* likewise, but only the value inside is printed (Cow) */
	LOOK_ARRAY,    /* in place: n elements; one part and a stride, or a part for each */
	LOOK_INNER,    /* printed as parts[0] */
	LOOK_WRAP, /* label { name of parts[0]: parts[0] }; num[0], when there: a flag printed behind (Mutex) */
	LOOK_WORD,         /* label */
	LOOK_ADDRESS,      /* num[0] in hex */
	LOOK_DURATION,     /* num[0] seconds, num[1] nanoseconds */
	LOOK_RANGE,        /* parts[0]..parts[1]; label between */
	LOOK_COMPLEX,      /* parts: real, imaginary */
	LOOK_OPTIONAL,     /* num[0] not 0: parts[0]; else nothing */
	LOOK_ALTERNATIVES, /* std::variant: parts[num[0]] */
	LOOK_REF, /* link 0: one element; num[0] the pointer. label: written in front at top level (Go's &) */
	LOOK_POINTER, /* num[0] a pointer, by the language's rules */
	LOOK_DYN,     /* num[0] data, num[1] vtable */
	LOOK_TEXT,    /* link 0: bytes; num[0] their number, num[1] the pointer. */
	LOOK_SSO, /* libc++ string: num[2] bit 0 set: as TEXT; clear: num[3] bytes in place at short_offset */
	LOOK_SEQ,    /* link 0: elements; num[0] their number, num[1] the pointer */
	LOOK_OPAQUE, /* a sequence whose elements are out of reach; num[0] their number */
	LOOK_RING, /* link 0: all of the buffer; num[0] elements, num[1] pointer, num[2] first, num[3] capacity */
	LOOK_DEQUE, /* link 0: pointers to blocks, each with link 0 to elements; num[] as plan_views.c says */
	LOOK_BOOLS, /* link 0: words; num[0] bits, num[1] the pointer */
	LOOK_SWISS, /* hashbrown: link 0 control bytes, link 1 elements before them; num[0] items, num[1] mask */
	LOOK_CHAIN, /* link 0: first node; num[0] elements, num[1] pointer; nodes are LOOK_NODE */
	LOOK_TREE,  /* link 0: root; likewise; links of nodes: left, right */
	LOOK_NODE, /* of a list or tree: parts[0] the value, links to its neighbours, num[] their pointers */
	LOOK_BTREE,      /* link n: root when its height is n; num[0] entries, num[1] height */
	LOOK_BTREE_NODE, /* num[0] entries used; parts: key, value, key, value ...; links to children */
	LOOK_GO_MAP, /* behind link 0 the header: LOOK_GO_BUCKETS or LOOK_GO_GROUPS; num[1] the pointer */
	LOOK_GO_BUCKETS, /* link 0: buckets; num[0] entries, num[1] old buckets */
	LOOK_GO_BUCKET, /* parts: key, value ...; tags of 8 entries at short_offset; link 0: overflow */
	LOOK_GO_GROUPS, /* num[0] entries, num[1] length of the directory; link 0: one group, link 1: directory */
	LOOK_GO_TABLE, /* link 0: groups */
	LOOK_GO_GROUP, /* parts: key, value ...; control word at short_offset */
	LOOK_GO_FACE, /* interface: num[0] type word, num[1] data; link 0 the itab (not of empty interfaces), link 1 the data */
	LOOK_CUT,     /* too large for a plan */
};

enum { LOOK_NO_EDGE = UINT32_MAX, LOOK_N_NUMS = 5, LOOK_N_LINKS = 3 };

struct look_num {
	uint32_t offset;
	uint8_t size; /* 0: absent */
	uint8_t shift;
	uint64_t mask; /* 0: all */
	/* difference of two pointers: (the one at end - this one) / divide; divide 0: no difference */
	uint32_t end, divide;
	int64_t add;
};

struct look_link {
	uint32_t edge; /* LOOK_NO_EDGE: not captured */
	uint32_t size; /* of an element; 0: elements without bytes, nothing needs to be captured */
	const struct look *target;
};

struct look {
	enum look_kind kind;
	const struct type *type;
	uint32_t offset; /* from the element's start */
	struct str name; /* as a part: of the field or variant */
	const struct look *parts;
	uint32_t n_parts;
	uint32_t count, stride; /* ARRAY; DEQUE: elements of a block */
	struct look_num num[LOOK_N_NUMS];
	const struct look_link *links; /* 2 of most kinds */
	uint32_t n_links;
	uint32_t short_offset;
	struct str label;
	bool is_map, is_set; /* elements are pairs; or only the first of each pair counts */
};

#endif
