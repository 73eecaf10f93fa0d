/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * skboutput(): a packet goes to the consumer by bpf_skb_output, which appends its data to a few words of ours and takes
 * them through perf rings, not through the ring of all other events (engine/kernel/packets.c).
 *
 *	struct event_head   layout, program
 *	u64                 ns since boot
 *	u32                 bytes to leave out at the front
 *	u32                 length; the packet follows
 */
#include "ir/build_private.h"

#include <linux/bpf.h>

enum {
	HEAD = sizeof(struct event_head),
	TIME = 0,
	SKIP = 8,
	LENGTH = 12,
	WORDS = 16,
	/* what a perf record holds at most is 64 KB */
	MAX_PACKET = 65000,
	TOO_LONG = -7, /* -E2BIG */
};

static uint32_t packets_map(struct builder *b)
{
	if (b->packets_map == IMAGE_NONE)
		b->packets_map = image_add_map(
			b->im, (struct image_map){ .name = STR("packets"),
						   .role = MAP_PACKETS,
						   .bpf_type = BPF_MAP_TYPE_PERF_EVENT_ARRAY,
						   .key_size = 4,
						   .value_size = 4,
						   .max_entries = b->opts->n_cpus });
	return b->packets_map;
}

static uint32_t packet_layout(struct builder *b, struct node *call)
{
	struct event_field *fields = arena_array(b->arena, struct event_field, 3);

	fields[0] = (struct event_field){ type_int(8, false), TIME };
	fields[1] = (struct event_field){ type_int(4, false), SKIP };
	fields[2] = (struct event_field){ type_buffer(b->unit->types, MAX_PACKET), LENGTH };
	return image_add_event(b->im, (struct event_layout){ .kind = EVENT_SKB,
							     .at = call->at,
							     .format = call->call.args->string,
							     .fields = fields,
							     .n_fields = 3,
							     .size = WORDS + MAX_PACKET,
							     .map = IMAGE_NONE,
							     .param = { -1, -1 } });
}

struct value build_skboutput(struct builder *b, struct node *call)
{
	struct node *skb = call->call.args->next, *length = skb->next, *skip = length->next;
	uint32_t packet = build_reg(b, skb), n = build_reg(b, length), off = build_reg(b, skip);
	uint32_t result = new_vreg(b), fits = new_label(b), done = new_label(b), flags;
	struct value words = mem_new_bytes(b, HEAD + WORDS);

	put_imm_to(b, result, TOO_LONG);
	put_br_imm(b, CC_LE, n, MAX_PACKET, fits);
	put_jmp(b, done);
	put_label(b, fits);
	put_store_imm(b, words.reg, words.off, packet_layout(b, call), 4);
	put_store_imm(b, words.reg, words.off + 4, b->prog_index, 4);
	put_store(b, words.reg, words.off + HEAD + TIME,
		  put_call(b, BPF_FUNC_ktime_get_boot_ns, 0, NULL), 8);
	put_store(b, words.reg, words.off + HEAD + SKIP, off, 4);
	put_store(b, words.reg, words.off + HEAD + LENGTH, n, 4);
	flags = put_op(b, IR_OR, put_op_imm(b, IR_SHL, n, 32), put_imm(b, BPF_F_CURRENT_CPU));
	put_mov_to(b, result,
		   put_helper(b, BPF_FUNC_skb_output, packet, put_map(b, packets_map(b)), flags,
			      value_address(b, words), put_imm(b, HEAD + WORDS)));
	put_label(b, done);
	fault_if_negative(b,
			  (struct image_fault){ .kind = FAULT_OTHER,
						.map = IMAGE_NONE,
						.helper = STR("skb_output") },
			  result);
	return value_reg(put_ext(b, result, 4, false), call->type);
}

/* ---- which programs need the kernel's types ---- */

static bool look_for_typed_call(void *arg, struct node *n)
{
	bool *found = arg;

	if (n->kind == NODE_CALL && n->call.builtin)
		*found |= n->call.builtin->id == BUILTIN_SKBOUTPUT ||
			  n->call.builtin->id == BUILTIN_SOCKET_COOKIE;
	return !*found;
}

/* their helpers take pointers that the verifier knows by type: raw tracepoints give those to TRACING programs only */
bool build_needs_tracing(const struct clause_inst *inst)
{
	bool found = false;

	node_walk(inst->predicate, look_for_typed_call, &found);
	node_walk(inst->body, look_for_typed_call, &found);
	return found;
}
