/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The object of a provider: an ELF file like a small shared library, laid out so that a tracer reads it as it reads any other.
 *
 *	[0, data)     header, program headers, code, call frame information, notes, symbols, section headers
 *	[data, size)  .probes: one 16-bit semaphore for each probe
 *
 * Each probe is a function of its own: endbr64, nop, ret. The note (https://sourceware.org/systemtap/wiki/UserSpaceProbeImplementation)
 * stands for the nop, where the arguments are still where the calling convention of x86-64 has them: six in registers, the others
 * behind the return address. A double travels by its bits, in the same places, which its operand says: "8f@%rsi".
 */
#include "usdt_private.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* by section header. Semaphores stand last in the file, but here between code and notes: bcc looks for the three in this order */
enum { TEXT, EH_FRAME, PROBES, NOTES, BASE, SYMTAB, STRTAB, SHSTRTAB, N_PARTS, NOP_OFFSET = 4 };

struct buffer {
	unsigned char *p;
	size_t n, cap;
	bool failed;
};

struct part {
	const char *name;
	uint32_t type, link, info;
	uint64_t flags, align, entsize;
	size_t offset, size;
};

static void put(struct buffer *b, const void *p, size_t n)
{
	if (b->n + n > b->cap) {
		size_t cap = (b->n + n) * 2 + 4096;
		unsigned char *grown = realloc(b->p, cap);

		if (!grown) {
			b->failed = true;
			return;
		}
		b->p = grown;
		b->cap = cap;
	}
	memcpy(b->p + b->n, p, n);
	b->n += n;
}

static void put_zeros(struct buffer *b, size_t n)
{
	static const char zeros[64];

	for (; n; n -= n < sizeof(zeros) ? n : sizeof(zeros))
		put(b, zeros, n < sizeof(zeros) ? n : sizeof(zeros));
}

static void put_u32(struct buffer *b, uint32_t v)
{
	put(b, &v, sizeof(v));
}

static void put_u64(struct buffer *b, uint64_t v)
{
	put(b, &v, sizeof(v));
}

static void align(struct buffer *b, size_t to)
{
	put_zeros(b, (to - b->n % to) % to);
}

/* ---- parts ---- */

static void put_text(struct buffer *b, const struct sonde_provider *p)
{
	static const unsigned char function[USDT_FUNCTION_BYTES] = {
		0xf3, 0x0f, 0x1e, 0xfa, /* endbr64 */
		0x90,                   /* nop: the probe */
		0xc3,                   /* ret */
		0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc
	};

	for (const struct usdt_probe *u = p->first; u; u = u->next)
		put(b, function, sizeof(function));
}

/* for all functions: the frame begins behind the return address, at each instruction (DWARF 5, 6.4) */
static void put_eh_frame(struct buffer *b, size_t text, size_t text_size)
{
	static const unsigned char cie[] = {
		1,    'z',  'R', 0, /* version, augmentation */
		1,    0x78, 16, /* code and data alignment (1, -8), return address is register 16 */
		1,    0x1b,     /* pointers: relative to where they stand, 4 bytes */
		0x0c, 7,    8,  /* CFA = rsp + 8 */
		0x90, 1,        /* return address at CFA - 8 */
		0,    0         /* nop, nop */
	};
	size_t start = b->n, at;

	put_u32(b, 4 + sizeof(cie));
	put_u32(b, 0);
	put(b, cie, sizeof(cie));
	put_u32(b, 20);
	at = b->n;
	put_u32(b, (uint32_t)(at - start));
	at = b->n;
	put_u32(b, (uint32_t)(text - at));
	put_u32(b, (uint32_t)text_size);
	put_zeros(b, 8); /* no augmentation data, nops */
	put_u32(b, 0);   /* the end */
}

static const char *const registers[6][4] = {
	{ "dil", "di", "edi", "rdi" }, { "sil", "si", "esi", "rsi" }, { "dl", "dx", "edx", "rdx" },
	{ "cl", "cx", "ecx", "rcx" },  { "r8b", "r8w", "r8d", "r8" }, { "r9b", "r9w", "r9d", "r9" },
};

static void print_operand(char *out, size_t size, enum usdt_type type, unsigned i)
{
	static const struct {
		const char *size;
		unsigned width; /* column of the table above */
	} kinds[USDT_N_TYPES] = {
		[USDT_I8] = { "-1", 0 },  [USDT_I16] = { "-2", 1 }, [USDT_I32] = { "-4", 2 },
		[USDT_I64] = { "-8", 3 }, [USDT_U8] = { "1", 0 },   [USDT_U16] = { "2", 1 },
		[USDT_U32] = { "4", 2 },  [USDT_U64] = { "8", 3 },  [USDT_F64] = { "8f", 3 },
		[USDT_PTR] = { "8", 3 },  [USDT_STR] = { "8", 3 },
	};

	if (i < 6)
		snprintf(out, size, "%s%s@%%%s", i ? " " : "", kinds[type].size,
			 registers[i][kinds[type].width]);
	else
		snprintf(out, size, " %s@%u(%%rsp)", kinds[type].size, 8 * (i - 5));
}

static void put_note(struct buffer *b, const struct sonde_provider *p, const struct usdt_probe *u,
		     size_t nop, size_t semaphore, size_t base)
{
	char operands[SONDE_USDT_MAX_ARGS * 24] = "";
	size_t at = b->n, start;
	uint32_t length;

	for (unsigned i = 0; i < u->n_args; i++) {
		size_t n = strlen(operands);

		print_operand(operands + n, sizeof(operands) - n, u->types[i], i);
	}
	put_u32(b, sizeof("stapsdt"));
	put_u32(b, 0); /* length: below */
	put_u32(b, 3);
	put(b, "stapsdt", sizeof("stapsdt"));
	start = b->n;
	put_u64(b, nop);
	put_u64(b, base);
	put_u64(b, semaphore);
	put(b, p->name, strlen(p->name) + 1);
	put(b, u->name, strlen(u->name) + 1);
	put(b, operands, strlen(operands) + 1);
	length = (uint32_t)(b->n - start);
	if (!b->failed)
		memcpy(b->p + at + 4, &length, sizeof(length));
	align(b, 4);
}

static void put_symbols(struct buffer *b, const struct sonde_provider *p, const struct part *text)
{
	Elf64_Sym s = { 0 };
	uint32_t name = 1;
	unsigned i = 0;

	put(b, &s, sizeof(s));
	for (const struct usdt_probe *u = p->first; u; u = u->next, i++) {
		s.st_name = name;
		s.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
		s.st_shndx = TEXT + 1;
		s.st_value = text->offset + (size_t)i * USDT_FUNCTION_BYTES;
		s.st_size = USDT_FUNCTION_BYTES;
		put(b, &s, sizeof(s));
		name += (uint32_t)strlen(u->name) + 1;
	}
}

static void put_names(struct buffer *b, const struct sonde_provider *p)
{
	put_zeros(b, 1);
	for (const struct usdt_probe *u = p->first; u; u = u->next)
		put(b, u->name, strlen(u->name) + 1);
}

/* ---- the whole ---- */

static void begin_part(struct buffer *b, struct part *part)
{
	align(b, part->align);
	part->offset = b->n;
}

static void put_sections(struct buffer *b, const struct part *parts)
{
	uint32_t name = 1;
	Elf64_Shdr s = { 0 };

	put(b, &s, sizeof(s));
	for (unsigned i = 0; i < N_PARTS; i++) {
		s = (Elf64_Shdr){ .sh_name = name,
				  .sh_type = parts[i].type,
				  .sh_flags = parts[i].flags,
				  .sh_addr = parts[i].flags & SHF_ALLOC ? parts[i].offset : 0,
				  .sh_offset = parts[i].offset,
				  .sh_size = parts[i].size,
				  .sh_link = parts[i].link,
				  .sh_info = parts[i].info,
				  .sh_addralign = parts[i].align,
				  .sh_entsize = parts[i].entsize };
		put(b, &s, sizeof(s));
		name += (uint32_t)strlen(parts[i].name) + 1;
	}
}

static void fill_headers(unsigned char *at, size_t sections, size_t data, size_t size)
{
	Elf64_Ehdr e = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
				      EV_CURRENT, ELFOSABI_NONE },
			 .e_type = ET_DYN,
			 .e_machine = EM_X86_64,
			 .e_version = EV_CURRENT,
			 .e_phoff = sizeof(e),
			 .e_shoff = sections,
			 .e_ehsize = sizeof(e),
			 .e_phentsize = sizeof(Elf64_Phdr),
			 .e_phnum = 3,
			 .e_shentsize = sizeof(Elf64_Shdr),
			 .e_shnum = N_PARTS + 1,
			 .e_shstrndx = SHSTRTAB + 1 };
	Elf64_Phdr p[3] = {
		{ .p_type = PT_LOAD,
		  .p_flags = PF_R | PF_X,
		  .p_filesz = data,
		  .p_memsz = data,
		  .p_align = 4096 },
		{ .p_type = PT_LOAD,
		  .p_flags = PF_R | PF_W,
		  .p_offset = data,
		  .p_vaddr = data,
		  .p_paddr = data,
		  .p_filesz = size - data,
		  .p_memsz = size - data,
		  .p_align = 4096 },
		/* no executable stack */
		{ .p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W, .p_align = 16 },
	};

	memcpy(at, &e, sizeof(e));
	memcpy(at + sizeof(e), p, sizeof(p));
}

/*
 * Semaphores stand behind all else, whose size depends on nothing but names: so the notes are written twice, the first time for
 * their length.
 */
static void put_notes(struct buffer *b, const struct sonde_provider *p, struct part *parts,
		      size_t data)
{
	unsigned i = 0;

	for (const struct usdt_probe *u = p->first; u; u = u->next, i++)
		put_note(b, p, u, parts[TEXT].offset + (size_t)i * USDT_FUNCTION_BYTES + NOP_OFFSET,
			 data + (size_t)i * 2, parts[BASE].offset);
}

static void put_parts(struct buffer *b, const struct sonde_provider *p, struct part *parts,
		      size_t data, size_t *sections)
{
	b->n = 0;
	put_zeros(b, sizeof(Elf64_Ehdr) + 3 * sizeof(Elf64_Phdr));
	for (unsigned i = TEXT; i < N_PARTS; i++) {
		if (i == PROBES)
			continue;
		begin_part(b, &parts[i]);
		switch (i) {
		case TEXT: put_text(b, p); break;
		case EH_FRAME: put_eh_frame(b, parts[TEXT].offset, parts[TEXT].size); break;
		case NOTES: put_notes(b, p, parts, data); break;
		case BASE: put_zeros(b, 1); break;
		case SYMTAB: put_symbols(b, p, &parts[TEXT]); break;
		case STRTAB: put_names(b, p); break;
		case SHSTRTAB:
			put_zeros(b, 1);
			for (unsigned k = 0; k < N_PARTS; k++)
				put(b, parts[k].name, strlen(parts[k].name) + 1);
			break;
		}
		parts[i].size = b->n - parts[i].offset;
	}
	align(b, 8);
	*sections = b->n;
}

int usdt_object_make(const struct sonde_provider *p, struct usdt_object *out)
{
	struct part parts[N_PARTS] = {
		[TEXT] = { ".text", SHT_PROGBITS, .flags = SHF_ALLOC | SHF_EXECINSTR, .align = 16 },
		[EH_FRAME] = { ".eh_frame", SHT_PROGBITS, .flags = SHF_ALLOC, .align = 8 },
		[NOTES] = { ".note.stapsdt", SHT_NOTE, .align = 4 },
		[BASE] = { ".stapsdt.base", SHT_PROGBITS, .flags = SHF_ALLOC, .align = 1 },
		[SYMTAB] = { ".symtab", SHT_SYMTAB, .link = STRTAB + 1, .info = 1, .align = 8,
			     .entsize = sizeof(Elf64_Sym) },
		[STRTAB] = { ".strtab", SHT_STRTAB, .align = 1 },
		[SHSTRTAB] = { ".shstrtab", SHT_STRTAB, .align = 1 },
		[PROBES] = { ".probes", SHT_PROGBITS, .flags = SHF_ALLOC | SHF_WRITE, .align = 2 },
	};
	size_t page = (size_t)sysconf(_SC_PAGESIZE), sections, data;
	struct buffer b = { 0 };

	put_parts(&b, p, parts, 0, &sections);
	data = (sections + (N_PARTS + 1) * sizeof(Elf64_Shdr) + page - 1) / page * page;
	put_parts(&b, p, parts, data, &sections);
	parts[PROBES].offset = data;
	parts[PROBES].size = (size_t)p->n_probes * 2;
	put_sections(&b, parts);
	align(&b, page);
	put_zeros(&b, parts[PROBES].size);
	align(&b, page);
	if (b.failed) {
		free(b.p);
		return -1;
	}
	fill_headers(b.p, sections, data, b.n);
	*out = (struct usdt_object){ b.p, b.n, data, parts[TEXT].offset };
	return 0;
}
