/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Instructions that trampolines need and programs do not; see x86.h. What the machine lacks is asked of this one: the traced process runs here. */
#include "engine/user/code/x86.h"

#include <cpuid.h>
#include <sys/auxv.h>

enum { REX_W = 0x48, REX_R = 4, REX_B = 1, RDPID_BIT = 22, PROCESSOR_SEGMENT = 0x7b };

static void put(struct x86 *x, unsigned byte)
{
	strbuf_putc(&x->code, (char)byte);
}

/* distance from behind the next 4 + behind bytes */
static bool put_distance(struct x86 *x, uint64_t address, unsigned behind)
{
	int64_t rel = (int64_t)(address - (x->base + x86_here(x) + 4 + behind));
	int32_t rel32 = (int32_t)rel;

	strbuf_add(&x->code, (const char *)&rel32, 4);
	return rel == rel32;
}

/* an instruction with an operand at an address, and behind it a byte that is 0 */
static bool put_at_with_zero(struct x86 *x, const char *opcode, size_t n, uint64_t address)
{
	bool is_near;

	x86_bytes(x, opcode, n);
	is_near = put_distance(x, address, 1);
	put(x, 0);
	return is_near;
}

bool x86_cmp_zero_at(struct x86 *x, uint64_t address)
{
	return put_at_with_zero(x, "\x83\x3d", 2, address);
}

/* an instruction of 8 bytes at an address */
static bool put_at(struct x86 *x, unsigned opcode, unsigned reg, uint64_t address)
{
	put(x, REX_W | (reg & 8 ? REX_R : 0));
	put(x, opcode);
	put(x, (reg & 7) << 3 | 5);
	return put_distance(x, address, 0);
}

bool x86_lea_at(struct x86 *x, enum x86_reg dst, uint64_t address)
{
	x->written |= 1u << dst;
	return put_at(x, 0x8d, dst, address);
}

bool x86_load_at(struct x86 *x, enum x86_reg dst, uint64_t address)
{
	x->written |= 1u << dst;
	return put_at(x, 0x8b, dst, address);
}

bool x86_store_at(struct x86 *x, uint64_t address, enum x86_reg src)
{
	return put_at(x, 0x89, src, address);
}

bool x86_alu_at(struct x86 *x, enum x86_alu op, enum x86_reg dst, uint64_t address)
{
	if (op != X_CMP)
		x->written |= 1u << dst;
	return put_at(x, op << 3 | 3, dst, address);
}

bool x86_store_imm_at(struct x86 *x, uint64_t address, int32_t imm)
{
	bool is_near;

	x86_bytes(x, "\xc7\x05", 2);
	is_near = put_distance(x, address, 4);
	strbuf_add(&x->code, (const char *)&imm, 4);
	return is_near;
}

bool x86_lock_bts_at(struct x86 *x, uint64_t address)
{
	return put_at_with_zero(x, "\xf0\x0f\xba\x2d", 4, address);
}

void x86_lock_bts(struct x86 *x, enum x86_reg base)
{
	put(x, 0xf0);
	if (base & 8)
		put(x, 0x40 | REX_B);
	x86_bytes(x, "\x0f\xba", 2);
	put(x,
	    0x68 | (base & 7)); /* with a displacement of 8 bits, which rbp and r13 have to have */
	if ((base & 7) == X_RSP)
		put(x, 0x24);
	x86_bytes(x, "\0\0", 2);
}

void x86_flags_to_rax(struct x86 *x)
{
	x86_bytes(x, "\x9f\x0f\x90\xc0", 4); /* lahf; seto al */
}

void x86_flags_from_rax(struct x86 *x)
{
	x86_bytes(x, "\x04\x7f\x9e", 3); /* add al, 127: overflows if al is 1; sahf */
}

void x86_pushf(struct x86 *x)
{
	put(x, 0x9c);
}

void x86_clear_direction(struct x86 *x)
{
	put(x, 0xfc);
}

void x86_set_direction(struct x86 *x)
{
	put(x, 0xfd);
}

void x86_pop_mem(struct x86 *x, enum x86_reg base, int32_t disp)
{
	if (base & 8)
		put(x, 0x40 | REX_B);
	put(x, 0x8f);
	put(x, 0x80 | (base & 7));
	if ((base & 7) == X_RSP) /* rsp, r12: only by SIB */
		put(x, 0x24);
	strbuf_add(&x->code, (const char *)&disp, 4);
}

void x86_trap(struct x86 *x)
{
	x86_bytes(x, "\x0f\x0b", 2); /* ud2 */
}

void x86_nops(struct x86 *x, uint32_t n)
{
	static const char nop8[] = "\x0f\x1f\x84\x00\x00\x00\x00\x00";

	for (; n >= 8; n -= 8)
		x86_bytes(x, nop8, 8);
	for (; n; n--)
		put(x, 0x90);
}

bool x86_has_rdpid(void)
{
	static int has = -1; /* cpuid costs a machine's host microseconds each time */
	unsigned a, b, c, d;

	if (has < 0)
		has = __get_cpuid_count(7, 0, &a, &b, &c, &d) && c >> RDPID_BIT & 1;
	return has;
}

void x86_time_stamp(struct x86 *x)
{
	x86_bytes(x, "\x0f\x31\x48\xc1\xe2\x20\x48\x09\xd0",
		  9); /* rdtsc; shl rdx, 32; or rax, rdx */
	x->written |= 1u << X_RAX | 1u << X_RDX;
}

void x86_imul_both(struct x86 *x, enum x86_reg by)
{
	put(x, REX_W | (by & 8 ? REX_B : 0));
	put(x, 0xf7);
	put(x, 0xe8 | (by & 7));
	x->written |= 1u << X_RAX | 1u << X_RDX;
}

bool x86_has_fs_base(void)
{
	return getauxval(AT_HWCAP2) >> 1 & 1;
}

void x86_fs_base(struct x86 *x, enum x86_reg dst)
{
	put(x, 0xf3);
	put(x, REX_W | (dst & 8 ? REX_B : 0));
	x86_bytes(x, "\x0f\xae", 2);
	put(x, 0xc0 | (dst & 7));
	x->written |= 1u << dst;
}

void x86_processor(struct x86 *x, enum x86_reg dst)
{
	x->written |= 1u << dst;
	if (x86_has_rdpid()) {
		put(x, 0xf3);
		if (dst & 8)
			put(x, 0x40 | REX_B);
		x86_bytes(x, "\x0f\xc7", 2);
		put(x, 0xf8 | (dst & 7));
		return;
	}
	/* the limit of a segment that the kernel makes for this; lsl dst, dst */
	x86_mov_imm(x, dst, PROCESSOR_SEGMENT);
	if (dst & 8)
		put(x, 0x40 | REX_R | REX_B);
	x86_bytes(x, "\x0f\x03", 2);
	put(x, 0xc0 | (dst & 7) << 3 | (dst & 7));
}
