/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Providers and probes; see sonde_usdt.h. The object that elf.c makes is written to a file, mapped twice (code, and
 * semaphores, which the kernel counts up in this process's own copy when somebody attaches), and called.
 *
 * A thread may be in a probe while another one unloads: it counts itself in n_firing first, and unloading waits for that to
 * be 0. What was mapped is replaced by an empty page then, so that a semaphore can be read at any time until the provider is freed.
 */
#include "usdt_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

/* all providers, for fork: other threads' counts of what they are in are wrong in the child, which has none of them */
static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static struct sonde_provider *list;

static __thread char last_error[256];
static const volatile uint16_t never; /* the semaphore of a probe that is not loaded */

const char *sonde_usdt_error(void)
{
	return last_error;
}

__attribute__((format(printf, 1, 2))) static int fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(last_error, sizeof(last_error), fmt, ap);
	va_end(ap);
	return -1;
}

/* ---- fork ---- */

static void before_fork(void)
{
	pthread_mutex_lock(&list_lock);
}

static void after_fork(void)
{
	pthread_mutex_unlock(&list_lock);
}

static void in_child(void)
{
	for (struct sonde_provider *p = list; p; p = p->next)
		__atomic_store_n(&p->n_firing, 0, __ATOMIC_SEQ_CST);
	pthread_mutex_unlock(&list_lock);
}

static void register_fork(void)
{
	pthread_atfork(before_fork, after_fork, in_child);
}

static void list_add(struct sonde_provider *p)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, register_fork);
	pthread_mutex_lock(&list_lock);
	p->next = list;
	list = p;
	pthread_mutex_unlock(&list_lock);
}

static void list_remove(struct sonde_provider *p)
{
	struct sonde_provider **at;

	pthread_mutex_lock(&list_lock);
	for (at = &list; *at && *at != p; at = &(*at)->next)
		;
	if (*at)
		*at = p->next;
	pthread_mutex_unlock(&list_lock);
}

/* ---- making ---- */

/* tracers write names into patterns and lists of words */
static bool is_name(const char *name)
{
	if (!name || !*name || strlen(name) > 100)
		return false;
	for (const unsigned char *c = (const unsigned char *)name; *c; c++)
		if (*c <= ' ' || *c == 0x7f || strchr(":*\"'`/,\\{}", *c))
			return false;
	return true;
}

struct sonde_provider *sonde_provider_new(const char *name)
{
	struct sonde_provider *p;

	if (!is_name(name)) {
		fail("'%s' is no name for a provider", name ? name : "");
		return NULL;
	}
	p = calloc(1, sizeof(*p));
	if (p)
		p->name = strdup(name);
	if (!p || !p->name) {
		free(p);
		fail("no memory");
		return NULL;
	}
	p->tail = &p->first;
	list_add(p);
	return p;
}

static int find_type(const char *word, size_t n)
{
	static const char *const names[USDT_N_TYPES] = { "i8",  "i16", "i32", "i64", "u8", "u16",
							 "u32", "u64", "f64", "ptr", "str" };

	for (int i = 0; i < USDT_N_TYPES; i++)
		if (strlen(names[i]) == n && !memcmp(names[i], word, n))
			return i;
	return -1;
}

static int parse_types(struct usdt_probe *u, const char *types)
{
	const char *at = types ? types : "";

	for (;;) {
		size_t n;
		int type;

		at += strspn(at, " \t,");
		n = strcspn(at, " \t,");
		if (!n)
			return 0;
		if (u->n_args == SONDE_USDT_MAX_ARGS)
			return fail("probe '%s': at most %d arguments", u->name,
				    SONDE_USDT_MAX_ARGS);
		type = find_type(at, n);
		if (type < 0)
			return fail("probe '%s': '%.*s' is no type (i8 ... u64, f64, ptr, str)",
				    u->name, (int)n, at);
		u->types[u->n_args++] = (enum usdt_type)type;
		at += n;
	}
}

static void free_probe(struct usdt_probe *u)
{
	free(u->name);
	free(u);
}

struct sonde_probe *sonde_probe_add(struct sonde_provider *p, const char *name, const char *types)
{
	struct usdt_probe *u;

	if (!is_name(name)) {
		fail("'%s' is no name for a probe", name ? name : "");
		return NULL;
	}
	if (p->is_loaded || sonde_probe_find(p, name)) {
		fail(p->is_loaded ? "probe '%s': the provider is loaded"
				  : "probe '%s' is there already",
		     name);
		return NULL;
	}
	u = calloc(1, sizeof(*u));
	if (u)
		u->name = strdup(name);
	if (!u || !u->name) {
		free(u);
		fail("no memory");
		return NULL;
	}
	if (parse_types(u, types)) {
		free_probe(u);
		return NULL;
	}
	u->open.semaphore = &never;
	u->provider = p;
	*p->tail = u;
	p->tail = &u->next;
	p->n_probes++;
	return &u->open;
}

struct sonde_probe *sonde_probe_find(const struct sonde_provider *p, const char *name)
{
	for (struct usdt_probe *u = p->first; u; u = u->next)
		if (!strcmp(u->name, name))
			return &u->open;
	return NULL;
}

const char *sonde_provider_path(const struct sonde_provider *p)
{
	return p->path;
}

/* ---- the file ---- */

/* a folder of ours alone: in one that others can write to they could put another file in the place of ours */
static bool own_folder(char *out, size_t size)
{
	const char *dir = getenv("SONDE_USDT_DIR"), *tmp = getenv("TMPDIR");
	struct stat st;

	if (dir && *dir) {
		snprintf(out, size, "%s", dir);
		return strcmp(dir, "memfd") != 0;
	}
	if (!tmp || tmp[0] != '/')
		tmp = "/tmp";
	if ((size_t)snprintf(out, size, "%s/sonde-usdt-%u", tmp, (unsigned)geteuid()) >= size)
		return false;
	if (mkdir(out, 0700) && errno != EEXIST)
		return false;
	return !lstat(out, &st) && S_ISDIR(st.st_mode) && st.st_uid == geteuid() &&
	       !(st.st_mode & 022);
}

/* files of programs that were killed: whoever has one mapped holds a lock on it */
static void remove_stale(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *e;

	while (dir && (e = readdir(dir))) {
		size_t n = strlen(e->d_name);
		int fd;

		if (n < 4 || strcmp(e->d_name + n - 3, ".so") != 0)
			continue;
		fd = openat(dirfd(dir), e->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
		if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
			unlinkat(dirfd(dir), e->d_name, 0);
		if (fd >= 0)
			close(fd);
	}
	if (dir)
		closedir(dir);
}

static int open_file(struct sonde_provider *p)
{
	char folder[512], path[768];
	int fd;

	if (!own_folder(folder, sizeof(folder)))
		return -1;
	if (!getenv("SONDE_USDT_DIR"))
		remove_stale(folder);
	if ((size_t)snprintf(path, sizeof(path), "%s/%s-%d-XXXXXX.so", folder, p->name,
			     (int)getpid()) >= sizeof(path))
		return -1;
	fd = mkostemps(path, 3, O_CLOEXEC);
	if (fd < 0)
		return -1;
	flock(fd, LOCK_SH);
	fchmod(fd, 0755);
	p->path = strdup(path);
	if (!p->path) {
		unlink(path);
		close(fd);
		return -1;
	}
	p->owner = getpid();
	return fd;
}

static void remove_file(struct sonde_provider *p)
{
	/* a child after fork has it mapped too, but it is its parent's */
	if (p->path && p->owner == getpid())
		unlink(p->path);
	free(p->path);
	p->path = NULL;
	if (p->fd)
		close(p->fd - 1);
	p->fd = 0;
}

/* a program that ends without a word leaves nothing behind either */
__attribute__((destructor)) static void remove_files(void)
{
	for (struct sonde_provider *p = list; p; p = p->next)
		remove_file(p);
}

static int open_memory(const struct sonde_provider *p)
{
	char name[128];
	int fd;

	snprintf(name, sizeof(name), "usdt-%s", p->name);
	fd = memfd_create(name, MFD_CLOEXEC | MFD_EXEC);
	/* before Linux 6.3 there was no such flag, and every one could be executed */
	return fd < 0 && errno == EINVAL ? memfd_create(name, MFD_CLOEXEC) : fd;
}

static bool write_all(int fd, const unsigned char *p, size_t n)
{
	while (n) {
		ssize_t done = write(fd, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		p += done;
		n -= (size_t)done;
	}
	return true;
}

/* an empty page in the place of what was there: reading a semaphore is still allowed */
static bool make_empty(struct sonde_provider *p)
{
	return mmap(p->base, p->size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) !=
	       MAP_FAILED;
}

static bool reserve(struct sonde_provider *p, size_t size)
{
	void *at;

	if (p->base && p->size >= size)
		return true;
	at = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED)
		return false;
	if (p->base)
		munmap(p->base, p->size);
	p->base = at;
	p->size = size;
	return true;
}

/* false: the file cannot be written or mapped (no room, noexec) */
static bool map_object(struct sonde_provider *p, const struct usdt_object *o, int fd)
{
	if (!write_all(fd, o->bytes, o->size))
		return false;
	/* the semaphores first: a tracer that sees the code must find them */
	if (mmap(p->base + o->data, o->size - o->data, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_FIXED, fd, (off_t)o->data) == MAP_FAILED)
		return false;
	return mmap(p->base, o->data, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, fd, 0) !=
	       MAP_FAILED;
}

static int try_load(struct sonde_provider *p, const struct usdt_object *o, int fd)
{
	int code;

	if (fd < 0)
		return -1;
	if (map_object(p, o, fd)) {
		p->fd = fd + 1; /* and the lock with it */
		return 0;
	}
	code = errno;
	close(fd);
	remove_file(p);
	make_empty(p);
	errno = code;
	return -1;
}

static void set_probes(struct sonde_provider *p, const struct usdt_object *o)
{
	unsigned i = 0;

	for (struct usdt_probe *u = p->first; u; u = u->next, i++) {
		const volatile uint16_t *semaphore = &never;
		usdt_function *fire = NULL;

		if (o) {
			void *at = p->base + o->code + (size_t)i * USDT_FUNCTION_BYTES;

			semaphore = (const volatile uint16_t *)(p->base + o->data) + i;
			memcpy(&fire, &at, sizeof(fire));
		}
		__atomic_store_n(&u->fire, fire, __ATOMIC_SEQ_CST);
		__atomic_store_n(&u->open.semaphore, semaphore, __ATOMIC_RELEASE);
	}
}

int sonde_provider_load(struct sonde_provider *p)
{
	struct usdt_object o;
	int r;

#ifndef __x86_64__
	return fail("probes can be made for x86-64 only, by this version");
#endif
	if (p->is_loaded)
		return 0;
	if (!p->n_probes)
		return fail("provider '%s' has no probes", p->name);
	if (usdt_object_make(p, &o))
		return fail("no memory");
	if (!reserve(p, o.size)) {
		free(o.bytes);
		return fail("provider '%s': %s", p->name, strerror(errno));
	}
	r = try_load(p, &o, open_file(p));
	if (r)
		r = try_load(p, &o, open_memory(p));
	if (r) {
		free(o.bytes);
		return fail("provider '%s': %s", p->name, strerror(errno));
	}
	set_probes(p, &o);
	free(o.bytes);
	p->is_loaded = true;
	return 0;
}

int sonde_provider_unload(struct sonde_provider *p)
{
	if (!p->is_loaded)
		return 0;
	set_probes(p, NULL);
	while (__atomic_load_n(&p->n_firing, __ATOMIC_SEQ_CST))
		sched_yield();
	p->is_loaded = false;
	remove_file(p);
	return make_empty(p) ? 0 : fail("provider '%s': %s", p->name, strerror(errno));
}

void sonde_provider_free(struct sonde_provider *p)
{
	if (!p)
		return;
	sonde_provider_unload(p);
	list_remove(p);
	if (p->base)
		munmap(p->base, p->size);
	while (p->first) {
		struct usdt_probe *next = p->first->next;

		free_probe(p->first);
		p->first = next;
	}
	free(p->name);
	free(p);
}

/* ---- firing ---- */

static void fire(struct usdt_probe *u, const uint64_t *w)
{
	struct sonde_provider *p = u->provider;
	usdt_function *function;

	__atomic_fetch_add(&p->n_firing, 1, __ATOMIC_SEQ_CST);
	function = __atomic_load_n(&u->fire, __ATOMIC_SEQ_CST);
	if (function)
		function(w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7], w[8], w[9], w[10], w[11]);
	__atomic_fetch_sub(&p->n_firing, 1, __ATOMIC_SEQ_CST);
}

void sonde_probe_fire(struct sonde_probe *probe, ...)
{
	struct usdt_probe *u = (struct usdt_probe *)probe;
	uint64_t w[SONDE_USDT_MAX_ARGS] = { 0 };
	va_list ap;

	if (!sonde_probe_enabled(probe))
		return;
	va_start(ap, probe);
	for (unsigned i = 0; i < u->n_args; i++) {
		double d;

		switch (u->types[i]) {
		case USDT_I64:
		case USDT_U64: w[i] = va_arg(ap, uint64_t); break;
		case USDT_F64:
			d = va_arg(ap, double);
			memcpy(&w[i], &d, sizeof(d));
			break;
		case USDT_PTR:
		case USDT_STR: w[i] = (uint64_t)(uintptr_t)va_arg(ap, void *); break;
		default: w[i] = (uint64_t)(int64_t)va_arg(ap, int);
		}
	}
	va_end(ap);
	fire(u, w);
}

void sonde_probe_fire_words(struct sonde_probe *probe, const uint64_t *words, unsigned n)
{
	uint64_t w[SONDE_USDT_MAX_ARGS] = { 0 };

	if (!sonde_probe_enabled(probe))
		return;
	if (n > SONDE_USDT_MAX_ARGS)
		n = SONDE_USDT_MAX_ARGS;
	memcpy(w, words, n * sizeof(*w));
	fire((struct usdt_probe *)probe, w);
}

int sonde_probe_is_enabled(const struct sonde_probe *probe)
{
	return sonde_probe_enabled(probe);
}
