/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The remaining builtins: symbols, addresses, times for printing, acting on the process, keys of maps. */
#include "ir/build_private.h"

#include <linux/bpf.h>
#include <stddef.h>
#include <sys/socket.h>

/* ---- values that the printer turns into names ---- */

static struct value call_sym(struct builder *b, struct node *call)
{
	uint32_t addr = build_reg(b, call->call.args);
	struct value to = mem_new(b, call->type);

	mem_zero(b, to, call->type->size);
	put_store(b, to.reg, to.off, addr, 8);
	if (call->type->kind == TYPE_USYM)
		put_store(b, to.reg, to.off + (int32_t)offsetof(struct stored_usym, pid),
			  build_noted_pid(b), 4);
	return to;
}

static enum stored_clock clock_of(const struct node *n)
{
	while (n->kind == NODE_CAST)
		n = n->cast.a;
	if (n->kind == NODE_CALL && n->call.builtin && n->call.builtin->id == BUILTIN_NSECS)
		switch ((enum call_clock)(uintptr_t)n->call.info) {
		case CALL_CLOCK_BOOT: return CLOCK_STORED_BOOT;
		case CALL_CLOCK_TAI:
		case CALL_CLOCK_SW_TAI: return CLOCK_STORED_TAI;
		default: break;
		}
	return CLOCK_STORED_MONOTONIC;
}

static struct value call_strftime(struct builder *b, struct node *call)
{
	struct node *format = call->call.args, *when = format->next;
	uint32_t ns = build_reg(b, when);
	struct value to = mem_new(b, call->type);

	put_store_imm(b, to.reg, to.off, image_add_string(b->im, format->string), 4);
	put_store_imm(b, to.reg, to.off + (int32_t)offsetof(struct stored_timestamp, clock),
		      clock_of(when), 4);
	put_store(b, to.reg, to.off + (int32_t)offsetof(struct stored_timestamp, ns), ns, 8);
	return to;
}

static struct value call_cgroup_path(struct builder *b, struct node *call)
{
	struct node *filter = call->call.args->next;
	uint32_t id = build_reg(b, call->call.args);
	uint32_t index = filter ? image_add_string(b->im, filter->string) : UINT32_MAX;
	struct value to = mem_new(b, call->type);

	mem_zero(b, to, call->type->size);
	put_store(b, to.reg, to.off, id, 8);
	put_store(b, to.reg, to.off + (int32_t)offsetof(struct stored_cgroup_path, filter),
		  put_imm(b, index), 4);
	return to;
}

/* ---- addresses ---- */

/* bytes of an address that the argument gives: an array, or a pointer to n bytes */
static void address_bytes(struct builder *b, struct node *n, struct value to, uint32_t size)
{
	struct value v = build_expr(b, n);

	if (v.form == VAL_STR)
		v = value_to_mem(b, v);
	if (v.form == VAL_MEM && v.space == SPACE_BPF)
		put_copy(b, to.reg, to.off, v.reg, v.off, size);
	else if (v.form == VAL_MEM)
		mem_read(b, to, value_address(b, v), v.space, size);
	else
		mem_read(b, to, value_to_reg(b, v), v.type->space, size);
}

static struct value call_ntop(struct builder *b, struct node *call)
{
	struct node *first = call->call.args, *addr = first->next ? first->next : first;
	struct value to = mem_new(b, call->type);
	const int32_t bytes = (int32_t)offsetof(struct stored_inet, addr);
	uint32_t family;

	mem_zero(b, to, call->type->size);
	if (type_is_integer(addr->type)) {
		family = first->next ? build_reg(b, first) : put_imm(b, AF_INET);
		put_store(b, to.reg, to.off + bytes, build_reg(b, addr), 4);
	} else {
		uint32_t size = addr->type->kind == TYPE_POINTER ? 16 : addr->type->size;

		if (first->next && first->kind == NODE_INT)
			size = first->integer == AF_INET6 ? 16 : 4;
		family = first->next ? build_reg(b, first)
				     : put_imm(b, size == 16 ? AF_INET6 : AF_INET);
		address_bytes(b, addr, value_at(to, bytes, type_none()), size);
	}
	put_store(b, to.reg, to.off, family, 4);
	return to;
}

/* the bytes of an address that was written as text */
static struct value call_pton(struct builder *b, struct node *call)
{
	struct str bytes = call->call.args->string; /* sema read the text */

	return const_bytes(b, bytes.p, (uint32_t)bytes.n, call->type);
}

static struct value call_macaddr(struct builder *b, struct node *call)
{
	struct value to = mem_new(b, call->type);

	address_bytes(b, call->call.args, to, 6);
	return to;
}

/* ---- memory and symbols ---- */

static struct value call_bswap(struct builder *b, struct node *call)
{
	uint32_t v = build_reg(b, call->call.args), size = call->type->size;

	return value_reg(size == 1 ? put_ext(b, v, 1, false) : put_unary(b, IR_BSWAP, v, size),
			 call->type);
}

static struct value call_same(struct builder *b, struct node *call)
{
	return value_retype(build_expr(b, call->call.args), call->type);
}

static struct value call_uaddr(struct builder *b, struct node *call)
{
	const struct call_uaddr *u = call->call.info;
	uint32_t n = b->shape->n_points, addr, any_pie = 0;
	int64_t *addresses = arena_array(b->arena, int64_t, n);
	int64_t *moves = arena_array(b->arena, int64_t, n);

	for (uint32_t i = 0; i < n; i++) {
		addresses[i] = (int64_t)u[i].address;
		moves[i] = u[i].is_pie;
		any_pie |= u[i].is_pie;
	}
	addr = build_site_number(b, addresses);
	if (any_pie)
		addr = put_op(b, IR_ADD, addr,
			      put_op(b, IR_MUL, build_load_bias(b), build_site_number(b, moves)));
	return value_reg(addr, call->type);
}

/* symbol + __per_cpu_offset[cpu] */
static struct value call_percpu_kaddr(struct builder *b, struct node *call)
{
	const struct call_percpu *p = call->call.info;
	struct node *cpu = call->call.args->next;
	uint32_t n = cpu ? build_reg(b, cpu) : put_call(b, BPF_FUNC_get_smp_processor_id, 0, NULL);
	struct value offset = mem_new_bytes(b, 8);
	uint32_t at = put_op_imm(b, IR_MUL, put_ext(b, n, 4, false), 8);

	mem_read(b, offset, put_op_imm(b, IR_ADD, at, (int64_t)p->offsets), SPACE_KERNEL, 8);
	return value_reg(put_op_imm(b, IR_ADD, put_load(b, offset.reg, offset.off, 8, false),
				    (int64_t)p->symbol),
			 call->type);
}

static struct value call_path(struct builder *b, struct node *call)
{
	struct value to = mem_new(b, call->type), arg = build_expr(b, call->call.args);
	uint32_t addr = arg.form == VAL_MEM ? value_address(b, arg) : value_to_reg(b, arg);

	mem_zero(b, to, call->type->size);
	put_helper(b, BPF_FUNC_d_path, addr, value_address(b, to), put_imm(b, call->type->size));
	return to;
}

static struct value call_socket_cookie(struct builder *b, struct node *call)
{
	return value_reg(put_helper(b, BPF_FUNC_get_socket_cookie, build_reg(b, call->call.args)),
			 call->type);
}

/* ---- acting on the traced ---- */

static struct value call_signal(struct builder *b, struct node *call)
{
	bool is_thread = call->call.builtin->id == BUILTIN_SIGNAL_THREAD;
	uint32_t ret = put_helper(b, is_thread ? BPF_FUNC_send_signal_thread : BPF_FUNC_send_signal,
				  build_reg(b, call->call.args));

	fault_if_negative(b,
			  (struct image_fault){ .kind = FAULT_OTHER,
						.map = IMAGE_NONE,
						.helper = STR("send_signal") },
			  ret);
	return value_none();
}

static struct value call_override(struct builder *b, struct node *call)
{
	put_helper(b, BPF_FUNC_override_return, context_reg(b), build_reg(b, call->call.args));
	return value_none();
}

static struct value call_write_user(struct builder *b, struct node *call)
{
	struct node *to = call->call.args, *value = to->next;
	uint32_t addr = build_reg(b, to), ret;
	struct value v = value_to_mem(b, build_expr(b, value));

	ret = put_helper(b, BPF_FUNC_probe_write_user, addr, value_address(b, v),
			 put_imm(b, v.type->size));
	return value_reg(ret, call->type);
}

/* ---- keys of maps ---- */

/* every row of a key whose value is spread over buckets */
static uint32_t delete_buckets(struct builder *b, const struct map_info *m, struct node *key)
{
	uint32_t map = map_image_index(b, m), off = b->im->maps[map]->bucket_offset;
	uint32_t bucket = put_imm(b, 0), any = put_imm(b, 0), again = new_label(b), base, ret;
	uint32_t n = m->value_type->kind == TYPE_HIST ? 66u << m->value_type->param[0] : 1002;

	base = map_bucket_key(b, m, key, bucket);
	put_label(b, again);
	put_store(b, base, (int32_t)off, bucket, 8);
	ret = put_helper(b, BPF_FUNC_map_delete_elem, put_map(b, map), base);
	put_mov_to(b, any, put_op(b, IR_OR, any, put_set_imm(b, CC_EQ, ret, 0)));
	put_mov_to(b, bucket, put_op_imm(b, IR_ADD, bucket, 1));
	put_br_imm(b, CC_LT, bucket, n, again);
	return any;
}

static struct value call_delete(struct builder *b, struct node *call)
{
	struct node *target = call->call.args;
	const struct map_info *m = target->map.ref;
	struct node *key = target->next ? target->next : target->map.key;
	uint32_t map = map_image_index(b, m), ret, ok;

	if (b->im->maps[map]->bucket_offset || (!m->key_type && m->value_type->kind == TYPE_HIST))
		return value_reg(delete_buckets(b, m, key), call->type);
	if (b->im->maps[map]->bpf_type == BPF_MAP_TYPE_PERCPU_ARRAY) {
		/* one element that is always there: the consumer sets it back on every CPU */
		event_send(b, EVENT_CLEAR, (struct event_layout){ .at = call->at, .map = map },
			   NULL, 0);
		return value_reg(put_imm(b, 1), call->type);
	}
	ret = put_helper(b, BPF_FUNC_map_delete_elem, put_map(b, map), map_key_address(b, m, key));
	ok = put_set_imm(b, CC_EQ, ret, 0);
	if (!call->call.info) /* the result is not used: say when there was nothing to delete */
		fault_if_negative(b,
				  (struct image_fault){ .kind = FAULT_MAP_DELETE,
							.map = map,
							.is_quiet = true,
							.helper = STR("map_delete_elem") },
				  ret);
	return value_reg(ok, call->type);
}

static struct value call_has_key(struct builder *b, struct node *call)
{
	struct node *target = call->call.args;
	const struct map_info *m = target->map.ref;
	uint32_t elem = map_lookup(b, map_image_index(b, m), map_key_address(b, m, target->next));

	return value_reg(put_set_imm(b, CC_NE, elem, 0), call->type);
}

/* a walk whose callback does nothing counts the elements */
static uint32_t count_elements(struct builder *b, uint32_t map)
{
	struct fn_state *cb = callback_begin(b, IR_FUNC_FOR_EACH);

	callback_end(b, cb);
	return put_helper(b, BPF_FUNC_for_each_map_elem, put_map(b, map), put_func(b, cb->index),
			  frame_base(b), put_imm(b, 0));
}

static struct value call_len(struct builder *b, struct node *call)
{
	struct node *arg = call->call.args;
	struct value v;

	if (arg->kind == NODE_MAP && !arg->map.key)
		return value_reg(count_elements(b, map_image_index(b, arg->map.ref)), call->type);
	v = build_expr(b, arg);
	if (type_is_stack(v.type)) {
		v = value_to_mem(b, v);
		return value_reg(put_load(b, v.reg,
					  v.off + (int32_t)offsetof(struct stored_stack, n_frames),
					  4, false),
				 call->type);
	}
	if (v.type->kind == TYPE_BLOB) {
		v = value_to_mem(b, v);
		return value_reg(put_load(b, v.reg,
					  v.off + (int32_t)offsetof(struct stored_blob, length), 8,
					  false),
				 call->type);
	}
	return value_reg(put_imm(b, v.type->count), call->type);
}

/* ---- all calls ---- */

/* symbols, addresses, signals, keys of maps */
static build_call_fn *call_builder_misc(enum builtin_id id)
{
	static build_call_fn *const table[BUILTIN_N] = {
		[BUILTIN_KSYM] = call_sym,
		[BUILTIN_USYM] = call_sym,
		[BUILTIN_STRFTIME] = call_strftime,
		[BUILTIN_CGROUP_PATH] = call_cgroup_path,
		[BUILTIN_NTOP] = call_ntop,
		[BUILTIN_MACADDR] = call_macaddr,
		[BUILTIN_BSWAP] = call_bswap,
		[BUILTIN_KPTR] = call_same,
		[BUILTIN_UPTR] = call_same,
		[BUILTIN_UADDR] = call_uaddr,
		[BUILTIN_PERCPU_KADDR] = call_percpu_kaddr,
		[BUILTIN_PATH] = call_path,
		[BUILTIN_SOCKET_COOKIE] = call_socket_cookie,
		[BUILTIN_SKBOUTPUT] = build_skboutput,
		[BUILTIN_STREAM] = build_stream,
		[BUILTIN_STREAM_IOV] = build_stream,
		[BUILTIN_STREAM_SKIP] = build_stream,
		[BUILTIN_STREAM_END] = build_stream_end,
		[BUILTIN_IS_SOCKET] = build_is_socket,
		[BUILTIN_SIGNAL] = call_signal,
		[BUILTIN_SIGNAL_THREAD] = call_signal,
		[BUILTIN_OVERRIDE] = call_override,
		[BUILTIN_WRITE_USER] = call_write_user,
		[BUILTIN_DELETE] = call_delete,
		[BUILTIN_HAS_KEY] = call_has_key,
		[BUILTIN_LEN] = call_len,
		[BUILTIN_PTON] = call_pton,
	};

	return table[id];
}

/*
 * fn: its body stands where it is called (eBPF subprograms take five words and no aggregates; scripts are small).
 * Parameters are variables assigned before; return jumps behind the body.
 */
static bool may_inline(struct builder *b, const struct node *call)
{
	/* far more than the kernel loads; functions that call functions twice double with each level */
	enum { MAX_INLINED_INSNS = 200000 };
	struct str name = call->call.fn->name;

	for (const struct inline_fn *f = b->inlined; f; f = f->outer)
		if (f->def == call->call.fn) {
			build_limit(b, D_LIMIT_CODE, call->at,
				    "'%.*s' calls itself, which eBPF cannot", STR_ARG(name));
			return false;
		}
	if (b->fn->f->n > MAX_INLINED_INSNS) {
		if (!b->diags->n_errors)
			build_limit(b, D_LIMIT_CODE, call->at,
				    "the program is too large with '%.*s' called here",
				    STR_ARG(name));
		return false;
	}
	return true;
}

void fn_set_result(struct builder *b, struct node *from)
{
	struct value to = b->inlined->result;

	if (b->inlined->shared)
		var_assign(b, b->inlined->shared, build_expr(b, from));
	else if (to.form == VAL_REG)
		put_mov_to(b, to.reg, build_reg(b, from));
	else if (to.form == VAL_MEM)
		value_store(b, to, build_expr(b, from));
	else
		build_expr(b, from);
}

/* zero until a return sets it */
static struct value new_result(struct builder *b, const struct type *t)
{
	struct value v = value_none();

	if (type_is_scalar(t)) {
		v = value_reg(new_vreg(b), t);
		put_imm_to(b, v.reg, 0);
	} else if (t->size) {
		v = mem_new(b, t);
		mem_zero(b, v, t->size);
	}
	return v;
}

static struct value call_fn(struct builder *b, struct node *call)
{
	const struct fn_def *def = call->call.fn;
	struct inline_fn state = { .outer = b->inlined, .owner = b->fn, .def = def };
	struct node *arg = call->call.args;
	struct value *args = arena_array(b->arena, struct value, def->n_params + 1);
	struct var_home *homes = b->homes;
	uint32_t n_vars;

	if (!may_inline(b, call))
		return value_reg(put_imm(b, 0), call->type);
	state.done = new_label(b);
	if (!def->returns_in_loop)
		state.result = new_result(b, call->type);
	for (uint32_t i = 0; i < def->n_params && arg; i++, arg = arg->next)
		args[i] = build_expr(b, arg);
	n_vars = b->unit->fns[def->index]->n_vars;
	b->homes = arena_array(b->arena, struct var_home, n_vars + 1);
	if (def->returns_in_loop && call->type->size) {
		state.shared = arena_new(b->arena, struct variable);
		*state.shared =
			(struct variable){ .id = n_vars, .type = call->type, .is_shared = true };
		var_declare(b, state.shared);
	}
	for (uint32_t i = 0; i < def->n_params; i++)
		var_assign(b, def->params[i].ref, args[i]);
	b->inlined = &state;
	build_stmts(b, def->body->block.stmts);
	if (def->body->block.value)
		fn_set_result(b, def->body->block.value);
	b->inlined = state.outer;
	put_label(b, state.done);
	if (state.shared)
		state.result = var_read(b, state.shared);
	b->homes = homes;
	return state.result;
}

struct value build_call(struct builder *b, struct node *call)
{
	enum builtin_id id;
	build_call_fn *fn;

	if (call->call.fn)
		return call_fn(b, call);
	id = call->call.builtin->id;
	/* those that passed the checker have done all they do */
	if (id == BUILTIN_STATIC_ASSERT || id == BUILTIN_FAIL)
		return value_none();
	if (is_event_call(id)) {
		event_call(b, call);
		return value_none();
	}
	fn = call_builder_context(id);
	if (!fn)
		fn = call_builder_string(id);
	if (!fn)
		fn = call_builder_misc(id);
	if (!fn) {
		build_limit(b, D_LIMIT_CODE, call->at, "%s() cannot be used here",
			    call->call.builtin->name);
		return value_reg(put_imm(b, 0), call->type);
	}
	return fn(b, call);
}
