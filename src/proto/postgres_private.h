/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the postgres decoder share: postgres.c cuts messages out of both directions, postgres_front.c takes what the
 * client asks, postgres_back.c what the server answers. Texts of queries are counted references: a prepared statement, its
 * portals and what waits for an answer share one.
 */
#ifndef SONDE_PROTO_POSTGRES_PRIVATE_H
#define SONDE_PROTO_POSTGRES_PRIVATE_H

#include "proto/fifo.h"
#include "proto/proto.h"
#include "proto/text.h"

/* bytes that are kept of a message, for its kind: texts of queries, parameters, others */
#define POSTGRES_MAX_QUERY 65536
#define POSTGRES_MAX_OTHER 8192
#define POSTGRES_MAX_PARAMETERS 2048
#define POSTGRES_MAX_ITEMS 1024
#define POSTGRES_MAX_STATEMENTS 2048
#define POSTGRES_BUCKETS 64

struct postgres_query {
	uint32_t refs;
	struct proto_text text;
};

/* a prepared statement, or a portal with its parameters */
struct postgres_named {
	struct postgres_named *next;
	struct proto_text name, parameters;
	struct postgres_query *query; /* NULL: not seen */
	size_t cost;                  /* what it adds to the table's bytes */
	struct proto_text statement;  /* of a portal: its statement's name */
};

struct postgres_names {
	struct postgres_named *buckets[POSTGRES_BUCKETS];
	uint32_t n;
	size_t bytes; /* of the texts that hang on it */
};

/* something that will be answered: Q, P, B, E, S (Sync), F */
struct postgres_item {
	struct postgres_item *next;
	char kind;
	bool lost, is_failed;
	struct proto_at at;
	struct postgres_query *query;
	struct proto_text statement, parameters, tag, error;
	char code[8];
	int64_t rows; /* counted or said by tags; -1: none said */
	uint64_t n_data, request_bytes, last;
	size_t cost;
};

struct postgres_side {
	bool is_in_sync, is_raw_byte; /* the next byte stands alone: the answer to SSLRequest */
	bool is_startup;              /* client: messages have no type yet */
	uint8_t head[5];
	uint32_t n_head;
	uint32_t left; /* of the payload */
	uint32_t keep; /* bytes of it that are kept */
	char type;
	uint64_t bytes; /* since the last item */
	struct proto_at at;
	struct proto_text payload;
};

struct postgres_state {
	struct postgres_side side[2];
	FIFO(struct postgres_item);
	size_t bytes; /* of texts that wait */
	struct postgres_names statements, portals;
	struct proto_text user, database;
	struct proto_at batch_at; /* of the first message of a Parse, Bind, Execute */
	bool has_batch;
	bool is_unsure;   /* after a gap, until nothing waits */
	bool is_skipping; /* after an error the server passes over all up to the next Sync */
	bool is_starting; /* the first ReadyForQuery answers the startup */
	bool has_started;
};

/* ---- postgres.c ---- */
struct postgres_query *postgres_query_new(struct str text);
struct postgres_query *postgres_query_get(struct postgres_query *q);
void postgres_query_put(struct postgres_query *q);
struct postgres_named *postgres_find(struct postgres_names *t, struct str name);
/* an empty entry under that name; NULL: no room */
struct postgres_named *postgres_put(struct postgres_names *t, struct str name);
void postgres_forget(struct postgres_names *t, struct str name);
/* all but this one, when they hold more than that */
void postgres_bound(struct postgres_names *t, const struct postgres_named *but, uint64_t most);
/* NULL: no room */
struct postgres_item *postgres_item_new(struct postgres_state *st, char kind,
					const struct proto_at *at);
void postgres_drop_first(struct postgres_state *st);
void postgres_say(struct postgres_state *st, struct proto_conn *c, struct postgres_item *it,
		  uint64_t response_bytes);
/* all that wait are said as they are */
void postgres_flush(struct postgres_state *st, struct proto_conn *c, bool lost);

/* ---- a message is complete: type and payload in the side ---- */
/* how much of a message of this type is needed */
uint32_t postgres_front_keep(char type);
void postgres_front(struct postgres_state *st, struct proto_conn *c, enum proto_direction d);
void postgres_startup(struct postgres_state *st, struct proto_conn *c, enum proto_direction d);
uint32_t postgres_back_keep(char type);
void postgres_back(struct postgres_state *st, struct proto_conn *c, enum proto_direction d,
		   uint64_t nsecs);

#endif
