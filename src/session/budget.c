/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * --budget: programs of user probes count their hits and time some of them (ir/build_budget.c). Ten times a second the counts are
 * read; hits times what a hit costs is taken out of a purse, into which the budget flows and which holds that of one second. When it
 * is empty the dearest clauses are sampled, where that saves enough and their maps bear it, or switched off, until the rest
 * fits. When there are fewer hits again: budget_again.c.
 */
#include "session/budget_private.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdio.h>

enum { LOOK_NS = 100000000, MOST_RATE = 65536 };

/* clauses and places that were there at the last look are known already */
static void find_units(struct budget *b)
{
	const struct image *im = b->o.image;

	for (uint32_t i = b->n_progs; i < im->n_progs; i++) {
		const struct image_prog *p = im->progs[i];
		struct unit *u = NULL;
		uint64_t way;

		if (p->budget == IMAGE_NONE)
			continue;
		vec_each(have, &b->units)
			if (im->progs[have->prog]->budget == p->budget)
				u = have;
		way = b->o.ops->way_ns(b->o.engine, i);
		if (!u) {
			vec_push(&b->units, ((struct unit){ .prog = i, .on_ns = b->last_ns }));
			u = &vec_last(&b->units);
		}
		u->n_places += p->shape->n_points;
		if (way > u->way_ns)
			u->way_ns = way;
	}
	b->n_progs = im->n_progs;
}

/* what is not watched is said: it may cost what it will */
static void say_unwatched(const struct budget *b)
{
	const struct image *im = b->o.image;
	uint32_t n = 0;

	for (uint32_t i = 0; i < im->n_progs; i++) {
		enum probe_kind k = im->progs[i]->shape->kind;

		n += im->progs[i]->budget == IMAGE_NONE && k != PROBE_BEGIN && k != PROBE_END &&
		     k != PROBE_INTERVAL && k != PROBE_SELF && k != PROBE_MESSAGE;
	}
	if (n && !b->o.is_quiet)
		fprintf(stderr,
			"NOTE: --budget watches uprobes, uretprobes and USDT probes; %u other program%s "
			"not counted\n",
			n, n == 1 ? " is" : "s are");
}

struct budget *budget_new(const struct budget_opts *o)
{
	struct budget *b;

	if (o->share <= 0)
		return NULL;
	b = base_alloc(sizeof(*b));
	*b = (struct budget){ .o = *o };
	b->rows = base_alloc(o->ops->n_cpus(o->engine) * sizeof(*b->rows));
	find_units(b);
	say_unwatched(b);
	return b;
}

void budget_free(struct budget *b)
{
	if (!b)
		return;
	vec_free(&b->units);
	free(b->rows);
	free(b);
}

void budget_begin(struct budget *b)
{
	if (!b)
		return;
	b->begin_ns = b->last_ns = clock_monotonic_ns();
	vec_each(u, &b->units)
		u->on_ns = b->begin_ns;
	b->purse = b->o.share * BUDGET_NS_PER_S;
}

/* ---- what it costs ---- */

uint32_t budget_clause(const struct budget *b, const struct unit *u)
{
	return b->o.image->progs[u->prog]->budget;
}

/* -> ns that its hits since the last look have cost */
static ERR_MUST struct err *look(struct budget *b, struct unit *u)
{
	uint32_t key = budget_clause(b, u), n = b->o.ops->n_cpus(b->o.engine);
	struct image_budget_hits sum = { 0 };

	TRY(b->o.ops->map_lookup(b->o.engine, b->o.image->budget_hits_map, &key, b->rows));
	for (uint32_t i = 0; i < n; i++) {
		sum.hits += b->rows[i].hits;
		sum.timed += b->rows[i].timed;
		sum.ns += b->rows[i].ns;
	}
	u->new_hits = sum.hits - u->seen.hits;
	u->seen = sum;
	return NULL;
}

/* ns of a program, by those that were timed; clocks may be found to have gone backwards */
static double program_ns(const struct unit *u)
{
	return u->seen.timed && (int64_t)u->seen.ns > 0 ? (double)u->seen.ns / (double)u->seen.timed
							: 0;
}

double budget_cost_at(const struct budget *b, const struct unit *u, uint64_t rate)
{
	double hits = (double)u->new_hits;

	if (rate == IMAGE_BUDGET_TRIAL)
		return hits * (double)u->way_ns;
	/* as long as it is not taken off */
	if (rate == IMAGE_BUDGET_OFF)
		return u->off_ns == b->last_ns ? 0 : hits * (double)u->way_ns;
	return hits * ((double)u->way_ns + program_ns(u) / (rate ? (double)rate : 1));
}

double budget_total(const struct budget *b)
{
	double sum = 0;

	vec_each(u, &b->units)
		if (u->rate != IMAGE_BUDGET_TRIAL)
			sum += budget_cost_at(b, u, u->rate);
	return sum;
}

/* ---- what is done about it ---- */

struct err *budget_set_rate(struct budget *b, struct unit *u, uint64_t rate)
{
	uint32_t key = 0;

	u->rate = rate;
	b->rates[budget_clause(b, u)] = rate;
	return b->o.ops->map_update(b->o.engine, b->o.image->budget_rates_map, &key, b->rates);
}

void budget_say_name(const struct budget *b, const struct unit *u)
{
	fprintf(stderr, "%.*s", STR_ARG(b->o.image->progs[u->prog]->shape->points[0].name));
	if (u->n_places > 1)
		fprintf(stderr, " and %u other%s", u->n_places - 1, u->n_places == 2 ? "" : "s");
}

/* "WARNING: uprobe:/bin/x:f: 1234000 hits a second would cost 71 % of a processor, the budget is 2 %: " */
static void say_cost(const struct budget *b, const struct unit *u, uint64_t passed)
{
	fprintf(stderr, "WARNING: ");
	budget_say_name(b, u);
	fprintf(stderr,
		": %.0f hits a second of %.0f ns each cost %.3g %% of a processor, the budget is %.3g %%: ",
		(double)u->new_hits * BUDGET_NS_PER_S / (double)passed,
		(double)u->way_ns + program_ns(u),
		budget_cost_at(b, u, u->rate) * 100 / (double)passed, b->o.share * 100);
}

static ERR_MUST struct err *sample(struct budget *b, struct unit *u, uint64_t rate, uint64_t passed)
{
	say_cost(b, u, passed);
	fprintf(stderr, "one in %llu is taken, what they add is multiplied (~)\n",
		(unsigned long long)rate);
	budget_mark_maps(b->o.image, budget_clause(b, u));
	budget_again_later(u);
	return budget_set_rate(b, u, rate);
}

static ERR_MUST struct err *switch_off(struct budget *b, struct unit *u, const struct unit *leader)
{
	u->leader = (uint32_t)(leader - b->units.v);
	u->n_offs++;
	u->taken_ns += b->last_ns - u->on_ns;
	u->off_ns = b->last_ns;
	u->off_hits = u->seen.hits;
	TRY(budget_set_rate(b, u, IMAGE_BUDGET_OFF));
	b->o.ops->drop_clause(b->o.engine, budget_clause(b, u));
	return NULL;
}

/* with all that work together with it */
static ERR_MUST struct err *switch_off_group(struct budget *b, struct unit *first, uint64_t passed)
{
	bool has_more = true;

	say_cost(b, first, passed);
	fprintf(stderr, "switched off after %.2f s\n",
		(double)(b->last_ns - b->begin_ns) / BUDGET_NS_PER_S);
	budget_again_later(first);
	TRY(switch_off(b, first, first));
	while (has_more) {
		has_more = false;
		vec_each(u, &b->units) {
			bool is_joined = false;

			vec_each(v, &b->units)
				is_joined |= v->off_ns == b->last_ns &&
					     budget_is_joined(b->o.image, budget_clause(b, u),
							      budget_clause(b, v));
			if (u->off_ns || !is_joined)
				continue;
			fprintf(stderr, "WARNING: %.*s: switched off with it, they share a map\n",
				STR_ARG(b->o.image->progs[u->prog]->shape->points[0].name));
			TRY(switch_off(b, u, first));
			has_more = true;
		}
	}
	return NULL;
}

/* the least rate with which all of it fits; 0: none does, or it cannot be sampled */
static uint64_t find_rate(const struct budget *b, const struct unit *u, double allowed)
{
	double others = budget_total(b) - budget_cost_at(b, u, u->rate);

	/* the kernel's trap is the most of it, and a program that leaves at once saves none of that */
	if (b->o.ops == &engine_kernel || !budget_can_sample(b->o.image, budget_clause(b, u)))
		return 0;
	for (uint64_t rate = u->rate ? u->rate * 2 : 2; rate <= MOST_RATE; rate *= 2)
		if (others + budget_cost_at(b, u, rate) <= allowed)
			return rate;
	return 0;
}

static struct unit *dearest(struct budget *b)
{
	struct unit *best = NULL;

	vec_each(u, &b->units)
		if (!u->off_ns && u->new_hits &&
		    (!best || budget_cost_at(b, u, u->rate) > budget_cost_at(b, best, best->rate)))
			best = u;
	return best;
}

static ERR_MUST struct err *restrain(struct budget *b, uint64_t passed)
{
	double budget = b->o.share * (double)passed, allowed = budget * 0.8, rest = 0;
	struct unit *u;

	while (budget_total(b) > allowed && (u = dearest(b))) {
		uint64_t rate = find_rate(b, u, allowed);

		/* where even hits that are left out cost nearly all of the budget: rather that than off */
		if (!rate) {
			rate = find_rate(b, u, budget);
			if (rate)
				allowed = budget;
		}
		TRY(rate ? sample(b, u, rate, passed) : switch_off_group(b, u, passed));
	}
	vec_each(v, &b->units)
		if (v->rate == IMAGE_BUDGET_OFF && b->last_ns - v->off_ns > BUDGET_NS_PER_S)
			rest += budget_cost_at(b, v, v->rate);
	if (rest > budget && !b->has_warned_rest) {
		b->has_warned_rest = true;
		fprintf(stderr,
			"WARNING: what is switched off could not be taken out yet, and costs up to %.3g %% of a "
			"processor, the budget is %.3g %%\n",
			rest * 100 / (double)passed, b->o.share * 100);
	}
	return NULL;
}

static ERR_MUST struct err *look_at_all(struct budget *b)
{
	find_units(b);
	vec_each(u, &b->units) {
		TRY(look(b, u));
		/* places in files that came later */
		if (u->rate == IMAGE_BUDGET_OFF && u->new_hits)
			b->o.ops->drop_clause(b->o.engine, budget_clause(b, u));
	}
	return NULL;
}

struct err *budget_round(struct budget *b)
{
	uint64_t now = b ? clock_monotonic_ns() : 0, passed;
	double cost, most;

	if (!b || !b->begin_ns || now - b->last_ns < LOOK_NS)
		return NULL;
	passed = now - b->last_ns;
	b->last_ns = now;
	TRY(look_at_all(b));
	cost = budget_total(b);
	most = b->o.share * BUDGET_NS_PER_S;
	b->spent += cost;
	b->purse += b->o.share * (double)passed - cost;
	if (b->purse > most)
		b->purse = most;
	if (b->purse >= 0)
		return budget_again(b, passed);
	b->purse = most / 2;
	return restrain(b, passed);
}

/* ---- at the end ---- */

void budget_end(struct budget *b)
{
	struct err *err;

	if (!b || !b->begin_ns)
		return;
	b->end_ns = clock_monotonic_ns();
	err = look_at_all(b);
	if (!err)
		b->spent += budget_total(b);
	err_free(err);
}

/* counted until it was switched off, and perhaps again later: what its values are of */
static void report_off(const struct budget *b, const struct unit *u, double s)
{
	uint64_t left = u->left_hits + (u->off_ns ? u->seen.hits - u->off_hits : 0);
	uint64_t taken = u->taken_ns + (u->off_ns ? 0 : b->end_ns - u->on_ns);

	if (!u->n_offs)
		return;
	fprintf(stderr, "NOTE: %.*s counted for ",
		STR_ARG(b->o.image->progs[u->prog]->shape->points[0].name));
	if (u->n_offs == 1 && u->off_ns)
		fprintf(stderr, "the first ");
	fprintf(stderr, "%.2f s of %.2f s (%llu hits)", (double)taken / BUDGET_NS_PER_S, s,
		(unsigned long long)(u->seen.hits - left));
	if (u->n_offs > 1 || !u->off_ns)
		fprintf(stderr, ", it was off %u time%s", u->n_offs, u->n_offs == 1 ? "" : "s");
	fprintf(stderr, ": --budget\n");
}

void budget_report(struct budget *b)
{
	double s;

	if (!b || !b->end_ns)
		return;
	s = (double)(b->end_ns - b->begin_ns) / BUDGET_NS_PER_S;
	vec_each(u, &b->units)
		report_off(b, u, s);
	log_verbose("user probes cost %.3g %% of a processor, of %.3g %%",
		    s > 0 ? b->spent / (s * BUDGET_NS_PER_S) * 100 : 0, b->o.share * 100);
}
