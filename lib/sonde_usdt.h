/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libsonde: static tracepoints (USDT) that a program makes at run time, for languages in which they cannot be compiled in.
 *
 *	struct sonde_provider *shop = sonde_provider_new("shop");
 *	struct sonde_probe *sale = sonde_probe_add(shop, "sale", "i32 str f64");
 *
 *	if (sonde_provider_load(shop))
 *		warn("%s", sonde_usdt_error());
 *	...
 *	if (sonde_probe_enabled(sale))
 *		sonde_probe_fire(sale, 7, "apples", 2.5);
 *
 * and from outside: sonde -e 'usdt:*:shop:sale { printf("%d %s\n", arg0, str(arg1)); }'. A provider is a small ELF object with
 * the notes that SystemTap, bpftrace, bcc, perf and gdb know, mapped into the process; a probe costs one load until somebody
 * looks. Functions that give a pointer give NULL on failure, the others 0 or -1; sonde_usdt_error then says why. Probes may
 * be fired by any thread, and by children after fork. A provider is changed by one thread at a time.
 */
#ifndef SONDE_USDT_H
#define SONDE_USDT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { SONDE_USDT_MAX_ARGS = 12 };

struct sonde_provider;

/* not 0 while somebody traces it; the rest is private */
struct sonde_probe {
	const volatile uint16_t *semaphore;
};

/* names: letters, digits, and any of _ - . and others that are no blanks, quotes, ':' or '*' */
struct sonde_provider *sonde_provider_new(const char *name);
/*
 * A probe whose arguments have these types, at most 12, with blanks between: i8 i16 i32 i64 u8 u16 u32 u64, f64, ptr, str
 * (the address of bytes that end in a NUL). Before sonde_provider_load only.
 */
struct sonde_probe *sonde_probe_add(struct sonde_provider *provider, const char *name,
				    const char *types);
/*
 * Probes can be traced from now on. The object is a file in $SONDE_USDT_DIR, else in a folder of this user's in $TMPDIR or
 * /tmp, because tracers other than sonde open it by the name that they see in /proc/PID/maps. Where no such file can be
 * mapped, and when $SONDE_USDT_DIR is "memfd", it is in memory only, which sonde traces all the same.
 */
int sonde_provider_load(struct sonde_provider *provider);
/* nothing is there to be traced any more; the file is gone. Probes that are fired do nothing. May be loaded again */
int sonde_provider_unload(struct sonde_provider *provider);
/* unloads. No thread may use the provider or its probes any more */
void sonde_provider_free(struct sonde_provider *provider);
/* of the object that is mapped; NULL: not loaded, or in memory */
const char *sonde_provider_path(const struct sonde_provider *provider);

/* by name; NULL: there is none */
struct sonde_probe *sonde_probe_find(const struct sonde_provider *provider, const char *name);

/* is somebody tracing? One load; ask before arguments are computed that cost something */
static inline int sonde_probe_enabled(const struct sonde_probe *probe)
{
	return *probe->semaphore != 0;
}

/* with arguments of the probe's types, as printf takes them: int up to 32 bits, then int64_t, double, pointers */
void sonde_probe_fire(struct sonde_probe *probe, ...);
/*
 * The same for other languages: an array with a word for each argument; smaller integers in its low bits, a double by its bits,
 * an address. n words are read, the rest is 0.
 */
void sonde_probe_fire_words(struct sonde_probe *probe, const uint64_t *words, unsigned n);
/* sonde_probe_enabled as a function, for languages that have no headers */
int sonde_probe_is_enabled(const struct sonde_probe *probe);

/* why the last call of this thread failed */
const char *sonde_usdt_error(void);

#ifdef __cplusplus
}
#endif

#endif
