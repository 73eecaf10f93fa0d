/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The IR's checker, printer, liveness and optimiser; that optimised code means the same is test_ebpf_random's. */
#include "tap.h"
#include "ebpf_help.h"

#include "ir/flow.h"

/* ---- checker ---- */

struct maker {
	struct mk k;
	struct ir_func *f;
};

static void start(struct maker *t)
{
	mk_init(&t->k);
	t->f = mk_func(&t->k, IR_FUNC_PROGRAM, "prog", 0);
}

/* the message must hold part; NULL: there must be none */
static void check_is(struct maker *t, const char *part)
{
	struct err *e = ir_check(&t->k.m);
	STRBUF_AUTO b = { 0 };

	if (e)
		err_format(e, &b);
	if (!part)
		CHECK_STR(e ? strbuf_cstr(&b) : NULL, NULL);
	else if (CHECK(e != NULL))
		CHECK_HAS(strbuf_cstr(&b), part);
	err_free(e);
	mk_free(&t->k);
}

/* one instruction before a RET */
static void check_one(struct ir_insn in, const char *part)
{
	struct maker t;

	start(&t);
	t.f->n_vregs = 4;
	MK(t.f, .op = IR_IMM, .dst = 1, .imm = 1);
	MK(t.f, .op = IR_IMM, .dst = 2, .imm = 2);
	mk_add(t.f, in);
	MK(t.f, .op = IR_RET);
	check_is(&t, part);
}

TEST(check_accepts)
{
	check_one((struct ir_insn){ .op = IR_ADD, .dst = 3, .a = 1, .b = 2 }, NULL);
	check_one((struct ir_insn){ .op = IR_ADD, .dst = 3, .a = 1, .flags = IRF_IMM, .imm = -5 },
		  NULL);
	check_one((struct ir_insn){ .op = IR_CALL, .dst = 0, .imm = BPF_FUNC_ktime_get_ns }, NULL);
}

TEST(check_operands)
{
	check_one((struct ir_insn){ .op = IR_ADD, .dst = 3, .a = 1 },
		  "instruction 2 (add): operand missing");
	check_one((struct ir_insn){ .op = IR_ADD, .dst = 3, .a = 1, .b = 9 },
		  "operand out of range");
	check_one((struct ir_insn){ .op = IR_ADD, .a = 1, .b = 2 }, "result missing");
	check_one((struct ir_insn){ .op = IR_MOV, .dst = 7, .a = 1 }, "result out of range");
	check_one((struct ir_insn){ .op = IR_MOV, .dst = 3, .a = 1, .flags = IRF_IMM },
		  "takes no immediate");
	check_one(
		(struct ir_insn){
			.op = IR_ADD, .dst = 3, .a = 1, .flags = IRF_IMM, .imm = 1ll << 31 },
		"immediate does not fit 32 bits");
	check_one((struct ir_insn){ .op = IR_CALL, .imm = 1, .n_args = 6 },
		  "more than 5 arguments");
	check_one((struct ir_insn){ .op = 200 }, "unknown operation");
}

TEST(check_sizes_and_numbers)
{
	check_one((struct ir_insn){ .op = IR_LOAD, .dst = 3, .a = 1, .size = 3 },
		  "size is not 1, 2, 4 or 8");
	check_one((struct ir_insn){ .op = IR_BSWAP, .dst = 3, .a = 1, .size = 1 },
		  "size is not 2, 4 or 8");
	check_one((struct ir_insn){ .op = IR_ATOMIC, .a = 1, .b = 2, .size = 2 },
		  "size is not 4 or 8");
	check_one((struct ir_insn){ .op = IR_SET, .dst = 3, .a = 1, .b = 2, .cc = 99 },
		  "unknown condition");
	check_one((struct ir_insn){ .op = IR_SLOT, .dst = 3, .imm = 0 }, "no such slot");
	check_one((struct ir_insn){ .op = IR_MAP, .dst = 3, .imm = 77 }, "no such map");
	check_one((struct ir_insn){ .op = IR_MAP_VALUE, .dst = 3, .imm = 0 },
		  "not an array of one element");
	check_one((struct ir_insn){ .op = IR_MAP_VALUE, .dst = 3, .imm = 1, .off = 4096 },
		  "offset outside");
	check_one((struct ir_insn){ .op = IR_FUNC, .dst = 3, .imm = 0 }, "not a callback");
	check_one((struct ir_insn){ .op = IR_CALL_FN, .imm = 5 }, "no such function");
	check_one((struct ir_insn){ .op = IR_PARAM, .dst = 3 }, "no such parameter");
	check_one((struct ir_insn){ .op = IR_ZERO, .a = 1, .imm = 0 }, "byte count out of range");
	check_one((struct ir_insn){ .op = IR_BOUND, .dst = 3, .a = 1, .imm = -1 },
		  "negative bound");
}

TEST(check_flow)
{
	struct maker t;

	check_one((struct ir_insn){ .op = IR_JMP, .target = 3 }, "label out of range");
	check_one((struct ir_insn){ .op = IR_MOV, .dst = 3, .a = 4 },
		  "vreg %4: IR of function 'prog'");

	start(&t);
	mk_label(t.f);
	MK(t.f, .op = IR_JMP, .target = 0);
	check_is(&t, "jump to a label that stands nowhere");

	start(&t);
	mk_label(t.f);
	MK(t.f, .op = IR_LABEL, .target = 0);
	MK(t.f, .op = IR_LABEL, .target = 0);
	MK(t.f, .op = IR_RET);
	check_is(&t, "label stands twice");

	start(&t);
	MK(t.f, .op = IR_NOP);
	check_is(&t, "control runs off the end");

	start(&t);
	check_is(&t, "empty function");
}

/* written on one way only, read behind both */
TEST(check_defined_on_every_path)
{
	struct maker t;

	start(&t);
	t.f->n_vregs = 2;
	mk_label(t.f);
	MK(t.f, .op = IR_IMM, .dst = 1, .imm = 1);
	MK(t.f, .op = IR_BR, .a = 1, .flags = IRF_IMM, .imm = 0, .cc = CC_EQ, .target = 0);
	MK(t.f, .op = IR_IMM, .dst = 2, .imm = 1);
	MK(t.f, .op = IR_LABEL, .target = 0);
	MK(t.f, .op = IR_RET, .a = 2);
	check_is(&t, "vreg %2");
}

/* ---- flow ---- */

TEST(liveness_in_a_loop)
{
	struct maker t;
	struct ir_flow flow;

	start(&t);
	t.f->n_vregs = 3;
	mk_label(t.f);
	MK(t.f, .op = IR_IMM, .dst = 1, .imm = 3); /* 0: block 0 */
	MK(t.f, .op = IR_IMM, .dst = 2, .imm = 0);
	MK(t.f, .op = IR_LABEL, .target = 0); /* 2: block 1 */
	MK(t.f, .op = IR_ADD, .dst = 3, .a = 2, .b = 1);
	MK(t.f, .op = IR_SUB, .dst = 1, .a = 1, .flags = IRF_IMM, .imm = 1);
	MK(t.f, .op = IR_BR, .cc = CC_NE, .a = 1, .flags = IRF_IMM, .imm = 0, .target = 0);
	MK(t.f, .op = IR_RET, .a = 3); /* 6: block 2 */
	ir_flow_build(t.f, &t.k.arena, &flow);
	CHECK_INT(flow.n_blocks, 3);
	CHECK(ir_flow_live_out(&flow, 0, 1) && ir_flow_live_out(&flow, 0, 2));
	CHECK(ir_flow_live_out(&flow, 1, 2)); /* for the next round */
	CHECK(ir_flow_live_out(&flow, 1, 3));
	CHECK(!ir_flow_live_in(&flow, 1, 3));
	CHECK(!ir_flow_live_in(&flow, 2, 1));
	CHECK_INT(flow.n_loops, 1);
	CHECK(!ir_flow_loop(&flow, 1) && !ir_flow_loop(&flow, 6));
	CHECK(ir_flow_loop(&flow, 2) == flow.loops && ir_flow_loop(&flow, 5) == flow.loops);
	mk_free(&t.k);
}

TEST(loops_that_overlap_are_one)
{
	struct maker t;
	struct ir_flow flow;

	start(&t);
	t.f->n_vregs = 1;
	for (unsigned i = 0; i < 3; i++)
		mk_label(t.f);
	MK(t.f, .op = IR_IMM, .dst = 1);
	MK(t.f, .op = IR_LABEL, .target = 0); /* 1 */
	MK(t.f, .op = IR_LABEL, .target = 1); /* 2 */
	MK(t.f, .op = IR_BR, .a = 1, .flags = IRF_IMM, .target = 0);
	MK(t.f, .op = IR_BR, .a = 1, .flags = IRF_IMM, .target = 1); /* 4 */
	MK(t.f, .op = IR_NOP);
	MK(t.f, .op = IR_LABEL, .target = 2);                        /* 6 */
	MK(t.f, .op = IR_BR, .a = 1, .flags = IRF_IMM, .target = 2); /* 7 */
	MK(t.f, .op = IR_RET);
	ir_flow_build(t.f, &t.k.arena, &flow);
	if (CHECK_INT(flow.n_loops, 2)) {
		CHECK(flow.loops[0].first == 1 && flow.loops[0].last == 4);
		CHECK(flow.loops[1].first == 6 && flow.loops[1].last == 7);
	}
	mk_free(&t.k);
}

/* ---- printing ---- */

TEST(print)
{
	struct maker t;
	STRBUF_AUTO b = { 0 };

	start(&t);
	t.f->n_vregs = 5;
	mk_label(t.f);
	mk_slot(t.f, 12, 4);
	MK(t.f, .op = IR_CTX, .dst = 1);
	MK(t.f, .op = IR_LOAD, .size = 4, .flags = IRF_SIGNED, .dst = 2, .a = 1, .off = 8);
	MK(t.f, .op = IR_SLOT, .dst = 3);
	MK(t.f, .op = IR_STORE, .size = 8, .a = 3, .flags = IRF_IMM, .imm = -1);
	MK(t.f, .op = IR_COPY, .a = 3, .off = 4, .b = 1, .off2 = 16, .imm = 8);
	MK(t.f, .op = IR_BR, .cc = CC_SLT, .a = 2, .flags = IRF_IMM | IRF_UNLIKELY, .imm = 7,
	   .target = 0);
	MK(t.f, .op = IR_MAP, .dst = 4, .imm = 2);
	MK(t.f, .op = IR_CALL, .dst = 5, .imm = BPF_FUNC_map_lookup_elem, .n_args = 2,
	   .src = { 4, 3 });
	MK(t.f, .op = IR_MAP_VALUE, .dst = 4, .imm = 1, .off = 16);
	MK(t.f, .op = IR_ATOMIC, .cc = ATOMIC_CMPXCHG, .size = 8, .dst = 5, .a = 4, .b = 2, .c = 5);
	MK(t.f, .op = IR_LABEL, .target = 0);
	MK(t.f, .op = IR_BOUND, .dst = 2, .a = 2, .imm = 64);
	MK(t.f, .op = IR_RET, .a = 2);
	ir_print(&t.k.m, &b);
	CHECK_STR(strbuf_cstr(&b), "program prog(0)\n"
				   "\tslot 0: 12 bytes, align 4\n"
				   "\t%1 = ctx\n"
				   "\t%2 = load.4s [%1 +8]\n"
				   "\t%3 = slot 0\n"
				   "\tstore.8 [%3] = -1\n"
				   "\tcopy [%3 +4] = [%1 +16] 8\n"
				   "\tbr %2 s< 7 L0 unlikely\n"
				   "\t%4 = map faults\n"
				   "\t%5 = call map_lookup_elem(%4, %3)\n"
				   "\t%4 = map_value globals +16\n"
				   "\t%5 = atomic.8 cmpxchg [%4], %2 if %5\n"
				   "L0:\n"
				   "\t%2 = bound %2 <= 64\n"
				   "\tret %2\n");
	mk_free(&t.k);
}

/* ---- optimiser ---- */

/* what is left of the function, as text */
static void opt_is(struct maker *t, const char *want)
{
	STRBUF_AUTO b = { 0 };
	struct err *e = ir_check(&t->k.m);

	CHECK(!e);
	ir_optimize(&t->k.m);
	if (!e)
		e = ir_check(&t->k.m);
	CHECK(!e);
	err_free(e);
	ir_print(&t->k.m, &b);
	CHECK_STR(strbuf_cstr(&b), want);
	mk_free(&t->k);
}

TEST(opt_folds_constants)
{
	struct maker t;

	start(&t);
	t.f->n_vregs = 4;
	MK(t.f, .op = IR_IMM, .dst = 1, .imm = 6);
	MK(t.f, .op = IR_IMM, .dst = 2, .imm = 7);
	MK(t.f, .op = IR_MUL, .dst = 3, .a = 1, .b = 2);
	MK(t.f, .op = IR_SET, .cc = CC_GT, .dst = 4, .a = 3, .b = 1);
	MK(t.f, .op = IR_SUB, .dst = 3, .a = 3, .b = 4);
	MK(t.f, .op = IR_RET, .a = 3);
	opt_is(&t, "program prog(0)\n\t%3 = imm 41\n\tret %3\n");
}

TEST(opt_folds_branches_and_what_they_skip)
{
	struct maker t;

	start(&t);
	t.f->n_vregs = 2;
	mk_label(t.f);
	MK(t.f, .op = IR_IMM, .dst = 1, .imm = 1);
	MK(t.f, .op = IR_BR, .cc = CC_EQ, .a = 1, .flags = IRF_IMM, .imm = 1, .target = 0);
	MK(t.f, .op = IR_CALL, .imm = BPF_FUNC_ktime_get_ns);
	MK(t.f, .op = IR_LABEL, .target = 0);
	MK(t.f, .op = IR_RET);
	opt_is(&t, "program prog(0)\n\tjmp L0\nL0:\n\tret 0\n");
}

TEST(opt_fuses_compare_and_branch)
{
	struct maker t;

	start(&t);
	t.f->n_vregs = 3;
	mk_label(t.f);
	MK(t.f, .op = IR_CTX, .dst = 1);
	MK(t.f, .op = IR_LOAD, .size = 8, .dst = 2, .a = 1);
	MK(t.f, .op = IR_SET, .cc = CC_LT, .dst = 3, .a = 2, .flags = IRF_IMM, .imm = 10);
	MK(t.f, .op = IR_BR, .cc = CC_EQ, .a = 3, .flags = IRF_IMM, .imm = 0, .target = 0);
	MK(t.f, .op = IR_CALL, .imm = BPF_FUNC_ktime_get_ns);
	MK(t.f, .op = IR_LABEL, .target = 0);
	MK(t.f, .op = IR_RET);
	opt_is(&t, "program prog(0)\n\t%1 = ctx\n\t%2 = load.8 [%1]\n\tbr %2 >= 10 L0\n"
		   "\tcall ktime_get_ns()\nL0:\n\tret 0\n");
}

TEST(opt_puts_sums_into_offsets)
{
	struct maker t;

	start(&t);
	t.f->n_vregs = 4;
	MK(t.f, .op = IR_CTX, .dst = 1);
	MK(t.f, .op = IR_ADD, .dst = 2, .a = 1, .flags = IRF_IMM, .imm = 16);
	MK(t.f, .op = IR_LOAD, .size = 2, .dst = 3, .a = 2, .off = 4);
	MK(t.f, .op = IR_ZEXT, .size = 4, .dst = 4, .a = 3); /* a 2-byte load is that already */
	MK(t.f, .op = IR_RET, .a = 4);
	opt_is(&t, "program prog(0)\n\t%1 = ctx\n\t%3 = load.2 [%1 +20]\n\tret %3\n");
}

/* the source changes between: the sum is not its sum any more */
TEST(opt_forgets_what_changed)
{
	struct maker t;

	start(&t);
	t.f->n_vregs = 3;
	MK(t.f, .op = IR_CTX, .dst = 1);
	MK(t.f, .op = IR_LOAD, .size = 8, .dst = 2, .a = 1);
	MK(t.f, .op = IR_MOV, .dst = 3, .a = 2);
	MK(t.f, .op = IR_ADD, .dst = 2, .a = 2, .flags = IRF_IMM, .imm = 1);
	MK(t.f, .op = IR_MUL, .dst = 2, .a = 2, .b = 3);
	MK(t.f, .op = IR_RET, .a = 2);
	opt_is(&t,
	       "program prog(0)\n\t%1 = ctx\n\t%2 = load.8 [%1]\n\t%3 = mov %2\n\t%2 = add %2, 1\n"
	       "\t%2 = mul %2, %3\n\tret %2\n");
}

/* the compare teaches the verifier about %3, so %3 it stays, in the branch and behind it */
TEST(opt_leaves_compared_copies)
{
	struct maker t;

	start(&t);
	t.f->n_vregs = 4;
	mk_label(t.f);
	MK(t.f, .op = IR_CTX, .dst = 1);
	MK(t.f, .op = IR_LOAD, .size = 8, .dst = 2, .a = 1);
	MK(t.f, .op = IR_STORE, .size = 8, .a = 1, .off = 8, .b = 2);
	MK(t.f, .op = IR_MOV, .dst = 3, .a = 2);
	MK(t.f, .op = IR_BR, .cc = CC_GT, .a = 3, .flags = IRF_IMM, .imm = 9, .target = 0);
	MK(t.f, .op = IR_ADD, .dst = 4, .a = 3, .b = 2);
	MK(t.f, .op = IR_STORE, .size = 8, .a = 1, .b = 4);
	MK(t.f, .op = IR_LABEL, .target = 0);
	MK(t.f, .op = IR_RET);
	opt_is(&t,
	       "program prog(0)\n\t%1 = ctx\n\t%2 = load.8 [%1]\n\tstore.8 [%1 +8] = %2\n\t%3 = mov %2\n"
	       "\tbr %3 > 9 L0\n\t%4 = add %3, %2\n\tstore.8 [%1] = %4\nL0:\n\tret 0\n");
}

TEST(opt_keeps_effects_drops_results)
{
	struct maker t;

	start(&t);
	t.f->n_vregs = 4;
	MK(t.f, .op = IR_CALL, .dst = 1, .imm = BPF_FUNC_ktime_get_ns);
	MK(t.f, .op = IR_IMM, .dst = 2, .imm = 1);
	MK(t.f, .op = IR_MAP_VALUE, .dst = 3, .imm = 1, .off = 8);
	MK(t.f, .op = IR_ATOMIC, .cc = ATOMIC_ADD, .size = 8, .dst = 4, .a = 3, .b = 2);
	MK(t.f, .op = IR_LOAD, .size = 8, .dst = 4, .a = 3);
	MK(t.f, .op = IR_RET);
	opt_is(&t,
	       "program prog(0)\n\tcall ktime_get_ns()\n\t%2 = imm 1\n\t%3 = map_value globals +8\n"
	       "\tatomic.8 add [%3], %2\n\tret 0\n");
}
