/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The options of a run: those that the command line and the tools share, from text; and releasing what was collected. */
#include "session/session.h"

#include <ctype.h>
#include <errno.h>
#include <linux/magic.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>

static ERR_MUST struct err *add_pid(struct session_opts *o, struct str text)
{
	static const char hint[] = "pass the number that ps shows: -p 4711";
	enum { PID_MAX = 4194304 }; /* the kernel's limit */
	char word[32], *end;
	long long pid;

	snprintf(word, sizeof(word), "%.*s", STR_ARG(text));
	pid = strtoll(word, &end, 10);
	if (end == word)
		return err_hint(err_new(0, "Failed to parse pid: invalid integer: %s", word), hint);
	if (*end)
		return err_hint(err_new(0, "Failed to parse pid: invalid trailing bytes: %s", word),
				hint);
	if (pid <= 0 || pid > PID_MAX)
		return err_hint(err_new(0, "Pid out of range: %s", word), hint);
	/* twice the same is one process */
	vec_each(have, &o->pids)
		if (*have == (pid_t)pid)
			return NULL;
	vec_push(&o->pids, (pid_t)pid);
	return NULL;
}

struct err *session_opts_add_pids(struct session_opts *o, const char *text)
{
	struct str rest = str_from(text);

	do {
		TRY(add_pid(o, str_split(&rest, ',')));
	} while (rest.n);
	return NULL;
}

/* the id of a cgroup v2 folder is its inode number */
struct err *session_opts_set_cgroup(struct session_opts *o, const char *path)
{
	struct statfs fs;
	struct stat st;

	if (stat(path, &st) || statfs(path, &fs))
		return err_new(errno, "open cgroup '%s'", path);
	if (!S_ISDIR(st.st_mode) || fs.f_type != CGROUP2_SUPER_MAGIC)
		return err_hint(
			err_new(0, "'%s' is no cgroup", path),
			"pass a folder of the cgroup v2 hierarchy, e.g. /sys/fs/cgroup/system.slice");
	o->cgroup_id = st.st_ino;
	free(o->cgroup_path);
	o->cgroup_path = base_strdup(path);
	return NULL;
}

struct err *session_opts_set_duration(struct session_opts *o, const char *text)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = { { "", 1e9 },   { "s", 1e9 },  { "ms", 1e6 },
		      { "us", 1e3 }, { "m", 60e9 }, { "h", 3600e9 } };
	enum { YEAR_S = 31536000 };
	char *end;
	double n = strtod(text, &end), factor = 0;

	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
		if (!strcmp(end, units[i].unit))
			factor = units[i].ns;
	if (end == text || factor == 0 || !isfinite(n) || n * factor < 1 ||
	    n * factor > YEAR_S * 1e9)
		return err_hint(err_new(0, "'%s' is no duration", text),
				"pass seconds, or a unit behind the number: 5, 0.5, 500ms, 2m");
	o->duration_ns = (uint64_t)(n * factor);
	return NULL;
}

struct err *session_opts_set_max_events(struct session_opts *o, const char *text)
{
	if (!str_to_u64(str_from(text), &o->max_events) || !o->max_events)
		return err_hint(err_new(0, "'%s' is no number of events", text),
				"--max-events takes a number from 1");
	return NULL;
}

struct err *session_opts_set_budget(struct session_opts *o, const char *text)
{
	char *end;
	double n = strtod(text, &end);

	if (end == text || strcmp(end, "%") != 0 || !isfinite(n) || n < 0.001 || n > 10000)
		return err_hint(
			err_new(0, "'%s' is no budget", text),
			"--budget takes percent of one processor, with the sign: 2%%, 0.5%%");
	o->budget = n / 100;
	return NULL;
}

struct err *session_opts_set_engine(struct session_opts *o, const char *text)
{
	static const char *const names[] = {
		[ENGINE_KERNEL] = "kernel",
		[ENGINE_USER] = "user",
		[ENGINE_AUTO] = "auto",
	};

	for (size_t i = ENGINE_KERNEL; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(text, names[i])) {
			o->engine = (enum session_engine)i;
			return NULL;
		}
	return err_hint(err_new(0, "there is no engine '%s'", text),
			"--engine takes kernel, user or auto");
}

struct err *session_opts_set_format(struct session_opts *o, const char *text)
{
	if (!strcmp(text, "text"))
		o->format = OUTPUT_TEXT;
	else if (!strcmp(text, "json"))
		o->format = OUTPUT_JSON;
	else
		return err_hint(err_new(0, "Invalid output format \"%s\"", text),
				"Valid formats: 'text', 'json'");
	return NULL;
}

/* "10M", "500K,3" */
struct err *session_opts_set_rotation(struct session_opts *s, const char *text)
{
	enum { KEEP = 5, KEEP_MAX = 1000 };
	char *end;
	unsigned long long n = isdigit((unsigned char)*text) ? strtoull(text, &end, 10) : 0;
	unsigned shift = 0;

	s->rotate_keep = KEEP;
	if (n && *end)
		switch (*end) {
		case 'k':
		case 'K': shift = 10, end++; break;
		case 'm':
		case 'M': shift = 20, end++; break;
		case 'g':
		case 'G': shift = 30, end++; break;
		default: break;
		}
	if (n && *end == ',' && isdigit((unsigned char)end[1]))
		s->rotate_keep = (unsigned)strtoul(end + 1, &end, 10);
	if (!n || *end || n > UINT64_MAX >> shift || s->rotate_keep > KEEP_MAX)
		return err_hint(
			err_new(0, "cannot understand the size '%s' behind --rotate", text),
			"write bytes, or 500K, 10M, 1G; and how many old files to keep: 10M,3");
	s->rotate_bytes = n << shift;
	return NULL;
}

void session_opts_free(struct session_opts *o)
{
	free(o->cgroup_path);
	vec_free(&o->pids);
	vec_free(&o->include_dirs);
	vec_free(&o->debuginfo);
	vec_free(&o->include_files);
	vec_free(&o->positional);
	vec_free(&o->named);
}
