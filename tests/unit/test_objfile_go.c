/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Go's tables and conventions: a table of functions built byte by byte and the same one damaged, build notes of both
 * forms, stack checks as each version of the compiler writes them, and which registers a signature comes to.
 * Real binaries of several versions are compared with nm and the programs' own prints by tests/run/go.test.
 */
#include "objfile/go_abi.h"
#include "objfile/go_buildinfo.h"
#include "objfile/go_entry.h"
#include "objfile/go_pclntab.h"
#include "objfile/go_runtime.h"

#include "arch/x86_64/regs.h"
#include "objfile/symtab.h"

#include "objfile_build.h"
#include "tap.h"

/* --- build notes ------------------------------------------------------------------------------------------------ */

#define NOTE_MAGIC "\xff Go buildinf:"
#define SETTINGS                                                             \
	"0123456789abcdefpath\texample.com/p\nmod\texample.com/p\t(devel)\n" \
	"build\tCGO_ENABLED=0\n\xf9\x32\x43\x31\x86\x18\x20\x72\x00\x82\x42\x10\x41\x16\xd8\xf2"

static struct objfile *open_with_note(struct build *b, const struct strbuf *note)
{
	struct objfile *f = NULL;

	build_start(b, ET_EXEC);
	build_add_section(b, ".go.buildinfo", SHT_PROGBITS, SHF_ALLOC | SHF_WRITE, 0x500000,
			  note->p, note->n);
	CHECK(build_open(b, &f) == NULL);
	return f;
}

static void inline_note(struct strbuf *note, const char *version)
{
	strbuf_add(note, NOTE_MAGIC "\x08\x02", 16);
	strbuf_fill(note, 0, 16);
	strbuf_putc(note, (char)strlen(version));
	strbuf_puts(note, version);
	strbuf_putc(note, (char)(sizeof(SETTINGS) - 1));
	strbuf_add(note, SETTINGS, sizeof(SETTINGS) - 1);
}

TEST(version_and_settings)
{
	static const struct {
		const char *text;
		unsigned minor, patch;
	} cases[] = { { "go1.23.5", 23, 5 },
		      { "go1.21rc2", 21, 0 },
		      { "go1.26", 26, 0 },
		      { "devel go1.22-ab", 0, 0 },
		      { "go1.19.8 X:nocoverageredesign", 19, 8 } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		STRBUF_AUTO note = { 0 };
		struct build b;
		struct objfile *f;
		const struct go_buildinfo *info;

		inline_note(&note, cases[i].text);
		f = open_with_note(&b, &note);
		info = objfile_go_buildinfo(f);
		CHECK(objfile_is_go(f));
		CHECK_VIEW(info->version, cases[i].text);
		CHECK_INT(info->minor, cases[i].minor);
		CHECK_INT(info->patch, cases[i].patch);
		CHECK_VIEW(info->path, "example.com/p");
		CHECK_VIEW(go_build_setting(info, STR("CGO_ENABLED")), "0");
		CHECK_INT(go_build_setting(info, STR("GOOS")).n, 0);
		objfile_unref(f);
		build_free(&b);
	}
}

TEST(note_with_pointers)
{
	uint64_t words[] = { BUILD_TEXT + 0x100, 0, BUILD_TEXT + 0x200, 8 };
	struct build b;
	struct objfile *f = NULL;
	char *text;

	/* the address of a string header; all of it lies in the one segment there is */
	build_start(&b, ET_EXEC);
	text = b.bytes.p + BUILD_TEXT_OFFSET;
	memcpy(text + 0x300, NOTE_MAGIC "\x08\x00", 16);
	memcpy(text + 0x310, words, 16);
	memcpy(text + 0x100, words + 2, 16);
	memcpy(text + 0x200, "go1.17.3", 8);
	build_add_section_full(&b, ".go.buildinfo",
			       (Elf64_Shdr){ .sh_type = SHT_PROGBITS,
					     .sh_flags = SHF_ALLOC,
					     .sh_addr = BUILD_TEXT + 0x300,
					     .sh_offset = BUILD_TEXT_OFFSET + 0x300,
					     .sh_size = 0x20 },
			       NULL, 0);
	CHECK(build_open(&b, &f) == NULL);
	CHECK_VIEW(objfile_go_buildinfo(f)->version, "go1.17.3");
	CHECK_INT(objfile_go_buildinfo(f)->minor, 17);
	CHECK_INT(objfile_go_buildinfo(f)->settings.n, 0);
	objfile_unref(f);
	build_free(&b);
}

TEST(note_cut_at_each_byte)
{
	STRBUF_AUTO note = { 0 };
	size_t whole;

	inline_note(&note, "go1.23.5");
	whole = note.n;
	for (note.n = 0; note.n < whole; note.n++) {
		struct build b;
		struct objfile *f = open_with_note(&b, &note);

		CHECK(objfile_go_buildinfo(f)->settings.n == 0);
		CHECK_INT(objfile_go_buildinfo(f)->minor, note.n >= 41 ? 23 : 0);
		objfile_unref(f);
		build_free(&b);
	}
}

/* --- table of functions ----------------------------------------------------------------------------------------- */

enum { TAB_AT = 0x400, MODULE_AT = 0xc00, TREE_AT = 0xe00, FUNCS_AT = 0x200 };

/* pairs (change of value, run of bytes), ended by 0 */
static const uint8_t pc_tables[] = {
	0,                             /* offset 0 means none */
	2,  4,    0x80, 1,    0x20, 0, /* 1: 0 for 4 bytes, 64 for 32: 36 bytes */
	2,  0x24, 0,                   /* 7: file 0 */
	22, 4,    2,    0x20, 0,       /* 10: line 10 for 4, 11 for 32 */
	2,  8,    1,    0x1c, 0,       /* 15: inline tree: index 0 for 8 bytes, then -1 */
};

static void put32(uint8_t *p, uint32_t v)
{
	memcpy(p, &v, 4);
}

static void put64(uint8_t *p, uint64_t v)
{
	memcpy(p, &v, 8);
}

/* main.a at +0 (an inlined main.c in it), main.b at +0x40; the second with a wrapper's id at will */
static void build_table(struct build *b, uint8_t second_id)
{
	uint8_t *at = (uint8_t *)b->bytes.p + BUILD_TEXT_OFFSET + TAB_AT, *fn;
	uint64_t head[] = { 2, 1, 0, 0x60, 0x90, 0xa0, 0xc0, FUNCS_AT };

	memset(at, 0, TREE_AT + 0x100 - TAB_AT);
	put32(at, 0xfffffff1);
	at[6] = 1;
	at[7] = 8;
	memcpy(at + 8, head, sizeof(head));
	memcpy(at + 0x60, "main.a\0main.b\0main.c", 21);
	put32(at + 0x90, 0); /* first file of the unit: offset 0 */
	memcpy(at + 0xa0, "/src/p.go", 10);
	memcpy(at + 0xc0, pc_tables, sizeof(pc_tables));
	fn = at + FUNCS_AT;
	put32(fn + 4, 0x40);
	put32(fn + 8, 0x40);
	put32(fn + 12, 0xa0);
	put32(fn + 16, 0x80);
	for (int i = 0; i < 2; i++) {
		uint8_t *r = fn + 0x40 + 0x60 * i;

		put32(r, 0x40 * i);
		put32(r + 4, 7 * i);
		put32(r + 8, 24);
		put32(r + 16, 1);  /* pcsp */
		put32(r + 20, 7);  /* pcfile */
		put32(r + 24, 10); /* pcln */
		put32(r + 28, 3);  /* npcdata */
		put32(r + 36, 9);  /* startLine */
		r[40] = i ? second_id : 0;
		r[43] = 4; /* nfuncdata */
		put32(r + 52, i ? 0 : 15);
		for (int k = 0; k < 4; k++)
			put32(r + 56 + 4 * k, k == 3 && !i ? 0 : UINT32_MAX);
	}
}

static void build_module(struct build *b)
{
	uint8_t *m = (uint8_t *)b->bytes.p + BUILD_TEXT_OFFSET + MODULE_AT;
	uint8_t *tree = (uint8_t *)b->bytes.p + BUILD_TEXT_OFFSET + TREE_AT;

	put64(m, BUILD_TEXT + TAB_AT);
	put64(m + 8, BUILD_TEXT + TAB_AT + 0x60);
	put64(m + 22 * 8, BUILD_TEXT);
	put64(m + 23 * 8, BUILD_TEXT + 0x80);
	put64(m + 40 * 8, BUILD_TEXT + TREE_AT);
	put32(tree + 4, 14); /* name: main.c */
	put32(tree + 8, 2);  /* parent pc */
	put32(tree + 12, 30);
}

static void start_go(struct build *b, uint8_t second_id)
{
	STRBUF_AUTO note = { 0 };

	build_start(b, ET_EXEC);
	build_table(b, second_id);
	build_module(b);
	inline_note(&note, "go1.23.5");
	build_add_section(b, ".go.buildinfo", SHT_PROGBITS, SHF_ALLOC, 0x500000, note.p, note.n);
	build_add_section_full(b, ".gopclntab",
			       (Elf64_Shdr){ .sh_type = SHT_PROGBITS,
					     .sh_flags = SHF_ALLOC,
					     .sh_addr = BUILD_TEXT + TAB_AT,
					     .sh_offset = BUILD_TEXT_OFFSET + TAB_AT,
					     .sh_size = MODULE_AT - TAB_AT },
			       NULL, 0);
	build_add_section_full(b, ".go.module",
			       (Elf64_Shdr){ .sh_type = SHT_PROGBITS,
					     .sh_flags = SHF_ALLOC | SHF_WRITE,
					     .sh_addr = BUILD_TEXT + MODULE_AT,
					     .sh_offset = BUILD_TEXT_OFFSET + MODULE_AT,
					     .sh_size = 0x200 },
			       NULL, 0);
}

struct seen_inlined {
	struct go_inlined last;
	int n;
};

static void see(void *arg, const struct go_inlined *in)
{
	struct seen_inlined *s = arg;

	s->last = *in;
	s->n++;
}

TEST(functions_of_a_table)
{
	struct build b;
	struct objfile *f = NULL;
	struct go_pclntab *t;
	struct go_func fn;
	int32_t delta = 0;

	start_go(&b, 0);
	CHECK(build_open(&b, &f) == NULL);
	t = objfile_go_pclntab(f);
	if (CHECK(t != NULL)) {
		CHECK_INT(go_pclntab_count(t), 2);
		CHECK(go_pclntab_func(t, 0, &fn));
		CHECK_VIEW(fn.name, "main.a");
		CHECK_INT(fn.addr, BUILD_TEXT);
		CHECK_INT(fn.size, 36);
		CHECK_INT(fn.start_line, 9);
		CHECK_INT(fn.args_bytes, 24);
		CHECK(go_pclntab_at(t, BUILD_TEXT + 0x7f, &fn));
		CHECK_VIEW(fn.name, "main.b");
		CHECK(!go_pclntab_at(t, BUILD_TEXT + 0x80, &fn));
		CHECK(!go_pclntab_at(t, BUILD_TEXT - 1, &fn));
		CHECK(go_pcsp_at(t, BUILD_TEXT + 3, &delta) && delta == 0);
		CHECK(go_pcsp_at(t, BUILD_TEXT + 4, &delta) && delta == 64);
		CHECK(!go_pcsp_at(t, BUILD_TEXT + 36, &delta));
	}
	objfile_unref(f);
	build_free(&b);
}

TEST(lines_and_inlined_functions)
{
	struct seen_inlined seen = { 0 };
	struct go_frame frames[4];
	struct build b;
	struct objfile *f = NULL;
	struct go_pclntab *t;
	struct str file;
	uint32_t line = 0;

	start_go(&b, 0);
	CHECK(build_open(&b, &f) == NULL);
	t = objfile_go_pclntab(f);
	if (CHECK(t != NULL)) {
		CHECK(go_line_at(t, BUILD_TEXT + 4, &file, &line));
		CHECK_VIEW(file, "/src/p.go");
		CHECK_INT(line, 11);
		CHECK_INT(go_frames_at(t, BUILD_TEXT + 8, frames, 4), 1);
		/* the parent pc is inside of the copy here: frames repeat, the walk still ends */
		CHECK_INT(go_frames_at(t, BUILD_TEXT + 4, frames, 4), 4);
		CHECK_VIEW(frames[0].name, "main.c");
		go_inlined_each(t, 0, see, &seen);
		CHECK_INT(seen.n, 1);
		CHECK_VIEW(seen.last.name, "main.c");
		CHECK_INT(seen.last.addr, BUILD_TEXT);
		CHECK_INT(seen.last.end, BUILD_TEXT + 8);
		CHECK_INT(seen.last.start_line, 30);
		go_inlined_each(t, 1, see, &seen);
		CHECK_INT(seen.n, 1);
	}
	objfile_unref(f);
	build_free(&b);
}

TEST(symbols_of_a_stripped_file)
{
	struct build b;
	struct objfile *f = NULL;
	const struct symbol *s;

	start_go(&b, 22); /* a wrapper whose name no other function has is a function */
	CHECK(build_open(&b, &f) == NULL);
	s = symtab_find(objfile_symtab(f), STR("main.b"));
	if (CHECK(s != NULL)) {
		CHECK_INT(s->addr, BUILD_TEXT + 0x40);
		CHECK_INT(s->size, 36);
		CHECK(!(s->flags & SYMBOL_NOT_ENTRY));
	}
	objfile_unref(f);
	build_free(&b);

	start_go(&b, 22); /* the twin of main.a */
	put32((uint8_t *)b.bytes.p + BUILD_TEXT_OFFSET + TAB_AT + FUNCS_AT + 0xa0 + 4, 0);
	CHECK(build_open(&b, &f) == NULL);
	s = symtab_at(objfile_symtab(f), BUILD_TEXT + 0x40);
	if (CHECK(s != NULL)) {
		CHECK_VIEW(symbol_name(s), "main.a");
		CHECK(s->flags & SYMBOL_GO_TWIN);
	}
	CHECK(!(symtab_at(objfile_symtab(f), BUILD_TEXT)->flags & SYMBOL_NOT_ENTRY));
	objfile_unref(f);
	build_free(&b);
}

/* every byte of the table set to each of some values: whatever comes out, nothing is read beyond it */
TEST(damaged_tables)
{
	static const uint8_t values[] = { 0, 1, 0x7f, 0x80, 0xff };

	for (unsigned at = TAB_AT; at < TAB_AT + FUNCS_AT + 0x120; at++) {
		for (size_t v = 0; v < sizeof(values); v++) {
			struct seen_inlined seen = { 0 };
			struct go_frame frames[8];
			struct build b;
			struct objfile *f = NULL;
			struct go_pclntab *t;
			struct go_func fn;

			start_go(&b, 0);
			b.bytes.p[BUILD_TEXT_OFFSET + at] = (char)values[v];
			CHECK(build_open(&b, &f) == NULL);
			t = objfile_go_pclntab(f);
			for (uint32_t i = 0; t && i < go_pclntab_count(t) && i < 8; i++) {
				go_pclntab_func(t, i, &fn);
				go_inlined_each(t, i, see, &seen);
			}
			for (uint64_t pc = BUILD_TEXT; t && pc < BUILD_TEXT + 0x40; pc += 9)
				go_frames_at(t, pc, frames, 8);
			objfile_symtab(f);
			objfile_unref(f);
			build_free(&b);
		}
	}
	CHECK(true);
}

/* --- stack checks ----------------------------------------------------------------------------------------------- */

/* the place found for code at 0x1000, as an offset; -1: none */
static int place_of(const char *bytes, size_t n)
{
	CODE_AUTO c = { 0 };
	uint64_t place = 0;

	code_decode((const uint8_t *)bytes, n, 0x1000, &c);
	return go_entry_place(&c, 0x1000, &place) ? (int)(place - 0x1000) : -1;
}
#define PLACE(lit) place_of(lit, sizeof(lit) - 1)

#define PUSH_RET "\x55\xc3"
#define CALL_MORE "\xe8\x00\x10\x00\x00"

TEST(stack_checks)
{
	/* cmp 0x10(%r14),%rsp; jbe +2; push; ret; call; jmp entry */
	CHECK_INT(PLACE("\x49\x3b\x66\x10\x76\x02" PUSH_RET CALL_MORE "\xeb\xf1"), 6);
	/* spilled registers around the call */
	CHECK_INT(PLACE("\x49\x3b\x66\x10\x76\x02" PUSH_RET "\x48\x89\x44\x24\x08" CALL_MORE
			"\x48\x8b\x44\x24\x08\xeb\xe7"),
		  6);
	/* lea -0x100(%rsp),%r12; cmp 0x10(%r14),%r12; jbe */
	CHECK_INT(PLACE("\x4c\x8d\xa4\x24\x00\xff\xff\xff\x4d\x3b\x66\x10\x76\x02" PUSH_RET CALL_MORE
			"\xeb\xe9"),
		  14);
	/* mov %rsp,%r12; sub $0x20000,%r12; jb; cmp 0x10(%r14),%r12; jbe */
	CHECK_INT(
		PLACE("\x49\x89\xe4\x49\x81\xec\x00\x00\x02\x00\x72\x08\x4d\x3b\x66\x10\x76\x02" PUSH_RET
			      CALL_MORE "\xeb\xe5"),
		18);
	/* mov %fs:-8,%rcx; cmp 0x10(%rcx),%rsp; jbe: ABI0 and old versions */
	CHECK_INT(PLACE("\x64\x48\x8b\x0c\x25\xf8\xff\xff\xff\x48\x3b\x61\x10\x76\x02" PUSH_RET
				CALL_MORE "\xeb\xe8"),
		  15);
	/* mov 0x10(%rcx),%rsi; cmp $-0x522,%rsi; je; lea 0x380(%rsp),%rax; sub %rsi,%rax; cmp $0x20320,%rax; jbe */
	CHECK_INT(
		PLACE("\x48\x8b\x71\x10\x48\x81\xfe\xde\xfa\xff\xff\x74\x15"
		      "\x48\x8d\x84\x24\x80\x03\x00\x00\x48\x29\xf0\x48\x3d\x20\x03\x02\x00\x76\x02" PUSH_RET
			      CALL_MORE "\xeb\xd7"),
		32);
}

TEST(no_stack_checks)
{
	/* a leaf: ret */
	CHECK_INT(PLACE("\xc3"), -1);
	/* the jump goes on elsewhere in the function, not to its entry */
	CHECK_INT(PLACE("\x49\x3b\x66\x10\x76\x02" PUSH_RET CALL_MORE "\xeb\xf3"), -1);
	/* a block without a call */
	CHECK_INT(PLACE("\x49\x3b\x66\x10\x76\x02" PUSH_RET "\xeb\xf6"), -1);
	/* the frame is made first: sub $8,%rsp; cmp; jbe */
	CHECK_INT(PLACE("\x48\x83\xec\x08\x49\x3b\x66\x10\x76\x02" PUSH_RET CALL_MORE "\xeb\xed"),
		  -1);
	CHECK_INT(PLACE(""), -1);
}

/* --- calling convention ----------------------------------------------------------------------------------------- */

static struct type_table tt;
static struct arena types_arena;

static const struct type *go_struct(uint32_t size, uint32_t n, const struct type *const *members,
				    const uint32_t *offsets)
{
	struct type *t = type_new_struct(&tt, STR("main.S"), false);

	t->fields = arena_array(&types_arena, struct type_field, n + 1);
	for (uint32_t i = 0; i < n; i++) {
		t->fields[i].type = members[i];
		t->fields[i].offset = offsets[i];
	}
	t->n_fields = n;
	t->size = size;
	t->align = 8;
	t->is_complete = true;
	return t;
}

/* one letter for each value: b byte, w int32, i int64, s string, f float64, a [2]int, o [1]int, e struct{}, m {byte, int},
 * n {int, [2]int}; '/' before the results */
static uint32_t make_values(const char *text, struct go_abi_value *v)
{
	const struct type *i64 = type_int(8, true), *byte = type_int(1, false);
	const struct type *ptr = type_pointer(&tt, byte, SPACE_USER);
	const struct type *two = type_array(&tt, i64, 2);
	bool is_result = false;
	uint32_t n = 0;

	for (; *text; text++) {
		const struct type *t = i64;

		switch (*text) {
		case '/': is_result = true; continue;
		case 'b': t = byte; break;
		case 'w': t = type_int(4, true); break;
		case 's':
			t = go_struct(16, 2, (const struct type *[]){ ptr, i64 },
				      (uint32_t[]){ 0, 8 });
			break;
		case 'f': t = type_float(8); break;
		case 'a': t = two; break;
		case 'o': t = type_array(&tt, i64, 1); break;
		case 'e': t = go_struct(0, 0, NULL, NULL); break;
		case 'm':
			t = go_struct(16, 2, (const struct type *[]){ byte, i64 },
				      (uint32_t[]){ 0, 8 });
			break;
		case 'n':
			t = go_struct(24, 2, (const struct type *[]){ i64, two },
				      (uint32_t[]){ 0, 8 });
			break;
		default: break;
		}
		v[n++] = (struct go_abi_value){ .type = t, .is_result = is_result };
	}
	return n;
}

/* "ax bx+cx x0 [8]": what each value comes to */
static void spell(const struct go_abi_value *v, uint32_t n, struct strbuf *out)
{
	strbuf_clear(out);
	for (uint32_t i = 0; i < n; i++) {
		if (i)
			strbuf_putc(out, ' ');
		for (uint32_t k = 0; k < v[i].loc.n_pieces; k++) {
			const struct loc_piece *p = &v[i].loc.pieces[k];

			if (p->kind == LOC_CONST) {
				strbuf_printf(out, "-%u", p->size);
				continue;
			}
			if (k)
				strbuf_putc(out, '+');
			if (p->kind == LOC_FLOAT_REG)
				strbuf_printf(out, "x%u", p->reg);
			else if (p->kind == LOC_MEM)
				strbuf_printf(out, "[%d]", (int)p->ops[1].value);
			for (const struct arch_reg *r = arch_script_regs;
			     p->kind == LOC_REG && r->name; r++)
				if (r->offset == p->reg) {
					strbuf_puts(out, r->name);
					break;
				}
		}
	}
}

static void check_abi(const char *signature, bool in_regs, const char *want, uint64_t want_bytes)
{
	struct go_abi_value v[32];
	uint32_t n = make_values(signature, v);
	STRBUF_AUTO got = { 0 };
	uint64_t bytes = 0;

	printf("# %s\n", signature);
	CHECK(go_abi_assign(v, n, in_regs, &types_arena, &bytes));
	spell(v, n, &got);
	CHECK_STR(strbuf_cstr(&got), want);
	CHECK_INT(bytes, want_bytes);
}

TEST(assignment)
{
	arena_init(&types_arena);
	type_table_init(&tt, &types_arena);
	check_abi("is/i", true, "ax bx+cx ax", 24);
	check_abi("bwi", true, "ax bx cx", 16);
	check_abi("fif/f", true, "x0 ax x1 x0", 24);
	check_abi("aoi", true, "[8] ax bx", 32);
	/* eight words taken: a string does not fit as a whole, the next word does */
	check_abi("iiiiiiiisi", true, "ax bx cx di si r8 r9 r10 [8] r11", 88);
	check_abi("eib", true, "[8] ax bx", 16);
	check_abi("mn", true, "ax-7+bx [8]", 40);
	check_abi("ia/sai", true, "ax [8] ax+bx [24] cx", 40);
	/* ABI0: all on the stack, results behind the arguments at a whole word */
	check_abi("bwi/b", false, "[8] [12] [16] [24]", 24);
	check_abi("sb/sf", false, "[8] [24] [32] [48]", 48);
	check_abi("", true, "", 0);
	type_table_free(&tt);
	arena_free(&types_arena);
}

TEST(unknown_layout)
{
	struct go_abi_value v[2];
	uint64_t bytes;

	arena_init(&types_arena);
	type_table_init(&tt, &types_arena);
	v[0] = (struct go_abi_value){ .type = type_int(8, true) };
	v[1] = (struct go_abi_value){ .type = type_new_struct(&tt, STR("main.Unknown"), false) };
	CHECK(!go_abi_assign(v, 2, true, &types_arena, &bytes));
	CHECK(location_is_absent(&v[0].loc));
	CHECK(location_is_absent(&v[1].loc));
	/* eight bytes in front of the only member: one is missing */
	v[1].type = go_struct(16, 1, (const struct type *[]){ type_int(8, true) },
			      (uint32_t[]){ 8 });
	CHECK(!go_abi_assign(v, 2, true, &types_arena, &bytes));
	v[1].type = go_struct(16, 1, (const struct type *[]){ type_int(8, true) },
			      (uint32_t[]){ 0 });
	CHECK(go_abi_assign(v, 2, true, &types_arena, &bytes));
	type_table_free(&tt);
	arena_free(&types_arena);
}

TEST(dictionaries)
{
	CHECK_INT(go_abi_dict_index(STR("main.add[go.shape.int]"), 26), 0);
	CHECK_INT(go_abi_dict_index(STR("main.add[go.shape.int_0]"), 19), 0);
	CHECK_INT(go_abi_dict_index(STR("main.(*G[go.shape.int]).M"), 26), 1);
	CHECK_INT(go_abi_dict_index(STR("main.(*G[go.shape.int_0]).M"), 19), 0);
	CHECK_INT(go_abi_dict_index(STR("main.G[go.shape.map[string]int].V"), 20), 1);
	CHECK_INT(go_abi_dict_index(STR("main.gen[go.shape.string].func1"), 26), -1);
	CHECK_INT(go_abi_dict_index(STR("main.(*G[go.shape.int]).M.func1"), 26), -1);
	CHECK_INT(go_abi_dict_index(STR("main.(*G[int]).M"), 26), -1);
	CHECK_INT(go_abi_dict_index(STR("main.add[...]"), 20), 0);
	CHECK_INT(go_abi_dict_index(STR("main.(*G[...]).M"), 20), 1);
	CHECK_INT(go_abi_dict_index(STR("main.hello"), 26), -1);
	CHECK_INT(go_abi_dict_index(STR("main.x[go.shape.int"), 26), 0);
}
