/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Joins the symbolizer to the output; see symbols.h. */
#include "session/symbols.h"

#include "base/cleanup.h"
#include "objfile/debuginfo.h"
#include "objfile/proc.h"

static void take(const struct symbol_info *s, struct output_symbol *out)
{
	*out = (struct output_symbol){ .name = s->name, .offset = s->offset, .module = s->module };
}

/* what the processes did up to now, once for all addresses of an event */
static void catch_up(struct symbols *of)
{
	if (!of->is_fresh)
		procwatch_catch_up(of->watch);
	of->is_fresh = true;
}

static bool kernel(void *arg, uint64_t addr, struct output_symbol *out)
{
	struct symbols *of = arg;
	struct symbol_info s;

	if (!symbolizer_kernel(of->symbolizer, addr, &s) || !s.found)
		return false;
	take(&s, out);
	return true;
}

static bool user(void *arg, uint32_t pid, uint64_t addr, struct output_symbol *out)
{
	struct symbols *of = arg;
	struct symbol_info s;

	catch_up(of);
	if (!symbolizer_user(of->symbolizer, (pid_t)pid, addr, &s))
		return false;
	/* also when the object has no name for it: the object is told */
	take(&s, out);
	return true;
}

static const struct output_line *lines(void *arg, uint32_t pid, uint64_t addr, bool before,
				       size_t *n)
{
	struct symbols *of = arg;
	struct symbol_info s;

	if (!of->lines)
		return NULL;
	catch_up(of);
	if (!symbolizer_user(of->symbolizer, (pid_t)pid, addr, &s) || !s.file)
		return NULL;
	return source_lines_at(of->lines, s.file, s.file_addr - before, n);
}

static size_t build_id(void *arg, uint32_t pid, uint64_t addr, uint8_t id[64],
		       uint64_t *file_offset)
{
	struct symbols *of = arg;
	struct symbol_info s;
	size_t n;

	catch_up(of);
	symbolizer_user(of->symbolizer, (pid_t)pid, addr, &s);
	n = s.file ? s.file->build_id.n : 0;
	if (!n || n > 64 || !objfile_vaddr_to_offset(s.file, s.file_addr, file_offset))
		return 0;
	memcpy(id, s.file->build_id.p, n);
	return n;
}

static void note_process(void *arg, uint32_t pid)
{
	struct symbols *of = arg;

	catch_up(of);
	symbolizer_note_process(of->symbolizer, (pid_t)pid);
	unwinder_note(of->unwinder, (pid_t)pid);
}

static void snapshot(void *arg, const struct image_stack_snapshot *s, const void *bytes, size_t n)
{
	struct symbols *of = arg;

	catch_up(of);
	unwinder_snapshot(of->unwinder, s, bytes, n);
}

static uint32_t unwound(void *arg, uint64_t *hash, uint64_t *frames, uint32_t max)
{
	struct symbols *of = arg;

	return unwinder_frames(of->unwinder, hash, frames, max);
}

static bool go_type(void *arg, uint64_t addr, struct strbuf *name, uint8_t *kind)
{
	struct symbols *of = arg;

	return of->go_types && go_types_find(of->go_types, addr, name, kind);
}

/* Rust's tables of methods have no symbols, debug information knows them */
static bool rust_type(const struct symbol_info *s, struct strbuf *name)
{
	struct arena scratch = { 0 };
	struct debuginfo *info = NULL;
	struct str type = STR_NULL;
	ERR_AUTO e = NULL;

	if (!s->in_file || !s->file)
		return false;
	e = objfile_debuginfo(s->file, &info);
	if (!e && info)
		e = debuginfo_vtable(info, s->file_addr, &scratch, &type);
	strbuf_add_str(name, type);
	arena_free(&scratch);
	return type.n > 0;
}

/* Go's type words are known by the file's tables, C++'s tables of virtual functions by their symbols */
static bool type_name(void *arg, uint32_t pid, uint64_t addr, struct strbuf *name)
{
	static const char vtable[] = "vtable for ";
	struct symbols *of = arg;
	struct symbol_info s;
	uint8_t kind;

	if (go_type(arg, addr, name, &kind))
		return true;
	catch_up(of);
	if (!symbolizer_user(of->symbolizer, (pid_t)pid, addr, &s))
		return false;
	if (!s.found || !str_starts(s.name, str_from(vtable)))
		return rust_type(&s, name);
	strbuf_add_str(name, str_sub(s.name, sizeof(vtable) - 1, s.name.n));
	return true;
}

void symbols_init(struct output_symbols *out, struct symbols *s)
{
	*out = (struct output_symbols){ .arg = s,
					.kernel = kernel,
					.user = user,
					.build_id = build_id,
					.lines = lines,
					.snapshot = snapshot,
					.unwound = unwound,
					.go_type = go_type,
					.type_name = type_name,
					.note_process = note_process };
}
