/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rings: order and contents through many turns, several writers and a reader at once, a full ring, writers that are killed. Every
 * record carries its writer and number and is filled by a pattern of them, so that what is read proves itself.
 */
#include "engine/user/rt/ring.h"

#include "tap.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OWNER = 77, SIZE = 4096, WRITERS = 3, RECORDS = 100000, KILLS = 40, LONGEST = 200 };

struct body {
	uint32_t writer, number;
	uint8_t pattern[LONGEST];
};

static struct rt_ring_reader reader; /* of the ring that was made last */

static struct rt_ring *make(void)
{
	struct rt_ring *r = mmap(NULL, 4096 + SIZE, PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	rt_ring_init(r);
	rt_ring_open(&reader, r, SIZE);
	return r;
}

static uint32_t length_of(uint32_t writer, uint32_t number)
{
	return 8 + (number * 7 + writer * 13) % LONGEST;
}

static bool write_as(struct rt_ring *r, uint32_t owner, uint32_t writer, uint32_t number)
{
	uint32_t n = length_of(writer, number);
	struct body *b = rt_ring_reserve(r, SIZE, owner, n, number + 1, 0);

	if (!b)
		return false;
	b->writer = writer;
	b->number = number;
	memset(b->pattern, (int)(writer + number), n - 8);
	rt_ring_commit(b, true);
	return true;
}

static bool write_one(struct rt_ring *r, uint32_t writer, uint32_t number)
{
	return write_as(r, OWNER, writer, number);
}

/* false: nothing there. next: per writer, the number that must come at least */
static bool read_one(uint32_t *next)
{
	uint32_t n;
	uint64_t time;
	const struct body *b = rt_ring_peek(&reader, &n, &time);

	if (!b)
		return false;
	if (CHECK(b->writer < WRITERS) && CHECK(n == length_of(b->writer, b->number))) {
		CHECK_INT(time, b->number + 1);
		CHECK(b->number >= next[b->writer]);
		next[b->writer] = b->number + 1;
		for (uint32_t i = 0; i < n - 8; i++)
			if (b->pattern[i] != (uint8_t)(b->writer + b->number)) {
				CHECK(!"its own pattern");
				break;
			}
	}
	rt_ring_advance(&reader);
	return true;
}

TEST(many_turns)
{
	struct rt_ring *r = make();
	uint32_t next[WRITERS] = { 0 };

	for (uint32_t i = 0; i < RECORDS; i++) {
		CHECK(write_one(r, 0, i));
		CHECK(read_one(next));
		CHECK_INT(next[0], i + 1);
	}
	CHECK(!read_one(next));
	CHECK_INT(rt_ring_pending(r), 0);
	CHECK_INT(r->n_refused, 0);
	munmap(r, 4096 + SIZE);
}

TEST(full_and_discarded)
{
	struct rt_ring *r = make();
	uint32_t next[WRITERS] = { 0 };
	uint64_t time;
	uint32_t n = 0;
	void *room;

	while (write_one(r, 0, n))
		n++;
	CHECK(n > 20);
	CHECK_INT(r->n_refused, 1);
	for (uint32_t i = 0; i < n; i++)
		CHECK(read_one(next));
	CHECK(!read_one(next));
	/* as if it had never been */
	room = rt_ring_reserve(r, SIZE, OWNER, 50, 1, 0);
	CHECK(!rt_ring_peek(&reader, &n, &time));
	rt_ring_commit(room, false);
	CHECK(write_one(r, 1, 0) && read_one(next));
	/* what must stay free for others */
	CHECK(!rt_ring_reserve(r, SIZE, OWNER, 50, 1, SIZE - 50));
	CHECK(!rt_ring_reserve(r, SIZE, OWNER, SIZE, 1, 0));
	/* empty records are records */
	room = rt_ring_reserve(r, SIZE, OWNER, 0, 9, 0);
	CHECK(!rt_ring_peek(&reader, &n, &time));
	rt_ring_commit(room, true);
	CHECK(rt_ring_peek(&reader, &n, &time) && n == 0 && time == 9);
	CHECK_INT(reader.kind, 0);
	rt_ring_advance(&reader);
	/* of which buffer: that is no part of the length */
	for (uint32_t kind = 0; kind < 16; kind++) {
		room = rt_ring_reserve(r, SIZE, OWNER, 8 * kind, 10, 0);
		rt_ring_set_kind(room, kind);
		CHECK(!rt_ring_peek(&reader, &n, &time));
		rt_ring_commit(room, true);
		CHECK(rt_ring_peek(&reader, &n, &time) && n == 8 * kind && time == 10);
		CHECK_INT(reader.kind, kind);
		rt_ring_advance(&reader);
	}
	CHECK_INT(rt_ring_pending(r), 0);
	munmap(r, 4096 + SIZE);
}

/* ---- at once ---- */

static struct rt_ring *shared;
static atomic_uint n_written, n_finished;

static void *write_many(void *arg)
{
	for (uint32_t i = 0; i < RECORDS; i++) {
		bool is_in = write_one(shared, (uint32_t)(uintptr_t)arg, i);

		n_written += is_in;
		/* some are refused, not most */
		if (!is_in && i % 8)
			while (rt_ring_pending(shared) > SIZE / 2)
				sched_yield();
	}
	n_finished++;
	return NULL;
}

TEST(writers_and_a_reader)
{
	uint32_t next[WRITERS] = { 0 }, n_read = 0;
	pthread_t t[WRITERS];

	shared = make();
	for (uintptr_t i = 0; i < WRITERS; i++)
		pthread_create(&t[i], NULL, write_many, (void *)i);
	while (n_finished < WRITERS || rt_ring_pending(shared)) {
		if (read_one(next))
			n_read++;
		else
			sched_yield();
	}
	for (unsigned i = 0; i < WRITERS; i++)
		pthread_join(t[i], NULL);
	CHECK_INT(n_read, n_written);
	CHECK_INT(n_written + shared->n_refused, WRITERS * RECORDS);
	printf("# %u of %u records, the others refused and counted\n", n_read, WRITERS * RECORDS);
	munmap(shared, 4096 + SIZE);
}

/* ---- killed ---- */

static void be_killed(struct rt_ring *r, bool holds_records)
{
	uint32_t n_in = 0;

	for (uint32_t i = 0;; i++) {
		n_in += write_one(r, 2, i);
		if (!holds_records || n_in < 3000)
			continue;
		if (rt_ring_reserve(r, SIZE, OWNER, 40, 1, 0)) {
			rt_ring_reserve(r, SIZE, OWNER, 80, 1, 0);
			raise(SIGKILL);
		}
	}
}

TEST(killed_writers_hold_up_nothing)
{
	struct rt_ring *r = make();
	uint64_t n_abandoned = 0;
	uint32_t n_read = 0;

	for (unsigned k = 0; k < KILLS; k++) {
		uint32_t next[WRITERS] = { 0 };
		pid_t pid;

		fflush(stdout);
		pid = fork();
		if (!pid)
			be_killed(r, k % 2);
		/* one of them ends by itself, the other one is ended at some moment */
		for (unsigned n = 0; k % 2 ? !waitpid(pid, NULL, WNOHANG) : n < 500 + k * 37;) {
			bool is_read = read_one(next);

			n += is_read;
			n_read += is_read;
		}
		if (k % 2 == 0) {
			kill(pid, SIGKILL);
			waitpid(pid, NULL, 0);
		}
		do
			while (read_one(next))
				n_read++;
		while (rt_ring_abandon(&reader, 0) && ++n_abandoned);
		CHECK_INT(rt_ring_pending(r), 0);
	}
	CHECK(n_read > KILLS * 500 && n_abandoned >= KILLS / 2);
	printf("# %u records read, %llu times something was left unfinished\n", n_read,
	       (unsigned long long)n_abandoned);
	munmap(r, 4096 + SIZE);
}

/* what a program's stray store leaves there must not lead the reader out of the ring */
TEST(lengths_that_are_no_lengths)
{
	static const uint32_t lengths[] = { RT_RING_READY | RT_RING_LENGTH,
					    RT_RING_SKIP | RT_RING_LENGTH, RT_RING_READY | SIZE,
					    UINT32_MAX };

	for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct rt_ring *r = make();
		struct rt_record *rec = rt_ring_reserve(r, SIZE, OWNER, 24, 1, 0);
		uint32_t n = 0, next[WRITERS] = { 0 };
		uint64_t time;

		rec--;
		rec->length = lengths[i];
		CHECK(!rt_ring_peek(&reader, &n, &time));
		CHECK_INT(r->tail, r->head);
		/* and it goes on behind it */
		CHECK(write_one(r, 0, 1) && read_one(next));
		munmap(r, 4096 + SIZE);
	}
}

/* ---- several processes in one ring ---- */

TEST(one_of_two_ends)
{
	struct rt_ring *r = make();
	uint32_t n, whose = 0;
	uint64_t time;
	void *theirs, *ours;

	theirs = rt_ring_reserve(r, SIZE, OWNER, 40, 1, 0);
	ours = rt_ring_reserve(r, SIZE, OWNER + 1, 24, 2, 0);
	CHECK(theirs && ours && rt_ring_is_blocked(&reader, &whose) && whose == OWNER);
	/* another one's end says nothing about this record */
	CHECK_INT(rt_ring_abandon(&reader, OWNER + 1), 0);
	CHECK_INT(rt_ring_abandon(&reader, OWNER), 1);
	/* the next one is still being written */
	CHECK(rt_ring_is_blocked(&reader, &whose) && whose == OWNER + 1);
	CHECK_INT(rt_ring_abandon(&reader, OWNER), 0);
	rt_ring_commit(ours, true);
	CHECK(!rt_ring_is_blocked(&reader, &whose) && rt_ring_peek(&reader, &n, &time) && n == 24 &&
	      time == 2);
	munmap(r, 4096 + SIZE);
}

TEST(nothing_behind_a_lost_header_is_lost)
{
	struct rt_ring *r = make();
	uint32_t n, whose = 1;
	uint64_t time;
	void *ours;

	/* as a thread leaves it that is killed between the reservation and its header */
	r->head += sizeof(struct rt_record) + 48;
	ours = rt_ring_reserve(r, SIZE, OWNER, 24, 2, 0);
	CHECK(ours != NULL);
	rt_ring_commit(ours, true);
	CHECK(rt_ring_is_blocked(&reader, &whose) && whose == 0);
	CHECK_INT(rt_ring_abandon(&reader, OWNER), 0);
	CHECK_INT(rt_ring_abandon(&reader, 0), 1);
	CHECK(rt_ring_peek(&reader, &n, &time) && n == 24 && time == 2);
	munmap(r, 4096 + SIZE);
}

enum { PROCESSES = 3, TURNS = 16, UNTIL_KILLED = 700 };

/* writes for ever, or until it is killed in the midst of a record */
static void be_one_of_several(struct rt_ring *r, uint32_t writer)
{
	for (uint32_t k = 0;; k++) {
		if (writer == 0 && k > UNTIL_KILLED &&
		    rt_ring_reserve(r, SIZE, (uint32_t)getpid(), 40, 1, 0))
			raise(SIGKILL);
		write_as(r, (uint32_t)getpid(), writer, k);
	}
}

/* processes that are killed while others go on: what holds up the ring is taken out by its owner's end, and nothing else is */
TEST(some_are_killed_while_others_write)
{
	struct rt_ring *r = make();
	pid_t pids[PROCESSES] = { 0 };
	uint64_t n_abandoned = 0;
	unsigned n_ends = 0, n_read = 0, n_waits = 0;
	uint32_t whose;

	fflush(stdout);
	while (n_ends < TURNS) {
		uint32_t next[WRITERS] = { 0 };

		for (unsigned i = 0; i < PROCESSES; i++) {
			if (!pids[i])
				pids[i] = fork();
			if (!pids[i])
				be_one_of_several(r, i);
		}
		if (read_one(next)) {
			n_read++;
			/* and one now and then at any moment */
			if (n_read % 3001 == 0)
				kill(pids[1], SIGKILL);
			continue;
		}
		for (unsigned i = 0; i < PROCESSES; i++)
			if (waitpid(pids[i], NULL, WNOHANG) == pids[i]) {
				pids[i] = 0;
				n_ends++;
			}
		if (!rt_ring_is_blocked(&reader, &whose))
			continue;
		for (unsigned i = 0; i < PROCESSES; i++)
			if (whose == (uint32_t)pids[i])
				whose = 0;
		if (whose)
			n_abandoned += rt_ring_abandon(&reader, whose);
		else if (n_ends > TURNS / 2 && ++n_waits > 100000000)
			break; /* without a header: only the end of all helps */
	}
	for (unsigned i = 0; i < PROCESSES; i++)
		if (pids[i]) {
			kill(pids[i], SIGKILL);
			waitpid(pids[i], NULL, 0);
		}
	CHECK(n_read > 1000 && n_abandoned > 0);
	printf("# %u records, %llu left unfinished\n", n_read, (unsigned long long)n_abandoned);
	munmap(r, 4096 + SIZE);
}
