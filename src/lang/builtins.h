/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of builtin variables and functions (builtins.def). */
#ifndef SONDE_LANG_BUILTINS_H
#define SONDE_LANG_BUILTINS_H

#include "base/str.h"

enum builtin_id {
#define BUILTIN(id, name, min, max, flags, summary) BUILTIN_##id,
#include "lang/builtins.def"
#undef BUILTIN
	BUILTIN_N
};

struct builtin {
	enum builtin_id id;
	const char *name;
	uint8_t min_args, max_args;
	bool is_variable;     /* V: may be written without parentheses */
	bool is_unsafe;       /* U */
	bool is_async;        /* A */
	bool is_aggregation;  /* G */
	bool is_compile_time; /* C */
	const char *summary;
};

extern const struct builtin builtins[BUILTIN_N];
/* arg0, arg1, ... give BUILTIN_ARG and the number in *index; NULL when unknown */
const struct builtin *builtin_find(struct str name, uint32_t *index);

#endif
