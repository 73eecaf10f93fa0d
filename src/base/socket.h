/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All of some bytes through a stream socket. false: the other side has gone, or errno says what else. No SIGPIPE comes. */
#ifndef SONDE_BASE_SOCKET_H
#define SONDE_BASE_SOCKET_H

#include <stdbool.h>
#include <stddef.h>

bool socket_send_all(int fd, const void *bytes, size_t n);
/* one behind the other in one call: the other side is woken once */
bool socket_send_both(int fd, const void *head, size_t n_head, const void *body, size_t n_body);
bool socket_receive_all(int fd, void *bytes, size_t n);

#endif
