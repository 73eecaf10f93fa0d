/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Attach points by meaning: how many parts each provider takes, what they are, which numbers are good. The messages say
 * what bpftrace says for the same fault, because people search for them.
 */
#include "probe/spec.h"

#include "objfile/names.h"

#include <stdio.h>

const struct provider_name provider_names[PROBE_N_KINDS] = {
#define PROVIDER(kind, name, alias, is_user, old) [PROBE_##kind] = { name, alias, old, is_user },
#include "probe/providers.def"
#undef PROVIDER
};

enum probe_kind provider_find(struct str name)
{
	/* aliases in their own case first: "u" is uprobe, "U" is usdt */
	for (unsigned k = 0; name.n && k < PROBE_N_KINDS; k++)
		if (str_is(name, provider_names[k].alias))
			return k;
	for (unsigned k = 0; name.n && k < PROBE_N_KINDS; k++)
		if (str_eq_nocase(name, str_from(provider_names[k].name)) ||
		    str_eq_nocase(name, str_from(provider_names[k].old)))
			return k;
	for (unsigned k = 0; name.n && k < PROBE_N_KINDS; k++)
		if (str_eq_nocase(name, str_from(provider_names[k].alias)))
			return k;
	return PROBE_N_KINDS;
}

/* ---- numbers ---- */

/* the digits at the start of s with '_' between them; how many bytes were taken, 0: none or too large */
static size_t take_digits(struct str s, unsigned base, uint64_t *out)
{
	uint64_t v = 0;
	size_t i = 0;

	for (; i < s.n; i++) {
		unsigned d = str_digit_value(s.p[i]);

		if (s.p[i] == '_' && i > 0)
			continue;
		if (d >= base)
			break;
		if (__builtin_mul_overflow(v, base, &v) || __builtin_add_overflow(v, d, &v))
			return 0;
	}
	*out = v;
	return i;
}

/* a number at the start of s; how many bytes it has, 0 when there is none */
static size_t take_number(struct str s, uint64_t *out)
{
	uint64_t exponent;
	size_t n, e;

	if (s.n > 2 && s.p[0] == '0' && (s.p[1] == 'x' || s.p[1] == 'X')) {
		n = take_digits(str_sub(s, 2, s.n), 16, out);
		return n ? n + 2 : 0;
	}
	n = take_digits(s, 10, out);
	if (n == 0 || n + 1 >= s.n || s.p[n] != 'e')
		return n;
	e = take_digits(str_sub(s, n + 1, s.n), 10, &exponent);
	if (e == 0)
		return n;
	for (; exponent > 0 && *out > 0; exponent--)
		if (__builtin_mul_overflow(*out, 10, out))
			return 0;
	return n + 1 + e;
}

bool probe_number(struct str s, uint64_t *out, const char **why)
{
	size_t n = take_number(s, out);

	*why = n == 0 ? "invalid integer" : "invalid trailing bytes";
	return n > 0 && n == s.n;
}

bool probe_duration(struct str s, uint64_t *ns, const char **why)
{
	static const struct {
		const char *unit;
		uint64_t ns;
	} units[] = {
		{ "", 1 },
		{ "ns", 1 },
		{ "us", 1000 },
		{ "ms", 1000000 },
		{ "s", 1000000000 },
		{ "m", 60 * 1000000000ull },
		{ "h", 3600 * 1000000000ull },
		{ "d", 24 * 3600 * 1000000000ull },
	};
	size_t n = take_number(s, ns);

	*why = n == 0 ? "invalid integer" : "invalid trailing bytes";
	for (size_t i = 0; n && i < sizeof(units) / sizeof(units[0]); i++)
		if (str_is(str_sub(s, n, s.n), units[i].unit))
			return !__builtin_mul_overflow(*ns, units[i].ns, ns);
	return false;
}

/* ---- parts ---- */

struct spec_parser {
	const struct attach_point *ap;
	struct arena *arena;
	struct diag_list *diags;
	struct probe_spec *out;
	const char *name;        /* of the provider */
	uint32_t n;              /* parts behind the provider */
	const struct str *parts; /* they, when names were joined; NULL: as in ap */
	bool has_pid;
};

static struct str part(const struct spec_parser *p, uint32_t i)
{
	if (i >= p->n)
		return STR_NULL;
	return p->parts ? p->parts[i] : p->ap->parts[i + 1];
}

#define spec_error(p, ...) (diag_error((p)->diags, D_PROBE_SYNTAX, (p)->ap->at, __VA_ARGS__), false)

static bool want_parts(struct spec_parser *p, uint32_t min, uint32_t max, const char *range)
{
	if (p->n >= min && p->n <= max)
		return true;
	return spec_error(p, "%s probe type requires %s arguments, found %u", p->name, range, p->n);
}

static bool want_number(struct spec_parser *p, struct str s, const char *what, uint64_t *out)
{
	const char *why;

	if (probe_number(s, out, &why))
		return true;
	return spec_error(p, "%s: %s: %.*s", what, why, STR_ARG(s));
}

/*
 * "f+0x10": cut at the last '+' that a number follows, so that operator+ stays whole. A text that is a number is an
 * address.
 */
static bool parse_symbol(struct spec_parser *p, struct str s)
{
	struct probe_spec *o = p->out;
	const char *why;

	if (probe_number(s, &o->address, &why)) {
		o->has_address = true;
		return true;
	}
	for (size_t i = s.n; i-- > 1;) {
		if (s.p[i] != '+')
			continue;
		o->has_offset = probe_number(str_sub(s, i + 1, s.n), &o->offset, &why);
		if (o->has_offset)
			s = str_sub(s, 0, i);
		break;
	}
	o->func = s;
	if (o->has_offset && name_is_wild(s))
		return spec_error(p, "Cannot use wildcards with an offset");
	return true;
}

/* BIN@FILE : LINE [: COL] */
static bool parse_source_line(struct spec_parser *p, size_t at)
{
	struct probe_spec *o = p->out;
	struct str first = part(p, 0);

	o->target = str_sub(first, 0, at);
	o->source_file = str_sub(first, at + 1, first.n);
	if (o->kind == PROBE_URETPROBE)
		return spec_error(p, "Source code location not allowed for %s", p->name);
	if (o->source_file.n == 0 || p->n < 2 || p->n > 3 || part(p, 1).n == 0)
		return spec_error(
			p,
			"Invalid uprobe arguments, expected format: uprobe:TARGET@FILE:LINE[:COL]");
	if (str_has_glob(o->target))
		return spec_error(p, "Cannot use wildcards with source code location");
	if (o->target.n == 0 && !p->has_pid)
		return spec_error(
			p, "Unspecified target binary, cannot attach by source code location.");
	return want_number(p, part(p, 1), "Invalid line number", &o->line) &&
	       (p->n < 3 || want_number(p, part(p, 2), "Invalid column number", &o->column));
}

/* "f@file.c": the file of one of several functions of that name. No function's own name has '@' in it. */
static bool parse_decl_file(struct spec_parser *p)
{
	struct probe_spec *o = p->out;
	ptrdiff_t at = str_find_char(o->func, '@', 0);

	if (at < 0)
		return true;
	o->decl_file = str_sub(o->func, (size_t)at + 1, o->func.n);
	o->func = str_sub(o->func, 0, (size_t)at);
	if (o->func.n && o->decl_file.n)
		return true;
	return spec_error(p, "Invalid %s arguments, expected format: %s:TARGET:\"FUNCTION@FILE\"",
			  p->name, p->name);
}

uint32_t probe_join_name(struct str *parts, uint32_t n, struct arena *arena)
{
	uint32_t from = n > 1 && str_is(parts[1], "cpp") ? 2 : 1;
	struct str name;

	if (n < from + 3 || !parts[from].n)
		return n;
	name = parts[from];
	for (uint32_t i = from + 1; i < n; i += 2) {
		if (parts[i].n || i + 1 == n || !parts[i + 1].n)
			return n;
		name = arena_printf(arena, "%.*s::%.*s", STR_ARG(name), STR_ARG(parts[i + 1]));
	}
	parts[from] = name;
	return from + 1;
}

static void join_parts(struct spec_parser *p)
{
	struct str *parts = arena_array(p->arena, struct str, p->n + 1);

	for (uint32_t i = 0; i < p->n; i++)
		parts[i] = part(p, i);
	p->n = probe_join_name(parts, p->n, p->arena);
	p->parts = parts;
}

static bool parse_uprobe(struct spec_parser *p)
{
	struct probe_spec *o = p->out;
	ptrdiff_t at = str_find_char(part(p, 0), '@', 0);
	struct str lang = STR_NULL;

	if (at >= 0)
		return parse_source_line(p, (size_t)at);
	join_parts(p);
	if (p->n == 1 && p->has_pid) { /* uprobe:f with -p */
		if (!parse_symbol(p, part(p, 0)))
			return false;
	} else if (p->n == 2 && p->has_pid && str_is(part(p, 0), "cpp")) { /* uprobe:cpp:f with -p */
		o->ns = part(p, 0);
		if (!parse_symbol(p, part(p, 1)))
			return false;
	} else {
		if (!want_parts(p, 2, 3, "2 or 3"))
			return false;
		o->target = part(p, 0);
		lang = p->n == 3 ? part(p, 1) : STR_NULL;
		if (!parse_symbol(p, part(p, p->n - 1)))
			return false;
	}
	if (lang.n && !str_is(lang, "cpp")) {
		diag_hint(
			p->diags,
			diag_error(p->diags, D_PROBE_SYNTAX, p->ap->at,
				   "'%.*s' is not a supported language", STR_ARG(lang)),
			"cpp is; names of Rust and C++ may also be written as they are: uprobe:BIN:\"crate::f\"");
		return false;
	}
	o->ns = lang.n ? lang : o->ns;
	if (!parse_decl_file(p))
		return false;
	if (o->kind == PROBE_URETPROBE && o->has_offset)
		return spec_error(p, "Offset not allowed");
	if (o->has_address && str_has_glob(o->target))
		return spec_error(p, "Cannot use wildcards with absolute address");
	if (!o->has_address && o->func.n == 0)
		return spec_error(p, "%s probe must have a function", p->name);
	return true;
}

static bool parse_usdt(struct spec_parser *p)
{
	struct probe_spec *o = p->out;

	if (p->n == 1 && p->has_pid) { /* usdt:* with -p */
		o->target = STR("*");
		o->ns = STR("*");
		o->func = part(p, 0);
		return true;
	}
	if (!want_parts(p, 2, 3, "2 or 3"))
		return false;
	o->target = part(p, 0);
	o->ns = p->n == 3 && part(p, 1).n ? part(p, 1) : STR("*");
	o->func = part(p, p->n - 1);
	if (o->func.n == 0)
		return spec_error(p, "usdt probe must have a name");
	if (o->target.n == 0 && !p->has_pid)
		return spec_error(p, "usdt probe must specify at least path or pid to probe");
	return true;
}

static bool parse_tracepoint(struct spec_parser *p)
{
	/* one part with a wildcard stands for any subsystem: t:sys_enter_* */
	if (p->n == 1 && str_has_glob(part(p, 0))) {
		p->out->target = STR("*");
		p->out->func = part(p, 0);
		return true;
	}
	if (!want_parts(p, 2, 2, "2"))
		return false;
	p->out->target = part(p, 0);
	p->out->func = part(p, 1);
	if (p->out->target.n == 0 || p->out->func.n == 0)
		return spec_error(p, "tracepoint probe must have a target");
	return true;
}

static bool parse_rawtracepoint(struct spec_parser *p)
{
	if (!want_parts(p, 1, 2, "2 or 1"))
		return false;
	p->out->target = p->n == 2 ? part(p, 0) : STR_NULL;
	p->out->func = part(p, p->n - 1);
	return true;
}

/* kprobe, kretprobe, fentry, fexit: [module:]function */
static bool parse_kernel(struct spec_parser *p)
{
	struct probe_spec *o = p->out;

	/* fentry:bpf:ID:NAME has one more */
	if (p->n == 3 && str_is(part(p, 0), "bpf") &&
	    (o->kind == PROBE_FENTRY || o->kind == PROBE_FEXIT)) {
		o->target = part(p, 0);
		o->ns = part(p, 1);
		o->func = part(p, 2);
		return true;
	}
	if (!want_parts(p, 1, 2, "1 or 2"))
		return false;
	o->target = p->n == 2 ? part(p, 0) : STR_NULL;
	if (!parse_symbol(p, part(p, p->n - 1)))
		return false;
	if (o->has_offset && o->kind != PROBE_KPROBE)
		return spec_error(p, "Offset not allowed");
	if (o->has_address && (o->kind == PROBE_FENTRY || o->kind == PROBE_FEXIT))
		return spec_error(p, "%s probe must have a function", p->name);
	return true;
}

static bool parse_timer(struct spec_parser *p)
{
	struct probe_spec *o = p->out;
	struct str s = part(p, p->n - 1);
	char what[64];
	const char *why;
	uint64_t ns;

	if (!want_parts(p, 1, 2, "1 or 2"))
		return false;
	snprintf(what, sizeof(what), "Invalid rate of %s probe", p->name);
	if (p->n == 2) {
		o->target = part(p, 0);
		if (!str_is(o->target, "hz") && !str_is(o->target, "s") &&
		    !str_is(o->target, "ms") && !str_is(o->target, "us"))
			return spec_error(
				p, "%.*s is not an accepted unit for a %s probe (hz, s, ms, us)",
				STR_ARG(o->target), p->name);
		if (!want_number(p, s, what, &o->count))
			return false;
		return o->count > 0 ||
		       spec_error(p, "%s probe must have a rate of at least 1", p->name);
	}
	if (!probe_duration(s, &ns, &why))
		return spec_error(p, "%s: %s: %.*s", what, why, STR_ARG(s));
	if (ns < 1000)
		return spec_error(p, "%s. Minimum is 1000 or 1us. Found: %llu nanoseconds", what,
				  (unsigned long long)ns);
	o->target = STR("us");
	o->count = ns / 1000;
	return true;
}

static bool parse_perf(struct spec_parser *p)
{
	char what[64];

	if (!want_parts(p, 1, 2, "1 or 2"))
		return false;
	snprintf(what, sizeof(what), "Invalid count for %s probe", p->name);
	p->out->target = part(p, 0);
	return part(p, 1).n == 0 || want_number(p, part(p, 1), what, &p->out->count);
}

static bool parse_watchpoint(struct spec_parser *p)
{
	struct probe_spec *o = p->out;

	if (!want_parts(p, 3, 3, "3") ||
	    !want_number(p, part(p, 0), "Invalid function/address argument", &o->address) ||
	    !want_number(p, part(p, 1), "Invalid length argument", &o->count))
		return false;
	o->has_address = true;
	o->func = part(p, 2);
	if (o->address == 0)
		return spec_error(p, "watchpoint must be attached to a non-zero address");
	if (o->count != 1 && o->count != 2 && o->count != 4 && o->count != 8)
		return spec_error(p, "watchpoint length must be one of (1,2,4,8)");
	/* what the debug registers of x86 can do: writes, reads and writes together, execution alone */
	if (!str_is(o->func, "w") && !str_is(o->func, "rw") && !str_is(o->func, "wr") &&
	    !str_is(o->func, "x"))
		return spec_error(
			p, "invalid watchpoint mode '%.*s': this processor watches w, rw or x",
			STR_ARG(o->func));
	return true;
}

static bool parse_iter(struct spec_parser *p)
{
	if (!want_parts(p, 1, 2, "1 or 2"))
		return false;
	p->out->target = part(p, 0);
	p->out->func = part(p, 1);
	if (str_has_glob(part(p, 0)) || str_has_glob(part(p, 1)))
		return spec_error(p, "iter probe type does not support wildcards");
	if (p->ap->next)
		return spec_error(p, "iter probe only supports one attach point");
	return true;
}

static bool parse_self(struct spec_parser *p)
{
	if (!want_parts(p, 2, 2, "2"))
		return false;
	p->out->target = part(p, 0);
	p->out->func = part(p, 1);
	if (!str_is(p->out->target, "signal"))
		return spec_error(p, "%.*s is not a supported trigger", STR_ARG(p->out->target));
	if (!str_is(p->out->func, "SIGUSR1"))
		return spec_error(p, "%.*s is not a supported signal", STR_ARG(p->out->func));
	return true;
}

/* test:NAME, bench:NAME */
static bool parse_named(struct spec_parser *p)
{
	if (!want_parts(p, 1, 1, "1"))
		return false;
	p->out->target = part(p, 0);
	return p->out->target.n > 0 || spec_error(p, "%s probes must have a name", p->name);
}

bool probe_spec_parse(const struct attach_point *ap, enum probe_kind kind, bool has_pid,
		      struct arena *arena, struct diag_list *diags, struct probe_spec *out)
{
	struct spec_parser p = { .ap = ap,
				 .arena = arena,
				 .diags = diags,
				 .out = out,
				 .name = provider_names[kind].name,
				 .n = ap->n_parts - 1,
				 .has_pid = has_pid };

	*out = (struct probe_spec){ .kind = kind, .ap = ap };
	switch (kind) {
	case PROBE_BEGIN:
	case PROBE_END: return want_parts(&p, 0, 0, "0");
	case PROBE_SELF: return parse_self(&p);
	case PROBE_TEST:
	case PROBE_BENCH: return parse_named(&p);
	case PROBE_UPROBE:
	case PROBE_URETPROBE: return parse_uprobe(&p);
	case PROBE_USDT: return parse_usdt(&p);
	case PROBE_TRACEPOINT: return parse_tracepoint(&p);
	case PROBE_RAWTRACEPOINT: return parse_rawtracepoint(&p);
	case PROBE_PROFILE:
	case PROBE_INTERVAL: return parse_timer(&p);
	case PROBE_SOFTWARE:
	case PROBE_HARDWARE: return parse_perf(&p);
	case PROBE_WATCHPOINT: return parse_watchpoint(&p);
	case PROBE_ITER: return parse_iter(&p);
	case PROBE_MESSAGE: return parse_named(&p);
	default: return parse_kernel(&p);
	}
}
