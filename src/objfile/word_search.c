/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See word_search.h. For quick looks (quick.c): a script names fifty functions, and a table of names has ten megabytes. The text
 * is stepped through by blocks of three bytes (Wu and Manber, "A fast algorithm for multi-pattern searching", 1994): of each
 * block a table knows how far the next place can be at which a word may begin, so most bytes are never read. Long texts are
 * shared by several threads. Touches no file.
 */
#include "objfile/word_search.h"

#include "base/arena.h"
#include "base/parallel.h"

#include <stdlib.h>
#include <string.h>

enum {
	BLOCK = 3,
	BITS = 13, /* the table stays in the first cache */
	SIZE = 1 << BITS,
	PIECE_LEAST = 1 << 20,
	THREADS_MAX = 4,
	THREAD_STACK = 64 << 10,
};

struct search {
	struct bytes text;
	const struct str *words;
	const bool *known; /* words that are not searched for */
	uint32_t n;
	size_t least,
		most; /* length of the shortest: of each word this much decides; of the longest */
	size_t n_pieces;
	bool *found;        /* by piece and word */
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
	return !s->known[i] && s->words[i].n >= BLOCK;
}

static void make_table(struct search *s)
{
	uint8_t farthest;

	for (uint32_t i = 0; i < s->n; i++) {
		if (!is_wanted(s, i))
			continue;
		if (!s->least || s->words[i].n < s->least)
			s->least = s->words[i].n;
		if (s->words[i].n > s->most)
			s->most = s->words[i].n;
	}
	if (s->least > 200)
		s->least = 200;
	farthest = (uint8_t)(s->least - BLOCK + 1);
	memset(s->step, farthest, sizeof(s->step));
	for (uint32_t i = 0; i < s->n; i++) {
		const uint8_t *w = (const uint8_t *)s->words[i].p;

		if (!is_wanted(s, i))
			continue;
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

/* how many of the words begin at this place and were not found before */
static uint32_t check(const struct search *s, bool *found, uint32_t h, const uint8_t *at,
		      size_t room)
{
	uint32_t n = 0;

	for (uint32_t i = s->first[h]; i; i = s->next[i - 1]) {
		const struct str *w = &s->words[i - 1];

		if (found[i - 1] || w->n > room || memcmp(at, w->p, w->n))
			continue;
		found[i - 1] = true;
		n++;
	}
	return n;
}

/* the words that begin in this piece: what is behind it is read as far as the longest of them */
static void search_piece(void *arg, size_t piece)
{
	const struct search *s = arg;
	bool *found = s->found + piece * s->n;
	size_t size = s->text.n / s->n_pieces, from = piece * size, end = from + size + s->most;
	uint32_t n_left = 0;

	for (uint32_t i = 0; i < s->n; i++)
		n_left += is_wanted(s, i);
	if (piece + 1 == s->n_pieces || end > s->text.n)
		end = s->text.n;
	for (size_t at = from + s->least; n_left && at <= end;) {
		uint32_t h = hash(s->text.p + at - BLOCK);

		if (s->step[h]) {
			at += s->step[h];
			continue;
		}
		n_left -= check(s, found, h, s->text.p + at - s->least,
				s->text.n - (at - s->least));
		at++;
	}
}

void word_search(struct bytes text, const struct str *words, uint32_t n, bool *found)
{
	struct search *s = base_alloc(sizeof(*s));
	size_t n_threads = parallel_cpus();

	/* too short for blocks */
	for (uint32_t i = 0; i < n; i++)
		if (!found[i] && words[i].n < BLOCK)
			found[i] = memmem(text.p, text.n, words[i].p, words[i].n) != NULL;
	*s = (struct search){ .text = text, .words = words, .known = found, .n = n };
	s->next = base_alloc((n + 1) * sizeof(*s->next));
	s->n_pieces = text.n / PIECE_LEAST ? text.n / PIECE_LEAST : 1;
	s->found = base_alloc(s->n_pieces * n + 1);
	make_table(s);
	if (s->least)
		parallel_each(s->n_pieces, n_threads < THREADS_MAX ? n_threads : THREADS_MAX,
			      THREAD_STACK, search_piece, s);
	for (size_t p = 0; p < s->n_pieces; p++)
		for (uint32_t i = 0; i < n; i++)
			found[i] |= s->found[p * n + i];
	free(s->found);
	free(s->next);
	free(s);
}
