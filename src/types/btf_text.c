/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * BTF types as C text, for listings only (-lv): declarations are spelled by libbpf's dumper, definitions are put
 * together here, because the dumper would print everything that a struct depends on before it.
 */
#include "types/btf_private.h"

static void dump_to_strbuf(void *ctx, const char *fmt, va_list args)
{
	struct btfsrc *s = ctx;

	strbuf_vprintf(s->dump_out, fmt, args);
}

/* one dumper for all questions: making one costs as much as an array over all types */
static struct btf_dump *dumper(struct btfsrc *s, struct strbuf *out)
{
	if (!s->dump)
		s->dump = btf_dump__new(btfsrc_libbpf(s), dump_to_strbuf, s, NULL);
	s->dump_out = out;
	return s->dump;
}

/* "const char *name", or without a name "const char *" */
static bool declare(struct btf_dump *d, uint32_t id, const char *name, int indent)
{
	struct btf_dump_emit_type_decl_opts opts;

	opts.field_name = name;
	opts.indent_level = indent;
	opts.strip_mods = false;
	/* without the padding: libbpf refuses bytes behind the last field that are not zero, and compilers leave them so */
	opts.sz = offsetof(struct btf_dump_emit_type_decl_opts, strip_mods) +
		  sizeof(opts.strip_mods);
	if (id == 0) /* the dumper does not know void */
		return false;
	return btf_dump__emit_type_decl(d, id, &opts) == 0;
}

/* the FUNC_PROTO behind a FUNC, or behind a typedef of a pointer to one */
static const struct btf_type *prototype_of(struct btfsrc *s, uint32_t id)
{
	const struct btf_type *t;

	for (unsigned i = 0; i < 8 && id; i++) {
		t = btfsrc_by_id(s, id);
		if (!t || btf_is_func_proto(t))
			return t;
		if (!btf_is_func(t) && !btf_is_ptr(t) && !btf_is_mod(t) && !btf_is_typedef(t))
			return NULL;
		id = t->type;
	}
	return NULL;
}

/* "type name": the type spelled as without a name, then the name behind a space, as bpftrace lists it */
static void print_variable(struct btf_dump *d, uint32_t id, struct str name, const char *indent,
			   struct strbuf *out)
{
	strbuf_puts(out, indent);
	if (!declare(d, id, "", 0))
		strbuf_puts(out, "void");
	while (out->n && out->p[out->n - 1] == ' ')
		out->n--;
	strbuf_printf(out, " %.*s\n", STR_ARG(name));
}

bool btfsrc_print_params(struct btfsrc *s, uint32_t id, uint32_t skip, bool with_result,
			 const char *indent, struct strbuf *out)
{
	const struct btf_type *proto = btfsrc_open(s) ? prototype_of(s, id) : NULL;
	struct btf_dump *d;

	if (!proto)
		return false;
	d = dumper(s, out);
	if (!d)
		return false;
	for (uint32_t i = skip; i < btf_vlen(proto); i++) {
		const struct btf_param *p = &btf_params(proto)[i];

		if (p->type)
			print_variable(d, p->type, btfsrc_string(s, p->name_off), indent, out);
	}
	if (with_result && proto->type)
		print_variable(d, proto->type, STR("retval"), indent, out);
	return true;
}

static void print_members(struct btfsrc *s, struct btf_dump *d, const struct btf_type *t,
			  struct strbuf *out)
{
	for (uint32_t i = 0; i < btf_vlen(t); i++) {
		const struct btf_member *m = &btf_members(t)[i];
		uint32_t bits = btf_member_bitfield_size(t, i);

		strbuf_putc(out, '\t');
		declare(d, m->type, btfsrc_text(s, m->name_off), 1);
		/* an anonymous member ends in the space before the name that it has not */
		while (out->n && out->p[out->n - 1] == ' ')
			out->n--;
		if (bits)
			strbuf_printf(out, ": %u", bits);
		strbuf_puts(out, ";\n");
	}
}

static void print_enumerators(struct btfsrc *s, const struct type *t, struct strbuf *out)
{
	for (uint32_t i = 0; i < t->n_enumerators; i++)
		strbuf_printf(out, "\t%.*s = %lld,\n", STR_ARG(t->enumerators[i].name),
			      (long long)t->enumerators[i].value);
}

bool btfsrc_print_definition(struct btfsrc *s, uint32_t id, struct strbuf *out)
{
	const struct btf_type *t = btfsrc_open(s) ? btfsrc_by_id(s, id) : NULL;
	struct btf_dump *d;

	if (!t || (!btf_is_composite(t) && !btf_is_any_enum(t)))
		return false;
	d = dumper(s, out);
	if (!d)
		return false;
	strbuf_printf(out, "%s %.*s {\n",
		      btf_is_struct(t)  ? "struct"
		      : btf_is_union(t) ? "union"
					: "enum",
		      STR_ARG(btfsrc_string(s, t->name_off)));
	if (btf_is_composite(t))
		print_members(s, d, t, out);
	else
		print_enumerators(s, btfsrc_type(s, id), out);
	strbuf_puts(out, "};\n");
	return true;
}
