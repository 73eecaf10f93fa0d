/* SPDX-License-Identifier: GPL-2.0-or-later */
/* USDT notes and operands: every operand form, real files against readelf, and notes that lie. */
#include "objfile/usdt.h"

#include "arch/x86_64/regs.h"
#include "base/cleanup.h"
#include "objfile/symtab.h"

#include "objfile_build.h"
#include "tap.h"

#include <stdio.h>
#include <sys/user.h>

#define REG_OFF(r) offsetof(struct user_regs_struct, r)

static struct usdt_operand parse(const char *text)
{
	return usdt_parse_operand(NULL, str_from(text));
}

TEST(registers_of_each_width)
{
	static const struct {
		const char *text;
		unsigned size, offset, shift;
		bool is_signed;
	} cases[] = {
		{ "8@%rdx", 8, REG_OFF(rdx), 0, false },  { "-4@%eax", 4, REG_OFF(rax), 0, true },
		{ "1@%dil", 1, REG_OFF(rdi), 0, false },  { "2@%ax", 2, REG_OFF(rax), 0, false },
		{ "1@%ah", 1, REG_OFF(rax), 8, false },   { "-1@%bh", 1, REG_OFF(rbx), 8, true },
		{ "1@%cl", 1, REG_OFF(rcx), 0, false },   { "2@%r10w", 2, REG_OFF(r10), 0, false },
		{ "-2@%r15w", 2, REG_OFF(r15), 0, true }, { "4@%r9d", 4, REG_OFF(r9), 0, false },
		{ "1@%r8b", 1, REG_OFF(r8), 0, false },   { "-8@%rsp", 8, REG_OFF(rsp), 0, true },
		{ "4@%ebp", 4, REG_OFF(rbp), 0, false },  { "8@%eax", 4, REG_OFF(rax), 0, false },
		{ "%rbx", 8, REG_OFF(rbx), 0, false },    { "%ebx", 4, REG_OFF(rbx), 0, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct usdt_operand op = parse(cases[i].text);

		printf("# %s\n", cases[i].text);
		CHECK_INT(op.kind, USDT_ARG_REG);
		CHECK_INT(op.size, cases[i].size);
		CHECK_INT(op.reg_offset, cases[i].offset);
		CHECK_INT(op.reg_shift, cases[i].shift);
		CHECK_INT(op.is_signed, cases[i].is_signed);
		CHECK_VIEW(op.text, cases[i].text);
	}
}

TEST(constants)
{
	CHECK_INT(parse("1@$1").kind, USDT_ARG_CONST);
	CHECK_INT(parse("1@$1").value, 1);
	CHECK_INT(parse("-4@$-9").value, -9);
	CHECK_INT(parse("-4@$-9").is_signed, 1);
	CHECK_INT(parse("8@$0x10").value, 16);
	CHECK_INT(parse("8@$-9223372036854775808").value, INT64_MIN);
	CHECK_INT(parse("8@$4+8").value, 12);
	CHECK_INT(parse("8@$").kind, USDT_ARG_UNSUPPORTED);
	CHECK_INT(parse("8@$12q").kind, USDT_ARG_UNSUPPORTED);
}

TEST(memory)
{
	struct usdt_operand op = parse("8@152(%rdi)");

	CHECK_INT(op.kind, USDT_ARG_MEM);
	CHECK(op.has_base && !op.has_index && !op.is_file_addr);
	CHECK_INT(op.reg_offset, REG_OFF(rdi));
	CHECK_INT(op.value, 152);

	op = parse("-4@112(%rsp)");
	CHECK(op.kind == USDT_ARG_MEM && op.is_signed && op.size == 4 && op.value == 112);
	CHECK_INT(op.reg_offset, REG_OFF(rsp));

	op = parse("8@(%rax,%rbx,8)");
	CHECK(op.kind == USDT_ARG_MEM && op.has_base && op.has_index && op.scale == 8 &&
	      op.value == 0);
	CHECK_INT(op.reg_offset, REG_OFF(rax));
	CHECK_INT(op.index_offset, REG_OFF(rbx));

	op = parse("2@-16(%r8,%r9)");
	CHECK(op.kind == USDT_ARG_MEM && op.scale == 1 && op.has_index && op.value == -16);

	op = parse("8@0x20(,%r14,4)");
	CHECK(op.kind == USDT_ARG_MEM && !op.has_base && op.has_index && op.scale == 4 &&
	      op.value == 32);
	CHECK_INT(op.index_offset, REG_OFF(r14));

	op = parse("8@0x1234");
	CHECK(op.kind == USDT_ARG_MEM && !op.has_base && !op.has_index && !op.is_file_addr);
	CHECK_INT(op.value, 0x1234);
	op = parse("4@-8+24(%rbp)");
	CHECK_INT(op.value, 16);
}

TEST(refused_with_a_reason)
{
	static const struct {
		const char *text, *why;
		enum usdt_arg_kind kind;
	} cases[] = {
		{ "8f@%xmm0", "vector register", USDT_ARG_FLOAT },
		{ "10f@-16(%rbp)", "floating point", USDT_ARG_FLOAT },
		{ "8@%xmm3", "vector register", USDT_ARG_FLOAT },
		{ "16@%rax", "size", USDT_ARG_UNSUPPORTED },
		{ "3@%rax", "size", USDT_ARG_UNSUPPORTED },
		{ "8@%fs:0x28", "segment", USDT_ARG_UNSUPPORTED },
		{ "8@%foo", "register is unknown", USDT_ARG_UNSUPPORTED },
		{ "8@(%eax)", "base register", USDT_ARG_UNSUPPORTED },
		{ "8@(%rax,%rip)", "index register", USDT_ARG_UNSUPPORTED },
		{ "8@(%rax,%rbx,3)", "scale", USDT_ARG_UNSUPPORTED },
		{ "8@(%rax,,8)", "scale", USDT_ARG_UNSUPPORTED },
		{ "8@4(%rax", "parentheses", USDT_ARG_UNSUPPORTED },
		{ "8@()", "neither base nor index", USDT_ARG_UNSUPPORTED },
		{ "8@16(%rip)", "instruction pointer", USDT_ARG_UNSUPPORTED },
		{ "8@sym(%rip)", "symbol", USDT_ARG_UNSUPPORTED },
		{ "8@sym@GOTPCREL(%rip)", "relocation", USDT_ARG_UNSUPPORTED },
		{ "8@sym(%rax)", "register to a symbol", USDT_ARG_UNSUPPORTED },
		{ "8@a+b(%rip)", "displacement", USDT_ARG_UNSUPPORTED },
		{ "8@", "empty", USDT_ARG_UNSUPPORTED },
		{ "8@4+(%rax)", "displacement", USDT_ARG_UNSUPPORTED },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct usdt_operand op = parse(cases[i].text);

		printf("# %s\n", cases[i].text);
		CHECK_INT(op.kind, cases[i].kind);
		CHECK_HAS(op.refusal, cases[i].why);
	}
}

TEST(a_refused_operand_keeps_the_numbers)
{
	struct arena a;
	struct usdt_operand *ops;

	arena_init(&a);
	CHECK_INT(
		usdt_parse_args(NULL, STR("  -4@%eax 8f@%xmm1  8@8(%rsp, %rax, 8) 1@$7"), &a, &ops),
		4);
	CHECK_INT(ops[0].kind, USDT_ARG_REG);
	CHECK_INT(ops[1].kind, USDT_ARG_FLOAT);
	CHECK_INT(ops[2].kind, USDT_ARG_MEM);
	CHECK_INT(ops[2].scale, 8);
	CHECK_VIEW(ops[2].text, "8@8(%rsp, %rax, 8)");
	CHECK_INT(ops[3].value, 7);
	CHECK_INT(usdt_parse_args(NULL, STR(""), &a, &ops), 0);
	CHECK_INT(usdt_parse_args(NULL, STR("   "), &a, &ops), 0);
	arena_free(&a);
}

TEST(equal_operands_share_a_program)
{
	struct usdt_operand a = parse("8@8(%rsp)"), b = parse("8@16(%rsp)");
	struct usdt_operand s = {
		.kind = USDT_ARG_MEM, .size = 8, .is_file_addr = true, .value = 0x5000
	};

	CHECK(usdt_operands_equal(&a, 1, &a, 2, 1));
	CHECK(!usdt_operands_equal(&a, 1, &b, 1, 1));
	/* one address from two places: the distance differs */
	CHECK(usdt_operands_equal(&s, 0x1000, &s, 0x1000, 1));
	CHECK(!usdt_operands_equal(&s, 0x1000, &s, 0x1010, 1));
}

/* --- files ----------------------------------------------------------------------------------------------------- */

/* the notes of a real file as readelf prints them, one line each, against ours */
static void compare_with_readelf(const char *path)
{
	STRBUF_AUTO ours = { 0 };
	STRBUF_AUTO theirs = { 0 };
	OBJFILE_AUTO f = NULL;
	struct err *e;
	struct usdt_table *t;

	if (access(path, R_OK) != 0 ||
	    !test_run(
		    &theirs,
		    "LC_ALL=C readelf -n %s 2>/dev/null | awk '/Provider:/{p=$2} /Name:/{n=$2} "
		    "/Location:/{sub(\",\",\"\",$2); l=$2; s=$6} /Arguments:/{sub(/^ *Arguments: */,\"\"); "
		    "sub(/ *$/,\"\"); print p\":\"n\" \"l\" \"s\" \"$0}'",
		    path) ||
	    theirs.n == 0) {
		printf("# %s: not here\n", path);
		return;
	}
	e = objfile_open(path, &f);
	if (!CHECK(!e))
		return;
	t = objfile_usdt(f);
	for (uint32_t i = 0; i < t->n; i++)
		strbuf_printf(
			&ours, "%.*s:%.*s 0x%016llx 0x%016llx %.*s\n", STR_ARG(t->v[i].provider),
			STR_ARG(t->v[i].name), (unsigned long long)t->v[i].addr,
			(unsigned long long)t->v[i].semaphore, STR_ARG(str_trim(t->v[i].args)));
	printf("# %s: %u notes\n", path, t->n);
	CHECK_INT(t->n_bad, 0);
	CHECK_INT(t->notes.n, 0);
	CHECK_STR(strbuf_cstr(&ours), strbuf_cstr(&theirs));
	for (uint32_t i = 0; i < t->n; i++) { /* every operand of these files is one that we read */
		struct usdt_operand *ops;
		struct arena a;
		uint32_t n;

		arena_init(&a);
		n = usdt_parse_args(f, t->v[i].args, &a, &ops);
		for (uint32_t k = 0; k < n; k++)
			if (ops[k].kind == USDT_ARG_UNSUPPORTED) {
				printf("# %.*s: %s\n", STR_ARG(ops[k].text), ops[k].refusal);
				CHECK(!"operand refused");
			}
		arena_free(&a);
		/* the nop that the probe is: 90, or a longer form of it */
		uint8_t insn = 0;
		CHECK(objfile_read_at(f, t->v[i].file_offset, &insn, 1));
		if (insn != 0x90 && insn != 0x0f && insn != 0x66)
			CHECK_INT(insn, 0x90);
		if (t->v[i].semaphore) {
			uint64_t back = 0;

			CHECK(t->v[i].semaphore_offset != 0);
			CHECK(objfile_offset_to_vaddr(f, t->v[i].semaphore_offset, &back));
			CHECK_INT(back, t->v[i].semaphore);
		}
	}
}

TEST(real_files_against_readelf)
{
	compare_with_readelf("/usr/bin/python3.11");
	compare_with_readelf("/usr/lib/x86_64-linux-gnu/libc.so.6");
	compare_with_readelf("/usr/lib/x86_64-linux-gnu/libstdc++.so.6");
	compare_with_readelf("/usr/lib/x86_64-linux-gnu/libpthread.so.0");
	compare_with_readelf("/lib64/ld-linux-x86-64.so.2");
}

TEST(openjdk_17_has_531_notes)
{
	const char *path = "/usr/lib/jvm/java-17-openjdk-amd64/lib/server/libjvm.so";
	OBJFILE_AUTO f = NULL;
	struct err *e;

	if (access(path, R_OK) != 0)
		SKIP("no OpenJDK 17");
	compare_with_readelf(path);
	e = objfile_open(path, &f);
	if (!CHECK(!e))
		return;
	CHECK_INT(objfile_usdt(f)->n, 531);
}

/* what gcc makes of globals, in a program at a fixed address and in one that is not */
TEST(symbols_of_a_compiled_program)
{
	static const char *const flags[] = { "-fPIE -pie", "-no-pie -fno-pie" };
	char dir[] = "/tmp/sonde-usdt-XXXXXX", path[64];
	STRBUF_AUTO out = { 0 };

	if (!CHECK(mkdtemp(dir)))
		return;
	snprintf(path, sizeof(path), "%s/p", dir);
	for (int i = 0; i < 2; i++) {
		OBJFILE_AUTO f = NULL;
		const struct symbol *global, *array;
		struct usdt_operand *ops;
		struct usdt_table *t;
		struct arena a;

		if (!test_run(
			    &out,
			    "cd %s && printf '%%s' '#include <sys/sdt.h>\n"
			    "int global = 5; static long array[8]; int main(int c, char **v) { "
			    "array[c] = c; STAP_PROBE4(prov, first, global, array[3], c, 77); "
			    "STAP_PROBE(prov, second); return (int)array[c]; }' | sed 's/\\\\n/\\n/' > p.c && "
			    "gcc -O2 %s p.c -o p 2>&1",
			    dir, flags[i])) {
			test_run(&out, "rm -rf %s", dir);
			SKIP("no gcc or no <sys/sdt.h>");
		}
		err_free(objfile_open(path, &f));
		if (!CHECK(f))
			continue;
		t = objfile_usdt(f);
		CHECK_INT(t->n, 2);
		global = symtab_find(objfile_symtab(f), STR("global"));
		array = symtab_find(objfile_symtab(f), STR("array"));
		if (!CHECK(t->n == 2 && global && array))
			continue;
		CHECK_VIEW(t->v[0].provider, "prov");
		CHECK_VIEW(t->v[0].name, "first");
		CHECK_INT(t->v[0].semaphore, 0);
		arena_init(&a);
		CHECK_INT(usdt_parse_args(f, t->v[1].args, &a, &ops), 0);
		if (CHECK_INT(usdt_parse_args(f, t->v[0].args, &a, &ops), 4)) {
			printf("# %.*s\n", STR_ARG(t->v[0].args));
			/* gcc may load a value into a register first: then there is no symbol to check */
			if (ops[0].kind == USDT_ARG_MEM) {
				CHECK(ops[0].is_file_addr && ops[0].size == 4 && ops[0].is_signed);
				CHECK_INT(ops[0].value, global->addr);
			}
			if (ops[1].kind == USDT_ARG_MEM && !ops[1].has_base) {
				CHECK(ops[1].is_file_addr && ops[1].size == 8);
				CHECK_INT(ops[1].value, array->addr + 24);
			}
			CHECK(ops[0].kind != USDT_ARG_UNSUPPORTED &&
			      ops[1].kind != USDT_ARG_UNSUPPORTED);
			CHECK(ops[3].kind == USDT_ARG_CONST && ops[3].value == 77);
		}
		/* forms that a compiler may choose, resolved in this file */
		ops[0] = usdt_parse_operand(f, STR("8@8+array+8(%rip)"));
		CHECK(ops[0].kind == USDT_ARG_MEM && ops[0].is_file_addr &&
		      (uint64_t)ops[0].value == array->addr + 16);
		ops[0] = usdt_parse_operand(f, STR("8@array(,%rax,8)"));
		CHECK(ops[0].kind == USDT_ARG_MEM && ops[0].has_index && ops[0].is_file_addr);
		ops[0] = usdt_parse_operand(f, STR("8@array(%rax)"));
		CHECK_INT(ops[0].kind, i ? USDT_ARG_MEM : USDT_ARG_UNSUPPORTED);
		ops[0] = usdt_parse_operand(f, STR("8@$array"));
		CHECK_INT(ops[0].kind, i ? USDT_ARG_CONST : USDT_ARG_UNSUPPORTED);
		ops[0] = usdt_parse_operand(f, STR("8@nowhere(%rip)"));
		CHECK_HAS(ops[0].refusal, "not in the file's symbol tables");
		arena_free(&a);
	}
	CHECK(test_run(&out, "rm -rf %s", dir));
}

/* --- notes built byte by byte --------------------------------------------------------------------------------- */

struct note_spec {
	uint32_t name_size, desc_size; /* as the header claims */
	uint64_t addr, base, semaphore;
	const char *strings; /* three strings with their NULs */
	size_t n_strings;
};

static void add_note(struct strbuf *b, const struct note_spec *n)
{
	uint32_t type = 3;

	strbuf_add(b, &n->name_size, 4);
	strbuf_add(b, &n->desc_size, 4);
	strbuf_add(b, &type, 4);
	strbuf_add(b, "stapsdt", 8);
	strbuf_add(b, &n->addr, 8);
	strbuf_add(b, &n->base, 8);
	strbuf_add(b, &n->semaphore, 8);
	strbuf_add(b, n->strings, n->n_strings);
	while (b->n % 4)
		strbuf_putc(b, '\0');
}

static struct objfile *file_with_notes(struct strbuf *notes)
{
	struct build b = { 0 };
	struct objfile *f = NULL;
	struct err *e;

	build_start(&b, 2 /* EXEC */);
	build_add_section(&b, ".note.stapsdt", 7, 0, 0, notes->p, notes->n);
	build_add_section(&b, ".stapsdt.base", 1, 2, BUILD_TEXT + 0x100, "", 1);
	e = build_open(&b, &f);
	CHECK(!e);
	err_free(e);
	build_free(&b);
	return f;
}

#define THREE(a, b, c) \
	.strings = a "\0" b "\0" c "\0", .n_strings = sizeof(a "\0" b "\0" c "\0") - 1

TEST(prelink_adjustment)
{
	struct note_spec n = { 8,
			       24 + 12,
			       BUILD_TEXT + 4,
			       BUILD_TEXT + 0xf0,
			       BUILD_TEXT + 0x20,
			       THREE("p", "name", "1@$1") };
	STRBUF_AUTO notes = { 0 };
	struct usdt_table *t;
	struct objfile *f;

	add_note(&notes, &n);
	f = file_with_notes(&notes);
	if (!f)
		return;
	t = objfile_usdt(f);
	CHECK_INT(t->n, 1);
	if (t->n == 1) {
		CHECK_INT(t->v[0].addr, BUILD_TEXT + 0x14); /* the base moved by 0x10 */
		CHECK_INT(t->v[0].semaphore, BUILD_TEXT + 0x30);
		CHECK_VIEW(t->v[0].provider, "p");
		CHECK_VIEW(t->v[0].name, "name");
		CHECK_VIEW(t->v[0].args, "1@$1");
	}
	objfile_unref(f);
}

TEST(lying_notes_end_the_reading)
{
	struct note_spec good = { 8, 24 + 12, BUILD_TEXT + 4, 0, 0, THREE("p", "name", "1@$1") };
	struct note_spec outside = { 8, 24 + 12, 0x12345678, 0, 0, THREE("p", "name", "1@$1") };
	struct note_spec open_end = {
		8, 24 + 4, BUILD_TEXT + 4, 0, 0, .strings = "abcd", .n_strings = 4
	};
	struct note_spec huge = { 8, 0xffffffff, BUILD_TEXT + 4, 0, 0, THREE("p", "name", "1@$1") };
	struct note_spec huge_name = { 0xfffffff0, 36, BUILD_TEXT + 4,
				       0,          0,  THREE("p", "name", "1@$1") };
	const struct note_spec *lies[] = { &huge, &huge_name };
	struct usdt_table *t;
	struct objfile *f;

	for (int i = 0; i < 2; i++) {
		STRBUF_AUTO notes = { 0 };

		add_note(&notes, &good);
		add_note(&notes, &outside);
		add_note(&notes, &open_end);
		add_note(&notes, lies[i]);
		add_note(&notes, &good);
		f = file_with_notes(&notes);
		if (!f)
			return;
		t = objfile_usdt(f);
		CHECK_INT(t->n, 1);
		CHECK_INT(t->n_bad, 2);
		CHECK_HAS(strbuf_cstr(&t->notes), "beyond its end");
		objfile_unref(f);
	}
}
