/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses to names: this process, processes that ended, perf maps, the vdso, the kernel; parsers of /proc files. */
#include "objfile/symbolize.h"

#include "base/cleanup.h"
#include "objfile/kallsyms.h"
#include "objfile/perfmap.h"
#include "objfile/proc.h"

#include "objfile_build.h"
#include "tap.h"

#include <gnu/libc-version.h>
#include <malloc.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

__attribute__((noinline)) static int a_private_function(int x)
{
	__asm__ volatile("");
	return x + 1;
}

TEST(maps_text)
{
	static const char text[] =
		"55d0c0000000-55d0c0001000 r--p 00000000 fe:01 1234                       /usr/bin/a b\n"
		"55d0c0001000-55d0c0002000 r-xp 00001000 fe:01 1234                       /usr/bin/a b\n"
		"55d0c0003000-55d0c0004000 rw-p 00000000 00:00 0 \n"
		"55d0c0004000-55d0c0005000 r-xp 00000000 fe:01 99                         /tmp/x\\012y (deleted)\n"
		"garbage\n"
		"55d0c0004800-55d0c0005800 r-xp 00000000 fe:01 99                         /overlaps\n"
		"7ffc00000000-7ffc00002000 r-xp 00000000 00:00 0                          [vdso]\n"
		"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]";
	struct proc_maps m;
	const struct proc_map *at;

	proc_maps_parse(STR(text), &m);
	CHECK_INT(m.n, 6);
	at = proc_maps_find(&m, 0x55d0c0001fff);
	if (CHECK(at)) {
		CHECK_INT(at->offset, 0x1000);
		CHECK(at->exec && !at->write && at->ino == 1234 && at->dev_major == 0xfe &&
		      at->dev_minor == 1);
		CHECK_VIEW(at->path, "/usr/bin/a b");
	}
	CHECK(!proc_maps_find(&m, 0x55d0c0002000));
	CHECK(!proc_maps_find(&m, 0));
	at = proc_maps_find(&m, 0x55d0c0004000);
	if (CHECK(at)) {
		CHECK(at->deleted);
		CHECK_VIEW(at->path, "/tmp/x\ny");
	}
	at = proc_maps_find(&m, 0x7ffc00000000);
	CHECK(at && str_is(at->path, "[vdso]") && at->ino == 0);
	CHECK(proc_maps_find(&m, 0xffffffffff600000) != NULL);
	proc_maps_free(&m);
}

TEST(this_process)
{
	struct symbolizer *s = symbolizer_new(&(struct symbolizer_opts){ .demangle = true });
	struct symbol_info i;

	CHECK_INT(a_private_function(1), 2);
	CHECK(symbolizer_user(s, getpid(), (uintptr_t)a_private_function + 1, &i));
	CHECK(i.found && i.in_file);
	CHECK_VIEW(i.name, "a_private_function");
	CHECK_INT(i.offset, 1);
	CHECK(i.module.n && strstr(i.module.p, "test_objfile_symbolize"));
	CHECK(symbolizer_user(s, getpid(), (uintptr_t)gnu_get_libc_version, &i));
	CHECK(i.found && i.offset == 0);
	CHECK_HAS(i.module.p, "/libc");
	CHECK(!symbolizer_user(s, getpid(), 16, &i));
	CHECK(!i.found && !i.in_file);
	symbolizer_free(s);
}

TEST(vdso)
{
	struct symbolizer *s = symbolizer_new(NULL);
	uint64_t base = getauxval(AT_SYSINFO_EHDR);
	struct symbol_info i;
	bool named = false;

	if (!base)
		SKIP("no vdso");
	for (uint64_t off = 0; off < 0x2000 && !named; off += 16) {
		symbolizer_user(s, getpid(), base + off, &i);
		named = i.found && str_find(i.name, STR("vdso_")) >= 0;
		CHECK_VIEW(i.module, "[vdso]");
	}
	CHECK(named);
	symbolizer_free(s);
}

/* a copy of this program that prints an address of its own, waits, and is killed */
static pid_t start_child(const char *path, uint64_t *addr)
{
	int out[2];
	pid_t pid;

	if (pipe(out))
		return -1;
	pid = fork();
	if (pid == 0) {
		dup2(out[1], 1);
		close(out[0]);
		setenv("SONDE_TEST_CHILD", "1", 1);
		execl(path, path, (char *)NULL);
		_exit(127);
	}
	close(out[1]);
	if (read(out[0], addr, sizeof(*addr)) != sizeof(*addr))
		*addr = 0;
	close(out[0]);
	return pid;
}

__attribute__((constructor)) static void child(void)
{
	uint64_t addr = (uintptr_t)a_private_function;

	if (!getenv("SONDE_TEST_CHILD"))
		return;
	if (write(1, &addr, sizeof(addr)) == sizeof(addr))
		pause();
	_exit(0);
}

TEST(a_process_that_ended_and_whose_file_is_gone)
{
	struct symbolizer *s = symbolizer_new(NULL);
	char dir[] = "/tmp/sonde-symbolize-XXXXXX", path[64];
	STRBUF_AUTO out = { 0 };
	struct symbol_info i;
	uint64_t addr = 0;
	pid_t pid;

	if (!CHECK(mkdtemp(dir)))
		return;
	snprintf(path, sizeof(path), "%s/prog", dir);
	CHECK(test_run(&out, "cp /proc/%d/exe %s", (int)getpid(), path));
	pid = start_child(path, &addr);
	if (!CHECK(addr))
		return;
	symbolizer_note_process(s, pid);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	unlink(path);
	rmdir(dir);
	CHECK(symbolizer_user(s, pid, addr + 2, &i));
	CHECK_VIEW(i.name, "a_private_function");
	CHECK_INT(i.offset, 2);
	CHECK_VIEW(i.module, path);
	CHECK(!symbolizer_user(s, pid, 16, &i));
	symbolizer_free(s);
}

TEST(a_deleted_file_of_a_living_process)
{
	struct symbolizer *s = symbolizer_new(NULL);
	char dir[] = "/tmp/sonde-symbolize-XXXXXX", path[64];
	STRBUF_AUTO out = { 0 };
	struct symbol_info i;
	uint64_t addr = 0;
	pid_t pid;

	if (geteuid() != 0)
		SKIP("not root");
	if (!CHECK(mkdtemp(dir)))
		return;
	snprintf(path, sizeof(path), "%s/prog", dir);
	CHECK(test_run(&out, "cp /proc/%d/exe %s", (int)getpid(), path));
	pid = start_child(path, &addr);
	/* another program has the name now: its symbols would be wrong */
	CHECK(test_run(&out, "rm %s && cp /bin/true %s", path, path));
	CHECK(symbolizer_user(s, pid, addr, &i));
	CHECK_VIEW(i.name, "a_private_function");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	unlink(path);
	rmdir(dir);
	symbolizer_free(s);
}

TEST(what_events_tell)
{
	struct symbolizer *s = symbolizer_new(NULL);
	uint64_t offset = 0;
	OBJFILE_AUTO self = NULL;
	struct symbol_info i;
	struct proc_maps maps;
	const struct proc_map *m;
	pid_t pid = 0x3ffffff; /* beyond pid_max: nothing is ever read of it */

	err_free(objfile_open("/proc/self/exe", &self));
	err_free(proc_maps_read(getpid(), &maps));
	m = proc_maps_find(&maps, (uintptr_t)a_private_function);
	if (!CHECK(self && m))
		return;
	offset = (uintptr_t)a_private_function - m->start + m->offset;
	CHECK(!symbolizer_user(s, pid, 0x10000 + offset, &i));
	symbolizer_note_mmap(s, pid, 0x10000, 0x4000000, 0, m->dev_major, m->dev_minor, m->ino,
			     m->path);
	CHECK(symbolizer_user(s, pid, 0x10000 + offset, &i));
	CHECK_VIEW(i.name, "a_private_function");
	symbolizer_note_fork(s, pid, pid + 1);
	CHECK(symbolizer_user(s, pid + 1, 0x10000 + offset + 1, &i));
	CHECK_INT(i.offset, 1);
	/* another mapping over its middle: what is left on both sides keeps its offsets */
	symbolizer_note_mmap(s, pid + 1, 0x10000, 0x1000, 0, 0, 0, 0, STR(""));
	CHECK(symbolizer_user(s, pid + 1, 0x10000 + offset + 1, &i));
	CHECK_INT(i.offset, 1);
	symbolizer_note_exec(s, pid); /* the old image answers for late events */
	CHECK(symbolizer_user(s, pid, 0x10000 + offset, &i));
	CHECK_VIEW(i.name, "a_private_function");
	proc_maps_free(&maps);
	symbolizer_free(s);
}

/* a mapping of this very program in a process that never was */
static void map_self(struct symbolizer *s, pid_t pid, const char *path, uint64_t ino_change,
		     uint64_t *offset)
{
	struct proc_maps maps;
	const struct proc_map *m;

	err_free(proc_maps_read(getpid(), &maps));
	m = proc_maps_find(&maps, (uintptr_t)a_private_function);
	if (!CHECK(m))
		return;
	*offset = (uintptr_t)a_private_function - m->start + m->offset;
	symbolizer_note_mmap(s, pid, 0x10000, 0x4000000, 0, m->dev_major, m->dev_minor,
			     m->ino + ino_change, path ? str_from(path) : m->path);
	proc_maps_free(&maps);
}

TEST(ended_processes_are_forgotten_unless_they_are_wanted)
{
	struct symbolizer *s = symbolizer_new(NULL);
	uint64_t offset = 0;
	struct symbol_info i;
	pid_t pid = 0x3ffffff;

	for (int n = 0; n < 3; n++) {
		map_self(s, pid + n, NULL, 0, &offset);
		symbolizer_note_exit(s, pid + n);
	}
	CHECK(symbolizer_user(s, pid, 0x10000 + offset, &i)); /* from now on it is wanted */
	symbolizer_note_fork(s, pid, pid + 2);                /* and this number is in use again */
	for (int n = 0; n < 3; n++)
		symbolizer_forget(s, pid + n);
	CHECK(symbolizer_user(s, pid, 0x10000 + offset, &i));
	CHECK(!symbolizer_user(s, pid + 1, 0x10000 + offset, &i));
	CHECK(symbolizer_user(s, pid + 2, 0x10000 + offset, &i));
	CHECK_VIEW(i.name, "a_private_function");
	symbolizer_free(s);
}

TEST(an_ended_process_s_file_must_be_the_very_one)
{
	struct symbolizer *s = symbolizer_new(NULL);
	uint64_t offset = 0;
	struct symbol_info i;
	pid_t pid = 0x3ffffff;

	/* its path now leads to another file */
	map_self(s, pid, NULL, 1, &offset);
	CHECK(symbolizer_user(s, pid, 0x10000 + offset, &i)); /* which file it was is known */
	CHECK(!i.found && !i.in_file && i.module.n);
	/* unlinked when it was mapped */
	map_self(s, pid + 1, "/no/such/file (deleted)", 0, &offset);
	CHECK(symbolizer_user(s, pid + 1, 0x10000 + offset, &i));
	CHECK(!i.found && !i.in_file);
	CHECK_VIEW(i.module, "/no/such/file");
	symbolizer_free(s);
}

TEST(many_short_processes_take_no_memory)
{
	struct symbolizer *s = symbolizer_new(NULL);
	uint64_t offset = 0;
	struct symbol_info i;
	char path[64];
	size_t before;

	map_self(s, 0x3000000, NULL, 0, &offset);
	CHECK(symbolizer_user(s, 0x3000000, 0x10000 + offset, &i));
	before = mallinfo2().uordblks;
	/* each with a program of its own: sweeps happen under way, and keep what is wanted */
	for (int n = 1; n < 40000; n++) {
		snprintf(path, sizeof(path), "/tmp/conftest%d", n);
		symbolizer_note_fork(s, 0x3000000, 0x3000000 + n);
		symbolizer_note_exec(s, 0x3000000 + n);
		symbolizer_note_mmap(s, 0x3000000 + n, 0x10000, 0x1000, 0, 8, 1, (uint64_t)n,
				     str_from(path));
		symbolizer_note_exit(s, 0x3000000 + n);
		symbolizer_forget(s, 0x3000000 + n);
	}
	CHECK(symbolizer_user(s, 0x3000000, 0x10000 + offset, &i));
	CHECK_VIEW(i.name, "a_private_function");
	CHECK(!symbolizer_user(s, 0x3000000 + 7, 0x10000, &i));
	CHECK(mallinfo2().uordblks <
	      before + (4 << 20)); /* 40,000 programs would take more than 10 MB */
	symbolizer_free(s);
}

TEST(a_program_compiled_anew_is_another_file)
{
	struct symbolizer *s = symbolizer_new(NULL);
	char path[] = "/tmp/sonde-symbolize-XXXXXX";
	STRBUF_AUTO out = { 0 };
	uint64_t offset = 0;
	struct symbol_info i;
	struct stat st;
	int fd = mkstemp(path);
	pid_t pid = 0x3ffffff;

	CHECK(fd >= 0 && test_run(&out, "cat /proc/%d/exe >%s", (int)getpid(), path));
	CHECK(!fstat(fd, &st));
	map_self(s, pid + 5, NULL, 0, &offset);
	symbolizer_note_mmap(s, pid, 0x10000, 0x4000000, 0, major(st.st_dev), minor(st.st_dev),
			     st.st_ino, str_from(path));
	CHECK(symbolizer_user(s, pid, 0x10000 + offset, &i));
	CHECK_VIEW(i.name, "a_private_function");
	/* the same inode with other contents */
	CHECK(test_run(&out, "cat /bin/true >%s", path));
	symbolizer_note_mmap(s, pid + 1, 0x10000, 0x4000000, 0, major(st.st_dev), minor(st.st_dev),
			     st.st_ino, str_from(path));
	symbolizer_user(s, pid + 1, 0x10000 + offset, &i);
	CHECK(!i.found || !str_is(i.name, "a_private_function"));
	CHECK(symbolizer_user(s, pid, 0x10000 + offset, &i));
	CHECK_VIEW(i.name, "a_private_function");
	close(fd);
	unlink(path);
	symbolizer_free(s);
}

TEST(perf_map_text)
{
	struct perfmap *m = perfmap_new(0x3ffffff, 0);
	struct str text = STR(
		"1000 20 first method\n0x2000 0x10 second\nbad line\n1010 8 newer\n1008 ffffffffffffffff\n3000 10 cut");

	CHECK_INT(perfmap_parse(m, text), text.n - strlen("3000 10 cut"));
	CHECK_INT(m->n, 3);
	CHECK(perfmap_at(m, 0x1000) && str_is(perfmap_at(m, 0x1000)->name, "first method"));
	CHECK(perfmap_at(m, 0x1012) && str_is(perfmap_at(m, 0x1012)->name, "newer"));
	CHECK(perfmap_at(m, 0x1018) && str_is(perfmap_at(m, 0x1018)->name, "first method"));
	CHECK(!perfmap_at(m, 0x1020));
	CHECK(perfmap_at(m, 0x200f) && str_is(perfmap_at(m, 0x200f)->name, "second"));
	CHECK(!perfmap_at(m, 0xfff));
	perfmap_free(m);
}

TEST(perf_map_file)
{
	struct symbolizer *s = symbolizer_new(NULL);
	char path[64];
	void *code = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct symbol_info i;
	FILE *f;

	snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)getpid());
	f = fopen(path, "w");
	if (!CHECK(f))
		return;
	fprintf(f, "%lx 100 jitted_method\n", (unsigned long)code);
	fclose(f);
	CHECK(symbolizer_user(s, getpid(), (uintptr_t)code + 5, &i));
	CHECK(i.found);
	CHECK_VIEW(i.name, "jitted_method");
	CHECK_VIEW(i.module, "perf map");
	CHECK_INT(i.offset, 5);
	CHECK(!symbolizer_user(s, getpid(), (uintptr_t)code + 0x200, &i));
	f = fopen(path, "a"); /* it grows */
	fprintf(f, "%lx 100 compiled_later\n", (unsigned long)code + 0x200);
	fclose(f);
	usleep(150000);
	CHECK(symbolizer_user(s, getpid(), (uintptr_t)code + 0x200, &i));
	CHECK_VIEW(i.name, "compiled_later");
	symbolizer_free(s);

	/* a link to somebody's file is not followed */
	unlink(path);
	CHECK(!symlink("/tmp/sonde-no-such", path));
	s = symbolizer_new(NULL);
	CHECK(!symbolizer_user(s, getpid(), (uintptr_t)code, &i));
	symbolizer_free(s);
	unlink(path);
	if (geteuid() == 0) { /* nor is a stranger's file believed */
		f = fopen(path, "w");
		fprintf(f, "%lx 100 forged\n", (unsigned long)code);
		fclose(f);
		CHECK(!chown(path, 12345, 12345));
		s = symbolizer_new(NULL);
		CHECK(!symbolizer_user(s, getpid(), (uintptr_t)code, &i));
		symbolizer_free(s);
		unlink(path);
	}
	munmap(code, 4096);
}

TEST(kallsyms_text)
{
	struct strbuf text = { 0 };
	struct kallsyms *k = NULL;
	const struct kernel_symbol *s;

	strbuf_puts(
		&text,
		"0000000000000000 A percpu\nffffffff81000000 T _stext\nffffffff81000100 t helper\n"
		"ffffffff81000100 T alias\nffffffff81000100 d data_alias\nffffffff82000000 B _end\n"
		"broken\n\nffffffffc0002000 t mod_b\t[two]\nffffffffc0001000 t mod_a\t[one]\n"
		"ffffffffc0001100 t helper\t[one]");
	if (!CHECK(!kallsyms_parse(&text, &k)))
		return;
	CHECK_INT(k->n, 9);
	s = kallsyms_at(k, 0xffffffff81000105);
	CHECK(s && str_is(kallsyms_name(k, s), "helper") && s->addr == 0xffffffff81000100);
	s = kallsyms_at(k, 0xffffffffc0001080);
	CHECK(s && str_is(kallsyms_name(k, s), "mod_a") && str_is(kallsyms_module(k, s), "one"));
	CHECK(!kallsyms_at(k, 0xffffffff82000001));
	CHECK(!kallsyms_at(k, 0x1000));
	CHECK(!kallsyms_at(k, 0xffffffff80000000));
	s = kallsyms_find(k, STR("helper"), STR(""));
	CHECK(s && s->addr == 0xffffffff81000100);
	s = kallsyms_find(k, STR("helper"), STR("one"));
	CHECK(s && s->addr == 0xffffffffc0001100);
	CHECK(!kallsyms_find(k, STR("helper"), STR("two")));
	CHECK(!kallsyms_find(k, STR("help"), STR("")));
	kallsyms_free(k);

	strbuf_puts(&text, "0000000000000000 T _stext\n0000000000000000 t helper\n");
	struct err *e = kallsyms_parse(&text, &k);
	CHECK(e && err_get_hint(e));
	err_free(e);
}

TEST(kernel)
{
	struct symbolizer *s = symbolizer_new(NULL);
	const char *why = NULL;
	struct symbol_info i;
	uint64_t addr;

	if (geteuid() != 0)
		SKIP("not root");
	addr = symbolizer_kernel_addr(s, STR("schedule"), &why);
	if (!CHECK(addr)) {
		printf("# %s\n", why);
		symbolizer_free(s);
		return;
	}
	CHECK(symbolizer_kernel(s, addr + 3, &i));
	CHECK_VIEW(i.name, "schedule");
	CHECK_INT(i.offset, 3);
	CHECK_INT(i.module.n, 0);
	CHECK(!symbolizer_kernel(s, 0x1234, &i));
	CHECK_INT(symbolizer_kernel_addr(s, STR("no_such_symbol_at_all"), &why), 0);
	CHECK_HAS(why, "no such kernel symbol");
	symbolizer_free(s);
}
