/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An image as an eBPF object file: programs in sections that say where they go, maps as BTF defines them, BTF, license. libbpf
 * and bpftool load it, sonde run as well. What an object cannot say is refused with a sentence; what it says less well is
 * remarked. The image is only read.
 */
#ifndef SONDE_OBJECT_EMIT_H
#define SONDE_OBJECT_EMIT_H

#include "base/err.h"
#include "image/image.h"

struct err *object_emit(const struct image *im, const char *path,
			void (*remark)(void *arg, const char *text), void *arg) ERR_MUST;

#endif
