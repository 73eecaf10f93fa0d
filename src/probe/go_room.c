/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is known of a place in Go code; see go_room.h. From Go's own rules (cmd/compile/abi-internal.md, cmd/internal/obj/x86, stacksplit):
 * a function that has checked its stack has StackNosplit bytes below rsp, for those that do not check. Others may stand at their stack's very
 * end. Their flags, and in compiled code r12 and r13, are free at entries and returns; assembly may call assembly in ways of its own, so
 * there registers are not counted upon at all.
 */
#include "probe/go_room.h"

#include "objfile/go_entry.h"
#include "objfile/go_pclntab.h"
#include "objfile/go_runtime.h"

/* StackNosplit: 752 in old versions, 800 in later ones; where the function's frame is not made yet, or not there any more, StackSmall more */
enum { NOSPLIT = 752, SMALL = 128, TELLS_ASSEMBLY = 18 };

enum { SCRATCH = 1 << 12 | 1 << 13, GO_G = 14 /* r14: the goroutine's record */ };

/* what every goroutine returns to in the end: its second byte, where nobody calls from */
static bool is_goroutines_end(const struct go_func *fn)
{
	return str_is(fn->name, "runtime.goexit") || str_is(fn->name, "runtime.goexit.abi0");
}

void go_room_at(struct objfile *f, const struct patchable_function *fn, uint64_t address,
		struct go_room *ret)
{
	const struct code_insn *i = code_at(&fn->code, address);
	struct go_pclntab *t = objfile_go_pclntab(f);
	struct go_func named = { 0 };
	bool is_named = t && go_pclntab_at(t, address, &named);
	uint64_t checked = fn->start;
	bool has_check = go_entry_place(&fn->code, fn->start, &checked) && checked > fn->start;
	bool is_border = address == checked || address == fn->start || (i && i->kind == CODE_RET);
	/* compiled for certain; older tables do not say what is assembly */
	bool is_known = is_named && !named.is_asm && objfile_go_facts(f)->minor >= TELLS_ASSEMBLY;
	uint32_t free = code_free_at(&fn->code, address, CODE_FLAGS | (is_known ? SCRATCH : 0));

	*ret = (struct go_room){ .has_flags = !(free & CODE_FLAGS) };
	if (has_check && address >= checked)
		ret->bytes = NOSPLIT + (is_border ? SMALL : 0);
	if (is_known)
		ret->free = free & ~CODE_FLAGS;
	if (is_named && is_goroutines_end(&named))
		ret->reason = "goroutines return into the middle of it";
	if (ret->bytes || ret->reason)
		return;
	if (!is_known && !is_border)
		ret->reason =
			"inside of Go's assembly there may be no room on the stack, and no register is free for certain";
	else if (!is_known && ret->has_flags)
		ret->reason = "the function looks at the flags that it is called with";
}

/* memory other than the stack, variables of the program and what r14 points to, the goroutine's own record */
static bool may_fault(const struct code_insn *i)
{
	if (!(i->flags & (CODE_MEM_READ | CODE_MEM_WRITE)) ||
	    i->flags & (CODE_RIP_RELATIVE | CODE_TLS))
		return false;
	if (i->mem_base == CODE_NO_REG && i->mem_index == CODE_NO_REG)
		return !i->sp_delta && i->kind != CODE_RET;
	return i->mem_base != CODE_RSP && i->mem_base != GO_G;
}

const char *go_fault_at(const struct patchable_function *fn, const struct patchable *place)
{
	const struct code_insn *i = code_at(&fn->code, place->address);
	const struct code_insn *end = fn->code.insn + fn->code.n;
	uint64_t checked = fn->start;
	bool is_entry = place->address == fn->start ||
			(go_entry_place(&fn->code, fn->start, &checked) &&
			 place->address == checked);

	/* where rsp points to the return address still */
	for (; i && i < end && i->addr < place->address + place->len; i++) {
		if (may_fault(i) && !is_entry)
			return "Go must find the place where a nil pointer is used";
		is_entry &= !i->sp_delta && !(i->flags & CODE_SP_UNKNOWN);
	}
	return NULL;
}
