/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs that go on without their command: the keeper's side; see keeper.h. The readers' side is in keeper_read.c. */
#include "session/keeper_private.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

struct keeper {
	char *dir;
	char *output_path; /* ours, not -o's; or NULL */
	int socket;
	int release; /* the command waits at the other end; -1: not any more */
};

struct err *keeper_root(struct strbuf *out)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");

	if (geteuid() == 0)
		strbuf_puts(out, "/run/sonde");
	else if (runtime && *runtime == '/')
		strbuf_printf(out, "%s/sonde", runtime);
	else
		return err_hint(err_new(0, "there is no place for runs that are kept"),
				"set XDG_RUNTIME_DIR to a folder of yours");
	return NULL;
}

static bool is_good_name(const char *name)
{
	size_t n = strspn(name,
			  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.");

	return n && n <= 64 && !name[n] && name[0] != '.' && name[0] != '-';
}

struct err *keeper_dir(const char *name, struct strbuf *out)
{
	if (!is_good_name(name))
		return err_hint(err_new(0, "'%s' cannot be the name of a run", name),
				"use letters, digits, '_', '-' and '.', at most 64");
	TRY(keeper_root(out));
	strbuf_printf(out, "/%s", name);
	return NULL;
}

/* of the socket; false: the path is too long */
static bool make_address(const char *dir, struct sockaddr_un *a)
{
	int n;

	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	n = snprintf(a->sun_path, sizeof(a->sun_path), "%s/socket", dir);
	return n > 0 && (size_t)n < sizeof(a->sun_path);
}

int keeper_connect(const char *dir)
{
	struct sockaddr_un a;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && (!make_address(dir, &a) || connect(fd, (struct sockaddr *)&a, sizeof(a)))) {
		close(fd);
		fd = -1;
	}
	return fd;
}

void keeper_remove(const char *dir)
{
	static const char *const files[] = { "output", "messages", "path", "socket" };

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		STRBUF_AUTO path = { 0 };

		strbuf_printf(&path, "%s/%s", dir, files[i]);
		(void)!unlink(strbuf_cstr(&path));
	}
	(void)!rmdir(dir);
}

/* ---- starting ---- */

static ERR_MUST struct err *make_dir(const char *name, struct strbuf *dir)
{
	STRBUF_AUTO root = { 0 };
	FD_AUTO other = -1;

	TRY(keeper_dir(name, dir));
	TRY(keeper_root(&root));
	if (mkdir(strbuf_cstr(&root), 0700) && errno != EEXIST)
		return err_new(errno, "make folder '%s'", strbuf_cstr(&root));
	if (mkdir(strbuf_cstr(dir), 0700) == 0)
		return NULL;
	if (errno != EEXIST)
		return err_new(errno, "make folder '%s'", strbuf_cstr(dir));
	other = keeper_connect(strbuf_cstr(dir));
	if (other >= 0)
		return err_hint(err_new(0, "there is a run of the name '%s' already", name),
				"sonde --read %s shows it, sonde --unpin %s ends it", name, name);
	return NULL;
}

/* where the output is, for readers: -o may be relative to a folder that they do not know */
static ERR_MUST struct err *note_output(const char *dir, const char *path)
{
	FREE_AUTO char *whole = realpath(path, NULL);
	STRBUF_AUTO name = { 0 };
	FD_AUTO fd = -1;

	strbuf_printf(&name, "%s/path", dir);
	fd = open(strbuf_cstr(&name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || !whole || write(fd, whole, strlen(whole)) != (ssize_t)strlen(whole))
		return err_new(errno, "write '%s'", strbuf_cstr(&name));
	return NULL;
}

static ERR_MUST struct err *prepare(struct session_opts *o, struct keeper *k)
{
	STRBUF_AUTO dir = { 0 };
	struct sockaddr_un a;
	FD_AUTO fd = -1;

	TRY(make_dir(o->pin_name, &dir));
	k->dir = base_strdup(strbuf_cstr(&dir));
	if (!o->output_path) {
		strbuf_puts(&dir, "/output");
		o->output_path = k->output_path = base_strdup(strbuf_cstr(&dir));
	}
	/* readers may come before the first line */
	fd = open(o->output_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_new(errno, "open output file '%s'", o->output_path);
	TRY(note_output(k->dir, o->output_path));
	if (!make_address(k->dir, &a))
		return err_new(ENAMETOOLONG, "make a socket in '%s'", k->dir);
	(void)!unlink(a.sun_path);
	k->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (k->socket < 0 || bind(k->socket, (struct sockaddr *)&a, sizeof(a)) ||
	    listen(k->socket, 8))
		return err_new(errno, "make socket '%s'", a.sun_path);
	return NULL;
}

/* the command's part: its child says "attached" or ends */
static int wait_for(int fd, pid_t pid, const char *name)
{
	char word;
	int status;

	if (read(fd, &word, 1) == 1) {
		fprintf(stderr,
			"kept as '%s', process %d: sonde --read %s shows it, sonde --unpin %s ends it\n",
			name, (int)pid, name, name);
		return 0;
	}
	if (waitpid(pid, &status, 0) < 0 || !WIFEXITED(status))
		return 1;
	return WEXITSTATUS(status);
}

struct err *keeper_start(struct session_opts *o, struct keeper **ret, int *status)
{
	struct keeper *k = base_alloc(sizeof(*k));
	int ends[2];
	pid_t pid;
	struct err *err;

	*ret = NULL;
	k->socket = k->release = -1;
	err = prepare(o, k);
	if (!err && pipe2(ends, O_CLOEXEC))
		err = err_new(errno, "make a pipe");
	if (err) {
		keeper_free(k);
		return err;
	}
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		close(ends[0]);
		setsid();
		k->release = ends[1];
		*ret = k;
		return NULL;
	}
	close(ends[1]);
	if (pid > 0)
		*status = wait_for(ends[0], pid, o->pin_name);
	else
		err = err_new(errno, "start a process");
	close(ends[0]);
	/* socket and folder are the keeper's now */
	close(k->socket);
	free(k->output_path);
	free(k->dir);
	free(k);
	return err;
}

void keeper_attached(struct keeper *k)
{
	STRBUF_AUTO path = { 0 };
	FD_AUTO messages = -1;
	FD_AUTO null = -1;

	if (!k || k->release < 0)
		return;
	/* messages of the run: nobody looks at the terminal any more */
	strbuf_printf(&path, "%s/messages", k->dir);
	messages = open(strbuf_cstr(&path), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC,
			0600);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	fflush(stdout);
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(messages >= 0 ? messages : null, STDERR_FILENO);
	(void)!write(k->release, "a", 1);
	close(k->release);
	k->release = -1;
}

/* ---- answering ---- */

bool keeper_round(struct keeper *k, void (*show)(void *arg, int fd), void *arg)
{
	struct timeval patience = { .tv_sec = 1 };
	char word = 0;
	int fd;

	if (!k)
		return false;
	while ((fd = accept4(k->socket, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		/* one that asks nothing or reads nothing must not hold up the run */
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
		if (read(fd, &word, 1) == 1 && word == KEEPER_STOP)
			return true; /* the end of this process closes the connection: then all is written */
		if (word == KEEPER_SHOW)
			show(arg, fd);
		close(fd);
	}
	return false;
}

void keeper_free(struct keeper *k)
{
	STRBUF_AUTO path = { 0 };

	if (!k)
		return;
	if (k->socket >= 0) {
		strbuf_printf(&path, "%s/socket", k->dir);
		(void)!unlink(strbuf_cstr(&path));
		close(k->socket);
	}
	/* it never got so far that anybody could read it */
	if (k->release >= 0) {
		keeper_remove(k->dir);
		close(k->release);
	}
	free(k->output_path);
	free(k->dir);
	free(k);
}
