/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Processes that are hard to work on: they are refused with the reason, and go on as if nobody had asked, or the work is done
 * in them like in any other. Each is a child of this test that does what makes it hard.
 */
#include "engine/user/process/remote.h"

#include "base/cleanup.h"
#include "base/clock.h"

#include "tap.h"
#include "err_help.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

enum { TIMEOUT_MS = 5000, SHORT_MS = 50, WAIT_MS = 20000, NOBODY = 65534, PAGE = 4096, STATUS = 7 };

/* shared with the children */
struct report {
	atomic_int is_ready, is_done, begins, has_begun, ends, pid;
	atomic_ulong n;
};

static struct report *report;

static void begin(void)
{
	report = mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	fflush(stdout);
}

static bool comes_true(atomic_int *what)
{
	for (unsigned ms = 0; ms < WAIT_MS && !*what; ms++)
		poll(NULL, 0, 1);
	return CHECK(*what);
}

/* in a child */
static void stay(void)
{
	report->is_ready = 1;
	while (!report->is_done) {
		report->n++;
		poll(NULL, 0, 1);
	}
	_exit(STATUS);
}

static void finish(pid_t pid)
{
	int status = 0;

	report->is_done = 1;
	CHECK_INT(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == STATUS);
	munmap(report, sizeof(*report));
}

/* an error that says this, and what to do */
static void check_refused(struct err *e, const char *part)
{
	STRBUF_AUTO text = { 0 };

	if (!CHECK(e))
		return;
	err_format(e, &text);
	CHECK_HAS(strbuf_cstr(&text), part);
	CHECK(err_get_hint(e));
	err_free(e);
}

/* memory of ours in it, which shows that system calls work there; what error there is */
static ERR_MUST struct err *try_area(pid_t pid)
{
	const struct remote_area_sizes sizes = { .code = PAGE, .data = PAGE };
	uint64_t text = (uint64_t)(uintptr_t)try_area, word = 0;
	int fd = memfd_create("sonde", MFD_CLOEXEC);
	struct remote_area a = { 0 };
	struct remote r;
	struct err *e;

	CHECK(!ftruncate(fd, PAGE) && pwrite(fd, "sonde-ok", 8, 0) == 8);
	e = remote_open(pid, &r);
	if (!e)
		e = remote_stop(&r, TIMEOUT_MS);
	if (!e)
		e = remote_area_make(&r, text, text + PAGE, &sizes, fd, &a);
	if (!e) {
		CHECK(remote_read(&r, a.data, &word, 8) && !memcmp(&word, "sonde-ok", 8));
		e = remote_area_unmap(&r, &a);
	}
	remote_close(&r);
	close(fd);
	return e;
}

/* ---- other tracers ---- */

TEST(traced_by_another)
{
	pid_t pid, tracer;
	struct remote r;

	begin();
	pid = fork();
	if (!pid)
		stay();
	comes_true(&report->is_ready);
	tracer = fork();
	if (!tracer) {
		prctl(PR_SET_NAME, "debugger");
		report->begins = ptrace(PTRACE_SEIZE, pid, NULL, NULL) ? 2 : 1;
		while (!report->is_done)
			poll(NULL, 0, 1);
		_exit(0);
	}
	comes_true(&report->begins);
	CHECK_INT(report->begins, 1);
	check_refused(remote_open(pid, &r), "(debugger)");
	remote_close(&r);
	report->is_done = 1;
	waitpid(tracer, NULL, 0);
	finish(pid);
}

/* ---- vfork ---- */

static int be_vfork_child(void *arg)
{
	const struct timespec nap = { .tv_nsec = 1000000 };

	(void)arg;
	report->has_begun = 1;
	while (!report->ends)
		nanosleep(&nap, NULL);
	_exit(0);
}

static void *vfork_when_told(void *arg)
{
	static char stack[65536] __attribute__((aligned(16)));
	pid_t child;

	(void)arg;
	while (!report->begins)
		sched_yield();
	child = clone(be_vfork_child, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD,
		      NULL);
	waitpid(child, NULL, 0);
	report->begins = 0;
	return NULL;
}

TEST(a_child_of_vfork)
{
	pthread_t t;
	pid_t pid;
	struct remote r, second;

	begin();
	pid = fork();
	if (!pid) {
		pthread_create(&t, NULL, vfork_when_told, NULL);
		stay();
	}
	comes_true(&report->is_ready);
	if (check_err(remote_open(pid, &r), "target")) {
		unsigned long before;

		report->begins = 1;
		comes_true(&report->has_begun);
		check_refused(remote_stop(&r, SHORT_MS), "state D");
		CHECK(!remote_tend()); /* the thread has not come back */
		check_refused(remote_open(pid, &second), "shares its memory");
		/* other threads go on meanwhile */
		before = report->n;
		for (unsigned ms = 0; ms < WAIT_MS && report->n < before + 3; ms++)
			poll(NULL, 0, 1);
		CHECK(report->n > before);
		/* and that one as soon as it can */
		report->ends = 1;
		for (unsigned ms = 0; ms < WAIT_MS && (report->begins || !remote_tend()); ms++) {
			remote_tend();
			poll(NULL, 0, 1);
		}
		CHECK_INT(report->begins, 0);
		CHECK(remote_tend());
		remote_close(&r);
		check_err(try_area(pid), "target");
	}
	finish(pid);
}

/* ---- waits that cannot be interrupted ---- */

/* a page that is missing until somebody gives it, read by the kernel on behalf of this thread: state D */
static void *wait_for_page(void *arg)
{
	uint64_t word;
	struct iovec here = { &word, sizeof(word) }, there = { arg, sizeof(word) };

	report->has_begun = 1;
	(void)!process_vm_readv(getpid(), &here, 1, &there, 1, 0);
	report->has_begun = 0;
	return NULL;
}

static void wait_without_end(void)
{
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	struct uffdio_api api = { .api = UFFD_API };
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct uffdio_register which = { .range = { (uintptr_t)page, PAGE },
					 .mode = UFFDIO_REGISTER_MODE_MISSING };
	pthread_t t;

	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) || ioctl(fd, UFFDIO_REGISTER, &which))
		_exit(1);
	pthread_create(&t, NULL, wait_for_page, page);
	report->is_ready = 1;
	while (!report->is_done) {
		report->n++;
		if (report->ends)
			close(fd); /* the page is an ordinary one from now on */
		poll(NULL, 0, 1);
	}
	_exit(STATUS);
}

/* nothing new can be done with it; but what is in can be taken out */
TEST(a_thread_that_cannot_be_interrupted)
{
	struct remote r;
	pid_t pid;
	bool is_d = false;

	if (geteuid())
		SKIP("not root");
	begin();
	pid = fork();
	if (!pid)
		wait_without_end();
	comes_true(&report->is_ready);
	comes_true(&report->has_begun);
	if (check_err(remote_open(pid, &r), "target")) {
		unsigned long before;

		/* it takes its time to get there */
		for (unsigned i = 0; i < 100 && !is_d; i++) {
			struct err *e = remote_stop(&r, SHORT_MS);

			is_d = e != NULL;
			if (e)
				check_refused(e, "state D");
			remote_go(&r);
		}
		CHECK(is_d);
		if (check_err(remote_stop_most(&r, SHORT_MS), "target")) {
			before = report->n;
			poll(NULL, 0, 5);
			CHECK_INT(report->n, before);
			remote_go(&r);
		}
		CHECK_INT(report->has_begun, 1);
		report->ends = 1;
		for (unsigned ms = 0; ms < WAIT_MS && report->has_begun; ms++) {
			remote_tend();
			poll(NULL, 0, 1);
		}
		CHECK_INT(report->has_begun, 0);
		CHECK(remote_tend());
		remote_close(&r);
		check_err(try_area(pid), "target");
	}
	finish(pid);
}

/* ---- seccomp ---- */

/* what a program of its kind does not do, and what is done in it for us, kills it */
static void filter_calls(void)
{
#define KILL(nr)                                       \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1), \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		KILL(SYS_socketpair),
		KILL(SYS_recvmsg),
		KILL(SYS_memfd_create),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { .len = sizeof(code) / sizeof(*code), .filter = code };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter))
		_exit(1);
}

static pid_t start_filtered(uid_t uid)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	if (uid && (setgid(uid) || setuid(uid)))
		_exit(1);
	prctl(PR_SET_DUMPABLE, 1);
	filter_calls();
	stay();
	return 0;
}

TEST(a_seccomp_filter_that_kills)
{
	pid_t pid;

	if (geteuid())
		SKIP("not root");
	begin();
	pid = start_filtered(0);
	comes_true(&report->is_ready);
	check_err(try_area(pid), "target");
	finish(pid);
}

/* runs as an ordinary user; the result of a check there is its exit status */
static int as_nobody(void (*fn)(void))
{
	pid_t pid;
	int status = -1;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		unsigned before = tap_failed_checks;

		if (setgid(NOBODY) || setuid(NOBODY))
			_exit(100);
		fn();
		fflush(stdout);
		_exit(tap_failed_checks - before);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void refuse_filtered(void)
{
	pid_t pid;

	begin();
	pid = start_filtered(0);
	comes_true(&report->is_ready);
	check_refused(try_area(pid), "seccomp");
	finish(pid);
}

static void work_on_own(void)
{
	pid_t pid;

	begin();
	pid = fork();
	if (!pid) {
		prctl(PR_SET_DUMPABLE, 1);
		stay();
	}
	comes_true(&report->is_ready);
	check_err(try_area(pid), "target");
	finish(pid);
}

TEST(without_root)
{
	if (geteuid())
		SKIP("not root already: the other tests say it");
	CHECK_INT(as_nobody(refuse_filtered), 0);
	CHECK_INT(as_nobody(work_on_own), 0);
}

/* ---- other programs ---- */

/* pause(), for ever, as a 32-bit program */
static bool write_32_bit(const char *path)
{
	static const uint8_t code[] = { 0xb8, 29, 0, 0, 0, 0xcd, 0x80, 0xeb, 0xf7 };
	const uint32_t base = 0x08048000, at = sizeof(Elf32_Ehdr) + sizeof(Elf32_Phdr);
	const Elf32_Ehdr head = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB, 1 },
				  .e_type = ET_EXEC,
				  .e_machine = EM_386,
				  .e_version = 1,
				  .e_entry = base + at,
				  .e_phoff = sizeof(head),
				  .e_ehsize = sizeof(head),
				  .e_phentsize = sizeof(Elf32_Phdr),
				  .e_phnum = 1 };
	const Elf32_Phdr load = { .p_type = PT_LOAD,
				  .p_vaddr = base,
				  .p_filesz = at + sizeof(code),
				  .p_memsz = at + sizeof(code),
				  .p_flags = PF_R | PF_X,
				  .p_align = PAGE };
	FD_AUTO fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0755);

	return CHECK(fd >= 0 && write(fd, &head, sizeof(head)) == sizeof(head) &&
		     write(fd, &load, sizeof(load)) == sizeof(load) &&
		     write(fd, code, sizeof(code)) == sizeof(code));
}

TEST(a_32_bit_program)
{
	char path[] = "/tmp/sonde-test-32-XXXXXX", exe[64], target[128] = "";
	struct remote r;
	pid_t pid;
	int status = 0;

	CHECK(mkdtemp(path));
	snprintf(exe, sizeof(exe), "%s/x", path);
	write_32_bit(exe);
	pid = fork();
	if (!pid) {
		execl(exe, exe, NULL);
		_exit(100);
	}
	for (unsigned ms = 0; ms < WAIT_MS && strcmp(target, exe); ms++) {
		char link[64];
		ssize_t n;

		snprintf(link, sizeof(link), "/proc/%d/exe", (int)pid);
		n = readlink(link, target, sizeof(target) - 1);
		target[n < 0 ? 0 : n] = '\0';
		if (waitpid(pid, &status, WNOHANG))
			break; /* this kernel does not run them */
		poll(NULL, 0, 1);
	}
	unlink(exe);
	rmdir(path);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 100)
		SKIP("this kernel runs no 32-bit programs");
	check_refused(remote_open(pid, &r), "no 64-bit program");
	remote_close(&r);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

TEST(a_thread_of_the_kernel)
{
	struct remote r;
	struct err *e;

	if (geteuid() || getpid() == 1 || access("/proc/2/exe", F_OK) == 0 ||
	    proc_state(2) == '?' || proc_parent(2))
		SKIP("process 2 is none that we see");
	e = remote_open(2, &r);
	CHECK(e);
	err_free(e);
	remote_close(&r);
}

/* ---- states ---- */

TEST(a_stopped_process_stays_stopped)
{
	unsigned long before;
	pid_t pid;
	int status;

	begin();
	pid = fork();
	if (!pid)
		stay();
	comes_true(&report->is_ready);
	kill(pid, SIGSTOP);
	CHECK_INT(waitpid(pid, &status, WUNTRACED), pid);
	check_err(try_area(pid), "target");
	for (unsigned ms = 0; ms < WAIT_MS && proc_state(pid) != 'T'; ms++)
		poll(NULL, 0, 1); /* it goes back there */
	CHECK(proc_state(pid) == 'T');
	before = report->n;
	poll(NULL, 0, 5);
	CHECK_INT(report->n, before);
	kill(pid, SIGCONT);
	for (unsigned ms = 0; ms < WAIT_MS && report->n == before; ms++)
		poll(NULL, 0, 1);
	finish(pid);
}

static void *count_one(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < 1000; i++)
		report->n++;
	return NULL;
}

static void *make_threads(void *arg)
{
	while (!report->is_done) {
		pthread_t t[4];

		for (unsigned i = 0; i < 4; i++)
			pthread_create(&t[i], NULL, count_one, arg);
		for (unsigned i = 0; i < 4; i++)
			pthread_join(t[i], NULL);
	}
	return NULL;
}

/* threads come and go while all of them are being stopped: then nothing moves */
TEST(threads_made_while_stopping)
{
	enum { MAKERS = 3, STOPS = 40 };
	size_t most = 0;
	pthread_t t;
	struct remote r;
	pid_t pid;

	begin();
	pid = fork();
	if (!pid) {
		(void)!nice(5);
		for (unsigned i = 0; i < MAKERS; i++)
			pthread_create(&t, NULL, make_threads, NULL);
		report->is_ready = 1;
		while (!report->is_done)
			poll(NULL, 0, 1);
		_exit(STATUS);
	}
	comes_true(&report->is_ready);
	if (check_err(remote_open(pid, &r), "target"))
		for (unsigned i = 0; i < STOPS; i++) {
			unsigned long before;

			if (!check_err(remote_stop(&r, TIMEOUT_MS), "target"))
				break;
			most = r.threads.n > most ? r.threads.n : most;
			before = report->n;
			poll(NULL, 0, 1);
			CHECK_INT(report->n, before);
			remote_go(&r);
		}
	remote_close(&r);
	CHECK(most > MAKERS + 1);
	printf("# up to %zu threads at once\n", most);
	finish(pid);
}

/* ---- another world ---- */

static void move_away(void)
{
	char dir[] = "/tmp/sonde-test-root-XXXXXX";

	if (!mkdtemp(dir) || chdir(dir) || rmdir(dir) || chroot(".") || setgid(NOBODY) ||
	    setuid(NOBODY))
		_exit(1);
	syscall(SYS_close_range, 3, ~0u, 0);
	stay();
}

/* its own process ids, mounts, users' rights and an empty root: nothing that we would need is there */
TEST(another_world)
{
	pid_t pid, between;

	if (geteuid())
		SKIP("not root");
	begin();
	between = fork();
	if (!between) {
		int status;

		if (unshare(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWNET))
			_exit(1);
		pid = fork();
		if (!pid)
			move_away();
		report->pid = pid;
		waitpid(pid, &status, 0);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
	}
	comes_true(&report->is_ready);
	comes_true(&report->pid);
	check_err(try_area(report->pid), "target");
	finish(between);
}
