/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Functions, inlined copies, lines and frames from debug information: small programs that count their own calls, compiled here by what
 * compilers there are, compared with how often the addresses that we give are executed.
 */
#include "objfile/debuginfo.h"

#include "debuginfo_help.h"

#include <signal.h>

#include "tap.h"

struct collected {
	struct di_func funcs[64];
	unsigned n;
};

static bool collect(void *arg, const struct di_func *f)
{
	struct collected *c = arg;

	if (c->n < 64)
		c->funcs[c->n++] = *f;
	return true;
}

static struct collected find(struct objfile *f, struct arena *a, const char *pattern,
			     const char *file)
{
	struct collected c = { 0 };
	struct debuginfo *d = NULL;

	err_free(objfile_debuginfo(f, &d));
	if (CHECK(d)) {
		struct err *e = debuginfo_functions(d, str_from(pattern), str_from(file), a,
						    collect, &c);

		if (!CHECK(!e)) {
			printf("# %s\n", e->msg);
			err_free(e);
		}
	}
	return c;
}

/* all entries of all instances */
static unsigned breaks_of(const struct di_func *f, struct help_break *b, unsigned max,
			  bool *is_approximate)
{
	unsigned n = 0;

	*is_approximate = false;
	for (unsigned i = 0; i < f->n_instances; i++) {
		*is_approximate |= f->instances[i].is_approximate;
		for (unsigned k = 0; k < f->instances[i].n_entries && n < max; k++)
			b[n++] = (struct help_break){ .addr = f->instances[i].entries[k] };
	}
	return n;
}

static unsigned hits(const struct help_break *b, unsigned n)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < n; i++)
		sum += b[i].hits;
	return sum;
}

/* ---- inlined copies ---- */

static const char counted_c[] =
	"#include <stdio.h>\n"
	"static long total; static volatile int calls[5];\n"
	"static inline int scale(int x, int by)\n"
	"{\n"
	"	calls[0]++;\n"
	"	if (x & 1)\n"
	"		total += x;\n"
	"	return x * by + 3;\n"
	"}\n"
	"static inline int spin(int n)\n"
	"{\n"
	"	calls[1]++;\n"
	"	while (n > 0)\n"
	"		calls[2] = --n;\n"
	"	return n + calls[2];\n"
	"}\n"
	"static inline int drain(int n)\n"
	"{\n"
	"	while (n > 0)\n"
	"		calls[2] = --n;\n"
	"	return calls[4]++;\n"
	"}\n"
	"static int both(int x)\n"
	"{\n"
	"	calls[3]++;\n"
	"	return scale(x, 2) + spin(x & 3);\n"
	"}\n"
	"int (*keep)(int) = both;\n"
	"__attribute__((noinline)) int work(int *v, int n)\n"
	"{\n"
	"	int r = 0;\n"
	"	for (int i = 0; i < 9; i++)\n"
	"		r ^= scale(v[i % 4], i);\n"
	"	for (int i = 0; i < n; i++)\n"
	"		r += spin(i);\n"
	"	for (int i = 0; i < n; i++)\n"
	"		r += drain(i);\n"
	"	r += scale(n, 7) + both(n);\n"
	"	return r;\n"
	"}\n"
	"int main(int argc, char **argv)\n"
	"{\n"
	"	int v[4] = { 1, 2, 3, argc }, r = work(v, argc + 20) + keep(argc);\n"
	"	calls[2] = r;\n"
	"	printf(\"scale %d spin %d both %d drain %d\\n\", calls[0], calls[1], calls[3], calls[4]);\n"
	"	return 0;\n"
	"}\n";

/* functions whose count differs, and was said to be approximate */
static unsigned n_inexact;

static void check_counts(const char *compiler)
{
	static const char *const names[] = { "scale", "spin", "both", "drain" };
	static const unsigned want[] = { 12, 23, 2, 21 };
	struct objfile *f = help_open("counted");
	struct arena a = { 0 };

	if (!CHECK(f))
		return;
	for (unsigned i = 0; i < 4; i++) {
		struct collected c = find(f, &a, names[i], "");
		struct help_break b[256];
		STRBUF_AUTO out = { 0 };
		bool is_approximate;
		unsigned n;

		if (!CHECK_INT(c.n, 1))
			continue;
		n = breaks_of(&c.funcs[0], b, 256, &is_approximate);
		CHECK(help_run("counted", b, n, &out));
		CHECK_HAS(strbuf_cstr(&out), "scale 12 spin 23 both 2 drain 21");
		n_inexact += hits(b, n) != want[i];
		if (hits(b, n) != want[i] && is_approximate)
			printf("# %s: %s: %u of %u, said to be approximate\n", compiler, names[i],
			       hits(b, n), want[i]);
		else if (!CHECK_INT(hits(b, n), want[i]))
			printf("# %s: %s, %u entries\n", compiler, names[i], n);
	}
	objfile_unref(f);
	arena_free(&a);
}

TEST(inlined_copies_are_counted_as_the_program_counts)
{
	static const char *const compilers[] = { "gcc", "clang-14" };
	static const char *const options[] = { "-O0", "-O1",           "-O2",
					       "-O3", "-O2 -gdwarf-4", "-O3 -gdwarf-4" };
	char command[256];
	unsigned n = 0;

	help_write("counted.c", counted_c);
	for (unsigned c = 0; c < 2; c++) {
		if (!help_has(compilers[c]))
			continue;
		for (unsigned o = 0; o < 6; o++) {
			snprintf(command, sizeof(command),
				 "%s %s -g -fno-pie -no-pie counted.c -o counted", compilers[c],
				 options[o]);
			if (!CHECK(help_sh(command)))
				continue;
			check_counts(command);
			n++;
		}
	}
	if (!n)
		SKIP("no compiler");
	/* gcc -O1: an entry that is the head of its loop; clang -O1: copies that nothing separates */
	CHECK(n_inexact <= 2);
}
