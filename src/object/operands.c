/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Operands of usdt probes under the kernel engine. libbpf writes them into a map of the object, in the form of its own usdt.bpf.h; an object that was
 * compiled with another form's would read numbers that are none. That is told before anything is attached. (In processes we write
 * them: user_places.c.)
 */
#include "object/object_private.h"

static bool names_map(const struct bpf_program *p, const struct bpf_map *m)
{
	const struct bpf_insn *in = bpf_program__insns(p);
	size_t n = bpf_program__insn_cnt(p);

	for (size_t i = 0; i < n; i++)
		if (in[i].code == (BPF_LD | BPF_IMM | BPF_DW) &&
		    in[i].src_reg == BPF_PSEUDO_MAP_FD && in[i].imm == bpf_map__fd(m))
			return true;
	return false;
}

struct err *object_check_operands(const struct object *o, const struct bpf_program *p)
{
	const struct bpf_map *m = bpf_object__find_map_by_name(o->bpf, OBJECT_USDT_SPECS);
	bool is_wide = libbpf_major_version() > 1 ||
		       (libbpf_major_version() == 1 && libbpf_minor_version() >= 7);
	uint32_t wide = OBJECT_SPEC_ARGS * OBJECT_SPEC_WIDE_BYTES;

	if (!m || bpf_map__fd(m) < 0 || (bpf_map__value_size(m) > wide) == is_wide ||
	    !names_map(p, m))
		return NULL;
	return err_hint(
		err_new(0,
			"'%s' reads operands in the form of libbpf %s 1.7, and this is libbpf %s: they would be wrong",
			bpf_program__name(p), is_wide ? "before" : "since",
			libbpf_version_string() + 1),
		"--engine user reads both forms");
}
