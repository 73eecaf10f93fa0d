/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What printing asks of the symbolizer, as a table, so that output runs in tests without object files. The session fills
 * it from objfile/symbolize.h. Names must stay valid until the next call. The table and its arg are the session's and must
 * outlive the output.
 */
#ifndef SONDE_OUTPUT_SYMBOLS_H
#define SONDE_OUTPUT_SYMBOLS_H

#include "base/str.h"
#include "image/image.h"

struct output_symbol {
	struct str name;
	uint64_t offset;   /* of the address from the symbol's start */
	struct str module; /* path of the object; empty: not known, or the kernel proper */
};

/* where in the source an address is: inlined functions, innermost first, then the function with code of its own */
struct output_line {
	struct str func, file;
	uint32_t line;
	bool is_inlined;
};

struct output_symbols {
	void *arg;
	/* false: not known; the address is printed instead. True with an empty name: only the module is known. May be NULL */
	bool (*kernel)(void *arg, uint64_t addr, struct output_symbol *out);
	bool (*user)(void *arg, uint32_t pid, uint64_t addr, struct output_symbol *out);
	/* the type that a word of a running program tells of (TYPE_TYPENAME); may be NULL */
	bool (*type_name)(void *arg, uint32_t pid, uint64_t addr, struct strbuf *name);
	/* a process whose addresses will be asked for later, perhaps when it has exited; may be NULL */
	void (*note_process)(void *arg, uint32_t pid);
	/* a stack that the programs could not unwind; n bytes of it */
	void (*snapshot)(void *arg, const struct image_stack_snapshot *s, const void *bytes,
			 size_t n);
	/*
	 * Frames of a stack that was unwound out of such a record, at most max; the number of them, 0: not one of those. hash:
	 * that number or its frames' hash; becomes the latter. frames may be NULL
	 */
	uint32_t (*unwound)(void *arg, uint64_t *hash, uint64_t *frames, uint32_t max);
	/*
	 * The source at a user address, NULL when not known or not wanted; *n of them, valid until the next call. before: of
	 * the instruction before it, which is the call when addr is a return address.
	 */
	const struct output_line *(*lines)(void *arg, uint32_t pid, uint64_t addr, bool before,
					   size_t *n);
	/* the type whose descriptor is at addr of a Go program: its name and reflect.Kind; may be NULL */
	bool (*go_type)(void *arg, uint64_t addr, struct strbuf *name, uint8_t *kind);
	/* build id of the object at addr and the offset in its file; returns the id's length, 0 when not known */
	size_t (*build_id)(void *arg, uint32_t pid, uint64_t addr, uint8_t id[64],
			   uint64_t *file_offset);
};

#endif
