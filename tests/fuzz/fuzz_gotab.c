/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzer of Go's tables: an ELF file (made around the input's parts, or the input itself) whose build note, table of
 * functions and module data are any bytes. The first byte says which version's magic the table gets, so that the fuzzer
 * does not have to find it.
 */
#include "objfile/go_buildinfo.h"
#include "objfile/go_entry.h"
#include "objfile/go_pclntab.h"
#include "objfile/go_runtime.h"
#include "objfile/symtab.h"

#include "../unit/objfile_build.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint64_t sink;

enum { NOTE_AT = 0x10000, MAX_FUNCS = 256 };

static void see_inlined(void *arg, const struct go_inlined *in)
{
	(void)arg;
	sink += str_hash(in->name) + str_hash(in->caller) + str_hash(in->call_file) + in->call_line;
}

static void see_row(void *arg, uint64_t start, uint64_t end, int32_t delta)
{
	(void)arg;
	sink += start ^ end ^ (uint64_t)delta;
}

static void look_at_pc(const struct go_pclntab *t, uint64_t pc)
{
	struct go_frame frames[16];
	uint32_t n = go_frames_at(t, pc, frames, 16);
	int32_t delta;

	for (uint32_t i = 0; i < n; i++)
		sink += str_hash(frames[i].name) + str_hash(frames[i].file) + frames[i].line;
	if (go_pcsp_at(t, pc, &delta))
		sink += (uint64_t)delta;
}

static void read_all(struct objfile *f)
{
	const struct go_buildinfo *info = objfile_go_buildinfo(f);
	const struct go_runtime_facts *facts = objfile_go_facts(f);
	struct go_pclntab *t = objfile_go_pclntab(f);
	struct arena a;

	arena_init(&a);
	sink += str_hash(info->version) + str_hash(info->path);
	sink += str_hash(go_build_setting(info, STR("CGO_ENABLED")));
	for (uint64_t i = 0; facts && i < 4096; i += 8)
		sink += str_hash(go_type_name_at(f, facts->module.types + i, &a));
	for (uint32_t i = 0; t && i < go_pclntab_count(t) && i < MAX_FUNCS; i++) {
		struct go_func fn;

		go_inlined_each(t, i, see_inlined, NULL);
		if (!go_pclntab_func(t, i, &fn))
			continue;
		sink += str_hash(fn.name);
		go_pcsp_each(t, &fn, see_row, NULL);
		look_at_pc(t, fn.addr);
		look_at_pc(t, fn.addr + fn.size / 2);
	}
	sink += objfile_symtab(f)->n;
	arena_free(&a);
}

/* the input in the loaded segment: half of it the table, the rest what the table points at */
static struct err *open_built(const uint8_t *data, size_t size, struct objfile **ret)
{
	static const uint32_t magics[] = { 0xfffffff1, 0xfffffff0, 0xfffffffa, 0 };
	static const char versions[][9] = { "go1.26.0", "go1.23.4", "go1.19.8", "go1.17.1" };
	uint32_t magic = magics[data[0] & 3];
	struct build b;
	struct err *e;
	char note[64] = "\xff Go buildinf:\x08\x02";
	size_t n = size - 2 < BUILD_TEXT_SIZE ? size - 2 : BUILD_TEXT_SIZE;

	build_start(&b, data[0] & 8 ? ET_DYN : ET_EXEC);
	memcpy(b.bytes.p + BUILD_TEXT_OFFSET, data + 2, n);
	if (magic && n >= 8) {
		memcpy(b.bytes.p + BUILD_TEXT_OFFSET, &magic, 4);
		memcpy(b.bytes.p + BUILD_TEXT_OFFSET + 4, "\0\0\1\x08", 4);
	}
	note[32] = 8;
	memcpy(note + 33, versions[data[0] >> 4 & 3], 8);
	build_add_section(&b, ".go.buildinfo", SHT_PROGBITS, SHF_ALLOC, NOTE_AT, note,
			  sizeof(note));
	build_add_section_full(&b, data[0] & 4 ? ".rodata" : ".gopclntab",
			       (Elf64_Shdr){ .sh_type = SHT_PROGBITS,
					     .sh_flags = SHF_ALLOC,
					     .sh_addr = BUILD_TEXT,
					     .sh_offset = BUILD_TEXT_OFFSET,
					     .sh_size = BUILD_TEXT_SIZE },
			       NULL, 0);
	build_add_section_full(&b, ".go.module",
			       (Elf64_Shdr){ .sh_type = SHT_PROGBITS,
					     .sh_flags = SHF_ALLOC | SHF_WRITE,
					     .sh_addr = BUILD_TEXT + data[1] * 16,
					     .sh_offset = BUILD_TEXT_OFFSET + data[1] * 16,
					     .sh_size = 0x100 },
			       NULL, 0);
	e = build_open(&b, ret);
	build_free(&b);
	return e;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct objfile *f = NULL;
	struct err *e;

	if (size < 2)
		return 0;
	e = open_built(data, size, &f);
	if (e) {
		err_free(e);
		return 0;
	}
	read_all(f);
	objfile_unref(f);
	return 0;
}
