/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The options of a run: releasing what the command line collected. */
#include "session/session.h"

void session_opts_free(struct session_opts *o)
{
	vec_free(&o->pids);
	vec_free(&o->include_dirs);
	vec_free(&o->debuginfo);
	vec_free(&o->include_files);
	vec_free(&o->positional);
	vec_free(&o->named);
}
