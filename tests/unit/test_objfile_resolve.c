/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of object files: paths, PATH, libraries, wildcards, a process's mappings, the formats of ld.so.cache. */
#include "objfile/resolve.h"

#include "base/cleanup.h"
#include "objfile/proc.h"

#include "objfile_build.h"
#include "tap.h"

#include <sys/stat.h>
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

static const char *resolve_error(const char *spec, const pid_t *pids, size_t n)
{
	static struct strbuf text;
	struct resolved r;
	struct err *e = resolve_object(str_from(spec), pids, n, &r);

	strbuf_clear(&text);
	if (e) {
		err_format(e, &text);
		if (err_get_hint(e))
			strbuf_printf(&text, " HINT %s", err_get_hint(e));
		err_free(e);
	} else {
		resolved_free(&r);
	}
	return strbuf_cstr(&text);
}

/* the one file that spec names; "" when there are none or several */
static const char *resolve_one(const char *spec, const pid_t *pids, size_t n)
{
	static char path[4096];
	struct resolved r;
	struct err *e = resolve_object(str_from(spec), pids, n, &r);

	path[0] = '\0';
	if (e) {
		err_free(e);
		return path;
	}
	if (r.n == 1)
		snprintf(path, sizeof(path), "%s", r.v[0].path);
	resolved_free(&r);
	return path;
}

static bool same_file(const char *a, const char *b)
{
	struct stat x, y;

	return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

TEST(paths)
{
	CHECK_STR(resolve_one("/bin/sh", NULL, 0), "/bin/sh");
	CHECK_HAS(resolve_error("/no/such/file", NULL, 0), "'/no/such/file': No such file");
	CHECK_HAS(resolve_error("", NULL, 0), "empty");
	CHECK_HAS(resolve_error("/x/base.apk!/lib/arm64/libfoo.so", NULL, 0), "zip archive");
}

TEST(programs_in_path)
{
	CHECK(same_file(resolve_one("sh", NULL, 0), "/bin/sh"));
	CHECK_HAS(resolve_error("no-such-program-here", NULL, 0),
		  "cannot find program 'no-such-program-here' in PATH");
	CHECK_HAS(resolve_error("no-such-program-here", NULL, 0),
		  "HINT write './no-such-program-here'");
}

TEST(libraries)
{
	STRBUF_AUTO libc = { 0 };

	/* what the loader itself takes for this program */
	if (!test_run(&libc, "ldd /bin/sh | awk '/libc.so.6/{printf \"%%s\", $3}'") || !libc.n)
		SKIP("no ldd");
	CHECK(same_file(resolve_one("libc", NULL, 0), strbuf_cstr(&libc)));
	CHECK(same_file(resolve_one("libc.so.6", NULL, 0), strbuf_cstr(&libc)));
	CHECK(same_file(resolve_one("libc.so", NULL, 0), strbuf_cstr(&libc)));
	CHECK_HAS(resolve_error("libnosuchthing", NULL, 0), "cannot find library 'libnosuchthing'");
	CHECK_HAS(resolve_error("libc.so.7", NULL, 0), "cannot find library 'libc.so.7'");
}

TEST(names_of_libraries)
{
	static const struct {
		const char *file, *name;
		bool want;
	} cases[] = {
		{ "libc.so.6", "libc", true },
		{ "libc.so", "libc", true },
		{ "libc-2.31.so", "libc", true },
		{ "libcrypt.so.1", "libc", false },
		{ "libc.so.6", "libc.so", true },
		{ "libc.so.6", "libc.so.6", true },
		{ "libc.so.6", "libc.so.7", false },
		{ "libstdc++.so.6.0.30", "libstdc++.so.6", true },
		{ "libc.so.60", "libc.so.6", false },
		{ "libfoo-bar.so", "libfoo", false },
		{ "libc.sox", "libc", false },
		{ "redis-server", "redis-server", true },
		{ "redis-server", "redis", false },
		{ "libc.so.6", "", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		printf("# %s %s\n", cases[i].file, cases[i].name);
		CHECK_INT(resolve_lib_name_matches(str_from(cases[i].file), str_from(cases[i].name)),
			  cases[i].want);
	}
}

TEST(wildcards)
{
	char dir[] = "/tmp/sonde-resolve-XXXXXX";
	STRBUF_AUTO out = { 0 };
	struct resolved r;
	char spec[64];

	if (!CHECK(mkdtemp(dir)) ||
	    !CHECK(test_run(
		    &out,
		    "cd %s && mkdir a b c && cp /bin/true a/one && cp /bin/true b/one && cp /bin/true b/two && "
		    "ln -s one b/link && echo text > a/text && mkfifo a/fifo && mkdir b/one.d",
		    dir)))
		return;
	snprintf(spec, sizeof(spec), "%s/*/o*", dir);
	CHECK(!resolve_object(str_from(spec), NULL, 0, &r));
	CHECK_INT(r.n, 2);
	if (r.n == 2) {
		CHECK_HAS(r.v[0].path, "/a/one");
		CHECK_HAS(r.v[1].path, "/b/one");
	}
	resolved_free(&r);
	snprintf(spec, sizeof(spec), "%s/*/*",
		 dir); /* the link is the file that is there already */
	CHECK(!resolve_object(str_from(spec), NULL, 0, &r));
	CHECK_INT(r.n, 3);
	resolved_free(&r);
	snprintf(spec, sizeof(spec), "%s/c/*", dir);
	CHECK_HAS(resolve_error(spec, NULL, 0), "no ELF file matches");
	CHECK_HAS(resolve_error("*", NULL, 0), "HINT name the process with -p");
	CHECK(test_run(&out, "rm -rf %s", dir));
}

TEST(a_process_and_its_mappings)
{
	pid_t self = getpid(), gone = 0x3ffffff;
	struct resolved r;
	bool exe = false, libc = false;

	CHECK_HAS(resolve_one("libc", &self, 1), "/libc");
	CHECK(!resolve_object(STR("*"), &self, 1, &r));
	for (size_t i = 0; i < r.n; i++) {
		exe |= same_file(r.v[i].open_path, "/proc/self/exe");
		libc |= strstr(r.v[i].path, "/libc.so.6") != NULL;
	}
	CHECK(exe);
	CHECK(libc);
	resolved_free(&r);
	CHECK_HAS(resolve_error("*", &gone, 1), "no ELF file matches '*'");
}

/* a process in a root of its own: needs root */
TEST(a_process_in_another_root)
{
	char dir[] = "/tmp/sonde-root-XXXXXX";
	STRBUF_AUTO out = { 0 };
	struct resolved r;
	int ready[2];
	char byte;
	pid_t pid;

	if (geteuid() != 0)
		SKIP("not root");
	if (!CHECK(mkdtemp(dir)) || !CHECK(!pipe(ready)))
		return;
	/* an absolute link that must not lead out of the root */
	test_run(
		&out,
		"cd %s && mkdir bin etc && cp /bin/true bin/prog && ln -s /bin/prog bin/link && ln -s /etc/passwd etc/out",
		dir);
	pid = fork();
	if (pid == 0) {
		if (chroot(dir) || chdir("/"))
			_exit(1);
		if (write(ready[1], "x", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	CHECK_INT(read(ready[0], &byte, 1), 1);
	CHECK(proc_has_own_root(pid));
	CHECK(!resolve_object(STR("/bin/link"), &pid, 1, &r));
	if (CHECK(r.n == 1)) {
		char want[64];

		snprintf(want, sizeof(want), "%s/bin/prog", dir);
		CHECK_STR(r.v[0].path, "/bin/link");
		CHECK(same_file(r.v[0].open_path, want));
	}
	resolved_free(&r);
	CHECK_HAS(resolve_error("/etc/out", &pid, 1), "in the root of process");
	CHECK_INT(proc_open_in_root(pid, "/etc/out", true), -ENOENT);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	CHECK(test_run(&out, "rm -rf %s", dir));
}

/* --- ld.so.cache, byte by byte ------------------------------------------------------------------------------------ */

struct cache_entry {
	uint32_t flags;
	const char *key, *value;
	uint64_t hwcap;
};

static const struct cache_entry entries[] = {
	{ 0x0803, "libz.so.1", "/lib/i386/libz.so.1", 0 },
	{ 0x0303, "libz.so.1", "/lib/hwcaps/libz.so.1", 7 },
	{ 0x0303, "libz.so.1", "/lib/x86/libz.so.1", 0 },
	{ 0x0303, "libssl.so.3", "/lib/libssl.so.3", 0 },
	{ 0x0303, "libssl.so.1.1", "/lib/libssl.so.1.1", 0 },
};
enum { N_ENTRIES = sizeof(entries) / sizeof(entries[0]) };

static void put32(struct strbuf *b, uint32_t v)
{
	strbuf_add(b, &v, 4);
}

static void build_new(struct strbuf *b)
{
	size_t start = b->n, strings = 48 + N_ENTRIES * 24;

	strbuf_puts(b, "glibc-ld.so.cache1.1");
	put32(b, N_ENTRIES);
	put32(b, 0);
	strbuf_fill(b, 0, start + 48 - b->n);
	for (int i = 0; i < N_ENTRIES; i++) {
		put32(b, entries[i].flags);
		put32(b, (uint32_t)strings);
		put32(b, (uint32_t)(strings + strlen(entries[i].key) + 1));
		put32(b, 0);
		strbuf_add(b, &entries[i].hwcap, 8);
		strings += strlen(entries[i].key) + strlen(entries[i].value) + 2;
	}
	for (int i = 0; i < N_ENTRIES; i++) {
		strbuf_add(b, entries[i].key, strlen(entries[i].key) + 1);
		strbuf_add(b, entries[i].value, strlen(entries[i].value) + 1);
	}
}

static void build_old(struct strbuf *b, bool with_strings)
{
	size_t strings = 0;

	strbuf_add(b, "ld.so-1.7.0", 12);
	put32(b, N_ENTRIES);
	for (int i = 0; i < N_ENTRIES; i++) {
		put32(b, entries[i].flags);
		put32(b, (uint32_t)strings);
		put32(b, (uint32_t)(strings + strlen(entries[i].key) + 1));
		strings += strlen(entries[i].key) + strlen(entries[i].value) + 2;
	}
	for (int i = 0; with_strings && i < N_ENTRIES; i++) {
		strbuf_add(b, entries[i].key, strlen(entries[i].key) + 1);
		strbuf_add(b, entries[i].value, strlen(entries[i].value) + 1);
	}
}

static void check_lookup(struct strbuf *b, const char *name, const char *want)
{
	char *got = resolve_ld_cache(strbuf_str(b), str_from(name));

	CHECK_STR(got, want);
	free(got);
}

TEST(ld_cache_formats)
{
	STRBUF_AUTO cache = { 0 };

	build_new(&cache);
	check_lookup(&cache, "libz.so.1", "/lib/x86/libz.so.1");
	check_lookup(&cache, "libz", "/lib/x86/libz.so.1");
	check_lookup(&cache, "libssl", "/lib/libssl.so.3"); /* the first is the newest */
	check_lookup(&cache, "libssl.so.1.1", "/lib/libssl.so.1.1");
	check_lookup(&cache, "libnone", NULL);
	strbuf_clear(&cache);
	build_old(&cache, true);
	check_lookup(&cache, "libssl.so.3", "/lib/libssl.so.3");
	strbuf_clear(&cache);
	build_old(&cache, false);
	while (cache.n % 8)
		strbuf_putc(&cache, 0);
	build_new(&cache);
	check_lookup(&cache, "libz", "/lib/x86/libz.so.1");
}

TEST(ld_cache_cut_anywhere)
{
	STRBUF_AUTO cache = { 0 };

	for (int old = 0; old < 2; old++) {
		strbuf_clear(&cache);
		if (old)
			build_old(&cache, true);
		else
			build_new(&cache);
		for (size_t n = 0; n < cache.n; n++) {
			/* a copy of its own, so that a read beyond it is seen by the sanitizer */
			char *copy = malloc(n + 1);
			char *got;

			memcpy(copy, cache.p, n);
			copy = realloc(copy, n ? n : 1);
			got = resolve_ld_cache(str_make(copy, n), STR("libssl.so.1.1"));
			CHECK(!got);
			free(got);
			free(copy);
		}
	}
}
