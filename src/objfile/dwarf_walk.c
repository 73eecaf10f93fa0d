/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The quick walk over .debug_info; see dwarf_walk.h. Format: DWARF 5, sections 7.5.1 (unit headers), 7.5.3 (abbreviations),
 * 7.5.6 (forms).
 *
 * Attributes are looked at for functions, and names for nothing else.
 */
#include "objfile/dwarf_walk.h"

#include "objfile/dwarf_abbrev.h"

#include <dwarf.h>

enum { MAX_DEPTH = 4096 };

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
		if (!walk_step_of(at.form, u, &s) || s.kind == STEP_INDIRECT ||
		    !walk_do_step(b, s, u))
			return false;
	}
	return !b->bad;
}

/* the unit's own entry: where its strings' offsets begin */
static void read_unit_entry(struct walk_file *f, struct walk_unit *u)
{
	const struct walk_abbrevs *t = walk_table_of(f, u);
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
		if (!walk_step_of(at.form, u, &s) || !walk_do_step(&b, s, u))
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
	t = walk_table_of(f, u);
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

			while (i < a->n_steps && walk_do_step(&b, t->steps.v[a->first_step + i], u))
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
