/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the verifier's refusal means for the script: its log names an instruction, image_line says
 * which words of the script and which IR instruction that came from. Log lines look like "12: (79)
 * r1 = *(u64 *)(r2 +8)", subprograms count on in the same numbering; the reason stands alone on one
 * of the last lines. Only text is made here.
 */
#include "engine/kernel/kernel.h"

#include <errno.h>
#include <stdlib.h>

#define N_LAST_LINES 3

struct refusal {
	uint32_t insn;         /* IMAGE_NONE: the log names none */
	struct str insn_text;  /* "r1 = *(u64 *)(r2 +8)" */
	struct str reason;     /* the verifier's last words */
	struct str last_lines; /* the end of the log, statistics left out */
};

/* "12: (79) text": the number and the text */
static bool parse_insn_line(struct str line, uint32_t *insn, struct str *text)
{
	ptrdiff_t colon = str_find_char(line, ':', 0);
	ptrdiff_t close;
	uint64_t n;

	if (colon <= 0 || !str_to_u64(str_sub(line, 0, (size_t)colon), &n) || n > UINT32_MAX)
		return false;
	if (!str_starts(str_sub(line, (size_t)colon, line.n), STR(": (")))
		return false;
	close = str_find_char(line, ')', (size_t)colon);
	if (close < 0)
		return false;
	*insn = (uint32_t)n;
	*text = str_trim(str_sub(line, (size_t)close + 1, line.n));
	close = str_find_char(*text, ';', 0); /* register states follow */
	if (close > 0)
		*text = str_trim(str_sub(*text, 0, (size_t)close));
	return true;
}

static bool is_statistics(struct str line)
{
	return str_starts(line, STR("processed ")) || str_starts(line, STR("verification time")) ||
	       str_starts(line, STR("stack depth")) || str_starts(line, STR("insns processed"));
}

/* from the last line to the first, so that the longest log costs only its end */
static void parse_log(struct str log, struct refusal *r)
{
	size_t end = log.n, first_kept = log.n, last_kept = 0;
	unsigned kept = 0;

	*r = (struct refusal){ .insn = IMAGE_NONE };
	while (end > 0 && (r->insn == IMAGE_NONE || kept < N_LAST_LINES)) {
		size_t start = end;
		struct str line;

		while (start > 0 && log.p[start - 1] != '\n')
			start--;
		line = str_trim(str_sub(log, start, end));
		if (line.n && !is_statistics(line)) {
			if (!last_kept)
				last_kept = end;
			if (kept < N_LAST_LINES)
				first_kept = start;
			if (!kept++)
				r->reason = line;
			if (r->insn == IMAGE_NONE)
				parse_insn_line(line, &r->insn, &r->insn_text);
		}
		end = start ? start - 1 : 0;
	}
	if (last_kept > first_kept)
		r->last_lines = str_sub(log, first_kept, last_kept);
}

/* the last entry at or before the instruction, or NULL */
static const struct image_line *find_line(const struct image_prog *p, uint32_t insn)
{
	const struct image_line *found = NULL;

	for (uint32_t i = 0; i < p->n_lines && insn != IMAGE_NONE; i++)
		if (p->lines[i].insn <= insn && (!found || p->lines[i].insn >= found->insn))
			found = &p->lines[i];
	return found;
}

static const char *hint_for(struct str reason, int code)
{
	if (str_find(reason, STR("too large. Processed")) >= 0 ||
	    str_find(reason, STR("jumps is too complex")) >= 0)
		return "the verifier walks every path and gave up: shorter loops, smaller max_strlen or fewer "
		       "comparisons of long strings help; splitting the clause into several does too";
	if (str_find(reason, STR("combined stack size")) >= 0)
		return "all functions of a program share 512 bytes of stack";
	if (str_find(reason, STR("number of maps per program")) >= 0)
		return "a clause may use some 60 different maps: keep several values in one map under different keys, "
		       "or split the clause";
	if (code == E2BIG && !reason.n)
		return "the program has more instructions than this kernel takes: split the clause";
	if (code == ENOSPC)
		return "the verifier's log did not fit: BPFTRACE_LOG_SIZE makes it longer";
	if (code == EINVAL && !reason.n)
		return "this kernel does not know the program type, the attach type or a flag of it";
	return NULL;
}

static void print_refusal(struct strbuf *out, const struct image_prog *p, const struct refusal *r,
			  const struct image_line *line)
{
	strbuf_printf(out, "the kernel's verifier refuses '%.*s': %.*s\n", STR_ARG(p->name),
		      STR_ARG(r->reason));
	if (r->insn != IMAGE_NONE) {
		strbuf_printf(out, "  eBPF instruction %u: %.*s\n", r->insn, STR_ARG(r->insn_text));
		if (line)
			strbuf_printf(out, "  IR instruction %u\n", line->ir);
	}
	strbuf_printf(out, "  end of its log:\n");
	for (struct str rest = r->last_lines; rest.n;) {
		struct str text = str_split(&rest, '\n');

		strbuf_printf(out, "    %.*s\n", STR_ARG(text));
	}
	out->n--; /* no newline behind a message */
}

struct err *kernel_prog_refused(struct engine *e, const struct image_prog *p, const char *log,
				int code)
{
	const struct image_line *line;
	STRBUF_AUTO text = { 0 };
	struct refusal r;
	struct err *err;
	const char *hint;

	parse_log(str_from(log), &r);
	if (r.reason.n) {
		line = find_line(p, r.insn);
		print_refusal(&text, p, &r, line);
		if (e->opts.report)
			e->opts.report(e->opts.report_arg, line ? line->at : p->at, "ERROR",
				       strbuf_cstr(&text));
		/* the errno ("permission denied") says less than the reason, and something else */
		err = err_new(code == EPERM ? code : 0, "load program '%.*s': %.*s",
			      STR_ARG(p->name), STR_ARG(r.reason));
	} else {
		err = err_new(code, "load program '%.*s'", STR_ARG(p->name));
	}
	hint = hint_for(r.reason, code);
	/* EACCES with a reason is the verifier's; without one it is about privileges */
	if (hint)
		err_hint(err, "%s", hint);
	else if (!r.reason.n || code == EPERM)
		sys_err_explain(err);
	return err;
}
