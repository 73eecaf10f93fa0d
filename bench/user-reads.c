/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What ways there are for a process to read its own memory at an address that may not be there, and what each costs; the
 * figures of docs/internals/user-reads.md. Build and run: cc -O2 -o /tmp/user-reads bench/user-reads.c && /tmp/user-reads
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum {
	ROUNDS = 2000,
	TRIES = 300
}; /* the least of many short runs: other programs interrupt long ones */

static char from[8192] __attribute__((aligned(4096))), to[8192];
static int mem_fd, file_fd, pipe_fds[2], bad;
static char *file_view;
static pid_t pid;

static void readv_of(size_t n)
{
	struct iovec local = { to, n }, remote = { from, n };

	bad += process_vm_readv(pid, &local, 1, &remote, 1, 0) != (ssize_t)n;
}

static void by_readv_8(void)
{
	readv_of(8);
}
static void by_readv_64(void)
{
	readv_of(64);
}
static void by_readv_4096(void)
{
	readv_of(4096);
}

static void by_readv_absent(void)
{
	struct iovec local = { to, 8 }, remote = { (void *)8, 8 };

	bad += process_vm_readv(pid, &local, 1, &remote, 1, 0) >= 0;
}

static void by_proc_mem(void)
{
	bad += pread(mem_fd, to, 8, (off_t)(uintptr_t)from) != 8;
}

static void by_pipe(void)
{
	bad += write(pipe_fds[1], from, 8) != 8;
	bad += read(pipe_fds[0], to, 8) != 8;
}

static void by_shared_file(void)
{
	bad += pwrite(file_fd, from, 8, 0) != 8;
}

static void by_epoll_check(void)
{
	/* the event is copied from user memory before the descriptor is looked at */
	bad += syscall(SYS_epoll_ctl, -1, EPOLL_CTL_ADD, -1, from) != -1 || errno != EBADF;
	memcpy(to, from, 8);
	__asm__ volatile("" ::: "memory");
}

static void by_mincore_check(void)
{
	unsigned char there[2];

	bad += mincore(from, 4096, there) != 0;
	memcpy(to, from, 8);
	__asm__ volatile("" ::: "memory");
}

static void by_load(void)
{
	*(volatile uint64_t *)to = *(volatile uint64_t *)from;
}

static void by_gettid(void)
{
	bad += syscall(SYS_gettid) < 0;
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void measure(const char *name, void (*fn)(void))
{
	double best = 1e9;

	for (int t = 0; t < TRIES; t++) {
		uint64_t start = now();
		double ns;

		for (int i = 0; i < ROUNDS; i++)
			fn();
		ns = (double)(now() - start) / ROUNDS;
		best = ns < best ? ns : best;
	}
	printf("%-52s %8.1f ns\n", name, best);
}

int main(void)
{
	pid = getpid();
	mem_fd = open("/proc/self/mem", O_RDONLY);
	file_fd = memfd_create("user-reads", 0);
	memset(from, 1, sizeof(from));
	if (mem_fd < 0 || file_fd < 0 || ftruncate(file_fd, 4096) || pipe(pipe_fds))
		return 1;
	file_view = mmap(NULL, 4096, PROT_READ, MAP_SHARED, file_fd, 0);
	measure("a load", by_load);
	measure("a system call that does nothing (gettid)", by_gettid);
	measure("process_vm_readv on itself, 8 bytes", by_readv_8);
	measure("process_vm_readv on itself, 64 bytes", by_readv_64);
	measure("process_vm_readv on itself, 4096 bytes", by_readv_4096);
	measure("process_vm_readv on itself, address not there", by_readv_absent);
	measure("pread of /proc/self/mem, 8 bytes", by_proc_mem);
	measure("write to a pipe and read from it, 8 bytes", by_pipe);
	measure("pwrite to a shared memory file, 8 bytes", by_shared_file);
	measure("check by epoll_ctl(-1), then a load", by_epoll_check);
	measure("check by mincore, then a load", by_mincore_check);
	if (bad)
		printf("%d went wrong\n", bad);
	return bad != 0 || file_view == MAP_FAILED;
}
