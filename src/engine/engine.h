/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An engine runs an image: the kernel engine through bpf(2), the user engine inside the traced process. All of them have
 * these operations; the session drives them in this order: open, run_once(begin programs), attach, poll ..., detach,
 * run_once(end programs), maps read, close. close may come at any time and leaves nothing attached.
 */
#ifndef SONDE_ENGINE_ENGINE_H
#define SONDE_ENGINE_ENGINE_H

#include "base/err.h"
#include "image/image.h"

#include <sys/types.h>

struct proc_map; /* objfile/proc.h */
struct engine;   /* private to each engine */

struct engine_opts {
	const int32_t *pids; /* -p: attach to these only */
	uint32_t n_pids;
	int32_t held_pid; /* of pids: a child that waits before its exec until gate, a pipe, gets a byte; 0: none */
	int gate;
	bool follow;         /* the user engine: what these processes start belongs to them */
	uint64_t ring_bytes; /* power of two */
	uint64_t cgroup_id;  /* --cgroup/--container: 0 none */
	bool grows;          /* extend may be called: the user engine keeps room for it */
	bool warn_missing;   /* missing_probes = warn: attach failures are warnings */
	bool ignore_missing;
	bool no_warnings; /* of places that are refused; harm is told in any case */
	uint64_t max_memory; /* bytes of kernel memory that all maps may take when they are made; 0: no limit */
	uint32_t log_size;      /* of the verifier */
	bool verifier_log;      /* -d verifier: always print it */
	const char *no_feature; /* --no-feature a,b or NULL */
	/* called for a verifier refusal or a warning with a place in the script; text is complete */
	void (*report)(void *arg, struct span at, const char *severity, const char *text);
	/* code that a traced process has, or has mapped since; m NULL: it begins another program. NULL: not wanted */
	void (*mapped)(void *report_arg, pid_t pid, const struct proc_map *m);
	void *report_arg;
};

/* one event record; data stays valid during the call. The head of an image of others (is_foreign): EVENT_LINE */
typedef void engine_event_fn(void *arg, const struct event_head *head, const void *payload,
			     uint32_t size);

struct engine_attach_result {
	uint32_t n_attached; /* probes attached */
	uint32_t n_failed;
	bool has_released; /* the child that was held runs: the user engine lets it go to its first instruction */
	uint64_t released_at; /* when it stood there with its probes in, ns of CLOCK_MONOTONIC; 0: not known */
	uint32_t n_loaded; /* extend: programs that were loaded, because none that is there does for them */
};

/* engine_ops.hold */
enum engine_hold {
	ENGINE_HOLD_NONE,  /* the process is not traced, or has ended */
	ENGINE_HOLD_READY, /* what it had mapped by then has its probes, and had them before any of it ran */
	ENGINE_HOLD_STANDS
};

struct engine_ops {
	const char *name;
	/* create maps, load programs; nothing is attached yet */
	struct err *(*open)(const struct image *im, struct sources *s,
			    const struct engine_opts *opts, struct engine **ret);
	/* run a program without an event: begin, end, self, test, bench. repeat >= 1; *ns: mean duration */
	struct err *(*run_once)(struct engine *e, uint32_t prog, uint32_t repeat, uint64_t *retval,
				uint64_t *ns);
	/* MAP_MESSAGE, mapped, read-write; NULL: the image has none */
	void *(*message)(struct engine *e);
	/* run a clause on the message that stands there; what it sends is delivered before this returns */
	struct err *(*run_message)(struct engine *e, uint32_t prog, engine_event_fn *fn, void *arg);
	struct err *(*attach)(struct engine *e, struct engine_attach_result *res);
	/*
	 * The image has grown by a generation (image_extend): load and attach that. After an error, and when nothing was loaded,
	 * the caller takes the generation out of the image again; in the latter case its places have links to equal programs.
	 * group: by what drop_group takes these places off again, not 0
	 */
	struct err *(*extend)(struct engine *e, uint32_t group, struct engine_attach_result *res);
	void (*drop_group)(struct engine *e, uint32_t group);
	/* all user probes in a file, by the path of their points */
	void (*drop_file)(struct engine *e, struct str path);
	/*
	 * A process has mapped what may be probed, at mapped_at (CLOCK_MONOTONIC; UINT64_MAX: not known, or for new probes): it is to stand
	 * until look, or extend. NULL: the engine's probes are in files, whoever maps them. look: true: a file is half mapped, ask again soon
	 */
	enum engine_hold (*hold)(struct engine *e, pid_t pid, uint64_t mapped_at);
	bool (*look)(struct engine *e);
	/* poll is to return when fd can be read, too (-1: none); NULL: poll_fd and fd can be waited for together */
	void (*wake_by)(struct engine *e, int fd);
	/* deliver pending events; waits up to timeout_ms (-1: for ever) when there are none. Interrupted by signals: 0 */
	struct err *(*poll)(struct engine *e, int timeout_ms, engine_event_fn *fn, void *arg);
	/* in the engine_event_fn: when this record was made, ns of CLOCK_MONOTONIC, where image.has_times */
	uint64_t (*event_time)(struct engine *e);
	/* an fd that is readable when poll has something; for the session's own epoll */
	int (*poll_fd)(struct engine *e);
	/*
	 * Walk a map: fn gets key bytes and value bytes; per-CPU maps give n_cpus values, each rounded up to 8 bytes.
	 * fn returns false to stop.
	 */
	struct err *(*map_each)(struct engine *e, uint32_t map,
				bool (*fn)(void *arg, const void *key, const void *value,
					   uint32_t n_cpus),
				void *arg);
	/* value of one key (n_cpus values for per-CPU maps), ENOENT in err when absent */
	struct err *(*map_lookup)(struct engine *e, uint32_t map, const void *key, void *value);
	struct err *(*map_update)(struct engine *e, uint32_t map, const void *key,
				  const void *value);
	/* ENOENT in err when it was absent */
	struct err *(*map_delete)(struct engine *e, uint32_t map, const void *key);
	/* MAP_UNWIND_TABLES: a table of n words, copied, becomes element index; words NULL: the element goes */
	struct err *(*set_table)(struct engine *e, uint32_t map, uint32_t index,
				 const uint64_t *words, uint32_t n);
	struct err *(*map_clear)(struct engine *e, uint32_t map);    /* delete all keys */
	struct err *(*map_zero)(struct engine *e, uint32_t map);     /* keep keys, zero values */
	struct image_globals *(*globals)(struct engine *e);          /* mapped, read-write */
	const struct image_fault_count *(*faults)(struct engine *e); /* mapped, n_faults of them */
	uint32_t (*n_cpus)(struct engine *e); /* possible CPUs: values per per-CPU element */
	struct err *(*unwatch)(struct engine *e, uint64_t address); /* remove a watchpoint */
	/* hits that the kernel did not deliver (recursion_misses of programs, missed of links) per program */
	uint64_t (*missed)(struct engine *e, uint32_t prog);
	/* those are returns for which there was no room, of any program; NULL: they are hits */
	bool (*misses_returns)(struct engine *e, uint32_t prog);
	/* hits for which there was no stack to run on, of all programs together; or NULL */
	uint64_t (*without_stack)(struct engine *e);
	/* of an image of others, whose programs count nothing for us: records that the rings had no room for */
	uint64_t (*lost)(struct engine *e);
	/* ns that a hit costs besides its program: the way to it and back, measured by now on this machine */
	uint64_t (*way_ns)(struct engine *e, uint32_t prog);
	/* --budget: takes off all user probes of a clause (image_prog.budget), which is off in the map of rates */
	void (*drop_clause)(struct engine *e, uint32_t budget);
	/* and puts them back; after an error they may be there in part: drop_clause */
	struct err *(*resume_clause)(struct engine *e, uint32_t budget);
	/* iterators have run to their end and nothing else is attached: after a last poll the session may exit */
	bool (*is_finished)(struct engine *e);
	void (*detach)(struct engine *e);
	void (*close)(struct engine *e);
};

/* both: an image whose programs were dealt out to the two */
extern const struct engine_ops engine_kernel, engine_user, engine_both;

/* has this process the capabilities that bpf(2) and perf_event_open(2) want? Unknown is yes: what is refused is said then */
bool engine_kernel_is_permitted(void);
/* ns of a hit of a user probe of the kernel without its program, measured on functions of our own; 0: not known */
struct engine_ways {
	uint64_t emulated, stepped; /* by what the kernel does with the instruction there */
	uint64_t returned;
};
void engine_kernel_ways(struct engine_ways *ret);

enum { ENGINE_IDLE_MS = 10 }; /* at most */
/*
 * How long to sleep between two looks at rings that wake nobody: a millisecond while something comes, slowly more when nothing does. idle: looks
 * in a row that found nothing; counted here, set to 0 by whoever finds something
 */
static inline int engine_idle_ms(uint64_t *idle)
{
	enum { ROUNDS_PER_MS = 20 };
	uint64_t ms = 1 + (*idle)++ / ROUNDS_PER_MS;

	return ms < ENGINE_IDLE_MS ? (int)ms : ENGINE_IDLE_MS;
}

#endif
