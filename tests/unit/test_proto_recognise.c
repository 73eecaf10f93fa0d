/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * By which bytes decoders know their protocols: no part of what they know at the end may be refused on the way, since it may come
 * byte by byte, and no other decoder may take it for its own.
 */
#include "proto/decoders.h"
#include "proto_fixture.h"
#include "tap.h"

#define ROW(ops, bytes)                                \
	{                                              \
		&proto_##ops, bytes, sizeof(bytes) - 1 \
	}

static const struct {
	const struct proto_ops *ops;
	const char *bytes;
	size_t n;
} rows[] = {
	ROW(http, "GET /a/path?x=1 HTTP/1.1\r\n"),
	ROW(http, "M-SEARCH * HTTP/1.1\r\nHOST: 1\r\n\r\n"),
	ROW(http, "HTTP/1.1 200 OK\r\n"),
	ROW(http, "HTTP/1.0 404 Not Found\n"),
	ROW(http, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
	ROW(redis, "*3\r\n$3\r\nset\r\n$4\r\nocti\r\n$4\r\nfest\r\n"),
	ROW(redis, "*1\r\n$7\r\nFT.LIST\r\n"),
	ROW(redis, "PING\r\n"),
	ROW(redis, "+OK\r\n"),
	ROW(redis, "$5\r\nhello\r\n"),
	ROW(redis, ":42\r\n"),
	ROW(postgres, "\0\0\0\x08\x04\xd2\x16\x2f"),
	ROW(postgres, "\0\0\0\x12\0\3\0\0user\0joe\0\0"),
	ROW(postgres, "Q\0\0\0\x0dSELECT 1\0"),
	ROW(postgres, "P\0\0\0\x10\0SELECT 1\0\0\0S\0\0\0\4"),
	ROW(mysql, "\x4e\0\0\0\x0a"
		   "5.5.5-10.11.6-MariaDB\0\1\0\0\0"),
	ROW(mysql, "\x09\0\0\0\3select 1"),
	ROW(mysql, "\x01\0\0\0\x0e"),
	ROW(dns, "\0\1\1\0\0\1\0\0\0\0\0\0\3www\4test\0\0\1\0\1"),
	ROW(dns, "\0\x1a\0\1\1\0\0\1\0\0\0\0\0\0\3www\4test\0\0\1\0\1"),
};

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

TEST(every_beginning_may_become_the_whole)
{
	for (size_t i = 0; i < N_ROWS; i++) {
		for (size_t n = 1; n < rows[i].n; n++)
			if (!CHECK(rows[i].ops->recognise(PROTO_OUT, (const uint8_t *)rows[i].bytes,
							  n) != PROTO_NO))
				printf("# row %zu (%s), %zu bytes\n", i, rows[i].ops->name, n);
		CHECK_INT(rows[i].ops->recognise(PROTO_OUT, (const uint8_t *)rows[i].bytes,
						 rows[i].n),
			  PROTO_YES);
	}
}

TEST(nobody_else_takes_it)
{
	for (size_t i = 0; i < N_ROWS; i++)
		for (size_t k = 0; proto_all[k]; k++)
			if (proto_all[k] != rows[i].ops &&
			    !CHECK(proto_all[k]->recognise(PROTO_OUT, (const uint8_t *)rows[i].bytes,
							   rows[i].n) != PROTO_YES))
				printf("# row %zu (%s) is taken by %s\n", i, rows[i].ops->name,
				       proto_all[k]->name);
}

TEST(enciphered_bytes_are_nobodys)
{
	static const char tls[] = "\x16\x03\x01\x00\xf8\x01\x00\x00\xf4\x03\x03"
				  "01234567890123456789012345678901";

	for (size_t k = 0; proto_all[k]; k++)
		CHECK_INT(proto_all[k]->recognise(PROTO_OUT, (const uint8_t *)tls, sizeof(tls) - 1),
			  PROTO_NO);
}
