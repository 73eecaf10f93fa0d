/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ELF files made in memory; see dwarf_image.c. The Elf of image_finish reads the image's bytes: elf_end before image_free. */
#ifndef SONDE_OBJFILE_DWARF_IMAGE_H
#define SONDE_OBJFILE_DWARF_IMAGE_H

#include "objfile/dwarf_private.h"

enum { IMAGE_MAX_SECTIONS = 32 };

struct image_section {
	char name[32];
	size_t offset, size;
};

struct elf_image {
	struct strbuf bytes;
	struct image_section sections[IMAGE_MAX_SECTIONS];
	unsigned n;
};

void image_add(struct elf_image *m, const char *name, const void *p, size_t n);
Elf *image_finish(struct elf_image *m); /* NULL: without sections, or no memory */
void image_free(struct elf_image *m);

/* the debug sections of elf, if some of them are packed with zstd: else the image stays empty */
struct err *image_without_zstd(struct dwarf_file *f, Elf *elf, struct elf_image *m,
			       bool *is_needed) ERR_MUST;

#endif
