/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Values that are computed from what a register held at the entry of the function (DW_OP_entry_value), at points that do not
 * stand there: a source line, an inlined copy. The register is kept by a program at the entry under the frame's address
 * (ir/build_return.c), and the point finds the frame by the file's call frame information. Where the function's entry or
 * the frame is not known, the value is not known either: it becomes absent at all points of the shape.
 *
 * Exits of a function's own have their frame already (return_points.c).
 */
#include "probe/returns.h"

#include "objfile/cfi.h"
#include "objfile/symtab.h"
#include "probe/match_private.h"

static bool uses_entry(const struct location *l)
{
	for (uint32_t i = 0; i < l->n_pieces; i++)
		for (uint32_t k = 0; k < l->pieces[i].n_ops; k++)
			if (l->pieces[i].ops[k].op == LOC_OP_ENTRY_REG)
				return true;
	return false;
}

static bool point_uses_entry(const struct probe_shape *shape, const struct probe_point *p)
{
	for (uint32_t i = 0; i < shape->n_vars && p->locs; i++)
		if (uses_entry(&p->locs[i]))
			return true;
	return false;
}

/* CFA = rsp + offset or rbp + offset at the point; false: neither */
static bool find_frame(const struct cfi_table *t, struct probe_point *p)
{
	uint32_t rule = cfi_table_find(t, p->address);

	if (cfi_rule_kind(rule) != CFI_SP && cfi_rule_kind(rule) != CFI_BP)
		return false;
	p->frame_by_bp = cfi_rule_kind(rule) == CFI_BP;
	p->frame_offset = cfi_rule_offset(rule);
	return true;
}

/* the entry that is kept for the function which holds the point: its number among the shape's */
static bool find_entry(struct match_shape *s, struct objfile *f, struct probe_point *p)
{
	const struct symbol *sym = symtab_at(objfile_symtab(f), p->address);
	struct probe_point entry = *p;

	if (!sym || !symbol_is_func(sym) || sym->flags & SYMBOL_NOT_ENTRY ||
	    !objfile_vaddr_to_offset(f, sym->addr, &entry.file_offset))
		return false;
	for (uint32_t i = 0; i < s->entries.n; i++)
		if (s->entries.v[i].file_offset == entry.file_offset &&
		    str_eq(s->entries.v[i].path, p->path)) {
			p->function = i;
			return true;
		}
	p->function = entry.function = s->n_functions++;
	entry.address = entry.entry_address = sym->addr;
	entry.frame_by_bp = false;
	entry.frame_offset = 8; /* the return address is on top of the stack */
	vec_push(&s->entries, entry);
	return true;
}

/* NULL: the file cannot be read, or has no call frame information */
static struct cfi_table *table_of(struct match *m, const struct probe_point *p, struct objfile **f)
{
	struct cfi_table *t = NULL;
	STRBUF_AUTO path = { 0 };
	struct err *e;

	strbuf_add_str(&path, p->path);
	e = objfile_cache_get(probe_ctx_files(m->c), strbuf_cstr(&path), f);
	if (!e)
		e = cfi_table_of(*f, &t);
	err_free(e);
	return t;
}

static bool keep_for(struct match *m, struct match_shape *s, struct probe_point *p)
{
	struct objfile *f = NULL;
	struct cfi_table *t = table_of(m, p, &f);
	bool is_found = t && find_frame(t, p) && find_entry(s, f, p);

	cfi_table_free(t);
	return is_found;
}

static void make_absent(struct match *m, struct match_shape *s, uint32_t var)
{
	vec_each(p, &s->points) {
		uint32_t n = s->shape->n_vars;
		struct location *locs;

		if (!p->locs)
			continue;
		locs = arena_array(m->c->arena, struct location, n);
		memcpy(locs, p->locs, n * sizeof(*locs));
		locs[var] = (struct location){
			.why = STR("what it is computed from is gone since the entry")
		};
		p->locs = locs;
	}
}

/*
 * call_frame: where the frame of each point begins. Exits of a function's own know it, and by the kernel's way the stack
 * pointer is it; at entries the return address is on top, and elsewhere the call frame information tells. Where that is
 * not known the stack pointer stands for it: deeper than the function's own frame, and mostly the same throughout.
 */
void frames_run(struct match *m, struct probe_shape *shape)
{
	struct cfi_table *t = NULL;
	struct objfile *f = NULL;
	struct str path = STR_NULL;

	if (!m->spec->ap->needs.frame)
		return;
	for (uint32_t i = 0; i < shape->n_points; i++) {
		struct probe_point *p = &shape->points[i];

		if (p->frame_offset || p->frame_by_bp || (shape->is_return && !p->inlined_into.n))
			continue;
		if (!p->inlined_into.n && !p->func_offset) {
			p->frame_offset = 8 - p->sp_delta;
			continue;
		}
		if (!str_eq(path, p->path)) {
			cfi_table_free(t);
			t = table_of(m, p, &f);
			path = p->path;
		}
		if (t && find_frame(t, p) && !p->frame_by_bp)
			p->frame_offset -= p->sp_delta;
	}
	cfi_table_free(t);
}

void entry_regs_run(struct match *m, struct match_shape *s)
{
	const struct probe_shape *shape = s->shape;
	bool is_lost = false;

	vec_each(p, &s->points)
		if ((!shape->is_return || p->inlined_into.n) && point_uses_entry(shape, p))
			is_lost |= !keep_for(m, s, p);
	for (uint32_t i = 0; is_lost && i < shape->n_vars; i++) {
		bool is_used = false;

		vec_each(p, &s->points)
			is_used |= p->locs && uses_entry(&p->locs[i]);
		if (is_used)
			make_absent(m, s, i);
	}
}
