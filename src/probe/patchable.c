/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a function can be patched; see patchable.h. */
#include "probe/patchable.h"

#include "arch/x86_64/relocate.h"
#include "objfile/cfi.h"
#include "objfile/elf.h"
#include "objfile/symtab.h"
#include "probe/placement.h"

#include <stdlib.h>

/* larger functions are not looked at; the jump stands at most so many bytes before its place */
enum { FUNCTION_MAX = 1 << 20, PATCH_BEFORE = 15, ALIGNMENT = 16, INT3 = 0xcc };

/* does control come into (from, to) but by falling through? from itself: by a jump, which is a call there, too */
static bool is_entered(const struct code *c, const struct placement_edges *e, uint64_t from,
		       uint64_t to)
{
	vec_each(t, &e->targets)
		if (*t > from && *t < to)
			return true;
	return code_branches_into(c, from + 1, to);
}

/* a branch back to where the jump would stand: at the entry the kernel's probe counts it as well, behind an endbr64 it does not */
static bool is_loop_head(const struct code *c, const struct placement_edges *e, uint64_t at)
{
	vec_each(t, &e->targets)
		if (*t == at)
			return true;
	return code_branches_into(c, at, at + 1);
}

static const char *refuse(const struct code *c, const uint8_t *bytes,
			  const struct placement_edges *e, const struct code_insn *i, uint64_t site)
{
	/* padding is not displaced, but overwritten */
	const char *why = i->flags & CODE_PADDING && i->addr != site
				  ? NULL
				  : relocate_refusal(i, bytes + (i->addr - c->start));

	if (why)
		return why;
	if (i->addr != site && i->flags & CODE_AFTER_GAP)
		return "the bytes before it are no instruction";
	if (i->flags & CODE_ENTERED || is_entered(c, e, site, i->addr + 1))
		return "other code jumps to it";
	/* the return address is that of its own place, which would be in the middle of the jump */
	if (i->kind == CODE_CALL_INDIRECT && i->addr + i->len < site + PATCH_BYTES)
		return "what it calls comes back into the first bytes";
	return NULL;
}

/* the jump stands at ret->address, which is i's; `at` is within what is displaced */
static void try_from(const struct code *c, const uint8_t *bytes, const struct placement_edges *e,
		     const struct code_insn *i, struct patchable *ret)
{
	const struct code_insn *end = c->insn + c->n;
	bool is_ended = false;

	ret->len = ret->n_insns = 0;
	ret->reason = NULL;
	for (; i && i < end && (ret->len < PATCH_BYTES || i->addr <= ret->at); i++) {
		ret->blocker = i;
		/* behind the last instruction only what is never executed may be overwritten */
		if (is_ended && !(i->flags & CODE_PADDING)) {
			ret->reason = "the function is too short";
			break;
		}
		ret->reason = refuse(c, bytes, e, i, ret->address);
		if (ret->reason)
			break;
		ret->len += i->len;
		ret->n_insns++;
		is_ended |= !code_falls_through(i);
	}
	if (!ret->reason && ret->len < PATCH_BYTES)
		ret->reason = "the function is too short";
	if (!ret->reason && is_entered(c, e, ret->address, ret->address + PATCH_BYTES))
		ret->reason = "other code jumps into its first bytes";
	if (ret->reason)
		ret->len = 0;
	else
		ret->blocker = NULL;
}

/* what comes back from it comes to the next instruction where the file has it, and passes the probe by */
static bool returns_there(const struct code_insn *i)
{
	return i->kind == CODE_CALL || i->kind == CODE_CALL_INDIRECT || i->kind == CODE_SYSCALL;
}

/* is i come to by falling through from the instruction before it only? */
static bool is_fallen_into(const struct code *c, const struct placement_edges *e,
			   const struct code_insn *i)
{
	const struct code_insn *before = i - 1;

	return before->addr + before->len == i->addr && code_falls_through(before) &&
	       !returns_there(before) && !is_loop_head(c, e, i->addr);
}

/* the jump some instructions before the place: they run in their new place, then the probe, then the rest */
static bool try_before(const struct code *c, const uint8_t *bytes, const struct placement_edges *e,
		       const struct code_insn *place, struct patchable *ret)
{
	for (const struct code_insn *i = place; i > c->insn; i--) {
		const struct code_insn *before = i - 1;

		/* the place itself is entered by falling through only, and so is what stands between */
		if (!is_fallen_into(c, e, i) || place->addr - before->addr > PATCH_BEFORE)
			return false;
		ret->address = before->addr;
		try_from(c, bytes, e, before, ret);
		if (!ret->reason)
			return true;
	}
	return false;
}

bool patchable_ahead(const struct patchable_function *fn, uint64_t address, struct patchable *ret)
{
	const struct code *c = &fn->code;
	const struct code_insn *place = code_at(c, address), *i;
	struct patchable p = { .at = address };

	if (!fn->bytes || !place)
		return false;
	for (i = place; i > c->insn && address - i->addr < PATCH_BYTES; i--)
		if (!is_fallen_into(c, fn->edges, i) || address - i[-1].addr > PATCH_BEFORE)
			return false;
	if (address - i->addr < PATCH_BYTES)
		return false;
	p.address = i->addr;
	p.len = (uint8_t)(address - i->addr);
	for (; i < place; i++, p.n_insns++)
		if (refuse(c, fn->bytes, fn->edges, i, p.address))
			return false;
	*ret = p;
	return true;
}

void patchable_choose(const struct code *c, const uint8_t *bytes, uint64_t from,
		      const struct placement_edges *e, struct patchable *ret)
{
	const struct code_insn *i = code_at(c, from);
	struct patchable before;

	*ret = (struct patchable){ .address = from, .at = from, .blocker = i };
	if (i && i->kind == CODE_ENDBR) {
		ret->address = ret->at = i->addr + i->len;
		i++;
	}
	if (i && i < c->insn + c->n && ret->address != from && is_loop_head(c, e, ret->address)) {
		ret->reason = "a loop begins behind its endbr64";
		return;
	}
	if (!e->is_complete || c->n_bad || c->is_doubtful) {
		ret->reason = "not all ways into the function are known";
		return;
	}
	try_from(c, bytes, e, i, ret);
	before = *ret;
	if (ret->reason && i && from != c->start && try_before(c, bytes, e, i, &before))
		*ret = before;
}

static bool read_function(struct objfile *f, struct patchable_function *fn)
{
	fn->bytes = base_alloc(fn->size);
	if (!objfile_read_vaddr(f, fn->start, fn->bytes, fn->size)) {
		free(fn->bytes);
		fn->bytes = NULL;
		return false;
	}
	code_decode(fn->bytes, fn->size, fn->start, &fn->code);
	fn->edges = base_alloc(sizeof(*fn->edges));
	placement_edges_find(f, &fn->code, fn->edges);
	return true;
}

void patchable_free(struct patchable_function *fn)
{
	if (fn->edges)
		placement_edges_free(fn->edges);
	free(fn->edges);
	free(fn->bytes);
	code_free(&fn->code);
	*fn = (struct patchable_function){ 0 };
}

bool patchable_find(struct objfile *f, uint64_t entry, uint64_t size, struct patchable *ret)
{
	struct patchable_function fn = { .start = entry, .size = size };
	bool is_read = size && size <= FUNCTION_MAX && read_function(f, &fn);

	*ret = (struct patchable){ .address = entry };
	if (is_read)
		patchable_at(&fn, entry, ret);
	patchable_free(&fn);
	return is_read;
}

/*
 * Up to the next multiple of 16 compilers fill with nops and int3, which no symbol counts. They belong to nobody when they reach it, or
 * the next symbol: the jump may stand there, too
 */
static void add_padding(struct objfile *f, uint64_t limit, struct patchable_function *fn)
{
	uint64_t end = fn->start + fn->size,
		 to = (end + ALIGNMENT - 1) & ~(uint64_t)(ALIGNMENT - 1);
	uint8_t bytes[ALIGNMENT];
	CODE_AUTO c = { 0 };

	if (limit < to)
		to = limit;
	for (uint64_t at = end; at < to; at++)
		if (symtab_at(objfile_symtab(f), at))
			to = at;
	if (to <= end || !objfile_read_vaddr(f, end, bytes, to - end))
		return;
	code_decode(bytes, to - end, end, &c);
	if (c.n_bad || !c.n || c.insn[c.n - 1].addr + c.insn[c.n - 1].len != to)
		return;
	for (size_t i = 0; i < c.n; i++)
		if (c.insn[i].kind != CODE_NOP && bytes[c.insn[i].addr - end] != INT3)
			return;
	fn->size = to - fn->start;
}

/* by call frame information, where no symbol says it */
static void find_extent(struct objfile *f, uint64_t address, struct patchable_function *fn)
{
	const struct symbol *s = symtab_at(objfile_symtab(f), address);
	const struct cfi_extents *all;
	const struct cfi_extent *e;
	size_t n;

	if (s && s->size && address - s->addr < s->size) {
		fn->start = s->addr;
		fn->size = s->size;
		add_padding(f, UINT64_MAX, fn);
		return;
	}
	all = cfi_extents_of(f);
	n = cfi_extents_until(all, address);
	e = n ? &all->v[n - 1] : NULL;
	if (!e || address >= e->end)
		return;
	fn->start = e->start;
	fn->size = e->end - e->start;
	n = cfi_extents_until(all, e->end - 1);
	add_padding(f, n < all->n ? all->v[n].start : UINT64_MAX, fn);
}

void patchable_read(struct objfile *f, uint64_t address, struct patchable_function *ret)
{
	*ret = (struct patchable_function){ .start = address };
	find_extent(f, address, ret);
	if (!ret->size)
		ret->reason = "it is not known where the function ends";
	else if (ret->size > FUNCTION_MAX)
		ret->reason = "the function is too large";
	else if (!read_function(f, ret))
		ret->reason = "its code cannot be read";
}

void patchable_at(const struct patchable_function *fn, uint64_t address, struct patchable *ret)
{
	*ret = (struct patchable){ .address = address, .at = address, .reason = fn->reason };
	if (fn->bytes)
		patchable_choose(&fn->code, fn->bytes, address, fn->edges, ret);
	/* it belongs to the function: only the reason is kept */
	ret->blocker = NULL;
}

void patchable_drop_entered(struct objfile *f, const struct patchable_span *v, size_t n)
{
	struct placement_window *w = base_alloc((n + 1) * sizeof(*w));
	struct placement_foreign *all = placement_foreign_new();
	size_t n_windows = 0;

	for (size_t i = 0; i < n; i++) {
		const struct patchable_function *fn = v[i].function;
		const struct patchable *p = v[i].place;

		if (p->len)
			w[n_windows++] = (struct placement_window){ .start = fn->start,
								    .end = fn->start + fn->size,
								    .from = p->address,
								    .to = p->address + p->len - 1,
								    .point = (uint32_t)i };
	}
	if (n_windows)
		placement_foreign_find(all, NULL, f, w, n_windows);
	for (size_t i = 0; i < n_windows; i++)
		if (w[i].is_entered) {
			v[w[i].point].place->len = 0;
			v[w[i].point].place->reason = "other functions jump into its first bytes";
		}
	placement_foreign_free(all);
	free(w);
}
