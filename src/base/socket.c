/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sending and receiving that go on where a signal or the size of a buffer cut them; see socket.h. */
#include "base/socket.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

bool socket_send_all(int fd, const void *bytes, size_t n)
{
	for (const char *p = bytes; n;) {
		ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent <= 0)
			return false;
		p += sent;
		n -= (size_t)sent;
	}
	return true;
}

bool socket_send_both(int fd, const void *head, size_t n_head, const void *body, size_t n_body)
{
	struct iovec parts[] = { { (void *)head, n_head }, { (void *)body, n_body } };
	const struct msghdr m = { .msg_iov = parts, .msg_iovlen = 2 };
	ssize_t sent;

	do
		sent = sendmsg(fd, &m, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return false;
	if ((size_t)sent < n_head)
		return socket_send_all(fd, (const char *)head + sent, n_head - (size_t)sent) &&
		       socket_send_all(fd, body, n_body);
	return socket_send_all(fd, (const char *)body + ((size_t)sent - n_head),
			       n_body - ((size_t)sent - n_head));
}

bool socket_receive_all(int fd, void *bytes, size_t n)
{
	for (char *p = bytes; n;) {
		ssize_t got = recv(fd, p, n, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		p += got;
		n -= (size_t)got;
	}
	return true;
}
