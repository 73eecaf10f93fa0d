/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers that look random, and are the same in each run: what goes wrong once can be had again. For models and what is compared with them. */
#ifndef SONDE_TESTS_UNIT_RANDOM_H
#define SONDE_TESTS_UNIT_RANDOM_H

#include <stdint.h>

#define RANDOM_SEED 88172645463325252ull /* any number but 0 */

/* xorshift64, Marsaglia 2003 */
static inline uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* below n; for a single thread */
static inline uint32_t random_below(uint32_t n)
{
	static uint64_t state = RANDOM_SEED;

	return (uint32_t)(random_next(&state) >> 20) % n;
}

#endif
