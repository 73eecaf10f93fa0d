/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The disassembler. The notation follows kernel/bpf/disasm.c so that our listing can be laid beside the verifier's log;
 * what the image knows more (names of maps, functions, places in the script) stands behind it.
 */
#include "image/disasm.h"

#include <inttypes.h>

/* the UAPI header numbers the helpers by their place in this list, up to the kernel that the header is of */
static const char *const helper_names[] = {
#define HELPER_NAME(name) #name
	__BPF_FUNC_MAPPER(HELPER_NAME)
#undef HELPER_NAME
};

const char *image_helper_name(int64_t number)
{
	return number >= 0 && (size_t)number < sizeof(helper_names) / sizeof(helper_names[0])
		       ? helper_names[number]
		       : "unknown";
}

static const char *size_name(uint8_t code)
{
	switch (code & 0x18) {
	case BPF_B: return "u8";
	case BPF_H: return "u16";
	case BPF_W: return "u32";
	default: return "u64";
	}
}

static void print_alu(const struct bpf_insn *in, bool is_32, struct strbuf *out)
{
	static const char *const ops[16] = {
		[BPF_ADD >> 4] = "+=",  [BPF_SUB >> 4] = "-=",  [BPF_MUL >> 4] = "*=",
		[BPF_DIV >> 4] = "/=",  [BPF_OR >> 4] = "|=",   [BPF_AND >> 4] = "&=",
		[BPF_LSH >> 4] = "<<=", [BPF_RSH >> 4] = ">>=", [BPF_MOD >> 4] = "%=",
		[BPF_XOR >> 4] = "^=",  [BPF_MOV >> 4] = "=",   [BPF_ARSH >> 4] = "s>>=",
	};
	char r = is_32 ? 'w' : 'r';
	uint8_t op = in->code & 0xf0;

	if (op == BPF_NEG)
		strbuf_printf(out, "%c%u = -%c%u", r, in->dst_reg, r, in->dst_reg);
	else if (op == BPF_END)
		strbuf_printf(out, "r%u = %s%d r%u", in->dst_reg, in->code & BPF_X ? "be" : "le",
			      in->imm, in->dst_reg);
	else if (!ops[op >> 4])
		strbuf_printf(out, "invalid alu op %02x", in->code);
	else if (in->code & BPF_X)
		strbuf_printf(out, "%c%u %s %c%u", r, in->dst_reg, ops[op >> 4], r, in->src_reg);
	else
		strbuf_printf(out, "%c%u %s %d", r, in->dst_reg, ops[op >> 4], in->imm);
}

static void print_atomic(const struct bpf_insn *in, struct strbuf *out)
{
	static const char *const ops[16] = {
		[BPF_ADD >> 4] = "+",
		[BPF_OR >> 4] = "|",
		[BPF_AND >> 4] = "&",
		[BPF_XOR >> 4] = "^",
	};
	static const char *const names[16] = {
		[BPF_ADD >> 4] = "add",
		[BPF_OR >> 4] = "or",
		[BPF_AND >> 4] = "and",
		[BPF_XOR >> 4] = "xor",
	};
	const char *bits = (in->code & 0x18) == BPF_DW ? "64" : "", *size = size_name(in->code);
	unsigned op = (unsigned)in->imm >> 4 & 15;

	if (in->imm == BPF_CMPXCHG)
		strbuf_printf(out, "r0 = atomic%s_cmpxchg((%s *)(r%u %+d), r0, r%u)", bits, size,
			      in->dst_reg, in->off, in->src_reg);
	else if (in->imm == BPF_XCHG)
		strbuf_printf(out, "r%u = atomic%s_xchg((%s *)(r%u %+d), r%u)", in->src_reg, bits,
			      size, in->dst_reg, in->off, in->src_reg);
	else if (!ops[op])
		strbuf_printf(out, "invalid atomic op %02x", in->imm);
	else if (in->imm & BPF_FETCH)
		strbuf_printf(out, "r%u = atomic%s_fetch_%s((%s *)(r%u %+d), r%u)", in->src_reg,
			      bits, names[op], size, in->dst_reg, in->off, in->src_reg);
	else
		strbuf_printf(out, "lock *(%s *)(r%u %+d) %s= r%u", size, in->dst_reg, in->off,
			      ops[op], in->src_reg);
}

static void print_jump(const struct bpf_insn *in, bool is_32, struct strbuf *out)
{
	static const char *const ops[16] = {
		[BPF_JEQ >> 4] = "==",   [BPF_JGT >> 4] = ">",    [BPF_JGE >> 4] = ">=",
		[BPF_JSET >> 4] = "&",   [BPF_JNE >> 4] = "!=",   [BPF_JSGT >> 4] = "s>",
		[BPF_JSGE >> 4] = "s>=", [BPF_JLT >> 4] = "<",    [BPF_JLE >> 4] = "<=",
		[BPF_JSLT >> 4] = "s<",  [BPF_JSLE >> 4] = "s<=",
	};
	char r = is_32 ? 'w' : 'r';
	uint8_t op = in->code & 0xf0;

	if (op == BPF_CALL && in->src_reg == BPF_PSEUDO_CALL)
		strbuf_printf(out, "call pc%+d", in->imm);
	else if (op == BPF_CALL)
		strbuf_printf(out, "call bpf_%s#%d", image_helper_name(in->imm), in->imm);
	else if (op == BPF_EXIT)
		strbuf_puts(out, "exit");
	else if (op == BPF_JA && !is_32)
		strbuf_printf(out, "goto pc%+d", in->off);
	else if (!ops[op >> 4])
		strbuf_printf(out, "invalid jump op %02x", in->code);
	else if (in->code & BPF_X)
		strbuf_printf(out, "if %c%u %s %c%u goto pc%+d", r, in->dst_reg, ops[op >> 4], r,
			      in->src_reg, in->off);
	else
		strbuf_printf(out, "if %c%u %s 0x%x goto pc%+d", r, in->dst_reg, ops[op >> 4],
			      (uint32_t)in->imm, in->off);
}

static void print_wide(const struct bpf_insn *in, struct strbuf *out)
{
	uint64_t imm = (uint32_t)in[0].imm | (uint64_t)(uint32_t)in[1].imm << 32;

	switch (in->src_reg) {
	case BPF_PSEUDO_MAP_FD: strbuf_printf(out, "r%u = map[fd:%d]", in->dst_reg, in->imm); break;
	case BPF_PSEUDO_MAP_VALUE:
		strbuf_printf(out, "r%u = map[fd:%d][0]+%d", in->dst_reg, in->imm, in[1].imm);
		break;
	case BPF_PSEUDO_FUNC: strbuf_printf(out, "r%u = subprog[%+d]", in->dst_reg, in->imm); break;
	default: strbuf_printf(out, "r%u = 0x%" PRIx64, in->dst_reg, imm);
	}
}

unsigned image_disasm_insn(const struct bpf_insn *in, struct strbuf *out)
{
	uint8_t mode = in->code & 0xe0;

	switch (in->code & 7) {
	case BPF_ALU:
	case BPF_ALU64: print_alu(in, (in->code & 7) == BPF_ALU, out); return 1;
	case BPF_JMP:
	case BPF_JMP32: print_jump(in, (in->code & 7) == BPF_JMP32, out); return 1;
	case BPF_LD:
		if (in->code == (BPF_LD | BPF_IMM | BPF_DW)) {
			print_wide(in, out);
			return 2;
		}
		break;
	case BPF_LDX:
		if (mode != BPF_MEM)
			break;
		strbuf_printf(out, "r%u = *(%s *)(r%u %+d)", in->dst_reg, size_name(in->code),
			      in->src_reg, in->off);
		return 1;
	case BPF_ST:
		if (mode != BPF_MEM)
			break;
		strbuf_printf(out, "*(%s *)(r%u %+d) = %d", size_name(in->code), in->dst_reg,
			      in->off, in->imm);
		return 1;
	case BPF_STX:
		if (mode == BPF_ATOMIC)
			print_atomic(in, out);
		else if (mode == BPF_MEM)
			strbuf_printf(out, "*(%s *)(r%u %+d) = r%u", size_name(in->code),
				      in->dst_reg, in->off, in->src_reg);
		else
			break;
		return 1;
	}
	strbuf_printf(out, "invalid op %02x", in->code);
	return 1;
}

/* ---- whole programs ---- */

/* number of the function that starts at insn, or -1 */
static int64_t func_at(const struct image_prog *p, uint32_t insn)
{
	for (uint32_t f = 0; f < p->n_funcs; f++)
		if (p->funcs[f].insn == insn)
			return f;
	return -1;
}

static void print_reloc(const struct image *im, const struct image_reloc *r,
			const struct bpf_insn *in, struct strbuf *out)
{
	struct str name = r->index < im->n_maps ? im->maps[r->index]->name : STR("?");

	strbuf_printf(out, "r%u = map[%.*s]", in->dst_reg, STR_ARG(name));
	if (r->kind == RELOC_MAP_VALUE)
		strbuf_printf(out, "[0]+%d", in[1].imm);
}

static void print_source(struct sources *s, struct span at, struct strbuf *out)
{
	struct str text = span_text(s, at);
	ptrdiff_t nl = str_find_char(text, '\n', 0);

	if (!text.n)
		return;
	strbuf_puts(out, "; ");
	span_print(s, at, out);
	strbuf_printf(out, " %.*s%s\n", STR_ARG(str_sub(text, 0, nl < 0 ? text.n : (size_t)nl)),
		      nl < 0 ? "" : " ...");
}

static bool same_span(struct span a, struct span b)
{
	return a.file == b.file && a.start == b.start && a.end == b.end;
}

void image_disasm_prog(const struct image *im, const struct image_prog *p, struct sources *s,
		       struct strbuf *out)
{
	uint32_t reloc = 0, line = 0;
	struct span last = SPAN_NONE;

	for (uint32_t i = 0; i < p->n_insns;) {
		const struct bpf_insn *in = &p->insns[i];
		int64_t f = func_at(p, i);
		uint32_t width = 1;

		if (f > 0)
			strbuf_printf(out, "function %u:\n", (unsigned)f);
		for (; line < p->n_lines && p->lines[line].insn <= i; line++) {
			if (s && p->lines[line].at.file != UINT16_MAX &&
			    !same_span(p->lines[line].at, last)) {
				last = p->lines[line].at;
				print_source(s, last, out);
			}
		}
		strbuf_printf(out, "%4u: ", i);
		while (reloc < p->n_relocs && p->relocs[reloc].insn < i)
			reloc++;
		if (reloc < p->n_relocs && p->relocs[reloc].insn == i) {
			print_reloc(im, &p->relocs[reloc], in, out);
			width = 2;
		} else {
			width = image_disasm_insn(in, out);
		}
		if (in->src_reg == BPF_PSEUDO_CALL && in->code == (BPF_JMP | BPF_CALL))
			strbuf_printf(out, " ; function %d",
				      (int)func_at(p, i + 1 + (uint32_t)in->imm));
		else if (in->src_reg == BPF_PSEUDO_FUNC && width == 2)
			strbuf_printf(out, " ; function %d",
				      (int)func_at(p, i + 1 + (uint32_t)in->imm));
		strbuf_putc(out, '\n');
		i += width;
	}
}
