/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Traced program: makes itself hard to trace, in the ways that its arguments name, says "ready", and does what it reads, a letter each:
 *   g  calls hit() CALLS times with a text, in threads if it has some, and says "hits N"
 *   f  a seccomp filter that kills it for calls that a tracer may want (the way "filter" sets it before ready), and says "filtered"
 *   e  ends
 * hardships [WAY...], where a WAY is filter, permissive, strict, mdwe, undumpable, full, locked, threads=N, headless, forks, execs=N
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define KEEP __attribute__((noinline, noclone, used))

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#endif

enum { CALLS = 1000, MOST_THREADS = 2000, STACK = 65536 };

static volatile long sink;
static unsigned n_threads, n_execs;
static char **own_argv;
static volatile int is_ended;

KEEP long hit(const char *text, long i)
{
	sink = i + text[0];
	return sink;
}

KEEP void leave(long i)
{
	sink = i ^ 5;
}

/* functions that have no room for a jump, more of them than a tracer names; what comes behind the last one is another's */
__asm__(".irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9\n"
	".type tiny_\\n, @function\n"
	"tiny_\\n: lea \\n(%rdi), %eax; ret\n"
	".size tiny_\\n, . - tiny_\\n\n"
	".endr\n"
	".type wide, @function\n"
	"wide: lea 0x1000(%rdi), %eax; ret\n"
	".size wide, . - wide\n");

/* no library: in strict mode nothing else is allowed */
static void say(const char *text)
{
	(void)!write(1, text, strlen(text));
}

static void *call(void *arg)
{
	for (long i = 0; i < CALLS; i++) {
		hit("a text that is read by a tracer", i);
		leave(i);
	}
	return arg;
}

static void *wait_for_end(void *arg)
{
	while (!is_ended)
		usleep(10000);
	return arg;
}

static void check(int failed, const char *what)
{
	if (failed) {
		perror(what);
		_exit(3);
	}
}

/* what injection and reads of memory could use, and the program does not */
static void filter(void)
{
#define KILL(nr)                                       \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1), \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		KILL(SYS_mmap),
		KILL(SYS_munmap),
		KILL(SYS_madvise),
		KILL(SYS_socketpair),
		KILL(SYS_recvmsg),
		KILL(SYS_memfd_create),
		KILL(SYS_process_vm_readv),
		KILL(SYS_gettid),
		KILL(SYS_prctl),
		KILL(SYS_getuid),
		KILL(SYS_getgid),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = sizeof(code) / sizeof(*code), .filter = code };

	check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
	check((int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC,
			   &program),
	      "seccomp");
}

/* one that kills for what nobody does */
static void filter_little(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		KILL(SYS_ptrace),
		KILL(SYS_kexec_load),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = sizeof(code) / sizeof(*code), .filter = code };

	check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
	check(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), "seccomp");
}

/* no address is left for anything new */
static void fill(void)
{
	struct rlimit limit = { 65536, 65536 };

	check(setrlimit(RLIMIT_AS, &limit), "RLIMIT_AS");
}

/* all that it maps later is to be locked in memory, for which nothing is left */
static void lock(void)
{
	struct rlimit limit = { 65536, 65536 };

	check(mlockall(MCL_FUTURE), "mlockall");
	check(setrlimit(RLIMIT_MEMLOCK, &limit), "RLIMIT_MEMLOCK");
}

static void *fork_on(void *arg)
{
	while (!is_ended) {
		pid_t pid = fork();

		if (!pid) {
			call(NULL);
			_exit(0);
		}
		if (pid > 0)
			waitpid(pid, NULL, 0);
	}
	return arg;
}

/* becomes itself again, from a thread that is not the first */
static void *become(void *arg)
{
	char ways[32];

	usleep(2000);
	snprintf(ways, sizeof(ways), "execs=%u", n_execs - 1);
	execl("/proc/self/exe", own_argv[0], ways, (char *)NULL);
	check(1, "exec");
	return arg;
}

static void start(void *(*fn)(void *))
{
	pthread_attr_t a;
	pthread_t t;

	pthread_attr_init(&a);
	pthread_attr_setstacksize(&a, STACK);
	check(pthread_create(&t, &a, fn, NULL), "thread");
}

/* how many hits there were, without the library's streams */
static void tell(unsigned long n)
{
	char text[32], *p = text + sizeof(text);

	*--p = '\0';
	*--p = '\n';
	for (; n; n /= 10)
		*--p = (char)('0' + n % 10);
	say("hits ");
	say(p);
}

static void work(void)
{
	static pthread_t t[MOST_THREADS];
	unsigned n = n_threads < 4 ? n_threads : 4;

	if (!n)
		call(NULL);
	for (unsigned i = 0; i < n; i++)
		check(pthread_create(&t[i], NULL, call, NULL), "thread");
	for (unsigned i = 0; i < n; i++)
		pthread_join(t[i], NULL);
	tell((n ? n : 1) * (unsigned long)CALLS);
}

static void *obey(void *arg)
{
	char c;

	say("ready\n");
	while (read(0, &c, 1) == 1 && c != 'e')
		if (c == 'g') {
			work();
		} else if (c == 'f') {
			filter();
			say("filtered\n");
		}
	is_ended = 1;
	say("ends\n");
	syscall(SYS_exit, 0); /* strict mode knows no exit_group */
	return arg;
}

static void take(const char *way)
{
	if (!strcmp(way, "filter"))
		filter();
	else if (!strcmp(way, "permissive"))
		filter_little();
	else if (!strcmp(way, "strict"))
		check(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0), way);
	else if (!strcmp(way, "mdwe"))
		check(prctl(PR_SET_MDWE, 1, 0, 0, 0) && errno != EINVAL,
		      way); /* before Linux 6.3 */
	else if (!strcmp(way, "undumpable"))
		check(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), way);
	else if (!strcmp(way, "full"))
		fill();
	else if (!strcmp(way, "locked"))
		lock();
	else if (!strncmp(way, "threads=", 8))
		for (n_threads = 0; n_threads < (unsigned)atoi(way + 8); n_threads++)
			start(wait_for_end);
	else if (!strcmp(way, "forks"))
		for (unsigned i = 0; i < 3; i++)
			start(fork_on);
	else if (!strncmp(way, "execs=", 6))
		n_execs = (unsigned)atoi(way + 6);
}

int main(int argc, char **argv)
{
	int has_head = 1;

	own_argv = argv;
	for (int i = 1; i < argc; i++) {
		has_head &= strcmp(argv[i], "headless") != 0;
		take(argv[i]);
	}
	if (n_execs) {
		start(wait_for_end);
		start(become);
		wait_for_end(NULL);
	}
	if (has_head)
		obey(NULL);
	/* the first thread ends, others go on */
	start(obey);
	pthread_exit(NULL);
}
