/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What random programs do not reach: callbacks with their BTF, maps and their relocations, bounds that the verifier must
 * know, limits and their messages, and the time that a large script takes.
 */
#include "tap.h"
#include "err_help.h"
#include "ebpf_help.h"

#include "ebpf/insn.h"
#include "image/disasm.h"

#include <time.h>

static bool compile(struct mk *k, struct ebpf_opts opts)
{
	if (!check_err(ir_check(&k->m), "ir_check") ||
	    !check_err(ebpf_compile(&k->m, k->m.image, &opts), "compile"))
		return false;
	return true;
}

static int make_map(const struct image_map *m)
{
	union bpf_attr attr = { 0 };

	attr.map_type = m->bpf_type;
	attr.key_size = m->key_size;
	attr.value_size = m->value_size;
	attr.max_entries = m->max_entries;
	attr.map_flags = m->flags;
	return (int)kernel_bpf(BPF_MAP_CREATE, &attr);
}

static int map_op(int cmd, int fd, const void *key, void *value)
{
	union bpf_attr attr = { 0 };

	attr.map_fd = (uint32_t)fd;
	attr.key = (uint64_t)(uintptr_t)key;
	attr.value = (uint64_t)(uintptr_t)value;
	return (int)kernel_bpf(cmd, &attr);
}

struct loaded {
	int prog, btf, map[16];
	uint32_t n_maps;
};

static void unload(struct loaded *l)
{
	if (l->prog >= 0)
		close(l->prog);
	if (l->btf >= 0)
		close(l->btf);
	for (uint32_t i = 0; i < l->n_maps; i++)
		if (l->map[i] >= 0)
			close(l->map[i]);
}

/* maps, BTF, relocated program: as the engine will do it */
static bool load(struct mk *k, struct loaded *l)
{
	const struct image *im = k->m.image;
	struct image_prog *p = im->progs[0];
	struct bpf_insn *insns = arena_array(&k->arena, struct bpf_insn, p->n_insns);

	l->prog = -1;
	l->n_maps = im->n_maps;
	l->btf = kernel_load_btf(im);
	if (l->btf < 0) {
		printf("# BTF: errno %d\n", errno);
		kernel_print_log();
	}
	for (uint32_t i = 0; i < im->n_maps; i++)
		l->map[i] = make_map(im->maps[i]);
	memcpy(insns, p->insns, p->n_insns * sizeof(*insns));
	for (uint32_t i = 0; i < p->n_relocs; i++)
		insns[p->relocs[i].insn].imm = l->map[p->relocs[i].index];
	l->prog = kernel_load(p, insns, l->btf);
	if (l->prog < 0) {
		STRBUF_AUTO b = { 0 };

		printf("# load: errno %d\n", errno);
		kernel_print_log();
		image_disasm_prog(im, p, NULL, &b);
		tap_print_text("code", b.p, b.n);
	}
	return CHECK(l->btf >= 0) && CHECK(l->prog >= 0);
}

/* one element: the kernel gives addresses into no other arrays (array_map_direct_value_addr) */
static uint32_t add_array(struct mk *k, uint32_t value_size, uint32_t n)
{
	return image_add_map(k->m.image, (struct image_map){ .name = STR_INIT("values"),
							     .role = MAP_PRIVATE,
							     .bpf_type = BPF_MAP_TYPE_ARRAY,
							     .key_size = 4,
							     .value_size = value_size,
							     .max_entries = n,
							     .at = SPAN_NONE });
}

static uint32_t add_hash(struct mk *k)
{
	return image_add_map(k->m.image, (struct image_map){ .name = STR_INIT("@x"),
							     .role = MAP_SCRIPT,
							     .bpf_type = BPF_MAP_TYPE_HASH,
							     .key_size = 8,
							     .value_size = 8,
							     .max_entries = 64,
							     .at = SPAN_NONE });
}

/*
 * bpf_loop adds its index to a sum on the caller's stack and stops at the limit in the context; the sum goes to an array
 * element by ld_imm64 of the value's address.
 */
static uint32_t make_loop(struct mk *k)
{
	uint32_t map = add_array(k, 16, 1);
	struct ir_func *f = mk_func(k, IR_FUNC_PROGRAM, "prog", 0),
		       *cb = mk_func(k, IR_FUNC_LOOP, "round", 2);
	uint32_t go_on = mk_label(cb), i = mk_vreg(cb), c = mk_vreg(cb), sum = mk_vreg(cb),
		 limit = mk_vreg(cb);
	uint32_t slot = mk_slot(f, 16, 8), s = mk_vreg(f), n = mk_vreg(f), fn = mk_vreg(f),
		 flags = mk_vreg(f);
	uint32_t ctx = mk_vreg(f), lim = mk_vreg(f), v = mk_vreg(f), res = mk_vreg(f);

	MK(cb, .op = IR_PARAM, .dst = i, .imm = 0);
	MK(cb, .op = IR_PARAM, .dst = c, .imm = 1);
	MK(cb, .op = IR_LOAD, .size = 8, .dst = limit, .a = c, .off = 8);
	MK(cb, .op = IR_BR, .cc = CC_LT, .a = i, .b = limit, .target = go_on);
	limit = mk_vreg(cb);
	MK(cb, .op = IR_IMM, .dst = limit, .imm = 1);
	MK(cb, .op = IR_RET, .a = limit);
	MK(cb, .op = IR_LABEL, .target = go_on);
	MK(cb, .op = IR_LOAD, .size = 8, .dst = sum, .a = c);
	MK(cb, .op = IR_ADD, .dst = sum, .a = sum, .b = i);
	MK(cb, .op = IR_STORE, .size = 8, .a = c, .b = sum);
	MK(cb, .op = IR_RET);

	MK(f, .op = IR_CTX, .dst = ctx);
	MK(f, .op = IR_LOAD, .size = 8, .dst = lim, .a = ctx);
	MK(f, .op = IR_SLOT, .dst = s, .imm = slot);
	MK(f, .op = IR_STORE, .size = 8, .a = s, .flags = IRF_IMM, .imm = 0);
	MK(f, .op = IR_STORE, .size = 8, .a = s, .off = 8, .b = lim);
	MK(f, .op = IR_IMM, .dst = n, .imm = 1000);
	MK(f, .op = IR_FUNC, .dst = fn, .imm = 1);
	MK(f, .op = IR_IMM, .dst = flags, .imm = 0);
	MK(f, .op = IR_CALL, .dst = res, .imm = BPF_FUNC_loop, .n_args = 4,
	   .src = { n, fn, s, flags });
	MK(f, .op = IR_LOAD, .size = 8, .dst = n, .a = s);
	MK(f, .op = IR_MAP_VALUE, .dst = v, .imm = map, .off = 8);
	MK(f, .op = IR_ATOMIC, .cc = ATOMIC_ADD, .size = 8, .a = v, .b = n);
	MK(f, .op = IR_STORE, .size = 8, .a = ctx, .b = n);
	MK(f, .op = IR_RET, .a = res);
	return map;
}

static void run_loop_variant(struct ebpf_opts opts)
{
	struct mk k;
	struct loaded l;
	uint64_t ctx[2] = { 10, 0 }, value[2];
	uint32_t ret, key = 0, map;

	mk_init(&k);
	map = make_loop(&k);
	if (compile(&k, opts) && load(&k, &l)) {
		CHECK_INT(kernel_run(l.prog, ctx, sizeof(ctx), &ret), 0);
		CHECK_INT(ctx[0], 45);
		CHECK_INT(ret, 11); /* bpf_loop gives the number of rounds, the stopping one too */
		CHECK_INT(kernel_run(l.prog, ctx, sizeof(ctx), &ret), 0);
		CHECK_INT(map_op(BPF_MAP_LOOKUP_ELEM, l.map[map], &key, value), 0);
		CHECK_INT(value[1], 45 + 990);
		unload(&l);
	}
	mk_free(&k);
}

TEST(loop_callback)
{
	if (!kernel_is_usable())
		SKIP("needs root");
	run_loop_variant((struct ebpf_opts){ 0 });
	run_loop_variant((struct ebpf_opts){ .allocator = EBPF_ALLOC_SLOTS });
	run_loop_variant((struct ebpf_opts){ .no_peephole = true });
}

/* for_each_map_elem sums the values whose key is below 3; the callback calls a subprogram for the comparison */
static uint32_t make_for_each(struct mk *k)
{
	uint32_t map = add_hash(k);
	struct ir_func *f = mk_func(k, IR_FUNC_PROGRAM, "prog", 0),
		       *cb = mk_func(k, IR_FUNC_FOR_EACH, "each", 4);
	struct ir_func *sub = mk_func(k, IR_FUNC_SUBPROG, "below", 2);
	uint32_t a = mk_vreg(sub), b = mk_vreg(sub), r = mk_vreg(sub);
	uint32_t key = mk_vreg(cb), value = mk_vreg(cb), c = mk_vreg(cb), three = mk_vreg(cb),
		 yes = mk_vreg(cb);
	uint32_t skip = mk_label(cb), sum = mk_vreg(cb), kk = mk_vreg(cb), vv = mk_vreg(cb);
	uint32_t m = mk_vreg(f), fn = mk_vreg(f), s = mk_vreg(f), flags = mk_vreg(f),
		 ctx = mk_vreg(f), out = mk_vreg(f);

	MK(sub, .op = IR_PARAM, .dst = b, .imm = 1);
	MK(sub, .op = IR_PARAM, .dst = a, .imm = 0);
	MK(sub, .op = IR_SET, .cc = CC_LT, .dst = r, .a = a, .b = b);
	MK(sub, .op = IR_RET, .a = r);

	MK(cb, .op = IR_PARAM, .dst = key, .imm = 1);
	MK(cb, .op = IR_PARAM, .dst = value, .imm = 2);
	MK(cb, .op = IR_PARAM, .dst = c, .imm = 3);
	MK(cb, .op = IR_LOAD, .size = 8, .dst = kk, .a = key);
	MK(cb, .op = IR_IMM, .dst = three, .imm = 3);
	MK(cb, .op = IR_CALL_FN, .dst = yes, .imm = 2, .n_args = 2, .src = { kk, three });
	MK(cb, .op = IR_BR, .cc = CC_EQ, .a = yes, .flags = IRF_IMM, .imm = 0, .target = skip);
	MK(cb, .op = IR_LOAD, .size = 8, .dst = vv, .a = value);
	MK(cb, .op = IR_LOAD, .size = 8, .dst = sum, .a = c);
	MK(cb, .op = IR_ADD, .dst = sum, .a = sum, .b = vv);
	MK(cb, .op = IR_STORE, .size = 8, .a = c, .b = sum);
	MK(cb, .op = IR_LABEL, .target = skip);
	MK(cb, .op = IR_RET);

	MK(f, .op = IR_CTX, .dst = ctx);
	MK(f, .op = IR_MAP, .dst = m, .imm = map);
	MK(f, .op = IR_FUNC, .dst = fn, .imm = 1);
	MK(f, .op = IR_SLOT, .dst = s, .imm = mk_slot(f, 8, 8));
	MK(f, .op = IR_ZERO, .a = s, .imm = 8);
	MK(f, .op = IR_IMM, .dst = flags, .imm = 0);
	MK(f, .op = IR_CALL, .imm = BPF_FUNC_for_each_map_elem, .n_args = 4,
	   .src = { m, fn, s, flags });
	MK(f, .op = IR_LOAD, .size = 8, .dst = out, .a = s);
	MK(f, .op = IR_STORE, .size = 8, .a = ctx, .b = out);
	MK(f, .op = IR_RET, .a = out);
	return map;
}

TEST(for_each_callback_and_subprogram)
{
	struct mk k;
	struct loaded l;
	uint64_t ctx[2] = { 0, 0 };
	uint32_t ret, map;

	if (!kernel_is_usable())
		SKIP("needs root");
	mk_init(&k);
	map = make_for_each(&k);
	if (compile(&k, (struct ebpf_opts){ 0 }) && load(&k, &l)) {
		for (uint64_t i = 0; i < 6; i++) {
			uint64_t v = 100 + i;

			CHECK_INT(map_op(BPF_MAP_UPDATE_ELEM, l.map[map], &i, &v), 0);
		}
		CHECK_INT(kernel_run(l.prog, ctx, sizeof(ctx), &ret), 0);
		CHECK_INT(ctx[0], 100 + 101 + 102);
		CHECK_INT(k.m.image->progs[0]->n_funcs, 3);
		CHECK_INT(k.m.image->progs[0]->stack_bytes, 32 + 32 + 32);
		unload(&l);
	}
	mk_free(&k);
}

/*
 * A bounded index into a map value, while enough values are live across calls that bound and pointer are spilled: the
 * verifier must still know both. lookup -> null check -> bound -> calls -> store at value + index.
 */
static uint32_t make_bound(struct mk *k)
{
	uint32_t map = add_array(k, 64, 4), live[8];
	struct ir_func *f = mk_func(k, IR_FUNC_PROGRAM, "prog", 0);
	uint32_t m = mk_vreg(f), key = mk_vreg(f), p = mk_vreg(f), idx = mk_vreg(f),
		 bound = mk_vreg(f), q = mk_vreg(f);
	uint32_t ctx = mk_vreg(f), none = mk_label(f), sum = mk_vreg(f), seven = mk_vreg(f);

	MK(f, .op = IR_CTX, .dst = ctx);
	MK(f, .op = IR_MAP, .dst = m, .imm = map);
	MK(f, .op = IR_SLOT, .dst = key, .imm = mk_slot(f, 4, 4));
	MK(f, .op = IR_STORE, .size = 4, .a = key, .flags = IRF_IMM, .imm = 2);
	MK(f, .op = IR_CALL, .dst = p, .imm = BPF_FUNC_map_lookup_elem, .n_args = 2,
	   .src = { m, key });
	MK(f, .op = IR_LOAD, .size = 8, .dst = idx, .a = ctx);
	MK(f, .op = IR_BOUND, .dst = bound, .a = idx, .imm = 56);
	for (unsigned i = 0; i < 8; i++) {
		live[i] = mk_vreg(f);
		MK(f, .op = IR_LOAD, .size = 4, .dst = live[i], .a = ctx, .off = 8);
	}
	MK(f, .op = IR_BR, .cc = CC_EQ, .a = p, .flags = IRF_IMM, .imm = 0, .target = none);
	MK(f, .op = IR_CALL, .imm = BPF_FUNC_ktime_get_ns);
	MK(f, .op = IR_ADD, .dst = q, .a = p, .b = bound);
	MK(f, .op = IR_IMM, .dst = seven, .imm = 7);
	MK(f, .op = IR_STORE, .size = 8, .a = q, .b = seven);
	MK(f, .op = IR_LABEL, .target = none);
	MK(f, .op = IR_IMM, .dst = sum, .imm = 0);
	for (unsigned i = 0; i < 8; i++)
		MK(f, .op = IR_ADD, .dst = sum, .a = sum, .b = live[i]);
	MK(f, .op = IR_RET, .a = sum);
	return map;
}

TEST(bounds_and_null_checks_survive_spills)
{
	if (!kernel_is_usable())
		SKIP("needs root");
	for (unsigned v = 0; v < 4; v++) {
		struct ebpf_opts opts = { .allocator = v & 1 ? EBPF_ALLOC_SLOTS : EBPF_ALLOC_LINEAR,
					  .no_peephole = v >> 1 };
		struct mk k;
		struct loaded l;
		uint64_t ctx[2] = { 1000, 5 }, value[8];
		uint32_t ret = 0, map, key = 2;

		mk_init(&k);
		map = make_bound(&k);
		if (compile(&k, opts) && load(&k, &l)) {
			CHECK_INT(kernel_run(l.prog, ctx, sizeof(ctx), &ret), 0);
			CHECK_INT(ret, 40);
			CHECK_INT(map_op(BPF_MAP_LOOKUP_ELEM, l.map[map], &key, value), 0);
			CHECK_INT(value[7], 7);
			unload(&l);
		}
		mk_free(&k);
	}
}

/* ---- limits ---- */

static void expect_error(struct mk *k, const char *part)
{
	struct ebpf_opts opts = { 0 };
	struct err *e = ebpf_compile(&k->m, k->m.image, &opts);
	STRBUF_AUTO b = { 0 };

	if (CHECK(e != NULL)) {
		err_format(e, &b);
		CHECK_HAS(strbuf_cstr(&b), part);
	}
	err_free(e);
}

TEST(stack_of_a_chain)
{
	struct mk k;
	struct ir_func *f, *cb;
	uint32_t fn, s, n, zero;

	mk_init(&k);
	f = mk_func(&k, IR_FUNC_PROGRAM, "prog", 0);
	cb = mk_func(&k, IR_FUNC_LOOP, "round", 2);
	for (unsigned i = 0; i < 2; i++) {
		struct ir_func *g = i ? cb : f;

		s = mk_vreg(g);
		MK(g, .op = IR_SLOT, .dst = s, .imm = mk_slot(g, 264, 8));
		MK(g, .op = IR_ZERO, .a = s, .imm = 264);
	}
	MK(cb, .op = IR_RET);
	fn = mk_vreg(f);
	n = mk_vreg(f);
	zero = mk_vreg(f);
	MK(f, .op = IR_IMM, .dst = n, .imm = 4);
	MK(f, .op = IR_IMM, .dst = zero, .imm = 0);
	MK(f, .op = IR_FUNC, .dst = fn, .imm = 1);
	MK(f, .op = IR_CALL, .imm = BPF_FUNC_loop, .n_args = 4, .src = { n, fn, zero, zero });
	MK(f, .op = IR_RET);
	expect_error(&k,
		     "the program needs 576 bytes of stack, eBPF has 512 (prog 264 + round 264)");
	mk_free(&k);
}

TEST(stack_of_a_frame)
{
	struct mk k;
	struct ir_func *f;
	uint32_t s;

	mk_init(&k);
	f = mk_func(&k, IR_FUNC_PROGRAM, "prog", 0);
	s = mk_vreg(f);
	MK(f, .op = IR_SLOT, .dst = s, .imm = mk_slot(f, 520, 8));
	MK(f, .op = IR_ZERO, .a = s, .imm = 520);
	MK(f, .op = IR_RET);
	expect_error(&k, "'prog' needs 520 bytes of stack");
	mk_free(&k);
}

TEST(recursion)
{
	struct mk k;
	struct ir_func *f, *a;

	mk_init(&k);
	f = mk_func(&k, IR_FUNC_PROGRAM, "prog", 0);
	a = mk_func(&k, IR_FUNC_SUBPROG, "again", 0);
	MK(a, .op = IR_CALL_FN, .imm = 1);
	MK(a, .op = IR_RET);
	MK(f, .op = IR_CALL_FN, .imm = 1);
	MK(f, .op = IR_RET);
	expect_error(&k, "'again' calls itself");
	mk_free(&k);
}

TEST(unroll_limit)
{
	struct mk k;
	struct ir_func *f;
	uint32_t v;

	mk_init(&k);
	f = mk_func(&k, IR_FUNC_PROGRAM, "prog", 0);
	v = mk_vreg(f);
	MK(f, .op = IR_MAP_VALUE, .dst = v, .imm = 1);
	MK(f, .op = IR_ZERO, .a = v, .off = 1, .imm = 9000);
	MK(f, .op = IR_RET);
	expect_error(&k, "clearing of 9000 bytes takes more than 1024 instructions");
	mk_free(&k);
}

/* `if (ctx[0] == i) goto end` count times */
static struct ir_func *make_branches(struct mk *k, unsigned count)
{
	struct ir_func *f = mk_func(k, IR_FUNC_PROGRAM, "prog", 0);
	uint32_t ctx = mk_vreg(f), x = mk_vreg(f), end = mk_label(f);

	MK(f, .op = IR_CTX, .dst = ctx);
	MK(f, .op = IR_LOAD, .size = 8, .dst = x, .a = ctx);
	for (unsigned i = 0; i < count; i++)
		MK(f, .op = IR_BR, .cc = CC_EQ, .a = x, .flags = IRF_IMM, .imm = i, .target = end);
	MK(f, .op = IR_STORE, .size = 8, .a = ctx, .off = 8,
	   .b = x); /* so that the last jump is one */
	MK(f, .op = IR_LABEL, .target = end);
	MK(f, .op = IR_RET);
	return f;
}

TEST(branch_limit)
{
	struct mk k;
	struct ebpf_opts opts = { 0 };

	mk_init(&k);
	make_branches(&k, 8192);
	check_err(ebpf_compile(&k.m, k.m.image, &opts), "8192 branches");
	mk_free(&k);
	mk_init(&k);
	make_branches(&k, 8193);
	expect_error(&k, "a path through the program takes 8193 branches");
	mk_free(&k);
}

/* jumps over 40,000 instructions, forwards and, around it all, backwards */
TEST(far_jumps)
{
	struct mk k;
	struct loaded l;
	struct ir_func *f;
	uint64_t ctx[2] = { 1, 0 };
	uint32_t ret = 9, count, top, ctxv, x;

	mk_init(&k);
	f = mk_func(&k, IR_FUNC_PROGRAM, "prog", 0);
	ctxv = mk_vreg(f);
	x = mk_vreg(f);
	count = mk_vreg(f);
	top = mk_label(f);
	uint32_t end = mk_label(f);
	MK(f, .op = IR_CTX, .dst = ctxv);
	MK(f, .op = IR_IMM, .dst = count, .imm = 3);
	MK(f, .op = IR_LABEL, .target = top);
	MK(f, .op = IR_LOAD, .size = 8, .dst = x, .a = ctxv);
	MK(f, .op = IR_BR, .cc = CC_EQ, .a = x, .flags = IRF_IMM, .imm = 7, .target = end);
	for (unsigned j = 0; j < 40000; j++)
		MK(f, .op = IR_STORE, .size = 8, .a = ctxv, .off = 8, .b = count);
	MK(f, .op = IR_SUB, .dst = count, .a = count, .flags = IRF_IMM, .imm = 1);
	MK(f, .op = IR_BR, .cc = CC_NE, .a = count, .flags = IRF_IMM, .imm = 0, .target = top);
	MK(f, .op = IR_LABEL, .target = end);
	MK(f, .op = IR_RET, .a = count);
	if (compile(&k, (struct ebpf_opts){ 0 }) && kernel_is_usable() && load(&k, &l)) {
		CHECK_INT(kernel_run(l.prog, ctx, sizeof(ctx), &ret), 0);
		CHECK_INT(ret, 0);
		CHECK_INT(ctx[1], 1);
		ctx[0] = 7;
		CHECK_INT(kernel_run(l.prog, ctx, sizeof(ctx), &ret), 0);
		CHECK_INT(ret, 3);
		unload(&l);
	}
	mk_free(&k);
}

/* ---- what the code looks like ---- */

TEST(addresses_are_made_where_they_are_used)
{
	struct mk k;
	struct ir_func *f;
	uint32_t s, ctx, v;
	STRBUF_AUTO b = { 0 };

	mk_init(&k);
	f = mk_func(&k, IR_FUNC_PROGRAM, "prog", 0);
	ctx = mk_vreg(f);
	s = mk_vreg(f);
	v = mk_vreg(f);
	MK(f, .op = IR_CTX, .dst = ctx);
	MK(f, .op = IR_SLOT, .dst = s, .imm = mk_slot(f, 12, 4));
	MK(f, .op = IR_LOAD, .size = 8, .dst = v, .a = ctx, .off = 104);
	MK(f, .op = IR_STORE, .size = 8, .a = s, .b = v);
	MK(f, .op = IR_STORE, .size = 4, .a = s, .off = 8, .flags = IRF_IMM, .imm = 1);
	MK(f, .op = IR_LOAD, .size = 4, .dst = v, .a = s, .off = 8, .flags = IRF_SIGNED);
	MK(f, .op = IR_RET, .a = v);
	if (compile(&k, (struct ebpf_opts){ 0 })) {
		image_disasm_prog(k.m.image, k.m.image->progs[0], NULL, &b);
		CHECK_STR(strbuf_cstr(&b), "   0: r5 = r1\n"
					   "   1: r5 = *(u64 *)(r5 +104)\n"
					   "   2: *(u64 *)(r10 -16) = r5\n"
					   "   3: *(u32 *)(r10 -8) = 1\n"
					   "   4: r5 = *(u32 *)(r10 -8)\n"
					   "   5: r5 <<= 32\n"
					   "   6: r5 s>>= 32\n"
					   "   7: r0 = r5\n"
					   "   8: exit\n");
	}
	mk_free(&k);
}

/* ---- large scripts ---- */

/* count times `@[i] = x`: key and value on the stack, update, a counter when it fails */
static struct ir_func *make_assignments(struct mk *k, unsigned count)
{
	uint32_t map = add_hash(k);
	struct ir_func *f = mk_func(k, IR_FUNC_PROGRAM, "prog", 0);
	uint32_t ctx = mk_vreg(f);

	MK(f, .op = IR_CTX, .dst = ctx);
	for (unsigned i = 0; i < count; i++) {
		uint32_t key = mk_vreg(f), value = mk_vreg(f), m = mk_vreg(f), flags = mk_vreg(f),
			 r = mk_vreg(f);
		uint32_t x = mk_vreg(f), ok = mk_label(f), cell = mk_vreg(f), one = mk_vreg(f);

		MK(f, .op = IR_SLOT, .dst = key, .imm = mk_slot(f, 8, 8));
		MK(f, .op = IR_SLOT, .dst = value, .imm = mk_slot(f, 8, 8));
		MK(f, .op = IR_STORE, .size = 8, .a = key, .flags = IRF_IMM, .imm = i);
		MK(f, .op = IR_LOAD, .size = 8, .dst = x, .a = ctx, .off = 8);
		MK(f, .op = IR_STORE, .size = 8, .a = value, .b = x);
		MK(f, .op = IR_MAP, .dst = m, .imm = map);
		MK(f, .op = IR_IMM, .dst = flags, .imm = 0);
		MK(f, .op = IR_CALL, .dst = r, .imm = BPF_FUNC_map_update_elem, .n_args = 4,
		   .src = { m, key, value, flags });
		MK(f, .op = IR_BR, .cc = CC_EQ, .a = r, .flags = IRF_IMM, .imm = 0, .target = ok);
		MK(f, .op = IR_MAP_VALUE, .dst = cell, .imm = 2, .off = 0);
		MK(f, .op = IR_IMM, .dst = one, .imm = 1);
		MK(f, .op = IR_ATOMIC, .cc = ATOMIC_ADD, .size = 8, .a = cell, .b = one);
		MK(f, .op = IR_LABEL, .target = ok);
	}
	MK(f, .op = IR_RET);
	return f;
}

/* of this process alone: the machine may be busy */
static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double time_assignments(unsigned count, uint32_t *stack, bool in_kernel)
{
	struct mk k;
	struct loaded l;
	double t, best = 1e9;

	for (unsigned i = 0; i < 3; i++) {
		mk_init(&k);
		make_assignments(&k, count);
		t = now_ms();
		ir_optimize(&k.m);
		compile(&k, (struct ebpf_opts){ 0 });
		t = now_ms() - t;
		best = t < best ? t : best;
		*stack = k.m.image->progs[0]->stack_bytes;
		if (in_kernel && i == 0 && load(&k, &l))
			unload(&l);
		mk_free(&k);
	}
	return best;
}

TEST(thousand_assignments)
{
	uint32_t stack = 0;
	double small = time_assignments(1000, &stack, kernel_is_usable()), large;

	printf("# 1,000 assignments: %.2f ms\n", small);
	CHECK_INT(stack, 32); /* all keys share their stack, all values */
	CHECK(small < 60);    /* under sanitizers too; 15 is the aim of a plain build */
	large = time_assignments(4000, &stack, false);
	printf("# 4,000 assignments: %.2f ms\n", large);
	CHECK(large < 8 * small + 5); /* linear, with room for noise */
}
