/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzer of BTF: a file of any bytes (header and sizes included) is asked for everything that scripts and listings ask the
 * kernel's types for: names, structs with their fields, prototypes, the same as C text.
 */
#include "base/arena.h"
#include "types/btf_source.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint64_t sink;

enum { MAX_TYPES = 200, MAX_FIELDS = 64 };

struct asking {
	struct btfsrc *src;
	uint32_t n;
};

static void look_at_type(const struct type *t)
{
	if (!t)
		return;
	type_complete(t);
	sink += t->size;
	for (uint32_t i = 0; i < t->n_fields && i < MAX_FIELDS; i++) {
		struct type_field f;

		if (type_find_field(t, t->fields[i].name, &f))
			sink += f.offset;
		if (t->fields[i].type)
			sink += t->fields[i].type->size;
	}
}

static bool look_at_name(void *arg, enum btfsrc_kind kind, struct str name, uint32_t id)
{
	struct asking *a = arg;
	STRBUF_AUTO text = { 0 };

	look_at_type(btfsrc_type(a->src, id));
	look_at_type(btfsrc_pointed_function(a->src, id));
	if (kind == BTFSRC_FUNC) {
		look_at_type(btfsrc_function(a->src, id));
		btfsrc_print_params(a->src, id, 1, true, "    ", &text);
	} else {
		btfsrc_print_definition(a->src, id, &text);
	}
	sink += text.n + btfsrc_find_id(a->src, kind, name);
	return ++a->n < MAX_TYPES;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("btf", MFD_CLOEXEC);
	struct type_table types;
	struct asking asking = { 0 };
	struct arena arena;
	char path[64];

	if (fd < 0 || write(fd, data, size) != (ssize_t)size) {
		close(fd);
		return 0;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	arena_init(&arena);
	type_table_init(&types, &arena);
	asking.src = btfsrc_new_file(&types, path, NULL);
	if (btfsrc_open(asking.src)) {
		btfsrc_each(asking.src,
			    BTFSRC_STRUCT | BTFSRC_UNION | BTFSRC_ENUM | BTFSRC_TYPEDEF |
				    BTFSRC_FUNC,
			    look_at_name, &asking);
		for (uint32_t id = 0; id < MAX_TYPES; id++)
			look_at_type(btfsrc_type(asking.src, id));
	}
	btfsrc_free(asking.src);
	type_table_free(&types);
	arena_free(&arena);
	close(fd);
	return 0;
}
