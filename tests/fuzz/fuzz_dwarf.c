/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzer of what we read of debug information ourselves: the quick walk over .debug_info, and the answers of the reader
 * process. The first byte picks one; a walk's sections follow each other, their sizes in front. (libdw is not ours to
 * fuzz; it runs in a process of its own because it may crash.)
 */
#include "objfile/dwarf_private.h"
#include "objfile/dwarf_walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct totals {
	uint64_t funcs, scopes, last;
};

static void count_func(void *arg, const struct walk_unit *u, const struct walk_func *f)
{
	struct totals *t = arg;

	t->funcs++;
	if (f->die < u->start || f->die >= u->end)
		__builtin_trap();
}

static void count_scope(void *arg, uint64_t die, uint64_t parent)
{
	struct totals *t = arg;

	t->scopes++;
	/* told in order, each after what contains it */
	if (parent >= die || (t->last && die <= t->last))
		__builtin_trap();
	t->last = die;
}

static struct bytes cut(struct bytes *b)
{
	size_t n = bytes_u16(b);
	const uint8_t *p = bytes_take(b, n);

	return p ? bytes_make(p, n) : bytes_make("", 0);
}

static void walk(struct bytes b)
{
	struct walk_file w = { .is_split = bytes_u8(&b) & 1 };
	struct totals t = { 0 };
	struct walk_visitor v = { &t, count_func, count_scope };
	struct walk_unit u;
	uint64_t pos = 0, last = 0;

	w.info = cut(&b);
	w.abbrev = cut(&b);
	w.str_offsets = cut(&b);
	while (walk_next_unit(&w, &pos, &u)) {
		if (pos <= last)
			__builtin_trap();
		last = pos;
		walk_unit(&w, &u, &v);
	}
	if (t.funcs > w.info.n || t.scopes > w.info.n)
		__builtin_trap();
	walk_close(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes b = bytes_make(data, size);
	struct arena a = { 0 };

	if (bytes_u8(&b) & 1) {
		struct wire_in in = wire_in_make(b.p + b.pos, bytes_left(&b));
		struct di_func *funcs;
		uint32_t n;

		if (debuginfo_read_funcs(&in, &a, &funcs, &n))
			for (uint32_t i = 0; i < n; i++)
				for (uint32_t k = 0; k < funcs[i].n_instances; k++)
					if (!funcs[i].instances[k].n_entries)
						__builtin_trap();
	} else {
		walk(b);
	}
	arena_free(&a);
	return 0;
}
