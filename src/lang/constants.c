/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of constants.def, searched by halves; see constants.h. */
#include "lang/constants.h"

struct constant {
	struct str name;
	int64_t value;
};

static const struct constant constants[] = {
#define CONSTANT(name, value) { STR_INIT(#name), value },
#include "lang/constants.def"
#undef CONSTANT
};

bool constant_find(struct str name, int64_t *value)
{
	for (size_t i = 0; i < sizeof(constants) / sizeof(*constants); i++) {
		if (str_eq(constants[i].name, name)) {
			*value = constants[i].value;
			return true;
		}
	}
	return false;
}

static const struct type *no_type(struct type_source *src, char keyword, struct str name)
{
	return NULL;
}

static bool find_constant(struct type_source *src, struct str name, int64_t *value, const struct type **type)
{
	if (!constant_find(name, value))
		return false;
	if (type)
		*type = NULL;
	return true;
}

static const struct type_source_ops constant_ops = { .find = no_type, .find_constant = find_constant };

void constant_source_init(struct type_source *src, struct type_table *table)
{
	*src = (struct type_source){ .ops = &constant_ops, .table = table };
}
