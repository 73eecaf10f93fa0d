/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The image: a compiled script as plain data, the waist between the compiler and the engines. Programs (eBPF), maps,
 * event layouts, fault sites, strings. Engines load and run it, output decodes by it; neither sees the script's tree.
 * Everything lives in the compile arena and is read-only once built.
 */
#ifndef SONDE_IMAGE_IMAGE_H
#define SONDE_IMAGE_IMAGE_H

#include "diag/diag.h"
#include "probe/point.h"
#include "types/type.h"

#include <linux/bpf.h>

/* ---- maps ---- */

enum image_map_role {
	MAP_SCRIPT,  /* an @map of the script */
	MAP_RING,    /* events to user space (BPF_MAP_TYPE_RINGBUF) */
	MAP_GLOBALS, /* one struct image_globals, mmapable array */
	MAP_FAULTS,  /* mmapable array of one element: struct image_fault_count per fault site */
	MAP_SCRATCH, /* per-CPU array of claimed work areas: struct image_scratch_head first */
	MAP_STACKS,  /* hash: u64 hash -> u64 frames[limit] of user and kernel stacks */
	MAP_CONST,   /* read-only tables (frozen after init) */
	MAP_PACKETS, /* perf event array: packets of skboutput() */
	MAP_PRIVATE, /* other state of the code generator (tseries rings, ...) */
	MAP_UNWIND_TABLES, /* array of maps: one mmapable array of u64 for each file (objfile/cfi.h) */
	MAP_UNWIND_PROCS, /* hash: struct image_unwind_key -> struct image_unwind_part */
	MAP_UNWIND_STATS, /* per-CPU array of one element: u64 for each enum image_unwind_stat */
	MAP_STREAMS,      /* hash: struct image_stream_key -> struct image_stream_state */
	MAP_MESSAGE, /* mmapable array of one element: struct image_message, then its arguments */
	MAP_MESSAGE_RING, /* events of clauses on messages */
};

struct image_map {
	struct str name; /* "@x" for script maps, else a short word */
	enum image_map_role role;
	uint32_t bpf_type; /* BPF_MAP_TYPE_* */
	uint32_t key_size, value_size, max_entries, flags;
	/* MAP_SCRIPT: types in stored form; key type NULL for a scalar map (its one key is 0, u32 or u64 by key_size).
	 * hist, lhist, tseries: key_size includes the u64 bucket that follows the key at key_pad_size */
	const struct type *key_type;
	const struct type *value_type;
	uint32_t bucket_offset; /* of the u64 bucket in the key; hist, lhist, tseries */
	bool is_per_cpu;
	bool is_scalar; /* no key in the script */
	bool is_of_threads; /* a key is used by one thread alone, by programs: @start[tid], calls by thread and frame */
	bool is_unused; /* of a generation: an earlier map serves (image_share_maps) */
	bool is_retyped; /* has another type in this generation; no program of an earlier one uses it, so it is made anew */
	bool print_at_exit;
	uint32_t used_by; /* engine/both: bits of enum image_part whose programs use it; 0: not looked at */
	bool is_estimated; /* set while it runs: some of what was added stands for several hits (--budget) */
	const void *init; /* MAP_CONST, MAP_GLOBALS: max_entries * value_size bytes, or NULL */
	struct span at;   /* first use */
};

struct image_globals {
	uint64_t exiting; /* set by exit(): every program but end tests it first */
	uint64_t exit_code;
	uint64_t start_ns; /* CLOCK_MONOTONIC (bpf_ktime_get_ns) when tracing began, for elapsed */
	uint64_t cpid;     /* pid of the -c child, 0: none */
	uint64_t blind; /* hits of programs with stream() that had no work area: whose bytes are missing is not known */
};

struct image_scratch_head {
	uint64_t claimed; /* 0 free, 1 in use: taken by cmpxchg, because uprobe programs can be preempted */
			  /* bytes follow */
};

/* ---- unwinding of user stacks (docs/internals/unwinding.md) ---- */

enum {
	IMAGE_UNWIND_MAPPINGS = 32, /* of one part */
	IMAGE_UNWIND_PARTS = 32,    /* of one process */
	IMAGE_UNWIND_FILES = 4096,  /* tables at a time */
	IMAGE_UNWIND_PROCESSES = 4096,
	/* instead of a table's number */
	IMAGE_UNWIND_NO_CFI = -1, /* frame pointers */
	IMAGE_UNWIND_IN_USER =
		-2, /* there is a table, which the kernel has not got: the consumer unwinds */
};

/* above all addresses */
#define IMAGE_UNWIND_UNUSED (1ULL << 62)

struct image_unwind_key {
	uint32_t pid, part;
};

struct image_unwind_mapping { /* of a process: executable memory */
	uint64_t start, end;  /* start of unused ones: IMAGE_UNWIND_UNUSED */
	uint64_t bias;        /* address - bias: what the table's rows are relative to */
	int32_t table;        /* index into MAP_UNWIND_TABLES, or one of the above */
	uint32_t n_pages;     /* of the table */
};

/* mappings by address, dealt out in parts; the first part knows where each of them begins */
struct image_unwind_part {
	/* of the program that these are the mappings of: mm_struct's start_stack and start_code. After exec they differ */
	uint64_t start_stack, start_code;
	uint64_t part_start[IMAGE_UNWIND_PARTS]; /* or IMAGE_UNWIND_UNUSED */
	struct image_unwind_mapping mappings[IMAGE_UNWIND_MAPPINGS];
};

enum image_unwind_stat {
	UNWIND_IN_KERNEL,     /* stacks */
	UNWIND_SENT,          /* stacks that the consumer unwinds */
	UNWIND_NOT_SENT,      /* the ring had no room for them */
	UNWIND_CUT,           /* stacks whose end was not reached */
	UNWIND_FRAMES,        /* all of those in the kernel */
	UNWIND_FRAME_POINTER, /* of them, by frame pointers */
	UNWIND_N_STATS
};

/* payload of EVENT_STACK: registers and a piece of stack, to be unwound by the consumer; the bytes follow */
struct image_stack_snapshot {
	uint64_t id; /* stands in struct stored_stack instead of the hash */
	uint64_t ip, sp, bp;
	uint64_t shift; /* the first frame is shown as ip - shift: where the probe is by its name (placement) */
	uint64_t base;  /* address of the first byte */
	uint32_t pid;   /* as in struct stored_stack */
	uint32_t limit; /* frames */
};
enum { IMAGE_SNAPSHOT_BYTES = 16384 };

/* the last frame of a stack whose end was not reached */
#define IMAGE_UNWIND_FAILED UINT64_MAX
/* hash of a stack: this and the next for each frame; the consumer computes it too */
#define IMAGE_STACK_HASH_START 0xcbf29ce484222325ULL
static inline uint64_t image_stack_hash(uint64_t h, uint64_t frame)
{
	h = (h ^ frame) * 0x100000001b3ULL;
	return h ^ h >> 29;
}

/* ---- streams: bytes of connections, in order (docs/internals/streams.md) ---- */

enum {
	IMAGE_STREAM_PIECE = 16384, /* bytes of one record at most */
	IMAGE_STREAM_CONNS =
		16384, /* kept in MAP_STREAMS; those that were quiet the longest go first */
	IMAGE_STREAM_IOVECS = 1024, /* of one call, what the kernel takes (UIO_MAXIOV) */
};

struct image_stream_key {
	uint64_t id; /* chosen by the script: a descriptor, an SSL *, ... */
	uint32_t pid, pad;
};

enum { IMAGE_STREAM_IGNORED = 1 };

struct image_stream_state {
	uint64_t epoch; /* when it was made: another one means that bytes between are not known of */
	uint64_t pos[2];  /* by direction: bytes that calls have passed */
	uint64_t lost[2]; /* of them, those that could not be sent here */
	uint64_t flags; /* written by the consumer: IMAGE_STREAM_IGNORED: nothing more of this connection is wanted */
};

enum image_stream_flag {
	STREAM_OUT = 1 << 0, /* direction */
	STREAM_TLS = 1 << 1, /* the bytes come from a TLS library */
	STREAM_END =
		1 << 2, /* no bytes: the connection is over; pos, lost: how many bytes were received and sent in all */
	STREAM_SKIP =
		1 << 3, /* no bytes: call_total of them have passed where no program can see them (sendfile) */
};

/* payload of EVENT_STREAM; its bytes follow */
struct image_stream_piece {
	struct image_stream_key key;
	uint64_t epoch, pos,
		lost;   /* of the state, in this direction: where these bytes stand; lost so far */
	uint64_t blind; /* of the globals, so far */
	uint64_t call_offset, call_total;
	uint64_t nsecs; /* CLOCK_BOOTTIME of the call */
	uint64_t cgroup;
	uint32_t flags;
	int32_t fd;        /* -1: not known */
	uint32_t pid, tid; /* as the tracer's namespace numbers them (key.pid: the initial one) */
	uint32_t uid, gid;
	char comm[16];
	/* of fd, when it is a socket: else all zero */
	uint64_t socket; /* its address in the kernel: another one is another connection */
	uint16_t family, local_port;
	uint16_t remote_port; /* network byte order */
	uint16_t pad;
	uint8_t local[16], remote[16];
};

/* MAP_MESSAGE: what clauses on messages read; shape.args of theirs, a record, begins right behind */
struct image_message {
	uint64_t nsecs[3]; /* by enum stored_clock */
	uint64_t cgroup;
	uint32_t pid, tid, uid, gid;
	char comm[16];
};
enum { IMAGE_MESSAGE_RING = 1 << 20 };

/* ---- --budget: hits of user probes by clause (docs/internals/budget.md) ---- */

enum { IMAGE_BUDGET_CLAUSES = 512, IMAGE_BUDGET_OFF = 1, IMAGE_BUDGET_TRIAL = 3 };

/* of one processor; timed: hits whose program was timed, ns: what it took in all */
struct image_budget_hits {
	uint64_t hits, timed, ns;
};

/* ---- faults at run time ---- */

enum fault_kind {
	FAULT_RING_FULL,    /* an event did not fit the ring: lost */
	FAULT_SCRATCH_BUSY, /* no free work area: the hit was lost */
	FAULT_MAP_FULL,     /* map update failed with E2BIG or ENOMEM */
	FAULT_MAP_UPDATE,   /* other failures of update */
	FAULT_MAP_DELETE,   /* delete(@m, k) of an absent key (reported as bpftrace does) */
	FAULT_MAP_LOOKUP,   /* -k only */
	FAULT_READ,         /* bpf_probe_read failed: -k only */
	FAULT_BOUNDS,       /* index outside of an array */
	FAULT_DIV_ZERO,
	FAULT_STACK,    /* bpf_get_stack failed */
	FAULT_LOOP,     /* bpf_loop stopped early */
	FAULT_NO_ENTRY, /* a return whose call began before the probe: the hit was left out */
	FAULT_STREAM,   /* bytes of a stream could not be read */
	FAULT_OTHER,    /* info says which helper */
	FAULT_N_KINDS
};

struct image_fault {
	enum fault_kind kind;
	struct span at;
	uint32_t prog;     /* index into progs */
	struct str helper; /* "map_update_elem", ... for messages */
	uint32_t map;      /* index into maps, or UINT32_MAX */
	bool is_quiet;     /* counted, shown only with -k (or -kk) */
	uint32_t user; /* number of the program that was given it last: one site of a program is not taken for two */
};

struct image_fault_count {
	uint64_t count;
	int64_t last_retcode;
};

/* ---- events ---- */

enum event_kind {
	EVENT_PRINTF,
	EVENT_ERRORF,
	EVENT_WARNF,
	EVENT_DEBUGF,
	EVENT_CAT,       /* format makes a path */
	EVENT_SYSTEM,    /* format makes a command */
	EVENT_PRINT,     /* print(value): one field */
	EVENT_PRINT_MAP, /* print(@m[, top[, div]]): map, param[0] top, param[1] div; no fields */
	EVENT_PRINT_MAP_KEY, /* print(@m[k]): fields key, value */
	EVENT_CLEAR,         /* map */
	EVENT_ZERO,          /* map */
	EVENT_TIME,          /* format is a strftime format; no fields */
	EVENT_KEYLOG,        /* format is the path; fields: label, client random, secret */
	EVENT_PCAPNG, /* format is the path; no fields: that it is there starts the capture */
	EVENT_JOIN, /* format is the separator; fields: strings in order (empty ones are absent) */
	EVENT_EXIT, /* wakes the consumer; code is in globals */
	EVENT_SKB,  /* format is the pcap path */
	EVENT_UNWATCH, /* one field: address */
	EVENT_NOTE, /* one field: u32 process id, seen for the first time: its mappings are to be remembered */
	EVENT_STACK,  /* no fields: struct image_stack_snapshot and bytes */
	EVENT_STREAM, /* no fields: struct image_stream_piece and bytes; format: the protocol */
	EVENT_N_KINDS
};

struct event_field {
	const struct type *type;
	uint32_t offset; /* in the payload, behind struct event_head */
};

/*
 * A record in the ring: struct event_head (before it the time, where image.has_times), then the payload. Fields are at fixed offsets in stored form. When the last
 * field is a string or buffer the record may end early (its true length): bytes beyond the record read as NUL.
 */
struct event_head {
	uint32_t layout; /* index into image.events */
	uint32_t prog; /* index into image.progs: the program, or the first one of its clause in an earlier generation */
};

/*
 * Of an image of others the consumer makes the head: layout is the number that the programs have for the buffer, or this, for what bpf_printk says;
 * then the payload is a struct event_line with its text, at most n bytes.
 */
enum { EVENT_BUFFERS = 15 }; /* numbers from 0 on */
#define EVENT_LINE UINT32_MAX
struct event_line {
	uint32_t tid, n;
	char comm[16];
};

struct event_layout {
	enum event_kind kind;
	struct span at;
	struct str format; /* unescaped */
	struct event_field *fields;
	uint32_t n_fields;
	uint32_t size;    /* payload bytes at most */
	uint32_t map;     /* index into image.maps, where the kind says so */
	int64_t param[2]; /* -1: not given */
	uint32_t user;    /* as in struct image_fault */
};

/* ---- programs ---- */

/* which place of an instruction is patched with what at load */
enum image_reloc_kind {
	RELOC_MAP, /* ld_imm64: fd of map index */
	RELOC_MAP_VALUE, /* ld_imm64: address in map index, byte offset in the second imm (already there) */
};

struct image_reloc {
	uint32_t insn;
	enum image_reloc_kind kind;
	uint32_t index;
};

struct image_func_info {
	uint32_t insn;    /* first instruction */
	uint32_t type_id; /* BTF_KIND_FUNC in image.btf */
};

struct image_line {
	uint32_t insn;
	uint32_t ir; /* index of the IR instruction in its function, for -v */
	struct span at;
};

struct image_prog {
	struct str name;                 /* C identifier: "uprobe_redis_1" */
	uint32_t prog_type;              /* BPF_PROG_TYPE_* */
	uint32_t attach_type;            /* expected_attach_type, or 0 */
	uint32_t flags;                  /* BPF_F_SLEEPABLE ... */
	const struct probe_shape *shape; /* where to attach */
	struct span at;                  /* the clause */
	/*
	 * The first program of its clause: it shares that one's event layouts and fault sites, so that programs that do the same are
	 * the same (image_find_twin). Where these begin.
	 */
	uint32_t first, first_event, first_fault;
	uint32_t budget; /* number of its clause in the maps of --budget, or IMAGE_NONE */
	bool is_needed;  /* without it others do what nobody wants: no missing_probes excuses it */
	bool is_in_process; /* made for the user engine, of an image that has programs for both */
	/* the script's maps that it uses otherwise than by adding to them: reads, assigns, deletes, walks through */
	uint32_t *owns;
	uint32_t n_owns;
	bool sends;           /* events that a user sees */
	uint64_t drops_fault; /* index of this program's FAULT_RING_FULL site, or UINT32_MAX */
	struct bpf_insn *insns;
	uint32_t n_insns;
	uint32_t stack_bytes; /* deepest combined stack, for -v and lint */
	bool reads_kernel;    /* memory that may be the kernel's, besides copies of its own */
	struct image_reloc *relocs;
	uint32_t n_relocs;
	struct image_func_info *funcs; /* first is the entry */
	uint32_t n_funcs;
	struct image_line *lines;
	uint32_t n_lines;
};

/* whose programs and maps an engine has of an image: all of them, or those of one of two engines (engine/both) */
enum image_part { IMAGE_WHOLE = 0, IMAGE_IN_KERNEL = 1, IMAGE_IN_PROCESS = 2 };

struct image {
	struct arena *arena;
	enum image_part part;
	struct image_prog **progs;
	uint32_t n_progs;
	struct image_map **maps;
	uint32_t n_maps, cap_maps;
	struct event_layout **events;
	uint32_t n_events, cap_events;
	struct image_fault *faults;
	uint32_t n_faults, cap_faults;
	struct str *strings; /* strftime formats, cgroup filters */
	uint32_t n_strings, cap_strings;
	uint32_t ring_map, globals_map, faults_map; /* indices into maps; always present */
	uint32_t scratch_map, stacks_map;           /* UINT32_MAX when not needed */
	uint32_t unwind_tables_map, unwind_procs_map, unwind_stats_map; /* the same */
	uint32_t streams_map, message_map, message_ring_map;            /* the same */
	/* --budget: a per-CPU array of struct image_budget_hits; a u64 for each clause: 0: every hit; IMAGE_BUDGET_OFF, or _TRIAL: its probes are there, hits are only counted; n: one in n, a power of two */
	uint32_t budget_hits_map, budget_rates_map; /* the same */
	uint32_t stack_limit;                       /* frames per entry of the stack map */
	/*
	 * A later generation (extend.c) stands behind what was there: programs, and maps if n_base_maps is not 0. clash: the
	 * script's map that it would need with another type than it has.
	 */
	uint32_t n_base_progs, n_base_maps;
	/* the program that is being built finds its equals from here on; IMAGE_NONE: there are none */
	uint32_t known_events, known_faults;
	uint32_t fault_room; /* fault sites that the faults map has room for from the beginning; 0: as many as there are */
	struct str clash;
	bool has_no_books; /* the elements of IMAGE_CALLS stay 0 */
	/* the kernel's records begin with the time when they were made, ns of CLOCK_MONOTONIC: those of two engines have to be put in order */
	bool has_times;
	bool is_foreign; /* programs of others (sonde run): the ring's records are theirs, without struct event_head. See EVENT_LINE */
	/*
	 * Nobody has verified them, either: they run fenced (docs/internals/user-fence.md). What the fence has to say is in this map, an array with a
	 * struct image_fence_report for each program; IMAGE_NONE: they are verified
	 */
	uint32_t fence_map;
	void *btf; /* minimal BTF for functions, or NULL */
	uint32_t btf_size;
	struct str license;
};

#define IMAGE_NONE UINT32_MAX

/* is it for who has this image? */
static inline bool image_runs(const struct image *im, const struct image_prog *p)
{
	return im->part == IMAGE_WHOLE || (im->part == IMAGE_IN_PROCESS) == p->is_in_process;
}

static inline bool image_uses(const struct image *im, const struct image_map *m)
{
	return im->part == IMAGE_WHOLE || m->used_by & im->part;
}

/* --follow: the name of the map whose one value is a bitmap over process ids, and how many (PID_MAX_LIMIT) */
/* name of the map of one element, u64 for each enum image_call_stat: calls of which something is kept until they return */
#define IMAGE_CALLS "calls"
/* with these begin the names of the maps in which it is kept; the owner of a call is a thread, or a goroutine */
#define IMAGE_CALLS_OF "calls_"
#define IMAGE_CALLS_OF_GO "go_calls_"
enum image_call_stat {
	CALL_KEPT,
	CALL_TAKEN, /* at the return */
	CALL_UNWOUND, /* never returned: another call stands where it stood, or the thread has ended */
	CALL_N_STATS
};

#define IMAGE_FOLLOWED "followed"
#define IMAGE_FOLLOWED_PIDS 4194304

/* where the fence has ended a program: engine/user/rt/fence.h */
enum image_fence_why {
	IMAGE_FENCE_READ = 1,
	IMAGE_FENCE_WRITE,
	IMAGE_FENCE_CALL,
	IMAGE_FENCE_SPENT,
	IMAGE_FENCE_LEFT
};
struct image_fence_report {
	uint64_t n_ended, first, n_spent; /* hits; why << 32 | instruction */
	uint32_t is_off, padding;
};

struct image *image_new(struct arena *arena);
uint32_t image_add_map(struct image *im, struct image_map m);
/* im's last program, of whose clause number first is the first one (itself, if no other): events and faults are now its */
void image_begin_prog(struct image *im, struct image_prog *p, uint32_t first);
uint32_t image_add_event(struct image *im, struct event_layout e);
uint32_t image_add_fault(struct image *im, struct image_fault f);
uint32_t image_add_string(struct image *im, struct str s); /* shared when equal */

/* ---- extend.c: what programs share; generations of a script, for probes in files that come later ---- */

/*
 * From here on what is added stands behind what there is, in arena, and finds its equals there. The struct copied before
 * undoes all of it when it is copied back: nothing that was there is changed.
 */
void image_extend(struct image *im, struct arena *arena);
/* index of the equal that stands before n, or IMAGE_NONE; for the functions that add */
uint32_t image_find_map(struct image *im, const struct image_map *m);
uint32_t image_find_event(const struct image *im, const struct event_layout *e);
uint32_t image_find_fault(const struct image *im, const struct image_fault *f);
/* when code is complete: constants and work areas of the generation for which an earlier map serves are left out */
void image_share_maps(struct image *im);
/* how many sites the map of faults has room for: it is made of whole pages */
uint32_t image_fault_room(const struct image_map *faults);
/* the first of the earlier programs that has the same instructions over the same maps, or IMAGE_NONE */
uint32_t image_find_twin(const struct image *im, uint32_t prog);
/* text form of everything, for -d image */
void image_dump(const struct image *im, struct sources *s, struct strbuf *out);

#endif
