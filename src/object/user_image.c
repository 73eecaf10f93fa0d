/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An object that libbpf has loaded, as an image: its maps, and the instructions as libbpf relocated them, in which maps are named by the
 * descriptors of the kernel's. What the kernel has verified is what runs; nothing is added to it.
 */
#include "object/user.h"

#include <errno.h>
#include <string.h>

static bool is_buffer(const struct bpf_map *m)
{
	return bpf_map__type(m) == BPF_MAP_TYPE_RINGBUF ||
	       bpf_map__type(m) == BPF_MAP_TYPE_PERF_EVENT_ARRAY;
}

/* by which instructions name a map: the kernel's descriptor, or, where it has none, the map's place in the object */
static int number_of(const struct object_user *u, const struct bpf_map *map)
{
	struct bpf_map *m;
	int i = 0;

	if (!u->o->is_unverified)
		return bpf_map__fd(map);
	bpf_object__for_each_map(m, u->o->bpf)
	{
		if (m == map)
			return i;
		i++;
	}
	return -1;
}

/* all processes write to one ring, in which a record carries the number of its buffer: it stands where programs name the map */
static ERR_MUST struct err *add_buffer(struct object_user *u, const struct bpf_map *m)
{
	uint32_t number = (uint32_t)u->buffers.n;

	if (number == EVENT_BUFFERS)
		return err_hint(
			err_new(0,
				"in a process there are %d buffers for records, and the object has more",
				EVENT_BUFFERS),
			"--engine kernel can");
	vec_each(b, &u->o->buffers)
		if ((*b)->map == m)
			vec_push(&u->buffers, *b);
	vec_push(&u->maps,
		 ((struct object_user_map){
			 .map = m, .index = number, .is_buffer = true, .fd = number_of(u, m) }));
	return NULL;
}

/* of .data, .rodata, .bss and .kconfig: what the kernel's map holds */
static ERR_MUST struct err *read_section(struct object_user *u, const struct bpf_map *m,
					 const void **ret)
{
	char *bytes = arena_alloc(&u->arena, bpf_map__value_size(m));
	uint32_t zero = 0;
	size_t n = 0;

	*ret = bytes;
	if (u->o->is_unverified) {
		const void *initial = bpf_map__initial_value((struct bpf_map *)(uintptr_t)m, &n);

		memset(bytes, 0, bpf_map__value_size(m));
		if (initial)
			memcpy(bytes, initial,
			       n < bpf_map__value_size(m) ? n : bpf_map__value_size(m));
		return NULL;
	}
	return bpf_map_lookup_elem(bpf_map__fd(m), &zero, bytes)
		       ? err_new(errno, "read the variables '%s'", bpf_map__name(m))
		       : NULL;
}

static ERR_MUST struct err *add_map(struct object_user *u, const struct bpf_map *m)
{
	struct image_map im = { .name = arena_str(&u->arena, str_from(bpf_map__name(m))),
				.role = MAP_SCRIPT,
				.bpf_type = bpf_map__type(m),
				.key_size = bpf_map__key_size(m),
				.value_size = bpf_map__value_size(m),
				.max_entries = bpf_map__max_entries(m),
				.is_per_cpu = object_map_is_per_cpu(bpf_map__type(m)),
				.flags = bpf_map__map_flags(m) & BPF_F_RDONLY_PROG,
				.at = SPAN_NONE };

	if (object_map_fd(u->o, m) < 0)
		return NULL;
	if (is_buffer(m))
		return add_buffer(u, m);
	if (bpf_map__is_internal(m) && im.bpf_type == BPF_MAP_TYPE_ARRAY && im.max_entries == 1)
		TRY(read_section(u, m, &im.init));
	if (im.bpf_type == BPF_MAP_TYPE_LRU_HASH || im.bpf_type == BPF_MAP_TYPE_LRU_PERCPU_HASH)
		object_remark(
			u->o,
			"'%s': in a process its elements do not make way: when there are %u, new ones are refused",
			bpf_map__name(m), bpf_map__max_entries(m));
	if (im.bpf_type == BPF_MAP_TYPE_STACK_TRACE)
		im.value_size += (uint32_t)sizeof(struct object_stack);
	vec_push(&u->maps,
		 ((struct object_user_map){
			 .map = m, .index = image_add_map(u->image, im), .fd = number_of(u, m) }));
	return NULL;
}

struct err *object_user_add_maps(struct object_user *u)
{
	struct bpf_map *m;

	bpf_object__for_each_map(m, u->o->bpf) TRY(add_map(u, m));
	return NULL;
}

/* ---- programs ---- */

static ERR_MUST struct err *add_reloc(struct object_user *u, const struct bpf_program *p,
				      struct image_prog *ip, uint32_t i)
{
	const struct bpf_insn *in = &ip->insns[i];
	bool is_by_place = u->o->is_unverified;
	struct image_reloc r = { .insn = i, .kind = RELOC_MAP };

	if (!in->src_reg || in->src_reg == BPF_PSEUDO_FUNC)
		return NULL;
	if (in->src_reg == (is_by_place ? BPF_PSEUDO_MAP_IDX_VALUE : BPF_PSEUDO_MAP_VALUE))
		r.kind = RELOC_MAP_VALUE;
	else if (in->src_reg != (is_by_place ? BPF_PSEUDO_MAP_IDX : BPF_PSEUDO_MAP_FD))
		return err_hint(
			err_new(0,
				"'%s' cannot run in the process: it names a variable of the kernel",
				bpf_program__name(p)),
			"--engine kernel can");
	vec_each(m, &u->maps) {
		if (m->fd != in->imm)
			continue;
		if (m->is_buffer) {
			ip->insns[i].src_reg = 0;
			ip->insns[i].imm = (int32_t)m->index;
			ip->insns[i + 1].imm = 0;
			return NULL;
		}
		r.index = m->index;
		ip->relocs[ip->n_relocs++] = r;
		return NULL;
	}
	return err_new(0, "'%s' names a map that the object has not", bpf_program__name(p));
}

struct err *object_user_add_program(struct object_user *u, struct bpf_program *p,
				    struct probe_shape *shape)
{
	struct image *im = u->image;
	size_t n = bpf_program__insn_cnt(p);
	struct image_prog **progs = arena_alloc_array(&u->arena, im->n_progs + 1, sizeof(*progs));
	struct image_prog *ip = arena_new(&u->arena, struct image_prog);

	*ip = (struct image_prog){ .name = arena_str(&u->arena, str_from(bpf_program__name(p))),
				   .prog_type = BPF_PROG_TYPE_KPROBE,
				   .shape = shape,
				   .at = SPAN_NONE,
				   .first = im->n_progs,
				   .drops_fault = UINT32_MAX,
				   .n_insns = (uint32_t)n };
	ip->insns = arena_alloc_array(&u->arena, n + 1, sizeof(*ip->insns));
	ip->relocs = arena_alloc_array(&u->arena, n + 1, sizeof(*ip->relocs));
	memcpy(ip->insns, bpf_program__insns(p), n * sizeof(*ip->insns));
	for (uint32_t i = 0; i < n; i++) {
		if (ip->insns[i].code != (BPF_LD | BPF_IMM | BPF_DW))
			continue;
		TRY(add_reloc(u, p, ip, i));
		i++;
	}
	object_user_cut(u, ip);
	if (im->n_progs)
		memcpy(progs, im->progs, im->n_progs * sizeof(*progs));
	progs[im->n_progs++] = ip;
	im->progs = progs;
	return NULL;
}
