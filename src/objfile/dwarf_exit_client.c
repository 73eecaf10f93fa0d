/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Questions about where inlined calls end, the tracer's end: see debuginfo.h. Who asks for one copy of a function asks for the others next, and
 * each question is two changes of process, which cost milliseconds on a busy machine. So copies are asked about by the dozen, and what is
 * known is kept as long as the file.
 */
#include "objfile/dwarf_private.h"

enum { MOST = 64 }; /* of one question: its time is limited */

struct known_exits {
	uint64_t id; /* of the instance; the map's key */
	const uint64_t *v;
	uint32_t n;
};

static struct known_exits *find(struct debuginfo *d, uint64_t id)
{
	return hashmap_get(&d->exits, hashmap_key_u64(&id));
}

static void put_instance(struct wire_out *out, const struct di_instance *i)
{
	wire_put_u64(out, i->id);
	wire_put_u32(out, i->n_entries);
	for (uint32_t k = 0; k < i->n_entries; k++)
		wire_put_u64(out, i->entries[k]);
}

static void keep_instance(struct debuginfo *d, uint64_t id, struct wire_in *in)
{
	struct known_exits *e = arena_new(&d->kept, struct known_exits);
	uint64_t *v;

	e->id = id;
	e->n = wire_get_count(in, 8);
	e->v = v = arena_array(&d->kept, uint64_t, e->n);
	for (uint32_t i = 0; i < e->n; i++)
		v[i] = wire_get_u64(in);
	if (!in->b.bad)
		hashmap_put(&d->exits, hashmap_key_u64(&e->id), e);
}

/* i, and what follows it in its function */
static ERR_MUST struct err *ask(struct debuginfo *d, const struct di_func *f,
				const struct di_instance *i)
{
	const struct di_instance *end = f->instances + f->n_instances;
	const struct di_instance *asked[MOST];
	WIRE_OUT_AUTO out = { 0 };
	struct wire_in in;
	uint32_t n = 0;

	for (; i < end && n < MOST; i++)
		if (!n || (i->is_inlined && !find(d, i->id)))
			asked[n++] = i;
	wire_put_u32(&out, n);
	for (uint32_t k = 0; k < n; k++)
		put_instance(&out, asked[k]);
	TRY(debuginfo_ask(d, DWARF_INLINE_EXITS, &out, &in));
	for (uint32_t k = 0; k < n; k++)
		keep_instance(d, asked[k]->id, &in);
	return debuginfo_check(d, &in);
}

struct err *debuginfo_inline_exits(struct debuginfo *d, const struct di_func *f,
				   const struct di_instance *i, const uint64_t **exits, uint32_t *n)
{
	const struct known_exits *e = find(d, i->id);

	*exits = NULL;
	*n = 0;
	if (!e) {
		TRY(ask(d, f, i));
		e = find(d, i->id);
	}
	if (!e)
		return NULL;
	*exits = e->v;
	*n = e->n;
	return NULL;
}
