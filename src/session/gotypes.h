/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dynamic types of Go interfaces, for printing: the address of a type's descriptor in a traced process to its name. Descriptors
 * are read from the files that the image's probes are on. Owns what it makes; files are borrowed.
 */
#ifndef SONDE_SESSION_GOTYPES_H
#define SONDE_SESSION_GOTYPES_H

#include "base/strbuf.h"
#include "image/image.h"
#include "objfile/elf.h"

struct go_types;
/* NULL: no probe of the image is in Go code */
struct go_types *go_types_new(const struct image *im, struct objfile_cache *files);
void go_types_free(struct go_types *g);
/* false: not known. The name is added; kind: reflect.Kind, 0: not known */
bool go_types_find(struct go_types *g, uint64_t addr, struct strbuf *name, uint8_t *kind);

#endif
