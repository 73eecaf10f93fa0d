/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Generations of an image: what is shared, what stands behind, and that dropping one undoes all of it. */
#include "image/image.h"

#include "tap.h"

static const struct image_map counts = { .name = STR_INIT("@n"),
					 .role = MAP_SCRIPT,
					 .bpf_type = BPF_MAP_TYPE_HASH,
					 .key_size = 8,
					 .value_size = 8,
					 .max_entries = 10 };

static struct image_prog *add_prog(struct image *im, struct arena *a, int32_t imm, uint32_t map)
{
	struct image_prog *p = arena_new(a, struct image_prog);
	struct probe_shape *s = arena_new(a, struct probe_shape);
	struct image_prog **progs = arena_array(a, struct image_prog *, im->n_progs + 1);

	s->kind = PROBE_USDT;
	p->shape = s;
	p->insns = arena_array(a, struct bpf_insn, 2);
	p->n_insns = 2;
	p->insns[1].imm = imm;
	p->relocs = arena_array(a, struct image_reloc, 1);
	p->relocs[0] = (struct image_reloc){ .kind = RELOC_MAP, .index = map };
	p->n_relocs = 1;
	if (im->n_progs)
		memcpy(progs, im->progs, im->n_progs * sizeof(*progs));
	im->progs = progs;
	im->progs[im->n_progs++] = p;
	return p;
}

TEST(equal_maps_events_and_faults_are_found)
{
	struct event_layout e = { .kind = EVENT_PRINTF, .format = STR("x"), .param = { -1, -1 } };
	struct image_fault f = { .kind = FAULT_READ, .map = IMAGE_NONE };
	struct arena a, b;
	struct image *im;
	uint32_t map, event, fault;

	arena_init(&a);
	arena_init(&b);
	im = image_new(&a);
	map = image_add_map(im, counts);
	event = image_add_event(im, e);
	fault = image_add_fault(im, f);
	/* in the first generation each is one of its own */
	CHECK_INT(image_add_event(im, e), event + 1);
	image_extend(im, &b);
	CHECK_INT(image_add_map(im, counts), map);
	CHECK_INT(image_add_event(im, e), event);
	CHECK_INT(image_add_fault(im, f), fault);
	e.format = STR("y");
	CHECK_INT(image_add_event(im, e), event + 2);
	f.prog = 7;
	CHECK_INT(image_add_fault(im, f), fault + 1);
	CHECK(!im->clash.n);
	arena_free(&b);
	arena_free(&a);
}

TEST(programs_of_a_clause_share_sites_one_by_one)
{
	struct event_layout e = { .kind = EVENT_PRINTF, .format = STR("x"), .param = { -1, -1 } };
	struct image_fault f = { .kind = FAULT_READ, .map = IMAGE_NONE };
	struct image_prog *p;
	struct arena a;
	struct image *im;

	arena_init(&a);
	im = image_new(&a);
	for (uint32_t i = 0; i < 3; i++) { /* two calls of one macro are two sites, in each program */
		p = add_prog(im, &a, 1, 0);
		image_begin_prog(im, p, 0);
		CHECK_INT(image_add_event(im, e), 0);
		CHECK_INT(image_add_event(im, e), 1);
		CHECK_INT(image_add_fault(im, f), 0);
		CHECK_INT(image_add_fault(im, f), 1);
		CHECK_INT(image_find_twin(im, i), i ? 0 : IMAGE_NONE);
	}
	/* one more than the others have */
	CHECK_INT(image_add_fault(im, f), 2);
	/* another clause has its own */
	p = add_prog(im, &a, 1, 0);
	image_begin_prog(im, p, 3);
	f.prog = 3;
	CHECK_INT(image_add_event(im, e), 2);
	CHECK_INT(image_add_fault(im, f), 3);
	/* and finds it in a later generation, though the other has an equal one */
	image_extend(im, &a);
	p = add_prog(im, &a, 1, 0);
	image_begin_prog(im, p, 3);
	CHECK_INT(image_add_event(im, e), 2);
	CHECK_INT(image_add_fault(im, f), 3);
	arena_free(&a);
}

TEST(dropping_a_generation_undoes_it)
{
	struct image_map other = counts;
	struct arena a, b;
	struct image *im, before;

	arena_init(&a);
	arena_init(&b);
	im = image_new(&a);
	image_add_map(im, counts);
	before = *im;
	image_extend(im, &b);
	other.value_size = 16;
	image_add_map(im, other); /* nothing uses @n: it is another map now */
	CHECK(im->maps[3]->is_retyped && im->maps[3]->value_size == 16);
	other.name = STR("@m");
	image_add_map(im, other);
	CHECK_INT(im->n_maps, 5);
	*im = before;
	arena_free(&b);
	CHECK_INT(im->n_maps, 4);
	CHECK_INT(im->maps[3]->value_size, 8);
	CHECK(!im->maps[3]->is_retyped);
	arena_free(&a);
}

TEST(a_map_that_is_used_keeps_its_type)
{
	struct image_map other = counts;
	struct arena a;
	struct image *im;

	arena_init(&a);
	im = image_new(&a);
	add_prog(im, &a, 1, image_add_map(im, counts));
	image_extend(im, &a);
	other.value_size = 16;
	image_add_map(im, other);
	CHECK_VIEW(im->clash, "@n");
	CHECK_INT(im->maps[3]->value_size, 8);
	arena_free(&a);
}

TEST(constants_and_work_areas_are_shared_when_they_serve)
{
	struct image_map constants = { .name = STR("const"),
				       .role = MAP_CONST,
				       .value_size = 4,
				       .max_entries = 1,
				       .init = "abc" };
	struct image_map scratch = {
		.name = STR("scratch"), .role = MAP_SCRATCH, .value_size = 64, .max_entries = 4
	};
	struct arena a;
	struct image *im;
	uint32_t one, two;

	arena_init(&a);
	im = image_new(&a);
	one = image_add_map(im, constants);
	image_add_map(im, scratch);
	add_prog(im, &a, 5, one);
	image_extend(im, &a);
	scratch.value_size = 32;
	CHECK_INT(image_add_map(im, scratch), 5);
	two = image_add_map(im, constants);
	CHECK_INT(two, 6);
	add_prog(im, &a, 5, two);
	image_share_maps(im);
	CHECK(im->maps[5]->is_unused && im->maps[6]->is_unused);
	CHECK_INT(im->progs[1]->relocs[0].index, one);
	CHECK_INT(image_find_twin(im, 1), 0);
	im->progs[1]->insns[1].imm = 6;
	CHECK_INT(image_find_twin(im, 1), IMAGE_NONE);
	arena_free(&a);
}

TEST(the_map_of_faults_has_room_to_the_end_of_its_pages)
{
	struct image_map m = { .value_size = 16 };

	CHECK_INT(image_fault_room(&m), 256);
	m.value_size = 4096;
	CHECK_INT(image_fault_room(&m), 256);
	m.value_size = 4112;
	CHECK_INT(image_fault_room(&m), 512);
}
