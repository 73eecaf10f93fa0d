/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Format files to types. Integers take their size and sign from the numbers of the line, not from the C text: system
 * calls record every argument in 8 bytes, whatever its type says. The C text decides what a pointer points to and what
 * an array's elements are; names of structs, unions, enums and typedefs are looked up in the kernel's BTF.
 */
#include "probe/tracepoint_format.h"

/* ---- text ---- */

struct str format_body(struct str file)
{
	ptrdiff_t from = str_find(file, STR("format:")), to = str_find(file, STR("print fmt:"));

	return str_sub(file, from < 0 ? 0 : (size_t)from, to < 0 ? file.n : (size_t)to);
}

static bool is_name_char(char c)
{
	return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9');
}

/* "offset:8" of "offset:8;\tsize:4;..." */
static uint64_t number_after(struct str line, struct str key)
{
	ptrdiff_t at = str_find(line, key);
	struct str rest;
	uint64_t v = 0;

	if (at < 0)
		return 0;
	rest = str_sub(line, (size_t)at + key.n, line.n);
	str_to_u64(str_trim(str_split(&rest, ';')), &v);
	return v;
}

/* cut "const char * filename" or "char comm[16]" into type and name */
static bool cut_declaration(struct format_field *f)
{
	struct str s = f->text;
	size_t end = s.n;

	if (str_starts(s, STR("__data_loc "))) {
		f->is_data_loc = true;
		s = str_sub(s, sizeof("__data_loc ") - 1, s.n);
		end = s.n;
	}
	if (end && s.p[end - 1] == ']') {
		while (end && s.p[end - 1] != '[')
			end--;
		if (end == 0)
			return false;
		end--;
		f->is_array = true;
	}
	f->name.p = s.p + end;
	while (end && is_name_char(s.p[end - 1]))
		end--;
	f->name = str_make(s.p + end, (size_t)(f->name.p - (s.p + end)));
	f->type = str_trim(str_sub(s, 0, end));
	/* "char[] filename": of what the data is an array */
	if (f->is_data_loc && str_ends(f->type, STR("[]")))
		f->type = str_trim(str_sub(f->type, 0, f->type.n - 2));
	return f->name.n > 0;
}

bool format_next_field(struct str *rest, struct format_field *f)
{
	while (rest->n) {
		struct str line = str_trim(str_split(rest, '\n'));

		if (str_starts(line, STR("print fmt:")))
			return false;
		if (!str_starts(line, STR("field:")))
			continue;
		*f = (struct format_field){ 0 };
		f->offset = (uint32_t)number_after(line, STR("offset:"));
		f->size = (uint32_t)number_after(line, STR("size:"));
		f->is_signed = number_after(line, STR("signed:")) != 0;
		line = str_sub(line, sizeof("field:") - 1, line.n);
		f->text = str_trim(str_split(&line, ';'));
		if (!cut_declaration(f))
			continue;
		f->is_common = str_starts(f->name, STR("common_")) && f->offset < 8;
		return true;
	}
	return false;
}

/* ---- types ---- */

/* the record of one event: what source_id of its type points to */
struct format_source {
	struct type_source base;
	struct probe_ctx *c;
};

struct format_record {
	struct str text;
	bool is_syscall; /* pointers are the caller's */
};

/* a C type name, words in any order, to a type; NULL when it is none of C's own */
static const struct type *base_type(struct str s)
{
	unsigned n_long = 0, n_short = 0, n_char = 0, n_int = 0, n_unsigned = 0, n_signed = 0,
		 n_void = 0, n_bool = 0;

	while (s.n) {
		struct str word = str_split(&s, ' ');

		if (str_is(word, "long"))
			n_long++;
		else if (str_is(word, "short"))
			n_short++;
		else if (str_is(word, "char"))
			n_char++;
		else if (str_is(word, "int"))
			n_int++;
		else if (str_is(word, "unsigned"))
			n_unsigned++;
		else if (str_is(word, "signed"))
			n_signed++;
		else if (str_is(word, "void"))
			n_void++;
		else if (str_is(word, "bool") || str_is(word, "_Bool"))
			n_bool++;
		else if (word.n)
			return NULL;
	}
	if (n_void)
		return type_void();
	if (n_bool)
		return type_bool();
	if (n_char)
		return type_int(1, !n_unsigned);
	if (n_short)
		return type_int(2, !n_unsigned);
	if (n_long)
		return type_int(8, !n_unsigned);
	return n_int + n_unsigned + n_signed ? type_int(4, !n_unsigned) : NULL;
}

/*
 * Typedefs that are integers in every kernel: their size and sign stand in the line anyway, and not having to ask for them
 * spares most scripts the reading of BTF (7 ms).
 */
static bool is_integer_typedef(struct str s)
{
	static const char *const names[] = {
		"u8",      "u16",      "u32",      "u64",           "s8",           "s16",
		"s32",     "s64",      "__u8",     "__u16",         "__u32",        "__u64",
		"__s32",   "__s64",    "uint8_t",  "uint16_t",      "uint32_t",     "uint64_t",
		"int32_t", "int64_t",  "size_t",   "ssize_t",       "pid_t",        "tid_t",
		"uid_t",   "gid_t",    "dev_t",    "ino_t",         "umode_t",      "loff_t",
		"off_t",   "gfp_t",    "sector_t", "clockid_t",     "key_t",        "qid_t",
		"mqd_t",   "time64_t", "rwf_t",    "aio_context_t", "key_serial_t",
	};

	return STR_IS_ONE_OF(s, names);
}

/* the text without const, volatile and restrict, and without its stars, which are counted */
static struct str plain_name(struct arena *a, struct str type, unsigned *n_stars)
{
	STRBUF_AUTO b = { 0 };
	STRBUF_AUTO word = { 0 };

	*n_stars = 0;
	for (size_t i = 0; i <= type.n; i++) {
		char c = i < type.n ? type.p[i] : ' ';

		if (is_name_char(c)) {
			strbuf_putc(&word, c);
			continue;
		}
		*n_stars += c == '*';
		/* address spaces (__seg_gs, __user) are no part of the name either */
		if (word.n && !str_is(strbuf_str(&word), "const") &&
		    !str_is(strbuf_str(&word), "volatile") &&
		    !str_is(strbuf_str(&word), "restrict") &&
		    !str_starts(strbuf_str(&word), STR("__seg_")) &&
		    !str_is(strbuf_str(&word), "__user") && !str_is(strbuf_str(&word), "__rcu"))
			strbuf_printf(&b, "%s%.*s", b.n ? " " : "", STR_ARG(strbuf_str(&word)));
		strbuf_clear(&word);
	}
	return arena_str(a, strbuf_str(&b));
}

/* a name to a type, by C or by BTF; NULL when nobody knows it */
/* the kernel's own integers, __u8 to s64: what they are need not be looked up in its BTF, which takes a millisecond to open */
static const struct type *fixed_width(struct str s)
{
	static const char *const bits[] = { "8", "16", "32", "64" };
	struct str word = str_starts(s, STR("__")) ? str_sub(s, 2, s.n) : s;

	for (unsigned i = 0; i < 4 && word.n > 1; i++)
		if ((word.p[0] == 'u' || word.p[0] == 's') &&
		    str_is(str_sub(word, 1, word.n), bits[i]))
			return type_int(1u << i, word.p[0] == 's');
	return NULL;
}

static const struct type *named_type(struct probe_ctx *c, struct str name)
{
	const struct type *t = base_type(name) ? base_type(name) : fixed_width(name);
	struct type_source *btf = btfsrc_source(c->btf);
	struct str word;

	if (t)
		return t;
	word = str_split(&name, ' ');
	if (str_is(word, "struct"))
		t = btf->ops->find(btf, 's', name);
	else if (str_is(word, "union"))
		t = btf->ops->find(btf, 'u', name);
	else if (str_is(word, "enum"))
		t = btf->ops->find(btf, 'e', name);
	else
		return btf->ops->find(btf, 't', word);
	/* only declared: its name is all that is known */
	if (!t && !str_is(word, "enum"))
		t = type_new_struct(c->types, name, str_is(word, "union"));
	return t;
}

static const struct type *pointer_type(struct probe_ctx *c, struct str name, unsigned n_stars,
				       enum space space)
{
	const struct type *t = named_type(c, name);

	if (!t) /* an unknown typedef: the pointer can still be printed and cast */
		t = type_void();
	for (; n_stars; n_stars--)
		t = type_pointer(c->types, t, space);
	return t;
}

/* an element of an array field: its own size where the C text says it, else it is bytes */
static const struct type *array_type(struct probe_ctx *c, const struct format_field *f,
				     struct str name, unsigned n_stars, enum space space)
{
	const struct type *elem = n_stars ? pointer_type(c, name, n_stars, space)
					  : named_type(c, name);

	if (!elem || !type_complete(elem) || elem->size == 0 || f->size % elem->size)
		elem = type_int(1, false);
	/* text is text, whatever sign the compiler gave its letters */
	if (str_is(name, "char"))
		elem = type_int(1, true);
	return type_array(c->types, elem, f->size / elem->size);
}

static const struct type *field_type(struct probe_ctx *c, const struct format_field *f,
				     enum space space)
{
	unsigned n_stars;
	struct str name = plain_name(c->arena, f->type, &n_stars);
	const struct type *t;
	bool is_word;

	if (f->is_data_loc) /* behind the record, in the kernel's buffer */
		return type_pointer(c->types,
				    str_is(name, "char") ? type_int(1, true) : type_int(1, false),
				    SPACE_KERNEL);
	if (f->is_array)
		return array_type(c, f, name, n_stars, space);
	if (n_stars)
		return pointer_type(c, name, n_stars, space);
	t = base_type(name);
	is_word = f->size == 1 || f->size == 2 || f->size == 4 || f->size == 8;
	if (is_word && ((t && t->kind != TYPE_BOOL) || is_integer_typedef(name)))
		return type_int(f->size, f->is_signed);
	if (!t)
		t = named_type(c, name);
	if (t && type_complete(t) && t->size == f->size && t->kind != TYPE_INT)
		return t;
	if (is_word)
		return type_int(f->size, f->is_signed);
	return type_array(c->types, type_int(1, false), f->size);
}

static bool format_complete(struct type_source *src, struct type *t)
{
	struct format_source *s = (struct format_source *)src;
	const struct format_record *r = (const struct format_record *)(uintptr_t)t->source_id;
	enum space space = r->is_syscall ? SPACE_USER : SPACE_KERNEL;
	VEC(struct type_field) fields = { 0 };
	struct format_field f;
	struct str rest = r->text;
	uint32_t end = 0;

	while (format_next_field(&rest, &f)) {
		struct type_field field = { .name = f.name,
					    .offset = f.offset,
					    .is_data_loc = f.is_data_loc };

		if (f.offset + f.size > end)
			end = f.offset + f.size;
		if (f.is_common)
			continue;
		field.type = field_type(s->c, &f, space);
		field.is_user = field.type->kind == TYPE_POINTER && field.type->space == SPACE_USER;
		vec_push(&fields, field);
	}
	t->n_fields = (uint32_t)fields.n;
	t->fields = arena_array(s->c->arena, struct type_field, fields.n);
	if (fields.n)
		memcpy(t->fields, fields.v, fields.n * sizeof(*fields.v));
	vec_free(&fields);
	t->align = 8;
	t->size = (end + 7) / 8 * 8;
	t->is_complete = true;
	return true;
}

static const struct type_source_ops format_ops = { .complete = format_complete };

const struct type *format_type(struct probe_ctx *c, struct str subsystem, struct str event,
			       struct str text)
{
	struct format_record *r = arena_new(c->arena, struct format_record);
	struct type *t;

	if (!c->tracepoint_types) {
		struct format_source *s = arena_new(c->arena, struct format_source);

		s->base = (struct type_source){ .ops = &format_ops, .table = c->types };
		s->c = c;
		c->tracepoint_types = &s->base;
	}
	r->text = text;
	r->is_syscall = str_is(subsystem, "syscalls");
	t = type_new_struct(c->types,
			    arena_printf(c->arena, "tracepoint_%.*s_%.*s_args", STR_ARG(subsystem),
					 STR_ARG(event)),
			    false);
	t->source = c->tracepoint_types;
	t->source_id = (uintptr_t)r;
	return t;
}
