/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the listing share; nobody else includes this. */
#ifndef SONDE_PROBE_LIST_PRIVATE_H
#define SONDE_PROBE_LIST_PRIVATE_H

#include "probe/list.h"
#include "probe/match_private.h"

enum { LIST_FLUSH_BYTES = 32768, LIST_MAX_PARTS = 24 };

struct target_file;

/* "provider:part:part" */
struct pattern {
	struct str provider;
	struct str parts[LIST_MAX_PARTS];
	uint32_t n;
	bool has_provider;
	bool is_provider_named; /* not left out, not "*" */
};

struct listing {
	struct probe_ctx *c;
	struct probe_list_opts *o;
	struct strbuf out;
	bool is_stopped;
	enum probe_kind kind; /* being listed */
	bool is_wide;         /* several providers are asked */
	bool shows_module;    /* the pattern has one */
	const struct target_file *file;
	struct str source_file; /* "BIN@FILE:LINE" is being listed; else empty */
	struct str filter; /* for a search by text; is_shown: the probe of the lines that follow fits */
	bool is_shown;
};

/* one probe or type; false: stop */
bool list_line(struct listing *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* of the file being listed, quoted where an attach point needs it */
void list_put_path(const struct listing *l, struct strbuf *out);
/* with_remarks: "  # one; another" */
void list_remark(struct strbuf *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void list_remark_file(const struct listing *l, struct strbuf *out);
/* list_functions.c: functions of the file being listed; file: empty, or where they were written */
void list_functions(struct listing *l, struct str pattern, struct str file, bool only_demangled);
/* the same: l->source_file at the line, and column, of the pattern */
void list_line_places(struct listing *l, const struct pattern *p);
/* list_types.c: "struct x", wildcards in the name */
struct err *list_types(struct listing *l, struct str text);

#endif
