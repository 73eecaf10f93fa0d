/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names of types: what a type DIE is called with its namespaces, and which DIE has a name. Runs in the worker. A unit's
 * containers are walked once when the first qualified name in it is wanted; all units when a type is looked up by name or
 * a declaration has to be resolved. Both are kept.
 */
#include "objfile/dwarf_type.h"

#include "objfile/elf_private.h"

#include <dwarf.h>

enum { MAX_DEPTH = 64, MAX_ALIKE = 64 };

/* a DIE that has a name of its own or gives one to what is inside of it */
struct scope {
	Dwarf_Off offset;
	uint32_t parent; /* index, UINT32_MAX: the unit */
};

struct code_range {
	uint64_t start, end;
	Dwarf_Off offset;
};

struct unit_scopes {
	VEC(struct scope) v;         /* ascending by offset, as the tree is read */
	VEC(struct code_range) code; /* of subprograms */
};

struct named_type {
	struct named_type *next; /* of the same name */
	uint64_t id;
	char keyword;
	bool is_constant; /* an enumerator */
	int64_t value;
};

struct dwarf_vars {
	struct hashmap units; /* by address of the unit */
	struct hashmap names; /* -> struct named_type */
	bool is_indexed;
	Elf *code; /* for .eh_frame */
	Dwarf_CFI *eh_frame;
	bool has_looked_for_eh_frame;
};

static struct dwarf_vars *kept(struct dwarf_file *f)
{
	if (!f->vars)
		f->vars = arena_new(&f->kept, struct dwarf_vars);
	return f->vars;
}

Dwarf_CFI *dwfile_eh_frame(struct dwarf_file *f)
{
	struct dwarf_vars *k = kept(f);

	if (k->has_looked_for_eh_frame)
		return k->eh_frame;
	k->has_looked_for_eh_frame = true;
	k->code = elf_begin(f->code->priv->fd, ELF_C_READ_MMAP, NULL);
	if (k->code)
		k->eh_frame = dwarf_getcfi_elf(k->code);
	return k->eh_frame;
}

static bool is_container(unsigned tag)
{
	switch (tag) {
	case DW_TAG_namespace:
	case DW_TAG_module:
	case DW_TAG_structure_type:
	case DW_TAG_class_type:
	case DW_TAG_union_type:
	case DW_TAG_interface_type:
	case DW_TAG_subprogram:
	case DW_TAG_lexical_block: return true;
	default: return false;
	}
}

static bool is_struct(unsigned tag)
{
	return tag == DW_TAG_structure_type || tag == DW_TAG_class_type ||
	       tag == DW_TAG_union_type || tag == DW_TAG_interface_type;
}

static bool is_named(unsigned tag)
{
	return is_container(tag) || tag == DW_TAG_enumeration_type || tag == DW_TAG_typedef;
}

static void add_code(struct unit_scopes *u, Dwarf_Die *function)
{
	Dwarf_Addr base, start, end;
	ptrdiff_t at = 0;

	while ((at = dwarf_ranges(function, at, &base, &start, &end)) > 0)
		if (start < end)
			vec_push(&u->code,
				 ((struct code_range){ start, end, dwarf_dieoffset(function) }));
}

static void walk_scopes(struct unit_scopes *u, Dwarf_Die *die, uint32_t parent, unsigned depth)
{
	Dwarf_Die child;

	if (depth == MAX_DEPTH || dwarf_child(die, &child) != 0)
		return;
	do {
		unsigned tag = (unsigned)dwarf_tag(&child);

		if (!is_named(tag))
			continue;
		vec_push(&u->v, ((struct scope){ dwarf_dieoffset(&child), parent }));
		if (tag == DW_TAG_subprogram)
			add_code(u, &child);
		if (is_container(tag))
			walk_scopes(u, &child, (uint32_t)u->v.n - 1, depth + 1);
	} while (dwarf_siblingof(&child, &child) == 0);
}

static struct unit_scopes *scopes_of(struct dwarf_file *f, Dwarf_Die *die)
{
	struct dwarf_vars *k = kept(f);
	uint64_t key = (uintptr_t)die->cu;
	struct unit_scopes *u = hashmap_get(&k->units, hashmap_key_u64(&key));
	Dwarf_Die unit;

	if (u)
		return u;
	u = arena_new(&f->kept, struct unit_scopes);
	if (dwarf_diecu(die, &unit, NULL, NULL))
		walk_scopes(u, &unit, UINT32_MAX, 0);
	hashmap_put(&k->units, arena_str(&f->kept, hashmap_key_u64(&key)), u);
	return u;
}

static const struct scope *find_scope(const struct unit_scopes *u, Dwarf_Off offset)
{
	size_t lo = 0, hi = u->v.n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (u->v.v[mid].offset < offset)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < u->v.n && u->v.v[lo].offset == offset ? &u->v.v[lo] : NULL;
}

bool dwtype_function_at(struct dwarf_file *f, Dwarf_Die *die, uint64_t pc, Dwarf_Die *ret)
{
	struct unit_scopes *u = scopes_of(f, die);

	vec_each(c, &u->code)
		if (pc >= c->start && pc < c->end)
			return dwarf_offdie(dwarf_cu_getdwarf(die->cu), c->offset, ret) != NULL;
	return false;
}

static struct str own_name(Dwarf_Die *die, enum type_lang lang)
{
	Dwarf_Attribute a;
	struct str name = str_from(dwarf_attr_integrate(die, DW_AT_name, &a) ? dwarf_formstring(&a)
									     : NULL);

	if (!name.n && lang == LANG_CXX && dwarf_tag(die) == DW_TAG_namespace)
		return STR("(anonymous namespace)");
	return name;
}

/* a class that is defined outside of its namespace's braces refers to its declaration inside */
static Dwarf_Die declared_at(Dwarf_Die *die)
{
	Dwarf_Attribute a;
	Dwarf_Die at;

	if (dwarf_attr(die, DW_AT_specification, &a) && dwarf_formref_die(&a, &at))
		return at;
	return *die;
}

struct str dwtype_name(struct dwarf_file *f, Dwarf_Die *die)
{
	enum type_lang lang = dwfile_lang(die);
	Dwarf_Die at = declared_at(die), outer;
	struct str path[MAX_DEPTH], name = own_name(&at, lang);
	const struct unit_scopes *u;
	const struct scope *s;
	STRBUF_AUTO b = { 0 };
	uint32_t n = 0;

	if (!name.n || (lang != LANG_CXX && lang != LANG_RUST))
		return name;
	u = scopes_of(f, &at);
	s = find_scope(u, dwarf_dieoffset(&at));
	while (s && s->parent != UINT32_MAX && n < MAX_DEPTH) {
		s = &u->v.v[s->parent];
		if (!dwarf_offdie(dwarf_cu_getdwarf(at.cu), s->offset, &outer) ||
		    dwarf_tag(&outer) == DW_TAG_lexical_block)
			continue;
		outer = declared_at(&outer);
		path[n] = own_name(&outer, lang);
		n += path[n].n > 0;
	}
	while (n > 0)
		strbuf_add_str(&b, path[--n]), strbuf_puts(&b, "::");
	strbuf_add_str(&b, name);
	return arena_str(&f->scratch, strbuf_str(&b));
}

/* ---- by name ---- */

static char keyword_of(unsigned tag)
{
	switch (tag) {
	case DW_TAG_structure_type:
	case DW_TAG_class_type:
	case DW_TAG_interface_type: return 's';
	case DW_TAG_union_type: return 'u';
	case DW_TAG_enumeration_type: return 'e';
	case DW_TAG_typedef:
	case DW_TAG_base_type: return 't';
	default: return 0;
	}
}

static void remember(struct dwarf_file *f, struct str name, struct named_type t)
{
	struct dwarf_vars *k = kept(f);
	struct named_type *first = hashmap_get(&k->names, name), *made, *at;
	unsigned n = 0;

	for (at = first; at && at->next; at = at->next)
		n++;
	if (n == MAX_ALIKE)
		return;
	made = arena_new(&f->kept, struct named_type);
	*made = t;
	if (at)
		at->next = made;
	else
		hashmap_put(&k->names, arena_str(&f->kept, name), made);
}

static void remember_constants(struct dwarf_file *f, Dwarf_Die *die, const char *prefix,
			       size_t n_prefix)
{
	uint64_t id = dwfile_id(f, die);
	Dwarf_Die child;

	if (dwarf_child(die, &child) != 0)
		return;
	do {
		struct str name = dwtype_string(&child, DW_AT_name);
		STRBUF_AUTO full = { 0 };

		if (dwarf_tag(&child) != DW_TAG_enumerator || !name.n)
			continue;
		strbuf_add(&full, prefix, n_prefix);
		strbuf_add_str(&full, name);
		remember(f, strbuf_str(&full),
			 (struct named_type){
				 .id = id,
				 .is_constant = true,
				 .value = (int64_t)dwtype_number(&child, DW_AT_const_value, 0) });
	} while (dwarf_siblingof(&child, &child) == 0);
}

/* prefix: namespaces so far, with "::" behind each */
static void walk_names(struct dwarf_file *f, Dwarf_Die *die, struct strbuf *prefix, unsigned depth)
{
	enum type_lang lang = dwfile_lang(die);
	Dwarf_Die child;

	if (depth == MAX_DEPTH || dwarf_child(die, &child) != 0)
		return;
	do {
		unsigned tag = (unsigned)dwarf_tag(&child);
		char keyword = keyword_of(tag);
		struct str name = own_name(&child, lang);
		size_t n = prefix->n;

		if (tag == DW_TAG_enumeration_type)
			remember_constants(f, &child, prefix->p, prefix->n);
		if (!name.n || (!keyword && tag != DW_TAG_namespace))
			continue;
		strbuf_add_str(prefix, name);
		if (keyword && !dwtype_is_declaration(&child))
			remember(f, strbuf_str(prefix),
				 (struct named_type){ .id = dwfile_id(f, &child),
						      .keyword = keyword });
		strbuf_puts(prefix, "::");
		if (tag == DW_TAG_namespace || (lang == LANG_CXX && is_struct(tag)))
			walk_names(f, &child, prefix, depth + 1);
		prefix->n = n;
	} while (dwarf_siblingof(&child, &child) == 0);
}

static struct named_type *by_name(struct dwarf_file *f, struct str name)
{
	struct dwarf_vars *k = kept(f);
	Dwarf_CU *cu = NULL;
	Dwarf_Die unit, whole;

	if (!k->is_indexed) {
		k->is_indexed = true;
		while (dwarf_get_units(f->dwarf, cu, &cu, NULL, NULL, &unit, NULL) == 0) {
			STRBUF_AUTO prefix = { 0 };

			if (dwfile_unit(f, &unit, &whole))
				walk_names(f, &whole, &prefix, 0);
		}
	}
	return hashmap_get(&k->names, name);
}

bool dwtype_find(struct dwarf_file *f, char keyword, struct str name, Dwarf_Die *ret)
{
	for (struct named_type *t = by_name(f, name); t; t = t->next) {
		/* other languages than C need no keyword before the name */
		bool fits = t->keyword == keyword ||
			    (keyword == 't' && t->keyword && str_find(name, STR("::")) >= 0);

		if (!t->is_constant && fits && dwfile_die(f, t->id, ret))
			return true;
	}
	return false;
}

bool dwtype_find_constant(struct dwarf_file *f, struct str name, int64_t *value, Dwarf_Die *type)
{
	for (struct named_type *t = by_name(f, name); t; t = t->next)
		if (t->is_constant && dwfile_die(f, t->id, type)) {
			*value = t->value;
			return true;
		}
	return false;
}

bool dwtype_definition(struct dwarf_file *f, Dwarf_Die *declaration, Dwarf_Die *ret)
{
	char keyword = keyword_of((unsigned)dwarf_tag(declaration));
	struct str name = dwtype_name(f, declaration);
	uint64_t fingerprint = 0;
	bool found = false;
	Dwarf_Die die;

	for (struct named_type *t = name.n ? by_name(f, name) : NULL; t; t = t->next) {
		if (t->is_constant || t->keyword != keyword || !dwfile_die(f, t->id, &die))
			continue;
		if (found && dwtype_fingerprint(f, &die) != fingerprint)
			return false; /* which of them is meant is not known */
		if (!found) {
			fingerprint = dwtype_fingerprint(f, &die);
			*ret = die;
		}
		found = true;
	}
	return found;
}
