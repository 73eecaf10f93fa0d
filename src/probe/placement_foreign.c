/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Jumps from other functions into the first instructions of one: compilers do not make them, but hand-written code does
 * (the string functions of C libraries share their middles). All code of the file is looked through once for all places
 * that were chosen: whatever could be a jump or call with a 4-byte distance, at any byte, is taken for one. Jumps with a
 * 1-byte distance reach the neighbours only, which are decoded.
 */
#include "probe/placement.h"

#include "objfile/elf.h"
#include "objfile/symtab.h"

#include <elf.h>
#include <emmintrin.h>

enum {
	CHUNK = 1 << 20,
	OVERLAP = 8,     /* longer than any opcode with its distance */
	NEIGHBOUR = 192, /* a jump over 127 bytes, and some to find the instructions' beginnings */
	PREVIOUS = 512, /* code before the function is decoded from a symbol, if one is that near */
};

struct search {
	struct placement_window *v; /* by .from */
	size_t n;
	uint64_t least, most; /* (least, most] holds all windows */
};

static int by_from(const void *a, const void *b)
{
	const struct placement_window *x = a, *y = b;

	return x->from < y->from ? -1 : x->from > y->from;
}

/* something at source goes to target */
static void note(struct search *s, uint64_t source, uint64_t target)
{
	size_t lo = 0, hi = s->n;

	if (target <= s->least || target > s->most)
		return;
	while (lo < hi) { /* the first window that begins at or behind target */
		size_t mid = lo + (hi - lo) / 2;

		if (s->v[mid].from < target)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (uint64_t from = lo ? s->v[lo - 1].from : 0; lo && s->v[lo - 1].from == from; lo--) {
		struct placement_window *w = &s->v[lo - 1];

		/* from within the function it is known better: that was decoded */
		if (target <= w->to && (source < w->start || source >= w->end))
			w->is_entered = true;
	}
}

/* e8 call, e9 jmp, 0f 8x jcc, with four bytes of distance behind them: is p the first of one? */
static void look_at(struct search *s, const uint8_t *p, uint64_t addr)
{
	unsigned at = 1;
	int32_t distance;

	if ((*p & 0xfe) != 0xe8) {
		if (*p != 0x0f || (p[1] & 0xf0) != 0x80)
			return;
		at++;
	}
	memcpy(&distance, p + at, sizeof(distance));
	note(s, addr, addr + at + 4 + (uint64_t)(int64_t)distance);
}

/* programs have tens of megabytes of code, and few bytes that could begin a jump: sixteen are looked at together */
static void scan(struct search *s, const uint8_t *p, size_t n, uint64_t addr)
{
	const __m128i low_bit_off = _mm_set1_epi8((char)0xfe), near = _mm_set1_epi8((char)0xe8),
		      two_bytes = _mm_set1_epi8(0x0f);
	size_t i = 0;

	for (; i + 16 + 6 <= n; i += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
		__m128i is_near = _mm_cmpeq_epi8(_mm_and_si128(v, low_bit_off), near);
		unsigned mask = (unsigned)_mm_movemask_epi8(
			_mm_or_si128(is_near, _mm_cmpeq_epi8(v, two_bytes)));

		for (; mask; mask &= mask - 1) {
			size_t k = i + (unsigned)__builtin_ctz(mask);

			look_at(s, p + k, addr + k);
		}
	}
	for (; i + 6 <= n; i++)
		look_at(s, p + i, addr + i);
}

static bool scan_section(struct search *s, struct objfile *f, const struct objfile_section *sec,
			 uint8_t *buf)
{
	for (uint64_t at = 0; at < sec->size; at += CHUNK) {
		size_t n = sec->size - at < CHUNK + OVERLAP ? sec->size - at : CHUNK + OVERLAP;

		if (!objfile_read_at(f, sec->offset + at, buf, n))
			return false;
		memset(buf + n, 0, OVERLAP); /* the last five bytes can hold a jump, too */
		scan(s, buf, n + OVERLAP, sec->addr + at);
	}
	return true;
}

static void decode_neighbour(struct search *s, struct objfile *f, uint64_t from, uint64_t to)
{
	CODE_AUTO c = { 0 };

	if (!placement_decode(f, from, to - from, &c))
		return;
	for (uint32_t k = 0; k < c.n; k++)
		if (c.insn[k].kind == CODE_JMP || c.insn[k].kind == CODE_JCC)
			note(s, c.insn[k].addr, c.insn[k].target);
}

static void look_at_neighbours(struct search *s, struct objfile *f,
			       const struct placement_window *w)
{
	const struct objfile_section *sec = objfile_section_at(f, w->start);
	const struct symbol *previous;
	uint64_t from = w->start - NEIGHBOUR, to = w->end + NEIGHBOUR;

	if (!sec)
		return;
	previous = w->start > sec->addr ? symtab_at(objfile_symtab(f), w->start - 1) : NULL;
	if (previous && previous->addr < w->start && w->start - previous->addr <= PREVIOUS)
		from = previous->addr;
	if (from < sec->addr || from > w->start)
		from = sec->addr;
	if (to > sec->addr + sec->size)
		to = sec->addr + sec->size;
	if (from < w->start)
		decode_neighbour(s, f, from, w->start);
	if (w->end < to)
		decode_neighbour(s, f, w->end, to);
}

void placement_foreign_find(struct objfile *f, struct placement_window *v, size_t n)
{
	struct search s = { .v = v, .n = n, .least = UINT64_MAX };
	uint8_t *buf = base_alloc(CHUNK + 2 * OVERLAP);
	bool is_known = false;

	qsort(v, n, sizeof(*v), by_from);
	for (size_t i = 0; i < n; i++) {
		s.least = v[i].from < s.least ? v[i].from : s.least;
		s.most = v[i].to > s.most ? v[i].to : s.most;
	}
	for (uint32_t i = 0; i < f->n_sections; i++) {
		const struct objfile_section *sec = &f->sections[i];

		if (!(sec->flags & SHF_ALLOC) || !(sec->flags & SHF_EXECINSTR) ||
		    sec->type == SHT_NOBITS)
			continue;
		is_known = scan_section(&s, f, sec, buf);
		if (!is_known)
			break;
	}
	free(buf);
	for (size_t i = 0; i < n; i++) {
		look_at_neighbours(&s, f, &v[i]);
		v[i].is_entered |= !is_known;
	}
}
