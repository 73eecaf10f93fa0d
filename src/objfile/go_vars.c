/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Go's convention for the variables of one function; see go_vars.h. Whether the list of parameters is whole is checked
 * against the size of the frame that the compiler recorded: Go before 1.22 leaves blank parameters out of its DWARF, and all
 * behind them would be taken for their neighbours.
 */
#include "objfile/go_vars.h"

#include "objfile/go_abi.h"
#include "objfile/go_pclntab.h"
#include "objfile/go_runtime.h"
#include "objfile/symtab.h"

/* a wrapper between the two conventions may take either */
static bool is_twin(struct objfile *f, uint64_t entry)
{
	const struct symbol *s = symtab_at(objfile_symtab(f), entry);

	return s && (s->flags & SYMBOL_GO_TWIN || str_ends(symbol_name(s), STR(".abi0")));
}

/* the convention's list: the variables with the dictionary of a generic function among them */
static uint32_t make_list(const struct di_var *vars, uint32_t n, int dict,
			  struct go_abi_value *values, const struct di_var **of)
{
	uint32_t count = 0, n_params = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (vars[i].role == DI_LOCAL)
			continue;
		if (vars[i].role == DI_PARAM && dict >= 0 && n_params == (uint32_t)dict) {
			of[count] = NULL;
			values[count++] = (struct go_abi_value){ 0 };
			dict = -1;
		}
		n_params += vars[i].role == DI_PARAM;
		of[count] = &vars[i];
		values[count++] = (struct go_abi_value){ .type = vars[i].type,
							 .is_result = vars[i].role == DI_RESULT };
	}
	if (dict >= 0) { /* behind all parameters: results do not count */
		of[count] = NULL;
		values[count++] = (struct go_abi_value){ 0 };
	}
	return count;
}

static bool is_in_memory(const struct location *l)
{
	return l->n_pieces && l->pieces[0].kind == LOC_MEM;
}

void go_vars_place(struct objfile *f, uint64_t entry, bool at_return, struct di_var *vars,
		   uint32_t n, struct arena *a)
{
	const struct go_runtime_facts *facts = objfile_go_facts(f);
	struct go_pclntab *t = facts ? objfile_go_pclntab(f) : NULL;
	const struct di_var **of = arena_array(a, const struct di_var *, n + 1);
	struct go_abi_value *values = arena_array(a, struct go_abi_value, n + 1);
	uint64_t frame = 0;
	struct go_func fn;
	bool is_whole;
	uint32_t count;
	int dict;

	if (!t || !go_pclntab_at(t, entry, &fn) || fn.addr != entry || fn.is_asm ||
	    is_twin(f, entry))
		return;
	dict = fn.is_wrapper ? -1 : go_abi_dict_index(fn.name, facts->minor);
	count = make_list(vars, n, dict, values, of);
	for (uint32_t i = 0; i < count; i++)
		if (of[i] && !of[i]->type)
			return;
	if (!go_abi_assign(values, count, facts->has_reg_abi, a, &frame))
		return;
	is_whole = frame == fn.args_bytes;
	for (uint32_t i = 0; i < count; i++) {
		struct di_var *v = of[i] ? &vars[of[i] - vars] : NULL;

		if (!v || values[i].is_result != at_return)
			continue;
		/* results in registers begin anew: what is missing before them does not matter */
		if (!is_whole && (!values[i].is_result || is_in_memory(&values[i].loc)))
			continue;
		v->loc = values[i].loc;
		v->is_by_abi = true;
	}
}
