/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Constants of the Linux user interface (AF_INET, O_RDONLY, EAGAIN, ...) by name, for scripts that include headers
 * which are not on this machine. A source of types that knows no types; it belongs at the end of a chain, so that the
 * script's own text and the kernel's BTF come first.
 */
#ifndef SONDE_LANG_CONSTANTS_H
#define SONDE_LANG_CONSTANTS_H

#include "types/type.h"

bool constant_find(struct str name, int64_t *value);
void constant_source_init(struct type_source *src, struct type_table *table);

#endif
