/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * USDT probes of one object file: the notes of type 3, owner "stapsdt", of section .note.stapsdt, as SystemTap's
 * <sys/sdt.h> writes them. objfile_usdt reads them at the first call; the table belongs to the objfile.
 * A note that lies about its sizes ends the reading there (what came before stays, `notes` says so).
 */
#ifndef SONDE_OBJFILE_USDT_H
#define SONDE_OBJFILE_USDT_H

#include "base/arena.h"
#include "objfile/elf.h"
#include "types/usdt_operand.h"

struct usdt_note { /* one location of a probe */
	struct str provider, name;
	uint64_t addr;             /* of the probe's nop: vaddr, corrected for prelinking */
	uint64_t file_offset;      /* of the nop: where the uprobe goes */
	uint64_t semaphore;        /* vaddr of the 16-bit counter, 0: none */
	uint64_t semaphore_offset; /* its file offset: ref_ctr_offset of the uprobe, 0: none */
	struct str args;           /* the operands' text: "-4@%eax 8@152(%rdi)" */
};

struct usdt_table {
	struct usdt_note *v; /* in the order of the notes; a probe with n locations occurs n times */
	uint32_t n;
	uint32_t n_bad;      /* notes left out: location not in the file */
	struct strbuf notes; /* what was wrong with the section, one line each; empty: nothing */
};

struct usdt_table *objfile_usdt(struct objfile *f);
/* why attaching to this probe of the file harms the program, as half a sentence; NULL: it does not */
const char *usdt_harm(struct objfile *f, const struct usdt_note *n);

enum { USDT_MAX_ARGS = 255 };

/*
 * Parses a note's operands. file resolves symbols of rip-relative operands and may be NULL (they then come out as
 * USDT_ARG_UNSUPPORTED, with the reason in .refusal). *ret is an array in a; returns their number. Each text that cannot be understood becomes an
 * operand of kind UNSUPPORTED or FLOAT, so that the others keep their number.
 */
uint32_t usdt_parse_args(struct objfile *file, struct str args, struct arena *a,
			 struct usdt_operand **ret);
/* one operand, e.g. "-4@112(%rsp)"; never fails, see above */
struct usdt_operand usdt_parse_operand(struct objfile *file, struct str text);
/* do two locations need one program only (same kinds, registers, displacements; is_file_addr compares by value - addr)? */
bool usdt_operands_equal(const struct usdt_operand *a, uint64_t pc_a, const struct usdt_operand *b,
			 uint64_t pc_b, uint32_t n);
#endif
