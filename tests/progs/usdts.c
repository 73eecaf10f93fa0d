/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Traced program: USDT probes with arguments of each width and place, and with a semaphore; prints what each
 * probe was given. usdts [ROUNDS]
 */
#define _SDT_HAS_SEMAPHORES 1
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

__extension__ unsigned short probes_guarded_semaphore __attribute__((section(".probes"), used));
/* every probe of a file with semaphores has one */
__extension__ unsigned short probes_widths_semaphore __attribute__((section(".probes"), used));
__extension__ unsigned short probes_text_semaphore __attribute__((section(".probes"), used));
__extension__ unsigned short probes_constants_semaphore __attribute__((section(".probes"), used));
__extension__ unsigned short probes_many_semaphore __attribute__((section(".probes"), used));
__extension__ unsigned short probes_floating_semaphore __attribute__((section(".probes"), used));

#include <sys/sdt.h>

struct deep {
	int64_t a[4];
	int32_t narrow;
};

struct deep global = { { 11, 22, 33, 44 }, -55 };

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 1;

	for (int i = 0; i < rounds; i++) {
		volatile int8_t i8 = -8;
		volatile uint8_t u8 = 200;
		volatile int16_t i16 = -1600;
		volatile uint16_t u16 = 60000;
		volatile int32_t i32 = -320000 - i;
		volatile uint32_t u32 = 4000000000U;
		volatile int64_t i64 = -64000000000LL;
		volatile uint64_t u64 = 1ULL << 63;
		struct deep *p = &global;

		DTRACE_PROBE8(probes, widths, i8, u8, i16, u16, i32, u32, i64, u64);
		printf("widths %d %u %d %u %d %u %lld %llu\n", i8, u8, i16, u16, i32, u32,
		       (long long)i64, (unsigned long long)u64);
		DTRACE_PROBE2(probes, text, "hello", 5);
		printf("text hello\n");
		DTRACE_PROBE3(probes, constants, 7, -9, 123456789012345LL);
		printf("constants 7 -9 123456789012345\n");
		DTRACE_PROBE3(probes, many, p->a[i % 4], p->narrow, global.a[2]);
		printf("many %lld %d %lld\n", (long long)p->a[i % 4], p->narrow,
		       (long long)global.a[2]);
		volatile double half = 0.5;
		DTRACE_PROBE1(probes, floating, half); /* which no program in the kernel can read */
		if (probes_guarded_semaphore) {        /* only when somebody looks */
			DTRACE_PROBE1(probes, guarded, i);
			printf("guarded %d\n", i);
		}
	}
	return 0;
}
