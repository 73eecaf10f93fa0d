/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Raw system calls and small files, see sys.h. Attribute layouts of bpf(2) that Debian's headers
 * (6.1) do not have are written down here, and only here; they are from include/uapi/linux/bpf.h of
 * Linux 6.6 and 6.10.
 */
#include "engine/kernel/sys.h"

#include "base/cleanup.h"
#include "engine/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>

#define TRACEFS_MAGIC_NUMBER 0x74726163

/* bpf(2) with whatever attribute layout the caller built; -1 and errno */
static long sys_bpf(int command, void *attr, uint32_t size)
{
	return syscall(SYS_bpf, command, attr, size);
}

int sys_perf_event_open(struct perf_event_attr *attr, pid_t pid, int cpu)
{
	attr->size = sizeof(*attr);
	return (int)syscall(SYS_perf_event_open, attr, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

int sys_link_uprobe_multi(int prog_fd, const struct sys_uprobe_multi *m)
{
	struct {
		uint32_t prog_fd, target_fd, attach_type, flags;
		uint64_t path, offsets, ref_ctr_offsets, cookies;
		uint32_t cnt, multi_flags, pid, pad;
	} attr = {
		.prog_fd = (uint32_t)prog_fd,
		.attach_type = SYS_BPF_TRACE_UPROBE_MULTI,
		.path = (uintptr_t)m->path,
		.offsets = (uintptr_t)m->offsets,
		.ref_ctr_offsets = (uintptr_t)m->ref_ctr_offsets,
		.cookies = (uintptr_t)m->cookies,
		.cnt = m->n,
		.multi_flags = m->is_return ? SYS_BPF_F_UPROBE_MULTI_RETURN : 0,
		.pid = (uint32_t)m->pid,
	};

	return (int)sys_bpf(BPF_LINK_CREATE, &attr, sizeof(attr));
}

int sys_raw_tracepoint_open(const char *name, int prog_fd, uint64_t cookie)
{
	struct {
		uint64_t name;
		uint32_t prog_fd, pad;
		uint64_t cookie;
	} attr = { .name = (uintptr_t)name, .prog_fd = (uint32_t)prog_fd, .cookie = cookie };

	return (int)sys_bpf(BPF_RAW_TRACEPOINT_OPEN, &attr, sizeof(attr));
}

bool sys_read_file(const char *path, struct strbuf *out)
{
	FD_AUTO fd = open(path, O_RDONLY | O_CLOEXEC);
	char part[4096];
	ssize_t n;

	if (fd < 0)
		return false;
	while ((n = read(fd, part, sizeof(part))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		strbuf_add(out, part, (size_t)n);
	}
	return true;
}

int64_t sys_read_number(const char *path)
{
	STRBUF_AUTO text = { 0 };
	int64_t n;

	if (!sys_read_file(path, &text) || !str_to_i64(str_trim(strbuf_str(&text)), &n))
		return -1;
	return n;
}

void sys_online_cpus(struct sys_ints *out)
{
	STRBUF_AUTO text = { 0 };
	struct str rest;

	if (sys_read_file("/sys/devices/system/cpu/online", &text)) {
		rest = str_trim(strbuf_str(&text));
		while (rest.n) {
			struct str range = str_split(&rest, ',');
			struct str first = str_split(&range, '-');
			int64_t from, to;

			if (!str_to_i64(first, &from))
				break;
			if (!range.n || !str_to_i64(range, &to))
				to = from;
			for (; from <= to; from++)
				vec_push(out, (int32_t)from);
		}
	}
	if (!out->n)
		vec_push(out, 0);
}

bool sys_process_exists(int32_t pid)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d", pid);
	return stat(path, &st) == 0;
}

const char *sys_tracefs(void)
{
	static const char *const places[] = { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" };
	struct statfs fs;

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
		if (statfs(places[i], &fs) == 0 && fs.f_type == TRACEFS_MAGIC_NUMBER)
			return places[i];
	return NULL;
}

/* ---- why the kernel said no ---- */

/* the capabilities that tracing wants, by their bit in CapEff */
static const struct {
	unsigned bit;
	const char *name;
} wanted_caps[] = {
	{ 39, "CAP_BPF" },
	{ 38, "CAP_PERFMON" },
};
#define CAP_BIT_SYS_ADMIN 21

static bool read_effective_caps(uint64_t *caps)
{
	STRBUF_AUTO text = { 0 };
	const char *at;

	if (!sys_read_file("/proc/self/status", &text))
		return false;
	at = strstr(strbuf_cstr(&text), "CapEff:");
	if (!at)
		return false;
	*caps = strtoull(at + strlen("CapEff:"), NULL, 16);
	return true;
}

static struct err *explain_caps(struct err *e, uint64_t caps)
{
	STRBUF_AUTO missing = { 0 };

	for (size_t i = 0; i < sizeof(wanted_caps) / sizeof(*wanted_caps); i++)
		if (!(caps >> wanted_caps[i].bit & 1))
			strbuf_printf(&missing, "%s%s", missing.n ? " and " : "",
				      wanted_caps[i].name);
	if (missing.n && sys_read_number("/proc/sys/kernel/unprivileged_bpf_disabled") > 0)
		return err_hint(
			e,
			"this process lacks %s (and kernel.unprivileged_bpf_disabled is set): run as root",
			strbuf_cstr(&missing));
	if (missing.n)
		return err_hint(e, "this process lacks %s: run as root", strbuf_cstr(&missing));
	return err_hint(
		e, "this process lacks CAP_SYS_ADMIN, which this kernel wants here: run as root");
}

bool engine_kernel_is_permitted(void)
{
	uint64_t caps;

	if (!read_effective_caps(&caps) || caps >> CAP_BIT_SYS_ADMIN & 1)
		return true;
	for (size_t i = 0; i < sizeof(wanted_caps) / sizeof(*wanted_caps); i++)
		if (!(caps >> wanted_caps[i].bit & 1))
			return false;
	return true;
}

/* the level in brackets of "none [integrity] confidentiality" */
static bool read_lockdown(struct strbuf *level)
{
	STRBUF_AUTO text = { 0 };
	const char *open, *close;

	if (!sys_read_file("/sys/kernel/security/lockdown", &text))
		return false;
	open = strchr(strbuf_cstr(&text), '[');
	close = open ? strchr(open, ']') : NULL;
	if (!close)
		return false;
	strbuf_add(level, open + 1, (size_t)(close - open - 1));
	return strcmp(strbuf_cstr(level), "none") != 0;
}

struct err *sys_err_explain(struct err *e)
{
	int code = err_code(e);
	STRBUF_AUTO level = { 0 };
	uint64_t caps = 0;

	if (code == ENOMEM)
		return err_hint(
			e,
			"the kernel has no memory for it: fewer or smaller maps (max_map_keys) need less");
	if (code == EMFILE)
		return err_hint(e, "raise the limit of open files (ulimit -n)");
	if (code != EPERM && code != EACCES)
		return e;
	if (read_effective_caps(&caps)) {
		bool has_all = caps >> CAP_BIT_SYS_ADMIN & 1;

		if (!has_all)
			return explain_caps(e, caps);
	}
	if (read_lockdown(&level))
		return err_hint(e, "the kernel is locked down (%s): see kernel_lockdown(7)",
				strbuf_cstr(&level));
	if (code == EPERM)
		return err_hint(
			e,
			"this process has the capabilities: a seccomp filter, a user namespace or a security "
			"module refuses bpf(2) or perf_event_open(2)");
	return e;
}
