/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel engine without probes: features, maps, programs that are run by hand, the ring,
 * refusals. The truth comes from the counters of the programs and, for what the kernel keeps, from
 * its own lists. Needs root.
 */
#include "engine/kernel/features.h"
#include "engine/kernel/sys.h"
#include "engine_image.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "tap.h"

/* ---- features ---- */

TEST(features_say_what_is_there)
{
	NEED_ROOT();
	CHECK(features_has(FEATURE_MAP_HASH));
	CHECK(features_has(FEATURE_PROG_TRACEPOINT));
	CHECK(features_has(FEATURE_HELPER_PROBE_READ_USER));
	CHECK(features_has(FEATURE_PERF_LINK));
	/* the other way round: what files of the kernel say must agree */
	CHECK_INT(features_has(FEATURE_KPROBE),
		  access("/sys/bus/event_source/devices/kprobe/type", R_OK) == 0);
	CHECK_INT(features_has(FEATURE_BTF), access("/sys/kernel/btf/vmlinux", R_OK) == 0);
	CHECK_INT(features_instruction_limit(), 1000000);
	/* function that takes a socket: never callable from a program that probes */
	CHECK(!features_has(FEATURE_HELPER_OVERRIDE_RETURN) ||
	      features_config("CONFIG_BPF_KPROBE_OVERRIDE") != 'n');
}

TEST(features_disabled_are_gone)
{
	NEED_ROOT();
	struct err *err = features_disable("nonsense_feature");

	CHECK(err != NULL);
	err_free(err);
	CHECK_OK(features_disable("lru hash, stack_trace"));
	CHECK(!features_has(FEATURE_MAP_LRU_HASH));
	CHECK(!features_has(FEATURE_MAP_STACK_TRACE));
}

TEST(features_print_has_the_lines_that_scripts_look_for)
{
	NEED_ROOT();
	STRBUF_AUTO out = { 0 };
	double start = now_ms();

	features_print_system(&out);
	features_print(&out);
	printf("# --info took %.1f ms\n", now_ms() - start);
	CHECK_HAS(strbuf_cstr(&out), "Kernel helpers\n");
	CHECK_HAS(strbuf_cstr(&out), "  probe_read_kernel: yes\n");
	CHECK_HAS(strbuf_cstr(&out), "  Instruction limit: 1000000\n");
	CHECK_HAS(strbuf_cstr(&out), "\n  iter: ");
	CHECK_HAS(strbuf_cstr(&out), "\n  btf: yes\n");
	if (getenv("SHOW"))
		printf("%s", strbuf_cstr(&out));
}

TEST(online_cpus_agree_with_sysconf)
{
	struct sys_ints cpus = { 0 };

	sys_online_cpus(&cpus);
	CHECK_INT(cpus.n, sysconf(_SC_NPROCESSORS_ONLN));
	vec_free(&cpus);
}

/* ---- running programs, reading maps and events ---- */

struct seen {
	uint32_t n;
	uint32_t layout, prog;
	uint64_t value, sum;
	uint32_t size;
};

static void see(void *arg, const struct event_head *head, const void *payload, uint32_t size)
{
	struct seen *s = arg;

	s->n++;
	s->layout = head->layout;
	s->prog = head->prog;
	s->size = size;
	memcpy(&s->value, payload, sizeof(s->value));
	s->sum += s->value;
}

static bool sum_values(void *arg, const void *key, const void *value, uint32_t n_cpus)
{
	uint64_t *sums = arg, k, v;

	memcpy(&k, key, 8);
	sums[0]++;
	sums[1] += k;
	for (uint32_t i = 0; i < n_cpus; i++) {
		memcpy(&v, (const char *)value + i * 8, 8);
		sums[2] += v;
	}
	return true;
}

TEST(begin_program_bumps_a_map_and_sends_an_event)
{
	NEED_ROOT();
	struct arena arena = { 0 };
	struct image *im;
	struct engine *e = NULL;
	struct engine_opts opts = { .ring_bytes = 65536 };
	struct seen seen = { 0 };
	uint64_t retval = 0, ns = 0;
	struct code c;
	uint32_t prog;

	arena_init(&arena);
	im = make_image(&arena);
	put_start(&c);
	put_bump(&c, 42);
	put_event(&c, 5, 1234);
	put_end(&c, 9);
	prog = add_prog(im, "begin", BPF_PROG_TYPE_RAW_TRACEPOINT, NULL, &c);
	if (CHECK_OK(engine_kernel.open(im, NULL, &opts, &e))) {
		double start;

		CHECK_OK(engine_kernel.run_once(e, prog, 1, &retval, NULL));
		CHECK_INT(retval, 9);
		CHECK_INT(hits_of(e, 42), 1);
		CHECK_OK(engine_kernel.poll(e, 100, see, &seen));
		CHECK_INT(seen.n, 1);
		CHECK_INT(seen.layout, 5);
		CHECK_INT(seen.prog, 7);
		CHECK_INT(seen.size, 8);
		CHECK_INT(seen.value, 1234);
		/* nothing more: the time runs out, and not sooner */
		start = now_ms();
		CHECK_OK(engine_kernel.poll(e, 30, see, &seen));
		CHECK(now_ms() - start >= 29);
		CHECK_INT(seen.n, 1);
		/* benchmarks: 1000 runs, and their mean */
		CHECK_OK(engine_kernel.run_once(e, prog, 1000, NULL, &ns));
		CHECK_INT(hits_of(e, 42), 1001);
		printf("# a run takes %llu ns\n", (unsigned long long)ns);
		CHECK(ns > 0 && ns < 100000);
		CHECK(engine_kernel.globals(e) != NULL);
		engine_kernel.globals(e)->exit_code = 3;
		CHECK_INT(engine_kernel.faults(e)[0].count, 0);
	}
	engine_kernel.close(e);
	arena_free(&arena);
}

/*
 * 20 million bytes through the smallest sensible ring: nothing is lost while we read in time, order
 * is kept
 */
TEST(ring_throughput)
{
	NEED_ROOT();
	enum { N_RUNS = 2000, PER_RUN = 6 };
	struct arena arena = { 0 };
	struct image *im;
	struct engine *e = NULL;
	struct engine_opts opts = { .ring_bytes = 1 << 18 };
	struct seen seen = { 0 };
	struct code c;
	uint32_t prog;

	arena_init(&arena);
	im = make_image(&arena);
	put_start(&c);
	for (int i = 0; i < PER_RUN; i++)
		put_event(&c, 0, i);
	put_end(&c, 0);
	prog = add_prog(im, "flood", BPF_PROG_TYPE_RAW_TRACEPOINT, NULL, &c);
	if (CHECK_OK(engine_kernel.open(im, NULL, &opts, &e))) {
		double write = 0, read = 0, t;

		for (int k = 0; k < 20; k++) {
			t = now_ms();
			CHECK_OK(engine_kernel.run_once(e, prog, N_RUNS / 20 * 10, NULL, NULL));
			write += now_ms() - t;
			t = now_ms();
			CHECK_OK(engine_kernel.poll(e, 0, see, &seen));
			read += now_ms() - t;
		}
		CHECK_INT(seen.n, N_RUNS * 10 * PER_RUN);
		CHECK_INT(seen.sum, (uint64_t)N_RUNS * 10 * 15);
		printf("# %u events written in %.1f ms, read in %.2f ms (%.0f ns each)\n", seen.n,
		       write, read, read * 1e6 / seen.n);
	}
	engine_kernel.close(e);
	arena_free(&arena);
}

/*
 * the engine has no write, and keeps its descriptors to itself: they are found among those of this
 * process. 0 or errno
 */
static int engine_test_update(uint32_t map, const void *key, const void *value)
{
	/*
	 * map_fds are made in the order of the image: the n-th "anon_inode:bpf-map" descriptor of
	 * ours is map n
	 */
	uint32_t seen = 0;

	for (int fd = 3; fd < 64; fd++) {
		char path[64], target[64] = "";

		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		if (readlink(path, target, sizeof(target) - 1) < 0 ||
		    strcmp(target, "anon_inode:bpf-map") != 0)
			continue;
		if (seen++ == map) {
			union bpf_attr attr = { .map_fd = (uint32_t)fd,
						.key = (uintptr_t)key,
						.value = (uintptr_t)value };

			return syscall(SYS_bpf, BPF_MAP_UPDATE_ELEM, &attr, sizeof(attr)) < 0
				       ? errno
				       : 0;
		}
	}
	return EBADF;
}

/* maps of every type that the compiler may use: filled, walked, looked up, zeroed, emptied */
static void check_map_type(uint32_t type, const char *name)
{
	enum { N = 3000 };
	bool is_array = type == BPF_MAP_TYPE_ARRAY || type == BPF_MAP_TYPE_PERCPU_ARRAY;
	struct arena arena = { 0 };
	struct image *im;
	struct engine *e = NULL;
	struct engine_opts opts = { .ring_bytes = 4096 };
	uint64_t sums[3] = { 0 };
	uint32_t map, key32;
	uint64_t *init;

	arena_init(&arena);
	im = make_image(&arena);
	init = arena_array(&arena, uint64_t, N);
	for (int i = 0; i < N; i++)
		init[i] = (uint64_t)i;
	map = image_add_map(
		im, (struct image_map){
			    .name = str_from(name),
			    .role = MAP_SCRIPT,
			    .bpf_type = type,
			    .key_size = is_array ? 4 : 8,
			    .value_size = 8,
			    /* LRU maps throw away before they are full: give them room */
			    .max_entries = type == BPF_MAP_TYPE_LRU_HASH ||
							   type == BPF_MAP_TYPE_LRU_PERCPU_HASH
						   ? 4 * N
						   : N,
			    .init = type == BPF_MAP_TYPE_ARRAY ? init : NULL,
			    .at = SPAN_NONE,
		    });
	printf("# %s\n", name);
	if (CHECK_OK(engine_kernel.open(im, NULL, &opts, &e))) {
		uint32_t n_cpus = engine_kernel.n_cpus(e);
		uint64_t *value = base_alloc(8 * (n_cpus + 1));
		uint64_t want_values = (uint64_t)N * (N - 1) / 2;

		for (uint64_t i = 0; i < N && type != BPF_MAP_TYPE_ARRAY; i++) {
			key32 = (uint32_t)i;
			for (uint32_t cpu = 0; cpu < n_cpus; cpu++)
				value[cpu] = i;
			CHECK(engine_test_update(map, is_array ? (void *)&key32 : (void *)&i,
						 value) == 0);
		}
		if (type == BPF_MAP_TYPE_PERCPU_ARRAY || type == BPF_MAP_TYPE_PERCPU_HASH ||
		    type == BPF_MAP_TYPE_LRU_PERCPU_HASH)
			want_values *= n_cpus;
		memset(sums, 0, sizeof(sums));
		if (!is_array) {
			CHECK_OK(engine_kernel.map_each(e, map, sum_values, sums));
			CHECK_INT(sums[0], N);
			CHECK_INT(sums[1], (uint64_t)N * (N - 1) / 2);
			CHECK_INT(sums[2], want_values);
		}
		key32 = 17;
		{
			uint64_t key64 = 17;

			memset(value, 0, 8 * n_cpus);
			CHECK_OK(engine_kernel.map_lookup(
				e, map, is_array ? (void *)&key32 : (void *)&key64, value));
			CHECK_INT(value[0], 17);
			key64 = 1u << 30;
			struct err *err = is_array
						  ? NULL
						  : engine_kernel.map_lookup(e, map, &key64, value);

			CHECK(is_array || err_code(err) == ENOENT);
			err_free(err);
		}
		CHECK_OK(engine_kernel.map_zero(e, map));
		memset(sums, 0, sizeof(sums));
		if (!is_array) {
			CHECK_OK(engine_kernel.map_each(e, map, sum_values, sums));
			CHECK_INT(sums[0], N);
			CHECK_INT(sums[2], 0);
		}
		CHECK_OK(engine_kernel.map_clear(e, map));
		memset(sums, 0, sizeof(sums));
		if (!is_array)
			CHECK_OK(engine_kernel.map_each(e, map, sum_values, sums));
		CHECK_INT(sums[0], 0);
		free(value);
	}
	engine_kernel.close(e);
	arena_free(&arena);
}

TEST(maps_of_every_type)
{
	NEED_ROOT();
	check_map_type(BPF_MAP_TYPE_HASH, "@hash");
	check_map_type(BPF_MAP_TYPE_PERCPU_HASH, "@percpu_hash");
	check_map_type(BPF_MAP_TYPE_LRU_HASH, "@lru");
	check_map_type(BPF_MAP_TYPE_LRU_PERCPU_HASH, "@lru_percpu");
	check_map_type(BPF_MAP_TYPE_ARRAY, "@array");
	check_map_type(BPF_MAP_TYPE_PERCPU_ARRAY, "@percpu_array");
}

TEST(constant_maps_are_filled_and_frozen)
{
	NEED_ROOT();
	static const uint64_t table[4] = { 11, 22, 33, 44 };
	struct arena arena = { 0 };
	struct image *im;
	struct engine *e = NULL;
	struct engine_opts opts = { 0 };
	uint64_t retval = 0;
	uint32_t map, prog, key = 0;
	struct code c;

	arena_init(&arena);
	im = make_image(&arena);
	map = image_add_map(
		im,
		(struct image_map){
			.name = STR_INIT("const"),
			.role = MAP_CONST,
			.bpf_type = BPF_MAP_TYPE_ARRAY,
			.key_size = 4,
			.value_size = sizeof(
				table), /* addresses of values are of the first row only, for the kernel */
			.max_entries = 1,
			.flags = BPF_F_RDONLY_PROG,
			.init = table,
			.at = SPAN_NONE,
		});
	/* r0 = the third word (RELOC_MAP_VALUE with an offset) */
	put_start(&c);
	c.relocs[c.n_relocs++] =
		(struct image_reloc){ .insn = c.n, .kind = RELOC_MAP_VALUE, .index = map };
	put(&c, BPF_LD | BPF_IMM | BPF_DW, 1, 0, 0, 0);
	put(&c, 0, 0, 0, 0, 16);
	put(&c, BPF_LDX | BPF_MEM | BPF_DW, 0, 1, 0, 0);
	put(&c, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	prog = add_prog(im, "reads", BPF_PROG_TYPE_RAW_TRACEPOINT, NULL, &c);
	if (CHECK_OK(engine_kernel.open(im, NULL, &opts, &e))) {
		CHECK_OK(engine_kernel.run_once(e, prog, 1, &retval, NULL));
		CHECK_INT(retval, 33);
		CHECK(engine_test_update(map, &key, table) == EPERM);
	}
	engine_kernel.close(e);
	arena_free(&arena);
}

/* ---- refusals ---- */

struct report {
	uint32_t n;
	struct span at;
	char severity[32];
	char text[4096];
};

static void take_report(void *arg, struct span at, const char *severity, const char *text)
{
	struct report *r = arg;

	r->n++;
	r->at = at;
	snprintf(r->severity, sizeof(r->severity), "%s", severity);
	snprintf(r->text, sizeof(r->text), "%s", text);
}

TEST(refusal_names_the_place_in_the_script)
{
	NEED_ROOT();
	struct arena arena = { 0 };
	struct image *im;
	struct engine *e = NULL;
	struct report report = { 0 };
	struct engine_opts opts = { .report = take_report, .report_arg = &report };
	struct image_line lines[] = {
		{ .insn = 0, .ir = 10, .at = { .start = 1, .end = 2 } },
		{ .insn = 2, .ir = 20, .at = { .start = 100, .end = 107 } },
		{ .insn = 3, .ir = 30, .at = { .start = 200, .end = 201 } },
	};
	struct err *err;
	struct code c;

	arena_init(&arena);
	im = make_image(&arena);
	put_start(&c);
	MOV_K(&c, 2, 8);
	put(&c, BPF_LDX | BPF_MEM | BPF_DW, 3, 2, 0, 0); /* a load through a number */
	put_end(&c, 0);
	add_prog(im, "bad", BPF_PROG_TYPE_RAW_TRACEPOINT, NULL, &c);
	im->progs[0]->lines = lines;
	im->progs[0]->n_lines = 3;
	err = engine_kernel.open(im, NULL, &opts, &e);
	CHECK(err != NULL);
	CHECK(e == NULL);
	print_err(err);
	CHECK_INT(report.n, 1);
	CHECK_INT(report.at.start, 100);
	CHECK_INT(report.at.end, 107);
	CHECK_STR(report.severity, "ERROR");
	CHECK_HAS(report.text, "R2 invalid mem access 'scalar'");
	CHECK_HAS(report.text, "eBPF instruction 2: r3 = *(u64 *)(r2 +0)");
	CHECK_HAS(report.text, "IR instruction 20");
	err_free(err);
	arena_free(&arena);
}

TEST(refusal_of_an_endless_loop_has_a_hint)
{
	NEED_ROOT();
	struct arena arena = { 0 };
	struct image *im;
	struct engine *e = NULL;
	struct report report = { 0 };
	struct engine_opts opts = { .report = take_report, .report_arg = &report };
	struct err *err;
	struct code c;
	double start;

	arena_init(&arena);
	im = make_image(&arena);
	put_start(&c);
	MOV_K(&c, 0, 0);
	ADD_K(&c, 0, 1);
	put(&c, BPF_JMP | BPF_JLT | BPF_K, 0, 0, -2, 100000000);
	put(&c, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	add_prog(im, "long", BPF_PROG_TYPE_RAW_TRACEPOINT, NULL, &c);
	start = now_ms();
	err = engine_kernel.open(im, NULL, &opts, &e);
	printf("# refused after %.0f ms\n", now_ms() - start);
	CHECK(err != NULL);
	print_err(err);
	CHECK_HAS(report.text, "BPF program is too large");
	CHECK_HAS(err_get_hint(err), "verifier walks every path");
	err_free(err);
	arena_free(&arena);
}

/* in a child without capabilities: the error says which are missing */
TEST(no_privileges_says_which_capability)
{
	NEED_ROOT();
	int pipe_fds[2], status = 0;
	char text[2048] = "";
	pid_t child;

	if (pipe(pipe_fds) < 0)
		SKIP("no pipe");
	fflush(stdout);
	child = fork();
	if (child == 0) {
		struct arena arena = { 0 };
		struct engine *e = NULL;
		struct engine_opts opts = { 0 };
		STRBUF_AUTO out = { 0 };
		struct err *err;

		arena_init(&arena);
		if (setresuid(65534, 65534, 65534) < 0)
			_exit(3);
		err = engine_kernel.open(make_image(&arena), NULL, &opts, &e);
		if (!err)
			_exit(4);
		err_format(err, &out);
		strbuf_printf(&out, " HINT %s", err_get_hint(err) ? err_get_hint(err) : "(none)");
		status = write(pipe_fds[1], out.p, out.n) == (ssize_t)out.n ? 0 : 5;
		_exit(status);
	}
	close(pipe_fds[1]);
	if (read(pipe_fds[0], text, sizeof(text) - 1) < 0)
		text[0] = 0;
	close(pipe_fds[0]);
	CHECK_INT(waitpid(child, &status, 0), child);
	CHECK_INT(status, 0);
	CHECK_HAS(text, "Operation not permitted");
	CHECK_HAS(text, "CAP_BPF");
}

/* ---- the kernel's own lists ---- */

/* maps of ours with a name; by BPF_MAP_GET_NEXT_ID */
static uint32_t kernel_maps_named(const char *name)
{
	union bpf_attr attr = { 0 };
	uint32_t found = 0;

	while (syscall(SYS_bpf, BPF_MAP_GET_NEXT_ID, &attr, sizeof(attr)) == 0) {
		union bpf_attr get = { .map_id = attr.next_id };
		struct bpf_map_info info = { 0 };
		int fd = (int)syscall(SYS_bpf, BPF_MAP_GET_FD_BY_ID, &get, sizeof(get));

		attr.start_id = attr.next_id;
		if (fd < 0)
			continue;
		get = (union bpf_attr){ .info.bpf_fd = (uint32_t)fd,
					.info.info_len = sizeof(info),
					.info.info = (uintptr_t)&info };
		if (syscall(SYS_bpf, BPF_OBJ_GET_INFO_BY_FD, &get, sizeof(get)) == 0)
			found += strcmp(info.name, name) == 0;
		close(fd);
	}
	return found;
}

static uint32_t open_files(void)
{
	uint32_t n = 0;

	for (int fd = 0; fd < 256; fd++) {
		char path[64], target[8];

		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		n += readlink(path, target, sizeof(target)) > 0;
	}
	return n;
}

TEST(close_leaves_nothing)
{
	NEED_ROOT();
	struct arena arena = { 0 };
	struct image *im;
	struct engine *e = NULL;
	struct engine_opts opts = { 0 };
	uint32_t before = open_files();

	arena_init(&arena);
	im = make_image(&arena);
	im->maps[HITS]->name = STR("@leaves_none");
	CHECK_INT(kernel_maps_named("leaves_none"), 0);
	if (CHECK_OK(engine_kernel.open(im, NULL, &opts, &e)))
		CHECK_INT(kernel_maps_named("leaves_none"), 1);
	engine_kernel.close(e);
	CHECK_INT(open_files(), before);
	/* the kernel frees maps behind a grace period */
	for (int i = 0; i < 100 && kernel_maps_named("leaves_none"); i++)
		usleep(10000);
	CHECK_INT(kernel_maps_named("leaves_none"), 0);
	arena_free(&arena);
}
