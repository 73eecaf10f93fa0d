/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs of sonde that change the code of one file in processes: the user engine's jumps and the kernel's probes must not meet in one place, since a
 * kernel probe on a jump destroys the process. They see one another by locks on bytes far behind the end of the file (fcntl, open
 * file descriptions): nobody else looks there, nothing waits for them, and they go with whoever holds them.
 *
 * The user engine holds CLAIM_USER as long as it has probes in the file, and CLAIM_PATCHING from before it looks for CLAIM_KERNEL until its jumps are
 * written. The kernel engine holds CLAIM_KERNEL from before it waits for the end of CLAIM_PATCHING until its probes are in; with CLAIM_USER
 * there, it looks for jumps in between. So each of them sees what the other has done, or waits for it. File systems that ask a server for
 * locks are left alone: there nobody sees anybody.
 */
#ifndef SONDE_OBJFILE_CLAIM_H
#define SONDE_OBJFILE_CLAIM_H

#include <stdbool.h>
#include <stdint.h>

enum claim { CLAIM_USER, CLAIM_PATCHING, CLAIM_KERNEL };

/* a descriptor for claims on a file (and to read it); -1: there can be none */
int claim_open(const char *path);
/* several may hold one. With fd -1 nothing happens, and nobody has any */
void claim_take(int fd, enum claim which);
void claim_drop(int fd, enum claim which);
bool claim_is_held(int fd, enum claim which); /* by others */
/* false: still held by another after ms */
bool claim_wait(int fd, enum claim which, unsigned ms);

#endif
