// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mmsg PORT PATH, uring PORT PATH: fetches a page of 127.0.0.1 over HTTP/1.0, by sendmmsg and recvmmsg (the request in three
 * messages) or by io_uring, and prints how many bytes the answer had.
 */
#include "dial.h"

#include <linux/io_uring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static char page[1 << 20];

static long by_messages(int fd, char *request)
{
	size_t n = strlen(request), at[4] = { 0, n / 3, n / 2, n };
	struct iovec v[3], w[2] = { { page, 5000 }, { page + 5000, 5000 } };
	struct mmsghdr m[3] = { 0 };
	long all = 0;
	int got;

	for (int i = 0; i < 3; i++) {
		v[i] = (struct iovec){ request + at[i], at[i + 1] - at[i] };
		m[i].msg_hdr.msg_iov = &v[i];
		m[i].msg_hdr.msg_iovlen = 1;
	}
	if (syscall(SYS_sendmmsg, fd, m, 3, 0) != 3)
		exit(2);
	for (;;) {
		memset(m, 0, sizeof(m));
		for (int i = 0; i < 2; i++) {
			m[i].msg_hdr.msg_iov = &w[i];
			m[i].msg_hdr.msg_iovlen = 1;
		}
		got = (int)syscall(SYS_recvmmsg, fd, m, 2, MSG_WAITFORONE, NULL);
		if (got <= 0 || !m[0].msg_len)
			return all;
		for (int i = 0; i < got; i++)
			all += m[i].msg_len;
	}
}

struct ring {
	int fd;
	char *queue;
	struct io_uring_sqe *entries;
	struct io_uring_params p;
};

/* one operation at a time, and its result */
static int submit(struct ring *r, int opcode, int fd, void *p, unsigned n)
{
	unsigned *tail = (unsigned *)(r->queue + r->p.sq_off.tail);
	unsigned mask = *(unsigned *)(r->queue + r->p.sq_off.ring_mask);
	unsigned *head = (unsigned *)(r->queue + r->p.cq_off.head);
	unsigned *array = (unsigned *)(r->queue + r->p.sq_off.array);
	struct io_uring_cqe *done = (struct io_uring_cqe *)(r->queue + r->p.cq_off.cqes);
	struct io_uring_sqe *e = &r->entries[*tail & mask];
	int result;

	memset(e, 0, sizeof(*e));
	e->opcode = opcode;
	e->fd = fd;
	e->addr = (unsigned long)p;
	e->len = n;
	array[*tail & mask] = *tail & mask;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, r->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) != 1)
		exit(2);
	result = done[*head & *(unsigned *)(r->queue + r->p.cq_off.ring_mask)].res;
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return result;
}

static long by_uring(int fd, char *request)
{
	struct ring r = { 0 };
	long all = 0;
	int n;

	r.fd = (int)syscall(SYS_io_uring_setup, 4, &r.p);
	if (r.fd < 0)
		exit(77);
	r.queue = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, r.fd, IORING_OFF_SQ_RING);
	r.entries = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, r.fd, IORING_OFF_SQES);
	if (r.queue == MAP_FAILED)
		r.queue = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, r.fd,
			       IORING_OFF_SQ_RING);
	if (r.queue == MAP_FAILED || r.entries == MAP_FAILED ||
	    submit(&r, IORING_OP_WRITE, fd, request, strlen(request)) != (int)strlen(request))
		exit(2);
	while ((n = submit(&r, IORING_OP_READ, fd, page, sizeof(page))) > 0)
		all += n;
	return all;
}

int main(int argc, char **argv)
{
	char request[256];

	if (argc < 4)
		return 2;
	snprintf(request, sizeof(request), "GET %s HTTP/1.0\r\n\r\n", argv[3]);
	printf("%ld\n", argv[1][0] == 'm' ? by_messages(dial(atoi(argv[2])), request)
					  : by_uring(dial(atoi(argv[2])), request));
	return 0;
}
