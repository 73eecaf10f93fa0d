/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Making an image: an empty one with the maps that every image has, and the functions that add to its tables. Called
 * while the IR is built (maps, events, faults, strings) and by the emitter (programs). It must know nothing of scripts
 * or of engines.
 */
#include "image/image.h"

/* default size of the ring, a power of two of pages; the session overwrites it from the configuration */
#define IMAGE_RING_BYTES (256u << 10)

/*
 * Room for one more element in an array that lives in an arena: the old array is left behind, which at doubling costs
 * at most as much again.
 */
static void *image_grow(struct arena *arena, void *old, uint32_t n, uint32_t *cap, size_t size)
{
	void *p;

	if (n < *cap)
		return old;
	*cap = *cap ? *cap * 2 : 8;
	p = arena_alloc_array(arena, *cap, size);
	if (n)
		memcpy(p, old, n * size);
	return p;
}

struct image *image_new(struct arena *arena)
{
	struct image *im = arena_new(arena, struct image);

	im->arena = arena;
	im->scratch_map = im->stacks_map = IMAGE_NONE;
	im->unwind_tables_map = im->unwind_procs_map = im->unwind_stats_map = IMAGE_NONE;
	im->streams_map = im->message_map = im->message_ring_map = IMAGE_NONE;
	im->budget_hits_map = im->budget_rates_map = IMAGE_NONE;
	im->known_events = im->known_faults = IMAGE_NONE;
	im->fence_map = IMAGE_NONE;
	im->license = STR("GPL");
	im->ring_map = image_add_map(im, (struct image_map){
						 .name = STR_INIT("ring"),
						 .role = MAP_RING,
						 .bpf_type = BPF_MAP_TYPE_RINGBUF,
						 .max_entries = IMAGE_RING_BYTES,
						 .at = SPAN_NONE,
					 });
	im->globals_map = image_add_map(im, (struct image_map){
						    .name = STR_INIT("globals"),
						    .role = MAP_GLOBALS,
						    .bpf_type = BPF_MAP_TYPE_ARRAY,
						    .key_size = sizeof(uint32_t),
						    .value_size = sizeof(struct image_globals),
						    .max_entries = 1,
						    .flags = BPF_F_MMAPABLE,
						    .at = SPAN_NONE,
					    });
	im->faults_map = image_add_map(im, (struct image_map){
						   .name = STR_INIT("faults"),
						   .role = MAP_FAULTS,
						   .bpf_type = BPF_MAP_TYPE_ARRAY,
						   .key_size = sizeof(uint32_t),
						   .value_size = sizeof(struct image_fault_count),
						   .max_entries = 1,
						   .flags = BPF_F_MMAPABLE,
						   .at = SPAN_NONE,
					   });
	return im;
}

uint32_t image_add_map(struct image *im, struct image_map m)
{
	struct image_map *copy;
	uint32_t known = image_find_map(im, &m);

	if (known != IMAGE_NONE)
		return known;
	copy = arena_new(im->arena, struct image_map);
	*copy = m;
	im->maps = image_grow(im->arena, im->maps, im->n_maps, &im->cap_maps, sizeof(*im->maps));
	im->maps[im->n_maps] = copy;
	return im->n_maps++;
}

void image_begin_prog(struct image *im, struct image_prog *p, uint32_t first)
{
	uint32_t none = im->n_base_maps ? 0 : IMAGE_NONE;
	const struct image_prog *f = first + 1 < im->n_progs ? im->progs[first] : NULL;

	p->first = first;
	p->first_event = im->n_events;
	p->first_fault = im->n_faults;
	im->known_events = f ? f->first_event : none;
	im->known_faults = f ? f->first_fault : none;
}

uint32_t image_add_event(struct image *im, struct event_layout e)
{
	struct event_layout *copy;
	uint32_t known = image_find_event(im, &e);

	if (known != IMAGE_NONE) {
		im->events[known]->user = im->n_progs;
		return known;
	}
	copy = arena_new(im->arena, struct event_layout);
	*copy = e;
	copy->user = im->n_progs;
	im->events = image_grow(im->arena, im->events, im->n_events, &im->cap_events,
				sizeof(*im->events));
	im->events[im->n_events] = copy;
	return im->n_events++;
}

uint32_t image_add_fault(struct image *im, struct image_fault f)
{
	uint32_t known = image_find_fault(im, &f), room;

	if (known != IMAGE_NONE) {
		im->faults[known].user = im->n_progs;
		return known;
	}
	im->faults = image_grow(im->arena, im->faults, im->n_faults, &im->cap_faults,
				sizeof(*im->faults));
	f.user = im->n_progs;
	im->faults[im->n_faults++] = f;
	/* one counter per site, all in one element: addresses are to be had only in arrays of one element */
	room = im->n_faults > im->fault_room ? im->n_faults : im->fault_room;
	if (!im->n_base_maps)
		im->maps[im->faults_map]->value_size =
			room * (uint32_t)sizeof(struct image_fault_count);
	return im->n_faults - 1;
}

uint32_t image_add_string(struct image *im, struct str s)
{
	/* scripts have a handful of these, so a search is enough */
	for (uint32_t i = 0; i < im->n_strings; i++)
		if (str_eq(im->strings[i], s))
			return i;
	im->strings = image_grow(im->arena, im->strings, im->n_strings, &im->cap_strings,
				 sizeof(*im->strings));
	im->strings[im->n_strings] = arena_str(im->arena, s);
	return im->n_strings++;
}
