/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Types as they are written in messages and by typeinfo(): the words that bpftrace uses, because scripts compare
 * against them ("uint64", "string[64]", "(int8,string[3])", "record { .a = int8 }", "kstack_raw_127").
 */
#include "types/type.h"

/* types nest as deep as the script wrote them; this only stops a malformed graph */
#define MAX_SPELL_DEPTH 64

static const char *const simple_names[TYPE_N_KINDS] = {
	[TYPE_NONE] = "none",           [TYPE_VOID] = "void",
	[TYPE_BOOL] = "bool",           [TYPE_KSYM] = "ksym_t",
	[TYPE_USYM] = "usym_t",         [TYPE_MACADDR] = "mac_address",
	[TYPE_TIMESTAMP] = "timestamp", [TYPE_CGROUP_PATH] = "cgroup_path_t",
	[TYPE_TYPENAME] = "typename_t", [TYPE_USERNAME] = "username_t", [TYPE_COUNT] = "count_t",
	[TYPE_SUM] = "sum_t",           [TYPE_AVG] = "avg_t",
	[TYPE_MIN] = "min_t",           [TYPE_MAX] = "max_t",
	[TYPE_STATS] = "stats_t",       [TYPE_HIST] = "hist_t",
	[TYPE_LHIST] = "lhist_t",       [TYPE_TSERIES] = "tseries_t",
	[TYPE_WIDE_INT] = "int128",     [TYPE_BLOB] = "blob_t",
};

static const char *const stack_mode_names[] = {
	[STACK_MODE_BPFTRACE] = "bpftrace",
	[STACK_MODE_PERF] = "perf",
	[STACK_MODE_RAW] = "raw",
	[STACK_MODE_BUILD_ID] = "build_id",
};

static void spell(const struct type *t, struct strbuf *out, unsigned depth);

static void spell_fields(const struct type *t, struct strbuf *out, unsigned depth)
{
	for (uint32_t i = 0; i < t->n_fields; i++) {
		if (i)
			strbuf_putc(out, ',');
		spell(t->fields[i].type, out, depth);
	}
}

static void spell_struct(const struct type *t, struct strbuf *out, unsigned depth)
{
	/* other languages have no tags apart from names */
	if (t->lang > LANG_C && t->name.n) {
		strbuf_add_str(out, t->name);
		return;
	}
	strbuf_puts(out, t->is_union ? "union" : "struct");
	strbuf_putc(out, ' ');
	if (t->name.n) {
		strbuf_add_str(out, t->name);
		return;
	}
	/* nothing but its fields tells an anonymous struct from another */
	strbuf_putc(out, '{');
	if (type_complete(t))
		spell_fields(t, out, depth);
	strbuf_putc(out, '}');
}

static void spell_record(const struct type *t, struct strbuf *out, unsigned depth)
{
	strbuf_puts(out, "record { ");
	for (uint32_t i = 0; i < t->n_fields; i++) {
		if (i)
			strbuf_puts(out, ", ");
		strbuf_printf(out, ".%.*s = ", STR_ARG(t->fields[i].name));
		spell(t->fields[i].type, out, depth);
	}
	strbuf_puts(out, " }");
}

static void spell_function(const struct type *t, const char *pointer, struct strbuf *out,
			   unsigned depth)
{
	spell(t->elem ? t->elem : type_void(), out, depth);
	strbuf_printf(out, " %s(", pointer);
	spell_fields(t, out, depth);
	strbuf_putc(out, ')');
}

static void spell(const struct type *t, struct strbuf *out, unsigned depth)
{
	if (depth > MAX_SPELL_DEPTH) {
		strbuf_puts(out, "...");
		return;
	}
	depth++;
	switch (t->kind) {
	case TYPE_INT: strbuf_printf(out, "%sint%u", t->is_signed ? "" : "u", t->size * 8); break;
	case TYPE_ENUM:
		strbuf_printf(out, t->name.n ? "enum %.*s" : "enum%.*s", STR_ARG(t->name));
		break;
	case TYPE_FLOAT: strbuf_printf(out, "float%u", t->size * 8); break;
	case TYPE_CAPTURE: spell(t->elem, out, depth); break;
	case TYPE_POINTER:
		if (t->name.n) {
			strbuf_add_str(out, t->name);
			break;
		}
		if (t->elem->kind == TYPE_FUNCTION) {
			spell_function(t->elem, "(*)", out, depth);
			break;
		}
		spell(t->elem, out, depth);
		strbuf_puts(out, " *");
		break;
	case TYPE_STRUCT: spell_struct(t, out, depth); break;
	case TYPE_ARRAY:
		spell(t->elem, out, depth);
		if (t->is_flex)
			strbuf_puts(out, "[]");
		else
			strbuf_printf(out, "[%u]", t->count);
		break;
	case TYPE_FUNCTION: spell_function(t, "", out, depth); break;
	case TYPE_STRING: strbuf_printf(out, "string[%u]", t->count); break;
	case TYPE_BUFFER: /* the length word in front is counted */
		strbuf_printf(out, "buffer[%u]", t->count + 4);
		break;
	case TYPE_INET: strbuf_printf(out, "inet[%u]", t->size); break;
	case TYPE_TUPLE:
		strbuf_putc(out, '(');
		spell_fields(t, out, depth);
		strbuf_putc(out, ')');
		break;
	case TYPE_RECORD: spell_record(t, out, depth); break;
	case TYPE_KSTACK:
	case TYPE_USTACK:
		strbuf_printf(out, "%cstack_%s_%u", t->kind == TYPE_KSTACK ? 'k' : 'u',
			      stack_mode_names[t->stack_mode], t->count);
		break;
	case TYPE_SUM:
	case TYPE_AVG:
	case TYPE_MIN:
	case TYPE_MAX:
	case TYPE_STATS:
		if (!t->is_signed)
			strbuf_putc(out, 'u');
		strbuf_puts(out, simple_names[t->kind]);
		break;
	default:
		strbuf_puts(out, t->kind < TYPE_N_KINDS && simple_names[t->kind]
					 ? simple_names[t->kind]
					 : "none");
		break;
	}
}

void type_spell(const struct type *t, struct strbuf *out)
{
	spell(t, out, 0);
}

struct str type_spelling(struct arena *a, const struct type *t)
{
	STRBUF_AUTO b = { 0 };

	type_spell(t, &b);
	return arena_str(a, strbuf_str(&b));
}
