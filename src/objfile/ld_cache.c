/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The loader's cache of libraries, /etc/ld.so.cache; see resolve.h. Format: glibc, sysdeps/generic/dl-cache.h.
 *
 *   old    "ld.so-1.7.0\0", u32 n, n x { i32 flags; u32 key; u32 value }, strings (offsets count from here)
 *   new    "glibc-ld.so.cache1.1", u32 n, u32 string bytes, 20 bytes of other things,
 *          n x { i32 flags; u32 key; u32 value; u32 osversion; u64 hwcap }, strings (offsets count from the magic)
 *   mixed  old, whose strings are preceded by a whole new cache, aligned to 8
 *
 * The file may belong to a container: it is read with bounds like every foreign file.
 */
#include "objfile/resolve.h"

#include "base/arena.h"
#include "base/bytes.h"

#define OLD_MAGIC "ld.so-1.7.0"
#define NEW_MAGIC "glibc-ld.so.cache1.1"

enum {
	FLAGS_X86_64 = 0x0303, /* FLAG_X8664_LIB64 | FLAG_ELF_LIBC6 */
	OLD_HEADER = 16,
	OLD_ENTRY = 12,
	NEW_HEADER = 48,
	NEW_ENTRY = 24,
};

static struct str string_at(struct str cache, size_t base, uint32_t offset)
{
	struct bytes b = bytes_make(cache.p, cache.n);
	struct str s;

	if (offset > cache.n || base > cache.n - offset)
		return STR("");
	bytes_seek(&b, base + offset);
	s = bytes_cstr(&b);
	return b.bad ? STR("") : s;
}

/* entries of one table; strings are at base + offset. *best: how good *found is, higher is better. */
static void search_table(struct str cache, size_t entries, uint32_t n, size_t entry_size,
			 size_t base, struct str name, struct str *found, int *best)
{
	for (uint32_t i = 0; i < n; i++) {
		struct bytes b = bytes_make(cache.p, cache.n);
		uint32_t flags, key_at, value_at;
		uint64_t hwcap = 0;
		struct str key, value;
		int score;

		bytes_seek(&b, entries + (size_t)i * entry_size);
		flags = bytes_u32(&b);
		key_at = bytes_u32(&b);
		value_at = bytes_u32(&b);
		if (entry_size == NEW_ENTRY) {
			bytes_u32(&b);
			hwcap = bytes_u64(&b);
		}
		if (b.bad)
			return;
		if ((flags & 0xffff) != FLAGS_X86_64)
			continue;
		key = string_at(cache, base, key_at);
		if (!key.n || !resolve_lib_name_matches(key, name))
			continue;
		value = string_at(cache, base, value_at);
		/* the exact name before a longer one, the plain build before one for newer processors; the cache is
		 * sorted with the newest version first */
		score = (str_eq(key, name) ? 4 : 1) + (hwcap ? 0 : 2);
		if (value.n && value.p[0] == '/' && score > *best) {
			*best = score;
			*found = value;
		}
	}
}

static void search_new(struct str cache, size_t at, struct str name, struct str *found, int *best)
{
	struct bytes b = bytes_make(cache.p, cache.n);
	uint32_t n;

	bytes_seek(&b, at + strlen(NEW_MAGIC));
	n = bytes_u32(&b);
	if (!b.bad)
		search_table(cache, at + NEW_HEADER, n, NEW_ENTRY, at, name, found, best);
}

char *resolve_ld_cache(struct str cache, struct str name)
{
	struct str found = STR("");
	int best = 0;

	if (str_starts(cache, STR(NEW_MAGIC))) {
		search_new(cache, 0, name, &found, &best);
	} else if (str_starts(cache, str_make(OLD_MAGIC, sizeof(OLD_MAGIC))) &&
		   cache.n >= OLD_HEADER) {
		struct bytes b = bytes_make(cache.p, cache.n);
		size_t strings;
		uint32_t n;

		bytes_seek(&b, 12);
		n = bytes_u32(&b);
		strings = OLD_HEADER + (size_t)n * OLD_ENTRY;
		if (strings <= cache.n &&
		    str_starts(str_sub(cache, (strings + 7) / 8 * 8, cache.n), STR(NEW_MAGIC)))
			search_new(cache, (strings + 7) / 8 * 8, name, &found, &best);
		else if (strings <= cache.n)
			search_table(cache, OLD_HEADER, n, OLD_ENTRY, strings, name, &found, &best);
	}
	return found.n ? base_strndup(found) : NULL;
}

bool resolve_lib_name_matches(struct str file, struct str name)
{
	struct str rest;

	if (!name.n || !str_starts(file, name))
		return false;
	rest = str_sub(file, name.n, file.n);
	if (rest.n == 0)
		return true;
	if (str_starts(rest, STR(".so")) && (rest.n == 3 || rest.p[3] == '.'))
		return str_starts(name, STR("lib")) || str_starts(name, STR("ld-"));
	/* libssl.so -> libssl.so.3, libstdc++.so.6 -> libstdc++.so.6.0.30 */
	if (rest.p[0] == '.' && str_find(name, STR(".so")) > 0)
		return true;
	/* libc -> libc-2.31.so */
	return str_starts(name, STR("lib")) && rest.n > 1 && rest.p[0] == '-' && rest.p[1] >= '0' &&
	       rest.p[1] <= '9' && str_find(rest, STR(".so")) > 0;
}
