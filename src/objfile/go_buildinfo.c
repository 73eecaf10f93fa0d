/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * .go.buildinfo; see go_buildinfo.h. The section begins with a 14-byte magic, the size of a pointer and flags; then
 * either two strings with their lengths before them (Go 1.18 and newer) or the addresses of two Go string headers.
 */
#include "objfile/go_buildinfo.h"

#include "objfile/go_private.h"

#include <elf.h>
#include <stdlib.h>

#define MAGIC "\xff Go buildinf:"

enum {
	NOTE_BIG_ENDIAN = 1,
	NOTE_INLINE = 2,
	NOTE_PTR_SIZE = 14,
	NOTE_FLAGS = 15,
	NOTE_POINTERS = 16,
	NOTE_STRINGS = 32,
	MAX_VERSION = 256,
	MAX_SETTINGS = 1 << 20,
};

struct go_info *go_info_of(struct objfile *f)
{
	struct go_info *g = f->priv->go;

	if (g)
		return g;
	g = base_alloc(sizeof(*g));
	g->is_go = objfile_langs(f) & OBJFILE_LANG_GO;
	f->priv->go = g;
	return g;
}

void go_info_free(struct go_info *g)
{
	if (!g)
		return;
	arena_free(&g->arena);
	free(g);
}

bool objfile_is_go(struct objfile *f)
{
	return go_info_of(f)->is_go;
}

/* --- words of the file, as the program will see them -------------------------------------------------------------- */

/* calls visit for each R_X86_64_RELATIVE until it returns true */
static bool each_relative(struct objfile *f,
			  bool (*visit)(void *arg, uint64_t place, uint64_t value), void *arg)
{
	for (uint32_t i = 1; i < f->n_sections; i++) {
		const struct objfile_section *s = &f->sections[i];
		struct bytes b;
		struct err *e;

		if (s->type != SHT_RELA || !(s->flags & SHF_ALLOC))
			continue;
		e = objfile_section_bytes(f, s, &b);
		if (e) {
			err_free(e);
			continue;
		}
		for (; bytes_left(&b) >= sizeof(Elf64_Rela);) {
			Elf64_Rela r;

			memcpy(&r, bytes_take(&b, sizeof(r)), sizeof(r));
			if (ELF64_R_TYPE(r.r_info) == R_X86_64_RELATIVE &&
			    visit(arg, r.r_offset, (uint64_t)r.r_addend))
				return true;
		}
	}
	return false;
}

struct word_query {
	uint64_t place, value, after;
	bool found;
};

static bool at_place(void *arg, uint64_t place, uint64_t value)
{
	struct word_query *q = arg;

	if (place != q->place)
		return false;
	q->value = value;
	return true;
}

static bool has_value(void *arg, uint64_t place, uint64_t value)
{
	struct word_query *q = arg;

	if (value == q->value && place >= q->after && (!q->found || place < q->place)) {
		q->place = place;
		q->found = true;
	}
	return false;
}

bool go_read_word(struct objfile *f, uint64_t vaddr, uint64_t *ret)
{
	struct word_query q = { .place = vaddr };

	if (f->kind == OBJFILE_DYN && each_relative(f, at_place, &q)) {
		*ret = q.value;
		return true;
	}
	return objfile_read_vaddr(f, vaddr, ret, sizeof(*ret));
}

bool go_find_word(struct objfile *f, uint64_t value, uint64_t after, uint64_t *ret)
{
	struct word_query q = { .value = value, .after = after };

	if (f->kind == OBJFILE_DYN)
		each_relative(f, has_value, &q);
	for (uint32_t i = 1; i < f->n_sections && !q.found; i++) {
		const struct objfile_section *s = &f->sections[i];
		struct bytes b;
		struct err *e;

		if (s->type != SHT_PROGBITS ||
		    (s->flags & (SHF_ALLOC | SHF_WRITE)) != (SHF_ALLOC | SHF_WRITE))
			continue;
		e = objfile_section_bytes(f, s, &b);
		if (e) {
			err_free(e);
			continue;
		}
		bytes_seek(&b, (8 - s->addr % 8) % 8);
		while (!b.bad && bytes_left(&b) >= 8 && !q.found) {
			uint64_t place = s->addr + b.pos;

			if (bytes_u64(&b) == value && place >= after) {
				q.place = place;
				q.found = true;
			}
		}
	}
	*ret = q.place;
	return q.found;
}

/* --- the note ----------------------------------------------------------------------------------------------------- */

static struct str read_inline_string(struct arena *a, struct bytes *b, size_t max)
{
	uint64_t n = bytes_uleb(b);
	const uint8_t *p;

	if (n > max)
		b->bad = true;
	p = b->bad ? NULL : bytes_take(b, n);
	return p ? arena_str(a, str_make((const char *)p, n)) : STR_NULL;
}

/* a Go string header (pointer, length) whose address stands at vaddr */
static struct str read_string_at(struct objfile *f, struct arena *a, uint64_t vaddr, size_t max)
{
	uint64_t header, text, n;
	char *buf;

	if (!go_read_word(f, vaddr, &header) || !go_read_word(f, header, &text) ||
	    !objfile_read_vaddr(f, header + 8, &n, 8) || n > max)
		return STR_NULL;
	buf = arena_alloc(a, n + 1);
	return objfile_read_vaddr(f, text, buf, n) ? str_make(buf, n) : STR_NULL;
}

/* "go1.23.5", "go1.26-devel_...", "go1.21rc2": numbers behind "go1." */
static void parse_version(struct go_buildinfo *b)
{
	struct str s = b->version;
	unsigned *out[2] = { &b->minor, &b->patch };

	if (!str_starts(s, STR("go1.")))
		return;
	s = str_sub(s, 4, s.n);
	for (int i = 0; i < 2; i++) {
		while (s.n && str_digit_value(s.p[0]) < 10 && *out[i] < 1000) {
			*out[i] = *out[i] * 10 + str_digit_value(s.p[0]);
			s = str_sub(s, 1, s.n);
		}
		if (!s.n || s.p[0] != '.')
			return;
		s = str_sub(s, 1, s.n);
	}
}

/* the text stands between two marks of 16 bytes */
static struct str trim_settings(struct str s)
{
	if (s.n < 33 || s.p[s.n - 17] != '\n')
		return STR_NULL;
	return str_sub(s, 16, s.n - 16);
}

static struct str setting_line(struct str text, struct str prefix)
{
	while (text.n) {
		struct str line = str_split(&text, '\n');

		if (str_starts(line, prefix))
			return str_sub(line, prefix.n, line.n);
	}
	return STR_NULL;
}

/* the note is at a multiple of 16; where the linker merged sections it is not the first thing there */
static bool find_note(struct objfile *f, const struct objfile_section *s, struct bytes *b)
{
	struct err *e = objfile_section_bytes(f, s, b);

	if (e) {
		err_free(e);
		return false;
	}
	for (size_t at = 0; at + NOTE_STRINGS <= b->n; at += 16) {
		if (memcmp(b->p + at, MAGIC, sizeof(MAGIC) - 1) != 0)
			continue;
		b->pos = at;
		return true;
	}
	return false;
}

static void read_note(struct objfile *f, struct go_info *g)
{
	const struct objfile_section *s = objfile_find_section(f, STR(".go.buildinfo"));
	struct go_buildinfo *out = &g->build;
	struct bytes b;
	uint8_t flags;

	if (!s || !find_note(f, s, &b))
		return;
	flags = b.p[b.pos + NOTE_FLAGS];
	if (flags & NOTE_INLINE) {
		bytes_seek(&b, b.pos + NOTE_STRINGS);
		out->version = read_inline_string(&g->arena, &b, MAX_VERSION);
		out->settings = trim_settings(read_inline_string(&g->arena, &b, MAX_SETTINGS));
	} else if (!(flags & NOTE_BIG_ENDIAN) && b.p[b.pos + NOTE_PTR_SIZE] == 8) {
		uint64_t at = s->addr + b.pos + NOTE_POINTERS;

		out->version = read_string_at(f, &g->arena, at, MAX_VERSION);
		out->settings = trim_settings(read_string_at(f, &g->arena, at + 8, MAX_SETTINGS));
	}
	out->path = setting_line(out->settings, STR("path\t"));
	parse_version(out);
}

const struct go_buildinfo *objfile_go_buildinfo(struct objfile *f)
{
	struct go_info *g = go_info_of(f);

	if (g->is_go && !g->has_build)
		read_note(f, g);
	g->has_build = true;
	return &g->build;
}

struct str go_build_setting(const struct go_buildinfo *b, struct str key)
{
	struct str text = b->settings;

	while (text.n) {
		struct str line = str_split(&text, '\n'), name;

		if (!str_starts(line, STR("build\t")))
			continue;
		line = str_sub(line, 6, line.n);
		name = str_split(&line, '=');
		if (str_eq(name, key))
			return line;
	}
	return STR_NULL;
}
