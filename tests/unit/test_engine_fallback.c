/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel engine on kernels without uprobe_multi links: the feature is switched off, which holds for
 * the rest of the process. Events in tracefs are looked up in the kernel's own list. Needs root.
 */
#include "engine_probes.h"

#include <linux/btf.h>

static bool uprobe_events_hold(const char *text)
{
	STRBUF_AUTO list = { 0 };
	char path[128];

	snprintf(path, sizeof(path), "%s/uprobe_events", sys_tracefs());
	return sys_read_file(path, &list) && strstr(strbuf_cstr(&list), text);
}

/* by its keeper, a process of its own */
TEST(tracefs_event_of_a_killed_tracer_is_removed)
{
	NEED_ROOT();
	double end = now_ms() + 20000;
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
	while (uprobe_events_hold(name) && now_ms() < end)
		usleep(10000);
	CHECK(!uprobe_events_hold(name));
}

/* the name of an event of a process that is gone, which nobody removes */
static bool leave_event(char *name, size_t size)
{
	pid_t gone = fork();
	char path[128];
	bool is_done;
	int status, fd;

	if (gone == 0)
		_exit(0);
	if (gone < 0 || waitpid(gone, &status, 0) != gone)
		return false;
	snprintf(name, size, "sonde_%d/p0_0", (int)gone);
	snprintf(path, sizeof(path), "%s/uprobe_events", sys_tracefs());
	fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	/* as one write: a command */
	is_done = fd >= 0 && dprintf(fd, "p:%s /bin/true:0x%llx\n", name,
				     (unsigned long long)entry_offset("/bin/true")) > 0;
	if (fd >= 0)
		close(fd);
	return is_done;
}

TEST(tracefs_event_that_a_dead_tracer_left_is_removed_by_the_next)
{
	NEED_ROOT();
	struct engine_opts opts = { .no_feature = "uprobe_multi" };
	struct session s;
	struct code c;
	char name[64];

	if (!features_has(FEATURE_UPROBE_EVENTS))
		SKIP("no uprobe_events");
	if (!CHECK(leave_event(name, sizeof(name))))
		return;
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
