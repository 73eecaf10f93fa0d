/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reader of .gopclntab; see go_pclntab.h. Lines, frame sizes and inlining are in go_pcvalue.c.
 *
 *   header | names | file indexes of each package | file names | pc tables | functab, _func records
 *
 * functab is sorted by address: pairs of an address (from the start of the text) and the offset of a _func record, which
 * names the function and its pc tables. Finding the table: its section; where an external linker merged that into
 * another one, the header's magic in read-only data.
 */
#include "objfile/go_pclntab.h"

#include "objfile/go_pclntab_private.h"

#include <elf.h>

static const struct {
	uint32_t magic;
	enum go_tab_version version;
} magics[] = {
	{ 0xfffffffa, GO_TAB_1_16 },
	{ 0xfffffff0, GO_TAB_1_18 },
	{ 0xfffffff1, GO_TAB_1_20 },
};

static bool find_version(uint32_t magic, enum go_tab_version *ret)
{
	for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++)
		if (magics[i].magic == magic) {
			*ret = magics[i].version;
			return true;
		}
	return false;
}

/* the part of the table from an offset of the header on */
static bool part(const struct bytes *all, uint64_t from, struct bytes *ret)
{
	if (from > all->n)
		return false;
	*ret = bytes_make(all->p + from, all->n - from);
	return true;
}

static bool read_header(struct go_pclntab *t, struct bytes b)
{
	uint64_t n_func, names, cu, files, pc, funcs;
	uint8_t pad, ptr_size;

	if (!find_version(bytes_u32(&b), &t->version))
		return false;
	pad = bytes_u8(&b) | bytes_u8(&b);
	t->min_lc = bytes_u8(&b);
	ptr_size = bytes_u8(&b);
	n_func = bytes_u64(&b);
	bytes_u64(&b); /* number of files */
	t->header_text = t->version >= GO_TAB_1_18 ? bytes_u64(&b) : 0;
	names = bytes_u64(&b);
	cu = bytes_u64(&b);
	files = bytes_u64(&b);
	pc = bytes_u64(&b);
	funcs = bytes_u64(&b);
	if (b.bad || pad || ptr_size != 8 || !(t->min_lc == 1 || t->min_lc == 2 || t->min_lc == 4))
		return false;
	b = bytes_make(b.p, b.n);
	if (!part(&b, names, &t->names) || !part(&b, cu, &t->cus) || !part(&b, files, &t->files) ||
	    !part(&b, pc, &t->pcs) || !part(&b, funcs, &t->funcs))
		return false;
	/* one more address than functions: the end of the last */
	t->entry_size = t->version >= GO_TAB_1_18 ? 8 : 16;
	if (!n_func || n_func > UINT32_MAX / 2 ||
	    n_func * t->entry_size + t->entry_size / 2 > t->funcs.n)
		return false;
	t->n_funcs = (uint32_t)n_func;
	t->names_offset = names;
	t->names_size = cu > names ? cu - names : t->names.n;
	return true;
}

/* the header anywhere in a section's bytes; its words are aligned */
static bool search_header(struct go_pclntab *t, const struct objfile_section *s, struct bytes b)
{
	for (size_t at = (8 - s->addr % 8) % 8; at + 8 <= b.n; at += 8) {
		uint32_t magic;
		enum go_tab_version version;

		memcpy(&magic, b.p + at, 4);
		if (!find_version(magic, &version) ||
		    !read_header(t, bytes_make(b.p + at, b.n - at)))
			continue;
		t->addr = s->addr + at;
		return true;
	}
	return false;
}

static bool try_section(struct objfile *f, struct go_pclntab *t, const struct objfile_section *s,
			bool anywhere)
{
	struct bytes b;
	struct err *e;

	if (!s || s->type != SHT_PROGBITS || !(s->flags & SHF_ALLOC) || (s->flags & SHF_EXECINSTR))
		return false;
	e = objfile_section_bytes(f, s, &b);
	if (e) {
		err_free(e);
		return false;
	}
	if (anywhere)
		return search_header(t, s, b);
	t->addr = s->addr;
	return read_header(t, b);
}

static bool find_table(struct objfile *f, struct go_pclntab *t)
{
	static const struct str names[] = { STR_INIT(".gopclntab"),
					    STR_INIT(".data.rel.ro.gopclntab") };
	static const struct str merged[] = { STR_INIT(".data.rel.ro"), STR_INIT(".rodata") };

	for (size_t i = 0; i < 2; i++)
		if (try_section(f, t, objfile_find_section(f, names[i]), false))
			return true;
	for (size_t i = 0; i < 2; i++)
		if (try_section(f, t, objfile_find_section(f, merged[i]), true))
			return true;
	return false;
}

/* what functab's addresses count from */
static bool find_text(struct objfile *f, struct go_pclntab *t, const struct go_module *m)
{
	const struct objfile_section *s;

	if (t->version < GO_TAB_1_18) {
		t->text = 0;
		/* a PIE's table of this age holds relocated addresses only in memory */
		return f->kind == OBJFILE_EXEC;
	}
	if (m->text && objfile_is_exec_vaddr(f, m->text)) {
		t->text = m->text;
		return true;
	}
	/* the header's own word; a PIE's is relocated */
	if (go_read_word(f, t->addr + GO_HEADER_TEXT, &t->text) && t->text &&
	    objfile_is_exec_vaddr(f, t->text))
		return true;
	s = objfile_find_section(f, STR(".text"));
	t->text = s ? s->addr : 0;
	return s != NULL;
}

/* functions' data in read-only memory */
static void take_trees(struct objfile *f, struct go_pclntab *t, uint64_t gofunc)
{
	const struct objfile_section *s = gofunc ? objfile_section_at(f, gofunc) : NULL;
	struct err *e;

	if (!s)
		return;
	e = objfile_section_bytes(f, s, &t->trees);
	t->gofunc = e ? 0 : gofunc;
	t->trees_addr = s->addr;
	err_free(e);
}

struct go_pclntab *objfile_go_pclntab(struct objfile *f)
{
	struct go_info *g = go_info_of(f);
	struct go_pclntab *t;

	if (g->has_tab)
		return g->tab;
	g->has_tab = true;
	if (!g->is_go)
		return NULL;
	t = arena_new(&g->arena, struct go_pclntab);
	t->rows_left = arena_new(&g->arena, uint64_t);
	*t->rows_left = GO_ROWS_MAX;
	if (!find_table(f, t))
		return NULL;
	t->wrapper_id = go_wrapper_id(objfile_go_buildinfo(f)->minor);
	go_module_find(f, g, t->addr, t->addr + t->names_offset);
	if (!find_text(f, t, &g->module))
		return NULL;
	t->file = f;
	take_trees(f, t, g->module.gofunc);
	g->tab = t;
	return t;
}

/* --- functions ---------------------------------------------------------------------------------------------------- */

uint32_t go_pclntab_count(const struct go_pclntab *t)
{
	return t->n_funcs;
}

/* address of the i-th function; i == n_funcs: the end of the last */
static uint64_t entry_addr(const struct go_pclntab *t, uint32_t i)
{
	uint64_t v = 0;

	memcpy(&v, t->funcs.p + (size_t)i * t->entry_size, t->entry_size / 2);
	return t->text + v;
}

struct str go_tab_name(const struct go_pclntab *t, int32_t offset)
{
	struct bytes b = t->names;

	if (offset < 0)
		return STR_NULL;
	bytes_seek(&b, (size_t)offset);
	return bytes_cstr(&b);
}

bool go_tab_record(const struct go_pclntab *t, uint32_t i, struct go_record *r)
{
	struct bytes b = t->funcs;
	uint64_t offset = 0;
	uint8_t n_funcdata;

	if (i >= t->n_funcs)
		return false;
	memcpy(&offset, b.p + (size_t)i * t->entry_size + t->entry_size / 2, t->entry_size / 2);
	bytes_seek(&b, offset);
	*r = (struct go_record){ .entry = entry_addr(t, i), .end = entry_addr(t, i + 1) };
	bytes_take(&b, t->version >= GO_TAB_1_18 ? 4 : 8); /* the entry again */
	r->name = (int32_t)bytes_u32(&b);
	r->args = bytes_u32(&b);
	bytes_u32(&b); /* deferreturn */
	r->pcsp = bytes_u32(&b);
	r->pcfile = bytes_u32(&b);
	r->pcln = bytes_u32(&b);
	r->n_pcdata = bytes_u32(&b);
	r->cu = bytes_u32(&b);
	r->start_line = t->version >= GO_TAB_1_20 ? bytes_u32(&b) : 0;
	r->id = bytes_u8(&b);
	r->flags = bytes_u8(&b);
	bytes_u8(&b); /* padding */
	n_funcdata = bytes_u8(&b);
	if (b.bad || r->end <= r->entry || r->n_pcdata > 64)
		return false;
	r->pcdata = bytes_make(b.p + b.pos, bytes_left(&b));
	bytes_take(&b, (size_t)r->n_pcdata * 4);
	if (b.bad)
		return false;
	r->pcdata.n = (size_t)r->n_pcdata * 4;
	r->funcdata = bytes_make(b.p + b.pos, 0);
	if (t->version >= GO_TAB_1_18 && bytes_take(&b, (size_t)n_funcdata * 4))
		r->funcdata.n = (size_t)n_funcdata * 4;
	return true;
}

bool go_pclntab_func(const struct go_pclntab *t, uint32_t i, struct go_func *ret)
{
	struct go_record r;
	uint64_t end;

	if (!go_tab_record(t, i, &r))
		return false;
	*ret = (struct go_func){ .name = go_tab_name(t, r.name),
				 .addr = r.entry,
				 .size = r.end - r.entry,
				 .index = i,
				 .args_bytes = r.args,
				 .start_line = r.start_line,
				 .is_wrapper = t->wrapper_id && r.id == t->wrapper_id,
				 .is_asm = r.flags & GO_FLAG_ASM,
				 .is_top = r.flags & GO_FLAG_TOP,
				 .is_switch = r.flags & GO_FLAG_SWITCH };
	/* the table of frame sizes ends where the instructions do */
	end = go_pcvalue_end(t, &r, r.pcsp);
	if (end > r.entry && end < r.end)
		ret->size = end - r.entry;
	return ret->name.n != 0;
}

bool go_tab_find(const struct go_pclntab *t, uint64_t pc, uint32_t *ret)
{
	uint32_t lo = 0, hi = t->n_funcs;

	if (pc < entry_addr(t, 0) || pc >= entry_addr(t, t->n_funcs))
		return false;
	while (hi - lo > 1) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (entry_addr(t, mid) <= pc)
			lo = mid;
		else
			hi = mid;
	}
	*ret = lo;
	return true;
}

bool go_pclntab_at(const struct go_pclntab *t, uint64_t pc, struct go_func *ret)
{
	uint32_t i;

	return go_tab_find(t, pc, &i) && go_pclntab_func(t, i, ret);
}
