/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Matching, against what can be known without asking sonde: a tracefs made here, a program that the test compiles
 * (its symbols are those of nm), this kernel's BTF for what every kernel has. Messages for what is missing.
 */
#include "probe/list.h"
#include "probe/match.h"

#include "base/vec.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attach_point.h"
#include "tap.h"

static struct arena arena;
static struct type_table table;
static struct btfsrc *btf;
static struct probe_ctx ctx;
static struct diag_list diags;
static char dir[64];

static void fresh(void)
{
	probe_ctx_free(&ctx);
	btfsrc_free(btf);
	type_table_free(&table);
	arena_free(&arena);
	type_table_init(&table, &arena);
	btf = btfsrc_new_kernel(&table);
	probe_ctx_init(&ctx, &arena, &table, btf);
	diag_list_init(&diags, &arena);
}

static struct probe_shape *match(const char *text)
{
	diag_list_init(&diags, &arena);
	return probe_match(&ctx, attach_point_cut(&arena, text), false, &diags);
}

static const char *first_message(void)
{
	return diags.first ? diags.first->msg.p : "";
}

static const char *first_hint(void)
{
	return diags.first && diags.first->hint.n ? diags.first->hint.p : "";
}

static void put_file(const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	for (char *p = path + 1; *p; p++)
		if (*p == '/') {
			*p = 0;
			mkdir(path, 0700);
			*p = '/';
		}
	f = fopen(path, "w");
	if (CHECK(f != NULL)) {
		fputs(text, f);
		fclose(f);
	}
}

#define COMMON                                                                 \
	"\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n" \
	"\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n"

static void make_tracefs(void)
{
	strcpy(dir, "/tmp/sonde-test-tracefs-XXXXXX");
	CHECK(mkdtemp(dir) != NULL);
	put_file("events/syscalls/sys_enter_open/id", "11\n");
	put_file(
		"events/syscalls/sys_enter_open/format",
		"name: sys_enter_open\nID: 11\nformat:\n" COMMON
		"\tfield:int nr;\toffset:8;\tsize:4;\tsigned:1;\n"
		"\tfield:const char * filename;\toffset:16;\tsize:8;\tsigned:0;\n"
		"\tfield:int flags;\toffset:24;\tsize:8;\tsigned:0;\n\nprint fmt: \"field:int fake;\"\n");
	put_file("events/disk/disk_a/id", "21\n");
	put_file("events/disk/disk_a/format",
		 "name: disk_a\nID: 21\nformat:\n" COMMON
		 "\tfield:char comm[16];\toffset:8;\tsize:16;\tsigned:0;\n"
		 "\tfield:__data_loc char[] name;\toffset:24;\tsize:4;\tsigned:1;\n"
		 "\tfield:unsigned long words[2];\toffset:32;\tsize:16;\tsigned:0;\n"
		 "\tfield:u8 small;\toffset:48;\tsize:1;\tsigned:0;\n"
		 "\tfield:const int *const * pp;\toffset:56;\tsize:8;\tsigned:0;\n"
		 "\tfield:struct page * page;\toffset:64;\tsize:8;\tsigned:0;\n"
		 "\tfield:bool on;\toffset:72;\tsize:1;\tsigned:0;\n\nprint fmt: \"\"\n");
	put_file("events/disk/disk_b/id", "22\n");
	put_file("events/disk/disk_b/format",
		 "name: disk_b\nID: 22\nformat:\n" COMMON
		 "\tfield:int x;\toffset:8;\tsize:4;\tsigned:1;\n\nprint fmt: \"b\"\n");
	put_file("events/disk/disk_c/id", "23\n");
	put_file("events/disk/disk_c/format",
		 "name: disk_c\nID: 23\nformat:\n" COMMON
		 "\tfield:int x;\toffset:8;\tsize:4;\tsigned:1;\n\nprint fmt: \"c\"\n");
	put_file("events/enable", "0\n");
	ctx.tracefs = dir;
}

static void remove_tree(void)
{
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	CHECK_INT(system(cmd), 0);
}

TEST(tracepoint_record)
{
	struct probe_shape *s;
	struct type_field f;

	fresh();
	make_tracefs();
	s = match("tracepoint:syscalls:sys_enter_open");
	if (!CHECK(s != NULL))
		return;
	CHECK_VIEW(s->points[0].name, "tracepoint:syscalls:sys_enter_open");
	CHECK_INT(s->points[0].tracepoint_id, 11);
	CHECK(s->args_form == ARGS_TRACEPOINT && s->args);
	CHECK(type_find_field(s->args, STR("filename"), &f));
	CHECK_INT(f.offset, 16);
	CHECK(f.is_user && f.type->space == SPACE_USER && f.type->elem == type_int(1, true));
	CHECK(type_find_field(s->args, STR("flags"), &f));
	CHECK(f.type == type_int(8, false));
	CHECK(type_find_field(s->args, STR("nr"), &f));
	CHECK(f.type == type_int(4, true));
	CHECK(!type_find_field(s->args, STR("common_pid"), &f)); /* programs cannot read it */
	CHECK(!type_find_field(s->args, STR("fake"), &f));
	CHECK_INT(s->args->size, 32);
	s = match("t:disk:disk_a");
	CHECK(type_find_field(s->args, STR("comm"), &f));
	CHECK(type_is_char_array(f.type) && f.type->count == 16);
	CHECK(type_find_field(s->args, STR("name"), &f));
	CHECK(f.is_data_loc && f.offset == 24 && f.type->kind == TYPE_POINTER);
	CHECK(type_find_field(s->args, STR("words"), &f));
	CHECK(f.type->kind == TYPE_ARRAY && f.type->count == 2 &&
	      f.type->elem == type_int(8, false));
	CHECK(type_find_field(s->args, STR("small"), &f));
	CHECK(f.type == type_int(1, false));
	CHECK(type_find_field(s->args, STR("pp"), &f));
	CHECK(f.type->elem->kind == TYPE_POINTER && f.type->elem->elem == type_int(4, true));
	CHECK(type_find_field(s->args, STR("page"), &f));
	CHECK(f.type->elem->kind == TYPE_STRUCT && str_is(f.type->elem->name, "page"));
	CHECK(f.type->space == SPACE_KERNEL);
	CHECK(type_find_field(s->args, STR("on"), &f));
	CHECK(f.type == type_bool());
	remove_tree();
}

TEST(tracepoint_wildcards_and_misses)
{
	struct probe_shape *s;

	fresh();
	make_tracefs();
	s = match("tracepoint:disk:*");
	/* a alone; b and c have one layout */
	CHECK(s && s->n_points == 1 && s->next && s->next->n_points == 2 && !s->next->next);
	CHECK_VIEW(s->next->points[1].name, "tracepoint:disk:disk_c");
	CHECK_INT(s->next->points[1].cookie, 1);
	s = probe_match(&ctx, attach_point_cut(&arena, "t:d*:*"), true, &diags);
	CHECK(s && s->n_points == 3 && !s->next && !s->args);
	CHECK(!match("tracepoint:disk:z*"));
	CHECK_INT(diags.n_errors + diags.n_warnings, 0);
	CHECK(!match("tracepoint:disk:disk_x"));
	CHECK_STR(first_message(), "No matches for tracepoint disk:disk_x.");
	CHECK_HAS(first_hint(), "disk:disk_a");
	ctx.missing = PROBE_MISSING_WARN;
	CHECK(!match("tracepoint:disk:disk_x"));
	CHECK_STR(first_message(), "No matches for tracepoint disk:disk_x. Skipping.");
	CHECK_INT(diags.n_errors, 0);
	ctx.missing = PROBE_MISSING_IGNORE;
	CHECK(!match("tracepoint:disk:disk_x"));
	CHECK(!diags.first);
	ctx.missing = PROBE_MISSING_ERROR;
	CHECK(!match("tracepoint:../disk:disk_a"));
	CHECK_INT(diags.n_errors, 1);
	ctx.tracefs = "/nowhere";
	CHECK(!match("tracepoint:disk:disk_a"));
	CHECK_HAS(first_message(),
		  "Cannot read the kernel's tracepoints in '/nowhere/events': No such file");
	CHECK(!match("tracepoint:disk:*"));
	CHECK_HAS(first_message(), "/nowhere/events");
	remove_tree();
}

/* an event may be missing where others are; that nobody can say which there are is never passed over */
TEST(tracepoints_that_cannot_be_read_are_not_optional)
{
	char from[256], to[256];

	fresh();
	make_tracefs();
	ctx.missing = PROBE_MISSING_IGNORE;
	CHECK(!match("tracepoint:disk:disk_x"));
	CHECK(!match("tracepoint:nothing:disk_a"));
	CHECK(!match("tracepoint:syscalls:sys_enter_read"));
	CHECK(!diags.first);
	snprintf(from, sizeof(from), "%s/events/syscalls", dir);
	snprintf(to, sizeof(to), "%s/syscalls", dir);
	CHECK_INT(rename(from, to), 0);
	CHECK(!match("tracepoint:syscalls:sys_enter_read"));
	CHECK_INT(diags.n_errors, 1);
	CHECK_HAS(first_message(), "This kernel has no tracepoints of system calls");
	CHECK_HAS(first_hint(), "CONFIG_FTRACE_SYSCALLS");
	ctx.tracefs = "/nowhere";
	CHECK(!match("tracepoint:disk:disk_a"));
	CHECK_INT(diags.n_errors, 1);
	CHECK_HAS(first_message(), "Cannot read the kernel's tracepoints in '/nowhere/events'");
	CHECK_HAS(first_hint(), "mount -t tracefs");
	/* once for all of a script */
	CHECK(!probe_match(&ctx, attach_point_cut(&arena, "tracepoint:disk:disk_b"), false, &diags));
	CHECK(!probe_match(&ctx, attach_point_cut(&arena, "tracepoint:disk:*"), false, &diags));
	CHECK_INT(diags.n_errors, 1);
	ctx.missing = PROBE_MISSING_WARN;
	CHECK(!match("tracepoint:disk:disk_a"));
	CHECK_INT(diags.n_errors, 0);
	CHECK_HAS(first_message(), "'/nowhere/events': No such file or directory. Skipping.");
	ctx.missing = PROBE_MISSING_ERROR;
	remove_tree();
}

/* ---- a program of our own ---- */

static const char program[] =
	"static int __attribute__((noinline,noclone)) twice(int x) { return x * 2; }\n"
	"int __attribute__((noinline)) probe_me(int a, int b) { return twice(a) + b; }\n"
	"int __attribute__((noinline)) probe_you(int a) { return a - 1; }\n"
	"int main(int argc, char **argv) { return probe_me(argc, 2) + probe_you(3); }\n";

static bool build(char *bin, size_t n)
{
	char cmd[256];

	strcpy(dir, "/tmp/sonde-test-prog-XXXXXX");
	if (!mkdtemp(dir))
		return false;
	put_file("p.c", program);
	snprintf(bin, n, "%s/prog", dir);
	snprintf(cmd, sizeof(cmd), "cc -O1 -o %s %s/p.c", bin, dir);
	return system(cmd) == 0;
}

static uint64_t nm(const char *bin, const char *symbol)
{
	unsigned long long addr = 0;
	char cmd[256];
	FILE *f;

	snprintf(cmd, sizeof(cmd), "nm %s | awk '$3 == \"%s\" {print $1}'", bin, symbol);
	f = popen(cmd, "r");
	if (!f || fscanf(f, "%llx", &addr) != 1)
		addr = 0;
	if (f)
		pclose(f);
	return addr;
}

TEST(functions_of_a_program)
{
	char bin[128], text[512], want[512];
	struct probe_shape *s;
	uint64_t addr;

	fresh();
	if (!build(bin, sizeof(bin)))
		SKIP("no C compiler");
	addr = nm(bin, "probe_me");
	snprintf(text, sizeof(text), "uprobe:%s:probe_me", bin);
	s = match(text);
	if (!CHECK(s && s->n_points == 1))
		return;
	CHECK_INT(s->points[0].address, addr);
	CHECK_VIEW(s->points[0].name, text);
	CHECK_VIEW(s->points[0].symbol, "probe_me");
	CHECK(s->args_form == ARGS_REGS && s->is_user && !s->is_return && s->n_argn == 6);
	snprintf(text, sizeof(text), "ur:%s:probe_*", bin);
	s = match(text);
	CHECK(s && s->n_points == 2 && s->is_return);
	snprintf(text, sizeof(text), "u:%s:%llu", bin, (unsigned long long)addr);
	s = match(text);
	CHECK(s && s->points[0].address == addr && str_is(s->points[0].symbol, "probe_me"));
	snprintf(text, sizeof(text), "u:%s:main+100000", bin);
	CHECK(!match(text));
	CHECK_HAS(first_message(), "Offset outside the function bounds ('main' size is ");
	snprintf(text, sizeof(text), "u:%s:10", bin);
	CHECK(!match(text));
	snprintf(want, sizeof(want), "Could not resolve address: %s:0xa", bin);
	CHECK_STR(first_message(), want);
	snprintf(text, sizeof(text), "u:%s:prob_me", bin);
	CHECK(!match(text));
	snprintf(want, sizeof(want), "No matches for uprobe %s:prob_me.", bin);
	CHECK_STR(first_message(), want);
	CHECK_HAS(first_hint(), "probe_me");
	snprintf(text, sizeof(text), "u:%s:_init", bin);
	CHECK(!match(text));
	CHECK_HAS(first_message(),
		  "Could not determine boundary for _init (symbol has size 0).\nUse --unsafe");
	ctx.is_unsafe = true;
	CHECK(match(text) != NULL);
	ctx.is_unsafe = false;
	CHECK(!match("u:/tmp:f"));
	CHECK_INT(diags.n_errors, 1);
	CHECK(!match("u:/nowhere/at/all:f"));
	CHECK_HAS(first_message(), "/nowhere/at/all");
	remove_tree();
}

/* every offset that objdump prints is good, every other one is not */
TEST(offsets_are_instruction_boundaries)
{
	char bin[128], text[512], cmd[512];
	uint64_t addr, size = 0, good = 0;
	struct probe_shape *s;
	unsigned long long at;
	char line[256];
	FILE *f;

	fresh();
	if (!build(bin, sizeof(bin)))
		SKIP("no C compiler");
	addr = nm(bin, "main");
	snprintf(cmd, sizeof(cmd), "objdump -d --no-show-raw-insn --disassemble=main %s", bin);
	f = popen(cmd, "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, " %llx:", &at) == 1 && at >= addr && at < addr + 64) {
			good |= 1ull << (at - addr);
			size = at - addr + 1;
		}
	if (f)
		pclose(f);
	if (!good)
		SKIP("no objdump");
	for (uint64_t i = 0; i < size; i++) {
		snprintf(text, sizeof(text), "u:%s:main+%llu", bin, (unsigned long long)i);
		s = match(text);
		if (!!s != !!(good & 1ull << i))
			printf("# main+%llu: objdump says %d\n", (unsigned long long)i,
			       !!(good & 1ull << i));
		CHECK(!!s == !!(good & 1ull << i));
		if (s)
			CHECK_INT(s->points[0].address, addr + i);
		else
			CHECK_HAS(first_message(), "in the middle of an instruction");
	}
	remove_tree();
}

TEST(demangled_names)
{
	static const char cxx[] =
		"namespace app { struct srv { int handle(int x); int handle(const char *s); };\n"
		"int srv::handle(int x) { return x + 1; }\n"
		"int srv::handle(const char *s) { return s[0]; } }\n"
		"int main() { app::srv s; return s.handle(3) + s.handle(\"x\"); }\n";
	char bin[128], cmd[256], text[256];
	struct probe_shape *s;

	fresh();
	strcpy(dir, "/tmp/sonde-test-prog-XXXXXX");
	CHECK(mkdtemp(dir) != NULL);
	put_file("p.cc", cxx);
	snprintf(bin, sizeof(bin), "%s/prog", dir);
	snprintf(cmd, sizeof(cmd), "c++ -O0 -o %s %s/p.cc 2>/dev/null", bin, dir);
	if (system(cmd) != 0)
		SKIP("no C++ compiler");
	snprintf(text, sizeof(text), "u:%s:cpp:\"app::srv::handle\"", bin);
	s = match(text);
	CHECK(s && s->n_points == 2);
	snprintf(text, sizeof(text), "u:%s:\"app::srv::handle(int)\"", bin);
	s = match(text);
	CHECK(s && s->n_points == 1 && s->points[0].address == nm(bin, "_ZN3app3srv6handleEi"));
	snprintf(text, sizeof(text), "u:%s:\"app::*\"", bin);
	s = match(text);
	CHECK(s && s->n_points == 2);
	snprintf(text, sizeof(text), "u:%s:_ZN3app3srv6handleEPKc", bin);
	s = match(text);
	CHECK(s && s->n_points == 1);
	snprintf(text, sizeof(text), "u:%s:cpp:main", bin);
	s = match(text);
	CHECK(s && s->n_points == 1);
	remove_tree();
}

/* a note as <sys/sdt.h> writes it, so that the test needs no such header */
#define NOTE(label, provider, name, args)                                                        \
	"asm(\"" label ": nop\\n.pushsection .note.stapsdt,\\\"\\\",\\\"note\\\"\\n.balign 4\\n" \
	".4byte 992f-991f, 994f-993f, 3\\n991: .asciz \\\"stapsdt\\\"\\n992: .balign 4\\n"       \
	"993: .8byte " label "\\n.8byte 0\\n.8byte 0\\n.asciz \\\"" provider                     \
	"\\\"\\n.asciz \\\"" name "\\\"\\n.asciz \\\"" args                                      \
	"\\\"\\n994: .balign 4\\n.popsection\");\n"

TEST(usdt_places_and_operands)
{
	static const char text_of[] = "int main() {\n" NOTE("pa", "app", "hit", "-4@%edi 8@%rsi")
		NOTE("pb", "app", "hit", "-4@%edi 8@%rsi")
			NOTE("pc", "app", "hit", "-4@$7 8@8(%rsp)")
				NOTE("pd", "other", "miss", "") "return 0; }\n";
	char bin[128], cmd[256], text[256];
	struct probe_shape *s;

	fresh();
	strcpy(dir, "/tmp/sonde-test-prog-XXXXXX");
	CHECK(mkdtemp(dir) != NULL);
	put_file("p.c", text_of);
	snprintf(bin, sizeof(bin), "%s/prog", dir);
	snprintf(cmd, sizeof(cmd), "cc -no-pie -O0 -o %s %s/p.c 2>/dev/null", bin, dir);
	if (system(cmd) != 0)
		SKIP("no C compiler");
	snprintf(text, sizeof(text), "usdt:%s:app:hit", bin);
	s = match(text);
	if (!CHECK(s && s->next && !s->next->next))
		return;
	/* two places with the same operands share a program, the third has its own */
	CHECK_INT(s->n_points, 2);
	CHECK_INT(s->points[0].address, nm(bin, "pa"));
	CHECK_INT(s->points[1].address, nm(bin, "pb"));
	CHECK(!s->points[0].is_repeat && s->points[1].is_repeat && s->next->points[0].is_repeat);
	CHECK_INT(s->n_argn, 2);
	CHECK(s->operands[0].kind == USDT_ARG_REG && s->operands[0].is_signed &&
	      s->operands[0].size == 4);
	CHECK(s->next->operands[0].kind == USDT_ARG_CONST && s->next->operands[0].value == 7);
	CHECK(s->next->operands[1].kind == USDT_ARG_MEM && s->next->operands[1].value == 8);
	s = probe_match(&ctx, attach_point_cut(&arena, text), true, &diags);
	CHECK(s && !s->next && s->n_points == 3 && !s->operands);
	snprintf(text, sizeof(text), "usdt:%s:*", bin);
	s = match(text);
	CHECK(s && s->next && s->next->next);
	snprintf(text, sizeof(text), "usdt:%s:app:hot", bin);
	CHECK(!match(text));
	CHECK_HAS(first_hint(), "app:hit");
	CHECK(!match("usdt:/bin/true:x"));
	CHECK_HAS(first_hint(), "has no USDT probes");
	remove_tree();
}

/* ---- the kernel's side ---- */

TEST(raw_tracepoints_and_iterators)
{
	struct probe_shape *s;
	struct type_field f;

	fresh();
	if (!btfsrc_open(btf))
		SKIP("this kernel has no BTF");
	s = match("rawtracepoint:sched_process_exec");
	if (CHECK(s && s->args)) {
		CHECK_VIEW(s->points[0].name, "rawtracepoint:vmlinux:sched_process_exec");
		CHECK_INT(s->n_argn, 3);
		CHECK(type_find_field(s->args, STR("bprm"), &f));
		CHECK_INT(f.offset, 16);
		CHECK(str_is(f.type->elem->name, "linux_binprm"));
	}
	CHECK(!match("rawtracepoint:sched_process_exek"));
	CHECK_STR(first_message(), "Probe has no valid attach points.");
	CHECK_HAS(first_hint(), "sched_process_exec");
	CHECK(!match("rawtracepoint:nonsense:sys_exit"));
	CHECK_STR(first_message(), "No matches for rawtracepoint nonsense:sys_exit.");
	s = match("rawtracepoint:vmlinu*:sys_exit");
	CHECK(s && s->n_points == 1);
	s = match("iter:task");
	if (CHECK(s && s->ctx)) {
		CHECK(s->args_form == ARGS_ITER);
		CHECK(type_find_field(s->ctx, STR("task"), &f));
		CHECK(str_is(f.type->elem->name, "task_struct"));
	}
	s = match("it:task:list");
	CHECK(s && str_is(s->points[0].path, "/sys/fs/bpf/list"));
	CHECK(!match("iter:tsk"));
	CHECK_HAS(first_hint(), "task");
}

static struct err *no_kprobes(const char *provider)
{
	return err_new(0, "this kernel has no kprobes (CONFIG_KPROBES is not set)");
}

TEST(kernels_without_kprobes)
{
	fresh();
	ctx.lacks = no_kprobes;
	strcpy(dir, "/tmp/sonde-test-tracefs-XXXXXX");
	CHECK(mkdtemp(dir) != NULL);
	put_file("events/sched/sched_process_exec/id", "1\n");
	put_file("events/syscalls/sys_enter_read/id", "2\n");
	put_file("events/syscalls/sys_exit_read/id", "3\n");
	put_file("kallsyms", "ffffffff81000000 T vfs_read\nffffffff81000100 T bprm_execve\n"
			     "ffffffff81000200 t tcp_tick\t[tcp_mod]\n");
	ctx.tracefs = dir;
	ctx.kallsyms = arena_printf(&arena, "%s/kallsyms", dir).p;
	CHECK(!match("kprobe:vfs_read"));
	CHECK_STR(first_message(),
		  "Cannot attach kprobe: this kernel has no kprobes (CONFIG_KPROBES is not set).");
	CHECK_HAS(first_hint(), "tracepoint:syscalls:sys_enter_read");
	CHECK(!match("kretprobe:vfs_read"));
	CHECK_HAS(first_hint(), "tracepoint:syscalls:sys_exit_read");
	CHECK(!match("kprobe:bprm_execve"));
	CHECK_HAS(first_hint(), "tracepoint:sched:sched_process_exec");
	CHECK(!match("kprobe:nonsense"));
	CHECK_HAS(first_message(), "nonsense is not traceable (either non-existing");
	CHECK(diags.first->next &&
	      str_is(diags.first->next->msg, "No matches for kprobe nonsense."));
	CHECK(!match("kprobe:nomodule:vfs_read"));
	CHECK_STR(first_message(),
		  "specified module nomodule in probe kprobe:nomodule:vfs_read is not loaded.");
	CHECK(!match("kprobe:0x1234"));
	CHECK_STR(first_message(), "Probing by address requires --unsafe");
	remove_tree();
}

static struct err *lacks_nothing(const char *provider)
{
	return NULL;
}

TEST(kernels_with_kprobes)
{
	struct probe_shape *s;

	fresh();
	ctx.lacks = lacks_nothing;
	strcpy(dir, "/tmp/sonde-test-tracefs-XXXXXX");
	CHECK(mkdtemp(dir) != NULL);
	put_file("available_filter_functions",
		 "vfs_read\nvfs_write\n__ftrace_invalid_address___96\n"
		 "nf_init [nf_tables]\n");
	put_file("modules", "nf_tables 1234 0 - Live 0x0\n");
	ctx.tracefs = dir;
	ctx.modules = arena_printf(&arena, "%s/modules", dir).p;
	s = match("kprobe:vfs_*");
	CHECK(s && s->n_points == 2 && !s->next);
	CHECK_VIEW(s->points[0].name, "kprobe:vfs_read");
	s = match("k:vfs_read+0x4");
	CHECK(s && s->points[0].func_offset == 4);
	CHECK_VIEW(s->points[0].name, "kprobe:vfs_read+4");
	s = match("kprobe:*");
	CHECK(s && s->n_points == 3);
	s = match("kprobe:nf_tables:nf_*");
	CHECK(s && s->n_points == 1 && str_is(s->points[0].path, "nf_tables"));
	s = match("kprobe:vmlinux:vfs_read");
	CHECK(s && str_is(s->points[0].name, "kprobe:vmlinux:vfs_read"));
	CHECK(!match("kprobe:vfs_red"));
	CHECK_HAS(diags.first->next ? diags.first->next->hint.p : "", "vfs_read");
	if (btfsrc_open(btf)) {
		s = match("fentry:vfs_read");
		if (CHECK(s && s->args)) {
			CHECK_VIEW(s->points[0].name, "fentry:vmlinux:vfs_read");
			CHECK_INT(s->n_argn, 4);
			CHECK(s->points[0].btf_id != 0);
		}
		s = match("fexit:vfs_read");
		CHECK(s && s->is_return && s->retval == type_int(8, true));
	}
	remove_tree();
}

TEST(functions_inlined_into_their_caller)
{
	struct attach_point *ap;
	struct probe_shape *s;

	fresh();
	ctx.lacks = lacks_nothing;
	strcpy(dir, "/tmp/sonde-test-tracefs-XXXXXX");
	CHECK(mkdtemp(dir) != NULL);
	put_file("available_filter_functions", "__x64_sys_execve\nvfs_read\n");
	put_file("kallsyms", "ffffffff81000000 T __x64_sys_execve\nffffffff81000100 T vfs_read\n");
	ctx.tracefs = dir;
	ctx.kallsyms = arena_printf(&arena, "%s/kallsyms", dir).p;
	/* what reads arguments, or may read them, would read others */
	CHECK(!match("kprobe:do_execve"));
	CHECK_STR(
		first_message(),
		"do_execve is inlined into __x64_sys_execve in this kernel, its arguments cannot be read");
	ap = attach_point_cut(&arena, "kprobe:do_execve");
	ap->needs = (struct probe_needs){ .is_known = true };
	diag_list_init(&diags, &arena);
	s = probe_match(&ctx, ap, false, &diags);
	if (CHECK(s && s->n_points == 1)) {
		CHECK_VIEW(s->points[0].symbol, "__x64_sys_execve");
		CHECK_VIEW(s->points[0].name, "kprobe:do_execve");
	}
	CHECK_HAS(first_message(), "entered exactly as often");
	ap->needs.args = 1;
	CHECK(!probe_match(&ctx, ap, false, &diags));
	/* a kernel that has it as a function of its own */
	put_file("available_filter_functions", "__x64_sys_execve\ndo_execve\n");
	s = match("kprobe:do_execve");
	CHECK(s && str_is(s->points[0].symbol, "do_execve"));
	remove_tree();
}

TEST(timers_perf_and_special)
{
	struct probe_shape *s;

	fresh();
	s = match("interval:100ms");
	CHECK(s && s->points[0].period == 100000000 &&
	      str_is(s->points[0].name, "interval:us:100000"));
	s = match("p:hz:99");
	CHECK(s && s->points[0].frequency == 99 && str_is(s->points[0].name, "profile:hz:99"));
	CHECK(!match("interval:s:18446744073709551615"));
	s = match("s:cpu:100");
	CHECK(s && s->points[0].period == 100 && str_is(s->points[0].name, "software:cpu:100"));
	CHECK(!match("software:cpu-clok:1"));
	CHECK_HAS(first_hint(), "cpu-clock");
	CHECK(!match("software:*:1"));
	ctx.event_source = "/nowhere";
	CHECK(!match("hardware:cycles:100"));
	CHECK_HAS(first_message(), "no hardware counters");
	s = match("BEGIN");
	CHECK(s && str_is(s->points[0].name, "begin"));
	s = match("self:signal:SIGUSR1");
	CHECK(s && str_is(s->points[0].name, "self:signal:SIGUSR1"));
	s = match("w:0x10000000:8:rw");
	CHECK(s && s->points[0].bp_len == 8 && s->points[0].bp_type == 3);
	CHECK(!match("w:0x10000001:8:rw"));
	CHECK(!match("asdf:x"));
	CHECK_STR(first_message(), "Invalid probe type: asdf");
	CHECK(!match("uprob:/x:f"));
	CHECK_HAS(first_hint(), "uprobe");
}

/* ---- listings ---- */

static bool collect(void *arg, struct str text)
{
	strbuf_add_str(arg, text);
	return true;
}

static const char *list(struct strbuf *out, const char *pattern, bool verbose)
{
	struct probe_list_opts o = { .verbose = verbose, .write = collect, .arg = out };
	struct err *e;

	strbuf_clear(out);
	e = probe_list(&ctx, str_from(pattern), &o);
	if (e)
		err_format(e, out);
	err_free(e);
	return strbuf_cstr(out);
}

TEST(lists)
{
	STRBUF_AUTO b = { 0 };
	struct probe_list_opts o = { .write = collect, .arg = &b };
	struct attach_point *ap;

	fresh();
	make_tracefs();
	CHECK_STR(list(&b, "t:disk:*", false),
		  "tracepoint:disk:disk_a\ntracepoint:disk:disk_b\ntracepoint:disk:disk_c\n");
	CHECK_STR(
		list(&b, "tracepoint:*:sys_*", true),
		"tracepoint:syscalls:sys_enter_open\n    int nr\n    const char * filename\n    int flags\n");
	CHECK_STR(list(&b, "interval:*", false),
		  "interval:hz:\ninterval:us:\ninterval:ms:\ninterval:s:\n");
	CHECK_HAS(list(&b, "*ware:*", false), "software:cpu:\n");
	CHECK_HAS(strbuf_cstr(&b), "hardware:cpu-cycles:\n");
	CHECK_STR(list(&b, "software:cs:", false), "software:cs:\n");
	CHECK_STR(list(&b, "disk_b", false), "tracepoint:disk:disk_b\n");
	CHECK_HAS(list(&b, "asdf:x", false), "no probe type");
	CHECK_HAS(list(&b, "", false), "tracepoint:disk:disk_a\n");
	ap = attach_point_cut(&arena, "interval:ms:10");
	ap->next = attach_point_cut(&arena, "tracepoint:disk:disk_b");
	strbuf_clear(&b);
	CHECK(!probe_list_points(&ctx, ap, &o));
	CHECK_STR(strbuf_cstr(&b), "interval:ms:\ntracepoint:disk:disk_b\n");
	if (btfsrc_open(btf)) {
		CHECK_STR(
			list(&b, "struct list_head", true),
			"vmlinux: struct list_head {\n\tstruct list_head *next;\n\tstruct list_head *prev;\n};\n");
		CHECK_HAS(list(&b, "rawtracepoint:sched_process_exec", true),
			  "    struct linux_binprm * bprm\n");
		CHECK(!strstr(strbuf_cstr(&b), "__data"));
		CHECK_HAS(list(&b, "iter:task_file", true),
			  "iter:task_file\n    struct task_struct * task\n");
	}
	remove_tree();
}
