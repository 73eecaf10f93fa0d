/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Variables that a loader sets before it loads an object (--set): the program says in .bss what it finds in them. Each size of an integer, texts,
 * structs, arrays, and variables in .data and .bss.
 */
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

enum color { RED = 1, BLUE = 200 };

struct conf {
	int low;
	struct {
		unsigned short port;
		char name[6];
	} server;
	unsigned int ids[3];
};

const volatile unsigned char tiny = 1;
const volatile short small = 2;
const volatile int least = 3;
const volatile unsigned long long large = 4;
const volatile bool is_on;
const volatile char text[8] = "before";
const volatile enum color color = RED;
const volatile struct conf conf = { .low = 5, .ids = { 6, 7, 8 } };
int in_data = 9;
long in_bss;

long seen_tiny, seen_small, seen_least, seen_large, seen_on, seen_color, seen_low, seen_port, seen_ids[3];
char seen_text[8], seen_name[6];
long calls;

SEC("uprobe")
int BPF_KPROBE(on_add, int a, int b)
{
	if (a < least)
		return 0;
	seen_tiny = tiny;
	seen_small = small;
	seen_least = least;
	seen_large = large;
	seen_on = is_on;
	seen_color = color;
	seen_low = conf.low;
	seen_port = conf.server.port;
	for (int i = 0; i < 3; i++)
		seen_ids[i] = conf.ids[i];
	for (int i = 0; i < 8; i++)
		seen_text[i] = text[i];
	for (int i = 0; i < 6; i++)
		seen_name[i] = conf.server.name[i];
	in_bss++;
	__sync_fetch_and_add(&calls, 1);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
