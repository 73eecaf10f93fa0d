/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the output goes: a file descriptor with a buffer in front. The first failed write is remembered and everything
 * behind it is dropped, so that callers need not look after each piece. The process must ignore SIGPIPE. A sink owns
 * its pending bytes (sink_free); the descriptor and *give_up are the caller's and must outlive it.
 */
#ifndef SONDE_OUTPUT_SINK_H
#define SONDE_OUTPUT_SINK_H

#include "base/strbuf.h"

#include <signal.h>

enum sink_mode {
	SINK_LINE, /* whole lines go out at once at the end of each batch of events, at the latest after 32 KiB */
	SINK_FULL, /* only when the buffer is full, and at the end */
	SINK_NONE, /* after each event */
};

/* a file that is set aside when it has grown: FILE becomes FILE.1, FILE.1 becomes FILE.2, the oldest goes */
struct sink_rotation {
	const char *path;   /* borrowed */
	uint64_t max_bytes; /* what a file may hold; 0: no rotation. One event may be larger */
	unsigned keep;      /* how many old files stay */
	uint64_t n_bytes;   /* in the present file */
};

struct sink {
	int fd; /* negative: nothing is written, pending grows (results of tests are taken from there) */
	enum sink_mode mode;
	struct strbuf pending;
	int error; /* errno of the first failed write; EPIPE: the reader is gone */
	/* when it points at something > 1 (the user pressed Ctrl-C again), a write that blocks is given up */
	const volatile sig_atomic_t *give_up;
	struct sink_rotation
		rotation; /* the sink then opens files of its own in place of *fd: same number */
};

/* add bytes to pending directly, then call this: it writes what the mode wants written after an event */
void sink_event_end(struct sink *s);
void sink_batch_end(struct sink *s); /* the reader of events has nothing more at the moment */
void sink_flush(struct sink *s);     /* everything, whatever the mode */
void sink_free(struct sink *s);      /* drops what was not flushed; does not close fd */

#endif
