/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Instructions by hand: kinds, registers, edges, what a uprobe costs there. Truth: the manual and uprobes.c of Linux. */
#include "arch/x86_64/decode.h"

#include "tap.h"

#define DECODE(c, start, ...)                            \
	static const uint8_t bytes_[] = { __VA_ARGS__ }; \
	CODE_AUTO c;                                     \
	code_decode(bytes_, sizeof(bytes_), (start), &(c))

enum { RDI = 1 << CODE_RDI, RSP = 1 << CODE_RSP, RAX = 1 << CODE_RAX, RBX = 1 << CODE_RBX };

TEST(prologue)
{
	DECODE(c, 0x1000, 0xf3, 0x0f, 0x1e, 0xfa, /* endbr64 */
	       0x41, 0x54,                        /* push %r12 */
	       0x53,                              /* push %rbx */
	       0x48, 0x83, 0xec, 0x18,            /* sub $24,%rsp */
	       0x48, 0x8d, 0x64, 0x24, 0xf8,      /* lea -8(%rsp),%rsp */
	       0x48, 0x89, 0xfb,                  /* mov %rdi,%rbx */
	       0xc3);

	CHECK_INT(c.n, 7);
	CHECK_INT(c.insn[0].kind, CODE_ENDBR);
	CHECK(!(c.insn[0].flags & CODE_EMULATED));
	CHECK_INT(c.insn[1].kind, CODE_PUSH);
	CHECK(c.insn[1].flags & CODE_EMULATED);
	CHECK_INT(c.insn[1].sp_delta, -8);
	CHECK_INT(c.insn[1].reads, 1 << 12 | RSP);
	CHECK_INT(c.insn[1].writes, RSP);
	CHECK(c.insn[1].flags & CODE_MEM_WRITE);
	CHECK(c.insn[2].flags & CODE_EMULATED);
	CHECK_INT(c.insn[3].sp_delta, -24);
	CHECK(!(c.insn[3].flags & (CODE_EMULATED | CODE_SP_UNKNOWN)));
	CHECK_INT(c.insn[4].sp_delta, -8);
	CHECK_INT(c.insn[4].mem_base, CODE_RSP);
	CHECK(!(c.insn[4].flags & (CODE_MEM_READ | CODE_MEM_WRITE)));
	CHECK_INT(c.insn[5].reads, RDI);
	CHECK_INT(c.insn[5].writes, RBX);
	CHECK_INT(c.insn[6].kind, CODE_RET);
	CHECK(!(c.insn[6].flags & CODE_EMULATED));
	CHECK_INT(c.n_bad, 0);
	CHECK(!c.is_doubtful);
}

TEST(what_the_kernel_emulates)
{
	static const struct {
		uint8_t bytes[12];
		uint8_t n;
		bool emulated, refused;
	} cases[] = {
		{ { 0x55 }, 1, true, false },        /* push %rbp */
		{ { 0x41, 0x57 }, 2, true, false },  /* push %r15 */
		{ { 0x40, 0x55 }, 2, false, false }, /* push %rbp with an idle prefix */
		{ { 0x48, 0x55 }, 2, false, false },
		{ { 0xff, 0x75, 0x00 }, 3, false, false }, /* push 0(%rbp) */
		{ { 0x6a, 0x01 }, 2, false, false },       /* push $1 */
		{ { 0x90 }, 1, true, false },              /* nop */
		{ { 0xf3, 0x90 }, 2, true, false },        /* pause */
		{ { 0x66, 0x90 }, 2, false, true },        /* xchg %ax,%ax: refused before 6.2 */
		{ { 0x0f, 0x1f, 0x00 }, 3, false, false },
		{ { 0x0f, 0x1f, 0x44, 0x00, 0x00 }, 5, false, false },
		{ { 0xeb, 0x02 }, 2, true, false }, /* jmp */
		{ { 0xe9, 1, 2, 3, 0 }, 5, true, false },
		{ { 0xf2, 0xe9, 1, 2, 3, 0 }, 6, true, false },       /* bnd jmp */
		{ { 0xe8, 1, 2, 3, 0 }, 5, true, false },             /* call */
		{ { 0x66, 0x48, 0xe8, 1, 2, 3, 0 }, 7, false, true }, /* __tls_get_addr's */
		{ { 0x74, 0x02 }, 2, true, false },                   /* je */
		{ { 0x0f, 0x84, 1, 2, 3, 0 }, 6, true, false },
		{ { 0x2e, 0x74, 0x02 }, 3, false, true },             /* je,pn */
		{ { 0xe3, 0x02 }, 2, false, false },                  /* jrcxz */
		{ { 0xe2, 0x02 }, 2, false, false },                  /* loop */
		{ { 0xff, 0xe0 }, 2, false, false },                  /* jmp *%rax */
		{ { 0x3e, 0xff, 0xe0 }, 3, false, true },             /* notrack jmp *%rax */
		{ { 0xff, 0xd0 }, 2, false, false },                  /* call *%rax */
		{ { 0xc3 }, 1, false, false },                        /* ret */
		{ { 0xf3, 0xc3 }, 2, false, false },                  /* rep ret */
		{ { 0xf0, 0x48, 0x0f, 0xb1, 0x0f }, 5, false, true }, /* lock cmpxchg */
		{ { 0xcc }, 1, false, true },
		{ { 0xf4 }, 1, false, true },
		{ { 0x0f, 0x0b }, 2, false, true },
		{ { 0x0f, 0x05 }, 2, false, true },
		{ { 0x31, 0xc0 }, 2, false, false },
		/* vector instructions by their last opcode byte alone; measured on 6.18 */
		{ { 0xc5, 0xf9, 0x6e, 0xfe }, 4, false, true },        /* vmovd %esi,%xmm7 */
		{ { 0xc5, 0xf9, 0xef, 0xc0 }, 4, false, true },        /* vpxor */
		{ { 0xc5, 0xfe, 0x6f, 0x07 }, 4, false, true },        /* vmovdqu (%rdi),%ymm0 */
		{ { 0xc4, 0xe2, 0x7d, 0x78, 0xff }, 5, false, false }, /* vpbroadcastb */
		{ { 0xc5, 0xfd, 0x74, 0xc9 }, 4, false, false },       /* vpcmpeqb */
		{ { 0xc5, 0xf8, 0x77 }, 3, false, false },             /* vzeroupper */
	};

	for (unsigned n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
		CODE_AUTO c;

		code_decode(cases[n].bytes, cases[n].n, 0x1000, &c);
		/* the case's number in the figure that a failure prints */
		CHECK_INT(n * 100 + c.n * 10 + !!(c.insn[0].flags & CODE_EMULATED) * 2 +
				  !!(c.insn[0].flags & CODE_REFUSED),
			  n * 100 + 10 + cases[n].emulated * 2 + cases[n].refused);
	}
}

TEST(boundaries)
{
	DECODE(c, 0x1000, 0x48, 0x89, 0xfb, 0x90, 0xc3);

	CHECK_INT(code_is_boundary(&c, 0x1000), CODE_BOUNDARY_YES);
	CHECK_INT(code_is_boundary(&c, 0x1001), CODE_BOUNDARY_NO);
	CHECK_INT(code_is_boundary(&c, 0x1003), CODE_BOUNDARY_YES);
	CHECK_INT(code_is_boundary(&c, 0x1005), CODE_BOUNDARY_YES);
	CHECK_INT(code_is_boundary(&c, 0x1006), CODE_BOUNDARY_UNKNOWN);
	CHECK(code_at(&c, 0x1004) == &c.insn[2]);
	CHECK(!code_at(&c, 0x1002));
	CHECK(code_holding(&c, 0x1002) == &c.insn[0]);
}

/* 06 is no instruction in 64-bit mode: what a branch names behind it is decoded again */
TEST(data_in_the_code)
{
	DECODE(c, 0x1000, 0xeb, 0x03, /* jmp 0x1005 */
	       0x06, 0x06, 0x06, 0x90, 0xc3);

	CHECK_INT(c.n, 3);
	CHECK_INT(c.bad_at, 0x1002);
	CHECK_INT(c.n_bad, 3);
	CHECK_INT(code_is_boundary(&c, 0x1003), CODE_BOUNDARY_UNKNOWN);
	CHECK_INT(code_is_boundary(&c, 0x1005), CODE_BOUNDARY_YES);
	CHECK(c.insn[1].flags & CODE_AFTER_GAP && c.insn[1].flags & CODE_TARGET);
}

TEST(undecodable_to_the_end)
{
	DECODE(c, 0x1000, 0x90, 0x06, 0x90, 0x90);

	CHECK_INT(c.n, 1);
	CHECK_INT(c.bad_at, 0x1001);
	CHECK_INT(c.n_bad, 3);
}

TEST(cut_instruction_and_nothing)
{
	DECODE(c, 0x1000, 0x90, 0xe8, 0x01);
	CODE_AUTO none;

	code_decode(NULL, 0, 0x1000, &none);
	CHECK_INT(none.n, 0);
	CHECK(!code_at(&none, 0x1000));
	CHECK_INT(c.n, 1);
	CHECK_INT(c.bad_at, 0x1001);
}

TEST(branch_into_an_instruction)
{
	DECODE(a, 0x1000, 0x74, 0x01, 0x48, 0x89, 0xfb, 0xc3); /* je into the mov */
	static const uint8_t lock[] = { 0x74, 0x01, 0xf0, 0x48, 0x0f, 0xb1, 0x0f, 0xc3 };
	CODE_AUTO b;

	code_decode(lock, sizeof(lock), 0x1000, &b);
	CHECK(a.is_doubtful);
	CHECK(!b.is_doubtful); /* old glibc: je 1f; lock; 1: cmpxchg */
}

TEST(edges)
{
	DECODE(c, 0x1000, 0x48, 0x85, 0xff,  /* test %rdi,%rdi */
	       0x74, 0x05,                   /* je 0x100a */
	       0x48, 0xff, 0xcf,             /* dec %rdi */
	       0xeb, 0xf6,                   /* jmp 0x1000 */
	       0xe9, 0x00, 0x10, 0x00, 0x00, /* 0x100a: jmp 0x200f */
	       0x90, 0xcc);                  /* padding */
	const struct code_insn *from;
	uint32_t it = 0, n = 0;

	while (code_next_pred(&c, 0x100a, &it, &from)) {
		n++;
		CHECK_INT(from->addr, 0x1003);
	}
	CHECK_INT(n, 1);
	it = 0;
	CHECK(code_next_pred(&c, 0x1005, &it, &from) && from->addr == 0x1003);
	CHECK(!code_next_pred(&c, 0x1005, &it, &from));
	CHECK(code_branches_into(&c, 0x1000, 0x1001));
	CHECK(!code_branches_into(&c, 0x1001, 0x100a));
	CHECK(code_is_jump_out(&c, code_at(&c, 0x100a)));
	CHECK(!code_is_jump_out(&c, code_at(&c, 0x1008)));
	CHECK(code_at(&c, 0x100f)->flags & CODE_PADDING);
	CHECK(code_at(&c, 0x1010)->flags & CODE_PADDING);
	CHECK(!(code_at(&c, 0x1000)->flags & CODE_PADDING));
}

TEST(indirect_jumps)
{
	DECODE(c, 0x1000, 0x48, 0x63, 0x04, 0xba,        /* movslq (%rdx,%rdi,4),%rax */
	       0x48, 0x01, 0xd0,                         /* add %rdx,%rax */
	       0xff, 0xe0,                               /* 0x1007: jmp *%rax */
	       0xff, 0x24, 0xfd, 0x00, 0x20, 0x40, 0x00, /* 0x1009: jmp *0x402000(,%rdi,8) */
	       0xff, 0x25, 0x00, 0x10, 0x00, 0x00,       /* 0x1010: jmp *0x1000(%rip) */
	       0xff, 0xe7,                               /* 0x1016: jmp *%rdi */
	       0x3e, 0xff, 0xe7);                        /* 0x1018: notrack jmp *%rdi */

	CHECK_INT(code_indirect_kind(&c, code_at(&c, 0x1007)), CODE_INDIRECT_TABLE);
	CHECK_INT(code_indirect_kind(&c, code_at(&c, 0x1009)), CODE_INDIRECT_TABLE);
	CHECK_INT(code_indirect_kind(&c, code_at(&c, 0x1010)), CODE_INDIRECT_TAIL);
	CHECK_INT(code_at(&c, 0x1010)->target, 0x2016);
	CHECK_INT(code_indirect_kind(&c, code_at(&c, 0x1016)), CODE_INDIRECT_UNKNOWN);
	CHECK_INT(code_indirect_kind(&c, code_at(&c, 0x1018)), CODE_INDIRECT_TABLE);
	CHECK(code_has_indirect_jump(&c));
}

TEST(effects)
{
	DECODE(c, 0x1000, 0x89, 0x7c, 0x24, 0xfc, /* mov %edi,-4(%rsp) */
	       0x48, 0x8b, 0x47, 0x08,            /* mov 8(%rdi),%rax */
	       0xf3, 0x48, 0xab,                  /* rep stos */
	       0xc9,                              /* leave */
	       0x0f, 0x1f, 0x44, 0x00, 0x00);     /* nop5 */

	CHECK(c.insn[0].flags & CODE_MEM_WRITE);
	CHECK_INT(c.insn[0].mem_base, CODE_RSP);
	CHECK_INT(c.insn[0].mem_disp, -4);
	CHECK_INT(c.insn[0].writes, 0);
	CHECK(c.insn[1].flags & CODE_MEM_READ);
	CHECK(!(c.insn[1].flags & CODE_MEM_WRITE));
	CHECK_INT(c.insn[1].writes, RAX);
	CHECK(c.insn[2].flags & CODE_REPEATED && c.insn[2].flags & CODE_MEM_WRITE);
	CHECK_INT(c.insn[2].writes, RDI | 1 << CODE_RCX);
	CHECK(c.insn[3].flags & CODE_SP_UNKNOWN);
	CHECK(c.insn[4].flags & CODE_NOP5);
	CHECK_INT(c.insn[4].reads | c.insn[4].writes, 0);
}
