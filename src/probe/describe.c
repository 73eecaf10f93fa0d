/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One function in detail; see describe.h. The lines of the arguments, "    type name", are as bpftrace prints them. */
#include "probe/describe.h"

#include "arch/x86_64/regs.h"
#include "base/cleanup.h"
#include "objfile/names.h"
#include "probe/go_probe.h"
#include "probe/go_room.h"
#include "probe/patchable.h"
#include "probe/returns.h"
#include "probe/symbols.h"
#include "types/view.h"

/* ---- types and locations as text ---- */

/* numbers as each language calls them */
static void print_number(const struct type *t, enum type_lang lang, struct strbuf *out)
{
	static const char *const names[] = {
		[1] = "char", [2] = "short", [4] = "int", [8] = "long"
	};
	const char *c_name = t->size <= 8 ? names[t->size] : NULL;

	if (lang == LANG_RUST)
		strbuf_printf(out, "%s%u", t->is_signed ? "i" : "u", t->size * 8);
	else if (lang == LANG_GO)
		strbuf_printf(out, "%sint%u", t->is_signed ? "" : "u", t->size * 8);
	else if (c_name)
		strbuf_printf(out, "%s%s", t->is_signed ? "" : "unsigned ", c_name);
	else
		type_spell(t, out);
}

static void print_type(const struct type *t, enum type_lang lang, struct strbuf *out)
{
	if (!t) {
		strbuf_puts(out, "?");
	} else if ((t->kind == TYPE_INT || t->kind == TYPE_BOOL || t->kind == TYPE_FLOAT) &&
		   t->name.n) {
		strbuf_add_str(out, t->name);
	} else if (t->kind == TYPE_INT) {
		print_number(t, lang, out);
	} else if (t->kind == TYPE_FLOAT && lang == LANG_RUST) {
		strbuf_printf(out, "f%u", t->size * 8);
	} else if (t->kind == TYPE_FLOAT && lang != LANG_GO && t->size <= 8) {
		strbuf_puts(out, t->size == 4 ? "float" : "double");
	} else if (t->kind == TYPE_POINTER && !t->name.n && t->elem->kind != TYPE_FUNCTION) {
		/* Go writes it in front */
		if (lang == LANG_GO)
			strbuf_putc(out, '*');
		print_type(t->elem, lang, out);
		if (lang != LANG_GO)
			strbuf_putc(out, '*');
	} else {
		STRBUF_AUTO text = { 0 };

		type_spell(t, &text);
		names_spell(strbuf_str(&text), out);
	}
}

static void print_reg(uint16_t offset, struct strbuf *out)
{
	for (const struct arch_reg *r = arch_script_regs; r->name; r++)
		if (r->offset == offset) {
			strbuf_printf(out, "%s%s",
				      strlen(r->name) == 2 && r->name[0] != 'r' ? "r" : "",
				      r->name);
			return;
		}
	strbuf_puts(out, "a register");
}

/* "[rsp+12]" where that is all; else only that it is in memory */
static void print_memory(const struct loc_piece *p, struct strbuf *out)
{
	const struct loc_op *op = p->ops;
	int64_t add = 0;

	if (p->n_ops == 1 && op[0].op == LOC_OP_FILE_ADDR) {
		strbuf_printf(out, "in memory at 0x%llx", (unsigned long long)op[0].value);
		return;
	}
	if (p->n_ops == 0 || p->n_ops > 2 || op[0].op != LOC_OP_REG ||
	    (p->n_ops == 2 && op[1].op != LOC_OP_ADD_CONST)) {
		strbuf_puts(out, "in memory");
		return;
	}
	if (p->n_ops == 2)
		add = op[1].value;
	strbuf_puts(out, op[0].reg == arch_sp_offset() || op[0].reg == arch_fp_offset()
				 ? "on the stack at ["
				 : "in memory at [");
	print_reg(op[0].reg, out);
	if (add)
		strbuf_printf(out, "%+lld", (long long)add);
	strbuf_putc(out, ']');
}

static void print_const(const struct loc_piece *p, struct strbuf *out)
{
	uint64_t v = 0;

	if (p->size > 8) {
		strbuf_puts(out, "constant");
		return;
	}
	memcpy(&v, p->data, p->size);
	if (p->size < 8 && v >> (p->size * 8 - 1))
		v |= UINT64_MAX << (p->size * 8);
	strbuf_printf(out, "constant %lld", (long long)v);
}

static void print_piece(const struct loc_piece *p, struct strbuf *out)
{
	switch (p->kind) {
	case LOC_REG:
		strbuf_puts(out, "in ");
		print_reg(p->reg, out);
		break;
	case LOC_MEM: print_memory(p, out); break;
	case LOC_VALUE: strbuf_puts(out, "computed"); break;
	case LOC_CONST: print_const(p, out); break;
	case LOC_FLOAT_REG: strbuf_printf(out, "in xmm%u, not readable", p->reg); break;
	default: strbuf_puts(out, "partly optimized out"); break;
	}
}

static void print_location(const struct location *loc, struct strbuf *out)
{
	bool has_float = loc->n_pieces && loc->pieces[0].kind == LOC_FLOAT_REG;

	if (location_is_absent(loc) && !has_float) {
		strbuf_puts(out, "optimized out");
		if (loc->why.n && !str_ends(loc->why, STR("optimized out")))
			strbuf_printf(out, " (%.*s)", STR_ARG(loc->why));
		return;
	}
	for (uint32_t i = 0; i < loc->n_pieces; i++) {
		strbuf_puts(out, i ? " and " : "");
		print_piece(&loc->pieces[i], out);
	}
}

/* ---- arguments and result ---- */

/* bytes that printing such a value moves at most */
static uint32_t captured_size(struct probe_ctx *c, const struct type *t)
{
	const struct type *capture = t ? view_capture(c->types, t) : NULL;

	return capture ? capture->size : t ? t->size : 0;
}

static void print_signature(struct listing *l, struct places *p, const struct di_func *fn)
{
	const struct di_var *vars;
	uint32_t n, bytes = 0, result = 0, n_params = 0;
	struct err *e = debuginfo_signature(p->info, fn, l->c->types, l->c->arena, &vars, &n);

	if (e) {
		err_free(e);
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		if (vars[i].role != DI_PARAM)
			continue;
		strbuf_puts(&l->out, "    ");
		print_type(vars[i].type, fn->lang, &l->out);
		strbuf_printf(&l->out, " %.*s\n", STR_ARG(vars[i].name));
		bytes += captured_size(l->c, vars[i].type);
		n_params++;
	}
	for (uint32_t i = 0; i < n; i++) {
		if (vars[i].role != DI_RESULT || !vars[i].type || vars[i].type->kind == TYPE_VOID)
			continue;
		strbuf_puts(&l->out, "    returns ");
		print_type(vars[i].type, fn->lang, &l->out);
		if (vars[i].name.n && !str_is(vars[i].name, "retval"))
			strbuf_printf(&l->out, " %.*s", STR_ARG(vars[i].name));
		strbuf_putc(&l->out, '\n');
		result += captured_size(l->c, vars[i].type);
	}
	if (n_params || result) {
		strbuf_puts(&l->out, "    captures up to");
		if (n_params)
			strbuf_printf(&l->out, " %u bytes for args", bytes);
		if (result)
			strbuf_printf(&l->out, "%s %u bytes for retval", n_params ? "," : "",
				      result);
		strbuf_putc(&l->out, '\n');
	}
}

static void print_vars(struct listing *l, struct places *p, const struct di_func *fn,
		       const struct di_instance *inst, uint64_t pc, bool with_locals)
{
	const struct di_var *vars;
	uint32_t n;
	struct err *e = debuginfo_vars(p->info, fn, inst, pc, false, l->c->types, l->c->arena,
				       &vars, &n);

	if (e) {
		err_free(e);
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		if (vars[i].role != DI_PARAM && !(with_locals && vars[i].role == DI_LOCAL))
			continue;
		strbuf_printf(&l->out,
			      "        %s%.*s: ", vars[i].role == DI_LOCAL ? "locals." : "",
			      STR_ARG(vars[i].name));
		print_location(&vars[i].loc, &l->out);
		strbuf_putc(&l->out, '\n');
	}
}

/* where the result is when control has come to pc (0: at the function's return), behind what is printed already */
static void print_result(struct listing *l, struct places *p, const struct di_func *fn,
			 const struct di_instance *inst, uint64_t pc)
{
	const struct di_var *vars;
	uint32_t n;
	struct err *e = debuginfo_vars(p->info, fn, inst, pc, true, l->c->types, l->c->arena, &vars,
				       &n);

	if (e) {
		err_free(e);
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		if (vars[i].role != DI_RESULT || !vars[i].type || vars[i].type->kind == TYPE_VOID)
			continue;
		strbuf_printf(&l->out, "; %.*s ",
			      STR_ARG(vars[i].name.n ? vars[i].name : STR("result")));
		print_location(&vars[i].loc, &l->out);
	}
}

static void print_exits(struct listing *l, struct places *p, const struct di_func *fn,
			const struct di_instance *inst)
{
	const uint64_t *exits;
	uint32_t n;
	struct err *e = debuginfo_inline_exits(p->info, fn, inst, &exits, &n);

	if (e) {
		err_free(e);
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		strbuf_printf(&l->out, "        returns to 0x%llx", (unsigned long long)exits[i]);
		print_result(l, p, fn, inst, exits[i]);
		strbuf_putc(&l->out, '\n');
	}
	if (n == 0)
		strbuf_puts(&l->out, "        where it returns to is not known\n");
}

/* ---- places ---- */

static struct str base_name(struct str path)
{
	for (size_t i = path.n; i-- > 0;)
		if (path.p[i] == '/')
			return str_sub(path, i + 1, path.n);
	return path;
}

static void print_instance(struct listing *l, struct places *p, const struct di_func *fn,
			   const struct di_instance *inst)
{
	for (uint32_t i = 0; i < inst->n_entries; i++) {
		strbuf_printf(&l->out, "    at 0x%llx: ", (unsigned long long)inst->entries[i]);
		if (!inst->is_inlined)
			strbuf_puts(&l->out, "code of its own");
		else
			strbuf_printf(&l->out, "inlined into %.*s", STR_ARG(inst->caller));
		if (inst->is_inlined && inst->call_file.n)
			strbuf_printf(&l->out, " at %.*s:%u", STR_ARG(base_name(inst->call_file)),
				      inst->call_line);
		strbuf_printf(&l->out, "%s\n",
			      inst->is_approximate ? ", more hits than calls are possible" : "");
		print_vars(l, p, fn, inst, inst->entries[i], false);
	}
	if (inst->is_inlined)
		print_exits(l, p, fn, inst);
}

static void print_return(struct listing *l, struct places *p, const struct di_func *fn,
			 const struct symbol *s)
{
	struct return_evidence evidence = { 0 };
	struct return_range range = { s->addr, s->addr + s->size };
	struct return_func rf = { .f = p->f,
				  .evidence = &evidence,
				  .name = symbol_name(s),
				  .ranges = &range,
				  .n_ranges = 1,
				  .lang = fn ? fn->lang : LANG_NONE,
				  .reads_result = true,
				  .choice = l->c->return_choice };
	struct return_plan plan;

	if (s->size == 0)
		return;
	returns_plan(&rf, l->c->arena, &plan);
	if (plan.refusal) {
		strbuf_printf(&l->out, "    no return probe. %s\n", plan.refusal);
		return;
	}
	strbuf_printf(&l->out, "    return by %s%s", plan.way == RETURN_KERNEL ? "the " : "",
		      plan.why);
	for (uint32_t i = 0; fn && i < fn->n_instances; i++)
		if (!fn->instances[i].is_inlined && fn->instances[i].n_entries &&
		    fn->instances[i].entries[0] == s->addr)
			print_result(l, p, fn, &fn->instances[i], 0);
	strbuf_putc(&l->out, '\n');
}

/* one sentence about what surprises */
static void print_remarks(struct listing *l, const struct di_func *fn, const struct place *own)
{
	uint32_t n_inlined = 0, n_entries = 0, n_own = own != NULL;
	STRBUF_AUTO entries = { 0 };

	for (uint32_t i = 0; fn && i < fn->n_instances; i++) {
		n_inlined += fn->instances[i].is_inlined;
		n_entries += fn->instances[i].is_inlined ? fn->instances[i].n_entries : 0;
		n_own += !own && !fn->instances[i].is_inlined;
	}
	if (n_entries > n_inlined)
		strbuf_printf(&entries, ", which the compiler copied: %u entries", n_entries);
	if (n_inlined)
		strbuf_printf(&l->out, "    it has %s in %u place%s%s\n",
			      n_own ? "code of its own, but was also inlined"
				    : "no code of its own: it was inlined",
			      n_inlined, n_inlined == 1 ? "" : "s", strbuf_cstr(&entries));
	if (fn && fn->is_nocall)
		strbuf_puts(
			&l->out,
			"    the compiler changed how it is called: registers are not the arguments\n");
	if (!own || !own->sym)
		return;
	if (own->sym->flags & (SYMBOL_CLONE_CONST | SYMBOL_CLONE_ISRA))
		strbuf_printf(
			&l->out,
			"    the compiler made it of '%.*s': some arguments are gone or split\n",
			STR_ARG(symbol_base_name(own->sym)));
}

static void print_aliases(struct listing *l, struct places *p, const struct symbol *s)
{
	struct symtab *t = objfile_symtab(p->f);
	uint32_t first, n = symtab_starting_at(t, s->addr, &first), shown = 0;

	for (uint32_t i = 0; i < n; i++) {
		const struct symbol *x = &t->v[symtab_sorted(t, first + i)];
		struct str name = symbol_spelled(l->c, x);

		if (x->type != SYMBOL_FUNC || str_eq(name, symbol_spelled(l->c, s)))
			continue;
		strbuf_printf(&l->out, "%s%.*s", shown++ ? ", " : "    the same code is ",
			      STR_ARG(name));
	}
	if (shown)
		strbuf_puts(&l->out, ": calls by any of these names are seen\n");
}

static void print_ifunc(struct listing *l, struct places *p, const struct symbol *s)
{
	struct symtab *t = objfile_symtab(p->f);
	struct ifunc_targets targets;

	ifunc_resolve(l->c, p->f, s, &targets);
	if (targets.n == 0) {
		strbuf_puts(
			&l->out,
			"    an IFUNC: what it stands for is not known without a process (-p)\n");
		return;
	}
	strbuf_puts(&l->out, targets.pid ? "    an IFUNC, which in this process stands for "
					 : "    an IFUNC, which stands for one of ");
	for (uint32_t i = 0; i < targets.n; i++) {
		const struct symbol *impl = symtab_at(t, targets.addr[i]);

		strbuf_puts(&l->out, i ? ", " : "");
		if (impl && impl->addr == targets.addr[i])
			strbuf_add_str(&l->out, symbol_spelled(l->c, impl));
		else
			strbuf_printf(&l->out, "0x%llx", (unsigned long long)targets.addr[i]);
	}
	strbuf_putc(&l->out, '\n');
}

/* Go's functions are probed behind the check of their stacks. Returns what is to be said besides */
static const char *look_at_go(struct objfile *f, const struct go_site *site, struct patchable *ret)
{
	struct patchable_function fn;
	struct go_room room = { 0 };

	patchable_read(f, site->addr, &fn);
	patchable_at(&fn, site->addr, ret);
	if (ret->len)
		go_room_at(f, &fn, site->addr, &room);
	if (room.reason) {
		ret->len = 0;
		ret->reason = room.reason;
	}
	patchable_free(&fn);
	return room.bytes ? ", behind the check of its stack"
			  : ", on a stack of ours: it does not check its own";
}

/* what the user engine would write over it */
static void print_patch(struct listing *l, struct places *p, const struct symbol *s)
{
	struct go_site site;
	struct patchable patch;

	uint64_t place = s->addr;
	const char *where = "";

	go_site_find(p->f, s, 0, &site);
	if (site.form != GO_FORM_NONE) {
		place = site.addr;
		where = look_at_go(p->f, &site, &patch);
	} else if (!patchable_find(p->f, s->addr, s->size, &patch)) {
		return;
	}
	if (patch.len)
		strbuf_printf(&l->out,
			      "    user engine: a jump over %u instruction%s, %u bytes%s%s\n",
			      patch.n_insns, patch.n_insns == 1 ? "" : "s", patch.len,
			      patch.address > place ? ", behind endbr64" : "", where);
	else
		strbuf_printf(&l->out, "    user engine: no jump there: %s\n", patch.reason);
}

void describe_function(struct listing *l, struct places *p, const struct di_func *fn,
		       const struct place *own)
{
	if (own && own->sym->type == SYMBOL_IFUNC) {
		print_ifunc(l, p, own->sym);
		return;
	}
	if (fn)
		print_signature(l, p, fn);
	print_remarks(l, fn, own);
	for (uint32_t i = 0; fn && i < fn->n_instances; i++)
		print_instance(l, p, fn, &fn->instances[i]);
	if (own) {
		print_return(l, p, fn, own->sym);
		print_patch(l, p, own->sym);
		print_aliases(l, p, own->sym);
	}
}

void describe_line_place(struct listing *l, struct places *p, struct place *place)
{
	place_fill_info(p, place);
	strbuf_printf(&l->out, "    at 0x%llx: in %.*s%s%.*s\n", (unsigned long long)place->addr,
		      STR_ARG(place->func.n ? place->func : STR("code without a name")),
		      place->inlined_into.n ? ", inlined into " : "", STR_ARG(place->inlined_into));
	if (place->fn)
		print_vars(l, p, place->fn, place->inst, place->addr, true);
}
