/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The assembler: each line is tried against the forms that the disassembler prints, by a cursor over its bytes. Labels
 * are resolved in a second step.
 */
#include "ebpf/asm.h"
#include "ebpf/insn.h"
#include "base/hashmap.h"
#include "image/disasm.h"

struct line_cursor {
	struct str s;
	size_t i;
};

struct label_use {
	uint32_t insn, line;
	struct str name;
	bool is_call; /* goes to imm, else to off */
};

struct assembler {
	struct arena *arena;
	VEC(struct bpf_insn) out;
	VEC(struct label_use) uses;
	struct hashmap labels; /* name -> 1 + instruction */
	uint32_t line;
};

static ERR_MUST struct err *bad(const struct assembler *a, const char *what)
{
	return err_new(0, "assembler, line %u: %s", a->line, what);
}

/* ---- words ---- */

static void skip_space(struct line_cursor *c)
{
	while (c->i < c->s.n && (c->s.p[c->i] == ' ' || c->s.p[c->i] == '\t'))
		c->i++;
}

/* the text if it stands here; spaces before it are skipped */
static bool take(struct line_cursor *c, const char *text)
{
	size_t n = strlen(text), was = c->i;

	skip_space(c);
	if (c->s.n - c->i >= n && !memcmp(c->s.p + c->i, text, n)) {
		c->i += n;
		return true;
	}
	c->i = was;
	return false;
}

static bool at_end(struct line_cursor *c)
{
	skip_space(c);
	return c->i == c->s.n;
}

static bool is_name_char(char ch)
{
	return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') ||
	       ch == '_';
}

static struct str take_name(struct line_cursor *c)
{
	size_t from;

	skip_space(c);
	from = c->i;
	while (c->i < c->s.n && is_name_char(c->s.p[c->i]))
		c->i++;
	return str_sub(c->s, from, c->i);
}

/* "r7" or "w7": 64 or 32 bits */
static bool take_reg(struct line_cursor *c, unsigned *reg, bool *is_32)
{
	size_t was = c->i;
	struct str name = take_name(c);
	uint64_t n;

	if (name.n >= 2 && (name.p[0] == 'r' || name.p[0] == 'w') &&
	    str_to_u64(str_sub(name, 1, name.n), &n) && n <= R10) {
		*reg = (unsigned)n;
		*is_32 = name.p[0] == 'w';
		return true;
	}
	c->i = was;
	return false;
}

/* a number with an optional sign; wide when it was written in hexadecimal */
static bool take_number(struct line_cursor *c, int64_t *out, bool *is_hex)
{
	size_t was = c->i;
	bool is_minus = take(c, "-");
	struct str digits;
	uint64_t v;

	if (!is_minus)
		take(c, "+");
	digits = take_name(c);
	if (!digits.n || !str_to_u64(digits, &v)) {
		c->i = was;
		return false;
	}
	*is_hex = str_starts(digits, STR("0x"));
	*out = (int64_t)(is_minus ? 0 - v : v);
	return true;
}

/* "(u64 *)(r1 +8)" behind an opening star or not */
static bool take_mem(struct line_cursor *c, uint8_t *size, unsigned *reg, int64_t *off)
{
	bool is_32, is_hex;

	if (take(c, "(u8 *)"))
		*size = BPF_B;
	else if (take(c, "(u16 *)"))
		*size = BPF_H;
	else if (take(c, "(u32 *)"))
		*size = BPF_W;
	else if (take(c, "(u64 *)"))
		*size = BPF_DW;
	else
		return false;
	return take(c, "(") && take_reg(c, reg, &is_32) && !is_32 && take_number(c, off, &is_hex) &&
	       take(c, ")") && ebpf_fits_s16(*off);
}

/* ---- instructions ---- */

static void put(struct assembler *a, uint8_t code, unsigned dst, unsigned src, int64_t off,
		int32_t imm)
{
	vec_push(&a->out, ebpf_insn((uint8_t)code, dst, src, (int)off, imm));
}

/* "pc+3" or a label */
static bool take_target(struct assembler *a, struct line_cursor *c, bool is_call, int64_t *out)
{
	struct str name;
	bool is_hex;

	*out = 0;
	if (take(c, "pc"))
		return take_number(c, out, &is_hex);
	name = take_name(c);
	if (!name.n)
		return false;
	vec_push(&a->uses, ((struct label_use){ (uint32_t)a->out.n, a->line, name, is_call }));
	return true;
}

static bool asm_if(struct assembler *a, struct line_cursor *c)
{
	/* longer ones first, where one begins with another */
	static const struct {
		const char *text;
		uint8_t op;
	} ops[] = {
		{ "==", BPF_JEQ },  { "!=", BPF_JNE },  { "s>=", BPF_JSGE }, { "s<=", BPF_JSLE },
		{ "s>", BPF_JSGT }, { "s<", BPF_JSLT }, { ">=", BPF_JGE },   { "<=", BPF_JLE },
		{ ">", BPF_JGT },   { "<", BPF_JLT },   { "&", BPF_JSET },
	};
	unsigned dst, src = 0, k;
	bool is_32, other_32, is_hex, is_reg;
	int64_t imm = 0, off;

	if (!take_reg(c, &dst, &is_32))
		return false;
	for (k = 0; k < sizeof(ops) / sizeof(ops[0]); k++)
		if (take(c, ops[k].text))
			break;
	if (k == sizeof(ops) / sizeof(ops[0]))
		return false;
	is_reg = take_reg(c, &src, &other_32);
	if (is_reg ? other_32 != is_32 : !take_number(c, &imm, &is_hex))
		return false;
	/* immediates are printed as 32 bits in hexadecimal */
	if (!ebpf_fits_s32(imm) && (uint64_t)imm > UINT32_MAX)
		return false;
	if (!take(c, "goto") || !take_target(a, c, false, &off))
		return false;
	put(a, (uint8_t)((is_32 ? BPF_JMP32 : BPF_JMP) | ops[k].op | (is_reg ? BPF_X : BPF_K)), dst,
	    src, off, (int32_t)imm);
	return true;
}

static bool asm_call(struct assembler *a, struct line_cursor *c)
{
	int64_t imm;
	size_t was = c->i;

	if (take(c, "bpf_")) {
		struct str name = take_name(c);
		uint64_t number;

		if (take(c, "#")) {
			if (!str_to_u64(take_name(c), &number))
				return false;
			put(a, BPF_JMP | BPF_CALL, 0, 0, 0, (int32_t)number);
			return true;
		}
		for (int i = 1; strcmp(image_helper_name(i), "unknown"); i++)
			if (str_is(name, image_helper_name(i))) {
				put(a, BPF_JMP | BPF_CALL, 0, 0, 0, i);
				return true;
			}
		return false;
	}
	c->i = was;
	if (!take_target(a, c, true, &imm))
		return false;
	put(a, BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, (int32_t)imm);
	return true;
}

/* "*(u64 *)(r1 +8) = ..." */
static bool asm_store(struct assembler *a, struct line_cursor *c)
{
	unsigned dst, src;
	bool is_32, is_hex;
	int64_t off, imm;
	uint8_t size;

	if (!take_mem(c, &size, &dst, &off) || !take(c, "="))
		return false;
	if (take_reg(c, &src, &is_32)) {
		put(a, (uint8_t)(BPF_STX | BPF_MEM | size), dst, src, off, 0);
		return !is_32;
	}
	if (!take_number(c, &imm, &is_hex) || !ebpf_fits_s32(imm))
		return false;
	put(a, (uint8_t)(BPF_ST | BPF_MEM | size), dst, 0, off, (int32_t)imm);
	return true;
}

static const struct {
	const char *sign, *name;
	uint8_t op;
} atomics[] = {
	{ "+=", "add", BPF_ADD },
	{ "|=", "or", BPF_OR },
	{ "&=", "and", BPF_AND },
	{ "^=", "xor", BPF_XOR },
};

/* "lock *(u64 *)(r1 +0) += r2" */
static bool asm_lock(struct assembler *a, struct line_cursor *c)
{
	unsigned dst, src;
	bool is_32;
	int64_t off;
	uint8_t size;

	if (!take(c, "*") || !take_mem(c, &size, &dst, &off))
		return false;
	for (unsigned k = 0; k < sizeof(atomics) / sizeof(atomics[0]); k++)
		if (take(c, atomics[k].sign) && take_reg(c, &src, &is_32)) {
			put(a, (uint8_t)(BPF_STX | BPF_ATOMIC | size), dst, src, off,
			    atomics[k].op);
			return !is_32;
		}
	return false;
}

/* "atomic64_fetch_add((u64 *)(r1 +0), r2)" and its relatives, behind "rN =" */
static bool asm_fetch(struct assembler *a, struct line_cursor *c, unsigned result)
{
	struct str name;
	int32_t imm = 0;
	unsigned dst, src;
	bool is_32;
	int64_t off;
	uint8_t size;

	take(c, "64");
	if (!take(c, "_"))
		return false;
	name = take_name(c);
	if (str_is(name, "xchg"))
		imm = BPF_XCHG;
	else if (str_is(name, "cmpxchg"))
		imm = BPF_CMPXCHG;
	for (unsigned k = 0; k < sizeof(atomics) / sizeof(atomics[0]); k++)
		if (str_starts(name, STR("fetch_")) &&
		    str_is(str_sub(name, 6, name.n), atomics[k].name))
			imm = atomics[k].op | BPF_FETCH;
	if (!imm || !take(c, "(") || !take_mem(c, &size, &dst, &off) || !take(c, ","))
		return false;
	if (imm == BPF_CMPXCHG && (!take(c, "r0") || !take(c, ",")))
		return false;
	if (!take_reg(c, &src, &is_32) || !take(c, ")") || is_32)
		return false;
	put(a, (uint8_t)(BPF_STX | BPF_ATOMIC | size), dst, src, off, imm);
	return result == (imm == BPF_CMPXCHG ? R0 : src);
}

static bool asm_swap(struct assembler *a, struct line_cursor *c, unsigned dst, bool is_be)
{
	static const int bits[] = { 16, 32, 64 };
	static const char *const words[] = { "16", "32", "64" };
	unsigned src;
	bool is_32;

	for (unsigned k = 0; k < 3; k++)
		if (take(c, words[k])) {
			put(a, BPF_ALU | BPF_END | (is_be ? BPF_TO_BE : BPF_TO_LE), dst, 0, 0,
			    bits[k]);
			return take_reg(c, &src, &is_32) && src == dst;
		}
	return false;
}

/* what stands behind "rN =" */
static bool asm_assign(struct assembler *a, struct line_cursor *c, unsigned dst, bool is_32)
{
	uint8_t class = is_32 ? BPF_ALU : BPF_ALU64, size;
	unsigned src;
	bool src_32, is_hex;
	int64_t v;

	if (take(c, "*")) {
		if (!take_mem(c, &size, &src, &v))
			return false;
		put(a, (uint8_t)(BPF_LDX | BPF_MEM | size), dst, src, v, 0);
		return !is_32;
	}
	if (take(c, "atomic"))
		return asm_fetch(a, c, dst);
	if (take(c, "be"))
		return asm_swap(a, c, dst, true);
	if (take(c, "le"))
		return asm_swap(a, c, dst, false);
	if (take_reg(c, &src, &src_32)) {
		put(a, (uint8_t)(class | BPF_MOV | BPF_X), dst, src, 0, 0);
		return src_32 == is_32;
	}
	if (take_number(c, &v, &is_hex)) {
		if (!is_hex || is_32) {
			put(a, (uint8_t)(class | BPF_MOV | BPF_K), dst, 0, 0, (int32_t)v);
			return ebpf_fits_s32(v);
		}
		put(a, BPF_LD | BPF_IMM | BPF_DW, dst, 0, 0, (int32_t)(uint32_t)(uint64_t)v);
		put(a, 0, 0, 0, 0, (int32_t)(uint32_t)((uint64_t)v >> 32));
		return true;
	}
	if (take(c, "subprog ")) {
		if (is_32 || !take_target(a, c, true, &v))
			return false;
		put(a, BPF_LD | BPF_IMM | BPF_DW, dst, BPF_PSEUDO_FUNC, 0, 0);
		put(a, 0, 0, 0, 0, 0);
		return true;
	}
	if (take(c, "-") && take_reg(c, &src, &src_32)) {
		put(a, (uint8_t)(class | BPF_NEG), dst, 0, 0, 0);
		return src == dst && src_32 == is_32;
	}
	return false;
}

static bool asm_alu(struct assembler *a, struct line_cursor *c)
{
	static const struct {
		const char *text;
		uint8_t op;
	} ops[] = {
		{ "+=", BPF_ADD },  { "-=", BPF_SUB },    { "*=", BPF_MUL },  { "/=", BPF_DIV },
		{ "%=", BPF_MOD },  { "|=", BPF_OR },     { "&=", BPF_AND },  { "^=", BPF_XOR },
		{ "<<=", BPF_LSH }, { "s>>=", BPF_ARSH }, { ">>=", BPF_RSH },
	};
	unsigned dst, src;
	bool is_32, src_32, is_hex;
	int64_t imm;

	if (!take_reg(c, &dst, &is_32))
		return false;
	if (take(c, "="))
		return asm_assign(a, c, dst, is_32);
	for (unsigned k = 0; k < sizeof(ops) / sizeof(ops[0]); k++) {
		uint8_t code = (uint8_t)((is_32 ? BPF_ALU : BPF_ALU64) | ops[k].op);

		if (!take(c, ops[k].text))
			continue;
		if (take_reg(c, &src, &src_32)) {
			put(a, code | BPF_X, dst, src, 0, 0);
			return src_32 == is_32;
		}
		if (!take_number(c, &imm, &is_hex) || !ebpf_fits_s32(imm))
			return false;
		put(a, code, dst, 0, 0, (int32_t)imm);
		return true;
	}
	return false;
}

static bool asm_insn(struct assembler *a, struct line_cursor *c)
{
	int64_t off;

	if (take(c, "exit")) {
		put(a, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
		return true;
	}
	if (take(c, "goto ")) {
		if (!take_target(a, c, false, &off))
			return false;
		put(a, BPF_JMP | BPF_JA, 0, 0, off, 0);
		return true;
	}
	if (take(c, "if "))
		return asm_if(a, c);
	if (take(c, "call "))
		return asm_call(a, c);
	if (take(c, "lock "))
		return asm_lock(a, c);
	if (take(c, "*"))
		return asm_store(a, c);
	return asm_alu(a, c);
}

static ERR_MUST struct err *asm_line(struct assembler *a, struct str line)
{
	struct line_cursor c = { line, 0 };
	ptrdiff_t cut;
	struct str name;

	cut = str_find_char(line, ';', 0);
	c.s = str_sub(line, 0, cut < 0 ? line.n : (size_t)cut);
	if (take(&c, "#") || at_end(&c))
		return NULL;
	name = take_name(&c);
	if (name.n && take(&c, ":")) {
		name = arena_str(a->arena, name);
		if (hashmap_put(&a->labels, name, (void *)(uintptr_t)(a->out.n + 1)))
			return bad(a, "label stands twice");
	} else {
		c.i = 0;
	}
	if (at_end(&c))
		return NULL;
	if (!asm_insn(a, &c) || !at_end(&c))
		return bad(a, "not an instruction");
	return NULL;
}

static ERR_MUST struct err *resolve(struct assembler *a)
{
	vec_each(use, &a->uses) {
		uintptr_t at = (uintptr_t)hashmap_get(&a->labels, use->name);
		int64_t off = (int64_t)at - 1 - (int64_t)use->insn - 1;

		a->line = use->line;
		if (!at)
			return bad(a, "no such label");
		if (use->is_call)
			a->out.v[use->insn].imm = (int32_t)off;
		else if (ebpf_fits_s16(off))
			a->out.v[use->insn].off = (int16_t)off;
		else
			return bad(a, "jump too far");
	}
	return NULL;
}

struct err *ebpf_assemble(struct str text, struct arena *arena, struct bpf_insn **insns,
			  uint32_t *n_insns)
{
	struct assembler a = { .arena = arena };
	struct err *e = NULL;

	while (text.n && !e) {
		a.line++;
		e = asm_line(&a, str_split(&text, '\n'));
	}
	if (!e)
		e = resolve(&a);
	if (!e) {
		*n_insns = (uint32_t)a.out.n;
		*insns = arena_array(arena, struct bpf_insn, a.out.n + 1);
		if (a.out.n)
			memcpy(*insns, a.out.v, a.out.n * sizeof(**insns));
	}
	vec_free(&a.out);
	vec_free(&a.uses);
	hashmap_free(&a.labels);
	return e;
}
