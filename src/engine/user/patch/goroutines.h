/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goroutines that Go has preempted at an instruction that a jump would overwrite: they are no threads, and would go on in the middle of the
 * jump. For patch.c only.
 */
#ifndef SONDE_ENGINE_USER_GOROUTINES_H
#define SONDE_ENGINE_USER_GOROUTINES_H

#include "engine/user/patch/patch.h"

/* all threads are stopped: says of patches in Go code that are not installed whether they must wait (is_parked) */
void goroutines_mark(const struct remote *r, struct patch *v, size_t n);

#endif
