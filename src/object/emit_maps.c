/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Maps as libbpf reads them: a variable in .maps whose type is a struct of pointers, of which the types say what the map is.
 * Where the language's types have a counterpart in C, key and value are typed; else they are bytes. Maps of which programs
 * take the address of the value are data sections instead, as compilers make them of global variables.
 */
#include "object/emit_private.h"

#include "base/cleanup.h"

#include <linux/bpf.h>
#include <stdio.h>

enum { NESTING_MAX = 16 };

/* ---- types ---- */

static int add_int(struct emitter *e, uint32_t size, bool is_signed)
{
	static const char *const names[] = { "unsigned char", "unsigned short",
					     "unsigned int",  "unsigned long long",
					     "signed char",   "short",
					     "int",           "long long" };
	unsigned log = size == 1 ? 0 : size == 2 ? 1 : size == 4 ? 2 : 3;
	const char *name = names[log + (is_signed ? 4 : 0)];
	int id = btf__find_by_name_kind(e->btf, name, BTF_KIND_INT);

	return id > 0 ? id : btf__add_int(e->btf, name, size, is_signed ? BTF_INT_SIGNED : 0);
}

static int add_array(struct emitter *e, int element, uint32_t n)
{
	return btf__add_array(e->btf, add_int(e, 4, true), element, n);
}

static int add_chars(struct emitter *e, uint32_t n)
{
	int id = btf__find_by_name_kind(e->btf, "char", BTF_KIND_INT);

	return add_array(e, id > 0 ? id : btf__add_int(e->btf, "char", 1, BTF_INT_SIGNED), n);
}

static int add_bytes(struct emitter *e, uint32_t n)
{
	return add_array(e, add_int(e, 1, false), n);
}

static int add_type(struct emitter *e, const struct type *t, unsigned nesting);

/* members by their place; made before the struct, because its members follow it at once */
static int add_fields(struct emitter *e, const struct type *t, uint32_t size, unsigned nesting)
{
	int *ids = arena_array(e->arena, int, t->n_fields + 1), id;

	for (uint32_t i = 0; i < t->n_fields; i++)
		ids[i] = add_type(e, t->fields[i].type, nesting + 1);
	id = btf__add_struct(e->btf, NULL, size);
	for (uint32_t i = 0; i < t->n_fields; i++) {
		char name[32];

		snprintf(name, sizeof(name), "f%u", i);
		btf__add_field(e->btf,
			       t->fields[i].name.n ? arena_str(e->arena, t->fields[i].name).p
						   : name,
			       ids[i], t->fields[i].offset * 8, 0);
	}
	return id;
}

static int add_type(struct emitter *e, const struct type *t, unsigned nesting)
{
	if (nesting > NESTING_MAX)
		return add_bytes(e, t->size);
	switch (t->kind) {
	case TYPE_BOOL: return add_int(e, 1, false);
	case TYPE_INT:
	case TYPE_ENUM: return add_int(e, t->size, t->is_signed);
	case TYPE_POINTER:
	case TYPE_KSYM:
	case TYPE_COUNT:
	case TYPE_HIST:
	case TYPE_LHIST: return add_int(e, 8, false);
	case TYPE_SUM: return add_int(e, 8, t->is_signed);
	case TYPE_STRING: return add_chars(e, t->size);
	case TYPE_TUPLE:
	case TYPE_RECORD: return add_fields(e, t, t->size, nesting);
	case TYPE_ARRAY:
		return t->elem->size * t->count == t->size
			       ? add_array(e, add_type(e, t->elem, nesting + 1), t->count)
			       : add_bytes(e, t->size);
	default: return add_bytes(e, t->size);
	}
}

/* a type of exactly that many bytes */
static int type_of_size(struct emitter *e, const struct type *t, uint32_t size)
{
	if (t && t->size == size && size)
		return add_type(e, t, 0);
	/* padded at its end */
	if (t && (t->kind == TYPE_TUPLE || t->kind == TYPE_RECORD) && t->size < size &&
	    size - t->size < 8)
		return add_fields(e, t, size, 0);
	if (t && t->kind == TYPE_STRING && t->size < size && size - t->size < 8)
		return add_chars(e, size);
	if (size == 4 || size == 8)
		return add_int(e, size, false);
	return add_bytes(e, size);
}

static int value_type(struct emitter *e, const struct image_map *m)
{
	const struct type *t = m->value_type;

	/* what is counted is 8 bytes, whatever the aggregation's own type says of its printed form */
	if (t && (t->kind == TYPE_COUNT || t->kind == TYPE_HIST || t->kind == TYPE_LHIST) &&
	    m->value_size == 8)
		return add_int(e, 8, false);
	return type_of_size(e, t, m->value_size);
}

/* the only kind of record that the programs send, by which sonde run prints it */
void emit_event_type(struct emitter *e, const struct event_layout *l)
{
	int *ids = arena_array(e->arena, int, l->n_fields + 1), word = add_int(e, 4, false);

	for (uint32_t i = 0; i < l->n_fields; i++)
		ids[i] = add_type(e, l->fields[i].type, 0);
	btf__add_struct(e->btf, "event", (uint32_t)sizeof(struct event_head) + l->size);
	btf__add_field(e->btf, "format", word, 0, 0);
	btf__add_field(e->btf, "program", word, 32, 0);
	for (uint32_t i = 0; i < l->n_fields; i++) {
		char name[32];

		snprintf(name, sizeof(name), "f%u", i);
		btf__add_field(e->btf, name, ids[i],
			       ((uint32_t)sizeof(struct event_head) + l->fields[i].offset) * 8, 0);
	}
}

/* ---- definitions ---- */

static int pointer_to(struct emitter *e, int id)
{
	return btf__add_ptr(e->btf, id);
}

/* __uint(name, n) is a pointer to an array of n */
static int pointer_to_number(struct emitter *e, uint32_t n)
{
	return pointer_to(e, add_array(e, add_int(e, 4, true), n));
}

static struct str map_name(struct emitter *e, const struct image_map *m, uint32_t index)
{
	struct str name = m->name;
	STRBUF_AUTO out = { 0 };

	if (str_starts(name, STR("@"))) {
		name = str_sub(name, 1, name.n);
		if (!name.n)
			name = STR("map");
	}
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];
		bool is_word = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') ||
			       c == '_';

		strbuf_putc(&out, is_word ? c : '_');
	}
	for (uint32_t i = 0; i < index; i++)
		if (e->map_symbols[i] &&
		    str_eq(e->symbols.v[e->map_symbols[i] - 1].name, strbuf_str(&out)))
			strbuf_printf(&out, "_%u", index);
	return arena_str(e->arena, strbuf_str(&out));
}

/* fields in the order of libbpf's own examples */
static int add_definition(struct emitter *e, const struct image_map *m, uint32_t *n_fields)
{
	bool is_perf = m->bpf_type == BPF_MAP_TYPE_PERF_EVENT_ARRAY,
	     is_ring = m->bpf_type == BPF_MAP_TYPE_RINGBUF;
	/* of the programs' own maps the sizes are enough */
	bool has_types = m->role == MAP_SCRIPT, has_sizes = !has_types && !is_ring;
	int type = pointer_to_number(e, m->bpf_type),
	    entries = pointer_to_number(e, m->max_entries);
	int flags = pointer_to_number(e, m->flags), key = 0, value = 0, id;

	if (has_types) {
		/* histograms: the bucket stands behind the key */
		bool has_bucket = m->bucket_offset ||
				  (m->value_type && (m->value_type->kind == TYPE_HIST ||
						     m->value_type->kind == TYPE_LHIST));

		key = pointer_to(e, type_of_size(e, has_bucket ? NULL : m->key_type, m->key_size));
		value = pointer_to(e, value_type(e, m));
	} else if (has_sizes) {
		key = pointer_to_number(e, is_perf ? 4 : m->key_size);
		value = pointer_to_number(e, is_perf ? 4 : m->value_size);
	}
	*n_fields = 3 + 2 * !is_ring;
	id = btf__add_struct(e->btf, NULL, *n_fields * 8);
	btf__add_field(e->btf, "type", type, 0, 0);
	btf__add_field(e->btf, "max_entries", entries, 64, 0);
	btf__add_field(e->btf, "map_flags", flags, 128, 0);
	if (!is_ring) {
		btf__add_field(e->btf, has_sizes ? "key_size" : "key", key, 192, 0);
		btf__add_field(e->btf, has_sizes ? "value_size" : "value", value, 256, 0);
	}
	return id;
}

struct variable {
	int id;
	uint32_t offset, size;
};

static ERR_MUST struct err *add_map(struct emitter *e, uint32_t index, uint32_t section,
				    struct variable *v)
{
	const struct image_map *m = e->im->maps[index];
	struct emit_section *s = emit_section_at(e, section);
	struct str name = map_name(e, m, index);
	uint32_t n_fields;
	int id;

	if (m->bpf_type == BPF_MAP_TYPE_ARRAY_OF_MAPS || m->bpf_type == BPF_MAP_TYPE_HASH_OF_MAPS)
		return err_new(0, "the map '%.*s' holds maps that sonde makes while it runs",
			       STR_ARG(m->name));
	id = add_definition(e, m, &n_fields);
	*v = (struct variable){ .offset = (uint32_t)s->data.n, .size = n_fields * 8 };
	v->id = btf__add_var(e->btf, arena_str(e->arena, name).p, BTF_VAR_GLOBAL_ALLOCATED, id);
	if (id < 0 || v->id < 0)
		return err_new(0, "describe the map '%.*s'", STR_ARG(m->name));
	e->map_symbols[index] =
		emit_symbol(e, (struct emit_symbol){ .name = name,
						     .section = section,
						     .info = GELF_ST_INFO(STB_GLOBAL, STT_OBJECT),
						     .value = v->offset,
						     .size = v->size });
	strbuf_fill(&s->data, 0, v->size);
	return NULL;
}

static ERR_MUST struct err *add_data(struct emitter *e, uint32_t index)
{
	const struct image_map *m = e->im->maps[index];
	STRBUF_AUTO name = { 0 };
	uint32_t section;
	struct emit_section *s;

	if (m->max_entries != 1)
		return err_new(0,
			       "the map '%.*s' has %u elements of which programs take the address",
			       STR_ARG(m->name), m->max_entries);
	strbuf_printf(&name, ".data.%.*s", STR_ARG(map_name(e, m, index)));
	section = emit_section(e, strbuf_str(&name), SHT_PROGBITS, SHF_ALLOC | SHF_WRITE);
	s = emit_section_at(e, section);
	if (m->init)
		strbuf_add(&s->data, m->init, m->value_size);
	else
		strbuf_fill(&s->data, 0, m->value_size);
	e->map_symbols[index] = emit_symbol(
		e, (struct emit_symbol){ .name = arena_str(e->arena, map_name(e, m, index)),
					 .section = section,
					 .info = GELF_ST_INFO(STB_GLOBAL, STT_OBJECT),
					 .size = m->value_size });
	return NULL;
}

/* how programs use each map: as a map, or the address of its value; bits */
static void find_uses(const struct emitter *e, uint8_t *uses)
{
	for (uint32_t p = 0; p < e->im->n_progs; p++)
		for (uint32_t r = 0; r < e->im->progs[p]->n_relocs; r++)
			uses[e->im->progs[p]->relocs[r].index] |=
				(uint8_t)(1u << e->im->progs[p]->relocs[r].kind);
}

struct err *emit_maps(struct emitter *e)
{
	uint32_t n = e->im->n_maps, section = 0, n_vars = 0;
	uint8_t *uses = arena_array(e->arena, uint8_t, n + 1);
	struct variable *vars = arena_array(e->arena, struct variable, n + 1);

	find_uses(e, uses);
	for (uint32_t i = 0; i < n; i++) {
		bool is_printed = e->im->maps[i]->role == MAP_SCRIPT;

		if (uses[i] == (1u << RELOC_MAP | 1u << RELOC_MAP_VALUE))
			return err_new(
				0,
				"the map '%.*s' is used in two ways that an object cannot have at once",
				STR_ARG(e->im->maps[i]->name));
		e->is_data[i] = uses[i] == 1u << RELOC_MAP_VALUE;
		if (e->is_data[i]) {
			TRY(add_data(e, i));
		} else if (uses[i] || is_printed) {
			if (!section)
				section = emit_section(e, STR(".maps"), SHT_PROGBITS,
						       SHF_ALLOC | SHF_WRITE);
			TRY(add_map(e, i, section, &vars[n_vars++]));
		}
	}
	if (!n_vars)
		return NULL;
	if (btf__add_datasec(e->btf, ".maps", (uint32_t)emit_section_at(e, section)->data.n) < 0)
		return err_new(0, "describe the maps");
	for (uint32_t i = 0; i < n_vars; i++)
		btf__add_datasec_var_info(e->btf, vars[i].id, vars[i].offset, vars[i].size);
	return NULL;
}
