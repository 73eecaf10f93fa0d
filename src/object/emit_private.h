/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the emitter's files share: sections while they grow, symbols, and the BTF. */
#ifndef SONDE_OBJECT_EMIT_PRIVATE_H
#define SONDE_OBJECT_EMIT_PRIVATE_H

#include "base/arena.h"
#include "base/vec.h"
#include "object/emit.h"

#include <bpf/btf.h>
#include <gelf.h>

struct emit_reloc {
	uint64_t offset;
	uint32_t symbol, type;
};

struct emit_func { /* a row of .BTF.ext */
	uint32_t offset, type_id;
};

struct emit_section {
	struct str name;
	uint32_t type;
	uint64_t flags;
	struct strbuf data;
	uint32_t symbol; /* of the section itself, 0: none */
	VEC(struct emit_reloc) relocs;
	VEC(struct emit_func) funcs;
};

struct emit_symbol {
	struct str name;
	uint32_t section;
	uint8_t info; /* type and binding */
	uint64_t value, size;
};

enum emit_r { EMIT_R_64 = 1, EMIT_R_CALL = 10 }; /* R_BPF_64_64, R_BPF_64_32 */

struct emitter {
	const struct image *im;
	struct arena *arena;
	struct btf *btf;
	VEC(struct emit_section *) sections; /* index + 1 is the number in the file */
	VEC(struct emit_symbol) symbols;     /* index + 1 as well */
	uint32_t *map_symbols;               /* by map: symbol, 0: none */
	bool *is_data; /* by map: a data section, because programs take its address */
	void (*remark)(void *arg, const char *text);
	void *arg;
};

/* number of the section; made when there is none of that name */
uint32_t emit_section(struct emitter *e, struct str name, uint32_t type, uint64_t flags);
static inline struct emit_section *emit_section_at(struct emitter *e, uint32_t n)
{
	return e->sections.v[n - 1];
}
uint32_t emit_symbol(struct emitter *e, struct emit_symbol s);

/* emit_maps.c: .maps and its types, data sections; symbols of all maps */
struct err *emit_maps(struct emitter *e) ERR_MUST;
void emit_event_type(struct emitter *e, const struct event_layout *l);
/* emit_where.c: the section's name of a point; NULL with *why when no section can say it */
struct str emit_where(struct emitter *e, const struct image_prog *p,
		      const struct probe_point *point, const char **why);
/* emit_file.c: all of it into the file */
struct err *emit_file(struct emitter *e, const char *path) ERR_MUST;

#endif
