/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The minimal BTF that callbacks need: a type for each IR function. Format: Documentation/bpf/btf.rst of the kernel. The
 * blob lives in the arena given.
 */
#ifndef SONDE_EBPF_BTF_OUT_H
#define SONDE_EBPF_BTF_OUT_H

#include "ir/ir.h"

/* type id of the BTF_KIND_FUNC of IR function number func */
uint32_t ebpf_btf_func_id(uint32_t func);
void *ebpf_btf_make(const struct ir_module *m, struct arena *arena, uint32_t *size);

#endif
