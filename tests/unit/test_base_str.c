/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Borrowed strings, string buffers: src/base/str.c, strbuf.c. Expectations are written out by hand. */
#include "base/str.h"

#include "base/strbuf.h"

#include "tap.h"

TEST(compare)
{
	CHECK(str_eq(STR("abc"), STR("abc")));
	CHECK(!str_eq(STR("abc"), STR("abd")));
	CHECK(!str_eq(STR("abc"), STR("ab")));
	CHECK(str_eq(STR_NULL, STR("")));
	CHECK(str_is(STR("x"), "x"));
	CHECK(str_cmp(STR("a"), STR("b")) < 0);
	CHECK(str_cmp(STR("ab"), STR("a")) > 0);
	CHECK(str_cmp(STR("a"), STR("ab")) < 0);
	CHECK_INT(str_cmp(STR("same"), STR("same")), 0);
	/* bytes are compared unsigned, as memcmp does */
	CHECK(str_cmp(STR("\x80"), STR("\x7f")) > 0);
	CHECK(str_eq_nocase(STR("BEGIN"), STR("begin")));
	CHECK(!str_eq_nocase(STR("BEGIN"), STR("begi")));
}

TEST(starts_and_ends)
{
	CHECK(str_starts(STR("uprobe:/x"), STR("uprobe:")));
	CHECK(!str_starts(STR("up"), STR("uprobe")));
	CHECK(str_starts(STR("up"), STR("")));
	CHECK(str_ends(STR("libc.so.6"), STR(".6")));
	CHECK(!str_ends(STR("6"), STR(".6")));
}

TEST(find)
{
	CHECK_INT(str_find_char(STR("a:b:c"), ':', 0), 1);
	CHECK_INT(str_find_char(STR("a:b:c"), ':', 2), 3);
	CHECK_INT(str_find_char(STR("a:b:c"), ':', 4), -1);
	CHECK_INT(str_find_char(STR("abc"), 'a', 99), -1);
	CHECK_INT(str_find(STR("hay needle"), STR("needle")), 4);
	CHECK_INT(str_find(STR("hay"), STR("needle")), -1);
	CHECK_INT(str_find(STR("hay"), STR("")), 0);
}

TEST(sub_clamps)
{
	CHECK_VIEW(str_sub(STR("hello"), 1, 3), "el");
	CHECK_VIEW(str_sub(STR("hello"), 1, 99), "ello");
	CHECK_VIEW(str_sub(STR("hello"), 4, 2), "");
	CHECK_VIEW(str_sub(STR("hello"), 99, 100), "");
	CHECK_VIEW(str_sub(STR_NULL, 0, 5), "");
}

TEST(trim)
{
	CHECK_VIEW(str_trim(STR(" \t a b \n")), "a b");
	CHECK_VIEW(str_trim(STR("  ")), "");
	CHECK_VIEW(str_trim(STR("")), "");
}

TEST(split_walks_the_parts)
{
	struct str s = STR("uprobe:/bin/sh:main");

	CHECK_VIEW(str_split(&s, ':'), "uprobe");
	CHECK_VIEW(str_split(&s, ':'), "/bin/sh");
	CHECK_VIEW(s, "main");
	CHECK_VIEW(str_split(&s, ':'), "main");
	CHECK_INT(s.n, 0);
	s = STR("a:");
	CHECK_VIEW(str_split(&s, ':'), "a");
	CHECK_INT(s.n, 0);
	s = STR(":b");
	CHECK_VIEW(str_split(&s, ':'), "");
	CHECK_VIEW(s, "b");
}

TEST(glob)
{
	CHECK(str_glob(STR("*"), STR("")));
	CHECK(str_glob(STR("*"), STR("anything")));
	CHECK(str_glob(STR("get*Command"), STR("getCommand")));
	CHECK(str_glob(STR("get*Command"), STR("getrangeCommand")));
	CHECK(!str_glob(STR("get*Command"), STR("getCommands")));
	CHECK(str_glob(STR("a*b*c"), STR("aXbYbZc")));
	CHECK(!str_glob(STR("a*b*c"), STR("aXbY")));
	CHECK(str_glob(STR("**x**"), STR("x")));
	CHECK(!str_glob(STR(""), STR("x")));
	CHECK(str_glob(STR(""), STR("")));
	/* only the star is special */
	CHECK(str_glob(STR("a?[b]"), STR("a?[b]")));
	CHECK(!str_glob(STR("a?"), STR("ab")));
	CHECK(str_has_glob(STR("a*")));
	CHECK(!str_has_glob(STR("a?")));
}

TEST(glob_of_hostile_pattern_ends)
{
	char text[4096];

	/* a backtracking matcher takes exponential time here */
	memset(text, 'a', sizeof(text));
	CHECK(!str_glob(STR("*a*a*a*a*a*a*a*a*a*a*a*a*b"), str_make(text, sizeof(text))));
}

TEST(to_u64)
{
	uint64_t v = 7;

	CHECK(str_to_u64(STR("0"), &v) && v == 0);
	CHECK(str_to_u64(STR("42"), &v) && v == 42);
	CHECK(str_to_u64(STR("0x1fF"), &v) && v == 0x1ff);
	CHECK(str_to_u64(STR("0755"), &v) && v == 0755);
	CHECK(str_to_u64(STR("18446744073709551615"), &v) && v == UINT64_MAX);
	v = 7;
	CHECK(!str_to_u64(STR("18446744073709551616"), &v));
	CHECK(!str_to_u64(STR("0x1ffffffffffffffff"), &v));
	CHECK(!str_to_u64(STR(""), &v));
	CHECK(!str_to_u64(STR("0x"), &v));
	CHECK(!str_to_u64(STR("12a"), &v));
	CHECK(!str_to_u64(STR("08"), &v));
	CHECK(!str_to_u64(STR(" 1"), &v));
	CHECK(!str_to_u64(STR("-1"), &v));
	CHECK_INT(v, 7);
}

TEST(to_i64)
{
	int64_t v = 7;

	CHECK(str_to_i64(STR("-1"), &v) && v == -1);
	CHECK(str_to_i64(STR("+1"), &v) && v == 1);
	CHECK(str_to_i64(STR("-0x10"), &v) && v == -16);
	CHECK(str_to_i64(STR("9223372036854775807"), &v) && v == INT64_MAX);
	CHECK(str_to_i64(STR("-9223372036854775808"), &v) && v == INT64_MIN);
	v = 7;
	CHECK(!str_to_i64(STR("9223372036854775808"), &v));
	CHECK(!str_to_i64(STR("-9223372036854775809"), &v));
	CHECK(!str_to_i64(STR("-"), &v));
	CHECK(!str_to_i64(STR("--1"), &v));
	CHECK_INT(v, 7);
}

TEST(distance)
{
	CHECK_INT(str_distance(STR("printf"), STR("printf"), 3), 0);
	CHECK_INT(str_distance(STR("prntf"), STR("printf"), 3), 1);
	CHECK_INT(str_distance(STR("kitten"), STR("sitting"), 5), 3);
	CHECK_INT(str_distance(STR(""), STR("abc"), 5), 3);
	/* capped: one more than the limit */
	CHECK_INT(str_distance(STR("aaaaaa"), STR("bbbbbb"), 2), 3);
}

TEST(hash_is_fnv1a)
{
	/* published test vectors of FNV-1a, 64 bits */
	CHECK(str_hash(STR("")) == 0xcbf29ce484222325ULL);
	CHECK(str_hash(STR("a")) == 0xaf63dc4c8601ec8cULL);
	CHECK(str_hash(STR("foobar")) == 0x85944171f73967e8ULL);
}

TEST(strbuf_grows)
{
	STRBUF_AUTO b = { 0 };

	CHECK_STR(strbuf_cstr(&b), "");
	strbuf_puts(&b, "ab");
	strbuf_putc(&b, 'c');
	strbuf_fill(&b, '-', 3);
	strbuf_fill(&b, 'x', 0);
	strbuf_add_str(&b, STR("d"));
	strbuf_printf(&b, " %d %s", 42, "end");
	CHECK_STR(strbuf_cstr(&b), "abc---d 42 end");
	strbuf_clear(&b);
	CHECK_STR(strbuf_cstr(&b), "");
	for (int i = 0; i < 10000; i++)
		strbuf_printf(&b, "%04d", i);
	CHECK_INT(b.n, 40000);
	CHECK_VIEW(str_sub(strbuf_str(&b), 39996, 40000), "9999");
	strbuf_add(&b, "\0z", 2);
	CHECK_INT(b.n, 40002);
	CHECK_INT(b.p[40001], 'z');
}
