/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of the kernel's allocation flags (GFP), for %gr. Keeps no state. */
#ifndef SONDE_OUTPUT_GFP_H
#define SONDE_OUTPUT_GFP_H

#include "base/strbuf.h"

/* "GFP_KERNEL|__GFP_ZERO"; bits without a name at the end in hexadecimal; "0" for none */
void gfp_put(uint64_t flags, struct strbuf *out);

#endif
