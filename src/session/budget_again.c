/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * --budget: what was restrained because of a burst is looked at again. A clause that is sampled still counts all its hits: when they have been
 * few for a while, more of them are taken. One that is off counts nothing; so after a while its probes are put back
 * for a short trial, in which a hit is counted and nothing else is done, and stay if that fits. What trials cost is a debt: the
 * next one waits until what the budget left over has paid it. Each time that it was in vain the wait is doubled.
 *
 * Values stay those of the times that the clause was on, and of nothing in between: a clause that keeps something from one hit for
 * another is switched on again only if what was kept can be forgotten (budget_image.c).
 */
#include "session/budget_private.h"

#include <stdio.h>

enum {
	FIRST_WAIT_NS = BUDGET_NS_PER_S,
	LONGEST_WAIT_S = 64,
	TRIAL_NS = 300000000,
};
/* of the budget, that must be enough for what is taken again: a rate that is but a little lower would soon be too much again */
#define CALM_SHARE 0.5

void budget_again_later(struct unit *u)
{
	u->wait_ns = !u->wait_ns ? FIRST_WAIT_NS : u->wait_ns * 2;
	if (u->wait_ns > LONGEST_WAIT_S * (uint64_t)BUDGET_NS_PER_S)
		u->wait_ns = LONGEST_WAIT_S * (uint64_t)BUDGET_NS_PER_S;
	u->calm_ns = 0;
}

static double hits_a_second(const struct unit *u, uint64_t passed)
{
	return (double)u->new_hits * BUDGET_NS_PER_S / (double)passed;
}

/* ---- sampled ---- */

/* the least rate that is lower and would do; the rate that it has: there is none */
static uint64_t lower_rate(const struct budget *b, const struct unit *u, double allowed)
{
	double others = budget_total(b) - budget_cost_at(b, u, u->rate);
	uint64_t rate = 0;

	while (rate < u->rate && others + budget_cost_at(b, u, rate) > allowed)
		rate = rate ? rate * 2 : 2;
	return rate;
}

static ERR_MUST struct err *sample_less(struct budget *b, struct unit *u, uint64_t passed)
{
	uint64_t rate = lower_rate(b, u, b->o.share * (double)passed * CALM_SHARE);

	if (rate >= u->rate) {
		u->calm_ns = 0;
		return NULL;
	}
	if (!u->calm_ns) {
		u->calm_ns = b->last_ns;
		u->calm_rate = 0;
	}
	if (rate > u->calm_rate)
		u->calm_rate = rate;
	if (b->last_ns - u->calm_ns < u->wait_ns)
		return NULL;
	fprintf(stderr, "NOTE: ");
	budget_say_name(b, u);
	fprintf(stderr, ": %.0f hits a second: ", hits_a_second(u, passed));
	if (u->calm_rate)
		fprintf(stderr, "one in %llu is taken from now on\n",
			(unsigned long long)u->calm_rate);
	else
		fprintf(stderr, "all of them are taken again\n");
	u->calm_ns = 0;
	return budget_set_rate(b, u, u->calm_rate);
}

/* ---- off ---- */

static bool is_led(const struct budget *b, const struct unit *u, const struct unit *leader)
{
	return u->off_ns && &b->units.v[u->leader] == leader;
}

static void find_members(const struct budget *b, const struct unit *leader,
			 bool member[IMAGE_BUDGET_CLAUSES])
{
	for (uint32_t i = 0; i < IMAGE_BUDGET_CLAUSES; i++)
		member[i] = false;
	vec_each(u, &b->units)
		if (is_led(b, u, leader))
			member[budget_clause(b, u)] = true;
}

static void say_stays(const struct budget *b, struct unit *leader, const char *why)
{
	leader->stays = true;
	fprintf(stderr, "NOTE: ");
	budget_say_name(b, leader);
	fprintf(stderr, ": stays switched off: %s\n", why);
}

static ERR_MUST struct err *end_trial(struct budget *b, struct unit *leader)
{
	budget_again_later(leader);
	vec_each(u, &b->units) {
		if (!is_led(b, u, leader))
			continue;
		TRY(budget_set_rate(b, u, IMAGE_BUDGET_OFF));
		b->o.ops->drop_clause(b->o.engine, budget_clause(b, u));
	}
	return NULL;
}

/* the probes are put back; an engine that cannot says so, and they stay off */
static ERR_MUST struct err *begin_trial(struct budget *b, struct unit *leader)
{
	struct budget_maps kept = { 0 };
	bool member[IMAGE_BUDGET_CLAUSES], can_resume;
	STRBUF_AUTO why = { 0 };
	struct err *err = NULL;

	find_members(b, leader, member);
	can_resume = budget_can_resume(b->o.image, member, &kept);
	vec_free(&kept.v);
	if (!can_resume) {
		say_stays(b, leader, "it keeps something from one hit for another");
		return NULL;
	}
	vec_each(u, &b->units) {
		if (!is_led(b, u, leader))
			continue;
		TRY(budget_set_rate(b, u, IMAGE_BUDGET_TRIAL));
		if (!err)
			err = b->o.ops->resume_clause(b->o.engine, budget_clause(b, u));
	}
	leader->calm_ns = b->last_ns;
	if (!err)
		return NULL;
	err_format(err, &why);
	err_free(err);
	say_stays(b, leader, strbuf_cstr(&why));
	return end_trial(b, leader);
}

/* calls that were open when it went off: nobody has seen their returns */
static ERR_MUST struct err *forget_calls(struct budget *b, const struct unit *leader)
{
	bool member[IMAGE_BUDGET_CLAUSES];
	struct budget_maps kept = { 0 };
	struct err *err = NULL;

	find_members(b, leader, member);
	(void)budget_can_resume(b->o.image, member, &kept);
	vec_each(m, &kept.v)
		if (!err)
			err = b->o.ops->map_clear(b->o.engine, *m);
	vec_free(&kept.v);
	return err;
}

static ERR_MUST struct err *switch_on(struct budget *b, struct unit *leader, uint64_t passed)
{
	uint64_t off_ns = leader->off_ns;

	TRY(forget_calls(b, leader));
	leader->calm_ns = 0;
	vec_each(u, &b->units) {
		if (!is_led(b, u, leader))
			continue;
		TRY(budget_set_rate(b, u, 0));
		u->left_hits += u->seen.hits - u->off_hits;
		u->on_ns = b->last_ns;
	}
	vec_each(u, &b->units) {
		if (!is_led(b, u, leader))
			continue;
		u->off_ns = 0;
		fprintf(stderr, "NOTE: ");
		budget_say_name(b, u);
		fprintf(stderr, ": %.0f hits a second: switched on again after %.2f s\n",
			hits_a_second(u, passed), (double)(b->last_ns - off_ns) / BUDGET_NS_PER_S);
	}
	return NULL;
}

/* of a leader that is off */
static ERR_MUST struct err *try_again(struct budget *b, struct unit *leader, uint64_t passed)
{
	double allowed = b->o.share * (double)passed * CALM_SHARE, cost = budget_total(b);

	if (leader->rate == IMAGE_BUDGET_OFF) {
		if (b->debt > 0 || b->last_ns - leader->off_ns < leader->wait_ns)
			return NULL;
		return begin_trial(b, leader);
	}
	vec_each(u, &b->units)
		if (is_led(b, u, leader))
			cost += budget_cost_at(b, u, 0);
	if (cost > allowed)
		return end_trial(b, leader);
	if (b->last_ns - leader->calm_ns < TRIAL_NS)
		return NULL;
	return switch_on(b, leader, passed);
}

/* ---- all of them ---- */

static void pay(struct budget *b, uint64_t passed)
{
	double spare = b->o.share * (double)passed - budget_total(b), trials = 0;

	vec_each(u, &b->units)
		if (u->rate == IMAGE_BUDGET_TRIAL)
			trials += budget_cost_at(b, u, u->rate);
	b->spent += trials;
	b->debt += trials;
	if (b->debt > 0 && spare > 0)
		b->debt = spare < b->debt ? b->debt - spare : 0;
}

struct err *budget_again(struct budget *b, uint64_t passed)
{
	pay(b, passed);
	vec_each(u, &b->units) {
		if (!u->off_ns && u->rate)
			TRY(sample_less(b, u, passed));
		else if (u->off_ns && is_led(b, u, u) && !u->stays)
			TRY(try_again(b, u, passed));
	}
	return NULL;
}
