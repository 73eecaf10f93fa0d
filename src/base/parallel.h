/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The same work on many things at once, by threads that end with it. */
#ifndef SONDE_BASE_PARALLEL_H
#define SONDE_BASE_PARALLEL_H

#include <stddef.h>

/*
 * fn(arg, i) once for each i below n, in any order, by n_threads threads at most: this one and others, which have stack bytes of
 * stack besides what a thread needs at least, and get no signals. Fewer threads than were asked for are enough. Comes back when
 * all is done.
 */
void parallel_each(size_t n, size_t n_threads, size_t stack, void (*fn)(void *arg, size_t i),
		   void *arg);
/* processors that this process may run on, 1 at least */
size_t parallel_cpus(void);

#endif
