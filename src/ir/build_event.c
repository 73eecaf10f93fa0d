/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events: records in the ring for the consumer, and fault counters.
 *
 * Small events are written straight into a reserved record. Larger ones are built in scratch and sent at their true
 * length: the longest text stands last and ends the record. One ring carries data and control (print, clear, exit, ...), so
 * that their order is that of the program; a data event is refused, and counted, when less than an eighth of the ring is
 * free, so that control finds room behind any flood (docs/decisions/one-ring.md).
 */
#include "ir/build_private.h"

#include <linux/bpf.h>
#include <stddef.h>

enum {
	HEAD = sizeof(struct event_head),
	CONTROL_SHARE = 8, /* 1/8 of the ring is kept for control events */
	WAKE_SHARE =
		16, /* the consumer is woken when this share is filled; else it looks by itself */
	JOIN_ARGS = 16,
};

/* ---- faults ---- */

void fault_count(struct builder *b, struct image_fault f, uint32_t retcode)
{
	int32_t row;
	uint32_t base;

	if (!f.at.end)
		f.at = b->at;
	f.prog = b->prog_index;
	row = (int32_t)(image_add_fault(b->im, f) * sizeof(struct image_fault_count));
	base = put_map_value(b, b->im->faults_map, row);
	put_atomic_add(b, base, 0, put_imm(b, 1));
	if (retcode)
		put_store(b, base, offsetof(struct image_fault_count, last_retcode), retcode, 8);
}

void fault_if_negative(struct builder *b, struct image_fault f, uint32_t retcode)
{
	uint32_t fine = new_label(b);

	/* one vreg for all of them: what lives across blocks costs the compiler more than a move costs the program */
	if (!b->fn->fault_code)
		b->fn->fault_code = new_vreg(b);
	put_mov_to(b, b->fn->fault_code, retcode);
	put_br_imm(b, CC_SGE, b->fn->fault_code, 0, fine);
	fault_count(b, f, b->fn->fault_code);
	put_label(b, fine);
}

void event_count_drop(struct builder *b)
{
	int32_t row = (int32_t)(b->prog->drops_fault * sizeof(struct image_fault_count));

	put_atomic_add(b, put_map_value(b, b->im->faults_map, row), 0, put_imm(b, 1));
}

/* ---- sending ---- */

static bool is_control(enum event_kind kind)
{
	return kind == EVENT_PRINT_MAP || kind == EVENT_CLEAR || kind == EVENT_ZERO ||
	       kind == EVENT_EXIT || kind == EVENT_NOTE;
}

/* clauses on messages have a ring of their own, which the consumer empties after each of them */
static uint32_t ring_map(struct builder *b)
{
	return build_is_message(b) ? b->im->message_ring_map : b->im->ring_map;
}

/* flags for the ring helpers; jumps to full when a data event has to stand back */
static uint32_t wake_flags(struct builder *b, enum event_kind kind, uint32_t full)
{
	uint64_t ring = b->opts->ring_bytes;
	uint32_t used;

	if (build_is_message(b))
		return put_imm(b, BPF_RB_NO_WAKEUP);
	if (is_control(kind))
		return put_imm(b, BPF_RB_FORCE_WAKEUP);
	used = put_helper(b, BPF_FUNC_ringbuf_query, put_map(b, b->im->ring_map),
			  put_imm(b, BPF_RB_AVAIL_DATA));
	put_br_imm(b, CC_GT, used, (int64_t)(ring - ring / CONTROL_SHARE), full);
	/* BPF_RB_NO_WAKEUP is 1, BPF_RB_FORCE_WAKEUP is 2 */
	return put_op_imm(b, IR_ADD, put_set_imm(b, CC_GE, used, (int64_t)(ring / WAKE_SHARE)), 1);
}

uint32_t event_data_flags(struct builder *b, uint32_t full)
{
	return wake_flags(b, EVENT_STREAM, full);
}

uint32_t event_wake_flags(struct builder *b, uint64_t reserve, uint32_t full)
{
	uint32_t used = put_helper(b, BPF_FUNC_ringbuf_query, put_map(b, b->im->ring_map),
				   put_imm(b, BPF_RB_AVAIL_DATA));

	put_br_imm(b, CC_GT, used, (int64_t)(b->opts->ring_bytes - reserve), full);
	return put_imm(b, BPF_RB_FORCE_WAKEUP);
}

static uint32_t align_up(uint32_t n, uint32_t align)
{
	return align ? (n + align - 1) / align * align : n;
}

static bool is_text(const struct type *t)
{
	return t->kind == TYPE_STRING || t->kind == TYPE_BUFFER || t->kind == TYPE_CAPTURE;
}

/* offsets of the fields; the longest text comes last. Gives its number or -1 */
static int place_fields(struct event_layout *l)
{
	int tail = -1;
	uint32_t off = 0;

	for (uint32_t i = 0; i < l->n_fields; i++)
		if (is_text(l->fields[i].type) &&
		    (tail < 0 || l->fields[i].type->size >= l->fields[tail].type->size))
			tail = (int)i;
	for (uint32_t i = 0; i < l->n_fields; i++) {
		if ((int)i == tail)
			continue;
		/* 8: what is copied by words is faster so, and printers may cast */
		off = align_up(off, l->fields[i].type->size >= 8 ? 8 : l->fields[i].type->align);
		l->fields[i].offset = off;
		off += l->fields[i].type->size;
	}
	if (tail >= 0) {
		l->fields[tail].offset = align_up(off, 8);
		off = l->fields[tail].offset + l->fields[tail].type->size;
	}
	l->size = off;
	return tail;
}

static void store_head(struct builder *b, struct value rec, uint32_t layout)
{
	put_store_imm(b, rec.reg, rec.off, layout, 4);
	put_store_imm(b, rec.reg, rec.off + 4, b->prog_index, 4);
}

/* zero the gaps that alignment leaves: nothing of the kernel's memory may go out */
static void zero_gaps(struct builder *b, struct value rec, const struct event_layout *l)
{
	for (uint32_t at = 0; at < l->size;) {
		uint32_t next = l->size, end = at;

		for (uint32_t i = 0; i < l->n_fields; i++) {
			uint32_t from = l->fields[i].offset, to = from + l->fields[i].type->size;

			if (from <= at && to > end)
				end = to;
			else if (from > at && from < next)
				next = from;
		}
		if (end <= at) {
			put_zero(b, rec.reg, rec.off + (int32_t)(HEAD + at), next - at);
			end = next;
		}
		at = end;
	}
}

/* bytes in front of a record's head */
static uint32_t lead_of(const struct builder *b)
{
	return b->im->has_times && !b->prog->is_in_process ? sizeof(uint64_t) : 0;
}

static void store_time(struct builder *b, struct value rec)
{
	if (lead_of(b))
		put_store(b, rec.reg, rec.off - (int32_t)lead_of(b),
			  put_call(b, BPF_FUNC_ktime_get_ns, 0, NULL), 8);
}

struct value event_memory(struct builder *b, uint32_t bytes)
{
	return value_at(mem_new_bytes(b, lead_of(b) + bytes), (int32_t)lead_of(b), type_none());
}

uint32_t event_output(struct builder *b, uint32_t map, struct value rec, uint32_t size,
		      uint32_t flags)
{
	uint32_t lead = lead_of(b);

	store_time(b, rec);
	if (lead)
		size = put_op_imm(b, IR_ADD, size, lead);
	return put_helper(b, BPF_FUNC_ringbuf_output, put_map(b, map),
			  value_address(b, value_at(rec, -(int32_t)lead, type_none())), size,
			  flags);
}

static void send_reserved(struct builder *b, enum event_kind kind, uint32_t layout,
			  const struct value *values)
{
	const struct event_layout *l = b->im->events[layout];
	uint32_t full = new_label(b), done = new_label(b), start = lead_of(b) + HEAD;
	uint32_t flags = wake_flags(b, kind, full);
	uint32_t rec = put_helper(b, BPF_FUNC_ringbuf_reserve, put_map(b, ring_map(b)),
				  put_imm(b, start + align_up(l->size, 8)), put_imm(b, 0));
	struct value mem = value_mem(rec, (int32_t)lead_of(b), SPACE_BPF, type_none());

	put_br_imm(b, CC_EQ, rec, 0, full);
	store_time(b, mem);
	store_head(b, mem, layout);
	zero_gaps(b, mem, l);
	if (align_up(l->size, 8) > l->size)
		put_zero(b, rec, (int32_t)(start + l->size), align_up(l->size, 8) - l->size);
	for (uint32_t i = 0; i < l->n_fields; i++)
		value_store(b,
			    value_mem(rec, (int32_t)(start + l->fields[i].offset), SPACE_BPF,
				      l->fields[i].type),
			    values[i]);
	put_helper(b, BPF_FUNC_ringbuf_submit, rec, flags);
	put_jmp(b, done);
	put_label(b, full);
	event_count_drop(b);
	put_label(b, done);
}

static void send_output(struct builder *b, enum event_kind kind, struct value rec, uint32_t size)
{
	uint32_t full = new_label(b), done = new_label(b);
	uint32_t flags = wake_flags(b, kind, full), ret;

	ret = event_output(b, ring_map(b), rec, size, flags);
	put_br_imm(b, CC_EQ, ret, 0, done);
	put_label(b, full);
	event_count_drop(b);
	put_label(b, done);
}

/* the record's length when its last field is text that was just put there */
static uint32_t true_length(struct builder *b, const struct event_layout *l, int tail,
			    uint32_t text_bytes)
{
	uint32_t fixed = HEAD + l->fields[tail].offset;

	return put_op_imm(b, IR_ADD, put_bound(b, text_bytes, l->fields[tail].type->size), fixed);
}

static void send_built(struct builder *b, enum event_kind kind, uint32_t layout,
		       struct node *const *nodes, const struct value *values, int tail)
{
	const struct event_layout *l = b->im->events[layout];
	struct value rec = event_memory(b, HEAD + l->size);
	uint32_t size = 0;

	store_head(b, rec, layout);
	zero_gaps(b, rec, l);
	for (uint32_t i = 0; i < l->n_fields; i++) {
		struct value to = value_at(rec, (int32_t)(HEAD + l->fields[i].offset),
					   l->fields[i].type);
		uint32_t bytes = 0;

		if (nodes && (int)i == tail)
			bytes = build_text_tail(b, nodes[i], to);
		else if (nodes)
			build_into(b, nodes[i], to);
		else
			value_store(b, to, values[i]);
		if (bytes)
			size = true_length(b, l, tail, bytes);
	}
	send_output(b, kind, rec, size ? size : put_imm(b, HEAD + l->size));
}

static uint32_t new_layout(struct builder *b, enum event_kind kind, struct event_layout *l)
{
	l->kind = kind;
	b->prog->sends |= kind != EVENT_STACK && kind != EVENT_NOTE;
	if (!l->at.end)
		l->at = b->at;
	return image_add_event(b->im, *l);
}

void event_send(struct builder *b, enum event_kind kind, struct event_layout l,
		const struct value *values, uint32_t n)
{
	uint32_t layout;

	l.n_fields = n;
	l.fields = arena_array(b->arena, struct event_field, n + 1);
	for (uint32_t i = 0; i < n; i++)
		l.fields[i].type = values[i].type;
	place_fields(&l);
	layout = new_layout(b, kind, &l);
	if (HEAD + l.size <= RESERVE_MAX)
		send_reserved(b, kind, layout, values);
	else
		send_built(b, kind, layout, NULL, values, -1);
}

/* variables stand in memory already: they go into the record without another copy between */
static bool all_in_memory(struct node *const *nodes, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (nodes[i]->kind != NODE_VAR)
			return false;
	return true;
}

/* fields from expressions: small events evaluate them first, large ones straight into the record */
static void event_nodes(struct builder *b, enum event_kind kind, struct event_layout l,
			struct node *first)
{
	struct node *nodes[129];
	struct value values[129];
	uint32_t n = 0, layout;
	int tail;

	for (struct node *a = first; a && n < 129; a = a->next)
		nodes[n++] = a;
	l.n_fields = n;
	l.fields = arena_array(b->arena, struct event_field, n + 1);
	for (uint32_t i = 0; i < n; i++)
		l.fields[i].type = nodes[i]->type;
	tail = place_fields(&l);
	layout = new_layout(b, kind, &l);
	if (HEAD + l.size > RESERVE_MAX && !all_in_memory(nodes, n)) {
		send_built(b, kind, layout, nodes, NULL, tail);
		return;
	}
	for (uint32_t i = 0; i < n; i++)
		values[i] = build_expr(b, nodes[i]);
	send_reserved(b, kind, layout, values);
}

/* ---- the calls that make events ---- */

static void call_format(struct builder *b, enum event_kind kind, struct node *call)
{
	struct node *format = call->call.args;

	event_nodes(b, kind,
		    (struct event_layout){
			    .format = format->string, .at = call->at, .map = IMAGE_NONE },
		    format->next);
}

static void call_debugf(struct builder *b, struct node *call)
{
	struct str fmt = call->call.args->string;
	uint32_t args[5], n = 2;
	char *text = arena_alloc(b->arena, fmt.n + 1);

	memcpy(text, fmt.p, fmt.n);
	args[0] = value_address(b, const_bytes(b, text, (uint32_t)fmt.n + 1, type_none()));
	args[1] = put_imm(b, (int64_t)fmt.n + 1);
	for (struct node *a = call->call.args->next; a && n < 5; a = a->next)
		args[n++] = type_is_scalar(a->type)
				    ? build_reg(b, a)
				    : value_address(b, value_to_mem(b, build_expr(b, a)));
	put_call(b, BPF_FUNC_trace_printk, n, args);
}

static void call_print(struct builder *b, struct node *call)
{
	const struct call_print *p = call->call.info;
	struct node *arg = call->call.args;
	struct event_layout l = { .at = call->at, .map = IMAGE_NONE };

	if (!p || p->what == PRINT_VALUE) {
		struct node *rest = arg->next;

		arg->next = NULL;
		event_nodes(b, EVENT_PRINT, l, arg);
		arg->next = rest;
		return;
	}
	l.map = map_number(b, p->map);
	l.param[0] = p->top;
	l.param[1] = p->div;
	if (p->what == PRINT_MAP) {
		event_send(b, EVENT_PRINT_MAP, l, NULL, 0);
		return;
	}
	/* one key: aggregations are read by the consumer, who adds up the CPUs */
	struct value v[2] = { value_retype(
		value_mem(map_key_address(b, p->map, arg->map.key), 0, SPACE_BPF, NULL),
		p->map->key_type) };

	if (!type_is_aggregation(p->map->value_type))
		v[1] = map_read(b, arg);
	event_send(b, EVENT_PRINT_MAP_KEY, l, v, type_is_aggregation(p->map->value_type) ? 1 : 2);
}

static void call_map_event(struct builder *b, enum event_kind kind, struct node *call)
{
	struct event_layout l = { .at = call->at,
				  .map = map_number(b, call->call.args->map.ref) };

	event_send(b, kind, l, NULL, 0);
}

static void call_exit(struct builder *b, struct node *call)
{
	uint32_t base = put_map_value(b, b->im->globals_map, 0);

	if (call->call.args)
		put_store(b, base, offsetof(struct image_globals, exit_code),
			  build_reg(b, call->call.args), 8);
	put_store_imm(b, base, offsetof(struct image_globals, exiting), 1, 8);
	event_send(b, EVENT_EXIT, (struct event_layout){ .at = call->at, .map = IMAGE_NONE }, NULL,
		   0);
	build_leave_reg(b, 0);
	put_label(b, new_label(b)); /* what follows is never reached */
}

/* up to JOIN_ARGS strings of a char **, each in a row of its own; the record ends behind the last */
static void call_join(struct builder *b, struct node *call)
{
	struct node *arg = call->call.args;
	uint32_t row = (uint32_t)b->unit->config.max_strlen;
	enum space space = arg->type->space;
	struct event_layout l = { .at = call->at, .map = IMAGE_NONE, .n_fields = JOIN_ARGS };
	uint32_t size = new_vreg(b), done = new_label(b), argv, layout;
	struct value rec;

	row = round_up8(row < 1024 ? row + 1 : 1024);
	l.format = arg->next ? arg->next->string : STR(" ");
	l.fields = arena_array(b->arena, struct event_field, JOIN_ARGS);
	for (uint32_t i = 0; i < JOIN_ARGS; i++)
		l.fields[i] = (struct event_field){ type_string(b->unit->types, row), i * row };
	l.size = JOIN_ARGS * row;
	layout = new_layout(b, EVENT_JOIN, &l);
	argv = build_reg(b, arg);
	rec = event_memory(b, HEAD + l.size);
	store_head(b, rec, layout);
	put_imm_to(b, size, HEAD);
	for (uint32_t i = 0; i < JOIN_ARGS; i++) {
		struct mem_mark mark = mem_mark(b);
		struct value ptr = mem_new_bytes(b, 8),
			     to = value_at(rec, (int32_t)(HEAD + i * row), type_none());
		uint32_t p;

		mem_read(b, ptr, put_op_imm(b, IR_ADD, argv, i * 8), space, 8);
		p = put_load(b, ptr.reg, ptr.off, 8, false);
		put_br_imm(b, CC_EQ, p, 0, done);
		put_store_imm(b, to.reg, to.off + (int32_t)row - 8, 0, 8);
		mem_read_text(b, value_address(b, to), put_imm(b, row), p, space);
		put_imm_to(b, size, HEAD + (i + 1) * row);
		mem_release(b, mark);
	}
	put_label(b, done);
	send_output(b, EVENT_JOIN, rec, put_bound(b, size, HEAD + l.size));
}

static void call_time(struct builder *b, struct node *call)
{
	struct node *format = call->call.args;

	event_send(b, EVENT_TIME,
		   (struct event_layout){ .at = call->at,
					  .map = IMAGE_NONE,
					  .format = format ? format->string : STR("%H:%M:%S\n") },
		   NULL, 0);
}

bool is_event_call(enum builtin_id id)
{
	return id >= BUILTIN_PRINTF && id <= BUILTIN_UNWATCH;
}

void event_call(struct builder *b, struct node *call)
{
	switch (call->call.builtin->id) {
	case BUILTIN_PRINTF: call_format(b, EVENT_PRINTF, call); break;
	case BUILTIN_ERRORF: call_format(b, EVENT_ERRORF, call); break;
	case BUILTIN_WARNF: call_format(b, EVENT_WARNF, call); break;
	case BUILTIN_CAT: call_format(b, EVENT_CAT, call); break;
	case BUILTIN_SYSTEM: call_format(b, EVENT_SYSTEM, call); break;
	case BUILTIN_KEYLOG: call_format(b, EVENT_KEYLOG, call); break;
	case BUILTIN_PCAPNG: call_format(b, EVENT_PCAPNG, call); break;
	case BUILTIN_DEBUGF: call_debugf(b, call); break;
	case BUILTIN_PRINT: call_print(b, call); break;
	case BUILTIN_CLEAR: call_map_event(b, EVENT_CLEAR, call); break;
	case BUILTIN_ZERO: call_map_event(b, EVENT_ZERO, call); break;
	case BUILTIN_TIME: call_time(b, call); break;
	case BUILTIN_JOIN: call_join(b, call); break;
	case BUILTIN_EXIT: call_exit(b, call); break;
	default: /* unwatch */
		event_nodes(b, EVENT_UNWATCH,
			    (struct event_layout){ .at = call->at, .map = IMAGE_NONE },
			    call->call.args);
		break;
	}
}
