/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Printing of whole maps. Everything in struct mapdump is borrowed for the call; entries that were
 * read are freed before it returns.
 */
#ifndef SONDE_OUTPUT_MAPDUMP_H
#define SONDE_OUTPUT_MAPDUMP_H

#include "base/arena.h"
#include "base/err.h"
#include "base/hashmap.h"
#include "engine/engine.h"
#include "output/value.h"

/* what a map held when it was last printed; a zeroed one: nothing */
struct mapdump_previous {
	struct hashmap by_key; /* bytes of a value by those of its key */
	struct arena arena;
	bool is_used;
};

struct mapdump {
	const struct image_map *map;
	const struct value_env *env;
	bool is_json;
	bool print_empty_scalar; /* print(@m) of a scalar without a value shows its zero; at exit it does not */
	/*
	 * A scalar in an array has its one element always: all zero means that it has no value, unless the script zeroed
	 * it (zero(@m)), which this says.
	 */
	bool is_zero_a_value;
	const void *only_key; /* key_type->size bytes: just this entry, NULL: all */
	uint64_t top;         /* only that many of the greatest; 0: all */
	uint64_t div;         /* 0 counts as 1 */
	struct mapdump_previous *
		previous; /* shows the difference to that, and keeps what is there now; may be NULL */
	struct str table; /* headings, for a map with as many parts in key and value; text only */
	bool stats_by_average; /* the order of stats(), as bpftrace has it; else by their total */
};

/* read map number index from the engine and append its text or JSON object; nothing for an empty map */
struct err *mapdump_put(const struct mapdump *d, const struct engine_ops *ops, struct engine *e,
			uint32_t index, struct strbuf *out) ERR_MUST;

void mapdump_forget(struct mapdump_previous *p);

/* the same entries to a visitor, in order; value as it would be printed, histograms as the number of their values */
struct err *mapdump_each(const struct mapdump *d, const struct engine_ops *ops, struct engine *e,
			 uint32_t index, void (*visit)(void *arg, const void *key, int64_t value),
			 void *arg) ERR_MUST;

#endif
