/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The decoders by name; each is a file of this folder. A new one gets a line in decoders.def. */
#ifndef SONDE_PROTO_DECODERS_H
#define SONDE_PROTO_DECODERS_H

#include "proto/proto.h"

#define DECODER(name) extern const struct proto_ops proto_##name;
#include "proto/decoders.def"
#undef DECODER

#endif
