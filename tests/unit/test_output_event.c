/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events, faults, messages and the sink (output/event.h, faults.h, sink.h) with a fake engine, through pipes. */
#include "output/event.h"

#include "output/faults.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"

/* ---- a fake engine: one scalar map, fault counters, a log of calls ---- */

struct engine {
	int64_t value;
	bool has_value;
	struct image_globals globals;
	struct image_fault_count faults[4];
	uint64_t missed;
	uint64_t unwatched;
};

static struct err *fake_each(struct engine *e, uint32_t index,
			     bool (*fn)(void *arg, const void *key, const void *value,
					uint32_t n_cpus),
			     void *arg)
{
	if (e->has_value)
		fn(arg, "\0\0\0\0\0\0\0", &e->value, 1);
	return NULL;
}

static struct err *fake_lookup(struct engine *e, uint32_t index, const void *key, void *value)
{
	uint64_t hash;

	memcpy(&hash, key, 8);
	if (hash != 77)
		return err_new(ENOENT, "no such stack");
	memcpy(value, (const uint64_t[]){ 0x10, 0x20 }, 16);
	return NULL;
}

static struct err *fake_clear(struct engine *e, uint32_t index)
{
	e->has_value = false;
	return NULL;
}

static struct err *fake_zero(struct engine *e, uint32_t index)
{
	e->value = 0;
	return NULL;
}

static struct image_globals *fake_globals(struct engine *e)
{
	return &e->globals;
}

static const struct image_fault_count *fake_faults(struct engine *e)
{
	return e->faults;
}

static uint64_t fake_missed(struct engine *e, uint32_t prog)
{
	return e->missed;
}

static uint32_t fake_n_cpus(struct engine *e)
{
	return 2;
}

static struct err *fake_unwatch(struct engine *e, uint64_t address)
{
	e->unwatched = address;
	return NULL;
}

static const struct engine_ops ops = {
	.map_each = fake_each,
	.map_lookup = fake_lookup,
	.map_clear = fake_clear,
	.map_zero = fake_zero,
	.globals = fake_globals,
	.faults = fake_faults,
	.missed = fake_missed,
	.unwatch = fake_unwatch,
	.n_cpus = fake_n_cpus,
};

/* ---- the fixture ---- */

static const char script[] = "begin { errorf(\"x\"); }\n";

static struct arena arena;
static struct type_table tt;
static struct sources sources;
static struct image *image;
static struct engine engine;
static struct output *output;
static struct output_opts opts;
static int out_pipe[2], err_pipe[2];
static char got[65536];

static void setup(enum output_format format)
{
	type_table_init(&tt, &arena);
	memset(&engine, 0, sizeof(engine));
	image = image_new(&arena);
	sources = (struct sources){ 0 };
	sources_add(&sources, STR("stdin"), str_from(script));
	CHECK(pipe2(out_pipe, O_CLOEXEC | O_NONBLOCK) == 0 &&
	      pipe2(err_pipe, O_CLOEXEC | O_NONBLOCK) == 0);
	opts = (struct output_opts){ .format = format,
				     .fd = out_pipe[1],
				     .err_fd = err_pipe[1],
				     .trunc_trailer = STR(".."),
				     .max_cat_bytes = 100,
				     .allow_system = true };
}

static void start(void)
{
	struct err *err = output_new(image, &sources, NULL, &opts, &output);

	if (!CHECK(!err)) {
		printf("# %s\n", err->msg);
		exit(1);
	}
	output_set_engine(output, &ops, &engine);
}

static void teardown(void)
{
	output_free(output);
	output = NULL;
	close(out_pipe[0]);
	close(out_pipe[1]);
	close(err_pipe[0]);
	close(err_pipe[1]);
	sources_free(&sources);
	type_table_free(&tt);
	arena_free(&arena);
}

static const char *take(int fd)
{
	ssize_t n = read(fd, got, sizeof(got) - 1);

	got[n > 0 ? n : 0] = '\0';
	return got;
}

static const char *take_out(void)
{
	output_batch_end(output);
	return take(out_pipe[0]);
}

static const char *take_err(void)
{
	return take(err_pipe[0]);
}

static uint32_t add_event(enum event_kind kind, const char *format, const struct type *const *types,
			  uint32_t n)
{
	struct event_layout l = {
		.kind = kind, .format = str_from(format), .n_fields = n, .param = { -1, -1 }
	};

	l.at = (struct span){ 8, 19, 0, 0 };
	l.fields = arena_array(&arena, struct event_field, n);
	for (uint32_t i = 0; i < n; i++) {
		l.fields[i] = (struct event_field){ types[i], l.size };
		l.size += (types[i]->size + 7) / 8 * 8;
	}
	return image_add_event(image, l);
}

static uint32_t add_map(const struct type *value)
{
	return image_add_map(image, (struct image_map){ .name = STR("@x"),
							.role = MAP_SCRIPT,
							.value_type = value,
							.is_scalar = true,
							.print_at_exit = true });
}

static void send(uint32_t layout, const void *payload, uint32_t size)
{
	struct event_head head = { layout, 0 };

	output_event(output, &head, payload, size);
}

struct number_and_text {
	int64_t n;
	char s[8];
};

TEST(printf_in_text_and_json)
{
	struct number_and_text v = { 5, "a\"b" };
	uint32_t e;

	setup(OUTPUT_TEXT);
	e = add_event(EVENT_PRINTF, "n %d s %s\n",
		      (const struct type *[]){ type_int(8, true), type_string(&tt, 8) }, 2);
	start();
	send(e, &v, sizeof(v));
	CHECK_STR(take_out(), "n 5 s a\"b\n");
	/* a record that ends with the string's true length */
	send(e, &v, 8 + 1);
	CHECK_STR(take_out(), "n 5 s a\n");
	output->opts.format = OUTPUT_JSON;
	send(e, &v, sizeof(v));
	CHECK_STR(take_out(), "{\"type\": \"printf\", \"data\": \"n 5 s a\\\"b\\n\"}\n");
	CHECK_STR(take_err(), "");
	teardown();
}

TEST(print_of_values)
{
	int64_t v[2] = { 1, 7 };
	uint32_t e, k;

	setup(OUTPUT_TEXT);
	e = add_event(EVENT_PRINT, "", (const struct type *[]){ type_int(8, true) }, 1);
	k = add_event(EVENT_PRINT_MAP_KEY, "",
		      (const struct type *[]){ type_int(8, true), type_int(8, true) }, 2);
	start();
	send(e, v, 8);
	send(k, v, 16);
	CHECK_STR(take_out(), "1\n7\n");
	output->opts.format = OUTPUT_JSON;
	send(e, v, 8);
	CHECK_STR(take_out(), "{\"type\": \"value\", \"data\": 1}\n");
	teardown();
}

TEST(print_of_one_aggregation)
{
	int64_t k = 1;
	uint32_t e, m;

	setup(OUTPUT_TEXT);
	m = image_add_map(image, (struct image_map){ .name = STR("@c"),
						     .role = MAP_SCRIPT,
						     .key_size = 8,
						     .key_type = type_int(8, true),
						     .is_per_cpu = true,
						     .value_type = type_simple(TYPE_COUNT) });
	e = add_event(EVENT_PRINT_MAP_KEY, "", (const struct type *[]){ type_int(8, true) }, 1);
	image->events[e]->map = m;
	start();
	send(e, &k, 8);
	CHECK_STR(take_out(), "0\n");
	k = 77;
	send(e, &k, 8);
	CHECK_STR(take_out(), "48\n");
	teardown();
}

TEST(map_events)
{
	uint32_t print, clear, zero, m;

	setup(OUTPUT_TEXT);
	m = add_map(type_int(8, true));
	print = add_event(EVENT_PRINT_MAP, "", NULL, 0);
	clear = add_event(EVENT_CLEAR, "", NULL, 0);
	zero = add_event(EVENT_ZERO, "", NULL, 0);
	image->events[print]->map = image->events[clear]->map = image->events[zero]->map = m;
	start();
	engine.value = 3;
	engine.has_value = true;
	send(print, NULL, 0);
	CHECK_STR(take_out(), "@x: 3\n");
	send(zero, NULL, 0);
	send(print, NULL, 0);
	CHECK_STR(take_out(), "@x: 0\n");
	engine.value = 4;
	output_maps(output);
	CHECK_STR(take_out(), "@x: 4\n");
	send(clear, NULL, 0);
	send(print, NULL, 0);
	CHECK_STR(take_out(), "@x: 0\n");
	output_maps(output);
	CHECK_STR(take_out(), "");
	teardown();
}

TEST(errorf_and_warnf_have_a_place)
{
	int64_t v = 10;
	uint32_t e, w;

	setup(OUTPUT_TEXT);
	e = add_event(EVENT_ERRORF, "bad %d\n", (const struct type *[]){ type_int(8, true) }, 1);
	w = add_event(EVENT_WARNF, "so so", NULL, 0);
	start();
	send(e, &v, 8);
	CHECK_STR(take_err(), "stdin:1:9-20: ERROR: bad 10\n");
	send(w, NULL, 0);
	CHECK_STR(take_err(), "stdin:1:9-20: WARNING: so so\n");
	output->opts.no_warnings = true;
	send(w, NULL, 0);
	CHECK_STR(take_err(), "");
	output->opts.format = OUTPUT_JSON;
	send(e, &v, 8);
	CHECK_STR(
		take_out(),
		"{\"type\": \"errorf\", \"msg\": \"bad 10\\n\", \"filename\": \"stdin\", \"line\": 1, \"col\": 9}\n");
	teardown();
}

TEST(errorf_out_of_a_macro_shows_the_chain)
{
	uint32_t e;

	setup(OUTPUT_TEXT);
	e = add_event(EVENT_ERRORF, "bad", NULL, 0);
	image->events[e]->at.expansion =
		sources_add_expansion(&sources, (struct span){ 0, 5, 0, 0 }, STR("m"));
	start();
	send(e, NULL, 0);
	CHECK_STR(take_err(), "stdin:1:9-20: ERROR: bad\n"
			      "stdin:1:1-6: ERROR: expanded from\n"
			      "begin { errorf(\"x\"); }\n"
			      "~~~~~\n");
	teardown();
}

TEST(cat_reads_at_most_its_limit)
{
	char path[] = "/tmp/sonde-test-cat-XXXXXX";
	char big[200];
	int fd = mkstemp(path);
	uint32_t e;

	memset(big, 'z', sizeof(big));
	CHECK(fd >= 0 && write(fd, big, sizeof(big)) == sizeof(big));
	close(fd);
	setup(OUTPUT_TEXT);
	e = add_event(EVENT_CAT, path, NULL, 0);
	start();
	send(e, NULL, 0);
	CHECK_INT(strlen(take_out()), 100);
	unlink(path);
	send(e, NULL, 0);
	CHECK_HAS(take_err(), "ERROR: failed to open file '/tmp/sonde-test-cat-");
	teardown();
}

TEST(cat_of_a_fifo_does_not_hang)
{
	char dir[] = "/tmp/sonde-test-fifo-XXXXXX";
	char path[64];
	uint32_t e;

	CHECK(mkdtemp(dir) != NULL);
	snprintf(path, sizeof(path), "%s/f", dir);
	CHECK(mkfifo(path, 0600) == 0);
	setup(OUTPUT_TEXT);
	e = add_event(EVENT_CAT, path, NULL, 0);
	start();
	send(e, NULL, 0);
	CHECK_STR(take_out(), "");
	teardown();
	unlink(path);
	rmdir(dir);
}

TEST(system_output_keeps_its_place)
{
	uint32_t p, s, j;

	setup(OUTPUT_TEXT);
	p = add_event(EVENT_PRINTF, "before ", NULL, 0);
	s = add_event(EVENT_SYSTEM, "echo out; echo err >&2", NULL, 0);
	j = add_event(EVENT_SYSTEM, "echo a b c", NULL, 0);
	start();
	send(p, NULL, 0);
	send(s, NULL, 0);
	send(p, NULL, 0);
	/* the newline behind the command's own is bpftrace's */
	CHECK_STR(take_out(), "before out\nerr\n\nbefore ");
	output->opts.format = OUTPUT_JSON;
	send(j, NULL, 0);
	CHECK_STR(take_out(), "{\"type\": \"syscall\", \"data\": \"a b c\\n\"}\n");
	output->opts.allow_system = false;
	send(j, NULL, 0);
	CHECK_STR(take_out(), "");
	CHECK_HAS(take_err(), "--unsafe");
	teardown();
}

TEST(system_does_not_wait_for_what_it_leaves_behind)
{
	uint32_t s;
	time_t before = time(NULL);

	setup(OUTPUT_TEXT);
	s = add_event(EVENT_SYSTEM, "sleep 20 & echo $!", NULL, 0);
	start();
	send(s, NULL, 0);
	CHECK(time(NULL) - before < 10);
	kill(atoi(take_out()), SIGTERM);
	teardown();
}

TEST(join_leaves_out_absent_strings)
{
	char v[4][8] = { "ls", "", "-l", "" };
	const struct type *s, *types[4];
	uint32_t e;

	setup(OUTPUT_TEXT);
	s = type_string(&tt, 8);
	for (int i = 0; i < 4; i++)
		types[i] = s;
	e = add_event(EVENT_JOIN, ",", types, 4);
	start();
	send(e, v, sizeof(v));
	CHECK_STR(take_out(), "ls,,-l\n");
	output->opts.format = OUTPUT_JSON;
	send(e, v, 8);
	CHECK_STR(take_out(), "{\"type\": \"join\", \"data\": \"ls\"}\n");
	teardown();
}

TEST(time_exit_unwatch)
{
	uint64_t address = 0x1234;
	uint32_t t, x, u;

	setup(OUTPUT_TEXT);
	t = add_event(EVENT_TIME, "%%H\n", NULL, 0);
	x = add_event(EVENT_EXIT, "", NULL, 0);
	u = add_event(EVENT_UNWATCH, "", (const struct type *[]){ type_int(8, false) }, 1);
	start();
	send(t, NULL, 0);
	CHECK_STR(take_out(), "%H\n");
	output->opts.format = OUTPUT_JSON;
	send(t, NULL, 0);
	CHECK_STR(take_out(), "{\"type\": \"time\", \"data\": \"%H\\n\"}\n");
	send(u, &address, 8);
	CHECK_INT(engine.unwatched, 0x1234);
	CHECK(!output_exit_requested(output));
	send(x, NULL, 0);
	CHECK(output_exit_requested(output));
	teardown();
}

TEST(stacks_come_from_the_engine)
{
	struct stored_stack st = { 77, 2, 0 }, unknown = { 78, 2, 0 };
	uint32_t e;

	setup(OUTPUT_TEXT);
	e = add_event(EVENT_PRINT, "",
		      (const struct type *[]){ type_stack(&tt, TYPE_KSTACK, STACK_MODE_RAW, 127) },
		      1);
	image->stacks_map = 0;
	image->stack_limit = 2;
	start();
	send(e, &st, sizeof(st));
	CHECK_STR(take_out(), "\n10\n20\n\n");
	send(e, &unknown, sizeof(unknown));
	CHECK_HAS(take_out(), "not kept");
	teardown();
}

TEST(packets_go_to_a_capture_file)
{
	char path[] = "/tmp/sonde-test-pcap-XXXXXX";
	struct {
		uint64_t ns;
		uint32_t skip, pad, n;
		char bytes[8];
	} v = { 1500000000, 2, 0, 7, "xxpkt!!" };
	uint32_t e;
	int fd = mkstemp(path);

	setup(OUTPUT_TEXT);
	e = add_event(EVENT_SKB, path,
		      (const struct type *[]){ type_int(8, false), type_int(4, false),
					       type_buffer(&tt, 8) },
		      3);
	start();
	send(e, &v, sizeof(v));
	teardown();
	CHECK_INT(read(fd, got, sizeof(got)), 24 + 16 + 5);
	CHECK_INT(*(uint32_t *)got, 0xa1b2c3d4);
	CHECK(memcmp(got + 40, "pkt!!", 5) == 0);
	close(fd);
	unlink(path);
}

TEST(layouts_that_do_not_fit_are_refused)
{
	struct err *err;
	uint32_t e;

	setup(OUTPUT_TEXT);
	e = add_event(EVENT_PRINT, "", (const struct type *[]){ type_int(8, true) }, 1);
	image->events[e]->size = 4;
	err = output_new(image, &sources, NULL, &opts, &output);
	if (CHECK(err))
		CHECK_HAS(err->msg, "outside");
	err_free(err);
	output = NULL;
	teardown();
}

/* ---- faults ---- */

static void add_fault(enum fault_kind kind, const char *helper, bool is_quiet)
{
	image_add_fault(image, (struct image_fault){ .kind = kind,
						     .at = { 8, 19, 0, 0 },
						     .helper = str_from(helper),
						     .map = IMAGE_NONE,
						     .is_quiet = is_quiet });
}

TEST(a_fault_is_shown_once_with_its_place)
{
	setup(OUTPUT_TEXT);
	add_fault(FAULT_MAP_FULL, "map_update_elem", false);
	add_fault(FAULT_MAP_LOOKUP, "map_lookup_elem", true);
	start();
	engine.faults[0] = (struct image_fault_count){ 1, -7 };
	engine.faults[1].count = 1;
	faults_poll(output);
	CHECK_STR(
		take_err(),
		"stdin:1:9-20: WARNING: Map full; can't update element. Try increasing max_map_keys config "
		"or manually setting the max entries in a map declaration e.g. `let @a = hash(5000)`\n"
		"Additional Info - helper: map_update_elem, retcode: -7\n"
		"begin { errorf(\"x\"); }\n"
		"        ~~~~~~~~~~~\n");
	engine.faults[0].count = 12;
	faults_poll(output);
	CHECK_STR(take_err(), "");
	CHECK_INT(output->n_errors, 12);
	faults_report_totals(output);
	CHECK_HAS(take_err(), "(12 times)\n");
	teardown();
}

TEST(a_full_map_is_told_from_lack_of_memory)
{
	uint32_t stacks;

	setup(OUTPUT_TEXT);
	add_fault(FAULT_MAP_FULL, "map_update_elem", false);
	add_fault(FAULT_MAP_FULL, "map_update_elem", false);
	stacks = image_add_map(image,
			       (struct image_map){ .name = STR("stacks"), .role = MAP_STACKS });
	image->faults[1].map = stacks;
	start();
	engine.faults[0] = (struct image_fault_count){ 1, -12 };
	faults_poll(output);
	CHECK_HAS(
		take_err(),
		"WARNING: Cannot allocate memory\nAdditional Info - helper: map_update_elem, retcode: -12\n");
	engine.faults[1] = (struct image_fault_count){ 1, -7 };
	faults_poll(output);
	CHECK_HAS(take_err(), "WARNING: No room to keep the frames of a stack (");
	teardown();
}

TEST(quiet_faults_need_the_option)
{
	setup(OUTPUT_TEXT);
	add_fault(FAULT_MAP_LOOKUP, "map_lookup_elem", true);
	opts.show_quiet = true;
	start();
	engine.faults[0].count = 1;
	faults_poll(output);
	CHECK_STR(take_err(),
		  "stdin:1:9-20: WARNING: Can't lookup map element because it does not exist.\n"
		  "Additional Info - helper: map_lookup_elem, retcode: 0\n"
		  "begin { errorf(\"x\"); }\n"
		  "        ~~~~~~~~~~~\n");
	teardown();
}

TEST(faults_as_json)
{
	setup(OUTPUT_JSON);
	add_fault(FAULT_READ, "probe_read_user", false);
	add_fault(FAULT_DIV_ZERO, "", false);
	start();
	engine.faults[0] = (struct image_fault_count){ 1, -14 };
	engine.faults[1].count = 1;
	CHECK_STR(
		take_out(),
		"{\"type\": \"helper_error\", \"msg\": \"Bad address\", \"helper\": \"probe_read_user\", "
		"\"retcode\": -14, \"filename\": \"stdin\", \"line\": 1, \"col\": 9}\n"
		"{\"type\": \"runtime_error\", \"msg\": \"Divide or modulo by 0 detected. This can lead to "
		"unexpected results. 1 is being used as the result.\", \"filename\": \"stdin\", "
		"\"line\": 1, \"col\": 9}\n");
	teardown();
}

TEST(lost_events_are_counted)
{
	setup(OUTPUT_TEXT);
	add_fault(FAULT_RING_FULL, "", false);
	add_fault(FAULT_SCRATCH_BUSY, "", false);
	start();
	engine.faults[0].count = 5;
	faults_poll(output);
	CHECK_STR(take_err(), "Lost 5 events\n");
	engine.faults[1].count = 2;
	faults_poll(output);
	CHECK_STR(take_err(), "Lost 2 events\n");
	faults_report_totals(output);
	CHECK_STR(
		take_err(),
		"WARNING: Total lost event count: 7\n  5 of a probe\n  2 of a probe (no free work area)\n");
	output->opts.format = OUTPUT_JSON;
	engine.faults[0].count = 8;
	CHECK_STR(take_out(),
		  "{\"type\": \"lost_events\", \"count\": 3, \"data\": {\"events\": 3}}\n");
	teardown();
}

/* ---- reports ---- */

TEST(attached_probes)
{
	setup(OUTPUT_TEXT);
	start();
	output_attached_probes(output, 1, false);
	output_attached_probes(output, 2, false);
	CHECK_STR(take_err(), "Attached 1 probe\nAttached 2 probes\n");
	output->opts.format = OUTPUT_JSON;
	output_attached_probes(output, 1, false);
	CHECK_STR(take_out(),
		  "{\"type\": \"attached_probes\", \"count\": 1, \"data\": {\"probes\": 1}}\n");
	teardown();
}

TEST(results_of_benchmarks)
{
	struct str names[] = { STR("a"), STR("b") };

	setup(OUTPUT_JSON);
	start();
	output_benchmark_result(output, names, 0, 2, 12, 1000);
	CHECK_STR(
		take_out(),
		"{\"type\": \"benchmark_result\", \"data\": {\"a\": {\"average\": 12, \"iters\": 1000}}}\n");
	output->opts.format = OUTPUT_TEXT;
	output_benchmark_result(output, names, 0, 2, 12, 1000);
	CHECK_STR(take_out(), "Benchmark                                Time(ns)       Iterations\n"
			      "------------------------------------------------------------------\n"
			      "a                                        12             1000\n");
	teardown();
}

TEST(results_of_tests)
{
	struct output_test t[] = { { STR("good"), 1500, true, STR("x\n") },
				   { STR("bad"), 20, false, STR("why\n\n") } };

	setup(OUTPUT_TEXT);
	start();
	output_test_result(output, t, 0, 2);
	output_test_result(output, t, 1, 2);
	CHECK_HAS(take_out(),
		  "[ RUN      ]\033[0m bad\nwhy\n\033[31m[  FAILED  ]\033[0m bad (20 ns)\n");
	output->opts.format = OUTPUT_JSON;
	output_test_result(output, t, 0, 2);
	CHECK_STR(
		take_out(),
		"{\"type\": \"test_result\", \"data\": {\"good\": {\"duration\": 1500, \"passed\": true, "
		"\"output\": \"x\\n\"}}}\n");
	teardown();
}

/* ---- the sink ---- */

TEST(buffering_modes)
{
	uint32_t e;

	setup(OUTPUT_TEXT);
	e = add_event(EVENT_PRINTF, "x\n", NULL, 0);
	start();
	send(e, NULL, 0);
	CHECK_STR(take(out_pipe[0]), "");
	CHECK_STR(take_out(), "x\n");
	output->out.mode = SINK_NONE;
	send(e, NULL, 0);
	CHECK_STR(take(out_pipe[0]), "x\n");
	output->out.mode = SINK_FULL;
	send(e, NULL, 0);
	CHECK_STR(take_out(), "");
	sink_flush(&output->out);
	CHECK_STR(take(out_pipe[0]), "x\n");
	teardown();
}

TEST(without_a_descriptor_everything_is_kept)
{
	uint32_t e, w;

	setup(OUTPUT_TEXT);
	e = add_event(EVENT_PRINTF, "x\n", NULL, 0);
	w = add_event(EVENT_ERRORF, "bad", NULL, 0);
	start();
	output->out.fd = -1;
	send(e, NULL, 0);
	send(w, NULL, 0);
	output_batch_end(output);
	CHECK_VIEW(strbuf_str(&output->out.pending), "x\nstdin:1:9-20: ERROR: bad\n");
	CHECK_INT(output->n_errors, 1);
	CHECK_INT(output_error(output), 0);
	CHECK_STR(take_err(), "");
	teardown();
}

TEST(messages_come_behind_what_was_printed_before)
{
	uint32_t e, w;

	setup(OUTPUT_TEXT);
	e = add_event(EVENT_PRINTF, "first\n", NULL, 0);
	w = add_event(EVENT_WARNF, "second", NULL, 0);
	opts.err_fd = out_pipe[1];
	start();
	send(e, NULL, 0);
	send(w, NULL, 0);
	send(e, NULL, 0);
	CHECK_STR(take_out(), "first\nstdin:1:9-20: WARNING: second\nfirst\n");
	teardown();
}

TEST(a_full_disk_is_remembered)
{
	uint32_t e;
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		SKIP("no /dev/full");
	setup(OUTPUT_TEXT);
	e = add_event(EVENT_PRINTF, "x\n", NULL, 0);
	opts.fd = fd;
	start();
	CHECK_INT(output_error(output), 0);
	send(e, NULL, 0);
	output_batch_end(output);
	CHECK_INT(output_error(output), ENOSPC);
	send(e, NULL, 0);
	CHECK_INT(output->out.pending.n, 0);
	teardown();
	close(fd);
}

TEST(a_closed_pipe_is_remembered)
{
	uint32_t e;
	int p[2];

	signal(SIGPIPE, SIG_IGN);
	CHECK(pipe(p) == 0);
	setup(OUTPUT_TEXT);
	e = add_event(EVENT_PRINTF, "x\n", NULL, 0);
	opts.fd = p[1];
	start();
	close(p[0]);
	send(e, NULL, 0);
	output_batch_end(output);
	CHECK_INT(output_error(output), EPIPE);
	teardown();
	close(p[1]);
}
