/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stream(): all bytes of a call go to the consumer, cut into records. A map of connections counts the bytes that each has passed
 * in each direction; the record says where its bytes stand, so that the consumer joins them in order and knows what is
 * missing: a record that did not fit the ring is a hole of known length. One loop serves single buffers and vectors: a vector is
 * a list of parts, a single buffer is one part without a list.
 *
 * A hit that found no work area has not counted its bytes. It is counted itself (globals.blind), and from then on the consumer
 * takes no connection for whole without saying so.
 */
#include "ir/build_private.h"

#include <linux/bpf.h>
#include <stddef.h>
#include <unistd.h>

enum {
	HEAD = sizeof(struct event_head),
	BYTES = HEAD + sizeof(struct image_stream_piece), /* in the record: where they begin */
	IOVEC = 16,
	/* state of the loop, in scratch */
	ST_ADDR = 0,  /* of the part's next byte */
	ST_LEFT = 8,  /* bytes left in the part */
	ST_TODO = 16, /* bytes left of the call */
	ST_IOV = 24,  /* address of the next struct iovec */
	ST_NIOV = 32, /* how many are left */
	ST_PART = 40, /* one of them, as read */
	ST_SIZE = 56,
};

struct stream {
	int32_t rec, st; /* offsets in scratch: the record, the state of the loop */
	int32_t elem;  /* offset in the frame: address of the connection's state, + 8 * direction */
	uint32_t done; /* label */
};

uint32_t streams_map(struct builder *b)
{
	if (b->im->streams_map == IMAGE_NONE)
		b->im->streams_map = image_add_map(
			b->im, (struct image_map){ .name = STR("streams"),
						   .role = MAP_STREAMS,
						   .bpf_type = BPF_MAP_TYPE_LRU_HASH,
						   .key_size = sizeof(struct image_stream_key),
						   .value_size = sizeof(struct image_stream_state),
						   .max_entries = IMAGE_STREAM_CONNS });
	return b->im->streams_map;
}

/* ---- the record ---- */

static struct value piece_of(struct builder *b, const struct stream *s)
{
	return value_mem(scratch_base(b), s->rec + HEAD, SPACE_BPF, type_none());
}

#define PIECE(f) (int32_t) offsetof(struct image_stream_piece, f)

static void put_piece(struct builder *b, const struct stream *s, int32_t field, uint32_t v,
		      uint32_t size)
{
	struct value p = piece_of(b, s);

	put_store(b, p.reg, p.off + field, v, size);
}

static uint32_t get_piece(struct builder *b, const struct stream *s, int32_t field, uint32_t size)
{
	struct value p = piece_of(b, s);

	return put_load(b, p.reg, p.off + field, size, false);
}

static uint32_t get_state(struct builder *b, const struct stream *s, int32_t field)
{
	return put_load(b, scratch_base(b), s->st + field, 8, false);
}

static void set_state(struct builder *b, const struct stream *s, int32_t field, uint32_t v)
{
	put_store(b, scratch_base(b), s->st + field, v, 8);
}

static uint32_t read_id(struct builder *b, const struct stream *s, uint32_t id)
{
	struct value p = piece_of(b, s);

	put_store(b, p.reg, p.off + PIECE(key), id, 8);
	put_store(b, p.reg, p.off + PIECE(key) + 8, put_current_tgid(b), 4);
	put_store_imm(b, p.reg, p.off + PIECE(key) + 12, 0, 4);
	return value_address(b, value_at(p, PIECE(key), type_none()));
}

static void put_who(struct builder *b, const struct stream *s)
{
	struct value p = piece_of(b, s);
	uint32_t ids = put_call(b, BPF_FUNC_get_current_uid_gid, 0, NULL), self;

	put_piece(b, s, PIECE(pid), build_current_pid(b, false), 4);
	put_piece(b, s, PIECE(tid), build_current_pid(b, true), 4);
	put_piece(b, s, PIECE(uid), ids, 4);
	put_piece(b, s, PIECE(gid), put_op_imm(b, IR_SHR, ids, 32), 4);
	put_piece(b, s, PIECE(nsecs), put_call(b, BPF_FUNC_ktime_get_boot_ns, 0, NULL), 8);
	put_piece(b, s, PIECE(cgroup), put_call(b, BPF_FUNC_get_current_cgroup_id, 0, NULL), 8);
	put_helper(b, BPF_FUNC_get_current_comm,
		   value_address(b, value_at(p, PIECE(comm), type_none())), put_imm(b, 16));
	/* what we print on a socket would make us print */
	self = get_piece(b, s, PIECE(pid), 4);
	put_br_imm(b, CC_EQ, self, getpid(), s->done);
}

static uint32_t globals_word(struct builder *b, size_t off)
{
	return put_map_value(b, b->im->globals_map, (int32_t)off);
}

void build_stream_blind(struct builder *b)
{
	put_atomic_add(b, globals_word(b, offsetof(struct image_globals, blind)), 0, put_imm(b, 1));
}

/* the connection's state, made when it is new. Gives its address, never 0 */
static uint32_t find_state(struct builder *b, const struct stream *s, uint32_t key)
{
	struct value fresh = value_mem(scratch_base(b), s->st, SPACE_BPF, type_none());
	uint32_t elem = new_vreg(b), found = new_label(b), map = streams_map(b);

	put_mov_to(b, elem, map_lookup(b, map, key));
	put_br_imm(b, CC_NE, elem, 0, found);
	mem_zero(b, fresh, sizeof(struct image_stream_state));
	put_store(b, fresh.reg, fresh.off, put_call(b, BPF_FUNC_ktime_get_ns, 0, NULL), 8);
	put_helper(b, BPF_FUNC_map_update_elem, put_map(b, map), key, value_address(b, fresh),
		   put_imm(b, BPF_NOEXIST));
	put_mov_to(b, elem, map_lookup(b, map, key));
	put_br_imm(b, CC_NE, elem, 0, found);
	build_stream_blind(b); /* made, and gone already: the map is torn between too many */
	put_jmp(b, s->done);
	put_label(b, found);
	return elem;
}

/* ---- the loop ---- */

static uint32_t elem_of(struct builder *b, const struct stream *s)
{
	return put_load(b, frame_base(b), s->elem, 8, false);
}

static void count_lost(struct builder *b, const struct stream *s, uint32_t n)
{
	put_atomic_add(b, elem_of(b, s), offsetof(struct image_stream_state, lost), n);
}

/* the part's bytes into the record; negative when they cannot be read */
static uint32_t read_bytes(struct builder *b, const struct stream *s, uint32_t n)
{
	uint32_t to = put_op_imm(b, IR_ADD, scratch_base(b), s->rec + BYTES);
	uint32_t from = get_state(b, s, ST_ADDR), ret = new_vreg(b), fine = new_label(b);

	put_mov_to(b, ret, put_helper(b, BPF_FUNC_probe_read_user, to, n, from));
	if (!may_fault_in(b))
		return ret;
	put_br_imm(b, CC_SGE, ret, 0, fine);
	b->prog->flags |= BPF_F_SLEEPABLE;
	put_mov_to(b, ret, put_helper(b, BPF_FUNC_copy_from_user, to, n, from));
	put_label(b, fine);
	return ret;
}

/* the next part of a vector; ends the loop when there is none, or it cannot be read */
static void next_part(struct builder *b, const struct stream *s)
{
	uint32_t some = new_label(b), fine = new_label(b), iov = get_state(b, s, ST_IOV), ret;
	uint32_t left = get_state(b, s, ST_NIOV);

	put_br_imm(b, CC_NE, left, 0, some);
	put_ret(b, put_imm(b, 1));
	put_label(b, some);
	ret = mem_read_bytes(b, put_op_imm(b, IR_ADD, scratch_base(b), s->st + ST_PART),
			     put_imm(b, IOVEC), iov, SPACE_USER);
	put_br_imm(b, CC_EQ, ret, 0, fine);
	put_ret(b, put_imm(b, 1));
	put_label(b, fine);
	set_state(b, s, ST_ADDR, get_state(b, s, ST_PART));
	set_state(b, s, ST_LEFT, get_state(b, s, ST_PART + 8));
	set_state(b, s, ST_IOV, put_op_imm(b, IR_ADD, iov, IOVEC));
	set_state(b, s, ST_NIOV, put_op_imm(b, IR_SUB, left, 1));
	put_ret(b, put_imm(b, 0));
}

static void advance(struct builder *b, const struct stream *s, uint32_t n)
{
	set_state(b, s, ST_ADDR, put_op(b, IR_ADD, get_state(b, s, ST_ADDR), n));
	set_state(b, s, ST_LEFT, put_op(b, IR_SUB, get_state(b, s, ST_LEFT), n));
	set_state(b, s, ST_TODO, put_op(b, IR_SUB, get_state(b, s, ST_TODO), n));
	put_piece(b, s, PIECE(pos), put_op(b, IR_ADD, get_piece(b, s, PIECE(pos), 8), n), 8);
	put_piece(b, s, PIECE(call_offset),
		  put_op(b, IR_ADD, get_piece(b, s, PIECE(call_offset), 8), n), 8);
}

/* how much was lost so far, as the record says it */
static void put_losses(struct builder *b, const struct stream *s)
{
	put_piece(b, s, PIECE(lost),
		  put_load(b, elem_of(b, s), offsetof(struct image_stream_state, lost), 8, false),
		  8);
	put_piece(b, s, PIECE(blind),
		  put_load(b, globals_word(b, offsetof(struct image_globals, blind)), 0, 8, false),
		  8);
}

static void send_piece(struct builder *b, const struct stream *s)
{
	uint32_t n = new_vreg(b), fits = new_label(b), read = new_label(b), lost = new_label(b),
		 sent = new_label(b), todo = get_state(b, s, ST_TODO), flags, ret, size;

	put_mov_to(b, n, get_state(b, s, ST_LEFT));
	put_br(b, CC_LE, n, todo, fits);
	put_mov_to(b, n, todo);
	put_label(b, fits);
	size = put_bound(b, n, IMAGE_STREAM_PIECE);
	ret = read_bytes(b, s, size);
	put_br_imm(b, CC_EQ, ret, 0, read);
	fault_count(b,
		    (struct image_fault){ .kind = FAULT_STREAM,
					  .map = IMAGE_NONE,
					  .helper = STR("probe_read_user") },
		    ret);
	put_jmp(b, lost);
	put_label(b, read);
	put_losses(b, s);
	flags = event_data_flags(b, lost);
	ret = put_helper(b, BPF_FUNC_ringbuf_output, put_map(b, b->im->ring_map),
			 put_op_imm(b, IR_ADD, scratch_base(b), s->rec),
			 put_op_imm(b, IR_ADD, size, BYTES), flags);
	put_br_imm(b, CC_EQ, ret, 0, sent);
	event_count_drop(b);
	put_label(b, lost);
	count_lost(b, s, size);
	put_label(b, sent);
	advance(b, s, size);
}

static void build_loop(struct builder *b, const struct stream *s, uint32_t rounds)
{
	struct fn_state *cb = callback_begin(b, IR_FUNC_LOOP);
	uint32_t some = new_label(b), have = new_label(b), all;

	put_br_imm(b, CC_NE, get_state(b, s, ST_TODO), 0, some);
	put_ret(b, put_imm(b, 1));
	put_label(b, some);
	put_br_imm(b, CC_NE, get_state(b, s, ST_LEFT), 0, have);
	next_part(b, s);
	put_label(b, have);
	send_piece(b, s);
	callback_end(b, cb);
	put_helper(b, BPF_FUNC_loop, rounds, put_func(b, cb->index), frame_base(b), put_imm(b, 0));
	/* a vector that could not be read to its end */
	all = new_label(b);
	put_br_imm(b, CC_EQ, get_state(b, s, ST_TODO), 0, all);
	count_lost(b, s, get_state(b, s, ST_TODO));
	fault_count(b,
		    (struct image_fault){ .kind = FAULT_STREAM,
					  .map = IMAGE_NONE,
					  .helper = STR("probe_read_user") },
		    0);
	put_label(b, all);
}

/* ---- the calls ---- */

static uint32_t stream_layout(struct builder *b, struct node *call, struct str protocol)
{
	return image_add_event(b->im, (struct event_layout){ .kind = EVENT_STREAM,
							     .at = call->at,
							     .format = protocol,
							     .map = IMAGE_NONE,
							     .param = { -1, -1 } });
}

static void begin_record(struct builder *b, struct stream *s, uint32_t layout, uint32_t size)
{
	b->uses_stream = true;
	s->rec = (int32_t)scratch_alloc(b, size);
	s->done = new_label(b);
	mem_zero(b, value_mem(scratch_base(b), s->rec, SPACE_BPF, type_none()), BYTES);
	put_store_imm(b, scratch_base(b), s->rec, layout, 4);
	put_store_imm(b, scratch_base(b), s->rec + 4, b->prog_index, 4);
}

/* the record's head, but for what the loop changes; jumps away when nothing of this connection is wanted */
static void begin_call(struct builder *b, struct stream *s, const struct call_stream *info,
		       const uint32_t *args, uint32_t length, uint32_t fd, uint32_t flags)
{
	uint32_t key, elem, direction;

	put_br_imm(b, CC_SLE, length, 0, s->done);
	key = read_id(b, s, args[0]);
	put_who(b, s);
	elem = find_state(b, s, key);
	put_br_imm(b, CC_NE,
		   put_load(b, elem, offsetof(struct image_stream_state, flags), 8, false), 0,
		   s->done);
	direction = put_op_imm(b, IR_AND, args[1], 1);
	put_piece(b, s, PIECE(epoch), put_load(b, elem, 0, 8, false), 8);
	elem = put_op(b, IR_ADD, elem, put_op_imm(b, IR_SHL, direction, 3));
	put_store(b, frame_base(b), s->elem, elem, 8);
	put_piece(b, s, PIECE(pos),
		  put_fetch_add(b, elem, offsetof(struct image_stream_state, pos), length), 8);
	put_piece(b, s, PIECE(flags),
		  put_op_imm(b, IR_OR, direction, flags | (info->is_tls ? STREAM_TLS : 0)), 4);
	put_piece(b, s, PIECE(call_total), length, 8);
	put_piece(b, s, PIECE(fd), fd ? fd : put_imm(b, -1), 4);
	if (fd)
		build_socket_addresses(b, piece_of(b, s), fd);
}

/* bytes that nobody can see: the record alone */
static void send_skip(struct builder *b, const struct stream *s, uint32_t length)
{
	uint32_t lost = new_label(b), ret;

	put_losses(b, s);
	ret = put_helper(b, BPF_FUNC_ringbuf_output, put_map(b, b->im->ring_map),
			 put_op_imm(b, IR_ADD, scratch_base(b), s->rec), put_imm(b, BYTES),
			 event_data_flags(b, lost));
	put_br_imm(b, CC_EQ, ret, 0, s->done);
	put_label(b, lost);
	event_count_drop(b);
	count_lost(b, s, length);
}

struct value build_stream(struct builder *b, struct node *call)
{
	enum builtin_id id = call->call.builtin->id;
	bool is_vector = id == BUILTIN_STREAM_IOV, is_skip = id == BUILTIN_STREAM_SKIP;
	uint32_t args[6] = { 0 }, n_args = 0,
		 n_needed = is_vector ? 5
			    : is_skip ? 3
				      : 4,
		 length, rounds;
	const struct call_stream *info = call->call.info;
	struct stream s;

	/* id, direction, address, [count,] length, [fd]; of a skip: id, direction, length, [fd] */
	for (struct node *a = call->call.args->next; a && n_args < 6; a = a->next)
		args[n_args++] = build_reg(b, a);
	length = args[n_needed - 1];
	begin_record(b, &s, stream_layout(b, call, info->protocol),
		     is_skip ? BYTES : BYTES + IMAGE_STREAM_PIECE);
	s.st = (int32_t)scratch_alloc(b, ST_SIZE);
	s.elem = (int32_t)b->frame_bytes;
	b->frame_bytes += 8;
	begin_call(b, &s, info, args, length, n_args > n_needed ? args[n_needed] : 0,
		   is_skip ? STREAM_SKIP : 0);
	if (is_skip) {
		send_skip(b, &s, length);
		put_label(b, s.done);
		return value_none();
	}
	set_state(b, &s, ST_TODO, length);
	set_state(b, &s, ST_ADDR, args[2]);
	set_state(b, &s, ST_IOV, args[2]);
	set_state(b, &s, ST_LEFT, is_vector ? put_imm(b, 0) : length);
	set_state(b, &s, ST_NIOV,
		  is_vector ? put_bound(b, args[3], IMAGE_STREAM_IOVECS) : put_imm(b, 0));
	rounds = put_op_imm(b, IR_ADD, put_op_imm(b, IR_SHR, length, 14),
			    is_vector ? 2 * IMAGE_STREAM_IOVECS : 1);
	build_loop(b, &s, put_bound(b, rounds, 1 << 20));
	put_label(b, s.done);
	return value_none();
}

struct value build_stream_end(struct builder *b, struct node *call)
{
	uint32_t id = build_reg(b, call->call.args), key, elem, map = streams_map(b);
	struct stream s = { 0 };

	begin_record(b, &s, stream_layout(b, call, STR_NULL), BYTES);
	key = read_id(b, &s, id);
	elem = map_lookup(b, map, key);
	put_br_imm(b, CC_EQ, elem, 0, s.done); /* nothing was ever sent of it */
	put_who(b, &s);
	put_piece(b, &s, PIECE(epoch), put_load(b, elem, 0, 8, false), 8);
	put_piece(b, &s, PIECE(pos),
		  put_load(b, elem, offsetof(struct image_stream_state, pos), 8, false), 8);
	put_piece(b, &s, PIECE(lost),
		  put_load(b, elem, offsetof(struct image_stream_state, pos) + 8, 8, false), 8);
	put_piece(b, &s, PIECE(flags), put_imm(b, STREAM_END), 4);
	put_piece(b, &s, PIECE(fd), put_imm(b, -1), 4);
	put_helper(b, BPF_FUNC_map_delete_elem, put_map(b, map), key);
	put_helper(b, BPF_FUNC_ringbuf_output, put_map(b, b->im->ring_map),
		   put_op_imm(b, IR_ADD, scratch_base(b), s.rec), put_imm(b, BYTES),
		   put_imm(b, BPF_RB_FORCE_WAKEUP));
	put_label(b, s.done);
	return value_none();
}
