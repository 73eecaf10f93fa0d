/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the two files of the redis decoder share: commands (redis_command.c) that wait for replies (redis.c). */
#ifndef SONDE_PROTO_REDIS_PRIVATE_H
#define SONDE_PROTO_REDIS_PRIVATE_H

#include "proto/proto.h"
#include "proto/text.h"

/* bytes that are kept of one argument, of the command's text, of names and keys */
#define REDIS_MAX_ARG 1024
#define REDIS_MAX_TEXT 16384
#define REDIS_MAX_NAME 64

#define REDIS_NUMKEYS 1
#define REDIS_STREAMS 2

struct redis_info {
	const char *name;
	uint8_t key, flags;
};

struct redis_command {
	struct redis_command *next;
	struct proto_at at;
	struct proto_text name, key, text;
	uint64_t n_args, bytes;
	uint64_t n_skipped; /* commands that came behind this one and were not kept: so many replies belong to nobody */
	const struct redis_info *info; /* NULL: the name is not in the table */
	uint32_t key_at;               /* the argument that is the key; 0: none so far */
	uint32_t hidden_from; /* arguments that are passwords, as the server itself hides them */
	bool lost;
	uint8_t reply_word; /* CLIENT REPLY: 1 OFF or SKIP, 2 ON */
};

/* argument number cmd->n_args is complete: of so many bytes, of which text are the first */
void redis_command_add(struct redis_command *cmd, struct str text, uint64_t total);
/* a command on one line, its arguments separated by blanks */
void redis_command_add_line(struct redis_command *cmd, struct str line);
void redis_command_clear(struct redis_command *cmd);
/* what it holds of memory */
size_t redis_command_cost(const struct redis_command *cmd);
/* do these bytes begin like a command (by a known name), like a reply? */
enum proto_match redis_looks_command(const uint8_t *bytes, size_t n);
enum proto_match redis_looks_reply(const uint8_t *bytes, size_t n);
/* a command on a line; any: by every name, otherwise by those that no other protocol begins with */
enum proto_match redis_looks_inline(const uint8_t *bytes, size_t n, bool any);

#endif
