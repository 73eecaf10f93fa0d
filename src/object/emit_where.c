/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a program goes, in the words that libbpf reads from a section's name: "uprobe//usr/bin/app:parse+4". Functions are
 * named as the file's own table of symbols has them.
 */
#include "object/emit_private.h"

#include "base/cleanup.h"
#include "objfile/symtab.h"

#include <linux/bpf.h>

/* what libbpf takes for a function's name */
static bool is_plain(struct str name)
{
	for (size_t i = 0; i < name.n; i++)
		if (!(name.p[i] >= '0' && name.p[i] <= '9') &&
		    !((name.p[i] | 32) >= 'a' && (name.p[i] | 32) <= 'z') && name.p[i] != '_' &&
		    name.p[i] != '.')
			return false;
	return name.n > 0;
}

static struct str where_user(struct emitter *e, const struct image_prog *p,
			     const struct probe_point *at, const char **why)
{
	struct objfile *f = NULL;
	const struct symbol *s;
	struct str ret = STR_NULL;
	const char *kind = probe_is_kernel_return(p->shape) ? "uretprobe" : "uprobe";
	const char *sleeps = p->flags & BPF_F_SLEEPABLE ? ".s" : "";
	STRBUF_AUTO path = { 0 };
	ERR_AUTO err = NULL;

	*why = "no section says a probe with a semaphore at a place in a file";
	if (at->ref_ctr_offset)
		return ret;
	*why = "a section names no file whose name has a colon";
	if (str_find_char(at->path, ':', 0) >= 0)
		return ret;
	*why = "the file has no symbol by which a section could name the place";
	strbuf_add_str(&path, at->path);
	err = objfile_open(strbuf_cstr(&path), &f);
	if (err)
		return ret;
	s = symtab_at(objfile_symtab(f), at->address);
	if (s && is_plain(symbol_name(s)) && at->address == s->addr)
		ret = arena_printf(e->arena, "%s%s/%.*s:%.*s", kind, sleeps, STR_ARG(at->path),
				   STR_ARG(symbol_name(s)));
	else if (s && is_plain(symbol_name(s)) && at->address > s->addr)
		ret = arena_printf(e->arena, "%s%s/%.*s:%.*s+%llu", kind, sleeps, STR_ARG(at->path),
				   STR_ARG(symbol_name(s)),
				   (unsigned long long)(at->address - s->addr));
	objfile_unref(f);
	return ret;
}

/* "tracepoint:syscalls:sys_enter_openat" */
static struct str where_tracepoint(struct emitter *e, const struct probe_point *at)
{
	struct str rest = at->name, kind = str_split(&rest, ':'), category = str_split(&rest, ':');

	(void)kind;
	return arena_printf(e->arena, "tracepoint/%.*s/%.*s", STR_ARG(category), STR_ARG(rest));
}

static struct str where_kernel(struct emitter *e, const char *kind, const struct probe_point *at)
{
	if (at->func_offset)
		return arena_printf(e->arena, "%s/%.*s+%llu", kind, STR_ARG(at->symbol),
				    (unsigned long long)at->func_offset);
	return arena_printf(e->arena, "%s/%.*s", kind, STR_ARG(at->symbol));
}

struct str emit_where(struct emitter *e, const struct image_prog *p, const struct probe_point *at,
		      const char **why)
{
	switch (p->shape->kind) {
	case PROBE_UPROBE:
	case PROBE_URETPROBE:
	case PROBE_USDT: return where_user(e, p, at, why);
	case PROBE_TRACEPOINT: return where_tracepoint(e, at);
	case PROBE_RAWTRACEPOINT:
		return where_kernel(e, p->attach_type == BPF_TRACE_RAW_TP ? "tp_btf" : "raw_tp",
				    at);
	case PROBE_KPROBE: return where_kernel(e, "kprobe", at);
	case PROBE_KRETPROBE: return where_kernel(e, "kretprobe", at);
	case PROBE_FENTRY: return where_kernel(e, "fentry", at);
	case PROBE_FEXIT: return where_kernel(e, "fexit", at);
	case PROBE_ITER: return where_kernel(e, "iter", at);
	case PROBE_PROFILE:
		e->remark(
			e->arg,
			"a section does not say how often to sample: whoever loads the object decides");
		return STR("perf_event");
	default: *why = "no section of an object stands for this kind of probe"; return STR_NULL;
	}
}
