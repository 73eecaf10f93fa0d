/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes one BTF blob for all programs of an image: two integers, a pointer, and for every IR function a FUNC_PROTO and a
 * FUNC. The verifier demands of a callback that it has a FUNC with static linkage; of the parameters it looks at no more
 * than that they are there, so a map, a key, a value and a context are all void pointers.
 *
 * Ids are fixed by position: 1 u64, 2 long, 3 void pointer, then two per function.
 */
#include "ebpf/btf_out.h"

#include <linux/btf.h>

enum { ID_U64 = 1, ID_LONG, ID_PTR, ID_FIRST_FUNC };

struct btf_writer {
	struct strbuf types, strings;
};

static void put_u32(struct strbuf *b, uint32_t v)
{
	strbuf_add(b, &v, sizeof(v));
}

static uint32_t put_name(struct btf_writer *w, struct str name)
{
	uint32_t off = (uint32_t)w->strings.n;

	strbuf_add_str(&w->strings, name);
	strbuf_putc(&w->strings, 0);
	return off;
}

static void put_type(struct btf_writer *w, uint32_t name, uint32_t kind, uint32_t vlen,
		     uint32_t size_or_type)
{
	put_u32(&w->types, name);
	put_u32(&w->types, kind << 24 | vlen);
	put_u32(&w->types, size_or_type);
}

static void put_int(struct btf_writer *w, struct str name, uint32_t encoding)
{
	put_type(w, put_name(w, name), BTF_KIND_INT, 0, 8);
	put_u32(&w->types, encoding << 24 | 64);
}

uint32_t ebpf_btf_func_id(uint32_t func)
{
	return ID_FIRST_FUNC + 2 * func + 1;
}

static uint32_t param_type(const struct ir_func *f, uint32_t k)
{
	switch (f->kind) {
	case IR_FUNC_PROGRAM:
	case IR_FUNC_FOR_EACH: return ID_PTR;
	case IR_FUNC_LOOP: return k == 0 ? ID_U64 : ID_PTR;
	default: return ID_U64;
	}
}

static uint32_t param_count(const struct ir_func *f)
{
	switch (f->kind) {
	case IR_FUNC_PROGRAM: return 1;
	case IR_FUNC_LOOP: return 2;
	case IR_FUNC_FOR_EACH: return 4;
	default: return f->n_params;
	}
}

static void put_func(struct btf_writer *w, const struct ir_func *f, uint32_t proto_id)
{
	static const char *const names[] = { "a", "b", "c", "d", "e" };
	uint32_t n = param_count(f);

	put_type(w, 0, BTF_KIND_FUNC_PROTO, n, ID_LONG);
	for (uint32_t k = 0; k < n; k++) {
		put_u32(&w->types, put_name(w, str_from(names[k])));
		put_u32(&w->types, param_type(f, k));
	}
	/* the kernel wants entry points global and callbacks static; static functions are verified where they are called */
	put_type(w, put_name(w, f->name), BTF_KIND_FUNC,
		 f->kind == IR_FUNC_PROGRAM ? BTF_FUNC_GLOBAL : BTF_FUNC_STATIC, proto_id);
}

void *ebpf_btf_make(const struct ir_module *m, struct arena *arena, uint32_t *size)
{
	struct btf_writer w = { 0 };
	struct btf_header *h;
	uint8_t *blob;

	strbuf_putc(&w.strings, 0); /* offset 0 is the empty name */
	put_int(&w, STR("unsigned long"), 0);
	put_int(&w, STR("long"), BTF_INT_SIGNED);
	put_type(&w, 0, BTF_KIND_PTR, 0, 0);
	for (uint32_t f = 0; f < m->n_funcs; f++)
		put_func(&w, m->funcs[f], ID_FIRST_FUNC + 2 * f);

	*size = (uint32_t)(sizeof(*h) + w.types.n + w.strings.n);
	blob = arena_alloc(arena, *size);
	h = (struct btf_header *)blob;
	h->magic = BTF_MAGIC;
	h->version = BTF_VERSION;
	h->hdr_len = sizeof(*h);
	h->type_len = (uint32_t)w.types.n;
	h->str_off = (uint32_t)w.types.n;
	h->str_len = (uint32_t)w.strings.n;
	memcpy(blob + sizeof(*h), w.types.p, w.types.n);
	memcpy(blob + sizeof(*h) + w.types.n, w.strings.p, w.strings.n);
	strbuf_free(&w.types);
	strbuf_free(&w.strings);
	return blob;
}
