/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The mysql decoder: conversations written by hand after the documentation of MariaDB and MySQL. */
#include "proto/decoders.h"
#include "proto_fixture.h"
#include "tap.h"

static void check(struct talk *t, const char *want)
{
	CHECK_STR(talk_end(t), want);
	talk_free(t);
}

static void put(struct strbuf *b, uint8_t sequence, const void *p, size_t n)
{
	const uint8_t head[4] = { (uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16), sequence };

	strbuf_add(b, head, 4);
	strbuf_add(b, p, n);
}

#define PUT(b, sequence, lit) put(b, sequence, lit, sizeof(lit) - 1)

static void send(struct talk *t, enum proto_direction d, struct strbuf *b)
{
	talk_bytes(t, d, b->p, b->n);
	strbuf_clear(b);
}

static const char greeting[] =
	"\x0a"
	"5.5.5-10.11.6-MariaDB\0\1\0\0\0saltsalt\0\xfe\xf7\x2d\2\0\xff\x81\x15\0\0\0\0\0\0\0\0\0\0moresaltmore\0mysql_native_password";

static void put_login(struct strbuf *b, const char *flags)
{
	STRBUF_AUTO p = { 0 };

	strbuf_add(&p, flags, 4);
	strbuf_add(&p, "\0\0\0\1\x21", 5);
	strbuf_fill(&p, 0, 23);
	strbuf_add(&p, "joe\0\2pwshop\0mysql_native_password", 33);
	put(b, 1, p.p, p.n);
}

static void begin(struct talk *t, struct strbuf *b, enum proto_direction client)
{
	talk_begin(t, &proto_mysql);
	put(b, 0, greeting, sizeof(greeting) - 1);
	send(t, !client, b);
	put_login(b, "\x88\x82\x08\0");
	send(t, client, b);
	PUT(b, 2, "\0\0\0\2\0\0\0");
	send(t, !client, b);
}

#define EOF_PACKET "\xfe\0\0\2\0"

TEST(queries_and_results)
{
	STRBUF_AUTO b = { 0 };
	struct talk t;

	begin(&t, &b, PROTO_OUT);
	t.with_times = true;
	PUT(&b, 0, "\3select a, b from t");
	send(&t, PROTO_OUT, &b);
	PUT(&b, 1, "\2");
	PUT(&b, 2, "def..a");
	PUT(&b, 3, "def..b");
	PUT(&b, 4, EOF_PACKET);
	PUT(&b, 5,
	    "\1"
	    "1\xfb");
	PUT(&b, 6,
	    "\xfb\1"
	    "2");
	PUT(&b, 7,
	    "\0\1"
	    "2");
	PUT(&b, 8, EOF_PACKET);
	send(&t, PROTO_IN, &b);
	PUT(&b, 0, "\3update t");
	send(&t, PROTO_OUT, &b);
	PUT(&b, 1, "\0\xfc\x2c\1\0\2\0\0\0");
	send(&t, PROTO_IN, &b);
	PUT(&b, 0, "\3selec");
	send(&t, PROTO_OUT, &b);
	PUT(&b, 1, "\xff\x28\4#42000You have an error");
	send(&t, PROTO_IN, &b);
	PUT(&b, 0, "\1");
	send(&t, PROTO_OUT, &b);
	CHECK_INT(t.conn.role, PROTO_CLIENT);
	check(&t,
	      "mysql out command=Connect error_code=0 user=joe database=shop response_bytes=11\n"
	      "mysql out command=Query query=select a, b from t rows=3 error_code=0 user=joe database=shop request_bytes=23 "
	      "response_bytes=64 duration=1000\n"
	      "mysql out command=Query query=update t rows=300 error_code=0 user=joe database=shop request_bytes=13 "
	      "response_bytes=13 duration=1000\n"
	      "mysql out command=Query query=selec error_code=1064 error=You have an error user=joe database=shop "
	      "request_bytes=10 response_bytes=30 duration=1000\n");
}

TEST(end_without_eof_and_more_results)
{
	STRBUF_AUTO b = { 0 };
	struct talk t;

	begin(&t, &b, PROTO_IN);
	PUT(&b, 0, "\3\0\1select 1; select 2"); /* no attributes, as MySQL 8 writes it */
	send(&t, PROTO_IN, &b);
	PUT(&b, 1, "\1");
	PUT(&b, 2, "def");
	PUT(&b, 3,
	    "\1"
	    "1");
	PUT(&b, 4, "\xfe\0\0\x0a\0\0\0");
	PUT(&b, 5, "\1");
	PUT(&b, 6, "def");
	PUT(&b, 7, "\xfe\0\0\2\0\0\0"); /* no row */
	send(&t, PROTO_OUT, &b);
	PUT(&b, 0, "\2other");
	send(&t, PROTO_IN, &b);
	PUT(&b, 1, "\0\0\0\2\0\0\0");
	send(&t, PROTO_OUT, &b);
	PUT(&b, 0, "\x0e");
	send(&t, PROTO_IN, &b);
	PUT(&b, 1, "\0\0\0\2\0\0\0");
	send(&t, PROTO_OUT, &b);
	check(&t,
	      "mysql in command=Connect error_code=0 user=joe database=shop response_bytes=11\n"
	      "mysql in command=Query query=select 1; select 2 rows=1 error_code=0 user=joe database=shop request_bytes=25 "
	      "response_bytes=52\n"
	      "mysql in command=Init DB query=other error_code=0 user=joe database=shop request_bytes=10 response_bytes=11\n"
	      "mysql in command=Ping error_code=0 user=joe database=other request_bytes=5 response_bytes=11\n");
}

TEST(prepared_statements)
{
	STRBUF_AUTO b = { 0 };
	struct talk t;

	begin(&t, &b, PROTO_IN);
	strbuf_clear(&t.out);
	PUT(&b, 0, "\x16select ? from t");
	send(&t, PROTO_IN, &b);
	PUT(&b, 1, "\0\7\0\0\0\1\0\1\0\0\0\0");
	PUT(&b, 2, "def?");
	PUT(&b, 3, EOF_PACKET);
	PUT(&b, 4, "def a");
	PUT(&b, 5, EOF_PACKET);
	send(&t, PROTO_OUT, &b);
	PUT(&b, 0, "\x17\7\0\0\0\0\1\0\0\0\0\1\3\0\5\0\0\0");
	send(&t, PROTO_IN, &b);
	PUT(&b, 1, "\1");
	PUT(&b, 2, "def a");
	PUT(&b, 3, EOF_PACKET);
	PUT(&b, 4, "\0\0\5\0\0\0");
	PUT(&b, 5, "\0\0\6\0\0\0");
	PUT(&b, 6, EOF_PACKET);
	send(&t, PROTO_OUT, &b);
	/* MariaDB: the newest statement, its definitions left out; then a cursor */
	PUT(&b, 0, "\x17\xff\xff\xff\xff\0\1\0\0\0");
	send(&t, PROTO_IN, &b);
	PUT(&b, 1, "\1\0");
	PUT(&b, 2, "\0\0\5\0\0\0");
	PUT(&b, 3, EOF_PACKET);
	send(&t, PROTO_OUT, &b);
	PUT(&b, 0, "\x17\7\0\0\0\1\1\0\0\0");
	send(&t, PROTO_IN, &b);
	PUT(&b, 1, "\1");
	PUT(&b, 2, "def a");
	PUT(&b, 3, "\xfe\0\0\x42\0");
	send(&t, PROTO_OUT, &b);
	PUT(&b, 0, "\x1c\7\0\0\0\1\0\0\0");
	send(&t, PROTO_IN, &b);
	PUT(&b, 1, "\0\0\5\0\0\0");
	PUT(&b, 2, EOF_PACKET);
	send(&t, PROTO_OUT, &b);
	PUT(&b, 0, "\x19\7\0\0\0");
	PUT(&b, 0, "\x17\7\0\0\0\0\1\0\0\0");
	send(&t, PROTO_IN, &b);
	PUT(&b, 1, "\xff\xdb\4#HY000Unknown prepared statement handler");
	send(&t, PROTO_OUT, &b);
	check(&t,
	      "mysql in command=Prepare query=select ? from t error_code=0 user=joe database=shop request_bytes=20 response_bytes=16\n"
	      "mysql in command=Execute query=select ? from t rows=2 error_code=0 user=joe database=shop request_bytes=22 response_bytes=52\n"
	      "mysql in command=Execute query=select ? from t rows=1 error_code=0 user=joe database=shop request_bytes=14 response_bytes=25\n"
	      "mysql in command=Execute query=select ? from t rows=0 error_code=0 user=joe database=shop request_bytes=14 response_bytes=23\n"
	      "mysql in command=Fetch query=select ? from t rows=1 error_code=0 user=joe database=shop request_bytes=13 response_bytes=19\n"
	      "mysql in command=Execute query=<unknown> error_code=1243 error=Unknown prepared statement handler user=joe "
	      "database=shop request_bytes=14 response_bytes=47\n");
}

TEST(big_packets)
{
	STRBUF_AUTO b = { 0 };
	STRBUF_AUTO big = { 0 };
	struct talk t;

	begin(&t, &b, PROTO_OUT);
	strbuf_clear(&t.out);
	strbuf_puts(&big, "\3insert ");
	strbuf_fill(&big, 'x', 0xffffff - big.n);
	put(&b, 0, big.p, big.n);
	PUT(&b, 1, "the end");
	send(&t, PROTO_OUT, &b);
	PUT(&b, 2, "\0\1\0\2\0\0\0");
	send(&t, PROTO_IN, &b);
	CHECK_INT(t.n_messages, 1);
	talk_end(&t);
	CHECK_INT(t.n_messages, 2);
	talk_free(&t);
}

TEST(refused_compressed_and_tls)
{
	STRBUF_AUTO b = { 0 };
	struct talk t;

	talk_begin(&t, &proto_mysql);
	put(&b, 0, greeting, sizeof(greeting) - 1);
	send(&t, PROTO_IN, &b);
	put_login(&b, "\x88\x82\x08\0");
	send(&t, PROTO_OUT, &b);
	PUT(&b, 2, "\xff\x15\4#28000Access denied");
	send(&t, PROTO_IN, &b);
	check(&t,
	      "mysql out command=Connect error_code=1045 error=Access denied user=joe database=shop response_bytes=26\n");
	talk_begin(&t, &proto_mysql);
	put(&b, 0, greeting, sizeof(greeting) - 1);
	send(&t, PROTO_IN, &b);
	put_login(&b, "\xa8\x82\x08\0");
	send(&t, PROTO_OUT, &b);
	PUT(&b, 2, "\0\0\0\2\0\0\0");
	send(&t, PROTO_IN, &b);
	CHECK(t.conn.is_ignored);
	check(&t,
	      "mysql out command=Connect error_code=0 error=compressed: the commands of this connection are not decoded "
	      "user=joe database=shop response_bytes=11\n");
	talk_begin(&t, &proto_mysql);
	put(&b, 0, greeting, sizeof(greeting) - 1);
	send(&t, PROTO_IN, &b);
	PUT(&b, 1, "\x88\x8a\x08\0\0\0\0\1\x21\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
	send(&t, PROTO_OUT, &b);
	CHECK(t.conn.is_ignored);
	check(&t, "");
}

TEST(from_the_middle_and_gaps)
{
	STRBUF_AUTO b = { 0 };
	struct talk t;

	talk_begin(&t, &proto_mysql);
	talk_out(&t, "rows of something");
	PUT(&b, 0, "\3select 1");
	talk_bytes(&t, PROTO_IN, b.p, 4); /* servers read the head alone */
	talk_bytes(&t, PROTO_IN, b.p + 4, b.n - 4);
	strbuf_clear(&b);
	PUT(&b, 1, "\1");
	PUT(&b, 2, "def");
	PUT(&b, 3, EOF_PACKET);
	PUT(&b, 4,
	    "\1"
	    "1");
	PUT(&b, 5, EOF_PACKET);
	send(&t, PROTO_OUT, &b);
	PUT(&b, 0, "\3select 2");
	send(&t, PROTO_IN, &b);
	talk_gap(&t, PROTO_OUT, 100);
	PUT(&b, 0, "\3select 3");
	send(&t, PROTO_IN, &b);
	PUT(&b, 1, "\0\0\0\2\0\0\0");
	send(&t, PROTO_OUT, &b);
	PUT(&b, 0, "\3select 4");
	send(&t, PROTO_IN, &b);
	PUT(&b, 1, "\0\0\0\2\0\0\0");
	send(&t, PROTO_OUT, &b);
	check(&t,
	      "mysql in command=Query query=select 1 rows=1 error_code=0 request_bytes=13 response_bytes=36\n"
	      "mysql in lost command=Query query=select 2 error_code=0 request_bytes=13\n"
	      "mysql in lost command=Query query=select 3 rows=0 error_code=0 request_bytes=13 response_bytes=11\n"
	      "mysql in command=Query query=select 4 rows=0 error_code=0 request_bytes=13 response_bytes=11\n");
}

TEST(recognised)
{
	static const struct {
		const char *bytes;
		size_t n;
		enum proto_match m;
	} rows[] = { { greeting, 4, PROTO_NO },
		     { "\x09\0\0\0\3select 1", 13, PROTO_YES },
		     { "\x09\0\0\0", 4, PROTO_MAYBE },
		     { "\x01\0\0\0\x0e", 5, PROTO_YES },
		     { "\x09\0\0\0\3\1\2\3", 8, PROTO_NO },
		     { "GET / HTTP/1.1\r\n", 16, PROTO_NO },
		     { "\0\0\0\4\0\0\0\0\0", 9, PROTO_NO },
		     { "Q\0\0\0\x0dSELECT 1\0", 14, PROTO_NO } };
	STRBUF_AUTO b = { 0 };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!CHECK_INT(proto_mysql.recognise(PROTO_OUT, (const uint8_t *)rows[i].bytes,
						     rows[i].n),
			       rows[i].m))
			printf("# row %zu\n", i);
	put(&b, 0, greeting, sizeof(greeting) - 1);
	CHECK_INT(proto_mysql.recognise(PROTO_IN, (const uint8_t *)b.p, b.n), PROTO_YES);
}

TEST(cuts_do_not_matter)
{
	STRBUF_AUTO out = { 0 };
	STRBUF_AUTO hello = { 0 };
	struct talk_call calls[4];
	char *whole;

	put(&hello, 0, greeting, sizeof(greeting) - 1);
	put_login(&out, "\x88\x82\x08\0");
	calls[0] = (struct talk_call){ PROTO_IN, hello.p, hello.n };
	calls[1] = (struct talk_call){ PROTO_OUT, out.p, out.n };
	calls[2] = (struct talk_call){ PROTO_IN, "\7\0\0\2\0\0\0\2\0\0\0", 11 };
	STRBUF_AUTO more = { 0 };
	PUT(&more, 0, "\3select 1");
	PUT(&more, 0, "\x16select ?");
	PUT(&more, 0, "\x17\7\0\0\0\0\1\0\0\0");
	PUT(&more, 0, "\1");
	STRBUF_AUTO back = { 0 };
	PUT(&back, 1, "\1");
	PUT(&back, 2, "def");
	PUT(&back, 3,
	    "\1"
	    "1");
	PUT(&back, 4, "\xfe\0\0\2\0\0\0");
	PUT(&back, 1, "\0\7\0\0\0\1\0\1\0\0\0\0");
	PUT(&back, 2, "def?");
	PUT(&back, 3, EOF_PACKET);
	PUT(&back, 1, "\xff\xdb\4#HY000Unknown");
	struct talk_call all[] = { calls[0],
				   calls[1],
				   calls[2],
				   { PROTO_OUT, more.p, more.n },
				   { PROTO_IN, back.p, back.n } };
	whole = talk_replay(&proto_mysql, all, 5, 0);
	CHECK_HAS(whole, "command=Execute query=<unknown> error_code=1243");
	for (unsigned cut = 1; cut < 300; cut++) {
		char *parts = talk_replay(&proto_mysql, all, 5, cut);
		bool same = CHECK_STR(parts, whole);

		free(parts);
		if (!same)
			break;
	}
	free(whole);
}
