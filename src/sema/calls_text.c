/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls on text and bytes: str, buf, comparisons, searches, names of numbers. Sizes of results are
 * types, so they must be known here: from a literal length, from the argument, else max_strlen.
 */
#include "sema/sema_private.h"
#include "types/view.h"

/* ---- str and buf ---- */

static const struct type *refuse(struct sema *s, struct node *call, const struct type *t)
{
	sema_error(s, D_SEMA_ARG_TYPE, call->at,
		   "%s() expects an integer or a pointer type as first argument (%s provided)",
		   call->call.builtin->name, kind_word(t));
	return type_poison();
}

/* the length argument; -1: not a literal; *is_good false after a message */
static int64_t length_of(struct sema *s, struct node *call, uint32_t n, bool *is_good)
{
	struct node **slot;
	int64_t value = -1;

	*is_good = true;
	if (call->call.n_args <= n)
		return -1;
	slot = call_arg(call, n);
	if (!arg_integer(s, call, n)) {
		*is_good = false;
		return -1;
	}
	if (const_int(*slot, &value)) {
		if (value < 0 && !((*slot)->flags & NODE_F_UINT64)) {
			sema_error(s, D_SEMA_ARG_LITERAL, call->at,
				   "%s() expects a non-negative length, %lld given",
				   call->call.builtin->name, (long long)value);
			*is_good = false;
		}
		if (value < 0)
			value = INT64_MAX;
	} else {
		value = -1;
	}
	coerce(s, slot, type_int(8, false));
	return value;
}

/* does a pointer of a traced program lead to a string of its language? */
static bool leads_to_text(struct sema *s, const struct type *t)
{
	for (unsigned depth = 0; depth < 4 && t->kind == TYPE_POINTER; depth++) {
		t = t->elem;
		if (view_is_text(s->tt, t))
			return true;
	}
	return false;
}

static const struct type *call_str(struct sema *s, struct node *call)
{
	const struct sema_config *c = &s->unit->config;
	const struct type *t = infer(s, call_arg(call, 0), 0);
	bool is_good;
	int64_t length, size;

	/* str() of a &String is its text, not the bytes of the String */
	while (call->call.n_args == 1 && !is_unknown(t) && leads_to_text(s, t)) {
		sema_put_deref(s, call_arg(call, 0));
		t = infer(s, call_arg(call, 0), 0);
	}
	length = length_of(s, call, 1, &is_good);

	if (is_unknown(t) || !is_good)
		return t == type_poison() || !is_good ? type_poison() : type_none();
	t = number_of(s, call_arg(call, 0));
	if (type_is_integer(t) || t->kind == TYPE_POINTER)
		make_pointer(s, call_arg(call, 0), type_int(1, true));
	else if (t->kind != TYPE_STRING &&
		 !(t->kind == TYPE_ARRAY && is_int(t->elem) && t->elem->size == 1))
		return refuse(s, call, t);
	size = c->max_strlen + 1;
	/* one byte more than the text, for the end or the mark that it was cut */
	if (length >= 0 && length + !c->str_len_counts_nul <= size)
		size = length + !c->str_len_counts_nul;
	if (t->kind == TYPE_STRING && t->size < size)
		size = t->size;
	return type_string(s->tt, size < 1 ? 1 : (uint32_t)size);
}

static const struct type *call_buf(struct sema *s, struct node *call)
{
	int64_t max = s->unit->config.max_strlen, length, size;
	const struct type *t = infer(s, call_arg(call, 0), WANT_PLACE);
	bool is_good;

	length = length_of(s, call, 1, &is_good);
	if (is_unknown(t) || !is_good)
		return t == type_poison() || !is_good ? type_poison() : type_none();
	t = number_of(s, call_arg(call, 0));
	if (max > UINT32_MAX) {
		sema_error(s, D_SEMA_ARG_RANGE, call->at,
			   "BPFTRACE_MAX_STRLEN too large to use on buffer (%lld > %u)",
			   (long long)max, UINT32_MAX);
		return type_poison();
	}
	size = max;
	if (type_is_integer(t) || t->kind == TYPE_POINTER) {
		make_pointer(s, call_arg(call, 0), type_int(1, true));
		if (call->call.n_args < 2) {
			sema_error(s, D_SEMA_ARG_COUNT, call->at,
				   "buf() expects a length argument for non-array type %s",
				   kind_word(t));
			return type_poison();
		}
	} else if (t->kind == TYPE_STRING || t->kind == TYPE_ARRAY || t->kind == TYPE_BUFFER) {
		if (call->call.n_args < 2 && t->kind == TYPE_STRING) {
			sema_error(s, D_SEMA_ARG_COUNT, call->at,
				   "buf() expects a length argument for non-array type %s",
				   kind_word(t));
			return type_poison();
		}
		size = t->size < size ? t->size : size;
	} else {
		sema_error(s, D_SEMA_ARG_TYPE, call->at,
			   "buf() expects an integer, string, or array argument but saw %s",
			   kind_word(t));
		return type_poison();
	}
	if (length >= 0 && length < size)
		size = length;
	return type_buffer(s->tt, (uint32_t)size);
}

/* ---- text arguments ---- */

static bool is_text(const struct type *t)
{
	return t->kind == TYPE_STRING ||
	       (t->kind == TYPE_ARRAY && is_int(t->elem) && t->elem->size == 1) ||
	       (t->kind == TYPE_POINTER && is_int(t->elem) && t->elem->size == 1);
}

/* a string, an array of char or a pointer to char */
static const struct type *arg_text(struct sema *s, struct node *call, uint32_t n)
{
	struct node **slot = call_arg(call, n);
	const struct type *t = infer(s, slot, 0);

	if (is_unknown(t))
		return NULL;
	if (!is_text(t)) {
		arg_refused(s, call, "string", t);
		return NULL;
	}
	if (t->kind == TYPE_POINTER)
		make_pointer(s, slot, t->elem);
	return t;
}

static uint32_t text_size(struct sema *s, const struct type *t)
{
	return t->kind == TYPE_STRING  ? t->size
	       : t->kind == TYPE_ARRAY ? t->count + 1
				       : (uint32_t)s->unit->config.max_strlen + 1;
}

static const struct type *call_strncmp(struct sema *s, struct node *call)
{
	int64_t n;

	arg_text(s, call, 0);
	arg_text(s, call, 1);
	infer(s, call_arg(call, 2), 0);
	if (!const_int(*call_arg(call, 2), &n) || n < 0)
		sema_error(s, D_SEMA_ARG_LITERAL, call->at,
			   "Builtin strncmp requires a non-negative literal");
	return type_int(8, false);
}

static const struct type *call_concat(struct sema *s, struct node *call)
{
	const struct type *a = arg_text(s, call, 0), *b = arg_text(s, call, 1);
	uint64_t size;

	if (!a || !b)
		return s->is_checking ? type_poison() : type_none();
	size = (uint64_t)text_size(s, a) + text_size(s, b) - 1;
	return type_string(s->tt, size > INT32_MAX ? INT32_MAX : (uint32_t)size);
}

static const struct type *call_memcmp(struct sema *s, struct node *call)
{
	int64_t n;

	for (uint32_t i = 0; i < 2; i++) {
		const struct type *t = infer(s, call_arg(call, i), WANT_PLACE);

		if (!is_unknown(t) && t->kind == TYPE_POINTER)
			make_pointer(s, call_arg(call, i), t->elem);
		else if (!is_unknown(t) && type_is_integer(t))
			make_pointer(s, call_arg(call, i), type_int(1, true));
	}
	infer(s, call_arg(call, 2), 0);
	if (!const_int(*call_arg(call, 2), &n) || n < 1 || n > 1024)
		sema_error(s, D_SEMA_ARG_LITERAL, call->at,
			   "memcmp() requires a literal between 1 and 1024 as its length");
	return type_int(4, true);
}

const struct type *call_text(struct sema *s, struct node **slot, unsigned want)
{
	struct node *call = *slot;

	(void)want;
	switch (call->call.builtin->id) {
	case BUILTIN_STR: return call_str(s, call);
	case BUILTIN_BUF: return call_buf(s, call);
	case BUILTIN_STRNCMP: return call_strncmp(s, call);
	case BUILTIN_STRCONTAINS:
		arg_text(s, call, 0);
		arg_text(s, call, 1);
		return type_bool();
	case BUILTIN_STRSTR:
		arg_text(s, call, 0);
		arg_text(s, call, 1);
		return type_int(8, true);
	case BUILTIN_STRLEN: arg_text(s, call, 0); return type_int(8, false);
	case BUILTIN_STR_CONCAT: return call_concat(s, call);
	case BUILTIN_MEMCMP: return call_memcmp(s, call);
	default: /* strerror, signal_name, syscall_name: the longest names there are, with room */
		if (arg_integer(s, call, 0))
			coerce(s, call_arg(call, 0), type_int(8, true));
		return type_string(s->tt, call->call.builtin->id == BUILTIN_STRERROR ? 64 : 32);
	}
}
