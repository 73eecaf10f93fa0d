/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is said about scripts, and what is not: each row a script and a piece of the message, or of
 * one that must not come.
 */
#include "sema_fixture.h"
#include "tap.h"

struct row {
	const char *script;
	const char *text; /* "!..." must not be said; "" nothing may be said */
};

static void check_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct fixture f;
		const char *all, *text = rows[i].text;
		bool ok;

		fixture_check(&f, rows[i].script);
		all = strbuf_cstr(&f.text);
		if (!*text)
			ok = f.text.n == 0;
		else if (*text == '!')
			ok = !strstr(all, text + 1);
		else
			ok = strstr(all, text) != NULL;
		if (!CHECK(ok))
			printf("# %s\n# want %s\n# got %s\n", rows[i].script, text, all);
		/* no unit with errors, a unit without */
		CHECK((f.unit == NULL) == (f.diags.n_errors > 0));
		fixture_free(&f);
	}
}

#define CHECK_ROWS(...)                                            \
	do {                                                       \
		static const struct row rows_[] = { __VA_ARGS__ }; \
		check_rows(rows_, sizeof(rows_) / sizeof(*rows_)); \
	} while (0)

TEST(scopes)
{
	CHECK_ROWS(
		{ "begin { let $x = 1; print($x); } end { let $x = 2; print($x); }", "" },
		{ "begin { if (pid) { let $x = 1; print($x) } else { let $x = 2; print($x) } let $x = 3; print($x) }",
		  "" },
		{ "begin { for ($x : 0..5) { print($x); } print($x); }",
		  "Undefined or undeclared variable: $x" },
		{ "begin { $x = $x + 1 }", "Undefined or undeclared variable: $x" },
		{ "begin { $i = 5; for ($i : 1..10) { print($i) } }",
		  "Loop declaration shadows existing variable: $i" },
		{ "fn f($x: int64): void { let $x = 1 } begin { f(1); }",
		  "This is the function parameter." },
		{ "begin { let $x; $b = &$x; $x = 1; print($b); }", "!used before" },
		{ "begin { let $x; let $y : typeof($x) = 1; $x = 1; print($y); }", "!used before" },
		{ "begin { let $x = { let $y = 5; $y }; print($x); }", "" });
}

TEST(sign_warnings)
{
	CHECK_ROWS({ "begin { $a = (uint64)1; $a = (int64)2; }", "being cast to type" },
		   { "begin { $a = -1; $a = (uint64)2; }", "being cast to type" },
		   { "begin { $a = (uint32)1; $a = (int32)2; }", "" },
		   { "begin { $a = 1; $a = (uint64)2; }", "" },
		   { "begin { @a[(uint64)1] = 1; @a[(int64)2] = 1; }", "being cast to type" },
		   { "begin { let $a: uint64 = (int64)1; }", "being cast to type" },
		   { "begin { let $a: uint64 = 1; }", "" },
		   { "begin { $a = (uint64)1 + (int64)2; }", "being cast to type" },
		   { "begin { $a = (uint64)1 == (int64)-1; }", "being cast to type" },
		   { "begin { $a = 1 == (int64)-1; }", "" },
		   { "begin { $a = ((uint64)1, \"hi\"); $a = ((int64)2, \"hello\"); }",
		     "being cast to type" },
		   { "begin { @x = (uint64)1; @y = -1 / @x }", "signed operands" },
		   { "begin { @x = (uint64)1; @y = @x / 2 }", "" },
		   { "begin { @t = nsecs; @d = nsecs - @t; }", "" });
}

TEST(maps)
{
	CHECK_ROWS(
		{ "begin { print(@x); } end { @x[1, 2] = count(); }", "" },
		{ "begin { @x[@y[@z]] = 5; @y[2] = 1; @z = @x[0]; }", "" },
		{ "begin { @a[1] = 1; delete(@a, @a); }", "previously used with an explicit key" },
		{ "begin { @x = 1; @y = 5; delete(@x, @y); }",
		  "call to delete() with two arguments expects a map with explicit keys" },
		{ "begin { @y[1] = 2; delete(@y); }", "ERROR: call to delete()" },
		{ "begin { @y[(3, 4, 5)] = 5; delete(@y, (1, 2)); }",
		  "trying to access with arguments: '(int8,int8)' when map expects arguments: '(int8,int8,int8)'" },
		{ "begin { @x[1, \"hi\"] = 1; delete(@x[\"hi\", 1]); }",
		  "Argument mismatch for @x" },
		{ "begin { @y[1, \"hi\"] = 5; delete(@y[1, \"longerstr\"]); }", "" },
		{ "begin { @a[1] = count(); clear(@a[1]); }", "expects a map argument" },
		{ "let @a = lruhash(10); begin { @a[1] = 1; }", "" },
		{ "let @a = percpuhash(10); begin { @a[1] = count(); }", "" },
		{ "let @a = hash(2); begin { @a = 1; }", "Max entries can only be 1" },
		{ "begin { @x = @x2; @x2 = @x; }", "Could not resolve the type" });
}

TEST(one_fault_one_message)
{
	CHECK_ROWS(
		{ "begin { $a = nonsense; $b = $a + 1; @c[$b] = $a; print(@c); }",
		  "!Could not resolve" },
		{ "begin { @x = nonsense; print(@x); @y = @x + 1; }", "!Undefined map" },
		{ "begin { $x = foo(1); printf(\"%d\", $x); }", "!format" },
		{ "begin { $p = (struct nope *)0; $q = $p.a.b; print($q); }",
		  "!resolve the type of this" },
		{ "uprobe:/x:a*,uprobe:/x:b { print(nonsense); }", "Unknown identifier" },
		{ "config = { missing_probes = ignore } tracepoint:missing:x { @a[args.foo] = 1; @b = args.bar; } begin { print(@a); print(@b); }",
		  "" },
		{ "config = { missing_probes = ignore } tracepoint:missing:x { print(nonsense); } begin { }",
		  "Unknown identifier" });
}

TEST(probes)
{
	CHECK_ROWS({ "usdt:/x:p { print(arg0); print(arg1); }", "" },
		   { "usdt:/x:p { print(arg2); }", "floating point value, which" },
		   { "usdt:/x:p { print(arg3); }", "this probe has 3 arguments" },
		   { "uretprobe:/x:f { print(arg0); }", "can only be used" },
		   { "uprobe:/x:f { print(args); }", "needs debug information" },
		   { "uprobe:/x:f { print(reg(\"ip\")); }", "" },
		   { "begin { print(func); }", "can only be used" },
		   { "uprobe:/x:f* { print(func); print(probe); }", "" },
		   { "uprobe:/x:f { for ($i : 0..3) { print(arg0); } }", "" },
		   { "fn f() : uint64 { return nsecs; } begin { print(f()); }", "" },
		   { "fn f() : int64 { return arg0; } begin { print(f()); }",
		     "not supported outside probe" },
		   { "fn f() : string { return 1; } begin { print(f()); }",
		     "Function f is of type string" },
		   { "uprobe:/x:f { write_user(arg0, 1); write_user((uint8)arg0, arg1, 4); }", "" },
		   { "kprobe:f { override(1); }", "" },
		   { "uprobe:/x:f { override(1); }", "override can not be used" },
		   { "/*safe*/uprobe:/x:f { signal(9); }", "signal() is unsafe" },
		   { "uprobe:/x:f { signal(\"SIGKILL\"); }", "" },
		   { "uprobe:/x:f { signal(\"SIGNOPE\"); }", "not a valid signal" });
}

TEST(functions)
{
	CHECK_ROWS(
		{ "fn f($a : int64) : int64 { if ($a > 1) { return 1; } else { return 2; } } begin { print(f(1)); }",
		  "" },
		{ "fn f($a : int64) : int64 { if ($a > 1) { return 1; } } begin { print(f(1)); }",
		  "cannot return void" },
		{ "fn f() : void { return 1; } begin { f(); }",
		  "Function f is of type void, cannot return int8" },
		{ "fn f($a : int64, $b : int64) : int64 { return $a + $b; } begin { print(f(1)); }",
		  "Function `f` requires 2 arguments, got only 1" },
		{ "fn f($a : int64) : int64 { return $a; } begin { print(f(\"x\")); }",
		  "Expected int64 for argument `a` got string[2]" },
		{ "fn f() : uint8 { return 10000000; } begin { print(f()); }", "cannot return" });
}

TEST(macros)
{
	CHECK_ROWS(
		{ "macro set($x) { $x += 1; $x } begin { @a = 1; set(@a); }",
		  "expects a variable for arg $x but got a map." },
		{ "macro set(@x) { @x[1] } begin { $a = 0; set($a); }",
		  "expects a map for arg @x but got a variable." },
		{ "macro set($x) { let $x; $x } begin { $y = 1; set($y); }",
		  "Variable declaration shadows macro arg $x" },
		{ "macro m(t) { sizeof(struct t) } begin { print(m(typeof(uint64*))); }",
		  "Invalid replacement for macro 'm'" },
		{ "macro own() { $v = 1; $v + 1 } begin { $v = \"text\"; print(own()); print($v); }",
		  "" },
		{ "macro x() { $y } begin { $y = 1; print(x()); }",
		  "Undefined or undeclared variable: $y" },
		{ "macro one() { 1 } begin { unroll(one) { print(1); } }", "" },
		{ "macro fail(x) { x } begin { assert_str(\"hi\"); print(fail(3)); }", "" },
		{ "begin { assert_str(5); }", "value is not string-like" });
}

TEST(calls)
{
	CHECK_ROWS(
		{ "begin { debugf(\"%d %d %d %d\", 1, 1, 1, 1) }",
		  "cannot use more than 3 conversion specifiers" },
		{ "begin { printf(\"%d %s\", 1, \"x\"); printf(\"%s %s\", (1, 2), pid); }", "" },
		{ "begin { @x = stats(10); print(@x, 2); }", "top and div arguments are ignored" },
		{ "begin { print(count()); }", "must be assigned directly to a map" },
		{ "uprobe:/x:f { $x = buf(arg0); }", "buf() expects a length argument" },
		{ "uprobe:/x:f { @ = buf(arg0, -1); }", "non-negative length" },
		{ "begin { time(1); }", "string literal" },
		{ "begin { $x = strftime(\"%M\", -1); }", "not negative" },
		{ "begin { join(\"x\"); }", "join() only supports" },
		{ "config = { unstable_tseries = error } begin { @ = tseries(1, 1s, 5); }",
		  "refused by the config" },
		{ "begin { print(comm(5)); }", "not supported" },
		{ "begin { @ = { let $a = 100; avg($a) }; }", "" },
		{ "begin { $a = getopt(\"zz\"); }",
		  "unexpected program command line options: --aa, --bb, --cc" });
}

TEST(explosions)
{
	/* a macro that doubles, in itself, forty times: an error, and soon */
	char script[512] = "macro d(x) { x + x } begin { print(";
	struct fixture f;

	for (int i = 0; i < 40; i++)
		strcat(script, "d(");
	strcat(script, "pid");
	for (int i = 0; i < 40; i++)
		strcat(script, ")");
	strcat(script, "); }");
	fixture_check(&f, script);
	CHECK(f.unit == NULL);
	CHECK(strstr(strbuf_cstr(&f.text), "too large") != NULL);
	fixture_free(&f);
	/* a string that grows with every look at it */
	fixture_check(&f, "begin { $a = \"x\"; $a = str_concat($a, \"yy\"); }");
	CHECK(f.diags.n_errors == 0);
	fixture_free(&f);
}
