/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which of several words occur in a text? One pass for all of them. The text is foreign: any bytes. */
#ifndef SONDE_OBJFILE_WORD_SEARCH_H
#define SONDE_OBJFILE_WORD_SEARCH_H

#include "base/bytes.h"
#include "base/str.h"

/* sets found[i] where words[i] occurs anywhere, as memmem does; leaves the others as they are. What is set is not looked for. */
void word_search(struct bytes text, const struct str *words, uint32_t n, bool *found);

#endif
