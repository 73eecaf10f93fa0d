/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Images made by hand for the tests of the kernel engine: no compiler takes part, so that a fault
 * here is the engine's. Every image has a hash map "@hits" (u64 -> u64) as map HITS; programs are
 * put together from a few pieces of eBPF.
 */
#ifndef SONDE_TESTS_UNIT_ENGINE_IMAGE_H
#define SONDE_TESTS_UNIT_ENGINE_IMAGE_H

#include "engine/engine.h"

#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define HITS 3 /* index of @hits, behind the ring, the globals and the faults */

struct code {
	struct bpf_insn insns[128];
	uint32_t n;
	struct image_reloc relocs[32];
	uint32_t n_relocs;
};

static inline void put(struct code *c, uint8_t op, uint8_t dst, uint8_t src, int16_t off,
		       int32_t imm)
{
	c->insns[c->n++] = (struct bpf_insn){
		.code = op, .dst_reg = dst, .src_reg = src, .off = off, .imm = imm
	};
}

#define MOV_K(c, dst, k) put(c, BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, k)
#define MOV_X(c, dst, src) put(c, BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0)
#define ADD_K(c, dst, k) put(c, BPF_ALU64 | BPF_ADD | BPF_K, dst, 0, 0, k)
#define CALL_HELPER(c, func) put(c, BPF_JMP | BPF_CALL, 0, 0, 0, func)
#define STORE_K(c, off, k) put(c, BPF_ST | BPF_MEM | BPF_DW, 10, 0, off, k)
#define STORE_X(c, off, src) put(c, BPF_STX | BPF_MEM | BPF_DW, 10, src, off, 0)

static inline void put_map(struct code *c, uint8_t dst, uint32_t map)
{
	c->relocs[c->n_relocs++] =
		(struct image_reloc){ .insn = c->n, .kind = RELOC_MAP, .index = map };
	put(c, BPF_LD | BPF_IMM | BPF_DW, dst, 0, 0, 0);
	put(c, 0, 0, 0, 0, 0);
}

/* the context is kept in r6 */
static inline void put_start(struct code *c)
{
	*c = (struct code){ 0 };
	MOV_X(c, 6, 1);
}

/* @hits[what stands at fp-8]++ */
static inline void put_bump_stored(struct code *c)
{
	MOV_X(c, 2, 10);
	ADD_K(c, 2, -8);
	put_map(c, 1, HITS);
	CALL_HELPER(c, BPF_FUNC_map_lookup_elem);
	put(c, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 3, 0);
	MOV_K(c, 1, 1);
	put(c, BPF_STX | BPF_ATOMIC | BPF_DW, 0, 1, 0, BPF_ADD);
	put(c, BPF_JMP | BPF_JA, 0, 0, 9, 0);
	STORE_K(c, -16, 1);
	MOV_X(c, 2, 10);
	ADD_K(c, 2, -8);
	MOV_X(c, 3, 10);
	ADD_K(c, 3, -16);
	MOV_K(c, 4, BPF_ANY);
	put_map(c, 1, HITS);
	CALL_HELPER(c, BPF_FUNC_map_update_elem);
}

static inline void put_bump(struct code *c, int32_t key)
{
	STORE_K(c, -8, key);
	put_bump_stored(c);
}

static inline void put_bump_cookie(struct code *c)
{
	MOV_X(c, 1, 6);
	CALL_HELPER(c, BPF_FUNC_get_attach_cookie);
	STORE_X(c, -8, 0);
	put_bump_stored(c);
}

/* a record { layout, 7, value } into the ring */
static inline void put_event(struct code *c, uint32_t layout, int32_t value)
{
	put(c, BPF_ST | BPF_MEM | BPF_W, 10, 0, -32, (int32_t)layout);
	put(c, BPF_ST | BPF_MEM | BPF_W, 10, 0, -28, 7);
	STORE_K(c, -24, value);
	MOV_X(c, 2, 10);
	ADD_K(c, 2, -32);
	MOV_K(c, 3, 16);
	MOV_K(c, 4, 0);
	put_map(c, 1, 0);
	CALL_HELPER(c, BPF_FUNC_ringbuf_output);
}

static inline void put_end(struct code *c, int32_t result)
{
	MOV_K(c, 0, result);
	put(c, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static inline struct image *make_image(struct arena *arena)
{
	struct image *im = image_new(arena);

	image_add_map(im, (struct image_map){
				  .name = STR_INIT("@hits"),
				  .role = MAP_SCRIPT,
				  .bpf_type = BPF_MAP_TYPE_HASH,
				  .key_size = 8,
				  .value_size = 8,
				  .max_entries = 4096,
				  .at = SPAN_NONE,
			  });
	return im;
}

/* append a program; shape may be NULL. Its index */
static inline uint32_t add_prog(struct image *im, const char *name, uint32_t type,
				const struct probe_shape *shape, const struct code *c)
{
	struct image_prog *p = arena_new(im->arena, struct image_prog);
	struct image_prog **progs = arena_array(im->arena, struct image_prog *, im->n_progs + 1);

	p->name = str_from(name);
	p->prog_type = type;
	p->shape = shape;
	p->at = SPAN_NONE;
	p->insns = arena_array(im->arena, struct bpf_insn, c->n);
	memcpy(p->insns, c->insns, c->n * sizeof(*p->insns));
	p->n_insns = c->n;
	p->relocs = arena_array(im->arena, struct image_reloc, c->n_relocs + 1);
	memcpy(p->relocs, c->relocs, c->n_relocs * sizeof(*p->relocs));
	p->n_relocs = c->n_relocs;
	if (im->n_progs)
		memcpy(progs, im->progs, im->n_progs * sizeof(*progs));
	progs[im->n_progs] = p;
	im->progs = progs;
	return im->n_progs++;
}

static inline struct probe_shape *make_shape(struct arena *arena, enum probe_kind kind,
					     uint32_t n_points)
{
	struct probe_shape *s = arena_new(arena, struct probe_shape);

	s->kind = kind;
	s->at = SPAN_NONE;
	s->n_points = n_points;
	s->points = arena_array(arena, struct probe_point, n_points);
	for (uint32_t i = 0; i < n_points; i++) {
		s->points[i].name = arena_printf(arena, "test:%u", i);
		s->points[i].pid = -1;
		s->points[i].cookie = i;
	}
	return s;
}

/* offset in the file, and the file, of an address of this program */
static inline uint64_t own_offset(struct arena *arena, const void *address, struct str *path)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512], file[512];
	uint64_t offset = 0;

	while (maps && fgets(line, sizeof(line), maps)) {
		unsigned long start, end, from;

		if (sscanf(line, "%lx-%lx %*s %lx %*s %*s %511s", &start, &end, &from, file) == 4 &&
		    (uintptr_t)address >= start && (uintptr_t)address < end) {
			offset = (uintptr_t)address - start + from;
			*path = arena_str(arena, str_from(file));
		}
	}
	if (maps)
		fclose(maps);
	return offset;
}

/* @hits[key], 0 when absent */
static inline uint64_t hits_of(struct engine *e, uint64_t key)
{
	uint64_t value = 0;

	err_free(engine_kernel.map_lookup(e, HITS, &key, &value));
	return value;
}

static inline double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static inline void print_err(const struct err *err)
{
	STRBUF_AUTO text = { 0 };

	if (!err)
		return;
	err_format(err, &text);
	printf("# error: %s\n", strbuf_cstr(&text));
	if (err_get_hint(err))
		printf("# hint: %s\n", err_get_hint(err));
}

/* the expression gives no error; else it is shown */
#define CHECK_OK(expr)                        \
	({                                    \
		struct err *e_ = (expr);      \
		bool ok_ = CHECK(e_ == NULL); \
		print_err(e_);                \
		err_free(e_);                 \
		ok_;                          \
	})

#define NEED_ROOT()                                    \
	do {                                           \
		if (geteuid() != 0)                    \
			SKIP("needs root for bpf(2)"); \
	} while (0)

#endif
