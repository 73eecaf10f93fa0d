/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * uprobe and uretprobe: functions of programs and libraries. A name becomes the addresses of its symbols (several local
 * functions may share one), an offset is checked to be inside of the function and at the start of an instruction: a
 * breakpoint written into the middle of one would crash the program.
 */
#include "arch/x86_64/regs.h"
#include "objfile/demangle.h"
#include "objfile/names.h"
#include "probe/go_probe.h"
#include "probe/symbols.h"
#include "probe/targets.h"

#include <Zydis/Zydis.h>

#define UNSAFE_TEXT \
	"Use --unsafe to force attachment. WARNING: This option could lead to data corruption in the target process."

struct uprobe_match {
	struct match *m;
	size_t shape;
	size_t go_shapes[GO_N_FORMS];
	const struct target_file *file;
};

/* ---- places ---- */

enum boundary { BOUNDARY_YES, BOUNDARY_NO, BOUNDARY_UNKNOWN };

/* does an instruction begin at addr, when one begins at start? Decodes from there. */
static enum boundary is_boundary(struct objfile *f, uint64_t start, uint64_t addr)
{
	uint8_t code[ZYDIS_MAX_INSTRUCTION_LENGTH];
	ZydisDecoder decoder;

	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	while (start < addr) {
		ZydisDecodedInstruction insn;
		size_t n = sizeof(code);

		/* the last instruction of a segment has fewer bytes behind it */
		while (n && !objfile_read_vaddr(f, start, code, n))
			n--;
		if (n == 0 || !ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&decoder, ZYAN_NULL, code,
									  n, &insn)))
			return BOUNDARY_UNKNOWN;
		start += insn.length;
	}
	return start == addr ? BOUNDARY_YES : BOUNDARY_NO;
}

/* false when no probe may stand at this offset of the symbol; the reason was reported */
static bool check_place(struct uprobe_match *u, const struct symbol *s, uint64_t offset)
{
	struct match *m = u->m;
	struct str name = symbol_name(s);

	if (m->c->is_unsafe)
		return true;
	if (s->size == 0) {
		/* a wildcard leaves such symbols out; who names one is told */
		if (!name_is_wild(m->spec->func))
			match_unplaceable(
				m,
				"Could not determine boundary for %.*s (symbol has size 0).\n" UNSAFE_TEXT,
				STR_ARG(name));
		return false;
	}
	if (offset >= s->size) {
		match_unplaceable(m, "Offset outside the function bounds ('%.*s' size is %llu)",
				  STR_ARG(name), (unsigned long long)s->size);
		return false;
	}
	if (offset == 0)
		return true;
	switch (is_boundary(u->file->f, s->addr, s->addr + offset)) {
	case BOUNDARY_YES: return true;
	case BOUNDARY_NO:
		match_unplaceable(
			m,
			"Possible attachment attempt in the middle of an instruction, try a different "
			"offset.");
		return false;
	default:
		match_unplaceable(m, "Cannot decode '%.*s' up to offset %llu.\n" UNSAFE_TEXT,
				  STR_ARG(name), (unsigned long long)offset);
		return false;
	}
}

static void add_point(struct uprobe_match *u, uint64_t wanted, const struct symbol *s)
{
	struct match *m = u->m;
	struct go_site go = { .form = GO_FORM_NONE, .addr = wanted };
	uint64_t addr;
	size_t shape = u->shape;
	const char *provider = provider_names[m->spec->kind].name;
	struct probe_point *p;
	uint64_t file_offset;

	if (s && objfile_is_go(u->file->f))
		go_site_find(u->file->f, s, wanted - s->addr, &go);
	if (go.form != GO_FORM_NONE)
		shape = go_site_shape(m, u->file->f, &go, u->go_shapes);
	addr = m->spec->has_address || m->spec->kind != PROBE_UPROBE ? wanted : go.addr;
	if (!objfile_vaddr_to_offset(u->file->f, addr, &file_offset)) {
		match_unplaceable(m, "Address 0x%llx is not in the file '%.*s'.",
				  (unsigned long long)addr, STR_ARG(u->file->path));
		return;
	}
	p = match_add_point(m, shape);
	p->path = u->file->open_path;
	p->address = addr;
	p->file_offset = file_offset;
	p->place_delta = (uint32_t)(addr - wanted);
	p->entry_address = go.form != GO_FORM_NONE ? go.entry : 0;
	if (p->place_delta)
		p->why = "behind the stack check, which runs again when the stack grows";
	if (s) {
		p->symbol = arena_str(m->c->arena, symbol_name(s));
		p->func_offset = wanted - s->addr;
	}
	if (m->spec->has_address)
		p->name = arena_printf(m->c->arena, "%s:%.*s:%llu", provider,
				       STR_ARG(u->file->path), (unsigned long long)addr);
	else if (p->func_offset)
		p->name = arena_printf(m->c->arena, "%s:%.*s:%.*s+%llu", provider,
				       STR_ARG(u->file->path), STR_ARG(p->symbol),
				       (unsigned long long)p->func_offset);
	else
		p->name = arena_printf(m->c->arena, "%s:%.*s:%.*s", provider,
				       STR_ARG(u->file->path), STR_ARG(p->symbol));
	/* the probe is named as it can be asked for again, the function as stacks show it */
	if (!m->c->raw_names)
		p->symbol = demangler_get(probe_ctx_demangler(m->c), p->symbol, DEMANGLE_FULL);
}

static bool add_symbol(void *arg, const struct symbol *s, struct str shown)
{
	struct uprobe_match *u = arg;
	struct match *m = u->m;

	if (!check_place(u, s, m->spec->offset))
		return true;
	if (s->type == SYMBOL_IFUNC && !name_is_wild(m->spec->func)) {
		struct diag *d = diag_warning(
			m->diags, D_PROBE_PLACE, m->spec->ap->at,
			"'%.*s' is a resolver: it runs once and returns the function that is "
			"called from then on",
			STR_ARG(symbol_name(s)));

		diag_hint(m->diags, d, "sonde -l '%s:%.*s:*%.*s*' lists candidates",
			  provider_names[m->spec->kind].name, STR_ARG(u->file->path),
			  STR_ARG(symbol_name(s)));
	}
	add_point(u, s->addr + m->spec->offset, s);
	return true;
}

static void match_address(struct uprobe_match *u)
{
	struct match *m = u->m;
	uint64_t addr = m->spec->address;
	const struct symbol *s = symtab_at(objfile_symtab(u->file->f), addr);

	if (!s && !m->c->is_unsafe) {
		match_unplaceable(m, "Could not resolve address: %.*s:0x%llx",
				  STR_ARG(u->file->path), (unsigned long long)addr);
	} else if (!s || check_place(u, s, addr - s->addr)) {
		add_point(u, addr, s);
	}
}

/* --unsafe: a file that is no ELF file may hold code too; addresses are places in the file then */
static void add_flat(struct uprobe_match *u)
{
	struct match *m = u->m;
	struct probe_point *p = match_add_point(m, u->shape);

	p->path = u->file->open_path;
	p->address = p->file_offset = m->spec->address;
	p->name = arena_printf(m->c->arena, "%s:%.*s:%llu", provider_names[m->spec->kind].name,
			       STR_ARG(u->file->path), (unsigned long long)p->address);
}

/* ---- what to say when there is none ---- */

/* "f.constprop.0": what the compiler made of the function that was asked for; or NULL */
static const struct symbol *find_clone(struct symtab *t, struct str name)
{
	for (uint32_t i = 0; i < t->n; i++) {
		const struct symbol *s = &t->v[i];

		if (s->flags & (SYMBOL_CLONE_CONST | SYMBOL_CLONE_ISRA) &&
		    !(s->flags & SYMBOL_NOT_ENTRY) && str_eq(symbol_base_name(s), name))
			return s;
	}
	return NULL;
}

static void report_missing(struct match *m, struct target_files *files)
{
	STRBUF_AUTO hint = { 0 };
	struct str near[NEAREST_MAX];
	struct symtab *t;
	const struct symbol *clone;
	uint32_t n;

	if (files->files.n != 1 || name_is_wild(m->spec->func)) {
		if (!name_is_wild(m->spec->func))
			match_none(m, NULL);
		return;
	}
	t = objfile_symtab(files->files.v[0].f);
	clone = find_clone(t, m->spec->func);
	n = symtab_suggest(t, m->spec->func, near, NEAREST_MAX);
	if (t->n == 0)
		strbuf_printf(&hint,
			      "'%.*s' has no symbols (it is stripped, and no debug file was found)",
			      STR_ARG(files->files.v[0].path));
	else if (clone)
		strbuf_printf(&hint, "the compiler made '%.*s' of it, whose arguments may differ",
			      STR_ARG(symbol_name(clone)));
	else
		for (uint32_t i = 0; i < n; i++)
			strbuf_printf(&hint, "%s%.*s",
				      i == 0       ? "Did you mean "
				      : i + 1 == n ? " or "
						   : ", ",
				      STR_ARG(near[i]));
	if (n && !clone && t->n)
		strbuf_putc(&hint, '?');
	match_none(m, strbuf_cstr(&hint));
}

/* ---- driver ---- */

static void match_file(struct uprobe_match *u)
{
	struct match *m = u->m;
	struct symbol_query q = { .c = m->c,
				  .f = u->file->f,
				  .name = m->spec->func,
				  .file = m->spec->decl_file,
				  .only_demangled = m->spec->ns.n > 0,
				  .visit = add_symbol,
				  .arg = u };

	if (m->spec->has_address)
		match_address(u);
	else
		symbols_each(&q);
}

void match_uprobe(struct match *m)
{
	struct target_files files = { 0 };
	struct uprobe_match u = { .m = m };
	struct err *e;

	if (m->spec->source_file.n) {
		match_error(m, D_PROBE_SYNTAX,
			    "Attaching by source code location is not supported yet");
		return;
	}
	e = targets_find(m->c, m->spec->target, &files);
	if (e) {
		targets_report(m, e);
		targets_free(&files);
		return;
	}
	u.shape = match_add_shape(m, ARGS_REGS);
	m->shapes.v[u.shape].shape->n_argn = ARCH_N_ARG_REGS;
	vec_each(f, &files.files) {
		u.file = f;
		memset(u.go_shapes, 0, sizeof(u.go_shapes));
		if (f->f) {
			match_file(&u);
		} else if (m->c->is_unsafe && m->spec->has_address) {
			add_flat(&u);
		} else {
			targets_report(m, f->error);
			f->error = NULL;
		}
	}
	if (match_n_points(m) == 0 && !m->is_reported)
		report_missing(m, &files);
	targets_free(&files);
}
