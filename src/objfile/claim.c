/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Claims as locks of open file descriptions; see claim.h. */
#include "objfile/claim.h"

#include "base/clock.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#define FIRST_BYTE (1ll << 62) /* no file is that long */

static bool is_local(int fd)
{
	static const int64_t kinds[] = { EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC,
					 F2FS_SUPER_MAGIC, TMPFS_MAGIC,     OVERLAYFS_SUPER_MAGIC,
					 RAMFS_MAGIC };
	struct statfs fs;

	if (fstatfs(fd, &fs))
		return false;
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if ((int64_t)fs.f_type == kinds[i])
			return true;
	return false;
}

int claim_open(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd >= 0 && !is_local(fd)) {
		close(fd);
		return -1;
	}
	return fd;
}

static struct flock lock_of(enum claim which, short type)
{
	return (struct flock){
		.l_type = type, .l_whence = SEEK_SET, .l_start = FIRST_BYTE + which, .l_len = 1
	};
}

void claim_take(int fd, enum claim which)
{
	struct flock l = lock_of(which, F_RDLCK);

	if (fd >= 0)
		(void)fcntl(fd, F_OFD_SETLK, &l);
}

void claim_drop(int fd, enum claim which)
{
	struct flock l = lock_of(which, F_UNLCK);

	if (fd >= 0)
		(void)fcntl(fd, F_OFD_SETLK, &l);
}

bool claim_is_held(int fd, enum claim which)
{
	struct flock l = lock_of(which, F_WRLCK);

	return fd >= 0 && !fcntl(fd, F_OFD_GETLK, &l) && l.l_type != F_UNLCK;
}

bool claim_wait(int fd, enum claim which, unsigned ms)
{
	uint64_t deadline = clock_monotonic_ns() + ms * 1000000ull;

	while (claim_is_held(fd, which)) {
		if (clock_monotonic_ns() > deadline)
			return false;
		poll(NULL, 0, 1);
	}
	return true;
}
