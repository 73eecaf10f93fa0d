/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Formats of printf() and its relatives, parsed: sema checks calls by it, output renders events by it, so that the two
 * never differ. A specification is
 *
 *   % [-+ #0]* (digits|*)? (.(digits|*)?)? [hlLjzt]* (d i u o x X c s p r rx rh rz gr %)
 *
 * A '%' that starts none is text (as in bpftrace). '*' takes an argument of its own, in front of the value's.
 * The parsed format lives in the given arena and borrows from the text.
 */
#ifndef SONDE_TYPES_FORMAT_H
#define SONDE_TYPES_FORMAT_H

#include "types/type.h"

enum format_conv {
	FORMAT_D, /* d and i */
	FORMAT_U,
	FORMAT_O,
	FORMAT_X,
	FORMAT_X_UPPER,
	FORMAT_C,
	FORMAT_S,
	FORMAT_P,
	FORMAT_R,           /* buffer: printable bytes as they are, others \xhh */
	FORMAT_RX,          /* buffer: \xhh all */
	FORMAT_RH,          /* buffer: hh hh hh */
	FORMAT_RD,          /* buffer: lines with 16 bytes each, as hexdump -C has them */
	FORMAT_RZ,          /* buffer: texts that end in NUL, as words of a command line */
	FORMAT_GR,          /* GFP flags by name */
	FORMAT_UNSUPPORTED, /* known to C (f, e, g, a, n), not to the language: format_check refuses it */
};

enum format_length {
	FORMAT_LEN_NONE,
	FORMAT_LEN_HH,
	FORMAT_LEN_H,
	FORMAT_LEN_64 /* l ll L j z t */
};

struct format_spec {
	struct str literal; /* text in front, "%%" already one '%' */
	uint32_t at, n;     /* bytes of the specification in the text */
	enum format_conv conv;
	struct str conv_text; /* "d", "rx" */
	enum format_length length;
	bool left, plus, space, alternate, zero; /* - + space # 0 */
	bool width_from_arg, prec_from_arg;
	int width;     /* 0: none */
	int precision; /* -1: none */
};

struct format {
	struct format_spec *specs;
	uint32_t n_specs;
	struct str tail; /* text behind the last one */
	uint32_t n_args; /* arguments taken, those for '*' included */
};

struct format_error {
	uint32_t at, n; /* place in the text; n 0: the call as a whole */
	uint32_t arg;   /* argument meant, or UINT32_MAX */
	struct str msg;
};

/* larger widths and precisions are refused: a format must not make a line of gigabytes */
#define FORMAT_MAX_WIDTH 4096

/* false: *err says what and where (msg in the arena) */
bool format_parse(struct arena *a, struct str text, struct format *out, struct format_error *err);
/* whether a value of type t may stand under the conversion; aggregations that read as a number count as integers */
bool format_conv_accepts(enum format_conv conv, const struct type *t);
/* the number and types of the arguments; types NULL: only the number */
bool format_check(struct arena *a, const struct format *f, const struct type *const *types,
		  uint32_t n_types, struct format_error *err);
/* the value as C would convert it for the specification's length modifier: int when there is none (as bpftrace) */
int64_t format_to_signed(const struct format_spec *s, uint64_t value);
uint64_t format_to_unsigned(const struct format_spec *s, uint64_t value);

#endif
