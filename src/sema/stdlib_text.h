/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The text of stdlib.bt, compiled in, and of what is imported as "stdlib/NAME.bt". */
#ifndef SONDE_SEMA_STDLIB_TEXT_H
#define SONDE_SEMA_STDLIB_TEXT_H

#include "base/str.h"

extern const struct str sema_stdlib_text;
extern const struct str sema_stdlib_tls;
extern const struct str sema_stdlib_tls_keys;

#endif
