/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Several sources of types asked as one: the script's own C text first, then the kernel's BTF, and so on. */
#include "types/btf_source.h"

static const struct type *chain_find(struct type_source *src, char keyword, struct str name)
{
	struct type_chain *c = (struct type_chain *)src;
	const struct type *t = NULL;

	for (uint32_t i = 0; i < c->n && !t; i++)
		t = c->sources[i]->ops->find(c->sources[i], keyword, name);
	return t;
}

static bool chain_find_constant(struct type_source *src, struct str name, int64_t *value,
				const struct type **type)
{
	struct type_chain *c = (struct type_chain *)src;

	for (uint32_t i = 0; i < c->n; i++) {
		struct type_source *s = c->sources[i];

		if (s->ops->find_constant && s->ops->find_constant(s, name, value, type))
			return true;
	}
	return false;
}

static const struct type *chain_find_function(struct type_source *src, struct str name)
{
	struct type_chain *c = (struct type_chain *)src;
	const struct type *t = NULL;

	for (uint32_t i = 0; i < c->n && !t; i++)
		if (c->sources[i]->ops->find_function)
			t = c->sources[i]->ops->find_function(c->sources[i], name);
	return t;
}

static void chain_each(struct type_source *src,
		       void (*visit)(void *arg, struct str name, const struct type *t), void *arg)
{
	struct type_chain *c = (struct type_chain *)src;

	for (uint32_t i = 0; i < c->n; i++)
		if (c->sources[i]->ops->each)
			c->sources[i]->ops->each(c->sources[i], visit, arg);
}

/* no complete: a type asks the source that made it, and the chain makes none */
static const struct type_source_ops chain_ops = {
	.find = chain_find,
	.find_constant = chain_find_constant,
	.find_function = chain_find_function,
	.each = chain_each,
};

void type_chain_init(struct type_chain *c, struct type_table *tt)
{
	*c = (struct type_chain){ .base = { .ops = &chain_ops, .table = tt } };
}

bool type_chain_add(struct type_chain *c, struct type_source *s)
{
	if (c->n == TYPE_CHAIN_MAX)
		return false;
	c->sources[c->n++] = s;
	return true;
}
