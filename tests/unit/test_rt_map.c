/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Maps without locks against a plain model of them; threads that hammer the same keys; a process that is killed over and over while it
 * writes, whose maps are read afterwards.
 */
#include "engine/user/rt/map.h"

#include "random.h"
#include "tap.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROOM = 4 << 20, MODEL_KEYS = 300, THREADS = 4, KILLS = 40 };

static struct rt_map *make(const struct rt_map_plan *p)
{
	struct rt_map *m = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
				0);

	CHECK(rt_map_bytes(p) + 4096 <= ROOM && rt_map_bytes(p) % 64 == 0);
	rt_map_init(m, p, (char *)m + 4096);
	return m;
}

/* ---- against a model ---- */

struct key {
	uint32_t number;
	char text[9]; /* no multiple of 8 */
} __attribute__((packed));

static struct key key_of(uint32_t i)
{
	struct key k = { .number = i * 2654435761u };

	snprintf(k.text, sizeof(k.text), "%u", i);
	return k;
}

static unsigned count_elements(struct rt_map *m, uint32_t table, uint64_t *sum)
{
	struct rt_element e;
	uint32_t at = 0;
	unsigned n = 0;

	*sum = 0;
	while (rt_map_next(m, table, &at, &e)) {
		*sum += *(uint64_t *)e.value;
		n++;
		CHECK(e.is_first);
	}
	return n;
}

TEST(like_a_model)
{
	const struct rt_map_plan p = { RT_HASH, sizeof(struct key), 8, 200, 1 };
	struct rt_map *m = make(&p);
	uint64_t model[MODEL_KEYS], sum, model_sum = 0;
	bool is_there[MODEL_KEYS] = { false };
	unsigned n = 0, n_refused = 0;

	for (unsigned step = 0; step < 200000; step++) {
		uint32_t i = random_below(MODEL_KEYS), what = random_below(10);
		struct key k = key_of(i);
		uint64_t v = step, *found = rt_map_lookup(m, &k, 0);
		int got;

		CHECK((found != NULL) == is_there[i]);
		CHECK(!found || *found == model[i]);
		if (what < 6) {
			uint32_t flags = random_below(3);

			got = rt_map_update(m, &k, &v, flags, 0);
			if (flags == RT_NOEXIST && is_there[i])
				CHECK_INT(got, RT_EEXIST);
			else if (flags == RT_EXIST && !is_there[i])
				CHECK_INT(got, RT_ENOENT);
			else if (!is_there[i] && n == 200)
				n_refused += CHECK_INT(got, RT_E2BIG);
			else if (CHECK_INT(got, 0)) {
				n += !is_there[i];
				is_there[i] = true;
				model[i] = v;
			}
		} else {
			CHECK_INT(rt_map_delete(m, &k), is_there[i] ? 0 : RT_ENOENT);
			n -= is_there[i];
			is_there[i] = false;
		}
	}
	for (uint32_t i = 0; i < MODEL_KEYS; i++)
		model_sum += is_there[i] ? model[i] : 0;
	CHECK_INT(count_elements(m, 0, &sum), n);
	CHECK_INT(sum, model_sum);
	CHECK_INT(m->n_refused, n_refused);
	rt_map_zero(m);
	CHECK_INT(count_elements(m, 0, &sum), n);
	CHECK_INT(sum, 0);
	rt_map_clear(m);
	CHECK_INT(count_elements(m, 0, &sum), 0);
	munmap(m, ROOM);
}

TEST(keys_that_come_and_go)
{
	const struct rt_map_plan p = { RT_HASH, 8, 8, 1000, 1 };
	struct rt_map *m = make(&p);

	/* a million different keys, ten at a time: searches for absent ones must not become walks over the whole table */
	for (uint64_t i = 0; i < 1000000; i++) {
		uint64_t old = i - 10;

		CHECK_INT(rt_map_update(m, &i, &i, RT_ANY, 0), 0);
		if (i >= 10)
			CHECK_INT(rt_map_delete(m, &old), 0);
	}
	CHECK_INT(m->n_refused, 0);
	munmap(m, ROOM);
}

TEST(per_processor)
{
	const struct rt_map_plan p = { RT_HASH, 4, 8, 16, 3 };
	struct rt_map *m = make(&p);
	uint32_t key = 7, absent = 8;
	uint64_t v = 5, sum;

	CHECK_INT(rt_map_update(m, &key, &v, RT_ANY, 1), 0);
	CHECK(!rt_map_lookup_in(m, &key, 0));
	/* there for all, but zero where nothing was written */
	CHECK(rt_map_lookup(m, &key, 0) && *(uint64_t *)rt_map_lookup(m, &key, 0) == 0);
	CHECK(!rt_map_lookup(m, &absent, 0) && !rt_map_lookup(m, &key, 3));
	CHECK_INT(count_elements(m, 0, &sum), 1);
	CHECK_INT(count_elements(m, 1, &sum), 1);
	CHECK_INT(sum, 5);
	CHECK_INT(rt_map_delete(m, &key), 0);
	CHECK(!rt_map_lookup(m, &key, 1) && !rt_map_lookup(m, &key, 0));
	munmap(m, ROOM);
}

TEST(arrays)
{
	const struct rt_map_plan p = { RT_ARRAY, 4, 12, 10, 2 };
	struct rt_map *m = make(&p);
	uint32_t i = 9, out = 10, v[3] = { 1, 2, 3 };

	CHECK(rt_map_lookup(m, &i, 0) && !rt_map_lookup(m, &out, 0));
	CHECK_INT(rt_map_update(m, &i, v, RT_ANY, 1), 0);
	CHECK_INT(rt_map_update(m, &i, v, RT_NOEXIST, 1), RT_EEXIST);
	CHECK_INT(rt_map_update(m, &out, v, RT_ANY, 1), RT_E2BIG);
	CHECK(((uint32_t *)rt_map_lookup(m, &i, 1))[2] == 3 &&
	      ((uint32_t *)rt_map_lookup(m, &i, 0))[2] == 0);
	CHECK_INT(rt_map_delete(m, &i), RT_EINVAL);
	munmap(m, ROOM);
}

/* ---- threads ---- */

enum { HITS = 400000, KEYS = 64 };

static void hit(struct rt_map *m, uint64_t key, uint32_t table)
{
	static const uint64_t zero;
	uint64_t *v = rt_map_lookup(m, &key, table);

	/* as programs do it: insert nothing, then add where it is */
	if (!v && rt_map_update(m, &key, &zero, RT_NOEXIST, table) != RT_E2BIG)
		v = rt_map_lookup(m, &key, table);
	if (v)
		__atomic_add_fetch(v, 1, __ATOMIC_RELAXED);
}

static void *hammer(void *arg)
{
	uint64_t x = (uint64_t)(uintptr_t)&x;

	for (unsigned i = 0; i < HITS; i++) {
		x = x * 6364136223846793005ull + 1442695040888963407ull;
		hit(arg, (x >> 40) % KEYS, 0);
	}
	return NULL;
}

/* slots of single keys: each thread has keys of its own, of which some lead to the same slots; somebody empties the map all the time */
struct owner {
	struct rt_map *map;
	uint64_t number, n_wrong, n_gone;
};

static void *own_keys(void *arg)
{
	struct owner *o = arg;

	for (uint64_t i = 0; i < HITS / 4; i++) {
		uint64_t key = o->number + i % 7 * THREADS, v = key << 32 | i, *found;

		if (rt_map_update(o->map, &key, &v, RT_ANY, 0))
			o->n_wrong++;
		found = rt_map_lookup(o->map, &key, 0);
		if (!found)
			o->n_gone++;
		else if (*found != v)
			o->n_wrong++;
		if (rt_map_delete(o->map, &key))
			o->n_gone++;
		if (rt_map_lookup(o->map, &key, 0))
			o->n_wrong++;
	}
	return NULL;
}

static void own_round(struct rt_map *m, bool is_emptied)
{
	struct owner owners[THREADS];
	pthread_t threads[THREADS];
	uint64_t sum;

	for (uint64_t i = 0; i < THREADS; i++) {
		owners[i] = (struct owner){ .map = m, .number = i + 1 };
		pthread_create(&threads[i], NULL, own_keys, &owners[i]);
	}
	for (unsigned i = 0; is_emptied && i < 2000; i++)
		rt_map_clear(m);
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		CHECK_INT(owners[i].n_wrong, 0);
		CHECK(is_emptied || !owners[i].n_gone);
	}
	CHECK_INT(count_elements(m, 0, &sum), 0);
}

TEST(keys_of_threads)
{
	const struct rt_map_plan p = { RT_HASH, 8, 8, 100, 1, 16 };
	struct rt_map *m = make(&p);

	own_round(m, false);
	own_round(m, true);
	munmap(m, ROOM);
}

TEST(threads_lose_nothing)
{
	const struct rt_map_plan p = { RT_HASH, 8, 8, 1000, 1 };

	for (unsigned round = 0; round < 10; round++) {
		struct rt_map *m = make(&p);
		pthread_t t[THREADS];
		struct rt_element e;
		uint64_t sum = 0;
		uint32_t at = 0;
		unsigned n_first = 0;

		for (unsigned i = 0; i < THREADS; i++)
			pthread_create(&t[i], NULL, hammer, m);
		for (unsigned i = 0; i < THREADS; i++)
			pthread_join(t[i], NULL);
		while (rt_map_next(m, 0, &at, &e)) {
			sum += *(uint64_t *)e.value;
			n_first += e.is_first;
		}
		CHECK_INT(sum, (uint64_t)THREADS * HITS);
		CHECK_INT(n_first, KEYS);
		munmap(m, ROOM);
	}
}

/* ---- killed in the middle ---- */

/* ---- keys that come and go in a map that has little more room than they need ---- */

enum { CHURN = 100000, LIVE = 24, CHURN_ROOM = LIVE * THREADS + THREADS };

struct churn {
	struct rt_map *m;
	uint64_t first, n_wrong, n_refused, n_live;
};

/* keys of its own, each once; the oldest goes when there are LIVE. One that is refused was never there */
static void *come_and_go(void *arg)
{
	struct churn *c = arg;
	bool is_there[LIVE] = { false };

	for (uint64_t i = 0; i < CHURN; i++) {
		uint64_t key = c->first + i * 0x9e3779b97f4a7c15ull,
			 old = key - LIVE * 0x9e3779b97f4a7c15ull;
		const uint64_t *v;

		c->n_wrong += (rt_map_delete(c->m, &old) == 0) != is_there[i % LIVE];
		is_there[i % LIVE] = !rt_map_update(c->m, &key, &i, RT_NOEXIST, 0);
		c->n_refused += !is_there[i % LIVE];
		v = rt_map_lookup(c->m, &key, 0);
		c->n_wrong += is_there[i % LIVE] ? !v || *v != i : v != NULL;
		c->n_wrong += rt_map_lookup(c->m, &old, 0) != NULL;
	}
	for (unsigned i = 0; i < LIVE; i++)
		c->n_live += is_there[i];
	return NULL;
}

TEST(slots_are_used_again)
{
	const struct rt_map_plan p = { RT_HASH, 8, 8, CHURN_ROOM, 1 };
	struct churn churns[THREADS];
	pthread_t t[THREADS];
	struct rt_map *m = make(&p);
	uint64_t sum, key, n_live = 0, n_refused = 0;
	unsigned n = 0;

	for (unsigned i = 0; i < THREADS; i++) {
		churns[i] = (struct churn){ .m = m, .first = i };
		pthread_create(&t[i], NULL, come_and_go, &churns[i]);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(t[i], NULL);
		CHECK_INT(churns[i].n_wrong, 0);
		n_live += churns[i].n_live;
		n_refused += churns[i].n_refused;
	}
	/* one can come in the moment in which another one has found a slot's credit and not yet given it back */
	printf("# %u of %u were refused\n", (unsigned)n_refused, CHURN * THREADS);
	CHECK(n_refused <= CHURN / 1000);
	CHECK_INT(m->n_refused, n_refused);
	CHECK_INT(count_elements(m, 0, &sum), n_live);
	/* what is left is room for just so many as were asked for */
	for (key = 1; !rt_map_update(m, &key, &key, RT_NOEXIST, 0); key++)
		n++;
	CHECK_INT(n, CHURN_ROOM - n_live);
	munmap(m, ROOM);
}

/* a large map that is full: each new key costs the program that is traced little, and nearly all of the room can be used */
TEST(a_large_full_map)
{
	const struct rt_map_plan p = { RT_HASH, 8, 8, 40000, 1 };
	struct rt_map *m = make(&p);
	uint64_t key, refused = 0;

	for (key = 1; key <= 40000; key++)
		CHECK_INT(rt_map_update(m, &key, &key, RT_NOEXIST, 0), 0);
	CHECK_INT(rt_map_update(m, &key, &key, RT_NOEXIST, 0), RT_E2BIG);
	/* 400 of them go, others come */
	for (key = 1; key <= 40000; key += 100)
		CHECK_INT(rt_map_delete(m, &key), 0);
	for (key = 50000; key < 50300; key++)
		refused += rt_map_update(m, &key, &key, RT_NOEXIST, 0) != 0;
	printf("# %u of 300 were refused\n", (unsigned)refused);
	CHECK(refused <= 15);
	munmap(m, ROOM);
}

TEST(killed_writers_leave_it_readable)
{
	const struct rt_map_plan p = { RT_HASH, 8, 8, 4000, 1 };
	uint64_t v, total = 0;
	struct rt_map *m = make(&p);

	for (unsigned k = 0; k < KILLS; k++) {
		struct rt_element e;
		uint32_t at = 0;
		pid_t pid;

		fflush(stdout);
		pid = fork();
		if (!pid)
			for (uint64_t x = k;; x = x * 6364136223846793005ull + 1) {
				uint64_t key = (x >> 33) % 1000 + k * 50;

				if (x >> 63)
					hit(m, key, 0);
				else
					rt_map_delete(m, &key);
			}
		poll(NULL, 0, 1 + (int)k % 5);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		while (rt_map_next(m, 0, &at, &e)) {
			uint64_t key;

			memcpy(&key, e.key, sizeof(key));
			CHECK(key < 1000 + KILLS * 50ull);
			total += *(uint64_t *)e.value;
		}
		/* and it can still be written */
		v = 1;
		rt_map_clear(m);
		CHECK_INT(rt_map_update(m, &v, &v, RT_ANY, 0), 0);
	}
	CHECK(total > 0);
	munmap(m, ROOM);
}

TEST(maps_of_maps)
{
	const struct rt_map_plan p = { RT_MAPS, 4, 8, 10, 1 }, inside = { RT_ARRAY, 4, 8, 3, 1 };
	struct rt_map *m = make(&p), *inner = (struct rt_map *)(void *)((char *)m + 8192);
	uint32_t i = 7, out = 10, last = 2;
	uint64_t v = 5;

	rt_map_init(inner, &inside, (char *)inner + 128);
	CHECK(!rt_map_lookup(m, &i, 0) && rt_map_set_map(m, i, 8192));
	CHECK(rt_map_lookup(m, &i, 0) == inner && rt_map_lookup_in(m, &i, 0) == inner);
	CHECK(rt_map_lookup(rt_map_lookup(m, &i, 0), &last, 0) != NULL);
	CHECK(!rt_map_lookup(m, &out, 0) && !rt_map_set_map(m, out, 8192));
	/* programs cannot change it */
	CHECK_INT(rt_map_update(m, &i, &v, RT_ANY, 0), RT_EINVAL);
	CHECK_INT(rt_map_delete(m, &i), RT_EINVAL);
	CHECK(rt_map_set_map(m, i, 0) && !rt_map_lookup(m, &i, 0));
	munmap(m, ROOM);
}
