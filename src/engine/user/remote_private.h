/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files about another process share; nobody else includes this. */
#ifndef SONDE_ENGINE_USER_REMOTE_PRIVATE_H
#define SONDE_ENGINE_USER_REMOTE_PRIVATE_H

#include "engine/user/remote.h"

#include <string.h>
#include <sys/ptrace.h>
#include <unistd.h>

#ifndef PTRACE_O_SUSPEND_SECCOMP
#define PTRACE_O_SUSPEND_SECCOMP (1 << 21)
#endif
#ifndef PTRACE_EVENT_STOP
#define PTRACE_EVENT_STOP 128
#endif

#endif
