/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The checker's entry: runs the passes in order and hands out the unit. Also here: messages that do
 * not repeat themselves, since a clause is checked once for every shape of its probes.
 */
#include "sema/sema_private.h"

#include <stdio.h>

/* ---- messages ---- */

/* was this very message already given for this place? */
static bool said_before(struct sema *s, enum diag_code code, struct span at, struct str msg)
{
	STRBUF_AUTO key = { 0 };

	strbuf_printf(&key, "%d %u %u %u %u ", code, at.file, at.start, at.end, at.expansion);
	strbuf_add_str(&key, msg);
	if (hashmap_get(&s->said, strbuf_str(&key)))
		return true;
	hashmap_put(&s->said, arena_str(s->arena, strbuf_str(&key)), s);
	return false;
}

static struct diag *say(struct sema *s, bool is_error, enum diag_code code, struct span at,
			const char *fmt, va_list ap)
{
	struct str msg = arena_vprintf(s->arena, fmt, ap);

	if (said_before(s, code, at, msg))
		return NULL;
	if (is_error)
		return diag_error(s->diags, code, at, "%.*s", STR_ARG(msg));
	return diag_warning(s->diags, code, at, "%.*s", STR_ARG(msg));
}

#define SAY(name, is_error, condition)                                                          \
	struct diag *name(struct sema *s, enum diag_code code, struct span at, const char *fmt, \
			  ...)                                                                  \
	{                                                                                       \
		struct diag *d;                                                                 \
		va_list ap;                                                                     \
                                                                                                \
		if (!(condition))                                                               \
			return NULL;                                                            \
		va_start(ap, fmt);                                                              \
		d = say(s, is_error, code, at, fmt, ap);                                        \
		va_end(ap);                                                                     \
		return d;                                                                       \
	}

SAY(sema_error, true, s->is_checking && !s->is_silent)
SAY(sema_warning, false, s->is_checking && !s->is_silent)
SAY(sema_error_now, true, !s->is_silent)
SAY(sema_warning_now, false, !s->is_silent)

void sema_hint(struct sema *s, struct diag *d, const char *fmt, ...)
{
	va_list ap;

	if (!d)
		return;
	va_start(ap, fmt);
	d->hint = arena_vprintf(s->arena, fmt, ap);
	va_end(ap);
}

const char *spelled(struct sema *s, const struct type *t)
{
	return type_spelling(s->arena, t).p;
}

const char *op_spelling(enum op op)
{
	static const char *const names[] = {
		[OP_ADD] = "+",      [OP_SUB] = "-",       [OP_MUL] = "*",
		[OP_DIV] = "/",      [OP_MOD] = "%",       [OP_AND] = "&",
		[OP_OR] = "|",       [OP_XOR] = "^",       [OP_SHL] = "<<",
		[OP_SHR] = ">>",     [OP_LAND] = "&&",     [OP_LOR] = "||",
		[OP_EQ] = "==",      [OP_NE] = "!=",       [OP_LT] = "<",
		[OP_LE] = "<=",      [OP_GT] = ">",        [OP_GE] = ">=",
		[OP_NEG] = "-",      [OP_NOT] = "!",       [OP_INV] = "~",
		[OP_DEREF] = "*",    [OP_ADDR] = "&",      [OP_PRE_INC] = "++",
		[OP_PRE_DEC] = "--", [OP_POST_INC] = "++", [OP_POST_DEC] = "--",
	};

	return op < sizeof(names) / sizeof(*names) && names[op] ? names[op] : "=";
}

/* ---- bodies ---- */

void each_body(struct sema *s,
	       void (*visit)(struct sema *s, struct node **predicate, struct node **body))
{
	struct unit *u = s->unit;

	for (uint32_t i = 0; i < u->n_fns; i++) {
		struct node *none = NULL;

		s->inst = NULL;
		s->shape = NULL;
		s->fn = u->fns[i];
		visit(s, &none, &u->fns[i]->def->body);
	}
	s->fn = NULL;
	for (uint32_t i = 0; i < u->n_insts; i++) {
		s->inst = u->insts[i];
		s->shape = s->inst->shape;
		/* names are the same everywhere, so their errors count in a ghost too */
		s->is_silent = visit != s->naming && ((struct inst_state *)s->inst)->is_ghost;
		visit(s, &s->inst->predicate, &s->inst->body);
	}
	s->is_silent = false;
	s->inst = NULL;
	s->shape = NULL;
}

static void collect_fns(struct sema *s)
{
	struct unit *u = s->unit;
	uint32_t n = 0;

	for (struct fn_def *f = s->script->fns; f; f = f->next)
		n++;
	u->fns = arena_array(s->arena, struct sema_fn *, n + 1);
	for (struct fn_def *f = s->script->fns; f; f = f->next) {
		u->fns[u->n_fns] = arena_new(s->arena, struct sema_fn);
		u->fns[u->n_fns]->def = f;
		f->index = u->n_fns++;
	}
	u->cap_fns = n + 1;
}

static struct unit *unit_new(const struct sema_opts *opts)
{
	struct unit *u = arena_new(opts->arena, struct unit);

	u->arena = opts->arena;
	u->types = opts->types;
	u->sources = opts->sources;
	return u;
}

static void run(struct sema *s)
{
	config_run(s);
	macros_run(s);
	collect_fns(s);
	expand_run(s);
	resolve_run(s);
	check_options(s);
	/* go on after errors in names: what has no name has a poisoned type and stays silent */
	infer_run(s);
	check_run(s);
	if (!s->diags->n_errors)
		resources_run(s);
}

struct unit *sema_check(struct script *script, const struct sema_opts *opts)
{
	struct sema s = {
		.opts = opts,
		.world = opts->world,
		.unit = unit_new(opts),
		.arena = opts->arena,
		.tt = opts->types,
		.diags = opts->diags,
		.script = script,
	};

	run(&s);
	hashmap_free(&s.maps);
	hashmap_free(&s.fns);
	hashmap_free(&s.macros);
	hashmap_free(&s.consts);
	hashmap_free(&s.said);
	hashmap_free(&s.options);
	hashmap_free(&s.bindings);
	return opts->diags->n_errors ? NULL : s.unit;
}
