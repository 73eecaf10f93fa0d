/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Generations: a script's programs for files that come after it was loaded are added to its image. They share its maps, its
 * event layouts and its fault sites, which are found by what they are; what is new stands behind what was there, so that
 * all indices stay good for the engine and for output. Constants and work areas belong to a generation, unless those of an
 * earlier one serve. Nothing that a running program uses is changed here.
 */
#include "image/image.h"

void image_extend(struct image *im, struct arena *arena)
{
	struct image_map **maps = arena_array(arena, struct image_map *, im->n_maps + 1);

	/* what stands in the array may change, what it stands for does not */
	memcpy(maps, im->maps, im->n_maps * sizeof(*maps));
	im->maps = maps;
	im->cap_maps = im->n_maps + 1;
	im->arena = arena;
	im->n_base_progs = im->n_progs;
	im->n_base_maps = im->n_maps;
	im->clash = STR_NULL;
	/* its size is known only when the code is there: see image_share_maps */
	im->scratch_map = IMAGE_NONE;
	im->known_events = im->known_faults = 0;
	/* a generation that was dropped has left its programs' numbers there */
	for (uint32_t i = 0; i < im->n_events; i++)
		im->events[i]->user = IMAGE_NONE;
	for (uint32_t i = 0; i < im->n_faults; i++)
		im->faults[i].user = IMAGE_NONE;
}

/* one per generation: whether an earlier one serves is known at the end */
static bool is_own(enum image_map_role role)
{
	return role == MAP_SCRATCH || role == MAP_CONST;
}

static bool is_same_map(const struct image_map *a, const struct image_map *b)
{
	return a->role == b->role && a->bpf_type == b->bpf_type && a->key_size == b->key_size &&
	       a->value_size == b->value_size && a->key_type == b->key_type &&
	       a->value_type == b->value_type && a->bucket_offset == b->bucket_offset &&
	       a->is_scalar == b->is_scalar;
}

static bool is_used(const struct image *im, uint32_t map)
{
	for (uint32_t p = 0; p < im->n_base_progs; p++)
		for (uint32_t r = 0; r < im->progs[p]->n_relocs; r++)
			if (im->progs[p]->relocs[r].index == map)
				return true;
	return false;
}

/*
 * What a clause without a probe keeps in a map was guessed (sema/expand.c, ghosts). As long as no program uses the map, it may
 * turn out to be something else.
 */
static void retype(struct image *im, uint32_t map, const struct image_map *m)
{
	struct image_map *copy = arena_new(im->arena, struct image_map);

	*copy = *m;
	copy->is_retyped = true;
	im->maps[map] = copy;
}

uint32_t image_find_map(struct image *im, const struct image_map *m)
{
	for (uint32_t i = 0; i < im->n_base_maps && !is_own(m->role); i++) {
		if (im->maps[i]->is_unused || !str_eq(im->maps[i]->name, m->name))
			continue;
		if (is_same_map(im->maps[i], m))
			return i;
		if (m->role == MAP_SCRIPT && !is_used(im, i))
			retype(im, i, m);
		else
			im->clash = m->name;
		return i;
	}
	return IMAGE_NONE;
}

/* what a macro's text came through is told in messages only */
static bool is_same_place(struct span a, struct span b)
{
	return a.file == b.file && a.start == b.start && a.end == b.end;
}

uint32_t image_find_event(const struct image *im, const struct event_layout *e)
{
	for (uint32_t i = im->known_events; i < im->n_events; i++) {
		const struct event_layout *k = im->events[i];
		bool is_same = k->user != im->n_progs && k->kind == e->kind && k->n_fields == e->n_fields &&
			       k->size == e->size && k->map == e->map &&
			       k->param[0] == e->param[0] && k->param[1] == e->param[1] &&
			       is_same_place(k->at, e->at) && str_eq(k->format, e->format);

		for (uint32_t f = 0; f < e->n_fields && is_same; f++)
			is_same = k->fields[f].type == e->fields[f].type &&
				  k->fields[f].offset == e->fields[f].offset;
		if (is_same)
			return i;
	}
	return IMAGE_NONE;
}

uint32_t image_find_fault(const struct image *im, const struct image_fault *f)
{
	for (uint32_t i = im->known_faults; i < im->n_faults; i++) {
		const struct image_fault *k = &im->faults[i];

		if (k->user != im->n_progs && k->kind == f->kind && k->prog == f->prog && k->map == f->map &&
		    k->is_quiet == f->is_quiet && is_same_place(k->at, f->at) &&
		    str_eq(k->helper, f->helper))
			return i;
	}
	return IMAGE_NONE;
}

/* an earlier map that does for m: constants byte by byte, work areas that are large enough */
static uint32_t find_serving(const struct image *im, uint32_t m)
{
	const struct image_map *new = im->maps[m];

	for (uint32_t i = 0; i < im->n_base_maps; i++) {
		const struct image_map *old = im->maps[i];

		if (old->is_unused || old->role != new->role)
			continue;
		if (new->role == MAP_SCRATCH && old->value_size >= new->value_size &&
		    old->max_entries == new->max_entries)
			return i;
		if (new->role == MAP_CONST && old->value_size == new->value_size &&
		    old->max_entries == new->max_entries && old->init &&new->init &&
		    !memcmp(old->init, new->init, (size_t) new->value_size *new->max_entries))
			return i;
	}
	return IMAGE_NONE;
}

static void redirect(struct image *im, uint32_t from, uint32_t to)
{
	for (uint32_t p = im->n_base_progs; p < im->n_progs; p++)
		for (uint32_t r = 0; r < im->progs[p]->n_relocs; r++)
			if (im->progs[p]->relocs[r].index == from)
				im->progs[p]->relocs[r].index = to;
}

void image_share_maps(struct image *im)
{
	for (uint32_t m = im->n_base_maps; m < im->n_maps; m++) {
		uint32_t serving = is_own(im->maps[m]->role) ? find_serving(im, m) : IMAGE_NONE;

		if (serving == IMAGE_NONE)
			continue;
		redirect(im, m, serving);
		im->maps[m]->is_unused = true;
	}
}

uint32_t image_fault_room(const struct image_map *faults)
{
	enum { PAGE = 4096 };
	uint32_t pages = (faults->value_size + PAGE - 1) / PAGE;

	return (pages ? pages : 1) * (PAGE / (uint32_t)sizeof(struct image_fault_count));
}

static bool is_same_code(const struct image_prog *a, const struct image_prog *b)
{
	if (a->prog_type != b->prog_type || a->attach_type != b->attach_type ||
	    a->flags != b->flags || a->n_insns != b->n_insns || a->n_relocs != b->n_relocs ||
	    a->n_funcs != b->n_funcs ||
	    memcmp(a->insns, b->insns, a->n_insns * sizeof(*a->insns)) != 0)
		return false;
	for (uint32_t r = 0; r < a->n_relocs; r++)
		if (a->relocs[r].insn != b->relocs[r].insn ||
		    a->relocs[r].kind != b->relocs[r].kind ||
		    a->relocs[r].index != b->relocs[r].index)
			return false;
	return true;
}

uint32_t image_find_twin(const struct image *im, uint32_t prog)
{
	const struct image_prog *p = im->progs[prog];

	for (uint32_t i = 0; i < prog && p->shape; i++)
		if (im->progs[i]->shape && image_runs(im, im->progs[i]) &&
		    im->progs[i]->shape->kind == p->shape->kind &&
		    im->progs[i]->shape->return_way == p->shape->return_way &&
		    is_same_code(im->progs[i], p))
			return i;
	return IMAGE_NONE;
}
