/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Programs of an object in the processes: what user.c, user_image.c and user_places.c share. */
#ifndef SONDE_OBJECT_USER_H
#define SONDE_OBJECT_USER_H

#include "engine/engine.h"
#include "object/object_private.h"
#include "probe/match.h"

struct object_user_map {
	const struct bpf_map *map;
	uint32_t index; /* in the image; of a buffer: its number */
	bool is_buffer;
	int fd; /* of the kernel's: instructions name it by that */
};

/* operands of a usdt probe as the programs want them, in an element of libbpf's map of specs */
struct object_spec {
	uint32_t index;
	uint8_t *bytes;
};

struct object_user {
	struct object *o;
	struct arena arena;
	struct type_table types;
	struct btfsrc *kernel_types;
	struct probe_ctx probes;
	struct diag_list diags;
	struct sources sources; /* none: programs have no text */
	struct image *image;
	VEC(struct object_user_map) maps;
	VEC(struct object_buffer *) buffers; /* whose records are in the ring, by their numbers */
	VEC(struct object_spec) specs;
	struct engine *engine;
	bool reads_result;   /* the program that is being placed: the return value's register */
	uint32_t n_programs; /* of the object, that run */
	bool is_detached, has_released;
};

/* user.c: finds places for the object's programs; freed by object_user_free */
struct object_user *object_user_new(struct object *o);
/* user_image.c: the object's maps, with what stands in its data sections; then its programs, at a place each */
struct err *object_user_add_maps(struct object_user *u) ERR_MUST;
struct err *object_user_add_program(struct object_user *u, struct bpf_program *p,
				    struct probe_shape *shape) ERR_MUST;
/* user_reach.c: what constants keep from ever running becomes exit: what it calls does not matter */
void object_user_cut(const struct object_user *u, struct image_prog *p);
/* user_places.c: the places of a program, NULL: its section names none; those that the process could be probed at by code of ours only are refused */
struct err *object_user_find(struct object_user *u, struct bpf_program *p,
			     struct probe_shape **ret) ERR_MUST;

#endif
