/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finding out what the kernel can do, see features.h: tiny programs, maps and links are made and
 * dropped at once. A check costs some 20 to 100 us here, those that read the kernel's BTF some ms;
 * the engine itself asks for two or three of them.
 *
 * A check answers no on any refusal, so that without privileges everything is "no": the way on then
 * fails with the reason of the first real call.
 */
#include "engine/kernel/features.h"

#include "base/cleanup.h"
#include "engine/kernel/features_private.h"
#include "engine/kernel/sys.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <zlib.h>

#define INSN(op, dst, src, offset, value)     \
	((struct bpf_insn){ .code = (op),     \
			    .dst_reg = (dst), \
			    .src_reg = (src), \
			    .off = (offset),  \
			    .imm = (value) })
#define INSN_MOV(dst, value) INSN(BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, value)
#define INSN_CALL(func) INSN(BPF_JMP | BPF_CALL, 0, 0, 0, func)
#define INSN_EXIT INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

/* how FEATURE's check column is called; arg is the column behind it, a number or a string */
union feature_arg {
	int number;
	const char *text;
};

static const struct bpf_insn prog_return_0[] = { INSN_MOV(0, 0), INSN_EXIT };

static int load(uint32_t type, uint32_t attach_type, uint32_t btf_id, const struct bpf_insn *insns,
		size_t n)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = attach_type,
		    .attach_btf_id = btf_id);

	return bpf_prog_load(type, NULL, "GPL", insns, n, &opts);
}

static int load_return_0(uint32_t type, uint32_t attach_type, uint32_t btf_id)
{
	return load(type, attach_type, btf_id, prog_return_0, 2);
}

static bool works(int fd)
{
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/*
 * The verifier looks up the helper before its arguments, of which this program sets none: only its
 * words tell a missing helper from wrong arguments. They changed in 6.8; both are known here.
 */
static bool helper_in(uint32_t type, uint32_t attach_type, uint32_t btf_id, int helper)
{
	const struct bpf_insn insns[] = { INSN_CALL(helper), INSN_MOV(0, 0), INSN_EXIT };
	char log[4096] = "";
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = attach_type,
		    .attach_btf_id = btf_id, .log_level = 1, .log_buf = log,
		    .log_size = sizeof(log));
	int fd = bpf_prog_load(type, NULL, "GPL", insns, 3, &opts);

	if (works(fd))
		return true;
	return log[0] && !strstr(log, "unknown func") && !strstr(log, "invalid func") &&
	       !strstr(log, "cannot use helper");
}

static bool check_helper(union feature_arg helper)
{
	return helper_in(BPF_PROG_TYPE_KPROBE, 0, 0, helper.number);
}

static bool check_iter_helper(union feature_arg helper)
{
	uint32_t id = features_btf_id("bpf_iter_task", BTF_FUNCTION);

	return id && helper_in(BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, id, helper.number);
}

/* as our programs call it: on a raw tracepoint, which kernels without fentry have, too */
static bool check_tracing_helper(union feature_arg helper)
{
	uint32_t id = features_btf_id("btf_trace_sys_enter", BTF_TYPEDEF);

	return id && helper_in(BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, id, helper.number);
}

static bool check_file(union feature_arg path)
{
	return access(path.text, R_OK) == 0;
}

static bool check_tracefs(union feature_arg file)
{
	const char *dir = sys_tracefs();
	char path[128];

	if (!dir)
		return false;
	snprintf(path, sizeof(path), "%s/%s", dir, file.text);
	return access(path, W_OK) == 0;
}

static bool check_module_btf(union feature_arg unused)
{
	DIR *dir = opendir("/sys/kernel/btf");
	struct dirent *d;
	bool found = false;

	if (!dir)
		return false;
	while ((d = readdir(dir)))
		found |= d->d_name[0] != '.' && strcmp(d->d_name, "vmlinux") != 0;
	closedir(dir);
	return found;
}

static bool check_bounded_loops(union feature_arg unused)
{
	const struct bpf_insn insns[] = {
		INSN_MOV(0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, 0, 0, 0, 1),
		INSN(BPF_JMP | BPF_JLT | BPF_K, 0, 0, -2, 8),
		INSN_EXIT,
	};

	return works(load(BPF_PROG_TYPE_KPROBE, 0, 0, insns, 4));
}

static bool check_map(union feature_arg type)
{
	uint32_t key = 4, value = 8, n = 1;

	if (type.number == BPF_MAP_TYPE_RINGBUF) {
		key = value = 0;
		n = (uint32_t)getpagesize();
	} else if (type.number == BPF_MAP_TYPE_PERF_EVENT_ARRAY) {
		value = 4;
	}
	return works(bpf_map_create(type.number, NULL, key, value, n, NULL));
}

static bool check_map_batch(union feature_arg unused)
{
	FD_AUTO fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, NULL, 4, 8, 1, NULL);
	uint32_t at, key, n = 1;
	uint64_t value;

	return fd >= 0 && bpf_map_lookup_batch(fd, NULL, &at, &key, &value, &n, NULL) == 0;
}

/* a link on no event at all: EBADF where links on perf events are known */
static bool check_perf_link(union feature_arg unused)
{
	FD_AUTO prog = load_return_0(BPF_PROG_TYPE_TRACEPOINT, 0, 0);
	LIBBPF_OPTS(bpf_link_create_opts, opts, .perf_event.bpf_cookie = 1);

	if (prog < 0)
		return false;
	return bpf_link_create(prog, -1, BPF_PERF_EVENT, &opts) < 0 && errno == EBADF;
}

static bool check_perf_hardware(union feature_arg unused)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_HARDWARE,
					.config = PERF_COUNT_HW_CPU_CYCLES,
					.disabled = 1 };

	return works(sys_perf_event_open(&attr, 0, -1));
}

static bool check_prog(union feature_arg type)
{
	return works(load_return_0(type.number, 0, 0));
}

/* a function that is not there: the kernel says so if it can look for it at all */
static bool check_kprobe_multi(union feature_arg attach_type)
{
	FD_AUTO prog = load_return_0(BPF_PROG_TYPE_KPROBE, attach_type.number, 0);
	const char *name = "sonde_no_such_function";
	LIBBPF_OPTS(bpf_link_create_opts, opts, .kprobe_multi.cnt = 1, .kprobe_multi.syms = &name);

	if (prog < 0)
		return false;
	return works(bpf_link_create(prog, 0, attach_type.number, &opts)) || errno == ESRCH ||
	       errno == ENOENT;
}

/* a directory as the object file: EBADF behind the test of the attach type, EINVAL before it */
static bool check_uprobe_multi(union feature_arg unused)
{
	FD_AUTO prog = load_return_0(BPF_PROG_TYPE_KPROBE, SYS_BPF_TRACE_UPROBE_MULTI, 0);
	uint64_t offset = 0;
	struct sys_uprobe_multi multi = { .path = "/", .offsets = &offset, .n = 1 };

	return prog >= 0 && sys_link_uprobe_multi(prog, &multi) < 0 && errno == EBADF;
}

static bool check_uprobe_multi_process(union feature_arg unused)
{
	return features_has(FEATURE_UPROBE_MULTI) && features_try_uprobe_multi_process();
}

static bool check_nop5(union feature_arg unused)
{
	return features_try_nop5();
}

static bool check_nop5_call(union feature_arg unused)
{
	return features_try_nop5_call();
}

static uint32_t fentry_target(void)
{
	uint32_t id = features_btf_id("bpf_fentry_test1", BTF_FUNCTION);

	return id ? id : features_btf_id("do_sys_openat2", BTF_FUNCTION);
}

/* loading does not tell: kernels without ftrace load such programs and refuse to attach them */
static bool check_fentry(union feature_arg unused)
{
	uint32_t id = fentry_target();
	FD_AUTO prog = id ? load_return_0(BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, id) : -1;

	return prog >= 0 && works(bpf_raw_tracepoint_open(NULL, prog));
}

static bool check_iter(union feature_arg function)
{
	uint32_t id = features_btf_id(function.text, BTF_FUNCTION);

	return id && works(load_return_0(BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, id));
}

/* ---- the table ---- */

static const struct {
	const char *name;
	bool (*check)(union feature_arg arg);
	const char *text;
	int number;
} features[] = {
#define FEATURE_TEXT(x) _Generic((x), char * : (x), default : NULL)
#define FEATURE_NUMBER(x) _Generic((x), char * : 0, default : (x))
#define FEATURE(id, name, check, arg) \
	{ name, check_##check, FEATURE_TEXT(arg), FEATURE_NUMBER(arg) },
#include "engine/kernel/features.def"
#undef FEATURE
};

static enum { NOT_ASKED, NO, YES } answers[FEATURE_N];

bool features_has(enum feature f)
{
	if (answers[f] == NOT_ASKED) {
		union feature_arg arg = { .number = features[f].number };

		if (features[f].text)
			arg.text = features[f].text;
		answers[f] = features[f].check(arg) ? YES : NO;
	}
	return answers[f] == YES;
}

const char *features_name(enum feature f)
{
	return features[f].name;
}

struct err *features_disable(const char *names)
{
	struct str rest = str_from(names);

	while (rest.n) {
		struct str name = str_trim(str_split(&rest, ','));
		uint32_t f;

		for (f = 0; f < FEATURE_N && !str_is(name, features[f].name); f++)
			;
		if (name.n && f == FEATURE_N)
			return err_hint(
				err_new(0, "unknown feature '%.*s'", STR_ARG(name)),
				"--no-feature takes uprobe_multi, kprobe_multi, kprobe_session and the names "
				"that --info lists, with commas between them");
		if (name.n)
			answers[f] = NO;
	}
	return NULL;
}

uint32_t features_instruction_limit(void)
{
	enum { OLD_LIMIT = 4096, NEW_LIMIT = 1000000 };
	static uint32_t limit;
	struct bpf_insn *insns;

	if (limit)
		return limit;
	insns = base_alloc((OLD_LIMIT + 1) * sizeof(*insns));
	for (uint32_t i = 0; i < OLD_LIMIT; i++)
		insns[i] = INSN_MOV(0, 0);
	insns[OLD_LIMIT] = INSN_EXIT;
	limit = works(load(BPF_PROG_TYPE_KPROBE, 0, 0, insns, OLD_LIMIT + 1)) ? NEW_LIMIT
									      : OLD_LIMIT;
	free(insns);
	return limit;
}

char features_config(const char *option)
{
	gzFile file = gzopen("/proc/config.gz", "re");
	size_t n = strlen(option);
	char line[512], found = 0;

	if (!file)
		return 0;
	/*
	 * "CONFIG_X=y" or "# CONFIG_X is not set"; an option that depends on a missing one is not
	 * listed at all
	 */
	found = 'n';
	while (found == 'n' && gzgets(file, line, sizeof(line)))
		if (strncmp(line, option, n) == 0 && line[n] == '=')
			found = line[n + 1] == 'm' ? 'm' : 'y';
	gzclose(file);
	return found;
}
