/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Questions about functions and lines, the tracer's end: see debuginfo.h. Answers come from a process that has read hostile
 * bytes; each count is checked against what is left of the answer before anything is allocated.
 */
#include "objfile/dwarf_private.h"

enum {
	MIN_FUNC = 8 + 4 * 4 + 4 + 5 + 4, /* bytes on the wire, all strings empty */
	MIN_INSTANCE = 8 + 2 + 4 + 4,
	MIN_ROW = 8 + 4 + 4 + 4 + 2,
	MIN_FRAME = 4 * 4 + 1,
	/* bytes of answers about functions that are kept: of one, of all */
	KEPT_MOST = 1 << 20,
	KEPT_IN_ALL = 16 << 20,
};

static bool get_instance(struct wire_in *in, struct arena *a, struct di_instance *i)
{
	uint64_t *entries;
	struct di_range *ranges;

	i->id = wire_get_u64(in);
	i->is_inlined = wire_get_u8(in);
	i->is_approximate = wire_get_u8(in);
	i->n_entries = wire_get_count(in, 8);
	i->entries = entries = arena_array(a, uint64_t, i->n_entries);
	for (uint32_t k = 0; k < i->n_entries; k++)
		entries[k] = wire_get_u64(in);
	i->n_ranges = wire_get_count(in, 16);
	i->ranges = ranges = arena_array(a, struct di_range, i->n_ranges);
	for (uint32_t k = 0; k < i->n_ranges; k++) {
		ranges[k].start = wire_get_u64(in);
		ranges[k].end = wire_get_u64(in);
	}
	if (i->is_inlined) {
		i->caller = wire_get_str_copy(in, a);
		i->call_file = wire_get_str_copy(in, a);
		i->call_line = wire_get_u32(in);
		i->call_column = wire_get_u32(in);
		i->outer_entry = wire_get_u64(in);
	} else {
		i->outer_entry = i->n_entries ? i->entries[0] : 0;
	}
	return !in->b.bad && i->n_entries && i->n_ranges;
}

static bool get_func(struct wire_in *in, struct arena *a, struct di_func *f)
{
	struct di_instance *instances;
	uint8_t lang;

	f->id = wire_get_u64(in);
	f->name = wire_get_str_copy(in, a);
	f->plain = wire_get_str_copy(in, a);
	f->linkage = wire_get_str_copy(in, a);
	f->file = wire_get_str_copy(in, a);
	f->line = wire_get_u32(in);
	lang = wire_get_u8(in);
	f->lang = lang <= LANG_GO ? (enum type_lang)lang : LANG_NONE;
	f->is_nocall = wire_get_u8(in);
	f->is_noreturn = wire_get_u8(in);
	f->is_external = wire_get_u8(in);
	f->is_declared_inline = wire_get_u8(in);
	f->n_instances = wire_get_count(in, MIN_INSTANCE);
	f->instances = instances = arena_array(a, struct di_instance, f->n_instances);
	for (uint32_t i = 0; i < f->n_instances; i++)
		if (!get_instance(in, a, &instances[i]))
			in->b.bad = true;
	return !in->b.bad;
}

bool debuginfo_read_funcs(struct wire_in *in, struct arena *a, struct di_func **ret, uint32_t *n)
{
	*n = wire_get_count(in, MIN_FUNC);
	*ret = arena_array(a, struct di_func, *n);
	for (uint32_t i = 0; i < *n && get_func(in, a, &(*ret)[i]); i++)
		;
	return !in->b.bad;
}

/* the functions of an answer */
static struct err *get_funcs(struct debuginfo *d, struct wire_in *in, struct arena *a,
			     struct di_func **ret, uint32_t *n)
{
	debuginfo_read_funcs(in, a, ret, n);
	return debuginfo_check(d, in);
}

/* of the same question before: an entry and a return of one function ask the same */
static ERR_MUST struct err *ask_functions(struct debuginfo *d, const struct wire_out *question,
					  struct wire_in *answer)
{
	struct str key = strbuf_str(&question->b), *known = hashmap_get(&d->functions, key), got;

	if (known) {
		*answer = wire_in_make(known->p, known->n);
		return NULL;
	}
	TRY(debuginfo_ask(d, DWARF_FUNCTIONS, question, answer));
	got = str_make((const char *)answer->b.p, answer->b.n);
	if (got.n > KEPT_MOST || d->n_kept + got.n > KEPT_IN_ALL)
		return NULL;
	d->n_kept += got.n;
	known = arena_new(&d->kept, struct str);
	*known = arena_str(&d->kept, got);
	hashmap_put(&d->functions, arena_str(&d->kept, key), known);
	return NULL;
}

struct err *debuginfo_functions(struct debuginfo *d, struct str pattern, struct str file,
				struct arena *a, bool (*visit)(void *arg, const struct di_func *f),
				void *arg)
{
	WIRE_OUT_AUTO question = { 0 };
	struct di_func *funcs;
	struct wire_in answer;
	uint32_t n;

	wire_put_str(&question, pattern);
	wire_put_str(&question, file);
	TRY(ask_functions(d, &question, &answer));
	TRY(get_funcs(d, &answer, a, &funcs, &n));
	for (uint32_t i = 0; i < n && visit(arg, &funcs[i]); i++)
		;
	return NULL;
}

struct err *debuginfo_function_at(struct debuginfo *d, uint64_t addr, struct arena *a,
				  struct di_func *out, bool *found)
{
	WIRE_OUT_AUTO question = { 0 };
	struct di_func *funcs;
	struct wire_in answer;
	uint32_t n;

	wire_put_u64(&question, addr);
	TRY(debuginfo_ask(d, DWARF_FUNCTION_AT, &question, &answer));
	TRY(get_funcs(d, &answer, a, &funcs, &n));
	*found = n > 0;
	if (n)
		*out = funcs[0];
	return NULL;
}

/* ---- lines ---- */

static struct err *get_rows(struct debuginfo *d, struct wire_in *in, struct arena *a,
			    const struct di_line **ret, uint32_t *n)
{
	struct di_line *rows;

	*n = wire_get_count(in, MIN_ROW);
	*ret = rows = arena_array(a, struct di_line, *n);
	for (uint32_t i = 0; i < *n; i++) {
		rows[i].addr = wire_get_u64(in);
		/* rows of one file follow each other: one copy of its name serves them */
		rows[i].file = wire_get_str(in);
		if (i && str_eq(rows[i].file, rows[i - 1].file))
			rows[i].file = rows[i - 1].file;
		else
			rows[i].file = arena_str(a, rows[i].file);
		rows[i].line = wire_get_u32(in);
		rows[i].column = wire_get_u32(in);
		rows[i].is_stmt = wire_get_u8(in);
		rows[i].is_prologue_end = wire_get_u8(in);
	}
	return debuginfo_check(d, in);
}

struct err *debuginfo_lines(struct debuginfo *d, struct str file, uint32_t line, uint32_t column,
			    struct arena *a, const struct di_line **rows, uint32_t *n,
			    uint32_t *nearest)
{
	WIRE_OUT_AUTO question = { 0 };
	struct wire_in answer;

	wire_put_str(&question, file);
	wire_put_u32(&question, line);
	wire_put_u32(&question, column);
	TRY(debuginfo_ask(d, DWARF_LINES, &question, &answer));
	*nearest = wire_get_u32(&answer);
	return get_rows(d, &answer, a, rows, n);
}

struct err *debuginfo_rows(struct debuginfo *d, uint64_t start, uint64_t end, struct arena *a,
			   const struct di_line **rows, uint32_t *n)
{
	WIRE_OUT_AUTO question = { 0 };
	struct wire_in answer;

	wire_put_u64(&question, start);
	wire_put_u64(&question, end);
	TRY(debuginfo_ask(d, DWARF_ROWS, &question, &answer));
	return get_rows(d, &answer, a, rows, n);
}

struct err *debuginfo_frames(struct debuginfo *d, uint64_t addr, struct arena *a,
			     const struct di_frame **frames, uint32_t *n)
{
	WIRE_OUT_AUTO question = { 0 };
	struct di_frame *v;
	struct wire_in answer;

	wire_put_u64(&question, addr);
	TRY(debuginfo_ask(d, DWARF_FRAMES, &question, &answer));
	*n = wire_get_count(&answer, MIN_FRAME);
	*frames = v = arena_array(a, struct di_frame, *n);
	for (uint32_t i = 0; i < *n; i++) {
		v[i].func = wire_get_str_copy(&answer, a);
		v[i].file = wire_get_str_copy(&answer, a);
		v[i].line = wire_get_u32(&answer);
		v[i].column = wire_get_u32(&answer);
		v[i].is_inlined = wire_get_u8(&answer);
	}
	return debuginfo_check(d, &answer);
}
