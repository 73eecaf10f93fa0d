/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * No Ruby: a program of that name with the USDT probes of one, since no package of Debian's has them. Fires each a known number
 * of times, then waits to be ended. For tests/run/stat.test and its like.
 */
#include <stdio.h>
#include <sys/sdt.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	while (argc > 1 && access(argv[1], F_OK))
		usleep(10000);
	for (int i = 0; i < 3; i++) {
		for (int k = 0; k < 40; k++)
			DTRACE_PROBE4(ruby, method__entry, "Octet", "each", "octet.rb", 12 + k);
		for (int k = 0; k < 40; k++)
			DTRACE_PROBE4(ruby, method__return, "Octet", "each", "octet.rb", 12 + k);
		for (int k = 0; k < 5; k++)
			DTRACE_PROBE3(ruby, object__create, "Octet", "octet.rb", k);
		DTRACE_PROBE(ruby, gc__mark__begin);
		usleep(2000);
		DTRACE_PROBE(ruby, gc__mark__end);
		DTRACE_PROBE3(ruby, raise, "StandardError", "octet.rb", 7);
		DTRACE_PROBE3(ruby, require__entry, "set", "octet.rb", 1);
		usleep(300000);
	}
	puts("method 120 gc 3 objnew 15 cload 3 exc 3");
	fflush(stdout);
	while (argc > 1)
		pause();
	return 0;
}
