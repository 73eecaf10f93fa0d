/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The quick walk over .debug_info; see dwarf_walk.h. Format: DWARF 5, sections 7.5.1 (unit headers), 7.5.3 (abbreviations),
 * 7.5.6 (forms).
 *
 * An abbreviation is turned once into steps: "n bytes", "a LEB128", "a block with its length in front". An entry that
 * nobody asks about then costs a few steps, often one. Attributes are looked at for functions, and names for nothing else.
 */
#include "objfile/dwarf_walk.h"

#include <dwarf.h>

enum {
	MAX_CODES = 1 << 17,  /* abbreviations of one table */
	MAX_ATTRIBUTES = 512, /* of one abbreviation */
	MAX_DEPTH = 4096,
};

enum step_kind {
	STEP_BYTES,
	STEP_LEB,
	STEP_STRING,
	STEP_BLOCK1,
	STEP_BLOCK2,
	STEP_BLOCK4,
	STEP_BLOCK,
	STEP_INDIRECT
};

struct step {
	uint8_t kind;
	uint16_t n; /* STEP_BYTES */
};

struct attribute {
	uint16_t name, form;
};

struct abbrev {
	uint16_t tag; /* 0: no such code */
	bool has_children;
	bool is_wanted; /* its attributes are looked at */
	uint32_t first_step, n_steps;
	uint32_t first_attribute, n_attributes; /* of wanted ones */
};

struct walk_abbrevs {
	uint64_t offset;
	uint8_t addr_size, offset_size, version; /* the steps were made for these */
	VEC(struct abbrev) v;                    /* by code */
	VEC(struct step) steps;
	VEC(struct attribute) attributes;
};

/* ---- forms ---- */

static inline void skip_leb(struct bytes *b)
{
	while (b->pos < b->n)
		if (!(b->p[b->pos++] & 0x80))
			return;
	b->bad = true;
}

/* how to get over a value of this form; false: unknown */
static bool step_of(unsigned form, const struct walk_unit *u, struct step *s)
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

static bool do_step(struct bytes *b, struct step s, const struct walk_unit *u)
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
		if (!step_of((unsigned)bytes_uleb(b), u, &s) || s.kind == STEP_INDIRECT)
			return false;
		return do_step(b, s, u);
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
		if (!step_of((unsigned)form, u, &s))
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

static struct walk_abbrevs *table_of(struct walk_file *f, const struct walk_unit *u)
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

/* ---- units ---- */

bool walk_next_unit(struct walk_file *f, uint64_t *pos, struct walk_unit *u)
{
	struct bytes b = f->info;
	uint64_t length;

	bytes_seek(&b, *pos);
	*u = (struct walk_unit){ .start = *pos, .offset_size = 4, .type = DW_UT_compile };
	length = bytes_u32(&b);
	if (length == 0xffffffff) {
		u->offset_size = 8;
		length = bytes_u64(&b);
	}
	if (b.bad || length > bytes_left(&b) || !length)
		return false;
	u->end = b.pos + length;
	*pos = u->end;
	u->version = (uint8_t)bytes_u16(&b);
	if (u->version >= 5) {
		u->type = bytes_u8(&b);
		u->addr_size = bytes_u8(&b);
		u->abbrev_offset = bytes_uint(&b, u->offset_size);
		if (u->type == DW_UT_skeleton || u->type == DW_UT_split_compile)
			bytes_take(&b, 8); /* dwo_id */
		else if (u->type == DW_UT_type || u->type == DW_UT_split_type)
			bytes_take(&b, 8 + u->offset_size);
	} else {
		u->abbrev_offset = bytes_uint(&b, u->offset_size);
		u->addr_size = bytes_u8(&b);
	}
	u->first_die = b.pos;
	/* split units of DWARF 5 use the first table of their section, behind its header */
	if (f->is_split && u->version >= 5)
		u->str_offsets_base = u->offset_size == 8 ? 16 : 8;
	return !b.bad && b.pos <= u->end;
}

/* ---- attributes of functions ---- */

static uint64_t string_by_index(struct walk_file *f, const struct walk_unit *u, uint64_t index)
{
	struct bytes b = f->str_offsets;
	uint64_t offset;

	if (index > b.n / u->offset_size || u->str_offsets_base > b.n)
		return 0;
	bytes_seek(&b, u->str_offsets_base + index * u->offset_size);
	offset = bytes_uint(&b, u->offset_size);
	return b.bad ? 0 : (uint64_t)WALK_STR << 56 | WALK_OFFSET(offset);
}

static uint64_t get_string(struct walk_file *f, const struct walk_unit *u, unsigned form,
			   struct bytes *b)
{
	uint64_t at;

	switch (form) {
	case DW_FORM_string:
		at = b->pos;
		bytes_cstr(b);
		return (uint64_t)WALK_INFO << 56 | at;
	case DW_FORM_strp:
		return (uint64_t)WALK_STR << 56 | WALK_OFFSET(bytes_uint(b, u->offset_size));
	case DW_FORM_line_strp:
		return (uint64_t)WALK_LINE_STR << 56 | WALK_OFFSET(bytes_uint(b, u->offset_size));
	case DW_FORM_strp_sup:
	case DW_FORM_GNU_strp_alt:
		return (uint64_t)WALK_ALT_STR << 56 | WALK_OFFSET(bytes_uint(b, u->offset_size));
	case DW_FORM_strx:
	case DW_FORM_GNU_str_index: return string_by_index(f, u, bytes_uleb(b));
	case DW_FORM_strx1: return string_by_index(f, u, bytes_u8(b));
	case DW_FORM_strx2: return string_by_index(f, u, bytes_u16(b));
	case DW_FORM_strx3:
		at = bytes_u16(b);
		return string_by_index(f, u, at | (uint64_t)bytes_u8(b) << 16);
	case DW_FORM_strx4: return string_by_index(f, u, bytes_u32(b));
	default: b->bad = true; return 0;
	}
}

static uint64_t get_reference(const struct walk_unit *u, unsigned form, struct bytes *b)
{
	switch (form) {
	case DW_FORM_ref1: return u->start + bytes_u8(b);
	case DW_FORM_ref2: return u->start + bytes_u16(b);
	case DW_FORM_ref4: return u->start + bytes_u32(b);
	case DW_FORM_ref8: return u->start + bytes_u64(b);
	case DW_FORM_ref_udata: return u->start + bytes_uleb(b);
	case DW_FORM_ref_addr: return bytes_uint(b, u->version < 3 ? u->addr_size : u->offset_size);
	case DW_FORM_ref_sup4: return WALK_IN_ALT | bytes_u32(b);
	case DW_FORM_ref_sup8: return WALK_IN_ALT | bytes_u64(b);
	case DW_FORM_GNU_ref_alt: return WALK_IN_ALT | bytes_uint(b, u->offset_size);
	case DW_FORM_ref_sig8: bytes_take(b, 8); return 0;
	default: b->bad = true; return 0;
	}
}

/* an address that stands for code which the linker dropped */
static bool is_tombstone(uint64_t addr, unsigned size)
{
	uint64_t max = size >= 8 ? UINT64_MAX : (1ULL << 8 * size) - 1;

	return addr <= 1 || addr >= max - 1;
}

static bool read_function(struct walk_file *f, const struct walk_unit *u,
			  const struct walk_abbrevs *t, const struct abbrev *a, struct bytes *b,
			  struct walk_func *ret)
{
	for (uint32_t i = 0; i < a->n_attributes; i++) {
		struct attribute at = t->attributes.v[a->first_attribute + i];
		struct step s;

		if (at.form == DW_FORM_indirect)
			at.form = (uint16_t)bytes_uleb(b);
		switch (at.name) {
		case DW_AT_name: ret->name = get_string(f, u, at.form, b); continue;
		case DW_AT_linkage_name:
		case DW_AT_MIPS_linkage_name: ret->linkage = get_string(f, u, at.form, b); continue;
		case DW_AT_abstract_origin: ret->origin = get_reference(u, at.form, b); continue;
		case DW_AT_specification:
			ret->specification = get_reference(u, at.form, b);
			continue;
		case DW_AT_declaration: ret->is_declaration = true; break;
		case DW_AT_low_pc:
			if (at.form == DW_FORM_addr) {
				ret->has_code |= !is_tombstone(bytes_uint(b, u->addr_size),
							       u->addr_size);
				continue;
			}
			/* fall through */
		case DW_AT_ranges: ret->has_code = true; break;
		default: break;
		}
		if (!step_of(at.form, u, &s) || s.kind == STEP_INDIRECT || !do_step(b, s, u))
			return false;
	}
	return !b->bad;
}

/* the unit's own entry: where its strings' offsets begin */
static void read_unit_entry(struct walk_file *f, struct walk_unit *u)
{
	const struct walk_abbrevs *t = table_of(f, u);
	struct bytes b = bytes_make(f->info.p, u->end);
	const struct abbrev *a;
	uint64_t code;

	bytes_seek(&b, u->first_die);
	code = bytes_uleb(&b);
	if (b.bad || code >= t->v.n)
		return;
	a = &t->v.v[code];
	for (uint32_t i = 0; i < a->n_attributes; i++) {
		struct attribute at = t->attributes.v[a->first_attribute + i];
		struct step s;

		if (at.name == DW_AT_str_offsets_base && at.form == DW_FORM_sec_offset) {
			u->str_offsets_base = bytes_uint(&b, u->offset_size);
			return;
		}
		if (!step_of(at.form, u, &s) || !do_step(&b, s, u))
			return;
	}
}

/* ---- the walk ---- */

struct level {
	uint64_t die;
	uint64_t inside, outer; /* see walk_func */
	uint32_t scope;         /* level of the innermost scope, itself included */
	bool is_announced;      /* as a scope */
};

static bool is_scope(unsigned tag)
{
	switch (tag) {
	case DW_TAG_namespace:
	case DW_TAG_module:
	case DW_TAG_structure_type:
	case DW_TAG_class_type:
	case DW_TAG_union_type:
	case DW_TAG_enumeration_type:
	case DW_TAG_interface_type:
	case DW_TAG_subprogram: return true;
	default: return false;
	}
}

/* scopes from the outermost to the one at this level, those that were not told yet */
static void announce(struct level *stack, uint32_t at, const struct walk_visitor *v)
{
	uint32_t todo[64], n = 0;

	while (at && !stack[at].is_announced && n < 64) {
		todo[n++] = at;
		stack[at].is_announced = true;
		at = stack[at - 1].scope;
	}
	while (n--) {
		uint32_t up = stack[todo[n] - 1].scope;

		v->scope(v->arg, stack[todo[n]].die, up ? stack[up].die : 0);
	}
}

bool walk_unit(struct walk_file *f, struct walk_unit *u, const struct walk_visitor *v)
{
	struct level *stack;
	const struct walk_abbrevs *t;
	struct bytes b = bytes_make(f->info.p, u->end);
	uint32_t depth = 0; /* stack[depth] is the innermost open entry; [0] the unit */
	bool ok = false;

	if (u->version < 2 || u->version > 5 || !u->addr_size || u->addr_size > 8 ||
	    u->abbrev_offset >= f->abbrev.n)
		return false;
	read_unit_entry(f, u);
	t = table_of(f, u);
	stack = base_alloc(MAX_DEPTH * sizeof(*stack));
	bytes_seek(&b, u->first_die);
	while (b.pos < b.n) {
		uint64_t die = b.pos, code = b.p[b.pos] < 0x80 ? b.p[b.pos++] : bytes_uleb(&b);
		struct walk_func func = { .die = die };
		const struct abbrev *a;
		struct level *l;

		if (!code) {
			if (depth <= 1) {
				ok = true; /* the end of the unit's children; padding may follow */
				break;
			}
			depth--;
			continue;
		}
		if (b.bad || code >= t->v.n || !t->v.v[code].tag)
			break;
		a = &t->v.v[code];
		if (!a->is_wanted) {
			uint32_t i = 0;

			while (i < a->n_steps && do_step(&b, t->steps.v[a->first_step + i], u))
				i++;
			if (i < a->n_steps)
				break;
		} else {
			if (!read_function(f, u, t, a, &b, &func))
				break;
			func.is_inlined = a->tag == DW_TAG_inlined_subroutine;
			l = &stack[depth];
			func.inside = l->inside;
			func.outer = l->outer;
			if (l->scope)
				announce(stack, l->scope, v);
			func.scope = stack[l->scope].die;
			v->func(v->arg, u, &func);
		}
		if (!a->has_children) {
			if (depth == 0) {
				ok = true; /* a unit without anything in it */
				break;
			}
			continue;
		}
		if (depth == 0 && !stack[0].die)
			stack[0] = (struct level){ .die = die, .is_announced = true };
		if (++depth >= MAX_DEPTH)
			break;
		l = &stack[depth];
		*l = (struct level){ die, stack[depth - 1].inside, stack[depth - 1].outer,
				     stack[depth - 1].scope, false };
		if (depth > 1 && is_scope(a->tag))
			l->scope = depth;
		if (a->is_wanted && func.has_code) {
			l->inside = die;
			if (!func.is_inlined)
				l->outer = die;
		}
	}
	free(stack);
	return ok || b.pos == b.n;
}
