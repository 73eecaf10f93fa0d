/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sections, bytes and addresses of an open ELF file; see elf.h. All offsets and sizes here come from the file: each is
 * compared by subtraction before it is used, so that none can wrap around.
 */
#include "objfile/elf.h"

#include "objfile/elf_private.h"

#include <elf.h>
#include <errno.h>
#include <unistd.h>

/* a section is copied whole; nothing that we read is near this */
#define SECTION_MAX (2ULL << 30)

const struct objfile_section *objfile_find_section(const struct objfile *f, struct str name)
{
	for (uint32_t i = 1; i < f->n_sections; i++)
		if (str_eq(f->sections[i].name, name))
			return &f->sections[i];
	return NULL;
}

const struct objfile_section *objfile_section_at(const struct objfile *f, uint64_t addr)
{
	for (uint32_t i = 1; i < f->n_sections; i++) {
		const struct objfile_section *s = &f->sections[i];

		/* thread-local sections have addresses of their own world */
		if ((s->flags & SHF_ALLOC) && !(s->flags & SHF_TLS) && addr - s->addr < s->size &&
		    addr >= s->addr)
			return s;
	}
	return NULL;
}

struct err *objfile_section_bytes(struct objfile *f, const struct objfile_section *s,
				  struct bytes *ret)
{
	Elf_Scn *scn;
	Elf_Data *data;

	*ret = bytes_make("", 0);
	if (s->type == SHT_NOBITS || s->type == SHT_NULL || s->size == 0)
		return NULL;
	if (s->offset > f->size || s->size > f->size - s->offset)
		return err_new(0,
			       "'%s' is malformed: section '%.*s' lies beyond the end of the file",
			       f->path, STR_ARG(s->name));
	if (s->size > SECTION_MAX)
		return err_new(0, "'%s': section '%.*s' is too large (%llu bytes)", f->path,
			       STR_ARG(s->name), (unsigned long long)s->size);
	scn = elf_getscn(f->priv->elf, (size_t)(s - f->sections));
	data = scn ? elf_rawdata(scn, NULL) : NULL;
	if (!data || (data->d_size && !data->d_buf))
		return err_new(0, "'%s': section '%.*s': %s", f->path, STR_ARG(s->name),
			       elf_errmsg(-1));
	if (data->d_size)
		*ret = bytes_make(data->d_buf, data->d_size);
	return NULL;
}

bool objfile_read_at(struct objfile *f, uint64_t offset, void *buf, size_t n)
{
	uint8_t *p = buf;

	if (offset > f->size || n > f->size - offset)
		return false;
	while (n) {
		ssize_t got = pread(f->priv->fd, p, n, (off_t)offset);

		if (got <= 0 && !(got < 0 && errno == EINTR))
			return false;
		if (got > 0) {
			p += got;
			offset += (uint64_t)got;
			n -= (size_t)got;
		}
	}
	return true;
}

static const struct objfile_segment *segment_at(const struct objfile *f, uint64_t vaddr,
						bool in_file)
{
	const struct objfile_segment *found = NULL;

	for (uint32_t i = 0; i < f->n_segments; i++) {
		const struct objfile_segment *p = &f->segments[i];

		if (p->type != PT_LOAD || vaddr < p->vaddr ||
		    vaddr - p->vaddr >= (in_file ? p->filesz : p->memsz))
			continue;
		/* segments of a sane file do not overlap; where they do, code wins */
		if (!found || (p->flags & PF_X))
			found = p;
	}
	return found;
}

bool objfile_read_vaddr(struct objfile *f, uint64_t vaddr, void *buf, size_t n)
{
	const struct objfile_segment *p = segment_at(f, vaddr, true);

	if (!p || n > p->filesz - (vaddr - p->vaddr) || p->offset > f->size)
		return false;
	return objfile_read_at(f, p->offset + (vaddr - p->vaddr), buf, n);
}

bool objfile_vaddr_to_offset(const struct objfile *f, uint64_t vaddr, uint64_t *offset)
{
	const struct objfile_segment *p = segment_at(f, vaddr, true);

	if (!p || p->offset > f->size || vaddr - p->vaddr >= f->size - p->offset)
		return false;
	*offset = p->offset + (vaddr - p->vaddr);
	return true;
}

bool objfile_offset_to_vaddr(const struct objfile *f, uint64_t offset, uint64_t *vaddr)
{
	const struct objfile_segment *found = NULL;

	for (uint32_t i = 0; i < f->n_segments; i++) {
		const struct objfile_segment *p = &f->segments[i];

		if (p->type != PT_LOAD || offset < p->offset || offset - p->offset >= p->filesz)
			continue;
		if (!found || (p->flags & PF_X))
			found = p;
	}
	if (!found)
		return false;
	*vaddr = found->vaddr + (offset - found->offset);
	return true;
}

bool objfile_is_exec_vaddr(const struct objfile *f, uint64_t vaddr)
{
	const struct objfile_segment *p = segment_at(f, vaddr, false);

	return p && (p->flags & PF_X);
}

uint64_t objfile_base_vaddr(const struct objfile *f)
{
	uint64_t base = UINT64_MAX;

	for (uint32_t i = 0; i < f->n_segments; i++)
		if (f->segments[i].type == PT_LOAD && f->segments[i].vaddr < base)
			base = f->segments[i].vaddr;
	return base == UINT64_MAX ? 0 : base & ~0xfffULL;
}

static bool section_holds(struct objfile *f, const char *name, const char *text)
{
	const struct objfile_section *s = objfile_find_section(f, str_from(name));
	struct bytes b;
	struct err *e;

	if (!s)
		return false;
	e = objfile_section_bytes(f, s, &b);
	if (e) {
		err_free(e);
		return false;
	}
	return memmem(b.p, b.n, text, strlen(text)) != NULL;
}

/* tables of names are searched for it: once */
static unsigned find_langs(struct objfile *f)
{
	unsigned langs = 0;

	if (objfile_find_section(f, STR(".gopclntab")) ||
	    objfile_find_section(f, STR(".data.rel.ro.gopclntab")) ||
	    objfile_find_section(f, STR(".go.buildinfo")) ||
	    objfile_find_section(f, STR(".note.go.buildid")))
		langs |= OBJFILE_LANG_GO;
	if (section_holds(f, ".comment", "rustc version"))
		langs |= OBJFILE_LANG_RUST;
	if (section_holds(f, ".dynstr", "libstdc++.so") ||
	    section_holds(f, ".dynstr", "libc++.so") ||
	    section_holds(f, ".dynstr", "__gxx_personality") ||
	    section_holds(f, ".strtab", "__gxx_personality"))
		langs |= OBJFILE_LANG_CXX;
	return langs;
}

unsigned objfile_langs(struct objfile *f)
{
	struct objfile_private *p = f->priv;

	if (!p->has_langs) {
		p->langs = find_langs(f);
		p->has_langs = true;
	}
	return p->langs;
}
