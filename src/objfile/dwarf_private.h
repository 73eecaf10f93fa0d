/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The inside of the debug-information reader; not for other folders. Two processes share these files:
 *
 *   the tracer     debuginfo_*() functions put a question on the wire, debuginfo_ask() sends it, they copy the answer out
 *   the worker     a child, one for each file (dwarf_worker.c), answers with handlers of the table in dwarf_handlers.c;
 *                  only code that runs there calls libdw
 *
 * A handler may crash, run out of memory or never end: the tracer then gets an error that names the file. Between two
 * questions a worker keeps only what makes the next one faster.
 */
#ifndef SONDE_OBJFILE_DWARF_PRIVATE_H
#define SONDE_OBJFILE_DWARF_PRIVATE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/hashmap.h"
#include "base/vec.h"
#include "objfile/debuginfo.h"
#include "objfile/demangle.h"
#include "objfile/wire.h"

#include <elfutils/libdw.h>
#include <sys/types.h>

enum dwarf_request {
	/* dwarf_func.c, dwarf_line.c */
	DWARF_FUNCTIONS,
	DWARF_FUNCTION_AT,
	DWARF_LINES,
	DWARF_ROWS,
	DWARF_FRAMES,
	/* dwarf_var.c, dwarf_type.c */
	DWARF_VARS,
	DWARF_INLINE_EXITS,
	DWARF_SIGNATURE,
	DWARF_TYPE,      /* a type DIE by id */
	DWARF_TYPE_NAME, /* a type DIE by its C or C++ name */
	DWARF_VTABLE,    /* dwarf_vtable.c: Rust's tables of methods */
	DWARF_N_REQUESTS,
};

/* ---- in the worker ---- */

struct dwarf_section {
	unsigned file; /* index in files */
	const char *name;
	struct bytes bytes;
};

struct dwarf_file {
	struct objfile *code;    /* its machine code and symbols */
	struct objfile *debug;   /* where .debug_info is: the same file or a separate one */
	Elf *elf;                /* of debug */
	struct elf_image *image; /* or of this, made of it */
	Dwarf *dwarf;
	VEC(Dwarf *) files; /* main file, dwz file, split units: index in the upper bits of ids */
	VEC(struct dwarf_section) sections; /* that were asked for */
	struct arena scratch; /* for the answer that is being made: emptied before each question */
	struct arena kept;    /* for what stays until the end */
	struct demangler *names;
	bool has_looked_for_package;
	const char *missing_split; /* name of a split unit that is not to be found, or NULL */
	int split_fd;              /* dwarf_package.c: of the file that stands in for debug, or 0 */
	struct dwarf_lines *lines; /* dwarf_line.c: line tables by unit */
	size_t index_min; /* bytes of .debug_info from which on the index is kept on disk */
	struct dwarf_index *index;  /* dwarf_index.c: names */
	struct hashmap frame_names; /* dwarf_frames.c: id of a function -> struct str */
	struct around *around;      /* dwarf_flow.c: code of the function looked at last */
	struct dwarf_addrs *addrs;  /* dwarf_addr.c: units and functions by address */
	struct dwarf_vars *vars;    /* dwarf_var.c, dwarf_type.c: whatever they keep; in kept */
	struct hashmap *vtables;    /* dwarf_vtable.c: address -> struct str; in kept */
};

/*
 * An answer to one question: reads it from in, puts the answer to out. An error's text goes to the tracer instead of the answer.
 * (in->b.bad after reading means a malformed question: dwarf_worker.c says so, handlers need not.)
 */
typedef struct err *dwarf_handler(struct dwarf_file *f, struct wire_in *in, struct wire_out *out);

dwarf_handler dwarf_do_functions, dwarf_do_function_at, dwarf_do_lines, dwarf_do_rows,
	dwarf_do_frames;
dwarf_handler dwarf_do_vars, dwarf_do_inline_exits, dwarf_do_signature, dwarf_do_type,
	dwarf_do_type_name, dwarf_do_vtable;

/* opens libdw over the files; both are borrowed. For the worker and for fuzzers, which have no worker. */
struct err *dwfile_open(struct objfile *code, struct objfile *debug,
			struct dwarf_file **ret) ERR_MUST;
void dwfile_close(struct dwarf_file *f);
/* the dispatch; out holds the answer when there is no error */
struct err *dwfile_answer(struct dwarf_file *f, enum dwarf_request r, struct wire_in *in,
			  struct wire_out *out) ERR_MUST;

/* ids of DIEs; see debuginfo.h */
uint64_t dwfile_id(struct dwarf_file *f, Dwarf_Die *die);
bool dwfile_die(struct dwarf_file *f, uint64_t id, Dwarf_Die *ret);
/* what a skeleton unit stands for (split DWARF), found through .dwo and .dwp files; else the unit itself */
bool dwfile_unit(struct dwarf_file *f, Dwarf_Die *skeleton, Dwarf_Die *ret);
enum type_lang dwfile_lang(Dwarf_Die *die); /* of the unit that the DIE belongs to */
/* bytes of the program at an address of the file; n of them or false */
bool dwfile_read_code(struct dwarf_file *f, uint64_t addr, void *buf, size_t n);

/* ---- in the tracer ---- */

struct debuginfo {
	struct objfile *file;  /* it belongs to that */
	struct objfile *debug; /* a reference, or file itself without one */
	pid_t worker;          /* 0: not started yet */
	int fd;                /* to the worker, or -1 */
	char *dead;            /* why it cannot be asked any more */
	uint8_t *answer;       /* of the last question */
	size_t answer_cap;
	/* what is kept of answers, in kept: where copies end (dwarf_exit_client.c), functions by question (dwarf_client.c) */
	struct arena kept;
	struct hashmap exits, functions;
	size_t n_kept; /* bytes of functions */
	/* dwarf_type.c, in the tracer: the type source and what it keeps */
	struct dwarf_types *types;
	void (*types_free)(struct dwarf_types *t);
};

/*
 * Asks and waits. answer reads the bytes of the answer, which stay until the next question. An error of the worker comes back as it
 * put it; one about the worker names the file and what happened to it.
 */
struct err *debuginfo_ask(struct debuginfo *d, enum dwarf_request r,
			  const struct wire_out *question, struct wire_in *answer) ERR_MUST;
/* after an answer was read: an error when it was not as the asker expects (answer->b.bad, or bytes are left) */
struct err *debuginfo_check(struct debuginfo *d, const struct wire_in *answer) ERR_MUST;
void debuginfo_free(struct debuginfo *d);
/* the functions of an answer; false when it is malformed */
bool debuginfo_read_funcs(struct wire_in *in, struct arena *a, struct di_func **ret, uint32_t *n);

/* the body of the worker process: answers until the other end is closed; never returns */
__attribute__((noreturn)) void dwarf_worker_run(struct objfile *code, struct objfile *debug,
						int fd);

#endif
