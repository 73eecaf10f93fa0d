/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which programs of an image belong together, and where they go: images made by hand. And that two engines can do what each of them can. */
#include "engine/both/groups.h"

#include "engine/engine.h"

#include "tap.h"

#include <string.h>

enum { MOST = 8, MAPS = 4, FIRST_MAP = 3 };

struct made {
	struct arena arena;
	struct image *im;
	struct image_prog prog[MOST], *progs[MOST];
	struct probe_shape shape[MOST];
	struct image_reloc relocs[MOST][MAPS];
	uint32_t owns[MOST][MAPS];
	struct groups g;
};

static struct bpf_insn leave = { .code = BPF_JMP | BPF_EXIT };

static void begin(struct made *m)
{
	memset(m, 0, sizeof(*m));
	arena_init(&m->arena);
	m->im = image_new(&m->arena);
	m->im->progs = m->progs;
	for (uint32_t i = 0; i < MAPS; i++)
		image_add_map(m->im, (struct image_map){ .name = STR("@"),
							 .role = MAP_SCRIPT,
							 .bpf_type = BPF_MAP_TYPE_PERCPU_HASH,
							 .key_size = 8,
							 .value_size = 8,
							 .max_entries = i + 1 });
}

/* without a place: no file is asked */
static uint32_t add(struct made *m, enum probe_kind kind)
{
	uint32_t i = m->im->n_progs++;

	m->shape[i] = (struct probe_shape){ .kind = kind,
					    .at = { .start = 10 * i, .end = 10 * i + 5 } };
	m->prog[i] = (struct image_prog){ .name = STR("p"),
					  .shape = &m->shape[i],
					  .at = { .start = 10 * i, .end = 10 * i + 9 },
					  .insns = &leave,
					  .n_insns = 1,
					  .relocs = m->relocs[i],
					  .owns = m->owns[i] };
	m->progs[i] = &m->prog[i];
	return i;
}

static void uses(struct made *m, uint32_t prog, uint32_t map)
{
	m->relocs[prog][m->prog[prog].n_relocs++] =
		(struct image_reloc){ .kind = RELOC_MAP, .index = FIRST_MAP + map };
}

static void owns(struct made *m, uint32_t prog, uint32_t map)
{
	uses(m, prog, map);
	m->owns[prog][m->prog[prog].n_owns++] = FIRST_MAP + map;
}

static void find(struct made *m)
{
	groups_find(m->im, &m->g);
}

static void end(struct made *m)
{
	groups_free(&m->g);
	arena_free(&m->arena);
}

TEST(what_only_adds_is_apart)
{
	struct made m;
	uint32_t u, k;

	begin(&m);
	u = add(&m, PROBE_UPROBE);
	k = add(&m, PROBE_TRACEPOINT);
	uses(&m, u, 0);
	uses(&m, k, 0);
	find(&m);
	CHECK(groups_is_in_process(&m.g, u));
	CHECK(!groups_is_in_process(&m.g, k));
	CHECK_INT(m.g.n_in_process, 1);
	CHECK_INT(m.g.n_in_kernel, 1);
	end(&m);
}

/* one that reads is enough, whoever it is */
TEST(a_map_that_is_read_joins_all_that_use_it)
{
	struct made m;
	uint32_t u, k, reader, other;

	begin(&m);
	u = add(&m, PROBE_UPROBE);
	k = add(&m, PROBE_TRACEPOINT);
	reader = add(&m, PROBE_INTERVAL);
	other = add(&m, PROBE_UPROBE);
	uses(&m, u, 0);
	uses(&m, k, 0);
	owns(&m, reader, 0);
	owns(&m, other, 1);
	find(&m);
	CHECK(!groups_is_in_process(&m.g, u));
	CHECK(!groups_is_in_process(&m.g, reader));
	CHECK_INT(m.g.of[u], m.g.of[k]);
	CHECK_INT(m.g.of[u], m.g.of[reader]);
	CHECK(groups_is_in_process(&m.g, other));
	end(&m);
}

TEST(a_chain_of_maps)
{
	struct made m;
	uint32_t p[4];

	begin(&m);
	for (int i = 0; i < 3; i++)
		p[i] = add(&m, PROBE_UPROBE);
	p[3] = add(&m, PROBE_PROFILE);
	owns(&m, p[0], 0);
	owns(&m, p[1], 0);
	owns(&m, p[1], 1);
	owns(&m, p[3], 1);
	find(&m);
	CHECK_INT(m.g.of[p[0]], m.g.of[p[3]]);
	CHECK(!groups_is_in_process(&m.g, p[0]));
	CHECK(groups_is_in_process(&m.g, p[2]));
	end(&m);
}

TEST(shapes_of_one_attach_point_and_helpers_of_returns)
{
	struct made m;
	uint32_t a, b, ret, entry;

	begin(&m);
	a = add(&m, PROBE_UPROBE);
	b = add(&m, PROBE_UPROBE);
	ret = add(&m, PROBE_URETPROBE);
	entry = add(&m, PROBE_UPROBE);
	m.shape[b].at = m.shape[a].at;
	m.prog[b].at = m.prog[a].at;
	m.prog[b].reads_kernel = true;
	m.shape[ret].entries = &m.shape[entry];
	find(&m);
	CHECK_INT(m.g.of[a], m.g.of[b]);
	CHECK(!groups_is_in_process(&m.g, a));
	CHECK_INT(m.g.of[ret], m.g.of[entry]);
	CHECK(groups_is_in_process(&m.g, ret));
	end(&m);
}

/* a walk in the process cannot see through what the kernel puts on the stack */
TEST(stacks_and_returns_that_the_kernel_notices)
{
	for (int has_return = 0; has_return < 2; has_return++) {
		struct made m;
		uint32_t walker, k, ret;

		begin(&m);
		m.im->unwind_procs_map = FIRST_MAP;
		m.im->maps[FIRST_MAP]->role = MAP_UNWIND_PROCS;
		walker = add(&m, PROBE_UPROBE);
		k = add(&m, PROBE_TRACEPOINT);
		ret = add(&m, PROBE_URETPROBE);
		uses(&m, walker, 0);
		m.shape[ret].is_user = true;
		m.shape[ret].is_return = has_return;
		owns(&m, ret, 1);
		owns(&m, k, 1);
		find(&m);
		CHECK(!groups_is_in_process(&m.g, ret));
		CHECK_INT(groups_is_in_process(&m.g, walker), !has_return);
		end(&m);
	}
}

TEST(those_without_an_event_go_with_the_others)
{
	for (int has_kernel = 0; has_kernel < 2; has_kernel++) {
		struct made m;
		uint32_t first, u;

		begin(&m);
		first = add(&m, PROBE_BEGIN);
		u = add(&m, PROBE_UPROBE);
		if (has_kernel)
			add(&m, PROBE_TRACEPOINT);
		find(&m);
		CHECK(groups_is_in_process(&m.g, u));
		CHECK_INT(groups_is_in_process(&m.g, first), !has_kernel);
		CHECK_INT(m.g.n_in_kernel, has_kernel ? 2 : 0);
		end(&m);
	}
}

/* what the session may call without asking, it may call of two engines; they do not grow */
TEST(two_engines_can_do_what_each_can)
{
	typedef void op(void);
	op *both[sizeof(struct engine_ops) / sizeof(op *)], *kernel[sizeof(both) / sizeof(*both)],
		*user[sizeof(both) / sizeof(*both)];
	size_t n_missing = 0;

	memcpy(both, &engine_both, sizeof(both));
	memcpy(kernel, &engine_kernel, sizeof(kernel));
	memcpy(user, &engine_user, sizeof(user));
	for (size_t i = 0; i < sizeof(both) / sizeof(*both); i++)
		if (kernel[i] && user[i] && !both[i])
			n_missing++;
	CHECK(!engine_both.extend && !engine_both.drop_group && !engine_both.drop_file);
	CHECK_INT(n_missing, 3);
}
