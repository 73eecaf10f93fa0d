/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See pcapng.h. Each block is: type, length, body in words of four bytes, length again; in the byte order of the machine. */
#include "output/pcapng.h"

#include "base/arena.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	BLOCK_SECTION = 0x0a0d0d0a,
	BLOCK_INTERFACE = 1,
	BLOCK_PACKET = 6,
	BLOCK_SECRETS = 10,
	BYTE_ORDER_MAGIC = 0x1a2b3c4d,
	LINKTYPE_RAW = 101,
	SECRETS_TLS = 0x544c534b, /* "TLSK" */
	OPTION_END = 0,
	OPTION_NAME = 2,
	OPTION_RESOLUTION = 9,
	RESOLUTION_NS = 9,
	OPTION_APPLICATION = 4,
};

struct pcapng {
	FILE *file;
	char *path;
	uint32_t n_interfaces;
	int error; /* errno of the first write that failed */
};

static void put(struct pcapng *p, const void *bytes, size_t n)
{
	if (!p->error && n && fwrite(bytes, n, 1, p->file) != 1)
		p->error = errno ? errno : EIO;
}

static void put_u32(struct pcapng *p, uint32_t v)
{
	put(p, &v, sizeof(v));
}

static uint32_t padded(size_t n)
{
	return (uint32_t)((n + 3) & ~(size_t)3);
}

static void put_padded(struct pcapng *p, struct str s)
{
	static const char zero[4];

	put(p, s.p, s.n);
	put(p, zero, padded(s.n) - s.n);
}

static void put_option(struct pcapng *p, uint16_t code, struct str value)
{
	uint16_t head[2] = { code, (uint16_t)value.n };

	put(p, head, sizeof(head));
	put_padded(p, value);
}

/* body: its length without the 12 bytes around it */
static uint32_t begin_block(struct pcapng *p, uint32_t type, uint32_t body)
{
	put_u32(p, type);
	put_u32(p, body + 12);
	return body + 12;
}

struct err *pcapng_open(struct str path, struct pcapng **ret)
{
	struct str application = STR("sonde");
	struct pcapng *p;
	char *name = base_strndup(path);
	uint64_t unknown_length = UINT64_MAX;
	uint16_t version[2] = { 1, 0 };
	struct stat st;
	uint32_t length;
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");

	/* a file that was there before, too; devices stay as they are */
	if (!f || fstat(fd, &st) || (S_ISREG(st.st_mode) && fchmod(fd, 0600))) {
		struct err *err = err_new(errno, "write '%s'", name);

		if (f)
			fclose(f);
		else if (fd >= 0)
			close(fd);
		free(name);
		return err;
	}
	p = base_alloc(sizeof(*p));
	*p = (struct pcapng){ .file = f, .path = name };
	length = begin_block(p, BLOCK_SECTION, 16 + 4 + padded(application.n) + 4);
	put_u32(p, BYTE_ORDER_MAGIC);
	put(p, version, sizeof(version));
	put(p, &unknown_length, sizeof(unknown_length));
	put_option(p, OPTION_APPLICATION, application);
	put_option(p, OPTION_END, STR_NULL);
	put_u32(p, length);
	*ret = p;
	return NULL;
}

uint32_t pcapng_add_interface(struct pcapng *p, struct str name)
{
	uint8_t resolution = RESOLUTION_NS;
	uint16_t link[2] = { LINKTYPE_RAW, 0 };
	uint32_t length = begin_block(p, BLOCK_INTERFACE, 8 + 4 + padded(name.n) + 4 + 4 + 4);

	put(p, link, sizeof(link));
	put_u32(p, 0); /* whole packets */
	put_option(p, OPTION_NAME, name);
	put_option(p, OPTION_RESOLUTION, str_make((const char *)&resolution, 1));
	put_option(p, OPTION_END, STR_NULL);
	put_u32(p, length);
	return p->n_interfaces++;
}

void pcapng_add_packet(struct pcapng *p, uint32_t interface, uint64_t time_ns, struct str bytes,
		       uint32_t length)
{
	uint32_t block = begin_block(p, BLOCK_PACKET, 20 + padded(bytes.n));

	put_u32(p, interface);
	put_u32(p, (uint32_t)(time_ns >> 32));
	put_u32(p, (uint32_t)time_ns);
	put_u32(p, (uint32_t)bytes.n);
	put_u32(p, length);
	put_padded(p, bytes);
	put_u32(p, block);
}

void pcapng_add_secrets(struct pcapng *p, struct str lines)
{
	uint32_t block = begin_block(p, BLOCK_SECRETS, 8 + padded(lines.n));

	put_u32(p, SECRETS_TLS);
	put_u32(p, (uint32_t)lines.n);
	put_padded(p, lines);
	put_u32(p, block);
}

struct err *pcapng_flush(struct pcapng *p)
{
	if (!p->error && fflush(p->file))
		p->error = errno;
	return p->error ? err_new(p->error, "write '%s'", p->path) : NULL;
}

struct err *pcapng_close(struct pcapng *p)
{
	struct err *err;

	if (!p)
		return NULL;
	err = pcapng_flush(p);
	if (fclose(p->file) && !err)
		err = err_new(errno, "write '%s'", p->path);
	free(p->path);
	free(p);
	return err;
}
