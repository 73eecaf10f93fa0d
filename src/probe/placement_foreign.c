/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Jumps from other functions into the first instructions of one: compilers do not make them, but hand-written code does
 * (the string functions of C libraries share their middles). All code of the file is looked through once, for all functions
 * that the script names, and what leads into those is kept for the questions that come: whatever could be a jump or call with a 4-byte distance, at any byte, is taken for one. Jumps with a
 * 1-byte distance reach the neighbours only, which are decoded. Programs have tens of megabytes of code: several threads share
 * them, of which each notes what it finds for itself.
 */
#include "probe/placement.h"

#include "base/parallel.h"
#include "base/vec.h"
#include "objfile/elf.h"
#include "objfile/symtab.h"

#include <elf.h>
#include <emmintrin.h>

enum {
	CHUNK = 1 << 18,
	THREADS_MAX = 4,
	ALONE = 4 << 20, /* bytes of code that one thread reads as soon as several do */
	OVERLAP = 8,     /* longer than any opcode with its distance */
	NEIGHBOUR = 192, /* a jump over 127 bytes, and some to find the instructions' beginnings */
	PREVIOUS = 512, /* code before the function is decoded from a symbol, if one is that near */
	BLOCK = 4096,   /* most branches lead into blocks that nobody asks about */
	BLOCKS_MAX = 1 << 24,
	FILES_MAX = 64, /* that are remembered; then all are forgotten */
};

/* a branch that comes from elsewhere */
struct branch {
	uint64_t source, target;
};

/* code of functions that are asked about, disjoint; by start */
struct stretch {
	uint64_t start, end;
	bool is_one; /* one function's: what goes from itself into itself is not noted */
};

struct func {
	uint64_t start, end;
};

/* of one piece of code, or of a file */
struct branches {
	size_t n, cap;
	struct branch *v; /* into the stretches; of a file: by target */
};

/* what is known of one file: it is read again only when a function is asked about that nobody expected */
struct foreign_file {
	struct foreign_file *next;
	/* the file; not a pointer to it: the next one may be given the same address */
	dev_t dev;
	ino_t ino;
	uint64_t size;
	struct timespec mtime;
	VEC(struct func) funcs;        /* by start, end */
	VEC(struct stretch) stretches; /* of these functions */
	struct branches branches;
	uint64_t *blocks;               /* bits: does a stretch touch this block of code? */
	uint64_t first_block, n_blocks; /* least block, and how many from there */
	bool is_known;                  /* all code could be read */
};

static int by_range(const void *a, const void *b)
{
	const struct func *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->end < y->end ? -1 : x->end > y->end;
}

static int by_target(const void *a, const void *b)
{
	const struct branch *x = a, *y = b;

	return x->target < y->target ? -1 : x->target > y->target;
}

/* something at source goes to target; it is added to the branches */
static void note(const struct foreign_file *s, struct branches *b, uint64_t source, uint64_t target)
{
	uint64_t block = target / BLOCK - s->first_block;
	size_t lo = 0, hi = s->stretches.n;
	const struct stretch *in;

	if (block >= s->n_blocks || !(s->blocks[block / 64] >> block % 64 & 1))
		return;
	while (lo <
	       hi) { /* the first stretch that begins at or behind target: nothing is wrong with a jump to a beginning */
		size_t mid = lo + (hi - lo) / 2;

		if (s->stretches.v[mid].start < target)
			lo = mid + 1;
		else
			hi = mid;
	}
	in = lo ? &s->stretches.v[lo - 1] : NULL;
	if (!in || target >= in->end || (in->is_one && source >= in->start && source < in->end))
		return;
	vec_push(b, ((struct branch){ source, target }));
}

/* e8 call, e9 jmp, 0f 8x jcc, with four bytes of distance behind them: is p the first of one? */
static void look_at(const struct foreign_file *s, struct branches *b, const uint8_t *p,
		    uint64_t addr)
{
	unsigned at = 1;
	int32_t distance;

	if ((*p & 0xfe) != 0xe8) {
		if (*p != 0x0f || (p[1] & 0xf0) != 0x80)
			return;
		at++;
	}
	memcpy(&distance, p + at, sizeof(distance));
	note(s, b, addr, addr + at + 4 + (uint64_t)(int64_t)distance);
}

/* programs have tens of megabytes of code, and few bytes that could begin a jump: sixteen are looked at together */
static void scan(const struct foreign_file *s, struct branches *b, const uint8_t *p, size_t n,
		 uint64_t addr)
{
	const __m128i low_bit_off = _mm_set1_epi8((char)0xfe), near = _mm_set1_epi8((char)0xe8),
		      two_bytes = _mm_set1_epi8(0x0f), high_half = _mm_set1_epi8((char)0xf0),
		      jcc = _mm_set1_epi8((char)0x80);
	size_t i = 0;

	for (; i + 16 + 6 <= n; i += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
		__m128i is_near = _mm_cmpeq_epi8(_mm_and_si128(v, low_bit_off), near);
		__m128i second = _mm_loadu_si128((const __m128i *)(const void *)(p + i + 1));
		__m128i is_jcc =
			_mm_and_si128(_mm_cmpeq_epi8(v, two_bytes),
				      _mm_cmpeq_epi8(_mm_and_si128(second, high_half), jcc));
		unsigned mask = (unsigned)_mm_movemask_epi8(_mm_or_si128(is_near, is_jcc));

		for (; mask; mask &= mask - 1) {
			size_t k = i + (unsigned)__builtin_ctz(mask);

			look_at(s, b, p + k, addr + k);
		}
	}
	for (; i + 6 <= n; i++)
		look_at(s, b, p + i, addr + i);
}

/* a piece of the file's code */
struct piece {
	uint64_t offset, addr;
	size_t n;
	struct branches branches;
	bool is_read;
};

struct pieces {
	const struct foreign_file *s;
	struct objfile *f;
	VEC(struct piece) v;
};

static void scan_piece(void *arg, size_t i)
{
	struct pieces *all = arg;
	struct piece *p = &all->v.v[i];
	uint8_t buf[CHUNK + 2 * OVERLAP];

	p->is_read = objfile_read_at(all->f, p->offset, buf, p->n);
	if (!p->is_read)
		return;
	memset(buf + p->n, 0, OVERLAP); /* the last five bytes can hold a jump, too */
	scan(all->s, &p->branches, buf, p->n + OVERLAP, p->addr);
}

static void add_pieces(struct pieces *all, const struct objfile_section *sec)
{
	for (uint64_t at = 0; at < sec->size; at += CHUNK) {
		size_t n = sec->size - at < CHUNK + OVERLAP ? sec->size - at : CHUNK + OVERLAP;

		vec_push(&all->v,
			 ((struct piece){
				 .offset = sec->offset + at, .addr = sec->addr + at, .n = n }));
	}
}

static void decode_neighbour(struct foreign_file *s, struct objfile *f, uint64_t from, uint64_t to)
{
	CODE_AUTO c = { 0 };

	if (!placement_decode(f, from, to - from, &c))
		return;
	for (uint32_t k = 0; k < c.n; k++)
		if (c.insn[k].kind == CODE_JMP || c.insn[k].kind == CODE_JCC)
			note(s, &s->branches, c.insn[k].addr, c.insn[k].target);
}

static void look_at_neighbours(struct foreign_file *s, struct objfile *f, const struct func *w)
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

/* ---- one file ---- */

/* disjoint stretches of the functions, and the blocks that they are in; false: the file makes no sense */
static bool lay_out(struct foreign_file *s)
{
	uint64_t last;

	qsort(s->funcs.v, s->funcs.n, sizeof(*s->funcs.v), by_range);
	s->stretches.n = 0;
	vec_each(w, &s->funcs) {
		struct stretch *before = s->stretches.n ? &vec_last(&s->stretches) : NULL;

		if (before && before->start == w->start && before->end == w->end)
			continue;
		if (!before || w->start >= before->end) {
			vec_push(&s->stretches, ((struct stretch){ w->start, w->end, true }));
			continue;
		}
		before->is_one = false;
		before->end = w->end > before->end ? w->end : before->end;
	}
	s->first_block = s->stretches.v[0].start / BLOCK;
	last = vec_last(&s->stretches).end / BLOCK;
	s->n_blocks = 0;
	free(s->blocks);
	s->blocks = NULL;
	if (last - s->first_block >= BLOCKS_MAX)
		return false;
	s->n_blocks = last - s->first_block + 1;
	s->blocks = base_alloc((s->n_blocks / 64 + 1) * sizeof(*s->blocks));
	vec_each(st, &s->stretches)
		for (uint64_t b = st->start / BLOCK; b <= st->end / BLOCK; b++)
			s->blocks[(b - s->first_block) / 64] |= 1ull << (b - s->first_block) % 64;
	return true;
}

static bool scan_file(struct foreign_file *s, struct objfile *f)
{
	struct pieces all = { .s = s, .f = f };
	size_t n_threads = parallel_cpus();
	bool is_known = true;

	for (uint32_t i = 0; i < f->n_sections; i++) {
		const struct objfile_section *sec = &f->sections[i];

		/* a file that says it has more than it has is not known */
		if (!(sec->flags & SHF_ALLOC) || !(sec->flags & SHF_EXECINSTR) ||
		    sec->type == SHT_NOBITS)
			continue;
		if (sec->offset > f->size || sec->size > f->size - sec->offset)
			is_known = false;
		else
			add_pieces(&all, sec);
	}
	if (all.v.n < ALONE / CHUNK)
		n_threads = 1;
	if (is_known)
		parallel_each(all.v.n, n_threads < THREADS_MAX ? n_threads : THREADS_MAX, 2 * CHUNK,
			      scan_piece, &all);
	vec_each(p, &all.v) {
		is_known = is_known && p->is_read;
		for (size_t i = 0; i < p->branches.n; i++)
			vec_push(&s->branches, p->branches.v[i]);
		vec_free(&p->branches);
	}
	is_known = is_known && all.v.n;
	vec_free(&all.v);
	return is_known;
}

static bool has_func(const struct foreign_file *s, uint64_t start, uint64_t end)
{
	const struct func f = { start, end };

	return s->funcs.n && bsearch(&f, s->funcs.v, s->funcs.n, sizeof(f), by_range);
}

/* the other functions that the script will ask about, as far as their names are symbols */
static void expect(struct foreign_file *s, const struct probe_ctx *c, struct objfile *f)
{
	struct symtab *t = objfile_symtab(f);

	for (uint32_t i = 0; c && i < c->n_wanted; i++)
		for (const struct symbol *sym = symtab_find(t, c->wanted[i]); sym;
		     sym = symtab_find_next(t, sym))
			if (sym->size && sym->addr + sym->size > sym->addr)
				vec_push(&s->funcs,
					 ((struct func){ sym->addr, sym->addr + sym->size }));
}

static void read_all(struct foreign_file *s, const struct probe_ctx *c, struct objfile *f,
		     const struct placement_window *v, size_t n)
{
	if (!s->funcs.n)
		expect(s, c, f);
	for (size_t i = 0; i < n; i++)
		vec_push(&s->funcs, ((struct func){ v[i].start, v[i].end }));
	s->branches.n = 0;
	s->is_known = lay_out(s) && scan_file(s, f);
	vec_each(w, &s->funcs)
		if (s->is_known)
			look_at_neighbours(s, f, w);
	if (s->branches.n)
		qsort(s->branches.v, s->branches.n, sizeof(*s->branches.v), by_target);
}

static bool is_entered(const struct foreign_file *s, const struct placement_window *w)
{
	size_t lo = 0, hi = s->branches.n;

	while (lo < hi) { /* the first branch behind from */
		size_t mid = lo + (hi - lo) / 2;

		if (s->branches.v[mid].target <= w->from)
			lo = mid + 1;
		else
			hi = mid;
	}
	/* from within the function it is known better: that was decoded */
	for (; lo < s->branches.n && s->branches.v[lo].target <= w->to; lo++)
		if (s->branches.v[lo].source < w->start || s->branches.v[lo].source >= w->end)
			return true;
	return false;
}

static void free_one(struct foreign_file *s)
{
	vec_free(&s->funcs);
	vec_free(&s->stretches);
	vec_free(&s->branches);
	free(s->blocks);
	free(s);
}

/* ---- all files ---- */

struct placement_foreign {
	struct foreign_file *files;
	uint32_t n;
};

struct placement_foreign *placement_foreign_new(void)
{
	return base_alloc(sizeof(struct placement_foreign));
}

static void forget(struct placement_foreign *all)
{
	while (all->files) {
		struct foreign_file *next = all->files->next;

		free_one(all->files);
		all->files = next;
	}
	all->n = 0;
}

void placement_foreign_free(struct placement_foreign *all)
{
	if (all)
		forget(all);
	free(all);
}

static struct foreign_file *of_file(struct placement_foreign *all, const struct objfile *f)
{
	struct foreign_file *s;

	for (s = all->files; s; s = s->next)
		if (s->dev == f->dev && s->ino == f->ino && s->size == f->size &&
		    s->mtime.tv_sec == f->mtime.tv_sec && s->mtime.tv_nsec == f->mtime.tv_nsec)
			return s;
	if (all->n >= FILES_MAX)
		forget(all);
	s = base_alloc(sizeof(*s));
	s->dev = f->dev;
	s->ino = f->ino;
	s->size = f->size;
	s->mtime = f->mtime;
	s->next = all->files;
	all->files = s;
	all->n++;
	return s;
}

void placement_foreign_find(struct placement_foreign *all, const struct probe_ctx *c,
			    struct objfile *f, struct placement_window *v, size_t n)
{
	struct foreign_file *s = of_file(all, f);
	bool is_all_there = true;

	for (size_t i = 0; i < n; i++)
		is_all_there &= has_func(s, v[i].start, v[i].end);
	if (!is_all_there)
		read_all(s, c, f, v, n);
	for (size_t i = 0; i < n; i++)
		v[i].is_entered = !s->is_known || is_entered(s, &v[i]);
}
