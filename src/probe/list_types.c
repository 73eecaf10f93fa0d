/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "struct x", "union x", "enum x": the kernel's types in a listing, by name or, with -v, as C text. */
#include "probe/list_private.h"

static const struct {
	const char *word;
	enum btfsrc_kind kind;
} keywords[] = {
	{ "struct ", BTFSRC_STRUCT },
	{ "union ", BTFSRC_UNION },
	{ "enum ", BTFSRC_ENUM },
};

static enum btfsrc_kind kind_of_text(struct str text, struct str *name)
{
	for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++)
		if (str_starts(text, str_from(keywords[i].word))) {
			*name = str_trim(str_sub(text, strlen(keywords[i].word), text.n));
			return keywords[i].kind;
		}
	return 0;
}

bool probe_list_is_type(struct str pattern)
{
	struct str name;

	return kind_of_text(str_trim(pattern), &name) != 0;
}

struct type_walk {
	struct listing *l;
	struct str pattern;
};

static bool list_type(void *arg, enum btfsrc_kind kind, struct str name, uint32_t id)
{
	struct type_walk *w = arg;
	struct listing *l = w->l;
	const char *word = kind == BTFSRC_STRUCT  ? "struct"
			   : kind == BTFSRC_UNION ? "union"
						  : "enum";
	struct str file = btfsrc_name(l->c->btf);

	if (!str_glob(w->pattern, name))
		return true;
	if (!l->o->verbose)
		return list_line(l, "%.*s: %s %.*s", STR_ARG(file), word, STR_ARG(name));
	strbuf_printf(&l->out, "%.*s: ", STR_ARG(file));
	btfsrc_print_definition(l->c->btf, id, &l->out);
	/* the definition ends in a newline of its own; list_line adds the one behind */
	l->out.n--;
	return list_line(l, "%s", "");
}

struct err *list_types(struct listing *l, struct str text)
{
	struct type_walk w = { .l = l };
	enum btfsrc_kind kind = kind_of_text(text, &w.pattern);
	uint32_t id;

	if (!btfsrc_open(l->c->btf))
		return err_new(
			0,
			"the kernel's types are not known: it has no BTF (CONFIG_DEBUG_INFO_BTF)");
	if (str_has_glob(w.pattern)) {
		btfsrc_each(l->c->btf, kind, list_type, &w);
		return NULL;
	}
	id = btfsrc_find_id(l->c->btf, kind, w.pattern);
	if (id)
		list_type(&w, kind, w.pattern, id);
	return NULL;
}
