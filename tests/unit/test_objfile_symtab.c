/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Symbol tables: real files against readelf, lookups, clones, separate debug files, malformed tables. */
#include "objfile/symtab.h"

#include "base/cleanup.h"

#include "objfile_build.h"
#include "tap.h"

/* --- real files -------------------------------------------------------------------------------------------------- */

/* every defined function and object as readelf prints it, sorted and without doubles: "address size TYPE BIND name" */
static bool readelf_symbols(const char *path, struct strbuf *out)
{
	return test_run(
		       out,
		       "LC_ALL=C readelf -sW %s 2>/dev/null | awk '$4 ~ /^(FUNC|IFUNC|OBJECT)$/ && $7 != \"UND\" && "
		       "!($7 == \"ABS\" && $4 != \"OBJECT\") && NF >= 8 {n=$8; for (k=9; k<=NF; k++) n=n \" \" $k; i=index(n,\"@\"); if (i>1) "
		       "n=substr(n,1,i-1); s=$3; if (s !~ /^0x/) s=s+0; b=$5; if (b==\"UNIQUE\") b=\"GLOBAL\"; print $2, s, $4, b, n}' | LC_ALL=C sort -u",
		       path) &&
	       out->n;
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void our_symbols(struct symtab *t, struct strbuf *out)
{
	static const char *const types[] = { "FUNC", "IFUNC", "OBJECT", "NOTYPE" };
	static const char *const binds[] = { "LOCAL", "GLOBAL", "WEAK" };
	char **lines = calloc(t->n + 1, sizeof(*lines));
	size_t n = 0;

	for (uint32_t i = 0; i < t->n; i++) {
		const struct symbol *s = &t->v[i];

		if (s->type == SYMBOL_NOTYPE || s->flags & SYMBOL_GO_NAME)
			continue;
		/* readelf writes sizes above 99999 in hexadecimal */
		if (asprintf(&lines[n++],
			     s->size > 99999 ? "%016llx 0x%llx %s %s %.*s"
					     : "%016llx %llu %s %s %.*s",
			     (unsigned long long)s->addr, (unsigned long long)s->size,
			     types[s->type], binds[s->bind], STR_ARG(symbol_name(s))) < 0)
			return;
	}
	qsort(lines, n, sizeof(*lines), compare_lines);
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || strcmp(lines[i], lines[i - 1]) != 0)
			strbuf_printf(out, "%s\n", lines[i]);
	}
	for (size_t i = 0; i < n; i++)
		free(lines[i]);
	free(lines);
}

/* both sorted; with a debug file ours may hold more. One difference is enough to print. */
static void check_same(struct str ours, struct str theirs, bool more)
{
	while (ours.n || theirs.n) {
		struct str x = str_split(&ours, '\n'), y = str_split(&theirs, '\n');

		while (more && ours.n && str_cmp(x, y) < 0)
			x = str_split(&ours, '\n');
		if (str_eq(x, y) || (more && !y.n))
			continue;
		printf("# ours: %.*s\n# theirs: %.*s\n", STR_ARG(x), STR_ARG(y));
		CHECK(!"same symbols");
		return;
	}
}

static void compare_with_readelf(const char *path)
{
	STRBUF_AUTO ours = { 0 };
	STRBUF_AUTO theirs = { 0 };
	OBJFILE_AUTO f = NULL;
	struct symtab *t;
	struct err *e;

	if (access(path, R_OK) != 0 || !readelf_symbols(path, &theirs)) {
		printf("# %s: not here\n", path);
		return;
	}
	e = objfile_open(path, &f);
	if (!CHECK(!e))
		return;
	t = objfile_symtab(f);
	printf("# %s: %u symbols%s%s%s%s\n", path, t->n, t->has_symtab ? " .symtab" : "",
	       t->has_dynsym ? " .dynsym" : "", t->has_debug_file ? " debug" : "",
	       t->has_minidebug ? " mini" : "");
	CHECK_INT(t->notes.n, 0);
	our_symbols(t, &ours);
	check_same(strbuf_str(&ours), strbuf_str(&theirs), t->has_debug_file);
	for (uint32_t i = 1; i < t->n; i++)
		if (t->v[symtab_sorted(t, i - 1)].addr > t->v[symtab_sorted(t, i)].addr) {
			CHECK(!"sorted by address");
			break;
		}
	/* each function's own address and its last byte resolve to a symbol there */
	for (uint32_t i = 0; i < t->n; i++) {
		const struct symbol *s = &t->v[i], *found, *last;

		if (s->type != SYMBOL_FUNC || !s->size)
			continue;
		found = symtab_at(t, s->addr);
		last = symtab_at(t, s->addr + s->size - 1);
		if (!found || !last || found->addr != s->addr || last->addr < s->addr ||
		    !symbol_is_func(found)) {
			printf("# %.*s %llx\n", STR_ARG(symbol_name(s)),
			       (unsigned long long)s->addr);
			CHECK(!"found by address");
			break;
		}
		if (!symtab_find(t, symbol_name(s))) {
			CHECK(!"found by name");
			break;
		}
	}
}

TEST(real_files_against_readelf)
{
	char self[4096] = "";
	ssize_t n;

	compare_with_readelf("/usr/bin/redis-server");
	compare_with_readelf("/usr/lib/x86_64-linux-gnu/libstdc++.so.6");
	compare_with_readelf("/usr/lib/jvm/java-17-openjdk-amd64/lib/server/libjvm.so");
	compare_with_readelf("/usr/local/go/bin/go");
	compare_with_readelf("/usr/lib/x86_64-linux-gnu/libc.so.6");
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (CHECK(n > 0))
		compare_with_readelf(self);
}

/* --- a program made for this ------------------------------------------------------------------------------------- */

static char dir[] = "/tmp/sonde-symtab-XXXXXX";

/* compiles the program once; false: no compiler here */
static bool make_program(void)
{
	static int made = -1;
	STRBUF_AUTO out = { 0 };

	if (made >= 0)
		return made;
	made = mkdtemp(dir) &&
	       test_run(
		       &out,
		       "cd %s && printf '%%s' '"
		       "static int hidden(int x) { return x * 3; }"
		       "__attribute__((noinline,noclone)) int visible(int x) { return hidden(x) + 1; }"
		       "int value = 7;"
		       "int main(int c, char **v) { return visible(c) + value; }' > p.c && "
		       "gcc -g -O0 -Wl,--build-id=none p.c -o full 2>/dev/null && cp full stripped && "
		       "objcopy --only-keep-debug full full.debug && strip stripped",
		       dir);
	return made;
}

static struct objfile *open_in_dir(const char *name)
{
	struct objfile *f = NULL;
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	err_free(objfile_open(path, &f));
	return f;
}

TEST(own_table)
{
	OBJFILE_AUTO f = NULL;
	const struct symbol *s;
	struct symtab *t;

	if (!make_program())
		SKIP("no gcc or objcopy");
	f = open_in_dir("full");
	if (!CHECK(f))
		return;
	t = objfile_symtab(f);
	CHECK(t->has_symtab && !t->has_debug_file && !t->has_minidebug);
	s = symtab_find(t, STR("hidden"));
	CHECK(s && s->type == SYMBOL_FUNC && s->bind == SYMBOL_LOCAL && s->size > 0);
	CHECK(s && symtab_at(t, s->addr + 1) == s);
	s = symtab_find(t, STR("value"));
	CHECK(s && s->type == SYMBOL_OBJECT && s->size == 4);
	CHECK(!symtab_find(t, STR("no_such")));
	CHECK(!symtab_at(t, 1));
	CHECK(!symtab_at(t, UINT64_MAX));
}

TEST(stripped_has_no_private_names)
{
	OBJFILE_AUTO f = NULL;
	struct symtab *t;

	if (!make_program())
		SKIP("no gcc or objcopy");
	f = open_in_dir("stripped");
	if (!CHECK(f))
		return;
	t = objfile_symtab(f);
	CHECK(!t->has_symtab && t->has_dynsym);
	CHECK(!symtab_find(t, STR("hidden")));
}

/* a stripped copy named `name` with a link to `link`; the file it names is made by `command` in the folder */
static struct objfile *linked(const char *name, const char *command)
{
	STRBUF_AUTO out = { 0 };

	if (!test_run(
		    &out,
		    "cd %s && rm -rf d && mkdir -p d/.debug && cp stripped d/%s && cp full.debug d/x.debug && "
		    "objcopy --add-gnu-debuglink=d/x.debug d/%s && cd d && %s",
		    dir, name, name, command))
		return NULL;
	char path[64];
	snprintf(path, sizeof(path), "d/%s", name);
	return open_in_dir(path);
}

TEST(debuglink)
{
	static const struct {
		const char *command;
		bool found;
		const char *note;
	} cases[] = {
		{ "true", true, NULL },
		{ "mv x.debug .debug/", true, NULL },
		{ "printf x >> x.debug", false, "another checksum" },
		{ "rm x.debug", false, NULL },
		{ "rm x.debug; mkdir x.debug", false, "is a directory" },
		{ "rm x.debug; mkfifo x.debug", false, "not a regular file" },
		{ "head -c 100 x.debug > y; mv y x.debug", false, "truncated" },
		{ "rm x.debug; ln -s p x.debug", false, NULL }, /* a link to itself */
		/* the debug file has a link of its own, to itself: it is not followed */
		{ "cp x.debug y; objcopy --add-gnu-debuglink=x.debug y; mv y x.debug; cp ../stripped p; "
		  "objcopy --add-gnu-debuglink=x.debug p",
		  true, NULL },
	};

	if (!make_program())
		SKIP("no gcc or objcopy");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		OBJFILE_AUTO f = linked("p", cases[i].command);
		struct symtab *t;

		printf("# %s\n", cases[i].command);
		if (!CHECK(f))
			continue;
		t = objfile_symtab(f);
		CHECK_INT(t->has_debug_file, cases[i].found);
		CHECK_INT(symtab_find(t, STR("hidden")) != NULL, cases[i].found);
		if (cases[i].note)
			CHECK_HAS(strbuf_cstr(&t->notes), cases[i].note);
		else
			CHECK_STR(strbuf_cstr(&t->notes), "");
	}
}

TEST(minidebuginfo)
{
	OBJFILE_AUTO f = NULL;
	STRBUF_AUTO out = { 0 };
	struct symtab *t;

	if (!make_program() ||
	    !test_run(&out,
		      "cd %s && xz -kf full.debug && cp stripped mini && "
		      "objcopy --add-section .gnu_debugdata=full.debug.xz mini && "
		      "head -c 200 full.debug.xz > cut.xz && cp stripped cut && "
		      "objcopy --add-section .gnu_debugdata=cut.xz cut",
		      dir))
		SKIP("no gcc, objcopy or xz");
	f = open_in_dir("mini");
	if (!CHECK(f))
		return;
	t = objfile_symtab(f);
	CHECK(t->has_minidebug && !t->has_symtab);
	CHECK(symtab_find(t, STR("hidden")) != NULL);
	objfile_unref(f);
	f = open_in_dir("cut");
	if (!CHECK(f))
		return;
	t = objfile_symtab(f);
	CHECK(!t->has_minidebug);
	CHECK_HAS(strbuf_cstr(&t->notes), ".gnu_debugdata: not valid xz data");
}

TEST(suggestions)
{
	OBJFILE_AUTO f = NULL;
	struct str out[4];
	struct symtab *t;
	uint32_t n;

	if (!make_program())
		SKIP("no gcc or objcopy");
	f = open_in_dir("full");
	if (!CHECK(f))
		return;
	t = objfile_symtab(f);
	n = symtab_suggest(t, STR("visibel"), out, 4);
	CHECK(n >= 1 && str_is(out[0], "visible"));
	n = symtab_suggest(t, STR("HIDDEN"), out, 4);
	CHECK(n >= 1 && str_is(out[0], "hidden"));
	CHECK_INT(symtab_suggest(t, STR("something_quite_different"), out, 4), 0);
	CHECK_INT(symtab_suggest(t, STR("visible"), out, 0), 0);
}

TEST(remove_the_program)
{
	STRBUF_AUTO out = { 0 };

	if (make_program())
		CHECK(test_run(&out, "rm -rf %s", dir));
}

/* --- tables built byte by byte ----------------------------------------------------------------------------------- */

struct sym_spec {
	const char *name;
	uint64_t addr, size;
	uint8_t type, bind;
	uint16_t section;
};

static struct objfile *file_with_symbols(const struct sym_spec *syms, size_t n,
					 void (*spoil)(struct build *))
{
	STRBUF_AUTO names = { 0 };
	STRBUF_AUTO table = { 0 };
	struct build b = { 0 };
	struct objfile *f = NULL;
	struct err *e;
	Elf64_Sym zero = { 0 };

	strbuf_putc(&names, 0);
	strbuf_add(&table, &zero, sizeof(zero));
	for (size_t i = 0; i < n; i++) {
		Elf64_Sym s = { (Elf64_Word)names.n,
				ELF64_ST_INFO(syms[i].bind, syms[i].type),
				0,
				syms[i].section,
				syms[i].addr,
				syms[i].size };

		strbuf_add(&names, syms[i].name, strlen(syms[i].name) + 1);
		strbuf_add(&table, &s, sizeof(s));
	}
	build_start(&b, ET_EXEC);
	build_add_section(&b, ".strtab", SHT_STRTAB, 0, 0, names.p, names.n); /* 2 */
	build_add_section_full(&b, ".symtab",
			       (Elf64_Shdr){ .sh_type = SHT_SYMTAB,
					     .sh_link = 2,
					     .sh_entsize = sizeof(Elf64_Sym),
					     .sh_addralign = 8 },
			       table.p, table.n); /* 3 */
	build_finish(&b);
	if (spoil)
		spoil(&b);
	e = build_open(&b, &f);
	err_free(e);
	build_free(&b);
	return f;
}

#define F STT_FUNC
#define T BUILD_TEXT

TEST(lookup_prefers_what_covers)
{
	static const struct sym_spec syms[] = {
		{ "outer", T + 0x10, 0x40, F, STB_GLOBAL, 1 },
		{ "label", T + 0x20, 0, STT_NOTYPE, STB_LOCAL, 1 },
		{ "inner", T + 0x28, 8, F, STB_LOCAL, 1 },
		{ "__alias", T + 0x100, 0x10, F, STB_GLOBAL, 1 },
		{ "alias", T + 0x100, 0x10, F, STB_GLOBAL, 1 },
		{ "weak", T + 0x100, 0x10, F, STB_WEAK, 1 },
		{ "table", T + 0x100, 0x10, STT_OBJECT, STB_GLOBAL, 1 },
		{ "open_end", T + 0x200, 0, F, STB_GLOBAL, 1 },
		{ "undefined", T + 0x300, 8, F, STB_GLOBAL, SHN_UNDEF },
		{ "file.c", 0, 0, STT_FILE, STB_LOCAL, SHN_ABS },
		{ "puts@plt", T + 0x400, 8, F, STB_LOCAL, 1 },
		{ "old@V1", T + 0x500, 8, F, STB_GLOBAL, 1 },
		{ "old@@V2", T + 0x510, 8, F, STB_GLOBAL, 1 },
		{ "resolver", T + 0x520, 8, STT_GNU_IFUNC, STB_GLOBAL, 1 },
		{ "huge", T + 0x600, UINT64_MAX, STT_OBJECT, STB_GLOBAL, 1 },
	};
	static const struct {
		uint64_t addr;
		const char *want; /* NULL: none */
	} cases[] = {
		{ T, NULL },
		{ T + 0x10, "outer" },
		{ T + 0x20, "outer" },
		{ T + 0x24, "outer" },
		{ T + 0x28, "inner" },
		{ T + 0x30, "outer" },
		{ T + 0x4f, "outer" },
		{ T + 0x50, NULL },
		{ T + 0x105, "alias" },
		{ T + 0x200, "open_end" },
		{ T + 0x300, "open_end" },
		{ T + 0x400, "open_end" },
		{ T + 0x507, "old" },
		{ T + 0x700, "huge" },
	};
	OBJFILE_AUTO f = file_with_symbols(syms, sizeof(syms) / sizeof(syms[0]), NULL);
	const struct symbol *s;
	struct symtab *t;
	uint32_t first;

	if (!CHECK(f))
		return;
	t = objfile_symtab(f);
	CHECK_STR(strbuf_cstr(&t->notes), "");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		s = symtab_at(t, cases[i].addr);
		printf("# %llx\n", (unsigned long long)cases[i].addr);
		CHECK_VIEW(s ? symbol_name(s) : STR("none"),
			   cases[i].want ? cases[i].want : "none");
	}
	CHECK(!symtab_find(t, STR("undefined")));
	CHECK(!symtab_find(t, STR("puts")));
	CHECK_INT(symtab_starting_at(t, T + 0x100, &first), 4);
	CHECK_VIEW(symbol_name(&t->v[symtab_sorted(t, first)]), "alias");
	s = symtab_find(t, STR("old"));
	if (CHECK(s)) {
		CHECK(s->flags & SYMBOL_VERSIONED);
		CHECK_INT(s->addr, T + 0x500);
		s = symtab_find_next(t, s);
		CHECK(s && s->addr == T + 0x510);
		CHECK(s && !symtab_find_next(t, s));
	}
	s = symtab_find(t, STR("resolver"));
	CHECK(s && s->type == SYMBOL_IFUNC);
}

TEST(clones)
{
	static const struct sym_spec syms[] = {
		{ "f.part.0", T, 8, F, STB_LOCAL, 1 },
		{ "f.cold", T + 8, 8, F, STB_LOCAL, 1 },
		{ "g.constprop.12", T + 16, 8, F, STB_LOCAL, 1 },
		{ "h.isra.0.part.1", T + 24, 8, F, STB_LOCAL, 1 },
		{ "main.part", T + 32, 8, F, STB_LOCAL, 1 },
		{ "k.cold.3", T + 40, 8, F, STB_LOCAL, 1 },
		{ ".part.0", T + 48, 8, F, STB_LOCAL, 1 },
		{ "runtime.main", T + 56, 8, F, STB_LOCAL, 1 },
	};
	static const struct {
		const char *name, *base;
		unsigned flags;
	} want[] = {
		{ "f.part.0", "f", SYMBOL_CLONE_PART },
		{ "f.cold", "f", SYMBOL_CLONE_COLD },
		{ "g.constprop.12", "g", SYMBOL_CLONE_CONST },
		{ "h.isra.0.part.1", "h", SYMBOL_CLONE_ISRA | SYMBOL_CLONE_PART },
		{ "main.part", "main.part", 0 },
		{ "k.cold.3", "k", SYMBOL_CLONE_COLD },
		{ ".part.0", ".part.0", 0 },
		{ "runtime.main", "runtime.main", 0 },
	};
	OBJFILE_AUTO f = file_with_symbols(syms, sizeof(syms) / sizeof(syms[0]), NULL);

	if (!CHECK(f))
		return;
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		const struct symbol *s = symtab_find(objfile_symtab(f), str_from(want[i].name));

		if (!CHECK(s))
			continue;
		CHECK_INT(s->flags, want[i].flags);
		CHECK_VIEW(symbol_base_name(s), want[i].base);
	}
}

static void spoil_link(struct build *b)
{
	build_shdr(b, 3)->sh_link = 99;
}
static void spoil_entsize(struct build *b)
{
	build_shdr(b, 3)->sh_entsize = 0;
}
static void spoil_size(struct build *b)
{
	build_shdr(b, 3)->sh_size = UINT64_MAX;
}
static void spoil_strings(struct build *b)
{
	build_shdr(b, 2)->sh_offset = UINT64_MAX - 1;
}
static void spoil_string_end(struct build *b)
{
	build_shdr(b, 2)->sh_size = 3;
}
static void spoil_string_type(struct build *b)
{
	build_shdr(b, 2)->sh_type = SHT_NOBITS;
}

TEST(malformed_tables_are_notes_not_crashes)
{
	static const struct sym_spec syms[] = { { "one", T, 8, F, STB_GLOBAL, 1 },
						{ "two", T + 8, 8, F, STB_GLOBAL, 1 } };
	static const struct {
		void (*spoil)(struct build *);
		const char *note;
	} cases[] = {
		{ spoil_link, "no string table" }, { spoil_entsize, "wrong entry size" },
		{ spoil_size, "beyond the end" },  { spoil_strings, "beyond the end" },
		{ spoil_string_end, "" },          { spoil_string_type, "" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		OBJFILE_AUTO f = file_with_symbols(syms, 2, cases[i].spoil);

		if (!CHECK(f))
			continue;
		CHECK_INT(objfile_symtab(f)->n, 0);
		CHECK_HAS(strbuf_cstr(&objfile_symtab(f)->notes), cases[i].note);
		CHECK(!symtab_at(objfile_symtab(f), T));
		CHECK(!symtab_find(objfile_symtab(f), STR("one")));
	}
}
