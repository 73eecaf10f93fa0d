/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which Go made a file: the note that the Go linker leaves in .go.buildinfo (source: debug/buildinfo of the Go
 * distribution). Everything else that is read from Go binaries (go_*.h) asks here first. Results belong to the objfile.
 */
#ifndef SONDE_OBJFILE_GO_BUILDINFO_H
#define SONDE_OBJFILE_GO_BUILDINFO_H

#include "objfile/elf.h"

struct go_buildinfo {
	struct str version; /* "go1.23.5", "devel ..."; empty when the file does not say */
	struct str settings; /* the module text: lines "path\t...", "mod\t...", "build\t..."; may be empty */
	struct str path; /* package path of main, or empty */
	unsigned minor;  /* 23 for go1.23.5; 0: not known */
	unsigned patch;
};

/* made by the Go linker: it has a table of functions or the linker's notes */
bool objfile_is_go(struct objfile *f);
/* never NULL; of files that are not Go's everything is empty */
const struct go_buildinfo *objfile_go_buildinfo(struct objfile *f);
/* the value of a line "build\tKEY=VALUE" of the settings ("CGO_ENABLED"); empty when there is none */
struct str go_build_setting(const struct go_buildinfo *b, struct str key);

#endif
