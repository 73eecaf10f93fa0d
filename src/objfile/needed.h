/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a program that is about to be run will have mapped before its first own instruction: itself, its interpreter (ld.so, or
 * that of a script), and the libraries that they need, found as ld.so(8) finds them. The environment is ours, which a command
 * that we start inherits. What is opened later by name (dlopen) is not among them.
 */
#ifndef SONDE_OBJFILE_NEEDED_H
#define SONDE_OBJFILE_NEEDED_H

#include "objfile/mapped.h"

/* process is 0 in each; the list is freed by mapped_files_free. Nothing that is missing is an error: then it is missed */
void needed_files_read(const char *program, struct mapped_files *ret);
/* one file more, by its path; the list is one that was read. false: there is none */
bool needed_files_add(struct str path, struct mapped_files *to);

#endif
