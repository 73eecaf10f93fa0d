/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packages of split DWARF (.dwp); see dwarf_package.c. */
#ifndef SONDE_OBJFILE_DWARF_PACKAGE_H
#define SONDE_OBJFILE_DWARF_PACKAGE_H

#include "objfile/dwarf_index.h"

/* for a file some of whose split units were not found: opens the package beside it, if there is one, in its place */
void package_open(struct dwarf_file *f);

#endif
