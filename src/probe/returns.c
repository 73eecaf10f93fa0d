/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The choice: probes on the instructions that leave a function wherever these are all known, since that does no harm
 * whatever the program does with its stacks, and sees returns however deep. The kernel's way, a replaced return address,
 * for functions that end in tail jumps or cannot be read, in programs where nothing can meet that address; refused
 * where it would kill. docs/internals/returns.md says why.
 *
 * Reads code and names through return_code.c and return_evidence.c; makes no points (provider_uprobe.c does).
 */
#include "probe/returns.h"

bool returns_is_twice(struct str symbol)
{
	static const char *const names[] = {
		"setjmp",        "_setjmp", "__setjmp",     "sigsetjmp",        "__sigsetjmp",
		"vfork",         "__vfork", "__libc_vfork", "getcontext",       "__getcontext",
		"__getcontext1", "savectx", "qsetjmp",      "__builtin_setjmp",
	};

	return STR_IS_ONE_OF(symbol, names);
}

/* leave their frame for one that is not their caller's: a replaced return address would stay behind, or be carried along */
static bool goes_elsewhere(struct str symbol)
{
	static const char *const names[] = {
		"longjmp",
		"_longjmp",
		"siglongjmp",
		"__longjmp",
		"__longjmp_chk",
		"____longjmp_chk",
		"__longjmp_cancel",
		"__libc_longjmp",
		"setcontext",
		"swapcontext",
		"__start_context",
		"__libc_siglongjmp",
		"jump_fcontext",
		"ontop_fcontext",
		"_Unwind_Resume",
		"_Unwind_RaiseException",
		"__cxa_throw",
		"__cxa_rethrow",
		"_Unwind_ForcedUnwind",
		"_Unwind_Resume_or_Rethrow",
		"clone",
		"__clone",
		"__clone3",
		"__clone_internal",
		"__restore_rt",
		"co_switch",
	};

	return STR_IS_ONE_OF(symbol, names);
}

static enum return_danger danger_of(const struct return_func *fn, const char **why)
{
	struct return_evidence *e = fn->evidence;

	if (!e->is_known)
		evidence_find(fn->f, e);
	*why = e->why;
	return (enum return_danger)e->danger;
}

static bool is_go(const struct return_func *fn)
{
	return fn->lang == LANG_GO || objfile_langs(fn->f) & OBJFILE_LANG_GO;
}

static const char *text(struct arena *a, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static const char *text(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	struct str s;

	va_start(ap, fmt);
	s = arena_vprintf(a, fmt, ap);
	va_end(ap);
	return s.p;
}

/* why probes on RETs are right for this function, as -v says it */
static const char *site_reason(const struct return_func *fn)
{
	if (is_go(fn))
		return "Go moves its stacks";
	switch (fn->lang) {
	case LANG_CXX: return "an exception may pass";
	case LANG_RUST: return "a panic may pass";
	default: return "safe whatever the program does with its stacks";
	}
}

static void use_sites(const struct return_func *fn, struct exits *e, struct arena *a,
		      struct return_plan *ret)
{
	struct return_exit *exits = arena_array(a, struct return_exit, e->found.n);
	uint32_t n = 0;

	for (size_t i = 0; i < e->found.n; i++)
		exits[n++] = e->found.v[i];
	ret->way = RETURN_SITES;
	ret->exits = exits;
	ret->n_exits = n;
	ret->has_parts = e->has_parts;
	ret->only_follows = e->n_followed && !e->n_rets && !e->n_lost;
	if (e->n_followed && !e->n_rets)
		ret->why = text(a, "%u tail jump%s followed to where they return: %s",
				e->n_followed, e->n_followed == 1 ? "" : "s", site_reason(fn));
	else if (e->n_followed)
		ret->why = text(
			a,
			"%u ret instruction%s, and %u tail jump%s followed to where they return: %s",
			e->n_rets, e->n_rets == 1 ? "" : "s", e->n_followed,
			e->n_followed == 1 ? "" : "s", site_reason(fn));
	else
		ret->why = text(a, "%u ret instruction%s: %s", e->n_rets, e->n_rets == 1 ? "" : "s",
				site_reason(fn));
	if (e->n_lost && fn->reads_result)
		ret->warning = text(
			a,
			"its returns by way of %s are not seen: a jump%s%.*s ends it, whose result nobody can read here",
			e->n_lost == 1 ? "a tail call" : "tail calls", e->lost_to.n ? " to " : "",
			STR_ARG(e->lost_to));
	else if (e->n_lost)
		ret->why = text(a, "%s; %u tail jump%s%s%.*s taken for the return", ret->why,
				e->n_lost, e->n_lost == 1 ? "" : "s", e->lost_to.n ? " to " : "",
				STR_ARG(e->lost_to));
}

static void use_kernel(const struct return_func *fn, const char *why, struct return_plan *ret)
{
	if (goes_elsewhere(fn->name)) {
		ret->refusal = "It goes on in another frame than its caller's";
		return;
	}
	ret->way = RETURN_KERNEL;
	ret->why = why;
}

/* not all exits are known: the kernel's way, if it does no harm */
static void plan_undecided(const struct return_func *fn, const char *undecided, struct arena *a,
			   struct return_plan *ret)
{
	const char *why = NULL;
	enum return_danger danger = is_go(fn) ? DANGER_YES : danger_of(fn, &why);

	if (is_go(fn))
		why = "Go moves its stacks";
	if (fn->choice == RETURN_FORCE_SITES || danger == DANGER_YES) {
		ret->refusal = text(a, "Its returns cannot all be found (%s)%s%s", undecided,
				    danger == DANGER_YES
					    ? ", and the kernel's way could end the program: "
					    : "",
				    danger == DANGER_YES ? why : "");
		return;
	}
	use_kernel(fn, text(a, "kernel, since %s", undecided), ret);
	if (danger == DANGER_MAYBE && !ret->refusal)
		ret->warning = text(
			a,
			"its returns are noticed by the kernel's way, which ends programs that throw through it or switch stacks in it (%s)",
			undecided);
}

/*
 * Nothing can unwind through a function that calls nothing, and it cannot nest. Handlers that run on another stack in the
 * midst of it, and callers that are not known, are what is left to fear. Worth it where the entry costs little.
 */
static bool is_kernel_better(const struct return_func *fn, const struct exits *e)
{
	const char *why;

	return fn->choice == RETURN_AUTO && e->is_leaf && e->begins_cheaply && e->found.n &&
	       !is_go(fn) && (danger_of(fn, &why) == DANGER_NONE || fn->evidence->only_throws);
}

static void plan_auto(const struct return_func *fn, struct arena *a, struct return_plan *ret)
{
	struct exits e;
	const char *why;

	exits_find(fn, !is_go(fn), &e);
	if (e.undecided) {
		plan_undecided(fn, e.undecided, a, ret);
	} else if (e.n_lost && fn->reads_result && fn->choice == RETURN_AUTO && !is_go(fn) &&
		   danger_of(fn, &why) == DANGER_MAYBE) {
		/* nothing says that it is dangerous, and else returns would be missed */
		plan_undecided(fn, "it ends in a tail call that nothing can follow", a, ret);
	} else if ((e.n_followed || e.n_lost) && fn->choice == RETURN_AUTO && !is_go(fn) &&
		   danger_of(fn, &why) == DANGER_NONE) {
		use_kernel(
			fn,
			"kernel, since it ends in a tail call, and nothing in the program unwinds or switches stacks",
			ret);
	} else if (is_kernel_better(fn, &e)) {
		use_kernel(
			fn,
			"kernel, which is cheaper here: it calls nothing, and no handler of the program runs on another stack",
			ret);
	} else if (e.found.n == 0 && e.n_lost) {
		ret->refusal =
			"It ends in tail calls that nothing can follow, so its result cannot be read";
	} else if (e.found.n == 0) {
		ret->refusal = "It has no instruction that returns";
		ret->is_endless = true;
	} else {
		use_sites(fn, &e, a, ret);
	}
	exits_free(&e);
}

/* a call-through costs less than probes on RETs and needs no room there; it is as visible to unwinders as the kernel's way */
static bool can_be_called(const struct return_func *fn)
{
	const char *why;

	return fn->choice == RETURN_CALLED && !is_go(fn) && !goes_elsewhere(fn->name) &&
	       danger_of(fn, &why) == DANGER_NONE;
}

void returns_plan(const struct return_func *fn, struct arena *a, struct return_plan *ret)
{
	*ret = (struct return_plan){ 0 };
	if (returns_is_twice(fn->name))
		ret->refusal = "It returns more often than it is called";
	else if (can_be_called(fn))
		use_kernel(fn,
			   "called through, since nothing in the program unwinds or switches stacks",
			   ret);
	else if (fn->choice != RETURN_FORCE_KERNEL)
		plan_auto(fn, a, ret);
	else if (is_go(fn))
		ret->refusal = "The kernel's way would end a Go program";
	else
		use_kernel(fn, "kernel, as asked for by return_probe", ret);
}
