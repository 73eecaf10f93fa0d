/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzer of attach points and of tracefs format files: the first line is an attach point, parsed as a probe of every
 * kind; the rest is a format file, made into a type with all its fields. There is no BTF, so names stay unknown.
 */
#include "probe/spec.h"
#include "probe/tracepoint_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void cut(struct str text, struct attach_point *ap)
{
	ap->text = text;
	while (ap->n_parts < 8) {
		bool last = str_find_char(text, ':', 0) < 0;

		ap->parts[ap->n_parts++] = str_split(&text, ':');
		if (last)
			return;
	}
}

static void parse_point(struct str text, struct arena *a)
{
	struct attach_point ap = { .at = SPAN_NONE };

	cut(text, &ap);
	probe_kinds_of(ap.parts[0]);
	for (unsigned k = 0; k < PROBE_N_KINDS; k++) {
		struct diag_list diags;
		struct probe_spec spec;

		diag_list_init(&diags, a);
		/* a refusal is said, and only a refusal */
		if (probe_spec_parse(&ap, k, text.n & 1, a, &diags, &spec) != (diags.n_errors == 0))
			__builtin_trap();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_make((const char *)data, size), point = str_split(&text, '\n');
	struct type_table types;
	struct probe_ctx c;
	struct arena a;
	struct btfsrc *btf;
	const struct type *t;

	arena_init(&a);
	type_table_init(&types, &a);
	btf = btfsrc_new_file(&types, "/nowhere", NULL);
	probe_ctx_init(&c, &a, &types, btf);
	parse_point(point, &a);
	t = format_type(&c, STR("syscalls"), STR("x"), format_body(text));
	if (!type_complete(t))
		__builtin_trap();
	for (uint32_t i = 0; i < t->n_fields; i++)
		if (!t->fields[i].type || t->fields[i].name.n == 0)
			__builtin_trap();
	probe_ctx_free(&c);
	btfsrc_free(btf);
	type_table_free(&types);
	arena_free(&a);
	return 0;
}
