/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Separate debug files and MiniDebugInfo; see debugfile.h.
 *
 * A candidate must prove that it belongs to the file: by an equal build-id where both have one, else by the CRC of the
 * debug link. Folders that the user names (--debuginfo) come first; the others lie in the root in which the file itself was
 * found (containers), then in ours.
 */
#include "objfile/debugfile.h"

#include "base/cleanup.h"
#include "objfile/elf_private.h"

#include <errno.h>
#include <limits.h>
#include <lzma.h>
#include <sys/mman.h>
#include <zlib.h>

/* MiniDebugInfo holds one symbol table; a larger one is a decompression bomb */
#define MINIDEBUG_MAX (256u << 20)
#define MINIDEBUG_MEMORY (128u << 20) /* for the xz decoder; `xz -9` wants 65 MB */

static void add_note(struct strbuf *notes, struct err *e)
{
	err_format(e, notes);
	strbuf_putc(notes, '\n');
	err_free(e);
}

/* CRC-32 of the whole file, as the debug link has it */
static bool file_crc(struct objfile *f, uint32_t *ret)
{
	FREE_AUTO uint8_t *buf = base_alloc(1 << 16);
	uLong crc = crc32(0, NULL, 0);

	for (uint64_t pos = 0; pos < f->size;) {
		size_t n = f->size - pos < (1 << 16) ? (size_t)(f->size - pos) : 1 << 16;

		if (!objfile_read_at(f, pos, buf, n))
			return false;
		crc = crc32(crc, buf, (uInt)n);
		pos += n;
	}
	*ret = (uint32_t)crc;
	return true;
}

/* opens path if it is f's debug file; crc is NULL when only the build-id may decide */
static struct objfile *try_candidate(struct objfile *f, const char *path, const uint32_t *crc,
				     struct strbuf *notes)
{
	OBJFILE_AUTO d = NULL;
	struct err *e = objfile_open(path, &d);
	uint32_t have;

	if (e) {
		if (err_code(e) == ENOENT || err_code(e) == ENOTDIR)
			err_free(e);
		else
			add_note(notes, e);
		return NULL;
	}
	if (d->dev == f->dev && d->ino == f->ino)
		return NULL; /* a link to itself */
	if (f->build_id.n && d->build_id.n) {
		if (!str_eq(f->build_id, d->build_id)) {
			strbuf_printf(notes, "debug file '%s' has another build-id\n", path);
			return NULL;
		}
	} else if (!crc) {
		strbuf_printf(notes, "debug file '%s' has no build-id\n", path);
		return NULL;
	} else if (!file_crc(d, &have) || have != *crc) {
		strbuf_printf(notes,
			      "debug file '%s' has another checksum than the link to it says\n",
			      path);
		return NULL;
	}
	d->priv->is_debug_file = true;
	return steal_ptr(d);
}

/* "/proc/123/root" when the file was opened through a process's root, else "" */
static struct str root_of(const char *path)
{
	struct str s = str_from(path);
	size_t i = strlen("/proc/");

	if (!str_starts(s, STR("/proc/")))
		return STR("");
	while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9')
		i++;
	if (i == strlen("/proc/") || !str_starts(str_sub(s, i, s.n), STR("/root/")))
		return STR("");
	return str_sub(s, 0, i + strlen("/root"));
}

/* the name of the debug file and its checksum */
static bool read_link(struct objfile *f, const struct objfile_section *s, struct str *name,
		      uint32_t *crc, struct strbuf *notes)
{
	struct bytes b;
	struct err *e = objfile_section_bytes(f, s, &b);

	if (e) {
		add_note(notes, e);
		return false;
	}
	*name = bytes_cstr(&b);
	bytes_align(&b, 4);
	*crc = bytes_u32(&b);
	if (!b.bad && name->n && name->n <= NAME_MAX && !memchr(name->p, '/', name->n))
		return true;
	strbuf_printf(notes, "'%s': malformed .gnu_debuglink\n", f->path);
	return false;
}

static struct objfile *find_by_link(struct objfile *f, struct str root, struct strbuf *notes)
{
	const struct objfile_section *s = objfile_find_section(f, STR(".gnu_debuglink"));
	char real[PATH_MAX], path[PATH_MAX * 2];
	const char *self = f->priv->open_path;
	struct objfile *found = NULL;
	struct str name, dir;
	uint32_t crc;

	if (!s || !self || !read_link(f, s, &name, &crc, notes))
		return NULL;
	/* realpath() would leave the process's root on /proc/PID/root, which reads as "/" */
	if (root.n == 0 && realpath(self, real))
		self = real;
	dir = str_from(self);
	while (dir.n && dir.p[dir.n - 1] != '/')
		dir.n--; /* keeps the slash; empty for a bare name in the current folder */

	for (int i = 0; i < 4 && !found; i++) {
		static const char *const middle[] = { "", ".debug/" };

		if (i < 2)
			snprintf(path, sizeof(path), "%.*s%s%.*s", STR_ARG(dir), middle[i],
				 STR_ARG(name));
		else if (i ==
			 2) /* dir starts with the root already: the debug folder goes between */
			snprintf(path, sizeof(path), "%.*s/usr/lib/debug%.*s%.*s", STR_ARG(root),
				 STR_ARG(str_sub(dir, root.n, dir.n)), STR_ARG(name));
		else if (root.n)
			snprintf(path, sizeof(path), "/usr/lib/debug%.*s%.*s",
				 STR_ARG(str_sub(dir, root.n, dir.n)), STR_ARG(name));
		else
			break;
		found = try_candidate(f, path, &crc, notes);
	}
	return found;
}

static struct objfile *try_build_id(struct objfile *f, struct str dir, const char *below,
				    struct strbuf *notes)
{
	char hex[2 * 64 + 1], path[PATH_MAX];

	if (f->build_id.n < 2 || f->build_id.n > 64)
		return NULL;
	for (size_t i = 0; i < f->build_id.n; i++)
		snprintf(hex + 2 * i, 3, "%02x", (uint8_t)f->build_id.p[i]);
	snprintf(path, sizeof(path), "%.*s%s/.build-id/%.2s/%s.debug", STR_ARG(dir), below, hex,
		 hex + 2);
	return try_candidate(f, path, NULL, notes);
}

static struct objfile *find_by_build_id(struct objfile *f, struct str root, struct strbuf *notes)
{
	struct objfile *found = try_build_id(f, root, "/usr/lib/debug", notes);

	return found || !root.n ? found : try_build_id(f, STR(""), "/usr/lib/debug", notes);
}

/* in a folder that the user names: by build-id, by the name in the link, and as NAME.debug where build-ids can be compared */
static struct objfile *find_in(struct objfile *f, struct str dir, struct strbuf *notes)
{
	const char *self = f->priv->open_path ? f->priv->open_path : f->path,
		   *base = strrchr(self, '/');
	const struct objfile_section *s = objfile_find_section(f, STR(".gnu_debuglink"));
	struct objfile *found = try_build_id(f, dir, "", notes);
	struct str link = STR_NULL;
	char path[PATH_MAX];
	uint32_t crc = 0;

	if (!found && s && read_link(f, s, &link, &crc, notes)) {
		snprintf(path, sizeof(path), "%.*s/%.*s", STR_ARG(dir), STR_ARG(link));
		found = try_candidate(f, path, &crc, notes);
	}
	if (!found && f->build_id.n >= 2) {
		snprintf(path, sizeof(path), "%.*s/%s.debug", STR_ARG(dir), base ? base + 1 : self);
		found = try_candidate(f, path, NULL, notes);
	}
	return found;
}

struct objfile *debugfile_find(struct objfile *f, struct strbuf *notes)
{
	struct str dirs = f->priv->debug_path;
	struct str root = f->priv->open_path ? root_of(f->priv->open_path) : STR("");
	struct objfile *d;

	if (f->priv->is_debug_file)
		return NULL;
	while (dirs.n) {
		struct str dir = str_split(&dirs, ':');

		d = dir.n ? find_in(f, dir, notes) : NULL;
		if (d)
			return d;
	}
	d = find_by_link(f, root, notes);
	return d ? d : find_by_build_id(f, root, notes);
}

struct objfile *debugfile_fetch(struct objfile *f, struct strbuf *notes)
{
	FREE_AUTO char *path = f->priv->is_debug_file ? NULL : debuginfod_path(f->build_id);

	return path ? try_candidate(f, path, NULL, notes) : NULL;
}

/* unpacks into a memfd, so that the inner file is read through the same bounded path as any other */
static bool unpack_xz(struct bytes in, int fd, const char **why)
{
	FREE_AUTO uint8_t *buf = base_alloc(1 << 16);
	lzma_stream z = LZMA_STREAM_INIT;
	uint64_t total = 0;
	lzma_ret r = lzma_stream_decoder(&z, MINIDEBUG_MEMORY, 0);

	*why = "not valid xz data";
	z.next_in = in.p;
	z.avail_in = in.n;
	while (r == LZMA_OK) {
		size_t n;

		z.next_out = buf;
		z.avail_out = 1 << 16;
		r = lzma_code(&z, LZMA_FINISH);
		n = (1 << 16) - z.avail_out;
		total += n;
		if (total > MINIDEBUG_MAX || r == LZMA_MEMLIMIT_ERROR) {
			*why = "it would unpack to more than is sensible";
			r = LZMA_DATA_ERROR;
		} else if (n && write(fd, buf, n) != (ssize_t)n) {
			*why = "no memory to unpack it";
			r = LZMA_DATA_ERROR;
		}
	}
	lzma_end(&z);
	return r == LZMA_STREAM_END;
}

struct objfile *debugfile_minidebug(struct objfile *f, struct strbuf *notes)
{
	const struct objfile_section *s = objfile_find_section(f, STR(".gnu_debugdata"));
	FD_AUTO fd = -1;
	FREE_AUTO char *name = NULL;
	struct objfile *d;
	const char *why;
	struct bytes b;
	struct err *e;

	if (!s || f->priv->is_debug_file)
		return NULL;
	e = objfile_section_bytes(f, s, &b);
	if (e) {
		add_note(notes, e);
		return NULL;
	}
	fd = memfd_create("minidebuginfo", MFD_CLOEXEC);
	if (fd < 0) {
		strbuf_printf(notes, "'%s': .gnu_debugdata: no memory file\n", f->path);
		return NULL;
	}
	if (!unpack_xz(b, fd, &why)) {
		strbuf_printf(notes, "'%s': .gnu_debugdata: %s\n", f->path, why);
		return NULL;
	}
	if (asprintf(&name, "%s (.gnu_debugdata)", f->path) < 0)
		base_out_of_memory();
	e = objfile_open_fd(fd, name, &d);
	if (e) {
		add_note(notes, e);
		return NULL;
	}
	d->priv->is_debug_file = true;
	return d;
}
