/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MySQL and MariaDB, what clients say: the answer to the greeting, and commands, which begin with sequence number 0. Passwords
 * are never kept. https://mariadb.com/kb/en/clientserver-protocol/
 */
#include "proto/mysql_private.h"

#define FLAG_CONNECT_WITH_DB (1u << 3)
#define FLAG_COMPRESS (1u << 5)
#define FLAG_SSL (1u << 11)
#define FLAG_SECURE_CONNECTION (1u << 15)
#define FLAG_AUTH_LENENC (1u << 21)
#define FLAG_ZSTD (1u << 26)

static uint32_t le32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static struct str take_text(const uint8_t **p, const uint8_t *end)
{
	const uint8_t *from = *p, *nul = *p < end ? memchr(*p, 0, (size_t)(end - *p)) : NULL;

	*p = nul ? nul + 1 : end;
	return str_make((const char *)from, (size_t)((nul ? nul : end) - from));
}

/* the client's flags, then its name and the rest of the handshake */
static void take_login(struct mysql_state *st, struct proto_conn *c, const struct mysql_side *s,
		       const uint8_t *p, const uint8_t *end)
{
	uint32_t flags = end - p >= 4 ? le32(p) : 0;
	uint64_t n = 0;

	if (end - p < 32) { /* of before 4.1 */
		c->is_ignored = true;
		return;
	}
	if (end - p == 32) { /* it asks for TLS, the rest follows inside */
		if (flags & FLAG_SSL && !c->is_tls)
			c->is_ignored = true;
		return;
	}
	p += 32;
	proto_text_set(&st->user, take_text(&p, end), MYSQL_MAX_ANSWER);
	if (flags & FLAG_AUTH_LENENC) {
		if (!mysql_take_number(&p, end, &n))
			n = 0;
		p += n < (uint64_t)(end - p) ? (size_t)n : (size_t)(end - p);
	} else if (flags & FLAG_SECURE_CONNECTION) {
		n = p < end ? *p++ : 0;
		p += n < (uint64_t)(end - p) ? (size_t)n : (size_t)(end - p);
	} else {
		take_text(&p, end);
	}
	if (flags & FLAG_CONNECT_WITH_DB)
		proto_text_set(&st->database, take_text(&p, end), MYSQL_MAX_ANSWER);
	st->is_compressed = flags & st->server_flags & (FLAG_COMPRESS | FLAG_ZSTD);
	st->phase = MYSQL_LOGIN;
	mysql_item_new(st, c, MYSQL_CONNECT, &s->at);
}

/* a text that may have attributes before it (MySQL 8): with none of them these are two bytes, 0 and 1 */
static struct str take_query(const uint8_t *p, const uint8_t *end)
{
	if (end - p >= 2 && p[0] == 0 && p[1] == 1)
		p += 2;
	else if (end - p >= 2 && p[0] < '\t' && p[1] == 1)
		return STR("<unknown>"); /* behind attributes of any types */
	return str_make((const char *)p, (size_t)(end - p));
}

/* no answer is to be expected of these */
static bool is_mute(uint8_t command)
{
	return command == 0x01 || command == 0x18 || command == 0x19;
}

static void take_execute(struct mysql_state *st, struct mysql_item *it, const uint8_t *p,
			 const uint8_t *end)
{
	struct mysql_statement *s;
	uint32_t id;

	if (end - p < 4)
		return;
	id = le32(p);
	s = mysql_statement_find(st, id == UINT32_MAX ? st->newest_id : id);
	proto_text_set(&it->query, s ? proto_text_str(&s->text) : STR("<unknown>"),
		       MYSQL_MAX_QUERY);
	if (s)
		it->query.total = s->text.total;
}

static void take_command(struct mysql_state *st, struct proto_conn *c, struct mysql_side *s,
			 const uint8_t *p, const uint8_t *end)
{
	uint8_t command = *p++;
	struct mysql_item *it;

	if (command == 0x12 || command == 0x13 || command == 0x1e) {
		c->is_ignored = true; /* what follows is replication */
		return;
	}
	if (command == 0x19 && end - p >= 4)
		mysql_statement_forget(st, le32(p));
	if (is_mute(command) || !mysql_command_name(command))
		return;
	if (st->is_unsure)
		mysql_flush(st, c, true);
	it = mysql_item_new(st, c, command, &s->at);
	if (!it)
		return;
	it->request_bytes = s->bytes;
	switch (command) {
	case 0x03:
	case 0x16:
		proto_text_set(&it->query, take_query(p, end), MYSQL_MAX_QUERY);
		it->query.total += s->payload.total - s->payload.n;
		break;
	case 0x02: /* Init DB */
		proto_text_set(&it->query, str_make((const char *)p, (size_t)(end - p)),
			       MYSQL_MAX_ANSWER);
		break;
	case 0x17:
	case 0x1a:
	case 0x1c:
	case 0xfa: take_execute(st, it, p, end); break;
	default: break;
	}
	st->bytes += it->query.room;
}

void mysql_front(struct mysql_state *st, struct proto_conn *c, enum proto_direction d)
{
	struct mysql_side *s = &st->side[d];
	const uint8_t *p = (const uint8_t *)proto_text_str(&s->payload).p;
	const uint8_t *end = p + s->payload.n;

	if (st->phase == MYSQL_GREETING)
		take_login(st, c, s, p, end);
	else if (st->phase == MYSQL_COMMANDS && s->sequence == 0 && p < end)
		take_command(st, c, s, p, end);
	/* others belong to logging in, or are a file that the server asked for */
}
