/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System calls of code that runs in traced processes: no libc, no errno; a negative result is an error's number. */
#ifndef SONDE_ENGINE_USER_RT_SYSCALL_H
#define SONDE_ENGINE_USER_RT_SYSCALL_H

#include <stdint.h>

static inline int64_t syscall6(int64_t nr, int64_t a, int64_t b, int64_t c, int64_t d, int64_t e,
			       int64_t f)
{
	register int64_t r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
	int64_t ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

static inline int64_t syscall3(int64_t nr, int64_t a, int64_t b, int64_t c)
{
	return syscall6(nr, a, b, c, 0, 0, 0);
}

#endif
