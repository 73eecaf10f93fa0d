/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tests of the formatter: the layout, every comment kept, and for each text that the result parses to the same tree
 * and formats to itself.
 */
#include "lang_fixture.h"

#include "tap.h"

/* formats text; *tree becomes the dump of what it parsed to. False after a diagnostic */
static bool format(const char *text, struct strbuf *out, struct strbuf *tree)
{
	struct lang l;
	bool ok;

	lang_parse(&l, text, false);
	ok = CHECK_INT(l.diags.n_errors, 0);
	if (ok) {
		script_format(l.script, &l.sources, l.file, &l.comments, out);
		ast_dump(l.script, tree);
	} else {
		tap_print_text("text", lang_text(&l), strlen(lang_text(&l)));
	}
	lang_close(&l);
	return ok;
}

static void check_format(const char *text, const char *want)
{
	STRBUF_AUTO first = { 0 }, second = { 0 }, tree = { 0 }, tree_again = { 0 };

	if (!format(text, &first, &tree))
		return;
	if (want)
		CHECK_STR(strbuf_cstr(&first), want);
	if (!format(strbuf_cstr(&first), &second, &tree_again))
		return;
	CHECK_STR(strbuf_cstr(&second), strbuf_cstr(&first));
	CHECK_STR(strbuf_cstr(&tree_again), strbuf_cstr(&tree));
}

TEST(statements)
{
	check_format("begin{$x=1;@m[1,2]+=$x++;if($x){print(1)}else if !$x{exit()}else{}}",
		     "begin {\n"
		     "\t$x = 1;\n"
		     "\t@m[1, 2] += $x++;\n"
		     "\tif ($x) {\n"
		     "\t\tprint(1);\n"
		     "\t} else if (!$x) {\n"
		     "\t\texit();\n"
		     "\t} else {}\n"
		     "}\n");
	check_format(
		"k:f,k:g /pid==1&&tid!=2/{while(1){break}for$i:0..$n{continue}for($kv:@m){}unroll 3{}return;}",
		"k:f,\nk:g\n/pid == 1 && tid != 2/\n{\n"
		"\twhile (1) {\n\t\tbreak;\n\t}\n"
		"\tfor ($i : 0..$n) {\n\t\tcontinue;\n\t}\n"
		"\tfor ($kv : @m) {}\n"
		"\tunroll (3) {}\n"
		"\treturn;\n"
		"}\n");
	check_format(
		"begin { let $a:uint8=0xff; let $b; _=f((1,),(a=1,b=()),\"x\\n\\x41\"); $c = {let $d = 1; $d}; import \"x\"; }",
		"begin {\n"
		"\tlet $a : uint8 = 0xff;\n"
		"\tlet $b;\n"
		"\t_ = f((1,), (a=1, b=()), \"x\\n\\x41\");\n"
		"\t$c = {\n\t\tlet $d = 1;\n\t\t$d\n\t};\n"
		"\timport \"x\";\n"
		"}\n");
}

TEST(expressions)
{
	check_format(
		"begin { f((struct s*)arg0->a.b[1],*(uint8*)$p,-(-1),!(a||b),c?d:e,$x?:1,sizeof(struct s),offsetof(struct s,a.b),typeof($x),&@m,$1,$#,(1,2).0,comptime (1+2)); }",
		"begin {\n"
		"\tf((struct s *)arg0->a.b[1], *(uint8 *)$p, -(-1), !(a || b), c ? d : e, $x ?: 1, sizeof(struct s), "
		"offsetof(struct s, a.b), typeof($x), &@m, $1, $#, (1, 2).0, comptime (1 + 2));\n"
		"}\n");
}

TEST(declarations)
{
	check_format(
		"#!/bin/sonde\n#include <a.h>\n#define X 1\nstruct s { int x; };\nconfig={a=1;b=\"x\"}\nimport \"y\";"
		"let @m=hash(10)\nmacro m($a,@b,c){$a+c}\nfn f($a:int64,$b:struct s*):bool{return true}\nbegin{}",
		"#!/bin/sonde\n#include <a.h>\n#define X 1\nstruct s { int x; };\n"
		"config = {\n\ta = 1;\n\tb = \"x\";\n}\n"
		"import \"y\";\nlet @m = hash(10);\n"
		"macro m($a, @b, c) {\n\t$a + c\n}\n"
		"fn f($a : int64, $b : struct s *) : bool {\n\treturn true;\n}\n"
		"begin {}\n");
}

TEST(comments)
{
	check_format(
		"// head\n\n\n/* two\n lines */\nbegin // behind the probe\n{ // behind the brace\n"
		"  $x = 1; // behind a statement\n\n\n  // on its own\n  print($x, // inside\n    2);\n"
		"  if ($x) { // opens\n  } // closed\n  // last\n}\n// end\n",
		"// head\n\n/* two\n lines */\n// behind the probe\nbegin {\n\t// behind the brace\n"
		"\t$x = 1; // behind a statement\n\n\t// on its own\n\t// inside\n\tprint($x, 2);\n"
		"\tif ($x) {\n\t\t// opens\n\t} // closed\n\t// last\n}\n// end\n");
	check_format("config = { // c1\n a=1; // c2\n /* c3 */ }\nbegin { /* only */ }\n", NULL);
	check_format(
		"begin { $x = /* a */ 1 /* b */ ; /* c */ }\nmacro m(a /* p */) { /* q */ a /* r */ }",
		NULL);
	check_format("begin { } // tail\nend { } /* x */ // y", NULL);
	check_format("k:f, // one\nk:g // two\n/ 1 /* three */ /\n{ }", NULL);
}

TEST(empty_lines)
{
	check_format("begin {\n\n\n$a = 1;\n\n\n\n$b = 2;\n$c = 3;\n\n}\n\n\n\nend { }\n",
		     "begin {\n\t$a = 1;\n\n\t$b = 2;\n\t$c = 3;\n}\n\nend {}\n");
}
