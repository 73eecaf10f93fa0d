/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where programs of an object go in processes: found as attach points of scripts are (src/probe). What a script's program does of itself
 * at a place (telling returns from other ways out) a foreign one cannot: then the place is refused. Operands of usdt probes are written down
 * as libbpf's usdt.bpf.h reads them.
 */
#include "object/user.h"

#include "engine/user/code/context_use.h"

#include <string.h>
#include <sys/stat.h>

/*
 * struct __bpf_usdt_spec of usdt.bpf.h: arguments, a cookie, their number. The arguments have had two forms: libbpf 1.7 added a register for an
 * index, and the compiler's rules for its bit-fields moved what stands behind. The map's size tells which one an object was compiled with.
 */
enum { SPEC_ARGS = OBJECT_SPEC_ARGS, SPEC_TAIL = 16, MOST_ARG_BYTES = 24 };
enum { RESULT_WORD = 10 }; /* of struct pt_regs: rax */
enum { ARG_CONST, ARG_REG, ARG_REG_DEREF, ARG_INDEXED };
struct spec_form {
	uint8_t bytes; /* of an argument: its value or offset first, its kind at 8 */
	uint8_t index, reg, is_signed, shift;
};
static const struct spec_form forms[] = {
	{ OBJECT_SPEC_ARG_BYTES, 0, 12, 14, 15 }, /* index 0: there is none */
	{ OBJECT_SPEC_WIDE_BYTES, 10, 14, 16, 17 },
};

static const struct spec_form *form_of(const struct bpf_map *map)
{
	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++)
		if (bpf_map__value_size(map) == forms[i].bytes * (uint32_t)SPEC_ARGS + SPEC_TAIL)
			return &forms[i];
	return NULL;
}

static void put_16(uint8_t *to, uint16_t v)
{
	memcpy(to, &v, sizeof(v));
}

static ERR_MUST struct err *put_operand(const struct usdt_operand *op, const struct spec_form *f,
					uint8_t *to)
{
	bool is_plain = !op->is_file_addr && !op->reg_shift && !op->is_float;

	if (op->kind == USDT_ARG_CONST)
		to[8] = ARG_CONST;
	else if (op->kind == USDT_ARG_REG && is_plain && !op->has_index)
		to[8] = ARG_REG;
	else if (op->kind == USDT_ARG_MEM && is_plain && op->has_base && !op->has_index)
		to[8] = ARG_REG_DEREF;
	else if (op->kind == USDT_ARG_MEM && is_plain && op->has_base && f->index)
		to[8] = ARG_INDEXED;
	else
		return err_new(0, "its operand '%.*s' is none that libbpf's programs can read",
			       STR_ARG(op->text));
	memcpy(to, &op->value, sizeof(op->value));
	if (to[8] == ARG_INDEXED)
		put_16(to + f->index, (uint16_t)(op->index_offset |
						 (op->scale ? __builtin_ctz(op->scale) : 0) << 12));
	put_16(to + f->reg, op->reg_offset);
	to[f->is_signed] = op->is_signed;
	to[f->shift] = (uint8_t)(64 - 8 * op->size);
	return NULL;
}

static const struct bpf_map *specs_map(const struct object_user *u)
{
	vec_each(m, &u->maps)
		if (!strcmp(bpf_map__name(m->map), OBJECT_USDT_SPECS))
			return m->map;
	return NULL;
}

/* the programs find it by the cookie of the place */
static ERR_MUST struct err *add_spec(struct object_user *u, struct probe_shape *s)
{
	const struct bpf_map *map = specs_map(u);
	const struct spec_form *f = map ? form_of(map) : NULL;
	struct object_spec spec = { (uint32_t)u->specs.n, NULL };

	if (!map) /* no program asks for operands */
		return NULL;
	if (!f || spec.index >= bpf_map__max_entries(map))
		return err_new(0, "the map '%s' is none of libbpf's, or too small",
			       OBJECT_USDT_SPECS);
	if (s->n_argn > SPEC_ARGS)
		return err_new(0, "it has more than %d operands", SPEC_ARGS);
	spec.bytes = arena_alloc(&u->arena, bpf_map__value_size(map));
	memset(spec.bytes, 0, bpf_map__value_size(map));
	for (uint32_t i = 0; i < s->n_argn; i++)
		TRY(put_operand(&s->operands[i], f, spec.bytes + (size_t)i * f->bytes));
	put_16(spec.bytes + SPEC_ARGS * f->bytes + 8, (uint16_t)s->n_argn);
	for (uint32_t i = 0; i < s->n_points; i++)
		s->points[i].cookie = spec.index;
	vec_push(&u->specs, spec);
	return NULL;
}

static ERR_MUST struct err *check_shape(struct object_user *u, struct probe_shape *s)
{
	if (s->kind == PROBE_USDT)
		return add_spec(u, s);
	for (uint32_t i = 0; i < s->n_points; i++) {
		const struct probe_point *p = &s->points[i];

		s->points[i].cookie = 0;
		if (s->is_return && (s->tails || p->exit_condition ||
				     (p->exit != EXIT_RET && p->exit != EXIT_JUMP)))
			return err_new(
				0,
				"'%.*s' leaves by a jump, and this program cannot tell that from its return",
				STR_ARG(p->symbol));
	}
	return NULL;
}

static ERR_MUST struct err *match_failed(const struct object_user *u, struct str text)
{
	const struct diag *d = u->diags.first;
	struct err *err;

	if (!d)
		return err_new(0, "nothing is found for '%.*s'", STR_ARG(text));
	err = err_new(0, "%.*s", STR_ARG(d->msg));
	return d->hint.n ? err_hint(err, "%.*s", STR_ARG(d->hint)) : err;
}

static ERR_MUST struct err *match(struct object_user *u, const struct object_place *at,
				  struct str file, struct probe_shape ***tail)
{
	struct attach_point *ap = arena_new(&u->arena, struct attach_point);
	STRBUF_AUTO func = { 0 }, text = { 0 };
	bool is_usdt = str_is(at->kind, "usdt");
	struct str kind = is_usdt ? STR("usdt") : at->is_return ? STR("uretprobe") : STR("uprobe");

	strbuf_add_str(&func, at->func);
	if (at->offset)
		strbuf_printf(&func, "+%llu", (unsigned long long)at->offset);
	strbuf_printf(&text, "%.*s:%.*s:%s", STR_ARG(kind), STR_ARG(file), strbuf_cstr(&func));
	*ap = (struct attach_point){ .at = SPAN_NONE,
				     .text = arena_str(&u->arena, strbuf_str(&text)),
				     .parts = { kind, file, arena_str(&u->arena, strbuf_str(&func)),
						at->name },
				     .n_parts = is_usdt ? 4 : 3,
				     .needs = { .is_known = true, .result = u->reads_result },
				     .ignores_args = !is_usdt };
	diag_list_init(&u->diags, &u->arena);
	**tail = probe_match(&u->probes, ap, ap->ignores_args, &u->diags);
	/* a warning is about returns that would be missed */
	if (!**tail || u->diags.n_errors || (at->is_return && u->diags.first))
		return match_failed(u, ap->text);
	for (; **tail; *tail = &(**tail)->next)
		TRY(check_shape(u, **tail));
	return NULL;
}

/* programs of the processes; two that run the same one have its places once */
static ERR_MUST struct err *match_programs(struct object_user *u, const struct object_place *at,
					   struct probe_shape ***tail)
{
	const struct object_opts *opts = &u->o->opts;
	VEC(struct stat) known = { 0 };
	struct err *err = NULL;

	for (uint32_t i = 0; !err && i < opts->n_pids; i++) {
		STRBUF_AUTO path = { 0 };
		bool is_known = false;
		struct stat st;

		object_put_program(u->o, opts->pids[i], &path);
		if (stat(strbuf_cstr(&path), &st))
			continue;
		vec_each(k, &known)
			is_known |= k->st_ino == st.st_ino && k->st_dev == st.st_dev;
		if (is_known)
			continue;
		vec_push(&known, st);
		err = match(u, at, arena_str(&u->arena, strbuf_str(&path)), tail);
	}
	vec_free(&known);
	return err;
}

struct err *object_user_find(struct object_user *u, struct bpf_program *p, struct probe_shape **ret)
{
	struct object_place at;
	struct err *err;

	*ret = NULL;
	if (!object_user_place(u->o, p, &at))
		return NULL;
	u->reads_result = context_use(bpf_program__insns(p), (uint32_t)bpf_program__insn_cnt(p)) &
			  1u << RESULT_WORD;
	err = at.file.n ? match(u, &at, at.file, &ret) : match_programs(u, &at, &ret);
	return err ? err_wrap(err, "'%s'", bpf_program__name(p)) : NULL;
}
