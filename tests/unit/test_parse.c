/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of the parser: trees of every production, every kind of fault, recovery, limits. */
#include "lang_fixture.h"

#include "tap.h"

/* the dump of an expression, as the only statement of a probe; checks that the text has no fault */
static void check_expr(const char *expr, const char *want)
{
	struct lang l;
	STRBUF_AUTO text = { 0 }, got = { 0 };

	strbuf_printf(&text, "begin { _ = %s; }", expr);
	lang_parse(&l, strbuf_cstr(&text), false);
	if (l.diags.first) {
		CHECK_STR(lang_text(&l), "");
	} else {
		ast_dump_node(l.script->clauses->body->block.stmts->unary.a, 0, &got);
		CHECK_STR(strbuf_cstr(&got), want);
	}
	lang_close(&l);
}

static void check_script(const char *text, const char *want)
{
	struct lang l;

	lang_parse(&l, text, false);
	CHECK_STR(lang_text(&l), want);
	lang_close(&l);
}

/* the same expression text back, with all parentheses that the tree implies written out by the printer's rules */
static void check_same(const char *expr)
{
	struct lang l;
	STRBUF_AUTO text = { 0 }, got = { 0 };

	strbuf_printf(&text, "begin { _ = %s; }", expr);
	lang_parse(&l, strbuf_cstr(&text), false);
	if (l.diags.first) {
		CHECK_STR(lang_text(&l), "");
	} else {
		node_print(l.script->clauses->body->block.stmts->unary.a, &l.sources, &got);
		CHECK_STR(strbuf_cstr(&got), expr);
	}
	lang_close(&l);
}

static void check_errors(const char *text, uint32_t n_errors, const char *part)
{
	struct lang l;

	lang_parse(&l, text, false);
	CHECK_HAS(lang_text(&l), part);
	if (!CHECK_INT(l.diags.n_errors, n_errors))
		tap_print_text("text", lang_text(&l), strlen(lang_text(&l)));
	lang_close(&l);
}

TEST(precedence)
{
	check_expr("1 + 2 * 3", "binary +\n  int 1\n  binary *\n    int 2\n    int 3\n");
	check_expr("1 * 2 + 3", "binary +\n  binary *\n    int 1\n    int 2\n  int 3\n");
	check_expr("1 - 2 - 3", "binary -\n  binary -\n    int 1\n    int 2\n  int 3\n");
	check_expr("(1 + 2) * 3", "binary *\n  binary +\n    int 1\n    int 2\n  int 3\n");
	check_expr("$a || $b && $c", "binary ||\n  var $a\n  binary &&\n    var $b\n    var $c\n");
	check_expr(
		"$a | $b ^ $c & $d",
		"binary |\n  var $a\n  binary ^\n    var $b\n    binary &\n      var $c\n      var $d\n");
	check_expr(
		"$a == $b < $c << 1",
		"binary ==\n  var $a\n  binary <\n    var $b\n    binary <<\n      var $c\n      int 1\n");
	check_expr("!-~*$x", "unary !\n  unary -\n    unary ~\n      unary *\n        var $x\n");
	check_expr("-$x.f", "unary -\n  field .f\n    var $x\n");
	check_expr("$a ? $b : $c ? 1 : 2",
		   "ternary\n  var $a\n  var $b\n  ternary\n    var $c\n    int 1\n    int 2\n");
	check_expr("$a ?: $b", "ternary\n  var $a\n  var $b\n");
}

TEST(primaries)
{
	check_expr("0xff", "int 255\n");
	check_expr("18446744073709551615", "int 18446744073709551615\n");
	check_expr("\"a\\n\"", "string \"a\\n\"\n");
	check_expr("\"a\" \"b\"", "string \"ab\"\n");
	check_expr("true", "bool true\n");
	check_expr("$1 + $#", "binary +\n  param $1\n  param $#\n");
	check_expr("pid", "ident pid\n");
	check_expr("f()", "call f\n");
	check_expr("greet!()", "call greet\n");
	check_expr("f(1, typeof(uint8), typeof($x))",
		   "call f\n  int 1\n  type (uint8)\n  type (typeof($x))\n    var $x\n");
	check_expr("@", "map @\n");
	check_expr("@m[1]", "map @m\n  int 1\n");
	check_expr("@m[1, \"a\"]", "map @m\n  tuple\n    int 1\n    string \"a\"\n");
	check_expr("@m[(1, 2)]", "map @m\n  tuple\n    int 1\n    int 2\n");
	check_expr("()", "tuple\n");
	check_expr("(1,)", "tuple\n  int 1\n");
	check_expr("(1, 2,)", "tuple\n  int 1\n  int 2\n");
	check_expr("(a=1, b=\"x\")", "record\n  named a\n    int 1\n  named b\n    string \"x\"\n");
	check_expr("comptime 1 + 2", "binary +\n  comptime\n    int 1\n  int 2\n");
	check_expr("{ $a = 1; $a }",
		   "block\n  assign =\n    var $a\n    int 1\n  value\n    var $a\n");
	check_expr(
		"if $x { 1 } else { 2 }",
		"if\n  var $x\n  block\n    value\n      int 1\n  block\n    value\n      int 2\n");
}

TEST(postfix)
{
	check_expr("$x.a.0->b[1]",
		   "index\n  field ->b\n    element .0\n      field .a\n        var $x\n  int 1\n");
	check_expr("$kv.0.1", "element .1\n  element .0\n    var $kv\n");
	check_expr("@m[1]++", "unary ++ (post)\n  map @m\n    int 1\n");
	check_expr("--$x", "unary --\n  var $x\n");
	check_expr("&$x", "unary &\n  var $x\n");
	check_expr("&@m", "unary &\n  map @m\n");
	check_expr("args.if", "field .if\n  ident args\n");
	check_expr("f().x", "field .x\n  call f\n");
	check_expr("@m[1][2]", "index\n  map @m\n    int 1\n  int 2\n");
}

TEST(casts)
{
	check_expr("(uint8)$x", "cast (uint8)\n  var $x\n");
	check_expr("(struct S *)arg0", "cast (struct S *)\n  ident arg0\n");
	check_expr("(struct S*)arg0.x", "cast (struct S *)\n  field .x\n    ident arg0\n");
	check_expr("((struct S *)arg0).x", "field .x\n  cast (struct S *)\n    ident arg0\n");
	check_expr("(int8[4])$x", "cast (int8[4])\n  var $x\n");
	check_expr("(uint8[])$x", "cast (uint8[])\n  var $x\n");
	check_expr("(string[64])$p", "cast (string[64])\n  var $p\n");
	check_expr("(enum e)1", "cast (enum e)\n  int 1\n");
	check_expr("(union u)1", "cast (union u)\n  int 1\n");
	check_expr("(int8[4] *)$p", "cast (int8[4] *)\n  var $p\n");
	check_expr("(int8 *[4])$p", "cast (int8 *[4])\n  var $p\n");
	check_expr("(uint64**)$p", "cast (uint64 **)\n  var $p\n");
	check_expr("(typeof($x))1", "cast (typeof($x))\n  var $x\n  int 1\n");
	check_expr("(typeof(struct s *))1", "cast (struct s *)\n  int 1\n");
	check_expr("(mytype)$x", "cast (mytype)\n  var $x\n");
	check_expr("(pid_t)-1", "cast (pid_t)\n  unary -\n    int 1\n");
	check_expr("(unsigned long)1", "cast (long unsigned int)\n  int 1\n");
	check_expr("(const char *)$p", "cast (char *)\n  var $p\n");
	check_expr("(const struct s *)$p", "cast (struct s *)\n  var $p\n");
	check_expr("(int32)(uint64)$p", "cast (int32)\n  cast (uint64)\n    var $p\n");
	check_expr("(int8[N])$x", "cast (int8[N])\n  ident N\n  var $x\n");
	check_expr("(a*)b", "cast (a *)\n  ident b\n");
	/* no casts */
	check_expr("(pid) - 1", "binary -\n  ident pid\n  int 1\n");
	check_expr("(a*b)", "binary *\n  ident a\n  ident b\n");
	check_expr("(x) - 1", "binary -\n  ident x\n  int 1\n");
	check_expr("(x) * $y", "binary *\n  ident x\n  var $y\n");
	check_expr("(arg0) + 1", "binary +\n  ident arg0\n  int 1\n");
	check_expr("(a[1])", "index\n  ident a\n  int 1\n");
}

TEST(sizeof_and_friends)
{
	check_expr("sizeof(uint64)", "sizeof (uint64)\n");
	check_expr("sizeof(long)", "sizeof (long int)\n");
	check_expr("(long) - 1", "cast (long int)\n  unary -\n    int 1\n");
	check_expr("sizeof(struct s)", "sizeof (struct s)\n");
	check_expr("sizeof(struct s *)", "sizeof (struct s *)\n");
	check_expr("sizeof(foo)", "sizeof\n  ident foo\n");
	check_expr("sizeof(foo[4])", "sizeof (foo[4])\n");
	check_expr("sizeof($x.y)", "sizeof\n  field .y\n    var $x\n");
	check_expr("offsetof(struct s, a.b)", "offsetof .a.b (struct s)\n");
	check_expr("offsetof(*curtask, comm)", "offsetof .comm\n  unary *\n    ident curtask\n");
	check_expr("typeinfo($x).0", "element .0\n  typeinfo\n    var $x\n");
}

TEST(printed_as_written)
{
	check_same("1 + 2 * (3 - $x)");
	check_same("- -$x");
	check_same("(struct S *)arg0->x");
	check_same("@m[1, \"a\"] + @m[(1, 2)]");
	check_same("$x ? 0xff : 1e6");
	check_same("(1,)");
	check_same("(a=1, b=(2, 3))");
	check_same("offsetof(struct s, a.b) + sizeof(uint8[4])");
	check_same("f(typeof(uint8), typeof($x), $1, $#)");
}

TEST(statements)
{
	check_script("begin { $x = 1; @y[2] += 3; $z++; print(1) }",
		     "clause\n  probe begin\n  block\n"
		     "    assign =\n      var $x\n      int 1\n"
		     "    assign +=\n      map @y\n        int 2\n      int 3\n"
		     "    expr\n      unary ++ (post)\n        var $z\n"
		     "    expr\n      call print\n        int 1\n");
	check_script("begin { let $a; let $b : uint16 = 1; let $c = \"x\"; _ = f(); }",
		     "clause\n  probe begin\n  block\n"
		     "    let\n      var $a\n"
		     "    let (uint16)\n      var $b\n      int 1\n"
		     "    let\n      var $c\n      string \"x\"\n"
		     "    expr _ =\n      call f\n");
	check_script("begin { while (1) { break; } unroll(3) { continue } return; return 1 }",
		     "clause\n  probe begin\n  block\n"
		     "    while\n      int 1\n      block\n        break\n"
		     "    unroll\n      int 3\n      block\n        continue\n"
		     "    return\n"
		     "    return\n      int 1\n");
	check_script("begin { for ($kv : @m) { } for $i : 0..$n { } }",
		     "clause\n  probe begin\n  block\n"
		     "    for map\n      var $kv\n      map @m\n      block\n"
		     "    for range\n      var $i\n      int 0\n      var $n\n      block\n");
	check_script(
		"begin { if ($a) { 1 } else if $b { f() } else { @c = 1 } { 2 } import \"x.bt\"; }",
		"clause\n  probe begin\n  block\n"
		"    expr\n      if\n        var $a\n        block\n          expr\n            int 1\n"
		"        if\n          var $b\n          block\n            expr\n              call f\n"
		"          block\n            assign =\n              map @c\n              int 1\n"
		"    expr\n      block\n        expr\n          int 2\n"
		"    import \"x.bt\"\n");
}

TEST(clauses)
{
	check_script("begin,\nEND { }", "clause\n  probe begin\n  probe END\n  block\n");
	check_errors("uprobe:/bin/a b:f\n{}", 1,
		     "stdin:1:15-16: ERROR: expected '{' or a predicate");
}

TEST(attach_points)
{
	static const char text[] =
		"uprobe:\"/a b\":\"f(int, char)\"+4, x=kprobe:f*/x/ {} k:a,k:b,{} hardware:cache-misses:1e6 {}\n"
		"uprobe:/bin/$1:$2 /pid == 1/ {}";
	static const struct str params[] = { STR_INIT("sh"), STR_INIT("f:g") };
	struct lang l;
	struct attach_point *ap;
	struct clause *c;

	lang_open(&l, text, false);
	l.opts.positional = params;
	l.opts.n_positional = 2;
	l.script = script_parse(&l.opts, l.file);
	CHECK_INT(l.diags.n_errors, 0);
	ap = l.script->clauses->points;
	CHECK_INT(ap->n_parts, 3);
	CHECK_VIEW(ap->parts[0], "uprobe");
	CHECK_VIEW(ap->parts[1], "/a b");
	CHECK_VIEW(ap->parts[2], "f(int, char)+4");
	CHECK_VIEW(ap->name, "");
	ap = ap->next;
	CHECK_VIEW(ap->name, "x");
	CHECK_VIEW(ap->parts[0], "kprobe");
	CHECK_VIEW(ap->parts[1], "f*/x/");
	lang_close(&l);

	lang_open(
		&l,
		"k:a,k:b,{} hardware:cache-misses:1e6 {} begin/1/{}\nuprobe:/bin/$1:$2 /pid == 1/ {} uprobe:$3:\"$x\" {}",
		false);
	l.opts.positional = params;
	l.opts.n_positional = 2;
	l.script = script_parse(&l.opts, l.file);
	CHECK_INT(l.diags.n_errors, 0);
	c = l.script->clauses;
	CHECK_VIEW(c->points->next->parts[1], "b");
	CHECK(!c->points->next->next);
	c = c->next;
	CHECK_VIEW(c->points->text, "hardware:cache-misses:1e6");
	c = c->next;
	CHECK(c->predicate && c->predicate->kind == NODE_INT);
	c = c->next;
	CHECK_VIEW(c->points->text, "uprobe:/bin/sh:f:g");
	CHECK_INT(c->points->n_parts, 4);
	CHECK_VIEW(c->points->parts[3], "g");
	CHECK(c->predicate && c->predicate->kind == NODE_BINARY);
	c = c->next;
	CHECK_VIEW(c->points->parts[1], "");
	CHECK_VIEW(c->points->parts[2], "$x");
	lang_close(&l);
}

TEST(declarations)
{
	check_script(
		"#!/usr/bin/sonde\nconfig = { stack_mode=perf; max_map_keys=2; license = \"GPL\"; lazy_symbolication=true }\n"
		"import \"a.bt\";\nlet @m = lruhash(100);\n"
		"macro one { 1 } macro add($a, @b, c) { $a += c; @b }\n"
		"fn f($a : int64, $s : string[16]) : struct s * { return $a; }",
		"config\n  stack_mode = perf\n  max_map_keys = 2\n  license = \"GPL\"\n  lazy_symbolication = true\n"
		"import \"a.bt\"\n"
		"let @m = lruhash(100)\n"
		"macro one()\n  block\n    value\n      int 1\n"
		"macro add($a, @b, c)\n  block\n    assign +=\n      var $a\n      ident c\n    value\n      map @b\n"
		"fn f($a : int64, $s : string[16]) : struct s *\n  block\n    return\n      var $a\n");
}

TEST(preamble)
{
	struct lang l;

	lang_parse(
		&l,
		"// c\n#include <linux/sched.h>\n#define X(a) \\\n  a\nstruct s { int x; } __attribute__((packed));\n"
		"typedef struct { int y; } t;\nenum { A, B }\n#ifdef Q\nint f(void);\n#endif\nbegin { }",
		false);
	CHECK_INT(l.diags.n_errors, 0);
	CHECK(str_starts(l.script->preamble, STR("#include")));
	CHECK(str_ends(l.script->preamble, STR("#endif\n")));
	CHECK(l.script->clauses && !l.script->clauses->next);
	lang_close(&l);
}

TEST(defines_are_replaced)
{
	struct lang l;

	lang_parse(
		&l,
		"#define ONE 1\n#define TWO (ONE + ONE)\n#define RED \"\\033[31m\"\n#define ADD(a, b) (a) + (b)\n#define STR(x) #x\n"
		"#define CAT(a, b) a ## b\n#define P (struct s *)arg0\n#define foo foo\n#define EMPTY\n"
		"begin { f(ONE, TWO, RED \"x\", ADD(ONE, $x), STR(a b), CAT(p, id), P, foo, $y.ONE, ADD EMPTY); }",
		true);
	CHECK_STR(lang_text(&l), "clause\n  probe begin\n  block\n    expr\n      call f\n"
				 "        int 1\n"
				 "        binary +\n          int 1\n          int 1\n"
				 "        string \"\\x1b[31mx\"\n"
				 "        binary +\n          int 1\n          var $x\n"
				 "        string \"a b\"\n"
				 "        ident pid\n"
				 "        cast (struct s *)\n          ident arg0\n"
				 "        ident foo\n"
				 "        field .ONE\n          var $y\n"
				 "        ident ADD\n");
	lang_close(&l);
}

TEST(define_faults)
{
	struct lang l;

	lang_parse(&l, "#define F(a, b) a + b\nbegin { f(F(1)); g(F(1, 2); }", true);
	CHECK_HAS(lang_text(&l), "'F' takes 2 arguments, 1 given");
	CHECK_HAS(lang_text(&l), "stdin:2:11-15: ERROR");
	lang_close(&l);
	lang_parse(
		&l,
		"#define A B B B B B B B B\n#define B C C C C C C C C\n#define C D D D D D D D D\n#define D E E E E E E E E\n"
		"#define E F F F F F F F F\n#define F G G G G G G G G\n#define G H H H H H H H\n#define H\nbegin { A }",
		true);
	CHECK_HAS(lang_text(&l), "becomes more than");
	lang_close(&l);
	lang_parse(&l, "#define BAD \"\\q\"\nbegin { print(BAD); }", true);
	CHECK_HAS(lang_text(&l), "unknown escape");
	lang_close(&l);
}

TEST(faults)
{
	check_errors("begin { print(1) print(2); }", 1,
		     "stdin:1:18-23: ERROR: expected ';', found 'print'");
	check_errors("begin { < }", 1, "stdin:1:9-10: ERROR: expected an expression, found '<'");
	check_errors("i:s:1            $a", 1, "stdin:1:18-20: ERROR: expected '{' or a predicate");
	check_errors("kprobe:f { \"asdf }", 1, "string without closing");
	check_errors(
		"k:asdf+123abc\n", 1,
		"expected '{' or a predicate (/.../) behind the probes, found end of the script");
	check_errors("begin { print(\"a);\n$x = ; print(2); }\nend { + }", 3,
		     "string without closing");
	check_errors("i:s:1 { @=5++}", 1,
		     "stdin:1:12-14: ERROR: '++' works on variables and maps only");
	check_errors("i:s:1 { @=--5}", 1,
		     "stdin:1:13-14: ERROR: '--' works on variables and maps only");
	check_errors("i:s:1 { $x = &1; }", 1, "stdin:1:15-16: ERROR: the address of ('&')");
	check_errors("kprobe:f /pid == 1 { 0; }", 1,
		     "stdin:1:20-21: ERROR: expected '/' to close the predicate, found '{'");
	check_errors("k:f { print((,)); }", 1,
		     "stdin:1:14-15: ERROR: expected an expression, found ','");
	check_errors("k:f { print((hello=1, 5)); }", 1,
		     "stdin:1:23-24: ERROR: expected the name of a field");
	check_errors("k:f { print((hello=1,hello=2)); }", 1,
		     "stdin:1:22-29: ERROR: the record has a field 'hello' already");
	check_errors("i:s:1 { $a = 1; $a.2 = 3; }", 1,
		     "stdin:1:17-25: ERROR: Tuples and records are immutable");
	check_errors("i:s:1 { (1, 0) = 0 }", 1, "a tuple cannot be assigned to");
	check_errors("i:s:1 { f() = 0 }", 1, "cannot assign to this");
	check_errors("begin { for ($kv : @map) print($kv); }", 1,
		     "stdin:1:26-31: ERROR: expected '{', found 'print'");
	check_errors("begin { for (@kv : @map) { } }", 1,
		     "stdin:1:14-17: ERROR: expected a variable as the variable of the loop");
	check_errors("begin { for ($i : 1+1..10) { } }", 1,
		     "stdin:1:20-21: ERROR: expected '..' and the end of the range");
	check_errors("begin { for ($i : 0..1+1) { } }", 1, "stdin:1:23-24: ERROR: expected ')'");
	check_errors("begin { for ($i : @m[1]) { } }", 1, "expected a map (@m) or a range");
	check_errors("begin { $x: int8; }", 1, "stdin:1:11-12: ERROR: expected ';', found ':'");
	check_errors("begin { if(x=1) {} }", 1,
		     "stdin:1:13-14: ERROR: expected ')' to close the condition, found '='");
	check_errors("begin { if $a > 1 {} }", 1,
		     "HINT: put a condition with operators in parentheses");
	check_errors("begin { if (1) {} else print(1) }", 1,
		     "HINT: the branches of an if need braces");
	check_errors("begin { let @x = 1; }", 1, "expected a variable behind 'let', found '@x'");
	check_errors("begin { print(1; }", 1,
		     "expected ')' or ',' in the arguments of a call, found ';'");
	check_errors("begin { $x.; }", 1, "the name or number of a field");
	check_errors("begin { @m[]; }", 1, "expected an expression, found ']'");
	check_errors("begin { import foo; }", 1, "a string with the file to import");
	check_errors("begin { ` }", 1, "unexpected character '`'");
	check_errors("begin { /* x }", 1, "comment without closing");
	check_errors("begin { print(1);", 1, "HINT: the block was opened at line 1, column 7");
	check_errors("} begin { }", 1, "stdin:1:1-2: ERROR: '}' without '{'");
}

TEST(attach_point_faults)
{
	check_errors("uprobe:/bin/bash:$0 { 1 }", 1, "stdin:1:1-20: ERROR: '$' in an attach point");
	check_errors("uprobe:/bin/bash:$a { 1 }", 1, "the parameter --a was not given");
	check_errors("::k::vfs_open:: { 1 }", 1, "without a probe type");
	check_errors("uprobe:\"a { }", 1, "attach point without closing");
	check_errors("a:b:c:d:e:f:g:h:i:j:k:l:m:n:o:p:q:r:s:t:u:v:w:x:y { }", 1, "too many parts");
	check_errors("{ }", 1, "expected a probe");
	check_errors("uprobe:$0:a, uprobe:$0:b { }", 2, "stdin:1:14-25: ERROR");
}

TEST(declaration_faults)
{
	check_errors("i:s:1 { exit(); } config = { stack_mode=perf }", 1,
		     "stdin:1:19-25: ERROR: config must appear before probes");
	check_errors("config = { a=1 } config = { b=2 } begin {}", 1, "only one config block");
	check_errors("config = { exit(); } i:s:1 { }", 1,
		     "stdin:1:16-17: ERROR: expected '=' behind the name");
	check_errors("config = { a=perf b=2 } i:s:1 { }", 1,
		     "expected ';' between config variables, found 'b'");
	check_errors("config { a=perf } i:s:1 { }", 1, "expected '=' behind 'config'");
	check_errors("config = { a=@x } begin { }", 1, "expected a value");
	check_errors("begin {}\n#include <stdio.h>\nbegin {}", 1,
		     "C definitions must stand at the top");
	check_errors("begin {} struct s { int x; }; end {}", 1,
		     "C definitions must stand at the top");
	check_errors("begin {} import \"x\";", 1, "imports must appear before");
	check_errors("import foo; begin { }", 1,
		     "stdin:1:8-11: ERROR: expected a string with the file to import");
	check_errors("let @a = hash(); begin { }", 1, "expected the number of entries, found ')'");
	check_errors("let @a = hash(0); begin { }", 1, "must be from 1");
	check_errors("let $a = 1; begin { }", 1, "'let' declares maps only");
	check_errors("macro m($a, $a) { 1 } begin {}", 1, "has a parameter '$a' already");
	check_errors("macro (a) { 1 } begin {}", 1, "expected a name for the macro");
	check_errors("fn f($a) { } begin {}", 1, "and a type behind the parameter");
}

/* a script with ten faults gives ten messages, and what is right between them is kept */
TEST(recovery)
{
	static const char text[] = "begin {\n"
				   "  $a = ;\n"
				   "  print(1;\n"
				   "  $b = 1 $c = 2;\n"
				   "  if ($x { print(2); }\n"
				   "  foo(((;\n"
				   "  @m[ = 1;\n"
				   "  $y.1 = 2;\n"
				   "  while { }\n"
				   "}\n"
				   "k:f /1 { }\n"
				   "end { $z = 08; print(3); }\n"
				   "end { ok(); }\n";
	struct lang l;
	int n_clauses = 0;

	lang_parse(&l, text, false);
	if (!CHECK_INT(l.diags.n_errors, 10))
		tap_print_text("text", lang_text(&l), strlen(lang_text(&l)));
	for (const struct clause *c = l.script->clauses; c; c = c->next)
		n_clauses++;
	CHECK(n_clauses >= 3);
	lang_close(&l);
}

TEST(forgotten_semicolon_at_the_end_of_a_line)
{
	struct lang l;

	lang_parse(&l, "begin {\n  $a = 1\n  $b = 2;\n  print(1)\n  print(2) x\n}", false);
	CHECK_INT(l.diags.n_errors, 3);
	lang_close(&l);
}

static void check_deep(const char *open, const char *inner, const char *close, int n, bool ok)
{
	struct lang l;
	STRBUF_AUTO text = { 0 };

	strbuf_puts(&text, "begin { $x = ");
	for (int i = 0; i < n; i++)
		strbuf_puts(&text, open);
	strbuf_puts(&text, inner);
	for (int i = 0; i < n; i++)
		strbuf_puts(&text, close);
	strbuf_puts(&text, "; }");
	lang_parse(&l, strbuf_cstr(&text), false);
	if (ok) {
		CHECK_INT(l.diags.n_errors, 0);
	} else {
		CHECK_INT(l.diags.n_errors, 1);
		CHECK(l.diags.first && l.diags.first->code == D_PARSE_TOO_DEEP);
	}
	lang_close(&l);
}

TEST(limits)
{
	check_deep("(", "1", ")", 80, true);
	check_deep("(", "1", ")", 100000, false);
	check_deep("-", "1", "", 100000, false);
	check_deep("{", "1", "}", 100000, false);
	check_deep("1 ? ", "1", " : 1", 100000, false);
	check_deep("@[", "1", "]", 100000, false);
	check_deep("f(", "1", ")", 100000, false);
	check_deep("if 1 {", "1", "}", 100000, false);
	check_deep("(uint8)", "1", "", 100000, false);
	check_deep("1 + ", "1", "", 900, true);
	check_deep("1 + ", "1", "", 100000, false);
	check_deep("", "$x", "[1]", 100000, false);
	check_deep("", "if 1 { 1 }", " else if 1 { 1 }", 100000, false);
	check_deep("(typeof(", "uint8", "))1", 100000, false);
}

TEST(whole_long_script)
{
	struct lang l;
	STRBUF_AUTO text = { 0 };
	int n = 0;

	strbuf_puts(&text, "begin {\n");
	for (int i = 0; i < 20000; i++)
		strbuf_printf(&text, "  @m%d[%d, \"k\"] = %d + $1;\n", i, i, i);
	strbuf_puts(&text, "}\n");
	lang_parse(&l, strbuf_cstr(&text), false);
	CHECK_INT(l.diags.n_errors, 0);
	for (const struct node *s = l.script->clauses->body->block.stmts; s; s = s->next)
		n++;
	CHECK_INT(n, 20000);
	lang_close(&l);
}

TEST(clone_is_deep)
{
	struct lang l;
	struct node *body, *copy;
	STRBUF_AUTO a = { 0 }, b = { 0 };

	lang_parse(
		&l,
		"begin { if (1) { @m[1, (uint8[N])$x] = f(typeof($y), (a=1, b=2)); } for ($i : 0..3) { let $z : typeof(1) = { 2; 3 }; } }",
		false);
	CHECK_INT(l.diags.n_errors, 0);
	body = l.script->clauses->body;
	copy = node_clone(&l.arena, body);
	ast_dump_node(body, 0, &a);
	/* wreck the original: the copy must not notice */
	body->block.stmts->unary.a->cond.then->block.stmts->assign.value->call.args = NULL;
	body->block.stmts->next->for_.body->block.stmts->let.type->expr->integer = 99;
	body->block.stmts->unary.a->cond.then->block.stmts->assign.target->map.key->list.items
		->integer = 77;
	ast_dump_node(copy, 0, &b);
	CHECK_STR(strbuf_cstr(&b), strbuf_cstr(&a));
	lang_close(&l);
}

TEST(expr_parse_alone)
{
	struct lang l;

	lang_open(&l, "$1 + 1", false);
	CHECK(expr_parse(&l.opts, l.file));
	lang_close(&l);
	lang_open(&l, "1 2", false);
	CHECK(!expr_parse(&l.opts, l.file));
	CHECK_HAS(lang_text(&l), "expected nothing more behind the expression, found '2'");
	lang_close(&l);
}

TEST(attach_points_alone)
{
	struct lang l;
	struct attach_point *ap;

	lang_open(&l, "uprobe:/bin/*:f*, tracepoint:*", false);
	ap = attach_points_parse(&l.opts, l.file);
	if (CHECK(ap && ap->next)) {
		CHECK_VIEW(ap->parts[1], "/bin/*");
		CHECK_VIEW(ap->next->parts[1], "*");
	}
	lang_close(&l);
	lang_open(&l, "uprobe:a b", false);
	CHECK(!attach_points_parse(&l.opts, l.file));
	CHECK_INT(l.diags.n_errors, 1);
	lang_close(&l);
}
