/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * --set NAME=VALUE: variables of an object before it is loaded. Objects are written for many cases, and their loaders choose by what they put
 * into const volatile variables (.rodata), on which the verifier then builds; variables in .data and .bss can be set, too. NAME is a
 * variable, a member (conf.port) or an element (pids[2]) of one; the object's types say which values fit.
 *
 * It must not change what does not fit the type, nor guess: whatever is not a number, a name of an enumeration, true, false or a text
 * where one belongs is an error.
 */
#include "object/object_private.h"

#include <errno.h>
#include <string.h>

enum { MOST_NAMES = 32 };

struct variable {
	struct bpf_map *map;
	const char *name;
	const struct type *type; /* NULL: not described */
	uint32_t offset, size;   /* in the map's value */
};
struct variables {
	struct variable *v;
	size_t n, cap;
};

/* what --set names: a part of a variable's bytes */
struct part {
	const struct type *type;
	uint32_t offset, size;
};

static bool is_section(const struct bpf_map *m)
{
	struct str name = str_from(bpf_map__name(m));

	return bpf_map__is_internal(m) && !str_ends(name, STR(".kconfig"));
}

/* the texts of bpf_printk are variables to the compiler */
static bool is_own(const char *name)
{
	return strstr(name, "____fmt") || str_starts(str_from(name), STR("__bpf_usdt_"));
}

static void find_variables(struct object *o, struct variables *ret)
{
	const struct btf *btf = bpf_object__btf(o->bpf);
	struct bpf_map *m;

	bpf_object__for_each_map(m, o->bpf)
	{
		const struct btf_type *section;
		size_t size = 0;

		if (!btf || !is_section(m) || !bpf_map__initial_value(m, &size))
			continue;
		section = btf__type_by_id(btf, bpf_map__btf_value_type_id(m));
		if (!section || !btf_is_datasec(section))
			continue;
		for (uint32_t i = 0; i < btf_vlen(section); i++) {
			const struct btf_var_secinfo *v = &btf_var_secinfos(section)[i];
			const struct btf_type *var = btf__type_by_id(btf, v->type);
			const char *name;

			if (!var || !btf_is_var(var) || v->offset > size ||
			    v->size > size - v->offset)
				continue;
			name = btf__name_by_offset(btf, var->name_off);
			if (name && *name && !is_own(name))
				vec_push(ret,
					 ((struct variable){ m, name, object_type(o, var->type),
							     v->offset, v->size }));
		}
	}
}

static struct err *not_found(const struct object *o, struct str name, const struct variables *all)
{
	struct err *err = err_new(0, "--set: '%s' has no variable '%.*s'", o->opts.path,
				  STR_ARG(name));
	STRBUF_AUTO names = { 0 };

	vec_each(v, all) {
		strbuf_printf(&names, "%s%s", names.n ? ", " : "", v->name);
		if (v->type) {
			strbuf_puts(&names, " (");
			type_spell(v->type, &names);
			strbuf_putc(&names, ')');
		}
	}
	if (!all->n)
		return err_hint(
			err,
			bpf_object__btf(o->bpf)
				? "it has none that can be set"
				: "variables are found by BTF, which it does not have: compile it with -g");
	return err_hint(err, "it has %s", strbuf_cstr(&names));
}

/* the longest one that the name begins with: names of static variables in functions have a dot. *rest: what follows it */
static const struct variable *find(const struct variables *all, struct str name, struct str *rest)
{
	const struct variable *found = NULL;
	size_t longest = 0;

	vec_each(v, all) {
		size_t n = strlen(v->name);

		if (!str_starts(name, str_from(v->name)) || n <= longest ||
		    (n < name.n && name.p[n] != '.' && name.p[n] != '['))
			continue;
		found = v;
		longest = n;
	}
	*rest = str_sub(name, longest, name.n);
	return found;
}

/* ".member" and "[2]" of what a name has led to so far */
static struct err *step(struct str name, struct str *rest, struct part *at)
{
	struct type_field f;
	uint64_t i;

	if (rest->p[0] == '[') {
		ptrdiff_t end = str_find_char(*rest, ']', 0);

		if (end < 0 || !str_to_u64(str_sub(*rest, 1, (size_t)end), &i))
			return err_new(0, "--set '%.*s': an element is NAME[NUMBER]",
				       STR_ARG(name));
		if (!at->type || at->type->kind != TYPE_ARRAY || i >= at->type->count)
			return err_new(0, "--set '%.*s': there is no element %llu", STR_ARG(name),
				       (unsigned long long)i);
		*at = (struct part){ at->type->elem,
				     at->offset + (uint32_t)i * at->type->elem->size,
				     at->type->elem->size };
		*rest = str_sub(*rest, (size_t)end + 1, rest->n);
		return NULL;
	}
	if (rest->p[0] == '.') {
		struct str member;
		size_t n = 1;

		while (n < rest->n && rest->p[n] != '.' && rest->p[n] != '[')
			n++;
		member = str_sub(*rest, 1, n);
		if (!at->type || at->type->kind != TYPE_STRUCT ||
		    !type_find_field(at->type, member, &f))
			return err_new(0, "--set '%.*s': there is no member '%.*s'", STR_ARG(name),
				       STR_ARG(member));
		if (f.bit_size)
			return err_new(0, "--set '%.*s': bit-fields cannot be set", STR_ARG(name));
		*at = (struct part){ f.type, at->offset + f.offset, f.type->size };
		*rest = str_sub(*rest, n, rest->n);
		return NULL;
	}
	return err_new(0, "--set '%.*s': a name is NAME, NAME.MEMBER or NAME[NUMBER]",
		       STR_ARG(name));
}

/* ---- values ---- */

static bool enumerator(const struct type *t, struct str text, int64_t *ret)
{
	for (uint32_t i = 0; i < t->n_enumerators; i++)
		if (str_eq(t->enumerators[i].name, text)) {
			*ret = t->enumerators[i].value;
			return true;
		}
	return false;
}

static bool is_in_range(const struct type *t, bool is_negative, uint64_t n)
{
	unsigned bits = 8 * (t->size > 8 ? 8 : t->size);
	uint64_t most = bits == 64 ? UINT64_MAX : (1ull << bits) - 1;

	if (t->kind == TYPE_BOOL)
		return !is_negative && n <= 1;
	if (is_negative)
		return t->is_signed && (int64_t)n >= -(int64_t)(most / 2) - 1;
	return n <= (t->is_signed ? most / 2 : most);
}

static struct err *not_a_value(struct str name, const struct type *t, struct str text)
{
	STRBUF_AUTO spelling = { 0 };
	unsigned bits = 8 * t->size;
	struct err *err;

	type_spell(t, &spelling);
	err = err_new(0, "--set '%.*s': '%.*s' is no value of %s", STR_ARG(name), STR_ARG(text),
		      strbuf_cstr(&spelling));
	if (t->kind == TYPE_BOOL)
		return err_hint(err, "it takes true, false, 1 and 0");
	if (t->n_enumerators) {
		STRBUF_AUTO names = { 0 };

		for (uint32_t i = 0; i < t->n_enumerators && i < MOST_NAMES; i++)
			strbuf_printf(&names, "%.*s, ", STR_ARG(t->enumerators[i].name));
		return err_hint(err, "it takes %sand numbers", strbuf_cstr(&names));
	}
	if (t->is_signed)
		return err_hint(err, "it takes %lld to %lld",
				-1ll - (long long)(INT64_MAX >> (64 - bits)),
				(long long)(INT64_MAX >> (64 - bits)));
	return err_hint(err, "it takes 0 to %llu", (unsigned long long)(UINT64_MAX >> (64 - bits)));
}

static struct err *put_integer(struct str name, const struct type *t, struct str text, uint8_t *to)
{
	bool is_negative = false;
	int64_t i = 0;
	uint64_t n;

	if (str_is(text, "true") || str_is(text, "false")) {
		n = str_is(text, "true");
	} else if (enumerator(t, text, &i) ||
		   (str_starts(text, STR("-")) && str_to_i64(text, &i))) {
		n = (uint64_t)i;
		is_negative = i < 0;
	} else if (!str_to_u64(text, &n)) {
		return not_a_value(name, t, text);
	}
	if (!is_in_range(t, is_negative, n))
		return not_a_value(name, t, text);
	memcpy(to, &n, t->size);
	return NULL;
}

static struct err *put_text(struct str name, const struct type *t, struct str text, uint8_t *to)
{
	if (text.n >= t->size)
		return err_new(0, "--set '%.*s': the text has %zu bytes, and there is room for %u",
			       STR_ARG(name), text.n, t->size ? t->size - 1 : 0);
	memset(to, 0, t->size);
	memcpy(to, text.p, text.n);
	return NULL;
}

static bool is_number(const struct type *t)
{
	return type_is_integer(t) && t->size && t->size <= 8;
}

/* "1,2,3": the first ones of an array; the others become 0, as in C */
static struct err *put_list(struct str name, const struct type *t, struct str text, uint8_t *to)
{
	uint32_t n = 0;

	memset(to, 0, t->size);
	while (text.n) {
		struct str one = str_trim(str_split(&text, ','));

		if (n >= t->count)
			return err_new(0, "--set '%.*s': the array has %u elements", STR_ARG(name),
				       t->count);
		TRY(put_integer(name, t->elem, one, to + (size_t)n++ * t->elem->size));
	}
	return NULL;
}

static struct err *put_value(struct str name, const struct type *t, struct str text, uint8_t *to)
{
	STRBUF_AUTO spelling = { 0 };
	struct err *err;

	if (t && is_number(t))
		return put_integer(name, t, text, to);
	if (t && type_is_char_array(t))
		return put_text(name, t, text, to);
	if (t && t->kind == TYPE_ARRAY && is_number(t->elem))
		return put_list(name, t, text, to);
	if (t)
		type_spell(t, &spelling);
	err = err_new(0, "--set '%.*s': it is %s, and only integers and texts can be set",
		      STR_ARG(name),
		      t ? strbuf_cstr(&spelling) : "of a type that is not described");
	return t && t->kind == TYPE_STRUCT
		       ? err_hint(err, "a member: --set '%.*s.MEMBER=...'", STR_ARG(name))
		       : err;
}

static struct err *set_one(struct object *o, const struct variables *all, struct str name,
			   struct str value)
{
	struct str rest;
	const struct variable *v = find(all, name, &rest);
	const void *initial;
	FREE_AUTO uint8_t *bytes = NULL;
	struct part at;
	size_t size;
	int code;

	if (!v)
		return not_found(o, name, all);
	at = (struct part){ v->type, v->offset, v->size };
	while (rest.n)
		TRY(step(name, &rest, &at));
	initial = bpf_map__initial_value(v->map, &size);
	if (!initial || at.offset > size || at.size > size - at.offset ||
	    (at.type && at.type->size > at.size))
		return err_new(0, "--set '%.*s': it lies outside of its section", STR_ARG(name));
	bytes = base_alloc(size);
	memcpy(bytes, initial, size);
	TRY(put_value(name, at.type, value, bytes + at.offset));
	code = bpf_map__set_initial_value(v->map, bytes, size);
	return code ? err_new(-code, "--set '%.*s'", STR_ARG(name)) : NULL;
}

struct err *object_set_variables(struct object *o)
{
	struct variables all = { 0 };
	struct err *err = NULL;

	if (!o->opts.n_set)
		return NULL;
	find_variables(o, &all);
	for (uint32_t i = 0; !err && i < o->opts.n_set; i++) {
		struct str value = str_from(o->opts.set[i]), name = str_split(&value, '=');

		err = set_one(o, &all, name, value);
	}
	vec_free(&all);
	return err;
}
