/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random IR programs: the result of an evaluator of the IR, and of both allocators with and without peephole, in the
 * interpreter, compiled to x86-64 and in the kernel, must be one and the same. SONDE_RANDOM_COUNT sets how many, SONDE_RANDOM_SEED the first;
 * SONDE_RANDOM_SECONDS goes on for so long instead (`make soak`), with
 * one program of KERNEL_EVERY in the kernel, whose loading takes nearly all of the time otherwise. A failing seed alone:
 * SONDE_RANDOM_COUNT=1 SONDE_RANDOM_SEED=N.
 */
#include "tap.h"
#include "err_help.h"
#include "ebpf_help.h"
#include "ebpf_gen.h"
#include "jit_help.h"

#include "ebpf/insn.h"
#include "image/disasm.h"

#include <limits.h>
#include <time.h>

enum { KERNEL_EVERY = 16 };

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

struct tally {
	unsigned n_kernel; /* runs there */
	unsigned n_too_large; /* the verifier follows a million instructions of all ways through a program, and no more */
};

static bool run_kernel(const struct image_prog *p, const struct result *in,
		       const struct result *want, struct tally *tally)
{
	struct result got = *in;
	uint32_t ret = 0;
	int fd = kernel_load(p, p->insns, -1);

	if (fd < 0 && errno == E2BIG) {
		tally->n_too_large++;
		return true;
	}
	if (fd < 0) {
		printf("# load: errno %d\n", errno);
		kernel_print_log();
		return CHECK(!"the verifier takes it");
	}
	if (!CHECK_INT(kernel_run(fd, got.words, sizeof(got.words), &ret), 0)) {
		close(fd);
		return false;
	}
	close(fd);
	got.ret = ret;
	tally->n_kernel++;
	return same(&got, want, UINT32_MAX, "kernel");
}

static bool try_variant(struct mk *k, struct ebpf_opts opts, const struct result *in,
			const struct result *want, bool in_kernel, struct tally *tally)
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
	if (!in_kernel || p->stack_bytes > EBPF_STACK_LIMIT || !kernel_is_usable())
		return true;
	return run_kernel(p, in, want, tally);
}

static bool try_all(struct mk *k, const struct result *in, const struct result *want,
		    bool in_kernel, struct tally *tally)
{
	for (unsigned v = 0; v < 5; v++) {
		struct ebpf_opts opts = { .allocator = v & 1 ? EBPF_ALLOC_SLOTS : EBPF_ALLOC_LINEAR,
					  .no_peephole = v == 2 || v == 3,
					  .jump_reach = v == 4 ? 12 : 0 };

		if (!try_variant(k, opts, in, want, in_kernel, tally))
			return false;
	}
	return true;
}

/* one program, both as it was made and optimised */
static bool try_seed(unsigned long seed, bool in_kernel, struct tally *tally)
{
	struct result in = { 0 }, want;
	struct mk k;
	bool ok;
	uint64_t param[1];

	rng_state = seed * 0x9e3779b97f4a7c15ull;
	gen_no_fetch = seed % 2 == 0;
	mk_init(&k);
	gen_program(&k);
	for (unsigned i = 0; i < N_WORDS; i++)
		in.words[i] = (uint64_t)interesting();
	want = in;
	param[0] = (uint64_t)(uintptr_t)want.words;
	ok = check_err(ir_check(&k.m), "ir_check");
	if (ok) {
		want.ret = eval_func(&k.m, k.m.funcs[0], param);
		ok = try_all(&k, &in, &want, in_kernel, tally);
	}
	if (ok) {
		ir_optimize(&k.m);
		ok = check_err(ir_check(&k.m), "ir_check of the optimised") &&
		     try_all(&k, &in, &want, in_kernel, tally);
	}
	if (!ok) {
		printf("# seed %lu\n", seed);
		show(&k);
	}
	mk_free(&k);
	return ok;
}

static unsigned long setting(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 0) : otherwise;
}

TEST(random_programs_agree)
{
	unsigned long seconds = setting("SONDE_RANDOM_SECONDS", 0), done = 0,
		      n = setting("SONDE_RANDOM_COUNT", seconds ? ULONG_MAX : 150),
		      first = setting("SONDE_RANDOM_SEED", 1);
	time_t begun = time(NULL);
	struct tally tally = { 0 };

	while (done < n && (!seconds || (unsigned long)(time(NULL) - begun) < seconds)) {
		if (!try_seed(first + done, !seconds || (first + done) % KERNEL_EVERY == 0, &tally))
			return;
		/* hours of it are watched */
		if (++done % 10000 == 0) {
			printf("# %lu programs, %u runs in the kernel\n", done, tally.n_kernel);
			fflush(stdout);
		}
	}
	printf("# %lu programs from seed %lu in %lu s, %u runs in the kernel (%u too large for it)\n",
	       done, first, (unsigned long)(time(NULL) - begun), tally.n_kernel, tally.n_too_large);
	CHECK(done > 0 && (tally.n_kernel > 0 || !kernel_is_usable()));
}
