/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the two files of HTTP/1 share: first lines. All strings are views of the line. */
#ifndef SONDE_PROTO_HTTP1_PRIVATE_H
#define SONDE_PROTO_HTTP1_PRIVATE_H

#include "proto/http_private.h"

struct http1_request {
	struct str method, target, version;
	bool is_preface; /* of HTTP/2 */
};

bool http1_parse_request(struct str line, struct http1_request *out);
/* -1: it is no status line */
int http1_parse_status(struct str line);

#endif
