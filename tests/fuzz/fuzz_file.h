/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The input of a fuzzer as an object file: for fuzzers of what reads whole files.
 */
#ifndef SONDE_FUZZ_FILE_H
#define SONDE_FUZZ_FILE_H

#include "objfile/elf.h"

#include <sys/mman.h>
#include <unistd.h>

/* NULL: it is none */
static inline struct objfile *fuzz_open(const uint8_t *data, size_t size)
{
	struct objfile *f = NULL;
	struct err *e = NULL;
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd >= 0 && write(fd, data, size) == (ssize_t)size)
		e = objfile_open_fd(fd, "fuzz", &f);
	if (fd >= 0)
		close(fd);
	err_free(e);
	return f;
}

#endif
