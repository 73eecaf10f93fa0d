/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading and merging of symbol tables; see symtab.h. Searching lives in symtab_find.c.
 *
 * One pass over each table keeps what a probe or an address can mean: functions, objects, labels in code. The order is
 * that of the tables and nothing is sorted or hashed yet, because many runs only walk over the names once.
 */
#include "objfile/symtab.h"

#include "base/log.h"
#include "base/vec.h"
#include "objfile/debugfile.h"
#include "objfile/symtab_private.h"

#include <elf.h>

/* --- clones ---------------------------------------------------------------------------------------------------- */

static const struct clone_suffix {
	struct str text;
	uint16_t flag;
	bool may_end; /* needs no ".N" behind it */
} clone_suffixes[] = {
	{ STR_INIT(".part"), SYMBOL_CLONE_PART, false },
	{ STR_INIT(".cold"), SYMBOL_CLONE_COLD, true },
	{ STR_INIT(".constprop"), SYMBOL_CLONE_CONST, false },
	{ STR_INIT(".isra"), SYMBOL_CLONE_ISRA, false },
	{ STR_INIT(".lto_priv"), SYMBOL_RENAMED, false },
	{ STR_INIT(".llvm"), SYMBOL_RENAMED, false },
	{ STR_INIT(".__uniq"), SYMBOL_RENAMED, false },
};

/* ".part.0" and the like at the end of *name are cut off; several may follow each other: "f.isra.0.part.1" */
static uint16_t cut_clone_suffix(struct str *name)
{
	uint16_t flags = 0;

	for (;;) {
		struct str rest = *name;
		const struct clone_suffix *found = NULL;
		bool number = false;

		while (rest.n && rest.p[rest.n - 1] >= '0' && rest.p[rest.n - 1] <= '9')
			rest.n--;
		if (rest.n < name->n && rest.n && rest.p[rest.n - 1] == '.') {
			number = true;
			rest.n--;
		} else {
			rest = *name;
		}
		for (size_t i = 0; i < sizeof(clone_suffixes) / sizeof(clone_suffixes[0]); i++) {
			const struct clone_suffix *c = &clone_suffixes[i];

			if (str_ends(rest, c->text) && rest.n > c->text.n && (number || c->may_end))
				found = c;
		}
		if (!found)
			return flags;
		flags |= found->flag;
		*name = str_sub(rest, 0, rest.n - found->text.n);
	}
}

struct str symbol_base_name(const struct symbol *s)
{
	struct str name = symbol_name(s);

	cut_clone_suffix(&name);
	return name;
}

/* --- reading --------------------------------------------------------------------------------------------------- */

void symtab_push(struct symtab *t, struct symbol s)
{
	size_t cap = t->priv->cap;

	vec_grow((void **)&t->v, &cap, (size_t)t->n + 1, sizeof(*t->v));
	t->priv->cap = (uint32_t)cap;
	if (s.flags & SYMBOL_CLONE_ENTRY)
		vec_push(&t->priv->clones, t->n);
	t->v[t->n++] = s;
}

const struct symbol *symtab_clone(const struct symtab *t, uint32_t i)
{
	return i < t->priv->clones.n ? &t->v[t->priv->clones.v[i]] : NULL;
}

/* which of our types an entry is; false: of no interest */
static bool classify(const struct objfile *f, const Elf64_Sym *es, struct symbol *s)
{
	/* what is not loaded has no address (glibc's link warnings) */
	if (es->st_shndx < f->n_sections && !(f->sections[es->st_shndx].flags & SHF_ALLOC))
		return false;
	switch (ELF64_ST_TYPE(es->st_info)) {
	case STT_FUNC: s->type = SYMBOL_FUNC; break;
	case STT_GNU_IFUNC: s->type = SYMBOL_IFUNC; break;
	case STT_OBJECT: s->type = SYMBOL_OBJECT; break;
	case STT_NOTYPE:
		/* labels of assembly; linker-made marks in data are nothing to probe or to name addresses with */
		if (es->st_shndx >= f->n_sections ||
		    !(f->sections[es->st_shndx].flags & SHF_EXECINSTR))
			return false;
		s->type = SYMBOL_NOTYPE;
		break;
	default: /* sections, files, thread-local offsets */ return false;
	}
	switch (ELF64_ST_BIND(es->st_info)) {
	case STB_LOCAL: s->bind = SYMBOL_LOCAL; break;
	case STB_WEAK: s->bind = SYMBOL_WEAK; break;
	default: s->bind = SYMBOL_GLOBAL;
	}
	if (es->st_shndx == SHN_ABS) {
		if (s->type != SYMBOL_OBJECT)
			return false;
		s->flags |= SYMBOL_ABSOLUTE;
	}
	return true;
}

/* the name as the programmer's tools show it: without version; false for PLT stubs and empty names */
static bool take_name(struct symbol *s, const char *name, size_t room)
{
	const char *nul = memchr(name, 0, room);
	const char *at;
	struct str cut;

	if (!nul || nul == name || (size_t)(nul - name) > UINT32_MAX / 2)
		return false;
	s->name = name;
	s->name_len = (uint32_t)(nul - name);
	at = memchr(name, '@', s->name_len);
	if (at && at > name) {
		if (str_is(str_from(at), "@plt"))
			return false;
		s->name_len = (uint32_t)(at - name);
		s->flags |= SYMBOL_VERSIONED;
	}
	/* only names with a dot can have a suffix; most have none */
	if (memchr(name, '.', s->name_len)) {
		cut = symbol_name(s);
		s->flags |= cut_clone_suffix(&cut);
	}
	return true;
}

static uint32_t seen_hash(const struct symbol *s)
{
	uint64_t h = s->addr * 0x9e3779b97f4a7c15ULL;

	h ^= (uint64_t)s->name_len << 40 | (uint64_t)(uint8_t)s->name[0] << 32 |
	     (uint8_t)s->name[s->name_len - 1];
	h *= 0xff51afd7ed558ccdULL;
	return (uint32_t)(h >> 32);
}

void symtab_seen_init(struct symtab_seen *seen, const struct symtab *t)
{
	uint32_t n = 16;

	while (n < t->n * 2u)
		n *= 2;
	seen->slots = base_alloc(n * sizeof(uint32_t));
	seen->mask = n - 1;
	for (uint32_t i = 0; i < t->n; i++) {
		uint32_t h = seen_hash(&t->v[i]) & seen->mask;

		while (seen->slots[h])
			h = (h + 1) & seen->mask;
		seen->slots[h] = i + 1;
	}
}

bool symtab_seen_has(const struct symtab_seen *seen, const struct symtab *t, const struct symbol *s)
{
	for (uint32_t h = seen_hash(s) & seen->mask; seen->slots[h]; h = (h + 1) & seen->mask) {
		const struct symbol *other = &t->v[seen->slots[h] - 1];

		if (other->addr == s->addr && str_eq(symbol_name(other), symbol_name(s)))
			return true;
	}
	return false;
}

static void note_malformed(struct symtab *t, struct objfile *f, const struct objfile_section *s,
			   const char *what)
{
	strbuf_printf(&t->notes, "'%s': symbol table '%.*s': %s\n", f->path, STR_ARG(s->name),
		      what);
}

/* local symbols stand behind the name of the source file that they are from; the first that is not local ends it */
static void note_source_file(struct symtab *t, const Elf64_Sym *es, const struct bytes *names)
{
	struct symtab_private *p = t->priv;
	bool is_file = ELF64_ST_TYPE(es->st_info) == STT_FILE;
	struct symtab_source src = { .first = t->n };

	if (!is_file && (ELF64_ST_BIND(es->st_info) == STB_LOCAL || p->sources.n == 0 ||
			 vec_last(&p->sources).name == NULL))
		return;
	if (is_file && es->st_name && es->st_name < names->n &&
	    memchr(names->p + es->st_name, 0, names->n - es->st_name))
		src.name = (const char *)names->p + es->st_name;
	vec_push(&p->sources, src);
}

struct str symtab_source_file(struct symtab *t, const struct symbol *s)
{
	const struct symtab_private *p = t->priv;
	uint32_t index = (uint32_t)(s - t->v);
	size_t lo = 0, hi = p->sources.n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (p->sources.v[mid].first <= index)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo && p->sources.v[lo - 1].name ? str_from(p->sources.v[lo - 1].name) : STR_NULL;
}

static void read_table(struct symtab *t, struct objfile *f, const struct objfile_section *sec)
{
	struct bytes entries, names;
	struct symtab_seen seen = { 0 };
	struct err *e;
	size_t n;

	if (sec->entsize != sizeof(Elf64_Sym) || sec->link == 0 || sec->link >= f->n_sections) {
		note_malformed(t, f, sec, "wrong entry size or no string table");
		return;
	}
	e = objfile_section_bytes(f, sec, &entries);
	if (!e)
		e = objfile_section_bytes(f, &f->sections[sec->link], &names);
	if (e) {
		err_format(e, &t->notes);
		strbuf_putc(&t->notes, '\n');
		err_free(e);
		return;
	}
	if (t->n)
		symtab_seen_init(&seen, t);
	n = entries.n / sizeof(Elf64_Sym);
	if (n > UINT32_MAX / 2)
		n = UINT32_MAX / 2;
	for (size_t i = 1; i < n; i++) {
		struct symbol s = { 0 };
		Elf64_Sym es;

		memcpy(&es, entries.p + i * sizeof(es), sizeof(es));
		note_source_file(t, &es, &names);
		if (es.st_shndx == SHN_UNDEF || es.st_name >= names.n || !classify(f, &es, &s))
			continue;
		if (!take_name(&s, (const char *)names.p + es.st_name, names.n - es.st_name))
			continue;
		s.addr = es.st_value;
		s.size = es.st_size;
		if (!seen.slots || !symtab_seen_has(&seen, t, &s))
			symtab_push(t, s);
	}
	free(seen.slots);
}

/* every table of the type; true when there was one with bytes in the file */
static bool read_tables(struct symtab *t, struct objfile *f, uint32_t type)
{
	bool any = false;

	for (uint32_t i = 1; i < f->n_sections; i++) {
		if (f->sections[i].type != type || f->sections[i].size == 0)
			continue;
		read_table(t, f, &f->sections[i]);
		any = true;
	}
	return any;
}

/* which tables had symbols, and what was wrong with others, for -v */
static void say_sources(const struct objfile *f, const struct symtab *t)
{
	struct str notes = strbuf_str(&t->notes);
	STRBUF_AUTO from = { 0 };

	if (log_level < 1)
		return;
	if (t->has_symtab)
		strbuf_puts(&from, ", .symtab");
	if (t->has_debug_file)
		strbuf_printf(&from, ", debug file '%s'", t->debug_path);
	if (t->has_minidebug)
		strbuf_puts(&from, ", MiniDebugInfo");
	if (t->has_dynsym)
		strbuf_puts(&from, ", .dynsym");
	if (t->has_gopclntab)
		strbuf_puts(&from, ", .gopclntab");
	log_verbose("'%s': %u symbols%s%s", f->path, t->n, from.n ? " from " : "",
		    from.n ? strbuf_cstr(&from) + 2 : "");
	while (notes.n) {
		struct str line = str_split(&notes, '\n');

		log_verbose("%.*s", STR_ARG(line));
	}
}

struct symtab *objfile_symtab(struct objfile *f)
{
	struct symtab *t = f->priv->symtab;

	if (t)
		return t;
	t = base_alloc(sizeof(*t));
	t->priv = base_alloc(sizeof(*t->priv));
	t->priv->file = f;
	f->priv->symtab = t;
	if (f->kind == OBJFILE_REL || f->kind == OBJFILE_CORE) {
		strbuf_printf(&t->notes, "'%s' is neither a program nor a library\n", f->path);
		return t;
	}
	t->has_symtab = read_tables(t, f, SHT_SYMTAB);
	if (!t->has_symtab) {
		struct objfile *d = debugfile_find(f, &t->notes);

		if (d) {
			t->priv->extra[0] = d;
			t->debug_path = base_strdup(d->path);
			t->has_debug_file = read_tables(t, d, SHT_SYMTAB);
		}
	}
	if (!t->has_symtab && !t->has_debug_file) {
		struct objfile *d = debugfile_minidebug(f, &t->notes);

		if (d) {
			t->priv->extra[1] = d;
			t->has_minidebug = read_tables(t, d, SHT_SYMTAB);
		}
	}
	t->has_dynsym = read_tables(t, f, SHT_DYNSYM);
	go_symtab_add(t, f);
	say_sources(f, t);
	return t;
}

void symtab_free(struct symtab *t)
{
	if (!t)
		return;
	for (int i = 0; i < 2; i++)
		objfile_unref(t->priv->extra[i]);
	vec_free(&t->priv->sources);
	vec_free(&t->priv->clones);
	free(t->priv->sorted);
	free(t->priv->max_end);
	free(t->priv->slots);
	free(t->priv->next);
	free(t->priv);
	free(t->debug_path);
	strbuf_free(&t->notes);
	free(t->v);
	free(t);
}
