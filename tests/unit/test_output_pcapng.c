/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "output/pcapng.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tap.h"

static uint32_t word(const char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* the file's bytes; *n how many */
static char *read_all(const char *path, size_t *n)
{
	char *p = malloc(1 << 16);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, p, 1 << 16);

	if (fd >= 0)
		close(fd);
	*n = got < 0 ? 0 : (size_t)got;
	return p;
}

TEST(blocks_follow_each_other_with_their_lengths_twice)
{
	static const uint32_t types[] = { 0x0a0d0d0a, 1, 10, 6, 6 };
	char path[] = "/tmp/sonde-pcapng-XXXXXX";
	int fd = mkstemp(path);
	struct pcapng *p;
	struct stat st;
	size_t n, at = 0;
	uint32_t i = 0;
	char *b;

	fchmod(fd, 0644);
	close(fd);
	CHECK(!pcapng_open(str_from(path), &p));
	CHECK_INT(pcapng_add_interface(p, STR("lo")), 0);
	pcapng_add_secrets(p, STR("CLIENT_RANDOM aa bb\n"));
	pcapng_add_packet(p, 0, 0x0123456789abcdefULL, STR("abcde"), 9);
	pcapng_add_packet(p, 0, 1, STR(""), 0);
	CHECK(!pcapng_close(p));
	CHECK(!stat(path, &st) && (st.st_mode & 0777) == 0600);
	b = read_all(path, &n);
	for (; at + 12 <= n && i < 5; i++) {
		uint32_t length = word(b + at + 4);

		CHECK_INT(word(b + at), types[i]);
		CHECK(length % 4 == 0 && at + length <= n);
		CHECK_INT(word(b + at + length - 4), length);
		if (i == 2) {
			CHECK_INT(word(b + at + 8), 0x544c534b);
			CHECK_INT(word(b + at + 12), 20);
			CHECK(!memcmp(b + at + 16, "CLIENT_RANDOM aa bb\n", 20));
		}
		if (i == 3) {
			CHECK_INT(word(b + at + 12), 0x01234567);
			CHECK_INT(word(b + at + 16), 0x89abcdef);
			CHECK_INT(word(b + at + 20), 5);
			CHECK_INT(word(b + at + 24), 9);
			CHECK(!memcmp(b + at + 28, "abcde\0\0", 8));
		}
		at += length;
	}
	CHECK_INT(i, 5);
	CHECK_INT(at, n);
	free(b);
	unlink(path);
}

TEST(a_full_disk_is_an_error_at_the_next_flush)
{
	struct pcapng *p;
	struct err *err;
	char big[70000] = "";

	CHECK(!pcapng_open(STR("/dev/full"), &p));
	pcapng_add_packet(p, 0, 1, str_make(big, sizeof(big)), sizeof(big));
	err = pcapng_flush(p);
	CHECK(err);
	err_free(err);
	err_free(pcapng_close(p));
}
