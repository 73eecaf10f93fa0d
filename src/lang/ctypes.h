/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names of C's base types and of the typedefs that every kernel and libc has, and of the script language's own
 * types. Used by the parser (which names are types), and by cdecl (what they are).
 */
#ifndef SONDE_LANG_CTYPES_H
#define SONDE_LANG_CTYPES_H

#include "base/str.h"

struct ctype_base {
	struct str name;
	uint8_t size; /* x86-64 and every 64-bit Linux */
	bool is_signed;
	bool is_bool;
	bool is_void;
};

/* "int", "unsigned int", "u32", "size_t", "pid_t"...; NULL when it is none */
const struct ctype_base *ctype_find_base(struct str name);
/* int8... uint64, bool, string, buffer, inet and the other names of the script language */
bool ctype_is_language_type(struct str name);
/* a word that types of several words are made of: unsigned, long, const, char, int... */
bool ctype_is_word(struct str word);

/* the words of one C type, in any order: "unsigned long", "long int unsigned" */
struct ctype_words {
	uint8_t n_long, n_short, n_signed, n_unsigned, n_char, n_int, n_bool, n_void, n_float,
		n_double;
	uint8_t n_base; /* all of the above; not const, volatile, restrict */
};

/* false when the word is not one of them */
bool ctype_add_word(struct ctype_words *w, struct str word);
/* the name as BTF and DWARF spell it ("long unsigned int"); empty when the words make no type */
struct str ctype_words_name(const struct ctype_words *w);

#endif
