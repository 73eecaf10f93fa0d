/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the symbols of a stripped file went: a separate debug file (.gnu_debuglink or build-id, as gdb's manual
 * "Debugging Information in Separate Files" has it) or MiniDebugInfo (.gnu_debugdata, an xz-compressed ELF file inside).
 * The result is a reference (objfile_unref) to a file that is itself never followed further, so links cannot loop. f is
 * borrowed for the call; notes are the caller's.
 */
#ifndef SONDE_OBJFILE_DEBUGFILE_H
#define SONDE_OBJFILE_DEBUGFILE_H

#include "objfile/elf.h"

/* NULL when there is none; lines about candidates that were refused (wrong CRC, malformed) are added to notes */
struct objfile *debugfile_find(struct objfile *f, struct strbuf *notes);
/* the same, asked of the servers in DEBUGINFOD_URLS: may take long */
struct objfile *debugfile_fetch(struct objfile *f, struct strbuf *notes);
struct objfile *debugfile_minidebug(struct objfile *f, struct strbuf *notes);

/* debuginfod.c: the path of the debug file with this build-id, in the client's cache (malloc'ed), or NULL */
char *debuginfod_path(struct str build_id);

#endif
