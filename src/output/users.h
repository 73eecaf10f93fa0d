/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * User ids to names, from /etc/passwd (no name service: a static binary has none, and it might
 * block). The cache belongs to the process: users_forget frees it.
 */
#ifndef SONDE_OUTPUT_USERS_H
#define SONDE_OUTPUT_USERS_H

#include "base/strbuf.h"

/* the name; the number when there is no entry, because that is what is known */
void users_put_name(uint32_t uid, struct strbuf *out);
void users_forget(void); /* free the cache */

#endif
