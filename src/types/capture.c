/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A capture plan carried out in C (capture.h has the rules): what generated programs do in the kernel is compared with it,
 * and values of a live process can be captured without any program. Also the way back: which segment an edge led to.
 *
 * The stored form is bytes of a traced process. capture_find believes no length in it.
 */
#include "types/capture.h"

struct run {
	const struct capture *c;
	bool (*read)(void *arg, uint64_t addr, void *buf, uint32_t n);
	void *arg;
	char *out;
	uint32_t used; /* of out, head included */
	uint32_t steps;
	uint32_t flags;
};

static uint32_t round_up(uint32_t n)
{
	return (n + 7) & ~7u;
}

static uint64_t load(const char *p, uint32_t size)
{
	uint64_t v = 0;

	memcpy(&v, p, size < 8 ? size : 8);
	return v;
}

static bool cond_met(const struct capture_cond *c, const char *elem)
{
	uint64_t v;

	if (!c->size)
		return true;
	v = load(elem + c->offset, c->size) & c->mask;
	return (v - c->lo <= c->span) != c->invert;
}

static uint64_t count_of(const struct capture_edge *e, const char *elem, uint64_t addr,
			 uint32_t size)
{
	uint64_t v;
	int64_t diff;

	switch (e->count_kind) {
	case CAPTURE_COUNT_CONST: return (uint64_t)e->count_add;
	case CAPTURE_COUNT_FIELD:
	case CAPTURE_COUNT_POWER:
		v = load(elem + e->count_offset, e->count_size);
		if (e->count_mask)
			v &= e->count_mask;
		v = (v >> e->count_shift) + (uint64_t)e->count_add;
		if (e->count_kind == CAPTURE_COUNT_FIELD)
			return v;
		return v > 31 ? 0 : 1ull << v;
	case CAPTURE_COUNT_DIFF:
		diff = (int64_t)(load(elem + e->count_offset, 8) - addr);
		return diff < 0 ? 0 : (uint64_t)diff / size + (uint64_t)e->count_add;
	default: return e->max; /* text: what is found decides */
	}
}

/* bpf_probe_read_user_str: bytes with the NUL, at most n; 0 when the first cannot be read */
static uint32_t read_text(struct run *r, uint64_t addr, char *to, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (!r->read(r->arg, addr + i, to + i, 1))
			return 0;
		if (i + 1 == n)
			to[i] = 0;
		if (!to[i])
			return i + 1;
	}
	return 0;
}

static void follow(struct run *r, uint32_t index, const char *elem, uint32_t origin)
{
	const struct capture_edge *e = &r->c->edges[index];
	uint32_t size = r->c->nodes[e->node].size, room;
	struct stored_segment seg = { .origin = origin, .edge = index };
	uint64_t addr = load(elem + e->ptr_offset, 8);
	char *to = r->out + r->used;
	uint64_t n;

	for (unsigned i = 0; i < CAPTURE_N_CONDS; i++)
		if (!cond_met(&e->cond[i], elem))
			return;
	if (e->ptr_mask)
		addr &= e->ptr_mask;
	if (!addr)
		return;
	addr += (uint64_t)e->ptr_add;
	seg.count = count_of(e, elem, addr, size);
	if (!seg.count)
		return;
	n = seg.count < e->max ? seg.count : e->max;
	room = r->c->max_bytes - r->used;
	room = room < sizeof(seg) ? 0 : (room - (uint32_t)sizeof(seg)) & ~7u;
	if (n * size > room) {
		r->flags |= CAPTURED_CUT;
		n = room / size;
	}
	if (!n)
		return;
	if (e->before)
		addr -= n * size;
	if (e->count_kind == CAPTURE_COUNT_TEXT) {
		seg.n_elems = read_text(r, addr, to + sizeof(seg), (uint32_t)n);
		seg.count = seg.n_elems < n ? seg.n_elems : n + 1;
		if (!seg.n_elems)
			seg.count = 1;
	} else if (r->read(r->arg, addr, to + sizeof(seg), (uint32_t)n * size)) {
		seg.n_elems = (uint32_t)n;
	}
	if (!seg.n_elems)
		r->flags |= CAPTURED_FAULT;
	seg.n_bytes = seg.n_elems * size;
	memcpy(to, &seg, sizeof(seg));
	r->used += (uint32_t)sizeof(seg) + round_up(seg.n_bytes);
}

/* every edge of every element of the segment at this offset of out; false: no steps left */
static bool follow_all(struct run *r, uint32_t at)
{
	struct stored_segment seg;
	const struct capture_node *node;

	memcpy(&seg, r->out + at, sizeof(seg));
	node = &r->c->nodes[seg.edge == CAPTURE_ROOT ? 0 : r->c->edges[seg.edge].node];
	for (uint32_t i = 0; node->n_edges && i < seg.n_elems; i++) {
		uint32_t elem = at + (uint32_t)sizeof(seg) + i * node->size;

		for (uint32_t k = 0; k < node->n_edges; k++) {
			if (r->steps++ == CAPTURE_MAX_STEPS) {
				r->flags |= CAPTURED_CUT;
				return false;
			}
			follow(r, node->first_edge + k, r->out + elem,
			       elem - (uint32_t)sizeof(struct stored_capture));
		}
	}
	return true;
}

uint32_t capture_run(const struct capture *c, const void *root,
		     bool (*read)(void *arg, uint64_t addr, void *buf, uint32_t n), void *arg,
		     void *out)
{
	struct run r = { .c = c, .read = read, .arg = arg, .out = out };
	struct stored_segment first = { .origin = CAPTURE_ROOT,
					.edge = CAPTURE_ROOT,
					.n_elems = c->root_elems,
					.n_bytes = c->root_elems * c->nodes[0].size,
					.count = c->root_elems };
	struct stored_capture head;
	uint32_t at = sizeof(head);

	memset(out, 0, c->max_bytes);
	memcpy(r.out + at, &first, sizeof(first));
	memcpy(r.out + at + sizeof(first), root, first.n_bytes);
	r.used = at + (uint32_t)sizeof(first) + round_up(first.n_bytes);
	while (at < r.used) {
		struct stored_segment seg;

		memcpy(&seg, r.out + at, sizeof(seg));
		if (!follow_all(&r, at))
			break;
		at += (uint32_t)sizeof(seg) + round_up(seg.n_bytes);
	}
	head = (struct stored_capture){ r.used - (uint32_t)sizeof(head), r.flags };
	memcpy(out, &head, sizeof(head));
	return r.used;
}

const struct stored_segment *capture_find(const struct stored_capture *s, uint32_t origin,
					  uint32_t edge)
{
	const char *base = (const char *)(s + 1);
	uint32_t at = 0, n = s->n_bytes < CAPTURE_MAX_BYTES ? s->n_bytes : CAPTURE_MAX_BYTES;

	while (n - at >= sizeof(struct stored_segment)) {
		const struct stored_segment *seg = (const struct stored_segment *)(base + at);
		uint32_t left = n - at - (uint32_t)sizeof(*seg);

		if (seg->n_bytes > left)
			break;
		/* a segment stands behind what it was reached from: no forged one is its own origin */
		if (seg->origin == origin && seg->edge == edge &&
		    (origin == CAPTURE_ROOT || at > origin))
			return seg;
		if (round_up(seg->n_bytes) > left)
			break;
		at += (uint32_t)sizeof(*seg) + round_up(seg->n_bytes);
	}
	return NULL;
}
