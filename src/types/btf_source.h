/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * BTF as a source of types: the kernel's own (/sys/kernel/btf/vmlinux, or the file named by BPFTRACE_BTF), a module's,
 * or any file's. Nothing is opened before the first question, names are indexed before the first name is looked up,
 * and a struct's fields are made when somebody asks for them: a script that names no kernel type pays nothing.
 *
 * Pointers: space is SPACE_USER when the kernel marks the pointer __user (the field's is_user is set too), else
 * SPACE_NONE: whoever reads the pointer knows from which memory it came.
 *
 * A btfsrc is owned by whoever made it; the types it made live in the table's arena and may outlive it only when nobody
 * completes them any more. (The names here avoid the prefix btf_, which is libbpf's.)
 */
#ifndef SONDE_TYPES_BTF_SOURCE_H
#define SONDE_TYPES_BTF_SOURCE_H

#include "base/err.h"
#include "types/type.h"

struct btfsrc;

/* what a name names; bits, for btfsrc_each */
enum btfsrc_kind {
	BTFSRC_STRUCT = 1 << 0,
	BTFSRC_UNION = 1 << 1,
	BTFSRC_ENUM = 1 << 2,
	BTFSRC_TYPEDEF = 1 << 3, /* typedefs and base types */
	BTFSRC_FUNC = 1 << 4,
};

/* the kernel's types. The environment is read here: a BPFTRACE_BTF that is set names the file */
struct btfsrc *btfsrc_new_kernel(struct type_table *tt);
/* base: types that this file builds upon (a module upon the kernel), or NULL. path is copied */
struct btfsrc *btfsrc_new_file(struct type_table *tt, const char *path, struct btfsrc *base);
/*
 * BTF that a program carries (its section .BTF): n bytes that stay until the first question; name is for messages, copied. Numbers
 * that BPF programs lack (float, double) are there, for printing.
 */
struct btfsrc *btfsrc_new_bytes(struct type_table *tt, const char *name, const void *bytes,
				size_t n);
void btfsrc_free(struct btfsrc *s);
struct type_source *btfsrc_source(struct btfsrc *s);
/* "vmlinux", "nf_tables", ...: the last part of the path */
struct str btfsrc_name(const struct btfsrc *s);
/* opens now; false when there is none. The reason is kept: btfsrc_error (NULL when all is well) */
bool btfsrc_open(struct btfsrc *s);
const struct err *btfsrc_error(const struct btfsrc *s);

/* id of the type of that name, of the first of the kinds asked for; 0 when there is none */
uint32_t btfsrc_find_id(struct btfsrc *s, unsigned kinds, struct str name);
/* the type with an id; NULL when the id or what it refers to is malformed. Modifiers and typedefs are stripped */
const struct type *btfsrc_type(struct btfsrc *s, uint32_t id);
/* a function's prototype by the id of its FUNC: TYPE_FUNCTION, parameters named; NULL when malformed */
const struct type *btfsrc_function(struct btfsrc *s, uint32_t func_id);
/* what a typedef or pointer chain of id finally points to when that is a function prototype (btf_trace_*); or NULL */
const struct type *btfsrc_pointed_function(struct btfsrc *s, uint32_t id);
/* named things of these kinds of this file alone (not of its base), in the file's order; false from visit stops */
void btfsrc_each(struct btfsrc *s, unsigned kinds,
		 bool (*visit)(void *arg, enum btfsrc_kind kind, struct str name, uint32_t id),
		 void *arg);

/*
 * ---- the same as C text, for listings ----
 *
 * The parameters of a function as "type name" lines, each behind indent; skip leading ones are left out. FUNC ids and
 * typedefs of pointers to functions (btf_trace_*) are understood. with_result: "type retval" last, unless it is void.
 */
bool btfsrc_print_params(struct btfsrc *s, uint32_t id, uint32_t skip, bool with_result,
			 const char *indent, struct strbuf *out);
/* "struct x {\n\tint a;\n};\n" */
bool btfsrc_print_definition(struct btfsrc *s, uint32_t id, struct strbuf *out);

/* ---- several sources as one ---- */

#define TYPE_CHAIN_MAX 16

/* asks its sources in order; the first answer counts. Owns none of them */
struct type_chain {
	struct type_source base;
	struct type_source *sources[TYPE_CHAIN_MAX];
	uint32_t n;
};

void type_chain_init(struct type_chain *c, struct type_table *tt);
/* false when the chain is full */
bool type_chain_add(struct type_chain *c, struct type_source *s);

#endif
