/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For tests: a room as traced processes have it, in this process: helpers, programs, a memory file's layout with rings for CPUS processors. */
#ifndef SONDE_TESTS_UNIT_BLOB_ROOM_H
#define SONDE_TESTS_UNIT_BLOB_ROOM_H

#include "ebpf/asm.h"
#include "engine/user/code/blob.h"
#include "engine/user/code/jit.h"
#include "engine/user/rt/area.h"

#include "base/cleanup.h"
#include "tap.h"
#include "err_help.h"

#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
	CODE = 1 << 16,
	DATA = 1 << 20,
	OWN_AT = DATA - 4096,
	MAPS_AT = 4096,
	RINGS_AT = 1 << 19,
	RING = 1 << 14,
	CPUS = 4
};

struct room {
	char *code, *data;
	struct rt_area *area;
	struct rt_private *own;
	size_t n_code;
	uint32_t stack; /* of the program, as the JIT counts it */
	uint64_t (*run)(void *ctx);
};

static inline struct room *room_make(void)
{
	static struct room r;

	r.code = mmap(NULL, CODE + DATA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		      0);
	r.data = r.code + CODE;
	r.stack = 0;
	r.run = NULL; /* nothing is loaded yet */
	r.area = (struct rt_area *)(void *)r.data;
	r.own = (struct rt_private *)(void *)(r.data + OWN_AT);
	*r.own = (struct rt_private){ .is_mine = 1,
				      .pid = (uint32_t)getpid(),
				      .own_pid = (uint32_t)getpid() };
	*r.area = (struct rt_area){ .is_on = 1,
				    .n_cpus = CPUS,
				    .bytes = DATA,
				    .rings = RINGS_AT,
				    .ring_stride = sizeof(struct rt_ring) + RING,
				    .ring_size = RING };
	for (unsigned i = 0; i < CPUS; i++) {
		char *at = r.data + RINGS_AT + i * r.area->ring_stride;

		rt_ring_init((struct rt_ring *)(void *)at);
	}
	blob_copy(r.code, (uint64_t)(uintptr_t)r.area, (uint64_t)(uintptr_t)r.own);
	r.n_code = (blob_bytes() + 63) & ~(size_t)63;
	return &r;
}

static inline void room_free(struct room *r)
{
	munmap(r->code, CODE + DATA);
}

static inline bool room_call(void *arg, struct x86 *x, int32_t helper)
{
	const struct room *r = arg;
	int64_t at = blob_helper(helper);

	return at >= 0 && x86_call_to(x, (uint64_t)(uintptr_t)r->code + (uint64_t)at);
}

/* a program in the notation of the assembler, in which MAP stands for a map's address */
static inline bool room_load(struct room *r, const char *text, const void *map)
{
	struct jit_env env = {
		.call_helper = room_call, .arg = r, .is_function = true, .stack = &r->stack
	};
	struct x86 x = { .base = (uint64_t)(uintptr_t)r->code + r->n_code };
	STRBUF_AUTO source = { 0 };
	struct bpf_insn *insns;
	struct arena a;
	uint32_t n;
	struct err *e;
	void *start = r->code + r->n_code;

	for (const char *p; (p = strstr(text, "MAP")); text = p + 3) {
		strbuf_add(&source, text, (size_t)(p - text));
		strbuf_printf(&source, "0x%llx", (unsigned long long)(uintptr_t)map);
	}
	strbuf_puts(&source, text);
	arena_init(&a);
	e = ebpf_assemble(strbuf_str(&source), &a, &insns, &n);
	if (!e)
		e = jit_compile(insns, n, &env, &x);
	if (check_err(e, "program")) {
		x86_link(&x);
		memcpy(start, x.code.p, x.code.n);
		memcpy(&r->run, &start, sizeof(r->run));
		mprotect(r->code, CODE, PROT_READ | PROT_EXEC);
	}
	x86_free(&x);
	arena_free(&a);
	return CHECK(r->run != NULL);
}

#endif
