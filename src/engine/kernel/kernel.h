/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The inside of the kernel engine, shared by its files only. The engine owns everything in it:
 * engine_close gives back all descriptors, mappings and tracefs events; the image, the sources and
 * the options are the session's and outlive it.
 *
 * Programs without an event (begin, end, self, test, bench) must have prog_type
 * BPF_PROG_TYPE_RAW_TRACEPOINT: that type can be test-run, has the tracing helpers and needs no
 * sleepable context (SYSCALL has fewer helpers and sleeps). Their context is 12 zero words. uprobe,
 * uretprobe, usdt, kprobe, kretprobe: KPROBE; tracepoint: TRACEPOINT; profile, interval, software,
 * hardware, watchpoint: PERF_EVENT; rawtracepoint: RAW_TRACEPOINT; fentry, fexit, iter: TRACING.
 * expected_attach_type is chosen here when image_prog.attach_type is 0.
 */
#ifndef SONDE_ENGINE_KERNEL_KERNEL_H
#define SONDE_ENGINE_KERNEL_KERNEL_H

#include "base/vec.h"
#include "engine/engine.h"
#include "engine/kernel/features.h"
#include "engine/kernel/sys.h"

#include <pthread.h>

/* how the user probes of a program are attached: see ARCHITECTURE.md */
enum uprobe_way {
	UPROBE_NONE,  /* not a user probe */
	UPROBE_MULTI, /* one link for all sites of a file */
	UPROBE_EVENT, /* one tracefs event, or a few, for all sites; sites.c tells them apart */
	UPROBE_PERF,  /* one perf event per site */
};

struct kernel_prog {
	int fd; /* -1 when not loaded (TRACING programs are loaded once for each point, at attach) */
	uint32_t twin; /* the program whose descriptor fd is a copy of, because it is the same; IMAGE_NONE: none */
	uint32_t attach_type;
	enum uprobe_way way;
	struct sys_ints point_fds; /* TRACING: the programs of the points */
	/* UPROBE_EVENT with cookies, see sites.c */
	int sites_fd;    /* table of sites, or -1 */
	uint32_t *group; /* the event that each point belongs to */
	uint32_t n_groups;
};

/* one thing that is attached: closing fd, then perf_fd, takes it off */
struct kernel_link {
	int fd;      /* of the bpf link, or -1 */
	int perf_fd; /* of the perf event, or -1 */
	uint32_t prog;
	enum probe_kind kind;
	uint64_t address; /* of watchpoints */
	uint32_t group;   /* 0: from the beginning; else see engine_ops.extend */
	struct str path;  /* of user probes, in the image: their file; empty where one event has several */
};

/* an event in tracefs that must be removed by name */
struct kernel_trace_event {
	char *name; /* "sonde_41/p3" */
	uint32_t group; /* as of links */
};

/* a mapped ring of events; ring.c */
struct kernel_ring {
	int fd;
	uint64_t *consumer; /* our page: position of the next record to read */
	const uint64_t *producer;
	const uint8_t *data; /* mapped twice in a row, so that records never wrap; piece by piece, when it is read */
	uint64_t size, piece;
	uint32_t mapped; /* bits: which pieces are */
	int code;        /* why one could not be; 0 */
};

struct kernel_packets; /* packets.c */

struct engine {
	const struct image *image;
	struct sources *sources;
	struct engine_opts opts;
	uint32_t n_cpus;
	int btf_fd;
	uint32_t btf_static_func;  /* id of the function that sites.c added, or 0 */
	int *map_fds;              /* image.n_maps */
	struct kernel_prog *progs; /* image.n_progs */
	VEC(struct kernel_link) links;
	VEC(struct kernel_trace_event) trace_events;
	int keeper_fd; /* event_keeper.c; -1: none */
	VEC(struct kernel_ring) rings;
	struct kernel_ring message_ring; /* of MAP_MESSAGE_RING; data NULL: none */
	void *message;                   /* MAP_MESSAGE */
	size_t message_size;
	uint64_t event_time; /* of the record that is being delivered */
	struct kernel_packets *packets; /* NULL: no program sends any */
	int epoll_fd; /* over the rings when there are several, else -1 */
	struct image_globals *globals;
	size_t globals_size;
	struct image_fault_count *faults;
	size_t faults_size;
	struct sys_ints late_fds; /* perf events of tracepoints that no program hangs on any more */
	bool is_attached;
	uint32_t group; /* of what is attached now */
	bool has_dropped_late[IMAGE_BUDGET_CLAUSES]; /* --budget: with places of later generations, which are not known any more */
	struct engine_ways ways; /* way.c: measured; 0: not yet */
	uint32_t n_named; /* tracefs events so far: each name is used once */
	/* iterators run in a thread of their own, so that their events are read while they run */
	pthread_t iter_thread;
	bool iter_running; /* the thread exists */
	struct sys_ints iter_fds;
	int iter_done; /* atomic: the thread has read everything */
};

/* ---- maps.c ---- */
struct err *kernel_maps_create(struct engine *e) ERR_MUST;
struct err *kernel_map_create(struct engine *e, uint32_t map) ERR_MUST; /* and fill it */
void kernel_maps_destroy(struct engine *e);

/* ---- mapio.c: the operations of engine_ops of the same names ---- */
struct err *kernel_map_each(struct engine *e, uint32_t map,
			    bool (*fn)(void *arg, const void *key, const void *value,
				       uint32_t n_cpus),
			    void *arg);
struct err *kernel_map_lookup(struct engine *e, uint32_t map, const void *key, void *value);
struct err *kernel_map_update(struct engine *e, uint32_t map, const void *key, const void *value);
struct err *kernel_map_delete(struct engine *e, uint32_t map, const void *key);
struct err *kernel_set_table(struct engine *e, uint32_t map, uint32_t index, const uint64_t *words,
			     uint32_t n);
/* the inner maps of MAP_UNWIND_TABLES: n words, which user space maps into its memory */
int kernel_table_create(uint32_t n);
struct err *kernel_map_clear(struct engine *e, uint32_t map);
struct err *kernel_map_zero(struct engine *e, uint32_t map);
/* bytes of a value as user space sees it: all CPUs of per-CPU maps */
size_t kernel_map_value_bytes(const struct engine *e, const struct image_map *m,
			      uint32_t *n_values);

/* ---- load.c ---- */
struct err *kernel_progs_load(struct engine *e) ERR_MUST;
/* the programs from this one on, those that are the same as an earlier one by its descriptor; *n_new: the others */
struct err *kernel_progs_load_from(struct engine *e, uint32_t first, uint32_t *n_new) ERR_MUST;
void kernel_prog_unload(struct kernel_prog *k);
void kernel_progs_unload(struct engine *e);
/* a TRACING program for one point; the fd belongs to the caller */
struct err *kernel_prog_load_point(struct engine *e, uint32_t prog, const struct probe_point *p,
				   int *fd) ERR_MUST;

/* ---- refusal.c ---- */
/* make an error of the verifier's log, with the place in the script reported through opts.report */
struct err *kernel_prog_refused(struct engine *e, const struct image_prog *p, const char *log,
				int code) ERR_MUST;

/* ---- attach.c ---- */
struct err *kernel_attach_one(struct engine *e, uint32_t prog, struct engine_attach_result *res) ERR_MUST;
struct err *kernel_attach(struct engine *e, struct engine_attach_result *res) ERR_MUST;
/* the programs from this one on; what is attached when it fails stays */
struct err *kernel_attach_from(struct engine *e, uint32_t first, struct engine_attach_result *res) ERR_MUST;
void kernel_detach(struct engine *e);
/* close the links from this one on */
void kernel_links_close(struct engine *e, size_t from);
struct err *kernel_unwatch(struct engine *e, uint64_t address) ERR_MUST;
/*
 * A point could not be attached: by missing_probes that is an error, a warning or nothing. Takes
 * why; returns it, with the point's name, when attaching must stop.
 */
struct err *kernel_attach_failed(struct engine *e, uint32_t prog, const struct probe_point *p,
				 struct err *why, struct engine_attach_result *res) ERR_MUST;
/* remember a link (fds are taken over) */
void kernel_link_add(struct engine *e, struct kernel_link l);
/*
 * join a program to a perf event that is then remembered (perf_fd is taken over, also on failure)
 * and enabled
 */
struct err *kernel_link_perf(struct engine *e, uint32_t prog, int perf_fd,
			     const struct probe_point *p) ERR_MUST;
/* processes that a point is limited to: its own pid, else those of -p; none: every process */
void kernel_point_pids(const struct engine *e, const struct probe_point *p, struct sys_ints *pids);

/* close what was left to close() */
void kernel_detach_late(struct engine *e);

/* ---- closer.c ---- */
/* close them all, waiting for the kernel once rather than for each */
void kernel_close_all(const int *fds, size_t n);

/* ---- attach_*.c: attach all points of one program ---- */
/*
 * patched.c: refuses places that the user engine of another run has patched, and keeps it from patching more until the probes are in; whatever it
 * returns, kernel_unclaim comes then
 */
struct err *kernel_claim(struct engine *e, uint32_t prog, struct sys_ints *claims) ERR_MUST;
void kernel_unclaim(struct sys_ints *claims);

typedef struct err *kernel_attach_fn(struct engine *e, uint32_t prog,
				     struct engine_attach_result *res);
kernel_attach_fn kernel_attach_uprobe, kernel_attach_tracepoint, kernel_attach_rawtracepoint,
	kernel_attach_sampled, kernel_attach_watchpoint, kernel_attach_kprobe, kernel_attach_fentry,
	kernel_attach_iter;
enum uprobe_way kernel_uprobe_choose(const struct image_prog *p, bool by_process);
/* start, stop the thread that reads iterators */
struct err *kernel_iter_start(struct engine *e) ERR_MUST;
void kernel_iter_stop(struct engine *e);

/* ---- extend.c ---- */
struct err *kernel_extend(struct engine *e, uint32_t group, struct engine_attach_result *res) ERR_MUST;
void kernel_drop_group(struct engine *e, uint32_t group);
void kernel_drop_file(struct engine *e, struct str path);

void kernel_drop_clause(struct engine *e, uint32_t budget);
struct err *kernel_resume_clause(struct engine *e, uint32_t budget) ERR_MUST;

/* ---- way.c ---- */
uint64_t kernel_way_ns(struct engine *e, uint32_t prog);

/* ---- sites.c ---- */
/* whether the program asks for the cookie of its site */
bool kernel_sites_wanted(const struct image_prog *p);
struct err *kernel_sites_create(struct engine *e, uint32_t prog) ERR_MUST;
/* insns (from malloc) with the lookup behind them; *n grows */
struct bpf_insn *kernel_sites_rewrite(struct bpf_insn *insns, uint32_t *n, int table_fd);
/* the blob and a static function more, whose id it gives; 0: could not */
uint32_t kernel_sites_extend_btf(const void *btf, uint32_t size, struct strbuf *out);

/* ---- uprobe_events.c: user probes through tracefs ---- */
struct err *kernel_uprobe_event_attach(struct engine *e, uint32_t prog,
				       struct engine_attach_result *res) ERR_MUST;
void kernel_uprobe_events_remove(struct engine *e, size_t from);
void kernel_uprobe_group_remove(struct engine *e, uint32_t group);

/* ---- event_keeper.c: a process that removes them when this one is killed ---- */
/* what tells it, or -1; remove_names, called in it until it is true: those of the process that is gone */
int kernel_event_keeper_start(bool (*remove_names)(pid_t of));
/* nothing is left to be removed */
void kernel_event_keeper_end(int fd);

/* ---- ring.c ---- */
struct err *kernel_ring_open(struct engine *e) ERR_MUST;
void kernel_ring_close(struct engine *e);
struct err *kernel_poll(struct engine *e, int timeout_ms, engine_event_fn *fn, void *arg);
int kernel_poll_fd(struct engine *e);
/* deliver what the clauses on messages have sent */
void kernel_ring_drain_messages(struct engine *e, engine_event_fn *fn, void *arg);

/* ---- packets.c ---- */
struct err *kernel_packets_open(struct engine *e) ERR_MUST;
void kernel_packets_close(struct engine *e);
int kernel_packets_fd(const struct engine *e); /* -1: none */
/* deliver what waits; the number of samples passed */
uint64_t kernel_packets_drain(struct engine *e, engine_event_fn *fn, void *arg);

/* ---- describe.c ---- */
/* say what was loaded, with -v */
void kernel_describe(const struct engine *e);

/* ---- run.c ---- */
struct err *kernel_run_once(struct engine *e, uint32_t prog, uint32_t repeat, uint64_t *retval,
			    uint64_t *ns);
struct err *kernel_run_message(struct engine *e, uint32_t prog, engine_event_fn *fn, void *arg);
void *kernel_message(struct engine *e);
uint64_t kernel_missed(struct engine *e, uint32_t prog);

#endif
