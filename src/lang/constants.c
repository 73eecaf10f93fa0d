/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of constants.def; see constants.h. */
#include "lang/constants.h"

struct constant {
	struct str name;
	int64_t value;
	bool is_enumerator;
};

static const struct constant constants[] = {
#define CONSTANT(name, value) { STR_INIT(#name), value, false },
#define ENUMERATOR(name, value) { STR_INIT(#name), value, true },
#include "lang/constants.def"
#undef CONSTANT
#undef ENUMERATOR
};

bool constant_find(struct str name, int64_t *value, bool *is_enumerator)
{
	for (size_t i = 0; i < sizeof(constants) / sizeof(*constants); i++) {
		if (str_eq(constants[i].name, name)) {
			*value = constants[i].value;
			*is_enumerator = constants[i].is_enumerator;
			return true;
		}
	}
	return false;
}
