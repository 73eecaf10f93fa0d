/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether an image's programs can run in a process: what only the kernel has is named. */
#ifndef SONDE_ENGINE_USER_REFUSAL_H
#define SONDE_ENGINE_USER_REFUSAL_H

#include "base/err.h"
#include "image/image.h"

/* NULL: all of them can. Else a sentence that names the place in the script and what it needs */
struct err *user_refusal(const struct image *im) ERR_MUST;
/* the same of one program */
struct err *user_refusal_of(const struct image *im, const struct image_prog *p) ERR_MUST;

#endif
