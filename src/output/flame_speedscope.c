/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A tree as a file for speedscope (also read by others): the frames once, then a sample with its weight for each stack that
 * something ended in. https://www.speedscope.app/file-format-schema.json
 */
#include "base/vec.h"
#include "output/flame.h"
#include "output/json.h"

#include <inttypes.h>

struct scope {
	struct strbuf *frames, samples, weights;
	struct hashmap numbers; /* kind and name -> number + 1 */
	struct arena arena;
	VEC(uint32_t) stack;
	uint32_t n_frames;
	uint64_t n_samples;
};

static uint32_t frame_number(struct scope *s, const struct flame_node *n)
{
	static const char *const files[] = { [FLAME_KERNEL] = "[kernel]",
					     [FLAME_INLINED] = "[inlined]",
					     [FLAME_JIT] = "[JIT]",
					     [FLAME_LABEL] = "[key]" };
	STRBUF_AUTO key = { 0 };
	uintptr_t number;

	strbuf_putc(&key, (char)n->kind);
	strbuf_add_str(&key, n->name);
	number = (uintptr_t)hashmap_get(&s->numbers, strbuf_str(&key));
	if (number)
		return (uint32_t)number - 1;
	hashmap_put(&s->numbers, arena_str(&s->arena, strbuf_str(&key)),
		    (void *)(uintptr_t)(s->n_frames + 1));
	strbuf_puts(s->frames, s->n_frames ? ",\n{\"name\":" : "\n{\"name\":");
	json_put_string(s->frames, n->name);
	if (files[n->kind]) {
		strbuf_puts(s->frames, ",\"file\":");
		json_put_string(s->frames, str_from(files[n->kind]));
	}
	strbuf_putc(s->frames, '}');
	return s->n_frames++;
}

static void put_sample(struct scope *s, uint64_t weight)
{
	strbuf_puts(&s->samples, s->n_samples ? ",\n[" : "\n[");
	for (size_t i = 0; i < s->stack.n; i++)
		strbuf_printf(&s->samples, i ? ",%u" : "%u", s->stack.v[i]);
	strbuf_putc(&s->samples, ']');
	strbuf_printf(&s->weights, s->n_samples ? ",%" PRIu64 : "%" PRIu64, weight);
	s->n_samples++;
}

static void walk(struct scope *s, const struct flame_node *n)
{
	if (n->self)
		put_sample(s, n->self);
	for (const struct flame_node *c = n->child; c; c = c->next) {
		vec_push(&s->stack, frame_number(s, c));
		walk(s, c);
		s->stack.n--;
	}
}

void flame_put_speedscope(const struct flame_tree *t, struct str title, struct strbuf *out)
{
	struct scope s = { .frames = out };

	strbuf_puts(out, "{\"$schema\":\"https://www.speedscope.app/file-format-schema.json\","
			 "\"exporter\":\"sonde\",\"name\":");
	json_put_string(out, title);
	strbuf_puts(out, ",\n\"shared\":{\"frames\":[");
	walk(&s, t->root);
	strbuf_puts(out, "]},\n\"profiles\":[{\"type\":\"sampled\",\"unit\":\"none\",\"name\":");
	json_put_string(out, title);
	strbuf_printf(out, ",\"startValue\":0,\"endValue\":%" PRIu64 ",\n\"samples\":[",
		      t->root->total);
	strbuf_add_str(out, strbuf_str(&s.samples));
	strbuf_puts(out, "],\n\"weights\":[");
	strbuf_add_str(out, strbuf_str(&s.weights));
	strbuf_puts(out, "]}]}\n");
	strbuf_free(&s.samples);
	strbuf_free(&s.weights);
	vec_free(&s.stack);
	hashmap_free(&s.numbers);
	arena_free(&s.arena);
}
