/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzzer of the http decoder, both versions: see fuzz_proto.h. */
#include "fuzz_proto.h"

FUZZ_DECODER(http)
