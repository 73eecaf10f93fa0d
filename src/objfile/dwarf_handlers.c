/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of questions that a worker answers; see dwarf_private.h. Runs in the worker. */
#include "objfile/dwarf_private.h"

static dwarf_handler *const handlers[DWARF_N_REQUESTS] = {
	[DWARF_FUNCTIONS] = dwarf_do_functions, [DWARF_FUNCTION_AT] = dwarf_do_function_at,
	[DWARF_LINES] = dwarf_do_lines,         [DWARF_ROWS] = dwarf_do_rows,
	[DWARF_FRAMES] = dwarf_do_frames,       [DWARF_VARS] = dwarf_do_vars,
	[DWARF_SIGNATURE] = dwarf_do_signature, [DWARF_INLINE_EXITS] = dwarf_do_inline_exits,
	[DWARF_TYPE] = dwarf_do_type,           [DWARF_TYPE_NAME] = dwarf_do_type_name,
	[DWARF_VTABLE] = dwarf_do_vtable,
};

struct err *dwfile_answer(struct dwarf_file *f, enum dwarf_request r, struct wire_in *in,
			  struct wire_out *out)
{
	struct err *e;

	if (r >= DWARF_N_REQUESTS || !handlers[r])
		return err_new(0, "question %u is unknown", r);
	arena_free(&f->scratch);
	e = handlers[r](f, in, out);
	if (!e && in->b.bad)
		e = err_new(0, "question %u is malformed", r);
	return e;
}
