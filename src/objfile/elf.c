/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opening of ELF files; see elf.h. What is read from an open one is in elf_access.c.
 *
 * The header is judged here, byte by byte, so that the refusal can say what is wrong with the file; after that libelf
 * reads the tables and the sections through pread, with its own bounds checks. Nothing here looks at symbols or notes
 * other than the build-id. Nothing may trust an offset that came from the file.
 */
#include "objfile/elf.h"

#include "base/cleanup.h"
#include "objfile/elf_private.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* "arm64", "arm", "riscv", ... or "machine 123" for e_machine */
static const char *objfile_machine_name(unsigned machine, char buf[32])
{
	static const struct {
		uint16_t machine;
		const char *name;
	} names[] = {
		{ EM_X86_64, "x86-64" },
		{ EM_386, "i386" },
		{ EM_AARCH64, "arm64" },
		{ EM_ARM, "arm" },
		{ EM_RISCV, "riscv" },
		{ EM_PPC64, "ppc64" },
		{ EM_PPC, "ppc" },
		{ EM_S390, "s390x" },
		{ EM_MIPS, "mips" },
		{ EM_SPARCV9, "sparc64" },
		{ EM_LOONGARCH, "loongarch" },
		{ EM_IA_64, "ia64" },
		{ EM_BPF, "bpf" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].machine == machine)
			return names[i].name;
	snprintf(buf, 32, "machine %u", machine);
	return buf;
}

/* --- opening --------------------------------------------------------------------------------------------------- */

/*
 * Only regular files are ever opened: opening a device or a FIFO can have effects. O_PATH touches nothing; the second
 * open goes through the descriptor, so the file cannot be swapped in between.
 */
static struct err *open_regular(const char *path, const char *name, int *ret)
{
	FD_AUTO handle = open(path, O_PATH | O_CLOEXEC);
	char self[64];
	struct stat st;

	if (handle < 0)
		return err_new(errno, "open '%s'", name);
	if (fstat(handle, &st))
		return err_new(errno, "stat '%s'", name);
	if (S_ISDIR(st.st_mode))
		return err_new(0, "'%s' is a directory", name);
	if (!S_ISREG(st.st_mode))
		return err_new(0, "'%s' is not a regular file", name);
	snprintf(self, sizeof(self), "/proc/self/fd/%d", handle);
	*ret = open(self, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (*ret < 0 && errno == ENOENT) /* no /proc */
		*ret = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	return *ret < 0 ? err_new(errno, "open '%s'", name) : NULL;
}

/* says why a file that starts with these bytes is not one of ours */
static struct err *check_header(const uint8_t *head, size_t n, uint64_t size, const char *name)
{
	struct bytes b = bytes_make(head, n);
	unsigned machine;
	uint64_t shoff, phoff;
	uint16_t phnum, shnum;
	char buf[32];

	if (n == 0)
		return err_new(0, "'%s' is empty", name);
	if (n < 4 || memcmp(head, ELFMAG, SELFMAG) != 0)
		return err_new(0, "'%s' is not an ELF file%s", name,
			       n >= 2 && head[0] == '#' && head[1] == '!' ? " but a script" : "");
	if (n < 20)
		return err_new(0, "'%s' is truncated: %zu bytes are no ELF header", name, n);
	bytes_seek(&b, 18);
	machine = bytes_u16(&b);
	if (head[EI_DATA] != ELFDATA2LSB) {
		machine = (unsigned)(head[18] << 8 | head[19]);
		return err_new(0, "'%s' is a big-endian ELF file for %s; this machine is x86-64",
			       name, objfile_machine_name(machine, buf));
	}
	if (head[EI_CLASS] == ELFCLASS32)
		return err_new(
			0, "'%s' is a 32-bit ELF file (%s); only 64-bit programs can be traced",
			name, machine == EM_X86_64 ? "x32" : objfile_machine_name(machine, buf));
	if (head[EI_CLASS] != ELFCLASS64 || head[EI_VERSION] != EV_CURRENT)
		return err_new(0, "'%s' is not a valid ELF file: class %u, version %u", name,
			       head[EI_CLASS], head[EI_VERSION]);
	if (machine != EM_X86_64)
		return err_new(0, "'%s' is an ELF file for %s; this machine is x86-64", name,
			       objfile_machine_name(machine, buf));
	if (n < sizeof(Elf64_Ehdr))
		return err_new(0, "'%s' is truncated: %zu bytes are no ELF header", name, n);
	bytes_seek(&b, offsetof(Elf64_Ehdr, e_phoff));
	phoff = bytes_u64(&b);
	shoff = bytes_u64(&b);
	bytes_seek(&b, offsetof(Elf64_Ehdr, e_phnum));
	phnum = bytes_u16(&b);
	bytes_seek(&b, offsetof(Elf64_Ehdr, e_shnum));
	shnum = bytes_u16(&b);
	/* shnum 0 with an offset: the count is in section 0 (extended numbering), so one header must be there */
	if (shoff && shnum == 0)
		shnum = 1;
	if (phnum && (phoff > size || size - phoff < (uint64_t)phnum * sizeof(Elf64_Phdr)))
		return err_new(
			0,
			"'%s' is truncated or malformed: its program headers lie beyond its end (%llu bytes)",
			name, (unsigned long long)size);
	if (shoff && (shoff > size || size - shoff < (uint64_t)shnum * sizeof(Elf64_Shdr)))
		return err_new(
			0,
			"'%s' is truncated or malformed: its section headers lie beyond its end (%llu bytes)",
			name, (unsigned long long)size);
	return NULL;
}

static struct err *read_segments(struct objfile *f)
{
	struct objfile_private *priv = f->priv;
	Elf64_Phdr *ph;
	size_t n;

	if (elf_getphdrnum(priv->elf, &n))
		return err_new(0, "'%s' is malformed: program headers: %s", f->path,
			       elf_errmsg(-1));
	ph = n ? elf64_getphdr(priv->elf) : NULL;
	if (n && !ph)
		return err_new(0, "'%s' is malformed: program headers: %s", f->path,
			       elf_errmsg(-1));
	f->segments = arena_array(&priv->strings, struct objfile_segment, n ? n : 1);
	for (size_t i = 0; i < n; i++)
		f->segments[i] = (struct objfile_segment){
			.type = ph[i].p_type,
			.flags = ph[i].p_flags,
			.vaddr = ph[i].p_vaddr,
			.offset = ph[i].p_offset,
			.filesz = ph[i].p_filesz,
			.memsz = ph[i].p_memsz,
		};
	f->n_segments = (uint32_t)n;
	return NULL;
}

static struct err *read_sections(struct objfile *f)
{
	struct objfile_private *priv = f->priv;
	size_t n, names = 0;

	if (elf_getshdrnum(priv->elf, &n))
		return err_new(0, "'%s' is malformed: section headers: %s", f->path,
			       elf_errmsg(-1));
	if (n == 0)
		return NULL;
	if (n > f->size / sizeof(Elf64_Shdr))
		return err_new(0, "'%s' is truncated or malformed: it claims %zu sections", f->path,
			       n);
	if (elf_getshdrstrndx(priv->elf, &names))
		names = 0;
	f->sections = arena_array(&priv->strings, struct objfile_section, n);
	for (size_t i = 0; i < n; i++) {
		Elf_Scn *scn = elf_getscn(priv->elf, i);
		Elf64_Shdr *sh = scn ? elf64_getshdr(scn) : NULL;
		const char *name;

		if (!sh)
			return err_new(0, "'%s' is malformed: section %zu: %s", f->path, i,
				       elf_errmsg(-1));
		name = names ? elf_strptr(priv->elf, names, sh->sh_name) : NULL;
		f->sections[i] = (struct objfile_section){
			.name = arena_str(&priv->strings, str_from(name ? name : "")),
			.type = sh->sh_type,
			.flags = sh->sh_flags,
			.addr = sh->sh_addr,
			.offset = sh->sh_offset,
			.size = sh->sh_size,
			.entsize = sh->sh_entsize,
			.align = sh->sh_addralign,
			.link = sh->sh_link,
			.info = sh->sh_info,
		};
	}
	f->n_sections = (uint32_t)n;
	return NULL;
}

bool elf_note_next(struct bytes *b, size_t align, struct elf_note *note)
{
	uint32_t name_size, desc_size;
	const uint8_t *name, *desc;

	if (b->bad || bytes_left(b) < 12)
		return false;
	name_size = bytes_u32(b);
	desc_size = bytes_u32(b);
	note->type = bytes_u32(b);
	name = bytes_take(b, name_size);
	bytes_align(b, align);
	desc = bytes_take(b, desc_size);
	if (b->bad)
		return false;
	/* the padding behind the last note may be missing */
	if ((b->pos + align - 1) / align * align <= b->n)
		bytes_align(b, align);
	else
		b->pos = b->n;
	note->name = str_make((const char *)name, name_size);
	while (note->name.n && note->name.p[note->name.n - 1] == '\0')
		note->name.n--;
	note->desc = bytes_make(desc, desc_size);
	return true;
}

static bool find_build_id(struct objfile *f, struct bytes b, size_t align)
{
	struct elf_note note;

	while (elf_note_next(&b, align, &note)) {
		if (note.type != NT_GNU_BUILD_ID || !str_is(note.name, "GNU") || note.desc.n < 2 ||
		    note.desc.n > 64)
			continue;
		f->build_id = arena_str(&f->priv->strings,
					str_make((const char *)note.desc.p, note.desc.n));
		return true;
	}
	return false;
}

/* from the sections, else (none left) from the segments, whose bytes are read with a limit */
static void read_build_id(struct objfile *f)
{
	for (uint32_t i = 0; i < f->n_sections; i++) {
		const struct objfile_section *s = &f->sections[i];
		struct bytes b;
		struct err *e;

		if (s->type != SHT_NOTE || s->size > (1 << 20))
			continue;
		e = objfile_section_bytes(f, s, &b);
		if (e)
			err_free(e);
		else if (find_build_id(f, b, s->align == 8 ? 8 : 4))
			return;
	}
	for (uint32_t i = 0; i < f->n_segments; i++) {
		const struct objfile_segment *p = &f->segments[i];
		FREE_AUTO uint8_t *buf = NULL;

		if (p->type != PT_NOTE || p->filesz == 0 || p->filesz > (1 << 20))
			continue;
		buf = base_alloc(p->filesz);
		if (objfile_read_at(f, p->offset, buf, p->filesz) &&
		    find_build_id(f, bytes_make(buf, p->filesz), 4))
			return;
	}
}

static void read_interp(struct objfile *f)
{
	for (uint32_t i = 0; i < f->n_segments; i++) {
		const struct objfile_segment *p = &f->segments[i];
		char buf[512];

		if (p->type != PT_INTERP || p->filesz < 2 || p->filesz > sizeof(buf))
			continue;
		if (!objfile_read_at(f, p->offset, buf, p->filesz))
			continue;
		f->interp = arena_str(&f->priv->strings, str_make(buf, strnlen(buf, p->filesz)));
		return;
	}
}

static enum objfile_kind kind_of(unsigned type)
{
	switch (type) {
	case ET_EXEC: return OBJFILE_EXEC;
	case ET_DYN: return OBJFILE_DYN;
	case ET_REL: return OBJFILE_REL;
	case ET_CORE: return OBJFILE_CORE;
	default: return OBJFILE_OTHER;
	}
}

/* fd becomes the object's, also on failure */
static struct err *load(int fd, const struct stat *st, const char *name, struct objfile **ret)
{
	OBJFILE_AUTO f = base_alloc(sizeof(*f));
	uint8_t head[sizeof(Elf64_Ehdr)];
	Elf64_Ehdr *eh;
	ssize_t n;

	f->priv = base_alloc(sizeof(*f->priv));
	f->priv->fd = fd;
	f->priv->refs = 1;
	arena_init(&f->priv->strings);
	f->path = base_strdup(name);
	f->dev = st->st_dev;
	f->ino = st->st_ino;
	f->size = (uint64_t)st->st_size;
	f->mtime = st->st_mtim;
	n = pread(fd, head, sizeof(head), 0);
	if (n < 0)
		return err_new(errno, "read '%s'", name);
	TRY(check_header(head, (size_t)n, f->size, name));
	elf_version(EV_CURRENT);
	/* not the mapping variant: another process may truncate the file at any moment */
	f->priv->elf = elf_begin(fd, ELF_C_READ, NULL);
	eh = f->priv->elf ? elf64_getehdr(f->priv->elf) : NULL;
	if (!eh)
		return err_new(0, "'%s' is not a valid ELF file: %s", name, elf_errmsg(-1));
	f->kind = kind_of(eh->e_type);
	f->entry = eh->e_entry;
	TRY(read_segments(f));
	TRY(read_sections(f));
	read_interp(f);
	read_build_id(f);
	*ret = steal_ptr(f);
	return NULL;
}

struct err *objfile_open_as(const char *path, const char *name, struct objfile **ret)
{
	struct stat st;
	int fd = -1;

	TRY(open_regular(path, name, &fd));
	if (fstat(fd, &st)) {
		struct err *e = err_new(errno, "stat '%s'", name);

		close(fd);
		return e;
	}
	TRY(load(fd, &st, name, ret));
	(*ret)->priv->open_path = base_strdup(path);
	return NULL;
}

struct err *objfile_open(const char *path, struct objfile **ret)
{
	return objfile_open_as(path, path, ret);
}

struct err *objfile_open_fd(int fd, const char *name, struct objfile **ret)
{
	struct stat st;
	int copy;

	if (fstat(fd, &st))
		return err_new(errno, "stat '%s'", name);
	if (!S_ISREG(st.st_mode))
		return err_new(0, "'%s' is not a regular file", name);
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (copy < 0)
		return err_new(errno, "duplicate a descriptor of '%s'", name);
	return load(copy, &st, name, ret);
}

void objfile_unref(struct objfile *f)
{
	if (!f || --f->priv->refs)
		return;
	debuginfo_free(f->priv->debuginfo);
	symtab_free(f->priv->symtab);
	usdt_table_free(f->priv->usdt);
	go_info_free(f->priv->go);
	cfi_extents_free(f->priv->extents);
	if (f->priv->elf)
		elf_end(f->priv->elf);
	if (f->priv->fd >= 0)
		close(f->priv->fd);
	arena_free(&f->priv->strings);
	free(f->priv->open_path);
	free(f->priv);
	free(f->path);
	free(f);
}
