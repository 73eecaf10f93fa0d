/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Builtins about the event at hand: arguments, result, process, time, stacks, the probe itself. */
#include "ir/build_private.h"

#include "arch/x86_64/regs.h"

#include <linux/bpf.h>
#include <stddef.h>

/*
 * Different stacks kept. Made beforehand (8 MiB): a hash that allocates as it goes runs dry for a moment under a burst of new
 * stacks, and loses them.
 */
enum { STACK_FRAMES = 127, COMM_SIZE = 16 };

static uint32_t call0(struct builder *b, int helper)
{
	return put_call(b, helper, 0, NULL);
}

/* ---- arguments and result ---- */

/* a number that each point has */
static uint32_t site_number(struct builder *b, int64_t (*number)(const struct probe_point *p))
{
	const struct probe_shape *s = b->shape;
	int64_t *words = arena_array(b->arena, int64_t, s->n_points + 1);

	for (uint32_t i = 0; i < s->n_points; i++)
		words[i] = number(&s->points[i]);
	return build_site_number(b, words);
}

static int64_t sp_delta(const struct probe_point *p)
{
	return p->sp_delta;
}

static int64_t place_delta(const struct probe_point *p)
{
	return p->place_delta;
}

static int64_t place_address(const struct probe_point *p)
{
	return (int64_t)p->address;
}

static bool any_number(const struct probe_shape *s, int64_t (*number)(const struct probe_point *p))
{
	for (uint32_t i = 0; i < s->n_points; i++)
		if (number(&s->points[i]))
			return true;
	return false;
}

/* a register as it was where the probe logically is: placement may have moved the probe (probe/placement.h) */
static uint32_t load_reg(struct builder *b, int offset)
{
	uint32_t v = put_load(b, context_reg(b), offset, 8, false);

	if (b->shape->is_return) /* the program does not run where placement put the probe */
		return v;
	if (offset == arch_sp_offset() && any_number(b->shape, sp_delta))
		return put_op(b, IR_SUB, v, site_number(b, sp_delta));
	if (offset == arch_ip_offset() && any_number(b->shape, place_delta))
		return put_op(b, IR_SUB, v, site_number(b, place_delta));
	return v;
}

static uint32_t probed_ip(struct builder *b)
{
	if (!b->opts->has_func_ip || b->shape->kind == PROBE_USDT)
		return put_load(b, context_reg(b), arch_ip_offset(), 8, false);
	return put_helper(b, BPF_FUNC_get_func_ip, context_reg(b));
}

uint32_t build_load_bias(struct builder *b)
{
	return put_op(b, IR_SUB, probed_ip(b), site_number(b, place_address));
}

/* argument words behind the sixth stand above the return address */
static uint32_t stack_word(struct builder *b, int32_t offset)
{
	uint32_t addr = put_op_imm(b, IR_ADD, load_reg(b, arch_sp_offset()), offset);
	struct value to = mem_new_bytes(b, 8);

	mem_read(b, to, addr, b->shape->is_user ? SPACE_USER : SPACE_KERNEL, 8);
	return put_load(b, to.reg, to.off, 8, false);
}

static uint32_t usdt_memory(struct builder *b, const struct usdt_operand *o)
{
	uint32_t addr = put_imm(b, o->value);
	struct value to = mem_new_bytes(b, 8);

	if (o->has_base)
		addr = put_op(b, IR_ADD, addr, load_reg(b, o->reg_offset));
	if (o->has_index)
		addr = put_op(b, IR_ADD, addr,
			      put_op_imm(b, IR_MUL, load_reg(b, o->index_offset), o->scale));
	if (o->is_file_addr) { /* the file's address plus where it was loaded: this probe's address tells */
		uint32_t bias = put_op_imm(
			b, IR_SUB, load_reg(b, arch_ip_offset()),
			(int64_t)(b->shape->points[0].address - b->shape->points[0].place_delta));

		addr = put_op(b, IR_ADD, addr, bias);
	}
	mem_read(b, to, addr, SPACE_USER, o->size);
	return put_load(b, to.reg, to.off, o->size, o->is_signed);
}

static uint32_t usdt_value(struct builder *b, const struct usdt_operand *o)
{
	uint32_t v;

	switch (o->kind) {
	case USDT_ARG_REG:
		v = load_reg(b, o->reg_offset);
		if (o->reg_shift)
			v = put_op_imm(b, IR_SHR, v, o->reg_shift);
		return put_ext(b, v, o->size, o->is_signed);
	case USDT_ARG_MEM: return usdt_memory(b, o);
	default: return put_ext(b, put_imm(b, o->value), o->size, o->is_signed);
	}
}

/* argument N of the probe in a vreg, by the shape's form */
static uint32_t build_arg(struct builder *b, uint32_t n)
{
	switch (b->shape->args_form) {
	case ARGS_USDT:
		return n < b->shape->n_argn ? usdt_value(b, &b->shape->operands[n]) : put_imm(b, 0);
	case ARGS_U64_ARRAY: return put_load(b, context_reg(b), (int32_t)(n * 8), 8, false);
	default:
		if (arch_arg_offset(n) >= 0)
			return load_reg(b, arch_arg_offset(n));
		return stack_word(b, (int32_t)((n - ARCH_N_ARG_REGS + 1) * 8));
	}
}

static struct value call_arg(struct builder *b, struct node *call)
{
	uint32_t reg = build_arg(b, (uint32_t)(uintptr_t)call->call.info);
	struct value to;

	if (call->type->kind != TYPE_FLOAT)
		return value_reg(reg, call->type);
	/* no number that programs can hold in a register: bytes */
	to = mem_new(b, call->type);
	put_store(b, to.reg, to.off, reg, call->type->size);
	return to;
}

static struct value call_args(struct builder *b, struct node *call)
{
	struct value v;

	if (build_is_message(b))
		return build_message_part(b, sizeof(struct image_message), call->type);
	v = value_mem(context_reg(b), 0, SPACE_BPF, call->type);
	if (type_is_scalar(call->type))
		return value_reg(v.reg, call->type);
	v.is_ctx = true;
	return v;
}

static struct value call_ctx(struct builder *b, struct node *call)
{
	return value_reg(context_reg(b), call->type);
}

static struct value call_retval(struct builder *b, struct node *call)
{
	if (b->shape->args_form == ARGS_U64_ARRAY) /* fexit: behind the arguments */
		return value_reg(
			put_load(b, context_reg(b), (int32_t)(b->shape->n_argn * 8), 8, false),
			call->type);
	return value_reg(load_reg(b, arch_retval_offset()), call->type);
}

static struct value call_reg(struct builder *b, struct node *call)
{
	const struct arch_reg *r = arch_reg_find_script(call->call.args->string);

	return value_reg(r ? load_reg(b, r->offset) : put_imm(b, 0), call->type);
}

/* what the thread had in its registers when it entered the kernel is kept until it leaves */
static struct value call_syscall_arg(struct builder *b, struct node *call)
{
	uint32_t task, regs;

	if (b->opts->has_feature && !b->opts->has_feature(b->opts->feature_arg, "task_pt_regs"))
		build_limit(b, D_LIMIT_CODE, call->at,
			    "syscall_arg() needs a kernel that has bpf_task_pt_regs (5.15)");
	task = call0(b, BPF_FUNC_get_current_task_btf);
	regs = put_helper(b, BPF_FUNC_task_pt_regs, task);
	return value_reg(put_load(b, regs,
				  arch_syscall_arg_offset((unsigned)call->call.args->integer), 8,
				  false),
			 call->type);
}

static struct value call_usermode(struct builder *b, struct node *call)
{
	const struct arch_reg *cs = arch_reg_find_script(STR("cs"));
	uint32_t ring;

	/* programs that the tracer runs itself have no registers, but were called from user mode */
	if (b->prog->prog_type == BPF_PROG_TYPE_RAW_TRACEPOINT)
		return value_reg(put_imm(b, 1), call->type);
	/* nor have those at kernel functions, which were called from the kernel */
	if (b->prog->prog_type == BPF_PROG_TYPE_TRACING)
		return value_reg(put_imm(b, 0), call->type);
	ring = put_op_imm(b, IR_AND, load_reg(b, cs ? cs->offset : 136), 3);

	return value_reg(put_set_imm(b, CC_EQ, ring, 3), call->type);
}

/* ---- who ---- */

/* struct bpf_pidns_info: pid (thread), tgid (process), as the tracer's namespace numbers them */
static uint32_t pid_in_namespace(struct builder *b, int32_t off)
{
	struct value info = mem_new_bytes(b, 8);

	put_store_imm(b, info.reg, info.off, 0, 8);
	put_helper(b, BPF_FUNC_get_ns_current_pid_tgid, put_imm(b, (int64_t)b->opts->pidns_dev),
		   put_imm(b, (int64_t)b->opts->pidns_ino), value_address(b, info), put_imm(b, 8));
	return put_load(b, info.reg, info.off + off, 4, false);
}

static uint32_t current_pid(struct builder *b, bool is_tid, bool is_initial)
{
	uint32_t both;

	if (b->opts->pidns_ino && !is_initial)
		return pid_in_namespace(b, is_tid ? 0 : 4);
	both = call0(b, BPF_FUNC_get_current_pid_tgid);
	return is_tid ? put_ext(b, both, 4, false) : put_op_imm(b, IR_SHR, both, 32);
}

uint32_t build_current_pid(struct builder *b, bool is_tid)
{
	return current_pid(b, is_tid, false);
}

#define MESSAGE_WORD(b, field)                                       \
	build_message_word(b, offsetof(struct image_message, field), \
			   sizeof(((struct image_message *)0)->field))

static struct value call_pid(struct builder *b, struct node *call)
{
	bool is_tid = call->call.builtin->id == BUILTIN_TID;
	bool is_initial = call->call.n_args && (uintptr_t)call->call.info == PID_NS_INIT;

	if (build_is_message(b))
		return value_reg(is_tid ? MESSAGE_WORD(b, tid) : MESSAGE_WORD(b, pid), call->type);
	return value_reg(current_pid(b, is_tid, is_initial), call->type);
}

static struct value call_uid(struct builder *b, struct node *call)
{
	bool is_gid = call->call.builtin->id == BUILTIN_GID;
	uint32_t both;

	if (build_is_message(b))
		return value_reg(is_gid ? MESSAGE_WORD(b, gid) : MESSAGE_WORD(b, uid), call->type);
	both = call0(b, BPF_FUNC_get_current_uid_gid);
	return value_reg(is_gid ? put_op_imm(b, IR_SHR, both, 32) : put_ext(b, both, 4, false),
			 call->type);
}

static struct value call_username(struct builder *b, struct node *call)
{
	struct value to = mem_new(b, call->type);

	put_store(b, to.reg, to.off,
		  build_is_message(b) ? MESSAGE_WORD(b, uid)
				      : call0(b, BPF_FUNC_get_current_uid_gid),
		  4);
	return to;
}

static struct value call_comm(struct builder *b, struct node *call)
{
	struct value to;

	if (build_is_message(b))
		return build_message_part(b, offsetof(struct image_message, comm), call->type);
	to = mem_new_bytes(b, call->type->size < COMM_SIZE ? COMM_SIZE : call->type->size);
	mem_zero(b, to, call->type->size < COMM_SIZE ? COMM_SIZE : call->type->size);
	put_helper(b, BPF_FUNC_get_current_comm, value_address(b, to), put_imm(b, COMM_SIZE));
	return value_retype(to, call->type);
}

static struct value call_cgroup(struct builder *b, struct node *call)
{
	return value_reg(build_is_message(b) ? MESSAGE_WORD(b, cgroup)
					     : call0(b, BPF_FUNC_get_current_cgroup_id),
			 call->type);
}

static struct value call_simple(struct builder *b, struct node *call)
{
	static const struct {
		enum builtin_id id;
		int helper;
	} table[] = {
		{ BUILTIN_CPU, BPF_FUNC_get_smp_processor_id },
		{ BUILTIN_NUMAID, BPF_FUNC_get_numa_node_id },
		{ BUILTIN_CURTASK, BPF_FUNC_get_current_task },
		{ BUILTIN_RAND, BPF_FUNC_get_prandom_u32 },
		{ BUILTIN_JIFFIES, BPF_FUNC_jiffies64 },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (table[i].id == call->call.builtin->id) {
			uint32_t v = call0(b, table[i].helper);

			return value_reg(type_is_integer(call->type)
						 ? put_ext(b, v, call->type->size, false)
						 : v,
					 call->type);
		}
	return value_reg(put_imm(b, 0), call->type);
}

static struct value call_cgroup_ancestor(struct builder *b, struct node *call)
{
	uint32_t level = build_reg(b, call->call.args);

	return value_reg(put_helper(b, BPF_FUNC_get_current_ancestor_cgroup_id, level), call->type);
}

static struct value call_cpid(struct builder *b, struct node *call)
{
	uint32_t base = put_map_value(b, b->im->globals_map, offsetof(struct image_globals, cpid));

	return value_reg(put_load(b, base, 0, 8, false), call->type);
}

/* ---- when ---- */

static uint32_t read_clock(struct builder *b, enum call_clock clock)
{
	if (build_is_message(b)) {
		enum stored_clock stored = clock == CALL_CLOCK_MONOTONIC ? CLOCK_STORED_MONOTONIC
					   : clock == CALL_CLOCK_BOOT    ? CLOCK_STORED_BOOT
									 : CLOCK_STORED_TAI;

		return build_message_word(b, offsetof(struct image_message, nsecs) + stored * 8, 8);
	}
	switch (clock) {
	case CALL_CLOCK_BOOT: return call0(b, BPF_FUNC_ktime_get_boot_ns);
	case CALL_CLOCK_TAI:
	case CALL_CLOCK_SW_TAI: return call0(b, BPF_FUNC_ktime_get_tai_ns);
	default: return call0(b, BPF_FUNC_ktime_get_ns);
	}
}

static struct value call_nsecs(struct builder *b, struct node *call)
{
	return value_reg(read_clock(b, (enum call_clock)(uintptr_t)call->call.info), call->type);
}

static struct value call_elapsed(struct builder *b, struct node *call)
{
	uint32_t base = put_map_value(b, b->im->globals_map,
				      offsetof(struct image_globals, start_ns));

	return value_reg(
		put_op(b, IR_SUB, call0(b, BPF_FUNC_ktime_get_ns), put_load(b, base, 0, 8, false)),
		call->type);
}

/* ---- stacks ---- */

static void make_stack_map(struct builder *b)
{
	struct image *im = b->im;

	if (im->stacks_map != IMAGE_NONE)
		return;
	im->stack_limit = STACK_FRAMES;
	im->stacks_map = image_add_map(
		im, (struct image_map){ .name = STR("stacks"),
					.role = MAP_STACKS,
					.bpf_type = BPF_MAP_TYPE_HASH,
					.key_size = 8,
					.value_size = STACK_FRAMES * 8,
					.max_entries = (uint32_t)b->unit->config.max_stacks });
}

/* FNV-1a over words: all of them, so that there is one path; unused frames are zero */
static uint32_t hash_frames(struct builder *b, struct value buf, uint32_t frames)
{
	uint32_t h = put_imm(b, (int64_t)IMAGE_STACK_HASH_START),
		 prime = put_imm(b, 0x100000001b3LL);

	for (uint32_t i = 0; i < frames; i++) {
		uint32_t w = put_load(b, buf.reg, buf.off + (int32_t)(i * 8), 8, false);

		h = put_op(b, IR_MUL, put_op(b, IR_XOR, h, w), prime);
		h = put_op(b, IR_XOR, h, put_op_imm(b, IR_SHR, h, 29));
	}
	return h;
}

/*
 * A process met for the first time: the consumer is told at once, so that it can remember the mappings while the process
 * lives. The set forgets the longest unseen ones, which then are told again.
 */
static void note_process(struct builder *b, uint32_t tgid)
{
	struct value key = mem_new_bytes(b, 8);
	struct value field = value_reg(tgid, type_int(4, false));
	uint32_t known = new_label(b);

	if (b->noted_map == IMAGE_NONE)
		b->noted_map = image_add_map(b->im,
					     (struct image_map){ .name = STR("noted"),
								 .role = MAP_PRIVATE,
								 .bpf_type = BPF_MAP_TYPE_LRU_HASH,
								 .key_size = 4,
								 .value_size = 4,
								 .max_entries = 4096 });
	put_store(b, key.reg, key.off, tgid, 4);
	put_br_imm(b, CC_NE, map_lookup(b, b->noted_map, key.reg), 0, known);
	put_helper(b, BPF_FUNC_map_update_elem, put_map(b, b->noted_map), key.reg, key.reg,
		   put_imm(b, BPF_ANY));
	event_send(b, EVENT_NOTE, (struct event_layout){ .map = IMAGE_NONE }, &field, 1);
	put_label(b, known);
}

/* process id of a user address's owner, whose mappings will be needed */
uint32_t build_noted_pid(struct builder *b)
{
	uint32_t tgid;

	if (build_is_message(
		    b)) /* the process may be gone; its mappings were noted when it was met, or never */
		return MESSAGE_WORD(b, pid);
	tgid = b->opts->pidns_ino ? pid_in_namespace(b, 4) : put_current_tgid(b);
	note_process(b, tgid);
	return tgid;
}

/* the hash stands first in struct stored_stack: it is the key */
static void keep_frames(struct builder *b, struct value to, struct value buf, uint32_t known)
{
	uint32_t key = value_address(b, to);

	put_br_imm(b, CC_NE, map_lookup(b, b->im->stacks_map, key), 0, known);
	map_update(b, b->im->stacks_map, value_address(b, to), value_address(b, buf), BPF_ANY);
}

/* frames go once into the map of stacks, under their hash; the value is the hash */
static struct value call_stack(struct builder *b, struct node *call)
{
	bool is_user = call->call.builtin->id == BUILTIN_USTACK;
	uint32_t frames = call->type->count && call->type->count <= STACK_FRAMES ? call->type->count
										 : STACK_FRAMES;
	struct value to = mem_new(b, call->type), buf = mem_new_bytes(b, STACK_FRAMES * 8);
	uint32_t none = new_label(b), known = new_label(b), got, hash, n;

	make_stack_map(b);
	mem_zero(b, to, call->type->size);
	mem_zero(b, buf, STACK_FRAMES * 8);
	if (is_user && unwind_is_on(b)) {
		uint32_t pid = build_noted_pid(b);

		put_store(b, to.reg, to.off + (int32_t)offsetof(struct stored_stack, pid), pid, 4);
		unwind_user_stack(b, to, buf, frames, pid, known, known);
		keep_frames(b, to, buf, known);
		put_label(b, known);
		return to;
	}
	got = put_helper(b, BPF_FUNC_get_stack, context_reg(b), value_address(b, buf),
			 put_imm(b, frames * 8), put_imm(b, is_user ? BPF_F_USER_STACK : 0));
	put_br_imm(b, CC_SLE, got, 0, none);
	n = put_op_imm(b, IR_SHR, got, 3);
	hash = hash_frames(b, buf, frames);
	put_store(b, to.reg, to.off, hash, 8);
	put_store(b, to.reg, to.off + (int32_t)offsetof(struct stored_stack, n_frames), n, 4);
	if (is_user)
		put_store(b, to.reg, to.off + (int32_t)offsetof(struct stored_stack, pid),
			  build_noted_pid(b), 4);
	keep_frames(b, to, buf, known);
	put_jmp(b, known);
	put_label(b, none);
	fault_count(b,
		    (struct image_fault){ .kind = FAULT_STACK,
					  .map = IMAGE_NONE,
					  .is_quiet = true,
					  .helper = STR("get_stack") },
		    got);
	put_label(b, known);
	return to;
}

/* ---- the probe itself ---- */

static uint32_t function_address(struct builder *b)
{
	enum probe_kind kind = b->shape->kind;
	bool is_user = kind == PROBE_UPROBE || kind == PROBE_URETPROBE || kind == PROBE_USDT;

	uint32_t v;

	if (!is_user)
		return put_helper(b, BPF_FUNC_get_func_ip, context_reg(b));
	v = probed_ip(b);
	if (b->shape->is_return &&
	    !b->opts->has_func_ip) /* the caller's address, for want of better */
		return v;
	if (any_number(b->shape, place_delta))
		v = put_op(b, IR_SUB, v, site_number(b, place_delta));
	return v;
}

/* one row per point, chosen by the cookie that the point was attached with */
static uint32_t site_row(struct builder *b, const struct type *t,
			 struct str (*text)(const struct probe_point *p))
{
	const struct probe_shape *s = b->shape;
	uint32_t row = round_up8(t->size);
	char *rows = arena_alloc(b->arena, (size_t)s->n_points * row);

	for (uint32_t i = 0; i < s->n_points; i++) {
		struct str name = text(&s->points[i]);
		size_t n = name.n < t->size - 1 ? name.n : t->size - 1;

		if (s->points[i].cookie < s->n_points)
			memcpy(rows + (size_t)s->points[i].cookie * row, name.p, n);
	}
	return build_site_row(b, rows, row);
}

static struct str point_name(const struct probe_point *p)
{
	return p->name;
}

static struct str point_symbol(const struct probe_point *p)
{
	return p->symbol;
}

static struct value point_text(struct builder *b, struct node *call,
			       struct str (*text)(const struct probe_point *p))
{
	const struct probe_shape *s = b->shape;
	bool is_one = true;

	/* the places of one function share its name */
	for (uint32_t i = 1; i < s->n_points && is_one; i++)
		is_one = str_eq(text(&s->points[i]), text(&s->points[0]));
	if (is_one)
		return (struct value){ .form = VAL_STR,
				       .type = call->type,
				       .str = s->n_points ? text(&s->points[0]) : STR("") };
	return value_mem(site_row(b, call->type, text), 0, SPACE_BPF, call->type);
}

static struct value call_probe(struct builder *b, struct node *call)
{
	return point_text(b, call, point_name);
}

static struct value call_func(struct builder *b, struct node *call)
{
	struct value to;

	if (call->type->kind == TYPE_STRING)
		return point_text(b, call, point_symbol);
	to = mem_new(b, call->type);
	mem_zero(b, to, call->type->size);
	put_store(b, to.reg, to.off, function_address(b), 8);
	if (call->type->kind == TYPE_USYM)
		put_store(b, to.reg, to.off + (int32_t)offsetof(struct stored_usym, pid),
			  build_noted_pid(b), 4);
	return to;
}

uint32_t build_load_reg(struct builder *b, int offset)
{
	return load_reg(b, offset);
}

build_call_fn *call_builder_context(enum builtin_id id)
{
	static build_call_fn *const table[BUILTIN_N] = {
		[BUILTIN_ARGS] = call_args,
		[BUILTIN_ARG] = call_arg,
		[BUILTIN_CTX] = call_ctx,
		[BUILTIN_RETVAL] = call_retval,
		[BUILTIN_GOID] = build_goid,
		[BUILTIN_GTID] = build_gtid,
		[BUILTIN_CALL_FRAME] = build_call_frame,
		[BUILTIN_REG] = call_reg,
		[BUILTIN_USERMODE] = call_usermode,
		[BUILTIN_SYSCALL_ARG] = call_syscall_arg,
		[BUILTIN_PID] = call_pid,
		[BUILTIN_TID] = call_pid,
		[BUILTIN_UID] = call_uid,
		[BUILTIN_GID] = call_uid,
		[BUILTIN_USERNAME] = call_username,
		[BUILTIN_COMM] = call_comm,
		[BUILTIN_CPU] = call_simple,
		[BUILTIN_NUMAID] = call_simple,
		[BUILTIN_CURTASK] = call_simple,
		[BUILTIN_CGROUP] = call_cgroup,
		[BUILTIN_RAND] = call_simple,
		[BUILTIN_CGROUP_ANCESTOR] = call_cgroup_ancestor,
		[BUILTIN_JIFFIES] = call_simple,
		[BUILTIN_CPID] = call_cpid,
		[BUILTIN_IS_TRACED] = build_is_traced,
		[BUILTIN_NSECS] = call_nsecs,
		[BUILTIN_ELAPSED] = call_elapsed,
		[BUILTIN_KSTACK] = call_stack,
		[BUILTIN_USTACK] = call_stack,
		[BUILTIN_PROBE] = call_probe,
		[BUILTIN_FUNC] = call_func,
		[BUILTIN_TARGET_VAR] = build_target_var,
		[BUILTIN_VIEW] = build_view,
		[BUILTIN_TYPENAME] = build_typename,
	};

	return table[id];
}
