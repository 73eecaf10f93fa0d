/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Error chains: src/base/err.c. */
#include "base/err.h"

#include <errno.h>

#include "tap.h"

static struct err *read_config(bool fail)
{
	if (fail)
		return err_hint(err_new(ENOENT, "open '%s'", "/x"), "is it installed?");
	return NULL;
}

static struct err *load(bool fail)
{
	TRY(read_config(fail));
	return NULL;
}

TEST(success_is_null)
{
	CHECK(load(false) == NULL);
	CHECK_INT(err_code(NULL), 0);
	CHECK(err_get_hint(NULL) == NULL);
	err_free(NULL);
}

TEST(outer_message_stands_first)
{
	ERR_AUTO e = err_wrap(load(true), "probe '%s'", "uprobe:/x:f");
	STRBUF_AUTO b = { 0 };

	err_format(e, &b);
	CHECK_STR(strbuf_cstr(&b), "probe 'uprobe:/x:f': open '/x': No such file or directory");
	CHECK_INT(err_code(e), ENOENT);
	CHECK_STR(err_get_hint(e), "is it installed?");
}

TEST(outermost_hint_wins)
{
	ERR_AUTO e = err_hint(err_wrap(load(true), "attach"), "hint %d", 2);

	CHECK_STR(err_get_hint(e), "hint 2");
	err_hint(e, "replaced");
	CHECK_STR(err_get_hint(e), "replaced");
}

TEST(message_without_errno)
{
	ERR_AUTO e = err_new(0, "no such probe");
	STRBUF_AUTO b = { 0 };

	err_format(e, &b);
	CHECK_STR(strbuf_cstr(&b), "no such probe");
	CHECK_INT(err_code(e), 0);
}
