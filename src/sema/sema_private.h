/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the passes of the checker share: the state of one run, and the functions by which one file
 * calls another. Nothing outside of src/sema includes this.
 *
 * Typing happens in one walker (infer*.c, calls*.c) that runs in two modes. While inferring
 * (is_checking false) it only computes the types of expressions and joins them into those of
 * variables and maps; it runs until nothing changes any more and reports nothing. Then it runs once
 * more with is_checking set: types are final now, so this run reports what does not fit
 * (sema_error) and puts in the implicit casts (coerce). One walker instead of two keeps rule and
 * message together.
 *
 * A type of kind TYPE_NONE means "not known": type_none() as long as there is hope, type_poison()
 * when an error has been or will be reported for it. Whatever is made from an unknown type is
 * unknown, silently, so that one fault gives one message.
 */
#ifndef SONDE_SEMA_SEMA_PRIVATE_H
#define SONDE_SEMA_SEMA_PRIVATE_H

#include "sema/sema.h"

/* A variable while its type is being found. */
struct var_state {
	struct variable v; /* v.type: the estimate of the last round, at the end the final type */
	const struct type *next;     /* what this round has joined so far */
	const struct type *declared; /* let $x : T, fn parameter */
	struct type_expr *type_expr; /* the T, until it can be resolved */
	const struct type *locked;   /* a comptime condition was decided by this type */
	enum { VAR_ASSIGNED, VAR_DECLARED, VAR_LOOP, VAR_PARAM } origin;
	bool is_assigned, is_used_early;
	bool is_unsized;         /* let $x : string = ... : the values say the size */
	struct var_state *outer; /* hidden binding of the same name while this one is in scope */
	struct var_state *next_in_scope;
	uint32_t depth;
};

/* A map while its types are being found. */
struct map_state {
	struct map_info m;
	const struct type *next_key, *next_value;
	const struct type *locked_key, *locked_value;
	bool is_scalar, is_keyed; /* how the first use went */
	bool is_assigned;         /* some statement gives it a value */
	const struct map_decl *decl;
};

/* an instance; a ghost is one of a clause that attaches nowhere: see expand.c */
struct inst_state {
	struct clause_inst i;
	bool is_ghost;
};

struct scope {
	struct var_state *vars; /* declared here, chained by next_in_scope */
	struct scope *parent;
	uint32_t depth;
};

struct sema {
	const struct sema_opts *opts;
	const struct sema_world *world;
	struct unit *unit;
	struct arena *arena;
	struct type_table *tt;
	struct diag_list *diags;
	struct script *script;
	struct hashmap maps;   /* "@m" -> struct map_state * */
	struct hashmap fns;    /* name -> struct fn_def * */
	struct hashmap macros; /* name -> struct macro_set * */
	struct hashmap consts; /* enumerators found so far: name -> struct node * */
	struct hashmap said; /* messages already given: the copies of a clause would repeat them */
	struct hashmap options;               /* names that getopt asked for */
	uint32_t n_expansions, n_macro_nodes; /* macro calls expanded, nodes copied for them */

	/* ---- the body that is being walked ---- */
	struct clause_inst *inst; /* NULL inside a fn */
	struct sema_fn *fn;
	const struct probe_shape *shape; /* NULL inside a fn */
	struct hashmap bindings;         /* variable name -> struct var_state *, innermost */
	struct scope *scope;
	uint32_t loop, n_loops; /* number of the callback loop we are in; how many there were */
	uint32_t n_any_loops;   /* how deep in loops of any kind */
	bool in_signature;      /* of a fn: strings without a size have the largest */
	uint32_t in_type;       /* inside sizeof, typeof, ...: nothing is evaluated */

	bool is_checking;
	bool is_changed;  /* something was transformed: infer again */
	bool is_locking;  /* variables and maps that are met decide a comptime condition */
	bool is_monotone; /* too many rounds: types may only grow from now on */
	uint32_t n_ghosts;
	/* the visitor of resolve.c */
	void (*naming)(struct sema *s, struct node **predicate, struct node **body);
	bool is_silent;          /* in a ghost */
	bool is_tseries_refused; /* config unstable_tseries=error */
};

/* ---- messages (sema.c) ---- */

/* NULL when not checking or already said; what is returned may be given a hint */
struct diag *sema_error(struct sema *s, enum diag_code code, struct span at, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
struct diag *sema_warning(struct sema *s, enum diag_code code, struct span at, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* the same in every mode */
struct diag *sema_error_now(struct sema *s, enum diag_code code, struct span at, const char *fmt,
			    ...) __attribute__((format(printf, 4, 5)));
struct diag *sema_warning_now(struct sema *s, enum diag_code code, struct span at, const char *fmt,
			      ...) __attribute__((format(printf, 4, 5)));
void sema_hint(struct sema *s, struct diag *d, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* spelling of a type for a message */
const char *spelled(struct sema *s, const struct type *t);
const char *op_spelling(enum op op);

/* ---- the lattice of types (join.c) ---- */

const struct type *type_poison(void);
static inline bool is_unknown(const struct type *t)
{
	return !t || t->kind == TYPE_NONE;
}
static inline bool is_int(const struct type *t)
{
	return t->kind == TYPE_INT;
}
/* the type of an integer literal: still free to become a larger or an unsigned one */
const struct type *type_literal(int64_t value);
bool type_is_literal(const struct type *t);
/* literal types, also inside of tuples, replaced by the plain ones */
const struct type *type_plain(struct sema *s, const struct type *t);
/* the smallest type that holds both; NULL when there is none */
const struct type *type_join(struct sema *s, const struct type *a, const struct type *b);
/* would an integer of type from change its meaning as a to because of the sign? */
bool int_sign_differs(const struct type *from, const struct type *to);
/* castable aggregation -> its integer; everything else is itself */
const struct type *type_as_number(const struct type *t);

/* ---- passes ---- */

bool config_run(struct sema *s); /* config.c */
void macros_run(struct sema *s); /* macro.c */
void expand_run(struct sema *s); /* expand.c */
/* needs.c: what the clause may read of the traced thread; macros are expanded */
void needs_find(const struct script *script, const struct clause *c, struct probe_needs *ret);
void expand_remove_ghosts(struct sema *s);
void resolve_run(struct sema *s); /* resolve.c */
void resolve_subtree(struct sema *s, struct node **slot);
/* is_whole: without key, the map itself is meant */
void resolve_map(struct sema *s, struct node *n, bool is_whole);
void resolve_ident(struct sema *s, struct node **slot); /* resolve_call.c */
void resolve_positional(struct sema *s, struct node **slot, bool as_text);
void resolve_call(struct sema *s, struct node **slot);
const struct builtin *find_builtin(struct str name, uint32_t *index);
void infer_run(struct sema *s);     /* infer.c: to the fixed point, comptime included */
void check_run(struct sema *s);     /* infer.c: the reporting round */
void check_options(struct sema *s); /* calls_const.c: named parameters that nobody asks for */
void check_maps(struct sema *s);    /* infer_map.c: what a map is as a whole */
/*
 * comptime.c: sizeof, typeinfo, decided branches become literals and plain blocks; sets is_changed
 * when any did
 */
void comptime_run(struct sema *s);
void resources_run(struct sema *s); /* resources.c */

/* calls visit() for every body: instances and functions; sets s->inst, s->fn, s->shape around it */
void each_body(struct sema *s,
	       void (*visit)(struct sema *s, struct node **predicate, struct node **body));

/* ---- the walker ---- */

enum {
	WANT_PLACE = 1,       /* a char array may stay one: its address, size or element is taken */
	WANT_VOID = 2,        /* the value is not used */
	WANT_MAP = 4,         /* a map as a whole may stand here */
	WANT_AGGREGATION = 8, /* count(), sum() ... may stand here */
	WANT_REFERENCE = 32, /* a C++ reference itself, not what it refers to */
	WANT_SHOWN = 16, /* for people to read: may be captured with what it points to, or optimized out */
};

/* types *slot (which may be replaced when checking) and returns the type of what is there now */
const struct type *infer(struct sema *s, struct node **slot, unsigned want);
const struct type *infer_binary(struct sema *s, struct node **slot);
const struct type *infer_unary(struct sema *s, struct node **slot, unsigned want);
const struct type *infer_place(struct sema *s, struct node **slot,
			       unsigned want); /* field, index */
const struct type *infer_cast(struct sema *s, struct node **slot, unsigned want);
const struct type *infer_map(struct sema *s, struct node **slot, unsigned want);
const struct type *infer_call(struct sema *s, struct node **slot, unsigned want);
void infer_statement(struct sema *s, struct node **slot);
void infer_assign(struct sema *s, struct node *n);
void infer_let(struct sema *s, struct node *n);
void infer_chain(struct sema *s, struct node **first);
void check_fn_returns(struct sema *s); /* of a fn: on every path */
/* a condition: bool, integer, pointer, or cast to one */
void infer_condition(struct sema *s, struct node **slot, struct span at);
/* the key of a map access, joined into the map's key type; returns it */
const struct type *infer_key(struct sema *s, struct map_state *m, struct node *access,
			     struct node **key);
void map_value_joins(struct sema *s, struct map_state *m, const struct type *t,
		     const struct node *by);
void var_joins(struct sema *s, struct var_state *v, const struct type *t);
const struct type *map_value(struct map_state *m); /* the present estimate */
const struct type *map_key(struct map_state *m);
const struct type *var_type(struct var_state *v);
/* space of memory that a pointer of type t points into, here */
enum space pointee_space(struct sema *s, const struct type *t);
enum space default_space(struct sema *s);

/*
 * When checking: makes *slot have exactly type to, by changing a literal or putting in a cast.
 * False when there is no implicit conversion (nothing was reported).
 */
bool coerce(struct sema *s, struct node **slot, const struct type *to);
/* can coerce do it? */
bool is_coercible(struct sema *s, const struct type *from, const struct type *to);
/* warns when coerce changed the meaning of sign */
void warn_sign(struct sema *s, struct span at, const struct type *from, const struct type *to);
/* castable aggregation or bool etc. to a number, in place; returns its type */
const struct type *number_of(struct sema *s, struct node **slot);

/* ---- values of the traced program (target.c) ---- */

/*
 * args, args.NAME, locals.NAME, retval: makes *slot the variable that it means. False: not one of them, or the
 * probed file's debug information says nothing of it (then what was always done is done).
 */
bool target_replace(struct sema *s, struct node **slot, unsigned want);
/* what the language does by itself: references are followed, text becomes a string, what is shown is captured */
const struct type *target_decay(struct sema *s, struct node **slot, const struct type *t,
				unsigned want);
/* a member that the type has not, but things of its kind have: .len, .cap, .value, or one behind a smart pointer */
bool target_member(struct sema *s, struct node **slot, const struct type *base);
/* the place that a Box, Rc, unique_ptr, ... leads to; false: t is none of those */
/* *p in place of p (infer_place.c) */
void sema_put_deref(struct sema *s, struct node **slot);
bool target_follow(struct sema *s, struct node **slot, const struct type *t);
const struct type *call_view(struct sema *s, struct node *call);

/* ---- constants (fold.c) ---- */

/* replaces *slot by a literal when its children are literals */
void fold_node(struct sema *s, struct node **slot);
bool is_const(const struct node *n); /* INT, BOOL or STRING */
/* an integer known at compile time, looking through casts */
bool const_int(const struct node *n, int64_t *value);
struct node *node_int(struct sema *s, struct span at, int64_t value, const struct type *type);
struct node *node_bool(struct sema *s, struct span at, bool value);
struct node *node_string(struct sema *s, struct span at, struct str text);
/* puts n where *slot is, in the same chain */
void replace(struct node **slot, struct node *n);

/* ---- types as written (type_expr.c) ---- */

/*
 * NULL (and a message when now is set) if unknown; an unsized string or buffer has size 1 and
 * *is_unsized is set
 */
const struct type *type_expr_resolve(struct sema *s, struct type_expr *t, bool *is_unsized);
const struct type *find_named_type(struct sema *s, char keyword, struct str name);

/* ---- calls ---- */

/* builtins that are literals as soon as their arguments are (calls_const.c) */
void fold_call(struct sema *s, struct node **slot);
/* is_str() and the like: 0, 1, or -1 while the type is not known */
int type_test(struct sema *s, struct node *call);

typedef const struct type *call_rule(struct sema *s, struct node **slot, unsigned want);
call_rule call_event, call_print, call_on_map, call_delete, call_has_key, call_len, call_text,
	call_symbol, call_address, call_probe, call_stack, call_act, call_const, call_aggregation,
	call_getopt, call_typename, call_stream, call_syscall_arg;
/* nth argument's slot; it must exist */
struct node **call_arg(struct node *call, uint32_t n);
/* types the argument, makes a number of it; false (and a message) when it is none */
/* a named parameter (getopt); false: it was not given */
bool option_find(const struct sema *s, struct str name, struct str *value, bool *has_value);
/* never.c: is the clause's predicate false by what is known before anything is matched? */
bool clause_never_runs(const struct sema *s, const struct clause *c);
bool arg_integer(struct sema *s, struct node *call, uint32_t n);
bool arg_string(struct sema *s, struct node *call, uint32_t n, struct str *text); /* a literal */
/* a literal integer >= 0 */
bool arg_literal(struct sema *s, struct node *call, uint32_t n, int64_t *value);
/* an integer or a pointer */
bool arg_address(struct sema *s, struct node *call, uint32_t n);
void arg_refused(struct sema *s, struct node *call, const char *wanted, const struct type *t);
/*
 * when checking: an integer becomes a pointer to elem, and a pointer is told which memory it points
 * into
 */
void make_pointer(struct sema *s, struct node **slot, const struct type *elem);
const char *probe_kind_name(enum probe_kind kind);
const char *kind_word(const struct type *t); /* "int", "string", as messages name kinds */

#endif
