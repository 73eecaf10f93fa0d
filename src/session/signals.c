/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Signals to the tracer; see signals.h. */
#include "session/signals.h"

#include <stddef.h>

volatile sig_atomic_t signals_stop;
volatile sig_atomic_t signals_user;

static void on_stop(int sig)
{
	if (++signals_stop > 1)
		signal(sig,
		       SIG_DFL); /* a third one ends us at once; the kernel then takes the probes off */
}

static void on_user(int sig)
{
	signals_user = 1;
}

static void install(int sig, void (*handler)(int))
{
	struct sigaction a = { .sa_handler = handler };

	sigemptyset(&a.sa_mask);
	sigaction(sig, &a, NULL);
}

void signals_install(void)
{
	install(SIGINT, on_stop);
	install(SIGTERM, on_stop);
	install(SIGHUP, on_stop);
	install(SIGUSR1, on_user);
	install(SIGPIPE, SIG_IGN);
}
