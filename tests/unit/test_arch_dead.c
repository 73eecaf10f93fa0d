/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Registers and flags that are free at a place: what is written on every way before it is read. */
#include "tap.h"

#include "arch/x86_64/decode.h"

enum { R12 = 1 << 12, RDI = 1 << CODE_RDI, RCX = 1 << CODE_RCX };

#define FREE(outside, ...) \
	free_of((const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }), outside)

static uint32_t free_of(const uint8_t *bytes, size_t n, uint32_t outside)
{
	CODE_AUTO c = { 0 };

	code_decode(bytes, n, 0x1000, &c);
	return code_free_at(&c, 0x1000, outside);
}

#define MOV_R12_RDI 0x49, 0x89, 0xfc
#define RET 0xc3

TEST(what_is_written_whole)
{
	uint32_t free = FREE(0, MOV_R12_RDI, RET);

	CHECK(free & R12);
	CHECK(!(free & (RDI | RCX | CODE_FLAGS)));
	CHECK(FREE(0, 0x41, 0x89, 0xfc, RET) & R12);    /* mov %edi,%r12d: clears the upper half */
	CHECK(!(FREE(0, 0x41, 0x88, 0xfc, RET) & R12)); /* mov %dil,%r12b */
	CHECK(!(FREE(0, 0x4c, 0x0f, 0x44, 0xe7, RET) & R12));              /* cmove %rdi,%r12 */
	CHECK(!(FREE(0, 0x49, 0xff, 0xc4, RET) & R12));                    /* inc %r12 */
	CHECK(!(FREE(0, 0x49, 0x89, 0x3c, 0x24, MOV_R12_RDI, RET) & R12)); /* mov %rdi,(%r12) */
	/* rsp never is: pop %rsp */
	CHECK(!(FREE(~0u, 0x5c, RET) & 1u << CODE_RSP));
}

TEST(where_the_function_is_left)
{
	CHECK(!(FREE(0, RET) & R12));
	CHECK(FREE(R12, RET) & R12);
	CHECK(!(FREE(0, 0xe8, 0, 0x10, 0, 0, MOV_R12_RDI, RET) & R12)); /* call */
	CHECK(FREE(R12, 0xe8, 0, 0x10, 0, 0, 0x4c, 0x89, 0xe7, RET) &
	      R12);                                   /* what is read behind it is the callee's */
	CHECK(!(FREE(0, 0xe9, 0, 0x10, 0, 0) & R12)); /* jmp elsewhere */
	CHECK(FREE(R12, 0xe9, 0, 0x10, 0, 0) & R12);
	CHECK(!(FREE(R12, 0x90) & R12)); /* its code ends */
	CHECK(!(FREE(R12 | RDI, 0xff, 0xe7) & RDI));
	/* a table's jump may go anywhere: jmp *(,%rdi,8) */
	CHECK(!(FREE(R12, 0xff, 0x24, 0xfd, 0, 0x20, 0, 0) & R12));
	CHECK(!(FREE(R12, 0x0f, 0x05, MOV_R12_RDI, RET) & RDI)); /* syscall */
}

TEST(all_ways_count)
{
	/* test %rdi,%rdi; je 1f; mov %rdi,%r12; ret; 1: mov %rdi,%r12 or nop; ret */
	CHECK(FREE(0, 0x48, 0x85, 0xff, 0x74, 0x04, MOV_R12_RDI, RET, MOV_R12_RDI, RET) & R12);
	CHECK(!(FREE(0, 0x48, 0x85, 0xff, 0x74, 0x04, MOV_R12_RDI, RET, 0x90, RET) & R12));
	/* a loop that reads it in its second round: 1: nop; mov %r12,%rdi; jmp 1b */
	CHECK(!(FREE(R12, 0x90, 0x4c, 0x89, 0xe7, 0xeb, 0xfa) & R12));
	CHECK(FREE(0, 0xeb, 0xfe) & R12); /* nobody ever reads anything there */
}

TEST(flags)
{
	CHECK(FREE(0, 0x48, 0x85, 0xff, 0x74, 0xfb, RET) & CODE_FLAGS); /* test %rdi,%rdi; je */
	CHECK(!(FREE(CODE_FLAGS, 0x74, 0x00, RET) & CODE_FLAGS));
	CHECK(!(FREE(CODE_FLAGS, 0x9c, 0x5f, RET) & CODE_FLAGS)); /* pushfq */
	CHECK(FREE(CODE_FLAGS, MOV_R12_RDI, RET) & CODE_FLAGS);
	CHECK(!(FREE(0, 0x48, 0xff, 0xc7, RET) & CODE_FLAGS)); /* inc leaves the carry */
	CHECK(!(FREE(0, 0x48, 0xd3, 0xe7, RET) & CODE_FLAGS)); /* shl %cl by 0 leaves all */
	CHECK(!(FREE(CODE_FLAGS, 0x48, 0x11, 0xff, RET) & CODE_FLAGS)); /* adc */
}
