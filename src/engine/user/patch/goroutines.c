/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which goroutines stand where; see goroutines.h. A goroutine that is preempted by a signal returns, when it is its turn again, to the
 * instruction at which it was: that address is on its stack, near the stack pointer that the runtime has kept (runtime.g.sched), or
 * near that of the thread that runs it, or in the frame of the signal that is just being handled. Words there that are addresses in the middle of a
 * future jump are taken for such, though they may be older: then the jump is written some milliseconds later.
 *
 * The list of goroutines (runtime.allgs) is the program's: whatever it holds, reads are bounded and fail softly.
 */
#include "engine/user/patch/goroutines.h"

#include "base/cleanup.h"
#include "objfile/go_runtime.h"

#include <stdlib.h>

enum {
	G_BYTES = GO_G_SCHED_SP + 8,
	/* what asyncPreempt saves is some 400 bytes (Go 1.14 to 1.26) */
	FRAME_BYTES = 4096,
	/* above a thread's rsp: the signal's frame is within that. Go's signal stacks have 32 KB */
	SIGNAL_BYTES = 32768,
	PAGE = 4096,
	/* words of struct rt_sigframe, from that of the segments on backwards */
	WORDS_TO_IP = 2,
	WORDS_TO_SP = 3,
};
#define SEGMENTS 0x002b000000000033ull /* cs and ss of a 64-bit program, gs and fs 0 */
#define MOST_GOROUTINES (1ull << 24)

struct inner {
	uint64_t address;
	struct patch *patch;
};

struct look {
	const struct remote *r;
	VEC(struct inner) inner; /* by address */
	VEC(uint64_t) pointers;  /* stack pointers of threads, and of what signals interrupted */
};

static int by_address(const void *a, const void *b)
{
	const struct inner *x = a, *y = b;

	return x->address < y->address ? -1 : x->address > y->address;
}

static void see_word(struct look *l, uint64_t word)
{
	size_t low = 0, high = l->inner.n;

	if (word < l->inner.v[0].address || word > l->inner.v[high - 1].address)
		return;
	while (low < high) {
		size_t middle = (low + high) / 2;

		if (l->inner.v[middle].address < word)
			low = middle + 1;
		else
			high = middle;
	}
	if (l->inner.v[low].address == word)
		l->inner.v[low].patch->is_parked = true;
}

/* bytes of memory from `at` on, up to `max`, by pages: how many there are */
static size_t read_some(const struct remote *r, uint64_t at, void *bytes, size_t max)
{
	size_t n = 0;

	while (n < max) {
		size_t rest = PAGE - (at + n) % PAGE, want = max - n < rest ? max - n : rest;

		if (!remote_read(r, at + n, (char *)bytes + n, want))
			break;
		n += want;
	}
	return n;
}

/* where a goroutine returns to from asyncPreempt is among these */
static void see_stack(struct look *l, uint64_t sp, uint64_t end)
{
	uint64_t words[FRAME_BYTES / 8];
	size_t n = read_some(l->r, sp, words, end - sp < sizeof(words) ? end - sp : sizeof(words));

	for (size_t i = 0; i < n / 8; i++)
		see_word(l, words[i]);
}

/* a thread's own pointer, and those in frames of signals above it */
static void see_thread(struct look *l, const struct remote_thread *t)
{
	FREE_AUTO uint64_t *words = base_alloc(SIGNAL_BYTES);
	size_t n = read_some(l->r, t->regs.rsp & ~7ull, words, SIGNAL_BYTES) / 8;

	vec_push(&l->pointers, t->regs.rsp & ~7ull);
	for (size_t i = WORDS_TO_SP; i < n; i++) {
		if (words[i] != SEGMENTS)
			continue;
		see_word(l, words[i - WORDS_TO_IP]);
		/* the handler may have pushed there already, and not said so yet */
		vec_push(&l->pointers, (words[i - WORDS_TO_SP] & ~7ull) - 8);
	}
}

static void see_goroutine(struct look *l, uint64_t g)
{
	uint64_t words[G_BYTES / 8], low, high, sp;
	bool is_running = false;

	if (!remote_read(l->r, g, words, sizeof(words)))
		return;
	low = words[GO_G_STACK_LO / 8];
	high = words[GO_G_STACK_HI / 8];
	sp = words[GO_G_SCHED_SP / 8];
	vec_each(p, &l->pointers)
		if (*p >= low && *p < high) {
			see_stack(l, *p, high);
			is_running = true;
		}
	if (!is_running && sp >= low && sp < high && sp % 8 == 0)
		see_stack(l, sp, high);
}

/* false: there is no list */
static bool see_all(struct look *l, uint64_t allgs)
{
	uint64_t slice[3], chunk[512];

	if (!allgs || !remote_read(l->r, allgs, slice, sizeof(slice)) || slice[1] > slice[2] ||
	    slice[1] > MOST_GOROUTINES)
		return false;
	for (uint64_t i = 0; i < slice[1];) {
		uint64_t n = slice[1] - i < 512 ? slice[1] - i : 512;

		if (!remote_read(l->r, slice[0] + 8 * i, chunk, 8 * n))
			return false;
		for (uint64_t k = 0; k < n; k++)
			see_goroutine(l, chunk[k]);
		i += n;
	}
	return true;
}

static void add_inner(struct look *l, struct patch *p)
{
	p->is_parked = false;
	/* behind the jump the file's bytes stay */
	for (unsigned k = 0; k < p->n_insns; k++)
		if (p->offsets[k] && p->offsets[k] < PATCH_JUMP)
			vec_push(&l->inner, ((struct inner){ p->site + p->offsets[k], p }));
}

/* entry and returns of a function go together */
static void spread(struct patch *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; v[i].is_parked && k < n; k++)
			if (v[k].is_go && !v[k].is_installed && v[k].function == v[i].function)
				v[k].is_parked = true;
}

void goroutines_mark(const struct remote *r, struct patch *v, size_t n)
{
	struct look l = { .r = r };
	uint64_t seen = 0;

	for (size_t i = 0; i < n; i++)
		if (v[i].is_go && !v[i].is_installed)
			add_inner(&l, &v[i]);
	if (l.inner.n)
		qsort(l.inner.v, l.inner.n, sizeof(*l.inner.v), by_address);
	if (l.inner.n)
		vec_each(t, &r->threads)
			if (t->tid)
				see_thread(&l, t);
	vec_each(i, &l.inner) {
		/* mostly there is one runtime */
		if (i->patch->allgs && i->patch->allgs == seen)
			continue;
		seen = i->patch->allgs;
		if (!see_all(&l, seen))
			i->patch->is_parked = true;
	}
	spread(v, n);
	vec_free(&l.inner);
	vec_free(&l.pointers);
}
