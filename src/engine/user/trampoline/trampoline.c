/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Trampolines; see trampoline.h. A function whose return is noticed is called from here, after its return address was taken off the stack:
 * it finds its arguments where they were, and every call has its return, as processors predict it and shadow stacks demand it.
 */
#include "engine/user/trampoline/trampoline_private.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "engine/user/code/blob.h"
#include "engine/user/code/context_use.h"
#include "engine/user/code/jit.h"
#include "engine/user/rt/fence.h"
#include "engine/user/trampoline/inline.h"

#include <errno.h>
#include <stddef.h>

enum {
	/* what functions of the System V convention may write */
	CALL_CLOBBERED = 1 << X_RAX | 1 << X_RCX | 1 << X_RDX | 1 << X_RSI | 1 << X_RDI |
			 1 << X_R8 | 1 << X_R9 | 1 << X_R10 | 1 << X_R11,
	CALL_BYTES = 5, /* of call rel32 */
};

struct trampoline {
	struct x86 *x;
	const struct trampoline_site *site;
	const struct trampoline_env *env;
	const struct trampoline_prog *prog; /* being compiled */
	const struct frame *frame;          /* and where it runs; NULL: not laid out yet */
	struct frame entry, back;
	struct stack_switch own; /* site.is_on_ours */
	uint32_t helper_stack;   /* of the helper that needs most */
	bool has_tid;            /* in this frame code that asks for the thread stands already */
	bool is_far;
	struct err *error;
};

/* ---- compiling programs ---- */

static bool call_helper(void *arg, struct x86 *x, int32_t helper)
{
	struct trampoline *t = arg;
	int64_t at = blob_helper(helper);

	if (at < 0)
		return false;
	if (blob_stack(helper) > t->helper_stack)
		t->helper_stack = blob_stack(helper);
	t->is_far |= !x86_call_to(x, t->env->blob + (uint64_t)at);
	return true;
}

static uint32_t replace(void *arg, struct x86 *x, const struct jit_place *p)
{
	struct trampoline *t = arg;
	const struct frame *f = t->frame;
	const struct inline_at at = {
		.env = t->env,
		.prog = t->prog,
		.call = call_helper,
		.arg = t,
		.is_on_ours = t->site->is_on_ours,
		.slot_at = f && !f->is_return && !f->sp_at && t->site->has_slot && p->is_piece
				   ? p->below + f->bytes
				   : -1,
		.tid_at = f && f->has_tid && p->is_piece ? p->below + f->tid_at : -1,
		.has_tid = &t->has_tid,
	};

	return inline_helper(&at, p, x);
}

/* what an unverified program may touch, by the maps as the tracer has made them */
static struct rt_fence *fence_of(const struct trampoline *t, const struct trampoline_prog *p,
				 uint32_t *bytes)
{
	struct rt_fence *f;

	*bytes = (uint32_t)(sizeof(*f) + t->env->n_maps * sizeof(*f->maps));
	f = base_alloc(*bytes);
	f->report = p->report;
	f->n_maps = t->env->n_maps;
	for (uint32_t i = 0; i < f->n_maps; i++) {
		const struct trampoline_map *m = &t->env->maps[i];
		const struct rt_map *v = m->view;

		f->maps[i] = (struct rt_fence_map){
			.at = m->at,
			.slots = m->at + (uint64_t)v->tables + RT_TABLE_HEAD,
			.table_bytes = v->table_bytes,
			.stride = v->stride,
			.n_slots = v->n_slots,
			.n_tables = v->n_tables,
			.value_at = v->value_at,
			.value_size = v->value_size,
			.key_size = v->key_size,
			.kind = v->kind,
			.ways = v->kind == RT_MAPS ? RT_FENCE_CLOSED : m->ways,
		};
	}
	return f;
}

static struct err *compile(struct trampoline *t, const struct trampoline_prog *p, struct x86 *x,
			   uint32_t *stack)
{
	struct jit_env env = { .call_helper = call_helper,
			       .replace = replace,
			       .arg = t,
			       .stack = stack,
			       .is_foreign = t->env->is_foreign };
	struct jit_fence fence = { .is_off = p->report + offsetof(struct rt_fence_report, is_off) };
	FREE_AUTO struct rt_fence *table = NULL;

	t->prog = p;
	if (p->report) {
		table = fence_of(t, p, &fence.table_bytes);
		fence.table = table;
		blob_fence(&fence, t->env->blob);
		if (t->frame)
			frame_words(t->frame, &fence.context_from, &fence.context_end);
		env.fence = &fence;
	}
	return jit_compile(p->insns, p->n_insns, &env, x);
}

/* what the programs read and write: they are compiled once for that */
static struct err *look_at(struct trampoline *t, struct frame *f, const struct trampoline_prog *v,
			   uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct x86 x = { .base = t->x->base + x86_here(t->x) };
		uint32_t stack = 0;
		struct err *e = compile(t, &v[i], &x, &stack);

		f->saved |= x.written | 1u << X_RDI;
		f->shown |= context_use(v[i].insns, v[i].n_insns);
		f->prog_stack = stack > f->prog_stack ? stack : f->prog_stack;
		f->n_tids += inline_count(v[i].insns, v[i].n_insns, BPF_FUNC_get_current_pid_tgid);
		x86_free(&x);
		if (e)
			return e;
	}
	return NULL;
}

/* ---- bodies ---- */

static void put_guard(struct trampoline *t, uint32_t out)
{
	const struct trampoline_env *env = t->env;

	t->is_far |= !x86_cmp_zero_at(t->x, env->area + offsetof(struct rt_area, is_on));
	x86_jump(t->x, X_E, out);
	t->is_far |= !x86_cmp_zero_at(t->x, env->private + offsetof(struct rt_private, is_mine));
	x86_jump(t->x, X_E, out);
}

static void put_programs(struct trampoline *t, const struct frame *f,
			 const struct trampoline_prog *v, uint32_t n)
{
	struct x86 *x = t->x;

	t->frame = f;
	t->has_tid = false;
	if (f->has_tid && n)
		x86_store_imm(x, 8, X_RSP, f->tid_at, 0);
	for (uint32_t i = 0; i < n && !t->error; i++) {
		if (frame_shows_ip(f) && !f->is_return)
			frame_store_ip(x, f, v[i].func_ip);
		x86_lea(x, jit_reg(1), X_RSP, -f->low);
		t->error = compile(t, &v[i], x, NULL);
	}
}

static void put_probe(struct trampoline *t)
{
	const struct frame *f = &t->entry;
	uint32_t out = x86_label(t->x);

	if (!f->has_flags)
		put_guard(t, out);
	frame_put_room(t->x, f);
	if (f->has_flags)
		put_guard(t, out);
	frame_put_words(t->x, f);
	put_programs(t, f, t->site->progs, t->site->n_progs);
	frame_put_registers_back(t->x, f);
	if (f->has_flags)
		x86_place(t->x, out);
	frame_put_flags_back(t->x, f);
	x86_lea(t->x, X_RSP, X_RSP, f->bytes);
	if (!f->has_flags)
		x86_place(t->x, out);
}

/* as put_probe, on a stack of ours */
static void put_probe_on_ours(struct trampoline *t)
{
	const struct frame *f = &t->entry;
	struct stack_switch *w = &t->own;

	w->is_far = false;
	stack_put_begin(w);
	put_guard(t, w->leave);
	stack_put_take(w);
	frame_put_room(t->x, f);
	frame_put_words(t->x, f);
	put_programs(t, f, t->site->progs, t->site->n_progs);
	frame_put_registers_back(t->x, f);
	frame_put_flags_back(t->x, f);
	stack_put_back(w, f->bytes);
	t->is_far |= w->is_far;
}

/* rt_call_open or rt_call_close: (calls, slot, back) */
static void put_table_call(struct trampoline *t, uint64_t function, int32_t slot_at, uint32_t back)
{
	struct x86 *x = t->x;

	if (t->helper_stack < BLOB_STACK)
		t->helper_stack = BLOB_STACK;
	t->is_far |= !x86_lea_at(x, X_RDI, t->env->calls);
	x86_lea(x, X_RSI, X_RSP, slot_at);
	x86_lea_label(x, X_RDX, back);
	t->is_far |= !x86_call_to(x, t->env->blob + function);
}

/* the function has returned to `back`, as if that were the place it was called from */
static void put_return(struct trampoline *t, uint32_t back)
{
	const struct frame *f = &t->back;
	uint32_t out = x86_label(t->x), is_known = x86_label(t->x);
	int32_t slot_at = f->bytes - 8;
	struct x86 *x = t->x;

	frame_put_room(x, f);
	frame_put_words(x, f);
	put_table_call(t, blob_call_close(), slot_at, back);
	x86_test(x, true, X_RAX, X_RAX);
	x86_jump(x, X_NE, is_known);
	/* a return nobody has called for: there is no place to go on */
	x86_trap(x);
	x86_place(x, is_known);
	x86_store(x, 8, X_RSP, slot_at, X_RAX);
	if (frame_shows_ip(f))
		x86_store(x, 8, X_RSP, frame_ip_at(f), X_RAX);
	put_guard(t, out);
	put_programs(t, f, t->site->returns, t->site->n_returns);
	x86_place(x, out);
	frame_put_registers_back(x, f);
	frame_put_flags_back(x, f);
	x86_lea(x, X_RSP, X_RSP, slot_at);
	x86_ret(x);
}

static void put_call(struct trampoline *t)
{
	const struct frame *f = &t->entry;
	struct x86 *x = t->x;
	uint32_t out = x86_label(x), missed = x86_label(x), back = x86_label(x);

	if (!f->has_flags)
		put_guard(t, out);
	frame_put_room(x, f);
	/* flags are dead at entries: kept only because a program looks at them */
	frame_put_words(x, f);
	if (f->has_flags) {
		uint32_t go_on = x86_label(x), leave = x86_label(x);

		put_guard(t, leave);
		x86_jump(x, X_ALWAYS, go_on);
		x86_place(x, leave);
		frame_put_registers_back(x, f);
		x86_lea(x, X_RSP, X_RSP, f->bytes);
		x86_jump(x, X_ALWAYS, out);
		x86_place(x, go_on);
	}
	put_programs(t, f, t->site->progs, t->site->n_progs);
	put_table_call(t, blob_call_open(), f->bytes, back);
	x86_test(x, false, X_RAX, X_RAX);
	frame_put_registers_back(x, f);
	x86_lea(x, X_RSP, X_RSP, f->bytes);
	x86_jump(x, X_E, missed);
	x86_lea(x, X_RSP, X_RSP, 8);
	x86_nops(x, (RT_BACK_REST - CALL_BYTES - (uint32_t)x->base - x86_here(x)) % RT_BACK_ALIGN);
	x86_call(x, out);
	x86_place(x, back);
	put_return(t, back);
	x86_place(x, missed);
	t->is_far |= !x86_lock_inc_at(x, t->env->area + offsetof(struct rt_area, n_missed_calls));
	x86_place(x, out);
}

static void put_body(void *arg, struct x86 *x)
{
	struct trampoline *t = arg;

	(void)x;
	if (t->site->kind == TRAMPOLINE_CALL && t->site->n_returns)
		put_call(t);
	else if (t->site->n_progs && t->site->is_on_ours)
		put_probe_on_ours(t);
	else if (t->site->n_progs)
		put_probe(t);
}

/* ---- the whole ---- */

/* does an instruction of the straight way from the entry look at the return address? It would find ours */
static bool reads_return_address(const struct code *c, uint64_t from)
{
	const struct code_insn *i = code_at(c, from), *end = c->insn + c->n;
	int64_t depth = 0; /* rsp is so far below the slot */

	for (; i && i < end && !(i->flags & CODE_SP_UNKNOWN) && i->kind != CODE_RET; i++) {
		bool is_slot = i->mem_base == CODE_RSP && i->mem_index == CODE_NO_REG &&
			       i->mem_disp == depth;

		if ((is_slot && i->flags & (CODE_MEM_READ | CODE_MEM_WRITE)) ||
		    (depth - i->sp_delta < 0 && i->sp_delta > 0))
			return true;
		if (!code_falls_through(i) || i->kind == CODE_JCC)
			return false;
		if (i->kind != CODE_CALL && i->kind != CODE_CALL_INDIRECT)
			depth -= i->sp_delta;
	}
	return false;
}

static struct err *check(const struct trampoline *t, const struct patch *p, const struct code *c)
{
	if (t->site->kind != TRAMPOLINE_CALL)
		return NULL;
	if (t->site->is_on_ours)
		return err_new(EINVAL, "calls are not made on a stack of ours");
	if (!t->env->calls)
		return err_new(0, "there is no table of open calls");
	if (p->at && p->at != p->site)
		return err_new(0, "its return cannot be noticed: the jump would stand before it");
	if (reads_return_address(c, p->site))
		return err_new(0, "the function looks at its return address");
	return NULL;
}

static struct err *prepare(struct trampoline *t, uint64_t site)
{
	const struct trampoline_site *s = t->site;
	bool is_call = s->kind == TRAMPOLINE_CALL && s->n_returns;

	TRY(look_at(t, &t->entry, s->progs, s->n_progs));
	TRY(look_at(t, &t->back, s->returns, is_call ? s->n_returns : 0));
	t->entry.has_red_zone = s->kind == TRAMPOLINE_INSIDE;
	t->entry.has_flags = t->entry.has_red_zone || s->kind == TRAMPOLINE_GO;
	t->entry.has_direction = t->entry.has_flags && !s->has_slot;
	t->back.is_return = true;
	if (is_call) {
		t->entry.saved |= CALL_CLOBBERED;
		t->back.saved |= CALL_CLOBBERED;
	}
	if (s->is_on_ours) {
		t->own = (struct stack_switch){ .x = t->x, .env = t->env, .site = site };
		TRY(stack_choose(&t->own, s, &t->entry));
		t->entry.sp_at = stack_sp_at(&t->own);
	}
	frame_lay_out(&t->entry);
	frame_lay_out(&t->back);
	return NULL;
}

/* on a stack of ours, too: what lies above the frame is counted */
static uint32_t stack_of(const struct trampoline *t, const struct frame *f)
{
	return (uint32_t)f->bytes + f->prog_stack + t->helper_stack + f->sp_at;
}

struct err *trampoline_emit(struct x86 *x, struct patch *p, const struct code *c,
			    const uint8_t *bytes, const struct trampoline_site *s,
			    const struct trampoline_env *env)
{
	struct trampoline t = { .x = x, .site = s, .env = env };
	size_t before = x->code.n;
	struct err *e = check(&t, p, c);

	if (!e)
		e = prepare(&t, p->site);
	t.is_far = false;
	if (!e)
		e = patch_emit(x, p, c, bytes, put_body, &t);
	if (!e && s->is_on_ours && stack_of(&t, &t.entry) > RT_STACK_BYTES / 2)
		e = err_new(0, "the programs there need %u bytes of stack, one of ours has %u",
			    stack_of(&t, &t.entry), RT_STACK_BYTES / 2);
	if (!e && !t.error && t.is_far)
		e = err_new(0, "the trampoline of 0x%llx is out of reach of what it uses",
			    (unsigned long long)p->site);
	if (t.error && e)
		err_free(e);
	e = t.error ? t.error : e;
	if (e) {
		x->code.n = before;
		x->fixups.n = x->labels.n = 0;
		return e;
	}
	x86_link(x);
	p->stack = stack_of(&t, &t.entry);
	if (stack_of(&t, &t.back) > p->stack)
		p->stack = stack_of(&t, &t.back);
	return NULL;
}

uint32_t trampoline_stack(const struct patch *p)
{
	return p->stack;
}
