/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Signals to the tracer, as flags that the session looks at between events. */
#ifndef SONDE_SESSION_SIGNALS_H
#define SONDE_SESSION_SIGNALS_H

#include <signal.h>
#include <stdint.h>

extern volatile sig_atomic_t signals_stop; /* SIGINT, SIGTERM, SIGHUP received: how often */
extern volatile sig_atomic_t signals_user; /* SIGUSR1, for self:signal */

/* a third one ends the process at once; SIGPIPE becomes an error of write */
void signals_install(void);
/* signals_stop is set that long from now, as by the first Ctrl-C */
void signals_stop_in(uint64_t ns);

#endif
