/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the Go runtime's own data says about a binary: where text and types lie (its moduledata), where a goroutine keeps
 * its number, the names of run-time types. Addresses are the file's own (vaddr).
 */
#ifndef SONDE_OBJFILE_GO_RUNTIME_H
#define SONDE_OBJFILE_GO_RUNTIME_H

#include "base/arena.h"
#include "objfile/elf.h"

/* parts of runtime.firstmoduledata; all 0 when it was not found */
struct go_module {
	uint64_t addr;
	uint64_t text, etext;
	uint64_t types, etypes; /* run-time types; offsets in them count from types */
	uint64_t gofunc;        /* functions' data: inline trees */
};

struct go_runtime_facts {
	unsigned minor; /* of the version, 0: not known */
	bool has_reg_abi; /* functions of Go code take words in registers (Go 1.17 on), the rest on the stack */
	int32_t goid_offset; /* of goid in runtime.g; -1: not known for this version */
	int32_t g_tls_offset; /* where ABI0 code finds g: fs:offset; 0: not known (linked by an external linker) */
	struct go_module module;
};

/* NULL when the file is not Go's. It belongs to the objfile. */
const struct go_runtime_facts *objfile_go_facts(struct objfile *f);
/* which of the first words of struct runtime.g are what; the same from Go 1.3 on */
enum { GO_G_STACK_LO = 0, GO_G_STACK_HI = 8, GO_G_M = 48, GO_G_SCHED_SP = 56 };
/* where runtime.allgs is, a slice of pointers to all structs runtime.g; 0: not known */
uint64_t objfile_go_allgs(struct objfile *f);

/*
 * The name of the type whose run-time descriptor (the first word of an interface, or itab + 8) is at this address:
 * "int", "*errors.errorString", "main.P". Copied into the arena. Empty: no type is there (made by reflect at run time,
 * or from another file).
 */
struct str go_type_name_at(struct objfile *f, uint64_t addr, struct arena *a);
/* its reflect.Kind (2: int, 22: pointer, ...); 0: no type is there */
uint8_t go_type_kind_at(struct objfile *f, uint64_t addr);

#endif
