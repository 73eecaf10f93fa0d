/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Numbers of traced programs that scripts do not compute with: floats, 128-bit integers, code points. As the language
 * writes them; what goes into JSON is always valid. Keeps no state.
 */
#ifndef SONDE_OUTPUT_NUMBER_H
#define SONDE_OUTPUT_NUMBER_H

#include "output/value.h"

/* size 4, 8 or 16 (x87's 80 bits): the shortest digits that read back as the same number; JSON: NaN and infinity as text */
void number_put_float(enum value_form form, enum type_lang lang, uint32_t size, const void *data,
		      struct strbuf *out);
/* JSON: as text, because readers take numbers for doubles */
void number_put_wide(enum value_form form, bool is_signed, const void *data, struct strbuf *out);
/* quoted as Rust and C write it: 'x' */
void number_put_char(enum value_form form, uint32_t code, struct strbuf *out);
/* whether Rust's Debug writes this code point as \u{..} */
bool number_is_unprintable(uint32_t code);

#endif
