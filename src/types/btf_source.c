/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The BTF source: opening, finding names, the operations of struct type_source. How one BTF type becomes a struct type
 * is in btf_build.c, the C text for listings in btf_text.c.
 *
 * Finding names: libbpf looks for a name by comparing it with all of some 100,000. One lookup is cheap that way, a
 * listing with its thousands is not. So the first lookup builds a hash table over all names in one pass; it takes a few
 * milliseconds and half a megabyte.
 */
#include "types/btf_private.h"

#include "base/cleanup.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define VMLINUX_BTF "/sys/kernel/btf/vmlinux"

static const struct type_source_ops source_ops;

/* ---- life ---- */

struct btfsrc *btfsrc_new_file(struct type_table *tt, const char *path, struct btfsrc *base)
{
	struct btfsrc *s = base_alloc(sizeof(*s));

	s->base.ops = &source_ops;
	s->base.table = tt;
	s->path = base_strdup(path);
	s->below = base;
	return s;
}

struct btfsrc *btfsrc_new_kernel(struct type_table *tt)
{
	const char *path = getenv("BPFTRACE_BTF");

	return btfsrc_new_file(tt, path && *path ? path : VMLINUX_BTF, NULL);
}

struct btfsrc *btfsrc_new_bytes(struct type_table *tt, const char *name, const void *bytes,
				size_t n)
{
	struct btfsrc *s = btfsrc_new_file(tt, name, NULL);

	s->bytes = bytes;
	s->n_bytes = n;
	return s;
}

void btfsrc_free(struct btfsrc *s)
{
	if (!s)
		return;
	btf_dump__free(s->dump);
	btf__free(s->btf);
	free(s->path);
	free(s->made);
	free(s->aligns);
	free(s->names.slots);
	free(s->constants.slots);
	free(s->enumerators);
	err_free(s->error);
	free(s);
}

struct type_source *btfsrc_source(struct btfsrc *s)
{
	return &s->base;
}

struct str btfsrc_name(const struct btfsrc *s)
{
	const char *slash = strrchr(s->path, '/');

	return str_from(slash ? slash + 1 : s->path);
}

const struct err *btfsrc_error(const struct btfsrc *s)
{
	return s->error;
}

/*
 * Raw BTF is mapped: the kernel gives its own out in 4 KB pieces when it is read, which costs as much as parsing it
 * (mapping works since 6.16). NULL when this is no raw BTF or cannot be mapped.
 */
static struct btf *parse_mapped(const char *path)
{
	FD_AUTO fd = open(path, O_RDONLY | O_CLOEXEC);
	struct btf *btf = NULL;
	struct stat st;
	void *p;

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size < (off_t)sizeof(struct btf_header) ||
	    st.st_size > UINT32_MAX)
		return NULL;
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (p == MAP_FAILED)
		return NULL;
	if (((const struct btf_header *)p)->magic == BTF_MAGIC)
		btf = btf__new(p, (uint32_t)st.st_size);
	munmap(p, (size_t)st.st_size);
	return btf;
}

bool btfsrc_open(struct btfsrc *s)
{
	if (s->tried)
		return s->btf != NULL;
	s->tried = true;
	if (s->below && !btfsrc_open(s->below)) {
		s->error = err_new(0, "'%s' builds upon '%s', which could not be read", s->path,
				   s->below->path);
		return false;
	}
	/* libbpf builds upon a base only from a file */
	if (s->bytes) {
		libbpf_set_print(NULL); /* its opinion of malformed BTF: ours is in the error */
		s->btf = s->n_bytes <= UINT32_MAX ? btf__new(s->bytes, (uint32_t)s->n_bytes) : NULL;
	} else if (!s->below) {
		s->btf = parse_mapped(s->path);
	}
	if (!s->btf && !s->bytes)
		s->btf = btf__parse_split(s->path, s->below ? s->below->btf : NULL);
	if (!s->btf) {
		s->error = err_new(errno, "read BTF from '%s'", s->path);
		return false;
	}
	/* the kernel has looked at its own with more care than we could */
	if ((s->bytes || strncmp(s->path, "/sys/kernel/btf/", 16)) && !btfsrc_is_sound(s->btf)) {
		btf__free(s->btf);
		s->btf = NULL;
		s->error = err_new(0, "the BTF of '%s' is malformed", s->path);
		return false;
	}
	s->first_id = s->below ? s->below->end_id : 1;
	s->end_id = btf__type_cnt(s->btf);
	s->made = base_alloc((s->end_id + (size_t)1) * sizeof(*s->made));
	s->aligns = base_alloc(s->end_id + (size_t)1);
	return true;
}

struct str btfsrc_string(const struct btfsrc *s, uint32_t off)
{
	return str_from(btf__str_by_offset(s->btf, off));
}

/* ---- names ---- */

enum btfsrc_kind btfsrc_kind_of(const struct btf_type *t)
{
	switch (btf_kind(t)) {
	case BTF_KIND_STRUCT: return BTFSRC_STRUCT;
	case BTF_KIND_UNION: return BTFSRC_UNION;
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64: return BTFSRC_ENUM;
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_INT:
	case BTF_KIND_FLOAT: return BTFSRC_TYPEDEF;
	case BTF_KIND_FUNC: return BTFSRC_FUNC;
	default: return 0;
	}
}

static void index_init(struct btfsrc_index *ix, uint32_t n)
{
	uint32_t size = 64;

	while (size < n + n / 2)
		size *= 2;
	ix->slots = base_alloc((size_t)size * sizeof(*ix->slots));
	ix->mask = size - 1;
}

static void index_put(struct btfsrc_index *ix, struct str name, uint32_t value)
{
	uint32_t i = (uint32_t)str_hash(name) & ix->mask;

	while (ix->slots[i])
		i = (i + 1) & ix->mask;
	ix->slots[i] = value;
}

static void names_build(struct btfsrc *s)
{
	index_init(&s->names, s->end_id - s->first_id);
	for (uint32_t id = s->first_id; id < s->end_id; id++) {
		const struct btf_type *t = btf__type_by_id(s->btf, id);

		if (t->name_off && btfsrc_kind_of(t))
			index_put(&s->names, btfsrc_string(s, t->name_off), id);
	}
}

/* among types of one name and kind the first of the file is taken, as libbpf does */
static uint32_t names_find(struct btfsrc *s, unsigned kind, struct str name)
{
	for (uint32_t i = (uint32_t)str_hash(name) & s->names.mask; s->names.slots[i];
	     i = (i + 1) & s->names.mask) {
		const struct btf_type *t = btf__type_by_id(s->btf, s->names.slots[i]);

		if (btfsrc_kind_of(t) == kind && str_eq(btfsrc_string(s, t->name_off), name))
			return s->names.slots[i];
	}
	return 0;
}

/* the same as by the index, without one */
static uint32_t scan_for(struct btfsrc *s, unsigned kinds, struct str name)
{
	uint32_t best = 0;
	unsigned best_kind = BTFSRC_FUNC + 1;

	for (uint32_t id = s->first_id; id < s->end_id; id++) {
		const struct btf_type *t = btf__type_by_id(s->btf, id);
		unsigned kind = t->name_off ? btfsrc_kind_of(t) : 0;
		const char *text;

		if (!(kind & kinds) || kind >= best_kind)
			continue;
		text = btf__str_by_offset(s->btf, t->name_off);
		if (text[0] != name.p[0] || !str_eq(str_from(text), name))
			continue;
		best = id;
		best_kind = kind;
	}
	return best;
}

static uint32_t find_own(struct btfsrc *s, unsigned kinds, struct str name)
{
	uint32_t id = 0;

	for (uint32_t i = 0; i < s->n_found && !s->names.slots; i++) {
		const struct btf_type *t = btf__type_by_id(s->btf, s->found[i].id);

		if (s->found[i].kinds == kinds && str_eq(btfsrc_string(s, t->name_off), name))
			return s->found[i].id;
	}
	if (!s->names.slots && s->n_scans++ < BTFSRC_SCANS) {
		id = scan_for(s, kinds, name);
		if (id)
			s->found[s->n_found++] = (struct btfsrc_found){ kinds, id };
		return id;
	}
	if (!s->names.slots)
		names_build(s);
	for (unsigned bit = BTFSRC_STRUCT; bit <= BTFSRC_FUNC && !id; bit <<= 1)
		if (kinds & bit)
			id = names_find(s, bit, name);
	return id;
}

uint32_t btfsrc_find_id(struct btfsrc *s, unsigned kinds, struct str name)
{
	uint32_t id = 0;

	if (name.n == 0 || !btfsrc_open(s))
		return 0;
	id = find_own(s, kinds, name);
	return id ? id : s->below ? btfsrc_find_id(s->below, kinds, name) : 0;
}

void btfsrc_each(struct btfsrc *s, unsigned kinds,
		 bool (*visit)(void *arg, enum btfsrc_kind kind, struct str name, uint32_t id),
		 void *arg)
{
	if (!btfsrc_open(s))
		return;
	for (uint32_t id = s->first_id; id < s->end_id; id++) {
		const struct btf_type *t = btf__type_by_id(s->btf, id);
		enum btfsrc_kind kind = btfsrc_kind_of(t);

		if (t->name_off && (kind & kinds) &&
		    !visit(arg, kind, btfsrc_string(s, t->name_off), id))
			return;
	}
}

/* ---- enumerators ---- */

static uint32_t enumerator_name(const struct btf_type *t, uint32_t i)
{
	return btf_kind(t) == BTF_KIND_ENUM64 ? btf_enum64(t)[i].name_off : btf_enum(t)[i].name_off;
}

static void constants_build(struct btfsrc *s)
{
	uint32_t n = 0;

	for (uint32_t id = s->first_id; id < s->end_id; id++) {
		const struct btf_type *t = btf__type_by_id(s->btf, id);

		if (btfsrc_kind_of(t) == BTFSRC_ENUM)
			n += btf_vlen(t);
	}
	index_init(&s->constants, n);
	s->enumerators = base_alloc((n + (size_t)1) * sizeof(*s->enumerators));
	for (uint32_t id = s->first_id; id < s->end_id; id++) {
		const struct btf_type *t = btf__type_by_id(s->btf, id);

		if (btfsrc_kind_of(t) != BTFSRC_ENUM)
			continue;
		for (uint32_t i = 0; i < btf_vlen(t); i++) {
			/* slot 0 means empty, so element 0 stays unused */
			s->enumerators[++s->n_enumerators] = (struct btfsrc_enumerator){ id, i };
			index_put(&s->constants, btfsrc_string(s, enumerator_name(t, i)),
				  s->n_enumerators);
		}
	}
}

static bool source_find_constant(struct type_source *src, struct str name, int64_t *value,
				 const struct type **type)
{
	struct btfsrc *s = (struct btfsrc *)src;

	if (name.n == 0 || !btfsrc_open(s))
		return false;
	if (!s->constants.slots)
		constants_build(s);
	for (uint32_t i = (uint32_t)str_hash(name) & s->constants.mask; s->constants.slots[i];
	     i = (i + 1) & s->constants.mask) {
		const struct btfsrc_enumerator *e = &s->enumerators[s->constants.slots[i]];
		const struct btf_type *t = btf__type_by_id(s->btf, e->type_id);
		const struct type *made;

		if (!str_eq(btfsrc_string(s, enumerator_name(t, e->index)), name))
			continue;
		made = btfsrc_type(s, e->type_id);
		if (!made || made->kind != TYPE_ENUM || e->index >= made->n_enumerators)
			return false;
		*value = made->enumerators[e->index].value;
		*type = made;
		return true;
	}
	return s->below && source_find_constant(&s->below->base, name, value, type);
}

/* ---- the other operations of a source ---- */

static const struct type *source_find(struct type_source *src, char keyword, struct str name)
{
	struct btfsrc *s = (struct btfsrc *)src;
	unsigned kind = keyword == 's'   ? BTFSRC_STRUCT
			: keyword == 'u' ? BTFSRC_UNION
			: keyword == 'e' ? BTFSRC_ENUM
					 : BTFSRC_TYPEDEF;
	uint32_t id = btfsrc_find_id(s, kind, name);

	return id ? btfsrc_type(s, id) : NULL;
}

static const struct type *source_find_function(struct type_source *src, struct str name)
{
	struct btfsrc *s = (struct btfsrc *)src;
	uint32_t id = btfsrc_find_id(s, BTFSRC_FUNC, name);

	return id ? btfsrc_function(s, id) : NULL;
}

struct visit_types {
	struct btfsrc *s;
	struct strbuf name;
	void (*visit)(void *arg, struct str name, const struct type *t);
	void *arg;
};

static bool visit_named(void *arg, enum btfsrc_kind kind, struct str name, uint32_t id)
{
	struct visit_types *v = arg;
	const struct type *t = btfsrc_type(v->s, id);

	strbuf_clear(&v->name);
	strbuf_puts(&v->name, kind == BTFSRC_STRUCT  ? "struct "
			      : kind == BTFSRC_UNION ? "union "
						     : "enum ");
	strbuf_add_str(&v->name, name);
	if (t)
		v->visit(v->arg, strbuf_str(&v->name), t);
	return true;
}

static void source_each(struct type_source *src,
			void (*visit)(void *arg, struct str name, const struct type *t), void *arg)
{
	struct visit_types v = { .s = (struct btfsrc *)src, .visit = visit, .arg = arg };

	btfsrc_each(v.s, BTFSRC_STRUCT | BTFSRC_UNION | BTFSRC_ENUM, visit_named, &v);
	strbuf_free(&v.name);
}

static const struct type_source_ops source_ops = {
	.find = source_find,
	.find_constant = source_find_constant,
	.complete = btfsrc_complete,
	.find_function = source_find_function,
	.each = source_each,
};
