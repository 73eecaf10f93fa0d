/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tests of the C text of scripts: preprocessor and declarations. Layouts are compared with what this compiler gives
 * the same definition (offsetof, sizeof), not with numbers that somebody worked out.
 */
#include "lang/cdecl.h"
#include "lang/constants.h"
#include "lang_fixture.h"

#include "tap.h"

struct c_text {
	struct lang l;
	struct type_table table;
	struct type_source *src;
};

static void c_open_next(struct c_text *c, const char *text, struct type_source *next)
{
	struct cdecl_opts o;

	lang_open(&c->l, text, true);
	type_table_init(&c->table, &c->l.arena);
	o = (struct cdecl_opts){ .table = &c->table, .diags = &c->l.diags, .next = next };
	c->src = cdecl_new(&o);
	cpp_feed(c->l.cpp, (struct span){ 0, (uint32_t)strlen(text), c->l.file, 0 });
	cdecl_parse(c->src, c->l.cpp);
}

static void c_open(struct c_text *c, const char *text)
{
	c_open_next(c, text, NULL);
}

static void c_close(struct c_text *c)
{
	cdecl_free(c->src);
	type_table_free(&c->table);
	lang_close(&c->l);
}

static const char *c_errors(struct c_text *c)
{
	strbuf_clear(&c->l.out);
	diag_render(&c->l.diags, &c->l.sources, false, &c->l.out);
	return strbuf_cstr(&c->l.out);
}

static const struct type *c_find(struct c_text *c, char keyword, const char *name)
{
	const struct type *t = c->src->ops->find(c->src, keyword, str_from(name));

	CHECK(t);
	return t ? t : type_int(1, false);
}

/* the definition, compiled by the compiler and as text */
#define DEFINE(...)  \
	__VA_ARGS__; \
	static const char text_of_definition[] = #__VA_ARGS__ ";"

#define CHECK_FIELD(t, s, member)                                                  \
	do {                                                                       \
		struct type_field f_;                                              \
		if (CHECK(type_find_field(t, STR(#member), &f_))) {                \
			CHECK_INT(f_.offset, offsetof(struct s, member));          \
			CHECK_INT(f_.type->size, sizeof(((struct s *)0)->member)); \
		}                                                                  \
	} while (0)

#define CHECK_SIZE(t, s)                                   \
	do {                                               \
		CHECK_INT((t)->size, sizeof(struct s));    \
		CHECK_INT((t)->align, _Alignof(struct s)); \
	} while (0)

TEST(plain_struct)
{
	DEFINE(struct plain {
		char c;
		short s;
		int i;
		unsigned long ul;
		const char *name;
		int array[3][5];
		bool b;
		uint8_t bytes[7];
		void (*fn)(int, char *);
		struct plain *next;
		long long unsigned int x, *y, z[2];
		int(*matrix)[4];
		char *names[4];
	});
	struct c_text c;
	const struct type *t;
	struct type_field f;

	c_open(&c, text_of_definition);
	CHECK_STR(c_errors(&c), "");
	t = c_find(&c, 's', "plain");
	CHECK_SIZE(t, plain);
	CHECK_FIELD(t, plain, c);
	CHECK_FIELD(t, plain, s);
	CHECK_FIELD(t, plain, i);
	CHECK_FIELD(t, plain, ul);
	CHECK_FIELD(t, plain, name);
	CHECK_FIELD(t, plain, array);
	CHECK_FIELD(t, plain, b);
	CHECK_FIELD(t, plain, bytes);
	CHECK_FIELD(t, plain, fn);
	CHECK_FIELD(t, plain, next);
	CHECK_FIELD(t, plain, x);
	CHECK_FIELD(t, plain, y);
	CHECK_FIELD(t, plain, z);
	CHECK_FIELD(t, plain, matrix);
	CHECK_FIELD(t, plain, names);
	if (CHECK(type_find_field(t, STR("array"), &f))) {
		CHECK_INT(f.type->count, 3);
		CHECK_INT(f.type->elem->count, 5);
	}
	if (CHECK(type_find_field(t, STR("next"), &f)))
		CHECK(f.type->elem == t);
	if (CHECK(type_find_field(t, STR("matrix"), &f)))
		CHECK(f.type->kind == TYPE_POINTER && f.type->elem->kind == TYPE_ARRAY);
	if (CHECK(type_find_field(t, STR("names"), &f)))
		CHECK(f.type->kind == TYPE_ARRAY && f.type->elem->kind == TYPE_POINTER);
	if (CHECK(type_find_field(t, STR("fn"), &f)))
		CHECK(f.type->kind == TYPE_POINTER && f.type->elem->kind == TYPE_FUNCTION);
	c_close(&c);
}

TEST(packed_and_aligned)
{
	DEFINE(struct packed {
		char c;
		int i;
		struct {
			short s;
			long l;
		} inner;
		int x __attribute__((aligned(8)));
	} __attribute__((packed)));
	struct c_text c;
	const struct type *t;

	c_open(&c, text_of_definition);
	CHECK_STR(c_errors(&c), "");
	t = c_find(&c, 's', "packed");
	CHECK_SIZE(t, packed);
	CHECK_FIELD(t, packed, i);
	CHECK_FIELD(t, packed, inner);
	CHECK_FIELD(t, packed, x);
	c_close(&c);
}

TEST(attribute_before_the_name)
{
	DEFINE(struct __attribute__((packed, aligned(16))) before {
		char c;
		int i;
	});
	struct c_text c;

	c_open(&c, text_of_definition);
	CHECK_STR(c_errors(&c), "");
	CHECK_SIZE(c_find(&c, 's', "before"), before);
	c_close(&c);
}

TEST(anonymous_members)
{
	DEFINE(struct anonymous {
		int a;
		union {
			int b;
			struct {
				char c;
				long d;
			};
			char bytes[3];
		};
		struct {
			int x;
		} named;
		char flexible[];
	});
	struct c_text c;
	const struct type *t;

	c_open(&c, text_of_definition);
	CHECK_STR(c_errors(&c), "");
	t = c_find(&c, 's', "anonymous");
	CHECK_SIZE(t, anonymous);
	CHECK_FIELD(t, anonymous, b);
	CHECK_FIELD(t, anonymous, c);
	CHECK_FIELD(t, anonymous, d);
	CHECK_FIELD(t, anonymous, bytes);
	CHECK_FIELD(t, anonymous, named);
	c_close(&c);
}

/* the place of a bit-field, found by setting all its bits in a zeroed struct */
#define CHECK_BITS(t, s, member)                                               \
	do {                                                                   \
		union {                                                        \
			struct s s_;                                           \
			unsigned char bytes[sizeof(struct s)];                 \
		} u_ = { .bytes = { 0 } };                                     \
		struct type_field f_;                                          \
		u_.s_.member = ~u_.s_.member;                                  \
		if (CHECK(type_find_field(t, STR(#member), &f_))) {            \
			int first_ = -1, count_ = 0;                           \
			for (int i_ = 0; i_ < (int)sizeof(struct s) * 8; i_++) \
				if (u_.bytes[i_ / 8] >> (i_ % 8) & 1) {        \
					first_ = first_ < 0 ? i_ : first_;     \
					count_++;                              \
				}                                              \
			CHECK_INT(f_.offset * 8 + f_.bit_offset, first_);      \
			CHECK_INT(f_.bit_size, count_);                        \
		}                                                              \
	} while (0)

TEST(bit_fields)
{
	DEFINE(struct bits {
		unsigned a : 3;
		unsigned b : 30;
		unsigned char c : 4;
		unsigned char d : 5;
		unsigned long e : 40;
		unsigned long f : 30;
		int : 0;
		unsigned g : 1;
		unsigned short : 7;
		unsigned short h : 10;
		char i;
		unsigned j : 8;
	});
	struct c_text c;
	const struct type *t;

	c_open(&c, text_of_definition);
	CHECK_STR(c_errors(&c), "");
	t = c_find(&c, 's', "bits");
	CHECK_SIZE(t, bits);
	CHECK_BITS(t, bits, a);
	CHECK_BITS(t, bits, b);
	CHECK_BITS(t, bits, c);
	CHECK_BITS(t, bits, d);
	CHECK_BITS(t, bits, e);
	CHECK_BITS(t, bits, f);
	CHECK_BITS(t, bits, g);
	CHECK_BITS(t, bits, h);
	CHECK_BITS(t, bits, j);
	CHECK_FIELD(t, bits, i);
	c_close(&c);
}

TEST(packed_bit_fields)
{
	DEFINE(struct pbits {
		unsigned a : 3;
		unsigned b : 30;
		unsigned char c : 7;
		short s;
		unsigned d : 17;
	} __attribute__((packed)));
	struct c_text c;
	const struct type *t;

	c_open(&c, text_of_definition);
	CHECK_STR(c_errors(&c), "");
	t = c_find(&c, 's', "pbits");
	CHECK_SIZE(t, pbits);
	CHECK_BITS(t, pbits, a);
	CHECK_BITS(t, pbits, b);
	CHECK_BITS(t, pbits, c);
	CHECK_BITS(t, pbits, d);
	CHECK_FIELD(t, pbits, s);
	c_close(&c);
}

TEST(unnamed_bit_fields_do_not_align)
{
	DEFINE(struct unnamed {
		char c;
		long : 3;
		char d;
		int : 0;
		char e;
	});
	struct c_text c;
	const struct type *t;

	c_open(&c, text_of_definition);
	t = c_find(&c, 's', "unnamed");
	CHECK_SIZE(t, unnamed);
	CHECK_FIELD(t, unnamed, d);
	CHECK_FIELD(t, unnamed, e);
	c_close(&c);
}

TEST(unions_and_typedefs)
{
	struct c_text c;
	const struct type *t;

	c_open(&c,
	       "typedef unsigned int u; typedef struct { u a; u b[2]; } pair, *pair_p;\n"
	       "union un { char c; pair p; long l; };\n"
	       "typedef int (*handler)(int); struct uses { handler h; pair_p p; pair inner; };\n"
	       "struct later; struct ref { struct later *l; }; struct later { int x; };\n"
	       "extern int foo(int a, struct ref *b); static inline int bar(void) { return 1; }\n"
	       "struct last { __u32 a; u64 b; size_t c; pid_t d }");
	CHECK_STR(c_errors(&c), "");
	CHECK_INT(c_find(&c, 't', "pair")->size, 12);
	CHECK_INT(c_find(&c, 't', "pair_p")->kind, TYPE_POINTER);
	t = c_find(&c, 'u', "un");
	CHECK_INT(t->size, 16);
	CHECK(t->is_union);
	CHECK_INT(c_find(&c, 's', "uses")->size, 32);
	CHECK(c_find(&c, 's', "ref")->fields[0].type->elem == c_find(&c, 's', "later"));
	CHECK_INT(c_find(&c, 's', "last")->size, 32);
	CHECK_INT(c_find(&c, 't', "long unsigned int")->size, 8);
	c_close(&c);
}

TEST(enums)
{
	struct c_text c;
	const struct type *t, *of;
	int64_t v;

	c_open(&c,
	       "#define BASE 10\nenum e { A, B = 5, C, D = BASE + (1 << 2), E = -1, F = sizeof(struct s *) + B, };\n"
	       "enum { BIG = 1ULL << 40 }; enum u { X = 0xffffffff };\n"
	       "struct s { enum e e; enum { IN } in; int a[C]; }");
	CHECK_STR(c_errors(&c), "");
	t = c_find(&c, 'e', "e");
	CHECK_INT(t->n_enumerators, 6);
	CHECK(t->is_signed);
	CHECK(c.src->ops->find_constant(c.src, STR("D"), &v, &of));
	CHECK_INT(v, 14);
	CHECK(of == t);
	CHECK(c.src->ops->find_constant(c.src, STR("F"), &v, &of));
	CHECK_INT(v, 13);
	CHECK(c.src->ops->find_constant(c.src, STR("BIG"), &v, &of));
	CHECK_INT(of->size, 8);
	CHECK_INT(c_find(&c, 'e', "u")->size, 4);
	CHECK(!c_find(&c, 'e', "u")->is_signed);
	CHECK(c.src->ops->find_constant(c.src, STR("IN"), &v, &of));
	CHECK(!c.src->ops->find_constant(c.src, STR("NONE"), &v, &of));
	CHECK_INT(c_find(&c, 's', "s")->size, 8 + 6 * 4);
	c_close(&c);
}

/* a next source that knows one struct and one typedef */
static const struct type *fake_find(struct type_source *src, char keyword, struct str name)
{
	struct type *t;

	if (keyword == 't' && str_is(name, "kernel_t"))
		return type_int(8, false);
	if (keyword != 's' || !str_is(name, "task"))
		return NULL;
	t = type_new_struct(src->table, name, false);
	t->size = t->align = 8;
	t->is_complete = true;
	return t;
}

TEST(next_source)
{
	static const struct type_source_ops ops = { .find = fake_find };
	struct arena arena = { 0 };
	struct type_table tt;
	struct type_source fake = { .ops = &ops, .table = &tt };
	struct c_text c;
	const struct type *t;

	arena_init(&arena);
	type_table_init(&tt, &arena);
	c_open_next(
		&c,
		"struct mine { kernel_t k; struct task *p; struct task by_value; struct nobody *q; }",
		&fake);
	CHECK_STR(c_errors(&c), "");
	t = c_find(&c, 's', "mine");
	CHECK_INT(t->size, 32);
	CHECK(t->fields[1].type->elem->is_complete);
	CHECK(!t->fields[3].type->elem->is_complete);
	CHECK(!type_complete(t->fields[3].type->elem));
	CHECK(!c.src->ops->find(c.src, 's', STR("task")));
	c_close(&c);
	type_table_free(&tt);
	arena_free(&arena);
}

static void check_error(const char *text, const char *part)
{
	struct c_text c;

	c_open(&c, text);
	CHECK_HAS(c_errors(&c), part);
	c_close(&c);
}

TEST(declaration_faults)
{
	check_error("struct s { foo x; };", "stdin:1:12-15: ERROR: unknown type name 'foo'");
	check_error("struct s { int x int y; };", "expected ';' behind a member, found 'int'");
	check_error("struct s { int x; int x; };", "there is a member 'x' already");
	check_error("struct s { int x;",
		    "expected '}' to close the struct or union, found the end of the C text");
	check_error("struct s { int; }; struct s { int y; };", "'struct s' is defined already");
	check_error("struct s { int a; struct s { int b; int c; } x; };",
		    "'struct s' is defined already");
	check_error("struct s { struct s inner; };", "type of unknown size: struct s");
	check_error("struct s { void v; };", "type of unknown size");
	check_error("struct s { int a[-1]; };", "must be from 0");
	check_error("struct s { int a[n]; };", "the size of an array must be a constant");
	check_error("struct s { int a : 33; };", "0 to 32 bits wide");
	check_error("struct s { char *a : 3; };", "must have an integer type");
	check_error("struct s { int a : 0; };", "must have no name");
	check_error("struct s { int a; } __attribute__((aligned(3)));", "power of two");
	check_error("struct s { int a; } __attribute__ (packed);",
		    "expected '((' behind __attribute__");
	check_error("enum e { A, A };", "the enumerator 'A' is defined already");
	check_error("struct s { enum nope e; };", "'enum nope' is not defined");
	check_error("typedef int a; typedef long a;", "the typedef 'a' is defined already");
	check_error("struct s { unsigned char long x; };", "these words make no type");
	check_error("struct s { long double x; };", "long double is not supported");
	check_error("struct s { int x[1 << 30][1 << 30]; };", "2 GiB");
}

/* three faults, three messages; what is right in between is there */
TEST(several_faults)
{
	struct c_text c;

	c_open(&c,
	       "struct a { foo x; bar y; int z; }; struct ok { int x; }; struct b { int q[; int r; };");
	CHECK_INT(c.l.diags.n_errors, 3);
	CHECK_INT(c_find(&c, 's', "ok")->size, 4);
	c_close(&c);
}

TEST(deep_nesting_is_refused)
{
	STRBUF_AUTO text = { 0 };
	struct c_text c;

	for (int i = 0; i < 5000; i++)
		strbuf_puts(&text, "struct { ");
	c_open(&c, strbuf_cstr(&text));
	CHECK(c.l.diags.n_errors > 0);
	c_close(&c);
	strbuf_clear(&text);
	strbuf_puts(&text, "struct s { int ");
	for (int i = 0; i < 5000; i++)
		strbuf_puts(&text, "(*");
	c_open(&c, strbuf_cstr(&text));
	CHECK(c.l.diags.n_errors > 0);
	c_close(&c);
}

TEST(conditions)
{
	struct c_text c;
	int64_t v;

	c_open(&c,
	       "#define ON 1\n#if defined(ON) && ON == 1 && !defined OFF\nenum { YES = 1 };\n#else\nenum { NO };\n#endif\n"
	       "#ifdef BPFTRACE_HAVE_BTF\nenum { BTF = 1 };\n#endif\n#ifndef BPFTRACE_HAVE_BTF\n#error no\n#endif\n"
	       "#if 0\n#if 1\n#bogus\ndon't\n#endif\n#elif KERNEL_VERSION(5, 8, 0) > KERNEL_VERSION(5, 7, 300)\nenum { ELIF = 1 };\n"
	       "#elif 1\nenum { NO };\n#else\nenum { NO };\n#endif\n"
	       "#if UNKNOWN || (2 > 1 ? 3 - 3 : 1)\nenum { NO };\n#endif\n");
	CHECK_STR(c_errors(&c), "");
	CHECK(c.src->ops->find_constant(c.src, STR("YES"), &v, NULL));
	CHECK(c.src->ops->find_constant(c.src, STR("BTF"), &v, NULL));
	CHECK(c.src->ops->find_constant(c.src, STR("ELIF"), &v, NULL));
	CHECK(!c.src->ops->find_constant(c.src, STR("NO"), &v, NULL));
	c_close(&c);
}

TEST(directive_faults)
{
	check_error("#if 1\n", "#if without #endif");
	check_error("#endif\n", "#endif without #if");
	check_error("#if 1\n#else\n#else\n#endif\n", "#else behind #else");
	check_error("#if (1\n#endif\n", "#if: ')' is missing");
	check_error("#if 1 +\n#endif\n", "ends too early");
	check_error("#if FOO(1)\n#endif\n", "a call of something that is not defined");
	check_error("#define\n", "#define needs a name");
	check_error("#define F(a b\n", "parameters are names");
	check_error("#frobnicate\n", "unknown directive '#frobnicate'");
	check_error("#include foo\n", "#include needs");
	check_error("#include \"nope.h\"\n", "header 'nope.h' not found");
	check_error("#include <nope.h>\n", "HINT: give its folder with -I");
	check_error("#error stop here\n", "#error stop here");
	check_error("#define A 1\n#define A 2\n", "WARNING: 'A' is defined again");
}

static bool fake_read(void *arg, struct arena *arena, struct str path, struct str *text)
{
	if (str_is(path, "inc/a.h")) {
		*text = STR(
			"#pragma once\n#include \"b.h\"\nstruct a { struct b b; };\n#define FROM_A 1\n");
		return true;
	}
	if (str_is(path, "inc/b.h")) {
		*text = STR(
			"#ifndef B_H\n#define B_H\nstruct b { int x; };\n#include \"a.h\"\n#endif\n");
		return true;
	}
	if (str_is(path, "loop.h")) {
		*text = STR("#include \"loop.h\"\n");
		return true;
	}
	return false;
}

TEST(includes)
{
	static const struct str dirs[] = { STR_INIT("nowhere"), STR_INIT("inc") };
	static const char text[] =
		"#include <a.h>\n#include \"a.h\"\n#include <linux/sched.h>\n#include <stdint.h>\n";
	struct lang l;
	struct cpp_opts o;
	struct type_table tt;
	struct type_source *src;
	const struct type *t;

	lang_open(&l, text, false);
	o = (struct cpp_opts){ .arena = &l.arena,
			       .sources = &l.sources,
			       .diags = &l.diags,
			       .include_dirs = dirs,
			       .n_include_dirs = 2,
			       .read_file = fake_read };
	l.cpp = cpp_new(&o);
	cpp_feed(l.cpp, (struct span){ 0, sizeof(text) - 1, l.file, 0 });
	CHECK_INT(l.diags.n_errors, 0);
	CHECK(cpp_find_define(l.cpp, STR("FROM_A")));
	type_table_init(&tt, &l.arena);
	src = cdecl_new(&(struct cdecl_opts){ .table = &tt, .diags = &l.diags });
	cdecl_parse(src, l.cpp);
	CHECK_INT(l.diags.n_errors, 0);
	t = src->ops->find(src, 's', STR("a"));
	CHECK(t && t->size == 4);
	cpp_include(l.cpp, STR("loop.h"), (struct span){ 0, 1, l.file, 0 });
	CHECK_INT(l.diags.n_errors, 1);
	cdecl_free(src);
	type_table_free(&tt);
	lang_close(&l);
}

TEST(constants)
{
	struct c_text c;
	const struct type *type = type_int(1, false);
	bool is_enumerator;
	int64_t v;

	c_open(&c, "struct s { char name[IFNAMSIZ]; int x[AF_INET6]; }; enum { AF_INET = 77 };");
	CHECK_STR(c_errors(&c), "");
	CHECK_INT(c_find(&c, 's', "s")->size, 16 + 40);
	CHECK(c.src->ops->find_constant(c.src, STR("AF_INET6"), &v, &type));
	CHECK_INT(v, 10);
	CHECK(!type);
	CHECK(c.src->ops->find_constant(c.src, STR("AF_INET"), &v, &type));
	CHECK_INT(v, 77);
	CHECK(constant_find(STR("AT_FDCWD"), &v, &is_enumerator));
	CHECK_INT(v, -100);
	CHECK(!is_enumerator);
	CHECK(constant_find(STR("TCP_ESTABLISHED"), &v, &is_enumerator));
	CHECK(is_enumerator);
	CHECK(!constant_find(STR("NO_SUCH_NAME"), &v, &is_enumerator));
	c_close(&c);
}
