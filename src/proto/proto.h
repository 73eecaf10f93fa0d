/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Decoders of protocols: from the bytes of a connection to messages with named fields. A decoder is pure: bytes in,
 * messages out, no I/O, no clock, bounded memory, nothing global; what it reads comes from anywhere and is never believed.
 * It depends on base alone, so it is tested and fuzzed by itself.
 *
 * The consumer (src/stream) joins what kernel programs copied and calls, for each connection: new bytes in order (feed),
 * news that bytes are missing (gap), and its end (end). The decoder calls proto_emit() for each message that is complete.
 *
 * Ownership: everything in a message is borrowed for the duration of proto_emit(). A connection's state is zeroed memory
 * of state_size bytes that the consumer owns; what a decoder allocates beyond it, it frees in end(), which is called
 * exactly once, also when the consumer throws a connection out for want of memory.
 */
#ifndef SONDE_PROTO_PROTO_H
#define SONDE_PROTO_PROTO_H

#include "base/str.h"

/* as the traced process sees it */
enum proto_direction {
	PROTO_IN = 0, /* received */
	PROTO_OUT = 1 /* sent */
};

enum proto_role {
	PROTO_ROLE_UNKNOWN,
	PROTO_CLIENT, /* the traced process asks */
	PROTO_SERVER  /* the traced process answers */
};

/* who passed bytes, and when. A decoder copies it, whole, from the piece in which a message begins */
struct proto_at {
	uint64_t nsecs; /* CLOCK_BOOTTIME, when the call with these bytes was seen */
	uint64_t cgroup;
	uint32_t pid, tid, uid, gid;
	char comm[16];
};

/* ---- messages ---- */

/* of fields: how they stand in struct proto_msg_KIND */
enum proto_type {
	PROTO_U64,      /* uint64_t */
	PROTO_I64,      /* int64_t; -1 where the decoder does not know */
	PROTO_BOOL,     /* bool */
	PROTO_DURATION, /* int64_t, ns; -1: not known (never 0 for "unknown") */
	PROTO_STRING, /* struct str, any length and any bytes; scripts see the first `size` - 1, cut ones marked by "..." */
};

/* kinds of messages, PROTO_KIND_http ...; the same names as in `message:http` */
enum proto_kind {
#define MESSAGE_BEGIN(kind, summary) PROTO_KIND_##kind,
#define FIELD(kind, name, type, size, summary)
#define MESSAGE_END(kind)
#include "proto/messages.def"
	PROTO_N_KINDS
};

#define PROTO_C_U64 uint64_t
#define PROTO_C_I64 int64_t
#define PROTO_C_BOOL bool
#define PROTO_C_DURATION int64_t
#define PROTO_C_STRING struct str
/* struct proto_msg_http { struct str method; ... } */
/* clang-format off */
#define MESSAGE_BEGIN(kind, summary) struct proto_msg_##kind {
#define FIELD(kind, name, type, size, summary) PROTO_C_##type name;
#define MESSAGE_END(kind) uint8_t proto_unused; };
/* clang-format on */
#include "proto/messages.def"

struct proto_field {
	const char *name;
	enum proto_type type;
	uint32_t offset; /* in struct proto_msg_KIND */
	uint32_t size;   /* strings: bytes that scripts see, the NUL among them */
	const char *summary;
};

struct proto_kind_info {
	const char *name, *summary;
	const struct proto_field *fields;
	uint32_t n_fields, size; /* of struct proto_msg_KIND */
};

extern const struct proto_kind_info proto_kinds[PROTO_N_KINDS];
/* -1: there is none */
int proto_kind_find(struct str name);

struct proto_message {
	enum proto_kind kind;
	enum proto_direction
		direction; /* of the bytes that the message began with (of the request, in a pair) */
	struct proto_at at; /* of its first byte */
	bool lost; /* bytes are missing in it or right before it: fields may be unknown, cut or wrong by that much */
	const void *fields; /* struct proto_msg_KIND */
	/*
	 * args.data: the text of the message, for as much as the decoder keeps (say in messages.def what it is). data_total
	 * is the length that it really had: more than n_data when it was cut.
	 */
	const uint8_t *data;
	size_t n_data;
	uint64_t data_total;
};

/* ---- connections ---- */

struct proto_conn {
	/* set by the consumer */
	uint64_t id; /* with pid: the connection */
	uint32_t pid;
	int32_t fd;  /* -1: not known */
	bool is_tls; /* the bytes were taken from a TLS library, in the clear */
	uint64_t max_bytes; /* that a decoder may keep for this connection, buffers of both directions together */
	void (*emit)(void *arg, struct proto_conn *c, const struct proto_message *m);
	void *arg;
	/* set by the decoder when it knows: */
	enum proto_role role;
	bool is_ignored; /* not this protocol after all, or nothing to be had any more: nothing needs to be fed from now on */
};

static inline void proto_emit(struct proto_conn *c, const struct proto_message *m)
{
	c->emit(c->arg, c, m);
}

/* bytes that follow what was fed in this direction before (but for gaps, which are announced) */
struct proto_piece {
	enum proto_direction direction;
	const uint8_t *bytes;
	size_t n; /* at least 1 */
	/*
	 * where the bytes stand in the call (write, SSL_read, ...) that passed them: those calls are no boundaries of
	 * messages in general, but a good place to begin anew after a gap. call_total is the whole length of the call.
	 */
	uint64_t call_offset, call_total;
	struct proto_at at;
};

#define PROTO_LOST_UNKNOWN UINT64_MAX

enum proto_match {
	PROTO_NO,    /* certainly not */
	PROTO_MAYBE, /* too few bytes to tell: asked again with more */
	PROTO_YES
};

struct proto_ops {
	const char *name;
	size_t state_size;
	bool is_by_name; /* bytes are never recognised as this: whoever says so gets it */
	/* do these first bytes of a connection in this direction (or of a call, when its beginning was missed) belong to it? */
	enum proto_match (*recognise)(enum proto_direction d, const uint8_t *bytes, size_t n);
	void (*feed)(void *state, struct proto_conn *c, const struct proto_piece *p);
	/* bytes are missing here, so many or PROTO_LOST_UNKNOWN; the next piece of this direction begins after them */
	void (*gap)(void *state, struct proto_conn *c, enum proto_direction d, uint64_t lost);
	/*
	 * bytes passed that nobody can see (sendfile): p->bytes is NULL, p->n of them. They are not lost, a body can be counted by
	 * them. NULL: as a gap
	 */
	void (*skip)(void *state, struct proto_conn *c, const struct proto_piece *p);
	/*
	 * is this, received, the answer to something that was not seen to be sent yet? A call that sends is seen when it returns: by
	 * then another thread may have read the answer. The consumer waits a little for the question. NULL: cannot be told
	 */
	bool (*is_early)(const void *state, const struct proto_conn *c,
			 const struct proto_piece *p);
	/* the connection is over: emit what is still to be said, free what was allocated. The state is not used again */
	void (*end)(void *state, struct proto_conn *c);
	/* bytes that were allocated beyond the state; NULL: none, or few */
	size_t (*memory)(const void *state);
};

/* the decoder of that name ("http"), or NULL */
const struct proto_ops *proto_find(struct str name);
/* all of them, in the order in which "auto" asks; NULL at the end */
extern const struct proto_ops *const proto_all[];

#endif
