/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sections, symbols, relocations, BTF and .BTF.ext into an ELF file for eBPF. */
#include "object/emit_private.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

/* header of .BTF.ext, version 1 without relocations of fields */
struct btf_ext_head {
	uint16_t magic;
	uint8_t version, flags;
	uint32_t hdr_len, func_info_off, func_info_len, line_info_off, line_info_len;
};

/* names into the BTF's strings have to be there before it is written */
static void make_btf_ext(struct emitter *e, struct strbuf *out)
{
	const uint32_t record = 8;
	struct btf_ext_head h = { .magic = BTF_MAGIC, .version = BTF_VERSION, .hdr_len = sizeof(h) };
	STRBUF_AUTO info = { 0 };

	strbuf_add(&info, &record, sizeof(record));
	vec_each(it, &e->sections) {
		const struct emit_section *s = *it;
		uint32_t head[2] = { 0, (uint32_t)s->funcs.n };
		STRBUF_AUTO name = { 0 };

		if (!s->funcs.n)
			continue;
		strbuf_add_str(&name, s->name);
		head[0] = (uint32_t)btf__add_str(e->btf, strbuf_cstr(&name));
		strbuf_add(&info, head, sizeof(head));
		strbuf_add(&info, s->funcs.v, s->funcs.n * sizeof(*s->funcs.v));
	}
	h.func_info_len = (uint32_t)info.n;
	h.line_info_off = h.func_info_len;
	strbuf_add(out, &h, sizeof(h));
	strbuf_add_str(out, strbuf_str(&info));
}

struct writing {
	struct emitter *e;
	Elf *elf;
	struct strbuf names;
	uint32_t *sym_index; /* by our number: that in the file, where local ones come first */
	uint32_t symtab;
};

static uint32_t put_name(struct writing *w, struct str name)
{
	uint32_t at = (uint32_t)w->names.n;

	strbuf_add_str(&w->names, name);
	strbuf_putc(&w->names, 0);
	return at;
}

/* the bytes stay where they are until the file is written */
static size_t add_scn(struct writing *w, struct str name, GElf_Shdr h, const void *data, size_t n,
		      Elf_Type type)
{
	Elf_Scn *scn = elf_newscn(w->elf);
	Elf_Data *d = scn ? elf_newdata(scn) : NULL;

	if (!d)
		return 0;
	d->d_buf = (void *)(uintptr_t)data;
	d->d_size = n;
	d->d_align = h.sh_addralign = 8;
	d->d_type = type;
	d->d_version = EV_CURRENT;
	h.sh_name = put_name(w, name);
	return gelf_update_shdr(scn, &h) ? elf_ndxscn(scn) : 0;
}

static void make_symbols(struct writing *w, struct strbuf *out, uint32_t *n_local)
{
	Elf64_Sym none = { 0 };
	uint32_t n = 1;

	strbuf_add(out, &none, sizeof(none));
	for (int pass = 0; pass < 2; pass++) {
		for (uint32_t i = 0; i < w->e->symbols.n; i++) {
			const struct emit_symbol *s = &w->e->symbols.v[i];
			Elf64_Sym sym = { .st_info = s->info,
					  .st_shndx = (uint16_t)s->section,
					  .st_value = s->value,
					  .st_size = s->size };

			if ((GELF_ST_BIND(s->info) != STB_LOCAL) != (pass == 1))
				continue;
			sym.st_name = s->name.n ? put_name(w, s->name) : 0;
			w->sym_index[i + 1] = n++;
			strbuf_add(out, &sym, sizeof(sym));
		}
		if (pass == 0)
			*n_local = n;
	}
}

static bool add_relocs(struct writing *w, uint32_t section, struct strbuf *kept)
{
	const struct emit_section *s = emit_section_at(w->e, section);
	STRBUF_AUTO name = { 0 };
	GElf_Shdr h = { .sh_type = SHT_REL,
			.sh_link = w->symtab,
			.sh_info = section,
			.sh_entsize = sizeof(Elf64_Rel) };

	vec_each(r, &s->relocs) {
		Elf64_Rel rel = { .r_offset = r->offset,
				  .r_info = ELF64_R_INFO((uint64_t)w->sym_index[r->symbol],
							 r->type) };

		strbuf_add(kept, &rel, sizeof(rel));
	}
	strbuf_printf(&name, ".rel%.*s", STR_ARG(s->name));
	return add_scn(w, strbuf_str(&name), h, kept->p, kept->n, ELF_T_REL) > 0;
}

static bool add_all(struct writing *w, struct strbuf *symbols, struct strbuf *relocs,
		    size_t *shstrndx)
{
	uint32_t n = (uint32_t)w->e->sections.n, n_local = 0;
	GElf_Shdr h;
	size_t names;

	strbuf_putc(&w->names, 0);
	for (uint32_t i = 1; i <= n; i++) {
		const struct emit_section *s = emit_section_at(w->e, i);

		h = (GElf_Shdr){ .sh_type = s->type, .sh_flags = s->flags };
		if (add_scn(w, s->name, h, s->data.p, s->data.n, ELF_T_BYTE) != i)
			return false;
	}
	make_symbols(w, symbols, &n_local);
	names = n + 2;
	h = (GElf_Shdr){ .sh_type = SHT_SYMTAB,
			 .sh_link = (uint32_t)names,
			 .sh_info = n_local,
			 .sh_entsize = sizeof(Elf64_Sym) };
	w->symtab = (uint32_t)add_scn(w, STR(".symtab"), h, symbols->p, symbols->n, ELF_T_SYM);
	if (w->symtab != n + 1)
		return false;
	/* the names of the sections of relocations are not in it yet: it is filled last, its number is taken now */
	h = (GElf_Shdr){ .sh_type = SHT_STRTAB };
	*shstrndx = add_scn(w, STR(".strtab"), h, NULL, 0, ELF_T_BYTE);
	for (uint32_t i = 1; i <= n; i++)
		if (emit_section_at(w->e, i)->relocs.n && !add_relocs(w, i, &relocs[i]))
			return false;
	elf_getdata(elf_getscn(w->elf, *shstrndx), NULL)->d_buf = w->names.p;
	elf_getdata(elf_getscn(w->elf, *shstrndx), NULL)->d_size = w->names.n;
	return *shstrndx == names;
}

static ERR_MUST struct err *write_elf(struct writing *w, int fd, const char *path)
{
	struct strbuf symbols = { 0 },
		      *relocs = base_alloc((w->e->sections.n + 1) * sizeof(*relocs));
	size_t shstrndx = 0;
	GElf_Ehdr h;
	bool ok;

	elf_version(EV_CURRENT);
	w->elf = elf_begin(fd, ELF_C_WRITE, NULL);
	ok = w->elf && gelf_newehdr(w->elf, ELFCLASS64) &&
	     add_all(w, &symbols, relocs, &shstrndx) && gelf_getehdr(w->elf, &h);
	if (ok) {
		h.e_type = ET_REL;
		h.e_machine = EM_BPF;
		h.e_version = EV_CURRENT;
		h.e_ident[EI_DATA] = ELFDATA2LSB;
		h.e_shstrndx = (uint16_t)shstrndx;
		ok = gelf_update_ehdr(w->elf, &h) && elf_update(w->elf, ELF_C_WRITE) >= 0;
	}
	for (size_t i = 0; i <= w->e->sections.n; i++)
		strbuf_free(&relocs[i]);
	free(relocs);
	strbuf_free(&symbols);
	if (ok) {
		elf_end(w->elf);
		return NULL;
	}
	if (w->elf)
		elf_end(w->elf);
	return err_new(0, "write '%s': %s", path, elf_errmsg(-1));
}

struct err *emit_file(struct emitter *e, const char *path)
{
	uint32_t btf = emit_section(e, STR(".BTF"), SHT_PROGBITS, 0);
	uint32_t ext = emit_section(e, STR(".BTF.ext"), SHT_PROGBITS, 0);
	struct writing w = { .e = e };
	FD_AUTO fd = -1;
	struct err *err;
	const void *bytes;
	uint32_t n;

	make_btf_ext(e, &emit_section_at(e, ext)->data);
	bytes = btf__raw_data(e->btf, &n);
	if (!bytes)
		return err_new(0, "write the types of the maps");
	strbuf_add(&emit_section_at(e, btf)->data, bytes, n);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_new(errno, "open '%s'", path);
	w.sym_index = arena_array(e->arena, uint32_t, e->symbols.n + 1);
	err = write_elf(&w, fd, path);
	strbuf_free(&w.names);
	return err;
}
