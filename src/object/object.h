/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * eBPF objects that others compiled: opened and loaded by libbpf, attached by what their sections say, what they write to
 * ring and perf buffers printed by the types of their BTF, and their maps at the end. In this order: object_open,
 * object_attach, object_poll ..., object_detach, object_put_maps, object_free. Whoever drives it (src/tools) brings the
 * output, the processes and the reasons to stop. Nothing outlives the struct: links, maps and programs hang on descriptors.
 */
#ifndef SONDE_OBJECT_OBJECT_H
#define SONDE_OBJECT_OBJECT_H

#include "base/err.h"
#include "base/strbuf.h"
#include "output/symbols.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct object;
struct proc_map;

struct object_attach {
	const char *program; /* of the object */
	const char *place;   /* "uprobe:FILE:FUNCTION" and so on */
};

struct object_opts {
	const char *path;
	const pid_t *pids; /* user probes and samples of these alone; none: of all */
	uint32_t n_pids;
	const struct object_attach *attach; /* for sections that name no place, or another one */
	uint32_t n_attach;
	const char *const *set; /* "NAME=VALUE": variables, before it is loaded */
	uint32_t n_set;
	uint32_t hertz; /* of perf_event programs */
	double budget; /* share of a processor that user probes may take; 0: any. Not with is_user */
	bool is_user; /* programs run in the processes of pids (user engine), after the kernel has verified them */
	pid_t held_pid; /* of pids: a child that waits before its exec until gate, a pipe, gets a byte; 0: none */
	int gate;
	const char *program; /* what that child will run */
	bool is_json;
	/* a whole line or more, newline included */
	void (*write)(void *arg, struct str text);
	/* one sentence, no newline */
	void (*remark)(void *arg, const char *text);
	/* is_user: as engine_opts.mapped; NULL: not wanted */
	void (*mapped)(void *arg, pid_t pid, const struct proc_map *m);
	void *arg;
};

/* opens, makes the maps, loads the programs */
struct err *object_open(const struct object_opts *o, struct object **ret) ERR_MUST;
/* it keeps stacks, for which symbols are wanted: object_set_symbols, before it is attached */
bool object_has_stacks(const struct object *o);
void object_set_symbols(struct object *o, const struct output_symbols *symbols);
/* all programs that can be attached; *n: to how many places. An error when it is none */
struct err *object_attach(struct object *o, uint32_t *n) ERR_MUST;
/* the child that was held runs already */
bool object_has_released(const struct object *o);
/* prints what has come, waiting at most timeout_ms for the first of it */
struct err *object_poll(struct object *o, int timeout_ms) ERR_MUST;
/* often: takes user probes off that cost more than the budget; behind the maps: what that means for them */
struct err *object_budget_round(struct object *o) ERR_MUST;
void object_budget_end(struct object *o);
void object_detach(struct object *o);
struct err *object_put_maps(struct object *o) ERR_MUST;
/* records that the buffers had no room for */
uint64_t object_lost(const struct object *o);
void object_free(struct object *o);

#endif
