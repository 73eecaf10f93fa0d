/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the BTF source share; nobody else includes this. A struct btfsrc owns what it
 * points to (btfsrc_free), except `below` and the types it made, which live in the type table's
 * arena.
 */
#ifndef SONDE_TYPES_BTF_PRIVATE_H
#define SONDE_TYPES_BTF_PRIVATE_H

#include "base/vec.h"
#include "types/btf_source.h"

#include <bpf/btf.h>

/* an open-addressing table of (name, kind) -> id: slots hold ids (or indices), 0 is empty */
struct btfsrc_index {
	uint32_t *slots;
	uint32_t mask;
};

struct btfsrc_enumerator {
	uint32_t type_id;
	uint32_t index; /* within the enum */
};

/* names that were found by going through all: small scripts ask for one or two, and the index takes some milliseconds */
enum { BTFSRC_SCANS = 2 };
struct btfsrc_found {
	unsigned kinds;
	uint32_t id;
};

/* the kernel's own BTF where it lies, with what is needed to get about in it (btf_raw.c) */
struct btfsrc_raw {
	uint8_t *mapped; /* NULL: not used */
	size_t n_mapped;
	const uint8_t *types;
	const char *strings;
	uint32_t n_strings;
	uint32_t *offsets; /* of types, by id; of id 0: not used */
	uint32_t n;        /* ids below it exist */
};

struct btfsrc {
	struct type_source base; /* first: a struct type_source * of ours is a struct btfsrc * */
	char *path;
	struct btfsrc *below; /* what a module's types build upon */
	const void *bytes;    /* not a file: borrowed until it is opened */
	size_t n_bytes;
	struct btfsrc_raw raw;
	struct btf *btf; /* libbpf's copy; NULL as long as raw does */
	bool tried, is_open;
	struct err *error;
	uint32_t first_id; /* first id of this file: 1, or what follows the base's last */
	uint32_t end_id;
	const struct type **made; /* by id, NULL: not asked for yet */
	uint8_t *aligns;          /* by id, 0: not computed yet */
	unsigned nesting;         /* calls into each other: completing, alignments */
	struct btfsrc_index names, functions; /* all but functions; those */
	struct btfsrc_found found[BTFSRC_SCANS];
	uint32_t n_found, n_scans;
	struct btfsrc_index constants;
	struct btf_dump *dump;   /* btf_text.c, NULL until it is needed */
	struct strbuf *dump_out; /* where it writes now */
	struct btfsrc_enumerator *enumerators;
	uint32_t n_enumerators;
};

/* by id, NULL when there is none; 0 is void */
const struct btf_type *btfsrc_by_id(const struct btfsrc *s, uint32_t id);
/* never NULL for the kernel's own */
const char *btfsrc_text(const struct btfsrc *s, uint32_t off);
/* libbpf's form of it, for what libbpf does; NULL when it cannot be had */
struct btf *btfsrc_libbpf(struct btfsrc *s);
/* false: this is no raw BTF, or cannot be mapped, or has something new in it */
bool btfsrc_raw_open(struct btfsrc_raw *r, const char *path);
void btfsrc_raw_close(struct btfsrc_raw *r);

/* BTF that the kernel did not make: may it be followed? (btf_check.c) */
bool btfsrc_is_sound(const struct btf *btf);
enum btfsrc_kind btfsrc_kind_of(const struct btf_type *t);
struct str btfsrc_string(const struct btfsrc *s, uint32_t off);
/* fill the fields of a struct: the complete operation of the source (btf_build.c) */
bool btfsrc_complete(struct type_source *src, struct type *t);

#endif
