/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The way of an error to the user; see report.h. */
#include "cli/report.h"

#include "diag/diag.h"

#include <stdio.h>

int report(struct err *err)
{
	STRBUF_AUTO text = { 0 }, shown = { 0 };

	if (!err)
		return 0;
	err_format(err, &text);
	diag_add_text(&shown, strbuf_str(&text));
	fprintf(stderr, "ERROR: %s\n", strbuf_cstr(&shown));
	if (err_get_hint(err))
		fprintf(stderr, "HINT: %s\n", err_get_hint(err));
	err_free(err);
	return 1;
}
