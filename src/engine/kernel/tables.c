/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tables of call frame information for the programs that unwind user stacks: an array of maps, one inner array for each file,
 * made when the file is first met, of just its size. It is filled through a mapping, not element by element, and never
 * changes afterwards. Also the plain updates of maps that the session makes.
 */
#include "engine/kernel/kernel.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

int kernel_table_create(uint32_t n)
{
	/* inner maps of one outer map may differ in size with this flag (5.10) */
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE | BPF_F_INNER_MAP);

	return bpf_map_create(BPF_MAP_TYPE_ARRAY, "unwind_rows", 4, 8, n, &opts);
}

static struct err *fill_table(int fd, const uint64_t *words, uint32_t n)
{
	size_t page = (size_t)getpagesize(), bytes = (size_t)n * 8;
	size_t size = (bytes + page - 1) / page * page;
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED)
		return err_new(errno, "map a table of call frame information into memory");
	memcpy(at, words, bytes);
	munmap(at, size);
	return NULL;
}

struct err *kernel_set_table(struct engine *e, uint32_t map, uint32_t index, const uint64_t *words,
			     uint32_t n)
{
	struct err *err = NULL;
	int fd;

	if (!words)
		return kernel_map_delete(e, map, &index);
	fd = kernel_table_create(n);
	if (fd < 0)
		return sys_err_explain(
			err_new(errno, "create a table of call frame information (%u words)", n));
	err = fill_table(fd, words, n);
	if (!err && bpf_map_update_elem(e->map_fds[map], &index, &fd, BPF_ANY) < 0)
		err = err_new(errno, "add a table of call frame information");
	close(fd); /* the outer map holds it now */
	return err;
}

struct err *kernel_map_update(struct engine *e, uint32_t map, const void *key, const void *value)
{
	if (bpf_map_update_elem(e->map_fds[map], key, value, BPF_ANY) < 0)
		return err_new(errno, "write to map '%.*s'", STR_ARG(e->image->maps[map]->name));
	return NULL;
}

struct err *kernel_map_delete(struct engine *e, uint32_t map, const void *key)
{
	if (bpf_map_delete_elem(e->map_fds[map], key) < 0)
		return err_new(errno, "delete from map '%.*s'", STR_ARG(e->image->maps[map]->name));
	return NULL;
}
