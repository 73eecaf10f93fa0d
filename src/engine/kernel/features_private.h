/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between features.c and the files with its longer checks; nobody else includes it. */
#ifndef SONDE_ENGINE_KERNEL_FEATURES_PRIVATE_H
#define SONDE_ENGINE_KERNEL_FEATURES_PRIVATE_H

#include <stdbool.h>

#define BTF_TYPEDEF 8   /* BTF_KIND_TYPEDEF */
#define BTF_FUNCTION 12 /* BTF_KIND_FUNC */

/*
 * whether the pid of a uprobe_multi link means a process (and not one thread of it): tried on
 * ourselves
 */
bool features_try_uprobe_multi_process(void);
/* whether a uprobe on a 5-byte nop leaves alone what lies below the stack pointer */
bool features_try_nop5(void);
/* whether a uprobe on a function's own 5-byte nop becomes a call, and the function does what it did */
bool features_try_nop5_call(void);

#endif
