/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages between the front end and its guardian (guardian_wire.c); nobody else includes this. */
#ifndef SONDE_ENGINE_USER_GUARDIAN_PRIVATE_H
#define SONDE_ENGINE_USER_GUARDIAN_PRIVATE_H

#include "engine/user/guardian/guardian.h"

enum guardian_kind {
	MESSAGE_REPORT, /* what attach or ask brought */
	MESSAGE_ASK,
	MESSAGE_STOP,
	MESSAGE_NOTE, /* the guardian, unasked: text for the user */
	MESSAGE_NEWS, /* the same: what ops.take_news brought */
	MESSAGE_GONE, /* everything is taken out, nothing follows */
};

struct guardian_message {
	uint32_t kind;
	struct strbuf text; /* whoever receives frees it; each guardian_receive writes it anew */
};

/* false: the other one has ended */
bool guardian_send(int socket, enum guardian_kind kind, struct str text);
bool guardian_receive(int socket, struct guardian_message *ret);
/* e: with its whole chain, codes and hints; it stays the caller's */
bool guardian_send_report(int socket, const struct err *e, const struct guardian_report *report);
/* e, which goes: what could not be taken out, NULL: nothing. Its text travels */
void guardian_send_gone(int socket, struct err *e);
struct err *guardian_parse_gone(const struct guardian_message *m) ERR_MUST;
/* false: this is no report */
bool guardian_parse_report(const struct guardian_message *m, struct guardian_report *report,
			   struct err **e);

#endif
