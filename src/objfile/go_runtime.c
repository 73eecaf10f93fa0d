/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * runtime.firstmoduledata, offsets by version and run-time types; see go_runtime.h. What differs between versions is in
 * tables, each row checked against the DWARF of binaries that this version made (tests/unit/test_objfile_go.c).
 */
#include "objfile/go_runtime.h"

#include "objfile/go_private.h"

#include <elf.h>

/* --- by version --------------------------------------------------------------------------------------------------- */

static const struct version_facts {
	unsigned from, to; /* Go 1.from .. 1.to */
	int32_t goid;      /* offset in runtime.g */
	uint8_t wrapper;   /* internal/abi.FuncIDWrapper */
	uint8_t types;     /* index of the word moduledata.types */
} versions[] = {
	{ 18, 19, 152, 21, 35 }, { 20, 21, 152, 21, 37 }, { 22, 22, 152, 22, 37 },
	{ 23, 24, 160, 22, 37 }, { 25, 26, 152, 23, 37 },
};

enum { WORD_PC_HEADER = 0, WORD_NAMES = 1, WORD_TEXT = 22, WORD_ETEXT = 23 };

static const struct version_facts *facts_of(unsigned minor)
{
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
		if (minor >= versions[i].from && minor <= versions[i].to)
			return &versions[i];
	return NULL;
}

uint8_t go_wrapper_id(unsigned minor)
{
	const struct version_facts *v = facts_of(minor);

	return v ? v->wrapper : 0;
}

/* --- moduledata --------------------------------------------------------------------------------------------------- */

static uint64_t word(struct objfile *f, const struct go_module *m, unsigned index)
{
	uint64_t v;

	return go_read_word(f, m->addr + index * 8ULL, &v) ? v : 0;
}

static bool is_module_at(struct objfile *f, uint64_t addr, uint64_t names_addr)
{
	struct go_module m = { .addr = addr };
	uint64_t text = word(f, &m, WORD_TEXT), etext = word(f, &m, WORD_ETEXT);

	return word(f, &m, WORD_NAMES) == names_addr && text < etext &&
	       objfile_is_exec_vaddr(f, text) && objfile_is_exec_vaddr(f, etext - 1);
}

void go_module_find(struct objfile *f, struct go_info *g, uint64_t tab_addr, uint64_t names_addr)
{
	const struct version_facts *v = facts_of(objfile_go_buildinfo(f)->minor);
	const struct objfile_section *s;
	struct go_module *m = &g->module;
	uint64_t at = 0;

	if (g->has_module)
		return;
	g->has_module = true;
	/* Go 1.26 gives it a section; before, it is somewhere in the data */
	s = objfile_find_section(f, STR(".go.module"));
	if (s && is_module_at(f, s->addr, names_addr))
		m->addr = s->addr;
	for (int tries = 0; !m->addr && tries < 16 && go_find_word(f, tab_addr, at, &at);
	     tries++, at += 8)
		if (is_module_at(f, at, names_addr))
			m->addr = at;
	if (!m->addr)
		return;
	m->text = word(f, m, WORD_TEXT);
	m->etext = word(f, m, WORD_ETEXT);
	if (!v)
		return;
	/* types, etypes, rodata, gofunc */
	m->types = word(f, m, v->types);
	m->etypes = word(f, m, v->types + 1U);
	m->gofunc = word(f, m, v->types + 3U);
	if (m->etypes < m->types || !objfile_section_at(f, m->types))
		m->types = m->etypes = 0;
}

/* a program's own thread-local block ends at the thread pointer; g is alone in it unless C code has variables there */
static int32_t tls_offset(const struct objfile *f)
{
	if (f->kind == OBJFILE_DYN && !f->interp.n)
		return 0;
	for (uint32_t i = 0; i < f->n_segments; i++)
		if (f->segments[i].type == PT_TLS && f->segments[i].memsz > 8)
			return 0;
	return -8;
}

const struct go_runtime_facts *objfile_go_facts(struct objfile *f)
{
	struct go_info *g = go_info_of(f);
	const struct version_facts *v;

	if (!g->is_go)
		return NULL;
	if (g->has_facts)
		return &g->facts;
	g->has_facts = true;
	objfile_go_pclntab(f); /* finds the module */
	g->facts.minor = objfile_go_buildinfo(f)->minor;
	v = facts_of(g->facts.minor);
	g->facts.has_reg_abi = g->facts.minor >= 17;
	g->facts.goid_offset = v ? v->goid : -1;
	g->facts.g_tls_offset = tls_offset(f);
	g->facts.module = g->module;
	return &g->facts;
}

/* --- run-time types ----------------------------------------------------------------------------------------------- */

/* abi.Type (reflect's rtype): the same from Go 1.17 on */
enum {
	TYPE_FLAGS = 20,
	TYPE_KIND = 23,
	TYPE_STR = 40,
	TYPE_SIZE = 48,
	FLAG_EXTRA_STAR = 2,
	KIND_MASK = 31,
	KIND_LAST = 26,
	MAX_NAME = 4096
};

/* a name: a byte of flags, the length as varint, the text */
static bool read_name(struct objfile *f, uint64_t addr, uint64_t end, struct arena *a,
		      struct str *ret)
{
	uint8_t head[6];
	size_t room = end - addr < sizeof(head) ? end - addr : sizeof(head);
	struct bytes b = bytes_make(head, room);
	uint64_t n;
	char *text;

	if (!objfile_read_vaddr(f, addr, head, room))
		return false;
	bytes_u8(&b);
	n = bytes_uleb(&b);
	if (b.bad || n == 0 || n > MAX_NAME || n > end - addr - b.pos)
		return false;
	text = arena_alloc(a, n + 1);
	if (!objfile_read_vaddr(f, addr + b.pos, text, n))
		return false;
	*ret = str_make(text, n);
	return true;
}

static bool read_type(struct objfile *f, uint64_t addr, uint8_t raw[TYPE_SIZE])
{
	const struct go_runtime_facts *facts = objfile_go_facts(f);
	const struct go_module *m = facts ? &facts->module : NULL;

	return m && m->types && addr >= m->types && addr < m->etypes && addr % 8 == 0 &&
	       objfile_read_vaddr(f, addr, raw, TYPE_SIZE);
}

struct str go_type_name_at(struct objfile *f, uint64_t addr, struct arena *a)
{
	struct str name = STR_NULL;
	const struct go_module *m;
	uint8_t raw[TYPE_SIZE];
	int32_t offset;

	if (!read_type(f, addr, raw))
		return STR_NULL;
	m = &objfile_go_facts(f)->module;
	memcpy(&offset, raw + TYPE_STR, sizeof(offset));
	if (offset <= 0 || (uint64_t)offset >= m->etypes - m->types ||
	    !read_name(f, m->types + (uint64_t)offset, m->etypes, a, &name))
		return STR_NULL;
	/* most types share the text of the pointer to them: "*main.P" without its star */
	if ((raw[TYPE_FLAGS] & FLAG_EXTRA_STAR) && name.p[0] == '*')
		name = str_sub(name, 1, name.n);
	return name;
}

uint8_t go_type_kind_at(struct objfile *f, uint64_t addr)
{
	uint8_t raw[TYPE_SIZE];
	uint8_t kind = read_type(f, addr, raw) ? raw[TYPE_KIND] & KIND_MASK : 0;

	return kind <= KIND_LAST ? kind : 0;
}
