/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The postgres decoder: conversations written by hand after the protocol's documentation. */
#include "proto/decoders.h"
#include "proto_fixture.h"
#include "tap.h"

static void check(struct talk *t, const char *want)
{
	CHECK_STR(talk_end(t), want);
	talk_free(t);
}

static void put32(struct strbuf *b, uint32_t v)
{
	for (int i = 24; i >= 0; i -= 8)
		strbuf_putc(b, (char)(v >> i));
}

/* a message; type 0: one of the start */
static void put(struct strbuf *b, char type, const void *p, size_t n)
{
	if (type)
		strbuf_putc(b, type);
	put32(b, (uint32_t)n + 4);
	strbuf_add(b, p, n);
}

#define PUT(b, type, lit) put(b, type, lit, sizeof(lit) - 1)

static void send(struct talk *t, enum proto_direction d, struct strbuf *b)
{
	talk_bytes(t, d, b->p, b->n);
	strbuf_clear(b);
}

static void put_start(struct strbuf *b)
{
	PUT(b, 0, "\0\3\0\0user\0joe\0database\0shop\0\0");
}

static void put_answer(struct strbuf *b)
{
	PUT(b, 'R', "\0\0\0\0");
	PUT(b, 'S',
	    "server_version\0"
	    "15\0");
	PUT(b, 'K', "\0\0\0\7\0\0\0\1");
	PUT(b, 'Z', "I");
}

TEST(simple_query)
{
	STRBUF_AUTO b = { 0 };
	struct talk t;

	talk_begin(&t, &proto_postgres);
	t.with_times = true;
	PUT(&b, 0, "\x04\xd2\x16\x2f");
	send(&t, PROTO_OUT, &b);
	talk_in(&t, "N");
	put_start(&b);
	send(&t, PROTO_OUT, &b);
	put_answer(&b);
	send(&t, PROTO_IN, &b);
	PUT(&b, 'Q', "SELECT 1\0");
	send(&t, PROTO_OUT, &b);
	PUT(&b, 'T', "\0\0");
	PUT(&b, 'D',
	    "\0\1\0\0\0\1"
	    "1");
	PUT(&b, 'C', "SELECT 1\0");
	PUT(&b, 'Z', "I");
	send(&t, PROTO_IN, &b);
	CHECK_INT(t.conn.role, PROTO_CLIENT);
	PUT(&b, 'Q', "INSERT a; UPDATE b; BEGIN\0");
	send(&t, PROTO_OUT, &b);
	PUT(&b, 'C', "INSERT 0 3\0");
	send(&t, PROTO_IN, &b);
	PUT(&b, 'C', "UPDATE 2\0");
	PUT(&b, 'C', "BEGIN\0");
	PUT(&b, 'Z', "T");
	send(&t, PROTO_IN, &b);
	check(&t,
	      "postgres out query=SELECT 1 tag=SELECT 1 rows=1 user=joe database=shop request_bytes=14 "
	      "response_bytes=39 duration=1000\n"
	      "postgres out query=INSERT a; UPDATE b; BEGIN tag=INSERT 0 3; UPDATE 2; BEGIN rows=5 user=joe database=shop "
	      "request_bytes=31 response_bytes=47 duration=2000\n");
}

TEST(extended_protocol)
{
	STRBUF_AUTO b = { 0 };
	struct talk t;

	talk_begin(&t, &proto_postgres);
	put_start(&b);
	send(&t, PROTO_IN, &b);
	put_answer(&b);
	send(&t, PROTO_OUT, &b);
	PUT(&b, 'P', "s1\0SELECT $1, $2, $3\0\0\0");
	PUT(&b, 'D', "Ss1\0");
	PUT(&b, 'S', "");
	send(&t, PROTO_IN, &b);
	PUT(&b, '1', "");
	PUT(&b, 't', "\0\0");
	PUT(&b, 'n', "");
	PUT(&b, 'Z', "I");
	send(&t, PROTO_OUT, &b);
	for (int i = 0; i < 2; i++) {
		PUT(&b, 'B',
		    "\0s1\0\0\3\0\0\0\0\0\1\0\3\0\0\0\2a'\xff\xff\xff\xff\0\0\0\2\1\x2a\0\0");
		PUT(&b, 'E', "\0\0\0\0\0");
	}
	PUT(&b, 'S', "");
	send(&t, PROTO_IN, &b);
	for (int i = 0; i < 2; i++) {
		PUT(&b, '2', "");
		PUT(&b, 'D', "\0\0");
		PUT(&b, 'D', "\0\0");
		PUT(&b, 'C', "SELECT 2\0");
	}
	PUT(&b, 'Z', "I");
	send(&t, PROTO_OUT, &b);
	PUT(&b, 'C', "Ss1\0");
	PUT(&b, 'B', "\0s1\0\0\0\0\0\0\0");
	PUT(&b, 'E', "\0\0\0\0\0");
	PUT(&b, 'S', "");
	send(&t, PROTO_IN, &b);
	PUT(&b, '3', "");
	PUT(&b, '2', "");
	PUT(&b, 's', "");
	PUT(&b, 'Z', "I");
	send(&t, PROTO_OUT, &b);
	check(&t,
	      "postgres in query=SELECT $1, $2, $3 statement=s1 tag=SELECT 2 parameters=$1 = 'a''', $2 = NULL, $3 = \\x012a "
	      "rows=2 user=joe database=shop request_bytes=47 response_bytes=33\n"
	      "postgres in query=SELECT $1, $2, $3 statement=s1 tag=SELECT 2 parameters=$1 = 'a''', $2 = NULL, $3 = \\x012a "
	      "rows=2 user=joe database=shop request_bytes=47 response_bytes=33\n"
	      "postgres in query=<unknown> statement=s1 rows=0 user=joe database=shop request_bytes=34 response_bytes=15\n");
}

TEST(errors)
{
	STRBUF_AUTO b = { 0 };
	struct talk t;

	talk_begin(&t, &proto_postgres);
	put_start(&b);
	send(&t, PROTO_OUT, &b);
	put_answer(&b);
	send(&t, PROTO_IN, &b);
	PUT(&b, 'Q', "SELEC\0");
	send(&t, PROTO_OUT, &b);
	PUT(&b, 'E', "SERROR\0C42601\0Msyntax error\0\0");
	PUT(&b, 'Z', "I");
	send(&t, PROTO_IN, &b);
	/* a wrong text in the extended protocol: what follows up to Sync is not executed */
	PUT(&b, 'P', "\0SELEC 2\0\0\0");
	PUT(&b, 'B', "\0\0\0\0\0\0\0\0");
	PUT(&b, 'E', "\0\0\0\0\0");
	PUT(&b, 'S', "");
	PUT(&b, 'Q', "SELECT 3\0");
	send(&t, PROTO_OUT, &b);
	PUT(&b, 'E', "SERROR\0C42601\0Msyntax error\0\0");
	PUT(&b, 'Z', "I");
	PUT(&b, 'C', "SELECT 0\0");
	PUT(&b, 'Z', "I");
	send(&t, PROTO_IN, &b);
	PUT(&b, 'E', "SFATAL\0C57P01\0Mterminating connection\0\0");
	send(&t, PROTO_IN, &b);
	check(&t,
	      "postgres out query=SELEC error=syntax error code=42601 user=joe database=shop request_bytes=11 "
	      "response_bytes=40\n"
	      "postgres out query=SELEC 2 error=syntax error code=42601 user=joe database=shop response_bytes=34\n"
	      "postgres out query=SELECT 3 tag=SELECT 0 rows=0 user=joe database=shop request_bytes=14 response_bytes=20\n"
	      "postgres out error=terminating connection code=57P01 user=joe database=shop response_bytes=44\n");
}

TEST(tls_copies_and_replication)
{
	STRBUF_AUTO b = { 0 };
	struct talk t;

	talk_begin(&t, &proto_postgres);
	PUT(&b, 0, "\x04\xd2\x16\x2f");
	send(&t, PROTO_OUT, &b);
	talk_in(&t, "S");
	CHECK(t.conn.is_ignored);
	check(&t, "");
	talk_begin(&t, &proto_postgres);
	put_start(&b);
	send(&t, PROTO_OUT, &b);
	put_answer(&b);
	send(&t, PROTO_IN, &b);
	PUT(&b, 'Q', "COPY t FROM STDIN\0");
	send(&t, PROTO_OUT, &b);
	PUT(&b, 'G', "\0\0\0");
	send(&t, PROTO_IN, &b);
	PUT(&b, 'd', "Q\0\0\0\x0cSELECT\0\n");
	PUT(&b, 'c', "");
	send(&t, PROTO_OUT, &b);
	PUT(&b, 'C', "COPY 1\0");
	PUT(&b, 'Z', "I");
	send(&t, PROTO_IN, &b);
	PUT(&b, 'Q', "START_REPLICATION\0");
	send(&t, PROTO_OUT, &b);
	PUT(&b, 'W', "\0\0\0");
	send(&t, PROTO_IN, &b);
	CHECK(t.conn.is_ignored);
	check(&t,
	      "postgres out query=COPY t FROM STDIN tag=COPY 1 rows=1 user=joe database=shop request_bytes=23 "
	      "response_bytes=26\n"
	      "postgres out query=START_REPLICATION user=joe database=shop request_bytes=23\n");
}

TEST(from_the_middle_and_gaps)
{
	STRBUF_AUTO b = { 0 };
	struct talk t;

	talk_begin(&t, &proto_postgres);
	talk_in(&t, "of a row");
	PUT(&b, 'D',
	    "\0\1\0\0\0\1"
	    "1");
	PUT(&b, 'C', "SELECT 1\0");
	PUT(&b, 'Z', "I");
	send(&t, PROTO_IN, &b);
	PUT(&b, 'B', "\0old\0\0\0\0\0\0\0");
	PUT(&b, 'E', "\0\0\0\0\0");
	PUT(&b, 'S', "");
	send(&t, PROTO_OUT, &b);
	PUT(&b, '2', "");
	PUT(&b, 'C', "SELECT 7\0");
	PUT(&b, 'Z', "I");
	send(&t, PROTO_IN, &b);
	PUT(&b, 'Q', "SELECT 1\0");
	send(&t, PROTO_OUT, &b);
	PUT(&b, 'D', "0123456789");
	talk_bytes(&t, PROTO_IN, b.p, 9);
	strbuf_clear(&b);
	talk_gap(&t, PROTO_IN, 4);
	talk_in(&t, "89");
	PUT(&b, 'C', "SELECT 1\0");
	PUT(&b, 'Z', "I");
	send(&t, PROTO_IN, &b);
	PUT(&b, 'Q', "SELECT 2\0");
	send(&t, PROTO_OUT, &b);
	talk_gap(&t, PROTO_IN, PROTO_LOST_UNKNOWN);
	PUT(&b, 'Q', "SELECT 3\0");
	send(&t, PROTO_OUT, &b);
	PUT(&b, 'C', "SELECT 3\0");
	PUT(&b, 'Z', "I");
	send(&t, PROTO_IN, &b);
	check(&t,
	      "postgres out query=<unknown> statement=old tag=SELECT 7 rows=7 request_bytes=26 response_bytes=19\n"
	      "postgres out query=SELECT 1 tag=SELECT 1 rows=1 request_bytes=14 response_bytes=35\n"
	      "postgres out lost query=SELECT 2 request_bytes=14\n"
	      "postgres out lost query=SELECT 3 tag=SELECT 3 rows=3 request_bytes=14 response_bytes=20\n");
}

TEST(many_names_are_bounded)
{
	STRBUF_AUTO b = { 0 };
	STRBUF_AUTO p = { 0 };
	struct talk t;

	talk_begin(&t, &proto_postgres);
	t.conn.max_bytes = 100000;
	for (int i = 0; i < 5000; i++) {
		strbuf_printf(&p, "s%d", i);
		strbuf_putc(&p, 0);
		strbuf_fill(&p, 'x', 100);
		strbuf_add(&p, "\0\0\0", 3);
		put(&b, 'P', p.p, p.n);
		strbuf_clear(&p);
		send(&t, PROTO_OUT, &b);
		CHECK(proto_postgres.memory(t.state) < 1000000);
	}
	check(&t, "");
}

TEST(recognised)
{
	static const struct {
		const char *bytes;
		size_t n;
		enum proto_match m;
	} rows[] = { { "\0\0\0\x08\x04\xd2\x16\x2f", 8, PROTO_YES },
		     { "\0\0\0\x29\0\3\0\0user", 12, PROTO_YES },
		     { "\0\0", 2, PROTO_MAYBE },
		     { "Q\0\0\0\x0dSELECT 1\0", 14, PROTO_YES },
		     { "Q\0\0\0\x0dSELE", 9, PROTO_MAYBE },
		     { "QUIT\r\n", 6, PROTO_NO },
		     { "POST / HTTP/1.1\r\n", 17, PROTO_NO },
		     { "R\0\0\0\x08\0\0\0\0Z\0\0\0\5I", 15, PROTO_YES },
		     { "\0\0\0\0\0\0\0\0\0", 9, PROTO_NO },
		     { "HTTP/1.1 200 OK\r\n", 17, PROTO_NO } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!CHECK_INT(proto_postgres.recognise(PROTO_OUT, (const uint8_t *)rows[i].bytes,
							rows[i].n),
			       rows[i].m))
			printf("# row %zu\n", i);
}

TEST(cuts_do_not_matter)
{
	STRBUF_AUTO out = { 0 };
	STRBUF_AUTO in = { 0 };
	struct talk_call calls[2];
	char *whole;

	put_start(&out);
	put_answer(&in);
	PUT(&out, 'Q', "SELECT 1\0");
	PUT(&out, 'P', "a\0SELECT $1\0\0\0");
	PUT(&out, 'B', "\0a\0\0\0\0\1\0\0\0\3abc\0\0");
	PUT(&out, 'E', "\0\0\0\0\0");
	PUT(&out, 'S', "");
	PUT(&out, 'Q', "SELEC\0");
	PUT(&out, 'X', "");
	PUT(&in, 'D',
	    "\0\1\0\0\0\1"
	    "1");
	PUT(&in, 'C', "SELECT 1\0");
	PUT(&in, 'Z', "I");
	PUT(&in, '1', "");
	PUT(&in, '2', "");
	PUT(&in, 'N', "SNOTICE\0Mhm\0\0");
	PUT(&in, 'C', "SELECT 9\0");
	PUT(&in, 'Z', "I");
	PUT(&in, 'E', "SERROR\0C42601\0Msyntax error\0\0");
	PUT(&in, 'Z', "I");
	calls[0] = (struct talk_call){ PROTO_OUT, out.p, out.n };
	calls[1] = (struct talk_call){ PROTO_IN, in.p, in.n };
	whole = talk_replay(&proto_postgres, calls, 2, 0);
	CHECK_HAS(whole, "query=SELEC error=syntax error");
	CHECK_HAS(whole, "parameters=$1 = 'abc' rows=9");
	for (unsigned cut = 1; cut < 300; cut++) {
		char *parts = talk_replay(&proto_postgres, calls, 2, cut);
		bool same = CHECK_STR(parts, whole);

		free(parts);
		if (!same)
			break;
	}
	free(whole);
}
