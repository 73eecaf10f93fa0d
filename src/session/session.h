/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One run of the tracer: script -> image -> engine -> output. The command line fills session_opts; session_run does the
 * rest and gives the exit status. Everything belongs to the call: nothing stays attached or allocated when it returns.
 */
#ifndef SONDE_SESSION_SESSION_H
#define SONDE_SESSION_SESSION_H

#include "base/err.h"
#include "base/vec.h"
#include "output/event.h"

#include <sys/types.h>

enum session_stage {
	STAGE_AST = 1 << 0,      /* as parsed */
	STAGE_TYPES = 1 << 1,    /* after the checker */
	STAGE_IR = 1 << 2,       /* after optimisation */
	STAGE_IR_RAW = 1 << 3,   /* as built */
	STAGE_EBPF = 1 << 4,     /* programs, disassembled */
	STAGE_IMAGE = 1 << 5,    /* everything that is loaded */
	STAGE_VERIFIER = 1 << 6, /* the kernel's log */
};

enum session_engine { ENGINE_UNSAID, ENGINE_KERNEL, ENGINE_USER, ENGINE_AUTO };

struct session_opts {
	struct str name; /* of the script in messages: "stdin", "script.bt" */
	struct str text;
	const char *dir;     /* folder of the script, for imports; NULL: the current one */
	VEC(pid_t) pids;     /* -p */
	const char *command; /* -c, or NULL */
	enum session_engine engine; /* where programs run: --engine */
	bool follow;         /* children of traced processes too */
	uint64_t cgroup_id;  /* 0: none */
	char *cgroup_path; /* its folder, ours to free; NULL: none */
	enum output_format format;
	enum sink_mode buffering;
	const char *output_path; /* -o, or NULL */
	const char *emit_path; /* --emit-elf: nothing is loaded, an object is written there */
	const char *pin_name; /* --pin: the run goes on when the command has ended (keeper.h) */
	uint64_t rotate_bytes; /* --rotate: the size at which the output file is set aside; 0: never */
	unsigned rotate_keep;
	bool is_quiet;       /* no "Attached N probes" */
	unsigned warn_level; /* -k once or twice */
	bool no_warnings;
	bool is_compile_only; /* nothing is loaded: -d shows what would be */
	bool is_unsafe, is_dry_run, is_test, is_bench, is_format;
	bool is_bpftrace;     /* called by that name */
	bool is_tool;         /* "sonde NAME": what begin prints is a heading */
	bool list_remarks;    /* -l: what is worth knowing behind each line (probe/list.h) */
	uint64_t duration_ns; /* end as by Ctrl-C that long after the attachment; 0: never */
	bool is_one_line; /* control characters of traced texts are escaped, newlines too, wherever they go */
	struct str message_filter; /* of a tool's lines only those whose message contains this */
	double budget; /* --budget: of one processor, 0.02 is 2 %; 0: none */
	uint64_t max_events;  /* end after so many printed events; 0: never */
	struct picture_opts pictures; /* --folded, --svg, --speedscope; the title is the script's name */
	const char *probe_filter;
	const char *no_feature;
	const char *traceable;
	unsigned debug; /* enum session_stage */
	VEC(struct str) include_dirs, include_files;
	/* --debuginfo: each is one folder with separate debug files, or several with ':' between */
	VEC(struct str) debuginfo;
	VEC(struct str) positional, named;
};

/* exit status of the process: 0, what exit() said, or 1 after errors, which have been printed */
int session_run(struct session_opts *o);
/* --fmt: print the script in canonical form. Exit status: 1 when it has errors */
int session_format(struct session_opts *o);
/* -l: probes that match a pattern, or those of a program (o->text); verbose: with arguments. Exit status */
int session_list(struct session_opts *o, const char *pattern, bool verbose);
void session_opts_free(struct session_opts *o);

/* options as text, of the command line and of tools; an error says what is expected. Texts are borrowed */
struct err *session_opts_add_pids(struct session_opts *o,
				  const char *text) ERR_MUST; /* "12", "12,13" */
struct err *session_opts_set_cgroup(struct session_opts *o, const char *path) ERR_MUST;
/* --container: cgroup of a container by its id or the start of it (docker, podman, containerd, systemd-nspawn) */
struct err *session_opts_set_container(struct session_opts *o, const char *id) ERR_MUST;
struct err *session_opts_set_duration(struct session_opts *o,
				      const char *text) ERR_MUST; /* "5", "0.5", "500ms" */
struct err *session_opts_set_max_events(struct session_opts *o, const char *text) ERR_MUST;
struct err *session_opts_set_budget(struct session_opts *o, const char *text) ERR_MUST; /* "2%" */
struct err *session_opts_set_rotation(struct session_opts *o, const char *text) ERR_MUST; /* "10M,3" */
struct err *session_opts_set_engine(struct session_opts *o, const char *text) ERR_MUST; /* "user" */
struct err *session_opts_set_format(struct session_opts *o, const char *text) ERR_MUST;

#endif
