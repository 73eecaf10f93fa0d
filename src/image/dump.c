/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An image as text, for -d image and golden tests: everything an engine or printer will read, in the order in which it
 * stands. For reading only; nothing parses it.
 */
#include "image/disasm.h"

#include <inttypes.h>

static const char *role_name(enum image_map_role role)
{
	static const char *const names[] = {
		[MAP_SCRIPT] = "script", [MAP_RING] = "ring",       [MAP_GLOBALS] = "globals",
		[MAP_FAULTS] = "faults", [MAP_SCRATCH] = "scratch", [MAP_STACKS] = "stacks",
		[MAP_CONST] = "const",   [MAP_PRIVATE] = "private",
		[MAP_PACKETS] = "packets",
		[MAP_UNWIND_TABLES] = "unwind tables", [MAP_UNWIND_PROCS] = "unwind processes",
		[MAP_UNWIND_STATS] = "unwind counts",
		[MAP_STREAMS] = "streams", [MAP_MESSAGE] = "message",
		[MAP_MESSAGE_RING] = "message ring",
	};

	return (unsigned)role < sizeof(names) / sizeof(names[0]) && names[role] ? names[role] : "?";
}

static const char *map_type_name(uint32_t type)
{
	switch (type) {
	case BPF_MAP_TYPE_HASH: return "hash";
	case BPF_MAP_TYPE_ARRAY: return "array";
	case BPF_MAP_TYPE_PERCPU_HASH: return "percpu_hash";
	case BPF_MAP_TYPE_PERCPU_ARRAY: return "percpu_array";
	case BPF_MAP_TYPE_LRU_HASH: return "lru_hash";
	case BPF_MAP_TYPE_LRU_PERCPU_HASH: return "lru_percpu_hash";
	case BPF_MAP_TYPE_RINGBUF: return "ringbuf";
	case BPF_MAP_TYPE_STACK_TRACE: return "stack_trace";
	default: return "other";
	}
}

static const char *prog_type_name(uint32_t type)
{
	switch (type) {
	case BPF_PROG_TYPE_KPROBE: return "kprobe";
	case BPF_PROG_TYPE_TRACEPOINT: return "tracepoint";
	case BPF_PROG_TYPE_RAW_TRACEPOINT: return "raw_tracepoint";
	case BPF_PROG_TYPE_PERF_EVENT: return "perf_event";
	case BPF_PROG_TYPE_TRACING: return "tracing";
	case BPF_PROG_TYPE_SYSCALL: return "syscall";
	default: return "other";
	}
}

static const char *event_name(enum event_kind kind)
{
	static const char *const names[EVENT_N_KINDS] = {
		[EVENT_PRINTF] = "printf",
		[EVENT_ERRORF] = "errorf",
		[EVENT_WARNF] = "warnf",
		[EVENT_DEBUGF] = "debugf",
		[EVENT_CAT] = "cat",
		[EVENT_SYSTEM] = "system",
		[EVENT_PRINT] = "print",
		[EVENT_PRINT_MAP] = "print map",
		[EVENT_PRINT_MAP_KEY] = "print map key",
		[EVENT_CLEAR] = "clear",
		[EVENT_ZERO] = "zero",
		[EVENT_TIME] = "time",
		[EVENT_KEYLOG] = "keylog",
		[EVENT_PCAPNG] = "pcapng",
		[EVENT_JOIN] = "join",
		[EVENT_EXIT] = "exit",
		[EVENT_SKB] = "skb",
		[EVENT_UNWATCH] = "unwatch",
		[EVENT_STACK] = "stack",
		[EVENT_STREAM] = "stream",
	};

	return (unsigned)kind < EVENT_N_KINDS && names[kind] ? names[kind] : "?";
}

static const char *fault_name(enum fault_kind kind)
{
	static const char *const names[FAULT_N_KINDS] = {
		[FAULT_RING_FULL] = "ring full",
		[FAULT_SCRATCH_BUSY] = "scratch busy",
		[FAULT_MAP_FULL] = "map full",
		[FAULT_MAP_UPDATE] = "map update",
		[FAULT_MAP_DELETE] = "map delete",
		[FAULT_MAP_LOOKUP] = "map lookup",
		[FAULT_READ] = "read",
		[FAULT_BOUNDS] = "bounds",
		[FAULT_DIV_ZERO] = "division by zero",
		[FAULT_STACK] = "stack",
		[FAULT_LOOP] = "loop",
		[FAULT_NO_ENTRY] = "no entry",
		[FAULT_STREAM] = "stream",
		[FAULT_OTHER] = "other",
	};

	return (unsigned)kind < FAULT_N_KINDS && names[kind] ? names[kind] : "?";
}

static void dump_place(struct sources *s, struct span at, struct strbuf *out)
{
	if (!s || at.file == UINT16_MAX)
		return;
	strbuf_puts(out, " at ");
	span_print(s, at, out);
}

static void dump_quoted(struct str text, struct strbuf *out)
{
	strbuf_putc(out, '"');
	for (size_t i = 0; i < text.n; i++) {
		uint8_t c = (uint8_t)text.p[i];

		if (c == '\n')
			strbuf_puts(out, "\\n");
		else if (c == '"' || c == '\\')
			strbuf_printf(out, "\\%c", c);
		else if (c < 32 || c > 126)
			strbuf_printf(out, "\\x%02x", c);
		else
			strbuf_putc(out, (char)c);
	}
	strbuf_putc(out, '"');
}

static void dump_type(const struct type *t, struct strbuf *out)
{
	if (t)
		type_spell(t, out);
	else
		strbuf_putc(out, '-');
}

static void dump_maps(const struct image *im, struct sources *s, struct strbuf *out)
{
	for (uint32_t i = 0; i < im->n_maps; i++) {
		const struct image_map *m = im->maps[i];

		strbuf_printf(out, "map %u %.*s: %s, %s, key %u, value %u, entries %u, flags 0x%x",
			      i, STR_ARG(m->name), role_name(m->role), map_type_name(m->bpf_type),
			      m->key_size, m->value_size, m->max_entries, m->flags);
		if (m->role == MAP_SCRIPT) {
			strbuf_puts(out, ", ");
			dump_type(m->key_type, out);
			strbuf_puts(out, " -> ");
			dump_type(m->value_type, out);
			if (m->bucket_offset)
				strbuf_printf(out, ", bucket at %u", m->bucket_offset);
			strbuf_puts(out, m->is_scalar ? ", scalar" : "");
		}
		strbuf_puts(out, m->init ? ", initialised" : "");
		dump_place(s, m->at, out);
		strbuf_putc(out, '\n');
	}
}

static void dump_events(const struct image *im, struct sources *s, struct strbuf *out)
{
	for (uint32_t i = 0; i < im->n_events; i++) {
		const struct event_layout *e = im->events[i];

		strbuf_printf(out, "event %u %s: %u bytes", i, event_name(e->kind), e->size);
		if (e->format.n) {
			strbuf_puts(out, ", ");
			dump_quoted(e->format, out);
		}
		if (e->kind == EVENT_PRINT_MAP || e->kind == EVENT_PRINT_MAP_KEY ||
		    e->kind == EVENT_CLEAR || e->kind == EVENT_ZERO)
			strbuf_printf(out, ", map %u", e->map);
		if (e->kind == EVENT_PRINT_MAP)
			strbuf_printf(out, ", top %" PRId64 ", div %" PRId64, e->param[0],
				      e->param[1]);
		dump_place(s, e->at, out);
		strbuf_putc(out, '\n');
		for (uint32_t f = 0; f < e->n_fields; f++) {
			strbuf_printf(out, "\t+%u ", e->fields[f].offset);
			dump_type(e->fields[f].type, out);
			strbuf_putc(out, '\n');
		}
	}
}

static void dump_faults(const struct image *im, struct sources *s, struct strbuf *out)
{
	for (uint32_t i = 0; i < im->n_faults; i++) {
		const struct image_fault *f = &im->faults[i];

		strbuf_printf(out, "fault %u %s: prog %u", i, fault_name(f->kind), f->prog);
		if (f->helper.n)
			strbuf_printf(out, ", %.*s", STR_ARG(f->helper));
		if (f->map != IMAGE_NONE)
			strbuf_printf(out, ", map %u", f->map);
		strbuf_puts(out, f->is_quiet ? ", quiet" : "");
		dump_place(s, f->at, out);
		strbuf_putc(out, '\n');
	}
}

static void dump_progs(const struct image *im, struct sources *s, struct strbuf *out)
{
	for (uint32_t i = 0; i < im->n_progs; i++) {
		const struct image_prog *p = im->progs[i];

		strbuf_printf(out, "\nprog %u %.*s: %s, %u instructions, %u functions, stack %u", i,
			      STR_ARG(p->name), prog_type_name(p->prog_type), p->n_insns,
			      p->n_funcs, p->stack_bytes);
		if (p->attach_type)
			strbuf_printf(out, ", attach type %u", p->attach_type);
		if (p->flags)
			strbuf_printf(out, ", flags 0x%x", p->flags);
		dump_place(s, p->at, out);
		strbuf_putc(out, '\n');
		image_disasm_prog(im, p, s, out);
	}
}

void image_dump(const struct image *im, struct sources *s, struct strbuf *out)
{
	dump_maps(im, s, out);
	dump_events(im, s, out);
	dump_faults(im, s, out);
	for (uint32_t i = 0; i < im->n_strings; i++) {
		strbuf_printf(out, "string %u ", i);
		dump_quoted(im->strings[i], out);
		strbuf_putc(out, '\n');
	}
	if (im->btf)
		strbuf_printf(out, "btf %u bytes\n", im->btf_size);
	dump_progs(im, s, out);
}
