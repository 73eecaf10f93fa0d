/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Attach points in Go code; see go_probe.h. What Go's tables and conventions say is objfile's (go_*.h). */
#include "probe/go_probe.h"

#include "arch/x86_64/regs.h"
#include "base/log.h"
#include "objfile/go_abi.h"
#include "objfile/go_entry.h"
#include "objfile/go_pclntab.h"
#include "objfile/go_runtime.h"

#include <stdlib.h>

enum { MAX_CODE = 1 << 20, N_STACK_WORDS = 16 };

/* assembly: both conventions occur; the symbol table tells them apart where a function has both */
static enum go_form form_of(struct objfile *f, const struct symbol *s, const struct go_func *fn)
{
	if (!objfile_go_facts(f)->has_reg_abi || (s && str_ends(symbol_name(s), STR(".abi0"))))
		return GO_FORM_STACK;
	/* wrappers between the two conventions have one name for both, too, when there are no symbols */
	return fn->is_asm || (s && s->flags & SYMBOL_GO_TWIN) ? GO_FORM_UNKNOWN : GO_FORM_REGS;
}

static uint64_t behind_check(struct objfile *f, const struct go_func *fn)
{
	uint64_t place = fn->addr;
	CODE_AUTO c = { 0 };
	uint8_t *bytes;

	if (fn->size > MAX_CODE)
		return place;
	bytes = base_alloc(fn->size);
	if (objfile_read_vaddr(f, fn->addr, bytes, fn->size)) {
		code_decode(bytes, fn->size, fn->addr, &c);
		go_entry_place(&c, fn->addr, &place);
	}
	free(bytes);
	return place;
}

void go_site_find(struct objfile *f, const struct symbol *s, uint64_t offset, struct go_site *ret)
{
	struct go_pclntab *t = objfile_go_pclntab(f);
	struct go_func fn;

	*ret = (struct go_site){ .form = GO_FORM_NONE, .entry = s->addr, .addr = s->addr + offset };
	if (!t || !go_pclntab_at(t, s->addr, &fn))
		return;
	ret->form = form_of(f, s, &fn);
	if (offset == 0 && fn.addr == s->addr)
		ret->addr = behind_check(f, &fn);
}

void go_point_move(struct objfile *f, struct probe_point *p)
{
	struct go_pclntab *t = objfile_go_pclntab(f);
	uint64_t place, offset;
	struct go_func fn;

	if (!t || !go_pclntab_at(t, p->address, &fn) || fn.addr != p->address)
		return;
	place = behind_check(f, &fn);
	if (!objfile_vaddr_to_offset(f, place, &offset))
		return;
	p->place_delta = (uint32_t)(place - p->address);
	p->address = place;
	p->file_offset = offset;
}

/* argN: words in registers, or on the stack above the return address */
static void set_operands(struct match *m, struct probe_shape *shape, enum go_form form)
{
	unsigned n = form == GO_FORM_REGS ? GO_N_INT_REGS : N_STACK_WORDS;

	shape->operands = arena_array(m->c->arena, struct usdt_operand, n);
	shape->n_argn = n;
	for (unsigned i = 0; i < n; i++) {
		struct usdt_operand *o = &shape->operands[i];

		o->size = 8;
		o->is_signed = true;
		if (form == GO_FORM_REGS) {
			o->kind = USDT_ARG_REG;
			o->reg_offset = (uint16_t)go_abi_reg_offset(i);
			continue;
		}
		o->kind = USDT_ARG_MEM;
		o->has_base = true;
		o->reg_offset = (uint16_t)arch_sp_offset();
		o->value = 8 + 8 * (int64_t)i;
	}
}

size_t go_site_shape(struct match *m, struct objfile *f, const struct go_site *site,
		     size_t shapes[GO_N_FORMS])
{
	struct probe_shape *shape;
	bool is_return = m->spec->kind == PROBE_URETPROBE;

	if (shapes[site->form])
		return shapes[site->form];
	/* after a return there are no arguments */
	shapes[site->form] = match_add_shape(m, is_return ? ARGS_REGS : ARGS_USDT);
	shape = m->shapes.v[shapes[site->form]].shape;
	if (!is_return && site->form != GO_FORM_UNKNOWN)
		set_operands(m, shape, site->form);
	shape->lang = LANG_GO;
	shape->is_go = true;
	shape->goid_offset = objfile_go_facts(f)->goid_offset;
	/* at the entry and at each RET of ABIInternal code r14 is g; elsewhere that is looked at first */
	shape->is_g_sure = site->form == GO_FORM_REGS && m->spec->offset == 0 &&
			   !m->spec->has_address;
	log_verbose("'%s' is Go 1.%u: %s", f->path, objfile_go_facts(f)->minor,
		    site->form == GO_FORM_REGS    ? "arguments in registers"
		    : site->form == GO_FORM_STACK ? "arguments on the stack"
						  : "assembly, places of arguments not known");
	return shapes[site->form];
}
