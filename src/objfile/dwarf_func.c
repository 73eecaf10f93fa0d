/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Functions by name and by address: answers of the worker. See dwarf_private.h; the tracer's end is dwarf_client.c.
 *
 * The index proposes roots, libdw says what they are. Roots of one function (an inline function of a header leaves one in each
 * unit) are put together: same name, same linkage name, declared at the same place.
 */
#include "objfile/dwarf_code.h"
#include "objfile/dwarf_name.h"

#include "base/hashmap.h"
#include "objfile/symtab.h"

#include <dwarf.h>
#include <stdlib.h>

enum {
	MAX_CHAIN = 1 << 20,
	MAX_FOUND = 50000, /* of one question: all of a large program is no sensible one */
};

/* one function, from all the roots that describe it */
struct found {
	struct func_name name;
	struct str file;
	uint32_t line;
	uint64_t lowest; /* address of its code, UINT64_MAX without any */
	VEC(uint32_t) roots;
	struct wire_out instances;
	uint32_t n_instances;
};

struct search {
	struct dwarf_file *f;
	const struct dwarf_index *x;
	struct hashmap by_key;
	VEC(struct found *) found;
};

static void search_free(struct search *s)
{
	hashmap_free(&s->by_key);
	vec_each(f, &s->found) {
		vec_free(&(*f)->roots);
		wire_out_free(&(*f)->instances);
	}
	vec_free(&s->found);
}

struct str dwfile_attr_file(Dwarf_Die *die, unsigned attribute)
{
	Dwarf_Attribute attr;
	Dwarf_Files *files;
	Dwarf_Word index;
	Dwarf_Die unit, holder;
	size_t n;

	if (!dwarf_attr_integrate(die, attribute, &attr) || dwarf_formudata(&attr, &index))
		return STR_NULL;
	/* the number means the table of the unit in which the attribute stands */
	holder = (Dwarf_Die){ .cu = attr.cu };
	if (!holder.cu || !dwarf_cu_die(holder.cu, &unit, NULL, NULL, NULL, NULL, NULL, NULL) ||
	    dwarf_getsrcfiles(&unit, &files, &n) || index >= n)
		return STR_NULL;
	return str_from(dwarf_filesrc(files, index, NULL, NULL));
}

static uint32_t attr_u32(Dwarf_Die *die, unsigned attribute)
{
	Dwarf_Attribute attr;
	Dwarf_Word v;

	return dwarf_attr_integrate(die, attribute, &attr) && dwarf_formudata(&attr, &v) == 0
		       ? (uint32_t)v
		       : 0;
}

static bool attr_flag(Dwarf_Die *die, unsigned attribute)
{
	Dwarf_Attribute attr;
	bool v = false;

	return dwarf_attr_integrate(die, attribute, &attr) && dwarf_formflag(&attr, &v) == 0 && v;
}

/* ---- one piece of code ---- */

/* the function that this entry with code belongs to: its root, and the scope of its name */
static struct func_name name_of_code(struct dwarf_file *f, const struct dwarf_index *x, uint64_t id)
{
	Dwarf_Attribute attr;
	Dwarf_Die die, next;
	const struct index_root *r;

	if (!dwfile_die(f, id, &die))
		return (struct func_name){ .path = STR_NULL };
	for (int i = 0; i < 8 && dwarf_attr(&die, DW_AT_abstract_origin, &attr); i++) {
		if (!dwarf_formref_die(&attr, &next))
			break;
		die = next;
	}
	r = index_root_of(x, dwfile_id(f, &die));
	return dwfile_func_name(f, &die, r ? r->scope : 0);
}

/*
 * gcc cuts a function in two (.part.N, .cold) and describes the piece like another copy of it. Calls come to the piece from
 * the function alone: it is no entry. Only its symbol tells; piece by piece inlined again, the call stands at the declaration.
 */
static bool is_piece(struct search *s, const struct found *found, const struct index_code *c,
		     Dwarf_Die *die, uint64_t entry)
{
	const struct index_code *around;
	Dwarf_Attribute attr;
	struct symtab *t;
	uint32_t first, n;

	if (dwarf_tag(die) == DW_TAG_inlined_subroutine) {
		around = c->inside ? index_code_of(s->x, c->inside) : NULL;
		return around && around->root == c->root && found->line &&
		       attr_u32(die, DW_AT_call_line) == found->line &&
		       str_eq(dwfile_attr_file(die, DW_AT_call_file), found->file);
	}
	if (!dwarf_attr(die, DW_AT_abstract_origin, &attr))
		return false;
	t = objfile_symtab(s->f->code);
	n = symtab_starting_at(t, entry, &first);
	for (uint32_t i = 0; i < n; i++)
		if (!(t->v[symtab_sorted(t, first + i)].flags &
		      (SYMBOL_CLONE_PART | SYMBOL_CLONE_COLD)))
			return false;
	return n > 0;
}

/* an instance on the wire; false when it has no code after all */
static bool put_instance(struct search *s, struct found *found, const struct index_code *c)
{
	struct dwarf_file *f = s->f;
	struct wire_out *out = &found->instances;
	bool is_inlined, is_approximate = false;
	struct di_range *ranges, *outer_ranges;
	uint64_t *entries, own_entry;
	uint32_t n_ranges, n_entries = 1, n_outer;
	Dwarf_Die die, outer;

	if (!dwfile_die(f, c->die, &die))
		return false;
	is_inlined = dwarf_tag(&die) == DW_TAG_inlined_subroutine;
	n_ranges = dwfile_ranges(f, &die, &ranges);
	if (!n_ranges || (is_inlined && !dwfile_die(f, c->outer, &outer)) ||
	    (!is_inlined && dwarf_tag(&die) != DW_TAG_subprogram))
		return false;
	if (is_inlined) {
		n_entries = dwfile_inline_entries(f, &die, &outer, ranges, n_ranges, &entries,
						  &is_approximate);
	} else {
		own_entry = dwfile_entry(&die, ranges, n_ranges);
		entries = &own_entry;
	}
	if (is_piece(s, found, c, &die, entries[0]))
		return false;
	wire_put_u64(out, c->die);
	wire_put_u8(out, is_inlined);
	wire_put_u8(out, is_approximate);
	wire_put_u32(out, n_entries);
	for (uint32_t i = 0; i < n_entries; i++) {
		wire_put_u64(out, entries[i]);
		if (entries[i] < found->lowest)
			found->lowest = entries[i];
	}
	wire_put_u32(out, n_ranges);
	for (uint32_t i = 0; i < n_ranges; i++) {
		wire_put_u64(out, ranges[i].start);
		wire_put_u64(out, ranges[i].end);
	}
	if (is_inlined) {
		n_outer = dwfile_ranges(f, &outer, &outer_ranges);
		wire_put_str(out, name_of_code(f, s->x, c->inside ? c->inside : c->outer).path);
		wire_put_str(out, dwfile_attr_file(&die, DW_AT_call_file));
		wire_put_u32(out, attr_u32(&die, DW_AT_call_line));
		wire_put_u32(out, attr_u32(&die, DW_AT_call_column));
		wire_put_u64(out, dwfile_entry(&outer, outer_ranges, n_outer));
	}
	found->n_instances++;
	return true;
}

/* own code before inlined copies */
static void put_instances(struct search *s, struct found *found, bool inlined)
{
	vec_each(root, &found->roots) {
		uint32_t steps = 0;

		for (uint32_t c = s->x->roots[*root].code; c < s->x->n_codes && steps++ < MAX_CHAIN;
		     c = s->x->codes[c].next) {
			Dwarf_Die die;

			if (dwfile_die(s->f, s->x->codes[c].die, &die) &&
			    (dwarf_tag(&die) == DW_TAG_inlined_subroutine) == inlined)
				put_instance(s, found, &s->x->codes[c]);
		}
	}
}

/* ---- one function ---- */

static bool is_nocall(struct search *s, struct found *found)
{
	vec_each(root, &found->roots) {
		uint32_t steps = 0;
		Dwarf_Die die;

		if (dwfile_die(s->f, s->x->roots[*root].die, &die) &&
		    attr_u32(&die, DW_AT_calling_convention) == DW_CC_nocall)
			return true;
		for (uint32_t c = s->x->roots[*root].code; c < s->x->n_codes && steps++ < MAX_CHAIN;
		     c = s->x->codes[c].next)
			if (dwfile_die(s->f, s->x->codes[c].die, &die) &&
			    dwarf_tag(&die) == DW_TAG_subprogram &&
			    attr_u32(&die, DW_AT_calling_convention) == DW_CC_nocall)
				return true;
	}
	return false;
}

static void put_found(struct search *s, struct found *found, struct wire_out *out)
{
	uint32_t inlined = 0;
	Dwarf_Die die;

	if (!dwfile_die(s->f, s->x->roots[found->roots.v[0]].die, &die))
		return;
	inlined = attr_u32(&die, DW_AT_inline);
	wire_put_u64(out, s->x->roots[found->roots.v[0]].die);
	wire_put_str(out, found->name.full);
	wire_put_str(out, found->name.plain);
	wire_put_str(out, found->name.linkage);
	wire_put_str(out, found->file);
	wire_put_u32(out, found->line);
	wire_put_u8(out, dwfile_lang(&die));
	wire_put_u8(out, is_nocall(s, found));
	wire_put_u8(out, attr_flag(&die, DW_AT_noreturn));
	wire_put_u8(out, attr_flag(&die, DW_AT_external));
	wire_put_u8(out,
		    inlined == DW_INL_declared_inlined || inlined == DW_INL_declared_not_inlined);
	wire_put_u32(out, found->n_instances);
	if (found->instances.is_too_big || out->is_too_big)
		out->is_too_big = true;
	else
		wire_put_raw(out, strbuf_str(&found->instances.b));
}

/* ---- by name ---- */

static void add_root(struct search *s, uint32_t root, const struct func_name *name, Dwarf_Die *die,
		     struct str file)
{
	struct found *found;
	struct str key;
	uint32_t line = attr_u32(die, DW_AT_decl_line);

	key = arena_printf(&s->f->scratch, "%.*s\n%.*s\n%.*s:%u", STR_ARG(name->full),
			   STR_ARG(name->linkage), STR_ARG(file), line);
	found = hashmap_get(&s->by_key, key);
	if (!found) {
		found = arena_new(&s->f->scratch, struct found);
		found->name = *name;
		found->file = file;
		found->line = line;
		found->lowest = UINT64_MAX;
		hashmap_put(&s->by_key, key, found);
		vec_push(&s->found, found);
	}
	vec_push(&found->roots, root);
}

/* Go's abstract entries name no file: the line table does, at the first code that there is */
static struct str file_of_code(struct search *s, const struct index_root *r)
{
	struct di_range *ranges;
	Dwarf_Lines *lines;
	struct row row;
	Dwarf_Die die;
	size_t n, i;

	if (r->code >= s->x->n_codes || !dwfile_die(s->f, s->x->codes[r->code].die, &die) ||
	    !dwfile_ranges(s->f, &die, &ranges) || !dwfile_rows(s->f, &die, &lines, &n))
		return STR_NULL;
	i = dwfile_row_at(lines, n, ranges[0].start);
	return i < n && dwfile_row(lines, i, &row) && row.addr == ranges[0].start
		       ? str_from(row.file)
		       : STR_NULL;
}

static void try_root(struct search *s, uint32_t root, const struct name_wanted *p, struct str file)
{
	const struct index_root *r;
	struct func_name name;
	struct str decl_file;
	Dwarf_Die die;

	if (root >= s->x->n_roots)
		return;
	r = &s->x->roots[root];
	if (!dwfile_die(s->f, r->die, &die) || dwarf_tag(&die) != DW_TAG_subprogram)
		return;
	name = dwfile_func_name(s->f, &die, r->scope);
	if (!name.path.n || !name_wanted_fits(p, &name))
		return;
	decl_file = dwfile_attr_file(&die, DW_AT_decl_file);
	if (!decl_file.n && dwfile_lang(&die) == LANG_GO)
		decl_file = file_of_code(s, r);
	if (file.n && !name_file_fits(file, decl_file))
		return;
	add_root(s, root, &name, &die, decl_file);
}

static void search_hash(struct search *s, const struct name_wanted *p, uint32_t hash,
			struct str file)
{
	uint64_t n, first = index_find(s->x, hash, &n);

	for (uint64_t i = 0; i < n; i++)
		try_root(s, s->x->names[first + i].root, p, file);
}

static struct err *search_glob(struct search *s, const struct name_wanted *p, struct str file)
{
	for (uint32_t i = 0; i < s->x->n_roots; i++) {
		struct str name = index_string(s->f, s->x->roots[i].name);
		struct str linkage = index_string(s->f, s->x->roots[i].linkage);

		if (!name_wanted_may_fit(p, name, linkage))
			continue;
		try_root(s, i, p, file);
		if (s->found.n > MAX_FOUND)
			return err_new(0, "more than %d functions fit '%.*s'", MAX_FOUND,
				       STR_ARG(p->text));
	}
	return NULL;
}

static int compare_found(const void *a, const void *b)
{
	const struct found *x = *(struct found *const *)a, *y = *(struct found *const *)b;

	if (x->lowest != y->lowest)
		return x->lowest < y->lowest ? -1 : 1;
	return str_cmp(x->name.full, y->name.full);
}

static void put_all(struct search *s, struct wire_out *out)
{
	vec_each(f, &s->found) {
		put_instances(s, *f, false);
		put_instances(s, *f, true);
	}
	if (s->found.n)
		qsort(s->found.v, s->found.n, sizeof(*s->found.v), compare_found);
	wire_put_u32(out, (uint32_t)s->found.n);
	vec_each(f, &s->found)
		put_found(s, *f, out);
	search_free(s);
}

struct err *dwarf_do_functions(struct dwarf_file *f, struct wire_in *in, struct wire_out *out)
{
	struct str text = wire_get_str(in), file = wire_get_str(in);
	struct search s = { .f = f };
	struct name_wanted p;

	name_wanted_init(&p, text, &f->scratch);
	TRY(index_get(f, &s.x));
	if (p.pattern.is_wild) {
		struct err *e = search_glob(&s, &p, file);

		if (e) {
			search_free(&s);
			return e;
		}
	} else {
		search_hash(&s, &p, p.hash, file);
		if (p.whole_hash != p.hash)
			search_hash(&s, &p, p.whole_hash, file);
	}
	if (!s.found.n && f->missing_split) {
		search_free(&s);
		return err_new(0, "parts of it lie elsewhere and were not found ('%s')",
			       f->missing_split);
	}
	put_all(&s, out);
	return NULL;
}

/* ---- by address ---- */

struct err *dwarf_do_function_at(struct dwarf_file *f, struct wire_in *in, struct wire_out *out)
{
	uint64_t addr = wire_get_u64(in);
	struct search s = { .f = f };
	const struct index_root *r;
	const struct index_code *c;
	struct func_name name;
	Dwarf_Die die;

	TRY(index_get(f, &s.x));
	c = dwfile_code_at(f, s.x, addr);
	if (c && c->root < s.x->n_roots) {
		r = &s.x->roots[c->root];
		if (dwfile_die(f, r->die, &die) && dwarf_tag(&die) == DW_TAG_subprogram) {
			name = dwfile_func_name(f, &die, r->scope);
			add_root(&s, c->root, &name, &die, dwfile_attr_file(&die, DW_AT_decl_file));
		}
	}
	put_all(&s, out);
	return NULL;
}
