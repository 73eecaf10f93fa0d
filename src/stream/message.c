/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A message becomes the arguments of the clauses on it: written into the map that they read, field by field as the shape's
 * record says, then they are run one after the other.
 */
#include "stream/private.h"

#include "base/arena.h"

#include <stdlib.h>
#include <time.h>

static const struct {
	const char *name;
	int what;
} common[] = {
	{ "local", ARG_LOCAL },   { "local_port", ARG_LOCAL_PORT },
	{ "remote", ARG_REMOTE }, { "remote_port", ARG_REMOTE_PORT },
	{ "fd", ARG_FD },         { "conn", ARG_CONN },
	{ "role", ARG_ROLE },     { "direction", ARG_DIRECTION },
	{ "tls", ARG_TLS },       { "lost", ARG_LOST },
	{ "data", ARG_DATA },
};

/* ---- once: who reads what ---- */

static struct stream_arg plan_arg(const struct type_field *f, const struct proto_kind_info *info)
{
	struct stream_arg a = { .offset = (uint32_t)sizeof(struct image_message) + f->offset,
				.size = f->type->size };

	for (size_t i = 0; i < sizeof(common) / sizeof(*common); i++)
		if (str_is(f->name, common[i].name))
			a.what = common[i].what;
	/* a field of the kind hides none of the common ones: their names differ */
	for (uint32_t i = 0; i < info->n_fields; i++)
		if (str_is(f->name, info->fields[i].name)) {
			a.what = ARG_FIELD;
			a.field = &info->fields[i];
		}
	return a;
}

static void plan_kind(struct stream_kind *k, enum proto_kind kind, const struct type *args)
{
	k->args = base_alloc((args->n_fields + 1) * sizeof(*k->args));
	k->n_args = args->n_fields;
	k->size = (uint32_t)sizeof(struct image_message) + args->size;
	for (uint32_t i = 0; i < args->n_fields; i++)
		k->args[i] = plan_arg(&args->fields[i], &proto_kinds[kind]);
}

static void add_program(struct stream *s, uint32_t prog, const struct probe_shape *shape)
{
	int kind = proto_kind_find(shape->points[0].symbol);
	struct stream_kind *k;

	if (kind < 0 || !shape->args)
		return;
	k = &s->kinds[kind];
	if (!k->args)
		plan_kind(k, (enum proto_kind)kind, shape->args);
	k->progs = base_realloc(k->progs, (k->n_progs + 1) * sizeof(*k->progs));
	k->progs[k->n_progs++] = prog;
}

static uint64_t clock_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void stream_messages_init(struct stream *s)
{
	const struct image *im = s->o.image;
	uint64_t boot = clock_ns(CLOCK_BOOTTIME);

	for (uint32_t i = 0; i < im->n_progs; i++)
		if (im->progs[i]->shape->kind == PROBE_MESSAGE && im->progs[i]->shape->n_points)
			add_program(s, i, im->progs[i]->shape);
	s->offset[CLOCK_STORED_MONOTONIC] = boot - clock_ns(CLOCK_MONOTONIC);
	s->offset[CLOCK_STORED_TAI] = boot - clock_ns(CLOCK_TAI);
}

void stream_messages_free(struct stream *s)
{
	for (int i = 0; i < PROTO_N_KINDS; i++) {
		free(s->kinds[i].progs);
		free(s->kinds[i].args);
	}
}

/* ---- for each message ---- */

/* stored form: NULs behind the text; the last byte says whether it was cut */
static void put_string(char *to, uint32_t size, struct str text)
{
	size_t n = text.n;

	if (!size)
		return;
	if (n >= size)
		n = size - 1;
	if (n)
		memcpy(to, text.p, n);
	memset(to + n, 0, size - n);
	if (text.n > n)
		to[size - 1] = 1;
}

static void put_field(char *to, const struct stream_arg *a, const struct proto_message *m)
{
	const char *from = (const char *)m->fields + a->field->offset;

	if (a->field->type == PROTO_STRING) {
		struct str text;

		memcpy(&text, from, sizeof(text));
		put_string(to, a->size, text);
	} else {
		memcpy(to, from, a->size);
	}
}

static struct str role_name(enum proto_role role)
{
	return role == PROTO_CLIENT   ? STR("client")
	       : role == PROTO_SERVER ? STR("server")
				      : STR("");
}

static void put_arg(char *to, const struct stream_arg *a, const struct stream_conn *c,
		    const struct proto_message *m)
{
	struct stored_blob blob = { c->s->message_id, m->n_data };

	switch (a->what) {
	case ARG_NOTHING: memset(to, 0, a->size); break;
	case ARG_FIELD: put_field(to, a, m); break;
	case ARG_LOCAL: memcpy(to, &c->local, sizeof(c->local)); break;
	case ARG_REMOTE: memcpy(to, &c->remote, sizeof(c->remote)); break;
	case ARG_LOCAL_PORT: memcpy(to, &c->local_port, 2); break;
	case ARG_REMOTE_PORT: memcpy(to, &c->remote_port, 2); break;
	case ARG_FD: memcpy(to, &c->conn.fd, 4); break;
	case ARG_CONN: memcpy(to, &c->key.id, 8); break;
	case ARG_ROLE: put_string(to, a->size, role_name(c->conn.role)); break;
	case ARG_DIRECTION:
		put_string(to, a->size, m->direction == PROTO_OUT ? STR("sent") : STR("recv"));
		break;
	case ARG_TLS: *to = c->conn.is_tls; break;
	case ARG_LOST: *to = m->lost; break;
	case ARG_DATA: memcpy(to, &blob, sizeof(blob)); break;
	}
}

static void write_message(char *to, const struct stream_kind *k, const struct stream_conn *c,
			  const struct proto_message *m)
{
	struct image_message head = { .cgroup = m->at.cgroup,
				      .pid = m->at.pid,
				      .tid = m->at.tid,
				      .uid = m->at.uid,
				      .gid = m->at.gid };

	for (int i = 0; i < 3; i++)
		head.nsecs[i] = m->at.nsecs - c->s->offset[i];
	memcpy(head.comm, m->at.comm, sizeof(head.comm));
	memcpy(to, &head, sizeof(head));
	for (uint32_t i = 0; i < k->n_args; i++)
		put_arg(to + k->args[i].offset, &k->args[i], c, m);
}

void stream_message_emit(void *conn, struct proto_conn *p, const struct proto_message *m)
{
	struct stream_conn *c = conn;
	struct stream *s = c->s;
	const struct stream_kind *k = &s->kinds[m->kind];
	void *to = s->o.ops->message(s->o.engine);

	(void)p;
	s->stats.n_messages++;
	if (!k->n_progs || !to || s->err)
		return;
	s->message_id++;
	s->data = str_make((const char *)m->data, m->n_data);
	s->data_total = m->data_total > m->n_data ? m->data_total : m->n_data;
	write_message(to, k, c, m);
	for (uint32_t i = 0; i < k->n_progs && !s->err; i++)
		s->err = s->o.ops->run_message(s->o.engine, k->progs[i], s->o.on_event,
					       s->o.on_event_arg);
	s->data = STR_NULL;
}

bool stream_blob(void *arg, uint64_t id, struct str *bytes, uint64_t *total)
{
	const struct stream *s = arg;

	if (!s || id != s->message_id || (!s->data.p && s->data_total))
		return false;
	*bytes = s->data;
	*total = s->data_total;
	return true;
}
