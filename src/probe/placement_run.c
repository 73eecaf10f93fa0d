/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Placement of the points of a shape: what the clause needs (sema's summary, the locations of what it names) in terms of registers
 * and memory, the function's code, and the place written into the point. See placement.h.
 */
#include "probe/placement.h"

#include "arch/x86_64/regs.h"
#include "objfile/cfi.h"
#include "objfile/elf.h"
#include "objfile/symtab.h"

/* larger functions are not looked at */
enum { FUNCTION_MAX = 1 << 20 };

/* of a function that no symbol names, such as what an IFUNC stands for: by call frame information; 0: not known */
static uint64_t unnamed_size(struct objfile *f, uint64_t entry)
{
	const struct cfi_extent *e = cfi_extent_at(cfi_extents_of(f), entry);

	return e ? e->end - e->start : 0;
}

bool placement_read(struct objfile *f, uint64_t entry, struct code *ret)
{
	const struct symbol *s = symtab_at(objfile_symtab(f), entry);
	uint64_t size = s && s->addr == entry ? s->size : 0;

	*ret = (struct code){ 0 };
	if (!objfile_is_exec_vaddr(f, entry))
		return false;
	if (!size)
		size = unnamed_size(f, entry);
	return size && size <= FUNCTION_MAX && placement_decode(f, entry, size, ret);
}

/* struct pt_regs begins with these, eight bytes each; rsp is number 19 there */
static const uint8_t pt_regs_order[] = { 15,       14,       13,       12,       CODE_RBP,
					 CODE_RBX, 11,       10,       9,        8,
					 CODE_RAX, CODE_RCX, CODE_RDX, CODE_RSI, CODE_RDI };
enum { PT_REGS_RSP = 19 };

/* arguments of Go's ABIInternal, the closure's context, the goroutine */
enum {
	GO_REGISTERS = 1 << CODE_RAX | 1 << CODE_RBX | 1 << CODE_RCX | 1 << CODE_RDI |
		       1 << CODE_RSI | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 11 | 1 << CODE_RDX |
		       1 << 14,
};

static void need_register(struct placement_needs *n, uint32_t offset)
{
	if (offset / 8 < sizeof(pt_regs_order))
		n->regs |= (uint16_t)(1u << pt_regs_order[offset / 8]);
	else if (offset / 8 != PT_REGS_RSP)
		n->nothing_moves = true;
}

/* what a value's location at the entry is computed from */
static void need_location(struct placement_needs *n, const struct location *l)
{
	for (uint32_t i = 0; i < l->n_pieces; i++) {
		const struct loc_piece *p = &l->pieces[i];

		if (p->kind == LOC_REG)
			need_register(n, p->reg);
		for (uint32_t k = 0; k < p->n_ops; k++)
			if (p->ops[k].op == LOC_OP_REG || p->ops[k].op == LOC_OP_ENTRY_REG)
				need_register(n, p->ops[k].reg);
		if (p->kind == LOC_MEM || p->kind == LOC_VALUE)
			n->stack = n->memory = true;
	}
}

static void needs_of(const struct match *m, const struct probe_shape *shape,
		     const struct probe_point *p, struct placement_needs *n)
{
	const struct probe_needs *from = &m->spec->ap->needs;

	*n = (struct placement_needs){ .stack = from->stack_args, .memory = from->memory };
	if (shape->is_return) {
		/* the program runs later; the kernel wants the return address at rsp now */
		*n = (struct placement_needs){ .stack = true,
					       .fixed_sp = true,
					       .exact = m->c->placement == PROBE_PLACEMENT_EXACT };
		return;
	}
	n->nothing_moves = !from->is_known || from->anything;
	n->exact = from->events || m->c->placement == PROBE_PLACEMENT_EXACT;
	if (shape->is_go) {
		/* a nil pointer is a panic there, which may be recovered from: then the call goes on being one */
		n->exact = true;
		if (from->args || from->stack_args) {
			n->regs |= GO_REGISTERS;
			n->stack = true;
		}
	}
	for (unsigned i = 0; i < ARCH_N_ARG_REGS && !shape->is_go; i++)
		if (from->args >> i & 1)
			need_register(n, (uint32_t)arch_arg_offset(i));
	if (from->user_stack) {
		/* the kernel's own walk knows a caller's caller only from the first instruction on */
		if (!m->c->unwinds || !m->c->unwinds(m->c->unwinds_arg))
			n->nothing_moves = true;
		n->regs |= 1u << CODE_RBP;
		n->stack = true;
	}
	if (!from->typed_args && !from->locals)
		return;
	if (!p->locs) /* how they will be read is not known here */
		n->nothing_moves = true;
	for (uint32_t i = 0; i < shape->n_vars && p->locs; i++) {
		enum probe_var_role role = shape->vars[i].role;

		if (role == PVAR_LOCAL ? from->locals : from->typed_args)
			need_location(n, &p->locs[i]);
	}
}

/* one instruction: enough where the kernel emulates it */
static bool is_cheap_already(struct objfile *f, uint64_t entry)
{
	uint8_t bytes[16];
	CODE_AUTO c = { 0 };

	if (!objfile_read_vaddr(f, entry, bytes, sizeof(bytes)))
		return false;
	code_decode(bytes, sizeof(bytes), entry, &c);
	return c.n && c.insn[0].flags & CODE_EMULATED;
}

static void explain(struct match *m, struct probe_point *p, const struct placement *to)
{
	if (to->address != p->address)
		p->why = arena_printf(m->c->arena, "placed +%llu past %s, at %s: %s",
				      (unsigned long long)(to->address - p->address),
				      to->first->name, to->insn->name,
				      to->insn->flags & CODE_NOP5 ? "called" : "emulated")
				 .p;
	else if (!to->is_cheap && to->blocker)
		p->why = arena_printf(m->c->arena, "at the entry, single-stepped: %s at +%llu: %s",
				      to->blocker->name,
				      (unsigned long long)(to->blocker->addr - p->address),
				      to->reason)
				 .p;
}

/* the points of one file that were moved, and what undoes it */
struct moved {
	VEC(struct placement_window) windows;
	VEC(struct probe_point) before; /* windows[].point counts these */
};

static bool begins_with_nop5(const struct code *c)
{
	return c->n &&
	       (c->insn[0].flags & CODE_NOP5 ||
		(c->n > 1 && c->insn[0].kind == CODE_ENDBR && c->insn[1].flags & CODE_NOP5));
}

static void place(struct match *m, struct objfile *f, const struct probe_shape *shape,
		  struct probe_point *p, struct moved *moved)
{
	struct placement_edges edges = { 0 };
	struct placement_needs needs;
	struct placement to;
	CODE_AUTO c = { 0 };
	uint64_t offset;

	p->is_cheap = is_cheap_already(f, p->address);
	if (p->is_cheap)
		return;
	if (!placement_read(f, p->address - p->place_delta, &c)) {
		p->why = "at the entry, single-stepped: function at +0: its end is not known";
		return;
	}
	needs_of(m, shape, p, &needs);
	needs.takes_nop5 = !shape->is_return && begins_with_nop5(&c) && m->c->calls_nop5 &&
			   m->c->calls_nop5();
	placement_edges_find(f, &c, &edges);
	placement_choose(&c, p->address, &edges, &needs, &to);
	placement_edges_free(&edges);
	if (to.address != p->address && !objfile_vaddr_to_offset(f, to.address, &offset))
		return;
	explain(m, p, &to);
	p->is_cheap = to.is_cheap;
	if (to.address == p->address)
		return;
	vec_push(&moved->windows,
		 ((struct placement_window){ .start = c.start,
					     .end = c.end,
					     .from = p->address,
					     .to = to.address,
					     .point = (uint32_t)moved->before.n }));
	vec_push(&moved->before, *p);
	p->place_delta += (uint32_t)(to.address - p->address);
	p->sp_delta += to.sp_delta;
	p->address = to.address;
	p->file_offset = offset;
}

/*
 * A probe on the entry of a function that has code of its own (in Go it may stand behind the stack check already), not one
 * of its instructions or an inlined instance.
 */
static bool is_entry(const struct probe_point *p)
{
	return p->func_offset == 0 && p->path.n && !p->inlined_into.n &&
	       (!p->entry_address || p->entry_address == p->address - p->place_delta);
}

static struct objfile *file_of(struct match *m, const struct probe_point *p)
{
	struct objfile *f = NULL;

	if (p->path.n)
		err_free(objfile_cache_get(probe_ctx_files(m->c), p->path.p, &f));
	return f;
}

/* the place that was asked for, or a better one; false: none will do */
static bool settle(struct match *m, struct objfile *f, const struct probe_shape *shape,
		   struct probe_point *p, struct moved *moved)
{
	bool is_kernel_return = shape->is_return && shape->return_way == RETURN_KERNEL;

	if (shape->kind == PROBE_USDT || !is_entry(p))
		return is_kernel_return || m->c->is_in_process ||
		       placement_avoid_nop5(m, f, p);
	if (!p->entry_address)
		p->entry_address = p->address - p->place_delta;
	if (m->c->placement != PROBE_PLACEMENT_OFF && m->spec->ap->needs.is_known &&
	    (!shape->is_return || is_kernel_return))
		place(m, f, shape, p, moved);
	return true;
}

/* code of other functions may lead behind the entries of some: those get their probes back */
static void undo_entered(struct match *m, struct objfile *f, struct probe_shape *shape,
			 struct moved *moved)
{
	if (f && moved->windows.n)
		placement_foreign_find(probe_ctx_foreign(m->c), m->c, f, moved->windows.v,
				       moved->windows.n);
	vec_each(w, &moved->windows) {
		const struct probe_point *before = &moved->before.v[w->point];

		for (uint32_t i = 0; w->is_entered && i < shape->n_points; i++) {
			struct probe_point *p = &shape->points[i];

			if (p->address != w->to || !str_eq(p->path, before->path))
				continue;
			p->why =
				"at the entry, single-stepped: function at +0: other functions jump into it";
			p->address = before->address;
			p->file_offset = before->file_offset;
			p->place_delta = before->place_delta;
			p->sp_delta = before->sp_delta;
			p->is_cheap = false;
		}
	}
	vec_free(&moved->windows);
	vec_free(&moved->before);
}

/* vector instructions that every kernel refuses; of other refusals newer kernels may think otherwise, they say it at attach */
static const char *refused_vector(struct match *m, struct objfile *f, uint64_t addr)
{
	uint8_t bytes[16];
	CODE_AUTO c = { 0 };

	if (!objfile_read_vaddr(f, addr, bytes, sizeof(bytes)) ||
	    (bytes[0] != 0xc4 && bytes[0] != 0xc5 && bytes[0] != 0x62))
		return NULL;
	code_decode(bytes, sizeof(bytes), addr, &c);
	if (!c.n || !(c.insn[0].flags & CODE_REFUSED))
		return NULL;
	return arena_printf(m->c->arena, "%s", c.insn[0].name).p;
}

/*
 * The kernel says nothing of them unless a process has the file mapped at that moment: the probe would be there, and never
 * hit.
 */
static void drop_refused(struct match *m, struct probe_shape *shape)
{
	struct probe_point first = { 0 };
	const char *insn = NULL;
	uint32_t n = 0, n_dropped = 0;

	for (uint32_t i = 0; i < shape->n_points; i++) {
		struct probe_point *p = &shape->points[i];
		struct objfile *f = file_of(m, p);
		const char *name = f ? refused_vector(m, f, p->address) : NULL;

		if (!name) {
			shape->points[n++] = *p;
			continue;
		}
		if (!n_dropped++) {
			insn = name;
			first = *p;
		}
	}
	shape->n_points = n;
	if (n_dropped && !n)
		match_missing(m, D_PROBE_PLACE,
			      "'%.*s': the kernel takes no probe on the instruction there (%s).",
			      STR_ARG(first.name), insn);
	else if (n_dropped)
		diag_warning(
			m->diags, D_PROBE_PLACE, m->spec->ap->at,
			"the kernel takes no probe at %u of %u places: the first instruction of '%.*s' for one (%s).",
			n_dropped, n_dropped + n, STR_ARG(first.symbol), insn);
}

void placement_run(struct match *m, struct probe_shape *shape)
{
	struct moved moved = { 0 };
	struct objfile *f = NULL;
	struct str path = STR_NULL;
	uint32_t n = 0;

	if (shape->kind != PROBE_UPROBE && shape->kind != PROBE_URETPROBE &&
	    shape->kind != PROBE_USDT)
		return;
	for (uint32_t i = 0; i < shape->n_points; i++) {
		struct probe_point *p = &shape->points[i];

		if (!f || !str_eq(path, p->path)) {
			undo_entered(m, f, shape, &moved);
			path = p->path;
			f = file_of(m, p);
		}
		if (!f || settle(m, f, shape, p, &moved))
			shape->points[n++] = *p;
	}
	undo_entered(m, f, shape, &moved);
	shape->n_points = n;
	if (!m->c->is_in_process)
		drop_refused(m, shape);
}
