/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Plans of captures, step by step (types/capture.h), on types and memory made here: limits, faults, what was cut, conditions,
 * and the paths to .len, .cap and texts. Values of real programs are in test_typed.c.
 */
#include "output/value.h"
#include "types/view.h"

#include <stdlib.h>

#include "tap.h"

static struct arena arena;
static struct type_table tt;
static struct strbuf out;

/* memory of the traced process: one region */
enum { BASE = 0x10000, MEMORY = 16384 };
static uint8_t memory[MEMORY];
static uint64_t stored[CAPTURE_MAX_BYTES / 8 + 1];

static bool read_memory(void *arg, uint64_t addr, void *buf, uint32_t n)
{
	(void)arg;
	if (addr < BASE || addr + n > BASE + MEMORY)
		return false;
	memcpy(buf, memory + (addr - BASE), n);
	return true;
}

static void begin(void)
{
	memset(memory, 0, sizeof(memory));
	arena_init(&arena);
	type_table_init(&tt, &arena);
}

static void end(void)
{
	strbuf_free(&out);
	out = (struct strbuf){ 0 };
	type_table_free(&tt);
	arena_free(&arena);
}

static struct type *make(const char *name, enum type_lang lang, uint32_t size)
{
	struct type *t = type_new_struct(&tt, str_from(name), false);

	t->lang = lang;
	t->size = size;
	t->align = 8;
	t->is_complete = true;
	t->fields = arena_array(&arena, struct type_field, 8);
	return t;
}

static void add(struct type *t, const char *name, const struct type *type, uint32_t offset)
{
	t->fields[t->n_fields++] =
		(struct type_field){ .name = str_from(name), .type = type, .offset = offset };
}

static const struct type *u64(void)
{
	return type_int(8, false);
}

/* &str as rustc describes it; &[T] likewise */
static struct type *make_slice(const char *name, const struct type *elem)
{
	struct type *t = make(name, LANG_RUST, 16);

	add(t, "data_ptr", type_pointer(&tt, elem, SPACE_NONE), 0);
	add(t, "length", u64(), 8);
	return t;
}

static const char *print(const struct type *t, const void *root, enum value_form form)
{
	struct value_env env = { 0 };
	const struct type *c = view_capture(&tt, t);

	strbuf_clear(&out);
	if (!CHECK(c != NULL))
		return "";
	CHECK(capture_run(c->capture, root, read_memory, NULL, stored) <= c->size);
	value_put(&env, form, c, stored, &out);
	return strbuf_cstr(&out);
}

static const char *text(const struct type *t, const void *root)
{
	return print(t, root, VALUE_TEXT);
}

TEST(text_that_fits_is_cut_or_cannot_be_read)
{
	struct type *str;
	uint64_t root[2] = { BASE + 16, 5 };
	STRBUF_AUTO plain = { 0 };
	bool is_cut;

	begin();
	str = make_slice("&str", type_int(1, false));
	memcpy(memory + 16, "hello, world", 12);
	CHECK_STR(text(str, root), "\"hello\"");
	CHECK_STR(print(str, root, VALUE_JSON), "\"hello\"");
	CHECK(value_typed_text(view_capture(&tt, str), stored, &plain, &is_cut));
	CHECK_STR(strbuf_cstr(&plain), "hello");
	CHECK(!is_cut);

	memset(memory + 16, 'x', 5000);
	root[1] = CAPTURE_MAX_TEXT;
	CHECK(!strstr(text(str, root), "..."));
	root[1] = CAPTURE_MAX_TEXT + 1;
	CHECK_HAS(text(str, root), "x\"...");
	CHECK_HAS(print(str, root, VALUE_JSON), "x...\"");

	root[0] = 0x666;
	root[1] = 3;
	CHECK_STR(text(str, root), "<fault at 0x666>");
	CHECK_STR(print(str, root, VALUE_JSON), "\"<fault at 0x666>\"");
	CHECK(((struct stored_capture *)stored)->flags & CAPTURED_FAULT);

	/* nobody looks where an empty text points to: Rust's is 1 */
	root[0] = 1;
	root[1] = 0;
	CHECK_STR(text(str, root), "\"\"");
	CHECK_INT(((struct stored_capture *)stored)->flags, 0);
	end();
}

TEST(sequences_end_at_64_elements)
{
	struct type *ints;
	uint64_t root[2] = { BASE, 65 };
	const char *s;

	begin();
	ints = make_slice("&[u8]", type_int(1, false));
	s = text(ints, root);
	CHECK_HAS(s, ", 0, ...]");
	root[1] = 64;
	CHECK(!strstr(text(ints, root), "..."));
	root[1] = UINT64_MAX;
	CHECK_HAS(text(ints, root), "...]");
	root[1] = 2;
	root[0] = 8;
	CHECK_STR(text(ints, root), "[<fault at 0x8>]");
	end();
}

TEST(bytes_end_at_the_limit)
{
	struct type *big, *all;
	uint64_t root[2] = { BASE, 60 };
	const struct stored_capture *head = (const void *)stored;

	begin();
	big = make("big", LANG_RUST, 200);
	add(big, "n", u64(), 0);
	all = make_slice("&[big]", big);
	/* 4096 - 8 - (24 + 16) - 24 leave room for 20 of them */
	CHECK_HAS(text(all, root), ", ...]");
	CHECK(head->flags & CAPTURED_CUT);
	CHECK(head->n_bytes + sizeof(*head) <= CAPTURE_MAX_BYTES);
	CHECK_INT(capture_find(head, 0 + 24, 0)->n_elems, 20);
	CHECK_INT(capture_find(head, 24, 0)->count, 60);
	end();
}

/* struct node { value: u64, next: Option<Box<node>> } with the niche that rustc uses */
static struct type *make_list(void)
{
	struct type *node = make("m::Node", LANG_RUST, 16);
	struct type *option = make("core::option::Option<alloc::boxed::Box<m::Node>>", LANG_RUST,
				   8);
	struct type *some = make("Some", LANG_RUST, 8);
	struct type_variant *v = arena_array(&arena, struct type_variant, 2);

	add(some, "__0",
	    type_pointer_named(&tt, node, SPACE_NONE, LANG_RUST,
			       STR("alloc::boxed::Box<m::Node, alloc::alloc::Global>")),
	    0);
	v[0] = (struct type_variant){ .name = STR("None"),
				      .has_value = true,
				      .type = make("None", LANG_RUST, 8) };
	v[1] = (struct type_variant){ .name = STR("Some"), .type = some };
	option->variants = v;
	option->n_variants = 2;
	option->discr = (struct type_field){ .type = u64(), .offset = 0 };
	add(node, "value", u64(), 0);
	add(node, "next", option, 8);
	return node;
}

TEST(lists_are_cycles_of_a_small_plan)
{
	struct type *node;
	uint64_t root[2] = { 1, BASE };
	const struct capture *c;

	begin();
	node = make_list();
	c = view_capture(&tt, node)->capture;
	CHECK_INT(c->n_nodes, 2);
	CHECK_INT(c->n_edges, 2);
	CHECK(view_capture(&tt, node) == view_capture(&tt, node));
	memcpy(memory, (uint64_t[]){ 2, BASE + 16, 3, 0 }, 32);
	CHECK_STR(text(node, root), "Node { value: 1, next: Some(Node { value: 2, next: "
				    "Some(Node { value: 3, next: None }) }) }");
	CHECK_STR(
		print(node, root, VALUE_JSON),
		"{\"value\": 1, \"next\": {\"value\": 2, \"next\": {\"value\": 3, \"next\": null}}}");
	/* a ring ends where the bytes do, and says so */
	memcpy(memory + 24, (uint64_t[]){ BASE }, 8);
	CHECK_HAS(text(node, root), "...");
	end();
}

TEST(conditions_spare_what_is_no_pointer)
{
	struct type *node;
	uint64_t root[2] = { 1, 0 };
	struct capture_cond cond;

	begin();
	node = make_list();
	cond = view_capture(&tt, node)->capture->edges[0].cond[0];
	/* not the value of None */
	CHECK_INT(cond.offset, 8);
	CHECK_INT(cond.size, 8);
	CHECK(cond.invert && cond.lo == 0 && cond.span == 0);
	CHECK_STR(text(node, root), "Node { value: 1, next: None }");
	CHECK_INT(((struct stored_capture *)stored)->flags, 0);
	end();
}

TEST(steps_of_a_plan)
{
	/* one node of pointers to bytes: before, masks, adds, powers, texts */
	struct capture_node nodes[2] = { { 16, 0, 4 }, { 1, 4, 0 } };
	struct capture_edge edges[4] = {
		{ .node = 1, .count_add = 3, .max = 2, .before = true },
		{ .node = 1, .ptr_mask = ~7ull, .ptr_add = 2, .count_add = 1, .max = 9 },
		{ .node = 1,
		  .count_kind = CAPTURE_COUNT_POWER,
		  .count_offset = 8,
		  .count_size = 1,
		  .max = 64 },
		{ .node = 1, .count_kind = CAPTURE_COUNT_TEXT, .max = 4 },
	};
	struct capture c = { .nodes = nodes,
			     .n_nodes = 2,
			     .edges = edges,
			     .n_edges = 4,
			     .root_elems = 1,
			     .max_bytes = 512 };
	uint64_t root[2] = { BASE + 5, 3 };
	const struct stored_capture *s = (const void *)stored;
	const struct stored_segment *seg;

	begin();
	memcpy(memory, "0123456789", 10);
	capture_run(&c, root, read_memory, NULL, stored);
	seg = capture_find(s, 24, 0);
	CHECK_INT(seg->count, 3);
	CHECK_INT(seg->n_elems, 2);
	CHECK(memcmp(seg + 1, "34", 2) == 0);
	seg = capture_find(s, 24, 1);
	CHECK(seg->n_elems == 1 && memcmp(seg + 1, "2", 1) == 0);
	seg = capture_find(s, 24, 2);
	CHECK(seg->n_elems == 8 && memcmp(seg + 1, "56789", 5) == 0);
	seg = capture_find(s, 24, 3);
	CHECK(seg->n_elems == 4 && seg->count == 5 && memcmp(seg + 1, "567", 4) == 0);
	CHECK(!capture_find(s, 24, 4));
	CHECK(!capture_find(s, 25, 0));
	/* 1 << 32 is absurd; 0 is no pointer */
	root[1] = 32;
	capture_run(&c, root, read_memory, NULL, stored);
	CHECK(!capture_find(s, 24, 2));
	root[0] = 0;
	capture_run(&c, root, read_memory, NULL, stored);
	CHECK_INT(s->n_bytes, 24 + 16);
	end();
}

TEST(forged_segments_are_not_believed)
{
	struct type *str;
	uint64_t root[2] = { BASE, 3 };
	struct stored_segment *seg;
	struct value_env env = { 0 };
	const struct type *c;

	begin();
	str = make_slice("&str", type_int(1, false));
	memcpy(memory, "abc", 3);
	c = view_capture(&tt, str);
	text(str, root);
	seg = (struct stored_segment *)((char *)stored + 8 + 24 + 16);
	CHECK_INT(seg->n_bytes, 3);
	seg->n_bytes = UINT32_MAX;
	strbuf_clear(&out);
	value_put(&env, VALUE_TEXT, c, stored, &out);
	CHECK_STR(strbuf_cstr(&out), "...");
	((struct stored_capture *)stored)->n_bytes = UINT32_MAX;
	strbuf_clear(&out);
	value_put(&env, VALUE_TEXT, c, stored, &out);
	CHECK_STR(strbuf_cstr(&out), "...");
	end();
}

static uint64_t load(uint64_t addr, uint32_t size)
{
	uint64_t v = 0;

	return read_memory(NULL, addr, &v, size) ? v : 0;
}

/* what the compiler makes of a path */
static uint64_t walk(const struct view_path *p, uint64_t at)
{
	uint64_t v;

	for (uint32_t i = 0; i < p->n_steps; i++)
		at = p->steps[i].kind == VIEW_STEP_DEREF ? load(at, 8) : at + p->steps[i].offset;
	switch (p->what) {
	case VIEW_IS_ADDRESS: return at;
	case VIEW_IS_DIFF: return (load(at + p->end_offset, 8) - load(at, 8)) / p->divide;
	case VIEW_IS_CONST: return p->value;
	case VIEW_IS_CHOICE: return walk(load(at, 1) & 1 ? p->if_set : p->if_clear, BASE);
	default: v = load(at, p->size); return (p->mask ? v & p->mask : v) >> p->shift;
	}
}

static uint64_t ask(const struct type *t, enum view_attr attr)
{
	struct view_path p;

	return CHECK(view_path(&tt, t, attr, &p, NULL)) ? walk(&p, BASE) : 0;
}

TEST(paths_of_strings_and_vectors)
{
	struct type *str, *vec, *base, *impl, *string;
	struct view_path p;

	begin();
	str = make_slice("&str", type_int(1, false));
	memcpy(memory, (uint64_t[]){ BASE + 100, 7 }, 16);
	CHECK_INT(ask(str, VIEW_LEN), 7);
	CHECK_INT(ask(str, VIEW_TEXT), BASE + 100);
	CHECK(view_is_text(&tt, str));
	CHECK(!view_path(&tt, str, VIEW_CAP, &p, NULL));

	/* libstdc++: through base classes, which are members without names */
	vec = make("std::vector<int, std::allocator<int> >", LANG_CXX, 24);
	base = make("std::_Vector_base<int>", LANG_CXX, 24);
	impl = make("impl", LANG_CXX, 24);
	add(impl, "_M_start", type_pointer(&tt, type_int(4, true), SPACE_NONE), 0);
	add(impl, "_M_finish", type_pointer(&tt, type_int(4, true), SPACE_NONE), 8);
	add(impl, "_M_end_of_storage", type_pointer(&tt, type_int(4, true), SPACE_NONE), 16);
	add(base, "_M_impl", impl, 0);
	add(vec, "", base, 0);
	memcpy(memory, (uint64_t[]){ BASE + 200, BASE + 212, BASE + 232 }, 24);
	CHECK_INT(ask(vec, VIEW_LEN), 3);
	CHECK_INT(ask(vec, VIEW_CAP), 8);
	CHECK_INT(ask(vec, VIEW_DATA), BASE + 200);
	memcpy(memory + 200, (int32_t[]){ 5, -6, 7 }, 12);
	CHECK_STR(text(vec, memory), "[5,-6,7]");
	CHECK(!view_is_text(&tt, vec));

	/* a version of which no row knows the members is what its members are */
	string = make("std::basic_string<char, std::char_traits<char> >", LANG_CXX, 8);
	add(string, "other", u64(), 0);
	CHECK(!view_is_text(&tt, string));
	CHECK_STR(text(string, (uint64_t[]){ 9 }), "{ .other = 9 }");
	end();
}

TEST(paths_of_options)
{
	struct type *node;
	const struct type *option;
	struct view_path p;

	begin();
	node = make_list();
	option = node->fields[1].type;
	CHECK(view_path(&tt, option, VIEW_IS_READY, &p, NULL));
	CHECK(p.is_inverted && p.value == 0);
	CHECK(view_path(&tt, option, VIEW_VALUE, &p, NULL));
	CHECK(p.what == VIEW_IS_ADDRESS && p.type->kind == TYPE_POINTER);
	memcpy(memory, (uint64_t[]){ BASE + 64 }, 8);
	CHECK_INT(ask(p.type, VIEW_TARGET), BASE + 64);
	end();
}

TEST(flags_and_bits_of_programs)
{
	static const struct type_enumerator names[] = { { STR_INIT("READ"), 1 },
							{ STR_INIT("WRITE"), 2 },
							{ STR_INIT("ALL"), 7 } };
	struct type *flags, *s;
	struct value_env env = { 0 };
	uint32_t v = 3;

	begin();
	flags = type_new_enum(&tt, STR("flags"), 4, false, names, 3);
	value_put(&env, VALUE_TEXT, flags, &v, &out);
	CHECK_STR(strbuf_cstr(&out), "3"); /* of the kernel: as bpftrace */
	flags->lang = LANG_C;
	strbuf_clear(&out);
	value_put(&env, VALUE_TEXT, flags, &v, &out);
	CHECK_STR(strbuf_cstr(&out), "READ|WRITE");
	v = 9;
	strbuf_clear(&out);
	value_put(&env, VALUE_TEXT, flags, &v, &out);
	CHECK_STR(strbuf_cstr(&out), "9");

	s = make("bits", LANG_C, 4);
	add(s, "low", type_int(4, true), 0);
	s->fields[0].bit_size = 3;
	add(s, "high", type_int(4, false), 0);
	s->fields[1].bit_size = 5;
	s->fields[1].bit_offset = 3;
	v = 0x7d | 1u << 7;
	strbuf_clear(&out);
	value_put(&env, VALUE_TEXT, s, &v, &out);
	CHECK_STR(strbuf_cstr(&out), "{ .low = -3, .high = 31 }");
	CHECK(!view_capture(&tt, s));
	end();
}
