/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which thread a program runs on, as it finds out without asking the kernel, against what the kernel says: threads that come and go in the
 * same memory, threads that have no control block of their own, children of vfork.
 */
#include "blob_room.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/wait.h>

enum { THREADS = 8, GENERATIONS = 100, HITS = 300, DEEP = 40 };

static struct room *r;
static unsigned n_wrong;

static bool make(void)
{
	r = room_make();
	r->own->has_fsgsbase = getauxval(AT_HWCAP2) >> 1 & 1;
	n_wrong = 0;
	return room_load(r, "call bpf_x#14\nexit\n", NULL);
}

static unsigned n_known(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < RT_TIDS; i++)
		n += r->own->threads[i].base_tid != 0;
	return n;
}

static void check_here(void)
{
	uint64_t want = (uint64_t)getpid() << 32 | (uint32_t)syscall(SYS_gettid);

	if (r->run(NULL) != want)
		__atomic_add_fetch(&n_wrong, 1, __ATOMIC_RELAXED);
}

/* on pages of the stack further and further down */
static __attribute__((noinline)) void check_deep(unsigned depth)
{
	volatile char room[3000];

	__asm__ volatile("" : : "r"(room) : "memory"); /* all of it: clang keeps only the bytes that are used */
	room[0] = 1;
	check_here();
	if (depth)
		check_deep(depth - 1);
	room[1] = room[0];
}

static void *check_often(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < HITS; i++)
		check_here();
	check_deep(DEEP);
	return NULL;
}

/* glibc gives the memory of threads that have ended to new ones: the same control block, another tid */
TEST(threads_that_come_and_go)
{
	if (make())
		for (unsigned g = 0; g < GENERATIONS; g++) {
			pthread_t t[THREADS];

			for (unsigned i = 0; i < THREADS; i++)
				CHECK_INT(pthread_create(&t[i], NULL, check_often, NULL), 0);
			for (unsigned i = 0; i < THREADS; i++)
				pthread_join(t[i], NULL);
		}
	CHECK_INT(n_wrong, 0);
	CHECK(!r->own->has_fsgsbase || n_known() > THREADS);
	room_free(r);
}

/* what it is for */
TEST(asks_seldom)
{
	struct timespec a, b;
	uint64_t ns;

	if (make()) {
		r->run(NULL);
		clock_gettime(CLOCK_MONOTONIC, &a);
		for (unsigned i = 0; i < 1000000; i++)
			r->run(NULL);
		clock_gettime(CLOCK_MONOTONIC, &b);
		ns = (uint64_t)((b.tv_sec - a.tv_sec) * 1000000000 + b.tv_nsec - a.tv_nsec);
		printf("# %llu.%03llu ns\n", (unsigned long long)ns / 1000000,
		       (unsigned long long)ns / 1000 % 1000);
		/* the entry of this thread was found again: it is the only one */
		CHECK(!r->own->has_fsgsbase || n_known() == 1);
	}
	room_free(r);
}

/* ---- threads that share a control block ---- */

enum { STACK = 65536 };
static int stop, n_strange;

static int be_strange(void *arg)
{
	/* no function of libc that looks at the control block */
	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		check_here();
		__atomic_add_fetch(&n_strange, 1, __ATOMIC_RELAXED);
	}
	return 0;
}

TEST(threads_without_a_control_block)
{
	const int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_SYSVSEM |
			  CLONE_THREAD | CLONE_CHILD_CLEARTID;
	char *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	static pid_t ended;
	pid_t left;

	ended = 1;
	if (make() && CHECK(clone(be_strange, stack + STACK, flags, NULL, NULL, NULL, &ended) > 0)) {
		while (__atomic_load_n(&n_strange, __ATOMIC_RELAXED) < 20000)
			check_often(NULL);
		__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
		while ((left = __atomic_load_n(&ended, __ATOMIC_RELAXED)))
			syscall(SYS_futex, &ended, FUTEX_WAIT, left, NULL, NULL, 0);
	}
	CHECK_INT(n_wrong, 0);
	munmap(stack, STACK);
	room_free(r);
}

/* a child that runs on its parent's stack until it calls exec is its parent's thread, in any case never a third one */
TEST(children_of_vfork)
{
	uint64_t got, want = (uint64_t)getpid() << 32 | (uint32_t)syscall(SYS_gettid);
	static volatile uint64_t in_child;
	pid_t pid;

	if (make()) {
		check_often(NULL);
		pid = vfork();
		if (!pid) {
			in_child = r->run(NULL);
			_exit(0);
		}
		waitpid(pid, NULL, 0);
		got = in_child;
		CHECK(got == want || got == (want >> 32 << 32 | (uint32_t)pid));
		check_often(NULL);
	}
	CHECK_INT(n_wrong, 0);
	room_free(r);
}

/* a program whose threads the kernel keeps no word for: asked every time, and the search is given up */
static void *forget_word(void *arg)
{
	syscall(SYS_set_tid_address, NULL);
	for (unsigned i = 0; i < 1000; i++)
		check_here();
	/* as pthread_join waits for it */
	syscall(SYS_set_tid_address, arg);
	return NULL;
}

TEST(threads_without_a_word)
{
	pthread_t t;
	uint64_t at = 0;

	if (make()) {
		pthread_create(&t, NULL, check_often, NULL);
		pthread_join(t, NULL);
		at = r->own->thread_offset;
		r->own->thread_offset = 0;
		memset(r->own->threads, 0, sizeof(r->own->threads));
		/* the next thread's control block is the same one's */
		pthread_create(&t, NULL, forget_word, (void *)((uintptr_t)t + at));
		pthread_join(t, NULL);
		CHECK_INT(n_wrong, 0);
		CHECK(!r->own->has_fsgsbase || (at && r->own->n_thread_misses > 60 &&
						r->own->n_thread_misses < 100 && !n_known()));
	}
	room_free(r);
}
