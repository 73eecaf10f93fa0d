/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests of the user engine within one process: memory near this program's code, laid out as in a traced process (helpers, area, private
 * page, open calls, maps, rings), programs in the notation of the assembler, and jumps over this program's own functions.
 */
#ifndef SONDE_TESTS_UNIT_USER_HELP_H
#define SONDE_TESTS_UNIT_USER_HELP_H

#include "base/cleanup.h"
#include "ebpf/asm.h"
#include "engine/user/code/blob.h"
#include "engine/user/trampoline/trampoline.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	USER_CODE = 1 << 16,
	USER_PRIVATE = 1 << 16, /* struct rt_private's page, then open calls */
	USER_STACKS = 4,
	USER_DATA = 1 << 21,
	USER_MAPS = 4096, /* offset in the data; each map has USER_MAP bytes */
	USER_MAP = 1 << 16,
	USER_N_MAPS = 8,
	USER_RINGS = 1 << 20, /* offset */
	USER_RING = 1 << 16,
	USER_CPUS = 8,
	USER_BUCKETS = 64,
	USER_SITES = 16,
	USER_FUNCTION = 4096, /* bytes of a function that are decoded at most */
};

struct user_room {
	char *code, *data;
	struct rt_area *area;
	struct rt_private *private;
	struct rt_calls *calls;
	struct trampoline_map maps[USER_N_MAPS];
	struct trampoline_env env;
	struct x86 x;
	struct arena arena;
	struct patch patches[USER_SITES];
	unsigned n_patches;
};

static inline char *user_map_near(size_t bytes)
{
	extern const char __executable_start[];
	uintptr_t at = (uintptr_t)__executable_start & ~(uintptr_t)4095;

	for (unsigned i = 1; i < 64; i++) {
		char *want = (char *)(at - i * ((uintptr_t)16 << 20));
		char *got = mmap(want, bytes, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

		if (got == want)
			return got;
		if (got != MAP_FAILED)
			munmap(got, bytes);
	}
	return NULL;
}

static inline bool user_make(struct user_room *r)
{
	size_t n = USER_CODE + USER_PRIVATE + USER_DATA + (USER_STACKS + 1) * RT_STACK_BYTES;
	char *at = user_map_near(n);
	uint64_t stacks;

	*r = (struct user_room){ .code = at };
	if (!at)
		return false;
	r->private = (struct rt_private *)(void *)(at + USER_CODE);
	r->calls = (struct rt_calls *)(void *)(at + USER_CODE + 4096);
	r->data = at + USER_CODE + USER_PRIVATE;
	r->area = (struct rt_area *)(void *)r->data;
	stacks = (uint64_t)(uintptr_t)(r->data + USER_DATA);
	stacks = (stacks + RT_STACK_BYTES - 1) & ~(uint64_t)(RT_STACK_BYTES - 1);
	r->private->stacks = stacks + RT_STACK_BYTES - sizeof(struct rt_stack);
	r->private->stacks_end = stacks + USER_STACKS * RT_STACK_BYTES;
	r->private->is_mine = 1;
	r->private->pid = r->private->own_pid = (uint32_t)getpid();
	*r->calls = rt_calls_head(USER_BUCKETS);
	*r->area = (struct rt_area){ .is_on = 1,
				     .n_cpus = USER_CPUS,
				     .rings = USER_RINGS,
				     .ring_stride = sizeof(struct rt_ring) + USER_RING,
				     .ring_size = USER_RING };
	for (unsigned i = 0; i < USER_CPUS; i++) {
		char *ring = r->data + USER_RINGS + i * r->area->ring_stride;

		rt_ring_init((struct rt_ring *)(void *)ring);
	}
	r->env = (struct trampoline_env){ .blob = (uint64_t)(uintptr_t)r->code,
					  .area = (uint64_t)(uintptr_t)r->area,
					  .private = (uint64_t)(uintptr_t)r->private,
					  .calls = (uint64_t)(uintptr_t)r->calls,
					  .stacks = r->private->stacks,
					  .n_stacks = USER_STACKS,
					  .maps = r->maps };
	blob_copy(r->code, r->env.area, r->env.private);
	r->x.base = r->env.blob;
	strbuf_add(&r->x.code, r->code, blob_bytes());
	arena_init(&r->arena);
	return true;
}

static inline struct rt_stack *user_stack(const struct user_room *r, unsigned i)
{
	return (struct rt_stack *)(uintptr_t)(r->private->stacks + (uint64_t)i * RT_STACK_BYTES);
}

static inline struct rt_map *user_add_map(struct user_room *r, const struct rt_map_plan *p)
{
	char *at = r->data + USER_MAPS + r->env.n_maps * USER_MAP;
	struct rt_map *m = (struct rt_map *)(void *)at;

	if (r->env.n_maps == USER_N_MAPS || rt_map_bytes(p) + 4096 > USER_MAP)
		return NULL;
	rt_map_init(m, p, at + 4096);
	r->maps[r->env.n_maps++] = (struct trampoline_map){ .at = (uint64_t)(uintptr_t)m,
							    .view = m };
	return m;
}

/* a program of which MAP0, MAP1, ... are the maps, and VAL0, ... the first values of arrays */
static inline struct err *user_program(struct user_room *r, const char *text,
				       struct trampoline_prog *ret)
{
	STRBUF_AUTO source = { 0 };
	struct bpf_insn *insns;
	uint32_t n;

	for (const char *p = text; *p; p++) {
		bool is_map = !strncmp(p, "MAP", 3), is_value = !strncmp(p, "VAL", 3);

		if (is_map || is_value) {
			const struct rt_map *m = r->maps[p[3] - '0'].view;

			strbuf_printf(
				&source, "0x%llx",
				(unsigned long long)((uintptr_t)m +
						     (is_value ? (uintptr_t)m->tables + 64 : 0)));
			p += 3;
			continue;
		}
		strbuf_putc(&source, *p);
	}
	TRY(ebpf_assemble(strbuf_str(&source), &r->arena, &insns, &n));
	ret->insns = insns;
	ret->n_insns = n;
	return NULL;
}

/* a trampoline for the function's first instruction, or the one at `at` bytes from it */
static inline struct err *user_emit(struct user_room *r, const void *function, unsigned at,
				    const struct trampoline_site *s)
{
	struct patch *p = &r->patches[r->n_patches];
	uint64_t start = (uint64_t)(uintptr_t)function;
	CODE_AUTO c = { 0 };

	if (r->n_patches == USER_SITES)
		return err_new(0, "too many sites");
	code_decode(function, USER_FUNCTION, start, &c);
	*p = (struct patch){ .site = start + at };
	if (code_at(&c, p->site) && code_at(&c, p->site)->kind == CODE_ENDBR)
		p->site += 4;
	for (const struct code_insn *i = code_at(&c, p->site); i && p->len < PATCH_JUMP; i++)
		p->len = (uint8_t)(p->len + i->len);
	TRY(trampoline_emit(&r->x, p, &c, function, s, &r->env));
	r->n_patches++;
	return r->x.code.n <= USER_CODE ? NULL : err_new(0, "too much code");
}

static inline void user_write_code(uint64_t at, const uint8_t *bytes, size_t n)
{
	uintptr_t page = at & ~(uintptr_t)4095, end = (at + n + 4095) & ~(uintptr_t)4095;

	mprotect((void *)page, end - page, PROT_READ | PROT_WRITE | PROT_EXEC);
	memcpy((void *)(uintptr_t)at, bytes, n);
	mprotect((void *)page, end - page, PROT_READ | PROT_EXEC);
}

/* puts the jumps in (other threads must not run there), or the functions' own bytes back */
static inline void user_install(struct user_room *r)
{
	memcpy(r->code, r->x.code.p, r->x.code.n);
	mprotect(r->code, USER_CODE, PROT_READ | PROT_EXEC);
	for (unsigned i = 0; i < r->n_patches; i++) {
		struct patch *p = &r->patches[i];
		uint8_t jump[PATCH_JUMP] = { 0xe9 };
		int32_t rel = (int32_t)(p->trampoline - (p->site + PATCH_JUMP));

		memcpy(jump + 1, &rel, sizeof(rel));
		user_write_code(p->site, jump, sizeof(jump));
	}
}

static inline void user_restore(struct user_room *r)
{
	for (unsigned i = 0; i < r->n_patches; i++)
		user_write_code(r->patches[i].site, r->patches[i].old, PATCH_JUMP);
}

static inline void user_unmake(struct user_room *r)
{
	user_restore(r);
	munmap(r->code, USER_CODE + USER_PRIVATE + USER_DATA + (USER_STACKS + 1) * RT_STACK_BYTES);
	x86_free(&r->x);
	arena_free(&r->arena);
}

/* sum over all tables of an array's element */
static inline uint64_t user_sum(struct rt_map *m, uint32_t key)
{
	uint64_t sum = 0;

	for (uint32_t t = 0; t < m->n_tables; t++) {
		const uint64_t *v = rt_map_lookup_in(m, &key, t);

		sum += v ? *v : 0;
	}
	return sum;
}

#endif
