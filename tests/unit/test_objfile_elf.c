/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opening of ELF files: refusals by name and reason, translation of addresses, malformed headers. */
#include "objfile/elf.h"

#include "base/cleanup.h"

#include "objfile_build.h"
#include "tap.h"

#include <sys/stat.h>

/* what opening a file has said, "" when nothing; valid until the next call */
static const char *error_of(struct err *e, struct objfile *f)
{
	static struct strbuf text;

	strbuf_clear(&text);
	if (e)
		err_format(e, &text);
	else
		objfile_unref(f);
	err_free(e);
	return strbuf_cstr(&text);
}

static const char *open_error(const char *path)
{
	struct objfile *f = NULL;
	struct err *e = objfile_open(path, &f);

	return error_of(e, f);
}

/* the same for a file that is still being built */
static const char *build_error(struct build *b)
{
	struct objfile *f = NULL;
	struct err *e = build_open(b, &f);
	const char *text = error_of(e, f);

	build_free(b);
	return text;
}

TEST(refusals_name_the_reason)
{
	char dir[] = "/tmp/sonde-test-XXXXXX", path[64];
	FILE *f;

	CHECK_HAS(open_error("/nonexistent/file"), "No such file");
	CHECK_HAS(open_error("/tmp"), "'/tmp' is a directory");
	CHECK_HAS(open_error("/dev/null"), "not a regular file");
	CHECK_HAS(open_error("/etc/passwd"), "not an ELF file");
	if (!CHECK(mkdtemp(dir)))
		return;
	snprintf(path, sizeof(path), "%s/x", dir);
	CHECK_INT(mkfifo(path, 0600), 0);
	CHECK_HAS(open_error(path), "not a regular file"); /* and does not wait for a writer */
	unlink(path);
	f = fopen(path, "w");
	fclose(f);
	CHECK_HAS(open_error(path), "is empty");
	f = fopen(path, "w");
	fputs("#!/bin/sh\n", f);
	fclose(f);
	CHECK_HAS(open_error(path), "but a script");
	unlink(path);
	rmdir(dir);
}

TEST(other_machines)
{
	static const struct {
		uint8_t class, data;
		uint16_t machine;
		const char *want;
	} cases[] = {
		{ ELFCLASS32, ELFDATA2LSB, EM_386, "32-bit ELF file (i386)" },
		{ ELFCLASS32, ELFDATA2LSB, EM_ARM, "32-bit ELF file (arm)" },
		{ ELFCLASS32, ELFDATA2LSB, EM_X86_64, "32-bit ELF file (x32)" },
		{ ELFCLASS64, ELFDATA2LSB, EM_AARCH64, "for arm64; this machine is x86-64" },
		{ ELFCLASS64, ELFDATA2LSB, EM_RISCV, "for riscv" },
		{ ELFCLASS64, ELFDATA2LSB, 9999, "for machine 9999" },
		{ ELFCLASS64, ELFDATA2MSB, EM_S390 << 8, "big-endian ELF file for s390x" },
		{ 7, ELFDATA2LSB, EM_X86_64, "class 7" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct build b;

		build_start(&b, ET_DYN);
		build_finish(&b);
		build_ehdr(&b)->e_ident[EI_CLASS] = cases[i].class;
		build_ehdr(&b)->e_ident[EI_DATA] = cases[i].data;
		build_ehdr(&b)->e_machine = cases[i].machine;
		CHECK_HAS(build_error(&b), cases[i].want);
	}
}

TEST(every_truncation_is_refused)
{
	struct build whole;
	size_t n;

	build_start(&whole, ET_EXEC);
	build_finish(&whole);
	n = whole.bytes.n;
	for (size_t keep = 1; keep < n; keep += keep < 128 || keep > n - 400 ? 1 : 61) {
		struct build b = { .finished = true };
		const char *text;

		strbuf_add(&b.bytes, whole.bytes.p, keep);
		text = build_error(&b);
		if (!CHECK(strstr(text, "truncated") || strstr(text, "not an ELF")))
			printf("# %zu bytes: %s\n", keep, text);
	}
	build_free(&whole);
}

TEST(header_fields_out_of_range)
{
	static const uint64_t offsets[] = { 1, 0x7fffffff, 0xffffffffffffffc0, 0xffffffffffffffff,
					    0x2001 };

	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		struct build b;

		/* whatever these are, there is an error or an object, no crash */
		build_start(&b, ET_EXEC);
		build_finish(&b);
		build_ehdr(&b)->e_shoff = offsets[i];
		build_error(&b);
		build_start(&b, ET_EXEC);
		build_finish(&b);
		build_ehdr(&b)->e_phoff = offsets[i];
		build_error(&b);
		build_start(&b, ET_EXEC);
		build_finish(&b);
		build_ehdr(&b)->e_shstrndx = (uint16_t)offsets[i];
		build_error(&b);
		build_start(&b, ET_EXEC);
		build_finish(&b);
		build_ehdr(&b)->e_shnum = 0; /* extended numbering: the count is in section 0 */
		build_shdr(&b, 0)->sh_size = offsets[i];
		build_error(&b);
		build_start(&b, ET_EXEC);
		build_finish(&b);
		build_ehdr(&b)->e_phnum = PN_XNUM;
		build_shdr(&b, 0)->sh_info = (uint32_t)offsets[i];
		build_error(&b);
	}
	struct build b;
	build_start(&b, ET_EXEC);
	build_finish(&b);
	build_ehdr(&b)->e_shoff = 0xffffffffffffffc0;
	CHECK_HAS(build_error(&b), "section headers lie beyond its end");
	build_start(&b, ET_EXEC);
	build_finish(&b);
	build_ehdr(&b)->e_phoff = 0xffffffffffffffc0;
	CHECK_HAS(build_error(&b), "program headers lie beyond its end");
}

TEST(section_that_lies_beyond_the_file)
{
	struct objfile *f = NULL;
	struct bytes bytes;
	struct build b;
	struct err *e;
	STRBUF_AUTO text = { 0 };

	build_start(&b, ET_EXEC);
	build_add_section(&b, ".comment", SHT_PROGBITS, 0, 0, "abc", 3);
	build_finish(&b);
	build_shdr(&b, 2)->sh_size = UINT64_MAX - 100;
	e = build_open(&b, &f);
	if (!CHECK(!e))
		return;
	e = objfile_section_bytes(f, &f->sections[2], &bytes);
	if (CHECK(e))
		err_format(e, &text);
	CHECK_HAS(strbuf_cstr(&text), "section '.comment' lies beyond the end");
	CHECK_INT(bytes.n, 0);
	err_free(e);
	CHECK_INT(objfile_langs(f), 0);
	objfile_unref(f);
	build_free(&b);
}

TEST(addresses)
{
	struct objfile *f = NULL;
	struct build b;
	struct err *e;
	uint64_t v;

	build_start(&b, ET_EXEC);
	e = build_open(&b, &f);
	if (!CHECK(!e))
		return;
	CHECK_INT(f->kind, OBJFILE_EXEC);
	CHECK(objfile_vaddr_to_offset(f, BUILD_TEXT + 5, &v) && v == BUILD_TEXT_OFFSET + 5);
	CHECK(objfile_offset_to_vaddr(f, BUILD_TEXT_OFFSET + 5, &v) && v == BUILD_TEXT + 5);
	CHECK(!objfile_vaddr_to_offset(f, BUILD_TEXT - 1, &v));
	CHECK(!objfile_vaddr_to_offset(f, BUILD_TEXT + BUILD_TEXT_SIZE, &v));
	CHECK(!objfile_vaddr_to_offset(f, UINT64_MAX, &v));
	CHECK(!objfile_offset_to_vaddr(f, 0, &v));
	CHECK(objfile_is_exec_vaddr(f, BUILD_TEXT));
	CHECK_INT(objfile_base_vaddr(f), BUILD_TEXT);
	CHECK(objfile_section_at(f, BUILD_TEXT + 1) == objfile_find_section(f, STR(".text")));
	CHECK(!objfile_section_at(f, 0));
	objfile_unref(f);
	build_free(&b);

	/* a segment that claims more than the file has */
	build_start(&b, ET_EXEC);
	build_phdr(&b)->p_filesz = build_phdr(&b)->p_memsz = UINT64_MAX - BUILD_TEXT;
	f = NULL;
	e = build_open(&b, &f);
	if (!CHECK(!e))
		return;
	CHECK(!objfile_vaddr_to_offset(f, BUILD_TEXT + 0x1000000, &v));
	CHECK(objfile_vaddr_to_offset(f, BUILD_TEXT, &v));
	CHECK(!objfile_read_vaddr(f, BUILD_TEXT, &v, SIZE_MAX));
	objfile_unref(f);
	build_free(&b);
}

TEST(this_program)
{
	OBJFILE_AUTO f = NULL;
	struct objfile_cache *c = objfile_cache_new();
	struct objfile *a, *b;
	uint64_t offset;

	err_free(objfile_open("/proc/self/exe", &f));
	if (!CHECK(f))
		return;
	CHECK_INT(f->kind, OBJFILE_DYN);
	CHECK_HAS(f->interp.p, "/ld-linux-x86-64.so.2");
	CHECK(f->build_id.n == 20 || f->build_id.n == 0);
	CHECK(objfile_is_exec_vaddr(f, f->entry));
	CHECK(objfile_vaddr_to_offset(f, f->entry, &offset));
	CHECK(!objfile_cache_get(c, "/proc/self/exe", &a));
	CHECK(!objfile_cache_get(c, "/../proc/self/exe", &b));
	CHECK(a == b);
	objfile_cache_free(c);
}

TEST(languages)
{
	OBJFILE_AUTO sh = NULL;
	OBJFILE_AUTO go = NULL;

	err_free(objfile_open("/bin/sh", &sh));
	if (CHECK(sh))
		CHECK_INT(objfile_langs(sh), 0);
	err_free(objfile_open("/usr/local/go/bin/go", &go));
	if (go)
		CHECK_INT(objfile_langs(go), OBJFILE_LANG_GO);
}
