/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bytes to struct code_insn, by Zydis. Which instructions the kernel emulates under a uprobe, and which it refuses, is
 * arch/x86/kernel/uprobes.c of Linux (branch_setup_xol_ops, push_setup_xol_ops, validate_insn_64bits, is_prefix_bad);
 * of two kernels that differ the lesser is taken: an instruction is called emulated when 6.1 and all later ones do it.
 * Questions about what was decoded are in decode_query.c.
 */
#include "arch/x86_64/decode.h"

#include "base/vec.h"

#include <Zydis/Zydis.h>

/* ---- the kernel's rules ---- */

/* opcodes that do not belong in a process, or that the kernel does not step over: validate_insn_64bits */
static bool is_refused_1byte(uint8_t op)
{
	switch (op) {
	case 0x6c ... 0x6f: /* ins, outs */
	case 0xe4 ... 0xe7: /* in, out */
	case 0xec ... 0xef:
	case 0xcc ... 0xcf: /* int3, int, iret */
	case 0xf1:          /* int1 */
	case 0xf4:          /* hlt */
	case 0xfa:          /* cli, sti */
	case 0xfb: return true;
	default: return false;
	}
}

static bool is_refused_0f(uint8_t op)
{
	switch (op) {
	case 0x00: /* system tables; 01 has xgetbv, rdtscp, endbr's cousins too, refused all the same */
	case 0x01:
	case 0x05 ... 0x09: /* syscall, clts, sysret, invd, wbinvd */
	case 0x0b:          /* ud2 */
	case 0x30:          /* wrmsr */
	case 0x34:          /* sysenter, sysexit */
	case 0x35:
	case 0x37: /* getsec */
	case 0x78: /* vmread, vmwrite */
	case 0x79:
	case 0xae: return true; /* xsave, fences, ... */
	default: return false;
	}
}

/*
 * Instructions with VEX or EVEX: the kernel's decoder gives their opcode as a single byte, and the kernel then looks it up in
 * the table of one-byte opcodes (good_insns_64), where it means something else. So vmovd (6e) is refused as outsb is.
 */
static bool is_refused_vector(uint8_t op)
{
	static const uint16_t good[16] = { 0xbf3f, 0x3f3f, 0x3f3f, 0x3f3f, 0xffff, 0xffff,
					   0x0f38, 0xffff, 0xfffb, 0xfbff, 0xffff, 0xffff,
					   0x0fcf, 0xff8f, 0x0b0f, 0xf3ec };

	return !(good[op >> 4] >> (op & 15) & 1);
}

static bool has_prefix(const ZydisDecodedInstruction *z, uint8_t byte)
{
	for (unsigned i = 0; i < z->raw.prefix_count; i++)
		if (z->raw.prefixes[i].value == byte)
			return true;
	return false;
}

static bool is_branch(const struct code_insn *i)
{
	return i->kind == CODE_JMP || i->kind == CODE_CALL || i->kind == CODE_JCC;
}

static bool is_refused(const ZydisDecodedInstruction *z, const struct code_insn *i)
{
	static const uint8_t bad[] = { 0x26, 0x2e, 0x36, 0x3e, 0xf0 };

	for (unsigned n = 0; n < sizeof(bad); n++)
		if (has_prefix(z, bad[n]))
			return true;
	/* "word-sized" branches, __tls_get_addr's padded call among them; and 66 90, before 6.2 */
	if (has_prefix(z, 0x66) && (is_branch(i) || z->opcode == 0x90))
		return true;
	if (z->encoding == ZYDIS_INSTRUCTION_ENCODING_VEX ||
	    z->encoding == ZYDIS_INSTRUCTION_ENCODING_EVEX)
		return is_refused_vector(z->opcode);
	switch (z->opcode_map) {
	case ZYDIS_OPCODE_MAP_DEFAULT: return is_refused_1byte(z->opcode);
	case ZYDIS_OPCODE_MAP_0F: return is_refused_0f(z->opcode);
	default: return false; /* single-stepped */
	}
}

/* push of a register without a prefix other than 41; jmp, call and jcc to a fixed place; 90 */
static bool is_emulated(const ZydisDecodedInstruction *z, const struct code_insn *i,
			const uint8_t *bytes)
{
	if (i->flags & CODE_REFUSED)
		return false;
	if (i->kind == CODE_PUSH)
		return z->opcode >= 0x50 && z->opcode <= 0x57 &&
		       (i->len == 1 || (i->len == 2 && bytes[0] == 0x41));
	if (i->kind == CODE_JCC)
		return z->opcode_map == ZYDIS_OPCODE_MAP_0F
			       ? z->opcode >= 0x80 && z->opcode <= 0x8f
			       : z->opcode >= 0x70 && z->opcode <= 0x7f;
	if (i->kind == CODE_NOP) /* longer ones are single-stepped before 6.16 */
		return z->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT && z->opcode == 0x90;
	return i->kind == CODE_JMP || i->kind == CODE_CALL;
}

/* ---- one instruction ---- */

static enum code_kind kind_of(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *op)
{
	bool is_direct = z->operand_count_visible && op[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE;

	switch (z->mnemonic) {
	case ZYDIS_MNEMONIC_JMP: return is_direct ? CODE_JMP : CODE_JMP_INDIRECT;
	case ZYDIS_MNEMONIC_CALL: return is_direct ? CODE_CALL : CODE_CALL_INDIRECT;
	case ZYDIS_MNEMONIC_ENDBR64:
	case ZYDIS_MNEMONIC_ENDBR32: return CODE_ENDBR;
	case ZYDIS_MNEMONIC_PUSH:
		return z->operand_count_visible && op[0].type == ZYDIS_OPERAND_TYPE_REGISTER
			       ? CODE_PUSH
			       : CODE_OTHER;
	case ZYDIS_MNEMONIC_XBEGIN: return CODE_JCC;
	case ZYDIS_MNEMONIC_PAUSE: return CODE_NOP;
	case ZYDIS_MNEMONIC_HLT:
	case ZYDIS_MNEMONIC_UD0:
	case ZYDIS_MNEMONIC_UD1:
	case ZYDIS_MNEMONIC_UD2: return CODE_TRAP;
	default: break;
	}
	switch (z->meta.category) {
	case ZYDIS_CATEGORY_RET: return CODE_RET;
	case ZYDIS_CATEGORY_COND_BR: return CODE_JCC;
	case ZYDIS_CATEGORY_INTERRUPT: return CODE_TRAP;
	case ZYDIS_CATEGORY_NOP:
	case ZYDIS_CATEGORY_WIDENOP: return CODE_NOP;
	case ZYDIS_CATEGORY_SYSCALL: return CODE_SYSCALL;
	default: return CODE_OTHER;
	}
}

static uint8_t register_number(ZydisRegister r)
{
	ZydisRegister whole = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, r);

	return ZydisRegisterGetClass(whole) == ZYDIS_REGCLASS_GPR64
		       ? (uint8_t)ZydisRegisterGetId(whole)
		       : CODE_NO_REG;
}

static uint16_t register_mask(ZydisRegister r)
{
	uint8_t n = register_number(r);

	return n == CODE_NO_REG ? 0 : (uint16_t)(1u << n);
}

static void add_memory(struct code_insn *i, const ZydisDecodedOperand *op)
{
	i->reads |= register_mask(op->mem.base) | register_mask(op->mem.index);
	if (op->mem.type != ZYDIS_MEMOP_TYPE_AGEN) {
		if (op->actions & ZYDIS_OPERAND_ACTION_MASK_READ)
			i->flags |= CODE_MEM_READ;
		if (op->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)
			i->flags |= CODE_MEM_WRITE;
	}
	if (op->visibility != ZYDIS_OPERAND_VISIBILITY_EXPLICIT)
		return;
	i->mem_base = register_number(op->mem.base);
	i->mem_index = register_number(op->mem.index);
	i->mem_scale = op->mem.scale;
	i->mem_size = op->mem.type == ZYDIS_MEMOP_TYPE_AGEN ? 0 : (uint8_t)(op->size / 8);
	if ((op->mem.segment == ZYDIS_REGISTER_FS || op->mem.segment == ZYDIS_REGISTER_GS) &&
	    i->mem_base == CODE_NO_REG && i->mem_index == CODE_NO_REG)
		i->flags |= CODE_TLS;
	i->mem_disp = (int32_t)op->mem.disp.value;
	if (op->mem.base == ZYDIS_REGISTER_RIP) {
		i->flags |= CODE_RIP_RELATIVE;
		i->target = i->addr + i->len + (uint64_t)op->mem.disp.value;
	}
}

static void add_operand(struct code_insn *i, const ZydisDecodedOperand *op)
{
	switch (op->type) {
	case ZYDIS_OPERAND_TYPE_REGISTER:
		if (op->actions & ZYDIS_OPERAND_ACTION_MASK_READ)
			i->reads |= register_mask(op->reg.value);
		if (op->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)
			i->writes |= register_mask(op->reg.value);
		/* 32 bits clear the upper half */
		if (op->actions & ZYDIS_OPERAND_ACTION_WRITE && op->size >= 32)
			i->replaces |= register_mask(op->reg.value);
		break;
	case ZYDIS_OPERAND_TYPE_MEMORY: add_memory(i, op); break;
	case ZYDIS_OPERAND_TYPE_IMMEDIATE:
		i->imm = op->imm.value.s;
		if (op->imm.is_relative)
			i->target = i->addr + i->len + op->imm.value.u;
		break;
	default: break;
	}
}

/* what rsp changes by, where that is a constant */
static void set_sp_delta(struct code_insn *i, const ZydisDecodedInstruction *z,
			 const ZydisDecodedOperand *op)
{
	bool is_immediate = z->operand_count_visible == 2 &&
			    op[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
			    op[0].reg.value == ZYDIS_REGISTER_RSP &&
			    op[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE;

	if (!(i->writes & 1u << CODE_RSP))
		return;
	switch (z->mnemonic) {
	case ZYDIS_MNEMONIC_PUSH:
	case ZYDIS_MNEMONIC_PUSHFQ: i->sp_delta = z->operand_width == 16 ? -2 : -8; return;
	case ZYDIS_MNEMONIC_CALL: i->sp_delta = -8; return;
	case ZYDIS_MNEMONIC_POP:
	case ZYDIS_MNEMONIC_POPFQ:
		if (z->operand_width == 16 || (op[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
					       op[0].reg.value == ZYDIS_REGISTER_RSP))
			break;
		i->sp_delta = 8;
		return;
	case ZYDIS_MNEMONIC_RET: i->sp_delta = 8 + (int32_t)i->imm; return;
	case ZYDIS_MNEMONIC_ADD:
	case ZYDIS_MNEMONIC_SUB:
		if (!is_immediate)
			break;
		i->sp_delta = (int32_t)(z->mnemonic == ZYDIS_MNEMONIC_ADD ? i->imm : -i->imm);
		return;
	case ZYDIS_MNEMONIC_LEA:
		if (i->mem_base != CODE_RSP || i->mem_index != CODE_NO_REG ||
		    op[0].reg.value != ZYDIS_REGISTER_RSP)
			break;
		i->sp_delta = i->mem_disp;
		return;
	default: break;
	}
	i->flags |= CODE_SP_UNKNOWN;
}

/* integer work and moves, whose only fault could come from memory */
static bool is_simple(const ZydisDecodedInstruction *z)
{
	if (z->mnemonic == ZYDIS_MNEMONIC_DIV || z->mnemonic == ZYDIS_MNEMONIC_IDIV)
		return false;
	switch (z->meta.category) {
	case ZYDIS_CATEGORY_BINARY:
	case ZYDIS_CATEGORY_BITBYTE:
	case ZYDIS_CATEGORY_BMI1:
	case ZYDIS_CATEGORY_BMI2:
	case ZYDIS_CATEGORY_CET:
	case ZYDIS_CATEGORY_CMOV:
	case ZYDIS_CATEGORY_DATAXFER:
	case ZYDIS_CATEGORY_FLAGOP:
	case ZYDIS_CATEGORY_LOGICAL:
	case ZYDIS_CATEGORY_LOGICAL_FP:
	case ZYDIS_CATEGORY_NOP:
	case ZYDIS_CATEGORY_PREFETCH:
	case ZYDIS_CATEGORY_PUSH:
	case ZYDIS_CATEGORY_ROTATE:
	case ZYDIS_CATEGORY_SETCC:
	case ZYDIS_CATEGORY_SHIFT:
	case ZYDIS_CATEGORY_WIDENOP: return true;
	case ZYDIS_CATEGORY_MISC: return z->mnemonic == ZYDIS_MNEMONIC_LEA;
	default: return false;
	}
}

static bool is_arithmetic(const ZydisDecodedInstruction *z)
{
	switch (z->meta.category) {
	case ZYDIS_CATEGORY_AVX:
	case ZYDIS_CATEGORY_AVX2:
	case ZYDIS_CATEGORY_BROADCAST:
	case ZYDIS_CATEGORY_CONVERT:
	case ZYDIS_CATEGORY_MMX:
	case ZYDIS_CATEGORY_SSE:
	case ZYDIS_CATEGORY_VFMA:
	case ZYDIS_CATEGORY_X87_ALU: return true;
	default: return z->mnemonic == ZYDIS_MNEMONIC_DIV || z->mnemonic == ZYDIS_MNEMONIC_IDIV;
	}
}

static void set_arithmetic_flags(struct code_insn *i, const ZydisDecodedInstruction *z)
{
	const ZydisAccessedFlags *f = z->cpu_flags;
	const ZyanU32 all = ZYDIS_CPUFLAG_CF | ZYDIS_CPUFLAG_PF | ZYDIS_CPUFLAG_AF |
			    ZYDIS_CPUFLAG_ZF | ZYDIS_CPUFLAG_SF | ZYDIS_CPUFLAG_OF;

	if (!f)
		return;
	if (f->tested & all)
		i->flags |= CODE_READS_FLAGS;
	/* a shift by 0 leaves them */
	if (!(all & ~(f->modified | f->set_0 | f->set_1 | f->undefined)) &&
	    z->meta.category != ZYDIS_CATEGORY_SHIFT && z->meta.category != ZYDIS_CATEGORY_ROTATE)
		i->flags |= CODE_WRITES_FLAGS;
}

static bool decode_one(const ZydisDecoder *d, const uint8_t *bytes, size_t n, struct code_insn *i)
{
	ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction z;

	if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(d, bytes, n, &z, op)))
		return false;
	i->len = z.length;
	i->disp_at = z.raw.disp.size == 32 ? z.raw.disp.offset : 0;
	i->name = ZydisMnemonicGetString(z.mnemonic);
	i->mem_base = i->mem_index = CODE_NO_REG;
	i->kind = (uint8_t)kind_of(&z, op);
	/* a nop's operands are not used: lea's cousin 0f 1f touches neither register nor memory */
	if (i->kind != CODE_NOP)
		for (unsigned k = 0; k < z.operand_count; k++)
			add_operand(i, &op[k]);
	if (i->kind == CODE_SYSCALL) /* rcx and r11 by the processor, rax by the kernel */
		i->writes |= 1u << CODE_RCX | 1u << CODE_RAX | 1u << 11;
	set_sp_delta(i, &z, op);
	set_arithmetic_flags(i, &z);
	if (z.attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE))
		i->flags |= CODE_REPEATED;
	if (is_refused(&z, i))
		i->flags |= CODE_REFUSED;
	if (is_emulated(&z, i, bytes))
		i->flags |= CODE_EMULATED;
	if (z.attributes & ZYDIS_ATTRIB_HAS_LOCK)
		i->flags |= CODE_LOCKED;
	if (i->kind == CODE_JMP_INDIRECT && has_prefix(&z, 0x3e))
		i->flags |= CODE_NOTRACK;
	if (is_simple(&z) || i->kind == CODE_NOP)
		i->flags |= CODE_SIMPLE;
	else if (is_arithmetic(&z))
		i->flags |= CODE_ARITHMETIC;
	if (i->kind == CODE_NOP && i->len == 5)
		i->flags |= CODE_NOP5;
	return true;
}

/* ---- the sweep ---- */

/* a bit for each byte that a direct branch goes to */
static void note_target(uint8_t *marks, const struct code *c, const struct code_insn *i)
{
	uint64_t at = i->target - c->start;

	if (is_branch(i) && i->target >= c->start && i->target < c->end)
		marks[at / 8] |= (uint8_t)(1u << (at % 8));
}

static size_t next_target(const uint8_t *marks, size_t after, size_t n)
{
	for (after++; after < n; after++)
		if (marks[after / 8] >> (after % 8) & 1)
			break;
	return after;
}

static void mark_targets(struct code *c)
{
	for (uint32_t k = 0; k < c->n; k++) {
		struct code_insn *to;

		if (!is_branch(&c->insn[k]))
			continue;
		to = (struct code_insn *)code_holding(c, c->insn[k].target);
		if (!to)
			continue;
		if (to->addr == c->insn[k].target) {
			to->flags |= CODE_TARGET;
			continue;
		}
		to->flags |= CODE_ENTERED;
		c->is_doubtful |= !(to->flags & CODE_LOCKED && to->addr + 1 == c->insn[k].target);
	}
}

/* nops and int3 that only fill: behind what control does not leave by falling through, and no target */
static void mark_padding(struct code *c)
{
	bool is_dead = false;

	for (uint32_t k = 0; k < c->n; k++) {
		struct code_insn *i = &c->insn[k];

		if (i->flags & CODE_TARGET)
			is_dead = false;
		if (is_dead && (i->kind == CODE_NOP || i->kind == CODE_TRAP))
			i->flags |= CODE_PADDING;
		else
			is_dead = !code_falls_through(i);
	}
}

void code_decode(const uint8_t *bytes, size_t n, uint64_t start, struct code *ret)
{
	uint8_t *marks = base_alloc(n / 8 + 1);
	VEC(struct code_insn) insns = { 0 };
	ZydisDecoder decoder;
	uint32_t flags = 0;
	size_t pos = 0;

	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	*ret = (struct code){ .start = start, .end = start + n };
	while (pos < n) {
		struct code_insn i = { .addr = start + pos, .flags = flags };

		flags = 0;
		if (decode_one(&decoder, bytes + pos, n - pos, &i)) {
			vec_push(&insns, i);
			note_target(marks, ret, &i);
			pos += i.len;
			continue;
		}
		/* data, or an instruction cut off: known places go on behind it */
		if (ret->n_bad == 0)
			ret->bad_at = i.addr;
		flags = CODE_AFTER_GAP;
		pos = next_target(marks, pos, n);
		ret->n_bad += (uint32_t)(start + pos - i.addr);
	}
	free(marks);
	ret->insn = insns.v;
	ret->n = (uint32_t)insns.n;
	mark_targets(ret);
	mark_padding(ret);
}

void code_free(struct code *c)
{
	free(c->insn);
	*c = (struct code){ 0 };
}
