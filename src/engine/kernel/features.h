/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the running kernel can do. Each fact is found by trying the thing itself, never by the
 * kernel's version, when it is first asked for; answers are kept for the life of the process. The
 * table is features.def. Not for several threads.
 */
#ifndef SONDE_ENGINE_KERNEL_FEATURES_H
#define SONDE_ENGINE_KERNEL_FEATURES_H

#include "base/err.h"
#include "base/strbuf.h"

enum feature {
#define FEATURE(id, ...) FEATURE_##id,
#include "engine/kernel/features.def"
#undef FEATURE
	FEATURE_N
};

bool features_has(enum feature f);
const char *features_name(enum feature f);
/*
 * pretend that these are missing: names of features.def between commas; unknown ones are an error
 * that lists them
 */
struct err *features_disable(const char *names) ERR_MUST;
/*
 * a CONFIG_ option of /proc/config.gz: 'y', 'm', 'n' (not set), or 0 when the kernel does not
 * publish its options
 */
char features_config(const char *option);
/* most instructions that the verifier walks through: 4,096 or 1,000,000 */
uint32_t features_instruction_limit(void);
/*
 * Why a probe type cannot attach here: "this kernel has no kprobes (CONFIG_KPROBES is not set)".
 * name is the probe type in the language (kprobe, kretprobe, fentry, fexit, iter, uprobe, ...).
 * NULL when nothing is known to be missing.
 */
struct err *features_missing(const char *name) ERR_MUST;
/* id of a function (kind 12) or of another kind by name in the kernel's own BTF; 0 when absent */
uint32_t features_btf_id(const char *name, unsigned kind);
/* bytes behind the three words that every type of BTF has (Documentation/bpf/btf.rst) */
uint32_t features_btf_tail(unsigned kind, unsigned vlen);

/*
 * the sections of `sonde --info` behind Build: Kernel helpers, Kernel features, Map types, Probe
 * types
 */
void features_print(struct strbuf *out);
/* the section System */
void features_print_system(struct strbuf *out);

#endif
