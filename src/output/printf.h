/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rendering of a printf format with values in stored form. All is borrowed for the call; text is
 * appended to the caller's buffer.
 */
#ifndef SONDE_OUTPUT_PRINTF_H
#define SONDE_OUTPUT_PRINTF_H

#include "image/image.h"
#include "output/value.h"
#include "types/format.h"

/*
 * Append the text. Fields and payload are those of an event; the format was checked against the fields' types when the
 * script was compiled (a missing field prints as <missing>).
 */
void printf_render(const struct value_env *env, const struct format *f,
		   const struct event_field *fields, uint32_t n_fields, const char *payload,
		   struct strbuf *out);

#endif
