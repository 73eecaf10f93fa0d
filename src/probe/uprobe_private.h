/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the provider of uprobes (provider_uprobe.c) and its texts (uprobe_text.c) share; nobody else includes this. */
#ifndef SONDE_PROBE_UPROBE_PRIVATE_H
#define SONDE_PROBE_UPROBE_PRIVATE_H

#include "probe/go_probe.h"
#include "probe/places.h"
#include "probe/shapes.h"
#include "probe/targets.h"

struct uprobe_match {
	struct match *m;
	size_t shape;
	size_t go_shapes[GO_N_FORMS];
	struct uprobe_shapes shapes;
	const struct target_file *file;
	struct places places;
	bool is_wild;
	uint32_t n_endless;   /* inlined copies whose end is not known, of a wildcard */
	struct place endless; /* the first */
};

/* the probe as it was asked for, or for one of many as it can be asked for */
struct str uprobe_probe_name(struct uprobe_match *u, const struct place *place, uint64_t offset);
/* which function func says it is: folded ones cannot be told apart */
struct str uprobe_func_name(struct uprobe_match *u, const struct place *place);
void uprobe_say_place(struct uprobe_match *u, const struct probe_point *p,
		      const struct place *place);
void uprobe_say_endless(const struct uprobe_match *u);
/* n inlined copies are left out, since the script reads argN */
void uprobe_say_left_out(struct match *m, uint32_t n);
/* the compiler changed the arguments of n functions, and the script reads argN */
void uprobe_say_changed(struct uprobe_match *u, const struct place *first, uint32_t n);
/* the script reads argN of a function that, as debug information says, has no parameters */
void uprobe_say_without_parameters(struct uprobe_match *u, struct place *place);

#endif
