/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Verbose lines; see log.h. */
#include "base/log.h"

#include "base/strbuf.h"

#include <stdio.h>

int log_level;

static void put(const char *fmt, va_list ap)
{
	STRBUF_AUTO b = { 0 };

	strbuf_vprintf(&b, fmt, ap);
	fprintf(stderr, "sonde: %s\n", strbuf_cstr(&b));
}

void log_verbose(const char *fmt, ...)
{
	va_list ap;

	if (log_level < 1)
		return;
	va_start(ap, fmt);
	put(fmt, ap);
	va_end(ap);
}
