/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All of some bytes through a stream socket. false: the other side has gone, or errno says what else. No SIGPIPE comes. */
#ifndef SONDE_BASE_SOCKET_H
#define SONDE_BASE_SOCKET_H

#include <stdbool.h>
#include <stddef.h>

bool socket_send_all(int fd, const void *bytes, size_t n);
bool socket_receive_all(int fd, void *bytes, size_t n);

#endif
