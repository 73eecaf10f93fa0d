/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A traced process that writes anything into the memory that it shares with the tracer. The engine's own operations (programs that run
 * here, events, maps) work on it meanwhile. They must come to an end and stay within: pages without access lie on both sides of the
 * memory, and what the tracer keeps for itself in front of it must not change.
 */
#include "ebpf/asm.h"
#include "engine/user/user.h"

#include "base/arena.h"
#include "base/clock.h"
#include "tap.h"
#include "err_help.h"
#include "random.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	RING = 1 << 13,
	ENTRIES = 50,
	SCRAMBLES = 6000,
	GOOD_AGAIN = 16, /* rounds after which all is well for a moment */
	CONCURRENT_MS = 800,
	N_PROGS = 2
};
#define SECRET 0x5ec2e7c0de5ec2e7ull
#define MARK 0x7a11000000000000ull /* in a program: an address that is to be filled in */

static uint64_t seed = 0x9e3779b97f4a7c15ull;
static uint64_t any(void)
{
	return random_next(&seed);
}

/* ---- an image by hand ---- */

/* M0.. are maps, V0.. first values of arrays, in the order of enum map */
enum map { HASH, PER_CPU_HASH, ARRAY, CONSTANT, TABLES, WIDE_KEYS, N_MAPS };

static const char use_all[] =
	"call bpf_x#7\nr6 = r0\nr6 &= 127\n*(u64 *)(r10 -8) = r6\n*(u64 *)(r10 -16) = 1\n"
	/* count by key, in one table and in one for each processor */
	"r1 = M0\nr2 = r10\nr2 += -8\ncall bpf_x#1\nif r0 != 0 goto have\n"
	"r1 = M0\nr2 = r10\nr2 += -8\nr3 = r10\nr3 += -16\nr4 = 1\ncall bpf_x#2\ngoto second\n"
	"have:\nr1 = 1\nlock *(u64 *)(r0 +0) += r1\n"
	"second:\nr1 = M1\nr2 = r10\nr2 += -8\nr3 = r10\nr3 += -16\nr4 = 0\ncall bpf_x#2\n"
	"r1 = M1\nr2 = r10\nr2 += -8\ncall bpf_x#1\nif r0 == 0 goto none\n"
	"r1 = 1\nlock *(u64 *)(r0 +0) += r1\nnone:\n"
	"r6 += 7\nr6 &= 127\n*(u64 *)(r10 -8) = r6\nr1 = M0\nr2 = r10\nr2 += -8\ncall bpf_x#3\n"
	"r1 = M1\nr2 = r10\nr2 += -8\ncall bpf_x#3\n"
	/* a map of maps, an array */
	"*(u32 *)(r10 -8) = 1\nr1 = M4\nr2 = r10\nr2 += -8\ncall bpf_x#1\nif r0 == 0 goto inner\n"
	"r1 = r0\nr2 = r10\nr2 += -8\ncall bpf_x#1\nif r0 == 0 goto inner\nr1 = *(u64 *)(r0 +0)\n"
	"inner:\nr1 = M2\nr2 = r10\nr2 += -8\ncall bpf_x#1\nif r0 == 0 goto send\n"
	"r1 = 1\nlock *(u64 *)(r0 +0) += r1\n"
	/* records, by both ways */
	"send:\n*(u64 *)(r10 -24) = 0\n*(u64 *)(r10 -16) = 3\nr1 = 1\nr2 = r10\nr2 += -24\nr3 = 16\nr4 = 0\n"
	"call bpf_x#130\nr1 = 1\nr2 = 40\nr3 = 0\ncall bpf_x#131\nif r0 == 0 goto full\n"
	"r1 = 0\n*(u64 *)(r0 +0) = r1\nr1 = r0\nr2 = 0\ncall bpf_x#132\n"
	"full:\nr1 = 1\nr2 = 0\ncall bpf_x#134\n"
	/* a large copy out of a map's value, and what nobody may change */
	"r1 = r10\nr1 += -24\nr2 = 24\nr3 = V2\ncall bpf_x#113\n"
	"r1 = V3\nr0 = *(u64 *)(r1 +8)\nexit\n";

/* a program must not do more than read constants when the ring is full */
static const char use_constant[] = "*(u32 *)(r10 -8) = 0\nr1 = M3\nr2 = r10\nr2 += -8\n"
				   "call bpf_x#1\nif r0 == 0 goto out\nr0 = *(u64 *)(r0 +8)\n"
				   "out:\nexit\n";

struct made {
	struct arena arena;
	struct image *im;
	struct image_prog progs[N_PROGS], *all[N_PROGS];
	struct probe_shape shape;
	struct event_layout layout, *layouts[1];
	uint32_t maps[N_MAPS];
	struct engine *e;
	uint64_t constants[2];
};

static void add_map(struct made *m, enum map i, uint32_t type, uint32_t key, uint32_t value,
		    uint32_t entries)
{
	struct image_map map = { .bpf_type = type,
				 .role = MAP_SCRIPT,
				 .key_size = key,
				 .value_size = value,
				 .max_entries = entries,
				 .at = SPAN_NONE };

	map.name = arena_printf(&m->arena, "@%d", (int)i);
	map.is_per_cpu = type == BPF_MAP_TYPE_PERCPU_HASH;
	if (i == CONSTANT) {
		map.role = MAP_CONST;
		map.init = m->constants;
	}
	if (i == TABLES)
		map.role = MAP_UNWIND_TABLES;
	m->maps[i] = image_add_map(m->im, map);
}

static bool add_prog(struct made *m, uint32_t i, const char *text)
{
	struct image_prog *p = &m->progs[i];
	STRBUF_AUTO source = { 0 };

	for (; *text; text++) {
		bool is_map = *text == 'M', is_value = *text == 'V';

		if (is_map || is_value)
			strbuf_printf(&source, "0x%llx",
				      (unsigned long long)(MARK | (uint64_t)is_value << 40 |
							   m->maps[*++text - '0']));
		else
			strbuf_add(&source, text, 1);
	}
	*p = (struct image_prog){ .name = STR("begin_0"), .shape = &m->shape };
	if (!check_err(ebpf_assemble(strbuf_str(&source), &m->arena, &p->insns, &p->n_insns),
		       "program"))
		return false;
	p->relocs = arena_alloc(&m->arena, p->n_insns * sizeof(*p->relocs));
	for (uint32_t k = 0; k + 1 < p->n_insns; k++) {
		uint32_t high = (uint32_t)p->insns[k + 1].imm;

		if (p->insns[k].code != (BPF_LD | BPF_IMM | BPF_DW) || high >> 16 != MARK >> 48)
			continue;
		p->relocs[p->n_relocs++] = (struct image_reloc){
			k, high & 0xffff ? RELOC_MAP_VALUE : RELOC_MAP, (uint32_t)p->insns[k].imm
		};
		p->insns[k + 1].imm = 0;
	}
	m->all[i] = p;
	return true;
}

static bool make(struct made *m)
{
	const uint64_t words[] = { 1, 2, 3, 4, 5, 6 };
	int32_t self = (int32_t)getpid();
	struct engine_opts opts = { .n_pids = 1, .ring_bytes = RING };

	*m = (struct made){ .constants = { 1, SECRET } };
	opts.pids = &self;
	arena_init(&m->arena);
	m->im = image_new(&m->arena);
	m->shape = (struct probe_shape){ .kind = PROBE_BEGIN };
	add_map(m, HASH, BPF_MAP_TYPE_HASH, 8, 8, ENTRIES);
	add_map(m, PER_CPU_HASH, BPF_MAP_TYPE_PERCPU_HASH, 8, 16, ENTRIES);
	add_map(m, ARRAY, BPF_MAP_TYPE_ARRAY, 4, 24, 4);
	add_map(m, CONSTANT, BPF_MAP_TYPE_ARRAY, 4, sizeof(m->constants), 1);
	add_map(m, TABLES, BPF_MAP_TYPE_ARRAY_OF_MAPS, 4, 4, 8);
	add_map(m, WIDE_KEYS, BPF_MAP_TYPE_HASH, 100, 12, ENTRIES);
	m->im->unwind_tables_map = m->maps[TABLES];
	m->layout = (struct event_layout){ .kind = EVENT_PRINT, .size = 40 };
	m->layouts[0] = &m->layout;
	m->im->events = m->layouts;
	m->im->n_events = 1;
	if (!add_prog(m, 0, use_all) || !add_prog(m, 1, use_constant))
		return false;
	m->im->progs = m->all;
	m->im->n_progs = N_PROGS;
	return check_err(engine_user.open(m->im, NULL, &opts, &m->e), "open") &&
	       check_err(shared_set_table(&m->e->shared, m->maps[TABLES], 1, words, 6), "table");
}

static void unmake(struct made *m)
{
	engine_user.detach(m->e);
	engine_user.close(m->e);
	arena_free(&m->arena);
}

/* ---- the tracer's work ---- */

static uint64_t n_events, n_shown, n_wrong, sum;

static void on_event(void *arg, const struct event_head *head, const void *payload, uint32_t size)
{
	const struct made *m = arg;

	n_events++;
	if (head->layout >= m->im->n_events || head->prog >= m->im->n_progs || size > RING)
		n_wrong++;
	for (uint32_t i = 0; i < size; i++)
		sum += ((const uint8_t *)payload)[i];
}

static bool on_entry(void *arg, const void *key, const void *value, uint32_t n_rows)
{
	const struct image_map *map = arg;

	n_shown++;
	for (uint32_t i = 0; i < map->key_size; i++)
		sum += ((const uint8_t *)key)[i];
	for (uint32_t i = 0; i < map->value_size * n_rows; i++)
		sum += ((const uint8_t *)value)[i];
	return true;
}

static void work_on_map(struct made *m, uint32_t map)
{
	const struct rt_map *own = shared_map(&m->e->shared, map);
	char *values = base_alloc((size_t)own->value_size * 2 * 4096 + 4096), key[128];

	for (unsigned i = 0; i < sizeof(key); i += 8)
		((uint64_t *)(void *)key)[i / 8] = any() % 100;
	err_free(engine_user.map_each(m->e, map, on_entry, m->im->maps[map]));
	err_free(engine_user.map_lookup(m->e, map, key, values));
	if (map == m->maps[CONSTANT]) { /* nobody changes those */
		free(values);
		return;
	}
	err_free(engine_user.map_update(m->e, map, key, values));
	err_free(engine_user.map_delete(m->e, map, key));
	switch (any() % 32) {
	case 0: err_free(engine_user.map_clear(m->e, map)); break;
	case 1: err_free(engine_user.map_zero(m->e, map)); break;
	default: break;
	}
	free(values);
}

static void work(struct made *m)
{
	const uint64_t words[] = { 7, 8 };
	uint64_t got = 0, ns;

	for (unsigned i = 0; i < 8; i++) {
		err_free(engine_user.run_once(m->e, 0, 1, &got, &ns));
		n_wrong += got != SECRET;
		err_free(engine_user.run_once(m->e, 1, 1, &got, &ns));
		n_wrong += got != SECRET;
	}
	for (unsigned i = 0; i < N_MAPS; i++)
		work_on_map(m, m->maps[i]);
	m->e->n_rounds += 15; /* it looks for blocked rings each time */
	err_free(engine_user.poll(m->e, 0, on_event, m));
	err_free(shared_set_table(&m->e->shared, m->maps[TABLES], (uint32_t)any() % 10, words, 2));
	sum += engine_user.missed(m->e, 0);
}

/* ---- the hostile process ---- */

/* the tables for stacks have much more room than they take */
static uint64_t bytes_of(const struct shared *s)
{
	return s->rings + s->ring_stride * s->n_cpus + 4096;
}

static uint64_t *word_at(const struct shared *s, uint64_t at)
{
	return (uint64_t *)(void *)((char *)s->view + at % bytes_of(s) / 8 * 8);
}

static uint64_t bad_number(void)
{
	switch (any() % 8) {
	case 0: return 0;
	case 1: return UINT64_MAX;
	case 2: return 1ull << (any() % 64);
	case 3: return any() % 64;
	case 4: return any() % RING;
	case 5: return any() % 8;
	case 6: return ~(any() % RING);
	default: return any();
	}
}

static void scribble_ring(const struct shared *s)
{
	struct rt_ring *r = shared_ring(s, (uint32_t)any() % s->n_cpus);
	uint64_t *head = (uint64_t *)(void *)(r + 1) + any() % (RING / 8);

	switch (any() % 6) {
	case 0: r->head = bad_number(); break;
	case 1: r->tail = bad_number(); break;
	case 2: r->head = r->tail + any() % (2 * RING); break;
	case 3: *head = RT_RING_READY | any() % 64 | any() << 32; break;
	case 4: *head = RT_RING_SKIP | (any() & RT_RING_LENGTH); break;
	default: *head = bad_number();
	}
}

/* heads of tables: how far to search, how many there are; slots, that are there twice */
static void scribble_map(const struct made *m)
{
	const struct shared_map *map = &m->e->shared.maps[m->maps[any() % N_MAPS]];
	uint64_t tables = map->at + (uint64_t)map->shape.tables;
	uint64_t table = tables + map->shape.table_bytes * (any() % map->shape.n_tables);
	uint64_t slot = table + 64 + map->shape.stride * (any() % map->shape.n_slots);
	uint64_t other = table + 64 + map->shape.stride * (any() % map->shape.n_slots);

	switch (any() % 4) {
	case 0: *word_at(&m->e->shared, table + any() % 32) = bad_number(); break;
	case 1:
		memcpy(word_at(&m->e->shared, slot), word_at(&m->e->shared, other),
		       map->shape.stride);
		break;
	case 2: *word_at(&m->e->shared, slot) = (bad_number() << 3) | any() % 8; break;
	default: *word_at(&m->e->shared, map->at + any() % sizeof(struct rt_map)) = bad_number();
	}
}

static void scribble(const struct made *m)
{
	const struct shared *s = &m->e->shared;

	switch (any() % 4) {
	case 0: *word_at(s, any()) = bad_number(); break;
	case 1: *word_at(s, any() % 256) = bad_number(); break; /* struct rt_area */
	case 2: scribble_ring(s); break;
	default: scribble_map(m);
	}
}

static void scribble_all(const struct made *m)
{
	uint64_t n = bytes_of(&m->e->shared) / 8, kind = any() % 4, fill = bad_number();

	for (uint64_t i = 0; i < n; i++)
		*word_at(&m->e->shared, i * 8) = kind == 0   ? fill
						 : kind == 1 ? bad_number()
							     : any();
}

/* as if nobody had ever written there, so that what is scribbled next meets something */
static void mend(const struct made *m, const char *good)
{
	const struct shared *s = &m->e->shared;

	memcpy(s->view, good, bytes_of(s));
	for (uint32_t i = 0; i < s->n_cpus; i++)
		shared_ring(s, i)->head = shared_ring(s, i)->tail = m->e->readers[i].tail;
}

/* ---- what is checked behind it ---- */

/* all of it but the counters of what was refused */
static void copy_own(const struct made *m, char *to)
{
	const struct shared *s = &m->e->shared;

	memcpy(to, s->own, s->own_bytes);
	/* the clock is corrected now and then */
	memset(((struct rt_area *)(void *)to)->clocks, 0, sizeof(s->own->clocks));
	((struct rt_area *)(void *)to)->clock_now = 0;
	for (uint32_t i = 0; i < s->n_maps; i++)
		if (s->maps[i].own)
			memset(to + ((char *)&s->maps[i].own->n_refused - (char *)s->own), 0, 8);
}

/* before anybody writes there */
struct copies {
	char *own, *good;
};

static struct copies copy_all(const struct made *m)
{
	const struct shared *s = &m->e->shared;
	struct copies c = { base_alloc(s->own_bytes), base_alloc(bytes_of(s)) };

	copy_own(m, c.own);
	memcpy(c.good, s->view, bytes_of(s));
	return c;
}

static void check_copies(const struct made *m, struct copies *c)
{
	char *now = base_alloc(m->e->shared.own_bytes);

	copy_own(m, now);
	CHECK(!memcmp(c->own, now, m->e->shared.own_bytes));
	CHECK_INT(n_wrong, 0);
	free(now);
	free(c->own);
	free(c->good);
}

TEST(before_anybody_writes_there)
{
	struct made m;
	uint64_t before;

	if (!make(&m))
		return;
	before = n_events;
	work(&m);
	CHECK_INT(n_events - before, 16);
	CHECK(n_shown > 0);
	unmake(&m);
}

TEST(memory_cannot_be_taken_away)
{
	struct made m;

	if (!make(&m))
		return;
	CHECK(ftruncate(m.e->shared.fd, 0) < 0 && errno == EPERM);
	work(&m);
	unmake(&m);
}

TEST(all_of_it_is_scribbled_over)
{
	uint64_t start = clock_monotonic_ns();
	struct copies before;
	struct made m;

	if (!make(&m))
		return;
	before = copy_all(&m);
	for (unsigned i = 0; i < SCRAMBLES; i++) {
		if (i % GOOD_AGAIN == 0) {
			mend(&m, before.good);
			work(&m);
		}
		if (i % GOOD_AGAIN == GOOD_AGAIN - 1)
			scribble_all(&m);
		for (unsigned k = 0; k < 1u << (i % 10); k++)
			scribble(&m);
		work(&m);
	}
	check_copies(&m, &before);
	printf("# %llu events, %llu elements, %llu ms\n", (unsigned long long)n_events,
	       (unsigned long long)n_shown,
	       (unsigned long long)((clock_monotonic_ns() - start) / 1000000));
	unmake(&m);
}

TEST(it_is_scribbled_over_meanwhile)
{
	uint64_t end, n_rounds = 0, worst = 0;
	struct copies before;
	struct made m;
	pid_t pid;

	if (!make(&m))
		return;
	before = copy_all(&m);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (uint64_t i = 0;; i++)
			if (i % 1000000 == 0)
				scribble_all(&m);
			else
				scribble(&m);
	}
	end = clock_monotonic_ns() + CONCURRENT_MS * 1000000ull;
	do {
		uint64_t start = clock_monotonic_ns(), took;

		work(&m);
		took = clock_monotonic_ns() - start;
		worst = took > worst ? took : worst;
		if (n_rounds++ % GOOD_AGAIN == 0)
			mend(&m, before.good);
	} while (clock_monotonic_ns() < end);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	check_copies(&m, &before);
	printf("# %llu rounds, the longest %llu us\n", (unsigned long long)n_rounds,
	       (unsigned long long)(worst / 1000));
	unmake(&m);
}
