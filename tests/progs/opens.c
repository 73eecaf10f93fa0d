/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Traced program: opens each file named, by openat, and prints "NAME RESULT" with the errno of a failure. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		int fd = openat(AT_FDCWD, argv[i], O_RDONLY);

		printf("%s %s\n", argv[i], fd >= 0 ? "ok" : errno == ENOENT ? "ENOENT" : "error");
		fflush(stdout);
		if (fd >= 0)
			close(fd);
	}
	return 0;
}
