/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What was loaded, for -v: programs with their size, maps with the kernel memory that they take, work areas, the ring.
 * Sizes that the kernel knows are asked from it. Only says, never fails.
 */
#include "base/log.h"
#include "engine/kernel/kernel.h"

#include <bpf/bpf.h>
#include <stdio.h>

/* bytes that the kernel charges for a map (fdinfo's "memlock"); 0: it does not say */
static uint64_t map_memory(int fd)
{
	STRBUF_AUTO text = { 0 };
	const char *line;
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	if (!sys_read_file(path, &text))
		return 0;
	line = strstr(strbuf_cstr(&text), "memlock:");
	return line ? strtoull(line + strlen("memlock:"), NULL, 10) : 0;
}

static void put_bytes(struct strbuf *b, uint64_t n)
{
	if (n < 10 << 10)
		strbuf_printf(b, "%llu bytes", (unsigned long long)n);
	else if (n < 10 << 20)
		strbuf_printf(b, "%llu KiB", (unsigned long long)n >> 10);
	else
		strbuf_printf(b, "%llu MiB", (unsigned long long)n >> 20);
}

static void describe_prog(const struct engine *e, uint32_t i)
{
	const struct image_prog *p = e->image->progs[i];
	struct bpf_prog_info info = { 0 };
	uint32_t size = sizeof(info);
	STRBUF_AUTO b = { 0 };

	strbuf_printf(&b, "program %.*s: %u instructions, %u bytes of stack", STR_ARG(p->name),
		      p->n_insns, p->stack_bytes);
	if (e->progs[i].twin != IMAGE_NONE)
		strbuf_printf(&b, ", the same as %.*s",
			      STR_ARG(e->image->progs[e->progs[i].twin]->name));
	else if (e->progs[i].fd < 0)
		strbuf_puts(&b, ", loaded for each place at attach");
	else if (!bpf_obj_get_info_by_fd(e->progs[i].fd, &info, &size) && info.verified_insns)
		strbuf_printf(&b, ", %u verified", info.verified_insns);
	log_verbose("%s", strbuf_cstr(&b));
}

/* maps of the script by their names, the others by what they are for */
static const char *what_for(const struct image_map *m)
{
	switch (m->role) {
	case MAP_RING: return "events to be printed";
	case MAP_GLOBALS: return "state of the run";
	case MAP_FAULTS: return "counts of faults";
	case MAP_SCRATCH: return "work areas";
	case MAP_STACKS: return "stacks";
	case MAP_CONST: return "constants";
	case MAP_UNWIND_TABLES: return "call frame information";
	case MAP_UNWIND_PROCS: return "mappings of processes";
	case MAP_UNWIND_STATS: return "counts of unwound stacks";
	case MAP_STREAMS: return "connections";
	case MAP_MESSAGE: return "the message at hand";
	case MAP_MESSAGE_RING: return "events of messages";
	default: return NULL;
	}
}

static uint64_t describe_map(const struct engine *e, uint32_t i)
{
	const struct image_map *m = e->image->maps[i];
	uint64_t bytes = map_memory(e->map_fds[i]);
	const char *use = what_for(m);
	STRBUF_AUTO b = { 0 };
	uint32_t n_values;

	strbuf_printf(&b, "map %.*s", STR_ARG(m->name));
	if (use)
		strbuf_printf(&b, " (%s)", use);
	strbuf_puts(&b, ": ");
	if (m->role != MAP_RING) {
		strbuf_printf(&b, "%u elements of %u + %u bytes", m->max_entries, m->key_size,
			      m->value_size);
		kernel_map_value_bytes(e, m, &n_values);
		if (n_values > 1)
			strbuf_printf(&b, " on each of %u CPUs", n_values);
		strbuf_puts(&b, ", ");
	}
	put_bytes(&b, bytes);
	strbuf_puts(&b, " now");
	log_verbose("%s", strbuf_cstr(&b));
	return bytes;
}

static void describe_scratch(const struct engine *e)
{
	const struct image_map *m;
	STRBUF_AUTO b = { 0 };

	if (e->image->scratch_map == IMAGE_NONE)
		return;
	m = e->image->maps[e->image->scratch_map];
	put_bytes(&b, (uint64_t)m->max_entries * m->value_size * e->n_cpus);
	log_verbose("work areas: %u slots x %u bytes x %u CPUs = %s", m->max_entries, m->value_size,
		    e->n_cpus, strbuf_cstr(&b));
}

void kernel_describe(const struct engine *e)
{
	uint64_t total = 0;
	uint32_t n_progs = 0, n_maps = 0;
	STRBUF_AUTO b = { 0 };

	if (log_level < 1)
		return;
	for (uint32_t i = 0; i < e->image->n_progs; i++) {
		if (!image_runs(e->image, e->image->progs[i]))
			continue;
		describe_prog(e, i);
		n_progs++;
	}
	for (uint32_t i = 0; i < e->image->n_maps; i++) {
		if (!image_uses(e->image, e->image->maps[i]))
			continue;
		total += describe_map(e, i);
		n_maps++;
	}
	describe_scratch(e);
	vec_each(r, &e->rings) {
		strbuf_clear(&b);
		put_bytes(&b, r->size);
		log_verbose("event ring: %s", strbuf_cstr(&b));
	}
	strbuf_clear(&b);
	put_bytes(&b, total);
	log_verbose("loaded: programs %u, maps %u with %s of kernel memory", n_progs, n_maps, strbuf_cstr(&b));
}
