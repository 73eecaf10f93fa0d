/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shared by the files build_*.c: the builder's state, values, and the small vocabulary in which all code is written.
 *
 * A *value* is where the result of an expression is: in a vreg, in memory, or a string literal known now. Memory may be
 * BPF memory (slots, scratch, map values, the context: direct loads) or the traced process's or the kernel's (reads by
 * helper). Reading is put off as long as possible: a struct expression is just its address.
 *
 * Temporaries live until the end of their statement (mem_mark, mem_release). Small ones are stack slots, large ones parts
 * of the claimed scratch area; see struct fn_state.
 */
#ifndef SONDE_IR_BUILD_PRIVATE_H
#define SONDE_IR_BUILD_PRIVATE_H

#include "ir/build.h"

enum value_form { VAL_NONE, VAL_REG, VAL_MEM, VAL_STR };

struct value {
	enum value_form form;
	const struct type *type;
	uint32_t reg;     /* REG: the value; MEM: base address */
	int32_t off;      /* MEM */
	enum space space; /* MEM; SPACE_NONE: user or kernel, told by the address when it is read */
	bool is_ctx;      /* MEM in the context: only loads at constant offsets */
	struct str str;   /* STR */
};

/* where a scratch variable lives */
struct var_home {
	enum { HOME_NONE, HOME_REG, HOME_SLOT, HOME_SCRATCH, HOME_FRAME } form;
	uint32_t n;             /* vreg, slot number, offset */
	struct fn_state *owner; /* REG, SLOT: the function it belongs to */
};

enum {
	/*
	 * The frame: a stack block of a program that has callback loops; callbacks get its address as context. What both sides
	 * need stands in it.
	 */
	FRAME_CTX = 0,     /* the program's context */
	FRAME_SCRATCH = 8, /* base of the claimed scratch element */
	FRAME_LEAVE =
		16, /* 1: a return or exit in a callback: leave the program; LEAVE_FN: the fn that stands inline */
	FRAME_RESULT = 24, /* the value to leave with */
	FRAME_VARS = 32,
	LEAVE_FN = 2,
	MAX_SLOT_BYTES = 224, /* slots of one function, besides spills */
	MAX_SLOT_OBJECT = 64, /* larger objects go to scratch */
	MAX_FRAME_BYTES = 160,
	SCRATCH_HEAD = sizeof(struct image_scratch_head),
	SCRATCH_MAX = 32768,
	SCRATCH_ELEMENTS = 4, /* nested: program, preempted by another, by an interrupt, by an NMI */
	MAX_ENTRY_REGS = 6,   /* kept from the entry for the return */
	RESERVE_MAX = 256,    /* events up to this size are written in place */
};

/* one function being emitted */
struct fn_state {
	struct ir_func *f;
	struct fn_state *parent; /* the function that a callback was met in */
	uint32_t index;          /* in module.funcs */
	uint32_t ctx;            /* vreg of the context, program only */
	uint32_t frame;   /* callbacks: vreg of the frame's address; programs: vreg of the result */
	uint32_t scratch; /* vreg of the scratch base, defined in the prologue */
	uint32_t leave;   /* label: the way out */
	uint32_t fault_code; /* vreg of the result that is being tested for a fault; 0 until needed */
	uint32_t slot_bytes;
	/* free slots by statement: slots at or above the mark are reusable */
	VEC(uint32_t) free_slots;
	VEC(uint32_t) live_slots;
	uint32_t break_label, continue_label; /* inside a while or unroll */
	bool has_loop_labels;
	uint32_t rounds; /* of while loops, in a process: counted there; 0: in none */
	bool is_callback;
	bool uses_frame_scratch; /* callback that reads FRAME_SCRATCH */
};

struct mem_mark {
	size_t live_slots;
	uint32_t scratch;
};

/* inside an inlined fn: where return goes */
struct inline_fn {
	struct inline_fn *outer;
	uint32_t done; /* label, in function owner */
	struct fn_state *owner;
	struct value result;     /* REG, MEM, or none */
	struct variable *shared; /* the result, when a return in a for loop sets it, too */
	const struct fn_def *def;
};

struct builder {
	struct arena *arena;
	const struct unit *unit;
	const struct ir_build_opts *opts;
	struct diag_list *diags;
	struct ir_module *m;
	struct image *im;
	struct span at; /* of what is being built: goes into each insn */

	/* the clause being built */
	const struct clause_inst *inst;
	const struct probe_shape *shape;
	uint32_t prog_index; /* in image.progs */
	struct image_prog *prog;
	struct fn_state *fn;                 /* function being emitted */
	struct fn_state *main;               /* the program's entry */
	struct var_home *homes;              /* by variable id */
	uint32_t scratch_used, scratch_peak; /* bytes, of this program */
	uint32_t scratch_floor;              /* below it stand variables: mem_release stops there */
	bool has_frame;
	uint32_t frame_slot, frame_bytes;
	struct inline_fn *inlined;
	bool uses_scratch;

	uint32_t scratch_max; /* over all programs */
	uint32_t const_map;   /* pool of string literals and tables, IMAGE_NONE until needed */
	struct strbuf const_data;
	struct hashmap const_index; /* bytes -> offset + 1 */
	uint32_t *script_maps;      /* unit map index -> image map index */
	uint32_t n_callbacks;
	uint32_t follow_map; /* --follow */
	struct ir_unwind_opts unwind;
	bool has_unwind_opts;
	int32_t unwind_at;   /* offset of the unwinder's state in scratch */
	/* build_budget.c: of the program being built; 0: it has none */
	uint32_t budget_elem, budget_weight, budget_start, budget_first;
	/* build_return.c: of the program being built */
	uint32_t n_entry_regs, entry_values[MAX_ENTRY_REGS];
	uint16_t entry_regs[MAX_ENTRY_REGS];
	uint32_t entries_map, tails_map;
	uint32_t calls_map; /* of all */
	uint32_t packets_map; /* skboutput(), IMAGE_NONE until needed */
	struct ir_socket_opts socket;
	bool has_socket_opts;
	bool uses_stream; /* the program has stream(): hits that cannot run are counted for it */
	uint32_t noted_map;  /* processes that the consumer knows of, IMAGE_NONE until needed */
};

/* ---- build_put.c: one call, one instruction ---- */

uint32_t new_vreg(struct builder *b);
uint32_t new_label(struct builder *b);
void put_label(struct builder *b, uint32_t label);
uint32_t put_imm(struct builder *b, int64_t imm);
void put_imm_to(struct builder *b, uint32_t dst, int64_t imm);
void put_mov_to(struct builder *b, uint32_t dst, uint32_t a);
uint32_t put_op(struct builder *b, enum ir_op op, uint32_t a, uint32_t bb);
uint32_t put_op_imm(struct builder *b, enum ir_op op, uint32_t a, int64_t imm); /* any 64-bit imm */
uint32_t put_ext(struct builder *b, uint32_t a, uint32_t size,
		 bool is_signed); /* size 8: a itself */
uint32_t put_unary(struct builder *b, enum ir_op op, uint32_t a, uint32_t size);
uint32_t put_set(struct builder *b, enum ir_cc cc, uint32_t a, uint32_t bb);
uint32_t put_set_imm(struct builder *b, enum ir_cc cc, uint32_t a, int64_t imm);
void put_jmp(struct builder *b, uint32_t label);
void put_br(struct builder *b, enum ir_cc cc, uint32_t a, uint32_t bb, uint32_t label);
void put_br_imm(struct builder *b, enum ir_cc cc, uint32_t a, int64_t imm, uint32_t label);
uint32_t put_load(struct builder *b, uint32_t base, int32_t off, uint32_t size, bool is_signed);
void put_store(struct builder *b, uint32_t base, int32_t off, uint32_t v, uint32_t size);
void put_store_imm(struct builder *b, uint32_t base, int32_t off, int64_t imm, uint32_t size);
void put_zero(struct builder *b, uint32_t base, int32_t off, uint32_t n);
void put_copy(struct builder *b, uint32_t to, int32_t to_off, uint32_t from, int32_t from_off,
	      uint32_t n);
void put_atomic_add(struct builder *b, uint32_t base, int32_t off, uint32_t v);
uint32_t put_fetch_add(struct builder *b, uint32_t base, int32_t off, uint32_t v); /* gives what was there */
uint32_t put_cmpxchg(struct builder *b, uint32_t base, int32_t off, uint32_t expected,
		     uint32_t new_value);
uint32_t put_call(struct builder *b, int helper, uint32_t n_args, const uint32_t *args);
#define put_helper(b, helper, ...)                                                  \
	put_call(b, helper, sizeof((uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t), \
		 (uint32_t[]){ __VA_ARGS__ })
/* process id of the current thread, in the initial namespace */
uint32_t put_current_tgid(struct builder *b);
uint32_t put_map(struct builder *b, uint32_t map);
uint32_t put_map_value(struct builder *b, uint32_t map, int32_t off);
uint32_t put_slot(struct builder *b, uint32_t slot);
uint32_t put_param(struct builder *b, uint32_t n);
uint32_t put_func(struct builder *b, uint32_t func);
uint32_t put_bound(struct builder *b, uint32_t a, int64_t max);
void put_ret(struct builder *b, uint32_t v);
struct ir_insn *put_raw(struct builder *b, struct ir_insn insn);

/* ---- build_value.c: values and memory ---- */

static inline struct value value_none(void)
{
	return (struct value){ .form = VAL_NONE, .type = type_none() };
}
static inline struct value value_reg(uint32_t reg, const struct type *type)
{
	return (struct value){ .form = VAL_REG, .type = type, .reg = reg };
}
static inline struct value value_mem(uint32_t base, int32_t off, enum space space,
				     const struct type *type)
{
	return (struct value){
		.form = VAL_MEM, .type = type, .reg = base, .off = off, .space = space
	};
}
struct value value_retype(struct value v, const struct type *t);
struct value value_at(struct value mem, int32_t off,
		      const struct type *t); /* part of a MEM value */
/* the value in a vreg: loads (from any space), for scalars; 1- to 8-byte values extended by their type */
uint32_t value_to_reg(struct builder *b, struct value v);
/* the address of a MEM value in a vreg, offset added */
uint32_t value_address(struct builder *b, struct value v);
/* the value somewhere in BPF memory, in stored form, 8-aligned; copies unless it is there already */
struct value value_to_mem(struct builder *b, struct value v);
/* write v in the stored form of to.type to BPF memory; strings: cut or padded to to's size; sizes else equal */
void value_store(struct builder *b, struct value to, struct value v);
/* integers and enums whose values are sign-extended */
bool is_signed_type(const struct type *t);
/* fresh BPF memory of a type or size (not zeroed), until the end of the statement */
struct value mem_new(struct builder *b, const struct type *t);
struct value mem_new_bytes(struct builder *b, uint32_t size);
void mem_zero(struct builder *b, struct value mem, uint32_t size);
struct mem_mark mem_mark(struct builder *b);
void mem_release(struct builder *b, struct mem_mark mark);
uint32_t scratch_base(struct builder *b); /* vreg of the claimed element in the current function */
uint32_t scratch_alloc(struct builder *b, uint32_t size); /* offset from scratch_base */
uint32_t frame_base(struct builder *b);
uint32_t context_reg(struct builder *b); /* the program's context, in any function of the program */
/* may the program sleep until a page is there? */
bool may_fault_in(const struct builder *b);
/* n bytes from memory of some space into BPF memory; faults are counted when asked for (-k) */
void mem_read(struct builder *b, struct value to, uint32_t from_addr, enum space space,
	      uint32_t size);
/* the same with a size in a vreg; give the helper's result: 0 or negative, for text the length with the NUL or negative */
uint32_t mem_read_bytes(struct builder *b, uint32_t to, uint32_t size, uint32_t from,
			enum space space);
uint32_t mem_read_text(struct builder *b, uint32_t to, uint32_t size, uint32_t from,
		       enum space space);
/* byte at const offset of the pool of constants that holds these bytes (shared when equal) */
struct value const_bytes(struct builder *b, const void *p, uint32_t n, const struct type *t);
uint32_t round_up8(uint32_t n);

/* ---- build_expr.c ---- */

struct value build_expr(struct builder *b, struct node *n);
uint32_t build_reg(struct builder *b, struct node *n); /* scalar expression into a vreg */
/* evaluate straight into BPF memory of n's type (stored form, padding zeroed) */
void build_into(struct builder *b, struct node *n, struct value to);
/* jump to label when the truth of n equals when */
void build_branch(struct builder *b, struct node *n, bool when, uint32_t label);
uint32_t value_truth(struct builder *b, struct value v); /* 0 or 1 */
struct value build_cast(struct builder *b, struct value v, const struct type *to, struct span at);
/* left op right, for compound assignments */
struct value build_compound(struct builder *b, enum op op, struct value left, struct node *right,
			    const struct type *t);
/* 1 when the two are equal: strings, arrays, tuples, records, buffers, by value */
uint32_t build_equal(struct builder *b, struct value x, struct value y);

/* ---- build_stmt.c, build_loop.c ---- */

void build_stmt(struct builder *b, struct node *n);
void build_stmts(struct builder *b, struct node *first);
void build_for_map(struct builder *b, struct node *n);
void build_for_range(struct builder *b, struct node *n);
void fn_set_result(struct builder *b, struct node *from); /* of the fn whose body is being built */
void build_leave_reg(struct builder *b, uint32_t result);
/* a new function for a callback; emit its body between the two calls */
struct fn_state *callback_begin(struct builder *b, enum ir_func_kind kind);
void callback_end(struct builder *b, struct fn_state *cb);
/* after a call of bpf_loop or for_each: leave when the callback asked to */
void callback_propagate_leave(struct builder *b);

/* ---- build_var.c ---- */

struct value var_place(struct builder *b, struct variable *v); /* MEM, or REG for register homes */
struct value var_read(struct builder *b, struct variable *v);
void var_assign(struct builder *b, struct variable *v, struct value x);
void var_declare(struct builder *b, struct variable *v); /* new home, zero */

/* ---- build_map.c ---- */

/* pointer to the key bytes (key_type, or the one key of a scalar map) */
uint32_t map_key_address(struct builder *b, const struct map_info *m, struct node *key);
/* value of @m[k], in BPF memory or a vreg; zero when absent */
struct value map_read(struct builder *b, struct node *n);
void map_write(struct builder *b, struct node *n, struct value v);
void map_aggregate(struct builder *b, struct node *n, struct node *call);
/* sum over CPUs of a castable aggregation, in a vreg */
uint32_t map_read_number(struct builder *b, const struct map_info *m, uint32_t key_addr);
/* its index in the image: for what adds to it, and for what the consumer does */
uint32_t map_number(const struct builder *b, const struct map_info *m);
/* the same, for all other uses: they are noted (image_prog.owns) */
uint32_t map_image_index(struct builder *b, const struct map_info *m);
uint32_t map_lookup(struct builder *b, uint32_t image_map, uint32_t key_addr);
/* bpf_map_update_elem with a counted fault on failure */
void map_update(struct builder *b, uint32_t image_map, uint32_t key_addr, uint32_t value_addr,
		uint64_t flags);
void image_maps_make(struct builder *b); /* image maps of all script maps */
uint32_t map_bucket_key(struct builder *b, const struct map_info *m, struct node *key,
			uint32_t bucket);

/* ---- build_event.c ---- */

/* build, fill and send: values are evaluated already; control events pass when data events are held back */
void event_send(struct builder *b, enum event_kind kind, struct event_layout layout,
		const struct value *values, uint32_t n);
void event_call(struct builder *b, struct node *call); /* printf, print, time, clear, ... */
bool is_event_call(enum builtin_id id);
/* for a record: its head and payload go there, event_output sends size bytes of them; -> the helper's result */
struct value event_memory(struct builder *b, uint32_t bytes);
uint32_t event_output(struct builder *b, uint32_t map, struct value rec, uint32_t size,
		      uint32_t flags);
/* flags for the ring's helpers that wake the consumer; jumps to full when less than reserve is free */
uint32_t event_wake_flags(struct builder *b, uint64_t reserve, uint32_t full);
/* the same for data, which stands back behind control events and does not wake for each record */
uint32_t event_data_flags(struct builder *b, uint32_t full);
void event_count_drop(struct builder *b); /* the program's event did not fit the ring */
/* count a fault: site made on the spot; retcode vreg or 0 */
void fault_count(struct builder *b, struct image_fault f, uint32_t retcode);
/* as above when reg is negative (signed) */
void fault_if_negative(struct builder *b, struct image_fault f, uint32_t retcode);

/* ---- build_call_*.c: builtins ---- */

typedef struct value build_call_fn(struct builder *b, struct node *call);
/* NULL when not handled by this table */
build_call_fn *call_builder_context(enum builtin_id id); /* pid, comm, args, retval, stacks, ... */
build_call_fn *call_builder_string(enum builtin_id id);  /* str, buf, strncmp, ... */
struct value build_call(struct builder *b, struct node *call);
/* process or thread id as `pid` and `tid` give it */
uint32_t build_current_pid(struct builder *b, bool is_tid);
/* the current process id in a vreg; the consumer is told to remember the process's mappings */
uint32_t build_noted_pid(struct builder *b);
/* build_unwind.c: are user stacks unwound by tables in this program? */
bool unwind_is_on(struct builder *b);
/*
 * User frames into buf (zeroed, 8 bytes each), at most limit; n and hash, as struct stored_stack has them, into to. Jumps to
 * none when there is no user stack, to sent when the consumer unwinds it: then the hash is not of frames.
 */
void unwind_user_stack(struct builder *b, struct value to, struct value buf, uint32_t limit,
		       uint32_t pid, uint32_t none, uint32_t sent);
/* where the probed file is loaded: to be added to the file's addresses. Known by where the probe was hit. */
uint32_t build_load_bias(struct builder *b);
/*
 * Text into the last field of an event: gives its length with the NUL or mark in a vreg, so that the record can end there,
 * or 0 when the whole field was filled.
 */
uint32_t build_text_tail(struct builder *b, struct node *n, struct value to);
/* NUL-terminated text at an address into fresh memory of a string type; no cut mark */
struct value read_string(struct builder *b, uint32_t addr, enum space space, const struct type *to);

/* a register as it is at the probe's logical place, by its offset in struct pt_regs */
uint32_t build_load_reg(struct builder *b, int offset);

/* ---- build_location.c, build_view.c, build_capture.c: values of the traced program ---- */

build_call_fn build_target_var, build_view, build_typename;
build_call_fn build_goid, build_gtid; /* build_go.c */
build_call_fn build_call_frame;      /* build_return.c */
/* a number of 32 bits for the goroutine that runs; an address in its stack as the distance from the top, which moves with it */
uint32_t build_goroutine(struct builder *b);
uint32_t build_go_depth(struct builder *b, uint32_t addr);
/* address of this point's row in a table of n_points rows, which stand by cookie */
uint32_t build_site_row(struct builder *b, const void *rows, uint32_t size);
/* a number that each point has one of, by index: written into the code where they are equal, else a row by cookie */
uint32_t build_site_number(struct builder *b, const int64_t *words);
/* a value with what it points to: to is a TYPE_CAPTURE */
struct value build_capture(struct builder *b, struct value v, const struct type *to);
/* what a register held when the function was entered */
uint32_t build_entry_reg(struct builder *b, uint16_t reg);

/* ---- build_budget.c: hits are counted, some left out (--budget) ---- */

void build_budget_maps(struct builder *b);
void build_budget_gate(struct builder *b); /* at the beginning of a program */
void build_budget_end(struct builder *b);  /* on its way out */
/* how many hits this one stands for, in a vreg */
uint32_t build_budget_weight(struct builder *b);

/* ---- build_return.c ---- */

/* in a program at returns: tests whether this is one, fetches what the body needs of the entry */
void build_return_gate(struct builder *b);
/* the programs beside it, when its own is done */
void build_return_helpers(struct builder *b);

/* ---- build_packet.c ---- */

build_call_fn build_skboutput;
bool build_needs_tracing(const struct clause_inst *inst);

/* ---- build_stream.c ---- */

build_call_fn build_stream, build_stream_end;
uint32_t streams_map(struct builder *b);
/* a hit whose bytes nobody will know of */
void build_stream_blind(struct builder *b);

/* ---- build_socket.c ---- */

/* a word of the kernel's memory; 0 when it cannot be read, which what follows then cannot be either */
uint32_t put_read_kernel(struct builder *b, uint32_t addr, int32_t off, uint32_t size);
build_call_fn build_is_socket;
/* the fields of struct image_stream_piece that are about the descriptor; they stay as they are when it is no socket */
void build_socket_addresses(struct builder *b, struct value piece, uint32_t fd);

/* ---- build_message.c: clauses on messages ---- */

bool build_is_message(const struct builder *b);
void message_maps_make(struct builder *b);
/* of struct image_message, or of the arguments behind it */
struct value build_message_part(struct builder *b, size_t off, const struct type *t);
uint32_t build_message_word(struct builder *b, size_t off, uint32_t size);

/* ---- build_prog.c ---- */

/* a program of our own: between the two, code is emitted into its entry function */
void program_begin(struct builder *b, const struct probe_shape *shape, struct str name,
		   struct span at);
void program_end(struct builder *b);
/* build_twin.c: the last program, complete, has the functions of an earlier one that is the same */
void program_share(struct builder *b);
/* build_follow.c: programs that keep the set of traced processes, and the test of it */
void build_follow(struct builder *b, bool is_first);
void build_follow_end(struct builder *b);
void build_follow_filter(struct builder *b);
uint32_t build_is_followed(struct builder *b, uint32_t pid); /* 0: no */
/* build_filter.c: tests of the current process that leave the program */
void build_pid_filter(struct builder *b);
void build_cgroup_filter(struct builder *b);
/* does the clause call is_traced()? Then it is not filtered */
bool build_decides_itself(const struct clause_inst *inst);
struct value build_is_traced(struct builder *b, struct node *call);
/* an error about a limit; the build goes on so that all are reported */
void build_limit(struct builder *b, enum diag_code code, struct span at, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

#endif
