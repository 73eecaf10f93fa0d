/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ways out of functions, read from this very program: functions in assembly whose exits are known, and what is decided
 * about them.
 */
#include "objfile/symtab.h"
#include "probe/returns.h"

#include <stdio.h>

#include "tap.h"

/* F(name) ... E(name): a function with a size; local labels are numbers */
#define F(name) ".globl " #name "\n.type " #name ",@function\n" #name ":\n"
#define E(name) ".size " #name ", . - " #name "\n"

__asm__(".pushsection .text\n" F(t_plain) "push %rbx\n mov %rdi,%rax\n pop %rbx\n ret\n" E(t_plain) F(
	t_two) "test %rdi,%rdi\n je 1f\n mov $1,%eax\n ret\n 1: sub $24,%rsp\n call t_plain\n add $24,%rsp\n ret\n" E(t_two)
		F(t_tail) "push %rbx\n pop %rbx\n jmp t_plain\n" E(t_tail) F(t_chain) "inc %rdi\n jmp t_tail\n" E(
			t_chain) F(t_maybe) "test %rdi,%rdi\n js t_plain\n xor %eax,%eax\n ret\n" E(t_maybe)
			F(t_loop) "dec %rdi\n jnz t_loop\n ret\n" E(t_loop) F(t_frame) "push %rbp\n mov %rsp,%rbp\n sub $64,%rsp\n and $-32,%rsp\n call t_plain\n leave\n ret\n" E(
				t_frame) F(t_goto) "push %rbx\n mov (%rdi),%rax\n jmp *%rax\n pop %rbx\n ret\n" E(t_goto)
				F(t_through) "mov (%rdi),%rax\n jmp *%rax\n" E(t_through) F(t_pushret) "push %rdi\n ret\n" E(
					t_pushret) F(t_runs_on) "inc %rdi\n mov %rdi,%rax\n" E(t_runs_on)
					F(t_after) "ret\n" E(t_after) F(t_data) "jmp 1f\n .byte 0x06,0x06\n 1: ret\n" E(
						t_data) F(t_never) "call t_never\n" E(t_never)
						F(t_hot) "push %rbx\n test %rdi,%rdi\n jz t_hot.cold\n 2: pop %rbx\n ret\n" E(
							t_hot) F(t_hot.cold) "call t_plain\n jmp 2b\n" E(t_hot.cold)
							F(t_aborts) "push %rbx\n test %rdi,%rdi\n jz 3f\n pop %rbx\n ret\n 3: call t_never\n" E(
								t_aborts)
								F(t_mutual) "dec %rdi\n jnz t_mutual2\n ret\n" E(
									t_mutual)
									F(t_mutual2) "dec %rdi\n jnz t_mutual\n ret\n" E(
										t_mutual2) ".popsection\n");

static struct objfile *self;

static bool find(const char *name, struct return_func *fn, struct return_range *range,
		 struct return_evidence *evidence)
{
	const struct symbol *s;
	struct err *e = self ? NULL : objfile_open("/proc/self/exe", &self);

	if (!CHECK(!e))
		return false;
	s = symtab_find(objfile_symtab(self), str_from(name));
	if (!CHECK(s != NULL))
		return false;
	*range = (struct return_range){ s->addr, s->addr + s->size };
	*fn = (struct return_func){ .f = self,
				    .evidence = evidence,
				    .name = str_from(name),
				    .ranges = range,
				    .n_ranges = 1,
				    .reads_result = true };
	return true;
}

/* own RETs, tail jumps followed, RETs behind them; -1 own: not decided */
static void check_exits(const char *name, int own, unsigned followed, unsigned behind,
			unsigned lost)
{
	struct return_func fn;
	struct return_range range;
	struct return_evidence evidence = { 0 };
	struct exits e;
	unsigned n[4] = { 0 };
	bool is_fine = true;

	if (!find(name, &fn, &range, &evidence))
		return;
	exits_find(&fn, true, &e);
	vec_each(x, &e.found)
		n[x->kind]++;
	if (!CHECK((e.undecided != NULL) == (own < 0)))
		printf("# %s: %s\n", name, e.undecided ? e.undecided : "decided");
	if (own >= 0) {
		is_fine &= CHECK_INT(n[EXIT_RET], own);
		is_fine &= CHECK_INT(n[EXIT_TAIL], followed);
		is_fine &= CHECK_INT(n[EXIT_TAIL_RET], behind);
		is_fine &= CHECK_INT(e.n_lost, lost);
	}
	if (!is_fine)
		printf("# in %s\n", name);
	exits_free(&e);
}

TEST(rets_are_the_exits)
{
	check_exits("t_plain", 1, 0, 0, 0);
	check_exits("t_two", 2, 0, 0, 0);
	check_exits("t_frame", 1, 0, 0, 0);
	check_exits("t_loop", 1, 0, 0, 0);
	check_exits("t_never", 0, 0, 0, 0);
}

TEST(tail_jumps_are_followed)
{
	check_exits("t_tail", 0, 1, 1, 0);
	check_exits("t_chain", 0, 1, 1, 0);
	check_exits("t_maybe", 1, 1, 1, 0);
}

TEST(two_functions_that_end_in_each_other)
{
	check_exits("t_mutual", 1, 1, 2, 0);
}

TEST(a_part_that_was_moved_away_belongs_to_the_function)
{
	check_exits("t_hot", 1, 0, 0, 0);
	check_exits("t_aborts", 1, 0, 0, 0);
}

TEST(indirect_jumps_by_the_depth_of_the_stack)
{
	check_exits("t_goto", 1, 0, 0, 0);
	check_exits("t_through", 0, 0, 0, 1);
}

TEST(what_cannot_be_known_is_said)
{
	check_exits("t_pushret", -1, 0, 0, 0);
	check_exits("t_runs_on", -1, 0, 0, 0);
	check_exits("t_data", -1, 0, 0, 0);
}

TEST(conditions_are_kept)
{
	struct return_func fn;
	struct return_range range;
	struct return_evidence evidence = { 0 };
	struct exits e;

	if (!find("t_maybe", &fn, &range, &evidence))
		return;
	exits_find(&fn, true, &e);
	vec_each(x, &e.found)
		CHECK_INT(x->condition, x->kind == EXIT_TAIL ? 1 + 8 : 0);
	exits_free(&e);
}

static void check_plan(const char *name, enum return_danger danger, enum return_choice choice,
		       const char *way)
{
	struct return_evidence evidence = { .is_known = true,
					    .danger = (uint8_t)danger,
					    .why = "of the test" };
	struct return_func fn;
	struct return_range range;
	struct return_plan plan;
	struct arena a;

	arena_init(&a);
	if (find(name, &fn, &range, &evidence)) {
		fn.choice = choice;
		returns_plan(&fn, &a, &plan);
		if (!CHECK_STR(plan.refusal                ? "refused"
			       : plan.way == RETURN_KERNEL ? (plan.warning ? "warned" : "kernel")
							   : "sites",
			       way))
			printf("# in %s\n", name);
	}
	arena_free(&a);
}

TEST(the_choice)
{
	check_plan("t_two", DANGER_NONE, RETURN_AUTO, "sites");
	check_plan("t_two", DANGER_YES, RETURN_AUTO, "sites");
	check_plan("t_two", DANGER_YES, RETURN_FORCE_KERNEL, "kernel");
	check_plan("t_plain", DANGER_NONE, RETURN_AUTO,
		   "kernel"); /* a leaf that begins with push */
	check_plan("t_plain", DANGER_MAYBE, RETURN_AUTO, "sites");
	check_plan("t_tail", DANGER_NONE, RETURN_AUTO, "kernel");
	check_plan("t_tail", DANGER_MAYBE, RETURN_AUTO, "sites");
	check_plan("t_tail", DANGER_NONE, RETURN_FORCE_SITES, "sites");
	check_plan("t_pushret", DANGER_NONE, RETURN_AUTO, "kernel");
	check_plan("t_pushret", DANGER_MAYBE, RETURN_AUTO, "warned");
	check_plan("t_pushret", DANGER_YES, RETURN_AUTO, "refused");
	check_plan("t_never", DANGER_NONE, RETURN_AUTO, "refused");
	check_plan("t_through", DANGER_YES, RETURN_AUTO, "refused");
}

TEST(functions_that_return_twice)
{
	CHECK(returns_is_twice(STR("setjmp")));
	CHECK(returns_is_twice(STR("__sigsetjmp")));
	CHECK(returns_is_twice(STR("vfork")));
	CHECK(!returns_is_twice(STR("longjmp")));
}
