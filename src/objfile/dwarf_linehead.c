/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Does a unit's line table speak of a file? Runs in the worker. libdw would decode the whole table to say that, for each of
 * thousands of units; this reads the list of file names in front of it (DWARF 5, 6.2.4; DWARF 2 to 4 likewise) and
 * compares last components. What it cannot read it takes for a yes: libdw then has the word.
 */
#include "objfile/dwarf_code.h"

#include <dwarf.h>

enum { MAX_FORMATS = 32, MAX_FILES = 1 << 20 };

static struct str last_component(struct str path)
{
	size_t i = path.n;

	while (i > 0 && path.p[i - 1] != '/')
		i--;
	return str_sub(path, i, path.n);
}

struct table {
	struct dwarf_file *f;
	unsigned file; /* number of the ELF file */
	unsigned offset_size;
};

static struct str string_at(const struct table *t, const char *section, uint64_t offset)
{
	struct bytes b = dwfile_section(t->f, t->file, section);

	bytes_seek(&b, offset);
	return bytes_cstr(&b);
}

/* one field of an entry; its text where it is a path in a form that is known */
static bool get_field(const struct table *t, struct bytes *b, uint64_t form, struct str *text)
{
	*text = STR_NULL;
	switch (form) {
	case DW_FORM_string: *text = bytes_cstr(b); break;
	case DW_FORM_line_strp:
		*text = string_at(t, "line_str", bytes_uint(b, t->offset_size));
		break;
	case DW_FORM_strp: *text = string_at(t, "str", bytes_uint(b, t->offset_size)); break;
	case DW_FORM_udata: bytes_uleb(b); break;
	case DW_FORM_data1: bytes_u8(b); break;
	case DW_FORM_data2: bytes_u16(b); break;
	case DW_FORM_data4: bytes_u32(b); break;
	case DW_FORM_data8: bytes_u64(b); break;
	case DW_FORM_data16: bytes_take(b, 16); break;
	case DW_FORM_block: bytes_take(b, bytes_uleb(b)); break;
	default: return false;
	}
	return !b->bad;
}

/* a list of directories or files of DWARF 5; *found: one of them ends in name */
static bool read_list(const struct table *t, struct bytes *b, struct str name, bool *found)
{
	uint64_t content[MAX_FORMATS], form[MAX_FORMATS], n;
	unsigned n_formats = bytes_u8(b);

	if (n_formats > MAX_FORMATS)
		return false;
	for (unsigned i = 0; i < n_formats; i++) {
		content[i] = bytes_uleb(b);
		form[i] = bytes_uleb(b);
	}
	n = bytes_uleb(b);
	if (n > MAX_FILES || (n && !n_formats))
		return false;
	for (uint64_t i = 0; i < n; i++)
		for (unsigned k = 0; k < n_formats; k++) {
			struct str text;

			if (!get_field(t, b, form[k], &text))
				return false;
			if (content[k] == DW_LNCT_path && str_eq(last_component(text), name))
				*found = true;
		}
	return true;
}

static bool read_old_lists(struct bytes *b, struct str name, bool *found)
{
	while (bytes_cstr(b).n && !b->bad)
		;
	for (;;) {
		struct str text = bytes_cstr(b);

		if (b->bad || !text.n)
			return !b->bad;
		if (str_eq(last_component(text), name))
			*found = true;
		for (int i = 0; i < 3; i++)
			bytes_uleb(b); /* directory, time, size */
	}
}

bool dwfile_unit_names_file(struct dwarf_file *f, Dwarf_Die *unit, struct str file)
{
	struct table t = { f, (unsigned)(dwfile_id(f, unit) >> 40 & 0xffff), 4 };
	struct bytes b = dwfile_section(f, t.file, "line");
	struct str name = last_component(file);
	Dwarf_Attribute attr;
	bool found = false;
	Dwarf_Word at;
	uint64_t length;
	unsigned version, n_opcodes;

	if (!dwarf_attr(unit, DW_AT_stmt_list, &attr) || dwarf_formudata(&attr, &at))
		return false; /* no lines at all */
	bytes_seek(&b, at);
	length = bytes_u32(&b);
	if (length == 0xffffffff) {
		t.offset_size = 8;
		length = bytes_u64(&b);
	}
	if (b.bad || length > bytes_left(&b))
		return true;
	b.n = b.pos + length;
	version = bytes_u16(&b);
	if (version < 2 || version > 5)
		return true;
	if (version == 5)
		bytes_take(&b, 2); /* sizes of addresses and segment selectors */
	bytes_uint(&b, t.offset_size);
	bytes_take(&b, version >= 4 ? 5 : 4);
	n_opcodes = bytes_u8(&b);
	bytes_take(&b, n_opcodes ? n_opcodes - 1 : 0);
	if (version < 5)
		return !read_old_lists(&b, name, &found) || found;
	/* directories first: what they are called does not count */
	if (!read_list(&t, &b, name, &found))
		return true;
	found = false;
	return !read_list(&t, &b, name, &found) || found;
}
