/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What inline.c and inline_map.c make of helpers, against a model: random look-ups, updates and deletions by a probe of this program's
 * own function, in slots of single keys and in hash tables; the return address, read wherever the stack's pages begin.
 */
#include "tap.h"
#include "err_help.h"
#include "random.h"
#include "trampoline_help.h"

#include <alloca.h>
#include <string.h>
#include <pthread.h>
#include <sched.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <time.h>

enum { KEYS = 48, STEPS = 60000 };
enum { LOOK, UPDATE, DELETE };

/*
 * arg0: what to do, key << 2, and above that a number; results at VAL0 + 16, + 24. Keys: (u32) in 8 bytes at r10 - 8, { key << 4, u32 key, u32 5 } at r10 - 24. The
 * same in two maps: MAP2, MAP3
 */
#define CALL_OF(map, key, helper) "r1 = " map "\nr2 = r10\nr2 += " key "\ncall bpf_x#" helper "\n"
#define LOOK_AT(map, key, to, label)                                                          \
	CALL_OF(map, key, "1")                                                                \
	"r8 = -1\nif r0 == 0x0 goto " label "\nr8 = *(u64 *)(r0 +0)\n" label ":\nr1 = VAL0\n" \
	"*(u64 *)(r1 +" to ") = r8\n"
#define CHANGE(map, key, to)                                                                 \
	"r1 = " map "\nr2 = r10\nr2 += " key "\nr3 = r10\nr3 += -32\nr4 = 0\ncall bpf_x#2\n" \
	"r1 = VAL0\n*(u64 *)(r1 +" to ") = r0\n"
#define TAKE(map, key, to) CALL_OF(map, key, "3") "r1 = VAL0\n*(u64 *)(r1 +" to ") = r0\n"
static const char work_text[] =
	"r6 = *(u64 *)(r1 +112)\nr7 = r6\nr7 &= 3\n*(u64 *)(r10 -32) = r6\nr6 >>= 2\nr6 &= 255\n"
	"*(u64 *)(r10 -8) = 0\n*(u32 *)(r10 -8) = r6\n"
	"*(u32 *)(r10 -16) = r6\nr1 = 5\n*(u32 *)(r10 -12) = r1\nr6 <<= 4\n*(u64 *)(r10 -24) = r6\n"
	"if r7 == 1 goto update\nif r7 == 2 goto delete\n" LOOK_AT("MAP2", "-8", "16", "a") LOOK_AT(
		"MAP3", "-24", "24", "b") "r0 = 0\nexit\nupdate:\n" CHANGE("MAP2", "-8", "16")
		CHANGE("MAP3", "-24", "24") "r0 = 0\nexit\ndelete:\n" TAKE("MAP2", "-8", "16")
			TAKE("MAP3", "-24", "24") "r0 = 0\nexit\n";

struct model {
	bool is_there;
	uint64_t value;
};

NEVER_COPIED static long probed(uint64_t what)
{
	__asm__ volatile("" : "+r"(what));
	return (long)(what + 1);
}

static uint64_t wanted(struct model *m, unsigned what, uint64_t value)
{
	bool was = m->is_there;

	switch (what) {
	case UPDATE: *m = (struct model){ true, value }; return 0;
	case DELETE: m->is_there = false; return was ? 0 : (uint64_t)(int64_t)RT_ENOENT;
	default: return was ? m->value : (uint64_t)-1;
	}
}

static void check_contents(struct rt_map *m, const struct model *model)
{
	struct rt_element e;
	unsigned n = 0, n_model = 0;
	uint32_t at = 0;

	for (unsigned i = 0; i < KEYS; i++)
		n_model += model[i].is_there;
	while (rt_map_next(m, 0, &at, &e)) {
		uint32_t key = m->key_size == 8 ? *(const uint32_t *)e.key
						: ((const uint32_t *)e.key)[2];

		CHECK(e.is_first && key < KEYS && model[key].is_there &&
		      *(uint64_t *)e.value == model[key].value);
		n++;
	}
	CHECK_INT(n, n_model);
}

static void work(const struct rt_map_plan *small, const struct rt_map_plan *large)
{
	struct model model[KEYS] = { 0 };
	struct rt_map *a, *b;

	if (start() && CHECK(a = user_add_map(&room, small)) &&
	    CHECK(b = user_add_map(&room, large)) &&
	    add((const void *)probed, 0, TRAMPOLINE_ENTRY, work_text, NULL)) {
		volatile uint64_t *results =
			(volatile uint64_t *)(uintptr_t)(room.maps[0].at + 4096 + 64);

		user_install(&room);
		for (unsigned i = 0; i < STEPS; i++) {
			unsigned what = random_below(3), key = random_below(KEYS);
			uint64_t arg = what | key << 2 | (uint64_t)i << 40;
			uint64_t want = wanted(&model[key], what, arg);

			results[2] = results[3] = 77;
			CHECK_INT(probed(arg), (long)arg + 1);
			if (!CHECK(results[2] == want && results[3] == want)) {
				printf("# step %u: %u, key %u: %llx and %llx, not %llx\n", i, what,
				       key, (unsigned long long)results[2],
				       (unsigned long long)results[3], (unsigned long long)want);
				break;
			}
		}
		check_contents(a, model);
		check_contents(b, model);
		rt_map_zero(a);
		rt_map_clear(b);
		for (unsigned i = 0; i < KEYS; i++) {
			probed(LOOK | i << 2);
			CHECK(results[2] == (model[i].is_there ? 0 : (uint64_t)-1) &&
			      results[3] == (uint64_t)-1);
		}
	}
	user_unmake(&room);
}

TEST(slots_of_one_key)
{
	const struct rt_map_plan small = { RT_HASH, 8, 8, 100, 1, 64 },
				 large = { RT_HASH, 16, 8, 100, 1, 64 };

	work(&small, &large);
}

/* fewer slots than keys: the others go to the hash table */
TEST(slots_of_other_keys)
{
	const struct rt_map_plan small = { RT_HASH, 8, 8, 100, 1, 16 },
				 large = { RT_HASH, 16, 8, 100, 1, 8 };

	work(&small, &large);
}

TEST(hash_tables)
{
	const struct rt_map_plan small = { RT_HASH, 8, 8, 50, 1, 0 },
				 large = { RT_HASH, 16, 8, 50, 1, 0 };

	work(&small, &large);
}

/* ---- counting by key, per processor ---- */

static const char keyed_text[] = "r6 = *(u64 *)(r1 +112)\n*(u64 *)(r10 -8) = r6\n" CALL_OF(
	"MAP2", "-8",
	"1") "r6 = r0\n"
	     "if r6 != 0x0 goto have\n*(u64 *)(r10 -16) = 0\nr1 = MAP2\nr2 = r10\nr2 += -8\nr3 = r10\nr3 += -16\n"
	     "r4 = 1\ncall bpf_x#2\n" CALL_OF(
		     "MAP2", "-8", "1") "r6 = r0\nif r6 == 0x0 goto end\nhave:\nr1 = 1\n"
					"lock *(u64 *)(r6 +0) += r1\nend:\nr0 = 0\nexit\n";

static void count_by_key(bool is_dense)
{
	const struct rt_map_plan plan = { RT_HASH, 8, 8, 66, USER_CPUS, 0, is_dense };
	uint64_t counts[KEYS] = { 0 };
	struct rt_map *m;

	if (start() && CHECK(m = user_add_map(&room, &plan)) &&
	    add((const void *)probed, 0, TRAMPOLINE_ENTRY, keyed_text, NULL)) {
		user_install(&room);
		for (unsigned i = 0; i < STEPS; i++) {
			uint64_t key = random_below(KEYS);

			probed(key << 60 | key);
			counts[key]++;
		}
		for (uint64_t i = 0; i < KEYS; i++) {
			uint64_t key = i << 60 | i, n = 0;

			for (uint32_t t = 0; t < USER_CPUS; t++) {
				const uint64_t *v = rt_map_lookup_in(m, &key, t);

				n += v ? *v : 0;
			}
			CHECK_INT(n, counts[i]);
		}
	}
	user_unmake(&room);
}

TEST(counts_by_key)
{
	count_by_key(false);
}

/* numbers that are their own hash, of which some differ in bits alone that a slot's state has no room for */
TEST(counts_by_number)
{
	count_by_key(true);
}

/* ---- the logarithm of hist() ---- */

/* as log2_floor in ir/build_aggregate.c comes out of the code generator; behind it what is given, at the end of which r3 is the result */
static void logarithm_text(struct strbuf *out, const char *behind)
{
	strbuf_printf(out, "r6 = *(u64 *)(r1 +112)\nr3 = r6\nr3 >>= 32\nr0 = 0\nr0 -= r3\nr3 = r0\n"
			   "r3 >>= 63\nr3 <<= 5\nr2 = r6\nr2 >>= r3\n");
	for (int shift = 16, bits = 4; bits; shift /= 2, bits--)
		strbuf_printf(out,
			      "r7 = r2\nr7 >>= %d\nr0 = 0\nr0 -= r7\nr7 = r0\nr7 >>= 63\n"
			      "r7 <<= %d\nr2 >>= r7\nr3 += r7\n",
			      shift, bits);
	strbuf_printf(out,
		      "r2 >>= 1\nr0 = 0\nr0 -= r2\nr2 = r0\nr2 >>= 63\nr3 += r2\n%s"
		      "r1 = VAL0\n*(u64 *)(r1 +16) = r3\nr2 = 0\nr7 = 0\nr0 = 0\nexit\n",
		      behind);
}

static bool is_replaced(void)
{
	for (size_t i = blob_bytes(); i + 4 <= room.x.code.n; i++)
		if (!memcmp(room.x.code.p + i, "\x48\x0f\xbd", 3))
			return true;
	return false;
}

static uint64_t logarithm(uint64_t n)
{
	return n ? 63 - (uint64_t)__builtin_clzll(n) : 0;
}

static void check_logarithms(const char *behind, bool is_recognised, uint64_t more)
{
	STRBUF_AUTO text = { 0 };
	volatile uint64_t *results;

	logarithm_text(&text, behind);
	if (start() && add((const void *)probed, 0, TRAMPOLINE_ENTRY, strbuf_cstr(&text), NULL)) {
		CHECK_INT(is_replaced(), is_recognised);
		results = (volatile uint64_t *)(uintptr_t)(room.maps[0].at + 4096 + 64);
		user_install(&room);
		for (unsigned i = 0; i < 64; i++)
			for (int k = -1; k < 4; k++) {
				uint64_t n = (1ull << i) + (uint64_t)(int64_t)k;

				n = k == 3 ? 1ull << i |
						     (random_below(1u << 31) & ((1ull << i) - 1))
					   : n;
				probed(n);
				if (!CHECK_INT(results[2], logarithm(n) + more))
					printf("# of %llx\n", (unsigned long long)n);
			}
	}
	user_unmake(&room);
}

TEST(logarithms)
{
	check_logarithms("", true, 0);
	/* the way goes past a place where others come in, and by a call */
	check_logarithms("r2 = 0\nif r6 == 0x0 goto on\non:\n", false, 0);
	check_logarithms("r2 = 7\nr7 = 0\nr0 = 1\nif r6 == 0x0 goto on\non:\n", true, 0);
	check_logarithms("r1 = 1\nr2 = 1\nr4 = 1\nr5 = 1\nr8 = r3\ncall bpf_x#5\nr3 = r8\n", true,
			 0);
}

/* somebody looks at what is left in other registers, or another number is in it: as it is written */
TEST(what_is_no_logarithm)
{
	check_logarithms("r3 += r0\nr3 -= r0\n", false, 0);
	check_logarithms("r3 += r7\nr3 -= r7\n", false, 0);
	check_logarithms("r3 += r2\nr3 -= r2\n", false, 0);
	check_logarithms("r3 += 5\n", true, 5);
}

/* ---- clocks ---- */

static const char clocks_text[] =
	"call bpf_x#5\nr6 = r0\ncall bpf_x#125\nr7 = r0\ncall bpf_x#208\nr8 = r0\nr1 = VAL0\n"
	"*(u64 *)(r1 +16) = r6\n*(u64 *)(r1 +24) = r7\n*(u64 *)(r1 +32) = r8\n"
	"r0 = 0\nexit\n";

static uint64_t ns_of(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* half a nanosecond for each tick, from a stamp that lies before or behind now; and by the kernel, where there is no scale */
TEST(clocks)
{
	static const uint64_t boot = 5000000000000, tai = 7000000000000, begin = 1ull << 62;

	if (start() && add((const void *)probed, 0, TRAMPOLINE_ENTRY, clocks_text, NULL)) {
		volatile uint64_t *results =
			(volatile uint64_t *)(uintptr_t)(room.maps[0].at + 4096 + 64);

		user_install(&room);
		for (int i = -50; i < 50; i++) {
			uint64_t tsc = __builtin_ia32_rdtsc() + (uint64_t)(int64_t)i * 1000000000,
				 a, b;

			room.area->clock_now++;
			room.area->clocks[room.area->clock_now % 2] =
				(struct rt_clock){ tsc, begin, 1ull << 31, boot, tai };
			room.area->clocks[(room.area->clock_now + 1) % 2] = (struct rt_clock){ 0 };
			__asm__ volatile("" ::: "memory");
			a = begin + (uint64_t)((int64_t)(__builtin_ia32_rdtsc() - tsc) >> 1);
			CHECK_INT(probed(1), 2);
			b = begin + (uint64_t)((int64_t)(__builtin_ia32_rdtsc() - tsc) >> 1);
			CHECK(results[2] >= a && results[2] <= results[3] - boot &&
			      results[3] - boot <= results[4] - tai && results[4] - tai <= b);
		}
		room.area->clocks[0] = room.area->clocks[1] = (struct rt_clock){ 0 };
		for (int i = 0; i < 2; i++, room.area->clock_now++) {
			uint64_t a = ns_of(CLOCK_MONOTONIC), b = ns_of(CLOCK_BOOTTIME),
				 c = ns_of(CLOCK_TAI);

			CHECK_INT(probed(1), 2);
			CHECK(results[2] >= a && results[2] <= ns_of(CLOCK_MONOTONIC));
			CHECK(results[3] >= b && results[3] <= ns_of(CLOCK_BOOTTIME));
			CHECK(results[4] >= c && results[4] <= ns_of(CLOCK_TAI));
		}
	}
	user_unmake(&room);
}

/* ---- what a hit asks for once ---- */

/* the thread, three times, one of them where a branch leads around the first; and the return address */
static const char asks_text[] =
	"r6 = r1\nr7 = *(u64 *)(r1 +112)\nif r7 == 0x0 goto first\ncall bpf_x#14\nr8 = r0\n"
	"r1 = VAL0\n*(u64 *)(r1 +16) = r8\nfirst:\ncall bpf_x#14\nr8 = r0\nr1 = VAL0\n"
	"*(u64 *)(r1 +24) = r8\ncall bpf_x#14\nr8 = r0\nr1 = VAL0\n*(u64 *)(r1 +32) = r8\n"
	"r3 = *(u64 *)(r6 +152)\nr1 = r10\nr1 += -8\nr2 = 8\ncall bpf_x#112\nr8 = r0\nr1 = VAL0\n"
	"*(u64 *)(r1 +40) = r8\nr8 = *(u64 *)(r10 -8)\n*(u64 *)(r1 +48) = r8\nr0 = 0\nexit\n";

static uint64_t return_address;

NEVER_COPIED static long asked(uint64_t what)
{
	__asm__ volatile("" : "+r"(what));
	return_address = (uint64_t)(uintptr_t)__builtin_return_address(0);
	return (long)what;
}

static bool add_asking(void)
{
	struct trampoline_prog prog = { .func_ip = (uintptr_t)asked };
	struct trampoline_site s = {
		.kind = TRAMPOLINE_ENTRY, .progs = &prog, .n_progs = 1, .has_slot = true
	};

	return check_err(user_program(&room, asks_text, &prog), "program") &&
	       check_err(user_emit(&room, (const void *)asked, 0, &s), "trampoline");
}

TEST(asked_once)
{
	volatile uint64_t *results;
	uint64_t me = (uint64_t)getpid() << 32 | (uint32_t)syscall(SYS_gettid);

	if (start() && add_asking()) {
		room.private->has_fsgsbase = getauxval(AT_HWCAP2) >> 1 & 1;
		results = (volatile uint64_t *)(uintptr_t)(room.maps[0].at + 4096 + 64);
		user_install(&room);
		for (unsigned i = 0; i < 512; i++) {
			/* every distance from the end of a page; and no kernel that would read for us */
			volatile char *below = alloca(16);

			below[0] = 0;
			results[2] = 5;
			results[5] = results[6] = 1;
			room.private->own_pid = i % 2 ? 0x7fffffff : (uint32_t)getpid();
			CHECK_INT(asked(i % 3), i % 3);
			CHECK(results[2] == (i % 3 ? me : 5) && results[3] == me &&
			      results[4] == me);
			CHECK(results[5] == 0 && results[6] == return_address);
		}
	}
	user_unmake(&room);
}

/* threads that come and go in the same memory, each of which is itself */
static void *ask_often(void *arg)
{
	volatile uint64_t *results = arg;
	uint64_t me = (uint64_t)getpid() << 32 | (uint32_t)syscall(SYS_gettid), n_wrong = 0;

	for (unsigned i = 0; i < 1000; i++) {
		asked(1);
		n_wrong += results[2] != me || results[3] != me || results[4] != me;
	}
	return (void *)(uintptr_t)n_wrong;
}

TEST(threads_are_themselves)
{
	if (start() && add_asking()) {
		room.private->has_fsgsbase = getauxval(AT_HWCAP2) >> 1 & 1;
		user_install(&room);
		for (unsigned i = 0; i < 100; i++) {
			pthread_t thread;
			void *n_wrong;

			pthread_create(&thread, NULL, ask_often,
				       (void *)(uintptr_t)(room.maps[0].at + 4096 + 64));
			pthread_join(thread, &n_wrong);
			CHECK_INT((uintptr_t)n_wrong, 0);
		}
		/* and when the table is emptied */
		for (unsigned i = 0; i < RT_TIDS && room.private->has_fsgsbase; i++)
			room.private->threads[i] = (struct rt_thread){ 0 };
		CHECK(ask_often((void *)(uintptr_t)(room.maps[0].at + 4096 + 64)) == NULL);
	}
	user_unmake(&room);
}

/* ---- hits of --budget ---- */

/* a count in an element of this processor, its number, and the same in another map, where it must be locked */
static const char number_text[] =
	"r6 = r1\n*(u32 *)(r10 -8) = 1\nr1 = MAP2\nr2 = r10\nr2 += -8\ncall bpf_x#1\n"
	"if r0 == 0x0 goto out\nr1 = 1\nr1 = atomic64_fetch_add((u64 *)(r0 +0), r1)\nr7 = r1\n"
	"*(u32 *)(r10 -8) = 1\nr1 = MAP3\nr2 = r10\nr2 += -8\ncall bpf_x#1\n"
	"if r0 == 0x0 goto out\nr1 = 1\nr1 = atomic64_fetch_add((u64 *)(r0 +0), r1)\n"
	"r7 ^= r1\nr0 = VAL0\nlock *(u64 *)(r0 +8) += r7\nout:\nr0 = 0\nexit\n";

/* additions with a result in the code: those with a lock in front of them, or those without */
static unsigned n_additions(bool is_locked)
{
	const uint8_t *p = (const uint8_t *)room.x.code.p;
	unsigned n = 0;

	for (size_t i = blob_bytes() + 1; i + 3 <= room.x.code.n; i++)
		n += (p[i] & 0xf8) == 0x48 && p[i + 1] == 0x0f && p[i + 2] == 0xc1 &&
		     (p[i - 1] == 0xf0) == is_locked;
	return n;
}

static void check_hits(bool is_budget)
{
	const struct rt_map_plan per_cpu = { RT_ARRAY, 4, 24, 4, USER_CPUS };
	struct trampoline_prog prog = { .func_ip = (uintptr_t)asked };
	struct trampoline_site s = { .kind = TRAMPOLINE_ENTRY, .progs = &prog, .n_progs = 1 };
	struct rt_map *m, *other;
	cpu_set_t here, before;

	/* the numbers are those of one processor */
	CPU_ZERO(&here);
	CPU_SET((size_t)sched_getcpu(), &here);
	sched_getaffinity(0, sizeof(before), &before);
	sched_setaffinity(0, sizeof(here), &here);
	if (start() && CHECK(m = user_add_map(&room, &per_cpu)) &&
	    CHECK(other = user_add_map(&room, &per_cpu)) &&
	    check_err(user_program(&room, number_text, &prog), "program")) {
		prog.hits = is_budget ? room.maps[2].at : 0;
		if (check_err(user_emit(&room, (const void *)asked, 0, &s), "trampoline")) {
			CHECK_INT(n_additions(false), is_budget);
			CHECK_INT(n_additions(true), 2 - is_budget);
			user_install(&room);
			for (uint64_t i = 0; i < 1000; i++)
				CHECK_INT(asked(i), (long)i);
			CHECK_INT(user_sum(m, 1), 1000);
			CHECK_INT(user_sum(other, 1), 1000);
			/* both give the same number for a hit */
			CHECK_INT(((const uint64_t *)(uintptr_t)(room.maps[0].at + 4096 + 64))[1],
				  0);
		}
	}
	user_unmake(&room);
	sched_setaffinity(0, sizeof(before), &before);
}

TEST(only_hits_of_the_budget_are_counted_without_a_lock)
{
	check_hits(true);
	check_hits(false);
}
