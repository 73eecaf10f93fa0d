/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Errors about the world (files, ELF, bpf(2), ptrace). Functions that can fail return struct err *, NULL is
 * success; the caller owns it: it passes it up (adding context), prints it once in cli, or err_free()s it.
 * Messages: what failed first, lower case, no full stop, names in single quotes: "open '/x': no such file".
 */
#ifndef SONDE_BASE_ERR_H
#define SONDE_BASE_ERR_H

#include "base/strbuf.h"

struct err {
	int code;          /* errno value, or 0 */
	char *msg;         /* what failed */
	char *hint;        /* what to do about it, or NULL */
	struct err *cause; /* inner error, or NULL */
};

#define ERR_MUST __attribute__((warn_unused_result))

/* code is an errno value; its text is appended after ": " when not 0 */
struct err *err_new(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3))) ERR_MUST;
/* wrap: the new message stands before the cause's */
struct err *err_wrap(struct err *cause, const char *fmt, ...)
	__attribute__((format(printf, 2, 3))) ERR_MUST;
/* set the hint (replaces); returns e */
struct err *err_hint(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void err_free(struct err *e);
/* "msg: cause: cause" */
void err_format(const struct err *e, struct strbuf *out);
/* the outermost hint in the chain, or NULL */
const char *err_get_hint(const struct err *e);
/* the innermost errno in the chain, or 0 */
int err_code(const struct err *e);

static inline void err_cleanup(struct err **e)
{
	err_free(*e);
}
#define ERR_AUTO __attribute__((cleanup(err_cleanup))) struct err *
/* return early with the error */
#define TRY(expr)                          \
	do {                               \
		struct err *try_ = (expr); \
		if (try_)                  \
			return try_;       \
	} while (0)

#endif
