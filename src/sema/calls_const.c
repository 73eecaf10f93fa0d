/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is known at compile time: builtins that become literals while names are resolved (getopt,
 * ncpus, kaddr, ...), and those that ask for types (is_str, ...), which comptime.c replaces once
 * types are known. fail() and static_assert() speak in the reporting round, when comptime branches
 * that are not taken are gone.
 */
#include "sema/sema_private.h"
#include "types/format.h"

/* ---- getopt ---- */

/* "name=value" or "name" among the named parameters */
bool option_find(const struct sema *s, struct str name, struct str *value, bool *has_value)
{
	for (uint32_t i = 0; i < s->opts->n_named; i++) {
		struct str rest = s->opts->named[i], key;
		ptrdiff_t eq = str_find_char(rest, '=', 0);

		key = eq < 0 ? rest : str_sub(rest, 0, (size_t)eq);
		if (!str_eq(key, name))
			continue;
		*has_value = eq >= 0;
		*value = eq < 0 ? STR_NULL : str_sub(rest, (size_t)eq + 1, rest.n);
		return true;
	}
	return false;
}

static struct node *option_bool(struct sema *s, struct node *n, struct str name, struct str value,
				bool has_value)
{
	if (!has_value || str_eq_nocase(value, STR("true")) || str_is(value, "1"))
		return node_bool(s, n->at, true);
	if (!str_eq_nocase(value, STR("false")) && !str_is(value, "0"))
		sema_error_now(s, D_SEMA_OPTION, SPAN_NONE,
			       "program command line option --%.*s invalid boolean (value: %.*s)",
			       STR_ARG(name), STR_ARG(value));
	return node_bool(s, n->at, false);
}

static struct node *option_value(struct sema *s, struct node *n, struct str name,
				 const struct node *fallback, struct str value, bool has_value)
{
	int64_t number = 0;
	uint64_t large;

	if (!fallback || fallback->kind == NODE_BOOL)
		return option_bool(s, n, name, value, has_value);
	if (fallback->kind == NODE_STRING)
		return node_string(s, n->at, value);
	if (has_value && !str_to_i64(value, &number) && str_to_u64(value, &large)) {
		struct node *big = node_int(s, n->at, (int64_t)large, type_int(8, false));

		big->flags |= NODE_F_UINT64;
		return big;
	}
	if (!has_value || !str_to_i64(value, &number))
		sema_error_now(s, D_SEMA_OPTION, SPAN_NONE,
			       "program command line option --%.*s invalid integer (value: %.*s)",
			       STR_ARG(name), STR_ARG(value));
	return node_int(s, n->at, number, type_int(8, true));
}

/* the name and what it is about, a NODE_STRING or NULL */
static void remember_option(struct sema *s, struct str name, struct node *about)
{
	if (about || !hashmap_get(&s->options, name))
		hashmap_put(&s->options, name, about ? (void *)about : (void *)s);
}

static void fold_getopt(struct sema *s, struct node **slot)
{
	struct node *n = *slot, *name = n->call.args, *fallback = name->next, *about;
	struct str value;
	bool has_value;

	if (name->kind != NODE_STRING) {
		sema_error_now(s, D_SEMA_ARG_LITERAL, n->at,
			       "First argument to 'getopt' must be a string literal.");
		n->type = type_poison();
		return;
	}
	about = fallback ? fallback->next : NULL;
	remember_option(s, name->string, about && about->kind == NODE_STRING ? about : NULL);
	if (fallback && !is_const(fallback)) {
		sema_error_now(
			s, D_SEMA_ARG_LITERAL, n->at,
			"Second argument to 'getopt' must be a string literal, integer literal, or a boolean literal.");
		n->type = type_poison();
		return;
	}
	if (about && about->kind != NODE_STRING)
		sema_error_now(s, D_SEMA_ARG_LITERAL, n->at,
			       "Third argument to 'getopt' must be a string literal.");
	if (option_find(s, name->string, &value, &has_value)) {
		replace(slot, option_value(s, n, name->string, fallback, value, has_value));
		return;
	}
	if (!fallback) {
		replace(slot, node_bool(s, n->at, false));
		return;
	}
	fallback->next = NULL;
	/* the type does not depend on what happens to be given */
	if (fallback->kind == NODE_INT) {
		fallback->type = type_int(8, !(fallback->flags & NODE_F_UINT64));
		fallback->flags &= (uint16_t)~NODE_F_LITERAL;
	}
	replace(slot, fallback);
}

/* options given that nobody asked for */
void check_options(struct sema *s)
{
	STRBUF_AUTO unknown = { 0 }, known = { 0 };
	bool is_described = false;
	struct diag *d;

	for (const struct point_option *p = s->script->point_options; p; p = p->next)
		remember_option(s, p->name, NULL);
	for (uint32_t i = 0; i < s->opts->n_named; i++) {
		struct str rest = s->opts->named[i], key = str_split(&rest, '=');

		if (!hashmap_get(&s->options, key))
			strbuf_printf(&unknown, "%s--%.*s", unknown.n ? ", " : "", STR_ARG(key));
	}
	if (!unknown.n)
		return;
	for (size_t i = 0; i < s->options.n; i++)
		is_described |= s->options.entries[i].value != s;
	for (size_t i = 0; i < s->options.n; i++) {
		const struct hashmap_entry *o = &s->options.entries[i];

		strbuf_printf(&known, "%s--%.*s",
			      is_described ? "\n"
			      : known.n    ? ", "
					   : "",
			      STR_ARG(o->key));
		if (o->value != s)
			strbuf_printf(&known, ": %.*s", STR_ARG(((struct node *)o->value)->string));
	}
	d = sema_error_now(s, D_SEMA_OPTION, SPAN_NONE,
			   "unexpected program command line options: %s", strbuf_cstr(&unknown));
	sema_hint(s, d, "expected program options: %s", known.n ? strbuf_cstr(&known) : "");
}

/* ---- symbols, cgroups, features ---- */

static void fold_number(struct sema *s, struct node **slot, uint64_t value, uint32_t size)
{
	struct node *n = node_int(s, (*slot)->at, (int64_t)value, type_int(size, false));

	if ((int64_t)value < 0)
		n->flags |= NODE_F_UINT64;
	replace(slot, n);
}

static bool literal_text(struct sema *s, struct node *n, struct str *text)
{
	if (n->call.args->kind == NODE_STRING) {
		*text = n->call.args->string;
		return true;
	}
	sema_error_now(s, D_SEMA_ARG_LITERAL, n->at,
		       "%s() expects a string literal as the first argument",
		       n->call.builtin->name);
	n->type = type_poison();
	return false;
}

static void fold_kaddr(struct sema *s, struct node **slot)
{
	struct node *n = *slot;
	struct str name;
	uint64_t addr = 0;

	if (!literal_text(s, n, &name))
		return;
	if (!s->world->kernel_symbol || !s->world->kernel_symbol(s->world->arg, name, &addr)) {
		sema_error_now(s, D_SEMA_SYMBOL, n->at, "Failed to resolve kernel symbol: %.*s",
			       STR_ARG(name));
		n->type = type_poison();
		return;
	}
	fold_number(s, slot, addr, 8);
}

static void fold_cgroupid(struct sema *s, struct node **slot)
{
	struct node *n = *slot;
	struct str path;
	uint64_t id = 0;

	if (!literal_text(s, n, &path))
		return;
	if (!s->world->cgroup_id || !s->world->cgroup_id(s->world->arg, path, &id)) {
		sema_error_now(s, D_SEMA_SYMBOL, n->at, "Failed to get cgroup ID for path: %.*s",
			       STR_ARG(path));
		n->type = type_poison();
		return;
	}
	fold_number(s, slot, id, 8);
}

static void fold_kfunc(struct sema *s, struct node **slot)
{
	struct node *n = *slot;
	struct str name;
	struct str feature;

	if (!literal_text(s, n, &name))
		return;
	feature = arena_printf(s->arena, "kfunc:%.*s", STR_ARG(name));
	replace(slot, node_bool(s, n->at,
				s->world->has_feature &&
					s->world->has_feature(s->world->arg, feature.p)));
}

/* ---- the configuration as a record ---- */

static struct node *config_field(struct sema *s, struct span at, struct str name,
				 struct node *value)
{
	struct node *n = node_new(s->arena, NODE_NAMED, at);

	n->named.name = name;
	n->named.value = value;
	return n;
}

static void fold_config(struct sema *s, struct node **slot)
{
	static const char *const modes[] = { "bpftrace", "perf", "raw", "build_id" };
	static const char *const missing[] = { "error", "warn", "ignore" };
	static const char *const caches[] = { "PER_PID", "PER_PROGRAM", "PER_PID", "NONE" };
	const struct sema_config *c = &s->unit->config;
	struct span at = (*slot)->at;
	struct node *record = node_new(s->arena, NODE_RECORD, at), **tail = &record->list.items;
	const struct type *u64 = type_int(8, false);
	struct node *fields[] = {
		config_field(s, at, STR("cache_user_symbols"),
			     node_string(s, at, str_from(caches[c->cache_user_symbols]))),
		config_field(s, at, STR("cpp_demangle"), node_bool(s, at, c->cpp_demangle)),
		config_field(s, at, STR("lazy_symbolication"),
			     node_bool(s, at, c->lazy_symbolication)),
		config_field(s, at, STR("license"), node_string(s, at, c->license)),
		config_field(s, at, STR("log_size"), node_int(s, at, c->log_size, u64)),
		config_field(s, at, STR("max_bpf_progs"), node_int(s, at, c->max_bpf_progs, u64)),
		config_field(s, at, STR("max_cat_bytes"), node_int(s, at, c->max_cat_bytes, u64)),
		config_field(s, at, STR("max_map_keys"), node_int(s, at, c->max_map_keys, u64)),
		config_field(s, at, STR("max_probes"), node_int(s, at, c->max_probes, u64)),
		config_field(s, at, STR("max_strlen"), node_int(s, at, c->max_strlen, u64)),
		config_field(s, at, STR("missing_probes"),
			     node_string(s, at, str_from(missing[c->missing_probes]))),
		config_field(s, at, STR("on_stack_limit"), node_int(s, at, c->on_stack_limit, u64)),
		config_field(s, at, STR("perf_rb_pages"), node_int(s, at, c->perf_rb_pages, u64)),
		config_field(s, at, STR("print_maps_on_exit"),
			     node_bool(s, at, c->print_maps_on_exit)),
		config_field(s, at, STR("show_debug_info"), node_bool(s, at, c->show_debug_info)),
		config_field(s, at, STR("stack_mode"),
			     node_string(s, at, str_from(modes[c->stack_mode]))),
		config_field(s, at, STR("str_trunc_trailer"),
			     node_string(s, at, c->str_trunc_trailer)),
	};

	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++, tail = &(*tail)->next) {
		*tail = fields[i];
		record->list.n++;
	}
	replace(slot, record);
}

/* ---- while names are resolved ---- */

void fold_call(struct sema *s, struct node **slot)
{
	struct node *n = *slot;

	switch (n->call.builtin->id) {
	case BUILTIN_GETOPT: fold_getopt(s, slot); break;
	case BUILTIN_NCPUS: fold_number(s, slot, s->world->n_cpus, 8); break;
	case BUILTIN_HAS_CPID: replace(slot, node_bool(s, n->at, s->opts->has_child)); break;
	case BUILTIN_CONFIG: fold_config(s, slot); break;
	case BUILTIN_PROBETYPE:
		if (s->shape)
			replace(slot,
				node_string(s, n->at,
					    s->shape->kind <= PROBE_END
						    ? STR("special")
						    : str_from(probe_kind_name(s->shape->kind))));
		else
			sema_error_now(s, D_SEMA_PROBE_KIND, n->at,
				       "Builtin probetype not supported outside probe");
		break;
	case BUILTIN_KADDR: fold_kaddr(s, slot); break;
	case BUILTIN_CGROUPID: fold_cgroupid(s, slot); break;
	case BUILTIN_KFUNC_EXIST:
	case BUILTIN_KFUNC_ALLOWED: fold_kfunc(s, slot); break;
	case BUILTIN_IS_LITERAL: replace(slot, node_bool(s, n->at, is_const(n->call.args))); break;
	default: break;
	}
}

/* ---- when types are known ---- */

/* other pointers are printed as such: what they lead to is no text */
static bool is_text(const struct type *t)
{
	if (t->kind == TYPE_INT)
		return true;
	return t->kind == TYPE_POINTER &&
	       (t->elem->kind == TYPE_VOID || (t->elem->kind == TYPE_INT && t->elem->size == 1));
}

/* -1: not known yet */
int type_test(struct sema *s, struct node *call)
{
	const struct type *t;

	s->in_type++;
	t = infer(s, &call->call.args, WANT_PLACE | WANT_AGGREGATION);
	s->in_type--;
	if (is_unknown(t))
		return -1;
	switch (call->call.builtin->id) {
	case BUILTIN_IS_ARRAY: return t->kind == TYPE_ARRAY;
	case BUILTIN_IS_INTEGER: return t->kind == TYPE_INT;
	case BUILTIN_IS_UNSIGNED_INTEGER: return t->kind == TYPE_INT && !t->is_signed;
	case BUILTIN_IS_PTR: return t->kind == TYPE_POINTER;
	case BUILTIN_IS_TEXT: return is_text(t);
	case BUILTIN_IS_STR: return t->kind == TYPE_STRING;
	default: return -1;
	}
}

/* the message with the literal arguments put in */
static struct str fail_text(struct sema *s, struct node *call)
{
	STRBUF_AUTO b = { 0 };
	struct node *arg = call->call.args;
	struct format f;
	struct format_error e;

	if (arg->kind != NODE_STRING)
		return STR("fail() expects a string literal as the first argument");
	if (!format_parse(s->arena, arg->string, &f, &e))
		return e.msg;
	if (f.n_args != call->call.n_args - 1)
		return arena_printf(s->arena, "fail() has %u arguments, its format takes %u",
				    call->call.n_args - 1, f.n_args);
	for (uint32_t i = 0; i < f.n_specs; i++) {
		int64_t value;

		strbuf_add_str(&b, f.specs[i].literal);
		arg = arg->next;
		if (arg->kind == NODE_STRING)
			strbuf_add_str(&b, arg->string);
		else if (!const_int(arg, &value))
			return STR("the arguments of fail() must be literals");
		else if (f.specs[i].conv == FORMAT_X)
			strbuf_printf(&b, "%llx", (unsigned long long)value);
		else if (f.specs[i].conv == FORMAT_U || arg->flags & NODE_F_UINT64)
			strbuf_printf(&b, "%llu", (unsigned long long)value);
		else if (arg->kind == NODE_BOOL && f.specs[i].conv == FORMAT_S)
			strbuf_puts(&b, value ? "true" : "false");
		else
			strbuf_printf(&b, "%lld", (long long)value);
	}
	strbuf_add_str(&b, f.tail);
	return arena_str(s->arena, strbuf_str(&b));
}

static void static_assert_(struct sema *s, struct node *call)
{
	struct node *cond = call->call.args, *text = cond->next;
	int64_t value;

	if (cond->kind == NODE_COMPTIME)
		cond = cond->unary.a;
	if (cond->kind == NODE_STRING) {
		value = cond->string.n != 0;
	} else if (!const_int(cond, &value)) {
		sema_error(s, D_SEMA_COMPTIME, cond->at, "Unable to resolve comptime expression");
		return;
	}
	if (value)
		return;
	if (text && text->kind == NODE_STRING)
		sema_error(s, D_SEMA_FAIL, call->at, "%.*s", STR_ARG(text->string));
	else
		sema_error(s, D_SEMA_FAIL, call->at, "static assertion failed");
}

const struct type *call_const(struct sema *s, struct node **slot, unsigned want)
{
	struct node *call = *slot;

	(void)want;
	switch (call->call.builtin->id) {
	case BUILTIN_FAIL:
		for (struct node **arg = &call->call.args; *arg; arg = &(*arg)->next)
			infer(s, arg, 0);
		if (s->is_checking) {
			struct str text = fail_text(s, call);

			sema_error(s, D_SEMA_FAIL, call->at, "%.*s", STR_ARG(text));
		}
		return type_void();
	case BUILTIN_STATIC_ASSERT:
		infer(s, &call->call.args, 0);
		if (s->is_checking)
			static_assert_(s, call);
		return type_void();
	default: /* is_...: comptime.c makes literals of them */
		if (s->is_checking) /* what it is asked about may be wrong in itself */
			infer(s, &call->call.args, WANT_PLACE | WANT_AGGREGATION);
		if (s->is_checking && !s->diags->n_errors)
			sema_error(s, D_SEMA_NO_TYPE, call->at,
				   "Could not resolve the type of this expression");
		return type_bool();
	}
}
