/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of --budget share: budget.c measures and restrains, budget_again.c looks again at what was restrained. Nobody else
 * includes this.
 */
#ifndef SONDE_SESSION_BUDGET_PRIVATE_H
#define SONDE_SESSION_BUDGET_PRIVATE_H

#include "session/budget.h"

enum { BUDGET_NS_PER_S = 1000000000 };

/* a clause with user probes */
struct unit {
	uint32_t prog, n_places;
	uint64_t way_ns;
	uint64_t rate; /* as in the map */
	struct image_budget_hits seen;
	uint64_t new_hits; /* since the last look */

	uint64_t off_ns;   /* when it was switched off; 0: it is on */
	uint64_t off_hits; /* that it had then */
	uint32_t leader;   /* the clause that it went off with, by its unit */
	uint32_t n_offs;
	uint64_t on_ns;     /* when it was switched on last */
	uint64_t taken_ns;  /* that it was on, before off_ns or on_ns */
	uint64_t left_hits; /* that came while it was off, and were only counted */

	/* ---- budget_again.c; off: of the leader ---- */
	uint64_t wait_ns; /* so long it must have been calm, or off; doubled each time that it was in vain */
	uint64_t calm_ns; /* sampled: since when a lower rate would do; trial: when it began; 0: not */
	uint64_t calm_rate; /* the highest of the lower rates since */
	bool stays;         /* it can never be switched on again */
};

struct budget {
	struct budget_opts o;
	VEC(struct unit) units;
	uint32_t n_progs; /* of the image, that units were made of */
	uint64_t rates[IMAGE_BUDGET_CLAUSES];
	struct image_budget_hits *rows; /* of all processors */
	uint64_t begin_ns, last_ns, end_ns;
	double purse, spent; /* ns */
	double debt;         /* of trials: the next one waits until it is paid */
	bool has_warned_rest;
};

uint32_t budget_clause(const struct budget *b, const struct unit *u);
/* "uprobe:/bin/x:f and 2 others" on stderr */
void budget_say_name(const struct budget *b, const struct unit *u);
/* ns that its hits since the last look have cost, had the rate been this */
double budget_cost_at(const struct budget *b, const struct unit *u, uint64_t rate);
/* of all that are on, or off and not on trial */
double budget_total(const struct budget *b);
struct err *budget_set_rate(struct budget *b, struct unit *u, uint64_t rate) ERR_MUST;

/* ---- budget_again.c ---- */

/* it was sampled, or switched off: when that is looked at again */
void budget_again_later(struct unit *u);
/* after each look, when nothing had to be restrained: passed ns since the last one */
struct err *budget_again(struct budget *b, uint64_t passed) ERR_MUST;

#endif
