/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What programs inside of a process find about it in their private page (rt/area.h), gathered from /proc by the tracer. */
#ifndef SONDE_ENGINE_USER_PRIVATE_H
#define SONDE_ENGINE_USER_PRIVATE_H

#include "base/err.h"
#include "engine/user/rt/area.h"
#include "image/image.h"
#include "objfile/proc.h"

/* maps: of the process; NULL: no memory is vouched for. What cannot be found is 0 */
void private_describe(pid_t pid, const struct proc_maps *maps, struct rt_private *ret);
/* a sentence when programs of the image ask for something that cannot be told of this very process */
struct err *private_refusal(const struct rt_private *p, const struct image *im) ERR_MUST;

#endif
