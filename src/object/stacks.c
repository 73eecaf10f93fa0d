/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Maps of stacks (bpf_get_stackid) when an object ends: each stack by its number, innermost function first, in the form of a script's stacks. Whose
 * stack it is, the kernel's map does not say: names are those of the processes that are traced, where these agree.
 */
#include "object/object_private.h"

#include "output/json.h"

#include <errno.h>
#include <string.h>

enum { MOST_STACKS = 10000 };
#define KERNEL_FROM (1ull << 63)
#define PADDING "        "

bool object_has_stacks(const struct object *o)
{
	struct bpf_map *m;

	bpf_object__for_each_map(m, o->bpf) if (bpf_map__type(m) == BPF_MAP_TYPE_STACK_TRACE &&
						object_map_fd(o, m) >= 0) return true;
	return false;
}

void object_set_symbols(struct object *o, const struct output_symbols *symbols)
{
	o->env.symbols = symbols;
}

/* false: not known, or not the same in all processes that have something there */
static bool user_symbol(const struct object *o, uint32_t pid, uint64_t at,
			struct output_symbol *ret)
{
	const struct output_symbols *s = o->env.symbols;
	struct output_symbol other;
	bool is_found = false;

	if (pid)
		return s->user(s->arg, pid, at, ret);
	for (uint32_t i = 0; i < o->opts.n_pids; i++) {
		if (!s->user(s->arg, (uint32_t)o->opts.pids[i], at, &other))
			continue;
		if (is_found && (!str_eq(other.name, ret->name) || other.offset != ret->offset))
			return false;
		is_found = true;
		*ret = other;
	}
	return is_found;
}

static void put_frame(const struct object *o, uint32_t pid, uint64_t at, struct strbuf *out)
{
	const struct output_symbols *s = o->env.symbols;
	struct output_symbol sym = { 0 };
	bool is_known = false;

	if (s)
		is_known = at >= KERNEL_FROM ? s->kernel(s->arg, at, &sym)
					     : user_symbol(o, pid, at, &sym);
	strbuf_puts(out, o->opts.is_json ? "" : PADDING);
	if (is_known && sym.name.n)
		strbuf_printf(out, "%.*s+%llu\n", STR_ARG(sym.name),
			      (unsigned long long)sym.offset);
	else
		strbuf_printf(out, "0x%llx\n", (unsigned long long)at);
}

struct kept {
	uint32_t number, pid, n;
	const uint64_t *frames;
};

struct stacks {
	struct object *o;
	struct bpf_map *map;
	struct arena arena;
	uint32_t most; /* frames of one */
	uint64_t n_left_out;
	VEC(struct kept) v;
};

static void add(struct stacks *s, struct kept k)
{
	uint64_t *copy;

	while (k.n && !k.frames[k.n - 1])
		k.n--;
	if (!k.n)
		return;
	if (s->v.n >= MOST_STACKS) {
		s->n_left_out++;
		return;
	}
	copy = arena_alloc(&s->arena, k.n * sizeof(*copy));
	memcpy(copy, k.frames, k.n * sizeof(*copy));
	k.frames = copy;
	vec_push(&s->v, k);
}

/* a process can have written anything there */
static bool offer(void *arg, const void *key, const void *value, uint32_t n_cpus)
{
	const struct object_stack *kept = value;
	struct stacks *s = arg;
	struct kept k = { .pid = kept->pid, .n = kept->n, .frames = kept->frames };

	memcpy(&k.number, key, sizeof(k.number));
	if (k.n > s->most)
		k.n = s->most;
	if (kept->state > 1)
		add(s, k);
	return true;
}

static ERR_MUST struct err *read_kernels(struct stacks *s)
{
	uint32_t size = bpf_map__value_size(s->map);
	FREE_AUTO uint64_t *frames = base_alloc(size + sizeof(*frames));
	int fd = bpf_map__fd(s->map);
	uint32_t number, *last = NULL;

	for (;;) {
		if (bpf_map_get_next_key(fd, last, &number))
			return errno == ENOENT
				       ? NULL
				       : err_new(errno, "read the map '%s'", bpf_map__name(s->map));
		last = &number;
		memset(frames, 0, size);
		if (!bpf_map_lookup_elem(fd, &number, frames))
			add(s, (struct kept){ .number = number, .n = s->most, .frames = frames });
	}
}

static int by_number(const void *a, const void *b)
{
	const struct kept *x = a, *y = b;

	return x->number < y->number ? -1 : x->number > y->number;
}

static void put_json(const struct stacks *s, struct strbuf *out)
{
	strbuf_puts(out, "{\"type\": \"map\", \"data\": {");
	json_put_string(out, str_from(bpf_map__name(s->map)));
	strbuf_puts(out, ": {");
	vec_each(k, &s->v) {
		STRBUF_AUTO text = { 0 };

		for (uint32_t i = 0; i < k->n; i++)
			put_frame(s->o, k->pid, k->frames[i], &text);
		strbuf_printf(out, "%s\"%u\": ", k == s->v.v ? "" : ", ", k->number);
		json_put_string(out, str_sub(strbuf_str(&text), 0, text.n - 1));
	}
	strbuf_puts(out, "}}}\n");
}

static void put_text(const struct stacks *s, struct strbuf *out)
{
	vec_each(k, &s->v) {
		strbuf_printf(out, "%s[%u]: \n", bpf_map__name(s->map), k->number);
		for (uint32_t i = 0; i < k->n; i++)
			put_frame(s->o, k->pid, k->frames[i], out);
	}
}

struct err *object_put_stacks(struct object *o, struct bpf_map *m)
{
	struct stacks s = { .o = o, .map = m, .most = bpf_map__value_size(m) / sizeof(uint64_t) };
	STRBUF_AUTO text = { 0 };
	struct err *err;

	if (bpf_map__map_flags(m) & BPF_F_STACK_BUILD_ID) {
		object_remark(o, "the stacks of '%s' are offsets in files, which are not shown",
			      bpf_map__name(m));
		return NULL;
	}
	arena_init(&s.arena);
	err = o->user ? object_user_each(o, m, offer, &s) : read_kernels(&s);
	if (s.v.n)
		qsort(s.v.v, s.v.n, sizeof(*s.v.v), by_number);
	if (s.v.n && o->opts.is_json)
		put_json(&s, &text);
	else
		put_text(&s, &text);
	if (text.n)
		o->opts.write(o->opts.arg, strbuf_str(&text));
	if (s.v.n && !o->user && !o->opts.n_pids)
		object_remark(o, "addresses of '%s' have names where processes are named: -p or -c",
			      bpf_map__name(m));
	if (s.n_left_out)
		object_remark(o, "%llu more stacks of the map '%s' are not shown",
			      (unsigned long long)s.n_left_out, bpf_map__name(m));
	vec_free(&s.v);
	arena_free(&s.arena);
	return err;
}
