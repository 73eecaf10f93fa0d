/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzer of the texts that come from a traced process or its root: maps, perf map, ld.so.cache, and kallsyms. The first
 * byte picks the reader. Any bytes end in an error or in data that can be searched.
 */
#include "objfile/kallsyms.h"
#include "objfile/perfmap.h"
#include "objfile/proc.h"
#include "objfile/resolve.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_maps(struct str text)
{
	struct proc_maps m;

	proc_maps_parse(text, &m);
	for (uint32_t i = 0; i < m.n; i++)
		if (proc_maps_find(&m, m.v[i].start) != &m.v[i] ||
		    (i && m.v[i - 1].end > m.v[i].start))
			__builtin_trap();
	proc_maps_free(&m);
}

static void read_perfmap(struct str text)
{
	struct perfmap *m = perfmap_new(1, 0);
	size_t used = perfmap_parse(m, text);

	if (used > text.n)
		__builtin_trap();
	for (size_t i = 0; i < m->n; i++) {
		const struct perfmap_entry *e = perfmap_at(m, m->v[i].start);

		if (e ? m->v[i].start - e->start >= e->size : m->v[i].size != 0)
			__builtin_trap();
	}
	perfmap_free(m);
}

static void read_kallsyms(struct str text)
{
	struct strbuf copy = { 0 };
	struct kallsyms *k = NULL;

	strbuf_add_str(&copy, text);
	err_free(kallsyms_parse(&copy, &k));
	strbuf_free(&copy);
	if (!k)
		return;
	for (size_t i = 0; i < k->n && i < 256; i++) {
		const struct kernel_symbol *s = kallsyms_at(k, k->v[i].addr);

		if (s && s->addr != k->v[i].addr)
			__builtin_trap();
		if (!kallsyms_find(k, kallsyms_name(k, &k->v[i]), kallsyms_module(k, &k->v[i])))
			__builtin_trap();
	}
	kallsyms_free(k);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_make((const char *)data + 1, size - 1);

	if (size < 2)
		return 0;
	switch (data[0] % 4) {
	case 0: read_maps(text); break;
	case 1: read_perfmap(text); break;
	case 2: read_kallsyms(text); break;
	default: free(resolve_ld_cache(text, STR("libc")));
	}
	return 0;
}
