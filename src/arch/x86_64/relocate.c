/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Moving instructions; see relocate.h. Encodings: Intel SDM volume 2. */
#include "arch/x86_64/relocate.h"

#include <string.h>

enum { JMP_REL32 = 0xe9, PUSH_IMM32 = 0x68, GROUP5 = 0xff, TWO_BYTE = 0x0f, ADDRESS_SIZE = 0x67 };

struct writer {
	uint8_t *out;
	unsigned n;
	uint64_t to;
	bool is_out_of_reach;
};

static void put(struct writer *w, const void *bytes, unsigned n)
{
	memcpy(w->out + w->n, bytes, n);
	w->n += n;
}

static void put8(struct writer *w, uint8_t byte)
{
	put(w, &byte, 1);
}

/* the distance to target from behind the next 4 + behind bytes */
static void put_rel32(struct writer *w, uint64_t target, unsigned behind)
{
	int64_t rel = (int64_t)(target - (w->to + w->n + 4 + behind));
	int32_t rel32 = (int32_t)rel;

	w->is_out_of_reach |= rel != rel32;
	put(w, &rel32, 4);
}

/* ---- what is refused ---- */

static unsigned n_prefixes(const uint8_t *bytes, unsigned len)
{
	unsigned n = 0;

	while (n + 1 < len &&
	       (strchr("\x66\x67\xf2\xf3\x2e\x36\x3e\x26\x64\x65\xf0", bytes[n]) ||
		(bytes[n] & 0xf0) == 0x40) &&
	       bytes[n])
		n++;
	return n;
}

/* jcc has a condition in its opcode; loop, jrcxz and xbegin have none and no long form (or another meaning) */
static int condition_of(const struct code_insn *i, const uint8_t *bytes)
{
	unsigned at = n_prefixes(bytes, i->len);

	if ((bytes[at] & 0xf0) == 0x70)
		return bytes[at] & 15;
	if (bytes[at] == TWO_BYTE && at + 1 < i->len && (bytes[at + 1] & 0xf0) == 0x80)
		return bytes[at + 1] & 15;
	return -1;
}

const char *relocate_refusal(const struct code_insn *i, const uint8_t *bytes)
{
	switch (i->kind) {
	case CODE_JCC:
		return condition_of(i, bytes) < 0 ? "it is a jump that has a short form only"
						  : NULL;
	case CODE_TRAP: return "it is a trap";
	case CODE_SYSCALL: return "the kernel knows system calls by their place";
	case CODE_CALL_INDIRECT:
		if (i->mem_base == CODE_RSP || i->mem_index == CODE_RSP)
			return "it calls through the stack";
		if (n_prefixes(bytes, i->len) && i->flags & CODE_RIP_RELATIVE)
			return "it calls in an unusual way";
		break;
	default: break;
	}
	if (i->flags & CODE_RIP_RELATIVE && (!i->disp_at || memchr(bytes, ADDRESS_SIZE, i->disp_at)))
		return "its address is computed in an unusual way";
	return NULL;
}

/* ---- moving ---- */

/* the same bytes, but for an address relative to the instruction */
static void put_copy(struct writer *w, const struct code_insn *i, const uint8_t *bytes)
{
	if (!(i->flags & CODE_RIP_RELATIVE)) {
		put(w, bytes, i->len);
		return;
	}
	put(w, bytes, i->disp_at);
	put_rel32(w, i->target, i->len - i->disp_at - 4u);
	put(w, bytes + i->disp_at + 4, i->len - i->disp_at - 4u);
}

/* what the call would have pushed: two halves, because an immediate has 32 bits. Flags stay */
static void put_push(struct writer *w, uint64_t address)
{
	static const uint8_t store_high[] = { 0xc7, 0x44, 0x24,
					      0x04 }; /* mov dword [rsp+4], imm32 */
	uint32_t low = (uint32_t)address, high = (uint32_t)(address >> 32);

	put8(w, PUSH_IMM32);
	put(w, &low, 4);
	put(w, store_high, sizeof(store_high));
	put(w, &high, 4);
}

/* call r/m becomes jmp r/m: the same but for three bits of ModRM */
static void put_indirect_call(struct writer *w, const struct code_insn *i, const uint8_t *bytes)
{
	unsigned modrm = n_prefixes(bytes, i->len) + 1;
	uint8_t copy[16];

	memcpy(copy, bytes, i->len);
	copy[modrm] = (uint8_t)((copy[modrm] & ~0x38) | 4 << 3);
	put_push(w, i->addr + i->len);
	put_copy(w, i, copy);
}

unsigned relocate_insn(const struct code_insn *i, const uint8_t *bytes, uint64_t to,
		       uint8_t out[RELOCATE_MAX])
{
	struct writer w = { .out = out, .to = to };

	switch (i->kind) {
	case CODE_JMP:
		put8(&w, JMP_REL32);
		put_rel32(&w, i->target, 0);
		break;
	case CODE_JCC:
		put8(&w, TWO_BYTE);
		put8(&w, (uint8_t)(0x80 | condition_of(i, bytes)));
		put_rel32(&w, i->target, 0);
		break;
	case CODE_CALL:
		put_push(&w, i->addr + i->len);
		put8(&w, JMP_REL32);
		put_rel32(&w, i->target, 0);
		break;
	case CODE_CALL_INDIRECT: put_indirect_call(&w, i, bytes); break;
	default: put_copy(&w, i, bytes); break;
	}
	return w.is_out_of_reach ? 0 : w.n;
}
