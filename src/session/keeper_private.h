/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the keeper of a run (keeper.c) and its readers (keeper_read.c) share; nobody else includes this. */
#ifndef SONDE_SESSION_KEEPER_PRIVATE_H
#define SONDE_SESSION_KEEPER_PRIVATE_H

#include "base/strbuf.h"
#include "session/keeper.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* one byte is what a reader says */
enum { KEEPER_SHOW = 'r', KEEPER_STOP = 's' };

/* the folder of all runs, of one */
struct err *keeper_root(struct strbuf *out) ERR_MUST;
struct err *keeper_dir(const char *name, struct strbuf *out) ERR_MUST;
void keeper_remove(const char *dir);
/* -1: nobody is there */
int keeper_connect(const char *dir);

#endif
