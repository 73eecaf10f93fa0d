/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * /proc/kallsyms; see kallsyms.h. Lines: "ffffffff81000000 T name" or "... t name\t[module]". The text is kept and
 * the names stay in it. Reading costs the kernel about 40 ms for 120,000 symbols, parsing some 5 ms, so nothing calls
 * this before an address needs a name.
 */
#include "objfile/kallsyms.h"

#include "base/cleanup.h"
#include "base/vec.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* user addresses and per-CPU offsets lie below; symbols there (type A, per-CPU data) name no address */
#define KERNEL_START 0x8000000000000000ULL
/* further from the last symbol of a module than this is not that symbol */
#define MODULE_REACH (4u << 20)

/* "addr type name[\t[module]]\n" at p; returns the start of the next line, s->name_len 0 when it is none */
static const char *parse_line(const char *p, const char *end, const char *start,
			      struct kernel_symbol *s)
{
	const char *nl = memchr(p, '\n', (size_t)(end - p));
	const char *line_end = nl ? nl : end;
	const char *name, *name_end, *tab;
	uint64_t addr = 0;

	s->name_len = s->module_len = 0;
	while (p < line_end && *p != ' ') {
		unsigned c = (unsigned char)*p++;
		unsigned digit = c <= '9' ? c - '0' : (c | 32) - 'a' + 10;

		if (digit > 15)
			return line_end + 1;
		addr = addr << 4 | digit;
	}
	if (line_end - p < 4 || p[2] != ' ')
		return line_end + 1;
	s->addr = addr;
	s->type = p[1];
	name = p + 3;
	tab = memchr(name, '\t', (size_t)(line_end - name));
	name_end = tab ? tab : line_end;
	if (name_end == name || name_end - name > UINT16_MAX)
		return line_end + 1;
	s->name = (uint32_t)(name - start);
	s->name_len = (uint16_t)(name_end - name);
	if (tab && line_end - tab > 3 && tab[1] == '[' && line_end[-1] == ']' &&
	    line_end - tab < UINT16_MAX)
		s->module_len = (uint16_t)(line_end - tab - 3);
	return line_end + 1;
}

static int compare(const void *a, const void *b)
{
	const struct kernel_symbol *x = a, *y = b;

	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	/* aliases: code first, then the kernel's own order, which is also what it prints itself */
	if (kernel_symbol_is_func(x) != kernel_symbol_is_func(y))
		return kernel_symbol_is_func(x) ? -1 : 1;
	return x->name < y->name ? -1 : x->name > y->name;
}

struct err *kallsyms_parse(struct strbuf *text, struct kallsyms **ret)
{
	struct kallsyms *k = base_alloc(sizeof(*k));
	const char *p, *end;
	bool sorted = true, hidden = true;
	struct kernel_symbol s;

	k->text = *text;
	*text = (struct strbuf){ 0 };
	p = k->text.p;
	end = p + k->text.n;
	vec_reserve(k, k->text.n / 40 + 1);
	while (p < end) {
		p = parse_line(p, end, k->text.p, &s);
		if (!s.name_len)
			continue;
		hidden = hidden && s.addr == 0;
		if (k->n && compare(&k->v[k->n - 1], &s) > 0)
			sorted = false;
		if (!s.module_len && str_is(kallsyms_name(k, &s), "_end"))
			k->end = s.addr;
		vec_push(k, s);
	}
	if (hidden) {
		kallsyms_free(k);
		return err_hint(err_new(0, "the kernel hides its addresses in /proc/kallsyms"),
				"run as root with kernel.kptr_restrict below 2");
	}
	if (!sorted) /* modules follow the kernel in the order in which they were loaded */
		qsort(k->v, k->n, sizeof(*k->v), compare);
	*ret = k;
	return NULL;
}

struct err *kallsyms_load(struct kallsyms **ret)
{
	STRBUF_AUTO text = { 0 };
	FD_AUTO fd = open("/proc/kallsyms", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return err_new(errno, "open '/proc/kallsyms'");
	vec_grow((void **)&text.p, &text.cap, 8u << 20, 1);
	do {
		vec_grow((void **)&text.p, &text.cap, text.n + (1u << 18), 1);
		n = read(fd, text.p + text.n, text.cap - text.n);
		if (n > 0)
			text.n += (size_t)n;
	} while ((n > 0 && text.n < UINT32_MAX) || (n < 0 && errno == EINTR));
	if (n < 0)
		return err_new(errno, "read '/proc/kallsyms'");
	return kallsyms_parse(&text, ret);
}

void kallsyms_free(struct kallsyms *k)
{
	if (!k)
		return;
	strbuf_free(&k->text);
	free(k->v);
	free(k);
}

const struct kernel_symbol *kallsyms_at(const struct kallsyms *k, uint64_t addr)
{
	const struct kernel_symbol *s;
	size_t lo = 0, hi = k->n;

	if (addr < KERNEL_START)
		return NULL;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (k->v[mid].addr <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	/* to the first of those that share the address */
	while (lo > 1 && k->v[lo - 2].addr == k->v[lo - 1].addr)
		lo--;
	if (!lo || k->v[lo - 1].addr < KERNEL_START)
		return NULL;
	s = &k->v[lo - 1];
	if (s->module_len ? addr - s->addr > MODULE_REACH : k->end && addr >= k->end)
		return NULL;
	return s;
}

const struct kernel_symbol *kallsyms_find(const struct kallsyms *k, struct str name,
					  struct str module)
{
	const struct kernel_symbol *found = NULL;

	for (size_t i = 0; i < k->n; i++) {
		const struct kernel_symbol *s = &k->v[i];

		if (s->name_len != name.n || !str_eq(kallsyms_name(k, s), name))
			continue;
		if (module.n ? str_eq(kallsyms_module(k, s), module) : !s->module_len)
			return s;
		if (!module.n && !found)
			found = s;
	}
	return found;
}
