/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See secrets.h. */
#include "output/secrets.h"

#include "base/arena.h"
#include "base/hashmap.h"
#include "output/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_SECRET = 256, MAX_LINES = 1 << 20 };

struct log_file {
	struct str path;
	int fd;
	struct hashmap lines;
};

struct secrets {
	VEC(struct log_file *) logs;
	VEC(struct capture *) captures;
	VEC(struct str) capture_paths;
	struct hashmap lines; /* of the captures */
	struct arena arena;
};

/* the secrets are those of the traced processes: nobody else may read the file, new or not */
static struct err *open_log(struct secrets *s, struct str path)
{
	struct log_file *f = arena_new(&s->arena, struct log_file);
	const char *name;
	struct stat st;

	vec_each(known, &s->logs)
		if (str_eq((*known)->path, path))
			return NULL;
	f->path = arena_str(&s->arena, path); /* ends in a NUL */
	name = f->path.p;
	f->fd = open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (f->fd < 0)
		return err_new(errno, "write the key log '%s'", name);
	if (fstat(f->fd, &st) || (S_ISREG(st.st_mode) && fchmod(f->fd, 0600))) {
		int code = errno;

		close(f->fd);
		return err_new(code, "make the key log '%s' readable for its owner only", name);
	}
	vec_push(&s->logs, f);
	return NULL;
}

static struct err *open_capture(struct secrets *s, struct str path)
{
	struct capture *c;

	vec_each(known, &s->capture_paths)
		if (str_eq(*known, path))
			return NULL;
	TRY(capture_start(path, &c));
	vec_push(&s->captures, c);
	vec_push(&s->capture_paths, arena_str(&s->arena, path));
	return NULL;
}

struct err *secrets_extend(struct secrets **s, const struct image *im)
{
	for (uint32_t i = 0; i < im->n_events; i++) {
		const struct event_layout *l = im->events[i];

		if (l->kind != EVENT_KEYLOG && l->kind != EVENT_PCAPNG)
			continue;
		if (!*s) {
			*s = base_alloc(sizeof(**s));
			**s = (struct secrets){ 0 };
			arena_init(&(*s)->arena);
		}
		if (l->kind == EVENT_PCAPNG)
			TRY(open_capture(*s, l->format));
		else if (l->format.n)
			TRY(open_log(*s, l->format));
	}
	return NULL;
}

/* the bytes of a buffer or string in stored form */
static struct str field_bytes(const struct event_field *f, const char *payload)
{
	const char *p = payload + f->offset;
	uint32_t n;

	if (f->type->kind == TYPE_STRING)
		return str_make(p, strnlen(p, f->type->size));
	if (f->type->kind != TYPE_BUFFER || f->type->size < sizeof(n))
		return STR_NULL;
	memcpy(&n, p, sizeof(n));
	return str_make(p + sizeof(n),
			n < f->type->size - sizeof(n) ? n : f->type->size - sizeof(n));
}

static void put_hex(struct strbuf *b, struct str bytes)
{
	for (size_t i = 0; i < bytes.n; i++)
		strbuf_printf(b, "%02x", (uint8_t)bytes.p[i]);
}

static bool is_new(struct secrets *s, struct hashmap *lines, struct str line)
{
	if (hashmap_get(lines, line))
		return false;
	if (lines->n < MAX_LINES)
		hashmap_put(lines, arena_str(&s->arena, line), s);
	return true;
}

static struct err *write_line(const struct log_file *f, struct str line)
{
	ssize_t n = write(f->fd, line.p, line.n);

	return n == (ssize_t)line.n ? NULL
				    : err_new(n < 0 ? errno : ENOSPC, "write the key log '%.*s'",
					      STR_ARG(f->path));
}

struct err *secrets_add(struct secrets *s, const struct event_layout *l, const char *payload)
{
	STRBUF_AUTO line = { 0 };
	struct str label, random, secret;

	if (!s || l->n_fields != 3)
		return NULL;
	label = field_bytes(&l->fields[0], payload);
	random = field_bytes(&l->fields[1], payload);
	secret = field_bytes(&l->fields[2], payload);
	if (!label.n || !random.n || !secret.n || secret.n > MAX_SECRET)
		return NULL;
	for (size_t i = 0; i < label.n; i++)
		strbuf_putc(&line, label.p[i] > ' ' && label.p[i] <= '~' ? label.p[i] : '_');
	strbuf_putc(&line, ' ');
	put_hex(&line, random);
	strbuf_putc(&line, ' ');
	put_hex(&line, secret);
	strbuf_putc(&line, '\n');
	if (s->captures.n && is_new(s, &s->lines, strbuf_str(&line)))
		vec_each(c, &s->captures)
			capture_add_secrets(*c, strbuf_str(&line));
	vec_each(f, &s->logs)
		if (str_eq((*f)->path, l->format) && is_new(s, &(*f)->lines, strbuf_str(&line)))
			return write_line(*f, strbuf_str(&line));
	return NULL;
}

struct err *secrets_round(struct secrets *s, bool is_end)
{
	struct err *first = NULL;

	if (!s)
		return NULL;
	vec_each(c, &s->captures) {
		struct err *err = capture_round(*c, is_end);

		if (first)
			err_free(err);
		else
			first = err;
	}
	return first;
}

uint64_t secrets_lost(const struct secrets *s)
{
	uint64_t n = 0;

	if (s)
		vec_each(c, &s->captures)
			n += capture_lost(*c);
	return n;
}

void secrets_free(struct secrets *s)
{
	if (!s)
		return;
	vec_each(f, &s->logs) {
		close((*f)->fd);
		hashmap_free(&(*f)->lines);
	}
	vec_each(c, &s->captures)
		capture_free(*c);
	vec_free(&s->logs);
	vec_free(&s->captures);
	vec_free(&s->capture_paths);
	hashmap_free(&s->lines);
	arena_free(&s->arena);
	free(s);
}
