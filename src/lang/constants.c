/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of constants.def; see constants.h. */
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
