/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Builtins on text and bytes. */
#include "ir/build_private.h"

#include "types/capture.h"

#include <linux/bpf.h>
#include <signal.h>
#include <stdio.h>

static bool is_const(const struct node *n)
{
	return n->kind == NODE_INT || n->kind == NODE_BOOL;
}

/* address and space of what str() or buf() is to read */
static uint32_t source_address(struct builder *b, struct node *arg, enum space *space)
{
	struct value v = build_expr(b, arg);

	if (v.form == VAL_STR || (v.form == VAL_MEM && !type_is_scalar(v.type))) {
		if (v.form == VAL_STR || v.is_ctx)
			v = value_to_mem(b, v);
		*space = v.space;
		return value_address(b, v);
	}
	*space = v.type->kind == TYPE_POINTER ? v.type->space : SPACE_NONE;
	return value_to_reg(b, v);
}

/* bytes to ask the helper for, NUL included */
static uint32_t text_size(struct builder *b, struct node *len, uint32_t wanted,
			  const struct type *t)
{
	uint32_t n;
	bool counts_nul = b->unit->config.str_len_counts_nul;

	if (!len)
		return put_imm(b, t->size);
	if (is_const(len)) {
		int64_t size = len->integer + (counts_nul ? 0 : 1);

		return put_imm(b, size < 0 || size > t->size ? t->size : size);
	}
	n = put_bound(b, wanted, t->size - !counts_nul);
	return counts_nul ? n : put_op_imm(b, IR_ADD, n, 1);
}

/* mark a text that did not fit: the byte behind the last one taken is not NUL. wanted: its length in a vreg, 0: any */
static void mark_cut(struct builder *b, struct value to, uint32_t got, uint32_t addr,
		     enum space space, uint32_t wanted)
{
	uint32_t size = to.type->size, whole = new_label(b);
	struct mem_mark mark = mem_mark(b);
	struct value next = mem_new_bytes(b, 8);

	put_br_imm(b, CC_NE, got, size, whole);
	if (wanted)
		put_br_imm(b, CC_LE, wanted, size - !b->unit->config.str_len_counts_nul, whole);
	put_store_imm(b, next.reg, next.off, 0, 8);
	mem_read_bytes(b, value_address(b, next), put_imm(b, 1),
		       put_op_imm(b, IR_ADD, addr, size - 1), space);
	put_store(b, to.reg, to.off + (int32_t)size - 1,
		  put_set_imm(b, CC_NE, put_load(b, next.reg, next.off, 1, false), 0), 1);
	put_label(b, whole);
	mem_release(b, mark);
}

/* gives the length with the NUL; negative on a failed read */
static uint32_t str_into(struct builder *b, struct node *call, struct value to, bool zero)
{
	struct node *arg = call->call.args, *len = arg->next;
	enum space space;
	uint32_t addr = source_address(b, arg, &space), size, got;
	uint32_t wanted = len && !is_const(len) ? build_reg(b, len) : 0;

	size = text_size(b, len, wanted, to.type);
	if (zero)
		mem_zero(b, to, to.type->size);
	got = mem_read_text(b, value_address(b, to), size, addr, space);
	/* a text that the script itself wants no longer is whole; one that had no room for what was wanted is not */
	if (!len || !is_const(len) || len->integer + !b->unit->config.str_len_counts_nul > (int64_t)to.type->size)
		mark_cut(b, to, got, addr, space, wanted);
	return got;
}

static struct value call_str(struct builder *b, struct node *call)
{
	struct node *arg = call->call.args;
	struct value to;

	if (arg->type->kind == TYPE_STRING && !arg->next)
		return build_cast(b, build_expr(b, arg), call->type, call->at);
	to = mem_new(b, call->type);
	str_into(b, call, to, true);
	return to;
}

static uint32_t buf_into(struct builder *b, struct node *call, struct value to, bool zero)
{
	struct node *arg = call->call.args, *len = arg->next;
	uint32_t cap = to.type->count, n, addr;
	enum space space;

	addr = source_address(b, arg, &space);
	if (len)
		n = is_const(len) ? put_imm(b, len->integer < (int64_t)cap ? len->integer : cap)
				  : put_bound(b, build_reg(b, len), cap);
	else
		n = put_imm(b, cap);
	if (zero)
		mem_zero(b, to, to.type->size);
	put_store(b, to.reg, to.off, n, 4);
	mem_read_bytes(b, put_op_imm(b, IR_ADD, to.reg, to.off + 4), n, addr, space);
	return put_op_imm(b, IR_ADD, n, 4);
}

static struct value call_buf(struct builder *b, struct node *call)
{
	struct value to = mem_new(b, call->type);

	buf_into(b, call, to, true);
	return to;
}

uint32_t build_text_tail(struct builder *b, struct node *n, struct value to)
{
	if (n->kind == NODE_CALL && n->call.builtin && n->call.builtin->id == BUILTIN_STR &&
	    n->call.args->type->kind != TYPE_STRING && to.type == n->type) {
		uint32_t got = str_into(b, n, to, false), len = new_vreg(b), fine = new_label(b);

		put_mov_to(b, len, got);
		put_br_imm(b, CC_SGT, got, 0, fine);
		put_store_imm(b, to.reg, to.off, 0, 1); /* nothing could be read: an empty text */
		put_imm_to(b, len, 1);
		put_label(b, fine);
		return len;
	}
	if (n->kind == NODE_CALL && n->call.builtin && n->call.builtin->id == BUILTIN_BUF &&
	    to.type == n->type)
		return buf_into(b, n, to, false);
	build_into(b, n, to);
	if (to.type->kind == TYPE_CAPTURE)
		return put_op_imm(b, IR_ADD, put_load(b, to.reg, to.off, 4, false),
				  sizeof(struct stored_capture));
	return 0;
}

/* ---- comparison and search ---- */

static struct value text_of(struct builder *b, struct node *n)
{
	struct value v = build_expr(b, n);

	if (v.form == VAL_STR)
		return v;
	if (v.type->kind == TYPE_POINTER)
		v = read_string(
			b, value_to_reg(b, v), v.type->space,
			type_string(b->unit->types, (uint32_t)b->unit->config.max_strlen + 1));
	else if (v.type->kind == TYPE_ARRAY)
		v = build_cast(b, v, type_string(b->unit->types, v.type->size + 1), n->at);
	return value_to_mem(b, v);
}

static uint32_t load_text_byte(struct builder *b, struct value v, uint32_t i)
{
	if (v.form == VAL_STR)
		return put_imm(b, i < v.str.n ? (uint8_t)v.str.p[i] : 0);
	return i + 1 < v.type->size ? put_load(b, v.reg, v.off + (int32_t)i, 1, false)
				    : put_imm(b, 0);
}

static struct value call_strncmp(struct builder *b, struct node *call)
{
	struct node *x = call->call.args, *y = x->next, *n = y->next;
	struct value p = text_of(b, x), q = text_of(b, y);
	uint32_t sum = put_imm(b, 0);
	uint32_t size_p = p.form == VAL_STR ? (uint32_t)p.str.n + 1 : p.type->size;
	uint32_t size_q = q.form == VAL_STR ? (uint32_t)q.str.n + 1 : q.type->size;
	uint32_t most = size_p < size_q ? size_p : size_q;
	uint32_t limit = n->integer < (int64_t)most ? (uint32_t)n->integer : most;

	/* texts are padded with NULs, so bytes behind an end compare as equal or as the difference they are */
	for (uint32_t i = 0; i < limit; i++)
		sum = put_op(b, IR_OR, sum,
			     put_op(b, IR_XOR, load_text_byte(b, p, i), load_text_byte(b, q, i)));
	return value_reg(put_set_imm(b, CC_NE, sum, 0), call->type);
}

/*
 * Where needle stands in haystack, -1 when it does not: bpf_loop over the positions. The haystack is copied to scratch with
 * room for the needle behind it, so that no position can reach beyond.
 */
static uint32_t find_text(struct builder *b, struct value hay, struct value needle)
{
	uint32_t hay_size = hay.form == VAL_STR ? (uint32_t)hay.str.n + 1 : hay.type->size;
	uint32_t n_size = needle.form == VAL_STR ? (uint32_t)needle.str.n + 1 : needle.type->size;
	uint32_t total = round_up8(hay_size) + round_up8(n_size) + 8;
	uint32_t hay_off = scratch_alloc(b, total), needle_off = scratch_alloc(b, n_size),
		 result = b->frame_bytes;
	struct value to = value_mem(scratch_base(b), (int32_t)hay_off, SPACE_BPF,
				    type_string(b->unit->types, hay_size));
	struct value nd = value_mem(scratch_base(b), (int32_t)needle_off, SPACE_BPF,
				    type_string(b->unit->types, n_size));
	struct fn_state *cb;
	uint32_t pos, at, base, miss;

	b->frame_bytes += 8;
	put_zero(b, to.reg, to.off + (int32_t)(hay_size & ~7u), total - (hay_size & ~7u));
	value_store(b, to, hay);
	value_store(b, nd, needle);
	put_store_imm(b, frame_base(b), (int32_t)result, -1, 8);
	cb = callback_begin(b, IR_FUNC_LOOP);
	pos = put_bound(b, put_param(b, 0), hay_size - 1);
	base = scratch_base(b);
	at = put_op(b, IR_ADD, put_op_imm(b, IR_ADD, base, hay_off), pos);
	miss = new_label(b);
	if (needle.form == VAL_STR) {
		for (uint32_t i = 0; i < needle.str.n; i++)
			put_br_imm(b, CC_NE, put_load(b, at, (int32_t)i, 1, false),
				   (uint8_t)needle.str.p[i], miss);
	} else {
		uint32_t found = new_label(b);

		for (uint32_t i = 0; i + 1 < n_size; i++) {
			uint32_t want = put_load(b, base, (int32_t)(needle_off + i), 1, false);

			put_br_imm(b, CC_EQ, want, 0, found);
			put_br(b, CC_NE, put_load(b, at, (int32_t)i, 1, false), want, miss);
		}
		put_label(b, found);
	}
	put_store(b, cb->frame, (int32_t)result, pos, 8);
	put_ret(b, put_imm(b, 1));
	put_label(b, miss);
	callback_end(b, cb);
	put_helper(b, BPF_FUNC_loop, put_imm(b, hay_size), put_func(b, cb->index), frame_base(b),
		   put_imm(b, 0));
	return put_load(b, frame_base(b), (int32_t)result, 8, false);
}

static struct value call_find(struct builder *b, struct node *call)
{
	struct node *h = call->call.args, *n = h->next;
	struct value hay = text_of(b, h), needle = text_of(b, n);
	uint32_t at;

	if (hay.form == VAL_STR && needle.form == VAL_STR)
		at = put_imm(b, str_find(hay.str, needle.str));
	else
		at = find_text(b, hay, needle);
	if (call->call.builtin->id == BUILTIN_STRCONTAINS)
		return value_reg(put_set_imm(b, CC_SGE, at, 0), call->type);
	return value_reg(at, call->type);
}

/* the helper that reads text tells its length: read it once more into a temporary */
static struct value call_strlen(struct builder *b, struct node *call)
{
	struct node *arg = call->call.args;
	struct value v = build_expr(b, arg), tmp;
	uint32_t size, addr, got, len = new_vreg(b), fine = new_label(b);
	enum space space;

	if (v.form == VAL_STR)
		return value_reg(put_imm(b, (int64_t)v.str.n), call->type);
	if (v.type->kind == TYPE_POINTER) {
		size = (uint32_t)b->unit->config.max_strlen + 1;
		addr = value_to_reg(b, v);
		space = v.type->space;
	} else {
		if (v.form == VAL_MEM && v.is_ctx)
			v = value_to_mem(b, v);
		size = v.type->size + (v.type->kind == TYPE_ARRAY);
		addr = value_address(b, v);
		space = v.space;
	}
	tmp = mem_new_bytes(b, size);
	got = mem_read_text(b, value_address(b, tmp), put_imm(b, size), addr, space);
	put_mov_to(b, len, put_op_imm(b, IR_SUB, got, 1));
	put_br_imm(b, CC_SGT, got, 0, fine);
	put_imm_to(b, len, 0);
	put_label(b, fine);
	return value_reg(len, call->type);
}

static struct value call_str_concat(struct builder *b, struct node *call)
{
	struct node *x = call->call.args;
	struct value p = value_to_mem(b, text_of(b, x)), q = value_to_mem(b, text_of(b, x->next));
	uint32_t size = call->type->size, room = round_up8(p.type->size + q.type->size);
	/* in scratch: the second text goes to an offset that is known only at run time */
	struct value to = value_mem(scratch_base(b),
				    (int32_t)scratch_alloc(b, room > size ? room : size), SPACE_BPF,
				    call->type);
	uint32_t got, at;

	put_zero(b, to.reg, to.off, room > size ? room : size);
	got = mem_read_text(b, value_address(b, to), put_imm(b, p.type->size), value_address(b, p),
			    SPACE_BPF);
	at = put_bound(b, put_op_imm(b, IR_SUB, got, 1), p.type->size - 1);
	at = put_op(b, IR_ADD, value_address(b, to), at);
	mem_read_text(b, at, put_imm(b, q.type->size), value_address(b, q), SPACE_BPF);
	put_store_imm(b, to.reg, to.off + (int32_t)size - 1, 0, 1);
	return to;
}

static struct value bytes_at(struct builder *b, struct node *n, uint32_t size)
{
	enum space space;
	uint32_t addr = source_address(b, n, &space);
	struct value to = mem_new_bytes(b, size);

	/* by a helper: the verifier does not know that all of it is there */
	if (space == SPACE_BPF)
		(void)mem_read_bytes(b, value_address(b, to), put_imm(b, size), addr, space);
	else
		mem_read(b, to, addr, space, size);
	return to;
}

/* the difference of the first bytes that differ, looked for from the end so that there are no branches */
static struct value call_memcmp(struct builder *b, struct node *call)
{
	struct node *x = call->call.args, *y = x->next, *n = y->next;
	uint32_t size = n->integer > 0 && n->integer <= 1024 ? (uint32_t)n->integer : 1;
	struct value p = bytes_at(b, x, size), q = bytes_at(b, y, size);
	uint32_t result = put_imm(b, 0);

	for (uint32_t i = size; i-- > 0;) {
		uint32_t d = put_op(b, IR_SUB, put_load(b, p.reg, p.off + (int32_t)i, 1, false),
				    put_load(b, q.reg, q.off + (int32_t)i, 1, false));
		uint32_t is_equal = put_set_imm(b, CC_EQ, d, 0);

		result = put_op(b, IR_ADD, d, put_op(b, IR_MUL, result, is_equal));
	}
	return value_reg(result, call->type);
}

/* ---- names of numbers: rows of a read-only table ---- */

static const char *const syscall_names[] = {
#define SYSCALL(number, name) [number] = name,
#include "ir/syscalls.def"
#undef SYSCALL
};

static const char *name_of(enum builtin_id id, uint32_t n)
{
	switch (id) {
	case BUILTIN_STRERROR: return strerror((int)n);
	case BUILTIN_SIGNAL_NAME: return strsignal((int)n);
	default:
		return n < sizeof(syscall_names) / sizeof(*syscall_names) ? syscall_names[n] : NULL;
	}
}

static struct value call_name(struct builder *b, struct node *call)
{
	enum builtin_id id = call->call.builtin->id;
	uint32_t rows = id == BUILTIN_STRERROR ? 134 : id == BUILTIN_SIGNAL_NAME ? NSIG : 512;
	uint32_t size = call->type->size, row = round_up8(size), n;
	char *table = arena_alloc(b->arena, (size_t)(rows + 1) * row);
	struct value base;

	for (uint32_t i = 0; i < rows; i++) {
		const char *text = name_of(id, i);

		if (text)
			snprintf(table + (size_t)i * row, size, "%s", text);
	}
	snprintf(table + (size_t)rows * row, size,
		 id == BUILTIN_STRERROR      ? "Unknown error"
		 : id == BUILTIN_SIGNAL_NAME ? "N/A"
					     : "unknown");
	n = build_reg(b, call->call.args);
	base = const_bytes(b, table, (rows + 1) * row, call->type);
	n = put_op_imm(b, IR_MUL, put_bound(b, n, rows), row);
	return value_mem(put_op(b, IR_ADD, base.reg, n), 0, SPACE_BPF, call->type);
}

build_call_fn *call_builder_string(enum builtin_id id)
{
	switch (id) {
	case BUILTIN_STR: return call_str;
	case BUILTIN_BUF: return call_buf;
	case BUILTIN_STRNCMP: return call_strncmp;
	case BUILTIN_STRCONTAINS:
	case BUILTIN_STRSTR: return call_find;
	case BUILTIN_STRLEN: return call_strlen;
	case BUILTIN_STR_CONCAT: return call_str_concat;
	case BUILTIN_MEMCMP: return call_memcmp;
	case BUILTIN_STRERROR:
	case BUILTIN_SIGNAL_NAME:
	case BUILTIN_SYSCALL_NAME: return call_name;
	default: return NULL;
	}
}
