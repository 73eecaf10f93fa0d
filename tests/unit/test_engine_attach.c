/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel engine with probes: user probes on functions of this very program by each of the three
 * ways, tracepoints, clocks, counters, watchpoints, iterators; what goes wrong; what is left in the
 * kernel afterwards. How often something happened is known because the test makes it happen. Needs
 * root. Fallbacks come last: they switch features off for the rest of the process.
 */
#include "engine/kernel/features.h"
#include "engine/kernel/sys.h"
#include "engine_image.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/btf.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "tap.h"

/* 340 functions of 16 bytes, as many as redis has commands: push, pop, ret */
#define N_FUNCS 340
#define FUNC_BYTES 16
__asm__(".text\n.globl probed_functions\n.p2align 4\nprobed_functions:\n"
	".rept 340\npush %rbp\npop %rbp\nret\n.p2align 4\n.endr\n");
extern char probed_functions[];

static void call_function(unsigned i)
{
	((void (*)(void))(probed_functions + i * FUNC_BYTES))();
}

static void call_all(void)
{
	for (unsigned i = 0; i < N_FUNCS; i++)
		call_function(i);
}

/* uprobes on the first n functions, cookie i + 100 */
static struct probe_shape *function_shape(struct arena *arena, enum probe_kind kind, uint32_t n)
{
	struct probe_shape *s = make_shape(arena, kind, n);

	s->is_return = kind == PROBE_URETPROBE;
	for (uint32_t i = 0; i < n; i++) {
		s->points[i].file_offset = own_offset(arena, probed_functions, &s->points[i].path) +
					   i * FUNC_BYTES;
		s->points[i].cookie = i + 100;
	}
	return s;
}

/* links of all processes that the kernel knows, by the program's name */
static uint32_t kernel_progs_named(const char *name)
{
	union bpf_attr attr = { 0 };
	uint32_t found = 0;

	while (syscall(SYS_bpf, BPF_PROG_GET_NEXT_ID, &attr, sizeof(attr)) == 0) {
		union bpf_attr get = { .prog_id = attr.next_id };
		struct bpf_prog_info info = { 0 };
		int fd = (int)syscall(SYS_bpf, BPF_PROG_GET_FD_BY_ID, &get, sizeof(get));

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

/* programs are freed behind a grace period */
static bool gone_soon(const char *name)
{
	for (int i = 0; i < 200; i++) {
		if (!kernel_progs_named(name))
			return true;
		usleep(10000);
	}
	return false;
}

/* one program on one shape, opened and attached */
struct session {
	struct arena arena;
	struct image *im;
	struct engine *e;
	struct engine_attach_result res;
};

static bool start(struct session *s, const char *name, uint32_t type, struct probe_shape *shape,
		  const struct code *c, const struct engine_opts *opts)
{
	add_prog(s->im, name, type, shape, c);
	return CHECK_OK(engine_kernel.open(s->im, NULL, opts, &s->e)) &&
	       CHECK_OK(engine_kernel.attach(s->e, &s->res));
}

static void session_init(struct session *s)
{
	*s = (struct session){ 0 };
	arena_init(&s->arena);
	s->im = make_image(&s->arena);
}

static void session_end(struct session *s)
{
	engine_kernel.close(s->e);
	arena_free(&s->arena);
}

/* ---- user probes ---- */

TEST(uprobes_340_sites_attach_and_detach_quickly)
{
	NEED_ROOT();
	struct engine_opts opts = { 0 };
	struct session s;
	struct code c;
	double t, attach, detach;

	session_init(&s);
	put_start(&c);
	put_bump_cookie(&c);
	put_end(&c, 0);
	add_prog(s.im, "many_sites", BPF_PROG_TYPE_KPROBE,
		 function_shape(&s.arena, PROBE_UPROBE, N_FUNCS), &c);
	features_has(FEATURE_UPROBE_MULTI);
	if (CHECK_OK(engine_kernel.open(s.im, NULL, &opts, &s.e))) {
		t = now_ms();
		CHECK_OK(engine_kernel.attach(s.e, &s.res));
		attach = now_ms() - t;
		CHECK_INT(s.res.n_attached, N_FUNCS);
		CHECK_INT(s.res.n_failed, 0);
		call_all();
		call_function(7);
		for (unsigned i = 0; i < N_FUNCS; i++)
			CHECK_INT(hits_of(s.e, i + 100), i == 7 ? 2 : 1);
		t = now_ms();
		engine_kernel.detach(s.e);
		detach = now_ms() - t;
		call_all();
		CHECK_INT(hits_of(s.e, 100), 1);
		printf("# %u sites: attach %.1f ms, detach %.1f ms\n", N_FUNCS, attach, detach);
		/* other work may stand in the way once, hardly three times */
		for (int i = 0; i < 2 && (attach >= 30 || detach >= 100); i++) {
			t = now_ms();
			CHECK_OK(engine_kernel.attach(s.e, &s.res));
			attach = now_ms() - t;
			t = now_ms();
			engine_kernel.detach(s.e);
			detach = now_ms() - t;
		}
		if (features_has(FEATURE_UPROBE_MULTI))
			CHECK(attach < 30 && detach < 100);
	}
	session_end(&s);
	CHECK(gone_soon("many_sites"));
}

TEST(uretprobe_and_order_of_clauses)
{
	NEED_ROOT();
	struct engine_opts opts = { .ring_bytes = 4096 };
	struct session s;
	struct code c;

	session_init(&s);
	/* first clause: @hits[1] = hits so far of the second; both on function 3 */
	put_start(&c);
	put_bump(&c, 1);
	put_event(&c, 0, 1);
	put_end(&c, 0);
	add_prog(s.im, "first", BPF_PROG_TYPE_KPROBE, function_shape(&s.arena, PROBE_UPROBE, 4),
		 &c);
	put_start(&c);
	put_bump(&c, 2);
	put_event(&c, 0, 2);
	put_end(&c, 0);
	add_prog(s.im, "second", BPF_PROG_TYPE_KPROBE, function_shape(&s.arena, PROBE_UPROBE, 4),
		 &c);
	put_start(&c);
	put_bump(&c, 3);
	put_event(&c, 0, 3);
	put_end(&c, 0);
	if (start(&s, "at_return", BPF_PROG_TYPE_KPROBE,
		  function_shape(&s.arena, PROBE_URETPROBE, 4), &c, &opts)) {
		CHECK_INT(s.res.n_attached, 12);
		call_function(3);
		CHECK_INT(hits_of(s.e, 1), 1);
		CHECK_INT(hits_of(s.e, 2), 1);
		CHECK_INT(hits_of(s.e, 3), 1);
	}
	session_end(&s);
}

struct order {
	uint64_t values[16];
	uint32_t n;
};

static void see_order(void *arg, const struct event_head *head, const void *payload, uint32_t size)
{
	struct order *o = arg;

	if (o->n < 16)
		memcpy(&o->values[o->n++], payload, 8);
}

TEST(clauses_on_one_site_run_in_the_order_of_the_script)
{
	NEED_ROOT();
	struct engine_opts opts = { .ring_bytes = 4096 };
	struct order order = { 0 };
	struct session s;
	struct code c;

	session_init(&s);
	for (int i = 1; i <= 3; i++) {
		put_start(&c);
		put_event(&c, 0, i);
		put_end(&c, 0);
		add_prog(s.im, "clause", BPF_PROG_TYPE_KPROBE,
			 function_shape(&s.arena, PROBE_UPROBE, 1), &c);
	}
	if (CHECK_OK(engine_kernel.open(s.im, NULL, &opts, &s.e)) &&
	    CHECK_OK(engine_kernel.attach(s.e, &s.res))) {
		call_function(0);
		CHECK_OK(engine_kernel.poll(s.e, 100, see_order, &order));
		if (CHECK_INT(order.n, 3))
			for (uint64_t i = 0; i < 3; i++)
				CHECK_INT(order.values[i], i + 1);
	}
	session_end(&s);
}

static void *call_in_thread(void *unused)
{
	call_function(0);
	return NULL;
}

/* -p: this process with all its threads, and not a child of it */
static void check_process_filter(void)
{
	int32_t self = getpid();
	struct engine_opts opts = { .pids = &self, .n_pids = 1 };
	struct session s;
	struct code c;
	pthread_t thread;
	pid_t child;
	int status;

	session_init(&s);
	put_start(&c);
	put_bump(&c, 1);
	put_end(&c, 0);
	if (start(&s, "one_process", BPF_PROG_TYPE_KPROBE,
		  function_shape(&s.arena, PROBE_UPROBE, 2), &c, &opts)) {
		call_function(0);
		CHECK_INT(hits_of(s.e, 1), 1);
		CHECK_INT(pthread_create(&thread, NULL, call_in_thread, NULL), 0);
		pthread_join(thread, NULL);
		CHECK_INT(hits_of(s.e, 1), 2);
		fflush(stdout);
		child = fork();
		if (child == 0) {
			call_function(0);
			_exit(0);
		}
		waitpid(child, &status, 0);
		CHECK_INT(status, 0);
		CHECK_INT(hits_of(s.e, 1), 2);
		call_function(1);
		CHECK_INT(hits_of(s.e, 1), 3);
	}
	session_end(&s);
}

TEST(uprobes_of_one_process)
{
	NEED_ROOT();
	check_process_filter();
}

static void run_true(void)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		execl("/bin/true", "true", (char *)NULL);
		_exit(127);
	}
	waitpid(child, &status, 0);
	CHECK_INT(status, 0);
}

/* what sys/sdt.h makes of a USDT semaphore: the kernel counts it up while a probe is on */
static volatile uint16_t semaphores[16] = { 1 };

static void check_semaphore(uint32_t n)
{
	struct engine_opts opts = { 0 };
	struct probe_shape *shape;
	struct session s;
	struct code c;

	session_init(&s);
	put_start(&c);
	put_bump_cookie(&c);
	put_end(&c, 0);
	shape = function_shape(&s.arena, PROBE_USDT, n);
	shape->points[0].ref_ctr_offset = own_offset(&s.arena, (void *)&semaphores[5],
						     &shape->points[0].path);
	CHECK_INT(semaphores[5], 0);
	if (start(&s, "semaphore", BPF_PROG_TYPE_KPROBE, shape, &c, &opts)) {
		CHECK_INT(semaphores[5], 1);
		call_function(0);
		CHECK_INT(hits_of(s.e, 100), 1);
		engine_kernel.detach(s.e);
		CHECK_INT(semaphores[5], 0);
	}
	session_end(&s);
}

TEST(usdt_semaphore_is_raised_while_attached)
{
	NEED_ROOT();
	check_semaphore(2);
}

/* offset in the file of a 64-bit executable's entry point */
static uint64_t entry_offset(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint64_t offset = 0;
	Elf64_Ehdr eh;
	Elf64_Phdr ph;

	if (fd >= 0 && pread(fd, &eh, sizeof(eh), 0) == sizeof(eh))
		for (int i = 0; i < eh.e_phnum; i++)
			if (pread(fd, &ph, sizeof(ph),
				  (off_t)(eh.e_phoff + (unsigned)i * sizeof(ph))) == sizeof(ph) &&
			    ph.p_type == PT_LOAD && eh.e_entry - ph.p_vaddr < ph.p_filesz)
				offset = eh.e_entry - ph.p_vaddr + ph.p_offset;
	if (fd >= 0)
		close(fd);
	return offset;
}

/* -c: the process is there, its program is not yet; a uprobe of that process hits once it runs */
static void check_probe_before_exec(void)
{
	struct engine_opts opts = { .n_pids = 1 };
	struct probe_shape *shape;
	int go[2], status = -1;
	struct session s;
	struct code c;
	int32_t child;
	char byte;

	if (pipe2(go, O_CLOEXEC) < 0)
		SKIP("no pipe");
	fflush(stdout);
	child = fork();
	if (child == 0) {
		if (read(go[0], &byte, 1) == 1)
			execl("/bin/true", "true", (char *)NULL);
		_exit(127);
	}
	opts.pids = &child;
	session_init(&s);
	put_start(&c);
	put_bump(&c, 1);
	put_end(&c, 0);
	shape = make_shape(&s.arena, PROBE_UPROBE, 1);
	shape->points[0].path = STR("/bin/true");
	shape->points[0].file_offset = entry_offset("/bin/true");
	if (start(&s, "before_exec", BPF_PROG_TYPE_KPROBE, shape, &c, &opts)) {
		run_true(); /* another process of the same program is not counted */
		CHECK_INT(hits_of(s.e, 1), 0);
		CHECK_INT(write(go[1], "x", 1), 1);
		waitpid(child, &status, 0);
		CHECK_INT(status, 0);
		CHECK_INT(hits_of(s.e, 1), 1);
	}
	close(go[0]);
	close(go[1]);
	session_end(&s);
}

TEST(uprobe_of_a_child_before_its_exec)
{
	NEED_ROOT();
	check_probe_before_exec();
}

/* ---- what goes wrong ---- */

struct reports {
	uint32_t n;
	char text[4096];
};

static void take_report(void *arg, struct span at, const char *severity, const char *text)
{
	struct reports *r = arg;

	r->n++;
	snprintf(r->text, sizeof(r->text), "%s: %s", severity, text);
}

TEST(bad_sites_are_named_and_the_others_attached)
{
	NEED_ROOT();
	struct reports reports = { 0 };
	struct engine_opts opts = { .warn_missing = true,
				    .report = take_report,
				    .report_arg = &reports };
	struct probe_shape *shape;
	struct session s;
	struct code c;

	if (!features_has(FEATURE_UPROBE_MULTI))
		SKIP("no uprobe_multi");
	session_init(&s);
	put_start(&c);
	put_bump_cookie(&c);
	put_end(&c, 0);
	shape = function_shape(&s.arena, PROBE_UPROBE, 20);
	shape->points[13].file_offset = 1ull << 40; /* far behind the end of the file */
	if (start(&s, "bad_site", BPF_PROG_TYPE_KPROBE, shape, &c, &opts)) {
		CHECK_INT(s.res.n_attached, 19);
		CHECK_INT(s.res.n_failed, 1);
		CHECK_INT(reports.n, 1);
		CHECK_HAS(reports.text, "WARNING: Unable to attach probe: test:13. Skipping.");
		for (unsigned i = 0; i < 20; i++)
			call_function(i);
		for (unsigned i = 0; i < 20; i++)
			CHECK_INT(hits_of(s.e, i + 100), i != 13);
	}
	session_end(&s);
}

/* the error text of attaching one uprobe program with a changed point */
static void check_attach_error(struct probe_shape *shape, struct session *s,
			       const struct engine_opts *opts, uint32_t type, const char *want)
{
	STRBUF_AUTO text = { 0 };
	struct err *err;
	struct code c;

	put_start(&c);
	put_bump(&c, 1);
	put_end(&c, 0);
	add_prog(s->im, "fails", type, shape, &c);
	if (CHECK_OK(engine_kernel.open(s->im, NULL, opts, &s->e))) {
		err = engine_kernel.attach(s->e, &s->res);
		CHECK(err != NULL);
		err_format(err, &text);
		CHECK_HAS(strbuf_cstr(&text), "Unable to attach probe: test:0");
		CHECK_HAS(strbuf_cstr(&text), want);
		err_free(err);
	}
	session_end(s);
}

TEST(missing_file_is_named)
{
	NEED_ROOT();
	struct engine_opts opts = { 0 };
	struct probe_shape *shape;
	struct session s;

	session_init(&s);
	shape = function_shape(&s.arena, PROBE_UPROBE, 2);
	shape->points[0].path = shape->points[1].path = STR("/no/such/file");
	check_attach_error(shape, &s, &opts, BPF_PROG_TYPE_KPROBE,
			   "'/no/such/file': No such file or directory");
}

TEST(dead_process_is_named)
{
	NEED_ROOT();
	int32_t pid = 4000000; /* above pid_max */
	struct engine_opts opts = { .pids = &pid, .n_pids = 1 };
	struct session s;

	session_init(&s);
	check_attach_error(function_shape(&s.arena, PROBE_UPROBE, 2), &s, &opts,
			   BPF_PROG_TYPE_KPROBE, "process 4000000 does not exist");
}

TEST(kprobes_are_attached_or_what_is_missing_is_said)
{
	NEED_ROOT();
	struct engine_opts opts = { 0 };
	struct probe_shape *shape;
	struct session s;
	struct code c;

	session_init(&s);
	shape = make_shape(&s.arena, PROBE_KPROBE, 1);
	shape->points[0].symbol = STR("do_sys_openat2");
	if (!features_has(FEATURE_KPROBE)) {
		check_attach_error(shape, &s, &opts, BPF_PROG_TYPE_KPROBE,
				   "this kernel has no kprobes");
		return;
	}
	put_start(&c);
	put_bump(&c, 1);
	put_end(&c, 0);
	if (start(&s, "kprobe", BPF_PROG_TYPE_KPROBE, shape, &c, &opts)) {
		close(open("/", O_RDONLY));
		CHECK(hits_of(s.e, 1) >= 1);
	}
	session_end(&s);
}

/* ---- events of the kernel ---- */

static int64_t tracepoint_id(const char *name)
{
	char path[256];

	if (!sys_tracefs())
		return -1;
	snprintf(path, sizeof(path), "%s/events/%s/id", sys_tracefs(), name);
	return sys_read_number(path);
}

TEST(tracepoint_counts_execs)
{
	NEED_ROOT();
	int64_t id = tracepoint_id("sched/sched_process_exec");
	struct engine_opts opts = { 0 };
	struct probe_shape *shape;
	struct session s;
	struct code c;

	if (id < 0)
		SKIP("no tracefs");
	session_init(&s);
	shape = make_shape(&s.arena, PROBE_TRACEPOINT, 1);
	shape->points[0].tracepoint_id = (uint32_t)id;
	shape->points[0].cookie = 55;
	put_start(&c);
	put_bump_cookie(&c);
	put_end(&c, 0);
	fflush(stdout);
	if (start(&s, "tracepoint", BPF_PROG_TYPE_TRACEPOINT, shape, &c, &opts)) {
		CHECK_INT(s.res.n_attached, 1);
		for (int i = 0; i < 3; i++)
			run_true();
		/* others may start programs too */
		CHECK(hits_of(s.e, 55) >= 3);
		CHECK_INT(engine_kernel.missed(s.e, 0), 0);
	}
	session_end(&s);
	CHECK(gone_soon("tracepoint"));
}

TEST(raw_tracepoint_counts_execs)
{
	NEED_ROOT();
	struct engine_opts opts = { 0 };
	struct probe_shape *shape;
	struct session s;
	struct code c;

	session_init(&s);
	shape = make_shape(&s.arena, PROBE_RAWTRACEPOINT, 1);
	shape->points[0].symbol = STR("sched_process_exec");
	put_start(&c);
	put_bump(&c, 1);
	put_end(&c, 0);
	fflush(stdout);
	if (start(&s, "raw_tp", BPF_PROG_TYPE_RAW_TRACEPOINT, shape, &c, &opts)) {
		run_true();
		CHECK(hits_of(s.e, 1) >= 1);
	}
	session_end(&s);
}

static struct probe_shape *clock_shape(struct arena *arena, enum probe_kind kind)
{
	struct probe_shape *shape = make_shape(arena, kind, 1);

	shape->points[0].perf_type = PERF_TYPE_SOFTWARE;
	shape->points[0].perf_config = PERF_COUNT_SW_CPU_CLOCK;
	return shape;
}

TEST(interval_ticks_once_per_period)
{
	NEED_ROOT();
	struct engine_opts opts = { 0 };
	struct probe_shape *shape;
	struct session s;
	struct code c;

	session_init(&s);
	shape = clock_shape(&s.arena, PROBE_INTERVAL);
	shape->points[0].period = 10000000; /* 10 ms */
	put_start(&c);
	put_bump(&c, 1);
	put_end(&c, 0);
	if (start(&s, "interval", BPF_PROG_TYPE_PERF_EVENT, shape, &c, &opts)) {
		double t = now_ms(), ticks;
		uint64_t n;

		usleep(300000);
		n = hits_of(s.e, 1);
		ticks = (now_ms() - t) / 10;
		printf("# %llu ticks in %.1f periods\n", (unsigned long long)n, ticks);
		CHECK((double)n > ticks * 0.8 && (double)n < ticks * 1.2 + 2);
	}
	session_end(&s);
}

TEST(profile_of_this_process_only_ticks_while_it_runs)
{
	NEED_ROOT();
	int32_t self = getpid();
	struct engine_opts opts = { .pids = &self, .n_pids = 1 };
	struct probe_shape *shape;
	struct session s;
	struct code c;

	session_init(&s);
	shape = clock_shape(&s.arena, PROBE_PROFILE);
	shape->points[0].frequency = 1000;
	put_start(&c);
	put_bump(&c, 1);
	put_end(&c, 0);
	if (start(&s, "profile", BPF_PROG_TYPE_PERF_EVENT, shape, &c, &opts)) {
		uint64_t asleep, awake;
		clock_t t = clock();

		usleep(100000);
		asleep = hits_of(s.e, 1);
		while (clock() - t < CLOCKS_PER_SEC / 10) /* 0.1 s of our own time */
			;
		awake = hits_of(s.e, 1) - asleep;
		printf("# %llu ticks asleep, %llu awake\n", (unsigned long long)asleep,
		       (unsigned long long)awake);
		CHECK(asleep < 20);
		CHECK(awake > 50 && awake < 200);
	}
	session_end(&s);
}

TEST(software_events_are_counted)
{
	NEED_ROOT();
	int32_t self = getpid();
	struct engine_opts opts = { .pids = &self, .n_pids = 1 };
	struct probe_shape *shape = NULL;
	struct session s;
	struct code c;

	session_init(&s);
	shape = make_shape(&s.arena, PROBE_SOFTWARE, 1);
	shape->points[0].perf_type = PERF_TYPE_SOFTWARE;
	shape->points[0].perf_config = PERF_COUNT_SW_PAGE_FAULTS;
	shape->points[0].period = 1;
	put_start(&c);
	put_bump(&c, 1);
	put_end(&c, 0);
	if (start(&s, "software", BPF_PROG_TYPE_PERF_EVENT, shape, &c, &opts)) {
		enum { PAGES = 100 };
		uint64_t before = hits_of(s.e, 1), n;
		size_t page = (size_t)getpagesize();
		volatile char *fresh = mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE,
					    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		madvise((void *)fresh, PAGES * page, MADV_NOHUGEPAGE);
		for (int i = 0; i < PAGES; i++)
			fresh[(size_t)i * page] = 1;
		n = hits_of(s.e, 1) - before;
		munmap((void *)fresh, PAGES * page);
		printf("# %llu faults for %d pages\n", (unsigned long long)n, PAGES);
		CHECK(n >= PAGES && n <= PAGES + 20);
	}
	session_end(&s);
}

TEST(hardware_events_are_counted_or_refused_clearly)
{
	NEED_ROOT();
	struct engine_opts opts = { 0 };
	struct probe_shape *shape;
	struct session s;

	if (features_has(FEATURE_PERF_HARDWARE))
		SKIP("this machine has hardware counters");
	session_init(&s);
	shape = make_shape(&s.arena, PROBE_HARDWARE, 1);
	shape->points[0].perf_type = PERF_TYPE_HARDWARE;
	shape->points[0].perf_config = PERF_COUNT_HW_CPU_CYCLES;
	shape->points[0].period = 1000000;
	shape->points[0].symbol = STR("cycles");
	check_attach_error(shape, &s, &opts, BPF_PROG_TYPE_PERF_EVENT,
			   "no hardware counter for 'cycles'");
}

static volatile uint64_t watched;

TEST(watchpoint_sees_writes_until_unwatched)
{
	NEED_ROOT();
	int32_t self = getpid();
	struct engine_opts opts = { .pids = &self, .n_pids = 1 };
	struct probe_shape *shape;
	struct session s;
	struct code c;

	session_init(&s);
	shape = make_shape(&s.arena, PROBE_WATCHPOINT, 1);
	shape->points[0].address = (uintptr_t)&watched;
	shape->points[0].bp_len = 8;
	shape->points[0].bp_type = 2; /* HW_BREAKPOINT_W */
	put_start(&c);
	put_bump(&c, 1);
	put_end(&c, 0);
	if (start(&s, "watch", BPF_PROG_TYPE_PERF_EVENT, shape, &c, &opts)) {
		for (int i = 0; i < 5; i++)
			watched = (uint64_t)i;
		CHECK_INT(hits_of(s.e, 1), 5);
		CHECK_OK(engine_kernel.unwatch(s.e, (uintptr_t)&watched));
		watched = 9;
		CHECK_INT(hits_of(s.e, 1), 5);
		struct err *err = engine_kernel.unwatch(s.e, (uintptr_t)&watched);

		CHECK(err != NULL);
		err_free(err);
	}
	session_end(&s);
}

TEST(iterator_runs_to_its_end)
{
	NEED_ROOT();
	uint32_t id = features_btf_id("bpf_iter_task", 12);
	struct engine_opts opts = { 0 };
	struct probe_shape *shape;
	struct session s;
	struct code c;

	if (!id)
		SKIP("no task iterator");
	session_init(&s);
	shape = make_shape(&s.arena, PROBE_ITER, 1);
	shape->points[0].btf_id = id;
	shape->points[0].symbol = STR("task");
	put_start(&c);
	put_bump(&c, 1);
	put_end(&c, 0);
	if (start(&s, "iter", BPF_PROG_TYPE_TRACING, shape, &c, &opts)) {
		for (int i = 0; i < 100 && !engine_kernel.is_finished(s.e); i++)
			usleep(10000);
		CHECK(engine_kernel.is_finished(s.e));
		printf("# %llu tasks\n", (unsigned long long)hits_of(s.e, 1));
		CHECK(hits_of(s.e, 1) > 2);
	}
	session_end(&s);
}

/* ---- what is left ---- */

/* a child that attaches to all functions and waits; its pid, once it has attached */
static pid_t attach_in_child(const char *name, bool no_multi)
{
	int ready[2];
	char byte;
	pid_t child;

	fflush(stdout);
	if (pipe(ready) < 0)
		return -1;
	child = fork();
	if (child == 0) {
		struct engine_opts opts = { .no_feature = no_multi ? "uprobe_multi" : NULL };
		struct session s;
		struct code c;

		session_init(&s);
		put_start(&c);
		put_bump(&c, 1);
		put_end(&c, 0);
		if (!start(&s, name, BPF_PROG_TYPE_KPROBE,
			   function_shape(&s.arena, PROBE_UPROBE, N_FUNCS), &c, &opts))
			_exit(1);
		if (write(ready[1], "x", 1) != 1)
			_exit(2);
		pause();
		_exit(0);
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		child = -1;
	close(ready[0]);
	return child;
}

TEST(a_killed_tracer_leaves_nothing)
{
	NEED_ROOT();
	pid_t child = attach_in_child("killed_one", false);
	int status;

	if (!CHECK(child > 0))
		return;
	CHECK_INT(kernel_progs_named("killed_one"), 1);
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	CHECK(gone_soon("killed_one"));
	call_all(); /* the breakpoints are gone: this simply runs */
}

/* ---- kernels without uprobe_multi ---- */

static bool uprobe_events_hold(const char *text)
{
	STRBUF_AUTO list = { 0 };
	char path[128];

	snprintf(path, sizeof(path), "%s/uprobe_events", sys_tracefs());
	return sys_read_file(path, &list) && strstr(strbuf_cstr(&list), text);
}

TEST(tracefs_event_of_a_killed_tracer_is_removed_by_the_next)
{
	NEED_ROOT();
	struct engine_opts opts = { .no_feature = "uprobe_multi" };
	struct session s;
	struct code c;
	char name[64];
	pid_t child;
	int status;

	if (!features_has(FEATURE_UPROBE_EVENTS))
		SKIP("no uprobe_events");
	child = attach_in_child("killed_event", true);
	if (!CHECK(child > 0))
		return;
	snprintf(name, sizeof(name), "sonde_%d/p0_0", (int)child);
	CHECK(uprobe_events_hold(name));
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	CHECK(uprobe_events_hold(name));
	session_init(&s);
	put_start(&c);
	put_bump(&c, 1);
	put_end(&c, 0);
	start(&s, "cleans_up", BPF_PROG_TYPE_KPROBE, function_shape(&s.arena, PROBE_UPROBE, 20), &c,
	      &opts);
	CHECK(!uprobe_events_hold(name));
	session_end(&s);
}

TEST(tracefs_event_for_340_sites)
{
	NEED_ROOT();
	struct engine_opts opts = { .no_feature = "uprobe_multi" };
	struct session s;
	struct code c;
	char name[64];
	double t, attach;

	if (!features_has(FEATURE_UPROBE_EVENTS))
		SKIP("no uprobe_events");
	session_init(&s);
	put_start(&c);
	put_bump(&c, 1);
	put_end(&c, 0);
	snprintf(name, sizeof(name), "sonde_%d/p0_0", (int)getpid());
	t = now_ms();
	if (start(&s, "one_event", BPF_PROG_TYPE_KPROBE,
		  function_shape(&s.arena, PROBE_UPROBE, N_FUNCS), &c, &opts)) {
		attach = now_ms() - t;
		CHECK(uprobe_events_hold(name));
		CHECK_INT(s.res.n_attached, N_FUNCS);
		call_all();
		CHECK_INT(hits_of(s.e, 1), N_FUNCS);
		t = now_ms();
		engine_kernel.detach(s.e);
		printf("# %u sites in one event: open and attach %.1f ms, detach %.1f ms\n",
		       N_FUNCS, attach, now_ms() - t);
		CHECK(!uprobe_events_hold(name));
		call_all();
		CHECK_INT(hits_of(s.e, 1), N_FUNCS);
	}
	session_end(&s);
}

/* BTF of one function "f" of one pointer, as the code generator writes it: header, types, strings */
static void add_btf(struct image *im)
{
	static const uint32_t words[] = {
		0x0001eb9f,
		24,
		0,
		16 + 12 + 20 + 12,
		16 + 12 + 20 + 12,
		12, /* header */
		1,
		BTF_KIND_INT << 24,
		8,
		1 << 24 | 64, /* 1: long */
		0,
		BTF_KIND_PTR << 24,
		0, /* 2: void * */
		0,
		BTF_KIND_FUNC_PROTO << 24 | 1,
		1,
		6,
		2, /* 3: long (void *a) */
		8,
		BTF_KIND_FUNC << 24 | BTF_FUNC_GLOBAL,
		3, /* 4: f */
	};
	static const char strings[12] = "\0long\0a\0f";
	char *blob = arena_alloc(im->arena, sizeof(words) + sizeof(strings));
	struct image_func_info *func = arena_new(im->arena, struct image_func_info);

	memcpy(blob, words, sizeof(words));
	memcpy(blob + sizeof(words), strings, sizeof(strings));
	im->btf = blob;
	im->btf_size = sizeof(words) + sizeof(strings);
	func->type_id = 4;
	im->progs[0]->funcs = func;
	im->progs[0]->n_funcs = 1;
}

static void check_sites_of_event(bool with_btf)
{
	struct engine_opts opts = { .no_feature = "uprobe_multi" };
	struct session s;
	struct code c;

	session_init(&s);
	put_start(&c);
	put_bump_cookie(&c);
	put_end(&c, 0);
	add_prog(s.im, "event_sites", BPF_PROG_TYPE_KPROBE,
		 function_shape(&s.arena, PROBE_UPROBE, N_FUNCS), &c);
	if (with_btf)
		add_btf(s.im);
	if (CHECK_OK(engine_kernel.open(s.im, NULL, &opts, &s.e)) &&
	    CHECK_OK(engine_kernel.attach(s.e, &s.res))) {
		CHECK_INT(s.res.n_attached, N_FUNCS);
		call_all();
		call_function(300);
		for (unsigned i = 0; i < N_FUNCS; i++)
			CHECK_INT(hits_of(s.e, i + 100), i == 300 ? 2 : 1);
	}
	session_end(&s);
}

/* 340 functions of 16 bytes are more than a page: some have the same low 12 bits */
TEST(sites_of_a_tracefs_event_are_told_apart)
{
	NEED_ROOT();
	if (!features_has(FEATURE_UPROBE_EVENTS))
		SKIP("no uprobe_events");
	check_sites_of_event(false);
	check_sites_of_event(true);
}

TEST(single_perf_events_have_cookies)
{
	NEED_ROOT();
	struct engine_opts opts = { .no_feature = "uprobe_multi" };
	struct session s;
	struct code c;

	session_init(&s);
	put_start(&c);
	put_bump_cookie(&c);
	put_end(&c, 0);
	if (start(&s, "singles", BPF_PROG_TYPE_KPROBE, function_shape(&s.arena, PROBE_UPROBE, 3),
		  &c, &opts)) {
		CHECK_INT(s.res.n_attached, 3);
		call_function(0);
		call_function(2);
		call_function(2);
		CHECK_INT(hits_of(s.e, 100), 1);
		CHECK_INT(hits_of(s.e, 101), 0);
		CHECK_INT(hits_of(s.e, 102), 2);
	}
	session_end(&s);
}

TEST(single_perf_events_of_one_process)
{
	NEED_ROOT();
	CHECK_OK(features_disable("uprobe_multi"));
	check_process_filter();
	check_probe_before_exec();
}

TEST(semaphores_without_uprobe_multi)
{
	NEED_ROOT();
	CHECK_OK(features_disable("uprobe_multi"));
	check_semaphore(2);
	if (features_has(FEATURE_UPROBE_EVENTS))
		check_semaphore(20);
}
