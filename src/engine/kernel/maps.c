/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Making the maps of an image: created, filled where they have first contents, frozen where they
 * are constant, mapped where the session reads or writes them directly. Nothing is pinned: maps die
 * with their descriptors. libbpf raises the limit of locked memory by itself on kernels that still
 * count it (before 5.11).
 */
#include "engine/kernel/kernel.h"

#include "base/log.h"
#include "base/parallel.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <ctype.h>
#include <errno.h>
#include <sys/mman.h>

/* hash maps whose elements would take more than this at once get them one by one as keys come */
#define PREALLOCATED_BYTES_MAX (16u << 20)
/* so do per-CPU ones of more elements: each takes the kernel a microsecond, whether a key ever comes or not */
#define PREALLOCATED_PER_CPU_MAX 16384
/* what an element of a hash map costs beside key and value: struct htab_elem */
#define HASH_ELEMENT_OVERHEAD 48

enum {
	THREADS_MAX = 4, /* that make maps */
	THREAD_STACK = 256 << 10,
	MANY_MAPS = 8, /* a script of one line has four */
};

/* "@x" and the like as a name that bpf(2) takes; shown by bpftool */
static void make_kernel_name(struct str name, char out[BPF_OBJ_NAME_LEN])
{
	size_t n = 0;

	for (size_t i = 0; i < name.n && n < BPF_OBJ_NAME_LEN - 1; i++) {
		unsigned char c = (unsigned char)name.p[i];

		if (isalnum(c) || c == '_' || c == '.')
			out[n++] = (char)c;
	}
	out[n] = 0;
}

static bool is_plain_hash(const struct image_map *m)
{
	return m->bpf_type == BPF_MAP_TYPE_HASH || m->bpf_type == BPF_MAP_TYPE_PERCPU_HASH;
}

static bool is_per_cpu_type(uint32_t type)
{
	return type == BPF_MAP_TYPE_PERCPU_HASH || type == BPF_MAP_TYPE_PERCPU_ARRAY ||
	       type == BPF_MAP_TYPE_LRU_PERCPU_HASH || type == BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE;
}

size_t kernel_map_value_bytes(const struct engine *e, const struct image_map *m, uint32_t *n_values)
{
	*n_values = is_per_cpu_type(m->bpf_type) ? e->n_cpus : 1;
	if (*n_values == 1 && !is_per_cpu_type(m->bpf_type))
		return m->value_size;
	return (size_t)((m->value_size + 7) & ~7u) * *n_values;
}

static uint64_t prealloc_bytes(const struct engine *e, const struct image_map *m)
{
	uint32_t n_values;
	uint64_t value = kernel_map_value_bytes(e, m, &n_values);

	return (uint64_t)m->max_entries * (m->key_size + value + HASH_ELEMENT_OVERHEAD);
}

/* does the map take the memory of all its elements when it is made? */
static bool is_preallocated(const struct engine *e, const struct image_map *m)
{
	if (!is_plain_hash(m))
		return !(m->flags & BPF_F_NO_PREALLOC);
	/* those of later generations are many, and hold what few processes do */
	return !e->group && prealloc_bytes(e, m) <= PREALLOCATED_BYTES_MAX &&
	       !(m->bpf_type == BPF_MAP_TYPE_PERCPU_HASH &&
		 m->max_entries > PREALLOCATED_PER_CPU_MAX);
}

static struct err *explain_map_error(const struct image_map *m, int code)
{
	struct err *err = err_new(code, "create map '%.*s' (%u entries of %u + %u bytes)",
				  STR_ARG(m->name), m->max_entries, m->key_size, m->value_size);

	if (code == E2BIG || code == EINVAL)
		return err_hint(
			err,
			"the kernel takes keys and values up to some limits only: a value of a per-CPU map "
			"is at most 32 KB, a key must fit the stack of its kernel functions");
	return sys_err_explain(err);
}

static struct err *map_create(struct engine *e, const struct image_map *m, int *fd)
{
	uint32_t max_entries = m->max_entries ? m->max_entries : 1, value_size = m->value_size;
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = m->flags);
	char name[BPF_OBJ_NAME_LEN];
	int inner = -1, code;

	make_kernel_name(m->name, name);
	/* it takes whole pages anyway: what is left is for later generations */
	if (m->role == MAP_FAULTS)
		value_size = image_fault_room(m) * (uint32_t)sizeof(struct image_fault_count);
	if (m->role == MAP_RING && e->opts.ring_bytes)
		max_entries = (uint32_t)e->opts.ring_bytes;
	if (is_plain_hash(m) && !is_preallocated(e, m))
		opts.map_flags |= BPF_F_NO_PREALLOC;
	if (m->role == MAP_UNWIND_TABLES) { /* shows what the inner maps are like */
		inner = kernel_table_create(1);
		if (inner < 0)
			return explain_map_error(m, errno);
		opts.inner_map_fd = (uint32_t)inner;
	}
	*fd = bpf_map_create(m->bpf_type, name, m->key_size, value_size, max_entries, &opts);
	code = errno;
	if (inner >= 0)
		close(inner);
	return *fd < 0 ? explain_map_error(m, code) : NULL;
}

/* rows of an array map, in one call where the kernel has it */
static struct err *map_fill(const struct image_map *m, int fd, uint32_t rows)
{
	uint32_t *keys = base_alloc((size_t)rows * sizeof(*keys)), n = rows;
	const char *row = m->init;
	int code = 0;

	for (uint32_t i = 0; i < rows; i++)
		keys[i] = i;
	if (rows == 1 || bpf_map_update_batch(fd, keys, m->init, &n, NULL) < 0)
		for (uint32_t i = 0; i < rows && !code; i++)
			if (bpf_map_update_elem(fd, &keys[i], row + (size_t)i * m->value_size,
						BPF_ANY) < 0)
				code = errno;
	free(keys);
	return code ? err_new(code, "fill map '%.*s'", STR_ARG(m->name)) : NULL;
}

static struct err *map_init(const struct image_map *m, int fd)
{
	if (m->init && m->max_entries)
		TRY(map_fill(m, fd, m->max_entries));
	/* frozen: the verifier then knows the contents and folds them into the program */
	if (m->role == MAP_CONST && bpf_map_freeze(fd) < 0 && errno != EBUSY)
		return err_new(errno, "freeze map '%.*s'", STR_ARG(m->name));
	return NULL;
}

/* an array with BPF_F_MMAPABLE; its elements are rounded up to 8 bytes */
static struct err *map_mmap(const struct image_map *m, int fd, bool writable, void **at,
			    size_t *size)
{
	size_t page = (size_t)getpagesize();
	size_t bytes = (size_t)((m->value_size + 7) & ~7u) * (m->max_entries ? m->max_entries : 1);

	*size = (bytes + page - 1) / page * page;
	*at = mmap(NULL, *size, PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED, fd, 0);
	if (*at == MAP_FAILED) {
		*at = NULL;
		return err_new(errno, "map '%.*s' into memory", STR_ARG(m->name));
	}
	return NULL;
}

/* bytes that are taken as soon as the map is made; the ring is not counted: its size has an option of its own */
static uint64_t bytes_at_load(const struct engine *e, const struct image_map *m)
{
	uint32_t n_values;

	if (m->role == MAP_RING || m->role == MAP_MESSAGE_RING || m->flags & BPF_F_NO_PREALLOC ||
	    !image_uses(e->image, m) || !is_preallocated(e, m))
		return 0;
	if (m->bpf_type == BPF_MAP_TYPE_ARRAY || m->bpf_type == BPF_MAP_TYPE_PERCPU_ARRAY)
		return (uint64_t)m->max_entries * kernel_map_value_bytes(e, m, &n_values);
	return prealloc_bytes(e, m);
}

static struct err *check_memory(const struct engine *e)
{
	const struct image *im = e->image;
	const struct image_map *largest = NULL;
	uint64_t total = 0, most = 0;

	for (uint32_t i = 0; i < im->n_maps; i++) {
		uint64_t bytes = bytes_at_load(e, im->maps[i]);

		total += bytes;
		if (bytes > most) {
			most = bytes;
			largest = im->maps[i];
		}
	}
	if (!e->opts.max_memory || total <= e->opts.max_memory || !largest)
		return NULL;
	return err_hint(
		err_new(0,
			"the maps of this script would take %llu MB of kernel memory, %llu MB of it '%.*s'",
			(unsigned long long)(total >> 20), (unsigned long long)(most >> 20),
			STR_ARG(largest->name)),
		"lower max_map_keys (or give the map a size: let @m = hash(1000)), or raise max_memory");
}

struct err *kernel_map_create(struct engine *e, uint32_t map)
{
	TRY(map_create(e, e->image->maps[map], &e->map_fds[map]));
	return map_init(e->image->maps[map], e->map_fds[map]);
}

struct making {
	struct engine *e;
	struct err **errors; /* by map */
};

static void make_one(void *arg, size_t i)
{
	struct making *m = arg;

	if (image_uses(m->e->image, m->e->image->maps[i]))
		m->errors[i] = kernel_map_create(m->e, (uint32_t)i);
}

/* the kernel clears their memory when they are made: some 2 ms for 4 MB, on as many processors as there are */
static struct err *make_all(struct engine *e)
{
	uint32_t n = e->image->n_maps;
	struct making m = { e, base_alloc((n + 1) * sizeof(*m.errors)) };
	size_t n_threads = n >= MANY_MAPS ? parallel_cpus() : 1;
	struct err *first = NULL;

	parallel_each(n, n_threads < THREADS_MAX ? n_threads : THREADS_MAX, THREAD_STACK, make_one,
		      &m);
	for (uint32_t i = 0; i < n; i++) {
		if (first)
			err_free(m.errors[i]);
		else
			first = m.errors[i];
	}
	free(m.errors);
	return first;
}

struct err *kernel_maps_create(struct engine *e)
{
	const struct image *im = e->image;

	TRY(check_memory(e));
	TRY(make_all(e));
	TRY(map_mmap(im->maps[im->globals_map], e->map_fds[im->globals_map], true,
		     (void **)&e->globals, &e->globals_size));
	if (im->message_map != IMAGE_NONE)
		TRY(map_mmap(im->maps[im->message_map], e->map_fds[im->message_map], true,
			     &e->message, &e->message_size));
	return map_mmap(im->maps[im->faults_map], e->map_fds[im->faults_map], false,
			(void **)&e->faults, &e->faults_size);
}

void kernel_maps_destroy(struct engine *e)
{
	if (e->globals)
		munmap(e->globals, e->globals_size);
	if (e->faults)
		munmap(e->faults, e->faults_size);
	if (e->message)
		munmap(e->message, e->message_size);
	e->globals = NULL;
	e->faults = NULL;
	e->message = NULL;
	for (uint32_t i = 0; i < e->image->n_maps; i++)
		if (e->map_fds[i] >= 0)
			close(e->map_fds[i]);
	free(e->map_fds);
	e->map_fds = NULL;
}
