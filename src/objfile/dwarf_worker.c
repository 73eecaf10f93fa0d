/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The worker process that reads debug information, and the tracer's end of the line to it; see dwarf_private.h.
 *
 * A frame is a u32 length and that many bytes; a question begins with a u32 request, an answer with a byte that says answer or
 * error. The worker has no descriptors but the line and the files it reads, stdio on /dev/null, limits on memory and on the
 * processor time of each question, and goes when the tracer goes. It never returns into the tracer's code: no buffer is flushed twice,
 * no exit handler runs.
 */
#include "objfile/dwarf_private.h"

#include "base/cleanup.h"
#include "base/limits.h"
#include "base/socket.h"
#include "objfile/elf_private.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

enum {
	CPU_SECONDS = 60,   /* of one question */
	WALL_SECONDS = 300, /* a file on a slow disk */
};
enum { ANSWER = 1, FAILURE }; /* first byte of an answer */
/* what the worker may allocate beside its mappings of files; sections may be compressed, so larger files may have more */
#define MEMORY_LIMIT (1ULL << 30)

#if defined(__SANITIZE_ADDRESS__)
#define HAS_SHADOW_MEMORY 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_SHADOW_MEMORY 1
#endif
#endif
#ifndef HAS_SHADOW_MEMORY
#define HAS_SHADOW_MEMORY 0
#endif

/* ---- both ends ---- */

/* a whole frame into *buf, which grows; its length or -1 */
static ssize_t receive_frame(int fd, uint8_t **buf, size_t *cap)
{
	uint32_t n;

	if (!socket_receive_all(fd, &n, sizeof(n)) || n > WIRE_LIMIT + 16)
		return -1;
	if (n > *cap) {
		*buf = base_realloc(*buf, n);
		*cap = n;
	}
	return socket_receive_all(fd, *buf, n) ? (ssize_t)n : -1;
}

/* ---- the worker's end ---- */

/* all descriptors but these three; each may be -1 */
static void close_others(int a, int b, int c)
{
	int keep[3] = { a, b, c };
	unsigned from = 3;

	for (int i = 0; i < 3; i++)
		for (int k = i + 1; k < 3; k++)
			if (keep[k] < keep[i]) {
				int t = keep[i];

				keep[i] = keep[k];
				keep[k] = t;
			}
	for (int i = 0; i < 3; i++) {
		if (keep[i] < (int)from)
			continue;
		if ((unsigned)keep[i] > from)
			syscall(SYS_close_range, from, keep[i] - 1, 0);
		from = (unsigned)keep[i] + 1;
	}
	syscall(SYS_close_range, from, ~0U, 0);
}

static void set_limit(int resource, uint64_t n)
{
	struct rlimit l = { n, n };

	setrlimit(resource, &l);
}

static void confine(struct objfile *code, struct objfile *debug, int fd, pid_t parent)
{
	int null = open("/dev/null", O_RDWR);
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1); /* it went before the line above */
	prctl(PR_SET_NAME, "sonde-dwarf");
	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	/* signals of the terminal are the tracer's to act on: it may still have questions at the end */
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	signal(SIGTSTP, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int i = 0; i < 3 && null >= 0; i++)
		dup2(null, i);
	close_others(fd, code->priv->fd, debug->priv->fd);
	set_limit(RLIMIT_CORE, 0);
	limits_raise_files(); /* each split unit is a file */
	if (!HAS_SHADOW_MEMORY)
		set_limit(RLIMIT_DATA, MEMORY_LIMIT + 4 * debug->size);
}

/* processor time left for this question; 0: not counted */
static void set_alarm(unsigned cpu, unsigned wall)
{
	struct itimerval t = { { 0, 0 }, { cpu, 0 } };

	setitimer(ITIMER_PROF, &t, NULL);
	alarm(wall);
}

static bool reply(int fd, struct err *e, struct wire_out *out)
{
	STRBUF_AUTO text = { 0 };
	struct {
		uint32_t n;
		uint8_t kind;
	} __attribute__((packed)) head = { .kind = e ? FAILURE : ANSWER };
	struct str body;

	if (e)
		err_format(e, &text);
	err_free(e);
	body = e ? strbuf_str(&text) : strbuf_str(&out->b);
	head.n = (uint32_t)body.n + 1;
	return socket_send_both(fd, &head, sizeof(head), body.p, body.n);
}

static struct err *answer(struct dwarf_file *f, struct wire_in *in, struct wire_out *out)
{
	uint32_t request = wire_get_u32(in);

	TRY(dwfile_answer(f, (enum dwarf_request)request, in, out));
	return out->is_too_big ? err_new(0, "the answer is too large") : NULL;
}

void dwarf_worker_run(struct objfile *code, struct objfile *debug, int fd)
{
	struct dwarf_file *f = NULL;
	uint8_t *buf = NULL;
	size_t cap = 0;
	ssize_t n;

	while ((n = receive_frame(fd, &buf, &cap)) >= 0) {
		struct wire_in in = wire_in_make(buf, (size_t)n);
		struct wire_out out = { 0 };
		struct err *e = NULL;

		set_alarm(CPU_SECONDS, WALL_SECONDS);
		if (!f)
			e = dwfile_open(code, debug, &f);
		if (!e)
			e = answer(f, &in, &out);
		set_alarm(0, 0);
		if (!reply(fd, e, &out))
			break;
		wire_out_free(&out);
	}
	_exit(0);
}

/* ---- the tracer's end ---- */

static struct err *start(struct debuginfo *d)
{
	pid_t self = getpid();
	int fd[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd))
		return err_new(errno, "cannot make a line to the reader of debug information");
	d->worker = fork();
	if (d->worker == 0) {
		confine(d->file, d->debug, fd[1], self);
		dwarf_worker_run(d->file, d->debug, fd[1]);
	}
	close(fd[1]);
	if (d->worker < 0) {
		int code = errno;

		d->worker = 0;
		close(fd[0]);
		return err_new(code, "cannot start the reader of debug information");
	}
	d->fd = fd[0];
	return NULL;
}

static char *format_end(const char *path, int status)
{
	int sig = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	char *text = NULL;
	int n;

	if (sig == SIGPROF || sig == SIGALRM)
		n = asprintf(
			&text,
			"debug information of '%s': a question took its reader longer than %d s",
			path, sig == SIGPROF ? CPU_SECONDS : WALL_SECONDS);
	else if (sig == SIGILL) /* base_out_of_memory() */
		n = asprintf(
			&text,
			"debug information of '%s': its reader wanted more memory than it may have (%llu MB)",
			path, MEMORY_LIMIT >> 20);
	else if (sig == SIGKILL)
		n = asprintf(&text, "debug information of '%s': its reader was killed", path);
	else if (sig)
		n = asprintf(&text,
			     "debug information of '%s' is malformed: its reader was ended by SIG%s",
			     path, sigabbrev_np(sig));
	else
		n = asprintf(&text, "debug information of '%s': its reader gave no sensible answer",
			     path);
	if (n < 0)
		base_out_of_memory();
	return text;
}

/* the worker is of no use any more: end it, remember why */
static struct err *give_up(struct debuginfo *d)
{
	int status = 0;

	close(d->fd);
	d->fd = -1;
	/* one that has died already keeps its own status */
	if (waitpid(d->worker, &status, WNOHANG) == 0) {
		struct timespec moment = { 0, 20000000 };

		nanosleep(&moment, NULL); /* its end of the line may be seen before its own */
		if (waitpid(d->worker, &status, WNOHANG) == 0) {
			kill(d->worker, SIGKILL);
			waitpid(d->worker, &status, 0);
			status = 0; /* our signal, its fault */
		}
	}
	d->worker = 0;
	d->dead = format_end(d->debug->path, status);
	return err_new(0, "%s", d->dead);
}

struct err *debuginfo_ask(struct debuginfo *d, enum dwarf_request r,
			  const struct wire_out *question, struct wire_in *answer)
{
	uint32_t head[2] = { (uint32_t)(question->b.n + 4), r };
	ssize_t n;

	*answer = wire_in_make("", 0);
	if (d->dead)
		return err_new(0, "%s", d->dead);
	if (question->is_too_big)
		return err_new(0, "debug information of '%s': the question is too long",
			       d->file->path);
	if (!d->worker)
		TRY(start(d));
	if (!socket_send_both(d->fd, head, sizeof(head), question->b.p, question->b.n))
		return give_up(d);
	n = receive_frame(d->fd, &d->answer, &d->answer_cap);
	if (n < 1 || d->answer[0] < ANSWER || d->answer[0] > FAILURE)
		return give_up(d);
	if (d->answer[0] == FAILURE)
		return err_new(0, "debug information of '%s': %.*s", d->debug->path, (int)n - 1,
			       (const char *)d->answer + 1);
	*answer = wire_in_make(d->answer + 1, (size_t)n - 1);
	return NULL;
}

struct err *debuginfo_check(struct debuginfo *d, const struct wire_in *answer)
{
	if (!answer->b.bad && bytes_left(&answer->b) == 0)
		return NULL;
	return give_up(d);
}

void debuginfo_free(struct debuginfo *d)
{
	if (!d)
		return;
	if (d->types_free)
		d->types_free(d->types);
	if (d->worker) {
		close(d->fd);
		kill(d->worker, SIGKILL);
		waitpid(d->worker, NULL, 0);
	}
	if (d->debug != d->file)
		objfile_unref(d->debug);
	hashmap_free(&d->exits);
	hashmap_free(&d->functions);
	arena_free(&d->kept);
	free(d->dead);
	free(d->answer);
	free(d);
}
