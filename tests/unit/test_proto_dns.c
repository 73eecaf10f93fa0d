/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The dns decoder: messages written by hand after RFC 1035. */
#include "proto/decoders.h"
#include "proto_fixture.h"
#include "tap.h"

#define HEAD(id, flags, answers) id flags "\0\1\0" answers "\0\0\0\0"
#define NAME "\3www\7example\3org\0"
#define A NAME "\0\1\0\1"
#define AAAA NAME "\0\x1c\0\1"
#define QUERY(id, question) HEAD(id, "\1\0", "\0") question

static void check(struct talk *t, const char *want)
{
	CHECK_STR(talk_end(t), want);
	talk_free(t);
}

#define SEND(t, d, lit) talk_bytes(t, d, lit, sizeof(lit) - 1)

TEST(two_questions_over_udp)
{
	struct talk t;

	talk_begin(&t, &proto_dns);
	t.with_times = true;
	SEND(&t, PROTO_OUT, QUERY("\0\1", A));
	SEND(&t, PROTO_OUT, QUERY("\0\2", AAAA));
	SEND(&t, PROTO_IN, HEAD("\0\2", "\x81\x83", "\0") AAAA);
	SEND(&t, PROTO_IN,
	     HEAD("\0\1", "\x81\x80", "\3") A "\xc0\x0c\0\5\0\1\0\0\0\x3c\0\6\3web\xc0\x10"
					      "\xc0\x2d\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1"
					      "\xc0\x2d\0\x10\0\1\0\0\0\x3c\0\3\2hi");
	CHECK_INT(t.conn.role, PROTO_CLIENT);
	check(&t,
	      "dns out name=www.example.org type=AAAA rcode=NXDOMAIN n_answers=0 query_id=2 duration=1000\n"
	      "dns out name=www.example.org type=A rcode=NOERROR answers=web.example.org 192.0.2.1 TXT n_answers=3 query_id=1 "
	      "duration=3000\n");
}

TEST(asked_again_and_never_answered)
{
	struct talk t;

	talk_begin(&t, &proto_dns);
	t.with_times = true;
	SEND(&t, PROTO_IN, QUERY("\0\1", A));
	SEND(&t, PROTO_IN, QUERY("\0\1", A));
	SEND(&t, PROTO_IN, QUERY("\0\3", AAAA));
	SEND(&t, PROTO_OUT, HEAD("\0\1", "\x81\x82", "\0") A);
	SEND(&t, PROTO_OUT, HEAD("\0\7", "\x81\x80", "\0") A);
	CHECK_INT(t.conn.role, PROTO_SERVER);
	check(&t,
	      "dns in name=www.example.org type=A rcode=SERVFAIL n_answers=0 query_id=1 duration=3000\n"
	      "dns in lost name=www.example.org type=A rcode=NOERROR n_answers=0 query_id=7 duration=-1\n"
	      "dns in name=www.example.org type=AAAA query_id=3 duration=-1\n");
}

TEST(over_tcp_in_pieces)
{
	static const char question[] = "\0\x21" QUERY("\0\1", A);
	static const char answer[] = "\0\x31" HEAD("\0\1", "\x81\x80", "\1") A
		"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1"
		"\0\x21" HEAD("\0\2", "\x81\x80", "\0") A;
	struct talk t;

	talk_begin(&t, &proto_dns);
	SEND(&t, PROTO_OUT, question);
	talk_bytes(&t, PROTO_OUT, question, 2);
	talk_bytes(&t, PROTO_OUT, "\0\2", 2);
	talk_bytes(&t, PROTO_OUT, question + 4, sizeof(question) - 5);
	for (size_t i = 0; i < sizeof(answer) - 1; i++)
		talk_bytes(&t, PROTO_IN, answer + i, 1);
	check(&t,
	      "dns out name=www.example.org type=A rcode=NOERROR answers=192.0.2.1 n_answers=1 query_id=1\n"
	      "dns out name=www.example.org type=A rcode=NOERROR n_answers=0 query_id=2\n");
}

TEST(over_tcp_byte_by_byte)
{
	static const char question[] = "\0\x21" QUERY("\0\1", A);
	struct talk t;

	talk_begin(&t, &proto_dns);
	for (size_t i = 0; i < sizeof(question) - 1; i++)
		talk_bytes(&t, PROTO_OUT, question + i, 1);
	check(&t, "dns out name=www.example.org type=A query_id=1\n");
}

TEST(names_of_all_kinds)
{
	struct talk t;

	talk_begin(&t, &proto_dns);
	SEND(&t, PROTO_OUT, QUERY("\0\1", "\0\0\2\0\1"));
	SEND(&t, PROTO_OUT, QUERY("\0\2", "\3a.b\2\xff \0\0\x63\0\1"));
	SEND(&t, PROTO_OUT, QUERY("\0\3", "\1x\0\xff\0\0\1"));
	SEND(&t, PROTO_OUT, QUERY("\0\4", "\xc0\x0c\0\1\0\1")); /* refers to itself */
	check(&t, "dns out name=. type=NS query_id=1\n"
		  "dns out name=a\\.b.\\255\\032 type=SPF query_id=2\n"
		  "dns out name=x type=TYPE65280 query_id=3\n");
}

TEST(too_many_questions)
{
	struct talk t;
	char q[] = QUERY("\0\1", A);

	talk_begin(&t, &proto_dns);
	for (int i = 0; i < 1000; i++) {
		q[0] = (char)(i >> 8);
		q[1] = (char)i;
		talk_bytes(&t, PROTO_OUT, q, sizeof(q) - 1);
	}
	CHECK_INT(t.n_messages, 1000 - 256);
	talk_end(&t);
	CHECK_INT(t.n_messages, 1000);
	talk_free(&t);
}

TEST(recognised)
{
	static const char udp[] = QUERY("\x12\x34", A), tcp[] = "\0\x21" QUERY("\x12\x34", A);

	CHECK_INT(proto_dns.recognise(PROTO_OUT, (const uint8_t *)udp, sizeof(udp) - 1), PROTO_YES);
	CHECK_INT(proto_dns.recognise(PROTO_OUT, (const uint8_t *)tcp, sizeof(tcp) - 1), PROTO_YES);
	for (size_t n = 1; n < sizeof(tcp) - 1; n++) {
		if (n < sizeof(udp) - 1)
			CHECK_INT(proto_dns.recognise(PROTO_OUT, (const uint8_t *)udp, n),
				  PROTO_MAYBE);
		CHECK_INT(proto_dns.recognise(PROTO_OUT, (const uint8_t *)tcp, n), PROTO_MAYBE);
	}
	CHECK_INT(proto_dns.recognise(PROTO_OUT, (const uint8_t *)"GET / HTTP/1.1\r\n\r\n", 18),
		  PROTO_NO);
	CHECK_INT(proto_dns.recognise(PROTO_OUT,
				      (const uint8_t *)"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 18),
		  PROTO_NO);
	CHECK_INT(proto_dns.recognise(PROTO_OUT, (const uint8_t *)"*1\r\n$4\r\nPING\r\n", 14),
		  PROTO_NO);
}
