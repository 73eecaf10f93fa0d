/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Types of a program from its debug information, as the compiler sees them: a struct type_source over the worker's records
 * (dwarf_type_read.c). Runs in the tracer. Each DIE becomes one type; definitions that are the same in all that a script can see
 * (one struct of a header in two units) become one, too. Structs get their members when first asked for.
 *
 * Records come from a worker that reads foreign bytes: every number is checked before it is believed, chains are bounded.
 */
#include "objfile/dwarf_type_private.h"

#include "objfile/go_runtime.h"

#include <dwarf.h>

enum { MAX_CHAIN = 64 }; /* arrays of pointers to pointers to ... */

static const struct type *void_type(void)
{
	return type_void();
}

static void remember(struct dwarf_types *t, uint64_t id, const struct type *type)
{
	/* the map keeps a pointer to something constant: nobody writes through it but complete() */
	hashmap_put(&t->by_id, arena_str(t->arena, hashmap_key_u64(&id)), (void *)(uintptr_t)type);
}

/* ---- one function for each kind of record ---- */

static enum type_lang get_lang(struct record *r)
{
	uint8_t lang = wire_get_u8(&r->in);

	if (lang > LANG_GO)
		r->in.b.bad = true;
	return lang > LANG_GO ? LANG_NONE : (enum type_lang)lang;
}

static const struct type *opaque(struct dwarf_types *t, struct str name, uint64_t size,
				 enum type_lang lang)
{
	struct type *made = type_new_struct(t->source.table, arena_str(t->arena, name), false);

	made->size = size > DT_MAX_SIZE ? 0 : (uint32_t)size;
	made->is_complete = true;
	made->lang = lang;
	return made;
}

/* basic types that are not numbers of a processor: by name, made once */
static struct type *by_content(struct dwarf_types *t, struct strbuf *key)
{
	return hashmap_get(&t->by_content, strbuf_str(key));
}

static const struct type *named_base(struct dwarf_types *t, struct str name, uint8_t encoding,
				     uint32_t size, enum type_lang lang)
{
	STRBUF_AUTO key = { 0 };
	struct type *made;

	strbuf_printf(&key, "base %u %u %u ", lang, encoding, size);
	strbuf_add_str(&key, name);
	made = by_content(t, &key);
	if (made)
		return made;
	if (encoding == DW_ATE_UTF) {
		made = type_new_enum(t->source.table, arena_str(t->arena, name), size, false, NULL,
				     0);
		made->is_char = true;
		made->lang = lang;
	} else {
		made = (struct type *)opaque(t, name, size, lang);
		made->abi = size == 0                                ? TYPE_ABI_FIELDS
			    : size == 16 && encoding == DW_ATE_float ? TYPE_ABI_VECTOR
								     : TYPE_ABI_UNKNOWN;
	}
	if (encoding == DW_ATE_complex_float && (size == 8 || size == 16 || size == 32)) {
		static const char *const names[] = { "real", "imag" };

		made->abi = TYPE_ABI_FIELDS;
		made->fields = arena_array(t->arena, struct type_field, 2);
		made->n_fields = 2;
		for (uint32_t i = 0; i < 2; i++)
			made->fields[i] = (struct type_field){ .name = str_from(names[i]),
							       .type = type_float(size / 2),
							       .offset = i * size / 2 };
		made->align = made->fields[0].type->align;
	}
	hashmap_put(&t->by_content, arena_str(t->arena, strbuf_str(&key)), made);
	return made;
}

static const struct type *get_base(struct record *r)
{
	uint8_t encoding = wire_get_u8(&r->in);
	uint32_t size = wire_get_u32(&r->in);
	enum type_lang lang = get_lang(r);
	struct str name = wire_get_str(&r->in);
	bool is_signed = encoding == DW_ATE_signed || encoding == DW_ATE_signed_char;

	switch (encoding) {
	case DW_ATE_boolean:
		if (size == 1)
			return type_bool();
		/* fall through */
	case DW_ATE_signed:
	case DW_ATE_signed_char:
	case DW_ATE_unsigned:
	case DW_ATE_unsigned_char:
	case DW_ATE_address:
		if (is_number_size(size))
			return type_int(size, is_signed);
		if (size == 16)
			return type_wide_int(is_signed);
		break;
	case DW_ATE_UTF:
	case DW_ATE_ASCII:
	case DW_ATE_UCS:
		if (size == 1)
			return type_int(1, true); /* char8_t: text is made of it */
		if (is_number_size(size))
			return named_base(r->t, name, DW_ATE_UTF, size, lang);
		break;
	case DW_ATE_float:
		if (size == 4 || size == 8)
			return type_float(size);
		/* the other format of 128 bits is not the one that is printed */
		if (size == 16 && !str_is(name, "__float128") && !str_is(name, "_Float128"))
			return type_float(size);
		break;
	default: break;
	}
	return named_base(r->t, name, encoding, size, lang);
}

static const struct type *get_pointer(struct record *r)
{
	uint8_t reference = wire_get_u8(&r->in);
	enum type_lang lang = get_lang(r);
	struct str name = wire_get_str_copy(&r->in, r->t->arena);
	uint64_t target = wire_get_u64(&r->in);
	const struct type *elem;

	elem = dwarf_types_get(r->t, target);
	if (reference) {
		STRBUF_AUTO b = { 0 };

		type_spell(elem, &b);
		strbuf_puts(&b, reference == 1 ? "&" : "&&");
		return type_pointer_named(r->t->source.table, elem, SPACE_NONE, LANG_CXX,
					  strbuf_str(&b));
	}
	if ((lang == LANG_RUST || lang == LANG_GO) && name.n)
		return type_pointer_named(r->t->source.table, elem, SPACE_NONE, lang, name);
	return type_pointer(r->t->source.table, elem, SPACE_NONE);
}

static const struct type *get_array(struct record *r)
{
	bool is_vector = wire_get_u8(&r->in);
	uint64_t elem_id = wire_get_u64(&r->in), count[16];
	uint32_t n = wire_get_count(&r->in, 8);
	const struct type *type;

	if (n > 16)
		return void_type();
	for (uint32_t i = 0; i < n; i++)
		count[i] = wire_get_u64(&r->in);
	type = dwarf_types_get(r->t, elem_id);
	if (type->kind == TYPE_VOID || type->kind == TYPE_FUNCTION)
		return void_type();
	if (n == 0)
		return type_array(r->t->source.table, type, 0);
	while (n > 0) {
		uint64_t c = count[--n], size = type->size ? type->size : 1;

		if (c > DT_MAX_SIZE / size)
			return void_type();
		type = type_array(r->t->source.table, type, (uint32_t)c);
	}
	if (is_vector) {
		struct type *made = (struct type *)opaque(r->t, STR("vector"), type->size,
							  LANG_NONE);

		made->abi = TYPE_ABI_VECTOR;
		made->fields = arena_new(r->t->arena, struct type_field);
		made->fields[0] = (struct type_field){ .name = STR("elements"), .type = type };
		made->n_fields = 1;
		made->align = type->align;
		type = made;
	}
	return type;
}

static struct type *same_content(struct record *r, const char *kind, uint64_t fingerprint,
				 struct str name, struct strbuf *key)
{
	strbuf_printf(key, "%s %llx ", kind, (unsigned long long)fingerprint);
	strbuf_add_str(key, name);
	return by_content(r->t, key);
}

static const struct type *get_enum(struct record *r)
{
	uint64_t fingerprint = wire_get_u64(&r->in);
	enum type_lang lang = get_lang(r);
	struct str name = wire_get_str_copy(&r->in, r->t->arena);
	uint32_t size = wire_get_u32(&r->in), n;
	bool is_signed = wire_get_u8(&r->in);
	struct type_enumerator *e;
	STRBUF_AUTO key = { 0 };
	struct type *made;

	n = wire_get_count(&r->in, 12);
	e = arena_array(r->t->arena, struct type_enumerator, n);
	for (uint32_t i = 0; i < n; i++) {
		e[i].name = wire_get_str_copy(&r->in, r->t->arena);
		e[i].value = (int64_t)wire_get_u64(&r->in);
		is_signed |= e[i].value < 0;
	}
	if (!is_number_size(size))
		return opaque(r->t, name, size, lang);
	made = same_content(r, "enum", fingerprint, name, &key);
	if (made)
		return made;
	made = type_new_enum(r->t->source.table, name, size, is_signed, e, n);
	made->lang = lang;
	made->source = &r->t->source;
	made->source_id = r->id;
	hashmap_put(&r->t->by_content, arena_str(r->t->arena, strbuf_str(&key)), made);
	return made;
}

void dwarf_types_struct_head(struct record *r, struct struct_head *h)
{
	h->fingerprint = wire_get_u64(&r->in);
	h->lang = get_lang(r);
	h->name = wire_get_str_copy(&r->in, r->t->arena);
	h->is_union = wire_get_u8(&r->in);
	h->is_declared = wire_get_u8(&r->in);
	h->size = wire_get_u64(&r->in);
	h->has_vtable = wire_get_u8(&r->in);
	h->abi = (enum type_abi)wire_get_u8(&r->in);
	if (h->abi > TYPE_ABI_UNKNOWN)
		r->in.b.bad = true;
	if (h->size > DT_MAX_SIZE)
		h->size = 0;
}

static const struct type *get_struct(struct record *r)
{
	STRBUF_AUTO key = { 0 };
	struct struct_head h;
	struct type *made;

	dwarf_types_struct_head(r, &h);
	made = same_content(r, h.is_declared ? "declared" : "struct", h.fingerprint, h.name, &key);
	if (made)
		return made;
	made = type_new_struct(r->t->source.table, h.name, h.is_union);
	made->size = (uint32_t)h.size;
	made->lang = h.lang;
	made->has_vtable = h.has_vtable;
	made->abi = h.abi;
	made->source = &r->t->source;
	made->source_id = r->id;
	hashmap_put(&r->t->by_content, arena_str(r->t->arena, strbuf_str(&key)), made);
	return made;
}

/* ---- records ---- */

struct err *dwarf_types_ask(struct dwarf_types *t, uint64_t id, enum dwarf_type_depth depth,
			    struct wire_in *in)
{
	WIRE_OUT_AUTO q = { 0 };

	wire_put_u64(&q, id);
	wire_put_u8(&q, (uint8_t)depth);
	return debuginfo_ask(t->d, DWARF_TYPE, &q, in);
}

static const struct type *make(struct record *r, uint8_t kind)
{
	switch (kind) {
	case DT_BASE: return get_base(r);
	case DT_POINTER: return get_pointer(r);
	case DT_STRUCT: return get_struct(r);
	case DT_ARRAY: return get_array(r);
	case DT_ENUM: return get_enum(r);
	case DT_FUNCTION: return &r->t->function;
	case DT_OPAQUE: {
		enum type_lang lang = get_lang(r);
		struct str name = wire_get_str_copy(&r->in, r->t->arena);

		return opaque(r->t, name, wire_get_u64(&r->in), lang);
	}
	default: return void_type();
	}
}

/* Go's offset from runtime.types, or an address (Go before 1.20 has both): always an address */
static uint64_t go_type_address(struct dwarf_types *t, uint64_t word)
{
	const struct go_runtime_facts *facts = objfile_go_facts(t->d->file);

	if (!word || !facts || !facts->module.types)
		return 0;
	return word >= facts->module.types && word < facts->module.etypes
		       ? word
		       : word + facts->module.types;
}

struct go_head {
	struct str name;
	uint8_t kind;
	uint64_t runtime, key, elem;
};

static void get_go(struct record *r, struct go_head *g)
{
	g->name = wire_get_str_copy(&r->in, r->t->arena);
	g->kind = wire_get_u8(&r->in);
	g->runtime = wire_get_u64(&r->in);
	g->key = wire_get_u64(&r->in);
	g->elem = wire_get_u64(&r->in);
}

/* a type as Go has it: its own struct type for each name, with what only Go says of it */
static const struct type *with_go(struct record *r, const struct type *type,
				  const struct go_head *g)
{
	struct dwarf_types *t = r->t;
	STRBUF_AUTO key = { 0 };
	struct type *made;

	/* what Go calls a func is a pointer to one */
	if (g->kind && type->kind == TYPE_FUNCTION)
		type = type_pointer_named(t->source.table, type, SPACE_NONE, LANG_GO, g->name);
	if (!g->kind || (type->kind != TYPE_STRUCT && type->kind != TYPE_POINTER))
		return type;
	if (type->kind == TYPE_POINTER && (!type->name.n || !str_eq(type->name, g->name)))
		type = type_pointer_named(t->source.table, type->elem, SPACE_NONE, LANG_GO,
					  g->name);
	if (type->kind == TYPE_STRUCT && !str_eq(type->name, g->name)) {
		/* an interface or a slice type by its own name: the same members */
		strbuf_printf(&key, "go %p ", (const void *)type);
		strbuf_add_str(&key, g->name);
		made = by_content(t, &key);
		if (!made) {
			made = arena_new(t->arena, struct type);
			*made = *type;
			made->name = g->name;
			hashmap_put(&t->by_content, arena_str(t->arena, strbuf_str(&key)), made);
		}
		type = made;
	}
	made = (struct type *)(uintptr_t)type;
	made->go_kind = g->kind;
	made->go_type = go_type_address(t, g->runtime);
	made->lang = LANG_GO;
	remember(t, r->id, made);
	if (g->elem)
		made->go_elem = dwarf_types_get(t, g->elem);
	if (g->key)
		made->go_key = dwarf_types_get(t, g->key);
	return made;
}

/*
 * The answer's bytes stay only until the next question, and parts of a type are questions of their own: so a record is copied
 * before it is read.
 */
static const struct type *read_type(struct dwarf_types *t, uint64_t id)
{
	ERR_AUTO e = NULL;
	struct record r = { .t = t };
	const struct type *type, *known;
	struct wire_in in;
	struct go_head go;
	void *bytes;
	uint8_t kind;

	e = dwarf_types_ask(t, id, DT_SHALLOW, &in);
	if (e)
		return void_type();
	bytes = base_alloc(in.b.n ? in.b.n : 1);
	memcpy(bytes, in.b.p, in.b.n);
	r.in = wire_in_make(bytes, in.b.n);
	r.id = wire_get_u64(&r.in);
	kind = wire_get_u8(&r.in);
	known = r.id == id || !r.id ? NULL : hashmap_get(&t->by_id, hashmap_key_u64(&r.id));
	if (known) {
		free(bytes);
		return known;
	}
	type = make(&r, kind);
	if (kind != DT_VOID) {
		get_go(&r, &go);
		type = with_go(&r, type, &go);
	}
	if (r.in.b.bad)
		type = void_type();
	free(bytes);
	if (r.id && r.id != id)
		remember(t, r.id, type);
	return type;
}

const struct type *dwarf_types_get(struct dwarf_types *t, uint64_t id)
{
	const struct type *type = id ? hashmap_get(&t->by_id, hashmap_key_u64(&id)) : void_type();

	if (type)
		return type;
	if (t->depth == MAX_CHAIN)
		return void_type();
	t->depth++;
	type = read_type(t, id);
	t->depth--;
	remember(t, id, type);
	return type;
}

/* ---- by name ---- */

static uint64_t find_id(struct dwarf_types *t, char keyword, struct str name, int64_t *value)
{
	WIRE_OUT_AUTO q = { 0 };
	ERR_AUTO e = NULL;
	struct wire_in in;
	bool found;

	wire_put_u8(&q, (uint8_t)keyword);
	wire_put_str(&q, name);
	e = debuginfo_ask(t->d, DWARF_TYPE_NAME, &q, &in);
	if (e)
		return 0;
	found = wire_get_u8(&in);
	*value = (int64_t)wire_get_u64(&in);
	return found ? wire_get_u64(&in) : 0;
}

static const struct type *source_find(struct type_source *src, char keyword, struct str name)
{
	struct dwarf_types *t = (struct dwarf_types *)src;
	int64_t unused;
	uint64_t id = find_id(t, keyword, name, &unused);

	return id ? dwarf_types_get(t, id) : NULL;
}

static bool source_find_constant(struct type_source *src, struct str name, int64_t *value,
				 const struct type **type)
{
	struct dwarf_types *t = (struct dwarf_types *)src;
	uint64_t id = find_id(t, 'c', name, value);

	if (!id)
		return false;
	*type = dwarf_types_get(t, id);
	return true;
}

static const struct type_source_ops ops = {
	.find = source_find,
	.find_constant = source_find_constant,
	.complete = dwarf_types_complete,
};

static void types_free(struct dwarf_types *t)
{
	if (!t)
		return;
	hashmap_free(&t->by_id);
	hashmap_free(&t->by_content);
	free(t);
}

struct dwarf_types *debuginfo_dwarf_types(struct debuginfo *d, struct type_table *tt)
{
	struct dwarf_types *t = d->types;

	/* one table for each debuginfo; another one after it (a second script) begins anew */
	if (t && t->source.table == tt)
		return t;
	types_free(t);
	t = base_alloc(sizeof(*t));
	t->source = (struct type_source){ &ops, tt };
	t->d = d;
	t->arena = tt->arena;
	t->function = (struct type){ .kind = TYPE_FUNCTION, .align = 1, .elem = type_void() };
	d->types = t;
	d->types_free = types_free;
	return t;
}

struct type_source *debuginfo_types(struct debuginfo *d, struct type_table *tt)
{
	return &debuginfo_dwarf_types(d, tt)->source;
}
