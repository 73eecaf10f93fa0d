/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Relocations by types of the kernel (CO-RE) in an object that the kernel does not load: unverified.c. The instructions in a copy of the file are
 * changed, and the records of .BTF.ext are taken out, so that libbpf finds none. A process has none of the kernel's types, but for the registers,
 * which are x86's, and numbers of enums; what asks for others becomes a call that nobody has, as libbpf does it.
 *
 * The file may be anything: every offset is compared before it is used.
 */
#include "object/object_private.h"

#include <gelf.h>
#include <stddef.h>
#include <string.h>

enum {
	BAD_CALL = 0xbad2310, /* what libbpf writes where a relocation has no answer */
	MOST_NAMES = 32,      /* of one type: damaged ones name themselves */
};

/* of .BTF.ext, as far as it says where the relocations are */
struct ext_head {
	uint16_t magic;
	uint8_t version, flags;
	uint32_t head_bytes, func_info_at, func_info_bytes, line_info_at, line_info_bytes;
	uint32_t relos_at, relos_bytes;
};

struct piece {
	uint8_t *p;
	size_t n;
};

struct fixing {
	struct piece file;
	Elf *elf;
	struct btf *btf, *kernel;
};

static bool section(const struct fixing *f, const char *name, struct piece *ret)
{
	Elf_Scn *scn = NULL;
	size_t names;
	GElf_Shdr h;

	if (elf_getshdrstrndx(f->elf, &names))
		return false;
	while ((scn = elf_nextscn(f->elf, scn))) {
		const char *known = gelf_getshdr(scn, &h) ? elf_strptr(f->elf, names, h.sh_name)
							  : NULL;

		if (!known || strcmp(known, name) || h.sh_type == SHT_NOBITS ||
		    h.sh_offset > f->file.n || h.sh_size > f->file.n - h.sh_offset)
			continue;
		*ret = (struct piece){ f->file.p + h.sh_offset, h.sh_size };
		return true;
	}
	return false;
}

/* ---- answers ---- */

/* "name___flavor" is a name */
static struct str essential(const char *name)
{
	const char *flavor = name ? strstr(name, "___") : NULL;

	if (!name)
		return STR("");
	return flavor && flavor != name ? str_make(name, (size_t)(flavor - name)) : str_from(name);
}

/* the number of a name in an enum of the kernel */
static bool kernel_number(struct fixing *f, struct str type, struct str name, uint64_t *ret)
{
	uint32_t n = f->kernel ? btf__type_cnt(f->kernel) : 0;

	for (uint32_t id = 1; id < n; id++) {
		const struct btf_type *t = btf__type_by_id(f->kernel, id);
		const char *known;

		if (!btf_is_any_enum(t))
			continue;
		known = btf__name_by_offset(f->kernel, t->name_off);
		if (!known || !str_eq(essential(known), type))
			continue;
		for (uint16_t i = 0; i < btf_vlen(t); i++) {
			bool is_wide = btf_is_enum64(t);
			uint32_t at = is_wide ? btf_enum64(t)[i].name_off : btf_enum(t)[i].name_off;

			known = btf__name_by_offset(f->kernel, at);
			if (!known || !str_eq(str_from(known), name))
				continue;
			*ret = is_wide ? btf_enum64_value(&btf_enum64(t)[i])
				       : (uint64_t)(int64_t)btf_enum(t)[i].val;
			return true;
		}
	}
	return false;
}

static void put_number(struct bpf_insn *in, uint64_t v)
{
	in->imm = (int32_t)(uint32_t)v;
	if (in->code == (BPF_LD | BPF_IMM | BPF_DW))
		in[1].imm = (int32_t)(uint32_t)(v >> 32);
}

static void put_bad(struct bpf_insn *in)
{
	bool is_wide = in->code == (BPF_LD | BPF_IMM | BPF_DW);

	for (int i = 0; i <= is_wide; i++)
		in[i] = (struct bpf_insn){ .code = BPF_JMP | BPF_CALL, .imm = BAD_CALL };
}

/* access: the index of the name in the object's enum */
static void resolve_enum(struct fixing *f, const struct btf_type *t, const struct bpf_core_relo *r,
			 struct bpf_insn *in)
{
	const char *access = btf__name_by_offset(f->btf, r->access_str_off), *name;
	uint64_t v = 0, i = 0;
	struct str text = access ? str_from(access) : STR("");
	bool is_there;

	if (!str_to_u64(text, &i) || i >= btf_vlen(t)) {
		put_bad(in);
		return;
	}
	name = btf__name_by_offset(f->btf, btf_is_enum64(t) ? btf_enum64(t)[i].name_off
							    : btf_enum(t)[i].name_off);
	if (!f->kernel)
		f->kernel = btf__load_vmlinux_btf();
	is_there = kernel_number(f, essential(btf__name_by_offset(f->btf, t->name_off)),
				 essential(name), &v);
	if (r->kind == BPF_CORE_ENUMVAL_EXISTS)
		put_number(in, is_there);
	else if (is_there)
		put_number(in, v);
	else
		put_bad(in);
}

/* a member of struct pt_regs, as the kernel names it, -> its offset; -1: there is none */
static int register_at(const char *name)
{
	static const char *const names[] = { "r15", "r14",     "r13", "r12", "bp",    "bx", "r11",
					     "r10", "r9",      "r8",  "ax",  "cx",    "dx", "si",
					     "di",  "orig_ax", "ip",  "cs",  "flags", "sp", "ss" };

	for (size_t i = 0; name && i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(names[i], name))
			return (int)(8 * i);
	return -1;
}

/* access: "0:14", a member of a struct, perhaps within one without a name. The name of the last one, NULL: it is something else */
static const char *member_of(const struct btf *btf, const struct btf_type *t, const char *access)
{
	struct str rest = access ? str_from(access) : STR("");
	const char *name = NULL;
	uint64_t i;

	if (!str_is(str_split(&rest, ':'), "0"))
		return NULL;
	while (rest.n) {
		if (!t || !btf_is_composite(t) || (name && *name) ||
		    !str_to_u64(str_split(&rest, ':'), &i) || i >= btf_vlen(t))
			return NULL;
		name = btf__name_by_offset(btf, btf_members(t)[i].name_off);
		t = btf__type_by_id(btf, btf_members(t)[i].type);
	}
	return name;
}

/* the context: words of x86's registers, whatever of them the object describes */
static void resolve_register(const struct fixing *f, const struct btf_type *t,
			     const struct bpf_core_relo *r, struct bpf_insn *in)
{
	const char *access = btf__name_by_offset(f->btf, r->access_str_off);
	int at = register_at(member_of(f->btf, t, access));
	uint8_t class = BPF_CLASS(in->code);

	if (r->kind == BPF_CORE_FIELD_EXISTS)
		put_number(in, at >= 0);
	else if (at < 0)
		put_bad(in);
	else if (r->kind == BPF_CORE_FIELD_BYTE_SIZE)
		put_number(in, 8);
	else if (r->kind != BPF_CORE_FIELD_BYTE_OFFSET)
		put_number(in, 0); /* words without a sign need no shifts */
	else if (class == BPF_LDX || class == BPF_ST || class == BPF_STX)
		in->off = (int16_t)at;
	else
		put_number(in, (uint64_t)at);
}

static void resolve(struct fixing *f, const struct bpf_core_relo *r, struct bpf_insn *in)
{
	const struct btf_type *t = btf__type_by_id(f->btf, r->type_id);
	struct str name;

	for (int i = 0; i < MOST_NAMES && t && (btf_is_typedef(t) || btf_is_mod(t)); i++)
		t = btf__type_by_id(f->btf, t->type);
	name = t ? essential(btf__name_by_offset(f->btf, t->name_off)) : STR("");
	if (r->kind == BPF_CORE_TYPE_ID_LOCAL)
		return;
	if (t && btf_is_any_enum(t) &&
	    (r->kind == BPF_CORE_ENUMVAL_EXISTS || r->kind == BPF_CORE_ENUMVAL_VALUE))
		resolve_enum(f, t, r, in);
	else if (t && str_is(name, "pt_regs") && r->kind <= BPF_CORE_FIELD_RSHIFT_U64)
		resolve_register(f, t, r, in);
	else
		put_bad(in);
}

/* ---- the records ---- */

static ERR_MUST struct err *damaged(void)
{
	return err_new(0, "its .BTF.ext is damaged");
}

/* all of one section's */
static ERR_MUST struct err *resolve_section(struct fixing *f, const char *name, struct piece recs,
					    uint32_t record)
{
	struct piece code;

	if (!name || !section(f, name, &code))
		return damaged();
	for (size_t at = 0; at + record <= recs.n; at += record) {
		struct bpf_core_relo r;
		struct bpf_insn in[2]; /* an instruction may have two slots */
		size_t n;

		memcpy(&r, recs.p + at, sizeof(r));
		if (r.insn_off % sizeof(*in) || r.insn_off >= code.n ||
		    code.n - r.insn_off < sizeof(*in))
			return damaged();
		n = code.p[r.insn_off] == (BPF_LD | BPF_IMM | BPF_DW) ? sizeof(in) : sizeof(*in);
		if (code.n - r.insn_off < n)
			return damaged();
		memcpy(in, code.p + r.insn_off, n);
		resolve(f, &r, in);
		memcpy(code.p + r.insn_off, in, n);
	}
	return NULL;
}

static ERR_MUST struct err *resolve_all(struct fixing *f, struct piece ext)
{
	struct ext_head h = { 0 };
	uint32_t record, head[2];
	struct piece left;

	memcpy(&h, ext.p, ext.n < sizeof(h) ? ext.n : sizeof(h));
	if (ext.n < offsetof(struct ext_head, relos_at) || h.head_bytes > ext.n)
		return damaged();
	if (h.head_bytes < sizeof(h) || !h.relos_bytes)
		return NULL;
	left = (struct piece){ ext.p + h.head_bytes, ext.n - h.head_bytes };
	if (h.relos_at > left.n || h.relos_bytes > left.n - h.relos_at ||
	    h.relos_bytes < sizeof(record))
		return damaged();
	left = (struct piece){ left.p + h.relos_at, h.relos_bytes };
	memcpy(&record, left.p, sizeof(record));
	left = (struct piece){ left.p + sizeof(record), left.n - sizeof(record) };
	if (record < sizeof(struct bpf_core_relo) || record > 4096)
		return damaged();
	while (left.n) {
		uint64_t bytes;

		if (left.n < sizeof(head))
			return damaged();
		memcpy(head, left.p, sizeof(head));
		left = (struct piece){ left.p + sizeof(head), left.n - sizeof(head) };
		bytes = (uint64_t)head[1] * record;
		if (bytes > left.n)
			return damaged();
		TRY(resolve_section(f, btf__name_by_offset(f->btf, head[0]),
				    (struct piece){ left.p, bytes }, record));
		left = (struct piece){ left.p + bytes, left.n - bytes };
	}
	/* done: libbpf finds none */
	memset(ext.p + offsetof(struct ext_head, relos_bytes), 0, sizeof(h.relos_bytes));
	return NULL;
}

struct err *object_resolve_types(uint8_t *file, size_t n)
{
	struct fixing f = { .file = { file, n } };
	struct piece types, ext;
	struct err *err = NULL;

	elf_version(EV_CURRENT);
	f.elf = elf_memory((char *)file, n);
	if (!f.elf)
		return err_new(0, "it is no ELF file");
	if (section(&f, ".BTF", &types) && section(&f, ".BTF.ext", &ext)) {
		f.btf = btf__new(types.p, (uint32_t)types.n);
		err = f.btf ? resolve_all(&f, ext) : err_new(0, "its .BTF is damaged");
	}
	btf__free(f.btf);
	btf__free(f.kernel);
	elf_end(f.elf);
	return err;
}
