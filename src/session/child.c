/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The child waits between fork and exec on a pipe, so that its process id is known, and probes limited to it are attached,
 * before its first instruction. See child.h.
 */
#include "session/child.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <wordexp.h>

static bool is_program(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISREG(st.st_mode) && !access(path, X_OK);
}

/* path of a command, through PATH when it has no slash */
static struct err *find_program(const char *name, char path[PATH_MAX])
{
	struct str dirs = str_from(getenv("PATH"));

	if (strchr(name, '/')) {
		snprintf(path, PATH_MAX, "%s", name);
		if (is_program(path))
			return NULL;
		return err_hint(err_new(errno == ENOENT ? ENOENT : EACCES, "cannot run '%s'", name),
				"-c takes the path or name of a program and its arguments");
	}
	while (dirs.n) {
		struct str dir = str_split(&dirs, ':');

		snprintf(path, PATH_MAX, "%.*s/%s", STR_ARG(dir), name);
		if (is_program(path))
			return NULL;
	}
	return err_hint(err_new(0, "cannot run '%s': not found in PATH", name),
			"-c takes the path or name of a program and its arguments");
}

__attribute__((noreturn)) static void child_main(const int gate[2], int ready, const char *path,
						 char **argv)
{
	char byte = 0;

	close(gate[1]); /* else the end of the session would not be the end of the pipe */
	prctl(PR_SET_PDEATHSIG, SIGTERM); /* a tracer that is killed leaves no child behind */
	/* under Yama only ancestors may trace: the user engine's guardian is none, but a child of ours */
	prctl(PR_SET_PTRACER, getppid(), 0, 0, 0);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGXFSZ, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGUSR1, SIG_DFL);
	limits_restore_files();
	/* from here on nothing is done that a script could count as the command's */
	(void)!write(ready, &byte, 1);
	if (read(gate[0], &byte, 1) != 1)
		_exit(125); /* the session ended before it let us go */
	execv(path, argv);
	_exit(127);
}

static ERR_MUST struct err *make_pipes(int gate[2], int ready[2])
{
	if (pipe2(gate, O_CLOEXEC))
		return err_new(errno, "make a pipe for the command");
	if (!pipe2(ready, O_CLOEXEC))
		return NULL;
	close(gate[0]);
	close(gate[1]);
	return err_new(errno, "make a pipe for the command");
}

struct err *child_start(const char *command, struct child *ret)
{
	char path[PATH_MAX];
	wordexp_t words;
	struct err *err;
	int pipe_fds[2], ready[2];
	char byte;

	*ret = (struct child){ .release = -1 };
	if (wordexp(command, &words, WRDE_NOCMD | WRDE_UNDEF) || words.we_wordc == 0)
		return err_hint(
			err_new(0, "cannot split the command '%s' into words", command),
			"quote characters like |, &, ;, <, > and parentheses, or run a shell: -c 'sh -c \"...\"'");
	err = find_program(words.we_wordv[0], path);
	if (!err)
		err = make_pipes(pipe_fds, ready);
	if (err) {
		wordfree(&words);
		return err;
	}
	ret->pid = fork();
	if (ret->pid == 0)
		child_main(pipe_fds, ready[1], path, words.we_wordv);
	ret->program = base_strdup(path);
	wordfree(&words);
	close(pipe_fds[0]);
	close(ready[1]);
	ret->release = pipe_fds[1];
	if (ret->pid < 0) {
		ret->pid = 0;
		err = err_new(errno, "start the command");
	}
	while (!err && read(ready[0], &byte, 1) < 0 && errno == EINTR)
		;
	close(ready[0]);
	return err;
}

void child_is_released(struct child *c)
{
	if (c->release >= 0)
		close(c->release);
	c->release = -1;
}

void child_release(struct child *c)
{
	if (c->release < 0)
		return;
	(void)!write(c->release, "g", 1);
	close(c->release);
	c->release = -1;
}

bool child_ended(struct child *c)
{
	if (c->pid > 0 && !c->has_ended && waitpid(c->pid, &c->status, WNOHANG) == c->pid)
		c->has_ended = true;
	return c->has_ended;
}

void child_stop(struct child *c)
{
	free(c->program);
	c->program = NULL;
	if (c->release >= 0) {
		close(c->release);
		c->release = -1;
	}
	if (c->pid <= 0 || child_ended(c))
		return;
	kill(c->pid, SIGTERM);
	while (waitpid(c->pid, &c->status, 0) < 0 && errno == EINTR)
		;
	c->has_ended = true;
}
