/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Look-up in the table of builtins; see builtins.h. */
#include "lang/builtins.h"

#define HAS(flags, c) (__builtin_strchr("" #flags, c) != NULL)

const struct builtin builtins[BUILTIN_N] = {
/* clang-format off */
#define BUILTIN(id, name, min, max, flags, summary)                                                       \
	[BUILTIN_##id] = { BUILTIN_##id, name, min, max, HAS(flags, 'V'), HAS(flags, 'U'), HAS(flags, 'A'), \
			   HAS(flags, 'G'), HAS(flags, 'C'), summary },
/* clang-format on */
#include "lang/builtins.def"
#undef BUILTIN
};

const struct builtin *builtin_find(struct str name, uint32_t *index)
{
	uint64_t n;

	*index = 0;
	if (str_starts(name, STR("arg")) && name.n > 3 && name.n <= 6 &&
	    str_to_u64(str_sub(name, 3, name.n), &n) && !(name.n > 4 && name.p[3] == '0')) {
		*index = (uint32_t)n;
		return &builtins[BUILTIN_ARG];
	}
	/* bpftrace's name for stacks that are unwound by tables: here all are */
	if (str_is(name, "dw_ustack"))
		return &builtins[BUILTIN_USTACK];
	for (size_t i = 0; i < BUILTIN_N; i++)
		if (str_is(name, builtins[i].name))
			return &builtins[i];
	return NULL;
}
