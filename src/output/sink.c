/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Buffered writing with errors that stick; see sink.h. */
#include "output/sink.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
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

/*
 * The new file is opened before the old one is renamed over: when that fails (no space, no permission) writing goes on in the file that
 * is there. Its descriptor takes the old one's number, so that its owner closes the right one.
 */
static void rotate(struct sink *s)
{
	const struct sink_rotation *r = &s->rotation;
	STRBUF_AUTO from = { 0 }, to = { 0 };
	int fd;

	for (unsigned i = r->keep; i > 0; i--) {
		strbuf_clear(&from);
		strbuf_clear(&to);
		strbuf_puts(&from, r->path);
		if (i > 1)
			strbuf_printf(&from, ".%u", i - 1);
		strbuf_printf(&to, "%s.%u", r->path, i);
		(void)!rename(strbuf_cstr(&from), strbuf_cstr(&to));
	}
	fd = open(r->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return;
	dup3(fd, s->fd, O_CLOEXEC);
	close(fd);
	s->rotation.n_bytes = 0;
}

void sink_flush(struct sink *s)
{
	struct sink_rotation *r = &s->rotation;
	size_t done = 0;

	if (s->fd < 0)
		return;
	if (r->max_bytes && r->n_bytes && s->pending.n && r->n_bytes + s->pending.n > r->max_bytes)
		rotate(s);
	r->n_bytes += s->pending.n;
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
	uint64_t limit = s->rotation.max_bytes ? s->rotation.max_bytes / 8 : FLUSH_ABOVE;

	/* small files take small pieces: rotation comes between pieces */
	if (s->mode == SINK_NONE || s->pending.n > FLUSH_ABOVE || s->pending.n > limit || s->error)
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
