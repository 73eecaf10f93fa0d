/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Buffered writing with errors that stick; see sink.h. */
#include "output/sink.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#define FLUSH_ABOVE (32u << 10)

static bool gave_up(const struct sink *s)
{
	return s->give_up && *s->give_up > 1;
}

/* false: the write is not to be tried again */
static bool wait_writable(struct sink *s, int error)
{
	struct pollfd p = { .fd = s->fd, .events = POLLOUT };

	if (gave_up(s))
		return false;
	if (error == EINTR)
		return true;
	if (error != EAGAIN && error != EWOULDBLOCK)
		return false;
	/* someone made the descriptor non-blocking (a shared terminal): wait as a blocking one would */
	poll(&p, 1, -1);
	return !gave_up(s);
}

void sink_flush(struct sink *s)
{
	size_t done = 0;

	if (s->fd < 0)
		return;
	while (done < s->pending.n && !s->error) {
		ssize_t n = write(s->fd, s->pending.p + done, s->pending.n - done);

		if (n >= 0)
			done += (size_t)n;
		else if (!wait_writable(s, errno))
			s->error = errno ? errno : EIO;
	}
	strbuf_clear(&s->pending);
}

void sink_event_end(struct sink *s)
{
	if (s->mode == SINK_NONE || s->pending.n > FLUSH_ABOVE || s->error)
		sink_flush(s);
}

void sink_batch_end(struct sink *s)
{
	if (s->mode != SINK_FULL || s->error)
		sink_flush(s);
}

void sink_free(struct sink *s)
{
	strbuf_free(&s->pending);
}
