/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Prologues by hand and the place that each must get, for programs that read this or that; then the obligations one by one:
 * each has a function in which it alone forbids the cheap place. Truth: docs/internals/placement.md.
 */
#include "probe/placement.h"

#include "tap.h"

#define START 0x1000

enum { RDI = 1 << CODE_RDI, RSI = 1 << CODE_RSI };

static const struct placement_needs count_only = { 0 };

struct outcome {
	int at; /* place - entry */
	int sp;
	bool is_cheap;
	const char *reason;
};

static struct outcome try_edges(const uint8_t *bytes, size_t n, struct placement_needs needs,
				uint64_t target, bool is_complete)
{
	struct placement_edges e = { .is_complete = is_complete };
	struct placement to;
	CODE_AUTO c;

	code_decode(bytes, n, START, &c);
	if (target)
		vec_push(&e.targets, target);
	placement_choose(&c, START, &e, &needs, &to);
	placement_edges_free(&e);
	return (struct outcome){ (int)(to.address - START), to.sp_delta, to.is_cheap,
				 to.reason ? to.reason : "" };
}

#define BYTES(...) (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })
#define PLACE(needs, ...) try_edges(BYTES(__VA_ARGS__), (needs), 0, true)
#define NEEDS(...) ((struct placement_needs){ __VA_ARGS__ })

TEST(push_at_once)
{
	struct outcome o = PLACE(count_only, 0x55, 0x48, 0x89, 0xe5, 0x5d, 0xc3);

	CHECK_INT(o.at, 0);
	CHECK(o.is_cheap);
}

TEST(push_past_endbr64)
{
	struct outcome o = PLACE(
		NEEDS(.regs = RDI, .stack = true, .memory = true, .exact = true, .fixed_sp = true),
		0xf3, 0x0f, 0x1e, 0xfa, /* endbr64 */
		0x55,                   /* push %rbp */
		0xc3);

	CHECK_INT(o.at, 4);
	CHECK_INT(o.sp, 0);
	CHECK(o.is_cheap);
}

/* sub $24,%rsp; xor %eax,%eax; call: rsp is 24 less there */
TEST(known_delta)
{
	struct outcome o = PLACE(NEEDS(.regs = RDI | RSI, .stack = true), 0x48, 0x83, 0xec, 0x18,
				 0x31, 0xc0, 0xe8, 0, 0, 0, 0, 0x48, 0x83, 0xc4, 0x18, 0xc3);

	CHECK_INT(o.at, 6);
	CHECK_INT(o.sp, -24);
	CHECK(o.is_cheap);
}

/* the kernel itself would take the return address from rsp: a return probe cannot move over the sub */
TEST(return_probe_wants_rsp)
{
	struct outcome o = PLACE(NEEDS(.stack = true, .fixed_sp = true), 0x48, 0x83, 0xec, 0x18,
				 0xe8, 0, 0, 0, 0, 0x48, 0x83, 0xc4, 0x18, 0xc3);

	CHECK_INT(o.at, 0);
	CHECK(!o.is_cheap);
	CHECK_STR(o.reason, "rsp changes");
}

TEST(conditional_jump_ends_the_block)
{
	static const uint8_t f[] = { 0x48, 0x85, 0xff, /* test %rdi,%rdi */
				     0x74, 0x03,       /* je */
				     0x48, 0xff, 0xcf, 0xc3 };
	struct outcome o = try_edges(f, sizeof(f), NEEDS(.regs = RDI, .exact = true), 0, true);

	CHECK_INT(o.at, 3);
	CHECK(o.is_cheap);
}

/* ---- each obligation ---- */

TEST(argument_register_changes)
{
	/* mov %rsi,%rdi; push %rbx */
	struct outcome o = PLACE(NEEDS(.regs = RDI), 0x48, 0x89, 0xf7, 0x53, 0xc3);

	CHECK_INT(o.at, 0);
	CHECK_STR(o.reason, "a register that is read changes");
	o = PLACE(NEEDS(.regs = RSI), 0x48, 0x89, 0xf7, 0x53, 0xc3);
	CHECK_INT(o.at, 3);
}

TEST(part_of_a_register_counts_as_all)
{
	/* xor %dil,%dil is 40 30 ff; mov %ah,... : any write to a part */
	struct outcome o = PLACE(NEEDS(.regs = RDI), 0x40, 0x30, 0xff, 0x53, 0xc3);

	CHECK_INT(o.at, 0);
}

TEST(implicit_writes_count)
{
	/* mul %rsi writes rdx (third argument) and rax */
	struct outcome o = PLACE(NEEDS(.regs = 1 << CODE_RDX), 0x48, 0xf7, 0xe6, 0x53, 0xc3);

	CHECK_INT(o.at, 0);
	CHECK_STR(o.reason, "a register that is read changes");
}

/* f: xor %eax,%eax; 1: add; dec %rdi; jne 1b: the loop head is not executed once for each entry */
TEST(loop_head_behind_the_entry)
{
	static const uint8_t f[] = { 0x31, 0xc0, 0x48, 0x01, 0xf8, 0x90,
				     0x48, 0xff, 0xcf, 0x75, 0xf7, 0xc3 };
	struct outcome o = try_edges(f, sizeof(f), count_only, 0, true);

	CHECK_INT(o.at, 0);
	CHECK(!o.is_cheap);
	CHECK_STR(o.reason, "other code jumps to it");
}

/* the entry itself is the loop head: a probe there counts each turn, and so does the place, neither more nor less */
TEST(loop_head_is_the_entry)
{
	static const uint8_t f[] = { 0x48, 0x01, 0xf8, /* add %rdi,%rax */
				     0x48, 0xff, 0xcf, /* dec %rdi */
				     0x75, 0xf8,       /* jne f */
				     0xc3 };
	struct outcome o = try_edges(f, sizeof(f), count_only, 0, true);

	CHECK_INT(o.at, 6);
	CHECK(o.is_cheap);
}

/* lock inc (%rdi); push %rbx; ...; a jump behind the lock prefix enters without passing the entry */
TEST(way_into_the_first_instruction)
{
	struct outcome o = PLACE(count_only, 0xf0, 0x48, 0xff, 0x07, 0x53, 0x5b, 0x74, 0xf9, 0xc3);

	CHECK_INT(o.at, 0);
	CHECK_STR(o.reason, "other code jumps to it");
	o = PLACE(count_only, 0xf0, 0x48, 0xff, 0x07, 0x53, 0x5b, 0x74, 0xf8, 0xc3);
	CHECK_INT(o.at, 4);
	o = try_edges(BYTES(0x48, 0x31, 0xc0, 0x53, 0xc3), count_only, START + 1, true);
	CHECK_INT(o.at, 0);
}

TEST(way_in_from_elsewhere)
{
	/* xor %eax,%eax; push %rbx, and something (f.cold, a jump table, a symbol) leads to the push */
	struct outcome o = try_edges(BYTES(0x31, 0xc0, 0x53, 0xc3), count_only, START + 2, true);

	CHECK_INT(o.at, 0);
	CHECK_STR(o.reason, "other code jumps to it");
	/* behind the place it does no harm */
	o = try_edges(BYTES(0x31, 0xc0, 0x53, 0x5b, 0xc3), count_only, START + 3, true);
	CHECK_INT(o.at, 2);
}

TEST(ways_in_not_known)
{
	/* the first push will do, a jump will not */
	struct outcome o = try_edges(BYTES(0x31, 0xc0, 0x53, 0xc3), count_only, 0, false);

	CHECK_INT(o.at, 2);
	o = try_edges(BYTES(0x31, 0xc0, 0x85, 0xff, 0x74, 0x00, 0xc3), count_only, 0, false);
	CHECK_INT(o.at, 0);
	CHECK_STR(o.reason, "not all ways into the function are known");
	/* nor a push behind the point where rsp moved */
	o = try_edges(BYTES(0x48, 0x83, 0xec, 0x08, 0x53, 0xc3), count_only, 0, false);
	CHECK_INT(o.at, 0);
}

TEST(loads_that_can_fault)
{
	/* mov (%rdi),%eax; push %rbx */
	struct outcome o = PLACE(NEEDS(.exact = true), 0x8b, 0x07, 0x53, 0xc3);

	CHECK_INT(o.at, 0);
	CHECK_STR(o.reason, "it could fault");
	o = PLACE(count_only, 0x8b, 0x07, 0x53, 0xc3);
	CHECK_INT(o.at, 2);
	/* own stack, the thread's block and the file's data are there */
	o = PLACE(NEEDS(.exact = true), 0x48, 0x8b, 0x44, 0x24, 0x08, 0x53, 0xc3);
	CHECK_INT(o.at, 5);
	o = PLACE(NEEDS(.exact = true), 0x64, 0x48, 0x8b, 0x04, 0x25, 0x28, 0, 0, 0, 0x53, 0xc3);
	CHECK_INT(o.at, 9);
	o = PLACE(NEEDS(.exact = true), 0x8b, 0x05, 0, 1, 0, 0, 0x53, 0xc3);
	CHECK_INT(o.at, 6);
}

TEST(division_can_trap)
{
	/* mov %edi,%eax; cltd; idiv %esi; push %rbx */
	struct outcome o = PLACE(NEEDS(.exact = true), 0x89, 0xf8, 0x99, 0xf7, 0xfe, 0x53, 0xc3);

	CHECK_INT(o.at, 0);
	CHECK_STR(o.reason, "it could trap");
	o = PLACE(count_only, 0x89, 0xf8, 0x99, 0xf7, 0xfe, 0x53, 0xc3);
	CHECK_INT(o.at, 5);
}

TEST(stores)
{
	/* mov %esi,(%rdi); push %rbx */
	struct outcome o = PLACE(NEEDS(.memory = true), 0x89, 0x37, 0x53, 0xc3);

	CHECK_INT(o.at, 0);
	CHECK_STR(o.reason, "it writes memory that may be read");
	o = PLACE(count_only, 0x89, 0x37, 0x53, 0xc3);
	CHECK_INT(o.at, 2);
	o = PLACE(NEEDS(.stack = true), 0x89, 0x37, 0x53, 0xc3);
	CHECK_INT(o.at, 0);
	/* mov %edi,-4(%rsp): the red zone is nobody's business; mov %edi,8(%rsp) is a stack argument */
	o = PLACE(NEEDS(.memory = true, .stack = true), 0x89, 0x7c, 0x24, 0xfc, 0x53, 0xc3);
	CHECK_INT(o.at, 4);
	o = PLACE(count_only, 0x89, 0x7c, 0x24, 0x08, 0x53, 0xc3);
	CHECK_INT(o.at, 0);
	/* mov %rdi,-4(%rsp) reaches into the return address */
	o = PLACE(count_only, 0x48, 0x89, 0x7c, 0x24, 0xfc, 0x53, 0xc3);
	CHECK_INT(o.at, 0);
	/* sub $16,%rsp; mov %rdi,8(%rsp) is the frame again; with 16(%rsp) it is not */
	o = PLACE(NEEDS(.memory = true), 0x48, 0x83, 0xec, 0x10, 0x48, 0x89, 0x7c, 0x24, 0x08,
		  0x53);
	CHECK_INT(o.at, 9);
	o = PLACE(NEEDS(.memory = true), 0x48, 0x83, 0xec, 0x10, 0x48, 0x89, 0x7c, 0x24, 0x10,
		  0x53);
	CHECK_INT(o.at, 0);
}

TEST(unknown_stack)
{
	/* lea 8(%rsp),%r10; and $-32,%rsp; push -8(%r10) ...; push %rbp */
	struct outcome o = PLACE(count_only, 0x4c, 0x8d, 0x54, 0x24, 0x08, 0x48, 0x83, 0xe4, 0xe0,
				 0x55);

	CHECK_INT(o.at, 0);
	CHECK_STR(o.reason, "rsp changes by an unknown amount");
}

TEST(never_on_nop5)
{
	/* nopl 0(%rax,%rax,1) of five bytes: 6.18 puts a call there; xor, nop5, push: on to the push */
	struct outcome o = PLACE(count_only, 0x31, 0xc0, 0x0f, 0x1f, 0x44, 0, 0, 0x53, 0xc3);

	CHECK_INT(o.at, 7);
}

/* but where the kernel calls: the function's own, first or behind endbr64, and no other */
TEST(the_functions_own_nop5)
{
	const struct placement_needs called = { .takes_nop5 = true };
	struct outcome o = PLACE(called, 0x0f, 0x1f, 0x44, 0, 0, 0x53, 0xc3);

	CHECK_INT(o.at, 0);
	o = PLACE(called, 0xf3, 0x0f, 0x1e, 0xfa, 0x0f, 0x1f, 0x44, 0, 0, 0x53, 0xc3);
	CHECK_INT(o.at, 4);
	o = PLACE(called, 0x31, 0xc0, 0x0f, 0x1f, 0x44, 0, 0, 0x53, 0xc3);
	CHECK_INT(o.at, 7);
	/* without that: behind both */
	o = PLACE(count_only, 0x0f, 0x1f, 0x44, 0, 0, 0x53, 0xc3);
	CHECK_INT(o.at, 5);
	o = PLACE(count_only, 0xf3, 0x0f, 0x1e, 0xfa, 0x0f, 0x1f, 0x44, 0, 0, 0x53, 0xc3);
	CHECK_INT(o.at, 9);
}

TEST(blocks_end)
{
	struct outcome o = PLACE(count_only, 0x31, 0xc0, 0xc3, 0x53); /* ret */

	CHECK_INT(o.at, 0);
	CHECK_STR(o.reason, "the entry block ends");
	o = PLACE(count_only, 0x31, 0xc0, 0xff, 0xd0, 0x53); /* call *%rax: need not come back */
	CHECK_INT(o.at, 0);
	o = PLACE(count_only, 0x31, 0xc0, 0x0f, 0x05, 0x53); /* syscall */
	CHECK_INT(o.at, 0);
	o = PLACE(count_only, 0x31, 0xc0, 0x0f, 0x0b, 0x53); /* ud2 */
	CHECK_INT(o.at, 0);
}

TEST(anything_may_be_read)
{
	struct outcome o = PLACE(NEEDS(.nothing_moves = true), 0xf3, 0x0f, 0x1e, 0xfa, 0x55, 0xc3);

	CHECK_INT(o.at, 0);
	CHECK_STR(o.reason, "the program may read anything");
}

TEST(what_cannot_be_decoded)
{
	struct outcome o = PLACE(count_only, 0x31, 0xc0, 0x06, 0x53);

	CHECK_INT(o.at, 0);
	o = try_edges(NULL, 0, count_only, 0, true);
	CHECK_INT(o.at, 0);
	CHECK(!o.is_cheap);
}

/* any bytes: a place is the entry or an emulated instruction behind it */
TEST(noise)
{
	uint32_t seed = 12345;

	for (unsigned round = 0; round < 20000; round++) {
		struct placement_edges e = { .is_complete = round & 1 };
		struct placement to;
		uint8_t bytes[40];
		CODE_AUTO c;

		for (unsigned i = 0; i < sizeof(bytes); i++) {
			seed = seed * 1664525 + 1013904223;
			bytes[i] = (uint8_t)(seed >> 24);
		}
		code_decode(bytes, sizeof(bytes), START, &c);
		placement_choose(&c, START, &e, &count_only, &to);
		if (to.address != START)
			CHECK(to.is_cheap && to.insn && to.insn->addr == to.address &&
			      to.insn->flags & CODE_EMULATED && !(to.insn->flags & CODE_TARGET));
	}
}
