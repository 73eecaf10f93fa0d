/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sending and receiving that go on where a signal or the size of a buffer cut them; see socket.h. */
#include "base/socket.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/types.h>

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
