/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs tests/ebpf-data/: assembles each case, disassembles it and assembles that again, interprets it, compiles it to
 * x86-64 and runs that, and as root runs it in the kernel; all must give what the file says. The format is in tests/ebpf-data/README.md.
 */
#include "tap.h"
#include "err_help.h"
#include "ebpf_help.h"
#include "jit_help.h"

#include "base/cleanup.h"
#include "ebpf/asm.h"
#include "image/disasm.h"

enum { MAX_WORDS = 16 };

struct data_case {
	struct str name, code;
	uint64_t ctx[MAX_WORDS], out[MAX_WORDS];
	uint32_t n_ctx, n_out;
	uint64_t result;
	bool has_result, no_kernel;
};

static struct str read_all(struct arena *a, const char *path)
{
	FILE_AUTO f = fopen(path, "r");
	STRBUF_AUTO b = { 0 };
	char part[4096];
	size_t n;

	if (!f)
		return STR_NULL;
	while ((n = fread(part, 1, sizeof(part), f)) > 0)
		strbuf_add(&b, part, n);
	return arena_str(a, strbuf_str(&b));
}

static uint32_t read_words(struct str line, uint64_t words[MAX_WORDS])
{
	uint32_t n = 0;

	while (line.n && n < MAX_WORDS) {
		struct str w = str_split(&line, ' ');

		if (w.n && CHECK(str_to_u64(w, &words[n])))
			n++;
	}
	return n;
}

/* the next case of *text; false at the end */
static bool next_case(struct str *text, struct data_case *c)
{
	memset(c, 0, sizeof(*c));
	while (text->n) {
		struct str rest = *text, line = str_split(&rest, '\n'),
			   word = str_split(&line, ' ');

		if (str_is(word, "TEST") && c->name.n)
			return true;
		*text = rest;
		if (str_is(word, "TEST")) {
			c->name = line;
		} else if (str_is(word, "CTX")) {
			c->n_ctx = read_words(line, c->ctx);
		} else if (str_is(word, "OUT")) {
			c->n_out = read_words(line, c->out);
		} else if (str_is(word, "RESULT")) {
			c->has_result = str_to_u64(line, &c->result);
		} else if (str_is(word, "KERNEL")) {
			c->no_kernel = str_is(line, "no");
		} else if (str_is(word, "CODE")) {
			ptrdiff_t end = str_find(*text, STR("\nEND\n"));

			if (!CHECK(end >= 0))
				return false;
			c->code = str_sub(*text, 0, (size_t)end + 1);
			*text = str_sub(*text, (size_t)end + 5, text->n);
		} else if (!str_starts(word, STR("#")) && !CHECK(!word.n)) {
			printf("# unknown word %.*s\n", STR_ARG(word));
		}
	}
	return c->name.n > 0;
}

static void check_words(const struct data_case *c, const uint64_t *got)
{
	for (uint32_t i = 0; i < c->n_out; i++)
		CHECK_INT(got[i], c->out[i]);
}

/* text -> code -> text -> code: the disassembler prints all that there is, the assembler reads it */
static void check_round_trip(const struct bpf_insn *insns, uint32_t n, struct arena *a)
{
	STRBUF_AUTO b = { 0 };
	struct bpf_insn *again;
	uint32_t n_again = 0;

	for (uint32_t i = 0; i < n;) {
		i += image_disasm_insn(&insns[i], &b);
		strbuf_putc(&b, '\n');
	}
	if (!check_err(ebpf_assemble(strbuf_str(&b), a, &again, &n_again), "eBPF"))
		return;
	if (!CHECK(n == n_again) || !CHECK(!memcmp(insns, again, n * sizeof(*insns))))
		tap_print_text("disassembled", b.p, b.n);
}

static void run_interp(const struct data_case *c, const struct bpf_insn *insns, uint32_t n)
{
	uint64_t words[MAX_WORDS], ret = 0;
	struct ebpf_region region = { words, c->n_ctx * 8, true };
	struct ebpf_interp it = { .insns = insns, .n_insns = n, .regions = &region, .n_regions = 1 };

	memcpy(words, c->ctx, sizeof(words));
	if (!check_err(ebpf_interp_run(&it, (uint64_t)(uintptr_t)words, &ret), "eBPF"))
		return;
	CHECK_INT(ret, c->result);
	check_words(c, words);
}

static void run_jit(const struct data_case *c, const struct bpf_insn *insns, uint32_t n)
{
	uint64_t words[MAX_WORDS], ret = 0;

	memcpy(words, c->ctx, sizeof(words));
	if (!check_err(jit_help_run(insns, n, words, &ret), "eBPF"))
		return;
	CHECK_INT(ret, c->result);
	check_words(c, words);
}

static void run_kernel(const struct data_case *c, struct bpf_insn *insns, uint32_t n)
{
	struct image_prog p = { .prog_type = BPF_PROG_TYPE_SYSCALL,
				.flags = BPF_F_SLEEPABLE,
				.n_insns = n };
	uint64_t words[MAX_WORDS];
	uint32_t ret = 0;
	int fd = kernel_load(&p, insns, -1);

	if (!CHECK(fd >= 0)) {
		kernel_print_log();
		return;
	}
	memcpy(words, c->ctx, sizeof(words));
	if (CHECK_INT(kernel_run(fd, words, (c->n_ctx ? c->n_ctx : 1) * 8, &ret), 0)) {
		CHECK_INT(ret, (uint32_t)c->result);
		check_words(c, words);
	}
	close(fd);
}

static unsigned run_case(const struct data_case *c)
{
	struct arena a;
	struct bpf_insn *insns;
	uint32_t n = 0;
	unsigned failed = tap_failed_checks;

	arena_init(&a);
	CHECK(c->has_result);
	if (check_err(ebpf_assemble(c->code, &a, &insns, &n), "eBPF")) {
		check_round_trip(insns, n, &a);
		run_interp(c, insns, n);
		run_jit(c, insns, n);
		if (!c->no_kernel && kernel_is_usable())
			run_kernel(c, insns, n);
	}
	arena_free(&a);
	if (tap_failed_checks != failed)
		printf("# in case %.*s\n", STR_ARG(c->name));
	return 1;
}

static void run_file(const char *name)
{
	struct arena a;
	struct data_case c;
	struct str text;
	unsigned n = 0;
	char path[256];

	snprintf(path, sizeof(path), "%s/ebpf-data/%s", TESTS_DIR, name);
	arena_init(&a);
	text = read_all(&a, path);
	CHECK(text.n > 0);
	while (next_case(&text, &c))
		n += run_case(&c);
	printf("# %s: %u cases\n", name, n);
	CHECK(n > 0);
	arena_free(&a);
}

TEST(alu)
{
	run_file("alu.data");
}
TEST(jump)
{
	run_file("jump.data");
}
TEST(mem)
{
	run_file("mem.data");
}

static void expect_refusal(const char *text, const char *part)
{
	struct arena a;
	struct bpf_insn *insns;
	uint32_t n;
	struct err *e;
	STRBUF_AUTO b = { 0 };

	arena_init(&a);
	e = ebpf_assemble(str_from(text), &a, &insns, &n);
	if (CHECK(e != NULL)) {
		err_format(e, &b);
		CHECK_HAS(strbuf_cstr(&b), part);
		err_free(e);
	}
	arena_free(&a);
}

TEST(assembler_refuses)
{
	expect_refusal("r0 = 1\nr11 = 2\n", "line 2: not an instruction");
	expect_refusal("goto nowhere\n", "line 1: no such label");
	expect_refusal("a:\na:\n", "line 2: label stands twice");
	expect_refusal("r0 += w1\n", "line 1: not an instruction");
	expect_refusal("r0 = 1 2\n", "line 1: not an instruction");
}

static void expect_trap(const char *text, const char *part)
{
	struct arena a;
	struct bpf_insn *insns;
	struct ebpf_interp it = { .max_steps = 1000 };
	uint64_t ret;
	STRBUF_AUTO b = { 0 };

	arena_init(&a);
	if (check_err(ebpf_assemble(str_from(text), &a, &insns, &it.n_insns), "eBPF")) {
		struct err *e;

		it.insns = insns;
		e = ebpf_interp_run(&it, 0, &ret);
		if (CHECK(e != NULL)) {
			err_format(e, &b);
			CHECK_HAS(strbuf_cstr(&b), part);
			err_free(e);
		}
	}
	arena_free(&a);
}

TEST(interpreter_refuses)
{
	expect_trap("r0 = *(u64 *)(r1 +0)\nexit\n", "bad read of 8 bytes");
	expect_trap("*(u64 *)(r10 +0) = 1\nexit\n", "bad write of 8 bytes");
	expect_trap("*(u64 *)(r10 -12) = 1\nexit\n", "misaligned stack access");
	expect_trap("a: goto a\n", "too many steps");
	expect_trap("r0 = 1\n", "ran off the program");
	expect_trap("call bpf_ktime_get_ns\nexit\n", "no helper 5");
	expect_trap("f: call f\nexit\n", "too many frames");
}
