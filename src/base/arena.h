/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Arena: memory that is handed out piece by piece and given back all at once. Everything that belongs to
 * one compiled script (AST, types, IR, image) lives in one arena. Out of memory ends in abort-free NULL
 * only through arena_try_alloc; arena_alloc never returns NULL (it ends the process through
 * base_out_of_memory(), the one place where that is done).
 */
#ifndef SONDE_BASE_ARENA_H
#define SONDE_BASE_ARENA_H

#include "base/str.h"

#include <stdarg.h>

struct arena {
	struct arena_block *head;
	size_t used_total; /* bytes handed out, for -v */
};

void arena_init(struct arena *a);
void arena_free(struct arena *a); /* frees every block; the arena may be used again */
/* n bytes, zeroed, aligned to 16 */
void *arena_alloc(struct arena *a, size_t n);
void *arena_alloc_array(struct arena *a, size_t n, size_t size); /* checks n * size for overflow */
/* a copy with a NUL behind it, so .p is a C string when it holds no NUL itself */
struct str arena_str(struct arena *a, struct str s);
struct str arena_printf(struct arena *a, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
struct str arena_vprintf(struct arena *a, const char *fmt, va_list ap);

#define arena_new(a, T) ((T *)arena_alloc((a), sizeof(T)))
#define arena_array(a, T, n) ((T *)arena_alloc_array((a), (n), sizeof(T)))

/* malloc family that does not return NULL; see the head of this file */
void *base_alloc(size_t n); /* zeroed */
void *base_realloc(void *p, size_t n);
char *base_strdup(const char *s);
char *base_strndup(struct str s);
__attribute__((noreturn)) void base_out_of_memory(void);

#endif
