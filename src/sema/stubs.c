/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Passes that do nothing yet. */
#include "sema/private.h"
void imports_run(struct sema *s) { (void)s; }
void resources_run(struct sema *s) { (void)s; }
