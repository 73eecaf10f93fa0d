/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a file to loaded programs. libbpf does the work (relocations by the kernel's BTF, maps, the verifier); what it says
 * on the way is kept, and shown only when something fails.
 */
#include "object/object_private.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

/* libbpf's printing has no argument of its own; one object is run at a time */
static struct strbuf *messages;

static int keep_message(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	if (level <= LIBBPF_INFO && messages)
		strbuf_vprintf(messages, fmt, ap);
	return 0;
}

void object_remark(struct object *o, const char *fmt, ...)
{
	STRBUF_AUTO text = { 0 };
	va_list ap;

	va_start(ap, fmt);
	strbuf_vprintf(&text, fmt, ap);
	va_end(ap);
	o->opts.remark(o->opts.arg, strbuf_cstr(&text));
}

void object_remark_err(struct object *o, struct err *err)
{
	STRBUF_AUTO text = { 0 };

	err_format(err, &text);
	if (err_get_hint(err))
		strbuf_printf(&text, " (%s)", err_get_hint(err));
	object_remark(o, "%s", strbuf_cstr(&text));
	err_free(err);
}

/* the end is where the verifier and libbpf say what was wrong */
static struct str last_lines(struct str text, unsigned n)
{
	size_t at = text.n;

	while (at && text.p[at - 1] == '\n')
		at--;
	text.n = at;
	while (at && n) {
		at--;
		n -= text.p[at] == '\n';
	}
	return str_sub(text, n ? 0 : at + 1, text.n);
}

struct err *object_failed(struct object *o, int code, const char *fmt, ...)
{
	struct str said = last_lines(strbuf_str(&o->log), 16);
	STRBUF_AUTO text = { 0 };
	va_list ap;

	va_start(ap, fmt);
	strbuf_vprintf(&text, fmt, ap);
	va_end(ap);
	if (said.n)
		return err_new(code, "%s\n%.*s\n", strbuf_cstr(&text), STR_ARG(said));
	return err_new(code, "%s", strbuf_cstr(&text));
}

const struct type *object_type(struct object *o, uint32_t id)
{
	const struct type *t = o->btf && id ? btfsrc_type(o->btf, id) : NULL;

	if (!t || t->kind == TYPE_VOID || t->kind == TYPE_FUNCTION)
		return NULL;
	if (t->kind == TYPE_STRUCT && !type_complete(t))
		return NULL;
	return t->size ? t : NULL;
}

static void open_types(struct object *o)
{
	struct btf *btf = bpf_object__btf(o->bpf);
	const void *bytes;
	uint32_t n;

	arena_init(&o->arena);
	type_table_init(&o->types, &o->arena);
	if (!btf)
		return;
	bytes = btf__raw_data(btf, &n);
	if (!bytes)
		return;
	o->btf = btfsrc_new_bytes(&o->types, o->opts.path, bytes, n);
	if (!btfsrc_open(o->btf)) {
		btfsrc_free(o->btf);
		o->btf = NULL;
	}
}

/* a function that this kernel does not have: objects bring programs for several kernels */
static const char *missing_function(const struct bpf_program *p)
{
	enum bpf_attach_type type = bpf_program__expected_attach_type(p);
	const char *slash = strchr(bpf_program__section_name(p), '/');

	if (bpf_program__type(p) != BPF_PROG_TYPE_TRACING || !slash ||
	    (type != BPF_TRACE_FENTRY && type != BPF_TRACE_FEXIT && type != BPF_MODIFY_RETURN))
		return NULL;
	return libbpf_find_vmlinux_btf_id(slash + 1, type) < 0 ? slash + 1 : NULL;
}

/* programs that are not loaded: one that the kernel cannot have would keep all the others from it */
static void leave_out(struct object *o)
{
	struct object_place at;
	struct bpf_program *p;
	unsigned n_left = 0;

	bpf_object__for_each_program(p, o->bpf)
		n_left += !missing_function(p) && !object_is_unwanted(o, p) &&
			  (!o->opts.is_user || object_user_place(o, p, &at));
	if (!n_left)
		return; /* loading says why */
	bpf_object__for_each_program(p, o->bpf)
	{
		const char *missing = missing_function(p);
		bool is_unwanted = object_is_unwanted(o, p);

		if (missing && !is_unwanted && !o->opts.is_user)
			object_remark(o, "'%s' is left out: the kernel has no function '%s'",
				      bpf_program__name(p), missing);
		if (missing || is_unwanted || (o->opts.is_user && !object_user_place(o, p, &at)))
			bpf_program__set_autoload(p, false);
	}
	strbuf_clear(&o->log);
}

/* loaders of such objects give these maps their sizes, which are the kernel's, or a matter of taste */
static void size_maps(struct object *o)
{
	enum { STACKS = 10240, MOST_FRAMES = 127 };
	struct bpf_map *m;

	bpf_object__for_each_map(m, o->bpf)
	{
		if (bpf_map__type(m) != BPF_MAP_TYPE_STACK_TRACE || bpf_map__value_size(m))
			continue;
		bpf_map__set_value_size(m, MOST_FRAMES * sizeof(uint64_t));
		if (!bpf_map__max_entries(m))
			bpf_map__set_max_entries(m, STACKS);
		object_remark(o, "'%s' has no size: it is made for %u stacks of %d functions",
			      bpf_map__name(m), bpf_map__max_entries(m), MOST_FRAMES);
	}
}

/* nothing is loaded for nothing */
static ERR_MUST struct err *check_user(const struct object *o)
{
	bool is_any_placed = true;
	struct err *err = o->opts.is_user ? object_user_unplaced(o, &is_any_placed) : NULL;

	if (!is_any_placed)
		return err;
	err_free(err);
	return NULL;
}

struct err *object_open(const struct object_opts *opts, struct object **ret)
{
	struct object *o = base_alloc(sizeof(*o));
	int code;

	o->opts = *opts;
	o->pipe = -1;
	*ret = o;
	messages = &o->log;
	libbpf_set_print(keep_message);
	o->is_unverified = opts->is_user && !object_may_verify();
	if (o->is_unverified)
		TRY(object_open_unverified(o));
	else
		o->bpf = bpf_object__open_file(opts->path, NULL);
	if (!o->bpf)
		return object_failed(o, errno, "open the eBPF object '%s'", opts->path);
	open_types(o);
	object_buffers_find(o);
	libbpf_set_print(keep_message); /* reading types has switched it off */
	TRY(object_check_given(o));
	TRY(object_set_variables(o));
	TRY(check_user(o));
	leave_out(o);
	size_maps(o);
	strbuf_clear(&o->log);
	code = o->is_unverified ? object_load_unverified(o) : bpf_object__load(o->bpf);
	if (code == -EPERM)
		return err_hint(
			object_failed(o, -code, "load the programs of '%s'", opts->path),
			"that wants root or CAP_BPF and CAP_PERFMON; --engine user runs user probes' programs in processes of your own");
	if (code)
		return object_failed(o, -code, "load the programs of '%s'", opts->path);
	if (o->is_unverified)
		object_remark(
			o,
			"the kernel verifies no programs for this user: those of '%s' run fenced, what they do with memory is checked as they run",
			opts->path);
	return o->opts.is_user ? NULL : object_buffers_open(o);
}

void object_detach(struct object *o)
{
	object_user_detach(o);
	vec_each(fd, &o->samplers)
		close(*fd);
	vec_free(&o->samplers);
	vec_each(l, &o->links)
		bpf_link__destroy(l->link);
	vec_free(&o->links);
}

uint64_t object_lost(const struct object *o)
{
	return o->n_lost;
}

void object_free(struct object *o)
{
	if (!o)
		return;
	object_detach(o);
	object_user_free(o->user);
	object_user_free(o->usdt);
	object_budget_free(o);
	object_buffers_free(o);
	object_pipe_close(o);
	bpf_object__close(o->bpf);
	strbuf_free(&o->file);
	btfsrc_free(o->btf);
	if (o->types.arena)
		type_table_free(&o->types);
	arena_free(&o->arena);
	messages = NULL;
	strbuf_free(&o->log);
	strbuf_free(&o->lines);
	free(o);
}
