/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Output of a run: events of the engine, maps, counts of what was lost, in text or JSON. The session makes one struct
 * output per run, hands output_event to engine_ops.poll as the engine_event_fn, calls output_batch_end after each poll,
 * and looks at output_error now and then. Ordinary output goes to the sink (-o), messages to stderr; both in the order of
 * the events.
 */
#ifndef SONDE_OUTPUT_EVENT_H
#define SONDE_OUTPUT_EVENT_H

#include "engine/engine.h"
#include "output/pictures.h"
#include "output/heading.h"
#include "output/printf.h"
#include "output/sink.h"
#include "output/value.h"

enum output_format { OUTPUT_TEXT, OUTPUT_JSON };

struct output_opts {
	enum output_format format;
	enum sink_mode buffering;
	struct sink_rotation rotation;
	int fd;                   /* ordinary output */
	int err_fd;               /* messages */
	bool colour;              /* of messages */
	bool no_warnings;         /* --no-warnings: no warnf, no warnings about faults */
	bool show_quiet;          /* -k: faults whose site is quiet as well */
	bool tell_unread;         /* without -k: at the end, how many reads of memory failed */
	bool allow_system;        /* --unsafe */
	bool escape_control;      /* fd is a terminal */
	bool is_one_line;         /* newlines of traced strings are escaped, too */
	bool is_tool; /* what begin prints is a heading */
	struct str message_filter; /* see struct session_opts */
	struct str map_table;      /* map_table of the configuration */
	bool print_differences;    /* of the configuration */
	struct str trunc_trailer; /* str_trunc_trailer */
	uint64_t max_cat_bytes;
	const volatile sig_atomic_t *give_up; /* see sink.h; may be NULL */
	struct picture_opts pictures;
	bool is_bpftrace; /* see mapdump.h: stats_by_average */
};

struct output {
	struct output_opts opts;
	const struct image *image;
	struct sources *sources;
	const struct engine_ops *ops; /* NULL until output_set_engine */
	struct engine *engine;
	struct value_env env;
	struct sink out;
	struct format *formats; /* one per image event that has a format of printf's kind */
	struct arena formats_arena;
	uint32_t n_events, n_faults, n_maps; /* of the image, as far as the arrays here go */
	uint32_t max_payload;
	char *payload;         /* a short record, filled up with NULs to its layout's size */
	uint64_t *faults_seen; /* per fault site */
	uint64_t lost_seen;    /* events and hits reported as lost so far */
	bool *was_zeroed;      /* per map: zero() came after the last clear() */
	uint64_t n_errors; /* errorf() events and faults (quiet ones not): a test that has one failed */
	bool has_complained_of_capture;
	bool is_exiting;         /* an exit event came */
	bool is_in_begin; /* the event at hand is one of a begin clause */
	struct heading heading;
	struct pcap_file *pcaps; /* of skboutput() */
	struct secrets *secrets; /* of keylog() and pcapng(); NULL: none */
	struct mapdump_previous *previous; /* per map, with print_differences */
	uint32_t n_previous;               /* maps that came later are printed whole */
	struct pictures *pictures; /* NULL: all maps as text */
};

/* symbols may be NULL: addresses are printed. Strings and the image are borrowed */
struct err *output_new(const struct image *im, struct sources *sources,
		       const struct output_symbols *symbols, const struct output_opts *opts,
		       struct output **ret) ERR_MUST;
/* the image has grown by a generation (image_extend) */
struct err *output_extend(struct output *o) ERR_MUST;
void output_free(struct output *o); /* flushes */
void output_set_engine(struct output *o, const struct engine_ops *ops, struct engine *e);
/* where the bytes of blobs come from (struct value_env) */
void output_set_blobs(struct output *o,
		      bool (*blob)(void *arg, uint64_t id, struct str *bytes, uint64_t *total),
		      void *arg);

/* an engine_event_fn with arg = struct output * */
void output_event(void *arg, const struct event_head *head, const void *payload, uint32_t size);
void output_batch_end(struct output *o);
bool output_exit_requested(const struct output *o);
/* errno of the first write that failed, or 0. EPIPE: the reader went away; end quietly */
int output_error(const struct output *o);

/* "Attached N probes" on stderr; JSON: an object on the output. waits: for programs that come later */
void output_attached_probes(struct output *o, uint64_t n, bool waits);
/* the empty lines in front of the maps at exit */
void output_end(struct output *o);
/* every script map that is printed at exit, by name */
void output_maps(struct output *o);
/* --svg, --speedscope: the files, when all maps are printed */
struct err *output_pictures(struct output *o) ERR_MUST;

struct output_test {
	struct str name;
	uint64_t ns;
	bool passed;
	struct str text; /* what it printed */
};
/* results of --test and --bench as they come; i counts from 0 to n - 1 */
void output_test_result(struct output *o, const struct output_test *all, uint32_t i, uint32_t n);
void output_benchmark_result(struct output *o, const struct str *names, uint32_t i, uint32_t n,
			     uint64_t ns, uint64_t iterations);

/* ---- for the files of this folder ---- */

/* a message on stderr; ordinary output that came before is written first */
void output_message(struct output *o, struct str text);
void output_complain(struct output *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* {"type": "...", "data": "..."} and a newline */
void output_json_text(struct output *o, const char *type, struct str text);
/* , "filename": ..., "line": L, "col": C} and a newline, at the end of an object */
void output_json_place(struct output *o, struct span at, struct strbuf *out);

#endif
