/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The notes of USDT probes; see usdt.h. Format: SystemTap wiki, "UserSpaceProbeImplementation". The descriptor holds
 * three addresses (location, base, semaphore) and three strings (provider, name, operands).
 *
 * Notes are not relocated, so a tool that moves sections after the link (prelink) leaves them wrong: the address that
 * section .stapsdt.base had at the link stands in each note, and the difference to where it is now corrects the others.
 */
#include "objfile/usdt.h"

#include "base/vec.h"
#include "objfile/elf_private.h"

enum { NT_STAPSDT = 3 };

static bool read_note(struct objfile *f, struct bytes d, const struct objfile_section *base,
		      struct usdt_note *n)
{
	uint64_t old_base;

	*n = (struct usdt_note){ 0 };
	n->addr = bytes_u64(&d);
	old_base = bytes_u64(&d);
	n->semaphore = bytes_u64(&d);
	n->provider = bytes_cstr(&d);
	n->name = bytes_cstr(&d);
	n->args = bytes_cstr(&d);
	if (d.bad || n->provider.n == 0 || n->name.n == 0)
		return false;
	if (base && old_base) {
		n->addr += base->addr - old_base;
		if (n->semaphore)
			n->semaphore += base->addr - old_base;
	}
	if (!objfile_is_exec_vaddr(f, n->addr) ||
	    !objfile_vaddr_to_offset(f, n->addr, &n->file_offset))
		return false;
	return !n->semaphore || objfile_vaddr_to_offset(f, n->semaphore, &n->semaphore_offset);
}

static void read_notes(struct objfile *f, struct usdt_table *t, const struct objfile_section *s,
		       const struct objfile_section *base)
{
	struct elf_note note;
	size_t cap = t->n;
	struct bytes b;
	struct err *e = objfile_section_bytes(f, s, &b);

	if (e) {
		err_format(e, &t->notes);
		strbuf_putc(&t->notes, '\n');
		err_free(e);
		return;
	}
	while (elf_note_next(&b, 4, &note)) {
		struct usdt_note n;

		if (note.type != NT_STAPSDT || !str_is(note.name, "stapsdt"))
			continue;
		if (!read_note(f, note.desc, base, &n)) {
			t->n_bad++;
			continue;
		}
		vec_grow((void **)&t->v, &cap, (size_t)t->n + 1, sizeof(*t->v));
		t->v[t->n++] = n;
	}
	if (b.bad || bytes_left(&b))
		strbuf_printf(&t->notes,
			      "'%s': section '%.*s' is malformed: a note reaches beyond its end\n",
			      f->path, STR_ARG(s->name));
}

struct usdt_table *objfile_usdt(struct objfile *f)
{
	const struct objfile_section *base = objfile_find_section(f, STR(".stapsdt.base"));
	struct usdt_table *t = f->priv->usdt;

	if (t)
		return t;
	t = f->priv->usdt = base_alloc(sizeof(*t));
	for (uint32_t i = 1; i < f->n_sections; i++)
		if (str_is(f->sections[i].name, ".note.stapsdt")) {
			read_notes(f, t, &f->sections[i], base);
			break; /* a second one of that name would be a forgery */
		}
	if (t->n_bad)
		strbuf_printf(
			&t->notes,
			"'%s': %u USDT notes left out: malformed or not in the program's code\n",
			f->path, t->n_bad);
	return t;
}

void usdt_table_free(struct usdt_table *t)
{
	if (!t)
		return;
	strbuf_free(&t->notes);
	free(t->v);
	free(t);
}
