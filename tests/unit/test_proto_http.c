/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The http decoder, HTTP/1: conversations written by hand, with what RFC 9112 says about them. */
#include "proto/decoders.h"
#include "proto_fixture.h"
#include "tap.h"

#define OK(body) "HTTP/1.1 200 OK\r\nContent-Length: " body

static void check(struct talk *t, const char *want)
{
	CHECK_STR(talk_end(t), want);
	talk_free(t);
}

TEST(request_and_response)
{
	struct talk t;

	talk_begin(&t, &proto_http);
	t.with_times = true;
	talk_out(&t, "GET /a?b=1 HTTP/1.1\r\nHost: h:80\r\nUser-Agent: me\r\n\r\n");
	talk_in(&t, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\n");
	talk_in(&t, "hel");
	talk_in(&t, "lo");
	CHECK_INT(t.conn.role, PROTO_CLIENT);
	CHECK_INT(t.n_messages, 1);
	check(&t,
	      "http out version=1.1 method=GET path=/a?b=1 host=h:80 status=200 response_bytes=5 "
	      "content_type=text/plain user_agent=me duration=3000 latency=1000\n");
}

TEST(server_side_and_bodies)
{
	struct talk t;

	talk_begin(&t, &proto_http);
	talk_in(&t, "POST /p HTTP/1.0\r\ncontent-length:3\r\n\r\nabc");
	talk_out(&t, "HTTP/1.0 404 Not Found\n\nno such thing");
	talk_out(&t, ", really");
	CHECK_INT(t.n_messages, 0);
	CHECK_INT(t.conn.role, PROTO_SERVER);
	check(&t, "http in version=1.0 method=POST path=/p status=404 request_bytes=3 "
		  "response_bytes=21\n");
}

TEST(chunked_both_ways)
{
	struct talk t;

	talk_begin(&t, &proto_http);
	talk_out(&t,
		 "PUT /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\na;x=y\r\n0123");
	talk_out(&t, "456789\r\n0\r\nTrailer: x\r\n\r\nGET /next HTTP/1.1\r\n\r\n");
	talk_in(&t,
		"HTTP/1.1 201 Created\r\nTransfer-Encoding: gzip, chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n");
	talk_in(&t, OK("0") "\r\n\r\n");
	check(&t, "http out version=1.1 method=PUT path=/c status=201 request_bytes=15 "
		  "response_bytes=1\n"
		  "http out version=1.1 method=GET path=/next status=200\n");
}

TEST(pipelined_head_and_no_content)
{
	struct talk t;

	talk_begin(&t, &proto_http);
	talk_out(&t, "HEAD /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\nGET /3 HTTP/1.1\r\n\r\n");
	talk_in(&t, OK("1000") "\r\n\r\nHTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n");
	talk_in(&t, "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n");
	check(&t, "http out version=1.1 method=HEAD path=/1 status=200\n"
		  "http out version=1.1 method=GET path=/2 status=304\n"
		  "http out version=1.1 method=GET path=/3 status=204\n");
}

TEST(continue_then_body_or_none)
{
	struct talk t;

	talk_begin(&t, &proto_http);
	talk_out(&t, "POST /a HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
	talk_in(&t, "HTTP/1.1 100 Continue\r\n\r\n");
	talk_out(&t, "body");
	talk_in(&t, OK("2") "\r\n\r\nok");
	talk_out(&t, "POST /b HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
	talk_in(&t, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
	talk_out(&t, "GET /c HTTP/1.1\r\n\r\n");
	talk_in(&t, OK("0") "\r\n\r\n");
	check(&t, "http out version=1.1 method=POST path=/a status=200 request_bytes=4 "
		  "response_bytes=2\n"
		  "http out version=1.1 method=POST path=/b status=413\n"
		  "http out version=1.1 method=GET path=/c status=200\n");
}

TEST(upgrade_and_tunnel)
{
	struct talk t;

	talk_begin(&t, &proto_http);
	talk_out(&t, "GET /ws HTTP/1.1\r\nUpgrade: websocket\r\n\r\n");
	talk_in(&t, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x05hello");
	CHECK(t.conn.is_ignored);
	check(&t, "http out version=1.1 method=GET path=/ws status=101 note=upgrade: websocket\n");
	talk_begin(&t, &proto_http);
	talk_out(&t, "CONNECT h:443 HTTP/1.1\r\n\r\n");
	talk_in(&t, "HTTP/1.1 200 OK\r\n\r\n\x16\x03\x01");
	CHECK(t.conn.is_ignored);
	check(&t, "http out version=1.1 method=CONNECT path=h:443 status=200 note=tunnel\n");
}

TEST(unanswered_and_cut_short)
{
	struct talk t;

	talk_begin(&t, &proto_http);
	talk_out(&t, "GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n");
	talk_in(&t, OK("10") "\r\n\r\nhalf");
	check(&t, "http out version=1.1 method=GET path=/1 status=200 response_bytes=4 "
		  "note=response cut short\n"
		  "http out version=1.1 method=GET path=/2 note=no response\n");
}

TEST(from_the_middle)
{
	struct talk t;

	talk_begin(&t, &proto_http);
	t.with_times = true;
	talk_in(&t, "the rest of some body, GET /not HTTP/1.1\r\n\r\n");
	talk_in(&t, OK("2") "\r\n\r\nhi"); /* its request was not seen */
	talk_out(&t, "GET /seen HTTP/1.1\r\n\r\n");
	talk_in(&t, OK("2") "\r\n\r\nhi");
	check(&t,
	      "http out lost version=1.1 method=<unknown> path=<unknown> status=200 "
	      "response_bytes=2 duration=-1 latency=-1\n"
	      "http out version=1.1 method=GET path=/seen status=200 response_bytes=2 duration=1000 "
	      "latency=1000\n");
}

TEST(gap_in_a_body_is_counted)
{
	struct talk t;

	talk_begin(&t, &proto_http);
	talk_out(&t, "GET /big HTTP/1.1\r\n\r\n");
	talk_in(&t, OK("1000") "\r\n\r\n0123456789");
	talk_gap(&t, PROTO_IN, 980);
	talk_in(&t, "0123456789");
	talk_out(&t, "GET /next HTTP/1.1\r\n\r\n");
	talk_in(&t, OK("0") "\r\n\r\n");
	check(&t, "http out version=1.1 method=GET path=/big status=200 response_bytes=1000\n"
		  "http out version=1.1 method=GET path=/next status=200\n");
}

TEST(gap_over_a_message)
{
	struct talk t;

	talk_begin(&t, &proto_http);
	talk_out(&t, "GET /1 HTTP/1.1\r\n\r\n");
	talk_in(&t, OK("3"));
	talk_gap(&t, PROTO_IN, 500);
	talk_in(&t, "body of something\r\nHTTP/1.1 200 OK\r\n\r\n");
	talk_out(&t, "GET /2 HTTP/1.1\r\n\r\n");
	talk_in(&t, OK("3") "\r\n\r\nabc");
	talk_out(&t, "GET /3 HTTP/1.1\r\n\r\n");
	talk_gap(&t, PROTO_OUT, PROTO_LOST_UNKNOWN);
	talk_in(&t, OK("3") "\r\n\r\nabc");
	talk_out(&t, "GET /5 HTTP/1.1\r\n\r\n");
	talk_in(&t, OK("0") "\r\n\r\n");
	check(&t, "http out lost version=1.1 method=GET path=/1 status=200\n"
		  "http out version=1.1 method=GET path=/2 status=200 response_bytes=3\n"
		  "http out lost version=1.1 method=GET path=/3 status=200 response_bytes=3\n"
		  "http out version=1.1 method=GET path=/5 status=200\n");
}

TEST(a_lost_request_does_not_shift_the_answers)
{
	struct talk t;

	talk_begin(&t, &proto_http);
	talk_out(&t, "GET /1 HTTP/1.1\r\n\r\n");
	talk_gap(&t, PROTO_IN, PROTO_LOST_UNKNOWN); /* the whole answer */
	talk_out(&t, "GET /2 HTTP/1.1\r\n\r\n");
	talk_in(&t, OK("1") "\r\n\r\nx");
	check(&t, "http out lost version=1.1 method=GET path=/1\n"
		  "http out lost version=1.1 method=GET path=/2 status=200 response_bytes=1\n");
}

TEST(what_is_no_http)
{
	static const char *const no[] = { "GET key\r\n",
					  "GETX / HTTP/2.0\r\n",
					  "HTTP/2.0 200 OK\r\n",
					  "*1\r\n$4\r\nPING\r\n",
					  "OPTIONS rtsp://x RTSP/1.0\r\n",
					  "HTTP/1.1 2x0 OK\r\n",
					  "\x16\x03\x01\x02",
					  "SELECT 1",
					  "get / HTTP/1.1\r\n" };
	static const char *const yes[] = { "GET / HTTP/1.1\r\n",      "HTTP/1.1 200 OK\r\n",
					   "PRI * HTTP/2.0\r\n\r\n",  "BREW /pot HTTP/1.1\r\n",
					   "M-SEARCH * HTTP/1.1\r\n", "HTTP/1.0 404" };
	static const char *const maybe[] = { "G", "GET",        "GET /half", "BREW /p",
					     "H", "HTTP/1.1 2", "PRI" };

	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		if (!CHECK_INT(
			    proto_http.recognise(PROTO_OUT, (const uint8_t *)no[i], strlen(no[i])),
			    PROTO_NO))
			printf("# %s\n", no[i]);
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		if (!CHECK_INT(proto_http.recognise(PROTO_OUT, (const uint8_t *)yes[i],
						    strlen(yes[i])),
			       PROTO_YES))
			printf("# %s\n", yes[i]);
	for (size_t i = 0; i < sizeof(maybe) / sizeof(maybe[0]); i++)
		if (!CHECK_INT(proto_http.recognise(PROTO_OUT, (const uint8_t *)maybe[i],
						    strlen(maybe[i])),
			       PROTO_MAYBE))
			printf("# %s\n", maybe[i]);
}

TEST(broken_chunks_are_no_chunks)
{
	struct talk t;

	talk_begin(&t, &proto_http);
	talk_out(&t, "GET /x HTTP/1.1\r\n\r\n");
	talk_in(&t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
	talk_out(&t, "GET /y HTTP/1.1\r\n\r\n");
	talk_in(&t, OK("0") "\r\n\r\n");
	check(&t, "http out lost version=1.1 method=GET path=/x status=200\n"
		  "http out version=1.1 method=GET path=/y status=200\n");
}

TEST(requests_without_end_are_bounded)
{
	struct talk t;

	talk_begin(&t, &proto_http);
	t.conn.max_bytes = 0;
	for (int i = 0; i < 100; i++)
		talk_out(&t, "GET /again HTTP/1.1\r\n\r\n");
	CHECK(t.n_messages >= 84);
	talk_end(&t);
	CHECK_INT(t.n_messages, 100);
	talk_free(&t);
}

TEST(cuts_do_not_matter)
{
	static const char requests[] =
		"POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello world"
		"PUT /2 HTTP/1.1\r\nTransfer-Encoding: chunked\r\nUser-Agent: x y\r\n\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n"
		"HEAD /3 HTTP/1.1\r\n\r\nGET /4 HTTP/1.1\r\nX: y\r\n\r\n";
	static const char responses[] =
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12345"
		"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\nContent-Type: a/b\r\n\r\n3\r\nabc\r\n0\r\nT: u\r\n\r\n"
		"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nHTTP/1.1 500 Oh\r\n\r\nuntil the end";
	const struct talk_call calls[] = { { PROTO_OUT, requests, sizeof(requests) - 1 },
					   { PROTO_IN, responses, sizeof(responses) - 1 } };
	char *whole = talk_replay(&proto_http, calls, 2, 0);

	CHECK_HAS(whole, "path=/4 status=500 response_bytes=13");
	for (unsigned cut = 1; cut < 300; cut++) {
		char *parts = talk_replay(&proto_http, calls, 2, cut);
		bool same = CHECK_STR(parts, whole);

		free(parts);
		if (!same)
			break;
	}
	free(whole);
}
