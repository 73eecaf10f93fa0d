/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Trees of stacks and what is made of them: folded lines, SVG, speedscope, from made-up frames and names. */
#include "output/flame.h"

#include "base/arena.h"
#include "output/pictures.h"

#include <stdlib.h>
#include <unistd.h>

#include "tap.h"

/* frame n of the stack with hash h is h * 10 + n; a name for each below */
static bool fake_stack(void *arg, uint64_t hash, uint64_t *frames, uint32_t max)
{
	for (uint32_t i = 0; i < max; i++)
		frames[i] = hash * 10 + i;
	return hash != 9;
}

static bool fake_user(void *arg, uint32_t pid, uint64_t addr, struct output_symbol *out)
{
	static const char *const names[] = { "leaf", "a;b", "main", "" };

	*out = (struct output_symbol){ .name = str_from(names[addr % 10 % 4]),
				       .module = STR("/lib/libx.so") };
	return true;
}

static bool fake_kernel(void *arg, uint64_t addr, struct output_symbol *out)
{
	*out = (struct output_symbol){ .name = addr % 10 ? STR("do_syscall_64") : STR("schedule") };
	return true;
}

static const struct output_symbols symbols = { .user = fake_user, .kernel = fake_kernel };
static const struct value_env env = { .stack = fake_stack, .symbols = &symbols };
static struct arena arena;
static struct type_table tt;
static struct strbuf out;
static struct flame_tree *tree;

static void setup(void)
{
	type_table_init(&tt, &arena);
	tree = flame_tree_new();
}

static void teardown(void)
{
	flame_tree_free(tree);
	strbuf_free(&out);
	type_table_free(&tt);
	arena_free(&arena);
}

static const struct type *stack_type(enum type_kind kind)
{
	return type_stack(&tt, kind, STACK_MODE_BPFTRACE, 127);
}

/* (comm, kstack, ustack) */
static void add(const char *comm, uint32_t n_kernel, uint32_t n_user, int64_t value)
{
	const struct type *parts[] = { type_string(&tt, 16), stack_type(TYPE_KSTACK),
				       stack_type(TYPE_USTACK) };
	const struct type *key = type_tuple(&tt, parts, NULL, 3);
	char data[256] = { 0 };
	struct stored_stack k = { 1, n_kernel, 0 }, u = { 2, n_user, 77 };

	strcpy(data + key->fields[0].offset, comm);
	memcpy(data + key->fields[1].offset, &k, sizeof(k));
	memcpy(data + key->fields[2].offset, &u, sizeof(u));
	flame_tree_add(tree, &env, key, data, value);
}

static const char *folded(void)
{
	strbuf_clear(&out);
	flame_tree_sort(tree);
	flame_put_folded(tree, &out);
	return strbuf_cstr(&out);
}

TEST(outermost_first_user_before_kernel)
{
	setup();
	add("w", 2, 3, 5);
	add("w", 0, 3, 2);
	add("a", 0, 0, 1);
	CHECK_STR(folded(), "a 1\n"
			    "w;main;a:b;leaf 2\n"
			    "w;main;a:b;leaf;do_syscall_64_[k];schedule_[k] 5\n");
	CHECK(tree->root->total == 8);
	teardown();
}

TEST(equal_lines_are_one_and_odd_values_are_none)
{
	setup();
	add("w", 0, 1, 5);
	add("w", 0, 1, 6);
	add("w", 0, 1, 0);
	add("w", 0, 1, -4);
	CHECK_STR(folded(), "w;leaf 11\n");
	CHECK(tree->n_negative == 1);
	teardown();
}

TEST(a_mark_goes_behind_the_innermost_name)
{
	setup();
	add("_[off]", 1, 1, 5);
	add("_[on]", 0, 1, 3);
	CHECK_STR(folded(), "leaf;schedule_[off] 5\nleaf_[on] 3\n");
	teardown();
}

TEST(frames_without_a_name)
{
	struct stored_stack lost = { 9, 3, 0 };

	setup();
	add("w\nx", 0, 4, 1);
	flame_tree_add(tree, &env, stack_type(TYPE_USTACK), &lost, 7);
	CHECK_STR(folded(), "[stack not kept] 7\nw x;[libx.so];main;a:b;leaf 1\n");
	teardown();
}

TEST(which_maps_fit)
{
	struct image_map m = { .role = MAP_SCRIPT, .key_type = NULL, .is_scalar = true };

	setup();
	m.value_type = type_int(8, true);
	CHECK(!flame_fits(&m));
	m.is_scalar = false;
	m.key_type = type_int(8, true);
	CHECK(!flame_fits(&m));
	m.key_type = stack_type(TYPE_KSTACK);
	CHECK(flame_fits(&m));
	m.value_type = type_aggregate(&tt, TYPE_AVG, true, (const int64_t[]){ 0, 0, 0 });
	CHECK(!flame_fits(&m));
	m.value_type = type_aggregate(&tt, TYPE_SUM, true, (const int64_t[]){ 0, 0, 0 });
	CHECK(flame_fits(&m));
	teardown();
}

TEST(svg_holds_names_as_text_only)
{
	setup();
	add("<b>&\"\x01\xff", 1, 2, 30);
	add("other", 0, 1, 70);
	flame_tree_sort(tree);
	flame_put_svg(tree, STR("a <title>"), &out);
	CHECK(strstr(strbuf_cstr(&out), "data-n=\"&lt;b&gt;&amp;&quot;\\x01\\xff\""));
	CHECK(strstr(strbuf_cstr(&out), "a &lt;title&gt;</text>"));
	CHECK(strstr(strbuf_cstr(&out), "<title>all: 100, 100.00 %</title>"));
	CHECK(strstr(strbuf_cstr(&out), "<title>other: 70, 70.00 %</title>"));
	CHECK(strstr(strbuf_cstr(&out), "<title>schedule: 30, 30.00 % (kernel)</title>"));
	CHECK(!strstr(strbuf_cstr(&out), "<b>"));
	teardown();
}

TEST(speedscope_has_a_weight_for_each_stack)
{
	setup();
	add("w", 1, 1, 30);
	add("w", 0, 1, 70);
	flame_tree_sort(tree);
	flame_put_speedscope(tree, STR("t"), &out);
	CHECK(strstr(strbuf_cstr(&out), "\"samples\":[\n[0,1],\n[0,1,2]],\n\"weights\":[70,30]"));
	CHECK(strstr(strbuf_cstr(&out), "\"endValue\":100"));
	teardown();
}

static struct image *one_map(void)
{
	static struct image_map map, *maps[1] = { &map };
	static struct image image;

	map = (struct image_map){ .name = STR("@m"),
				  .role = MAP_SCRIPT,
				  .key_type = stack_type(TYPE_USTACK),
				  .value_type = type_int(8, true) };
	image = (struct image){ .maps = maps, .n_maps = 1 };
	return &image;
}

static char *read_file(const char *path)
{
	static char text[100000];
	FILE *f = fopen(path, "re");
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

	text[n] = '\0';
	if (f)
		fclose(f);
	return text;
}

TEST(what_was_cleared_is_added_and_what_was_only_printed_again_is_not)
{
	char dir[] = "/tmp/sonde-flame-XXXXXX", path[64];
	struct stored_stack s = { 2, 1, 7 };
	struct pictures *p = NULL;
	struct picture_opts opts = { .svg = path, .is_folded = true };
	uint64_t n_negative;

	setup();
	CHECK(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/x.svg", dir);
	CHECK(!pictures_new(&opts, one_map(), &p));
	CHECK(p && pictures_take(p, 0));
	for (int64_t v = 1; v <= 3; v++) { /* 1, 2 printed, cleared; then 3 */
		pictures_begin(p, 0);
		pictures_add(p, 0, &env, &s, v);
		pictures_end(p, 0, &out);
		if (v == 2)
			pictures_commit(p, 0);
	}
	CHECK_STR(strbuf_cstr(&out), "leaf 1\nleaf 2\nleaf 3\n");
	CHECK(!pictures_write(p, &n_negative));
	CHECK(strstr(read_file(path), "<title>leaf: 5, 100.00 %</title>"));
	pictures_free(p);
	unlink(path);
	rmdir(dir);
	teardown();
}

TEST(paths_that_cannot_be_written)
{
	struct pictures *p = NULL;
	struct picture_opts opts = { .svg = "/nowhere/x.svg" };
	struct err *e;

	setup();
	e = pictures_new(&opts, one_map(), &p);
	CHECK(e && !p);
	err_free(e);
	opts.svg = "/tmp";
	e = pictures_new(&opts, one_map(), &p);
	CHECK(e && !p);
	err_free(e);
	teardown();
}
