/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Constants of the Linux user interface (AF_INET, O_RDONLY, EAGAIN, ...) by name: for scripts that include headers
 * which are not on this machine, and so that asking for one does not read the whole of the kernel's BTF. cdecl.c answers
 * with them when the script's own text does not define the name.
 */
#ifndef SONDE_LANG_CONSTANTS_H
#define SONDE_LANG_CONSTANTS_H

#include "base/str.h"

/* is_enumerator: the kernel has it in an enum, its BTF knows which */
bool constant_find(struct str name, int64_t *value, bool *is_enumerator);

#endif
