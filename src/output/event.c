/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The consumer's side of events; see event.h. Each record is decoded by its layout in the image and turned into output at
 * once; nothing is kept between events but the buffer of the sink. Records come from the kernel's side of our own
 * programs, yet their sizes are checked: a layout that does not fit is refused when the output is made, a short record
 * is filled up with NULs.
 */
#include "output/event.h"

#include "output/action.h"
#include "output/aggregate.h"
#include "output/cgroup.h"
#include "output/faults.h"
#include "output/json.h"
#include "output/mapdump.h"
#include "output/pcap.h"
#include "output/secrets.h"
#include "output/users.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

static bool has_format(enum event_kind kind)
{
	switch (kind) {
	case EVENT_PRINTF:
	case EVENT_ERRORF:
	case EVENT_WARNF:
	case EVENT_DEBUGF:
	case EVENT_CAT:
	case EVENT_SYSTEM: return true;
	default: return false;
	}
}

static struct err *prepare_layout(struct output *o, uint32_t i, uint32_t *max_size)
{
	const struct event_layout *l = o->image->events[i];
	struct format_error bad;

	for (uint32_t k = 0; k < l->n_fields; k++) {
		const struct event_field *f = &l->fields[k];

		if (f->offset > l->size || f->type->size > l->size - f->offset)
			return err_new(0, "event %u: field %u lies outside of its %u bytes", i, k,
				       l->size);
	}
	if (has_format(l->kind) && !format_parse(&o->formats_arena, l->format, &o->formats[i], &bad))
		return err_new(0, "event %u: %.*s", i, STR_ARG(bad.msg));
	if (l->size > *max_size)
		*max_size = l->size;
	return NULL;
}

/* frames by hash, for value_env; the map's values are image.stack_limit addresses */
static bool read_stack(void *arg, uint64_t hash, uint64_t *frames, uint32_t max)
{
	struct output *o = arg;
	uint64_t *all;
	struct err *err;

	if (!o->engine || o->image->stacks_map == IMAGE_NONE || !o->image->stack_limit)
		return false;
	all = base_alloc((size_t)o->image->stack_limit * sizeof(*all) + 8);
	err = o->ops->map_lookup(o->engine, o->image->stacks_map, &hash, all);
	if (!err) {
		uint32_t n = max < o->image->stack_limit ? max : o->image->stack_limit;

		memset(frames, 0, max * sizeof(*frames));
		memcpy(frames, all, n * sizeof(*frames));
	}
	free(all);
	err_free(err);
	return !err;
}

struct err *output_new(const struct image *im, struct sources *sources,
		       const struct output_symbols *symbols, const struct output_opts *opts,
		       struct output **ret)
{
	struct output *o = base_alloc(sizeof(*o));
	struct err *err;

	o->opts = *opts;
	o->image = im;
	o->sources = sources;
	o->out = (struct sink){ .fd = opts->fd,
				.mode = opts->buffering,
				.give_up = opts->give_up,
				.rotation = opts->rotation };
	o->env = (struct value_env){
		.symbols = symbols,
		.stack = read_stack,
		.stack_arg = o,
		.strings = im->strings,
		.n_strings = im->n_strings,
		.go_type = symbols ? symbols->go_type : NULL,
		.dynamic_arg = symbols ? symbols->arg : NULL,
		.trunc_trailer = opts->trunc_trailer,
		.escape_control = opts->escape_control && opts->format == OUTPUT_TEXT,
		.is_one_line = opts->is_one_line,
	};
	output_clock_init(&o->env.clock);
	arena_init(&o->formats_arena);
	o->n_previous = im->n_maps;
	o->previous = base_alloc((im->n_maps + 1) * sizeof(*o->previous));
	err = output_extend(o);
	if (!err)
		err = pictures_new(&opts->pictures, im, &o->pictures);
	if (err) {
		output_free(o);
		return err;
	}
	*ret = o;
	return NULL;
}

/* p of n elements with room for more, which are zero */
static void *grow(void *p, uint32_t n, uint32_t more, size_t size)
{
	if (more < n)
		more = n;
	p = base_realloc(p, ((size_t)more + 1) * size);
	memset((char *)p + n * size, 0, (more + 1 - n) * size);
	return p;
}

struct err *output_extend(struct output *o)
{
	const struct image *im = o->image;

	o->env.strings = im->strings;
	o->env.n_strings = im->n_strings;
	o->formats = grow(o->formats, o->n_events, im->n_events, sizeof(*o->formats));
	o->faults_seen = grow(o->faults_seen, o->n_faults, im->n_faults, sizeof(*o->faults_seen));
	o->was_zeroed = grow(o->was_zeroed, o->n_maps, im->n_maps, sizeof(*o->was_zeroed));
	o->n_faults = im->n_faults > o->n_faults ? im->n_faults : o->n_faults;
	o->n_maps = im->n_maps > o->n_maps ? im->n_maps : o->n_maps;
	for (uint32_t i = o->n_events; i < im->n_events; i++)
		TRY(prepare_layout(o, i, &o->max_payload));
	o->n_events = im->n_events > o->n_events ? im->n_events : o->n_events;
	o->payload = base_realloc(o->payload, o->max_payload + 1);
	return secrets_extend(&o->secrets, im);
}

static void complain_secrets(struct output *o, bool is_end);

void output_free(struct output *o)
{
	if (!o)
		return;
	complain_secrets(o, true);
	if (secrets_lost(o->secrets))
		output_complain(o, "WARNING: %llu packets found no room and are not in the capture\n",
				(unsigned long long)secrets_lost(o->secrets));
	sink_flush(&o->out);
	sink_free(&o->out);
	arena_free(&o->formats_arena);
	pcap_close_all(&o->pcaps);
	secrets_free(o->secrets);
	pictures_free(o->pictures);
	cgroup_forget();
	users_forget();
	free(o->formats);
	free(o->faults_seen);
	free(o->was_zeroed);
	free(o->payload);
	heading_free(&o->heading);
	for (uint32_t i = 0; i < o->n_previous; i++)
		mapdump_forget(&o->previous[i]);
	free(o->previous);
	free(o);
}

void output_set_engine(struct output *o, const struct engine_ops *ops, struct engine *e)
{
	o->ops = ops;
	o->engine = e;
}

void output_set_blobs(struct output *o,
		      bool (*blob)(void *arg, uint64_t id, struct str *bytes, uint64_t *total),
		      void *arg)
{
	o->env.blob = blob;
	o->env.blob_arg = arg;
}

static void complain_error(struct output *o, struct err *err);

/* packets go to their files as they come; what went wrong is said once */
static void complain_secrets(struct output *o, bool is_end)
{
	struct err *err = secrets_round(o->secrets, is_end);

	if (err && o->has_complained_of_capture) {
		err_free(err);
		return;
	}
	o->has_complained_of_capture |= err != NULL;
	complain_error(o, err);
}

void output_batch_end(struct output *o)
{
	faults_poll(o);
	complain_secrets(o, false);
	sink_batch_end(&o->out);
}

bool output_exit_requested(const struct output *o)
{
	return o->is_exiting;
}

int output_error(const struct output *o)
{
	return o->out.error;
}

/* errorf, warnf: place and text, no line of the script (it would only show the call), then the macros it came out of */
static void emit_located(struct output *o, const struct event_layout *l, struct str text)
{
	bool is_error = l->kind == EVENT_ERRORF;
	const char *severity = is_error ? "ERROR" : "WARNING";
	STRBUF_AUTO out = { 0 };

	if (!is_error && o->opts.no_warnings)
		return;
	o->n_errors += is_error;
	if (o->opts.format == OUTPUT_JSON) {
		strbuf_printf(&o->out.pending,
			      "{\"type\": \"%s\", \"msg\": ", is_error ? "errorf" : "warnf");
		json_put_string(&o->out.pending, text);
		output_json_place(o, l->at, &o->out.pending);
		return;
	}
	if (text.n && text.p[text.n - 1] == '\n')
		text.n--;
	if (o->opts.colour)
		strbuf_puts(&out, is_error ? "\033[31m" : "\033[33m");
	span_print(o->sources, l->at, &out);
	strbuf_printf(&out, "%s%s: %.*s%s\n", out.n ? ": " : "", severity, STR_ARG(text),
		      o->opts.colour ? "\033[0m" : "");
	if (l->at.expansion && l->at.expansion <= o->sources->expansions.n)
		diag_render_at(o->sources, o->sources->expansions.v[l->at.expansion - 1].call,
			       severity, STR("expanded from"), STR_NULL, o->opts.colour, &out);
	output_message(o, strbuf_str(&out));
}

/* a tool's heading names the values of the lines behind it */
static void emit_json_line(struct output *o, const struct event_layout *l, uint32_t index,
			   const char *payload, struct str text)
{
	struct strbuf *out = &o->out.pending;

	if (o->opts.is_tool && o->is_in_begin)
		return;
	strbuf_puts(out, "{\"type\": \"printf\", \"data\": ");
	json_put_string(out, text);
	heading_put_fields(&o->heading, &o->env, &o->formats[index], l, payload, out);
	strbuf_puts(out, "}\n");
}

static void take_heading(struct output *o, uint32_t index, const char *payload)
{
	const struct event_layout *l = o->image->events[index];
	STRBUF_AUTO text = { 0 };

	printf_render(&o->env, &o->formats[index], l->fields, l->n_fields, payload, &text);
	heading_set(&o->heading, strbuf_str(&text));
}

static void emit_formatted(struct output *o, const struct event_layout *l, uint32_t index,
			   const char *payload)
{
	STRBUF_AUTO text = { 0 };

	if (l->kind == EVENT_PRINTF && o->opts.is_tool && o->is_in_begin)
		take_heading(o, index, payload);
	else if (l->kind == EVENT_PRINTF && o->opts.message_filter.n &&
		 !heading_message_has(&o->heading, &o->env, &o->formats[index], l, payload,
				      o->opts.message_filter))
		return;
	/* the common case: nothing to do with the text but to write it */
	if (l->kind == EVENT_PRINTF && o->opts.format == OUTPUT_TEXT) {
		printf_render(&o->env, &o->formats[index], l->fields, l->n_fields, payload,
			      &o->out.pending);
		return;
	}
	printf_render(&o->env, &o->formats[index], l->fields, l->n_fields, payload, &text);
	switch (l->kind) {
	case EVENT_PRINTF: emit_json_line(o, l, index, payload, strbuf_str(&text)); break;
	case EVENT_ERRORF:
	case EVENT_WARNF: emit_located(o, l, strbuf_str(&text)); break;
	case EVENT_CAT: action_cat(o, strbuf_cstr(&text)); break;
	case EVENT_SYSTEM:
		if (o->opts.allow_system)
			action_system(o, strbuf_cstr(&text));
		else
			output_complain(o, "ERROR: system() is not allowed without --unsafe\n");
		break;
	default: output_complain(o, "DEBUG: %.*s\n", STR_ARG(strbuf_str(&text)));
	}
}

static void put_value_open(struct output *o)
{
	if (o->opts.format == OUTPUT_JSON)
		strbuf_puts(&o->out.pending, "{\"type\": \"value\", \"data\": ");
}

static void put_value_close(struct output *o)
{
	strbuf_puts(&o->out.pending, o->opts.format == OUTPUT_JSON ? "}\n" : "\n");
}

static enum value_form value_form(const struct output *o)
{
	return o->opts.format == OUTPUT_JSON ? VALUE_JSON : VALUE_TEXT;
}

static void emit_value(struct output *o, const struct event_field *f, const char *payload)
{
	put_value_open(o);
	value_put(&o->env, value_form(o), f->type, payload + f->offset, &o->out.pending);
	put_value_close(o);
}

/* print(@m[k]) of an aggregation: the event has the key, the CPUs' values are read here; an absent key reads as zero */
static struct err *emit_aggregate(struct output *o, const struct image_map *map, uint32_t index,
				  const char *key)
{
	uint32_t n_cpus = map->is_per_cpu && o->ops->n_cpus ? o->ops->n_cpus(o->engine) : 1;
	char *full_key = base_alloc(map->key_size + 8);
	char *values = base_alloc((size_t)n_cpus * aggregate_stride(map->value_type) + 8);
	struct err *err;

	memcpy(full_key, key,
	       map->key_type && map->key_type->size < map->key_size ? map->key_type->size
								    : map->key_size);
	err = o->ops->map_lookup(o->engine, index, full_key, values);
	if (err && err_code(err) == ENOENT) {
		err_free(err);
		err = NULL;
	}
	if (!err) {
		put_value_open(o);
		if (map->is_estimated && o->opts.format != OUTPUT_JSON)
			strbuf_putc(&o->out.pending, '~');
		aggregate_put(value_form(o), map->value_type, values, n_cpus, 1, &o->out.pending);
		if (map->is_estimated && o->opts.format == OUTPUT_JSON)
			strbuf_puts(&o->out.pending, ", \"estimated\": true");
		put_value_close(o);
	}
	free(values);
	free(full_key);
	return err;
}

struct draw {
	struct output *o;
	uint32_t map;
};

static void draw_entry(void *arg, const void *key, int64_t value)
{
	struct draw *d = arg;

	pictures_add(d->o->pictures, d->map, &d->o->env, key, value);
}

/* a map with stacks, as a picture instead of text: all of it, whatever the top is */
static struct err *draw_map(struct output *o, uint32_t index, const struct mapdump *m)
{
	struct draw d = { o, index };
	struct err *err;

	pictures_begin(o->pictures, index);
	err = mapdump_each(m, o->ops, o->engine, index, draw_entry, &d);
	if (!err)
		pictures_end(o->pictures, index, &o->out.pending);
	return err;
}

static struct err *dump_map(struct output *o, uint32_t index, struct mapdump d)
{
	d.map = o->image->maps[index];
	d.env = &o->env;
	d.is_json = o->opts.format == OUTPUT_JSON;
	d.table = o->opts.map_table;
	if (o->opts.print_differences && !d.only_key && index < o->n_previous)
		d.previous = &o->previous[index];
	d.stats_by_average = o->opts.is_bpftrace;
	d.is_zero_a_value = o->was_zeroed[index];
	if (pictures_take(o->pictures, index) && !d.only_key)
		return draw_map(o, index, &d);
	return mapdump_put(&d, o->ops, o->engine, index, &o->out.pending);
}

static void complain_error(struct output *o, struct err *err)
{
	STRBUF_AUTO text = { 0 };

	if (!err)
		return;
	err_format(err, &text);
	output_complain(o, "ERROR: %s\n", strbuf_cstr(&text));
	err_free(err);
}

/* the last field is the value; aggregations send only the key */
static void emit_map_key(struct output *o, const struct event_layout *l, const char *payload)
{
	const struct image_map *map = l->map < o->image->n_maps ? o->image->maps[l->map] : NULL;
	const struct event_field *f = &l->fields[l->n_fields - 1];

	if (!map || l->n_fields > 1 || !type_is_aggregation(map->value_type)) {
		emit_value(o, f, payload);
		return;
	}
	if (!o->engine)
		return;
	switch (map->value_type->kind) {
	case TYPE_HIST:
	case TYPE_LHIST:
	case TYPE_TSERIES:
		complain_error(
			o, dump_map(o, l->map,
				    (struct mapdump){ .only_key = payload + f->offset, .div = 1 }));
		break;
	default: complain_error(o, emit_aggregate(o, map, l->map, payload + f->offset));
	}
}

static void emit_time(struct output *o, const struct event_layout *l)
{
	STRBUF_AUTO text = { 0 };

	if (!output_clock_now(l->format, &text))
		output_complain(o, "ERROR: time(): strftime returned zero\n");
	else if (o->opts.format == OUTPUT_JSON)
		output_json_text(o, "time", strbuf_str(&text));
	else
		strbuf_add_str(&o->out.pending, strbuf_str(&text));
}

/* fields: the time since boot (u64), bytes to leave out (u32), and the packet (buffer) */
static void emit_skb(struct output *o, const struct event_layout *l, const char *payload)
{
	const struct event_field *f = &l->fields[2];
	uint64_t ns, skip;
	uint32_t n;

	if (l->n_fields != 3 || f->type->kind != TYPE_BUFFER)
		return;
	ns = value_load(l->fields[0].type, payload + l->fields[0].offset);
	skip = value_load(l->fields[1].type, payload + l->fields[1].offset);
	memcpy(&n, payload + f->offset, sizeof(n));
	if (n > f->type->size - sizeof(n))
		n = f->type->size - (uint32_t)sizeof(n);
	if (skip > n)
		skip = n;
	ns = (uint64_t)output_clock_real(&o->env.clock, CLOCK_STORED_BOOT, ns);
	complain_error(o, pcap_write(&o->pcaps, l->format, ns,
				     str_make(payload + f->offset + sizeof(n) + skip, n - skip)));
}

static void output_map(struct output *o, uint32_t map, int64_t top, int64_t div)
{
	struct mapdump d = {
		.print_empty_scalar = true,
		.top = top > 0 ? (uint64_t)top : 0,
		.div = div > 0 ? (uint64_t)div : 1,
	};

	if (map < o->image->n_maps && o->engine)
		complain_error(o, dump_map(o, map, d));
}

static void emit_map_event(struct output *o, const struct event_layout *l)
{
	if (!o->engine || l->map >= o->image->n_maps)
		return;
	if (l->kind == EVENT_PRINT_MAP)
		output_map(o, l->map, l->param[0], l->param[1]);
	else if (l->kind == EVENT_CLEAR)
		complain_error(o, o->ops->map_clear(o->engine, l->map));
	else
		complain_error(o, o->ops->map_zero(o->engine, l->map));
	if (l->kind == EVENT_PRINT_MAP)
		return;
	o->was_zeroed[l->map] = l->kind == EVENT_ZERO;
	if (o->pictures)
		pictures_commit(o->pictures, l->map);
}

static void note_process(struct output *o, const char *payload)
{
	uint32_t pid;

	memcpy(&pid, payload, sizeof(pid));
	if (o->env.symbols && o->env.symbols->note_process)
		o->env.symbols->note_process(o->env.symbols->arg, pid);
}

static void take_snapshot(struct output *o, const void *payload, uint32_t size)
{
	const struct output_symbols *s = o->env.symbols;
	struct image_stack_snapshot head;

	if (size < sizeof(head) || !s || !s->snapshot)
		return;
	memcpy(&head, payload, sizeof(head));
	s->snapshot(s->arg, &head, (const char *)payload + sizeof(head), size - sizeof(head));
}

static void emit_unwatch(struct output *o, const struct event_layout *l, const char *payload)
{
	if (l->n_fields && o->engine && o->ops->unwatch)
		complain_error(
			o, o->ops->unwatch(o->engine, value_load(l->fields[0].type,
								 payload + l->fields[0].offset)));
}

static void emit(struct output *o, const struct event_layout *l, uint32_t index,
		 const char *payload)
{
	if (has_format(l->kind)) {
		emit_formatted(o, l, index, payload);
		return;
	}
	switch (l->kind) {
	case EVENT_PRINT:
		if (l->n_fields)
			emit_value(o, &l->fields[0], payload);
		break;
	case EVENT_PRINT_MAP_KEY:
		if (l->n_fields)
			emit_map_key(o, l, payload);
		break;
	case EVENT_PRINT_MAP:
	case EVENT_CLEAR:
	case EVENT_ZERO: emit_map_event(o, l); break;
	case EVENT_TIME: emit_time(o, l); break;
	case EVENT_KEYLOG: complain_error(o, secrets_add(o->secrets, l, payload)); break;
	case EVENT_JOIN: action_join(o, l, payload); break;
	case EVENT_EXIT: o->is_exiting = true; break;
	case EVENT_SKB: emit_skb(o, l, payload); break;
	case EVENT_UNWATCH: emit_unwatch(o, l, payload); break;
	case EVENT_NOTE: note_process(o, payload); break;
	default: break;
	}
}

void output_event(void *arg, const struct event_head *head, const void *payload, uint32_t size)
{
	struct output *o = arg;
	const struct event_layout *l;

	if (head->layout >= o->image->n_events || o->out.error)
		return;
	l = o->image->events[head->layout];
	if (l->kind == EVENT_STACK) {
		take_snapshot(o, payload, size);
		return;
	}
	if (size < l->size) {
		memcpy(o->payload, payload, size);
		memset(o->payload + size, 0, l->size - size);
		payload = o->payload;
	}
	o->is_in_begin = head->prog < o->image->n_progs &&
			 o->image->progs[head->prog]->shape->kind == PROBE_BEGIN;
	emit(o, l, head->layout, payload);
	sink_event_end(&o->out);
}

static int name_order(const void *a, const void *b)
{
	const struct image_map *const *x = a, *const *y = b;

	return str_cmp((*x)->name, (*y)->name);
}

void output_maps(struct output *o)
{
	const struct image *im = o->image;
	const struct image_map **sorted = base_alloc((im->n_maps + 1) * sizeof(*sorted));
	uint32_t n = 0;

	for (uint32_t i = 0; i < im->n_maps; i++)
		if (im->maps[i]->role == MAP_SCRIPT && im->maps[i]->print_at_exit)
			sorted[n++] = im->maps[i];
	qsort(sorted, n, sizeof(*sorted), name_order);
	for (uint32_t i = 0; i < n && o->engine; i++) {
		uint32_t index = 0;

		while (im->maps[index] != sorted[i])
			index++;
		complain_error(o, dump_map(o, index, (struct mapdump){ .div = 1 }));
		sink_event_end(&o->out);
	}
	free(sorted);
}

struct err *output_pictures(struct output *o)
{
	uint64_t n_negative = 0;

	if (!o->pictures)
		return NULL;
	TRY(pictures_write(o->pictures, &n_negative));
	if (n_negative)
		output_complain(o, "%llu values below zero are not in the picture\n",
				(unsigned long long)n_negative);
	return NULL;
}
