/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's own BTF, read where it lies: mapped, and stepped through once to know where each type begins. That takes a
 * millisecond, libbpf's copy of the same some five, which is most of the start of a script that reads one kernel struct.
 *
 * Only for what the kernel gives out, which has been checked by those who made it; sizes are checked all the same, and a
 * kind of type that is not known here makes the caller turn to libbpf. The format is from Documentation/bpf/btf.rst.
 */
#include "types/btf_private.h"

#include "base/cleanup.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* bytes behind the head of a type; -1: not known */
static int64_t tail_bytes(const struct btf_type *t)
{
	int64_t n = btf_vlen(t);

	switch (btf_kind(t)) {
	case BTF_KIND_PTR:
	case BTF_KIND_FWD:
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_FUNC:
	case BTF_KIND_FLOAT:
	case BTF_KIND_TYPE_TAG: return 0;
	case BTF_KIND_INT: return sizeof(uint32_t);
	case BTF_KIND_VAR: return sizeof(struct btf_var);
	case BTF_KIND_DECL_TAG: return sizeof(struct btf_decl_tag);
	case BTF_KIND_ARRAY: return sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION: return n * (int64_t)sizeof(struct btf_member);
	case BTF_KIND_ENUM: return n * (int64_t)sizeof(struct btf_enum);
	case BTF_KIND_ENUM64: return n * (int64_t)sizeof(struct btf_enum64);
	case BTF_KIND_FUNC_PROTO: return n * (int64_t)sizeof(struct btf_param);
	case BTF_KIND_DATASEC: return n * (int64_t)sizeof(struct btf_var_secinfo);
	default: return -1;
	}
}

static bool find_types(struct btfsrc_raw *r, uint32_t n_bytes)
{
	size_t cap = 0;
	uint32_t at = 0;

	r->n = 1; /* 0 is void */
	/* types take some 25 bytes: mostly the first guess is enough */
	vec_grow((void **)&r->offsets, &cap, n_bytes / 20 + 2, sizeof(*r->offsets));
	while (n_bytes - at >= sizeof(struct btf_type)) {
		const struct btf_type *t = (const void *)(r->types + at);
		int64_t tail = tail_bytes(t);

		if (tail < 0 || (uint64_t)tail > n_bytes - at - sizeof(*t))
			return false;
		vec_grow((void **)&r->offsets, &cap, r->n + (size_t)1, sizeof(*r->offsets));
		r->offsets[r->n++] = at;
		at += (uint32_t)(sizeof(*t) + (size_t)tail);
	}
	return at == n_bytes;
}

static bool find_parts(struct btfsrc_raw *r)
{
	const struct btf_header *h = (const void *)r->mapped;
	uint64_t room;

	if (h->magic != BTF_MAGIC || h->version != 1 || h->hdr_len > r->n_mapped)
		return false;
	room = r->n_mapped - h->hdr_len;
	if (h->type_off % 4 || (uint64_t)h->type_off + h->type_len > room ||
	    (uint64_t)h->str_off + h->str_len > room || !h->str_len)
		return false;
	r->types = r->mapped + h->hdr_len + h->type_off;
	r->strings = (const char *)r->mapped + h->hdr_len + h->str_off;
	r->n_strings = h->str_len;
	return r->strings[r->n_strings - 1] == 0 && find_types(r, h->type_len);
}

bool btfsrc_raw_open(struct btfsrc_raw *r, const char *path)
{
	FD_AUTO fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	/* works since Linux 6.16; reading it costs as much as parsing it, for the kernel gives it out in pieces of 4 KB */
	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size < (off_t)sizeof(struct btf_header) ||
	    st.st_size > UINT32_MAX)
		return false;
	r->n_mapped = (size_t)st.st_size;
	r->mapped = mmap(NULL, r->n_mapped, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (r->mapped == MAP_FAILED)
		r->mapped = NULL;
	if (r->mapped && find_parts(r))
		return true;
	btfsrc_raw_close(r);
	return false;
}

void btfsrc_raw_close(struct btfsrc_raw *r)
{
	if (r->mapped)
		munmap(r->mapped, r->n_mapped);
	free(r->offsets);
	*r = (struct btfsrc_raw){ 0 };
}
