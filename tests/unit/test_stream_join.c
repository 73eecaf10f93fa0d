/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pieces of one direction put in order: in order, overtaken, lost with and without a word. */
#include "stream_model.h"

#include "random.h"
#include "tap.h"

struct seen {
	char text[256]; /* what was fed, "<N>" for gaps */
};

static void see(void *arg, const struct proto_piece *p)
{
	struct seen *s = arg;
	size_t n = strlen(s->text);

	if (p->bytes)
		snprintf(s->text + n, sizeof(s->text) - n, "%.*s", (int)p->n,
			 (const char *)p->bytes);
	else
		snprintf(s->text + n, sizeof(s->text) - n, "(%zu)", p->n);
}

static void see_gap(void *arg, enum proto_direction d, uint64_t lost)
{
	struct seen *s = arg;
	size_t n = strlen(s->text);

	snprintf(s->text + n, sizeof(s->text) - n, "<%llu>", (unsigned long long)lost);
}

static void add(struct join *j, struct seen *s, uint64_t pos, uint64_t lost, const char *text)
{
	struct join_sink sink = { see, see_gap, s };
	struct join_record r = { .pos = pos,
				 .lost = lost,
				 .piece = { .bytes = (const uint8_t *)text,
					    .n = strlen(text),
					    .call_total = strlen(text) } };

	join_add(j, &r, 1, &sink);
}

TEST(in_order)
{
	struct join j = { 0 };
	struct seen s = { 0 };

	add(&j, &s, 100, 7, "abc"); /* what was lost before it was met is no loss of ours */
	add(&j, &s, 103, 7, "de");
	CHECK_STR(s.text, "abcde");
	join_reset(&j);
}

TEST(overtaken_pieces_wait_for_those_in_front)
{
	struct join j = { 0 };
	struct seen s = { 0 };

	add(&j, &s, 0, 0, "a");
	add(&j, &s, 3, 0, "d");
	add(&j, &s, 2, 0, "c");
	CHECK_STR(s.text, "a");
	add(&j, &s, 1, 0, "b");
	CHECK_STR(s.text, "abcd");
	CHECK(!j.held && !j.held_bytes);
}

TEST(what_the_kernel_could_not_send_is_a_gap_at_once)
{
	struct join j = { 0 };
	struct seen s = { 0 };

	add(&j, &s, 0, 0, "a");
	add(&j, &s, 11, 10, "b");
	add(&j, &s, 12, 10, "c");
	CHECK_STR(s.text, "a<10>bc");
	/* a loss that stands behind this piece is not taken for one in front of it */
	add(&j, &s, 18, 13, "e");
	CHECK_STR(s.text, "a<10>bc");
	add(&j, &s, 13, 13, "d");
	CHECK_STR(s.text, "a<10>bcd");
	join_reset(&j);
}

TEST(patience_ends)
{
	struct join j = { 0 };
	struct seen s = { 0 };
	struct join_sink sink = { see, see_gap, &s };

	add(&j, &s, 0, 0, "a");
	add(&j, &s, 5, 0, "b");
	join_age(&j, 1 + JOIN_PATIENCE_NS / 2, false, &sink);
	CHECK_STR(s.text, "a");
	join_age(&j, 2 + JOIN_PATIENCE_NS, false, &sink);
	CHECK_STR(s.text, "a<4>b");
	/* what then comes late is of no use */
	add(&j, &s, 1, 0, "xy");
	CHECK_STR(s.text, "a<4>b");
	join_finish(&j, PROTO_IN, 10, &sink);
	CHECK_STR(s.text, "a<4>b<4>");
}

TEST(the_middle_of_a_call_is_no_beginning)
{
	struct join j = { 0 };
	struct seen s = { 0 };
	struct join_sink sink = { see, see_gap, &s };
	struct join_record r = { .pos = 500,
				 .piece = { .bytes = (const uint8_t *)"z",
					    .n = 1,
					    .call_offset = 20,
					    .call_total = 21 } };

	join_add(&j, &r, 0, &sink);
	CHECK_STR(s.text, "<20>z");
}

TEST(bytes_that_nobody_sees)
{
	struct join j = { 0 };
	struct seen s = { 0 };
	struct join_sink sink = { see, see_gap, &s };
	struct join_record r = { .pos = 1, .piece = { .n = 1000000, .call_total = 1000000 } };

	add(&j, &s, 0, 0, "a");
	add(&j, &s, 1000001, 0, "b");
	join_add(&j, &r, 1, &sink);
	CHECK_STR(s.text, "a(1000000)b");
}

TEST(memory_is_bounded)
{
	static char big[100001];
	struct join j = { 0 };
	struct seen s = { 0 };
	struct model all = { .pos = 0 };
	struct join_sink sink = { model_feed, model_gap, &all };

	memset(big, 'x', sizeof(big) - 1);
	add(&j, &s, 0, 0, "a");
	for (uint64_t i = 0; i < 100; i++) {
		struct join_record r = { .pos = 10 + i * 100000,
					 .piece = { .bytes = (const uint8_t *)big,
						    .n = 100000,
						    .call_total = 100000 } };

		join_add(&j, &r, 1, &sink);
		CHECK(j.held_bytes < 2 * JOIN_HELD_BYTES);
	}
	CHECK_INT(j.pos, 10 + 100 * 100000);
	join_reset(&j);
}

TEST(whatever_happens_each_byte_is_at_its_place)
{
	uint64_t random = RANDOM_SEED;
	uint64_t fed = 0, gaps = 0;

	for (int round = 0; round < 300; round++) {
		struct model m = { .pos = (uint64_t)round };

		for (int i = 0; i < 400; i++) {
			random_next(&random);
			model_step(&m, (uint8_t)(random >> 8), (uint8_t)random,
				   (uint64_t)i * 1000000);
		}
		model_end(&m);
		CHECK(!m.is_wrong);
		fed += m.fed;
		gaps += m.gaps;
	}
	CHECK(fed > 1000000 && gaps > 100000);
}
