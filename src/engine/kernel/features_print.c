/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's part of `sonde --info`, in the sections and with the names that bpftrace's users and
 * test suite look for, and what to say when a probe type is not there. Asks features.c for
 * everything.
 */
#include "engine/kernel/features.h"

#include <sys/utsname.h>

static const char *yes_no(bool b)
{
	return b ? "yes" : "no";
}

static void print_range(struct strbuf *out, const char *title, enum feature from, enum feature to)
{
	strbuf_printf(out, "%s\n", title);
	for (enum feature f = from; f <= to; f++)
		strbuf_printf(out, "  %s: %s\n", features_name(f), yes_no(features_has(f)));
	strbuf_putc(out, '\n');
}

void features_print_system(struct strbuf *out)
{
	struct utsname u;

	if (uname(&u) != 0)
		return;
	strbuf_printf(out, "System\n  OS: %s %s %s\n  Arch: %s\n\n", u.sysname, u.release,
		      u.version, u.machine);
}

void features_print(struct strbuf *out)
{
	print_range(out, "Kernel helpers", FEATURE_HELPER_PROBE_READ, FEATURE_HELPER_STRNCMP);
	strbuf_printf(out, "Kernel features\n  Instruction limit: %u\n",
		      features_instruction_limit());
	for (enum feature f = FEATURE_BTF; f <= FEATURE_KPROBE_EVENTS; f++)
		strbuf_printf(out, "  %s: %s\n", features_name(f), yes_no(features_has(f)));
	strbuf_putc(out, '\n');
	print_range(out, "Map types", FEATURE_MAP_HASH, FEATURE_MAP_RINGBUF);
	print_range(out, "Probe types", FEATURE_PROG_KPROBE, FEATURE_ITER_TASK_VMA);
}

/* ---- what a missing probe type needs ---- */

static const struct {
	const char *probe; /* in the language */
	enum feature feature;
	const char *what;
	const char *options[3]; /* of the kernel's configuration */
} needs[] = {
	{ "kprobe", FEATURE_KPROBE, "kprobes", { "CONFIG_KPROBES", "CONFIG_KPROBE_EVENTS" } },
	{ "kretprobe", FEATURE_KPROBE, "kretprobes", { "CONFIG_KPROBES", "CONFIG_KRETPROBES" } },
	{ "fentry",
	  FEATURE_FENTRY,
	  "fentry probes",
	  { "CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS", "CONFIG_DEBUG_INFO_BTF", "CONFIG_BPF_JIT" } },
	{ "fexit",
	  FEATURE_FENTRY,
	  "fexit probes",
	  { "CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS", "CONFIG_DEBUG_INFO_BTF", "CONFIG_BPF_JIT" } },
	{ "iter", FEATURE_ITER, "iterators", { "CONFIG_DEBUG_INFO_BTF", "CONFIG_BPF_SYSCALL" } },
	{ "uprobe", FEATURE_UPROBE, "uprobes", { "CONFIG_UPROBES", "CONFIG_UPROBE_EVENTS" } },
	{ "uretprobe", FEATURE_UPROBE, "uprobes", { "CONFIG_UPROBES", "CONFIG_UPROBE_EVENTS" } },
	{ "usdt", FEATURE_UPROBE, "uprobes", { "CONFIG_UPROBES", "CONFIG_UPROBE_EVENTS" } },
	{ "tracepoint",
	  FEATURE_TRACEFS,
	  "mounted tracefs",
	  { "CONFIG_TRACEPOINTS", "CONFIG_BPF_EVENTS" } },
	{ "hardware", FEATURE_PERF_HARDWARE, "hardware counters", { "CONFIG_PERF_EVENTS" } },
};

struct err *features_missing(const char *name)
{
	size_t i, n = sizeof(needs) / sizeof(*needs);

	for (i = 0; i < n && strcmp(needs[i].probe, name) != 0; i++)
		;
	if (i == n || features_has(needs[i].feature))
		return NULL;
	for (size_t k = 0; k < 3 && needs[i].options[k]; k++)
		if (features_config(needs[i].options[k]) == 'n')
			return err_new(0, "this kernel has no %s (%s is not set)", needs[i].what,
				       needs[i].options[k]);
	return err_new(0, "this kernel has no %s", needs[i].what);
}
