/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzer of the code generator: the bytes choose a well-formed IR program (tests/unit/ebpf_gen.h); an evaluator of the IR
 * and the interpreter over the code of both allocators, before and behind the optimiser, must agree.
 */
static inline void tap_print_text(const char *label, const char *text, unsigned long n) {}

#include "../unit/ebpf_gen.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct err *no_helper(struct ebpf_interp *it, const uint64_t arg[5], uint64_t *ret)
{
	*ret = 0;
	return NULL;
}

static void expect_same(struct mk *k, enum ebpf_allocator allocator, bool no_peephole,
			const uint64_t *in, const uint64_t *want, uint64_t want_ret)
{
	static ebpf_helper_fn *const helpers[] = { [BPF_FUNC_ktime_get_ns] = no_helper };
	struct ebpf_opts opts = { .allocator = allocator,
				  .no_peephole = no_peephole,
				  .stack_limit = 16384 };
	uint64_t words[N_WORDS], ret = 0;
	struct ebpf_region ctx = { words, sizeof(words), true };
	struct ebpf_interp it = { .regions = &ctx,
				  .n_regions = 1,
				  .helpers = helpers,
				  .n_helpers = sizeof(helpers) / sizeof(helpers[0]),
				  .stack_bytes = 16384 };

	memcpy(words, in, sizeof(words));
	if (ebpf_compile(&k->m, k->m.image, &opts))
		abort();
	it.insns = k->m.progs[0].image->insns;
	it.n_insns = k->m.progs[0].image->n_insns;
	if (ebpf_interp_run(&it, (uint64_t)(uintptr_t)words, &ret))
		abort();
	if (ret != want_ret || memcmp(words, want, sizeof(words)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t in[N_WORDS], want[N_WORDS], param[1], ret;
	struct mk k;

	rng_bytes = data;
	rng_left = size;
	mk_init(&k);
	for (unsigned i = 0; i < N_WORDS; i++)
		in[i] = (uint64_t)interesting();
	gen_program(&k);
	if (ir_check(&k.m))
		abort();
	memcpy(want, in, sizeof(want));
	param[0] = (uint64_t)(uintptr_t)want;
	ret = eval_func(&k.m, k.m.funcs[0], param);
	for (unsigned round = 0; round < 2; round++) {
		expect_same(&k, EBPF_ALLOC_SLOTS, true, in, want, ret);
		expect_same(&k, EBPF_ALLOC_LINEAR, true, in, want, ret);
		expect_same(&k, EBPF_ALLOC_LINEAR, false, in, want, ret);
		ir_optimize(&k.m);
		if (ir_check(&k.m))
			abort();
	}
	mk_free(&k);
	return 0;
}
