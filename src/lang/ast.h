/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The syntax tree of a script. The parser builds it, sema's passes annotate it in place (type, space, constants,
 * resolved references) and make every implicit conversion an explicit NODE_CAST, ir reads it. Everything lives in the
 * compile arena; lists are chained by node.next.
 */
#ifndef SONDE_LANG_AST_H
#define SONDE_LANG_AST_H

#include "diag/diag.h"
#include "types/needs.h"
#include "types/type.h"

enum node_kind {
	/* ---- expressions ---- */
	NODE_INT,        /* integer: .integer; negative literals are unary minus until folded */
	NODE_STRING,     /* string literal, unescaped: .string */
	NODE_BOOL,       /* .integer 0 or 1 */
	NODE_POSITIONAL, /* $1: .integer = 1; $#: .integer = 0 (folded into INT or STRING by sema) */
	NODE_VAR,        /* $x: .var */
	NODE_MAP,        /* @m or @m[key]: .map; several keys are one NODE_TUPLE key */
	NODE_IDENT, /* bare name: builtin variable, enumerator, define, macro without arguments: .ident */
	NODE_CALL,        /* f(args): .call */
	NODE_UNARY,       /* .unary */
	NODE_BINARY,      /* .binary */
	NODE_TERNARY,     /* c ? a : b, c ?: b (then == NULL): .cond */
	NODE_FIELD,       /* e.name, e->name: .field */
	NODE_TUPLE_FIELD, /* e.0: .field.index */
	NODE_INDEX,       /* e[i]: .index */
	NODE_CAST,        /* (type)e: .cast; sema adds implicit ones */
	NODE_SIZEOF,      /* sizeof(type) or sizeof(expr): .sizeof_ */
	NODE_OFFSETOF,    /* offsetof(type or expr, a.b): .offsetof_ */
	NODE_TYPEINFO,    /* typeinfo(expr or type): .sizeof_ */
	NODE_TYPE_VALUE,  /* typeof(...) as an argument of a macro: .type_value */
	NODE_TUPLE,       /* (a, b), (a,), (): .list */
	NODE_RECORD,      /* (a=1, b=2): .list of NODE_NAMED */
	NODE_NAMED,       /* name=expr inside a record: .named */
	NODE_COMPTIME,    /* comptime e: .unary.a */
	/* ---- statements; the first three are expressions too ---- */
	NODE_BLOCK,     /* { s; s; e }: .block; value is .block.value */
	NODE_IF,        /* .cond; branches are NODE_BLOCK (or NODE_IF for else if) */
	NODE_ASSIGN,    /* target op= value: .assign */
	NODE_EXPR,      /* expression statement: .unary.a; flag NODE_F_DISCARD for `_ = e;` */
	NODE_LET,       /* let $x : type = e: .let */
	NODE_WHILE,     /* .loop */
	NODE_UNROLL,    /* .loop, cond is the count */
	NODE_FOR_MAP,   /* for ($kv : @m) {}: .for_ */
	NODE_FOR_RANGE, /* for ($i : a..b) {}: .for_ */
	NODE_BREAK,
	NODE_CONTINUE,
	NODE_RETURN, /* .unary.a or NULL */
	NODE_IMPORT, /* import "x" as a statement: .string */
	NODE_N_KINDS
};

/* clang-format off */
enum op {
	OP_NONE,
	OP_ADD, OP_SUB, OP_MUL, OP_DIV, OP_MOD, OP_AND, OP_OR, OP_XOR, OP_SHL, OP_SHR,
	OP_LAND, OP_LOR,
	OP_EQ, OP_NE, OP_LT, OP_LE, OP_GT, OP_GE,
	/* unary */
	OP_NEG, OP_NOT /* ! */, OP_INV /* ~ */, OP_DEREF, OP_ADDR,
	OP_PRE_INC, OP_PRE_DEC, OP_POST_INC, OP_POST_DEC,
};
/* clang-format on */

/* a type as written; resolved by sema to a struct type */
struct type_expr {
	struct span at;
	enum {
		TE_NAME,   /* uint64, string, "struct x" with keyword, typedef name */
		TE_TYPEOF, /* typeof(expr) */
		TE_TUPLE,  /* (a,b) of types: elems */
	} form;
	char keyword; /* 's', 'u', 'e' for struct, union, enum; 0 none */
	struct str name;
	struct node *expr;              /* TE_TYPEOF */
	struct type_expr *elems, *next; /* TE_TUPLE, chained by next */
	uint8_t n_pointers;             /* trailing '*' */
	uint8_t n_dims;                 /* [N] suffixes */
	int64_t dims[4]; /* -1: empty brackets; string[64], buffer[8], inet ... use dims[0] */
	struct node *dim_exprs[4]; /* when a dimension is an expression (macro argument, define) */
	uint8_t n_outer_pointers; /* '*' behind the dimensions: (int8[4] *) is a pointer to an array */
	const struct type *resolved;
};

enum {
	NODE_F_DISCARD = 1 << 0,  /* NODE_EXPR: written `_ = e` */
	NODE_F_IMPLICIT = 1 << 1, /* NODE_CAST added by sema */
	NODE_F_ARROW = 1 << 2,    /* NODE_FIELD written with -> */
	NODE_F_CONST = 1 << 3, /* value known at compile time: NODE_INT/BOOL/STRING after folding */
	NODE_F_LITERAL = 1 << 4, /* an integer whose type may still be chosen */
	NODE_F_PAREN = 1 << 5,   /* written in parentheses */
	NODE_F_DEAD = 1 << 6,    /* comptime branch not taken: ir skips it */
	NODE_F_UINT64 =
		1 << 7, /* NODE_INT as written is above INT64_MAX: .integer holds the bits of a uint64 */
};

struct node {
	enum node_kind kind;
	uint8_t op; /* enum op: unary, binary, assign (OP_NONE for plain =) */
	uint16_t flags;
	struct span at;
	struct node *next;

	/* set by sema */
	const struct type *type; /* type of the value; type_none() for statements */
	enum space space; /* for values that are places in memory (struct, array, deref): where */

	union {
		int64_t integer;
		struct str string;
		struct {
			struct str name;      /* without $ */
			struct variable *ref; /* sema */
		} var;
		struct {
			struct str name;      /* with @ */
			struct node *key;     /* NULL: scalar access or the whole map */
			struct map_info *ref; /* sema */
		} map;
		struct {
			struct str name;
			const struct builtin *builtin; /* sema */
		} ident;
		struct {
			struct str name;
			struct node *args; /* chained */
			uint32_t n_args;
			const struct builtin *builtin; /* sema; NULL for fn */
			struct fn_def *fn;             /* sema: user-defined fn */
			void *info; /* sema: per-builtin results, see sema/sema.h */
		} call;
		struct {
			struct node *a;
		} unary;
		struct {
			struct node *a, *b;
		} binary;
		struct {
			struct node *cond, *then, *other; /* other may be NULL for NODE_IF */
		} cond;
		struct {
			struct node *a;
			struct str name;
			uint32_t index;          /* NODE_TUPLE_FIELD */
			struct type_field field; /* sema: resolved, offset relative to the type of a */
		} field;
		struct {
			struct node *a, *i;
		} index;
		struct {
			struct type_expr *to; /* NULL for implicit casts: see node.type */
			struct node *a;
		} cast;
		struct {
			struct type_expr *type; /* one of the two */
			struct node *expr;
		} sizeof_;
		struct {
			struct type_expr *type;
			struct node *expr;
			struct str *path;
			uint32_t n_path;
		} offsetof_;
		struct type_expr *type_value;
		struct {
			struct node *items;
			uint32_t n;
		} list;
		struct {
			struct str name;
			struct node *value;
		} named;
		struct {
			struct node *stmts; /* chained */
			struct node *value; /* last expression without ';' or NULL */
		} block;
		struct {
			struct node *target; /* NODE_VAR, NODE_MAP, or a place (deref, field, index) */
			struct node *value;
		} assign;
		struct {
			struct node *var;       /* NODE_VAR */
			struct type_expr *type; /* may be NULL */
			struct node *value;     /* may be NULL */
		} let;
		struct {
			struct node *cond;
			struct node *body;
		} loop;
		struct {
			struct node *var;       /* NODE_VAR */
			struct node *map;       /* NODE_FOR_MAP: NODE_MAP without key */
			struct node *from, *to; /* NODE_FOR_RANGE */
			struct node *body;
		} for_;
	};
};

/* "uprobe:/bin/x:f": the text of one attach point, cut at ':' outside quotes */
struct attach_point {
	struct span at;
	struct str text;     /* as written, positional parameters replaced */
	struct str name;     /* "name=" prefix, or empty */
	struct str parts[24]; /* quotes removed; parts[0] is the provider as written */
	uint32_t n_parts;
	bool ignores_args; /* sema, before matching: the clause reads neither args nor argN, so its places need no telling apart */
	struct probe_needs needs; /* sema, before matching: of the clause, for placement */
	struct attach_point *next;
};

/* probe list, predicate, action */
struct clause {
	struct span at;
	struct attach_point *points;
	struct node *predicate; /* NULL: none; parser keeps it apart, sema may fold it */
	struct node *body;      /* NODE_BLOCK */
	struct clause *next;
};

struct macro_param {
	enum { MACRO_VAR, MACRO_MAP, MACRO_EXPR } kind;
	struct str name; /* with $ or @ sigil stripped for var, kept '@' for map */
	struct span at;
};

struct macro_def {
	struct span at;
	struct str name;
	struct macro_param *params;
	uint32_t n_params;
	struct node *body; /* NODE_BLOCK */
	bool is_internal;  /* from our standard library */
	struct macro_def *next;
};

struct fn_param {
	struct str name; /* without $ */
	struct type_expr *type;
	struct span at;
	struct variable *ref; /* sema */
};

/* fn name($a : type, ...) : type { } */
struct fn_def {
	struct span at;
	struct str name;
	struct fn_param *params;
	uint32_t n_params;
	struct type_expr *result;       /* NULL: void */
	const struct type *result_type; /* sema */
	struct node *body;
	uint32_t index;       /* sema: number of the subprogram */
	bool returns_in_loop; /* sema: a return stands in a for loop, which is a callback */
	struct fn_def *next;
};

/* let @m = lruhash(100); */
struct map_decl {
	struct span at;
	struct str name; /* with @ */
	struct str kind;
	int64_t max_entries;
	struct map_decl *next;
};

struct config_item {
	struct span at, value_at;
	struct str key;
	enum { CONFIG_INT, CONFIG_IDENT, CONFIG_STRING, CONFIG_BOOL } kind;
	int64_t integer;
	struct str text;
	struct config_item *next;
};

struct import_decl {
	struct span at;
	struct str path;
	struct import_decl *next;
};

/* $NAME in an attach point: a named parameter that the script knows */
struct point_option {
	struct str name;
	struct point_option *next;
};

struct script {
	struct clause *clauses;
	struct macro_def *macros;
	struct fn_def *fns;
	struct map_decl *maps;
	struct config_item *config;
	bool has_config;
	struct span config_at;
	struct import_decl *imports;
	struct point_option *point_options;
	/* C text: #include, #define, struct, union, enum; parsed by lang/cdecl into a type source */
	struct str preamble;
	struct span preamble_at;
};

/* ---- making, copying and walking trees (ast.c) ---- */

struct node *node_new(struct arena *a, enum node_kind kind, struct span at);
/* a deep copy of one node with its type expressions; .next of the copy is NULL; what sema set is copied as it is */
struct node *node_clone(struct arena *a, const struct node *n);
struct type_expr *type_expr_clone(struct arena *a, const struct type_expr *t);

/*
 * The children of n in source order, each as the slot that holds it, so that a visitor may put another node there
 * (for nodes of a chain: with the same .next, or a chain that ends in it). Expressions inside type expressions
 * (typeof(x), [N]) are children too.
 */
typedef void node_visit_slot(void *arg, struct node **slot);
void node_children(struct node *n, node_visit_slot *visit, void *arg);
void type_expr_children(struct type_expr *t, node_visit_slot *visit, void *arg);
/* where n keeps its type expression (which may be NULL), or NULL when its kind has none */
struct type_expr **node_type_expr(struct node *n);

/* pre-order, n first; enter() returns false to leave out what is below the node it was given. n may be NULL. */
typedef bool node_enter(void *arg, struct node *n);
void node_walk(struct node *n, node_enter *enter, void *arg);

#endif
