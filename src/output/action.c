/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cat(), system(), join(); see action.h. They run in the consumer of events, which must not hang: files are opened
 * without blocking, and a command's pipe is left when the command itself has ended, whoever else still holds it.
 */
#include "output/action.h"

#include "base/cleanup.h"
#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define CHUNK 4096

/* n bytes at most, or to the end; false with errno */
static bool read_file(int fd, uint64_t max, struct strbuf *out)
{
	char buf[CHUNK];

	while (max) {
		ssize_t n = read(fd, buf, max < sizeof(buf) ? (size_t)max : sizeof(buf));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0;
		strbuf_add(out, buf, (size_t)n);
		max -= (uint64_t)n;
	}
	return true;
}

void action_cat(struct output *o, const char *path)
{
	STRBUF_AUTO text = { 0 };
	FD_AUTO fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0) {
		output_complain(o, "ERROR: failed to open file '%s' (%s)\n", path, strerror(errno));
		return;
	}
	if (!read_file(fd, o->opts.max_cat_bytes, &text))
		output_complain(o, "ERROR: failed to read file '%s': %s\n", path, strerror(errno));
	if (o->opts.format == OUTPUT_JSON)
		output_json_text(o, "cat", strbuf_str(&text));
	else
		strbuf_add_str(&o->out.pending, strbuf_str(&text));
}

/* in the child, between fork and exec: only calls that are safe there */
__attribute__((noreturn)) static void run_shell(const char *command, int pipe_fd, pid_t parent)
{
	sigset_t none;

	/* when the tracer is killed its commands go too */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGXFSZ, SIG_DFL);
	limits_restore_files();
	if (dup2(pipe_fd, STDOUT_FILENO) < 0 || dup2(pipe_fd, STDERR_FILENO) < 0)
		_exit(127);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

static void take_output(struct output *o, struct strbuf *json, const char *buf, size_t n)
{
	if (o->opts.format == OUTPUT_JSON) {
		strbuf_add(json, buf, n);
		return;
	}
	strbuf_add(&o->out.pending, buf, n);
	sink_batch_end(&o->out);
}

/* copy what the command writes until it ends; pidfd -1 (old kernel): until every holder of the pipe is gone */
static void copy_output(struct output *o, int fd, int pidfd, struct strbuf *json)
{
	struct pollfd p[2] = { { .fd = fd, .events = POLLIN }, { .fd = pidfd, .events = POLLIN } };
	char buf[CHUNK];

	for (;;) {
		ssize_t n;

		if (poll(p, 2, -1) < 0) {
			if (errno == EINTR && !(o->opts.give_up && *o->opts.give_up > 1))
				continue;
			return;
		}
		/* the end of the command with nothing left to read is the end; it may have written just before */
		n = read(fd, buf, sizeof(buf));
		if (n < 0 && (errno == EINTR || (errno == EAGAIN && !p[1].revents)))
			continue;
		if (n <= 0)
			return;
		take_output(o, json, buf, (size_t)n);
	}
}

static int start_shell(const char *command, int *fd, pid_t *pid)
{
	pid_t self = getpid();
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		return errno;
	*pid = fork();
	if (*pid == 0)
		run_shell(command, fds[1], self);
	close(fds[1]);
	if (*pid < 0) {
		close(fds[0]);
		return errno;
	}
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	*fd = fds[0];
	return 0;
}

void action_system(struct output *o, const char *command)
{
	STRBUF_AUTO json = { 0 };
	FD_AUTO fd = -1;
	FD_AUTO pidfd = -1;
	pid_t pid = -1;
	int error = start_shell(command, &fd, &pid);

	if (error) {
		output_complain(o, "ERROR: system(): %s\n", strerror(error));
		return;
	}
#ifdef SYS_pidfd_open
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
#endif
	copy_output(o, fd, pidfd, &json);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
		if (o->opts.give_up && *o->opts.give_up > 1)
			kill(pid, SIGKILL);
	}
	if (o->opts.format == OUTPUT_JSON)
		output_json_text(o, "syscall", strbuf_str(&json));
	else
		strbuf_putc(&o->out.pending,
			    '\n'); /* as bpftrace: a newline behind the command's own */
}

/* empty strings at the end are absent ones; between others they are real */
static uint32_t count_joined(const struct event_layout *l, const char *payload)
{
	uint32_t n = l->n_fields;

	while (n > 0 && !payload[l->fields[n - 1].offset])
		n--;
	return n;
}

void action_join(struct output *o, const struct event_layout *l, const char *payload)
{
	bool is_json = o->opts.format == OUTPUT_JSON;
	STRBUF_AUTO text = { 0 };
	uint32_t n = count_joined(l, payload);

	for (uint32_t i = 0; i < n; i++) {
		if (i)
			strbuf_add_str(&text, l->format);
		value_put(&o->env, is_json ? VALUE_COMPACT : VALUE_TEXT, l->fields[i].type,
			  payload + l->fields[i].offset, &text);
	}
	if (is_json) {
		output_json_text(o, "join", strbuf_str(&text));
		return;
	}
	strbuf_add_str(&o->out.pending, strbuf_str(&text));
	strbuf_putc(&o->out.pending, '\n');
}
