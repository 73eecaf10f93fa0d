/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See word_search.h. For quick looks (quick.c): a script names fifty functions, and a table of names has ten megabytes. The text
 * is stepped through by blocks of three bytes (Wu and Manber, "A fast algorithm for multi-pattern searching", 1994): of each
 * block a table knows how far the next place can be at which a word may begin, so most bytes are never read. Touches no file.
 */
#include "objfile/word_search.h"

#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

enum {
	BLOCK = 3,
	BITS = 13, /* the table stays in the first cache */
	SIZE = 1 << BITS,
};

struct search {
	const struct str *words;
	bool *found;
	uint32_t n, n_left;
	size_t least;       /* length of the shortest: of each word this much decides */
	uint8_t step[SIZE]; /* of a block that ends at the shortest's length; 0: a word may begin here */
	uint32_t *next; /* index + 1 of the next word with the same last block */
	uint32_t first[SIZE];
};

static uint32_t hash(const uint8_t *p)
{
	uint32_t v = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16;

	return v * 0x9e3779b1u >> (32 - BITS);
}

static bool is_wanted(const struct search *s, uint32_t i)
{
	return !s->found[i] && s->words[i].n >= BLOCK;
}

static void make_table(struct search *s)
{
	uint8_t most;

	for (uint32_t i = 0; i < s->n; i++)
		if (is_wanted(s, i) && (!s->least || s->words[i].n < s->least))
			s->least = s->words[i].n;
	if (s->least > 200)
		s->least = 200;
	most = (uint8_t)(s->least - BLOCK + 1);
	memset(s->step, most, sizeof(s->step));
	for (uint32_t i = 0; i < s->n; i++) {
		const uint8_t *w = (const uint8_t *)s->words[i].p;

		if (!is_wanted(s, i))
			continue;
		s->n_left++;
		for (size_t end = BLOCK; end <= s->least; end++) {
			uint32_t h = hash(w + end - BLOCK);

			if (s->least - end < s->step[h])
				s->step[h] = (uint8_t)(s->least - end);
			if (end == s->least) {
				s->next[i] = s->first[h];
				s->first[h] = i + 1;
			}
		}
	}
}

static void check(struct search *s, uint32_t h, const uint8_t *at, size_t room)
{
	for (uint32_t i = s->first[h]; i; i = s->next[i - 1]) {
		const struct str *w = &s->words[i - 1];

		if (s->found[i - 1] || w->n > room || memcmp(at, w->p, w->n))
			continue;
		s->found[i - 1] = true;
		s->n_left--;
	}
}

void word_search(struct bytes text, const struct str *words, uint32_t n, bool *found)
{
	struct search *s = base_alloc(sizeof(*s));

	s->words = words;
	s->found = found;
	s->n = n;
	s->next = base_alloc((n + 1) * sizeof(*s->next));
	/* too short for blocks */
	for (uint32_t i = 0; i < n; i++)
		if (!found[i] && words[i].n < BLOCK)
			found[i] = memmem(text.p, text.n, words[i].p, words[i].n) != NULL;
	make_table(s);
	for (size_t at = s->least; s->n_left && at <= text.n;) {
		uint32_t h = hash(text.p + at - BLOCK);

		if (s->step[h]) {
			at += s->step[h];
			continue;
		}
		check(s, h, text.p + at - s->least, text.n - (at - s->least));
		at++;
	}
	free(s->next);
	free(s);
}
