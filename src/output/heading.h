/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tools print a heading from begin and then columns. In JSON the words of the heading are the names of the columns: a line
 * with as many values has them as "fields". A zeroed struct has no heading; heading_free gives its text back.
 */
#ifndef SONDE_OUTPUT_HEADING_H
#define SONDE_OUTPUT_HEADING_H

#include "image/image.h"
#include "output/value.h"
#include "types/format.h"

enum { HEADING_MAX = 32 };

struct heading {
	struct strbuf text;
	struct str names[HEADING_MAX];
	uint32_t n;
};

/* what begin printed; of several the last one with two words or more is the heading */
void heading_set(struct heading *h, struct str text);
void heading_free(struct heading *h);
/*
 * A column MESSAGE, the last one, is all the rest of a line, however many values are in it. Does it contain this? Without such a
 * column: does the line?
 */
bool heading_message_has(const struct heading *h, const struct value_env *env,
			 const struct format *f, const struct event_layout *l, const char *payload,
			 struct str text);
/* , "fields": {...}: nothing when the line has another number of values */
void heading_put_fields(const struct heading *h, const struct value_env *env,
			const struct format *f, const struct event_layout *l, const char *payload,
			struct strbuf *out);

#endif
