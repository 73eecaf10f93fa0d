/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One program per clause and shape:
 *
 *   is tracing ending? -> leave             (a word in the globals that exit() sets)
 *   filters (-p, --cgroup) -> leave
 *   [claim scratch, set up the frame]       when the predicate needs them
 *   predicate -> leave
 *   [claim scratch, set up the frame]       else here
 *   body
 *   leave: release scratch, return
 *
 * Whether scratch and frame are needed is known only when the body stands, so the claim is put in afterwards, at the
 * place remembered.
 */
#include "ir/build_private.h"

#include <ctype.h>
#include <linux/bpf.h>
#include <stddef.h>

void build_limit(struct builder *b, enum diag_code code, struct span at, const char *fmt, ...)
{
	struct str text;
	va_list ap;

	va_start(ap, fmt);
	text = arena_vprintf(b->arena, fmt, ap);
	va_end(ap);
	diag_error(b->diags, code, at, "%.*s", STR_ARG(text));
}

static uint32_t prog_type(enum probe_kind kind)
{
	switch (kind) {
	case PROBE_UPROBE:
	case PROBE_URETPROBE:
	case PROBE_USDT:
	case PROBE_KPROBE:
	case PROBE_KRETPROBE: return BPF_PROG_TYPE_KPROBE;
	case PROBE_TRACEPOINT: return BPF_PROG_TYPE_TRACEPOINT;
	case PROBE_PROFILE:
	case PROBE_INTERVAL:
	case PROBE_SOFTWARE:
	case PROBE_HARDWARE:
	case PROBE_WATCHPOINT: return BPF_PROG_TYPE_PERF_EVENT;
	case PROBE_ITER:
	case PROBE_FENTRY:
	case PROBE_FEXIT: return BPF_PROG_TYPE_TRACING;
	default:
		return BPF_PROG_TYPE_RAW_TRACEPOINT; /* raw tracepoints, and what is run by test_run */
	}
}

static uint32_t attach_type(enum probe_kind kind)
{
	switch (kind) {
	case PROBE_ITER: return BPF_TRACE_ITER;
	case PROBE_FENTRY: return BPF_TRACE_FENTRY;
	case PROBE_FEXIT: return BPF_TRACE_FEXIT;
	default: return 0;
	}
}

/* probes that the engine cannot restrict to a process: the program tests the process itself */
static bool filters_by_pid(enum probe_kind kind)
{
	switch (kind) {
	case PROBE_TRACEPOINT:
	case PROBE_RAWTRACEPOINT:
	case PROBE_PROFILE:
	case PROBE_SOFTWARE:
	case PROBE_HARDWARE:
	case PROBE_KPROBE:
	case PROBE_KRETPROBE:
	case PROBE_FENTRY:
	case PROBE_FEXIT: return true;
	default: return false;
	}
}

/* iterators end by themselves: exit() lets the walk that it was called in come to its end */
static bool tests_exit(enum probe_kind kind)
{
	return kind != PROBE_BEGIN && kind != PROBE_END && kind != PROBE_TEST &&
	       kind != PROBE_BENCH && kind != PROBE_SELF && kind != PROBE_ITER;
}

static bool is_event_driven(enum probe_kind kind)
{
	return kind != PROBE_BEGIN && kind != PROBE_END && kind != PROBE_TEST &&
	       kind != PROBE_BENCH && kind != PROBE_SELF && kind != PROBE_MESSAGE;
}

static struct str program_name(struct builder *b, enum probe_kind kind, uint32_t n)
{
	static const char *const names[] = {
#define PROVIDER(kind, name, ...) [PROBE_##kind] = name,
#include "probe/providers.def"
#undef PROVIDER
	};

	return arena_printf(b->arena, "%s_%u", names[kind], n);
}

static struct fn_state *fn_new(struct builder *b, struct str name, enum ir_func_kind kind)
{
	struct fn_state *fn = arena_new(b->arena, struct fn_state);
	struct ir_module *m = b->m;

	fn->f = arena_new(b->arena, struct ir_func);
	fn->f->name = name;
	fn->f->kind = kind;
	if (m->n_funcs == m->cap_funcs) {
		uint32_t cap = m->cap_funcs ? m->cap_funcs * 2 : 16;
		struct ir_func **grown = arena_array(b->arena, struct ir_func *, cap);

		if (m->n_funcs)
			memcpy(grown, m->funcs, m->n_funcs * sizeof(*grown));
		m->funcs = grown;
		m->cap_funcs = cap;
	}
	fn->index = m->n_funcs;
	m->funcs[m->n_funcs++] = fn->f;
	return fn;
}

static void fn_done(struct fn_state *fn)
{
	vec_free(&fn->free_slots);
	vec_free(&fn->live_slots);
}

struct fn_state *callback_begin(struct builder *b, enum ir_func_kind kind)
{
	struct str name = arena_printf(b->arena, "%.*s_loop_%u", STR_ARG(b->prog->name),
				       ++b->n_callbacks);
	struct fn_state *cb = fn_new(b, name, kind);

	cb->parent = b->fn;
	cb->is_callback = true;
	cb->f->n_params = kind == IR_FUNC_LOOP ? 2 : 4;
	b->fn = cb;
	b->has_frame = true;
	cb->leave = new_label(b);
	cb->frame = put_param(b, kind == IR_FUNC_LOOP ? 1 : 3);
	cb->scratch = new_vreg(b);
	return cb;
}

/* loads at the start of a callback are put in once it is known that they are needed */
static void insert_front(struct builder *b, struct fn_state *fn, uint32_t at,
			 const struct ir_insn *insns, uint32_t n)
{
	struct ir_func *f = fn->f;
	struct ir_insn *all = arena_array(b->arena, struct ir_insn, f->n + n);

	memcpy(all, f->insn, at * sizeof(*all));
	memcpy(all + at, insns, n * sizeof(*all));
	memcpy(all + at + n, f->insn + at, (f->n - at) * sizeof(*all));
	f->insn = all;
	f->n += n;
	f->cap = f->n;
}

void callback_end(struct builder *b, struct fn_state *cb)
{
	struct ir_insn load = {
		.op = IR_LOAD, .size = 8, .dst = cb->scratch, .a = cb->frame, .off = FRAME_SCRATCH
	};

	put_ret(b, put_imm(b, 0));
	put_label(b, cb->leave); /* stop: the program is to be left */
	put_ret(b, put_imm(b, 1));
	if (cb->uses_frame_scratch)
		insert_front(b, cb, 1, &load, 1);
	b->fn = cb->parent;
	fn_done(cb);
}

void callback_propagate_leave(struct builder *b)
{
	uint32_t flag = put_load(b, frame_base(b), FRAME_LEAVE, 8, false);
	const struct inline_fn *fn = b->inlined;

	if (fn && fn->owner == b->fn && fn->def->returns_in_loop) {
		uint32_t other = new_label(b);

		put_br_imm(b, CC_NE, flag, LEAVE_FN, other);
		put_store_imm(b, frame_base(b), FRAME_LEAVE, 0, 8);
		put_jmp(b, fn->done);
		put_label(b, other);
	}
	put_br_imm(b, CC_NE, flag, 0, b->fn->leave);
}

void build_leave_reg(struct builder *b, uint32_t result)
{
	if (b->fn->is_callback) {
		uint32_t frame = frame_base(b);

		if (result)
			put_store(b, frame, FRAME_RESULT, result, 8);
		put_store_imm(b, frame, FRAME_LEAVE, 1, 8);
	} else if (result) {
		put_mov_to(b, b->main->frame, result); /* main: frame is the result vreg */
	}
	put_jmp(b, b->fn->leave);
}

/* ---- filters ---- */

static void build_exit_test(struct builder *b)
{
	uint32_t word = put_load(
		b, put_map_value(b, b->im->globals_map, offsetof(struct image_globals, exiting)), 0,
		8, false);
	uint32_t go = new_label(b);

	put_br_imm(b, CC_EQ, word, 0, go);
	put_ret(b, put_imm(b, 0));
	put_label(b, go);
}

/* ---- scratch and frame ---- */

/* written into the function as it stands, then moved to its place by the caller */
static void build_claim(struct builder *b)
{
	uint32_t got = new_label(b);
	uint32_t key = put_slot(b, b->frame_slot + 1), zero = put_imm(b, 0), one = put_imm(b, 1);

	for (uint32_t i = 0; i < SCRATCH_ELEMENTS; i++) {
		uint32_t next = new_label(b), elem;

		put_store_imm(b, key, 0, i, 4);
		elem = put_helper(b, BPF_FUNC_map_lookup_elem, put_map(b, b->im->scratch_map), key);
		put_br_imm(b, CC_EQ, elem, 0, next);
		put_mov_to(b, b->main->scratch, elem);
		put_br_imm(b, CC_EQ, put_cmpxchg(b, elem, 0, zero, one), 0, got);
		put_label(b, next);
	}
	fault_count(b, (struct image_fault){ .kind = FAULT_SCRATCH_BUSY, .map = IMAGE_NONE }, 0);
	if (b->uses_stream)
		build_stream_blind(b);
	put_ret(b, put_imm(b, 0));
	put_label(b, got);
}

static void build_frame_setup(struct builder *b)
{
	uint32_t frame = frame_base(b);

	put_store(b, frame, FRAME_CTX, b->main->ctx, 8);
	if (b->uses_scratch)
		put_store(b, frame, FRAME_SCRATCH, b->main->scratch, 8);
	put_store_imm(b, frame, FRAME_LEAVE, 0, 8);
	put_store_imm(b, frame, FRAME_RESULT, 0, 8);
	for (uint32_t off = FRAME_VARS; off < b->frame_bytes; off += 8)
		put_store_imm(b, frame, (int32_t)off, 0, 8);
}

static void make_scratch_map(struct builder *b)
{
	if (b->im->scratch_map != IMAGE_NONE)
		return;
	b->im->scratch_map =
		image_add_map(b->im, (struct image_map){ .name = STR("scratch"),
							 .role = MAP_SCRATCH,
							 .bpf_type = BPF_MAP_TYPE_PERCPU_ARRAY,
							 .key_size = 4,
							 .value_size = 8,
							 .max_entries = SCRATCH_ELEMENTS,
							 .is_per_cpu = true });
}

/* put the claim and the frame's set-up at insn number at of the main function */
static void insert_setup(struct builder *b, uint32_t at)
{
	struct ir_func *f = b->main->f;
	uint32_t before = f->n, n;
	struct ir_insn *setup;

	if (b->uses_scratch) {
		make_scratch_map(b);
		build_claim(b);
	}
	if (b->has_frame)
		build_frame_setup(b);
	n = f->n - before;
	setup = arena_array(b->arena, struct ir_insn, n);
	memcpy(setup, f->insn + before, n * sizeof(*setup));
	f->n = before;
	insert_front(b, b->main, at, setup, n);
}

static void build_way_out(struct builder *b, uint32_t result)
{
	b->at = b->inst->clause->at;
	put_label(b, b->main->leave);
	if (b->has_frame) {
		uint32_t r = put_load(b, frame_base(b), FRAME_RESULT, 8, false);

		result = put_op(b, IR_OR, result, r);
	}
	if (b->uses_scratch)
		put_store_imm(b, b->main->scratch, 0, 0, 8);
	build_budget_end(b);
	put_ret(b, result);
}

/*
 * Slots that must be there whatever else uses up the stack: the frame, whose size is set when all shared variables are
 * known, and behind it the key for claiming scratch.
 */
static void reserve_slots(struct builder *b)
{
	mem_new_bytes(b, 8);
	mem_new_bytes(b, 8);
	b->main->live_slots.n = 0; /* never reused */
	b->frame_slot = b->main->f->n_slots - 2;
	b->frame_bytes = FRAME_VARS;
}

/*
 * The program that events and faults speak of: the first one of the clause. Others of it, also those of later generations, may then
 * be equal to one that is loaded.
 */
static uint32_t clause_program(const struct builder *b, const struct probe_shape *shape,
			       struct span at)
{
	for (uint32_t i = 0; i < b->im->n_progs && at.end; i++) {
		const struct image_prog *p = b->im->progs[i];

		if (p->at.file == at.file && p->at.start == at.start && p->at.end == at.end &&
		    p->shape && p->shape->kind == shape->kind)
			return i;
	}
	return b->im->n_progs;
}

void program_begin(struct builder *b, const struct probe_shape *shape, struct str name,
		   struct span at)
{
	struct image_prog *p = arena_new(b->arena, struct image_prog);

	b->shape = shape;
	b->at = at;
	b->prog = p;
	b->prog_index = clause_program(b, shape, at);
	p->name = name;
	p->prog_type = prog_type(shape->kind);
	p->attach_type = attach_type(shape->kind);
	if (shape->kind == PROBE_RAWTRACEPOINT && b->inst && build_needs_tracing(b->inst) &&
	    shape->n_points && shape->points[0].btf_id) {
		p->prog_type = BPF_PROG_TYPE_TRACING;
		p->attach_type = BPF_TRACE_RAW_TP;
	}
	p->shape = shape;
	p->at = at;
	p->is_in_process = b->opts->is_in_process
				   ? b->opts->is_in_process(b->opts->unwind_arg,
							    b->inst ? b->inst->shape : shape)
				   : b->opts->is_user;
	b->main = b->fn = fn_new(b, name, IR_FUNC_PROGRAM);
	b->scratch_used = b->scratch_peak = b->scratch_floor = 0;
	b->has_frame = b->uses_scratch = b->uses_stream = false;
	b->n_callbacks = 0;
	b->budget_elem = b->budget_weight = b->budget_start = 0;
	b->unwind_at = 0;
	b->inlined = NULL;
	b->m->progs[b->m->n_progs++] = (struct ir_prog){ b->main->index, p };
	b->im->progs[b->im->n_progs++] = p;
	image_begin_prog(b->im, p, b->prog_index);
	p->budget = IMAGE_NONE;
	p->drops_fault = image_add_fault(b->im,
					 (struct image_fault){ .kind = FAULT_RING_FULL,
							       .at = at,
							       .prog = b->prog_index,
							       .map = IMAGE_NONE,
							       .helper = STR("ringbuf_output") });
	b->main->ctx = new_vreg(b);
	b->main->scratch = new_vreg(b);
	b->main->frame = new_vreg(b);
	b->main->leave = new_label(b);
	put_raw(b, (struct ir_insn){ .op = IR_CTX, .dst = b->main->ctx });
}

void program_end(struct builder *b)
{
	fn_done(b->main);
	program_share(b);
}

static void build_filters(struct builder *b)
{
	enum probe_kind kind = b->shape->kind;

	if (tests_exit(kind))
		build_exit_test(b);
	if (build_decides_itself(b->inst))
		return;
	if (b->opts->fork_shape && is_event_driven(kind) && kind != PROBE_INTERVAL &&
	    kind != PROBE_ITER)
		build_follow_filter(b);
	else if (b->opts->n_pids && filters_by_pid(kind))
		build_pid_filter(b);
	if (b->opts->cgroup_id && is_event_driven(kind) && kind != PROBE_INTERVAL &&
	    kind != PROBE_ITER)
		build_cgroup_filter(b);
}

static void check_scratch(struct builder *b)
{
	if (b->scratch_peak + SCRATCH_HEAD > SCRATCH_MAX)
		build_limit(
			b, D_LIMIT_SCRATCH, b->inst->clause->at,
			"this probe needs %u bytes of working memory, the kernel allows %u: use shorter strings "
			"(max_strlen) or fewer of them at a time",
			b->scratch_peak + SCRATCH_HEAD, SCRATCH_MAX);
	if (b->scratch_peak > b->scratch_max)
		b->scratch_max = b->scratch_peak;
}

/* turn the jumps to the way out since insn number from into returns of their own: nothing is claimed yet */
static uint32_t leave_before_setup(struct builder *b, uint32_t from)
{
	struct ir_func *f = b->main->f;
	uint32_t stay = new_label(b), go = new_label(b);

	for (uint32_t i = from; i < f->n; i++)
		if ((f->insn[i].op == IR_BR || f->insn[i].op == IR_JMP) &&
		    f->insn[i].target == b->main->leave)
			f->insn[i].target = stay;
	put_jmp(b, go);
	put_label(b, stay);
	put_ret(b, put_imm(b, 0));
	put_label(b, go);
	return f->n;
}

static void build_program(struct builder *b, const struct clause_inst *inst)
{
	struct mem_mark mark;
	uint32_t result, setup_at;

	b->inst = inst;
	b->homes = arena_array(b->arena, struct var_home, inst->n_vars + 1);
	program_begin(b, inst->shape, program_name(b, inst->shape->kind, inst->index),
		      inst->clause->at);
	result = b->main->frame;
	reserve_slots(b);
	b->budget_first = b->prog_index;
	build_budget_gate(b);
	build_filters(b);
	build_return_gate(b);
	put_imm_to(b, result, 0);
	setup_at = b->main->f->n;
	mark = mem_mark(b);
	if (inst->predicate) {
		build_branch(b, inst->predicate, false, b->main->leave);
		/* the claim goes behind a predicate that does without it: then filtered hits cost less */
		if (!b->uses_scratch && !b->has_frame)
			setup_at = leave_before_setup(b, setup_at);
	}
	mem_release(b, mark);
	build_stmts(b, inst->body->block.stmts);
	if (inst->body->block.value) {
		struct value v = build_expr(b, inst->body->block.value);

		if (v.form == VAL_REG && !is_event_driven(b->shape->kind))
			put_mov_to(b, result, v.reg);
	}
	build_way_out(b, result);
	b->main->f->slots[b->frame_slot].size = b->has_frame ? b->frame_bytes : 8;
	if (b->uses_scratch || b->has_frame)
		insert_setup(b, setup_at);
	check_scratch(b);
	program_end(b);
	build_return_helpers(b);
}

/* ---- the module ---- */

static void finish_maps(struct builder *b)
{
	struct image *im = b->im;

	if (im->scratch_map != IMAGE_NONE)
		im->maps[im->scratch_map]->value_size =
			SCRATCH_HEAD + round_up8(b->scratch_max ? b->scratch_max : 8);
	if (b->const_map != IMAGE_NONE) {
		struct image_map *m = im->maps[b->const_map];

		m->value_size = (uint32_t)b->const_data.n;
		m->init = arena_str(b->arena, strbuf_str(&b->const_data)).p;
	}
}

static void make_image(struct builder *b, const struct unit *u, const struct ir_build_opts *o)
{
	uint32_t n_base = o->base ? o->base->n_progs : 0, n_new = u->n_insts * 3 + 3;
	struct image_prog **progs = arena_array(u->arena, struct image_prog *, n_base + n_new);

	if (n_base)
		memcpy(progs, o->base->progs, n_base * sizeof(*progs));
	b->im = b->m->image = o->base ? o->base : image_new(u->arena);
	b->im->progs = progs;
	b->m->progs = arena_array(u->arena, struct ir_prog, n_new);
	if (o->base)
		return;
	b->im->license = u->config.license;
	b->im->fault_room = o->fault_room;
	b->im->has_times = o->is_in_process != NULL;
	if (o->fault_room)
		b->im->maps[b->im->faults_map]->value_size =
			o->fault_room * (uint32_t)sizeof(struct image_fault_count);
}

struct ir_module *ir_build(const struct unit *u, const struct ir_build_opts *o,
			   struct diag_list *diags)
{
	struct builder b = { .arena = u->arena, .unit = u, .opts = o, .diags = diags };
	uint32_t errors = diags->n_errors;

	b.m = arena_new(u->arena, struct ir_module);
	b.m->arena = u->arena;
	make_image(&b, u, o);
	b.const_map = b.noted_map = b.packets_map = b.calls_map = IMAGE_NONE;
	b.script_maps = arena_array(u->arena, uint32_t, u->n_maps + 1);
	image_maps_make(&b);
	message_maps_make(&b);
	if (o->has_budget)
		build_budget_maps(&b);
	if (o->fork_shape)
		build_follow(&b, o->base == NULL);
	for (uint32_t i = 0; i < u->n_insts; i++)
		build_program(&b, u->insts[i]);
	if (o->fork_shape && !o->base)
		build_follow_end(&b);
	finish_maps(&b);
	hashmap_free(&b.const_index);
	strbuf_free(&b.const_data);
	return diags->n_errors == errors ? b.m : NULL;
}
