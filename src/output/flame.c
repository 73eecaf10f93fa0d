/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Trees of frames; see flame.h. Nodes are found by a table over (parent, kind, name), because the children of one frame can
 * be thousands; the walks that print are bounded by the depth of stacks, so they may call themselves.
 */
#include "output/flame.h"

#include "base/vec.h"

#include <inttypes.h>

struct flame_tree *flame_tree_new(void)
{
	struct flame_tree *t = base_alloc(sizeof(*t));

	arena_init(&t->arena);
	t->root = arena_new(&t->arena, struct flame_node);
	t->root->name = STR("all");
	t->root->kind = FLAME_LABEL;
	return t;
}

void flame_tree_free(struct flame_tree *t)
{
	if (!t)
		return;
	hashmap_free(&t->nodes);
	arena_free(&t->arena);
	free(t);
}

static bool has_stack(const struct type *t)
{
	if (t->kind == TYPE_USTACK || t->kind == TYPE_KSTACK)
		return true;
	for (uint32_t i = 0; (t->kind == TYPE_TUPLE || t->kind == TYPE_RECORD) && i < t->n_fields;
	     i++)
		if (has_stack(t->fields[i].type))
			return true;
	return false;
}

bool flame_fits(const struct image_map *m)
{
	if (m->role != MAP_SCRIPT || m->is_scalar || !m->key_type || !has_stack(m->key_type))
		return false;
	switch (m->value_type->kind) {
	case TYPE_INT:
	case TYPE_COUNT:
	case TYPE_SUM:
	case TYPE_STATS:
	case TYPE_HIST:
	case TYPE_LHIST: return true;
	default: return false; /* averages, least and greatest values cannot be added up */
	}
}

static struct flame_node *get_child(struct flame_tree *t, struct flame_node *parent,
				    enum flame_kind kind, struct str name)
{
	struct flame_node *n;
	STRBUF_AUTO key = { 0 };

	strbuf_add(&key, &parent, sizeof(parent));
	strbuf_putc(&key, (char)kind);
	strbuf_add_str(&key, name);
	n = hashmap_get(&t->nodes, strbuf_str(&key));
	if (n)
		return n;
	n = arena_new(&t->arena, struct flame_node);
	n->name = arena_str(&t->arena, name);
	n->kind = kind;
	n->next = parent->child;
	parent->child = n;
	parent->n_children++;
	hashmap_put(&t->nodes, arena_str(&t->arena, strbuf_str(&key)), n);
	return n;
}

/* ---- an entry of a map ---- */

struct step {
	enum flame_kind kind;
	size_t at, n; /* the name, in names */
};

/* the parts of a key, gathered before anything is known of the other parts */
struct path {
	const struct value_env *env;
	struct strbuf names;
	VEC(struct step) labels, user, kernel; /* outermost first */
	VEC(struct step) stack;                /* the one that is being read, leaf first */
	struct strbuf suffix;
};

static struct step take_name(struct path *p, enum flame_kind kind, struct str name)
{
	struct step s = { kind, p->names.n, name.n };

	strbuf_add_str(&p->names, name);
	return s;
}

static void take_frame(void *arg, const struct stack_frame *f)
{
	struct path *p = arg;

	vec_push(&p->stack, take_name(p, (enum flame_kind)f->kind, f->name));
}

static void take_stack(struct path *p, const struct type *t, const void *data)
{
	p->stack.n = 0;
	value_stack_frames(p->env, t, data, take_frame, p);
	for (size_t i = p->stack.n; i > 0; i--) {
		if (t->kind == TYPE_USTACK)
			vec_push(&p->user, p->stack.v[i - 1]);
		else
			vec_push(&p->kernel, p->stack.v[i - 1]);
	}
}

static void take_part(struct path *p, const struct type *t, const void *data)
{
	STRBUF_AUTO text = { 0 };

	if (t->kind == TYPE_TUPLE || t->kind == TYPE_RECORD) {
		for (uint32_t i = 0; i < t->n_fields; i++)
			take_part(p, t->fields[i].type, (const char *)data + t->fields[i].offset);
		return;
	}
	if (t->kind == TYPE_USTACK || t->kind == TYPE_KSTACK) {
		take_stack(p, t, data);
		return;
	}
	value_put(p->env, VALUE_TEXT, t, data, &text);
	if (str_starts(strbuf_str(&text), STR("_[")))
		strbuf_add_str(&p->suffix, strbuf_str(&text));
	else
		vec_push(&p->labels, take_name(p, FLAME_LABEL, strbuf_str(&text)));
}

static struct flame_node *go_down(struct flame_tree *t, struct flame_node *at, const struct path *p,
				  const struct step *s, size_t n, bool is_last)
{
	for (size_t i = 0; i < n; i++) {
		struct str name = str_make(p->names.p + s[i].at, s[i].n);
		STRBUF_AUTO with = { 0 };

		if (is_last && i + 1 == n && p->suffix.n) {
			strbuf_add_str(&with, name);
			strbuf_add_str(&with, strbuf_str(&p->suffix));
			name = strbuf_str(&with);
		}
		at = get_child(t, at, s[i].kind, name);
	}
	return at;
}

/* totals are summed once all is there */
static uint64_t sum_up(struct flame_node *n)
{
	n->total = n->self;
	for (struct flame_node *c = n->child; c; c = c->next)
		n->total += sum_up(c);
	return n->total;
}

void flame_tree_add(struct flame_tree *t, const struct value_env *env, const struct type *key_type,
		    const void *key, int64_t value)
{
	struct path p = { .env = env };
	struct flame_node *at = t->root;

	if (value < 0)
		t->n_negative++;
	if (value <= 0)
		return;
	take_part(&p, key_type, key);
	at = go_down(t, at, &p, p.labels.v, p.labels.n, !p.user.n && !p.kernel.n);
	at = go_down(t, at, &p, p.user.v, p.user.n, !p.kernel.n);
	at = go_down(t, at, &p, p.kernel.v, p.kernel.n, true);
	at->self += (uint64_t)value;
	strbuf_free(&p.names);
	strbuf_free(&p.suffix);
	vec_free(&p.labels);
	vec_free(&p.user);
	vec_free(&p.kernel);
	vec_free(&p.stack);
}

static void merge(struct flame_tree *into, struct flame_node *at, const struct flame_node *from)
{
	at->self += from->self;
	for (const struct flame_node *c = from->child; c; c = c->next)
		merge(into, get_child(into, at, c->kind, c->name), c);
}

void flame_tree_merge(struct flame_tree *into, struct str label, const struct flame_tree *from)
{
	into->n_negative += from->n_negative;
	if (from->root->child || from->root->self)
		merge(into, label.n ? get_child(into, into->root, FLAME_LABEL, label) : into->root,
		      from->root);
}

static int name_order(const void *a, const void *b)
{
	const struct flame_node *const *x = a, *const *y = b;
	int c = str_cmp((*x)->name, (*y)->name);

	return c ? c : (int)(*x)->kind - (int)(*y)->kind;
}

static void sort_children(struct flame_node *n)
{
	struct flame_node **all = base_alloc((n->n_children + 1) * sizeof(*all));
	struct flame_node **tail = &n->child;
	size_t k = 0;

	for (struct flame_node *c = n->child; c; c = c->next)
		all[k++] = c;
	qsort(all, k, sizeof(*all), name_order);
	for (size_t i = 0; i < k; i++) {
		*tail = all[i];
		tail = &all[i]->next;
		sort_children(all[i]);
	}
	*tail = NULL;
	free(all);
}

void flame_tree_sort(struct flame_tree *t)
{
	sort_children(t->root);
	sum_up(t->root);
}

/* ---- folded ---- */

/* a name that cannot be taken for two frames, nor for two lines */
static void put_plain(struct strbuf *out, struct str name)
{
	for (size_t i = 0; i < name.n; i++) {
		unsigned char c = (unsigned char)name.p[i];

		strbuf_putc(out, c == ';' ? ':' : c < ' ' || c == 0x7f ? ' ' : (char)c);
	}
}

static void put_node(const struct flame_node *n, struct strbuf *line, struct strbuf *out)
{
	static const char *const marks[] = {
		[FLAME_KERNEL] = "_[k]", [FLAME_INLINED] = "_[i]", [FLAME_JIT] = "_[j]", [FLAME_LABEL] = NULL
	};
	size_t before = line->n;

	if (before)
		strbuf_putc(line, ';');
	put_plain(line, n->name);
	if (marks[n->kind] && !(str_ends(n->name, STR("]")) && str_find(n->name, STR("_[")) >= 0))
		strbuf_puts(line, marks[n->kind]);
	if (n->self) {
		strbuf_add_str(out, strbuf_str(line));
		strbuf_printf(out, " %" PRIu64 "\n", n->self);
	}
	for (const struct flame_node *c = n->child; c; c = c->next)
		put_node(c, line, out);
	line->n = before;
}

void flame_put_folded(const struct flame_tree *t, struct strbuf *out)
{
	STRBUF_AUTO line = { 0 };

	if (t->root->self)
		strbuf_printf(out, "[no stack] %" PRIu64 "\n", t->root->self);
	for (const struct flame_node *c = t->root->child; c; c = c->next)
		put_node(c, &line, out);
}
