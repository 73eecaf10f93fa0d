/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the tests of the engine's probes share: functions of this program to probe, one program on one
 * shape opened and attached, and the checks that are made by each way of attaching. It comes before
 * tap.h, which it includes itself.
 */
#ifndef SONDE_TESTS_UNIT_ENGINE_PROBES_H
#define SONDE_TESTS_UNIT_ENGINE_PROBES_H

#include "engine/kernel/features.h"
#include "engine/kernel/sys.h"
#include "engine_image.h"

#include <elf.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>

#include "tap.h"

/* 340 functions of 16 bytes, as many as redis has commands: push, pop, ret */
#define N_FUNCS 340
#define FUNC_BYTES 16
__asm__(".text\n.globl probed_functions\n.p2align 4\nprobed_functions:\n"
	".rept 340\npush %rbp\npop %rbp\nret\n.p2align 4\n.endr\n");
extern char probed_functions[];

static inline void call_function(unsigned i)
{
	((void (*)(void))(probed_functions + i * FUNC_BYTES))();
}

static inline void call_all(void)
{
	for (unsigned i = 0; i < N_FUNCS; i++)
		call_function(i);
}

/* uprobes on the first n functions, cookie i + 100 */
static inline struct probe_shape *function_shape(struct arena *arena, enum probe_kind kind,
						 uint32_t n)
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
static inline uint32_t kernel_progs_named(const char *name)
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
static inline bool gone_soon(const char *name)
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

static inline bool start(struct session *s, const char *name, uint32_t type,
			 struct probe_shape *shape, const struct code *c,
			 const struct engine_opts *opts)
{
	add_prog(s->im, name, type, shape, c);
	return CHECK_OK(engine_kernel.open(s->im, NULL, opts, &s->e)) &&
	       CHECK_OK(engine_kernel.attach(s->e, &s->res));
}

static inline void session_init(struct session *s)
{
	*s = (struct session){ 0 };
	arena_init(&s->arena);
	s->im = make_image(&s->arena);
}

static inline void session_end(struct session *s)
{
	engine_kernel.close(s->e);
	arena_free(&s->arena);
}

static inline void *call_in_thread(void *unused)
{
	call_function(0);
	return NULL;
}

/* -p: this process with all its threads, and not a child of it */
static inline void check_process_filter(void)
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

static inline void run_true(void)
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

static inline void check_semaphore(uint32_t n)
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

/* offset in the file of a 64-bit executable's entry point */
static inline uint64_t entry_offset(const char *path)
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
static inline void check_probe_before_exec(void)
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

/* a child that attaches to all functions and waits; its pid, once it has attached */
static inline pid_t attach_in_child(const char *name, bool no_multi)
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

#endif
