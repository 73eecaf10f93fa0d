/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Abbreviations for the quick walk; see dwarf_abbrev.h. Format: DWARF 5, sections 7.5.3 (abbreviations), 7.5.6 (forms).
 *
 * An abbreviation is turned once into steps: "n bytes", "a LEB128", "a block with its length in front". An entry that nobody asks
 * about then costs a few steps, often one.
 */
#include "objfile/dwarf_abbrev.h"

#include <dwarf.h>

enum {
	MAX_CODES = 1 << 17,  /* abbreviations of one table */
	MAX_ATTRIBUTES = 512, /* of one abbreviation */
};

/* ---- forms ---- */

static inline void skip_leb(struct bytes *b)
{
	while (b->pos < b->n)
		if (!(b->p[b->pos++] & 0x80))
			return;
	b->bad = true;
}

bool walk_step_of(unsigned form, const struct walk_unit *u, struct step *s)
{
	*s = (struct step){ STEP_BYTES, 0 };
	switch (form) {
	case DW_FORM_flag_present:
	case DW_FORM_implicit_const: return true;
	case DW_FORM_data1:
	case DW_FORM_flag:
	case DW_FORM_ref1:
	case DW_FORM_strx1:
	case DW_FORM_addrx1: s->n = 1; return true;
	case DW_FORM_data2:
	case DW_FORM_ref2:
	case DW_FORM_strx2:
	case DW_FORM_addrx2: s->n = 2; return true;
	case DW_FORM_strx3:
	case DW_FORM_addrx3: s->n = 3; return true;
	case DW_FORM_data4:
	case DW_FORM_ref4:
	case DW_FORM_ref_sup4:
	case DW_FORM_strx4:
	case DW_FORM_addrx4: s->n = 4; return true;
	case DW_FORM_data8:
	case DW_FORM_ref8:
	case DW_FORM_ref_sup8:
	case DW_FORM_ref_sig8: s->n = 8; return true;
	case DW_FORM_data16: s->n = 16; return true;
	case DW_FORM_addr: s->n = u->addr_size; return true;
	case DW_FORM_ref_addr: s->n = u->version < 3 ? u->addr_size : u->offset_size; return true;
	case DW_FORM_strp:
	case DW_FORM_strp_sup:
	case DW_FORM_line_strp:
	case DW_FORM_sec_offset:
	case DW_FORM_GNU_ref_alt:
	case DW_FORM_GNU_strp_alt: s->n = u->offset_size; return true;
	case DW_FORM_sdata:
	case DW_FORM_udata:
	case DW_FORM_ref_udata:
	case DW_FORM_strx:
	case DW_FORM_addrx:
	case DW_FORM_loclistx:
	case DW_FORM_rnglistx:
	case DW_FORM_GNU_addr_index:
	case DW_FORM_GNU_str_index: s->kind = STEP_LEB; return true;
	case DW_FORM_string: s->kind = STEP_STRING; return true;
	case DW_FORM_block1: s->kind = STEP_BLOCK1; return true;
	case DW_FORM_block2: s->kind = STEP_BLOCK2; return true;
	case DW_FORM_block4: s->kind = STEP_BLOCK4; return true;
	case DW_FORM_block:
	case DW_FORM_exprloc: s->kind = STEP_BLOCK; return true;
	case DW_FORM_indirect: s->kind = STEP_INDIRECT; return true;
	default: return false;
	}
}

bool walk_do_step(struct bytes *b, struct step s, const struct walk_unit *u)
{
	uint64_t n = s.n;

	switch ((enum step_kind)s.kind) {
	case STEP_BYTES: break;
	case STEP_LEB: skip_leb(b); return !b->bad;
	case STEP_STRING: bytes_cstr(b); return !b->bad;
	case STEP_BLOCK1: n = bytes_u8(b); break;
	case STEP_BLOCK2: n = bytes_u16(b); break;
	case STEP_BLOCK4: n = bytes_u32(b); break;
	case STEP_BLOCK: n = bytes_uleb(b); break;
	case STEP_INDIRECT:
		if (!walk_step_of((unsigned)bytes_uleb(b), u, &s) || s.kind == STEP_INDIRECT)
			return false;
		return walk_do_step(b, s, u);
	}
	if (b->bad || n > bytes_left(b))
		return false;
	b->pos += n;
	return true;
}

/* ---- abbreviations ---- */

static void add_step(struct walk_abbrevs *t, struct abbrev *a, struct step s)
{
	if (s.kind == STEP_BYTES && a->n_steps) {
		struct step *last = &vec_last(&t->steps);

		if (last->kind == STEP_BYTES && last->n + s.n <= UINT16_MAX) {
			last->n = (uint16_t)(last->n + s.n);
			return;
		}
	}
	vec_push(&t->steps, s);
	a->n_steps++;
}

/* one declaration behind its code; false when it cannot be read */
static bool read_abbrev(struct walk_abbrevs *t, struct bytes *b, const struct walk_unit *u,
			struct abbrev *a)
{
	a->tag = (uint16_t)bytes_uleb(b);
	a->has_children = bytes_u8(b) != 0;
	a->is_wanted = a->tag == DW_TAG_subprogram || a->tag == DW_TAG_inlined_subroutine;
	a->first_step = (uint32_t)t->steps.n;
	a->first_attribute = (uint32_t)t->attributes.n;
	for (unsigned i = 0; i < MAX_ATTRIBUTES; i++) {
		uint64_t name = bytes_uleb(b), form = bytes_uleb(b);
		struct step s;

		if (b->bad)
			return false;
		if (form == DW_FORM_implicit_const)
			skip_leb(b);
		if (!name && !form)
			return a->tag != 0;
		if (!walk_step_of((unsigned)form, u, &s))
			return false;
		add_step(t, a, s);
		vec_push(&t->attributes, ((struct attribute){ (uint16_t)name, (uint16_t)form }));
		a->n_attributes++;
	}
	return false;
}

static void read_table(struct walk_abbrevs *t, struct bytes b, const struct walk_unit *u)
{
	bytes_seek(&b, t->offset);
	while (!b.bad) {
		uint64_t code = bytes_uleb(&b);
		struct abbrev a = { 0 };

		if (!code || code >= MAX_CODES || !read_abbrev(t, &b, u, &a))
			return; /* units that use what is missing end there */
		/* codes are dense in practice; a hostile table is bounded by MAX_CODES */
		while (t->v.n <= code)
			vec_push(&t->v, (struct abbrev){ 0 });
		t->v.v[code] = a;
	}
}

struct walk_abbrevs *walk_table_of(struct walk_file *f, const struct walk_unit *u)
{
	struct walk_abbrevs *t;

	/* units that share a table follow each other; the last few are enough */
	for (uint32_t i = f->n_tables; i > 0; i--) {
		t = &f->tables[i - 1];
		if (t->offset == u->abbrev_offset && t->addr_size == u->addr_size &&
		    t->offset_size == u->offset_size && t->version == u->version)
			return t;
	}
	if (f->n_tables == 8) {
		t = &f->tables[0];
		vec_free(&t->v);
		vec_free(&t->steps);
		vec_free(&t->attributes);
		memmove(f->tables, f->tables + 1, 7 * sizeof(*t));
		f->n_tables--;
	}
	if (!f->tables)
		f->tables = base_alloc(8 * sizeof(*f->tables));
	t = &f->tables[f->n_tables++];
	*t = (struct walk_abbrevs){ u->abbrev_offset, u->addr_size, u->offset_size, u->version };
	read_table(t, f->abbrev, u);
	return t;
}

void walk_close(struct walk_file *f)
{
	for (uint32_t i = 0; i < f->n_tables; i++) {
		vec_free(&f->tables[i].v);
		vec_free(&f->tables[i].steps);
		vec_free(&f->tables[i].attributes);
	}
	free(f->tables);
	f->tables = NULL;
	f->n_tables = 0;
}
