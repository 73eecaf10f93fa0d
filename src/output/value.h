/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Typed printing: a value in stored form (types/type.h) as text or JSON. Data must hold type->size bytes and needs no
 * alignment. Nothing here knows events, maps or engines. A struct value_env borrows all that it points to; data is
 * borrowed for the call, text appended to the caller's buffer.
 */
#ifndef SONDE_OUTPUT_VALUE_H
#define SONDE_OUTPUT_VALUE_H

#include "output/clock.h"
#include "output/symbols.h"
#include "types/type.h"

/* what printing of some types needs besides the bytes; all may be left zero */
struct value_env {
	const struct output_symbols *symbols;
	/* frames of a stack by its hash, up to max of them; false when they are not there */
	bool (*stack)(void *arg, uint64_t hash, uint64_t *frames, uint32_t max);
	void *stack_arg;
	/* bytes of a blob by its number, and how many there really were; false when they are gone */
	bool (*blob)(void *arg, uint64_t id, struct str *bytes, uint64_t *total);
	void *blob_arg;
	const struct str *strings; /* image.strings: time formats, cgroup filters */
	uint32_t n_strings;
	struct str trunc_trailer; /* behind strings that were cut */
	struct output_clock clock;
	/*
	 * What the traced program knows at run time. Go: a type word to the type's name ("*errors.errorString") and its
	 * reflect.Kind (0: not known). False: not known.
	 */
	bool (*go_type)(void *arg, uint64_t addr, struct strbuf *name, uint8_t *kind);
	void *dynamic_arg;
	bool escape_control; /* text goes to a terminal: control bytes of traced strings as \xNN */
	bool is_one_line;    /* ... newlines and tabs, too */
};

enum value_form {
	VALUE_TEXT,
	VALUE_JSON,
	VALUE_COMPACT, /* text without spaces after separators: keys of JSON objects */
};

void value_put(const struct value_env *env, enum value_form form, const struct type *t,
	       const void *data, struct strbuf *out);
/* integers inside are divided by div (0 counts as 1) */
void value_put_div(const struct value_env *env, enum value_form form, const struct type *t,
		   const void *data, uint64_t div, struct strbuf *out);
/*
 * A map's key as it stands between the brackets: a tuple without its parentheses. VALUE_JSON: as the quoted name of an
 * object's member.
 */
void value_put_key(const struct value_env *env, enum value_form form, const struct type *t,
		   const void *data, struct strbuf *out);
/* order of keys and values: numbers by size, text by bytes, tuples and records by their parts. <0, 0, >0 */
int value_compare(const struct type *t, const void *a, const void *b);
/* an integer, enum, bool or pointer as 64 bits, sign extended when its type is signed; other kinds give 0 */
uint64_t value_load(const struct type *t, const void *data);

enum value_buffer_form { BUFFER_ASCII, BUFFER_HEX_ESCAPED, BUFFER_HEX_SPACED, BUFFER_DUMP };
/* TYPE_BUFFER, TYPE_BLOB */
/* texts that end in NUL each, with a blank between; one that is empty or holds blanks or quotes is put in quotes */
void value_put_words(const struct value_env *env, const struct type *t, const void *data,
		     struct strbuf *out);
void value_put_buffer(const struct value_env *env, const struct type *t, const void *data,
		      enum value_buffer_form form, struct strbuf *out);
/* a string in the form: raw or escaped text, or JSON */
void value_put_string(const struct value_env *env, enum value_form form, struct str s,
		      struct strbuf *out);
void value_put_number(enum value_form form, uint64_t v, bool is_signed, struct strbuf *out);
/*
 * Stacks that the consumer unwound have a number of their own until their frames are known; this puts the frames' hash in its
 * place, so that equal stacks are equal keys.
 */
bool value_has_user_stack(const struct type *t);
void value_settle_stacks(const struct value_env *env, const struct type *t, void *data);
/* stacks (stack.c): text with a line for each frame, starting with a newline */
void value_put_stack(const struct value_env *env, enum value_form form, const struct type *t,
		     const void *data, struct strbuf *out);
/* the same as functions, leaf first, inlined ones as frames of their own; names are valid during the call */
enum stack_frame_kind {
	STACK_FRAME_USER,
	STACK_FRAME_KERNEL,
	STACK_FRAME_INLINED,
	STACK_FRAME_JIT,  /* named by a perf map */
	STACK_FRAME_MARK, /* no function: why there are no more frames */
};
struct stack_frame {
	enum stack_frame_kind kind;
	struct str name; /* [object], or [unknown], where nothing names the address */
};
typedef void stack_frame_fn(void *arg, const struct stack_frame *f);
void value_stack_frames(const struct value_env *env, const struct type *t, const void *data,
			stack_frame_fn *visit, void *arg);
void value_put_address(uint64_t addr, struct strbuf *out);
/* typed.c: a capture, or (TYPE_STRUCT of Rust, Go, C++) bytes alone, in the notation of the program's language */
void value_put_typed(const struct value_env *env, enum value_form form, const struct type *t,
		     const void *data, struct strbuf *out);
/* the plain text of a captured value that is one (String, std::string, ...), for str(); false: it is none */
bool value_typed_text(const struct type *t, const void *data, struct strbuf *out, bool *is_cut);

#endif
