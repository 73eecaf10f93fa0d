/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tables of call frame information: every row of real libraries and programs against readelf's reading of the same section,
 * the search against a plain walk, and entries that lie.
 */
#include "objfile/cfi.h"

#include "base/cleanup.h"
#include "base/vec.h"

#include "objfile_build.h"
#include "tap.h"
#include "err_help.h"

/* ---- against readelf ---- */

struct columns { /* of readelf's table: which column is which register */
	int bp, ra;
};

static struct columns read_header(const char *line)
{
	struct columns c = { -1, -1 };
	char word[32];
	int at = 0, n, i = 0;

	while (sscanf(line + at, "%31s%n", word, &n) == 1) {
		if (!strcmp(word, "rbp"))
			c.bp = i;
		if (!strcmp(word, "ra"))
			c.ra = i;
		at += n;
		i++;
	}
	return c;
}

static bool bp_agrees(const char *word, uint32_t bp)
{
	int offset;

	if (!strcmp(word, "u") || !strcmp(word, "s"))
		return bp == CFI_BP_SAME;
	if (sscanf(word, "c%d", &offset) == 1)
		return bp == (uint32_t)(-offset / 8);
	return bp == CFI_BP_LOST || bp == CFI_BP_AT_BP; /* an expression */
}

struct counts {
	unsigned rows, wrong, odd;
};

static bool row_agrees(const char *line, struct columns c, uint32_t rule, struct counts *n)
{
	char cfa[32], bp[32] = "u", ra[32] = "u", word[32];
	int at = 0, len, offset;

	for (int i = 0; sscanf(line + at, "%31s%n", word, &len) == 1; i++) {
		if (word[0] == '(') /* "r3 (rbx)": one column */
			i--;
		if (i == 1)
			strcpy(cfa, word);
		if (i == c.bp)
			strcpy(bp, word);
		if (i == c.ra)
			strcpy(ra, word);
		at += len;
	}
	if (!strcmp(ra, "u"))
		return rule == cfi_rule(CFI_STOP, 0, CFI_STOP_END);
	if (rule == cfi_rule(CFI_STOP, 0, CFI_STOP_ODD)) { /* an expression, or another register */
		n->odd++;
		return strncmp(cfa, "rsp", 3) != 0 || strcmp(ra, "c-8") != 0;
	}
	if (sscanf(cfa, "rsp%d", &offset) == 1)
		return cfi_rule_kind(rule) == CFI_SP && cfi_rule_offset(rule) == offset &&
		       bp_agrees(bp, cfi_rule_bp(rule));
	if (sscanf(cfa, "rbp%d", &offset) == 1)
		return cfi_rule_kind(rule) == CFI_BP && cfi_rule_offset(rule) == offset &&
		       bp_agrees(bp, cfi_rule_bp(rule));
	return cfi_rule_kind(rule) >= CFI_PLT && !strcmp(cfa, "exp");
}

/* of rows at one address the last holds */
static void check_row(const struct cfi_table *t, const char *line, struct columns c, uint64_t pc,
		      struct counts *n)
{
	uint32_t rule = cfi_table_find(t, pc);

	n->rows++;
	if (row_agrees(line, c, rule, n))
		return;
	if (n->wrong++ < 5)
		printf("# row %#x (kind %u bp %u offset %d) is not: %s", rule, cfi_rule_kind(rule),
		       cfi_rule_bp(rule), cfi_rule_offset(rule), line);
}

static struct counts compare(const struct cfi_table *t, const char *path, const char *what)
{
	char command[512], line[512], last[512] = "";
	struct columns c = { -1, -1 };
	struct counts n = { 0 };
	uint64_t pc, last_pc = 0;
	bool in_fde = false;
	FILE *f;

	snprintf(command, sizeof(command), "readelf --debug-dump=frames-interp %s 2>/dev/null",
		 path);
	f = popen(command, "r");
	while (f && fgets(line, sizeof(line), f)) {
		bool is_row = in_fde && sscanf(line, "%lx ", &pc) == 1 && line[16] == ' ';

		if (last[0] && (!is_row || pc != last_pc))
			check_row(t, last, c, last_pc, &n);
		last[0] = '\0';
		if (strstr(line, " FDE "))
			in_fde = strstr(line, "pc=0000000000000000..") == NULL;
		else if (strstr(line, " CIE ") || strstr(line, "Contents of"))
			in_fde = false;
		else if (strstr(line, "LOC"))
			c = read_header(line);
		if (strstr(line, "Contents of") && !strstr(line, what))
			break;
		if (is_row && !strstr(line, "FDE")) {
			strcpy(last, line);
			last_pc = pc;
		}
	}
	if (f)
		pclose(f);
	return n;
}

static void check_file(const char *path)
{
	OBJFILE_AUTO f = NULL;
	struct err *err = objfile_open(path, &f);
	struct cfi_table *t = NULL;
	struct counts n;

	if (err) {
		err_free(err);
		SKIP("the file is not there");
	}
	CHECK(!cfi_table_of(f, &t));
	CHECK(t);
	if (!t)
		return;
	n = compare(t, path, ".eh_frame");
	printf("# %s: %u rows of readelf, %u wrong, %u odd; table: %u rows, %u odd, %u KB\n", path,
	       n.rows, n.wrong, n.odd, t->n_rows, t->n_odd, t->n_words / 128);
	CHECK(n.rows > 100);
	CHECK_INT(n.wrong, 0);
	CHECK(n.odd * 50 < n.rows);
	cfi_table_free(t);
}

/* functions without symbols: each entry that readelf prints is one, and the section is read once */
TEST(extents_of_libc)
{
	const char *path = "/lib/x86_64-linux-gnu/libc.so.6";
	const struct cfi_extents *all;
	OBJFILE_AUTO f = NULL;
	char line[512];
	size_t n = 0;
	FILE *p;

	if (!check_err(objfile_open(path, &f), path))
		return;
	all = cfi_extents_of(f);
	CHECK(cfi_extents_of(f) == all);
	snprintf(line, sizeof(line), "readelf --debug-dump=frames %s 2>/dev/null", path);
	p = popen(line, "r");
	while (p && fgets(line, sizeof(line), p)) {
		const char *at = strstr(line, " FDE ") ? strstr(line, "pc=") : NULL;
		const struct cfi_extent *e;
		unsigned long start, end;
		size_t k;

		if (!at || sscanf(at, "pc=%lx..%lx", &start, &end) != 2 || end <= start)
			continue;
		n++;
		e = cfi_extent_at(all, start);
		k = cfi_extents_until(all, end - 1);
		if (!CHECK(e && e->end == end) || !CHECK(k && all->v[k - 1].start == start) ||
		    !CHECK(k == all->n || all->v[k].start >= end))
			break;
	}
	if (p)
		pclose(p);
	CHECK(n > 1000);
	CHECK_INT(n, all->n);
}

TEST(rows_of_libc)
{
	check_file("/lib/x86_64-linux-gnu/libc.so.6");
}

TEST(rows_of_libstdcxx)
{
	check_file("/usr/lib/x86_64-linux-gnu/libstdc++.so.6");
}

TEST(rows_of_libcrypto)
{
	check_file("/usr/lib/x86_64-linux-gnu/libcrypto.so.3");
}

TEST(rows_of_redis)
{
	check_file("/usr/bin/redis-server");
}

TEST(rows_of_this_program)
{
	char path[512];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	CHECK(n > 0);
	path[n > 0 ? n : 0] = '\0';
	check_file(path);
}

/* ---- entries that lie ---- */

static struct cfi_table *parse(const void *p, size_t n, uint32_t *n_bad)
{
	struct cfi_table *t = NULL;
	struct err *err = cfi_table_parse(bytes_make(p, n), 0x10000, false, n_bad, &t);

	CHECK(!err);
	err_free(err);
	return t;
}

/* a CIE "zR" with absolute addresses (udata8), CFA = rsp + 8, RA at CFA - 8, and one FDE of 0x40 bytes at 0x1000 */
static const uint8_t good[] = { 0x14, 0,    0,    0,  0,    0,    0,    0,    1,    'z',  'R', 0,
				1,    0x78, 16,   1,  0x04, 0x0c, 7,    8,    0x90, 1,    0,   0,
				0x20, 0,    0,    0,  0x1c, 0,    0,    0,    0,    0x10, 0,   0,
				0,    0,    0,    0,  0x40, 0,    0,    0,    0,    0,    0,   0,
				0,    0x41, 0x0e, 16, 0x86, 2,    0x43, 0x0d, 6,    0,    0,   0 };

TEST(rows_of_a_small_section)
{
	uint32_t n_bad;
	struct cfi_table *t = parse(good, sizeof(good), &n_bad);

	CHECK_INT(n_bad, 0);
	CHECK(t);
	if (!t)
		return;
	CHECK_INT(cfi_table_find(t, 0xfff), 0);
	CHECK_INT(cfi_table_find(t, 0x1000), cfi_rule(CFI_SP, 0, 8));
	CHECK_INT(cfi_table_find(t, 0x1001), cfi_rule(CFI_SP, 2, 16));
	CHECK_INT(cfi_table_find(t, 0x1003), cfi_rule(CFI_SP, 2, 16));
	CHECK_INT(cfi_table_find(t, 0x1004), cfi_rule(CFI_BP, 2, 16));
	CHECK_INT(cfi_table_find(t, 0x103f), cfi_rule(CFI_BP, 2, 16));
	CHECK_INT(cfi_table_find(t, 0x1040), 0);
	CHECK_INT(cfi_table_find(t, ~0ULL), 0);
	cfi_table_free(t);
}

TEST(cut_sections_are_counted)
{
	for (size_t n = 1; n < sizeof(good); n++) {
		uint32_t n_bad;
		struct cfi_table *t = parse(good, n, &n_bad);

		CHECK(!t); /* the FDE is not whole */
		CHECK(n < 4 || n == 24 || n_bad || (n > 24 && n < 28));
		cfi_table_free(t);
	}
}

TEST(changed_bytes_do_no_harm)
{
	uint8_t bytes[sizeof(good)];

	for (size_t i = 0; i < sizeof(good); i++)
		for (unsigned v = 0; v < 256; v++) {
			uint32_t n_bad;
			struct cfi_table *t = NULL;

			memcpy(bytes, good, sizeof(good));
			bytes[i] = (uint8_t)v;
			err_free(cfi_table_parse(bytes_make(bytes, sizeof(good)), 0x10000, false,
						 &n_bad, &t));
			if (t)
				cfi_table_find(t, 0x1002);
			cfi_table_free(t);
		}
}
