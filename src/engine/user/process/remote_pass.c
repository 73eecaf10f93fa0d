/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A descriptor of ours handed to another process, whatever its root, its namespaces and its user: it makes a pair of sockets, we
 * take one end (pidfd_getfd) and send the descriptor through it, it receives from the other. Both ends are closed again. What the calls
 * need to be told lies in a page of ours there, which is empty again afterwards.
 */
#include "engine/user/process/remote_private.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL
#endif

/* what recvmsg is given, as it lies in the process; pointers are addresses there */
struct letter {
	struct msghdr head;
	struct iovec piece;
	int pair[2];
	char byte;
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
};

/* a descriptor of the process as one of ours. Threads can have tables of their own, so the one that made it is asked */
static struct err *take_fd(struct remote *r, int fd, int *ret)
{
	struct remote_thread *t = remote_pick(r);
	FD_AUTO process = -1;

	if (t)
		process = (int)syscall(SYS_pidfd_open, t->tid, PIDFD_THREAD);
	if (process < 0) /* before Linux 6.9 */
		process = (int)syscall(SYS_pidfd_open, r->pid, 0);
	*ret = process < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, process, fd, 0);
	return *ret < 0 ? err_new(errno, "take a socket of process %d", (int)r->pid) : NULL;
}

static struct err *send_fd(int socket, int fd)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec piece = { .iov_base = "f", .iov_len = 1 };
	struct msghdr head = { .msg_iov = &piece,
			       .msg_iovlen = 1,
			       .msg_control = control,
			       .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&head);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	return sendmsg(socket, &head, MSG_NOSIGNAL) == 1 ? NULL
							 : err_new(errno, "send a descriptor");
}

static struct err *receive_fd(struct remote *r, uint64_t scratch, int socket, int64_t *ret)
{
	struct letter l = { .piece = { .iov_len = 1 }, .head = { .msg_iovlen = 1 } };
	const uint64_t arg[6] = { (uint64_t)socket, scratch + offsetof(struct letter, head),
				  MSG_CMSG_CLOEXEC | MSG_DONTWAIT };
	const struct cmsghdr *c = (const struct cmsghdr *)l.control;
	int64_t got;
	int fd;

	l.head.msg_iov = (void *)(uintptr_t)(scratch + offsetof(struct letter, piece));
	l.head.msg_control = (void *)(uintptr_t)(scratch + offsetof(struct letter, control));
	l.head.msg_controllen = sizeof(l.control);
	l.piece.iov_base = (void *)(uintptr_t)(scratch + offsetof(struct letter, byte));
	if (!remote_write(r, scratch, &l, sizeof(l)))
		return err_new(errno, "write to pages of ours in process %d", (int)r->pid);
	TRY(remote_call_checked(r, "receive a descriptor", SYS_recvmsg, arg, &got));
	if (!remote_read(r, scratch, &l, sizeof(l)))
		return err_new(errno, "read pages of ours in process %d", (int)r->pid);
	/* without room for one more descriptor the message comes without it */
	if (l.head.msg_controllen < CMSG_LEN(sizeof(int)) || c->cmsg_type != SCM_RIGHTS)
		return err_new(EMFILE, "hand a descriptor to process %d", (int)r->pid);
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	*ret = fd;
	return NULL;
}

static void close_there(struct remote *r, int fd)
{
	const uint64_t arg[6] = { (uint64_t)fd };
	int64_t ignored;

	err_free(remote_call(r, SYS_close, arg, &ignored));
}

struct err *remote_pass_fd(struct remote *r, uint64_t scratch, int fd, int64_t *ret)
{
	const uint64_t arg[6] = { AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0,
				  scratch + offsetof(struct letter, pair) };
	static const struct letter empty;
	FD_AUTO ours = -1;
	struct err *e;
	int64_t got;
	int pair[2];

	TRY(remote_call_checked(r, "make a pair of sockets", SYS_socketpair, arg, &got));
	if (!remote_read(r, arg[3], pair, sizeof(pair)))
		return err_new(errno, "read pages of ours in process %d", (int)r->pid);
	e = take_fd(r, pair[0], &ours);
	if (!e)
		e = send_fd(ours, fd);
	if (!e)
		e = receive_fd(r, scratch, pair[1], ret);
	close_there(r, pair[0]);
	close_there(r, pair[1]);
	remote_write(r, scratch, &empty, sizeof(empty));
	return e;
}
