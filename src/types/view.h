/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How values of a traced program's types are looked at: which struct is really a string, a vector, an optional, a smart
 * pointer. The knowledge is a table (views.def: language, pattern of the type's name, what it is, the paths of its members);
 * a path that a library's version does not have makes the next row be tried. From it come
 *
 *   - plans that capture a value for printing (view_capture), in which each struct also says how it is decoded,
 *   - the way to .len, .cap, to the text of a string, through a smart pointer (view_path), for the compiler.
 *
 * Everything lives in the arena of the type table. Types are read through their type_source (type_complete), nothing else.
 */
#ifndef SONDE_TYPES_VIEW_H
#define SONDE_TYPES_VIEW_H

#include "types/capture.h"
#include "types/type.h"

enum view_attr {
	VIEW_LEN, /* elements, or bytes of text */
	VIEW_CAP,
	VIEW_TEXT,   /* address of the bytes of something like a string; its length is VIEW_LEN */
	VIEW_TARGET, /* what a reference, Box, Rc, unique_ptr, ... leads to: address of it */
	VIEW_DATA,   /* address of the first element of a sequence */
	VIEW_IS_READY, /* Poll, Option, optional: it is when the number is value (is_inverted: is not) */
	VIEW_VALUE, /* the value inside of a Poll, Option, Result, optional: address of it (in place) */
	VIEW_STATE, /* async_state: the discriminant of a future */
};

enum view_step_kind {
	VIEW_STEP_OFFSET, /* the place moves by offset */
	VIEW_STEP_DEREF,  /* the place is a pointer: go to where it leads */
};

struct view_step {
	enum view_step_kind kind;
	uint32_t offset;
};

enum { VIEW_MAX_STEPS = 12 };

/* from the place of a value to the number wanted */
struct view_path {
	struct view_step steps[VIEW_MAX_STEPS];
	uint32_t n_steps;
	/* then, at that place: */
	enum {
		VIEW_IS_ADDRESS, /* the address of the place itself */
		VIEW_IS_NUMBER,  /* the number of size bytes there, masked, shifted right */
		VIEW_IS_DIFF,    /* (the pointer at +end_offset - the pointer there) / divide */
		VIEW_IS_CHOICE, /* libc++: by bit 0 of the byte there: 0 short form, 1 long form; see the two below */
		VIEW_IS_CONST, /* value */
	} what;
	uint32_t size, shift;
	uint64_t mask; /* 0: all bits */
	uint32_t end_offset, divide;
	uint64_t value;
	bool is_inverted;                          /* IS_READY: any other number than value */
	const struct view_path *if_clear, *if_set; /* CHOICE: both from the value's place */
	const struct type *type; /* ADDRESS: of what lies there; NUMBER: integer or enum */
};

/* false: this type has no such thing. elem: of sequences, the element's type (VIEW_DATA), may be NULL */
bool view_path(struct type_table *tt, const struct type *t, enum view_attr attr,
	       struct view_path *out, const struct type **elem);
/* is it something that prints as text (String, &str, std::string, Go string, ...)? */
bool view_is_text(struct type_table *tt, const struct type *t);
/*
 * How to capture a value of this type for printing in its language's notation: a TYPE_CAPTURE whose elem is t, or NULL when
 * its bytes alone are enough (numbers, plain structs without pointers are captured, too: never NULL for LANG_CXX, _RUST, _GO
 * structs).
 */
const struct type *view_capture(struct type_table *tt, const struct type *t);

#endif
