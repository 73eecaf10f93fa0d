/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads .eh_frame and .debug_frame; see cfi.h. Every entry is run once (cfi_run.c).
 *
 * The bytes are hostile. An entry that cannot be read is left out and counted; the common part of many entries (CIE) is
 * read once however many refer to it, and each byte of an entry makes one row at most: the work is bounded by the size of
 * the section.
 */
#include "objfile/cfi.h"

#include "objfile/cfi_private.h"
#include "objfile/elf_private.h"

#include <elf.h>
#include <zlib.h>

/* ---- entries ---- */

/* length and id of the entry at the reader's place; e: what is behind the id */
struct entry {
	struct bytes e; /* the whole section up to the entry's end: its positions are the section's */
	uint64_t id, id_at;
	bool is_64, is_end;
};

static bool next_entry(const struct cfi_reader *r, struct bytes *b, struct entry *out)
{
	uint64_t n = bytes_u32(b);

	*out = (struct entry){ 0 };
	out->is_64 = n == 0xffffffff;
	if (out->is_64)
		n = bytes_u64(b);
	if (b->bad || n > bytes_left(b))
		return false;
	out->is_end = n == 0;
	out->e = bytes_make(b->p, b->pos + n);
	out->e.pos = out->id_at = b->pos;
	b->pos += n;
	if (out->is_end)
		return true;
	/* in .eh_frame the id has four bytes however long the entry is */
	out->id = out->is_64 && r->is_debug ? bytes_u64(&out->e) : bytes_u32(&out->e);
	return !out->e.bad;
}

static bool is_cie(const struct cfi_reader *r, const struct entry *e)
{
	if (!r->is_debug)
		return e->id == 0;
	return e->id == (e->is_64 ? ~0ULL : 0xffffffffULL);
}

static void read_augmentation(struct cfi_reader *r, struct cfi_cie *c, struct str text,
			      struct bytes *e)
{
	struct bytes data = cfi_take_block(e);

	c->has_augmentation = true;
	for (size_t i = 1; i < text.n && !data.bad; i++)
		switch (text.p[i]) {
		case 'R': c->encoding = bytes_u8(&data); break;
		case 'S': c->is_signal = true; break;
		case 'L': bytes_u8(&data); break;
		case 'P': cfi_read_value(&data, bytes_u8(&data) & 0x0f); break;
		default: return; /* the block's length is known: what is behind does not matter */
		}
	c->is_bad |= data.bad;
	(void)r;
}

static void read_cie_body(struct cfi_reader *r, struct cfi_cie *c, struct bytes e)
{
	uint8_t version = bytes_u8(&e);
	struct str text = bytes_cstr(&e);
	struct cfi_state state = { 0 };
	uint64_t ra;

	c->is_bad = version != 1 && version != 3 && version != 4;
	if (version == 4)
		c->is_bad |= bytes_u8(&e) != 8 || bytes_u8(&e) != 0;
	c->code_align = bytes_uleb(&e);
	c->data_align = bytes_sleb(&e);
	ra = version == 1 ? bytes_u8(&e) : bytes_uleb(&e);
	c->is_bad |= ra != REG_RA || (text.n && text.p[0] != 'z');
	if (text.n && text.p[0] == 'z')
		read_augmentation(r, c, text, &e);
	if (c->is_bad || e.bad || c->encoding == PE_OMIT) {
		c->is_bad = true;
		return;
	}
	c->is_bad = !cfi_run(r, c, &state, 0, false, bytes_make(e.p + e.pos, bytes_left(&e)));
	c->initial = state;
}

static const struct cfi_cie *get_cie(struct cfi_reader *r, uint64_t at)
{
	struct cfi_cie *c = hashmap_get(&r->cies, hashmap_key_u64(&at));
	struct bytes b = r->b;
	struct entry e;

	if (c)
		return c;
	c = arena_new(&r->arena, struct cfi_cie);
	c->at = at;
	bytes_seek(&b, at);
	if (b.bad || !next_entry(r, &b, &e) || e.is_end || !is_cie(r, &e))
		c->is_bad = true;
	else
		read_cie_body(r, c, e.e);
	hashmap_put(&r->cies, hashmap_key_u64(&c->at), c);
	return c;
}

/* false: an entry that cannot be read */
static bool read_fde(struct cfi_reader *r, struct entry *e)
{
	uint64_t cie_at = r->is_debug ? e->id : e->id_at - e->id;
	const struct cfi_cie *c = get_cie(r, cie_at);
	struct cfi_state state = c->initial;
	struct cfi_func f = { .first = (uint32_t)r->raw.rows.n };
	bool ok;

	if (c->is_bad)
		return false;
	f.start = cfi_read_pointer(r, &e->e, c->encoding);
	f.end = f.start + cfi_read_value(&e->e, c->encoding & 0x0f);
	if (c->has_augmentation)
		cfi_take_block(&e->e);
	/* start 0: a function that the linker dropped */
	if (e->e.bad || f.end < f.start)
		return false;
	if (f.end == f.start || !f.start)
		return true;
	ok = cfi_run(r, c, &state, f.start, true, bytes_make(e->e.p + e->e.pos, bytes_left(&e->e)));
	f.n = (uint32_t)r->raw.rows.n - f.first;
	if (ok)
		vec_push(&r->raw.funcs, f);
	else
		r->raw.rows.n = f.first;
	return ok;
}

static void read_entries(struct cfi_reader *r)
{
	while (bytes_left(&r->b) >= 4) {
		struct entry e;

		if (!next_entry(r, &r->b, &e)) {
			r->n_bad++;
			return;
		}
		if (e.is_end) { /* crtend.o's terminator; linkers leave it in the middle, too */
			continue;
		}
		if (!is_cie(r, &e) && !read_fde(r, &e))
			r->n_bad++;
	}
}

/* adds to raw; the number of entries that could not be read */
static uint32_t read_section(struct bytes b, uint64_t addr, bool is_debug, struct cfi_raw *raw)
{
	struct cfi_reader r = { .b = b, .addr = addr, .is_debug = is_debug, .raw = *raw };

	arena_init(&r.arena);
	read_entries(&r);
	hashmap_free(&r.cies);
	arena_free(&r.arena);
	*raw = r.raw;
	return r.n_bad;
}

struct err *cfi_table_parse(struct bytes b, uint64_t addr, bool is_debug, uint32_t *n_bad,
			    struct cfi_table **ret)
{
	struct cfi_raw raw = { 0 };
	struct err *err;

	*n_bad = read_section(b, addr, is_debug, &raw);
	err = cfi_table_make(&raw, ret);
	cfi_raw_free(&raw);
	return err;
}

/* ---- files ---- */

enum { SECTION_MAX = 256 << 20 };

/* a section that ELF says is compressed by zlib; *keep is to be freed */
static ERR_MUST struct err *unpack(struct objfile *f, struct bytes *b, uint8_t **keep)
{
	Elf64_Chdr head;
	uLongf n;

	if (b->n < sizeof(head))
		return err_new(0, "'%s' is malformed: a compressed section is cut", f->path);
	memcpy(&head, b->p, sizeof(head));
	/* zlib packs 1032 bytes into one at most */
	if (head.ch_type != ELFCOMPRESS_ZLIB || head.ch_size > SECTION_MAX ||
	    head.ch_size / 1032 > b->n)
		return err_new(0, "'%s': .debug_frame is compressed in a way that cannot be read",
			       f->path);
	n = head.ch_size;
	*keep = base_alloc(n + 1);
	if (uncompress(*keep, &n, b->p + sizeof(head), b->n - sizeof(head)) != Z_OK)
		return err_new(0, "'%s' is malformed: .debug_frame does not unpack", f->path);
	*b = bytes_make(*keep, n);
	return NULL;
}

static ERR_MUST struct err *read_named(struct objfile *f, struct str name, struct cfi_raw *raw)
{
	const struct objfile_section *s = objfile_find_section(f, name);
	uint8_t *keep = NULL;
	struct err *err = NULL;
	struct bytes b;

	if (!s || !s->size || s->size > SECTION_MAX)
		return NULL;
	TRY(objfile_section_bytes(f, s, &b));
	if (s->flags & SHF_COMPRESSED)
		err = unpack(f, &b, &keep);
	if (!err)
		read_section(b, s->addr, s->flags & SHF_ALLOC ? false : true, raw);
	free(keep);
	return err;
}

struct err *cfi_table_of(struct objfile *f, struct cfi_table **ret)
{
	struct cfi_raw raw = { 0 };
	struct err *err;

	*ret = NULL;
	err = read_named(f, STR(".eh_frame"), &raw);
	if (!err)
		cfi_add_go(f, &raw);
	if (!err && !raw.funcs.n)
		err = read_named(f, STR(".debug_frame"), &raw);
	if (!err)
		err = cfi_table_make(&raw, ret);
	cfi_raw_free(&raw);
	return err ? err_wrap(err, "'%s'", f->path) : NULL;
}

/* ---- extents of functions ---- */

static int extent_order(const void *a, const void *b)
{
	const struct cfi_extent *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

const struct cfi_extents *cfi_extents_of(struct objfile *f)
{
	struct cfi_extents *ret = f->priv->extents;
	struct cfi_raw raw = { 0 };

	if (ret)
		return ret;
	ret = f->priv->extents = base_alloc(sizeof(*ret));
	err_free(read_named(f, STR(".eh_frame"), &raw));
	ret->v = base_alloc((raw.funcs.n + 1) * sizeof(*ret->v));
	vec_each(fn, &raw.funcs)
		if (fn->end > fn->start)
			ret->v[ret->n++] = (struct cfi_extent){ fn->start, fn->end };
	if (ret->n)
		qsort(ret->v, ret->n, sizeof(*ret->v), extent_order);
	cfi_raw_free(&raw);
	return ret;
}

const struct cfi_extent *cfi_extent_at(const struct cfi_extents *e, uint64_t start)
{
	const struct cfi_extent key = { .start = start };

	return e->n ? bsearch(&key, e->v, e->n, sizeof(key), extent_order) : NULL;
}

size_t cfi_extents_until(const struct cfi_extents *e, uint64_t address)
{
	size_t lo = 0, hi = e->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (e->v[mid].start <= address)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

void cfi_extents_free(struct cfi_extents *e)
{
	if (e)
		free(e->v);
	free(e);
}
