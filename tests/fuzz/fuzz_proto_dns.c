/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzzer of the dns decoder: see fuzz_proto.h. */
#include "fuzz_proto.h"

FUZZ_DECODER(dns)
