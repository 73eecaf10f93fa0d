/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The decoders by name; each is a file of this folder. A new one stands here and in the list of kinds.c. */
#ifndef SONDE_PROTO_DECODERS_H
#define SONDE_PROTO_DECODERS_H

#include "proto/proto.h"

extern const struct proto_ops proto_data;

#endif
