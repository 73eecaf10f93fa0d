/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packets of TCP on all interfaces of the tracer's network namespace into a capture file, with the secrets that the script's
 * keylog() finds. A packet is written half a second after it has passed: a secret becomes known when the process has
 * received the packet that it is for, and has to stand before it.
 */
#ifndef SONDE_OUTPUT_CAPTURE_H
#define SONDE_OUTPUT_CAPTURE_H

#include "base/err.h"
#include "base/str.h"

struct capture;

/* from here on packets are taken */
struct err *capture_start(struct str path, struct capture **ret) ERR_MUST;
/* now and then; all: of all ages */
struct err *capture_round(struct capture *c, bool all) ERR_MUST;
/* lines of a key log, each with its newline */
void capture_add_secrets(struct capture *c, struct str lines);
/* packets that found no room, in the kernel or here */
uint64_t capture_lost(const struct capture *c);
void capture_free(struct capture *c);

#endif
