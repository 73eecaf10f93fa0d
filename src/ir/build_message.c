/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Clauses on messages: programs that the consumer runs when it has written a message into a map of one element. What they
 * ask of the thread, process and time is in that message; what they send goes through a ring of their own, which the consumer
 * empties after each run, so that nothing of it is lost however full the other is.
 */
#include "ir/build_private.h"

#include <linux/bpf.h>
#include <stddef.h>

bool build_is_message(const struct builder *b)
{
	return b->shape->kind == PROBE_MESSAGE;
}

/* the largest message decides about the map */
void message_maps_make(struct builder *b)
{
	uint32_t size = 0;

	for (uint32_t i = 0; i < b->unit->n_insts; i++) {
		const struct probe_shape *s = b->unit->insts[i]->shape;

		if (s->kind == PROBE_MESSAGE && s->args->size > size)
			size = s->args->size;
	}
	if (!size)
		return;
	streams_map(
		b); /* the consumer looks for it at the beginning; programs that need it may come later */
	b->im->message_map = image_add_map(
		b->im, (struct image_map){ .name = STR("message"),
					   .role = MAP_MESSAGE,
					   .bpf_type = BPF_MAP_TYPE_ARRAY,
					   .key_size = 4,
					   .value_size = (uint32_t)sizeof(struct image_message) +
							 round_up8(size),
					   .max_entries = 1,
					   .flags = BPF_F_MMAPABLE });
	b->im->message_ring_map =
		image_add_map(b->im, (struct image_map){ .name = STR("message_ring"),
							 .role = MAP_MESSAGE_RING,
							 .bpf_type = BPF_MAP_TYPE_RINGBUF,
							 .max_entries = IMAGE_MESSAGE_RING });
}

struct value build_message_part(struct builder *b, size_t off, const struct type *t)
{
	return value_mem(put_map_value(b, b->im->message_map, (int32_t)off), 0, SPACE_BPF, t);
}

uint32_t build_message_word(struct builder *b, size_t off, uint32_t size)
{
	return put_load(b, put_map_value(b, b->im->message_map, (int32_t)off), 0, size, false);
}
