/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Diagnostics about the script, as data: collected while compiling, rendered at the end in the form that bpftrace
 * users know:
 *
 *   stdin:1:9-12: ERROR: message
 *   begin { foo }
 *           ~~~
 *   HINT: what to do
 *
 * Messages and spans live in the arena of the list; sources are borrowed.
 */
#ifndef SONDE_DIAG_DIAG_H
#define SONDE_DIAG_DIAG_H

#include "base/arena.h"
#include "base/strbuf.h"
#include "base/vec.h"

/* bytes [start, end) of source number file (struct sources) */
#define SPAN_NONE       \
	((struct span){ \
		.file = UINT16_MAX }) /* no place: messages without location and source line */
struct span {
	uint32_t start, end;
	uint16_t file;
	uint16_t expansion; /* 1 + index into sources.expansions when the text came out of a macro, else 0 */
};

struct source {
	struct str name; /* "stdin", "script.bt", "stdlib" */
	struct str text; /* mapped or in an arena; outlives the diagnostics */
	uint32_t *lines; /* start of each line, made when first needed */
	uint32_t n_lines;
	bool is_internal; /* our own standard library */
};

/* one macro call: where it stands (which itself may come out of a macro) */
struct expansion {
	struct span call;
	struct str macro;
};

struct sources {
	VEC(struct source) files;
	VEC(struct expansion) expansions;
};

uint16_t sources_add(struct sources *s, struct str name, struct str text);
uint16_t sources_add_expansion(struct sources *s, struct span call, struct str macro);
void sources_free(struct sources *s);
struct str span_text(const struct sources *s, struct span at);
/*
 * 1-based line and column (in bytes) of the start, and of the first byte behind the span: the numbers that are printed.
 * Past the end of the text both are clamped to it.
 */
struct line_col {
	uint32_t line, col, end_line, end_col;
};
struct line_col span_locate(struct sources *s, struct span at);
/* the text of a line, numbered from 1, without its newline; empty when there is none */
struct str source_line(struct sources *s, uint16_t file, uint32_t line);
/* "stdin:1:9-12"; over several lines "stdin:1-3" */
void span_print(struct sources *s, struct span at, struct strbuf *out);
static inline struct span span_join(struct span a, struct span b)
{
	a.end = b.end > a.end ? b.end : a.end;
	a.start = b.start < a.start ? b.start : a.start;
	return a;
}

enum severity { SEV_ERROR, SEV_WARNING };

/* D_<NAME>: one stable code per kind of message; the table is diag.def */
enum diag_code {
#define DIAG(code, number) D_##code,
#include "diag/diag.def"
#undef DIAG
	D_N_CODES
};

struct diag {
	enum diag_code code;
	enum severity sev;
	struct span at;
	struct str msg;
	struct str hint; /* n == 0: none */
	struct diag *next;
};

struct diag_list {
	struct arena *arena;
	struct diag *first, **tail;
	uint32_t n_errors, n_warnings;
};

void diag_list_init(struct diag_list *l, struct arena *arena);
/* the returned diag may be given a hint */
struct diag *diag_error(struct diag_list *l, enum diag_code code, struct span at, const char *fmt,
			...) __attribute__((format(printf, 4, 5)));
struct diag *diag_warning(struct diag_list *l, enum diag_code code, struct span at, const char *fmt,
			  ...) __attribute__((format(printf, 4, 5)));
void diag_hint(struct diag_list *l, struct diag *d, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* names of files and symbols may hold anything: control bytes become '?', but line ends and tabs stay */
void diag_add_text(struct strbuf *out, struct str text);
/* errors first, then warnings, each with its source line; colour: ANSI red/yellow */
void diag_render(const struct diag_list *l, struct sources *s, bool colour, struct strbuf *out);
/* one message in the same form, for faults at run time (sev text given: "WARNING");
 * info, if not empty, is a line of its own between the message and the source line */
void diag_render_at(struct sources *s, struct span at, const char *severity, struct str msg,
		    struct str info, bool colour, struct strbuf *out);
/* "E012" style name of a code, for docs and JSON */
const char *diag_code_name(enum diag_code code);

#endif
