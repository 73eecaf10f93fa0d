/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What --budget asks of the programs of a clause: whether they can be sampled, and which go together. It is read from their maps and
 * helpers; what is not known to bear sampling is not sampled.
 */
#include "session/budget.h"

#include <linux/bpf.h>

static bool can_scale(const struct type *t)
{
	switch (t->kind) {
	case TYPE_COUNT:
	case TYPE_SUM:
	case TYPE_AVG:
	case TYPE_STATS:
	case TYPE_HIST:
	case TYPE_LHIST: return true;
	default: return false;
	}
}

/* maps that hold something from one hit for another one are none of these */
static bool map_allows(const struct image_map *m)
{
	switch (m->role) {
	case MAP_SCRIPT: return can_scale(m->value_type);
	case MAP_STREAMS:
	case MAP_PACKETS:
	case MAP_MESSAGE: return false;
	/* calls of which something is kept until they return; the other private ones are the unwinder's and ours */
	case MAP_PRIVATE:
		return !str_starts(m->name, STR(IMAGE_CALLS)) &&
		       !str_starts(m->name, STR(IMAGE_CALLS_OF_GO));
	default: return true;
	}
}

/* what acts, or takes something out of a map */
static bool helper_allows(int32_t helper)
{
	switch (helper) {
	case BPF_FUNC_map_delete_elem:
	case BPF_FUNC_send_signal:
	case BPF_FUNC_send_signal_thread:
	case BPF_FUNC_override_return:
	case BPF_FUNC_probe_write_user:
	case BPF_FUNC_trace_printk: return false;
	default: return true;
	}
}

static bool program_allows(const struct image *im, const struct image_prog *p)
{
	if (p->sends)
		return false;
	for (uint32_t i = 0; i < p->n_relocs; i++)
		if (!map_allows(im->maps[p->relocs[i].index]))
			return false;
	for (uint32_t k = 0; k < p->n_insns; k++) {
		const struct bpf_insn *in = &p->insns[k];

		if (in->code == (BPF_LD | BPF_IMM | BPF_DW))
			k++;
		else if (in->code == (BPF_JMP | BPF_CALL) && !in->src_reg && !helper_allows(in->imm))
			return false;
	}
	return true;
}

bool budget_can_sample(const struct image *im, uint32_t clause)
{
	for (uint32_t i = 0; i < im->n_progs; i++)
		if (im->progs[i]->budget == clause && !program_allows(im, im->progs[i]))
			return false;
	return true;
}

static bool names(const struct image_prog *p, uint32_t map)
{
	for (uint32_t k = 0; k < p->n_relocs; k++)
		if (p->relocs[k].index == map)
			return true;
	return false;
}

/* a map of the script through which clauses speak to one another: not one in which each counts for itself */
static bool names_map(const struct image *im, uint32_t clause, uint32_t map)
{
	for (uint32_t i = 0; i < im->n_progs; i++) {
		const struct image_prog *p = im->progs[i];

		if (p->budget == clause && names(p, map))
			return true;
	}
	return false;
}

bool budget_is_joined(const struct image *im, uint32_t clause, uint32_t other)
{
	for (uint32_t m = 0; m < im->n_maps; m++)
		if (im->maps[m]->role == MAP_SCRIPT && !can_scale(im->maps[m]->value_type) &&
		    names_map(im, clause, m) && names_map(im, other, m))
			return true;
	return false;
}

/* ---- switched on again ---- */

static bool adds_only(const struct type *t)
{
	return can_scale(t) || t->kind == TYPE_MIN || t->kind == TYPE_MAX;
}

static bool is_call_map(const struct image_map *m)
{
	return m->role == MAP_PRIVATE && (str_starts(m->name, STR(IMAGE_CALLS_OF)) ||
					  str_starts(m->name, STR(IMAGE_CALLS_OF_GO)));
}

/* the map that r1 has at an instruction, by the load just before it; IMAGE_NONE: it is not known */
static uint32_t first_argument(const struct image_prog *p, uint32_t at)
{
	for (uint32_t k = at; k--;) {
		const struct bpf_insn *in = &p->insns[k];

		if (BPF_CLASS(in->code) == BPF_JMP)
			return IMAGE_NONE;
		/* the second half of a wide load has no code */
		if (in->dst_reg != BPF_REG_1 || !in->code || BPF_CLASS(in->code) == BPF_ST ||
		    BPF_CLASS(in->code) == BPF_STX)
			continue;
		for (uint32_t i = 0; i < p->n_relocs; i++)
			if (p->relocs[i].insn == k && in->code == (BPF_LD | BPF_IMM | BPF_DW))
				return p->relocs[i].index;
		return IMAGE_NONE;
	}
	return IMAGE_NONE;
}

static bool deletes_from(const struct image_prog *p, uint32_t map)
{
	for (uint32_t k = 0; k < p->n_insns; k++) {
		const struct bpf_insn *in = &p->insns[k];

		if (in->code == (BPF_JMP | BPF_CALL) && !in->src_reg &&
		    in->imm == BPF_FUNC_map_delete_elem && first_argument(p, k) == map)
			return true;
	}
	return false;
}

static bool is_member(const struct image_prog *p, const bool member[IMAGE_BUDGET_CLAUSES])
{
	return p->budget < IMAGE_BUDGET_CLAUSES && member[p->budget];
}

/*
 * What is open is kept there, and taken out by those that are off: what stands there since was never taken. Programs without
 * an event of their own may look at it
 */
static bool is_of_open_calls(const struct image *im, uint32_t map,
			     const bool member[IMAGE_BUDGET_CLAUSES])
{
	bool is_deleted = is_call_map(im->maps[map]);

	for (uint32_t i = 0; i < im->n_progs; i++) {
		const struct image_prog *p = im->progs[i];
		enum probe_kind k = p->shape->kind;

		if (is_member(p, member))
			is_deleted |= deletes_from(p, map);
		else if (names(p, map) && k != PROBE_BEGIN && k != PROBE_END && k != PROBE_INTERVAL)
			return false;
	}
	return is_deleted;
}

bool budget_can_resume(const struct image *im, const bool member[IMAGE_BUDGET_CLAUSES],
		       struct budget_maps *ret)
{
	for (uint32_t m = 0; m < im->n_maps; m++) {
		const struct image_map *map = im->maps[m];
		bool is_named = false;

		for (uint32_t i = 0; i < im->n_progs; i++)
			is_named |= is_member(im->progs[i], member) && names(im->progs[i], m);
		if (!is_named || (map->role == MAP_SCRIPT && adds_only(map->value_type)))
			continue;
		if (map->role == MAP_STREAMS || map->role == MAP_PACKETS ||
		    map->role == MAP_MESSAGE)
			return false;
		if (map->role != MAP_SCRIPT && !is_call_map(map))
			continue;
		if (!is_of_open_calls(im, m, member))
			return false;
		vec_push(&ret->v, m);
	}
	return true;
}

void budget_mark_maps(struct image *im, uint32_t clause)
{
	for (uint32_t m = 0; m < im->n_maps; m++)
		if (im->maps[m]->role == MAP_SCRIPT && names_map(im, clause, m))
			im->maps[m]->is_estimated = true;
}
