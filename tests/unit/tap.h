/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A unit-test harness in one header: each TEST(name) { ... } of the including file registers itself before
 * main() runs, main() runs them in the order of the file and prints TAP (https://testanything.org) that
 * `meson test` reads. A failed CHECK prints where and what as a "#" line and the test goes on, so that one
 * run shows all that is wrong. An argument picks the tests whose name holds it.
 *
 * Include it once per program, as the last header. It owns main(); it must not be used outside tests/unit.
 */
#ifndef SONDE_TESTS_UNIT_TAP_H
#define SONDE_TESTS_UNIT_TAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* more tests than this in one file is a file to split; the registration says so instead of losing one */
#define TAP_MAX_TESTS 512

struct tap_test {
	const char *name;
	void (*run)(void);
};

static struct tap_test tap_tests[TAP_MAX_TESTS];
static size_t tap_n_tests;
static unsigned tap_failed_checks; /* in the running test */
static const char *tap_skip_reason;

static inline void tap_register(const char *name, void (*run)(void))
{
	if (tap_n_tests < TAP_MAX_TESTS)
		tap_tests[tap_n_tests] = (struct tap_test){ name, run };
	tap_n_tests++;
}

/* gcc runs the constructors of one file from the top to the bottom */
#define TEST(name)                                                         \
	static void test_##name(void);                                     \
	__attribute__((constructor)) static void tap_register_##name(void) \
	{                                                                  \
		tap_register(#name, test_##name);                          \
	}                                                                  \
	static void test_##name(void)

/* end the running test as skipped: what this machine lacks */
#define SKIP(reason)                        \
	do {                                \
		tap_skip_reason = (reason); \
		return;                     \
	} while (0)

static inline bool tap_check(bool ok, const char *file, int line, const char *what)
{
	if (!ok) {
		tap_failed_checks++;
		printf("# %s:%d: not true: %s\n", file, line, what);
	}
	return ok;
}

static inline bool tap_check_int(long long got, long long want, const char *file, int line,
				 const char *what)
{
	if (got != want) {
		tap_failed_checks++;
		printf("# %s:%d: %s: got %lld (0x%llx), want %lld (0x%llx)\n", file, line, what,
		       got, (unsigned long long)got, want, (unsigned long long)want);
	}
	return got == want;
}

/* each line of a text under its own "#", so that a TAP reader never takes it for a result */
static inline void tap_print_text(const char *label, const char *text, size_t n)
{
	size_t from = 0;

	if (!text) {
		printf("#   %s: (null)\n", label);
		return;
	}
	do {
		const char *nl = memchr(text + from, '\n', n - from);
		size_t to = nl ? (size_t)(nl - text) : n;

		printf("#   %s: |%.*s|\n", label, (int)(to - from), text + from);
		from = to + 1;
	} while (from < n);
}

static inline bool tap_check_mem(const char *got, size_t got_n, const char *want, size_t want_n,
				 const char *file, int line, const char *what)
{
	bool ok = (!got && !want) ||
		  (got && want && got_n == want_n && memcmp(got, want, got_n) == 0);

	if (!ok) {
		tap_failed_checks++;
		printf("# %s:%d: %s differs\n", file, line, what);
		tap_print_text("got ", got, got_n);
		tap_print_text("want", want, want_n);
	}
	return ok;
}

static inline size_t tap_strlen(const char *s)
{
	return s ? strlen(s) : 0;
}

static inline bool tap_check_cstr(const char *got, const char *want, const char *file, int line,
				  const char *what)
{
	return tap_check_mem(got, tap_strlen(got), want, tap_strlen(want), file, line, what);
}

/* All of them are true when the check held, so `if (!CHECK(p)) return;` guards what follows. */
#define CHECK(cond) tap_check((cond) ? true : false, __FILE__, __LINE__, #cond)
#define CHECK_INT(got, want) \
	tap_check_int((long long)(got), (long long)(want), __FILE__, __LINE__, #got)
#define CHECK_STR(got, want) tap_check_cstr((got), (want), __FILE__, __LINE__, #got)
/* a struct str (or anything with .p and .n) against a C string */
#define CHECK_VIEW(got, want)                                                     \
	({                                                                        \
		typeof(got) got_ = (got);                                         \
		tap_check_mem(got_.n ? (const char *)got_.p : "", got_.n, (want), \
			      tap_strlen(want), __FILE__, __LINE__, #got);        \
	})
/* a text that must hold another */
#define CHECK_HAS(text, part)                                                            \
	({                                                                               \
		const char *text_ = (text), *part_ = (part);                             \
		bool has_ = tap_check(text_ && strstr(text_, part_), __FILE__, __LINE__, \
				      #text " holds " #part);                            \
		if (!has_) {                                                             \
			tap_print_text("text", text_, tap_strlen(text_));                \
			tap_print_text("part", part_, tap_strlen(part_));                \
		}                                                                        \
		has_;                                                                    \
	})

int main(int argc, char **argv)
{
	size_t failed = 0, ran = 0;

	setvbuf(stdout, NULL, _IOLBF, 0); /* what was printed before a crash is seen */
	if (tap_n_tests > TAP_MAX_TESTS) {
		printf("Bail out! %zu tests, TAP_MAX_TESTS is %d\n", tap_n_tests, TAP_MAX_TESTS);
		return 2;
	}
	for (size_t i = 0; i < tap_n_tests; i++) {
		if (argc > 1 && !strstr(tap_tests[i].name, argv[1]))
			continue;
		tap_failed_checks = 0;
		tap_skip_reason = NULL;
		tap_tests[i].run();
		ran++;
		if (tap_failed_checks) {
			failed++;
			printf("not ok %zu - %s\n", ran, tap_tests[i].name);
		} else if (tap_skip_reason) {
			printf("ok %zu - %s # SKIP %s\n", ran, tap_tests[i].name, tap_skip_reason);
		} else {
			printf("ok %zu - %s\n", ran, tap_tests[i].name);
		}
	}
	printf("1..%zu\n", ran);
	return failed || ran == 0 ? 1 : 0;
}

#endif
