/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Signals to the tracer; see signals.h. */
#include "session/signals.h"

#include <stddef.h>
#include <sys/time.h>

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

static void on_alarm(int sig)
{
	/* not counted: Ctrl-C behind it is the first one */
	if (!signals_stop)
		signals_stop = 1;
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
	install(SIGXFSZ, SIG_IGN); /* ulimit -f: the write fails, which is said */
}

void signals_stop_in(uint64_t ns)
{
	struct itimerval t = { .it_value = { .tv_sec = (time_t)(ns / 1000000000u),
					     .tv_usec = (suseconds_t)(ns % 1000000000u / 1000u) } };

	if (!t.it_value.tv_sec && !t.it_value.tv_usec)
		t.it_value.tv_usec = 1; /* 0 would be never */
	install(SIGALRM, on_alarm);
	setitimer(ITIMER_REAL, &t, NULL);
}
