/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What cpp.c, cpp_expand.c and cpp_cond.c share; nobody else includes this. */
#ifndef SONDE_LANG_CPP_PRIVATE_H
#define SONDE_LANG_CPP_PRIVATE_H

#include "lang/cpp.h"

/* one #if ... #endif that is open */
struct cpp_condition {
	struct span at;
	bool outer;     /* the text around it is kept */
	bool active;    /* its current branch is kept */
	bool was_taken; /* a branch has been */
	bool saw_else;
};

struct cpp {
	struct cpp_opts o;
	struct hashmap defines; /* name -> struct cpp_define */
	struct cpp_tokens out;
	VEC(struct cpp_condition) conditions;
	VEC(struct str) once; /* paths with #pragma once */
	unsigned include_depth;
	/* while a define is being replaced: which are (they are not replaced again), and how much may still come */
	VEC(const struct cpp_define *) active;
	size_t budget;
	bool overflow;
};

/* tokens in, all defines replaced, appended to out; places become use->at when use is not NULL */
void cpp_expand_tokens(struct cpp *c, const struct token *in, size_t n, const struct token *use,
		       struct cpp_tokens *out);
/* the value of a #if expression; faults are reported at `at` and give false */
bool cpp_evaluate(struct cpp *c, const struct token *in, size_t n, struct span at);

#endif
