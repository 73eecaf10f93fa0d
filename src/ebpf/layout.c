/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Instruction list with labels to an array of instructions with offsets. Knows nothing of other functions. */
#include "ebpf/layout.h"

/* the two halves of ld_imm64; what the loader or the join of functions puts there is left 0 but for the offset */
static void put_wide(const struct ebpf_item *it, struct bpf_insn *insn)
{
	insn[0] = it->in;
	insn[1] = (struct bpf_insn){ 0 };
	switch (it->kind) {
	case ITEM_IMM64:
		insn[0].imm = (int32_t)(uint32_t)(uint64_t)it->imm;
		insn[1].imm = (int32_t)(uint32_t)((uint64_t)it->imm >> 32);
		break;
	case ITEM_MAP: insn[0].src_reg = BPF_PSEUDO_MAP_FD; break;
	case ITEM_MAP_VALUE:
		insn[0].src_reg = BPF_PSEUDO_MAP_VALUE;
		insn[1].imm = it->map_off;
		break;
	case ITEM_FUNC: insn[0].src_reg = BPF_PSEUDO_FUNC; break;
	}
}

static void add_line(const struct ir_func *f, struct ebpf_func *out, uint32_t insn, uint32_t ir)
{
	uint32_t n = out->n_lines;

	if (n && out->lines[n - 1].ir == ir)
		return;
	out->lines[out->n_lines++] = (struct image_line){
		.insn = insn,
		.ir = ir,
		.at = ir < f->n ? f->insn[ir].at : SPAN_NONE,
	};
}

struct err *ebpf_layout(const struct ir_func *f, const struct ebpf_code *code, struct arena *arena,
			struct ebpf_func *out, struct span *at)
{
	uint32_t *label_at = arena_array(arena, uint32_t, code->n_labels + 1);
	uint32_t n = 0, n_fixups = 0, n_items = 0;

	for (uint32_t i = 0; i < code->items.n; i++) {
		const struct ebpf_item *it = &code->items.v[i];

		if (it->kind == ITEM_LABEL)
			label_at[it->target] = n;
		n += ebpf_item_insns(it);
		n_items += ebpf_item_insns(it) > 0;
		n_fixups += it->kind == ITEM_MAP || it->kind == ITEM_MAP_VALUE ||
			    it->kind == ITEM_FUNC || it->kind == ITEM_CALL_FN;
	}
	out->insns = arena_array(arena, struct bpf_insn, n + 1);
	out->fixups = arena_array(arena, struct ebpf_fixup, n_fixups + 1);
	out->lines = arena_array(arena, struct image_line, n_items + 1);
	for (uint32_t i = 0; i < code->items.n; i++) {
		const struct ebpf_item *it = &code->items.v[i];
		struct bpf_insn *insn = &out->insns[out->n_insns];

		if (!ebpf_item_insns(it))
			continue;
		add_line(f, out, out->n_insns, it->ir);
		*insn = it->in;
		if (it->kind == ITEM_JUMP) {
			int64_t off = (int64_t)label_at[it->target] - out->n_insns - 1;

			if (!ebpf_fits_s16(off)) {
				*at = it->ir < f->n ? f->insn[it->ir].at : SPAN_NONE;
				return err_new(
					0,
					"the code of '%.*s' is too large: a jump over %lld instructions, "
					"eBPF jumps reach 32767",
					STR_ARG(f->name), (long long)(off < 0 ? -off : off));
			}
			insn->off = (int16_t)off;
		} else if (ebpf_item_insns(it) == 2) {
			put_wide(it, insn);
		}
		if (it->kind != ITEM_INSN && it->kind != ITEM_JUMP && it->kind != ITEM_IMM64)
			out->fixups[out->n_fixups++] = (struct ebpf_fixup){ out->n_insns, it->kind,
									    (uint32_t)it->imm };
		out->n_insns += ebpf_item_insns(it);
	}
	return NULL;
}
