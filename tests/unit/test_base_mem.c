/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory, containers, threads: src/base/arena.c, vec.h, hashmap.c, bytes.h, cleanup.h, parallel.c. */
#include "base/arena.h"

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/hashmap.h"
#include "base/parallel.h"
#include "base/vec.h"

#include <fcntl.h>
#include <stdio.h>

#include "tap.h"

TEST(arena_zeroes_and_aligns)
{
	struct arena a;

	arena_init(&a);
	for (size_t n = 0; n < 300; n++) {
		unsigned char *p = arena_alloc(&a, n);

		CHECK_INT((uintptr_t)p % 16, 0);
		for (size_t i = 0; i < n; i++)
			if (!CHECK_INT(p[i], 0))
				break;
		memset(p, 0xff, n); /* a later piece must not lie in this one */
	}
	arena_free(&a);
	CHECK(a.head == NULL);
}

TEST(arena_takes_large_pieces)
{
	struct arena a;
	char *big, *small;

	arena_init(&a);
	big = arena_alloc(&a, 5 * 1024 * 1024);
	big[5 * 1024 * 1024 - 1] = 'x';
	small = arena_alloc(&a, 1);
	*small = 'y';
	CHECK_INT(big[5 * 1024 * 1024 - 1], 'x');
	arena_free(&a);
	/* may be used again */
	CHECK(arena_alloc(&a, 8) != NULL);
	arena_free(&a);
}

TEST(arena_strings)
{
	struct arena a;
	struct str s;

	arena_init(&a);
	s = arena_str(&a, str_make("abcdef", 3));
	CHECK_STR(s.p, "abc"); /* NUL behind it */
	s = arena_str(&a, STR_NULL);
	CHECK_INT(s.n, 0);
	CHECK_STR(s.p, "");
	s = arena_printf(&a, "%s:%d", "x", 7);
	CHECK_VIEW(s, "x:7");
	arena_free(&a);
}

TEST(vec)
{
	VEC(int) v = { 0 };
	int sum = 0;

	for (int i = 0; i < 1000; i++)
		vec_push(&v, i);
	CHECK_INT(v.n, 1000);
	CHECK_INT(vec_last(&v), 999);
	vec_each(it, &v)
		sum += *it;
	CHECK_INT(sum, 999 * 1000 / 2);
	vec_reserve(&v, 5000);
	CHECK(v.cap >= 6000);
	CHECK_INT(v.n, 1000);
	vec_free(&v);
	CHECK(v.v == NULL && v.n == 0 && v.cap == 0);
}

TEST(hashmap_put_get_remove)
{
	struct hashmap m = { 0 };
	int a = 1, b = 2;

	CHECK(hashmap_get(&m, STR("a")) == NULL);
	CHECK(hashmap_remove(&m, STR("a")) == NULL);
	CHECK(hashmap_put(&m, STR("a"), &a) == NULL);
	CHECK(hashmap_put(&m, STR("a"), &b) == &a);
	CHECK(hashmap_get(&m, STR("a")) == &b);
	CHECK_INT(m.n, 1);
	CHECK(hashmap_remove(&m, STR("a")) == &b);
	CHECK(hashmap_get(&m, STR("a")) == NULL);
	CHECK(hashmap_put(&m, STR("a"), &a) == NULL);
	CHECK(hashmap_get(&m, STR("a")) == &a);
	CHECK(hashmap_put(&m, STR(""), &b) == NULL);
	CHECK(hashmap_get(&m, STR_NULL) == &b);
	hashmap_free(&m);
}

TEST(hashmap_many_keys_keep_their_order)
{
	enum { N = 20000 };
	static uint64_t keys[N];
	struct hashmap m = { 0 };

	for (size_t i = 0; i < N; i++) {
		keys[i] = i * 0x9e3779b97f4a7c15ULL;
		hashmap_put(&m, hashmap_key_u64(&keys[i]), &keys[i]);
	}
	CHECK_INT(m.n, N);
	for (size_t i = 0; i < N; i++) {
		uint64_t copy = keys[i];

		if (!CHECK(hashmap_get(&m, hashmap_key_u64(&copy)) == &keys[i]) ||
		    !CHECK(m.entries[i].value == &keys[i]))
			break;
	}
	hashmap_free(&m);
}

TEST(bytes_reads_little_endian)
{
	static const uint8_t raw[] = { 1, 2, 3, 4, 5, 6, 7, 8, 'h', 'i', 0, 0xff };
	struct bytes b = bytes_make(raw, sizeof(raw));

	CHECK_INT(bytes_u8(&b), 1);
	CHECK_INT(bytes_u16(&b), 0x0302);
	CHECK_INT(bytes_u8(&b), 4);
	CHECK_INT(bytes_u32(&b), 0x08070605);
	CHECK_VIEW(bytes_cstr(&b), "hi");
	CHECK_INT(bytes_left(&b), 1);
	CHECK(!b.bad);
	/* a read past the end is refused, moves nothing, and is remembered */
	CHECK_INT(bytes_u16(&b), 0);
	CHECK(b.bad);
	CHECK_INT(b.pos, 11);
	CHECK_INT(bytes_u8(&b), 0);
}

TEST(bytes_cstr_without_nul)
{
	struct bytes b = bytes_make("abc", 3);

	CHECK_INT(bytes_cstr(&b).n, 0);
	CHECK(b.bad);
	b = bytes_make("", 0);
	CHECK_INT(bytes_cstr(&b).n, 0);
	CHECK(b.bad);
}

TEST(bytes_seek_and_align)
{
	struct bytes b = bytes_make("0123456789", 10);

	bytes_seek(&b, 5);
	bytes_align(&b, 4);
	CHECK_INT(b.pos, 8);
	bytes_align(&b, 4);
	CHECK_INT(b.pos, 8);
	bytes_seek(&b, 10);
	CHECK(!b.bad);
	bytes_seek(&b, 11);
	CHECK(b.bad);
}

TEST(cleanup_closes_and_frees)
{
	int kept, seen;

	{
		FD_AUTO fd = open("/dev/null", O_RDONLY);
		FD_AUTO other = open("/dev/null", O_RDONLY);

		CHECK(fd >= 0 && other >= 0);
		seen = fd;
		kept = steal_fd(&other);
		CHECK_INT(other, -1);
	}
	CHECK_INT(fcntl(seen, F_GETFD), -1);
	CHECK(fcntl(kept, F_GETFD) >= 0);
	close(kept);
	{
		FREE_AUTO char *p = base_strdup("x");
		char *q = steal_ptr(p);

		CHECK(p == NULL);
		CHECK_STR(q, "x");
		free(q);
	}
}

/* ---- parallel.h ---- */

static void count_one(void *arg, size_t i)
{
	__atomic_fetch_add((unsigned *)arg + i, (unsigned)i + 1, __ATOMIC_RELAXED);
}

TEST(each_is_done_once_by_however_many_threads)
{
	enum { N = 500 };

	CHECK(parallel_cpus() >= 1);
	for (size_t threads = 0; threads < 100; threads += 9) {
		unsigned done[N] = { 0 };

		parallel_each(N, threads, 0, count_one, done);
		for (unsigned i = 0; i < N; i++)
			if (!CHECK_INT(done[i], i + 1))
				break;
	}
	parallel_each(0, 4, 0, count_one, NULL);
}
