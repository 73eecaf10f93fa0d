/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a function can be patched; see patchable.h. */
#include "probe/patchable.h"

#include "arch/x86_64/relocate.h"
#include "objfile/elf.h"

#include <stdlib.h>

enum { FUNCTION_MAX = 1 << 20 };

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
	const char *why = relocate_refusal(i, bytes + (i->addr - c->start));

	if (why)
		return why;
	if (i->addr != site && i->flags & CODE_AFTER_GAP)
		return "the bytes before it are no instruction";
	if (i->flags & CODE_ENTERED || is_entered(c, e, site, i->addr + 1))
		return "other code jumps to it";
	return NULL;
}

void patchable_choose(const struct code *c, const uint8_t *bytes, uint64_t from,
		      const struct placement_edges *e, struct patchable *ret)
{
	const struct code_insn *i = code_at(c, from), *end = c->insn + c->n;
	bool is_ended = false;

	*ret = (struct patchable){ .address = from, .blocker = i };
	if (i && i->kind == CODE_ENDBR) {
		ret->address = i->addr + i->len;
		i++;
	}
	if (i && i < end && ret->address != from && is_loop_head(c, e, ret->address)) {
		ret->reason = "a loop begins behind its endbr64";
		return;
	}
	if (!e->is_complete || c->n_bad || c->is_doubtful) {
		ret->reason = "not all ways into the function are known";
		return;
	}
	for (; i && i < end && ret->len < PATCH_BYTES; i++) {
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

bool patchable_find(struct objfile *f, uint64_t entry, uint64_t size, struct patchable *ret)
{
	struct placement_edges edges = { 0 };
	CODE_AUTO c = { 0 };
	uint8_t *bytes;
	bool is_read;

	*ret = (struct patchable){ .address = entry };
	if (!size || size > FUNCTION_MAX)
		return false;
	bytes = base_alloc(size);
	is_read = objfile_read_vaddr(f, entry, bytes, size);
	if (is_read) {
		code_decode(bytes, size, entry, &c);
		placement_edges_find(f, &c, &edges);
		patchable_choose(&c, bytes, entry, &edges, ret);
		/* it belongs to code that is freed here: only the reason is kept */
		ret->blocker = NULL;
	}
	placement_edges_free(&edges);
	free(bytes);
	return is_read;
}
