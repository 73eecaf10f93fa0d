/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Scope-bound release of plain resources. */
#ifndef SONDE_BASE_CLEANUP_H
#define SONDE_BASE_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_file(FILE **f)
{
	if (*f)
		fclose(*f);
}

#define FREE_AUTO __attribute__((cleanup(cleanup_free)))
#define FD_AUTO __attribute__((cleanup(cleanup_fd))) int
#define FILE_AUTO __attribute__((cleanup(cleanup_file))) FILE *

/* take the value out of an automatic variable, so that it is not released */
#define steal_ptr(p)                    \
	({                              \
		typeof(p) taken_ = (p); \
		(p) = NULL;             \
		taken_;                 \
	})
static inline int steal_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

#endif
