/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * perf map files; see perfmap.h. /tmp is writable for everybody, so the file is only believed when its owner is the
 * process's user or root; it is opened inside the process's root and never when it is a link or no regular file.
 * A process that ended before it was looked at has no user any more: only root's files count then.
 */
#include "objfile/perfmap.h"

#include "base/cleanup.h"
#include "base/vec.h"
#include "objfile/proc.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

enum {
	READ_LIMIT = 256 << 20, /* a larger map is cut: 256 MB are some 3 million methods */
	MET_LATE = 5, /* seconds that may lie between the begin of a process and its being met */
};

struct perfmap *perfmap_new(pid_t pid, time_t since)
{
	struct perfmap *m = base_alloc(sizeof(*m));

	m->pid = pid;
	m->since = since;
	m->ns_pid = proc_ns_pid(pid);
	m->uid = proc_uid(pid, &m->uid_known);
	arena_init(&m->names);
	return m;
}

void perfmap_free(struct perfmap *m)
{
	if (!m)
		return;
	arena_free(&m->names);
	free(m->v);
	free(m);
}

static int compare(const void *a, const void *b)
{
	const struct perfmap_entry *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

/* hexadecimal, "0x" allowed, up to a blank */
static bool take_hex(struct str *line, uint64_t *ret)
{
	uint64_t v = 0;
	size_t i = str_starts(*line, STR("0x")) ? 2 : 0, first = i;

	for (; i < line->n && isxdigit((unsigned char)line->p[i]); i++) {
		char c = line->p[i];

		v = v << 4 | (uint64_t)(isdigit((unsigned char)c) ? c - '0' : (c | 32) - 'a' + 10);
	}
	if (i == first || i - first > 16 || i == line->n || line->p[i] != ' ')
		return false;
	*ret = v;
	*line = str_sub(*line, i + 1, line->n);
	return true;
}

size_t perfmap_parse(struct perfmap *m, struct str text)
{
	size_t used = 0;

	while (used < text.n) {
		ptrdiff_t nl = str_find_char(text, '\n', used);
		struct perfmap_entry e = { 0 };
		struct str line;

		if (nl < 0)
			break;
		line = str_sub(text, used, (size_t)nl);
		used = (size_t)nl + 1;
		if (!take_hex(&line, &e.start) || !take_hex(&line, &e.size) || line.n == 0)
			continue;
		e.name = arena_str(&m->names, line);
		e.seq = (uint32_t)m->n;
		if (e.size > m->longest)
			m->longest = e.size;
		vec_push(m, e);
	}
	if (used && m->n)
		qsort(m->v, m->n, sizeof(*m->v), compare);
	return used;
}

/* a zombie has no root any more */
static bool has_root(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/root", (int)pid);
	return access(path, F_OK) == 0;
}

/* the process's map file in its root; when it has ended, in ours, and written while it lived. -1: none */
static int open_map(const struct perfmap *m, struct stat *st)
{
	bool has_ended = !has_root(m->pid);
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)m->ns_pid);
	fd = proc_open_in_root(has_ended ? getpid() : m->pid, path, false);
	if (fd < 0)
		return -1;
	if (fstat(fd, st) || (has_ended && st->st_mtim.tv_sec + MET_LATE < m->since)) {
		close(fd);
		return -1;
	}
	return fd;
}

static void read_more(struct perfmap *m, int fd, size_t want, struct strbuf *text)
{
	vec_grow((void **)&text->p, &text->cap, want, 1);
	while (text->n < want) {
		ssize_t n = pread(fd, text->p + text->n, want - text->n,
				  (off_t)(m->read_to + text->n));

		if (n <= 0 && !(n < 0 && errno == EINTR))
			break;
		if (n > 0)
			text->n += (size_t)n;
	}
}

bool perfmap_update(struct perfmap *m)
{
	STRBUF_AUTO text = { 0 };
	FD_AUTO fd = -1;
	struct stat st;
	size_t want;

	fd = open_map(m, &st);
	if (fd < 0)
		return false;
	if (!m->uid_known)
		m->uid = proc_uid(m->pid, &m->uid_known);
	m->refused = st.st_uid != 0 && !(m->uid_known && st.st_uid == m->uid);
	if (m->refused)
		return false;
	if (st.st_dev != m->dev || st.st_ino != m->ino || (uint64_t)st.st_size < m->read_to) {
		m->dev = st.st_dev; /* the first time, or written anew */
		m->ino = st.st_ino;
		m->read_to = 0;
	}
	if ((uint64_t)st.st_size == m->read_to || m->read_to >= READ_LIMIT)
		return false;
	want = (size_t)st.st_size - m->read_to;
	read_more(m, fd, want < READ_LIMIT ? want : READ_LIMIT, &text);
	want = perfmap_parse(m, strbuf_str(&text));
	m->read_to += want;
	return want != 0;
}

const struct perfmap_entry *perfmap_at(const struct perfmap *m, uint64_t addr)
{
	const struct perfmap_entry *best = NULL;
	size_t lo = 0, hi = m->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (m->v[mid].start <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	/* of all that cover the address, the one that was written last */
	while (lo-- > 0 && addr - m->v[lo].start < m->longest)
		if (addr - m->v[lo].start < m->v[lo].size && (!best || m->v[lo].seq > best->seq))
			best = &m->v[lo];
	return best;
}
