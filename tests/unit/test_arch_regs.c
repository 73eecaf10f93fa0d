/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names and places of registers. Truth: struct user_regs_struct of <sys/user.h>. */
#include "arch/x86_64/regs.h"

#include "tap.h"

#include <sys/user.h>

#define REG_OFF(r) offsetof(struct user_regs_struct, r)

TEST(assembler_names)
{
	const struct arch_reg *r = arch_reg_find(STR("ah"));

	CHECK(r && r->offset == REG_OFF(rax) && r->size == 1 && r->shift == 8);
	r = arch_reg_find(STR("r13w"));
	CHECK(r && r->offset == REG_OFF(r13) && r->size == 2 && r->shift == 0);
	r = arch_reg_find(STR("sil"));
	CHECK(r && r->offset == REG_OFF(rsi) && r->size == 1);
	r = arch_reg_find(STR("ax"));
	CHECK(r && r->size == 2);
	CHECK(!arch_reg_find(STR("sih")));
	CHECK(!arch_reg_find(STR("r16")));
	CHECK(!arch_reg_find(STR("")));
}

TEST(script_names_are_whole_registers)
{
	const struct arch_reg *r = arch_reg_find_script(STR("ax"));
	unsigned n = 0;

	CHECK(r && r->offset == REG_OFF(rax) && r->size == 8);
	r = arch_reg_find_script(STR("flags"));
	CHECK(r && r->offset == REG_OFF(eflags));
	r = arch_reg_find_script(STR("orig_rax"));
	CHECK(r && r->offset == REG_OFF(orig_rax));
	CHECK(!arch_reg_find_script(STR("rax")));
	for (r = arch_script_regs; r->name; r++)
		n++;
	CHECK_INT(n, 22); /* every word of pt_regs has a name, and ip two */
}

TEST(conventions)
{
	CHECK_INT(arch_arg_offset(0), REG_OFF(rdi));
	CHECK_INT(arch_arg_offset(3), REG_OFF(rcx));
	CHECK_INT(arch_arg_offset(5), REG_OFF(r9));
	CHECK_INT(arch_arg_offset(6), -1);
	CHECK_INT(arch_syscall_arg_offset(3), REG_OFF(r10));
	CHECK_INT(arch_syscall_arg_offset(6), -1);
	CHECK_INT(arch_retval_offset(), REG_OFF(rax));
	CHECK_INT(arch_ip_offset(), REG_OFF(rip));
	CHECK_INT(arch_sp_offset(), REG_OFF(rsp));
	CHECK_INT(arch_fp_offset(), REG_OFF(rbp));
}

TEST(float_registers)
{
	CHECK(arch_reg_is_float(STR("xmm0")));
	CHECK(arch_reg_is_float(STR("ymm15")));
	CHECK(arch_reg_is_float(STR("st(1)")));
	CHECK(arch_reg_is_float(STR("st")));
	CHECK(!arch_reg_is_float(STR("rax")));
}
