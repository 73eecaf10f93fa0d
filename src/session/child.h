/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command of -c: started but held back until the probes are attached, ended when the session
 * ends. A struct child owns the process and the pipe: after child_start succeeded, child_stop must
 * follow.
 */
#ifndef SONDE_SESSION_CHILD_H
#define SONDE_SESSION_CHILD_H

#include "base/err.h"

#include <sys/types.h>

struct child {
	pid_t pid;   /* 0: none, or ended and collected */
	char *program; /* its path */
	int release; /* write end of the pipe that it waits on; -1 once let go */
	int status;  /* of waitpid when it has ended */
	bool has_ended;
};

/* command: words as a shell splits them, without any of its substitutions. The program must exist */
struct err *child_start(const char *command, struct child *ret) ERR_MUST;
void child_release(struct child *c);
/* somebody else has let it go */
void child_is_released(struct child *c);
/* collect it when it has ended; true then (once and for ever) */
bool child_ended(struct child *c);
/* end it if it runs (SIGTERM), and collect it */
void child_stop(struct child *c);

#endif
