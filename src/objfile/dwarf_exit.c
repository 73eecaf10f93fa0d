/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where an inlined call is over, and who then holds its result (docs/internals/debuginfo.md). Runs in the worker.
 *
 * An exit is where control leaves the copy's ranges for good: an address outside that is reached from inside, and from which
 * control cannot come back inside but through an entry (compilers mix instructions of the caller in). An address that control also
 * reaches without the call is no place for a probe; then the last instruction inside stands for it, if control cannot go
 * elsewhere from there. Copies of an unrolled loop lie back to back: there an entry that is reached from inside is an exit, too.
 *
 * The result has no location of its own. In one common shape it is known: `let ret = hello(i)` declares a variable on the line of
 * the call, of the type that the function returns, whose scope or location begins at the exit or a few instructions behind
 * it. The exit is then moved to that place.
 */
#include "objfile/dwarf_code.h"
#include "objfile/dwarf_flow.h"
#include "objfile/dwarf_type.h"

#include <dwarf.h>

enum { MAX_DEPTH = 64, MAX_EXITS = 256, MAX_WALK = 4096, MAX_STRAIGHT = 96, MAX_LIST = 1000 };

/* ---- the caller and its variables ---- */

static bool same_die(Dwarf_Die *a, Dwarf_Die *b)
{
	return a->addr == b->addr;
}

/* the innermost function around target, itself perhaps inlined */
static bool find_caller(Dwarf_Die *scope, Dwarf_Die *function, Dwarf_Die *target, Dwarf_Die *caller,
			unsigned depth)
{
	Dwarf_Die child;

	if (depth == MAX_DEPTH || dwarf_child(scope, &child) != 0)
		return false;
	do {
		int tag = dwarf_tag(&child);

		if (same_die(&child, target)) {
			*caller = *function;
			return true;
		}
		if (tag == DW_TAG_lexical_block &&
		    find_caller(&child, function, target, caller, depth + 1))
			return true;
		if (tag == DW_TAG_inlined_subroutine &&
		    find_caller(&child, &child, target, caller, depth + 1))
			return true;
	} while (dwarf_siblingof(&child, &child) == 0);
	return false;
}

struct search {
	struct dwarf_file *f;
	uint64_t line, type; /* of the call; id of the stripped type */
	struct str file;
	uint64_t from;
	Dwarf_Die var;
	uint64_t begin; /* UINT64_MAX: nowhere behind from */
	uint32_t n;
	bool is_optimized;
};

static uint64_t stripped_type(struct dwarf_file *f, Dwarf_Die *die)
{
	Dwarf_Die type, stripped;

	return dwtype_of(die, &type) && dwtype_strip(&type, &stripped, NULL)
		       ? dwfile_id(f, &stripped)
		       : 0;
}

/* the first address at or behind from at which a list has a location */
static uint64_t list_begin(Dwarf_Attribute *attr, uint64_t from)
{
	uint64_t begin = UINT64_MAX;
	Dwarf_Addr base, start, end;
	ptrdiff_t at = 0;
	Dwarf_Op *ops;
	size_t n;

	for (unsigned i = 0; i < MAX_LIST; i++) {
		at = dwarf_getlocations(attr, at, &base, &start, &end, &ops, &n);
		if (at <= 0)
			break;
		if (start < end && n > 0 && start >= from && start < begin)
			begin = start;
	}
	return begin;
}

static uint64_t range_begin(Dwarf_Die *scope, uint64_t from)
{
	uint64_t begin = UINT64_MAX;
	Dwarf_Addr base, start, end;
	ptrdiff_t at = 0;

	while ((at = dwarf_ranges(scope, at, &base, &start, &end)) > 0)
		if (start < end && start >= from && start < begin)
			begin = start;
	return begin;
}

/*
 * Code that is not optimized has stored the variable when the next line begins: that statement's address, UINT64_MAX
 * without one
 */
static uint64_t next_line(struct search *s, Dwarf_Die *scope)
{
	Dwarf_Lines *lines;
	struct row row;
	size_t n;

	if (s->is_optimized || dwarf_haspc(scope, s->from) != 1 ||
	    !dwfile_rows(s->f, scope, &lines, &n))
		return UINT64_MAX;
	for (size_t i = dwfile_row_at(lines, n, s->from); i < n && dwfile_row(lines, i, &row);
	     i++) {
		if (row.is_end)
			break;
		if (row.is_stmt && row.line != s->line && row.addr >= s->from)
			return row.addr;
	}
	return UINT64_MAX;
}

static void look_at(struct search *s, Dwarf_Die *var, Dwarf_Die *scope)
{
	Dwarf_Attribute attr;
	Dwarf_Word line;
	Dwarf_Op *ops;
	size_t n;

	if (!dwarf_attr_integrate(var, DW_AT_decl_line, &attr) ||
	    dwarf_formudata(&attr, &line) != 0 || line != s->line ||
	    stripped_type(s->f, var) != s->type)
		return;
	s->n++;
	s->var = *var;
	s->begin = UINT64_MAX;
	if (!dwarf_attr_integrate(var, DW_AT_location, &attr))
		return;
	if (dwarf_getlocation(&attr, &ops, &n) == 0) {
		s->begin = range_begin(scope, s->from);
		if (s->begin == UINT64_MAX)
			s->begin = next_line(s, scope);
	} else {
		s->begin = list_begin(&attr, s->from);
	}
}

static void look_in(struct search *s, Dwarf_Die *scope, unsigned depth)
{
	Dwarf_Die child;

	if (depth == MAX_DEPTH || dwarf_child(scope, &child) != 0)
		return;
	do {
		if (dwarf_tag(&child) == DW_TAG_lexical_block)
			look_in(s, &child, depth + 1);
		else if (dwarf_tag(&child) == DW_TAG_variable)
			look_at(s, &child, scope);
	} while (dwarf_siblingof(&child, &child) == 0);
}

bool dwexit_result_var(struct dwarf_file *f, Dwarf_Die *inlined, Dwarf_Die *outer, uint64_t from,
		       Dwarf_Die *var, uint64_t *begin)
{
	struct search s = { .f = f, .from = from };
	Dwarf_Attribute attr;
	Dwarf_Die caller;
	Dwarf_Word line;

	if (!dwarf_attr(inlined, DW_AT_call_line, &attr) || dwarf_formudata(&attr, &line) != 0 ||
	    !find_caller(outer, outer, inlined, &caller, 0))
		return false;
	s.line = line;
	/* as in dwarf_var_read.c: only optimizers describe calls */
	s.is_optimized = dwarf_hasattr(outer, DW_AT_call_all_calls) ||
			 dwarf_hasattr(outer, DW_AT_GNU_all_call_sites);
	s.type = stripped_type(f, inlined);
	if (!s.type)
		return false;
	look_in(&s, &caller, 0);
	*var = s.var;
	*begin = s.begin;
	return s.n == 1 && s.begin != UINT64_MAX;
}

/* ---- exits ---- */

struct exits {
	const struct around *around;
	const struct di_range *ranges;
	uint32_t n_ranges;
	const uint64_t *entries;
	uint32_t n_entries;
	uint64_t found[MAX_EXITS];
	uint32_t n;
	bool is_lost; /* some exit has no place */
};

static bool is_entry(const struct exits *x, uint64_t addr)
{
	for (uint32_t i = 0; i < x->n_entries; i++)
		if (x->entries[i] == addr)
			return true;
	return false;
}

static const struct code *code_of(const struct exits *x, uint64_t addr)
{
	for (uint32_t i = 0; i < x->around->n; i++)
		if (addr >= x->around->part[i].start && addr < x->around->part[i].end)
			return &x->around->part[i];
	return NULL;
}

static bool is_branch(const struct code_insn *i)
{
	return i->kind == CODE_JMP || i->kind == CODE_JCC;
}

/* can control come back inside from addr, other than through an entry? */
static bool comes_back(const struct exits *x, uint64_t addr)
{
	uint64_t todo[64], seen[512];
	uint32_t n_todo = 1, n_seen = 0, steps = 0;

	todo[0] = addr;
	while (n_todo) {
		uint64_t at = todo[--n_todo];

		for (;;) {
			const struct code *c = code_of(x, at);
			const struct code_insn *i = c ? code_at(c, at) : NULL;
			bool known = false;

			if (!i || is_entry(x, at))
				break;
			if (ranges_hold(x->ranges, x->n_ranges, at))
				return true;
			for (uint32_t k = 0; k < n_seen && !known; k++)
				known = seen[k] == at;
			if (known)
				break;
			/* beginnings of straight pieces are enough to end loops */
			if ((i->flags & CODE_TARGET) && n_seen < 512)
				seen[n_seen++] = at;
			if (++steps > MAX_WALK)
				return false;
			if (is_branch(i) && n_todo < 64)
				todo[n_todo++] = i->target;
			if (!code_falls_through(i))
				break;
			at = i->addr + i->len;
		}
	}
	return false;
}

static void add_exit(struct exits *x, uint64_t addr)
{
	for (uint32_t i = 0; i < x->n; i++)
		if (x->found[i] == addr)
			return;
	if (x->n < MAX_EXITS)
		x->found[x->n++] = addr;
	else
		x->is_lost = true;
}

/* control goes from the instruction inside to an address outside, or to an entry */
static void add_edge(struct exits *x, const struct code_insn *from, uint64_t to)
{
	bool is_next = is_entry(x, to);

	if (!code_of(x, to))
		return; /* a tail call: over when the function around it returns */
	if (!is_next && comes_back(x, to))
		return;
	if (!is_next && around_entered(x->around, x->ranges, x->n_ranges, to) == ENTERED_INSIDE) {
		add_exit(x, to);
		return;
	}
	if (is_next) {
		/* loops of the function's own may begin at its entry, too */
		if (x->n_entries > 1 && from->addr + from->len == to && !is_branch(from))
			add_exit(x, from->addr);
		return;
	}
	/* others come there, too */
	if (from->kind != CODE_JCC && !ranges_hold(x->ranges, x->n_ranges, to))
		add_exit(x, from->addr);
	else
		x->is_lost = true;
}

static void find_exits(struct exits *x)
{
	for (uint32_t p = 0; p < x->around->n; p++) {
		const struct code *c = &x->around->part[p];

		for (uint32_t k = 0; k < c->n; k++) {
			const struct code_insn *i = &c->insn[k];
			uint64_t next = i->addr + i->len;

			if (!ranges_hold(x->ranges, x->n_ranges, i->addr))
				continue;
			if (code_falls_through(i) &&
			    (!ranges_hold(x->ranges, x->n_ranges, next) || is_entry(x, next)))
				add_edge(x, i, next);
			if (is_branch(i) && !ranges_hold(x->ranges, x->n_ranges, i->target))
				add_edge(x, i, i->target);
		}
	}
}

/* from an exit straight to where the caller's variable has the result: the place for the probe */
static uint64_t move_to(const struct exits *x, uint64_t exit, uint64_t begin)
{
	uint64_t at = exit;

	while (at < begin && at - exit < MAX_STRAIGHT) {
		const struct code *c = code_of(x, at);
		const struct code_insn *i = c ? code_at(c, at) : NULL;

		if (!i || !code_falls_through(i) || is_branch(i) || i->kind == CODE_CALL ||
		    i->kind == CODE_CALL_INDIRECT || i->kind == CODE_SYSCALL)
			return exit;
		at = i->addr + i->len;
		/* nobody else may come there */
		c = code_of(x, at);
		i = c ? code_at(c, at) : NULL;
		if (!i || (i->flags & CODE_TARGET))
			return exit;
	}
	return at == begin ? begin : exit;
}

/* the next one of the question */
static struct err *answer_instance(struct dwarf_file *f, struct wire_in *in, struct wire_out *out)
{
	struct exits *x = arena_new(&f->scratch, struct exits);
	uint64_t id = wire_get_u64(in), begin, *entries;
	Dwarf_Die die, outer, var;
	struct di_range *ranges;

	x->n_entries = wire_get_count(in, 8);
	entries = arena_array(&f->scratch, uint64_t, x->n_entries);
	for (uint32_t i = 0; i < x->n_entries; i++)
		entries[i] = wire_get_u64(in);
	if (in->b.bad)
		return NULL;
	if (!dwfile_die(f, id, &die))
		return err_new(0, "there is no function at 0x%llx", (unsigned long long)id);
	x->entries = entries;
	x->n_ranges = dwfile_ranges(f, &die, &ranges);
	x->ranges = ranges;
	if (!x->n_ranges || !dwtype_function_at(f, &die, ranges[0].start, &outer)) {
		wire_put_u32(out, 0);
		return NULL;
	}
	x->around = around_of(f, &outer);
	if (x->around->is_known)
		find_exits(x);
	if (x->is_lost)
		x->n = 0;
	wire_put_u32(out, x->n);
	for (uint32_t i = 0; i < x->n; i++)
		wire_put_u64(out, dwexit_result_var(f, &die, &outer, x->found[i], &var, &begin)
					  ? move_to(x, x->found[i], begin)
					  : x->found[i]);
	return NULL;
}

struct err *dwarf_do_inline_exits(struct dwarf_file *f, struct wire_in *in, struct wire_out *out)
{
	uint32_t n = wire_get_count(in, 8 + 4);

	for (uint32_t i = 0; i < n && !in->b.bad; i++)
		TRY(answer_instance(f, in, out));
	return NULL;
}
