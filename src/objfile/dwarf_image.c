/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ELF files made in memory for libdw, of what it cannot read where it is: sections packed with zstd (elfutils 0.188 knows zlib
 * alone), units in a package of split DWARF (.dwp). Runs in the worker. See dwarf_private.h.
 *
 * Such a file has a header, the sections, their names and nothing else. Sizes come from hostile files: what a section
 * says to be unpacked is believed up to a limit and checked against what comes out.
 */
#include "objfile/dwarf_image.h"

#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <zstd.h>

#ifndef ELFCOMPRESS_ZSTD
#define ELFCOMPRESS_ZSTD 2
#endif

#define UNPACKED_MAX (4ULL << 30) /* of one section */

void image_add(struct elf_image *m, const char *name, const void *p, size_t n)
{
	struct image_section s = { 0 };

	if (m->n == IMAGE_MAX_SECTIONS)
		return;
	snprintf(s.name, sizeof(s.name), "%s", name);
	while (m->bytes.n % 16 || m->bytes.n < sizeof(Elf64_Ehdr))
		strbuf_putc(&m->bytes, 0);
	s.offset = m->bytes.n;
	s.size = n;
	strbuf_add(&m->bytes, p, n);
	m->sections[m->n++] = s;
}

static Elf *finish(struct elf_image *m)
{
	Elf64_Shdr headers[IMAGE_MAX_SECTIONS + 2] = { 0 };
	STRBUF_AUTO names = { 0 };
	Elf64_Ehdr eh = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_ehsize = sizeof(eh),
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = (Elf64_Half)(m->n + 2),
		.e_shstrndx = (Elf64_Half)(m->n + 1),
	};

	strbuf_putc(&names, 0);
	for (unsigned i = 0; i < m->n; i++) {
		headers[i + 1] = (Elf64_Shdr){ .sh_name = (Elf64_Word)names.n,
					       .sh_type = SHT_PROGBITS,
					       .sh_offset = m->sections[i].offset,
					       .sh_size = m->sections[i].size,
					       .sh_addralign = 1 };
		strbuf_add(&names, m->sections[i].name, strlen(m->sections[i].name) + 1);
	}
	headers[m->n + 1] = (Elf64_Shdr){ .sh_name = (Elf64_Word)names.n,
					  .sh_type = SHT_STRTAB,
					  .sh_offset = m->bytes.n,
					  .sh_addralign = 1 };
	strbuf_add(&names, ".shstrtab", sizeof(".shstrtab"));
	headers[m->n + 1].sh_size = names.n;
	strbuf_add(&m->bytes, names.p, names.n);
	while (m->bytes.n % 16)
		strbuf_putc(&m->bytes, 0);
	eh.e_shoff = m->bytes.n;
	strbuf_add(&m->bytes, headers, (m->n + 2) * sizeof(*headers));
	memcpy(m->bytes.p, &eh, sizeof(eh));
	return elf_memory(m->bytes.p, m->bytes.n);
}

Elf *image_finish(struct elf_image *m)
{
	return m->n ? finish(m) : NULL;
}

void image_free(struct elf_image *m)
{
	strbuf_free(&m->bytes);
}

/* ---- zstd ---- */

static struct err *unpack(struct dwarf_file *f, const char *name, const uint8_t *p, size_t n,
			  uint8_t **ret, size_t *ret_n)
{
	Elf64_Chdr head;
	size_t got;

	if (n < sizeof(head))
		return err_new(0, "section '%s' is malformed: no header of compression", name);
	memcpy(&head, p, sizeof(head));
	if (head.ch_size > UNPACKED_MAX)
		return err_new(0, "section '%s' would unpack to %llu MB", name,
			       (unsigned long long)head.ch_size >> 20);
	*ret = malloc(head.ch_size + 1);
	if (!*ret)
		return err_new(0, "section '%s' would unpack to more than there is memory", name);
	got = ZSTD_decompress(*ret, head.ch_size, p + sizeof(head), n - sizeof(head));
	if (ZSTD_isError(got) || got != head.ch_size) {
		free(*ret);
		return err_new(0, "section '%s' is malformed: zstd: %s", name,
			       ZSTD_isError(got) ? ZSTD_getErrorName(got)
						 : "another size than it says");
	}
	*ret_n = got;
	return NULL;
}

static bool is_zstd(Elf_Scn *scn, const GElf_Shdr *header)
{
	Elf_Data *raw = header->sh_flags & SHF_COMPRESSED ? elf_rawdata(scn, NULL) : NULL;
	Elf64_Chdr head;

	if (!raw || !raw->d_buf || raw->d_size < sizeof(head))
		return false;
	memcpy(&head, raw->d_buf, sizeof(head));
	return head.ch_type == ELFCOMPRESS_ZSTD;
}

/* one section into the image, unpacked whatever it was packed with */
static struct err *add_section(struct dwarf_file *f, struct elf_image *m, Elf_Scn *scn,
			       const GElf_Shdr *header, const char *name)
{
	Elf_Data *data;
	uint8_t *unpacked = NULL;
	size_t n = 0;

	if (is_zstd(scn, header)) {
		data = elf_rawdata(scn, NULL);
		TRY(unpack(f, name, data->d_buf, data->d_size, &unpacked, &n));
		image_add(m, name, unpacked, n);
		free(unpacked);
		return NULL;
	}
	if ((header->sh_flags & SHF_COMPRESSED) && elf_compress(scn, 0, 0) < 0)
		return err_new(0, "section '%s': %s", name, elf_errmsg(-1));
	data = elf_rawdata(scn, NULL);
	if (data && data->d_buf)
		image_add(m, name, data->d_buf, data->d_size);
	return NULL;
}

struct err *image_without_zstd(struct dwarf_file *f, Elf *elf, struct elf_image *m, bool *is_needed)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr header;
	size_t names;

	*is_needed = false;
	if (elf_getshdrstrndx(elf, &names))
		return NULL;
	while ((scn = elf_nextscn(elf, scn)))
		if (gelf_getshdr(scn, &header))
			*is_needed |= is_zstd(scn, &header);
	if (!*is_needed)
		return NULL;
	while ((scn = elf_nextscn(elf, scn))) {
		const char *name = gelf_getshdr(scn, &header)
					   ? elf_strptr(elf, names, header.sh_name)
					   : NULL;

		if (name && header.sh_type != SHT_NOBITS &&
		    (!strncmp(name, ".debug_", 7) || !strcmp(name, ".gnu_debugaltlink")))
			TRY(add_section(f, m, scn, &header, name));
	}
	return NULL;
}
