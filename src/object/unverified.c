/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An object whose programs run in processes of a user for whom the kernel verifies nothing. libbpf relocates its programs without a system call
 * when it makes a loader of them for later (gen_loader): the loader is thrown away. What libbpf would leave to that loader is done
 * before (types_relocate.c). Nothing here says that a program is harmless: that is the fence's (docs/internals/user-fence.md).
 */
#include "object/object_private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* as libbpf names it after its file: the names of its variables' maps begin so */
static void put_name(const char *path, struct strbuf *out)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

	strbuf_add(out, name, strcspn(name, "."));
}

static bool read_file(const char *path, struct strbuf *out)
{
	enum { BLOCK = 1 << 16, MOST = 256 << 20 };
	int fd = open(path, O_RDONLY | O_CLOEXEC), code;
	static char block[BLOCK];
	ssize_t n = -1;

	while (fd >= 0 && (n = read(fd, block, sizeof(block))) > 0 && out->n < MOST)
		strbuf_add(out, block, (size_t)n);
	code = n > 0 ? EFBIG : errno;
	if (fd >= 0)
		close(fd);
	errno = code;
	return n == 0;
}

struct err *object_open_unverified(struct object *o)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts);
	STRBUF_AUTO name = { 0 };
	struct err *err;

	if (!read_file(o->opts.path, &o->file))
		return err_new(errno, "open the eBPF object '%s'", o->opts.path);
	err = object_resolve_types((uint8_t *)o->file.p, o->file.n);
	if (err)
		return err_wrap(err, "open the eBPF object '%s'", o->opts.path);
	put_name(o->opts.path, &name);
	opts.object_name = strbuf_cstr(&name);
	o->bpf = bpf_object__open_mem(o->file.p, o->file.n, &opts);
	return o->bpf ? NULL : object_failed(o, errno, "open the eBPF object '%s'", o->opts.path);
}

int object_load_unverified(struct object *o)
{
	LIBBPF_OPTS(gen_loader_opts, opts);
	int code = bpf_object__gen_loader(o->bpf, &opts);

	return code ? code : bpf_object__load(o->bpf);
}

bool object_may_verify(void)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_KPROBE, "sonde", "GPL", insns, 2, NULL);

	if (fd < 0)
		return fd != -EPERM;
	close(fd);
	return true;
}

int object_map_fd(const struct object *o, const struct bpf_map *m)
{
	return o->is_unverified ? (bpf_map__autocreate(m) ? 0 : -1) : bpf_map__fd(m);
}
