/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Addresses to names; see symbolize.h. An address of a process goes through its mappings (process_table.c) to a file, there
 * to the file's own address and to the symbol table; memory without a file through the JIT's perf map. An address that
 * fits nothing has no name: nothing is rounded to the nearest symbol that does not cover it.
 */
#include "objfile/symbolize.h"

#include "base/arena.h"
#include "objfile/demangle.h"
#include "objfile/kallsyms.h"
#include "objfile/process_table.h"
#include "objfile/symtab.h"

#include <elf.h>

enum {
	FRESH_MS = 100,   /* how old mappings may be when an address lies in one of them */
	RETRY_MS = 4,     /* and when it does not: as short as the coarse clock ticks */
	PERFMAP_MS = 100, /* how often a perf map is looked at again */
};

struct symbolizer {
	struct symbolizer_opts opts;
	struct process_table table;
	struct demangler *names;
	struct kallsyms *kernel;
	bool kernel_tried;
	struct strbuf kernel_error;
};

struct symbolizer *symbolizer_new(const struct symbolizer_opts *opts)
{
	struct symbolizer *s = base_alloc(sizeof(*s));

	if (opts)
		s->opts = *opts;
	process_table_init(&s->table, s->opts.files);
	s->names = demangler_new();
	return s;
}

void symbolizer_free(struct symbolizer *s)
{
	if (!s)
		return;
	process_table_free(&s->table);
	demangler_free(s->names);
	kallsyms_free(s->kernel);
	strbuf_free(&s->kernel_error);
	free(s);
}

void symbolizer_set_demangle(struct symbolizer *s, bool demangle)
{
	s->opts.demangle = demangle;
}

/* --- user addresses --------------------------------------------------------------------------------------------- */

static void set_name(struct symbolizer *s, struct symbol_info *out, struct str raw, uint64_t offset)
{
	out->found = true;
	out->raw = raw;
	out->name = s->opts.demangle ? demangler_get(s->names, raw, DEMANGLE_FULL) : raw;
	out->offset = offset;
}

static void name_in_file(struct symbolizer *s, struct objfile *f, uint64_t vaddr,
			 struct symbol_info *out)
{
	const struct symbol *sym = symtab_at(objfile_symtab(f), vaddr);

	out->in_file = true;
	out->file_addr = vaddr;
	out->file = f;
	if (sym)
		set_name(s, out, symbol_name(sym), vaddr - sym->addr);
}

static void name_in_mapping(struct symbolizer *s, struct process *p, const struct mapping *m,
			    uint64_t addr, struct symbol_info *out)
{
	struct objfile *f = process_open_module(&s->table, p, m);
	uint64_t vaddr;

	out->module = m->module->path;
	m->module->is_used = true;
	if (f && objfile_offset_to_vaddr(f, addr - m->start + m->offset, &vaddr))
		name_in_file(s, f, vaddr, out);
}

/* also what begins as zeros and so stands in no file (.bss) */
static bool is_loaded(const struct objfile *f, uint64_t vaddr)
{
	for (uint32_t i = 0; i < f->n_segments; i++) {
		const struct objfile_segment *s = &f->segments[i];

		if (s->type == PT_LOAD && vaddr >= s->vaddr && vaddr - s->vaddr < s->memsz)
			return true;
	}
	return false;
}

/*
 * Data of a file: events tell of executable mappings alone, but a file is loaded as one piece, so where its code is tells
 * where its data must be.
 */
static void name_in_data(struct symbolizer *s, struct process *p, uint64_t addr,
			 struct symbol_info *out)
{
	vec_each(m, &p->now) {
		uint64_t vaddr;
		struct objfile *f;

		if (!m->module || m->module->is_vdso)
			continue;
		f = process_open_module(&s->table, p, m);
		if (!f || !objfile_offset_to_vaddr(f, m->offset, &vaddr) ||
		    !is_loaded(f, addr - m->start + vaddr))
			continue;
		out->module = m->module->path;
		m->module->is_used = true;
		name_in_file(s, f, addr - m->start + vaddr, out);
		return;
	}
}

static void look_for_perfmap(struct process *p)
{
	p->perfmap = perfmap_new((pid_t)p->pid, p->met);
	perfmap_update(p->perfmap);
	p->perfmap_checked = process_clock_ms();
}

static bool name_in_perfmap(struct symbolizer *s, struct process *p, uint64_t addr,
			    struct symbol_info *out)
{
	const struct perfmap_entry *e;
	uint64_t now = process_clock_ms();

	if (s->opts.no_perf_maps)
		return false;
	if (!p->perfmap)
		look_for_perfmap(p);
	e = perfmap_at(p->perfmap, addr);
	if (!e && now - p->perfmap_checked >= PERFMAP_MS) {
		p->perfmap_checked = now;
		if (perfmap_update(p->perfmap))
			e = perfmap_at(p->perfmap, addr);
	}
	if (!e)
		return false;
	out->module = STR("perf map");
	set_name(s, out, e->name, addr - e->start);
	return true;
}

bool symbolizer_user(struct symbolizer *s, pid_t pid, uint64_t addr, struct symbol_info *out)
{
	struct process *p = process_get(&s->table, pid);
	const struct mapping *m;

	*out = (struct symbol_info){ 0 };
	p->wanted = true;
	process_refresh(&s->table, p, FRESH_MS);
	m = process_mapping(p, addr);
	if (!m && process_refresh(&s->table, p, RETRY_MS))
		m = process_mapping(p, addr);
	if (m && m->module)
		name_in_mapping(s, p, m, addr, out);
	if (!out->in_file && !(m && m->is_exec))
		name_in_data(s, p, addr, out);
	/* some JITs map a file of their own for their code, which is no ELF file */
	return out->in_file || name_in_perfmap(s, p, addr, out) || out->module.n;
}

/* --- what others tell about processes ---------------------------------------------------------------------------- */

/* open the files now: they may be gone, or out of reach, once the process is */
static void open_modules(struct symbolizer *s, struct process *p)
{
	vec_each(m, &p->now)
		if (m->module)
			process_open_module(&s->table, p, m);
}

void symbolizer_note_process(struct symbolizer *s, pid_t pid)
{
	struct process *p = process_get(&s->table, pid);

	p->wanted = true;
	process_refresh(&s->table, p, RETRY_MS);
	open_modules(s, p);
	if (!s->opts.no_perf_maps && !p->perfmap && !p->gone)
		look_for_perfmap(p);
}

/* as the kernel writes the path of a file without a name */
static bool cut_deleted(struct str *path)
{
	if (!str_ends(*path, STR(" (deleted)")))
		return false;
	path->n -= strlen(" (deleted)");
	return true;
}

void symbolizer_note_mmap(struct symbolizer *s, pid_t pid, uint64_t start, uint64_t len,
			  uint64_t offset, uint32_t dev_major, uint32_t dev_minor, uint64_t ino,
			  struct str path)
{
	struct process *p = process_get(&s->table, pid);
	struct mapping m = { start, start + len, offset, NULL, true };
	bool is_deleted = ino && cut_deleted(&path);

	if (m.end <= start)
		return;
	if (ino || str_is(path, "[vdso]"))
		m.module = process_module(&s->table, path, dev_major, dev_minor, ino, is_deleted);
	else if (!process_has_mapping_in(p, m.start, m.end))
		return; /* memory without a file is no news where nothing was */
	process_add_mapping(p, m);
}

void symbolizer_note_fork(struct symbolizer *s, pid_t parent, pid_t child)
{
	struct process *from, *to = process_find(&s->table, child);
	struct root *former;

	/* making the child may push another process out of the table, so the parent is looked up last */
	if (!process_find(&s->table, parent))
		process_get(&s->table, parent);
	if (to)
		process_restart(to);
	else
		to = process_make(&s->table, child);
	from = process_find(&s->table, parent);
	if (!from || from == to)
		return;
	vec_each(m, &from->now)
		vec_push(&to->now, *m);
	former = to->root;
	to->root = root_ref(from->root);
	to->is_foreign = from->is_foreign;
	to->root_known = false;
	root_unref(former);
}

void symbolizer_note_exec(struct symbolizer *s, pid_t pid)
{
	struct process *p = process_find(&s->table, pid);

	if (p)
		process_forget(p);
	else
		process_get(&s->table, pid);
}

void symbolizer_note_exit(struct symbolizer *s, pid_t pid)
{
	struct process *p = process_find(&s->table, pid);

	if (p)
		p->ended = true;
}

void symbolizer_forget(struct symbolizer *s, pid_t pid)
{
	struct process *p = process_find(&s->table, pid);

	if (p && p->ended && !p->wanted)
		process_drop(&s->table, p);
}

void symbolizer_survey(struct symbolizer *s, pid_t pid)
{
	process_refresh(&s->table, process_get(&s->table, pid), FRESH_MS);
}

/* --- mappings, for the unwinder ---------------------------------------------------------------------------------- */

static struct symbolizer_mapping describe(struct symbolizer *s, struct process *p,
					  const struct mapping *m)
{
	return (struct symbolizer_mapping){ .start = m->start,
					    .end = m->end,
					    .offset = m->offset,
					    .file = process_open_module(&s->table, p, m),
					    .is_file = m->module != NULL };
}

void symbolizer_mappings(struct symbolizer *s, pid_t pid, bool fresh,
			 void (*visit)(void *arg, const struct symbolizer_mapping *m), void *arg)
{
	struct process *p = process_get(&s->table, pid);

	if (fresh)
		process_refresh(&s->table, p, 0);
	vec_each(m, &p->now)
		if (m->is_exec) {
			struct symbolizer_mapping out = describe(s, p, m);

			visit(arg, &out);
		}
}

bool symbolizer_locate(struct symbolizer *s, pid_t pid, uint64_t addr,
		       struct symbolizer_mapping *out)
{
	struct process *p = process_get(&s->table, pid);
	const struct mapping *m = process_mapping(p, addr);

	if (!m && process_refresh(&s->table, p, RETRY_MS))
		m = process_mapping(p, addr);
	if (!m || !m->is_exec)
		return false;
	*out = describe(s, p, m);
	return true;
}

/* --- kernel addresses -------------------------------------------------------------------------------------------- */

static struct kallsyms *kernel_symbols(struct symbolizer *s)
{
	if (!s->kernel_tried) {
		struct err *e = kallsyms_load(&s->kernel);

		s->kernel_tried = true;
		if (e)
			err_format(e, &s->kernel_error);
		err_free(e);
	}
	return s->kernel;
}

bool symbolizer_kernel(struct symbolizer *s, uint64_t addr, struct symbol_info *out)
{
	struct kallsyms *k = kernel_symbols(s);
	const struct kernel_symbol *sym = k ? kallsyms_at(k, addr) : NULL;

	*out = (struct symbol_info){ 0 };
	if (!sym)
		return false;
	out->found = true;
	out->raw = out->name = kallsyms_name(k, sym);
	out->module = kallsyms_module(k, sym);
	out->offset = addr - sym->addr;
	return true;
}

uint64_t symbolizer_kernel_addr(struct symbolizer *s, struct str name, const char **why)
{
	struct kallsyms *k = kernel_symbols(s);
	const struct kernel_symbol *sym;
	struct str module = STR("");
	struct str rest = name;

	if (str_find_char(name, ':', 0) >= 0) {
		module = str_split(&rest, ':');
		name = rest;
	}
	sym = k ? kallsyms_find(k, name, module) : NULL;
	if (why)
		*why = sym ? NULL : k ? "no such kernel symbol" : strbuf_cstr(&s->kernel_error);
	return sym ? sym->addr : 0;
}
