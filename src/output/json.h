/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * JSON scalars. Whatever the input bytes, what is written is valid UTF-8. Keeps no state; text is
 * appended to the caller's buffer.
 */
#ifndef SONDE_OUTPUT_JSON_H
#define SONDE_OUTPUT_JSON_H

#include "base/strbuf.h"

/* quoted and escaped; bytes that are no UTF-8 become the text \xNN (written "\\xNN") */
void json_put_string(struct strbuf *out, struct str s);
/*
 * Numbers that a double cannot hold exactly are written as strings, because most readers of JSON would round them.
 */
void json_put_u64(struct strbuf *out, uint64_t v);
void json_put_i64(struct strbuf *out, int64_t v);
/* length of the well-formed UTF-8 sequence at p (n bytes left), 0 when there is none */
size_t utf8_length(const uint8_t *p, size_t n);

#endif
