/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bounded text of decoders: see text.h. Out of memory is a text that stays short and says so by its total. */
#include "proto/text.h"

#include <stdlib.h>

void proto_text_free(struct proto_text *t)
{
	free(t->p);
	memset(t, 0, sizeof(*t));
}

void proto_text_add(struct proto_text *t, const void *p, size_t n, size_t most)
{
	t->total += n;
	if (n > most - (t->n < most ? t->n : most))
		n = most - (t->n < most ? t->n : most);
	if (n == 0)
		return;
	if (t->n + n > t->room) {
		size_t room = t->room ? t->room : 64;
		char *more;

		while (room < t->n + n)
			room *= 2;
		more = realloc(t->p, room);
		if (!more)
			return;
		t->p = more;
		t->room = room;
	}
	memcpy(t->p + t->n, p, n);
	t->n += n;
}

bool proto_line_take(struct proto_text *t, const uint8_t **p, const uint8_t *end, size_t most,
		     struct str *line)
{
	const uint8_t *nl = memchr(*p, '\n', (size_t)(end - *p));
	size_t n = (size_t)((nl ? nl : end) - *p);
	bool is_whole;

	if (nl && t->total == 0) { /* the frequent case: nothing is copied */
		*line = str_make((const char *)*p, n < most ? n : most);
		is_whole = n <= most;
	} else {
		proto_text_add(t, *p, n, most);
		*line = proto_text_str(t);
		is_whole = t->total == t->n;
	}
	*p = nl ? nl + 1 : end;
	if (is_whole && line->n && line->p[line->n - 1] == '\r')
		line->n--;
	return nl != NULL;
}

bool proto_text_fill(struct proto_text *t, const uint8_t **p, const uint8_t *end, uint64_t want,
		     size_t most)
{
	uint64_t need = want > t->total ? want - t->total : 0;
	size_t n = (size_t)(end - *p);

	if (n > need)
		n = (size_t)need;
	proto_text_add(t, *p, n, most);
	*p += n;
	return t->total >= want;
}

bool proto_decimal(struct str s, uint64_t *out)
{
	uint64_t v = 0;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9' || v > (INT64_MAX - 9) / 10)
			return false;
		v = v * 10 + (uint64_t)(s.p[i] - '0');
	}
	*out = v;
	return s.n > 0;
}
