/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For tests: something that must not fail. Needs tap.h before it. */
#ifndef SONDE_TESTS_UNIT_ERR_HELP_H
#define SONDE_TESTS_UNIT_ERR_HELP_H

#include "base/cleanup.h"
#include "base/err.h"

/* an error fails the test and is printed behind what it is about; it is freed */
static inline bool check_err(struct err *e, const char *what)
{
	STRBUF_AUTO b = { 0 };

	if (!e)
		return true;
	err_format(e, &b);
	printf("# %s: %s\n", what, strbuf_cstr(&b));
	err_free(e);
	return CHECK(!"no error");
}

#endif
