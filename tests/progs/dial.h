/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A connection to a port of this machine, for clients; they end with status 2 when there is none. */
#ifndef SONDE_TESTS_PROGS_DIAL_H
#define SONDE_TESTS_PROGS_DIAL_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

static int dial(int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0)
		exit(2);
	return fd;
}

#endif
