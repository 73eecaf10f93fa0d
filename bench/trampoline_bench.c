/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a probe inside of a process costs a call: trampolines over functions of this program, with the programs that sonde makes of the
 * scripts named, beside one written by hand that adds 1 to a slot of the processor. Each figure is the least of many rounds, all
 * variants in turn, so that what else the machine does is in none of them; ns that are added to the call.
 *
 *	ninja -C build tests/unit/trampoline_bench && build/tests/unit/trampoline_bench [ROUNDS [VARIANT]]
 */
#include "user_help.h"

#include <sys/auxv.h>
#include <time.h>

enum { CALLS = 20000, N = 8, LINE_SHIFT = 6 };

#define FUNCTION(name)                                        \
	__attribute__((noinline)) static long name(long i)    \
	{                                                     \
		__asm__ volatile("push %%rbx; pop %%rbx" ::); \
		return i + 1;                                 \
	}
FUNCTION(f0)
FUNCTION(f1)
FUNCTION(f2)
FUNCTION(f3)
FUNCTION(f4)
FUNCTION(f5)
FUNCTION(f6)
FUNCTION(f7)

#define EXITING "r0 = VAL0\nr5 = *(u64 *)(r0 +0)\nif r5 == 0x0 goto on\nr0 = 0\nexit\non:\n"
#define FAULT "r0 = VAL1\nr1 = 1\nlock *(u64 *)(r0 +0) += r1\n"

static const char empty_text[] = "r0 = 0\nexit\n";
/* { @ = count(); } */
static const char count_text[] = EXITING
	"*(u64 *)(r10 -8) = 0\nr1 = MAP2\nr2 = r10\nr2 += -8\ncall bpf_x#1\nr5 = r0\n"
	"if r5 == 0x0 goto end\nr1 = 1\nlock *(u64 *)(r5 +0) += r1\nend:\nr0 = 0\nexit\n";
/* what is common to counting by a key that stands at r10 - 8: m is the map */
#define BUMP(m)                                                                                \
	"r1 = " m "\nr2 = r10\nr2 += -8\ncall bpf_x#1\nr6 = r0\nif r6 != 0x0 goto have\n"      \
	"*(u64 *)(r10 -16) = 0\nr1 = " m "\nr2 = r10\nr2 += -8\nr3 = r10\nr3 += -16\nr4 = 1\n" \
	"call bpf_x#2\nr7 = r0\nr1 = " m "\nr2 = r10\nr2 += -8\ncall bpf_x#1\nr6 = r0\n"       \
	"if r6 != 0x0 goto have\n" FAULT "goto end\nhave:\nr1 = 1\n"                           \
	"lock *(u64 *)(r6 +0) += r1\nend:\n"
/* { @[arg0] = count(); } */
static const char keyed_text[] =
	"r5 = r1\nr0 = VAL0\nr4 = *(u64 *)(r0 +0)\nif r4 == 0x0 goto on\nr0 = 0\nexit\non:\n"
	"r5 = *(u64 *)(r5 +112)\n*(u64 *)(r10 -8) = r5\n" BUMP("MAP3") "r0 = 0\nexit\n";
/* { @start[tid] = nsecs } */
static const char start_text[] = EXITING
	"call bpf_x#125\nr5 = r0\n*(u64 *)(r10 -8) = r5\n*(u64 *)(r10 -16) = 0\ncall bpf_x#14\n"
	"r5 = r0\nw5 = w5\n*(u32 *)(r10 -16) = r5\nr1 = MAP4\nr2 = r10\nr2 += -16\nr3 = r10\n"
	"r3 += -8\nr4 = 0\ncall bpf_x#2\nr5 = r0\nif r5 s>= 0x0 goto end\n" FAULT
	"end:\nr0 = 0\nexit\n";
/* { @ = hist(nsecs - @start[tid]); delete(@start, tid) } */
static const char hist_text[] = EXITING
	"call bpf_x#125\nr6 = r0\n*(u64 *)(r10 -8) = 0\ncall bpf_x#14\nr5 = r0\nw5 = w5\n"
	"*(u32 *)(r10 -8) = r5\nr1 = MAP4\nr2 = r10\nr2 += -8\ncall bpf_x#1\nr5 = r0\n"
	"if r5 == 0x0 goto none\nr5 = *(u64 *)(r5 +0)\ngoto some\nnone:\nr5 = 0\nsome:\nr6 -= r5\nr5 = 0\n"
	"if r6 s< 0x0 goto bucket\nr5 = r6\nr5 += 1\nif r6 < 0x1 goto bucket\nr4 = 1\n"
	"r1 = 0x100000000\nif r6 >= r1 goto a\nr4 = 0\na:\nr4 <<= 5\nr3 = r6\nr3 >>= r4\nr2 = 1\n"
	"if r3 >= 0x10000 goto b\nr2 = 0\nb:\nr2 <<= 4\nr3 >>= r2\nr4 += r2\nr2 = 1\n"
	"if r3 >= 0x100 goto c\nr2 = 0\nc:\nr2 <<= 3\nr3 >>= r2\nr4 += r2\nr2 = 1\n"
	"if r3 >= 0x10 goto d\nr2 = 0\nd:\nr2 <<= 2\nr3 >>= r2\nr4 += r2\nr2 = 1\n"
	"if r3 >= 0x4 goto e\nr2 = 0\ne:\nr2 <<= 1\nr3 >>= r2\nr4 += r2\nif r3 >= 0x2 goto f\nr3 = 0\n"
	"goto g\nf:\nr3 = 1\ng:\nr4 += r3\nr3 = r4\nr3 += 1\nr6 >>= r4\nr5 = r3\nr5 += r6\nbucket:\n"
	"*(u64 *)(r10 -8) = 0\n*(u64 *)(r10 -8) = r5\n" BUMP(
		"MAP5") "*(u64 *)(r10 -16) = 0\ncall bpf_x#14\nr5 = r0\nw5 = w5\n*(u32 *)(r10 -16) = r5\nr1 = MAP4\n"
			"r2 = r10\nr2 += -16\ncall bpf_x#3\nr5 = r0\nif r5 s>= 0x0 goto out\n" FAULT
			"out:\nr0 = 0\nexit\n";
/* { printf("%d\n", arg0) } */
static const char printf_text[] =
	"r5 = r1\nr0 = VAL0\nr4 = *(u64 *)(r0 +0)\nif r4 == 0x0 goto on\nr0 = 0\nexit\non:\n"
	"r6 = *(u64 *)(r5 +112)\nr1 = MAP1\nr2 = 0\ncall bpf_x#134\nr5 = r0\nif r5 > 0x700000 goto lost\n"
	"if r5 >= 0x80000 goto wake\nr5 = 0\ngoto flags\nwake:\nr5 = 1\nflags:\nr7 = r5\nr7 += 1\n"
	"r1 = MAP1\nr2 = 16\nr3 = 0\ncall bpf_x#131\nr5 = r0\nif r5 == 0x0 goto lost\n"
	"*(u32 *)(r5 +0) = 0\n*(u32 *)(r5 +4) = 0\n*(u64 *)(r5 +8) = r6\nr1 = r5\nr2 = r7\n"
	"call bpf_x#132\ngoto out\nlost:\n" FAULT "out:\nr0 = 0\nexit\n";

struct variant {
	const char *name;
	long (*function)(long);
	enum trampoline_kind kind;
	const char *entry, *back;
	double least;
};

static struct variant variants[N] = {
	{ "no probe", f0, 0, NULL, NULL, 0 },
	{ "by hand: lock inc of a slot", f1, 0, NULL, NULL, 0 },
	{ "empty", f2, TRAMPOLINE_ENTRY, empty_text, NULL, 0 },
	{ "@ = count()", f3, TRAMPOLINE_ENTRY, count_text, NULL, 0 },
	{ "@[arg0] = count()", f4, TRAMPOLINE_ENTRY, keyed_text, NULL, 0 },
	{ "empty, at returns", f5, TRAMPOLINE_CALL, NULL, empty_text, 0 },
	{ "@ = hist(nsecs - @start[tid])", f6, TRAMPOLINE_CALL, start_text, hist_text, 0 },
	{ "printf(\"%d\", arg0)", f7, TRAMPOLINE_ENTRY, printf_text, NULL, 0 },
};

static struct user_room room;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* the clock's scale, as the tracer finds it */
static void calibrate(void)
{
	double start_ns = now(), end_ns;
	uint64_t start = __builtin_ia32_rdtsc(), end;

	do
		end_ns = now();
	while (end_ns - start_ns < 2e7);
	end = __builtin_ia32_rdtsc();
	room.area->clocks[0].tsc = start;
	room.area->clocks[0].ns = (uint64_t)start_ns;
	room.area->clocks[0].scale =
		(uint64_t)((end_ns - start_ns) / (double)(end - start) * 4294967296.0);
}

/* rax is pushed, not the flags: one add under a lock at an address that the processor's number gives */
static void put_by_hand(void *arg, struct x86 *x)
{
	uint64_t slots = (uint64_t)(uintptr_t)room.data + USER_DATA - 65536;

	(void)arg;
	x86_push(x, X_RAX);
	x86_push(x, X_RCX);
	x86_processor(x, X_RAX);
	x86_alu_imm(x, false, X_AND, X_RAX, USER_CPUS - 1);
	x86_shift_imm(x, false, X_SHL, X_RAX, LINE_SHIFT);
	x86_lea_at(x, X_RCX, slots);
	x86_alu(x, true, X_ADD, X_RAX, X_RCX);
	x86_mov_imm(x, X_RCX, 1);
	x86_lock_alu(x, true, X_ADD, X_RAX, 0, X_RCX);
	x86_pop(x, X_RCX);
	x86_pop(x, X_RAX);
}

static struct err *add_by_hand(const void *function)
{
	struct patch *p = &room.patches[room.n_patches++];
	uint64_t start = (uint64_t)(uintptr_t)function;
	CODE_AUTO c = { 0 };

	code_decode(function, USER_FUNCTION, start, &c);
	*p = (struct patch){ .site = start };
	for (const struct code_insn *i = c.insn; p->len < PATCH_JUMP; i++)
		p->len = (uint8_t)(p->len + i->len);
	return patch_emit(&room.x, p, &c, function, put_by_hand, NULL);
}

static struct err *add(const struct variant *v)
{
	struct trampoline_prog progs[2] = { 0 };
	struct trampoline_site s = { .kind = v->kind,
				     .progs = progs,
				     .n_progs = v->entry != NULL,
				     .returns = progs + 1,
				     .n_returns = v->back != NULL };

	if (v->entry)
		TRY(user_program(&room, v->entry, &progs[0]));
	if (v->back)
		TRY(user_program(&room, v->back, &progs[1]));
	return user_emit(&room, (const void *)v->function, 0, &s);
}

/* the consumer of events, outside of what is measured */
static void empty_rings(void)
{
	static struct rt_ring_reader readers[USER_CPUS];

	for (unsigned i = 0; i < USER_CPUS; i++) {
		struct rt_ring *ring = (struct rt_ring *)(void *)(room.data + USER_RINGS +
								  i * room.area->ring_stride);
		uint32_t length;
		uint64_t time;

		if (!readers[i].ring)
			rt_ring_open(&readers[i], ring, USER_RING);
		while (rt_ring_peek(&readers[i], &length, &time))
			rt_ring_advance(&readers[i]);
	}
}

static double round_of(long (*function)(long), int calls)
{
	double before = now();

	for (int i = 0; i < calls; i++)
		function(i & 63);
	return (now() - before) / calls;
}

static struct err *prepare(void)
{
	static const struct rt_map_plan plans[] = {
		{ RT_ARRAY, 4, 64, 1, 1 },        { RT_ARRAY, 4, 64, 1, 1 },
		{ RT_ARRAY, 4, 8, 1, USER_CPUS }, { RT_HASH, 8, 8, 100, USER_CPUS },
		{ RT_HASH, 8, 8, 128, 1, 512 },   { RT_HASH, 8, 8, 66, USER_CPUS },
	};

	if (!user_make(&room))
		return err_new(0, "there is no room near this program");
	for (unsigned i = 0; i < sizeof(plans) / sizeof(plans[0]); i++)
		user_add_map(&room, &plans[i]);
	calibrate();
	room.private->has_fsgsbase = getauxval(AT_HWCAP2) >> 1 & 1;
	TRY(add_by_hand((const void *)f1));
	for (unsigned i = 2; i < N; i++)
		TRY(add(&variants[i]));
	user_install(&room);
	return NULL;
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 100;
	struct err *e = prepare();

	if (e) {
		fprintf(stderr, "%s\n", e->msg);
		err_free(e);
		return 1;
	}
	for (int k = 0; k < rounds; k++)
		for (unsigned i = 0; i < N; i++) {
			if (argc > 2 && i && i != (unsigned)atoi(argv[2]))
				continue;
			/* a ring holds what so many calls send */
			double ns = round_of(variants[i].function, i == N - 1 ? 1000 : CALLS);

			if (!k || ns < variants[i].least)
				variants[i].least = ns;
			empty_rings();
		}
	printf("%-32s %8s %8s %6s\n", "", "ns/call", "added", "stack");
	for (unsigned i = 0; i < N; i++)
		printf("%-32s %8.1f %8.1f %6u\n", variants[i].name, variants[i].least,
		       variants[i].least - variants[0].least,
		       i > 1 ? trampoline_stack(&room.patches[i - 1]) : 0);
	user_unmake(&room);
	return 0;
}
