/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A script checked against a made-up world, for the unit tests of sema: probes by provider name
 * with plausible shapes, a few kernel symbols, the types of the script's own C text. Include it
 * behind the headers of the test and before tap.h.
 */
#ifndef SONDE_TESTS_UNIT_SEMA_FIXTURE_H
#define SONDE_TESTS_UNIT_SEMA_FIXTURE_H

#include "base/err.h"
#include "lang/cdecl.h"
#include "lang/cpp.h"
#include "lang/parse.h"
#include "sema/sema.h"

#include <stdio.h>
#include <stdlib.h>

struct fixture {
	struct arena arena;
	struct type_table types;
	struct sources sources;
	struct diag_list diags;
	struct type_source *ctypes;
	struct cpp *cpp;
	struct unit *unit;
	struct strbuf text; /* all messages as printed */
};

static struct arena *fixture_arena;
static struct type_table *fixture_types;

static struct str fixture_point_name(const struct attach_point *ap, uint32_t i)
{
	return arena_printf(fixture_arena, "%.*s%s", STR_ARG(ap->text), i ? "_second" : "");
}

/* tracepoint: { int32 a; uint64 ptr; char *filename; char comm[16] } */
static const struct type *fixture_tracepoint_args(void)
{
	const struct type *elems[4] = {
		type_int(4, true),
		type_int(8, false),
		type_pointer(fixture_types, type_int(1, true), SPACE_NONE),
		type_array(fixture_types, type_int(1, true), 16),
	};
	struct str names[4] = { STR("a"), STR("ptr"), STR("filename"), STR("comm") };

	return type_tuple(fixture_types, elems, names, 4);
}

static struct usdt_operand *fixture_operands(void)
{
	struct usdt_operand *o = arena_array(fixture_arena, struct usdt_operand, 3);

	o[0] = (struct usdt_operand){ .kind = USDT_ARG_REG, .size = 8 };
	o[1] = (struct usdt_operand){ .kind = USDT_ARG_CONST, .size = 4, .value = 7 };
	o[2] = (struct usdt_operand){ .kind = USDT_ARG_FLOAT, .size = 8, .text = STR("8f@%xmm0") };
	return o;
}

static void fixture_fill(struct probe_shape *s)
{
	switch (s->kind) {
	case PROBE_UPROBE:
	case PROBE_KPROBE:
	case PROBE_URETPROBE:
	case PROBE_KRETPROBE:
		s->args_form = ARGS_REGS;
		s->n_argn = 6;
		s->is_return = s->kind == PROBE_URETPROBE || s->kind == PROBE_KRETPROBE;
		break;
	case PROBE_USDT:
		s->args_form = ARGS_USDT;
		s->n_argn = 3;
		s->operands = fixture_operands();
		break;
	case PROBE_TRACEPOINT:
		s->args_form = ARGS_TRACEPOINT;
		s->args = fixture_tracepoint_args();
		break;
	case PROBE_FENTRY:
	case PROBE_FEXIT:
	case PROBE_RAWTRACEPOINT:
		s->args_form = ARGS_U64_ARRAY;
		s->n_argn = 2;
		s->args = fixture_tracepoint_args();
		s->is_return = s->kind == PROBE_FEXIT;
		s->retval = s->is_return ? type_int(4, true) : NULL;
		break;
	default: break;
	}
}

static struct probe_shape *fixture_match(void *arg, const struct attach_point *ap,
					 struct diag_list *diags)
{
	static const struct {
		const char *name, *alias;
		bool is_user;
	} providers[] = {
#define PROVIDER(kind, name, alias, is_user, ...) { name, alias, is_user },
#include "probe/providers.def"
#undef PROVIDER
	};
	struct probe_shape *s;

	(void)arg;
	/* nothing there, and nothing to say about it */
	if (ap->n_parts > 1 && str_is(ap->parts[1], "missing"))
		return NULL;
	for (unsigned i = 0; i < PROBE_N_KINDS; i++) {
		if (!str_eq_nocase(ap->parts[0], str_from(providers[i].name)) &&
		    !str_is(ap->parts[0], providers[i].alias))
			continue;
		s = arena_new(fixture_arena, struct probe_shape);
		s->kind = (enum probe_kind)i;
		s->at = ap->at;
		s->is_user = providers[i].is_user;
		s->n_points = ap->n_parts > 1 && str_has_glob(ap->parts[ap->n_parts - 1]) ? 2 : 1;
		s->points = arena_array(fixture_arena, struct probe_point, s->n_points);
		for (uint32_t k = 0; k < s->n_points; k++) {
			s->points[k].name = fixture_point_name(ap, k);
			s->points[k].symbol = ap->n_parts > 1 ? ap->parts[ap->n_parts - 1]
							      : STR_NULL;
			s->points[k].cookie = k;
		}
		fixture_fill(s);
		return s;
	}
	diag_error(diags, D_PARSE_ATTACH_POINT, ap->at, "no such probe");
	return NULL;
}

static bool fixture_kernel_symbol(void *arg, struct str name, uint64_t *addr)
{
	(void)arg;
	*addr = 0xffffffff81000000;
	return str_is(name, "avenrun") || str_is(name, "process_counts");
}

static bool fixture_user_symbol(void *arg, const struct probe_point *p, struct str name,
				struct call_uaddr *out)
{
	(void)arg;
	(void)p;
	*out = (struct call_uaddr){ .address = 0x1000, .size = 4 };
	return str_is(name, "counter");
}

static bool fixture_cgroup_id(void *arg, struct str path, uint64_t *id)
{
	(void)arg;
	*id = 42;
	return str_is(path, "/sys/fs/cgroup/x");
}

static struct err *fixture_read_file(void *arg, struct str path, struct span from, struct str *text)
{
	(void)arg;
	(void)from;
	if (str_is(path, "lib.bt")) {
		*text = STR("macro twice(x) { x * 2 }\nfn three() : int64 { return 3; }\n");
		return NULL;
	}
	return err_new(2, "open '%.*s'", STR_ARG(path));
}

static bool fixture_has_feature(void *arg, const char *name)
{
	(void)arg;
	return !strcmp(name, "kfunc:bpf_there");
}

static const struct sema_world fixture_world = {
	.match = fixture_match,
	.kernel_symbol = fixture_kernel_symbol,
	.user_symbol = fixture_user_symbol,
	.cgroup_id = fixture_cgroup_id,
	.read_file = fixture_read_file,
	.n_cpus = 4,
	.has_feature = fixture_has_feature,
};

static const struct str fixture_params[] = { STR_INIT("42"), STR_INIT("hello") };
static const struct str fixture_named[] = { STR_INIT("aa=20"), STR_INIT("bb"), STR_INIT("cc=bye") };

/* script: options_used says that it asks for aa, bb, cc */
static void fixture_check_in(struct fixture *f, const char *script, const struct sema_world *world)
{
	struct parse_opts po;
	struct sema_opts so;
	struct script *parsed;
	uint16_t file;

	memset(f, 0, sizeof(*f));
	arena_init(&f->arena);
	fixture_arena = &f->arena;
	fixture_types = &f->types;
	type_table_init(&f->types, &f->arena);
	diag_list_init(&f->diags, &f->arena);
	f->cpp = cpp_new(&(struct cpp_opts){
		.arena = &f->arena, .sources = &f->sources, .diags = &f->diags });
	file = sources_add(&f->sources, STR("stdin"), str_from(script));
	po = (struct parse_opts){ .arena = &f->arena,
				  .sources = &f->sources,
				  .diags = &f->diags,
				  .positional = fixture_params,
				  .n_positional = 2,
				  .cpp = f->cpp };
	parsed = script_parse(&po, file);
	f->ctypes = cdecl_new(&(struct cdecl_opts){ .table = &f->types, .diags = &f->diags });
	cdecl_parse(f->ctypes, f->cpp);
	if (!f->diags.n_errors) {
		sema_import(parsed, &po, world);
		so = (struct sema_opts){ .arena = &f->arena,
					 .types = &f->types,
					 .source = f->ctypes,
					 .sources = &f->sources,
					 .diags = &f->diags,
					 .world = world,
					 .positional = fixture_params,
					 .n_positional = 2,
					 .named = strstr(script, "getopt") ? fixture_named : NULL,
					 .n_named = strstr(script, "getopt") ? 3 : 0,
					 .is_unsafe = strncmp(script, "/*safe*/", 8) != 0 };
		f->unit = sema_check(parsed, &so);
	}
	diag_render(&f->diags, &f->sources, false, &f->text);
}

__attribute__((unused)) static void fixture_check(struct fixture *f, const char *script)
{
	fixture_check_in(f, script, &fixture_world);
}

static void fixture_free(struct fixture *f)
{
	cdecl_free(f->ctypes);
	cpp_free(f->cpp);
	type_table_free(&f->types);
	sources_free(&f->sources);
	strbuf_free(&f->text);
	arena_free(&f->arena);
}

/*
 * the type of "$x" (first instance that has it), "@x" (value) or "@x[]" (key); "" when there is
 * none
 */
__attribute__((unused)) static const char *fixture_type(struct fixture *f, const char *what)
{
	struct unit *u = f->unit;
	const struct type *t = NULL;
	size_t n = strlen(what);
	bool is_key = n > 2 && !strcmp(what + n - 2, "[]");

	if (!u)
		return "";
	for (uint32_t i = 0; what[0] == '$' && i < u->n_insts + u->n_fns && !t; i++) {
		struct variable **vars = i < u->n_insts ? u->insts[i]->vars
							: u->fns[i - u->n_insts]->vars;
		uint32_t n_vars = i < u->n_insts ? u->insts[i]->n_vars
						 : u->fns[i - u->n_insts]->n_vars;

		for (uint32_t k = 0; k < n_vars && !t; k++) {
			if (str_is(vars[k]->name, what + 1))
				t = vars[k]->type;
		}
	}
	for (uint32_t i = 0; what[0] == '@' && i < u->n_maps && !t; i++) {
		if (str_eq(u->maps[i]->name, str_make(what, is_key ? n - 2 : n)))
			t = is_key ? u->maps[i]->key_type : u->maps[i]->value_type;
	}
	return t ? type_spelling(&f->arena, t).p : "";
}

#endif
