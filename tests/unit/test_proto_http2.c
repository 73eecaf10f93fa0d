/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The http decoder, HTTP/2: frames made by hand, header blocks by nghttp2's own deflater (which keeps a dynamic table as real
 * peers do), and the examples of RFC 7541 that need no deflater.
 */
#include "proto/decoders.h"
#include "proto/http_private.h"
#include "proto_fixture.h"
#include "tap.h"

#include <nghttp2/nghttp2.h>

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

struct peer {
	nghttp2_hd_deflater *deflater;
};

struct header {
	const char *name, *value;
};

static void put_frame(struct strbuf *b, uint8_t type, uint8_t flags, uint32_t stream, const void *p,
		      size_t n)
{
	const uint8_t head[9] = { (uint8_t)(n >> 16),
				  (uint8_t)(n >> 8),
				  (uint8_t)n,
				  type,
				  flags,
				  (uint8_t)(stream >> 24),
				  (uint8_t)(stream >> 16),
				  (uint8_t)(stream >> 8),
				  (uint8_t)stream };

	strbuf_add(b, head, 9);
	strbuf_add(b, p, n);
}

static size_t deflate(struct peer *peer, const struct header *h, uint8_t *out, size_t room)
{
	nghttp2_nv nv[16];
	size_t n = 0;

	if (!peer->deflater)
		nghttp2_hd_deflate_new(&peer->deflater, 4096);
	for (; h[n].name; n++)
		nv[n] = (nghttp2_nv){ (uint8_t *)h[n].name, (uint8_t *)h[n].value,
				      strlen(h[n].name), strlen(h[n].value), 0 };
	return (size_t)nghttp2_hd_deflate_hd(peer->deflater, out, room, nv, n);
}

static void put_headers(struct strbuf *b, struct peer *peer, uint8_t flags, uint32_t stream,
			const struct header *h)
{
	uint8_t block[4096];
	size_t n = deflate(peer, h, block, sizeof(block));

	put_frame(b, 1, flags | 4, stream, block, n);
}

#define HEADERS(...) ((const struct header[]){ __VA_ARGS__, { NULL, NULL } })
#define GET(path)                                                               \
	HEADERS({ ":method", "GET" }, { ":scheme", "http" }, { ":path", path }, \
		{ ":authority", "host.example" }, { "user-agent", "test/1" })

static void check(struct talk *t, const char *want)
{
	CHECK_STR(talk_end(t), want);
	talk_free(t);
}

static void send(struct talk *t, enum proto_direction d, struct strbuf *b)
{
	talk_bytes(t, d, b->p, b->n);
	strbuf_clear(b);
}

TEST(three_paths_interleaved)
{
	STRBUF_AUTO b = { 0 };
	struct peer client = { 0 }, server = { 0 };
	struct talk t;

	talk_begin(&t, &proto_http);
	t.with_times = true;
	strbuf_puts(&b, PREFACE);
	put_frame(&b, 4, 0, 0, "\0\3\0\0\0d", 6);
	put_headers(&b, &client, 1, 1, GET("/one"));
	send(&t, PROTO_OUT, &b);
	put_headers(&b, &client, 1, 3, GET("/two"));
	put_headers(&b, &client, 0, 5, HEADERS({ ":method", "POST" }, { ":path", "/three" }));
	put_frame(&b, 0, 1, 5, "body", 4);
	send(&t, PROTO_OUT, &b);
	put_frame(&b, 4, 0, 0, "", 0);
	put_headers(&b, &server, 1, 3, HEADERS({ ":status", "404" }));
	put_headers(&b, &server, 0, 1, HEADERS({ ":status", "103" }));
	put_headers(&b, &server, 0, 1,
		    HEADERS({ ":status", "200" }, { "content-type", "text/html" }));
	put_frame(&b, 0, 8, 1, "\3abcdefg\0\0\0", 11);
	send(&t, PROTO_IN, &b);
	put_headers(&b, &server, 0, 5, HEADERS({ ":status", "201" }));
	put_frame(&b, 0, 1, 1, "xyz", 3);
	put_frame(&b, 0, 1, 5, "", 0);
	send(&t, PROTO_IN, &b);
	CHECK_INT(t.conn.role, PROTO_CLIENT);
	check(&t,
	      "http out version=2 method=GET path=/two host=host.example status=404 user_agent=test/1 stream=3 "
	      "duration=1000 latency=1000\n"
	      "http out version=2 method=GET path=/one host=host.example status=200 response_bytes=10 "
	      "content_type=text/html user_agent=test/1 stream=1 duration=3000 latency=2000\n"
	      "http out version=2 method=POST path=/three status=201 request_bytes=4 stream=5 duration=2000 "
	      "latency=2000\n");
	nghttp2_hd_deflate_del(client.deflater);
	nghttp2_hd_deflate_del(server.deflater);
}

TEST(grpc_trailers_and_resets)
{
	STRBUF_AUTO b = { 0 };
	struct peer client = { 0 }, server = { 0 };
	struct talk t;

	talk_begin(&t, &proto_http);
	strbuf_puts(&b, PREFACE);
	put_headers(&b, &client, 0, 1,
		    HEADERS({ ":method", "POST" }, { ":path", "/pkg.Svc/Call" }));
	put_frame(&b, 0, 1, 1, "\0\0\0\0\2ab", 7);
	put_headers(&b, &client, 0, 3, GET("/cancelled"));
	put_frame(&b, 3, 0, 3, "\0\0\0\x08", 4);
	put_headers(&b, &client, 0, 5, GET("/never"));
	send(&t, PROTO_IN, &b);
	put_headers(&b, &server, 0, 1,
		    HEADERS({ ":status", "200" }, { "content-type", "application/grpc" }));
	put_frame(&b, 0, 0, 1, "\0\0\0\0\1x", 6);
	put_headers(&b, &server, 1, 1,
		    HEADERS({ "grpc-status", "5" }, { "grpc-message", "not there" }));
	put_headers(&b, &server, 0, 3, HEADERS({ ":status", "200" }));
	send(&t, PROTO_OUT, &b);
	CHECK_INT(t.conn.role, PROTO_SERVER);
	check(&t,
	      "http in version=2 method=GET path=/cancelled host=host.example user_agent=test/1 stream=3 "
	      "note=reset: CANCEL\n"
	      "http in version=2 method=POST path=/pkg.Svc/Call status=200 request_bytes=7 response_bytes=6 "
	      "content_type=application/grpc grpc_status=5 grpc_message=not there stream=1\n"
	      "http in version=2 method=GET path=/never host=host.example user_agent=test/1 stream=5 "
	      "note=no response\n");
	nghttp2_hd_deflate_del(client.deflater);
	nghttp2_hd_deflate_del(server.deflater);
}

TEST(continuation_padding_priority)
{
	STRBUF_AUTO b = { 0 };
	struct peer client = { 0 };
	uint8_t block[4096], part[64] = { 4, 0, 0, 0, 9, 200 };
	size_t n = deflate(&client, GET("/cut/in/three"), block, sizeof(block));
	struct talk t;

	talk_begin(&t, &proto_http);
	strbuf_puts(&b, PREFACE);
	memcpy(part + 6, block, 5);
	put_frame(&b, 1, 0x29, 1, part,
		  6 + 5 + 4); /* padded by 4, with a priority, the stream ends */
	put_frame(&b, 9, 0, 1, block + 5, 3);
	put_frame(&b, 9, 4, 1, block + 8, n - 8);
	send(&t, PROTO_OUT, &b);
	check(&t,
	      "http out version=2 method=GET path=/cut/in/three host=host.example user_agent=test/1 stream=1 "
	      "note=no response\n");
	nghttp2_hd_deflate_del(client.deflater);
}

TEST(from_the_middle_unknown_is_said)
{
	STRBUF_AUTO b = { 0 };
	struct peer client = { 0 }, server = { 0 };
	struct talk t;

	put_headers(&b, &client, 1, 1, GET("/before"));
	put_headers(&b, &server, 1, 1,
		    HEADERS({ ":status", "200" }, { "content-type", "text/odd" }));
	strbuf_clear(&b);
	/* nghttp2 puts no path into the table; stream 2001 is of a peer that does: GET and entry 69 */
	talk_begin(&t, &proto_http);
	put_headers(&b, &client, 1, 3, GET("/before"));
	send(&t, PROTO_OUT, &b);
	put_headers(&b, &server, 1, 3,
		    HEADERS({ ":status", "200" }, { "content-type", "text/odd" }));
	send(&t, PROTO_IN, &b);
	put_headers(&b, &client, 1, 5, GET("/after"));
	put_headers(&b, &client, 1, 7, GET("/after"));
	put_frame(&b, 1, 5, 2001, "\x82\xc5", 2);
	send(&t, PROTO_OUT, &b);
	put_headers(&b, &server, 1, 5, HEADERS({ ":status", "404" }, { "content-type", "x/new" }));
	put_headers(&b, &server, 1, 7, HEADERS({ ":status", "200" }, { "content-type", "x/new" }));
	send(&t, PROTO_IN, &b);
	check(&t,
	      "http out version=2 method=GET path=/before host=<unknown> status=200 stream=3\n"
	      "http out version=2 method=GET path=/after host=<unknown> status=404 content_type=x/new stream=5\n"
	      "http out version=2 method=GET path=/after host=<unknown> status=200 content_type=x/new stream=7\n"
	      "http out lost version=2 method=GET path=<unknown> host=<unknown> stream=2001 note=no response\n");
	nghttp2_hd_deflate_del(client.deflater);
	nghttp2_hd_deflate_del(server.deflater);
}

TEST(gap_between_frames)
{
	STRBUF_AUTO b = { 0 };
	struct peer client = { 0 }, server = { 0 };
	char body[1000] = { 0 };
	struct talk t;

	talk_begin(&t, &proto_http);
	strbuf_puts(&b, PREFACE);
	put_headers(&b, &client, 1, 1, GET("/one"));
	send(&t, PROTO_OUT, &b);
	put_headers(&b, &server, 0, 1, HEADERS({ ":status", "200" }));
	put_frame(&b, 0, 0, 1, body, 1000);
	talk_bytes(&t, PROTO_IN, b.p, b.n - 900);
	talk_gap(&t, PROTO_IN, 800);
	talk_bytes(&t, PROTO_IN, body, 100);
	strbuf_clear(&b);
	put_frame(&b, 0, 1, 1, "end", 3);
	send(&t, PROTO_IN, &b);
	put_headers(&b, &client, 1, 3, GET("/lost"));
	strbuf_clear(&b);
	talk_gap(&t, PROTO_OUT, PROTO_LOST_UNKNOWN);
	put_headers(&b, &client, 1, 5, GET("/lost"));
	send(&t, PROTO_OUT, &b);
	check(&t,
	      "http out version=2 method=GET path=/one host=host.example status=200 response_bytes=1003 "
	      "user_agent=test/1 stream=1\n"
	      "http out version=2 method=GET path=/lost host=<unknown> stream=5 note=no response\n");
	nghttp2_hd_deflate_del(client.deflater);
	nghttp2_hd_deflate_del(server.deflater);
}

TEST(upgrade_of_http1)
{
	STRBUF_AUTO b = { 0 };
	struct peer client = { 0 }, server = { 0 };
	struct talk t;

	talk_begin(&t, &proto_http);
	talk_out(&t, "GET /up HTTP/1.1\r\nHost: h\r\nUpgrade: h2c\r\n\r\n");
	strbuf_puts(&b, "HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\n\r\n");
	put_frame(&b, 4, 0, 0, "", 0);
	put_headers(&b, &server, 0, 1, HEADERS({ ":status", "200" }));
	put_frame(&b, 0, 1, 1, "hello", 5);
	send(&t, PROTO_IN, &b);
	strbuf_puts(&b, PREFACE);
	put_headers(&b, &client, 1, 3, GET("/second"));
	send(&t, PROTO_OUT, &b);
	put_headers(&b, &server, 1, 3, HEADERS({ ":status", "200" }));
	send(&t, PROTO_IN, &b);
	check(&t,
	      "http out version=2 method=GET path=/up host=h status=200 response_bytes=5 stream=1 note=upgrade: h2c\n"
	      "http out version=2 method=GET path=/second host=host.example status=200 user_agent=test/1 stream=3\n");
	nghttp2_hd_deflate_del(client.deflater);
	nghttp2_hd_deflate_del(server.deflater);
}

static void join(void *arg, bool is_known, struct str name, struct str value)
{
	strbuf_printf(arg, "%s%.*s=%.*s|", is_known ? "" : "!", STR_ARG(name), STR_ARG(value));
}

/* RFC 7541, C.4: requests with Huffman coding, on one connection */
TEST(hpack_examples)
{
	static const uint8_t first[] = { 0x82, 0x86, 0x84, 0x41, 0x8c, 0xf1, 0xe3, 0xc2, 0xe5,
					 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff };
	static const uint8_t second[] = { 0x82, 0x86, 0x84, 0xbe, 0x58, 0x86,
					  0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf };
	STRBUF_AUTO b = { 0 };
	struct hpack *h = hpack_new();

	CHECK(hpack_decode(h, first, sizeof(first), join, &b));
	CHECK_STR(strbuf_cstr(&b), ":method=GET|:scheme=http|:path=/|:authority=www.example.com|");
	strbuf_clear(&b);
	CHECK(hpack_decode(h, second, sizeof(second), join, &b));
	CHECK_STR(strbuf_cstr(&b), ":method=GET|:scheme=http|:path=/|:authority=www.example.com|"
				   "cache-control=no-cache|");
	hpack_free(h);
	/* the second alone: what it refers to is not there, what it adds is */
	h = hpack_new();
	strbuf_clear(&b);
	CHECK(hpack_decode(h, second, sizeof(second), join, &b));
	CHECK(hpack_decode(h, (const uint8_t *)"\xbe\xbf", 2, join, &b));
	CHECK_STR(
		strbuf_cstr(&b),
		":method=GET|:scheme=http|:path=/|!=|cache-control=no-cache|cache-control=no-cache|!=|");
	/* a new value under a name that is not known keeps the numbers in step */
	strbuf_clear(&b);
	CHECK(hpack_decode(h, (const uint8_t *)"\x7f\x10\x01v\xbe\xbf", 6, join, &b));
	CHECK_STR(strbuf_cstr(&b), "!?=v|!?=v|cache-control=no-cache|");
	CHECK(!hpack_decode(h, (const uint8_t *)"\x40\x0aname", 6, join, &b));
	CHECK(!hpack_decode(h, (const uint8_t *)"\xff\xff\xff\xff\xff\xff\xff", 7, join, &b));
	hpack_free(h);
}

TEST(hpack_tables_grow_and_shrink)
{
	STRBUF_AUTO b = { 0 };
	struct hpack *h = hpack_new();

	/* updates: to 65536, to 16 M (kept as 65536), to 0 */
	CHECK(hpack_decode(h, (const uint8_t *)"\x3f\xe1\xff\x03\x82", 5, join, &b));
	CHECK(hpack_decode(h, (const uint8_t *)"\x3f\xe1\xff\xff\x07\x82", 6, join, &b));
	CHECK(hpack_decode(h, (const uint8_t *)"\x20\x82", 2, join, &b));
	CHECK_STR(strbuf_cstr(&b), ":method=GET|:method=GET|:method=GET|");
	hpack_free(h);
}

TEST(a_server_that_speaks_first)
{
	struct peer client = { 0 }, server = { 0 };
	struct strbuf b = { 0 };
	struct talk t;

	talk_begin(&t, &proto_http);
	put_frame(&b, 4, 0, 0, "\0\3\0\0\0\x80", 6);
	send(&t, PROTO_OUT, &b);
	strbuf_puts(&b, PREFACE);
	put_frame(&b, 4, 0, 0, "\0\3\0\0\0\x64", 6);
	put_headers(&b, &client, 1, 1, GET("/first"));
	send(&t, PROTO_IN, &b);
	put_headers(&b, &server, 1, 1, HEADERS({ ":status", "204" }));
	send(&t, PROTO_OUT, &b);
	put_headers(&b, &client, 1, 3, GET("/first"));
	send(&t, PROTO_IN, &b);
	put_headers(&b, &server, 1, 3, HEADERS({ ":status", "204" }));
	send(&t, PROTO_OUT, &b);
	strbuf_free(&b);
	nghttp2_hd_deflate_del(client.deflater);
	nghttp2_hd_deflate_del(server.deflater);
	check(&t,
	      "http in version=2 method=GET path=/first host=host.example status=204 user_agent=test/1 stream=1\n"
	      "http in version=2 method=GET path=/first host=host.example status=204 user_agent=test/1 stream=3\n");
}

TEST(recognised_without_a_preface)
{
	STRBUF_AUTO b = { 0 };
	struct peer server = { 0 };

	put_frame(&b, 4, 0, 0, "\0\3\0\0\0d", 6);
	CHECK_INT(proto_http.recognise(PROTO_IN, (uint8_t *)b.p, b.n), PROTO_YES);
	put_headers(&b, &server, 0, 1, HEADERS({ ":status", "200" }));
	CHECK_INT(proto_http.recognise(PROTO_IN, (uint8_t *)b.p, b.n), PROTO_YES);
	b.p[3] = 5;
	CHECK_INT(proto_http.recognise(PROTO_IN, (uint8_t *)b.p, b.n), PROTO_NO);
	CHECK_INT(proto_http.recognise(PROTO_IN, (const uint8_t *)"\0\0\0\0\0\0\0\0\0\0\0\0", 12),
		  PROTO_NO);
	/* PostgreSQL, MySQL, DNS over TCP */
	CHECK_INT(proto_http.recognise(PROTO_IN, (const uint8_t *)"Q\0\0\0\x0dSELECT 1", 14),
		  PROTO_NO);
	CHECK_INT(proto_http.recognise(PROTO_IN, (const uint8_t *)"\x21\0\0\0\x03select 1", 13),
		  PROTO_NO);
	CHECK_INT(proto_http.recognise(
			  PROTO_IN, (const uint8_t *)"\0\x1d\x12\x34\1\0\0\1\0\0\0\0\0\0\1x", 16),
		  PROTO_NO);
	nghttp2_hd_deflate_del(server.deflater);
}

TEST(cuts_do_not_matter)
{
	STRBUF_AUTO out = { 0 };
	STRBUF_AUTO in = { 0 };
	STRBUF_AUTO more = { 0 };
	struct peer client = { 0 }, server = { 0 };
	char path[32];
	char *whole;

	strbuf_puts(&out, PREFACE);
	put_frame(&out, 4, 0, 0, "\0\3\0\0\0d", 6);
	put_frame(&in, 4, 0, 0, "", 0);
	for (uint32_t i = 0; i < 6; i++) {
		snprintf(path, sizeof(path), "/path/%u", i);
		put_headers(&out, &client, i % 2, 2 * i + 1, GET(path));
		if (i % 2 == 0)
			put_frame(&out, 0, 9, 2 * i + 1, "\4some bytes", 11);
		put_headers(
			&in, &server, 0, 2 * i + 1,
			HEADERS({ ":status", i == 3 ? "500" : "200" }, { "content-type", path }));
		put_frame(&in, 0, 0, 2 * i + 1, "first part", 10);
		put_frame(&in, 6, 0, 0, "12345678", 8);
		put_frame(&in, 0, 1, 2 * i + 1, "second", 6);
		put_headers(&more, &client, 1, 2 * i + 101, GET(path));
	}
	whole = talk_replay(&proto_http,
			    (struct talk_call[]){ { PROTO_OUT, out.p, out.n },
						  { PROTO_IN, in.p, in.n },
						  { PROTO_OUT, more.p, more.n } },
			    3, 0);
	CHECK_HAS(whole, "path=/path/5");
	for (unsigned cut = 1; cut < 300; cut++) {
		char *parts = talk_replay(&proto_http,
					  (struct talk_call[]){ { PROTO_OUT, out.p, out.n },
								{ PROTO_IN, in.p, in.n },
								{ PROTO_OUT, more.p, more.n } },
					  3, cut);
		bool same = CHECK_STR(parts, whole);

		free(parts);
		if (!same)
			break;
	}
	free(whole);
	nghttp2_hd_deflate_del(client.deflater);
	nghttp2_hd_deflate_del(server.deflater);
}
