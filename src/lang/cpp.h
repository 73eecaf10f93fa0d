/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A subset of the C preprocessor for the C text at the top of a script: #define (object-like and function-like),
 * #undef, #if and friends, #include, #error. What is left of the text is kept as tokens for cdecl.h; the defines are
 * also replaced in the script itself (see parse.c).
 *
 * Headers: a file found by -I (or beside the script) is read. The names of kernel and libc headers (<linux/sched.h>,
 * <sys/socket.h> ...) are accepted without any file: their types come from the kernel's BTF and their constants from
 * constants.def.
 */
#ifndef SONDE_LANG_CPP_H
#define SONDE_LANG_CPP_H

#include "base/hashmap.h"
#include "lang/lex.h"

struct cpp_tokens {
	struct token *v;
	size_t n, cap;
};

struct cpp_define {
	struct str name;
	bool is_function, is_variadic;
	struct str *params;
	uint32_t n_params;
	const struct token *body;
	uint32_t n_body;
	struct span at; /* of the name in its #define */
};

struct cpp_opts {
	struct arena *arena;
	struct sources *sources;
	struct diag_list *diags;
	const struct str *include_dirs; /* -I, in order */
	uint32_t n_include_dirs;
	bool have_btf;           /* defines BPFTRACE_HAVE_BTF */
	uint32_t kernel_version; /* LINUX_VERSION_CODE; 0: not defined */
	/* how headers are read; NULL: from the file system. False: no such file. Text in an arena or mapped. */
	bool (*read_file)(void *arg, struct arena *arena, struct str path, struct str *text);
	void *read_arg;
};

struct cpp;
struct cpp *cpp_new(const struct cpp_opts *opts);
void cpp_free(struct cpp *c); /* the arena stays */
/* one more piece of C text; its tokens and defines are added to what there is */
void cpp_feed(struct cpp *c, struct span text);
/* an object-like define, as -D name=text does */
void cpp_define(struct cpp *c, struct str name, struct str text);
/* --include FILE, or an imported header: as #include "file" at the top */
void cpp_include(struct cpp *c, struct str path, struct span at);
/* everything fed so far, without directives, defines replaced; ends in no TOKEN_END */
const struct cpp_tokens *cpp_output(const struct cpp *c);
const struct cpp_define *cpp_find_define(const struct cpp *c, struct str name);
/*
 * What the define stands for at *use, replaced through and through, appended to out. args: for function-like ones the
 * tokens from '(' to its ')'. A fault is reported at the use, out then stays as it is.
 */
void cpp_expand(struct cpp *c, const struct cpp_define *def, const struct token *use,
		const struct cpp_tokens *args, struct cpp_tokens *out);

#endif
