/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What stands behind an IFUNC: its symbol is a resolver, which the dynamic linker calls once and which returns the function
 * that is called from then on. In a live process the answer stands in the tables of addresses that the linker filled:
 * the file's own (R_X86_64_IRELATIVE), else those of the other files that call it by name. Without a process
 * (or before the linker has run) all functions that the resolver can return are taken: its code names them. Only the one
 * that this machine's processes call will be hit, so nothing is counted that did not happen. Nothing is executed here.
 */
#include "probe/places.h"

#include "arch/x86_64/decode.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "objfile/proc.h"

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { MAX_RESOLVER = 65536, MAX_RELOCS = 1 << 20 };

static void add_target(struct objfile *f, struct ifunc_targets *t, uint64_t addr)
{
	const struct objfile_section *s = objfile_section_at(f, addr);

	/* a stub of the linkage table would lead to the function, but it is none */
	if (t->n == IFUNC_MAX || !objfile_is_exec_vaddr(f, addr) ||
	    (s && str_starts(s->name, STR(".plt"))))
		return;
	for (uint32_t i = 0; i < t->n; i++)
		if (t->addr[i] == addr)
			return;
	t->addr[t->n++] = addr;
}

/* ---- a live process ---- */

struct live {
	pid_t pid;
	int mem; /* /proc/PID/mem */
	struct objfile *f;
	uint64_t bias; /* of f in the process */
	const struct symbol *s;
	struct ifunc_targets *ret;
};

static bool is_map_of(const struct proc_map *m, const struct objfile *f)
{
	return m->ino == f->ino && makedev(m->dev_major, m->dev_minor) == f->dev;
}

/* address in the process = address of the file + *bias */
static bool find_bias(const struct proc_maps *maps, const struct objfile *f, uint64_t *bias)
{
	uint64_t vaddr;

	for (uint32_t i = 0; i < maps->n; i++)
		if (is_map_of(&maps->v[i], f) && maps->v[i].exec &&
		    objfile_offset_to_vaddr(f, maps->v[i].offset, &vaddr)) {
			*bias = maps->v[i].start - vaddr;
			return true;
		}
	return false;
}

static void read_slot(struct live *l, uint64_t addr)
{
	uint64_t value;

	if (pread(l->mem, &value, sizeof(value), (off_t)addr) != sizeof(value))
		return;
	/* the resolver itself: not yet resolved */
	if (value - l->bias != l->s->addr)
		add_target(l->f, l->ret, value - l->bias);
}

/* the dynamic symbol that a relocation is about has this name */
static bool is_about(struct objfile *f, const struct objfile_section *rel, uint64_t info,
		     struct str name)
{
	const struct objfile_section *symtab;
	struct bytes syms, names;
	ERR_AUTO e = NULL;
	Elf64_Sym es;

	if (rel->link == 0 || rel->link >= f->n_sections)
		return false;
	symtab = &f->sections[rel->link];
	if (symtab->link == 0 || symtab->link >= f->n_sections)
		return false;
	e = objfile_section_bytes(f, symtab, &syms);
	if (!e)
		e = objfile_section_bytes(f, &f->sections[symtab->link], &names);
	if (e || ELF64_R_SYM(info) >= syms.n / sizeof(es))
		return false;
	memcpy(&es, syms.p + ELF64_R_SYM(info) * sizeof(es), sizeof(es));
	return es.st_name < names.n && names.n - es.st_name > name.n &&
	       !memcmp(names.p + es.st_name, name.p, name.n) && names.p[es.st_name + name.n] == 0;
}

/* slots of one file that hold what the IFUNC was resolved to; bias: of that file */
static void read_slots(struct live *l, struct objfile *f, uint64_t bias)
{
	struct str name = symbol_name(l->s);

	for (uint32_t i = 1; i < f->n_sections && l->ret->n == 0; i++) {
		const struct objfile_section *rel = &f->sections[i];
		ERR_AUTO e = NULL;
		struct bytes b;

		if (rel->type != SHT_RELA || !(rel->flags & SHF_ALLOC))
			continue;
		e = objfile_section_bytes(f, rel, &b);
		if (e)
			continue;
		for (size_t k = 0; k < b.n / sizeof(Elf64_Rela) && k < MAX_RELOCS; k++) {
			Elf64_Rela r;
			uint32_t type;

			memcpy(&r, b.p + k * sizeof(r), sizeof(r));
			type = ELF64_R_TYPE(r.r_info);
			if (type == R_X86_64_IRELATIVE) {
				if (f == l->f && (uint64_t)r.r_addend == l->s->addr)
					read_slot(l, bias + r.r_offset);
			} else if ((type == R_X86_64_JUMP_SLOT || type == R_X86_64_GLOB_DAT ||
				    type == R_X86_64_64) &&
				   is_about(f, rel, r.r_info, name)) {
				read_slot(l, bias + r.r_offset);
			}
		}
	}
}

/* the other files of the process, each once */
static void read_others(struct live *l, struct probe_ctx *c, const struct proc_maps *maps)
{
	for (uint32_t i = 0; i < maps->n && l->ret->n == 0; i++) {
		const struct proc_map *m = &maps->v[i];
		FREE_AUTO char *path = NULL;
		ERR_AUTO e = NULL;
		struct objfile *f;
		uint64_t bias;

		if (!m->exec || !m->ino || is_map_of(m, l->f))
			continue;
		path = proc_root_path(l->pid, m->path);
		if (!path)
			continue;
		e = objfile_cache_get(probe_ctx_files(c), path, &f);
		if (!e && find_bias(maps, f, &bias))
			read_slots(l, f, bias);
	}
}

static void ask_process(struct probe_ctx *c, struct objfile *f, const struct symbol *s, pid_t pid,
			struct ifunc_targets *ret)
{
	struct live l = { .pid = pid, .f = f, .s = s, .ret = ret };
	struct proc_maps maps = { 0 };
	FD_AUTO mem = -1;
	ERR_AUTO e = NULL;
	char path[32];

	e = proc_maps_read(pid, &maps);
	if (e)
		return;
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	mem = open(path, O_RDONLY | O_CLOEXEC);
	l.mem = mem;
	if (mem >= 0 && find_bias(&maps, f, &l.bias)) {
		read_slots(&l, f, l.bias);
		if (ret->n == 0)
			read_others(&l, c, &maps);
		if (ret->n)
			ret->pid = pid;
	}
	proc_maps_free(&maps);
}

/* ---- the resolver's code ---- */

static bool is_function(struct objfile *f, uint64_t addr)
{
	struct symtab *t = objfile_symtab(f);
	uint32_t first, n = symtab_starting_at(t, addr, &first);

	for (uint32_t i = 0; i < n; i++)
		if (symbol_is_func(&t->v[symtab_sorted(t, first + i)]))
			return true;
	return false;
}

/* functions whose addresses the code loads: lea of places in code, and plain numbers where code lies at fixed addresses */
static void ask_code(struct objfile *f, const struct symbol *s, struct ifunc_targets *ret)
{
	bool has_fixed = f->kind == OBJFILE_EXEC;
	CODE_AUTO code = { 0 };
	uint8_t *bytes;

	if (s->size == 0 || s->size > MAX_RESOLVER)
		return;
	bytes = base_alloc(s->size);
	if (objfile_read_vaddr(f, s->addr, bytes, s->size))
		code_decode(bytes, s->size, s->addr, &code);
	for (uint32_t i = 0; i < code.n; i++) {
		const struct code_insn *in = &code.insn[i];
		bool is_lea = in->flags & CODE_RIP_RELATIVE &&
			      !(in->flags & (CODE_MEM_READ | CODE_MEM_WRITE)) &&
			      in->kind == CODE_OTHER;

		if (is_lea && in->target - s->addr >= s->size)
			add_target(f, ret, in->target);
		else if (has_fixed && in->kind == CODE_OTHER && in->imm &&
			 is_function(f, (uint64_t)in->imm))
			add_target(f, ret, (uint64_t)in->imm);
	}
	free(bytes);
}

void ifunc_resolve(struct probe_ctx *c, struct objfile *f, const struct symbol *s,
		   struct ifunc_targets *ret)
{
	*ret = (struct ifunc_targets){ 0 };
	for (uint32_t i = 0; i < c->n_pids && ret->n == 0; i++)
		ask_process(c, f, s, c->pids[i], ret);
	if (ret->n == 0)
		ask_code(f, s, ret);
}
