/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A map is read whole into a list of entries (histograms and time series: one entry per key, its buckets gathered), the
 * list is sorted, the greatest `top` entries are printed.
 *
 * Order: numbers and aggregations by value, stats by their total, histograms by their total, time series and everything else by key; equal
 * ones by key, so that two runs print alike.
 */
#include "output/mapdump.h"

#include "output/aggregate.h"
#include "output/hist.h"
#include "output/json.h"
#include "output/maptable.h"
#include "output/tseries.h"

struct entry {
	char *key;               /* key_type->size bytes; empty for scalars */
	char *value;             /* plain values: n_parts parts */
	uint32_t n_parts;        /* of each CPU */
	struct aggregate number; /* what it is sorted by, if it is a number */
	struct hist hist;
	struct tseries tseries;
};

struct dump {
	const struct mapdump *d;
	const struct image_map *map;
	const struct type *key, *value; /* key NULL: scalar */
	uint32_t n_cpus;
	size_t value_bytes;
	bool has_stacks; /* in the key: two keys may turn out to be one */
	VEC(struct entry) entries;
	struct hashmap by_key; /* of entries with buckets: key bytes -> index + 1 */
	struct arena arena;
};

static bool is_hist(const struct type *t)
{
	return t->kind == TYPE_HIST || t->kind == TYPE_LHIST;
}

static bool has_buckets(const struct type *t)
{
	return is_hist(t) || t->kind == TYPE_TSERIES;
}

/* sorted by what they count or hold, not by key */
static bool is_number(const struct type *t)
{
	return t->kind == TYPE_INT || t->kind == TYPE_ENUM ||
	       (type_is_aggregation(t) && !has_buckets(t));
}

static struct str key_bytes(const struct dump *d, const void *key)
{
	return str_make(key, d->key ? d->key->size : 0);
}

static struct entry *add_entry(struct dump *d, const void *key)
{
	struct entry e = { .hist.type = d->value, .tseries.type = d->value };

	e.key = (char *)arena_str(&d->arena, key_bytes(d, key)).p;
	vec_push(&d->entries, e);
	return &vec_last(&d->entries);
}

static struct entry *find_entry(struct dump *d, const void *key)
{
	uintptr_t index = (uintptr_t)hashmap_get(&d->by_key, key_bytes(d, key));
	struct entry *e;

	if (index)
		return &d->entries.v[index - 1];
	e = add_entry(d, key);
	hashmap_put(&d->by_key, key_bytes(d, e->key), (void *)(uintptr_t)d->entries.n);
	return e;
}

static void add_bucket(struct dump *d, const char *key, const void *value)
{
	struct entry *e = find_entry(d, key);
	uint64_t bucket, total = 0;

	if (d->value->kind == TYPE_TSERIES) {
		tseries_add(&e->tseries, value, d->n_cpus,
			    (sizeof(struct stored_tseries) + 7) & ~(size_t)7);
		return;
	}
	memcpy(&bucket, key + d->map->bucket_offset, sizeof(bucket));
	for (uint32_t i = 0; i < d->n_cpus; i++) {
		uint64_t v;

		memcpy(&v, (const char *)value + (size_t)i * 8, sizeof(v));
		total += v;
	}
	hist_add(&e->hist, bucket, total);
}

static void add_plain(struct dump *d, const void *key, const void *value)
{
	struct entry *e = d->has_stacks ? find_entry(d, key) : add_entry(d, key);
	size_t have = type_is_aggregation(d->value) && e->value ? e->n_parts : 0;
	size_t part = d->value_bytes / d->n_cpus;
	char *all = arena_alloc(&d->arena, have * part + d->value_bytes + 1);

	if (have)
		memcpy(all, e->value, have * part);
	memcpy(all + have * part, value, d->value_bytes);
	e->value = all;
	e->n_parts = (uint32_t)have + d->n_cpus;
	if (is_number(d->value))
		e->number = aggregate_merge(d->value, e->value, e->n_parts);
}

static bool is_all_zero(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

/* a scalar's element that nobody wrote to; see is_zero_a_value */
static bool is_unset(const struct dump *d, const void *value)
{
	bool is_array = d->map->bpf_type == BPF_MAP_TYPE_ARRAY ||
			d->map->bpf_type == BPF_MAP_TYPE_PERCPU_ARRAY;

	return !d->key && is_array && !d->d->is_zero_a_value && is_all_zero(value, d->value_bytes);
}

/* made of words that only grow and that are added up: their differences are values of the same kind */
static bool is_additive(const struct type *t)
{
	return is_hist(t) || t->kind == TYPE_COUNT || t->kind == TYPE_SUM || t->kind == TYPE_AVG ||
	       t->kind == TYPE_STATS;
}

/* the value minus what it was; NULL: it has not changed */
static const void *since_last(struct dump *d, const void *key, const void *value)
{
	struct mapdump_previous *p = d->d->previous;
	struct str name = str_make(key, d->map->key_size);
	size_t part = has_buckets(d->value) ? 8 : aggregate_stride(d->value);
	size_t n = d->n_cpus * part / 8;
	uint64_t *diff = arena_array(&d->arena, uint64_t, n + 1), *old, any = 0;

	if (!p->is_used)
		arena_init(&p->arena);
	p->is_used = true;
	old = hashmap_get(&p->by_key, name);
	if (!old) {
		old = arena_array(&p->arena, uint64_t, n + 1);
		memset(old, 0, n * 8);
		hashmap_put(&p->by_key, arena_str(&p->arena, name), old);
	}
	memcpy(diff, value, n * 8);
	for (size_t i = 0; i < n; i++) {
		uint64_t now = diff[i];

		diff[i] -= old[i];
		old[i] = now;
		any |= diff[i];
	}
	return any ? diff : NULL;
}

void mapdump_forget(struct mapdump_previous *p)
{
	hashmap_free(&p->by_key);
	if (p->is_used)
		arena_free(&p->arena);
	p->is_used = false;
}

static bool add_element(void *arg, const void *key, const void *value, uint32_t n_cpus)
{
	struct dump *d = arg;

	if (d->d->only_key && d->key && memcmp(key, d->d->only_key, d->key->size) != 0)
		return true;
	d->n_cpus = n_cpus ? n_cpus : 1;
	if (d->d->previous && is_additive(d->value)) {
		value = since_last(d, key, value);
		if (!value)
			return true;
	}
	if (d->has_stacks) {
		struct str copy = arena_str(&d->arena, str_make(key, d->map->key_size));

		value_settle_stacks(d->d->env, d->key, (char *)copy.p);
		key = copy.p;
	}
	d->value_bytes = d->n_cpus > 1 ? d->n_cpus * aggregate_stride(d->value) : d->value->size;
	if (has_buckets(d->value))
		add_bucket(d, key, value);
	else if (!is_unset(d, value))
		add_plain(d, key, value);
	return true;
}

static int compare_numbers(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int compare_totals(const struct aggregate *a, const struct aggregate *b)
{
	if (a->is_signed)
		return (int64_t)a->total < (int64_t)b->total
			       ? -1
			       : (int64_t)a->total > (int64_t)b->total;
	return compare_numbers(a->total, b->total);
}

static int entry_order(const void *a, const void *b, void *arg)
{
	const struct dump *d = arg;
	const struct entry *x = a, *y = b;
	int c = 0;

	if (is_hist(d->value))
		c = compare_numbers(hist_total(&x->hist), hist_total(&y->hist));
	else if (d->value->kind == TYPE_STATS && !d->d->stats_by_average)
		c = compare_totals(&x->number, &y->number);
	else if (is_number(d->value))
		c = aggregate_compare(&x->number, &y->number);
	return c == 0 && d->key ? value_compare(d->key, x->key, y->key) : c;
}

/* the newest interval of all keys: where the graphs end */
static uint64_t prepare_tseries(struct dump *d)
{
	uint64_t last = 0;

	if (d->value->kind != TYPE_TSERIES)
		return 0;
	vec_each(e, &d->entries) {
		tseries_sort(&e->tseries);
		if (tseries_last(&e->tseries) > last)
			last = tseries_last(&e->tseries);
	}
	return last;
}

static void put_value(const struct dump *d, const struct entry *e, uint64_t last,
		      struct strbuf *out)
{
	const struct mapdump *m = d->d;
	enum value_form form = m->is_json ? VALUE_JSON : VALUE_TEXT;

	if (is_hist(d->value)) {
		if (m->is_json)
			hist_put_json(&e->hist, m->div, out);
		else
			hist_put_text(&e->hist, m->div, out);
	} else if (d->value->kind == TYPE_TSERIES) {
		if (m->is_json)
			tseries_put_json(&e->tseries, last, &m->env->clock, out);
		else
			tseries_put_text(&e->tseries, last, &m->env->clock, out);
	} else if (is_number(d->value) && d->value->kind != TYPE_ENUM) {
		aggregate_put(form, d->value, e->value, e->n_parts, m->div, out);
	} else {
		value_put_div(m->env, form, d->value, e->value, m->div, out);
	}
}

static void put_text(const struct dump *d, const struct entry *e, uint64_t last, struct strbuf *out)
{
	strbuf_add_str(out, d->map->name);
	if (d->key) {
		strbuf_putc(out, '[');
		value_put_key(d->d->env, VALUE_TEXT, d->key, e->key, out);
		strbuf_putc(out, ']');
	}
	strbuf_puts(out, has_buckets(d->value) ? ":" : ": ");
	if (d->map->is_estimated)
		strbuf_puts(out, has_buckets(d->value) ? " ~" : "~");
	if (has_buckets(d->value))
		strbuf_putc(out, '\n');
	put_value(d, e, last, out);
	strbuf_putc(out, '\n');
}

static const char *json_type(const struct type *t)
{
	switch (t->kind) {
	case TYPE_HIST:
	case TYPE_LHIST: return "hist";
	case TYPE_TSERIES: return "tseries";
	case TYPE_AVG:
	case TYPE_STATS: return "stats";
	default: return "map";
	}
}

static void put_json(const struct dump *d, size_t from, uint64_t last, struct strbuf *out)
{
	strbuf_printf(out, "{\"type\": \"%s\", \"data\": {", json_type(d->value));
	json_put_string(out, d->map->name);
	strbuf_puts(out, d->key ? ": {" : ": ");
	for (size_t i = from; i < d->entries.n; i++) {
		const struct entry *e = &d->entries.v[i];

		if (i > from)
			strbuf_puts(out, ", ");
		if (d->key) {
			value_put_key(d->d->env, VALUE_JSON, d->key, e->key, out);
			strbuf_puts(out, ": ");
		}
		put_value(d, e, last, out);
	}
	strbuf_puts(out, d->key ? "}}" : "}");
	strbuf_puts(out, d->map->is_estimated ? ", \"estimated\": true}\n" : "}\n");
}

/* stats() is three columns */
static void put_stats(const struct dump *d, const struct entry *e, struct maptable *t)
{
	uint64_t parts[] = { e->number.count, e->number.value, e->number.total };

	for (size_t i = 0; i < 3; i++) {
		bool is_signed = i && d->value->is_signed;
		uint64_t div = i && d->d->div ? d->d->div : 1;

		if (d->map->is_estimated && i != 1)
			strbuf_putc(&t->text, '~');
		value_put_number(VALUE_TEXT,
				 is_signed ? (uint64_t)((int64_t)parts[i] / (int64_t)div)
					   : parts[i] / div,
				 is_signed, &t->text);
		maptable_end_cell(t, true);
	}
}

static void put_table(const struct dump *d, size_t from, struct strbuf *out)
{
	struct maptable t = { 0 };

	maptable_begin(&t, d->d->table);
	for (size_t i = from; i < d->entries.n; i++) {
		maptable_add_key(&t, d->d->env, d->key, d->entries.v[i].key);
		if (d->value->kind == TYPE_STATS) {
			put_stats(d, &d->entries.v[i], &t);
			continue;
		}
		if (d->map->is_estimated)
			strbuf_putc(&t.text, '~');
		put_value(d, &d->entries.v[i], 0, &t.text);
		maptable_end_cell(&t, true);
	}
	maptable_put(&t, out);
	maptable_free(&t);
}

static void put_all(struct dump *d, struct strbuf *out)
{
	uint64_t last = prepare_tseries(d);
	size_t from = 0;

	if (d->entries.n)
		qsort_r(d->entries.v, d->entries.n, sizeof(*d->entries.v), entry_order, d);
	/* time series are not ranked */
	if (d->d->top && d->entries.n > d->d->top && d->value->kind != TYPE_TSERIES)
		from = d->entries.n - d->d->top;
	if (d->d->is_json) {
		put_json(d, from, last, out);
		return;
	}
	if (maptable_fits(d->d->table, d->key, d->value)) {
		put_table(d, from, out);
		return;
	}
	for (size_t i = from; i < d->entries.n; i++)
		put_text(d, &d->entries.v[i], last, out);
}

/* a scalar that has no value yet reads as zero */
static void add_zero(struct dump *d)
{
	char *zero = arena_alloc(&d->arena, d->value->size ? d->value->size : 1);

	d->n_cpus = 1;
	d->value_bytes = d->value->size;
	add_plain(d, "", zero);
}

static ERR_MUST struct err *read_map(struct dump *d, const struct engine_ops *ops, struct engine *e,
				     uint32_t index)
{
	const struct image_map *map = d->d->map;

	d->map = map;
	d->key = map->is_scalar ? NULL : map->key_type;
	d->value = map->value_type;
	d->n_cpus = 1;
	arena_init(&d->arena);
	d->has_stacks = d->key && value_has_user_stack(d->key);
	return ops->map_each(e, index, add_element, d);
}

static struct err *free_map(struct dump *d, struct err *err)
{
	vec_each(it, &d->entries) {
		hist_free(&it->hist);
		tseries_free(&it->tseries);
	}
	vec_free(&d->entries);
	hashmap_free(&d->by_key);
	arena_free(&d->arena);
	return err ? err_wrap(err, "print map '%.*s'", STR_ARG(d->map->name)) : NULL;
}

struct err *mapdump_put(const struct mapdump *m, const struct engine_ops *ops, struct engine *e,
			uint32_t index, struct strbuf *out)
{
	struct dump d = { .d = m };
	struct err *err = read_map(&d, ops, e, index);

	if (!err && !d.entries.n && !d.key && m->print_empty_scalar && !has_buckets(d.value))
		add_zero(&d);
	if (!err && d.entries.n)
		put_all(&d, out);
	return free_map(&d, err);
}

struct err *mapdump_each(const struct mapdump *m, const struct engine_ops *ops, struct engine *e,
			 uint32_t index, void (*visit)(void *arg, const void *key, int64_t value),
			 void *arg)
{
	struct dump d = { .d = m };
	struct err *err = read_map(&d, ops, e, index);
	int64_t div = m->div > 1 ? (int64_t)m->div : 1;

	if (!err && d.entries.n)
		qsort_r(d.entries.v, d.entries.n, sizeof(*d.entries.v), entry_order, &d);
	for (size_t i = 0; !err && i < d.entries.n; i++) {
		const struct entry *it = &d.entries.v[i];
		uint64_t value = is_hist(d.value)              ? hist_total(&it->hist)
				 : d.value->kind == TYPE_STATS ? it->number.total
							       : it->number.value;

		visit(arg, it->key, (int64_t)value / div);
	}
	return free_map(&d, err);
}
