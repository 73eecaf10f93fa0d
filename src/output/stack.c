/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stacks as text, leaf first, one frame a line, in the four modes:
 *
 *   bpftrace  8 spaces, name+offset
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
#define UNWIND_FAILED UINT64_MAX
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

static void put_symbol(const struct value_env *env, bool is_user, uint32_t pid, uint64_t addr,
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

static void put_frame(const struct value_env *env, enum value_form form, const struct type *t,
		      uint32_t pid, uint64_t addr, struct strbuf *out)
{
	bool is_user = t->kind == TYPE_USTACK;

	switch (t->stack_mode) {
	case STACK_MODE_RAW: strbuf_printf(out, "%" PRIx64 "\n", addr); return;
	case STACK_MODE_BUILD_ID: put_build_id(env, pid, addr, out); return;
	case STACK_MODE_PERF:
		strbuf_printf(out, "\t%" PRIx64 " ", addr);
		put_symbol(env, is_user, pid, addr, true, out);
		break;
	default:
		if (form != VALUE_COMPACT)
			strbuf_puts(out, PADDING);
		put_symbol(env, is_user, pid, addr, false, out);
	}
	strbuf_putc(out, '\n');
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
	for (uint32_t i = 0; (t->kind == TYPE_TUPLE || t->kind == TYPE_RECORD) && i < t->n_fields; i++)
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
	for (uint32_t i = 0; (t->kind == TYPE_TUPLE || t->kind == TYPE_RECORD) && i < t->n_fields; i++)
		value_settle_stacks(env, t->fields[i].type, (char *)data + t->fields[i].offset);
}

void value_put_stack(const struct value_env *env, enum value_form form, const struct type *t,
		     const void *data, struct strbuf *out)
{
	struct stored_stack s;
	FREE_AUTO uint64_t *frames = NULL;
	uint32_t n, unwound;

	memcpy(&s, data, sizeof(s));
	n = s.n_frames < t->count ? s.n_frames : t->count;
	if (n > MAX_FRAMES)
		n = MAX_FRAMES;
	strbuf_putc(out, '\n');
	if (!n)
		return;
	frames = base_alloc(n * sizeof(*frames));
	unwound = unwound_frames(env, t, &s.hash, frames, n);
	if (unwound)
		n = unwound;
	else if (!env->stack || !env->stack(env->stack_arg, s.hash, frames, n)) {
		strbuf_puts(out, PADDING "<stack not kept>\n");
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		if (frames[i] == UNWIND_FAILED) {
			strbuf_puts(out, PADDING "<unwind failure>\n");
			break;
		}
		put_frame(env, form, t, s.pid, frames[i], out);
	}
}
