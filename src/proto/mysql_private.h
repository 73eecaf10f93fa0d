/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the mysql decoder share: mysql.c cuts packets out of both directions and joins those of 16 MB, mysql_front.c
 * takes the client's commands, mysql_back.c the server's answers.
 */
#ifndef SONDE_PROTO_MYSQL_PRIVATE_H
#define SONDE_PROTO_MYSQL_PRIVATE_H

#include "proto/fifo.h"
#include "proto/proto.h"
#include "proto/text.h"

/* bytes that are kept of a command; of an answer, whose rows are only counted */
#define MYSQL_MAX_QUERY 65536
#define MYSQL_MAX_ANSWER 1024
#define MYSQL_MAX_ITEMS 256
#define MYSQL_MAX_STATEMENTS 1024
#define MYSQL_BIG_PACKET 0xffffff
#define MYSQL_CONNECT \
	0x0b /* the server's own number of what is no command: the start of a connection */

enum mysql_phase {
	MYSQL_COMMANDS,
	MYSQL_GREETING, /* the server has spoken, the client answers */
	MYSQL_LOGIN     /* until the server says OK */
};

/* where the answer to the oldest command is */
enum mysql_where {
	MYSQL_FIRST,   /* OK, error, a count of columns */
	MYSQL_COLUMNS, /* so many definitions are left */
	MYSQL_DEFINED, /* an EOF behind them, or the first row */
	MYSQL_ROWS
};

struct mysql_statement {
	struct mysql_statement *next;
	uint32_t id;
	struct proto_text text;
};

struct mysql_item {
	struct mysql_item *next;
	uint8_t command;
	bool lost;
	struct proto_at at;
	struct proto_text query, error;
	int64_t rows, error_code;
	uint64_t request_bytes;
};

struct mysql_side {
	bool is_in_sync,
		is_continued; /* the packet before had the greatest length: this one goes on */
	uint8_t head[4], sequence;
	uint32_t n_head, left;
	struct proto_text payload;
	struct proto_text prelude; /* first bytes, as long as they are too few to be known */
	uint64_t bytes;            /* of the answer so far, of the command */
	struct proto_at at;
};

struct mysql_state {
	struct mysql_side side[2];
	enum mysql_phase phase;
	enum mysql_where where;
	uint64_t n_columns; /* definitions that are left */
	FIFO(struct mysql_item);
	size_t bytes;                       /* of what waits */
	struct mysql_statement *statements; /* the newest first */
	uint32_t n_statements;
	size_t statement_bytes;
	uint32_t newest_id, server_flags;
	bool is_answering; /* the first packet of the oldest command's answer was seen */
	bool is_unsure, is_compressed;
	struct proto_text user, database;
};

/* mysql.c */
const char *mysql_command_name(uint8_t command); /* NULL: there is none */
struct mysql_item *mysql_item_new(struct mysql_state *st, struct proto_conn *c, uint8_t command,
				  const struct proto_at *at);
void mysql_say(struct mysql_state *st, struct proto_conn *c, struct mysql_item *it,
	       uint64_t response_bytes, uint64_t nsecs);
void mysql_drop_first(struct mysql_state *st);
void mysql_flush(struct mysql_state *st, struct proto_conn *c, bool lost);
struct mysql_statement *mysql_statement_find(struct mysql_state *st, uint32_t id);
void mysql_statement_forget(struct mysql_state *st, uint32_t id);
void mysql_statement_add(struct mysql_state *st, uint32_t id, struct str text, uint64_t most);

/* a message is complete: the side's payload */
void mysql_front(struct mysql_state *st, struct proto_conn *c, enum proto_direction d);
void mysql_back(struct mysql_state *st, struct proto_conn *c, enum proto_direction d,
		uint64_t nsecs);

/* a number of 1 to 9 bytes (length-encoded); false: it is none, or cut */
static inline bool mysql_take_number(const uint8_t **p, const uint8_t *end, uint64_t *out)
{
	unsigned size = 0;

	if (*p == end || **p > 0xfe || **p == 0xfb)
		return false;
	*out = *(*p)++;
	if (*out >= 0xfc)
		size = *out == 0xfc ? 2 : *out == 0xfd ? 3 : 8;
	if (size > (size_t)(end - *p))
		return false;
	if (size)
		*out = 0;
	for (unsigned i = 0; i < size; i++)
		*out |= (uint64_t)(*p)[i] << 8 * i;
	*p += size;
	return true;
}

#endif
