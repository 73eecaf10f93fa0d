/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The redis decoder: conversations written by hand after the protocol's specification. */
#include "proto/decoders.h"
#include "proto_fixture.h"
#include "tap.h"

static void check(struct talk *t, const char *want)
{
	CHECK_STR(talk_end(t), want);
	talk_free(t);
}

TEST(command_and_reply)
{
	struct talk t;

	talk_begin(&t, &proto_redis);
	t.with_times = true;
	talk_out(&t, "*3\r\n$3\r\nset\r\n$4\r\nocti\r\n$4\r\nfest\r\n");
	talk_in(&t, "+OK\r\n");
	talk_out(&t, "*2\r\n$3\r\nGET\r\n");
	talk_out(&t, "$4\r\nnone\r\n");
	talk_in(&t, "$-1\r\n");
	CHECK_INT(t.conn.role, PROTO_CLIENT);
	check(&t,
	      "redis out command=SET key=octi text=set octi fest n_args=3 reply_type=string request_bytes=33 "
	      "response_bytes=5 duration=1000\n"
	      "redis out command=GET key=none text=GET none n_args=2 reply_type=nil request_bytes=23 "
	      "response_bytes=5 duration=2000\n");
}

TEST(pipelined_nested_and_errors)
{
	struct talk t;

	talk_begin(&t, &proto_redis);
	talk_in(&t,
		"*2\r\n$4\r\nLLEN\r\n$1\r\nl\r\n*1\r\n$4\r\nEXEC\r\n*2\r\n$3\r\nGET\r\n$1\r\nl\r\n");
	talk_out(&t, ":42\r\n*2\r\n*2\r\n:1\r\n$2\r\nhi\r\n*0\r\n-WRONGTYPE Operation against\r\n");
	CHECK_INT(t.conn.role, PROTO_SERVER);
	check(&t,
	      "redis in command=LLEN key=l text=LLEN l n_args=2 reply_type=integer request_bytes=21 response_bytes=5\n"
	      "redis in command=EXEC text=EXEC n_args=1 reply_type=array request_bytes=14 response_bytes=24\n"
	      "redis in command=GET key=l text=GET l n_args=2 error=WRONGTYPE Operation against "
	      "reply_type=error request_bytes=20 response_bytes=30\n");
}

TEST(resp3_replies_and_pushes)
{
	struct talk t;

	talk_begin(&t, &proto_redis);
	talk_out(
		&t,
		"*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n*2\r\n$7\r\nHGETALL\r\n$1\r\nh\r\n*2\r\n$3\r\nGET\r\n$1\r\nx\r\n");
	talk_in(&t,
		"%1\r\n+server\r\n$5\r\nredis\r\n>2\r\n+invalidate\r\n*1\r\n$1\r\nx\r\n|1\r\n+ttl\r\n:3\r\n%0\r\n");
	talk_in(&t, "!9\r\nERR large\r\n");
	check(&t,
	      "redis out command=HELLO text=HELLO 3 n_args=2 reply_type=map request_bytes=22 response_bytes=24\n"
	      "redis out command=HGETALL key=h text=HGETALL h n_args=2 reply_type=map request_bytes=24 response_bytes=18\n"
	      "redis out command=GET key=x text=GET x n_args=2 error=ERR large reply_type=error request_bytes=20 "
	      "response_bytes=15\n");
}

TEST(published_messages_are_no_replies)
{
	struct talk t;

	talk_begin(&t, &proto_redis);
	talk_out(&t, "*3\r\n$9\r\nSUBSCRIBE\r\n$1\r\na\r\n$1\r\nb\r\n");
	talk_in(&t,
		"*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n");
	talk_in(&t, "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nhi\r\n");
	talk_out(&t, "*1\r\n$4\r\nPING\r\n");
	talk_in(&t, "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nhi\r\n*2\r\n$4\r\npong\r\n$0\r\n\r\n");
	check(&t,
	      "redis out command=SUBSCRIBE text=SUBSCRIBE a b n_args=3 reply_type=array request_bytes=33 response_bytes=30\n"
	      "redis out command=PING text=PING n_args=1 reply_type=array request_bytes=14 response_bytes=20\n");
}

TEST(texts_are_quoted_cut_and_redacted)
{
	struct talk t;
	STRBUF_AUTO big = { 0 };

	talk_begin(&t, &proto_redis);
	talk_out(&t, "*4\r\n$3\r\nSET\r\n$3\r\na b\r\n$0\r\n\r\n$3\r\n\"\r\x01\r\n");
	talk_in(&t, "+OK\r\n");
	talk_out(
		&t,
		"*3\r\n$4\r\nauth\r\n$1\r\nu\r\n$6\r\nsecret\r\n*4\r\n$5\r\nHELLO\r\n$1\r\n3\r\n$4\r\nAUTH\r\n$1\r\nu\r\n");
	talk_in(&t, "+OK\r\n%0\r\n");
	strbuf_puts(&big, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100000\r\n");
	strbuf_fill(&big, 'v', 100000);
	strbuf_puts(&big, "\r\n");
	talk_bytes(&t, PROTO_OUT, big.p, big.n);
	talk_in(&t, "+OK\r\n");
	talk_end(&t);
	CHECK_HAS(strbuf_cstr(&t.out), "key=a b text=SET \"a b\" \"\" \"\\\"\\r\\x01\" n_args=4");
	CHECK_HAS(strbuf_cstr(&t.out), "text=auth (redacted) (redacted) ");
	CHECK_HAS(strbuf_cstr(&t.out), "text=HELLO 3 AUTH (redacted) ");
	CHECK_HAS(strbuf_cstr(&t.out), "vvv... n_args=3 reply_type=string request_bytes=100031 ");
	talk_free(&t);
}

TEST(keys_of_commands)
{
	static const struct {
		const char *line, *key;
	} rows[] = { { "MGET a b", " key=a " },
		     { "EVAL x 1 k", " key=k " },
		     { "EVAL x 0 k", NULL },
		     { "XREAD COUNT 2 STREAMS s 0", " key=s " },
		     { "OBJECT ENCODING o", " key=o " },
		     { "BITOP AND dest a b", " key=dest " },
		     { "ZUNION 2 a b", " key=a " },
		     { "PUBLISH ch m", NULL },
		     { "KEYS *", NULL },
		     { "FT.SEARCH idx q", " key=idx " },
		     { "PING hello", NULL } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct talk t;

		talk_begin(&t, &proto_redis);
		talk_out(&t, "PING\r\n");
		talk_in(&t, "+PONG\r\n");
		strbuf_clear(&t.out);
		talk_out(&t, rows[i].line);
		talk_out(&t, "\r\n");
		talk_in(&t, ":1\r\n");
		talk_end(&t);
		if (rows[i].key)
			CHECK_HAS(strbuf_cstr(&t.out), rows[i].key);
		else
			CHECK(!strstr(strbuf_cstr(&t.out), " key="));
		CHECK_INT(t.n_messages, 2);
		talk_free(&t);
	}
}

TEST(silent_and_endless_connections)
{
	struct talk t;

	talk_begin(&t, &proto_redis);
	talk_out(&t, "PING\r\n");
	talk_in(&t, "+PONG\r\n");
	strbuf_clear(&t.out);
	talk_out(&t, "CLIENT REPLY OFF\r\nSET a b\r\nCLIENT REPLY ON\r\nPING\r\n");
	talk_in(&t, "+OK\r\n+PONG\r\n");
	check(&t,
	      "redis out command=CLIENT text=CLIENT REPLY OFF n_args=3 request_bytes=18\n"
	      "redis out command=SET key=a text=SET a b n_args=3 request_bytes=9\n"
	      "redis out command=CLIENT text=CLIENT REPLY ON n_args=3 reply_type=string request_bytes=17 response_bytes=5\n"
	      "redis out command=PING text=PING n_args=1 reply_type=string request_bytes=6 response_bytes=7\n");
	talk_begin(&t, &proto_redis);
	talk_out(&t, "MONITOR\r\n");
	talk_in(&t, "+OK\r\n+1700000000.1 [0 x] \"set\"\r\n");
	talk_out(&t, "*3\r\n$5\r\nPSYNC\r\n$1\r\n?\r\n$2\r\n-1\r\n");
	talk_in(&t, "+1700000000.2 [0 x] \"set\"\r\n+FULLRESYNC x 0\r\n$10\r\nREDIS0010");
	CHECK(t.conn.is_ignored);
	check(&t,
	      "redis out command=MONITOR text=MONITOR n_args=1 reply_type=string request_bytes=9 response_bytes=5\n"
	      "redis out command=PSYNC text=PSYNC ? -1 n_args=3 reply_type=string request_bytes=30 response_bytes=17\n");
}

TEST(lines_that_nobody_answers_are_no_commands)
{
	struct talk t;

	talk_begin(&t, &proto_redis);
	talk_out(&t, "get up\r\nset the table\r\n");
	talk_in(&t, "who are you\r\n");
	CHECK_STR(talk_end(&t), "");
	talk_free(&t);
}

TEST(from_the_middle)
{
	struct talk t;

	talk_begin(&t, &proto_redis);
	talk_in(&t, "of a string\r\n");
	talk_in(&t, "$5\r\nother\r\n"); /* nobody's */
	talk_out(&t, "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
	talk_in(&t, "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"); /* a reply that looks like a command */
	check(&t,
	      "redis out command=GET key=k text=GET k n_args=2 reply_type=array request_bytes=20 response_bytes=20\n");
}

TEST(gaps)
{
	struct talk t;

	talk_begin(&t, &proto_redis);
	talk_out(&t, "*2\r\n$3\r\nGET\r\n$1\r\na\r\n");
	talk_in(&t, "$1000\r\n0123456789");
	talk_gap(&t, PROTO_IN, 980);
	talk_in(&t, "0123456789\r\n");
	talk_out(&t, "*2\r\n$3\r\nGET\r\n$1\r\nb\r\n*2\r\n$3\r\nGET\r\n$1\r\nc\r\n");
	talk_in(&t, "$3\r\n");
	talk_gap(&t, PROTO_IN, PROTO_LOST_UNKNOWN);
	talk_in(&t, "$1\r\nx\r\n"); /* of b or of c? */
	talk_out(&t, "*2\r\n$3\r\nGET\r\n$1\r\nd\r\n");
	talk_in(&t, "$1\r\nd\r\n");
	talk_out(&t, "*2\r\n$3\r\nGET\r\n$1\r\ne\r\n");
	talk_in(&t, "$1\r\ne\r\n");
	check(&t,
	      "redis out lost command=GET key=a text=GET a n_args=2 reply_type=bulk request_bytes=20 response_bytes=1009\n"
	      "redis out lost command=GET key=b text=GET b n_args=2 request_bytes=20\n"
	      "redis out lost command=GET key=c text=GET c n_args=2 request_bytes=20\n"
	      "redis out lost command=GET key=d text=GET d n_args=2 reply_type=bulk request_bytes=20 response_bytes=7\n"
	      "redis out command=GET key=e text=GET e n_args=2 reply_type=bulk request_bytes=20 response_bytes=7\n");
}

TEST(more_commands_than_are_kept)
{
	struct talk t;
	char line[64];

	talk_begin(&t, &proto_redis);
	talk_out(&t, "PING\r\n");
	talk_in(&t, "+PONG\r\n");
	t.n_messages = 0;
	for (int i = 0; i < 5000; i++) {
		snprintf(line, sizeof(line), "INCR k%d\r\n", i);
		talk_out(&t, line);
	}
	CHECK(t.n_messages > 900);
	for (int i = 0; i < 5000; i++)
		talk_in(&t, ":1\r\n");
	CHECK_INT(t.n_messages, 5000);
	strbuf_clear(&t.out);
	talk_out(&t, "GET a\r\n");
	talk_in(&t, "$1\r\na\r\n");
	check(&t,
	      "redis out command=GET key=a text=GET a n_args=2 reply_type=bulk request_bytes=7 response_bytes=7\n");
}

TEST(recognised)
{
	static const struct {
		const char *bytes;
		enum proto_match m;
	} rows[] = { { "*1\r\n$4\r\nPING\r\n", PROTO_YES },
		     { "*2\r\n$3\r\nge", PROTO_MAYBE },
		     { "*", PROTO_MAYBE },
		     { "PING\r\n", PROTO_YES },
		     { "GET / HTTP/1.1\r\n", PROTO_NO },
		     { "+OK\r\n", PROTO_YES },
		     { "+OK POP3 ready\r\n", PROTO_NO },
		     { "$5\r\nhello\r\n", PROTO_YES },
		     { "-ERR unknown", PROTO_YES },
		     { "*2\r\n$3\r\nfoo\r\n", PROTO_YES }, /* a reply */
		     { "* OK IMAP4\r\n", PROTO_NO },
		     { "EHLO x\r\n", PROTO_NO },
		     { "\x16\x03\x01", PROTO_NO } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!CHECK_INT(proto_redis.recognise(PROTO_OUT, (const uint8_t *)rows[i].bytes,
						     strlen(rows[i].bytes)),
			       rows[i].m))
			printf("# %s\n", rows[i].bytes);
}

TEST(cuts_do_not_matter)
{
	static const char commands[] =
		"*3\r\n$3\r\nSET\r\n$4\r\na\r\nb\r\n$5\r\nv\nv\rv\r\nPING hello\r\n"
		"*2\r\n$7\r\nHGETALL\r\n$1\r\nh\r\n*1\r\n$4\r\nEXEC\r\n*1\r\n$4\r\nQUIT\r\n";
	static const char replies[] =
		"+OK\r\n$5\r\nhello\r\n%2\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n*2\r\n_\r\n#t\r\n"
		"*3\r\n-ERR x\r\n*-1\r\n*1\r\n$3\r\nabc\r\n-ERR all\r\n";
	const struct talk_call calls[] = { { PROTO_IN, commands, sizeof(commands) - 1 },
					   { PROTO_OUT, replies, sizeof(replies) - 1 } };
	char *whole = talk_replay(&proto_redis, calls, 2, 0);

	CHECK_HAS(whole, "command=QUIT text=QUIT n_args=1 error=ERR all");
	for (unsigned cut = 1; cut < 300; cut++) {
		char *parts = talk_replay(&proto_redis, calls, 2, cut);
		bool same = CHECK_STR(parts, whole);

		free(parts);
		if (!same)
			break;
	}
	free(whole);
}
