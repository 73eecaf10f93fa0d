/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From attach points to places: probe_match looks up what an attach point names (files, symbols, events, functions of
 * the kernel) and returns the shapes with their points (point.h). Everything that it returns lives in the context's
 * arena. What cannot be found is reported with the nearest names as a hint.
 *
 * The context keeps what was read once (object files, BTF, lists of events) for the next attach point and for listings
 * (list.h). One context serves one compilation. Where files are read from can be changed for tests.
 */
#ifndef SONDE_PROBE_MATCH_H
#define SONDE_PROBE_MATCH_H

#include "lang/ast.h"
#include "probe/point.h"
#include "types/btf_source.h"

#include <sys/types.h>

struct objfile_cache;
struct demangler;
struct probe_late;
struct probe_survey;
struct err;
struct file_btf;
struct placement_foreign;

/*
 * config return_probe: how returns of user functions are noticed. CALLED: for the user engine, which calls functions through where nothing
 * can meet the address that they then return to; it is told as RETURN_KERNEL
 */
enum return_choice { RETURN_AUTO, RETURN_FORCE_KERNEL, RETURN_FORCE_SITES, RETURN_CALLED };

/* config missing_probes */
enum probe_missing { PROBE_MISSING_ERROR, PROBE_MISSING_WARN, PROBE_MISSING_IGNORE };

/* config placement: on; not past what could fault; never (placement.h) */
enum probe_placement { PROBE_PLACEMENT_ON, PROBE_PLACEMENT_EXACT, PROBE_PLACEMENT_OFF };

struct probe_ctx {
	struct arena *arena;
	struct type_table *types;
	struct btfsrc *btf; /* the kernel's; never NULL, but it may have no file behind it */
	const pid_t *pids;  /* -p and the like; borrowed */
	uint32_t n_pids;
	/* --cgroup: processes in whose roots names of files are looked up, before ours; ours, too, when one of the cgroup has it */
	const pid_t *roots; /* borrowed */
	uint32_t n_roots;
	bool has_our_root;
	const char *
		program; /* -c: what will be run; its files alone are what is mapped, at the start. NULL: none */
	struct str expected; /* config expected_files: what "*" means besides what is mapped; borrowed */
	enum probe_missing missing;
	bool is_unsafe; /* --unsafe: places that cannot be proved to be good are taken */
	bool raw_names; /* config cpp_demangle = false: functions are named as in the symbol table */
	enum probe_placement placement; /* config placement */
	/* are user stacks unwound by tables, from any instruction of a function? NULL: by frame pointers only */
	bool (*unwinds)(void *arg);
	void *unwinds_arg;
	bool (*calls_nop5)(
		void); /* is a probe on a function's own 5-byte nop called, without a trap? NULL: no */
	bool (*keeps_red_zone)(
		void); /* does a probe on a 5-byte nop leave the red zone alone? NULL: no */
	bool is_in_process; /* by a jump, not by a trap of the kernel's: nothing of what that cannot do matters */
	enum return_choice return_choice; /* config return_probe */
	bool tells_by_entry; /* a jump costs the same everywhere: calls that end in tail jumps are noted once, at the entry */
	/* where the kernel shows its events, and more of its files; defaults are set by probe_ctx_init */
	const char *tracefs;      /* "/sys/kernel/tracing" (or .../debug/tracing) */
	const char *event_source; /* "/sys/bus/event_source/devices" */
	const char *kallsyms;     /* "/proc/kallsyms" */
	const char *modules;      /* "/proc/modules" */
	const char *traceable;    /* --traceable-functions: list of functions, NULL: tracefs' own */
	/*
	 * Why probes of a type cannot be attached to this kernel ("kprobe", "fentry", ...), NULL when they can: the
	 * engine knows by trying (features_missing). Without it, what the kernel's files show decides.
	 */
	struct err *(*lacks)(const char *provider);
	const struct probe_late *late; /* match in this file alone; NULL: in all (late.h) */
	/* made when first needed */
	struct probe_survey *survey; /* what processes map, for targets that are patterns over it */
	const struct str *
		wanted; /* functions that the script names plainly: what will be asked (probe_ctx_expect) */
	uint32_t n_wanted;
	struct placement_foreign *foreign; /* placement_foreign.c */
	struct objfile_cache *files;
	struct demangler *demangler;
	struct type_source *tracepoint_types; /* provider_tracepoint.c */
	struct file_btf *file_btf;            /* file_btf.c */
};

/* btf may be shared with others (the script's type chain) and is not freed by probe_ctx_free */
void probe_ctx_init(struct probe_ctx *c, struct arena *arena, struct type_table *types,
		    struct btfsrc *btf);
void probe_ctx_free(struct probe_ctx *c);
/* all of the script's attach points, before the first is matched: files are then read once for all of them */
void probe_ctx_expect(struct probe_ctx *c, const struct script *script);
struct objfile_cache *probe_ctx_files(struct probe_ctx *c);
struct placement_foreign *probe_ctx_foreign(struct probe_ctx *c);
struct demangler *probe_ctx_demangler(struct probe_ctx *c);

/*
 * Shapes of one attach point, chained by next. NULL: nothing was found; then either a diagnostic says so, or the point is
 * to be left out silently: missing_probes = ignore, or a wildcard that fits nothing (the caller reports a clause that
 * is left without any point: "Probe has no valid attach points.").
 *
 * ignores_args: the clause reads neither args nor argN: points then need not be told apart by their arguments, which
 * gives fewer shapes and reads fewer files. Its shapes have args_form and n_argn, but args and operands are NULL.
 */
struct probe_shape *probe_match(struct probe_ctx *c, const struct attach_point *ap,
				bool ignores_args, struct diag_list *diags);

/*
 * Does the attach point wait for files that processes map later? path: and would a file of this path be one, as a process
 * sees it? NULL: any.
 */
bool probe_waits(const struct probe_ctx *c, const struct attach_point *ap, const struct str *path);

/* is the probe type a group of several (t*point)? Kinds that the written provider stands for, as bits; 0: unknown */
uint32_t probe_kinds_of(struct str provider);

#endif
