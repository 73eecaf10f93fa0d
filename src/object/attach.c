/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the programs of an object go: what the section's name says, or --attach. User probes are attached here, because a
 * process may be named for them; the rest by libbpf. What cannot be attached is told in a sentence that says what to do.
 */
#include "object/object_private.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/syscall.h>

static bool is_kind(struct str kind, const char *a, const char *b)
{
	return str_is(kind, a) || str_is(kind, b);
}

static bool is_user(struct str kind)
{
	return str_starts(kind, STR("uprobe")) || str_starts(kind, STR("uretprobe")) ||
	       str_is(kind, "usdt");
}

/* a file's name may hold colons, what follows it may not */
static struct str cut_last(struct str *s)
{
	struct str tail;
	size_t at = s->n;

	while (at && s->p[at - 1] != ':')
		at--;
	if (!at)
		return STR_NULL;
	tail = str_sub(*s, at, s->n);
	*s = str_sub(*s, 0, at - 1);
	return tail;
}

static struct str cut_number(struct str func, uint64_t *offset)
{
	ptrdiff_t plus = str_find_char(func, '+', 0);

	if (plus < 0 || !str_to_u64(str_sub(func, (size_t)plus + 1, func.n), offset))
		return func;
	return str_sub(func, 0, (size_t)plus);
}

/* the words behind the kind; false: there are too few */
bool object_place_parse(struct str kind, struct str rest, struct object_place *p)
{
	*p = (struct object_place){ .kind = kind,
				    .is_return = str_starts(kind, STR("uretprobe")) ||
						 str_starts(kind, STR("kretprobe")) };
	if (str_is(kind, "usdt")) {
		p->name = cut_last(&rest);
		p->func = cut_last(&rest);
		p->file = rest;
		return p->file.n && p->func.n && p->name.n;
	}
	if (is_user(kind)) {
		p->func = cut_last(&rest);
		p->file = rest;
		if (!p->func.n) { /* --attach x=uprobe:FUNCTION: of the process of -p */
			p->func = rest;
			p->file = STR_NULL;
		}
		p->func = cut_number(p->func, &p->offset);
		return p->func.n > 0;
	}
	if (is_kind(kind, "tracepoint", "tp")) {
		p->func = cut_last(&rest);
		p->file = rest;
		return p->file.n && p->func.n;
	}
	p->func = cut_number(rest, &p->offset);
	return p->func.n > 0;
}

/* "uprobe.s//bin/x:f": the kind, then what stands behind the first slash */
static bool place_of_section(const char *section, struct object_place *p)
{
	struct str rest = str_from(section), kind = str_split(&rest, '/');
	ptrdiff_t dot = str_find_char(kind, '.', 0);

	return object_place_parse(dot < 0 ? kind : str_sub(kind, 0, (size_t)dot), rest, p);
}

static const char *given_place(const struct object *o, const char *program)
{
	for (uint32_t i = 0; i < o->opts.n_attach; i++)
		if (!strcmp(o->opts.attach[i].program, program))
			return o->opts.attach[i].place;
	return NULL;
}

void object_put_program(const struct object *o, pid_t pid, struct strbuf *out)
{
	if (o->opts.program && pid == o->opts.held_pid)
		strbuf_puts(out, o->opts.program);
	else
		strbuf_printf(out, "/proc/%d/exe", (int)pid);
}

bool object_user_place(const struct object *o, const struct bpf_program *p,
		       struct object_place *ret)
{
	const char *given = given_place(o, bpf_program__name(p));
	struct str rest, kind;

	if (!given)
		return place_of_section(bpf_program__section_name(p), ret) && is_user(ret->kind);
	rest = str_from(given);
	kind = str_split(&rest, ':');
	return object_place_parse(kind, rest, ret) && is_user(kind);
}

struct err *object_add_link(struct object *o, struct bpf_program *p, struct bpf_link *l)
{
	if (!l)
		return object_failed(o, errno, "attach '%s' (section \"%s\")", bpf_program__name(p),
				     bpf_program__section_name(p));
	vec_push(&o->links, ((struct object_link){ l, p }));
	return NULL;
}

/* ---- user probes ---- */

static ERR_MUST struct err *attach_user_once(struct object *o, struct bpf_program *p,
					     const struct object_place *at, pid_t pid)
{
	STRBUF_AUTO file = { 0 }, func = { 0 }, name = { 0 };
	LIBBPF_OPTS(bpf_uprobe_opts, opts, .retprobe = at->is_return);

	strbuf_add_str(&file, at->file);
	strbuf_add_str(&func, at->func);
	strbuf_add_str(&name, at->name);
	if (!at->file.n)
		object_put_program(o, pid, &file);
	if (str_is(at->kind, "usdt"))
		return object_add_link(o, p,
				       bpf_program__attach_usdt(p, pid, strbuf_cstr(&file),
								strbuf_cstr(&func),
								strbuf_cstr(&name), NULL));
	opts.func_name = strbuf_cstr(&func);
	return object_add_link(
		o, p,
		bpf_program__attach_uprobe_opts(p, pid, strbuf_cstr(&file), at->offset, &opts));
}

static ERR_MUST struct err *attach_user(struct object *o, struct bpf_program *p,
					const struct object_place *at)
{
	if (!at->file.n && !o->opts.n_pids)
		return err_hint(err_new(0, "'%s': no file is named for '%.*s'",
					bpf_program__name(p), STR_ARG(at->func)),
				"--attach %s=%.*s:FILE:%.*s, or -p PID for the program that it runs",
				bpf_program__name(p), STR_ARG(at->kind), STR_ARG(at->func));
	if (str_is(at->kind, "usdt") && object_operands_are_ours(o))
		return object_attach_operands(o, p);
	if (!o->opts.n_pids)
		return attach_user_once(o, p, at, -1);
	for (uint32_t i = 0; i < o->opts.n_pids; i++)
		TRY(attach_user_once(o, p, at, o->opts.pids[i]));
	return NULL;
}

/* ---- samples ---- */

static ERR_MUST struct err *sample_once(struct object *o, struct bpf_program *p, pid_t pid, int cpu)
{
	struct perf_event_attr attr = { .size = sizeof(attr),
					.type = PERF_TYPE_SOFTWARE,
					.config = PERF_COUNT_SW_CPU_CLOCK,
					.freq = 1,
					.sample_freq = o->opts.hertz };
	int fd = (int)syscall(SYS_perf_event_open, &attr, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC);

	/* a processor that is switched off */
	if (fd < 0 && errno == ENODEV && pid < 0)
		return NULL;
	if (fd < 0)
		return err_new(errno, "sample for '%s'", bpf_program__name(p));
	vec_push(&o->samplers, fd);
	return object_add_link(o, p, bpf_program__attach_perf_event(p, dup(fd)));
}

static ERR_MUST struct err *attach_samples(struct object *o, struct bpf_program *p)
{
	int n = libbpf_num_possible_cpus();

	for (uint32_t i = 0; i < o->opts.n_pids; i++)
		TRY(sample_once(o, p, o->opts.pids[i], -1));
	for (int cpu = 0; !o->opts.n_pids && cpu < n; cpu++)
		TRY(sample_once(o, p, -1, cpu));
	return NULL;
}

/* ---- the rest ---- */

static ERR_MUST struct err *attach_kernel(struct object *o, struct bpf_program *p,
					  const struct object_place *at)
{
	STRBUF_AUTO group = { 0 }, func = { 0 };
	LIBBPF_OPTS(bpf_kprobe_opts, opts, .offset = at->offset, .retprobe = at->is_return);

	strbuf_add_str(&group, at->file);
	strbuf_add_str(&func, at->func);
	if (is_kind(at->kind, "tracepoint", "tp"))
		return object_add_link(
			o, p,
			bpf_program__attach_tracepoint(p, strbuf_cstr(&group), strbuf_cstr(&func)));
	if (is_kind(at->kind, "kprobe", "kretprobe"))
		return object_add_link(
			o, p, bpf_program__attach_kprobe_opts(p, strbuf_cstr(&func), &opts));
	if (is_kind(at->kind, "raw_tracepoint", "raw_tp") || str_is(at->kind, "rawtracepoint"))
		return object_add_link(o, p,
				       bpf_program__attach_raw_tracepoint(p, strbuf_cstr(&func)));
	return err_hint(
		err_new(0, "--attach knows no '%.*s'", STR_ARG(at->kind)),
		"it takes uprobe:, uretprobe:, usdt:, tracepoint:, rawtracepoint:, kprobe:, kretprobe:");
}

static ERR_MUST struct err *attach_given(struct object *o, struct bpf_program *p, const char *text)
{
	struct str rest = str_from(text), kind = str_split(&rest, ':');
	struct object_place at;

	if (!object_place_parse(kind, rest, &at)) /* object_check_given has said so */
		return NULL;
	return is_user(kind) ? attach_user(o, p, &at) : attach_kernel(o, p, &at);
}

/* without securityfs nobody knows: the kernel will say */
static bool has_security_module(void)
{
	FILE_AUTO f = fopen("/sys/kernel/security/lsm", "re");
	char names[512] = "";

	return !f || !fgets(names, sizeof(names), f) || strstr(names, "bpf");
}

/* what keeps libbpf from attaching, in the words of the section; NULL: it may try */
static ERR_MUST struct err *unattachable(const struct bpf_program *p)
{
	const char *section = bpf_program__section_name(p), *name = bpf_program__name(p);

	switch (bpf_program__type(p)) {
	case BPF_PROG_TYPE_KPROBE:
	case BPF_PROG_TYPE_TRACEPOINT:
	case BPF_PROG_TYPE_RAW_TRACEPOINT:
	case BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE: return NULL;
	case BPF_PROG_TYPE_PERF_EVENT:
	case BPF_PROG_TYPE_TRACING: return NULL;
	case BPF_PROG_TYPE_LSM:
		if (has_security_module())
			return NULL;
		return err_hint(
			err_new(0,
				"'%s': the kernel was not started with the security module that section \"%s\" is for",
				name, section),
			"add bpf to the list of the kernel's parameter lsm=");
	default:
		return err_hint(
			err_new(0,
				"'%s': section \"%s\" is no place for tracing, it is not attached",
				name, section),
			"network programs are attached by ip, tc or bpftool");
	}
}

/* neither its section nor --attach says where it belongs */
static bool is_unplaced(const struct object *o, const struct bpf_program *p)
{
	enum bpf_prog_type t = bpf_program__type(p);

	return (t == BPF_PROG_TYPE_KPROBE || t == BPF_PROG_TYPE_TRACEPOINT ||
		t == BPF_PROG_TYPE_RAW_TRACEPOINT || t == BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE) &&
	       !strchr(bpf_program__section_name(p), '/') && !given_place(o, bpf_program__name(p));
}

/* one error for all such: their loaders know, and we do not. NULL: there are none */
static struct err *unplaced(const struct object *o)
{
	const struct bpf_program *first = NULL;
	STRBUF_AUTO names = { 0 };
	struct bpf_program *p;
	const char *section;
	uint32_t n = 0;

	bpf_object__for_each_program(p, o->bpf)
	{
		if (!bpf_program__autoload(p) || !is_unplaced(o, p))
			continue;
		first = first ? first : p;
		strbuf_printf(&names, n++ ? ", %s" : "%s", bpf_program__name(p));
	}
	if (!n)
		return NULL;
	section = bpf_program__section_name(first);
	return err_hint(
		n > 1 ? err_new(0, "the sections of %u programs do not say where they belong: %s",
				n, strbuf_cstr(&names))
		      : err_new(0, "'%s': its section \"%s\" does not say where it belongs",
				strbuf_cstr(&names), section),
		"say it with --attach %s=%s:...", bpf_program__name(first), section);
}

static ERR_MUST struct err *attach_by_section(struct object *o, struct bpf_program *p)
{
	struct object_place at;

	TRY(unattachable(p));
	if (bpf_program__type(p) == BPF_PROG_TYPE_PERF_EVENT)
		return attach_samples(o, p);
	if (place_of_section(bpf_program__section_name(p), &at) && is_user(at.kind))
		return attach_user(o, p, &at);
	return object_add_link(o, p, bpf_program__attach(p));
}

static ERR_MUST struct err *attach_program(struct object *o, struct bpf_program *p)
{
	const char *given = given_place(o, bpf_program__name(p));

	strbuf_clear(&o->log);
	return given ? attach_given(o, p, given) : attach_by_section(o, p);
}

/* of kernel events each process is seen, whatever -p says: the program decides */
static bool is_of_all(const struct object *o, const struct bpf_program *p)
{
	struct object_place at;

	return bpf_program__type(p) != BPF_PROG_TYPE_PERF_EVENT && !object_user_place(o, p, &at);
}

struct err *object_attach(struct object *o, uint32_t *n)
{
	struct err *first;
	struct bpf_program *p;
	bool has_all = false;

	*n = 0;
	if (o->opts.is_user)
		return object_user_attach(o, n);
	TRY(object_budget_begin(o));
	object_pipe_open(o);
	first = unplaced(o);
	bpf_object__for_each_program(p, o->bpf)
	{
		size_t before = o->links.n;
		struct err *err;

		/* it was said */
		if (!bpf_program__autoload(p) || is_unplaced(o, p))
			continue;
		err = attach_program(o, p);
		has_all |= o->links.n > before && is_of_all(o, p);
		if (err && first)
			object_remark_err(o, err);
		else if (err)
			first = err;
	}
	*n = (uint32_t)o->links.n;
	if (has_all && o->opts.n_pids)
		object_remark(
			o,
			"-p and -c restrict user probes and samples; programs of kernel events see every process");
	/* one that is attached is worth a run; the others are told */
	if (first && o->links.n) {
		object_remark_err(o, first);
		first = NULL;
	}
	return first || o->links.n ? first : err_new(0, "'%s' has no programs", o->opts.path);
}
