/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The record of a tracepoint as its "format" file describes it (Documentation/trace/events.rst): one line a field,
 * with the C text of its declaration, offset, size and sign. Made into a struct type whose fields a script reads as
 * args.NAME; the first eight bytes of a record (common_*) cannot be read by programs and are left out. Fields are
 * views into the file's text; types live in the context's arena.
 */
#ifndef SONDE_PROBE_TRACEPOINT_FORMAT_H
#define SONDE_PROBE_TRACEPOINT_FORMAT_H

#include "base/cleanup.h"
#include "probe/match_private.h"

struct format_field {
	struct str text; /* the declaration: "const char * filename", "__data_loc char[] name" */
	struct str type; /* without the name: "const char *", "char" for "char comm[16]" */
	struct str name;
	bool is_array;    /* brackets behind the name */
	bool is_data_loc; /* __data_loc */
	bool is_common;
	uint32_t offset, size;
	bool is_signed;
};

/* the next field of a format file; *rest moves on. False at the end of the fields */
bool format_next_field(struct str *rest, struct format_field *f);
/* the part that makes the layout: what stands between "format:" and "print fmt:" */
struct str format_body(struct str file);
/* a struct type, completed (and its C types looked up in BTF) when somebody asks for a field; text must stay */
const struct type *format_type(struct probe_ctx *c, struct str subsystem, struct str event,
			       struct str text);

#endif
