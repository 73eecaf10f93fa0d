/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "redis": commands with their replies, by order. RESP is cut into values by resp.c; the side that sends commands is known by
 * the first one (by its name), or the other side by a reply. Commands wait in a queue; what no command asks for (published
 * messages, MONITOR's lines, invalidations) is passed over.
 *
 * After a gap a direction waits for a call that begins like a value. Until no command waits any more, what is said is marked as
 * lost, and of several commands that wait none gets a reply that may be another's.
 */
#include "proto/decoders.h"
#include "proto/fifo.h"
#include "proto/redis_private.h"
#include "proto/resp.h"

#include <stdlib.h>

/* commands that wait: more are said at once, without their replies */
#define MAX_WAITING 4096

struct redis_side {
	struct resp resp;
	bool is_in_sync;
	struct proto_at at; /* of the value that is being read */
	uint64_t bytes;
	struct proto_text arg; /* commands: the argument; replies: the first string */
	uint64_t n_strings;
	char type; /* of the reply */
	bool is_open, is_error, is_null, is_inline;
	struct proto_text error;
};

struct redis_state {
	struct redis_side side[2];
	FIFO(struct redis_command);
	struct redis_command building;
	size_t cost;
	uint64_t n_to_skip;        /* replies of commands that were said already */
	bool is_unsure, is_silent; /* after a gap; CLIENT REPLY OFF */
	bool is_subscribed, is_monitor;
	bool is_proven; /* a command was seen, whole: the role is no guess */
	bool is_answered; /* commands on lines could be any text: a reply, or a command in RESP, proves them */
};

static void say(struct redis_state *st, struct proto_conn *c, struct redis_command *cmd,
		const struct redis_side *reply, uint64_t nsecs)
{
	struct proto_msg_redis f = { .command = proto_text_str(&cmd->name),
				     .key = proto_text_str(&cmd->key),
				     .text = proto_text_str(&cmd->text),
				     .n_args = cmd->n_args,
				     .request_bytes = cmd->bytes,
				     .duration = -1 };
	struct proto_message m = { .kind = PROTO_KIND_redis,
				   .direction = c->role == PROTO_CLIENT ? PROTO_OUT : PROTO_IN,
				   .at = cmd->at,
				   .lost = cmd->lost,
				   .fields = &f,
				   .data = (const uint8_t *)proto_text_str(&cmd->text).p,
				   .n_data = cmd->text.n,
				   .data_total = cmd->text.total };

	if (!st->is_answered)
		return;
	if (reply) {
		static const struct {
			char type;
			const char *name;
		} types[] = { { '+', "string" },   { '-', "error" },  { ':', "integer" },
			      { '$', "bulk" },     { '*', "array" },  { '#', "boolean" },
			      { ',', "double" },   { '(', "number" }, { '!', "error" },
			      { '=', "verbatim" }, { '%', "map" },    { '~', "set" },
			      { '>', "push" } };

		for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
			if (types[i].type == reply->type)
				f.reply_type = str_from(types[i].name);
		if (reply->is_null)
			f.reply_type = STR("nil");
		f.error = proto_text_str(&reply->error);
		f.response_bytes = reply->bytes;
		f.duration = proto_span(cmd->at.nsecs, nsecs);
	}
	proto_emit(c, &m);
}

static void drop_first(struct redis_state *st)
{
	struct redis_command *cmd = st->first;

	fifo_pop(st);
	st->cost -= redis_command_cost(cmd);
	st->n_to_skip += cmd->n_skipped;
	redis_command_clear(cmd);
	free(cmd);
}

/* all that wait are said without replies */
static void flush(struct redis_state *st, struct proto_conn *c, bool lost)
{
	while (st->first) {
		st->first->lost |= lost;
		say(st, c, st->first, NULL, 0);
		drop_first(st);
	}
	st->n_to_skip = 0;
}

static void push_command(struct redis_state *st, struct proto_conn *c)
{
	struct redis_command *cmd = &st->building;
	struct redis_command *kept;

	if (st->is_unsure)
		flush(st, c, true);
	cmd->lost |= st->is_unsure;
	if (cmd->reply_word == 2)
		st->is_silent = false;
	else if (cmd->reply_word == 1)
		st->is_silent = true;
	if (st->is_silent) { /* there will be no reply */
		say(st, c, cmd, NULL, 0);
		redis_command_clear(cmd);
		return;
	}
	st->is_subscribed |= str_ends(proto_text_str(&cmd->name), STR("SUBSCRIBE"));
	st->is_monitor |= str_is(proto_text_str(&cmd->name), "MONITOR");
	kept = st->n < MAX_WAITING && st->cost < c->max_bytes / 2 ? calloc(1, sizeof(*kept)) : NULL;
	if (!kept && st->last) {
		st->last->n_skipped++;
		cmd->lost = true;
		say(st, c, cmd, NULL, 0);
		redis_command_clear(cmd);
		return;
	}
	if (!kept) { /* out of memory */
		redis_command_clear(cmd);
		return;
	}
	*kept = *cmd;
	memset(cmd, 0, sizeof(*cmd));
	st->cost += redis_command_cost(kept);
	fifo_push(st, kept);
}

/* is it nobody's reply: published, an invalidation, a line of MONITOR? */
static bool is_unasked(const struct redis_state *st, const struct redis_side *s)
{
	static const char *const words[] = { "message",     "pmessage",     "smessage",
					     "subscribe",   "psubscribe",   "ssubscribe",
					     "unsubscribe", "punsubscribe", "sunsubscribe" };
	struct str word = proto_text_str(&s->arg);

	if (st->first && str_eq_nocase(word, proto_text_str(&st->first->name)))
		return false;
	if (s->type == '>')
		return true;
	if (s->type == '+' && st->is_monitor && word.n && word.p[0] >= '0' && word.p[0] <= '9')
		return true;
	if (s->type != '*' || !st->is_subscribed)
		return false;
	return STR_IS_ONE_OF(word, words);
}

static void take_reply(struct redis_state *st, struct proto_conn *c, struct redis_side *s,
		       uint64_t nsecs)
{
	st->is_answered = true;
	if (is_unasked(st, s))
		return;
	if (st->n_to_skip) {
		st->n_to_skip--;
		return;
	}
	if (!st->first)
		return;
	/* whose reply is it? */
	if (st->is_unsure && st->n != 1)
		return;
	st->first->lost |= st->is_unsure;
	if (str_ends(proto_text_str(&st->first->name), STR("SYNC")) && !s->is_error)
		c->is_ignored = true; /* what follows is replication */
	say(st, c, st->first, s, nsecs);
	drop_first(st);
	if (!st->first && !st->n_to_skip)
		st->is_unsure = false;
}

static void side_lose(struct redis_state *st, struct proto_conn *c, enum proto_direction d)
{
	struct redis_side *s = &st->side[d];

	resp_reset(&s->resp);
	s->is_in_sync = s->is_open = false;
	proto_text_clear(&s->arg);
	redis_command_clear(&st->building);
	st->is_unsure = st->n > 0;
	if (!st->is_proven) {
		c->role = PROTO_ROLE_UNKNOWN;
		st->side[PROTO_IN].is_in_sync = st->side[PROTO_OUT].is_in_sync = false;
	}
}

static bool is_commands(const struct proto_conn *c, enum proto_direction d)
{
	return (c->role == PROTO_CLIENT) == (d == PROTO_OUT);
}

static void begin_value(struct redis_state *st, struct proto_conn *c, enum proto_direction d,
			const struct proto_at *at)
{
	struct redis_side *s = &st->side[d];

	s->at = *at;
	s->bytes = 0;
	s->n_strings = 0;
	s->type = 0;
	s->is_error = s->is_null = s->is_inline = false;
	proto_text_clear(&s->arg);
	proto_text_clear(&s->error);
	if (is_commands(c, d))
		redis_command_clear(&st->building);
}

/* a token of the side that asks; false: that is no command */
static bool take_command_token(struct redis_state *st, struct redis_side *s,
			       const struct resp_token *t)
{
	struct redis_command *cmd = &st->building;

	switch (t->kind) {
	case RESP_OPEN: return t->is_at_top && t->type == '*';
	case RESP_PART:
		if (t->is_at_top || t->type != '$')
			return false;
		proto_text_add_str(&s->arg, t->text, REDIS_MAX_ARG);
		return true;
	case RESP_BULK:
		redis_command_add(cmd, proto_text_str(&s->arg), s->arg.total);
		proto_text_clear(&s->arg);
		return true;
	case RESP_BAD: /* a line that is no RESP is a command, too */
		if (!t->is_at_top || memchr(t->text.p, 0, t->text.n))
			return false;
		redis_command_add_line(cmd, t->text);
		s->is_inline = true;
		return true;
	case RESP_MORE: return true;
	default: return false;
	}
}

static bool take_reply_token(struct redis_side *s, const struct resp_token *t)
{
	if (t->kind == RESP_MORE)
		return true;
	if (t->kind == RESP_BAD)
		return false;
	if (t->is_at_top && t->type != '|' && !s->type) {
		s->type = t->type;
		s->is_null = t->kind == RESP_NULL;
		s->is_error = t->type == '-' || t->type == '!';
		if (t->kind == RESP_SCALAR)
			proto_text_set(t->type == '-' ? &s->error : &s->arg, t->text,
				       REDIS_MAX_ARG);
	}
	if (t->kind == RESP_PART && s->n_strings == 0)
		proto_text_add_str(s->type == '!' ? &s->error : &s->arg, t->text, REDIS_MAX_NAME);
	if (t->kind == RESP_SCALAR && !t->is_at_top && s->n_strings++ == 0)
		proto_text_set(&s->arg, t->text, REDIS_MAX_NAME);
	s->n_strings += t->kind == RESP_BULK;
	return true;
}

/* a command is complete; false: the first one, and of a name that nobody knows */
static bool take_command(struct redis_state *st, struct proto_conn *c, const struct redis_side *s)
{
	struct redis_command *cmd = &st->building;

	if (cmd->n_args && !st->is_proven) {
		st->is_proven = cmd->info || str_find_char(proto_text_str(&cmd->name), '.', 0) > 0;
		if (!st->is_proven)
			return false;
	}
	cmd->at = s->at;
	cmd->bytes = s->bytes;
	st->is_answered |= !s->is_inline;
	if (cmd->n_args)
		push_command(st, c);
	redis_command_clear(cmd);
	return true;
}

/* may this direction be read from here? Sets the role where it is not known */
static bool find_sync(struct proto_conn *c, enum proto_direction d, const uint8_t *bytes, size_t n)
{
	if (c->role == PROTO_ROLE_UNKNOWN) {
		if (redis_looks_command(bytes, n) != PROTO_NO ||
		    redis_looks_inline(bytes, n, true) != PROTO_NO)
			c->role = d == PROTO_OUT ? PROTO_CLIENT : PROTO_SERVER;
		else if (redis_looks_reply(bytes, n) != PROTO_NO)
			c->role = d == PROTO_OUT ? PROTO_SERVER : PROTO_CLIENT;
		else
			return false;
	}
	if (is_commands(c, d))
		return bytes[0] == '*' || redis_looks_inline(bytes, n, true) != PROTO_NO;
	return memchr("+-:$*_#,(!=%~>|", bytes[0], 15) != NULL;
}

static void redis_feed(void *state, struct proto_conn *c, const struct proto_piece *p)
{
	struct redis_state *st = state;
	struct redis_side *s = &st->side[p->direction];
	const uint8_t *at = p->bytes, *end = p->bytes + p->n, *from;
	struct resp_token t;
	bool ok, is_asking;

	if (!s->is_in_sync) {
		if (p->call_offset != 0 || !find_sync(c, p->direction, at, p->n))
			return;
		s->is_in_sync = true;
		resp_reset(&s->resp);
	}
	is_asking = is_commands(c, p->direction);
	while (at < end && !c->is_ignored) {
		if (!s->is_open)
			begin_value(st, c, p->direction, &p->at);
		s->is_open = true;
		from = at;
		resp_next(&s->resp, &at, end, &t);
		s->bytes += (uint64_t)(at - from);
		ok = is_asking ? take_command_token(st, s, &t) : take_reply_token(s, &t);
		s->is_open = !t.is_value && !s->is_inline;
		if (ok && is_asking && !s->is_open)
			ok = take_command(st, c, s);
		else if (ok && t.is_value)
			take_reply(st, c, s, p->at.nsecs);
		if (!ok) {
			side_lose(st, c, p->direction);
			return;
		}
	}
}

static void redis_gap(void *state, struct proto_conn *c, enum proto_direction d, uint64_t lost)
{
	struct redis_state *st = state;
	struct redis_side *s = &st->side[d];

	if (!s->is_in_sync) {
		st->is_unsure |= st->n > 0;
		return;
	}
	if (lost == PROTO_LOST_UNKNOWN || !resp_skip(&s->resp, lost)) {
		side_lose(st, c, d);
		return;
	}
	/* in the middle of a string: its length is known, its text ends where the gap begins */
	s->bytes += lost;
	s->arg.total += lost;
	if (is_commands(c, d))
		st->building.lost = true;
	else if (st->first)
		st->first->lost = true;
}

static void redis_end(void *state, struct proto_conn *c)
{
	struct redis_state *st = state;

	flush(st, c, false);
	redis_command_clear(&st->building);
	for (int d = 0; d < 2; d++) {
		resp_free(&st->side[d].resp);
		proto_text_free(&st->side[d].arg);
		proto_text_free(&st->side[d].error);
	}
}

static size_t redis_memory(const void *state)
{
	const struct redis_state *st = state;

	return st->cost + st->building.text.room;
}

static enum proto_match redis_recognise(enum proto_direction d, const uint8_t *bytes, size_t n)
{
	enum proto_match m;

	if (n == 0)
		return PROTO_MAYBE;
	m = redis_looks_command(bytes, n);
	if (m == PROTO_NO)
		m = redis_looks_inline(bytes, n, false);
	if (m == PROTO_NO)
		m = redis_looks_reply(bytes, n);
	return m;
}

const struct proto_ops proto_redis = {
	.name = "redis",
	.state_size = sizeof(struct redis_state),
	.recognise = redis_recognise,
	.feed = redis_feed,
	.gap = redis_gap,
	.end = redis_end,
	.memory = redis_memory,
};
