/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * eBPF as text, in the notation of the kernel's verifier and bpftool. Beside the image, so that engines can show code
 * without knowing the compiler. Image and sources are only read; text is appended to the caller's buffer; helper
 * names are constants.
 */
#ifndef SONDE_IMAGE_DISASM_H
#define SONDE_IMAGE_DISASM_H

#include "image/image.h"

/* "map_lookup_elem" for BPF_FUNC_map_lookup_elem; "unknown" beyond what linux/bpf.h knows */
const char *image_helper_name(int64_t number);
/* one instruction without a newline; reads two for ld_imm64. Returns how many it was (1 or 2) */
unsigned image_disasm_insn(const struct bpf_insn *in, struct strbuf *out);
/*
 * A whole program, numbered. Maps and functions by name; when s is given, the script's text above the code that comes
 * from it.
 */
void image_disasm_prog(const struct image *im, const struct image_prog *p, struct sources *s,
		       struct strbuf *out);

#endif
