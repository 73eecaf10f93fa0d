/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of connections: found by process and id, thrown out by age, bounded in number and memory. */
#include "stream/private.h"

#include "base/arena.h"

#include <stdlib.h>

static uint32_t bucket_of(const struct image_stream_key *key)
{
	uint64_t h = (key->id ^ (uint64_t)key->pid << 40) * 0x9e3779b97f4a7c15ull;

	return (uint32_t)(h >> 52) % STREAM_BUCKETS;
}

static bool key_equal(const struct image_stream_key *a, const struct image_stream_key *b)
{
	return a->id == b->id && a->pid == b->pid;
}

struct stream_conn *stream_conn_find(struct stream *s, const struct image_stream_key *key)
{
	struct stream_conn *c = s->buckets[bucket_of(key)];

	while (c && !key_equal(&c->key, key))
		c = c->chain;
	return c;
}

static void list_remove(struct stream *s, struct stream_conn *c)
{
	*(c->older ? &c->older->newer : &s->oldest) = c->newer;
	*(c->newer ? &c->newer->older : &s->newest) = c->older;
	c->older = c->newer = NULL;
}

static void list_add(struct stream *s, struct stream_conn *c)
{
	c->older = s->newest;
	c->newer = NULL;
	*(s->newest ? &s->newest->newer : &s->oldest) = c;
	s->newest = c;
}

void stream_conn_touch(struct stream *s, struct stream_conn *c)
{
	if (s->newest == c)
		return;
	list_remove(s, c);
	list_add(s, c);
}

static void emit(void *arg, struct proto_conn *p, const struct proto_message *m)
{
	stream_message_emit(arg, p, m);
}

struct stream_conn *stream_conn_new(struct stream *s, const struct image_stream_key *key)
{
	struct stream_conn *c = base_alloc(sizeof(*c));
	uint32_t i = bucket_of(key);

	if (s->n_conns >= STREAM_CONNS) {
		s->stats.n_evicted++;
		stream_conn_end(s, s->oldest);
	}
	c->s = s;
	c->key = *key;
	c->conn = (struct proto_conn){
		.id = key->id, .fd = -1, .max_bytes = STREAM_CONN_BYTES, .emit = emit, .arg = c
	};
	c->chain = s->buckets[i];
	s->buckets[i] = c;
	list_add(s, c);
	s->n_conns++;
	s->stats.n_connections++;
	return c;
}

static struct join_sink sink_of(struct stream_conn *c)
{
	return (struct join_sink){ stream_decode_feed, stream_decode_gap, c };
}

void stream_conn_flush(struct stream_conn *c, uint64_t now, bool at_end)
{
	struct join_sink sink = sink_of(c);

	join_age(&c->join[0], now, at_end, &sink);
	join_age(&c->join[1], now, at_end, &sink);
}

void stream_conn_finish(struct stream_conn *c, const uint64_t pos[2])
{
	struct join_sink sink = sink_of(c);

	for (int d = 0; d < 2 && !c->is_done; d++)
		join_finish(&c->join[d], (enum proto_direction)d, pos[d], &sink);
}

/* what the kernel's side counted and we have not seen, when the connection ends without a word */
static void look_for_more(struct stream *s, struct stream_conn *c)
{
	struct image_stream_state state;
	struct err *err;

	err = s->o.ops->map_lookup(s->o.engine, s->o.image->streams_map, &c->key, &state);
	if (!err && state.epoch == c->epoch)
		stream_conn_finish(c, state.pos);
	err_free(err);
}

void stream_conn_end(struct stream *s, struct stream_conn *c)
{
	struct stream_conn **at = &s->buckets[bucket_of(&c->key)];

	stream_conn_flush(c, 0, true);
	stream_decode_end(c);
	join_reset(&c->join[0]);
	join_reset(&c->join[1]);
	while (*at != c)
		at = &(*at)->chain;
	*at = c->chain;
	list_remove(s, c);
	s->n_conns--;
	free(c);
}

void stream_conn_end_now(struct stream *s, struct stream_conn *c)
{
	look_for_more(s, c);
	stream_conn_end(s, c);
}

void stream_conn_torn(struct stream_conn *c)
{
	stream_conn_flush(c, 0, true);
	for (int d = 0; d < 2; d++) {
		if (!c->join[d].is_begun)
			continue;
		join_reset(&c->join[d]);
		stream_decode_gap(c, (enum proto_direction)d, PROTO_LOST_UNKNOWN);
	}
}

void stream_conn_account(struct stream *s, struct stream_conn *c)
{
	size_t now = c->ops && c->ops->memory ? c->ops->memory(c->state) : 0;

	s->memory += now - c->memory;
	c->memory = now;
	while (s->memory > STREAM_ALL_BYTES && s->oldest != c) {
		s->stats.n_evicted++;
		stream_conn_end(s, s->oldest);
	}
}
