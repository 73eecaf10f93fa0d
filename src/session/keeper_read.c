/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs that go on without their command: those who look at them and end them; see keeper.h. */
#include "session/keeper_private.h"

#include "base/cleanup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

/* everything that comes from fd */
static void copy(int fd, FILE *to)
{
	char piece[65536];
	ssize_t n;

	while ((n = read(fd, piece, sizeof(piece))) > 0)
		fwrite(piece, 1, (size_t)n, to);
	fflush(to);
}

static void copy_file(const char *path, FILE *to)
{
	FD_AUTO fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		copy(fd, to);
}

static bool read_path(const char *dir, struct strbuf *out)
{
	STRBUF_AUTO name = { 0 };
	FD_AUTO fd = -1;
	char piece[4096];
	ssize_t n;

	strbuf_printf(&name, "%s/path", dir);
	fd = open(strbuf_cstr(&name), O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && (n = read(fd, piece, sizeof(piece))) > 0)
		strbuf_add(out, piece, (size_t)n);
	return out->n > 0;
}

static void show_messages(const char *dir)
{
	STRBUF_AUTO path = { 0 };

	strbuf_printf(&path, "%s/messages", dir);
	copy_file(strbuf_cstr(&path), stderr);
}

struct err *keeper_read(const char *name, bool stop)
{
	STRBUF_AUTO dir = { 0 }, path = { 0 }, maps = { 0 };
	const char word = stop ? KEEPER_STOP : KEEPER_SHOW;
	char piece[65536];
	FD_AUTO fd = -1;
	ssize_t n;

	TRY(keeper_dir(name, &dir));
	if (!read_path(strbuf_cstr(&dir), &path))
		return err_hint(err_new(0, "there is no run of the name '%s'", name),
				"sonde --pins lists those that are kept");
	fd = keeper_connect(strbuf_cstr(&dir));
	if (fd >= 0 && write(fd, &word, 1) != 1)
		return err_new(errno, "ask the keeper of '%s'", name);
	/* the keeper writes its output before it answers; the end of a run closes the connection */
	while (fd >= 0 && (n = read(fd, piece, sizeof(piece))) > 0)
		strbuf_add(&maps, piece, (size_t)n);
	copy_file(strbuf_cstr(&path), stdout);
	fwrite(strbuf_cstr(&maps), 1, maps.n, stdout);
	fflush(stdout);
	show_messages(strbuf_cstr(&dir));
	if (fd < 0)
		fprintf(stderr, "this run has ended\n");
	if (stop)
		keeper_remove(strbuf_cstr(&dir));
	return NULL;
}

struct err *keeper_list(void)
{
	STRBUF_AUTO root = { 0 };
	struct dirent *entry;
	DIR *d;

	TRY(keeper_root(&root));
	d = opendir(strbuf_cstr(&root));
	while (d && (entry = readdir(d))) {
		STRBUF_AUTO dir = { 0 }, path = { 0 };
		FD_AUTO fd = -1;

		strbuf_printf(&dir, "%s/%s", strbuf_cstr(&root), entry->d_name);
		if (entry->d_name[0] == '.' || !read_path(strbuf_cstr(&dir), &path))
			continue;
		fd = keeper_connect(strbuf_cstr(&dir));
		printf("%s\t%s\t%s\n", entry->d_name, fd >= 0 ? "runs" : "has ended",
		       strbuf_cstr(&path));
	}
	if (d)
		closedir(d);
	return NULL;
}
