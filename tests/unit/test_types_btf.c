/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The BTF source: against a file made here with libbpf's writer (whose layout is what the test writes into it), and
 * against this kernel's BTF for what every kernel has. A file of garbage and a missing file are refused.
 */
#include "types/btf_source.h"

#include <bpf/btf.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"

static struct arena arena;
static struct type_table table;
static char path[] = "/tmp/sonde-test-btf-XXXXXX";

static struct type_table *fresh(void)
{
	type_table_free(&table);
	arena_free(&arena);
	type_table_init(&table, &arena);
	return &table;
}

static void write_file(const void *p, size_t n)
{
	int fd;

	memcpy(path + sizeof(path) - 7, "XXXXXX", 6);
	fd = mkstemp(path);
	CHECK(fd >= 0 && write(fd, p, n) == (ssize_t)n);
	close(fd);
}

/*
 * struct node { struct node *next; char name[16]; unsigned a:3, b:7; union { int x; long y; }; struct far *far;
 *               char __user *buf; _Bool on; struct node tail[]; };
 */
static void make_file(void)
{
	struct btf *b = btf__new_empty();
	const void *raw;
	uint32_t n;
	int i = btf__add_int(b, "int", 4, BTF_INT_SIGNED),
	    l = btf__add_int(b, "long", 8, BTF_INT_SIGNED);
	int u = btf__add_int(b, "unsigned int", 4, 0),
	    c = btf__add_int(b, "char", 1, BTF_INT_SIGNED);
	int bo = btf__add_int(b, "_Bool", 1, BTF_INT_BOOL),
	    far = btf__add_fwd(b, "far", BTF_FWD_STRUCT);
	int node = 8, anon, arr, pfar, puser, pnode, flex, e;

	anon = btf__add_union(b, NULL, 8);
	btf__add_field(b, "x", i, 0, 0);
	btf__add_field(b, "y", l, 0, 0);
	CHECK_INT(btf__add_struct(b, "node", 64), node);
	pnode = 9, arr = 10, pfar = 11, puser = 14, flex = 15;
	btf__add_field(b, "next", pnode, 0, 0);
	btf__add_field(b, "name", arr, 64, 0);
	btf__add_field(b, "a", u, 192, 3);
	btf__add_field(b, "b", u, 195, 7);
	btf__add_field(b, "", anon, 256, 0);
	btf__add_field(b, "far", pfar, 320, 0);
	btf__add_field(b, "buf", puser, 384, 0);
	btf__add_field(b, "on", bo, 448, 0);
	btf__add_field(b, "tail", flex, 512, 0);
	CHECK_INT(btf__add_ptr(b, node), pnode);
	CHECK_INT(btf__add_array(b, u, c, 16), arr);
	CHECK_INT(btf__add_ptr(b, far), pfar);
	btf__add_const(b, c);             /* 12 */
	btf__add_type_tag(b, "user", 12); /* 13 */
	CHECK_INT(btf__add_ptr(b, 13), puser);
	CHECK_INT(btf__add_array(b, u, node, 0), flex);
	btf__add_struct(b, "far", 4); /* defined after it was declared: 16 */
	btf__add_field(b, "v", i, 0, 0);
	btf__add_typedef(b, "node_t", node); /* 17 */
	e = btf__add_enum(b, "colour", 4);   /* 18 */
	btf__add_enum_value(b, "RED", 1);
	btf__add_enum_value(b, "BLUE", -2);
	btf__add_func_proto(b, i); /* 19 */
	btf__add_func_param(b, "n", pnode);
	btf__add_func_param(b, "how", e);
	btf__add_func(b, "paint", BTF_FUNC_STATIC, 19);
	raw = btf__raw_data(b, &n);
	write_file(raw, n);
	btf__free(b);
}

TEST(structs_of_a_file)
{
	struct type_table *tt = fresh();
	const struct type *t, *via_typedef;
	struct btfsrc *s;
	struct type_source *src;
	struct type_field f, g;

	make_file();
	s = btfsrc_new_file(tt, path, NULL);
	src = btfsrc_source(s);
	t = src->ops->find(src, 's', STR("node"));
	if (!CHECK(t != NULL))
		return;
	via_typedef = src->ops->find(src, 't', STR("node_t"));
	CHECK(via_typedef == t);
	CHECK(!src->ops->find(src, 'u', STR("node")));
	CHECK(!t->is_complete);
	CHECK(type_complete(t));
	CHECK_INT(t->size, 64);
	CHECK_INT(t->align, 8);
	CHECK(type_find_field(t, STR("next"), &f));
	CHECK(f.type->kind == TYPE_POINTER && f.type->elem == t);
	CHECK(type_find_field(t, STR("name"), &f));
	CHECK(type_is_char_array(f.type));
	CHECK_INT(f.type->count, 16);
	CHECK(type_find_field(t, STR("b"), &f));
	CHECK_INT(f.offset, 24);
	CHECK_INT(f.bit_offset, 3);
	CHECK_INT(f.bit_size, 7);
	CHECK(type_find_field(t, STR("y"), &f));
	CHECK_INT(f.offset, 32);
	CHECK(f.type == type_int(8, true));
	CHECK(type_find_field(t, STR("far"), &f));
	CHECK(type_find_field(f.type->elem, STR("v"),
			      &g)); /* the declaration led to the definition */
	CHECK(type_find_field(t, STR("buf"), &f));
	CHECK(f.is_user && f.type->space == SPACE_USER);
	CHECK(type_find_field(t, STR("on"), &f));
	CHECK(f.type == type_bool());
	CHECK(type_find_field(t, STR("tail"), &f));
	CHECK(f.type->is_flex && f.type->elem == t);
	btfsrc_free(s);
	unlink(path);
}

TEST(enums_functions_and_text)
{
	struct type_table *tt = fresh();
	STRBUF_AUTO out = { 0 };
	const struct type *t;
	struct btfsrc *s;
	struct type_source *src;
	int64_t v;

	make_file();
	s = btfsrc_new_file(tt, path, NULL);
	src = btfsrc_source(s);
	CHECK(src->ops->find_constant(src, STR("BLUE"), &v, &t));
	CHECK_INT(v, -2);
	CHECK_VIEW(t->name, "colour");
	CHECK(src->ops->find(src, 'e', STR("colour")) == t);
	CHECK(!src->ops->find_constant(src, STR("GREEN"), &v, &t));
	t = src->ops->find_function(src, STR("paint"));
	if (CHECK(t != NULL)) {
		CHECK_INT(t->n_fields, 2);
		CHECK_VIEW(t->fields[1].name, "how");
		CHECK_INT(t->fields[1].offset, 8);
		CHECK(t->elem == type_int(4, true));
	}
	CHECK(btfsrc_print_params(s, btfsrc_find_id(s, BTFSRC_FUNC, STR("paint")), 0, true, "    ",
				  &out));
	CHECK_STR(strbuf_cstr(&out), "    struct node * n\n    enum colour how\n    int retval\n");
	strbuf_clear(&out);
	CHECK(btfsrc_print_definition(s, btfsrc_find_id(s, BTFSRC_STRUCT, STR("node")), &out));
	CHECK_HAS(strbuf_cstr(&out),
		  "struct node {\n\tstruct node *next;\n\tchar name[16];\n\tunsigned int a: 3;\n");
	CHECK_HAS(strbuf_cstr(&out), "\tunion {\n\t\tint x;\n\t\tlong y;\n\t};\n");
	strbuf_clear(&out);
	CHECK(btfsrc_print_definition(s, btfsrc_find_id(s, BTFSRC_ENUM, STR("colour")), &out));
	CHECK_STR(strbuf_cstr(&out), "enum colour {\n\tRED = 1,\n\tBLUE = -2,\n};\n");
	btfsrc_free(s);
	unlink(path);
}

TEST(bad_files)
{
	struct type_table *tt = fresh();
	struct btfsrc *s = btfsrc_new_file(tt, "/nowhere/btf", NULL);
	struct type_source *src = btfsrc_source(s);

	CHECK(!src->ops->find(src, 's', STR("x")));
	CHECK(btfsrc_error(s) != NULL);
	btfsrc_free(s);
	write_file("\x9f\xeb\x01\x00 garbage that is no BTF at all", 34);
	s = btfsrc_new_file(tt, path, NULL);
	src = btfsrc_source(s);
	CHECK(!src->ops->find(src, 's', STR("x")));
	CHECK(btfsrc_error(s) != NULL);
	btfsrc_free(s);
	unlink(path);
}

static void count_type(void *arg, struct str name, const struct type *t)
{
	*(unsigned *)arg += t && name.n > 0;
}

TEST(this_kernel)
{
	struct type_table *tt = fresh();
	struct btfsrc *s = btfsrc_new_kernel(tt);
	struct type_source *src = btfsrc_source(s);
	struct timespec a, b;
	const struct type *t;
	struct type_field f;
	unsigned n = 0;
	int64_t v;
	long us;

	clock_gettime(CLOCK_MONOTONIC, &a);
	t = src->ops->find(src, 's', STR("task_struct"));
	clock_gettime(CLOCK_MONOTONIC, &b);
	if (!t) {
		btfsrc_free(s);
		SKIP("this kernel has no BTF");
	}
	us = (b.tv_sec - a.tv_sec) * 1000000 + (b.tv_nsec - a.tv_nsec) / 1000;
	printf("# opened and indexed in %ld us\n", us);
	CHECK(type_find_field(t, STR("comm"), &f));
	CHECK(type_is_char_array(f.type));
	CHECK_INT(f.type->count, 16);
	CHECK(type_find_field(t, STR("real_parent"), &f));
	CHECK(f.type->kind == TYPE_POINTER && f.type->elem == t);
	CHECK(src->ops->find_constant(src, STR("BPF_MAP_TYPE_RINGBUF"), &v, &t));
	CHECK_INT(v, 27);
	src->ops->each(src, count_type, &n);
	CHECK(n > 1000);
	printf("# %u named types, arena %zu KB\n", n, arena.used_total / 1024);
	btfsrc_free(s);
}
