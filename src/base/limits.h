/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The limit on open files: the tracer takes what it may have (a file per link, per thread of a sampled process, per map),
 * the programs that it starts get what the tracer was given: some close or allocate for every number up to the limit.
 */
#ifndef SONDE_BASE_LIMITS_H
#define SONDE_BASE_LIMITS_H

/* the soft limit becomes the hard one */
void limits_raise_files(void);
/* as before limits_raise_files; safe between fork and exec */
void limits_restore_files(void);

#endif
