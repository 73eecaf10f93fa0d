/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * User probes through tracefs, for kernels without uprobe_multi links: one event "sonde_PID/pN_0" to
 * which each site is appended as a probe of its own, and one perf event that the program hangs on.
 * 340 sites attach in 20 ms and detach in 100 ms that way. The sites have one cookie between them;
 * for programs that ask for it sites.c makes a few events of them.
 *
 * Events in tracefs are names, they outlive this process. They are removed on each way out that we
 * see; those of a killed sonde are removed by its keeper (event_keeper.c). They carry its pid in their name, and where
 * the keeper was killed as well, the next sonde that comes here removes them.
 *
 * An event of several sites must never be removed while it is open: the kernel refuses that only for an event of one site, and
 * else frees sites that are still registered, which corrupts its lists (seen with 6.18: a dead machine). Ours are closed before. Others' may be
 * open, of another pid namespace or in a child that was forked: those are taken over first.
 */
#include "engine/kernel/kernel.h"

#include "base/cleanup.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>

#define GROUP_PREFIX "sonde_"

static int open_events(int flags)
{
	const char *dir = sys_tracefs();
	char path[128];

	if (!dir) {
		errno = ENOENT;
		return -1;
	}
	snprintf(path, sizeof(path), "%s/uprobe_events", dir);
	return open(path, flags | O_CLOEXEC);
}

/* one command to uprobe_events; 0 or an errno */
static int write_command(int fd, struct strbuf *line)
{
	return write(fd, line->p, line->n) == (ssize_t)line->n ? 0 : errno;
}

static int remove_event(int fd, struct str name)
{
	STRBUF_AUTO line = { 0 };

	strbuf_printf(&line, "-:%.*s\n", STR_ARG(name));
	return write_command(fd, &line);
}

/* "p:sonde_41/p3 /path:0x10": whose it is, 0 for nobody's of ours; its name "sonde_41/p3" */
static int32_t maker_of(struct str line, struct str *name)
{
	struct str pid;
	int64_t n;

	str_split(&line, ':');
	*name = str_split(&line, ' ');
	if (!str_starts(*name, STR(GROUP_PREFIX)))
		return 0;
	pid = str_sub(*name, strlen(GROUP_PREFIX), name->n);
	pid = str_split(&pid, '/');
	return str_to_i64(pid, &n) && n > 0 && n <= INT32_MAX ? (int32_t)n : 0;
}

static bool write_event_file(struct str name, const char *file, const char *text)
{
	STRBUF_AUTO path = { 0 };
	size_t n = strlen(text);
	bool done;
	int fd;

	strbuf_printf(&path, "%s/events/%.*s/%s", sys_tracefs(), STR_ARG(name), file);
	fd = open(strbuf_cstr(&path), O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	done = write(fd, text, n) == (ssize_t)n;
	close(fd);
	return done;
}

/*
 * Whether nobody has the event open, by the kernel's own word: it is on for perf or for tracefs, never for both, so that it can be
 * switched on there only when it is not open. What would be recorded in that moment is filtered out.
 */
static bool is_free(struct str name)
{
	return write_event_file(name, "filter", "common_pid == -1") &&
	       write_event_file(name, "enable", "1") && write_event_file(name, "enable", "0");
}

/* the events of that process, or (0) of all that are gone; false: not all of them, or they could not be listed */
static bool remove_left(int fd, pid_t of)
{
	STRBUF_AUTO list = { 0 };
	char path[128];
	struct str rest, last = STR_NULL;
	bool all = true;

	snprintf(path, sizeof(path), "%s/uprobe_events", sys_tracefs());
	if (!sys_read_file(path, &list))
		return false;
	rest = strbuf_str(&list);
	while (rest.n) {
		struct str name, line = str_split(&rest, '\n');
		int32_t maker = maker_of(line, &name);

		/* an event of many probes is many lines and one removal */
		if (!maker || (of ? maker != of : sys_process_exists(maker)) || str_eq(name, last))
			continue;
		last = name;
		if (!is_free(name) || remove_event(fd, name))
			all = false;
		else
			log_verbose("removed the uprobe event '%.*s' of a sonde that has died",
				    STR_ARG(name));
	}
	return all;
}

/* by the keeper, when its sonde was killed */
static bool remove_names(pid_t of)
{
	FD_AUTO fd = open_events(O_WRONLY | O_APPEND);

	return fd >= 0 && remove_left(fd, of);
}

static void trace_event_add(struct engine *e, const char *name)
{
	struct kernel_trace_event ev = { .name = base_strdup(name), .group = e->group };

	e->n_named++;
	vec_push(&e->trace_events, ev);
}

/* append a site; blanks in paths end them for the kernel, so those are refused here */
static struct err *add_site(int fd, const char *name, const struct probe_shape *shape,
			    const struct probe_point *p)
{
	STRBUF_AUTO line = { 0 };
	int code;

	if (str_find_char(p->path, ' ', 0) >= 0)
		return err_new(0, "tracefs takes no path with a blank: '%.*s'", STR_ARG(p->path));
	strbuf_printf(&line, "%c:%s %.*s:0x%llx", probe_is_kernel_return(shape) ? 'r' : 'p', name,
		      STR_ARG(p->path), (unsigned long long)p->file_offset);
	if (p->ref_ctr_offset)
		strbuf_printf(&line, "(0x%llx)", (unsigned long long)p->ref_ctr_offset);
	strbuf_putc(&line, '\n');
	code = write_command(fd, &line);
	if (!code)
		return NULL;
	return sys_err_explain(err_new(code, "probe offset 0x%llx of '%.*s'",
				       (unsigned long long)p->file_offset, STR_ARG(p->path)));
}

/*
 * A perf event for each process, all with the number of the group as their cookie. The program hangs on the first and runs for all of them: they are
 * one event to the kernel, which refuses a program twice; the others only let their process in.
 */
static struct err *open_event(struct engine *e, uint32_t prog, uint32_t group, const char *name,
			      const struct probe_point *first)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_TRACEPOINT,
					.disabled = 1,
					.sample_period = 1 };
	struct probe_point of_group = *first;
	struct sys_ints pids = { 0 };
	struct err *err = NULL;
	char path[192];
	int64_t id;

	snprintf(path, sizeof(path), "%s/events/%s/id", sys_tracefs(), name);
	id = sys_read_number(path);
	if (id < 0)
		return err_new(errno, "read '%s'", path);
	attr.config = (uint64_t)id;
	of_group.cookie = group;
	kernel_point_pids(e, first, &pids);
	for (size_t i = 0; i < (pids.n ? pids.n : 1) && !err; i++) {
		int fd = sys_perf_event_open(&attr, pids.n ? pids.v[i] : -1, pids.n ? -1 : 0);

		if (fd < 0)
			err = sys_err_explain(err_new(errno, "open the uprobe event '%s'", name));
		else if (i == 0)
			err = kernel_link_perf(e, prog, fd, &of_group);
		else
			kernel_link_add(
				e, (struct kernel_link){ .fd = -1, .perf_fd = fd, .prog = prog });
		if (i > 0 && !err && ioctl(fd, PERF_EVENT_IOC_ENABLE, 0) < 0)
			err = err_new(errno, "enable the uprobe event '%s'", name);
	}
	vec_free(&pids);
	return err;
}

/* the points of one group; there is one group where the program does not ask for its site */
static struct err *attach_group(struct engine *e, uint32_t prog, uint32_t group, int fd,
				struct engine_attach_result *res)
{
	const struct probe_shape *shape = e->image->progs[prog]->shape;
	const uint32_t *group_of = e->progs[prog].group;
	uint32_t n_added = 0, n_counted = 0, first = 0;
	struct err *err;
	char name[64];

	snprintf(name, sizeof(name), GROUP_PREFIX "%d/p%u_%u", (int)getpid(), e->n_named, group);
	trace_event_add(e, name); /* first, so that it is removed on any way out */
	for (uint32_t i = 0; i < shape->n_points; i++) {
		if (group_of && group_of[i] != group)
			continue;
		err = add_site(fd, name, shape, &shape->points[i]);
		if (err) {
			TRY(kernel_attach_failed(e, prog, &shape->points[i], err, res));
			continue;
		}
		if (!n_added++)
			first = i;
		n_counted += !shape->points[i].is_repeat;
	}
	if (!n_added)
		return NULL;
	err = open_event(e, prog, group, name, &shape->points[first]);
	if (err)
		return kernel_attach_failed(e, prog, &shape->points[first], err, res);
	res->n_attached += n_counted;
	return NULL;
}

struct err *kernel_uprobe_event_attach(struct engine *e, uint32_t prog,
				       struct engine_attach_result *res)
{
	FD_AUTO fd = open_events(O_WRONLY | O_APPEND);
	uint32_t n_groups = e->progs[prog].group ? e->progs[prog].n_groups : 1;

	if (fd < 0)
		return sys_err_explain(err_new(errno, "open uprobe_events of tracefs"));
	if (!e->trace_events.n)
		remove_left(fd, 0);
	if (e->keeper_fd < 0)
		e->keeper_fd = kernel_event_keeper_start(remove_names);
	if (e->keeper_fd < 0)
		log_verbose("no process could be made that removes the uprobe events if this one is killed: %s",
			    strerror(errno));
	for (uint32_t group = 0; group < n_groups; group++)
		TRY(attach_group(e, prog, group, fd, res));
	return NULL;
}

static void remove_each(struct engine *e, size_t from, const uint32_t *group)
{
	FD_AUTO fd = e->trace_events.n > from ? open_events(O_WRONLY | O_APPEND) : -1;
	size_t n = from;

	for (size_t i = from; i < e->trace_events.n; i++) {
		struct kernel_trace_event *ev = &e->trace_events.v[i];
		int code = EBADF;

		if (group && ev->group != *group) {
			e->trace_events.v[n++] = *ev;
			continue;
		}
		if (fd >= 0)
			code = remove_event(fd, str_from(ev->name));
		if (code && code != ENOENT)
			log_verbose("the uprobe event '%s' could not be removed: %s", ev->name,
				    strerror(code));
		free(ev->name);
	}
	e->trace_events.n = n;
	if (n)
		return;
	vec_free(&e->trace_events);
	kernel_event_keeper_end(e->keeper_fd);
	e->keeper_fd = -1;
}

void kernel_uprobe_events_remove(struct engine *e, size_t from)
{
	remove_each(e, from, NULL);
}

void kernel_uprobe_group_remove(struct engine *e, uint32_t group)
{
	remove_each(e, 0, &group);
}
