/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Borrowed views of bytes. A struct str never owns what it points at and is never freed; it is valid
 * as long as the arena, file mapping or buffer it was cut from. It need not end in NUL.
 */
#ifndef SONDE_BASE_STR_H
#define SONDE_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
	const char *p;
	size_t n;
};

/* for printf("%.*s", STR_ARG(s)) */
#define STR_ARG(s) (int)(s).n, (s).p
/* a view of a string literal */
#define STR(lit) ((struct str){ (lit), sizeof(lit) - 1 })
/* clang-format off */
#define STR_INIT(lit) { (lit), sizeof(lit) - 1 }
/* clang-format on */
#define STR_NULL ((struct str){ NULL, 0 })

static inline struct str str_from(const char *cstr)
{
	return (struct str){ cstr, cstr ? strlen(cstr) : 0 };
}

static inline struct str str_make(const char *p, size_t n)
{
	return (struct str){ p, n };
}

static inline bool str_eq(struct str a, struct str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool str_is(struct str a, const char *b)
{
	return str_eq(a, str_from(b));
}

static inline bool str_is_one_of(struct str a, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (str_is(a, words[i]))
			return true;
	return false;
}
#define STR_IS_ONE_OF(a, words) str_is_one_of((a), (words), sizeof(words) / sizeof(*(words)))

/* byte order, shorter first on a common prefix: <0, 0, >0 */
int str_cmp(struct str a, struct str b);
bool str_eq_nocase(struct str a, struct str b);
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
/* index of the first c at or after from, or -1 */
ptrdiff_t str_find_char(struct str s, char c, size_t from);
/* index of the first occurrence of needle, or -1 */
ptrdiff_t str_find(struct str s, struct str needle);
/* [from, to), clamped to the string */
struct str str_sub(struct str s, size_t from, size_t to);
struct str str_trim(struct str s);
/*
 * Cut the part before the first c off *s and return it; *s becomes what follows c (or empty when there
 * was none, in which case the whole of *s is returned).
 */
struct str str_split(struct str *s, char c);
/* '*' matches any run of bytes, every other byte itself. Linear in practice, no recursion. */
bool str_glob(struct str pattern, struct str text);
bool str_has_glob(struct str s);
/* value of a digit of any base up to 16, in either case; 99, which is a digit of none, for other bytes */
unsigned str_digit_value(char c);
/*
 * Decimal, 0x, 0 (octal) integer that fills the whole of s, optional sign. False on anything else or on
 * overflow of 64 bits; *out then is untouched.
 */
bool str_to_u64(struct str s, uint64_t *out);
bool str_to_i64(struct str s, int64_t *out);
/* edit distance (Levenshtein), capped at max + 1; for "did you mean" hints */
unsigned str_distance(struct str a, struct str b, unsigned max);
uint64_t str_hash(struct str s);

#endif
