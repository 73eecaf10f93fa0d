/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whole maps as text and JSON: order, top, div, histograms, time series, from a fake engine. */
#include "output/mapdump.h"

#include "base/arena.h"
#include "base/vec.h"

#include <stdlib.h>
#include <time.h>

#include "tap.h"

#define N_CPUS 2

/* one element: key bytes, and N_CPUS values (one for maps that are not per CPU) */
struct element {
	char key[64];
	char value[64];
};

struct engine {
	VEC(struct element) elements;
	uint32_t n_cpus;
};

static struct arena arena;
static struct type_table tt;
static struct engine engine;
static struct image_map map;
static struct strbuf out;
static struct value_env env;

static struct err *fake_each(struct engine *e, uint32_t index,
			     bool (*fn)(void *arg, const void *key, const void *value,
					uint32_t n_cpus),
			     void *arg)
{
	vec_each(it, &e->elements)
		if (!fn(arg, it->key, it->value, e->n_cpus))
			break;
	return NULL;
}

static const struct engine_ops ops = { .map_each = fake_each };

static void begin(const struct type *key, const struct type *value)
{
	map = (struct image_map){ .name = STR("@"),
				  .key_type = key,
				  .value_type = value,
				  .is_scalar = !key,
				  .bucket_offset = key ? (key->size + 7) / 8 * 8 : 0 };
	engine.n_cpus = 1;
	env = (struct value_env){ .trunc_trailer = STR("..") };
}

static void setup(void)
{
	type_table_init(&tt, &arena);
	setenv("TZ", "UTC", 1);
	tzset();
}

static void teardown(void)
{
	vec_free(&engine.elements);
	strbuf_free(&out);
	type_table_free(&tt);
	arena_free(&arena);
}

static struct element *add(const void *key, size_t key_n, const void *value, size_t value_n)
{
	struct element e = { 0 };

	memcpy(e.key, key, key_n);
	memcpy(e.value, value, value_n);
	vec_push(&engine.elements, e);
	return &vec_last(&engine.elements);
}

static void add_int(int64_t key, int64_t value)
{
	add(&key, 8, &value, 8);
}

static void add_bucket(const void *key, size_t key_n, uint64_t bucket, uint64_t count)
{
	struct element *e = add(key, key_n, &count, 8);

	memcpy(e->key + map.bucket_offset, &bucket, 8);
}

static const char *dump_with(bool is_json, bool print_empty, uint64_t top, uint64_t div)
{
	struct mapdump d = { .map = &map,
			     .env = &env,
			     .is_json = is_json,
			     .print_empty_scalar = print_empty,
			     .top = top,
			     .div = div };

	strbuf_clear(&out);
	CHECK(!mapdump_put(&d, &ops, &engine, 0, &out));
	return strbuf_cstr(&out);
}

static const char *text(void)
{
	return dump_with(false, false, 0, 1);
}

static const char *json(void)
{
	return dump_with(true, false, 0, 1);
}

static const struct type *hist_type(int64_t bits)
{
	return type_aggregate(&tt, TYPE_HIST, true, (const int64_t[]){ bits, 0, 0 });
}

static const struct type *lhist_type(int64_t min, int64_t max, int64_t step)
{
	return type_aggregate(&tt, TYPE_LHIST, true, (const int64_t[]){ min, max, step });
}

TEST(scalars)
{
	int64_t v = 5;

	setup();
	begin(NULL, type_int(8, true));
	CHECK_STR(text(), "");
	CHECK_STR(json(), "");
	CHECK_STR(dump_with(false, true, 0, 1), "@: 0\n");
	add("", 0, &v, 8);
	CHECK_STR(text(), "@: 5\n");
	CHECK_STR(json(), "{\"type\": \"map\", \"data\": {\"@\": 5}}\n");
	begin(NULL, type_string(&tt, 8));
	vec_free(&engine.elements);
	CHECK_STR(dump_with(false, true, 0, 1), "@: \n");
	add("", 0, "a b\n", 4);
	CHECK_STR(json(), "{\"type\": \"map\", \"data\": {\"@\": \"a b\\n\"}}\n");
	teardown();
}

TEST(empty_statistics_show_zeros)
{
	setup();
	begin(NULL, type_aggregate(&tt, TYPE_STATS, true, NULL));
	CHECK_STR(dump_with(false, true, 0, 1), "@: { .count = 0, .average = 0, .total = 0 }\n");
	CHECK_STR(text(), "");
	teardown();
}

TEST(values_rise_and_equal_ones_go_by_key)
{
	setup();
	begin(type_int(8, true), type_int(8, true));
	add_int(3, 1);
	add_int(1, 7);
	add_int(-1, 1);
	add_int(2, -4);
	CHECK_STR(text(), "@[2]: -4\n@[-1]: 1\n@[3]: 1\n@[1]: 7\n");
	CHECK_STR(dump_with(false, false, 2, 1), "@[3]: 1\n@[1]: 7\n");
	CHECK_STR(dump_with(false, false, 1, 2), "@[1]: 3\n");
	CHECK_STR(dump_with(false, false, 10, 2), "@[2]: -2\n@[-1]: 0\n@[3]: 0\n@[1]: 3\n");
	CHECK_STR(
		json(),
		"{\"type\": \"map\", \"data\": {\"@\": {\"2\": -4, \"-1\": 1, \"3\": 1, \"1\": 7}}}\n");
	teardown();
}

TEST(unsigned_values_sort_as_such)
{
	setup();
	begin(type_int(8, false), type_int(8, false));
	add_int(-1, -1);
	add_int(0, 3);
	CHECK_STR(text(), "@[0]: 3\n@[18446744073709551615]: 18446744073709551615\n");
	teardown();
}

TEST(text_values_go_by_key)
{
	int64_t k = 2;

	setup();
	begin(type_int(8, true), type_string(&tt, 8));
	add(&k, 8, "a", 1);
	k = 1;
	add(&k, 8, "z", 1);
	CHECK_STR(text(), "@[1]: z\n@[2]: a\n");
	teardown();
}

TEST(tuple_keys_lose_their_parentheses)
{
	struct {
		char s[8];
		int64_t n;
	} k = { "curl", 2 };
	const struct type *t;
	int64_t v = 9;

	setup();
	t = type_tuple(&tt, (const struct type *[]){ type_string(&tt, 8), type_int(8, true) }, NULL,
		       2);
	begin(t, type_int(8, true));
	add(&k, sizeof(k), &v, 8);
	CHECK_STR(text(), "@[curl, 2]: 9\n");
	CHECK_STR(json(), "{\"type\": \"map\", \"data\": {\"@\": {\"curl,2\": 9}}}\n");
	teardown();
}

TEST(a_scalar_in_an_array_that_nobody_wrote_has_no_value)
{
	uint64_t parts[N_CPUS] = { 0 };
	struct mapdump d = { .map = &map, .env = &env, .is_zero_a_value = true };

	setup();
	begin(NULL, type_simple(TYPE_COUNT));
	map.bpf_type = BPF_MAP_TYPE_PERCPU_ARRAY;
	engine.n_cpus = N_CPUS;
	add("", 0, parts, sizeof(parts));
	CHECK_STR(text(), "");
	CHECK_STR(dump_with(false, true, 0, 1), "@: 0\n");
	strbuf_clear(&out);
	CHECK(!mapdump_put(&d, &ops, &engine, 0, &out));
	CHECK_STR(strbuf_cstr(&out), "@: 0\n");
	engine.elements.v[0].value[8] = 1;
	CHECK_STR(text(), "@: 1\n");
	teardown();
}

TEST(one_key_alone)
{
	int64_t k = 2;
	struct mapdump d = { .map = &map, .env = &env, .only_key = &k };

	setup();
	begin(type_int(8, true), hist_type(0));
	add_bucket(&k, 8, 3, 1);
	add_bucket(&(int64_t){ 5 }, 8, 4, 1);
	CHECK(!mapdump_put(&d, &ops, &engine, 0, &out));
	CHECK_HAS(strbuf_cstr(&out), "@[2]:\n[2, 4) ");
	CHECK(!strstr(strbuf_cstr(&out), "@[5]"));
	teardown();
}

TEST(per_cpu_parts_are_merged)
{
	int64_t k = 1;
	uint64_t parts[N_CPUS] = { 3, 4 };
	struct stored_avg avgs[N_CPUS] = { { 10, 2 }, { 5, 1 } };

	setup();
	begin(type_int(8, true), type_simple(TYPE_COUNT));
	engine.n_cpus = N_CPUS;
	add(&k, 8, parts, sizeof(parts));
	CHECK_STR(text(), "@[1]: 7\n");
	vec_free(&engine.elements);
	begin(type_int(8, true), type_aggregate(&tt, TYPE_AVG, true, NULL));
	engine.n_cpus = N_CPUS;
	add(&k, 8, avgs, sizeof(avgs));
	CHECK_STR(text(), "@[1]: 5\n");
	CHECK_STR(json(), "{\"type\": \"stats\", \"data\": {\"@\": {\"1\": 5}}}\n");
	teardown();
}

TEST(averages_are_ranked_and_divided)
{
	static const char keys[4][8] = { "a", "b", "c", "d" };

	setup();
	begin(type_string(&tt, 8), type_aggregate(&tt, TYPE_AVG, true, NULL));
	for (int i = 3; i >= 0; i--)
		add(keys[i], 8, &(struct stored_avg){ (uint64_t)(i + 1) * 10, 1 }, 16);
	CHECK_STR(dump_with(false, true, 2, 10), "@[c]: 3\n@[d]: 4\n");
	CHECK_STR(dump_with(true, true, 2, 10),
		  "{\"type\": \"stats\", \"data\": {\"@\": {\"c\": 3, \"d\": 4}}}\n");
	teardown();
}

TEST(histogram_rows)
{
	setup();
	begin(NULL, hist_type(0));
	add_bucket("", 0, 0, 1); /* -1 */
	add_bucket("", 0, 3, 2); /* 2, 3 */
	add_bucket("", 0, 4, 1); /* 7 */
	add_bucket("", 0, 6, 1); /* 20 */
	CHECK_STR(
		text(),
		"@:\n"
		"(..., 0)               1 |@@@@@@@@@@@@@@@@@@@@@@@@@@                          |\n"
		"[0]                    0 |                                                    |\n"
		"[1]                    0 |                                                    |\n"
		"[2, 4)                 2 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|\n"
		"[4, 8)                 1 |@@@@@@@@@@@@@@@@@@@@@@@@@@                          |\n"
		"[8, 16)                0 |                                                    |\n"
		"[16, 32)               1 |@@@@@@@@@@@@@@@@@@@@@@@@@@                          |\n"
		"\n");
	CHECK_HAS(json(),
		  "{\"type\": \"hist\", \"data\": {\"@\": [{\"max\": -1, \"count\": 1},"
		  "{\"min\": 0, \"max\": 0, \"count\": 0},{\"min\": 1, \"max\": 1, \"count\": 0},"
		  "{\"min\": 2, \"max\": 3, \"count\": 2},");
	teardown();
}

TEST(histogram_edges_have_suffixes)
{
	setup();
	begin(NULL, hist_type(0));
	add_bucket("", 0, 11, 1);
	add_bucket("", 0, 12, 1);
	CHECK_HAS(text(), "[512, 1K)              1 |");
	CHECK_HAS(text(), "[1K, 2K)               1 |");
	vec_free(&engine.elements);
	add_bucket("", 0, 35, 1);
	CHECK_HAS(text(), "[8G, 16G)              1 |");
	CHECK_HAS(json(), "[{\"min\": 8589934592, \"max\": 17179869183, \"count\": 1}]");
	teardown();
}

/* the numbering of type.h, computed independently of hist.c */
static uint64_t bucket_of(uint64_t n, unsigned k)
{
	unsigned l = 63 - (unsigned)__builtin_clzll(n | 1);

	if (n < 1ull << k)
		return n + 1;
	return ((uint64_t)(l - k + 1) << k) + ((n >> (l - k)) - (1ull << k)) + 1;
}

TEST(fine_histograms)
{
	setup();
	begin(NULL, hist_type(3));
	for (uint64_t n = 0; n < 1024; n++)
		add_bucket("", 0, bucket_of(n, 3), 1);
	CHECK_HAS(
		json(),
		"{\"min\": 15, \"max\": 15, \"count\": 1},{\"min\": 16, \"max\": 17, \"count\": 2},");
	CHECK_HAS(json(), "{\"min\": 960, \"max\": 1023, \"count\": 64}]");
	CHECK_HAS(text(), "[15]                   1 |");
	CHECK_HAS(text(), "[16, 18)               2 |");
	CHECK_HAS(text(), "[960, 1024)           64 |");
	teardown();
}

TEST(linear_histograms)
{
	setup();
	begin(NULL, lhist_type(0, 10, 2));
	add_bucket("", 0, 0, 1);
	add_bucket("", 0, 2, 2);
	add_bucket("", 0, 6, 1);
	CHECK_STR(
		text(),
		"@:\n"
		"(..., 0)               1 |@@@@@@@@@@@@@@@@@@@@@@@@@@                          |\n"
		"[0, 2)                 0 |                                                    |\n"
		"[2, 4)                 2 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|\n"
		"[4, 6)                 0 |                                                    |\n"
		"[6, 8)                 0 |                                                    |\n"
		"[8, 10)                0 |                                                    |\n"
		"[10, ...)              1 |@@@@@@@@@@@@@@@@@@@@@@@@@@                          |\n"
		"\n");
	CHECK_HAS(json(), "{\"min\": 8, \"max\": 9, \"count\": 0},{\"min\": 10, \"count\": 1}]");
	teardown();
}

TEST(linear_histogram_with_one_end_only)
{
	setup();
	begin(NULL, lhist_type(0, 100, 10));
	add_bucket("", 0, 11, 1);
	CHECK_HAS(text(), "@:\n[100, ...)             1 |@@@@");
	CHECK_HAS(json(), "[{\"min\": 100, \"count\": 1}]");
	vec_free(&engine.elements);
	begin(NULL, lhist_type(10, 110, 10));
	add_bucket("", 0, 0, 1);
	CHECK_HAS(text(), "@:\n(..., 10)              1 |@@@@");
	teardown();
}

TEST(linear_suffixes_only_when_all_edges_have_them)
{
	setup();
	begin(NULL, lhist_type(610000, 670000, 10000));
	add_bucket("", 0, 3, 1);
	add_bucket("", 0, 4, 1);
	CHECK_HAS(text(), "[630000, 640000)       1 |");
	CHECK_HAS(text(), "[640000, 650000)       1 |");
	vec_free(&engine.elements);
	begin(NULL, lhist_type(0, 5 * 1024, 1024));
	add_bucket("", 0, 1, 1);
	add_bucket("", 0, 2, 1);
	CHECK_HAS(text(), "[0, 1K)                1 |");
	CHECK_HAS(text(), "[1K, 2K)               1 |");
	teardown();
}

TEST(keyed_histograms_go_by_total)
{
	int64_t k1 = 1, k2 = 2, k3 = 3;

	setup();
	begin(type_int(8, true), hist_type(0));
	add_bucket(&k3, 8, 5, 1);
	add_bucket(&k1, 8, 4, 5);
	add_bucket(&k2, 8, 5, 1);
	CHECK_STR(
		dump_with(true, false, 2, 1),
		"{\"type\": \"hist\", \"data\": {\"@\": {\"3\": [{\"min\": 8, \"max\": 15, \"count\": 1}], "
		"\"1\": [{\"min\": 4, \"max\": 7, \"count\": 5}]}}}\n");
	CHECK(strncmp(text(), "@[2]:\n[8, 16) ", 14) == 0);
	CHECK_HAS(text(), "|\n\n@[3]:\n");
	teardown();
}

TEST(zeroed_histograms_are_empty_and_cleared_ones_absent)
{
	setup();
	begin(NULL, hist_type(0));
	CHECK_STR(text(), "");
	CHECK_STR(json(), "");
	CHECK_STR(dump_with(false, true, 0, 1), "");
	add_bucket("", 0, 3, 0);
	CHECK_STR(text(), "@:\n\n");
	CHECK_STR(json(), "{\"type\": \"hist\", \"data\": {\"@\": []}}\n");
	teardown();
}

TEST(division_may_leave_nothing_to_draw)
{
	setup();
	begin(NULL, hist_type(0));
	add_bucket("", 0, 3, 5);
	CHECK_STR(
		dump_with(false, false, 0, 10),
		"@:\n[2, 4)                 0 |                                                    |\n\n");
	teardown();
}

/* ---- time series ---- */

static void add_slot(const void *key, size_t key_n, uint64_t slot,
		     const struct stored_tseries *cpus, uint32_t n)
{
	struct element *e = add(key, key_n, cpus, n * sizeof(*cpus));

	memcpy(e->key + map.bucket_offset, &slot, 8);
}

static const struct type *tseries_type(int64_t n, enum tseries_agg agg, bool is_signed)
{
	return type_aggregate(&tt, TYPE_TSERIES, is_signed, (const int64_t[]){ 100000000, n, agg });
}

TEST(a_flat_time_series)
{
	setup();
	begin(NULL, tseries_type(5, TSERIES_LAST, true));
	for (uint64_t i = 5; i < 10; i++)
		add_slot("", 0, i % 5, &(struct stored_tseries){ 9, 1, i }, 1);
	CHECK_STR(text(), "@:\n"
			  "             8                                                  10\n"
			  "hh:mm:ss.ms  |___________________________________________________|\n"
			  "00:00:00.500 |                         *                         | 9\n"
			  "00:00:00.600 |                         *                         | 9\n"
			  "00:00:00.700 |                         *                         | 9\n"
			  "00:00:00.800 |                         *                         | 9\n"
			  "00:00:00.900 |                         *                         | 9\n"
			  "             v___________________________________________________v\n"
			  "             8                                                  10\n"
			  "\n");
	CHECK_HAS(json(), "{\"type\": \"tseries\", \"data\": {\"@\": "
			  "[{\"interval_start\":\"1970-01-01 00:00:00.500000000\",\"value\":9},");
	teardown();
}

TEST(a_time_series_around_zero)
{
	setup();
	begin(NULL, tseries_type(20, TSERIES_LAST, true));
	for (uint64_t i = 101; i <= 111; i++)
		add_slot("", 0, i % 20, &(struct stored_tseries){ i - 106, 1, i }, 1);
	CHECK_HAS(text(), "             -5                                                  5\n");
	CHECK_HAS(text(),
		  "00:00:10.100 *                         .                         | -5\n");
	CHECK_HAS(text(),
		  "00:00:10.200 |    *                    .                         | -4\n");
	CHECK_HAS(text(),
		  "00:00:10.500 |                   *     .                         | -1\n");
	CHECK_HAS(text(), "00:00:10.600 |                         *                         | 0\n");
	CHECK_HAS(text(), "00:00:11.000 |                         .                   *     | 4\n");
	CHECK_HAS(text(), "00:00:11.100 |                         .                         * 5\n");
	teardown();
}

TEST(time_series_of_several_keys_end_together)
{
	setup();
	begin(type_string(&tt, 8), tseries_type(10, TSERIES_LAST, true));
	for (uint64_t i = 0; i < 5; i++)
		add_slot("one\0\0\0\0", 8, i, &(struct stored_tseries){ i ? 5 : 0, i ? 1 : 0, i },
			 1);
	for (uint64_t i = 5; i < 10; i++)
		add_slot("two\0\0\0\0", 8, i, &(struct stored_tseries){ 4, 1, i }, 1);
	CHECK_HAS(text(), "@[one]:\n"
			  "             0                                                   5\n"
			  "hh:mm:ss.ms  |___________________________________________________|\n"
			  "00:00:00.000 *                                                   | 0\n"
			  "00:00:00.100 |                                                   * 5\n");
	CHECK_HAS(text(), "00:00:00.900 |                                                   | -\n");
	CHECK_HAS(text(), "@[two]:\n"
			  "             3                                                   5\n");
	teardown();
}

TEST(cpus_of_a_time_series_are_merged_by_its_function)
{
	struct stored_tseries cpus[2] = { { 10, 2, 50 }, { 2, 1, 50 } };
	struct stored_tseries stale[2] = { { 10, 2, 50 }, { 99, 1, 45 } };

	setup();
	begin(NULL, tseries_type(5, TSERIES_SUM, true));
	engine.n_cpus = 2;
	add_slot("", 0, 0, cpus, 2);
	CHECK_HAS(json(), "\"value\":12}]");
	map.value_type = tseries_type(5, TSERIES_AVG, true);
	CHECK_HAS(json(), "\"value\":4}]");
	map.value_type = tseries_type(5, TSERIES_MIN, true);
	CHECK_HAS(json(), "\"value\":2}]");
	map.value_type = tseries_type(5, TSERIES_MAX, true);
	CHECK_HAS(json(), "\"value\":10}]");
	vec_free(&engine.elements);
	map.value_type = tseries_type(5, TSERIES_SUM, true);
	add_slot("", 0, 0, stale, 2);
	CHECK_HAS(json(), "\"value\":10}]");
	teardown();
}

TEST(zeroed_time_series_are_empty)
{
	setup();
	begin(NULL, tseries_type(5, TSERIES_LAST, true));
	for (uint64_t i = 0; i < 5; i++)
		add_slot("", 0, i, &(struct stored_tseries){ 0 }, 1);
	CHECK_STR(text(), "@:\n<no data>\n");
	CHECK_STR(json(), "{\"type\": \"tseries\", \"data\": {\"@\": []}}\n");
	teardown();
}
