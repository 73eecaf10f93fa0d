/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which types variables, map values ("@x") and map keys ("@x[]") come to have: a row for each rule
 * of docs/language.md.
 */
#include "sema_fixture.h"
#include "tap.h"

struct row {
	const char *body;        /* of begin, unless it begins with '%': then the whole script */
	const char *what, *type; /* type NULL: must be refused */
};

static void check_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct fixture f;
		char script[2048];

		if (rows[i].body[0] == '%')
			snprintf(script, sizeof(script), "%s", rows[i].body + 1);
		else
			snprintf(script, sizeof(script), "begin { %s }", rows[i].body);
		fixture_check(&f, script);
		if (!rows[i].type) {
			if (!CHECK(f.unit == NULL))
				printf("# accepted: %s\n", script);
		} else if (!CHECK_STR(fixture_type(&f, rows[i].what), rows[i].type)) {
			printf("# %s of %s\n# %s\n", rows[i].what, script, strbuf_cstr(&f.text));
		}
		fixture_free(&f);
	}
}

#define CHECK_ROWS(...)                                            \
	do {                                                       \
		static const struct row rows_[] = { __VA_ARGS__ }; \
		check_rows(rows_, sizeof(rows_) / sizeof(*rows_)); \
	} while (0)

TEST(integer_literals)
{
	CHECK_ROWS({ "$a = 1;", "$a", "int8" }, { "$a = -1;", "$a", "int8" },
		   { "$a = 200;", "$a", "int16" }, { "$a = -1000;", "$a", "int16" },
		   { "$a = 40000;", "$a", "int32" }, { "$a = 3000000000;", "$a", "int64" },
		   { "$a = 10446744073709551615;", "$a", "uint64" },
		   { "$a = 1; $a = (uint32)2;", "$a", "uint32" },
		   { "$a = 1; $a = 2; $a = (uint64)3;", "$a", "uint64" },
		   { "$a = 1; $a = -1; $a = (int32)3;", "$a", "int32" },
		   { "$a = -1; $a = (uint64)2;", "$a", "int64" },
		   { "$a = 1; $a = -1; $a = (uint64)2;", "$a", "int64" },
		   { "$a = (uint8)1; $a = 200;", "$a", "uint8" },
		   { "$a = (int8)1; $a = 200;", "$a", "int16" }, { "$a = 1 << 16;", "$a", "int32" },
		   { "$a = 1m;", "$a", "int64" },
		   { "$a = -1; $a = 9223372036854775808;", "$a", NULL },
		   { "$a = 5 > 3;", "$a", "bool" }, { "$a = \"a\" < \"b\";", "$a", "bool" },
		   { "$a = ~0;", "$a", "uint64" });
}

TEST(integers_of_different_sizes_and_signs)
{
	CHECK_ROWS({ "$a = (int8)1; $a = (uint8)2;", "$a", "int16" },
		   { "$a = (uint32)1; $a = (int32)2;", "$a", "int64" },
		   { "$a = (uint64)1; $a = (int64)2;", "$a", "int64" },
		   { "$a = (uint32)1; $b = (int32)2; $a = $b;", "$a", "int64" },
		   { "$a = 1; $b = -1000; $a = $b;", "$a", "int16" },
		   { "let $v; $a = $v; $v = 10;", "$a", "int8" },
		   { "$a = 1; $b = $a; $a = (uint64)2;", "$b", "uint64" },
		   { "@x[(int8)1] = 1; @x[(uint8)2] = 1;", "@x[]", "int16" },
		   { "@x = (int64)1; @x = (uint64)2;", "@x", "int64" },
		   { "@x[1] = 1; @x[(uint64)2] = 1;", "@x[]", "uint64" },
		   { "@x[-1] = 1; @x[(uint32)1] = 1;", "@x[]", "int64" },
		   { "$a = 1; @x = (uint32)1; $a = @x; @y = $a; @x = (int64)2;", "@y", "int64" });
}

TEST(arithmetic)
{
	CHECK_ROWS({ "$a = (uint32)1 + (uint32)2;", "$a", "uint64" },
		   { "$a = (int32)1 + (int32)2;", "$a", "int64" },
		   { "$a = (uint32)1 + (int32)2;", "$a", "int64" },
		   { "$a = (uint64)10 + 2;", "$a", "uint64" },
		   { "$a = (uint64)10 + (-1);", "$a", "int64" },
		   { "$a = (uint32)2 - (uint32)1;", "$a", "int64" },
		   { "$a = (uint64)((uint64)1 - (uint64)2);", "$a", "uint64" },
		   { "$a = (uint16)1 & (uint16)2;", "$a", "uint64" },
		   { "$a = (uint32)1 << (int32)2;", "$a", "uint64" },
		   { "$a = (int32)1 >> (uint32)2;", "$a", "int64" },
		   { "$a = (uint8)1 * sizeof(uint64 *);", "$a", "uint64" },
		   { "$x = (1 == 2); $a = $x + $x;", "$a", "bool" },
		   { "$a = (uint32)1 != (int32)2;", "$a", "bool" },
		   { "$a = (1 && 2);", "$a", "bool" }, { "$a = 1; $c = ++$a;", "$c", "int64" },
		   { "$a = 1; $a--;", "$a", "int64" }, { "@a = (int16)2; ++@a;", "@a", "int64" },
		   { "@a++;", "@a", "int64" }, { "@a <<= 1;", "@a", "int64" },
		   { "let $a: int16; $c = ++$a;", "$c", "int16" },
		   { "$x = (uint32)5; $x += 1;", "$x", "uint64" },
		   { "$a = \"x\" + 1; $b = $a - 1;", "$b", NULL },
		   { "++@a; @a = \"hello\";", "@a", NULL });
}

TEST(pointers)
{
	CHECK_ROWS(
		{ "$v = 1; $p = &$v; $a = $p + 1;", "$a", "int8 *" },
		{ "$v = 1; $p = &$v; $a = *$p;", "$a", "int8" },
		{ "$v = 1; $p = &$v; $a = 1 - $p;", "$a", NULL },
		{ "$v = 1; $p = &$v; $a = $p * $p;", "$a", NULL },
		{ "$v = 1; $p = &$v; $a = $p == $p;", "$a", "bool" },
		{ "$a = 1; $b = &$a; $c = *$b; $a = (uint32)2;", "$c", "uint32" },
		{ "@a = 1; $x = &@a;", "$x", "int8 *" }, { "$x = &@a;", "$x", NULL },
		{ "%uprobe:/x:f { $p = (int32 *)arg0; $a = $p[2]; }", "$a", "int32" },
		{ "%uprobe:/x:f { $p = (int32 *)arg0; $p += 1; $a = *$p; }", "$a", "int32" },
		{ "%struct S { int a; struct S *n; char c[4]; } uprobe:/x:f { $p = (struct S *)arg0; $a = $p.n.n.a; }",
		  "$a", "int32" },
		{ "%struct S { int a; struct S *n; char c[4]; } uprobe:/x:f { $p = (struct S *)arg0; $a = $p->c; }",
		  "$a", "string[5]" },
		{ "%struct S { int a; struct S *n; char c[4]; } uprobe:/x:f { $p = (struct S *)arg0; $a = $p->c[1]; }",
		  "$a", "int8" },
		{ "%struct S { int a; } uprobe:/x:f { $s = *(struct S *)arg0; $a = $s.a; }", "$a",
		  "int32" },
		{ "%struct S { int a; } uprobe:/x:f { $a = ((struct S *)arg0).b; }", "$a", NULL },
		{ "%struct S { int a:3; union { int x; char y; }; } uprobe:/x:f { $a = ((struct S *)arg0).y; }",
		  "$a", "int8" });
}

TEST(strings_and_buffers)
{
	CHECK_ROWS(
		{ "$a = \"str\";", "$a", "string[4]" },
		{ "$a = \"str\"; $a = \"longer\";", "$a", "string[7]" },
		{ "$b = \"longer\"; $a = \"x\"; $a = $b;", "$a", "string[7]" },
		{ "@a[\"x\"] = 1; @a[\"long\"] = 1;", "@a[]", "string[5]" },
		{ "$a = \"foo\"; $b = $a[1];", "$b", "int8" },
		{ "$a = \"foo\"; $b = $a[4];", "$b", NULL }, { "$a = comm;", "$a", "string[16]" },
		{ "%uprobe:/x:f { $a = str(arg0); }", "$a", "string[1025]" },
		{ "%uprobe:/x:f { $a = str(arg0, 5); }", "$a", "string[6]" },
		{ "%uprobe:/x:f { $a = str(arg0, arg1); }", "$a", "string[1025]" },
		{ "%config = { max_strlen = 64 } uprobe:/x:f { $a = str(arg0); }", "$a",
		  "string[65]" },
		{ "%config = { str_len_counts_nul = true } uprobe:/x:f { $a = str(arg0, 5); }",
		  "$a", "string[5]" },
		{ "%uprobe:/x:f { $a = buf(arg0, 8); }", "$a", "buffer[12]" },
		{ "%uprobe:/x:f { $a = (string[64])arg0; }", "$a", "string[64]" },
		{ "let $a : string; $a = \"hiya\";", "$a", "string[5]" },
		{ "let $a : string[3] = \"hiya\";", "$a", "string[3]" },
		{ "$a = \"a\" == \"b\" ? \"x\" : \"yy\";", "$a", "string[3]" },
		{ "$a = str($2);", "$a", "string[6]" }, { "$a = strerror(1);", "$a", "string[64]" },
		{ "$a = str_concat(\"ab\", \"cd\");", "$a", "string[5]" });
}

TEST(tuples_and_records)
{
	CHECK_ROWS(
		{ "$a = (1, \"str\");", "$a", "(int8,string[4])" },
		{ "$a = ((uint32)1, \"str\"); $a = (1, \"longer\");", "$a", "(uint32,string[7])" },
		{ "$a = ((uint32)1, (\"str\", (int16)2)); $a = (1, (\"longer\", (uint16)2));", "$a",
		  "(uint32,(string[7],int32))" },
		{ "$a = (x=(uint32)1, y=\"str\"); $a = (y=\"longer\", x=(int32)1);", "$a",
		  "record { .x = int64, .y = string[7] }" },
		{ "$a = (1, 2); $b = $a.0;", "$b", "int8" },
		{ "$a = (1, \"x\"); $b = $a[1];", "$b", "string[2]" },
		{ "$a = (1, 2); $b = $a.2;", "$b", NULL }, { "$a = (x=1); $b = $a.y;", "$b", NULL },
		{ "$a = (1, 2); $a = (1, 2, 3);", "$a", NULL }, { "$a = (1,);", "$a", "(int8)" },
		{ "$a = ();", "$a", "()" }, { "@a[1, \"x\"] = 1;", "@a[]", "(int8,string[2])" },
		{ "@a[1, 2] = 1; @a[(3, (int64)4)] = 1;", "@a[]", "(int8,int64)" },
		{ "@c = count(); $a = (1, @c);", "$a", "(int8,uint64)" },
		{ "@h = hist(1); $a = (1, @h);", "$a", NULL });
}

TEST(aggregations)
{
	CHECK_ROWS({ "@a = count();", "@a", "count_t" }, { "@a = sum(1);", "@a", "sum_t" },
		   { "@a = sum(pid);", "@a", "usum_t" },
		   { "@a = sum((uint64)1); @a = sum(-1);", "@a", "sum_t" },
		   { "@a = hist(5);", "@a", "hist_t" },
		   { "@a = lhist(5, 0, 10, 1);", "@a", "lhist_t" },
		   { "@a = tseries(5, 10s, 1);", "@a", "tseries_t" },
		   { "@a = sum(1); $a = @a;", "$a", "int64" },
		   { "@a = sum((uint64)1); $a = @a;", "$a", "uint64" },
		   { "@a = sum(1); @a = avg(-1);", "@a", NULL },
		   { "@a = sum(1); @a = 1;", "@a", NULL },
		   { "@a = count(); @b = (uint64)@a;", "@b", "uint64" },
		   { "@a = count(); @b = @a;", "@b", NULL },
		   { "@b = 1; @a = count(); @b = @a;", "@b", "uint64" },
		   { "$a = count();", "$a", NULL }, { "@a = hist(1); $a = @a;", "$a", NULL },
		   { "@a = hist(1); @b = @a;", "@b", NULL }, { "@a = hist(1, 6);", "@a", NULL },
		   { "@a = lhist(1, 10, 0, 1);", "@a", NULL },
		   { "@a[1] = count(); for ($kv : @a) { $v = $kv.1; }", "$v", "uint64" });
}

TEST(declarations)
{
	CHECK_ROWS({ "let $a: uint32 = (uint32)1;", "$a", "uint32" },
		   { "let $a: int16 = 1;", "$a", "int16" }, { "let $a: uint16 = -1;", "$a", NULL },
		   { "let $a: uint16 = (uint16)-1;", "$a", "uint16" },
		   { "let $a: uint8 = 10000;", "$a", NULL },
		   { "let $a: int8 = 1; $a = -100;", "$a", "int8" },
		   { "$b = -1; let $a: uint16 = $b;", "$a", "uint16" },
		   { "let $a: sum_t;", "$a", NULL },
		   { "let $a: struct nothing; print($a);", "$a", NULL },
		   { "$b = 1; let $a: typeof($b) = \"str\";", "$a", NULL },
		   { "let $b; let $a: typeof($b) = (uint64)1; $b = (uint32)2; $b = (uint64)3;",
		     "$a", "uint64" },
		   { "let $a; if ($a) { $a = 1; } @b = $a;", "@b", "int8" },
		   { "let $a; let $b; $b = $a; $a = $b;", "$a", NULL },
		   { "%struct x { int a; } begin { let $a: struct x[10]; }", "$a", "struct x[10]" });
}

TEST(casts)
{
	CHECK_ROWS({ "$a = (int8)(uint64)1;", "$a", "int8" },
		   { "$a = (int8[])1;", "$a", "int8[1]" },
		   { "$a = (int8[])\"hello\";", "$a", "int8[6]" },
		   { "$a = (uint8[8])12345;", "$a", "uint8[8]" },
		   { "$a = (uint8[8])12345; $x = (uint64)$a;", "$x", "uint64" },
		   { "$a = (uint8[4])1; $x = (uint64)$a;", "$x", NULL },
		   { "$a = (int32[])(int16)1;", "$a", NULL },
		   { "$a = (int8[2])\"hello\";", "$a", NULL },
		   { "$a = (bool[2])(uint16)1;", "$a", "bool[2]" },
		   { "$a = (bool)5;", "$a", "bool" }, { "$a = (int32)\"abc\";", "$a", NULL },
		   { "$a = (typeof(uint64))1;", "$a", "uint64" },
		   { "let $b; $a = (typeof($b))1; $b = 1; $b = (int64)2;", "$a", "int64" },
		   { "@x[(int16)1] = 1; $a = (typeof(@x))1;", "$a", "int16" },
		   { "$a = (faketype)1;", "$a", NULL },
		   { "%enum e { A = 1, B } begin { $a = (enum e)1; }", "$a", "enum e" },
		   { "%enum e { A = 1, B } begin { $a = (enum e)7; }", "$a", NULL },
		   { "%enum e { A = 1, B } begin { $a = B; }", "$a", "enum e" },
		   { "$a = (uint32)pton(\"127.0.0.1\");", "$a", "uint32" },
		   { "$a = pton(\"::1\");", "$a", "uint8[16]" });
}

TEST(branches_and_blocks)
{
	CHECK_ROWS(
		{ "$a = pid > 5 ? 1 : -1000;", "$a", "int16" },
		{ "$a = pid ?: 7;", "$a", "uint32" },
		{ "$a = if (pid > 1) { (uint32)1 } else { 2 };", "$a", "uint32" },
		{ "$a = { let $b = 1; $b };", "$a", "int8" },
		{ "$a = pid > 5 ? 1 : \"x\";", "$a", NULL },
		{ "$a = pid > 5 ? 1 : exit();", "$a", NULL },
		{ "let $c; $a = 1; if comptime (typeinfo($a).full_type == \"int64\") { $c = (int64)2; } $a = (int64)2;",
		  "$c", "int64" },
		{ "let $c; if comptime (typeinfo($c).base_type == \"int\") { 1 }", "$c", NULL },
		{ "if comptime (1 == 2) { $x = \"a\" + 5 - \"b\"; } $a = 1;", "$a", "int8" },
		{ "$a = sizeof({ $b = (int8)1; $b });", "$a", "int8" },
		{ "$a = comptime (1 + 1);", "$a", "int8" },
		{ "@x = 1; if comptime (typeinfo(@y[1]).full_type == \"uint64\") { @x = (int32)2; } @y[1] = (uint64)2;",
		  "@x", "int32" },
		{ "let $c; if comptime (typeinfo($c).full_type == \"uint32\") { $c = (uint64)2; } $c = (uint32)1;",
		  "$c", NULL });
}

TEST(macros)
{
	CHECK_ROWS(
		{ "%macro one() { 1 } begin { $a = one; $b = one(); }", "$b", "int8" },
		{ "%macro inc($x) { $x += 1; $x } begin { $a = 1; $b = inc($a); }", "$b", "int64" },
		{ "%macro m(x) { let $y = x; $y + 1 } begin { $y = 2; $z = m($y); }", "$z",
		  "int64" },
		{ "%macro sof(a, b) { sizeof(a[2]) + sizeof(b*) } begin { $x = sof(typeof(uint64*), typeof(int8)); }",
		  "$x", "int8" },
		{ "%macro cst(a) { (a*)-1 } begin { $x = cst(typeof(uint8)); }", "$x", "uint8 *" },
		{ "%macro add($x) { \"v\" } macro add(@x) { 1 } macro add(x) { true } begin { @m = 1; $a = add(@m); $b = add(5); }",
		  "$b", "bool" },
		{ "%macro cpu() { \"mine\" } begin { $a = cpu(); }", "$a", "string[5]" },
		{ "%struct S { int a; int b; } macro off(t, f) { offsetof(t, f) } begin { $a = off(typeof(struct S), b); }",
		  "$a", "int8" },
		{ "@m[1] = \"x\"; let $v; $f = find(@m, 1, $v);", "$v", "string[2]" },
		{ "$a = strcap(\"abc\");", "$a", "int64" },
		{ "%import \"lib.bt\"; begin { $a = twice(4); $b = three(); }", "$b", "int64" });
}

TEST(builtins)
{
	CHECK_ROWS(
		{ "$a = pid;", "$a", "uint32" }, { "$a = nsecs;", "$a", "uint64" },
		{ "$a = ncpus;", "$a", "uint64" }, { "$a = kstack;", "$a", "kstack_bpftrace_127" },
		{ "$a = ustack(perf, 3);", "$a", "ustack_perf_3" },
		{ "$a = probetype;", "$a", "string[8]" },
		{ "%uprobe:/x:func { $a = probetype; }", "$a", "string[7]" },
		{ "%uprobe:/x:func { $a = func; }", "$a", "string[5]" },
		{ "$a = strftime(\"%H\", nsecs);", "$a", "timestamp" },
		{ "$a = ntop(1);", "$a", "inet[20]" },
		{ "$a = (1, strcontains(\"ab\", \"b\")).1;", "$a", "bool" },
		{ "%uretprobe:/x:f { $a = retval; }", "$a", "uint64" },
		{ "%fexit:f { $a = retval; }", "$a", "int32" },
		{ "%tracepoint:a:b { $a = args.filename; }", "$a", "int8 *" },
		{ "%tracepoint:a:b { $a = args.comm; }", "$a", "string[17]" },
		{ "%uprobe:/x:f { $a = uaddr(\"counter\"); }", "$a", "uint32 *" },
		{ "$a = bswap((uint16)1);", "$a", "uint16" },
		{ "$a = getopt(\"aa\", 5); $b = getopt(\"bb\"); $c = getopt(\"cc\", \"\");", "$c",
		  "string[4]" },
		{ "$a = $1;", "$a", "int8" }, { "$a = $2;", "$a", "string[6]" },
		{ "$a = $#;", "$a", "int8" }, { "$a = config.max_strlen;", "$a", "uint64" },
		{ "$a = kfunc_exist(\"bpf_there\");", "$a", "bool" },
		{ "$a = kaddr(\"avenrun\"); $b = *$a;", "$b", "uint64" },
		{ "@m[1] = 1; $a = delete(@m, 1);", "$a", "bool" },
		{ "@m[1] = 1; $a = len(@m);", "$a", "int64" },
		{ "@m[1] = 1; $a = has_key(@m, 2);", "$a", "bool" },
		{ "%fn f($a : int64, $b : string) : uint8 { return 1; } begin { $a = f(1, \"x\"); }",
		  "$a", "uint8" },
		{ "for ($i : 0..5) { $a = $i; }", "$a", "int64" },
		{ "@m[\"k\"] = (uint8)1; for ($kv : @m) { $a = $kv; }", "$a", "(string[2],uint8)" });
}
