/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Seccomp filters of a traced process against the system calls that programs make in it (reads of memory that are not certain, tid, comm, ...).
 * A filter judges them as the program's own, and may kill it. So its filters are fetched and run here over those calls, before any
 * program runs there: what they do not plainly allow is refused. Programs that make no calls do not care.
 */
#ifndef SONDE_ENGINE_USER_FILTERS_H
#define SONDE_ENGINE_USER_FILTERS_H

#include "engine/user/process/remote.h"
#include "image/image.h"

#include <linux/filter.h>

/* all threads must be stopped. The error says which call would not be allowed */
struct err *filters_check(const struct remote *r, const struct image *im) ERR_MUST;
/* may functions whose return is noticed make more room for open calls (rt/calls_grow.c)? All threads must be stopped; when in doubt, false */
bool filters_allow_growth(const struct remote *r);
/* a number that changes when one of `most` threads gets a filter; 0: none has one, or nothing of the image makes calls */
uint64_t filters_sum(pid_t pid, const struct image *im, unsigned most);

/* a call as filters see it; known: a bit for each argument whose value is the one that will be given */
struct filters_call {
	uint32_t nr;
	uint32_t known;
	uint64_t args[6];
};
/* does this filter allow the call, whatever is not known of it? */
bool filters_allow(const struct sock_filter *v, size_t n, const struct filters_call *call);

#endif
