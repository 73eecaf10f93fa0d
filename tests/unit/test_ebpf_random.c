/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random IR programs: the result of an evaluator of the IR, and of both allocators with and without peephole, in the
 * interpreter and in the kernel, must be one and the same. SONDE_RANDOM_COUNT sets how many, SONDE_RANDOM_SEED the first.
 */
#include "tap.h"
#include "ebpf_help.h"

#include "ebpf/insn.h"
#include "image/disasm.h"

enum { N_WORDS = 16 }; /* of the context: all are inputs, all are outputs */

static uint64_t rng_state;

static uint64_t rng(void)
{
	/* xorshift64*, Vigna 2014 */
	rng_state ^= rng_state >> 12;
	rng_state ^= rng_state << 25;
	rng_state ^= rng_state >> 27;
	return rng_state * 2685821657736338717ull;
}

static uint32_t pick(uint32_t n)
{
	return (uint32_t)(rng() >> 33) % n;
}

static int64_t interesting(void)
{
	static const int64_t values[] = { 0, 1, -1, 2, 7, 8, 63, 64, 255, 256, 0x7fffffff, -0x80000000ll, 0x80000000ll,
					  0xffffffffll, INT64_MAX, INT64_MIN };

	return pick(3) ? values[pick(sizeof(values) / sizeof(values[0]))] : (int64_t)rng();
}

/* ---- generator ---- */

struct gen {
	struct mk *k;
	struct ir_func *f;
	uint32_t var[32], n_var;   /* scalars, all written at the start */
	uint32_t slot[3];          /* 32 bytes each, cleared at the start */
	uint32_t n_subs;           /* functions 1 .. n_subs may be called */
	unsigned depth;
};

static uint32_t any(struct gen *g)
{
	return g->var[pick(g->n_var)];
}

static void gen_block(struct gen *g, unsigned n);

static void gen_arith(struct gen *g)
{
	uint8_t op = (uint8_t)(IR_ADD + pick(IR_SAR - IR_ADD + 1));

	if (pick(3) == 0)
		MK(g->f, .op = op, .dst = any(g), .a = any(g), .flags = IRF_IMM, .imm = (int32_t)interesting());
	else
		MK(g->f, .op = op, .dst = any(g), .a = any(g), .b = any(g));
}

static void gen_unary(struct gen *g)
{
	static const uint8_t ops[] = { IR_NEG, IR_BSWAP, IR_ZEXT, IR_SEXT, IR_MOV, IR_BOUND };
	uint8_t op = ops[pick(sizeof(ops))];
	uint8_t size = (uint8_t)(op == IR_BSWAP ? 2u << pick(3) : 1u << pick(4));

	MK(g->f, .op = op, .size = size, .dst = any(g), .a = any(g), .imm = op == IR_BOUND ? interesting() & INT64_MAX : 0);
}

static uint32_t gen_slot(struct gen *g)
{
	uint32_t v = mk_vreg(g->f);

	MK(g->f, .op = IR_SLOT, .dst = v, .imm = g->slot[pick(3)]);
	return v;
}

static void gen_memory(struct gen *g)
{
	uint32_t p = gen_slot(g), q, size = 1u << pick(4), n;
	int32_t off = (int32_t)(pick(32 / size) * size);

	switch (pick(6)) {
	case 0:
		MK(g->f, .op = IR_LOAD, .size = (uint8_t)size, .dst = any(g), .a = p, .off = off,
		   .flags = pick(2) ? IRF_SIGNED : 0);
		break;
	case 1:
		MK(g->f, .op = IR_STORE, .size = (uint8_t)size, .a = p, .off = off, .b = any(g));
		break;
	case 2:
		MK(g->f, .op = IR_STORE, .size = (uint8_t)size, .a = p, .off = off, .flags = IRF_IMM, .imm = (int32_t)rng());
		break;
	case 3:
		off = (int32_t)pick(32);
		MK(g->f, .op = IR_ZERO, .a = p, .off = off, .imm = 1 + pick(32 - (uint32_t)off));
		break;
	case 4:
		/* two halves of one slot, so that nothing overlaps whichever slots they are; through a moved base at times */
		q = gen_slot(g);
		n = 1 + pick(12);
		off = (int32_t)pick(16 - n + 1);
		if (pick(2)) {
			uint32_t moved = mk_vreg(g->f);

			MK(g->f, .op = IR_ADD, .dst = moved, .a = q, .flags = IRF_IMM, .imm = 16);
			MK(g->f, .op = IR_COPY, .a = p, .off = off, .b = moved, .off2 = (int32_t)pick(16 - n + 1), .imm = n);
		} else {
			MK(g->f, .op = IR_COPY, .a = p, .off = off, .b = q, .off2 = 16 + (int32_t)pick(16 - n + 1), .imm = n);
		}
		break;
	default:
		size = 4u << pick(2);
		off = (int32_t)(pick(32 / size) * size);
		MK(g->f, .op = IR_ATOMIC, .size = (uint8_t)size, .cc = (uint8_t)pick(6), .dst = pick(3) ? any(g) : 0, .a = p,
		   .off = off, .b = any(g), .c = any(g));
	}
}

/* if (a cc b) { ... } else { ... } */
static void gen_if(struct gen *g)
{
	uint32_t other = mk_label(g->f), end = mk_label(g->f);

	if (pick(2))
		MK(g->f, .op = IR_BR, .cc = (uint8_t)pick(CC_TEST + 1), .a = any(g), .b = any(g), .target = other);
	else
		MK(g->f, .op = IR_BR, .cc = (uint8_t)pick(CC_TEST + 1), .a = any(g), .flags = IRF_IMM,
		   .imm = (int32_t)interesting(), .target = other);
	gen_block(g, 1 + pick(4));
	MK(g->f, .op = IR_JMP, .target = end);
	MK(g->f, .op = IR_LABEL, .target = other);
	if (pick(2))
		gen_block(g, 1 + pick(4));
	MK(g->f, .op = IR_LABEL, .target = end);
}

/* a loop that turns 1 to 3 times */
static void gen_loop(struct gen *g)
{
	uint32_t count = mk_vreg(g->f), top = mk_label(g->f);

	MK(g->f, .op = IR_IMM, .dst = count, .imm = 1 + pick(3));
	MK(g->f, .op = IR_LABEL, .target = top);
	gen_block(g, 1 + pick(4));
	MK(g->f, .op = IR_SUB, .dst = count, .a = count, .flags = IRF_IMM, .imm = 1);
	MK(g->f, .op = IR_BR, .cc = CC_NE, .a = count, .flags = IRF_IMM, .imm = 0, .target = top);
}

static void gen_call(struct gen *g)
{
	uint32_t f;

	if (!g->n_subs || pick(3) == 0) {
		/* what it gives differs from run to run: only what it clobbers is of interest */
		MK(g->f, .op = IR_CALL, .imm = BPF_FUNC_ktime_get_ns);
		return;
	}
	f = 1 + pick(g->n_subs);
	struct ir_insn *in = MK(g->f, .op = IR_CALL_FN, .dst = pick(4) ? any(g) : 0, .imm = f,
				.n_args = (uint8_t)g->k->m.funcs[f]->n_params);
	for (unsigned a = 0; a < in->n_args; a++)
		in->src[a] = any(g);
}

static void gen_one(struct gen *g)
{
	uint32_t v;

	switch (pick(16)) {
	case 0: case 1: case 2:
		gen_memory(g);
		break;
	case 3:
		MK(g->f, .op = IR_SET, .cc = (uint8_t)pick(CC_TEST + 1), .dst = any(g), .a = any(g), .b = any(g));
		break;
	case 4: case 5:
		gen_unary(g);
		break;
	case 6:
		MK(g->f, .op = IR_IMM, .dst = any(g), .imm = interesting());
		break;
	case 7:
		/* a constant of its own, for what is made at its use */
		v = mk_vreg(g->f);
		MK(g->f, .op = IR_IMM, .dst = v, .imm = interesting());
		MK(g->f, .op = (uint8_t)(IR_ADD + pick(IR_SAR - IR_ADD + 1)), .dst = any(g), .a = any(g), .b = v);
		break;
	case 8: case 9:
		gen_call(g);
		break;
	case 10: case 11:
		if (g->depth < 3) {
			g->depth++;
			gen_if(g);
			g->depth--;
			break;
		}
		/* fall through */
	case 12:
		if (g->depth < 1) {
			g->depth += 2;
			gen_loop(g);
			g->depth -= 2;
			break;
		}
		/* fall through */
	default:
		gen_arith(g);
	}
}

static void gen_block(struct gen *g, unsigned n)
{
	while (n--)
		gen_one(g);
}

static void gen_slots(struct gen *g)
{
	for (unsigned s = 0; s < 3; s++) {
		uint32_t v = mk_vreg(g->f);

		g->slot[s] = mk_slot(g->f, 32, 8);
		MK(g->f, .op = IR_SLOT, .dst = v, .imm = g->slot[s]);
		MK(g->f, .op = IR_ZERO, .a = v, .imm = 32);
	}
}

static void gen_subprog(struct mk *k, unsigned number)
{
	static const char *const names[] = { "sub_a", "sub_b" };
	struct gen g = { .k = k };

	g.f = mk_func(k, IR_FUNC_SUBPROG, names[number], 1 + pick(5));
	g.n_var = g.f->n_params + 3;
	gen_slots(&g);
	for (uint32_t i = 0; i < g.n_var; i++) {
		g.var[i] = mk_vreg(g.f);
		if (i < g.f->n_params)
			MK(g.f, .op = IR_PARAM, .dst = g.var[i], .imm = i);
		else
			MK(g.f, .op = IR_IMM, .dst = g.var[i], .imm = interesting());
	}
	gen_block(&g, 3 + pick(6));
	MK(g.f, .op = IR_RET, .a = any(&g));
}

static void gen_program(struct mk *k)
{
	struct gen g = { .k = k, .n_var = 4 + pick(13) };
	uint32_t ctx;

	g.f = mk_func(k, IR_FUNC_PROGRAM, "prog", 0);
	g.n_subs = pick(3);
	for (unsigned s = 0; s < g.n_subs; s++)
		gen_subprog(k, s);
	ctx = mk_vreg(g.f);
	MK(g.f, .op = IR_CTX, .dst = ctx);
	gen_slots(&g);
	for (uint32_t i = 0; i < g.n_var; i++) {
		g.var[i] = mk_vreg(g.f);
		MK(g.f, .op = IR_LOAD, .size = 8, .dst = g.var[i], .a = ctx, .off = (int32_t)(8 * (i % N_WORDS)));
	}
	gen_block(&g, 5 + pick(20));
	for (uint32_t i = 0; i < g.n_var && i < N_WORDS - 4; i++)
		MK(g.f, .op = IR_STORE, .size = 8, .a = ctx, .off = (int32_t)(8 * i), .b = g.var[i]);
	for (uint32_t i = 0; i < 4; i++) {
		uint32_t p = mk_vreg(g.f), v = mk_vreg(g.f);

		MK(g.f, .op = IR_SLOT, .dst = p, .imm = g.slot[i % 3]);
		MK(g.f, .op = IR_LOAD, .size = 8, .dst = v, .a = p, .off = (int32_t)(8 * i));
		MK(g.f, .op = IR_STORE, .size = 8, .a = ctx, .off = (int32_t)(8 * (N_WORDS - 4 + i)), .b = v);
	}
	MK(g.f, .op = IR_RET, .a = any(&g));
}

/* ---- comparison ---- */

struct result {
	uint64_t words[N_WORDS];
	uint64_t ret;
};

static struct err *no_helper(struct ebpf_interp *it, const uint64_t arg[5], uint64_t *ret)
{
	*ret = 0;
	return NULL;
}

static void show(struct mk *k)
{
	STRBUF_AUTO b = { 0 };

	ir_print(&k->m, &b);
	tap_print_text("ir", b.p, b.n);
	if (k->m.n_progs && k->m.progs[0].image->n_insns) {
		strbuf_clear(&b);
		image_disasm_prog(k->m.image, k->m.progs[0].image, NULL, &b);
		tap_print_text("code", b.p, b.n);
	}
}

static bool check_err(struct err *e, const char *what)
{
	STRBUF_AUTO b = { 0 };

	if (!e)
		return true;
	err_format(e, &b);
	printf("# %s: %s\n", what, strbuf_cstr(&b));
	err_free(e);
	return CHECK(!"no error");
}

static bool same(const struct result *got, const struct result *want, uint64_t mask, const char *where)
{
	bool ok = (got->ret & mask) == (want->ret & mask) && !memcmp(got->words, want->words, sizeof(got->words));

	if (ok)
		return true;
	for (unsigned i = 0; i < N_WORDS; i++)
		if (got->words[i] != want->words[i])
			printf("# %s: word %u is 0x%llx, want 0x%llx\n", where, i, (unsigned long long)got->words[i],
			       (unsigned long long)want->words[i]);
	printf("# %s: ret 0x%llx, want 0x%llx\n", where, (unsigned long long)got->ret, (unsigned long long)want->ret);
	return CHECK(!"same result");
}

static bool run_interp(const struct image_prog *p, const struct result *in, struct result *out)
{
	static ebpf_helper_fn *const helpers[] = { [BPF_FUNC_ktime_get_ns] = no_helper };
	struct ebpf_region ctx = { out->words, sizeof(out->words), true };
	struct ebpf_interp it = { .insns = p->insns, .n_insns = p->n_insns, .regions = &ctx, .n_regions = 1,
				  .helpers = helpers, .n_helpers = sizeof(helpers) / sizeof(helpers[0]),
				  .stack_bytes = 8192 };

	*out = *in;
	return check_err(ebpf_interp_run(&it, (uint64_t)(uintptr_t)out->words, &out->ret), "interpreter");
}

static bool run_kernel(const struct image_prog *p, const struct result *in, struct result *out)
{
	uint32_t ret = 0;
	int fd = kernel_load(p, p->insns, -1);

	*out = *in;
	if (fd < 0) {
		printf("# load: errno %d\n", errno);
		kernel_print_log();
		return CHECK(!"the verifier takes it");
	}
	if (!CHECK_INT(kernel_run(fd, out->words, sizeof(out->words), &ret), 0)) {
		close(fd);
		return false;
	}
	close(fd);
	out->ret = ret;
	return true;
}

static bool try_variant(struct mk *k, struct ebpf_opts opts, const struct result *in, const struct result *want,
			bool *ran_kernel)
{
	struct image_prog *p = k->m.progs[0].image;
	struct result got;
	char where[64];

	snprintf(where, sizeof(where), "%s%s", opts.allocator == EBPF_ALLOC_SLOTS ? "slots" : "linear",
		 opts.no_peephole ? " without peephole" : "");
	opts.stack_limit = 8192;
	if (!check_err(ebpf_compile(&k->m, k->m.image, &opts), where))
		return false;
	if (!run_interp(p, in, &got) || !same(&got, want, UINT64_MAX, where))
		return false;
	if (p->stack_bytes > EBPF_STACK_LIMIT || !kernel_is_usable())
		return true;
	*ran_kernel = true;
	return run_kernel(p, in, &got) && same(&got, want, UINT32_MAX, where);
}

static bool try_all(struct mk *k, const struct result *in, const struct result *want, unsigned *n_kernel)
{
	bool ran = false;

	for (unsigned v = 0; v < 4; v++) {
		struct ebpf_opts opts = { .allocator = v & 1 ? EBPF_ALLOC_SLOTS : EBPF_ALLOC_LINEAR, .no_peephole = v >> 1 };

		if (!try_variant(k, opts, in, want, &ran))
			return false;
		*n_kernel += ran;
		ran = false;
	}
	return true;
}

TEST(random_programs_agree)
{
	const char *count = getenv("SONDE_RANDOM_COUNT"), *seed = getenv("SONDE_RANDOM_SEED");
	unsigned long n = count ? strtoul(count, NULL, 0) : 150, first = seed ? strtoul(seed, NULL, 0) : 1;
	unsigned n_kernel = 0;

	for (unsigned long s = first; s < first + n; s++) {
		struct result in = { 0 }, want;
		struct mk k;
		bool ok;
		uint64_t param[1];

		rng_state = s * 0x9e3779b97f4a7c15ull;
		mk_init(&k);
		gen_program(&k);
		for (unsigned i = 0; i < N_WORDS; i++)
			in.words[i] = (uint64_t)interesting();
		want = in;
		param[0] = (uint64_t)(uintptr_t)want.words;
		ok = check_err(ir_check(&k.m), "ir_check");
		if (ok) {
			want.ret = eval_func(&k.m, k.m.funcs[0], param);
			ok = try_all(&k, &in, &want, &n_kernel);
		}
		if (ok) {
			ir_optimize(&k.m);
			ok = check_err(ir_check(&k.m), "ir_check of the optimised") && try_all(&k, &in, &want, &n_kernel);
		}
		if (!ok) {
			printf("# seed %lu\n", s);
			show(&k);
			mk_free(&k);
			return;
		}
		mk_free(&k);
	}
	printf("# %lu programs, %u runs in the kernel\n", n, n_kernel);
	CHECK(n_kernel > 0 || !kernel_is_usable());
}
