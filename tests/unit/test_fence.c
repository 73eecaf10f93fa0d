/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Programs that nobody has verified, at a function of this very program: whatever they do, the function returns what it returns, no
 * byte changes that is not theirs, and what they were ended for is reported. First by hand, one for each way to do harm; then at random
 * (SONDE_RANDOM_COUNT programs from SONDE_RANDOM_SEED on, or for SONDE_RANDOM_SECONDS).
 */
#include "tap.h"
#include "err_help.h"
#include "trampoline_help.h"

#include "engine/user/code/fence.h"
#include "engine/user/code/jit.h"
#include "engine/user/rt/fence.h"

#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <time.h>
#include <ucontext.h>

enum { REPORT, WORDS, HASH, FIXED, EACH, N_MAPS };

static const struct rt_map_plan plans[N_MAPS] = {
	[REPORT] = { RT_ARRAY, 4, sizeof(struct rt_fence_report), 1, 1 },
	[WORDS] = { RT_ARRAY, 4, 12, 2, 1 }, /* 4 bytes behind each are nobody's */
	[HASH] = { RT_HASH, 8, 8, 16, 1 },
	[FIXED] = { RT_ARRAY, 4, 16, 1, 1 },
	[EACH] = { RT_ARRAY, 4, 8, 2, USER_CPUS },
};

/* beside what the programs may touch: nobody's, and of a page that is not there */
static uint64_t victim[512];
static struct rt_map before[N_MAPS];

static bool start_fenced(void)
{
	if (!CHECK(user_make(&room)))
		return false;
	for (unsigned i = 0; i < N_MAPS; i++)
		if (!CHECK(user_add_map(&room, &plans[i])))
			return false;
	room.maps[REPORT].ways = RT_FENCE_CLOSED;
	room.maps[FIXED].ways = RT_FENCE_CONSTANT;
	room.area->bytes = USER_DATA;
	memcpy((char *)(uintptr_t)room.maps[FIXED].at + 4096 + 64, "%d and %s", 10);
	memset(victim, 0x5a, sizeof(victim));
	for (unsigned i = 0; i < N_MAPS; i++)
		before[i] = *room.maps[i].view;
	return true;
}

static void *first_value(unsigned map)
{
	uint32_t zero = 0;

	return rt_map_lookup_in((struct rt_map *)(uintptr_t)room.maps[map].at, &zero, 0);
}

static const struct rt_fence_report *report(void)
{
	return first_value(REPORT);
}

static struct err *put(struct trampoline_prog *p)
{
	struct trampoline_site s = { .kind = TRAMPOLINE_ENTRY, .progs = p, .n_progs = 1 };

	p->report = (uint64_t)(uintptr_t)report();
	p->func_ip = (uintptr_t)by_address;
	return user_emit(&room, (const void *)by_address, 0, &s);
}

/* what no program may change, whatever it does */
static bool is_whole(void)
{
	const char *fixed = first_value(FIXED), *words = first_value(WORDS);
	bool ok = CHECK(!memcmp(fixed, "%d and %s\0\0\0\0\0\0", 16));

	for (unsigned i = 0; i < N_MAPS; i++) {
		struct rt_map now = *room.maps[i].view;

		now.n_refused = before[i].n_refused; /* helpers count there */
		ok &= CHECK(!memcmp(&now, &before[i], sizeof(now)));
	}
	for (unsigned i = 0; i < sizeof(victim) / sizeof(*victim); i++)
		ok &= victim[i] == 0x5a5a5a5a5a5a5a5aull;
	for (unsigned i = 12; i < 32; i++)
		ok &= (i >= 16 && i < 28) || !words[i];
	ok &= room.area->is_on == 1 && room.area->n_cpus == USER_CPUS &&
	      room.area->rings == USER_RINGS && room.area->ring_size == USER_RING;
	return CHECK(ok);
}

/* ---- by hand ---- */

/* VICTIM: its address; MAPn, VALn as ever. why 0: it comes to its end */
static void check_program(const char *what, const char *text, unsigned why, unsigned insn)
{
	struct trampoline_prog p = { 0 };
	STRBUF_AUTO source = { 0 };
	unsigned n = 0;

	for (const char *c = text; *c; c++)
		if (!strncmp(c, "VICTIM", 6)) {
			strbuf_printf(&source, "0x%llx",
				      (unsigned long long)(uintptr_t)&victim[256]);
			c += 5;
		} else {
			strbuf_putc(&source, *c);
		}
	if (start_fenced() && check_err(user_program(&room, strbuf_cstr(&source), &p), what) &&
	    check_err(put(&p), what)) {
		user_install(&room);
		for (; n < 3; n++)
			CHECK_INT(by_address((int)n), (int)n + 1 + (int)n);
		if (!CHECK_INT(report()->n_ended, why ? n : 0) ||
		    !CHECK_INT(report()->first, (uint64_t)why << 32 | insn) || !is_whole())
			printf("# %s\n", what);
	}
	user_unmake(&room);
}

#define END "r0 = 0\nexit\n"

TEST(memory)
{
	static const struct {
		const char *what, *text;
		unsigned why, insn;
	} table[] = {
		{ "own stack", "r1 = r10\n*(u64 *)(r1 -512) = 1\n*(u8 *)(r10 -1) = 1\n" END, 0, 0 },
		{ "own values", "r1 = VAL1\n*(u32 *)(r1 +8) = 0\nr2 = *(u64 *)(r1 +0)\n" END, 0, 0 },
		{ "context is read", "r2 = *(u64 *)(r1 +112)\n" END, 0, 0 },
		{ "wild store", "r2 = VICTIM\n*(u64 *)(r2 +0) = 7\n" END, RT_FENCE_WRITE, 2 },
		{ "wild read", "r2 = VICTIM\nr3 = *(u8 *)(r2 +0)\n" END, RT_FENCE_READ, 2 },
		{ "nothing's address", "r2 = 0\nr3 = *(u64 *)(r2 +0)\n" END, RT_FENCE_READ, 1 },
		{ "not canonical", "r2 = 0x8000000000000000\n*(u8 *)(r2 +0) = 1\n" END,
		  RT_FENCE_WRITE, 2 },
		{ "around the end", "r2 = -4\nr3 = *(u64 *)(r2 +0)\n" END, RT_FENCE_READ, 1 },
		{ "wild atomic", "r2 = VICTIM\nr3 = 1\nlock *(u64 *)(r2 +0) += r3\n" END,
		  RT_FENCE_WRITE, 3 },
		{ "below the stack", "r2 = r10\nr3 = *(u64 *)(r2 -520)\n" END, RT_FENCE_READ, 1 },
		{ "above the stack", "r2 = r10\n*(u64 *)(r2 -4) = 0\n" END, RT_FENCE_WRITE, 1 },
		{ "its own return", "r2 = r10\nr2 += 8\n*(u64 *)(r2 +0) = 0\n" END, RT_FENCE_WRITE,
		  2 },
		{ "context is written", "*(u64 *)(r1 +112) = 0\n" END, RT_FENCE_WRITE, 0 },
		{ "behind the context", "r2 = r1\nr2 += 168\nr3 = *(u64 *)(r2 +0)\n" END,
		  RT_FENCE_READ, 2 },
		{ "a byte behind a value", "r1 = VAL1\n*(u8 *)(r1 +12) = 1\n" END, RT_FENCE_WRITE,
		  2 },
		{ "half behind a value", "r1 = VAL1\n*(u64 *)(r1 +8) = 1\n" END, RT_FENCE_WRITE, 2 },
		{ "from one value into the next", "r1 = VAL1\n*(u64 *)(r1 +12) = 1\n" END,
		  RT_FENCE_WRITE, 2 },
		{ "behind the last value", "r1 = VAL1\n*(u32 *)(r1 +32) = 1\n" END, RT_FENCE_WRITE,
		  2 },
		{ "in front of the first", "r1 = VAL1\n*(u32 *)(r1 -4) = 1\n" END, RT_FENCE_WRITE,
		  2 },
		{ "what describes a map", "r1 = MAP1\n*(u64 *)(r1 +0) = 1\n" END, RT_FENCE_WRITE,
		  2 },
		{ "state of a slot", "r1 = VAL2\n*(u64 *)(r1 +0) = 1\n" END, RT_FENCE_WRITE, 2 },
		{ "constants", "r1 = VAL3\nr2 = *(u64 *)(r1 +0)\n*(u8 *)(r1 +0) = 1\n" END,
		  RT_FENCE_WRITE, 3 },
		{ "what is told of it", "r1 = VAL0\n*(u64 *)(r1 +0) = 0\n" END, RT_FENCE_WRITE, 2 },
		{ "an atomic over two lines", "r1 = VAL1\nr2 = 1\nlock *(u32 *)(r1 +2) += r2\n" END,
		  RT_FENCE_WRITE, 3 },
		{ "in another function",
		  "r6 = 5\ncall sub\n" END "sub:\nr7 = VICTIM\n*(u64 *)(r7 +0) = 1\nr0 = 0\nexit\n",
		  RT_FENCE_WRITE, 6 },
		{ "stack of who has called",
		  "*(u64 *)(r10 -8) = 1\nr1 = r10\nr1 += -8\ncall sub\n" END
		  "sub:\n*(u64 *)(r10 -512) = 3\n*(u64 *)(r1 +0) = 2\nr0 = 0\nexit\n",
		  0, 0 },
	};

	for (unsigned i = 0; i < sizeof(table) / sizeof(*table); i++)
		check_program(table[i].what, table[i].text, table[i].why, table[i].insn);
}

#define KEY "*(u64 *)(r10 -8) = 0\nr2 = r10\nr2 += -8\n"

TEST(arguments)
{
	static const struct {
		const char *what, *text;
		unsigned why, insn;
	} table[] = {
		{ "lookup",
		  KEY "r1 = MAP1\ncall bpf_x#1\nif r0 == 0x0 goto end\n"
		      "*(u32 *)(r0 +0) = 0\nend:\n" END,
		  0, 0 },
		{ "wild map", KEY "r1 = VICTIM\ncall bpf_x#1\n" END, RT_FENCE_CALL, 5 },
		{ "no map", KEY "r1 = 0\ncall bpf_x#1\n" END, RT_FENCE_CALL, 4 },
		{ "the reports", KEY "r1 = MAP0\ncall bpf_x#1\n" END, RT_FENCE_CALL, 5 },
		{ "wild key", "r1 = MAP2\nr2 = VICTIM\ncall bpf_x#1\n" END, RT_FENCE_CALL, 4 },
		{ "key that ends behind the stack",
		  "r1 = MAP2\nr2 = r10\nr2 += -4\ncall bpf_x#1\n" END, RT_FENCE_CALL, 4 },
		{ "wild value", KEY "r1 = MAP2\nr3 = VICTIM\nr4 = 0\ncall bpf_x#2\n" END,
		  RT_FENCE_CALL, 8 },
		{ "constants are updated",
		  KEY "r1 = MAP3\nr3 = r10\nr3 += -64\nr4 = 0\n"
		      "call bpf_x#2\n" END,
		  RT_FENCE_CALL, 8 },
		{ "read to anywhere", "r1 = VICTIM\nr2 = 8\nr3 = r10\ncall bpf_x#112\n" END,
		  RT_FENCE_CALL, 4 },
		{ "read too much", "r1 = r10\nr1 += -8\nr2 = 9\nr3 = r10\ncall bpf_x#112\n" END,
		  RT_FENCE_CALL, 4 },
		{ "huge size", "r1 = r10\nr1 += -8\nr2 = -1\nr3 = r10\ncall bpf_x#112\n" END,
		  RT_FENCE_CALL, 4 },
		{ "size that is small in 32 bits",
		  "r1 = r10\nr1 += -8\nr2 = 0x100000008\nr3 = r10\ncall bpf_x#112\n" END,
		  RT_FENCE_CALL, 5 },
		{ "read from anywhere", "r1 = r10\nr1 += -8\nr2 = 8\nr3 = 16\ncall bpf_x#112\n" END,
		  0, 0 },
		{ "text to anywhere", "r1 = VICTIM\nr2 = 8\nr3 = r10\ncall bpf_x#114\n" END,
		  RT_FENCE_CALL, 4 },
		{ "name to anywhere", "r1 = VICTIM\nr2 = 8\ncall bpf_x#16\n" END, RT_FENCE_CALL, 3 },
		{ "record from anywhere",
		  "r1 = 0\nr2 = VICTIM\nr3 = 8\nr4 = 0\ncall bpf_x#130\n" END, RT_FENCE_CALL, 5 },
		{ "record of 4 GB",
		  "r1 = 0\nr2 = r10\nr2 += -8\nr3 = 0x100000008\nr4 = 0\n"
		  "call bpf_x#130\n" END,
		  RT_FENCE_CALL, 6 },
		{ "ring that is none",
		  "r1 = VICTIM\nr2 = r10\nr2 += -8\nr3 = 8\nr4 = 0\n"
		  "call bpf_x#130\n" END,
		  RT_FENCE_CALL, 6 },
		{ "submits what is none", "r1 = r10\nr1 += -64\nr2 = 0\ncall bpf_x#132\n" END,
		  RT_FENCE_CALL, 3 },
		{ "a record, and behind it",
		  "r1 = 0\nr2 = 16\nr3 = 0\ncall bpf_x#131\nif r0 == 0x0 goto end\n"
		  "*(u64 *)(r0 +8) = 1\n*(u8 *)(r0 +16) = 1\nend:\n" END,
		  RT_FENCE_WRITE, 6 },
		{ "a record's header",
		  "r1 = 0\nr2 = 16\nr3 = 0\ncall bpf_x#131\nif r0 == 0x0 goto end\n"
		  "*(u64 *)(r0 -16) = 1\nend:\n" END,
		  RT_FENCE_WRITE, 5 },
		{ "a record after it was submitted",
		  "r1 = 0\nr2 = 16\nr3 = 0\ncall bpf_x#131\nr6 = r0\nr1 = r0\nr2 = 0\n"
		  "call bpf_x#132\n*(u64 *)(r6 +0) = 1\n" END,
		  RT_FENCE_WRITE, 8 },
		{ "a record that is left", "r1 = 0\nr2 = 16\nr3 = 0\ncall bpf_x#131\n" END,
		  RT_FENCE_LEFT, 0 },
		{ "format from anywhere", "r1 = VICTIM\nr2 = 8\ncall bpf_x#6\n" END, RT_FENCE_CALL,
		  3 },
		{ "format that can change", "r1 = VAL1\nr2 = 8\ncall bpf_x#6\n" END, RT_FENCE_CALL,
		  3 },
		{ "format that is constant",
		  "r1 = VAL3\nr2 = 10\nr3 = 1\nr4 = 9\ncall bpf_x#6\n" END, 0, 0 },
		{ "arguments from anywhere",
		  "r1 = VAL3\nr2 = 10\nr3 = VICTIM\nr4 = 16\ncall bpf_x#177\n" END, RT_FENCE_CALL,
		  6 },
		{ "text is compared with anything",
		  "r1 = r10\nr1 += -8\nr2 = 8\nr3 = VICTIM\ncall bpf_x#182\n" END, RT_FENCE_CALL,
		  5 },
		{ "stack of no context",
		  "r1 = r10\nr2 = r10\nr2 += -64\nr3 = 64\nr4 = 256\n"
		  "call bpf_x#67\n" END,
		  RT_FENCE_CALL, 5 },
		{ "stack to anywhere", "r2 = VICTIM\nr3 = 64\nr4 = 256\ncall bpf_x#67\n" END,
		  RT_FENCE_CALL, 4 },
		{ "no map of stacks", "r2 = MAP1\nr3 = 256\ncall bpf_x#27\n" END, RT_FENCE_CALL, 3 },
	};

	for (unsigned i = 0; i < sizeof(table) / sizeof(*table); i++)
		check_program(table[i].what, table[i].text, table[i].why, table[i].insn);
}

/* a hit takes a moment, and after a few of them the program is not run any more */
TEST(time_ends)
{
	static const char *const texts[] = {
		"again:\ngoto again\nexit\n",
		"again:\nif r1 != 0x1 goto again\n" END,
		/* helpers that take long in a short loop */
		"again:\nr1 = r10\nr1 += -512\nr2 = 512\nr3 = 16\ncall bpf_x#112\ngoto again\nexit\n",
		/* not one loop: calls of calls */
		"call a\ncall a\ncall a\ncall a\n" END
		"a:\ncall b\ncall b\ncall b\ncall b\ncall b\ncall b\ncall b\ncall b\n" END
		"b:\ncall c\ncall c\ncall c\ncall c\ncall c\ncall c\ncall c\ncall c\n" END
		"c:\ncall d\ncall d\ncall d\ncall d\ncall d\ncall d\ncall d\ncall d\n" END
		"d:\ncall e\ncall e\ncall e\ncall e\ncall e\ncall e\ncall e\ncall e\n" END
		"e:\ncall f\ncall f\ncall f\ncall f\ncall f\ncall f\ncall f\ncall f\n" END
		"f:\ncall g\ncall g\ncall g\ncall g\ncall g\ncall g\ncall g\ncall g\n" END
		"g:\nr0 = 1\nr0 = 1\nr0 = 1\nr0 = 1\nr0 = 1\nr0 = 1\nr0 = 1\nr0 = 1\n" END,
	};

	for (unsigned i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct trampoline_prog p = { 0 };

		if (start_fenced() && check_err(user_program(&room, texts[i], &p), "program") &&
		    check_err(put(&p), texts[i])) {
			user_install(&room);
			for (int n = 0; n < 1000; n++)
				CHECK_INT(by_address(n), (n & 7) + 1 + n);
			CHECK_INT(report()->n_ended, RT_FENCE_MOST_SPENT);
			CHECK_INT(report()->n_spent, RT_FENCE_MOST_SPENT);
			CHECK_INT(report()->first >> 32, RT_FENCE_SPENT);
			CHECK(report()->is_off);
			is_whole();
		}
		user_unmake(&room);
	}
}

/* before there is code at all */
TEST(refused)
{
	static const struct {
		const char *why;
		struct bpf_insn insns[4];
		uint32_t n;
	} table[] = {
#define EXIT { .code = BPF_JMP | BPF_EXIT }
		{ "goes on", { { .code = BPF_ALU64 | BPF_MOV | BPF_K } }, 1 },
		{ "register", { { .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 12 }, EXIT }, 2 },
		{ "register",
		  { { .code = BPF_STX | BPF_MEM, .dst_reg = 1, .src_reg = 15 }, EXIT },
		  2 },
		{ "stack",
		  { { .code = BPF_ST | BPF_MEM | BPF_DW, .dst_reg = 10, .off = -520 }, EXIT },
		  2 },
		{ "stack",
		  { { .code = BPF_ST | BPF_MEM | BPF_DW, .dst_reg = 10, .off = -4 }, EXIT },
		  2 },
		{ "jumps to", { { .code = BPF_JMP | BPF_JA, .off = 7 }, EXIT }, 2 },
		{ "jumps to", { { .code = BPF_JMP | BPF_JA, .off = -2 }, EXIT }, 2 },
		{ "jumps to",
		  { { .code = BPF_JMP | BPF_JA, .off = 1 },
		    { .code = BPF_LD | BPF_IMM | BPF_DW },
		    { 0 },
		    EXIT },
		  4 },
		{ "second half", { { .code = BPF_LD | BPF_IMM | BPF_DW }, EXIT }, 2 },
		{ "hands a function",
		  { { .code = BPF_LD | BPF_IMM | BPF_DW,
		      .dst_reg = 2,
		      .src_reg = BPF_PSEUDO_FUNC,
		      .imm = 1 },
		    { 0 },
		    EXIT },
		  3 },
		{ "no function",
		  { { .code = BPF_JMP | BPF_CALL, .src_reg = 1, .imm = -1 }, EXIT },
		  2 },
		{ "without an end",
		  { { .code = BPF_JMP | BPF_CALL, .src_reg = 1, .imm = 1 },
		    EXIT,
		    { .code = BPF_JMP | BPF_CALL, .src_reg = 1, .imm = -1 },
		    EXIT },
		  4 },
		{ "jumps to",
		  { { .code = BPF_JMP | BPF_CALL, .src_reg = 1, .imm = 1 },
		    EXIT,
		    { .code = BPF_JMP | BPF_JA, .off = -2 },
		    EXIT },
		  4 },
		{ "helper 36",
		  { { .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_probe_write_user }, EXIT },
		  2 },
		{ "helper 109",
		  { { .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_send_signal }, EXIT },
		  2 },
		{ "kfunc", { { .code = BPF_JMP | BPF_CALL, .src_reg = 2, .imm = 1 }, EXIT }, 2 },
	};

	for (unsigned i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct err *e = fence_check(table[i].insns, table[i].n, NULL);
		STRBUF_AUTO text = { 0 };

		if (e)
			err_format(e, &text);
		if (!CHECK(e && strstr(strbuf_cstr(&text), table[i].why)))
			printf("# %u, %s: %s\n", i, table[i].why, strbuf_cstr(&text));
		err_free(e);
	}
}

/* ---- at random ---- */

static uint64_t state;

static uint32_t pick(uint32_t n)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (uint32_t)(state * 2685821657736338717ull >> 33) % n;
}

static const uint8_t sizes[] = { BPF_B, BPF_H, BPF_W, BPF_DW };

static int32_t small(void)
{
	static const int32_t v[] = { 0,  1,   2,   3,   4,    8,    12,        16,
				     64, 112, 256, 511, 512,  520,  4096,      -1,
				     -4, -8,  -16, -64, -512, -520, INT32_MAX, INT32_MIN };

	return v[pick(sizeof(v) / sizeof(*v))];
}

/* an address that is near something */
static uint64_t address(void)
{
	unsigned m = pick(N_MAPS);

	switch (pick(8)) {
	case 0: return (uintptr_t)victim + pick(sizeof(victim));
	case 1:
	case 2: return room.maps[m].at;
	case 3: return (uint64_t)(int64_t)small();
	case 4: return (uintptr_t)room.area + pick(USER_DATA);
	case 5: return room.env.blob + pick(USER_CODE);
	default: return room.maps[m].at + 4096 + 64 + pick(64);
	}
}

static struct bpf_insn insn(uint8_t code, unsigned dst, unsigned src, int off, int32_t imm)
{
	return (struct bpf_insn){ code, dst & 15, src & 15, (int16_t)off, imm };
}

/* -> how many were put */
static uint32_t put_random(struct bpf_insn *to, uint32_t i, uint32_t n)
{
	static const int32_t helpers[] = { 1,   2,   3,   5,   6,   7,   8,   14,  15,  16,
					   25,  27,  67,  112, 113, 114, 115, 130, 131, 132,
					   133, 134, 120, 125, 148, 177, 182, 195, 208, 174 };
	static const int32_t atomics[] = {
		BPF_ADD,  BPF_OR,      BPF_AND | BPF_FETCH, BPF_ADD | BPF_FETCH,
		BPF_XCHG, BPF_CMPXCHG, BPF_XOR | BPF_FETCH
	};
	unsigned a = pick(10), b = pick(pick(4) ? 10 : 11);
	uint64_t v = address();

	switch (pick(16)) {
	case 0:
	case 1: /* mostly arithmetic, and all that looks like it */
		to[0] = insn((uint8_t)(BPF_ALU64 | pick(14) << 4 | (pick(2) ? BPF_X : 0)), a, b, 0,
			     small());
		return 1;
	case 2:
		to[0] = insn((uint8_t)(BPF_ALU | pick(14) << 4 | (pick(2) ? BPF_X : 0)), a, b, 0,
			     small());
		return 1;
	case 3:
	case 4: /* an address on the stack */
		to[0] = insn(BPF_ALU64 | BPF_MOV | BPF_X, a, 10, 0, 0);
		to[1] = insn(BPF_ALU64 | BPF_ADD | BPF_K, a, 0, 0, small());
		return 2;
	case 5:
	case 6:
		to[0] = insn(BPF_LD | BPF_IMM | BPF_DW, a, 0, 0, (int32_t)(uint32_t)v);
		to[1] = insn(0, 0, 0, 0, (int32_t)(uint32_t)(v >> 32));
		return 2;
	case 7:
		to[0] = insn((uint8_t)(BPF_LDX | BPF_MEM | sizes[pick(4)]), a, b, small(), 0);
		return 1;
	case 8:
		to[0] = insn((uint8_t)(BPF_STX | BPF_MEM | sizes[pick(4)]), b, a, small(), 0);
		return 1;
	case 9:
		to[0] = insn((uint8_t)(BPF_ST | BPF_MEM | sizes[pick(4)]), b, 0, small(), small());
		return 1;
	case 10:
		to[0] = insn((uint8_t)(BPF_STX | BPF_ATOMIC | sizes[2 + pick(2)]), b, a, small(),
			     atomics[pick(sizeof(atomics) / sizeof(*atomics))]);
		return 1;
	case 11: /* anywhere in it */
		to[0] = insn((uint8_t)((pick(2) ? BPF_JMP : BPF_JMP32) | pick(14) << 4 |
				       (pick(2) ? BPF_X : 0)),
			     a, b, (int)pick(n) - (int)i, small());
		return 1;
	case 12: to[0] = insn(BPF_JMP | BPF_CALL, 0, 1, 0, (int32_t)pick(n - i)); return 1;
	case 13: /* whatever it is */
		if (!pick(8))
			to[0] = insn((uint8_t)pick(256), pick(16), pick(16), small(), small());
		else
			to[0] = insn(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
		return 1;
	default:
		to[0] = insn(BPF_JMP | BPF_CALL, 0, 0, 0,
			     helpers[pick(sizeof(helpers) / sizeof(*helpers))]);
		return 1;
	}
}

enum { MOST_RANDOM = 48 };

static uint32_t make_random(struct bpf_insn *to)
{
	uint32_t n = 4 + pick(MOST_RANDOM - 6), i = 0;
	bool has_key = pick(2);

	/* what most programs begin with: a key, and a map for it */
	if (has_key) {
		uint64_t map = room.maps[1 + pick(N_MAPS - 1)].at;

		to[i++] = insn(BPF_ST | BPF_MEM | BPF_DW, 10, 0, -8, (int32_t)pick(3));
		to[i++] = insn(BPF_LD | BPF_IMM | BPF_DW, 1, 0, 0, (int32_t)(uint32_t)map);
		to[i++] = insn(0, 0, 0, 0, (int32_t)(uint32_t)(map >> 32));
		to[i++] = insn(BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0);
		to[i++] = insn(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -8);
		to[i++] = insn(BPF_JMP | BPF_CALL, 0, 0, 0, 1 + (int32_t)pick(3));
	}
	n += i;
	while (i < n)
		i += put_random(to + i, i, n);
	to[i++] = insn(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	return i;
}

static bool any_helper(void *arg, struct x86 *x, int32_t helper)
{
	return blob_helper(helper) >= 0 || helper == BPF_FUNC_get_func_ip ||
	       helper == BPF_FUNC_get_attach_cookie;
}

static struct err *try_to_compile(const struct bpf_insn *v, uint32_t n)
{
	static const struct rt_fence table;
	struct jit_fence fence = { .table = &table };
	struct jit_env env = { .call_helper = any_helper, .fence = &fence };
	struct x86 x = { 0 };
	struct err *e = jit_compile(v, n, &env, &x);

	x86_free(&x);
	return e;
}

/* most of what is random is refused at once: single instructions are made harmless until it is not */
static bool mend(struct bpf_insn *v, uint32_t n)
{
	for (unsigned tries = 0; tries < 4 * MOST_RANDOM; tries++) {
		struct err *e = try_to_compile(v, n);
		STRBUF_AUTO text = { 0 };
		const char *number;
		unsigned long at;

		if (!e)
			return true;
		err_format(e, &text);
		err_free(e);
		number = strstr(strbuf_cstr(&text), "instruction ");
		at = number ? strtoul(number + 12, NULL, 10) : pick(n - 1);
		v[at] = at + 1 < n && !strstr(strbuf_cstr(&text), "goes on")
				? insn(BPF_ALU64 | BPF_MOV | BPF_K, pick(10), 0, 0, small())
				: insn(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	}
	return false;
}

static unsigned long running;

static void on_fault(int signal, siginfo_t *info, void *context)
{
	static const char text[] =
		"# a random program has faulted: SONDE_RANDOM_COUNT=1 SONDE_RANDOM_SEED=";
	char number[24];
	int n = snprintf(number, sizeof(number), "%lu\nnot ok\n", running);

	(void)signal;
	(void)info;
	(void)context;
	(void)!write(STDOUT_FILENO, text, sizeof(text) - 1);
	(void)!write(STDOUT_FILENO, number, (size_t)n);
	_exit(1);
}

struct tally {
	unsigned long n_run, n_ended;
};

static bool try_random(unsigned long seed, struct tally *t)
{
	struct bpf_insn v[2 * MOST_RANDOM + 8];
	struct trampoline_prog p = { .insns = v };
	bool ok = true;

	state = (seed + 1) * 0x9e3779b97f4a7c15ull;
	running = seed;
	if (!start_fenced())
		return false;
	p.n_insns = make_random(v);
	if (mend(v, p.n_insns) && check_err(put(&p), "trampoline")) {
		fflush(stdout);
		user_install(&room);
		for (int n = 0; n < 3; n++)
			ok &= CHECK_INT(by_address(n), n + 1 + n);
		ok &= is_whole();
		t->n_run++;
		t->n_ended += report()->n_ended != 0;
	}
	user_unmake(&room);
	if (!ok)
		printf("# SONDE_RANDOM_COUNT=1 SONDE_RANDOM_SEED=%lu\n", seed);
	return ok;
}

static unsigned long setting(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 0) : otherwise;
}

TEST(random_programs_do_no_harm)
{
	unsigned long seconds = setting("SONDE_RANDOM_SECONDS", 0), done = 0,
		      n = setting("SONDE_RANDOM_COUNT", seconds ? ULONG_MAX : 3000),
		      first = setting("SONDE_RANDOM_SEED", 1);
	struct sigaction fault = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP };
	time_t begun = time(NULL);
	struct tally t = { 0 };

	for (unsigned i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		sigaction(signals[i], &fault, NULL);
	for (; done < n && (!seconds || (unsigned long)(time(NULL) - begun) < seconds); done++)
		if (!try_random(first + done, &t))
			return;
	for (unsigned i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		signal(signals[i], SIG_DFL);
	printf("# %lu programs from seed %lu: %lu ran, %lu of them were ended\n", done, first,
	       t.n_run, t.n_ended);
	CHECK(t.n_run * 2 > done || n == 1);
}
