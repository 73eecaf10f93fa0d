/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What programs write to ring and perf buffers. The records' type is the value type of the map where its definition has one
 * (__type(value, struct event)), else the object's only struct with "event" in its name. Where there is neither, the bytes
 * are shown, and it is said why.
 */
#include "object/object_private.h"

#include "output/json.h"

#include <errno.h>
#include <string.h>

enum { PERF_PAGES = 64, LEAST_TEXT = 4 };

static bool is_buffer(const struct bpf_map *m)
{
	return bpf_map__type(m) == BPF_MAP_TYPE_RINGBUF ||
	       bpf_map__type(m) == BPF_MAP_TYPE_PERF_EVENT_ARRAY;
}

/* structs of the kernel that the programs read have such names, too */
static bool is_event_name(struct str name)
{
	static const char *const kernels[] = { "trace_event_", "perf_event", "bpf_",
					       "pt_regs",      "kernfs_",    "ftrace_event" };

	for (size_t i = 0; i < sizeof(kernels) / sizeof(*kernels); i++)
		if (str_starts(name, str_from(kernels[i])))
			return false;
	return str_find(name, STR("event")) >= 0 || str_find(name, STR("Event")) >= 0;
}

struct event_search {
	uint32_t id, n;
};

static bool offer_struct(void *arg, enum btfsrc_kind kind, struct str name, uint32_t id)
{
	struct event_search *s = arg;

	if (is_event_name(name) && !s->n++)
		s->id = id;
	return true;
}

static const struct type *only_event(struct object *o)
{
	struct event_search s = { 0 };

	if (o->btf)
		btfsrc_each(o->btf, BTFSRC_STRUCT, offer_struct, &s);
	return s.n == 1 ? object_type(o, s.id) : NULL;
}

void object_buffers_find(struct object *o)
{
	const struct type *only = only_event(o);
	struct bpf_map *m;

	bpf_object__for_each_map(m, o->bpf)
	{
		struct object_buffer *b;

		if (!is_buffer(m))
			continue;
		b = base_alloc(sizeof(*b));
		b->o = o;
		b->map = m;
		b->type = object_type(o, bpf_map__btf_value_type_id(m));
		/* the usual u32 of a perf event array is no type of a record */
		if (!b->type || b->type->kind != TYPE_STRUCT)
			b->type = only;
		vec_push(&o->buffers, b);
		/* the kernel takes no other sizes; the type was for people */
		if (bpf_map__type(m) == BPF_MAP_TYPE_RINGBUF) {
			bpf_map__set_key_size(m, 0);
			bpf_map__set_value_size(m, 0);
		} else {
			bpf_map__set_key_size(m, 4);
			bpf_map__set_value_size(m, 4);
		}
	}
}

/* a record that ends inside of the text with which its struct ends: the rest of it was not sent */
static bool is_cut_in_text(const struct type *t, uint32_t n)
{
	const struct type_field *last = t->kind == TYPE_STRUCT && t->n_fields
						? &t->fields[t->n_fields - 1]
						: NULL;

	return last && type_is_char_array(last->type) && n >= last->offset && n < t->size;
}

static bool is_print(uint8_t c)
{
	return c >= ' ' && c < 127;
}

/* bytes of which nobody knows what they are: with a text among them, that is shown, too */
static void put_characters(const uint8_t *p, uint32_t n, struct strbuf *out)
{
	uint32_t run = 0, longest = 0;

	for (uint32_t i = 0; i < n; i++) {
		run = is_print(p[i]) ? run + 1 : 0;
		longest = run > longest ? run : longest;
	}
	if (longest < LEAST_TEXT)
		return;
	strbuf_puts(out, "  |");
	for (uint32_t i = 0; i < n; i++)
		strbuf_putc(out, is_print(p[i]) ? (char)p[i] : '.');
	strbuf_putc(out, '|');
}

void object_put_event(struct object_buffer *b, const void *data, uint32_t n)
{
	struct object *o = b->o;
	STRBUF_AUTO text = { 0 };
	STRBUF_AUTO whole = { 0 };
	const struct type *t = b->type && n >= b->type->size ? b->type : NULL;

	if (!t && b->type && is_cut_in_text(b->type, n)) {
		strbuf_add(&whole, data, n);
		strbuf_fill(&whole, 0, b->type->size - n);
		t = b->type;
		data = whole.p;
		n = t->size;
	}

	if (!b->was_said && !t) {
		b->was_said = true;
		if (b->type)
			object_remark(
				o,
				"'%s': a record of %u bytes is shorter than 'struct %.*s' (%u bytes); the bytes "
				"of such are shown",
				bpf_map__name(b->map), n, STR_ARG(b->type->name), b->type->size);
		else
			object_remark(
				o,
				"'%s': the object does not say what its records are, so their bytes are shown; "
				"__type(value, struct event) in the map's definition says it",
				bpf_map__name(b->map));
	}
	if (o->opts.is_json) {
		strbuf_puts(&text, "{\"type\": \"event\", \"map\": ");
		json_put_string(&text, str_from(bpf_map__name(b->map)));
		strbuf_puts(&text, ", \"data\": ");
	} else {
		strbuf_printf(&text, "%s: ", bpf_map__name(b->map));
	}
	/* perf records are padded to a multiple of 8 bytes */
	object_put_value(o, t, data, t && b->perf && n - t->size < 8 ? t->size : n, false, &text);
	if (!t && !o->opts.is_json)
		put_characters(data, n, &text);
	strbuf_puts(&text, o->opts.is_json ? "}\n" : "\n");
	o->opts.write(o->opts.arg, strbuf_str(&text));
}

static int on_ring(void *ctx, void *data, size_t n)
{
	object_put_event(ctx, data, (uint32_t)n);
	return 0;
}

static void on_perf(void *ctx, int cpu, void *data, __u32 n)
{
	object_put_event(ctx, data, n);
}

static void on_lost(void *ctx, int cpu, __u64 n)
{
	struct object_buffer *b = ctx;

	b->o->n_lost += n;
}

struct err *object_buffers_open(struct object *o)
{
	vec_each(it, &o->buffers) {
		struct object_buffer *b = *it;
		int fd = bpf_map__fd(b->map), code = 0;

		if (bpf_map__type(b->map) == BPF_MAP_TYPE_PERF_EVENT_ARRAY) {
			b->perf = perf_buffer__new(fd, PERF_PAGES, on_perf, on_lost, b, NULL);
			code = b->perf ? 0 : errno;
		} else if (!o->ring) {
			o->ring = ring_buffer__new(fd, on_ring, b, NULL);
			code = o->ring ? 0 : errno;
		} else {
			code = -ring_buffer__add(o->ring, fd, on_ring, b);
		}
		if (code)
			return object_failed(o, code, "open the buffer '%s'",
					     bpf_map__name(b->map));
	}
	return NULL;
}

struct err *object_poll(struct object *o, int timeout_ms)
{
	int n = 0;

	if (o->user)
		return object_user_poll(o, timeout_ms);
	/* with both kinds, the wait is that of the first. Programs may write without waking anybody */
	if (o->ring) {
		n = ring_buffer__poll(o->ring, timeout_ms);
		if (n >= 0)
			n = ring_buffer__consume(o->ring);
	}
	if (!o->buffers.n)
		usleep((useconds_t)timeout_ms * 1000);
	vec_each(b, &o->buffers) {
		if (!(*b)->perf || (n < 0 && n != -EINTR))
			continue;
		n = perf_buffer__poll((*b)->perf, o->ring ? 0 : timeout_ms);
	}
	object_pipe_read(o);
	return n < 0 && n != -EINTR ? err_new(-n, "read the object's buffers") : NULL;
}

void object_buffers_free(struct object *o)
{
	ring_buffer__free(o->ring);
	vec_each(b, &o->buffers) {
		perf_buffer__free((*b)->perf);
		free(*b);
	}
	vec_free(&o->buffers);
}
