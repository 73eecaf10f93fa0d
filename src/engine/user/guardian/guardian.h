/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The process that does all ptrace work: a child of the front end, of its own session, so that nothing that ends or stops the front
 * end can do so in the middle of a change. It works on its copy of what the front end had when it was forked, takes everything
 * out when it is told to, when the front end has ended in whatever way, or when all its processes have. It prints nothing.
 *
 * All functions here are called by the front end, those of struct guardian_ops in the guardian, but for note and news.
 */
#ifndef SONDE_ENGINE_USER_GUARDIAN_H
#define SONDE_ENGINE_USER_GUARDIAN_H

#include "base/err.h"
#include "base/str.h"

#include <sys/types.h>

struct guardian;

struct guardian_report {
	uint32_t n_attached, n_failed;
	bool has_foreign;     /* struct refusals */
	uint64_t released_at; /* engine_attach_result */
	struct strbuf text;   /* any bytes: what the two agree on. The receiver frees it */
};

struct guardian_ops {
	/* after an error detach is called, and the error is what guardian_start returns */
	struct err *(*attach)(void *arg, struct guardian_report *out);
	/* every 50 ms: new libraries, children, bytes that are still there; false: no process is left. note: what is to be said */
	bool (*round)(void *arg, struct strbuf *note);
	/* whenever a traced process stops or ends: those that stay attached. May be NULL */
	void (*look)(void *arg);
	/* in the front end, sooner or later: a round has said something. May be NULL */
	void (*note)(void *arg, struct str text);
	/* what the front end should know of processes by now, any bytes, and there what to do with it; before the next report. May be NULL */
	void (*take_news)(void *arg, struct strbuf *news);
	void (*news)(void *arg, struct str news);
	/* a question of guardian_ask; may be NULL */
	struct err *(*ask)(void *arg, struct str question, struct guardian_report *answer);
	/* takes out what is in; forked children that have it, too, are restored after it */
	void (*detach)(void *arg);
};

struct guardian_files {
	int memory;      /* the memory file that processes share with us; it stays the caller's */
	const int *keep; /* other descriptors that ops use; all others are closed in the guardian */
	unsigned n_keep;
};

/* forks, and returns when attach has ended; report may be NULL */
struct err *guardian_start(const struct guardian_ops *ops, void *arg,
			   const struct guardian_files *files, struct guardian_report *report,
			   struct guardian **ret) ERR_MUST;
/* answer may be NULL. Its error is that of the guardian, or ESRCH: there is none any more */
struct err *guardian_ask(struct guardian *g, struct str question,
			 struct guardian_report *answer) ERR_MUST;
/* because no process was left; or it was killed */
bool guardian_has_ended(struct guardian *g);
pid_t guardian_pid(const struct guardian *g);
/*
 * Detaches, waits for the guardian and frees g, which may be NULL. The error: something could not be taken out, or the guardian was
 * killed and what it had left was taken out from here
 */
struct err *guardian_stop(struct guardian *g) ERR_MUST;

#endif
