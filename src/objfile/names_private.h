/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the spelling of names (names_spell.c) and their comparison (names.c) share; nobody else includes this. */
#ifndef SONDE_OBJFILE_NAMES_PRIVATE_H
#define SONDE_OBJFILE_NAMES_PRIVATE_H

#include "objfile/names.h"

#include <string.h>

static inline bool name_is_ident(char c)
{
	return c == '_' || c == '$' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || (unsigned char)c >= 0x80;
}

static inline bool name_starts_at(struct str s, size_t i, const char *text)
{
	size_t n = strlen(text);

	return i <= s.n && s.n - i >= n && !memcmp(s.p + i, text, n);
}

/*
 * "operator<<" and the like: how many characters of punctuation follow the word that ends at i. Else they would be
 * taken for brackets.
 */
size_t name_operator_len(struct str s, size_t i);
/* index behind the bracket that closes the one at i; s.n when none does */
size_t name_skip_group(struct str s, size_t i);
/* adds the spelling; is_key: the compact one, for comparing */
void name_spell(struct str name, bool is_key, struct strbuf *out);

#endif
