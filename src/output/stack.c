/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stacks as text, leaf first, one frame a line, in the four modes:
 *
 *   bpftrace  8 spaces, name+offset, @file:line where that is known; [inlined] functions on lines before it
 *   perf      tab, address, name+offset, user stacks: (object)
 *   raw       address
 *   build_id  id of the object in hexadecimal, offset in the file
 *
 * What is not known prints as the address; a stack whose frames were not kept (the stack map was full) says so.
 */
#include "output/value.h"

#include "base/cleanup.h"

#include <inttypes.h>

#define MAX_FRAMES 1024
#define UNWIND_FAILED IMAGE_UNWIND_FAILED
#define PADDING "        "

/* as C++ streams write a pointer, which is what bpftrace's users see: 0 has no prefix */
void value_put_address(uint64_t addr, struct strbuf *out)
{
	strbuf_printf(out, addr ? "0x%" PRIx64 : "%" PRIx64, addr);
}

static bool find_symbol(const struct value_env *env, bool is_user, uint32_t pid, uint64_t addr,
			struct output_symbol *sym)
{
	const struct output_symbols *s = env->symbols;

	*sym = (struct output_symbol){ 0 };
	if (!s)
		return false;
	if (is_user)
		return s->user && s->user(s->arg, pid, addr, sym);
	return s->kernel && s->kernel(s->arg, addr, sym);
}

/* a frame to be printed, and what is known of the one that it called */
struct frame {
	const struct type *type;
	uint32_t pid;
	uint64_t addr;
	bool is_call; /* addr is where a call returns to */
};

static void put_place(const struct output_line *l, struct strbuf *out)
{
	if (l->file.n)
		strbuf_printf(out, "@%.*s:%u", STR_ARG(l->file), l->line);
}

/* the functions that were inlined at the address, each a line of its own; gives the last one's place */
static const struct output_line *put_inlined(const struct value_env *env, enum value_form form,
					     const struct frame *f, struct strbuf *out)
{
	const struct output_symbols *s = env->symbols;
	bool is_perf = f->type->stack_mode == STACK_MODE_PERF;
	const struct output_line *l;
	size_t n = 0;

	if (f->type->kind != TYPE_USTACK || !s || !s->lines)
		return NULL;
	l = s->lines(s->arg, f->pid, f->addr, f->is_call, &n);
	for (; n && l->is_inlined; l++, n--) {
		if (is_perf) {
			strbuf_printf(out, "\t%" PRIx64 " %.*s (inlined)\n", f->addr,
				      STR_ARG(l->func));
			continue;
		}
		strbuf_printf(out, "%s[inlined] %.*s", form == VALUE_COMPACT ? "" : PADDING,
			      STR_ARG(l->func));
		put_place(l, out);
		strbuf_putc(out, '\n');
	}
	return n ? l : NULL;
}

/* true: a function from which the kernel returns out of a signal; above it stands no call */
static bool put_symbol(const struct value_env *env, bool is_user, uint32_t pid, uint64_t addr,
		       bool with_module, struct strbuf *out)
{
	struct output_symbol sym;

	if (!find_symbol(env, is_user, pid, addr, &sym))
		sym = (struct output_symbol){ 0 };
	if (sym.name.n) {
		strbuf_add_str(out, sym.name);
		strbuf_printf(out, "+%" PRIu64, sym.offset);
	} else {
		value_put_address(addr, out);
	}
	if (with_module && is_user)
		strbuf_printf(out, " (%.*s)",
			      STR_ARG(sym.module.n ? sym.module : STR("[unknown]")));
	return str_is(sym.name, "__restore_rt");
}

static void put_build_id(const struct value_env *env, uint32_t pid, uint64_t addr,
			 struct strbuf *out)
{
	uint8_t id[64];
	uint64_t offset;
	size_t n = 0;

	if (env->symbols && env->symbols->build_id)
		n = env->symbols->build_id(env->symbols->arg, pid, addr, id, &offset);
	for (size_t i = 0; i < n; i++)
		strbuf_printf(out, "%02x", id[i]);
	if (n)
		strbuf_printf(out, " 0x%02" PRIx64 "\n", offset);
	else
		strbuf_printf(out, "%" PRIx64 "\n", addr);
}

static void put_frame(const struct value_env *env, enum value_form form, struct frame *f,
		      struct strbuf *out)
{
	bool is_user = f->type->kind == TYPE_USTACK, is_signal;
	const struct output_line *place;

	switch (f->type->stack_mode) {
	case STACK_MODE_RAW: strbuf_printf(out, "%" PRIx64 "\n", f->addr); return;
	case STACK_MODE_BUILD_ID: put_build_id(env, f->pid, f->addr, out); return;
	case STACK_MODE_PERF:
		put_inlined(env, form, f, out);
		strbuf_printf(out, "\t%" PRIx64 " ", f->addr);
		is_signal = put_symbol(env, is_user, f->pid, f->addr, true, out);
		break;
	default:
		place = put_inlined(env, form, f, out);
		if (form != VALUE_COMPACT)
			strbuf_puts(out, PADDING);
		is_signal = put_symbol(env, is_user, f->pid, f->addr, false, out);
		if (place)
			put_place(place, out);
	}
	strbuf_putc(out, '\n');
	f->is_call = !is_signal;
}

/* a stack that the consumer unwound: see symbols.h */
static uint32_t unwound_frames(const struct value_env *env, const struct type *t, uint64_t *hash,
			       uint64_t *frames, uint32_t max)
{
	const struct output_symbols *s = env->symbols;

	if (t->kind != TYPE_USTACK || !s || !s->unwound)
		return 0;
	return s->unwound(s->arg, hash, frames, max);
}

bool value_has_user_stack(const struct type *t)
{
	if (t->kind == TYPE_USTACK)
		return true;
	if (t->kind == TYPE_ARRAY)
		return value_has_user_stack(t->elem);
	for (uint32_t i = 0; (t->kind == TYPE_TUPLE || t->kind == TYPE_RECORD) && i < t->n_fields;
	     i++)
		if (value_has_user_stack(t->fields[i].type))
			return true;
	return false;
}

void value_settle_stacks(const struct value_env *env, const struct type *t, void *data)
{
	struct stored_stack s;
	uint32_t n;

	if (t->kind == TYPE_USTACK) {
		memcpy(&s, data, sizeof(s));
		n = unwound_frames(env, t, &s.hash, NULL, s.n_frames);
		if (n)
			s.n_frames = n;
		memcpy(data, &s, sizeof(s));
	}
	for (uint32_t i = 0; (t->kind == TYPE_TUPLE || t->kind == TYPE_RECORD) && i < t->n_fields;
	     i++)
		value_settle_stacks(env, t->fields[i].type, (char *)data + t->fields[i].offset);
}

/* the frames, leaf first; *n of them, NULL when they were not kept. The caller frees them */
static uint64_t *load_frames(const struct value_env *env, const struct type *t, const void *data,
			     uint32_t *pid, uint32_t *n)
{
	struct stored_stack s;
	uint64_t *frames;
	uint32_t unwound;

	memcpy(&s, data, sizeof(s));
	*pid = s.pid;
	*n = s.n_frames < t->count ? s.n_frames : t->count;
	if (*n > MAX_FRAMES)
		*n = MAX_FRAMES;
	frames = base_alloc((*n + 1) * sizeof(*frames));
	if (!*n)
		return frames;
	unwound = unwound_frames(env, t, &s.hash, frames, *n);
	if (unwound)
		*n = unwound;
	else if (!env->stack || !env->stack(env->stack_arg, s.hash, frames, *n)) {
		free(frames);
		return NULL;
	}
	return frames;
}

void value_put_stack(const struct value_env *env, enum value_form form, const struct type *t,
		     const void *data, struct strbuf *out)
{
	struct frame f = { .type = t };
	uint32_t n;
	FREE_AUTO uint64_t *frames = load_frames(env, t, data, &f.pid, &n);

	strbuf_putc(out, '\n');
	if (!frames) {
		strbuf_puts(out, PADDING "<stack not kept>\n");
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		if (frames[i] == UNWIND_FAILED) {
			strbuf_puts(out, PADDING "<unwind failure>\n");
			break;
		}
		f.addr = frames[i];
		put_frame(env, form, &f, out);
	}
}

/* the last part of a path */
static struct str base_name(struct str path)
{
	size_t start = path.n;

	while (start > 0 && path.p[start - 1] != '/')
		start--;
	return str_sub(path, start, path.n);
}

/* the function with code of its own; true: see put_symbol */
static bool visit_symbol(const struct value_env *env, const struct frame *f, stack_frame_fn *visit,
			 void *arg)
{
	bool is_user = f->type->kind == TYPE_USTACK;
	struct stack_frame v = { .kind = is_user ? STACK_FRAME_USER : STACK_FRAME_KERNEL };
	STRBUF_AUTO name = { 0 };
	struct output_symbol sym;

	if (!find_symbol(env, is_user, f->pid, f->addr, &sym))
		sym = (struct output_symbol){ 0 };
	if (str_is(sym.module, "perf map"))
		v.kind = STACK_FRAME_JIT;
	v.name = sym.name;
	if (!sym.name.n && sym.module.n) {
		strbuf_printf(&name, "[%.*s]", STR_ARG(base_name(sym.module)));
		v.name = strbuf_str(&name);
	} else if (!sym.name.n) {
		v.name = STR("[unknown]");
	}
	visit(arg, &v);
	return str_is(sym.name, "__restore_rt");
}

/* frames of the tracer itself, which stand between the event and the program: no part of what happened */
static bool is_own(const struct value_env *env, uint64_t addr)
{
	static const char *const starts[] = { "bpf_prog_", "bpf_trace_run", "__traceiter_",
					      "perf_trace_run_bpf_submit", "trace_call_bpf" };
	struct output_symbol sym;

	if (!find_symbol(env, false, 0, addr, &sym))
		return false;
	for (size_t i = 0; i < sizeof(starts) / sizeof(*starts); i++)
		if (str_starts(sym.name, str_from(starts[i])))
			return true;
	return false;
}

void value_stack_frames(const struct value_env *env, const struct type *t, const void *data,
			stack_frame_fn *visit, void *arg)
{
	const struct output_symbols *s = env->symbols;
	struct stack_frame mark = { STACK_FRAME_MARK, STR("[stack not kept]") };
	struct frame f = { .type = t };
	uint32_t n, first = 0;
	FREE_AUTO uint64_t *frames = load_frames(env, t, data, &f.pid, &n);

	if (!frames)
		visit(arg, &mark);
	while (frames && t->kind == TYPE_KSTACK && first < n && is_own(env, frames[first]))
		first++;
	for (uint32_t i = first; frames && i < n; i++) {
		const struct output_line *l = NULL;
		size_t n_lines = 0;

		if (frames[i] == UNWIND_FAILED) {
			mark.name = STR("[unwind failure]");
			visit(arg, &mark);
			break;
		}
		f.addr = frames[i];
		if (t->kind == TYPE_USTACK && s && s->lines)
			l = s->lines(s->arg, f.pid, f.addr, f.is_call, &n_lines);
		for (; n_lines && l->is_inlined; l++, n_lines--) {
			struct stack_frame in = { STACK_FRAME_INLINED, l->func };

			visit(arg, &in);
		}
		f.is_call = !visit_symbol(env, &f, visit, arg);
	}
}
