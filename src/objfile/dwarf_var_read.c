/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Variables of a function or an inlined copy at an address, as its DIEs have them. Runs in the worker; what calling conventions add,
 * and which locations are to be believed at an entry, is decided in the tracer (dwarf_var.c).
 *
 * Which variables there are comes from the abstract DIE (the declaration order of parameters, and those that no code is left
 * of); where they are from the concrete one.
 */
#include "objfile/dwarf_code.h"
#include "objfile/dwarf_loc.h"
#include "objfile/dwarf_type.h"
#include "objfile/dwarf_var.h"

#include <dwarf.h>

enum { MAX_VARS = 1024, MAX_DEPTH = 64, ENDBR_SIZE = 4, MAX_ROWS = 256 };

struct home {
	int64_t offset;
	uint32_t size;
};

struct reader {
	struct dwarf_file *f;
	struct wire_out *out;
	struct dwarf_loc_ctx loc;
	struct dwarf_fn_facts facts;
	bool at_return;
	uint32_t n;
	VEC(Dwarf_Off) done; /* abstract DIEs that were put */
	VEC(struct home) homes;
};

/* ---- facts ---- */

static uint32_t number_behind(struct str text, const char *word)
{
	ptrdiff_t at = str_find(text, str_from(word));
	uint32_t n = 0;

	if (at < 0)
		return 0;
	for (size_t i = (size_t)at + strlen(word); i < text.n; i++) {
		unsigned digit = str_digit_value(text.p[i]);

		if (digit > 9 || n > 100000)
			break;
		n = n * 10 + digit;
	}
	return n;
}

static void read_producer(Dwarf_Die *die, struct dwarf_fn_facts *facts)
{
	struct str text = STR_NULL;
	Dwarf_Die unit;

	if (dwarf_diecu(die, &unit, NULL, NULL))
		text = dwtype_string(&unit, DW_AT_producer);
	if (str_find(text, STR("rustc version ")) >= 0) {
		facts->producer = PRODUCER_RUSTC;
		facts->producer_major = number_behind(text, "rustc version 1.");
	} else if (str_find(text, STR("clang version ")) >= 0) {
		facts->producer = PRODUCER_CLANG;
		facts->producer_major = number_behind(text, "clang version ");
	} else if (str_starts(text, STR("GNU "))) {
		ptrdiff_t at = 4;

		/* "GNU C17 12.2.0 -O2", "GNU C++14 12.2.0" */
		at = str_find_char(text, ' ', 4);
		facts->producer = PRODUCER_GCC;
		if (at > 0)
			facts->producer_major = number_behind(str_sub(text, (size_t)at, text.n),
							      " ");
	} else if (str_starts(text, STR("Go "))) {
		facts->producer = PRODUCER_GO;
	}
}

/* the first address at which parameters are where the debug information says for all of the function */
static uint64_t find_body(struct dwarf_file *f, Dwarf_Die *function, uint64_t entry, uint64_t end)
{
	uint64_t second = 0;
	Dwarf_Lines *lines;
	struct row row;
	size_t n;

	if (!entry || !dwfile_rows(f, function, &lines, &n))
		return 0;
	for (size_t i = dwfile_row_at(lines, n, entry); i < n && dwfile_row(lines, i, &row); i++) {
		if (row.is_end || row.addr >= end || i > MAX_ROWS + dwfile_row_at(lines, n, entry))
			break;
		if (row.is_prologue_end)
			return row.addr;
		/* gcc marks no end: the second statement stands behind the prologue */
		if (!second && row.is_stmt && row.addr > entry)
			second = row.addr;
	}
	return second;
}

static void read_facts(struct reader *r, Dwarf_Die *abstract, Dwarf_Die *function)
{
	struct dwarf_fn_facts *facts = &r->facts;
	Dwarf_Attribute a;
	struct di_range *ranges;
	Dwarf_Word cc = 0;
	uint32_t n;

	facts->lang = dwfile_lang(abstract);
	read_producer(abstract, facts);
	facts->is_external = dwarf_attr_integrate(abstract, DW_AT_external, &a) != NULL;
	facts->is_mangled = dwarf_attr_integrate(abstract, DW_AT_linkage_name, &a) != NULL;
	facts->result_type = dwtype_id_of(r->f, abstract);
	if (!function)
		return;
	if (dwarf_attr_integrate(function, DW_AT_calling_convention, &a) &&
	    dwarf_formudata(&a, &cc) == 0)
		facts->is_nocall = cc == DW_CC_nocall;
	/* both LLVM and gcc describe all calls of a function only when they optimize */
	facts->is_optimized = dwarf_hasattr(function, DW_AT_call_all_calls) ||
			      dwarf_hasattr(function, DW_AT_GNU_all_call_sites);
	n = dwfile_ranges(r->f, function, &ranges);
	facts->entry = dwfile_entry(function, ranges, n);
	for (uint32_t i = 0; i < n; i++)
		if (facts->entry >= ranges[i].start && facts->entry < ranges[i].end)
			facts->body = find_body(r->f, function, facts->entry, ranges[i].end);
}

static void put_facts(struct wire_out *out, const struct dwarf_fn_facts *facts)
{
	wire_put_u8(out, (uint8_t)facts->lang);
	wire_put_u8(out, (uint8_t)facts->producer);
	wire_put_u32(out, facts->producer_major);
	wire_put_u8(out, (uint8_t)(facts->is_nocall | facts->is_external << 1 |
				   facts->is_optimized << 2 | facts->is_mangled << 3));
	wire_put_u64(out, facts->entry);
	wire_put_u64(out, facts->body);
	wire_put_u64(out, facts->result_type);
}

/* ---- one variable ---- */

static bool integrated_flag(Dwarf_Die *die, unsigned attr)
{
	Dwarf_Attribute a;
	bool flag = false;

	return dwarf_attr_integrate(die, attr, &a) && dwarf_formflag(&a, &flag) == 0 && flag;
}

static uint64_t integrated_number(Dwarf_Die *die, unsigned attr)
{
	Dwarf_Attribute a;
	Dwarf_Word value;

	return dwarf_attr_integrate(die, attr, &a) && dwarf_formudata(&a, &value) == 0 ? value : 0;
}

static uint32_t size_of_type(Dwarf_Die *die)
{
	Dwarf_Die type, stripped;
	uint64_t size;

	if (!dwtype_of(die, &type) || !dwtype_strip(&type, &stripped, NULL))
		return 0;
	size = dwtype_size(&stripped);
	return size > UINT32_MAX ? 0 : (uint32_t)size;
}

/*
 * At a function's entry nothing is in its own frame, whatever a list says. A location that is no list (and LLVM's lists, which take
 * the frame for granted) holds once the prologue has ended.
 */
static bool is_too_early(const struct reader *r, bool is_list)
{
	const struct dwarf_fn_facts *facts = &r->facts;

	if (facts->entry && r->loc.pc >= facts->entry && r->loc.pc <= facts->entry + ENDBR_SIZE)
		return true;
	return (!is_list || r->loc.is_llvm) && facts->body && r->loc.pc >= facts->entry &&
	       r->loc.pc < facts->body;
}

static void mark_absent(struct location *l, const char *why, uint64_t nearest)
{
	*l = (struct location){ .why = str_from(why), .nearest = nearest };
}

/* ---- homes ---- */

/*
 * A variable in memory for all of a function, as offset from the frame base. gcc at times says that another one is there, too
 * (it has been copied from it), and goes on to say so when a call has changed the memory.
 */
static void push_home(struct reader *r, int64_t offset, uint64_t size)
{
	if (r->homes.n < MAX_VARS && size && size <= UINT32_MAX)
		vec_push(&r->homes, ((struct home){ offset, (uint32_t)size }));
}

static void add_home(struct reader *r, Dwarf_Die *var)
{
	uint32_t size = size_of_type(var);
	Dwarf_Attribute a;
	Dwarf_Op *ops;
	size_t n;

	if (!dwarf_attr(var, DW_AT_location, &a))
		return;
	if (dwarf_getlocation(&a, &ops, &n) == 0) {
		if (n == 1 && ops[0].atom == DW_OP_fbreg)
			push_home(r, (int64_t)ops[0].number, size);
		return;
	}
	/* parts of a struct there, at this address */
	if (dwarf_getlocation_addr(&a, r->loc.pc, &ops, &n, 1) != 1)
		return;
	for (size_t i = 1; i < n; i++)
		if (ops[i].atom == DW_OP_piece && ops[i - 1].atom == DW_OP_fbreg &&
		    (i == 1 || ops[i - 2].atom == DW_OP_piece))
			push_home(r, (int64_t)ops[i - 1].number, ops[i].number);
}

static void find_homes(struct reader *r, Dwarf_Die *scope, unsigned depth)
{
	Dwarf_Die child;

	if (depth == MAX_DEPTH || dwarf_child(scope, &child) != 0)
		return;
	do {
		switch (dwarf_tag(&child)) {
		case DW_TAG_variable:
		case DW_TAG_formal_parameter: add_home(r, &child); break;
		case DW_TAG_lexical_block:
		case DW_TAG_inlined_subroutine: find_homes(r, &child, depth + 1); break;
		default: break;
		}
	} while (dwarf_siblingof(&child, &child) == 0);
}

/* memory of the frame that is another variable's */
static bool is_borrowed(const struct reader *r, const struct location *l)
{
	struct dwarf_loc_ctx ctx = r->loc;
	struct dwarf_expr base = { .ctx = &ctx };
	const Dwarf_Op fbreg = { .atom = DW_OP_fbreg };

	if (!r->homes.n || !dwarf_expr_run(&base, &fbreg, 1) || base.n_ops < 1)
		return false;
	/* (a variable in pieces is such a struct itself) */
	for (uint32_t i = 0; i < l->n_pieces && l->n_pieces == 1; i++) {
		const struct loc_piece *p = &l->pieces[i];
		int64_t at, of_base;

		if (p->kind != LOC_MEM || p->n_ops > 2 || p->ops[0].op != base.ops[0].op ||
		    p->ops[0].reg != base.ops[0].reg)
			continue;
		at = p->n_ops == 2 && p->ops[1].op == LOC_OP_ADD_CONST ? p->ops[1].value : 0;
		of_base = base.n_ops == 2 ? base.ops[1].value : 0;
		for (size_t k = 0; k < r->homes.n; k++) {
			const struct home *h = &r->homes.v[k];

			if (at - of_base < h->offset + (int64_t)h->size &&
			    h->offset < at - of_base + (int64_t)p->size)
				return true;
		}
	}
	return false;
}

/* die NULL: nothing but the abstract DIE is left of it */
static void put_var(struct reader *r, Dwarf_Die *abstract, Dwarf_Die *die, enum di_role role)
{
	Dwarf_Die *any = die ? die : abstract;
	struct dwarf_loc l = { 0 };
	Dwarf_Attribute a;
	const char *name = NULL;
	uint32_t flags = 0;

	if (r->n == MAX_VARS)
		return;
	if (dwarf_attr_integrate(any, DW_AT_name, &a))
		name = dwarf_formstring(&a);
	/* without an address only what the variables are is wanted */
	if (r->loc.pc)
		dwarf_loc_of_die(&r->loc, any, size_of_type(any), &l);
	if (l.uses_frame || (l.uses_cfa && !l.in_caller))
		flags |= VAR_ON_FRAME;
	if ((flags & VAR_ON_FRAME) && is_too_early(r, l.is_list))
		mark_absent(&l.loc, "it is not stored yet", r->facts.body);
	else if ((flags & VAR_ON_FRAME) && l.is_list && is_borrowed(r, &l.loc))
		mark_absent(&l.loc, "its only place belongs to another variable", 0);
	flags |= (l.has_attr ? VAR_HAS_ATTR : 0) | (l.is_list ? VAR_IS_LIST : 0) |
		 (l.is_covered ? VAR_IS_COVERED : 0) | (l.is_const ? VAR_IS_CONST : 0) |
		 (integrated_flag(any, DW_AT_artificial) ? VAR_ARTIFICIAL : 0);
	wire_put_str(r->out, str_from(name));
	wire_put_u64(r->out, dwtype_id_of(r->f, any));
	wire_put_u8(r->out, (uint8_t)role);
	wire_put_u32(r->out, flags);
	wire_put_u32(r->out, (uint32_t)integrated_number(any, DW_AT_decl_line));
	dwarf_loc_put(r->out, &l.loc);
	r->n++;
}

/* ---- which variables ---- */

static bool origin_of(Dwarf_Die *die, Dwarf_Die *ret)
{
	Dwarf_Attribute a;

	return dwarf_attr(die, DW_AT_abstract_origin, &a) && dwarf_formref_die(&a, ret);
}

/* the child of a concrete DIE that stands for an abstract variable */
static bool concrete_of(Dwarf_Die *concrete, Dwarf_Die *abstract, Dwarf_Die *ret)
{
	Dwarf_Die origin;

	if (dwarf_child(concrete, ret) != 0)
		return false;
	do {
		if (origin_of(ret, &origin) && dwarf_dieoffset(&origin) == dwarf_dieoffset(abstract))
			return true;
	} while (dwarf_siblingof(ret, ret) == 0);
	return false;
}

/* Go marks results as parameters of another kind */
static enum di_role role_of_param(Dwarf_Die *die)
{
	return integrated_flag(die, DW_AT_variable_parameter) ? DI_RESULT : DI_PARAM;
}

static void put_params(struct reader *r, Dwarf_Die *abstract, Dwarf_Die *concrete)
{
	bool is_same = dwarf_dieoffset(abstract) == dwarf_dieoffset(concrete);
	Dwarf_Die child, found, origin;

	if (dwarf_child(abstract, &child) == 0)
		do {
			if (dwarf_tag(&child) != DW_TAG_formal_parameter)
				continue;
			if (is_same)
				put_var(r, &child, &child, role_of_param(&child));
			else
				put_var(r, &child,
					concrete_of(concrete, &child, &found) ? &found : NULL,
					role_of_param(&child));
		} while (dwarf_siblingof(&child, &child) == 0);
	/* those that only the concrete one has */
	if (!is_same && dwarf_child(concrete, &child) == 0)
		do {
			if (dwarf_tag(&child) == DW_TAG_formal_parameter &&
			    !origin_of(&child, &origin))
				put_var(r, &child, &child, role_of_param(&child));
		} while (dwarf_siblingof(&child, &child) == 0);
}

static void put_locals_of(struct reader *r, Dwarf_Die *scope)
{
	Dwarf_Die child, origin;

	if (dwarf_child(scope, &child) != 0)
		return;
	do {
		if (dwarf_tag(&child) != DW_TAG_variable || dwtype_is_declaration(&child))
			continue;
		if (origin_of(&child, &origin))
			vec_push(&r->done, dwarf_dieoffset(&origin));
		put_var(r, &child, &child, DI_LOCAL);
	} while (dwarf_siblingof(&child, &child) == 0);
}

/* blocks around pc, innermost first */
static void put_locals(struct reader *r, Dwarf_Die *scope, unsigned depth)
{
	Dwarf_Die child;

	if (depth == MAX_DEPTH)
		return;
	if (dwarf_child(scope, &child) == 0)
		do {
			if (dwarf_tag(&child) == DW_TAG_lexical_block &&
			    dwarf_haspc(&child, r->loc.pc) == 1)
				put_locals(r, &child, depth + 1);
		} while (dwarf_siblingof(&child, &child) == 0);
	put_locals_of(r, scope);
}

static bool is_done(const struct reader *r, Dwarf_Off offset)
{
	for (size_t i = 0; i < r->done.n; i++)
		if (r->done.v[i] == offset)
			return true;
	return false;
}

/* locals of the function that are nowhere in this copy: a script that names one is told so */
static void put_lost_locals(struct reader *r, Dwarf_Die *abstract)
{
	Dwarf_Die child;

	if (dwarf_child(abstract, &child) != 0)
		return;
	do {
		if (dwarf_tag(&child) == DW_TAG_variable && !is_done(r, dwarf_dieoffset(&child)) &&
		    !dwtype_is_declaration(&child))
			put_var(r, &child, NULL, DI_LOCAL);
	} while (dwarf_siblingof(&child, &child) == 0);
}

/* ---- questions ---- */

static void set_up(struct reader *r, Dwarf_Die *function)
{
	static const Dwarf_Attribute none;
	Dwarf_Attribute *base = arena_new(&r->f->scratch, Dwarf_Attribute);

	*base = none;
	r->loc.arena = &r->f->scratch;
	r->loc.cfi_debug = dwarf_getcfi(r->f->dwarf);
	r->loc.cfi_eh = dwfile_eh_frame(r->f);
	if (function && dwarf_attr_integrate(function, DW_AT_frame_base, base)) {
		dwarf_loc_fix_form(base);
		r->loc.frame_base = base;
	}
	r->loc.entry = r->facts.entry;
	r->loc.body = r->facts.body;
	r->loc.is_llvm = r->facts.producer == PRODUCER_CLANG || r->facts.producer == PRODUCER_RUSTC;
}

static bool abstract_of(Dwarf_Die *die, Dwarf_Die *ret)
{
	if (!origin_of(die, ret))
		*ret = *die;
	return true;
}

struct err *dwarf_do_vars(struct dwarf_file *f, struct wire_in *in, struct wire_out *out)
{
	uint64_t id = wire_get_u64(in), outer = wire_get_u64(in), pc = wire_get_u64(in);
	struct reader r = { .f = f, .out = out, .loc = { .pc = pc } };
	Dwarf_Die die, abstract, function;
	bool has_function = true;
	size_t place;

	r.at_return = wire_get_u8(in);
	if (in->b.bad)
		return NULL;
	if (!dwfile_die(f, id, &die))
		return err_new(0, "there is no function at 0x%llx", (unsigned long long)id);
	abstract_of(&die, &abstract);
	function = die;
	if (dwarf_tag(&die) == DW_TAG_inlined_subroutine)
		has_function = dwtype_function_at(f, &die, pc ? pc : outer, &function);
	read_facts(&r, &abstract, has_function ? &function : NULL);
	set_up(&r, has_function ? &function : NULL);
	put_facts(out, &r.facts);
	if (has_function && pc && r.facts.producer == PRODUCER_GCC)
		find_homes(&r, &function, 0);
	place = wire_put_later(out);
	put_params(&r, &abstract, &die);
	if (r.at_return && pc && has_function && dwarf_tag(&die) == DW_TAG_inlined_subroutine) {
		Dwarf_Die var;
		uint64_t begin;

		if (dwexit_result_var(f, &die, &function, pc, &var, &begin) && begin == pc)
			put_var(&r, &var, &var, DI_RESULT);
	} else if (pc) {
		put_locals(&r, &die, 0);
		if (dwarf_dieoffset(&abstract) != dwarf_dieoffset(&die))
			put_lost_locals(&r, &abstract);
	}
	wire_set_u32(out, place, r.n);
	vec_free(&r.done);
	vec_free(&r.homes);
	return NULL;
}

/* the declaration alone: no address, so no locations */
struct err *dwarf_do_signature(struct dwarf_file *f, struct wire_in *in, struct wire_out *out)
{
	struct reader r = { .f = f, .out = out };
	uint64_t id = wire_get_u64(in);
	Dwarf_Die die;
	size_t place;

	if (in->b.bad)
		return NULL;
	if (!dwfile_die(f, id, &die))
		return err_new(0, "there is no function at 0x%llx", (unsigned long long)id);
	read_facts(&r, &die, NULL);
	set_up(&r, NULL);
	put_facts(out, &r.facts);
	place = wire_put_later(out);
	put_params(&r, &die, &die);
	wire_set_u32(out, place, r.n);
	return NULL;
}
