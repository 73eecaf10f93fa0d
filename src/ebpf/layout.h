/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One function as plain instructions, with what must be filled in when functions are joined to a program. Lives in an
 * arena.
 */
#ifndef SONDE_EBPF_LAYOUT_H
#define SONDE_EBPF_LAYOUT_H

#include "base/err.h"
#include "ebpf/insn.h"
#include "ir/ir.h"

struct ebpf_fixup {
	uint32_t insn;
	uint8_t kind; /* ITEM_MAP, ITEM_MAP_VALUE: index is of a map; ITEM_FUNC, ITEM_CALL_FN: of an IR function */
	uint32_t index;
};

struct ebpf_func {
	struct bpf_insn *insns;
	uint32_t n_insns;
	struct ebpf_fixup *fixups;
	uint32_t n_fixups;
	struct image_line *lines;
	uint32_t n_lines;
	uint32_t frame_bytes;
};

/* resolve jumps; on an error *at is the place in the script */
struct err *ebpf_layout(const struct ir_func *f, const struct ebpf_code *code, struct arena *arena,
			struct ebpf_func *out, struct span *at) ERR_MUST;

#endif
