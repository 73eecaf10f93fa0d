/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of this folder share. */
#ifndef SONDE_OBJECT_OBJECT_PRIVATE_H
#define SONDE_OBJECT_OBJECT_PRIVATE_H

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/vec.h"
#include "engine/engine.h"
#include "object/object.h"
#include "output/value.h"
#include "types/btf_source.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

/* the map of the operands of usdt probes, by libbpf's usdt.bpf.h; an operand's bytes before libbpf 1.7, and since */
#define OBJECT_USDT_SPECS "__bpf_usdt_specs"
enum { OBJECT_SPEC_ARGS = 12, OBJECT_SPEC_ARG_BYTES = 16, OBJECT_SPEC_WIDE_BYTES = 24 };

struct object_user; /* user.c: the programs run in the processes */

/* "uprobe:FILE:FUNCTION", "usdt:FILE:PROVIDER:NAME", "tracepoint:CATEGORY:NAME", "kprobe:FUNCTION", ... */
struct object_place {
	struct str kind, file, func, name; /* name: of usdt probes; then func is the provider */
	uint64_t offset;
	bool is_return;
};

/* a ring or perf buffer map and how its records are read */
struct object_buffer {
	struct object *o;
	struct bpf_map *map;
	struct perf_buffer *perf; /* NULL: a ring */
	const struct type *type;  /* of the records; NULL: not known */
	bool was_said;            /* that it is not known, or does not fit */
};

struct object_link {
	struct bpf_link *link;
	const struct bpf_program *program;
};

struct object_budget;

struct object {
	struct object_opts opts;
	struct bpf_object *bpf;
	struct strbuf log; /* what libbpf had to say, since it was last cleared */
	VEC(struct object_link) links;
	struct object_budget *budget; /* budget.c; NULL: --budget was not asked for */
	VEC(int) samplers;            /* perf events of sampled programs */
	/* types */
	struct arena arena;
	struct type_table types;
	struct btfsrc *btf; /* NULL: the object has none */
	struct value_env env;
	/* events */
	VEC(struct object_buffer *) buffers;
	struct ring_buffer *ring;
	uint64_t n_lost;
	int pipe;                 /* of bpf_printk, -1: no program calls it */
	struct strbuf instance;   /* folder of a buffer of its own; empty: it is the machine's */
	struct strbuf lines;      /* of it: the last one may be a part */
	struct object_user *user; /* opts.is_user, once it is attached */
	bool is_unverified; /* the kernel does not verify for this user: the programs run fenced */
	struct strbuf file; /* of it: what libbpf reads */
	struct object_user *usdt; /* operands.c; NULL: libbpf attaches usdt programs */
};

/* one sentence through opts.remark */
void object_remark(struct object *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* an error that ends nothing, with its hint; frees it */
void object_remark_err(struct object *o, struct err *err);
/* the last lines of what libbpf said, as the cause of an error */
struct err *object_failed(struct object *o, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4))) ERR_MUST;

/* what is behind a type id of the object's BTF; NULL: nothing that has a value */
const struct type *object_type(struct object *o, uint32_t id);
/* value of n bytes; those that the type does not cover, or all without a type, as hex */
void object_put_value(struct object *o, const struct type *t, const void *data, uint32_t n,
		      bool is_key, struct strbuf *out);

/* events.c: before the maps are made (types that the kernel would refuse are remembered), and after it */
void object_buffers_find(struct object *o);
struct err *object_buffers_open(struct object *o) ERR_MUST;
void object_buffers_free(struct object *o);

/* maps.c: does each processor have its own values? */
bool object_map_is_per_cpu(enum bpf_map_type t);
/* a record of a buffer */
void object_put_event(struct object_buffer *b, const void *data, uint32_t n);

/* attach.c: where a program of a user probe goes; false: it is none, or that is not said */
bool object_user_place(const struct object *o, const struct bpf_program *p,
		       struct object_place *ret);
/* path of the program that a process of opts.pids runs, or will run */
void object_put_program(const struct object *o, pid_t pid, struct strbuf *out);

/* unverified.c: does the kernel verify programs for this user? */
bool object_may_verify(void);
/* for processes, without the kernel: o->bpf; then its programs as they would be loaded. 0, or libbpf's error */
struct err *object_open_unverified(struct object *o) ERR_MUST;
int object_load_unverified(struct object *o);
/* types_relocate.c: in a copy of an object's file */
struct err *object_resolve_types(uint8_t *file, size_t n) ERR_MUST;
/* -1: the object does without that map */
int object_map_fd(const struct object *o, const struct bpf_map *m);

/* set.c: what opts.set says, in an object that is not loaded yet */
struct err *object_set_variables(struct object *o) ERR_MUST;

/* given.c: --attach PROGRAM=none, where PROGRAM can be a pattern */
bool object_is_unwanted(const struct object *o, const struct bpf_program *p);
/* --attach names programs of the object */
struct err *object_check_given(const struct object *o) ERR_MUST;

/* attach.c: the words of a place behind its kind; false: there are too few */
bool object_place_parse(struct str kind, struct str rest, struct object_place *p);
/* a link of a program; NULL: libbpf has failed */
struct err *object_add_link(struct object *o, struct bpf_program *p, struct bpf_link *l) ERR_MUST;
/* operands.c: the object's operands are not in libbpf's form, and its usdt programs are attached by the second */
bool object_operands_are_ours(const struct object *o);
struct err *object_attach_operands(struct object *o, struct bpf_program *p) ERR_MUST;

/* user.c: one error for all programs that neither their section nor --attach gives a place in a process; NULL: there are none */
struct err *object_user_unplaced(const struct object *o, bool *is_any_placed) ERR_MUST;
/* the operations of object.h where the programs run in the processes */
struct err *object_user_attach(struct object *o, uint32_t *n) ERR_MUST;
struct err *object_user_poll(struct object *o, int timeout_ms) ERR_MUST;
void object_user_detach(struct object *o);
void object_user_free(struct object_user *u);
/* elements of a map, as engine_ops.map_each gives them */
struct err *object_user_each(struct object *o, const struct bpf_map *m,
			     bool (*fn)(void *arg, const void *key, const void *value,
					uint32_t n_cpus),
			     void *arg) ERR_MUST;

/* budget.c: before programs are attached; what is over it is taken off by object_budget_round (object.h) */
struct err *object_budget_begin(struct object *o) ERR_MUST;
void object_budget_free(struct object *o);

/* printk.c. Does a program call bpf_printk? */
bool object_says_lines(const struct object *o);
void object_pipe_open(struct object *o);
void object_pipe_close(struct object *o);
void object_pipe_read(struct object *o);
/* a struct event_line with its text, n bytes in all */
void object_put_printk(struct object *o, const void *data, uint32_t n);

/* stacks.c: a map of stacks. In a process its values begin so (engine/user/rt/area.h) */
struct object_stack {
	uint64_t state; /* 0: free, 1: being written */
	uint32_t pid, n;
	uint64_t frames[];
};
struct err *object_put_stacks(struct object *o, struct bpf_map *m) ERR_MUST;

#endif
