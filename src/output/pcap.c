/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Capture files; the format is that of draft-ietf-opsawg-pcap, link type 101 (raw IPv4 or IPv6). Files are written
 * through stdio; a failed write is reported by the call that saw it.
 */
#include "output/pcap.h"

#include "base/arena.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define MAGIC 0xa1b2c3d4u
#define LINKTYPE_RAW 101
#define SNAP_LENGTH 65535

struct pcap_file {
	char *path;
	FILE *file;
	struct pcap_file *next;
};

struct file_header {
	uint32_t magic;
	uint16_t major, minor;
	uint32_t zone, accuracy, snap_length, link_type;
};

struct packet_header {
	uint32_t seconds, microseconds, captured, length;
};

static struct err *open_file(struct pcap_file **list, struct str path, struct pcap_file **ret)
{
	struct file_header h = { MAGIC, 2, 4, 0, 0, SNAP_LENGTH, LINKTYPE_RAW };
	char *name = base_strndup(path);
	FILE *f = fopen(name, "we");
	struct err *err = NULL;

	if (!f || fwrite(&h, sizeof(h), 1, f) != 1)
		err = err_new(errno, "write '%s'", name);
	if (err) {
		if (f)
			fclose(f);
		free(name);
		return err;
	}
	*ret = base_alloc(sizeof(**ret));
	**ret = (struct pcap_file){ name, f, *list };
	*list = *ret;
	return NULL;
}

struct err *pcap_write(struct pcap_file **list, struct str path, uint64_t time_ns,
		       struct str packet)
{
	struct packet_header h = { (uint32_t)(time_ns / 1000000000),
				   (uint32_t)(time_ns % 1000000000 / 1000), (uint32_t)packet.n,
				   (uint32_t)packet.n };
	struct pcap_file *f = *list;

	while (f && !str_is(path, f->path))
		f = f->next;
	if (!f)
		TRY(open_file(list, path, &f));
	if (fwrite(&h, sizeof(h), 1, f->file) != 1 ||
	    (packet.n && fwrite(packet.p, packet.n, 1, f->file) != 1) || fflush(f->file))
		return err_new(errno, "write '%s'", f->path);
	return NULL;
}

void pcap_close_all(struct pcap_file **list)
{
	while (*list) {
		struct pcap_file *f = *list;

		*list = f->next;
		fclose(f->file);
		free(f->path);
		free(f);
	}
}
