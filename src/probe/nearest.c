/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The few closest names, kept sorted while names stream by: tens of thousands of symbols cost no memory. */
#include "probe/nearest.h"

static struct str lower(struct str s, char buf[128])
{
	size_t n = s.n < 127 ? s.n : 127;

	for (size_t i = 0; i < n; i++)
		buf[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] | 0x20) : s.p[i];
	buf[n] = 0;
	return str_make(buf, n);
}

void nearest_init(struct nearest *x, struct str want)
{
	*x = (struct nearest){ .want = want };
}

/* what counts as close: a third of the name's letters may be wrong */
static unsigned limit_of(struct str want)
{
	return want.n < 3 ? 1 : (unsigned)(want.n / 3 > 6 ? 6 : want.n / 3);
}

static unsigned distance_of(struct str want, struct str name)
{
	unsigned limit = limit_of(want), d;
	char a[128], b[128];

	want = lower(want, a);
	name = lower(name, b);
	d = str_distance(want, name, limit);
	if (d <= limit)
		return d;
	/* a part of the other: behind everything that is a slip of the finger, nearer lengths first */
	if (want.n >= 4 && str_find(name, want) >= 0)
		return limit + 1 + (unsigned)(name.n - want.n);
	return UINT32_MAX;
}

void nearest_offer(struct nearest *x, struct str name)
{
	unsigned d, i;

	if (name.n == 0 || name.n > 127 || x->want.n > 127)
		return;
	d = distance_of(x->want, name);
	if (d == UINT32_MAX || (x->n == NEAREST_MAX && d >= x->best[NEAREST_MAX - 1].distance))
		return;
	for (i = 0; i < x->n; i++)
		if (str_is(name, x->best[i].name))
			return;
	i = x->n < NEAREST_MAX ? x->n++ : NEAREST_MAX - 1;
	for (; i > 0 && x->best[i - 1].distance > d; i--)
		x->best[i] = x->best[i - 1];
	x->best[i].distance = d;
	memcpy(x->best[i].name, name.p, name.n);
	x->best[i].name[name.n] = 0;
}

struct str nearest_hint(const struct nearest *x, struct arena *a)
{
	STRBUF_AUTO b = { 0 };

	if (x->n == 0)
		return STR_NULL;
	strbuf_puts(&b, "Did you mean ");
	for (unsigned i = 0; i < x->n; i++)
		strbuf_printf(&b, "%s%s",
			      i == 0          ? ""
			      : i + 1 == x->n ? " or "
					      : ", ",
			      x->best[i].name);
	strbuf_putc(&b, '?');
	return arena_str(a, strbuf_str(&b));
}
