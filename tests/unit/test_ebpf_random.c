/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random IR programs: the result of an evaluator of the IR, and of both allocators with and without peephole, in the
 * interpreter, compiled to x86-64 and in the kernel, must be one and the same. SONDE_RANDOM_COUNT sets how many, SONDE_RANDOM_SEED the first.
 */
#include "tap.h"
#include "err_help.h"
#include "ebpf_help.h"
#include "ebpf_gen.h"
#include "jit_help.h"

#include "ebpf/insn.h"
#include "image/disasm.h"

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

static bool same(const struct result *got, const struct result *want, uint64_t mask,
		 const char *where)
{
	bool ok = (got->ret & mask) == (want->ret & mask) &&
		  !memcmp(got->words, want->words, sizeof(got->words));

	if (ok)
		return true;
	for (unsigned i = 0; i < N_WORDS; i++)
		if (got->words[i] != want->words[i])
			printf("# %s: word %u is 0x%llx, want 0x%llx\n", where, i,
			       (unsigned long long)got->words[i],
			       (unsigned long long)want->words[i]);
	printf("# %s: ret 0x%llx, want 0x%llx\n", where, (unsigned long long)got->ret,
	       (unsigned long long)want->ret);
	return CHECK(!"same result");
}

static bool run_interp(const struct image_prog *p, const struct result *in, struct result *out)
{
	static ebpf_helper_fn *const helpers[] = { [BPF_FUNC_ktime_get_ns] = no_helper };
	struct ebpf_region ctx = { out->words, sizeof(out->words), true };
	struct ebpf_interp it = { .insns = p->insns,
				  .n_insns = p->n_insns,
				  .regions = &ctx,
				  .n_regions = 1,
				  .helpers = helpers,
				  .n_helpers = sizeof(helpers) / sizeof(helpers[0]),
				  .stack_bytes = 8192 };

	*out = *in;
	return check_err(ebpf_interp_run(&it, (uint64_t)(uintptr_t)out->words, &out->ret),
			 "interpreter");
}

static bool run_jit(const struct image_prog *p, const struct result *in, struct result *out)
{
	*out = *in;
	return check_err(jit_help_run(p->insns, p->n_insns, out->words, &out->ret), "jit");
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

static bool try_variant(struct mk *k, struct ebpf_opts opts, const struct result *in,
			const struct result *want, bool *ran_kernel)
{
	struct image_prog *p = k->m.progs[0].image;
	struct result got;
	char where[64];

	snprintf(where, sizeof(where), "%s%s%s",
		 opts.allocator == EBPF_ALLOC_SLOTS ? "slots" : "linear",
		 opts.no_peephole ? " without peephole" : "",
		 opts.jump_reach ? " with islands" : "");
	opts.stack_limit = 8192;
	if (!check_err(ebpf_compile(&k->m, k->m.image, &opts), where))
		return false;
	if (!run_interp(p, in, &got) || !same(&got, want, UINT64_MAX, where))
		return false;
	if (!run_jit(p, in, &got) || !same(&got, want, UINT64_MAX, where))
		return false;
	if (p->stack_bytes > EBPF_STACK_LIMIT || !kernel_is_usable())
		return true;
	*ran_kernel = true;
	return run_kernel(p, in, &got) && same(&got, want, UINT32_MAX, where);
}

static bool try_all(struct mk *k, const struct result *in, const struct result *want,
		    unsigned *n_kernel)
{
	bool ran = false;

	for (unsigned v = 0; v < 5; v++) {
		struct ebpf_opts opts = { .allocator = v & 1 ? EBPF_ALLOC_SLOTS : EBPF_ALLOC_LINEAR,
					  .no_peephole = v == 2 || v == 3,
					  .jump_reach = v == 4 ? 12 : 0 };

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
	unsigned long n = count ? strtoul(count, NULL, 0) : 150,
		      first = seed ? strtoul(seed, NULL, 0) : 1;
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
			ok = check_err(ir_check(&k.m), "ir_check of the optimised") &&
			     try_all(&k, &in, &want, &n_kernel);
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
