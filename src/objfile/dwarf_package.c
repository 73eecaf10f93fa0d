/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packages of split DWARF (.dwp); runs in the worker. elfutils 0.188 does not know them, but it knows .dwo files: the units that
 * the program's skeletons name are written out as such into a temporary folder, together with the skeletons' own sections, and
 * libdw finds them there, where the file that it was given lies. The folder is gone before the first answer: libdw has
 * all of them open by then.
 *
 * A package (DWARF 5, 7.3.5; version 2 is GNU's for DWARF 4) has the sections of all units one behind the other, and a table
 * .debug_cu_index: for each unit's signature the piece of each section. Strings are shared by all; a unit gets those that its own
 * table of offsets names. Type units of packages are not taken out.
 */
#include "objfile/dwarf_package.h"

#include "base/cleanup.h"
#include "objfile/dwarf_image.h"
#include "objfile/elf_private.h"

#include <dwarf.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <gelf.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

enum { MAX_COLUMNS = 16, MAX_UNITS = 1 << 20 };

/* columns of the table -> sections, by version */
static const char *const names_v5[] = { NULL,       "info",        NULL,    "abbrev",  "line",
					"loclists", "str_offsets", "macro", "rnglists" };
static const char *const names_v2[] = { NULL,  "info",        "types",   "abbrev", "line",
					"loc", "str_offsets", "macinfo", "macro" };

struct package {
	struct objfile *file;
	unsigned version, n_columns, n_units, n_slots;
	uint32_t columns[MAX_COLUMNS];
	struct bytes index;                      /* all of it */
	size_t signatures, rows, offsets, sizes; /* places in it */
};

static struct bytes section_of(struct objfile *f, const char *name)
{
	char full[64];
	const struct objfile_section *s;
	struct bytes b = bytes_make("", 0);

	snprintf(full, sizeof(full), ".debug_%s.dwo", name);
	s = objfile_find_section(f, str_from(full));
	if (s)
		err_free(objfile_section_bytes(f, s, &b));
	return b;
}

static uint32_t u32_at(const struct bytes *b, size_t at)
{
	uint32_t v = 0;

	if (at <= b->n && b->n - at >= sizeof(v))
		memcpy(&v, b->p + at, sizeof(v));
	return v;
}

static bool read_index(struct package *p)
{
	const struct objfile_section *s = objfile_find_section(p->file, STR(".debug_cu_index"));
	struct bytes b;
	struct err *e;

	if (!s)
		return false;
	e = objfile_section_bytes(p->file, s, &b);
	err_free(e);
	if (e)
		return false;
	p->index = b;
	p->version = bytes_u32(&b) & 0xffff; /* of 5, two bytes and padding */
	p->n_columns = bytes_u32(&b);
	p->n_units = bytes_u32(&b);
	p->n_slots = bytes_u32(&b);
	if (b.bad || (p->version != 2 && p->version != 5) || p->n_columns > MAX_COLUMNS ||
	    p->n_units > MAX_UNITS || p->n_slots > 4 * MAX_UNITS)
		return false;
	p->signatures = b.pos;
	p->rows = p->signatures + (size_t)p->n_slots * 8;
	p->offsets = p->rows + (size_t)p->n_slots * 4 + (size_t)p->n_columns * 4;
	p->sizes = p->offsets + (size_t)p->n_units * p->n_columns * 4;
	for (unsigned i = 0; i < p->n_columns; i++)
		p->columns[i] = u32_at(&p->index, p->offsets - ((size_t)p->n_columns - i) * 4);
	return p->sizes + (size_t)p->n_units * p->n_columns * 4 <= p->index.n;
}

/* the row of a unit, from 1 on; 0: not in the package */
static uint32_t find_unit(const struct package *p, uint64_t signature)
{
	for (unsigned i = 0; i < p->n_slots; i++) {
		uint64_t have;

		memcpy(&have, p->index.p + p->signatures + (size_t)i * 8, sizeof(have));
		if (have == signature) {
			uint32_t row = u32_at(&p->index, p->rows + (size_t)i * 4);

			if (row && row <= p->n_units)
				return row;
		}
	}
	return 0;
}

/* the unit's table of offsets, and the strings that it names; a header of 8 bytes in DWARF 5 */
static void add_strings(const struct package *p, struct elf_image *m, struct bytes table)
{
	struct bytes all = section_of(p->file, "str");
	STRBUF_AUTO strings = { 0 }, offsets = { 0 };
	size_t head = p->version == 5 ? 8 : 0;

	if (table.n < head)
		return;
	strbuf_add(&offsets, table.p, head);
	for (size_t at = head; at + 4 <= table.n; at += 4) {
		uint32_t where = (uint32_t)strings.n;
		struct bytes b = all;
		struct str s;

		bytes_seek(&b, u32_at(&table, at));
		s = bytes_cstr(&b);
		strbuf_add(&offsets, &where, sizeof(where));
		strbuf_add(&strings, s.p ? s.p : "", s.n);
		strbuf_putc(&strings, 0);
	}
	image_add(m, ".debug_str_offsets.dwo", offsets.p ? offsets.p : "", offsets.n);
	image_add(m, ".debug_str.dwo", strings.p ? strings.p : "", strings.n);
}

static void make_unit(const struct package *p, uint32_t row, struct elf_image *m)
{
	for (unsigned i = 0; i < p->n_columns; i++) {
		const char *const *names = p->version == 5 ? names_v5 : names_v2;
		const char *name = p->columns[i] <= 8 ? names[p->columns[i]] : NULL;
		size_t cell = ((size_t)(row - 1) * p->n_columns + i) * 4;
		uint32_t offset = u32_at(&p->index, p->offsets + cell),
			 size = u32_at(&p->index, p->sizes + cell);
		struct bytes b = name ? section_of(p->file, name) : bytes_make("", 0);
		char full[64];

		if (!name || offset > b.n || size > b.n - offset || !size)
			continue;
		b = bytes_make(b.p + offset, size);
		snprintf(full, sizeof(full), ".debug_%s.dwo", name);
		if (strcmp(name, "str_offsets") == 0)
			add_strings(p, m, b);
		else
			image_add(m, full, b.p, b.n);
	}
}

/* ---- the temporary folder ---- */

/* a file below dir, with the folders on the way; names that would leave it are refused */
static bool write_file(int dir, const char *name, const struct elf_image *m)
{
	FREE_AUTO char *path = base_strdup(name);
	size_t done = 0;
	FD_AUTO fd = -1;

	if (name[0] == '/' || strstr(name, ".."))
		return false;
	for (char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		mkdirat(dir, path, 0700);
		*slash = '/';
	}
	fd = openat(dir, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	while (fd >= 0 && done < m->bytes.n) {
		ssize_t n = write(fd, m->bytes.p + done, m->bytes.n - done);

		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return fd >= 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	return remove(path);
}

/* in a copy of a section: the string at this place gets another text, if it has room */
static void replace_string(struct elf_image *m, struct dwarf_file *f, const char *old,
			   const char *text)
{
	static const char *const sections[] = { "str", "line_str", "info" };

	for (unsigned i = 0; i < 3; i++) {
		struct bytes s = dwfile_section(f, 0, sections[i]);
		char full[64];

		if ((const uint8_t *)old < s.p || (const uint8_t *)old >= s.p + s.n ||
		    strlen(text) > strlen(old))
			continue;
		snprintf(full, sizeof(full), ".debug_%s", sections[i]);
		for (unsigned k = 0; k < m->n; k++)
			if (strcmp(m->sections[k].name, full) == 0)
				strcpy(m->bytes.p + m->sections[k].offset +
					       ((const uint8_t *)old - s.p),
				       text);
	}
}

static const char *dwo_name(Dwarf_Die *unit)
{
	Dwarf_Attribute attr;

	if (!dwarf_attr(unit, DW_AT_dwo_name, &attr) && !dwarf_attr(unit, DW_AT_GNU_dwo_name, &attr))
		return NULL;
	return dwarf_formstring(&attr);
}

/* the skeletons' sections as a file of their own, units beside it */
static bool unpack(struct dwarf_file *f, const struct package *p, int dir)
{
	static const char *const own[] = { "info",     "abbrev",      "line", "line_str",
					   "str",      "str_offsets", "addr", "ranges",
					   "rnglists", "aranges",     "loc" };
	struct elf_image main_image = { 0 };
	Dwarf_CU *cu = NULL;
	unsigned n_units = 0;
	uint64_t id;
	uint8_t type;
	Dwarf_Die die;
	bool ok;

	for (unsigned i = 0; i < sizeof(own) / sizeof(*own); i++) {
		struct bytes b = dwfile_section(f, 0, own[i]);
		char full[64];

		snprintf(full, sizeof(full), ".debug_%s", own[i]);
		if (b.n)
			image_add(&main_image, full, b.p, b.n);
	}
	while (dwarf_get_units(f->dwarf, cu, &cu, NULL, &type, &die, NULL) == 0) {
		const char *name = type == DW_UT_skeleton ? dwo_name(&die) : NULL;
		struct elf_image unit = { 0 };
		char number[32];
		uint32_t row;

		if (!name || dwarf_cu_info(cu, NULL, NULL, NULL, NULL, &id, NULL, NULL) ||
		    !(row = find_unit(p, id)))
			continue;
		make_unit(p, row, &unit);
		snprintf(number, sizeof(number), "u%x", n_units++);
		/* an absolute name leads elsewhere: it becomes one of ours */
		if (name[0] == '/' || strstr(name, ".."))
			replace_string(&main_image, f, name, number);
		elf_end(image_finish(&unit));
		write_file(dir, name[0] == '/' || strstr(name, "..") ? number : name, &unit);
		image_free(&unit);
	}
	elf_end(image_finish(&main_image));
	ok = n_units && write_file(dir, "main", &main_image);
	image_free(&main_image);
	return ok;
}

/* opens what lies in the folder in place of the file */
static bool reopen(struct dwarf_file *f, int dir)
{
	int fd = openat(dir, "main", O_RDONLY | O_CLOEXEC);
	Elf *elf = fd >= 0 ? elf_begin(fd, ELF_C_READ_MMAP, NULL) : NULL;
	Dwarf *dwarf = elf ? dwarf_begin_elf(elf, DWARF_C_READ, NULL) : NULL;

	if (!dwarf) {
		if (elf)
			elf_end(elf);
		if (fd >= 0)
			close(fd);
		return false;
	}
	dwarf_end(f->dwarf);
	elf_end(f->elf);
	f->sections.n = 0;
	f->dwarf = f->files.v[0] = dwarf;
	f->elf = elf;
	f->split_fd = fd;
	return true;
}

static struct objfile *find_package(struct dwarf_file *f)
{
	struct objfile *files[2] = { f->debug, f->code }, *found;
	char path[PATH_MAX];

	for (unsigned i = 0; i < 2; i++) {
		const char *own = files[i]->priv->open_path ? files[i]->priv->open_path
							    : files[i]->path;
		struct err *e;

		if ((size_t)snprintf(path, sizeof(path), "%s.dwp", own) >= sizeof(path))
			continue;
		e = objfile_open(path, &found);
		if (!e)
			return found;
		err_free(e);
	}
	return NULL;
}

void package_open(struct dwarf_file *f)
{
	struct package p = { .file = find_package(f) };
	char folder[] = "/tmp/sonde-dwp-XXXXXX";
	FD_AUTO dir = -1;

	if (!p.file)
		return;
	if (read_index(&p) && mkdtemp(folder)) {
		dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (dir >= 0 && unpack(f, &p, dir) && reopen(f, dir))
			dwfile_open_split(f);
		nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	}
	objfile_unref(p.file);
}
