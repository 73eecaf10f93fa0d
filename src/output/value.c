/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Printing by type; see value.h. One walk serves all forms: leaves that are text go through value_put_string, which
 * knows about quoting, and the punctuation of composites stands in one table.
 */
#include "output/value.h"

#include "output/aggregate.h"
#include "output/cgroup.h"
#include "output/json.h"
#include "output/number.h"
#include "output/users.h"

#include <arpa/inet.h>
#include <inttypes.h>

struct punctuation {
	const char *tuple_open, *tuple_next, *tuple_close;
	const char *record_open, *record_next, *record_close, *record_assign, *record_empty;
};

static const struct punctuation punctuations[] = {
	[VALUE_TEXT] = { "(", ", ", ")", "{ ", ", ", " }", " = ", "{}" },
	[VALUE_JSON] = { "[", ",", "]", "{", ", ", "}", ": ", "{}" },
	[VALUE_COMPACT] = { "(", ",", ")", "{", ",", "}", "=", "{}" },
};

/* one walk: what does not change on the way down */
struct walk {
	const struct value_env *env;
	enum value_form form;
	uint64_t div;
	struct strbuf *out;
	/*
	 * Inside of a struct an array of int8 is C's char and prints as text. One that stands by itself was made by a cast
	 * (accesses to members become strings in sema) and prints as numbers.
	 */
	bool is_member;
};

static void put(const struct walk *w, const struct type *t, const void *data);

/* control bytes that a terminal might act on; newline and tab stay, unless a text has to stay on its line */
static void put_escaped(struct str s, bool is_one_line, struct strbuf *out)
{
	const uint8_t *p = (const uint8_t *)s.p;

	for (size_t i = 0; i < s.n;) {
		size_t len = utf8_length(p + i, s.n - i);
		bool is_c1 = len == 2 && p[i] == 0xc2 && p[i + 1] < 0xa0;
		bool is_c0 = len == 1 && (p[i] < 0x20 || p[i] == 0x7f) &&
			     (is_one_line || (p[i] != '\n' && p[i] != '\t'));

		if (!len)
			len = 1, is_c0 = p[i] < 0xa0;
		for (size_t k = 0; k < len; k++) {
			if (is_c0 || is_c1)
				strbuf_printf(out, "\\x%02x", p[i + k]);
			else
				strbuf_putc(out, (char)p[i + k]);
		}
		i += len;
	}
}

void value_put_string(const struct value_env *env, enum value_form form, struct str s,
		      struct strbuf *out)
{
	if (form == VALUE_JSON)
		json_put_string(out, s);
	else if (form == VALUE_TEXT && env->escape_control)
		put_escaped(s, env->is_one_line, out);
	else
		strbuf_add_str(out, s);
}

void value_put_number(enum value_form form, uint64_t v, bool is_signed, struct strbuf *out)
{
	if (form == VALUE_JSON && is_signed)
		json_put_i64(out, (int64_t)v);
	else if (form == VALUE_JSON)
		json_put_u64(out, v);
	else if (is_signed)
		strbuf_printf(out, "%" PRId64, (int64_t)v);
	else
		strbuf_printf(out, "%" PRIu64, v);
}

static uint64_t load_int(uint32_t size, bool is_signed, const void *data)
{
	uint64_t v = 0;
	unsigned unused = 64 - 8 * (size < 8 ? size : 8);

	memcpy(&v, data, size < 8 ? size : 8);
	if (is_signed && unused && unused < 64)
		v = (uint64_t)((int64_t)(v << unused) >> unused);
	return v;
}

uint64_t value_load(const struct type *t, const void *data)
{
	switch (t->kind) {
	case TYPE_BOOL: return *(const uint8_t *)data != 0;
	case TYPE_INT:
	case TYPE_ENUM: return load_int(t->size, t->is_signed, data);
	case TYPE_POINTER:
	case TYPE_KSYM: return load_int(8, false, data);
	default: return 0;
	}
}

static void put_int(const struct walk *w, const struct type *t, const void *data)
{
	uint64_t v = value_load(t, data);

	if (w->div > 1)
		v = t->is_signed ? (uint64_t)((int64_t)v / (int64_t)w->div) : v / w->div;
	value_put_number(w->form, v, t->is_signed, w->out);
}

/* flags: a value that is none of the enumerators but all made of those with one bit: "A|B" */
static bool put_flags(const struct walk *w, const struct type *t, uint64_t v)
{
	STRBUF_AUTO text = { 0 };
	uint64_t left = v;

	for (uint32_t i = 0; i < t->n_enumerators; i++) {
		uint64_t bit = (uint64_t)t->enumerators[i].value;

		if (!bit || (bit & (bit - 1)) || !(left & bit))
			continue;
		left &= ~bit;
		if (text.n)
			strbuf_putc(&text, '|');
		strbuf_add_str(&text, t->enumerators[i].name);
	}
	if (!v || left)
		return false;
	strbuf_add_str(w->out, strbuf_str(&text));
	return true;
}

/* names in text; JSON keeps the number, as readers of it expect */
static void put_enum(const struct walk *w, const struct type *t, const void *data)
{
	uint64_t v = value_load(t, data);
	bool is_foreign = t->lang == LANG_C || t->lang == LANG_CXX;

	if (t->is_char) {
		number_put_char(w->form, (uint32_t)v, w->out);
		return;
	}
	for (uint32_t i = 0; w->form != VALUE_JSON && i < t->n_enumerators; i++) {
		if (load_int(t->size, t->is_signed, &t->enumerators[i].value) == v) {
			strbuf_add_str(w->out, t->enumerators[i].name);
			return;
		}
	}
	/* bpftrace prints the number of those of the kernel, so only traced programs' own are taken apart */
	if (w->form == VALUE_JSON || !is_foreign || !put_flags(w, t, v))
		value_put_number(w->form, v, t->is_signed, w->out);
}

static void put_pointer(const struct walk *w, const void *data)
{
	uint64_t v = load_int(8, false, data);

	if (w->form == VALUE_JSON)
		json_put_u64(w->out, v);
	else
		strbuf_printf(w->out, "0x%" PRIx64, v);
}

/* the last byte says whether the text was cut; see type.h */
static void put_string(const struct walk *w, const struct type *t, const char *data)
{
	STRBUF_AUTO text = { 0 };
	size_t n = strnlen(data, t->size ? t->size - 1 : 0);

	if (!t->size || !data[t->size - 1]) {
		value_put_string(w->env, w->form, str_make(data, n), w->out);
		return;
	}
	strbuf_add(&text, data, n);
	strbuf_add_str(&text, w->env->trunc_trailer);
	value_put_string(w->env, w->form, strbuf_str(&text), w->out);
}

/* length and bytes; a length beyond the capacity is never believed */
static struct str buffer_bytes(const struct type *t, const void *data)
{
	uint32_t n;

	memcpy(&n, data, sizeof(n));
	if (n > t->size - sizeof(n))
		n = t->size - sizeof(n);
	return str_make((const char *)data + sizeof(n), n);
}

/* false: gone. *is_cut: there were more bytes than these */
static bool blob_bytes(const struct value_env *env, const void *data, struct str *s, bool *is_cut)
{
	struct stored_blob blob;
	uint64_t total = 0;

	*is_cut = false;
	*s = STR_NULL;
	memcpy(&blob, data, sizeof(blob));
	if (!env->blob || !env->blob(env->blob_arg, blob.id, s, &total))
		return false;
	*is_cut = total > s->n;
	return true;
}

/* offset, 16 bytes, the same as text; no newline behind the last line */
static void put_dump(struct str s, struct strbuf *out)
{
	for (size_t at = 0; at < s.n; at += 16) {
		size_t n = s.n - at < 16 ? s.n - at : 16;

		strbuf_printf(out, at ? "\n%08zx" : "%08zx", at);
		for (size_t i = 0; i < 16; i++) {
			strbuf_puts(out, i % 8 ? " " : "  ");
			if (i < n)
				strbuf_printf(out, "%02x", (uint8_t)s.p[at + i]);
			else
				strbuf_puts(out, "  ");
		}
		strbuf_puts(out, "  |");
		for (size_t i = 0; i < n; i++)
			strbuf_putc(out, s.p[at + i] >= ' ' && s.p[at + i] <= '~' ? s.p[at + i] : '.');
		strbuf_putc(out, '|');
	}
}

void value_put_buffer(const struct value_env *env, const struct type *t, const void *data,
		      enum value_buffer_form form, struct strbuf *out)
{
	bool is_cut = false;
	struct str s;

	if (t->kind == TYPE_BUFFER)
		s = buffer_bytes(t, data);
	else if (!blob_bytes(env, data, &s, &is_cut))
		strbuf_puts(out, "<gone>");
	if (form == BUFFER_DUMP)
		put_dump(s, out);
	for (size_t i = 0; form != BUFFER_DUMP && i < s.n; i++) {
		uint8_t c = (uint8_t)s.p[i];

		if (form == BUFFER_ASCII && c >= 0x20 && c <= 0x7e)
			strbuf_putc(out, (char)c);
		else if (form == BUFFER_HEX_SPACED)
			strbuf_printf(out, i + 1 < s.n ? "%02x " : "%02x", c);
		else
			strbuf_printf(out, "\\x%02x", c);
	}
	if (is_cut)
		strbuf_add_str(out, env->trunc_trailer);
}

/* all of it, however long; what is no text is the reader's affair, as with buffers of strings */
static void put_blob(const struct walk *w, const void *data)
{
	STRBUF_AUTO text = { 0 };
	struct str s;
	bool is_cut;

	if (!blob_bytes(w->env, data, &s, &is_cut)) {
		value_put_string(w->env, w->form, STR("<gone>"), w->out);
		return;
	}
	if (!is_cut) {
		value_put_string(w->env, w->form, s, w->out);
		return;
	}
	strbuf_add_str(&text, s);
	strbuf_add_str(&text, w->env->trunc_trailer);
	value_put_string(w->env, w->form, strbuf_str(&text), w->out);
}

static void put_word(struct str word, struct strbuf *out)
{
	bool is_quoted = !word.n;

	for (size_t i = 0; i < word.n; i++)
		is_quoted |= strchr(" \t\n\"\\", word.p[i]) != NULL;
	if (is_quoted)
		strbuf_putc(out, '"');
	for (size_t i = 0; i < word.n; i++) {
		char c = word.p[i];

		if (c == '"' || c == '\\')
			strbuf_putc(out, '\\');
		if (c == '\n')
			strbuf_puts(out, "\\n");
		else if ((uint8_t)c < ' ' || c == 0x7f)
			strbuf_printf(out, "\\x%02x", (uint8_t)c);
		else
			strbuf_putc(out, c);
	}
	if (is_quoted)
		strbuf_putc(out, '"');
}

void value_put_words(const struct value_env *env, const struct type *t, const void *data,
		     struct strbuf *out)
{
	struct str rest = buffer_bytes(t, data);

	/* a last one without NUL was cut off, or is all that there is */
	for (bool is_first = true; rest.n; is_first = false) {
		if (!is_first)
			strbuf_putc(out, ' ');
		put_word(str_split(&rest, '\0'), out);
	}
}

static void put_buffer(const struct walk *w, const struct type *t, const void *data)
{
	struct str s = buffer_bytes(t, data);

	if (w->form != VALUE_JSON) {
		value_put_buffer(w->env, t, data, BUFFER_ASCII, w->out);
		return;
	}
	strbuf_putc(w->out, '[');
	for (size_t i = 0; i < s.n; i++)
		strbuf_printf(w->out, i ? ",%u" : "%u", (uint8_t)s.p[i]);
	strbuf_putc(w->out, ']');
}

static void put_array(const struct walk *w, const struct type *t, const char *data)
{
	if (w->is_member && type_is_char_array(t)) {
		value_put_string(w->env, w->form, str_make(data, strnlen(data, t->count)), w->out);
		return;
	}
	strbuf_putc(w->out, '[');
	for (uint32_t i = 0; i < t->count; i++) {
		if (i)
			strbuf_putc(w->out, ',');
		put(w, t->elem, data + (size_t)i * t->elem->size);
	}
	strbuf_putc(w->out, ']');
}

static void put_tuple(const struct walk *w, const struct type *t, const char *data)
{
	const struct punctuation *p = &punctuations[w->form];

	strbuf_puts(w->out, p->tuple_open);
	for (uint32_t i = 0; i < t->n_fields; i++) {
		if (i)
			strbuf_puts(w->out, p->tuple_next);
		put(w, t->fields[i].type, data + t->fields[i].offset);
	}
	strbuf_puts(w->out, p->tuple_close);
}

/* bit-fields print as unsigned, as bpftrace reads them; those of traced programs as what they are */
static void put_bit_field(const struct walk *w, const struct type_field *f, const char *data,
			  bool is_signed)
{
	uint64_t unit = load_int(f->type->size, false, data);
	uint64_t v = unit >> f->bit_offset;

	if (f->bit_size < 64)
		v &= (1ull << f->bit_size) - 1;
	if (is_signed && f->bit_size < 64)
		v = (uint64_t)((int64_t)(v << (64 - f->bit_size)) >> (64 - f->bit_size));
	if (f->type->kind == TYPE_BOOL || f->type->kind == TYPE_ENUM)
		put(w, f->type, &v);
	else
		value_put_number(w->form, v, is_signed, w->out);
}

static void put_field(const struct walk *w, const struct type_field *f, const char *data,
		      enum type_lang lang)
{
	const struct punctuation *p = &punctuations[w->form];

	if (w->form == VALUE_JSON)
		json_put_string(w->out, f->name);
	else
		strbuf_printf(w->out, ".%.*s", STR_ARG(f->name));
	strbuf_puts(w->out, p->record_assign);
	/* the data itself is not part of the record: only where it lies */
	if (f->is_data_loc)
		value_put_number(w->form, load_int(4, false, data), false, w->out);
	else if (f->bit_size)
		put_bit_field(w, f, data, lang != LANG_NONE && f->type->is_signed);
	else
		put(w, f->type, data);
}

/* fields of anonymous members stand among their parent's; *n counts what was printed */
static void put_fields(const struct walk *w, const struct type *t, const char *data, uint32_t *n)
{
	const struct punctuation *p = &punctuations[w->form];

	if (!type_complete(t))
		return;
	for (uint32_t i = 0; i < t->n_fields; i++) {
		const struct type_field *f = &t->fields[i];

		if (!f->name.n && f->type->kind == TYPE_STRUCT) {
			put_fields(w, f->type, data + f->offset, n);
			continue;
		}
		if (!f->name.n)
			continue; /* padding bit-fields */
		strbuf_puts(w->out, (*n)++ ? p->record_next : p->record_open);
		put_field(w, f, data + f->offset, t->lang);
	}
}

static void put_record(const struct walk *w, const struct type *t, const char *data)
{
	struct walk inner = *w;
	uint32_t n = 0;

	inner.is_member = true;
	put_fields(&inner, t, data, &n);
	strbuf_puts(w->out,
		    n ? punctuations[w->form].record_close : punctuations[w->form].record_empty);
}

static struct str stored_text(const struct value_env *env, uint32_t index)
{
	return index < env->n_strings ? env->strings[index] : STR_NULL;
}

static void make_inet(const void *data, struct strbuf *text)
{
	struct stored_inet in;
	char buf[INET6_ADDRSTRLEN];

	memcpy(&in, data, sizeof(in));
	if (in.family == AF_UNIX)
		strbuf_puts(text, "unix");
	if ((in.family == AF_INET || in.family == AF_INET6) &&
	    inet_ntop((int)in.family, in.addr, buf, sizeof(buf)))
		strbuf_puts(text, buf);
}

static void make_timestamp(const struct value_env *env, const void *data, struct strbuf *text)
{
	struct stored_timestamp ts;

	memcpy(&ts, data, sizeof(ts));
	output_clock_format(output_clock_real(&env->clock, ts.clock, ts.ns),
			    stored_text(env, ts.format), text);
}

static void make_cgroup_path(const struct value_env *env, const void *data, struct strbuf *text)
{
	struct stored_cgroup_path cg;

	memcpy(&cg, data, sizeof(cg));
	cgroup_put_path(cg.id, stored_text(env, cg.filter), text);
}

static void make_username(const void *data, struct strbuf *text)
{
	uint32_t uid;

	memcpy(&uid, data, sizeof(uid));
	users_put_name(uid, text);
}

static void make_symbol(const struct value_env *env, const struct type *t, const void *data,
			struct strbuf *text)
{
	const struct output_symbols *s = env->symbols;
	struct stored_usym us = { 0 };
	struct output_symbol sym = { 0 };
	bool found;

	memcpy(&us, data, t->kind == TYPE_USYM ? sizeof(us) : sizeof(us.addr));
	if (t->kind == TYPE_USYM)
		found = s && s->user && s->user(s->arg, us.pid, us.addr, &sym);
	else
		found = s && s->kernel && s->kernel(s->arg, us.addr, &sym);
	if (found && sym.name.n)
		strbuf_add_str(text, sym.name);
	else
		value_put_address(us.addr, text);
}

/* what tells a type is a word of the program: nil tells of none */
static void make_typename(const struct value_env *env, const void *data, struct strbuf *text)
{
	const struct output_symbols *s = env->symbols;
	struct stored_usym us;

	memcpy(&us, data, sizeof(us));
	if (!us.addr)
		strbuf_puts(text, "nil");
	else if (!s || !s->type_name || !s->type_name(s->arg, us.pid, us.addr, text))
		strbuf_printf(text, "<type 0x%" PRIx64 ">", us.addr);
}

static void make_macaddr(const uint8_t *p, struct strbuf *text)
{
	strbuf_printf(text, "%02X:%02X:%02X:%02X:%02X:%02X", p[0], p[1], p[2], p[3], p[4], p[5]);
}

/* kinds whose value is a made-up text */
static void put_made_text(const struct walk *w, const struct type *t, const void *data)
{
	STRBUF_AUTO text = { 0 };

	switch (t->kind) {
	case TYPE_KSTACK:
	case TYPE_USTACK: value_put_stack(w->env, w->form, t, data, &text); break;
	case TYPE_KSYM:
	case TYPE_USYM: make_symbol(w->env, t, data, &text); break;
	case TYPE_TYPENAME: make_typename(w->env, data, &text); break;
	case TYPE_INET: make_inet(data, &text); break;
	case TYPE_MACADDR: make_macaddr(data, &text); break;
	case TYPE_TIMESTAMP: make_timestamp(w->env, data, &text); break;
	case TYPE_CGROUP_PATH: make_cgroup_path(w->env, data, &text); break;
	default: make_username(data, &text);
	}
	if (w->env->is_one_line && w->form == VALUE_TEXT &&
	    (t->kind == TYPE_KSTACK || t->kind == TYPE_USTACK)) {
		put_escaped(strbuf_str(&text), false, w->out); /* its lines are its form */
		return;
	}
	value_put_string(w->env, w->form, strbuf_str(&text), w->out);
}

static void put(const struct walk *w, const struct type *t, const void *data)
{
	switch (t->kind) {
	case TYPE_NONE:
	case TYPE_VOID:
	case TYPE_FUNCTION:
	case TYPE_N_KINDS: strbuf_puts(w->out, "null"); break;
	case TYPE_BOOL: strbuf_puts(w->out, value_load(t, data) ? "true" : "false"); break;
	case TYPE_INT: put_int(w, t, data); break;
	case TYPE_ENUM: put_enum(w, t, data); break;
	case TYPE_POINTER: put_pointer(w, data); break;
	case TYPE_STRUCT:
		if (t->lang > LANG_C)
			value_put_typed(w->env, w->form, t, data, w->out);
		else
			put_record(w, t, data);
		break;
	case TYPE_RECORD: put_record(w, t, data); break;
	case TYPE_CAPTURE: value_put_typed(w->env, w->form, t, data, w->out); break;
	case TYPE_FLOAT: number_put_float(w->form, LANG_C, t->size, data, w->out); break;
	case TYPE_WIDE_INT: number_put_wide(w->form, t->is_signed, data, w->out); break;
	case TYPE_ARRAY: put_array(w, t, data); break;
	case TYPE_TUPLE: put_tuple(w, t, data); break;
	case TYPE_STRING: put_string(w, t, data); break;
	case TYPE_BUFFER: put_buffer(w, t, data); break;
	case TYPE_BLOB: put_blob(w, data); break;
	case TYPE_COUNT:
	case TYPE_SUM:
	case TYPE_AVG:
	case TYPE_MIN:
	case TYPE_MAX:
	case TYPE_STATS:
	case TYPE_HIST:
	case TYPE_LHIST:
	case TYPE_TSERIES: aggregate_put(w->form, t, data, 1, w->div, w->out); break;
	default: put_made_text(w, t, data);
	}
}

void value_put_div(const struct value_env *env, enum value_form form, const struct type *t,
		   const void *data, uint64_t div, struct strbuf *out)
{
	struct walk w = { env, form, div, out, false };

	put(&w, t, data);
}

void value_put(const struct value_env *env, enum value_form form, const struct type *t,
	       const void *data, struct strbuf *out)
{
	value_put_div(env, form, t, data, 1, out);
}

void value_put_key(const struct value_env *env, enum value_form form, const struct type *t,
		   const void *data, struct strbuf *out)
{
	STRBUF_AUTO text = { 0 };
	struct str s;

	value_put(env, form == VALUE_JSON ? VALUE_COMPACT : form, t, data, &text);
	s = strbuf_str(&text);
	if (t->kind == TYPE_TUPLE)
		s = str_sub(s, 1, s.n - 1);
	if (form == VALUE_JSON)
		json_put_string(out, s);
	else
		strbuf_add_str(out, s);
}
