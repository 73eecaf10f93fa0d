/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What waits for an answer, the oldest first. FIFO(T) declares an anonymous struct { T *first, *last; uint32_t n; } to stand in
 * a decoder's state, where T has a member `next`, NULL in an item that is pushed. A zeroed one is empty; it owns nothing.
 */
#ifndef SONDE_PROTO_FIFO_H
#define SONDE_PROTO_FIFO_H

#include <stddef.h>
#include <stdint.h>

#define FIFO(T)                  \
	struct {                 \
		T *first, *last; \
		uint32_t n;      \
	}

#define fifo_push(fifo, item)                        \
	do {                                         \
		if ((fifo)->last)                    \
			(fifo)->last->next = (item); \
		else                                 \
			(fifo)->first = (item);      \
		(fifo)->last = (item);               \
		(fifo)->n++;                         \
	} while (0)

/* takes the first one out, which must be there */
#define fifo_pop(fifo)                               \
	do {                                         \
		(fifo)->first = (fifo)->first->next; \
		if (!(fifo)->first)                  \
			(fifo)->last = NULL;         \
		(fifo)->n--;                         \
	} while (0)

#endif
