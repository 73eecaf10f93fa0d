/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A script for user probes in processes (-p) of which none has any of its files: the wrong number, or a program that was upgraded
 * since it was started, so that another file has its name. Nothing would ever be printed, and nobody would know why.
 */
#ifndef SONDE_SESSION_ABSENT_H
#define SONDE_SESSION_ABSENT_H

#include "output/event.h"
#include "session/compile.h"

void absent_warn(const struct compilation *c, struct output *out);

#endif
