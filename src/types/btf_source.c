/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The BTF source: opening, finding names, the operations of struct type_source. How one BTF type becomes a struct type
 * is in btf_build.c, the C text for listings in btf_text.c.
 *
 * Finding names: libbpf looks for a name by comparing it with all of some 100,000. One lookup is cheap that way, a
 * listing with its thousands is not. So after a few lookups a hash table over all names is built in one pass; it takes a few
 * milliseconds and half a megabyte. libbpf also copies what it reads, 5 MB of the kernel's own: that is read where it lies
 * (btf_raw.c), as long as nothing is asked that libbpf has to answer.
 */
#include "types/btf_private.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>

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
	btfsrc_raw_close(&s->raw);
	free(s->path);
	free(s->made);
	free(s->aligns);
	free(s->names.slots);
	free(s->functions.slots);
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

static bool is_kernels_own(const struct btfsrc *s)
{
	return !s->bytes && !strncmp(s->path, "/sys/kernel/btf/", 16);
}

static struct btf *open_libbpf(struct btfsrc *s)
{
	struct btf *below = s->below ? btfsrc_libbpf(s->below) : NULL;

	if (s->below && !below)
		return NULL;
	libbpf_set_print(NULL); /* its opinion of malformed BTF: ours is in the error */
	/* libbpf builds upon a base only from a file */
	if (s->bytes)
		return s->n_bytes <= UINT32_MAX ? btf__new(s->bytes, (uint32_t)s->n_bytes) : NULL;
	if (s->raw.mapped)
		return btf__new(s->raw.mapped, (uint32_t)s->raw.n_mapped);
	return btf__parse_split(s->path, below);
}

struct btf *btfsrc_libbpf(struct btfsrc *s)
{
	if (!s->btf)
		s->btf = open_libbpf(s);
	return s->btf;
}

bool btfsrc_open(struct btfsrc *s)
{
	if (s->tried)
		return s->is_open;
	s->tried = true;
	if (s->below && !btfsrc_open(s->below)) {
		s->error = err_new(0, "'%s' builds upon '%s', which could not be read", s->path,
				   s->below->path);
		return false;
	}
	if (!is_kernels_own(s) || s->below || !btfsrc_raw_open(&s->raw, s->path)) {
		if (!btfsrc_libbpf(s)) {
			s->error = err_new(errno, "read BTF from '%s'", s->path);
			return false;
		}
		/* the kernel has looked at its own with more care than we could */
		if (!is_kernels_own(s) && !btfsrc_is_sound(s->btf)) {
			btf__free(s->btf);
			s->btf = NULL;
			s->error = err_new(0, "the BTF of '%s' is malformed", s->path);
			return false;
		}
	}
	s->first_id = s->below ? s->below->end_id : 1;
	s->end_id = s->raw.mapped ? s->raw.n : btf__type_cnt(s->btf);
	s->made = base_alloc((s->end_id + (size_t)1) * sizeof(*s->made));
	s->aligns = base_alloc(s->end_id + (size_t)1);
	s->is_open = true;
	return true;
}

const struct btf_type *btfsrc_by_id(const struct btfsrc *s, uint32_t id)
{
	static const struct btf_type none;

	if (!s->raw.mapped)
		return btf__type_by_id(s->btf, id);
	if (!id || id >= s->raw.n)
		return id ? NULL : &none;
	return (const struct btf_type *)(const void *)(s->raw.types + s->raw.offsets[id]);
}

const char *btfsrc_text(const struct btfsrc *s, uint32_t off)
{
	if (!s->raw.mapped)
		return btf__str_by_offset(s->btf, off);
	return off < s->raw.n_strings ? s->raw.strings + off : "";
}

struct str btfsrc_string(const struct btfsrc *s, uint32_t off)
{
	return str_from(btfsrc_text(s, off));
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

/* most names are those of functions, which few scripts ask for */
static void names_build(struct btfsrc *s, struct btfsrc_index *ix, unsigned kinds)
{
	uint32_t n = 0;

	for (uint32_t id = s->first_id; id < s->end_id; id++)
		n += (btfsrc_kind_of(btfsrc_by_id(s, id)) & kinds) != 0;
	index_init(ix, n);
	for (uint32_t id = s->first_id; id < s->end_id; id++) {
		const struct btf_type *t = btfsrc_by_id(s, id);

		if (t->name_off && btfsrc_kind_of(t) & kinds)
			index_put(ix, btfsrc_string(s, t->name_off), id);
	}
}

/* among types of one name and kind the first of the file is taken, as libbpf does */
static uint32_t names_find(struct btfsrc *s, const struct btfsrc_index *ix, unsigned kind,
			   struct str name)
{
	for (uint32_t i = (uint32_t)str_hash(name) & ix->mask; ix->slots[i];
	     i = (i + 1) & ix->mask) {
		const struct btf_type *t = btfsrc_by_id(s, ix->slots[i]);

		if (btfsrc_kind_of(t) == kind && str_eq(btfsrc_string(s, t->name_off), name))
			return ix->slots[i];
	}
	return 0;
}

/* the same as by the index, without one */
static uint32_t scan_for(struct btfsrc *s, unsigned kinds, struct str name)
{
	uint32_t best = 0;
	unsigned best_kind = BTFSRC_FUNC + 1;

	for (uint32_t id = s->first_id; id < s->end_id; id++) {
		const struct btf_type *t = btfsrc_by_id(s, id);
		unsigned kind = t->name_off ? btfsrc_kind_of(t) : 0;
		const char *text;

		if (!(kind & kinds) || kind >= best_kind)
			continue;
		text = btfsrc_text(s, t->name_off);
		if (text[0] != name.p[0] || !str_eq(str_from(text), name))
			continue;
		best = id;
		best_kind = kind;
	}
	return best;
}

static uint32_t find_in(struct btfsrc *s, struct btfsrc_index *ix, unsigned kinds, struct str name)
{
	uint32_t id = 0;

	for (uint32_t i = 0; i < s->n_found && !ix->slots; i++) {
		const struct btf_type *t = btfsrc_by_id(s, s->found[i].id);

		if (s->found[i].kinds == kinds && str_eq(btfsrc_string(s, t->name_off), name))
			return s->found[i].id;
	}
	if (!ix->slots && s->n_scans++ < BTFSRC_SCANS) {
		id = scan_for(s, kinds, name);
		if (id)
			s->found[s->n_found++] = (struct btfsrc_found){ kinds, id };
		return id;
	}
	if (!ix->slots)
		names_build(s, ix, kinds & BTFSRC_FUNC ? BTFSRC_FUNC : BTFSRC_FUNC - 1);
	for (unsigned bit = BTFSRC_STRUCT; bit <= BTFSRC_FUNC && !id; bit <<= 1)
		if (kinds & bit)
			id = names_find(s, ix, bit, name);
	return id;
}

static uint32_t find_own(struct btfsrc *s, unsigned kinds, struct str name)
{
	unsigned types = kinds & ~(unsigned)BTFSRC_FUNC;
	uint32_t id = types ? find_in(s, &s->names, types, name) : 0;

	return id || !(kinds & BTFSRC_FUNC) ? id : find_in(s, &s->functions, BTFSRC_FUNC, name);
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
		const struct btf_type *t = btfsrc_by_id(s, id);
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
		const struct btf_type *t = btfsrc_by_id(s, id);

		if (btfsrc_kind_of(t) == BTFSRC_ENUM)
			n += btf_vlen(t);
	}
	index_init(&s->constants, n);
	s->enumerators = base_alloc((n + (size_t)1) * sizeof(*s->enumerators));
	for (uint32_t id = s->first_id; id < s->end_id; id++) {
		const struct btf_type *t = btfsrc_by_id(s, id);

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
		const struct btf_type *t = btfsrc_by_id(s, e->type_id);
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
