/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A child whose threads call functions all the time, patched and restored over and over: it must not notice, what is counted must be
 * what it counted itself while the patches were in, and its code must be the file's again.
 */
#include "base/cleanup.h"
#include "engine/user/patch.h"
#include "objfile/elf.h"
#include "objfile/symtab.h"
#include "probe/patchable.h"

#include "tap.h"
#include "err_help.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	THREADS = 3,
	TIMEOUT_MS = 2000,
	CODE_BYTES = 8192,
	DATA_BYTES = 4096,
	ROUNDS = 60,
	N_FUNCTIONS = 4
};

/* shared with the child */
struct report {
	atomic_int is_ready, is_paused, n_paused, is_done, is_wrong;
	struct {
		atomic_ulong n;
		char apart[56];
	} calls[THREADS];
};

static struct report *report;
static volatile int table[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };

/* one copy of each, and every call goes there */
#ifdef __clang__
#define NEVER_COPIED __attribute__((noinline))
#else
#define NEVER_COPIED __attribute__((noinline, noclone))
#endif

/* first instructions of different kinds: relative to rip, a branch, a call, arithmetic */
NEVER_COPIED static int by_address(int i)
{
	return table[i & 7] + i;
}
NEVER_COPIED static int by_branch(int i)
{
	if (i & 1)
		return by_address(i) * 3;
	return i ^ 5;
}
NEVER_COPIED static int by_recursion(int i)
{
	int below;

	if (i <= 0)
		return 1;
	below = by_recursion(i - 1);
	__asm__ volatile("" : "+r"(below));
	return below + i;
}
NEVER_COPIED static double by_float(double d, int i)
{
	return d * i + 0.5;
}

static bool round_is_right(int i)
{
	int n = i & 7;

	return by_address(i) == n + 1 + i && by_branch(i) == (i & 1 ? (n + 1 + i) * 3 : (i ^ 5)) &&
	       by_recursion(n) == 1 + n * (n + 1) / 2 && by_float(2.0, n) == 2.0 * n + 0.5;
}

/* calls of the four functions that a round makes */
static unsigned long calls_of(int i)
{
	return 1 + 1 + (unsigned)(i & 1) + (unsigned)(i & 7) + 1 + 1;
}

static void *work(void *arg)
{
	unsigned me = (unsigned)(uintptr_t)arg;

	for (int i = 0; !report->is_done; i++) {
		if (!round_is_right(i))
			report->is_wrong = 1;
		report->calls[me].n += calls_of(i);
		if (report->is_paused) {
			report->n_paused++;
			while (report->is_paused)
				sched_yield();
			report->n_paused--;
		}
		i &= 0xffff;
	}
	return NULL;
}

static void be_a_target(void)
{
	pthread_t t[THREADS];

	for (uintptr_t i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, work, (void *)i);
	report->is_ready = 1;
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	_exit(report->is_wrong ? 1 : 7);
}

/* ---- a target with patches ---- */

struct target {
	pid_t pid;
	struct remote r;
	struct remote_area area;
	int memory;     /* the file that is shared with it */
	uint64_t *view; /* of that, here */
	struct x86 x;
	struct patch v[N_FUNCTIONS];
	bool is_counted; /* out of reach */
};

static void put_count(void *arg, struct x86 *x)
{
	struct target *t = arg;

	t->is_counted &= x86_lock_inc_at(x, t->area.data);
}

/* the file is this program, which the child is a copy of: addresses here are addresses there */
static bool add_patch(struct target *t, struct objfile *f, unsigned k, const void *function)
{
	uint64_t here = (uint64_t)(uintptr_t)function, start;
	struct symtab *symbols = objfile_symtab(f);
	struct patchable p;
	const struct symbol *s;
	extern const char __executable_start[];
	CODE_AUTO c = { 0 };

	start = here - (uint64_t)(uintptr_t)__executable_start + objfile_base_vaddr(f);
	s = symtab_at(symbols, start);
	if (!CHECK(s && patchable_find(f, s->addr, s->size, &p)) || !CHECK(p.len > 0))
		return false;
	t->v[k] = (struct patch){ .site = here + (p.address - s->addr), .len = p.len };
	code_decode(function, s->size, here, &c);
	return check_err(patch_emit(&t->x, &t->v[k], &c, function, put_count, t), "target");
}

static bool start(struct target *t)
{
	const void *functions[] = { (const void *)by_address, (const void *)by_branch,
				    (const void *)by_recursion, (const void *)by_float };
	OBJFILE_AUTO f = NULL;
	const struct remote_area_sizes sizes = { .code = CODE_BYTES, .data = DATA_BYTES };
	uint64_t text = (uint64_t)(uintptr_t)be_a_target;
	bool is_good;

	*t = (struct target){ .is_counted = true };
	t->memory = memfd_create("sonde", MFD_CLOEXEC);
	CHECK(!ftruncate(t->memory, DATA_BYTES));
	t->view = mmap(NULL, DATA_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, t->memory, 0);
	report = mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	fflush(stdout);
	t->pid = fork();
	if (!t->pid)
		be_a_target();
	while (!report->is_ready)
		poll(NULL, 0, 1);
	is_good = check_err(objfile_open("/proc/self/exe", &f), "target") &&
		  check_err(remote_open(t->pid, &t->r), "target") &&
		  check_err(remote_stop_one(&t->r, TIMEOUT_MS), "target") &&
		  check_err(remote_area_make(&t->r, text, text + 65536, &sizes, t->memory, &t->area),
			    "target");
	remote_go(&t->r);
	t->x.base = t->area.code;
	for (unsigned k = 0; is_good && k < N_FUNCTIONS; k++)
		is_good = add_patch(t, f, k, functions[k]);
	return is_good && CHECK(t->is_counted && t->x.code.n < CODE_BYTES) &&
	       CHECK(remote_write(&t->r, t->area.code, t->x.code.p, t->x.code.n));
}

static void finish(struct target *t)
{
	int status = 0;

	report->is_done = 1;
	CHECK_INT(waitpid(t->pid, &status, 0), t->pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	munmap(report, sizeof(*report));
	x86_free(&t->x);
	munmap(t->view, DATA_BYTES);
	close(t->memory);
	remote_close(&t->r);
}

static void pause_all(bool is_paused)
{
	report->is_paused = is_paused;
	while (report->n_paused != (is_paused ? THREADS : 0))
		sched_yield();
}

static unsigned long calls(void)
{
	unsigned long n = 0;

	for (unsigned i = 0; i < THREADS; i++)
		n += report->calls[i].n;
	return n;
}

static bool change(struct target *t, bool is_in, unsigned *n_moved)
{
	struct patch_counts counts;
	bool is_good =
		check_err(remote_stop(&t->r, TIMEOUT_MS), "target") &&
		check_err((is_in ? patch_install : patch_remove)(&t->r, t->v, N_FUNCTIONS, &counts),
			  "target");

	remote_go(&t->r);
	if (!is_good)
		return false;
	*n_moved += counts.n_moved;
	return CHECK_INT(counts.n_installed, N_FUNCTIONS) && CHECK_INT(counts.n_refused, 0);
}

/* what the code is in the child: that of this process, which nobody patched */
static void check_code(struct target *t)
{
	for (unsigned k = 0; k < N_FUNCTIONS; k++) {
		uint8_t there[PATCH_LONGEST];

		CHECK(remote_read(&t->r, t->v[k].site, there, t->v[k].len));
		CHECK(!memcmp(there, (const void *)(uintptr_t)t->v[k].site, t->v[k].len));
	}
}

TEST(counts_are_exact)
{
	unsigned long before, n;
	unsigned n_moved = 0;
	struct target t;

	if (start(&t)) {
		pause_all(true);
		before = calls();
		if (change(&t, true, &n_moved)) {
			pause_all(false);
			poll(NULL, 0, 50);
			pause_all(true);
			n = calls() - before;
			CHECK_INT(*(volatile uint64_t *)t.view, n);
			CHECK(n > 1000);
			printf("# %lu calls counted\n", n);
			change(&t, false, &n_moved);
			check_code(&t);
		}
		pause_all(false);
	}
	finish(&t);
}

TEST(in_and_out_while_it_runs)
{
	unsigned n_moved = 0;
	struct target t;

	if (start(&t))
		for (unsigned i = 0;
		     i < ROUNDS && change(&t, true, &n_moved) && change(&t, false, &n_moved); i++)
			check_code(&t);
	printf("# %u threads stood between displaced instructions\n", n_moved);
	CHECK(*(volatile uint64_t *)t.view > 0);
	finish(&t);
}

TEST(what_others_wrote_stays)
{
	struct patch_counts counts;
	struct target t;
	uint8_t breakpoint = 0xcc, there;

	if (start(&t)) {
		pause_all(true);
		CHECK(remote_write(&t.r, t.v[1].site, &breakpoint, 1));
		if (check_err(remote_stop(&t.r, TIMEOUT_MS), "target") &&
		    check_err(patch_install(&t.r, t.v, N_FUNCTIONS, &counts), "target")) {
			CHECK_INT(counts.n_refused, 1);
			CHECK(!t.v[1].is_installed && t.v[0].is_installed);
			check_err(patch_remove(&t.r, t.v, N_FUNCTIONS, &counts), "target");
		}
		remote_go(&t.r);
		CHECK(remote_read(&t.r, t.v[1].site, &there, 1) && there == breakpoint);
		remote_write(&t.r, t.v[1].site, t.v[1].old, 1);
		check_code(&t);
		pause_all(false);
	}
	finish(&t);
}
