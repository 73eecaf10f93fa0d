/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Programs into sections. libbpf wants each program as one symbol, and the functions that it calls in .text, where calls and
 * addresses of functions are relocations. A program with several places is written once for each.
 */
#include "object/emit_private.h"

#include "base/cleanup.h"

#include <linux/bpf.h>
#include <stdarg.h>
#include <stdio.h>

enum { PLACES_MAX = 64 };

static void say(struct emitter *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(struct emitter *e, const char *fmt, ...)
{
	STRBUF_AUTO text = { 0 };
	va_list ap;

	va_start(ap, fmt);
	strbuf_vprintf(&text, fmt, ap);
	va_end(ap);
	e->remark(e->arg, strbuf_cstr(&text));
}

uint32_t emit_section(struct emitter *e, struct str name, uint32_t type, uint64_t flags)
{
	struct emit_section *s;

	for (uint32_t i = 0; i < e->sections.n; i++)
		if (str_eq(e->sections.v[i]->name, name))
			return i + 1;
	s = arena_new(e->arena, struct emit_section);
	s->name = arena_str(e->arena, name);
	s->type = type;
	s->flags = flags;
	vec_push(&e->sections, s);
	return (uint32_t)e->sections.n;
}

uint32_t emit_symbol(struct emitter *e, struct emit_symbol s)
{
	vec_push(&e->symbols, s);
	return (uint32_t)e->symbols.n;
}

static uint32_t code_section(struct emitter *e, struct str name)
{
	uint32_t n = emit_section(e, name, SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR);
	struct emit_section *s = emit_section_at(e, n);

	if (!s->symbol)
		s->symbol = emit_symbol(
			e, (struct emit_symbol){ .section = n,
						 .info = GELF_ST_INFO(STB_LOCAL, STT_SECTION) });
	return n;
}

/* ---- one program ---- */

struct copying {
	struct emitter *e;
	const struct image_prog *p;
	uint32_t *in_text; /* by function: its first instruction in .text; 0 is the program itself */
};

static uint32_t func_end(const struct image_prog *p, uint32_t f)
{
	return f + 1 < p->n_funcs ? p->funcs[f + 1].insn : p->n_insns;
}

static uint32_t func_at(const struct image_prog *p, uint32_t insn)
{
	uint32_t f = 0;

	while (f + 1 < p->n_funcs && p->funcs[f + 1].insn <= insn)
		f++;
	return f;
}

static bool is_call(const struct bpf_insn *i)
{
	return i->code == (BPF_JMP | BPF_CALL) && i->src_reg == BPF_PSEUDO_CALL;
}

static bool is_func_address(const struct bpf_insn *i)
{
	return i->code == (BPF_LD | BPF_IMM | BPF_DW) && i->src_reg == BPF_PSEUDO_FUNC;
}

/* calls and addresses of functions: by where they stand in .text, through its own symbol */
static void copy_func_ref(const struct copying *c, struct emit_section *s, uint64_t at,
			  struct bpf_insn *insn, uint32_t from)
{
	uint32_t text = code_section(c->e, STR(".text"));
	uint32_t f = func_at(c->p, (uint32_t)((int64_t)from + insn->imm + 1));
	struct emit_reloc r = { at, emit_section_at(c->e, text)->symbol,
				is_call(insn) ? EMIT_R_CALL : EMIT_R_64 };

	insn->imm = is_call(insn) ? (int32_t)c->in_text[f] - 1
				  : (int32_t)(c->in_text[f] * sizeof(*insn));
	vec_push(&s->relocs, r);
}

static void copy_map_ref(const struct copying *c, struct emit_section *s, uint64_t at,
			 struct bpf_insn *insn, const struct image_reloc *r)
{
	vec_push(&s->relocs, ((struct emit_reloc){ at, c->e->map_symbols[r->index], EMIT_R_64 }));
	insn[0].src_reg = 0;
	/* of a data section: the offset in it is where the linker puts it */
	insn[0].imm = r->kind == RELOC_MAP_VALUE ? insn[1].imm : 0;
	insn[1].imm = 0;
}

/* instructions [from, to) behind what the section holds */
static void copy_insns(const struct copying *c, struct emit_section *s, uint32_t from, uint32_t to)
{
	const struct image_prog *p = c->p;
	uint64_t base = s->data.n;
	struct bpf_insn *insns = base_alloc((to - from) * sizeof(*insns));

	memcpy(insns, p->insns + from, (to - from) * sizeof(*insns));
	for (uint32_t i = from; i < to; i++) {
		struct bpf_insn *insn = &insns[i - from];

		if (is_call(insn) || is_func_address(insn))
			copy_func_ref(c, s, base + (i - from) * sizeof(*insn), insn, i);
		i += insn->code == (BPF_LD | BPF_IMM | BPF_DW);
	}
	for (uint32_t k = 0; k < p->n_relocs; k++) {
		const struct image_reloc *r = &p->relocs[k];

		if (r->insn >= from && r->insn < to)
			copy_map_ref(c, s, base + (r->insn - from) * sizeof(*insns),
				     &insns[r->insn - from], r);
	}
	strbuf_add(&s->data, insns, (to - from) * sizeof(*insns));
	free(insns);
}

static void add_func(struct copying *c, uint32_t section, struct str name, uint32_t f, int bind)
{
	struct emit_section *s = emit_section_at(c->e, section);
	uint32_t from = c->p->funcs[f].insn, to = func_end(c->p, f);
	uint64_t start = s->data.n;

	vec_push(&s->funcs, ((struct emit_func){ (uint32_t)start, c->p->funcs[f].type_id }));
	emit_symbol(c->e, (struct emit_symbol){ .name = name,
						.section = section,
						.info = GELF_ST_INFO(bind, STT_FUNC),
						.value = start,
						.size = (to - from) * sizeof(struct bpf_insn) });
	copy_insns(c, s, from, to);
}

/* all functions but the program itself; they may call each other, so their places come first */
static void add_text(struct copying *c)
{
	uint32_t text, at;

	if (c->p->n_funcs < 2)
		return;
	text = code_section(c->e, STR(".text"));
	at = (uint32_t)(emit_section_at(c->e, text)->data.n / sizeof(struct bpf_insn));
	for (uint32_t f = 1; f < c->p->n_funcs; f++) {
		c->in_text[f] = at;
		at += func_end(c->p, f) - c->p->funcs[f].insn;
	}
	for (uint32_t f = 1; f < c->p->n_funcs; f++)
		add_func(c, text, arena_printf(c->e->arena, "%.*s_%u", STR_ARG(c->p->name), f), f,
			 STB_LOCAL);
}

static bool reads_cookie(const struct image_prog *p)
{
	for (uint32_t i = 0; i < p->n_insns; i++)
		if (p->insns[i].code == (BPF_JMP | BPF_CALL) && !p->insns[i].src_reg &&
		    p->insns[i].imm == BPF_FUNC_get_attach_cookie)
			return true;
	return false;
}

static bool has_event(const struct image_prog *p)
{
	return p->shape->kind != PROBE_BEGIN && p->shape->kind != PROBE_END &&
	       p->shape->kind != PROBE_SELF;
}

static ERR_MUST struct err *check_prog(const struct image_prog *p)
{
	uint32_t n = p->shape->n_points;

	if (!p->n_funcs)
		return err_new(0, "'%.*s' has no type information", STR_ARG(p->name));
	if (n > 1 && reads_cookie(p))
		return err_hint(
			err_new(0,
				"'%.*s' reads a table with a row for each of its %u places, which an object has "
				"no way to say",
				STR_ARG(p->name), n),
			"name one function, or leave out what differs between them (typed arguments, func, probe)");
	if (n > PLACES_MAX)
		return err_new(0,
			       "'%.*s' is for %u places, each of which were a program: at most %d",
			       STR_ARG(p->name), n, PLACES_MAX);
	return NULL;
}

static ERR_MUST struct err *add_prog(struct emitter *e, const struct image_prog *p)
{
	struct copying c = { .e = e, .p = p };
	uint32_t n = has_event(p) ? p->shape->n_points : 1;

	TRY(check_prog(p));
	c.in_text = arena_array(e->arena, uint32_t, p->n_funcs);
	add_text(&c);
	if (!has_event(p))
		say(e,
		    "'%.*s' belongs to no event: whoever loads the object has to run it (bpftool prog run)",
		    STR_ARG(p->name));
	for (uint32_t i = 0; i < n; i++) {
		const char *why = NULL;
		struct str where = has_event(p) ? emit_where(e, p, &p->shape->points[i], &why)
						: STR("raw_tp");
		struct str name = n > 1 ? arena_printf(e->arena, "%.*s_at%u", STR_ARG(p->name), i)
					: p->name;

		if (!where.n)
			return err_new(0, "%.*s: %s", STR_ARG(p->shape->points[i].name), why);
		add_func(&c, code_section(e, where), name, 0, STB_GLOBAL);
	}
	return NULL;
}

/* ---- what an object cannot carry ---- */

static ERR_MUST struct err *check_image(const struct image *im)
{
	if (im->unwind_tables_map != IMAGE_NONE)
		return err_hint(
			err_new(0,
				"ustack needs tables that sonde makes for each process while it runs, and an object "
				"has none"),
			"without ustack the script can be written");
	for (uint32_t m = 0; m < im->n_maps; m++)
		if (im->maps[m]->init && im->maps[m]->role == MAP_CONST)
			return err_new(
				0,
				"the map '%.*s' is a table that is filled before the programs run, which an object "
				"has no way to say",
				STR_ARG(im->maps[m]->name));
	return im->btf ? NULL : err_new(0, "there are no programs to write");
}

static void free_sections(struct emitter *e)
{
	vec_each(s, &e->sections) {
		strbuf_free(&(*s)->data);
		vec_free(&(*s)->relocs);
		vec_free(&(*s)->funcs);
	}
	vec_free(&e->sections);
	vec_free(&e->symbols);
	btf__free(e->btf);
}

static ERR_MUST struct err *fill(struct emitter *e)
{
	uint32_t license = emit_section(e, STR("license"), SHT_PROGBITS, SHF_ALLOC | SHF_WRITE);
	const struct event_layout *only = NULL;
	uint32_t n_records = 0;

	strbuf_add_str(&emit_section_at(e, license)->data, e->im->license);
	strbuf_putc(&emit_section_at(e, license)->data, 0);
	TRY(emit_maps(e));
	for (uint32_t i = 0; i < e->im->n_progs; i++)
		TRY(add_prog(e, e->im->progs[i]));
	for (uint32_t i = 0; i < e->im->n_events; i++)
		only = n_records++ ? NULL : e->im->events[i];
	if (only)
		emit_event_type(e, only);
	if (n_records)
		say(e,
		    "what the script prints comes as records of the map 'ring': the number of the format, that of the "
		    "program, and the values%s",
		    only ? " (struct event)" : "");
	return NULL;
}

struct err *object_emit(const struct image *im, const char *path,
			void (*remark)(void *arg, const char *text), void *arg)
{
	struct arena arena;
	struct emitter e = { .im = im, .arena = &arena, .remark = remark, .arg = arg };
	struct err *err;

	TRY(check_image(im));
	arena_init(&arena);
	e.btf = btf__new(im->btf, im->btf_size);
	e.map_symbols = arena_array(&arena, uint32_t, im->n_maps + 1);
	e.is_data = arena_array(&arena, bool, im->n_maps + 1);
	err = e.btf ? fill(&e) : err_new(0, "the types of the programs cannot be read");
	if (!err)
		err = emit_file(&e, path);
	free_sections(&e);
	arena_free(&arena);
	return err;
}
