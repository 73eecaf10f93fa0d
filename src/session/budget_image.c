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

/* a map of the script through which clauses speak to one another: not one in which each counts for itself */
static bool names_map(const struct image *im, uint32_t clause, uint32_t map)
{
	for (uint32_t i = 0; i < im->n_progs; i++) {
		const struct image_prog *p = im->progs[i];

		for (uint32_t k = 0; p->budget == clause && k < p->n_relocs; k++)
			if (p->relocs[k].index == map)
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

void budget_mark_maps(struct image *im, uint32_t clause)
{
	for (uint32_t m = 0; m < im->n_maps; m++)
		if (im->maps[m]->role == MAP_SCRIPT && names_map(im, clause, m))
			im->maps[m]->is_estimated = true;
}
