/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A jump reaches 32,767 instructions (the 32-bit one came with cpu v4, kernel 6.6). In larger functions we put islands
 * into the code at regular distances: groups of jumps that straight execution steps over, one for each label that is to be
 * reached past them. A far jump goes to the next island on its way, from there to the one after, until its label is near.
 * Runs behind the peephole, which would thread the hops away again.
 */
#include "ebpf/islands.h"

struct hop {
	uint32_t label;  /* where it leads in the end */
	uint32_t here;   /* label of the hop itself */
	uint32_t target; /* next hop, or label */
};

struct island {
	uint32_t item; /* stands before this item */
	uint32_t pos;  /* in instructions */
	VEC(struct hop) hops;
};

struct islander {
	struct ebpf_code *code;
	uint32_t reach;
	uint32_t *label_pos;
	struct island *islands; /* ascending */
	uint32_t n_islands;
};

static bool is_far(const struct islander *s, uint32_t from, uint32_t to)
{
	return (from > to ? from - to : to - from) > s->reach;
}

/* the island to step on when going from pos to target, or -1 */
static int64_t next_island(const struct islander *s, uint32_t pos, uint32_t target)
{
	uint32_t lo = 0, hi = s->n_islands;

	while (lo < hi) { /* first island behind pos */
		uint32_t mid = lo + (hi - lo) / 2;

		if (s->islands[mid].pos <= pos)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (target > pos)
		return lo < s->n_islands ? (int64_t)lo : -1;
	while (lo > 0 && s->islands[lo - 1].pos >= pos)
		lo--;
	return (int64_t)lo - 1;
}

/* a label from which label can be reached, near pos: label itself, or a hop, made when there is none yet */
static uint32_t way_to(struct islander *s, uint32_t pos, uint32_t label)
{
	uint32_t to = s->label_pos[label], first = label;
	uint32_t *link = &first;

	while (is_far(s, pos, to)) {
		int64_t k = next_island(s, pos, to);
		struct island *is;
		struct hop *hop = NULL;

		if (k < 0)
			break;
		is = &s->islands[k];
		vec_each(h, &is->hops)
			if (h->label == label)
				hop = h;
		if (hop) { /* the rest of the way is there */
			*link = hop->here;
			break;
		}
		*link = s->code->n_labels++;
		vec_push(&is->hops, ((struct hop){ label, *link, label }));
		link = &vec_last(&is->hops).target;
		pos = is->pos;
	}
	return first;
}

static void place_islands(struct islander *s, struct arena *arena)
{
	const struct ebpf_code *code = s->code;
	uint32_t pos = 0, spacing = s->reach / 4 * 3 + 1, next = spacing, n = 0;

	for (uint32_t i = 0; i < code->items.n; i++)
		n += ebpf_item_insns(&code->items.v[i]);
	s->islands = arena_array(arena, struct island, n / spacing + 1);
	s->label_pos = arena_array(arena, uint32_t, code->n_labels + 1);
	for (uint32_t i = 0; i < code->items.n; i++) {
		const struct ebpf_item *it = &code->items.v[i];

		if (it->kind == ITEM_LABEL)
			s->label_pos[it->target] = pos;
		if (pos >= next && ebpf_item_insns(it)) {
			s->islands[s->n_islands++] = (struct island){ .item = i, .pos = pos };
			next = pos + spacing;
		}
		pos += ebpf_item_insns(it);
	}
}

static void put_jump(struct ebpf_code *out, uint32_t label, uint32_t ir)
{
	vec_push(&out->items, ((struct ebpf_item){ .in = ebpf_insn(BPF_JMP | BPF_JA, 0, 0, 0, 0),
						   .kind = ITEM_JUMP,
						   .target = label,
						   .ir = ir }));
}

static void put_label(struct ebpf_code *out, uint32_t label)
{
	vec_push(&out->items, ((struct ebpf_item){ .kind = ITEM_LABEL, .target = label }));
}

static void put_island(struct ebpf_code *out, const struct island *is, uint32_t ir)
{
	uint32_t over;

	if (!is->hops.n)
		return;
	over = out->n_labels++;
	put_jump(out, over, ir);
	vec_each(h, &is->hops) {
		put_label(out, h->here);
		put_jump(out, h->target, ir);
	}
	put_label(out, over);
}

static void rebuild(struct islander *s)
{
	struct ebpf_code out = { .n_labels = s->code->n_labels };
	uint32_t k = 0;

	for (uint32_t i = 0; i < s->code->items.n; i++) {
		if (k < s->n_islands && s->islands[k].item == i) {
			put_island(&out, &s->islands[k], s->code->items.v[i].ir);
			k++;
		}
		vec_push(&out.items, s->code->items.v[i]);
	}
	ebpf_code_free(s->code);
	*s->code = out;
}

void ebpf_add_islands(struct ebpf_code *code, uint32_t reach, struct arena *arena)
{
	struct islander s = { .code = code, .reach = reach };
	uint32_t pos = 0;

	if (code->items.n * 2 <= reach) /* no item is wider than two instructions */
		return;
	place_islands(&s, arena);
	for (uint32_t i = 0; i < code->items.n; i++) {
		struct ebpf_item *it = &code->items.v[i];

		if (it->kind == ITEM_JUMP)
			it->target = way_to(&s, pos, it->target);
		pos += ebpf_item_insns(it);
	}
	rebuild(&s);
	for (uint32_t k = 0; k < s.n_islands; k++)
		vec_free(&s.islands[k].hops);
}
