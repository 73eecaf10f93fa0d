/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the user engine reads of processes and of its guardian: the first byte picks the table of patches of an area, a report, or
 * what the guardian says when it goes. The table's head is made fit where the bytes are not, so that entries are reached.
 */
#include "engine/user/guardian/guardian_private.h"
#include "engine/user/patch/patches.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_table(const uint8_t *data, size_t size)
{
	const uint64_t at = 0x10000;
	struct patches_head head = { 0 };
	struct patches_entry e;
	uint64_t magic = PATCHES_MAGIC, data_at;
	uint8_t *bytes = malloc(size + 1);
	size_t where;

	memcpy(bytes, data, size);
	if (size >= sizeof(head)) {
		memcpy(bytes, &magic, sizeof(magic));
		memcpy(&head, bytes, sizeof(head));
	}
	data_at = at + head.code_bytes + head.private_bytes;
	if (patches_parse(bytes, size, at, data_at, &head))
		for (uint32_t k = 0; k < head.n; k++)
			if (patches_entry_at(bytes, size, k, &e, &where) &&
			    (where + sizeof(e) > size || e.len > PATCH_LONGEST || !e.site))
				abort();
	free(bytes);
}

static void read_message(const uint8_t *data, size_t size, bool is_report)
{
	struct guardian_message m = { .kind = is_report ? MESSAGE_REPORT : MESSAGE_GONE };
	struct guardian_report report = { 0 };
	struct err *e = NULL;

	strbuf_add(&m.text, data, size);
	if (!is_report)
		e = guardian_parse_gone(&m);
	else if (!guardian_parse_report(&m, &report, &e) && e)
		abort();
	err_free(e);
	strbuf_free(&report.text);
	strbuf_free(&m.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	if (data[0] % 3 == 0)
		read_table(data + 1, size - 1);
	else
		read_message(data + 1, size - 1, data[0] % 3 == 1);
	return 0;
}
