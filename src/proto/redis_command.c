/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands of Redis: their names, where their first key is, their text as people write it; and what the first bytes of a
 * connection must look like to be taken for Redis.
 */
#include "proto/redis_private.h"

#include <ctype.h>
#include <stdlib.h>

static const struct redis_info infos[] = {
#define REDIS_COMMAND(name, key, flags) { name, key, flags },
#include "proto/redis_commands.def"
};

static int compare(const void *key, const void *entry)
{
	return str_cmp(*(const struct str *)key,
		       str_from(((const struct redis_info *)entry)->name));
}

/* the entry of a name in any case; NULL: unknown */
static const struct redis_info *find(struct str name)
{
	char upper[REDIS_MAX_NAME];
	struct str s = str_make(upper, name.n);

	if (name.n > sizeof(upper))
		return NULL;
	for (size_t i = 0; i < name.n; i++)
		upper[i] = (char)toupper((unsigned char)name.p[i]);
	return bsearch(&s, infos, sizeof(infos) / sizeof(infos[0]), sizeof(infos[0]), compare);
}

void redis_command_clear(struct redis_command *cmd)
{
	proto_text_free(&cmd->name);
	proto_text_free(&cmd->key);
	proto_text_free(&cmd->text);
	memset(cmd, 0, sizeof(*cmd));
}

size_t redis_command_cost(const struct redis_command *cmd)
{
	return sizeof(*cmd) + cmd->name.room + cmd->key.room + cmd->text.room;
}

static void add(struct redis_command *cmd, const char *p, size_t n)
{
	proto_text_add(&cmd->text, p, n, REDIS_MAX_TEXT);
}

/* as redis-cli would take it: plain words as they are, others in quotes */
static void add_word(struct redis_command *cmd, struct str s, uint64_t total)
{
	static const char digits[] = "0123456789abcdef";
	bool is_plain = s.n > 0;

	for (size_t i = 0; i < s.n && is_plain; i++)
		is_plain = (unsigned char)s.p[i] > ' ' && s.p[i] != 0x7f && s.p[i] != '"' &&
			   s.p[i] != '\'' && s.p[i] != '\\';
	if (is_plain) {
		add(cmd, s.p, s.n);
	} else {
		add(cmd, "\"", 1);
		for (size_t i = 0; i < s.n; i++) {
			unsigned char c = (unsigned char)s.p[i];
			char hex[4] = { '\\', 'x', digits[c >> 4], digits[c & 15] };

			if (c == '\n' || c == '\r' || c == '\t')
				add(cmd, c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t", 2);
			else if (c < ' ' || c == 0x7f)
				add(cmd, hex, 4);
			else if (c == '"' || c == '\\')
				add(cmd, (const char[]){ '\\', (char)c }, 2);
			else
				add(cmd, s.p + i, 1);
		}
		add(cmd, "\"", 1);
	}
	if (total > s.n)
		add(cmd, "...", 3);
}

static void add_name(struct redis_command *cmd, struct str text)
{
	char upper[REDIS_MAX_NAME];
	size_t n = text.n < sizeof(upper) ? text.n : sizeof(upper);

	for (size_t i = 0; i < n; i++)
		upper[i] = (char)toupper((unsigned char)text.p[i]);
	proto_text_set(&cmd->name, str_make(upper, n), sizeof(upper));
	cmd->info = find(text);
	/* modules put the key first nearly always */
	cmd->key_at = cmd->info ? cmd->info->key : 1;
	if (str_is(proto_text_str(&cmd->name), "AUTH"))
		cmd->hidden_from = 1;
}

/* what an argument tells of those behind it */
static void look_ahead(struct redis_command *cmd, struct str text)
{
	struct str name = proto_text_str(&cmd->name);
	uint32_t at = (uint32_t)cmd->n_args;

	if (cmd->info && cmd->info->flags & REDIS_NUMKEYS && at + 1 == cmd->key_at &&
	    str_is(text, "0"))
		cmd->key_at = 0;
	if (cmd->info && cmd->info->flags & REDIS_STREAMS && !cmd->key_at &&
	    str_eq_nocase(text, STR("STREAMS")))
		cmd->key_at = at + 1;
	if ((str_is(name, "HELLO") || str_is(name, "MIGRATE")) && !cmd->hidden_from &&
	    (str_eq_nocase(text, STR("AUTH")) || str_eq_nocase(text, STR("AUTH2"))))
		cmd->hidden_from = at + 1;
	if (str_is(name, "CLIENT") && at == 1 && str_eq_nocase(text, STR("REPLY")))
		cmd->reply_word = 3;
	else if (cmd->reply_word == 3)
		cmd->reply_word = str_eq_nocase(text, STR("ON")) ? 2 : 1;
}

void redis_command_add(struct redis_command *cmd, struct str text, uint64_t total)
{
	uint64_t at = cmd->n_args;

	if (at)
		add(cmd, " ", 1);
	if (at == 0)
		add_name(cmd, text);
	else
		look_ahead(cmd, text);
	if (at && at == cmd->key_at) {
		proto_text_set(&cmd->key, text, REDIS_MAX_ARG);
		cmd->key.total = total;
	}
	if (cmd->hidden_from && at >= cmd->hidden_from)
		add(cmd, "(redacted)", 10);
	else
		add_word(cmd, text, total);
	cmd->n_args++;
}

void redis_command_add_line(struct redis_command *cmd, struct str line)
{
	line = str_trim(line);
	while (line.n) {
		struct str word = str_split(&line, ' ');

		if (word.n)
			redis_command_add(cmd, word, word.n);
	}
}

/* "<mark>digits\r\n" at *at; *at then stands behind it */
static enum proto_match take_count(struct str s, size_t *at, char mark)
{
	size_t i = *at;

	if (i == s.n)
		return PROTO_MAYBE;
	if (s.p[i++] != mark)
		return PROTO_NO;
	if (i < s.n && (s.p[i] < '1' || s.p[i] > '9'))
		return PROTO_NO;
	while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9')
		i++;
	if (i - *at > 11)
		return PROTO_NO;
	if (i < s.n && s.p[i] != '\r')
		return PROTO_NO;
	if (i + 1 < s.n && s.p[i + 1] != '\n')
		return PROTO_NO;
	*at = i + 2;
	return i + 1 < s.n ? PROTO_YES : PROTO_MAYBE;
}

enum proto_match redis_looks_command(const uint8_t *bytes, size_t n)
{
	struct str s = str_make((const char *)bytes, n);
	size_t at = 0, from;
	enum proto_match m = take_count(s, &at, '*');

	if (m == PROTO_YES)
		m = take_count(s, &at, '$');
	if (m != PROTO_YES)
		return m;
	for (from = at; at < n && (isalpha(bytes[at]) || bytes[at] == '_' || bytes[at] == '.');
	     at++)
		;
	if (at == n)
		return at - from > REDIS_MAX_NAME ? PROTO_NO : PROTO_MAYBE;
	if (bytes[at] != '\r' || at == from)
		return PROTO_NO;
	s = str_sub(s, from, at);
	/* modules have names with a dot */
	return find(s) || str_find_char(s, '.', 0) > 0 ? PROTO_YES : PROTO_NO;
}

/* what tools send by hand, or load balancers to ask whether it is alive; with the words that they must have */
enum proto_match redis_looks_inline(const uint8_t *bytes, size_t n, bool any)
{
	static const struct {
		const char *name;
		unsigned least, most;
	} rows[] = { { "PING", 1, 2 },   { "INFO", 1, 3 },    { "GET", 2, 2 },
		     { "SET", 3, 9 },    { "INCR", 2, 2 },    { "DEL", 2, 9 },
		     { "DBSIZE", 1, 1 }, { "MONITOR", 1, 1 }, { "FLUSHALL", 1, 2 } };
	struct str line = str_make((const char *)bytes, n), word;
	ptrdiff_t newline = str_find_char(line, '\n', 0);
	unsigned n_words = 1;

	if (newline >= 0)
		line = str_trim(str_sub(line, 0, (size_t)newline));
	for (size_t i = 0; i < line.n; i++)
		if (line.p[i] < ' ' || line.p[i] == 0x7f)
			return newline < 0 && line.p[i] == '\r' && i + 1 == n ? PROTO_MAYBE
									      : PROTO_NO;
	if (newline < 0)
		return n < 64 && isalpha(bytes[0]) ? PROTO_MAYBE : PROTO_NO;
	if (str_find(line, STR(" HTTP/")) >= 0)
		return PROTO_NO;
	word = str_split(&line, ' ');
	if (any)
		return find(word) ? PROTO_YES : PROTO_NO;
	for (struct str rest = line; rest.n; n_words++)
		str_split(&rest, ' ');
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (str_eq_nocase(word, str_from(rows[i].name)))
			return n_words >= rows[i].least && n_words <= rows[i].most ? PROTO_YES
										   : PROTO_NO;
	return PROTO_NO;
}

enum proto_match redis_looks_reply(const uint8_t *bytes, size_t n)
{
	static const char *const replies[] = { "+OK\r\n",     "+PONG\r\n",   "+QUEUED\r\n",
					       "-ERR ",       "-NOAUTH ",    "-WRONGTYPE ",
					       "-MOVED ",     "-ASK ",       "-LOADING ",
					       "-WRONGPASS ", "-NOPERM ",    "-READONLY ",
					       "-NOSCRIPT ",  "-EXECABORT ", "-BUSY " };
	struct str s = str_make((const char *)bytes, n);
	enum proto_match best = PROTO_NO;
	size_t i = 1;

	if (bytes[0] == '+' || bytes[0] == '-') {
		for (size_t k = 0; k < sizeof(replies) / sizeof(replies[0]); k++) {
			struct str r = str_from(replies[k]);

			if (str_starts(s, r))
				return PROTO_YES;
			if (str_starts(r, s))
				best = PROTO_MAYBE;
		}
		return best;
	}
	if (!memchr("$:*%~>,_#(", bytes[0], 10))
		return PROTO_NO;
	for (i += i < n && bytes[1] == '-'; i < n && isdigit(bytes[i]); i++)
		;
	if (i == n || (i + 1 == n && bytes[i] == '\r'))
		return n < 24 ? PROTO_MAYBE : PROTO_NO;
	return i > 1 && bytes[i] == '\r' && bytes[i + 1] == '\n' ? PROTO_YES : PROTO_NO;
}
