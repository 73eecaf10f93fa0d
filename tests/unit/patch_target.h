/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests: a child whose threads call functions all the time and check what these return, and patches for these functions that count
 * into memory that is shared with the child. It ends with status 7 when all answers were right. Needs tap.h and
 * err_help.h before it.
 */
#ifndef SONDE_TESTS_UNIT_PATCH_TARGET_H
#define SONDE_TESTS_UNIT_PATCH_TARGET_H

#include "base/cleanup.h"
#include "engine/user/patch/patch.h"
#include "objfile/elf.h"
#include "objfile/symtab.h"
#include "probe/patchable.h"

#include "never_copied.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	WAIT_MS = 20000,
	THREADS = 4,
	TIMEOUT_MS = 2000,
	CODE_BYTES = 8192,
	TABLE_BYTES = 1024, /* at their beginning */
	DATA_BYTES = 4096,
	N_FUNCTIONS = 4
};

/* shared with the child */
struct report {
	atomic_int is_ready, is_paused, n_paused, is_done, is_wrong, wants_child, child;
	atomic_ulong n_of_child;
	struct {
		atomic_ulong n;
		char apart[56];
	} calls[THREADS];
};

static struct report *report;
/* first instructions of different kinds: those of never_copied.h, a branch, arithmetic */
NEVER_COPIED static int by_branch(int i)
{
	if (i & 1)
		return by_address(i) * 3;
	return i ^ 5;
}
NEVER_COPIED static double by_float(double d, int i)
{
	return d * i + 0.5;
}

static inline bool round_is_right(int i)
{
	int n = i & 7;

	return by_address(i) == n + 1 + i && by_branch(i) == (i & 1 ? (n + 1 + i) * 3 : (i ^ 5)) &&
	       by_recursion(n) == 1 + n * (n + 1) / 2 && by_float(2.0, n) == 2.0 * n + 0.5;
}

/* calls of the four functions that a round makes */
static inline unsigned long calls_of(int i)
{
	return 1 + 1 + (unsigned)(i & 1) + (unsigned)(i & 7) + 1 + 1;
}

static inline void *work(void *arg)
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

/* the first thread forks when it is asked to; the child calls the functions as well, until all is done */
static inline void fork_when_asked(void)
{
	pid_t pid;

	if (report->child || !report->wants_child)
		return;
	pid = fork();
	report->child = pid ? pid : getpid();
	if (pid)
		return;
	for (int i = 0; !report->is_done; i = (i + 1) & 0xffff) {
		if (!round_is_right(i))
			report->is_wrong = 1;
		report->n_of_child++;
	}
	_exit(0);
}

__attribute__((noreturn)) static inline void be_a_target(void)
{
	pthread_t t;

	(void)!nice(5); /* it is busy all the time; who looks at it comes first */
	for (uintptr_t i = 0; i < THREADS; i++)
		pthread_create(&t, NULL, work, (void *)i);
	report->is_ready = 1;
	while (!report->is_done) {
		fork_when_asked();
		poll(NULL, 0, 1);
	}
	if (report->child)
		waitpid(report->child, NULL, 0);
	_exit(report->is_wrong ? 1 : 7);
}

/* ---- a target with patches ---- */

struct target {
	pid_t pid;
	struct remote r;
	struct remote_area area;
	int memory;     /* the file that is shared with it */
	uint64_t *view; /* of that, here: its first word counts calls */
	struct x86 x;
	struct patch v[N_FUNCTIONS];
	const void *functions[N_FUNCTIONS];
	struct symbol symbols[N_FUNCTIONS];
	bool is_counted; /* out of reach */
};

static inline void put_count(void *arg, struct x86 *x)
{
	struct target *t = arg;

	t->is_counted &= x86_lock_inc_at(x, t->area.data);
}

/* the file is this program, which the child is a copy of: addresses here are addresses there */
static inline bool target_find(struct target *t, struct objfile *f, unsigned k)
{
	extern const char __executable_start[];
	uint64_t here = (uint64_t)(uintptr_t)t->functions[k];
	uint64_t start = here - (uint64_t)(uintptr_t)__executable_start + objfile_base_vaddr(f);
	const struct symbol *s = symtab_at(objfile_symtab(f), start);
	struct patchable p;

	if (!CHECK(s && patchable_find(f, s->addr, s->size, &p)) || !CHECK(p.len > 0))
		return false;
	t->symbols[k] = *s;
	t->v[k] = (struct patch){ .site = here + (p.address - s->addr), .len = p.len };
	return true;
}

/* starts it; what can be known without asking it is known then */
static inline bool target_start(struct target *t)
{
	OBJFILE_AUTO f = NULL;
	bool is_good;

	*t = (struct target){ .is_counted = true,
			      .r.mem_fd = -1,
			      .functions = { (const void *)by_address, (const void *)by_branch,
					     (const void *)by_recursion, (const void *)by_float } };
	report = mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	t->memory = memfd_create("sonde", MFD_CLOEXEC);
	CHECK(!ftruncate(t->memory, DATA_BYTES));
	t->view = mmap(NULL, DATA_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, t->memory, 0);
	fflush(stdout);
	t->pid = fork();
	if (!t->pid)
		be_a_target();
	while (!report->is_ready)
		poll(NULL, 0, 1);
	is_good = check_err(objfile_open("/proc/self/exe", &f), "target");
	for (unsigned k = 0; is_good && k < N_FUNCTIONS; k++)
		is_good = target_find(t, f, k);
	return is_good;
}

static inline struct err *target_emit(struct target *t)
{
	for (unsigned k = 0; k < N_FUNCTIONS; k++) {
		uint64_t here = (uint64_t)(uintptr_t)t->functions[k];
		struct err *e;
		CODE_AUTO c = { 0 };

		code_decode(t->functions[k], t->symbols[k].size, here, &c);
		e = patch_emit(&t->x, &t->v[k], &c, t->functions[k], put_count, t);
		if (e)
			return e;
	}
	if (!t->is_counted || t->x.code.n > CODE_BYTES - TABLE_BYTES)
		return err_new(ERANGE, "the code of the patches");
	return remote_write(&t->r, t->x.base, t->x.code.p, t->x.code.n)
		       ? NULL
		       : err_new(errno, "write the code of the patches");
}

/* memory and code of ours in it; nothing is patched yet */
static inline struct err *target_prepare(struct target *t)
{
	const struct remote_area_sizes sizes = { .code = CODE_BYTES, .data = DATA_BYTES };
	uint64_t text = (uint64_t)(uintptr_t)be_a_target;
	struct err *e = remote_open(t->pid, &t->r);

	if (!e)
		e = remote_stop_one(&t->r, TIMEOUT_MS);
	if (!e)
		e = remote_area_make(&t->r, text, text + 65536, &sizes, t->memory, &t->area);
	remote_go(&t->r);
	t->x.base = t->area.code + TABLE_BYTES;
	return e ? e : target_emit(t);
}

static inline void target_finish(struct target *t)
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

static inline void pause_all(bool is_paused)
{
	report->is_paused = is_paused;
	while (report->n_paused != (is_paused ? THREADS : 0))
		sched_yield();
}

static inline unsigned long calls(void)
{
	unsigned long n = 0;

	for (unsigned i = 0; i < THREADS; i++)
		n += report->calls[i].n;
	return n;
}

/* ---- waiting ---- */

static inline bool comes(bool (*is_there)(void *arg), void *arg)
{
	for (unsigned ms = 0; ms < WAIT_MS; ms++) {
		if (is_there(arg))
			return true;
		poll(NULL, 0, 1);
	}
	return CHECK(!"it did not come in time");
}

static inline bool has_called(void *arg)
{
	return calls() > *(unsigned long *)arg;
}

/* it works: all of that is checked by the program itself */
static inline void check_goes_on(void)
{
	unsigned long more = calls() + 1000;

	comes(has_called, &more);
	CHECK_INT(report->is_wrong, 0);
}

/* functions whose code in a process is not that of this process, which nobody patched */
static inline unsigned changed_in(const struct target *t, pid_t pid)
{
	uint8_t there[PATCH_LONGEST];
	unsigned n = 0;
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	fd = open(path, O_RDONLY);
	if (!CHECK(fd >= 0))
		return 0;
	for (unsigned k = 0; k < N_FUNCTIONS; k++) {
		const struct patch *p = &t->v[k];

		CHECK_INT(pread(fd, there, p->len, (off_t)p->site), p->len);
		n += memcmp(there, (const void *)(uintptr_t)p->site, p->len) != 0;
	}
	close(fd);
	return n;
}

#endif
