/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tables of type names; see ctypes.h. The sizes are facts of the 64-bit Linux ABI. */
#include "lang/ctypes.h"

#define SIGNED(n, bytes)                               \
	{                                              \
		STR_INIT(n), bytes, true, false, false \
	}
#define UNSIGNED(n, bytes)                              \
	{                                               \
		STR_INIT(n), bytes, false, false, false \
	}
#define BOOLEAN(n)                                 \
	{                                          \
		STR_INIT(n), 1, false, true, false \
	}
static const struct ctype_base bases[] = {
	{ STR_INIT("void"), 0, false, false, true },
	/* as BTF and DWARF spell C's own */
	SIGNED("char", 1),
	SIGNED("signed char", 1),
	UNSIGNED("unsigned char", 1),
	SIGNED("short int", 2),
	UNSIGNED("short unsigned int", 2),
	SIGNED("int", 4),
	UNSIGNED("unsigned int", 4),
	SIGNED("long int", 8),
	UNSIGNED("long unsigned int", 8),
	SIGNED("long long int", 8),
	UNSIGNED("long long unsigned int", 8),
	BOOLEAN("_Bool"),
	BOOLEAN("bool"),
	/* <stdint.h>, <stddef.h> */
	SIGNED("int8_t", 1),
	SIGNED("int16_t", 2),
	SIGNED("int32_t", 4),
	SIGNED("int64_t", 8),
	UNSIGNED("uint8_t", 1),
	UNSIGNED("uint16_t", 2),
	UNSIGNED("uint32_t", 4),
	UNSIGNED("uint64_t", 8),
	SIGNED("intptr_t", 8),
	UNSIGNED("uintptr_t", 8),
	SIGNED("intmax_t", 8),
	UNSIGNED("uintmax_t", 8),
	UNSIGNED("size_t", 8),
	SIGNED("ssize_t", 8),
	SIGNED("ptrdiff_t", 8),
	SIGNED("wchar_t", 4),
	/* <linux/types.h> */
	SIGNED("s8", 1),
	SIGNED("s16", 2),
	SIGNED("s32", 4),
	SIGNED("s64", 8),
	UNSIGNED("u8", 1),
	UNSIGNED("u16", 2),
	UNSIGNED("u32", 4),
	UNSIGNED("u64", 8),
	SIGNED("__s8", 1),
	SIGNED("__s16", 2),
	SIGNED("__s32", 4),
	SIGNED("__s64", 8),
	UNSIGNED("__u8", 1),
	UNSIGNED("__u16", 2),
	UNSIGNED("__u32", 4),
	UNSIGNED("__u64", 8),
	UNSIGNED("__le16", 2),
	UNSIGNED("__le32", 4),
	UNSIGNED("__le64", 8),
	UNSIGNED("__be16", 2),
	UNSIGNED("__be32", 4),
	UNSIGNED("__be64", 8),
	UNSIGNED("__sum16", 2),
	UNSIGNED("__wsum", 4),
	UNSIGNED("u_char", 1),
	UNSIGNED("u_short", 2),
	UNSIGNED("u_int", 4),
	UNSIGNED("u_long", 8),
	UNSIGNED("uchar", 1),
	UNSIGNED("ushort", 2),
	UNSIGNED("uint", 4),
	UNSIGNED("ulong", 8),
	UNSIGNED("u_int8_t", 1),
	UNSIGNED("u_int16_t", 2),
	UNSIGNED("u_int32_t", 4),
	UNSIGNED("u_int64_t", 8),
	SIGNED("pid_t", 4),
	SIGNED("__kernel_pid_t", 4),
	UNSIGNED("uid_t", 4),
	UNSIGNED("gid_t", 4),
	UNSIGNED("mode_t", 4),
	UNSIGNED("umode_t", 2),
	UNSIGNED("dev_t", 8),
	UNSIGNED("ino_t", 8),
	UNSIGNED("nlink_t", 8),
	SIGNED("off_t", 8),
	SIGNED("loff_t", 8),
	SIGNED("time_t", 8),
	SIGNED("suseconds_t", 8),
	SIGNED("clock_t", 8),
	SIGNED("clockid_t", 4),
	SIGNED("timer_t", 4),
	SIGNED("key_t", 4),
	UNSIGNED("id_t", 4),
	SIGNED("blksize_t", 8),
	SIGNED("blkcnt_t", 8),
	UNSIGNED("fsblkcnt_t", 8),
	SIGNED("ktime_t", 8),
	UNSIGNED("sector_t", 8),
	UNSIGNED("gfp_t", 4),
	UNSIGNED("fmode_t", 4),
	UNSIGNED("dma_addr_t", 8),
	UNSIGNED("phys_addr_t", 8),
	UNSIGNED("resource_size_t", 8),
	UNSIGNED("pgoff_t", 8),
	UNSIGNED("sa_family_t", 2),
	UNSIGNED("in_port_t", 2),
	UNSIGNED("in_addr_t", 4),
	UNSIGNED("socklen_t", 4),
	SIGNED("caddr_t", 8),
	UNSIGNED("pthread_t", 8),
	SIGNED("sig_atomic_t", 4),
	UNSIGNED("rwf_t", 4),
	UNSIGNED("blk_opf_t", 4),
	/* the script language's integers, good in C text too */
	SIGNED("int8", 1),
	SIGNED("int16", 2),
	SIGNED("int32", 4),
	SIGNED("int64", 8),
	UNSIGNED("uint8", 1),
	UNSIGNED("uint16", 2),
	UNSIGNED("uint32", 4),
	UNSIGNED("uint64", 8),
};

static const char *const language_types[] = {
	"bool",     "int8",      "int16",     "int32",   "int64",   "uint8",
	"uint16",   "uint32",    "uint64",    "string",  "buffer",  "inet",
	"void",     "timestamp", "macaddr_t", "ksym_t",  "usym_t",  "cgroup_path_t",
	"kstack_t", "ustack_t",  "username",  "count_t", "sum_t",   "avg_t",
	"min_t",    "max_t",     "stats_t",   "hist_t",  "lhist_t", "tseries_t",
};

const struct ctype_base *ctype_find_base(struct str name)
{
	for (size_t i = 0; i < sizeof(bases) / sizeof(*bases); i++)
		if (str_eq(bases[i].name, name))
			return &bases[i];
	return NULL;
}

bool ctype_is_language_type(struct str name)
{
	return STR_IS_ONE_OF(name, language_types);
}

bool ctype_is_word(struct str word)
{
	struct ctype_words w = { 0 };

	return ctype_add_word(&w, word);
}

bool ctype_add_word(struct ctype_words *w, struct str word)
{
	static const char *const qualifiers[] = { "const",      "volatile", "restrict",
						  "__restrict", "__const",  "register",
						  "__user",     "__rcu",    "__percpu",
						  "__iomem",    "__kernel", "extern",
						  "static",     "inline",   "__extension__" };
	static const struct {
		const char *word;
		uint8_t offset;
	} bases_words[] = {
		{ "long", offsetof(struct ctype_words, n_long) },
		{ "short", offsetof(struct ctype_words, n_short) },
		{ "signed", offsetof(struct ctype_words, n_signed) },
		{ "__signed__", offsetof(struct ctype_words, n_signed) },
		{ "unsigned", offsetof(struct ctype_words, n_unsigned) },
		{ "char", offsetof(struct ctype_words, n_char) },
		{ "int", offsetof(struct ctype_words, n_int) },
		{ "_Bool", offsetof(struct ctype_words, n_bool) },
		{ "float", offsetof(struct ctype_words, n_float) },
		{ "double", offsetof(struct ctype_words, n_double) },
	};

	if (STR_IS_ONE_OF(word, qualifiers))
		return true;
	for (size_t i = 0; i < sizeof(bases_words) / sizeof(*bases_words); i++) {
		uint8_t *count = (uint8_t *)w + bases_words[i].offset;

		if (!str_is(word, bases_words[i].word))
			continue;
		if (*count < UINT8_MAX)
			(*count)++;
		if (w->n_base < UINT8_MAX)
			w->n_base++;
		return true;
	}
	return false;
}

struct str ctype_words_name(const struct ctype_words *w)
{
	bool is_unsigned = w->n_unsigned;

	if (w->n_unsigned > 1 || w->n_signed > 1 || (w->n_unsigned && w->n_signed) ||
	    w->n_base == 0)
		return STR_NULL;
	if (w->n_bool)
		return w->n_base == 1 ? STR("_Bool") : STR_NULL;
	if (w->n_float)
		return w->n_base == 1 ? STR("float") : STR_NULL;
	if (w->n_double)
		return w->n_base == 1                     ? STR("double")
		       : w->n_long == 1 && w->n_base == 2 ? STR("long double")
							  : STR_NULL;
	if (w->n_char) {
		if (w->n_char > 1 || w->n_int || w->n_long || w->n_short)
			return STR_NULL;
		return is_unsigned   ? STR("unsigned char")
		       : w->n_signed ? STR("signed char")
				     : STR("char");
	}
	if (w->n_int > 1 || w->n_long > 2 || w->n_short > 1 || (w->n_short && w->n_long))
		return STR_NULL;
	if (w->n_short)
		return is_unsigned ? STR("short unsigned int") : STR("short int");
	if (w->n_long == 1)
		return is_unsigned ? STR("long unsigned int") : STR("long int");
	if (w->n_long == 2)
		return is_unsigned ? STR("long long unsigned int") : STR("long long int");
	return is_unsigned ? STR("unsigned int") : STR("int");
}
