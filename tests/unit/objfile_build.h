/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ELF files built byte by byte, for the tests of src/objfile: one loaded segment of code at BUILD_TEXT, then whatever
 * sections a test adds, then the section headers. Tests change the bytes before build_open to make them malformed.
 */
#ifndef SONDE_TESTS_UNIT_OBJFILE_BUILD_H
#define SONDE_TESTS_UNIT_OBJFILE_BUILD_H

#include "base/strbuf.h"
#include "objfile/elf.h"

#include <elf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	BUILD_TEXT = 0x401000,
	BUILD_TEXT_OFFSET = 0x1000,
	BUILD_TEXT_SIZE = 0x1000,
	BUILD_MAX_SECTIONS = 16
};

struct build {
	struct strbuf bytes; /* the file */
	Elf64_Shdr sections[BUILD_MAX_SECTIONS];
	unsigned n;
	struct strbuf names;
	bool finished;
};

static inline Elf64_Ehdr *build_ehdr(struct build *b)
{
	return (Elf64_Ehdr *)b->bytes.p;
}

static inline Elf64_Phdr *build_phdr(struct build *b)
{
	return (Elf64_Phdr *)(b->bytes.p + sizeof(Elf64_Ehdr));
}

static inline unsigned build_add_section_full(struct build *b, const char *name, Elf64_Shdr sh,
					      const void *data, size_t n)
{
	while (b->bytes.n % 16)
		strbuf_putc(&b->bytes, 0);
	sh.sh_name = (Elf64_Word)b->names.n;
	strbuf_add(&b->names, name, strlen(name) + 1);
	if (!sh.sh_offset) {
		sh.sh_offset = b->bytes.n;
		sh.sh_size = n;
		strbuf_add(&b->bytes, data, n);
	}
	b->sections[b->n] = sh;
	return b->n++;
}

static inline unsigned build_add_section(struct build *b, const char *name, uint32_t type,
					 uint64_t flags, uint64_t addr, const void *data, size_t n)
{
	return build_add_section_full(
		b, name,
		(Elf64_Shdr){
			.sh_type = type, .sh_flags = flags, .sh_addr = addr, .sh_addralign = 4 },
		data, n);
}

static inline void build_start(struct build *b, uint16_t type)
{
	Elf64_Ehdr eh = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = type,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(eh),
		.e_ehsize = sizeof(eh),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 1,
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_entry = BUILD_TEXT,
	};
	Elf64_Phdr ph = {
		.p_type = PT_LOAD,
		.p_flags = PF_R | PF_X,
		.p_offset = BUILD_TEXT_OFFSET,
		.p_vaddr = BUILD_TEXT,
		.p_filesz = BUILD_TEXT_SIZE,
		.p_memsz = BUILD_TEXT_SIZE,
		.p_align = 0x1000,
	};

	*b = (struct build){ .n = 1 };
	strbuf_add(&b->bytes, &eh, sizeof(eh));
	strbuf_add(&b->bytes, &ph, sizeof(ph));
	strbuf_fill(&b->bytes, 0, BUILD_TEXT_OFFSET - b->bytes.n);
	strbuf_fill(&b->bytes, (char)0x90, BUILD_TEXT_SIZE);
	strbuf_putc(&b->names, 0);
	build_add_section_full(b, ".text",
			       (Elf64_Shdr){ .sh_type = SHT_PROGBITS,
					     .sh_flags = SHF_ALLOC | SHF_EXECINSTR,
					     .sh_addr = BUILD_TEXT,
					     .sh_offset = BUILD_TEXT_OFFSET,
					     .sh_size = BUILD_TEXT_SIZE,
					     .sh_addralign = 16 },
			       NULL, 0);
}

/* names and section headers; after this the bytes may be changed */
static inline void build_finish(struct build *b)
{
	unsigned strndx = build_add_section(b, ".shstrtab", SHT_STRTAB, 0, 0, "", 0);

	b->sections[strndx].sh_offset = b->bytes.n;
	b->sections[strndx].sh_size = b->names.n;
	strbuf_add(&b->bytes, b->names.p, b->names.n);
	while (b->bytes.n % 16)
		strbuf_putc(&b->bytes, 0);
	build_ehdr(b)->e_shoff = b->bytes.n;
	build_ehdr(b)->e_shnum = (Elf64_Half)b->n;
	build_ehdr(b)->e_shstrndx = (Elf64_Half)strndx;
	strbuf_add(&b->bytes, b->sections, b->n * sizeof(Elf64_Shdr));
	b->finished = true;
}

static inline Elf64_Shdr *build_shdr(struct build *b, unsigned i)
{
	return (Elf64_Shdr *)(b->bytes.p + build_ehdr(b)->e_shoff) + i;
}

static inline struct err *build_open(struct build *b, struct objfile **ret)
{
	int fd = memfd_create("test", MFD_CLOEXEC);
	struct err *e;

	if (!b->finished)
		build_finish(b);
	if (fd < 0 || write(fd, b->bytes.p, b->bytes.n) != (ssize_t)b->bytes.n)
		return err_new(0, "no memory file");
	e = objfile_open_fd(fd, "built", ret);
	close(fd);
	return e;
}

static inline void build_free(struct build *b)
{
	strbuf_free(&b->bytes);
	strbuf_free(&b->names);
}

/* appends what a shell command prints; false when it fails */
__attribute__((format(printf, 2, 3))) static inline bool test_run(struct strbuf *out,
								  const char *fmt, ...)
{
	char command[4096], buf[65536];
	va_list ap;
	FILE *p;
	size_t n;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	p = popen(command, "r");
	if (!p)
		return false;
	while ((n = fread(buf, 1, sizeof(buf), p)))
		strbuf_add(out, buf, n);
	return pclose(p) == 0;
}

#endif
