/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzer of the whole compiler, text to eBPF, in a made-up world: every attach point matches something of its kind, no
 * file or kernel type is looked up. Any bytes end in messages or in programs that pass the IR's own checks; programs that
 * the two register allocators make must both come to an end.
 */
#include "ebpf/codegen.h"
#include "ir/build.h"
#include "lang/cpp.h"
#include "lang/parse.h"
#include "sema/sema.h"
#include "types/btf_source.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz {
	struct arena arena;
	struct sources sources;
	struct diag_list diags;
	struct type_table types;
	struct type_chain chain;
	struct cpp *cpp;
	struct sema_world world;
};

/* ---- the world ---- */

static enum probe_kind kind_of(struct str word)
{
	static const struct {
		const char *name, *alias;
	} names[] = {
#define PROVIDER(kind, name, alias, ...) { name, alias },
#include "probe/providers.def"
#undef PROVIDER
	};

	for (int i = 0; i < PROBE_N_KINDS; i++)
		if (str_eq_nocase(word, str_from(names[i].name)) || str_is(word, names[i].alias))
			return (enum probe_kind)i;
	return PROBE_N_KINDS;
}

static enum args_form form_of(enum probe_kind kind)
{
	switch (kind) {
	case PROBE_UPROBE:
	case PROBE_URETPROBE:
	case PROBE_KPROBE:
	case PROBE_KRETPROBE: return ARGS_REGS;
	case PROBE_USDT: return ARGS_USDT;
	case PROBE_RAWTRACEPOINT:
	case PROBE_FENTRY:
	case PROBE_FEXIT: return ARGS_U64_ARRAY;
	default: return ARGS_NONE;
	}
}

/* one operand of each readable kind */
static struct usdt_operand *some_operands(struct arena *a)
{
	struct usdt_operand *op = arena_array(a, struct usdt_operand, 3);

	op[0] = (struct usdt_operand){
		.kind = USDT_ARG_CONST, .size = 4, .is_signed = true, .value = -7
	};
	op[1] = (struct usdt_operand){ .kind = USDT_ARG_REG, .size = 8, .reg_offset = 80 };
	op[2] = (struct usdt_operand){
		.kind = USDT_ARG_MEM, .size = 2, .has_base = true, .reg_offset = 152, .value = -44
	};
	return op;
}

static struct probe_shape *match(void *arg, const struct attach_point *ap, struct diag_list *diags)
{
	struct fuzz *f = arg;
	enum probe_kind kind = kind_of(ap->parts[0]);
	struct probe_shape *s;

	if (kind == PROBE_N_KINDS) {
		diag_error(diags, D_PROBE_SYNTAX, ap->at, "no such probe type");
		return NULL;
	}
	s = arena_new(&f->arena, struct probe_shape);
	s->kind = kind;
	s->at = ap->at;
	s->args_form = form_of(kind);
	s->is_user = kind == PROBE_UPROBE || kind == PROBE_URETPROBE || kind == PROBE_USDT;
	s->is_return = kind == PROBE_URETPROBE || kind == PROBE_KRETPROBE || kind == PROBE_FEXIT;
	s->n_points = str_has_glob(ap->text) ? 2 : 1;
	s->points = arena_array(&f->arena, struct probe_point, s->n_points);
	for (uint32_t i = 0; i < s->n_points; i++)
		s->points[i] = (struct probe_point){ .name = ap->text,
						     .path = STR("/bin/app"),
						     .symbol = STR("main"),
						     .pid = -1,
						     .cookie = i };
	if (s->args_form == ARGS_USDT) {
		s->n_argn = 3;
		s->operands = some_operands(&f->arena);
	} else if (s->args_form == ARGS_U64_ARRAY) {
		s->n_argn = 6;
	}
	return s;
}

static bool no_kernel_symbol(void *arg, struct str name, uint64_t *addr)
{
	*addr = 0xffffffff81000000;
	return name.n > 3;
}

static bool no_cgroup(void *arg, struct str path, uint64_t *id)
{
	*id = 1;
	return path.n > 1;
}

static bool no_user_symbol(void *arg, const struct probe_point *p, struct str name,
			   struct call_uaddr *out)
{
	*out = (struct call_uaddr){
		.address = 0x4000, .size = 8, .is_pie = true
	};
	return name.n > 1;
}

static struct err *no_file(void *arg, struct str path, struct span from, struct str *text)
{
	return err_new(2, "open '%.*s'", STR_ARG(path));
}

static bool no_header(void *arg, struct arena *arena, struct str path, struct str *text)
{
	return false;
}

static bool every_feature(void *arg, const char *name)
{
	return true;
}

/* ---- the passes, as src/session/compile.c runs them ---- */

static struct unit *front(struct fuzz *f, const uint8_t *data, size_t size)
{
	struct cpp_opts co = { .arena = &f->arena,
			       .sources = &f->sources,
			       .diags = &f->diags,
			       .have_btf = true,
			       .read_file = no_header };
	static const struct str given[] = { STR_INIT("42"), STR_INIT("word") };
	struct parse_opts po = { .arena = &f->arena,
				 .sources = &f->sources,
				 .diags = &f->diags,
				 .positional = given,
				 .n_positional = 2 };
	struct sema_opts so = { .arena = &f->arena,
				.types = &f->types,
				.source = &f->chain.base,
				.sources = &f->sources,
				.diags = &f->diags,
				.world = &f->world,
				.positional = given,
				.n_positional = 2,
				.is_unsafe = true };
	struct script *script;

	po.cpp = f->cpp = cpp_new(&co);
	script = script_parse(
		&po, sources_add(&f->sources, STR("fuzz"), str_make((const char *)data, size)));
	return f->diags.n_errors ? NULL : sema_check(script, &so);
}

static void back(struct fuzz *f, const struct unit *unit, enum ebpf_allocator allocator)
{
	struct ir_build_opts bo = { .ring_bytes = 1 << 16,
				    .has_func_ip = true,
				    .n_cpus = 2,
				    .has_feature = every_feature };
	struct ebpf_opts eo = { .allocator = allocator };
	struct ir_module *m = ir_build(unit, &bo, &f->diags);
	struct err *e;

	if (f->diags.n_errors || !m)
		return;
	e = ir_check(m);
	if (e) {
		fprintf(stderr, "IR is not sound: %s\n", e->msg);
		abort();
	}
	ir_optimize(m);
	/* limits of eBPF are errors, not faults */
	err_free(ebpf_compile(m, m->image, &eo));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz f = { 0 };
	STRBUF_AUTO out = { 0 };
	struct unit *unit;

	arena_init(&f.arena);
	diag_list_init(&f.diags, &f.arena);
	type_table_init(&f.types, &f.arena);
	type_chain_init(&f.chain, &f.types);
	f.world = (struct sema_world){ .arg = &f,
				       .match = match,
				       .kernel_symbol = no_kernel_symbol,
				       .cgroup_id = no_cgroup,
				       .user_symbol = no_user_symbol,
				       .read_file = no_file,
				       .n_cpus = 2,
				       .has_feature = every_feature };
	unit = front(&f, data, size);
	if (unit && !f.diags.n_errors)
		back(&f, unit, size % 2 ? EBPF_ALLOC_LINEAR : EBPF_ALLOC_SLOTS);
	diag_render(&f.diags, &f.sources, false, &out);
	cpp_free(f.cpp);
	type_table_free(&f.types);
	sources_free(&f.sources);
	arena_free(&f.arena);
	return 0;
}
