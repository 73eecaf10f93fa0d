/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * usdt probes under the kernel engine whose operands libbpf cannot provide: it writes them into a map of the object, in the form of its own
 * usdt.bpf.h, and an object that was compiled with another form's would read numbers that are none. For such an object we do what libbpf would:
 * a uprobe at each place of the probe, which carries the number of its operands in the map, by which the program finds them.
 */
#include "object/user.h"

#include <errno.h>

bool object_operands_are_ours(const struct object *o)
{
	const struct bpf_map *m = bpf_object__find_map_by_name(o->bpf, OBJECT_USDT_SPECS);
	bool is_wide = libbpf_major_version() > 1 ||
		       (libbpf_major_version() == 1 && libbpf_minor_version() >= 7);

	return m && bpf_map__fd(m) >= 0 &&
	       (bpf_map__value_size(m) > OBJECT_SPEC_ARGS * OBJECT_SPEC_WIDE_BYTES) != is_wide;
}

/* what finds places and operands for processes does it here */
static struct object_user *finder(struct object *o)
{
	const struct bpf_map *m = bpf_object__find_map_by_name(o->bpf, OBJECT_USDT_SPECS);

	if (!o->usdt) {
		o->usdt = object_user_new(o);
		vec_push(&o->usdt->maps,
			 ((struct object_user_map){ .map = m, .fd = bpf_map__fd(m) }));
	}
	return o->usdt;
}

static ERR_MUST struct err *write_operands(const struct object_user *u, size_t first)
{
	for (size_t i = first; i < u->specs.n; i++)
		if (bpf_map_update_elem(u->maps.v[0].fd, &u->specs.v[i].index, u->specs.v[i].bytes,
					BPF_ANY))
			return err_new(errno, "write the operands of a usdt probe");
	return NULL;
}

static ERR_MUST struct err *attach_at(struct object *o, struct bpf_program *p,
				      const struct probe_point *at, pid_t pid)
{
	LIBBPF_OPTS(bpf_uprobe_opts, opts, .ref_ctr_offset = at->ref_ctr_offset,
		    .bpf_cookie = at->cookie);
	STRBUF_AUTO path = { 0 };

	strbuf_add_str(&path, at->path);
	return object_add_link(o, p,
			       bpf_program__attach_uprobe_opts(p, pid, strbuf_cstr(&path),
							       at->file_offset, &opts));
}

struct err *object_attach_operands(struct object *o, struct bpf_program *p)
{
	struct object_user *u = finder(o);
	struct probe_shape *shape;
	size_t first = u->specs.n;

	TRY(object_user_find(u, p, &shape));
	TRY(write_operands(u, first));
	for (; shape; shape = shape->next)
		for (uint32_t k = 0; k < shape->n_points; k++) {
			for (uint32_t i = 0; i < o->opts.n_pids; i++)
				TRY(attach_at(o, p, &shape->points[k], o->opts.pids[i]));
			if (!o->opts.n_pids)
				TRY(attach_at(o, p, &shape->points[k], -1));
		}
	return NULL;
}
