/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What programs say by bpf_printk. In a process it comes by the ring. In the kernel it goes to the buffers of its tracing, as an event that every
 * program of the machine makes. Such a buffer gives each line to one reader, so we make one of our own (an instance) and take it away at the
 * end; what a killed run has left is taken away by the next one. Where that cannot be made it is the machine's one trace pipe, and lines from before
 * the attachment are dropped. Nothing is read unless a program of the object calls the helper.
 */
#include "object/object_private.h"

#include "output/json.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#define INSTANCE "sonde-"

static bool calls_printk(const struct bpf_program *p)
{
	const struct bpf_insn *insns = bpf_program__insns(p);
	size_t n = bpf_program__insn_cnt(p);

	for (size_t i = 0; i < n; i++)
		if (insns[i].code == (BPF_JMP | BPF_CALL) && !insns[i].src_reg &&
		    (insns[i].imm == BPF_FUNC_trace_printk ||
		     insns[i].imm == BPF_FUNC_trace_vprintk))
			return true;
	return false;
}

bool object_says_lines(const struct object *o)
{
	struct bpf_program *p;

	bpf_object__for_each_program(p, o->bpf) if (calls_printk(p)) return true;
	return false;
}

static void drop_old(struct object *o)
{
	char piece[16384];

	while (read(o->pipe, piece, sizeof(piece)) > 0)
		;
}

/* "sonde-4711" of a process that has ended. One that is read by somebody in another pid namespace cannot be taken away */
static void remove_left(const char *folder)
{
	DIR *dir = opendir(folder);
	const struct dirent *d;

	while (dir && (d = readdir(dir))) {
		struct str name = str_from(d->d_name);
		uint64_t pid;

		if (str_starts(name, STR(INSTANCE)) &&
		    str_to_u64(str_sub(name, sizeof(INSTANCE) - 1, name.n), &pid) && pid &&
		    pid <= INT32_MAX && kill((pid_t)pid, 0) && errno == ESRCH)
			unlinkat(dirfd(dir), d->d_name, AT_REMOVEDIR);
	}
	if (dir)
		closedir(dir);
}

static bool write_one(const char *folder, const char *file)
{
	STRBUF_AUTO path = { 0 };
	FD_AUTO fd = -1;

	strbuf_printf(&path, "%s/%s", folder, file);
	fd = open(strbuf_cstr(&path), O_WRONLY | O_CLOEXEC);
	return fd >= 0 && write(fd, "1", 1) == 1;
}

static int open_pipe(const char *folder)
{
	STRBUF_AUTO path = { 0 };

	strbuf_printf(&path, "%s/trace_pipe", folder);
	return open(strbuf_cstr(&path), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
}

/* a buffer of our own under a folder of the kernel's tracing */
static void make_instance(struct object *o, const char *tracing)
{
	struct strbuf *path = &o->instance;

	strbuf_printf(path, "%s/instances", tracing);
	remove_left(strbuf_cstr(path));
	strbuf_printf(path, "/" INSTANCE "%d", (int)getpid());
	if (mkdir(strbuf_cstr(path), 0700)) {
		strbuf_free(path);
		return;
	}
	if (write_one(strbuf_cstr(path), "events/bpf_trace/bpf_trace_printk/enable"))
		o->pipe = open_pipe(strbuf_cstr(path));
	if (o->pipe < 0)
		object_pipe_close(o);
}

void object_pipe_open(struct object *o)
{
	static const char *const folders[] = { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" };
	bool is_wanted = object_says_lines(o);

	for (size_t i = 0; is_wanted && o->pipe < 0 && i < sizeof(folders) / sizeof(*folders); i++)
		make_instance(o, folders[i]);
	for (size_t i = 0; is_wanted && o->pipe < 0 && i < sizeof(folders) / sizeof(*folders);
	     i++) {
		o->pipe = open_pipe(folders[i]);
		if (o->pipe >= 0)
			drop_old(o);
	}
	if (is_wanted && o->pipe < 0)
		object_remark(
			o,
			"what the programs say by bpf_printk is not shown: the trace pipe cannot be opened");
}

void object_pipe_close(struct object *o)
{
	if (o->pipe >= 0)
		close(o->pipe);
	o->pipe = -1;
	if (o->instance.n)
		rmdir(strbuf_cstr(&o->instance));
	strbuf_free(&o->instance);
}

/* "   name-with blanks-4711   [001] d..31  9.123456: bpf_trace_printk: text" */
static bool cut_line(struct str line, struct str *comm, struct str *pid, struct str *text)
{
	static const char mark[] = ": bpf_trace_printk: ";
	ptrdiff_t at = str_find(line, STR(mark)), cpu = str_find(line, STR(" [")), dash;
	struct str who;

	if (at < 0 || cpu < 0 || cpu > at)
		return false;
	*text = str_sub(line, (size_t)at + sizeof(mark) - 1, line.n);
	who = str_trim(str_sub(line, 0, (size_t)cpu));
	for (dash = (ptrdiff_t)who.n - 1; dash >= 0 && who.p[dash] != '-'; dash--)
		;
	if (dash < 0)
		return false;
	*comm = str_sub(who, 0, (size_t)dash);
	*pid = str_sub(who, (size_t)dash + 1, who.n);
	return true;
}

static void put_text(struct object *o, struct str comm, struct str pid, struct str text)
{
	STRBUF_AUTO out = { 0 };

	if (o->opts.is_json) {
		strbuf_puts(&out, "{\"type\": \"printk\", \"comm\": ");
		json_put_string(&out, comm);
		strbuf_printf(&out, ", \"pid\": %.*s, \"data\": ", STR_ARG(pid));
		json_put_string(&out, text);
		strbuf_puts(&out, "}\n");
	} else {
		strbuf_printf(&out, "%.*s-%.*s: %.*s\n", STR_ARG(comm), STR_ARG(pid),
			      STR_ARG(text));
	}
	o->opts.write(o->opts.arg, strbuf_str(&out));
}

static void put_line(struct object *o, struct str line)
{
	struct str comm, pid, text;

	if (cut_line(line, &comm, &pid, &text))
		put_text(o, comm, pid, text);
}

/* what is in a record a process can have written as it likes */
void object_put_printk(struct object *o, const void *data, uint32_t n)
{
	const struct event_line *line = data;
	struct str comm, text;
	STRBUF_AUTO pid = { 0 };

	if (n < sizeof(*line))
		return;
	n -= (uint32_t)sizeof(*line);
	text = str_make((const char *)(line + 1), line->n < n ? line->n : n);
	comm = str_make(line->comm, strnlen(line->comm, sizeof(line->comm)));
	strbuf_printf(&pid, "%u", line->tid);
	/* a line in the pipe ends, whether its text does or not */
	do {
		struct str one = str_split(&text, '\n');

		put_text(o, comm, strbuf_str(&pid), one);
	} while (text.n);
}

void object_pipe_read(struct object *o)
{
	char piece[16384];
	struct str rest;
	ssize_t n;

	while (o->pipe >= 0 && (n = read(o->pipe, piece, sizeof(piece))) > 0)
		strbuf_add(&o->lines, piece, (size_t)n);
	rest = strbuf_str(&o->lines);
	while (str_find_char(rest, '\n', 0) >= 0)
		put_line(o, str_split(&rest, '\n'));
	n = (ssize_t)rest.n;
	if (n && rest.p != o->lines.p)
		memmove(o->lines.p, rest.p, rest.n);
	o->lines.n = (size_t)n;
}
