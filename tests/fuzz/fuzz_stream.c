/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzzer of what joins the pieces of connections: records late, lost, doubled and silently missing, in any order. */
#include "../unit/stream_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct model m = { .pos = 1000 };

	for (size_t i = 0; i + 1 < size; i += 2)
		model_step(&m, data[i], data[i + 1], i * 1000000);
	model_end(&m);
	if (m.is_wrong)
		__builtin_trap();
	return 0;
}
