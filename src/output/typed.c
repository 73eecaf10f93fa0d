/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Values of traced programs in their language's notation: being written. */
#include "output/value.h"

void value_put_typed(const struct value_env *env, enum value_form form, const struct type *t,
		     const void *data, struct strbuf *out)
{
	(void)env, (void)form, (void)t, (void)data;
	strbuf_puts(out, "...");
}

bool value_typed_text(const struct type *t, const void *data, struct strbuf *out, bool *is_cut)
{
	(void)t, (void)data, (void)out, (void)is_cut;
	return false;
}
