/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sonde count and sonde stackcount: one map, whose key is the name of what was hit, or the stack it was hit with. */
#include "tools/front_private.h"

#include "base/cleanup.h"
#include "tools/pattern.h"

/* room for all functions of a large program */
#define MANY_PROBES "max_probes = 200000; max_map_keys = 200000; "

static ERR_MUST struct err *get_top(const struct tool_args *a, int64_t *top)
{
	*top = 0;
	TRY(tool_args_number(a, "top", top));
	return *top < 0 ? err_new(0, "--top takes a number from 1") : NULL;
}

/* at the end or each interval: the map, or its greatest entries */
static ERR_MUST struct err *put_reports(struct tool_args *a, struct strbuf *out)
{
	char print[64] = "print(@count);";
	uint64_t ms;
	int64_t top;

	TRY(front_get_interval(a, &ms));
	TRY(get_top(a, &top));
	if (top)
		snprintf(print, sizeof(print), "print(@count, %lld);", (long long)top);
	if (ms)
		front_put_interval(a, ms, print, "", out);
	strbuf_printf(out, "\nend { %s }\n", print);
	return NULL;
}

static ERR_MUST struct err *put_count(struct tool_args *a, const struct patterns *p,
				      struct strbuf *out)
{
	bool per_process = tool_args_has(a, "per-process");

	strbuf_printf(
		out,
		"config = { " MANY_PROBES
		"print_maps_on_exit = false; print_differences = true; map_table = \"%sFUNC COUNT\" }\n\n",
		per_process ? "PID COMM " : "");
	patterns_put_points(a, p, SPEC_OTHER, out);
	strbuf_printf(out, "\n{\n\t@count[%s", per_process ? "pid, comm, " : "");
	patterns_put_name(p, out);
	strbuf_puts(out, "] = count();\n}\n");
	return put_reports(a, out);
}

struct err *front_count(struct tool_args *a, struct strbuf *out)
{
	struct patterns p;
	struct err *err = patterns_parse(a, &p);

	if (!err)
		err = put_count(a, &p, out);
	patterns_free(&p);
	a->says_attached = true;
	return err;
}

/* ---- stacks ---- */

static ERR_MUST struct err *put_stackcount(struct tool_args *a, const struct patterns *p,
					   struct strbuf *out)
{
	bool user = tool_args_has(a, "user-stacks"), kernel = tool_args_has(a, "kernel-stacks");

	/* without a word: the program's stack, and of events of the kernel both */
	if (!user && !kernel) {
		user = true;
		kernel = !p->is_user;
	}
	strbuf_puts(out, "config = { " MANY_PROBES
			 "print_maps_on_exit = false; print_differences = true }\n\n");
	patterns_put_points(a, p, SPEC_OTHER, out);
	strbuf_printf(out, "\n{\n\t@count[%s%s%s", kernel ? "kstack" : "",
		      kernel && user ? ", " : "", user ? "ustack" : "");
	if (tool_args_has(a, "per-process"))
		strbuf_puts(out, ", comm, pid");
	strbuf_puts(out, "] = count();\n}\n");
	return put_reports(a, out);
}

struct err *front_stackcount(struct tool_args *a, struct strbuf *out)
{
	struct patterns p;
	struct err *err = patterns_parse(a, &p);

	if (!err)
		err = put_stackcount(a, &p, out);
	patterns_free(&p);
	a->says_attached = true;
	return err;
}
