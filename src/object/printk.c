/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What programs say by bpf_printk. In a process it comes by the ring. In the kernel it goes to the kernel's one trace pipe, which every program of the machine shares and
 * which gives each line to one reader. It is read only when a program of the object calls the helper, and lines from
 * before the attachment are dropped.
 */
#include "object/object_private.h"

#include "output/json.h"

#include <fcntl.h>
#include <string.h>

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

void object_pipe_open(struct object *o)
{
	static const char *const paths[] = { "/sys/kernel/tracing/trace_pipe",
					     "/sys/kernel/debug/tracing/trace_pipe" };
	bool is_wanted = object_says_lines(o);

	for (size_t i = 0; is_wanted && o->pipe < 0 && i < sizeof(paths) / sizeof(*paths); i++)
		o->pipe = open(paths[i], O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (o->pipe >= 0)
		drop_old(o);
	else if (is_wanted)
		object_remark(
			o,
			"what the programs say by bpf_printk is not shown: the trace pipe cannot be opened");
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
