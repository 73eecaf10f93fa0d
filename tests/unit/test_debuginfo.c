/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Functions, inlined copies, lines and frames from debug information: small programs that count their own calls, compiled here by what
 * compilers there are, compared with how often the addresses that we give are executed.
 */
#include "objfile/debuginfo.h"

#include "debuginfo_help.h"

#include "objfile/dwarf_index.h"
#include "objfile/dwarf_private.h"

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

/* gcc's clones: a piece of a function is no entry, a copy with fewer arguments is one */
TEST(pieces_are_no_entries)
{
	struct help_break b[64];
	STRBUF_AUTO out = { 0 };
	struct arena a = { 0 };
	struct collected c;
	struct objfile *f;
	bool is_approximate;
	unsigned n;

	help_write(
		"part.c",
		"#include <stdio.h>\n#include <stdlib.h>\n"
		"static int work(int *p, int n)\n"
		"{\n"
		"	if (!p)\n"
		"		return -1;\n"
		"	for (int i = 0; i < n; i++) { printf(\"%d\\n\", p[i]); p[i] = rand() * p[i]; }\n"
		"	printf(\"%d\\n\", n); puts(\"a\"); puts(\"b\");\n"
		"	return p[0] + n;\n"
		"}\n"
		"static __attribute__((noinline)) int cst(int a, int k) { puts(\"k\"); return a * k; }\n"
		"int f1(int *p) { return work(p, 3) + cst(3, 7); }\n"
		"int f2(int *p) { return work(p, 4); }\n"
		"int f3(int *p) { return work(p, rand()) + cst(4, 7); }\n"
		"int main(int argc, char **argv)\n"
		"{\n"
		"	int v[10] = { argc };\n"
		"	return !(f1(v) + f2(v + 1) + f2(v));\n"
		"}\n");
	if (!help_sh(
		    "gcc -O2 -g -fno-pie -no-pie part.c -o part && nm part | grep work.part && nm part | grep cst.constprop"))
		SKIP("no gcc that makes these clones");
	f = help_open("part");
	c = find(f, &a, "work", "");
	if (CHECK_INT(c.n, 1)) {
		n = breaks_of(&c.funcs[0], b, 64, &is_approximate);
		CHECK(help_run("part", b, n, &out));
		CHECK_INT(hits(b, n), 3);
		for (unsigned i = 0; i < c.funcs[0].n_instances; i++)
			CHECK(c.funcs[0].instances[i].is_inlined);
	}
	c = find(f, &a, "cst", "");
	if (CHECK_INT(c.n, 1))
		CHECK_INT(c.funcs[0].n_instances, 1);
	objfile_unref(f);
	arena_free(&a);
}

/* ---- where it may be ---- */

static void check_found(const char *what, const char *file, bool has_lines)
{
	struct objfile *f = help_open(file);
	struct arena a = { 0 };
	struct debuginfo *d = NULL;
	const struct di_line *rows;
	uint32_t n, nearest;
	struct collected c;

	if (!CHECK(f))
		return;
	err_free(objfile_debuginfo(f, &d));
	if (CHECK(d)) {
		c = find(f, &a, "scale", "");
		if (!CHECK_INT(c.n, 1) || !CHECK(c.funcs[0].n_instances >= 2))
			printf("# %s\n", what);
		c = find(f, &a, "work", "counted.c");
		if (!CHECK_INT(c.n, 1) || !CHECK_INT(c.funcs[0].instances[0].is_inlined, false))
			printf("# %s\n", what);
		c = find(f, &a, "work", "other.c");
		CHECK_INT(c.n, 0);
		CHECK(!debuginfo_lines(d, STR("counted.c"), 8, 0, &a, &rows, &n, &nearest));
		if (has_lines && !CHECK(n >= 2))
			printf("# %s\n", what);
	}
	objfile_unref(f);
	arena_free(&a);
}

TEST(debug_information_is_found_wherever_it_is)
{
	static const struct {
		const char *what, *command, *file;
	} cases[] = {
		{ "zlib", "gcc -O2 -g -gz=zlib counted.c -o p", "p" },
		{ "zlib, old", "gcc -O2 -g -gz=zlib-gnu counted.c -o p", "p" },
		{ "zstd",
		  "gcc -O2 -g counted.c -o q && objcopy --compress-debug-sections=zstd q p && "
		  "readelf -t p | grep ZSTD",
		  "p" },
		{ "debuglink",
		  "gcc -O2 -g counted.c -o p && objcopy --only-keep-debug p p.debug && strip p && "
		  "objcopy --add-gnu-debuglink=p.debug p",
		  "p" },
		{ "debuglink, zstd",
		  "gcc -O2 -g counted.c -o p && objcopy --only-keep-debug p p.debug && "
		  "objcopy --compress-debug-sections=zstd p.debug && strip p && "
		  "objcopy --add-gnu-debuglink=p.debug p",
		  "p" },
		{ "split, 4", "gcc -O2 -gdwarf-4 -gsplit-dwarf -c counted.c -o c.o && gcc c.o -o p",
		  "p" },
		{ "split, 5", "gcc -O2 -gdwarf-5 -gsplit-dwarf -c counted.c -o c.o && gcc c.o -o p",
		  "p" },
		{ "split, clang 4",
		  "clang-14 -O2 -gdwarf-4 -gsplit-dwarf -c counted.c -o c.o && gcc c.o -o p", "p" },
		{ "split, clang 5",
		  "clang-14 -O2 -gdwarf-5 -gsplit-dwarf -c counted.c -o c.o && gcc c.o -o p", "p" },
		{ "package, 4",
		  "gcc -O2 -gdwarf-4 -gsplit-dwarf -c counted.c -o c.o && gcc c.o -o p && "
		  "timeout 10 llvm-dwp-14 -e p -o p.dwp && rm c.dwo",
		  "p" },
		{ "package, clang 4",
		  "clang-14 -O2 -gdwarf-4 -gsplit-dwarf -c counted.c -o c.o && gcc c.o -o p && "
		  "timeout 10 llvm-dwp-14 -e p -o p.dwp && rm c.dwo",
		  "p" },
		{ "package, clang 5, absolute names",
		  "clang-14 -O2 -gdwarf-5 -gsplit-dwarf -c $PWD/counted.c -o $PWD/c.o && gcc c.o -o p && "
		  "timeout 10 llvm-dwp-14 -e p -o p.dwp && rm c.dwo",
		  "p" },
		{ "type units", "gcc -O2 -g -fdebug-types-section counted.c -o p", "p" },
		{ "64-bit DWARF", "gcc -O2 -g -gdwarf64 counted.c -o p", "p" },
		{ "LTO", "gcc -O2 -g -flto counted.c -o p", "p" },
		{ "dwz",
		  "printf 'int other(int a) { return a * 2; }' >other.c && gcc -O2 -g counted.c -c && "
		  "gcc -O2 -g other.c -c && gcc counted.o other.o -o p && gcc counted.o other.o -o q && "
		  "dwz -m pq.dwz p q",
		  "p" },
	};
	unsigned n = 0;

	help_write("counted.c", counted_c);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		help_sh("rm -f p q p.debug p.dwp c.dwo");
		if (!help_sh(cases[i].command)) {
			printf("# cannot be made here: %s\n", cases[i].what);
			continue;
		}
		check_found(cases[i].what, cases[i].file, true);
		n++;
	}
	if (!n)
		SKIP("no compiler");
}

TEST(split_units_that_are_missing_are_named)
{
	struct debuginfo *d = NULL;
	struct arena a = { 0 };
	struct collected c = { 0 };
	struct objfile *f;
	struct err *e;

	help_write("counted.c", counted_c);
	if (!help_sh(
		    "gcc -O2 -gdwarf-5 -gsplit-dwarf -c counted.c -o c.o && gcc c.o -o p && rm c.dwo"))
		SKIP("no gcc");
	f = help_open("p");
	CHECK(!objfile_debuginfo(f, &d));
	e = d ? debuginfo_functions(d, STR("scale"), STR(""), &a, collect, &c) : NULL;
	if (CHECK(e))
		CHECK_HAS(e->msg, "were not found ('c.dwo')");
	err_free(e);
	objfile_unref(f);
	arena_free(&a);
}

TEST(debug_information_comes_from_a_server)
{
	char url[256], cache[256];

	help_write("counted.c", counted_c);
	if (!help_sh("gcc -O2 -g counted.c -o p -Wl,--build-id=0x1234567890 && "
		     "mkdir -p srv/buildid/1234567890 cache && "
		     "objcopy --only-keep-debug p srv/buildid/1234567890/debuginfo && strip p && "
		     "ls /usr/lib/*/libdebuginfod.so.1"))
		SKIP("no gcc or no libdebuginfod");
	snprintf(url, sizeof(url), "file://%s/srv", help_dir());
	snprintf(cache, sizeof(cache), "%s/cache", help_dir());
	setenv("DEBUGINFOD_URLS", url, 1);
	setenv("DEBUGINFOD_CACHE_PATH", cache, 1);
	check_found("debuginfod", "p", true);
	unsetenv("DEBUGINFOD_URLS");
}

TEST(no_debug_information_is_said)
{
	struct debuginfo *d = (void *)1;
	struct objfile *f;

	help_write("counted.c", counted_c);
	if (!help_sh("gcc -O2 counted.c -o bare"))
		SKIP("no gcc");
	f = help_open("bare");
	CHECK(!objfile_debuginfo(f, &d));
	CHECK(!d);
	objfile_unref(f);
}

/* ---- names ---- */

static void check_name(const char *file, const char *pattern, const char *name, const char *plain,
		       unsigned n)
{
	struct objfile *f = help_open(file);
	struct arena a = { 0 };
	struct collected c;

	if (!CHECK(f))
		return;
	c = find(f, &a, pattern, "");
	if (!CHECK_INT(c.n, n))
		printf("# %s\n", pattern);
	for (unsigned i = 0; i < c.n && !n; i++)
		printf("# %.*s\n", STR_ARG(c.funcs[i].name));
	if (n && c.n) {
		/* the order of several is their compiler's */
		bool is_there = false;

		for (unsigned i = 0; i < c.n; i++)
			is_there |= str_is(c.funcs[i].name, name);
		if (!is_there)
			CHECK_VIEW(c.funcs[0].name, name);
		CHECK_VIEW(c.funcs[0].plain, plain);
	}
	objfile_unref(f);
	arena_free(&a);
}

TEST(names_of_cxx)
{
	help_write(
		"n.cc",
		"#include <string>\n#include <cstdio>\n"
		"namespace app { struct Srv { int x; Srv(int v); int handle(int a); int handle(const std::string &s) const;\n"
		" bool operator<(const Srv &o) const; static int count(); };\n"
		"template <typename T> __attribute__((noinline)) T twice(T v) { return v * 2; }\n"
		"__attribute__((noinline)) Srv::Srv(int v) : x(v) {}\n"
		"__attribute__((noinline)) int Srv::handle(int a) { return x + a; }\n"
		"__attribute__((noinline)) int Srv::handle(const std::string &s) const { return x + s.size(); }\n"
		"__attribute__((noinline)) bool Srv::operator<(const Srv &o) const { return x < o.x; }\n"
		"int Srv::count() { return 4; }\n"
		"namespace { __attribute__((noinline)) int hidden(int a) { return a + 2; } } }\n"
		"extern \"C\" int plain_c(int a) { return a; }\n"
		"int main(int argc, char **argv) { app::Srv s(argc), t(3); auto l = [&](int q) { return q + s.x; };\n"
		" printf(\"%d %d %d %f %d %d %d\\n\", s.handle(3), s.handle(argv[0]), app::twice(argc), app::twice(2.5), s < t,"
		" app::hidden(argc), l(2) + plain_c(2)); }\n");
	if (!help_sh("g++ -O1 -g n.cc -o ncc"))
		SKIP("no g++");
	check_name("ncc", "app::Srv::handle(int)", "app::Srv::handle(int)", "app::Srv::handle", 1);
	check_name("ncc", "app::Srv::handle", "app::Srv::handle(int)", "app::Srv::handle", 2);
	check_name("ncc", "app::Srv::handle(std::string const&) const",
		   "app::Srv::handle(std::string const&) const", "app::Srv::handle", 1);
	check_name("ncc", "_ZN3app3Srv6handleEi", "app::Srv::handle(int)", "app::Srv::handle", 1);
	check_name("ncc", "app::twice<int>", "app::twice<int>(int)", "app::twice", 1);
	check_name("ncc", "app::twice", "app::twice<int>(int)", "app::twice", 2);
	check_name("ncc", "app::Srv::operator<", "app::Srv::operator<(app::Srv const&) const",
		   "app::Srv::operator<", 1);
	check_name("ncc", "app::Srv::Srv", "app::Srv::Srv(int)", "app::Srv::Srv", 1);
	/* gcc gives it no linkage name, so its parameters are not known as text */
	check_name("ncc", "app::(anonymous namespace)::hidden",
		   "app::(anonymous namespace)::hidden", "app::(anonymous namespace)::hidden", 1);
	check_name("ncc", "plain_c", "plain_c", "plain_c", 1);
	check_name("ncc", "app::*::handle", "app::Srv::handle(int)", "app::Srv::handle", 2);
	check_name("ncc", "*Srv*hand*", "app::Srv::handle(int)", "app::Srv::handle", 2);
	check_name("ncc", "app::*::hidd*", "app::(anonymous namespace)::hidden",
		   "app::(anonymous namespace)::hidden", 1);
	check_name("ncc", "*::operator<*", "app::Srv::operator<(app::Srv const&) const",
		   "app::Srv::operator<", 1);
	check_name("ncc", "app::nothing", "", "", 0);
	check_name("ncc", "app::noth*", "", "", 0);
}

TEST(names_of_rust)
{
	static const char *const schemes[] = { "", "-C symbol-mangling-version=v0",
					       "-C split-debuginfo=unpacked",
					       "-C split-debuginfo=packed" };
	char command[256];

	help_write(
		"n.rs",
		"mod tc { pub struct Sq(pub u32); pub trait Area { fn area(&self) -> u32; }\n"
		"impl Area for Sq { #[inline(never)] fn area(&self) -> u32 { self.0 * self.0 } }\n"
		"#[inline(never)] pub fn show<T: std::fmt::Display>(t: T) -> String { format!(\"{}\", t) } }\n"
		"use tc::Area;\n"
		"#[inline(never)] fn apply(f: &dyn Fn(u32) -> u32, n: u32) -> u32 { f(n) }\n"
		"fn main() { let n = std::env::args().count() as u32; let c = |x| x + n;\n"
		" println!(\"{} {} {} {}\", tc::Sq(n).area(), tc::show(1u8), tc::show(n), apply(&c, 3)); }\n");
	for (unsigned i = 0; i < 4; i++) {
		snprintf(command, sizeof(command), "rustc -g -O %s n.rs -o nrs", schemes[i]);
		if (!help_sh(command))
			SKIP("no rustc");
		check_name("nrs", "<n::tc::Sq as n::tc::Area>::area",
			   "<n::tc::Sq as n::tc::Area>::area", "<n::tc::Sq as n::tc::Area>::area",
			   1);
		check_name("nrs", "n::tc::show", "n::tc::show<u8>", "n::tc::show", 2);
		check_name("nrs", "n::tc::show<u32>", "n::tc::show<u32>", "n::tc::show", 1);
		check_name("nrs", "n::main", "n::main", "n::main", 1);
		check_name("nrs", "n::tc::sh*", "n::tc::show<u8>", "n::tc::show", 2);
		check_name("nrs", "n::main::{closure#0}", "n::main::{closure#0}",
			   "n::main::{closure#0}", 1);
	}
}

TEST(names_of_go)
{
	struct arena a = { 0 };
	struct collected c;
	struct objfile *f;

	help_write(
		"n.go",
		"package main\nimport \"fmt\"\ntype P struct{ A int }\n"
		"//go:noinline\nfunc (p *P) Set(v int) { p.A = v }\n"
		"//go:noinline\nfunc add[T int | float64](a, b T) T { return a + b }\n"
		"func small(a int) int { return a*3 + 1 }\n"
		"func main() { p := &P{}; p.Set(3); fmt.Println(p.A, add(1, 2), add(1.5, 2.0), small(p.A)) }\n");
	if (!help_sh("PATH=$PATH:/usr/local/go/bin command -v go"))
		SKIP("no go");
	CHECK(help_sh(
		"GOFLAGS= GOCACHE=${GOCACHE:-${HOME:-$PWD}/.cache/go-build} GO111MODULE=off PATH=$PATH:/usr/local/go/bin go build -gcflags=-lang=go1.18 -o ngo n.go"));
	check_name("ngo", "main.(*P).Set", "main.(*P).Set", "main.(*P).Set", 1);
	check_name("ngo", "main.main", "main.main", "main.main", 1);
	check_name("ngo", "main.small", "main.small", "main.small", 1);
	f = help_open("ngo");
	c = find(f, &a, "main.small", "n.go");
	if (CHECK_INT(c.n, 1)) {
		CHECK(c.funcs[0].n_instances == 1 && c.funcs[0].instances[0].is_inlined);
		CHECK_VIEW(c.funcs[0].instances[0].caller, "main.main");
	}
	objfile_unref(f);
	arena_free(&a);
	check_name("ngo", "main.add[...]", "main.add[float64]", "main.add", 2);
}

/* ---- addresses and lines ---- */

TEST(frames_and_functions_by_address)
{
	struct arena a = { 0 };
	struct debuginfo *d = NULL;
	const struct di_frame *frames;
	const struct di_line *rows;
	struct collected c;
	struct di_func func;
	struct objfile *f;
	uint32_t n, nearest;
	bool found;

	help_write("counted.c", counted_c);
	if (!help_sh("gcc -O2 -g counted.c -o counted"))
		SKIP("no gcc");
	f = help_open("counted");
	CHECK(!objfile_debuginfo(f, &d));
	c = find(f, &a, "scale", "");
	for (unsigned i = 0; c.n && i < c.funcs[0].n_instances; i++) {
		const struct di_instance *in = &c.funcs[0].instances[i];

		CHECK(!debuginfo_frames(d, in->entries[0], &a, &frames, &n));
		if (!CHECK(n >= 2))
			continue;
		CHECK_VIEW(frames[0].func, "scale");
		CHECK(frames[0].is_inlined && frames[0].line >= 5 && frames[0].line <= 8);
		CHECK(str_eq(frames[1].func, in->caller));
		CHECK_INT(frames[1].line, in->call_line);
		CHECK(!frames[n - 1].is_inlined);
		CHECK(str_ends(frames[n - 1].file, STR("/counted.c")));
		CHECK(!debuginfo_function_at(d, in->entries[0], &a, &func, &found));
		CHECK(found && str_eq(func.name, frames[n - 1].func));
		CHECK_INT(func.instances[0].entries[0], in->outer_entry);
	}
	CHECK(!debuginfo_function_at(d, 1, &a, &func, &found));
	CHECK(!found);
	CHECK(!debuginfo_frames(d, 1, &a, &frames, &n));
	CHECK_INT(n, 0);
	/* a line without code, and the one after it */
	CHECK(!debuginfo_lines(d, STR("counted.c"), 1, 0, &a, &rows, &n, &nearest));
	CHECK(n == 0 && nearest >= 3 && nearest <= 5);
	CHECK(!debuginfo_lines(d, STR("nowhere.c"), 1, 0, &a, &rows, &n, &nearest));
	CHECK(n == 0 && nearest == 0);
	c = find(f, &a, "work", "");
	if (CHECK_INT(c.n, 1)) {
		const struct di_range *r = &c.funcs[0].instances[0].ranges[0];

		CHECK(!debuginfo_rows(d, r->start, r->end, &a, &rows, &n));
		CHECK(n > 5);
		for (uint32_t i = 0; i < n; i++)
			CHECK(rows[i].addr >= r->start && rows[i].addr < r->end &&
			      (!i || rows[i].addr >= rows[i - 1].addr));
	}
	objfile_unref(f);
	arena_free(&a);
}

TEST(lines_are_entered_as_often_as_they_run)
{
	static const struct {
		unsigned line, want;
	} cases[] = { { 5, 12 }, { 12, 23 }, { 15, 23 }, { 19, 0 }, { 25, 2 } };
	struct debuginfo *d = NULL;
	struct arena a = { 0 };
	struct objfile *f;

	help_write("counted.c", counted_c);
	if (!help_sh("gcc -O0 -g -fno-pie -no-pie counted.c -o counted"))
		SKIP("no gcc");
	f = help_open("counted");
	CHECK(!objfile_debuginfo(f, &d));
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct di_line *rows;
		struct help_break b[64];
		STRBUF_AUTO out = { 0 };
		uint32_t n = 0, nearest;

		CHECK(!debuginfo_lines(d, STR("counted.c"), cases[i].line, 0, &a, &rows, &n,
				       &nearest));
		for (uint32_t k = 0; k < n && k < 64; k++)
			b[k] = (struct help_break){ .addr = rows[k].addr };
		CHECK(help_run("counted", b, n, &out));
		if (cases[i].want && !CHECK_INT(hits(b, n), cases[i].want))
			printf("# line %u, %u places\n", cases[i].line, n);
	}
	objfile_unref(f);
	arena_free(&a);
}

/* ---- what is wrong with it ---- */

TEST(a_dead_reader_is_an_error_that_names_the_file)
{
	struct arena a = { 0 };
	struct debuginfo *d = NULL;
	struct collected c = { 0 };
	struct objfile *f;
	struct err *e;

	help_write("counted.c", counted_c);
	if (!help_sh("gcc -O2 -g counted.c -o counted"))
		SKIP("no gcc");
	f = help_open("counted");
	CHECK(!objfile_debuginfo(f, &d));
	find(f, &a, "scale", "");
	CHECK(d->worker > 0);
	kill(d->worker, SIGSEGV);
	for (int i = 0; i < 2; i++) {
		e = debuginfo_functions(d, STR("main"), STR(""), &a, collect, &c);
		if (CHECK(e)) {
			CHECK_HAS(e->msg, "counted' is malformed: its reader was ended by SIGSEGV");
			err_free(e);
		}
	}
	CHECK_INT(d->worker, 0);
	objfile_unref(f);
	arena_free(&a);
}

/* bytes of the debug sections are changed: any answer or error will do, in time, and nothing of ours may break */
static void ask_all(struct objfile *f)
{
	struct arena a = { 0 };
	struct debuginfo *d = NULL;
	struct collected c = { 0 };
	const struct di_line *rows;
	const struct di_frame *frames;
	uint32_t n, nearest;

	err_free(objfile_debuginfo(f, &d));
	if (d) {
		err_free(debuginfo_functions(d, STR("*"), STR(""), &a, collect, &c));
		err_free(debuginfo_functions(d, STR("scale"), STR(""), &a, collect, &c));
		err_free(debuginfo_lines(d, STR("counted.c"), 8, 0, &a, &rows, &n, &nearest));
		err_free(debuginfo_frames(d, f->entry + 0x100, &a, &frames, &n));
	}
	arena_free(&a);
}

TEST(malformed_debug_information)
{
	char path[256], out[256];
	STRBUF_AUTO bytes = { 0 };
	uint32_t seed = 12345;
	struct objfile *f;
	FILE *in;
	int ch;

	help_write("counted.c", counted_c);
	if (!help_sh("gcc -O2 -g counted.c -o counted"))
		SKIP("no gcc");
	snprintf(path, sizeof(path), "%s/counted", help_dir());
	snprintf(out, sizeof(out), "%s/broken", help_dir());
	in = fopen(path, "r");
	while (in && (ch = fgetc(in)) != EOF)
		strbuf_putc(&bytes, (char)ch);
	if (in)
		fclose(in);
	f = help_open("counted");
	for (unsigned round = 0; round < 60; round++) {
		struct objfile *broken = NULL;
		STRBUF_AUTO changed = { 0 };
		FILE *to = fopen(out, "w");

		strbuf_add(&changed, bytes.p, bytes.n);
		for (uint32_t i = 1; i < f->n_sections; i++) {
			const struct objfile_section *s = &f->sections[i];

			if (!str_starts(s->name, STR(".debug_")) || !s->size)
				continue;
			for (unsigned k = 0; k < 1 + round / 8; k++) {
				seed = seed * 1664525 + 1013904223;
				changed.p[s->offset + seed % s->size] = (char)(seed >> 24);
			}
		}
		if (CHECK(to)) {
			fwrite(changed.p, 1, changed.n, to);
			fclose(to);
		}
		err_free(objfile_open(out, &broken));
		if (CHECK(broken))
			ask_all(broken);
		objfile_unref(broken);
	}
	objfile_unref(f);
}

/* ---- the index on disk ---- */

/* the answer to "which functions fit" in this process, with an index however small the file is */
static bool ask_here(const char *file, const char *pattern, struct arena *a, struct di_func **funcs,
		     uint32_t *n, bool *was_on_disk)
{
	struct objfile *f = help_open(file);
	struct dwarf_file *d = NULL;
	const struct dwarf_index *x;
	struct wire_out question = { 0 }, answer = { 0 };
	struct wire_in in, out;
	struct err *e;
	bool ok = false;

	*n = 0;
	e = f ? dwfile_open(f, f, &d) : NULL;
	if (d) {
		d->index_min = 0;
		err_free(index_get(d, &x));
		*was_on_disk = x->map != NULL;
		wire_put_str(&question, str_from(pattern));
		wire_put_str(&question, STR(""));
		in = wire_in_make(question.b.p, question.b.n);
		e = dwfile_answer(d, DWARF_FUNCTIONS, &in, &answer);
		out = wire_in_make(answer.b.p, answer.b.n);
		ok = !e && debuginfo_read_funcs(&out, a, funcs, n);
	}
	err_free(e);
	wire_out_free(&question);
	wire_out_free(&answer);
	dwfile_close(d);
	objfile_unref(f);
	return ok;
}

TEST(the_index_is_kept_and_never_believed)
{
	struct arena a = { 0 };
	char dir[256], command[512];
	struct di_func *funcs;
	STRBUF_AUTO path = { 0 };
	uint32_t n, n_first, seed = 99;
	bool on_disk;

	help_write("counted.c", counted_c);
	if (!help_sh(
		    "gcc -O2 -g counted.c -o counted -Wl,--build-id=0xabcdef0123 && mkdir ix && chmod 700 ix"))
		SKIP("no gcc");
	snprintf(dir, sizeof(dir), "%s/ix", help_dir());
	setenv("SONDE_INDEX", dir, 1);
	CHECK(ask_here("counted", "scale", &a, &funcs, &n, &on_disk));
	CHECK(!on_disk);
	n_first = n ? funcs[0].n_instances : 0;
	CHECK(n == 1 && n_first > 1);
	CHECK(help_sh("ls ix/abcdef0123.index"));
	CHECK(ask_here("counted", "scale", &a, &funcs, &n, &on_disk));
	CHECK(on_disk);
	CHECK(n == 1 && funcs[0].n_instances == n_first);
	/* any bytes of it, but those that say which file it is for */
	CHECK(help_sh("cp ix/abcdef0123.index whole"));
	for (unsigned round = 0; round < 200; round++) {
		FILE *f;

		snprintf(command, sizeof(command), "cp whole ix/abcdef0123.index");
		CHECK(help_sh(command));
		strbuf_clear(&path);
		strbuf_printf(&path, "%s/abcdef0123.index", dir);
		f = fopen(strbuf_cstr(&path), "r+");
		for (unsigned k = 0; f && k < 1 + round / 10; k++) {
			fseek(f, 0, SEEK_END);
			seed = seed * 1664525 + 1013904223;
			fseek(f, 88 + (seed >> 4) % (ftell(f) - 88), SEEK_SET);
			fputc((int)(seed >> 24), f);
		}
		if (f)
			fclose(f);
		ask_here("counted", round % 2 ? "scale" : "*", &a, &funcs, &n, &on_disk);
		for (uint32_t i = 0; i < n && round % 2; i++)
			CHECK_VIEW(funcs[i].name, "scale");
	}
	/* a part of it, and a folder into which others may write: as if there were none */
	CHECK(help_sh("head -c 500 whole >ix/abcdef0123.index"));
	CHECK(ask_here("counted", "scale", &a, &funcs, &n, &on_disk));
	CHECK(!on_disk && n == 1);
	CHECK(help_sh("cp whole ix/abcdef0123.index && chmod 777 ix"));
	CHECK(ask_here("counted", "scale", &a, &funcs, &n, &on_disk));
	CHECK(!on_disk && n == 1);
	setenv("SONDE_INDEX", "", 1);
	arena_free(&a);
}
