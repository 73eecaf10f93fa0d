/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside of libsonde: providers and probes as usdt.c keeps them, and the object that elf.c makes of them. */
#ifndef SONDE_USDT_PRIVATE_H
#define SONDE_USDT_PRIVATE_H

#include "sonde_usdt.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum usdt_type {
	USDT_I8,
	USDT_I16,
	USDT_I32,
	USDT_I64,
	USDT_U8,
	USDT_U16,
	USDT_U32,
	USDT_U64,
	USDT_F64,
	USDT_PTR,
	USDT_STR,
	USDT_N_TYPES
};

/* the function of a probe: its arguments are those of the probe, as words */
typedef void usdt_function(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
			   uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);

struct usdt_probe {
	struct sonde_probe open; /* first: what the program has */
	struct sonde_provider *provider;
	char *name;
	enum usdt_type types[SONDE_USDT_MAX_ARGS];
	unsigned n_args;
	usdt_function *fire; /* NULL: not loaded */
	struct usdt_probe *next;
};

struct sonde_provider {
	char *name;
	struct usdt_probe *first, **tail;
	unsigned n_probes;
	/* loaded */
	char *path;  /* of the file, or NULL */
	int fd;      /* + 1; open and locked as long as it is loaded */
	pid_t owner; /* who removes it */
	char *base;  /* where it is mapped; stays reserved until the end */
	size_t size;
	bool is_loaded;
	unsigned n_firing; /* threads that are in a probe's function */
	struct sonde_provider *next;
};

/* an object: to be written to a file and mapped, code [0, data) and data [data, size) */
struct usdt_object {
	unsigned char *bytes;
	size_t size;
	size_t data; /* page aligned: semaphores from here on, two bytes each, in the order of the probes */
	size_t code; /* of the first probe's function */
};
enum { USDT_FUNCTION_BYTES = 16 };

/* bytes are malloc'ed; -1: no memory */
int usdt_object_make(const struct sonde_provider *p, struct usdt_object *out);

#endif
