/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Faults counted by the programs: warnings when a site fails for the first time, lost events,
 * totals at the end. What was reported already is kept in the struct output; nothing here is owned.
 */
#ifndef SONDE_OUTPUT_FAULTS_H
#define SONDE_OUTPUT_FAULTS_H

#include "output/event.h"

/* look at the counters; call it after each poll */
void faults_poll(struct output *o);
/* at the end: all that was lost, by probe; sites that failed more than once, with how often; hits the kernel skipped */
void faults_report_totals(struct output *o);

#endif
