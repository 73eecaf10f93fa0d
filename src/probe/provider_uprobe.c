/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * uprobe and uretprobe: functions of programs and libraries. A name becomes places (places.h): code of the function's
 * own, clones, copies inlined into others. An offset is checked to be inside of the function and at the start of an
 * instruction: a breakpoint written into the middle of one would crash the program. Returns stand at the
 * functions' entries here; returns.h moves them.
 */
#include "arch/x86_64/decode.h"
#include "arch/x86_64/regs.h"
#include "objfile/names.h"
#include "probe/missing.h"
#include "probe/symbols.h"
#include "probe/uprobe_private.h"

#define UNSAFE_TEXT \
	"Use --unsafe to force attachment. WARNING: This option could lead to data corruption in the target process."

enum { MAX_FUNCTION = 1 << 20 };

/* ---- places ---- */

static enum code_boundary boundary_of(struct objfile *f, uint64_t start, uint64_t addr)
{
	size_t n = addr - start + 16;
	uint8_t *bytes = base_alloc(n);
	CODE_AUTO code = { 0 };

	/* the last instruction of a segment has fewer bytes behind it */
	while (n && !objfile_read_vaddr(f, start, bytes, n))
		n--;
	code_decode(bytes, n, start, &code);
	free(bytes);
	return code_is_boundary(&code, addr);
}

/* false when no probe may stand at this offset of the symbol; the reason was reported */
static bool check_place(struct uprobe_match *u, const struct symbol *s, uint64_t offset)
{
	struct match *m = u->m;
	struct str name = symbol_name(s);

	if (m->c->is_unsafe)
		return true;
	if (s->size == 0) {
		/* a wildcard leaves such symbols out; who names one is told */
		if (!u->is_wild)
			match_unplaceable(
				m,
				"Could not determine boundary for %.*s (symbol has size 0).\n" UNSAFE_TEXT,
				STR_ARG(name));
		return false;
	}
	if (offset >= s->size) {
		match_unplaceable(m, "Offset outside the function bounds ('%.*s' size is %llu)",
				  STR_ARG(name), (unsigned long long)s->size);
		return false;
	}
	if (offset == 0)
		return true;
	switch (boundary_of(u->file->f, s->addr, s->addr + offset)) {
	case CODE_BOUNDARY_YES: return true;
	case CODE_BOUNDARY_NO:
		match_unplaceable(
			m,
			"Possible attachment attempt in the middle of an instruction, try a different "
			"offset.");
		return false;
	default:
		match_unplaceable(m, "Cannot decode '%.*s' up to offset %llu.\n" UNSAFE_TEXT,
				  STR_ARG(name), (unsigned long long)offset);
		return false;
	}
}

/* ---- points ---- */

static void add_point_at(struct uprobe_match *u, struct place *place, uint64_t wanted,
			 uint64_t addr, size_t base, uint64_t pc)
{
	struct match *m = u->m;
	const struct location *locs;
	uint64_t file_offset;
	struct probe_point *p;
	size_t shape;

	if (!objfile_vaddr_to_offset(u->file->f, addr, &file_offset)) {
		match_unplaceable(m, "Address 0x%llx is not in the file '%.*s'.",
				  (unsigned long long)addr, STR_ARG(u->file->path));
		return;
	}
	shape = shapes_of_place(&u->shapes, &u->places, place, base, pc, &locs);
	p = match_add_point(m, shape);
	p->path = u->file->open_path;
	p->address = addr;
	p->file_offset = file_offset;
	p->locs = locs;
	p->place_delta = (uint32_t)(addr - wanted);
	p->inlined_into = place->inlined_into;
	p->is_approximate = place->is_approximate;
	p->entry_address = place->entry;
	p->symbol = uprobe_func_name(u, place);
	p->func_offset = place->inlined_into.n ? 0 : wanted - place->shift - place->entry;
	p->name = uprobe_probe_name(u, place, m->spec->source_file.n ? 0 : p->func_offset);
	p->why = place->why;
	uprobe_say_place(u, p, place);
}

/* the shape for this address; *go: what it is in Go code, form GO_FORM_NONE elsewhere */
static size_t shape_at(struct uprobe_match *u, const struct place *place, uint64_t addr,
		       struct go_site *go)
{
	*go = (struct go_site){ .form = GO_FORM_NONE };
	if (!place->sym || !objfile_is_go(u->file->f))
		return u->shape;
	go_site_find(u->file->f, place->sym, addr - place->sym->addr, go);
	return go->form == GO_FORM_NONE ? u->shape
					: go_site_shape(u->m, u->file->f, go, u->go_shapes);
}

/* does every call that enters at from come to to, once, and nobody else? */
static bool is_straight(struct objfile *f, const struct symbol *s, uint64_t from, uint64_t to)
{
	CODE_AUTO code = { 0 };
	bool is_fine = s->size && s->size <= MAX_FUNCTION && to < s->addr + s->size;
	uint8_t *bytes = is_fine ? base_alloc(s->size) : NULL;

	if (is_fine && objfile_read_vaddr(f, s->addr, bytes, s->size))
		code_decode(bytes, s->size, s->addr, &code);
	free(bytes);
	is_fine = is_fine && code_is_boundary(&code, to) == CODE_BOUNDARY_YES &&
		  !code_branches_into(&code, from, to + 1);
	for (uint32_t i = 0; i < code.n && is_fine; i++) {
		const struct code_insn *in = &code.insn[i];
		bool is_plain = in->kind == CODE_OTHER || in->kind == CODE_NOP ||
				in->kind == CODE_PUSH || in->kind == CODE_ENDBR;

		is_fine = in->addr < from || in->addr >= to || is_plain;
	}
	return is_fine;
}

/*
 * Where a probe on a function stands whose arguments by name are read: behind the stores of those that come in vector registers,
 * if nothing is read that was at the entry alone.
 */
static uint64_t behind_stores(struct uprobe_match *u, struct place *place)
{
	const struct probe_spec *spec = u->m->spec;
	const struct probe_needs *needs = &spec->ap->needs;
	uint64_t to;

	if (spec->kind != PROBE_UPROBE || spec->offset || spec->has_address ||
	    spec->source_file.n || place->inlined_into.n || !place->sym ||
	    place->sym->addr != place->addr || !needs->is_known || needs->args ||
	    needs->stack_args || needs->anything)
		return place->addr;
	to = shapes_readable_from(&u->shapes, &u->places, place, place->addr);
	if (to == place->addr || !is_straight(u->file->f, place->sym, place->addr, to))
		return place->addr;
	place->why = "behind the stores of arguments in vector registers";
	place->shift = to - place->addr;
	return to;
}

static void add_point(struct uprobe_match *u, struct place *place, uint64_t offset)
{
	struct match *m = u->m;
	struct go_site go;
	uint64_t wanted = place->addr + offset, addr = wanted;
	size_t base = shape_at(u, place, wanted, &go);

	if (go.form == GO_FORM_NONE)
		addr = wanted = offset ? wanted : behind_stores(u, place);
	if (go.form != GO_FORM_NONE && !place->inlined_into.n && !m->spec->has_address &&
	    m->spec->kind == PROBE_UPROBE && !m->spec->source_file.n)
		addr = go.addr;
	if (addr != wanted)
		place->why = "behind the stack check, which runs again when the stack grows";
	/* where a debugger would look: at the entry registers are as the caller set them, behind Go's check too */
	add_point_at(u, place, wanted, addr, base, m->spec->kind == PROBE_URETPROBE ? 0 : wanted);
}

static bool is_inside(const struct di_instance *inst, uint64_t addr)
{
	for (uint32_t i = 0; i < inst->n_ranges; i++)
		if (addr >= inst->ranges[i].start && addr < inst->ranges[i].end)
			return true;
	return false;
}

/*
 * Does whoever enters the copy leave the function around it, and nobody leaves that elsewhere? So it is when the copy ends in
 * the only tail jump. Then the return of the one is that of the other.
 */
static bool ends_its_function(struct uprobe_match *u, const struct place *place)
{
	const struct symbol *s = place->sym;
	CODE_AUTO code = { 0 };
	uint32_t n_ways = 0;
	uint8_t *bytes;
	bool is_all = true;

	if (!place->inst || !s || !s->size || s->size > MAX_FUNCTION)
		return false;
	bytes = base_alloc(s->size);
	if (objfile_read_vaddr(u->file->f, s->addr, bytes, s->size))
		code_decode(bytes, s->size, s->addr, &code);
	free(bytes);
	for (uint32_t i = 0; i < code.n && is_all; i++) {
		const struct code_insn *in = &code.insn[i];

		if (in->kind != CODE_RET && in->kind != CODE_JMP_INDIRECT &&
		    !code_is_jump_out(&code, in))
			continue;
		n_ways++;
		is_all = in->kind != CODE_JCC && is_inside(place->inst, in->addr);
	}
	return is_all && n_ways == 1 && !code.n_bad;
}

static void add_outer_return(struct uprobe_match *u, const struct place *place)
{
	struct place outer = *place;
	struct go_site go;

	outer.addr = outer.entry = place->sym->addr;
	outer.inlined_into = STR_NULL;
	outer.why = "it ends the function that it is inlined into";
	add_point_at(u, &outer, outer.addr, outer.addr, shape_at(u, &outer, outer.addr, &go),
		     place->addr);
}

/* returns of a copy that is inlined: behind it */
static void add_inline_exits(struct uprobe_match *u, struct place *place)
{
	const uint64_t *exits = NULL;
	struct go_site go;
	struct err *e = NULL;
	uint32_t n = 0;

	/* one of the copy's entries stands for it */
	if (place->addr != place->entry)
		return;
	if (place->fn)
		e = debuginfo_inline_exits(u->places.info, place->fn, place->inst, &exits, &n);
	if (e) {
		targets_report(u->m, e);
		return;
	}
	if (n == 0 && ends_its_function(u, place)) {
		add_outer_return(u, place);
		return;
	}
	if (n == 0 && u->is_wild && u->n_endless++ == 0)
		u->endless = *place;
	if (n == 0 && !u->is_wild)
		diag_warning(u->m->diags, D_PROBE_PLACE, u->m->spec->ap->at,
			     "'%.*s', inlined into %.*s: where it ends is not known, returns of "
			     "this copy are not seen.",
			     STR_ARG(place->func), STR_ARG(place->inlined_into));
	for (uint32_t i = 0; i < n; i++) {
		size_t base = shape_at(u, place, exits[i], &go);

		add_point_at(u, place, exits[i], exits[i], base, exits[i]);
	}
}

/*
 * Copies inlined into others have no argument registers: what argN would read there are left-overs. True when the script
 * reads argN, and the places have functions with code of their own, for which it means something.
 */
static bool leaves_out_inlined(struct uprobe_match *u)
{
	const struct probe_needs *needs = &u->m->spec->ap->needs;

	if (!needs->is_known || (!needs->args && !needs->stack_args))
		return false;
	vec_each(place, &u->places.v)
		if (!place->inlined_into.n)
			return true;
	return false;
}

/* did the compiler change which arguments the function takes? Then argN is not what stands N-th in the source. */
static bool has_other_arguments(const struct uprobe_match *u, const struct place *place)
{
	const struct probe_needs *needs = &u->m->spec->ap->needs;

	if (!needs->is_known || !(needs->args || needs->stack_args) || place->inlined_into.n ||
	    u->m->spec->offset || u->m->spec->kind != PROBE_UPROBE)
		return false;
	return (place->fn && place->fn->is_nocall) ||
	       (place->sym && place->sym->addr == place->addr &&
		place->sym->flags & (SYMBOL_CLONE_CONST | SYMBOL_CLONE_ISRA));
}

/* is it worth asking whether the function that argN is read of has parameters at all? Not by names of C: debug files cost time */
static bool may_have_none(const struct uprobe_match *u, const struct place *place)
{
	const struct probe_needs *needs = &u->m->spec->ap->needs;

	return needs->is_known && (needs->args || needs->stack_args) && !u->is_wild &&
	       u->m->spec->kind == PROBE_UPROBE && !u->m->spec->has_offset &&
	       !u->m->spec->source_file.n && !place->inlined_into.n && place->sym &&
	       (str_starts(symbol_name(place->sym), STR("_Z")) ||
		str_starts(symbol_name(place->sym), STR("_R")));
}

static void add_places(struct uprobe_match *u)
{
	struct match *m = u->m;
	bool leaves_out = leaves_out_inlined(u);
	uint32_t n_left_out = 0, n_changed = 0, changed = 0, n_asked = 0;

	for (size_t i = 0; i < u->places.v.n; i++) {
		struct place *place = &u->places.v.v[i];
		bool is_inlined = place->inlined_into.n > 0;

		if (is_inlined && leaves_out) {
			n_left_out++;
			continue;
		}
		if (is_inlined && m->spec->kind == PROBE_URETPROBE) {
			add_inline_exits(u, place);
			continue;
		}
		if (!is_inlined && !m->spec->source_file.n && place->sym &&
		    place->sym->addr == place->addr && !check_place(u, place->sym, m->spec->offset))
			continue;
		if (has_other_arguments(u, place) && n_changed++ == 0)
			changed = (uint32_t)i;
		if (may_have_none(u, place) && n_asked++ == 0)
			uprobe_say_without_parameters(u, place);
		add_point(u, place, m->spec->offset);
	}
	if (n_left_out)
		uprobe_say_left_out(m, n_left_out);
	if (n_changed)
		uprobe_say_changed(u, &u->places.v.v[changed], n_changed);
}

static void match_address(struct uprobe_match *u)
{
	struct match *m = u->m;
	struct place place = { .addr = m->spec->address, .entry = m->spec->address };

	place.sym = symtab_at(objfile_symtab(u->file->f), place.addr);
	if (!place.sym && !m->c->is_unsafe) {
		match_unplaceable(m, "Could not resolve address: %.*s:0x%llx",
				  STR_ARG(u->file->path), (unsigned long long)place.addr);
		return;
	}
	if (place.sym && !check_place(u, place.sym, place.addr - place.sym->addr))
		return;
	if (place.sym) {
		place.entry = place.sym->addr;
		place.func = symbol_spelled(m->c, place.sym);
		place.raw = symbol_name(place.sym);
	}
	add_point(u, &place, 0);
}

/* --unsafe: a file that is no ELF file may hold code too; addresses are places in the file then */
static void add_flat(struct uprobe_match *u)
{
	struct match *m = u->m;
	struct probe_point *p = match_add_point(m, u->shape);

	p->path = u->file->open_path;
	p->address = p->file_offset = m->spec->address;
	p->name = arena_printf(m->c->arena, "%s:%.*s:%llu", provider_names[m->spec->kind].name,
			       STR_ARG(u->file->path), (unsigned long long)p->address);
}

/* ---- driver ---- */

static void match_line(struct uprobe_match *u)
{
	const struct probe_spec *spec = u->m->spec;
	uint32_t nearest;

	if (spec->line > UINT32_MAX || spec->column > UINT32_MAX)
		return;
	places_by_line(&u->places, spec->source_file, (uint32_t)spec->line, (uint32_t)spec->column,
		       &nearest);
	if (u->places.v.n == 0)
		missing_report_line(u->m, &u->places, nearest);
	add_places(u);
}

static void match_file(struct uprobe_match *u)
{
	struct match *m = u->m;
	struct place_query q = { .name = m->spec->func,
				 .file = m->spec->decl_file,
				 .only_demangled = m->spec->ns.n > 0,
				 .no_inlined = m->spec->has_offset && m->spec->offset > 0 };

	places_init(&u->places, m->c, u->file->f, u->file->path);
	if (m->spec->has_address) {
		match_address(u);
	} else if (m->spec->source_file.n) {
		match_line(u);
	} else {
		places_by_name(&u->places, &q);
		add_places(u);
	}
	if (u->places.trouble.n)
		diag_warning(m->diags, D_PROBE_PLACE, m->spec->ap->at, "%.*s",
			     STR_ARG(u->places.trouble));
	if (match_n_points(m) == 0 && !m->is_reported && !m->waits)
		missing_note(m, &u->places);
	places_free(&u->places);
}

void match_uprobe(struct match *m)
{
	struct target_files files = { 0 };
	struct uprobe_match u = { .m = m, .shapes = { .m = m } };
	struct err *e;

	u.is_wild = m->spec->func.n && name_is_wild(m->spec->func);
	e = targets_of(m, &files);
	if (e) {
		targets_report(m, e);
		targets_free(&files);
		return;
	}
	u.shape = match_add_shape(m, ARGS_REGS);
	m->shapes.v[u.shape].shape->n_argn = ARCH_N_ARG_REGS;
	vec_each(f, &files.files) {
		u.file = f;
		memset(u.go_shapes, 0, sizeof(u.go_shapes));
		if (f->f) {
			match_file(&u);
		} else if (m->c->is_unsafe && m->spec->has_address) {
			add_flat(&u);
		} else {
			targets_report(m, f->error);
			f->error = NULL;
		}
	}
	if (match_n_points(m) == 0 && !m->is_reported && !m->waits)
		missing_report(m, &files);
	uprobe_say_endless(&u);
	shapes_free(&u.shapes);
	targets_free(&files);
}
