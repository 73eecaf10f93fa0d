/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Values of real programs in their language's notation, without any probe: programs of tests/progs/values print the addresses
 * of values and what their own language prints for each. From outside the types are read from debug information,
 * the values captured by capture_run from the process's memory and printed; both texts must be the same.
 */
#include "objfile/debuginfo.h"
#include "objfile/go_runtime.h"
#include "output/value.h"
#include "types/view.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

enum { MAX_VALUES = 256, TEXT = 4096 };

struct value {
	char type[128], text[TEXT];
	uint64_t addr;
};

struct program {
	char dir[64], path[128];
	pid_t pid;
	int in; /* closing it ends the program */
	int mem;
	struct value *values;
	int n;
	struct objfile *file;
	struct debuginfo *info;
	struct type_source *types;
	struct arena arena;
	struct type_table tt;
};

/* ---- the program ---- */

static bool build(struct program *p, const char *command)
{
	char line[1024];

	snprintf(p->dir, sizeof(p->dir), "/tmp/sonde-typed-XXXXXX");
	if (!mkdtemp(p->dir))
		return false;
	snprintf(p->path, sizeof(p->path), "%s/values", p->dir);
	snprintf(line, sizeof(line),
		 "cd %s && S=" TESTS_DIR "/progs/values && export S && { %s; } >log 2>&1", p->dir,
		 command);
	return system(line) == 0 && access(p->path, X_OK) == 0;
}

static void remove_dir(struct program *p)
{
	char line[256];

	snprintf(line, sizeof(line), "rm -rf %s", p->dir);
	if (p->dir[0] && system(line))
		printf("# %s is left\n", p->dir);
}

static bool start(struct program *p)
{
	int to[2], from[2];
	char name[64], *line = NULL;
	size_t cap = 0;
	FILE *f;
	bool done = false;

	if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC))
		return false;
	p->pid = fork();
	if (p->pid == 0) {
		dup2(to[0], 0);
		dup2(from[1], 1);
		execl(p->path, p->path, (char *)NULL);
		_exit(127);
	}
	close(to[0]);
	close(from[1]);
	p->in = to[1];
	f = fdopen(from[0], "r");
	p->values = calloc(MAX_VALUES, sizeof(*p->values));
	while (!done && p->n < MAX_VALUES && getline(&line, &cap, f) > 0) {
		struct value *v = &p->values[p->n];

		line[strcspn(line, "\n")] = 0;
		done = strcmp(line, "end") == 0;
		v->text[0] = 0;
		if (sscanf(line, "%127s %" SCNx64 " %4095[^\n]", v->type, &v->addr, v->text) >= 2)
			p->n++;
	}
	free(line);
	fclose(f);
	snprintf(name, sizeof(name), "/proc/%d/mem", p->pid);
	p->mem = open(name, O_RDONLY | O_CLOEXEC);
	return done && p->mem >= 0;
}

static void stop(struct program *p)
{
	if (p->pid > 0) {
		close(p->in);
		waitpid(p->pid, NULL, 0);
	}
	if (p->mem > 0)
		close(p->mem);
	free(p->values);
	if (p->file) {
		objfile_unref(p->file);
		type_table_free(&p->tt);
		arena_free(&p->arena);
	}
	remove_dir(p);
}

static bool read_types(struct program *p)
{
	struct err *e = objfile_open(p->path, &p->file);

	arena_init(&p->arena);
	type_table_init(&p->tt, &p->arena);
	if (!e)
		e = objfile_debuginfo(p->file, &p->info);
	if (e || !p->info) {
		printf("# no debug information\n");
		return false;
	}
	p->types = debuginfo_types(p->info, &p->tt);
	return true;
}

/* ---- the values ---- */

static bool read_memory(void *arg, uint64_t addr, void *buf, uint32_t n)
{
	struct program *p = arg;

	return pread(p->mem, buf, n, (off_t)addr) == (ssize_t)n;
}

static bool go_type(void *arg, uint64_t addr, struct strbuf *name, uint8_t *kind)
{
	struct program *p = arg;
	struct str s = go_type_name_at(p->file, addr, &p->arena);

	*kind = 0;
	strbuf_add_str(name, s);
	return s.n > 0;
}

/* the type of the value inside of the struct of this name: its only member */
static const struct type *type_of(struct program *p, const char *name)
{
	const struct type *t = p->types->ops->find(p->types, 's', str_from(name));

	if (!t || !type_complete(t) || t->n_fields != 1)
		return NULL;
	return t->fields[0].type;
}

static void print(struct program *p, const struct type *t, uint64_t addr, enum value_form form,
		  struct strbuf *out)
{
	struct value_env env = { .go_type = go_type, .dynamic_arg = p };
	const struct type *c = view_capture(&p->tt, t);
	uint32_t size = c ? c->capture->nodes[0].size : t->size;
	char *root = calloc(1, size + 8), *stored = calloc(1, CAPTURE_MAX_BYTES + 8);

	if (!read_memory(p, addr, root, t->size ? size : 0)) {
		strbuf_puts(out, "cannot read");
	} else if (c) {
		uint32_t n = capture_run(c->capture, root, read_memory, p, stored);

		CHECK(n <= c->size && c->size <= CAPTURE_MAX_BYTES);
		value_put(&env, form, c, stored, out);
	} else {
		value_put(&env, form, t, root, out);
	}
	free(root);
	free(stored);
}

/* except: names of values that print otherwise than the language does, "|" around each */
static int check_all(struct program *p, const char *except)
{
	int wrong = 0;

	for (int i = 0; i < p->n; i++) {
		struct value *v = &p->values[i];
		const struct type *t = type_of(p, v->type);
		const char *name = strrchr(v->type, 'V');
		char key[8];
		STRBUF_AUTO out = { 0 };
		STRBUF_AUTO json = { 0 };

		snprintf(key, sizeof(key), "|%.4s|", name ? name : "");
		if (!CHECK(t != NULL)) {
			printf("# no type: %s\n", v->type);
			continue;
		}
		print(p, t, v->addr, VALUE_TEXT, &out);
		print(p, t, v->addr, VALUE_JSON, &json);
		if (getenv("SHOW"))
			printf("# %s %s\n", v->type, strbuf_cstr(&json));
		if (strstr(except, key))
			continue;
		if (strcmp(strbuf_cstr(&out), v->text) == 0)
			continue;
		wrong++;
		printf("# %s of type ", v->type);
		strbuf_clear(&json);
		type_spell(t, &json);
		printf("%s\n#   got  %s\n#   want %s\n", strbuf_cstr(&json), strbuf_cstr(&out),
		       v->text);
	}
	printf("# %d values, %d wrong\n", p->n, wrong);
	return wrong;
}

static void check_program(const char *command, int least, const char *except)
{
	struct program p = { .mem = -1 };

	if (build(&p, command) && CHECK(start(&p)) && CHECK(p.n >= least) && CHECK(read_types(&p)))
		CHECK_INT(check_all(&p, except), 0);
	else
		CHECK(p.pid);
	stop(&p);
}

static bool has(const char *command)
{
	char line[256];

	snprintf(line, sizeof(line), "%s >/dev/null 2>&1", command);
	return system(line) == 0;
}

/* arrays of plain numbers by themselves have no language: V85 of Rust, V15 of Go print as in C */
TEST(rust)
{
	if (!has("rustc --version"))
		SKIP("no rustc");
	check_program("rustc --edition 2021 -g -o values $S/values.rs", 88, "|V85|");
}

TEST(rust_optimized_v0)
{
	if (!has("rustc --version"))
		SKIP("no rustc");
	check_program(
		"rustc --edition 2021 -O -g -C symbol-mangling-version=v0 -o values $S/values.rs",
		88, "|V85|");
}

TEST(libstdcxx)
{
	if (!has("g++ --version"))
		SKIP("no g++");
	check_program("g++ -std=c++17 -g -w -o values $S/values.cc", 40, "");
}

TEST(libstdcxx_by_clang)
{
	if (!has("clang++-14 --version"))
		SKIP("no clang++");
	check_program("clang++-14 -std=c++17 -gdwarf-5 -O1 -w -o values $S/values.cc", 40, "");
}

TEST(libcxx)
{
	if (!has("echo '#include <version>' | clang++-14 -stdlib=libc++ -E -x c++ -"))
		SKIP("no libc++");
	/* the blocks of libc++'s deque are 4 KB: only its length is known */
	check_program(
		"clang++-14 -stdlib=libc++ -fstandalone-debug -std=c++17 -g -w -o values $S/values.cc",
		40, "|V39|");
}

TEST(go)
{
	if (!has("sh " TESTS_DIR "/run/go_build.sh . '' new"))
		SKIP("no go");
	check_program("sh $S/../../run/go_build.sh $S $PWD/values new", 33, "|V15|");
}

TEST(go_with_buckets)
{
	if (!has("sh " TESTS_DIR "/run/go_build.sh . '' 1.19"))
		SKIP("no go 1.19");
	check_program("sh $S/../../run/go_build.sh $S $PWD/values 1.19", 33, "|V15|");
}
