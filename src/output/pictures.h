/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * --folded, --svg, --speedscope: what becomes of maps with stacks in their keys instead of text. Each printing of such a map
 * is a state of it; clear() and zero() end one, and what was printed before them is kept and added. So a picture shows
 * what the text would have shown in all. Options are borrowed for the run.
 */
#ifndef SONDE_OUTPUT_PICTURES_H
#define SONDE_OUTPUT_PICTURES_H

#include "output/flame.h"

struct picture_opts {
	bool is_folded;  /* folded lines on the ordinary output */
	const char *svg; /* files, NULL: none */
	const char *speedscope;
	struct str title;
};

struct pictures;

/* NULL in *ret when nothing is asked for; an error when no map of the image can be shown, or a file cannot be written */
struct err *pictures_new(const struct picture_opts *opts, const struct image *im,
			 struct pictures **ret) ERR_MUST;
void pictures_free(struct pictures *p);
/* whether a map is shown as a picture, and not as text */
bool pictures_take(const struct pictures *p, uint32_t map);
/* a new state of a map: empty it, then add its entries; end it: folded lines to out */
void pictures_begin(struct pictures *p, uint32_t map);
void pictures_add(struct pictures *p, uint32_t map, const struct value_env *env, const void *key,
		  int64_t value);
void pictures_end(struct pictures *p, uint32_t map, struct strbuf *out);
/* the script emptied the map */
void pictures_commit(struct pictures *p, uint32_t map);
/* the files, whole or not at all; *n_negative: values below zero that are in none */
struct err *pictures_write(struct pictures *p, uint64_t *n_negative) ERR_MUST;

#endif
