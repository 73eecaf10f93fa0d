/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls that send something to the consumer: printf and its relatives, print, time, join, exit;
 * count() and its relatives.
 */
#include "sema/sema_private.h"
#include "types/format.h"

/* ---- formats ---- */

static void report_format(struct sema *s, struct node *call, const struct format_error *e)
{
	sema_error(s, D_SEMA_FORMAT, call->at, "%.*s", STR_ARG(e->msg));
}

/* what the argument under %s is: something to be shown. Formats with '*' take arguments of their own: none is told apart */
static unsigned wanted_for(const struct format *f, uint32_t i)
{
	return f && f->n_args == f->n_specs && i < f->n_specs && f->specs[i].conv == FORMAT_S
		       ? WANT_SHOWN
		       : 0;
}

/* arguments behind the format; false when one has no type */
static bool infer_format_args(struct sema *s, struct node *call, const struct format *f,
			      const struct type **types, uint32_t *n)
{
	bool is_known = true;
	uint32_t i = 0;

	for (struct node **arg = &call->call.args->next; *arg; arg = &(*arg)->next) {
		const struct type *t = infer(s, arg, wanted_for(f, i++));

		if (is_unknown(t)) {
			is_known = false;
			continue;
		}
		if (t->kind == TYPE_VOID) {
			sema_error(s, D_SEMA_VOID_VALUE, (*arg)->at,
				   "A value is needed here, this has none");
			is_known = false;
			continue;
		}
		if (type_is_aggregation(t) && !type_is_castable_aggregation(t)) {
			sema_error(s, D_SEMA_FORMAT, (*arg)->at,
				   "%s() can not format values of type %s: use print(@map)",
				   call->call.builtin->name, spelled(s, t));
			is_known = false;
			continue;
		}
		if (*n < 129)
			types[(*n)++] = type_plain(s, number_of(s, arg));
	}
	return is_known;
}

static const struct type *call_format(struct sema *s, struct node *call)
{
	const struct type *types[129];
	struct format_error e;
	struct format *f = arena_new(s->arena, struct format);
	uint32_t n = 0;
	struct str text;
	bool is_literal = arg_string(s, call, 0, &text);
	bool is_parsed = is_literal && format_parse(s->arena, text, f, &e);
	bool is_known = infer_format_args(s, call, is_parsed ? f : NULL, types, &n);

	if (!s->is_checking || !is_literal)
		return type_void();
	if (!is_parsed ||
	    !format_check(s->arena, f, is_known ? types : NULL,
			  is_known ? n : call->call.n_args - 1, &e)) {
		report_format(s, call, &e);
		return type_void();
	}
	if (call->call.builtin->id == BUILTIN_DEBUGF) {
		sema_warning(s, D_SEMA_DEBUGF, call->at,
			     "The debugf() builtin is not recommended for production use. For "
			     "more information see bpf_trace_printk in bpf-helpers(7).");
		if (f->n_specs > 3)
			sema_error(s, D_SEMA_FORMAT, call->at,
				   "cannot use more than 3 conversion specifiers");
	}
	return type_void();
}

/* ---- the others ---- */

static const struct type *call_join(struct sema *s, struct node *call)
{
	const struct type *t = infer(s, call_arg(call, 0), 0);
	struct str text;

	if (call->call.n_args > 1)
		arg_string(s, call, 1, &text);
	if (is_unknown(t))
		return type_void();
	if (!type_is_integer(t) && t->kind != TYPE_POINTER)
		arg_refused(s, call, "int or pointer", t);
	else
		make_pointer(s, call_arg(call, 0), type_int(8, false));
	return type_void();
}

/* keylog(path, label, client random, secret) */
static const struct type *call_keylog(struct sema *s, struct node *call)
{
	struct str text;

	arg_string(s, call, 0, &text);
	for (uint32_t i = 1; i < 4; i++) {
		const struct type *t = infer(s, call_arg(call, i), 0);

		if (!is_unknown(t) && t->kind != (i == 1 ? TYPE_STRING : TYPE_BUFFER))
			arg_refused(s, call, i == 1 ? "string" : "buffer", t);
	}
	return type_void();
}

const struct type *call_event(struct sema *s, struct node **slot, unsigned want)
{
	struct node *call = *slot;
	struct str text;

	(void)want;
	switch (call->call.builtin->id) {
	case BUILTIN_TIME:
		if (call->call.n_args)
			arg_string(s, call, 0, &text);
		return type_void();
	case BUILTIN_JOIN: return call_join(s, call);
	case BUILTIN_KEYLOG: return call_keylog(s, call);
	case BUILTIN_PCAPNG: arg_string(s, call, 0, &text); return type_void();
	case BUILTIN_EXIT:
		if (call->call.n_args && arg_integer(s, call, 0))
			coerce(s, call_arg(call, 0), type_int(8, true));
		return type_void();
	case BUILTIN_UNWATCH:
		if (arg_address(s, call, 0))
			coerce(s, call_arg(call, 0), type_int(8, false));
		return type_void();
	default: return call_format(s, call);
	}
}

/* ---- print ---- */

static bool print_number(struct sema *s, struct node *call, uint32_t n, int64_t *value)
{
	*value = -1;
	if (call->call.n_args <= n)
		return true;
	return arg_literal(s, call, n, value);
}

static void print_map(struct sema *s, struct node *call, struct node *arg)
{
	struct map_state *m = (struct map_state *)arg->map.ref;
	struct call_print *p = arena_new(s->arena, struct call_print);
	const struct type *t = m ? type_plain(s, map_value(m)) : type_poison();

	p->what = PRINT_MAP;
	p->map = &m->m;
	print_number(s, call, 1, &p->top);
	print_number(s, call, 2, &p->div);
	call->call.info = p;
	arg->type = t;
	if (is_unknown(t)) {
		if (m && !m->is_assigned)
			sema_error(s, D_SEMA_UNDEFINED_MAP, arg->at, "Undefined map: %.*s",
				   STR_ARG(m->m.name));
		return;
	}
	if (call->call.n_args > 1 &&
	    (m->is_scalar || t->kind == TYPE_TSERIES ||
	     (t->kind == TYPE_STATS && s->opts->is_bpftrace)))
		sema_warning(s, D_SEMA_PRINT, call->at,
			     "print()ing %s: the top and div arguments are ignored",
			     m->is_scalar ? "a map without keys" : "this type of map");
}

static void print_map_key(struct sema *s, struct node *call, struct node *arg)
{
	struct map_state *m = (struct map_state *)arg->map.ref;
	struct call_print *p = arena_new(s->arena, struct call_print);
	const struct type *t = arg->type;

	p->what = PRINT_MAP_KEY;
	p->map = &m->m;
	p->top = p->div = -1;
	call->call.info = p;
	if (t->kind == TYPE_HIST || t->kind == TYPE_LHIST || t->kind == TYPE_TSERIES)
		sema_error(s, D_SEMA_PRINT, call->at,
			   "Map type %s cannot print the value of individual keys. You must print "
			   "the whole map.",
			   spelled(s, t));
}

const struct type *call_print(struct sema *s, struct node **slot, unsigned want)
{
	struct node *call = *slot, *arg = call->call.args;
	const struct type *t;
	bool is_map = arg->kind == NODE_MAP && arg->map.ref && !(arg->flags & NODE_F_PAREN);

	(void)want;
	if (is_map && !arg->map.key) {
		print_map(s, call, arg);
		return type_void();
	}
	t = infer(s, &call->call.args, WANT_SHOWN);
	for (uint32_t i = 1; i < call->call.n_args; i++)
		infer(s, call_arg(call, i), 0);
	if (call->call.n_args > 1)
		sema_error(s, D_SEMA_PRINT, call->at,
			   "Non-map print() only takes 1 argument, %u found", call->call.n_args);
	if (is_unknown(t))
		return type_void();
	if (is_map) {
		print_map_key(s, call, arg);
		return type_void();
	}
	if (t->kind == TYPE_VOID) {
		sema_error(s, D_SEMA_VOID_VALUE, call->at, "A value is needed here, this has none");
	} else if (type_is_aggregation(t) && !type_is_castable_aggregation(t) &&
		   t->kind != TYPE_STATS) {
		sema_error(s, D_SEMA_PRINT, call->at,
			   "print() can not print values of type %s: print the map", spelled(s, t));
	} else if (s->is_checking) {
		struct call_print *p = arena_new(s->arena, struct call_print);

		number_of(s, &call->call.args);
		p->what = PRINT_VALUE;
		p->top = p->div = -1;
		call->call.info = p;
	}
	return type_void();
}

/* ---- aggregations ---- */

static const struct type *refuse_place(struct sema *s, struct node *call)
{
	sema_error(s, D_SEMA_AGGREGATION_USE, call->at, "%s() must be assigned directly to a map",
		   call->call.builtin->name);
	return type_poison();
}

/* the collected value: an integer of 64 bits; returns whether it is signed, true while not known */
static bool collected(struct sema *s, struct node *call)
{
	const struct type *t;

	if (!arg_integer(s, call, 0))
		return true;
	t = type_as_number((*call_arg(call, 0))->type);
	coerce(s, call_arg(call, 0), type_int(8, type_is_literal(t) || t->is_signed));
	return type_is_literal(t) || t->is_signed;
}

static bool literal_param(struct sema *s, struct node *call, uint32_t n, const char *name,
			  int64_t *value)
{
	struct node **slot = call_arg(call, n);
	const struct type *t = infer(s, slot, 0);

	*value = 0;
	if (const_int(*slot, value) && *value >= 0 && !((*slot)->flags & NODE_F_UINT64))
		return true;
	if (!is_unknown(t))
		sema_error(s, D_SEMA_ARG_LITERAL, call->at,
			   "%s: invalid %s value (must be non-negative literal)",
			   call->call.builtin->name, name);
	return false;
}

static const struct type *call_hist(struct sema *s, struct node *call)
{
	int64_t param[3] = { 0 };
	bool is_signed = collected(s, call);

	if (call->call.n_args > 1) {
		if (!arg_literal(s, call, 1, &param[0]))
			param[0] = 0;
		if (param[0] > 5) {
			sema_error(s, D_SEMA_ARG_RANGE, call->at, "hist: bits %lld must be 0..5",
				   (long long)param[0]);
			param[0] = 0;
		}
	}
	(void)is_signed;
	return type_aggregate(s->tt, TYPE_HIST, true, param);
}

static const struct type *call_lhist(struct sema *s, struct node *call)
{
	int64_t param[3];
	bool is_good = true;

	collected(s, call);
	is_good &= literal_param(s, call, 1, "min", &param[0]);
	is_good &= literal_param(s, call, 2, "max", &param[1]);
	is_good &= literal_param(s, call, 3, "step", &param[2]);
	if (!is_good)
		return type_poison();
	if (param[2] < 1) {
		sema_error(s, D_SEMA_ARG_RANGE, call->at,
			   "lhist() step must be >= 1 (%lld provided)", (long long)param[2]);
		return type_poison();
	}
	if (param[0] >= param[1]) {
		sema_error(s, D_SEMA_ARG_RANGE, call->at,
			   "lhist() min must be less than max (provided min %lld and max %lld)",
			   (long long)param[0], (long long)param[1]);
		return type_poison();
	}
	if ((param[1] - param[0]) / param[2] > 1000) {
		sema_error(s, D_SEMA_ARG_RANGE, call->at,
			   "lhist() too many buckets, must be <= 1000 (would need %lld)",
			   (long long)((param[1] - param[0]) / param[2]));
		return type_poison();
	}
	if (param[2] > param[1] - param[0]) {
		sema_error(
			s, D_SEMA_ARG_RANGE, call->at,
			"lhist() step is too large: must be between 1 and (max - min) (step: %lld max: %lld min: %lld)",
			(long long)param[2], (long long)param[1], (long long)param[0]);
		return type_poison();
	}
	return type_aggregate(s->tt, TYPE_LHIST, true, param);
}

static bool tseries_function(struct sema *s, struct node *call, int64_t *agg)
{
	static const char *const names[] = {
		[TSERIES_AVG] = "avg",
		[TSERIES_MAX] = "max",
		[TSERIES_MIN] = "min",
		[TSERIES_SUM] = "sum",
	};
	struct str name;

	*agg = TSERIES_LAST;
	if (call->call.n_args < 4)
		return true;
	if (!arg_string(s, call, 3, &name))
		return false;
	for (int i = TSERIES_AVG; i <= TSERIES_SUM; i++) {
		if (str_is(name, names[i])) {
			*agg = i;
			return true;
		}
	}
	sema_error(s, D_SEMA_ARG_RANGE, call->at,
		   "tseries() expects one of the following aggregation functions: avg, max, "
		   "min, sum (\"%.*s\" provided)",
		   STR_ARG(name));
	return false;
}

static const struct type *call_tseries(struct sema *s, struct node *call)
{
	int64_t param[3];
	bool is_signed = collected(s, call), is_good = true;

	if (s->is_tseries_refused)
		sema_error(s, D_SEMA_CONFIG, call->at,
			   "tseries() is refused by the config variable unstable_tseries");
	is_good &= literal_param(s, call, 1, "interval_ns", &param[0]);
	is_good &= literal_param(s, call, 2, "num_intervals", &param[1]);
	is_good &= tseries_function(s, call, &param[2]);
	if (!is_good)
		return type_poison();
	if (param[0] < 1) {
		sema_error(s, D_SEMA_ARG_RANGE, call->at,
			   "tseries() interval_ns must be >= 1 (%lld provided)",
			   (long long)param[0]);
		return type_poison();
	}
	if (param[1] < 1) {
		sema_error(s, D_SEMA_ARG_RANGE, call->at,
			   "tseries() num_intervals must be >= 1 (%lld provided)",
			   (long long)param[1]);
		return type_poison();
	}
	if (param[1] >= 1000000) {
		sema_error(s, D_SEMA_ARG_RANGE, call->at,
			   "tseries() num_intervals must be < 1000000 (%lld provided)",
			   (long long)param[1]);
		return type_poison();
	}
	return type_aggregate(s->tt, TYPE_TSERIES, is_signed, param);
}

static enum type_kind aggregate_kind(enum builtin_id id)
{
	switch (id) {
	case BUILTIN_SUM: return TYPE_SUM;
	case BUILTIN_AVG: return TYPE_AVG;
	case BUILTIN_MIN: return TYPE_MIN;
	case BUILTIN_MAX: return TYPE_MAX;
	default: return TYPE_STATS;
	}
}

const struct type *call_aggregation(struct sema *s, struct node **slot, unsigned want)
{
	struct node *call = *slot;

	if (!(want & WANT_AGGREGATION))
		return refuse_place(s, call);
	switch (call->call.builtin->id) {
	case BUILTIN_COUNT: return type_simple(TYPE_COUNT);
	case BUILTIN_HIST: return call_hist(s, call);
	case BUILTIN_LHIST: return call_lhist(s, call);
	case BUILTIN_TSERIES: return call_tseries(s, call);
	default:
		return type_aggregate(s->tt, aggregate_kind(call->call.builtin->id),
				      collected(s, call), NULL);
	}
}
