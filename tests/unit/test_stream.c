/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The consumer of streams with an engine that is none: records in, what clauses would read out. */
#include "stream/stream.h"

#include "proto/proto.h"

#include <arpa/inet.h>
#include <errno.h>

#include "tap.h"

static struct world {
	struct arena arena;
	struct type_table types;
	struct image *image;
	struct stream *stream;
	char message[8192];
	uint32_t n_runs;
	char said[1024]; /* of each message: data, and marks */
	struct image_stream_state state;
	bool has_state;
	const struct type *args;
} w;

/* ---- an engine ---- */

static void *fake_message(struct engine *e)
{
	return w.message;
}

static uint32_t offset_of(const char *name)
{
	struct type_field f;

	return type_find_field(w.args, str_from(name), &f)
		       ? (uint32_t)sizeof(struct image_message) + f.offset
		       : UINT32_MAX;
}

static struct err *fake_run(struct engine *e, uint32_t prog, engine_event_fn *fn, void *arg)
{
	struct stored_blob blob;
	struct str bytes;
	uint64_t total;
	size_t n = strlen(w.said);

	w.n_runs++;
	memcpy(&blob, w.message + offset_of("data"), sizeof(blob));
	if (!stream_blob(w.stream, blob.id, &bytes, &total))
		bytes = STR("gone");
	snprintf(w.said + n, sizeof(w.said) - n, "%.*s%s;", STR_ARG(bytes),
		 w.message[offset_of("lost")] ? "!" : "");
	return NULL;
}

static struct err *fake_lookup(struct engine *e, uint32_t map, const void *key, void *value)
{
	if (!w.has_state)
		return err_new(ENOENT, "absent");
	memcpy(value, &w.state, sizeof(w.state));
	return NULL;
}

static struct err *fake_update(struct engine *e, uint32_t map, const void *key, const void *value)
{
	memcpy(&w.state, value, sizeof(w.state));
	return NULL;
}

static const struct engine_ops ops = { .message = fake_message,
				       .run_message = fake_run,
				       .map_lookup = fake_lookup,
				       .map_update = fake_update };

/* ---- an image with one clause: message:data ---- */

static void begin(const char *kind)
{
	const struct type *types[8];
	struct str names[8];
	struct probe_shape *shape;
	struct image_prog *prog;
	uint32_t n = 0;

	w = (struct world){ 0 };
	arena_init(&w.arena);
	type_table_init(&w.types, &w.arena);
#define ARG(t, name) (types[n] = (t), names[n++] = STR(name))
	ARG(type_int(8, false), "length");
	ARG(type_string(&w.types, 8), "path");
	ARG(type_simple(TYPE_INET), "remote");
	ARG(type_int(2, false), "remote_port");
	ARG(type_string(&w.types, 8), "direction");
	ARG(type_bool(), "lost");
	ARG(type_simple(TYPE_BLOB), "data");
	w.args = type_tuple(&w.types, types, names, n);
	shape = arena_new(&w.arena, struct probe_shape);
	shape->kind = PROBE_MESSAGE;
	shape->args = w.args;
	shape->n_points = 1;
	shape->points = arena_new(&w.arena, struct probe_point);
	shape->points->symbol = str_from(kind);
	prog = arena_new(&w.arena, struct image_prog);
	prog->shape = shape;
	w.image = image_new(&w.arena);
	w.image->progs = arena_array(&w.arena, struct image_prog *, 1);
	w.image->progs[0] = prog;
	w.image->n_progs = 1;
	w.image->streams_map = 0;
	w.stream = stream_new(&(struct stream_opts){ .image = w.image, .ops = &ops });
}

static void end(void)
{
	stream_free(w.stream);
	type_table_free(&w.types);
	arena_free(&w.arena);
}

static void say_bytes(const char *protocol, struct image_stream_piece p, const char *bytes,
		      size_t n)
{
	char record[sizeof(p) + 1024];
	struct event_layout l = { .kind = EVENT_STREAM, .format = str_from(protocol) };

	p.epoch = p.epoch ? p.epoch : 1;
	if (!p.call_total)
		p.call_total = n;
	memcpy(record, &p, sizeof(p));
	memcpy(record + sizeof(p), bytes, n);
	CHECK(stream_event(w.stream, &l, record, (uint32_t)(sizeof(p) + n)) == NULL);
}

static void say(const char *protocol, struct image_stream_piece p, const char *text)
{
	say_bytes(protocol, p, text, strlen(text));
}

TEST(a_call_is_a_message)
{
	struct image_message head;
	struct stored_inet in;

	begin("data");
	say("data",
	    (struct image_stream_piece){ .key = { 5, 7 },
					 .pid = 70,
					 .tid = 71,
					 .nsecs = 12345,
					 .comm = "me",
					 .fd = 5,
					 .flags = STREAM_OUT,
					 .socket = 1,
					 .family = AF_INET6,
					 .remote_port = htons(443),
					 .remote = { [10] = 255, 255, 127, 0, 0, 9 } },
	    "hello");
	CHECK_STR(w.said, "hello;");
	memcpy(&head, w.message, sizeof(head));
	CHECK_INT(head.pid, 70);
	CHECK_INT(head.tid, 71);
	CHECK_INT(head.nsecs[CLOCK_STORED_BOOT], 12345);
	CHECK_STR(head.comm, "me");
	CHECK_INT(*(uint64_t *)(w.message + offset_of("length")), 5);
	CHECK_INT(*(uint16_t *)(w.message + offset_of("remote_port")), 443);
	CHECK_STR(w.message + offset_of("direction"), "sent");
	memcpy(&in, w.message + offset_of("remote"), sizeof(in)); /* IPv4 on a socket of IPv6 */
	CHECK_INT(in.family, AF_INET);
	CHECK(in.addr[0] == 127 && in.addr[3] == 9);
	end();
}

TEST(addresses_are_remembered)
{
	begin("data");
	say("data",
	    (struct image_stream_piece){ .key = { 5, 7 },
					 .fd = 5,
					 .socket = 1,
					 .family = AF_INET,
					 .remote_port = htons(80) },
	    "a");
	say("data", (struct image_stream_piece){ .key = { 5, 7 }, .fd = -1, .pos = 1 }, "b");
	CHECK_INT(*(uint16_t *)(w.message + offset_of("remote_port")), 80);
	CHECK_STR(w.said, "a;b;");
	end();
}

TEST(a_call_in_pieces)
{
	begin("data");
	say("data", (struct image_stream_piece){ .key = { 5, 7 }, .call_total = 6 }, "abc");
	CHECK_STR(w.said, "");
	say("data", (struct image_stream_piece){ .key = { 5, 8 } }, "other");
	say("data",
	    (struct image_stream_piece){
		    .key = { 5, 7 }, .pos = 3, .call_offset = 3, .call_total = 6 },
	    "def");
	CHECK_STR(w.said, "other;abcdef;");
	CHECK_INT(stream_get_stats(w.stream)->n_connections, 2);
	end();
}

TEST(holes_are_marked_and_counted)
{
	begin("data");
	say("data", (struct image_stream_piece){ .key = { 5, 7 } }, "abc");
	say("data", (struct image_stream_piece){ .key = { 5, 7 }, .pos = 13, .lost = 10 }, "def");
	say("data", (struct image_stream_piece){ .key = { 5, 7 }, .pos = 16, .lost = 10 }, "ghi");
	CHECK_STR(w.said, "abc;def!;ghi;");
	CHECK_INT(stream_get_stats(w.stream)->n_lost_bytes, 10);
	/* hits of which nothing is known: this connection may have lost some */
	say("data",
	    (struct image_stream_piece){ .key = { 5, 7 }, .pos = 19, .lost = 10, .blind = 1 },
	    "jkl");
	CHECK_STR(w.said, "abc;def!;ghi;jkl!;");
	/* the state was thrown out of the kernel's map */
	say("data", (struct image_stream_piece){ .key = { 5, 7 }, .epoch = 2, .blind = 1 }, "mno");
	CHECK_STR(w.said, "abc;def!;ghi;jkl!;mno!;");
	CHECK_INT(stream_get_stats(w.stream)->n_lossy, 1);
	end();
}

TEST(the_end_says_how_much_there_was)
{
	begin("data");
	say("data", (struct image_stream_piece){ .key = { 5, 7 }, .call_total = 100 }, "abc");
	say("", (struct image_stream_piece){ .key = { 5, 7 }, .flags = STREAM_END, .pos = 100 },
	    "");
	CHECK_STR(w.said, "abc!;");
	CHECK_INT(stream_get_stats(w.stream)->n_lost_bytes, 97);
	/* without a word: the kernel's count */
	w.has_state = true;
	w.state = (struct image_stream_state){ .epoch = 1, .pos = { 0, 53 } };
	say("data", (struct image_stream_piece){ .key = { 6, 7 }, .flags = STREAM_OUT }, "xyz");
	CHECK(stream_finish(w.stream) == NULL);
	CHECK_STR(w.said, "abc!;xyz;");
	CHECK_INT(stream_get_stats(w.stream)->n_lost_bytes, 97 + 50);
	end();
}

TEST(another_socket_is_another_connection)
{
	begin("data");
	say("data",
	    (struct image_stream_piece){ .key = { 5, 7 }, .fd = 5, .socket = 1, .call_total = 9 },
	    "half");
	say("data",
	    (struct image_stream_piece){ .key = { 5, 7 }, .fd = 5, .socket = 2, .pos = 500 },
	    "new");
	CHECK_STR(w.said, "half!;new;");
	CHECK_INT(stream_get_stats(w.stream)->n_connections, 2);
	end();
}

TEST(what_fits_no_decoder_is_left_alone)
{
	begin("http");
	w.has_state = true;
	w.state.epoch = 1;
	for (uint64_t i = 0; i < 40; i++)
		say("auto",
		    (struct image_stream_piece){
			    .key = { 5, 7 }, .pos = i / 2 * 22, .flags = i % 2 ? STREAM_OUT : 0 },
		    "neither this nor that\n");
	CHECK_INT(w.state.flags, IMAGE_STREAM_IGNORED);
	CHECK_STR(w.said, "");
	end();
}

TEST(the_rest_of_a_long_body_is_waited_for)
{
	begin("http");
	w.has_state = true;
	w.state.epoch = 1;
	for (uint64_t i = 0; i < 100; i++)
		say("http", (struct image_stream_piece){ .key = { 5, 7 }, .pos = i * 22 },
		    "neither this nor that\n");
	CHECK_INT(w.state.flags, 0);
	say("http", (struct image_stream_piece){ .key = { 5, 7 }, .flags = STREAM_OUT },
	    "GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
	say("http", (struct image_stream_piece){ .key = { 5, 7 }, .pos = 2200 },
	    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	CHECK_INT(w.n_runs, 1);
	CHECK_STR(w.message + offset_of("path"), "/a");
	end();
}

TEST(a_protocol_is_found_out)
{
	begin("http");
	say("auto", (struct image_stream_piece){ .key = { 5, 7 }, .flags = STREAM_OUT },
	    "GET /a/long/path HTT");
	say("auto", (struct image_stream_piece){ .key = { 5, 7 }, .flags = STREAM_OUT, .pos = 20 },
	    "P/1.1\r\nHost: h\r\n\r\n");
	say("auto", (struct image_stream_piece){ .key = { 5, 7 } },
	    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	CHECK_INT(w.n_runs, 1);
	/* cut to its room, with the mark in the last byte */
	CHECK(!memcmp(w.message + offset_of("path"), "/a/long\x01", 8));
	end();
}

/* what the clause saw of the newest message */
static bool was_whole(const char *path)
{
	return !strcmp(w.message + offset_of("path"), path) && !w.message[offset_of("lost")];
}

TEST(an_answer_may_come_before_its_question)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n";

	begin("http");
	/* a thread was put aside between sending and saying so; another one read the answer, in two calls */
	say("http", (struct image_stream_piece){ .key = { 5, 7 } }, answer);
	say("http", (struct image_stream_piece){ .key = { 5, 7 }, .pos = sizeof(answer) - 1 },
	    "abc");
	CHECK(stream_round(w.stream) == NULL);
	CHECK_INT(w.n_runs, 0);
	say("http", (struct image_stream_piece){ .key = { 5, 7 }, .flags = STREAM_OUT },
	    "GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
	CHECK_INT(w.n_runs, 1);
	CHECK(was_whole("/a"));
	/* a question that never comes: it was asked before the attach */
	say("http", (struct image_stream_piece){ .key = { 6, 7 } }, answer);
	say("http", (struct image_stream_piece){ .key = { 6, 7 }, .pos = sizeof(answer) - 1 },
	    "abc");
	CHECK_INT(w.n_runs, 1);
	CHECK(stream_finish(w.stream) == NULL);
	CHECK_INT(w.n_runs, 2);
	CHECK(w.message[offset_of("lost")]);
	end();
}

TEST(an_answer_may_come_before_its_stream)
{
	static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
	static const char ask_1[] = "\0\0\6\1\5\0\0\0\1\x82\x86\x84\x41\1h";
	static const char ask_3[] = "\0\0\7\1\5\0\0\0\3\x82\x86\4\2/b\xbe";
	/* a frame of settings, its own and then one in front of the answer */
	static const char answer_1[] = "\0\0\0\4\0\0\0\0\0\0\0\1\1\5\0\0\0\1\x88";
	static const char answer_3[] = "\0\0\0\4\1\0\0\0\0\0\0\1\1\5\0\0\0\3\x88";
	uint64_t out = 0, in = 0;

	begin("http");
#define SAY(bytes, way, pos_)                                                                 \
	(say_bytes("http",                                                                    \
		   (struct image_stream_piece){ .key = { 5, 7 }, .flags = way, .pos = pos_ }, \
		   bytes, sizeof(bytes) - 1),                                                 \
	 pos_ += sizeof(bytes) - 1)
	SAY(preface, STREAM_OUT, out);
	SAY(answer_1, 0, in);
	SAY(answer_3, 0, in);
	CHECK_INT(w.n_runs, 0);
	SAY(ask_1, STREAM_OUT, out);
	CHECK_INT(w.n_runs, 1);
	CHECK(was_whole("/"));
	SAY(ask_3, STREAM_OUT, out);
	CHECK_INT(w.n_runs, 2);
	CHECK(was_whole("/b"));
#undef SAY
	end();
}

TEST(sizes_are_not_believed)
{
	struct image_stream_piece p = { .key = { 1, 2 }, .epoch = 1 };
	struct event_layout l = { .format = STR("data") };

	begin("data");
	CHECK(stream_event(w.stream, &l, &p, 10) == NULL);
	CHECK(stream_event(w.stream, &l, &p, sizeof(p)) == NULL);
	p.flags = STREAM_SKIP;
	CHECK(stream_event(w.stream, &l, &p, sizeof(p)) == NULL);
	CHECK_INT(stream_get_stats(w.stream)->n_connections, 0);
	CHECK(!stream_new(&(struct stream_opts){ .image = image_new(&w.arena), .ops = &ops }));
	end();
}

TEST(connections_are_bounded)
{
	begin("data");
	for (uint64_t i = 0; i < 20000; i++)
		say("data", (struct image_stream_piece){ .key = { i, 7 }, .call_total = 2 }, "a");
	CHECK_INT(stream_get_stats(w.stream)->n_evicted, 20000 - 16384);
	end();
}
