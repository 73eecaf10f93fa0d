/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libdw over a file, and names for its DIEs; see dwarf_private.h. Runs in the worker (and in fuzzers). The file is mapped: one that
 * shrinks meanwhile ends the worker, not the tracer.
 */
#include "objfile/dwarf_private.h"

#include "objfile/dwarf_code.h"
#include "objfile/dwarf_flow.h"
#include "objfile/dwarf_image.h"
#include "objfile/dwarf_package.h"
#include "objfile/dwarf_index.h"
#include "objfile/elf_private.h"

#include <dwarf.h>
#include <stdio.h>
#include <unistd.h>
#include <gelf.h>

/* an id: bit 63 type unit, then the number of the file, then the offset in its .debug_info or .debug_types */
#define ID_OFFSET_BITS 40
#define ID_TYPES (1ULL << 63)

static struct err *open_dwarf(struct dwarf_file *f)
{
	bool is_needed = false;

	f->elf = elf_begin(f->debug->priv->fd, ELF_C_READ_MMAP, NULL);
	if (!f->elf)
		return err_new(0, "%s", elf_errmsg(-1));
	f->image = base_alloc(sizeof(*f->image));
	TRY(image_without_zstd(f, f->elf, f->image, &is_needed));
	if (is_needed) {
		elf_end(f->elf);
		f->elf = image_finish(f->image);
	}
	f->dwarf = f->elf ? dwarf_begin_elf(f->elf, DWARF_C_READ, NULL) : NULL;
	return f->dwarf ? NULL : err_new(0, "%s", dwarf_errmsg(-1));
}

struct err *dwfile_open(struct objfile *code, struct objfile *debug, struct dwarf_file **ret)
{
	struct dwarf_file *f = base_alloc(sizeof(*f));
	struct err *e;

	arena_init(&f->scratch);
	arena_init(&f->kept);
	f->code = code;
	f->debug = debug;
	f->names = demangler_new();
	f->index_min = 8 << 20; /* less is walked in 30 ms */
	elf_version(EV_CURRENT);
	e = open_dwarf(f);
	if (e) {
		dwfile_close(f);
		return e;
	}
	vec_push(&f->files, f->dwarf);
	if (dwarf_getalt(f->dwarf))
		vec_push(&f->files, dwarf_getalt(f->dwarf)); /* number 1, as dwarf_index.c has it */
	/* now, so that no entry is held when another file takes the place of this one (dwarf_package.c) */
	if (dwfile_section(f, 0, "addr").n)
		dwfile_open_split(f);
	*ret = f;
	return NULL;
}

void dwfile_close(struct dwarf_file *f)
{
	if (!f)
		return;
	if (f->dwarf)
		dwarf_end(f->dwarf);
	if (f->elf)
		elf_end(f->elf);
	if (f->split_fd > 0)
		close(f->split_fd);
	if (f->image)
		image_free(f->image);
	free(f->image);
	demangler_free(f->names);
	index_free(f->index);
	around_free(f->around);
	hashmap_free(&f->frame_names);
	addrs_free(f->addrs);
	vec_free(&f->sections);
	vec_free(&f->files);
	arena_free(&f->scratch);
	arena_free(&f->kept);
	free(f);
}

/* the section called .debug_NAME, .zdebug_NAME or .debug_NAME.dwo, or NULL */
static Elf_Scn *find_section(Elf *elf, const char *name, bool is_split)
{
	char wanted[2][64];
	Elf_Scn *scn = NULL;
	size_t names;

	snprintf(wanted[0], sizeof(wanted[0]), ".debug_%s%s", name, is_split ? ".dwo" : "");
	snprintf(wanted[1], sizeof(wanted[1]), ".zdebug_%s%s", name, is_split ? ".dwo" : "");
	if (elf_getshdrstrndx(elf, &names))
		return NULL;
	while ((scn = elf_nextscn(elf, scn))) {
		GElf_Shdr header;
		const char *n = gelf_getshdr(scn, &header) ? elf_strptr(elf, names, header.sh_name)
							   : NULL;

		if (n && header.sh_type != SHT_NOBITS &&
		    (!strcmp(n, wanted[0]) || !strcmp(n, wanted[1])))
			return scn;
	}
	return NULL;
}

/* libdw has unpacked compressed sections when it opened the file */
struct bytes dwfile_section(struct dwarf_file *f, unsigned file, const char *name)
{
	Elf *elf = file < f->files.n ? dwarf_getelf(f->files.v[file]) : NULL;
	bool is_split = file > 0 && f->files.v[file] != dwarf_getalt(f->dwarf);
	Elf_Scn *scn;
	Elf_Data *data;

	if (!elf)
		return bytes_make("", 0);
	vec_each(s, &f->sections)
		if (s->file == file && (s->name == name || !strcmp(s->name, name)))
			return s->bytes;
	scn = find_section(elf, name, is_split);
	data = scn ? elf_rawdata(scn, NULL) : NULL;
	vec_push(&f->sections, ((struct dwarf_section){ file, name, bytes_make("", 0) }));
	if (data && data->d_buf)
		vec_last(&f->sections).bytes = bytes_make(data->d_buf, data->d_size);
	return vec_last(&f->sections).bytes;
}

static uint64_t file_number(struct dwarf_file *f, Dwarf *dwarf)
{
	for (size_t i = 0; i < f->files.n; i++)
		if (f->files.v[i] == dwarf)
			return i;
	vec_push(&f->files, dwarf);
	return f->files.n - 1;
}

uint64_t dwfile_id(struct dwarf_file *f, Dwarf_Die *die)
{
	uint64_t id = dwarf_dieoffset(die) | file_number(f, dwarf_cu_getdwarf(die->cu))
						     << ID_OFFSET_BITS;
	Dwarf_Half version;
	uint8_t unit_type;

	if (dwarf_cu_info(die->cu, &version, &unit_type, NULL, NULL, NULL, NULL, NULL) == 0 &&
	    version < 5 && unit_type == DW_UT_type)
		id |= ID_TYPES;
	return id;
}

bool dwfile_die(struct dwarf_file *f, uint64_t id, Dwarf_Die *ret)
{
	uint64_t file = (id & ~ID_TYPES) >> ID_OFFSET_BITS,
		 offset = id & ((1ULL << ID_OFFSET_BITS) - 1);

	if (file >= f->files.n)
		return false;
	return (id & ID_TYPES ? dwarf_offdie_types(f->files.v[file], offset, ret)
			      : dwarf_offdie(f->files.v[file], offset, ret)) != NULL;
}

bool dwfile_unit(struct dwarf_file *f, Dwarf_Die *skeleton, Dwarf_Die *ret)
{
	Dwarf_Die sub;
	uint8_t unit_type;

	*ret = *skeleton;
	if (dwarf_cu_info(skeleton->cu, NULL, &unit_type, NULL, &sub, NULL, NULL, NULL) != 0 ||
	    unit_type != DW_UT_skeleton)
		return true;
	if (!sub.cu)
		return false; /* its .dwo is not to be found */
	*ret = sub;
	return true;
}

static const char *split_name(Dwarf_Die *unit)
{
	Dwarf_Attribute attr;
	const char *name = NULL;

	if (dwarf_attr(unit, DW_AT_dwo_name, &attr) || dwarf_attr(unit, DW_AT_GNU_dwo_name, &attr))
		name = dwarf_formstring(&attr);
	return name ? name : "?";
}

void dwfile_open_split(struct dwarf_file *f)
{
	Dwarf_CU *cu = NULL;
	bool is_missing = false;
	Dwarf_Die die, sub;
	uint8_t type;

	while (dwarf_get_units(f->dwarf, cu, &cu, NULL, &type, &die, &sub) == 0) {
		if (type == DW_UT_skeleton && sub.cu)
			file_number(f, dwarf_cu_getdwarf(sub.cu));
		if (type != DW_UT_skeleton || sub.cu)
			continue;
		if (!is_missing)
			f->missing_split = split_name(&die);
		is_missing = true;
	}
	if (!is_missing)
		f->missing_split = NULL;
	if (is_missing && !f->has_looked_for_package) {
		f->has_looked_for_package = true;
		package_open(f);
	}
}

enum type_lang dwfile_lang(Dwarf_Die *die)
{
	Dwarf_Die unit;
	int lang;

	if (!dwarf_diecu(die, &unit, NULL, NULL))
		return LANG_NONE;
	lang = dwarf_srclang(&unit);
	switch (lang) {
	case DW_LANG_C89:
	case DW_LANG_C:
	case DW_LANG_C99:
	case DW_LANG_C11: return LANG_C;
	case DW_LANG_C_plus_plus:
	case DW_LANG_C_plus_plus_03:
	case DW_LANG_C_plus_plus_11:
	case DW_LANG_C_plus_plus_14: return LANG_CXX;
	case DW_LANG_Rust: return LANG_RUST;
	case DW_LANG_Go: return LANG_GO;
	default: break;
	}
	/* C17, C++17, C++20 of later lists */
	if (lang == 0x2c)
		return LANG_C;
	if (lang == 0x2a || lang == 0x2b)
		return LANG_CXX;
	return LANG_NONE;
}

bool dwfile_read_code(struct dwarf_file *f, uint64_t addr, void *buf, size_t n)
{
	return objfile_read_vaddr(f->code, addr, buf, n);
}
