/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The symbolizer of objfile as the table that output prints by. */
#ifndef SONDE_SESSION_SYMBOLS_H
#define SONDE_SESSION_SYMBOLS_H

#include "objfile/symbolize.h"
#include "output/symbols.h"

void symbols_init(struct output_symbols *out, struct symbolizer *s);
/* a process that can still run: exists and is no zombie */
bool proc_is_alive(pid_t pid);

#endif
