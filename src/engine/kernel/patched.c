/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Before the kernel's probes are put into a file: whether the user engine of another run has jumps there, in a process that would get them. The
 * kernel would write its breakpoint over such a jump, execute the file's instruction, and go on within the jump's bytes. See objfile/claim.h.
 */
#include "engine/kernel/kernel.h"

#include "base/cleanup.h"
#include "objfile/claim.h"
#include "objfile/proc.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

enum {
	JUMP = 0xe9,
	BEFORE = 31, /* bytes that one that reaches the probe can begin before it */
	WAIT_MS = 5000,
};

static bool is_of(const struct proc_map *m, const struct stat *st, uint64_t offset)
{
	return m->exec && m->ino == st->st_ino && m->dev_major == major(st->st_dev) &&
	       m->dev_minor == minor(st->st_dev) && offset >= m->offset &&
	       offset - m->offset < m->end - m->start;
}

/* a jump that is not the file's, up to the byte at offset */
static bool has_jump(int mem, int file, const struct proc_map *m, uint64_t offset)
{
	uint64_t from = offset - m->offset < BEFORE ? m->offset : offset - BEFORE;
	uint8_t now[BEFORE + 1], own[BEFORE + 1];
	size_t n = offset + 1 - from;

	if (pread(mem, now, n, (off_t)(m->start + (from - m->offset))) != (ssize_t)n ||
	    pread(file, own, n, (off_t)from) != (ssize_t)n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (now[i] == JUMP && own[i] != JUMP)
			return true;
	return false;
}

static ERR_MUST struct err *check_process(pid_t pid, int file, const struct stat *st,
					  const struct probe_point *v, uint32_t n)
{
	struct proc_maps maps;
	FD_AUTO mem = -1;
	char path[64];
	struct err *err = proc_maps_read(pid, &maps);

	if (err) { /* it has ended */
		err_free(err);
		return NULL;
	}
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)proc_task(pid));
	for (uint32_t i = 0; i < maps.n && !err; i++) {
		for (uint32_t k = 0; k < n && !err; k++) {
			if (!is_of(&maps.v[i], st, v[k].file_offset))
				continue;
			if (mem < 0)
				mem = open(path, O_RDONLY | O_CLOEXEC);
			if (!has_jump(mem, file, &maps.v[i], v[k].file_offset))
				continue;
			err = err_new(0,
				      "%.*s: in process %d a probe of the user engine stands there, "
				      "and the kernel's would destroy the process",
				      STR_ARG(v[k].name), (int)pid);
			err_hint(err,
				 "wait for the end of that run of sonde; sonde clean %d "
				 "takes out what a killed one left",
				 (int)pid);
		}
	}
	proc_maps_free(&maps);
	return err;
}

/* points of one file; pids: those that get the probes, none: all */
static ERR_MUST struct err *check_file(struct engine *e, int file, const struct probe_point *v,
				       uint32_t n)
{
	struct sys_ints pids = { 0 };
	struct pid_list all = { 0 };
	struct err *err = NULL;
	struct stat st;

	if (fstat(file, &st))
		return NULL;
	kernel_point_pids(e, v, &pids);
	for (size_t i = 0; i < pids.n; i++)
		vec_push(&all, (pid_t)pids.v[i]);
	if (!pids.n)
		err = proc_all(&all);
	for (size_t i = 0; i < all.n && !err; i++)
		err = check_process(all.v[i], file, &st, v, n);
	vec_free(&pids);
	vec_free(&all);
	return err;
}

struct err *kernel_claim(struct engine *e, uint32_t prog, struct sys_ints *claims)
{
	const struct probe_shape *s = e->image->progs[prog]->shape;
	struct err *err = NULL;

	for (uint32_t from = 0, to; from < s->n_points && !err; from = to) {
		STRBUF_AUTO path = { 0 };
		int fd;

		for (to = from + 1;
		     to < s->n_points && str_eq(s->points[to].path, s->points[from].path) &&
		     s->points[to].pid == s->points[from].pid;
		     to++)
			;
		strbuf_add_str(&path, s->points[from].path);
		fd = claim_open(strbuf_cstr(&path));
		if (fd < 0)
			continue;
		vec_push(claims, fd);
		claim_take(fd, CLAIM_KERNEL);
		if (claim_is_held(fd, CLAIM_USER) && claim_wait(fd, CLAIM_PATCHING, WAIT_MS))
			err = check_file(e, fd, s->points + from, to - from);
	}
	return err;
}

void kernel_unclaim(struct sys_ints *claims)
{
	vec_each(fd, claims)
		close(*fd);
	vec_free(claims);
}
